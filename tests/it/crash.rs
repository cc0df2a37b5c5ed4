//! `kill -9` of any process at any point: the task ends with its true result, and its agent ran once.

use std::process::Command;

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::support::{TestHome, in_group, kill_hard, members, wait_death, wait_for};

const SCRIPT: &str = "say working\nsleep 100\nfinish the truth";

/// What must hold after every crash.
#[track_caller]
fn told_the_truth(home: &TestHome, id: &str, supervision: &str) {
    let task = home.end_of(id);
    let told = json!([task["status"], home.output(id), home.runs(), task["attempts"][0]["supervision"]]);
    assert_eq!(told, json!(["done", "the truth\n", [format!("{id}.1")], supervision]), "{task:#}");
    assert_eq!(task["attempts"].as_array().map(Vec::len), Some(1), "{task:#}");
    assert!(members(id, 1).is_empty(), "{:#?}", members(id, 1));
}

/// Whoever reaches `point` first dies there.
fn survives(point: &str, supervision: &str) {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let mut submit = home.command(["submit", SCRIPT]);
    let ran = submit.env("MGR_FAILPOINT", format!("{point}@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    let id = home.only_task();
    if ran.status.success() {
        assert_eq!(String::from_utf8_lossy(&ran.stdout).trim_end(), id);
    }
    told_the_truth(&home, &id, supervision);
}

macro_rules! survives {
    ($($name:ident: $point:literal, $supervision:literal;)*) => {
        $(#[test] fn $name() { survives($point, $supervision); })*
    };
}

survives! {
    submitter_dies_after_its_commit: "submit.after_commit", "kept";
    submitter_dies_before_it_tells_anybody: "engine.after_commit", "kept";
    submitter_dies_before_the_launch: "engine.before_launch", "kept";
    launcher_dies_before_its_first_child: "launcher.before_all", "kept";
    launcher_dies_between_children: "launcher.between", "kept";
    ticker_dies_before_it_reconciles: "ticker.before_reconcile", "kept";
    reader_dies_before_its_checkpoint: "ingest.before_checkpoint", "kept";
    keeper_dies_with_the_lock: "keeper.locked", "kept";
    keeper_dies_before_the_agent_is_started: "keeper.before_spawn", "kept";
    keeper_dies_before_it_knows_the_agent: "keeper.after_spawn", "adopted";
    keeper_dies_before_the_exit_file: "keeper.before_exit", "adopted";
    keeper_dies_after_the_exit_file: "keeper.after_exit", "kept";
}

#[test]
fn events_have_no_gap_and_no_double_after_a_reader_died() {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let script: String = (0..600).map(|n| format!("say {n}\n")).chain(["finish 600".into()]).collect();
    let mut submit = home.command(["submit", &script]);
    submit.env("MGR_FAILPOINT", format!("ingest.before_checkpoint@{}", marker.display())).output().unwrap();
    wait_death(&marker);
    let id = home.only_task();
    home.end_of(&id);
    let events = home.json(&["events", &id, "--limit", "1000"]);
    let seqs: Vec<_> =
        events["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=601).collect::<Vec<_>>());
}

#[test]
fn a_killed_keeper_is_replaced_and_the_agent_goes_on() {
    let home = TestHome::new();
    let id = home.submit("say working\nwait-for go\nfinish the truth");
    home.wait_file("runs");
    let first = home.wait_keeper(&id, 1);
    kill_hard(first);
    let second =
        wait_for("another keeper", || home.keeper_of(&id, 1).filter(|pid| *pid != first).ok_or(home.status(&id)));
    home.touch("go");
    told_the_truth(&home, &id, "adopted");
    assert_ne!(first, second);
}

#[test]
fn a_keeper_and_its_agent_may_both_be_gone_before_anybody_looks() {
    let home = TestHome::new();
    let id = home.submit("say working\nwait-for go\nfinish the truth");
    home.wait_file("runs");
    let keeper = home.wait_keeper(&id, 1);
    home.tickers().into_iter().chain([keeper]).for_each(kill_hard);
    home.touch("go");
    wait_for("the agent's end", || if members(&id, 1).is_empty() { Ok(()) } else { Err(members(&id, 1)) });
    told_the_truth(&home, &id, "adopted");
}

#[test]
fn a_killed_agent_is_a_failure_that_says_so() {
    let home = TestHome::new();
    let id = home.submit("say working\nkill-self");
    let task = home.end_of(&id);
    let told =
        json!([task["status"], task["failure"]["category"], task["attempts"][0]["signal"], task["failure"]["message"]]);
    assert_eq!(told, json!(["failed", "crashed", 9, "the agent ended with signal 9 and no result"]));
    assert_eq!(home.mgr(&["watch", &id]).code, Some(1));
}

/// Its work was broken off: what a check says of it is no word on the task, and no reason to go on with it.
#[test]
fn a_killed_agents_work_is_not_checked() {
    let home = TestHome::new();
    for end in ["kill-self", "finish claimed\nkill-self"] {
        let args = ["--verify", "echo x >>checked; false", "--verify-retries", "2"];
        let id = home.submit_with(&args, &format!("session s\n{end}"));
        let task = home.end_of(&id);
        let told = json!([task["status"], task["failure"]["category"], task["verification"]]);
        assert_eq!(told, json!(["failed", "crashed", "none"]), "{task:#}");
        assert_eq!((task["attempts"].as_array().map(Vec::len), home.work().join("checked").exists()), (Some(1), false));
    }
}

#[test]
fn everything_killed_at_once_is_a_failure_that_says_so() {
    let home = TestHome::new();
    let id = home.submit("say working\nhang");
    home.wait_file("runs");
    let keeper = home.wait_keeper(&id, 1);
    let agents = members(&id, 1);
    home.tickers().into_iter().chain([keeper]).for_each(kill_hard);
    agents.iter().for_each(|agent| kill_hard(agent.pid));
    let task = home.end_of(&id);
    let told = json!([task["status"], task["failure"]["category"], task["attempts"][0]["supervision"], home.runs()]);
    assert_eq!(told, json!(["failed", "crashed", "adopted", [format!("{id}.1")]]));
}

#[test]
fn a_killed_ticker_is_replaced_by_the_next_command() {
    let home = TestHome::new();
    let id = home.submit("wait-for go\nfinish the truth");
    home.wait_file("runs");
    let first = wait_for("a ticker", || home.tickers().first().copied().ok_or(home.status(&id)));
    kill_hard(first);
    wait_for("another ticker", || home.tickers().iter().find(|pid| **pid != first).map(|_| ()).ok_or(home.status(&id)));
    home.touch("go");
    told_the_truth(&home, &id, "kept");
}

#[test]
fn a_killed_ticker_is_replaced_by_a_keeper_when_nobody_looks() {
    let home = TestHome::new();
    let id = home.submit("wait-for go\nfinish the truth");
    home.wait_file("runs");
    home.kill_tickers();
    wait_for("another ticker", || home.tickers().first().map(|_| ()).ok_or("none"));
    home.touch("go");
    told_the_truth(&home, &id, "kept");
}

#[test]
fn the_terminal_and_its_process_group_take_nothing_with_them() {
    let home = TestHome::new();
    let mut shell = Command::new("setsid");
    let submit = home.command(["submit"]);
    let program = submit.get_program().to_str().unwrap();
    shell.args([
        "sh",
        "-c",
        &format!("'{program}' submit 'say working\nwait-for go\nfinish the truth'; '{program}' watch @last"),
    ]);
    shell
        .current_dir(home.work())
        .env_clear()
        .env("MGR_HOME", home.home())
        .env("PATH", std::env::var_os("PATH").unwrap());
    let mut shell = in_group(shell);
    home.wait_file("runs");
    let own = Pid::from_raw(i32::try_from(shell.id()).unwrap());
    // setsid(1) forks when it leads a group, so the session's own group is killed too.
    let others = crate::support::processes().into_iter().filter(|process| process.cwd == home.work());
    let others = others.filter(|process| process.args.iter().any(|arg| arg == "watch" || arg.contains("watch @last")));
    for process in others {
        let _ = killpg(Pid::from_raw(process.pid), Signal::SIGKILL);
    }
    let _ = killpg(own, Signal::SIGKILL);
    shell.wait().unwrap();
    home.touch("go");
    told_the_truth(&home, &home.only_task(), "kept");
}

#[test]
fn a_task_ends_by_itself_when_nobody_ever_looks_again() {
    let home = TestHome::new();
    let id = home.submit(SCRIPT);
    let record = home.home().join("tasks").join(&id).join("record.json");
    wait_for("the record", || if record.exists() { Ok(()) } else { Err(home.runs()) });
    let record: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    assert_eq!(record["state"], json!({"state": "finished", "status": "done", "failure": null}));
    wait_for("the ticker's end", || if home.tickers().is_empty() { Ok(()) } else { Err(home.tickers()) });
}

#[test]
fn no_task_is_forgotten_between_two_tickers() {
    let home = TestHome::new();
    for n in 0..25 {
        let id = home.submit(&format!("finish {n}"));
        // Nobody asks: the ticker of the task before is about to leave when this one comes.
        let record = home.home().join("tasks").join(&id).join("record.json");
        wait_for("the record", || if record.exists() { Ok(()) } else { Err(home.tickers()) });
    }
    assert_eq!(home.json(&["status"])["counts"], json!({"done": 25}));
}

#[test]
fn a_keeper_that_is_asked_to_leave_takes_the_agent_with_it_and_says_so() {
    let home = TestHome::new();
    let id = home.submit("say working\nsetsid-child\nwrite up 1\nhang");
    home.wait_file("up");
    nix::sys::signal::kill(Pid::from_raw(home.wait_keeper(&id, 1)), Signal::SIGTERM).unwrap();
    let task = home.end_of(&id);
    let told =
        json!([task["status"], task["failure"]["category"], task["attempts"][0]["supervision"], home.runs().len()]);
    assert_eq!(told, json!(["failed", "crashed", "kept", 1]), "{task:#}");
    assert!(members(&id, 1).is_empty(), "{:#?}", members(&id, 1));
}

/// The clock is set back by an hour between the claim and the next look: the claim lies in the future.
#[test]
fn a_claim_from_the_future_is_still_started() {
    let home = TestHome::new();
    let mut submit = home.command(["submit", SCRIPT]);
    submit.env("MGR_FAILPOINT", "engine.before_launch").output().unwrap();
    let id = home.only_task();
    home.claimed_at("2099-01-01T00:00:00Z");
    told_the_truth(&home, &id, "kept");
}

/// Agents, and those who tidy up, remove files that are not theirs: what lives is proof enough that it was begun.
#[test]
fn an_attempt_whose_files_are_removed_runs_once() {
    let empty = "find . -type f -empty -delete";
    let rows = [
        ("say working\n", empty, "done"),
        ("", empty, "failed"),
        ("", "rm -f alive pid out err ctl", "failed"),
        ("", "rm -rf \"$PWD\"", "failed"),
    ];
    for (first, removes, expected) in rows {
        let home = TestHome::new();
        let id = home.submit(&format!(
            "{first}run cd \"$MGR_HOME/tasks/$MGR_TASK_ID/1\" && {removes}\nwrite up 1\nwait-for go\nfinish the truth"
        ));
        home.wait_file("up");
        home.claimed_long_ago();
        // The keeper makes anew what it is known by; until then every look finds nobody.
        wait_for("the keeper's files", || {
            let task = home.status(&id);
            if ["alive", "pid", "ctl"].iter().all(|name| home.attempt(&id, 1).join(name).exists()) {
                Ok(())
            } else {
                Err(task)
            }
        });
        home.touch("go");
        let task = home.end_of(&id);
        let told = json!([task["status"], task["attempts"][0]["supervision"], home.runs()]);
        assert_eq!(told, json!([expected, "kept", [format!("{id}.1")]]), "{removes}: {task:#}");
    }
}

#[test]
fn an_attempt_without_its_files_can_be_cancelled() {
    let home = TestHome::new();
    let id = home.submit("run rm -rf \"$MGR_HOME/tasks/$MGR_TASK_ID/1\"\nwrite up 1\nhang");
    home.wait_file("up");
    let ran = home.mgr(&["cancel", &id, "--grace", "1s"]);
    assert_eq!((ran.code, home.status(&id)["status"].as_str()), (Some(0), Some("cancelled")), "{ran:#?}");
    assert_eq!(home.runs().len(), 1);
    assert!(members(&id, 1).is_empty(), "{:#?}", members(&id, 1));
}

#[test]
fn an_attempt_that_cannot_be_prepared_fails_alone() {
    let home = TestHome::new();
    let file = home.work().join("included");
    std::fs::write(&file, "text").unwrap();
    let mut submit = home.command(["submit", "--include-files", "included", SCRIPT]);
    submit.env("MGR_FAILPOINT", "engine.before_launch").output().unwrap();
    let id = home.only_task();
    std::fs::remove_dir_all(home.attempt(&id, 1)).unwrap();
    std::fs::remove_file(file).unwrap();
    let task = home.end_of(&id);
    assert_eq!(json!([task["status"], task["failure"]["category"]]), json!(["failed", "launch"]), "{task:#}");
}

#[test]
fn a_backend_that_left_the_configuration_does_not_stop_the_rest() {
    let home = TestHome::with_settings("programs: {}\n");
    let id = home.submit("say working\nwait-for go\nfinish the truth");
    home.wait_file("runs");
    home.kill_tickers();
    std::fs::write(home.home().join("config.yaml"), "grace: 1s\n").unwrap();
    home.touch("go");
    let task = home.end_of(&id);
    assert_eq!(json!([task["status"], task["failure"]["category"]]), json!(["failed", "backend_missing"]), "{task:#}");
    let other = home.mgr(&["submit", "-b", "demo", "--wait", "say: hello"]);
    assert_eq!(other.code, Some(0), "{other:#?}");
}

#[test]
fn a_torn_spec_is_written_again() {
    let home = TestHome::new();
    let mut submit = home.command(["submit", SCRIPT]);
    submit.env("MGR_FAILPOINT", "launcher.before_all").output().unwrap();
    let id = home.only_task();
    let spec = home.attempt(&id, 1).join("spec.json");
    let whole = std::fs::read(&spec).unwrap();
    std::fs::write(&spec, &whole[..whole.len() / 2]).unwrap();
    told_the_truth(&home, &id, "kept");
}

#[test]
fn a_task_that_was_asked_to_end_has_ended_so_though_its_keeper_died_over_it() {
    let home = TestHome::new();
    let marker = home.root().join("died");
    let mut submit = home.command(["submit", "write up 1\nhang"]);
    submit.env("MGR_FAILPOINT", format!("keeper.before_exit@{}", marker.display())).output().unwrap();
    let up = home.work().join("up");
    wait_for("the agent", || if up.exists() { Ok(()) } else { Err(home.runs()) });
    let id = home.only_task();
    home.json(&["cancel", &id, "--grace", "0s"]);
    let task = home.end_of(&id);
    let told = json!([task["status"], task["attempts"][0]["supervision"], marker.exists()]);
    assert_eq!(told, json!(["cancelled", "adopted", true]), "{task:#}");
}
