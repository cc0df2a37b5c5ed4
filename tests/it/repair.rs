//! A failed check goes back to the conversation that did the work, with what the check printed.
//!
//! The fake agent obeys the check's output, which stands in the prompt of the repair: what it does then, it does
//! because it was told.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{TestHome, kill_hard, wait_for};

/// Fails until `fixed` is there, and says how to make it.
const CHECK: &str = "test -e fixed || { printf 'write fixed x\\nfinish mended\\n'; exit 3; }";
const SCRIPT: &str = "session s-1\nappend made 1\nfinish made";

fn submit(home: &TestHome, repairs: &str, check: &str, more: &[&str], script: &str) -> String {
    home.submit_with(&[&["--verify", check, "--verify-retries", repairs], more].concat(), script)
}

/// What became of each attempt: why it came, what it mends, how it ended and what the checks said.
fn course(task: &Value) -> Vec<Value> {
    let attempts = task["attempts"].as_array().unwrap();
    let told = |attempt: &Value| {
        json!([
            attempt["reason"],
            attempt["repair_of"],
            attempt["failure"]["category"],
            attempt["checks"][0]["verdict"]
        ])
    };
    attempts.iter().map(told).collect()
}

fn resumed(home: &TestHome) -> String {
    std::fs::read_to_string(home.work().join("resumed")).unwrap_or_default()
}

fn prompt(home: &TestHome, id: &str, number: u32) -> String {
    std::fs::read_to_string(home.attempt(id, number).join("prompt")).unwrap()
}

fn first() -> Value {
    json!([null, null, "verification", "failed"])
}

fn mended(of: u32) -> Value {
    json!(["repair", of, null, "passed"])
}

#[test]
fn a_failed_check_is_mended_by_the_same_conversation() {
    let home = TestHome::new();
    let id = submit(&home, "1", CHECK, &[], SCRIPT);
    let task = home.end_of(&id);
    assert_eq!(course(&task), [first(), mended(1)], "{task:#}");
    let told = json!([task["status"], task["verification"], task["failure"], task["session_id"], home.output(&id)]);
    assert_eq!(told, json!(["done", "passed", null, "s-1", "mended\n"]));
    assert_eq!((resumed(&home), home.runs()), ("s-1\n".to_owned(), vec![format!("{id}.1"), format!("{id}.2")]));
    let prompt = prompt(&home, &id, 2);
    let beginning =
        format!("The work was checked, and a check failed: `{CHECK}` ended with exit code 3. The end of what");
    assert!(prompt.starts_with(&beginning), "{prompt}");
    let explained = home.json(&["explain", &id])["tasks"][0]["text"].clone();
    let explained = explained.as_str().unwrap();
    assert!(explained.contains("failed once and was repaired in the same conversation. "), "{explained}");
    let shown = home.mgr(&["status", &id]).stdout;
    assert!(shown.contains("2 attempts, of which 1 repair in the same conversation"), "{shown}");
    // The next turn of a repaired conversation goes on with it.
    let turn = home.json(&["send", &id, "finish more"]);
    home.end_of(turn["task_id"].as_str().unwrap());
    assert_eq!(resumed(&home), "s-1\ns-1\n");
}

#[test]
fn the_run_that_is_followed_says_why_the_conversation_goes_on() {
    let home = TestHome::new();
    let ran = home.mgr(&["run", "--verify", CHECK, "--verify-retries", "1", SCRIPT]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "mended\n"), "{ran:#?}");
    assert!(ran.stderr.contains("ended with exit code 3: back to the same conversation\n"), "{ran:#?}");
}

#[test]
fn each_failed_check_goes_back_until_the_last_repair() {
    let check =
        "test -e fixed && exit 0; test -e half && echo 'write fixed x' || echo 'write half x'; echo 'finish m'; exit 1";
    let home = TestHome::new();
    let task = home.end_of(&submit(&home, "2", check, &[], SCRIPT));
    let half = json!(["repair", 1, "verification", "failed"]);
    assert_eq!(course(&task), [first(), half.clone(), mended(2)], "{task:#}");
    let home = TestHome::new();
    let id = submit(&home, "1", check, &[], SCRIPT);
    let task = home.end_of(&id);
    assert_eq!(course(&task), [first(), half], "{task:#}");
    let message = format!("the check `{check}` ended with exit code 1; one repair did not mend it");
    let told = json!([task["status"], task["verification"], task["failure"]["message"]]);
    assert_eq!(told, json!(["failed", "failed", message]));
    assert_eq!(home.mgr(&["watch", &id]).code, Some(1));
    let explained = home.json(&["explain", &id])["tasks"][0]["text"].clone();
    assert!(
        explained.as_str().unwrap().contains(" failed and went back to the same conversation once."),
        "{explained}"
    );
}

