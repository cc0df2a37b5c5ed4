//! The agent of the measured tasks: says when it began and when it ended, by the wall clock.

use std::{
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const WORD: &str = "__agent";
/// Set while the agent stands for one whose command line it cannot choose.
pub const SLEEPS: &str = "MGR_BENCH_SLEEPS";

pub fn is_asked_for(first: Option<&str>) -> bool {
    first == Some(WORD) || std::env::var_os(SLEEPS).is_some()
}

/// Prints its start, lives for so many milliseconds, and prints its end as the last act.
pub fn run(millis: Option<&str>) {
    let began = wall();
    let millis = millis.and_then(|text| text.parse().ok()).unwrap_or(600_000);
    let mut out = std::io::stdout();
    writeln!(out, "{began}").expect("standard output is a file");
    out.flush().expect("standard output is a file");
    std::thread::sleep(Duration::from_millis(millis));
    writeln!(out, "{}", wall()).expect("standard output is a file");
}

/// Nanoseconds since 1970.
pub fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    i64::try_from(since.as_nanos()).expect("before the year 2262")
}

/// The command of an agent that lives for so long, for a custom backend.
pub fn command(millis: u32) -> String {
    let own = std::env::current_exe().expect("the path of this program");
    format!("[{:?}, {WORD}, \"{millis}\"]", own.to_str().expect("a UTF-8 path"))
}
