//! The one transition table: what each piece of news does to a task in each state.
//!
//! Total: every pair of state and input is listed. News about an old attempt changes
//! nothing, and a finished task stays as it is for ever.

use super::{Ending, Failure, HoldReason, Outcome, State, Status, Timestamp, WaitingOn};

/// A piece of news or a wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Every task that this one waits for has succeeded.
    DependenciesMet,
    /// A task that this one waits for did not succeed.
    DependencyFailed {
        why: Failure,
    },
    /// The scheduler gave the task a slot.
    Claimed {
        attempt: u32,
    },
    /// The hold's time has come, or a person said go on.
    Released,
    PauseAsked,
    ResumeAsked,
    /// Somebody or some limit wants the end.
    EndAsked {
        ending: Ending,
    },
    /// An attempt is over; `next` says what follows a failed one, if anything does.
    AttemptEnded {
        attempt: u32,
        outcome: Outcome,
        next: Option<Next>,
    },
}

/// A further attempt after a failed one.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// A new try, once its time has come.
    Retry { at: Timestamp, reason: HoldReason },
    /// The same conversation hears which check failed. It keeps the slot and the workspace: nobody writes
    /// between the check and its repair.
    Repair,
}

/// Why a wish cannot be granted in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the task is already over")]
    Over,
    #[error("the task is winding down")]
    WindingDown,
    #[error("the task is not paused")]
    NotPaused,
    #[error("the task is paused")]
    AlreadyPaused,
    #[error("the task is not ready to start")]
    NotReady,
}

/// Returns the state after `input`, or `None` when it changes nothing.
///
/// # Errors
/// A wish that the state does not allow.
pub fn decide(state: &State, input: &Input) -> Result<Option<State>, Refusal> {
    match state {
        State::Queued { waiting_on } => in_queue(waiting_on, input),
        State::Held { .. } => in_hold(input),
        State::Running { attempt } => in_progress(*attempt, false, input),
        State::Paused { attempt } => in_progress(*attempt, true, input),
        State::Ending { attempt, .. } => winding_down(*attempt, input),
        State::Finished { .. } => over(input),
    }
}

fn in_queue(waiting_on: &WaitingOn, input: &Input) -> Result<Option<State>, Refusal> {
    match (input, waiting_on) {
        (Input::DependenciesMet, WaitingOn::Dependency { .. }) => Ok(Some(ready())),
        (Input::DependenciesMet, WaitingOn::Slot) => Ok(None),
        (Input::DependencyFailed { why }, _) => Ok(Some(finished(Status::Skipped, Some(why.clone())))),
        (Input::Claimed { attempt }, WaitingOn::Slot) => Ok(Some(State::Running { attempt: *attempt })),
        (Input::Claimed { .. }, WaitingOn::Dependency { .. }) => Err(Refusal::NotReady),
        (Input::PauseAsked, _) => Ok(Some(State::Held { reason: HoldReason::User, until: None })),
        (Input::EndAsked { ending }, _) => Ok(Some(ended_before_start(*ending))),
        (Input::Released, _) | (Input::AttemptEnded { .. }, _) => Ok(None),
        (Input::ResumeAsked, _) => Err(Refusal::NotPaused),
    }
}

fn in_hold(input: &Input) -> Result<Option<State>, Refusal> {
    match input {
        Input::Released | Input::ResumeAsked => Ok(Some(ready())),
        Input::EndAsked { ending } => Ok(Some(ended_before_start(*ending))),
        Input::DependencyFailed { why } => Ok(Some(finished(Status::Skipped, Some(why.clone())))),
        Input::Claimed { .. } => Err(Refusal::NotReady),
        Input::PauseAsked => Err(Refusal::AlreadyPaused),
        Input::DependenciesMet | Input::AttemptEnded { .. } => Ok(None),
    }
}

fn in_progress(attempt: u32, paused: bool, input: &Input) -> Result<Option<State>, Refusal> {
    match input {
        Input::AttemptEnded { attempt: ended, outcome, next } if *ended == attempt => Ok(Some(match next {
            None => finished(outcome.status, outcome.failure.clone()),
            Some(Next::Retry { at, reason }) => State::Held { reason: reason.clone(), until: Some(*at) },
            // Whoever paused the task did not ask for another start.
            Some(Next::Repair) if paused => State::Held { reason: HoldReason::User, until: None },
            Some(Next::Repair) => State::Running { attempt: attempt + 1 },
        })),
        Input::PauseAsked if paused => Err(Refusal::AlreadyPaused),
        Input::PauseAsked => Ok(Some(State::Paused { attempt })),
        Input::ResumeAsked if paused => Ok(Some(State::Running { attempt })),
        Input::ResumeAsked => Err(Refusal::NotPaused),
        Input::EndAsked { ending } => Ok(Some(State::Ending { attempt, ending: *ending })),
        Input::AttemptEnded { .. } | Input::Claimed { .. } => Ok(None),
        Input::DependenciesMet | Input::DependencyFailed { .. } | Input::Released => Ok(None),
    }
}

