//! Codex: `codex exec --json`, a plain child that prints one event per line.
//!
//! Must not widen a sandbox on its own, and must not take a top-level `error` for the end.
//!
//! Measured with 0.169.0 (`tests/transcripts/codex`). What is odd about it:
//! - Flags stand before `resume`; after it `-s` and `-C` are refused.
//! - Only `turn.failed` is a failure. `error` lines are tries ("Reconnecting... 2/5").
//! - `usage` is the thread's total since its birth, over all runs, without sub-agents.
//! - A patch that the sandbox refuses shows on stderr only, as `patch rejected: …`, inside a
//!   run that ends well. Nothing in the stream tells, so only the files do.
//! - `developer_instructions` counts at a thread's birth; `resume` ignores it without a word.
//! - A project is trusted by its own directory, its git root or the main tree of its work
//!   tree. An untrusted one loses its `.codex/` (MCP servers, hooks) *and* its `AGENTS.md`.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Abilities, Backend, Invocation, Parser, PoliteSignal, Probe, PromptVia, Request, SessionPlan, Unservable, shared,
};
use crate::core::{
    AgentEvent, Category, Effort, Failure, FileChange, NoticeLevel, Posture, Tokens, UsageReport, UsageScope,
};

/// Codex counts characters. A prompt of as many bytes always fits.
const MAX_PROMPT_CHARS: usize = 1_048_576;
/// One argument may hold 128 KiB on Linux; longer instructions go with the prompt.
const MAX_CONFIG_VALUE: usize = 100_000;
const SCHEMA_FILE: &str = "output-schema.json";
const OWN_ENV: [&str; 6] =
    ["CODEX_HOME", "CODEX_API_KEY", "CODEX_CA_CERTIFICATE", "OPENAI_API_KEY", "OPENAI_ORGANIZATION", "OPENAI_PROJECT"];

/// Codex CLI.
pub struct Codex;

impl Backend for Codex {
    fn invocation(&self, request: &Request) -> Result<Invocation, Unservable> {
        sandbox_is_there(request)?;
        let instructions = Instructions::of(request);
        let mut args = common_args(request);
        let mut files = BTreeMap::new();
        if let Instructions::Config(value) = &instructions {
            push_config(&mut args, format!("developer_instructions={value}"));
        }
        if let Some(schema) = &request.output_schema {
            args.push(format!("--output-schema={}", request.attempt_dir.join(SCHEMA_FILE)));
            files.insert(SCHEMA_FILE.to_owned(), schema.to_string());
        }
        if let SessionPlan::Continue(continuation) = &request.session {
            args.extend(["resume".to_owned(), thread_id(&continuation.session)?.to_owned()]);
        }
        args.push("-".to_owned());
        Ok(Invocation {
            program: "codex".to_owned(),
            args,
            env: BTreeMap::new(),
            env_pass: shared::env_pass(&OWN_ENV),
            cwd: request.working_dir.clone(),
            prompt: PromptVia::Stdin(instructions.prompt(request)?),
            files,
            // SIGINT ends the running tool too; SIGTERM kills Codex and leaves the tool.
            polite_signal: PoliteSignal::Interrupt,
        })
    }

    fn parser(&self) -> Box<dyn Parser> {
        Box::new(CodexParser::default())
    }

    fn probe(&self) -> Probe {
        Probe {
            program: Some("codex".to_owned()),
            version_args: vec!["--version".to_owned()],
            login_check_args: Some(vec!["login".to_owned(), "status".to_owned()]),
            // `codex login status` knows the file only; exec takes the key from the environment.
            login_env: vec!["CODEX_API_KEY".to_owned()],
            needs_env: Vec::new(),
            install_hint: "npm install -g @openai/codex".to_owned(),
            login_hint: "run `codex login`, or set CODEX_API_KEY (OPENAI_API_KEY alone is not used)".to_owned(),
        }
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            edits_files: true,
            follow_up: true,
            effort: true,
            output_schema: true,
            max_turns: false,
            budget: false,
            max_prompt: MAX_PROMPT_CHARS as u64,
        }
    }

    /// `patch rejected` is passed over on purpose: it is a refusal within a run, never why a run ended.
    fn classify_stderr(&self, tail: &str, exit_code: Option<i32>) -> Option<Failure> {
        let known = STDERR.iter().find_map(|(needle, category)| {
            let line = tail.lines().rev().find(|line| line.contains(needle))?;
            Some(Failure::new(*category, without_timestamp(line)))
        });
        known.or_else(|| {
            let line = tail.lines().rev().find(|line| line.to_ascii_lowercase().starts_with("error: "))?;
            let launch = exit_code.is_some_and(|code| code != 0);
            let category = category_of(line).or(launch.then_some(Category::Launch))?;
            Some(Failure::new(category, line))
        })
    }

    fn posture_words(&self, posture: Posture) -> &'static str {
        match posture {
            Posture::ReadOnly => "--sandbox=read-only: commands and patches cannot write, no network",
            Posture::Edit => {
                "--sandbox=workspace-write: writes in the working directory and the temporary directories, \
                 `.git` stays read-only (no commits), no network"
            }
            Posture::Full => "--sandbox=danger-full-access: no sandbox at all",
        }
    }
}

