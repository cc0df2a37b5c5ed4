//! Carrying out a plan: staging what is new, then moving it in, path by path.
//!
//! Must not lose a byte that it did not expect, and must not write outside of the root.
//!
//! How it runs: everything new is first written into a directory of ours on the same mount, so that a full disk
//! changes nothing. Then each path is changed by renames only. What was there is never overwritten: it is
//! exchanged with the new or taken aside, and looked at afterwards; if it is not what the plan found, somebody
//! wrote in that very moment, it goes back, and the path is a late conflict. Every path is reached anew from
//! the root through handles, so a directory that becomes a symbolic link leads nowhere.
//!
//! After a crash everything is done again from the first step. What tells a done step from an open one lies in
//! the staging directory: `new-N` has been moved in when it is gone, the path was taken when `old-N` is there,
//! and an exchange has happened when `new-N` is no longer what was staged.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind},
};

use super::{
    ArchiveError, Conflict, Entry, Landed, OnConflict, RawPath,
    journal::{Done, Record},
    plan::Move,
    reach,
    site::Contents,
};
use crate::os::dirs::{self, Dir, Kind};

/// Up to how many moves count as few.
const FEW: usize = 64;

/// What is done to a path, in one or more of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Takes a file aside.
    Take,
    RemoveDir,
    MakeDir,
    /// Moves the staged file to where nothing is.
    Put,
    /// Exchanges the staged file with what is there.
    Swap,
    /// Sets the permission bits only.
    Mode,
}

/// What came of an act.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// A directory that is not empty stays.
    Kept,
    /// Somebody else was there after the plan was made.
    Late(String),
}

/// A plan in the course of being carried out.
pub(super) struct Work<'a> {
    pub root: &'a Dir,
    pub record: &'a Record,
    /// The name of the staging directories.
    pub holder: &'a str,
    /// Whether an earlier process may have done a part.
    pub is_resumed: bool,
    pub hit: &'a dyn Fn(&str),
    pub exchanges: bool,
    /// Files that could not be put back.
    pub left_aside: Vec<String>,
}

