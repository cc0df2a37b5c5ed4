//! Limits of tasks, and everything that is refused before it starts.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use serde_json::{Value, json};

use crate::support::{Ran, TestHome, kill_hard, wait_for};

#[track_caller]
fn outcome(home: &TestHome, args: &[&str], script: &str) -> Value {
    let id = home.submit_with(args, script);
    let task = home.end_of(&id);
    let code = home.mgr(&["watch", &id]).code;
    json!([task["status"], task["failure"]["category"], code, home.runs().len()])
}

#[test]
fn an_agent_that_takes_too_long_is_timed_out() {
    let home = TestHome::new();
    let told = outcome(&home, &["--timeout", "300ms"], "ignore-term\nsetsid-child\nhang");
    assert_eq!(told, json!(["timed_out", "timeout", 4, 1]));
}

#[test]
fn a_result_before_the_limit_is_not_undone_by_it() {
    let home = TestHome::new();
    assert_eq!(outcome(&home, &["--timeout", "1s"], "finish x\nhang"), json!(["done", null, 0, 1]));
}

#[test]
fn a_silent_agent_is_timed_out_only_when_that_was_asked_for() {
    let home = TestHome::new();
    let told = outcome(&home, &["--idle-timeout", "500ms"], "say x\nhang");
    assert_eq!(told, json!(["timed_out", "idle_timeout", 4, 1]));
}

const PRICES: &str = "prices: {m-1: {date: '2026-01-01', input: 500000, output: 1000000}, m-2: {date: '2026-01-01', input: 1, output: 1}}\n";

fn used(model: &str, input: u32, output: u32) -> String {
    format!(
        "emit {{\"kind\":\"started\",\"model\":\"{model}\"}}\nemit {{\"kind\":\"usage\",\"input\":{input},\"output\":{output}}}"
    )
}

#[test]
fn tokens_by_their_price_end_a_task_whose_agent_tells_no_cost() {
    let home = TestHome::with_settings(PRICES);
    let id = home.submit_with(&["--budget", "$2"], &format!("{}\nhang", used("m-1", 1, 2)));
    let task = home.end_of(&id);
    let told = json!([task["status"], task["failure"]["category"], task["failure"]["message"], task["cost"]["usd"]]);
    assert_eq!(told, json!(["failed", "budget", "$2.50 spent of a budget of $2.00", 2.5]), "{task:#}");
    // What it has cost in all counts, retries included.
    let twice = format!("run test -e again || {{ touch again; kill -9 $PPID; }}\n{}", used("m-1", 2, 0));
    let script = format!("{}\n{twice}\nhang", used("m-1", 0, 1));
    let id = home.submit_with(&["--budget", "$2", "--retries", "1"], &script);
    let task = home.end_of(&id);
    assert_eq!(json!([task["failure"]["category"], task["cost"]["usd"]]), json!(["budget", 3.0]), "{task:#}");
}

#[test]
fn tokens_without_a_price_end_nothing_and_say_so() {
    let home = TestHome::with_settings(PRICES);
    let script = |model: &str| format!("{}\nfinish x", used(model, 9, 9));
    let unknown = home.submit_with(&["--budget", "$2"], &script("m-3"));
    let task = home.end_of(&unknown);
    let note = "the budget of $2.00 does not stop it: `fake` tells no cost, and `prices` has none for `m-3`";
    assert_eq!(json!([task["status"], task["cost"]["usd"], task["budget_note"]]), json!(["done", null, note]));
    assert_eq!(home.mgr(&["status", &unknown]).stdout.matches(note).count(), 1);
    let cheap = home.submit_with(&["--budget", "$2"], &script("m-2"));
    let task = home.end_of(&cheap);
    assert_eq!(json!([task["status"], task["budget_note"]]), json!(["done", null]));
}

#[test]
fn a_price_that_is_written_down_meanwhile_holds() {
    let home = TestHome::new();
    let id = home.submit_with(&["--budget", "$2"], &format!("{}\nwrite up 1\nhang", used("m-1", 1, 2)));
    home.wait_file("up");
    assert_eq!(home.status(&id)["status"], "running");
    home.write_config(PRICES);
    assert_eq!(home.end_of(&id)["failure"]["category"], "budget");
}

#[test]
fn a_flood_is_ended_at_the_output_limit() {
    let home = TestHome::new();
    let told = outcome(&home, &["--max-output", "1MB"], "flood 8000000\nhang");
    assert_eq!(told, json!(["failed", "output_limit", 1, 1]));
}

#[test]
fn a_disk_below_the_floor_ends_the_task_and_starts_none_that_wants_an_archive() {
    let home = TestHome::with_settings("free_disk_floor: 100000GB\n");
    let told = outcome(&home, &[], "hang");
    assert_eq!(told, json!(["failed", "disk_full", 1, 0]));
    let told = outcome(&home, &["--archive", "off"], "hang");
    assert_eq!(told, json!(["failed", "disk_full", 1, 1]));
}

