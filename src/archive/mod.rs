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
//! | `cache-ROOT` | what each file's content was when it was last looked at; one for each root; may be lost |
//! | `lock` | held shared by whoever takes or reads, alone by whoever removes |
//! | `undo/ID/` | journals of what was put back or brought in |

mod cache;
mod carry_out;
mod changes;
mod clear;
mod codec;
mod crew;
mod entry;
mod error;
mod gc;
#[cfg(test)]
mod gc_tests;
mod git;
mod git_index;
mod include;
mod isolate;
#[cfg(test)]
mod isolate_tests;
mod journal;
mod landing;
#[cfg(test)]
mod landing_tests;
mod look_at;
mod manifest;
mod materialize;
mod merge;
mod meter;
mod pack;
mod patch;
mod plan;
mod reach;
mod repository;
mod rules;
mod site;
mod snapshot;
mod take;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod walk;
mod workspace;
mod worktree;

pub use changes::{Change, ChangeKind};
pub use entry::{Digest, Entry, RawPath};
pub use error::ArchiveError;
pub use gc::{Collected, Going};
pub use git::GitState;
pub use journal::JournalNote;
pub use landing::{Conflict, Deed, How, Landed, OnConflict, Turn};
pub use look_at::GLANCED_WHOLE;
pub use manifest::Manifest;
pub use patch::{Patch, difference};
pub use snapshot::{Snapshot, SnapshotName, Survey, Take};
pub use workspace::Workspace;
pub use worktree::KeptBranch;
