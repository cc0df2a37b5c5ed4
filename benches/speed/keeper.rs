//! What stays in memory while an agent works, and when none does.

use std::time::Duration;

use crate::{
    Plan, agent,
    table::Table,
    world::{World, wait_for},
};

const AT_REST: Duration = Duration::from_secs(10);

pub fn measure(plan: &Plan, table: &mut Table) {
    let config = format!("backends:\n  long: {{command: {}}}\n", agent::command(600_000));
    let world = World::new(&plan.binary, "keeper", &config);
    let id = world.submit("long", "sleep");
    world.stamp(&id, 0);
    let keeper = wait_for("the keeper", || world.processes("__keep").first().copied());
    let ticker = wait_for("the ticker", || world.processes("__tick").first().copied());
    std::thread::sleep(Duration::from_secs(2));
    table.at_most("keeper at rest, PSS", pss(keeper), 1.0, "MB");
    let before = [cpu(keeper), cpu(ticker)];
    std::thread::sleep(AT_REST);
    let [keeper_share, ticker_share] = [cpu(keeper) - before[0], cpu(ticker) - before[1]]
        .map(|nanoseconds| nanoseconds * 100.0 / AT_REST.as_nanos() as f64);
    table.at_most("keeper at rest, CPU", keeper_share, 0.05, "%");
    table.at_most("ticker beside one quiet agent, CPU", ticker_share, 0.5, "%");
    world.ask(&["cancel", &id]);
    let resident = || ["__keep", "__tick", "__launch"].map(|word| world.processes(word).len()).iter().sum::<usize>();
    // A ticker that ends needs a moment to end; a minute's wait would say that it does not.
    std::thread::sleep(Duration::from_millis(500));
    table.at_most("resident when nothing is live", resident() as f64, 0.0, "processes");
}

/// Megabytes, from smaps_rollup (proc(5)).
fn pss(pid: i32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("the process lives");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a line `Pss:`");
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("kilobytes");
    kilobytes / 1000.0
}

/// Nanoseconds on a processor, from schedstat: clock ticks of 10 ms would hide a hundred wake-ups.
fn cpu(pid: i32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).expect("the process lives");
    text.split_whitespace().next().and_then(|field| field.parse().ok()).expect("a number")
}
