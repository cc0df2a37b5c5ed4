//! Whose turn it is in a run with few places, and agents that wait for what they have asked for themselves.

use serde_json::{Value, json};

use crate::support::{TestHome, wait_for};

const MGR: &str = env!("CARGO_BIN_EXE_mgr");

impl TestHome {
    fn beside(&self, name: &str) -> String {
        self.root().join(name).to_str().unwrap().to_owned()
    }

    /// Where the steps of a run stand.
    fn stands(&self, id: &str) -> Value {
        let run = self.json(&["workflow", "status", id])["run"].clone();
        run["steps"].as_array().unwrap().iter().map(|step| step["status"].clone()).collect()
    }

    #[track_caller]
    fn wait_stands(&self, id: &str, wanted: &Value) {
        wait_for("the steps", || match self.stands(id) {
            stands if stands == *wanted => Ok(()),
            other => Err(other),
        });
    }

    #[track_caller]
    fn start(&self, text: &str) -> String {
        let ran = self.mgr(&["workflow", "run", "--detach", "--workflow", text]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        ran.stdout.trim_end().to_owned()
    }
}

#[test]
fn who_waits_for_a_directory_of_the_same_run_takes_no_place() {
    let home = TestHome::new();
    let go = home.beside("go");
    let text = format!(
        "max_concurrent: 2
steps:
  - {{id: a, prompt: \"write up 1\\nwait-for {go}\\nfinish a\"}}
  - {{id: b, prompt: finish b}}
  - {{id: c, prompt: finish c, isolate: copy}}
  - {{id: d, prompt: finish d, posture: read_only, needs: [c]}}
"
    );
    let id = home.start(&text);
    home.wait_stands(&id, &json!(["running", "waiting", "done", "done"]));
    std::fs::write(go, "").unwrap();
    assert_eq!(home.mgr(&["workflow", "status", &id, "--wait"]).code, Some(0));
    assert_eq!(home.stands(&id), json!(["done", "done", "done", "done"]));
}

#[test]
fn who_would_queue_behind_somebody_else_lets_others_have_the_place() {
    let home = TestHome::new();
    let go = home.beside("go");
    let writer = home.submit(&format!("write up 1\nwait-for {go}\nfinish x"));
    home.wait_file("up");
    let text = "max_concurrent: 1
steps:
  - {id: a, prompt: finish a}
  - {id: b, prompt: finish b, posture: read_only}
  - {id: c, prompt: finish c, posture: read_only, needs: [b]}
";
    let id = home.start(text);
    // It has the place when nobody else has a use for it, and says what it waits for.
    home.wait_stands(&id, &json!(["running", "done", "done"]));
    let task = home.json(&["workflow", "status", &id])["run"]["steps"][0]["task_id"].as_str().unwrap().to_owned();
    assert_eq!(home.status(&task)["waiting"]["task_ids"], json!([writer]));
    std::fs::write(go, "").unwrap();
    assert_eq!(home.mgr(&["workflow", "status", &id, "--wait"]).code, Some(0));
}

#[test]
fn who_waits_for_money_takes_no_place() {
    let home = TestHome::new();
    let go = home.beside("go");
    let text = format!(
        "max_concurrent: 2
budget: $1
steps:
  - {{id: a, posture: read_only, prompt: \"wait-for {go}\\nfinish a\"}}
  - {{id: b, posture: read_only, prompt: finish b}}
  - {{id: c, kind: command, run: ['true'], share: true}}
"
    );
    let id = home.start(&text);
    home.wait_stands(&id, &json!(["running", "waiting", "done"]));
    std::fs::write(go, "").unwrap();
    assert_eq!(home.mgr(&["workflow", "status", &id, "--wait"]).code, Some(0));
}

#[test]
fn an_agent_that_waits_for_its_own_workflow_does_not_wait_for_itself() {
    let home = TestHome::new();
    // Each would fail beside the other: their run keeps them apart.
    let alone = "mkdir alone && sleep 0.2 && rmdir alone";
    let text = format!(
        "steps: [{{id: a, kind: command, shell: true, run: {alone}}}, {{id: b, kind: command, shell: true, run: {alone}}}, \
         {{id: c, kind: workflow, workflow: {{steps: [{{id: d, kind: command, run: [touch, made]}}]}}}}]"
    );
    let file = home.root().join("flow.yaml");
    std::fs::write(&file, text).unwrap();
    let script = format!("run {MGR} workflow run {} > said 2>&1 && touch went-well\nfinish x", file.display());
    let task = home.end_of(&home.submit_with(&["--timeout", "25s"], &script));
    let said = std::fs::read_to_string(home.work().join("said")).unwrap();
    assert!(task["status"] == "done" && home.work().join("went-well").exists(), "{said} {task:#}");
    assert!(home.work().join("made").exists());
}

#[test]
fn an_agent_brings_in_what_it_has_asked_others_for() {
    let home = TestHome::new();
    let file = home.root().join("script");
    std::fs::write(&file, "write won x\nfinish y").unwrap();
    let race = format!("{MGR} race --apply -b fake -n 2 @{} > said 2>&1", file.display());
    let single = format!("{MGR} run --isolate copy 'write one x' >> said 2>&1; {MGR} apply @last >> said 2>&1");
    let script = format!("run {race} && touch went-well\nrun {single} && touch applied\nfinish x");
    let task = home.end_of(&home.submit_with(&["--timeout", "25s"], &script));
    let said = std::fs::read_to_string(home.work().join("said")).unwrap();
    let made = ["won", "went-well", "one", "applied"].map(|name| home.work().join(name).exists());
    assert_eq!((task["status"].as_str(), made), (Some("done"), [true; 4]), "{said} {task:#}");
}

/// The process that drives runs may have been started by an agent, which is not who asks for them.
#[test]
fn a_run_that_nobody_asked_for_from_inside_waits_for_the_writer() {
    let home = TestHome::new();
    let (go, end) = (home.beside("go"), home.beside("end"));
    let script =
        format!("write up 1\nwait-for {go}\nrun {MGR} list > listed\nwrite second 1\nwait-for {end}\nfinish x");
    let writer = home.submit(&script);
    home.wait_file("up");
    home.kill_tickers();
    std::fs::write(&go, "").unwrap();
    home.wait_file("second");
    let id = home.start("steps: [{id: a, kind: command, run: [test, -e, over]}]");
    let step = wait_for("the task", || {
        let run = home.json(&["workflow", "status", &id])["run"].clone();
        run["steps"][0]["task_id"].as_str().map(str::to_owned).ok_or(run)
    });
    assert_eq!(home.status(&step)["waiting"]["task_ids"], json!([writer]));
    home.touch("over");
    std::fs::write(&end, "").unwrap();
    assert_eq!(home.mgr(&["workflow", "status", &id, "--wait"]).code, Some(0));
}
