//! The driver of workflow runs: notes ends, decides, starts what is next.
//!
//! Must run in one process at a time, the ticker, and may do anything twice: a step's task is submitted under
//! the name RUN/STEP/TURN, which the store keeps unique, so a crash between a submit and the note of it gives the
//! same task again. What is decided hangs on what is stored alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Loaded, StepMaker,
    approvals::{Leave, Terms},
    budget::{Funds, Purses},
    change, race,
    record::About,
    reuse::is_taken,
    tasks::Making,
};
use crate::{
    core::{Money, Run, RunId, RunStatus, RunStep, Span, Status, StepStatus, Task, Timestamp, Verification},
    engine::{Engine, EngineError},
    os::clock,
    store::StepChange,
    workflow::{self, Act, Action, Insertion, Part, Scope, Until, advance_by_turns},
};

/// So many starts, then other runs and the ticker's own work have their turn.
const STARTS_AT_ONCE: usize = 64;
/// After an error that may pass, such as a full disk.
pub(super) const AGAIN_AFTER: Span = Span::from_secs(2);

/// Whether a step that is its turn starts.
enum May {
    /// With at most so much money, and with what is noted together with the start.
    Start { cap: Option<Money>, noted: Vec<StepChange> },
    /// What people have approved is another by now.
    AskAgain(Vec<StepChange>),
    /// Another step has the money.
    Later,
    /// Nothing starts any more.
    Stop(RunStatus, Option<Timestamp>),
}

