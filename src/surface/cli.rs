//! The command line: a walk over the table. Parses, asks, prints, exits.

use std::{collections::BTreeMap, ffi::OsString, io};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::{generate, mcp, progress::Live, web};
use crate::{
    config::Environment,
    engine::Engine,
    ops::{Answer, Call, Code, Door, Exit, OPS, OpError, OpSpec, Render},
    ui::{ColourChoice, Reader, Ui, harmless_json},
};

const ABOUT: &str = "Delegate work to AI coding agents, survive any crash, get the true result";

/// Prints the version without building anything else.
pub(super) fn version() -> u8 {
    let ui = Ui::new(ColourChoice::Never, false, true);
    let printed = finish(ui.answer(&format!("mgr {}", env!("CARGO_PKG_VERSION"))), Exit::Success);
    printed.unwrap_or_else(|error| {
        report(&ui, &error, false);
        error.code.exit() as u8
    })
}

/// Parses `args`, does what they ask, and returns the exit code.
pub(super) fn run(args: Vec<OsString>, env: Environment) -> u8 {
    let wants_json = args.iter().any(|arg| arg == "--json");
    let matches = match command_for(&args).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return usage(&error, wants_json),
    };
    let colour = matches.get_one::<ColourChoice>("color").copied().unwrap_or_default();
    let ui = Ui::new(colour, matches.get_flag("quiet"), env.get("NO_COLOR").is_some());
    // The server has a log of its own, which never waits for a reader.
    if matches.subcommand_name() != Some("mcp") {
        start_log(&env);
    }
    match dispatch(&matches, env, &ui, wants_json) {
        Ok(code) => code,
        Err(error) => {
            report(&ui, &error, wants_json);
            error.code.exit() as u8
        }
    }
}

/// clap's own errors: help and version are answers, everything else is a usage error.
fn usage(error: &clap::Error, wants_json: bool) -> u8 {
    if wants_json && error.use_stderr() {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let ui = Ui::new(ColourChoice::Never, false, true);
        report(&ui, &OpError::invalid(message).hint("`mgr --help` lists the commands and their options"), true);
        return Exit::Usage as u8;
    }
    // A reader that has gone away is a quiet exit.
    let _ = error.print();
    u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8)
}

/// Diagnostics go to standard error, and only when MGR_LOG asks for them.
fn start_log(env: &Environment) {
    if let Some(filter) = env.get("MGR_LOG") {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        // Fails when a log is there already, which then serves.
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init();
    }
}

fn dispatch(matches: &ArgMatches, env: Environment, ui: &Ui, wants_json: bool) -> Result<u8, OpError> {
    match matches.subcommand() {
        Some(("mcp", matches)) => {
            let words = mcp::run(matches, env)?;
            // After serving, standard output is left alone: a client that stopped reading would hold us here.
            finish(words.map_or(Ok(()), |words| ui.answer(&words)), Exit::Success)
        }
        Some(("dashboard", matches)) if matches.subcommand_name() == Some("serve") => {
            let (_, matches) = leaf("dashboard", matches);
            web::serve(matches, env, ui, wants_json)?;
            Ok(Exit::Success as u8)
        }
        Some(("completions", matches)) => {
            let text = generate::completions(matches)?;
            finish(ui.answer(&text), Exit::Success)
        }
        Some(("man", _)) => finish(ui.answer(&generate::man(&command())), Exit::Success),
        Some(("reference", _)) => finish(ui.answer(&generate::reference()), Exit::Success),
        Some((name, matches)) => {
            let (words, matches) = leaf(name, matches);
            match row_of(&words) {
                Some(row) => operation(row, matches, env, ui, wants_json),
                None => Err(OpError::new(Code::Internal, format!("no row for `{}`", words.join(" ")))),
            }
        }
        None => Err(OpError::invalid("no command").hint("`mgr --help` lists them")),
    }
}

/// Returns the row of a command, or the one that a group alone stands for.
fn row_of(words: &[&str]) -> Option<&'static OpSpec> {
    let row = |words: &[&str]| OPS.iter().find(|row| row.cli == words);
    match words {
        [name] => row(words).or_else(|| row(&[name, group_of(name)?.alone?])),
        _ => row(words),
    }
}

/// Returns all words of a command, with the arguments of the last.
fn leaf<'a>(name: &'a str, mut matches: &'a ArgMatches) -> (Vec<&'a str>, &'a ArgMatches) {
    let mut words = vec![name];
    while let Some((name, inner)) = matches.subcommand() {
        words.push(name);
        matches = inner;
    }
    (words, matches)
}

