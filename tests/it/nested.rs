//! Workflows in steps of workflows, and the environment that a workflow declares.

use serde_json::{Value, json};

use super::workflow::told;
use crate::support::{TestHome, members, wait_death, wait_for};

fn write(home: &TestHome, file: &str, text: &str) {
    std::fs::write(home.work().join(file), text).unwrap();
}

/// A step that holds the workflow of these lines.
fn holding(id: &str, rest: &str, workflow: &str) -> String {
    let lines: String = workflow.lines().map(|line| format!("      {line}\n")).collect();
    format!("  - id: {id}\n    kind: workflow\n{rest}    workflow:\n{lines}")
}

/// All runs, those of nested workflows too: name, status and the step that each is in.
fn runs(home: &TestHome) -> Value {
    let list = home.json(&["workflow", "list", "--nested"]);
    let one = |run: &Value| json!([run["name"], run["status"], run["parent"]["step"]]);
    list["workflows"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn two_levels_down_and_their_outputs_used_above() {
    let home = TestHome::new();
    write(
        &home,
        "inner.yaml",
        r#"
name: inner
params: {what: {required: true}, times: {type: integer, default: 7}}
steps: [{id: say, kind: command, run: [printf, "%s-%s", "{{ params.what }}", "{{ params.times }}"]}]
outputs: {said: "{{ steps.say.output }}"}
"#,
    );
    write(
        &home,
        "middle.yaml",
        r#"
name: middle
params: {list: {type: list}, word: {}}
steps:
  - {id: in, kind: workflow, workflow: inner.yaml, matrix: {x: "{{ params.list }}"}, params: {what: "{{ params.word }}{{ matrix.x }}"}}
outputs: {all: "{{ steps.in.output }}", good: "{{ steps.in.all(status == 'done') }}", one: "{{ steps.in['b'].result.said }}"}
"#,
    );
    let text = r#"
name: outer
steps:
  - {id: word, kind: command, run: [printf, w]}
  - {id: m, kind: workflow, needs: [word], workflow: middle.yaml, params: {list: [a, b], word: "{{ steps.word.output }}"}}
  - {id: end, kind: command, needs: [m], when: steps.m.result.good, run: [printf, "%s", "{{ steps.m.result.one }}/{{ steps.m.status }}"]}
outputs: {end: "{{ steps.end.output }}"}
"#;
    write(&home, "outer.yaml", text);
    let ran = home.mgr(&["workflow", "run", "outer.yaml", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let run = ran.json()["run"].clone();
    assert_eq!(run["outputs"]["end"], "wb-7/done", "{run:#}");
    let inner: Vec<_> = run["steps"][1]["steps"].as_array().unwrap().iter().map(|step| &step["id"]).collect();
    assert_eq!(inner, ["in[a]", "in[b]"]);
    // What somebody started is listed; the rest only when asked for, and never taken for the last one.
    assert_eq!(home.json(&["workflow", "list"])["workflows"].as_array().unwrap().len(), 1);
    let all = json!([
        ["inner", "done", "in[b]"],
        ["inner", "done", "in[a]"],
        ["middle", "done", "m"],
        ["outer", "done", null]
    ]);
    assert_eq!(runs(&home), all);
    assert_eq!(home.run_state("@last")["name"], "outer");
    let report = home.mgr(&["workflow", "report"]).stdout;
    assert!(report.contains("| m/in[a]/say | done | command |"), "{report}");
}

#[test]
fn a_failure_below_is_named_above() {
    let home = TestHome::new();
    let inner = holding("deep", "", "steps: [{id: bad, kind: command, run: [cat, nothing]}]");
    let inner = format!("steps:\n{inner}");
    let text = format!(
        "steps:\n{}  - {{id: after, kind: command, needs: [in], run: [echo, no]}}\n",
        holding("in", "", &inner)
    );
    let (code, run) = home.workflow(&text);
    let why = run["steps"][0]["reason"].as_str().unwrap().to_owned();
    assert_eq!((code, run["steps"][0]["status"].as_str()), (Some(1), Some("failed")), "{run:#}");
    assert!(why.starts_with("deep failed: bad failed: the command ended with exit code 1"), "{why}");
    assert_eq!(told(&run)[1][1], "skipped");
}

#[test]
fn what_a_nested_workflow_is_given_must_fit() {
    let home = TestHome::new();
    let inner = "params: {n: {type: integer, required: true}}\nsteps: [{id: a, kind: command, run: [echo, no]}]";
    let text = format!(
        "steps:\n  - {{id: w, kind: command, run: [printf, word]}}\n{}",
        holding("in", "    needs: [w]\n    params: {n: \"{{ steps.w.output }}\"}\n", inner)
    );
    let (code, run) = home.workflow(&text);
    assert_eq!(code, Some(1), "{run:#}");
    assert_eq!(told(&run)[1], json!(["in", "failed", "parameter `n`: \"word\" is not a whole number"]));
}

#[test]
fn what_a_step_said_stays_marked_in_the_prompts_below() {
    let home = TestHome::new();
    let inner = "params: {said: {}, own: {default: mine}}\nsteps: [{id: a, backend: fake, posture: read_only, prompt: \"finish {{ params.own }}\\n{{ params.said }}\"}]";
    let text = format!(
        "steps:\n  - {{id: w, kind: command, run: [printf, '%s', '{{% x %}}']}}\n{}",
        holding("in", "    needs: [w]\n    params: {said: \"{{ steps.w.output }}\"}\n", inner)
    );
    let (code, run) = home.workflow(&text);
    assert_eq!(code, Some(0), "{run:#}");
    let task = run["steps"][1]["steps"][0]["task_id"].as_str().unwrap();
    let report = home.mgr(&["export", task]).stdout;
    assert!(report.contains("<data of=\"params.said\" mark=\"") && !report.contains("of=\"params.own\""), "{report}");
}

#[test]
fn a_cancelled_parent_leaves_no_process_of_what_is_in_it() {
    let home = TestHome::new();
    let inner = "steps:\n  - {id: a, backend: fake, posture: read_only, prompt: \"write up 1\\nsetsid-child\\nhang\"}\n  - {id: b, kind: command, needs: [a], run: [echo, no]}";
    let id = home.detached(&format!("name: outer\nsteps:\n{}", holding("in", "", inner)));
    home.wait_file("up");
    let step = home.run_state(&id)["steps"][0].clone();
    let (child, task) = (step["child_id"].as_str().unwrap(), step["steps"][0]["task_id"].as_str().unwrap());
    let run = home.json(&["workflow", "cancel", &id])["run"].clone();
    let inside = &run["steps"][0]["steps"];
    let statuses = json!([run["steps"][0]["status"], inside[0]["status"], inside[1]["status"]]);
    assert_eq!(statuses, json!(["cancelled", "cancelled", "cancelled"]), "{run:#}");
    assert!(members(task, 1).is_empty());
    assert_eq!(runs(&home), json!([["in", "cancelled", "in"], ["outer", "cancelled", null]]));
    assert_eq!(home.mgr(&["workflow", "retry", child, "a"]).code, Some(9));
}

#[test]
fn a_cancelled_child_cancels_its_step() {
    let home = TestHome::new();
    let inner = "steps:\n  - {id: a, backend: fake, posture: read_only, prompt: \"write up 1\\nhang\"}";
    let id = home.detached(&format!("steps:\n{}", holding("in", "", inner)));
    home.wait_file("up");
    let child = home.run_state(&id)["steps"][0]["child_id"].as_str().unwrap().to_owned();
    home.json(&["workflow", "cancel", &child]);
    let run = home.end_of_run(&id);
    assert_eq!(told(&run), json!([["in", "cancelled", format!("its run {child} was cancelled")]]));
    assert_eq!(run["status"], "failed");
}

#[test]
fn a_question_below_is_a_question_of_the_whole() {
    let home = TestHome::new();
    let inner = "steps:\n  - {id: a, kind: command, run: [echo, made]}\n  - {id: ask, kind: approval, needs: [a], message: go?}\noutputs: {word: \"{{ steps.ask.status }}\"}";
    let text = format!(
        "steps:\n{}  - {{id: ship, kind: approval, needs: [in], message: \"ship {{{{ steps.in.output }}}}?\"}}\n",
        holding("in", "", inner)
    );
    let (code, run) = home.workflow(&text);
    assert_eq!((code, run["waits_for_person"].as_bool()), (Some(10), Some(true)), "{run:#}");
    let child = run["steps"][0]["child_id"].as_str().unwrap();
    wait_for("the ticker's end", || if home.tickers().is_empty() { Ok(()) } else { Err(home.tickers()) });
    // Its tasks stay while the parent is not over.
    let kept = home.json(&["cleanup", "--older-than", "0s", "--apply"])["kept"].as_array().unwrap().len();
    assert_eq!(kept, 1);
    let item = home.json(&["inbox"])["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(item, format!("{child}/ask"));
    // Whoever reads the report of the whole learns what to answer.
    let report = home.mgr(&["workflow", "report", run["workflow_id"].as_str().unwrap()]).stdout;
    assert!(report.contains("Of its 2 steps: 1 to do, 1 waiting for a person."), "{report}");
    assert!(report.contains("Step in/ask waits for a person since "), "{report}");
    assert!(report.contains(&format!(": “go?”. `mgr answer {item} yes` or `no` answers it.")), "{report}");
    assert!(report.contains("| in/ask | held | approval |  |  | go? |"), "{report}");
    home.json(&["answer", &item, "yes"]);
    assert_eq!(home.mgr(&["workflow", "status", "--wait"]).code, Some(10));
    let asked = home.json(&["inbox"])["items"][0].clone();
    assert_eq!(asked["question"], "ship done?");
    assert_eq!(home.json(&["cleanup", "--older-than", "0s", "--apply"])["kept"].as_array().unwrap().len(), 1);
    home.json(&["answer", asked["id"].as_str().unwrap(), "yes"]);
    assert_eq!(home.mgr(&["workflow", "status", "--wait"]).code, Some(0));
}

#[test]
fn a_retried_nested_step_is_a_new_run() {
    let home = TestHome::new();
    let inner = "steps: [{id: a, kind: command, shell: true, run: 'echo x >> n; wc -l < n | tr -d \" \\n\"'}]\noutputs: {n: \"{{ steps.a.output }}\"}";
    let text = format!(
        "name: outer\nsteps:\n{}  - {{id: seen, kind: command, needs: [in], run: [printf, \"{{{{ steps.in.output }}}}\"]}}\noutputs: {{seen: \"{{{{ steps.seen.output }}}}\"}}\n",
        holding("in", "", inner)
    );
    let (code, run) = home.workflow(&text);
    assert_eq!((code, run["outputs"]["seen"].as_str()), (Some(0), Some("1")), "{run:#}");
    let again = home.mgr(&["workflow", "retry", "@last", "in", "--wait", "--json"]).json()["run"].clone();
    assert_eq!(again["outputs"]["seen"].as_str(), Some("2"), "{again:#}");
    assert_ne!(run["steps"][0]["child_id"], again["steps"][0]["child_id"]);
    assert_eq!(runs(&home), json!([["in", "done", "in"], ["in", "done", "in"], ["outer", "done", null]]));
}

#[test]
fn a_loop_runs_a_nested_workflow_until_its_output_says_so() {
    let home = TestHome::new();
    let inner = "steps: [{id: a, kind: command, shell: true, run: 'echo x >> n; wc -l < n | tr -d \" \\n\"'}]\noutputs: {n: \"{{ steps.a.output }}\"}";
    let text = format!("steps:\n{}", holding("in", "    repeat: {until: \"steps.in.output == '3'\", max: 5}\n", inner));
    let (code, run) = home.workflow(&text);
    assert_eq!((code, run["steps"][0]["repeat"].clone()), (Some(0), json!({"run": 3, "max": 5})), "{run:#}");
    assert_eq!(runs(&home).as_array().unwrap().len(), 4);
}

/// Loops in loops count together: 2 runs of the outer one and 50 repetitions in all.
#[test]
fn loops_in_loops_have_one_guard() {
    let home = TestHome::new();
    let inner = "steps:\n  - {id: a, kind: command, shell: true, run: echo x >> n, repeat: {max: 30}}";
    let text = format!("steps:\n{}", holding("in", "    repeat: {max: 50}\n", inner));
    let (code, run) = home.workflow(&text);
    let why = run["steps"][0]["reason"].as_str().unwrap().to_owned();
    assert_eq!(code, Some(1), "{run:#}");
    assert!(why.contains("a failed: loops of this workflow have begun anew 50 times in all"), "{why}");
    // 29 repetitions, one of the outer loop, 20 more: 30 runs and 21.
    assert_eq!(std::fs::read_to_string(home.work().join("n")).unwrap().lines().count(), 51);
}

/// Whoever reaches the point first dies there; any later command goes on.
fn survives(point: &str) {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let inner = "steps:\n  - {id: a, backend: fake, posture: read_only, prompt: finish a}\n  - {id: b, backend: fake, posture: read_only, needs: [a], prompt: finish b}";
    let text = format!("name: outer\nsteps:\n{}", holding("in", "", inner));
    let mut run = home.command(["workflow", "run", "--detach", "--workflow", &text]);
    run.env("MGR_FAILPOINT", format!("{point}@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    let run = home.end_of_run("@last");
    assert_eq!((run["status"].as_str(), home.runs().len()), (Some("done"), 2), "{point}: {run:#}");
    assert_eq!(runs(&home), json!([["in", "done", "in"], ["outer", "done", null]]), "{point}");
}

#[test]
fn a_death_between_the_start_of_a_nested_run_and_its_note_starts_one() {
    survives("driver.after_child");
}

#[test]
fn a_death_in_a_nested_run_repeats_nothing() {
    survives("driver.after_submit");
    survives("driver.before_note");
}

/// A nested run that a crash hid from its parent goes with the parent.
#[test]
fn a_nested_run_that_nobody_noted_is_cancelled_with_its_parent() {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let inner = "steps:\n  - {id: a, kind: approval, message: go?}";
    let text = format!("name: outer\nsteps:\n{}", holding("in", "", inner));
    let mut run = home.command(["workflow", "run", "--detach", "--workflow", &text]);
    let hold = format!("ticker@{}", home.root().join("never").display());
    run.env("MGR_FAILPOINT", format!("driver.after_child@{}", marker.display()))
        .env("MGR_HOLD", hold)
        .output()
        .unwrap();
    wait_death(&marker);
    home.json(&["workflow", "cancel", "@last"]);
    wait_for("the end of all", || {
        let found = runs(&home);
        let all = json!([["in", "cancelled", "in"], ["outer", "cancelled", null]]);
        if found == all && home.tickers().is_empty() { Ok(()) } else { Err(found) }
    });
    assert_eq!(home.json(&["inbox"])["items"], json!([]));
}

#[test]
fn a_demo_goes_into_nested_workflows() {
    let home = TestHome::new();
    let inner =
        "params: {x: {}}\nsteps:\n  - {id: a, prompt: \"do {{ params.x }}\"}\noutputs: {o: \"{{ steps.a.output }}\"}";
    let text = format!(
        "steps:\n{}  - {{id: b, needs: [in], prompt: \"{{{{ steps.in.output }}}}\"}}\n",
        holding("in", "    params: {x: it}\n", inner)
    );
    let ran = home.mgr(&["workflow", "run", "--demo", "--workflow", &text, "--json"]);
    let run = ran.json()["run"].clone();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(run["steps"][0]["steps"][0]["backend"], "demo", "{run:#}");
}

const ENV: &str = "
env: [FIRST_OF_IT, SECOND_OF_IT, NOT_USED]
steps:
  - {id: wait, kind: wait, for: 300ms}
  - {id: say, kind: command, needs: [wait], run: [printf, '%s', '{{ env.FIRST_OF_IT }}']}
outputs: {said: '{{ steps.say.output }}{{ env.SECOND_OF_IT }}'}
";

#[test]
fn variables_that_are_not_set_are_named_all_at_once() {
    let home = TestHome::new().with_env("FIRST_OF_IT", "1").with_env("NOT_USED", "");
    let ran = home.mgr(&["workflow", "run", "--workflow", ENV, "--json"]);
    let message = ran.error()["message"].as_str().unwrap().to_owned();
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert_eq!(
        message,
        "the workflow declares `env`, and not set here: `NOT_USED`, `SECOND_OF_IT`; nothing was started"
    );
    assert_eq!(home.json(&["workflow", "list"])["workflows"], json!([]));
}

/// The values are those of the start, whoever drives the run to its end.
#[test]
fn variables_are_kept_over_a_crash_with_another_environment() {
    let home = TestHome::new();
    let nested = format!("steps:\n{}outputs: {{said: '{{{{ steps.in.output }}}}'}}\n", holding("in", "", ENV));
    let mut run = home.command(["workflow", "run", "--detach", "--workflow", &nested]);
    run.env("FIRST_OF_IT", "one").env("SECOND_OF_IT", "two").env("NOT_USED", "a-value-nobody-asked-for");
    let ran = run.output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    home.kill_tickers();
    let mut go_on = home.command(["workflow", "status", "--wait", "--json"]);
    go_on.env("FIRST_OF_IT", "other").env("SECOND_OF_IT", "other");
    let run: Value = serde_json::from_slice(&go_on.output().unwrap().stdout).unwrap();
    assert_eq!(run["run"]["outputs"]["said"], "onetwo", "{run:#}");
    // What no template names is not kept.
    wait_for("the ticker's end", || if home.tickers().is_empty() { Ok(()) } else { Err(home.tickers()) });
    let stored = |name: &str| std::fs::read(home.home().join(name)).unwrap_or_default();
    let all = [stored("mgr.db"), stored("mgr.db-wal")].concat();
    let has = |text: &str| all.windows(text.len()).any(|part| part == text.as_bytes());
    assert_eq!((has("onetwo") || has("\"one\""), has("a-value-nobody-asked-for")), (true, false));
}

#[test]
fn a_cancelled_run_is_over_when_the_last_task_beneath_it_is() {
    let home = TestHome::new();
    let stubborn = "steps: [{id: a, kind: command, shell: true, run: 'trap \"\" TERM; touch up; exec sleep 3600'}]";
    let id =
        home.detached(&format!("steps:\n{}", holding("in", "", &format!("steps:\n{}", holding("deep", "", stubborn)))));
    home.wait_file("up");
    home.json(&["workflow", "pause", &id]);
    home.json(&["workflow", "cancel", &id]);
    let run = home.end_of_run(&id);
    let runs = home.json(&["workflow", "list", "--nested"])["workflows"].as_array().unwrap().clone();
    let task = home.status(&home.only_task());
    let ends: Vec<&str> = runs.iter().map(|run| run["finished_at"].as_str().unwrap()).collect();
    let last = task["finished_at"].as_str().unwrap();
    assert_eq!((run["status"].as_str(), ends.len()), (Some("cancelled"), 3));
    assert!(ends.iter().all(|end| *end >= last), "{ends:?} {task:#}");
}
