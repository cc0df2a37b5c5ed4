//! Races: who wins, what becomes of the others, and that no crash makes it another one.

use serde_json::{Value, json};

use crate::support::{Ran, TestHome, members, wait_death, wait_for};

/// A home with three agents that get the same prompt and obey the lines that begin with `as NAME`.
fn home() -> TestHome {
    let home = TestHome::new();
    let path = home.home().join("config.yaml");
    let mut config = std::fs::read_to_string(&path).unwrap();
    let start = config.find("  fake:\n").unwrap();
    let block = config[start..config.find("  fake_text:").unwrap()].to_owned();
    for name in ["ann", "bob", "cid"] {
        let block = block.replacen("  fake:", &format!("  {name}:"), 1);
        config.push_str(&block.replacen("']\n    resume", &format!("', --as, {name}]\n    resume"), 1));
    }
    std::fs::write(path, config).unwrap();
    home
}

impl TestHome {
    /// A file that every racer can name, wherever it works.
    fn at(&self, name: &str) -> String {
        self.root().join(name).to_str().unwrap().to_owned()
    }

    #[track_caller]
    fn race(&self, args: &[&str], script: &str) -> Ran {
        self.mgr(&[&["race", "--json"], args, &["--", script]].concat())
    }

    /// What lies in the directory that isolated ones are made in.
    fn isolated(&self) -> Vec<String> {
        let dirs = std::fs::read_dir(self.home().join("isolated")).into_iter().flatten().flatten();
        let mut names: Vec<_> = dirs.map(|dir| dir.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn state(&self, id: &str) -> Value {
        self.json(&["workflow", "status", id])["run"].clone()
    }
}

const ALL: [&str; 6] = ["-b", "ann", "-b", "bob", "-b", "cid"];
const TWO: [&str; 4] = ["-b", "ann", "-b", "bob"];

/// Racers with their status, and the reason of those that have one.
fn told(results: &Value) -> Value {
    let one = |racer: &Value| match racer["reason"].as_str() {
        Some(reason) => json!([racer["step"], racer["status"], reason]),
        None => json!([racer["step"], racer["status"]]),
    };
    results.as_array().unwrap().iter().map(one).collect()
}

/// The same of the steps of a run.
fn steps(run: &Value) -> Value {
    let mut steps = run["steps"].clone();
    for step in steps.as_array_mut().unwrap() {
        step["step"] = step["id"].take();
    }
    told(&steps)
}

fn task_of(results: &Value, place: usize) -> String {
    results[place]["task_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_quick_failure_does_not_hide_a_slow_success() {
    let home = home();
    let script =
        "as ann fail crashed it broke\nas bob sleep 300\nas bob write made good\nas bob finish it works\nas cid hang";
    let ran = home.race(&ALL, script);
    let race = ran.json();
    let winner = json!({"step": "race[bob]", "task_id": race["results"][1]["task_id"], "backend": "bob"});
    let expected = json!([
        ["race[ann]", "failed", race["results"][0]["reason"]],
        ["race[bob]", "done"],
        ["race[cid]", "not_needed", "race[bob] won"],
    ]);
    assert_eq!((ran.code, &race["winner"], told(&race["results"])), (Some(0), &winner, expected), "{race:#}");
    assert_eq!((race["status"].as_str(), race["reason"].as_str()), (Some("done"), Some("race[bob] won")));
    assert!(race["results"][0]["reason"].as_str().unwrap().contains("it broke"));
    // Nothing is in the directory before somebody asks for it.
    assert!(!home.work().join("made").exists());
    let task = task_of(&race["results"], 1);
    assert_eq!(home.status(&task)["lineage"]["race"], "race");
    assert!(home.mgr(&["diff", &task]).stdout.contains("+good"));
    assert_eq!(home.mgr(&["apply", &task]).code, Some(0));
    assert_eq!(std::fs::read_to_string(home.work().join("made")).unwrap(), "good");
}

#[test]
fn no_process_of_a_loser_is_left() {
    let home = home();
    let up = home.at("up");
    let script =
        format!("as ann wait-for {up}\nas ann finish yes\nas bob setsid-child\nas bob write {up} 1\nas bob hang");
    let ran = home.race(&TWO, &script);
    let race = ran.json();
    let expected = json!([["race[ann]", "done"], ["race[bob]", "not_needed", "race[ann] won"]]);
    assert_eq!((ran.code, told(&race["results"])), (Some(0), expected), "{race:#}");
    let loser = task_of(&race["results"], 1);
    assert_eq!(members(&loser, 1).len(), 0);
    assert_eq!(home.status(&loser)["status"], "cancelled");
}

#[test]
fn the_rest_goes_on_where_it_is_kept_and_nobody_waits_for_it() {
    let home = home();
    let seen = home.at("seen");
    let text = format!(
        "steps:
  - id: r
    kind: race
    backends: [ann, bob]
    keep_rest: true
    prompt: {}
  - {{id: next, kind: command, needs: [r], run: [touch, {seen}]}}
",
        json!(format!("as ann finish one\nas bob wait-for {seen}\nas bob finish two"))
    );
    let ran = home.mgr(&["workflow", "run", "--json", "--workflow", &text]);
    let run = ran.json()["run"].clone();
    let expected = json!([["r", "done", "r[ann] won"], ["r[ann]", "done"], ["r[bob]", "done"], ["next", "done"]]);
    assert_eq!((ran.code, steps(&run), &run["steps"][0]["winner"]), (Some(0), expected, &json!("r[ann]")), "{run:#}");
}

#[test]
fn racers_work_in_worktrees_of_a_repository_but_not_of_one_over_the_home_directory() {
    let home = home();
    let isolation = |args: &[&str]| {
        let race = home.race(&[&TWO[..], args].concat(), "as ann finish yes\nas bob hang").json();
        home.status(&task_of(&race["results"], 0))["isolation"]["kind"].clone()
    };
    assert_eq!(isolation(&[]), "copy");
    assert_eq!(isolation(&["--posture", "read_only"]), Value::Null);
    let git = |dir: &std::path::Path| {
        let made = std::process::Command::new("git").args(["init", "-q"]).current_dir(dir).status().unwrap();
        assert!(made.success());
    };
    // The home directory of these tests is the one above.
    git(home.root());
    assert_eq!(isolation(&[]), "copy");
    git(&home.work());
    assert_eq!(isolation(&[]), "worktree");
}

#[test]
fn a_lost_race_names_every_failure() {
    let home = home();
    let script = "as ann fail crashed first thing\nas bob fail crashed second thing\nas cid fail auth third thing";
    let ran = home.race(&ALL, script);
    let race = ran.json();
    assert_eq!((ran.code, &race["winner"], race["status"].as_str()), (Some(1), &Value::Null, Some("failed")));
    let reason = race["reason"].as_str().unwrap();
    for part in
        ["nobody won", "race[ann]: ", "first thing", "race[bob]: ", "second thing", "race[cid]: ", "third thing"]
    {
        assert!(reason.contains(part), "no {part} in {reason}");
    }
    assert_eq!(home.mgr(&["workflow", "status", "--wait"]).code, Some(1));
}

#[test]
fn the_quickest_who_only_says_so_does_not_win() {
    let home = home();
    let script = "as ann finish all done\nas bob sleep 100\nas bob write made good\nas bob finish it works";
    let ran = home.race(&[&TWO[..], &["--verify", "test -e made"]].concat(), script);
    let race = ran.json();
    assert_eq!((ran.code, &race["winner"]["backend"]), (Some(0), &json!("bob")), "{race:#}");
    let checks =
        json!([race["results"][0]["status"], race["results"][0]["verification"], race["results"][1]["verification"]]);
    assert_eq!(checks, json!(["failed", "failed", "passed"]), "{race:#}");
    let report = home.mgr(&["workflow", "report"]).stdout;
    for part in
        ["race[bob] won.", "- race[ann]: failed", ", checks failed: ", "- race[bob] (the winner): done", "all done"]
    {
        assert!(report.contains(part), "no {part} in {report}");
    }
}

#[test]
fn checks_that_cannot_run_prove_nothing() {
    let home = home();
    let ran = home.race(&[&TWO[..], &["--verify", "no-such-program-here"]].concat(), "finish all done");
    let race = ran.json();
    assert_eq!((ran.code, &race["winner"]), (Some(1), &Value::Null), "{race:#}");
    assert_eq!(race["results"][0]["reason"], "its checks could not run, so nothing says that it succeeded");
}

#[test]
fn the_winner_is_brought_in_where_that_is_asked_for() {
    let home = home();
    let script = "as ann write made by-ann\nas ann finish yes\nas bob hang";
    let ran = home.race(&[&TWO[..], &["--apply"]].concat(), script);
    let race = ran.json();
    assert_eq!((ran.code, &race["reason"]), (Some(0), &json!("race[ann] won; its result is applied")), "{race:#}");
    assert_eq!(std::fs::read_to_string(home.work().join("made")).unwrap(), "by-ann");
}

#[test]
fn a_result_that_cannot_be_brought_in_is_kept_with_the_way_out() {
    let home = home();
    std::fs::write(home.work().join("text"), "old").unwrap();
    let (up, go) = (home.at("up"), home.at("go"));
    let script = format!(
        "as ann write {up} 1\nas ann wait-for {go}\nas ann write text by-ann\nas ann finish yes\nas bob fail crashed no"
    );
    let ran = home.mgr(&[&["race", "--detach", "--apply"], &TWO[..], &["--", &script]].concat());
    let id = ran.stdout.trim_end().to_owned();
    home.wait_file(&up);
    std::fs::write(home.work().join("text"), "by somebody else").unwrap();
    std::fs::write(&go, "").unwrap();
    let ran = home.mgr(&["workflow", "status", &id, "--wait", "--json"]);
    let run = ran.json()["run"].clone();
    let (race, task) = (run["steps"][0].clone(), run["steps"][1]["task_id"].as_str().unwrap().to_owned());
    assert_eq!(
        (ran.code, &race["status"], &race["winner"]),
        (Some(1), &json!("failed"), &json!("race[ann]")),
        "{run:#}"
    );
    let reason = race["reason"].as_str().unwrap();
    let way_out = format!("`mgr apply {task} --on-conflict markers`");
    assert!(
        reason.starts_with("race[ann] won, but its result cannot be applied: `text` ") && reason.contains(&way_out),
        "{reason}"
    );
    assert_eq!(std::fs::read_to_string(home.work().join("text")).unwrap(), "by somebody else");
    assert_eq!(home.mgr(&["apply", &task, "--on-conflict", "theirs"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(home.work().join("text")).unwrap(), "by-ann");
}

#[test]
fn a_busy_directory_delays_the_winner_and_fails_nothing() {
    let home = home();
    let go = home.at("go");
    let writer = home.submit(&format!("write up 1\nwait-for {go}\nfinish done"));
    home.wait_file("up");
    let script = "as ann write made by-ann\nas ann finish yes\nas bob fail crashed no";
    let ran = home.mgr(&[&["race", "--detach", "--apply"], &TWO[..], &["--", script]].concat());
    let id = ran.stdout.trim_end().to_owned();
    let words = format!("race[ann] won; its result waits: `{}` is written by task {writer}", home.work().display());
    wait_for("the winner to wait", || {
        let race = home.state(&id)["steps"][0].clone();
        if race["reason"] == words.as_str() && race["status"] == "waiting" { Ok(()) } else { Err(race) }
    });
    std::fs::write(&go, "").unwrap();
    let ran = home.mgr(&["workflow", "status", &id, "--wait", "--json"]);
    assert_eq!(
        (ran.code, &ran.json()["run"]["steps"][0]["reason"]),
        (Some(0), &json!("race[ann] won; its result is applied"))
    );
    assert!(home.work().join("made").exists());
}

/// Whoever reaches the point first dies there; any later command goes on, and the same one has won.
fn survives(point: &str) {
    let home = home();
    let marker = home.at("died");
    let up = home.at("up");
    let script =
        format!("as ann wait-for {up}\nas ann append made once\nas ann finish yes\nas bob write {up} 1\nas bob hang");
    let mut race = home.command([&["race", "--detach", "--apply"], &TWO[..], &["--", &script]].concat());
    race.env("MGR_FAILPOINT", format!("{point}@{marker}")).output().unwrap();
    wait_death(marker.as_ref());
    let id = home.json(&["workflow", "list"])["workflows"][0]["workflow_id"].as_str().unwrap().to_owned();
    let ran = home.mgr(&["workflow", "status", &id, "--wait", "--json"]);
    let run = ran.json()["run"].clone();
    let expected = json!([
        ["race", "done", "race[ann] won; its result is applied"],
        ["race[ann]", "done"],
        ["race[bob]", "not_needed", "race[ann] won"],
    ]);
    assert_eq!((ran.code, steps(&run)), (Some(0), expected), "{point}: {run:#}");
    assert_eq!(std::fs::read_to_string(home.work().join("made")).unwrap(), "once", "{point}");
    assert_eq!(home.json(&["list"])["total"], 2, "{point}");
    assert_eq!(home.isolated(), [task_of(&run["steps"], 1)], "{point}");
}

#[test]
fn a_death_before_a_loser_s_directory_goes_changes_nothing() {
    survives("discard.before_removal");
}

#[test]
fn a_death_while_a_loser_s_directory_goes_changes_nothing() {
    survives("isolate-going");
}

#[test]
fn a_death_when_the_files_of_a_loser_s_directory_are_gone_changes_nothing() {
    survives("isolate-cleared");
}

#[test]
fn a_death_after_a_loser_s_directory_went_changes_nothing() {
    survives("discard.after_removal");
}

fn git(dir: &std::path::Path, args: &[&str]) -> String {
    let name = ["-c", "user.name=a", "-c", "user.email=b"];
    let ran = std::process::Command::new("git").args(name).args(args).current_dir(dir).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

/// A directory with a commit in it.
fn repository(home: &TestHome) {
    git(&home.work(), &["init", "-q", "-b", "main"]);
    std::fs::write(home.work().join("text"), "old\n").unwrap();
    git(&home.work(), &["add", "."]);
    git(&home.work(), &["commit", "-qm", "one"]);
}

#[test]
fn who_has_lost_leaves_no_directory_and_no_branch_but_all_that_it_did() {
    let home = home();
    repository(&home);
    let (up, ann) = (home.at("up"), home.at("ann"));
    let script = format!(
        "as ann wait-for {up}\nas ann write made by-ann\nas ann finish yes\nas bob write made by-bob\nas bob finish no\n\
         as cid write lost by-cid\nas cid write {up} 1\nas cid hang"
    );
    // The one who is done first is kept from winning by its check.
    let verify = format!("test -e lost || grep -q ann made || ! touch {ann}");
    let ran = home.race(&[&ALL[..], &["--verify", &verify]].concat(), &script);
    let race = ran.json();
    assert_eq!((ran.code, &race["winner"]["backend"]), (Some(0), &json!("ann")), "{race:#}");
    let tasks = [0, 1, 2].map(|place| task_of(&race["results"], place));
    assert_eq!(home.isolated(), [tasks[0].clone()]);
    let branches = git(&home.work(), &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(branches, format!("refs/heads/main\nrefs/heads/mgr/{}\n", tasks[0]));
    assert_eq!(git(&home.work(), &["worktree", "list"]).lines().count(), 2);
    // What they did is in the archive.
    for (task, file, text) in [(&tasks[1], "made", "by-bob"), (&tasks[2], "lost", "by-cid")] {
        assert_eq!(home.status(task)["isolation"]["state"], "gone");
        assert!(home.mgr(&["diff", task]).stdout.contains(&format!("+{text}")));
        let to = home.at(&format!("back-{text}"));
        home.json(&["archive", "restore", &format!("{task}.1.after"), "--to", &to]);
        assert_eq!(std::fs::read_to_string(format!("{to}/{file}")).unwrap(), text);
    }
    assert_eq!(home.mgr(&["apply", &tasks[2]]).code, Some(0));
    assert_eq!(std::fs::read_to_string(home.work().join("lost")).unwrap(), "by-cid");
}

#[test]
fn a_commit_of_a_loser_keeps_its_branch_and_says_so() {
    let home = home();
    repository(&home);
    let up = home.at("up");
    let script = format!(
        "as ann wait-for {up}\nas ann finish yes\nas bob append text new\n\
         as bob run git -c user.name=a -c user.email=b commit -qam two\nas bob write {up} 1\nas bob hang"
    );
    let race = home.race(&TWO, &script).json();
    let loser = task_of(&race["results"], 1);
    let look = home.status(&loser)["isolation"].clone();
    let note = format!("the branch `mgr/{loser}` stays: no other branch or tag has its last commit");
    assert_eq!((&look["state"], &look["note"]), (&json!("gone"), &json!(note)), "{race:#}");
    assert_eq!(git(&home.work(), &["log", "-1", "--format=%s", &format!("mgr/{loser}")]), "two\n");
    assert!(home.mgr(&["status", &loser]).stdout.contains(&note));
}

#[test]
fn who_waits_for_all_clears_away_too_but_not_what_a_person_has_touched() {
    let home = home();
    let go = home.at("go");
    let script = format!("as ann wait-for {go}\nas ann finish late\nas bob write made x\nfinish early");
    let text = format!(
        "steps: [{{id: r, kind: race, backends: [ann, bob, cid], first_success: false, prompt: {}}}]",
        json!(script)
    );
    home.mgr(&["workflow", "run", "--detach", "--workflow", &text]);
    let run = wait_for("two of them", || {
        let run = home.state("@last");
        let is_over = |place: usize| run["steps"][place]["status"] == "done";
        if is_over(2) && is_over(3) { Ok(run.clone()) } else { Err(run.clone()) }
    });
    let tasks = [1, 2, 3].map(|place| task_of(&run["steps"], place));
    // Nobody has lost yet.
    assert_eq!(home.isolated().len(), 3);
    let place = home.status(&tasks[1])["isolation"]["directory"].as_str().unwrap().to_owned();
    std::fs::write(format!("{place}/made"), "a person's").unwrap();
    std::fs::write(&go, "").unwrap();
    assert_eq!(home.mgr(&["workflow", "status", "@last", "--wait"]).code, Some(0));
    let mut left = tasks[..2].to_vec();
    left.sort();
    assert_eq!(home.isolated(), left);
    let look = home.status(&tasks[1])["isolation"].clone();
    let note = format!(
        "the race was won by another, and its directory stays: somebody has changed files in `{place}` since the task ended"
    );
    assert_eq!((&look["state"], &look["note"]), (&json!("present"), &json!(note)));
    assert_eq!(std::fs::read_to_string(format!("{place}/made")).unwrap(), "a person's");
    assert_eq!(home.json(&["discard", &tasks[1]])["later_edits"], format!("{}.discarded", tasks[1]));
    assert_eq!(home.isolated(), [tasks[0].clone()]);
}

#[test]
fn who_goes_on_or_has_no_winner_keeps_its_directory() {
    let home = home();
    let all = home.race(&[&TWO[..], &["--keep-rest"]].concat(), "finish x").json();
    let kept = [0, 1].map(|place| task_of(&all["results"], place));
    kept.iter().for_each(|task| drop(home.end_of(task)));
    assert_eq!(home.mgr(&["workflow", "status", "--wait"]).code, Some(0));
    assert_eq!(home.isolated().len(), 2);
    assert_eq!(home.race(&TWO, "write made x\nfail crashed no").code, Some(1));
    assert_eq!(home.isolated().len(), 4);
}

#[test]
fn a_death_before_the_winner_is_noted_changes_nothing() {
    survives("race.before_win");
}

#[test]
fn a_death_after_the_winner_is_noted_changes_nothing() {
    survives("race.after_win");
}

#[test]
fn a_death_after_the_result_was_applied_applies_it_once() {
    survives("race.after_apply");
}

#[test]
fn a_death_while_losers_are_ended_changes_nothing() {
    survives("race.after_end");
}

#[test]
fn a_death_before_the_rest_is_noted_changes_nothing() {
    survives("driver.before_note");
}

#[test]
fn a_retried_race_is_run_by_all_again() {
    let home = home();
    let count = home.at("count");
    let script = format!("as ann append {count} a\nas ann finish yes\nas bob hang");
    assert_eq!(home.race(&TWO, &script).code, Some(0));
    for step in ["race", "race[bob]"] {
        let retried = home.json(&["workflow", "retry", "@last", step, "--wait"]);
        assert_eq!(retried["renewed"], json!(["race", "race[ann]", "race[bob]"]), "{step}");
        let expected = json!([
            ["race", "done", "race[ann] won"],
            ["race[ann]", "done"],
            ["race[bob]", "not_needed", "race[ann] won"]
        ]);
        assert_eq!(steps(&retried["run"]), expected, "{step}");
    }
    assert_eq!(std::fs::read_to_string(count).unwrap(), "aaa");
    let turns: Vec<_> =
        home.state("@last")["steps"].as_array().unwrap().iter().map(|step| step["turn"].clone()).collect();
    assert_eq!(turns, [3, 3, 3]);
}

#[test]
fn what_needs_a_race_sees_its_winner() {
    let home = home();
    let script = "as ann fail crashed no\nas bob write made by-bob\nas bob finish bob has done it";
    let text = format!(
        "steps:
  - {{id: r, kind: race, backends: [ann, bob], prompt: {}}}
  - {{id: who, kind: command, needs: [r], run: [printf, '%s', '{{{{ steps.r.backend }}}} {{{{ steps.r.output }}}}']}}
  - {{id: what, kind: command, needs: [r], run: [printf, '%s', '{{{{ steps.r.diff }}}}']}}
outputs: {{who: '{{{{ steps.who.output }}}}', what: '{{{{ steps.what.output }}}}', files: '{{{{ steps.r.files }}}}'}}
",
        json!(script)
    );
    let ran = home.mgr(&["workflow", "run", "--json", "--workflow", &text]);
    let run = ran.json()["run"].clone();
    assert_eq!((ran.code, &run["outputs"]["who"]), (Some(0), &json!("bob bob has done it")), "{run:#}");
    assert!(run["outputs"]["what"].as_str().unwrap().contains("+by-bob"), "{run:#}");
    assert!(run["outputs"]["files"].as_str().unwrap().contains("made"), "{run:#}");
}

#[test]
fn two_that_finish_together_are_both_told() {
    let home = home();
    let (go, ups) = (home.at("go"), [home.at("ann"), home.at("bob")]);
    let each = |name: &str, up: &str| {
        format!("as {name} write {up} 1\nas {name} wait-for {go}\nas {name} finish {name} is done")
    };
    let script = format!("{}\n{}", each("ann", &ups[0]), each("bob", &ups[1]));
    let ran = home.mgr(&[&["race", "--detach"], &TWO[..], &["--", &script]].concat());
    let id = ran.stdout.trim_end().to_owned();
    ups.iter().for_each(|up| home.wait_file(up));
    let run = home.state(&id);
    let tasks = [1, 2].map(|place| run["steps"][place]["task_id"].as_str().unwrap().to_owned());
    let keepers = tasks.clone().map(|task| home.wait_keeper(&task, 1));
    // Nobody looks until both are over.
    home.kill_tickers();
    std::fs::write(&go, "").unwrap();
    wait_for("both ends", || {
        let left: Vec<_> = crate::support::processes().into_iter().filter(|one| keepers.contains(&one.pid)).collect();
        if left.is_empty() { Ok(()) } else { Err(left.len()) }
    });
    let ran = home.mgr(&["workflow", "status", &id, "--wait", "--json"]);
    let run = ran.json()["run"].clone();
    let winner = run["steps"][0]["winner"].as_str().unwrap().to_owned();
    let expected = json!([["race", "done", format!("{winner} won")], ["race[ann]", "done"], ["race[bob]", "done"]]);
    assert_eq!((ran.code, steps(&run)), (Some(0), expected), "{run:#}");
    let words = tasks.map(|task| home.output(&task));
    assert_eq!(words, ["ann is done\n", "bob is done\n"]);
}

#[test]
fn with_first_success_false_the_order_decides() {
    let home = home();
    let script = "as ann sleep 200\nas ann finish late\nas bob finish early\nas cid fail crashed no";
    let ran = home.race(&[&ALL[..], &["--first-success", "false"]].concat(), script);
    let race = ran.json();
    assert_eq!((ran.code, &race["winner"]["backend"]), (Some(0), &json!("ann")), "{race:#}");
    let statuses: Vec<_> = race["results"].as_array().unwrap().iter().map(|racer| racer["status"].clone()).collect();
    assert_eq!(statuses, ["done", "done", "failed"]);
}

#[test]
fn one_after_the_other_is_a_race_too() {
    let home = home();
    let script = "as ann fail crashed no\nas bob finish yes\nas cid append never x";
    let text = format!(
        "max_concurrent: 1\nsteps: [{{id: r, kind: race, backends: [ann, bob, cid], prompt: {}}}]",
        json!(script)
    );
    let ran = home.mgr(&["workflow", "run", "--json", "--workflow", &text]);
    let run = ran.json()["run"].clone();
    let statuses: Vec<_> = run["steps"].as_array().unwrap().iter().map(|step| step["status"].clone()).collect();
    assert_eq!(
        (ran.code, statuses),
        (Some(0), vec![json!("done"), json!("failed"), json!("done"), json!("not_needed")])
    );
    assert_eq!((home.json(&["list"])["total"].as_u64(), &run["steps"][3]["reason"]), (Some(2), &json!("r[bob] won")));
}

#[test]
fn a_cancelled_race_is_not_won_and_leaves_no_process() {
    let home = home();
    let ups = [home.at("ann"), home.at("bob")];
    let script = format!("as ann write {} 1\nas bob write {} 1\nhang", ups[0], ups[1]);
    let ran = home.mgr(&[&["race", "--detach"], &TWO[..], &["--", &script]].concat());
    let id = ran.stdout.trim_end().to_owned();
    ups.iter().for_each(|up| home.wait_file(up));
    assert_eq!(home.state(&id)["steps"][0]["status"], "running");
    let run = home.json(&["workflow", "cancel", &id])["run"].clone();
    let statuses: Vec<_> = run["steps"].as_array().unwrap().iter().map(|step| step["status"].clone()).collect();
    assert_eq!(statuses, ["cancelled", "cancelled", "cancelled"], "{run:#}");
    assert!((1..3).all(|place| members(&task_of(&run["steps"], place), 1).is_empty()));
}

#[test]
fn a_race_by_demo_agents_shows_the_race() {
    let home = home();
    let ran =
        home.mgr(&["race", "--demo", "-b", "codex", "-n", "2", "--verify", "false", "--apply", "say {{ hello }}"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    for part in ["race done in", "  race[codex] ", "  race[codex.2] ", " won.", "Read it: mgr output "] {
        assert!(ran.stdout.contains(part), "no {part} in {ran:#?}");
    }
    let winner = home.json(&["workflow", "status"])["run"]["steps"][0]["winner"].as_str().unwrap().to_owned();
    let task = home.json(&["list"])["tasks"].as_array().unwrap().iter().find(|task| task["label"] == winner).cloned();
    assert!(home.output(task.unwrap()["task_id"].as_str().unwrap()).contains("say {{ hello }}"));
}

#[test]
fn what_is_no_race_is_refused_with_the_way_out() {
    let home = home();
    for args in [&["-b", "ann"][..], &["-b", "ann", "-n", "11"], &["-b", "ann", "-n", "0"]] {
        let ran = home.race(args, "finish x");
        let error = ran.error();
        assert_eq!(
            (ran.code, error["message"].as_str().unwrap().contains("2 to 10 racers")),
            (Some(2), true),
            "{ran:#?}"
        );
    }
    let ran = home.race(&[&TWO[..], &["--isolate", "none"]].concat(), "finish x");
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    let error = ran.error();
    assert_eq!(error["message"], "racers that write cannot work in the same directory");
    assert!(ran.stderr.contains("leave `isolate` out, or write `isolate: copy`"), "{ran:#?}");
    let ran = home.race(&TWO, " \n");
    assert_eq!((ran.code, &ran.error()["message"]), (Some(2), &json!("the prompt is empty")), "{ran:#?}");
    assert_eq!(home.json(&["list"])["total"], 0);
}

#[test]
fn everything_killed_at_any_moment_leaves_the_same_winner() {
    for round in 0..4u64 {
        let home = home();
        let script = "as ann sleep 40\nas ann fail crashed no\nas bob sleep 120\nas bob append made once\nas bob finish yes\nas cid hang";
        let ran = home.mgr(&[&["race", "--detach", "--apply"], &ALL[..], &["--", script]].concat());
        let id = ran.stdout.trim_end().to_owned();
        for kill in 0..4u64 {
            // Different moments of the race; the wait is the point.
            std::thread::sleep(std::time::Duration::from_millis(41 * (round + 1) * (kill + 1) % 210));
            home.kill_everything();
        }
        let ran = home.mgr(&["workflow", "status", &id, "--wait", "--json"]);
        let run = ran.json()["run"].clone();
        let outcome = json!([run["steps"][0]["reason"], run["steps"][3]["status"], run["steps"][3]["reason"]]);
        let expected = json!(["race[bob] won; its result is applied", "not_needed", "race[bob] won"]);
        assert_eq!((ran.code, outcome), (Some(0), expected), "round {round}: {run:#}");
        assert_eq!(std::fs::read_to_string(home.work().join("made")).unwrap(), "once", "round {round}");
        assert_eq!(members(&task_of(&run["steps"], 3), 1).len(), 0, "round {round}");
        assert_eq!(home.isolated(), [task_of(&run["steps"], 2)], "round {round}");
    }
}

#[test]
fn many_races_in_one_repository_leave_their_winners_alone() {
    for round in 0..3u64 {
        let home = home();
        repository(&home);
        let prompt =
            json!("as ann sleep 60\nas bob sleep 30\nas bob fail crashed no\nwrite made x\nas cid hang\nfinish yes");
        let race = |id: &str, more: &str| {
            format!("{{id: {id}, kind: race, backends: [ann, bob, cid], prompt: {prompt}{more}}}")
        };
        let text = format!(
            "max_concurrent: 5\nsteps:\n  - {}\n  - {}\n  - {{id: n, kind: workflow, matrix: {{y: [1, 2]}}, workflow: {{steps: [{}]}}}}\n",
            race("a", ", matrix: {x: [1, 2]}"),
            race("b", ", needs: [a]"),
            race("c", ""),
        );
        let ran = home.mgr(&["workflow", "run", "--detach", "--workflow", &text]);
        let id = ran.stdout.trim_end().to_owned();
        for kill in 0..3u64 {
            // Different moments; the wait is the point.
            std::thread::sleep(std::time::Duration::from_millis(90 * (round + 1) * (kill + 1) % 340));
            home.kill_everything();
        }
        let ran = home.mgr(&["workflow", "status", &id, "--wait", "--json"]);
        assert_eq!(ran.code, Some(0), "round {round}: {ran:#?}");
        let runs = home.json(&["workflow", "list", "--nested"])["workflows"].as_array().unwrap().clone();
        let mut winners = Vec::new();
        for run in &runs {
            let steps = home.state(run["workflow_id"].as_str().unwrap())["steps"].clone();
            for race in steps.as_array().unwrap().iter().filter(|step| step["winner"].is_string()) {
                let winner = steps.as_array().unwrap().iter().find(|step| step["id"] == race["winner"]).unwrap();
                winners.push(winner["task_id"].as_str().unwrap().to_owned());
            }
        }
        winners.sort();
        let left: Vec<_> = home.isolated().into_iter().filter(|task| !winners.contains(task)).collect();
        let lies = |task: &String| {
            let dir = std::fs::read_dir(home.home().join("isolated").join(task)).unwrap();
            dir.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
        };
        let why: Vec<_> = left.iter().map(|task| (lies(task), home.status(task)["isolation"].clone())).collect();
        assert_eq!((runs.len(), winners.len(), left.len()), (3, 5, 0), "round {round}: {why:#?}");
        let branches = git(&home.work(), &["for-each-ref", "--format=%(refname:lstrip=3)", "refs/heads/mgr"]);
        assert_eq!(branches.lines().collect::<Vec<_>>(), winners, "round {round}");
        assert_eq!(git(&home.work(), &["worktree", "list"]).lines().count(), 6, "round {round}");
    }
}

/// A racer that only lost is not why a nested run failed, and what the race changed counts once.
#[test]
fn a_race_in_a_nested_workflow_speaks_with_one_voice() {
    let home = home();
    let text = "
on_failure: continue
steps:
  - id: in
    kind: workflow
    workflow:
      steps:
        - {id: r, kind: race, backends: [ann, bob], prompt: \"as ann fail crashed it broke\\nas bob sleep 200\\nas bob write made good\\nas bob finish works\"}
        - {id: bad, kind: command, needs: [r], run: [cat, nothing]}
  - {id: seen, kind: command, needs: [in], when: always, run: [printf, '%s', '{{ steps.in.diff }}']}
outputs: {diff: '{{ steps.seen.output }}'}
";
    let ran = home.mgr(&["workflow", "run", "--workflow", text, "--json"]);
    let run = ran.json()["run"].clone();
    let why = run["steps"][0]["reason"].as_str().unwrap().to_owned();
    assert!(why.starts_with("bad failed: the command ended with exit code 1"), "{run:#}");
    // The winner's two files, and nothing of the one who lost.
    let diff = run["outputs"]["diff"].as_str().unwrap();
    assert_eq!((diff.matches("diff --git").count(), diff.matches("+good").count()), (2, 1), "{diff}");
}

/// The question is about the winner's work: how the others end changes nothing in it.
#[test]
fn a_question_after_a_race_is_about_the_winner_alone() {
    let home = home();
    let go = home.at("go");
    let text = format!(
        "
steps:
  - {{id: r, kind: race, backends: [ann, bob], keep_rest: true, prompt: \"as bob wait-for {go}\\nwrite made x\\nfinish yes\"}}
  - {{id: ok, kind: approval, needs: [r], message: 'good?'}}
"
    );
    home.mgr(&["workflow", "run", "--detach", "--workflow", &text]);
    let asked = wait_for("the question", || {
        let items = home.json(&["inbox"])["items"].clone();
        if items[0].is_null() { Err(home.state("@last")) } else { Ok(items[0].clone()) }
    });
    assert_eq!(asked["files"], json!(["made (result of r)", "runs (result of r)"]), "{asked:#}");
    assert_eq!(asked["reviewed"].as_array().map(Vec::len), Some(1), "{asked:#}");
    std::fs::write(go, "").unwrap();
    wait_for("the end of the other", || {
        let run = home.state("@last");
        if run["steps"][2]["status"] == "done" { Ok(()) } else { Err(run) }
    });
    assert_eq!(home.mgr(&["answer", "@last/ok", "yes"]).code, Some(0));
    assert_eq!(home.mgr(&["workflow", "status", "--wait"]).code, Some(0));
}

/// An applied winner lies where anybody can edit it: a yes counts for what lay there when it was looked at.
fn an_edit_of_an_applied_winner_makes_a_yes_void(text: &str) {
    let home = home();
    let text =
        text.replace("RACE", "kind: race, backends: [ann, bob], apply: true, prompt: \"write made v1\\nfinish yes\"");
    let ran = home.mgr(&["workflow", "run", "--workflow", &text]);
    assert_eq!(ran.code, Some(10), "{ran:#?}");
    let edit = |text: &str| std::fs::write(home.work().join("made"), text).unwrap();
    let asked = home.json(&["inbox"])["items"][0].clone();
    assert!(asked["files"].as_array().unwrap().contains(&json!("made")), "{asked:#}");
    edit("v2");
    let ran = home.mgr(&["answer", "@last/ok", "yes", "--digest", asked["digest"].as_str().unwrap()]);
    assert_eq!(ran.code, Some(9), "{ran:#?}");
    assert!(ran.stderr.contains("has changed: made"), "{ran:#?}");
    home.json(&["workflow", "pause", "@last"]);
    home.json(&["answer", "@last/ok", "yes"]);
    edit("v3");
    home.json(&["workflow", "resume", "@last"]);
    assert_eq!(home.mgr(&["workflow", "status", "@last", "--wait"]).code, Some(10));
    let again = home.json(&["inbox"])["items"][0].clone();
    assert_eq!(again["reason"], "what was approved has changed since: made", "{again:#}");
    assert_eq!(again["edited"], json!(["made"]), "{again:#}");
    home.json(&["answer", "@last/ok", "yes"]);
    assert_eq!(home.mgr(&["workflow", "status", "@last", "--wait"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(home.work().join("shipped")).unwrap(), "v3");
}

#[test]
fn a_yes_after_an_applied_race_counts_for_what_lies_there() {
    an_edit_of_an_applied_winner_makes_a_yes_void(
        "
steps:
  - {id: r, RACE}
  - {id: ok, kind: approval, needs: [r], message: 'good?'}
  - {id: ship, kind: command, needs: [ok], run: [cp, made, shipped]}
",
    );
}

#[test]
fn a_yes_after_an_applied_race_in_a_nested_workflow_counts_for_what_lies_there() {
    an_edit_of_an_applied_winner_makes_a_yes_void(
        "
steps:
  - {id: in, kind: workflow, workflow: {steps: [{id: r, RACE}]}}
  - {id: ok, kind: approval, needs: [in], message: 'good?'}
  - {id: ship, kind: command, needs: [ok], run: [cp, made, shipped]}
",
    );
}
