//! One writer for each workspace: who waits, for whom, and who does not.

use serde_json::{Value, json};

use crate::support::{TestHome, members, wait_for};

/// Says in what order the agents began and ended: each appends to a log beside all directories.
fn scripted(home: &TestHome, name: &str) -> String {
    let log = home.root().join("log");
    let wait = home.root().join(format!("go-{name}"));
    format!("append {0} +{name}\nwait-for {1}\nappend {0} -{name}\nfinish x", log.display(), wait.display())
}

fn log(home: &TestHome) -> String {
    std::fs::read_to_string(home.root().join("log")).unwrap_or_default()
}

fn let_go(home: &TestHome, name: &str) {
    std::fs::write(home.root().join(format!("go-{name}")), "").unwrap();
}

#[track_caller]
fn wait_log(home: &TestHome, wanted: &str) {
    wait_for("the log", || if log(home) == wanted { Ok(()) } else { Err((log(home), home.json(&["list"]))) });
}

fn waiting(home: &TestHome, id: &str) -> Value {
    let task = home.status(id);
    json!([task["status"], task["waiting"], task["waiting_on"]])
}

#[test]
fn two_writers_in_one_directory_run_one_after_the_other_and_the_second_says_for_whom_it_waits() {
    let home = TestHome::new();
    let first = home.submit(&scripted(&home, "a"));
    wait_log(&home, "+a");
    let second = home.submit(&scripted(&home, "b"));
    let third = home.submit(&scripted(&home, "c"));
    let work = home.work().canonicalize().unwrap().display().to_string();
    let words = format!("task {first}, which writes in `{work}`");
    let lease = json!({"kind": "lease", "task_ids": [first], "path": work});
    assert_eq!(waiting(&home, &second), json!(["queued", lease, words]));
    assert_eq!(waiting(&home, &third), json!(["queued", lease, words]));
    let list = home.json(&["list"]);
    assert_eq!(list["tasks"][1]["current_step"], words, "{list:#}");
    let explained = home.json(&["explain", &second])["tasks"][0]["text"].as_str().unwrap().to_owned();
    assert!(explained.ends_with(&format!("It is queued and waits for: {words}.")), "{explained}");
    for name in ["a", "b", "c"] {
        let_go(&home, name);
    }
    for id in [&first, &second, &third] {
        assert_eq!(home.end_of(id)["status"], "done");
    }
    assert_eq!(log(&home), "+a-a+b-b+c-c");
}

#[test]
fn a_directory_beneath_and_one_above_wait_too_and_nobody_is_starved() {
    let home = TestHome::new();
    for dir in ["a", "b"] {
        std::fs::create_dir(home.work().join(dir)).unwrap();
    }
    let beneath = home.submit_with(&["-C", "a"], &scripted(&home, "a"));
    wait_log(&home, "+a");
    let above = home.submit(&scripted(&home, "w"));
    // Its directory is free; but the one above was first, and would wait for ever if such as this went on.
    let sibling = home.submit_with(&["-C", "b"], &scripted(&home, "b"));
    let elsewhere = home.root().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let other = home.submit_with(&["-C", elsewhere.to_str().unwrap()], &scripted(&home, "o"));
    wait_log(&home, "+a+o");
    assert_eq!(waiting(&home, &above)[1]["task_ids"], json!([beneath]));
    let work = home.work().canonicalize().unwrap().display().to_string();
    assert_eq!(waiting(&home, &sibling)[2], format!("task {above}, which gets `{work}` first"));
    for name in ["o", "a", "w", "b"] {
        let_go(&home, name);
    }
    for id in [&beneath, &above, &sibling, &other] {
        assert_eq!(home.end_of(id)["status"], "done");
    }
    let told = log(&home).replace("+o", "").replace("-o", "");
    assert_eq!(told, "+a-a+w-w+b-b");
}

#[test]
fn readers_and_those_who_share_do_not_wait_and_nobody_waits_for_them() {
    let home = TestHome::new();
    let shared = home.submit_with(&["--share"], &scripted(&home, "s"));
    let reader = home.submit_with(&["--posture", "read_only"], &scripted(&home, "r"));
    let writer = home.submit(&scripted(&home, "w"));
    let beside = home.submit_with(&["--share"], &scripted(&home, "t"));
    wait_for("all four", || {
        let running = home.json(&["list", "--status", "running"]);
        if running["total"] == 4 && log(&home).len() == 8 { Ok(()) } else { Err((log(&home), running)) }
    });
    for name in ["s", "r", "w", "t"] {
        let_go(&home, name);
    }
    for id in [&shared, &reader, &writer, &beside] {
        assert_eq!(home.end_of(id)["status"], "done");
    }
}

