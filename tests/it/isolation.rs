//! Tasks in directories of their own: made from the archive, kept for later turns, removed with the task.

use std::{path::PathBuf, process::Command};

use serde_json::{Value, json};

use crate::support::{TestHome, wait_death, wait_for};

fn write(home: &TestHome, path: &str, text: &str) {
    let path = home.work().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn directory(task: &Value) -> PathBuf {
    task["isolation"]["directory"].as_str().unwrap_or_else(|| panic!("{task:#}")).into()
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|error| format!("{}: {error}", path.display()))
}

#[test]
fn a_copy_has_what_the_workspace_has_and_keeps_what_the_agent_does() {
    let home = TestHome::new();
    write(&home, "sub/edited", "before\n");
    write(&home, ".env", "SECRET=1\n");
    let id = home.submit_with(
        &["--isolate", "copy", "-C", "sub"],
        "append edited after\nrun test -f ../.env || exit 9\nfinish x",
    );
    let task = home.end_of(&id);
    // The copy is of the working directory alone.
    let told = json!([task["status"], task["files_changed"], task["isolation"]["kind"], task["isolation"]["state"]]);
    assert_eq!(told, json!(["done", ["edited", "runs"], "copy", "present"]), "{task:#}");
    assert_eq!(directory(&task), home.home().canonicalize().unwrap().join("isolated").join(&id).join("sub"));
    assert_eq!(read(directory(&task).join("edited")), "before\nafter");
    assert_eq!(read(home.work().join("sub/edited")), "before\n");
    assert!(!home.work().join("sub/runs").exists());
}

#[test]
fn isolated_tasks_run_beside_each_other_and_beside_a_writer() {
    let home = TestHome::new();
    let go = home.root().join("go");
    let log = home.root().join("log");
    let script = format!("append {} +\nwait-for {}\nfinish x", log.display(), go.display());
    let ids = [
        home.submit(&script),
        home.submit_with(&["--isolate", "copy"], &script),
        home.submit_with(&["--isolate", "copy"], &script),
    ];
    wait_for("all three", || if read(log.clone()) == "+++" { Ok(()) } else { Err(home.json(&["list"])) });
    std::fs::write(go, "").unwrap();
    for id in &ids {
        assert_eq!(home.end_of(id)["status"], "done");
    }
}

#[test]
fn setup_commands_make_the_directory_ready_before_the_agent() {
    let home = TestHome::with_settings("setup: ['echo first > made']\n");
    let args = ["--isolate", "copy", "--setup", "echo second >> made"];
    let id = home.submit_with(&args, "run cp made seen\nfinish x");
    let task = home.end_of(&id);
    // What the setup has made is not the agent's doing.
    assert_eq!(json!([task["status"], task["files_changed"]]), json!(["done", ["runs", "seen"]]), "{task:#}");
    assert_eq!(read(directory(&task).join("seen")), "first\nsecond\n");
    let plain = home.submit("finish x");
    assert_eq!(home.end_of(&plain)["status"], "done");
    assert!(!home.work().join("made").exists());
}

#[test]
fn an_agent_is_not_silent_before_it_is_started() {
    let home = TestHome::new();
    let go = home.root().join("go");
    let setup = format!("while ! test -e {}; do sleep 0.05; done", go.display());
    let args = ["--isolate", "copy", "--idle-timeout", "300ms", "--setup", &setup];
    let id = home.submit_with(&args, "finish x");
    assert_eq!(home.mgr(&["watch", &id, "--timeout", "1s"]).code, Some(5));
    let task = home.status(&id);
    let told = json!([task["health"], task["current_step"], home.json(&["list"])["tasks"][0]["current_step"]]);
    assert_eq!(told, json!(["running", "making its directory ready", "making its directory ready"]), "{task:#}");
    std::fs::write(go, "").unwrap();
    assert_eq!(home.end_of(&id)["status"], "done");
}

fn git(dir: &std::path::Path, args: &[&str]) {
    let ran =
        Command::new("git").args(["-c", "user.name=a", "-c", "user.email=b"]).args(args).current_dir(dir).output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{ran:?}");
}

