//! Questions to people: what a word counts for, how long, and who else may give it.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Process, Ran, TestHome, processes, wait_death, wait_for};

/// A change, a question about it, and what is done because of the answer.
pub(crate) const SHIP: &str = "
name: ship it
steps:
  - {id: make, kind: command, shell: true, run: 'echo one > made.txt; printf made'}
  - {id: ship, kind: approval, needs: [make], message: 'ship {{ steps.make.output }}?'}
  - {id: tag, kind: command, needs: [ship], shell: true, run: 'cat made.txt >> shipped'}
";

/// The same with one more step between the question and its effect, held back by a file.
const SLOW: &str = "
steps:
  - {id: make, kind: command, shell: true, run: 'echo one > made.txt'}
  - {id: ship, kind: approval, needs: [make], message: 'ship?'}
  - {id: other, kind: command, shell: true, isolate: copy, run: 'until test -e GO; do sleep 0.02; done'}
  - {id: tag, kind: command, needs: [ship, other], shell: true, run: 'cat made.txt >> shipped'}
";

impl TestHome {
    /// The only question there is.
    #[track_caller]
    fn question(&self) -> Value {
        let list = self.json(&["inbox"]);
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list:#}");
        list["items"][0].clone()
    }

    fn shipped(&self) -> Option<String> {
        std::fs::read_to_string(self.work().join("shipped")).ok()
    }

    /// The status, the reason and the turn of a step.
    #[track_caller]
    fn step_of(&self, run: &str, id: &str) -> Value {
        let run = self.run_state(run);
        let step = run["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).cloned();
        step.unwrap_or_else(|| panic!("no {id} in {run:#}"))
    }

    #[track_caller]
    fn until_status(&self, id: &str, status: &str) {
        wait_for(status, || {
            let step = self.step_of("@last", id);
            if step["status"] == status { Ok(()) } else { Err(self.run_state("@last")) }
        });
    }
}

fn write(home: &TestHome, text: &str) {
    std::fs::write(home.work().join("made.txt"), text).unwrap();
}

#[track_caller]
fn refused(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:#?}");
    for word in words {
        assert!(ran.stderr.contains(word), "no `{word}` in {ran:#?}");
    }
}

#[test]
fn an_edit_after_the_question_makes_it_another_question() {
    let home = TestHome::new();
    assert_eq!(home.workflow(SHIP).0, Some(10));
    let first = home.question();
    assert_eq!((&first["files"], first.get("edited")), (&json!(["made.txt"]), None), "{first:#}");
    write(&home, "two\n");
    refused(&home.mgr(&["answer", "@last/ship", "yes"]), 9, &["has changed: made.txt", "review it again"]);
    let second = home.question();
    assert_ne!(first["digest"], second["digest"]);
    assert_eq!((&second["edited"], home.shipped()), (&json!(["made.txt"]), None), "{second:#}");
    let digest = first["digest"].as_str().unwrap();
    refused(&home.mgr(&["answer", "@last/ship", "yes", "--digest", digest]), 9, &["is not what was reviewed"]);
    home.json(&["answer", "@last/ship", "yes", "--digest", second["digest"].as_str().unwrap()]);
    assert_eq!(home.end_of_run("@last")["status"], "done");
    assert_eq!(home.shipped().as_deref(), Some("two\n"));
}

#[test]
fn a_file_that_went_is_a_change_and_what_nobody_asked_about_is_none() {
    let home = TestHome::new();
    assert_eq!(home.workflow(SHIP).0, Some(10));
    home.touch("unrelated");
    std::fs::remove_file(home.work().join("made.txt")).unwrap();
    refused(&home.mgr(&["answer", "@last/ship", "yes"]), 9, &["has changed: made.txt"]);
    write(&home, "one\n");
    refused(&home.mgr(&["answer", "@last/ship", "no"]), 9, &["has changed: made.txt"]);
    home.touch("unrelated too");
    home.json(&["answer", "@last/ship", "yes"]);
    assert_eq!(home.end_of_run("@last")["status"], "done");
}

#[test]
fn another_tasks_change_is_a_change() {
    let home = TestHome::new();
    assert_eq!(home.workflow(SHIP).0, Some(10));
    let task = home.submit("write made.txt two\nfinish x");
    assert_eq!(home.end_of(&task)["status"], "done");
    refused(&home.mgr(&["answer", "@last/ship", "yes"]), 9, &["made.txt"]);
}

#[test]
fn an_edit_between_the_yes_and_its_effect_takes_the_yes_back() {
    let home = TestHome::new();
    let go = home.root().join("go");
    let id = home.detached(&SLOW.replace("GO", go.to_str().unwrap()));
    home.until_status("ship", "held");
    home.json(&["answer", &format!("{id}/ship"), "yes"]);
    write(&home, "two\n");
    std::fs::write(go, "").unwrap();
    home.until_status("ship", "held");
    let asked = home.question();
    assert_eq!(asked["reason"], "what was approved has changed since: made.txt");
    assert_eq!((home.step_of(&id, "tag")["status"].as_str(), home.shipped()), (Some("waiting"), None));
    home.json(&["answer", &format!("{id}/ship"), "yes"]);
    assert_eq!(home.end_of_run(&id)["status"], "done");
    assert_eq!(home.shipped().as_deref(), Some("two\n"));
}

/// What the effect itself changes, and what changes after it has begun, is no reason to ask again.
#[test]
fn what_has_begun_is_not_asked_about_again() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: make, kind: command, shell: true, run: 'echo one > made.txt'}
  - {id: ship, kind: approval, needs: [make], message: 'ship?'}
  - {id: first, kind: command, needs: [ship], shell: true, run: 'echo first > made.txt'}
  - {id: second, kind: command, needs: [first], shell: true, run: 'cat made.txt >> shipped; test -e good'}
