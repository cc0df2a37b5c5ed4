//! What people wish about runs: pause, resume, retry, reuse, watch.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::{
    it::workflow::{step, told},
    support::{Process, Ran, TestHome, in_group, members, wait_death, wait_for},
};

/// Statuses by step alone.
fn statuses(run: &Value) -> Vec<&str> {
    run["steps"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect()
}

fn task_of(run: &Value, place: usize) -> String {
    run["steps"][place]["task_id"].as_str().unwrap().to_owned()
}

/// Waits until every process of an attempt stands still, or until none does.
#[track_caller]
fn wait_states(task: &str, stopped: bool) {
    wait_for("the states of its processes", || {
        let all: Vec<Process> = members(task, 1);
        let is_right = |process: &Process| (process.state == 'T') == stopped;
        if !all.is_empty() && all.iter().all(is_right) { Ok(()) } else { Err(all) }
    });
}

#[test]
fn a_pause_stops_what_runs_and_starts_nothing_new() {
    let home = TestHome::new();
    let steps = [
        step("a", "", "write up 1\nwait-for go\nfinish a"),
        step("b", "a", "finish b"),
        step("single", "", "write single 1\nwait-for go\nfinish c"),
    ];
    let id = home.detached(&format!("steps:\n{}", steps.concat()));
    home.wait_file("up");
    home.wait_file("single");
    let run = home.run_state(&id);
    let (a, single) = (task_of(&run, 0), task_of(&run, 2));
    home.json(&["pause", &single]);
    for _ in 0..2 {
        let run = home.json(&["workflow", "pause", &id])["run"].clone();
        assert_eq!(json!([run["status"], run["why"]]), json!(["paused", "a person said so"]), "{run:#}");
    }
    wait_states(&a, true);
    assert_eq!(home.run_state(&id)["steps"][0]["reason"], "its task is paused");
    home.touch("go");
    let waited = home.mgr(&["workflow", "status", &id, "--wait"]);
    assert_eq!(waited.code, Some(5), "{waited:#?}");
    assert!(waited.stdout.contains(&format!("`mgr workflow resume {}`", &id[..9])), "{waited:#?}");
    for _ in 0..2 {
        assert_eq!(home.json(&["workflow", "resume", &id])["run"]["status"], "running");
    }
    wait_for("what was paused with the run", || match home.run_state(&id) {
        run if statuses(&run) == ["done", "done", "running"] => Ok(()),
        run => Err(run),
    });
    // What a person paused singly is not the run's to resume.
    assert_eq!(home.status(&single)["status"], "paused");
    home.json(&["resume", &single]);
    assert_eq!(home.end_of_run(&id)["status"], "done");
    for wish in ["pause", "resume", "cancel"] {
        let late = home.mgr(&["workflow", wish, &id]);
        assert!(late.code == Some(9) && late.stderr.contains(&format!("`mgr workflow retry {id} STEP`")), "{late:#?}");
    }
}

#[test]
fn a_pause_may_let_what_runs_finish() {
    let home = TestHome::new();
    let steps = [step("a", "", "write up 1\nwait-for go\nfinish a"), step("b", "a", "finish b")];
    let id = home.detached(&format!("steps:\n{}", steps.concat()));
    home.wait_file("up");
    home.json(&["workflow", "pause", &id, "--let-run"]);
    home.touch("go");
    let run = wait_for("the end of what runs", || match home.run_state(&id) {
        run if statuses(&run)[0] == "done" => Ok(run),
        run => Err(run),
    });
    assert_eq!((statuses(&run), run["status"].as_str()), (vec!["done", "waiting"], Some("paused")));
    assert_eq!(home.mgr(&["workflow", "resume", &id, "--wait"]).code, Some(0));
    assert_eq!(home.runs().len(), 2);
}

/// A step whose task waits for the directory has not begun, in the run itself and in one of its steps.
#[test]
fn a_pause_that_lets_run_holds_what_has_not_begun() {
    let home = TestHome::new();
    let nested = step("c", "", "write in-c 1\nfinish c").replace("  - ", "      - ");
    let text = format!(
        "steps:\n{}{}  - id: n\n    kind: workflow\n    workflow:\n      steps:\n{nested}",
        step("a", "", "write up 1\nwait-for go\nfinish a"),
        step("b", "", "write in-b 1\nfinish b"),
    );
    let id = home.detached(&text.replace("read_only", "edit"));
    home.wait_file("up");
    let child = wait_for("the tasks that wait", || match home.json(&["list", "-s", "queued"])["tasks"].as_array() {
        Some(queued) if queued.len() == 2 => Ok(home.run_state(&id)["steps"][2]["child_id"].clone()),
        queued => Err(json!(queued)),
    });
    home.json(&["workflow", "pause", &id, "--let-run"]);
    home.touch("go");
    let run = wait_for("the end of what runs", || match home.run_state(&id) {
        run if statuses(&run)[0] == "done" => Ok(run),
        run => Err(run),
    });
    let held = [home.status(&task_of(&run, 1)), home.status(&task_of(&home.run_state(child.as_str().unwrap()), 0))];
    assert_eq!(held.map(|task| task["status"].clone()), ["held", "held"]);
    assert_eq!(json!([run["status"], run["steps"][1]["reason"]]), json!(["paused", "its task is paused"]));
    assert_eq!(home.runs().len(), 1);
    assert_eq!(home.mgr(&["workflow", "resume", &id, "--wait"]).code, Some(0));
    assert_eq!(home.runs().len(), 3);
}

/// Whoever has started it at a terminal is told of the pause and stays; a run that nobody attends lets go.
#[test]
fn a_run_that_is_attended_waits_a_pause_out() {
    let home = TestHome::new();
    let text = format!("steps:\n{}", step("a", "", "write up 1\nwait-for go\nfinish a"));
    let start = |more: &[&str]| {
        let _ = std::fs::remove_file(home.work().join("up"));
        let args = [&["workflow", "run", "--workflow", &text], more].concat();
        let child = in_group(home.command(args));
        home.wait_file("up");
        let paused = home.json(&["workflow", "pause", "@last", "--let-run"])["run"].clone();
        (child, paused["workflow_id"].as_str().unwrap().to_owned())
    };
    let (child, id) = start(&["--unattended"]);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(5));
    home.json(&["workflow", "cancel", &id]);
    let (mut child, id) = start(&[]);
    let told = BufReader::new(child.stderr.as_mut().unwrap()).lines().map(Result::unwrap);
    let told: Vec<_> = told.take_while(|line| !line.starts_with("paused ")).collect();
    assert!(told.len() < 5 && child.try_wait().unwrap().is_none(), "{told:?}");
    home.json(&["workflow", "resume", &id]);
    home.touch("go");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_paused_run_hears_words_and_can_be_cancelled_and_retried() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: a, kind: command, shell: true, run: 'echo x >> count'}
  - {id: ship, kind: approval, needs: [a], message: go?}
  - {id: tag, kind: command, needs: [ship], run: [echo, tagged]}