#[test]
fn a_worktree_is_of_the_whole_repository_and_the_agent_stands_where_it_would() {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no git; nothing was proven about worktrees");
        return;
    }
    let home = TestHome::new();
    write(&home, "sub/file", "one\n");
    git(&home.work(), &["init", "-q", "-b", "main"]);
    git(&home.work(), &["add", "."]);
    git(&home.work(), &["commit", "-qm", "one"]);
    write(&home, "sub/file", "not committed\n");
    let script = "append file two\nrun git -c user.name=a -c user.email=b commit -qam two || exit 9\nfinish x";
    let args = ["-C", "sub", "--isolate", "worktree", "--archive", "paths:file"];
    let id = home.submit_with(&args, script);
    let task = home.end_of(&id);
    let told = json!([task["status"], task["files_changed"], task["isolation"]["kind"], task["archive"]["mode"]]);
    assert_eq!(told, json!(["done", ["sub/file"], "worktree", "paths:file"]), "{task:#}");
    assert_eq!(read(directory(&task).join("sub/file")), "not committed\ntwo");
    assert!(directory(&task).join("sub/runs").exists());
    assert_eq!(read(home.work().join("sub/file")), "not committed\n");
}

#[test]
fn a_failing_setup_command_is_named_and_the_agent_never_runs() {
    let home = TestHome::new();
    let id = home.submit_with(&["--isolate", "copy", "--setup", "echo no such package; exit 3"], "finish never");
    let task = home.end_of(&id);
    let message = "the setup command `echo no such package; exit 3` ended with exit code 3: no such package";
    let told = json!([task["status"], task["failure"]["category"], task["failure"]["message"]]);
    assert_eq!(told, json!(["failed", "launch", message]), "{task:#}");
    assert!(!directory(&task).join("runs").exists());
}

#[test]
fn a_setup_command_can_be_cancelled() {
    let home = TestHome::new();
    let up = home.root().join("up");
    let setup = format!("touch {}; trap '' TERM; setsid sleep 3610", up.display());
    let id = home.submit_with(&["--isolate", "copy", "--setup", &setup], "finish never");
    wait_for("the setup", || if up.exists() { Ok(()) } else { Err(home.status(&id)) });
    assert_eq!(home.json(&["cancel", &id, "--grace", "0s"])["tasks"][0]["status"], "cancelled");
    assert!(crate::support::members(&id, 1).is_empty(), "{:#?}", crate::support::members(&id, 1));
}

#[test]
fn the_next_turn_of_a_conversation_works_in_the_same_directory_and_a_rerun_in_its_own() {
    let home = TestHome::new();
    let first = home.submit_with(&["--isolate", "copy"], "session s-1\nwrite made 1\nfinish x");
    let task = home.end_of(&first);
    let turn = home.json(&["send", &first, "session s-1\nrun cp made copied\nfinish y"]);
    let turn = home.end_of(turn["task_id"].as_str().unwrap());
    assert_eq!((directory(&turn), turn["status"].as_str()), (directory(&task), Some("done")), "{turn:#}");
    assert_eq!(turn["files_changed"], json!(["copied", "resumed", "runs"]));
    let again = home.json(&["rerun", &first]);
    let again = home.end_of(again["task_id"].as_str().unwrap());
    assert_ne!(directory(&again), directory(&task));
    assert_eq!(again["files_changed"], json!(["made", "runs"]), "{again:#}");
}

#[test]
fn a_later_attempt_goes_on_in_the_same_directory() {
    let home = TestHome::new();
    let script = "run test -e second || { touch second; kill -9 $PPID; }\nfinish the truth";
    let id = home.submit_with(&["--isolate", "copy", "--retries", "1", "--setup", "echo x >> setups"], script);
    let task = home.end_of(&id);
    assert_eq!(json!([task["status"], task["attempts"].as_array().map(Vec::len)]), json!(["done", 2]), "{task:#}");
    assert_eq!(read(directory(&task).join("setups")), "x\n");
}