/// The first wish for an end is the one that is carried out; later ones add nothing.
fn winding_down(attempt: u32, input: &Input) -> Result<Option<State>, Refusal> {
    match input {
        // Nothing follows: whoever asked for the end did not ask for another start.
        Input::AttemptEnded { attempt: ended, outcome, .. } if *ended == attempt => {
            Ok(Some(finished(outcome.status, outcome.failure.clone())))
        }
        Input::PauseAsked | Input::ResumeAsked => Err(Refusal::WindingDown),
        Input::AttemptEnded { .. } | Input::Claimed { .. } | Input::EndAsked { .. } => Ok(None),
        Input::DependenciesMet | Input::DependencyFailed { .. } | Input::Released => Ok(None),
    }
}

fn over(input: &Input) -> Result<Option<State>, Refusal> {
    match input {
        Input::PauseAsked | Input::ResumeAsked | Input::EndAsked { .. } => Err(Refusal::Over),
        Input::DependenciesMet | Input::DependencyFailed { .. } | Input::Claimed { .. } => Ok(None),
        Input::Released | Input::AttemptEnded { .. } => Ok(None),
    }
}

fn ready() -> State {
    State::Queued { waiting_on: WaitingOn::Slot }
}

fn finished(status: Status, failure: Option<Failure>) -> State {
    State::Finished { status, failure }
}

