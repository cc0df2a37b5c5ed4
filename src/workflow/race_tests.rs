//! Races in the graph and in what is next: named cases, and what holds in whatever order racers end.

use proptest::prelude::*;

use super::{Act, Drawing, Part, Plan, Workflow, advance, as_written, descendants, mermaid, tests::valid};
use crate::core::{
    RunStatus,
    StepStatus::{self, Cancelled, Done, Failed, NotNeeded, Running, Skipped, Waiting},
};

const RACE: &str = "{id: r, kind: race, prompt: p, backends: [codex, gemini, codex], needs: [a], verify: [make]}";

fn file(race: &str) -> String {
    format!("steps: [{{id: a, prompt: p}}, {race}, {{id: z, prompt: p, needs: [r]}}]")
}

fn acts(text: &str, states: &[StepStatus]) -> Vec<Act> {
    let (workflow, plan) = valid(text);
    advance(&workflow, &plan, states, &mut |_| Ok(false))
}

fn with(race: &str, more: &str) -> String {
    file(&race.replace("needs: [a]", more))
}

#[test]
fn a_race_is_a_row_and_one_for_each_racer() {
    let (_, plan) = valid(&file(RACE));
    let ids: Vec<_> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["a", "r", "r[codex]", "r[gemini]", "r[codex.2]", "z"]);
    let names = |ids: &[super::StepId]| ids.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>().join(" ");
    let waits: Vec<_> = plan.steps.iter().map(|step| (names(&step.needs), names(&step.needs_any))).collect();
    let row = |needs: &str, any: &str| (needs.to_owned(), any.to_owned());
    let racer = row("a", "");
    let any = "r[codex] r[gemini] r[codex.2]";
    assert_eq!(waits, [row("", ""), row("", any), racer.clone(), racer.clone(), racer, row("r", "")]);
    let batches: Vec<_> = plan.batches.iter().map(|batch| names(batch)).collect();
    assert_eq!(batches, ["a", any, "r", "z"]);
    assert_eq!(plan.steps[1].part, Part::Race { racers: 2..5 });
    assert_eq!(plan.steps[4].part, Part::Racer { race: 1, backend: "codex".to_owned() });
    assert_eq!((plan.together(0), plan.together(1), plan.together(3)), (vec![0], vec![1, 2, 3, 4], vec![1, 2, 3, 4]));
    assert_eq!((descendants(&plan, 0), descendants(&plan, 2)), (vec![1, 2, 3, 4, 5], vec![1, 5]));
}

#[test]
fn members_of_a_matrix_race_each_have_racers() {
    let race = "{id: r, kind: race, prompt: p, backends: [codex, gemini], matrix: {x: [1, 2]}}";
    let (_, plan) = valid(&file(race));
    let ids: Vec<_> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    let of_race = ["r[1]", "r[1,codex]", "r[1,gemini]", "r[2]", "r[2,codex]", "r[2,gemini]"];
    assert_eq!(ids, [&["a"], &of_race[..], &["z"]].concat());
    let needs: Vec<_> = plan.steps[7].needs.iter().map(|id| id.as_str()).collect();
    assert_eq!(needs, ["r[1]", "r[2]"]);
}

/// The names of rows tell racers as the plan does.
#[test]
fn a_race_was_written_as_one_step_and_members_of_a_matrix_as_one_each() {
    let text = "steps:
  - {id: m, prompt: p, matrix: {x: [a, m], y: ['1', b.2]}}
  - {id: r, kind: race, prompt: p, backends: [codex, gemini, codex]}
  - {id: r_, prompt: p}
  - {id: rr, kind: race, prompt: p, backends: [codex, gemini], matrix: {x: [codex, 'r'], y: [1, 2]}}
  - {id: z, prompt: p}";
    let (_, plan) = valid(text);
    let by_plan: Vec<usize> = plan
        .steps
        .iter()
        .enumerate()
        .map(|(place, step)| match &step.part {
            Part::Racer { race, .. } => *race,
            Part::Whole | Part::Race { .. } => place,
        })
        .collect();
    assert_eq!(as_written(plan.steps.iter().map(|step| step.id.as_str())), by_plan);
    assert_eq!(by_plan.iter().enumerate().filter(|(at, place)| at == *place).count(), 4 + 1 + 1 + 4 + 1);
}

