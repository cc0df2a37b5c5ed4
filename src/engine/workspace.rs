//! Which directory a task works in, what of it is archived, and what became of it.
//!
//! Decides nothing about files: the archive does, the keeper has it done. Here is what both are told, and what
//! they left is read for people.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    Engine, EngineError,
    changes::name,
    landing::{LandingState, finish_unfinished},
};
use crate::{
    archive::{Take, Workspace},
    core::{ArchiveLimits, ArchiveScope, Coverage, Isolation, Posture, Task, TaskId, TaskSpec, overlap},
    keeper::contract::{ArchivePlan, Changes, SnapshotNames},
    os::{files::FileError, tree},
};

/// How long a submit looks at the workspace.
const SURVEY_PATIENCE: Duration = Duration::from_millis(8);

const HOME_DIRECTORY: &str = "your home directory";

/// What is archived of a task's workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveLook {
    pub mode: ArchiveScope,
    pub coverage: Coverage,
    /// Whether the numbers are those of all of it: nobody may have had the time to count yet.
    pub is_whole: bool,
    /// Whether it was archived later than it should have been, after a crash.
    pub late: bool,
}

/// What there is of an isolated task's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IsolationState {
    /// Made when the task starts.
    NotYet,
    /// There, with what the agent did.
    Present,
    /// There, and brought into the workspace already.
    Applied,
    /// Given up or removed.
    Gone,
}

/// Where an isolated task works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsolationLook {
    pub kind: Isolation,
    pub directory: Utf8PathBuf,
    pub state: IsolationState,
    /// Why it is still there, or what of it is.
    pub note: Option<String>,
}

impl Engine {
    /// Fills in which directory is archived and leased, and refuses what must not be archived.
    pub(super) fn settle_workspace(&self, spec: &mut TaskSpec, asked_by: Option<&TaskId>) -> Result<(), EngineError> {
        let working_dir = canonical(&spec.working_dir)?;
        let root = match spec.isolate {
            Isolation::Worktree => repository_above(&working_dir)?,
            Isolation::None | Isolation::Copy => working_dir,
        };
        check_combination(spec)?;
        if let Some(what) = self.is_unarchivable(&root).filter(|_| spec.archive != ArchiveScope::Off) {
            let is_reader = spec.posture == Posture::ReadOnly && spec.isolate == Isolation::None;
            match &spec.archive {
                // Chosen paths of a home directory are a workspace like any other.
                ArchiveScope::Paths(_) if what == HOME_DIRECTORY => {}
                _ if is_reader => spec.archive = ArchiveScope::Off,
                _ => return Err(no_workspace(&root, what)),
            }
        }
        spec.isolated_by = self.directory_to_go_on_in(spec, &root)?;
        spec.workspace = Some(root);
        spec.share |= self.is_for_its_writer(spec, asked_by)?;
        Ok(())
    }

    /// Returns the task whose agent has started this process.
    pub fn asking_task(&self) -> Option<TaskId> {
        self.env.get(tree::TASK)?.parse().ok()
    }

    /// Whether the task is submitted by the agent that writes in its directory. Such a task works beside that agent:
    /// an agent that waits for what it has delegated would otherwise wait for its own end.
    fn is_for_its_writer(&self, spec: &TaskSpec, asked_by: Option<&TaskId>) -> Result<bool, EngineError> {
        let (Some(root), Some(parent)) = (spec.written_root(), asked_by) else { return Ok(false) };
        let Some(parent) = self.store.read(|view| view.task(parent))? else { return Ok(false) };
        let writes = parent.spec.posture != Posture::ReadOnly && parent.spec.isolate == Isolation::None;
        let meets = parent.spec.workspace.as_deref().is_some_and(|other| overlap(other, root));
        Ok(parent.state.busy_attempt().is_some() && writes && meets)
    }

    /// Returns how an agent that has to be alone in its directory gets one here.
    pub(super) fn own_place(&self, dir: &Utf8Path) -> Isolation {
        // A repository over the whole home directory is not what is worked on.
        let is_fit = |top: &&Utf8Path| self.is_unarchivable(top).is_none();
        match canonical(dir).ok().as_deref().and_then(repository_of).filter(is_fit) {
            Some(_) => Isolation::Worktree,
            None => Isolation::Copy,
        }
    }

