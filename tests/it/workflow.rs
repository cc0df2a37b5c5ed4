//! Runs of workflows: order, what flows from step to step, ends, and `kill -9` of everything in between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{TestHome, processes, wait_death, wait_for};

impl TestHome {
    /// Runs a workflow to its end; returns the exit code and the run.
    #[track_caller]
    pub(crate) fn workflow(&self, text: &str) -> (Option<i32>, Value) {
        let ran = self.mgr(&["workflow", "run", "--workflow", text, "--json"]);
        assert!(matches!(ran.code, Some(0 | 1 | 3 | 10)), "{ran:#?}");
        (ran.code, ran.json()["run"].clone())
    }

    #[track_caller]
    pub(crate) fn detached(&self, text: &str) -> String {
        let ran = self.mgr(&["workflow", "run", "--detach", "--workflow", text]);
        assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 1), "{ran:#?}");
        ran.stdout.trim_end().to_owned()
    }

    #[track_caller]
    pub(crate) fn run_state(&self, id: &str) -> Value {
        self.json(&["workflow", "status", id])["run"].clone()
    }

    #[track_caller]
    pub(crate) fn end_of_run(&self, id: &str) -> Value {
        wait_for("the run's end", || {
            let run = self.run_state(id);
            if run["finished_at"].is_null() { Err(run) } else { Ok(run) }
        })
    }

    /// Everything that is called `mgr` in this home dies at once: commands, tickers, launchers, keepers. Not a keeper that
    /// is just starting its agent, under another name: nobody could say then whether the agent has begun.
    pub(crate) fn kill_everything(&self) {
        let own = |process: &crate::support::Process| process.has_env("MGR_HOME", self.home().to_str().unwrap());
        // Looking at all takes longer than a start.
        let is_mgr = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "mgr\n");
        for process in processes().into_iter().filter(|process| own(process) && process.name == "mgr") {
            if is_mgr(process.pid) {
                let _ =
                    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.pid), nix::sys::signal::Signal::SIGKILL);
            }
        }
    }
}

/// Statuses by step, with the reasons of those that have one.
pub(crate) fn told(run: &Value) -> Value {
    let steps = run["steps"].as_array().unwrap().iter();
    let one = |step: &Value| match step["reason"].as_str() {
        Some(reason) => json!([step["id"], step["status"], reason]),
        None => json!([step["id"], step["status"]]),
    };
    steps.map(one).collect()
}

/// A step of the fake agent that only looks, so that several may work in the same directory.
pub(crate) fn step(id: &str, needs: &str, script: &str) -> String {
    format!("  - {{id: {id}, needs: [{needs}], backend: fake, posture: read_only, prompt: {}}}\n", json!(script))
}

#[test]
fn a_diamond_runs_in_order_and_side_by_side() {
    let home = TestHome::new();
    let steps = [
        step("top", "", "append order top \nfinish top"),
        step("left", "top", "write left 1\nwait-for right\nappend order side \nfinish left"),
        step("right", "top", "write right 1\nwait-for left\nappend order side \nfinish right"),
        step("bottom", "left, right", "append order bottom \nfinish bottom"),
    ];
    let (code, run) = home.workflow(&format!("name: diamond\nsteps:\n{}", steps.concat()));
    let all_done = json!([["top", "done"], ["left", "done"], ["right", "done"], ["bottom", "done"]]);
    assert_eq!((code, told(&run), run["status"].as_str()), (Some(0), all_done, Some("done")), "{run:#}");
    let order = std::fs::read_to_string(home.work().join("order")).unwrap();
    assert_eq!(order, "top side side bottom ");
    assert_eq!(home.runs().len(), 4);
    assert_eq!(home.mgr(&["workflow", "cancel", "@last"]).code, Some(9));
}

