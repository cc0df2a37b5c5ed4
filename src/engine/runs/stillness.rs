//! Whether anything of a run moves. Must not change anything: it is for telling people.
//!
//! A step is kept as running while its task or its workflow is paused: nobody is to be told that it is at work.

use std::collections::BTreeSet;

use super::RunState;
use crate::{
    core::{HoldReason, Run, RunStatus, RunStep, State, Status, StepStatus, TaskId},
    engine::{Engine, EngineError},
};

impl Engine {
    /// Returns the steps of a run that are at work and of which nothing moves, because somebody has paused it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn paused_steps(&self, state: &RunState) -> Result<BTreeSet<String>, EngineError> {
        let mut paused = BTreeSet::new();
        if state.steps.iter().all(|step| step.status != StepStatus::Running) {
            return Ok(paused);
        }
        let tasks = self.task_statuses_of_run(&state.run.id)?;
        for step in state.steps.iter().filter(|step| step.status == StepStatus::Running) {
            let task = step.task.as_ref().map(|id| (id, tasks.get(id).copied()));
            if self.is_step_paused(&state.run, step, task)? {
                paused.insert(step.step.clone());
            }
        }
        Ok(paused)
    }

    /// Whether nothing of a run moves because it or what runs in it is paused. One that waits for a word moves with
    /// the word, unless it is paused itself.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn is_paused(&self, state: &RunState) -> Result<bool, EngineError> {
        let running = state.steps.iter().filter(|step| step.status == StepStatus::Running).count();
        let all_still = || Ok::<_, EngineError>(self.paused_steps(state)?.len() == running);
        match state.run.status {
            RunStatus::Done | RunStatus::Failed | RunStatus::Cancelled => Ok(false),
            RunStatus::Paused => all_still(),
            RunStatus::Running if running == 0 => Ok(false),
            RunStatus::Running => {
                let waits_for_word = state.steps.iter().any(|step| step.status == StepStatus::Held);
                Ok(!waits_for_word && all_still()?)
            }
        }
    }

    fn is_step_paused(
        &self,
        run: &Run,
        step: &RunStep,
        task: Option<(&TaskId, Option<Status>)>,
    ) -> Result<bool, EngineError> {
        match (task, &step.child) {
            (Some((_, Some(Status::Paused))), _) => Ok(true),
            (Some((id, Some(Status::Held))), _) => {
                Ok(match self.store.read(|view| view.task(id))?.map(|it| it.state) {
                    Some(State::Held { reason: HoldReason::User | HoldReason::Rebuilt, .. }) => true,
                    // What waits for its next try does not get it while its run stands still.
                    Some(_) | None => run.status == RunStatus::Paused && run.freezes,
                })
            }
            (Some(_), _) => Ok(false),
            (None, Some(child)) => self.is_paused(&self.run_state(child)?),
            // The end of a wait is not noted while its run is paused.
            (None, None) => Ok(run.status == RunStatus::Paused),
        }
    }
}
