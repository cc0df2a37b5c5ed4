//! What can go wrong with an archive.

use std::io;

use camino::Utf8PathBuf;

use crate::os::files::FileError;

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The workspace may not be archived at all: `/`, a home directory, the archive itself.
    #[error("{message}")]
    Forbidden { message: String },
    /// A limit was reached; the message has the numbers.
    #[error("{message}")]
    OverLimit { message: String },
    /// No directory of its own can be made for an agent; the message names the way out.
    #[error("{message}")]
    CannotIsolate { message: String },
    /// The caller said stop.
    #[error("the snapshot was broken off")]
    Stopped,
    #[error("the archive of `{root}` is damaged: {detail}")]
    Damaged { root: Utf8PathBuf, detail: String },
    #[error("cannot {act} `{path}`")]
    Path {
        /// Relative to the workspace, as people read it.
        path: String,
        act: &'static str,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    File(#[from] FileError),
}

impl ArchiveError {
    pub fn at(path: &super::RawPath, act: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_string();
        move |source| Self::Path { path, act, source }
    }

    pub(super) fn at_bytes(path: &[u8], act: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = super::RawPath::listed(None, path);
        move |source| Self::Path { path: path.to_string(), act, source }
    }

    /// Whether a file or directory of the archive is not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::File(error) if error.source.kind() == io::ErrorKind::NotFound)
    }

    pub fn is_disk_full(&self) -> bool {
        let full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        match self {
            Self::Path { source, .. } => full(source.kind()),
            Self::File(error) => error.is_disk_full(),
            Self::Forbidden { .. }
            | Self::OverLimit { .. }
            | Self::CannotIsolate { .. }
            | Self::Stopped
            | Self::Damaged { .. } => false,
        }
    }
}
