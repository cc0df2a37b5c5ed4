//! A change as a unified patch.

use super::{ArchiveError, Change, Workspace};

/// What `patch -p1` and `git apply` take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    pub text: Vec<u8>,
    pub added: u64,
    pub removed: u64,
    pub is_binary: bool,
}

impl Workspace {
    /// Returns a change as a patch.
    ///
    /// # Errors
    /// A content cannot be read.
    pub fn patch(&self, change: &Change) -> Result<Patch, ArchiveError> {
        let _ = change;
        Err(ArchiveError::Unsupported)
    }
}
