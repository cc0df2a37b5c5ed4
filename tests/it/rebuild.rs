//! Runs of workflows outlive a lost database: their files tell what people said, and their tasks what was done.

use serde_json::{Value, json};

use crate::{
    it::workflow::{step, told},
    support::{Ran, TestHome, wait_death, wait_for},
};

impl TestHome {
    /// The database is lost and made anew from the files. Keepers live on: a stopped agent would not outlive its.
    #[track_caller]
    fn lose_database(&self) {
        self.lose_database_and(None);
    }

    /// The same, with a point at which whoever comes there afterwards is held until there is a file.
    #[track_caller]
    fn lose_database_and(&self, hold: Option<String>) {
        self.kill_tickers();
        for name in ["mgr.db", "mgr.db-wal", "mgr.db-shm"] {
            let _ = std::fs::remove_file(self.home().join(name));
        }
        let mut rebuild = self.command(["doctor", "--rebuild", "--json"]);
        let ran: Ran = rebuild.envs(hold.map(|hold| ("MGR_HOLD", hold))).output().unwrap().into();
        let rebuilt = ran.json();
        assert_eq!(rebuilt["findings"][0]["level"], "good", "{rebuilt:#}");
    }

    fn run_file(&self, id: &str, name: &str) -> std::path::PathBuf {
        self.home().join("runs").join(id).join(name)
    }

    /// Changes what the lines of a run's file tell of the asking: to what is left where a writer died, or an earlier
    /// release wrote.
    fn tell_of_asking(&self, id: &str, told: Asking) {
        let path = self.run_file(id, "words.jsonl");
        let mut lines = Vec::new();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let mut word: Value = serde_json::from_str(line).unwrap();
            match (word["word"] == "asked", told) {
                (false, _) | (true, Asking::Whole) => {}
                (true, Asking::Alone) => {
                    word["steps"].as_array_mut().unwrap().retain(|step| !step["question"].is_null());
                }
                (true, Asking::Untold) => continue,
            }
            lines.push(format!("{word}\n"));
        }
        std::fs::write(path, lines.concat()).unwrap();
    }
}

/// What a run's file tells of its questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    /// With the steps that were looked at.
    Whole,
    /// Without them.
    Alone,
    Untold,
}

