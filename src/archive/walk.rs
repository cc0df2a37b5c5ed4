//! Looking at everything in a workspace, by several threads.
//!
//! Changes nothing in the workspace and follows no link. Each directory is opened beneath its parent's handle; its
//! entries are looked at once; files whose stat the cache knows are done with that, the others are read in batches.
//! What vanishes while we look was not there. A file that changes while it is read is read again; in the end the
//! bytes that were read count, and the cache does not learn of them.

use std::{
    fs::File,
    io::{self, Read, Seek},
    sync::{Arc, OnceLock},
};

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    ArchiveError, Digest, Entry, Manifest, RawPath,
    cache::{DirCache, Stamp, StatCache},
    crew::{self, Job, Pace, Queue},
    meter::{Meter, readable},
    pack::{Large, Library, PART, PackWriter, Packer},
    rules::{Present, Rules},
};
use crate::{
    core::{ArchiveScope, Coverage, Timestamp},
    os::{
        dirs::{self, Dir, Kind, Stat},
        files::{self, FileError},
    },
};

/// Files are read in batches of so many.
const BATCH: usize = 16;
/// How often a file that changes under our eyes is read.
const TRIES: usize = 3;
/// The free space is looked at again after so many written bytes.
const LOOK_AGAIN: u64 = 64 << 20;
/// The staging of landings at the root is no work of anybody.
const OURS: &[u8] = b".mgr-landing-";

/// What to do with files.
pub(super) enum Reading<'a> {
    /// Only count them.
    Nothing,
    Digests,
    Contents {
        pack: &'a PackWriter,
        shelf: &'a Shelf,
    },
}

/// The contents that the archive has, looked up only when one is not known from the cache.
pub(super) struct Shelf {
    dir: Utf8PathBuf,
    library: OnceLock<Library>,
}

impl Shelf {
    pub(super) fn new(dir: &Utf8Path) -> Self {
        Self { dir: dir.to_owned(), library: OnceLock::new() }
    }

    fn has(&self, digest: &Digest) -> Result<bool, FileError> {
        if let Some(library) = self.library.get() {
            return Ok(library.has(digest));
        }
        let library = Library::open(&self.dir)?;
        Ok(self.library.get_or_init(|| library).has(digest))
    }
}

/// A look at a workspace.
pub(super) struct Walk<'a> {
    pub(super) root: &'a Utf8Path,
    pub(super) scope: &'a ArchiveScope,
    pub(super) meter: Meter,
    /// The rules at the root, and what the root is called from their top.
    pub(super) above: (Rules, Vec<u8>),
    /// Directories (device, inode) that are mgr's own.
    pub(super) own: Vec<(u64, u64)>,
    /// What was covered before is covered, whatever the rules say now.
    pub(super) covered: Option<&'a Manifest>,
    pub(super) reading: Reading<'a>,
    pub(super) cache: &'a StatCache,
    pub(super) began: Timestamp,
}

/// A path with what is there.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) path: RawPath,
    pub(super) entry: Entry,
    /// Where the cache may learn of it.
    pub(super) stamp: Option<Stamp>,
}

/// What was seen.
#[derive(Default)]
pub(super) struct Seen {
    /// Sorted by path.
    pub(super) rows: Vec<Row>,
    pub(super) coverage: Coverage,
    /// So many files the cache knew.
    pub(super) known: u64,
}

impl Seen {
    pub(super) fn into_manifest(self) -> Manifest {
        Manifest::new(self.rows.into_iter().map(|row| (row.path, row.entry)).collect())
    }
}

/// A step of the walk.
enum Step {
    Root {
        dir: Arc<Dir>,
        is_chosen: bool,
    },
    /// Rules are absent where everything counts: the caller has chosen it by name.
    Dir {
        parent: Arc<Dir>,
        path: RawPath,
        rules: Option<Rules>,
    },
    /// An entry that counts whatever the rules say.
    One {
        dir: Arc<Dir>,
        path: RawPath,
    },
    Files {
        dir: Arc<Dir>,
        files: Vec<(RawPath, Stat)>,
    },
}

