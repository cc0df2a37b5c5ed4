//! What people wish about a run. Must not start steps: each wish is written down, and the driver looks.

use super::{Loaded, RunState, nested::cancel_family, no_run, pauses::over, record::About};
use crate::{
    core::{Ending, Input, RunId, RunStatus, RunStep, Span, StepStatus, TaskId},
    engine::{Engine, EngineError, settle::News},
    os::clock,
    workflow::{Act, Vocabulary, advance, descendants},
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
                RunStatus::Done | RunStatus::Failed => return Err(over(&run)),
            }
            cancel_family(writing, id, clock::now())
        })?;
        self.keep_word(id, "cancelled", About::All);
        self.wake_driver()?;
        let family = self.store.read(|view| view.family_of_run(id))?;
        let live = self.store.read(|view| view.live_tasks_of_family(id))?;
        self.end_all(&live.iter().map(|task| task.id.clone()).collect::<Vec<_>>())?;
        for task in live {
            self.cancel(&task.id, grace, Some("the run was cancelled")).await?;
        }
        // The innermost first: a step ends with its nested run.
        for id in family.iter().rev() {
            let ended = self.ended_steps(&self.run_state(id)?.steps, clock::now())?;
            self.store.write(|writing| {
                writing.change_steps(id, &ended)?;
                if writing.view().live_tasks_of_family(id)?.is_empty() {
                    writing.end_cancelled(id, clock::now())?;
                }
                Ok::<_, EngineError>(())
            })?;
            self.keep_word(id, "ended", About::All);
        }
        // A step that ended by itself just before may still have its keeper.
        for id in &family {
            for step in self.run_state(id)?.steps {
                let task = self.store.read(|view| step.task.map_or(Ok(None), |task| view.task(&task)))?;
                if let Some(task) = task {
                    self.keepers_gone(&task).await;
                }
            }
        }
        // Whoever drives may have put off a look at what is over now.
        self.poke();
        self.run_state(id)
    }

    /// Has a step run again, with everything that builds on it and what its failure alone has kept from running.
    /// Without a step: everything that failed, was cancelled or was skipped. A paused run stays paused.
    ///
    /// # Errors
    /// There is no such step, it or one that builds on it is at work, or it would be skipped again at once.
    pub fn retry_step(&self, id: &RunId, step: Option<&str>, vocabulary: &Vocabulary) -> Result<Renewed, EngineError> {
        self.reconcile()?;
        let loaded = self.definition(&self.run_state(id)?.run, vocabulary)?;
        let place = step.map(|step| place_of(&loaded, id, step)).transpose()?;
        let renewed = self.store.write(|writing| {
            let Some(run) = writing.view().run(id)? else { return Err(no_run(id.as_str())) };
            if let (true, Some((parent, of_parent))) = (run.status.is_terminal(), &run.parent) {
                return Err(EngineError::Conflict {
                    message: format!(
                        "run `{id}` is the workflow in a step of run `{parent}`, which has its end already"
                    ),
                    hint: format!("`mgr workflow retry {parent} {of_parent}` runs all of that step again"),
                });
            }
            let steps = writing.view().run_steps(id)?;
            let plan = &loaded.plan;
            // A race runs again as a whole, whichever row of it was named; a racer that lost is nothing to mend.
            let is_to_mend = |at: &usize| is_bad(steps[*at].status) && !plan.steps[*at].part.is_racer();
            let roots: Vec<usize> = match place {
                Some(place) => plan.together(place),
                None => (0..steps.len()).filter(is_to_mend).flat_map(|at| plan.together(at)).collect(),
            };
            let renewal = renewal(id, &loaded, &steps, &roots)?;
            if let Some(place) = place {
                check_start(id, &loaded, &steps, &renewal, place)?;
            }
            let mut renewed = Renewed::default();
            for (row, status) in steps.iter().zip(&renewal) {
                match status {
                    Some(status) => {
                        writing.renew_step(id, &row.step, *status)?;
                        renewed.steps.push(row.step.clone());
                    }
                    None if row.status == StepStatus::Cancelled => renewed.still_cancelled.push(row.step.clone()),
                    None => {}
                }
            }
            let now = clock::now();
            match run.status {
                RunStatus::Paused => writing.touch_run(id, now)?,
                RunStatus::Running | RunStatus::Done | RunStatus::Failed | RunStatus::Cancelled => {
                    writing.wish_of_run(id, RunStatus::Running, now)?;
                }
            }
            Ok::<_, EngineError>(renewed)
        })?;
        self.keep_word(id, "retried", About::Steps(&renewed.steps));
        self.wake_driver()?;
        Ok(renewed)
    }
}

/// What a retry came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewed {
    /// The steps that run again, in the order of the file.
    pub steps: Vec<String>,
    /// Steps that were cancelled and stay so.
    pub still_cancelled: Vec<String>,
}

