//! Landings that a crash has broken off: finding them, and finishing them.
//!
//! A workspace is in between until then, so every landing there finishes them first; here it is done for all.

use super::{Engine, EngineError, landing::finish_unfinished};
use crate::archive::{SnapshotName, Workspace};

/// How the archive is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveHealth {
    pub workspaces: u64,
    /// What all of it takes on the disk.
    pub stored_bytes: u64,
    /// Landings that were begun, not finished, and that nobody works at.
    pub broken_off: Vec<SnapshotName>,
}

impl Engine {
    /// Looks at the archive; finishes what was broken off, if `finish`. Returns how it is, and what was finished.
    ///
    /// # Errors
    /// The archive cannot be read, or a workspace not be written.
    pub fn archive_health(&self, finish: bool) -> Result<(ArchiveHealth, Vec<String>), EngineError> {
        let (mut health, mut finished) = (ArchiveHealth::default(), Vec::new());
        for workspace in Workspace::all(&self.home.archive())? {
            health.workspaces += 1;
            health.stored_bytes += workspace.stored_bytes();
            let open = workspace.unfinished()?;
            if open.is_empty() {
                continue;
            }
            // Whoever holds it is at work there: nothing is broken off then.
            let Ok(_hold) = self.hold_workspace(workspace.root(), "doctor") else { continue };
            if finish {
                finished.extend(finish_unfinished(&workspace)?);
            }
            health.broken_off.extend(workspace.unfinished()?);
        }
        Ok((health, finished))
    }
}