";
    let (_, run) = home.workflow(text);
    let id = run["workflow_id"].as_str().unwrap();
    home.json(&["workflow", "pause", id]);
    home.json(&["answer", &format!("{id}/ship"), "yes"]);
    let run = home.run_state(id);
    assert_eq!((statuses(&run), run["status"].as_str()), (vec!["done", "done", "waiting"], Some("paused")));
    // A retry is a wish like others: what it renews starts once the run goes on, and the word is asked for again.
    assert_eq!(home.json(&["workflow", "retry", id, "a"])["renewed"], json!(["a", "ship", "tag"]));
    let run = home.run_state(id);
    assert_eq!((statuses(&run), run["status"].as_str()), (vec!["waiting", "stale", "waiting"], Some("paused")));
    assert_eq!(home.mgr(&["workflow", "resume", id, "--wait"]).code, Some(10));
    home.json(&["workflow", "pause", id]);
    let run = home.json(&["workflow", "cancel", id])["run"].clone();
    assert_eq!((statuses(&run), run["status"].as_str()), (vec!["done", "cancelled", "cancelled"], Some("cancelled")));
    assert_eq!(std::fs::read_to_string(home.work().join("count")).unwrap(), "x\nx\n");
}

/// Whoever reaches the point dies there: the wish is kept, and is carried out by others.
#[test]
fn a_death_while_pausing_or_resuming_leaves_the_wish() {
    let home = TestHome::new();
    let id = home.detached(&format!("steps:\n{}", step("a", "", "write up 1\nwait-for go\nfinish a")));
    home.wait_file("up");
    let task = task_of(&home.run_state(&id), 0);
    let dies = |wish: &str, point: &str| {
        let output = home.command(["workflow", wish, &id]).env("MGR_FAILPOINT", point).output().unwrap();
        assert_eq!(output.status.code(), None, "{output:?}");
    };
    dies("pause", "run.after_pause");
    wait_states(&task, true);
    home.touch("go");
    dies("resume", "run.after_resume");
    assert_eq!(home.end_of_run(&id)["status"], "done");
    assert_eq!(home.runs().len(), 1);
}

