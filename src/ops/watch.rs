//! `mgr watch`: waiting for tasks, in bounded slices with a cursor where the caller needs them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Effect, EventView, Example, Exit, OpError, Operation, Render, TaskLine, Toolset,
    events::{attempt_of, cursor, read_after},
    run_news::{StepNews, is_at_rest},
    run_views::RunLine,
};
use crate::{
    core::{Category, RunId, RunStatus, Span, Status, Task, TaskId, TaskRef},
    engine::{EngineError, RunState},
    ui::{Page, Tone, duration_words},
};

/// When a wait for several tasks is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum WatchMode {
    /// All are over.
    #[default]
    All,
    /// One is over.
    Any,
    /// One is done and its checks did not fail.
    FirstSuccess,
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchInput {
    /// Tasks or workflow runs to wait for: ids, unique prefixes, @last or @-2
    #[arg(required = true, value_name = "TASK")]
    pub task_ids: Vec<TaskRef>,
    /// When the wait is over: all tasks, any task, or first_success
    #[arg(long, default_value = "all")]
    #[serde(default)]
    pub mode: WatchMode,
    /// Cancel the tasks that are still running when the wait is over
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_rest: bool,
    /// Longest wait such as 45s, 0 just looks; over MCP at most 50s, or 230s with a progress token
    #[arg(long, value_name = "DURATION")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Cursor from an earlier answer: tasks that were reported there are not reported again
    #[arg(long, value_name = "CURSOR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WatchOutput {
    /// Tasks that are over.
    pub done: Vec<TaskLine>,
    pub still_running: Vec<TaskLine>,
    /// The workflow runs that were named; one that waits for a person or is paused ends the wait as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<RunLine>,
    /// Give it as `after` to the next call.
    pub next_cursor: String,
    /// Whether the wait limit was reached before its end; nothing is wrong then, call again.
    pub timed_out: bool,
    /// Tasks that were cancelled because of cancel_rest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<TaskId>,
    /// What to call next.
    pub next: String,
    #[serde(skip)]
    pub exit: Exit,
}

pub struct Watch;

impl Operation for Watch {
    const CLI: &'static [&'static str] = &["watch"];
    const TOOL: Option<&'static str> = Some("task_watch");
    const TITLE: &'static str = "Wait for tasks";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Wait for tasks to finish and see when they are done (all, any, or the first success). \
        Returns done, still_running and next_cursor; the limit is no error: call it again with the cursor. \
        Next: task_output for the result.";
    const EXAMPLE: Example = Example {
        argv: &["watch", "1f9d", "@last", "--mode", "any", "--timeout", "45s"],
        json: r#"{"task_ids":["1f9d","@last"],"mode":"any","timeout":"45s"}"#,
    };

    type Input = WatchInput;
    type Output = WatchOutput;

    async fn run(call: &Call<'_>, input: WatchInput) -> Result<WatchOutput, OpError> {
        if input.task_ids.is_empty() {
            return Err(OpError::invalid("`task_ids` is empty").hint("`mgr list` shows the tasks that there are"));
        }
        let named = Named::of(call, &input.task_ids)?;
        let reported = reported(input.after.as_deref())?;
        let until = match input.mode {
            WatchMode::All => Until::All,
            WatchMode::Any => Until::AnyBut(reported.clone()),
            WatchMode::FirstSuccess => Until::Success,
        };
        let over = wait_for_all(call, &named, until, input.timeout.map(Span::as_duration), Follow::Tasks).await?;
        let cancelled = if over && input.cancel_rest { cancel_rest(call, &named).await? } else { Vec::new() };
        answer(call, &named, &reported, input.mode, over, cancelled)
    }
}

/// What is waited for.
#[derive(Clone, Debug, Default)]
struct Named {
    tasks: Vec<TaskId>,
    runs: Vec<RunId>,
}

impl Named {
    fn of(call: &Call<'_>, references: &[TaskRef]) -> Result<Self, OpError> {
        let mut named = Self::default();
        for reference in references {
            match (call.engine.resolve(reference), reference) {
                (Ok(task), _) => named.tasks.push(task),
                (Err(error @ EngineError::NotFound { .. }), TaskRef::Prefix { .. }) => {
                    named.runs.push(call.engine.resolve_run(reference).map_err(|_| error)?);
                }
                (Err(error), _) => return Err(error.into()),
            }
        }
        Ok(named)
    }

    fn tasks(&self, call: &Call<'_>) -> Result<Vec<Task>, EngineError> {
        self.tasks.iter().map(|id| call.engine.task(id)).collect()
    }

    fn runs(&self, call: &Call<'_>) -> Result<Vec<RunState>, EngineError> {
        self.runs.iter().map(|id| call.engine.run_state(id)).collect()
    }
}