impl Work<'_> {
    /// Writes everything new beside its place and makes it durable. Nothing of the workspace changes.
    pub fn stage(&self, contents: &dyn Contents) -> Result<(), ArchiveError> {
        self.make_holders()?;
        for (number, step) in self.record.moves.iter().enumerate() {
            if acts(step).iter().any(|act| matches!(act, Act::Put | Act::Swap)) {
                self.stage_one(number, step, contents)?;
                (self.hit)("landing.staged_one");
            }
        }
        if self.is_synced_singly() {
            let tops: BTreeSet<_> = self.record.tops.iter().collect();
            return tops.iter().try_for_each(|top| {
                let dir = self.open_top(top.as_ref())?;
                let holder = dir.open_dir(self.holder.as_bytes()).and_then(|holder| holder.sync());
                holder.and_then(|()| dir.sync()).map_err(self.at_holder("sync"))
            });
        }
        self.sync_whole()
    }

    fn make_holders(&self) -> Result<(), ArchiveError> {
        let tops: BTreeSet<_> = self.record.tops.iter().collect();
        for top in &tops {
            let dir = self.open_top(top.as_ref())?;
            match dir.make_dir(self.holder.as_bytes(), 0o700) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(self.at_holder("make")(error)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn stage_one(&self, number: usize, step: &Move, contents: &dyn Contents) -> Result<(), ArchiveError> {
        let (holder, name) = (self.open_holder(number)?, new_name(number));
        let at = |act| ArchiveError::at(&step.path, act);
        match &step.to {
            Some(Entry::File { mode, digest, .. }) => {
                let mut file = holder.create_file(&name).map_err(at("stage"))?;
                contents.write(digest, &mut file)?;
                dirs::set_file_mode(&file, *mode).map_err(at("set the mode of"))?;
                if self.is_synced_singly() {
                    file.sync_all().map_err(at("sync"))?;
                }
            }
            Some(Entry::Symlink { target }) => holder.make_symlink(&name, target).map_err(at("stage"))?,
            Some(Entry::Fifo { mode }) => {
                holder.make_fifo(&name, *mode).map_err(at("stage"))?;
                let fifo = holder.open_file(&name).map_err(at("stage"))?;
                dirs::set_file_mode(&fifo, *mode).map_err(at("set the mode of"))?;
            }
            Some(Entry::Dir { .. } | Entry::Untouched) | None => {}
        }
        Ok(())
    }

    /// Whether each file is made durable by itself: for a few, that is less than all that others have written to
    /// the same file system, which goes with it else.
    fn is_synced_singly(&self) -> bool {
        self.record.moves.len() <= FEW || !cfg!(any(target_os = "linux", target_os = "android"))
    }

    /// Makes durable what lies on the mounts of the staging directories.
    fn sync_whole(&self) -> Result<(), ArchiveError> {
        let tops: BTreeSet<_> = self.record.tops.iter().collect();
        tops.iter().try_for_each(|top| {
            self.open_top(top.as_ref())?.sync_file_system().map(drop).map_err(self.at_holder("sync"))
        })
    }

    /// Makes durable what was moved. A directory that is gone is not among its parent's entries any more.
    fn sync_moved(&self) -> Result<(), ArchiveError> {
        if !self.is_synced_singly() {
            return self.sync_whole();
        }
        let parents: BTreeSet<_> = self.record.moves.iter().map(|step| step.path.parent()).collect();
        parents.iter().try_for_each(|path| match reach::open_dir(self.root, path.as_ref())? {
            Some(dir) => dir.sync().map_err(self.at_holder("sync the directories changed with")),
            None => Ok(()),
        })
    }

    /// Goes through all moves. What cannot be done is in the result; only what may work later is an error.
    pub fn carry_out(&mut self) -> Result<Done, ArchiveError> {
        if self.is_resumed {
            // Somebody may have removed it: what is not done yet is then a conflict, not an error for ever.
            self.make_holders()?;
        }
        self.open_closed_dirs()?;
        let mut outcomes: BTreeMap<usize, Outcome> = BTreeMap::new();
        let mut stopped_by: Option<RawPath> = None;
        let record = self.record;
        for (number, act) in order(&record.moves) {
            let step = &record.moves[number];
            if matches!(outcomes.get(&number), Some(Outcome::Late(_) | Outcome::Kept)) {
                continue;
            }
            // A directory that was made is still to get its mode.
            if let Some(path) = stopped_by.as_ref().filter(|_| act != Act::Mode || !outcomes.contains_key(&number)) {
                if outcomes.contains_key(&number) {
                    self.put_first_half_back(number, step)?;
                }
                outcomes.insert(number, Outcome::Late(format!("not reached: `{path}` stopped it")));
                continue;
            }
            (self.hit)("landing.step");
            let outcome = self.act(number, step, act)?;
            if let Outcome::Late(_) = outcome {
                self.put_first_half_back(number, step)?;
                if record.on_conflict == OnConflict::Refuse {
                    stopped_by = Some(step.path.clone());
                }
            }
            outcomes.insert(number, outcome);
        }
        (self.hit)("landing.stepped");
        self.close_opened_dirs()?;
        self.sync_moved()?;
        Ok(Done::new(summary(record, outcomes), std::mem::take(&mut self.left_aside)))
    }

    fn act(&mut self, number: usize, step: &Move, act: Act) -> Result<Outcome, ArchiveError> {
        let Some(parent) = reach::open_parent(self.root, &step.path)? else {
            let gone = matches!(act, Act::Take | Act::RemoveDir);
            let late = || Outcome::Late("its directory is no directory any more".to_owned());
            return Ok(if gone && step.to.is_none() { Outcome::Done } else { late() });
        };
        let place = Place { parent, name: step.path.name(), number };
        let outcome = match act {
            Act::Take => self.take(&place, step),
            Act::RemoveDir => remove_dir(&place, step),
            Act::MakeDir => make_dir(&place),
            Act::Put => self.put(&place, step),
            Act::Swap => self.swap(&place, step),
            Act::Mode => self.set_mode(&place, step),
        };
        outcome.or_else(|error| match error {
            ArchiveError::Path { source, .. } if is_lasting(&source) => Ok(Outcome::Late(source.to_string())),
            error => Err(error),
        })
    }

    fn take(&mut self, place: &Place<'_>, step: &Move) -> Result<Outcome, ArchiveError> {
        let (holder, old) = (self.open_holder(place.number)?, old_name(place.number));
        let at = |act| ArchiveError::at(&step.path, act);
        if holder.stat(&old).map_err(at("look for"))?.is_none() {
            match place.parent.stat(place.name).map_err(at("look at"))? {
                None => return Ok(Outcome::Done),
                Some(stat) if stat.kind == Kind::Dir => return Ok(Outcome::Late("it is a directory now".to_owned())),
                Some(_) => {}
            }
            // The name `old-N` is ours alone, so nothing can be overwritten by a plain rename.
            match place.parent.rename(place.name, &holder, &old) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Outcome::Done),
                done => done.map_err(at("take"))?,
            }
            (self.hit)("landing.taken");
        }
        if reach::entry_of(&holder, &old).map_err(at("check"))? == step.now {
            return Ok(Outcome::Done);
        }
        self.put_back(place, &holder, &old, step)
    }

    /// Puts back what was not expected.
    fn put_back(&mut self, place: &Place<'_>, holder: &Dir, old: &[u8], step: &Move) -> Result<Outcome, ArchiveError> {
        match put_new(holder, old, &place.parent, place.name) {
            Ok(()) => Ok(Outcome::Late("it was changed in that moment".to_owned())),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let old = String::from_utf8_lossy(old).into_owned();
                let why = format!("it was changed twice in that moment; the first lies in `{}/{old}`", self.holder);
                self.left_aside.push(old);
                Ok(Outcome::Late(why))
            }
            Err(error) => Err(ArchiveError::at(&step.path, "put back")(error)),
        }
    }

    fn put(&self, place: &Place<'_>, step: &Move) -> Result<Outcome, ArchiveError> {
        let (holder, new) = (self.open_holder(place.number)?, new_name(place.number));
        let at = |act| ArchiveError::at(&step.path, act);
        if self.is_resumed && holder.stat(&new).map_err(at("look for"))?.is_none() {
            return is_in_place(place, step);
        }
        match put_new(&holder, &new, &place.parent, place.name) {
            Ok(()) => Ok(Outcome::Done),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Ok(Outcome::Late("something was made here in that moment".to_owned()))
            }
            Err(error) => Err(at("write")(error)),
        }
    }

    fn swap(&mut self, place: &Place<'_>, step: &Move) -> Result<Outcome, ArchiveError> {
        let (holder, new, old) = (self.open_holder(place.number)?, new_name(place.number), old_name(place.number));
        let at = |act| ArchiveError::at(&step.path, act);
        if !self.exchanges || holder.stat(&old).map_err(at("look for"))?.is_some() {
            return self.swap_in_two(place, step);
        }
        let staged =
            if self.is_resumed { reach::entry_of(&holder, &new).map_err(at("check"))? } else { step.to.clone() };
        if staged.is_none() {
            return is_in_place(place, step);
        }
        if staged == step.to {
            match holder.exchange(&new, &place.parent, place.name) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok(Outcome::Late("it was removed in that moment".to_owned()));
                }
                Err(error) if cannot_promise(&error) => return self.swap_in_two(place, step),
                done => done.map_err(at("replace"))?,
            }
            (self.hit)("landing.exchanged");
        }
        if reach::entry_of(&holder, &new).map_err(at("check"))? == step.now {
            return Ok(Outcome::Done);
        }
        holder.exchange(&new, &place.parent, place.name).map_err(at("put back"))?;
        Ok(Outcome::Late("it was changed in that moment".to_owned()))
    }

    /// Replaces where the file system cannot exchange: for a moment nothing is there.
    fn swap_in_two(&mut self, place: &Place<'_>, step: &Move) -> Result<Outcome, ArchiveError> {
        match self.take(place, step)? {
            Outcome::Done => {
                (self.hit)("landing.half_swapped");
                self.put(place, step)
            }
            other @ (Outcome::Kept | Outcome::Late(_)) => Ok(other),
        }
    }

    fn set_mode(&self, place: &Place<'_>, step: &Move) -> Result<Outcome, ArchiveError> {
        let at = |act| ArchiveError::at(&step.path, act);
        let Some(stat) = place.parent.stat(place.name).map_err(at("look at"))? else {
            return Ok(Outcome::Late("it was removed in that moment".to_owned()));
        };
        match (&step.now, &step.to) {
            (now, Some(Entry::Dir { mode })) if stat.kind == Kind::Dir => {
                let opened =
                    self.record.openings.iter().any(|(path, was)| *path == step.path && stat.mode == was | 0o700);
                let expected =
                    !matches!(now, Some(Entry::Dir { mode: was }) if stat.mode != *was && stat.mode != *mode);
                if !expected && !opened {
                    return Ok(Outcome::Late("its mode was changed in that moment".to_owned()));
                }
                let dir = place.parent.open_dir(place.name).map_err(at("open"))?;
                dir.set_mode(*mode).map_err(at("set the mode of"))?;
                if self.is_synced_singly() {
                    dir.sync().map_err(at("sync"))?;
                }
            }
            (Some(Entry::File { mode: was, .. }), Some(Entry::File { mode, .. })) if stat.kind == Kind::File => {
                if stat.mode != *was && stat.mode != *mode {
                    return Ok(Outcome::Late("its mode was changed in that moment".to_owned()));
                }
                let file = place.parent.open_file(place.name).map_err(at("open"))?;
                dirs::set_file_mode(&file, *mode).map_err(at("set the mode of"))?;
                if self.is_synced_singly() {
                    file.sync_all().map_err(at("sync"))?;
                }
            }
            _ => return Ok(Outcome::Late("it became something else in that moment".to_owned())),
        }
        Ok(Outcome::Done)
    }

    /// After a move's second act came too late: what its first act took away comes back.
    fn put_first_half_back(&mut self, number: usize, step: &Move) -> Result<(), ArchiveError> {
        let Some(parent) = reach::open_parent(self.root, &step.path)? else { return Ok(()) };
        match &step.now {
            Some(Entry::Dir { mode }) if !matches!(step.to, Some(Entry::Dir { .. })) => {
                // Where something is, the directory is not needed.
                if parent.make_dir(step.path.name(), 0o700).is_err() {
                    return Ok(());
                }
                let dir = parent.open_dir(step.path.name()).map_err(ArchiveError::at(&step.path, "open"))?;
                dir.set_mode(*mode).map_err(ArchiveError::at(&step.path, "set the mode of"))?;
            }
            Some(_) => {
                let (holder, old) = (self.open_holder(number)?, old_name(number));
                match put_new(&holder, &old, &parent, step.path.name()) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    done => done.map_err(ArchiveError::at(&step.path, "put back"))?,
                }
            }
            None => {}
        }
        Ok(())
    }

    fn open_closed_dirs(&self) -> Result<(), ArchiveError> {
        for (path, mode) in &self.record.openings {
            if let Some(dir) = reach::open_dir(self.root, Some(path))? {
                dir.set_mode(mode | 0o700).map_err(ArchiveError::at(path, "set the mode of"))?;
            }
        }
        Ok(())
    }

    fn close_opened_dirs(&self) -> Result<(), ArchiveError> {
        for (path, mode) in self.record.openings.iter().rev() {
            let Some(dir) = reach::open_dir(self.root, Some(path))? else { continue };
            let at = |error| ArchiveError::at(path, "set the mode of")(error);
            if dir.own_stat().map_err(at)?.mode == mode | 0o700 && !self.gets_a_mode(path) {
                dir.set_mode(*mode).map_err(at)?;
            }
        }
        Ok(())
    }

    /// Whether a move sets the mode of this directory.
    fn gets_a_mode(&self, path: &RawPath) -> bool {
        let found = self.record.moves.binary_search_by(|step| step.path.cmp(path));
        found.is_ok_and(|place| matches!(self.record.moves[place].to, Some(Entry::Dir { .. })))
    }

    /// Removes the staging directories with all that is not needed any more.
    pub fn clear(&self, left_aside: &[String]) -> Result<(), ArchiveError> {
        let tops: BTreeSet<_> = self.record.tops.iter().collect();
        for top in tops {
            let Some(dir) = reach::open_dir(self.root, top.as_ref())? else { continue };
            let Ok(holder) = dir.open_dir(self.holder.as_bytes()) else { continue };
            for (name, _) in holder.names().map_err(self.at_holder("list"))? {
                if !left_aside.iter().any(|left| left.as_bytes() == name) {
                    holder.remove_file(&name).map_err(self.at_holder("clear"))?;
                }
            }
            if left_aside.is_empty() {
                dir.remove_dir(self.holder.as_bytes()).map_err(self.at_holder("remove"))?;
            }
        }
        Ok(())
    }

    fn open_top(&self, top: Option<&RawPath>) -> Result<Dir, ArchiveError> {
        let missing = || self.at_holder("reach the place of")(ErrorKind::NotFound.into());
        reach::open_dir(self.root, top)?.ok_or_else(missing)
    }

    fn open_holder(&self, number: usize) -> Result<Dir, ArchiveError> {
        let top = self.open_top(self.record.tops[number].as_ref())?;
        top.open_dir(self.holder.as_bytes()).map_err(self.at_holder("open"))
    }

    fn at_holder(&self, act: &'static str) -> impl FnOnce(io::Error) -> ArchiveError {
        let path = self.holder.to_owned();
        move |source| ArchiveError::Path { path, act, source }
    }
}

