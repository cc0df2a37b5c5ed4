//! What people wish about a run. Must not start steps: each wish is written down, and the driver looks.

use super::{RunState, nested::cancel_family, no_run};
use crate::{
    core::{Ending, Input, RunId, RunStatus, RunStep, Span, StepStatus, TaskId},
    engine::{Engine, EngineError, settle::News},
    os::clock,
    workflow::{Vocabulary, descendants},
};

impl Engine {
    /// Ends a run and every task of it, and waits until no process of theirs is left.
    ///
    /// # Errors
    /// The run is over, or the store or the files cannot be used.
    pub async fn cancel_run(&self, id: &RunId, grace: Option<Span>) -> Result<RunState, EngineError> {
        self.reconcile()?;
        self.store.write(|writing| {
            let Some(run) = writing.view().run(id)? else { return Err(no_run(id.as_str())) };
            match run.status {
                RunStatus::Running | RunStatus::Paused => {}
                RunStatus::Cancelled => return Ok(()),
                RunStatus::Done | RunStatus::Failed => {
                    return Err(EngineError::Conflict {
                        message: format!("run `{id}` is over already: {}", run.status.as_str()),
                        hint: "`mgr workflow retry` runs a step of it again".into(),
                    });
                }
            }
            cancel_family(writing, id, clock::now())
        })?;
        self.wake_driver()?;
        let family = self.store.read(|view| view.family_of_run(id))?;
        let live: Vec<_> =
            family.iter().map(|id| self.store.read(|view| view.live_tasks_of_run(id))).collect::<Result<_, _>>()?;
        let live: Vec<_> = live.into_iter().flatten().collect();
        let ends = live.iter().map(|task| ending(&task.id)).collect();
        self.settle(ends)?;
        for task in live {
            self.cancel(&task.id, grace, Some("the run was cancelled")).await?;
        }
        // The innermost first: a step ends with its nested run.
        for id in family.iter().rev() {
            let ended = self.ended_steps(&self.run_state(id)?.steps, clock::now())?;
            self.store.write(|writing| writing.change_steps(id, &ended).map_err(EngineError::from))?;
        }
        self.run_state(id)
    }

    /// Has a step run again, with everything that builds on it.
    ///
    /// # Errors
    /// There is no such step, or it or one that builds on it is at work.
    pub fn retry_step(&self, id: &RunId, step: &str, vocabulary: &Vocabulary) -> Result<Vec<String>, EngineError> {
        self.reconcile()?;
        let loaded = self.definition(&self.run_state(id)?.run, vocabulary)?;
        let place = loaded.plan.steps.iter().position(|planned| planned.id.as_str() == step).ok_or_else(|| {
            let known: Vec<&str> = loaded.plan.steps.iter().map(|planned| planned.id.as_str()).collect();
            EngineError::NotFound {
                message: format!("run `{id}` has no step `{step}`"),
                hint: format!("its steps are {}", known.join(", ")),
            }
        })?;
        // A race runs again as a whole, whichever row of it was named.
        let own = loaded.plan.together(place);
        let place = own.first().copied().unwrap_or(place);
        let mut after: Vec<usize> = own.iter().flat_map(|row| descendants(&loaded.plan, *row)).collect();
        after.retain(|row| !own.contains(row));
        let renewed = self.store.write(|writing| {
            if let Some(run) = writing.view().run(id)?
                && let (true, Some((parent, of_parent))) = (run.status.is_terminal(), run.parent)
            {
                return Err(EngineError::Conflict {
                    message: format!(
                        "run `{id}` is the workflow in a step of run `{parent}`, which has its end already"
                    ),
                    hint: format!("`mgr workflow retry {parent} {of_parent}` runs all of that step again"),
                });
            }
            let steps = writing.view().run_steps(id)?;
            let touched = |at: &usize| own.contains(at) || after.contains(at);
            let at_work = (0..steps.len()).filter(touched).map(|at| &steps[at]);
            let busy = |step: &&RunStep| step.task_at_work().is_some() || step.status == StepStatus::Running;
            if let Some(busy) = at_work.clone().find(busy) {
                return Err(EngineError::Conflict {
                    message: format!("step `{}` of run `{id}` is at work", busy.step),
                    hint: "wait for its end, or cancel its task first".into(),
                });
            }
            if !steps[place].status.is_over() {
                return Err(EngineError::Conflict {
                    message: format!("step `{step}` of run `{id}` is not over"),
                    hint: format!("`mgr workflow status {id}` shows what it waits for"),
                });
            }
            let mut renewed = Vec::new();
            for (at, row) in steps.iter().enumerate() {
                let status = match row.status {
                    _ if own.contains(&at) => StepStatus::Waiting,
                    // The driver may just have started it on what is made anew now: that turn is void.
                    StepStatus::Waiting | StepStatus::Stale if after.contains(&at) => row.status,
                    StepStatus::Waiting | StepStatus::Stale | StepStatus::Running => continue,
                    StepStatus::Skipped | StepStatus::Cancelled => StepStatus::Waiting,
                    _ if after.contains(&at) => StepStatus::Stale,
                    StepStatus::Held | StepStatus::Done | StepStatus::Failed | StepStatus::NotNeeded => continue,
                };
                writing.renew_step(id, &row.step, status)?;
                renewed.push(row.step.clone());
            }
            writing.wish_of_run(id, RunStatus::Running, clock::now())?;
            Ok::<_, EngineError>(renewed)
        })?;
        self.wake_driver()?;
        Ok(renewed)
    }
}

pub(super) fn ending(task: &TaskId) -> News {
    News { task: task.clone(), input: Input::EndAsked { ending: Ending::Cancelled }, end: None }
}
