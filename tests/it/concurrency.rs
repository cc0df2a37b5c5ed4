//! Many processes at once: nothing twice, nothing lost, never more than the slots.

use std::{collections::BTreeSet, process::Stdio};

use serde_json::json;

use crate::support::{Ran, TestHome, wait_for};

/// Tasks for the storm; 1,000 take a minute in a debug build on two cores.
const STORM: usize = 300;

#[test]
fn sixteen_tickers_run_every_task_once_and_never_more_than_the_slots() {
    let home = TestHome::with_settings("slots: 3\n");
    // Submitted while the one slot is taken, so that all of them are queued when the storm begins.
    let (mut ids, mut tickers) = (BTreeSet::new(), Vec::new());
    let script = "append begun x\nfinish x\nappend over x";
    for chunk in 0..STORM / 20 {
        let start = |n: usize| {
            let label = format!("{chunk}-{n}");
            let args = ["submit", "--share", "--allow-duplicate", "-l", &label, script];
            home.command(args).stdout(Stdio::piped()).spawn().unwrap()
        };
        let submits: Vec<_> = (0..20).map(start).collect();
        ids.extend(
            submits.into_iter().map(|child| Ran::from(child.wait_with_output().unwrap()).stdout.trim().to_owned()),
        );
        if chunk == 0 {
            tickers.extend((0..16).map(|_| home.command(["__tick"]).spawn().unwrap()));
        }
    }
    assert!(ids.iter().all(|id| id.len() == 21), "a submit was refused: {ids:?}");
    assert_eq!(ids.len(), STORM);
    let mut most_busy = 0;
    wait_for("the end of the storm", || {
        let database = rusqlite::Connection::open(home.home().join("mgr.db")).unwrap();
        let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        most_busy = most_busy.max(count("SELECT count(*) FROM tasks WHERE busy = 1"));
        let over = count("SELECT count(*) FROM tasks WHERE finished_at IS NOT NULL");
        if over == STORM as i64 { Ok(()) } else { Err((over, left(&database, &home))) }
    });
    // All but the one with the lock have left long ago; that one leaves now.
    let codes: BTreeSet<_> = tickers.into_iter().map(|mut ticker| ticker.wait().unwrap().code()).collect();
    assert_eq!(codes, BTreeSet::from([Some(0)]));
    let runs = home.runs();
    let expected: BTreeSet<_> = ids.iter().map(|id| format!("{id}.1")).collect();
    assert_eq!((runs.len(), runs.into_iter().collect::<BTreeSet<_>>()), (STORM, expected));
    assert!(most_busy <= 3, "{most_busy} busy at once");
    assert_eq!(home.json(&["status"])["counts"], json!({"done": STORM}));
}

/// Returns what is known of the first tasks that are not over, for whoever reads a failure.
fn left(database: &rusqlite::Connection, home: &TestHome) -> Vec<String> {
    let sql = "SELECT id || ' ' || state || ' ' || attempts FROM tasks WHERE finished_at IS NULL LIMIT 3";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut left: Vec<_> = rows.map(Result::unwrap).collect();
    left.extend(home.tickers().iter().map(|pid| format!("ticker {pid}")));
    left
}

#[test]
fn sixty_four_submitters_at_once_get_sixty_four_tasks() {
    let home = TestHome::with_settings("slots: 1\n");
    let submits: Vec<_> = (0..64)
        .map(|n| {
            home.command(["submit", &format!("finish {n}")])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let ran: Vec<Ran> = submits.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect();
    let bad: Vec<_> = ran.iter().filter(|ran| ran.code != Some(0) || !ran.stderr.is_empty()).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let ids: BTreeSet<_> = ran.iter().map(|ran| ran.stdout.trim().to_owned()).collect();
    let listed = home.json(&["list", "-n", "1000"]);
    let listed: BTreeSet<_> =
        listed["tasks"].as_array().unwrap().iter().map(|task| task["task_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((ids.len(), ids), (64, listed));
    home.mgr(&["pause", "@last"]);
}

#[test]
fn one_request_from_sixteen_submitters_is_one_task() {
    let home = TestHome::new();
    let submits: Vec<_> = (0..16)
        .map(|_| home.command(["submit", "--request-id", "r1", "finish x"]).stdout(Stdio::piped()).spawn().unwrap())
        .collect();
    let ids: BTreeSet<_> =
        submits.into_iter().map(|child| Ran::from(child.wait_with_output().unwrap()).stdout).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let id = home.only_task();
    home.end_of(&id);
    assert_eq!(home.runs(), [format!("{id}.1")]);
    assert_eq!(home.json(&["submit", "--request-id", "r1", "finish x"])["task_id"], id.as_str());
    let other = home.mgr(&["submit", "--request-id", "r1", "--json", "finish other"]);
    assert_eq!((other.code, other.error()["retryable"].as_bool()), (Some(9), Some(false)), "{other:#?}");
    assert!(other.error()["message"].as_str().unwrap().contains(&id), "{other:#?}");
}

#[test]
fn sixteen_watchers_see_the_end_of_one_task() {
    let home = TestHome::new();
    let id = home.submit("wait-for go\nfinish x");
    let watchers: Vec<_> = (0..16)
        .map(|_| home.command(["watch", &id, "--timeout", "25s"]).stderr(Stdio::null()).spawn().unwrap())
        .collect();
    home.touch("go");
    let codes: Vec<_> = watchers.into_iter().map(|mut child| child.wait().unwrap().code()).collect();
    assert_eq!(codes, [Some(0); 16]);
}
