//! From lines of `stream-json` to events.
//!
//! A line that is not understood becomes `Unknown`, never an error: the set of types grows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    failures,
    wire::{
        Block, Control, Head, ModelUsage, Part, RateLimit, Scalar, System, Task, ToolInput, ToolUseResult, Turn,
        TurnResult, UsageByModel,
    },
};
use crate::{
    backends::{
        Parser,
        text::{classify_answer, classify_text, limit_reset, unix_seconds},
    },
    core::{AgentEvent, Category, FileChange, Money, NoticeLevel, Tokens, UsageReport, UsageScope},
};

const UNKNOWN_CAP: usize = 2000;
const SUMMARY_CAP: usize = 200;
/// Denials and background tasks that are remembered; more would be a broken stream.
const MEMORY_CAP: usize = 1000;

/// What is known between two lines.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ClaudeParser {
    /// The model that answered last, so that only a change is told.
    served: Option<String>,
    /// Whether any tool was called: then a short last text is not a login message.
    used_tools: bool,
    /// The error that the last assistant message was, until another message follows.
    assistant_error: Option<Category>,
    /// Whether the provider's limit was told by an event that knows when it ends.
    limit_told: bool,
    /// Background shells and sub-agents by task id: (kind, description).
    background: BTreeMap<String, (String, String)>,
    /// Tool calls whose denial was told; the result lists them again.
    denied: BTreeSet<String>,
}

impl Parser for ClaudeParser {
    fn line(&mut self, line: &[u8], events: &mut Vec<AgentEvent>) {
        let line = trim(line);
        if line.is_empty() || self.read(line, events).is_some() {
            return;
        }
        // A byte that is no UTF-8 must not cost a whole result.
        let repaired = String::from_utf8_lossy(line);
        if matches!(repaired, std::borrow::Cow::Owned(_)) && self.read(repaired.as_bytes(), events).is_some() {
            return;
        }
        let raw = repaired[..repaired.floor_char_boundary(UNKNOWN_CAP)].to_owned();
        events.push(AgentEvent::Unknown { raw });
    }

    fn save(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn restore(&mut self, state: &serde_json::Value) {
        *self = Self::deserialize(state).unwrap_or_default();
    }
}

/// A stream may begin with a byte order mark, and a crash of the machine leaves runs of NUL.
fn trim(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|byte| *byte != 0).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| *byte != 0).map_or(start, |last| last + 1);
    let line = &line[start..end];
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii()
}

/// Returns the line's type, from its first key where it stands there: that spares a pass over the line.
fn kind(line: &[u8]) -> Option<String> {
    if let Some(rest) = line.strip_prefix(br#"{"type":""#)
        && let Some(end) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))
        && rest[end] == b'"'
    {
        return std::str::from_utf8(&rest[..end]).ok().map(str::to_owned);
    }
    parse::<Head<'_>>(line)?.kind.into_text()
}

fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Option<T> {
    serde_json::from_slice(line).ok()
}

