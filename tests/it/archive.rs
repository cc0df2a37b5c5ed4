//! What is archived around an agent: before its first write, after its last, and what happens when it cannot be.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Ran, TestHome, wait_death, wait_for};

/// The record of a snapshot, wherever the workspace's archive lies.
fn record(home: &TestHome, name: &str) -> Option<Value> {
    let keys = std::fs::read_dir(home.home().join("archive")).into_iter().flatten().flatten();
    let paths: Vec<PathBuf> = keys.map(|key| key.path().join("snapshots").join(format!("{name}.json"))).collect();
    let bytes = paths.iter().find_map(|path| std::fs::read(path).ok())?;
    Some(serde_json::from_slice(&bytes).unwrap())
}

fn write(home: &TestHome, path: &str, text: &str) {
    let path = home.work().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[track_caller]
fn refused(ran: &Ran, words: &[&str]) {
    let error = ran.error();
    assert_eq!((ran.code, error["code"].as_str()), (Some(9), Some("conflict")), "{ran:#?}");
    for word in words {
        assert!(error.to_string().contains(word), "no `{word}` in {error:#}");
    }
}

#[test]
fn the_workspace_is_archived_before_the_agents_first_write_and_after_its_last() {
    let home = TestHome::new();
    for name in ["kept", "edited", "deleted", "sub/closed"] {
        write(&home, name, "before\n");
    }
    let script = "run test -s \"$MGR_HOME\"/archive/*/snapshots/$MGR_TASK_ID.1.before.json && touch proof\n\
                  append edited after\nrun rm deleted; chmod 600 sub/closed; mkdir empty; ln -s kept link\nfinish x";
    let submitted = home.json(&["submit", script]);
    let covered =
        json!({"mode": "all", "covered_files": 4, "covered_bytes": 28, "not_covered_total": 0, "is_whole": true});
    assert_eq!(submitted["archive"], covered, "{submitted:#}");
    let id = submitted["task_id"].as_str().unwrap();
    let task = home.end_of(id);
    let files = json!(["deleted", "edited", "empty", "link", "proof", "runs", "sub/closed"]);
    let told = json!([task["status"], task["files_changed"], task["changes"], task["archive"]]);
    let counts = json!({"total": 7, "created": 4, "modified": 2, "deleted": 1});
    assert_eq!(told, json!(["done", files, counts, covered]), "{task:#}");
    let changes: Value =
        serde_json::from_slice(&std::fs::read(home.attempt(id, 1).join("changes.json")).unwrap()).unwrap();
    let file = |path: &str, kind: &str| json!({"path": path, "kind": kind});
    let files = [
        file("deleted", "deleted"),
        file("edited", "modified"),
        file("empty", "created"),
        file("link", "created"),
        file("proof", "created"),
        file("runs", "created"),
        file("sub/closed", "mode"),
    ];
    let counts = json!({"v": 1, "total": 7, "created": 4, "modified": 2, "deleted": 1, "files": files, "git": [],
        "others_may_write": false});
    assert_eq!(changes, counts);
    let lates = ["before", "after"].map(|side| record(&home, &format!("{id}.1.{side}")).unwrap()["late"].clone());
    assert_eq!(lates, [json!(false), json!(false)]);
    let explained = home.json(&["explain", id])["tasks"][0]["text"].as_str().unwrap().to_owned();
    assert!(explained.contains("It changed 7 files: deleted, edited, "), "{explained}");
}

#[test]
fn a_task_that_is_cancelled_is_archived_at_its_end_too() {
    let home = TestHome::new();
    let id = home.submit("write made 1\nwrite up 1\nhang");
    home.wait_file("up");
    home.mgr(&["cancel", &id, "--grace", "0s"]);
    let task = home.status(&id);
    assert_eq!(
        json!([task["status"], task["files_changed"]]),
        json!(["cancelled", ["made", "runs", "up"]]),
        "{task:#}"
    );
}

#[test]
fn a_workspace_over_a_limit_is_refused_with_the_number_and_the_ways_out() {
    let home = TestHome::with_settings("archive_max_files: 3\n");
    for n in 0..5 {
        write(&home, &format!("f{n}"), "x");
    }
    let ran = home.mgr(&["submit", "--json", "finish x"]);
    refused(&ran, &["3 files", ".mgrignore", "--archive paths:A,B", "--archive off"]);
    assert_eq!(home.json(&["list"])["tasks"], json!([]));
    let id = home.submit_with(&["--archive", "paths:f0,f1"], "append f1 y\nappend f2 y\nfinish x");
    let task = home.end_of(&id);
    let told =
        json!([task["status"], task["files_changed"], task["archive"]["covered_files"], task["archive"]["mode"]]);
    assert_eq!(told, json!(["done", ["f1"], 2, "paths:f0,f1"]), "{task:#}");
    let id = home.submit_with(&["--archive", "off"], "append f1 y\nfinish x");
    let task = home.end_of(&id);
    let told = json!([task["status"], task["changes"], task["archive"]["mode"], task["archive"]["not_covered_total"]]);
    assert_eq!(told, json!(["done", null, "off", 1]), "{task:#}");
}

#[test]
fn a_limit_that_is_reached_only_at_the_start_keeps_the_agent_from_running() {
    let home = TestHome::with_settings("archive_max_files: 8\n");
    let first = home.submit_with(
        &["--archive", "off"],
        "wait-for go\nrun for n in 1 2 3 4 5 6 7 8 9; do touch f$n; done\nfinish x",
    );
    let second = home.submit_with(&["--after", &first], "finish never");
    home.touch("go");
    let task = home.end_of(&second);
    let told = json!([task["status"], task["failure"]["category"], task["attempts"][0]["exit_code"], home.runs()]);
    assert_eq!(told, json!(["failed", "archive", null, [format!("{first}.1")]]), "{task:#}");
    let failure = task["failure"].to_string();
    assert!(failure.contains('8') && failure.contains("--archive paths:A,B"), "{failure}");
    assert_eq!(record(&home, &format!("{second}.1.before")), None);
}

#[test]
fn what_the_agent_left_may_be_too_much_and_the_outcome_stands() {
    let home = TestHome::with_settings("archive_max_files: 8\n");
    let id = home.submit("run for n in 1 2 3 4 5 6 7 8 9; do touch f$n; done\nfinish the truth");
    let task = home.end_of(&id);
    let note = task["archive"]["note"].as_str().unwrap_or_default().to_owned();
    assert_eq!(json!([task["status"], home.output(&id), task["changes"]]), json!(["done", "the truth\n", null]));
    assert!(note.contains('8'), "{task:#}");
}

#[test]
fn roots_that_are_no_workspace_are_refused_and_readers_go_without_an_archive_there() {
    // The home directory of the test's user is `root`.
    let home = TestHome::new();
    let own = home.root().to_str().unwrap().to_owned();
    let data = home.home().to_str().unwrap().to_owned();
    home.json(&["list"]);
    for (dir, words) in [("/", "the whole file system"), (&own, "your home directory"), (&data, "mgr's own data")] {
        let ran = home.mgr(&["submit", "--json", "-C", dir, "finish x"]);
        refused(&ran, &[words, "--archive off"]);
    }
    let chosen = home.submit_with(&["-C", &own, "--archive", "paths:work"], "append work/made 1\nfinish x");
    assert_eq!(home.end_of(&chosen)["files_changed"], json!(["work/made"]));
    let id = home.submit_with(&["-C", &own, "--archive", "off"], "finish x");
    assert_eq!(home.end_of(&id)["status"], "done");
    let answer = home.json(&["submit", "-C", &own, "--posture", "read_only", "finish x"]);
    let why = "it is your home directory; a read-only task goes without an archive there";
    let real = home.root().canonicalize().unwrap().display().to_string();
    let archive = json!({"mode": "off", "covered_files": 0, "covered_bytes": 0, "not_covered": [{"path": real, "why": why}],
        "not_covered_total": 1, "is_whole": true});
    assert_eq!(answer["archive"], archive, "{answer:#}");
    assert_eq!(home.end_of(answer["task_id"].as_str().unwrap())["status"], "done");
}

#[test]
fn an_agent_that_claims_changes_which_nobody_sees_is_told_apart() {
    let home = TestHome::with_settings("archive_small_ignored: 0B\n");
    write(&home, ".gitignore", "runs\n");
    let claim =
        |path: &str| format!("emit {{\"kind\":\"file_changed\",\"path\":\"{path}\",\"change\":\"modified\"}}\n");
    let lying = home.submit(&format!("{}finish x", claim("ghost.rs")));
    let task = home.end_of(&lying);
    let told = json!([task["claims_unseen"], task["files_changed"], task["changes"]["total"]]);
    assert_eq!(told, json!([true, null, 0]), "{task:#}");
    let text = home.json(&["explain", &lying])["tasks"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("It says that it changed files, but none differs."), "{text}");
    let honest = home.submit(&format!("write real.rs 1\n{}finish x", claim("real.rs")));
    let outside = home.submit(&format!("{}finish x", claim("/elsewhere/x")));
    for id in [&honest, &outside] {
        assert_eq!(home.end_of(id)["claims_unseen"], Value::Null);
    }
}

#[test]
fn changes_beside_other_writers_are_said_to_be_uncertain() {
    let home = TestHome::new();
    let id = home.submit_beside("write made 1\nfinish x");
    let task = home.end_of(&id);
    assert_eq!(json!([task["share"], task["changes"]["others_may_write"]]), json!([true, true]), "{task:#}");
    let text = home.json(&["explain", &id])["tasks"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("others may have written there too"), "{text}");
}

#[test]
fn what_the_agent_does_to_the_repository_is_said() {
    let home = TestHome::new();
    let git = "git -c user.name=a -c user.email=b";
    let made = std::process::Command::new("sh")
        .args(["-c", &format!("git init -q -b main && {git} commit -q --allow-empty -m one")])
        .current_dir(home.work())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: there is no git; nothing was proven about repositories");
        return;
    }
    let id = home.submit(&format!("run {git} commit -q --allow-empty -m two || exit 9\nfinish x"));
    let task = home.end_of(&id);
    let said = task["git"][0].as_str().unwrap_or_default();
    assert!(said.starts_with("branch `main` moved from "), "{task:#}");
    assert_eq!(task["archive"]["not_covered"][0]["path"], ".git", "{task:#}");
    let text = home.json(&["explain", &id])["tasks"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains(&format!("Branch{}.", said.strip_prefix("branch").unwrap())), "{text}");
}

