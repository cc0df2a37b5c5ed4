//! Bringing a workspace back or forth over what a task has changed.
//!
//! Decides who may and what is meant; which path is changed how is the archive's business. Holds the workspace
//! against writers while it works, finishes first what an earlier call has left unfinished, and never touches
//! the repository itself: that its history moved is only said.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::{
    Engine, EngineError, TaskChanges,
    changes::{Moved, name},
    workspace::isolation_owner,
};
use crate::{
    archive::{
        ArchiveError, Change, Conflict, Entry, How, KeptBranch, Landed, OnConflict, RawPath, SnapshotName, Take, Turn,
        Workspace,
    },
    core::{Attempt, Isolation, Task, TaskId, nearest_few},
    keeper::contract::ready_mark,
    os::{clock, failpoint, files, tree},
};

/// How a task's changes are to be taken back or brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandAsk {
    /// Only these files and what lies beneath these directories, relative to the workspace; all when empty.
    pub paths: Vec<String>,
    pub dry_run: bool,
    pub on_conflict: OnConflict,
    /// Take back what the last such call for this task did.
    pub undo: bool,
    /// A task that may write there meanwhile: its agent asks for it.
    pub beside: Option<TaskId>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct LandReport {
    /// The journal's name; `None` where nothing was done.
    pub id: Option<SnapshotName>,
    pub landed: Landed,
    /// What else is to be said: HEAD that stays moved, ignored directories that stay.
    pub notes: Vec<String>,
}

/// What became of the result of an isolated task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LandingState {
    /// Nobody has taken it over yet.
    Open,
    Applied,
    /// Some of it is in the workspace.
    Partly,
    Discarded,
}

/// What is left of a result that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// Whether there was a directory to remove.
    pub was_there: bool,
    /// Whether the archive has what the task made.
    pub has_result: bool,
    /// What the directory was at the end, if somebody had worked there since.
    pub later_edits: Option<SnapshotName>,
    /// The branch of it that stays.
    pub kept_branch: Option<KeptBranch>,
}

/// What is done with a directory that somebody has worked in after its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LaterEdits {
    /// They are archived, and it goes.
    Archive,
    /// It stays.
    Leave,
}

/// How long a keeper may still be there after the end that it has written down.
const KEEPER_PATIENCE: Duration = Duration::from_secs(3);

const LANDING_FILE: &str = "landing.json";

/// [`LANDING_FILE`] beside a task.
#[derive(Debug, Serialize, Deserialize)]
struct LandingFile {
    v: u32,
    state: LandingState,
    at: crate::core::Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    journal: Option<SnapshotName>,
    /// What a person should know of the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl LandingFile {
    fn new(state: LandingState) -> Self {
        Self { v: 1, state, at: clock::now(), journal: None, note: None }
    }
}

/// What is not done without being asked twice.
#[derive(Clone, Debug, Default)]
struct Doubts {
    /// Somebody else may have changed them too.
    uncertain: BTreeSet<String>,
    /// It may have been there before.
    moved: Vec<Moved>,
}

impl Doubts {
    fn is_about(&self, path: &RawPath) -> bool {
        self.uncertain.contains(&path.to_string()) || self.moved.iter().any(|moved| moved.paths.contains(path))
    }

    /// Returns one conflict for each path, and for all that was moved together.
    fn conflicts(&self, doubtful: Vec<Turn>) -> Vec<Conflict> {
        let mut conflicts: BTreeMap<RawPath, String> = BTreeMap::new();
        for Turn { path, .. } in doubtful {
            match self.moved.iter().find(|moved| moved.paths.contains(&path)) {
                Some(moved) => drop(conflicts.insert(moved.to.clone(), moved.why())),
                None => {
                    let why = "somebody else may have changed it too: whose change it is cannot be told";
                    conflicts.insert(path, why.to_owned());
                }
            }
        }
        conflicts.into_iter().map(|(path, why)| Conflict { path, why }).collect()
    }
}

/// Which way a task's changes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Rollback,
    Apply,
}

impl Way {
    const fn word(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Apply => "apply",
        }
    }

    fn turn(self, Change { path, before, after }: Change) -> Turn {
        match self {
            Self::Rollback => Turn { path, from: after, to: before },
            Self::Apply => Turn { path, from: before, to: after },
        }
    }
}

