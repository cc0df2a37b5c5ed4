//! What a run does next: from where its steps stand to what is to be started, skipped and finished.
//!
//! Must not know of tasks, times or stores. The answer depends on the plan and the steps alone, so that any process
//! comes to the same one after a crash.
//!
//! Each step is looked at once, and again only when something that it waits for was settled meanwhile: a run of a
//! thousand steps asks after the end of each. What is settled in one pass over the steps in order comes before what
//! only follows from it for steps further up.

use std::collections::BTreeSet;

use super::{
    definition::{When, Workflow},
    fields::OnFailure,
    graph::Plan,
};
use crate::core::{RunStatus, StepStatus};

/// Something to do; steps by their place in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Start(usize),
    /// Never to be started, and why.
    Skip {
        step: usize,
        why: String,
    },
    /// Its condition does not hold.
    Pass {
        step: usize,
        why: String,
    },
    /// Its condition cannot be told.
    Fail {
        step: usize,
        why: String,
    },
    Finish(RunStatus),
}

/// Whether a condition holds, by the place of its step.
pub type Holds<'a> = dyn FnMut(usize) -> Result<bool, String> + 'a;

/// Returns what is to be done now; nothing while steps that run decide what is next.
pub fn advance(workflow: &Workflow, plan: &Plan, states: &[StepStatus], holds: &mut Holds<'_>) -> Vec<Act> {
    let mut run = Advance {
        workflow,
        plan,
        states: states.to_vec(),
        stopper: first_failed(workflow, states),
        ready: BTreeSet::new(),
        acts: Vec::new(),
    };
    run.settle(holds);
    run.start();
    if run.states.iter().all(|state| state.is_over()) {
        let status = if run.states.iter().any(has_failed) { RunStatus::Failed } else { RunStatus::Done };
        run.acts.push(Act::Finish(status));
    }
    run.acts
}

/// Returns the steps that build on `step`, directly or not.
pub fn descendants(plan: &Plan, step: usize) -> Vec<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![step];
    while let Some(from) = open.pop() {
        open.extend(plan.links.behind[from].iter().copied().filter(|to| found.insert(*to)));
    }
    found.remove(&step);
    found.into_iter().collect()
}

/// Returns the failed step at which nothing new is started. One that was cancelled has not failed: somebody did
/// not want it, and only what needs it is skipped.
fn first_failed(workflow: &Workflow, states: &[StepStatus]) -> Option<usize> {
    match workflow.on_failure {
        OnFailure::Continue => None,
        OnFailure::Stop => states.iter().position(|state| *state == StepStatus::Failed),
    }
}

const fn has_failed(state: &StepStatus) -> bool {
    matches!(state, StepStatus::Failed | StepStatus::Cancelled)
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
    states: Vec<StepStatus>,
    /// The failed step at which nothing new is started.
    stopper: Option<usize>,
    /// What may be started.
    ready: BTreeSet<usize>,
    acts: Vec<Act>,
}

impl Advance<'_> {
    /// Takes out of the way what will not be started, and finds what may be.
    fn settle(&mut self, holds: &mut Holds<'_>) {
        let mut open: BTreeSet<usize> = (0..self.states.len()).collect();
        while !open.is_empty() {
            let mut next = BTreeSet::new();
            while let Some(step) = open.pop_first() {
                let Some(act) = self.look_at(step, holds) else { continue };
                let touched = self.take(step, act);
                // What stands before this step has had its turn in this pass.
                let (before, after): (Vec<usize>, Vec<usize>) = touched.into_iter().partition(|other| *other < step);
                next.extend(before);
                open.extend(after);
            }
            open = next;
        }
    }

    /// Returns what becomes of a step instead of a start, now.
    fn look_at(&mut self, step: usize, holds: &mut Holds<'_>) -> Option<Act> {
        self.ready.remove(&step);
        if !self.states[step].is_to_do() {
            return None;
        }
        match self.standing(step) {
            Standing::Waits => None,
            Standing::Skipped(why) => Some(Act::Skip { step, why }),
            Standing::Ready => {
                let act = self.condition(step, holds);
                if act.is_none() {
                    self.ready.insert(step);
                }
                act
            }
        }
    }

    /// Takes a step out of the way; returns the steps that this may change.
    fn take(&mut self, step: usize, act: Act) -> Vec<usize> {
        self.states[step] = match &act {
            Act::Skip { .. } => StepStatus::Skipped,
            Act::Pass { .. } => StepStatus::NotNeeded,
            Act::Fail { .. } | Act::Start(_) | Act::Finish(_) => StepStatus::Failed,
        };
        self.acts.push(act);
        let stops = self.states[step] == StepStatus::Failed && self.workflow.on_failure == OnFailure::Stop;
        if stops {
            self.stopper = Some(self.stopper.map_or(step, |first| first.min(step)));
            return (0..self.states.len()).collect();
        }
        self.plan.links.behind[step].clone()
    }

    fn start(&mut self) {
        let busy = self.states.iter().filter(|state| **state == StepStatus::Running).count();
        let most = self.workflow.max_concurrent.map_or(usize::MAX, |most| most as usize);
        for step in self.ready.iter().take(most.saturating_sub(busy)) {
            self.states[*step] = StepStatus::Running;
            self.acts.push(Act::Start(*step));
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
        let links = &self.plan.links;
        let (needs, any) = (&links.needs[step], &links.needs_any[step]);
        let is_over = |other: &usize| self.states[*other].is_over();
        let is_good = |other: &usize| is_good(self.states[*other]);
        if matches!(self.workflow.steps[self.plan.steps[step].step].when, When::Always) {
            let all_over = needs.iter().chain(any).all(is_over);
            return if all_over { Standing::Ready } else { Standing::Waits };
        }
        let name = |other: usize| self.plan.steps[other].id.as_str();
        if let Some(first) = self.stopper {
            return Standing::Skipped(format!("{} failed, and the workflow stops at a failure", name(first)));
        }
        if let Some(bad) = needs.iter().find(|other| is_over(other) && !is_good(other)) {
            return Standing::Skipped(format!("{} {}", name(*bad), how(self.states[*bad])));
        }
        let has_one = any.is_empty() || any.iter().any(is_good);
        if !has_one && any.iter().all(is_over) {
            let names: Vec<_> = any.iter().map(|other| name(*other)).collect();
            return Standing::Skipped(format!("none of {} succeeded", names.join(", ")));
        }
        if has_one && needs.iter().all(is_good) { Standing::Ready } else { Standing::Waits }
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
