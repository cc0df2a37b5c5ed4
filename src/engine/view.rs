//! Reading: tasks with what their streams say right now.

use super::{
    Engine, EngineError, EventPage,
    ingest::{self, Stream},
    reconcile::{agent_started_at, running_attempt},
};
use crate::{
    core::{AgentEvent, Attempt, Digest, Health, HealthView, Task, TaskId, Words, health},
    os::clock,
    store::{Filter, News, Page},
};

impl Engine {
    /// Returns what the newest attempt's stream says, up to this moment. `None` before any attempt.
    ///
    /// # Errors
    /// Files cannot be read.
    pub fn digest_of(&self, task: &Task) -> Result<Option<Digest>, EngineError> {
        let Some(attempt) = task.last_attempt() else { return Ok(None) };
        let dir = self.attempt_dir(&task.id, attempt.number);
        if !dir.path().exists() {
            return Ok(None);
        }
        if running_attempt(task).is_none() {
            let mut digest = ingest::last_known(&dir)?;
            if let Some(schema) = &task.spec.output_schema {
                digest.structured = super::schema::fitting_answer(&digest, schema);
            }
            return Ok(Some(digest));
        }
        let Ok(adapter) = self.registry.get(&attempt.backend) else {
            return Ok(Some(ingest::last_known(&dir)?));
        };
        let baseline = self.baseline(task, attempt).unwrap_or_default();
        Ok(Some(ingest::ingest(&dir, adapter, &baseline, Stream::Open)?))
    }

    /// Whether a running task's agent is not started yet: its workspace is archived or its directory made ready.
    pub fn is_getting_ready(&self, task: &Task) -> bool {
        let began = |attempt: &Attempt| agent_started_at(attempt, &self.attempt_dir(&task.id, attempt.number));
        running_attempt(task).is_some_and(|attempt| matches!(began(attempt), Ok(None)))
    }

    pub fn health_of(&self, task: &Task, digest: Option<&Digest>) -> Health {
        let began = |attempt: &Attempt| match agent_started_at(attempt, &self.attempt_dir(&task.id, attempt.number)) {
            Ok(began) => Some(began.unwrap_or_else(clock::now)),
            Err(_) => None,
        };
        health(&HealthView {
            status: task.status(),
            failure: task.failure(),
            digest,
            started_at: running_attempt(task).and_then(began).or_else(|| task.started_at()),
            now: clock::now(),
        })
    }

    /// # Errors
    /// The store cannot be read.
    pub fn words(&self, id: &TaskId) -> Result<Words, EngineError> {
        Ok(self.store.read(|view| view.words(id))?)
    }

    /// Returns up to `limit` events of an attempt after number `after`.
    ///
    /// # Errors
    /// Files cannot be read.
    pub fn events(
        &self,
        task: &Task,
        attempt: &Attempt,
        after: u64,
        limit: usize,
        wanted: &dyn Fn(&AgentEvent) -> bool,
    ) -> Result<EventPage, EngineError> {
        if running_attempt(task).is_some_and(|running| running.number == attempt.number) {
            self.digest_of(task)?;
        }
        ingest::events(&self.attempt_dir(&task.id, attempt.number), after, limit, wanted)
    }

    /// Returns one of an attempt's raw files.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn raw_file(&self, task: &Task, attempt: &Attempt, name: &str) -> Result<Vec<u8>, EngineError> {
        let path = self.attempt_dir(&task.id, attempt.number).file(name);
        Ok(crate::os::files::read_optional(&path)?.unwrap_or_default())
    }

    /// # Errors
    /// The store cannot be read.
    pub fn list(&self, filter: &Filter, cursor: Option<i64>, limit: u32) -> Result<Page, EngineError> {
        Ok(self.store.read(|view| view.list(filter, cursor, limit))?)
    }

    /// Returns the tasks that are not over, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn live(&self, limit: u32) -> Result<Vec<Task>, EngineError> {
        Ok(self.store.read(|view| view.live(limit))?)
    }

    /// # Errors
    /// The store cannot be read.
    pub fn news(&self, cursor: i64, limit: u32) -> Result<Vec<News>, EngineError> {
        Ok(self.store.read(|view| view.news(cursor, limit))?)
    }
}

impl Engine {
    /// # Errors
    /// The store cannot be read.
    pub fn counts(&self) -> Result<Vec<(crate::core::Status, u64)>, EngineError> {
        Ok(self.store.read(|view| view.counts())?)
    }

    /// # Errors
    /// The store cannot be read.
    pub fn last_cursor(&self) -> Result<i64, EngineError> {
        Ok(self.store.read(|view| view.last_cursor())?)
    }

    /// # Errors
    /// The store cannot be read.
    pub fn cursor_at(&self, at: crate::core::Timestamp) -> Result<i64, EngineError> {
        Ok(self.store.read(|view| view.cursor_at(at))?)
    }
}
