//! Tasks as answers show them. Fields are only ever added.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Call, OpError};
use crate::{
    core::{
        Acceptance, Attempt, Check, Cost, Digest, Failure, Health, HoldReason, Lineage, State, Status, Task, TaskId,
        Timestamp, Tokens, Verification, WaitingOn,
    },
    os::clock,
};

fn is_false(value: &bool) -> bool {
    !value
}

/// A task in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TaskLine {
    pub task_id: TaskId,
    pub status: Status,
    pub health: Health,
    pub backend: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The head of the prompt.
    pub prompt: String,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Seconds from the first start to the end, or to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_s: Option<f64>,
    /// What it is doing, in a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(skip_serializing_if = "is_none_verification")]
    pub verification: Verification,
    pub cost: Cost,
}

fn is_none_verification(verification: &Verification) -> bool {
    *verification == Verification::None
}

fn is_none_acceptance(acceptance: &Acceptance) -> bool {
    *acceptance == Acceptance::None
}

/// One attempt of a task.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AttemptView {
    pub number: u32,
    pub backend: String,
    pub claimed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// `kept`, or `adopted` when the attempt lost its first keeper and its exit code is not known.
    pub supervision: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

/// All about one task.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TaskView {
    pub task_id: TaskId,
    pub status: Status,
    pub health: Health,
    /// What a queued or held task waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_on: Option<String>,
    pub backend: String,
    pub posture: crate::core::Posture,
    pub working_dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The head of the prompt.
    pub prompt: String,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_s: Option<f64>,
    pub active_tool_running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_step: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recent_steps: Vec<String>,
    pub attempts: Vec<AttemptView>,
    pub verification: Verification,
    #[serde(skip_serializing_if = "is_none_acceptance")]
    pub acceptance: Acceptance,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Tokens of the last attempt; absent when the backend reported none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Tokens>,
    pub cost: Cost,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual_model: Option<String>,
    /// Whether another model answered than was asked for.
    #[serde(skip_serializing_if = "is_false")]
    pub route_mismatch: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_preview: Option<String>,
    /// Files that the agent says it changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files_changed: Vec<String>,
    /// What the agent was not allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permission_denials: Vec<String>,
    #[serde(skip_serializing_if = "Lineage::is_empty")]
    pub lineage: Lineage,
    /// Silent for long with no tool in flight.
    pub stall_detected: bool,
    /// Give it to `task_events` for what comes next.
    pub next_cursor: String,
}

impl TaskLine {
    /// Returns the task as it is now.
    pub fn of(call: &Call<'_>, task: &Task) -> Result<Self, OpError> {
        let is_live = !task.status().is_terminal();
        let digest = if is_live { call.engine.digest_of(task)? } else { None };
        let end = task.last_end();
        let model = digest.as_ref().and_then(Digest::actual_model).or_else(|| end.and_then(|end| end.model.as_deref()));
        Ok(Self {
            task_id: task.id.clone(),
            status: task.status(),
            health: call.engine.health_of(task, digest.as_ref()),
            backend: task.backend().to_string(),
            model: model.map(str::to_owned).or_else(|| task.spec.model.clone()),
            label: task.spec.label.clone(),
            role: task.spec.role.clone(),
            tags: task.spec.tags.clone(),
            prompt: task.prompt_head.clone(),
            created_at: task.created_at,
            finished_at: task.finished_at,
            elapsed_s: elapsed(task),
            current_step: digest.as_ref().and_then(current_step).or_else(|| waiting_on(task)),
            failure: task.failure().cloned(),
            verification: task.verification(),
            cost: cost(call, task, digest.as_ref()),
        })
    }
}

