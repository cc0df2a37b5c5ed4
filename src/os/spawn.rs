//! The only place that starts processes.
//!
//! A keeper must outlive whoever starts it. So `mgr` starts `mgr __launch`, which starts the
//! keepers and exits: their parent is then init (or the nearest subreaper), no session or
//! process group of the caller reaches them, and a long-lived caller has no zombies to reap.

use std::{
    ffi::OsStr,
    io,
    process::{Child, Command, Output, Stdio},
};

use camino::Utf8Path;

use super::tree::COOKIE;

/// What to start, with nothing inherited but what is named here.
#[derive(Debug)]
pub struct Program<'a> {
    pub program: &'a str,
    pub args: &'a [String],
    pub env: &'a [(String, String)],
    pub cwd: &'a Utf8Path,
    pub stdin: Stdio,
    pub stdout: Stdio,
    pub stderr: Stdio,
}

/// Starts an agent or a check as the leader of a process group of its own, so that one
/// signal to the group reaches what has not moved away.
///
/// # Errors
/// The program cannot be started.
pub fn in_own_group(program: Program<'_>) -> io::Result<Child> {
    let mut command = Command::new(program.program);
    command.args(program.args).env_clear().envs(program.env.iter().map(|(name, value)| (name, value)));
    command.current_dir(program.cwd).stdin(program.stdin).stdout(program.stdout).stderr(program.stderr);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    start(&mut command)
}

/// Like [`in_own_group`], for `mgr` itself with other arguments. It does not stand there under its own name.
///
/// # Errors
/// The program cannot be started.
pub fn own_in_own_group(program: Program<'_>) -> io::Result<Child> {
    let own = own_path()?;
    let own = own.to_str().ok_or(io::ErrorKind::InvalidInput)?;
    in_own_group(Program { program: own, ..program })
}

/// Starts a program with everything that this process has: streams, directory, environment, process group.
///
/// # Errors
/// The program cannot be started.
pub fn in_place(program: &str, args: &[String]) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(args);
    start(&mut command)
}

/// Starts `mgr` itself with `args`, detached from the caller's terminal and streams, as part of
/// the attempt with this cookie and of no other.
///
/// # Errors
/// The program cannot be started.
pub fn own_program<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>, cookie: &str) -> io::Result<Child> {
    let mut command = Command::new(own_path()?);
    command.args(args).env(COOKIE, cookie);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    start(&mut command)
}

/// Starts a program of the person's desktop without streams, and does not wait for its end.
///
/// # Errors
/// The program cannot be started.
pub fn quietly(program: &str, args: &[&str]) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A Ctrl-C in this terminal is not for it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = start(&mut command)?;
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Runs a short program to its end and returns what it printed, for probes.
///
/// # Errors
/// The program cannot be started.
pub fn capture(program: &str, args: &[String]) -> io::Result<Output> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    start(&mut command)?.wait_with_output()
}

/// Runs a tool of the demo agent to its end; what it prints goes to standard error, because
/// standard output carries the agent's events.
///
/// # Errors
/// The program cannot be started.
pub fn tool(argv: &[String], cwd: &Utf8Path) -> io::Result<i32> {
    let Some((program, args)) = argv.split_first() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut command = Command::new(program);
    command.args(args).current_dir(cwd).stdin(Stdio::null()).stdout(io::stderr()).stderr(Stdio::inherit());
    Ok(start(&mut command)?.wait()?.code().unwrap_or(-1))
}

/// Returns the path of the running `mgr`. After an upgrade in place Linux appends
/// ` (deleted)`; the new program under the old name is then the right one.
///
/// # Errors
/// The system does not say.
pub fn own_path() -> io::Result<std::path::PathBuf> {
    let path = std::env::current_exe()?;
    match path.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(replaced) => Ok(replaced.into()),
        None => Ok(path),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that starts processes")]
fn start(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}