";
    assert_eq!(home.workflow(text).0, Some(10));
    home.json(&["answer", "@last/ship", "yes"]);
    assert_eq!(home.end_of_run("@last")["status"], "failed");
    home.touch("good");
    write(&home, "by hand\n");
    assert_eq!(home.mgr(&["workflow", "retry", "@last", "second", "--wait"]).code, Some(0));
    assert_eq!(home.shipped().as_deref(), Some("first\nby hand\n"));
}

#[test]
fn a_retry_of_what_was_reviewed_makes_the_yes_void() {
    let home = TestHome::new();
    assert_eq!(home.workflow(SHIP).0, Some(10));
    home.json(&["answer", "@last/ship", "yes"]);
    assert_eq!(home.end_of_run("@last")["status"], "done");
    let ran = home.mgr(&["workflow", "retry", "@last", "make", "--wait"]);
    assert_eq!((ran.code, home.shipped().as_deref()), (Some(10), Some("one\n")), "{ran:#?}");
    let step = home.step_of("@last", "ship");
    assert_eq!((&step["turn"], step["approval"].get("answer")), (&json!(2), None), "{step:#}");
    home.json(&["answer", "@last/ship", "no"]);
    assert_eq!(home.end_of_run("@last")["status"], "failed");
    assert_eq!(home.shipped().as_deref(), Some("one\n"));
}

/// Waits until nothing of `mgr` is left, not even what is about to become a ticker: the next is whom the test starts.
#[track_caller]
fn wait_alone(home: &TestHome) {
    // By its directory as well: between two programs a process has no environment.
    let own = |process: &Process| process.belongs_to(home.root());
    // A look may miss one that ends meanwhile and the one that it has just started: keeper, launcher, ticker.
    let mut looks = 0;
    wait_for("the end of every process", || {
        let left: Vec<_> = processes().into_iter().filter(own).collect();
        looks = if left.is_empty() { looks + 1 } else { 0 };
        if looks == 5 { Ok(()) } else { Err(left) }
    });
}

