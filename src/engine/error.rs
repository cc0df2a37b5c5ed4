//! What the engine can fail with, each with the way out where there is one.

use crate::{
    archive::ArchiveError,
    backends::{UnknownBackend, Unservable},
    config::ConfigError,
    core::{InvalidTaskRef, Refusal, TaskId},
    os::files::FileError,
    store::StoreError,
};

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("no task `{0}`")]
    NoTask(String),
    #[error("`{reference}` fits more than one: {first}, {second} …")]
    Ambiguous { reference: String, first: TaskId, second: TaskId },
    #[error(transparent)]
    InvalidTaskRef(#[from] InvalidTaskRef),
    #[error("{refusal}: `{task}`")]
    Refused { task: TaskId, refusal: Refusal },
    #[error(transparent)]
    UnknownBackend(#[from] UnknownBackend),
    #[error("{message}")]
    BackendMissing { message: String, hint: String },
    #[error(transparent)]
    Unservable(#[from] Unservable),
    #[error("{message}")]
    Invalid { message: String, hint: String },
    #[error("{message}")]
    Conflict { message: String, hint: String },
    /// A conflict that passes by itself: the same call may go well later.
    #[error("{message}")]
    Busy { message: String, hint: String },
    /// Something stands in the way that only a person may take away.
    #[error("{message}")]
    Blocked { message: String, hint: String },
    #[error("{message}")]
    NotFound { message: String, hint: String },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("the system gives no random bits for a secret")]
    NoSecret(#[source] std::io::Error),
    #[error("cannot start mgr's own helper")]
    Helper(#[source] std::io::Error),
}
