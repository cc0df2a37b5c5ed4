//! Wishes about running tasks: cancel, pause, go on.

use std::{io::Write, time::Duration};

use super::{Engine, EngineError, reconcile::running_attempt, settle::News};
use crate::{
    core::{Ending, Input, Refusal, Span, State, Status, Task, TaskId, TaskRef},
    keeper::contract::{AttemptDir, Order},
    os::{clock, tree},
};

/// How long a keeper may be about the names of its files, on a disk that is slow.
const KEEPER_PATIENCE: Duration = Duration::from_secs(10);

/// What a cancellation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelReport {
    pub task_id: TaskId,
    pub status: Status,
    /// Processes that had to be killed; those that left politely are not counted.
    pub killed_processes: u32,
    /// Whether the task was over before.
    pub was_over: bool,
    /// Whether an attempt of it was ever begun.
    pub has_begun: bool,
}

impl Engine {
    /// Returns the task that a reference means.
    ///
    /// # Errors
    /// It fits none, or more than one.
    pub fn resolve(&self, reference: &TaskRef) -> Result<TaskId, EngineError> {
        let mut found = self.store.read(|view| view.matches(reference))?.into_iter();
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id),
            (Some(first), Some(second)) => {
                Err(EngineError::Ambiguous { reference: reference.to_string(), first, second })
            }
            (None, _) => Err(self.no_task(reference)),
        }
    }

    /// Says that there is no such task; one who means a run is shown the way.
    fn no_task(&self, reference: &TaskRef) -> EngineError {
        match (reference, self.resolve_run(reference)) {
            (TaskRef::Prefix { .. }, Ok(run)) => EngineError::NotFound {
                message: format!("`{reference}` is a workflow run, not a task"),
                hint: format!(
                    "`mgr workflow status {run}` shows it and its steps' tasks; `mgr workflow cancel`, `mgr workflow pause` and `mgr workflow resume` are for runs"
                ),
            },
            (TaskRef::Prefix { .. } | TaskRef::Recent(_), _) => EngineError::NoTask(reference.to_string()),
        }
    }

    /// # Errors
    /// There is no such task.
    pub fn task(&self, id: &TaskId) -> Result<Task, EngineError> {
        self.store.read(|view| view.task(id))?.ok_or_else(|| EngineError::NoTask(id.to_string()))
    }

    /// Ends a task and waits until no process of it is left.
    ///
    /// # Errors
    /// The store or the files cannot be used.
    pub async fn cancel(
        &self,
        id: &TaskId,
        grace: Option<Span>,
        reason: Option<&str>,
    ) -> Result<CancelReport, EngineError> {
        self.reconcile()?;
        let news = News { task: id.clone(), input: Input::EndAsked { ending: Ending::Cancelled }, end: None };
        let was_over = match self.settle(vec![news]) {
            Ok(_) => false,
            Err(EngineError::Refused { refusal: Refusal::Over, .. }) => true,
            Err(error) => return Err(error),
        };
        let order = Order::End { ending: Ending::Cancelled, grace, detail: reason.map(str::to_owned) };
        let wait = grace.unwrap_or(self.config.grace).as_duration() + Duration::from_secs(20);
        let over = self
            .wait_until(Some(wait), |_| {
                let task = self.task(id)?;
                if task.status().is_terminal() {
                    return Ok(Some(task));
                }
                if let Some(attempt) = running_attempt(&task) {
                    self.give(&self.attempt_dir(id, attempt.number), &order);
                }
                Ok(None)
            })
            .await?;
        let task = match over {
            Some(task) => task,
            None => self.task(id)?,
        };
        self.keepers_gone(&task).await;
        let mut killed_processes = task.last_end().map_or(0, |end| end.killed_processes);
        if was_over {
            killed_processes = task.attempts.iter().map(|attempt| self.end_leftovers(&task.id, attempt.number)).sum();
        }
        let has_begun = !task.attempts.is_empty();
        Ok(CancelReport { task_id: id.clone(), status: task.status(), killed_processes, was_over, has_begun })
    }

    /// Waits until the keepers of a task that is over are gone. They tell the end first, then bring the names of their
    /// files to the disk, and carry the task's cookie for as long.
    pub(super) async fn keepers_gone(&self, task: &Task) {
        let patience = clock::steady() + KEEPER_PATIENCE;
        let is_kept = || task.attempts.iter().any(|attempt| self.attempt_dir(&task.id, attempt.number).is_kept());
        while task.status().is_terminal() && is_kept() && clock::steady() < patience {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends what has the cookie of an attempt that is over. Its keeper has left nothing, unless it was kept from it.
    fn end_leftovers(&self, task: &TaskId, number: u32) -> u32 {
        if self.attempt_dir(task, number).is_kept() { 0 } else { tree::kill_all(&format!("{task}.{number}")) }
    }

    /// Stops the whole process tree of a running task, or keeps a waiting one from starting.
    ///
    /// # Errors
    /// The task is over, or paused already.
    pub fn pause(&self, id: &TaskId) -> Result<Task, EngineError> {
        self.reconcile()?;
        self.settle(vec![News { task: id.clone(), input: Input::PauseAsked, end: None }])?;
        let task = self.task(id)?;
        if let (State::Paused { .. }, Some(attempt)) = (&task.state, running_attempt(&task)) {
            self.give(&self.attempt_dir(id, attempt.number), &Order::Pause);
        }
        Ok(task)
    }

    /// Lets a paused or held task go on.
    ///
    /// # Errors
    /// The task is neither.
    pub fn resume(&self, id: &TaskId) -> Result<Task, EngineError> {
        self.reconcile()?;
        self.settle(vec![News { task: id.clone(), input: Input::ResumeAsked, end: None }])?;
        let task = self.task(id)?;
        if let (State::Running { .. }, Some(attempt)) = (&task.state, running_attempt(&task)) {
            self.give(&self.attempt_dir(id, attempt.number), &Order::Resume);
        }
        Ok(task)
    }

    /// Gives a keeper an order. One that is not there hears it from the ticker once it is.
    pub(super) fn give(&self, dir: &AttemptDir, order: &Order) {
        // Our own type with string keys: this cannot fail.
        let mut line = serde_json::to_vec(order).unwrap_or_default();
        line.push(b'\n');
        let mut options = std::fs::OpenOptions::new();
        options.write(true);
        // Without a reader a FIFO opened this way answers ENXIO instead of waiting (fifo(7)).
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::libc::O_NONBLOCK);
        tree::continue_holder(&dir.file("alive"));
        let given = options.open(dir.file("ctl")).and_then(|mut fifo| fifo.write_all(&line));
        if let Err(error) = given {
            tracing::debug!(dir = %dir.path(), %error, at = %clock::now(), "no keeper to give an order to");
        }
    }
}