async fn cancel_rest(call: &Call<'_>, named: &Named) -> Result<Vec<TaskId>, OpError> {
    let mut cancelled = Vec::new();
    for id in &named.runs {
        if !call.engine.run_state(id)?.run.status.is_terminal() {
            call.engine.cancel_run(id, None).await?;
            cancelled.push(id.clone());
        }
    }
    for id in &named.tasks {
        if !call.engine.task(id)?.status().is_terminal() {
            call.engine.cancel(id, None, Some("another task was first")).await?;
            cancelled.push(id.clone());
        }
    }
    Ok(cancelled)
}

fn answer(
    call: &Call<'_>,
    named: &Named,
    reported: &[TaskId],
    mode: WatchMode,
    over: bool,
    cancelled: Vec<TaskId>,
) -> Result<WatchOutput, OpError> {
    let (tasks, runs) = (named.tasks(call)?, named.runs(call)?);
    let lines = runs.iter().map(|state| RunLine::of(call, state)).collect::<Result<Vec<_>, _>>()?;
    let (ended, running): (Vec<_>, Vec<_>) = tasks.iter().partition(|task| task.status().is_terminal());
    let fresh = ended.iter().filter(|task| !reported.contains(&task.id));
    let done = fresh.map(|task| TaskLine::of(call, task)).collect::<Result<Vec<_>, _>>()?;
    let still_running = running.iter().map(|task| TaskLine::of(call, task)).collect::<Result<Vec<_>, _>>()?;
    let runs_go_on = lines.iter().any(|run| !run.status.is_terminal());
    let next = match (still_running.is_empty() && !runs_go_on, over) {
        (true, _) if tasks.is_empty() => "workflow_report with a workflow_id for what came of it".to_owned(),
        (true, _) => "task_output with a task_id for its result".to_owned(),
        (false, true) => "task_output for what is done; task_watch with next_cursor for the rest".to_owned(),
        (false, false) => "task_watch again with next_cursor; the tasks go on".to_owned(),
    };
    let runs_over = lines.iter().filter(|run| run.status.is_terminal()).map(|run| &run.workflow_id);
    let over_by_now: Vec<&str> = ended.iter().map(|task| &task.id).chain(runs_over).map(TaskId::as_str).collect();
    let tasks_exits = ended.iter().map(|task| exit_of(task));
    let exits: Vec<Exit> =
        tasks_exits.chain(lines.iter().filter(|run| run.is_at_rest()).map(RunLine::exit_of)).collect();
    Ok(WatchOutput {
        done,
        still_running,
        next_cursor: over_by_now.join("."),
        workflows: lines.into_iter().filter(|run| !reported.contains(&run.workflow_id)).collect(),
        timed_out: !over,
        cancelled,
        next,
        exit: if over { worst(exits, mode) } else { Exit::StillRunning },
    })
}

/// The cursor is the list of tasks that were reported: nothing to store, nothing to expire.
fn reported(after: Option<&str>) -> Result<Vec<TaskId>, OpError> {
    let parts = after.unwrap_or_default().split('.').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            part.parse().map_err(|_| {
                OpError::invalid(format!("`{part}` is not a cursor")).hint("use next_cursor of an earlier answer")
            })
        })
        .collect()
}

/// Worst first, so that a script sees that something went wrong.
fn worst(exits: Vec<Exit>, mode: WatchMode) -> Exit {
    if mode != WatchMode::All && exits.contains(&Exit::Success) {
        return Exit::Success;
    }
    exits.into_iter().find(|exit| *exit != Exit::Success).unwrap_or(Exit::Success)
}

/// Returns the exit code for the outcome of a task.
pub(super) fn exit_of(task: &Task) -> Exit {
    match task.status() {
        Status::Done => Exit::Success,
        Status::Cancelled => Exit::Cancelled,
        Status::TimedOut => Exit::TimedOut,
        Status::Failed => match task.failure().map(|failure| failure.category) {
            Some(Category::Auth | Category::BackendMissing) => Exit::BackendMissing,
            Some(Category::Budget | Category::Scope) => Exit::Blocked,
            Some(Category::NeedsInput) => Exit::WaitingForHuman,
            // Open on purpose: every other failure is a failed task.
            Some(_) | None => Exit::Failed,
        },
        Status::Skipped | Status::Lost => Exit::Failed,
        Status::NeedsInput => Exit::WaitingForHuman,
        Status::Queued | Status::Held | Status::Running | Status::Paused => Exit::StillRunning,
    }
}

/// What ends a wait.
#[derive(Clone, Debug)]
pub(super) enum Until {
    All,
    /// Any that was not reported before.
    AnyBut(Vec<TaskId>),
    Success,
}

/// What the progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    Tasks,
    /// Every event too.
    Events,
}

/// Waits; returns whether the end was reached in time.
pub(super) async fn wait_for(
    call: &Call<'_>,
    ids: &[TaskId],
    until: Until,
    asked: Option<Duration>,
    follow: Follow,
) -> Result<bool, OpError> {
    let named = Named { tasks: ids.to_vec(), runs: Vec::new() };
    wait_for_all(call, &named, until, asked, follow).await
}

