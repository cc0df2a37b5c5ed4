//! `mgr poll`: what has finished since the last look.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, TaskLine, Toolset, status::task_table};
use crate::{core::Timestamp, ui::Page};

const PAGE: u32 = 200;

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PollInput {
    /// A cursor from an earlier answer, or a time such as 2026-11-20T09:30:00Z; now when absent
    #[arg(long, value_name = "CURSOR|TIME")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PollOutput {
    pub completed_since: Vec<TaskLine>,
    pub still_running: Vec<TaskLine>,
    /// One line about everything.
    pub status_bar: String,
    /// Give it as `since` to the next call.
    pub next_cursor: String,
}

pub struct Poll;

impl Operation for Poll {
    const CLI: &'static [&'static str] = &["poll"];
    const TOOL: Option<&'static str> = Some("task_poll");
    const TITLE: &'static str = "See what finished";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "See which tasks have finished since a cursor or time and which are still running, \
        without waiting. Returns next_cursor for the next look. To wait use task_watch.";
    const EXAMPLE: Example =
        Example { argv: &["poll", "--since", "2026-11-20T09:30:00Z"], json: r#"{"since":"2026-11-20T09:30:00Z"}"# };

    type Input = PollInput;
    type Output = PollOutput;

    async fn run(call: &Call<'_>, input: PollInput) -> Result<PollOutput, OpError> {
        call.engine.reconcile()?;
        let start = cursor(call, input.since.as_deref())?;
        let news = call.engine.news(start, PAGE)?;
        let mut completed_since = Vec::new();
        for item in &news {
            // A task may have been cleaned up since.
            if let Ok(task) = call.engine.task(&item.task_id) {
                completed_since.push(TaskLine::of(call, &task)?);
            }
        }
        let live = call.engine.live(PAGE)?;
        let still_running = live.iter().map(|task| TaskLine::of(call, task)).collect::<Result<Vec<_>, _>>()?;
        let next_cursor = news.last().map_or(start, |last| last.cursor).to_string();
        Ok(PollOutput { completed_since, still_running, status_bar: status_bar(call)?, next_cursor })
    }
}

fn cursor(call: &Call<'_>, since: Option<&str>) -> Result<i64, OpError> {
    let Some(since) = since else { return Ok(call.engine.last_cursor()?) };
    if let Ok(cursor) = since.parse() {
        return Ok(cursor);
    }
    let at: Timestamp = since.parse().map_err(|_| {
        OpError::invalid(format!("`{since}` is neither a cursor nor a time"))
            .hint("use next_cursor of an earlier answer, or a time such as 2026-11-20T09:30:00Z")
    })?;
    Ok(call.engine.cursor_at(at)?)
}

fn status_bar(call: &Call<'_>) -> Result<String, OpError> {
    let counts = call.engine.counts()?;
    let parts: Vec<_> = counts.iter().map(|(status, count)| format!("{count} {}", status.as_str())).collect();
    Ok(if parts.is_empty() { "no tasks".to_owned() } else { parts.join(" · ") })
}

impl Render for PollOutput {
    fn render(&self, page: &mut Page) {
        task_table(page, &self.completed_since);
        task_table(page, &self.still_running);
        page.line(&self.status_bar);
        page.line(format!("next: mgr poll --since {}", self.next_cursor));
    }
}
