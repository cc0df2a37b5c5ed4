//! How fast a stream becomes events, and what memory that takes.
//!
//! A Claude Code task is started with an agent that sleeps; its ticker is stopped, so that nobody
//! else reads; a stream made of recorded runs is put in the place of `out`; then one `mgr status`
//! has to read all of it.

use std::{
    fs,
    io::{BufWriter, Write},
    path::Path,
    time::Instant,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    Plan, agent,
    table::{Row, Table, short},
    world::{World, wait_for},
};

const MEGABYTE: u64 = 1_000_000;
const REACH: f64 = 200.0;
const RECORDED: &str = "tests/transcripts/claude_code/2.1.329";

pub fn measure(plan: &Plan, table: &mut Table) {
    let large = if plan.full { 1000 } else { 100 };
    let few = read_stream(plan, 10 * MEGABYTE);
    let many = read_stream(plan, large * MEGABYTE);
    table.add(Row {
        what: format!("stream ingest, {large} MB"),
        reach: format!(">= {REACH} MB/s"),
        measured: format!("{} MB/s", short(many.rate)),
        reached: Some(many.rate >= REACH),
        floor: String::new(),
        peer: String::new(),
    });
    // Ten or a hundred times the stream may not take more than half as much memory again.
    let (what, limit) = (format!("memory of that over memory for {} MB", 10), 1.5);
    table.at_most(&what, many.peak / few.peak, limit, "times");
    table.at_most("memory of that", many.peak, 64.0, "MB");
}

struct Read {
    /// Megabytes a second.
    rate: f64,
    /// Megabytes.
    peak: f64,
}

fn read_stream(plan: &Plan, size: u64) -> Read {
    let own = std::env::current_exe().expect("the path of this program");
    let config = format!(
        "programs: {{claude_code: {:?}}}\nenv_pass: [{}]\nmax_output: 4GB\n",
        own.to_str().expect("a UTF-8 path"),
        agent::SLEEPS
    );
    let world = World::new(&plan.binary, "ingest", &config);
    let submit = world
        .command(&["submit", "--backend", "claude_code", "--max-output", "4GB", "read"])
        .env(agent::SLEEPS, "1")
        .output();
    let output = submit.expect("mgr starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let id = world.ask(&["list", "--json"]);
    let id = id.split('"').skip_while(|word| *word != "task_id").nth(2).expect("a task").to_owned();
    world.stamp(&id, 0);
    let ticker = wait_for("the ticker", || world.processes("__tick").first().copied());
    kill(Pid::from_raw(ticker), Signal::SIGSTOP).expect("a process of ours");
    let path = world.attempt_file(&id, "out");
    let aside = path.with_extension("aside");
    let written = write_stream(&aside, size);
    fs::rename(aside, path).expect("same directory");
    let began = Instant::now();
    let mut reader = world.command(&["status", &id]).spawn().expect("mgr starts");
    let peak = peak_until_end(&mut reader);
    let rate = written as f64 / MEGABYTE as f64 / began.elapsed().as_secs_f64();
    kill(Pid::from_raw(ticker), Signal::SIGCONT).expect("a process of ours");
    Read { rate, peak }
}

/// Recorded runs one after the other until there is enough.
fn write_stream(path: &Path, size: u64) -> u64 {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDED);
    let mut files: Vec<_> = fs::read_dir(dir).expect("the transcripts").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let runs = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "stdout"));
    let runs: Vec<u8> = runs.flat_map(|path| fs::read(path).expect("a transcript")).collect();
    let mut file = BufWriter::new(fs::File::create(path).expect("the attempt's directory"));
    let mut written = 0;
    while written < size {
        file.write_all(&runs).expect("room on the disk");
        written += runs.len() as u64;
    }
    file.flush().expect("room on the disk");
    written
}

/// Returns the highest resident set that was seen until the process ended, in megabytes.
fn peak_until_end(child: &mut std::process::Child) -> f64 {
    let mut peak = 0.0_f64;
    loop {
        let text = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let high = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = high.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0.0) / 1000.0);
        if child.try_wait().expect("a child of ours").is_some() {
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
