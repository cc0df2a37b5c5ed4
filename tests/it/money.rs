//! The budget of a whole run: what may start on what is left, what stops, and how it goes on.

use serde_json::{Value, json};

use crate::support::{TestHome, wait_death, wait_for};

/// A step of the fake agent that says what it has cost.
fn paid(id: &str, needs: &str, fields: &str, cost: &str, script: &str) -> String {
    let usage = format!("emit {{\"kind\":\"usage\",\"cost\":{cost}}}");
    let prompt = json!(format!("{usage}\n{script}\nfinish {id}"));
    format!("  - {{id: {id}, needs: [{needs}], backend: fake, posture: read_only, {fields} prompt: {prompt}}}\n")
}

fn statuses(run: &Value) -> Vec<&str> {
    run["steps"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect()
}

impl TestHome {
    #[track_caller]
    fn paused(&self) -> Value {
        wait_for("the pause", || {
            let run = self.run_state("@last");
            if run["status"] == "paused" { Ok(run) } else { Err(run) }
        })
    }

    /// The budget of each task, by step.
    fn caps(&self) -> Vec<(String, Value)> {
        let tasks = self.json(&["list", "-n", "50"])["tasks"].as_array().unwrap().clone();
        let mut caps: Vec<_> = tasks
            .iter()
            .map(|task| {
                let id = task["task_id"].as_str().unwrap();
                let spec = std::fs::read_to_string(self.home().join("tasks").join(id).join("task.json")).unwrap();
                let spec: Value = serde_json::from_str(&spec).unwrap();
                (task["label"].as_str().unwrap().to_owned(), spec["spec"]["budget"].clone())
            })
            .collect();
        caps.sort_by(|a, b| a.0.cmp(&b.0));
        caps
    }
}

#[test]
fn a_chain_stops_when_its_money_is_spent_and_goes_on_with_more() {
    let home = TestHome::new();
    let chain = [paid("a", "", "", "1.5", ""), paid("b", "a", "", "0.5", ""), paid("c", "b", "", "0.25", "")];
    let text = format!("budget: $2\nsteps:\n{}", chain.concat());
    let ran = home.mgr(&["workflow", "run", "--workflow", &text, "--json"]);
    let run = ran.json()["run"].clone();
    assert_eq!((ran.code, statuses(&run)), (Some(7), vec!["done", "done", "waiting"]), "{run:#}");
    assert_eq!(run["why"], "the budget of $2.00 is spent: $2.00 so far");
    assert_eq!(json!([run["cost_usd"], run["budget_usd"], run["budget_spent"]]), json!([2.0, 2.0, true]));
    assert_eq!(home.runs().len(), 2);
    let items = home.json(&["inbox"])["items"].clone();
    let id = items[0]["id"].as_str().unwrap();
    assert!(id.ends_with("/budget") && items[0]["kind"] == "budget", "{items:#}");
    let page = home.mgr(&["workflow", "status"]);
    assert!(page.stdout.contains(", $2.00 spent of a budget of $2.00\n") && page.stdout.contains("/budget yes"));
    for _ in 0..2 {
        assert_eq!(home.json(&["answer", id, "yes"])["reason"], "the run may cost $4.00 in all");
    }
    let run = home.end_of_run("@last");
    assert_eq!((&run["status"], &run["cost_usd"], home.runs().len()), (&json!("done"), &json!(2.25), 3), "{run:#}");
    assert_eq!(home.caps(), [("a".into(), json!("$2.00")), ("b".into(), json!("$0.50")), ("c".into(), json!("$2.00"))]);
    assert_eq!(home.json(&["inbox"])["items"], json!([]));
    let late = home.mgr(&["answer", id, "no"]);
    let hint = format!("`mgr workflow report {}`", run["workflow_id"].as_str().unwrap());
    assert!(late.code == Some(9) && late.stderr.contains(&hint), "{late:#?}");
    let none = home.mgr(&["workflow", "list", "-n", "0"]).stdout;
    assert_eq!(none, "None was asked for: `-n 20` shows the newest.\n");
}

#[test]
fn a_no_cancels_the_run() {
    let home = TestHome::new();
    let text = format!("budget: $1\nsteps:\n{}{}", paid("a", "", "", "1", ""), paid("b", "a", "", "1", ""));
    assert_eq!(home.mgr(&["workflow", "run", "--workflow", &text]).code, Some(7));
    for _ in 0..2 {
        home.json(&["answer", "@last/budget", "no"]);
    }
    let run = home.run_state("@last");
    assert_eq!((&run["status"], statuses(&run)), (&json!("cancelled"), vec!["done", "cancelled"]), "{run:#}");
}

/// Both would spend all there is: the second waits for what the first leaves.
#[test]
fn steps_side_by_side_do_not_spend_the_same_money() {
    let home = TestHome::new();
    let fan: String = (0..4).map(|n| paid(&format!("s{n}"), "", "", "0.5", "")).collect();
    let ran = home.mgr(&["workflow", "run", "--workflow", &format!("budget: $1\nsteps:\n{fan}"), "--json"]);
    let run = ran.json()["run"].clone();
    assert_eq!((ran.code, statuses(&run)), (Some(7), vec!["done", "done", "waiting", "waiting"]), "{run:#}");
    let caps = home.caps();
    let told: Vec<_> = caps.iter().map(|(_, cap)| cap.as_str().unwrap()).collect();
    assert_eq!(told, ["$1.00", "$0.50"]);
}

#[test]
fn steps_with_budgets_of_their_own_run_side_by_side() {
    let home = TestHome::new();
    let (left, right) = ("write left 1\nwait-for right", "write right 1\nwait-for left");
    let fan = [paid("l", "", "budget: $0.5,", "0.4", left), paid("r", "", "budget: $0.5,", "0.4", right)];
    let ran = home.mgr(&["workflow", "run", "--workflow", &format!("budget: $1\nsteps:\n{}", fan.concat()), "--json"]);
    assert_eq!((ran.code, statuses(&ran.json()["run"])), (Some(0), vec!["done", "done"]), "{ran:#?}");
}

/// What the end of the money cuts short has not failed: it runs again once there is more.
#[test]
fn a_step_that_is_cut_short_runs_again() {
    let home = TestHome::new();
    let usage = |cost: &str| format!("echo '{{\"kind\":\"usage\",\"cost\":{cost}}}'");
    let script = format!("run if test -e rich; then {}; else {}; sleep 3600; fi", usage("0.5"), usage("2.5"));
    home.detached(&format!("budget: $2\nsteps:\n{}", paid("a", "", "", "0", &script)));
    let run = home.paused();
    assert_eq!((statuses(&run), &run["why"]), (vec!["waiting"], &json!("the budget of $2.00 is spent: $2.50 so far")));
    home.touch("rich");
    home.json(&["answer", "@last/budget", "yes"]);
    let run = home.end_of_run("@last");
    assert_eq!(json!([run["status"], run["steps"][0]["turn"], run["cost_usd"]]), json!(["done", 2, 3.0]), "{run:#}");
}

#[test]
fn programs_cost_nothing_and_a_pause_leaves_what_runs() {
    let home = TestHome::new();
    let text = format!(
        "budget: $1\nsteps:\n{}  - {{id: b, kind: command, needs: [a], run: [echo, b]}}\n",
        paid("a", "", "", "1", "")
    );
    let ran = home.mgr(&["workflow", "run", "--workflow", &text, "--json"]);
    assert_eq!((ran.code, statuses(&ran.json()["run"])), (Some(0), vec!["done", "done"]), "{ran:#?}");
}

#[test]
fn an_unknown_cost_is_told_and_never_zero() {
    let home = TestHome::new();
    let text = "budget: $1\nsteps:\n  - {id: a, backend: fake, posture: read_only, prompt: finish a}\n  - {id: b, kind: command, needs: [a], run: [echo, b]}\n";
    let ran = home.mgr(&["workflow", "run", "--workflow", text, "--json"]);
    let run = ran.json()["run"].clone();
    assert_eq!((ran.code, run.get("cost_usd"), &run["cost_unknown_steps"]), (Some(0), None, &json!(1)), "{run:#}");
    let page = home.mgr(&["workflow", "status"]).stdout;
    assert!(page.contains(", nothing known spent of a budget of $1.00: the cost of 1 step is not known\n"), "{page}");
    let shown = |at: usize| home.mgr(&["status", run["steps"][at]["task_id"].as_str().unwrap()]).stdout;
    assert!(shown(0).contains("unknown") && !shown(1).contains("unknown"), "{}{}", shown(0), shown(1));
    assert_eq!(json!([run["steps"][0]["cost_unknown"], run["steps"][1]["cost_unknown"]]), json!([true, null]));
    let report = home.mgr(&["workflow", "report"]).stdout;
    assert!(
        report.contains(" | unknown |  |\n| b | done | command | ")
            && report.contains("Nothing known spent of a budget of $1.00: the cost of 1 step is not known.")
            && !report.contains("$0"),
        "{report}"
    );
}

#[test]
fn a_cost_that_cannot_be_known_is_noted_before_anything_starts() {
    let home = TestHome::new();
    let text = "budget: $1\nsteps:\n  - {id: a, backend: fake_text, prompt: p}\n";
    let notes = home.json(&["workflow", "validate", "--workflow", text])["notes"].clone();
    assert!(notes[0].as_str().is_some_and(|note| note.contains("`a`") && note.contains("fake_text")), "{notes}");
    let demo = home.mgr(&["workflow", "run", "--demo", "--workflow", text, "--json"]);
    assert_eq!((demo.code, demo.json()["run"].get("budget_usd")), (Some(0), None), "{demo:#?}");
}

/// Dies between the submit and its note: the task has its money, and the step is neither lost nor run twice.
#[test]
fn a_death_between_a_submit_and_its_note_loses_no_money() {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let text = format!("budget: $1\nsteps:\n{}{}", paid("a", "", "", "0.5", ""), paid("b", "", "", "0.25", ""));
    let mut run = home.command(["workflow", "run", "--detach", "--workflow", &text]);
    run.env("MGR_FAILPOINT", format!("driver.after_submit@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    let run = home.end_of_run("@last");
    assert_eq!((statuses(&run), home.runs().len(), &run["cost_usd"]), (vec!["done"; 2], 2, &json!(0.75)), "{run:#}");
}

/// The pause for want of money has stopped the nested run as well: more of it lets both go on.
#[test]
fn more_money_lets_a_nested_run_go_on_too() {
    let home = TestHome::new();
    let inner: String = paid("b", "", "", "0.5", "").lines().map(|line| format!("      {line}\n")).collect();
    let text = format!(
        "budget: $1\nsteps:\n{}  - id: n\n    kind: workflow\n    needs: [a]\n    workflow:\n      steps:\n{inner}",
        paid("a", "", "", "1", "")
    );
    let ran = home.mgr(&["workflow", "run", "--workflow", &text]);
    assert_eq!(ran.code, Some(7), "{ran:#?}");
    home.json(&["answer", "@last/budget", "yes"]);
    let run = home.end_of_run("@last");
    assert_eq!((statuses(&run), &run["cost_usd"]), (vec!["done", "done"], &json!(1.5)), "{run:#}");
}

#[test]
fn nobody_waits_for_a_nested_run_whose_own_money_is_spent() {
    let home = TestHome::new();
    let inner = [paid("a", "", "", "1", ""), paid("b", "a", "", "0.5", "")].concat();
    let inner: String = inner.lines().map(|line| format!("      {line}\n")).collect();
    let text = format!("steps:\n  - id: n\n    kind: workflow\n    workflow:\n      budget: $1\n      steps:\n{inner}");
    let ran = home.mgr(&["workflow", "run", "--workflow", &text]);
    assert_eq!(ran.code, Some(10), "{ran:#?}");
    let question = home.json(&["inbox"])["items"][0]["id"].as_str().unwrap().to_owned();
    home.json(&["answer", &question, "yes"]);
    let run = home.end_of_run("@last");
    assert_eq!((statuses(&run), &run["cost_usd"]), (vec!["done"], &json!(1.5)), "{run:#}");
}

/// To a shell `$10` is `0`.
#[test]
fn a_budget_of_nothing_is_refused_and_shown_in_quotes() {
    let home = TestHome::new();
    let chain = [paid("a", "", "", "1", ""), paid("b", "a", "", "1", "")];
    let id = home.detached(&format!("budget: $1\nsteps:\n{}", chain.concat()));
    home.paused();
    let ran = home.mgr(&["workflow", "resume", &id, "--budget", "0"]);
    let hint = format!("`mgr workflow resume {id} --budget '$N'`");
    assert!(ran.code == Some(2) && ran.stderr.contains(&hint), "{ran:#?}");
    assert_eq!(home.paused()["budget_usd"], 1.0);
    let told = home.mgr(&["workflow", "status"]).stdout;
    assert!(told.contains("--budget '$N'` sets another"), "{told}");
}

/// A second yes to the same question, from another door or late, is no yes to the next one.
#[test]
fn a_word_on_money_is_bound_to_the_budget_that_was_seen() {
    let home = TestHome::new();
    let chain = [paid("a", "", "", "1", ""), paid("b", "a", "", "1", ""), paid("c", "b", "", "0.5", "")];
    home.detached(&format!("budget: $1\nsteps:\n{}", chain.concat()));
    let asked = |budget: f64| {
        wait_for("the question", || {
            let items = home.json(&["inbox"])["items"].clone();
            let is_asked = items.as_array().is_some_and(|items| items.len() == 1);
            let run = home.run_state("@last");
            let is_it = is_asked && run["status"] == "paused" && run["budget_usd"] == budget;
            if is_it { Ok(items[0]["digest"].as_str().unwrap().to_owned()) } else { Err(run) }
        })
    };
    let first = asked(1.0);
    home.json(&["answer", "@last/budget", "yes", "--digest", &first]);
    let second = asked(2.0);
    for word in ["yes", "no"] {
        let late = home.mgr(&["answer", "@last/budget", word, "--digest", &first]);
        assert!(late.code == Some(9) && late.stderr.contains("is not what it was"), "{late:#?}");
    }
    home.json(&["answer", "@last/budget", "yes", "--digest", &second]);
    assert_eq!(home.end_of_run("@last")["status"], "done");
}