impl TaskView {
    /// Returns the task as it is now.
    pub fn of(call: &Call<'_>, task: &Task) -> Result<Self, OpError> {
        let digest = call.engine.digest_of(task)?.unwrap_or_default();
        let health = call.engine.health_of(task, Some(&digest));
        let actual_model = digest.actual_model().map(str::to_owned);
        let asked = task.spec.model.clone().or_else(|| digest.model_announced.clone());
        let served = digest.model_served.as_deref();
        let live = !task.status().is_terminal();
        Ok(Self {
            task_id: task.id.clone(),
            status: task.status(),
            health,
            waiting_on: waiting_on(task),
            backend: task.backend().to_string(),
            posture: task.spec.posture,
            working_dir: task.spec.working_dir.to_string(),
            label: task.spec.label.clone(),
            role: task.spec.role.clone(),
            tags: task.spec.tags.clone(),
            prompt: task.prompt_head.clone(),
            created_at: task.created_at,
            started_at: task.started_at(),
            finished_at: task.finished_at,
            elapsed_s: elapsed(task),
            active_tool_running: live && !digest.tools_in_flight.is_empty(),
            current_step: if live { current_step(&digest) } else { None },
            recent_steps: digest.recent_steps.iter().map(|step| step.text.clone()).collect(),
            attempts: task.attempts.iter().map(AttemptView::from).collect(),
            verification: task.verification(),
            acceptance: task.acceptance,
            failure: task.failure().cloned(),
            usage: digest.usage.tokens,
            cost: cost(call, task, Some(&digest)),
            route_mismatch: is_mismatch(asked.as_deref(), served),
            asked_model: asked,
            actual_model,
            session_id: digest.session.clone(),
            output_preview: digest.answer().map(|text| crate::ui::clip(text, 400)),
            files_changed: digest.files.clone(),
            permission_denials: digest.denials.clone(),
            lineage: task.spec.lineage.clone(),
            stall_detected: health == Health::Stalled,
            next_cursor: super::events::cursor(task.attempts.len() as u32, digest.events),
        })
    }
}

/// An alias (`opus`) that resolves to a full name (`claude-opus-4`) is no mismatch.
fn is_mismatch(asked: Option<&str>, served: Option<&str>) -> bool {
    match (asked, served) {
        (Some(asked), Some(served)) => !served.contains(asked) && !asked.contains(served),
        (None, _) | (_, None) => false,
    }
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        let end = attempt.ended.as_ref();
        let adopted = end.is_some_and(|end| end.adopted);
        Self {
            number: attempt.number,
            backend: attempt.backend.to_string(),
            claimed_at: attempt.claimed_at,
            ended_at: end.map(|end| end.at),
            status: end.map(|end| end.status),
            exit_code: end.and_then(|end| end.exit_code),
            signal: end.and_then(|end| end.signal),
            supervision: if adopted { "adopted" } else { "kept" }.to_owned(),
            failure: end.and_then(|end| end.failure.clone()),
            checks: end.map(|end| end.checks.clone()).unwrap_or_default(),
        }
    }
}

fn elapsed(task: &Task) -> Option<f64> {
    let end = task.finished_at.unwrap_or_else(clock::now);
    Some(end.since(task.started_at()?).as_secs_f64())
}

fn cost(call: &Call<'_>, task: &Task, digest: Option<&Digest>) -> Cost {
    if let Some(end) = task.last_end().filter(|_| task.status().is_terminal()) {
        return end.cost.clone();
    }
    digest.map_or(Cost::UNKNOWN, |digest| call.engine.cost_of(digest, task.backend()))
}

/// The oldest tool in flight, else the last step.
fn current_step(digest: &Digest) -> Option<String> {
    if let Some((category, message)) = &digest.retrying {
        return Some(format!("retrying after {}: {message}", category.as_str()));
    }
    let tool = digest.tools_in_flight.values().min_by_key(|tool| tool.since);
    let tool =
        tool.map(
            |tool| if tool.summary.is_empty() { tool.name.clone() } else { format!("{}: {}", tool.name, tool.summary) },
        );
    tool.or_else(|| digest.recent_steps.back().map(|step| step.text.clone()))
}

fn waiting_on(task: &Task) -> Option<String> {
    match &task.state {
        State::Queued { waiting_on: WaitingOn::Slot } => Some("a free slot".into()),
        State::Queued { waiting_on: WaitingOn::Dependency { task_ids } } => {
            let ids: Vec<_> = task_ids.iter().map(TaskId::as_str).collect();
            Some(format!("task {}", ids.join(", ")))
        }
        State::Held { reason, until } => {
            let until = until.map(|at| format!(" until {at}")).unwrap_or_default();
            Some(match reason {
                HoldReason::RateLimit { message } => format!("the rate limit{until}: {message}"),
                HoldReason::Backoff { category } => format!("the next attempt{until} after {}", category.as_str()),
                HoldReason::Rebuilt => "`mgr resume`: it came back from the files without having started".into(),
                HoldReason::User => "`mgr resume`".into(),
            })
        }
        State::Running { .. } | State::Paused { .. } | State::Ending { .. } | State::Finished { .. } => None,
    }
}
