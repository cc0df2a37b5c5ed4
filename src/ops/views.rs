//! Tasks as answers show them. Fields are only ever added.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Call, OpError};
use crate::{
    core::{
        Acceptance, ArchiveScope, Attempt, Check, Cost, Digest, Failure, Health, HoldReason, Isolation, Lineage,
        NotCovered, State, Status, Task, TaskId, Timestamp, Tokens, Usage, Verification, WaitingOn,
    },
    engine::{ArchiveLook, Changes, Holder, IsolationState, Lease},
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
    /// In a list of the tasks of a workflow run: the step, after those that its own run lies in, such as `outer/fix`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What it comes from: its workflow run and step there, or another task.
    #[serde(skip_serializing_if = "Lineage::is_empty")]
    pub lineage: Lineage,
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
    /// How often a failed check went back to the agent.
    #[serde(skip_serializing_if = "is_zero")]
    pub repairs: u32,
    pub cost: Cost,
}

pub(super) fn is_zero<N: Default + PartialEq>(count: &N) -> bool {
    *count == N::default()
}

fn is_none_verification(verification: &Verification) -> bool {
    *verification == Verification::None
}

fn is_none_acceptance(acceptance: &Acceptance) -> bool {
    *acceptance == Acceptance::None
}

/// Why an attempt follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptReason {
    /// The same backend tries again from the beginning.
    Retry,
    /// The next backend tries.
    Fallback,
    /// The same conversation goes on with the output of a failed check.
    Repair,
}

/// One attempt of a task.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AttemptView {
    pub number: u32,
    /// Why it follows the one before; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<AttemptReason>,
    /// The attempt whose failed check it mends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair_of: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
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

/// What of a workspace is archived.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ArchiveView {
    /// `all`, `off` or the paths.
    pub mode: ArchiveScope,
    pub covered_files: u64,
    pub covered_bytes: u64,
    /// The first of what is not covered, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_covered: Vec<NotCovered>,
    pub not_covered_total: u64,
    /// Whether all of it has been counted.
    pub is_whole: bool,
    /// Archived later than it should have been, after a crash.
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
    /// Why what the agent left could not be archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl From<ArchiveLook> for ArchiveView {
    fn from(look: ArchiveLook) -> Self {
        let ArchiveLook { mode, coverage, is_whole, late } = look;
        Self {
            mode,
            covered_files: coverage.covered_files,
            covered_bytes: coverage.covered_bytes,
            not_covered: coverage.not_covered,
            not_covered_total: coverage.not_covered_total,
            is_whole,
            late,
            note: None,
        }
    }
}

/// Where an isolated task works.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IsolationView {
    pub kind: Isolation,
    pub directory: String,
    pub state: IsolationState,
    /// Why it is still there, or what of it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How much differs after a task.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ChangesView {
    pub total: u64,
    pub created: u64,
    pub modified: u64,
    pub deleted: u64,
    /// Others may have made some of them: the task shared its directory, or was not to write.
    #[serde(skip_serializing_if = "is_false")]
    pub others_may_write: bool,
}

impl From<&Changes> for ChangesView {
    fn from(seen: &Changes) -> Self {
        let Changes { total, created, modified, deleted, others_may_write, .. } = *seen;
        Self { total, created, modified, deleted, others_may_write }
    }
}

/// What a waiting task waits for, for programs.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct WaitingView {
    /// `slot`, `dependency`, `lease` or `hold`.
    pub kind: String,
    /// The tasks that are waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_ids: Vec<TaskId>,
    /// The directory that somebody else writes in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The command that holds it, if it is no task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
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
    /// The same for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingView>,
    pub backend: String,
    pub posture: crate::core::Posture,
    pub working_dir: String,
    /// Works beside other writers of its directory.
    #[serde(skip_serializing_if = "is_false")]
    pub share: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The caller's own data.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub metadata: std::collections::BTreeMap<String, String>,
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
    /// Tokens of all attempts; absent when the backend reported none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Tokens>,
    pub cost: Cost,
    /// Whether it is a program, which costs nothing.
    #[serde(skip)]
    is_program: bool,
    /// Why its budget does not stop it: nobody knows what it costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_note: Option<String>,
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
    /// Files that differ after the task, the first 500; while it runs, those that the agent says it changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files_changed: Vec<String>,
    /// How many files differ, once the archive has looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangesView>,
    /// The agent says that it changed files, and none differs.
    #[serde(skip_serializing_if = "is_false")]
    pub claims_unseen: bool,
    /// What became of the repository itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub git: Vec<String>,
    /// What of the workspace is archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation: Option<IsolationView>,
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
            step: None,
            tags: task.spec.tags.clone(),
            lineage: task.spec.lineage.clone(),
            prompt: task.prompt_head.clone(),
            created_at: task.created_at,
            finished_at: task.finished_at,
            elapsed_s: elapsed(task),
            current_step: match step_of(call, task, digest.as_ref()) {
                Some(step) => Some(step),
                None => waiting_on(call, task)?.map(|(words, _)| words),
            },
            failure: task.failure().cloned(),
            verification: task.verification(),
            repairs: task.repairs(),
            cost: cost(call, task, digest.as_ref()),
        })
    }
}

