//! The user's own commands: checks after the agent, and what makes an isolated directory ready before it. Both
//! run under the keeper's limits.

use std::process::Stdio;

use camino::Utf8Path;

use super::{
    contract::{AttemptDir, Spec},
    run::{agent_environment, herd_of},
};
use crate::{
    core::{Check, Verification},
    os::{
        clock, files,
        spawn::{self, Program},
        tree,
    },
};

const TAIL: usize = 4000;

/// Shell lines to run, and the file of the attempt that gets what they print.
pub(super) struct Lines<'a> {
    pub commands: &'a [String],
    pub log: &'a str,
}

/// Runs the commands in order, up to the first that fails. `asked_to_stop` waits a moment for
/// orders and says whether one wants the end.
pub(super) fn run_lines(
    dir: &AttemptDir,
    spec: &Spec,
    environment: &[(String, String)],
    lines: &Lines<'_>,
    asked_to_stop: &mut dyn FnMut() -> bool,
) -> Vec<Check> {
    let mut checks = Vec::new();
    for command in lines.commands {
        let check = run_line(dir, spec, environment, (command, lines.log), asked_to_stop);
        let go_on = check.verdict == Verification::Passed;
        checks.push(check);
        if !go_on {
            break;
        }
    }
    checks
}

/// Returns the verdict over all commands.
pub(super) fn verdict(checks: &[Check]) -> Verification {
    checks.last().map_or(Verification::None, |last| last.verdict)
}

/// Returns a line about the command that failed.
pub(super) fn first_failure(checks: &[Check]) -> Option<String> {
    let failed = checks.last().filter(|check| check.verdict != Verification::Passed)?;
    let how =
        failed.exit_code.map_or_else(|| "did not finish".to_owned(), |code| format!("ended with exit code {code}"));
    Some(format!("the check `{}` {how}", failed.command))
}

fn run_line(
    dir: &AttemptDir,
    spec: &Spec,
    environment: &[(String, String)],
    (command, log): (&str, &str),
    asked_to_stop: &mut dyn FnMut() -> bool,
) -> Check {
    let log = dir.file(log);
    let from = files::length(&log);
    let began = clock::steady();
    let (verdict, exit_code) = match start(&log, spec, environment, command) {
        Ok(child) => wait(dir, spec, i32::try_from(child.id()).unwrap_or(i32::MAX), asked_to_stop),
        Err(_) => (Verification::Error, None),
    };
    let printed = std::fs::read(&log).unwrap_or_default();
    let printed = &printed[usize::try_from(from).unwrap_or(0).min(printed.len())..];
    let tail = String::from_utf8_lossy(&printed[printed.len().saturating_sub(TAIL)..]).into_owned();
    let elapsed_s = clock::steady().saturating_duration_since(began).as_secs_f64();
    Check { command: command.to_owned(), verdict, exit_code, elapsed_s, output_tail: tail }
}

fn start(
    log: &Utf8Path,
    spec: &Spec,
    environment: &[(String, String)],
    command: &str,
) -> Result<std::process::Child, Box<dyn std::error::Error>> {
    let log = files::open_append(log)?;
    Ok(spawn::in_own_group(Program {
        program: "sh",
        args: &["-c".to_owned(), command.to_owned()],
        env: &agent_environment(spec, environment),
        cwd: &spec.cwd,
        stdin: Stdio::null(),
        stdout: log.try_clone()?.into(),
        stderr: log.into(),
    })?)
}

/// Waits for the check and ends what it leaves behind. 126 and 127 are the shell's words for
/// a command that cannot be run (POSIX, 2.8.2): the checker is broken, not the work.
fn wait(
    dir: &AttemptDir,
    spec: &Spec,
    pid: i32,
    asked_to_stop: &mut dyn FnMut() -> bool,
) -> (Verification, Option<i32>) {
    let deadline = clock::steady() + spec.verify_timeout.as_duration();
    let ended = loop {
        match tree::reap() {
            Some(ended) if ended.pid == pid => break Some(ended),
            Some(_) => {}
            None if clock::steady() >= deadline || asked_to_stop() => break None,
            None => {}
        }
    };
    let mut herd = herd_of(dir, spec);
    while !herd.members().is_empty() {
        herd.kill();
        while tree::reap().is_some() {}
    }
    match ended.and_then(|ended| ended.code) {
        Some(0) => (Verification::Passed, Some(0)),
        Some(code @ (126 | 127)) => (Verification::Error, Some(code)),
        Some(code) => (Verification::Failed, Some(code)),
        None => (Verification::Error, None),
    }
}