fn operation(row: &OpSpec, matches: &ArgMatches, env: Environment, ui: &Ui, wants_json: bool) -> Result<u8, OpError> {
    let input = (row.input_of)(matches)?;
    let mut input_again = input.clone();
    let working_dir = working_dir(&input);
    // A damaged database must not keep its own remedy from running.
    let rebuilds = row.tool == Some("doctor") && input.get("rebuild") == Some(&Value::Bool(true));
    let engine = if rebuilds { Engine::open_rebuilt(env)? } else { Engine::open(env, working_dir.as_deref())? };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| OpError::new(Code::Internal, error.to_string()))?;
    let live = Live::new(row, ui, wants_json);
    let call =
        Call { engine: &engine, door: Door::CommandLine, progress: &live, longest_wait: None, client: BTreeMap::new() };
    let answer = runtime.block_on(async {
        tokio::select! {
            answer = (row.run)(&call, input) => answer,
            never = live.interrupted(&call) => never,
        }
    });
    live.clear();
    let code = show(&answer?, ui, wants_json)?;
    if row.asks_to_apply(&input_again) && !wants_json && ui.confirm("Do it?") {
        input_again["apply"] = Value::Bool(true);
        let answer = runtime.block_on((row.run)(&call, input_again))?;
        return show(&answer, ui, wants_json);
    }
    Ok(code)
}

/// Project settings are those of the directory that the task is for.
fn working_dir(input: &Value) -> Option<camino::Utf8PathBuf> {
    match input.get("working_dir").and_then(Value::as_str) {
        Some(dir) => Some(dir.into()),
        None => std::env::current_dir().ok().and_then(|dir| camino::Utf8PathBuf::from_path_buf(dir).ok()),
    }
}

fn show(answer: &Answer, ui: &Ui, wants_json: bool) -> Result<u8, OpError> {
    if answer.shown.was_streamed() {
        return Ok(answer.exit as u8);
    }
    let printed = match (wants_json, bytes_for(ui.reader(), answer.shown.as_ref())) {
        (true, _) => ui.answer(&json_text(&answer.value)),
        (false, Some(bytes)) => ui.raw(&bytes),
        (false, None) => {
            let mut page = ui.page();
            answer.shown.render(&mut page);
            ui.answer(page.as_str())
        }
    };
    finish(printed, answer.exit)
}

/// Returns the bytes that are printed instead of a page. What somebody else wrote reaches no terminal as it is.
fn bytes_for(reader: Reader, shown: &dyn Render) -> Option<Vec<u8>> {
    match reader {
        Reader::Terminal => None,
        Reader::Program => shown.raw().or_else(|| shown.piped()),
        Reader::ProgramInColour => shown.raw(),
    }
}

