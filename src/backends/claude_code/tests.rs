use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use super::*;
use crate::{
    backends::{Continuation, replay::Recording},
    core::{
        AgentEvent, BackendName, Digest, EventRecord, Money, Status, Timestamp, Tokens, Usage, UsageReport, UsageScope,
    },
};

const FOLDER: &str = "claude_code/2.1.329";

fn recording(name: &str) -> Recording {
    Recording::load(FOLDER, name)
}

fn events(stdout: &str) -> Vec<AgentEvent> {
    Recording::new(stdout, 0).events(&ClaudeCode)
}

fn fold(events: &[AgentEvent], baseline: &Usage) -> Digest {
    let mut digest = Digest::default();
    for (seq, event) in (1..).zip(events) {
        digest.add(&EventRecord { seq, at: Timestamp(0), event: event.clone() }, baseline);
    }
    digest
}

/// What a recording says, without times and prose.
fn facts(name: &str) -> Value {
    let digest = recording(name).digest(&ClaudeCode);
    json!({
        "session": digest.session,
        "version": digest.version,
        "models": [digest.model_announced, digest.model_served],
        "answer": digest.answer(),
        "structured": digest.structured,
        "turns": digest.turns,
        "tools": [digest.tools_finished, digest.tools_failed, digest.tools_in_flight.len()],
        "files": digest.files,
        "denials": digest.denials,
        "usage": digest.usage,
        "unknown": digest.unknown_events,
    })
}

