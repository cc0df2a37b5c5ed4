//! Process trees: what cancel, pause and the end of an agent do to everything that it has started.

use serde_json::json;

use crate::support::{Process, TestHome, kill_hard, processes, wait_death, wait_for};

/// Everything that works in the task's directory and is no helper of mgr: cookies can be scrubbed, this is not.
fn at_work(home: &TestHome) -> Vec<Process> {
    let works =
        |process: &Process| process.cwd == home.work() && !process.args.get(1).is_some_and(|arg| arg.starts_with("__"));
    processes().into_iter().filter(works).collect()
}

#[track_caller]
fn nothing_is_left(home: &TestHome) {
    let left = at_work(home);
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn cancel_leaves_nothing_of_a_stubborn_tree() {
    let home = TestHome::new();
    let id = home.submit(
        "fork-child\nsetsid-child\ndouble-fork\nnohup-loop\nbare-child\nother-cookie x\nother-cookie mgr\nother-cookie 1.1\nmany-children 20\nwrite up 1\nignore-term\nhang",
    );
    home.wait_file("up");
    wait_for("the tree", || if at_work(&home).len() >= 29 { Ok(()) } else { Err(at_work(&home)) });
    let ran = home.mgr(&["cancel", &id, "--grace", "200ms"]);
    nothing_is_left(&home);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:#?}");
    let task = home.status(&id);
    assert_eq!(
        json!([task["status"], task["health"], task["attempts"][0]["signal"]]),
        json!(["cancelled", "cancelled", 9])
    );
    assert_eq!(home.mgr(&["watch", &id]).code, Some(3));
}

#[test]
fn cancel_wins_against_a_process_that_is_never_the_same() {
    let home = TestHome::new();
    let id = home.submit("hop-child 1000000\nwrite up 1\nhang");
    home.wait_file("up");
    let is_hopping = |process: &Process| process.args.iter().any(|arg| arg == "--hop");
    wait_for("a hop", || if at_work(&home).iter().any(is_hopping) { Ok(()) } else { Err(at_work(&home)) });
    let ran = home.mgr(&["cancel", &id, "--grace", "100ms"]);
    nothing_is_left(&home);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
}

#[test]
fn an_agent_that_leaves_politely_is_not_killed() {
    let home = TestHome::new();
    let id = home.submit("write up 1\nhang");
    home.wait_file("up");
    let cancelled = home.json(&["cancel", &id, "--grace", "20s"]);
    let whole = json!({"tasks": [{"task_id": id, "status": "cancelled", "killed_processes": 0, "was_over": false}]});
    assert_eq!(cancelled, whole);
    let again = home.json(&["cancel", &id]);
    assert_eq!(again["tasks"][0]["was_over"], json!(true));
}

#[test]
fn a_second_cancel_may_shorten_the_grace() {
    let home = TestHome::new();
    let id = home.submit("ignore-term\nwrite up 1\nhang");
    home.wait_file("up");
    let mut first = home.command(["cancel", &id, "--grace", "10m"]).spawn().unwrap();
    // Its wish is in the store before its order is given.
    wait_for("the first wish", || {
        let database = rusqlite::Connection::open(home.home().join("mgr.db")).unwrap();
        let state: String = database.query_row("SELECT state FROM tasks", [], |row| row.get(0)).unwrap();
        if state.contains("ending") { Ok(()) } else { Err(state) }
    });
    let second = home.mgr(&["cancel", &id, "--grace", "0s"]);
    assert_eq!(second.code, Some(0), "{second:#?}");
    assert_eq!(home.status(&id)["status"], "cancelled");
    // It stands in the task's directory too, and notices a moment later.
    first.wait().unwrap();
    nothing_is_left(&home);
}

#[test]
fn cancel_works_when_the_keeper_is_dead() {
    let home = TestHome::new();
    let id = home.submit("double-fork\nsetsid-child\nwrite up 1\nignore-term\nhang");
    home.wait_file("up");
    kill_hard(home.wait_keeper(&id, 1));
    let ran = home.mgr(&["cancel", &id, "--grace", "200ms"]);
    assert_eq!((ran.code, home.status(&id)["status"].as_str()), (Some(0), Some("cancelled")), "{ran:#?}");
    nothing_is_left(&home);
}

/// Linux shows a process as a zombie once its first thread has ended, whatever the others do (proc(5)).
#[cfg(target_os = "linux")]
#[test]
fn cancel_ends_what_only_looks_like_a_zombie() {
    for keeper_is_dead in [false, true] {
        let home = TestHome::new();
        let id = home.submit("headless-child\nwrite up 1\nhang");
        home.wait_file("up");
        home.wait_file("headless");
        let pid = std::fs::read_to_string(home.work().join("headless")).unwrap().trim().to_owned();
        // The threads of a process that was killed are gone, or it is.
        let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        assert_eq!(threads(), 2);
        if keeper_is_dead {
            kill_hard(home.wait_keeper(&id, 1));
        }
        let ran = home.mgr(&["cancel", &id, "--grace", "200ms"]);
        assert!(threads() <= 1, "{ran:#?}");
        assert_eq!(ran.code, Some(0), "{ran:#?}");
    }
}

/// It tells the end before it is done with its files, and carries the task's cookie itself.
#[test]
fn cancel_returns_when_the_keeper_is_gone_too() {
    let home = TestHome::new();
    let go = home.root().join("keeper-may-go");
    let mut submit = home.command(["submit", "write up 1\nhang"]);
    submit.env("MGR_HOLD", format!("keeper.told@{}", go.display())).output().unwrap();
    home.wait_file("up");
    let id = home.only_task();
    let mut cancel = home.command(["cancel", &id]).stdout(std::process::Stdio::null()).spawn().unwrap();
    for _ in 0..5 {
        wait_for("the end", || {
            let task = home.status(&id);
            if task["status"] == "cancelled" { Ok(()) } else { Err(task) }
        });
    }
    assert_eq!(cancel.try_wait().unwrap(), None, "the keeper is still there");
    std::fs::write(&go, "").unwrap();
    assert!(cancel.wait().unwrap().success());
    let cookie = format!("{id}.1");
    let left: Vec<_> = processes().into_iter().filter(|process| process.has_env("MGR_COOKIE", &cookie)).collect();
    assert!(left.is_empty(), "{left:#?}");
}

/// What has given away its environment is known by its parent, and when that is gone, by having been seen.
#[test]
fn a_second_keeper_knows_children_without_an_environment() {
    let home = TestHome::new();
    let id = home.submit("bare-foreground\nwrite up 1\nhang");
    home.wait_file("up");
    let is_bare = |process: &Process| process.args.iter().any(|arg| arg == "3607");
    wait_for("the child", || if at_work(&home).iter().any(is_bare) { Ok(()) } else { Err(at_work(&home)) });
    let first = home.wait_keeper(&id, 1);
    kill_hard(first);
    wait_for("another keeper", || home.keeper_of(&id, 1).filter(|pid| *pid != first).ok_or(home.status(&id)));
    home.json(&["pause", &id]);
    wait_for("a stopped tree", || {
        let tree = at_work(&home);
        if tree.len() == 2 && tree.iter().all(|process| process.state == 'T') { Ok(()) } else { Err(tree) }
    });
    home.json(&["resume", &id]);
    let ran = home.mgr(&["cancel", &id, "--grace", "5s"]);
    nothing_is_left(&home);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
}

#[test]
fn cancel_of_what_is_over_ends_what_is_left_of_it() {
    let home = TestHome::new();
    let id = home.submit("finish x");
    home.end_of(&id);
    let mut left = std::process::Command::new("sleep");
    let mut left = left.arg("3609").env("MGR_COOKIE", format!("{id}.1")).spawn().unwrap();
    let cancelled = home.json(&["cancel", &id]);
    let whole = json!({"tasks": [{"task_id": id, "status": "done", "killed_processes": 1, "was_over": true}]});
    assert_eq!(cancelled, whole);
    assert!(!left.wait().unwrap().success());
}

#[test]
fn cancel_before_the_start_means_that_nothing_ever_runs() {
    let home = TestHome::with_settings("slots: 1\n");
    let running = home.submit("wait-for go\nfinish x");
    let queued = home.submit("finish never");
    assert_eq!(home.status(&queued)["waiting_on"], "a free slot");
    assert_eq!(home.json(&["cancel", &queued])["tasks"][0]["status"], "cancelled");
    let held = home.submit("finish never");
    assert_eq!(home.json(&["pause", &held])["status"], "held");
    assert_eq!(home.json(&["cancel", &held])["tasks"][0]["status"], "cancelled");
    home.touch("go");
    home.end_of(&running);
    assert_eq!(home.runs(), [format!("{running}.1")]);
}

#[test]
fn cancel_between_claim_and_keeper_means_that_the_agent_never_runs() {
    let home = TestHome::new();
    let mut submit = home.command(["submit", "finish never"]);
    submit.env("MGR_FAILPOINT", "engine.before_launch").output().unwrap();
    let id = home.only_task();
    let ran = home.mgr(&["cancel", &id]);
    assert_eq!((ran.code, home.status(&id)["status"].as_str()), (Some(0), Some("cancelled")), "{ran:#?}");
    assert_eq!(home.runs(), [""; 0]);
}

#[test]
fn leftovers_of_an_agent_that_is_done_are_ended() {
    let home = TestHome::new();
    let id = home.submit("double-fork\nnohup-loop\nbare-child\nfinish the truth");
    assert_eq!(home.end_of(&id)["status"], "done");
    nothing_is_left(&home);
}

#[test]
fn an_agent_that_stays_after_its_result_is_ended_and_the_result_counts() {
    let home = TestHome::new();
    let id = home.submit("finish the truth\nignore-term\nfork-child\nhang");
    let task = home.end_of(&id);
    assert_eq!(json!([task["status"], home.output(&id)]), json!(["done", "the truth\n"]), "{task:#}");
    nothing_is_left(&home);
}

#[test]
fn pause_stops_every_process_and_resume_lets_it_go_on() {
    let home = TestHome::new();
    let id = home.submit("setsid-child\nnohup-loop\nwrite up 1\nwait-for go\nfinish the truth");
    home.wait_file("up");
    wait_for("the tree", || if at_work(&home).len() >= 4 { Ok(()) } else { Err(at_work(&home)) });
    assert_eq!(home.json(&["pause", &id]), json!({"task_id": id, "status": "paused"}));
    let stands = || {
        let tree = at_work(&home);
        if tree.iter().all(|process| process.state == 'T') { Ok(tree.len()) } else { Err(tree) }
    };
    assert!(wait_for("a stopped tree", stands) >= 4);
    home.touch("go");
    assert_eq!(home.mgr(&["pause", &id]).code, Some(9));
    assert_eq!(home.mgr(&["watch", &id, "--timeout", "300ms"]).code, Some(5));
    assert_eq!(home.json(&["resume", &id])["status"], "running");
    assert_eq!(home.end_of(&id)["status"], "done");
    nothing_is_left(&home);
}

/// The system ends a stopped process group when nobody of its session is left to continue it (setpgid(2)).
#[test]
fn a_paused_agent_outlives_its_keeper() {
    for script in ["fork-child\nwrite up 1\nwait-for go\nfinish the truth", "write up 1\nwait-for go\nfinish the truth"]
    {
        let home = TestHome::new();
        let id = home.submit(script);
        home.wait_file("up");
        let first = home.wait_keeper(&id, 1);
        home.json(&["pause", &id]);
        let stands = || {
            let tree = at_work(&home);
            let is_stopped = !tree.is_empty() && tree.iter().all(|process| process.state == 'T');
            if is_stopped { Ok(tree.iter().map(|process| process.pid).collect::<Vec<_>>()) } else { Err(tree) }
        };
        let before = wait_for("a stopped tree", stands);
        kill_hard(first);
        wait_for("another keeper", || home.keeper_of(&id, 1).filter(|pid| *pid != first).ok_or(home.status(&id)));
        assert_eq!((wait_for("a stopped tree", stands), home.status(&id)["status"].as_str()), (before, Some("paused")));
        home.touch("go");
        home.json(&["resume", &id]);
        let task = home.end_of(&id);
        let told = json!([task["status"], task["attempts"][0]["supervision"], home.output(&id)]);
        assert_eq!(told, json!(["done", "adopted", "the truth\n"]), "{task:#}");
    }
}

#[test]
fn a_keeper_that_dies_over_a_pause_or_its_end_leaves_nothing_standing() {
    for point in ["keeper.pausing", "keeper.paused", "keeper.resumed"] {
        let home = TestHome::new();
        let marker = home.root().join("died");
        let mut submit = home.command(["submit", "--", "fork-child\nwrite up 1\nwait-for go\nfinish the truth"]);
        submit.env("MGR_FAILPOINT", format!("{point}@{}", marker.display())).output().unwrap();
        home.wait_file("up");
        let id = home.only_task();
        home.json(&["pause", &id]);
        if point == "keeper.resumed" {
            let rests = home.attempt(&id, 1).join("rests");
            wait_for("the pause", || if rests.exists() { Ok(()) } else { Err(home.status(&id)) });
        } else {
            wait_death(&marker);
        }
        home.touch("go");
        home.json(&["resume", &id]);
        assert_eq!(home.end_of(&id)["status"], "done", "{point}");
        assert!(marker.exists(), "{point}");
        nothing_is_left(&home);
    }
}

/// Helpers of mgr that somebody stopped hold their locks and do nothing; whoever needs them lets them go on.
#[cfg(target_os = "linux")]
mod stopped {
    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };

    use super::*;
    use crate::it::workflow::step;

    fn stop(pid: i32) {
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
        wait_for("a stopped helper", || {
            let it = processes().into_iter().find(|process| process.pid == pid);
            if it.as_ref().is_some_and(|it| it.state == 'T') { Ok(()) } else { Err(it) }
        });
    }

    fn stop_the_ticker(home: &TestHome) {
        let pid = wait_for("the ticker", || home.tickers().first().copied().ok_or_else(|| home.json(&["list"])));
        stop(pid);
    }

    /// Nobody asks for anything: the keeper of the first step finds out when that ends.
    #[test]
    fn a_ticker_goes_on_when_a_keeper_has_news_for_it() {
        let home = TestHome::new();
        let steps = [step("a", "", "write up 1\nwait-for go\nfinish a"), step("b", "a", "write over 1\nfinish b")];
        home.detached(&format!("steps:\n{}", steps.concat()));
        home.wait_file("up");
        stop_the_ticker(&home);
        home.touch("go");
        // Without a question to `mgr`, which would help too.
        wait_for("the second step", || if home.work().join("over").exists() { Ok(()) } else { Err("not begun") });
    }

    #[test]
    fn a_ticker_goes_on_when_a_command_needs_it() {
        let home = TestHome::new();
        let text =
            "steps:\n  - {id: rest, kind: wait, for: 4s}\n  - {id: b, kind: command, needs: [rest], run: ['true']}\n";
        let id = home.detached(text);
        stop_the_ticker(&home);
        assert_eq!(home.end_of_run(&id)["status"], "done");
    }

    #[test]
    fn a_keeper_goes_on_when_nothing_was_heard_of_it() {
        let home = TestHome::new();
        let id = home.submit("write up 1\nwait-for go\nfinish the truth");
        home.wait_file("up");
        stop(home.wait_keeper(&id, 1));
        home.claimed_long_ago();
        home.touch("go");
        let task = home.end_of(&id);
        assert_eq!(json!([task["status"], home.output(&id)]), json!(["done", "the truth\n"]), "{task:#}");
    }

    #[test]
    fn a_keeper_goes_on_to_hear_that_its_task_is_cancelled() {
        let home = TestHome::new();
        let id = home.submit("write up 1\nhang");
        home.wait_file("up");
        stop(home.wait_keeper(&id, 1));
        let ran = home.mgr(&["cancel", &id, "--grace", "1s"]);
        assert_eq!((ran.code, home.status(&id)["status"].as_str()), (Some(0), Some("cancelled")), "{ran:#?}");
        nothing_is_left(&home);
    }
}