impl Engine {
    /// Drives every run that has something to do. The ticker's work.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(in crate::engine) fn drive_runs(&self) -> Result<(), EngineError> {
        let Some(maker) = self.step_maker else { return Ok(()) };
        while crate::os::failpoint::holds("driver.begin") {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        for id in self.store.read(|view| view.runs_to_drive(clock::now()))? {
            let state = self.run_state(&id)?;
            if let Err(error) = self.drive(&state.run, state.steps, maker) {
                tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "cannot be driven");
                let again = clock::now().plus(AGAIN_AFTER);
                let status = state.run.status;
                self.store.write(|writing| {
                    writing.keep_run(&state.run, status, Some(again), clock::now()).map_err(EngineError::from)
                })?;
            }
        }
        Ok(())
    }

    fn drive(&self, run: &Run, mut steps: Vec<RunStep>, maker: StepMaker) -> Result<(), EngineError> {
        let now = clock::now();
        if steps.iter().all(|step| step.status == StepStatus::Waiting || is_taken(step)) {
            // Whoever started it may have died before.
            self.keep_start(&run.id);
        }
        let mut changes = self.ended_steps(&steps, now)?;
        take(&mut steps, &changes);
        let definition = self.definition(run, (maker.vocabulary)());
        self.put_back(run, &mut steps, &mut changes, maker)?;
        if let (false, Ok(loaded)) = (run.status.is_terminal(), &definition) {
            self.go_round(run, loaded, &mut steps, &mut changes)?;
        }
        let (status, due_at) = match run.status {
            RunStatus::Running => match &definition {
                Ok(loaded) => {
                    race::name_spared(loaded, &mut steps, &mut changes);
                    self.go_on(run, loaded, &mut steps, &mut changes, maker)?
                }
                Err(error) => (give_up(error, &mut steps, &mut changes), None),
            },
            RunStatus::Paused => (run.status, self.stay_paused(run)?),
            RunStatus::Cancelled => {
                self.wind_down(run, &steps, &mut changes)?;
                (run.status, None)
            }
            RunStatus::Done | RunStatus::Failed => (run.status, None),
        };
        if let (false, Ok(loaded)) = (changes.is_empty(), &definition) {
            self.clear_losers(loaded, &steps, &changes)?;
        }
        let is_given_up = |change: &StepChange| matches!(change.status, StepStatus::Skipped | StepStatus::NotNeeded);
        if changes.iter().any(is_given_up) || status.is_terminal() || run.revision > 0 {
            self.end_strays(run, &steps)?;
        }
        let has_left = status.is_terminal() && due_at.is_none() && self.is_family_at_work(&run.id)?;
        let due_at = if has_left { Some(clock::now().plus(AGAIN_AFTER)) } else { due_at };
        let why = self.why_paused(run, status, maker)?;
        crate::os::failpoint::hit("driver.before_note");
        self.store.write(|writing| {
            writing.change_steps(&run.id, &changes)?;
            if let Some(why) = &why {
                return Ok(writing.stop_run(run, why, clock::now())?);
            }
            writing.keep_run(run, status, due_at, clock::now())?;
            Ok::<_, EngineError>(())
        })?;
        let asked = changes.iter().filter(|change| change.status == StepStatus::Held);
        let asked: Vec<String> = asked.map(|change| change.step.clone()).collect();
        if !asked.is_empty() {
            // So that the time to answer does not begin anew with a new database.
            self.keep_word(&run.id, "asked", About::Steps(&asked));
        }
        if status.is_terminal() && due_at.is_none() {
            self.keep_word(&run.id, "ended", About::All);
        }
        self.poke();
        Ok(())
    }

    /// Returns what became of the steps whose task or time is over.
    pub(super) fn ended_steps(&self, steps: &[RunStep], now: Timestamp) -> Result<Vec<StepChange>, EngineError> {
        let mut changes = Vec::new();
        for step in steps.iter().filter(|step| step.status == StepStatus::Running) {
            if let Some(child) = &step.child {
                changes.extend(self.end_of_child(step, child)?);
                continue;
            }
            let Some(id) = &step.task else {
                if step.due_at.is_some_and(|due| due <= now) {
                    changes.push(change(step, StepStatus::Done, None));
                }
                continue;
            };
            if !step.has_ended {
                continue;
            }
            match self.store.read(|view| view.task(id))? {
                Some(task) => changes.extend(end_of(&task).map(|(status, reason)| change(step, status, reason))),
                None => changes.push(change(step, StepStatus::Failed, Some("its task was removed".into()))),
            }
        }
        Ok(changes)
    }

    /// Does what is to be done; returns where the run stands then, and when to look again by itself.
    fn go_on(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &mut [RunStep],
        changes: &mut Vec<StepChange>,
        maker: StepMaker,
    ) -> Result<(RunStatus, Option<Timestamp>), EngineError> {
        self.decide_expired(run, steps, clock::now())?;
        let (mut starts, mut purses) = (0, Purses::default());
        let mut lacks_money = false;
        loop {
            let states: Vec<StepStatus> = steps.iter().map(|step| step.status).collect();
            let acts = {
                let mut places = self.places(loaded, steps)?;
                places.lacks_money = lacks_money;
                let mut holds = |place: usize| self.holds(loaded, steps, place);
                let mut turns = |place: usize| places.turn_of(loaded, place);
                advance_by_turns(&loaded.workflow, &loaded.plan, &states, &mut holds, &mut turns)
            };
            // A start that is over at once (a wait of nothing, a prompt that cannot be filled in) may let others go.
            let mut is_settled = true;
            for act in acts {
                let (place, one) = match act {
                    Act::Finish(status) => return Ok((status, None)),
                    Act::Start(_) if starts >= STARTS_AT_ONCE => return Ok((RunStatus::Running, Some(Timestamp(0)))),
                    // Somebody wishes something else by now: what that is decides.
                    Act::Start(_) if self.has_new_wish(run)? => return Ok((RunStatus::Running, Some(Timestamp(0)))),
                    Act::Start(place) => match self.may_start(run, loaded, steps, place, &mut purses, maker)? {
                        May::Start { cap, noted } => {
                            take(steps, &noted);
                            changes.extend(noted);
                            starts += 1;
                            let one = self.start_step(run, loaded, steps, place, Making { maker, cap })?;
                            self.promise(&mut purses, &one)?;
                            (place, one)
                        }
                        May::AskAgain(noted) => {
                            take(steps, &noted);
                            changes.extend(noted);
                            // What else was decided was decided on the same word.
                            is_settled = false;
                            break;
                        }
                        May::Later => {
                            // What costs nothing may have the places.
                            is_settled &= lacks_money;
                            lacks_money = true;
                            continue;
                        }
                        May::Stop(status, due_at) => return Ok((status, due_at)),
                    },
                    Act::Skip { step, why } => (step, change(&steps[step], StepStatus::Skipped, Some(why))),
                    Act::Pass { step, why } => (step, change(&steps[step], StepStatus::NotNeeded, Some(why))),
                    Act::Fail { step, why } => (step, change(&steps[step], StepStatus::Failed, Some(why))),
                    Act::Win(race) => (race, self.win(run, loaded, steps, race)?),
                    Act::Lose(race) => {
                        let why = race::losses(loaded, steps, race);
                        (race, change(&steps[race], StepStatus::Failed, Some(why)))
                    }
                    Act::Spare(racer) => match self.spare(run, loaded, steps, racer)? {
                        Some(spared) => (racer, spared),
                        None => continue,
                    },
                };
                is_settled &= !one.status.is_over();
                // The rows are in the order of the plan.
                apply(&mut steps[place], &one);
                changes.push(one);
            }
            if is_settled {
                let waits = steps.iter().filter(|step| !step.status.is_over());
                let due = waits.filter_map(|step| step.due_at).min();
                // Only the end of a task of its own wakes it; money may also be promised in a run around it.
                let again = (lacks_money && run.parent.is_some()).then(|| clock::now().plus(AGAIN_AFTER));
                return Ok((RunStatus::Running, due.into_iter().chain(again).min()));
            }
        }
    }

    fn has_new_wish(&self, run: &Run) -> Result<bool, EngineError> {
        Ok(self.store.read(|view| view.revision_of_run(&run.id))? != Some(run.revision))
    }

    /// Says whether money and people's words let a step start.
    fn may_start(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &[RunStep],
        place: usize,
        purses: &mut Purses,
        maker: StepMaker,
    ) -> Result<May, EngineError> {
        let mut cap = None;
        if asks_agents(loaded, place) {
            match self.funds(purses, run, loaded, &steps[place], (maker.vocabulary)())? {
                Funds::Start(most) => cap = most.map(|most| share(loaded, steps, place, most)),
                Funds::Later => return Ok(May::Later),
                Funds::Spent => return Ok(May::Stop(RunStatus::Paused, None)),
                Funds::SpentAbove(payer, purse) => {
                    self.stop_for_money(&payer, &purse)?;
                    return Ok(May::Stop(RunStatus::Running, Some(clock::now().plus(AGAIN_AFTER))));
                }
            }
        }
        Ok(match self.leave(run, loaded, steps, place)? {
            Leave::Given(noted) => May::Start { cap, noted },
            Leave::Gone(noted) => May::AskAgain(noted),
        })
    }

    /// Ends tasks and nested runs that no step is waiting for: a crash came between their submit and its note, and meanwhile the
    /// step was skipped, or asked to run once more on newer ground.
    fn end_strays(&self, run: &Run, steps: &[RunStep]) -> Result<(), EngineError> {
        let live = self.store.read(|view| view.live_tasks_of_run(&run.id))?;
        let at_work: BTreeSet<_> = steps.iter().filter_map(RunStep::task_at_work).collect();
        let unnoted = live.into_iter().map(|task| task.id).filter(|task| !at_work.contains(task));
        let asks: BTreeSet<String> =
            steps.iter().filter(|row| row.status.is_to_do()).map(|row| ask_of(run, row)).collect();
        let mut strays = Vec::new();
        for task in unnoted {
            // The start of a step that waits in this turn finds it again.
            let request = self.store.read(|view| view.request_id(&task))?;
            if request.is_none_or(|request| !asks.contains(&request)) {
                strays.push(task);
            }
        }
        if !strays.is_empty() {
            self.end_all(&strays)?;
        }
        self.end_stray_children(run, steps, clock::now())
    }

    /// Ends what a cancelled run has left, wherever a crash has cut the cancellation.
    fn wind_down(&self, run: &Run, steps: &[RunStep], changes: &mut Vec<StepChange>) -> Result<(), EngineError> {
        self.end_stray_children(run, &[], clock::now())?;
        let live = self.store.read(|view| view.live_tasks_of_family(&run.id))?;
        self.end_all(&live.iter().map(|task| task.id.clone()).collect::<Vec<_>>())?;
        let open = steps.iter().filter(|step| !step.status.is_over() && step.task_at_work().is_none());
        changes.extend(open.map(|step| change(step, StepStatus::Cancelled, Some("the run was cancelled".into()))));
        Ok(())
    }

    /// Whether a task of a run, or of a run beneath it, has not ended. Until then the run is not over, whatever it came to.
    fn is_family_at_work(&self, run: &RunId) -> Result<bool, EngineError> {
        let is_over = |child: &Run| child.status.is_terminal() && child.finished_at.is_some();
        Ok(!self.children_of(run)?.iter().all(is_over)
            || !self.store.read(|view| view.live_tasks_of_family(run))?.is_empty())
    }

    fn holds(&self, loaded: &Loaded, steps: &[RunStep], place: usize) -> Result<bool, String> {
        let planned = &loaded.plan.steps[place];
        let workflow::When::Holds(condition) = &loaded.workflow.steps[planned.step].when else { return Ok(true) };
        let scope =
            self.scope(loaded, steps, Some(planned), &condition.references).map_err(|error| error.to_string())?;
        condition.holds(&scope).map_err(|error| error.message)
    }

    /// Starts a step; what is wrong with the step itself becomes its end.
    fn start_step(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &[RunStep],
        place: usize,
        making: Making,
    ) -> Result<StepChange, EngineError> {
        let planned = &loaded.plan.steps[place];
        let step = &loaded.workflow.steps[planned.step];
        let row = &steps[place];
        let scope = self.scope(loaded, steps, Some(planned), &step.references())?;
        let demo = loaded.frozen.demo;
        let failed = |why: String| Ok(change(row, StepStatus::Failed, Some(why)));
        match &step.action {
            Action::Wait(_) | Action::Approval { .. } if demo => {
                Ok(change(row, StepStatus::Done, Some("in a demo nobody is asked or waited for".into())))
            }
            Action::Wait(until) => match end_of_wait(until, &scope, clock::now()) {
                Ok(due_at) => Ok(StepChange { due_at: Some(due_at), ..change(row, StepStatus::Running, None) }),
                Err(why) => failed(why),
            },
            Action::Approval { message, expires, unattended } => match message.render(&scope, Insertion::plain()) {
                Ok(message) => {
                    let terms = Terms { message, expires: *expires, unattended: *unattended };
                    self.ask(loaded, steps, place, terms)
                }
                Err(error) => failed(format!("`message`: {}", error.message)),
            },
            Action::Agent | Action::Race(_) | Action::Command(_) => {
                self.submit_step(run, loaded, row, planned, &scope, making)
            }
            Action::Workflow { .. } => self.start_nested(run, loaded, row, planned, &scope, making.maker),
        }
    }
}

