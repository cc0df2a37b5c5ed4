//! Gemini CLI: `gemini --output-format=stream-json`, a plain child that prints one event per line.
//!
//! Must not take exit 0 or a `success` for the end of the matter: Gemini says both after SIGTERM
//! and after it stopped itself in a loop.
//!
//! Measured with 0.61.0 (`tests/transcripts/gemini`). What is odd about it:
//! - An untrusted folder ends every run with exit 55 before the first event. `--skip-trust`
//!   lets the run go on *without* the folder's MCP servers and hooks;
//!   `GEMINI_CLI_TRUST_WORKSPACE=true` lets it go on with them.
//! - A stream that a safety filter cuts after its first words is a plain success, in no way
//!   different from a whole answer; only one without any words is told apart.
//! - The router that chooses a model under `auto` is a row of `stats.models` like the others.
//! - Command substitution (`$(…)`) is refused even in yolo mode, as a tool's *success*.
//! - Its exit code is the HTTP status modulo 256. A conversation belongs to its directory.
//! - The launcher swallows signals, so it is told not to be one (`GEMINI_CLI_NO_RELAUNCH`).

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    Abilities, Backend, Invocation, Parser, PoliteSignal, Probe, PromptVia, Request, SessionPlan, Unservable, shared,
};
use crate::core::{AgentEvent, Category, Failure, FileChange, NoticeLevel, Posture, Tokens, UsageReport, UsageScope};

/// Gemini cuts what it reads from standard input here, and then says nothing at all.
const MAX_PROMPT: usize = 8 * 1024 * 1024;
/// Open tool calls that are remembered; far more than a model makes at once.
const OPEN_CAP: usize = 1000;
const OWN_ENV: [&str; 14] = [
    "GEMINI_API_KEY",
    "GEMINI_CLI_HOME",
    "GEMINI_CLI_SYSTEM_SETTINGS_PATH",
    "GEMINI_MODEL",
    "GOOGLE_API_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_LOCATION",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_GENAI_USE_GCA",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "GOOGLE_VERTEX_BASE_URL",
    "NODE_EXTRA_CA_CERTS",
    "NODE_USE_SYSTEM_CA",
];

/// Gemini CLI.
pub struct Gemini;

impl Backend for Gemini {
    fn invocation(&self, request: &Request) -> Result<Invocation, Unservable> {
        let mode = match request.posture {
            Posture::ReadOnly => "plan",
            Posture::Edit => "auto_edit",
            Posture::Full => "yolo",
        };
        let mut args = vec!["--output-format=stream-json".to_owned(), format!("--approval-mode={mode}")];
        let mut env = BTreeMap::from([("GEMINI_CLI_NO_RELAUNCH".to_owned(), "true".to_owned())]);
        if request.trust_project {
            env.insert("GEMINI_CLI_TRUST_WORKSPACE".to_owned(), "true".to_owned());
        } else {
            args.push("--skip-trust".to_owned());
        }
        args.extend(request.model.iter().map(|model| format!("--model={model}")));
        args.push(match &request.session {
            SessionPlan::New { id } => format!("--session-id={id}"),
            SessionPlan::Continue(continuation) => format!("--resume={}", continuation.session),
        });
        Ok(Invocation {
            program: "gemini".to_owned(),
            args,
            env,
            env_pass: shared::env_pass(&OWN_ENV),
            cwd: request.working_dir.clone(),
            prompt: PromptVia::Stdin(prompt(request)?),
            files: BTreeMap::new(),
            // It leaves its tool behind and exits 0 without a result on either signal.
            polite_signal: PoliteSignal::Terminate,
        })
    }

    fn parser(&self) -> Box<dyn Parser> {
        Box::new(GeminiParser::default())
    }

