//! What people are shown of runs: the words for steps and runs, and what is counted.

use serde_json::{Value, json};

use super::workflow::step;
use crate::support::{TestHome, wait_for};

/// Steps by their word for people, those of nested workflows beneath theirs.
fn standing(steps: &Value) -> Value {
    let one = |step: &Value| match step["steps"].as_array() {
        Some(_) => json!([step["id"], step["standing"], standing(&step["steps"])]),
        None => json!([step["id"], step["standing"]]),
    };
    steps.as_array().unwrap().iter().map(one).collect()
}

/// A file whose steps are a nested workflow, a race, and what comes after both.
fn nested_and_race() -> String {
    let inner = step("a", "", "write up-a 1\nwait-for go\nfinish a").replace("  - ", "        - ");
    format!(
        "name: outer
steps:
  - id: in
    kind: workflow
    workflow:
      steps:
{inner}  - {{id: r, kind: race, posture: read_only, backends: [fake, fake], prompt: \"append up-r 1\\nwait-for go\\nfinish r\"}}
  - {{id: end, kind: command, needs: [in, r], run: [echo, end]}}
"
    )
}

#[test]
fn what_stands_still_is_called_paused_and_a_race_is_one_step() {
    let home = TestHome::new();
    let id = home.detached(&nested_and_race());
    home.wait_file("up-a");
    wait_for("both racers", || match std::fs::read_to_string(home.work().join("up-r")).unwrap_or_default() {
        up if up.len() == 2 => Ok(()),
        up => Err((up, home.run_state(&id))),
    });
    let run = home.run_state(&id);
    let at_work = json!([
        ["in", "running", [["a", "running"]]],
        ["r", "running"],
        ["r[fake]", "running"],
        ["r[fake.2]", "running"],
        ["end", "waiting"]
    ]);
    assert_eq!((&run["standing"], standing(&run["steps"])), (&json!("running"), at_work), "{run:#}");
    home.json(&["workflow", "pause", &id]);
    let run = home.run_state(&id);
    let paused = json!([
        ["in", "paused", [["a", "paused"]]],
        ["r", "paused"],
        ["r[fake]", "paused"],
        ["r[fake.2]", "paused"],
        ["end", "waiting"]
    ]);
    assert_eq!((&run["standing"], standing(&run["steps"])), (&json!("paused"), paused), "{run:#}");
    // How a step is kept has not changed: programs that knew it still do.
    assert_eq!(
        (&run["steps"][0]["status"], &run["steps"][0]["reason"]),
        (&json!("running"), &json!(format!("run {id} is paused")))
    );
    let shown = home.mgr(&["workflow", "status", &id]).stdout;
    assert!(shown.contains(": 1 step waiting, 2 paused\n") && !shown.contains("running"), "{shown}");
    let report = home.mgr(&["workflow", "report", &id]).stdout;
    assert!(report.contains("Of its 3 steps: 1 to do, 2 paused."), "{report}");
    assert!(report.contains("| in | paused | workflow |") && report.contains("| in/a | paused | fake |"), "{report}");
    assert!(!report.contains("| running |"), "{report}");
    let watched = home.mgr(&["watch", &id]);
    let news: Vec<_> = watched.stderr.lines().collect();
    assert_eq!(news, ["in/a paused", "in paused", "r[fake] paused", "r[fake.2] paused"], "{watched:#?}");
    let line = &home.json(&["workflow", "list"])["workflows"][0];
    let told = json!([line["standing"], line["steps_over"], line["steps_total"]]);
    assert_eq!(told, json!(["paused", 0, 3]));
    let listed = home.mgr(&["workflow", "list"]).stdout;
    assert!(listed.contains(" paused  0 of 3 ") && listed.ends_with(" a person said so\n"), "{listed}");
    let nested = &home.json(&["workflow", "list", "--nested"])["workflows"][0];
    assert_eq!(json!([nested["standing"], nested["parent"]["step"]]), json!(["paused", "in"]));
    home.touch("go");
    home.json(&["workflow", "resume", &id]);
    let run = home.end_of_run(&id);
    let line = &home.json(&["workflow", "list"])["workflows"][0];
    let told = json!([run["status"], line["steps_over"], line["steps_total"]]);
    assert_eq!(told, json!(["done", 3, 3]));
}

/// A task that a person pauses by itself stops the step that it is of, and all that is only that step.
#[test]
fn a_step_whose_task_is_paused_is_paused_up_to_the_outermost_run() {
    let home = TestHome::with_settings("slots: 1");
    let inner = step("a", "", "write up 1\nwait-for go\nfinish a").replace("  - ", "        - ");
    let late = step("late", "", "finish late").replace("  - ", "        - ");
    let text = format!("steps:\n  - id: in\n    kind: workflow\n    workflow:\n      steps:\n{inner}{late}");
    let id = home.detached(&text);
    home.wait_file("up");
    let tasks = || home.run_state(&id)["steps"][0]["steps"].clone();
    let (a, late) = wait_for("the queued one", || {
        let steps = tasks();
        match (steps[0]["task_id"].as_str(), steps[1]["task_id"].as_str()) {
            (Some(a), Some(late)) => Ok((a.to_owned(), late.to_owned())),
            _ => Err(steps),
        }
    });
    home.json(&["pause", &a]);
    // The other one moves as soon as there is room for it.
    let run = home.run_state(&id);
    let expected = json!([["in", "running", [["a", "paused"], ["late", "queued"]]]]);
    assert_eq!((&run["standing"], standing(&run["steps"])), (&json!("running"), expected), "{run:#}");
    home.json(&["pause", &late]);
    let run = home.run_state(&id);
    let expected = json!([["in", "paused", [["a", "paused"], ["late", "paused"]]]]);
    assert_eq!((&run["status"], &run["standing"]), (&json!("running"), &json!("paused")), "{run:#}");
    assert_eq!(standing(&run["steps"]), expected, "{run:#}");
    assert_eq!(run["steps"][0]["reason"], "what runs in it is paused");
    let shown = home.mgr(&["workflow", "status", &id]).stdout;
    let how = format!("Nothing of it moves: `mgr resume {}` lets it go on.\n", &a[..9]);
    assert!(
        shown.starts_with("workflow paused after ")
            && shown.contains("\nin      paused ")
            && shown.contains("\n  late  paused ")
            && shown.ends_with(&how),
        "{shown}"
    );
    home.touch("go");
    home.json(&["resume", &a]);
    home.json(&["resume", &late]);
    assert_eq!(home.end_of_run(&id)["status"], "done");
}

#[test]
fn the_tasks_of_a_run_are_those_of_all_that_is_nested_in_it() {
    let home = TestHome::new();
    let text = "
name: outer
steps:
  - id: m
    kind: workflow
    matrix: {x: [1, 2]}
    workflow:
      steps:
        - id: in
          kind: workflow
          workflow: {steps: [{id: say, kind: command, run: [echo, x]}]}
  - {id: end, kind: command, needs: [m], run: [echo, end]}
";
    let (_, run) = home.workflow(text);
    home.submit("finish x");
    let id = run["workflow_id"].as_str().unwrap();
    let steps = |list: &Value| {
        let tasks = list["tasks"].as_array().unwrap().iter();
        let mut steps: Vec<_> = tasks.map(|task| task["step"].as_str().unwrap().to_owned()).collect();
        steps.sort();
        (steps, list["total"].clone())
    };
    let all = home.json(&["list", "--workflow", id]);
    let expected = ["end", "m[1]/in/say", "m[2]/in/say"].map(str::to_owned).to_vec();
    assert_eq!(steps(&all), (expected, json!(3)), "{all:#}");
    // Seen from a nested run the way is shorter.
    let child = run["steps"][0]["child_id"].as_str().unwrap();
    let inner = home.json(&["list", "--workflow", child]);
    assert_eq!(steps(&inner), (vec!["in/say".to_owned()], json!(1)), "{inner:#}");
    let shown = home.mgr(&["list", "--workflow", id]).stdout;
    assert!(shown.contains("  m[1]/in/say"), "{shown}");
    // Every list names the run that a task is a step of, as its status does; a task of none has no such field.
    let lines = home.json(&["list"])["tasks"].as_array().unwrap().clone();
    let status = |line: &Value| home.status(line["task_id"].as_str().unwrap())["lineage"].clone();
    let lineages: Vec<_> = lines.iter().map(|line| line["lineage"].clone()).collect();
    assert_eq!(lineages, lines.iter().map(status).collect::<Vec<_>>(), "{lines:#?}");
    let own = json!({"workflow": inner_run(&home, child), "step": "say"});
    assert_eq!((lines.len(), lineages.contains(&own), lines[0].get("lineage")), (4, true, None), "{lines:#?}");
}

/// The run in the step `in` of a run.
fn inner_run(home: &TestHome, id: &str) -> Value {
    home.json(&["workflow", "status", id])["run"]["steps"][0]["child_id"].clone()
}

/// `nope` could be the beginning of an id (`n0pe`): whoever typed it is told about what they typed.
#[test]
fn what_is_not_there_is_called_as_it_was_typed() {
    let home = TestHome::new();
    let flow = "steps: [{id: a, kind: command, run: [echo, a]}]";
    let calls: &[&[&str]] = &[
        &["status", "nope"],
        &["watch", "nope"],
        &["output", "nope"],
        &["events", "nope"],
        &["cancel", "nope"],
        &["pause", "nope"],
        &["resume", "nope"],
        &["retry", "nope"],
        &["rerun", "nope"],
        &["send", "nope", "hello"],
        &["explain", "nope"],
        &["export", "nope"],
        &["diff", "nope"],
        &["rollback", "nope"],
        &["apply", "nope"],
        &["discard", "nope"],
        &["archive", "restore", "nope", "--to", "there"],
        &["submit", "--after", "nope", "x"],
        &["list", "--workflow", "nope"],
        &["workflow", "status", "nope"],
        &["workflow", "report", "nope"],
        &["workflow", "cancel", "nope"],
        &["workflow", "pause", "nope"],
        &["workflow", "resume", "nope"],
        &["workflow", "retry", "nope"],
        &["workflow", "run", "--reuse", "nope", "--workflow", flow],
        &["template", "save", "name", "--from-run", "nope"],
        &["answer", "nope/ship", "yes"],
    ];
    let mut wrong = Vec::new();
    for call in calls {
        let ran = home.mgr(call);
        if ran.code != Some(6) || !ran.stderr.contains("`nope`") || ran.stderr.contains("n0pe") {
            wrong.push((call, ran));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A full disk takes the answer; the way out is told on the other stream.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let home = TestHome::new();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for args in [&["workflow", "list"][..], &["status"], &["--version"]] {
        let ran: crate::support::Ran = home.command(args).stdout(full()).output().unwrap().into();
        let told = "error: cannot write the answer to standard output: No space left on device (os error 28)\n";
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(70), told), "{args:?}");
    }
}
