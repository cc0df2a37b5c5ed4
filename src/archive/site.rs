//! One place to land in, and the order of things there.
//!
//! Must not change a file before the journal is durable. The order is the promise: look and plan, archive what
//! will be replaced, write the journal, stage what is new beside the files, then move it in by renames. A crash
//! at any point leaves either the workspace as it was or a journal that a second call with the same name goes
//! through to the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    ArchiveError, Digest, Entry, How, Landed, Manifest, OnConflict, RawPath, Snapshot, SnapshotName, Turn, Workspace,
    carry_out::Work,
    journal::{Journal, Record},
    plan::{self, Move, Plan, Present},
    reach,
    snapshot::VERSION,
};
use crate::{
    core::{ArchiveScope, Coverage},
    os::{clock, dirs::Dir, files::FileError},
};

/// Where contents are kept.
pub(super) trait Contents {
    fn read(&self, digest: &Digest) -> Result<Vec<u8>, ArchiveError>;
    /// Writes a content into an open file.
    fn write(&self, digest: &Digest, to: &mut File) -> Result<(), ArchiveError>;
    /// Keeps durably what a landing will replace: `now`, and texts that are nowhere yet.
    fn keep(&self, id: &SnapshotName, now: &Manifest, texts: &[Vec<u8>]) -> Result<(), ArchiveError>;
}

impl Contents for Workspace {
    fn read(&self, digest: &Digest) -> Result<Vec<u8>, ArchiveError> {
        self.content(digest)
    }

    fn write(&self, digest: &Digest, to: &mut File) -> Result<(), ArchiveError> {
        self.write_content(digest, to)
    }

    /// As a snapshot of the touched paths alone, so that whoever clears the archive knows what belongs to it.
    fn keep(&self, id: &SnapshotName, now: &Manifest, texts: &[Vec<u8>]) -> Result<(), ArchiveError> {
        // Nothing may be removed between the contents and the record that names them.
        let _lock = self.lock_shared(&mut || true)?;
        let manifest = self.keep_manifest(now)?;
        // Packs are named by what they are for: a second call after a crash may have to keep something else.
        let pack = |what: &str, content: &Digest| own_name(&format!("{id}.{what}-{}", &content.to_string()[..8]));
        // What a plan expected may have been looked at only, never archived.
        self.forget_library();
        let library = self.library()?;
        let is_new = |path: &RawPath| matches!(now.get(path), Some(Entry::File { digest, .. }) if !library.has(digest));
        let all = now.entries().iter().map(|(path, _)| path);
        let foreign: Vec<RawPath> = all.filter(|path| is_new(path)).cloned().collect();
        if !foreign.is_empty() {
            Self::keep(self, &pack("now", &manifest)?, &foreign)?;
        }
        if !texts.is_empty() {
            let all = texts.iter().map(|text| Digest::of(text).0).collect::<Vec<_>>().concat();
            self.add(&pack("texts", &Digest::of(&all))?, texts)?;
        }
        let mut coverage = Coverage::default();
        for (_, entry) in now.entries() {
            if let Entry::File { size, .. } = entry {
                (coverage.covered_files, coverage.covered_bytes) =
                    (coverage.covered_files + 1, coverage.covered_bytes + size);
            }
        }
        let scope = ArchiveScope::Paths(now.entries().iter().map(|(path, _)| path.to_string()).collect());
        self.record(&Snapshot {
            v: VERSION,
            name: own_name(&format!("{id}.now"))?,
            root: self.root().to_owned(),
            taken_at: clock::now(),
            took: Duration::ZERO.into(),
            scope,
            manifest,
            coverage,
            git: None,
            late: false,
        })
    }
}

fn own_name(text: &str) -> Result<SnapshotName, ArchiveError> {
    text.parse().map_err(|message| ArchiveError::Forbidden { message })
}

/// How often a plan is made anew because something changed while it was made.
const TRIES: u32 = 5;

/// One place to land in.
pub(super) struct Site<'a> {
    pub root: &'a Utf8Path,
    /// Where its journals are.
    pub undo: Utf8PathBuf,
    pub contents: &'a dyn Contents,
    /// Told of every point at which a crash would leave something else.
    pub hit: &'a dyn Fn(&str),
    /// Whether to try to exchange files, which not every file system can.
    pub exchanges: bool,
}