    fn probe(&self) -> Probe {
        Probe {
            program: Some("gemini".to_owned()),
            version_args: vec!["--version".to_owned()],
            login_check_args: None,
            // A login by browser needs no variable, so none is required.
            login_env: Vec::new(),
            needs_env: Vec::new(),
            install_hint: "npm install -g @google/gemini-cli".to_owned(),
            login_hint: "start `gemini` once and choose how to log in, or set GEMINI_API_KEY and choose \
                         `gemini-api-key` in its settings"
                .to_owned(),
        }
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            edits_files: true,
            follow_up: true,
            effort: false,
            output_schema: false,
            max_turns: false,
            budget: false,
            max_prompt: MAX_PROMPT as u64,
        }
    }

    fn classify_stderr(&self, tail: &str, exit_code: Option<i32>) -> Option<Failure> {
        let tail = without_colours(tail);
        let message = last_words(&tail);
        let failure = |category| Some(Failure::new(category, message));
        if tail.contains("stdin input truncated") {
            return Some(Failure::new(Category::ContextFull, "Gemini cut the prompt at 8 MiB and gave up"));
        }
        match exit_code? {
            0 => None,
            41 => failure(Category::Auth),
            42 if tail.contains("Error resuming session") => failure(Category::SessionNotFound),
            42 => failure(Category::Launch),
            // The tool-sandbox and the settings.
            44 | 52 => failure(Category::Launch),
            53 => failure(Category::Budget),
            55 => failure(Category::Permission),
            code @ 144..=255 => failure(category_of(Some(code.unsigned_abs() + 256), message)),
            _ if tail.contains("Usage: gemini [options]") => failure(Category::Launch),
            // Not a failure that we know; the exit code speaks for itself.
            _ => None,
        }
    }

    fn posture_words(&self, posture: Posture) -> &'static str {
        match posture {
            Posture::ReadOnly => {
                "--approval-mode=plan --skip-trust: reads; writes only to its own plans folder; \
                 the folder is not asked to be trusted, its MCP servers and hooks stay off"
            }
            Posture::Edit => {
                "--approval-mode=auto_edit --skip-trust: edits files in the working directory, has no shell; \
                 the folder is not asked to be trusted, its MCP servers and hooks stay off"
            }
            Posture::Full => {
                "--approval-mode=yolo --skip-trust: every tool without a sandbox, but no `$(…)` in commands; \
                 the folder is not asked to be trusted, its MCP servers and hooks stay off"
            }
        }
    }
}

/// `GEMINI_SYSTEM_MD` would replace the program's own system prompt, so the role text goes first instead.
fn prompt(request: &Request) -> Result<String, Unservable> {
    let prompt = match request.system_prompt.as_deref().filter(|text| !text.trim().is_empty()) {
        Some(text) => shared::with_instructions(text, &request.prompt),
        None => request.prompt.clone(),
    };
    if prompt.len() > MAX_PROMPT {
        return Err(Unservable {
            message: format!("the prompt has {} bytes, and Gemini takes {MAX_PROMPT}", prompt.len()),
            hint: "name files for the agent to read instead of including them".to_owned(),
        });
    }
    Ok(prompt)
}

fn without_colours(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split('\u{1b}');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    Cow::Owned(plain)
}

/// Returns the last line that is about the run and not about the terminal, its stack or its flags.
fn last_words(tail: &str) -> &str {
    let body = tail.split("Usage: gemini [options]").next().unwrap_or(tail);
    let noise =
        ["at ", "Warning: ", "[STARTUP]", "YOLO mode", "Ripgrep", "}", "status: ", "Searched for", "Use --list"];
    let lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.rev().find(|line| !noise.iter().any(|noise| line.starts_with(noise))).unwrap_or_default()
}