#[test]
fn what_is_no_failed_check_is_not_repaired() {
    let home = TestHome::new();
    let broken = home.end_of(&submit(&home, "3", "no-such-checker", &["--share"], SCRIPT));
    assert_eq!((course(&broken), &broken["status"]), (vec![json!([null, null, null, "error"])], &json!("done")));
    let failed =
        home.end_of(&submit(&home, "3", CHECK, &["--share"], "session s\nfail verification I gave up\nexit 1"));
    assert_eq!(course(&failed), [json!([null, null, "verification", null])]);
    // The agent's own word, even where it leaves well and the check fails too.
    let word = home.end_of(&submit(&home, "3", CHECK, &["--share"], "session s\nfail verification I gave up"));
    assert_eq!(course(&word), [json!([null, null, "verification", "failed"])]);
    assert_eq!(word["failure"]["message"], "I gave up");
}

#[test]
fn without_a_conversation_the_task_fails_and_says_so() {
    let home = TestHome::new();
    let silent = home.end_of(&submit(&home, "1", "false", &[], "finish made"));
    let told = json!([course(&silent), silent["status"], silent["failure"]["message"]]);
    let message =
        "the check `false` ended with exit code 1; fake told no conversation to go on with, so it was not repaired";
    assert_eq!(told, json!([[first()], "failed", message]));
    let text = home.end_of(&submit(&home, "1", "false", &["-b", "fake_text"], "print made"));
    let message =
        "the check `false` ended with exit code 1; fake_text cannot go on with a conversation, so it was not repaired";
    assert_eq!(json!([course(&text), text["failure"]["message"]]), json!([[first()], message]));
}

#[test]
fn a_repair_takes_no_retry_and_a_retry_begins_anew() {
    let home = TestHome::new();
    // The first try dies; the second fails its check; the repair dies; the third try is the fallback's.
    let check = "test -e fixed && exit 0; test -e died && echo 'write fixed x' || { echo 'write died x'; echo exit 9; }; \
                 echo 'finish m'; exit 1";
    let script = "session s-1\nrun test -e second || { touch second; kill -9 $PPID; }\nfinish made";
    let args = ["--retries", "1", "--fallback", "fake"];
    let id = submit(&home, "2", check, &args, script);
    let task = home.end_of(&id);
    let expected = [
        json!([null, null, "crashed", null]),
        json!(["retry", null, "verification", "failed"]),
        json!(["repair", 2, "crashed", null]),
        json!(["retry", null, "verification", "failed"]),
        mended(4),
    ];
    assert_eq!(course(&task), expected, "{task:#}");
    assert_eq!((resumed(&home), &task["status"]), ("s-1\ns-1\n".to_owned(), &json!("done")));
}

#[test]
fn the_budget_is_that_of_all_attempts() {
    let home = TestHome::new();
    let usage = |cost: &str| format!("emit {{\"kind\":\"usage\",\"input\":10,\"output\":5,\"cost\":{cost}}}\n{SCRIPT}");
    let poor = home.end_of(&submit(&home, "1", CHECK, &["--budget", "$0.50"], &usage("0.5")));
    let message = poor["failure"]["message"].as_str().unwrap();
    assert!(message.ends_with("; the budget of $0.50 is used up, so it was not repaired"), "{message}");
    let check = "test -e fixed || { echo 'emit {\"kind\":\"usage\",\"input\":1,\"output\":2,\"cost\":0.25}'; \
                 printf 'write fixed x\\nfinish m\\n'; exit 3; }";
    let rich = home.end_of(&submit(&home, "1", check, &["--budget", "$0.80"], &usage("0.5")));
    let told = json!([course(&rich), rich["cost"]["usd"], rich["usage"]["input"], rich["usage"]["output"]]);
    assert_eq!(told, json!([[first(), mended(1)], 0.75, 11, 7]), "{rich:#}");
}

#[test]
fn silly_numbers_and_repairs_of_nothing_are_refused() {
    let home = TestHome::new();
    let refused = |args: &[&str]| {
        let ran = home.mgr(&[&["submit", "--json"], args, &["finish x"]].concat());
        (ran.code, ran.error()["message"].as_str().unwrap_or_default().to_owned())
    };
    let silly = refused(&["--verify", "true", "--verify-retries", "11"]);
    assert_eq!(silly, (Some(2), "`verify_retries` is 11; at most 10 make sense".to_owned()));
    let nothing = refused(&["--verify-retries", "1"]);
    assert_eq!(nothing, (Some(2), "`verify_retries` is 1, and there is no check that could fail".to_owned()));
}