/// The ticker repeats orders; one that it read before a resume must not stop the task for ever.
#[test]
fn pause_and_resume_in_quick_turns_end_as_the_last_says() {
    let home = TestHome::new();
    let id = home.submit("write up 1\nwait-for go\nfinish the truth");
    home.wait_file("up");
    for _ in 0..15 {
        home.json(&["pause", &id]);
        home.json(&["resume", &id]);
    }
    // What a late order of a ticker that has died since does: it was written after the resume.
    home.kill_tickers();
    std::fs::write(home.attempt(&id, 1).join("ctl"), "{\"do\":\"pause\"}\n").unwrap();
    wait_for("a stopped agent", || {
        let tree = at_work(&home);
        if tree.iter().all(|process| process.state == 'T') { Ok(()) } else { Err(tree) }
    });
    home.touch("go");
    assert_eq!(home.end_of(&id)["status"], "done");
}

#[test]
fn a_paused_task_can_be_cancelled() {
    let home = TestHome::new();
    let id = home.submit("setsid-child\nwrite up 1\nhang");
    home.wait_file("up");
    home.json(&["pause", &id]);
    assert_eq!(home.json(&["cancel", &id, "--grace", "5s"])["tasks"][0]["status"], "cancelled");
    nothing_is_left(&home);
}