#[test]
fn a_drawing_shows_who_races_and_who_wins() {
    let (workflow, plan) = valid(&file(RACE));
    let expected = "  1 ─── a           agent
      │
  2 ┬── r[codex]    codex      after a
    ├── r[gemini]   gemini     after a
    └── r[codex.2]  codex      after a
      │
  3 ─── r           race of 3  won by the first whose checks pass
      │
  4 ─── z           agent      after r
";
    assert_eq!(Drawing::of(&workflow, &plan).to_text(100), expected);
    let mermaid = mermaid(&workflow, &plan);
    for line in ["  s1[\"r<br>race of 3<br>won by the first whose checks pass\"]\n", "  s2 -.-> s1\n", "  s1 --> s5\n"]
    {
        assert!(mermaid.contains(line), "no {line} in {mermaid}");
    }
}

#[test]
fn the_first_success_wins_and_the_others_are_spared() {
    let text = file(RACE);
    let starts = vec![Act::Start(2), Act::Start(3), Act::Start(4)];
    assert_eq!(acts(&text, &[Done, Waiting, Waiting, Waiting, Waiting, Waiting]), starts);
    assert_eq!(acts(&text, &[Done, Waiting, Failed, Running, Running, Waiting]), vec![]);
    let won = vec![Act::Spare(4), Act::Win(1), Act::Spare(2)];
    assert_eq!(acts(&text, &[Done, Waiting, Running, Done, Waiting, Waiting]), won);
    // The others are on their way out: what needs the race does not wait for them, its end does.
    assert_eq!(acts(&text, &[Done, Done, Running, Done, NotNeeded, Waiting]), vec![Act::Spare(2), Act::Start(5)]);
    assert_eq!(acts(&text, &[Done, Done, Running, Done, NotNeeded, Done]), vec![Act::Spare(2)]);
    let over = vec![Act::Finish(RunStatus::Done)];
    assert_eq!(acts(&text, &[Done, Done, Failed, Done, Cancelled, Done]), over);
}

#[test]
fn a_failing_racer_stops_nothing_and_a_lost_race_does() {
    let text = file(RACE);
    assert_eq!(acts(&text, &[Done, Waiting, Failed, Waiting, Running, Waiting]), vec![Act::Start(3)]);
    let why = "r failed, and the workflow stops at a failure".to_owned();
    let lost = vec![Act::Lose(1), Act::Skip { step: 5, why }, Act::Finish(RunStatus::Failed)];
    assert_eq!(acts(&text, &[Done, Waiting, Failed, Failed, Cancelled, Waiting]), lost);
}

#[test]
fn the_rest_is_kept_where_that_is_asked_for() {
    let keeping = with(RACE, "keep_rest: true");
    assert_eq!(acts(&keeping, &[Done, Waiting, Running, Done, Running, Waiting]), vec![Act::Win(1)]);
    assert_eq!(acts(&keeping, &[Done, Done, Running, Done, Waiting, Done]), vec![Act::Start(4)]);
    let patient = with(RACE, "first_success: false");
    assert_eq!(acts(&patient, &[Done, Waiting, Running, Done, Failed, Waiting]), vec![]);
    assert_eq!(acts(&patient, &[Done, Waiting, Done, Done, Failed, Waiting]), vec![Act::Win(1)]);
    assert_eq!(acts(&patient, &[Done, Waiting, Failed, Failed, Failed, Waiting])[0], Act::Lose(1));
}

#[test]
fn what_a_race_needs_and_its_condition_hold_for_all_of_it() {
    let skipped = |step: usize| Act::Skip { step, why: "a failed".to_owned() };
    let expected = vec![skipped(1), skipped(2), skipped(3), skipped(4)];
    let going_on = format!("on_failure: continue\n{}", file(RACE));
    assert_eq!(acts(&going_on, &[Failed, Waiting, Waiting, Waiting, Waiting, Waiting])[..4], expected);
    let passed = |step: usize| Act::Pass { step, why: "`false` does not hold".to_owned() };
    let conditional = with(RACE, "when: 'false'");
    let expected = vec![passed(1), passed(2), passed(3), passed(4), Act::Start(5)];
    assert_eq!(acts(&conditional, &[Done, Waiting, Waiting, Waiting, Waiting, Waiting]), expected);
    // A failure elsewhere stops racers that wait; those that run still decide the race.
    let stopping = with(RACE, "tags: [x]");
    let why = "a failed, and the workflow stops at a failure".to_owned();
    let expected = vec![Act::Skip { step: 3, why: why.clone() }, Act::Skip { step: 5, why }];
    assert_eq!(acts(&stopping, &[Failed, Waiting, Running, Waiting, Failed, Waiting]), expected);
    assert_eq!(acts(&stopping, &[Failed, Waiting, Done, Skipped, Failed, Skipped]), vec![Act::Win(1)]);
}