#[test]
fn recordings_are_judged() {
    use Category::*;
    use Status::{Done, Failed};
    let table = [
        ("agent", Done, None),
        ("agent-bg-ceiling", Done, None),
        ("agent-forward", Done, None),
        ("ask-user", Done, None),
        ("auth-missing", Failed, Some(Auth)),
        ("auth-token", Done, None),
        ("bad-input", Done, None),
        ("badjson-once", Done, None),
        ("bare", Done, None),
        ("bash-20s", Done, None),
        ("bash-20s-state", Done, None),
        ("bash-75s", Done, None),
        ("bash-auto-risky", Done, None),
        ("bash-bg-100s", Done, None),
        ("bash-bg-disabled", Done, None),
        ("bash-bg-forever", Done, None),
        ("bash-bg-int", Done, None),
        ("bash-bg-term", Failed, Some(Crashed)),
        ("bash-default", Done, None),
        ("bash-timeout", Done, None),
        ("bash-timeout-nobg", Done, None),
        ("billing", Failed, Some(Quota)),
        ("bypass-root", Failed, Some(Launch)),
        ("bypass-root-sandbox", Done, None),
        ("conn-refused", Failed, Some(Network)),
        ("cut-forever", Failed, Some(Network)),
        ("cut-in-tool", Done, None),
        ("cut-once", Done, None),
        ("cwd-gone", Failed, Some(Launch)),
        ("edit-acceptEdits", Done, None),
        ("edit-posture", Done, None),
        ("effort-bad", Done, None),
        ("empty", Failed, Some(Network)),
        ("empty-answer", Failed, Some(Empty)),
        ("hook-defer-1", Failed, Some(Category::NeedsInput)),
        ("hook-defer-2", Done, None),
        ("hook-deny", Done, None),
        ("hook-stop-block", Done, None),
        ("hook-timeout", Done, None),
        ("hooks-events", Done, None),
        ("http400", Failed, Some(Unknown)),
        ("http401", Failed, Some(Auth)),
        ("http401-retries0", Failed, Some(Auth)),
        ("http402", Failed, Some(Quota)),
        ("http403", Failed, Some(Auth)),
        ("http404", Failed, Some(InvalidModel)),
        ("http413", Failed, Some(ContextFull)),
        ("http429-forever", Failed, Some(RateLimit)),
        ("http429-then-ok", Done, None),
        ("http429-unified", Failed, Some(RateLimit)),
        ("http500-retries2", Failed, Some(Overloaded)),
        ("http529", Failed, Some(Overloaded)),
        ("max-budget", Failed, Some(Budget)),
        ("max-tokens-forever", Failed, Some(OutputLimit)),
        ("max-turns", Failed, Some(Budget)),
        ("mcp-basic", Done, None),
        ("mcp-crash", Done, None),
        ("mcp-interrupt", Failed, Some(Crashed)),
        ("mcp-no-permission", Done, None),
        ("model-unknown-name", Done, None),
        ("notsse", Failed, Some(Network)),
        ("oauth-401", Failed, Some(Auth)),
        ("oauth-limit", Failed, Some(RateLimit)),
        ("oauth-token", Done, None),
        ("perm-tool-deny", Done, None),
        ("plain-partial", Done, None),
        ("plain-stream", Done, None),
        ("prompt-slash-clear", Failed, Some(Empty)),
        ("prompt-slash-context", Failed, Some(Empty)),
        ("ratelimit-warning-oauth", Done, None),
        ("read-only", Done, None),
        ("refusal-once", Done, None),
        ("refusal-twice", Failed, Some(Refused)),
        ("resume-unknown", Failed, Some(SessionNotFound)),
        ("schema-bad", Failed, Some(Empty)),
        ("schema-good", Done, None),
        ("schema-invalid", Failed, Some(Launch)),
        ("schema-never", Done, None),
        ("served-model-differs", Done, None),
        ("session-1-new", Done, None),
        ("session-2-reuse-id", Failed, Some(Launch)),
        ("session-3-resume", Done, None),
        ("session-4-continue", Done, None),
        ("session-5-fork", Done, None),
        ("sig-HUP-bash", Failed, Some(Crashed)),
        ("sig-INT-bash", Failed, Some(Crashed)),
        ("sig-INT-retry", Failed, Some(Crashed)),
        ("sig-KILL-group-bash", Failed, Some(Crashed)),
        ("sig-TERM-bash", Failed, Some(Crashed)),
        ("sig-resume-after-kill-2", Done, None),
        ("slow-drip", Done, None),
        ("stdin-stream-3turns", Done, None),
        ("stdin-stream-ask", Done, None),
        ("stdin-stream-badline", Failed, Some(Launch)),
        ("stdin-stream-error-then-go-on", Done, None),
        ("stdin-stream-interrupt", Done, None),
        ("stdin-stream-interrupt-tool", Failed, Some(Crashed)),
        ("stdin-stream-perm-deny", Done, None),
        ("stream-no-verbose", Failed, Some(Launch)),
        ("thinking", Done, None),
        ("too-long", Failed, Some(ContextFull)),
        ("unknown-flag", Failed, Some(Launch)),
        ("unknown-tool", Done, None),
        ("webfetch", Done, None),
        ("write-acceptEdits", Done, None),
        ("write-default", Done, None),
        ("write-disallowed", Done, None),
        ("write-outside-acceptEdits", Done, None),
        ("write-plan", Done, None),
        ("write-prompts-none", Done, None),
    ];
    let wrong: Vec<_> = table
        .into_iter()
        .map(|(name, status, category)| (name, (status, category), recording(name).verdict(&ClaudeCode)))
        .filter(|(_, expected, found)| expected != found)
        .collect();
    assert_eq!(wrong, [], "(name, expected, found)");
    let judged: BTreeSet<_> = table.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(recorded(), judged, "every recording has a row");
}

fn recorded() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/claude_code/2.1.329");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".stdout").map(str::to_owned)).collect()
}

#[test]
fn every_line_of_every_recording_is_understood() {
    for name in recorded() {
        assert_eq!(recording(&name).digest(&ClaudeCode).unknown_events, 0, "{name}");
    }
}

#[test]
fn a_plain_answer_tells_session_models_and_usage() {
    let expected = json!({
        "session": "3e7a040d-87e3-46f6-ba4b-0afd77f914f3",
        "version": "2.1.329",
        "models": ["claude-opus-5-5", "claude-opus-5-5"],
        "answer": "Hello from the scripted model.",
        "structured": null,
        "turns": 1,
        "tools": [0, 0, 0],
        "files": [],
        "denials": [],
        "usage": {"tokens": {"input": 100, "output": 14, "cache_read": 0, "cache_write": 0}, "cost": "$0.00068"},
        "unknown": 0,
    });
    assert_eq!(facts("plain-stream"), expected);
}

