//! Taking a snapshot and finding it again.

use std::{fmt, str::FromStr};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{ArchiveError, Digest, GitState, Manifest};
use crate::core::{ArchiveLimits, ArchiveScope, Coverage, Span, Timestamp};

/// The name of a snapshot, given by whoever takes it: digits, lower-case letters, `.` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotName(String);

impl FromStr for SnapshotName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-';
        if text.is_empty() || text.len() > 100 || text.starts_with('.') || !text.bytes().all(good) {
            return Err(format!("`{text}` is no name of a snapshot"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is on record of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub v: u32,
    pub name: SnapshotName,
    /// The directory that was archived: the workspace, or an isolated copy of it.
    pub root: Utf8PathBuf,
    pub taken_at: Timestamp,
    pub took: Span,
    pub scope: ArchiveScope,
    pub manifest: Digest,
    pub coverage: Coverage,
    /// The repository's own state, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitState>,
    /// Whether it was taken later than it should have been, after a crash.
    #[serde(default)]
    pub late: bool,
}

/// How to take a snapshot.
#[derive(Clone, Debug)]
pub struct Take {
    pub scope: ArchiveScope,
    pub limits: ArchiveLimits,
    pub late: bool,
}

/// The archive of one workspace, with the directory to look at.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Where its snapshots are kept: `archive/KEY`.
    dir: Utf8PathBuf,
    /// The archive as a whole, which is never archived itself.
    store: Utf8PathBuf,
    /// What is looked at.
    root: Utf8PathBuf,
}

/// What a quick look found, without reading a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    pub coverage: Coverage,
    /// Whether the time sufficed for all of it.
    pub is_whole: bool,
}

impl Workspace {
    /// Opens the archive of the workspace at `root` in `store`, making it where it is missing.
    ///
    /// # Errors
    /// The workspace may not be archived ([`ArchiveError::Forbidden`]), or the store cannot be written.
    pub fn open(store: &Utf8Path, root: &Utf8Path) -> Result<Self, ArchiveError> {
        Ok(Self { dir: store.join("key"), store: store.to_owned(), root: root.to_owned() })
    }

    /// Returns the same archive for looking at another directory: an isolated copy of the workspace.
    #[must_use]
    pub fn at(&self, root: &Utf8Path) -> Self {
        Self { root: root.to_owned(), ..self.clone() }
    }

    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Where this workspace's archive lies.
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// Archives what is there now. When this returns it is on the disk; before that no record of it is.
    /// A name that is taken already returns the snapshot that has it.
    ///
    /// # Errors
    /// A limit, a full disk, an unreadable file, or `go_on` returned false.
    pub fn take(
        &self,
        name: &SnapshotName,
        take: &Take,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Snapshot, ArchiveError> {
        let _ = (name, take, go_on, &self.store);
        Err(ArchiveError::Unsupported)
    }

    /// Returns a snapshot; `None` where none has this name.
    ///
    /// # Errors
    /// Its record cannot be read.
    pub fn snapshot(&self, name: &SnapshotName) -> Result<Option<Snapshot>, ArchiveError> {
        let _ = name;
        Err(ArchiveError::Unsupported)
    }

    /// Returns every snapshot, oldest first.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, ArchiveError> {
        Err(ArchiveError::Unsupported)
    }

    /// # Errors
    /// It cannot be read, or is not what its digest says.
    pub fn manifest(&self, snapshot: &Snapshot) -> Result<Manifest, ArchiveError> {
        let _ = snapshot;
        Err(ArchiveError::Unsupported)
    }

    /// Returns a content. Checked against its digest.
    ///
    /// # Errors
    /// It is not in the archive, or damaged.
    pub fn content(&self, digest: &Digest) -> Result<Vec<u8>, ArchiveError> {
        let _ = digest;
        Err(ArchiveError::Unsupported)
    }

    /// Writes a content into an open file without holding all of it in memory. Checked against its digest.
    ///
    /// # Errors
    /// It is not in the archive or damaged, or the file cannot be written.
    pub fn write_content(&self, digest: &Digest, to: &mut std::fs::File) -> Result<(), ArchiveError> {
        let _ = (digest, to);
        Err(ArchiveError::Unsupported)
    }

    /// Adds contents that lie in no workspace yet (merged texts), durably, in a pack of this name.
    ///
    /// # Errors
    /// The disk is full.
    pub fn add(&self, name: &SnapshotName, contents: &[Vec<u8>]) -> Result<(), ArchiveError> {
        let _ = (name, contents);
        Err(ArchiveError::Unsupported)
    }

    /// Looks at names, sizes and rules only, for as long as `patience`.
    ///
    /// # Errors
    /// The workspace may not be archived, or cannot be read.
    pub fn survey(&self, take: &Take, patience: std::time::Duration) -> Result<Survey, ArchiveError> {
        let _ = (take, patience);
        Err(ArchiveError::Unsupported)
    }

    /// Returns what is there now, without archiving it.
    ///
    /// # Errors
    /// A file cannot be read, or `go_on` returned false.
    pub fn look(&self, take: &Take, go_on: &mut dyn FnMut() -> bool) -> Result<Manifest, ArchiveError> {
        let _ = (take, go_on);
        Err(ArchiveError::Unsupported)
    }

    /// Makes `manifest` be what is in the empty directory `to`. Blocks of unchanged files of this workspace are
    /// shared where the file system can.
    ///
    /// # Errors
    /// A content is missing, the disk is full, or `go_on` returned false.
    pub fn materialize(
        &self,
        manifest: &Manifest,
        to: &Utf8Path,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), ArchiveError> {
        let _ = (manifest, to, go_on);
        Err(ArchiveError::Unsupported)
    }
}