#[test]
fn a_run_that_is_over_is_shown_as_before() {
    let home = TestHome::new();
    let text = "
name: whole
on_failure: continue
steps:
  - {id: a, kind: command, shell: true, run: 'echo x >> count; cat count'}
  - {id: ship, kind: approval, needs: [a], message: 'ship {{ steps.a.output }}?'}
  - {id: bad, kind: command, run: [cat, nothing]}
  - {id: after, kind: command, needs: [bad], run: [echo, x]}
  - {id: rare, kind: command, needs: [a], when: \"steps.a.output == 'y'\", run: [echo, x]}
outputs: {a: '{{ steps.a.output }}'}
";
    let (_, run) = home.workflow(text);
    let id = run["workflow_id"].as_str().unwrap();
    home.json(&["answer", &format!("{id}/ship"), "yes"]);
    home.end_of_run(id);
    home.json(&["workflow", "retry", id, "a"]);
    wait_for("the question", || match home.json(&["inbox"])["items"].as_array().map(Vec::len) {
        Some(1) => Ok(()),
        other => Err(other),
    });
    home.json(&["answer", &format!("{id}/ship"), "no"]);
    let cancelled = home.detached(&format!("steps:\n{}{}", step("a", "", "hang"), step("b", "a", "finish b")));
    home.json(&["workflow", "cancel", &cancelled]);
    let before = [home.end_of_run(id), home.end_of_run(&cancelled), home.json(&["workflow", "list"])];
    home.lose_database();
    assert_eq!([home.run_state(id), home.run_state(&cancelled), home.json(&["workflow", "list"])], before);
    assert_eq!(before[0]["outputs"]["a"], "x\nx\n");
}

#[test]
fn a_live_run_goes_on_and_words_still_count() {
    let home = TestHome::new();
    let steps = [
        step("a", "", "finish a"),
        step("work", "ok", "write up 1\nwait-for go\nfinish w"),
        step("last", "work", "finish l"),
        "  - {id: ok, kind: approval, needs: [a], message: go?}\n".to_owned(),
        "  - {id: later, kind: approval, needs: [last], message: go?}\n".to_owned(),
    ];
    let text = format!("steps:\n{}", steps.concat());
    let run = home.mgr(&["workflow", "run", "--request-id", "r1", "--workflow", &text, "--json"]).json();
    let id = run["workflow_id"].as_str().unwrap();
    home.json(&["answer", &format!("{id}/ok"), "yes"]);
    home.wait_file("up");
    // A torn last line of a word that nobody was told of.
    let words = home.run_file(id, "words.jsonl");
    let whole = std::fs::read_to_string(&words).unwrap();
    std::fs::write(&words, format!("{whole}{{\"v\":1,\"word\":\"canc")).unwrap();
    home.kill_everything();
    home.lose_database();
    let again = home.mgr(&["workflow", "run", "--detach", "--request-id", "r1", "--workflow", &text]);
    assert_eq!(again.stdout.trim_end(), id);
    home.touch("go");
    assert_eq!(home.mgr(&["workflow", "status", id, "--wait"]).code, Some(10));
    let statuses = told(&home.run_state(id));
    let expected =
        json!([["a", "done"], ["work", "done"], ["last", "done"], ["ok", "done", "approved"], ["later", "held"]]);
    assert_eq!(statuses, expected);
    assert_eq!(home.runs().len(), 3, "no step ran twice");
    home.lose_database();
    // Questions are asked again by the next who drives.
    assert_eq!(home.mgr(&["workflow", "status", id, "--wait"]).code, Some(10));
    home.json(&["answer", &format!("{id}/later"), "yes"]);
    assert_eq!(home.end_of_run(id)["status"], "done");
    assert_eq!(home.runs().len(), 3);
}

#[test]
fn a_paused_run_stays_paused_and_a_task_that_had_not_started_starts() {
    let home = TestHome::with_settings("slots: 1\n");
    let steps = [step("a", "", "write up 1\nwait-for go\nfinish a"), step("b", "", "finish b")];
    let id = home.detached(&format!("steps:\n{}", steps.concat()));
    home.wait_file("up");
    let both = || home.json(&["list", "--workflow", &id])["total"] == 2;
    wait_for("both tasks", || if both() { Ok(()) } else { Err(home.run_state(&id)) });
    home.json(&["workflow", "pause", &id]);
    home.lose_database();
    let run = home.run_state(&id);
    assert_eq!(json!([run["status"], run["why"]]), json!(["paused", "a person said so"]));
    home.touch("go");
    home.json(&["workflow", "resume", &id]);
    assert_eq!(home.end_of_run(&id)["status"], "done");
    assert_eq!(home.runs().len(), 2);
}

#[test]
fn a_death_before_the_files_loses_no_run() {
    let home = TestHome::new();
    let text = format!("steps:\n{}", step("a", "", "write up 1\nwait-for go\nfinish a"));
    let mut run = home.command(["workflow", "run", "--detach", "--workflow", &text]);
    run.env("MGR_FAILPOINT", "run.after_commit").output().unwrap();
    let id = home.json(&["workflow", "list"])["workflows"][0]["workflow_id"].as_str().unwrap().to_owned();
    home.wait_file("up");
    home.lose_database();
    home.touch("go");
    assert_eq!(told(&home.end_of_run(&id)), json!([["a", "done"]]));
    assert_eq!(home.runs().len(), 1);
}

/// The file that a dead submitter did not write is made up for whole: a rebuild finds the step's task by its request.
#[test]
fn a_death_before_the_file_of_a_task_loses_no_step() {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let text = format!("steps:\n{}", step("a", "", "write up 1\nwait-for go\nfinish a"));
    let mut run = home.command(["workflow", "run", "--detach", "--workflow", &text]);
    run.env("MGR_FAILPOINT", format!("submit.after_commit@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    let id = home.json(&["workflow", "list"])["workflows"][0]["workflow_id"].as_str().unwrap().to_owned();
    home.wait_file("up");
    home.kill_everything();
    home.lose_database();
    home.touch("go");
    assert_eq!(told(&home.end_of_run(&id)), json!([["a", "done"]]));
    assert_eq!(home.runs().len(), 1);
}

#[test]
fn cleanup_takes_a_run_with_its_tasks() {
    let home = TestHome::new();
    let (_, old) = home.workflow("steps:\n- {id: a, kind: command, run: [echo, a]}\n");
    let (_, held) = home.workflow(
        "steps:\n- {id: a, kind: command, run: [echo, a]}\n- {id: s, kind: approval, needs: [a], message: m}\n",
    );
    let (old, held) = (old["workflow_id"].as_str().unwrap(), held["workflow_id"].as_str().unwrap());
    let clean = |args: &[&str]| home.json(&[&["cleanup", "--older-than", "0s"], args].concat())["workflows"].clone();
    assert_eq!(clean(&["--status", "done"]), Value::Null);
    assert_eq!(clean(&[]), json!([old]));
    assert!(home.run_file(old, "definition.json").exists());
    assert_eq!(clean(&["--apply"]), json!([old]));
    assert_eq!(home.mgr(&["workflow", "status", old]).code, Some(6));
    assert_eq!([old, held].map(|id| home.home().join("runs").join(id).exists()), [false, true]);
    assert_eq!(clean(&["--apply"]), Value::Null);
}

/// Where the steps before are told of with the question, there is nothing to wait for.
#[test]
fn an_answer_right_after_a_rebuild_waits_for_its_question() {
    for told in [Asking::Whole, Asking::Alone, Asking::Untold] {
        let home = TestHome::new();
        let text = "
steps:
  - {id: make, kind: command, shell: true, run: 'echo one > made.txt; printf made'}
  - {id: ship, kind: approval, needs: [make], message: 'ship {{ steps.make.output }}?', expires: 24h}
";
        let (code, run) = home.workflow(text);
        let id = run["workflow_id"].as_str().unwrap();
        assert_eq!(code, Some(10));
        let before = home.json(&["inbox"])["items"][0].clone();
        home.tell_of_asking(id, told);
        let go = home.root().join("go");
        home.lose_database_and(Some(format!("driver.begin@{}", go.display())));
        let step = format!("{id}/ship");
        let answer = ["answer", &step, "yes", "--digest", before["digest"].as_str().unwrap()];
        if told == Asking::Whole {
            home.json(&answer);
        } else {
            let died: Ran = home.command(answer).env("MGR_FAILPOINT", "answer.waits").output().unwrap().into();
            assert_eq!(died.code, None, "it has waited: {died:#?}");
        }
        if told == Asking::Alone {
            let after = home.json(&["inbox"])["items"][0].clone();
            assert_eq!([&after["expires_at"], &after["digest"]], [&before["expires_at"], &before["digest"]]);
        }
        std::fs::write(go, "").unwrap();
        home.json(&answer);
        assert_eq!(home.end_of_run(id)["status"], "done");
    }
}

/// Steps whose ends no task's file tells alone, all before a question.
const MANY_KINDS: &str = "
steps:
  - {id: in, kind: workflow, workflow: {steps: [{id: make, kind: command, shell: true, run: 'echo one > made.txt'}]}}
  - {id: r, needs: [in], kind: race, backends: [fake, fake], prompt: \"write won x\\nfinish yes\"}
  - {id: rare, needs: [in], when: \"steps.in.status == 'failed'\", kind: command, run: [echo, x]}
  - {id: w, needs: [in], kind: wait, for: 10ms}
  - {id: ok, kind: approval, needs: [r, rare, w], message: go?}
  - {id: z, kind: command, needs: [ok], shell: true, run: 'echo z >> shipped'}
";

/// With the line that tells what was looked at, and as if its writer had died before it.
#[test]
fn a_yes_counts_after_a_rebuild_whatever_lies_behind_it() {
    for told in [Asking::Whole, Asking::Alone] {
        let home = TestHome::new();
        let (code, run) = home.workflow(MANY_KINDS);
        let id = run["workflow_id"].as_str().unwrap();
        assert_eq!(code, Some(10));
        home.json(&["workflow", "pause", id]);
        home.json(&["answer", &format!("{id}/ok"), "yes"]);
        home.tell_of_asking(id, told);
        home.lose_database();
        home.json(&["workflow", "resume", id]);
        let code = home.mgr(&["workflow", "status", id, "--wait"]).code;
        assert_eq!(code, Some(0), "{told:?}: {:#} {:#}", home.run_state(id), home.json(&["inbox"]));
        assert_eq!(std::fs::read_to_string(home.work().join("shipped")).unwrap(), "z\n");
    }
}

#[test]
fn a_paused_question_after_a_rebuild_is_about_the_same() {
    let home = TestHome::new();
    let (_, run) = home.workflow(MANY_KINDS);
    let id = run["workflow_id"].as_str().unwrap();
    let before = home.json(&["inbox"])["items"].clone();
    home.json(&["workflow", "pause", id]);
    home.lose_database();
    home.json(&["answer", &format!("{id}/ok"), "yes", "--digest", before[0]["digest"].as_str().unwrap()]);
    home.json(&["workflow", "resume", id]);
    assert_eq!(home.end_of_run(id)["status"], "done");
}

/// A nested run whose end was not written down finds it out anew: a yes waits for that.
#[test]
fn a_yes_waits_for_what_a_nested_run_has_to_find_out_anew() {
    let home = TestHome::new();
    let (_, run) = home.workflow(MANY_KINDS);
    let id = run["workflow_id"].as_str().unwrap();
    let nested = home.run_state(id)["steps"][0]["child_id"].as_str().unwrap().to_owned();
    home.json(&["workflow", "pause", id]);
    home.json(&["answer", &format!("{id}/ok"), "yes"]);
    std::fs::remove_file(home.run_file(&nested, "words.jsonl")).unwrap();
    let go = home.root().join("go");
    home.lose_database_and(Some(format!("driver.begin@{}", go.display())));
    home.json(&["workflow", "resume", id]);
    std::fs::write(go, "").unwrap();
    assert_eq!(home.end_of_run(id)["status"], "done");
}

/// What a word has begun changes what was looked at: that it has begun is known after a rebuild too.
#[test]
fn a_word_that_has_counted_counts_after_a_rebuild() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: make, kind: command, shell: true, run: 'echo one > made.txt'}
  - {id: ok, kind: approval, needs: [make], message: go?}
  - id: z
    kind: command
    needs: [ok]
    repeat: {max: 2}
    shell: true
    run: 'echo z >> made.txt; touch up; until test -e go; do sleep 0.02; done'
";
    let (_, run) = home.workflow(text);
    let id = run["workflow_id"].as_str().unwrap();
    home.json(&["answer", &format!("{id}/ok"), "yes"]);
    home.wait_file("up");
    home.json(&["workflow", "pause", id, "--let-run"]);
    home.touch("go");
    wait_for("the second turn", || {
        let step = home.run_state(id)["steps"][2].clone();
        if step["turn"] == 2 { Ok(()) } else { Err(step) }
    });
    home.lose_database();
    home.json(&["workflow", "resume", id]);
    let run = home.end_of_run(id);
    assert_eq!((&run["status"], &run["steps"][2]["turn"]), (&json!("done"), &json!(2)), "{run:#}");
    assert_eq!(std::fs::read_to_string(home.work().join("made.txt")).unwrap(), "one\nz\nz\n");
}

#[test]
fn an_answer_about_money_right_after_a_rebuild_waits_for_its_question() {
    let home = TestHome::new();
    let agent = |id: &str, needs: &str| {
        let cost = "emit {\\\"kind\\\":\\\"usage\\\",\\\"cost\\\":1}\\nfinish x";
        format!("  - {{id: {id}, needs: [{needs}], backend: fake, posture: read_only, prompt: \"{cost}\"}}\n")
    };
    let text = format!("budget: $1\nsteps:\n{}{}", agent("a", ""), agent("b", "a"));
    let ran = home.mgr(&["workflow", "run", "--workflow", &text, "--json"]);
    assert_eq!(ran.code, Some(7), "{ran:#?}");
    let id = ran.json()["workflow_id"].as_str().unwrap().to_owned();
    let go = home.root().join("go");
    home.lose_database_and(Some(format!("driver.begin@{}", go.display())));
    let mut answer = home.command(["answer", &format!("{id}/budget"), "yes"]);
    let died: Ran = answer.env("MGR_FAILPOINT", "answer.waits").output().unwrap().into();
    assert_eq!(died.code, None, "it has waited: {died:#?}");
    std::fs::write(go, "").unwrap();
    home.json(&["answer", &format!("{id}/budget"), "yes"]);
    assert_eq!(home.end_of_run(&id)["status"], "done");
}

/// A ticker would take for missing what is not restored yet, and start it once more.
#[test]
fn no_ticker_works_while_the_database_is_made_anew() {
    let home = TestHome::new();
    assert_eq!(home.workflow("steps:\n- {id: s, kind: approval, message: m}\n").0, Some(10));
    let go = home.root().join("go");
    let mut rebuild = home.command(["doctor", "--rebuild", "--json"]);
    rebuild.env("MGR_HOLD", format!("rebuild.before_end@{}", go.display()));
    let rebuild = rebuild.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let aside = home.home().join("mgr.db.damaged-1");
    wait_for("the end of the old database", || if aside.exists() { Ok(()) } else { Err(()) });
    wait_for("the restored run", || match home.json(&["inbox"])["items"].as_array().map(Vec::len) {
        Some(1) => Ok(()),
        other => Err(other),
    });
    let lock = std::fs::File::open(home.home().join("ticker.lock")).unwrap();
    assert!(lock.try_lock_shared().is_err());
    std::fs::write(go, "").unwrap();
    assert!(rebuild.wait_with_output().unwrap().status.success());
    home.json(&["answer", "@last/s", "yes"]);
    assert_eq!(home.end_of_run("@last")["status"], "done");
}

/// Its id may be known from a list, and other tasks and the steps of runs may hang on it.
#[test]
fn a_waiting_task_whose_submitter_died_outlives_the_database() {
    let home = TestHome::with_settings("slots: 1\n");
    let first = home.submit("write up 1\nwait-for go\nfinish first");
    home.wait_file("up");
    let mut submit = home.command(["submit", "--share", "--", "finish second"]);
    submit.env("MGR_FAILPOINT", "submit.after_commit").output().unwrap();
    let tasks = home.json(&["list"])["tasks"].clone();
    let ids: Vec<_> = tasks.as_array().unwrap().iter().map(|task| task["task_id"].as_str().unwrap()).collect();
    let second = ids.iter().find(|id| **id != first).unwrap();
    home.lose_database();
    assert_eq!(home.status(second)["status"], "held");
    home.touch("go");
    home.end_of(&first);
    home.json(&["resume", second]);
    assert_eq!(home.end_of(second)["status"], "done");
}

/// The file is there and the task is not: the same request makes a second one, and a rebuild finds both.
#[test]
fn a_submitter_that_died_before_its_commit_spoils_no_rebuild() {
    let home = TestHome::new();
    let args = ["submit", "--request-id", "r", "--share", "--", "wait-for go\nfinish x"];
    let died: Ran = home.command(args).env("MGR_FAILPOINT", "submit.before_commit").output().unwrap().into();
    assert_eq!((died.code, home.json(&["list"])["total"].clone()), (None, json!(0)));
    let id = home.mgr(&args).stdout.trim_end().to_owned();
    home.wait_file("runs");
    home.lose_database();
    assert_eq!((home.mgr(&args).stdout.trim_end(), home.json(&["list"])["total"].clone()), (id.as_str(), json!(2)));
    home.touch("go");
    assert_eq!(home.end_of(&id)["status"], "done");
    assert_eq!(home.runs().len(), 1);
}

#[test]
fn a_driver_that_died_before_its_commit_leaves_no_second_step() {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let text = format!("steps:\n{}", step("a", "", "write up 1\nwait-for go\nfinish a"));
    let mut run = home.command(["workflow", "run", "--detach", "--workflow", &text]);
    run.env("MGR_FAILPOINT", format!("submit.before_commit@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    home.wait_file("up");
    home.lose_database();
    assert_eq!(home.json(&["list"])["total"], 1);
    home.touch("go");
    assert_eq!(told(&home.end_of_run("@last")), json!([["a", "done"]]));
    assert_eq!((home.runs().len(), home.json(&["inbox"])), (1, json!({"items": []})));
}