impl TaskView {
    /// Returns the words for a cost that nobody has told.
    pub(super) const fn no_cost(&self) -> &'static str {
        if self.is_program { "nothing" } else { "unknown" }
    }

    /// Returns the task as it is now.
    pub fn of(call: &Call<'_>, task: &Task) -> Result<Self, OpError> {
        let digest = call.engine.digest_of(task)?.unwrap_or_default();
        let health = call.engine.health_of(task, Some(&digest));
        let actual_model = digest.actual_model().map(str::to_owned);
        let asked = task.spec.model.clone().or_else(|| digest.model_announced.clone());
        let served = digest.model_served.as_deref();
        let live = !task.status().is_terminal();
        let seen = call.engine.changes_seen(task)?;
        let unseen = |seen: &Changes| call.engine.is_claim_unseen(task, &digest.files, seen);
        let (waiting_on, waiting) = waiting_on(call, task)?.unzip();
        let (usage, cost) = (used(task, &digest), cost(call, task, Some(&digest)));
        Ok(Self {
            task_id: task.id.clone(),
            status: task.status(),
            health,
            waiting_on,
            waiting,
            backend: task.backend().to_string(),
            posture: task.spec.posture,
            working_dir: task.spec.working_dir.to_string(),
            share: task.spec.share,
            label: task.spec.label.clone(),
            role: task.spec.role.clone(),
            tags: task.spec.tags.clone(),
            metadata: task.spec.metadata.clone(),
            prompt: task.prompt_head.clone(),
            created_at: task.created_at,
            started_at: task.started_at(),
            finished_at: task.finished_at,
            elapsed_s: elapsed(task),
            active_tool_running: live && !digest.tools_in_flight.is_empty(),
            current_step: if live { step_of(call, task, Some(&digest)) } else { None },
            recent_steps: digest.recent_steps.iter().map(|step| step.text.clone()).collect(),
            attempts: attempts_of(task),
            verification: task.verification(),
            acceptance: task.acceptance,
            failure: task.failure().cloned(),
            budget_note: budget_note(task, &cost, &usage, &digest),
            usage: usage.tokens,
            cost,
            is_program: !task.spec.command.is_empty(),
            route_mismatch: is_mismatch(asked.as_deref(), served),
            asked_model: asked,
            actual_model,
            session_id: digest.session.clone().or_else(|| session_gone_on_with(task)),
            output_preview: digest.answer().map(|text| crate::ui::clip(text, 400)),
            files_changed: files_changed(seen.as_ref(), &digest),
            changes: seen.as_ref().map(ChangesView::from),
            claims_unseen: seen.as_ref().is_some_and(unseen),
            git: seen.map(|seen| seen.git).unwrap_or_default(),
            archive: archive_view(call, task)?,
            isolation: call.engine.isolation_of(task)?.map(|look| IsolationView {
                kind: look.kind,
                directory: look.directory.into_string(),
                state: look.state,
                note: look.note,
            }),
            permission_denials: digest.denials.clone(),
            lineage: task.spec.lineage.clone(),
            stall_detected: health == Health::Stalled,
            next_cursor: super::events::cursor(task.attempts.len() as u32, digest.events),
        })
    }
}

/// An agent that goes on with its conversation does not always name it again.
fn session_gone_on_with(task: &Task) -> Option<String> {
    task.last_attempt()?.repair_of?;
    task.last_end()?.session.clone()
}

/// An alias (`opus`) that resolves to a full name (`claude-opus-4`) is no mismatch.
fn is_mismatch(asked: Option<&str>, served: Option<&str>) -> bool {
    match (asked, served) {
        (Some(asked), Some(served)) => !served.contains(asked) && !asked.contains(served),
        (None, _) | (_, None) => false,
    }
}

fn attempts_of(task: &Task) -> Vec<AttemptView> {
    let before = std::iter::once(None).chain(task.attempts.iter().map(Some));
    task.attempts.iter().zip(before).map(|(attempt, before)| AttemptView::of(attempt, before)).collect()
}

