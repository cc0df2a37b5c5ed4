//! A directory of its own for an agent: a git worktree or a copy, made from a snapshot.

use camino::Utf8Path;

use super::{ArchiveError, Manifest, Workspace};
use crate::core::Isolation;

impl Workspace {
    /// Makes `to` (which must not exist) a place to work in with what `manifest` says. Doing it again after a crash
    /// in mid-work begins anew. Nothing of the repository's configuration is executed.
    ///
    /// # Errors
    /// A worktree of what is no git repository, a full disk, or `go_on` returned false.
    pub fn isolate(
        &self,
        isolation: Isolation,
        manifest: &Manifest,
        to: &Utf8Path,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), ArchiveError> {
        let _ = (isolation, manifest, to, go_on);
        Err(ArchiveError::Unsupported)
    }

    /// Removes such a place with what the repository knows of it. Doing it twice is harmless.
    ///
    /// # Errors
    /// Files cannot be removed.
    pub fn remove_isolated(&self, at: &Utf8Path) -> Result<(), ArchiveError> {
        let _ = at;
        Err(ArchiveError::Unsupported)
    }
}
