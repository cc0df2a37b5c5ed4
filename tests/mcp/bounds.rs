//! What a client cannot reach: whatever way a path comes, it lies in the directories that were allowed at the start.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Client, World};

/// A world, a directory outside of it, and a client that may not go there.
fn bound() -> (World, TempDir, Client) {
    let world = World::new();
    let client = world.client(&["--toolsets", "all"]);
    (world, tempfile::tempdir().unwrap(), client)
}

fn touching(dir: &str) -> String {
    format!("steps:\n- {{id: a, kind: command, run: [touch, escaped], working_dir: '{dir}'}}\n")
}

fn is_blocked(words: &str) {
    assert!(words.starts_with("blocked: ") && words.contains("--allow-dir "), "{words}");
}

fn is_empty(dir: &Path) {
    assert_eq!(fs::read_dir(dir).unwrap().count(), 0, "{}", dir.display());
}

/// Returns where a run and its steps stand, with the reason of the first.
fn stands(answer: &Value) -> (String, String) {
    let run = &answer["run"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&run["status"]), text(&run["steps"][0]["reason"]))
}

#[test]
fn a_step_that_names_a_directory_outside_is_refused_before_anything_starts() {
    let (world, outside, mut client) = bound();
    let path = outside.path().to_str().unwrap();
    let up = format!("../..{path}");
    std::os::unix::fs::symlink(outside.path(), world.work().join("link")).unwrap();
    fs::create_dir_all(world.work().join("a/b")).unwrap();
    std::os::unix::fs::symlink(world.work().join("a/b"), world.work().join("deep")).unwrap();
    // By words this is two up from here, whatever the link says.
    let through = format!("deep/../../..{path}");
    for dir in [path, up.as_str(), "link", through.as_str()] {
        is_blocked(&client.failure("workflow_run", json!({"workflow": touching(dir)})));
        let step = json!({"id": "a", "kind": "command", "run": ["touch", "escaped"], "working_dir": dir});
        is_blocked(&client.failure("workflow_run", json!({"workflow": {"steps": [step]}})));
        is_blocked(&client.failure("task_run_parallel", json!({"tasks": [step]})));
        let by_default =
            json!({"defaults": {"working_dir": dir}, "steps": [{"id": "a", "prompt": "say: x", "backend": "demo"}]});
        is_blocked(&client.failure("workflow_run", json!({"workflow": by_default})));
        let nested = json!({"steps": [{"id": "in", "kind": "workflow", "workflow": {"steps": [step]}}]});
        is_blocked(&client.failure("workflow_run", json!({"workflow": nested})));
        client.data("template_save", json!({"name": "out", "workflow": {"steps": [step]}, "force": true}));
        is_blocked(&client.failure("template_run", json!({"name": "out"})));
        fs::write(world.work().join("flow.yaml"), touching(dir)).unwrap();
        is_blocked(&client.failure("workflow_run", json!({"file": world.work().join("flow.yaml")})));
    }
    let racer = json!({"id": "r", "kind": "race", "prompt": "x", "backends": ["demo", "demo"], "working_dir": path});
    is_blocked(&client.failure("workflow_run", json!({"workflow": {"steps": [racer]}})));
    let two = format!("{}- {{id: b, prompt: x, include_files: [{path}/x]}}\n", touching(path));
    let words = client.failure("workflow_run", json!({"workflow": two}));
    let expected = format!(
        "blocked: 2 paths of the workflow lie outside of what this server allows; nothing was started\ncause: step `a`: `{path}` is outside"
    );
    assert!(words.starts_with(&expected) && words.contains("\ncause: step `b`: "), "{words}");
    assert_eq!(client.data("workflow_list", json!({}))["workflows"], json!([]));
    is_empty(outside.path());
    // The person at the command line is bound by nothing, and neither is a client that may go there.
    assert_eq!(world.run(&["workflow", "run", "flow.yaml"]).0, 0);
    assert!(outside.path().join("escaped").exists());
    let mut client = world.client(&["--allow-dir", path]);
    let ran = client.data("workflow_run", json!({"workflow": touching("link"), "wait": true}));
    assert_eq!(ran["run"]["status"], "done", "{ran}");
}

