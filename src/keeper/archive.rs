//! The archive around an agent: what its workspace is before its first write, and after its last.
//!
//! Theory of operation: before the attempt's `pid` is made, so that a keeper that dies in here is followed by one
//! that begins again, the isolated directory is made if one is wanted, and the workspace is archived. Orders are heard
//! meanwhile: nothing runs yet, so an end asked for is there at once. After the tree is cleared and the checks have run
//! the workspace is archived again, and what differs is written down before the exit file.

use std::time::{Duration, Instant};

use super::{
    checks::{self, Lines},
    contract::{ArchivePlan, AttemptDir, ChangedFile, Changes, Exit, Order, Spec, VERSION, ready_mark},
    ctl::Ear,
    run::herd_of,
};
use crate::{
    archive::{ArchiveError, Change, ChangeKind, GitState, Take, Workspace},
    core::{Bytes, Check, Ending, Isolation, Verification, with_causes},
    os::{
        clock, failpoint,
        files::{self, Durability, FileError},
        tree,
    },
};

/// Orders are looked for this often while files are archived, each of which takes much less.
const LISTEN_EVERY: Duration = Duration::from_millis(20);
/// So many changed files are named; the rest is counted.
const NAMED: usize = 500;

/// Why the agent was not started.
pub(super) struct Unready {
    ending: Ending,
    detail: Option<String>,
}

impl Unready {
    pub(super) fn into_exit(self) -> Exit {
        Exit { detail: self.detail, ..Exit::without_agent(self.ending, clock::now()) }
    }
}

/// What can come between an attempt and its agent.
enum Trouble {
    Archive(ArchiveError),
    File(FileError),
    Setup(Check),
}

impl From<ArchiveError> for Trouble {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// Makes everything ready that must be before the agent is started.
///
/// # Errors
/// It cannot be, or somebody asked for the end meanwhile.
pub(super) fn prepare(
    dir: &AttemptDir,
    spec: &Spec,
    plan: &ArchivePlan,
    ear: &mut Ear,
    environment: &[(String, String)],
) -> Result<(), Unready> {
    if let Some(detail) = disk_below_floor(dir, spec) {
        return Err(Unready { ending: Ending::DiskFull, detail: Some(detail) });
    }
    let mut waiting = Waiting::new(dir, spec, ear);
    let ready = make_ready(dir, spec, plan, &mut waiting, environment);
    match (waiting.end, ready) {
        (Some((ending, detail)), _) => Err(Unready { ending, detail }),
        (None, Ok(())) => Ok(()),
        (None, Err(trouble)) => Err(unready(trouble)),
    }
}

/// Says so when the disk has less than it must keep.
pub(super) fn disk_below_floor(dir: &AttemptDir, spec: &Spec) -> Option<String> {
    let free = files::free_space(dir.path()).map(Bytes).filter(|free| *free < spec.free_disk_floor)?;
    Some(format!("only {free} are free on the disk; the floor is {}", spec.free_disk_floor))
}

fn unready(trouble: Trouble) -> Unready {
    let (ending, detail) = match trouble {
        Trouble::Setup(check) => (Ending::LaunchFailed, setup_words(&check)),
        Trouble::Archive(error) if error.is_disk_full() => (Ending::DiskFull, with_causes(&error)),
        Trouble::Archive(error) => (Ending::NotArchived, with_causes(&error)),
        Trouble::File(error) if error.is_disk_full() => (Ending::DiskFull, with_causes(&error)),
        Trouble::File(error) => (Ending::NotArchived, with_causes(&error)),
    };
    Unready { ending, detail: Some(detail) }
}

fn setup_words(check: &Check) -> String {
    let how =
        check.exit_code.map_or_else(|| "did not finish".to_owned(), |code| format!("ended with exit code {code}"));
    let last = check.output_tail.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let said = last.map(|line| format!(": {line}")).unwrap_or_default();
    format!("the setup command `{}` {how}{said}", check.command)
}

fn make_ready(
    dir: &AttemptDir,
    spec: &Spec,
    plan: &ArchivePlan,
    waiting: &mut Waiting<'_>,
    environment: &[(String, String)],
) -> Result<(), Trouble> {
    let workspace = Workspace::open(&plan.store, &plan.workspace)?;
    if plan.isolate != Isolation::None {
        isolate(dir, spec, plan, &workspace, waiting, environment)?;
    }
    failpoint::hit("keeper.before_archive");
    while failpoint::holds("keeper.archiving") && !waiting.is_asked_to_end() {}
    workspace.at(&plan.root).take(&plan.names.before, &take(plan, false), &mut || waiting.go_on())?;
    failpoint::hit("keeper.after_archive");
    Ok(())
}

fn take(plan: &ArchivePlan, late: bool) -> Take {
    Take { scope: plan.scope.clone(), limits: plan.limits, late }
}

/// Makes the isolated directory, once for all attempts: a mark beside it says that it is ready. What was begun
/// and has no mark is what a keeper left that died.
fn isolate(
    dir: &AttemptDir,
    spec: &Spec,
    plan: &ArchivePlan,
    workspace: &Workspace,
    waiting: &mut Waiting<'_>,
    environment: &[(String, String)],
) -> Result<(), Trouble> {
    let mark = ready_mark(&plan.root);
    if mark.exists() && plan.root.exists() {
        return Ok(());
    }
    if plan.root.exists() {
        let mut herd = herd_of(dir, spec);
        while !herd.members().is_empty() {
            herd.kill();
            while tree::reap().is_some() {}
        }
        workspace.remove_isolated(&plan.root)?;
    }
    if let Some(parent) = plan.root.parent() {
        files::make_dir(parent)?;
    }
    failpoint::hit("keeper.before_isolation");
    let base = workspace.take(&plan.names.base, &take(plan, false), &mut || waiting.go_on())?;
    let manifest = workspace.manifest(&base)?;
    workspace.isolate(plan.isolate, &manifest, &plan.root, &mut || waiting.go_on())?;
    failpoint::hit("keeper.after_isolation");
    let lines = Lines { commands: &plan.setup, log: "setup" };
    let ran = checks::run_lines(dir, spec, environment, &lines, &mut || waiting.is_asked_to_end());
    if let Some(failed) = ran.into_iter().find(|check| check.verdict != Verification::Passed) {
        return Err(Trouble::Setup(failed));
    }
    files::replace(&mark, b"", Durability::Machine)?;
    failpoint::hit("keeper.after_setup");
    Ok(())
}

/// Hears orders while there is no agent that they could be passed on to.
struct Waiting<'a> {
    dir: &'a AttemptDir,
    spec: &'a Spec,
    ear: &'a mut Ear,
    listen_at: Instant,
    time_limit: Option<Instant>,
    is_paused: bool,
    end: Option<(Ending, Option<String>)>,
}

