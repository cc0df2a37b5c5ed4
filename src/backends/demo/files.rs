//! The demo agent's hands: files inside one directory, and nothing else.

use std::{fs, io, io::Write as _};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::core::FileChange;

/// Why a file was not touched.
#[derive(Debug)]
pub(super) enum Untouched {
    /// The path leads outside, or may.
    Refused(String),
    Failed(String),
}

/// Writes `text` to `path` below `root`, at the end of what is there or instead of it.
pub(super) fn write(root: &Utf8Path, path: &str, text: &str, append: bool) -> Result<FileChange, Untouched> {
    let full = inside(root, path)?;
    let change = if full.exists() { FileChange::Modified } else { FileChange::Created };
    let written = full.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
        let mut options = fs::OpenOptions::new();
        options.create(true).write(true).append(append).truncate(!append);
        options.open(&full)?.write_all(text.as_bytes())
    });
    written.map(|()| change).map_err(|error| failed("write", path, &error))
}

/// Deletes the file at `path` below `root`.
pub(super) fn delete(root: &Utf8Path, path: &str) -> Result<FileChange, Untouched> {
    let full = inside(root, path)?;
    fs::remove_file(full).map(|()| FileChange::Deleted).map_err(|error| failed("delete", path, &error))
}

fn failed(act: &str, path: &str, error: &io::Error) -> Untouched {
    Untouched::Failed(format!("cannot {act} `{path}`: {error}"))
}

/// Returns the place of `path` below `root`. A link on the way may lead anywhere, so none is followed.
fn inside(root: &Utf8Path, path: &str) -> Result<Utf8PathBuf, Untouched> {
    let refused = |why: &str| Untouched::Refused(format!("`{path}` {why}"));
    let mut full = root.to_owned();
    for component in Utf8Path::new(path).components() {
        match component {
            Utf8Component::Normal(name) => full.push(name),
            Utf8Component::CurDir => {}
            Utf8Component::Prefix(_) | Utf8Component::RootDir | Utf8Component::ParentDir => {
                return Err(refused("leads out of the working directory"));
            }
        }
        if full.is_symlink() {
            return Err(refused("leads through a symbolic link"));
        }
    }
    Ok(full)
}