impl Site<'_> {
    pub fn land(&self, id: &SnapshotName, turns: &[Turn], how: How) -> Result<Landed, ArchiveError> {
        let (journal, holder) = (Journal::at(&self.undo, id), holder_of(id));
        let root = self.open_root()?;
        if how.dry_run {
            return Ok(self.plan(&root, turns, how)?.landed);
        }
        if let Some(record) = journal.record()? {
            if let Some(done) = journal.done()? {
                self.work(&root, &record, &holder).clear(&done.left_aside)?;
                return Ok(done.landed);
            }
            if journal.is_staged() {
                return self.finish(&journal, Work { is_resumed: true, ..self.work(&root, &record, &holder) });
            }
            // Nothing of the workspace has changed yet.
            self.work(&root, &record, &holder).clear(&[])?;
        }
        journal.abandon()?;
        self.begin(&journal, id, &root, turns, how)
    }

    fn begin(
        &self,
        journal: &Journal,
        id: &SnapshotName,
        root: &Dir,
        turns: &[Turn],
        how: How,
    ) -> Result<Landed, ArchiveError> {
        let plan = self.plan(root, turns, how)?;
        let is_refused = how.on_conflict == OnConflict::Refuse && !plan.landed.conflicts.is_empty();
        if is_refused || plan.moves.is_empty() {
            return Ok(plan.landed);
        }
        (self.hit)("landing.planned");
        self.keep_what_goes(id, &plan)?;
        (self.hit)("landing.archived");
        let mut record = Record::new(clock::now(), how.on_conflict, plan.moves, plan.landed);
        record.tops = tops(root, &record.moves)?;
        record.openings = openings(root, &record.moves)?;
        journal.begin(&record)?;
        (self.hit)("landing.journaled");
        let holder = holder_of(id);
        let work = self.work(root, &record, &holder);
        if let Err(error) = work.stage(self.contents) {
            // Best effort: the workspace is as it was, and a later call clears what stays.
            let _ = work.clear(&[]).and_then(|()| journal.abandon());
            return Err(error);
        }
        (self.hit)("landing.synced");
        journal.mark_staged()?;
        (self.hit)("landing.staged");
        self.finish(journal, work)
    }

    fn finish(&self, journal: &Journal, mut work: Work<'_>) -> Result<Landed, ArchiveError> {
        let done = work.carry_out()?;
        (self.hit)("landing.carried_out");
        journal.finish(&done)?;
        (self.hit)("landing.done");
        work.clear(&done.left_aside)?;
        (self.hit)("landing.cleared");
        Ok(done.landed)
    }

    fn work<'b>(&'b self, root: &'b Dir, record: &'b Record, holder: &'b str) -> Work<'b> {
        let (hit, exchanges) = (self.hit, self.exchanges);
        Work { root, record, holder, is_resumed: false, hit, exchanges, left_aside: Vec::new() }
    }

    fn open_root(&self) -> Result<Dir, ArchiveError> {
        Ok(Dir::open_root(self.root.as_std_path()).map_err(FileError::at(self.root, "open"))?)
    }

    /// Makes the plan; anew when a text changed between the look and the reading.
    fn plan(&self, root: &Dir, turns: &[Turn], how: How) -> Result<Plan, ArchiveError> {
        let mut tries = 0;
        loop {
            let mut moved_on = false;
            let mut texts = |path: &RawPath, [base, ours, theirs]: [&Digest; 3]| {
                let now = read_now(root, path)?;
                moved_on |= Digest::of(&now) != *ours;
                Ok([self.contents.read(base)?, now, self.contents.read(theirs)?])
            };
            let plan = plan::plan(turns, &look(root, turns)?, how, &mut texts)?;
            tries += 1;
            if !moved_on || tries == TRIES {
                return Ok(plan);
            }
        }
    }

    /// Archives what is not in the archive yet: merged texts, and what somebody else wrote and will be replaced.
    fn keep_what_goes(&self, id: &SnapshotName, plan: &Plan) -> Result<(), ArchiveError> {
        let there = plan.moves.iter().filter_map(|step| Some((step.path.clone(), step.now.clone()?)));
        self.contents.keep(id, &Manifest::new(there.collect()), &plan.texts)
    }
}

/// The name of a landing's staging directories: not archived, not easily met.
fn holder_of(id: &SnapshotName) -> String {
    format!(".mgr-landing-{}", &Digest::of(id.to_string().as_bytes()).to_string()[..12])
}