/// Whoever reaches the point first dies there, between a word and what is done because of it.
fn survives(point: &str) {
    let home = TestHome::new();
    let marker = home.root().join("died");
    assert_eq!(home.workflow(SHIP).0, Some(10));
    wait_alone(&home);
    let mut answer = home.command(["answer", "@last/ship", "yes"]);
    answer.env("MGR_FAILPOINT", format!("{point}@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    let run = home.end_of_run("@last");
    let steps: Vec<_> = run["steps"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!((steps, home.shipped().as_deref()), (vec!["done"; 3], Some("one\n")), "{point}: {run:#}");
}

#[test]
fn a_death_between_the_word_and_the_effect_loses_neither() {
    survives("answer.after_commit");
    survives("driver.after_submit");
    survives("driver.before_note");
}

/// The task has started when everything dies before that is noted; what it changes itself must not undo the yes.
#[test]
fn an_effect_that_was_not_noted_has_begun_all_the_same() {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let text = SHIP.replace("cat made.txt >> shipped", "cat made.txt >> shipped; echo changed > made.txt");
    assert_eq!(home.workflow(&text).0, Some(10));
    wait_alone(&home);
    let mut answer = home.command(["answer", "@last/ship", "yes"]);
    answer.env("MGR_FAILPOINT", format!("driver.after_submit@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    assert_eq!(home.end_of_run("@last")["status"], "done");
    assert_eq!(home.shipped().as_deref(), Some("one\n"));
}

fn asking(terms: &str) -> String {
    format!(
        "steps:\n  - {{id: ship, kind: approval, message: 'go?', {terms}}}\n  - {{id: tag, kind: command, needs: [ship], run: [echo, tagged]}}\n"
    )
}

#[test]
fn without_an_answer_the_policy_decides_and_says_so() {
    let rows = [
        ("unattended: deny", "failed", "denied: nobody answered within 300ms (unattended: deny)"),
        ("unattended: approve", "done", "approved: nobody answered within 300ms (unattended: approve)"),
    ];
    for (policy, status, reason) in rows {
        let home = TestHome::new();
        home.detached(&asking(&format!("expires: 300ms, {policy}")));
        let run = home.end_of_run("@last");
        assert_eq!((run["status"].as_str(), &run["steps"][0]["reason"]), (Some(status), &json!(reason)), "{run:#}");
        assert_eq!(run["steps"][0]["approval"]["answer"]["by"], "policy");
    }
    let home = TestHome::with_settings("unattended: approve\n");
    home.detached(&asking("expires: 300ms"));
    assert_eq!(home.end_of_run("@last")["status"], "done");
    home.detached(&asking("expires: 300ms, unattended: wait"));
    let asked = wait_for("the time", || {
        let asked = home.json(&["inbox"])["items"][0].clone();
        if asked["reason"].is_null() { Err(asked) } else { Ok(asked) }
    });
    assert_eq!(asked["reason"], "nobody answered within 300ms; it waits on (unattended: wait)");
    home.json(&["answer", "@last/ship", "yes"]);
    let run = home.end_of_run("@last");
    assert_eq!((&run["status"], &run["steps"][0]["reason"]), (&json!("done"), &json!("approved")));
}

#[test]
fn an_unattended_run_asks_nobody() {
    let rows = [
        ("", "failed", "denied: nobody is there to ask (unattended: deny)"),
        (", unattended: approve", "done", "approved: nobody is there to ask (unattended: approve)"),
    ];
    for (policy, status, reason) in rows {
        let home = TestHome::new();
        let text = asking(&format!("expires: 24h{policy}"));
        let ran = home.mgr(&["workflow", "run", "--unattended", "--workflow", &text, "--json"]);
        let run = ran.json()["run"].clone();
        assert_eq!((run["status"].as_str(), &run["steps"][0]["reason"]), (Some(status), &json!(reason)), "{run:#}");
    }
    let home = TestHome::new();
    let text = asking("unattended: wait");
    assert_eq!(home.mgr(&["workflow", "run", "--unattended", "--workflow", &text]).code, Some(10));
}

#[test]
fn an_approval_has_no_timeout_but_an_expiry() {
    let home = TestHome::new();
    let ran = home.mgr(&["workflow", "run", "--workflow", &asking("timeout: 5m")]);
    refused(&ran, 2, &["`timeout` of step `ship`", "`expires`"]);
    let ran = home.mgr(&["workflow", "run", "--workflow", &asking("expires: soon, unattended: perhaps")]);
    refused(&ran, 2, &["`soon` is not a duration", "perhaps"]);
}

#[test]
fn the_note_goes_to_later_steps_and_into_the_report() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: ship, kind: approval, message: go?}
  - {id: tag, kind: command, needs: [ship], run: [echo, '{{ steps.ship.output }}, {{ steps.ship.status }}']}
outputs: {said: '{{ steps.tag.output }}'}
";
    assert_eq!(home.workflow(text).0, Some(10));
    refused(&home.mgr(&["answer", "@last/ship", "yes", "--note", &"x".repeat(10_001)]), 2, &["10001 bytes"]);
    home.json(&["answer", "@last/ship", "yes", "--note", "mind the gap"]);
    let run = home.end_of_run("@last");
    assert_eq!(run["outputs"]["said"], "mind the gap, done\n");
    let answer = &run["steps"][0]["approval"]["answer"];
    assert_eq!(json!([answer["by"], answer["over"], answer["note"]]), json!(["person", "cli", "mind the gap"]));
    let report = home.mgr(&["workflow", "report"]).stdout;
    assert!(report.contains("mind the gap") && report.contains("command line"), "{report}");
}

#[test]
fn a_note_that_comes_too_late_is_said_to_be_lost() {
    let home = TestHome::new();
    assert_eq!(home.workflow(SHIP).0, Some(10));
    let lost = |note: &str| home.json(&["answer", "@last/ship", "yes", "--note", note])["note_lost"].clone();
    assert_eq!(json!([lost("go"), lost(" go "), lost("late")]), json!([null, null, true]));
    let late = home.mgr(&["answer", "@last/ship", "yes", "--note", "late"]);
    assert!(late.code == Some(0) && late.stdout.contains("The note was not kept"), "{late:#?}");
}

#[test]
fn of_two_answers_at_once_one_wins() {
    let home = TestHome::new();
    assert_eq!(home.workflow(SHIP).0, Some(10));
    let words = ["yes", "no", "yes", "no", "yes", "no"];
    let start = |word: &&str| {
        let mut command: Command = home.command(["answer", "@last/ship", word, "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = words.iter().map(start).collect();
    let ends: Vec<Ran> = running.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect();
    let approved = home.end_of_run("@last")["status"] == "done";
    for (word, end) in words.iter().zip(&ends) {
        let is_first_word = (*word == "yes") == approved;
        assert_eq!(end.code, Some(if is_first_word { 0 } else { 9 }), "{word}: {ends:#?}");
    }
    assert_eq!(home.shipped().is_some(), approved);
}

#[test]
fn an_answer_to_nothing_names_what_was_typed() {
    let home = TestHome::new();
    refused(&home.mgr(&["answer", "foo/bar", "yes"]), 6, &["no workflow run `foo`", "foo/bar", "mgr inbox"]);
    refused(&home.mgr(&["answer", "foo", "yes"]), 2, &["`foo` is not RUN/STEP"]);
    assert_eq!(home.workflow(SHIP).0, Some(10));
    refused(&home.mgr(&["answer", "@last/shop", "yes"]), 6, &["no step `shop`"]);
    refused(&home.mgr(&["answer", "@last/make", "yes"]), 9, &["waits for nobody: it is done"]);
    home.json(&["answer", "@last/ship", "no", "--note", "not today"]);
    refused(&home.mgr(&["answer", "@last/ship", "yes"]), 9, &["denied, saying “not today”", "workflow retry"]);
    assert_eq!(home.json(&["answer", "@last/ship", "no"])["status"], "failed");
}

#[test]
fn the_inbox_says_what_is_asked_and_how_to_look_at_it() {
    let home = TestHome::new();
    assert_eq!(home.workflow(&asking("expires: 24h")).0, Some(10));
    assert_eq!(home.workflow(SHIP).0, Some(10));
    let items = home.json(&["inbox"])["items"].clone();
    let steps: Vec<_> = items.as_array().unwrap().iter().map(|item| item["workflow"].clone()).collect();
    assert_eq!(steps[1], "ship it", "oldest first: {items:#}");
    assert!(items[0]["expires_at"].is_string() && items[1].get("expires_at").is_none(), "{items:#}");
    let (id, run) = (items[1]["id"].as_str().unwrap(), items[1]["workflow_id"].as_str().unwrap());
    let task = home.step_of(run, "make")["task_id"].as_str().unwrap().to_owned();
    let commands = json!([format!("mgr workflow report {run}"), format!("mgr diff {task}")]);
    assert_eq!((items[1]["commands"].clone(), &items[1]["kind"]), (commands, &json!("approval")));
    let page = home.mgr(&["inbox"]).stdout;
    for part in [id, "ship made?", "ship it, asked", "files: made.txt", "without an answer in 23h", "mgr diff"] {
        assert!(page.contains(part), "no {part} in {page}");
    }
}

/// What an agent said stands in the question; it must not drive the terminal of whoever reads it.
#[test]
fn a_question_is_shown_harmlessly() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: make, kind: command, shell: true, run: \"printf '\\\\033]0;owned\\\\007\\\\033[31mred\\\\r{{ x }}'\"}
  - {id: ship, kind: approval, needs: [make], message: 'ship {{ steps.make.output }}?'}
"
    .replace("{{ x }}", "{ { x } }");
    assert_eq!(home.workflow(&text).0, Some(10));
    for args in [&["inbox"][..], &["workflow", "status"], &["workflow", "report"], &["inbox", "--json"]] {
        let ran = home.mgr(args);
        let bad = |c: char| c.is_control() && c != '\n';
        assert!(ran.stdout.contains("red") && !ran.stdout.contains(bad), "{args:?}: {ran:#?}");
    }
}

/// A result in a directory of its own is what it was archived as; nobody edits it by the way.
#[test]
fn an_isolated_result_counts_as_it_was_archived() {
    let home = TestHome::new();
    let text = SHIP.replace("shell: true, run: 'echo one", "isolate: copy, shell: true, run: 'echo one");
    let text = text.replace("cat made.txt", "echo went");
    assert_eq!(home.workflow(&text).0, Some(10));
    let asked = home.question();
    let reviewed = &asked["reviewed"][0];
    assert_eq!((&asked["files"], &reviewed["isolated"]), (&json!(["made.txt (result of make)"]), &json!(true)));
    write(&home, "somebody else's\n");
    home.json(&["answer", "@last/ship", "yes"]);
    assert_eq!(home.end_of_run("@last")["status"], "done");
    assert_eq!(home.shipped().as_deref(), Some("went\n"));
}

/// Once a result is brought in it lies where others can change it, and what a later step finds there is another.
#[test]
fn a_result_that_is_brought_in_counts_as_it_lies_there() {
    let home = TestHome::new();
    let text = SHIP.replace("shell: true, run: 'echo one", "isolate: copy, shell: true, run: 'echo one");
    assert_eq!(home.workflow(&text).0, Some(10));
    let task = home.question()["reviewed"][0]["task_id"].as_str().unwrap().to_owned();
    assert_eq!(home.mgr(&["apply", &task]).code, Some(0));
    refused(&home.mgr(&["answer", "@last/ship", "yes"]), 9, &["has changed: made.txt"]);
    let asked = home.question();
    assert_eq!((&asked["files"], asked.get("edited")), (&json!(["made.txt"]), None), "{asked:#}");
    write(&home, "two\n");
    refused(&home.mgr(&["answer", "@last/ship", "yes"]), 9, &["has changed: made.txt"]);
    write(&home, "one\n");
    refused(&home.mgr(&["answer", "@last/ship", "no"]), 9, &["has changed: made.txt"]);
    assert_eq!(home.mgr(&["apply", &task, "--undo"]).code, Some(0));
    refused(&home.mgr(&["answer", "@last/ship", "yes"]), 9, &["has changed: made.txt"]);
    home.json(&["answer", "@last/ship", "no"]);
}

/// All members of a group are looked at, and what lies before them; a step that is no ancestor is not.
#[test]
fn a_group_and_what_lies_before_it_are_reviewed() {
    let home = TestHome::new();
    let text = "
steps:
  - {id: first, kind: command, shell: true, run: 'echo 1 > first'}
  - {id: many, kind: command, needs: [first], matrix: {n: [a, b]}, run: [touch, 'file-{{ matrix.n }}']}
  - {id: aside, kind: command, needs: [many], shell: true, run: 'echo 1 > aside'}
  - {id: ship, kind: approval, needs: [many], message: ship?}
";
    assert_eq!(home.workflow(text).0, Some(10));
    let asked = home.question();
    let steps: Vec<_> = asked["reviewed"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
    assert_eq!(steps, ["first", "many[a]", "many[b]"]);
    assert_eq!((&asked["files"], &asked["files_total"]), (&json!(["file-a", "file-b", "first"]), &json!(3)));
    std::fs::write(home.work().join("aside"), "2").unwrap();
    std::fs::write(home.work().join("first"), "2").unwrap();
    refused(&home.mgr(&["answer", "@last/ship", "yes"]), 9, &["has changed: first"]);
    home.json(&["answer", "@last/ship", "yes"]);
}

#[test]
fn a_question_of_an_agent_is_in_the_inbox_until_it_is_taken_up() {
    let home = TestHome::new();
    let task = home.submit("session s1\nask which colour?");
    home.end_of(&task);
    let list = home.json(&["inbox"]);
    assert_eq!((&list["items"], &list["tasks"][0]["task_id"]), (&json!([]), &json!(task)), "{list:#}");
    let page = home.mgr(&["inbox"]).stdout;
    assert!(page.contains("waits for `mgr send`: ") && page.contains("which colour?"), "{page}");
    let answer = home.json(&["send", &task, "finish blue"]);
    home.end_of(answer["task_id"].as_str().unwrap());
    assert_eq!(home.json(&["inbox"]), json!({"items": []}));
}

#[test]
fn a_word_that_is_taken_over_counts_for_what_was_looked_at() {
    let home = TestHome::new();
    let run = |args: &[&str]| home.mgr(&[&["workflow", "run", "--workflow", SHIP, "--json"], args].concat());
    assert_eq!(run(&[]).code, Some(10));
    home.json(&["answer", "@last/ship", "yes"]);
    assert_eq!(home.end_of_run("@last")["status"], "done");
    assert_eq!((run(&["--from-step", "tag"]).code, home.shipped().as_deref()), (Some(0), Some("one\none\n")));
    write(&home, "two\n");
    assert_eq!((run(&["--from-step", "tag"]).code, home.shipped().as_deref()), (Some(10), Some("one\none\n")));
    assert_eq!(home.question()["reason"], "what was approved has changed since: made.txt");
    home.json(&["answer", "@last/ship", "yes"]);
    assert_eq!(home.end_of_run("@last")["status"], "done");
    assert_eq!(home.shipped().as_deref(), Some("one\none\ntwo\n"));
}

#[test]
fn a_policys_word_is_not_taken_over_where_somebody_can_be_asked() {
    let home = TestHome::new();
    let text = asking("unattended: approve");
    let run = |args: &[&str]| home.mgr(&[&["workflow", "run", "--workflow", &text], args].concat());
    assert_eq!(run(&["--unattended"]).code, Some(0));
    assert_eq!(run(&["--unattended", "--from-step", "tag"]).code, Some(0));
    refused(&run(&["--from-step", "tag"]), 9, &["`ship` was answered by nobody there"]);
    assert_eq!(run(&["--reuse", "@last"]).code, Some(10));
}

/// Whoever works in a run could else have its questions decided by an edit of the settings.
#[test]
fn the_setting_holds_that_held_at_the_start() {
    let home = TestHome::new();
    let go = home.root().join("go");
    let text = "
steps:
  - {id: first, kind: command, shell: true, run: 'until test -e GO; do sleep 0.02; done'}
  - {id: ship, kind: approval, needs: [first], message: 'go?', expires: 300ms}
";
    let id = home.detached(&text.replace("GO", go.to_str().unwrap()));
    home.until_status("first", "running");
    home.write_config("unattended: approve\n");
    std::fs::write(go, "").unwrap();
    let run = home.end_of_run(&id);
    assert_eq!(run["steps"][1]["reason"], "denied: nobody answered within 300ms (unattended: deny)");
}

#[test]
fn a_word_says_whose_it_was() {
    let home = TestHome::new().with_env("USER", "anna");
    assert_eq!(home.workflow(SHIP).0, Some(10));
    home.json(&["answer", "@last/ship", "yes"]);
    let run = home.end_of_run("@last");
    let answer = &run["steps"][1]["approval"]["answer"];
    assert_eq!(json!([answer["by"], answer["over"], answer["user"]]), json!(["person", "cli", "anna"]));
    assert!(home.mgr(&["workflow", "report"]).stdout.contains("A person (anna) approved step ship"));
}
