//! `mgr list`: tasks by filter, newest first.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, TaskLine, Toolset, status::task_table};
use crate::{
    core::{Health, Lineage, RunId, Span, Status, Task, TaskRef, Timestamp},
    os::clock,
    store::Filter,
    ui::{Page, plural},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListInput {
    /// Only tasks of this status (can be repeated)
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<Status>,
    /// Only tasks of this health (can be repeated)
    #[arg(long)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<Health>,
    /// Only tasks of this backend
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Only tasks with this tag
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Only tasks with this label
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Only tasks of this role
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Only tasks of this workflow run: its id, a unique prefix, @last or @-2
    #[arg(long, value_name = "RUN")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<TaskRef>,
    /// Only tasks submitted since a time, or within a duration such as 2h
    #[arg(long, value_name = "TIME|DURATION")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Only tasks whose prompt contains this text
    #[arg(long, value_name = "TEXT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Most tasks to return, 1 to 1000
    #[arg(short = 'n', long, default_value = "20")]
    #[serde(default = "twenty")]
    pub limit: u32,
    /// Cursor from an earlier answer, for the next page
    #[arg(long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

const fn twenty() -> u32 {
    20
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ListOutput {
    pub tasks: Vec<TaskLine>,
    /// How many fit the filter in all.
    pub total: u64,
    /// The filter as it was applied.
    #[schemars(with = "super::JsonObject")]
    pub filter: ListInput,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

pub struct List;

impl Operation for List {
    const CLI: &'static [&'static str] = &["list"];
    const TOOL: Option<&'static str> = Some("task_list");
    const TITLE: &'static str = "List tasks";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "List tasks, newest first, by status, health, backend, tag, label, role, time or text. \
        Returns a page and next_cursor. For one task use task_status.";
    const EXAMPLE: Example = Example {
        argv: &["list", "--status", "failed", "--since", "2h", "-n", "5"],
        json: r#"{"status":["failed"],"since":"2h","limit":5}"#,
    };

    type Input = ListInput;
    type Output = ListOutput;

    async fn run(call: &Call<'_>, input: ListInput) -> Result<ListOutput, OpError> {
        call.engine.reconcile()?;
        let mut cursor = match &input.cursor {
            Some(cursor) => Some(cursor.parse().map_err(|_| {
                OpError::invalid(format!("`{cursor}` is not a cursor")).hint("use next_cursor of an earlier answer")
            })?),
            None => None,
        };
        let mut status = input.status.clone();
        if status.is_empty() {
            status = Filter::statuses_of(&input.health);
        }
        let backend = input.backend.as_deref().map(|name| call.engine.named_backend(name)).transpose()?;
        let run = input.workflow.as_ref().map(|run| call.engine.resolve_run(run)).transpose()?;
        let paths = run.as_ref().map(|run| call.engine.paths_of_family(run)).transpose()?.unwrap_or_default();
        let filter = Filter {
            status,
            backend: backend.map(|name| name.to_string()),
            tag: input.tag.clone(),
            label: input.label.clone(),
            role: input.role.clone(),
            since: input.since.as_deref().map(time).transpose()?,
            search: input.search.clone(),
            workflow: run,
            ..Filter::default()
        };
        let is_whole = cursor.is_none();
        let wanted = |line: &TaskLine| input.health.is_empty() || input.health.contains(&line.health);
        let limit = input.limit.clamp(1, 1000);
        let (mut tasks, mut total) = (Vec::new(), 0);
        // Health is more than what the store can be asked for: it is looked for page by page. No page is longer than
        // what is still wanted, so that the cursor stands behind the last task that was looked at.
        for _ in 0..MOST_PAGES {
            let page = call.engine.list(&filter, cursor, limit - tasks.len() as u32)?;
            (total, cursor) = (page.total, page.next_cursor);
            for task in &page.tasks {
                let line = TaskLine { step: step_of(task, &paths), ..TaskLine::of(call, task)? };
                tasks.extend(wanted(&line).then_some(line));
            }
            if cursor.is_none() || tasks.len() >= limit as usize {
                break;
            }
        }
        if is_whole && cursor.is_none() {
            total = tasks.len() as u64;
        }
        Ok(ListOutput { tasks, total, filter: input, next_cursor: cursor.map(|cursor| cursor.to_string()) })
    }
}

/// Then the caller gets what was found so far, and where to go on.
const MOST_PAGES: usize = 200;

/// Returns the step that a task is of, after those of the runs that its own lies in.
fn step_of(task: &Task, paths: &BTreeMap<RunId, String>) -> Option<String> {
    let Lineage { workflow: Some(run), step: Some(step), .. } = &task.spec.lineage else { return None };
    Some(format!("{}{step}", paths.get(run)?))
}

/// Reads a time, or a duration back from now.
pub(super) fn time(text: &str) -> Result<Timestamp, OpError> {
    if let Ok(span) = text.parse::<Span>() {
        return Ok(clock::now().minus(span));
    }
    text.parse().map_err(|_| {
        OpError::invalid(format!("`{text}` is neither a time nor a duration")).hint("write 2h, or 2026-11-20T09:30:00Z")
    })
}

impl Render for ListOutput {
    fn render(&self, page: &mut Page) {
        task_table(page, &self.tasks);
        let shown = self.tasks.len() as u64;
        if shown < self.total {
            let next = self.next_cursor.as_deref().map(|cursor| format!("; the next page: --cursor {cursor}"));
            page.line(format!("{shown} of {}{}.", plural(self.total, "task"), next.unwrap_or_default()));
        } else if shown == 0 {
            page.line("No tasks.");
        }
    }
}