/// Failures by their text, lower case, for those that the status does not tell. The first row that fits decides.
const FAILURES: [(&str, Category); 17] = [
    ("context window", Category::ContextFull),
    ("exceeds the maximum number of tokens", Category::ContextFull),
    ("max session turns", Category::Budget),
    ("api key not valid", Category::Auth),
    ("api key", Category::Auth),
    ("blocked due to safety", Category::Refused),
    ("prohibited content", Category::Refused),
    ("malformed function call", Category::Protocol),
    ("exhausted your daily quota", Category::Quota),
    ("exhausted your capacity", Category::Quota),
    ("perday", Category::Quota),
    // A limit that names its end, before one that only names billing: Google's free tier says both.
    ("retry in", Category::RateLimit),
    ("rate limit", Category::RateLimit),
    ("exceeded your current quota", Category::Quota),
    ("overloaded", Category::Overloaded),
    ("server had an error", Category::Overloaded),
    ("does not exist or you do not have access", Category::InvalidModel),
];

fn category_of(status: Option<u32>, message: &str) -> Category {
    let text = message.to_lowercase();
    let said = FAILURES.iter().find(|(needle, _)| text.contains(needle)).map(|(_, category)| *category);
    let network = || ["terminated", "fetch failed", "socket", "econn"].iter().any(|word| text.contains(word));
    said.unwrap_or_else(|| match status {
        Some(401 | 403) => Category::Auth,
        Some(404) => Category::InvalidModel,
        Some(429) => Category::RateLimit,
        Some(500..=599) => Category::Overloaded,
        Some(_) | None if network() => Category::Network,
        Some(_) | None => Category::Unknown,
    })
}

/// One line of the stream. The echo of the prompt and the tools' output are skipped unread.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    session_id: Cow<'a, str>,
    #[serde(borrow, default)]
    model: Cow<'a, str>,
    #[serde(borrow, default)]
    role: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(default)]
    delta: bool,
    #[serde(borrow, default)]
    tool_name: Cow<'a, str>,
    #[serde(borrow, default)]
    tool_id: Cow<'a, str>,
    #[serde(borrow, default)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Cow<'a, str>,
    /// Up to a megabyte that nobody asks for; only its first bytes are looked at, still quoted.
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    severity: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    /// Read apart, like `stats`: the end of a run must be understood even when they are not.
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stats: Option<&'a RawValue>,
}

impl Line<'_> {
    fn error(&self) -> Option<ErrorText<'_>> {
        serde_json::from_str(self.error?.get()).ok()
    }

    fn stats(&self) -> Option<Stats<'_>> {
        serde_json::from_str(self.stats?.get()).ok()
    }
}

#[derive(Deserialize)]
struct ErrorText<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

/// What a tool is asked, as far as one line for people needs it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Parameters<'a> {
    #[serde(borrow)]
    command: Option<Cow<'a, str>>,
    #[serde(borrow)]
    file_path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    dir_path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pattern: Option<Cow<'a, str>>,
    #[serde(borrow)]
    query: Option<Cow<'a, str>>,
    #[serde(borrow)]
    prompt: Option<Cow<'a, str>>,
}

/// `input` is `input_tokens` less `cached`; thoughts are in `total_tokens` only.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Stats<'a> {
    total_tokens: u64,
    input_tokens: u64,
    output_tokens: u64,
    cached: u64,
    #[serde(borrow)]
    models: Models<'a>,
}

/// The rows of `models` in the order of the file, which is the order of first use.
#[derive(Default)]
struct Models<'a>(Vec<(Cow<'a, str>, u64)>);

impl<'de: 'a, 'a> Deserialize<'de> for Models<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = Models<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of models")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Models<'de>, A::Error> {
                #[derive(Deserialize)]
                struct Row {
                    #[serde(default)]
                    total_tokens: u64,
                }
                let mut rows = Vec::new();
                while let Some((name, row)) = map.next_entry::<Cow<'de, str>, Row>()? {
                    rows.push((name, row.total_tokens));
                }
                Ok(Models(rows))
            }
        }
        deserializer.deserialize_map(Rows)
    }
}

