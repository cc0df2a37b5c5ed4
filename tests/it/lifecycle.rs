//! The ordinary life of a task, the form of every answer, and the exit code of every outcome.

use serde_json::{Value, json};

use crate::support::{TestHome, wait_for};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_task_is_submitted_waited_for_and_its_answer_printed() {
    let home = TestHome::new();
    let id = home.submit("say working\nfinish the truth");
    let watched = home.mgr(&["watch", &id]);
    assert_eq!(watched.code, Some(0), "{watched:#?}");
    let output = home.json(&["output", &id]);
    let whole = json!({"task_id": id, "status": "done", "output": "the truth", "truncated": false});
    assert_eq!(output, whole);
    assert_eq!(home.runs(), [format!("{id}.1")]);
}

#[test]
fn submit_answers_with_an_id_that_every_command_takes() {
    let home = TestHome::new();
    let answer = home.json(&["submit", "-l", "first", "-t", "a", "finish x"]);
    assert_eq!(keys(&answer), ["archive", "backend", "routing", "status", "task_id"]);
    let id = answer["task_id"].as_str().unwrap();
    home.end_of(id);
    for reference in [id, &id[..12], "@last", "@-1"] {
        assert_eq!(home.status(reference)["task_id"], id, "{reference}");
    }
    let list = home.json(&["list", "--label", "first", "--tag", "a", "--status", "done"]);
    assert_eq!(list["tasks"][0]["task_id"], id);
    assert_eq!(home.json(&["list", "--label", "other"])["tasks"], json!([]));
    let live = home.json(&["status"]);
    assert_eq!(live, json!({"tasks": [], "counts": {"done": 1}}));
}

#[test]
fn run_prints_the_answer_and_exits_by_the_outcome() {
    let home = TestHome::new();
    let ran = home.mgr(&["run", "finish the truth"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "the truth\n"), "{ran:#?}");
    let ran = home.mgr(&["submit", "--wait", "fail auth no login"]);
    assert_eq!(ran.code, Some(8), "{ran:#?}");
}

#[test]
fn every_outcome_has_its_exit_code() {
    let home = TestHome::with_settings("slots: 16\n");
    let rows: [(&[&str], &str, &str, Value, i32); 12] = [
        (&[], "finish x", "done", Value::Null, 0),
        (&["-b", "fake_text"], "print the truth", "done", Value::Null, 0),
        (&[], "say x", "failed", json!("protocol"), 1),
        (&[], "finish x\nexit 7", "failed", json!("crashed"), 1),
        (&[], "exit 3", "failed", json!("crashed"), 1),
        (&[], "emit {\"kind\":\"finished\"}", "failed", json!("empty"), 1),
        (&[], "fail auth no login", "failed", json!("auth"), 8),
        (&[], "fail budget too much", "failed", json!("budget"), 7),
        (&[], "fail rate_limit later", "failed", json!("rate_limit"), 1),
        (&[], "session s1\nask which one?", "failed", json!("needs_input"), 10),
        (&["--verify", "false"], "finish x", "failed", json!("verification"), 1),
        (&["--timeout", "300ms"], "hang", "timed_out", json!("timeout"), 4),
    ];
    let ids: Vec<_> =
        rows.iter().map(|(args, script, ..)| home.submit_with(&[&["--share"], *args].concat(), script)).collect();
    for (id, (_, script, status, category, code)) in ids.iter().zip(&rows) {
        let task = home.end_of(id);
        let told = json!([task["status"], task["failure"]["category"], home.mgr(&["watch", id]).code]);
        assert_eq!(told, json!([status, category, code]), "{script}: {task:#}");
        assert_eq!(home.mgr(&["status", id]).code, Some(0));
    }
}

