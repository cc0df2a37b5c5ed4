//! Loops: how often a step runs, why it stops, and that a crash neither repeats a run nor leaves one out.

use serde_json::{Value, json};

use super::workflow::told;
use crate::support::{TestHome, wait_for};

/// A program that counts its runs in a file and succeeds from the `good`th on.
fn counting(file: &str, good: u32) -> String {
    format!("echo x >> {file}; test $(wc -l < {file}) -ge {good}")
}

fn command(id: &str, line: &str, repeat: &str) -> String {
    format!("  - {{id: {id}, kind: command, shell: true, run: {}, repeat: {repeat}}}\n", json!(line))
}

fn count(home: &TestHome, file: &str) -> usize {
    std::fs::read_to_string(home.work().join(file)).unwrap_or_default().lines().count()
}

/// Status, turn and the loop's run of each step.
fn turns(run: &Value) -> Value {
    let one = |step: &Value| json!([step["id"], step["status"], step["turn"], step["repeat"]["run"]]);
    run["steps"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_loop_runs_until_the_check_passes() {
    let home = TestHome::new();
    let text = r#"
steps:
  - id: fix
    backend: fake
    posture: read_only
    prompt: "append tries x\nfinish tried"
    verify: ["echo x >> checks; test $(wc -l < checks) -ge 3"]
    repeat: {until: "steps.fix.verification == 'passed'", max: 5}
  - {id: after, kind: command, needs: [fix], run: [echo, "{{ steps.fix.verification }}"]}
outputs: {seen: "{{ steps.after.output | trim }}"}
"#;
    let (code, run) = home.workflow(text);
    assert_eq!((code, run["outputs"]["seen"].as_str()), (Some(0), Some("passed")), "{run:#}");
    assert_eq!(turns(&run), json!([["fix", "done", 3, 3], ["after", "done", 1, null]]), "{run:#}");
    assert_eq!(home.runs().len(), 3);
    let tasks = home.json(&["list", "--workflow", "@last"])["tasks"].as_array().unwrap().clone();
    let of_loop = tasks.iter().filter(|task| task["backend"] == "fake").map(|task| task["elapsed_s"].as_f64().unwrap());
    let (took, all) = (run["steps"][0]["elapsed_s"].as_f64().unwrap(), of_loop.sum::<f64>());
    assert!((took - all).abs() < 1e-6, "{took} is not {all}, which all runs of the loop took");
    let report = home.mgr(&["workflow", "report"]).stdout;
    assert!(report.contains("| fix | done after 3 runs |") && report.contains("\n3. task `"), "{report}");
}

#[test]
fn a_loop_that_reaches_its_bound_has_failed() {
    let home = TestHome::new();
    let never = command("a", "echo x >> n", "{until: \"steps.a.output == 'ready'\", max: 3}");
    let (code, run) = home.workflow(&format!("steps:\n{never}"));
    let why = "`steps.a.output == 'ready'` did not hold after 3 runs";
    assert_eq!((code, told(&run), count(&home, "n")), (Some(1), json!([["a", "failed", why]]), 3), "{run:#}");
    // A person who asks again gets the whole loop again.
    let run = home.mgr(&["workflow", "retry", "@last", "a", "--wait", "--json"]).json()["run"].clone();
    assert_eq!((turns(&run), count(&home, "n")), (json!([["a", "failed", 6, 3]]), 6), "{run:#}");
}

#[test]
fn without_a_condition_a_loop_runs_to_its_bound_or_the_first_failure() {
    let home = TestHome::new();
    let steps = [command("all", "echo x >> all", "{max: 3}"), command("bad", "echo x >> bad; exit 3", "{max: 3}")];
    let (code, run) = home.workflow(&format!("on_failure: continue\nsteps:\n{}", steps.concat()));
    assert_eq!(code, Some(1), "{run:#}");
    assert_eq!(turns(&run), json!([["all", "done", 3, 3], ["bad", "failed", 1, 1]]), "{run:#}");
    assert_eq!((count(&home, "all"), count(&home, "bad")), (3, 1));
}

#[test]
fn a_condition_that_cannot_be_told_fails_the_step() {
    let home = TestHome::new();
    let text = "steps:\n  - {id: a, backend: fake, posture: read_only, prompt: fail crashed no, repeat: {until: steps.a.output == 'x', max: 3}}\n";
    let (code, run) = home.workflow(text);
    let why = run["steps"][0]["reason"].as_str().unwrap().to_owned();
    assert_eq!((code, run["steps"][0]["turn"].as_u64()), (Some(1), Some(1)), "{run:#}");
    assert!(why.starts_with("`until`: `steps.a.output == 'x'`: undefined value; the run had failed: "), "{why}");
}

#[test]
fn each_member_of_a_matrix_loops_by_itself() {
    let home = TestHome::new();
    let text = r#"
steps:
  - id: m
    kind: command
    matrix: {n: [1, 3]}
    run: [sh, -c, "echo x >> \"of$0\"; test $(wc -l < \"of$0\") -ge $0", "{{ matrix.n }}"]
    repeat: {until: "steps.m.status == 'done' and matrix.n > 0", max: 4}
"#;
    let (code, run) = home.workflow(text);
    assert_eq!((code, turns(&run)), (Some(0), json!([["m[1]", "done", 1, 1], ["m[3]", "done", 3, 3]])), "{run:#}");
}

#[test]
fn all_loops_of_a_run_together_have_a_guard() {
    let home = TestHome::with_settings("slots: 8");
    let step =
        |id: &str| command(id, &format!("echo x >> {id}"), &format!("{{until: steps.{id}.output == 'x', max: 40}}"));
    let (code, run) = home.workflow(&format!("on_failure: continue\nsteps:\n{}{}", step("a"), step("b")));
    assert_eq!(code, Some(1), "{run:#}");
    assert_eq!(count(&home, "a") + count(&home, "b"), 52, "{run:#}");
    let why = |at: usize| run["steps"][at]["reason"].as_str().unwrap().to_owned();
    assert!((why(0) + &why(1)).contains("begun anew 50 times in all"), "{run:#}");
}

#[test]
fn a_person_who_cancels_the_task_ends_the_loop() {
    let home = TestHome::new();
    let text =
        "steps:\n  - {id: a, backend: fake, posture: read_only, prompt: \"write up 1\\nhang\", repeat: {max: 5}}\n";
    let id = home.detached(text);
    home.wait_file("up");
    let task = home.run_state(&id)["steps"][0]["task_id"].as_str().unwrap().to_owned();
    home.json(&["cancel", &task]);
    let run = home.end_of_run(&id);
    assert_eq!(turns(&run), json!([["a", "cancelled", 1, 1]]), "{run:#}");
    assert_eq!(home.runs().len(), 1);
}

#[test]
fn in_a_demo_a_loop_runs_once_and_says_so() {
    let home = TestHome::new();
    let text = "steps:\n  - {id: a, prompt: p, repeat: {until: steps.a.verification == 'passed', max: 5}}\n";
    let ran = home.mgr(&["workflow", "run", "--demo", "--workflow", text, "--json"]);
    let run = ran.json()["run"].clone();
    assert_eq!((ran.code, turns(&run)), (Some(0), json!([["a", "done", 1, null]])), "{run:#}");
    assert_eq!(run["notes"], json!(["`repeat` of step `a`: it runs once"]));
}

/// Whoever reaches the point after the second run has begun dies there; any later command goes on.
fn survives(point: &str) {
    let home = TestHome::new();
    let marker = home.root().join("died");
    std::fs::write(&marker, "armed").unwrap();
    let arm = format!("{}; ok=$?; test $(wc -l < n) -eq 2 && rm '{}'; exit $ok", counting("n", 4), marker.display());
    let text = format!("steps:\n{}", command("a", &arm, "{until: steps.a.status == 'done', max: 9}"));
    let mut run = home.command(["workflow", "run", "--detach", "--workflow", &text]);
    run.env("MGR_FAILPOINT", format!("{point}@{}", marker.display())).output().unwrap();
    let has_died = || std::fs::read(&marker).is_ok_and(|text| text.is_empty());
    // No command looks meanwhile: it would start a ticker that does not die.
    wait_for("the crash", || if has_died() { Ok(()) } else { Err(()) });
    let run = home.end_of_run("@last");
    assert_eq!((turns(&run), count(&home, "n")), (json!([["a", "done", 4, 4]]), 4), "{point}: {run:#}");
}

#[test]
fn a_death_before_the_note_of_a_run_neither_repeats_nor_skips_one() {
    survives("driver.before_note");
}

#[test]
fn a_death_after_the_next_turn_is_written_goes_on_with_it() {
    survives("driver.after_renewal");
}

#[test]
fn a_death_between_the_submit_of_a_turn_and_its_note_runs_it_once() {
    survives("driver.after_submit");
}

#[test]
fn a_loop_that_is_killed_again_and_again_counts_every_run_once() {
    let home = TestHome::new();
    // Killed at any time, a command may be cut off; this one leaves its mark only at the end of its life.
    let text = format!("steps:\n{}", command("a", "sleep 0.05; echo x >> n", "{max: 8}"));
    let id = home.detached(&text);
    for kill in 0..8u64 {
        // Different moments of the run; the wait is the point.
        std::thread::sleep(std::time::Duration::from_millis(23 * (kill + 1) % 130));
        home.kill_tickers();
    }
    let run = home.end_of_run(&id);
    assert_eq!((turns(&run), count(&home, "n")), (json!([["a", "done", 8, 8]]), 8), "{run:#}");
}