impl Models<'_> {
    /// Returns the model that did the work: the one with the most tokens, of equals the later,
    /// because the router is asked first and little. After a failure, a row without tokens is a
    /// model that never answered, and then the other row may be the router.
    fn served(&self, success: bool) -> Option<String> {
        if !success && self.0.iter().any(|(_, tokens)| *tokens == 0) {
            return None;
        }
        let answered = self.0.iter().filter(|(_, tokens)| *tokens > 0);
        answered.max_by_key(|(_, tokens)| *tokens).map(|(name, _)| name.to_string())
    }
}

/// Parser of `gemini --output-format=stream-json`.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct GeminiParser {
    /// Tool calls without a result so far: results name the call only by its id.
    open: BTreeMap<String, OpenTool>,
    /// The last `error` line, for a result that fails without saying why.
    last_error: Option<String>,
    /// Whether the last thing was a piece of text, so that the next piece continues it.
    in_text: bool,
    /// Whether Gemini stopped itself in a loop, which its result then calls a success.
    stopped_in_loop: bool,
}

#[derive(Serialize, Deserialize)]
struct OpenTool {
    name: String,
    /// The file that the call writes, if it is such a call.
    writes: Option<String>,
}

impl Parser for GeminiParser {
    fn line(&mut self, line: &[u8], events: &mut Vec<AgentEvent>) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let known = serde_json::from_slice::<Line<'_>>(line).is_ok_and(|parsed| self.take(parsed, events).is_some());
        if !known {
            events.push(shared::unknown(line));
        }
    }

    fn save(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn restore(&mut self, state: &serde_json::Value) {
        *self = Self::deserialize(state).unwrap_or_default();
    }
}

impl GeminiParser {
    /// Returns `None` when the line says nothing that this version of the adapter knows.
    fn take(&mut self, line: Line<'_>, events: &mut Vec<AgentEvent>) -> Option<()> {
        match &*line.kind {
            "init" => {
                let told = |text: Cow<'_, str>| Some(text.into_owned()).filter(|text| !text.is_empty());
                // `auto` is a way to choose a model, not a model.
                let model = told(line.model).filter(|model| model != "auto");
                events.push(AgentEvent::Started { session: told(line.session_id), model, version: None });
            }
            "message" if line.role == "user" => {}
            "message" => {
                let text = serde_json::from_str(line.content?.get()).ok()?;
                events.push(AgentEvent::Text { text, delta: line.delta && self.in_text });
                self.in_text = true;
            }
            "tool_use" => self.tool_use(&line, events),
            "tool_result" => self.tool_result(&line, events),
            "error" => self.error(&line, events),
            "result" => self.result(&line, events),
            // The vendor's list is open.
            _ => return None,
        }
        Some(())
    }

    fn tool_use(&mut self, line: &Line<'_>, events: &mut Vec<AgentEvent>) {
        // What the agent says after a tool call is a new text, though Gemini calls it a delta.
        self.in_text = false;
        let raw = line.parameters.map_or("{}", RawValue::get);
        let asked: Parameters<'_> = serde_json::from_str(raw).unwrap_or_default();
        let is_write = matches!(&*line.tool_name, "write_file" | "replace");
        let writes = asked.file_path.as_ref().filter(|_| is_write).map(ToString::to_string);
        let summary = [asked.command, asked.file_path, asked.pattern, asked.query, asked.dir_path, asked.prompt];
        let summary = summary.into_iter().flatten().next().unwrap_or_default();
        let (id, name) = (line.tool_id.to_string(), line.tool_name.to_string());
        if self.open.len() < OPEN_CAP {
            self.open.insert(id.clone(), OpenTool { name: name.clone(), writes });
        }
        events.push(AgentEvent::ToolStarted { id, name, summary: shared::one_line(&summary) });
    }