    /// Returns what a directory is, when it may not be archived.
    fn is_unarchivable(&self, root: &Utf8Path) -> Option<&'static str> {
        let is = |path: &Utf8Path| canonical(path).is_ok_and(|path| path == root);
        if root.parent().is_none() {
            return Some("the whole file system");
        }
        if self.env.get("HOME").is_some_and(|home| is(home.into())) {
            return Some(HOME_DIRECTORY);
        }
        let data = canonical(self.home.data()).ok()?;
        // What agents and the tour work in lies there too.
        let is_for_work = ["isolated", "demo"].iter().any(|name| {
            let work = data.join(name);
            root.starts_with(&work) && root != work
        });
        (root.starts_with(&data) && !is_for_work).then_some("mgr's own data")
    }

    /// An agent's conversation knows the paths it worked with: its next turn goes on in the same isolated
    /// directory, as long as that is there and was not brought in.
    fn directory_to_go_on_in(&self, spec: &TaskSpec, root: &Utf8Path) -> Result<Option<TaskId>, EngineError> {
        let (Some(earlier), true) = (&spec.lineage.continues, spec.isolate != Isolation::None) else { return Ok(None) };
        let earlier = self.task(earlier)?;
        let same = earlier.spec.isolate == spec.isolate && earlier.spec.workspace.as_deref() == Some(root);
        let is_there = |look: IsolationLook| look.state == IsolationState::Present;
        let goes_on = same && self.isolation_of(&earlier)?.is_some_and(is_there);
        Ok(goes_on.then(|| isolation_owner(&earlier).clone()))
    }

    /// Looks at the workspace for a moment.
    ///
    /// # Errors
    /// It is seen already that it cannot be archived: a limit, a file that cannot be read.
    pub(super) fn survey(&self, spec: &TaskSpec) -> Result<Option<ArchiveLook>, EngineError> {
        let Some(root) = &spec.workspace else { return Ok(None) };
        if spec.archive == ArchiveScope::Off {
            return Ok(Some(self.look_at_nothing(spec, root)));
        }
        let workspace = self.archive_at(root)?;
        let take = Take { scope: scope_in(root, spec), limits: self.archive_limits(), late: false };
        let survey = workspace.survey(&take, SURVEY_PATIENCE)?;
        let mut look = ArchiveLook {
            mode: spec.archive.clone(),
            coverage: survey.coverage,
            is_whole: survey.is_whole,
            late: false,
        };
        if !look.is_whole
            && let Some(last) = workspace.snapshots()?.into_iter().rev().find(|last| last.root == *root)
        {
            look.coverage = last.coverage;
        }
        if let ArchiveScope::Paths(paths) = &spec.archive {
            for path in paths.iter().filter(|path| !root.join(path).exists()) {
                look.coverage.leave_out(path.as_str(), "nothing of this name is there now".to_owned());
            }
        }
        Ok(Some(look))
    }

    fn look_at_nothing(&self, spec: &TaskSpec, root: &Utf8Path) -> ArchiveLook {
        let what = self.is_unarchivable(root).filter(|_| spec.posture == Posture::ReadOnly);
        let why = what.map_or("the task goes without an archive: no diff, no rollback".to_owned(), |what| {
            format!("it is {what}; a read-only task goes without an archive there")
        });
        let mut coverage = Coverage::default();
        coverage.leave_out(root.as_str(), why);
        ArchiveLook { mode: ArchiveScope::Off, coverage, is_whole: true, late: false }
    }

    pub(super) fn archive_at(&self, root: &Utf8Path) -> Result<Workspace, EngineError> {
        Ok(Workspace::open(&self.home.archive(), root)?)
    }

    pub(super) fn archive_limits(&self) -> ArchiveLimits {
        let config = &self.config;
        ArchiveLimits {
            max_files: config.archive_max_files,
            max_bytes: config.archive_max_bytes,
            max_file: config.archive_max_file,
            max_time: config.archive_max_time,
            free_disk_floor: config.free_disk_floor,
            small_ignored: config.archive_small_ignored,
        }
    }

    /// Returns the directory that stands for a task's workspace: its isolated one, or the workspace itself.
    pub(super) fn root_of(&self, id: &TaskId, spec: &TaskSpec) -> Option<Utf8PathBuf> {
        let workspace = spec.workspace.as_ref()?;
        if spec.isolate == Isolation::None {
            return Some(workspace.clone());
        }
        let owner = spec.isolated_by.as_ref().unwrap_or(id);
        Some(self.home.isolated(owner).join(workspace.file_name().unwrap_or("workspace")))
    }

    /// Returns the directory that the agent is started in.
    pub(super) fn agent_dir(&self, id: &TaskId, spec: &TaskSpec) -> Utf8PathBuf {
        match (self.root_of(id, spec), &spec.workspace) {
            (Some(root), Some(workspace)) if spec.isolate != Isolation::None => {
                let real = canonical(&spec.working_dir).unwrap_or_else(|_| spec.working_dir.clone());
                real.strip_prefix(workspace).map_or_else(|_| root.clone(), |below| joined(&root, below))
            }
            _ => spec.working_dir.clone(),
        }
    }

    /// Finishes a landing in a task's workspace that a crash has left in between: the agent would take that state
    /// for the user's. The task has the workspace for itself, so nobody is at it.
    pub(super) fn finish_landings(&self, spec: &TaskSpec) -> Result<(), EngineError> {
        let Some(root) = spec.written_root() else { return Ok(()) };
        for note in finish_unfinished(&self.archive_at(root)?)? {
            tracing::warn!(workspace = %root, "{note}");
        }
        Ok(())
    }

    /// Returns what the keeper is to archive and where the agent works.
    pub(super) fn archive_plan(&self, task: &Task, number: u32) -> Result<Option<ArchivePlan>, EngineError> {
        let spec = &task.spec;
        let (Some(workspace), Some(root)) = (&spec.workspace, self.root_of(&task.id, spec)) else { return Ok(None) };
        if spec.archive == ArchiveScope::Off {
            return Ok(None);
        }
        let owner = isolation_owner(task);
        let attempt = task.attempt(number).filter(|attempt| attempt.repair_of.is_some());
        let began = attempt.map(|attempt| name(&format!("{}.{}.before", task.id, task.try_of(attempt).number)));
        Ok(Some(ArchivePlan {
            store: self.home.archive(),
            workspace: workspace.clone(),
            root,
            scope: scope_in(workspace, spec),
            limits: self.archive_limits(),
            names: SnapshotNames {
                base: name(&format!("{owner}.base"))?,
                before: name(&format!("{}.{number}.before", task.id))?,
                after: name(&format!("{}.{number}.after", task.id))?,
                began: began.transpose()?,
            },
            isolate: spec.isolate,
            setup: spec.setup.clone(),
            others_may_write: spec.isolate == Isolation::None && spec.written_root().is_none(),
        }))
    }

    /// Returns what is archived for a task: what its newest snapshot from before an attempt holds.
    ///
    /// # Errors
    /// The record of the snapshot cannot be read.
    pub fn archive_of(&self, task: &Task) -> Result<Option<ArchiveLook>, EngineError> {
        let Some(root) = &task.spec.workspace else { return Ok(None) };
        if task.spec.archive == ArchiveScope::Off {
            return Ok(Some(self.look_at_nothing(&task.spec, root)));
        }
        let empty = ArchiveLook {
            mode: task.spec.archive.clone(),
            coverage: Coverage::default(),
            is_whole: false,
            late: false,
        };
        if task.attempts.is_empty() {
            return Ok(Some(empty));
        }
        let workspace = self.archive_at(root)?;
        for attempt in task.attempts.iter().rev() {
            let before = name(&format!("{}.{}.before", task.id, attempt.number))?;
            if let Some(found) = workspace.snapshot(&before)? {
                return Ok(Some(ArchiveLook { coverage: found.coverage, is_whole: true, late: found.late, ..empty }));
            }
        }
        Ok(Some(empty))
    }

    /// Returns where an isolated task works; `None` for one that is not isolated.
    ///
    /// # Errors
    /// The file that says whether its result was taken over cannot be read.
    pub fn isolation_of(&self, task: &Task) -> Result<Option<IsolationLook>, EngineError> {
        let Some(directory) = self.root_of(&task.id, &task.spec).filter(|_| task.spec.isolate != Isolation::None)
        else {
            return Ok(None);
        };
        let began = |attempt: &crate::core::Attempt| attempt.ended.is_some();
        let is_in = matches!(self.landing_state(task)?, Some(LandingState::Applied | LandingState::Partly));
        let state = match (directory.exists(), is_in) {
            (true, true) => IsolationState::Applied,
            (true, false) => IsolationState::Present,
            (false, _) if task.status().is_terminal() || task.attempts.iter().any(began) => IsolationState::Gone,
            (false, _) => IsolationState::NotYet,
        };
        let note = self.landing_note(task)?;
        Ok(Some(IsolationLook { kind: task.spec.isolate, directory, state, note }))
    }

    /// Returns what the archive saw the newest finished attempt change.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn changes_seen(&self, task: &Task) -> Result<Option<Changes>, EngineError> {
        let Some(attempt) = task.last_attempt() else { return Ok(None) };
        Ok(self.attempt_dir(&task.id, attempt.number).read_changes()?)
    }

    /// Whether the agent says that it changed files of the workspace, and none of it differs.
    pub fn is_claim_unseen(&self, task: &Task, claimed: &[String], seen: &Changes) -> bool {
        let Some(root) = self.root_of(&task.id, &task.spec) else { return false };
        let agent_dir = self.agent_dir(&task.id, &task.spec);
        let is_covered = |path: &&String| joined(&agent_dir, Utf8Path::new(path)).starts_with(&root);
        task.spec.archive == ArchiveScope::All && seen.total == 0 && claimed.iter().any(|path| is_covered(&path))
    }

    /// Removes the isolated directory of a task that leaves, unless another turn of its conversation works there.
    pub(super) fn remove_isolated_of(&self, task: &Task) -> Result<(), EngineError> {
        let owner = isolation_owner(task);
        let dir = self.home.isolated(owner);
        let (Some(root), Some(workspace)) = (self.root_of(&task.id, &task.spec), &task.spec.workspace) else {
            return Ok(());
        };
        if task.spec.isolate == Isolation::None || !dir.exists() || !self.others_in_directory(task)?.is_empty() {
            return Ok(());
        }
        self.archive_at(workspace)?.remove_isolated(&root)?;
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(FileError::at(&dir, "remove")(error).into())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Returns the task whose isolated directory a task works in.
pub(super) fn isolation_owner(task: &Task) -> &TaskId {
    task.spec.isolated_by.as_ref().unwrap_or(&task.id)
}

fn canonical(path: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    path.canonicalize_utf8().map_err(FileError::at(path, "resolve"))
}

/// Joins without the trailing slash that an empty path would bring.
fn joined(root: &Utf8Path, below: &Utf8Path) -> Utf8PathBuf {
    if below.as_str().is_empty() { root.to_owned() } else { root.join(below) }
}

fn repository_of(dir: &Utf8Path) -> Option<&Utf8Path> {
    dir.ancestors().find(|above| above.join(".git").exists())
}

fn repository_above(dir: &Utf8Path) -> Result<Utf8PathBuf, EngineError> {
    let top = repository_of(dir);
    top.map(Utf8Path::to_owned).ok_or_else(|| EngineError::Invalid {
        message: format!("`{dir}` is in no git repository, so there is no worktree of it"),
        hint: "`--isolate copy` needs none".into(),
    })
}

fn no_workspace(root: &Utf8Path, what: &str) -> EngineError {
    let choose = if what == HOME_DIRECTORY { "choose with `--archive paths:A,B`, " } else { "" };
    EngineError::Conflict {
        message: format!("`{root}` is {what}, which is not archived as a whole"),
        hint: format!("work in a directory beneath it, {choose}or go without an archive with `--archive off`"),
    }
}

/// Refuses what contradicts itself.
fn check_combination(spec: &TaskSpec) -> Result<(), EngineError> {
    let invalid = |message: &str, hint: &str| Err(EngineError::Invalid { message: message.into(), hint: hint.into() });
    match spec.isolate {
        Isolation::None if !spec.setup.is_empty() => {
            invalid("setup commands make an isolated directory ready", "add `--isolate worktree` or `--isolate copy`")
        }
        Isolation::None => Ok(()),
        Isolation::Worktree | Isolation::Copy if spec.archive == ArchiveScope::Off => {
            invalid("an isolated directory is made from the archive", "leave `--archive off` out")
        }
        Isolation::Worktree | Isolation::Copy if spec.share => {
            invalid("an isolated task shares no directory", "leave `--share` or `--isolate` out")
        }
        Isolation::Worktree | Isolation::Copy => Ok(()),
    }
}

/// Paths are meant from the working directory; the archive wants them from the workspace.
fn scope_in(workspace: &Utf8Path, spec: &TaskSpec) -> ArchiveScope {
    let real = canonical(&spec.working_dir).unwrap_or_else(|_| spec.working_dir.clone());
    let below = real.strip_prefix(workspace).unwrap_or(Utf8Path::new(""));
    match &spec.archive {
        ArchiveScope::Paths(paths) => {
            ArchiveScope::Paths(paths.iter().map(|path| below.join(path).into_string()).collect())
        }
        ArchiveScope::All => ArchiveScope::All,
        ArchiveScope::Off => ArchiveScope::Off,
    }
}
