//! What a run does next, found by looking at every step again and again: slow, and plain enough to be believed.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Action, Part, Plan, Race, StepId, When, Workflow,
    advance::{Act, Holds},
    fields::OnFailure,
};
use crate::core::{RunStatus, StepStatus};

/// Returns what is to be done now; nothing while steps that run decide what is next.
pub(super) fn advance(workflow: &Workflow, plan: &Plan, states: &[StepStatus], holds: &mut Holds<'_>) -> Vec<Act> {
    let mut run = Advance { workflow, plan, places: places(plan), states: states.to_vec(), acts: Vec::new() };
    // A skip may settle what others wait for.
    while run.settle(holds) {}
    run.end_races();
    run.start(holds);
    if run.states.iter().all(|state| state.is_over()) {
        let status = if run.first_failed().is_some() { RunStatus::Failed } else { RunStatus::Done };
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
            let act = match &self.plan.steps[step].part {
                Part::Race { racers } => self.outcome(step, racers, holds),
                Part::Racer { race, .. } if self.is_won_without(*race) => Some(Act::Spare(step)),
                Part::Racer { .. } | Part::Whole => self.out_of_the_way(step, holds),
            };
            let Some(act) = act else { continue };
            self.states[step] = match &act {
                Act::Skip { .. } => StepStatus::Skipped,
                Act::Pass { .. } | Act::Spare(_) => StepStatus::NotNeeded,
                Act::Fail { .. } | Act::Lose(_) => StepStatus::Failed,
                Act::Start(_) | Act::Win(_) | Act::Finish(_) => continue,
            };
            self.acts.push(act);
            any = true;
        }
        any
    }

    /// Returns what becomes of a step instead of a start; `None` while it may still be started.
    fn out_of_the_way(&self, step: usize, holds: &mut Holds<'_>) -> Option<Act> {
        match self.standing(step) {
            Standing::Waits => None,
            Standing::Skipped(why) => Some(Act::Skip { step, why }),
            Standing::Ready => self.condition(step, holds),
        }
    }

    /// Returns what becomes of a race that nobody has won. Once a racer has begun, racers alone decide.
    fn outcome(&self, step: usize, racers: &Range<usize>, holds: &mut Holds<'_>) -> Option<Act> {
        let states = &self.states[racers.clone()];
        if self.is_won(step, racers) {
            return None;
        }
        let has_begun = |state: &StepStatus| match state {
            StepStatus::Running | StepStatus::Held | StepStatus::Done => true,
            StepStatus::Failed | StepStatus::Cancelled => true,
            StepStatus::Waiting | StepStatus::Stale | StepStatus::Skipped | StepStatus::NotNeeded => false,
        };
        if !states.iter().any(has_begun)
            && let Some(act) = self.out_of_the_way(racers.start, holds)
        {
            return Some(act.about(step));
        }
        states.iter().all(|state| state.is_over()).then_some(Act::Lose(step))
    }

    /// Names the races that are won now, then their racers who still run for nothing.
    fn end_races(&mut self) {
        let mut spared = Vec::new();
        for (step, planned) in self.plan.steps.iter().enumerate() {
            let state = self.states[step];
            match &planned.part {
                Part::Race { racers } if state.is_to_do() && self.is_won(step, racers) => {
                    self.acts.push(Act::Win(step))
                }
                Part::Racer { race, .. } if state == StepStatus::Running && self.is_won_without(*race) => {
                    spared.push(Act::Spare(step));
                }
                Part::Race { .. } | Part::Racer { .. } | Part::Whole => {}
            }
        }
        self.acts.append(&mut spared);
    }

    fn is_won(&self, step: usize, racers: &Range<usize>) -> bool {
        let states = &self.states[racers.clone()];
        let waits = self.race(step).is_some_and(|race| race.waits_for_all);
        states.contains(&StepStatus::Done) && (!waits || states.iter().all(|state| state.is_over()))
    }

    /// Whether a race is won and its other racers are not to go on.
    fn is_won_without(&self, race: usize) -> bool {
        let Part::Race { racers } = &self.plan.steps[race].part else { return false };
        self.is_won(race, racers) && self.race(race).is_some_and(|race| !race.keeps_rest())
    }

    fn race(&self, step: usize) -> Option<&'a Race> {
        match &self.workflow.steps[self.plan.steps[step].step].action {
            Action::Race(race) => Some(race),
            Action::Agent | Action::Command(_) | Action::Approval { .. } => None,
            Action::Workflow { .. } | Action::Wait(_) => None,
        }
    }

    fn start(&mut self, holds: &mut Holds<'_>) {
        let busy = self.states.iter().filter(|state| **state == StepStatus::Running).count();
        let most = self.workflow.max_concurrent.map_or(usize::MAX, |most| most as usize);
        let mut free = most.saturating_sub(busy);
        for step in 0..self.states.len() {
            if free == 0 {
                return;
            }
            let may_start = self.states[step].is_to_do() && !matches!(self.plan.steps[step].part, Part::Race { .. });
            let is_ready = may_start && matches!(self.standing(step), Standing::Ready);
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
        match self.workflow.on_failure {
            OnFailure::Continue => None,
            OnFailure::Stop => {
                let failed =
                    |at: &usize| self.states[*at] == StepStatus::Failed && !self.plan.steps[*at].part.is_racer();
                (0..self.states.len()).find(failed).map(|at| &self.plan.steps[at].id)
            }
        }
    }

    /// Returns the first step that failed. A racer that does has not failed its race.
    fn first_failed(&self) -> Option<usize> {
        let failed = |at: &usize| {
            let has_failed = matches!(self.states[*at], StepStatus::Failed | StepStatus::Cancelled);
            has_failed && !self.plan.steps[*at].part.is_racer()
        };
        (0..self.states.len()).find(failed)
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