/// Two of the three postures are nothing but the sandbox. Without it every command fails and
/// the run still ends well, so refuse rather than run without hands or without walls.
fn sandbox_is_there(request: &Request) -> Result<(), Unservable> {
    let posture = match request.posture {
        Posture::ReadOnly => "read_only",
        Posture::Edit => "edit",
        Posture::Full => return Ok(()),
    };
    if request.sandbox_works != Some(false) {
        return Ok(());
    }
    Err(Unservable {
        message: format!("codex cannot set up its sandbox on this machine, and posture `{posture}` depends on it"),
        hint: "run `mgr` inside a sandbox of your own (a container, a virtual machine) and use `--posture full`, \
               or allow unprivileged user namespaces"
            .to_owned(),
    })
}

fn common_args(request: &Request) -> Vec<String> {
    let sandbox = match request.posture {
        Posture::ReadOnly => "read-only",
        Posture::Edit => "workspace-write",
        Posture::Full => "danger-full-access",
    };
    let mut args: Vec<String> = ["exec", "--json"].map(str::to_owned).into();
    args.push(format!("--sandbox={sandbox}"));
    args.push(format!("--cd={}", request.working_dir));
    args.push("--skip-git-repo-check".to_owned());
    // Without this Codex waits for ever where nothing listens; with it, 25 seconds.
    args.push("--disable=unbounded_connection_retries".to_owned());
    // Keeps *KEY*, *SECRET* and *TOKEN* variables from the commands that the model runs.
    push_config(&mut args, "shell_environment_policy.ignore_default_excludes=false".to_owned());
    push_config(&mut args, project_trust(request));
    if let Some(model) = &request.model {
        args.push(format!("--model={model}"));
    }
    if let Some(effort) = request.effort {
        let effort = match effort {
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::Max => "xhigh",
        };
        push_config(&mut args, format!("model_reasoning_effort={}", toml_string(effort)));
    }
    args
}

fn push_config(args: &mut Vec<String>, assignment: String) {
    args.extend(["-c".to_owned(), assignment]);
}

/// Says for this run alone whether the project's own settings count.
///
/// Every directory above is named, because Codex asks for the git root, which may be any of
/// them: with the working directory alone, a root that the user once trusted wins (measured).
/// `--trust` would do too, and write it into the user's configuration for ever.
fn project_trust(request: &Request) -> String {
    let level = toml_string(if request.trust_project { "trusted" } else { "untrusted" });
    let entries: Vec<String> = request
        .working_dir
        .ancestors()
        .filter(|dir| !dir.as_str().is_empty())
        .map(|dir| format!("{}={{trust_level={level}}}", toml_string(dir.as_str())))
        .collect();
    format!("projects={{{}}}", entries.join(","))
}

/// Returns `text` as a TOML basic string. JSON's escapes are TOML's too, but for one character.
fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

/// A session of another kind would be taken for a thread's *name*, and a name that does not
/// exist silently starts a new thread (measured).
fn thread_id(session: &str) -> Result<&str, Unservable> {
    let is_uuid = session.len() == 36 && session.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    is_uuid.then_some(session).ok_or_else(|| Unservable {
        message: format!("`{session}` is not a Codex thread"),
        hint: "start a new conversation: `mgr rerun`".to_owned(),
    })
}

/// How the role text reaches the model.
enum Instructions {
    None,
    /// As a TOML value for `developer_instructions`.
    Config(String),
    WithPrompt(String),
}

impl Instructions {
    fn of(request: &Request) -> Self {
        let Some(text) = request.system_prompt.as_deref().filter(|text| !text.trim().is_empty()) else {
            return Self::None;
        };
        let value = toml_string(text);
        match request.session {
            SessionPlan::New { .. } if value.len() < MAX_CONFIG_VALUE => Self::Config(value),
            SessionPlan::New { .. } | SessionPlan::Continue(_) => Self::WithPrompt(text.to_owned()),
        }
    }

    fn prompt(&self, request: &Request) -> Result<String, Unservable> {
        let prompt = match self {
            Self::None | Self::Config(_) => request.prompt.clone(),
            Self::WithPrompt(text) => shared::with_instructions(text, &request.prompt),
        };
        let chars = prompt.chars().count();
        if chars > MAX_PROMPT_CHARS {
            return Err(Unservable {
                message: format!("the prompt has {chars} characters, and Codex takes {MAX_PROMPT_CHARS}"),
                hint: "name files for the agent to read instead of including them".to_owned(),
            });
        }
        Ok(prompt)
    }
}

