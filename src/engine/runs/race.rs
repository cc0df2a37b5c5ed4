//! Races of a run: who has won, what becomes of the others, and how the winner's result comes into the directory.
//!
//! Must not choose twice: the winner is noted before anything follows from it, so that a crash finds the same one.
//! Those who still run then are ended; what they came to by that moment is their outcome.

use std::collections::BTreeSet;

use super::{
    Loaded, change,
    driver::{AGAIN_AFTER, ask_of, take},
    wishes::ending,
};
use crate::{
    archive::OnConflict,
    core::{Ending, Isolation, Refusal, Run, RunStep, State, StepStatus, Task, TaskId, Timestamp},
    engine::{Engine, EngineError, LandAsk, landing::LandingState},
    keeper::contract::Order,
    os::{clock, failpoint},
    store::StepChange,
    workflow::{Action, Part, Race},
};

/// What came of bringing a result in.
enum BroughtIn {
    /// It is there, or there is nothing to bring.
    Yes,
    /// Not now: somebody else works there.
    Later(String),
    No(String),
}

impl Engine {
    /// Names the winner of a race, brings its result in where that is asked for, and returns what the race becomes.
    pub(super) fn win(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &[RunStep],
        place: usize,
    ) -> Result<StepChange, EngineError> {
        let row = &steps[place];
        let Some((race, winner)) = race_of(loaded, place).zip(self.winner(loaded, steps, place)?) else {
            return Ok(change(row, StepStatus::Failed, Some(losses(loaded, steps, place))));
        };
        let name = &winner.step;
        let to = |status, why: String| StepChange { task: winner.task.clone(), ..change(row, status, Some(why)) };
        let won = to(StepStatus::Done, format!("{name} won"));
        let applies = race.apply && !loaded.frozen.demo;
        // It is over once its losers are cleared away: until then a crash finds it here again.
        let noted = to(StepStatus::Waiting, format!("{name} won"));
        failpoint::hit("race.before_win");
        self.store.write(|writing| writing.change_steps(&run.id, &[noted]).map_err(EngineError::from))?;
        failpoint::hit("race.after_win");
        let Some(task) = self.task_of(winner)?.filter(|_| applies) else { return Ok(won) };
        let asked_by = loaded.frozen.asked_by.as_ref();
        let brought_in = self.at(Some(&loaded.frozen.working_dir))?.bring_in(&task, asked_by)?;
        failpoint::hit("race.after_apply");
        Ok(match brought_in {
            BroughtIn::Yes => to(StepStatus::Done, format!("{name} won; its result is applied")),
            BroughtIn::No(why) => to(StepStatus::Failed, format!("{name} won, but {why}")),
            BroughtIn::Later(why) => {
                let later = to(StepStatus::Waiting, format!("{name} won; its result waits: {why}"));
                StepChange { due_at: Some(clock::now().plus(AGAIN_AFTER)), ..later }
            }
        })
    }

    /// Gives up the directories of racers who have lost, of those who or whose race are over with these changes. Called
    /// before the changes are noted, so that a crash finds them again.
    pub(super) fn clear_losers(
        &self,
        loaded: &Loaded,
        steps: &[RunStep],
        changes: &[StepChange],
    ) -> Result<(), EngineError> {
        let changed: BTreeSet<&str> = changes.iter().map(|change| change.step.as_str()).collect();
        let is_changed = |row: &RunStep| changed.contains(row.step.as_str());
        for (place, row) in steps.iter().enumerate().filter(|(_, row)| row.status.is_over()) {
            let Some(winner) = noted_winner(loaded, steps, place).filter(|_| clears(loaded, place)) else { continue };
            let losers = racers_of(loaded, steps, place).filter(|racer| racer.step != winner.step);
            for loser in losers.filter(|racer| racer.status.is_over() && (is_changed(row) || is_changed(racer))) {
                let Some(task) = self.task_of(loser)?.filter(|task| task.status().is_terminal()) else { continue };
                if let Err(error) = self.discard_loser(&task) {
                    // The race is decided all the same: the directory stays until somebody removes it.
                    tracing::warn!(task = %task.id, error = &error as &dyn std::error::Error, "cannot be cleared away");
                }
            }
        }
        Ok(())
    }