#[test]
fn a_rollback_undoes_the_work_and_its_repair() {
    let home = TestHome::new();
    std::fs::write(home.work().join("made"), "before").unwrap();
    std::fs::write(home.work().join("kept"), "kept").unwrap();
    let check = "test -e fixed || { printf 'write fixed x\\nappend made 2\\nrun rm other\\nfinish m\\n'; exit 3; }";
    let id = submit(&home, "1", check, &[], "session s-1\nappend made 1\nwrite other x\nfinish made");
    let task = home.end_of(&id);
    let files = |value: &Value| -> Vec<String> {
        let paths = value.as_array().unwrap().iter();
        paths.map(|file| file["path"].as_str().or(file.as_str()).unwrap().to_owned()).collect()
    };
    let changed = ["fixed", "made", "resumed", "runs", "unknown"];
    assert_eq!(files(&task["files_changed"]), changed, "the status tells of both attempts");
    let diff = home.json(&["diff", &id]);
    assert_eq!(files(&diff["files"]), changed);
    let rolled = home.mgr(&["rollback", &id, "--json"]);
    assert_eq!(rolled.code, Some(0), "{rolled:#?}");
    assert_eq!(tree(&home.work()), [("kept".to_owned(), "kept".to_owned()), ("made".to_owned(), "before".to_owned())]);
}

fn tree(dir: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(dir).unwrap().flatten();
    let text = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
    };
    let mut files: Vec<_> = entries.map(text).collect();
    files.sort();
    files
}