    fn tool_result(&mut self, line: &Line<'_>, events: &mut Vec<AgentEvent>) {
        let open = self.open.remove(&*line.tool_id);
        let denial = denial(line);
        let ok = line.status == "success" && denial.is_none();
        let (name, writes) = open.map_or_else(Default::default, |open| (open.name, open.writes));
        if let Some(message) = denial {
            events.push(AgentEvent::PermissionDenied { tool: name, message });
        } else if let Some(path) = writes.filter(|_| ok) {
            // Whether the file was there before is not told.
            events.push(AgentEvent::FileChanged { path, change: FileChange::Modified });
        }
        events.push(AgentEvent::ToolFinished { id: line.tool_id.to_string(), ok });
    }

    fn error(&mut self, line: &Line<'_>, events: &mut Vec<AgentEvent>) {
        self.stopped_in_loop |= line.message.starts_with("Loop detected");
        self.last_error = Some(line.message.to_string());
        let level = if line.severity == "warning" { NoticeLevel::Warning } else { NoticeLevel::Error };
        events.push(AgentEvent::Notice { level, text: line.message.to_string() });
    }

    fn result(&mut self, line: &Line<'_>, events: &mut Vec<AgentEvent>) {
        let success = line.status == "success";
        if let Some(stats) = line.stats() {
            events.extend(stats.models.served(success).map(|model| AgentEvent::ModelServed { model }));
            events.extend(stats.usage());
        }
        if success && self.stopped_in_loop {
            let message = "the agent repeated itself, and Gemini stopped it before an answer".to_owned();
            events.push(AgentEvent::Failed { category: Category::Empty, message });
        } else if success {
            events.push(AgentEvent::Finished { result: None, structured: None, turns: None });
        } else {
            let said = line.error().map(|error| error.message.into_owned());
            let (status, message) = api_error(said.or_else(|| self.last_error.take()).unwrap_or_default());
            let category = category_of(status, &message);
            if category == Category::RateLimit {
                events.push(AgentEvent::RateLimited { until: None, message: message.clone() });
            }
            events.push(AgentEvent::Failed { category, message });
        }
    }
}

impl Stats<'_> {
    /// The totals of the run over all its models; a run that asked none reports nothing.
    fn usage(&self) -> Option<AgentEvent> {
        let input = self.input_tokens.saturating_sub(self.cached);
        // Thoughts are billed as output and stand in the total alone.
        let output = self.total_tokens.saturating_sub(self.input_tokens).max(self.output_tokens);
        let tokens = Tokens { input, output, cache_read: self.cached, cache_write: 0 };
        (tokens != Tokens::default()).then_some(AgentEvent::Usage(UsageReport {
            scope: UsageScope::Run,
            tokens: Some(tokens),
            cost: None,
            model: None,
        }))
    }
}

/// Returns why a tool call was not allowed, if that is why it came to nothing.
///
/// A tool that the approval mode hides is "not registered" when it is called all the same. So is
/// one that never was; the message tells the two apart for people.
fn denial(line: &Line<'_>) -> Option<String> {
    if line.output.is_some_and(|output| output.get().starts_with("\"Blocked: command substitution")) {
        return Some("command substitution in a shell command is never allowed".to_owned());
    }
    let error = line.error()?;
    let by_type = matches!(
        &*error.kind,
        "tool_not_registered" | "policy_violation" | "permission_denied" | "path_not_in_workspace"
    );
    // Plan mode and paths outside the workspace come as `invalid_tool_params`.
    (by_type || error.message.starts_with("Access denied")).then(|| error.message.to_string())
}

