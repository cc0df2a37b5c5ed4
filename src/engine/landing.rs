//! What a task has changed, and bringing a workspace back or forth over it.

use super::{Engine, EngineError};
use crate::{
    archive::{Change, Landed, OnConflict, SnapshotName, Workspace},
    core::Task,
};

/// What a task has changed, as the archive saw it.
#[derive(Debug)]
pub struct TaskChanges {
    /// Reads the contents of both sides.
    pub workspace: Workspace,
    pub changes: Vec<Change>,
    /// Paths that somebody else changed as well, between two attempts or in a shared workspace: whose change
    /// it is cannot be told.
    pub uncertain: Vec<String>,
    /// What became of the repository itself, in sentences.
    pub git: Vec<String>,
    /// Whether the task still runs: these are the changes so far.
    pub is_live: bool,
}

/// How a task's changes are to be taken back or brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandAsk {
    /// Only these files and what lies beneath these directories, relative to the workspace; all when empty.
    pub paths: Vec<String>,
    pub dry_run: bool,
    pub on_conflict: OnConflict,
    /// Take back what the last such call for this task did.
    pub undo: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct LandReport {
    /// The journal's name; `None` for a dry run.
    pub id: Option<SnapshotName>,
    pub landed: Landed,
    /// What else is to be said: HEAD that stays moved, ignored directories that stay.
    pub notes: Vec<String>,
}

impl Engine {
    /// Returns what a task has changed.
    ///
    /// # Errors
    /// The task has no archive (with the reason), or it cannot be read.
    pub fn changes_of(&self, task: &Task) -> Result<TaskChanges, EngineError> {
        let _ = task;
        Err(crate::archive::ArchiveError::Unsupported.into())
    }

    /// Brings the workspace back to what it was before the task, path by path, keeping what others did since.
    ///
    /// # Errors
    /// The task has no archive or another task writes there; files cannot be read or written.
    pub fn roll_back(&self, task: &Task, ask: &LandAsk) -> Result<LandReport, EngineError> {
        let _ = (task, ask);
        Err(crate::archive::ArchiveError::Unsupported.into())
    }

    /// Brings the result of an isolated task into its workspace.
    ///
    /// # Errors
    /// The task was not isolated or is not over; another task writes there; files cannot be read or written.
    pub fn apply_result(&self, task: &Task, ask: &LandAsk) -> Result<LandReport, EngineError> {
        let _ = (task, ask);
        Err(crate::archive::ArchiveError::Unsupported.into())
    }

    /// Gives up the result of an isolated task: its directory goes, what was in it stays in the archive.
    /// Returns whether there was anything to give up.
    ///
    /// # Errors
    /// The task was not isolated or is not over; its directory cannot be removed.
    pub fn discard_result(&self, task: &Task) -> Result<bool, EngineError> {
        let _ = task;
        Err(crate::archive::ArchiveError::Unsupported.into())
    }
}
