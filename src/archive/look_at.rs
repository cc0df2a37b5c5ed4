//! Looking at single paths, for whoever is about to change them.
//!
//! Trusts no cache: what is found here decides what is overwritten.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    sync::Arc,
};

use super::{
    ArchiveError, Digest, Entry, Manifest, RawPath, SnapshotName, Workspace,
    pack::{PackWriter, Packer},
};
use crate::os::dirs::{self, Dir, Kind, Stat};

impl Workspace {
    /// Returns what is now at exactly these paths; a directory counts without what is in it. Nothing is
    /// at a path that leads through a link or a file.
    #[cfg(test)]
    pub(super) fn look_at(&self, paths: &[RawPath]) -> Result<Manifest, ArchiveError> {
        self.look_and(paths, &mut |file| digest_of(file))
    }

    /// The same, and archives the contents of the files durably in a pack of this name, whatever their size.
    ///
    /// # Errors
    /// A file cannot be read, or the disk is full.
    pub fn keep(&self, name: &SnapshotName, paths: &[RawPath]) -> Result<Manifest, ArchiveError> {
        let _lock = self.lock_shared(&mut || true)?;
        let pack = PackWriter::new(&self.packs_dir(), name);
        let mut packer = Packer::new(&pack);
        let manifest = self.look_and(paths, &mut |file| packer.put_file(file))?;
        packer.close()?;
        pack.finish()?;
        self.forget_library();
        Ok(manifest)
    }

    /// The same for whoever only wants to know whether something is another by now: of large files it trusts what
    /// the system says of every change, which may also be one of rights or names.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn glance(&self, paths: &[RawPath]) -> Result<Manifest, ArchiveError> {
        self.look_and(paths, &mut glance_at)
    }

    /// Returns what is in the file at a path now, at most so much of it; nothing where no file is.
    pub(super) fn content_now(&self, path: &RawPath, most: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut content = Vec::new();
        self.look_and(std::slice::from_ref(path), &mut |file| {
            file.take(most).read_to_end(&mut content)?;
            Ok((Digest::of(&content), content.len() as u64))
        })?;
        Ok(content)
    }

    fn look_and(&self, paths: &[RawPath], read: &mut ReadFile<'_>) -> Result<Manifest, ArchiveError> {
        let failed =
            |error| ArchiveError::Path { path: self.root().to_string(), act: "open the directory", source: error };
        let root = Arc::new(Dir::open_root(self.root().as_std_path()).map_err(failed)?);
        let mut parents = HashMap::new();
        let mut entries = Vec::new();
        for path in paths {
            if let Some(dir) = parent(&root, path, &mut parents)?
                && let Some(entry) = entry(&dir, path, read)?
            {
                entries.push((path.clone(), entry));
            }
        }
        Ok(Manifest::new(entries))
    }
}

/// Reads a file to its end and returns digest and size.
type ReadFile<'a> = dyn FnMut(&mut File) -> io::Result<(Digest, u64)> + 'a;

/// A file up to this size is read whole by a glance.
pub const GLANCED_WHOLE: u64 = 64 * 1024 * 1024;

fn glance_at(file: &mut File) -> io::Result<(Digest, u64)> {
    let Stat { size, modified, changed, inode, .. } = dirs::file_stat(file)?;
    if size <= GLANCED_WHOLE {
        return digest_of(file);
    }
    // Whoever changes a file can set `modified` as it was (utimensat(2)), but never `changed`.
    let told = format!("{size} bytes of {modified}, {changed} in {inode}");
    Ok((Digest::of(told.as_bytes()), size))
}

fn digest_of(file: &mut File) -> io::Result<(Digest, u64)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((Digest(*hasher.finalize().as_bytes()), hasher.count()))
}

/// The last few directories, so that neighbours do not open theirs again.
type Parents = HashMap<RawPath, Option<Arc<Dir>>>;
const MOST_OPEN: usize = 64;

fn parent(root: &Arc<Dir>, path: &RawPath, parents: &mut Parents) -> Result<Option<Arc<Dir>>, ArchiveError> {
    let Some(parent_path) = path.parent() else { return Ok(Some(Arc::clone(root))) };
    if let Some(known) = parents.get(&parent_path) {
        return Ok(known.clone());
    }
    let mut dir = Arc::clone(root);
    let mut found = true;
    for part in parent_path.components() {
        match dir.open_dir(part) {
            Ok(next) => dir = Arc::new(next),
            Err(error) if error.kind() == io::ErrorKind::NotFound || dirs::is_other_kind(&error) => {
                found = false;
                break;
            }
            Err(error) => return Err(ArchiveError::at(&parent_path, "open the directory")(error)),
        }
    }
    if parents.len() >= MOST_OPEN {
        parents.clear();
    }
    let dir = found.then_some(dir);
    parents.insert(parent_path, dir.clone());
    Ok(dir)
}

fn entry(dir: &Dir, path: &RawPath, read: &mut ReadFile<'_>) -> Result<Option<Entry>, ArchiveError> {
    let Some(stat) = dir.stat(path.name()).map_err(ArchiveError::at(path, "look at"))? else { return Ok(None) };
    Ok(Some(match stat.kind {
        Kind::File => return file(dir, path, read),
        Kind::Dir => Entry::Dir { mode: stat.mode },
        Kind::Symlink => {
            let target = dir.read_link(path.name()).map_err(ArchiveError::at(path, "read the link"))?;
            Entry::Symlink { target }
        }
        Kind::Fifo => Entry::Fifo { mode: stat.mode },
        Kind::Socket | Kind::Device => Entry::Untouched,
    }))
}

fn file(dir: &Dir, path: &RawPath, read: &mut ReadFile<'_>) -> Result<Option<Entry>, ArchiveError> {
    let mut file = match dir.open_file(path.name()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ArchiveError::at(path, "read")(error)),
    };
    let (digest, size) = read(&mut file).map_err(ArchiveError::at(path, "archive"))?;
    let mode = dirs::file_stat(&file).map_err(ArchiveError::at(path, "look at"))?.mode;
    Ok(Some(Entry::File { mode, size, digest }))
}