/// Returns the name under which the task, or the nested run, of a step's turn is asked for.
pub(super) fn ask_of(run: &Run, row: &RunStep) -> String {
    format!("{}/{}/{}", run.id, row.step, row.turn)
}

/// Returns what of the money that is left a step may spend: racers who start together share it.
fn share(loaded: &Loaded, steps: &[RunStep], place: usize, left: Money) -> Money {
    let Part::Racer { race, .. } = &loaded.plan.steps[place].part else { return left };
    let Part::Race { racers } = &loaded.plan.steps[*race].part else { return left };
    let to_start = steps[racers.clone()].iter().filter(|racer| racer.status.is_to_do()).count() as u64;
    Money((left.0 / to_start.max(1)).max(1))
}

/// Whether a step costs money.
fn asks_agents(loaded: &Loaded, place: usize) -> bool {
    loaded.workflow.steps[loaded.plan.steps[place].step].action.kind().is_agent()
}

fn end_of_wait(until: &Until, scope: &Scope, now: Timestamp) -> Result<Timestamp, String> {
    let text = |template: &workflow::Template, field: &str| {
        template.render(scope, Insertion::plain()).map_err(|error| format!("`{field}`: {}", error.message))
    };
    match until {
        Until::For(span) => Ok(now.plus(*span)),
        Until::At(at) => Ok(*at),
        Until::ForTemplate(template) => {
            let span: Span = text(template, "for")?.trim().parse().map_err(|error| format!("`for`: {error}"))?;
            Ok(now.plus(span))
        }
        Until::AtTemplate(template) => text(template, "at")?.trim().parse().map_err(|error| format!("`at`: {error}")),
    }
}

