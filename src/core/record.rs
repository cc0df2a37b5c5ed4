//! A task as it is kept: the frozen ask, the state, and what each attempt came to.

use serde::{Deserialize, Serialize};

use super::{
    Acceptance, Category, Check, Cost, Ending, Failure, State, Status, TaskId, TaskSpec, Timestamp, Usage, Verification,
};

/// One attempt, from its claim to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub backend: super::BackendName,
    pub claimed_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The attempt whose failed check this one mends in the same conversation; absent for one that begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair_of: Option<u32>,
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

impl AttemptEnd {
    /// Whether the agent did its part and a check said no.
    pub fn failed_a_check(&self) -> bool {
        let category = self.failure.as_ref().map(|failure| failure.category);
        self.verification == Verification::Failed && category == Some(Category::Verification)
    }
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

    pub fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.number == number)
    }

    /// Returns the attempt whose failed check this one mends.
    pub fn repaired_by(&self, attempt: &Attempt) -> Option<&Attempt> {
        attempt.repair_of.and_then(|failed| self.attempt(failed))
    }

    /// Returns the attempt that began the conversation which a repair goes on with.
    pub fn try_of<'a>(&'a self, attempt: &'a Attempt) -> &'a Attempt {
        self.repaired_by(attempt).map_or(attempt, |failed| self.try_of(failed))
    }

    /// Returns what the attempts that are over used together, as far as they said. Money that the provider does not
    /// tell is what the price table made of it.
    pub fn spent(&self) -> Usage {
        let ends = self.attempts.iter().filter_map(|attempt| attempt.ended.as_ref());
        ends.fold(Usage::default(), |all, end| all.with(&end.usage.at_cost(&end.cost)))
    }

    /// Returns how many repairs there have been.
    pub fn repairs(&self) -> u32 {
        self.attempts.iter().filter(|attempt| attempt.repair_of.is_some()).count() as u32
    }

    /// Returns how many attempts began anew: what `retries` and `fallback` count.
    pub fn tries(&self) -> u32 {
        self.attempts.len() as u32 - self.repairs()
    }

    /// Returns the attempt that comes next. After a failed check only a repair does.
    pub fn next_attempt(&self, now: Timestamp) -> Attempt {
        let failed = self.last_attempt().filter(|last| last.ended.as_ref().is_some_and(AttemptEnd::failed_a_check));
        let backend = match failed {
            Some(failed) => &failed.backend,
            None => self.spec.backend_of(self.tries() + 1).unwrap_or(&self.spec.backend),
        };
        Attempt {
            number: self.attempts.len() as u32 + 1,
            backend: backend.clone(),
            claimed_at: now,
            started_at: None,
            repair_of: failed.map(|failed| failed.number),
            ended: None,
        }
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
        let last = self.last_attempt();
        let is_repair_next = last.and_then(|last| last.ended.as_ref()).is_some_and(AttemptEnd::failed_a_check);
        let last = last.map(|attempt| &attempt.backend);
        if self.state.status().is_terminal() || self.state.busy_attempt().is_some() || is_repair_next {
            return last.unwrap_or(&self.spec.backend);
        }
        self.spec.backend_of(self.tries() + 1).or(last).unwrap_or(&self.spec.backend)
    }

    pub fn verification(&self) -> Verification {
        self.last_end().map_or(Verification::None, |end| end.verification)
    }
}
