//! Removing from a workspace's archive what nobody needs any more.
//!
//! Must not remove what was not named, nor anything that what stays needs. It is told what goes, not what
//! stays: a snapshot that is taken meanwhile is never among it.
//!
//! All of it happens while nobody else uses the archive. What stays is read first, so that a damaged archive
//! is left as it is. Then the records go, and are durably gone before the first content is: a crash at any
//! point leaves contents without a record, never a record without its contents. Deleting comes before
//! rewriting, because the disk may be full.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs,
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    ArchiveError, Digest, Entry, Manifest, Snapshot, SnapshotName, Workspace,
    pack::{self, PackInfo},
};
use crate::os::{
    clock,
    dirs::Dir,
    failpoint,
    files::{self, FileError},
};

/// The disk keeps this much when a pack is rewritten.
const ROOM: u64 = 50 << 20;
/// A landing archives what it replaces before its journal says so: such a pack is younger than this.
const LANDING: Duration = Duration::from_secs(3600);

/// What goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Going {
    pub snapshots: BTreeSet<SnapshotName>,
    /// Finished journals; an unfinished one never goes.
    pub journals: BTreeSet<SnapshotName>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    Freed(u64),
    /// Somebody uses the archive: nothing was removed.
    InUse,
}

/// What the records that stay need.
struct Needed {
    manifests: BTreeSet<Digest>,
    contents: HashSet<Digest>,
    records: usize,
}

/// What becomes of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    /// Less than half of it is needed: so many bytes.
    Shrinks(u64),
}

impl Workspace {
    /// Returns what the archive takes on the disk.
    pub fn stored_bytes(&self) -> u64 {
        size_of(self.dir())
    }

    /// Returns a journal that was begun and not finished, of those whose names begin with `head` and a dot.
    ///
    /// # Errors
    /// The journals cannot be read.
    pub fn unfinished_of(&self, head: &str) -> Result<Option<SnapshotName>, ArchiveError> {
        let is_of_it = |name: &str| name.strip_prefix(head).is_some_and(|rest| rest.starts_with('.'));
        // Most tasks have none: their names tell without reading a journal.
        if !pack::listing(&self.dir().join("undo"))?.iter().any(|name| is_of_it(name)) {
            return Ok(None);
        }
        let mut open = self.unfinished()?.into_iter();
        Ok(open.find(|name| is_of_it(name.as_str())))
    }