impl<'a> Waiting<'a> {
    fn new(dir: &'a AttemptDir, spec: &'a Spec, ear: &'a mut Ear) -> Self {
        let now = clock::steady();
        let time_limit = spec.timeout.map(|limit| now + limit.as_duration());
        Self { dir, spec, ear, listen_at: now, time_limit, is_paused: false, end: None }
    }

    /// Whether to go on; cheap enough to be asked for each file. Does not return while the task is paused.
    fn go_on(&mut self) -> bool {
        if self.end.is_none() && clock::steady() >= self.listen_at {
            self.listen(Duration::ZERO);
            self.listen_at = clock::steady() + LISTEN_EVERY;
        }
        self.end.is_none()
    }

    fn is_asked_to_end(&mut self) -> bool {
        self.listen(LISTEN_EVERY);
        self.end.is_some()
    }

    fn listen(&mut self, patience: Duration) {
        self.hear(patience);
        let since = clock::steady();
        while self.is_paused && self.end.is_none() {
            self.hear(Duration::from_secs(1));
        }
        // Time in pause does not count.
        let paused_for = clock::steady().saturating_duration_since(since);
        self.time_limit = self.time_limit.map(|limit| limit + paused_for);
        if self.end.is_none() && self.time_limit.is_some_and(|limit| clock::steady() >= limit) {
            let detail = self
                .spec
                .timeout
                .map(|limit| format!("the time limit of {limit} was reached before the agent was started"));
            self.end = Some((Ending::TimedOut, detail));
        }
    }

    fn hear(&mut self, patience: Duration) {
        let news = self.ear.listen(patience);
        if news.asked_to_leave {
            let detail = "the keeper was asked to end (SIGTERM)".to_owned();
            self.end.get_or_insert((Ending::Vanished, Some(detail)));
        }
        for order in news.orders {
            match order {
                Order::End { ending, detail, .. } => {
                    self.end.get_or_insert((ending, detail));
                }
                Order::Pause => {
                    self.is_paused = true;
                    files::poke(&self.dir.file("paused"));
                }
                Order::Resume => {
                    self.is_paused = false;
                    let _ = std::fs::remove_file(self.dir.file("paused"));
                }
            }
        }
    }
}

/// Archives what the agent left and writes down what differs. `late` when nobody can say how long ago it left.
///
/// # Errors
/// Why it could not be done, for people; what the attempt came to is not touched by it.
pub(super) fn finish(dir: &AttemptDir, plan: &ArchivePlan, late: bool) -> Result<(), String> {
    let differs = || -> Result<(), Trouble> {
        let workspace = Workspace::open(&plan.store, &plan.workspace)?.at(&plan.root);
        let Some(before) = workspace.snapshot(&plan.names.before)? else { return Ok(()) };
        failpoint::hit("keeper.before_after_snapshot");
        let after = workspace.take_after(&plan.names.after, &take(plan, late), &before, &mut || true)?;
        failpoint::hit("keeper.after_after_snapshot");
        let began = plan.names.began.as_ref().map(|began| workspace.snapshot(began)).transpose()?.flatten();
        let before = began.unwrap_or(before);
        let found = workspace.manifest(&before)?.changes_to(&workspace.manifest(&after)?);
        let moves = |(before, after): (&GitState, &GitState)| before.moves_to(after);
        let git = before.git.as_ref().zip(after.git.as_ref()).map(moves).unwrap_or_default();
        dir.write_changes(&Changes { git, others_may_write: plan.others_may_write, ..changes(&found) })?;
        failpoint::hit("keeper.after_changes");
        Ok(())
    };
    differs().map_err(|trouble| unready(trouble).detail.unwrap_or_default())
}

/// Waits until the disk has the name of what [`finish`] has archived. Where it cannot, nobody can be told any more.
pub(super) fn settle(plan: &ArchivePlan) {
    let _ = Workspace::open(&plan.store, &plan.workspace).and_then(|workspace| workspace.settle());
}

fn changes(found: &[Change]) -> Changes {
    let count = |wanted: fn(ChangeKind) -> bool| found.iter().filter(|change| wanted(change.kind())).count() as u64;
    let file = |change: &Change| ChangedFile { path: change.path.to_string(), kind: change.kind() };
    Changes {
        v: VERSION,
        total: found.len() as u64,
        created: count(|kind| kind == ChangeKind::Created),
        modified: count(|kind| matches!(kind, ChangeKind::Modified | ChangeKind::Mode | ChangeKind::Type)),
        deleted: count(|kind| kind == ChangeKind::Deleted),
        files: found.iter().take(NAMED).map(file).collect(),
        git: Vec::new(),
        others_may_write: false,
    }
}