impl Job for Step {
    fn weight(&self) -> usize {
        match self {
            Self::Root { .. } | Self::Dir { .. } | Self::One { .. } => 1,
            Self::Files { files, .. } => files.len(),
        }
    }
}

/// What one thread has seen.
struct Hand<'a> {
    rows: Vec<Row>,
    left_out: Vec<(RawPath, String)>,
    known: u64,
    packer: Option<Packer<'a>>,
    /// At how many written bytes the free space is looked at.
    look_again: u64,
    buffer: Vec<u8>,
}

impl Hand<'_> {
    fn row(&mut self, path: RawPath, entry: Entry) {
        self.rows.push(Row { path, entry, stamp: None });
    }

    fn leave_out(&mut self, path: RawPath, why: impl Into<String>) {
        self.left_out.push((path.clone(), why.into()));
        self.row(path, Entry::Untouched);
    }
}

/// A directory that is being looked at.
struct Here<'a> {
    dir: Arc<Dir>,
    rules: Option<Rules>,
    cache: DirCache<'a>,
    /// Files to be read.
    files: Vec<(RawPath, Stat)>,
    steps: Vec<Step>,
}

impl Here<'_> {
    fn plain(dir: &Arc<Dir>) -> Self {
        Self { dir: Arc::clone(dir), rules: None, cache: DirCache::default(), files: Vec::new(), steps: Vec::new() }
    }

    fn into_steps(mut self) -> Vec<Step> {
        let mut files = self.files.into_iter().peekable();
        while files.peek().is_some() {
            let files = files.by_ref().take(BATCH).collect();
            self.steps.push(Step::Files { dir: Arc::clone(&self.dir), files });
        }
        self.steps
    }
}

impl<'a> Walk<'a> {
    /// Looks at all of it. What was seen until an error is returned too.
    pub(super) fn run(&self, go_on: &mut dyn FnMut() -> bool) -> (Seen, Result<(), ArchiveError>) {
        let (steps, rows) = match self.seeds() {
            Ok(seeds) => seeds,
            Err(error) => return (Seen::default(), Err(error)),
        };
        let new_hand = || Hand {
            rows: Vec::new(),
            left_out: Vec::new(),
            known: 0,
            packer: match self.reading {
                Reading::Contents { pack, .. } => Some(Packer::new(pack)),
                Reading::Nothing | Reading::Digests => None,
            },
            look_again: LOOK_AGAIN,
            buffer: Vec::new(),
        };
        let (hands, done) =
            crew::work(steps, go_on, &new_hand, &|hand, step, queue, pace| self.step(hand, step, queue, pace));
        self.gather(rows, hands, done)
    }

    fn gather(
        &self,
        mut rows: Vec<Row>,
        hands: Vec<Hand<'a>>,
        mut done: Result<(), ArchiveError>,
    ) -> (Seen, Result<(), ArchiveError>) {
        let (mut left_out, mut known) = (Vec::new(), 0);
        for hand in hands {
            rows.extend(hand.rows);
            left_out.extend(hand.left_out);
            known += hand.known;
            if let (Ok(()), Some(packer)) = (&done, hand.packer) {
                done = packer.close().map_err(Into::into);
            }
        }
        rows.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        left_out.sort_unstable();
        let mut coverage =
            Coverage { covered_files: self.meter.files(), covered_bytes: self.meter.bytes(), ..Coverage::default() };
        left_out.into_iter().for_each(|(path, why)| coverage.leave_out(path.to_string(), why));
        (Seen { rows, coverage, known }, done)
    }

