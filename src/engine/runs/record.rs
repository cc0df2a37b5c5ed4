//! What of a run lies beside the database, for the day when that is lost: `runs/RUN/definition.json`, what it was
//! started with, and `runs/RUN/words.jsonl`, a line for each thing that people wished or are asked and for the end.
//!
//! Must not be read but by a rebuild. What steps did is not written here but where a question is about it: their tasks'
//! files tell it.

use std::{collections::BTreeMap, io::Write};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::{Frozen, reuse::is_taken};
use crate::{
    core::{
        HoldReason, Input, Money, RefusedAnswer, Run, RunId, RunStatus, RunStep, State, StepStatus, TaskId, Timestamp,
    },
    engine::{
        Engine, EngineError,
        settle::{News, Settled},
    },
    os::{
        clock,
        files::{self, Durability, FileError},
    },
    store::RestoredRun,
};

/// The form of `definition.json`.
#[derive(Serialize, Deserialize)]
struct RunFile {
    v: u32,
    id: RunId,
    name: String,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<(RunId, String)>,
    /// The steps that run, in the order of the file.
    steps: Vec<String>,
    /// Rows that an earlier run has done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    taken: Vec<RunStep>,
    frozen: Frozen,
}

/// A line of `words.jsonl`: where the run stood after a wish or at its end, and the steps that it was about.
#[derive(Serialize, Deserialize)]
struct Word {
    v: u32,
    at: Timestamp,
    /// For people who read the file.
    word: String,
    /// Two who wish at the same time may write in the other order.
    revision: i64,
    status: RunStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    freezes: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused_with: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    budget: Option<Money>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<RunStep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<RefusedAnswer>,
}

/// Which steps a word is about.
pub(super) enum About<'a> {
    Nothing,
    All,
    Steps(&'a [String]),
    /// A word that does not count.
    Refused(&'a RefusedAnswer),
}

impl Engine {
    /// Writes down what a run was started with. What fails here is made up for by its first step.
    pub(super) fn keep_start(&self, id: &RunId) {
        if let Err(error) = self.write_start(id) {
            tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "no copy of the run outside the database");
        }
    }

    fn write_start(&self, id: &RunId) -> Result<(), EngineError> {
        let path = self.home.run(id).join("definition.json");
        if path.exists() {
            return Ok(());
        }
        let (run, request_id, steps) =
            self.store.read(|view| Ok((view.run(id)?, view.request_of_run(id)?, view.run_steps(id)?)))?;
        let Some(run) = run else { return Ok(()) };
        let frozen = self.frozen(&run)?;
        let taken = steps.iter().filter(|row| is_taken(row)).cloned().collect();
        let steps = steps.into_iter().map(|row| row.step).collect();
        let Run { id, name, created_at, parent, .. } = run;
        let file = RunFile { v: 1, id, name, created_at, request_id, parent, steps, taken, frozen };
        files::make_dir(&self.home.run(&file.id))?;
        // Our own type with string keys: this cannot fail.
        let bytes = serde_json::to_vec(&file).unwrap_or_default();
        Ok(files::replace(&path, &bytes, Durability::Machine)?)
    }

    /// Writes down a wish that is kept in the database, or the end.
    pub(super) fn keep_word(&self, id: &RunId, word: &str, about: About<'_>) {
        if let Err(error) = self.write_word(id, word, &about) {
            tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "a word is in the database only");
        }
    }

    fn write_word(&self, id: &RunId, word: &str, about: &About<'_>) -> Result<(), EngineError> {
        self.write_start(id)?;
        let state = self.run_state(id)?;
        let run = state.run;
        let is_meant = |row: &RunStep| match about {
            About::Nothing | About::Refused(_) => false,
            About::All => true,
            About::Steps(steps) => steps.contains(&row.step),
        };
        let line = Word {
            v: 1,
            at: clock::now(),
            word: word.to_owned(),
            revision: run.revision,
            status: run.status,
            finished_at: run.finished_at,
            why: run.why,
            freezes: run.freezes,
            paused_with: run.paused_with,
            budget: run.budget,
            steps: state.steps.into_iter().filter(is_meant).collect(),
            refused: match about {
                About::Refused(refused) => Some((*refused).clone()),
                About::Nothing | About::All | About::Steps(_) => None,
            },
        };
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        let path = self.home.run(id).join("words.jsonl");
        let mut file = files::open_append(&path)?;
        file.write_all(&bytes).map_err(FileError::at(&path, "write"))?;
        // An end can be found out again; a word is nowhere else.
        if !line.status.is_terminal() || line.status == RunStatus::Cancelled {
            file.sync_data().map_err(FileError::at(&path, "sync"))?;
        }
        Ok(())
    }

    /// Forgets a run that is over, its row before its files.
    ///
    /// # Errors
    /// The store or the files cannot be changed.
    pub fn remove_run(&self, id: &RunId) -> Result<(), EngineError> {
        self.store.write(|writing| writing.remove_run(id).map_err(EngineError::from))?;
        let dir = self.home.run(id);
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(FileError::at(&dir, "remove")(error).into())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Restores the runs from their files, once their tasks are; returns how many, and directories that hold none.
    pub(in crate::engine) fn restore_runs(&self) -> Result<(u64, Vec<Utf8PathBuf>), EngineError> {
        let dir = self.home.runs();
        let Ok(entries) = std::fs::read_dir(&dir) else { return Ok((0, Vec::new())) };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        // Ids sort by age, so that `@last` means the same as before.
        names.sort();
        let (mut restored, mut unreadable) = (0, Vec::new());
        for name in names {
            match self.read_run_dir(&name)? {
                Some(found) => {
                    self.restore_run(&found)?;
                    restored += 1;
                }
                None => unreadable.push(dir.join(name)),
            }
        }
        Ok((restored, unreadable))
    }

    fn read_run_dir(&self, name: &str) -> Result<Option<RestoredRun>, EngineError> {
        let Ok(id) = name.parse::<RunId>() else { return Ok(None) };
        let dir = self.home.run(&id);
        let file = files::read_optional(&dir.join("definition.json"))?;
        let file = file.and_then(|bytes| serde_json::from_slice::<RunFile>(&bytes).ok()).filter(|file| file.id == id);
        let Some(file) = file else { return Ok(None) };
        let words = files::read_optional(&dir.join("words.jsonl"))?.unwrap_or_default();
        // A torn last line is no word.
        let mut words: Vec<Word> =
            words.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        words.sort_by_key(|word| word.revision);
        let tasks = self.store.read(|view| view.task_ids_of_run(&id))?;
        Ok(Some(restored(file, words, &turns(&id, &tasks))))
    }

    /// A run that is not over goes on, with the tasks that had not started: it was to start them anyway. Where it
    /// stands still, they go on with it.
    fn restore_run(&self, found: &RestoredRun) -> Result<(), EngineError> {
        let id = &found.run.id;
        self.store.write(|writing| {
            writing.restore_run(found)?;
            for task in writing.view().live_tasks_of_run(id)? {
                if !matches!(task.state, State::Held { reason: HoldReason::Rebuilt, .. }) {
                    continue;
                }
                let had_begun = !task.attempts.is_empty();
                if found.run.status == RunStatus::Paused && (found.run.freezes || !had_begun) {
                    writing.add_paused_task(id, &task.id)?;
                } else {
                    let news = News { task: task.id, input: Input::Released, end: None };
                    self.apply(writing, [news].into(), clock::now(), &mut Settled::default())?;
                }
            }
            Ok::<_, EngineError>(())
        })
    }
}

