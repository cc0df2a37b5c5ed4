//! Tasks in directories of their own: made from the archive, kept for later turns, removed with the task.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{TestHome, wait_for};

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
    wait_for("the crash", || if marker.exists() { Ok(()) } else { Err(home.runs()) });
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

#[test]
fn cleanup_takes_the_directory_with_its_last_task() {
    let home = TestHome::new();
    let first = home.submit_with(&["--isolate", "copy"], "session s-1\nfinish x");
    let dir = directory(&home.end_of(&first));
    let turn = home.json(&["send", &first, "session s-1\nfinish y"]);
    home.end_of(turn["task_id"].as_str().unwrap());
    assert!(dir.exists());
    let gone = home.json(&["cleanup", "--older-than", "0s", "--apply"]);
    assert_eq!(gone["tasks"].as_array().map(Vec::len), Some(2), "{gone:#}");
    assert!(!dir.exists() && !dir.parent().unwrap().exists());
}