#[test]
fn a_pause_during_a_start_reaches_what_was_being_started() {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let text = format!("steps:\n{}", step("a", "", "write up 1\nwait-for go\nfinish a"));
    let mut run = home.command(["workflow", "run", "--detach", "--workflow", &text]);
    run.env("MGR_FAILPOINT", format!("driver.after_submit@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    let id = home.json(&["workflow", "list"])["workflows"][0]["workflow_id"].as_str().unwrap().to_owned();
    home.json(&["workflow", "pause", &id]);
    let task = home.only_task();
    wait_for("the task's pause", || match home.status(&task) {
        task if matches!(task["status"].as_str(), Some("paused" | "held")) => Ok(()),
        task => Err(task),
    });
    home.touch("go");
    home.json(&["workflow", "resume", &id]);
    assert_eq!(told(&home.end_of_run(&id)), json!([["a", "done"]]));
    assert_eq!(home.runs().len(), 1);
}

#[test]
fn the_runs_of_steps_are_paused_with_the_run() {
    let home = TestHome::new();
    let nested = |id: &str| {
        let steps = [step("a", "", &format!("write up-{id} 1\nwait-for go\nfinish a")), step("b", "a", "finish b")];
        format!(
            "  - id: {id}\n    kind: workflow\n    workflow:\n      steps:\n{}",
            steps.concat().replace("  - ", "      - ")
        )
    };
    let id = home.detached(&format!("steps:\n{}{}", nested("with"), nested("alone")));
    home.wait_file("up-with");
    home.wait_file("up-alone");
    let child = |place: usize| home.run_state(&id)["steps"][place]["child_id"].as_str().unwrap().to_owned();
    let (with, alone) = (child(0), child(1));
    let states = || json!([&id, &with, &alone].map(|id| home.run_state(id)["status"].clone()));
    home.json(&["workflow", "pause", &alone]);
    home.json(&["workflow", "pause", &id]);
    assert_eq!(states(), json!(["paused", "paused", "paused"]));
    assert_eq!(home.run_state(&with)["why"], format!("run {id} is paused"));
    wait_states(&task_of(&home.run_state(&with), 0), true);
    home.touch("go");
    assert_eq!(home.mgr(&["workflow", "resume", &with]).code, Some(9));
    home.json(&["workflow", "resume", &id]);
    // What a person paused by itself is not the run's to resume.
    let with_done = || home.run_state(&with)["status"] == "done";
    wait_for("the end of the one", || if with_done() { Ok(()) } else { Err(home.run_state(&id)) });
    assert_eq!(states(), json!(["running", "done", "paused"]));
    home.json(&["workflow", "resume", &alone]);
    assert_eq!(home.end_of_run(&id)["status"], "done");
    assert_eq!(home.runs().len(), 4);
}

/// A keeper tells the end of its step before it is done with its files.
#[test]
fn a_cancelled_run_has_no_keeper_left() {
    let home = TestHome::new();
    let go = home.root().join("keepers-may-go");
    let text =
        format!("steps:\n{}  - {{id: ask, kind: approval, needs: [a], message: 'ok?'}}\n", step("a", "", "finish a"));
    let mut run = home.command(["workflow", "run", "--workflow", &text, "--json"]);
    let ran: Ran = run.env("MGR_HOLD", format!("keeper.told@{}", go.display())).output().unwrap().into();
    assert_eq!(ran.code, Some(10), "{ran:#?}");
    let run = ran.json()["run"].clone();
    let id = run["workflow_id"].as_str().unwrap();
    let mut cancel = home.command(["workflow", "cancel", id]).stdout(std::process::Stdio::null()).spawn().unwrap();
    for _ in 0..5 {
        wait_for("the end", || match home.run_state(id) {
            run if run["status"] == "cancelled" => Ok(()),
            run => Err(run),
        });
    }
    assert_eq!(cancel.try_wait().unwrap(), None, "the keeper is still there");
    std::fs::write(&go, "").unwrap();
    assert!(cancel.wait().unwrap().success());
    assert_eq!(home.keeper_of(&task_of(&run, 0), 1), None);
}

#[test]
fn a_retry_takes_along_what_was_skipped_for_that_step_alone() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: a, kind: command, run: [cat, later]}
  - {id: b, kind: command, needs: [a], run: [echo, b]}
  - {id: rest, kind: wait, for: 50ms}
  - {id: aside, kind: command, needs: [rest, first], run: [echo, aside]}
  - {id: first, kind: command, run: [echo, first]}
";
    let (code, run) = home.workflow(text);
    let id = run["workflow_id"].as_str().unwrap();
    assert_eq!((code, statuses(&run)), (Some(1), vec!["failed", "skipped", "done", "skipped", "done"]), "{run:#}");
    home.touch("later");
    // `b` alone would be skipped again at once: the answer says what to retry instead.
    let refused = home.mgr(&["workflow", "retry", id, "b", "--json"]);
    let error = refused.error();
    assert_eq!((refused.code, error["retryable"].as_bool()), (Some(9), Some(false)), "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("would be skipped again: a failed"), "{error:#}");
    let retried = home.json(&["workflow", "retry", id, "a", "--wait"]);
    assert_eq!(retried["renewed"], json!(["a", "b", "aside"]));
    assert_eq!(statuses(&retried["run"]), ["done"; 5]);
    assert_eq!(home.mgr(&["workflow", "retry", id]).code, Some(9));
}

#[test]
fn a_retry_leaves_other_cancelled_steps_and_says_so() {
    let home = TestHome::new();
    let steps = [
        step("a", "", "write up-a 1\nwait-for go\nfinish a"),
        step("b", "a", "finish b"),
        step("c", "", "write up-c 1\nwait-for go\nfinish c"),
        step("d", "c", "finish d"),
    ];
    let id = home.detached(&format!("steps:\n{}", steps.concat()));
    home.wait_file("up-a");
    home.wait_file("up-c");
    let run = home.json(&["workflow", "cancel", &id])["run"].clone();
    assert_eq!(statuses(&run), ["cancelled"; 4]);
    assert!(run["steps"][1]["task_id"].is_null());
    home.touch("go");
    let retried = home.json(&["workflow", "retry", &id, "a"]);
    assert_eq!(json!([retried["renewed"], retried["still_cancelled"]]), json!([["a", "b"], ["c", "d"]]));
    let run = home.end_of_run(&id);
    assert_eq!(
        (statuses(&run), run["status"].as_str()),
        (vec!["done", "done", "cancelled", "cancelled"], Some("failed"))
    );
    assert_eq!(home.mgr(&["workflow", "retry", &id, "d"]).code, Some(9));
    let all = home.json(&["workflow", "retry", &id, "--wait"]);
    assert_eq!((&all["renewed"], statuses(&all["run"])), (&json!(["c", "d"]), vec!["done"; 4]));
}

#[test]
fn a_stale_step_is_never_a_success_and_an_approval_is_asked_again() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: make, kind: command, shell: true, run: 'echo x >> count; cat count; test ! -e slow || while test ! -e go; do sleep 0.02; done'}
  - {id: ship, kind: approval, needs: [make], message: 'ship {{ steps.make.output }}?'}
  - {id: tag, kind: command, needs: [ship], run: [echo, tagged]}
";
    let (_, run) = home.workflow(text);
    let id = run["workflow_id"].as_str().unwrap();
    let digest = || home.json(&["inbox"])["items"][0]["digest"].as_str().map(str::to_owned);
    let first = digest().unwrap();
    home.json(&["answer", &format!("{id}/ship"), "yes"]);
    assert_eq!(home.end_of_run(id)["status"], "done");
    home.touch("slow");
    let retried = home.json(&["workflow", "retry", id, "make"])["run"].clone();
    assert_eq!((&statuses(&retried)[1..], retried["status"].as_str()), (&["stale", "stale"][..], Some("running")));
    // Nothing of the turn before is shown as this one's.
    let of_turn = |step: &Value| json!([step["turn"], step["task_id"], step["question"], step["reason"]]);
    assert_eq!(of_turn(&retried["steps"][2]), json!([2, null, null, null]));
    assert_eq!(home.mgr(&["workflow", "status", id]).code, Some(0));
    home.touch("go");
    assert_eq!(home.mgr(&["workflow", "status", id, "--wait"]).code, Some(10));
    let run = home.run_state(id);
    assert_eq!((statuses(&run), run["status"].as_str()), (vec!["done", "held", "stale"], Some("running")), "{run:#}");
    let second = digest().unwrap();
    assert_ne!(first, second);
    let late = home.mgr(&["answer", &format!("{id}/ship"), "yes", "--digest", &first]);
    assert_eq!(late.code, Some(9), "{late:#?}");
    let run = home.json(&["workflow", "cancel", id])["run"].clone();
    let expected = json!([
        ["make", "done"],
        ["ship", "cancelled", "the run was cancelled"],
        ["tag", "cancelled", "the run was cancelled"]
    ]);
    assert_eq!(told(&run), expected);
    assert_eq!(json!([run["steps"][1]["question"], run["steps"][2]["task_id"]]), json!([null, null]));
}

