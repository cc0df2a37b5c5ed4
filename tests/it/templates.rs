//! Templates: what is kept, what is refused, what is counted, and workflows by name.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{Ran, TestHome};

impl TestHome {
    #[track_caller]
    fn save(&self, args: &[&str]) -> Value {
        self.json(&[&["template", "save"], args].concat())
    }

    /// Uses and successes of each template.
    #[track_caller]
    fn counts(&self) -> Value {
        let list = self.json(&["template", "list"])["templates"].clone();
        let one = |line: &Value| json!([line["name"], line["uses"], line["successes"]]);
        list.as_array().unwrap().iter().map(one).collect()
    }
}

#[track_caller]
fn refused(ran: &Ran, code: i32, words: &[&str]) {
    let said = format!("{} {} {}", ran.error()["message"], ran.error()["causes"], ran.error()["hints"]);
    assert_eq!(ran.code, Some(code), "{ran:#?}");
    for word in words {
        assert!(said.contains(word), "no {word} in {said}");
    }
}

#[test]
fn a_prompt_becomes_a_workflow_with_its_parameters() {
    let home = TestHome::new();
    let declared = r#"{"n": {"type": "integer", "default": 2}}"#;
    let saved = home.save(&["say", "--prompt", "finish {{ params.what }} {{ params.n }}", "--params", declared]);
    let params = json!({
        "n": {"type": "integer", "required": false, "default": 2},
        "what": {"type": "string", "required": true},
    });
    assert_eq!((&saved["params"], &saved["replaced"]), (&params, &json!(false)));
    let file = home.home().join("templates/say.yaml");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let ran = home.mgr(&["template", "run", "say", "--params", "what=well", "--json"]);
    let task = ran.json()["run"]["steps"][0]["task_id"].as_str().unwrap().to_owned();
    assert_eq!((ran.code, home.output(&task).as_str()), (Some(0), "well 2\n"));
    refused(&home.mgr(&["template", "run", "say", "--json"]), 2, &["`what` is missing", "--params what=VALUE"]);
    let misspelt = home.mgr(&["template", "run", "say", "--params", "waht=x", "--json"]);
    refused(&misspelt, 2, &["no parameter `waht`", "did you mean `what`?", "`what` is missing"]);
    let wrong = home.mgr(&["template", "run", "say", "--params", "what=x", "--params", "n=two", "--json"]);
    refused(&wrong, 2, &["`n`", "not a whole number"]);
}

#[test]
fn a_file_is_kept_as_it_was_written() {
    let home = TestHome::new();
    let text = "# why\nname: mine\nsteps:\n  - {id: a, prompt: finish a} # what\n";
    std::fs::write(home.work().join("mine.yaml"), text).unwrap();
    home.save(&["mine", "mine.yaml"]);
    assert_eq!(home.mgr(&["template", "show", "mine"]).stdout, text);
    refused(&home.mgr(&["template", "save", "mine", "mine.yaml", "--json"]), 9, &["already", "--force"]);
    assert_eq!(home.save(&["mine", "mine.yaml", "--force", "--description", "New"])["replaced"], true);
    let described = text.replace("name: mine\n", "name: mine\ndescription: \"New\"\n");
    assert_eq!(home.mgr(&["template", "show", "mine"]).stdout, described);
    assert_eq!(home.json(&["template", "list"])["templates"][0]["description"], "New");
}

#[test]
fn a_nested_file_is_written_out() {
    let home = TestHome::new();
    std::fs::write(home.work().join("inner.yaml"), "steps: [{id: b, prompt: 'a: {{ \"{{\" }} \\0'}]").unwrap();
    std::fs::write(home.work().join("outer.yaml"), "steps: [{id: a, kind: workflow, workflow: inner.yaml}]").unwrap();
    home.save(&["outer", "outer.yaml"]);
    let shown = home.json(&["template", "show", "outer"]);
    assert_eq!(shown["faults"], json!([]), "{shown:#}");
    assert!(shown["yaml"].as_str().unwrap().contains("id: b"), "{shown:#}");
}

#[test]
fn what_is_faulty_is_refused_with_all_faults_and_a_name_leads_nowhere() {
    let home = TestHome::new();
    let text = "steps: [{id: a}, {id: b, prompt: x, needs: [c]}]";
    let ran = home.mgr(&["template", "save", "bad", "--workflow", text, "--json"]);
    refused(&ran, 2, &["2 faults", "nothing was saved", "has a `prompt`", "no step `c`"]);
    refused(&home.mgr(&["template", "save", "bad", "--prompt", "{{ x", "--json"]), 2, &["`{{` without `}}`"]);
    assert_eq!(home.json(&["template", "list"])["templates"], json!([]));
    for name in ["../a", "a/b", ".a", "A", "", "a b"] {
        let ran = home.mgr(&["template", "save", name, "--prompt", "x", "--json"]);
        assert_eq!(ran.code, Some(2), "{name}: {ran:#?}");
    }
    for command in
        [["template", "rm", "../config"], ["template", "run", "../config"], ["template", "show", "../config"]]
    {
        let ran = home.mgr(&[command.as_slice(), &["--json"]].concat());
        assert!(matches!(ran.code, Some(2 | 6)), "{ran:#?}");
    }
    assert!(home.home().join("config.yaml").exists());
}