    /// Returns what removing this would free, about.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub fn would_free(&self, going: &Going) -> Result<u64, ArchiveError> {
        let needed = self.needed(going)?;
        let records: u64 = going.snapshots.iter().map(|name| files::length(&self.record_file(name))).sum();
        let journals: u64 = going.journals.iter().map(|name| size_of(&self.journal_dir(name))).sum();
        let manifests: u64 = self.unneeded_manifests(&needed)?.iter().map(|path| files::length(path)).sum();
        let packs = self.fates(&needed)?.into_iter().map(|(pack, fate)| match fate {
            Fate::Stays => 0,
            Fate::Goes => pack.bytes,
            Fate::Shrinks(live) => pack.bytes.saturating_sub(live),
        });
        Ok(records + journals + manifests + packs.sum::<u64>())
    }

    /// Returns what the going of each of these snapshots, in this order, frees once those before it have gone.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub fn weights(&self, order: &[SnapshotName], going: &Going) -> Result<Vec<u64>, ArchiveError> {
        let mut all = going.clone();
        all.snapshots.extend(order.iter().cloned());
        let Needed { mut manifests, mut contents, .. } = self.needed(&all)?;
        let stored = self.stored_contents()?;
        let mut weights = Vec::new();
        // The last that needs a content is the one whose going frees it.
        for name in order.iter().rev() {
            let mut weight = files::length(&self.record_file(name));
            if let Some(snapshot) = self.snapshot(name)?
                && manifests.insert(snapshot.manifest)
            {
                weight += files::length(&self.manifest_file(&snapshot.manifest));
                let manifest = self.manifest(&snapshot)?;
                let new = digests(&manifest).filter(|digest| contents.insert(*digest));
                weight += new.map(|digest| stored.get(&digest).copied().unwrap_or(0)).sum::<u64>();
            }
            weights.push(weight);
        }
        weights.reverse();
        Ok(weights)
    }

    /// Removes what goes and what only that needed. An archive with nothing left in it goes whole.
    ///
    /// # Errors
    /// The archive is damaged or cannot be changed; what stays is whole even then.
    pub fn collect(&self, going: &Going) -> Result<Collected, ArchiveError> {
        self.collect_by_steps(going, &failpoint::hit)
    }

    /// `hit` is told of each step: where a test dies.
    pub(super) fn collect_by_steps(&self, going: &Going, hit: &dyn Fn(&str)) -> Result<Collected, ArchiveError> {
        let Some(_lock) = self.lock_alone()? else { return Ok(Collected::InUse) };
        let before = self.stored_bytes();
        let needed = self.needed(going)?;
        self.forget(going, hit)?;
        hit("gc-forgotten");
        self.drop_caches()?;
        for path in self.unneeded_manifests(&needed)? {
            remove(&path)?;
        }
        hit("gc-manifests");
        self.collect_packs(&needed, hit)?;
        if needed.records == 0 && self.packs()?.is_empty() {
            self.remove_whole(hit)?;
        }
        Ok(Collected::Freed(before.saturating_sub(self.stored_bytes())))
    }

    /// Removes the records, durably. A journal leaves its place in one step: half of one could look
    /// unfinished.
    fn forget(&self, going: &Going, hit: &dyn Fn(&str)) -> Result<(), ArchiveError> {
        self.clear_aside()?;
        let finished = self.journals()?.into_iter().filter(|journal| journal.is_finished);
        for journal in finished.filter(|journal| going.journals.contains(&journal.name)) {
            let (from, to) = (self.journal_dir(&journal.name), self.dir().join(format!("{GONE}{}", journal.name)));
            fs::rename(&from, &to).map_err(FileError::at(&from, "put aside"))?;
        }
        for name in &going.snapshots {
            remove(&self.record_file(name))?;
            hit("gc-record");
        }
        for dir in [self.dir().to_owned(), self.dir().join("snapshots"), self.dir().join("undo")] {
            sync(&dir)?;
        }
        self.clear_aside()
    }

    fn clear_aside(&self) -> Result<(), ArchiveError> {
        for name in pack::listing(self.dir())?.iter().filter(|name| name.starts_with(GONE)) {
            remove_dir(&self.dir().join(name))?;
        }
        Ok(())
    }

    fn journal_dir(&self, name: &SnapshotName) -> Utf8PathBuf {
        self.dir().join("undo").join(name.as_str())
    }

    /// Reads what everything that stays needs.
    fn needed(&self, going: &Going) -> Result<Needed, ArchiveError> {
        let mut needed = Needed { manifests: BTreeSet::new(), contents: HashSet::new(), records: 0 };
        for snapshot in self.every_snapshot()?.iter().filter(|snapshot| !going.snapshots.contains(&snapshot.name)) {
            needed.records += 1;
            if needed.manifests.insert(snapshot.manifest) {
                needed.contents.extend(digests(&self.manifest(snapshot)?));
            }
        }
        for journal in self.journals()? {
            if !journal.is_finished || !going.journals.contains(&journal.name) {
                needed.records += 1;
                needed.contents.extend(journal.needs);
            }
        }
        Ok(needed)
    }

    /// Returns every snapshot; an error when there is one that cannot be read, because then nobody knows what
    /// it needs.
    fn every_snapshot(&self) -> Result<Vec<Snapshot>, ArchiveError> {
        let names = pack::listing(&self.dir().join("snapshots"))?;
        let names = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<SnapshotName>().ok());
        let read = |name: SnapshotName| self.snapshot(&name).transpose();
        names.filter_map(read).collect()
    }

    fn unneeded_manifests(&self, needed: &Needed) -> Result<Vec<Utf8PathBuf>, ArchiveError> {
        let dir = self.dir().join("manifests");
        let names = pack::listing(&dir)?;
        let is_unneeded = |name: &&String| name.parse().is_ok_and(|digest| !needed.manifests.contains(&digest));
        Ok(names.iter().filter(is_unneeded).map(|name| dir.join(name)).collect())
    }

    /// Returns what each content takes on the disk.
    fn stored_contents(&self) -> Result<HashMap<Digest, u64>, ArchiveError> {
        let mut stored = HashMap::new();
        for pack in self.packs()? {
            let items = pack::read_index(&self.packs_dir(), &pack.name)?;
            stored.extend(items.into_iter().flatten().map(|(digest, _, stored)| (digest, stored)));
        }
        Ok(stored)
    }

    fn fates(&self, needed: &Needed) -> Result<Vec<(PackInfo, Fate)>, ArchiveError> {
        let packs = self.packs()?.into_iter();
        packs.map(|pack| Ok((pack.clone(), self.fate(&pack, needed)?))).collect()
    }

    fn fate(&self, pack: &PackInfo, needed: &Needed) -> Result<Fate, ArchiveError> {
        // What cannot be read may be of a later release.
        let Some(items) = pack::read_index(&self.packs_dir(), &pack.name)? else { return Ok(Fate::Stays) };
        let (mut live, mut all) = (0, 0);
        for (digest, _, stored) in &items {
            all += stored;
            live += if needed.contents.contains(digest) { *stored } else { 0 };
        }
        let is_needed = items.iter().any(|(digest, ..)| needed.contents.contains(digest));
        Ok(match (is_needed, 2 * live < all) {
            (false, _) if self.is_of_a_landing(pack) => Fate::Stays,
            (false, _) => Fate::Goes,
            (true, true) => Fate::Shrinks(live),
            (true, false) => Fate::Stays,
        })
    }

    /// Whether a landing may be about to write the journal that needs this pack.
    fn is_of_a_landing(&self, pack: &PackInfo) -> bool {
        let metadata = fs::metadata(self.packs_dir().join(format!("{}.idx", pack.name)));
        let modified = metadata.ok().and_then(|metadata| clock::modified(&metadata));
        pack.name.contains(".now-") && modified.is_some_and(|at| at > clock::now().minus(LANDING.into()))
    }

    fn collect_packs(&self, needed: &Needed, hit: &dyn Fn(&str)) -> Result<(), ArchiveError> {
        let (dir, mut shrinking) = (self.packs_dir(), Vec::new());
        for (pack, fate) in self.fates(needed)? {
            match fate {
                Fate::Stays => {}
                Fate::Goes => {
                    pack::remove(&dir, &pack.name)?;
                    hit("gc-removed");
                }
                Fate::Shrinks(live) => shrinking.push((live, pack.name)),
            }
        }
        self.remove_headless()?;
        hit("gc-packs");
        shrinking.sort();
        for (live, name) in shrinking {
            // The next smaller one may have made room, a larger one will not find it either.
            if files::free_space(&dir).is_some_and(|free| free < live + ROOM) {
                break;
            }
            pack::rewrite(&dir, &name, &|digest| needed.contents.contains(digest))?;
            hit("gc-rewritten");
        }
        Ok(())
    }

    /// Removes packs without an index: what a crash has left of a removal or of a snapshot.
    fn remove_headless(&self) -> Result<(), ArchiveError> {
        let names = pack::listing(&self.packs_dir())?;
        let has_index = |name: &str| names.iter().any(|other| other.strip_suffix(".idx") == Some(name));
        for name in names.iter().filter_map(|name| name.strip_suffix(".pack")).filter(|name| !has_index(name)) {
            pack::remove(&self.packs_dir(), name)?;
        }
        Ok(())
    }

    /// The archive leaves its place in one step: whoever waits for its lock sees that, and begins a new one. What a
    /// crash leaves is found as an archive with nothing in it.
    fn remove_whole(&self, hit: &dyn Fn(&str)) -> Result<(), ArchiveError> {
        let aside = Utf8PathBuf::from(format!("{}.gone", self.dir()));
        remove_dir(&aside)?;
        fs::rename(self.dir(), &aside).map_err(FileError::at(self.dir(), "put aside"))?;
        hit("gc-aside");
        // As long as `root` is there, it is found.
        for name in pack::listing(&aside)?.iter().filter(|name| *name != "root") {
            remove_dir(&aside.join(name))?;
            hit("gc-emptied");
        }
        remove_dir(&aside)
    }
}

