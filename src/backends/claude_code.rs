//! Claude Code: `claude -p` with JSON lines both ways.
//!
//! What the program really does was measured and is written down in `docs/backends/claude-code.md`.

mod failures;
mod parser;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    Abilities, Backend, Invocation, Parser, PoliteSignal, Probe, PromptVia, Request, SessionPlan, Unservable,
    shared::NETWORK_ENV, text::classify_text,
};
use crate::core::{Category, Effort, Failure, Posture, Span};

/// Claude Code as a backend.
pub struct ClaudeCode;

/// Linux takes at most 128 KiB in one argument.
const LONGEST_ARGUMENT: usize = 100_000;
/// The program refuses more than 10 MB on standard input.
const LONGEST_PROMPT: usize = 10_000_000;

/// What the shell may run under the edit posture besides what only looks at files:
/// the usual builds and tests. Anything else is denied and reported as a denial.
const SHELL_ALLOWED: &[&str] = &[
    "cargo",
    "cmake",
    "composer",
    "ctest",
    "dotnet",
    "eslint",
    "go",
    "gradle",
    "./gradlew",
    "jest",
    "just",
    "make",
    "mvn",
    "mypy",
    "ninja",
    "node",
    "npm",
    "pnpm",
    "prettier",
    "pytest",
    "python",
    "python3",
    "rake",
    "rspec",
    "ruff",
    "rustc",
    "rustfmt",
    "swift",
    "tox",
    "tsc",
    "uv run",
    "vitest",
    "yarn",
];

/// What the program needs from the user's environment: credentials and endpoint; the network is [`NETWORK_ENV`].
///
/// Never `CLAUDECODE` or the `CLAUDE_CODE_…` marks of an agent that we may be running in.
const ENV_PASS: &[&str] = &[
    "ANTHROPIC_*",
    "API_TIMEOUT_MS",
    "AWS_*",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CONFIG_DIR",
    "CLOUD_ML_REGION",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
    "NODE_EXTRA_CA_CERTS",
    "VERTEX_REGION_*",
];

/// What the program writes on standard error when it gives up before its first event.
const START_FAILURES: &[&str] = &[
    "Error:",
    "Error parsing streaming input",
    "cannot be used with root",
    "error:",
    "is already in use",
    "no longer exists",
];

impl Backend for ClaudeCode {
    fn invocation(&self, request: &Request) -> Result<Invocation, Unservable> {
        let mut args: Vec<String> = ["-p", "--output-format=stream-json", "--verbose", "--input-format=stream-json"]
            .map(str::to_owned)
            .to_vec();
        let mut files = BTreeMap::new();
        args.push(session_flag(&request.session));
        args.extend(choice_flags(request)?);
        args.extend(system_prompt_flags(request, &mut files));
        args.extend(posture_flags(request.posture));
        if !request.trust_project {
            // The repository's own hooks and MCP servers start without a question in this mode.
            args.extend(["--setting-sources=user", "--strict-mcp-config"].map(str::to_owned));
        }
        Ok(Invocation {
            program: "claude".to_owned(),
            args,
            env: environment(request),
            env_pass: ENV_PASS.iter().chain(&NETWORK_ENV).map(ToString::to_string).collect(),
            cwd: request.working_dir.clone(),
            prompt: PromptVia::Stdin(user_message(&request.prompt)?),
            files,
            // SIGINT ends the turn and its tools and still prints a result; SIGTERM prints none.
            polite_signal: PoliteSignal::Interrupt,
        })
    }

    fn parser(&self) -> Box<dyn Parser> {
        Box::<parser::ClaudeParser>::default()
    }

    fn probe(&self) -> Probe {
        Probe {
            program: Some("claude".to_owned()),
            version_args: vec!["--version".to_owned()],
            login_check_args: Some(vec!["auth".to_owned(), "status".to_owned()]),
            login_env: Vec::new(),
            needs_env: Vec::new(),
            install_hint: "npm install -g @anthropic-ai/claude-code".to_owned(),
            login_hint: "run `claude` and type /login, or set ANTHROPIC_API_KEY".to_owned(),
        }
    }

    fn tells_cost(&self) -> bool {
        true
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            edits_files: true,
            follow_up: true,
            effort: true,
            output_schema: true,
            max_turns: true,
            budget: true,
            max_prompt: LONGEST_PROMPT as u64,
        }
    }

    fn classify_stderr(&self, tail: &str, exit_code: Option<i32>) -> Option<Failure> {
        let last = tail.lines().rev().find(|line| !line.trim().is_empty())?.trim();
        let refused_to_start = exit_code == Some(1) && START_FAILURES.iter().any(|words| tail.contains(words));
        let category = classify_text(tail).or(refused_to_start.then_some(Category::Launch))?;
        Some(Failure::new(category, &last[..last.floor_char_boundary(2000)]))
    }

    fn background_linger(&self) -> Span {
        // It stops its own background shells after 600 s and then asks the model once more.
        Span::from_secs(660)
    }

    fn posture_words(&self, posture: Posture) -> &'static str {
        match posture {
            Posture::ReadOnly => {
                "`--tools=Read,Glob,Grep --permission-mode=dontAsk`: nothing that writes or runs exists"
            }
            Posture::Edit => {
                "`--permission-mode=acceptEdits`: edits in the working directory; the shell may look, build and test"
            }
            Posture::Full => "`--permission-mode=bypassPermissions`: anything (as root with `IS_SANDBOX=1`)",
        }
    }
}