/// A path that was reached.
struct Place<'a> {
    parent: Dir,
    name: &'a [u8],
    number: usize,
}

/// Tells whether what is not staged any more has been moved in by an earlier process.
fn is_in_place(place: &Place<'_>, step: &Move) -> Result<Outcome, ArchiveError> {
    let is = reach::entry_of(&place.parent, place.name).map_err(ArchiveError::at(&step.path, "check"))?;
    let late = || Outcome::Late("it was changed before this could be finished".to_owned());
    Ok(if is == step.to { Outcome::Done } else { late() })
}

fn remove_dir(place: &Place<'_>, step: &Move) -> Result<Outcome, ArchiveError> {
    let Err(error) = place.parent.remove_dir(place.name) else { return Ok(Outcome::Done) };
    Ok(match error.kind() {
        ErrorKind::NotFound => Outcome::Done,
        // A mount point is busy. Some systems say that a full directory exists.
        ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::ResourceBusy => match step.to {
            None => Outcome::Kept,
            Some(_) => Outcome::Late("something was made in it in that moment".to_owned()),
        },
        // After a crash: the file that takes its place is there already.
        ErrorKind::NotADirectory if step.to.is_some() => Outcome::Done,
        ErrorKind::NotADirectory => Outcome::Late("it is no directory any more".to_owned()),
        _ => return Err(ArchiveError::at(&step.path, "remove")(error)),
    })
}