    /// Returns where to begin, and the directories on the way there.
    fn seeds(&self) -> Result<(Vec<Step>, Vec<Row>), ArchiveError> {
        let failed =
            |error| ArchiveError::Path { path: self.root.to_string(), act: "read the directory", source: error };
        let root = Arc::new(Dir::open_root(self.root.as_std_path()).map_err(failed)?);
        let (mut steps, mut rows) = (Vec::new(), Vec::new());
        match self.scope {
            ArchiveScope::All => steps.push(Step::Root { dir: root, is_chosen: false }),
            ArchiveScope::Off => {}
            ArchiveScope::Paths(paths) => match chosen(paths)? {
                None => steps.push(Step::Root { dir: root, is_chosen: true }),
                Some(paths) => {
                    for path in paths {
                        let dir = way_to(&root, &path, &mut rows)?;
                        steps.extend(dir.map(|dir| Step::One { dir, path }));
                    }
                }
            },
        }
        rows.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        rows.dedup_by(|a, b| a.path == b.path);
        Ok((steps, rows))
    }

    fn step(
        &self,
        hand: &mut Hand<'a>,
        step: Step,
        queue: &Queue<Step>,
        pace: &mut Pace<'_>,
    ) -> Result<(), ArchiveError> {
        let steps = match step {
            Step::Root { dir, is_chosen } => {
                let rules = (!is_chosen).then(|| self.above.0.clone());
                self.list(hand, dir, None, rules, pace)?
            }
            Step::Dir { parent, path, rules } => self.open(hand, &parent, path, rules, pace)?,
            Step::One { dir, path } => {
                let mut here = Here::plain(&dir);
                self.see(hand, &mut here, path, None)?;
                here.into_steps()
            }
            Step::Files { dir, files } => self.read_all(hand, &dir, files, pace)?,
        };
        if !steps.is_empty() {
            queue.push(steps);
        }
        Ok(())
    }

    fn open(
        &self,
        hand: &mut Hand<'a>,
        parent: &Arc<Dir>,
        path: RawPath,
        rules: Option<Rules>,
        pace: &mut Pace<'_>,
    ) -> Result<Vec<Step>, ArchiveError> {
        let dir = match parent.open_dir(path.name()) {
            Ok(dir) => dir,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            // Something else has taken its place meanwhile.
            Err(error) if dirs::is_other_kind(&error) => return Ok(vec![Step::One { dir: Arc::clone(parent), path }]),
            Err(error) => return Err(ArchiveError::at(&path, "open the directory")(error)),
        };
        let stat = dir.own_stat().map_err(ArchiveError::at(&path, "look at"))?;
        if self.own.contains(&(stat.device, stat.inode)) {
            hand.leave_out(path, "the archive of mgr itself");
            return Ok(Vec::new());
        }
        let steps = self.list(hand, Arc::new(dir), Some(&path), rules, pace)?;
        hand.row(path, Entry::Dir { mode: stat.mode });
        Ok(steps)
    }