async fn wait_for_all(
    call: &Call<'_>,
    named: &Named,
    until: Until,
    asked: Option<Duration>,
    follow: Follow,
) -> Result<bool, OpError> {
    let limit = call.wait_limit(asked);
    call.engine.reconcile()?;
    let mut followers: Vec<(TaskId, String)> = named.tasks.iter().map(|id| (id.clone(), cursor(1, 0))).collect();
    let mut news: Vec<StepNews> = named.runs.iter().map(|_| StepNews::default()).collect();
    let found = call
        .engine
        .wait_until(limit, |is_up_to_date| {
            let (tasks, runs) = (named.tasks(call)?, named.runs(call)?);
            let is_over = is_over(call, &tasks, &runs, &until)?;
            if !is_over && !is_up_to_date {
                return Ok(None);
            }
            news.iter_mut().zip(&runs).try_for_each(|(news, run)| news.tell(call, run))?;
            if call.progress.wants_tasks() {
                let lines: Vec<_> = tasks.iter().filter_map(|task| TaskLine::of(call, task).ok()).collect();
                call.progress.tasks(&lines);
            }
            if follow == Follow::Events {
                for (id, position) in &mut followers {
                    follow_events(call, id, position)?;
                }
            }
            Ok(if is_over { Some(true) } else { call.progress.is_over().then_some(false) })
        })
        .await?;
    Ok(found.unwrap_or(false))
}

fn follow_events(call: &Call<'_>, id: &TaskId, position: &mut String) -> Result<(), EngineError> {
    loop {
        let task = call.engine.task(id)?;
        let page = read_after(call.engine, &task, position, 200, &|_| true)?;
        let mut said = attempt_of(position);
        let mut say_why_up_to = |attempt: u32| {
            ((said + 1)..=attempt).for_each(|attempt| say_why(call, &task, attempt));
            said = said.max(attempt);
        };
        for event in &page.events {
            say_why_up_to(event.attempt);
            call.progress.event(&EventView::of(id, event.attempt, event.record.clone()));
        }
        // The place may be in an attempt that has said nothing yet.
        say_why_up_to(attempt_of(&page.next_cursor));
        *position = page.next_cursor;
        if !page.more {
            return Ok(());
        }
    }
}

/// Says which check has failed, when the attempt mends it.
fn say_why(call: &Call<'_>, task: &Task, attempt: u32) {
    let failed = task.attempt(attempt).and_then(|attempt| task.repaired_by(attempt));
    if let Some(failure) = failed.and_then(|failed| failed.ended.as_ref()?.failure.as_ref()) {
        call.progress.line(&crate::ui::one_line(&format!("{}: back to the same conversation", failure.message)));
    }
}

/// A run that waits for a person or is paused does not end without one: nobody waits for that here.
fn is_over(call: &Call<'_>, tasks: &[Task], runs: &[RunState], until: &Until) -> Result<bool, EngineError> {
    let mut all = tasks.iter().all(|task| task.status().is_terminal());
    for run in runs {
        all = all && is_at_rest(call, run)?;
    }
    Ok(match until {
        Until::All => all,
        Until::AnyBut(reported) => {
            let tasks = tasks.iter().filter(|task| task.status().is_terminal()).map(|task| &task.id);
            let runs = runs.iter().filter(|state| state.run.status.is_terminal()).map(|state| &state.run.id);
            all || tasks.chain(runs).any(|id| !reported.contains(id))
        }
        Until::Success => {
            all || tasks.iter().any(|task| task.status() == Status::Done)
                || runs.iter().any(|state| state.run.status == RunStatus::Done)
        }
    })
}

impl Render for WatchOutput {
    fn render(&self, page: &mut Page) {
        for task in self.done.iter().chain(&self.still_running) {
            task.render(page);
        }
        for run in &self.workflows {
            run.render(page);
        }
        if self.timed_out {
            page.line("The wait limit was reached; the tasks go on.");
        }
    }

    fn exit(&self) -> Exit {
        self.exit
    }
}

impl Render for TaskLine {
    /// One line: what, how, how long, why.
    fn render(&self, page: &mut Page) {
        let word = page.tint(tone(self.status), self.health.as_str());
        let took = self.elapsed_s.map(|seconds| format!(" in {}", duration_words(seconds))).unwrap_or_default();
        let name = self.label.as_deref().map(|label| format!(" {}", crate::ui::one_line(label))).unwrap_or_default();
        let why = self
            .failure
            .as_ref()
            .map(|failure| format!(": {} ({})", crate::ui::one_line(&failure.message), failure.category.as_str()));
        page.line(format!("{}{name} {word}{took}{}", self.task_id.short(), why.unwrap_or_default()));
    }
}

/// Returns the colour of a status.
pub(super) const fn tone(status: Status) -> Tone {
    match status {
        Status::Done => Tone::Good,
        Status::Failed | Status::TimedOut | Status::Lost => Tone::Bad,
        Status::Running => Tone::Busy,
        Status::Queued | Status::Held | Status::Paused | Status::NeedsInput => Tone::Plain,
        Status::Cancelled | Status::Skipped => Tone::Faint,
    }
}