impl AttemptView {
    fn of(attempt: &Attempt, before: Option<&Attempt>) -> Self {
        let end = attempt.ended.as_ref();
        let adopted = end.is_some_and(|end| end.adopted);
        Self {
            number: attempt.number,
            reason: before.map(|before| match attempt.repair_of {
                Some(_) => AttemptReason::Repair,
                None if before.backend == attempt.backend => AttemptReason::Retry,
                None => AttemptReason::Fallback,
            }),
            repair_of: attempt.repair_of,
            session_id: end.and_then(|end| end.session.clone()),
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

/// Returns the seconds since a task's first attempt began, up to its end.
pub(super) fn elapsed(task: &Task) -> Option<f64> {
    let end = task.finished_at.unwrap_or_else(clock::now);
    Some(end.since(task.started_at()?).as_secs_f64())
}

/// Returns the cost of all attempts, the one that runs included.
fn cost(call: &Call<'_>, task: &Task, digest: Option<&Digest>) -> Cost {
    let ended = task.attempts.iter().filter_map(|attempt| attempt.ended.as_ref()).map(|end| end.cost.clone());
    let running = task.state.busy_attempt().and(digest).map(|digest| call.engine.cost_of(digest, task.backend()));
    ended.chain(running).reduce(Cost::with).unwrap_or(Cost::UNKNOWN)
}

/// Tokens without a price are no cost that a budget could see.
fn budget_note(task: &Task, cost: &Cost, usage: &Usage, digest: &Digest) -> Option<String> {
    let budget = task.spec.budget.filter(|_| cost.usd.is_none() && usage.tokens.is_some())?;
    let model = digest.actual_model().map_or("its model".to_owned(), |model| format!("`{model}`"));
    let backend = task.backend();
    Some(format!(
        "the budget of {budget} does not stop it: `{backend}` tells no cost, and `prices` has none for {model}"
    ))
}

/// Returns what all attempts used, the one that runs included.
fn used(task: &Task, digest: &Digest) -> Usage {
    let spent = task.spent();
    if task.state.busy_attempt().is_some() { spent.with(&digest.usage) } else { spent }
}

fn step_of(call: &Call<'_>, task: &Task, digest: Option<&Digest>) -> Option<String> {
    let getting_ready = || match task.spec.isolate {
        Isolation::None => "archiving the workspace",
        Isolation::Worktree | Isolation::Copy => "making its directory ready",
    };
    let step = digest.and_then(current_step);
    let step = step.or_else(|| call.engine.is_getting_ready(task).then(|| getting_ready().to_owned()));
    let running = task.state.busy_attempt().and_then(|number| task.attempt(number));
    match running.and_then(|attempt| attempt.repair_of) {
        Some(_) => {
            let repair = format!("repair {} of {}", task.repairs(), task.spec.verify_retries);
            Some(step.map_or(repair.clone(), |step| format!("{repair}: {step}")))
        }
        None => step,
    }
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

fn files_changed(seen: Option<&Changes>, digest: &Digest) -> Vec<String> {
    seen.map_or_else(|| digest.files.clone(), |seen| seen.files.iter().map(|file| file.path.clone()).collect())
}

fn archive_view(call: &Call<'_>, task: &Task) -> Result<Option<ArchiveView>, OpError> {
    let note = task.last_end().and_then(|end| end.archive_note.clone());
    Ok(call.engine.archive_of(task)?.map(|look| ArchiveView { note, ..look.into() }))
}

/// Returns what a task waits for, in words and for programs.
pub(super) fn waiting_on(call: &Call<'_>, task: &Task) -> Result<Option<(String, WaitingView)>, OpError> {
    let waiting = |kind: &str| WaitingView { kind: kind.to_owned(), ..WaitingView::default() };
    Ok(match &task.state {
        State::Queued { waiting_on: WaitingOn::Slot } => Some(match call.engine.lease_over(task)? {
            Some(lease) => (lease.awaited(), lease_view(lease)),
            None => ("a free slot".into(), waiting("slot")),
        }),
        State::Queued { waiting_on: WaitingOn::Dependency { task_ids } } => {
            let ids: Vec<_> = task_ids.iter().map(TaskId::as_str).collect();
            let words = format!("task {}", ids.join(", "));
            Some((words, WaitingView { task_ids: task_ids.clone(), ..waiting("dependency") }))
        }
        State::Held { reason, until } => Some((held_for(reason, *until), waiting("hold"))),
        State::Running { .. } | State::Paused { .. } | State::Ending { .. } | State::Finished { .. } => None,
    })
}

fn lease_view(lease: Lease) -> WaitingView {
    let (task_ids, holder) = match lease.holder {
        Holder::Writer(id) | Holder::Before(id) => (vec![id], None),
        Holder::Command(words) => (Vec::new(), Some(words)),
    };
    WaitingView { kind: "lease".into(), task_ids, path: Some(lease.path.into_string()), holder }
}

fn held_for(reason: &HoldReason, until: Option<Timestamp>) -> String {
    let until = until.map(|at| format!(" until {at}")).unwrap_or_default();
    match reason {
        HoldReason::RateLimit { message } => format!("the rate limit{until}: {message}"),
        HoldReason::Backoff { category } => format!("the next attempt{until} after {}", category.as_str()),
        HoldReason::Rebuilt => "somebody to resume it: it came back from the files without having started".into(),
        HoldReason::User => "somebody to resume it: it is paused".into(),
    }
}