#[test]
fn watch_knows_all_any_first_success_and_the_rest() {
    let home = TestHome::new();
    let good = home.submit_beside("wait-for good\nfinish x");
    let bad = home.submit_beside("wait-for bad\nexit 1");
    let slow = home.submit_beside("hang");
    let looked = home.mgr(&["watch", &good, &slow, "--timeout", "0s", "--json"]);
    assert_eq!((looked.code, &looked.json()["timed_out"], &looked.json()["done"]), (Some(5), &json!(true), &json!([])));
    home.touch("bad");
    let any = home.mgr(&["watch", &good, &bad, &slow, "--mode", "any", "--json"]);
    assert_eq!((any.code, any.json()["done"][0]["task_id"].as_str()), (Some(1), Some(bad.as_str())), "{any:#?}");
    let cursor = any.json()["next_cursor"].as_str().unwrap().to_owned();
    // What was reported once is not reported again.
    let again =
        home.mgr(&["watch", &good, &bad, &slow, "--mode", "any", "--after", &cursor, "--timeout", "100ms", "--json"]);
    assert_eq!((again.code, &again.json()["done"]), (Some(5), &json!([])), "{again:#?}");
    home.touch("good");
    let args = ["watch", &good, &bad, &slow, "--mode", "first_success", "--cancel-rest", "--json"];
    let first = home.mgr(&args);
    assert_eq!((first.code, &first.json()["cancelled"]), (Some(0), &json!([slow])), "{first:#?}");
    assert_eq!(home.status(&slow)["status"], "cancelled");
    let all = home.mgr(&["watch", &good, &bad, &slow, "--json"]);
    let ended: Vec<_> = all.json()["done"].as_array().unwrap().iter().map(|task| task["status"].clone()).collect();
    assert_eq!((all.code, ended), (Some(1), vec![json!("done"), json!("failed"), json!("cancelled")]));
}

#[test]
fn a_failed_task_is_retried_with_what_went_wrong_and_a_good_one_run_again() {
    let home = TestHome::new();
    let failed = home.submit("exit 3");
    home.end_of(&failed);
    let retried = home.json(&["retry", &failed]);
    assert_eq!(retried["retry_of"], failed.as_str());
    let retried = retried["task_id"].as_str().unwrap();
    home.end_of(retried);
    let prompt = std::fs::read_to_string(home.attempt(retried, 1).join("prompt")).unwrap();
    assert!(prompt.contains("An earlier attempt at this failed (crashed)"), "{prompt}");
    let good = home.submit("finish x");
    home.end_of(&good);
    let refused = home.mgr(&["retry", &good, "--json"]);
    assert_eq!((refused.code, refused.error()["code"].as_str()), (Some(9), Some("conflict")));
    let again = home.json(&["rerun", &good]);
    assert_eq!(again["rerun_of"], good.as_str());
    assert_eq!(home.end_of(again["task_id"].as_str().unwrap())["status"], "done");
}

#[test]
fn a_failure_that_may_pass_is_tried_again_by_itself_under_another_number() {
    let home = TestHome::new();
    let script = "run test -e second || { touch second; kill -9 $PPID; }\nfinish the truth";
    let id = home.submit_with(&["--retries", "1"], script);
    let task = home.end_of(&id);
    let told = json!([task["status"], task["attempts"].as_array().map(Vec::len), home.runs()]);
    assert_eq!(told, json!(["done", 2, [format!("{id}.1"), format!("{id}.2")]]), "{task:#}");
}

#[test]
fn send_goes_on_with_the_conversation_of_the_agent() {
    let home = TestHome::new();
    let first = home.submit("session conversation-1\nask which one?");
    assert_eq!(home.end_of(&first)["failure"]["hint"], "answer with `mgr send`: the agent goes on where it asked");
    let second = home.json(&["send", &first, "session conversation-1\nfinish the left one"]);
    let second = second["task_id"].as_str().unwrap();
    assert_eq!(home.end_of(second)["status"], "done");
    assert_eq!(std::fs::read_to_string(home.work().join("resumed")).unwrap(), "conversation-1\n");
}

#[test]
fn dependencies_wait_and_are_skipped_after_a_failure() {
    let home = TestHome::new();
    let first = home.submit("wait-for go\nfinish x");
    let second = home.submit_with(&["--after", &first], "finish y");
    assert_eq!(home.status(&second)["waiting_on"], format!("task {first}"));
    home.touch("go");
    assert_eq!(home.end_of(&second)["status"], "done");
    assert_eq!(home.runs(), [format!("{first}.1"), format!("{second}.1")]);
    let bad = home.submit("wait-for stop\nexit 1");
    let skipped = home.submit_with(&["--after", &bad], "finish y");
    home.touch("stop");
    assert_eq!(home.end_of(&skipped)["status"], "skipped");
}