#[test]
fn time_in_pause_does_not_count() {
    let home = TestHome::new();
    let id = home.submit_with(&["--timeout", "3s"], "write up 1\nwait-for go\nfinish x");
    home.wait_file("up");
    home.json(&["pause", &id]);
    assert_eq!(home.mgr(&["watch", &id, "--timeout", "4s"]).code, Some(5));
    home.touch("go");
    home.json(&["resume", &id]);
    assert_eq!(home.end_of(&id)["status"], "done");
}

#[test]
fn time_in_pause_does_not_count_for_the_next_keeper_either() {
    let home = TestHome::new();
    let id = home.submit_with(&["--timeout", "3s"], "write up 1\nwait-for go\nfinish x");
    home.wait_file("up");
    home.json(&["pause", &id]);
    wait_for("the pause", || if home.attempt(&id, 1).join("rests").exists() { Ok(()) } else { Err(home.status(&id)) });
    assert_eq!(home.mgr(&["watch", &id, "--timeout", "4s"]).code, Some(5));
    let first = home.wait_keeper(&id, 1);
    kill_hard(first);
    wait_for("another keeper", || home.keeper_of(&id, 1).filter(|pid| *pid != first).ok_or(home.status(&id)));
    home.touch("go");
    home.json(&["resume", &id]);
    assert_eq!(home.end_of(&id)["status"], "done");
}

/// The answer of a refused command: exit code, error code, and the words that must be there.
#[track_caller]
fn refused(ran: &Ran, exit: i32, code: &str, words: &[&str]) {
    let error = ran.error();
    assert_eq!((ran.code, error["code"].as_str(), ran.stdout.as_str()), (Some(exit), Some(code), ""), "{ran:#?}");
    for word in words {
        assert!(error.to_string().contains(word), "no `{word}` in {error:#}");
    }
}

#[test]
fn what_cannot_be_served_is_refused_with_the_way_out() {
    let home = TestHome::new();
    let json = |args: &[&str]| home.mgr(&[args, &["--json"]].concat());
    refused(
        &json(&["submit", "-C", "/no/such/dir", "x"]),
        2,
        "invalid_input",
        &["is not a directory", "--working-dir"],
    );
    refused(&json(&["submit", "-b", "claud_code", "x"]), 2, "invalid_input", &["did you mean `claude_code`?"]);
    refused(&json(&["submit", "-b", "gone", "x"]), 8, "backend_missing", &["no-such-agent-program"]);
    refused(&json(&["submit", ""]), 2, "invalid_input", &["the prompt is empty"]);
    refused(&json(&["submit", "@/no/such/file"]), 2, "invalid_input", &["/no/such/file"]);
    refused(&json(&["submit", "--after", "1zzzz", "x"]), 6, "not_found", &["1zzzz"]);
    refused(&json(&["status", "1zzzz"]), 6, "not_found", &["mgr list"]);
    refused(&json(&["cancel", "1zzzz"]), 6, "not_found", &["1zzzz"]);
    assert_eq!(home.json(&["list"])["tasks"], json!([]));
}

#[test]
fn words_that_do_not_parse_are_usage_errors() {
    let home = TestHome::new();
    let rows: [&[&str]; 8] = [
        &["submit", "--no-such-flag", "x"],
        &["submit", "--timeout", "soon", "x"],
        &["submit", "--priority", "high", "x"],
        &["submit", "--posture", "none", "x"],
        &["status", "../../etc/passwd"],
        &["output", "a/b"],
        &["watch"],
        &["no-such-command"],
    ];
    for args in rows {
        let ran = home.mgr(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {ran:#?}");
        assert!(ran.stderr.starts_with("error: "), "{args:?}: {ran:#?}");
    }
    let odd: [&OsStr; 2] = [OsStr::new("submit"), OsStr::from_bytes(b"caf\xe9")];
    let ran: Ran = home.command(odd).output().unwrap().into();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:#?}");
}

#[test]
fn a_prompt_of_20_megabytes_is_refused_and_one_of_8_arrives_whole() {
    let home = TestHome::new();
    let file = home.root().join("prompt");
    std::fs::write(&file, "# ".repeat(10_000_000)).unwrap();
    let prompt = format!("@{}", file.display());
    refused(&home.mgr(&["submit", "--json", &prompt]), 2, "invalid_input", &["prompt", "file"]);
    assert_eq!(home.json(&["list"])["tasks"], json!([]));
    std::fs::write(&file, format!("finish whole\n# {}", "x".repeat(8_000_000))).unwrap();
    let id = home.submit(&prompt);
    assert_eq!(home.end_of(&id)["status"], "done");
    assert_eq!(home.attempt(&id, 1).join("prompt").metadata().unwrap().len(), 8_000_015);
}