    /// Looks at the entries of a directory; `None` is the root.
    fn list(
        &self,
        hand: &mut Hand<'a>,
        dir: Arc<Dir>,
        path: Option<&RawPath>,
        rules: Option<Rules>,
        pace: &mut Pace<'_>,
    ) -> Result<Vec<Step>, ArchiveError> {
        let names = match dir.names() {
            Ok(names) => names,
            // Removed after it was opened.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                let shown = path.map_or_else(|| self.root.to_string(), ToString::to_string);
                return Err(ArchiveError::Path { path: shown, act: "read the directory", source: error });
            }
        };
        let mut present = Present::default();
        names.iter().for_each(|(name, _)| present.note(name));
        // The root's own repository was looked at from above. A copy has no `.git`, and the same rules.
        present.repository |= path.is_some_and(|path| self.is_covered(&path.join(b".git"), |_| true));
        present.repository &= path.is_some();
        let skip = self.above.1.len() + path.map_or(0, |path| path.as_bytes().len() + 1);
        let rules = rules.map(|rules| rules.enter(&dir, skip, present));
        let cache = self.cache.dir(path.map_or(&[], RawPath::as_bytes));
        let mut here = Here { dir, rules, cache, files: Vec::new(), steps: Vec::new() };
        for (name, kind) in names {
            pace.check()?;
            if path.is_some() || !name.starts_with(OURS) {
                self.see(hand, &mut here, RawPath::listed(path, &name), kind)?;
            }
        }
        Ok(here.into_steps())
    }

    /// Looks at one entry.
    fn see(
        &self,
        hand: &mut Hand<'a>,
        here: &mut Here<'_>,
        path: RawPath,
        kind: Option<Kind>,
    ) -> Result<(), ArchiveError> {
        if path.name() == b".git" {
            hand.leave_out(path, "the repository's history; its refs are compared");
            return Ok(());
        }
        let stat = match kind {
            Some(Kind::Dir | Kind::Symlink | Kind::Socket | Kind::Device) => None,
            Some(Kind::File | Kind::Fifo) | None => {
                let found = here.dir.stat(path.name()).map_err(ArchiveError::at(&path, "look at"))?;
                let Some(stat) = found else { return Ok(()) };
                Some(stat)
            }
        };
        match (stat.map(|stat| stat.kind).or(kind), stat) {
            (Some(Kind::File), Some(stat)) => return self.see_file(hand, here, path, stat),
            (Some(Kind::Fifo), Some(stat)) => hand.row(path, Entry::Fifo { mode: stat.mode }),
            (Some(Kind::Dir), _) if self.is_ignored(here, &path, true) => hand.leave_out(path, "an ignored directory"),
            (Some(Kind::Dir), _) => {
                here.steps.push(Step::Dir { parent: Arc::clone(&here.dir), path, rules: here.rules.clone() });
            }
            (Some(Kind::Symlink), _) => return see_link(hand, here, path),
            (Some(Kind::Socket), _) => hand.leave_out(path, "a socket"),
            (Some(Kind::Device), _) => hand.leave_out(path, "a device"),
            (Some(Kind::File | Kind::Fifo) | None, _) => {}
        }
        Ok(())
    }

    fn see_file(
        &self,
        hand: &mut Hand<'a>,
        here: &mut Here<'_>,
        path: RawPath,
        stat: Stat,
    ) -> Result<(), ArchiveError> {
        let small = self.meter.limits().small_ignored;
        if stat.size > small.0 && self.is_ignored(here, &path, false) {
            hand.leave_out(
                path,
                format!("an ignored file with more than {} (`archive_small_ignored`)", readable(small)),
            );
            return Ok(());
        }
        self.meter.count(&path, stat.size)?;
        if matches!(self.reading, Reading::Nothing) {
            return Ok(());
        }
        let stamp = Stamp::of(&stat);
        match stamp.and_then(|stamp| here.cache.find(path.name(), &stamp)) {
            Some(digest) => {
                hand.known += 1;
                let entry = Entry::File { mode: stat.mode, size: stat.size, digest };
                hand.rows.push(Row { path, entry, stamp });
            }
            None => here.files.push((path, stat)),
        }
        Ok(())
    }

    fn is_ignored(&self, here: &Here<'_>, path: &RawPath, is_dir: bool) -> bool {
        let Some(rules) = &here.rules else { return false };
        let ignored = if self.above.1.is_empty() {
            rules.ignore(path.as_bytes(), is_dir)
        } else {
            rules.ignore(&[&self.above.1, path.as_bytes()].concat(), is_dir)
        };
        ignored && !self.is_covered(path, |entry| *entry != Entry::Untouched)
    }

    fn is_covered(&self, path: &RawPath, is_it: impl Fn(&Entry) -> bool) -> bool {
        self.covered.and_then(|covered| covered.get(path)).is_some_and(is_it)
    }

    fn read_all(
        &self,
        hand: &mut Hand<'a>,
        dir: &Arc<Dir>,
        files: Vec<(RawPath, Stat)>,
        pace: &mut Pace<'_>,
    ) -> Result<Vec<Step>, ArchiveError> {
        let mut others = Vec::new();
        for (path, stat) in files {
            pace.check()?;
            match self.read(hand, dir, &path, stat, pace)? {
                Outcome::File(entry, stamp) => hand.rows.push(Row { path, entry, stamp }),
                Outcome::Gone => {}
                Outcome::Other => others.push(Step::One { dir: Arc::clone(dir), path }),
            }
            self.look_at_room(hand)?;
        }
        Ok(others)
    }

    /// The floor holds while we write, too.
    fn look_at_room(&self, hand: &mut Hand<'_>) -> Result<(), ArchiveError> {
        let Reading::Contents { pack, .. } = &self.reading else { return Ok(()) };
        if pack.bytes() < hand.look_again {
            return Ok(());
        }
        hand.look_again = pack.bytes() + LOOK_AGAIN;
        self.meter.check_free(files::free_space(pack.dir()))
    }

    fn read(
        &self,
        hand: &mut Hand<'a>,
        dir: &Dir,
        path: &RawPath,
        mut stat: Stat,
        pace: &mut Pace<'_>,
    ) -> Result<Outcome, ArchiveError> {
        for attempt in 1.. {
            let mut file = match dir.open_file(path.name()) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Outcome::Gone),
                Err(error) if dirs::is_other_kind(&error) => return Ok(Outcome::Other),
                Err(error) => return Err(ArchiveError::at(path, "read")(error)),
            };
            let content = match self.content(hand, &mut file, path, stat.size, pace) {
                // A directory can be opened like a file; reading it tells.
                Err(ArchiveError::Path { source, .. }) if dirs::is_other_kind(&source) => return Ok(Outcome::Other),
                content => content?,
            };
            let after = dirs::file_stat(&file).map_err(ArchiveError::at(path, "look at"))?;
            if after.kind != Kind::File {
                return Ok(Outcome::Other);
            }
            let is_steady = after == stat && content.size == stat.size;
            if is_steady || attempt == TRIES {
                let stamp = Stamp::of(&after).filter(|stamp| is_steady && stamp.is_safe(self.began));
                let entry = Entry::File { mode: after.mode, size: content.size, digest: content.digest };
                return Ok(Outcome::File(entry, stamp));
            }
            self.meter.check_size(path, after.size)?;
            stat = after;
        }
        Ok(Outcome::Gone)
    }

    /// Reads at most `size` bytes, so that a file that grows as fast as it is read has an end.
    fn content(
        &self,
        hand: &mut Hand<'a>,
        file: &mut File,
        path: &RawPath,
        size: u64,
        pace: &mut Pace<'_>,
    ) -> Result<Content, ArchiveError> {
        let failed = || ArchiveError::at(path, "read");
        if size <= PART as u64 {
            let length = fill(file, &mut hand.buffer, size).map_err(failed())?;
            let content = &hand.buffer[..length];
            let digest = Digest::of(content);
            if let (Reading::Contents { pack, shelf }, Some(packer)) = (&self.reading, &mut hand.packer)
                && pack.claim(&digest)
                && !shelf.has(&digest)?
            {
                packer.put(digest, content)?;
            }
            return Ok(Content { digest, size: length as u64 });
        }
        let content = parts(file, &mut hand.buffer, size, path, pace, &mut |_| Ok(()))?;
        match (&self.reading, &mut hand.packer) {
            // It is not claimed before it is written: it may change until then, and another file with this
            // content would have trusted us.
            (Reading::Contents { pack, shelf }, Some(packer))
                if !pack.has(&content.digest) && !shelf.has(&content.digest)? =>
            {
                file.rewind().map_err(failed())?;
                let mut large = Large::default();
                let mut put = |part: &[u8]| Ok(packer.put_part(&mut large, part)?);
                let content = parts(file, &mut hand.buffer, size, path, pace, &mut put)?;
                packer.end_large(large, content.digest)?;
                Ok(content)
            }
            _ => Ok(content),
        }
    }
}

