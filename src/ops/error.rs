//! The one error of operations: a code for programs, a message, and what to do next.

use serde::Serialize;

use crate::{archive::ArchiveError, engine::EngineError};

/// The exit codes of `mgr`. They only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exit {
    #[default]
    Success = 0,
    Failed = 1,
    Usage = 2,
    Cancelled = 3,
    TimedOut = 4,
    StillRunning = 5,
    NotFound = 6,
    Blocked = 7,
    BackendMissing = 8,
    Conflict = 9,
    WaitingForHuman = 10,
    Internal = 70,
}

/// What kind of failure, as programs see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    InvalidInput,
    NotFound,
    Ambiguous,
    Conflict,
    BackendMissing,
    Blocked,
    DiskFull,
    StoreDamaged,
    Internal,
}

impl Code {
    pub const fn exit(self) -> Exit {
        match self {
            Self::InvalidInput | Self::Ambiguous => Exit::Usage,
            Self::NotFound => Exit::NotFound,
            Self::Conflict => Exit::Conflict,
            Self::BackendMissing => Exit::BackendMissing,
            Self::Blocked => Exit::Blocked,
            Self::DiskFull | Self::StoreDamaged | Self::Internal => Exit::Internal,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::NotFound => "not_found",
            Self::Ambiguous => "ambiguous",
            Self::Conflict => "conflict",
            Self::BackendMissing => "backend_missing",
            Self::Blocked => "blocked",
            Self::DiskFull => "disk_full",
            Self::StoreDamaged => "store_damaged",
            Self::Internal => "internal",
        }
    }
}

/// An operation that could not be done. Nothing has changed then.
#[derive(Debug, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct OpError {
    pub code: Code,
    pub message: String,
    /// What lies beneath, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Whether the same call may go well later, with nothing changed by the caller.
    pub retryable: bool,
    pub hints: Vec<String>,
}

impl OpError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), retryable: false, hints: Vec::new() }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidInput, message)
    }
}

impl From<EngineError> for OpError {
    fn from(error: EngineError) -> Self {
        let causes = crate::core::causes(&error).collect();
        let (code, hint) = code_and_hint(&error);
        let retryable = code == Code::DiskFull || matches!(error, EngineError::Busy { .. });
        Self { code, message: error.to_string(), causes, retryable, hints: hint.into_iter().collect() }
    }
}

impl From<crate::os::files::FileError> for OpError {
    fn from(error: crate::os::files::FileError) -> Self {
        EngineError::from(error).into()
    }
}

fn code_and_hint(error: &EngineError) -> (Code, Option<String>) {
    use crate::{config::ConfigError, core::Refusal, store::StoreError};
    let hint = |text: &str| Some(text.to_owned());
    match error {
        EngineError::NoTask(_) => (Code::NotFound, hint("`mgr list` shows the tasks that there are")),
        EngineError::Ambiguous { .. } => (Code::Ambiguous, hint("write more digits of the id")),
        EngineError::InvalidTaskRef(_) => (Code::InvalidInput, None),
        EngineError::Refused { refusal, .. } => (
            Code::Conflict,
            match refusal {
                Refusal::Over => hint("`mgr rerun` starts it again"),
                Refusal::NotPaused => hint("`mgr status` shows what it does"),
                Refusal::AlreadyPaused => hint("`mgr resume` lets it go on"),
                Refusal::WindingDown => hint("`mgr watch` waits for its end"),
                Refusal::NotReady => None,
            },
        ),
        EngineError::UnknownBackend(unknown) => {
            let meant = crate::core::nearest(&unknown.name, unknown.known.iter().map(String::as_str));
            (Code::InvalidInput, meant.map(|meant| format!("did you mean `{meant}`?")))
        }
        EngineError::BackendMissing { hint, .. } => (Code::BackendMissing, Some(hint.clone())),
        EngineError::Unservable(unservable) => (Code::InvalidInput, Some(unservable.hint.clone())),
        EngineError::Invalid { hint, .. } => (Code::InvalidInput, Some(hint.clone())),
        EngineError::Conflict { hint, .. } | EngineError::Busy { hint, .. } => (Code::Conflict, Some(hint.clone())),
        EngineError::Blocked { hint, .. } => (Code::Blocked, Some(hint.clone())),
        EngineError::NotFound { hint, .. } => (Code::NotFound, Some(hint.clone())),
        EngineError::Config(ConfigError::UnknownKey { .. }) => {
            (Code::InvalidInput, hint("`mgr config show` lists all settings"))
        }
        EngineError::Config(_) => (Code::InvalidInput, hint("`mgr config path` says where the file is")),
        EngineError::Store(StoreError::Damaged { .. }) => {
            (Code::StoreDamaged, hint("`mgr doctor --rebuild` makes it anew from the tasks' files"))
        }
        EngineError::Store(StoreError::DiskFull { .. }) => (Code::DiskFull, hint("free some space and try again")),
        EngineError::Store(StoreError::Newer { .. }) => {
            (Code::Internal, hint("use the newer mgr, or another MGR_HOME"))
        }
        EngineError::Store(StoreError::NoSharedMemory { .. }) => {
            (Code::Internal, hint("set MGR_HOME to a directory on a local disk"))
        }
        EngineError::Store(_) => (Code::Internal, None),
        EngineError::File(error) if error.is_disk_full() => (Code::DiskFull, hint("free some space and try again")),
        EngineError::File(error) if error.source.kind() == std::io::ErrorKind::NotFound => (Code::InvalidInput, None),
        EngineError::Archive(error) if error.is_disk_full() => (Code::DiskFull, hint("free some space and try again")),
        EngineError::Archive(
            ArchiveError::Forbidden { .. } | ArchiveError::OverLimit { .. } | ArchiveError::Path { .. },
        ) => (
            Code::Conflict,
            hint(
                "work in a smaller directory, leave files out with `.mgrignore`, or choose with `--archive paths:A,B` or `--archive off`",
            ),
        ),
        EngineError::Archive(ArchiveError::Damaged { .. }) => (Code::StoreDamaged, None),
        EngineError::Archive(_) | EngineError::File(_) | EngineError::Helper(_) | EngineError::NoSecret(_) => {
            (Code::Internal, None)
        }
    }
}