#[test]
fn a_cancelled_run_is_over_when_its_last_process_is() {
    let home = TestHome::with_settings("grace: 700ms\n");
    let id = home.detached(&format!("steps:\n{}", step("a", "", "ignore-term\nwrite up 1\nhang")));
    home.wait_file("up");
    let run = home.json(&["workflow", "cancel", &id])["run"].clone();
    let (all, one) = (run["elapsed_s"].as_f64().unwrap(), run["steps"][0]["elapsed_s"].as_f64().unwrap());
    assert!(all >= one && all >= 0.7, "{run:#}");
    assert_eq!(run["steps"][0]["reason"], "its task was cancelled");
    assert_eq!(run["finished_at"], home.run_state(&id)["finished_at"]);
}

#[test]
fn a_run_is_watched_like_a_task() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: a, kind: command, run: [echo, made]}
  - {id: ship, kind: approval, needs: [a], message: go?}
";
    let id = home.detached(text);
    let held = home.mgr(&["watch", &id, "--json"]);
    let line = held.json()["workflows"][0].clone();
    let told = json!([held.code, held.json()["done"], line["workflow_id"], line["status"], line["waits_for_person"]]);
    assert_eq!(told, json!([10, [], id, "running", true]), "{held:#?}");
    home.json(&["answer", &format!("{id}/ship"), "no"]);
    let beside = home.submit_beside("finish x");
    let over = home.mgr(&["watch", &id, &beside]);
    assert_eq!(over.code, Some(1), "{over:#?}");
    assert!(over.stdout.contains(&format!("{id} workflow failed in ")), "{over:#?}");
    assert!(over.stdout.contains("2 of 2 steps: ship failed: denied"), "{over:#?}");
    assert!(over.stderr.contains("ship failed: denied"), "{over:#?}");
    let cursor = home.mgr(&["watch", &id, "--json"]).json()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(home.mgr(&["watch", &id, "--after", &cursor, "--json"]).json()["workflows"], Value::Null);

    let long = home.detached(&format!("steps:\n{}", step("a", "", "wait-for go\nfinish a")));
    assert_eq!(home.mgr(&["watch", &long, "--timeout", "100ms"]).code, Some(5));
    let any = home.mgr(&["watch", &id, &long, "--mode", "any", "--cancel-rest", "--json"]);
    assert_eq!((any.code, any.json()["cancelled"].clone()), (Some(1), json!([long])), "{any:#?}");
    assert_eq!(home.mgr(&["watch", &long]).code, Some(3));
}

