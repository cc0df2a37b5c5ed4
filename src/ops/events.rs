//! `mgr events`: what an agent said and did, in pages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Effect, Example, OpError, Operation, Render, Toolset,
    watch::{Follow, Until, wait_for},
};
use crate::{
    core::{AgentEvent, EventRecord, Span, Task, TaskId, TaskRef},
    engine::{Engine, EngineError},
    ui::{Page, Tone, clip},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsInput {
    /// The task: an id, a unique prefix, @last or @-2
    #[arg(value_name = "TASK")]
    pub task_id: TaskRef,
    /// Cursor from an earlier answer; from the beginning when absent
    #[arg(long, value_name = "CURSOR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Most events to return, 1 to 1000
    #[arg(long, default_value = "200")]
    #[serde(default = "two_hundred")]
    pub limit: u32,
    /// Only these kinds, such as text or tool_started (can be repeated)
    #[arg(long)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Wait for so long for news when there is none, such as 30s
    #[arg(long, value_name = "DURATION")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Span>,
    /// Fold tool calls that follow each other, such as `Grep ×7`
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compact: bool,
    /// Print events as they come until the task is over (command line)
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follow: bool,
}

const fn two_hundred() -> u32 {
    200
}

/// An event with the task and attempt it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EventView {
    pub task_id: TaskId,
    pub attempt: u32,
    #[serde(flatten)]
    pub record: EventRecord,
}

impl EventView {
    pub(super) fn of(id: &TaskId, attempt: u32, record: EventRecord) -> Self {
        Self { task_id: id.clone(), attempt, record }
    }
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventsOutput {
    pub task_id: TaskId,
    /// The events, each with `seq`, `at`, `kind` and what belongs to its kind.
    #[schemars(with = "Vec<AnyEvent>")]
    pub events: Vec<EventView>,
    /// The same with tool calls folded, when compact was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// Give it as `after` to the next call.
    pub next_cursor: String,
    /// Whether the task is over and these were the last events.
    pub done: bool,
    #[serde(skip)]
    followed: bool,
}

/// The schema of an event in answers: its common fields; the others depend on `kind`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AnyEvent {
    task_id: TaskId,
    attempt: u32,
    seq: u64,
    at: crate::core::Timestamp,
    kind: String,
}

pub struct Events;

impl Operation for Events {
    const CLI: &'static [&'static str] = &["events"];
    const TOOL: Option<&'static str> = Some("task_events");
    const TITLE: &'static str = "Read what an agent said and did";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Read the log of what an agent said and did: text, tool calls, files, usage, retries. \
        Returns a page of events and next_cursor. For the final answer alone use task_output.";
    const EXAMPLE: Example = Example {
        argv: &["events", "@last", "--kinds", "tool_started", "--limit", "50"],
        json: r#"{"task_id":"@last","kinds":["tool_started"],"limit":50}"#,
    };

    type Input = EventsInput;
    type Output = EventsOutput;

    async fn run(call: &Call<'_>, input: EventsInput) -> Result<EventsOutput, OpError> {
        let limit = input.limit.clamp(1, 1000) as usize;
        let id = call.engine.resolve(&input.task_id)?;
        call.engine.reconcile()?;
        if input.follow {
            wait_for(call, std::slice::from_ref(&id), Until::All, None, Follow::Events).await?;
            let task = call.engine.task(&id)?;
            let done = task.status().is_terminal();
            let next_cursor = cursor(task.attempts.len() as u32, 0);
            return Ok(EventsOutput {
                task_id: id,
                events: Vec::new(),
                lines: Vec::new(),
                next_cursor,
                done,
                followed: true,
            });
        }
        let start = input.after.clone().unwrap_or_else(|| cursor(1, 0));
        parse(&start)?;
        let wanted = |event: &AgentEvent| input.kinds.is_empty() || input.kinds.iter().any(|kind| kind == event.kind());
        let look = |_| {
            let task = call.engine.task(&id)?;
            let page = read_after(call.engine, &task, &start, limit, &wanted)?;
            let worth = !page.events.is_empty() || task.status().is_terminal() || call.progress.is_over();
            Ok(worth.then_some((task.clone(), page)))
        };
        let asked = input.wait.map_or(std::time::Duration::ZERO, Span::as_duration);
        let found = call.engine.wait_until(call.wait_limit(Some(asked)), look).await?;
        let (task, page) = match found {
            Some(found) => found,
            None => (call.engine.task(&id)?, Stretch::empty(start)),
        };
        let events: Vec<_> =
            page.events.into_iter().map(|event| EventView::of(&id, event.attempt, event.record)).collect();
        let lines = if input.compact { folded(&events) } else { Vec::new() };
        let events = if input.compact { Vec::new() } else { events };
        let done = task.status().is_terminal() && !page.more;
        Ok(EventsOutput { task_id: id, events, lines, next_cursor: page.next_cursor, done, followed: false })
    }
}

/// Returns the place after event `seq` of an attempt.
pub(super) fn cursor(attempt: u32, seq: u64) -> String {
    format!("{}-{seq}", attempt.max(1))
}

