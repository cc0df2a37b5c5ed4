//! Whether this process works for a task: what it says is then an agent's word, or a program's, and no person's.
//!
//! Told by its environment, and by those of the processes that it was started by, which it cannot change. It does not
//! keep off whoever wants to lie: an agent under the same user may as well write into the database.

use super::{Engine, EngineError};
use crate::{
    core::{RunId, TaskId},
    os::tree,
};

impl Engine {
    /// Returns the task that this process stands in, the innermost one. Only tasks of this home count: `mgr` may
    /// itself be worked on by agents that another home has started.
    pub fn inside_task(&self) -> Option<TaskId> {
        let own = [tree::COOKIE, tree::TASK].into_iter().filter_map(|name| self.env.get(name).map(str::to_owned));
        let marks = own.chain(tree::marks_around());
        // A cookie is a task and the number of an attempt.
        let mut tasks = marks.filter_map(|mark| mark.split('.').next()?.parse().ok());
        tasks.find(|task| self.is_known(task))
    }

    /// A task that the database has lost has its directory still.
    fn is_known(&self, task: &TaskId) -> bool {
        let is_stored = self.store.read(|view| view.task(task)).is_ok_and(|task| task.is_some());
        is_stored || self.home.task(task).exists()
    }

    /// Refuses to let somebody into the dashboard, where a person's words are given, from within a task.
    ///
    /// # Errors
    /// This process stands in one.
    pub(super) fn check_outside(&self) -> Result<(), EngineError> {
        let Some(task) = self.inside_task() else { return Ok(()) };
        Err(EngineError::Blocked {
            message: format!("the dashboard is for a person, and this is task `{task}`"),
            hint: "a person opens it with `mgr dashboard` in a terminal of their own".into(),
        })
    }

    /// Refuses a word on `step` of a run that only a person can give to a process that stands in a task, and notes
    /// that it was tried.
    ///
    /// # Errors
    /// It stands in one.
    pub fn check_person(&self, run: &RunId, step: &str) -> Result<(), EngineError> {
        let Some(task) = self.inside_task() else { return Ok(()) };
        if let Err(error) = self.note_refused(run, step, &task) {
            tracing::warn!(run = %run, error = &error as &dyn std::error::Error, "a refused answer is not noted");
        }
        Err(EngineError::Blocked {
            message: format!("`{step}` of run `{run}` waits for a person, and this is task `{task}`"),
            hint: "a person answers from another terminal, over MCP from their own client, or in the dashboard".into(),
        })
    }
}