#[test]
fn tasks_and_runs_are_told_apart() {
    let home = TestHome::new();
    let (_, run) =
        home.workflow("steps:\n- {id: a, kind: command, run: [echo, a]}\n- {id: b, kind: command, run: [cat, no]}\n");
    let id = run["workflow_id"].as_str().unwrap();
    home.submit("finish x");
    let list = home.json(&["list", "--workflow", "@last"]);
    let of_run: Vec<_> =
        list["tasks"].as_array().unwrap().iter().map(|task| task["task_id"].as_str().unwrap()).collect();
    assert_eq!((of_run, list["total"].as_u64()), (vec![&*task_of(&run, 1), &*task_of(&run, 0)], Some(2)));
    for args in [["status", id], ["cancel", id], ["output", id]] {
        let refused = home.mgr(&args);
        assert_eq!(refused.code, Some(6), "{refused:#?}");
        assert!(refused.stderr.contains(&format!("`mgr workflow status {id}`")), "{refused:#?}");
    }
    let runs =
        |status: &str| home.json(&["workflow", "list", "--status", status])["workflows"].as_array().unwrap().len();
    assert_eq!([runs("failed"), runs("running")], [1, 0]);
}

#[test]
fn a_later_edit_of_the_file_is_shown_and_changes_nothing() {
    let home = TestHome::new();
    let file = home.work().join("flow.yaml");
    let text = "steps:\n- {id: ship, kind: approval, message: go?}\n- {id: b, needs: [ship], kind: command, run: [echo, old]}\noutputs: {b: '{{ steps.b.output }}'}\n";
    std::fs::write(&file, text).unwrap();
    home.mgr(&["workflow", "run", "--detach", "flow.yaml"]);
    assert_eq!(home.json(&["workflow", "status"])["file_change"], Value::Null);
    std::fs::write(&file, text.replace("old", "new")).unwrap();
    let change = home.json(&["workflow", "status", "--diff"])["file_change"].clone();
    assert_eq!(change["note"], "has changed since the start: +1 -1 lines", "{change:#}");
    let diff = change["diff"].as_str().unwrap();
    assert!(diff.contains("-        \"old\"") && diff.contains("+        \"new\""), "{diff}");
    assert!(home.mgr(&["workflow", "status"]).stdout.contains("this run keeps what it was started with"));
    home.mgr(&["workflow", "status", "--wait"]);
    home.json(&["answer", "@last/ship", "yes"]);
    assert_eq!(home.mgr(&["workflow", "status", "--wait", "--json"]).json()["run"]["outputs"]["b"], "old\n");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(home.json(&["workflow", "status"])["file_change"]["note"], "is not there any more");
}

