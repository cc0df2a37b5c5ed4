//! What a run does next: named cases, what holds for any graph and any ends of its steps, and the same answers as a
//! slow and plain way to find them.

use proptest::prelude::*;

use super::{Act, Plan, Turn, Workflow, advance, advance_by_turns, advance_reference, descendants, tests::valid};
use crate::core::{
    RunStatus,
    StepStatus::{self, Cancelled, Done, Failed, Held, NotNeeded, Running, Skipped, Stale, Waiting},
};

fn acts(text: &str, states: &[StepStatus]) -> Vec<Act> {
    let (workflow, plan) = valid(text);
    advance(&workflow, &plan, states, &mut |_| Ok(false))
}

fn skip(step: usize, why: &str) -> Act {
    Act::Skip { step, why: why.to_owned() }
}

const CHAIN: &str = "{id: a, prompt: p}, {id: b, prompt: p, needs: [a]}, {id: c, prompt: p, needs: [b]}";
const SIDE: &str = "{id: d, prompt: p}";

#[test]
fn a_failure_takes_its_descendants_with_it_and_says_whose_it_was() {
    let going_on = format!("on_failure: continue\nsteps: [{CHAIN}, {SIDE}]");
    let expected = vec![skip(1, "a failed"), skip(2, "b was skipped"), Act::Start(3)];
    assert_eq!(acts(&going_on, &[Failed, Waiting, Waiting, Waiting]), expected);

    let stopping = format!("steps: [{CHAIN}, {SIDE}]");
    let why = "a failed, and the workflow stops at a failure";
    let expected = vec![skip(1, why), skip(2, why), skip(3, why), Act::Finish(RunStatus::Failed)];
    assert_eq!(acts(&stopping, &[Failed, Waiting, Waiting, Waiting]), expected);
    let expected = vec![skip(1, "a was cancelled"), skip(2, "b was skipped"), Act::Start(3)];
    assert_eq!(acts(&stopping, &[Cancelled, Waiting, Waiting, Waiting]), expected);
    assert_eq!(acts(&stopping, &[Cancelled, Skipped, Skipped, Done]), vec![Act::Finish(RunStatus::Failed)]);
}

#[test]
fn what_runs_always_runs_after_a_failure() {
    let text =
        "steps: [{id: a, prompt: p}, {id: b, prompt: p, needs: [a]}, {id: c, prompt: p, needs: [b], when: always}]";
    let why = "a failed, and the workflow stops at a failure";
    assert_eq!(acts(text, &[Failed, Waiting, Waiting]), vec![skip(1, why), Act::Start(2)]);
    assert_eq!(acts(text, &[Running, Waiting, Waiting]), vec![]);
}

#[test]
fn a_step_that_is_not_needed_is_as_good_as_done() {
    let text = "steps: [{id: a, prompt: p, when: 'false'}, {id: b, prompt: p, needs: [a]}]";
    let passed = Act::Pass { step: 0, why: "`false` does not hold".to_owned() };
    assert_eq!(acts(text, &[Waiting, Waiting]), vec![passed, Act::Start(1)]);
    assert_eq!(acts(text, &[NotNeeded, Done]), vec![Act::Finish(RunStatus::Done)]);
}

#[test]
fn a_condition_that_cannot_be_told_is_a_failure() {
    let (workflow, plan) = valid("steps: [{id: a, prompt: p, when: 'true'}]");
    let acts = advance(&workflow, &plan, &[Waiting], &mut |_| Err("odd".to_owned()));
    let failed = Act::Fail { step: 0, why: "`when`: odd".to_owned() };
    assert_eq!(acts, vec![failed, Act::Finish(RunStatus::Failed)]);
}

#[test]
fn one_of_several_is_enough() {
    let text =
        "on_failure: continue\nsteps: [{id: a, prompt: p}, {id: b, prompt: p}, {id: c, prompt: p, needs_any: [a, b]}]";
    assert_eq!(acts(text, &[Failed, Running, Waiting]), vec![]);
    assert_eq!(acts(text, &[Failed, Done, Waiting]), vec![Act::Start(2)]);
    let expected = vec![skip(2, "none of a, b succeeded"), Act::Finish(RunStatus::Failed)];
    assert_eq!(acts(text, &[Failed, Failed, Waiting]), expected);
}

#[test]
fn a_matrix_step_is_waited_for_as_a_whole_and_a_stale_step_runs_again() {
    let text = "steps: [{id: a, prompt: p, matrix: {x: [1, 2]}}, {id: b, prompt: p, needs: [a]}]";
    assert_eq!(acts(text, &[Done, Running, Waiting]), vec![]);
    assert_eq!(acts(text, &[Done, Done, Stale]), vec![Act::Start(2)]);
    assert_eq!(acts(text, &[Done, Held, Stale]), vec![]);
}