    /// Returns the racer that was noted as the winner, else the one that is it by what is stored.
    fn winner<'s>(
        &self,
        loaded: &Loaded,
        steps: &'s [RunStep],
        place: usize,
    ) -> Result<Option<&'s RunStep>, EngineError> {
        if let Some(noted) = noted_winner(loaded, steps, place) {
            return Ok(Some(noted));
        }
        let mut done = Vec::new();
        for racer in racers_of(loaded, steps, place).filter(|racer| racer.status == StepStatus::Done) {
            let finished_at = self.task_of(racer)?.and_then(|task| task.finished_at);
            done.push((finished_at.unwrap_or(Timestamp(i64::MAX)), racer));
        }
        if race_of(loaded, place).is_some_and(|race| !race.waits_for_all) {
            // Stable: of those that finished together the first in the file wins.
            done.sort_by_key(|(finished_at, _)| *finished_at);
        }
        Ok(done.first().map(|(_, racer)| *racer))
    }

    /// Gives up a racer after the race was won: one that waits is not needed, one that runs is ended first.
    pub(super) fn spare(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &[RunStep],
        racer: usize,
    ) -> Result<Option<StepChange>, EngineError> {
        let row = &steps[racer];
        let Part::Racer { race, .. } = &loaded.plan.steps[racer].part else { return Ok(None) };
        let why = match self.winner(loaded, steps, *race)? {
            Some(winner) => format!("{} won", winner.step),
            None => return Ok(None),
        };
        if row.status != StepStatus::Running {
            // A crash may have come between its start and the note of it: then it has a directory, and an end of its own.
            let Some(id) = self.store.read(|view| view.task_of_request(&ask_of(run, row)))? else {
                return Ok(Some(change(row, StepStatus::NotNeeded, Some(why))));
            };
            self.end_racer(&self.task(&id)?, &why)?;
            return Ok(Some(StepChange { task: Some(id), ..change(row, StepStatus::Running, None) }));
        }
        if let Some(task) = self.task_of(row)? {
            self.end_racer(&task, &why)?;
        }
        Ok(None)
    }

    fn end_racer(&self, task: &Task, why: &str) -> Result<(), EngineError> {
        if task.status().is_terminal() || matches!(task.state, State::Ending { .. }) {
            return Ok(());
        }
        match self.settle(vec![ending(&task.id)]) {
            // It came to its own end meanwhile, which is what counts then.
            Ok(_) | Err(EngineError::Refused { refusal: Refusal::Over, .. }) => {}
            Err(error) => return Err(error),
        }
        failpoint::hit("race.after_end");
        if let Some(attempt) = task.last_attempt() {
            let order = Order::End { ending: Ending::Cancelled, grace: None, detail: Some(why.to_owned()) };
            self.give(&self.attempt_dir(&task.id, attempt.number), &order);
        }
        Ok(())
    }

    /// Brings a winner's result into its directory, all of it or nothing. Doing it twice is the same as once.
    fn bring_in(&self, task: &Task, asked_by: Option<&TaskId>) -> Result<BroughtIn, EngineError> {
        if task.spec.isolate == Isolation::None || self.landing_state(task)? == Some(LandingState::Applied) {
            return Ok(BroughtIn::Yes);
        }
        let id = &task.id;
        let ask = LandAsk {
            paths: Vec::new(),
            dry_run: false,
            on_conflict: OnConflict::Refuse,
            undo: false,
            beside: asked_by.cloned(),
        };
        match self.apply_result(task, &ask) {
            Ok(report) => Ok(match report.landed.conflicts.as_slice() {
                [] => BroughtIn::Yes,
                [first, more @ ..] => {
                    let others = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
                    BroughtIn::No(format!(
                        "its result cannot be applied: `{}` {}{others}; it is kept, \
                         `mgr apply {id} --on-conflict markers` brings it in",
                        first.path, first.why
                    ))
                }
            }),
            Err(EngineError::Busy { message, .. }) => Ok(BroughtIn::Later(message)),
            Err(error) if super::tasks::may_pass(&error) => Err(error),
            Err(error) => Ok(BroughtIn::No(format!(
                "its result cannot be applied: {error}; it is kept, `mgr apply {id}` tries again"
            ))),
        }
    }

    fn task_of(&self, row: &RunStep) -> Result<Option<Task>, EngineError> {
        match &row.task {
            Some(id) => Ok(self.store.read(|view| view.task(id))?),
            None => Ok(None),
        }
    }
}

