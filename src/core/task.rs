//! A task's life in types: what may be true of it at any time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Category, Failure, TaskId, Timestamp};

/// Where a task is in its life, in one word.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Status {
    Queued,
    Held,
    Running,
    Paused,
    NeedsInput,
    Done,
    Failed,
    Cancelled,
    TimedOut,
    Skipped,
    Lost,
}

impl Status {
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Held,
        Self::Running,
        Self::Paused,
        Self::NeedsInput,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::TimedOut,
        Self::Skipped,
        Self::Lost,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::NeedsInput => "needs_input",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Skipped => "skipped",
            Self::Lost => "lost",
        }
    }

    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Queued | Self::Held | Self::Running | Self::Paused | Self::NeedsInput => false,
            Self::Done | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Skipped | Self::Lost => true,
        }
    }
}

/// What a queued task waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WaitingOn {
    Slot,
    Dependency { task_ids: Vec<TaskId> },
}

/// Why a task is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HoldReason {
    RateLimit {
        message: String,
    },
    /// Between a failed attempt and the next one.
    Backoff {
        category: Category,
    },
    /// Came back from the files after a lost database; released by `mgr resume`.
    Rebuilt,
    /// A person said so with `mgr pause` before the task had started.
    User,
}

/// The state of a task. Each variant carries exactly what is true then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    Queued {
        waiting_on: WaitingOn,
    },
    Held {
        reason: HoldReason,
        until: Option<Timestamp>,
    },
    /// An attempt is claimed: its keeper runs or is about to.
    Running {
        attempt: u32,
    },
    Paused {
        attempt: u32,
    },
    /// `reason` is set once somebody asked for the end; the attempt still winds down.
    Ending {
        attempt: u32,
        ending: Ending,
    },
    Finished {
        status: Status,
        failure: Option<Failure>,
    },
}

impl State {
    pub const fn status(&self) -> Status {
        match self {
            Self::Queued { .. } => Status::Queued,
            Self::Held { .. } => Status::Held,
            Self::Running { .. } | Self::Ending { .. } => Status::Running,
            Self::Paused { .. } => Status::Paused,
            Self::Finished { status, .. } => *status,
        }
    }

    /// Returns the attempt that holds a slot now.
    pub const fn busy_attempt(&self) -> Option<u32> {
        match self {
            Self::Running { attempt } | Self::Paused { attempt } | Self::Ending { attempt, .. } => Some(*attempt),
            Self::Queued { .. } | Self::Held { .. } | Self::Finished { .. } => None,
        }
    }
}

/// Why an attempt was ended from outside, as asked of its keeper and written to its exit file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The agent ended by itself.
    Exited,
    Cancelled,
    TimedOut,
    IdleTimedOut,
    OutputLimit,
    DiskFull,
    Budget,
    /// The agent's stream showed a failure that further waiting cannot mend.
    FailFast,
    /// The agent had given its result and did not leave.
    Lingered,
    /// The agent could not be started.
    LaunchFailed,
    /// The workspace could not be archived, so the agent was not started.
    NotArchived,
    /// The keeper is gone and so is the agent; only the stream can tell.
    Vanished,
}

/// What checks said about the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    #[default]
    None,
    Passed,
    Failed,
    /// The checker itself broke; says nothing about the change.
    Error,
}

/// One verification command's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    pub command: String,
    pub verdict: Verification,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    pub elapsed_s: f64,
    /// The end of what it printed.
    pub output_tail: String,
}

/// A person's judgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    #[default]
    None,
    Accepted,
    Rejected,
}

/// How much the agent may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Posture {
    /// Look, do not touch.
    ReadOnly,
    /// Change files in the working directory.
    #[default]
    Edit,
    /// Anything the user could do.
    Full,
}

/// How hard the model should think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Effort {
    Low,
    Medium,
    High,
    Max,
}