/// How the directory of a journal is called while it is removed.
const GONE: &str = "gone-";

fn digests(manifest: &Manifest) -> impl Iterator<Item = Digest> {
    manifest.entries().iter().filter_map(|(_, entry)| match entry {
        Entry::File { digest, .. } => Some(*digest),
        Entry::Dir { .. } | Entry::Symlink { .. } | Entry::Fifo { .. } | Entry::Untouched => None,
    })
}

fn remove(path: &Utf8Path) -> Result<(), ArchiveError> {
    tolerant(path, fs::remove_file(path))
}

fn remove_dir(path: &Utf8Path) -> Result<(), ArchiveError> {
    if path.is_dir() { tolerant(path, fs::remove_dir_all(path)) } else { remove(path) }
}

/// What is gone already is as wanted.
fn tolerant(path: &Utf8Path, removed: std::io::Result<()>) -> Result<(), ArchiveError> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FileError::at(path, "remove")(error).into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync(path: &Utf8Path) -> Result<(), ArchiveError> {
    match Dir::open(path.as_std_path()).and_then(|dir| dir.sync()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FileError::at(path, "sync")(error).into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn size_of(dir: &Utf8Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let size = |entry: fs::DirEntry| match (entry.file_type(), Utf8PathBuf::from_path_buf(entry.path())) {
        (Ok(kind), Ok(path)) if kind.is_dir() => size_of(&path),
        (Ok(_), Ok(path)) => files::length(&path),
        (Err(_), _) | (_, Err(_)) => 0,
    };
    entries.flatten().map(size).sum()
}
