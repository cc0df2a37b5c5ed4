//! `mgr cleanup`: removing old tasks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, Toolset};
use crate::{
    core::{Bytes, Span, Status, TaskId, Timestamp},
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

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CleanupOutput {
    /// What went, or would go.
    pub tasks: Vec<CleanupItem>,
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
    const ABOUT: &'static str = "Remove finished tasks that are older than a time, with their output, and free their space. \
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
        let status = if input.status.is_empty() { over.collect() } else { input.status };
        let older_than = Some(clock::now().minus(input.older_than));
        let filter = Filter { status, older_than, ..Filter::default() };
        let page = call.engine.list(&filter, None, BATCH)?;
        let mut tasks = Vec::new();
        for task in &page.tasks {
            let bytes = call.engine.size_of(&task.id);
            if input.apply {
                call.engine.remove(&task.id)?;
            }
            tasks.push(CleanupItem {
                task_id: task.id.clone(),
                status: task.status(),
                created_at: task.created_at,
                bytes,
            });
        }
        let total_bytes = tasks.iter().map(|item| item.bytes).sum();
        Ok(CleanupOutput { tasks, total_bytes, applied: input.apply, more: page.next_cursor.is_some() })
    }
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
        let count = plural(self.tasks.len() as u64, "task");
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