/// Returns the task of the highest turn of each step.
fn turns<'a>(id: &RunId, tasks: &'a [(String, TaskId)]) -> BTreeMap<&'a str, (u32, &'a TaskId)> {
    let mut turns = BTreeMap::new();
    for (request_id, task) in tasks {
        let of_run = request_id.strip_prefix(id.as_str()).and_then(|rest| rest.strip_prefix('/'));
        let Some((step, turn)) = of_run.and_then(|rest| rest.rsplit_once('/')) else { continue };
        let Ok(turn) = turn.parse::<u32>() else { continue };
        let known = turns.entry(step).or_insert((turn, task));
        if turn > known.0 {
            *known = (turn, task);
        }
    }
    turns
}

fn not_begun(step: &str) -> RunStep {
    RunStep {
        step: step.to_owned(),
        status: StepStatus::Waiting,
        task: None,
        turn: 1,
        loops: 0,
        child: None,
        reason: None,
        due_at: None,
        question: None,
        has_ended: false,
    }
}

/// Takes a task into the row of its step, where nothing was told of that turn's start.
fn catch_up(row: &mut RunStep, turn: u32, task: &TaskId) {
    if turn > row.turn || (turn == row.turn && row.status.is_to_do()) {
        row.loops += turn - row.turn;
        row.turn = turn;
        row.task = Some(task.clone());
        row.status = StepStatus::Running;
        (row.reason, row.question, row.due_at) = (None, None, None);
    }
}

/// Returns the run as its files tell it: the start, then each word, then what its tasks say beyond that.
fn restored(file: RunFile, words: Vec<Word>, turns: &BTreeMap<&str, (u32, &TaskId)>) -> RestoredRun {
    let taken = |step: &String| file.taken.iter().find(|taken| taken.step == *step).cloned();
    let mut steps: Vec<RunStep> =
        file.steps.iter().map(|step| taken(step).unwrap_or_else(|| not_begun(step))).collect();
    // Our own type with string keys: this cannot fail.
    let definition = serde_json::to_string(&file.frozen).unwrap_or_default();
    let mut run = Run {
        id: file.id,
        name: file.name,
        status: RunStatus::Running,
        created_at: file.created_at,
        updated_at: file.created_at,
        finished_at: None,
        revision: 0,
        parent: file.parent,
        why: None,
        freezes: false,
        paused_with: None,
        budget: None,
    };
    let mut refused = Vec::new();
    for word in words {
        refused.extend(word.refused);
        run = Run {
            status: word.status,
            updated_at: word.at,
            finished_at: word.finished_at,
            revision: word.revision,
            why: word.why,
            freezes: word.freezes,
            paused_with: word.paused_with,
            budget: word.budget,
            ..run
        };
        for told in word.steps {
            if let Some(row) = steps.iter_mut().find(|row| row.step == told.step) {
                *row = told;
            }
        }
    }
    for row in &mut steps {
        if let Some((turn, task)) = turns.get(row.step.as_str()) {
            catch_up(row, *turn, task);
        }
    }
    RestoredRun { run, definition, request_id: file.request_id, template: file.frozen.template, steps, refused }
}