/// Returns the HTTP status and the words of `[API Error: {"error":{"code":…,"message":…}}]`.
fn api_error(said: String) -> (Option<u32>, String) {
    #[derive(Deserialize)]
    struct Outer {
        error: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        #[serde(default)]
        code: serde_json::Value,
        message: String,
    }
    let Some(rest) = said.strip_prefix("[API Error: ") else { return (None, said) };
    // Advice for people at a terminal may follow on further lines.
    let body = rest.split("]\n").next().unwrap_or(rest);
    let body = body.strip_suffix(']').unwrap_or(body);
    match serde_json::from_str::<Outer>(body) {
        Ok(Outer { error }) => (error.code.as_u64().and_then(|code| u32::try_from(code).ok()), error.message),
        Err(_) => (None, body.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backends::{Continuation, replay::Recording},
        core::{BackendName, Digest, Status, Terminal, Timestamp, Usage},
    };

    const RECORDINGS: &str = "gemini/0.61.0";
    const SESSION: &str = "11111111-2222-4333-8444-555555555555";

    fn load(name: &str) -> Recording {
        Recording::load(RECORDINGS, name)
    }

    #[test]
    fn every_recording_gets_its_verdict() {
        let done = (Status::Done, None);
        let failed = |category| (Status::Failed, Some(category));
        let table = [
            ("plain", done),
            ("plain-norelaunch", done),
            ("autoedit-shell", done),
            ("autoedit-write", done),
            ("badtool", done),
            ("concurrent", done),
            ("e429gminute", done),
            ("e500twice", done),
            ("empty", done),
            ("mcp-default-mode", done),
            ("mcp-echo", done),
            ("model-auto", done),
            ("model-flash", done),
            ("model-unknown", done),
            ("nogit", done),
            ("othermodel", done),
            ("outside", done),
            ("plan-write", done),
            ("resume-1-first", done),
            ("resume-2-latest", done),
            ("resume-3-id", done),
            // Cut by a safety filter after "I can": the stream does not tell.
            ("safety", done),
            ("session-id-own", done),
            ("session-id-resume", done),
            ("shell-denied", done),
            ("shell20", done),
            ("subst", done),
            ("untrusted-skip", done),
            ("write", done),
            ("write-denied", done),
            ("loop", failed(Category::Empty)),
            ("safety-empty", failed(Category::Refused)),
            ("malformed", failed(Category::Protocol)),
            ("max-turns", failed(Category::Budget)),
            ("cutnoend", failed(Category::Network)),
            ("cutonce", failed(Category::Network)),
            ("e400ctx", failed(Category::ContextFull)),
            ("prompt-stdin-9m", failed(Category::ContextFull)),
            ("auth-key-nosettings", failed(Category::Auth)),
            ("auth-selected-nokey", failed(Category::Auth)),
            ("e401", failed(Category::Auth)),
            ("e403", failed(Category::Auth)),
            ("e404", failed(Category::InvalidModel)),
            ("e429", failed(Category::RateLimit)),
            ("e429quota", failed(Category::Quota)),
            ("e500", failed(Category::Overloaded)),
            ("e503", failed(Category::Overloaded)),
            ("maxattempts2", failed(Category::Overloaded)),
            ("resume-4-othercwd", failed(Category::SessionNotFound)),
            ("resume-unknown", failed(Category::SessionNotFound)),
            ("session-id-again", failed(Category::Launch)),
            ("stdin-empty", failed(Category::Launch)),
            ("badflag", failed(Category::Launch)),
            ("untrusted", failed(Category::Permission)),
            ("server-down", failed(Category::Crashed)),
            ("sigkill-tool", failed(Category::Crashed)),
            // Exit 0 and no result: the signal's way to say nothing.
            ("sigint-model-norelaunch", failed(Category::Protocol)),
            ("sigint-tool-norelaunch", failed(Category::Protocol)),
            ("sigterm-tool-norelaunch", failed(Category::Protocol)),
        ];
        let wrong: Vec<_> = table
            .iter()
            .map(|(name, expected)| (*name, load(name).verdict(&Gemini), *expected))
            .filter(|(_, verdict, expected)| verdict != expected)
            .collect();
        assert_eq!(wrong, []);
    }

    #[test]
    fn no_recording_has_a_line_that_is_not_understood() {
        for name in ["plain", "write", "loop", "malformed", "e401", "mcp-default-mode", "max-turns"] {
            assert_eq!(load(name).digest(&Gemini).unknown_events, 0, "{name}");
        }
    }

    #[test]
    fn a_run_with_an_edit_is_summed_up() {
        let digest = load("write").digest(&Gemini);
        assert_eq!(
            Digest { recent_steps: Default::default(), session: None, ..digest },
            Digest {
                events: 13,
                model_served: Some("gemini-3.8-flash".into()),
                last_text: Some("Done: hello.txt written.".into()),
                terminal: Some(Terminal::Success),
                tools_finished: 1,
                files: vec!["/home/dev/lab/repo/hello.txt".into()],
                usage: run(Tokens { input: 3000, output: 150, ..Tokens::default() }),
                first_event_at: Some(Timestamp(1)),
                last_event_at: Some(Timestamp(13)),
                ..Digest::default()
            }
        );
    }

    fn run(tokens: Tokens) -> Usage {
        Usage { tokens: Some(tokens), ..Usage::default() }
    }

    #[test]
    fn cached_tokens_are_taken_out_and_thoughts_are_output() {
        let tokens = Tokens { input: 1200, cache_read: 1000, cache_write: 0, output: 96 };
        assert_eq!(load("plain").digest(&Gemini).usage, run(tokens));
    }

    #[test]
    fn the_model_that_served_is_not_the_router() {
        let served = |name: &str| load(name).digest(&Gemini).model_served;
        assert_eq!(served("plain").as_deref(), Some("gemini-3.8-flash"));
        assert_eq!(served("othermodel").as_deref(), Some("other-model-2026-01-01"));
        assert_eq!(served("plan-write").as_deref(), Some("gemini-3.1-pro-preview-customtools"));
        assert_eq!(served("e401"), None);
    }

    #[test]
    fn auto_is_not_announced_as_a_model() {
        assert_eq!(load("plain").digest(&Gemini).model_announced, None);
        assert_eq!(load("malformed").digest(&Gemini).model_announced.as_deref(), Some("gemini-3.8-flash"));
    }

    #[test]
    fn a_session_is_the_one_that_was_asked_for() {
        assert_eq!(load("session-id-own").digest(&Gemini).session.as_deref(), Some(SESSION));
        assert_eq!(load("session-id-resume").digest(&Gemini).session.as_deref(), Some(SESSION));
    }

    #[test]
    fn what_a_mode_hides_or_refuses_is_a_denial() {
        let denials = |name: &str| load(name).digest(&Gemini).denials;
        assert_eq!(
            denials("autoedit-shell"),
            ["run_shell_command: Tool \"run_shell_command\" not found. Did you mean one of: \"update_topic\", \
                 \"grep_search\", \"replace\"?"]
        );
        assert_eq!(denials("subst"), ["run_shell_command: command substitution in a shell command is never allowed"]);
        assert!(denials("plan-write")[0].starts_with("write_file: Access denied: plan path"));
        assert_eq!(load("plan-write").digest(&Gemini).files, Vec::<String>::new());
    }

    #[test]
    fn an_error_is_told_in_the_servers_words() {
        let said = |name: &str| load(name).digest(&Gemini).terminal;
        let failure = |category, message: &str| Some(Terminal::Failure { category, message: message.into() });
        let key = "Incorrect API key provided: k. You can find your API key in your account page.";
        assert_eq!(said("e401"), failure(Category::Auth, key));
        let limit = "Rate limit reached for requests. Please try again in 1.5s.";
        assert_eq!(said("e429"), failure(Category::RateLimit, limit));
        let blocked = "The model response was blocked due to safety settings.";
        assert_eq!(said("safety-empty"), failure(Category::Refused, blocked));
    }

    #[test]
    fn the_end_of_stderr_is_told_without_colours_and_noise() {
        let recording = load("untrusted");
        let failure = Gemini.classify_stderr(&recording.stderr, recording.exit_code).unwrap();
        assert!(failure.message.starts_with("Gemini CLI is not running in a trusted directory."), "{failure:?}");
    }

    #[test]
    fn an_end_with_odd_details_is_still_an_end() {
        let good = r#"{"type":"result","status":"success","stats":{"total_tokens":-1.5}}"#;
        let finished = AgentEvent::Finished { result: None, structured: None, turns: None };
        assert_eq!(Recording::new(good, 0).events(&Gemini), [finished]);
        let bad = r#"{"type":"result","status":"error","error":"overloaded"}"#;
        assert_eq!(Recording::new(bad, 247).verdict(&Gemini), (Status::Failed, Some(Category::Overloaded)));
    }

    #[test]
    fn any_bytes_are_survived() {
        let valid = load("write").stdout;
        let mut parser = Gemini.parser();
        let mut events = Vec::new();
        for seed in 0..2000_usize {
            let mut bytes = valid[seed % valid.len()..].iter().take(300).copied().collect::<Vec<_>>();
            if let Some(byte) = bytes.get_mut(seed % 97) {
                *byte = (seed * 31) as u8;
            }
            parser.line(&bytes, &mut events);
        }
        for line in [&b"{}"[..], b"null", b"\xff\xfe", b"{\"type\":7}", b"{\"type\":\"result\"}", b"  "] {
            parser.line(line, &mut events);
        }
        let understood = |event: &&AgentEvent| !matches!(event, AgentEvent::Unknown { .. });
        assert!(events.len() > 1900 && events.iter().filter(understood).count() < 100, "{}", events.len());
    }

    fn request() -> Request {
        Request {
            backend: BackendName::built_in("gemini"),
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
            session: SessionPlan::New { id: SESSION.into() },
            trust_project: false,
            is_root: false,
            sandbox_works: None,
        }
    }

    fn expected(args: &[&str], env: &[&str], prompt: &str) -> Invocation {
        Invocation {
            program: "gemini".into(),
            args: args.iter().map(ToString::to_string).collect(),
            env: env.iter().map(|name| (name.to_string(), "true".to_owned())).collect(),
            env_pass: shared::env_pass(&OWN_ENV),
            cwd: "/w/repo".into(),
            prompt: PromptVia::Stdin(prompt.into()),
            files: BTreeMap::new(),
            polite_signal: PoliteSignal::Terminate,
        }
    }

    #[test]
    fn a_plain_request_trusts_nothing_and_chooses_its_session() {
        let session = format!("--session-id={SESSION}");
        let args = ["--output-format=stream-json", "--approval-mode=auto_edit", "--skip-trust", &session];
        assert_eq!(Gemini.invocation(&request()).unwrap(), expected(&args, &["GEMINI_CLI_NO_RELAUNCH"], "do it"));
    }

    #[test]
    fn a_trusting_follow_up_says_so_by_environment() {
        let continuation = Continuation { session: SESSION.into(), history: Vec::new() };
        let request = Request {
            session: SessionPlan::Continue(continuation),
            system_prompt: Some("Be brief.\n".into()),
            model: Some("gemini-3.8-flash".into()),
            posture: Posture::Full,
            trust_project: true,
            ..request()
        };
        let resume = format!("--resume={SESSION}");
        let args = ["--output-format=stream-json", "--approval-mode=yolo", "--model=gemini-3.8-flash", &resume];
        let env = ["GEMINI_CLI_NO_RELAUNCH", "GEMINI_CLI_TRUST_WORKSPACE"];
        let prompt = "<instructions>\nBe brief.\n</instructions>\n\ndo it";
        assert_eq!(Gemini.invocation(&request).unwrap(), expected(&args, &env, prompt));
    }

    #[test]
    fn a_prompt_that_gemini_would_cut_is_refused() {
        let long = Request { prompt: "x".repeat(MAX_PROMPT + 1), ..request() };
        let message = Gemini.invocation(&long).unwrap_err().message;
        assert_eq!(message, "the prompt has 8388609 bytes, and Gemini takes 8388608");
    }
}