/// Whether the directories of those who lose go.
fn clears(loaded: &Loaded, place: usize) -> bool {
    !loaded.frozen.demo && race_of(loaded, place).is_some_and(|race| !race.keep_rest)
}

fn race_of(loaded: &Loaded, place: usize) -> Option<&Race> {
    match &loaded.workflow.steps[loaded.plan.steps[place].step].action {
        Action::Race(race) => Some(race),
        Action::Agent | Action::Command(_) | Action::Approval { .. } => None,
        Action::Workflow { .. } | Action::Wait(_) => None,
    }
}

/// Returns the racers of a race; none for other rows.
pub(super) fn racers_of<'s>(loaded: &Loaded, steps: &'s [RunStep], place: usize) -> impl Iterator<Item = &'s RunStep> {
    let racers = match loaded.plan.steps.get(place).map(|planned| &planned.part) {
        Some(Part::Race { racers }) => racers.clone(),
        Some(Part::Whole | Part::Racer { .. }) | None => 0..0,
    };
    steps.get(racers).unwrap_or_default().iter()
}

/// Returns the winner that was written down. The task of an earlier turn is no racer's of this one.
pub(super) fn noted_winner<'s>(loaded: &Loaded, steps: &'s [RunStep], place: usize) -> Option<&'s RunStep> {
    let noted = steps.get(place)?.task.as_ref()?;
    racers_of(loaded, steps, place).find(|racer| racer.status == StepStatus::Done && racer.task.as_ref() == Some(noted))
}

/// Says why a race was lost: what became of each racer.
pub(super) fn losses(loaded: &Loaded, steps: &[RunStep], place: usize) -> String {
    /// Of what one racer says.
    const MOST: usize = 300;
    let why = |racer: &RunStep| {
        let why = racer.reason.as_deref().unwrap_or_else(|| racer.status.as_str());
        why[..why.floor_char_boundary(MOST)].to_owned()
    };
    let mut whys: Vec<(&str, String)> =
        racers_of(loaded, steps, place).map(|racer| (racer.step.as_str(), why(racer))).collect();
    if whys.iter().all(|(_, why)| Some(why) == whys.first().map(|(_, first)| first)) {
        whys = whys.into_iter().map(|(_, why)| ("all of them", why)).take(1).collect();
    }
    let told: Vec<_> = whys.into_iter().map(|(racer, why)| format!("{racer}: {why}")).collect();
    format!("nobody won: {}", told.join("; "))
}

