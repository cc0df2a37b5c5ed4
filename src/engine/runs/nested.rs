//! Workflows in steps of workflows: each is a run of its own, with the step as its parent.
//!
//! Must not drive: a nested run is driven like any other, and its end wakes its parent. It is taken on under the
//! name RUN/STEP/TURN, so that a crash before the note of it gives the same run again.

use serde_json::{Map, Value};

use super::{Loaded, RunAsk, RunState, StepMaker, change, driver::ask_of};
use crate::{
    core::{Run, RunId, RunStatus, RunStep, StepStatus, Timestamp},
    engine::{Engine, EngineError},
    store::{StepChange, Writing},
    workflow::{Action, PlannedStep, Scope, Source, StepFacts, Workflow, handed},
};

impl Engine {
    /// Takes on the run of a nested workflow.
    pub(super) fn start_nested(
        &self,
        run: &Run,
        loaded: &Loaded,
        row: &RunStep,
        planned: &PlannedStep,
        scope: &Scope,
        maker: StepMaker,
    ) -> Result<StepChange, EngineError> {
        let failed = |why: String| Ok(change(row, StepStatus::Failed, Some(why)));
        let Action::Workflow { definition, params } = &loaded.workflow.steps[planned.step].action else {
            return failed("it is no workflow".into());
        };
        let handed = match handed(params, scope) {
            Ok(handed) => handed,
            Err(error) => return failed(error.to_string()),
        };
        let checked = self.checked_again(Source::Json(&definition.frozen), &handed.params, (maker.vocabulary)());
        let Some(plan) = checked.plan else {
            let faults: Vec<_> = checked.faults.into_iter().map(|fault| fault.message).collect();
            return failed(faults.join("; "));
        };
        let frozen = loaded.frozen.handed_to(definition, &plan, handed.said.into_iter().collect());
        let child = self.take_on(&RunAsk {
            name: definition.name.as_deref().unwrap_or(&row.step),
            frozen: &frozen,
            plan: &plan,
            request_id: Some(&ask_of(run, row)),
            parent: Some((&run.id, &row.step)),
            taken: &[],
        })?;
        self.keep_start(&child);
        crate::os::failpoint::hit("driver.after_child");
        Ok(StepChange { child: Some(child), ..change(row, StepStatus::Running, None) })
    }

    /// Returns what the end of its nested run means for a step; `None` while it has not ended.
    pub(super) fn end_of_child(&self, step: &RunStep, child: &RunId) -> Result<Option<StepChange>, EngineError> {
        let state = match self.run_state(child) {
            Ok(state) => state,
            Err(EngineError::NotFound { .. }) => {
                return Ok(Some(change(step, StepStatus::Failed, Some("its run was removed".into()))));
            }
            Err(error) => return Err(error),
        };
        let why = || state.what_failed().unwrap_or_else(|| "its run failed".to_owned());
        Ok(match state.run.status {
            RunStatus::Running | RunStatus::Paused => None,
            // Its tasks are still ending.
            RunStatus::Cancelled if state.run.finished_at.is_none() => None,
            RunStatus::Done => Some(change(step, StepStatus::Done, None)),
            RunStatus::Failed => Some(change(step, StepStatus::Failed, Some(why()))),
            RunStatus::Cancelled => {
                Some(change(step, StepStatus::Cancelled, Some(format!("its run {child} was cancelled"))))
            }
        })
    }

