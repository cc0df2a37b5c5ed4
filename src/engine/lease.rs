//! One writer for each workspace: tasks by the scheduler, commands that change files by holding it here.

use camino::Utf8Path;

use super::{Engine, EngineError};

/// A workspace that is held by this process; given back on drop.
#[must_use = "the workspace is free again when this is dropped"]
#[derive(Debug)]
pub struct WorkspaceHold(());

impl Engine {
    /// Holds a workspace against tasks that would write in it, in a directory above or beneath it.
    ///
    /// # Errors
    /// `Conflict` when a task writes there now, with its id and the way out.
    pub fn hold_workspace(&self, root: &Utf8Path, holder: &str) -> Result<WorkspaceHold, EngineError> {
        let _ = (root, holder);
        Err(crate::archive::ArchiveError::Unsupported.into())
    }
}
