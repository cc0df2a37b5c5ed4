//! Reaching what lies at a path beneath a root, component by component.
//!
//! Must not follow a symbolic link: a path whose directory is a link now has nothing at it.

use std::{fs::File, io};

use super::{ArchiveError, Digest, Entry, RawPath};
use crate::os::dirs::{self, Dir, Kind};

/// Opens the directory at `path`; the root itself for `None`. Returns `None` where a component is missing or no
/// directory.
pub(super) fn open_dir(root: &Dir, path: Option<&RawPath>) -> Result<Option<Dir>, ArchiveError> {
    let at = |error| match path {
        Some(path) => ArchiveError::at(path, "open the directory of")(error),
        None => ArchiveError::Path { path: ".".to_owned(), act: "open", source: error },
    };
    let mut dir = root.open_dir(b".").map_err(at)?;
    for name in path.iter().flat_map(|path| path.components()) {
        dir = match dir.open_dir(name) {
            Ok(next) => next,
            Err(error) => match dir.stat(name) {
                Ok(Some(stat)) if stat.kind == Kind::Dir => return Err(at(error)),
                Ok(_) => return Ok(None),
                Err(error) => return Err(at(error)),
            },
        };
    }
    Ok(Some(dir))
}

/// Opens the directory that `path` lies in.
pub(super) fn open_parent(root: &Dir, path: &RawPath) -> Result<Option<Dir>, ArchiveError> {
    open_dir(root, path.parent().as_ref())
}

/// Returns what an entry is, contents read; `None` where there is none.
pub(super) fn entry_of(dir: &Dir, name: &[u8]) -> io::Result<Option<Entry>> {
    let Some(stat) = dir.stat(name)? else { return Ok(None) };
    if name == b".git" {
        return Ok(Some(Entry::Untouched));
    }
    Ok(Some(match stat.kind {
        Kind::File => match dir.open_file(name) {
            Ok(file) => file_entry(stat.mode, &file)?,
            // It went, or became something else, in this moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if dirs::is_other_kind(&error) => Entry::Untouched,
            Err(error) => return Err(error),
        },
        Kind::Dir => Entry::Dir { mode: stat.mode },
        Kind::Symlink => Entry::Symlink { target: dir.read_link(name)? },
        Kind::Fifo => Entry::Fifo { mode: stat.mode },
        Kind::Socket | Kind::Device => Entry::Untouched,
    }))
}

fn file_entry(mode: u32, file: &File) -> io::Result<Entry> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(Entry::File { mode, size: hasher.count(), digest: Digest(*hasher.finalize().as_bytes()) })
}