#[test]
fn an_edit_tells_its_tools_and_its_file() {
    let facts = facts("edit-acceptEdits");
    assert_eq!(facts["tools"], json!([2, 0, 0]));
    assert_eq!(facts["files"], json!(["/home/dev/project/a.txt"]));
    let written = self::facts("write-acceptEdits");
    assert_eq!(written["files"], json!(["/home/dev/project/hello.txt"]));
}

#[test]
fn a_denial_is_told_once_with_its_tool_and_changes_no_file() {
    let facts = facts("write-default");
    let denial = "Write: Claude requested permissions to write to /home/dev/project/hello.txt, \
                  but you haven't granted it yet.";
    assert_eq!(facts["denials"], json!([denial]));
    assert_eq!((&facts["tools"], &facts["files"]), (&json!([1, 1, 0]), &json!([])));
    // A hook's denial stands in the result only.
    assert_eq!(self::facts("hook-deny")["denials"], json!(["Write: not allowed"]));
}

#[test]
fn the_postures_keep_what_they_promise() {
    let read_only = facts("read-only");
    assert_eq!((&read_only["tools"], &read_only["files"]), (&json!([4, 1, 0]), &json!([])));
    assert_eq!(read_only["structured"], json!({"a": "x"}));
    let edit = facts("edit-posture");
    assert_eq!(edit["tools"], json!([3, 2, 0]), "make runs, curl is denied, cargo fails by itself");
    assert_eq!(edit["denials"].as_array().unwrap().len(), 1);
}

#[test]
fn the_server_names_the_model_that_answered() {
    let facts = facts("served-model-differs");
    assert_eq!(facts["models"], json!(["claude-sonnet-5-5", "claude-haiku-9-9-test"]));
    assert_eq!(self::facts("http401")["models"][1], Value::Null, "<synthetic> is no model");
}

#[test]
fn a_resumed_run_costs_what_it_used_itself() {
    let first = recording("session-1-new").digest(&ClaudeCode).usage;
    let tokens = |input, output| Some(Tokens { input, output, ..Tokens::default() });
    assert_eq!((first.tokens, first.cost), (tokens(100, 14), Some(Money(680))));
    for name in ["session-3-resume", "session-4-continue", "session-5-fork"] {
        let resumed = fold(&recording(name).events(&ClaudeCode), &first).usage;
        assert_eq!((resumed.tokens, resumed.cost), (tokens(100, 10), Some(Money(600))), "{name}");
    }
}

#[test]
fn sub_agents_and_second_answers_are_in_the_usage() {
    let input = |name: &str| facts(name)["usage"]["tokens"]["input"].clone();
    assert_eq!((input("agent"), input("bash-bg-100s")), (json!(400), json!(300)));
}

#[test]
fn a_version_without_shares_gives_the_conversations_total() {
    let line =
        r#"{"type":"result","subtype":"success","is_error":false,"result":"x","num_turns":1,"total_cost_usd":0.5,
        "modelUsage":{"a":{"inputTokens":1,"outputTokens":2},"b":{"inputTokens":10,"outputTokens":20}}}"#
            .replace('\n', "");
    let tokens = Some(Tokens { input: 11, output: 22, ..Tokens::default() });
    let cost = Some(Money(500_000));
    let report = UsageReport { scope: UsageScope::Conversation, tokens, cost, model: None };
    assert_eq!(events(&line)[0], AgentEvent::Usage(report));
}

#[test]
fn background_work_is_in_flight_over_the_first_result() {
    let events = recording("bash-bg-100s").events(&ClaudeCode);
    let first = events.iter().position(|event| matches!(event, AgentEvent::Finished { .. })).unwrap();
    let waiting = fold(&events[..first + 2], &Usage::default());
    let names: Vec<_> = waiting.tools_in_flight.values().map(|tool| (&*tool.name, &*tool.summary)).collect();
    assert_eq!(names, [("local_bash", "long background job")]);
    let end = fold(&events, &Usage::default());
    assert_eq!((end.answer(), end.tools_in_flight.len()), (Some("It ended."), 0));
}