/// Submits a task whose snapshot lasts until the end of the test.
fn submit_archiving(home: &TestHome, arguments: &[&str]) -> String {
    write(home, "some", "text\n");
    let hold = format!("keeper.archiving@{}", home.root().join("never").display());
    let mut submit = home.command(["submit", "finish never"]);
    let output = submit.args(arguments).env("MGR_HOLD", hold).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_long_snapshot_can_be_paused_and_cancelled_and_the_agent_never_runs() {
    let home = TestHome::new();
    let id = submit_archiving(&home, &[]);
    home.json(&["pause", &id]);
    let paused = home.attempt(&id, 1).join("paused");
    wait_for("the pause", || if paused.exists() { Ok(()) } else { Err(home.status(&id)) });
    assert_eq!(home.json(&["cancel", &id])["tasks"][0]["status"], "cancelled");
    assert_eq!((home.runs(), record(&home, &format!("{id}.1.before"))), (Vec::new(), None));
    // Its directory is free again.
    let next = home.submit("finish x");
    assert_eq!(home.end_of(&next)["status"], "done");
}

#[test]
fn time_for_the_archive_counts() {
    let home = TestHome::new();
    let id = submit_archiving(&home, &["--timeout", "50ms"]);
    let task = home.end_of(&id);
    let told = json!([task["status"], task["failure"]["category"], home.runs()]);
    assert_eq!(told, json!(["timed_out", "timeout", []]), "{task:#}");
}

/// A keeper that dies at `point` is followed by one that knows what differs all the same.
fn archived_although(point: &str, supervision: &str, is_late: bool) {
    let home = TestHome::new();
    write(&home, "edited", "before\n");
    let marker = home.root().join("died");
    let mut submit = home.command(["submit", "append edited after\nfinish the truth"]);
    submit.env("MGR_FAILPOINT", format!("{point}@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    let id = home.only_task();
    let task = home.end_of(&id);
    let told = json!([task["status"], home.runs(), task["attempts"][0]["supervision"], task["files_changed"]]);
    assert_eq!(told, json!(["done", [format!("{id}.1")], supervision, ["edited", "runs"]]), "{point}: {task:#}");
    let lates = ["before", "after"].map(|side| record(&home, &format!("{id}.1.{side}")).unwrap()["late"].clone());
    assert_eq!(lates, [json!(false), json!(is_late)], "{point}");
}

macro_rules! archived_although {
    ($($name:ident: $point:literal, $supervision:literal, $late:literal;)*) => {
        $(#[test] fn $name() { archived_although($point, $supervision, $late); })*
    };
}

archived_although! {
    keeper_dies_before_it_archives: "keeper.before_archive", "kept", false;
    keeper_dies_before_the_snapshot_is_on_record: "archive-record", "kept", false;
    keeper_dies_after_it_has_archived: "keeper.after_archive", "kept", false;
    keeper_dies_with_the_agent_running_or_gone: "keeper.after_spawn", "adopted", true;
    keeper_dies_before_it_archives_what_is_left: "keeper.before_after_snapshot", "adopted", true;
    keeper_dies_before_it_compares: "keeper.after_after_snapshot", "adopted", false;
    keeper_dies_after_it_has_compared: "keeper.after_changes", "adopted", false;
}