/// How reading a file ended.
enum Outcome {
    File(Entry, Option<Stamp>),
    Gone,
    /// Something else is in its place.
    Other,
}

struct Content {
    digest: Digest,
    size: u64,
}

fn see_link(hand: &mut Hand<'_>, here: &mut Here<'_>, path: RawPath) -> Result<(), ArchiveError> {
    match here.dir.read_link(path.name()) {
        Ok(target) => hand.row(path, Entry::Symlink { target }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            here.steps.push(Step::One { dir: Arc::clone(&here.dir), path });
        }
        Err(error) => return Err(ArchiveError::at(&path, "read the link")(error)),
    }
    Ok(())
}

/// Reads a file in parts.
fn parts(
    file: &mut File,
    buffer: &mut Vec<u8>,
    size: u64,
    path: &RawPath,
    pace: &mut Pace<'_>,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), ArchiveError>,
) -> Result<Content, ArchiveError> {
    let (mut hasher, mut left) = (blake3::Hasher::new(), size);
    while left > 0 {
        pace.check()?;
        let length = fill(file, buffer, left.min(PART as u64)).map_err(ArchiveError::at(path, "read"))?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
        sink(&buffer[..length])?;
        left -= length as u64;
    }
    Ok(Content { digest: Digest(*hasher.finalize().as_bytes()), size: size - left })
}