#[test]
fn an_isolated_task_is_repaired_where_it_works() {
    let home = TestHome::new();
    std::fs::write(home.work().join("base"), "").unwrap();
    let id = submit(&home, "1", CHECK, &["--isolate", "copy"], SCRIPT);
    let task = home.end_of(&id);
    assert_eq!(course(&task), [first(), mended(1)], "{task:#}");
    let dir = Path::new(task["isolation"]["directory"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(dir.join("resumed")).unwrap(), "s-1\n");
    assert_eq!(tree(&home.work()), [("base".to_owned(), String::new())]);
    assert_eq!(home.mgr(&["apply", &id]).code, Some(0));
    assert!(home.work().join("fixed").exists());
}

#[test]
fn a_repair_is_cancelled_and_paused_like_any_attempt() {
    let home = TestHome::new();
    let check = "test -e fixed || { printf 'write began x\\nwait-for go\\nwrite fixed x\\nfinish m\\n'; exit 3; }";
    let id = submit(&home, "3", check, &[], SCRIPT);
    home.wait_file("began");
    let task = home.status(&id);
    assert_eq!((&task["status"], &task["attempts"][1]["repair_of"]), (&json!("running"), &json!(1)));
    assert!(task["current_step"].as_str().unwrap().starts_with("repair 1 of 3"), "{task:#}");
    assert_eq!(home.json(&["pause", &id])["status"], "paused");
    home.touch("go");
    assert_eq!(home.json(&["resume", &id])["status"], "running");
    assert_eq!(home.end_of(&id)["status"], "done");
    for name in ["fixed", "began", "go"] {
        std::fs::remove_file(home.work().join(name)).unwrap();
    }
    let id = submit(&home, "3", check, &[], SCRIPT);
    home.wait_file("began");
    home.json(&["cancel", &id]);
    let task = home.end_of(&id);
    assert_eq!((&task["status"], task["attempts"].as_array().map(Vec::len)), (&json!("cancelled"), Some(2)));
}

#[test]
fn a_task_that_is_cancelled_while_it_is_checked_is_not_repaired() {
    let home = TestHome::new();
    let id = submit(&home, "3", "touch checking; while ! test -e go; do sleep 0.01; done; exit 1", &[], SCRIPT);
    home.wait_file("checking");
    home.json(&["cancel", &id]);
    let task = home.end_of(&id);
    assert_eq!((&task["status"], task["attempts"].as_array().map(Vec::len)), (&json!("cancelled"), Some(1)));
}

/// Whoever reaches `point` first after the check has failed dies there.
#[track_caller]
fn survives(point: &str) {
    let home = TestHome::new();
    // The file that the first one makes before it dies cannot be made before its directory is there.
    let armed = home.root().join("armed");
    let marker = armed.join("died");
    let check = format!(
        "test -e fixed || {{ mkdir -p {}; printf 'write fixed x\\nfinish mended\\n'; exit 3; }}",
        armed.display()
    );
    let home = home.with_env("MGR_FAILPOINT", &format!("{point}@{}", marker.display()));
    let id = submit(&home, "2", &check, &[], SCRIPT);
    wait_for("the crash", || {
        home.mgr(&["status", &id]);
        if marker.exists() { Ok(()) } else { Err(home.runs()) }
    });
    let task = home.end_of(&id);
    assert_eq!(course(&task), [first(), mended(1)], "{point}: {task:#}");
    let told = json!([task["status"], home.runs(), resumed(&home)]);
    assert_eq!(told, json!(["done", [format!("{id}.1"), format!("{id}.2")], "s-1\n"]), "{point}: {task:#}");
}

macro_rules! survives {
    ($($name:ident: $point:literal;)*) => {
        $(#[test] fn $name() { survives($point); })*
    };
}

survives! {
    dies_between_the_check_and_the_exit_file: "keeper.after_changes";
    dies_after_the_failed_attempt: "keeper.after_exit";
    dies_before_the_end_is_stored: "engine.before_settle";
    dies_after_the_repair_is_claimed: "engine.after_commit";
    dies_before_the_repair_is_launched: "engine.before_launch";
    dies_between_the_launch_and_the_keeper: "launcher.before_all";
    dies_with_the_lock_of_the_repair: "keeper.locked";
    dies_before_the_repair_starts: "keeper.before_spawn";
}

#[test]
fn everything_dies_between_a_failed_check_and_its_repair() {
    let home = TestHome::new();
    let check = "test -e fixed || { touch checking; while ! test -e go; do sleep 0.01; done; \
                 printf 'write fixed x\\nfinish mended\\n'; exit 3; }";
    let id = submit(&home, "1", check, &[], SCRIPT);
    home.wait_file("checking");
    // Nobody is there to see the end.
    home.kill_tickers();
    home.touch("go");
    let keeper = home.wait_keeper(&id, 1);
    wait_for("the end of the attempt", || {
        if home.attempt(&id, 1).join("exit").exists() { Ok(()) } else { Err(home.runs()) }
    });
    if home.keeper_of(&id, 1) == Some(keeper) {
        kill_hard(keeper);
    }
    let task = home.end_of(&id);
    assert_eq!(course(&task), [first(), mended(1)], "{task:#}");
    assert_eq!((home.runs().len(), resumed(&home)), (2, "s-1\n".to_owned()));
}

#[test]
fn a_rebuild_knows_which_attempt_is_a_repair() {
    let home = TestHome::new();
    let check = "test -e fixed && exit 0; test -e began && printf 'write fixed x\\nfinish m\\n' || \
                 printf 'write began x\\nwait-for go\\nfinish m\\n'; exit 3";
    let id = submit(&home, "2", check, &[], SCRIPT);
    home.wait_file("began");
    home.kill_tickers();
    home.json(&["doctor", "--rebuild"]);
    home.touch("go");
    let task = home.end_of(&id);
    let reasons: Vec<_> = course(&task).into_iter().map(|attempt| attempt[1].clone()).collect();
    assert_eq!((json!(reasons), &task["status"]), (json!([null, 1, 2]), &json!("done")), "{task:#}");
    assert_eq!(resumed(&home), "s-1\ns-1\n");
}

#[test]
fn the_demo_agent_mends_what_its_check_tells_it() {
    let home = TestHome::new();
    let check = "test -e fixed || { echo 'write: fixed: x'; exit 1; }";
    let id = submit(&home, "1", check, &["-b", "demo"], "write: made: x");
    let task = home.end_of(&id);
    assert_eq!((course(&task), &task["status"]), (vec![first(), mended(1)], &json!("done")), "{task:#}");
    assert!(home.output(&id).contains("Turn 2"), "{}", home.output(&id));
    // What comes after it knows of both turns.
    let turn = home.json(&["send", &id, "hello"]);
    let turn = turn["task_id"].as_str().unwrap();
    home.end_of(turn);
    assert!(home.output(turn).contains("(turn 3 of this conversation; before it you asked: The work was checked"));
}

#[test]
fn a_step_of_a_workflow_is_repaired() {
    let home = TestHome::new();
    let text = format!(
        "defaults: {{backend: fake, verify_retries: 1}}
steps:
  - id: work
    prompt: \"session s-1\\nfinish made\"
    verify: [\"{}\"]
  - {{id: look, kind: command, needs: [work], run: [echo, \"{{{{ steps.work.output }}}}\"]}}
",
        CHECK.replace('\\', "\\\\")
    );
    let ran = home.mgr(&["workflow", "run", "--workflow", &text, "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let run = ran.json();
    let step = |name: &str| {
        let steps = run["run"]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["id"] == name).unwrap();
        step["task_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(course(&home.status(&step("work"))), [first(), mended(1)]);
    assert_eq!(home.output(&step("look")), "mended\n");
}
