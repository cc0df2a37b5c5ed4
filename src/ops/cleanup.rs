//! `mgr cleanup`: removing old tasks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, Toolset};
use crate::{
    core::{Bytes, RunId, Span, Status, Task, TaskId, Timestamp},
    os::clock,
    store::Filter,
    ui::{Page, plural},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CleanupInput {
    /// Only tasks that were submitted longer ago than this, such as 7d
    #[arg(long, default_value = "30d", value_name = "DURATION")]
    #[serde(default = "thirty_days")]
    pub older_than: Span,
    /// Only tasks of this status (can be repeated); all that are over when absent
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<Status>,
    /// Remove them; without it, only say what would go
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apply: bool,
}

const fn thirty_days() -> Span {
    Span::from_secs(30 * 86_400)
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CleanupItem {
    pub task_id: TaskId,
    pub status: Status,
    pub created_at: Timestamp,
    pub bytes: u64,
}

/// A task that must stay, however old.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct KeptItem {
    pub task_id: TaskId,
    pub reason: String,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CleanupOutput {
    /// What went, or would go.
    pub tasks: Vec<CleanupItem>,
    /// What stays although it is old enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptItem>,
    /// Runs of workflows that went, or would go: over, old enough, and without tasks that stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<RunId>,
    pub total_bytes: u64,
    pub applied: bool,
    /// Whether there is more than one call removes.
    pub more: bool,
}

pub struct Cleanup;

/// One call removes at most so many, so that it always ends soon.
const BATCH: u32 = 1000;

impl Operation for Cleanup {
    const CLI: &'static [&'static str] = &["cleanup"];
    const TOOL: Option<&'static str> = Some("task_cleanup");
    const TITLE: &'static str = "Remove old tasks";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Destroy;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Remove finished tasks that are older than a time, with their output, and their workflow runs, and free their space. \
        Says what would go; removes it only with apply.";
    const EXAMPLE: Example = Example {
        argv: &["cleanup", "--older-than", "7d", "--status", "done"],
        json: r#"{"older_than":"168h","status":["done"]}"#,
    };

    type Input = CleanupInput;
    type Output = CleanupOutput;

    async fn run(call: &Call<'_>, input: CleanupInput) -> Result<CleanupOutput, OpError> {
        call.engine.reconcile()?;
        if let Some(live) = input.status.iter().find(|status| !status.is_terminal()) {
            return Err(OpError::invalid(format!("a {} task is not over", live.as_str()))
                .hint("`mgr cancel` ends tasks; cleanup removes what is over"));
        }
        let over = Status::ALL.into_iter().filter(|status| status.is_terminal());
        let takes_all = input.status.is_empty();
        let status = if input.status.is_empty() { over.collect() } else { input.status };
        let limit = clock::now().minus(input.older_than);
        let filter = Filter { status, older_than: Some(limit), ..Filter::default() };
        let (mut tasks, mut kept, mut cursor) = (Vec::new(), Vec::new(), None);
        loop {
            let page = call.engine.list(&filter, cursor, BATCH)?;
            for task in &page.tasks {
                let reason = match call.engine.custody_of(task)? {
                    None => call.engine.need_of_run(task)?,
                    some => some,
                };
                match reason {
                    Some(reason) => kept.push(KeptItem { task_id: task.id.clone(), reason }),
                    None => tasks.push(removed(call, task, input.apply)?),
                }
            }
            cursor = page.next_cursor;
            // A page of which all must stay is no reason not to look further.
            if cursor.is_none() || !tasks.is_empty() {
                break;
            }
        }
        let total_bytes = tasks.iter().map(|item| item.bytes).sum();
        let going = tasks.iter().map(|item| &item.task_id).collect();
        let workflows = if takes_all { call.engine.forgettable_runs(limit, &going)? } else { Vec::new() };
        if input.apply {
            workflows.iter().try_for_each(|id| call.engine.remove_run(id))?;
        }
        Ok(CleanupOutput { tasks, kept, workflows, total_bytes, applied: input.apply, more: cursor.is_some() })
    }
}

fn removed(call: &Call<'_>, task: &Task, apply: bool) -> Result<CleanupItem, OpError> {
    let bytes = call.engine.size_of(&task.id);
    if apply {
        call.engine.remove(&task.id)?;
    }
    Ok(CleanupItem { task_id: task.id.clone(), status: task.status(), created_at: task.created_at, bytes })
}

impl Render for CleanupOutput {
    fn render(&self, page: &mut Page) {
        for item in &self.tasks {
            page.line(format!(
                "{} {} {} {}",
                item.task_id.short(),
                item.status.as_str(),
                item.created_at,
                Bytes(item.bytes)
            ));
        }
        for item in &self.kept {
            page.line(format!("{} stays: {}", item.task_id.short(), item.reason));
        }
        let mut count = plural(self.tasks.len() as u64, "task");
        if !self.workflows.is_empty() {
            count.push_str(&format!(" and {}", plural(self.workflows.len() as u64, "workflow run")));
        }
        let size = self.total_bytes / 1000;
        page.line(if self.applied {
            format!("Removed {count}, {size} kB.")
        } else {
            format!("Would remove {count}, {size} kB. Add `--apply` to do it.")
        });
        if self.more {
            page.line("There is more: run it again.");
        }
    }
}