/// Errors before the first event, by what stderr says. The first row that fits decides.
const STDERR: [(&str, Category); 12] = [
    ("no rollout found for thread", Category::SessionNotFound),
    ("Input exceeds the maximum length", Category::ContextFull),
    ("Missing environment variable", Category::Auth),
    ("Not logged in", Category::Auth),
    ("No space left on device", Category::DiskFull),
    ("bwrap: ", Category::Permission),
    ("Not inside a trusted directory", Category::Launch),
    ("No prompt provided via stdin", Category::Launch),
    ("Error loading config.toml", Category::Launch),
    ("required MCP servers failed", Category::Launch),
    ("Model provider `", Category::Launch),
    ("error: unexpected argument", Category::Launch),
];

/// Failures by their text, lower case; `codex exec` gives no type. The first row that fits decides.
const FAILURES: [(&str, Category); 33] = [
    ("ran out of room in the model's context", Category::ContextFull),
    ("context window", Category::ContextFull),
    ("input exceeds the maximum length", Category::ContextFull),
    ("hit your usage limit", Category::RateLimit),
    ("quota exceeded", Category::Quota),
    ("insufficient_quota", Category::Quota),
    ("check your plan and billing", Category::Quota),
    ("status 402", Category::Quota),
    ("upgrade to plus", Category::Quota),
    ("status: 429", Category::RateLimit),
    ("status 429", Category::RateLimit),
    ("rate limit", Category::RateLimit),
    ("does not exist or you do not have access", Category::InvalidModel),
    ("model_not_found", Category::InvalidModel),
    ("model is not supported", Category::InvalidModel),
    ("status 401", Category::Auth),
    ("status 403", Category::Auth),
    ("status: 401", Category::Auth),
    ("missing environment variable", Category::Auth),
    ("refresh token", Category::Auth),
    ("not logged in", Category::Auth),
    ("high demand", Category::Overloaded),
    ("at capacity", Category::Overloaded),
    ("overloaded", Category::Overloaded),
    ("status 5", Category::Overloaded),
    ("status: 5", Category::Overloaded),
    ("usage policy", Category::Refused),
    ("content_filter", Category::Refused),
    ("no space left on device", Category::DiskFull),
    ("stream disconnected", Category::Network),
    ("connection failed", Category::Network),
    ("error sending request", Category::Network),
    ("timed out", Category::Network),
];

fn category_of(message: &str) -> Option<Category> {
    let message = message.to_lowercase();
    FAILURES.iter().find(|(needle, _)| message.contains(needle)).map(|(_, category)| *category)
}

fn without_timestamp(line: &str) -> &str {
    // Log lines read `2026-11-20T20:16:03Z ERROR module: what`.
    line.split_once(" ERROR ").map_or(line, |(_, rest)| rest).trim()
}

/// One line of the stream. Fields of events that carry nothing for us are not read.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    thread_id: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    /// Read apart, like `error`: the end of a run must be understood even when they are not.
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorText<'a> {
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

/// `cached_input_tokens` is a part of `input_tokens`, reasoning one of `output_tokens` (measured).
/// Cache writes are zero in every recording; they come from the same details of the input, so
/// they are taken for a part of it too.
#[derive(Deserialize, Default)]
#[serde(default)]
struct TokenUsage {
    input_tokens: u64,
    cached_input_tokens: u64,
    cache_write_input_tokens: u64,
    output_tokens: u64,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    command: Cow<'a, str>,
    /// Up to a megabyte that nobody asks for; only its first bytes are looked at, still quoted.
    #[serde(borrow, default)]
    aggregated_output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    changes: Vec<Change<'a>>,
    #[serde(borrow, default)]
    server: Cow<'a, str>,
    #[serde(borrow, default)]
    tool: Cow<'a, str>,
    #[serde(borrow, default)]
    error: Option<ErrorText<'a>>,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    items: Vec<Todo>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Todo {
    #[serde(default)]
    completed: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Started,
    Updated,
    Completed,
}

/// Parser of `codex exec --json`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CodexParser {
    /// Waits for the network so far: Codex numbers its other tries, but not these.
    waits: u32,
}

impl Parser for CodexParser {
    fn line(&mut self, line: &[u8], events: &mut Vec<AgentEvent>) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let known = serde_json::from_slice::<Line<'_>>(line).is_ok_and(|parsed| self.take(&parsed, events).is_some());
        if !known {
            events.push(shared::unknown(line));
        }
    }

    fn save(&self) -> serde_json::Value {
        serde_json::json!({ "waits": self.waits })
    }

    fn restore(&mut self, state: &serde_json::Value) {
        *self = Self::deserialize(state).unwrap_or_default();
    }
}