/// Nothing ran, so an end before the start is a cancellation whatever asked for it.
fn ended_before_start(_: Ending) -> State {
    finished(Status::Cancelled, None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::{BackendName, Busy, Candidate, Category, Limits, Plan, TaskId, overlap};

    fn done() -> Outcome {
        Outcome { status: Status::Done, failure: None }
    }

    fn ended(attempt: u32) -> Input {
        Input::AttemptEnded { attempt, outcome: done(), next: None }
    }

    #[test]
    fn news_of_an_old_attempt_changes_nothing() {
        assert_eq!(decide(&State::Running { attempt: 2 }, &ended(1)), Ok(None));
        let done = Some(finished(Status::Done, None));
        assert_eq!(decide(&State::Running { attempt: 2 }, &ended(2)), Ok(done));
    }

    #[test]
    fn an_outcome_never_changes() {
        let state = finished(Status::Failed, None);
        assert_eq!(decide(&state, &ended(1)), Ok(None));
        assert_eq!(decide(&state, &Input::EndAsked { ending: Ending::Cancelled }), Err(Refusal::Over));
    }

    #[test]
    fn a_cancelled_task_is_neither_retried_nor_repaired() {
        let state = State::Ending { attempt: 1, ending: Ending::Cancelled };
        let retry = Next::Retry { at: Timestamp(5), reason: HoldReason::Backoff { category: Category::Crashed } };
        for next in [retry, Next::Repair] {
            let news = Input::AttemptEnded { attempt: 1, outcome: done(), next: Some(next) };
            assert_eq!(decide(&state, &news), Ok(Some(finished(Status::Done, None))));
        }
    }

    #[test]
    fn a_repair_keeps_its_slot_unless_the_task_is_paused() {
        let news = Input::AttemptEnded { attempt: 1, outcome: done(), next: Some(Next::Repair) };
        assert_eq!(decide(&State::Running { attempt: 1 }, &news), Ok(Some(State::Running { attempt: 2 })));
        let held = State::Held { reason: HoldReason::User, until: None };
        assert_eq!(decide(&State::Paused { attempt: 1 }, &news), Ok(Some(held)));
        assert_eq!(decide(&State::Running { attempt: 2 }, &news), Ok(None));
    }

    /// One step of a random history. Numbers pick a task modulo the count.
    #[derive(Clone, Debug)]
    enum Step {
        Schedule,
        End {
            task: usize,
            stale: bool,
            next: u8,
        },
        Ask {
            task: usize,
            wish: u8,
        },
        /// The shell dies and comes back: it schedules again from what is stored, nothing else.
        Crash,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Schedule),
            3 => (any::<usize>(), any::<bool>(), 0..3u8).prop_map(|(task, stale, next)| Step::End { task, stale, next }),
            2 => (any::<usize>(), 0..5u8).prop_map(|(task, wish)| Step::Ask { task, wish }),
            1 => Just(Step::Crash),
        ]
    }

    struct World {
        states: Vec<State>,
        attempts: Vec<u32>,
        limits: Limits,
    }

    impl World {
        fn new(count: usize, slots: u32) -> Self {
            let states = (0..count).map(|_| ready()).collect();
            Self { states, attempts: vec![0; count], limits: Limits { slots, per_backend: [(backend(1), 1)].into() } }
        }

        fn apply(&mut self, task: usize, input: &Input) {
            let before = self.states[task].clone();
            if let Ok(Some(next)) = decide(&before, input) {
                assert!(!before.status().is_terminal(), "{before:?} changed by {input:?}");
                // A repair begins with the end of the attempt before it.
                self.attempts[task] = next.busy_attempt().unwrap_or(self.attempts[task]);
                self.states[task] = next;
            }
        }

        fn schedule(&mut self) {
            let busy: Vec<_> = self.busy();
            let written = busy.iter().filter_map(|task| root(*task)).collect();
            let busy = Busy { backends: busy.iter().map(|task| backend(task % 2)).collect(), written };
            let mut ready: Vec<_> = (0..self.states.len())
                .filter(|task| matches!(self.states[*task], State::Queued { waiting_on: WaitingOn::Slot }))
                .collect();
            ready.sort_by_key(|task| (std::cmp::Reverse(task % 3), *task));
            let limits = self.limits.clone();
            let mut plan = Plan::new(&limits, busy);
            for task in ready {
                let (id, backend, priority) = (id(task), backend(task % 2), (task % 3) as i32);
                if plan.offer(&Candidate { id, backend, priority, writes: root(task) }) {
                    self.apply(task, &Input::Claimed { attempt: self.attempts[task] + 1 });
                }
            }
        }

        fn take(&mut self, step: &Step) {
            let count = self.states.len();
            match step {
                Step::Schedule | Step::Crash => self.schedule(),
                Step::End { task, stale, next } => {
                    let task = task % count;
                    let attempt = self.attempts[task].saturating_sub(u32::from(*stale));
                    let reason = HoldReason::Backoff { category: Category::Crashed };
                    let next = match next {
                        0 => None,
                        1 => Some(Next::Retry { at: Timestamp(0), reason }),
                        _ => Some(Next::Repair),
                    };
                    self.apply(task, &Input::AttemptEnded { attempt, outcome: done(), next });
                }
                Step::Ask { task, wish } => {
                    let wish = match wish {
                        0 => Input::PauseAsked,
                        1 => Input::ResumeAsked,
                        2 => Input::Released,
                        3 => Input::DependenciesMet,
                        _ => Input::EndAsked { ending: Ending::Cancelled },
                    };
                    self.apply(task % count, &wish);
                }
            }
        }

        fn busy(&self) -> Vec<usize> {
            (0..self.states.len()).filter(|task| self.states[*task].busy_attempt().is_some()).collect()
        }

        /// Two who write in the same place, if there are such.
        fn clash(&self) -> Option<(usize, usize)> {
            let writers: Vec<_> = self.busy().into_iter().filter_map(|task| Some((task, root(task)?))).collect();
            let pairs = writers.iter().flat_map(|a| writers.iter().map(move |b| (a, b)));
            pairs.filter(|(a, b)| a.0 < b.0 && overlap(&a.1, &b.1)).map(|(a, b)| (a.0, b.0)).next()
        }
    }

    /// Some read, some write in one place, some above or beneath it.
    fn root(task: usize) -> Option<camino::Utf8PathBuf> {
        [None, Some("/w"), Some("/w/a"), Some("/w/b"), Some("/x"), Some("/w"), Some("/w/a/deep")][task % 7]
            .map(Into::into)
    }

    fn backend(n: usize) -> BackendName {
        BackendName::built_in(["even", "odd"][n])
    }

    fn id(task: usize) -> TaskId {
        TaskId::new(Timestamp(1_790_000_000_000 + task as i64), 0)
    }

    proptest! {
        #[test]
        fn never_more_busy_than_slots_nor_two_writers_in_one_place_and_everything_ends(
            count in 1..12usize, slots in 1..4u32, history in prop::collection::vec(step(), 0..120)
        ) {
            let mut world = World::new(count, slots);
            for step in &history {
                world.take(step);
                prop_assert!(world.busy().len() <= slots as usize);
                prop_assert_eq!(world.clash(), None);
            }
            // From here the shell does its part: release, resume, schedule, report ends.
            for _ in 0..(3 * count + 3) {
                for task in 0..count {
                    world.apply(task, &Input::Released);
                    world.apply(task, &Input::ResumeAsked);
                    let attempt = world.attempts[task];
                    world.apply(task, &Input::AttemptEnded { attempt, outcome: done(), next: None });
                }
                world.schedule();
            }
            prop_assert!(world.states.iter().all(|state| state.status().is_terminal()), "{:?}", world.states);
        }
    }
}
