//! Why a task failed: one closed list, decided per backend from typed events first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of a failure, as scripts and routing see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Auth,
    RateLimit,
    Quota,
    Overloaded,
    Network,
    InvalidModel,
    Permission,
    Protocol,
    BackendMissing,
    Crashed,
    Timeout,
    IdleTimeout,
    Budget,
    OutputLimit,
    Verification,
    Scope,
    /// Success was claimed and nothing was delivered.
    Empty,
    ContextFull,
    Refused,
    SessionNotFound,
    Launch,
    DiskFull,
    /// The workspace could not be archived, so the agent was not started.
    Archive,
    /// The agent asked something and left to wait for the answer.
    NeedsInput,
    Unknown,
}

impl Category {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::RateLimit => "rate_limit",
            Self::Quota => "quota",
            Self::Overloaded => "overloaded",
            Self::Network => "network",
            Self::InvalidModel => "invalid_model",
            Self::Permission => "permission",
            Self::Protocol => "protocol",
            Self::BackendMissing => "backend_missing",
            Self::Crashed => "crashed",
            Self::Timeout => "timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::Budget => "budget",
            Self::OutputLimit => "output_limit",
            Self::Verification => "verification",
            Self::Scope => "scope",
            Self::Empty => "empty",
            Self::ContextFull => "context_full",
            Self::Refused => "refused",
            Self::SessionNotFound => "session_not_found",
            Self::Launch => "launch",
            Self::DiskFull => "disk_full",
            Self::Archive => "archive",
            Self::NeedsInput => "needs_input",
            Self::Unknown => "unknown",
        }
    }

    /// Returns whether the same request may succeed later without anybody changing anything.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::RateLimit | Self::Overloaded | Self::Network | Self::Crashed | Self::Protocol => true,
            Self::Empty | Self::IdleTimeout | Self::Launch | Self::Unknown | Self::Verification => true,
            Self::Auth | Self::Quota | Self::InvalidModel | Self::Permission | Self::BackendMissing => false,
            Self::Timeout | Self::Budget | Self::OutputLimit | Self::Scope | Self::ContextFull => false,
            Self::Refused | Self::SessionNotFound | Self::DiskFull | Self::Archive | Self::NeedsInput => false,
        }
    }

    /// Returns what a person can do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Auth => "log the agent in, then `mgr retry` the task; `mgr doctor` shows what is missing",
            Self::RateLimit => {
                "wait for the limit to reset, or `mgr retry` on another backend with `--backend-override`"
            }
            Self::Quota => "the account has no credit left: add some, or `mgr retry` on another backend",
            Self::Overloaded => "the provider is overloaded: `mgr retry` later or on another backend",
            Self::Network => "check the network and the backend's base URL, then `mgr retry`",
            Self::InvalidModel => "choose a model that the backend knows with `--model`",
            Self::Permission => "allow more with `--posture full`, or change the prompt",
            Self::Protocol => "the agent's stream ended without a result: see `mgr output --raw`",
            Self::BackendMissing => "install the agent; `mgr doctor` prints the command",
            Self::Crashed => "see `mgr output --stderr` for the agent's last words, then `mgr retry`",
            Self::Timeout => "raise `--timeout`, or split the task",
            Self::IdleTimeout => "raise `--idle-timeout`, or look at `mgr events`",
            Self::Budget => "raise the budget and `mgr retry`",
            Self::OutputLimit => "raise `--max-output`, or ask for less output",
            Self::Verification => "see `mgr output --verify`, then `mgr retry`",
            Self::Scope => "the agent touched what it must not: look at the files it changed",
            Self::Empty => "the agent claimed success and delivered nothing: rephrase and `mgr retry`",
            Self::ContextFull => "start a new conversation with a shorter prompt",
            Self::Refused => "the model refused: rephrase the prompt",
            Self::SessionNotFound => "the agent no longer has this conversation: `mgr rerun` starts a new one",
            Self::Launch => "see `mgr output --stderr`; `mgr doctor` checks the backend",
            Self::Archive => {
                "work in a smaller directory, leave files out with `.mgrignore`, or choose with `--archive paths:A,B` or `--archive off`"
            }
            Self::DiskFull => "free some disk space, then `mgr retry`",
            Self::NeedsInput => "answer with `mgr send`: the agent goes on where it asked",
            Self::Unknown => "see `mgr output --raw` and `mgr output --stderr`",
        }
    }
}

/// Why a task failed, in words for people and a category for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    pub category: Category,
    pub message: String,
    pub retryable: bool,
    pub hint: String,
}

impl Failure {
    pub fn new(category: Category, message: impl Into<String>) -> Self {
        Self { category, message: message.into(), retryable: category.is_retryable(), hint: category.hint().to_owned() }
    }
}