impl CodexParser {
    /// Returns `None` when the line says nothing that this version of the adapter knows.
    fn take(&mut self, line: &Line<'_>, events: &mut Vec<AgentEvent>) -> Option<()> {
        match &*line.kind {
            "thread.started" => {
                let session = Some(line.thread_id.to_string()).filter(|id| !id.is_empty());
                events.push(AgentEvent::Started { session, model: None, version: None });
            }
            "turn.started" => {}
            "item.started" => item(line.item?, Phase::Started, events)?,
            "item.updated" => item(line.item?, Phase::Updated, events)?,
            "item.completed" => item(line.item?, Phase::Completed, events)?,
            "turn.completed" => {
                events.extend(line.usage.and_then(usage));
                events.push(AgentEvent::Finished { result: None, structured: None, turns: None });
            }
            "turn.failed" => {
                let error = line.error.and_then(|raw| serde_json::from_str::<ErrorText<'_>>(raw.get()).ok());
                failed(error.as_ref().map_or("", |error| &error.message), events);
            }
            "error" => events.push(self.error(&line.message)),
            // The vendor's list is open.
            _ => return None,
        }
        Some(())
    }

    /// Top-level errors are tries, or the last words before `turn.failed`; none is the end.
    fn error(&mut self, message: &str) -> AgentEvent {
        let Some((progress, reason)) = reconnecting(message) else {
            return AgentEvent::Notice { level: NoticeLevel::Error, text: message.to_owned() };
        };
        let attempt = progress.split_once('/').and_then(|(attempt, _)| attempt.parse().ok()).unwrap_or_else(|| {
            self.waits += 1;
            self.waits
        });
        AgentEvent::Retrying {
            category: category_of(reason).unwrap_or(Category::Unknown),
            attempt,
            delay_s: asked_delay(reason),
            message: reason.to_owned(),
        }
    }
}

/// Splits `Reconnecting... 2/5 (why)` and `Reconnecting... waiting for network (why)`.
fn reconnecting(message: &str) -> Option<(&str, &str)> {
    let rest = message.strip_prefix("Reconnecting... ")?;
    let (progress, reason) = rest.split_once(" (").unwrap_or((rest, rest));
    Some((progress, reason.strip_suffix(')').unwrap_or(reason)))
}

/// Returns the seconds of a server's `Please try again in 1.5s`.
fn asked_delay(reason: &str) -> Option<f64> {
    let (_, rest) = reason.split_once("try again in ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let seconds = rest[..end].parse().ok()?;
    rest[end..].starts_with('s').then_some(seconds)
}

fn failed(message: &str, events: &mut Vec<AgentEvent>) {
    let category = category_of(message).unwrap_or(Category::Unknown);
    if category == Category::RateLimit {
        // The date of a plan's limit is local time without a zone, so it stays in the words.
        events.push(AgentEvent::RateLimited { until: None, message: message.to_owned() });
    }
    events.push(AgentEvent::Failed { category, message: message.to_owned() });
}

/// All zero means that Codex did not count (reviews), not that it was free.
fn usage(raw: &RawValue) -> Option<AgentEvent> {
    let usage: TokenUsage = serde_json::from_str(raw.get()).ok()?;
    let (cache_read, cache_write) = (usage.cached_input_tokens, usage.cache_write_input_tokens);
    let input = usage.input_tokens.saturating_sub(cache_read).saturating_sub(cache_write);
    let tokens = Tokens { input, output: usage.output_tokens, cache_read, cache_write };
    (tokens != Tokens::default()).then_some(AgentEvent::Usage(UsageReport {
        scope: UsageScope::Conversation,
        tokens: Some(tokens),
        cost: None,
        model: None,
    }))
}

fn item(raw: &RawValue, phase: Phase, events: &mut Vec<AgentEvent>) -> Option<()> {
    let item: Item<'_> = serde_json::from_str(raw.get()).ok()?;
    match &*item.kind {
        "agent_message" if phase == Phase::Completed => {
            events.push(AgentEvent::Text { text: item.text.into_owned(), delta: false });
        }
        "reasoning" if phase == Phase::Completed => {
            events.push(AgentEvent::Thinking { text: item.text.into_owned() });
        }
        "agent_message" | "reasoning" => {}
        "error" => warning(&item.message, events),
        "todo_list" => events.push(plan(&item.items)),
        "command_execution" | "file_change" | "mcp_tool_call" | "collab_tool_call" | "web_search" => {
            tool(&item, phase, events);
        }
        // The vendor's list is open.
        _ => return None,
    }
    Some(())
}

fn tool(item: &Item<'_>, phase: Phase, events: &mut Vec<AgentEvent>) {
    match phase {
        Phase::Started => {
            let (name, summary) = describe(item);
            events.push(AgentEvent::ToolStarted { id: item.id.to_string(), name, summary });
        }
        Phase::Updated => {}
        Phase::Completed => {
            let ok = item.status == "completed" || item.status.is_empty();
            if ok {
                events.extend(item.changes.iter().map(file_changed));
            } else if let Some(message) = denial(item) {
                events.push(AgentEvent::PermissionDenied { tool: describe(item).0, message });
            }
            events.push(AgentEvent::ToolFinished { id: item.id.to_string(), ok });
        }
    }
}

/// Returns a tool's name and the one line that tells what it is asked for.
fn describe(item: &Item<'_>) -> (String, String) {
    match &*item.kind {
        "command_execution" => {
            let command = item.command.strip_prefix("/bin/bash -lc ").unwrap_or(&item.command);
            ("shell".to_owned(), shared::one_line(command))
        }
        "file_change" => {
            let paths: Vec<&str> = item.changes.iter().map(|change| &*change.path).collect();
            ("apply_patch".to_owned(), shared::one_line(&paths.join(", ")))
        }
        "mcp_tool_call" => (format!("{}.{}", item.server, item.tool), String::new()),
        "web_search" => ("web_search".to_owned(), shared::one_line(item.query.as_deref().unwrap_or_default())),
        // `collab_tool_call`: a sub-agent.
        _ => (item.tool.to_string(), shared::one_line(item.prompt.as_deref().unwrap_or_default())),
    }
}

fn file_changed(change: &Change<'_>) -> AgentEvent {
    let path = change.path.to_string();
    let change = match &*change.kind {
        "add" => FileChange::Created,
        "delete" => FileChange::Deleted,
        // `update`, and whatever is next.
        _ => FileChange::Modified,
    };
    AgentEvent::FileChanged { path, change }
}

/// Returns why a call was not allowed, if that is why it failed.
fn denial(item: &Item<'_>) -> Option<String> {
    let output = item.aggregated_output.map_or("", RawValue::get);
    if output.starts_with("\"bwrap: ") {
        return Some("the sandbox could not be set up on this machine, so no command runs".to_owned());
    }
    let error = item.error.as_ref().map_or("", |error| &error.message);
    if item.status == "declined" || error.contains("requires approval") {
        return Some(if error.is_empty() { "declined".to_owned() } else { error.to_owned() });
    }
    None
}

/// `error` items are warnings; one of them names the model that answers in place of the asked one.
fn warning(message: &str, events: &mut Vec<AgentEvent>) {
    let rerouted = message.strip_prefix("model rerouted: ").and_then(|rest| rest.split_once(" -> "));
    if let Some(model) = rerouted.and_then(|(_, to)| to.split_whitespace().next()) {
        events.push(AgentEvent::ModelServed { model: model.to_owned() });
    }
    events.push(AgentEvent::Notice { level: NoticeLevel::Warning, text: message.to_owned() });
}

fn plan(items: &[Todo]) -> AgentEvent {
    let done = items.iter().filter(|item| item.completed).count();
    AgentEvent::Notice { level: NoticeLevel::Info, text: format!("plan: {done} of {} done", items.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backends::{Continuation, replay::Recording},
        core::{BackendName, Digest, EventRecord, Status, Terminal, Timestamp, Usage},
    };

    const RECORDINGS: &str = "codex/0.169.0";
    const THREAD: &str = "01a1fa9d-5776-7653-a81b-40883e8e1120";

    fn load(name: &str) -> Recording {
        Recording::load(RECORDINGS, name)
    }

    #[test]
    fn every_recording_gets_its_verdict() {
        let done = (Status::Done, None);
        let failed = |category| (Status::Failed, Some(category));
        let table = [
            ("plain", done),
            ("auth-apikey-env", done),
            ("badargs", done),
            ("badtool", done),
            ("bgterm", done),
            ("concurrent", done),
            ("e500twice", done),
            ("ephemeral", done),
            ("multi-codemode", done),
            ("nouserns-full", done),
            ("nouserns-ro", done),
            ("nouserns-ws-legacy", done),
            ("output-schema", done),
            ("output-schema-ignored", done),
            ("reroute", done),
            ("resume-1-first", done),
            ("resume-2-id", done),
            ("resume-6-fork", done),
            ("resume-8-sandboxflag", done),
            ("resume-killed-2", done),
            ("review-exec", done),
            ("sandbox-full-outside", done),
            ("sandbox-ro-applypatch", done),
            ("sandbox-ro-inside", done),
            ("sandbox-ws-applypatch-outside", done),
            ("sandbox-ws-git", done),
            ("shell20", done),
            ("slow", done),
            ("unknown-model", done),
            ("write", done),
            ("mcp-default-mode", done),
            ("empty", failed(Category::Empty)),
            ("cutmid", failed(Category::Network)),
            ("server-down-bounded", failed(Category::Network)),
            ("e401", failed(Category::Auth)),
            ("e403", failed(Category::Auth)),
            ("missing-env", failed(Category::Auth)),
            ("e404", failed(Category::InvalidModel)),
            ("e429", failed(Category::RateLimit)),
            ("ssefail", failed(Category::RateLimit)),
            ("planlimit", failed(Category::RateLimit)),
            ("ssequota", failed(Category::Quota)),
            ("e500", failed(Category::Overloaded)),
            ("noretry-500", failed(Category::Overloaded)),
            ("e503", failed(Category::Overloaded)),
            ("ssectx", failed(Category::ContextFull)),
            ("prompt-stdin-1m", failed(Category::ContextFull)),
            ("resume-unknown", failed(Category::SessionNotFound)),
            ("badconfig", failed(Category::Launch)),
            ("badflag", failed(Category::Launch)),
            ("prompt-leading-dash", failed(Category::Launch)),
            ("mcp-required-fails", failed(Category::Launch)),
            ("nogit-full", failed(Category::Launch)),
            ("stdin-empty", failed(Category::Launch)),
            ("wire-chat", failed(Category::Launch)),
            ("sigint-model", failed(Category::Crashed)),
            ("sigint-tool", failed(Category::Crashed)),
            ("sigkill-tool", failed(Category::Crashed)),
            ("sigterm-noisy", failed(Category::Crashed)),
            ("resume-killed-1", failed(Category::Crashed)),
            ("server-down", failed(Category::Crashed)),
            ("stdin-open-pipe", failed(Category::Crashed)),
        ];
        let wrong: Vec<_> = table
            .iter()
            .map(|(name, expected)| (*name, load(name).verdict(&Codex), *expected))
            .filter(|(_, verdict, expected)| verdict != expected)
            .collect();
        assert_eq!(wrong, []);
    }

    #[test]
    fn no_recording_has_a_line_that_is_not_understood() {
        for name in ["multi-codemode", "mcp-default-mode", "reroute", "e401", "auth-apikey-env", "review-exec"] {
            assert_eq!(load(name).digest(&Codex).unknown_events, 0, "{name}");
        }
    }

    #[test]
    fn a_run_with_tools_and_a_patch_is_summed_up() {
        let digest = load("multi-codemode").digest(&Codex);
        assert_eq!(
            Digest { recent_steps: Default::default(), ..digest },
            Digest {
                events: 16,
                session: Some("01a1fa99-0e5a-7a73-8b4a-cdc1c023178d".into()),
                last_text: Some("All three steps are done.".into()),
                terminal: Some(Terminal::Success),
                tools_finished: 4,
                tools_failed: 1,
                files: vec!["/home/dev/lab/repo/notes.md".into()],
                usage: conversation(Tokens { input: 4000, output: 200, ..Tokens::default() }),
                first_event_at: Some(Timestamp(1)),
                last_event_at: Some(Timestamp(16)),
                ..Digest::default()
            }
        );
    }

    fn conversation(tokens: Tokens) -> Usage {
        Usage { tokens: Some(tokens), conversation_tokens: Some(tokens), ..Usage::default() }
    }

    #[test]
    fn cached_tokens_are_not_counted_twice() {
        let tokens = Tokens { input: 200, cache_read: 1000, cache_write: 0, output: 34 };
        assert_eq!(load("plain").digest(&Codex).usage, conversation(tokens));
    }

    #[test]
    fn a_resumed_run_counts_its_own_tokens_only() {
        let first = load("resume-1-first").digest(&Codex);
        let mut second = Digest::default();
        for (seq, event) in (1..).zip(load("resume-2-id").events(&Codex)) {
            second.add(&EventRecord { seq, at: Timestamp(1), event }, &first.usage);
        }
        assert_eq!(second.session, first.session);
        assert_eq!(second.usage.tokens, Some(Tokens { input: 1000, output: 50, ..Tokens::default() }));
    }

    #[test]
    fn a_review_that_counts_nothing_has_no_usage() {
        assert_eq!(load("review-exec").digest(&Codex).usage, Usage::default());
    }

    #[test]
    fn refusals_are_denials_with_the_reason() {
        assert_eq!(
            load("mcp-default-mode").digest(&Codex).denials,
            vec![
                "probe.fail: MCP tool call requires approval, but approval policy is never",
                "probe.env: MCP tool call requires approval, but approval policy is never",
                "probe.big: MCP tool call requires approval, but approval policy is never",
                "probe.crash: MCP tool call requires approval, but approval policy is never",
            ]
        );
        assert_eq!(
            load("nouserns-ro").digest(&Codex).denials,
            ["shell: the sandbox could not be set up on this machine, so no command runs"]
        );
    }

    #[test]
    fn a_rerouted_model_is_the_one_that_served() {
        assert_eq!(load("reroute").digest(&Codex).actual_model(), Some("gpt-5.2"));
    }

    #[test]
    fn a_try_is_a_retry_with_its_number_reason_and_delay() {
        let retries = |name: &str| -> Vec<_> {
            let events = load(name).events(&Codex).into_iter();
            events
                .filter_map(|event| match event {
                    AgentEvent::Retrying { category, attempt, delay_s, .. } => Some((category, attempt, delay_s)),
                    _ => None,
                })
                .collect()
        };
        let network = |attempt| (Category::Network, attempt, None);
        assert_eq!(retries("server-down"), (1..=4).map(network).collect::<Vec<_>>());
        assert_eq!(retries("ssefail"), (1..=5).map(|n| (Category::RateLimit, n, Some(1.0))).collect::<Vec<_>>());
        assert_eq!(retries("e401").len(), 5);
    }

    #[test]
    fn a_command_that_outlives_its_turn_is_not_in_flight_after_the_end() {
        let digest = load("bgterm").digest(&Codex);
        assert_eq!((digest.tools_in_flight.len(), digest.tools_finished), (0, 0));
    }

    #[test]
    fn items_without_a_recording_follow_the_package() {
        let lines = concat!(
            r#"{"type":"item.started","item":{"id":"a","type":"web_search","query":"rust serde"}}"#,
            "\n",
            r#"{"type":"item.completed","item":{"id":"a","type":"web_search","query":"rust serde"}}"#,
            "\n",
            r#"{"type":"item.started","item":{"id":"b","type":"collab_tool_call","tool":"spawn_agent","prompt":"look\nat it","status":"in_progress"}}"#,
            "\n",
            r#"{"type":"item.updated","item":{"id":"c","type":"todo_list","items":[{"text":"x","completed":true},{"text":"y","completed":false}]}}"#,
            "\n",
            r#"{"type":"item.completed","item":{"id":"d","type":"command_execution","command":"rm","status":"declined"}}"#,
            "\n",
            r#"{"type":"item.completed","item":{"id":"e","type":"hologram"}}"#,
            "\n",
        );
        let id = |id: &str| id.to_owned();
        assert_eq!(
            Recording::new(lines, 0).events(&Codex),
            [
                AgentEvent::ToolStarted { id: id("a"), name: "web_search".into(), summary: "rust serde".into() },
                AgentEvent::ToolFinished { id: id("a"), ok: true },
                AgentEvent::ToolStarted { id: id("b"), name: "spawn_agent".into(), summary: "look".into() },
                AgentEvent::Notice { level: NoticeLevel::Info, text: "plan: 1 of 2 done".into() },
                AgentEvent::PermissionDenied { tool: "shell".into(), message: "declined".into() },
                AgentEvent::ToolFinished { id: id("d"), ok: false },
                AgentEvent::Unknown { raw: r#"{"type":"item.completed","item":{"id":"e","type":"hologram"}}"#.into() },
            ]
        );
    }

    #[test]
    fn an_end_with_odd_details_is_still_an_end() {
        let good = r#"{"type":"turn.completed","usage":{"input_tokens":-1.5}}"#;
        let finished = AgentEvent::Finished { result: None, structured: None, turns: None };
        assert_eq!(Recording::new(good, 0).events(&Codex), [finished]);
        let bad = r#"{"type":"turn.failed","error":"overloaded"}"#;
        assert_eq!(Recording::new(bad, 1).verdict(&Codex), (Status::Failed, Some(Category::Unknown)));
    }

    #[test]
    fn any_bytes_are_survived() {
        let valid = load("multi-codemode").stdout;
        let mut parser = Codex.parser();
        let mut events = Vec::new();
        for seed in 0..2000_usize {
            let mut bytes = valid[seed % valid.len()..].iter().take(300).copied().collect::<Vec<_>>();
            if let Some(byte) = bytes.get_mut(seed % 97) {
                *byte = (seed * 31) as u8;
            }
            parser.line(&bytes, &mut events);
        }
        for line in [&b"{}"[..], b"null", b"[]", b"\xff\xfe", b"{\"type\":7}", b"{\"type\":\"item.started\"}", b"  "] {
            parser.line(line, &mut events);
        }
        let understood = |event: &&AgentEvent| !matches!(event, AgentEvent::Unknown { .. });
        assert!(events.len() > 2000 && events.iter().filter(understood).count() < 100, "{}", events.len());
    }

    fn request() -> Request {
        Request {
            backend: BackendName::built_in("codex"),
            prompt: "do it".into(),
            command: Vec::new(),
            system_prompt: None,
            working_dir: "/w/repo".into(),
            attempt_dir: "/a/1".into(),
            model: None,
            effort: None,
            posture: Posture::Edit,
            max_turns: None,
            budget: None,
            output_schema: None,
            session: SessionPlan::New { id: "11111111-2222-4333-8444-555555555555".into() },
            trust_project: false,
            is_root: false,
            sandbox_works: None,
        }
    }

    fn resumed() -> Request {
        let continuation = Continuation { session: THREAD.into(), history: Vec::new() };
        Request { session: SessionPlan::Continue(continuation), ..request() }
    }

    fn expected(args: &[&str], prompt: &str) -> Invocation {
        Invocation {
            program: "codex".into(),
            args: args.iter().map(ToString::to_string).collect(),
            env: BTreeMap::new(),
            env_pass: shared::env_pass(&OWN_ENV),
            cwd: "/w/repo".into(),
            prompt: PromptVia::Stdin(prompt.into()),
            files: BTreeMap::new(),
            polite_signal: PoliteSignal::Interrupt,
        }
    }

    const UNTRUSTED: &str = r#"projects={"/w/repo"={trust_level="untrusted"},"/w"={trust_level="untrusted"},"/"={trust_level="untrusted"}}"#;
    const TRUSTED: &str =
        r#"projects={"/w/repo"={trust_level="trusted"},"/w"={trust_level="trusted"},"/"={trust_level="trusted"}}"#;
    const EXCLUDES: &str = "shell_environment_policy.ignore_default_excludes=false";
    const BOUNDED: &str = "--disable=unbounded_connection_retries";
    const NO_GIT: &str = "--skip-git-repo-check";

    #[test]
    fn a_plain_request_is_sandboxed_untrusting_and_bounded() {
        let edit = "--sandbox=workspace-write";
        assert_eq!(
            Codex.invocation(&request()).unwrap(),
            expected(
                &["exec", "--json", edit, "--cd=/w/repo", NO_GIT, BOUNDED, "-c", EXCLUDES, "-c", UNTRUSTED, "-"],
                "do it"
            )
        );
    }

    #[test]
    fn a_full_request_uses_every_flag() {
        let request = Request {
            system_prompt: Some("Say \"no\".\n\u{7f}".into()),
            model: Some("gpt-5.5".into()),
            effort: Some(Effort::Max),
            posture: Posture::Full,
            output_schema: Some(serde_json::json!({"type": "object"})),
            trust_project: true,
            sandbox_works: Some(false),
            ..request()
        };
        let args = [
            "exec",
            "--json",
            "--sandbox=danger-full-access",
            "--cd=/w/repo",
            NO_GIT,
            BOUNDED,
            "-c",
            EXCLUDES,
            "-c",
            TRUSTED,
            "--model=gpt-5.5",
            "-c",
            "model_reasoning_effort=\"xhigh\"",
            "-c",
            r#"developer_instructions="Say \"no\".\n\u007F""#,
            "--output-schema=/a/1/output-schema.json",
            "-",
        ];
        let files = BTreeMap::from([("output-schema.json".to_owned(), r#"{"type":"object"}"#.to_owned())]);
        assert_eq!(Codex.invocation(&request).unwrap(), Invocation { files, ..expected(&args, "do it") });
    }

    #[test]
    fn a_follow_up_has_its_flags_before_resume_and_its_role_in_the_prompt() {
        let request = Request { system_prompt: Some("Be brief.".into()), posture: Posture::ReadOnly, ..resumed() };
        let args = ["exec", "--json", "--sandbox=read-only", "--cd=/w/repo", NO_GIT, BOUNDED, "-c", EXCLUDES, "-c"];
        let args = [&args[..], &[UNTRUSTED, "resume", THREAD, "-"]].concat();
        let prompt = "<instructions>\nBe brief.\n</instructions>\n\ndo it";
        assert_eq!(Codex.invocation(&request).unwrap(), expected(&args, prompt));
    }

    #[test]
    fn long_instructions_go_with_the_prompt() {
        let request = Request { system_prompt: Some("é".repeat(60_000)), ..request() };
        let invocation = Codex.invocation(&request).unwrap();
        assert!(invocation.args.iter().all(|arg| arg.len() < MAX_CONFIG_VALUE));
        assert_eq!(invocation.prompt, PromptVia::Stdin(shared::with_instructions(&"é".repeat(60_000), "do it")));
    }

    #[test]
    fn what_codex_cannot_do_is_refused_and_never_widened() {
        let refusal = |request: Request| Codex.invocation(&request).unwrap_err().message;
        let no_sandbox = |posture| Request { posture, sandbox_works: Some(false), ..request() };
        assert_eq!(
            refusal(no_sandbox(Posture::ReadOnly)),
            "codex cannot set up its sandbox on this machine, and posture `read_only` depends on it"
        );
        assert_eq!(
            refusal(no_sandbox(Posture::Edit)),
            "codex cannot set up its sandbox on this machine, and posture `edit` depends on it"
        );
        let long = Request { prompt: "é".repeat(MAX_PROMPT_CHARS + 1), ..request() };
        assert_eq!(refusal(long), "the prompt has 1048577 characters, and Codex takes 1048576");
        let continuation = Continuation { session: "--last".into(), history: Vec::new() };
        let flag = Request { session: SessionPlan::Continue(continuation), ..request() };
        assert_eq!(refusal(flag), "`--last` is not a Codex thread");
    }
}
