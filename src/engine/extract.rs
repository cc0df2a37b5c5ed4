//! Getting archived files out into a directory of their own: the way to what no other command brings back.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Engine, EngineError};
use crate::{
    archive::{Entry, Manifest, RawPath, SnapshotName, Workspace},
    os::files,
};

/// What was got out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    pub name: SnapshotName,
    /// The directory that it was archived of.
    pub workspace: Utf8PathBuf,
    pub files: u64,
}

impl Engine {
    /// Makes the directory `to`, which must not be there or be empty, hold what the archive has under `name`: all
    /// of a snapshot, or what a landing found where it changed something. With `paths` only those and what lies
    /// beneath them.
    ///
    /// # Errors
    /// There is no such name or path, `to` has something in it, or the archive or the disk fails.
    pub fn extract(&self, name: &str, to: &Utf8Path, paths: &[String]) -> Result<Extracted, EngineError> {
        let (workspace, name, manifest) = self.find_archived(name)?;
        let manifest = only(&manifest, paths, &name)?;
        must_be_empty(to)?;
        files::make_dir(to)?;
        workspace.materialize(&manifest, to, &mut || true)?;
        let files = manifest.entries().iter().filter(|(_, entry)| !matches!(entry, Entry::Dir { .. })).count() as u64;
        Ok(Extracted { name, workspace: workspace.root().to_owned(), files })
    }

    fn find_archived(&self, name: &str) -> Result<(Workspace, SnapshotName, Manifest), EngineError> {
        if let Ok(name) = name.parse::<SnapshotName>() {
            for workspace in Workspace::all(&self.home.archive())? {
                if let Some(manifest) = workspace.archived(&name)? {
                    return Ok((workspace, name, manifest));
                }
            }
        }
        Err(EngineError::NotFound {
            message: format!("the archive has nothing named `{name}`"),
            hint: "`mgr archive list` shows the names".into(),
        })
    }
}

fn only(manifest: &Manifest, paths: &[String], name: &SnapshotName) -> Result<Manifest, EngineError> {
    if paths.is_empty() {
        return Ok(manifest.clone());
    }
    let mut entries: Vec<(RawPath, Entry)> = Vec::new();
    for path in paths {
        let wanted = path.trim_end_matches('/');
        let before = entries.len();
        let is_in = |(path, _): &&(RawPath, Entry)| {
            let rest = path.as_bytes().strip_prefix(wanted.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        entries.extend(manifest.entries().iter().filter(is_in).cloned());
        if entries.len() == before {
            return Err(EngineError::NotFound {
                message: format!("`{name}` has no `{path}`"),
                hint: "paths are relative to the directory that was archived; without any, all of it comes".into(),
            });
        }
    }
    Ok(Manifest::new(entries))
}

fn must_be_empty(to: &Utf8Path) -> Result<(), EngineError> {
    let conflict = |message: String| EngineError::Conflict { message, hint: "name a directory that is new".into() };
    match std::fs::read_dir(to).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(conflict(format!("`{to}` is not empty, and nothing in it is to be overwritten"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(conflict(format!("`{to}` cannot be used: {error}"))),
    }
}
