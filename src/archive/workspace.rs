//! The archive of one workspace: where it lies, and finding in it what was taken.
//!
//! Opening makes nothing: the directories come with the first thing that is archived, so that looking leaves no
//! trace. Whoever reads or takes holds the lock shared, whoever removes holds it alone.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    ArchiveError, Digest, Manifest, Snapshot, SnapshotName, codec,
    pack::{self, Library, Missing, PackInfo, PackWriter, Packer, PartReader},
    snapshot::VERSION,
};
use crate::os::{
    clock,
    files::{self, Durability, FileError},
};

/// How often a lock that somebody else holds is tried again.
const RETRY: Duration = Duration::from_millis(20);
/// What a crash has left is removed after so long: its maker is certainly gone.
const LEFTOVER: Duration = Duration::from_secs(3600);

/// The archive of one workspace, with the directory to look at.
#[derive(Clone)]
pub struct Workspace {
    /// Where its snapshots are kept: `archive/KEY`.
    dir: Utf8PathBuf,
    /// The archive as a whole, which is never archived itself.
    store: Utf8PathBuf,
    /// The workspace, whose surroundings say what is ignored.
    source: Utf8PathBuf,
    /// What is looked at: the workspace, or an isolated copy of it.
    root: Utf8PathBuf,
    /// The packs as they were when a content was last looked for.
    library: Arc<Mutex<Option<Arc<Library>>>>,
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workspace").field("dir", &self.dir).field("root", &self.root).finish_non_exhaustive()
    }
}

impl Workspace {
    /// Opens the archive of the workspace at `root`, a canonical path, in `store`.
    ///
    /// # Errors
    /// The workspace may not be archived ([`ArchiveError::Forbidden`]).
    pub fn open(store: &Utf8Path, root: &Utf8Path) -> Result<Self, ArchiveError> {
        let forbidden = |why: &str| Err(ArchiveError::Forbidden { message: format!("`{root}` {why}") });
        if root.parent().is_none() {
            return forbidden("is the whole system and cannot be archived");
        }
        if root.starts_with(store) {
            return forbidden("lies in the archive and cannot be archived");
        }
        let key = Digest::of(root.as_str().as_bytes()).to_string();
        Ok(Self::of(store.join(&key[..16]), store, root))
    }

    fn of(dir: Utf8PathBuf, store: &Utf8Path, root: &Utf8Path) -> Self {
        let (store, source, root) = (store.to_owned(), root.to_owned(), root.to_owned());
        Self { dir, store, source, root, library: Arc::default() }
    }