/// Steps that leave a mark each time they run.
const MARKING: &str = "
name: marking
params: {x: {default: one}}
steps:
  - {id: a, kind: command, shell: true, run: 'echo a >> ran; echo out-a'}
  - {id: b, kind: command, needs: [a], run: [sh, -c, 'echo b >> ran; echo $0 $1', '{{ steps.a.output }}', '{{ params.x }}']}
  - {id: c, kind: command, needs: [b], run: [sh, -c, 'echo c >> ran; test -e ok && echo $0', '{{ steps.b.output }}']}
  - {id: aside, kind: command, shell: true, run: 'echo aside >> ran'}
outputs: {c: '{{ steps.c.output }}'}
";

impl TestHome {
    fn ran(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.work().join("ran")).unwrap_or_default();
        let mut ran: Vec<String> = text.lines().map(str::to_owned).collect();
        ran.sort();
        let _ = std::fs::remove_file(self.work().join("ran"));
        ran
    }
}

#[test]
fn a_run_starts_at_a_step_with_what_an_earlier_one_has_done() {
    let home = TestHome::new();
    let run = |args: &[&str]| home.mgr(&[&["workflow", "run", "--workflow", MARKING, "--json"], args].concat());
    assert_eq!(run(&["--from-step", "c"]).code, Some(6));
    let first = run(&[]).json()["workflow_id"].as_str().unwrap().to_owned();
    assert_eq!(
        (home.ran(), home.run_state(&first)["status"].as_str()),
        (vec!["a".into(), "aside".into(), "b".into(), "c".into()], Some("failed"))
    );
    home.touch("ok");
    let second = run(&["--from-step", "c"]);
    let why = format!("taken over from {first}");
    let expected = json!([["a", "done", why], ["b", "done", why], ["c", "done"], ["aside", "done", why]]);
    let state = second.json()["run"].clone();
    assert_eq!((second.code, told(&state), home.ran()), (Some(0), expected, vec!["c".to_owned()]), "{state:#}");
    assert_eq!(state["outputs"]["c"], "out-a one\n");
    assert_eq!(
        json!([state["steps"][0]["task_id"], state["steps"][0]["elapsed_s"]]),
        json!([task_of(&home.run_state(&first), 0), null])
    );
    // Every step that is not as it was is named, and nothing has started.
    let refused = run(&["--from-step", "c", "--params", "x=two"]);
    let message = refused.error()["message"].as_str().unwrap().to_owned();
    assert_eq!((refused.code, home.ran()), (Some(9), vec![]), "{refused:#?}");
    assert!(message.ends_with(": `b` has changed"), "{message}");
    assert_eq!(run(&["--from-step", "nothing"]).code, Some(6));
    // Without a step to start at, what has changed runs, with all that builds on it.
    let reused = run(&["--reuse", &first, "--params", "x=two"]);
    assert_eq!((reused.code, home.ran()), (Some(0), vec!["b".to_owned(), "c".to_owned()]), "{reused:#?}");
    // A retry makes a step that was taken over the run's own.
    home.json(&["workflow", "retry", "@last", "a", "--wait"]);
    assert_eq!(home.ran(), ["a", "b", "c"]);
}

#[test]
fn what_a_live_run_has_taken_over_is_not_cleaned_up() {
    let home = TestHome::new();
    let text = |last: &str| format!("name: n\nsteps:\n- {{id: a, kind: command, run: [echo, a]}}\n- {last}\n");
    let (_, first) = home.workflow(&text("{id: b, kind: command, needs: [a], run: [echo, b]}"));
    let (code, second) = {
        let text = text("{id: b, kind: approval, needs: [a], message: 'ok {{ steps.a.output }}'}");
        let ran = home.mgr(&["workflow", "run", "--workflow", &text, "--from-step", "b", "--json"]);
        (ran.code, ran.json()["run"].clone())
    };
    assert_eq!((code, task_of(&second, 0)), (Some(10), task_of(&first, 0)));
    let cleaned = home.json(&["cleanup", "--older-than", "0s", "--apply"]);
    let tasks: Vec<_> = cleaned["tasks"].as_array().unwrap().iter().map(|task| task["task_id"].clone()).collect();
    assert_eq!((tasks, cleaned["workflows"].clone()), (vec![json!(task_of(&first, 1))], Value::Null), "{cleaned:#}");
    assert_eq!(cleaned["kept"][0]["task_id"], task_of(&first, 0));
}
