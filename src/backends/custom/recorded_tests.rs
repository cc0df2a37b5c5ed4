//! Real programs described in a page each, on what they really printed.

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::CustomBackend;
use crate::backends::replay::Recording;
use crate::backends::samples::request;
use crate::backends::{Backend, Continuation, PromptVia, Request, SessionPlan};
use crate::core::{AgentEvent, Category, Money, Posture, Status, Tokens, UsageReport, UsageScope};

fn described(name: &str) -> CustomBackend {
    let path = format!("{}/tests/transcripts/custom/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn events(name: &str, case: &str) -> Vec<AgentEvent> {
    Recording::load("custom", &format!("{name}-{case}")).events(&described(name))
}

fn verdict(name: &str, case: &str) -> (Status, Option<Category>) {
    Recording::load("custom", &format!("{name}-{case}")).verdict(&described(name))
}

fn started(session: &str) -> AgentEvent {
    AgentEvent::Started { session: Some(session.into()), model: None, version: None }
}

fn text(text: &str) -> AgentEvent {
    AgentEvent::Text { text: text.into(), delta: false }
}

fn usage(input: u64, output: u64, cache_read: u64, cost: u64) -> AgentEvent {
    let tokens = Some(Tokens { input, output, cache_read, cache_write: 0 });
    AgentEvent::Usage(UsageReport { scope: UsageScope::Step, tokens, cost: Some(Money(cost)), model: None })
}

const FINISHED: AgentEvent = AgentEvent::Finished { result: None, structured: None, turns: None };

#[test]
fn opencode_is_read_by_its_description() {
    let session = "ses_e0562051cffeH9KMZYeaikX1BK";
    let id = "call_43aaedf462674817b3c8f341".to_owned();
    let expected = vec![
        started(session),
        text("I will write the file."),
        AgentEvent::ToolStarted { id: id.clone(), name: "write".into(), summary: "hello.txt".into() },
        AgentEvent::ToolFinished { id, ok: true },
        usage(1000, 50, 0, 1100),
        started(session),
        text("Done: hello.txt written."),
        usage(1000, 50, 0, 1100),
        FINISHED,
    ];
    assert_eq!(events("opencode", "write"), expected);
    let message = "Incorrect API key provided: k. You can find your API key in your account page.";
    let failed = AgentEvent::Failed { category: Category::Auth, message: message.into() };
    assert_eq!(events("opencode", "e401"), [failed]);
    let expected = vec![
        started("ses_e05622aa0ffeZa0poDsk3rTLE3"),
        text("Hello from the fake model. The answer is 42."),
        usage(200, 22, 1000, 268),
        FINISHED,
    ];
    assert_eq!(events("opencode", "plain"), expected);
}

#[test]
fn opencode_runs_are_judged_by_their_streams() {
    let table = [
        ("plain", Status::Done, None),
        ("write", Status::Done, None),
        ("e401", Status::Failed, Some(Category::Auth)),
        ("perm-ask", Status::Failed, Some(Category::Protocol)),
        ("resume-5-unknown", Status::Failed, Some(Category::SessionNotFound)),
    ];
    for (case, status, category) in table {
        assert_eq!(verdict("opencode", case), (status, category), "{case}");
    }
    let rejected = "The user rejected permission to use this specific tool call.";
    let denied = AgentEvent::PermissionDenied { tool: "write".into(), message: rejected.into() };
    assert!(events("opencode", "perm-ask").contains(&denied));
}

#[test]
fn copilot_is_read_by_its_description() {
    let served = || AgentEvent::ModelServed { model: "fake-model".into() };
    let id = "call_b5bd7095df0e40fe88e74609".to_owned();
    let expected = vec![
        served(),
        text("I will write the file."),
        AgentEvent::ToolStarted { id: id.clone(), name: "create".into(), summary: "Creating file".into() },
        AgentEvent::ToolFinished { id, ok: true },
        served(),
        text("Done: hello.txt written."),
        started("b8dbbd22-a533-49cd-a817-938d52bb9637"),
        FINISHED,
    ];
    assert_eq!(events("copilot", "write"), expected);
    let is_auth_retry = |event: &AgentEvent| matches!(event, AgentEvent::Retrying { category: Category::Auth, .. });
    assert_eq!(events("copilot", "e401").iter().filter(|event| is_auth_retry(event)).count(), 3);
    let table = [
        ("plain", Status::Done, None),
        ("write", Status::Done, None),
        ("deny-shell", Status::Done, None),
        ("e401", Status::Failed, Some(Category::Auth)),
    ];
    for (case, status, category) in table {
        assert_eq!(verdict("copilot", case), (status, category), "{case}");
    }
}

#[test]
fn a_command_is_filled_and_the_prompt_is_never_an_argument() {
    let backend = described("opencode");
    let args = |request: &Request| backend.invocation(request).map(|invocation| invocation.args.join(" "));
    let plain = request("opencode", "--help");
    assert_eq!(args(&plain).unwrap(), "run --format json");
    assert_eq!(backend.invocation(&plain).unwrap().prompt, PromptVia::Stdin("--help".into()));
    let model = Request { model: Some("a/b".into()), posture: Posture::Full, ..plain.clone() };
    assert_eq!(args(&model).unwrap(), "run --format json -m a/b --auto");
    let session = SessionPlan::Continue(Continuation { session: "ses_1".into(), history: vec![] });
    let follow_up = Request { session, posture: Posture::ReadOnly, ..plain.clone() };
    assert_eq!(args(&follow_up).unwrap(), "run --format json --session ses_1 --agent plan");
    let flag = args(&Request { model: Some("--auto".into()), ..plain }).unwrap_err();
    assert_eq!(flag.message, "`--auto` would be read as a flag in place of `{model}`");
}

#[test]
fn what_a_description_does_not_say_is_refused() {
    let backend: CustomBackend = serde_json::from_value(json!({"command": ["tool"]})).unwrap();
    let refusal = |request: Request| backend.invocation(&request).unwrap_err().message;
    let plain = request("tool", "hi");
    assert_eq!(
        refusal(Request { posture: Posture::ReadOnly, ..plain.clone() }),
        "`tool` does not say how to work read-only"
    );
    assert_eq!(refusal(Request { model: Some("m".into()), ..plain.clone() }), "`tool` does not take a model");
    let session = SessionPlan::Continue(Continuation { session: "s".into(), history: vec![] });
    assert_eq!(refusal(Request { session, ..plain }), "`tool` cannot go on with a conversation");
}

#[test]
fn prompts_roles_and_schemas_travel_by_file_where_the_command_says_so() {
    let description = json!({
        "command": ["tool", "-p", "{prompt_file}", ["--role", "{system_prompt_file}"], ["--schema", "{schema_file}"]],
        "prompt": "file",
    });
    let backend: CustomBackend = serde_json::from_value(description).unwrap();
    let full =
        Request { system_prompt: Some("role".into()), output_schema: Some(json!({"a": 1})), ..request("tool", "hi") };
    let invocation = backend.invocation(&full).unwrap();
    let expected = "-p /state/attempt/prompt.txt --role /state/attempt/system-prompt.txt \
                    --schema /state/attempt/schema.json";
    assert_eq!(invocation.args.join(" "), expected);
    assert_eq!(invocation.prompt, PromptVia::File { name: "prompt.txt".into(), content: "hi".into() });
    let files = [("schema.json", "{\"a\":1}"), ("system-prompt.txt", "role")];
    assert_eq!(invocation.files, files.map(|(name, content)| (name.to_owned(), content.to_owned())).into());
    let bare: CustomBackend = serde_json::from_value(json!({"command": ["tool"]})).unwrap();
    assert_eq!(bare.invocation(&full).unwrap().prompt, PromptVia::Stdin("role\n\nhi".into()));
}

#[test]
fn a_description_that_cannot_work_is_refused_when_it_is_read() {
    let table = [
        (json!({"command": []}), "`command` names no program"),
        (json!({"command": ["{model}"]}), "`command` starts with a placeholder; the program must be named"),
        (json!({"command": ["a"], "prompt": "file"}), "`prompt: file` needs an argument with `{prompt_file}`"),
        (json!({"command": ["a"], "resume_command": ["a"]}), "`resume_command` needs an argument with `{session}`"),
        (
            json!({"command": ["a"], "format": "json_lines"}),
            "`format: json_lines` needs a rule that emits `finished`, or no run ever succeeds",
        ),
        (json!({"command": ["a"], "rules": [{"emit": "finished"}]}), "`rules` are for `format: json_lines`"),
        (
            json!({"command": ["a"], "rules": [{"emit": "text", "fields": {"txt": "/a"}}]}),
            "a rule that emits this event has no field `txt`; there are text, delta",
        ),
        (
            json!({"command": ["a"], "rules": [{"emit": "text", "fields": {"text": "a"}}]}),
            "`a` is not a JSON pointer: write `/field/inner`",
        ),
    ];
    for (description, message) in table {
        let refusal = serde_json::from_value::<CustomBackend>(description.clone()).unwrap_err().to_string();
        assert_eq!(refusal, message, "{description}");
    }
    assert!(serde_json::from_value::<CustomBackend>(json!({"command": ["a"], "comand": ["b"]})).is_err());
}

#[test]
fn a_description_survives_its_own_printing() {
    for name in ["opencode", "copilot"] {
        let backend = described(name);
        let printed = serde_json::to_value(&backend).unwrap();
        assert_eq!(serde_json::from_value::<CustomBackend>(printed).unwrap(), backend);
    }
}

#[test]
fn plain_text_is_the_answer_and_its_exit_code_counts() {
    let description = json!({
        "command": ["tool"],
        "success_exit_codes": [0, 3],
        "failure_patterns": [{"contains": "LOG IN", "category": "auth"}],
    });
    let backend: CustomBackend = serde_json::from_value(description).unwrap();
    let delta = |text: &str| AgentEvent::Text { text: text.into(), delta: true };
    let recording = Recording::new(*b"one\r\n\ntw\xff", 3);
    assert_eq!(recording.events(&backend), ["one\n", "\n", "tw\u{fffd}"].map(delta));
    assert_eq!(recording.verdict(&backend), (Status::Done, None));
    let failed = Recording { stderr: "boo\nplease log in\n".into(), ..Recording::new(*b"", 1) };
    assert_eq!(failed.verdict(&backend), (Status::Failed, Some(Category::Auth)));
    assert_eq!(Recording::new(*b"", 0).verdict(&backend), (Status::Failed, Some(Category::Empty)));
}

#[test]
fn lines_that_nobody_expects_are_kept_as_unknown() {
    let backend = described("opencode");
    let lines = ["[1,2]", "{\"type\":\"new\"}", "{\"type\":\"text\"}", "not json", "{\"type\":{}}"];
    let recording = Recording::new(lines.join("\n"), 0);
    assert_eq!(recording.events(&backend), lines.map(|raw| AgentEvent::Unknown { raw: raw.into() }));
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let [AgentEvent::Unknown { raw }] = &Recording::new(deep, 0).events(&backend)[..] else { panic!() };
    assert_eq!(raw.len(), 8 * 1024);
}

fn hostile_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!({"a": []})),
    ]
}

proptest! {
    #[test]
    fn no_values_in_expected_places_panic(
        kind in prop_oneof![Just("text"), Just("tool_use"), Just("step_finish"), Just("error")],
        value in hostile_value(),
    ) {
        let part = json!({"text": value, "callID": value, "tool": value, "reason": value, "cost": value,
                          "state": {"status": value, "error": value},
                          "tokens": {"input": value, "output": value, "cache": {"read": value}}});
        let line = json!({"type": kind, "sessionID": value, "part": part, "error": {"data": {"statusCode": value}}});
        let events = Recording::new(line.to_string(), 0).events(&described("opencode"));
        prop_assert!(!events.is_empty());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        Recording::new(bytes, 0).events(&described("copilot"));
    }
}