/// Reads so many bytes into the buffer, less only at the end of the file. Returns how many are in it: the buffer
/// itself only grows, so that it is not cleared for each file.
fn fill(file: &mut File, buffer: &mut Vec<u8>, size: u64) -> io::Result<usize> {
    let size = usize::try_from(size).unwrap_or(PART);
    if buffer.len() < size {
        buffer.resize(size, 0);
    }
    let mut filled = 0;
    while filled < size {
        match file.read(&mut buffer[filled..size]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Returns the chosen paths without those that lie in others; `None` when the root itself is chosen.
fn chosen(paths: &[String]) -> Result<Option<Vec<RawPath>>, ArchiveError> {
    let mut all = Vec::new();
    for path in paths {
        let parts = path.as_bytes().split(|byte| *byte == b'/');
        let parts: Vec<&[u8]> = parts.filter(|part| !part.is_empty() && *part != b".").collect();
        if parts.is_empty() {
            return Ok(None);
        }
        // Nothing in a repository's history is archived, however it is called.
        let end = parts.iter().position(|part| *part == b".git").map_or(parts.len(), |git| git + 1);
        let leads_out = || ArchiveError::Forbidden { message: format!("`{path}` leads out of the workspace") };
        all.push(RawPath::new(parts[..end].join(&b'/')).ok_or_else(leads_out)?);
    }
    all.sort();
    all.dedup();
    let is_inner = |path: &RawPath| all.iter().any(|other| other != path && path.is_in(other));
    Ok(Some(all.iter().filter(|path| !is_inner(path)).cloned().collect()))
}

/// Returns the directory that a path lies in, noting those on the way; `None` where there is none.
fn way_to(root: &Arc<Dir>, path: &RawPath, rows: &mut Vec<Row>) -> Result<Option<Arc<Dir>>, ArchiveError> {
    let mut dir = Arc::clone(root);
    let mut parents: Vec<_> = std::iter::successors(path.parent(), RawPath::parent).collect();
    while let Some(parent) = parents.pop() {
        match dir.open_dir(parent.name()) {
            Ok(next) => dir = Arc::new(next),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ArchiveError::at(&parent, "open the directory")(error)),
        }
        let stat = dir.own_stat().map_err(ArchiveError::at(&parent, "look at"))?;
        rows.push(Row { path: parent, entry: Entry::Dir { mode: stat.mode }, stamp: None });
    }
    Ok(Some(dir))
}