fn make_dir(place: &Place<'_>) -> Result<Outcome, ArchiveError> {
    let path = || String::from_utf8_lossy(place.name).into_owned();
    let at = |source| ArchiveError::Path { path: path(), act: "make", source };
    match place.parent.make_dir(place.name, 0o700) {
        Ok(()) => Ok(Outcome::Done),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let there = place.parent.stat(place.name).map_err(at)?;
            let is_dir = there.is_some_and(|stat| stat.kind == Kind::Dir);
            let late = || Outcome::Late("something was made here in that moment".to_owned());
            Ok(if is_dir { Outcome::Done } else { late() })
        }
        Err(error) => Err(at(error)),
    }
}

/// Moves a file to a name that must be free, as surely as the file system can.
fn put_new(from: &Dir, name: &[u8], to: &Dir, to_name: &[u8]) -> io::Result<()> {
    match from.rename_new(name, to, to_name) {
        Err(error) if cannot_promise(&error) => from.link(name, to, to_name).and_then(|()| from.remove_file(name)),
        done => done,
    }
}

fn cannot_promise(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

/// Whether trying again would fail again.
fn is_lasting(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::CrossesDevices)
}

fn new_name(number: usize) -> Vec<u8> {
    format!("new-{number}").into_bytes()
}

fn old_name(number: usize) -> Vec<u8> {
    format!("old-{number}").into_bytes()
}