fn parse(cursor: &str) -> Result<(u32, u64), OpError> {
    let parts = cursor.split_once('-').and_then(|(attempt, seq)| Some((attempt.parse().ok()?, seq.parse().ok()?)));
    parts.ok_or_else(|| {
        OpError::invalid(format!("`{cursor}` is not a cursor")).hint("use next_cursor of an earlier answer")
    })
}

/// Returns the attempt in which a place of ours is.
pub(super) fn attempt_of(cursor: &str) -> u32 {
    parse(cursor).map_or(1, |(attempt, _)| attempt)
}

pub(super) struct Placed {
    pub attempt: u32,
    pub record: EventRecord,
}

/// Events over all attempts of a task, from a cursor.
pub(super) struct Stretch {
    pub events: Vec<Placed>,
    pub next_cursor: String,
    pub more: bool,
}

impl Stretch {
    const fn empty(next_cursor: String) -> Self {
        Self { events: Vec::new(), next_cursor, more: false }
    }
}

/// Reads from one attempt to the next.
pub(super) fn read_after(
    engine: &Engine,
    task: &Task,
    after: &str,
    limit: usize,
    wanted: &dyn Fn(&AgentEvent) -> bool,
) -> Result<Stretch, EngineError> {
    let (first, mut seq) = parse(after).unwrap_or((1, 0));
    let mut page = Stretch::empty(after.to_owned());
    for attempt in task.attempts.iter().filter(|attempt| attempt.number >= first) {
        let from = if attempt.number == first { seq } else { 0 };
        let found = engine.events(task, attempt, from, limit - page.events.len(), wanted)?;
        seq = found.last_seq;
        page.events.extend(found.events.into_iter().map(|record| Placed { attempt: attempt.number, record }));
        page.next_cursor = cursor(attempt.number, seq);
        if found.more || page.events.len() >= limit {
            page.more = found.more;
            break;
        }
    }
    Ok(page)
}

/// Returns a line an event, runs of the same tool in one.
fn folded(events: &[EventView]) -> Vec<String> {
    let mut lines: Vec<(String, u32)> = Vec::new();
    for event in events {
        let line = match &event.record.event {
            AgentEvent::ToolStarted { name, .. } => name.clone(),
            other => match words(other) {
                Some(line) => line,
                None => continue,
            },
        };
        match lines.last_mut() {
            Some((last, count)) if *last == line => *count += 1,
            Some(_) | None => lines.push((line, 1)),
        }
    }
    lines.into_iter().map(|(line, count)| if count == 1 { line } else { format!("{line} ×{count}") }).collect()
}

/// Returns an event as a harmless line for people; `None` for those that say nothing to them.
pub fn words(event: &AgentEvent) -> Option<String> {
    own_words(event).map(|line| crate::ui::one_line(&line))
}

fn own_words(event: &AgentEvent) -> Option<String> {
    Some(match event {
        AgentEvent::Started { model, .. } => {
            format!("started{}", model.as_deref().map(|m| format!(" with {m}")).unwrap_or_default())
        }
        AgentEvent::Text { text, .. } => clip(text, 200),
        AgentEvent::Thinking { text } => format!("thinks: {}", clip(text, 120)),
        AgentEvent::ToolStarted { name, summary, .. } => format!("{name}: {}", clip(summary, 160)),
        AgentEvent::ToolFinished { ok: false, id } => format!("tool {id} failed"),
        AgentEvent::ToolFinished { ok: true, .. } | AgentEvent::ModelServed { .. } | AgentEvent::Usage(_) => {
            return None;
        }
        AgentEvent::FileChanged { path, change } => {
            let change = match change {
                crate::core::FileChange::Created => "created",
                crate::core::FileChange::Modified => "changed",
                crate::core::FileChange::Deleted => "deleted",
            };
            format!("{change} {path}")
        }
        AgentEvent::RateLimited { message, .. } => format!("rate limited: {}", clip(message, 160)),
        AgentEvent::Retrying { category, attempt, message, .. } => {
            format!("retry {attempt} after {}: {}", category.as_str(), clip(message, 120))
        }
        AgentEvent::PermissionDenied { tool, message } => format!("denied {tool}: {}", clip(message, 160)),
        AgentEvent::NeedsInput { question } => format!("asks: {}", clip(question, 200)),
        AgentEvent::Notice { text, .. } => format!("note: {}", clip(text, 200)),
        AgentEvent::Finished { .. } => "finished".to_owned(),
        AgentEvent::Failed { category, message } => format!("failed ({}): {}", category.as_str(), clip(message, 200)),
        AgentEvent::Unknown { raw } => format!("unknown: {}", clip(raw, 100)),
    })
}

impl Render for EventsOutput {
    fn was_streamed(&self) -> bool {
        self.followed
    }

    fn render(&self, page: &mut Page) {
        for event in &self.events {
            event.render(page);
        }
        for line in &self.lines {
            page.line(crate::ui::one_line(line));
        }
    }
}

impl Render for EventView {
    fn render(&self, page: &mut Page) {
        if let Some(line) = words(&self.record.event) {
            let at = self.record.at.to_string();
            let time = at.get(11..19).unwrap_or(&at);
            let time = page.tint(Tone::Faint, time);
            page.line(format!("{time} {line}"));
        }
    }
}
