//! What can go wrong with the store.

use camino::{Utf8Path, Utf8PathBuf};

use crate::os::files::FileError;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database `{path}` is damaged: {detail}")]
    Damaged { path: Utf8PathBuf, detail: String },
    #[error("the database `{path}` was made by a newer mgr (version {found}, this one knows {known})")]
    Newer { path: Utf8PathBuf, found: i64, known: i64 },
    #[error("the disk is full: cannot write `{path}`")]
    DiskFull { path: Utf8PathBuf },
    #[error("`{path}` lies on a file system that cannot share a database's log between processes")]
    NoSharedMemory { path: Utf8PathBuf },
    #[error("cannot use the database `{path}`")]
    Sqlite {
        path: Utf8PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error(transparent)]
    File(#[from] FileError),
}

impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> Self {
        Self::from_sqlite(Utf8Path::new("mgr.db"), source)
    }
}

impl StoreError {
    /// Sorts SQLite's result codes (<https://sqlite.org/rescode.html>) by what a person can do.
    pub(super) fn from_sqlite(path: &Utf8Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged { path, detail: error.to_string() }
            }
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull { path },
            Some(rusqlite::ErrorCode::FileLockingProtocolFailed) => Self::NoSharedMemory { path },
            // Open on purpose: the rest are named by SQLite's own words.
            Some(_) | None => Self::Sqlite { path, source: error },
        }
    }
}