impl Engine {
    /// Brings the workspace back to what it was before the task, path by path, keeping what others did since.
    ///
    /// # Errors
    /// The task has no archive or another task writes there; files cannot be read or written.
    pub fn roll_back(&self, task: &Task, ask: &LandAsk) -> Result<LandReport, EngineError> {
        self.must_be_over(task)?;
        if task.spec.isolate != Isolation::None {
            let id = &task.id;
            return Err(EngineError::Conflict {
                message: format!("task `{id}` worked in a directory of its own: there is nothing to roll back"),
                hint: format!("`mgr discard {id}` gives its result up, `mgr apply {id} --undo` takes it out again"),
            });
        }
        let found = self.changes_of(task)?;
        let doubts = Doubts { uncertain: found.uncertain.iter().cloned().collect(), moved: found.moved.clone() };
        let mut report = self.land(task, &found, &doubts, Way::Rollback, ask)?;
        report.notes.extend(notes_of(&found));
        Ok(report)
    }

    /// Brings the result of an isolated task into its workspace.
    ///
    /// # Errors
    /// The task was not isolated or is not over; another task writes there; files cannot be read or written.
    pub fn apply_result(&self, task: &Task, ask: &LandAsk) -> Result<LandReport, EngineError> {
        self.must_be_isolated(task)?;
        let mut turns = self.open_turns_before(task)?;
        let found = self.changes_over(&turns, task)?;
        // Between two attempts nobody else works in a directory of its own.
        let report = self.land(task, &found, &Doubts::default(), Way::Apply, ask)?;
        let state = if ask.undo && report.landed.is_done {
            let is_in = self.last_done(task, &found.workspace, Way::Apply).is_ok();
            Some(if is_in { LandingState::Partly } else { LandingState::Open })
        } else if !ask.dry_run && !ask.undo {
            state_after(&report.landed, ask)
        } else {
            None
        };
        if let Some(state) = state {
            if ask.undo {
                turns = self.brought_in_with(task, report.id.as_ref())?;
            }
            for turn in turns.iter().chain([task]) {
                self.write_landing(turn, state, report.id.clone())?;
            }
        }
        Ok(report)
    }

    /// Returns the earlier turns that the journal brought in which `undo` has taken back.
    fn brought_in_with(&self, task: &Task, undo: Option<&SnapshotName>) -> Result<Vec<Task>, EngineError> {
        let undone = undo.map(ToString::to_string);
        let undone = undone.as_deref().and_then(|undo| undo.strip_suffix(".undo"));
        let mut turns = Vec::new();
        for other in self.others_in_directory(task)? {
            let journal = self.landing_file(&other)?.and_then(|file| file.journal);
            if undone.is_some() && journal.map(|journal| journal.to_string()).as_deref() == undone {
                turns.push(other);
            }
        }
        Ok(turns)
    }

    /// Gives up the result of an isolated task: its directory goes, what was in it stays in the archive.
    ///
    /// # Errors
    /// The task was not isolated or is not over, or its end is not archived; its directory cannot be removed.
    pub fn discard_result(&self, task: &Task) -> Result<Discarded, EngineError> {
        self.must_be_isolated(task)?;
        self.give_up(task, LaterEdits::Archive)
    }

    /// Gives up the directory of a racer that has lost, as a discard does, unless somebody has a use for it or it is
    /// in doubt: what stays is noted with the task. Doing it twice is harmless.
    ///
    /// # Errors
    /// Files or the store cannot be read or written.
    pub(super) fn discard_loser(&self, task: &Task) -> Result<(), EngineError> {
        let is_open = self.landing_state(task)? == Some(LandingState::Open);
        if !is_open || !self.home.isolated(isolation_owner(task)).exists() {
            return Ok(());
        }
        // A later turn of its conversation goes on there.
        if !self.others_in_directory(task)?.is_empty() {
            return Ok(());
        }
        let given_up = if task.attempts.iter().any(|attempt| lives(task, attempt)) {
            Err(still_lives(task))
        } else {
            self.give_up(task, LaterEdits::Leave)
        };
        match given_up {
            Ok(_) => Ok(()),
            Err(error) => {
                let note = format!("the race was won by another, and its directory stays: {error}");
                let file = LandingFile { note: Some(note), ..LandingFile::new(LandingState::Open) };
                self.write_beside(&task.id, LANDING_FILE, &file)
            }
        }
    }