#[test]
fn retries_tell_why_and_how_long() {
    let events = recording("http401").events(&ClaudeCode);
    let retry = AgentEvent::Retrying {
        category: Category::Auth,
        attempt: 1,
        delay_s: Some(0.528),
        message: "authentication_failed, HTTP 401, retry 1 of 10".into(),
    };
    assert_eq!(events[1], retry);
    let refused = recording("conn-refused").events(&ClaudeCode);
    let category = refused.iter().find_map(|event| match event {
        AgentEvent::Retrying { category, .. } => Some(*category),
        _ => None,
    });
    assert_eq!(category, Some(Category::Network));
}

#[test]
fn a_subscription_limit_tells_when_it_ends() {
    let digest = recording("oauth-limit").digest(&ClaudeCode);
    assert_eq!((digest.rate_limited, digest.rate_limited_until), (true, Some(Timestamp(1_795_213_015_000))));
    let old =
        r#"{"type":"result","subtype":"success","is_error":true,"result":"Claude AI usage limit reached|1795213015"}"#;
    let expected = [
        AgentEvent::RateLimited {
            until: Some(Timestamp(1_795_213_015_000)),
            message: "Claude AI usage limit reached|1795213015".into(),
        },
        AgentEvent::Failed {
            category: Category::RateLimit,
            message: "Claude AI usage limit reached|1795213015".into(),
        },
    ];
    assert_eq!(events(old), expected);
}

#[test]
fn a_parked_call_asks_and_is_no_result() {
    let digest = recording("hook-defer-1").digest(&ClaudeCode);
    assert_eq!(digest.question.as_deref(), Some("may it use Write? /home/dev/project/hello.txt"));
    assert_eq!(digest.terminal, None);
}

#[test]
fn a_megabyte_in_one_line_comes_through() {
    let text = "long \\\"text\\\" ".repeat(80_000);
    let line = format!(r#"{{"type":"assistant","message":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#);
    let expected = AgentEvent::Text { text: "long \"text\" ".repeat(80_000), delta: false };
    let recording = Recording::new(line, 0);
    assert!(recording.events(&ClaudeCode) == [expected]);
}

#[test]
fn fields_of_strange_types_cost_only_themselves() {
    let line = r#"{"type":"result","subtype":"success","is_error":false,"result":"yes","num_turns":[1],"usage":7,
        "modelUsage":"none","total_cost_usd":{"a":1},"permission_denials":{"x":[1]},"errors":[],"structured_output":null}"#
        .replace('\n', "");
    let finished = AgentEvent::Finished { result: Some("yes".into()), structured: None, turns: None };
    assert_eq!(events(&line), [finished]);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(at in 0usize..60_000, junk: Vec<u8>, cut in 0usize..300) {
        let mut stream = recording("agent").stdout;
        let at = at.min(stream.len());
        let end = (at + cut).min(stream.len());
        stream.splice(at..end, junk);
        let mut parser = ClaudeCode.parser();
        let mut events = Vec::new();
        stream.split(|byte| *byte == b'\n').for_each(|line| parser.line(line, &mut events));
    }
}

fn request() -> Request {
    Request {
        backend: BackendName::built_in("claude_code"),
        prompt: "/clear the \"table\"\n".into(),
        command: Vec::new(),
        system_prompt: None,
        working_dir: "/w".into(),
        attempt_dir: "/a".into(),
        model: None,
        effort: None,
        posture: Posture::Edit,
        max_turns: None,
        budget: None,
        output_schema: None,
        session: SessionPlan::New { id: "5f8d".into() },
        trust_project: false,
        is_root: false,
        sandbox_works: None,
    }
}

