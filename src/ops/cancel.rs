//! `mgr cancel`: ending tasks, with everything that they started.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, Exit, OpError, Operation, Render, Toolset};
use crate::{
    core::{Span, Status, TaskId, TaskRef},
    ui::{Page, plural},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelInput {
    /// Tasks to end: ids, unique prefixes, @last or @-2
    #[arg(required = true, value_name = "TASK")]
    pub task_ids: Vec<TaskRef>,
    /// Why, to be kept with the task
    #[arg(long, value_name = "TEXT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Time for a polite end before everything is killed, such as 5s; the setting `grace` when absent
    #[arg(long, value_name = "DURATION")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Span>,
}

/// What a cancellation came to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CancelledTask {
    pub task_id: TaskId,
    /// Its status now: cancelled, or how it had ended before.
    pub status: Status,
    /// Processes that had to be killed.
    pub killed_processes: u32,
    /// Whether it was over before.
    pub was_over: bool,
    #[serde(skip)]
    has_begun: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CancelOutput {
    pub tasks: Vec<CancelledTask>,
}

pub struct Cancel;

impl Operation for Cancel {
    const CLI: &'static [&'static str] = &["cancel"];
    const TOOL: Option<&'static str> = Some("task_cancel");
    const TITLE: &'static str = "Cancel tasks";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Destroy;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Cancel, stop, kill or abort tasks. Returns when no process of them is left. \
        What they have done so far stays; task_output still shows it.";
    const EXAMPLE: Example =
        Example { argv: &["cancel", "@last", "--grace", "5s"], json: r#"{"task_ids":["@last"],"grace":"5s"}"# };

    type Input = CancelInput;
    type Output = CancelOutput;

    async fn run(call: &Call<'_>, input: CancelInput) -> Result<CancelOutput, OpError> {
        let ids = input.task_ids.iter().map(|task| call.engine.resolve(task)).collect::<Result<Vec<_>, _>>()?;
        if ids.is_empty() {
            return Err(OpError::invalid("`task_ids` is empty").hint("name the tasks to cancel"));
        }
        let (grace, reason) = (input.grace, input.reason.as_deref());
        let cancel = |id: TaskId| async move { call.engine.cancel(&id, grace, reason).await };
        let mut tasks = Vec::new();
        // Side by side: ten stubborn agents take one grace, not ten.
        for report in join_all(ids.into_iter().map(cancel)).await {
            let report = report?;
            tasks.push(CancelledTask {
                task_id: report.task_id,
                status: report.status,
                killed_processes: report.killed_processes,
                was_over: report.was_over,
                has_begun: report.has_begun,
            });
        }
        Ok(CancelOutput { tasks })
    }
}

/// Runs futures side by side on this task and returns their results in order.
async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    use std::{pin::Pin, task::Poll};
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, result) in running.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *result = Some(value);
            }
        }
        if results.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}

impl Render for CancelOutput {
    /// A task that is still winding down when patience ran out is not cancelled yet, and not called so.
    fn exit(&self) -> Exit {
        let all_over = self.tasks.iter().all(|task| task.status.is_terminal());
        if all_over { Exit::Success } else { Exit::StillRunning }
    }

    fn render(&self, page: &mut Page) {
        for task in &self.tasks {
            let killed = plural(u64::from(task.killed_processes), "process");
            let words = match (task.was_over, task.killed_processes) {
                (true, _) => "was over already".to_owned(),
                (false, 0) if !task.has_begun => "had not started".to_owned(),
                (false, 0) => "left politely".to_owned(),
                (false, _) => format!("{killed} killed"),
            };
            page.line(format!("{} {} ({words})", task.task_id.short(), task.status.as_str()));
        }
    }
}