    /// Returns every workspace that has something in `store`, sorted by path.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn all(store: &Utf8Path) -> Result<Vec<Self>, ArchiveError> {
        let mut all = Vec::new();
        for name in pack::listing(store)? {
            let dir = store.join(name);
            if let Some(root) = files::read_optional(&dir.join("root")).ok().flatten()
                && let Ok(root) = String::from_utf8(root)
            {
                all.push(Self::of(dir, store, Utf8Path::new(&root)));
            }
        }
        all.sort_by(|a, b| a.root.cmp(&b.root));
        Ok(all)
    }

    /// Returns the same archive for looking at another directory: an isolated copy of the workspace.
    #[must_use]
    pub fn at(&self, root: &Utf8Path) -> Self {
        Self { root: root.to_owned(), ..self.clone() }
    }

    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Where this workspace's archive lies.
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    pub(super) fn store(&self) -> &Utf8Path {
        &self.store
    }

    pub(super) fn source(&self) -> &Utf8Path {
        &self.source
    }

    pub(super) fn packs_dir(&self) -> Utf8PathBuf {
        self.dir.join("packs")
    }

    /// Makes the directories where they are missing.
    pub(super) fn make(&self) -> Result<(), ArchiveError> {
        for part in ["snapshots", "manifests", "packs"] {
            files::make_dir(&self.dir.join(part))?;
        }
        let root = self.dir.join("root");
        if files::length(&root) == 0 {
            files::replace(&root, self.source.as_str().as_bytes(), Durability::Machine)?;
        }
        Ok(())
    }

    fn lock_file(&self) -> Result<File, ArchiveError> {
        Ok(files::open_lock(&self.dir.join("lock"))?)
    }

    /// Waits until nobody removes anything; until the file is dropped nobody begins to. An archive with nothing
    /// left is removed whole, with its lock: whoever waited for that one begins anew.
    ///
    /// # Errors
    /// `go_on` returned false.
    pub(super) fn lock_shared(&self, go_on: &mut dyn FnMut() -> bool) -> Result<File, ArchiveError> {
        loop {
            let file = match self.make().and_then(|()| self.lock_file()) {
                Ok(file) => file,
                // It went between the two.
                Err(error) if error.is_missing() && go_on() => continue,
                Err(error) => return Err(error),
            };
            while file.try_lock_shared().is_err() {
                if !go_on() {
                    return Err(ArchiveError::Stopped);
                }
                std::thread::sleep(RETRY);
            }
            if self.is_in_place(&file) {
                // Another may have begun to make it: now it stays, and all of it is there.
                self.make()?;
                return Ok(file);
            }
        }
    }

    /// Takes the archive for removing things; `None` while anybody uses it.
    ///
    /// # Errors
    /// The lock cannot be opened.
    pub(super) fn lock_alone(&self) -> Result<Option<File>, ArchiveError> {
        let file = self.lock_file()?;
        Ok((file.try_lock().is_ok() && self.is_in_place(&file)).then_some(file))
    }

    fn is_in_place(&self, lock: &File) -> bool {
        let held = files::identity_of(lock);
        held.is_some() && held == files::identity(&self.dir.join("lock"))
    }

    /// Removes what crashes have left.
    pub(super) fn sweep(&self) -> Result<(), ArchiveError> {
        let limit = clock::now().minus(LEFTOVER.into());
        for dir in [self.dir.clone(), self.packs_dir(), self.dir.join("snapshots"), self.dir.join("manifests")] {
            for name in pack::listing(&dir)?.iter().filter(|name| name.ends_with(".tmp")) {
                let path = dir.join(name);
                let modified = fs::metadata(&path).ok().and_then(|metadata| clock::modified(&metadata));
                if modified.is_some_and(|modified| modified < limit) {
                    let _ = fs::remove_file(&path);
                }
            }
        }
        Ok(())
    }

    pub(super) fn records_dir(&self) -> Utf8PathBuf {
        self.dir.join("snapshots")
    }

    pub(super) fn record_file(&self, name: &SnapshotName) -> Utf8PathBuf {
        self.records_dir().join(format!("{name}.json"))
    }

    pub(super) fn manifest_file(&self, digest: &Digest) -> Utf8PathBuf {
        self.dir.join("manifests").join(digest.to_string())
    }

    pub(super) fn damaged(&self, detail: impl Into<String>) -> ArchiveError {
        ArchiveError::Damaged { root: self.source.clone(), detail: detail.into() }
    }

    /// Puts a snapshot on record, which makes it one.
    pub(super) fn record(&self, snapshot: &Snapshot) -> Result<(), ArchiveError> {
        let record = serde_json::to_vec_pretty(snapshot).map_err(|error| self.damaged(error.to_string()))?;
        Ok(files::replace(&self.record_file(&snapshot.name), &record, Durability::Machine)?)
    }

    /// Returns a snapshot; `None` where none has this name.
    ///
    /// # Errors
    /// Its record cannot be read.
    pub fn snapshot(&self, name: &SnapshotName) -> Result<Option<Snapshot>, ArchiveError> {
        let Some(bytes) = files::read_optional(&self.record_file(name))? else { return Ok(None) };
        match parse(&bytes) {
            Some(snapshot) => Ok(Some(snapshot)),
            None => Err(self.damaged(format!("the record of `{name}` cannot be read by this release"))),
        }
    }

    /// Returns every snapshot, oldest first. Records of later releases are left out.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, ArchiveError> {
        let dir = self.dir.join("snapshots");
        let mut snapshots = Vec::new();
        for name in pack::listing(&dir)?.iter().filter(|name| name.ends_with(".json")) {
            let bytes = files::read_optional(&dir.join(name))?;
            snapshots.extend(bytes.and_then(|bytes| parse(&bytes)));
        }
        snapshots.sort_by(|a, b| (a.taken_at, &a.name).cmp(&(b.taken_at, &b.name)));
        Ok(snapshots)
    }

    /// # Errors
    /// It cannot be read, or is not what its digest says.
    pub fn manifest(&self, snapshot: &Snapshot) -> Result<Manifest, ArchiveError> {
        let digest = &snapshot.manifest;
        let bytes = files::read_optional(&self.manifest_file(digest))?;
        let bytes = bytes.ok_or_else(|| self.damaged(format!("the manifest of `{}` is missing", snapshot.name)))?;
        let plain = zstd::decode_all(&bytes[..]).ok().filter(|plain| Digest::of(plain) == *digest);
        let manifest = plain.and_then(|plain| codec::decode(&plain));
        manifest.ok_or_else(|| self.damaged(format!("the manifest of `{}` is not what it was", snapshot.name)))
    }

    /// Stores a manifest, if it is not there, and returns its name.
    pub(super) fn keep_manifest(&self, manifest: &Manifest) -> Result<Digest, ArchiveError> {
        let bytes = codec::encode(manifest);
        let digest = Digest::of(&bytes);
        let path = self.manifest_file(&digest);
        if files::length(&path) == 0 {
            let packed = zstd::bulk::compress(&bytes, 1).map_err(FileError::at(&path, "compress"))?;
            files::replace(&path, &packed, Durability::Machine)?;
        }
        Ok(digest)
    }

    /// Returns a content. Checked against its digest.
    ///
    /// # Errors
    /// It is not in the archive, or damaged.
    pub fn content(&self, digest: &Digest) -> Result<Vec<u8>, ArchiveError> {
        let mut content = Vec::new();
        self.read_content(digest, &mut PartReader::default(), &mut |part| {
            content.extend_from_slice(part);
            Ok(())
        })?;
        Ok(content)
    }

    /// Writes a content into an open file without holding all of it in memory. Checked against its digest.
    ///
    /// # Errors
    /// It is not in the archive or damaged, or the file cannot be written.
    pub fn write_content(&self, digest: &Digest, to: &mut File) -> Result<(), ArchiveError> {
        self.read_content(digest, &mut PartReader::default(), &mut |part| to.write_all(part))
    }

    /// What is not found or torn is looked for again in the packs as they are now: others add some, gc removes some.
    pub(super) fn read_content(
        &self,
        digest: &Digest,
        reader: &mut PartReader,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), ArchiveError> {
        let has_begun = Cell::new(false);
        let mut sink = |part: &[u8]| {
            has_begun.set(true);
            sink(part)
        };
        let mut result = self.library()?.read(digest, reader, &mut sink);
        if result.is_err() && !has_begun.get() {
            self.forget_library();
            result = self.library()?.read(digest, reader, &mut sink);
        }
        result.map_err(|missing| match missing {
            Missing::Unknown => self.damaged(format!("the content {digest:?} is missing")),
            Missing::Damaged(detail) => self.damaged(detail),
            Missing::Write(source) => {
                ArchiveError::Path { path: self.root.to_string(), act: "write a file in", source }
            }
        })
    }

    /// Returns the packs as they were when they were last listed.
    pub(super) fn library(&self) -> Result<Arc<Library>, ArchiveError> {
        let mut slot = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*slot {
            return Ok(Arc::clone(library));
        }
        let library = Arc::new(Library::open(&self.packs_dir())?);
        *slot = Some(Arc::clone(&library));
        Ok(library)
    }

    /// The next content is looked for in the packs as they are then.
    pub(super) fn forget_library(&self) {
        self.library.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Adds contents that lie in no workspace yet (merged texts), durably, in a pack of this name.
    ///
    /// # Errors
    /// The disk is full.
    pub fn add(&self, name: &SnapshotName, contents: &[Vec<u8>]) -> Result<(), ArchiveError> {
        let _lock = self.lock_shared(&mut || true)?;
        let pack = PackWriter::new(&self.packs_dir(), name);
        let mut packer = Packer::new(&pack);
        for content in contents {
            let digest = Digest::of(content);
            if pack.claim(&digest) {
                packer.put(digest, content)?;
            }
        }
        packer.close()?;
        pack.finish()?;
        self.forget_library();
        Ok(())
    }

    /// Returns the packs with what each takes on the disk.
    ///
    /// # Errors
    /// They cannot be listed.
    pub(super) fn packs(&self) -> Result<Vec<PackInfo>, ArchiveError> {
        Ok(pack::packs(&self.packs_dir())?)
    }

    /// Forgets what was seen, because contents are going. Comes before anything of a pack is removed.
    ///
    /// # Errors
    /// A cache cannot be removed.
    pub(super) fn drop_caches(&self) -> Result<(), ArchiveError> {
        for name in pack::listing(&self.dir)?.iter().filter(|name| name.starts_with("cache-")) {
            let path = self.dir.join(name);
            fs::remove_file(&path).map_err(FileError::at(&path, "remove"))?;
        }
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> Option<Snapshot> {
    serde_json::from_slice(bytes).ok().filter(|snapshot: &Snapshot| snapshot.v <= VERSION)
}