/// Reads what a plan needs to know.
fn look(root: &Dir, turns: &[Turn]) -> Result<Present, ArchiveError> {
    let mut present = Present::default();
    for turn in turns {
        for above in std::iter::successors(turn.path.parent(), RawPath::parent) {
            if present.entries.contains_key(&above) {
                break;
            }
            look_at(root, &above, &mut present)?;
        }
        if !present.entries.contains_key(&turn.path) {
            look_at(root, &turn.path, &mut present)?;
        }
        let may_go = !matches!(turn.to, Some(Entry::Dir { .. }));
        if may_go && matches!(present.entries.get(&turn.path), Some(Entry::Dir { .. })) {
            let names = reach::open_dir(root, Some(&turn.path))?.map_or(Ok(Vec::new()), |dir| dir.names());
            let names = names.map_err(ArchiveError::at(&turn.path, "list"))?;
            let children = names.iter().map(|(name, _)| turn.path.join(name)).collect();
            present.children.insert(turn.path.clone(), children);
        }
    }
    Ok(present)
}

fn look_at(root: &Dir, path: &RawPath, present: &mut Present) -> Result<(), ArchiveError> {
    let Some(parent) = reach::open_parent(root, path)? else { return Ok(()) };
    if let Some(entry) = reach::entry_of(&parent, path.name()).map_err(ArchiveError::at(path, "read"))? {
        present.entries.insert(path.clone(), entry);
    }
    Ok(())
}

/// Reads a file as it is now; what is gone meanwhile reads as empty and is noticed by its digest.
fn read_now(root: &Dir, path: &RawPath) -> Result<Vec<u8>, ArchiveError> {
    let mut content = Vec::new();
    let Some(parent) = reach::open_parent(root, path)? else { return Ok(content) };
    match parent.open_file(path.name()) {
        Ok(mut file) => file.read_to_end(&mut content).map_err(ArchiveError::at(path, "read"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(ArchiveError::at(path, "read")(error)),
    };
    Ok(content)
}

/// Returns for each move the highest directory above it that lies on the same mount: files can only be moved
/// within one. A directory that is yet to be made lies where the nearest one above it does.
fn tops(root: &Dir, moves: &[Move]) -> Result<Vec<Option<RawPath>>, ArchiveError> {
    let (mut mounts, mut known) = (BTreeMap::new(), BTreeMap::new());
    let mut tops = Vec::with_capacity(moves.len());
    for step in moves {
        let parent = step.path.parent();
        let top = match known.get(&parent) {
            Some(top) => Option::clone(top),
            None => top_of(root, parent.clone(), &mut mounts)?,
        };
        known.insert(parent, top.clone());
        tops.push(top);
    }
    Ok(tops)
}

fn top_of(
    root: &Dir,
    mut top: Option<RawPath>,
    mounts: &mut BTreeMap<Option<RawPath>, u64>,
) -> Result<Option<RawPath>, ArchiveError> {
    let own = nearest_mount(root, top.clone(), mounts)?;
    while let Some(path) = &top {
        let is_there = reach::open_dir(root, Some(path))?.is_some();
        if is_there && nearest_mount(root, path.parent(), mounts)? != own {
            break;
        }
        top = path.parent();
    }
    Ok(top)
}

fn nearest_mount(
    root: &Dir,
    path: Option<RawPath>,
    known: &mut BTreeMap<Option<RawPath>, u64>,
) -> Result<u64, ArchiveError> {
    if let Some(mount) = known.get(&path) {
        return Ok(*mount);
    }
    let at = |source| ArchiveError::Path { path: ".".to_owned(), act: "look at the mount of", source };
    let mount = match (reach::open_dir(root, path.as_ref())?, &path) {
        (Some(dir), _) => dir.mount().map_err(at)?,
        (None, Some(missing)) => nearest_mount(root, missing.parent(), known)?,
        (None, None) => return Err(at(io::ErrorKind::NotFound.into())),
    };
    known.insert(path, mount);
    Ok(mount)
}

/// Returns the directories in which something changes and which their owner may not write in, with their modes.
fn openings(root: &Dir, moves: &[Move]) -> Result<Vec<(RawPath, u32)>, ArchiveError> {
    let parents: BTreeSet<RawPath> = moves.iter().filter_map(|step| step.path.parent()).collect();
    let mut openings = Vec::new();
    for path in parents {
        let Some(dir) = reach::open_dir(root, Some(&path))? else { continue };
        let mode = dir.own_stat().map_err(ArchiveError::at(&path, "look at"))?.mode;
        if mode & 0o300 != 0o300 {
            openings.push((path, mode));
        }
    }
    Ok(openings)
}
