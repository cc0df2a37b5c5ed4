//! How long one call takes, as a person or a script sees it: from spawn to exit of the process.

use std::{fs::File, io::Write, path::Path, time::Instant};

use rusqlite::Connection;

use crate::{
    Plan,
    agent::{self, wall},
    table::{Table, short},
    world::{Times, World, millis},
};

const REPEATS: usize = 60;

pub fn measure(plan: &Plan, table: &mut Table) {
    still(plan, table);
    moving(plan, table);
}

/// Commands that only look, with a long history and nothing alive.
fn still(plan: &Plan, table: &mut Table) {
    let world = World::new(&plan.binary, "still", &config());
    let id = world.submit("quick", "first");
    world.ask(&["watch", &id]);
    let count = if plan.full { 1_000_000 } else { 100_000 };
    clone_task(&world, count);
    world.ask(&["list", "--limit", "20"]);
    table.at_most("mgr --version, p50", world.times(&["--version"], REPEATS).p50(), 2.0, "ms");
    table.at_most("mgr status, p50", world.times(&["status"], REPEATS).p50(), 5.0, "ms");
    let list = world.times(&["list", "--limit", "20"], REPEATS).p50();
    table.at_most(&format!("mgr list of 20 among {count}, p50"), list, 10.0, "ms");
}

/// Commands that start something and that wait for it.
fn moving(plan: &Plan, table: &mut Table) {
    let world = World::new(&plan.binary, "moving", &config());
    let (mut returned, mut running, mut noticed, mut syncs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 0..REPEATS {
        let began = wall();
        let id = world.submit("short", &format!("task {number}"));
        returned.push(since(began));
        world.ask(&["watch", &id]);
        let seen = wall();
        running.push((world.stamp(&id, 0) - began) as f64 / 1e6);
        noticed.push((seen - world.stamp(&id, 1)) as f64 / 1e6);
        syncs.push(one_sync(&world.home().join(format!("sync-{number}"))));
    }
    let [returned, running, noticed, syncs] = [returned, running, noticed, syncs].map(Times::of);
    let floor = |sync: f64| format!("3 syncs: {} ms", short(3.0 * sync));
    table.at_most("submit returns, p50", returned.p50(), 10.0, "ms");
    table.at_most("agent runs after submit began, p50", running.p50(), 20.0, "ms");
    let what = "agent exits -> watch returned";
    table.at_most_beside(&format!("{what}, p50"), noticed.p50(), 3.0, "ms", floor(syncs.p50()));
    table.at_most_beside(&format!("{what}, p99"), noticed.p99(), 15.0, "ms", floor(syncs.p99()));
}

/// Returns how long the disk takes to keep one small new file, in milliseconds.
fn one_sync(path: &Path) -> f64 {
    let mut file = File::create(path).expect("the home is writable");
    file.write_all(b"done").expect("the home is writable");
    let began = Instant::now();
    file.sync_all().expect("the disk takes it");
    millis(began.elapsed())
}

fn since(began: i64) -> f64 {
    (wall() - began) as f64 / 1e6
}

fn config() -> String {
    let (quick, short) = (agent::command(0), agent::command(120));
    format!("backends:\n  quick: {{command: {quick}}}\n  short: {{command: {short}}}\n")
}

/// Fills the store with copies of its one task: its columns as they are, but each with an id of its own.
fn clone_task(world: &World, count: u32) {
    let database = Connection::open(world.home().join("mgr.db")).expect("the store is there");
    let mut statement = database.prepare("SELECT name FROM pragma_table_info('tasks')").expect("a table");
    let names = statement.query_map([], |row| row.get::<_, String>(0)).expect("columns");
    let names: Vec<_> = names.map(|name| name.expect("text")).filter(|name| name != "seq").collect();
    let value = |name: &String| match name.as_str() {
        "id" => "substr(id, 1, length(id) - 9) || printf('%09d', n)".to_owned(),
        "request_id" => "NULL".to_owned(),
        other => other.to_owned(),
    };
    let values: Vec<_> = names.iter().map(value).collect();
    let sql = format!(
        "BEGIN; WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
         INSERT INTO tasks ({}) SELECT {} FROM tasks, numbers; COMMIT;",
        names.join(", "),
        values.join(", ")
    );
    database.execute_batch(&sql).expect("the copies are taken in");
}
