//! Runs of a thousand steps against a thousand tasks that are queued by hand: side by side, and one after the other.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    Plan,
    table::{Row, Table, short},
    world::{World, wait_for},
};

const STEPS: usize = 1000;
/// As many submitters as slots.
const WORKERS: usize = 4;
const MOST_TIMES: f64 = 2.0;
/// The ticker's memory is looked at when so many steps are over.
const LOOKS: [usize; 2] = [100, 900];
const MOST_GROWTH: f64 = 1.2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Wide,
    Chain,
}

pub fn measure(plan: &Plan, table: &mut Table) {
    for (shape, steps, tasks) in
        [(Shape::Wide, "side by side", "queued tasks"), (Shape::Chain, "one after the other", "tasks with --after")]
    {
        let by_hand = tasks_by_hand(plan, shape);
        let (run, memory) = steps_of_a_run(plan, shape);
        table.add(Row {
            what: format!("{STEPS} steps of a workflow {steps}, against {STEPS} {tasks}"),
            reach: format!("<= {MOST_TIMES} times"),
            measured: format!("{} times ({} s against {} s)", short(run / by_hand), short(run), short(by_hand)),
            reached: Some(run <= MOST_TIMES * by_hand),
            floor: String::new(),
            peer: String::new(),
        });
        let [early, late] = LOOKS.map(|step| memory.get(&step).copied().unwrap_or(f64::NAN));
        table.add(Row {
            what: format!("ticker at step {} against step {}, {steps}, resident", LOOKS[1], LOOKS[0]),
            reach: format!("<= {MOST_GROWTH} times"),
            measured: format!("{} times ({} MB)", short(late / early), short(late)),
            reached: Some(late <= MOST_GROWTH * early),
            floor: String::new(),
            peer: String::new(),
        });
    }
}

fn world(plan: &Plan, name: &str) -> World {
    let world = World::new(&plan.binary, name, "slots: 4\nbackends:\n  noop: {command: [\"printf\", \"ok\"]}\n");
    world.ask(&["status"]);
    world
}

/// Returns the seconds from the first submit to the last end.
fn tasks_by_hand(plan: &Plan, shape: Shape) -> f64 {
    let world = world(plan, "tasks-by-hand");
    let began = Instant::now();
    let submit = |number: usize, after: &[&str]| {
        let args = [&["--share", "--archive", "off"], after].concat();
        world.submit_with(&args, "noop", &format!("task {number}"))
    };
    match shape {
        Shape::Wide => {
            let next = AtomicUsize::new(0);
            let work = || {
                while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < STEPS) {
                    submit(number, &[]);
                }
            };
            std::thread::scope(|scope| (0..WORKERS).for_each(|_| drop(scope.spawn(work))));
        }
        Shape::Chain => {
            let mut last = submit(0, &[]);
            for number in 1..STEPS {
                last = submit(number, &["--after", &last]);
            }
        }
    }
    wait(world.home(), |_| {});
    began.elapsed().as_secs_f64()
}

/// Returns the seconds from the start of the run to its last end, and the ticker's memory by steps that were over.
fn steps_of_a_run(plan: &Plan, shape: Shape) -> (f64, BTreeMap<usize, f64>) {
    let world = world(plan, "steps-of-a-run");
    let step = |number: usize| {
        let needs = match shape {
            Shape::Chain if number > 0 => format!(", needs: [s{}]", number - 1),
            Shape::Chain | Shape::Wide => String::new(),
        };
        format!("  - {{id: s{number}, backend: noop, share: true, archive: off, prompt: task {number}{needs}}}\n")
    };
    let file = world.home().join("run.yaml");
    let text = format!("steps:\n{}", (0..STEPS).map(step).collect::<String>());
    std::fs::write(&file, text).expect("the home is writable");
    let began = Instant::now();
    world.ask(&["workflow", "run", "--detach", file.to_str().expect("UTF-8")]);
    let mut memory = BTreeMap::new();
    wait(world.home(), |done| {
        for look in LOOKS.into_iter().filter(|look| done >= *look) {
            if !memory.contains_key(&look)
                && let Some(ticker) = world.processes("__tick").first()
            {
                memory.insert(look, resident(*ticker));
            }
        }
    });
    (began.elapsed().as_secs_f64(), memory)
}

/// Waits until all are done, telling now and then how many are.
fn wait(home: &Path, mut tell: impl FnMut(usize)) {
    let database = Connection::open_with_flags(home.join("mgr.db"), OpenFlags::SQLITE_OPEN_READ_ONLY);
    let database = database.expect("the store");
    database.busy_timeout(Duration::from_secs(5)).expect("an open store");
    let done = "SELECT count(*) FROM tasks WHERE status = 'done'";
    wait_for("the end of all", || {
        std::thread::sleep(Duration::from_millis(10));
        let count: i64 = database.query_row(done, [], |row| row.get(0)).ok()?;
        let count = count as usize;
        tell(count);
        (count >= STEPS).then_some(())
    });
}

/// Megabytes, from status (proc(5)): what is shared counts whole, so that others who share it change nothing.
fn resident(pid: i32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line `VmRSS:`");
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("kilobytes");
    kilobytes / 1000.0
}
