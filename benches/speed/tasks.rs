//! A thousand tasks that do nothing, with four slots: against pueue, and against the bare work.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    Plan,
    table::{Row, Table, short},
    world::{World, scratch, wait_for},
};

const TASKS: u32 = 1000;
const WORKERS: usize = 4;
/// Pueue is an order of magnitude slower; fewer tasks say the same.
const PEER_TASKS: u32 = 150;
const TIMES_PUEUE: f64 = 10.0;
const TIMES_FLOOR: f64 = 4.0;

pub fn measure(plan: &Plan, table: &mut Table) {
    let floor = floor();
    let ours = ours(plan);
    let peer = pueue();
    table.add(Row {
        what: format!("{TASKS} no-op tasks (--share --archive off), {WORKERS} slots, end to end"),
        reach: format!("floor / {TIMES_FLOOR}"),
        measured: format!("{}/s = floor / {}", short(ours), short(floor / ours)),
        reached: Some(ours * TIMES_FLOOR >= floor),
        floor: format!("{}/s", short(floor)),
        peer: String::new(),
    });
    match peer {
        Ok(peer) => table.add(Row {
            what: "the same against pueue".into(),
            reach: format!(">= {TIMES_PUEUE} times"),
            measured: format!("{} times", short(ours / peer)),
            reached: Some(ours >= TIMES_PUEUE * peer),
            floor: String::new(),
            peer: format!("pueue {}/s", short(peer)),
        }),
        Err(why) => table.skipped("the same against pueue", &why),
    }
}

/// Hands out the numbers of `count` tasks to workers; returns tasks a second, `after` included.
fn rate(count: u32, one: impl Fn(u32) + Sync, after: impl FnOnce()) -> f64 {
    let next = AtomicU32::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    one(number);
                }
            });
        }
    });
    after();
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// The least that a durable task can cost: a process, and a file that is synced and renamed.
fn floor() -> f64 {
    let dir = scratch("floor");
    let one = |number: u32| {
        Command::new("true").status().expect("`true` runs");
        let (aside, path) = (dir.join(format!("{number}.tmp")), dir.join(number.to_string()));
        let mut file = File::create(&aside).expect("the directory is writable");
        file.write_all(b"done").and_then(|()| file.sync_all()).expect("the disk takes it");
        std::fs::rename(aside, path).expect("same directory");
    };
    rate(TASKS, one, || {})
}

fn ours(plan: &Plan) -> f64 {
    let world = World::new(&plan.binary, "tasks", "slots: 4\nbackends:\n  noop: {command: [\"printf\", \"ok\"]}\n");
    world.ask(&["status"]);
    let submit = |number| {
        // In one directory at once, as pueue does it, and like pueue without an archive.
        world.submit_with(&["--share", "--archive", "off"], "noop", &format!("task {number}"));
    };
    rate(TASKS, submit, || {
        let database = world.home().join("mgr.db");
        let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store");
        database.busy_timeout(Duration::from_secs(5)).expect("an open store");
        let done = "SELECT count(*) FROM tasks WHERE status = 'done'";
        wait_for("the end of all tasks", || {
            std::thread::sleep(Duration::from_millis(10));
            let count: u32 = database.query_row(done, [], |row| row.get(0)).ok()?;
            (count == TASKS).then_some(())
        });
    })
}

/// Pueue's daemon with the same number of slots; its version is pinned in `benches/run`.
fn pueue() -> Result<f64, String> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-tools/bin");
    if !tools.join("pueued").exists() {
        return Err("pueue is not installed; `benches/run` does it".into());
    }
    let dir = scratch("pueue");
    let config = dir.join("pueue.yml");
    let text = format!(
        "shared:\n  pueue_directory: {0}\n  runtime_directory: {0}\n  use_unix_socket: true\ndaemon:\n  default_parallel_tasks: 4\n",
        dir.display()
    );
    std::fs::write(&config, text).map_err(|error| error.to_string())?;
    let tool = |name: &str| quiet(tools.join(name), &config);
    let mut daemon = tool("pueued").spawn().map_err(|error| error.to_string())?;
    let client = |args: &[&str]| tool("pueue").args(args).status().is_ok_and(|status| status.success());
    wait_for("pueue's daemon", || client(&["status"]).then_some(()));
    client(&["parallel", "4"]);
    let rate = rate(PEER_TASKS, |_| assert!(client(&["add", "--", "true"])), || assert!(client(&["wait"])));
    client(&["shutdown"]);
    let _ = daemon.wait();
    Ok(rate)
}

fn quiet(program: PathBuf, config: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