fn acts(step: &Move) -> &'static [Act] {
    let is_dir = |entry: &Entry| matches!(entry, Entry::Dir { .. });
    match (&step.now, &step.to) {
        (None, None) => &[],
        (None, Some(to)) if is_dir(to) => &[Act::MakeDir, Act::Mode],
        (None, Some(_)) => &[Act::Put],
        (Some(now), None) if is_dir(now) => &[Act::RemoveDir],
        (Some(_), None) => &[Act::Take],
        (Some(now), Some(to)) => match (is_dir(now), is_dir(to)) {
            (true, true) => &[Act::Mode],
            (true, false) => &[Act::RemoveDir, Act::Put],
            (false, true) => &[Act::Take, Act::MakeDir, Act::Mode],
            (false, false) if differs_in_mode_only(now, to) => &[Act::Mode],
            (false, false) => &[Act::Swap],
        },
    }
}

/// A file that cannot be opened for reading is replaced instead.
fn differs_in_mode_only(now: &Entry, to: &Entry) -> bool {
    match (now, to) {
        (Entry::File { mode, digest: now, .. }, Entry::File { digest: to, .. }) => now == to && mode & 0o400 != 0,
        _ => false,
    }
}

/// Returns all acts in the order that works: removals from the leaves up, then what is made from the root
/// down, then modes from the leaves up, because a directory may be closed by its own.
fn order(moves: &[Move]) -> Vec<(usize, Act)> {
    let all = |moves: &[Move], wanted: &[Act]| -> Vec<(usize, Act)> {
        let numbered = moves.iter().enumerate();
        let acts = numbered.flat_map(|(number, step)| acts(step).iter().map(move |act| (number, *act)));
        acts.filter(|(_, act)| wanted.contains(act)).collect()
    };
    let removals = all(moves, &[Act::Take, Act::RemoveDir]).into_iter().rev();
    let additions = all(moves, &[Act::MakeDir, Act::Put, Act::Swap]);
    let modes = all(moves, &[Act::Mode]).into_iter().rev();
    removals.chain(additions).chain(modes).collect()
}

fn summary(record: &Record, outcomes: BTreeMap<usize, Outcome>) -> Landed {
    let mut landed = Landed { deeds: Vec::new(), ..record.landed.clone() };
    for (number, outcome) in outcomes {
        let step = &record.moves[number];
        match outcome {
            Outcome::Done => landed.deeds.push((step.path.clone(), step.deed)),
            Outcome::Kept => landed.kept_dirs.push(step.path.clone()),
            Outcome::Late(why) => landed.conflicts.push(Conflict { path: step.path.clone(), why }),
        }
    }
    landed.is_done = !landed.deeds.is_empty();
    landed.conflicts.sort_by(|a, b| a.path.cmp(&b.path));
    landed.kept_dirs.sort();
    landed
}
