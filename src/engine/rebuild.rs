//! The files are the archive: a record beside each task, and the database made anew from them.

use std::{fs::File, time::Duration};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::{
    Engine, EngineError,
    submit::{TaskFile, fingerprint},
};
use crate::{
    config::{Config, Environment, Home},
    core::{Acceptance, Attempt, HoldReason, State, Task, TaskId, Timestamp},
    os::{
        clock, failpoint,
        files::{self, Durability, FileError},
    },
    store::{Duplicate, Writing},
};

/// A ticker that lives is given this long to leave.
const TICKER_PATIENCE: Duration = Duration::from_secs(5);

/// The form of `record.json`: what became of a task that is over.
#[derive(Serialize, Deserialize)]
struct RecordFile {
    v: u32,
    state: State,
    finished_at: Option<Timestamp>,
    attempts: Vec<Attempt>,
    acceptance: Acceptance,
}

/// What a rebuild found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    pub restored: u64,
    /// Runs of workflows.
    pub runs: u64,
    /// Where the old database lies, if there was one.
    pub old_database: Option<Utf8PathBuf>,
    /// Directories that hold no readable task.
    pub unreadable: Vec<Utf8PathBuf>,
}

impl Engine {
    /// Writes down what became of a task, for a rebuild.
    pub(super) fn write_record(&self, task: &Task) -> Result<(), EngineError> {
        let record = RecordFile {
            v: 1,
            state: task.state.clone(),
            finished_at: task.finished_at,
            attempts: task.attempts.clone(),
            acceptance: task.acceptance,
        };
        self.write_beside(&task.id, "record.json", &record)
    }

    /// Writes a JSON file into a task's own directory.
    pub(super) fn write_beside<T: Serialize>(&self, id: &TaskId, name: &str, file: &T) -> Result<(), EngineError> {
        let dir = self.home.task(id);
        files::make_dir(&dir)?;
        // Our own types with string keys: this cannot fail.
        let bytes = serde_json::to_vec(file).unwrap_or_default();
        Ok(files::replace(&dir.join(name), &bytes, Durability::Process)?)
    }