#[test]
fn a_directory_that_is_known_only_later_fails_its_step_whoever_tries_it_again() {
    let (world, outside, mut client) = bound();
    let path = outside.path().to_str().unwrap();
    let by_param = format!("params: {{d: {{required: true}}}}\n{}", touching("{{ params.d }}"));
    let ask = json!({"workflow": by_param, "params": {"d": path}, "wait": true});
    let ran = client.data("workflow_run", ask);
    let (status, reason) = stands(&ran);
    assert_eq!(status, "failed", "{ran}");
    assert!(reason.contains(&format!("`{path}` is outside")) && reason.contains("--allow-dir "), "{reason}");
    // Another door, the same run.
    let id = ran["workflow_id"].as_str().unwrap();
    let (code, out, err) = world.run(&["workflow", "retry", id, "a", "--wait", "--json"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("is outside of what this server allows"), "{out}");
    is_empty(outside.path());
}

#[test]
fn a_nested_run_a_link_and_a_database_made_anew_stay_bound() {
    let (world, outside, mut client) = bound();
    let path = outside.path().to_str().unwrap();
    let inner = json!({"params": {"d": {"required": true}}, "steps": [
        {"id": "a", "kind": "command", "run": ["touch", "escaped"], "working_dir": "{{ params.d }}"},
    ]});
    let step = json!({"id": "in", "kind": "workflow", "workflow": inner, "params": {"d": path}});
    let (status, reason) = stands(&client.data("workflow_run", json!({"workflow": {"steps": [step]}, "wait": true})));
    assert_eq!(status, "failed");
    assert!(reason.contains("is outside of what this server allows"), "{reason}");
    // The link is put elsewhere while the run waits for a person, and the database is made anew.
    let link = world.work().join("link");
    fs::create_dir(&link).unwrap();
    let text = "steps:\n- {id: ship, kind: approval, message: go?}\n- {id: a, needs: [ship], kind: command, run: [touch, escaped], working_dir: link}\n";
    let ran = client.data("workflow_run", json!({"workflow": text, "wait": true}));
    let id = ran["workflow_id"].as_str().unwrap();
    fs::remove_dir(&link).unwrap();
    std::os::unix::fs::symlink(outside.path(), &link).unwrap();
    assert_eq!(world.run(&["doctor", "--rebuild"]).0, 0);
    let (_, item, _) = world.run(&["inbox", "--json"]);
    let item: Value = serde_json::from_str(&item).unwrap();
    assert_eq!(world.run(&["answer", item["items"][0]["id"].as_str().unwrap(), "yes"]).0, 0);
    let (code, out, err) = world.run(&["workflow", "status", id, "--wait", "--json"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("is outside of what this server allows"), "{out}");
    is_empty(outside.path());
}

#[test]
fn files_outside_are_neither_read_nor_written() {
    let (world, outside, mut client) = bound();
    let secret = outside.path().join("wf.yaml");
    let text = "steps: [{id: a, backend: demo, prompt: 'say: secret'}]\n";
    fs::write(&secret, text).unwrap();
    for force in [false, true] {
        for out in [&secret, &outside.path().join("new.yaml")] {
            let ask = json!({"prompt": "do a, then b", "out": out, "force": force});
            is_blocked(&client.failure("task_decompose", ask));
        }
    }
    for tool in ["workflow_validate", "workflow_plan", "workflow_run", "task_run_parallel"] {
        is_blocked(&client.failure(tool, json!({"file": secret})));
    }
    is_blocked(&client.failure("template_save", json!({"name": "x", "file": secret})));
    is_blocked(&client.failure("archive_list", json!({"workspace": outside.path()})));
    is_blocked(&client.failure("archive_restore", json!({"name": "1.1.before", "to": outside.path().join("x")})));
    let read = json!({"prompt": "say: x", "backend": "demo", "include_files": [secret]});
    is_blocked(&client.failure("task_submit", read));
    let nested = json!({"steps": [{"id": "in", "kind": "workflow", "workflow": secret}]});
    let words = client.failure("workflow_run", json!({"workflow": nested}));
    assert!(words.contains("is outside of what this server allows") && words.contains("--allow-dir "), "{words}");
    let link = world.work().join("beside.yaml");
    std::os::unix::fs::symlink(&secret, &link).unwrap();
    fs::write(world.work().join("outer.yaml"), "steps: [{id: in, kind: workflow, workflow: beside.yaml}]\n").unwrap();
    is_blocked(&client.failure("workflow_validate", json!({"file": link})));
    let checked = client.data("workflow_validate", json!({"file": world.work().join("outer.yaml")}));
    assert!(checked["faults"][0]["message"].as_str().unwrap().contains("is outside"), "{checked}");
    assert_eq!((fs::read_dir(outside.path()).unwrap().count(), fs::read_to_string(&secret).unwrap()), (1, text.into()));
    // What the person keeps under a name is there for everybody, with what stands beside it.
    let own = world.home.path().join("mgr/workflows");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("inner.yaml"), text).unwrap();
    fs::write(own.join("mine.yaml"), "steps: [{id: in, kind: workflow, workflow: inner.yaml}]\n").unwrap();
    assert_eq!(client.data("workflow_validate", json!({"template": "mine"}))["valid"], true);
}
