//! What a snapshot is: its name, its record, how to take one.

use std::{fmt, str::FromStr};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::{Digest, GitState};
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

impl SnapshotName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The version of the records that this release writes.
pub(super) const VERSION: u32 = 1;

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

/// What a quick look found, without reading a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    pub coverage: Coverage,
    /// Whether the time sufficed for all of it.
    pub is_whole: bool,
}