/// A racer that was ended because another one had won was not cancelled by anybody: it is not needed.
pub(super) fn name_spared(loaded: &Loaded, steps: &mut [RunStep], changes: &mut [StepChange]) {
    for change in changes.iter_mut().filter(|change| change.status == StepStatus::Cancelled) {
        let Some(place) = steps.iter().position(|row| row.step == change.step) else { continue };
        let Part::Racer { race, .. } = &loaded.plan.steps[place].part else { continue };
        let ends_others = race_of(loaded, *race).is_some_and(|race| !race.keeps_rest());
        if let Some(winner) = noted_winner(loaded, steps, *race).filter(|_| ends_others) {
            change.status = StepStatus::NotNeeded;
            change.reason = Some(format!("{} won", winner.step));
            take(steps, std::slice::from_ref(change));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::{
        engine::Frozen,
        workflow::{Known, Source, Vocabulary, check},
    };

    fn loaded(more: &str) -> Loaded {
        let backends = ["a", "b"].map(str::to_owned);
        let properties = [("prompt".to_owned(), json!({"type": "string"}))].into_iter().collect();
        let task = Vocabulary { properties, check: |_, _| Ok(()) };
        let known = Known { backends: &backends, roles: &[], task: &task, load: &|_| Err(String::new()) };
        let text = format!("steps: [{{id: r, kind: race, prompt: p, backends: [a, b]{more}}}]");
        let checked = check(Source::Text(&text), None, &known);
        assert_eq!(checked.faults, []);
        let (workflow, plan) = (checked.workflow.unwrap(), checked.plan.unwrap());
        let frozen = Frozen {
            v: 1,
            workflow: workflow.frozen.clone(),
            params: Map::new(),
            working_dir: "/".into(),
            demo: false,
            file: None,
            template: None,
            env: Map::new(),
            loaf_id: None,
            loaf: None,
            said: Vec::new(),
            unattended: false,
            asked_by: None,
            policy: None,
            bounds: None,
            digest: plan.digest.clone(),
        };
        Loaded { frozen, workflow, plan }
    }

    fn task(number: u128) -> TaskId {
        TaskId::new(Timestamp(1_700_000_000_000), number)
    }

    fn row(step: &str, status: StepStatus, task: Option<TaskId>, reason: Option<&str>) -> RunStep {
        let reason = reason.map(str::to_owned);
        let step = step.to_owned();
        RunStep {
            step,
            status,
            task,
            turn: 1,
            loops: 0,
            child: None,
            reason,
            due_at: None,
            question: None,
            has_ended: false,
        }
    }

    /// The race as it was noted, and two racers.
    fn rows(winner: Option<u128>, first: StepStatus, second: StepStatus) -> Vec<RunStep> {
        let race = row("r", StepStatus::Waiting, winner.map(task), None);
        vec![race, row("r[a]", first, Some(task(1)), None), row("r[b]", second, Some(task(2)), None)]
    }

    #[test]
    fn a_winner_stands_once_it_is_noted_and_only_in_its_turn() {
        let named = |winner, first, second| {
            let rows = rows(winner, first, second);
            noted_winner(&loaded(""), &rows, 0).map(|racer| racer.step.clone())
        };
        use StepStatus::{Done, Running, Waiting};
        assert_eq!(named(Some(2), Done, Done).as_deref(), Some("r[b]"));
        assert_eq!(named(None, Done, Done), None);
        // The race runs again: what is noted is of the turn before.
        assert_eq!(named(Some(2), Done, Running), None);
        assert_eq!(named(Some(2), Waiting, Waiting), None);
        assert_eq!(named(Some(3), Done, Done), None);
    }

    #[test]
    fn who_was_ended_for_the_winner_was_not_cancelled() {
        let ended = |more: &str, winner| {
            let mut rows = rows(winner, StepStatus::Done, StepStatus::Running);
            let mut changes = [change(&rows[2], StepStatus::Cancelled, Some("its task was cancelled".to_owned()))];
            take(&mut rows, &changes);
            name_spared(&loaded(more), &mut rows, &mut changes);
            assert_eq!((rows[2].status, &rows[2].reason), (changes[0].status, &changes[0].reason));
            (rows[2].status, rows[2].reason.clone().unwrap_or_default())
        };
        let cancelled = (StepStatus::Cancelled, "its task was cancelled".to_owned());
        assert_eq!(ended("", Some(1)), (StepStatus::NotNeeded, "r[a] won".to_owned()));
        assert_eq!(ended("", None), cancelled);
        assert_eq!(ended(", keep_rest: true", Some(1)), cancelled);
    }

    #[test]
    fn a_lost_race_says_why_once_or_for_each() {
        let lost = |whys: [Option<&str>; 2]| {
            let [first, second] = whys.map(|why| row("", StepStatus::Failed, None, why));
            let rows = [
                row("r", StepStatus::Waiting, None, None),
                RunStep { step: "r[a]".into(), ..first },
                RunStep { step: "r[b]".into(), ..second },
            ];
            losses(&loaded(""), &rows, 0)
        };
        assert_eq!(lost([Some("no key"), Some("it broke")]), "nobody won: r[a]: no key; r[b]: it broke");
        assert_eq!(lost([Some("no key"), None]), "nobody won: r[a]: no key; r[b]: failed");
        assert_eq!(lost([Some("no key"), Some("no key")]), "nobody won: all of them: no key");
        let long = "é".repeat(400);
        assert_eq!(lost([Some(&long), Some("x")]), format!("nobody won: r[a]: {}; r[b]: x", "é".repeat(150)));
    }
}
