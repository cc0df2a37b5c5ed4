//! What the archive keeps and for how long: never the only copy of work that nobody has taken over.

use camino::Utf8PathBuf;

use super::{Engine, EngineError};
use crate::core::{Bytes, Span, Timestamp};

/// One snapshot or journal in the archive, with what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custody {
    pub name: String,
    pub workspace: Utf8PathBuf,
    pub taken_at: Timestamp,
    pub covered_files: u64,
    pub covered_bytes: u64,
    pub is_kept: bool,
    /// Why it is kept, or why it goes.
    pub reason: String,
}

/// What is in the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    pub items: Vec<Custody>,
    /// What the archive takes on the disk.
    pub stored_bytes: u64,
    /// What would be or was freed.
    pub freed_bytes: u64,
}

/// How long and how much to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub older_than: Span,
    /// Beyond this the oldest go first, however young.
    pub max_size: Option<Bytes>,
    pub apply: bool,
}

impl Engine {
    /// Returns what the archive holds.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn holdings(&self) -> Result<Holdings, EngineError> {
        Err(crate::archive::ArchiveError::Unsupported.into())
    }

    /// Removes from the archive what is older than wanted and not needed; says why for each item.
    ///
    /// # Errors
    /// It cannot be read or changed.
    pub fn collect_garbage(&self, retention: Retention) -> Result<Holdings, EngineError> {
        let _ = retention;
        Err(crate::archive::ArchiveError::Unsupported.into())
    }

    /// Returns why a finished task must not be forgotten, if so.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub fn custody_of(&self, task: &crate::core::Task) -> Result<Option<String>, EngineError> {
        let _ = task;
        Ok(None)
    }
}