    /// Puts the old database aside and makes a new one from the tasks' files; returns the engine on it.
    ///
    /// # Errors
    /// The old database cannot be put aside, or the new one not be made.
    pub fn rebuild(env: Environment) -> Result<(Self, RebuildReport), EngineError> {
        let home = Home::find(&env)?;
        Config::load(&home, &env, None)?;
        let old_database = put_aside(&home)?;
        let engine = Self::open(env, None)?;
        let alone = engine.without_ticker()?;
        let mut report = RebuildReport { old_database, ..RebuildReport::default() };
        let tasks = engine.home.tasks();
        let entries = std::fs::read_dir(&tasks).map_err(FileError::at(&tasks, "list"))?;
        let mut ids: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        // Ids sort by age, so that `@last` means the same as before.
        ids.sort();
        for chunk in ids.chunks(500) {
            engine.restore_some(chunk, &mut report)?;
        }
        let (runs, unreadable) = engine.restore_runs()?;
        report.runs = runs;
        report.unreadable.extend(unreadable);
        while failpoint::holds("rebuild.before_end") {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(alone);
        engine.reconcile()?;
        engine.ensure_ticker()?;
        Ok((engine, report))
    }

    /// Keeps tickers off: one of the old database may be starting what a listing of the files has just missed, and one
    /// of the new would take for missing what is not restored yet. One that does not leave in time is no reason
    /// to go without a database.
    fn without_ticker(&self) -> Result<File, EngineError> {
        let lock = files::open_lock(&self.home.ticker_lock())?;
        let deadline = clock::steady() + TICKER_PATIENCE;
        while lock.try_lock().is_err() && clock::steady() < deadline {
            // It looks whether its database is in place.
            self.poke();
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(lock)
    }

    fn restore_some(&self, names: &[String], report: &mut RebuildReport) -> Result<(), EngineError> {
        let mut found = Vec::new();
        for name in names {
            match self.read_task_dir(name)? {
                Some(task) => found.push(task),
                None => report.unreadable.push(self.home.tasks().join(name)),
            }
        }
        report.restored += self.store.write(|writing| {
            let mut restored = 0;
            for (task, file) in &found {
                let fingerprint = fingerprint(&task.spec.backend, &task.spec, &file.words);
                let request_id = match file.request_id.as_deref() {
                    Some(request_id) => match claim(writing, task, request_id)? {
                        Claim::Granted => Some(request_id),
                        Claim::Refused => None,
                        Claim::Stray => continue,
                    },
                    None => None,
                };
                writing.restore(task, &file.words, request_id, &fingerprint)?;
                restored += 1;
            }
            Ok::<_, EngineError>(restored)
        })?;
        Ok(())
    }

    fn read_task_dir(&self, name: &str) -> Result<Option<(Task, TaskFile)>, EngineError> {
        let Ok(id) = name.parse::<TaskId>() else { return Ok(None) };
        let dir = self.home.task(&id);
        let Some(file) = read_json::<TaskFile>(&dir.join("task.json"))?.filter(|file| file.id == id) else {
            return Ok(None);
        };
        let record = read_json::<RecordFile>(&dir.join("record.json"))?;
        let (state, attempts, acceptance, finished_at) = match record {
            Some(record) => (record.state, record.attempts, record.acceptance, record.finished_at),
            None => self.unfinished(&id, &file),
        };
        let mut task = Task {
            id,
            spec: file.spec.clone(),
            prompt_head: file.words.prompt[..file.words.prompt.floor_char_boundary(200)].to_owned(),
            state,
            created_at: file.created_at,
            updated_at: finished_at.unwrap_or(file.created_at),
            finished_at,
            attempts,
            acceptance,
        };
        self.find_ends(&mut task);
        Ok(Some((task, file)))
    }

    /// Fills in what became of the attempts before the one that may still run: the next may go on with them.
    fn find_ends(&self, task: &mut Task) {
        for place in 0..task.attempts.len().saturating_sub(1) {
            let Some(attempt) = task.attempts.get(place).filter(|attempt| attempt.ended.is_none()) else { continue };
            let dir = self.attempt_dir(&task.id, attempt.number);
            // What cannot be read stays unknown, as it was.
            let Ok(Some(exit)) = dir.read_exit() else { continue };
            let Ok(news) = self.news_of_end(task, attempt, &dir, &exit) else { continue };
            if let (Some(attempt), Some(end)) = (task.attempts.get_mut(place), news.end) {
                attempt.ended = Some(end);
            }
        }
    }

    /// A task without a record was waiting or running. One with an attempt is taken for running, and
    /// reconciling finds out; one without is held, so that no rebuild starts work by itself.
    fn unfinished(&self, id: &TaskId, file: &TaskFile) -> (State, Vec<Attempt>, Acceptance, Option<Timestamp>) {
        let started = |number: &u32| {
            let dir = self.attempt_dir(id, *number);
            // A keeper archives before it makes `pid`; one that could not has left only its end.
            ["pid", "exit"].iter().any(|name| dir.file(name).exists()) || dir.is_kept()
        };
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut tries = 0;
        for number in (1..).take_while(started) {
            let repair_of = self.attempt_dir(id, number).read_spec().ok().flatten().and_then(|spec| spec.repair_of);
            tries += u32::from(repair_of.is_none());
            let backend = file.spec.backend_of(tries).unwrap_or(&file.spec.backend).clone();
            let claimed_at = file.created_at;
            attempts.push(Attempt { number, backend, claimed_at, started_at: None, repair_of, ended: None });
        }
        let state = match attempts.last() {
            Some(last) => State::Running { attempt: last.number },
            None => State::Held { reason: HoldReason::Rebuilt, until: None },
        };
        (state, attempts, Acceptance::None, None)
    }
}

/// What becomes of a task that names a request.
enum Claim {
    /// It stands for the request.
    Granted,
    /// Another does; whoever was told this one's id still finds it.
    Refused,
    /// Another does, and nobody was told of this one: a step has one task in each turn.
    Stray,
}

/// Decides which of two tasks stands for a request. Two there are where a submitter died between the file and the
/// commit and the request was sent again; at most one of them has started.
fn claim(writing: &Writing<'_>, task: &Task, request_id: &str) -> Result<Claim, EngineError> {
    let Some(Duplicate::Request(other)) = writing.view().duplicate(Some(request_id), &[], task.created_at)? else {
        return Ok(Claim::Granted);
    };
    let is_step = task.spec.lineage.workflow.is_some();
    Ok(match (task.attempts.is_empty(), is_step) {
        (true, true) => Claim::Stray,
        (true, false) => Claim::Refused,
        (false, true) => {
            writing.remove(&other)?;
            Claim::Granted
        }
        (false, false) => {
            writing.give_up_request(&other)?;
            Claim::Granted
        }
    })
}

fn put_aside(home: &Home) -> Result<Option<Utf8PathBuf>, EngineError> {
    let database = home.database();
    if !database.exists() {
        return Ok(None);
    }
    let aside = (1..).map(|n| Utf8PathBuf::from(format!("{database}.damaged-{n}"))).find(|path| !path.exists());
    let aside = aside.unwrap_or_else(|| database.with_extension("damaged"));
    std::fs::rename(&database, &aside).map_err(FileError::at(&database, "put aside"))?;
    for suffix in ["-wal", "-shm"] {
        let log = Utf8PathBuf::from(format!("{database}{suffix}"));
        if log.exists() {
            let with_it = Utf8PathBuf::from(format!("{aside}{suffix}"));
            std::fs::rename(&log, with_it).map_err(FileError::at(&log, "put aside"))?;
        }
    }
    Ok(Some(aside))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Utf8PathBuf) -> Result<Option<T>, EngineError> {
    Ok(files::read_optional(path)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}