    fn give_up(&self, task: &Task, edits: LaterEdits) -> Result<Discarded, EngineError> {
        let mut discarded = Discarded { was_there: false, has_result: false, later_edits: None, kept_branch: None };
        let Some(place) = self.place_of(task) else { return Ok(discarded) };
        if place.exists() {
            discarded.was_there = true;
            (discarded.has_result, discarded.later_edits) = self.secure(task, &place, edits)?;
        } else {
            discarded.has_result = self.has_result(task)?;
        }
        failpoint::hit("discard.before_removal");
        // Without the directory too: a crash may have left what the repository knows of it.
        discarded.kept_branch = self.remove_place(task, &place)?;
        failpoint::hit("discard.after_removal");
        let note = discarded.kept_branch.as_ref().map(KeptBranch::to_string);
        for turn in self.others_in_directory(task)?.iter().chain([task]) {
            self.note_discarded(turn, note.as_deref())?;
        }
        Ok(discarded)
    }

    /// Makes sure that a directory can go without a loss; returns whether the archive has the task's result, and the
    /// name of what somebody did there since.
    fn secure(
        &self,
        task: &Task,
        place: &Utf8Path,
        edits: LaterEdits,
    ) -> Result<(bool, Option<SnapshotName>), EngineError> {
        let id = &task.id;
        let (workspace, snapshots) = match self.snapshots_of(task) {
            // Nobody ever worked there: its end came while it was made.
            Err(EngineError::NotFound { .. }) if !self.has_any_agent_begun(task)? => return Ok((false, None)),
            found => found?,
        };
        let Some((before, after)) = snapshots.last() else { return Err(end_unknown(task, place)) };
        let last = after.as_ref().unwrap_or(before);
        let take = Take { scope: last.scope.clone(), limits: self.archive_limits(), late: false };
        let isolated = workspace.at(place);
        let is_edited = isolated.look(&take, &mut || true)? != workspace.manifest(last)?;
        match (after, is_edited, edits) {
            (_, false, _) => Ok((after.is_some(), None)),
            (None, true, _) => Err(end_unknown(task, place)),
            (Some(_), true, LaterEdits::Leave) => Err(EngineError::Conflict {
                message: format!("somebody has changed files in `{place}` since the task ended"),
                hint: format!("`mgr discard {id}` archives that and removes it"),
            }),
            (Some(_), true, LaterEdits::Archive) => {
                let name = name(&format!("{id}.discarded"))?;
                isolated.take(&name, &take, &mut || true)?;
                Ok((true, Some(name)))
            }
        }
    }

