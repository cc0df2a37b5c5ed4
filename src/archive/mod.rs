//! What a workspace was: snapshots, what differs between two of them, and the way back.
//!
//! Knows files only, no task: names of snapshots are given by the caller. Reads and changes a
//! workspace through directory handles (`os::dirs`), so that no symbolic link leads out of it. Never runs
//! `git` or any other program.
//!
//! On disk, under `archive/KEY/` with a key for each workspace's root:
//!
//! | file | meaning |
//! |---|---|
//! | `root` | the path of the workspace |
//! | `snapshots/NAME.json` | one [`Snapshot`]: written last, so that one that is there is whole |
//! | `manifests/DIGEST` | what each path was; equal trees share one |
//! | `packs/NAME.pack`, `.idx` | the contents that were new with a snapshot, and where in it they lie |
//! | `cache` | what each file's content was when it was last looked at; may be lost |
//! | `undo/ID/` | journals of what was put back or brought in |

mod carry_out;
mod changes;
mod clear;
mod entry;
mod error;
mod git;
mod git_index;
mod include;
mod isolate;
mod journal;
mod landing;
mod manifest;
mod merge;
mod plan;
mod reach;
mod repository;
mod snapshot;
#[cfg(test)]
mod testing;
mod worktree;

pub use changes::{Change, ChangeKind};
pub use entry::{Digest, Entry, RawPath};
pub use error::ArchiveError;
pub use git::GitState;
pub use journal::JournalNote;
pub use landing::{Conflict, Deed, How, Landed, OnConflict, Turn};
pub use manifest::Manifest;
pub use snapshot::{Snapshot, SnapshotName, Survey, Take, Workspace};