#[test]
fn events_are_paged_without_gap_or_double_while_they_come() {
    let home = TestHome::new();
    let id = home.submit("say 1\nsay 2\nwait-for go\nsay 3\ntool t\ntool-end t\nfinish 4");
    let first = wait_for("two events", || {
        let page = home.json(&["events", &id, "--limit", "2"]);
        if page["events"].as_array().unwrap().len() == 2 { Ok(page) } else { Err(page) }
    });
    assert_eq!((&first["done"], &first["next_cursor"]), (&json!(false), &json!("1-2")));
    home.touch("go");
    home.end_of(&id);
    let rest = home.json(&["events", &id, "--after", "1-2"]);
    let told: Vec<_> =
        rest["events"].as_array().unwrap().iter().map(|event| json!([event["seq"], event["kind"]])).collect();
    let kinds = json!([[3, "text"], [4, "tool_started"], [5, "tool_finished"], [6, "finished"]]);
    assert_eq!((Value::from(told), &rest["done"]), (kinds, &json!(true)));
}

#[test]
fn explain_export_and_cleanup_speak_of_a_finished_task() {
    let home = TestHome::new();
    let id = home.submit("say hello\nfinish x");
    home.end_of(&id);
    assert_eq!(home.json(&["explain", &id])["tasks"][0]["task_id"], id.as_str());
    let exported = home.json(&["export", &id]);
    assert!(exported["markdown"].as_str().is_some_and(|text| text.contains(&id)), "{exported:#}");
    let planned = home.json(&["cleanup", "--older-than", "0s"]);
    assert_eq!(json!([planned["applied"], planned["tasks"][0]["task_id"]]), json!([false, id]));
    assert_eq!(home.json(&["cleanup", "--older-than", "0s", "--apply"])["applied"], json!(true));
    let gone = home.mgr(&["status", &id, "--json"]);
    assert_eq!((gone.code, gone.error()["code"].as_str()), (Some(6), Some("not_found")));
    assert!(!home.attempt(&id, 1).exists());
}

#[test]
fn the_same_work_is_not_taken_on_twice_by_a_slip() {
    let home = TestHome::new();
    let first = home.json(&["submit", "wait-for go\nfinish x"]);
    let again = home.mgr(&["submit", "--json", "wait-for go\nfinish x"]);
    let told = json!([again.code, again.json()["status"], again.json()["duplicate_of"]]);
    assert_eq!(told, json!([9, "duplicate", first["task_id"]]));
    let other = home.json(&["submit", "--allow-duplicate", "wait-for go\nfinish x"]);
    assert_ne!(other["task_id"], first["task_id"]);
    home.touch("go");
    home.end_of(other["task_id"].as_str().unwrap());
}

/// Health is not in the store: what was asked for is found behind others all the same.
#[test]
fn tasks_of_a_health_are_found_behind_others() {
    let home = TestHome::new();
    let first = home.submit("fail auth no");
    home.end_of(&first);
    let others: Vec<_> =
        ["fail crashed no", "fail auth no", "fail crashed no"].map(|script| home.submit(script)).into();
    others.iter().for_each(|id| drop(home.end_of(id)));
    let list = |args: &[&str]| {
        let list = home.json(&[&["list", "--health", "auth_error"], args].concat());
        let ids: Vec<_> = list["tasks"].as_array().unwrap().iter().map(|task| task["task_id"].clone()).collect();
        (json!(ids), list["total"].clone(), list["next_cursor"].clone())
    };
    assert_eq!(list(&[]), (json!([others[1], first]), json!(2), Value::Null));
    let (ids, _, cursor) = list(&["--limit", "1"]);
    assert_eq!(ids, json!([others[1]]));
    let (ids, _, cursor) = list(&["--limit", "1", "--cursor", cursor.as_str().unwrap()]);
    assert_eq!((ids, cursor), (json!([first]), Value::Null));
}
