//! Measures the speed table of the design in one run, against the release binary, and prints it.
//!
//! `benches/run` builds and starts it; `--full` takes a million tasks and a stream of 1 GB;
//! `--binary PATH` measures another `mgr`; further words choose rows (`latency`, `tasks`, `keeper`,
//! `runs`, `ingest`, `mcp`, `snapshot`). The same program is the agent of its own tasks, so that nothing but `mgr`
//! and one exec stands between two readings of the clock.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a program of its own: it starts mgr, reads the clock and prints a table"
)]

mod agent;
mod ingest;
mod keeper;
mod latency;
mod mcp;
mod runs;
mod snapshot;
mod table;
mod tasks;
mod world;

use std::path::PathBuf;

use table::Table;

/// Adds its rows to the table.
type Measure = fn(&Plan, &mut Table);

/// What to measure, and how much of it.
pub struct Plan {
    pub binary: PathBuf,
    pub full: bool,
    only: Vec<String>,
}

impl Plan {
    fn of_args(args: impl Iterator<Item = String>) -> Self {
        let mut plan = Self { binary: env!("CARGO_BIN_EXE_mgr").into(), full: false, only: Vec::new() };
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--full" => plan.full = true,
                "--binary" => plan.binary = args.next().expect("`--binary` takes a path").into(),
                // `cargo bench` adds it.
                "--bench" => {}
                word => plan.only.push(word.to_owned()),
            }
        }
        plan
    }

    fn wants(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == group)
    }
}

fn main() {
    let mut args = std::env::args().skip(1).peekable();
    if agent::is_asked_for(args.peek().map(String::as_str)) {
        return agent::run(args.nth(1).as_deref());
    }
    let plan = Plan::of_args(args);
    let mut table = Table::default();
    let groups: [(&str, Measure); 7] = [
        ("latency", latency::measure),
        ("tasks", tasks::measure),
        ("runs", runs::measure),
        ("keeper", keeper::measure),
        ("ingest", ingest::measure),
        ("mcp", mcp::measure),
        ("snapshot", snapshot::measure),
    ];
    for (name, measure) in groups {
        if plan.wants(name) {
            eprintln!("measuring: {name}");
            measure(&plan, &mut table);
        }
    }
    world::clean_up();
    print!("{table}");
}
