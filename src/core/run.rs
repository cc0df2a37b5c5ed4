//! Runs of workflows: what may be true of a run and of each of its steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Money, TaskId, Timestamp};

/// A run's id has the form of a task's, so that one argument may name either.
pub type RunId = TaskId;

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    /// Nothing new is started until somebody lets it go on.
    Paused,
    Done,
    Failed,
    Cancelled,
}

impl RunStatus {
    pub const ALL: [Self; 5] = [Self::Running, Self::Paused, Self::Done, Self::Failed, Self::Cancelled];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Running | Self::Paused => false,
            Self::Done | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// Where a step is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// For what it needs, or for its turn.
    Waiting,
    Running,
    /// Waits for a person.
    Held,
    Done,
    Failed,
    /// Something that it needs did not succeed.
    Skipped,
    /// Its own condition did not hold; for those that need it as good as done.
    NotNeeded,
    Cancelled,
    /// Was over, but what it built on is made anew: it runs again.
    Stale,
}

impl StepStatus {
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Running,
        Self::Held,
        Self::Done,
        Self::Failed,
        Self::Skipped,
        Self::NotNeeded,
        Self::Cancelled,
        Self::Stale,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Held => "held",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::NotNeeded => "not_needed",
            Self::Cancelled => "cancelled",
            Self::Stale => "stale",
        }
    }

    /// Whether the step is still to be started.
    pub const fn is_to_do(self) -> bool {
        matches!(self, Self::Waiting | Self::Stale)
    }

    pub const fn is_over(self) -> bool {
        match self {
            Self::Waiting | Self::Running | Self::Held | Self::Stale => false,
            Self::Done | Self::Failed | Self::Skipped | Self::NotNeeded | Self::Cancelled => true,
        }
    }
}

/// A run as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub id: RunId,
    pub name: String,
    pub status: RunStatus,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// Counts the wishes of people: work that was planned before one is not written down as the last word.
    pub revision: i64,
    /// The run and the step of it that this one is the workflow of.
    pub parent: Option<(RunId, String)>,
    /// Why it is paused.
    pub why: Option<String>,
    /// Whether what runs stands still as well while it is paused.
    pub freezes: bool,
    /// The run with which this one was paused: it goes on with that one.
    pub paused_with: Option<RunId>,
    /// The most money to spend, where somebody changed what the definition says.
    pub budget: Option<Money>,
}

/// A step of a run as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStep {
    pub step: String,
    pub status: StepStatus,
    /// The task of this turn, or of the one before while this one has not started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// How often the step was asked to run, from 1; a loop's runs count as well.
    pub turn: u32,
    /// How often its loop began anew since a person last asked for the step, or since the start.
    #[serde(default)]
    pub loops: u32,
    /// The run of a nested workflow in this turn, or in the one before while this one has not started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The end of a wait, or of the time to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The question to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Its task is over, and what that means for the step has not been noted yet.
    #[serde(skip)]
    pub has_ended: bool,
}
