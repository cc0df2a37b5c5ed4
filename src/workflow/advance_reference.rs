//! What a run does next, found by looking at every step again and again: slow, and plain enough to be believed. Uses
//! nothing of what it is compared with.

use std::collections::BTreeMap;

use super::{
    Action, Part, Plan, StepId, When, Workflow,
    advance::{Act, Holds, Turn, Turns},
    fields::OnFailure,
};
use crate::core::{RunStatus, StepStatus};

/// Returns what is to be done now; nothing while steps that run decide what is next.
pub(super) fn advance(
    workflow: &Workflow,
    plan: &Plan,
    states: &[StepStatus],
    holds: &mut Holds<'_>,
    turns: &mut Turns<'_>,
) -> Vec<Act> {
    let mut run = Advance { workflow, plan, places: places(plan), states: states.to_vec(), acts: Vec::new() };
    // A skip may settle what others wait for.
    while run.settle(holds) {}
    run.end_races();
    run.start(holds, turns);
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

/// What a row has to do with races.
enum InRace {
    No,
    Race,
    RacerOf(usize),
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
            let act = match self.part_in_race(step) {
                InRace::Race => self.lost_or_never_begun(step, holds),
                InRace::RacerOf(race) if self.stops_its_racers(race) => Some(Act::Spare(step)),
                InRace::RacerOf(_) | InRace::No => self.out_of_the_way(step, holds),
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

    /// Says what a row has to do with races, from the rows that name it as their race.
    fn part_in_race(&self, step: usize) -> InRace {
        if let Part::Racer { race, .. } = self.plan.steps[step].part {
            return InRace::RacerOf(race);
        }
        if self.racers(step).is_empty() { InRace::No } else { InRace::Race }
    }

    /// Returns where those stand who race for a row.
    fn racers(&self, race: usize) -> Vec<(usize, StepStatus)> {
        let mut found = Vec::new();
        for (at, planned) in self.plan.steps.iter().enumerate() {
            if matches!(planned.part, Part::Racer { race: own, .. } if own == race) {
                found.push((at, self.states[at]));
            }
        }
        found
    }

    /// The rules of a race as the file says them: is it `keep_rest`, and is it `first_success: false`?
    fn told(&self, race: usize) -> (bool, bool) {
        match &self.workflow.steps[self.plan.steps[race].step].action {
            Action::Race(told) => (told.keep_rest, told.waits_for_all),
            other => panic!("{other:?} is no race"),
        }
    }

    /// The first success wins; with `first_success: false` nobody has won before the last one is over.
    fn has_a_winner(&self, race: usize) -> bool {
        let (_, is_patient) = self.told(race);
        let (mut successes, mut still_on) = (0, 0);
        for (_, state) in self.racers(race) {
            match state {
                StepStatus::Done => successes += 1,
                StepStatus::Waiting | StepStatus::Stale | StepStatus::Running | StepStatus::Held => still_on += 1,
                StepStatus::Failed | StepStatus::Cancelled | StepStatus::Skipped | StepStatus::NotNeeded => {}
            }
        }
        successes > 0 && (still_on == 0 || !is_patient)
    }

    /// A winner ends the others, unless they are kept or all were to finish.
    fn stops_its_racers(&self, race: usize) -> bool {
        self.has_a_winner(race) && self.told(race) == (false, false)
    }

    /// A race is lost when all racers are over and none succeeded. One in which nobody has begun shares the fate of
    /// its racers: what they need, what they are asked.
    fn lost_or_never_begun(&self, race: usize, holds: &mut Holds<'_>) -> Option<Act> {
        if self.has_a_winner(race) {
            return None;
        }
        let racers = self.racers(race);
        let mut has_anybody_begun = false;
        for (_, state) in &racers {
            has_anybody_begun |= match state {
                StepStatus::Running | StepStatus::Held => true,
                StepStatus::Done | StepStatus::Failed | StepStatus::Cancelled => true,
                StepStatus::Waiting | StepStatus::Stale => false,
                StepStatus::Skipped | StepStatus::NotNeeded => false,
            };
        }
        if !has_anybody_begun {
            match self.out_of_the_way(racers[0].0, holds) {
                Some(Act::Skip { why, .. }) => return Some(Act::Skip { step: race, why }),
                Some(Act::Pass { why, .. }) => return Some(Act::Pass { step: race, why }),
                Some(Act::Fail { why, .. }) => return Some(Act::Fail { step: race, why }),
                Some(other) => panic!("{other:?} takes nobody out of the way"),
                None => {}
            }
        }
        racers.iter().all(|(_, state)| state.is_over()).then_some(Act::Lose(race))
    }

    /// Names the races that are won now, then the racers who run in vain.
    fn end_races(&mut self) {
        for race in 0..self.states.len() {
            let waits = matches!(self.states[race], StepStatus::Waiting | StepStatus::Stale);
            if waits && matches!(self.part_in_race(race), InRace::Race) && self.has_a_winner(race) {
                self.acts.push(Act::Win(race));
            }
        }
        for racer in 0..self.states.len() {
            if let InRace::RacerOf(race) = self.part_in_race(racer)
                && self.states[racer] == StepStatus::Running
                && self.stops_its_racers(race)
            {
                self.acts.push(Act::Spare(racer));
            }
        }
    }

    /// Those for whom nothing works come first, then those who can work, then those who only queue, as far as there
    /// is room.
    fn start(&mut self, holds: &mut Holds<'_>, turns: &mut Turns<'_>) {
        let most = self.workflow.max_concurrent.map_or(usize::MAX, |most| most as usize);
        let mut ready = Vec::new();
        for step in 0..self.states.len() {
            let may_start = self.states[step].is_to_do() && !matches!(self.part_in_race(step), InRace::Race);
            let is_ready = may_start && matches!(self.standing(step), Standing::Ready);
            if is_ready && self.condition(step, holds).is_none() {
                ready.push(step);
            }
        }
        let rests = |step: &usize| {
            matches!(
                &self.workflow.steps[self.plan.steps[*step].step].action,
                Action::Approval { .. } | Action::Wait(_)
            )
        };
        let (resting, ready): (Vec<usize>, Vec<usize>) = ready.into_iter().partition(&rests);
        for step in resting {
            self.states[step] = StepStatus::Running;
            self.acts.push(Act::Start(step));
        }
        for wanted in [Turn::Works, Turn::Queues] {
            for step in &ready {
                let runs = |step: &usize| self.states[*step] == StepStatus::Running && !rests(step);
                let busy = (0..self.states.len()).filter(runs).count();
                if busy < most && turns(*step) == wanted {
                    self.states[*step] = StepStatus::Running;
                    self.acts.push(Act::Start(*step));
                }
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