#[test]
fn uses_and_successes_are_what_the_runs_say() {
    let home = TestHome::new();
    home.save(&["t", "--workflow", "steps: [{id: a, kind: command, run: [cat, later]}]"]);
    let run = |more: &[&str]| home.mgr(&[&["template", "run", "t"], more].concat()).code;
    assert_eq!((run(&["--demo"]), home.counts()), (Some(0), json!([["t", 0, 0]])));
    assert_eq!((run(&[]), home.counts()), (Some(1), json!([["t", 1, 0]])));
    home.touch("later");
    for _ in 0..2 {
        let retried = home.mgr(&["workflow", "retry", "@last", "a", "--wait"]);
        assert_eq!((retried.code, home.counts()), (Some(0), json!([["t", 1, 1]])), "{retried:#?}");
    }
    assert_eq!(home.mgr(&["workflow", "run", "t"]).code, Some(0));
    let shown = home.json(&["template", "show", "t"]);
    assert_eq!((&shown["uses"], &shown["successes"], shown["last_used"].is_null()), (&json!(2), &json!(2), false));
    assert_eq!(home.mgr(&["template", "rm", "t"]).code, Some(0));
    refused(&home.mgr(&["template", "rm", "t", "--json"]), 6, &["no template `t`"]);
    home.save(&["t", "--prompt", "finish x"]);
    assert_eq!(home.counts(), json!([["t", 0, 0]]));
}

#[test]
fn a_finished_run_becomes_a_template_without_what_was_its_own() {
    let home = TestHome::new();
    let text = "name: two\nparams: {x: {default: a}}\nsteps:\n  - {id: one, prompt: 'finish {{ params.x }}'}\n";
    let ran = home.mgr(&["workflow", "run", "--workflow", text, "--params", "x=b", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    home.save(&["two", "--from-run", "@last"]);
    let yaml = home.json(&["template", "show", "two"])["yaml"].as_str().unwrap().to_owned();
    assert!(yaml.starts_with("name: two\nparams:\n  x:\n    default: a\n") && !yaml.contains("working_dir"), "{yaml}");
    home.mgr(&["workflow", "run", "--detach", "--workflow", "steps: [{id: a, kind: approval, message: go?}]"]);
    refused(&home.mgr(&["template", "save", "open", "--from-run", "@last", "--json"]), 9, &["is not over"]);
}

#[test]
fn a_file_wins_then_a_template_then_an_own_workflow_then_an_example() {
    let home = TestHome::new();
    let steps = |which: &str| format!("name: {which}\nsteps: [{{id: a, prompt: finish x}}]\n");
    let name = || {
        let ran = home.mgr(&["workflow", "run", "--demo", "release-check", "--params", "version=1", "--json"]);
        match ran.code {
            Some(0) => ran.json()["run"]["name"].as_str().unwrap().to_owned(),
            _ => ran.error()["message"].as_str().unwrap().to_owned(),
        }
    };
    assert_eq!(name(), "release-check");
    let with_version = |which: &str| format!("params: {{version: {{}}}}\n{}", steps(which));
    std::fs::create_dir_all(home.home().join("workflows")).unwrap();
    std::fs::write(home.home().join("workflows/release-check.yaml"), with_version("own")).unwrap();
    assert_eq!(name(), "own");
    home.save(&["release-check", "--workflow", &with_version("template")]);
    assert_eq!(name(), "template");
    std::fs::create_dir(home.work().join("release-check")).unwrap();
    assert_eq!(name(), "template");
    std::fs::remove_dir(home.work().join("release-check")).unwrap();
    std::fs::write(home.work().join("release-check"), with_version("file")).unwrap();
    assert_eq!(name(), "file");
    let unknown = home.mgr(&["workflow", "plan", "relese-check", "--json"]);
    refused(&unknown, 6, &["no workflow `relese-check`", "did you mean `release-check`?", "templates", "--examples"]);
}

#[test]
fn a_template_that_somebody_broke_is_listed_and_says_what_is_wrong() {
    let home = TestHome::new();
    home.save(&["t", "--prompt", "finish x"]);
    std::fs::write(home.home().join("templates/t.yaml"), "steps: [{id: a, promt: x}]").unwrap();
    std::fs::write(home.home().join("templates/Not A Name.yaml"), "").unwrap();
    let list = home.json(&["template", "list"])["templates"].clone();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["valid"]), (1, &json!(false)));
    refused(&home.mgr(&["template", "run", "t", "--json"]), 2, &["no key `promt`"]);
}

#[test]
fn a_directory_is_no_template_and_hints_name_flags() {
    let home = TestHome::new();
    let path = home.home().join("templates/dir.yaml");
    std::fs::create_dir_all(&path).unwrap();
    for args in [&["template", "rm", "dir", "--yes"][..], &["template", "save", "dir", "--prompt", "x", "--force"]] {
        let failed = home.mgr(args);
        let words = format!(
            "error: `{}` is a directory and no template\nhint: move it away, or choose another name\n",
            path.display()
        );
        assert_eq!((failed.code, failed.stderr), (Some(9), words), "{args:?}");
    }
    assert!(path.is_dir());
    let failed = home.mgr(&["template", "save", "x"]);
    let hint = "hint: give a file, `--workflow`, `--template`, `--prompt` or `--from-run`\n";
    assert_eq!((failed.code, failed.stderr), (Some(2), format!("error: a template is made from one thing\n{hint}")));
}
