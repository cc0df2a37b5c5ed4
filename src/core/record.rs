//! A task as it is kept: the frozen ask, the state, and what each attempt came to.

use serde::{Deserialize, Serialize};

use super::{
    Acceptance, Check, Cost, Ending, Failure, State, Status, TaskId, TaskSpec, Timestamp, Usage, Verification,
};

/// One attempt, from its claim to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub backend: super::BackendName,
    pub claimed_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<AttemptEnd>,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnd {
    pub at: Timestamp,
    pub status: Status,
    pub ending: Ending,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Whether the attempt lost its first keeper.
    #[serde(default)]
    pub adopted: bool,
    #[serde(default)]
    pub killed_processes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(default)]
    pub verification: Verification,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default)]
    pub usage: Usage,
    pub cost: Cost,
    #[serde(default)]
    pub tools: u64,
    /// Why what the agent left could not be archived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_note: Option<String>,
    /// The head of the answer, for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_head: Option<String>,
}

/// A task as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub id: TaskId,
    pub spec: TaskSpec,
    /// The head of the prompt; the whole is kept apart.
    pub prompt_head: String,
    pub state: State,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub attempts: Vec<Attempt>,
    pub acceptance: Acceptance,
}

impl Task {
    pub fn status(&self) -> Status {
        self.state.status()
    }

    pub fn last_attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Returns the end of the last attempt that has ended.
    pub fn last_end(&self) -> Option<&AttemptEnd> {
        self.attempts.iter().rev().find_map(|attempt| attempt.ended.as_ref())
    }

    pub fn started_at(&self) -> Option<Timestamp> {
        let first = self.attempts.first()?;
        Some(first.started_at.unwrap_or(first.claimed_at))
    }

    pub fn failure(&self) -> Option<&Failure> {
        match &self.state {
            State::Finished { failure, .. } => failure.as_ref(),
            State::Queued { .. } | State::Held { .. } | State::Running { .. } => None,
            State::Paused { .. } | State::Ending { .. } => None,
        }
    }

    /// Returns the backend of the attempt that runs, or of the one that would be next.
    pub fn backend(&self) -> &super::BackendName {
        let next = self.attempts.len() as u32 + u32::from(self.state.busy_attempt().is_none());
        let last = self.last_attempt().map(|attempt| &attempt.backend);
        if self.state.status().is_terminal() || self.state.busy_attempt().is_some() {
            return last.unwrap_or(&self.spec.backend);
        }
        self.spec.backend_of(next).or(last).unwrap_or(&self.spec.backend)
    }

    pub fn verification(&self) -> Verification {
        self.last_end().map_or(Verification::None, |end| end.verification)
    }
}