    /// Adds what the nested run of a step gives back and, if it is asked for, what its steps have changed together.
    pub(super) fn add_nested(
        &self,
        definition: &Workflow,
        child: &RunId,
        with_changes: bool,
        facts: &mut StepFacts,
    ) -> Result<(), EngineError> {
        let state = match self.run_state(child) {
            Ok(state) => state,
            Err(EngineError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let loaded = self.nested_definition(definition, &state.run)?;
        let outputs = self.output_values(&loaded, &state.steps)?;
        let known: Map<String, Value> = outputs.into_iter().filter_map(|(name, one)| Some((name, one.ok()?))).collect();
        facts.output = match definition.outputs.len() {
            0 => None,
            1 => known.values().next().map(text_of),
            _ => Some(Value::Object(known.clone()).to_string()),
        };
        facts.result = (!definition.outputs.is_empty()).then_some(Value::Object(known));
        if with_changes {
            self.add_changes_of_steps(&loaded, &state.steps, facts)?;
        }
        Ok(())
    }

    /// What one of the steps changed and nobody knows leaves the whole undefined.
    fn add_changes_of_steps(
        &self,
        loaded: &Loaded,
        steps: &[RunStep],
        facts: &mut StepFacts,
    ) -> Result<(), EngineError> {
        let (mut diffs, mut files) = (String::new(), std::collections::BTreeSet::new());
        for (row, planned) in steps.iter().zip(&loaded.plan.steps) {
            let has_run = matches!(row.status, StepStatus::Done | StepStatus::Failed | StepStatus::Cancelled);
            // Of a race the winner speaks, in the row of the race.
            if !has_run || planned.part.is_racer() || (row.task.is_none() && row.child.is_none()) {
                continue;
            }
            let of_step = self.facts(loaded, row, planned, true)?;
            let (Some(diff), Some(changed)) = (of_step.diff, of_step.files) else { return Ok(()) };
            diffs.push_str(&diff);
            files.extend(changed);
        }
        (facts.diff, facts.files) = (Some(diffs), Some(files.into_iter().collect()));
        Ok(())
    }

    /// Returns the runs of the nested workflows in a run's steps, those of earlier turns as well.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn children_of(&self, id: &RunId) -> Result<Vec<Run>, EngineError> {
        Ok(self.store.read(|view| view.children_of(id))?)
    }

    /// Whether nothing of a run goes on without a person's word.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn waits_for_person(&self, state: &RunState) -> Result<bool, EngineError> {
        let mut waits = false;
        for step in state.steps.iter().filter(|_| state.run.status == RunStatus::Running) {
            match (step.status, &step.child) {
                (StepStatus::Held, _) => waits = true,
                (StepStatus::Running, Some(child)) => {
                    let child = self.run_state(child)?;
                    // One that is paused, for want of money perhaps, goes on when somebody says so.
                    if child.run.status != RunStatus::Paused && !self.waits_for_person(&child)? {
                        return Ok(false);
                    }
                    waits = true;
                }
                (StepStatus::Running, None) => return Ok(false),
                (_, _) => {}
            }
        }
        Ok(waits)
    }

    /// Ends the nested runs that no step waits for any more: the run was cancelled, or a crash came between the
    /// start of one and its note, and meanwhile the step was skipped or asked for again.
    pub(super) fn end_stray_children(&self, run: &Run, steps: &[RunStep], now: Timestamp) -> Result<(), EngineError> {
        let children = self.children_of(&run.id)?;
        let is_wanted = |child: &Run| {
            steps.iter().any(|row| row.status == StepStatus::Running && row.child == Some(child.id.clone()))
        };
        let mut strays = Vec::new();
        for child in children.iter().filter(|child| !child.status.is_terminal() && !is_wanted(child)) {
            // The start of a step that waits in this turn finds it again.
            let request = self.store.read(|view| view.request_of_run(&child.id))?;
            let is_asked_for =
                |row: &RunStep| row.status.is_to_do() && request.as_deref() == Some(ask_of(run, row).as_str());
            if !steps.iter().any(is_asked_for) {
                strays.push(child);
            }
        }
        if strays.is_empty() {
            return Ok(());
        }
        self.store.write(|writing| strays.iter().try_for_each(|child| cancel_family(writing, &child.id, now)))
    }
}

/// Writes down that a run and all beneath it are cancelled; tasks that are at work are left to whoever drives.
pub(super) fn cancel_family(writing: &Writing<'_>, id: &RunId, now: Timestamp) -> Result<(), EngineError> {
    for id in writing.view().family_of_run(id)? {
        if writing.view().run(&id)?.is_none_or(|run| run.status.is_terminal()) {
            continue;
        }
        let steps = writing.view().run_steps(&id)?;
        let open = steps.iter().filter(|step| !step.status.is_over() && step.task_at_work().is_none());
        let changes: Vec<_> =
            open.map(|step| change(step, StepStatus::Cancelled, Some("the run was cancelled".into()))).collect();
        writing.change_steps(&id, &changes)?;
        writing.wish_of_run(&id, RunStatus::Cancelled, now)?;
    }
    Ok(())
}

/// Returns a text as it is, the rest as JSON.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