#[test]
fn cancel_ends_a_check_that_runs_after_the_agent() {
    let home = TestHome::new();
    let id = home.submit_with(&["--verify", "touch checking; trap '' TERM; setsid sleep 3605"], "finish x");
    home.wait_file("checking");
    assert_eq!(home.json(&["cancel", &id, "--grace", "200ms"])["tasks"][0]["status"], "cancelled");
    nothing_is_left(&home);
}

/// An agent may delegate with mgr itself; what it submitted is a task of its own and outlives it.
#[test]
fn a_task_that_an_agent_submitted_outlives_the_agent() {
    let home = TestHome::new();
    std::fs::write(home.work().join("nested"), "write inner-up 1\nwait-for go\nfinish the truth").unwrap();
    let mgr = env!("CARGO_BIN_EXE_mgr");
    let outer = home.submit(&format!("run '{mgr}' submit @nested > inner-id\nwait-for inner-up\nfinish delegated"));
    let told = home.end_of(&outer);
    assert_eq!(json!([told["status"], home.output(&outer)]), json!(["done", "delegated\n"]), "{told:#}");
    let inner = std::fs::read_to_string(home.work().join("inner-id")).unwrap().trim().to_owned();
    assert_eq!(home.status(&inner)["status"], "running");
    home.touch("go");
    let told = home.end_of(&inner);
    let whole = json!([told["status"], told["attempts"][0]["supervision"], home.output(&inner)]);
    assert_eq!(whole, json!(["done", "kept", "the truth\n"]), "{told:#}");
}

#[test]
fn helpers_of_mgr_are_no_orphans_of_a_task() {
    let home = TestHome::new();
    let live = home.submit_beside("wait-for go\nfinish x");
    let over = home.submit_beside("write up 1\nwait-for first\nfinish x");
    home.wait_file("up");
    // The next ticker is started by the keeper of the first task, and lives on for the second.
    home.kill_tickers();
    home.touch("first");
    let record = home.home().join("tasks").join(&over).join("record.json");
    wait_for("the record", || if record.exists() { Ok(()) } else { Err(home.tickers()) });
    let found = home.mgr(&["doctor", "--json"]).json();
    let processes = found["findings"].as_array().unwrap().iter().find(|finding| finding["subject"] == "processes");
    assert_eq!(processes.unwrap()["message"], "no orphans of finished tasks");
    home.touch("go");
    home.end_of(&live);
}
