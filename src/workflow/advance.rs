//! What a run does next: from where its steps stand to what is to be started, skipped and finished.
//!
//! Must not know of tasks, times or stores. The answer depends on the plan and the steps alone, so that any process
//! comes to the same one after a crash.
//!
//! Each step is looked at once, and again only when something that it waits for was settled meanwhile: a run of a
//! thousand steps asks after the end of each. What is settled in one pass over the steps in order comes before what
//! only follows from it for steps further up.

use std::{collections::BTreeSet, ops::Range};

use super::{
    definition::{Action, When, Workflow},
    fields::OnFailure,
    graph::Plan,
    race::{Part, Race},
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
    /// Racers succeeded: one of them has won the race.
    Win(usize),
    /// No racer succeeded.
    Lose(usize),
    /// The race is won without this racer.
    Spare(usize),
    Finish(RunStatus),
}

impl Act {
    /// Returns what is to happen to another step for the same reason.
    pub(super) fn about(self, step: usize) -> Self {
        match self {
            Self::Skip { why, .. } => Self::Skip { step, why },
            Self::Pass { why, .. } => Self::Pass { step, why },
            Self::Fail { why, .. } => Self::Fail { step, why },
            Self::Start(_) => Self::Start(step),
            Self::Win(_) => Self::Win(step),
            Self::Lose(_) => Self::Lose(step),
            Self::Spare(_) => Self::Spare(step),
            Self::Finish(status) => Self::Finish(status),
        }
    }
}

/// Whether a condition holds, by the place of its step.
pub type Holds<'a> = dyn FnMut(usize) -> Result<bool, String> + 'a;

/// What a step would do if it were started now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It would work.
    Works,
    /// It would stand in a queue behind others than its own run: only where nobody else has a use for its place.
    Queues,
    /// It would wait for another step of its run, which is to be awaited first.
    Waits,
}

/// What a step that is ready would do, by its place. Asked in the order in which steps start.
pub type Turns<'a> = dyn FnMut(usize) -> Turn + 'a;

/// Returns what is to be done now; nothing while steps that run decide what is next.
pub fn advance(workflow: &Workflow, plan: &Plan, states: &[StepStatus], holds: &mut Holds<'_>) -> Vec<Act> {
    advance_by_turns(workflow, plan, states, holds, &mut |_| Turn::Works)
}

/// The same, where those who could not work yet do not take the places of those who could.
pub fn advance_by_turns(
    workflow: &Workflow,
    plan: &Plan,
    states: &[StepStatus],
    holds: &mut Holds<'_>,
    turns: &mut Turns<'_>,
) -> Vec<Act> {
    let mut run = Advance {
        workflow,
        plan,
        states: states.to_vec(),
        stopper: first_failed(workflow, plan, states),
        ready: BTreeSet::new(),
        acts: Vec::new(),
    };
    run.settle(holds);
    run.end_races();
    run.start(turns);
    if run.states.iter().all(|state| state.is_over()) {
        let has_failed = (0..run.states.len()).any(|step| counts_as_failed(plan, step, run.states[step]));
        let status = if has_failed { RunStatus::Failed } else { RunStatus::Done };
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
fn first_failed(workflow: &Workflow, plan: &Plan, states: &[StepStatus]) -> Option<usize> {
    match workflow.on_failure {
        OnFailure::Continue => None,
        OnFailure::Stop => (0..states.len()).find(|step| stops(plan, *step, states[*step])),
    }
}

/// Whether nothing new is to be started after this step.
fn stops(plan: &Plan, step: usize, state: StepStatus) -> bool {
    state == StepStatus::Failed && !plan.steps[step].part.is_racer()
}

/// Whether the run has failed with this step. A racer that fails has not failed its race.
fn counts_as_failed(plan: &Plan, step: usize, state: StepStatus) -> bool {
    matches!(state, StepStatus::Failed | StepStatus::Cancelled) && !plan.steps[step].part.is_racer()
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

impl<'a> Advance<'a> {
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
        match &self.plan.steps[step].part {
            Part::Race { racers } => return self.outcome(step, racers, holds),
            Part::Racer { race, .. } if self.is_won_without(*race) => return Some(Act::Spare(step)),
            Part::Racer { .. } | Part::Whole => {}
        }
        let (may_start, act) = self.out_of_the_way(step, holds);
        if may_start {
            self.ready.insert(step);
        }
        act
    }

    /// Returns whether a step may start, or else what becomes of it, if that is known.
    fn out_of_the_way(&self, step: usize, holds: &mut Holds<'_>) -> (bool, Option<Act>) {
        match self.standing(step) {
            Standing::Waits => (false, None),
            Standing::Skipped(why) => (false, Some(Act::Skip { step, why })),
            Standing::Ready => {
                let act = self.condition(step, holds);
                (act.is_none(), act)
            }
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
            && let (_, Some(act)) = self.out_of_the_way(racers.start, holds)
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

    /// Takes a step out of the way; returns the steps that this may change.
    fn take(&mut self, step: usize, act: Act) -> Vec<usize> {
        self.states[step] = match &act {
            Act::Skip { .. } => StepStatus::Skipped,
            Act::Pass { .. } | Act::Spare(_) => StepStatus::NotNeeded,
            Act::Fail { .. } | Act::Lose(_) | Act::Start(_) | Act::Win(_) | Act::Finish(_) => StepStatus::Failed,
        };
        self.acts.push(act);
        if stops(self.plan, step, self.states[step]) && self.workflow.on_failure == OnFailure::Stop {
            self.stopper = Some(self.stopper.map_or(step, |first| first.min(step)));
            return (0..self.states.len()).collect();
        }
        let behind = &self.plan.links.behind[step];
        // What becomes of racers before they begin is decided in the row of their race.
        let races = behind.iter().filter_map(|other| match &self.plan.steps[*other].part {
            Part::Racer { race, .. } => Some(*race),
            Part::Race { .. } | Part::Whole => None,
        });
        behind.iter().copied().chain(races).collect()
    }

    fn start(&mut self, turns: &mut Turns<'_>) {
        let is_busy = |step: &usize| self.states[*step] == StepStatus::Running && self.takes_place(*step);
        let busy = (0..self.states.len()).filter(is_busy).count();
        let most = self.workflow.max_concurrent.map_or(usize::MAX, |most| most as usize);
        let free = most.saturating_sub(busy);
        let (working, resting): (Vec<usize>, Vec<usize>) = self.ready.iter().partition(|step| self.takes_place(**step));
        let (mut starts, mut queue) = (Vec::new(), Vec::new());
        for step in working {
            if starts.len() >= free {
                break;
            }
            match turns(step) {
                Turn::Works => starts.push(step),
                Turn::Queues => queue.push(step),
                Turn::Waits => {}
            }
        }
        let left = free - starts.len();
        for step in resting.into_iter().chain(starts).chain(queue.into_iter().take(left)) {
            self.states[step] = StepStatus::Running;
            self.acts.push(Act::Start(step));
        }
    }

    /// Whether a step counts against `max_concurrent`: nothing works while a clock or a person is waited for.
    fn takes_place(&self, step: usize) -> bool {
        match &self.workflow.steps[self.plan.steps[step].step].action {
            Action::Agent | Action::Command(_) | Action::Race(_) | Action::Workflow { .. } => true,
            Action::Approval { .. } | Action::Wait(_) => false,
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