fn place_of(loaded: &Loaded, id: &RunId, step: &str) -> Result<usize, EngineError> {
    loaded.plan.steps.iter().position(|planned| planned.id.as_str() == step).ok_or_else(|| {
        let known: Vec<&str> = loaded.plan.steps.iter().map(|planned| planned.id.as_str()).collect();
        EngineError::NotFound {
            message: format!("run `{id}` has no step `{step}`"),
            hint: format!("its steps are {}", known.join(", ")),
        }
    })
}

/// Whether a step did not come to what it was for.
const fn is_bad(status: StepStatus) -> bool {
    match status {
        StepStatus::Failed | StepStatus::Cancelled | StepStatus::Skipped => true,
        StepStatus::Waiting
        | StepStatus::Running
        | StepStatus::Held
        | StepStatus::Done
        | StepStatus::NotNeeded
        | StepStatus::Stale => false,
    }
}

/// Returns what each step becomes that runs again.
fn renewal(
    id: &RunId,
    loaded: &Loaded,
    steps: &[RunStep],
    roots: &[usize],
) -> Result<Vec<Option<StepStatus>>, EngineError> {
    if roots.is_empty() {
        return Err(EngineError::Conflict {
            message: format!("nothing of run `{id}` failed, was cancelled or was skipped"),
            hint: format!("`mgr workflow retry {id} STEP` runs one step again"),
        });
    }
    let mut renewal = vec![None; steps.len()];
    for root in roots {
        if !steps[*root].status.is_over() {
            return Err(EngineError::Busy {
                message: format!("step `{}` of run `{id}` is not over", steps[*root].step),
                hint: format!("`mgr workflow status {id}` shows what it waits for"),
            });
        }
        for at in descendants(&loaded.plan, *root) {
            renewal[at] = Some(anew(steps[at].status));
        }
    }
    roots.iter().for_each(|root| renewal[*root] = Some(StepStatus::Waiting));
    let is_touched = |at: &usize| renewal[*at].is_some();
    if let Some(busy) = (0..steps.len()).filter(is_touched).find(|at| steps[*at].status == StepStatus::Running) {
        return Err(EngineError::Busy {
            message: format!("step `{}` of run `{id}` is at work", steps[busy].step),
            hint: "wait for its end, or cancel its task first".into(),
        });
    }
    for at in no_longer_skipped(loaded, steps, &renewal) {
        renewal[at] = Some(StepStatus::Waiting);
    }
    Ok(renewal)
}

/// Returns what a step becomes that builds on one that runs again.
const fn anew(status: StepStatus) -> StepStatus {
    match status {
        // The driver may just have started it on what is made anew now: that turn is void.
        StepStatus::Waiting | StepStatus::Skipped | StepStatus::Cancelled => StepStatus::Waiting,
        StepStatus::Running
        | StepStatus::Held
        | StepStatus::Done
        | StepStatus::Failed
        | StepStatus::NotNeeded
        | StepStatus::Stale => StepStatus::Stale,
    }
}

/// Returns the steps that were skipped for the renewed ones alone: a failure that stops all skips others than those
/// that build on it.
fn no_longer_skipped(loaded: &Loaded, steps: &[RunStep], renewal: &[Option<StepStatus>]) -> Vec<usize> {
    let state = |(row, new): (&RunStep, &Option<StepStatus>)| match row.status {
        StepStatus::Skipped => StepStatus::Waiting,
        other => new.unwrap_or(other),
    };
    let states: Vec<StepStatus> = steps.iter().zip(renewal).map(state).collect();
    let mut is_skipped_again = vec![false; steps.len()];
    for act in advance(&loaded.workflow, &loaded.plan, &states, &mut |_| Ok(true)) {
        if let Act::Skip { step, .. } = act {
            is_skipped_again[step] = true;
        }
    }
    (0..steps.len()).filter(|at| steps[*at].status == StepStatus::Skipped && !is_skipped_again[*at]).collect()
}

/// Refuses to renew a step that would be skipped at once.
fn check_start(
    id: &RunId,
    loaded: &Loaded,
    steps: &[RunStep],
    renewal: &[Option<StepStatus>],
    place: usize,
) -> Result<(), EngineError> {
    let states: Vec<_> = steps.iter().zip(renewal).map(|(row, new)| new.unwrap_or(row.status)).collect();
    for act in advance(&loaded.workflow, &loaded.plan, &states, &mut |_| Ok(true)) {
        if let Act::Skip { step, why } = act
            && step == place
        {
            return Err(EngineError::Conflict {
                message: format!("step `{}` of run `{id}` would be skipped again: {why}", steps[place].step),
                hint: format!("`mgr workflow retry {id}` runs everything again that did not succeed"),
            });
        }
    }
    Ok(())
}

pub(super) fn ending(task: &TaskId) -> News {
    News { task: task.clone(), input: Input::EndAsked { ending: Ending::Cancelled }, end: None }
}
