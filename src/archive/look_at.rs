//! Looking at single paths, for whoever is about to change them.
//!
//! Trusts no cache: what is found here decides what is overwritten.

use std::{collections::HashMap, io, sync::Arc};

use super::{ArchiveError, Digest, Entry, Manifest, RawPath, Workspace};
use crate::os::dirs::{self, Dir, Kind};

impl Workspace {
    /// Returns what is now at exactly these paths; a directory counts without what is in it. Nothing is
    /// at a path that leads through a link or a file.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn look_at(&self, paths: &[RawPath]) -> Result<Manifest, ArchiveError> {
        let failed =
            |error| ArchiveError::Path { path: self.root().to_string(), act: "open the directory", source: error };
        let root = Arc::new(Dir::open(self.root().as_std_path()).map_err(failed)?);
        let mut parents = HashMap::new();
        let mut entries = Vec::new();
        for path in paths {
            if let Some(dir) = parent(&root, path, &mut parents)?
                && let Some(entry) = entry(&dir, path)?
            {
                entries.push((path.clone(), entry));
            }
        }
        Ok(Manifest::new(entries))
    }
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

fn entry(dir: &Dir, path: &RawPath) -> Result<Option<Entry>, ArchiveError> {
    let Some(stat) = dir.stat(path.name()).map_err(ArchiveError::at(path, "look at"))? else { return Ok(None) };
    Ok(Some(match stat.kind {
        Kind::File => return file(dir, path),
        Kind::Dir => Entry::Dir { mode: stat.mode },
        Kind::Symlink => {
            let target = dir.read_link(path.name()).map_err(ArchiveError::at(path, "read the link"))?;
            Entry::Symlink { target }
        }
        Kind::Fifo => Entry::Fifo { mode: stat.mode },
        Kind::Socket | Kind::Device => Entry::Untouched,
    }))
}

fn file(dir: &Dir, path: &RawPath) -> Result<Option<Entry>, ArchiveError> {
    let file = match dir.open_file(path.name()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ArchiveError::at(path, "read")(error)),
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&file).map_err(ArchiveError::at(path, "read"))?;
    let mode = dirs::file_stat(&file).map_err(ArchiveError::at(path, "look at"))?.mode;
    Ok(Some(Entry::File { mode, size: hasher.count(), digest: Digest(*hasher.finalize().as_bytes()) }))
}
