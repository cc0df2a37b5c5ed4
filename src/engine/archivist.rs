//! The archive by itself, without a task: what `mgr __archive` does for the benchmarks.
//!
//! Nothing else calls it, and it knows no settings: the limits are those of the defaults, wide open.
//!
//! - `take STORE ROOT NAME`: archives ROOT in STORE
//! - `materialize STORE ROOT NAME TO`: makes the empty directory TO be what NAME was

use camino::Utf8Path;

use crate::{
    archive::{ArchiveError, Take, Workspace},
    core::{ArchiveLimits, ArchiveScope, Bytes, Span},
};

const LIMITS: ArchiveLimits = ArchiveLimits {
    max_files: u64::MAX,
    max_bytes: Bytes(u64::MAX),
    max_file: Bytes(u64::MAX),
    max_time: Span::from_secs(3600),
    free_disk_floor: Bytes(0),
    small_ignored: Bytes(1_000_000),
};

/// Does what the words say.
///
/// # Errors
/// The words are others, or the archive fails.
pub fn archivist(words: &[String]) -> Result<(), ArchiveError> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let usage = |message: String| ArchiveError::Forbidden { message };
    match words[..] {
        ["take", store, root, name] => {
            let take = Take { scope: ArchiveScope::All, limits: LIMITS, late: false };
            let name = name.parse().map_err(usage)?;
            open(store, root)?.take(&name, &take, &mut || true).map(|_| ())
        }
        ["materialize", store, root, name, to] => {
            let workspace = open(store, root)?;
            let name = name.parse().map_err(usage)?;
            let snapshot = workspace.snapshot(&name)?.ok_or_else(|| usage(format!("no snapshot `{name}`")))?;
            workspace.materialize(&workspace.manifest(&snapshot)?, Utf8Path::new(to), &mut || true)
        }
        _ => Err(usage("`__archive` takes `take STORE ROOT NAME` or `materialize STORE ROOT NAME TO`".to_owned())),
    }
}

fn open(store: &str, root: &str) -> Result<Workspace, ArchiveError> {
    Workspace::open(Utf8Path::new(store), Utf8Path::new(root))
}