/// A reader that has gone away is a quiet exit. What was asked for is done all the same: the error is about
/// the answer alone.
fn finish(printed: io::Result<()>, exit: Exit) -> Result<u8, OpError> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(OpError::new(Code::Internal, format!("cannot write the answer to standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok(exit as u8),
    }
}

fn json_text(value: &Value) -> String {
    // A value prints without fail: it has string keys by its type.
    harmless_json(&serde_json::to_string_pretty(value).unwrap_or_default())
}

fn report(ui: &Ui, error: &OpError, wants_json: bool) {
    if wants_json {
        ui.say_always(&harmless_json(&json!({"error": error}).to_string()));
    } else {
        ui.error(&error.message, &error.causes, &error.hints);
    }
}

/// Returns as much of the command line as these arguments need: all of it for help and for suggestions, else the
/// rows under their first word. Building the other sixty takes longer than everything else that a quick command does.
fn command_for(args: &[OsString]) -> Command {
    let first = args.get(1).and_then(|word| word.to_str());
    let rows: Vec<_> = OPS.iter().filter(|row| row.cli.first().copied() == first).collect();
    if rows.is_empty() { command() } else { command_of(rows) }
}

/// Returns the whole command line.
pub(super) fn command() -> Command {
    command_of(OPS)
        .subcommand(mcp::command())
        .subcommand(generate::completions_command())
        .subcommand(Command::new("man").about("Print the manual page").hide(true))
        .subcommand(Command::new("reference").about("Print the reference in Markdown").hide(true))
}

/// Returns the command line of these rows.
fn command_of(rows: impl IntoIterator<Item = &'static OpSpec>) -> Command {
    let json = Arg::new("json")
        .long("json")
        .global(true)
        .help_heading("Everywhere")
        .action(ArgAction::SetTrue)
        .help("Print one JSON object instead of text");
    let quiet = Arg::new("quiet")
        .long("quiet")
        .short('q')
        .global(true)
        .help_heading("Everywhere")
        .action(ArgAction::SetTrue)
        .help("Say nothing but the answer");
    let colour = Arg::new("color")
        .long("color")
        .global(true)
        .help_heading("Everywhere")
        .value_name("WHEN")
        .value_parser(value_parser!(ColourChoice))
        .default_value("auto")
        .help("When to colour: auto, always or never (NO_COLOR is honoured)");
    let mut command = Command::new("mgr")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help("First steps: `mgr demo` shows what it does, `mgr doctor` what is installed.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args([json, quiet, colour]);
    for row in rows {
        match row.cli {
            [name, _, ..] if command.find_subcommand(name).is_none() => command = command.subcommand(group(name)),
            // It came with the first of its group.
            [_, _, ..] => {}
            _ => command = command.subcommand(subcommand(row)),
        }
    }
    command
}

/// Returns a text with the names of tools replaced by those of commands.
fn in_commands(text: &str) -> String {
    // Longest first: `send` is a part of other words, so only whole tool names with `_` count.
    let tools = OPS.iter().filter_map(|row| Some((row.tool?, row.cli))).filter(|(tool, _)| tool.contains('_'));
    tools.fold(text.to_owned(), |text, (tool, cli)| text.replace(tool, &format!("`mgr {}`", cli.join(" "))))
}

/// A command of commands.
struct Group {
    name: &'static str,
    about: &'static str,
    /// The one that it means without a further word.
    alone: Option<&'static str>,
    /// What stands beside its rows and is none.
    mode: Option<fn() -> Command>,
}

const GROUPS: &[Group] = &[
    Group { name: "archive", about: "Look into the archive of workspaces and free its space", alone: None, mode: None },
    Group {
        name: "dashboard",
        about: "Watch and answer on a page in the browser",
        alone: Some("open"),
        mode: Some(web::command),
    },
    Group { name: "template", about: "Keep workflows and prompts under a name", alone: None, mode: None },
    Group { name: "workflow", about: "Check workflow files, look at their plan, run them", alone: None, mode: None },
];

fn group_of(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name)
}

/// Returns the command of all rows that begin with `name`.
fn group(name: &'static str) -> Command {
    let group = group_of(name);
    let rows = || OPS.iter().filter(|row| row.cli.len() > 1 && row.cli[0] == name);
    let modes = group.and_then(|group| group.mode).map(|mode| mode());
    let command = Command::new(name).subcommands(rows().map(subcommand).chain(modes));
    let alone = group.and_then(|group| rows().find(|row| row.cli.last() == group.alone.as_ref()));
    let command = match alone {
        Some(row) => (row.augment)(command).args_conflicts_with_subcommands(true),
        None => command.subcommand_required(true).arg_required_else_help(true),
    };
    // After the row's own words, so that the group's win.
    command.about(group.map_or("", |group| group.about))
}

fn subcommand(row: &'static OpSpec) -> Command {
    let name = row.cli.last().copied().unwrap_or_default();
    let example = format!("Example:\n  mgr {}", generate::shell_words(row.example.argv));
    // The struct's own attributes come first, so that the table's words win.
    (row.augment)(Command::new(name)).about(row.title).long_about(in_commands(row.about)).after_help(example)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_under_its_words() {
        for row in OPS {
            let argv = std::iter::once("mgr").chain(row.example.argv.iter().copied());
            let matches = command().try_get_matches_from(argv).unwrap_or_else(|error| panic!("{:?}: {error}", row.cli));
            let (name, inner) = matches.subcommand().unwrap();
            let (words, matches) = leaf(name, inner);
            assert_eq!(words, row.cli);
            assert!((row.input_of)(matches).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn only_a_program_gets_bytes_as_they_are() {
        struct Shown;
        impl Render for Shown {
            fn render(&self, _: &mut crate::ui::Page) {}

            fn raw(&self) -> Option<Vec<u8>> {
                Some(b"\x1b[2J".to_vec())
            }
        }
        let readers = [Reader::Terminal, Reader::Program, Reader::ProgramInColour];
        let bytes = || Some(b"\x1b[2J".to_vec());
        assert_eq!(readers.map(|reader| bytes_for(reader, &Shown)), [None, bytes(), bytes()]);
    }

    #[test]
    fn a_part_of_the_command_line_says_what_the_whole_says() {
        let said =
            |command: Command, argv: &[&str]| command.try_get_matches_from(argv).map_err(|error| error.to_string());
        for row in OPS {
            for last in ["--help", "-h", "--no-such-flag"] {
                let argv: Vec<_> = ["mgr"].iter().chain(row.cli).chain(&[last]).copied().collect();
                let part = command_for(&argv.iter().map(OsString::from).collect::<Vec<_>>());
                assert_eq!(said(part, &argv).err(), said(command(), &argv).err(), "{argv:?}");
            }
        }
    }

    #[test]
    fn every_group_says_what_it_is_about() {
        for row in OPS.iter().filter(|row| row.cli.len() > 1) {
            let about = command().find_subcommand(row.cli[0]).unwrap().get_about().map(ToString::to_string);
            assert!(about.is_some_and(|about| about.len() >= 15), "{:?} has no line in GROUPS", row.cli);
        }
    }

    #[test]
    fn a_group_alone_is_the_row_that_it_stands_for() {
        let matches = command().try_get_matches_from(["mgr", "dashboard", "--no-browser"]).unwrap();
        let (name, inner) = matches.subcommand().unwrap();
        let (words, matches) = leaf(name, inner);
        let row = row_of(&words).unwrap();
        assert_eq!((words, row.cli), (vec!["dashboard"], &["dashboard", "open"][..]));
        assert_eq!((row.input_of)(matches).unwrap(), json!({"no_browser": true}));
        assert!(row_of(&["workflow"]).is_none());
    }
}
