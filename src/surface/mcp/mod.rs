//! `mgr mcp`: the operations as tools of AI clients, over standard input and output.
//!
//! Decides nothing about tasks: a tool call becomes the input of a row of the table, an answer
//! becomes text and data. Nothing but JSON-RPC goes to standard output.
//!
//! Theory of operation: [`server`] speaks the protocol and is the only place that names its crate.
//! Each request runs on its own tokio task. [`desk`] runs the row; the synchronous parts of the
//! engine run where they may block (`surface/guard.rs`), so that no call waits behind another. A call that
//! is cancelled, or the end of the input, lets waiting calls return what they have; tasks go on.

mod answer;
mod desk;
mod handle;
mod input;
mod install;
mod log;
mod merge;
mod progress;
mod roots;
mod server;
mod tools;
mod translate;

use camino::Utf8PathBuf;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::{
    config::Environment,
    ops::{Code, OpError},
};

const ABOUT: &str = "Serve all operations as MCP tools over standard input and output";
const EXAMPLES: &str = "Examples:\n  mgr mcp --toolsets all\n  mgr mcp --read-only";

pub(super) fn command() -> Command {
    let toolsets = list(
        "toolsets",
        "SET,…",
        "Tool sets to offer: default, all, core, flow, safety, ops; the variable MGR_MCP_TOOLSETS when absent",
    );
    let tools = list("tools", "TOOL,…", "Tools to offer besides those of the sets");
    let read_only =
        Arg::new("read-only").long("read-only").action(ArgAction::SetTrue).help("Offer only tools that change nothing");
    let allow = Arg::new("allow-dir")
        .long("allow-dir")
        .value_name("DIR")
        .action(ArgAction::Append)
        .value_parser(value_parser!(Utf8PathBuf))
        .help("Directory that tasks may work in, besides the one mgr was started in (can be repeated)");
    Command::new("mcp")
        .about(ABOUT)
        .after_help(EXAMPLES)
        .args([toolsets, tools, read_only, allow])
        .subcommands(install::commands())
}

fn list(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_delimiter(',').action(ArgAction::Append).help(help)
}

/// Serves, or does what the subcommand says. Returns words to print, if there are any.
pub(super) fn run(matches: &ArgMatches, env: Environment) -> Result<Option<String>, OpError> {
    match matches.subcommand() {
        Some(("config", matches)) => install::config(matches, &env).map(Some),
        Some(("install", matches)) => install::install(matches, &env).map(Some),
        Some(_) | None => serve(matches, env).map(|()| None),
    }
}

/// Serves until the input ends or a signal comes.
fn serve(matches: &ArgMatches, env: Environment) -> Result<(), OpError> {
    log::start(&env);
    let toolbox = tools::Toolbox::choose(&choice(matches, &env))?;
    let roots = roots::Roots::new(start_dir()?, &env, all(matches, "allow-dir"))?;
    server::serve(toolbox, desk::Desk::new(env, roots))
}

fn choice(matches: &ArgMatches, env: &Environment) -> tools::Choice {
    let mut toolsets: Vec<String> = all(matches, "toolsets");
    if toolsets.is_empty() {
        let from_env = env.get("MGR_MCP_TOOLSETS").unwrap_or("default");
        toolsets = from_env.split(',').map(|name| name.trim().to_owned()).collect();
    }
    tools::Choice { toolsets, tools: all(matches, "tools"), read_only: matches.get_flag("read-only") }
}

fn all<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Vec<T> {
    matches.get_many(name).into_iter().flatten().cloned().collect()
}

fn start_dir() -> Result<Utf8PathBuf, OpError> {
    let dir = std::env::current_dir().ok().and_then(|dir| Utf8PathBuf::from_path_buf(dir).ok());
    dir.ok_or_else(|| OpError::new(Code::Internal, "the current directory is gone or not UTF-8"))
}