/// Takes the changes over into the rows that they are about.
pub(super) fn take(steps: &mut [RunStep], changes: &[StepChange]) {
    let by_step: BTreeMap<&str, &StepChange> = changes.iter().map(|change| (change.step.as_str(), change)).collect();
    for row in steps {
        if let Some(change) = by_step.get(row.step.as_str()) {
            apply(row, change);
        }
    }
}

pub(super) fn apply(row: &mut RunStep, change: &StepChange) {
    // The task of an earlier turn says nothing about this one.
    let was_to_do = row.status.is_to_do();
    row.status = change.status;
    row.reason.clone_from(&change.reason);
    row.due_at = change.due_at;
    row.question.clone_from(&change.question);
    if was_to_do || change.task.is_some() {
        row.task.clone_from(&change.task);
    }
    if was_to_do || change.child.is_some() {
        row.child.clone_from(&change.child);
    }
    row.turn += u32::from(change.loops_on);
    row.loops += u32::from(change.loops_on);
}

/// A definition that cannot be read any more ends the run.
fn give_up(error: &EngineError, steps: &mut [RunStep], changes: &mut Vec<StepChange>) -> RunStatus {
    let open = steps.iter().filter(|step| step.status.is_to_do() || step.status == StepStatus::Held);
    let failed: Vec<_> = open.map(|step| change(step, StepStatus::Failed, Some(error.to_string()))).collect();
    take(steps, &failed);
    changes.extend(failed);
    if steps.iter().all(|step| step.status.is_over()) { RunStatus::Failed } else { RunStatus::Running }
}

/// Returns what the end of its task means for a step; `None` while it has not ended.
fn end_of(task: &Task) -> Option<(StepStatus, Option<String>)> {
    let failure = || task.failure().map(|failure| failure.message.clone());
    match task.status() {
        Status::Queued | Status::Held | Status::Running | Status::Paused | Status::NeedsInput => None,
        Status::Done if is_unproven(task) => {
            Some((StepStatus::Failed, Some("its checks could not run, so nothing says that it succeeded".to_owned())))
        }
        Status::Done => Some((StepStatus::Done, None)),
        Status::Cancelled => Some((StepStatus::Cancelled, Some("its task was cancelled".to_owned()))),
        Status::Failed | Status::Skipped => Some((StepStatus::Failed, failure())),
        Status::TimedOut => Some((StepStatus::Failed, failure().or_else(|| Some("the time limit was reached".into())))),
        Status::Lost => Some((StepStatus::Failed, failure().or_else(|| Some("its task was lost".into())))),
    }
}

/// A race is won by a verified success. Elsewhere checks that cannot run say nothing about the work.
fn is_unproven(task: &Task) -> bool {
    let spec = &task.spec;
    spec.lineage.race.is_some() && !spec.verify.is_empty() && task.verification() != Verification::Passed
}