#[test]
fn descendants_are_found_through_others() {
    let (_, plan) = valid(&format!("steps: [{CHAIN}, {SIDE}]"));
    assert_eq!(descendants(&plan, 0), vec![1, 2]);
    assert_eq!(descendants(&plan, 3), Vec::<usize>::new());
}

/// A step's needs among those before it, how it ends, and whether it runs always.
type Shape = (Vec<usize>, StepStatus, bool);

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let end = prop_oneof![4 => Just(Done), 1 => Just(Failed), 1 => Just(Cancelled)];
    prop::collection::vec((prop::collection::vec(any::<usize>(), 0..3), end, any::<bool>()), 1..14)
}

fn built(shapes: &[Shape], stops: bool, most: usize) -> (Workflow, Plan) {
    let step = |(at, (needs, _, always)): (usize, &Shape)| {
        let mut needs: Vec<_> = needs.iter().filter(|_| at > 0).map(|need| format!("s{}", need % at.max(1))).collect();
        needs.sort();
        needs.dedup();
        let when = if *always { ", when: always" } else { "" };
        format!("  - {{id: s{at}, prompt: p, needs: [{}]{when}}}\n", needs.join(", "))
    };
    let steps: String = shapes.iter().enumerate().map(step).collect();
    let on_failure = if stops { "stop" } else { "continue" };
    valid(&format!("on_failure: {on_failure}\nmax_concurrent: {most}\nsteps:\n{steps}"))
}

#[test]
fn who_can_work_comes_first_and_who_waits_for_its_own_run_takes_no_place() {
    let (workflow, plan) = valid(&format!("max_concurrent: 2\nsteps: [{SIDE}, {CHAIN}, {{id: e, prompt: p}}]"));
    let starts = |turns: [Turn; 5]| -> Vec<Act> {
        advance_by_turns(&workflow, &plan, &[Waiting; 5], &mut |_| Ok(true), &mut |step| turns[step])
    };
    use Turn::{Queues, Waits, Works};
    assert_eq!(starts([Works; 5]), [Act::Start(0), Act::Start(1)]);
    assert_eq!(starts([Queues, Works, Works, Works, Works]), [Act::Start(1), Act::Start(4)]);
    assert_eq!(starts([Queues, Works, Works, Works, Waits]), [Act::Start(1), Act::Start(0)]);
    assert_eq!(starts([Waits, Queues, Works, Works, Waits]), [Act::Start(1)]);
}

#[test]
fn who_only_waits_takes_no_place() {
    let (workflow, plan) = valid(
        "max_concurrent: 1\nsteps: [{id: a, prompt: p}, {id: w, kind: wait, for: 1h}, {id: q, kind: approval, message: 'ok?'}, {id: b, prompt: p}]",
    );
    let acts = |states: [StepStatus; 4]| advance(&workflow, &plan, &states, &mut |_| Ok(true));
    assert_eq!(acts([Waiting; 4]), [Act::Start(1), Act::Start(2), Act::Start(0)]);
    assert_eq!(acts([Waiting, Running, Running, Waiting]), [Act::Start(0)]);
    assert_eq!(acts([Running, Waiting, Waiting, Waiting]), [Act::Start(1), Act::Start(2)]);
}

proptest! {
    #[test]
    fn every_run_ends_along_its_edges_and_never_runs_too_many(
        shapes in shapes(), stops in any::<bool>(), most in 1..4usize, picks in prop::collection::vec(any::<usize>(), 40)
    ) {
        let (workflow, plan) = built(&shapes, stops, most);
        let mut states = vec![Waiting; shapes.len()];
        let mut starts = vec![0; shapes.len()];
        let mut picks = picks.into_iter().cycle();
        let place = |id: &super::StepId| plan.steps.iter().position(|step| step.id == *id).unwrap();
        let mut finished = None;
        for _ in 0..=(2 * shapes.len()) {
            // Asked twice, as after a crash: the same answer.
            let acts = advance(&workflow, &plan, &states, &mut |_| Ok(true));
            prop_assert_eq!(&acts, &advance(&workflow, &plan, &states, &mut |_| Ok(true)));
            for act in &acts {
                match act {
                    Act::Start(at) => {
                        let needs = &plan.steps[*at].needs;
                        let ready = |need: &super::StepId| match shapes[*at].2 {
                            true => states[place(need)].is_over(),
                            false => states[place(need)] == Done,
                        };
                        prop_assert!(needs.iter().all(ready), "{at} of {states:?}");
                        states[*at] = Running;
                        starts[*at] += 1;
                    }
                    Act::Skip { step, why } => {
                        prop_assert!(!why.is_empty() && !shapes[*step].2);
                        states[*step] = Skipped;
                    }
                    Act::Finish(status) => finished = Some(*status),
                    Act::Pass { .. } | Act::Fail { .. } => prop_assert!(false, "{act:?}"),
                    Act::Win(_) | Act::Lose(_) | Act::Spare(_) => prop_assert!(false, "{act:?}"),
                }
            }
            let running: Vec<usize> = (0..states.len()).filter(|at| states[*at] == Running).collect();
            prop_assert!(running.len() <= most);
            if finished.is_some() {
                break;
            }
            prop_assert!(!running.is_empty(), "stuck at {states:?}");
            let one = running[picks.next().unwrap() % running.len()];
            states[one] = shapes[one].1;
        }
        let went_wrong = states.iter().any(|state| matches!(state, Failed | Cancelled));
        prop_assert_eq!(finished, Some(if went_wrong { RunStatus::Failed } else { RunStatus::Done }));
        prop_assert!(states.iter().all(|state| state.is_over()), "{states:?}");
        prop_assert!(starts.iter().all(|count| *count <= 1), "{starts:?}");
    }
}

