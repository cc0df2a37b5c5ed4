//! A prompt becomes steps: by rule, by a planner, and what is done with them.

use serde_json::{Value, json};

use crate::support::TestHome;

/// The ids of the steps, each with what it needs.
fn steps(output: &Value) -> Value {
    let steps = output["workflow"]["steps"].as_array().unwrap().iter();
    steps.map(|step| json!([step["id"], step["needs"]])).collect()
}

#[test]
fn by_rule_it_becomes_a_workflow_that_is_saved_written_and_run() {
    let home = TestHome::new();
    let prompt = "1. finish {{ one }}\n2. finish two\u{0007} 🙂";
    let made = home.json(&["decompose", prompt, "--out", "made.yaml", "--save", "made", "--run"]);
    assert_eq!(
        (steps(&made), &made["method"]),
        (json!([["finish_one", null], ["finish_two", ["finish_one"]]]), &json!("rule"))
    );
    assert_eq!((&made["run"]["status"], &made["steps"]), (&json!("done"), &json!(2)), "{made:#}");
    let task = made["run"]["steps"][0]["task_id"].as_str().unwrap();
    assert_eq!(home.output(task), "{{ one }}\n");
    let written = std::fs::read_to_string(home.work().join("made.yaml")).unwrap();
    assert_eq!(
        (Some(written.as_str()), home.mgr(&["template", "show", "made"]).stdout),
        (made["yaml"].as_str(), written.clone())
    );
    assert_eq!(home.json(&["workflow", "validate", "made.yaml"])["valid"], true);
    let again = home.mgr(&["decompose", prompt, "--out", "made.yaml", "--json"]);
    assert_eq!((again.code, again.error()["code"].as_str()), (Some(9), Some("conflict")), "{again:#?}");
    let again = home.mgr(&["decompose", prompt, "--save", "made", "--json"]);
    assert_eq!(again.code, Some(9), "{again:#?}");
    assert_eq!(home.mgr(&["decompose", prompt, "--out", "made.yaml", "--save", "made", "--force"]).code, Some(0));
}

#[test]
fn a_list_may_begin_with_its_first_mark() {
    let home = TestHome::new();
    let made = home.json(&["decompose", "- look left\n- look right"]);
    assert_eq!(steps(&made), json!([["look_left", null], ["look_right", null]]));
    assert_eq!(home.mgr(&["decompose", "- look", "--out", "made.yaml", "-q"]).code, Some(0));
    assert!(home.work().join("made.yaml").exists());
}

#[test]
fn a_planner_says_the_steps_and_what_is_no_plan_is_left_to_the_rule() {
    let home = TestHome::new();
    let plan = |plan: Value| home.json(&["decompose", "--planner", "demo", &format!("then look\njson: {plan}")]);
    let good = json!({"steps": [
        {"id": "a", "prompt": "{{ x }}", "role": "tester"}, {"id": "b", "prompt": "y", "needs": ["a"], "role": "wizard"},
    ]});
    let made = plan(good);
    let expected = json!({"steps": [
        {"id": "a", "prompt": "{{ '{{' }} x }}", "role": "tester"}, {"id": "b", "prompt": "y", "needs": ["a"]},
    ]});
    assert_eq!((&made["workflow"], &made["method"], &made["note"]), (&expected, &json!("planner"), &Value::Null));
    let task = home.status(made["task_id"].as_str().unwrap());
    assert_eq!((&task["status"], &task["posture"]), (&json!("done"), &json!("read_only")), "{task:#}");
    for (bad, why) in [
        (json!({"steps": [{"id": "a", "prompt": "x", "needs": ["b"]}]}), "no step `b`"),
        (json!({"steps": [{"id": "a b", "prompt": "x"}]}), "`a b`"),
        (json!({"steps": []}), ""),
        (json!(7), ""),
    ] {
        let made = plan(bad);
        let note = made["note"].as_str().unwrap_or_default();
        assert_eq!(made["method"], "rule", "{made:#}");
        assert!(note.starts_with("by rule, because") && note.contains(why), "{note}");
        assert_eq!(home.mgr(&["workflow", "validate", "--workflow", made["yaml"].as_str().unwrap()]).code, Some(0));
    }
    assert_eq!(home.mgr(&["decompose", "x", "--planner", "nobody"]).code, Some(2));
}

#[test]
fn the_placeholder_of_the_demo_is_a_plan() {
    let home = TestHome::new();
    let made = home.json(&["decompose", "Fix it, then test it", "--planner", "demo", "--run", "--demo"]);
    assert_eq!((&made["method"], &made["run"]["status"]), (&json!("planner"), &json!("done")), "{made:#}");
}

#[test]
fn what_cannot_be_kept_is_refused_before_a_planner_is_paid_and_leaves_nothing() {
    let home = TestHome::new();
    assert_eq!(home.mgr(&["template", "save", "taken", "--prompt", "say: x"]).code, Some(0));
    std::fs::create_dir(home.work().join("dir")).unwrap();
    let failure = |args: &[&str]| {
        let words: Vec<&str> =
            ["decompose", "one, then two", "--planner", "demo", "--json"].iter().chain(args).copied().collect();
        let failed = home.mgr(&words);
        let error = failed.error();
        let message = error["message"].as_str().unwrap().replace(&home.work().display().to_string(), "WORK");
        (failed.code.unwrap(), message)
    };
    assert_eq!(failure(&["--save", "taken"]), (9, "there is a template `taken` already".to_owned()));
    let missing = "cannot write `WORK/no/f.yaml`: `WORK/no` is not a directory".to_owned();
    assert_eq!(failure(&["--save", "fresh", "--out", "no/f.yaml"]), (2, missing));
    assert_eq!(failure(&["--out", "dir", "--force"]), (9, "`WORK/dir` is a directory".to_owned()));
    assert_eq!(
        failure(&["--out", "made.yaml", "--save", "taken"]),
        (9, "there is a template `taken` already".to_owned())
    );
    assert_eq!(home.json(&["list"])["tasks"], json!([]));
    assert!(!home.work().join("made.yaml").exists());
    assert_eq!(home.mgr(&["template", "show", "fresh"]).code, Some(6));
    // What fails only when it is tried leaves neither, and what was there before.
    let (templates, made) = (home.home().join("templates"), home.work().join("made.yaml"));
    std::fs::remove_dir_all(&templates).unwrap();
    std::fs::write(&templates, "in the way").unwrap();
    assert_ne!(home.mgr(&["decompose", "one, then two", "--out", "made.yaml", "--save", "fresh"]).code, Some(0));
    assert!(!made.exists());
    std::fs::write(&made, "mine").unwrap();
    assert_ne!(home.mgr(&["decompose", "one, then two", "--out", "made.yaml", "--save", "fresh", "-f"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(&made).unwrap(), "mine");
}

#[test]
fn a_prompt_that_says_nothing_is_refused() {
    let home = TestHome::new();
    for args in [["decompose", " \n", "--out", "f.yaml"], ["template", "save", "empty", "--prompt="]] {
        let failed = home.mgr(&args);
        let expected = "error: the prompt is empty\nhint: say what is to be done\n";
        assert_eq!((failed.code, failed.stdout.as_str(), failed.stderr.as_str()), (Some(2), "", expected), "{args:?}");
    }
    assert!(!home.work().join("f.yaml").exists());
    assert_eq!(home.json(&["template", "list"])["templates"], json!([]));
}
