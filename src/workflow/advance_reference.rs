//! What a run does next, found by looking at every step again and again: slow, and plain enough to be believed.

use std::collections::BTreeMap;

use super::{
    Plan, StepId, When, Workflow,
    advance::{Act, Holds},
    fields::OnFailure,
};
use crate::core::{RunStatus, StepStatus};

/// Returns what is to be done now; nothing while steps that run decide what is next.
pub(super) fn advance(workflow: &Workflow, plan: &Plan, states: &[StepStatus], holds: &mut Holds<'_>) -> Vec<Act> {
    let mut run = Advance { workflow, plan, places: places(plan), states: states.to_vec(), acts: Vec::new() };
    // A skip may settle what others wait for.
    while run.settle(holds) {}
    run.start(holds);
    if run.states.iter().all(|state| state.is_over()) {
        let failed = |state: &StepStatus| matches!(state, StepStatus::Failed | StepStatus::Cancelled);
        let status = if run.states.iter().any(failed) { RunStatus::Failed } else { RunStatus::Done };
        run.acts.push(Act::Finish(status));
    }
    run.acts
}

/// Returns the steps that build on `step`, directly or not.
pub(super) fn descendants(plan: &Plan, step: usize) -> Vec<usize> {
    let places = places(plan);
    let mut found = vec![step];
    let mut next = 0;
    while let Some(from) = found.get(next).copied() {
        next += 1;
        let id = &plan.steps[from].id;
        let of_it = plan.edges.iter().filter(|(need, _)| need == id).filter_map(|(_, to)| places.get(to));
        let new: Vec<usize> = of_it.copied().filter(|to| !found.contains(to)).collect();
        for to in new {
            if !found.contains(&to) {
                found.push(to);
            }
        }
    }
    found.remove(0);
    found.sort_unstable();
    found
}

fn places(plan: &Plan) -> BTreeMap<&StepId, usize> {
    plan.steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect()
}

/// Where a step that has not been started stands.
enum Standing {
    Waits,
    Ready,
    Skipped(String),
}

struct Advance<'a> {
    workflow: &'a Workflow,
    plan: &'a Plan,
    places: BTreeMap<&'a StepId, usize>,
    states: Vec<StepStatus>,
    acts: Vec<Act>,
}

impl<'a> Advance<'a> {
    /// Takes out of the way what will not be started; returns whether there was any.
    fn settle(&mut self, holds: &mut Holds<'_>) -> bool {
        let mut any = false;
        for step in 0..self.states.len() {
            if !self.states[step].is_to_do() {
                continue;
            }
            let act = match self.standing(step) {
                Standing::Waits => continue,
                Standing::Skipped(why) => Act::Skip { step, why },
                Standing::Ready => match self.condition(step, holds) {
                    None => continue,
                    Some(act) => act,
                },
            };
            self.states[step] = match &act {
                Act::Skip { .. } => StepStatus::Skipped,
                Act::Pass { .. } => StepStatus::NotNeeded,
                Act::Fail { .. } | Act::Start(_) | Act::Finish(_) => StepStatus::Failed,
            };
            self.acts.push(act);
            any = true;
        }
        any
    }

    fn start(&mut self, holds: &mut Holds<'_>) {
        let busy = self.states.iter().filter(|state| **state == StepStatus::Running).count();
        let most = self.workflow.max_concurrent.map_or(usize::MAX, |most| most as usize);
        let mut free = most.saturating_sub(busy);
        for step in 0..self.states.len() {
            if free == 0 {
                return;
            }
            let is_ready = self.states[step].is_to_do() && matches!(self.standing(step), Standing::Ready);
            if is_ready && self.condition(step, holds).is_none() {
                self.states[step] = StepStatus::Running;
                self.acts.push(Act::Start(step));
                free -= 1;
            }
        }
    }

    /// Returns what becomes of a ready step instead of a start.
    fn condition(&self, step: usize, holds: &mut Holds<'_>) -> Option<Act> {
        let When::Holds(condition) = &self.workflow.steps[self.plan.steps[step].step].when else { return None };
        match holds(step) {
            Ok(true) => None,
            Ok(false) => Some(Act::Pass { step, why: format!("`{}` does not hold", condition.as_str()) }),
            Err(why) => Some(Act::Fail { step, why: format!("`when`: {why}") }),
        }
    }

    fn standing(&self, step: usize) -> Standing {
        let planned = &self.plan.steps[step];
        let is_always = matches!(self.workflow.steps[planned.step].when, When::Always);
        let needs: Vec<(&StepId, StepStatus)> = self.of(&planned.needs);
        let any: Vec<(&StepId, StepStatus)> = self.of(&planned.needs_any);
        let all_over = needs.iter().chain(&any).all(|(_, state)| state.is_over());
        if is_always {
            return if all_over { Standing::Ready } else { Standing::Waits };
        }
        if let Some(first) = self.stopper() {
            return Standing::Skipped(format!("{first} failed, and the workflow stops at a failure"));
        }
        if let Some((id, state)) = needs.iter().find(|(_, state)| state.is_over() && !is_good(*state)) {
            return Standing::Skipped(format!("{id} {}", how(*state)));
        }
        let has_one = any.is_empty() || any.iter().any(|(_, state)| is_good(*state));
        if !has_one && any.iter().all(|(_, state)| state.is_over()) {
            let names: Vec<_> = any.iter().map(|(id, _)| id.as_str()).collect();
            return Standing::Skipped(format!("none of {} succeeded", names.join(", ")));
        }
        if has_one && needs.iter().all(|(_, state)| is_good(*state)) { Standing::Ready } else { Standing::Waits }
    }

    fn of(&self, ids: &'a [StepId]) -> Vec<(&'a StepId, StepStatus)> {
        ids.iter().filter_map(|id| Some((id, self.states[*self.places.get(id)?]))).collect()
    }

    /// Returns the failed step at which nothing new is started.
    fn stopper(&self) -> Option<&StepId> {
        let failed = |state: &StepStatus| *state == StepStatus::Failed;
        match self.workflow.on_failure {
            OnFailure::Continue => None,
            OnFailure::Stop => self.states.iter().position(failed).map(|at| &self.plan.steps[at].id),
        }
    }
}

const fn is_good(state: StepStatus) -> bool {
    matches!(state, StepStatus::Done | StepStatus::NotNeeded)
}

const fn how(state: StepStatus) -> &'static str {
    match state {
        StepStatus::Failed => "failed",
        StepStatus::Cancelled => "was cancelled",
        StepStatus::Skipped => "was skipped",
        StepStatus::Waiting | StepStatus::Running | StepStatus::Held | StepStatus::Stale => "is not over",
        StepStatus::Done | StepStatus::NotNeeded => "is done",
    }
}