/// A step of [`graphs`]: its needs, each with whether it is one of several, its condition, and what it does.
type Line = (Vec<(usize, bool)>, &'static str, &'static str);

/// A graph in any order: of each step its needs and whether one of them is enough, what it says of itself, and in how
/// many members it runs.
fn graphs() -> impl Strategy<Value = String> {
    let needs = prop::collection::vec((any::<usize>(), any::<bool>()), 0..4);
    let when = prop_oneof![4 => Just(""), 1 => Just(", when: always"), 2 => Just(", when: 'true'")];
    let what = prop_oneof![3 => Just("prompt: p"), 1 => Just("prompt: p, matrix: {x: [1, 2, 3]}"),
        1 => Just("kind: wait, for: 1s"), 1 => Just("kind: approval, message: 'ok?'"),
        1 => Just("prompt: p, kind: race, backends: [codex, codex]"),
        1 => Just("prompt: p, kind: race, backends: [codex, codex, codex], keep_rest: true"),
        1 => Just("prompt: p, kind: race, backends: [codex, codex, codex], first_success: false"),
        1 => Just("prompt: p, kind: race, backends: [codex, codex], keep_rest: true, first_success: false"),
        1 => Just("prompt: p, kind: race, backends: [codex, codex], matrix: {x: [1, 2]}")];
    let steps = prop::collection::vec((needs, when, what), 1..12);
    (steps, any::<bool>(), prop::option::of(1..4usize), any::<u64>()).prop_map(|(steps, stops, most, order)| {
        let line = |(at, (needs, when, what)): (usize, Line)| {
            let named = |of_any: bool| {
                let mut named: Vec<_> = needs.iter().filter(|(_, any)| at > 0 && *any == of_any).collect();
                named.sort();
                named.dedup_by_key(|(need, _)| *need % at.max(1));
                named.iter().map(|(need, _)| format!("s{}", need % at.max(1))).collect::<Vec<_>>().join(", ")
            };
            format!("  - {{id: s{at}, needs: [{}], needs_any: [{}]{when}, {what}}}\n", named(false), named(true))
        };
        let mut lines: Vec<String> = steps.into_iter().enumerate().map(line).collect();
        let mut order = order;
        for at in (1..lines.len()).rev() {
            lines.swap(at, (order % (at as u64 + 1)) as usize);
            order = order.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        let most = most.map(|most| format!("max_concurrent: {most}\n")).unwrap_or_default();
        format!("on_failure: {}\n{most}steps:\n{}", if stops { "stop" } else { "continue" }, lines.concat())
    })
}

proptest! {
    #[test]
    fn a_look_at_what_changed_finds_the_same_as_a_look_at_everything(
        text in graphs(), states in prop::collection::vec(0..StepStatus::ALL.len() + 6, 72),
        answers in prop::collection::vec(0..5u8, 72), turns in prop::collection::vec(0..6u8, 72)
    ) {
        let (workflow, plan) = valid(&text);
        // Steps that are to do are what there is to decide about.
        let state = |pick: &usize| StepStatus::ALL.get(*pick).copied().unwrap_or(Waiting);
        let states: Vec<StepStatus> = states.iter().take(plan.steps.len()).map(state).collect();
        let holds = |step: usize| match answers[step] {
            0 => Err("odd".to_owned()),
            1 => Ok(false),
            _ => Ok(true),
        };
        let turn = |step: usize| match turns[step] {
            0 => Turn::Waits,
            1 => Turn::Queues,
            _ => Turn::Works,
        };
        let found = advance_by_turns(&workflow, &plan, &states, &mut { holds }, &mut { turn });
        let expected = advance_reference::advance(&workflow, &plan, &states, &mut { holds }, &mut { turn });
        prop_assert_eq!(found, expected, "{}", text);
        for step in 0..plan.steps.len() {
            prop_assert_eq!(descendants(&plan, step), advance_reference::descendants(&plan, step));
        }
    }
}