/// How the racers end, in which order they are heard of, and what the race is told.
#[derive(Clone, Debug)]
struct Course {
    ends: Vec<StepStatus>,
    picks: Vec<usize>,
    told: &'static str,
    most: usize,
}

fn courses() -> impl Strategy<Value = Course> {
    let end = prop_oneof![2 => Just(Done), 2 => Just(Failed), 1 => Just(Cancelled)];
    let told = prop::sample::select(vec!["keep_rest: false", "keep_rest: true", "first_success: false"]);
    (prop::collection::vec(end, 2..6), prop::collection::vec(any::<usize>(), 12), told, 1..4usize)
        .prop_map(|(ends, picks, told, most)| Course { ends, picks, told, most })
}

/// Goes through a race as the driver would; returns the states and how often a winner was named.
fn run_through(workflow: &Workflow, plan: &Plan, course: &Course) -> (Vec<StepStatus>, usize, Option<RunStatus>) {
    let mut states = vec![Waiting; plan.steps.len()];
    let mut picks = course.picks.iter().cycle();
    let mut wins = 0;
    for _ in 0..4 * plan.steps.len() {
        let acts = advance(workflow, plan, &states, &mut |_| Ok(true));
        assert_eq!(acts, advance(workflow, plan, &states, &mut |_| Ok(true)), "asked twice, as after a crash");
        for act in acts {
            match act {
                Act::Start(at) => states[at] = Running,
                Act::Win(at) => (states[at], wins) = (Done, wins + 1),
                Act::Lose(at) => states[at] = Failed,
                // One that runs ends some time later, or has come to its own end.
                Act::Spare(at) if states[at] == Waiting => states[at] = NotNeeded,
                Act::Spare(at) => assert_eq!(states[at], Running),
                Act::Skip { step, .. } => states[step] = Skipped,
                Act::Finish(status) => return (states, wins, Some(status)),
                Act::Pass { .. } | Act::Fail { .. } => panic!("{act:?}"),
            }
        }
        let running: Vec<usize> = (0..states.len()).filter(|at| states[*at] == Running).collect();
        assert!(running.len() <= course.most);
        let Some(one) = running.get(picks.next().unwrap() % running.len().max(1)) else { continue };
        // The race is the first step, the one that needs it the last.
        states[*one] = course.ends.get(one - 1).copied().unwrap_or(Done);
    }
    (states, wins, None)
}

proptest! {
    #[test]
    fn one_winner_is_named_and_no_failure_hides_a_success(course in courses()) {
        let backends = vec!["codex"; course.ends.len()].join(", ");
        let race = format!("{{id: r, kind: race, prompt: p, backends: [{backends}], {}}}", course.told);
        let (workflow, plan) = valid(&format!(
            "max_concurrent: {}\nsteps: [{race}, {{id: z, prompt: p, needs: [r]}}]", course.most
        ));
        let (states, wins, finished) = run_through(&workflow, &plan, &course);
        let can_be_won = course.ends.contains(&Done);
        let (last, racers) = (states.len() - 1, &states[1..states.len() - 1]);
        prop_assert_eq!(wins, usize::from(can_be_won));
        let expected = if can_be_won { (Done, Done, RunStatus::Done) } else { (Failed, Skipped, RunStatus::Failed) };
        prop_assert_eq!((states[0], states[last], finished), (expected.0, expected.1, Some(expected.2)), "{:?}", &states);
        // Every racer has the end it came to, or was not needed.
        for (state, end) in racers.iter().zip(&course.ends) {
            prop_assert!(state == end || (can_be_won && *state == NotNeeded && course.told == "keep_rest: false"));
        }
        let is_patient = course.told != "keep_rest: false";
        prop_assert!(!is_patient || racers == course.ends, "{states:?}");
    }
}