fn survives(point: &str) {
    let home = TestHome::new();
    write(&home, "edited", "before\n");
    let marker = home.root().join("died");
    let args = ["submit", "--isolate", "copy", "--setup", "echo x >> setups", "append edited after\nfinish the truth"];
    let mut submit = home.command(args);
    submit.env("MGR_FAILPOINT", format!("{point}@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    let task = home.end_of(&home.only_task());
    let dir = directory(&task);
    let told = json!([task["status"], task["files_changed"], read(dir.join("setups")), read(dir.join("edited"))]);
    assert_eq!(told, json!(["done", ["edited", "runs"], "x\n", "before\nafter"]), "{point}: {task:#}");
}

macro_rules! survives {
    ($($name:ident: $point:literal;)*) => {
        $(#[test] fn $name() { survives($point); })*
    };
}

survives! {
    keeper_dies_before_it_makes_the_directory: "keeper.before_isolation";
    keeper_dies_before_the_setup: "keeper.after_isolation";
    keeper_dies_after_the_setup: "keeper.after_setup";
}

/// A conversation of two turns in one directory; returns both.
fn two_turns(home: &TestHome) -> [String; 2] {
    write(home, "edited", "zero\n");
    let first = home.submit_with(&["--isolate", "copy"], "session s-1\nwrite made 1\nappend edited one\nfinish x");
    home.end_of(&first);
    let turn = home.json(&["send", &first, "session s-1\nappend edited two\nwrite more 2\nfinish y"]);
    let turn = turn["task_id"].as_str().unwrap().to_owned();
    home.end_of(&turn);
    [first, turn]
}

#[test]
fn a_later_turn_brings_in_what_the_earlier_ones_did_and_takes_it_out_again() {
    let home = TestHome::new();
    let [first, turn] = two_turns(&home);
    home.json(&["apply", &turn]);
    assert_eq!(read(home.work().join("edited")), "zero\nonetwo");
    assert!(home.work().join("made").exists() && home.work().join("more").exists());
    let states = || [&first, &turn].map(|id| home.status(id)["isolation"]["state"].clone());
    assert_eq!(states(), ["applied", "applied"]);
    home.json(&["apply", "--undo", &turn]);
    assert_eq!(
        (read(home.work().join("edited")), states()),
        ("zero\n".to_owned(), [json!("present"), json!("present")])
    );
    assert!(!home.work().join("made").exists());
    // One after the other comes to the same.
    home.json(&["apply", &first]);
    assert_eq!(
        (read(home.work().join("edited")), states()),
        ("zero\none".to_owned(), [json!("applied"), json!("present")])
    );
    home.json(&["apply", &turn]);
    assert_eq!(read(home.work().join("edited")), "zero\nonetwo");
    // What is brought in is over: the next turn begins with the workspace as it is now.
    let next = home.json(&["send", &turn, "session s-1\nfinish z"]);
    let next = home.end_of(next["task_id"].as_str().unwrap());
    assert_ne!(directory(&next), directory(&home.status(&turn)));
}

#[test]
fn a_directory_is_not_given_up_under_a_turn_that_works_in_it() {
    let home = TestHome::new();
    let [_, turn] = two_turns(&home);
    let live = home.json(&["send", &turn, "session s-1\nwait-for go\nfinish z"]);
    let live = live["task_id"].as_str().unwrap();
    let ran = home.mgr(&["discard", &turn, "--json"]);
    assert!(ran.code == Some(9) && ran.error().to_string().contains(live), "{ran:#?}");
    home.mgr(&["cancel", live, "--grace", "0s"]);
    assert_eq!(home.mgr(&["discard", &turn]).code, Some(0));
}

#[test]
fn cleanup_takes_the_directory_with_its_last_task_once_its_work_is_taken_over() {
    let home = TestHome::new();
    let [first, turn] = two_turns(&home);
    let dir = directory(&home.status(&turn));
    let clean = || home.json(&["cleanup", "--older-than", "0s", "--apply"]);
    let kept = clean();
    assert_eq!(json!([kept["tasks"], kept["kept"].as_array().map(Vec::len), dir.exists()]), json!([[], 2, true]));
    home.json(&["apply", &turn]);
    assert!(dir.exists());
    let gone = clean();
    assert_eq!(gone["tasks"].as_array().map(Vec::len), Some(2), "{first} {gone:#}");
    assert!(!dir.exists() && !dir.parent().unwrap().exists());
}