impl ClaudeParser {
    /// Adds the events of a line; `None` when the line is not understood.
    fn read(&mut self, line: &[u8], events: &mut Vec<AgentEvent>) -> Option<()> {
        match kind(line)?.as_str() {
            "assistant" => self.assistant(parse(line)?, events),
            "user" => user(parse(line)?, events),
            "system" => return self.system(parse(line)?, events),
            "result" => return self.result(parse(line)?, events),
            "rate_limit_event" => return self.rate_limit(parse(line)?, events),
            "control_request" => control_request(parse(line)?, events),
            // Progress within what other lines tell whole, and echoes of our own input.
            "stream_event" | "tool_progress" | "command_lifecycle" | "attachment" | "control_response"
            | "keep_alive" | "prompt_suggestion" => drop(parse::<Head<'_>>(line)?),
            "conversation_reset" => notice(events, NoticeLevel::Warning, "the conversation was reset"),
            _ => return None,
        }
        Some(())
    }

    fn assistant(&mut self, turn: Turn<'_>, events: &mut Vec<AgentEvent>) {
        let in_subagent = turn.parent_tool_use_id.text().is_some();
        let is_error = turn.error.text().is_some() || turn.is_api_error_message.is_true();
        let Some(message) = turn.message.object() else { return };
        if !in_subagent {
            self.served(message.model, events);
            self.assistant_error = None;
        }
        for block in message.content.list() {
            let Some(block) = block.object() else { continue };
            if is_error {
                let text = block.text.text().unwrap_or_default();
                if !in_subagent {
                    let category = failures::by_word_and_status(turn.error.text(), &turn.api_error_status);
                    self.assistant_error = category.or_else(|| classify_text(text)).or(Some(Category::Unknown));
                }
                notice(events, NoticeLevel::Error, text);
            } else {
                self.block(block, in_subagent, events);
            }
        }
    }

    fn served(&mut self, model: Scalar<'_>, events: &mut Vec<AgentEvent>) {
        // `<synthetic>` marks texts of the CLI itself.
        let Some(model) = model.text().filter(|model| !model.starts_with('<')) else { return };
        if self.served.as_deref() != Some(model) {
            self.served = Some(model.to_owned());
            events.push(AgentEvent::ModelServed { model: model.to_owned() });
        }
    }

    fn block(&mut self, block: Block<'_>, in_subagent: bool, events: &mut Vec<AgentEvent>) {
        match block.kind.text().unwrap_or_default() {
            // A sub-agent talks to its parent, not to the user.
            "text" if in_subagent => thinking(block.text, events),
            "text" => {
                let Some(text) = block.text.into_text() else { return };
                events.push(AgentEvent::Text { text, delta: false });
            }
            "thinking" => thinking(block.thinking, events),
            "tool_use" | "server_tool_use" | "mcp_tool_use" => {
                self.used_tools = true;
                let Some(id) = block.id.into_text() else { return };
                let name = block.name.into_text().unwrap_or_default();
                let summary = block.input.object().map(|input| summary(&input)).unwrap_or_default();
                events.push(AgentEvent::ToolStarted { id, name, summary });
            }
            _ => {}
        }
    }

    fn system(&mut self, line: System<'_>, events: &mut Vec<AgentEvent>) -> Option<()> {
        match line.subtype.text()? {
            "init" => events.push(AgentEvent::Started {
                session: line.session_id.into_text(),
                model: line.model.into_text(),
                version: line.claude_code_version.into_text(),
            }),
            "api_retry" => events.push(retrying(&line)),
            "permission_denied" => self.denied(line.tool_use_id, line.tool_name, line.message.into_text(), events),
            "background_tasks_changed" => self.background(line.tasks.list(), events),
            "task_notification" => self.background_ended(&line, events),
            "model_fallback" => model_fallback(&line, events),
            "informational" | "notification" => informational(line, events),
            "hook_response" => hook_response(&line, events),
            "model_refusal_no_fallback" => notice(events, NoticeLevel::Warning, "the model refused"),
            "compact_boundary" => notice(events, NoticeLevel::Info, "the conversation was compacted"),
            "session_state_changed" if line.state.text() == Some("requires_action") => {
                notice(events, NoticeLevel::Warning, "the agent waits for somebody's decision");
            }
            "session_state_changed"
            | "task_started"
            | "task_progress"
            | "task_updated"
            | "hook_started"
            | "hook_progress"
            | "thinking_tokens"
            | "status"
            | "ui_invalidate"
            | "commands_changed"
            | "session_title_changed"
            | "files_persisted" => {}
            _ => return None,
        }
        Some(())
    }

    fn denied(&mut self, id: Scalar<'_>, tool: Scalar<'_>, message: Option<String>, events: &mut Vec<AgentEvent>) {
        let id = id.into_text().unwrap_or_default();
        if self.denied.contains(&id) {
            return;
        }
        if self.denied.len() < MEMORY_CAP && !id.is_empty() {
            self.denied.insert(id);
        }
        let tool = tool.into_text().unwrap_or_default();
        let message = message.unwrap_or_else(|| "not allowed".to_owned());
        events.push(AgentEvent::PermissionDenied { tool, message });
    }

    /// Takes the whole set of background work as it is now.
    fn background(&mut self, tasks: Vec<Part<'_, Task<'_>>>, events: &mut Vec<AgentEvent>) {
        let mut now = BTreeMap::new();
        for task in tasks.into_iter().filter_map(Part::object).take(MEMORY_CAP) {
            let Some(id) = task.task_id.into_text() else { continue };
            let kind = task.task_type.into_text().unwrap_or_else(|| "background".to_owned());
            let what = one_line(task.description.text().unwrap_or_default());
            now.insert(id, (kind, what));
        }
        for (id, (name, summary)) in now.iter().filter(|(id, _)| !self.background.contains_key(*id)) {
            events.push(tool_started(id, name, summary));
        }
        for id in self.background.keys().filter(|id| !now.contains_key(*id)) {
            events.push(AgentEvent::ToolFinished { id: id.clone(), ok: true });
        }
        self.background = now;
    }

    fn background_ended(&mut self, line: &System<'_>, events: &mut Vec<AgentEvent>) {
        let Some(id) = line.task_id.text() else { return };
        if self.background.remove(id).is_some() {
            let ok = line.status.text() == Some("completed");
            events.push(AgentEvent::ToolFinished { id: id.to_owned(), ok });
        }
    }

    fn rate_limit(&mut self, line: RateLimit<'_>, events: &mut Vec<AgentEvent>) -> Option<()> {
        let info = line.rate_limit_info.object()?;
        let window = info.rate_limit_type.text().unwrap_or("usage").replace('_', " ");
        match info.status.text()? {
            "rejected" => {
                self.limit_told = true;
                let until = info.resets_at.number().and_then(unix_seconds);
                events.push(AgentEvent::RateLimited { until, message: format!("the {window} limit was reached") });
            }
            "allowed_warning" => {
                let used = info.utilization.number().map(|share| format!(" ({:.0} % used)", share * 100.0));
                let text = format!("the {window} limit is near{}", used.unwrap_or_default());
                notice(events, NoticeLevel::Warning, &text);
            }
            _ => {}
        }
        Some(())
    }

    fn result(&mut self, mut result: TurnResult<'_>, events: &mut Vec<AgentEvent>) -> Option<()> {
        // Only the main conversation's results end a run.
        if result.parent_tool_use_id.text().is_some() {
            return None;
        }
        for denial in std::mem::take(&mut result.permission_denials).list() {
            if let Some(denial) = denial.object() {
                self.denied(denial.tool_use_id, denial.tool_name, None, events);
            }
        }
        usage(&mut result, events);
        self.terminal(result, events);
        // A terminal event closes every open tool call; background work is still there.
        let open = self.background.iter();
        events.extend(open.map(|(id, (name, summary))| tool_started(id, name, summary)));
        self.assistant_error = None;
        Some(())
    }

    fn terminal(&mut self, result: TurnResult<'_>, events: &mut Vec<AgentEvent>) {
        if let Some((category, message)) = failures::verdict(&result, self.assistant_error) {
            return self.failed(category, message, events);
        }
        if result.terminal_reason.text() == Some("tool_deferred") {
            let parked = result.deferred_tool_use.object();
            return events.push(AgentEvent::NeedsInput { question: question(parked) });
        }
        let text = result.result.into_text();
        let masked = text.as_deref().filter(|_| !self.used_tools).and_then(classify_answer);
        if let Some(category) = masked {
            return self.failed(category, text.unwrap_or_default(), events);
        }
        events.push(AgentEvent::Finished {
            result: text,
            structured: result
                .structured_output
                .and_then(|raw| serde_json::from_str(raw.get()).ok())
                .filter(|value: &serde_json::Value| !value.is_null()),
            turns: result.num_turns.number().map(|turns| turns as u32),
        });
    }

    fn failed(&mut self, category: Category, message: String, events: &mut Vec<AgentEvent>) {
        if category == Category::RateLimit && !self.limit_told {
            events.push(AgentEvent::RateLimited { until: limit_reset(&message), message: message.clone() });
        }
        events.push(AgentEvent::Failed { category, message });
    }
}

fn user(turn: Turn<'_>, events: &mut Vec<AgentEvent>) {
    let Some(message) = turn.message.object() else { return };
    let mut all_ok = true;
    for block in message.content.list().into_iter().filter_map(Part::object) {
        if block.kind.text() != Some("tool_result") {
            continue;
        }
        let Some(id) = block.tool_use_id.into_text() else { continue };
        let ok = !block.is_error.is_true();
        all_ok &= ok;
        events.push(AgentEvent::ToolFinished { id, ok });
    }
    if all_ok {
        events.extend(turn.tool_use_result.object().and_then(file_changed));
    }
}

fn file_changed(done: ToolUseResult<'_>) -> Option<AgentEvent> {
    let is_notebook = done.notebook_path.text().is_some();
    let change = match done.kind.text() {
        Some("create") => FileChange::Created,
        Some("update") => FileChange::Modified,
        _ if is_notebook || matches!(done.structured_patch, Part::List(_)) => FileChange::Modified,
        _ => return None,
    };
    let path = done.file_path.into_text().or_else(|| done.notebook_path.into_text())?;
    Some(AgentEvent::FileChanged { path, change })
}

fn thinking(text: Scalar<'_>, events: &mut Vec<AgentEvent>) {
    if let Some(text) = text.into_text().filter(|text| !text.is_empty()) {
        events.push(AgentEvent::Thinking { text });
    }
}

fn retrying(line: &System<'_>) -> AgentEvent {
    let status = failures::status(&line.error_status);
    let word = line.error.text().unwrap_or("unknown");
    let by_word = failures::by_word_and_status(line.error.text(), &line.error_status);
    // No status: there was no HTTP answer at all.
    let category = by_word.unwrap_or(if status.is_none() { Category::Network } else { Category::Unknown });
    let of = line.max_retries.number().map(|max| format!(" of {max}")).unwrap_or_default();
    let attempt = line.attempt.number().unwrap_or_default() as u32;
    let http = status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
    AgentEvent::Retrying {
        category,
        attempt,
        delay_s: line.retry_delay_ms.number().map(|millis| millis / 1000.0),
        message: format!("{word}{http}, retry {attempt}{of}"),
    }
}

fn model_fallback(line: &System<'_>, events: &mut Vec<AgentEvent>) {
    let name = |model: &Scalar<'_>| model.text().unwrap_or("?").to_owned();
    let text = format!("{} took over from {}", name(&line.fallback_model), name(&line.original_model));
    notice(events, NoticeLevel::Warning, &text);
}

fn informational(line: System<'_>, events: &mut Vec<AgentEvent>) {
    let level = match line.level.text() {
        Some("error") => NoticeLevel::Error,
        Some("warning") => NoticeLevel::Warning,
        Some(_) | None => NoticeLevel::Info,
    };
    notice(events, level, line.content.text().or(line.text.text()).unwrap_or_default());
}

fn hook_response(line: &System<'_>, events: &mut Vec<AgentEvent>) {
    if let Some(code) = line.exit_code.number().filter(|code| *code != 0.0) {
        let name = line.hook_name.text().unwrap_or_default();
        notice(events, NoticeLevel::Warning, &format!("the hook {name} ended with exit code {code}"));
    }
}

fn control_request(line: Control<'_>, events: &mut Vec<AgentEvent>) {
    let Some(request) = line.request.object() else { return };
    let tool = request.tool_name.text().map(|tool| format!("may it use {tool}?"));
    let asked = tool.or_else(|| request.message.into_text()).or_else(|| request.subtype.into_text());
    events.push(AgentEvent::NeedsInput { question: asked.unwrap_or_default() });
}

/// Tells what was used since the last result of this process.
///
/// `total_cost_usd` and `modelUsage` go on counting over a resumed session;
/// `model_usage_since_last_result` is this run's share in every recording, resumed or not,
/// so it needs no baseline. Versions without it give the running total.
fn usage(result: &mut TurnResult<'_>, events: &mut Vec<AgentEvent>) {
    if let Part::Object(models) = std::mem::take(&mut result.model_usage_since_last_result) {
        let none_asked = models.is_empty();
        events.extend(models.into_iter().filter_map(|(model, used)| Some(model_usage(&model, &used.object()?))));
        if none_asked {
            let (tokens, cost) = (Some(Tokens::default()), Some(Money::default()));
            events.push(AgentEvent::Usage(UsageReport { scope: UsageScope::Step, tokens, cost, model: None }));
        }
        return;
    }
    let total = std::mem::take(&mut result.model_usage).object();
    let tokens = total.filter(|models| !models.is_empty()).map(total_tokens);
    let cost = result.total_cost_usd.number().and_then(Money::from_dollars).filter(|_| tokens.is_some());
    if tokens.is_some() {
        events.push(AgentEvent::Usage(UsageReport { scope: UsageScope::Conversation, tokens, cost, model: None }));
    }
}

fn model_usage(model: &str, used: &ModelUsage<'_>) -> AgentEvent {
    AgentEvent::Usage(UsageReport {
        scope: UsageScope::Step,
        tokens: Some(tokens(used)),
        cost: used.cost_usd.number().and_then(Money::from_dollars),
        model: Some(model.to_owned()),
    })
}

fn total_tokens(models: UsageByModel<'_>) -> Tokens {
    let used = models.into_values().filter_map(Part::object);
    used.fold(Tokens::default(), |sum, used| sum.plus(tokens(&used)))
}

fn tokens(used: &ModelUsage<'_>) -> Tokens {
    // Counts beyond any bill are nonsense; the cap keeps their sums from overflowing.
    let count = |scalar: &Scalar<'_>| scalar.number().unwrap_or_default().clamp(0.0, 1e15) as u64;
    Tokens {
        input: count(&used.input_tokens),
        output: count(&used.output_tokens),
        cache_read: count(&used.cache_read_input_tokens),
        cache_write: count(&used.cache_creation_input_tokens),
    }
}

fn question(parked: Option<Block<'_>>) -> String {
    let Some(call) = parked else { return "a parked tool call waits for approval".to_owned() };
    let name = call.name.into_text().unwrap_or_default();
    let summary = call.input.object().map(|input| summary(&input)).unwrap_or_default();
    format!("may it use {name}? {summary}").trim_end().to_owned()
}

fn tool_started(id: &str, name: &str, summary: &str) -> AgentEvent {
    AgentEvent::ToolStarted { id: id.to_owned(), name: name.to_owned(), summary: summary.to_owned() }
}

/// Returns the argument that says most about a call, on one line.
fn summary(input: &ToolInput<'_>) -> String {
    let by_weight = [
        &input.command,
        &input.file_path,
        &input.notebook_path,
        &input.pattern,
        &input.path,
        &input.query,
        &input.url,
        &input.skill,
        &input.description,
    ];
    by_weight.into_iter().find_map(Scalar::text).map(one_line).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    line[..line.floor_char_boundary(SUMMARY_CAP)].to_owned()
}

fn notice(events: &mut Vec<AgentEvent>, level: NoticeLevel, text: &str) {
    if !text.is_empty() {
        events.push(AgentEvent::Notice { level, text: text.to_owned() });
    }
}