    fn has_any_agent_begun(&self, task: &Task) -> Result<bool, EngineError> {
        for attempt in &task.attempts {
            if let Some(Some(_)) = self.attempt_dir(&task.id, attempt.number).read_process()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn remove_place(&self, task: &Task, place: &Utf8Path) -> Result<Option<KeptBranch>, EngineError> {
        let Some(workspace) = &task.spec.workspace else { return Ok(None) };
        let kept = self.archive_at(workspace)?.remove_isolated(place)?;
        // Best effort: all of it was only made for that, and what a crash has left there is nobody's.
        let above = self.home.isolated(isolation_owner(task));
        let mark = ready_mark(place);
        let is_ours = |path: &Utf8Path| {
            path == mark || (path.as_str().starts_with(&format!("{mark}.")) && path.extension() == Some("tmp"))
        };
        for entry in above.read_dir_utf8().into_iter().flatten().flatten().filter(|entry| is_ours(entry.path())) {
            let _ = std::fs::remove_file(entry.path());
        }
        let _ = std::fs::remove_dir(above);
        Ok(kept)
    }

    /// Whether the end of an isolated task is in the archive.
    fn has_result(&self, task: &Task) -> Result<bool, EngineError> {
        match self.snapshots_of(task) {
            Ok((_, snapshots)) => Ok(snapshots.last().is_some_and(|(_, after)| after.is_some())),
            Err(EngineError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn note_discarded(&self, task: &Task, note: Option<&str>) -> Result<(), EngineError> {
        let (kept, note) = (self.landing_file(task)?, note.map(str::to_owned));
        let file = match (self.landing_state(task)?, kept) {
            (Some(LandingState::Open | LandingState::Partly), _) => {
                LandingFile { note, ..LandingFile::new(LandingState::Discarded) }
            }
            (Some(LandingState::Applied | LandingState::Discarded), Some(kept)) if note.is_some() => {
                LandingFile { note, ..kept }
            }
            (Some(LandingState::Applied | LandingState::Discarded) | None, _) => return Ok(()),
        };
        self.write_beside(&task.id, LANDING_FILE, &file)
    }

    /// Returns what a person should know of the directory of an isolated task.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub(super) fn landing_note(&self, task: &Task) -> Result<Option<String>, EngineError> {
        Ok(self.landing_file(task)?.and_then(|file| file.note))
    }

    /// Returns what became of the result of an isolated task that is over; `None` for other tasks.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub fn landing_state(&self, task: &Task) -> Result<Option<LandingState>, EngineError> {
        if task.spec.isolate == Isolation::None || !task.status().is_terminal() {
            return Ok(None);
        }
        Ok(Some(self.landing_file(task)?.map_or(LandingState::Open, |file| file.state)))
    }

    fn landing_file(&self, task: &Task) -> Result<Option<LandingFile>, EngineError> {
        let written = files::read_optional(&self.home.task(&task.id).join(LANDING_FILE))?;
        Ok(written.and_then(|json| serde_json::from_slice(&json).ok()))
    }

    fn write_landing(
        &self,
        task: &Task,
        state: LandingState,
        journal: Option<SnapshotName>,
    ) -> Result<(), EngineError> {
        self.write_beside(&task.id, LANDING_FILE, &LandingFile { journal, ..LandingFile::new(state) })
    }

    fn must_be_over(&self, task: &Task) -> Result<(), EngineError> {
        if task.status().is_terminal() {
            return Ok(());
        }
        let id = &task.id;
        Err(EngineError::Busy {
            message: format!("task `{id}` is not over"),
            hint: format!("`mgr cancel {id}` ends it, `mgr watch {id}` waits for it"),
        })
    }

    fn must_be_isolated(&self, task: &Task) -> Result<(), EngineError> {
        self.must_be_over(task)?;
        if task.spec.isolate != Isolation::None {
            // A later turn may be at work in the same directory.
            return self.others_in_directory(task)?.iter().try_for_each(|turn| self.must_be_over(turn));
        }
        let id = &task.id;
        Err(EngineError::Conflict {
            message: format!("task `{id}` worked in the workspace itself: its changes are there"),
            hint: format!("`mgr diff {id}` shows them, `mgr rollback {id}` takes them back"),
        })
    }

    fn land(
        &self,
        task: &Task,
        found: &TaskChanges,
        doubts: &Doubts,
        way: Way,
        ask: &LandAsk,
    ) -> Result<LandReport, EngineError> {
        let workspace = &found.workspace;
        must_be_in_place(workspace)?;
        let how = How { on_conflict: ask.on_conflict, merge_texts: way == Way::Apply, dry_run: ask.dry_run };
        let holder = format!("{} of {}", way.word(), task.id);
        let hold = || self.hold_workspace_beside(workspace.root(), &holder, ask.beside.as_ref());
        let _hold = (!ask.dry_run).then(hold).transpose()?;
        let broken_off = workspace.unfinished()?;
        let notes = if ask.dry_run { unfinished_notes(workspace)? } else { finish_unfinished(workspace)? };
        let (id, landed) = if ask.undo {
            whole(way, ask)?;
            let prefix = format!("{}.{}-", task.id, way.word());
            let is_this = |id: &&SnapshotName| id.as_str().starts_with(&prefix) && id.as_str().ends_with(".undo");
            match (self.last_done(task, workspace, way), broken_off.iter().find(is_this)) {
                // What was asked for had been broken off, and is done by now.
                (Err(EngineError::NotFound { .. }), Some(undo)) if !ask.dry_run => {
                    (undo.clone(), workspace.land(undo, &[], how)?)
                }
                (last, _) => {
                    let id = last?;
                    let undo = name(&format!("{id}.undo"))?;
                    let landed = workspace.take_back(&id, &undo, how)?;
                    (undo, landed)
                }
            }
        } else {
            let turns = found.changes.iter().cloned().map(|change| way.turn(change)).collect();
            let id = next_journal(task, workspace, way)?;
            let landed = land_certain(workspace, &id, only(turns, &ask.paths)?, doubts, how)?;
            (id, landed)
        };
        Ok(LandReport { id: landed.is_done.then_some(id), landed, notes })
    }

    /// Returns the last landing of this kind that was done and not taken back.
    fn last_done(&self, task: &Task, workspace: &Workspace, way: Way) -> Result<SnapshotName, EngineError> {
        let (numbers, names) = journals_of(task, workspace, way)?;
        let standing = |number: &u32| {
            let id = format!("{}.{}-{number}", task.id, way.word());
            (!names.contains(&format!("{id}.undo"))).then_some(id)
        };
        match numbers.iter().rev().find_map(standing) {
            Some(id) => name(&id),
            None => Err(EngineError::NotFound {
                message: format!("there is no {} of task `{}` to take back", way.word(), task.id),
                hint: format!("`mgr {} {}` does one", way.word(), task.id),
            }),
        }
    }
}

fn end_unknown(task: &Task, place: &Utf8Path) -> EngineError {
    EngineError::Conflict {
        message: format!("the end of task `{}` is not archived: discarding would lose its work", task.id),
        hint: format!("copy what is needed out of `{place}` and remove it"),
    }
}

/// Whether a process of an attempt that is over lives. Its keeper tells the end first, then brings the names of its
/// files to the disk, and is gone a moment after that.
fn lives(task: &Task, attempt: &Attempt) -> bool {
    let cookie = format!("{}.{}", task.id, attempt.number);
    let patience = clock::steady() + KEEPER_PATIENCE;
    while !tree::members(&cookie).is_empty() {
        if clock::steady() >= patience {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

fn still_lives(task: &Task) -> EngineError {
    EngineError::Busy {
        message: format!("a process of task `{}` still lives", task.id),
        hint: format!("`mgr discard {}` removes it afterwards", task.id),
    }
}

/// The path was resolved when the task was taken on. If a link lies on it now, whoever put it there would choose
/// which directory is changed.
fn must_be_in_place(workspace: &Workspace) -> Result<(), EngineError> {
    let root = workspace.root();
    let message = match root.canonicalize_utf8() {
        Ok(real) if real == root => return Ok(()),
        Ok(real) => format!("`{root}` leads to `{real}` now, which is not the directory that the task worked in"),
        Err(error) => format!("`{root}` is not there any more: {error}"),
    };
    Err(EngineError::Conflict { message, hint: "put the directory back in its place, then try again".into() })
}

/// Taking back knows no paths.
fn whole(way: Way, ask: &LandAsk) -> Result<(), EngineError> {
    if ask.paths.is_empty() {
        return Ok(());
    }
    Err(EngineError::Invalid {
        message: format!("taking back a {} takes back all of it", way.word()),
        hint: "leave the paths out".to_owned(),
    })
}

/// Returns the numbers of a task's journals of a kind, ascending, and the names of all journals there are.
fn journals_of(task: &Task, workspace: &Workspace, way: Way) -> Result<(BTreeSet<u32>, BTreeSet<String>), EngineError> {
    let names: BTreeSet<String> = workspace.journals()?.iter().map(|note| note.name.to_string()).collect();
    let prefix = format!("{}.{}-", task.id, way.word());
    let numbers = names.iter().filter_map(|name| name.strip_prefix(&prefix)?.parse().ok()).collect();
    Ok((numbers, names))
}

fn next_journal(task: &Task, workspace: &Workspace, way: Way) -> Result<SnapshotName, EngineError> {
    let (numbers, _) = journals_of(task, workspace, way)?;
    name(&format!("{}.{}-{}", task.id, way.word(), numbers.last().map_or(1, |last| last + 1)))
}

/// Goes on with what a crash has left unfinished, whoever's it was: the workspace is in between until then.
pub(super) fn finish_unfinished(workspace: &Workspace) -> Result<Vec<String>, EngineError> {
    let how = How { on_conflict: OnConflict::Refuse, merge_texts: false, dry_run: false };
    let mut notes = Vec::new();
    for id in workspace.unfinished()? {
        let landed = workspace.land(&id, &[], how)?;
        if landed.is_done || !landed.conflicts.is_empty() {
            let (done, conflicts) = (landed.deeds.len(), landed.conflicts.len());
            notes.push(format!(
                "`{id}` had been broken off and was finished first: paths done {done}, conflicts {conflicts}"
            ));
        }
    }
    Ok(notes)
}

fn unfinished_notes(workspace: &Workspace) -> Result<Vec<String>, EngineError> {
    let note = |id: SnapshotName| format!("`{id}` was broken off: the next call that is no dry run finishes it first");
    Ok(workspace.unfinished()?.into_iter().map(note).collect())
}

/// Lands what is certain. The rest are conflicts, unless the wanted state is to win over anything.
fn land_certain(
    workspace: &Workspace,
    id: &SnapshotName,
    turns: Vec<Turn>,
    doubts: &Doubts,
    how: How,
) -> Result<Landed, ArchiveError> {
    let is_certain = |turn: &Turn| how.on_conflict == OnConflict::Theirs || !doubts.is_about(&turn.path);
    let (certain, doubtful): (Vec<_>, Vec<_>) = turns.into_iter().partition(is_certain);
    let is_refused = how.on_conflict == OnConflict::Refuse && !doubtful.is_empty();
    let mut landed = workspace.land(id, &certain, How { dry_run: how.dry_run || is_refused, ..how })?;
    landed.conflicts.extend(doubts.conflicts(doubtful));
    landed.conflicts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(landed)
}

/// Returns the turns at or beneath these paths, with the directories above that have to be made for them.
fn only(turns: Vec<Turn>, paths: &[String]) -> Result<Vec<Turn>, EngineError> {
    if paths.is_empty() {
        return Ok(turns);
    }
    let mut wanted = Vec::new();
    for path in paths {
        let found = RawPath::new(path.trim_end_matches('/'));
        match found.filter(|path| turns.iter().any(|turn| turn.path.is_in(path))) {
            Some(path) => wanted.push(path),
            None => return Err(no_such_path(path, &turns)),
        }
    }
    let is_wanted = |turn: &Turn| wanted.iter().any(|path| turn.path.is_in(path));
    let is_made_for = |turn: &Turn| {
        let is_made = matches!(turn.to, Some(Entry::Dir { .. })) && !matches!(turn.from, Some(Entry::Dir { .. }));
        is_made && wanted.iter().any(|path| path.is_in(&turn.path))
    };
    Ok(turns.into_iter().filter(|turn| is_wanted(turn) || is_made_for(turn)).collect())
}

fn no_such_path(path: &str, turns: &[Turn]) -> EngineError {
    let known: Vec<String> = turns.iter().map(|turn| turn.path.to_string()).collect();
    let near = nearest_few(path, known.iter().map(String::as_str), 3);
    let hint = match near.is_empty() {
        true => "the task changed nothing".to_owned(),
        false => format!("it changed {}", near.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ")),
    };
    EngineError::Invalid { message: format!("the task changed nothing at `{path}`"), hint }
}

/// Returns the state that a call leaves; `None` where it left none.
fn state_after(landed: &Landed, ask: &LandAsk) -> Option<LandingState> {
    let is_all = landed.conflicts.is_empty() && ask.paths.is_empty();
    if is_all { Some(LandingState::Applied) } else { landed.is_done.then_some(LandingState::Partly) }
}

/// Returns what a rollback does not bring back.
fn notes_of(found: &TaskChanges) -> Vec<String> {
    let mut notes = found.git.clone();
    if !notes.is_empty() && found.workspace.root().join(".git").exists() {
        notes.push(
            "the repository itself stays as it is: `git reflog` shows where a branch was, `git reset --soft OLD` \
             moves it back and keeps the files"
                .to_owned(),
        );
    }
    notes.extend(found.unknown.iter().cloned());
    notes
}

#[cfg(test)]
mod tests {
    use std::fs;

    use camino::Utf8PathBuf;

    use super::*;
    use crate::core::{ArchiveLimits, ArchiveScope, Bytes, Span};

    struct Bed {
        dir: tempfile::TempDir,
        workspace: Workspace,
    }

    impl Bed {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let top = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
            fs::create_dir(top.join("root")).unwrap();
            let workspace = Workspace::open(&top.join("archive"), &top.join("root")).unwrap();
            Self { dir, workspace }
        }

        fn write(&self, path: &str, content: &str) {
            let path = self.dir.path().join("root").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        fn read(&self, path: &str) -> String {
            fs::read_to_string(self.workspace.root().join(path)).unwrap()
        }

        fn take(&self, name: &str) -> crate::archive::Manifest {
            let limits = ArchiveLimits {
                max_files: 1000,
                max_bytes: Bytes(1 << 30),
                max_file: Bytes(1 << 30),
                max_time: Span::from_secs(60),
                free_disk_floor: Bytes(0),
                small_ignored: Bytes(1000),
            };
            let take = Take { scope: ArchiveScope::All, limits, late: false };
            let snapshot = self.workspace.take(&name.parse().unwrap(), &take, &mut || true).unwrap();
            self.workspace.manifest(&snapshot).unwrap()
        }

        /// Two files that an agent changed.
        fn changed(&self) -> Vec<Turn> {
            ["a", "b"].into_iter().for_each(|path| self.write(path, "before"));
            let before = self.take("t.1.before");
            ["a", "b"].into_iter().for_each(|path| self.write(path, "after"));
            let after = self.take("t.1.after");
            before.changes_to(&after).into_iter().map(|change| Way::Rollback.turn(change)).collect()
        }
    }

    fn how(on_conflict: OnConflict) -> How {
        How { on_conflict, merge_texts: false, dry_run: false }
    }

    fn turn(path: &str, from: Option<Entry>, to: Option<Entry>) -> Turn {
        Turn { path: RawPath::new(path).unwrap(), from, to }
    }

    #[test]
    fn what_is_uncertain_is_done_only_when_asked_to_win() {
        let bed = Bed::new();
        let uncertain = BTreeSet::from(["b".to_owned()]);
        let (turns, uncertain) = (bed.changed(), Doubts { uncertain, ..Doubts::default() });
        let land = |id: &str, on_conflict| {
            land_certain(&bed.workspace, &id.parse().unwrap(), turns.clone(), &uncertain, how(on_conflict)).unwrap()
        };
        let refused = land("t.rollback-1", OnConflict::Refuse);
        assert_eq!((refused.is_done, refused.conflicts.len()), (false, 1));
        assert_eq!((bed.read("a"), bed.read("b")), ("after".to_owned(), "after".to_owned()));
        let skipped = land("t.rollback-2", OnConflict::Skip);
        assert_eq!((skipped.is_done, skipped.conflicts.len()), (true, 1));
        assert_eq!((bed.read("a"), bed.read("b")), ("before".to_owned(), "after".to_owned()));
        let taken = land("t.rollback-3", OnConflict::Theirs);
        assert_eq!((taken.is_done, taken.conflicts, bed.read("b")), (true, vec![], "before".to_owned()));
    }

    #[test]
    fn paths_choose_what_is_at_and_beneath_them_and_the_directories_it_needs() {
        let dir = || Some(Entry::Dir { mode: 0o755 });
        let fifo = || Some(Entry::Fifo { mode: 0o600 });
        let all = || {
            let made = [turn("d", None, dir()), turn("d/e", None, dir()), turn("d/e/x", None, fifo())];
            made.into_iter().chain([turn("d/y", None, fifo()), turn("de", fifo(), None)]).collect::<Vec<_>>()
        };
        let paths = |turns: Vec<Turn>| turns.iter().map(|turn| turn.path.to_string()).collect::<Vec<_>>();
        let chosen = |path: &str| paths(only(all(), &[path.to_owned()]).unwrap());
        assert_eq!(chosen("d/e/x"), ["d", "d/e", "d/e/x"]);
        assert_eq!(chosen("d/"), ["d", "d/e", "d/e/x", "d/y"]);
        assert_eq!(chosen("de"), ["de"]);
        let Err(EngineError::Invalid { message, hint }) = only(all(), &["d/yy".to_owned()]) else { panic!("found") };
        assert_eq!(message, "the task changed nothing at `d/yy`");
        assert!(hint.starts_with("it changed `d/y`"), "{hint}");
    }

    #[test]
    fn what_was_broken_off_is_finished_first() {
        let bed = Bed::new();
        let turns = bed.changed();
        bed.workspace.land(&"t.rollback-1".parse().unwrap(), &turns, how(OnConflict::Refuse)).unwrap();
        // As if the process had died before the end of the journal, and somebody had tidied up.
        let journal = bed.workspace.dir().join("undo/t.rollback-1");
        fs::remove_file(journal.join("done.json")).unwrap();
        assert_eq!(unfinished_notes(&bed.workspace).unwrap().len(), 1);
        let notes = finish_unfinished(&bed.workspace).unwrap();
        assert_eq!(notes, ["`t.rollback-1` had been broken off and was finished first: paths done 2, conflicts 0"]);
        assert_eq!((bed.read("a"), bed.workspace.unfinished().unwrap()), ("before".to_owned(), vec![]));
    }
}
