//! WHO is asking: parses, asks the operations, shows the answer. Decides nothing.

mod cli;
mod generate;
mod guard;
mod hidden;
mod kept_engine;
mod mcp;
mod progress;
mod signals;
mod web;

use crate::config::Environment;

/// Runs `mgr` with the process's own arguments; returns the exit code.
pub fn run() -> u8 {
    let args: Vec<_> = std::env::args_os().collect();
    let env = Environment::of_process();
    // Helpers of `mgr` come first and build nothing that they do not need: a keeper is to stay small.
    match args.get(1).and_then(|word| word.to_str()) {
        Some(word) if word.starts_with("__") => hidden::run(word, &args[2..], &env),
        Some("--version" | "-V") if args.len() == 2 => cli::version(),
        Some(_) | None => cli::run(args, env),
    }
}