/// What an agent said is data: it is neither read as a template again, nor as YAML, nor by a shell.
#[test]
fn an_answer_goes_through_three_steps_as_it_was_said() {
    let home = TestHome::new();
    let nasty =
        "{{ params.x }} {% raw %}\n- key: [1, *a]\n```$(touch hacked)`touch hacked`\"'\\ \u{1b}[31m {{ steps }}";
    std::fs::write(home.work().join("nasty"), nasty).unwrap();
    let text = r#"
outputs: { last: "{{ steps.three.output }}" }
steps:
  - {id: one, kind: command, run: [cat, nasty]}
  - {id: two, kind: command, needs: [one], run: [printf, "%s", "{{ steps.one.output }}"]}
  - {id: three, kind: command, needs: [two], run: [printf, "%s", "{{ steps.two.output }}"]}
"#;
    let (code, run) = home.workflow(text);
    assert_eq!((code, run["outputs"]["last"].as_str()), (Some(0), Some(nasty)), "{run:#}");
    assert!(!home.work().join("hacked").exists());
    let last = run["steps"][2]["task_id"].as_str().unwrap().to_owned();
    assert_eq!(home.json(&["output", &last])["output"], nasty);
}

/// A null over MCP is a value that was not given, and so is one that a step hands down without having it.
#[test]
fn an_optional_parameter_may_be_left_out() {
    let home = TestHome::new();
    let text = r#"
params: { e: {}, t: { default: ~ } }
outputs: { said: "{{ steps.a.output }}{{ steps.n.output }}" }
steps:
  - { id: a, kind: command, run: [printf, "%s", "{{ params.e | default('E') }}{{ params.t | default('T') }}"] }
  - id: n
    kind: workflow
    needs: [a]
    params: { f: "{{ params.e }}", g: ~ }
    workflow:
      params: { f: {}, g: {}, h: {} }
      steps: [{ id: b, kind: command, run: [printf, "%s", "{{ params.f | default('F') }}{{ params.g | default('G') }}"] }]
      outputs: { said: "{{ steps.b.output }}" }
"#;
    let (code, run) = home.workflow(text);
    assert_eq!((code, run["outputs"]["said"].as_str()), (Some(0), Some("ETFG")), "{run:#}");
    let id = run["workflow_id"].as_str().unwrap();
    assert_eq!(home.mgr(&["workflow", "report", id]).code, Some(0));
    assert_eq!(home.mgr(&["workflow", "retry", id, "a", "--wait"]).code, Some(0));
    let refused = home.mgr(&[
        "workflow",
        "run",
        "--workflow",
        "params: {e: {}}\nsteps: [{id: a, kind: command, run: [echo, '{{ params.e }}']}]",
    ]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:#?}");
    assert!(refused.stderr.contains("2:48: parameter `e` has no value"), "{refused:#?}");
    assert_eq!(home.json(&["workflow", "list"])["workflows"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_failed_step_skips_what_builds_on_it_with_the_reason() {
    let home = TestHome::new();
    let steps = [
        step("change", "", "fail crashed it broke"),
        step("review", "change", "finish no"),
        step("ship", "review", "finish no"),
        step("other", "", "finish yes"),
    ];
    let (code, run) = home.workflow(&format!("on_failure: continue\nsteps:\n{}", steps.concat()));
    let expected = json!([
        ["change", "failed", run["steps"][0]["reason"]],
        ["review", "skipped", "change failed"],
        ["ship", "skipped", "review was skipped"],
        ["other", "done"],
    ]);
    assert_eq!((code, told(&run), run["status"].as_str()), (Some(1), expected, Some("failed")), "{run:#}");
    assert!(run["steps"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
}

#[test]
fn what_cannot_be_run_is_refused_by_name_before_anything_starts() {
    let home = TestHome::new();
    let text = "steps:\n  - {id: a, backend: fake, prompt: finish a}\n  - {id: w, kind: wait, for: 1s, timeout: 5m}\n";
    let ran = home.mgr(&["workflow", "run", "--workflow", text, "--json"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    let told = "3:34: `timeout` is for a step that runs something, not for kind wait";
    assert!(ran.error().to_string().contains(told), "{ran:#?}");
    assert_eq!(home.json(&["workflow", "list"])["workflows"], json!([]));
    assert_eq!(home.json(&["list"])["total"], 0);
}

/// What a loaf holds is inserted as it was at the start, also in nested runs, and like all that an agent may have
/// written: never expanded.
#[test]
fn a_loaf_is_read_once_and_is_data() {
    let home = TestHome::new();
    let loafs = home.home().join("loafs");
    std::fs::create_dir_all(&loafs).unwrap();
    let put = |goal: &str| {
        let loaf = json!({"goal": goal, "phases": [{"name": "one"}], "path": "/"});
        std::fs::write(loafs.join("parser.json"), loaf.to_string()).unwrap();
    };
    put("{{ env.HOME }} `id` \u{1b}[31m");
    let text = "
steps:
  - {id: a, kind: command, run: [printf, '%s', '{{ loaf.goal }}, {{ loaf.phases[0].name }}']}
  - {id: hold, kind: approval, message: 'go on with {{ loaf.goal }}?', needs: [a]}
  - id: in
    kind: workflow
    needs: [hold]
    workflow: {steps: [{id: b, kind: command, run: [printf, '%s', '{{ loaf.goal }}']}], outputs: {said: '{{ steps.b.output }}'}}
outputs: {a: '{{ steps.a.output }}', b: '{{ steps.in.output }}'}
";
    let ran = home.mgr(&["workflow", "run", "--loaf-id", "parser", "--workflow", text, "--json"]);
    assert_eq!(ran.code, Some(10), "{ran:#?}");
    put("another");
    home.json(&["answer", "@last/hold", "yes"]);
    let run = home.end_of_run("@last");
    let goal = "{{ env.HOME }} `id` \u{1b}[31m";
    assert_eq!(run["outputs"], json!({"a": format!("{goal}, one"), "b": goal}), "{run:#}");
    let task = home.status(run["steps"][0]["task_id"].as_str().unwrap());
    assert_eq!(task["metadata"], json!({"loaf_id": "parser"}));
}

#[test]
fn a_loaf_that_is_missing_or_lacks_something_stops_the_run_before_it_starts() {
    let home = TestHome::new();
    let text = "steps: [{id: a, backend: fake, prompt: 'finish {{ loaf.goal }}', when: loaf.ready}]";
    let loafs = home.home().join("loafs");
    let refused = |args: &[&str], code: i32, words: &[&str]| {
        let ran = home.mgr(&[&["workflow", "run", "--workflow", text], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:#?}");
        words.iter().for_each(|word| assert!(ran.stderr.contains(word), "no `{word}` in {ran:#?}"));
    };
    refused(&[], 2, &["asks for `loaf`", "--loaf-id"]);
    refused(&["--loaf-id", "parser"], 6, &["no loaf `parser`", loafs.to_str().unwrap()]);
    std::fs::create_dir_all(&loafs).unwrap();
    std::fs::write(loafs.join("parser.json"), "{\"goal\": \"g\"}").unwrap();
    refused(&["--loaf-id", "parser"], 2, &["has no `ready`", "it has goal"]);
    refused(&["--loaf-id", "../config"], 6, &["no loaf `../config`", "there are parser"]);
    std::fs::write(loafs.join("parser.json"), "[1").unwrap();
    refused(&["--loaf-id", "parser"], 2, &["cannot read loaf `parser`", "line 1"]);
    assert_eq!(home.json(&["list"])["total"], 0);
}

#[test]
fn the_same_request_is_the_same_run() {
    let home = TestHome::new();
    let text = format!("steps:\n{}", step("a", "", "finish a"));
    let run = || home.mgr(&["workflow", "run", "--request-id", "r1", "--workflow", &text, "--json"]);
    let (first, second) = (run().json(), run().json());
    assert_eq!(first["workflow_id"], second["workflow_id"]);
    let other = format!("steps:\n{}", step("a", "", "finish b"));
    let refused = home.mgr(&["workflow", "run", "--request-id", "r1", "--workflow", &other, "--json"]);
    assert_eq!((refused.code, refused.error()["code"].as_str()), (Some(9), Some("conflict")), "{refused:#?}");
    assert!(refused.error()["message"].as_str().unwrap().contains(first["workflow_id"].as_str().unwrap()));
    assert_eq!(home.runs().len(), 1);
}

#[test]
fn a_retried_step_takes_what_builds_on_it_along() {
    let home = TestHome::new();
    let text = "
on_failure: continue
steps:
  - {id: count, kind: command, shell: true, run: 'echo x >> count; wc -l < count | tr -d \" \"'}
  - {id: seen, kind: command, needs: [count], run: [printf, '%s', 'count {{ steps.count.output }}']}
  - {id: aside, kind: command, run: [echo, aside]}
outputs: {seen: '{{ steps.seen.output }}'}
";
    let (code, run) = home.workflow(text);
    assert_eq!((code, run["outputs"]["seen"].as_str()), (Some(0), Some("count 1\n")), "{run:#}");
    let id = run["workflow_id"].as_str().unwrap();
    let retried = home.json(&["workflow", "retry", id, "count", "--wait"]);
    assert_eq!(retried["renewed"], json!(["count", "seen"]));
    let run = &retried["run"];
    let turns: Vec<_> = run["steps"].as_array().unwrap().iter().map(|step| step["turn"].as_u64().unwrap()).collect();
    assert_eq!((run["outputs"]["seen"].as_str(), turns), (Some("count 2\n"), vec![2, 2, 1]), "{run:#}");
    assert_eq!(home.mgr(&["workflow", "retry", id, "nothing"]).code, Some(6));
}

#[test]
fn a_retry_takes_up_what_a_failure_has_skipped() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: a, kind: command, run: [cat, later]}
  - {id: b, kind: command, needs: [a], run: [echo, b]}
";
    let (code, run) = home.workflow(text);
    assert_eq!((code, run["steps"][1]["status"].as_str()), (Some(1), Some("skipped")), "{run:#}");
    home.touch("later");
    let ran = home.mgr(&["workflow", "retry", "@last", "a", "--wait"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(told(&home.run_state("@last")), json!([["a", "done"], ["b", "done"]]));
}

#[test]
fn a_cancelled_run_leaves_no_process_and_starts_nothing() {
    let home = TestHome::new();
    let steps = [step("a", "", "write up 1\nsetsid-child\nhang"), step("b", "a", "finish no")];
    let id = home.detached(&format!("steps:\n{}", steps.concat()));
    home.wait_file("up");
    let task = home.run_state(&id)["steps"][0]["task_id"].as_str().unwrap().to_owned();
    let run = home.json(&["workflow", "cancel", &id])["run"].clone();
    let statuses = json!([run["status"], run["steps"][0]["status"], run["steps"][1]["status"]]);
    assert_eq!(statuses, json!(["cancelled", "cancelled", "cancelled"]), "{run:#}");
    assert!(crate::support::members(&task, 1).is_empty());
    assert_eq!(home.mgr(&["workflow", "status", &id, "--wait"]).code, Some(3));
    assert_eq!(home.json(&["workflow", "cancel", &id])["run"]["status"], "cancelled");
    assert_eq!(home.runs().len(), 1);
}

#[test]
fn a_step_that_waits_for_its_turn_is_not_shown_at_work() {
    let home = TestHome::with_settings("slots: 1\n");
    let steps = [step("a", "", "write up 1\nwait-for go\nfinish a"), step("b", "", "finish b")];
    let id = home.detached(&format!("on_failure: continue\nsteps:\n{}", steps.concat()));
    home.wait_file("up");
    let waiting = wait_for("the second step's task", || {
        let run = home.run_state(&id);
        if run["steps"][1]["task_id"].is_null() { Err(run) } else { Ok(run["steps"][1].clone()) }
    });
    let shown = json!([waiting["status"], waiting["task_status"], waiting["waiting_on"]]);
    assert_eq!(shown, json!(["running", "queued", "a free slot"]), "{waiting:#}");
    let page = home.mgr(&["workflow", "status", &id]).stdout;
    let rows: Vec<Vec<&str>> = page.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.iter().any(|row| row.starts_with(&["a", "running"])), "{page}");
    assert!(rows.iter().any(|row| row.starts_with(&["b", "queued"])), "{page}");
    assert!(page.lines().any(|line| line.ends_with("  waits for a free slot")), "{page}");
    let cancelled = home.mgr(&["cancel", waiting["task_id"].as_str().unwrap()]).stdout;
    assert!(cancelled.ends_with(" cancelled (had not started)\n"), "{cancelled}");
    home.touch("go");
    let ran = home.mgr(&["workflow", "status", &id, "--wait", "--json"]);
    let expected = json!([["a", "done"], ["b", "cancelled", "its task was cancelled"]]);
    assert_eq!((ran.code, told(&ran.json()["run"])), (Some(1), expected));
}

#[test]
fn a_person_is_asked_and_the_word_is_kept() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: a, kind: command, run: [echo, made]}
  - {id: ship, kind: approval, needs: [a], message: 'ship {{ steps.a.output }}?'}
  - {id: tag, kind: command, needs: [ship], run: [echo, tagged]}
";
    let (code, run) = home.workflow(text);
    assert_eq!((code, run["steps"][1]["status"].as_str()), (Some(10), Some("held")), "{run:#}");
    wait_for("the ticker's end", || if home.tickers().is_empty() { Ok(()) } else { Err(home.tickers()) });
    let kept = home.json(&["cleanup", "--older-than", "0s", "--apply"])["kept"][0]["reason"].clone();
    assert!(kept.as_str().is_some_and(|reason| reason.ends_with("is not over")), "{kept}");
    let items = home.json(&["inbox"])["items"].clone();
    let (item, digest) = (items[0]["id"].as_str().unwrap(), items[0]["digest"].as_str().unwrap());
    assert_eq!(home.mgr(&["answer", item, "yes", "--digest", "0123456789"]).code, Some(9));
    for _ in 0..2 {
        assert_eq!(home.json(&["answer", item, "yes", "--digest", digest])["status"], "done");
    }
    assert_eq!(home.mgr(&["answer", item, "no"]).code, Some(9));
    let run = home.end_of_run(run["workflow_id"].as_str().unwrap());
    assert_eq!(told(&run), json!([["a", "done"], ["ship", "done", "approved"], ["tag", "done"]]));
}

#[test]
fn a_no_fails_the_step() {
    let home = TestHome::new();
    let text = "steps:\n  - {id: ship, kind: approval, message: go?}\n  - {id: tag, kind: command, needs: [ship], run: [echo, no]}\n";
    assert_eq!(home.workflow(text).0, Some(10));
    home.json(&["answer", "@last/ship", "no"]);
    assert_eq!(home.mgr(&["workflow", "status", "--wait"]).code, Some(1));
}

/// Whoever reaches the point first dies there; any later command goes on.
fn survives(point: &str) {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let text = format!("steps:\n{}{}", step("a", "", "finish a"), step("b", "a", "finish b"));
    let mut run = home.command(["workflow", "run", "--detach", "--workflow", &text]);
    run.env("MGR_FAILPOINT", format!("{point}@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    let list = home.json(&["workflow", "list"]);
    let id = list["workflows"][0]["workflow_id"].as_str().unwrap();
    let run = home.end_of_run(id);
    assert_eq!((told(&run), home.runs().len()), (json!([["a", "done"], ["b", "done"]]), 2), "{point}: {run:#}");
}

#[test]
fn a_death_right_after_the_start_loses_no_run() {
    survives("run.after_commit");
}

#[test]
fn a_death_between_a_submit_and_its_note_runs_no_step_twice() {
    survives("driver.after_submit");
}

#[test]
fn a_death_before_the_note_runs_no_step_twice() {
    survives("driver.before_note");
}

#[test]
fn everything_killed_at_any_moment_comes_to_the_same_end() {
    for round in 0..6u64 {
        let home = TestHome::new();
        let mut steps = vec![step("s0", "", "sleep 30\nfinish 0")];
        steps.extend((1..6).map(|n| step(&format!("s{n}"), &format!("s{}", n - 1), &format!("sleep 30\nfinish {n}"))));
        let id = home.detached(&format!("steps:\n{}", steps.concat()));
        for kill in 0..4u64 {
            // Different moments of the run; the wait is the point.
            std::thread::sleep(Duration::from_millis(37 * (round + 1) * (kill + 1) % 230));
            home.kill_everything();
        }
        let run = home.end_of_run(&id);
        let states: Vec<_> = run["steps"].as_array().unwrap().iter().map(|step| &step["status"]).collect();
        let runs = home.runs();
        let once: std::collections::BTreeSet<_> = runs.iter().collect();
        assert_eq!((states, runs.len(), once.len()), (vec![&json!("done"); 6], 6, 6), "round {round}: {run:#}");
    }
}

#[test]
fn a_run_goes_on_without_anybody_looking() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: rest, kind: wait, for: 300ms}
  - {id: mark, kind: command, needs: [rest], shell: true, run: 'echo done > mark'}
";
    home.detached(text);
    let mark = home.work().join("mark");
    wait_for("the mark", || if mark.exists() { Ok(()) } else { Err(home.tickers()) });
    wait_for("the ticker's end", || if home.tickers().is_empty() { Ok(()) } else { Err(home.tickers()) });
    assert_eq!(home.run_state("@last")["status"], "done");
}

#[test]
fn wide_and_long_runs_finish() {
    let home = TestHome::new();
    let wide: String = (0..100).map(|n| step(&format!("w{n}"), "", "finish w")).collect();
    let chain: String = (0..50)
        .map(|n| step(&format!("c{n}"), &if n == 0 { String::new() } else { format!("c{}", n - 1) }, "finish c"))
        .collect();
    let started = std::time::Instant::now();
    let wide = home.detached(&format!("steps:\n{wide}"));
    let long = home.detached(&format!("steps:\n{chain}"));
    let all_done = |id: &str, count: usize| {
        let ran = home.mgr(&["workflow", "status", id, "--wait", "--json"]);
        let run = ran.json()["run"].clone();
        let done = run["steps"].as_array().unwrap().iter().filter(|step| step["status"] == "done").count();
        assert_eq!((ran.code, done), (Some(0), count), "{run:#}");
    };
    all_done(&wide, 100);
    all_done(&long, 50);
    assert_eq!(home.runs().len(), 150, "in {:?}", started.elapsed());
}

/// Every example by its name alone, as somebody does who has nothing but the program.
#[test]
fn the_shipped_workflows_run_as_a_demo() {
    let home = TestHome::new();
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let listed = home.json(&["workflow", "list", "--examples"])["examples"].clone();
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(listed.as_array().unwrap().len(), files.filter(|name| name.ends_with(".yaml")).count());
    let page = home.mgr(&["workflow", "list", "--examples"]).stdout;
    let line = page.split_once("Try one: `mgr ").unwrap().1.split_once('`').unwrap().0;
    let tried = home.mgr(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(tried.code, Some(0), "{line}: {tried:#?}");
    for example in listed.as_array().unwrap() {
        let name = example["name"].as_str().unwrap();
        let required = example["params"].as_object().unwrap().iter().filter(|(_, param)| param["required"] == true);
        let params: Vec<_> = required.flat_map(|(name, _)| ["--params".to_owned(), format!("{name}=1")]).collect();
        let params: Vec<&str> = params.iter().map(String::as_str).collect();
        let ran = home.mgr(&[&["workflow", "run", "--demo", "--json", name], params.as_slice()].concat());
        assert_eq!(ran.code, Some(0), "{name}: {ran:#?}");
        let run = ran.json()["run"].clone();
        assert_eq!((run["status"].as_str(), run["name"].as_str()), (Some("done"), Some(name)), "{run:#}");
        let report = home.mgr(&["workflow", "report", run["workflow_id"].as_str().unwrap()]).stdout;
        for step in run["steps"].as_array().unwrap() {
            assert!(matches!(step["status"].as_str(), Some("done" | "not_needed")), "{name}: {step:#}");
            let row = format!("| {} |", step["id"].as_str().unwrap());
            assert!(report.contains(&row), "{name}: no {row} in {report}");
        }
    }
}

#[test]
fn parallel_is_a_run_of_tasks() {
    let home = TestHome::new();
    let file = home.work().join("steps.yaml");
    let text = "tasks:\n- {id: a, backend: fake, posture: read_only, prompt: finish one}\n- {id: b, backend: fake, posture: read_only, depends_on: [a], prompt: finish two}\n";
    std::fs::write(&file, text).unwrap();
    let ran = home.mgr(&["parallel", "-f", "steps.yaml", "--name", "pair", "--loaf-id", "parser", "--json"]);
    let run = ran.json()["run"].clone();
    assert_eq!(
        (ran.code, told(&run), run["name"].as_str()),
        (Some(0), json!([["a", "done"], ["b", "done"]]), Some("pair"))
    );
    let task = home.status(run["steps"][1]["task_id"].as_str().unwrap());
    assert_eq!(task["lineage"]["workflow"], run["workflow_id"]);
    assert_eq!(task["lineage"]["step"], "b");
    assert_eq!(task["metadata"], json!({"loaf_id": "parser"}), "{task:#}");
}

#[test]
fn tasks_are_what_was_written_also_on_standard_input() {
    let home = TestHome::new();
    let text = "tasks:\n- {id: a, kind: command, run: [printf, '%s ', 1.10, 0x1F, 1e3]}\n";
    std::fs::write(home.work().join("steps.yaml"), text).unwrap();
    let mut by_input = home.command(["parallel", "-f", "-", "--json"]);
    by_input.stdin(std::fs::File::open(home.work().join("steps.yaml")).unwrap());
    let by_input: Value = serde_json::from_slice(&by_input.output().unwrap().stdout).unwrap();
    let by_file = home.mgr(&["parallel", "-f", "steps.yaml", "--json"]).json();
    for ran in [by_input, by_file] {
        let task = ran["run"]["steps"][0]["task_id"].as_str().unwrap_or_else(|| panic!("{ran:#}")).to_owned();
        assert_eq!(home.output(&task).trim_end(), "1.10 0x1F 1e3");
    }
    std::fs::write(home.work().join("steps.yaml"), "tasks:\n- {id: a, prompt: x, prompt: y}\n").unwrap();
    let refused = home.mgr(&["parallel", "-f", "steps.yaml"]);
    let expected = "error: `steps.yaml` has 1 fault; nothing was started\ncaused by: 2:22: `prompt` stands here twice (at `tasks[0].prompt`)\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(2), expected));
}

#[test]
fn a_report_says_what_was_asked_and_what_came_of_it() {
    let home = TestHome::new();
    let text = "name: two\ndescription: What it is for\nsteps:\n  - {id: a, backend: demo, prompt: 'write: made.txt: x'}\n  - {id: b, kind: command, needs: [a], run: [cat, made.txt]}\n";
    assert_eq!(home.workflow(text).0, Some(0));
    let report = home.mgr(&["workflow", "report"]).stdout;
    for part in [
        "# two",
        "What it is for",
        "| a | done | demo |",
        "| b | done | command |",
        "write: made.txt: x",
        "Files changed: made.txt",
    ] {
        assert!(report.contains(part), "no {part} in {report}");
    }
}