#[test]
fn a_cancelled_or_killed_writer_gives_its_directory_back() {
    let home = TestHome::new();
    let first = home.submit(&scripted(&home, "a"));
    wait_log(&home, "+a");
    let second = home.submit(&scripted(&home, "b"));
    home.mgr(&["cancel", &first, "--grace", "0s"]);
    wait_log(&home, "+a+b");
    let third = home.submit("finish x");
    let agent = members(&second, 1).first().map(|process| process.pid).unwrap();
    crate::support::kill_hard(agent);
    assert_eq!(home.end_of(&third)["status"], "done");
}

#[test]
fn a_paused_writer_keeps_its_directory() {
    let home = TestHome::new();
    let first = home.submit(&scripted(&home, "a"));
    wait_log(&home, "+a");
    home.json(&["pause", &first]);
    let second = home.submit("finish x");
    assert_eq!(home.mgr(&["watch", &second, "--timeout", "500ms"]).code, Some(5));
    home.json(&["resume", &first]);
    let_go(&home, "a");
    assert_eq!(home.end_of(&second)["status"], "done");
}

/// A row as a command makes it, with a lock that this test holds in its place.
#[test]
fn a_command_that_holds_the_directory_keeps_tasks_from_starting_until_it_is_gone() {
    let home = TestHome::new();
    home.end_of(&home.submit("finish x"));
    let lock = home.root().join("lock");
    let file = std::fs::File::create(&lock).unwrap();
    file.lock().unwrap();
    let work = home.work().canonicalize().unwrap().display().to_string();
    let database = rusqlite::Connection::open(home.home().join("mgr.db")).unwrap();
    let sql = "INSERT INTO holds (lock, root, holder) VALUES (?1, ?2, 'mgr rollback 1')";
    database.execute(sql, [lock.to_str().unwrap(), &work]).unwrap();
    let id = home.submit("finish y");
    let lease = json!({"kind": "lease", "path": work, "holder": "mgr rollback 1"});
    let words = format!("`mgr rollback 1`, which holds `{work}`");
    assert_eq!(waiting(&home, &id), json!(["queued", lease, words]));
    assert_eq!(home.mgr(&["watch", &id, "--timeout", "500ms"]).code, Some(5));
    // Its process is gone and has tidied up nothing.
    drop(file);
    assert_eq!(home.end_of(&id)["status"], "done");
    let left: i64 = database.query_row("SELECT count(*) FROM holds", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let home = TestHome::new();
    let rows: [(&[&str], &str); 4] = [
        (&["--setup", "true"], "add `--isolate worktree`"),
        (&["--isolate", "copy", "--share"], "shares no directory"),
        (&["--isolate", "copy", "--archive", "off"], "made from the archive"),
        (&["--isolate", "worktree"], "--isolate copy"),
    ];
    for (args, words) in rows {
        let ran = home.mgr(&[&["submit", "--json"], args, &["x"]].concat());
        let error = ran.error().to_string();
        assert!(ran.code == Some(2) && error.contains(words), "{args:?}: {ran:#?}");
    }
}

/// An agent that waits for what it has delegated in its own directory would otherwise wait for its own end.
#[test]
fn what_an_agent_delegates_in_its_own_directory_works_beside_it() {
    let home = TestHome::new();
    std::fs::write(home.root().join("inner"), "write made 1\nfinish inner").unwrap();
    let mgr = env!("CARGO_BIN_EXE_mgr");
    let inner = home.root().join("inner").display().to_string();
    let script = format!("run '{mgr}' submit --wait --json @{inner} > answer || exit 9\nfinish outer");
    let outer = home.end_of(&home.submit(&script));
    assert_eq!(outer["status"], "done", "{outer:#}");
    let answer: Value = serde_json::from_slice(&std::fs::read(home.work().join("answer")).unwrap()).unwrap();
    let inner = home.status(answer["task_id"].as_str().unwrap());
    assert_eq!(json!([inner["status"], inner["share"], outer["share"]]), json!(["done", true, null]), "{inner:#}");
    // By itself it waits like any other.
    let alone = home.submit("finish x");
    assert_eq!(home.end_of(&alone)["share"], Value::Null);
}

/// What a task waited for before a pause, it waits for after it.
#[test]
fn a_task_that_was_paused_while_it_waited_goes_on_waiting() {
    let home = TestHome::new();
    let first = home.submit_beside("wait-for go\nfinish a");
    let after = ["--share", "--after", &first];
    let [second, third] = ["finish b", "finish c"].map(|script| home.submit_with(&after, script));
    for id in [&second, &third] {
        home.json(&["pause", id]);
    }
    home.json(&["resume", &second]);
    let task = home.status(&second);
    assert_eq!(json!([task["status"], task["waiting"]["task_ids"]]), json!(["queued", [first]]), "{task:#}");
    home.touch("go");
    assert_eq!(home.end_of(&second)["status"], "done");
    // Its dependency has ended while it was held.
    home.json(&["resume", &third]);
    assert_eq!(home.end_of(&third)["status"], "done");
    assert_eq!(home.runs(), [format!("{first}.1"), format!("{second}.1"), format!("{third}.1")]);
}