fn session_flag(session: &SessionPlan) -> String {
    match session {
        SessionPlan::New { id } => format!("--session-id={id}"),
        SessionPlan::Continue(earlier) => format!("--resume={}", earlier.session),
    }
}

/// What the user chose for this run. Always `--flag=value`: variadic flags swallow what follows.
fn choice_flags(request: &Request) -> Result<Vec<String>, Unservable> {
    let mut flags = Vec::new();
    flags.extend(request.model.as_ref().map(|model| format!("--model={model}")));
    flags.extend(request.effort.map(|effort| format!("--effort={}", effort_word(effort))));
    flags.extend(request.max_turns.map(|turns| format!("--max-turns={turns}")));
    flags.extend(request.budget.map(|budget| format!("--max-budget-usd={}", budget.as_dollars())));
    if let Some(schema) = &request.output_schema {
        let schema = schema.to_string();
        if schema.len() > LONGEST_ARGUMENT {
            return Err(Unservable {
                message: "the output schema is over 100 kB, which `claude` cannot take".to_owned(),
                hint: "write a shorter schema, or describe the form in the prompt".to_owned(),
            });
        }
        flags.push(format!("--json-schema={schema}"));
    }
    Ok(flags)
}

const fn effort_word(effort: Effort) -> &'static str {
    match effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Max => "max",
    }
}

fn system_prompt_flags(request: &Request, files: &mut BTreeMap<String, String>) -> Vec<String> {
    let Some(text) = &request.system_prompt else { return Vec::new() };
    let mut flags = if text.len() <= LONGEST_ARGUMENT {
        vec![format!("--append-system-prompt={text}")]
    } else {
        let name = "system-prompt.md";
        files.insert(name.to_owned(), text.clone());
        vec![format!("--append-system-prompt-file={}", request.attempt_dir.join(name))]
    };
    if matches!(request.session, SessionPlan::Continue(_)) {
        // Otherwise the first run's system prompt is used again and this one ignored in silence.
        flags.push("--system-prompt-snapshot=off".to_owned());
    }
    flags
}

fn posture_flags(posture: Posture) -> Vec<String> {
    let mut flags = match posture {
        // Not `plan`: that mode bends the answer into a plan. Tools that are not there need no denial.
        Posture::ReadOnly => vec!["--tools=Read,Glob,Grep".to_owned(), "--permission-mode=dontAsk".to_owned()],
        Posture::Edit => {
            let allowed: Vec<_> = SHELL_ALLOWED.iter().map(|program| format!("Bash({program}:*)")).collect();
            vec!["--permission-mode=acceptEdits".to_owned(), format!("--allowedTools={}", allowed.join(","))]
        }
        Posture::Full => vec!["--permission-mode=bypassPermissions".to_owned()],
    };
    // Nobody can answer a question here; with this the model is told so.
    flags.push("--permission-prompts=none".to_owned());
    flags
}

fn environment(request: &Request) -> BTreeMap<String, String> {
    let mut env = BTreeMap::from(
        [
            ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1"),
            // The default of 10 is three silent minutes on a wrong key.
            ("CLAUDE_CODE_MAX_RETRIES", "3"),
            ("CLAUDE_CODE_STARTUP_FAILURE_RESULTS", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    if request.is_root && request.posture == Posture::Full {
        // Root is refused this mode otherwise; exactly `1` counts. The user asked for everything.
        env.insert("IS_SANDBOX".to_owned(), "1".to_owned());
    }
    env
}

/// Returns the prompt as one line of stream-json.
///
/// `client_composed` keeps `/commands` and `@paths` in the prompt plain text: `/clear …` would
/// do nothing and report success, `@/etc/passwd` would be read without permission.
fn user_message(prompt: &str) -> Result<String, Unservable> {
    let message = json!({
        "type": "user",
        "message": { "role": "user", "content": prompt },
        "client_composed": true,
    });
    let line = format!("{message}\n");
    if line.len() > LONGEST_PROMPT {
        return Err(Unservable {
            message: "the prompt is over 10 MB, which `claude` refuses".to_owned(),
            hint: "put the text into a file and name its path in the prompt".to_owned(),
        });
    }
    Ok(line)
}
