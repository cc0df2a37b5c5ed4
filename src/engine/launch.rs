//! Starting keepers and the ticker, through a launcher that exits at once.

use camino::Utf8PathBuf;

use super::{
    Engine, EngineError,
    settle::{News, Start},
};
use crate::{
    core::{AttemptEnd, Category, Cost, Ending, Failure, Input, Outcome, Status, Usage, Verification},
    keeper::contract::AGAIN,
    os::{clock, failpoint, fds, files, spawn, tree},
};

impl Engine {
    /// Starts claimed attempts. One that cannot even be prepared ends with the reason.
    pub(super) fn start_all(&self, starts: &[Start]) -> Result<(), EngineError> {
        let mut dirs = Vec::new();
        let mut hopeless = Vec::new();
        for start in starts {
            match self.prepare(&start.task, start.attempt) {
                Ok(dir) => dirs.push(dir.path().to_owned()),
                Err(error) => hopeless.push(unstarted(start, &error)),
            }
        }
        failpoint::hit("engine.before_launch");
        self.launch(&dirs)?;
        if !hopeless.is_empty() {
            self.settle(hopeless)?;
        }
        Ok(())
    }

    /// Starts a keeper for each directory, and a ticker unless one lives.
    pub(super) fn launch(&self, dirs: &[Utf8PathBuf]) -> Result<(), EngineError> {
        self.launch_helpers(dirs, None)
    }

    /// Like [`Engine::launch`], for attempts that were claimed before and that nobody seems to keep.
    pub(super) fn launch_again(&self, dirs: &[Utf8PathBuf]) -> Result<(), EngineError> {
        self.launch_helpers(dirs, Some(AGAIN_FLAG.to_owned()))
    }

    fn launch_helpers(&self, dirs: &[Utf8PathBuf], again: Option<String>) -> Result<(), EngineError> {
        let tick = !self.has_ticker();
        if let (false, Some(ticker)) = (tick, files::signature(&self.home.ticker_lock())) {
            tree::continue_helper(ticker);
        }
        if dirs.is_empty() && !tick {
            return Ok(());
        }
        let keepers = again.into_iter().chain(dirs.iter().map(|dir| dir.to_string()));
        if self.starts_keepers {
            return launcher(&keepers.collect::<Vec<_>>()).map_err(EngineError::Helper);
        }
        let mut args = vec!["__launch".to_owned()];
        args.extend(tick.then(|| "--tick".to_owned()));
        args.extend(keepers);
        start_launcher(&args)
    }

    /// Starts the dashboard's process, which outlives this one.
    pub(super) fn launch_dashboard(&self) -> Result<(), EngineError> {
        start_launcher(&["__launch".to_owned(), DASHBOARD.to_owned()])
    }

    pub(super) fn has_ticker(&self) -> bool {
        files::is_locked(&self.home.ticker_lock())
    }

    /// Makes sure that a ticker lives while anything moves.
    pub(super) fn ensure_ticker(&self) -> Result<(), EngineError> {
        if self.store.read(|view| view.any_moving())? { self.launch(&[]) } else { Ok(()) }
    }
}

/// The launcher's word for the dashboard.
const DASHBOARD: &str = "--dashboard";
/// The launcher's word before attempts that may have keepers.
const AGAIN_FLAG: &str = "--again";

fn start_launcher(args: &[String]) -> Result<(), EngineError> {
    let mut launcher = spawn::own_program(args, tree::NO_ATTEMPT).map_err(EngineError::Helper)?;
    // It lives for a millisecond; a long-lived caller would keep its zombie otherwise.
    std::thread::spawn(move || launcher.wait());
    Ok(())
}

/// The body of `mgr __launch`: its children outlive it and belong to nobody but init. The ticker
/// starts keepers in the same way; they are init's when it ends.
///
/// Each gets the attempt's cookie in its environment, so that even the moment between fork
/// and exec of the agent is found by it.
pub fn launcher(args: &[String]) -> std::io::Result<()> {
    // Its children have neither the caller's terminal nor its process group. The ticker has done so before.
    tree::leave_session();
    fds::close_in_children();
    failpoint::hit("launcher.before_all");
    let again = args.iter().any(|arg| arg == AGAIN_FLAG).then_some(AGAIN);
    for arg in args.iter().filter(|arg| *arg != AGAIN_FLAG) {
        if let Some(helper) = helper(arg) {
            spawn::own_program([helper], tree::NO_ATTEMPT)?;
            continue;
        }
        let dir = camino::Utf8Path::new(arg);
        let number = dir.file_name().unwrap_or_default();
        let id = dir.parent().and_then(camino::Utf8Path::file_name).unwrap_or_default();
        spawn::own_program(["__keep", arg].into_iter().chain(again), &format!("{id}.{number}"))?;
        failpoint::hit("launcher.between");
    }
    Ok(())
}

/// Returns the helper that a word asks for, where it names no attempt.
fn helper(arg: &str) -> Option<&'static str> {
    match arg {
        "--tick" => Some("__tick"),
        DASHBOARD => Some("__dashboard"),
        _ => None,
    }
}

/// Returns the end of an attempt that cannot even be prepared.
pub(super) fn unstarted(start: &Start, error: &EngineError) -> News {
    let category = match error {
        EngineError::File(error) if error.is_disk_full() => Category::DiskFull,
        EngineError::BackendMissing { .. } | EngineError::UnknownBackend(_) => Category::BackendMissing,
        // Open on purpose: whatever else is in the way, the agent was not started.
        _ => Category::Launch,
    };
    let mut message = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        message.push_str(&format!(": {source}"));
    }
    let failure = Failure::new(category, message);
    let outcome = Outcome { status: Status::Failed, failure: Some(failure.clone()) };
    let end = AttemptEnd {
        at: clock::now(),
        status: Status::Failed,
        ending: Ending::LaunchFailed,
        exit_code: None,
        signal: None,
        adopted: false,
        killed_processes: 0,
        failure: Some(failure),
        verification: Verification::None,
        checks: Vec::new(),
        session: None,
        model: None,
        usage: Usage::default(),
        cost: Cost::UNKNOWN,
        tools: 0,
        archive_note: None,
        answer_head: None,
    };
    let next = crate::core::retry_after(&start.task.spec, start.task.tries(), &outcome, None, clock::now());
    let input = Input::AttemptEnded { attempt: start.attempt, outcome, next };
    News { task: start.task.id.clone(), input, end: Some(end) }
}
