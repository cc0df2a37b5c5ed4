//! The command line and the MCP server are two doors of one room: the same scenario gives equal values.

use serde_json::{Map, Value, json};

use crate::client::World;

const FLOW: &str =
    "params: {n: {type: integer}}\nsteps: [{id: a, prompt: x, repeat: {until: false, max: '{{ params.n }}'}}]";

const RUN: &str = "name: two\nsteps:\n- {id: a, backend: demo, prompt: 'say: hello'}\n- {id: b, kind: command, needs: [a], run: [echo, '{{ steps.a.output }}']}";

const PAIR: &str = r#"{"id": "one", "backend": "demo", "prompt": "say: hello"}"#;

/// What is done through both doors: the words on the command line, the tool, and its arguments.
/// `@last` and `@-2` mean the same in both homes.
fn scenario() -> Vec<(Vec<&'static str>, &'static str, Value)> {
    let prompt = "think: hm\nwrite: a.txt: hello\nusage: input=10 output=5 cost=$0.01\nsay: done";
    let last = || json!({"task_id": "@last"});
    vec![
        (
            vec!["submit", "-b", "demo", "-l", "first", "-t", "x", "--metadata", "k=v", prompt],
            "task_submit",
            json!({"prompt": prompt, "backend": "demo", "label": "first", "tags": ["x"], "metadata": {"k": "v"}}),
        ),
        (vec!["watch", "@last"], "task_watch", json!({"task_ids": ["@last"]})),
        (vec!["status", "@last"], "task_status", last()),
        (vec!["output", "@last"], "task_output", last()),
        (vec!["events", "@last"], "task_events", last()),
        (vec!["explain", "@last"], "task_explain", last()),
        (vec!["export", "@last"], "task_export", json!({"task_ids": ["@last"]})),
        (vec!["diff", "@last"], "task_diff", last()),
        (vec!["rollback", "@last", "--dry-run"], "task_rollback", last()),
        (vec!["rollback", "@last"], "task_rollback", json!({"task_id": "@last", "dry_run": false})),
        (
            vec!["rollback", "@last", "--undo"],
            "task_rollback",
            json!({"task_id": "@last", "dry_run": false, "undo": true}),
        ),
        (vec!["archive", "list"], "archive_list", json!({})),
        (
            vec!["workflow", "plan", "--workflow", FLOW, "--params", "n=2"],
            "workflow_plan",
            json!({"workflow": FLOW, "params": {"n": 2}}),
        ),
        (vec!["workflow", "validate", "--workflow", FLOW], "workflow_validate", json!({"workflow": FLOW})),
        (vec!["workflow", "run", "--workflow", RUN], "workflow_run", json!({"workflow": RUN, "wait": true})),
        (vec!["workflow", "status", "@last"], "workflow_status", json!({"workflow_id": "@last"})),
        (vec!["workflow", "list"], "workflow_list", json!({})),
        (vec!["workflow", "report", "@last"], "workflow_report", json!({"workflow_id": "@last"})),
        (
            vec!["workflow", "retry", "@last", "b", "--wait"],
            "workflow_retry",
            json!({"workflow_id": "@last", "step": "b", "wait": true}),
        ),
        (
            vec!["parallel", "--tasks", PAIR, "--name", "pair"],
            "task_run_parallel",
            json!({"tasks": [serde_json::from_str::<Value>(PAIR).unwrap()], "name": "pair", "wait": true}),
        ),
        (vec!["inbox"], "inbox_list", json!({})),
        (
            vec!["submit", "-b", "demo", "--wait", "say: last"],
            "task_submit",
            json!({"prompt": "say: last", "backend": "demo", "wait": true}),
        ),
        (vec!["send", "@last", "say: more"], "send", json!({"task_id": "@last", "message": "say: more"})),
        (vec!["watch", "@last", "@-2"], "task_watch", json!({"task_ids": ["@last", "@-2"]})),
        (vec!["rerun", "@-2"], "task_rerun", json!({"task_id": "@-2"})),
        (vec!["watch", "@last"], "task_watch", json!({"task_ids": ["@last"]})),
        (vec!["list", "-n", "5"], "task_list", json!({"limit": 5})),
        (vec!["cancel", "@last"], "task_cancel", json!({"task_ids": ["@last"]})),
        (vec!["cleanup", "--older-than", "0s"], "task_cleanup", json!({"older_than": "0s"})),
        (vec!["config", "get", "slots"], "configure", json!({"action": "get", "key": "slots"})),
        (vec!["capabilities"], "capabilities", json!({})),
    ]
}

#[test]
fn one_scenario_gives_equal_values_through_both_doors() {
    let (by_hand, by_client) = (World::new(), World::new());
    let mut client = by_client.client(&["--toolsets", "all"]);
    for (words, tool, arguments) in scenario() {
        let args: Vec<_> = words.iter().copied().chain(["--json"]).collect();
        let (code, printed, errors) = by_hand.run(&args);
        assert_eq!(code, 0, "{words:?}: {errors}");
        let from_hand: Value = serde_json::from_str(&printed).unwrap();
        let from_client = client.data(tool, arguments);
        assert_eq!(masked(&from_hand, None), masked(&from_client, None), "{words:?}");
    }
}

/// Takes out what differs between any two runs: ids, times, sizes, places and how far a start had come.
fn masked(value: &Value, key: Option<&str>) -> Value {
    match (value, key) {
        (_, Some("elapsed_s" | "bytes" | "total_bytes" | "stored_bytes" | "next_cursor" | "path")) => Value::from("…"),
        // A task may or may not be over by the time its submit answers.
        (Value::String(text), Some("status")) if ["running", "done"].contains(&text.as_str()) => Value::from("…"),
        (Value::String(text), _) => Value::from(masked_words(text)),
        // Those of one landing are of one millisecond or not.
        (Value::Array(items), Some("snapshots")) => {
            let mut texts: Vec<_> = items.iter().map(|item| masked(item, None).to_string()).collect();
            texts.sort();
            Value::from(texts)
        }
        (Value::Array(items), _) => items.iter().map(|item| masked(item, None)).collect(),
        (Value::Object(map), _) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), masked(value, Some(key)))).collect::<Map<_, _>>())
        }
        (other, _) => other.clone(),
    }
}

/// Every word with a digit in it is an id, a time or a directory of this run.
fn masked_words(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_:./".contains(c);
    let mut words = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let names_this_run =
            is_word(first) && (word.contains(|c: char| c.is_ascii_digit()) || word.contains("/mgr-mcp"));
        words.push_str(if names_this_run { "…" } else { word });
        rest = after;
    }
    words
}