fn base(args: &[&str]) -> Invocation {
    let fixed = ["-p", "--output-format=stream-json", "--verbose", "--input-format=stream-json"];
    let env = [
        ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1"),
        ("CLAUDE_CODE_MAX_RETRIES", "3"),
        ("CLAUDE_CODE_STARTUP_FAILURE_RESULTS", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
    ];
    let prompt =
        r#"{"client_composed":true,"message":{"content":"/clear the \"table\"\n","role":"user"},"type":"user"}"#;
    Invocation {
        program: "claude".into(),
        args: fixed.iter().chain(args).map(ToString::to_string).collect(),
        env: env.map(|(name, value)| (name.into(), value.into())).into(),
        env_pass: ENV_PASS.iter().chain(&NETWORK_ENV).map(ToString::to_string).collect(),
        cwd: "/w".into(),
        prompt: PromptVia::Stdin(format!("{prompt}\n")),
        files: BTreeMap::new(),
        polite_signal: PoliteSignal::Interrupt,
    }
}

#[test]
fn a_new_edit_run_may_edit_build_and_test() {
    let programs: Vec<_> = SHELL_ALLOWED.iter().map(|program| format!("Bash({program}:*)")).collect();
    let allowed = format!("--allowedTools={}", programs.join(","));
    let expected = base(&[
        "--session-id=5f8d",
        "--permission-mode=acceptEdits",
        &allowed,
        "--permission-prompts=none",
        "--setting-sources=user",
        "--strict-mcp-config",
    ]);
    assert_eq!(ClaudeCode.invocation(&request()), Ok(expected));
}

#[test]
fn a_read_only_follow_up_carries_every_choice() {
    let request = Request {
        system_prompt: Some("Be brief.".into()),
        model: Some("opus".into()),
        effort: Some(Effort::Max),
        posture: Posture::ReadOnly,
        max_turns: Some(7),
        budget: Some(Money(2_500_000)),
        output_schema: Some(json!({"type": "object"})),
        session: SessionPlan::Continue(Continuation { session: "5f8d".into(), history: Vec::new() }),
        trust_project: true,
        is_root: true,
        ..request()
    };
    let expected = base(&[
        "--resume=5f8d",
        "--model=opus",
        "--effort=max",
        "--max-turns=7",
        "--max-budget-usd=2.5",
        r#"--json-schema={"type":"object"}"#,
        "--append-system-prompt=Be brief.",
        "--system-prompt-snapshot=off",
        "--tools=Read,Glob,Grep",
        "--permission-mode=dontAsk",
        "--permission-prompts=none",
    ]);
    assert_eq!(ClaudeCode.invocation(&request), Ok(expected));
}

#[test]
fn full_access_as_root_says_that_it_is_meant() {
    let request = Request { posture: Posture::Full, is_root: true, trust_project: true, ..request() };
    let mut expected = base(&["--session-id=5f8d", "--permission-mode=bypassPermissions", "--permission-prompts=none"]);
    expected.env.insert("IS_SANDBOX".into(), "1".into());
    assert_eq!(ClaudeCode.invocation(&request), Ok(expected));
    let user = Request { is_root: false, ..request };
    assert!(!ClaudeCode.invocation(&user).unwrap().env.contains_key("IS_SANDBOX"));
}

#[test]
fn a_system_prompt_too_long_for_an_argument_goes_by_file() {
    let text = "x".repeat(LONGEST_ARGUMENT + 1);
    let invocation = ClaudeCode.invocation(&Request { system_prompt: Some(text.clone()), ..request() }).unwrap();
    assert!(invocation.args.contains(&"--append-system-prompt-file=/a/system-prompt.md".to_owned()));
    assert!(invocation.args.iter().all(|arg| arg.len() < LONGEST_ARGUMENT));
    assert_eq!(invocation.files, BTreeMap::from([("system-prompt.md".to_owned(), text)]));
}

#[test]
fn what_the_program_would_refuse_is_refused_before() {
    let prompt = "x".repeat(LONGEST_PROMPT);
    assert!(ClaudeCode.invocation(&Request { prompt, ..request() }).is_err());
    let output_schema = Some(json!({"enum": ["x".repeat(LONGEST_ARGUMENT)]}));
    assert!(ClaudeCode.invocation(&Request { output_schema, ..request() }).is_err());
}

#[test]
fn marks_of_an_outer_agent_are_not_passed_on() {
    let passes = |name: &str| {
        ENV_PASS.iter().any(|pass| pass.strip_suffix('*').map_or(*pass == name, |start| name.starts_with(start)))
    };
    let marks = ["CLAUDECODE", "CLAUDE_CODE_SESSION_ID", "AI_AGENT", "CLAUDE_PID", "CLAUDE_CODE_MESSAGING_TOKEN"];
    assert_eq!(marks.map(passes), [false; 5]);
    assert!(passes("ANTHROPIC_API_KEY") && passes("CLAUDE_CODE_OAUTH_TOKEN"));
}
