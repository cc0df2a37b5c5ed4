//! Doing what is decided of a run: starts, what is skipped or passed over, and what becomes of a race.
//!
//! Must not decide which step is next: the rules in `workflow` do. It says what they ask of the world, and whether
//! money, people's words and wishes let a start happen.

use super::{
    Loaded, StepMaker,
    approvals::{Leave, Terms},
    budget::{Funds, Purses},
    change,
    driver::{AGAIN_AFTER, apply, take},
    race,
    tasks::Making,
};
use crate::{
    core::{Money, Run, RunStatus, RunStep, Span, StepStatus, Timestamp},
    engine::{Engine, EngineError},
    os::clock,
    store::StepChange,
    workflow::{self, Act, Action, Insertion, Part, Scope, Until, advance_by_turns},
};

/// So many starts, then other runs and the ticker's own work have their turn.
const STARTS_AT_ONCE: usize = 64;

/// Where a run stands, and when to look at it again by itself.
pub(super) type Stand = (RunStatus, Option<Timestamp>);

/// Whether a step that is its turn starts.
enum May {
    /// With at most so much money, and with what is noted together with the start.
    Start { cap: Option<Money>, noted: Vec<StepChange> },
    /// What people have approved is another by now.
    AskAgain(Vec<StepChange>),
    /// Another step has the money.
    Later,
    /// What people have approved is not there again yet; when to look, where nothing wakes the run.
    Unseen(Option<Timestamp>),
    /// Nothing starts any more.
    Stop(Stand),
}

/// What an act came to.
enum Came {
    /// The step of this place became another.
    To(usize, StepChange),
    /// Nothing, or nothing yet.
    Nothing,
    /// It waits for money.
    Later,
    /// What else was decided stood on what is no more.
    Anew,
    /// Nothing else is done now.
    Over(Stand),
}

/// A run whose acts are done, as far as it is.
struct Doing<'a> {
    run: &'a Run,
    loaded: &'a Loaded,
    maker: StepMaker,
    steps: &'a mut [RunStep],
    changes: &'a mut Vec<StepChange>,
    starts: usize,
    purses: Purses,
    /// Whether a step waits for money that another has.
    lacks_money: bool,
    /// When to look again at what nothing else wakes the run for.
    looks_at: Option<Timestamp>,
}

impl Engine {
    /// Does what is to be done; returns where the run stands then, and when to look again by itself.
    pub(super) fn go_on(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &mut [RunStep],
        changes: &mut Vec<StepChange>,
        maker: StepMaker,
    ) -> Result<Stand, EngineError> {
        self.decide_expired(run, steps, clock::now())?;
        let purses = Purses::default();
        let mut doing =
            Doing { run, loaded, maker, steps, changes, starts: 0, purses, lacks_money: false, looks_at: None };
        loop {
            // A start that is over at once (a wait of nothing, a prompt that cannot be filled in) may let others go.
            let mut is_settled = true;
            for act in self.acts(&doing)? {
                match self.act(&mut doing, act)? {
                    Came::To(place, one) => {
                        is_settled &= !one.status.is_over();
                        doing.note(place, one);
                    }
                    Came::Nothing => {}
                    Came::Later => {
                        // What costs nothing may have the places.
                        is_settled &= doing.lacks_money;
                        doing.lacks_money = true;
                    }
                    Came::Anew => {
                        is_settled = false;
                        break;
                    }
                    Came::Over(stand) => return Ok(stand),
                }
            }
            if is_settled {
                return Ok((RunStatus::Running, doing.due_at()));
            }
        }
    }

    /// Returns what the rules want of a run as it stands.
    fn acts(&self, doing: &Doing<'_>) -> Result<Vec<Act>, EngineError> {
        let (loaded, steps) = (doing.loaded, &*doing.steps);
        let states: Vec<StepStatus> = steps.iter().map(|step| step.status).collect();
        let mut places = self.places(loaded, steps)?;
        places.lacks_money = doing.lacks_money;
        let mut holds = |place: usize| self.holds(loaded, steps, place);
        let mut turns = |place: usize| places.turn_of(loaded, place);
        Ok(advance_by_turns(&loaded.workflow, &loaded.plan, &states, &mut holds, &mut turns))
    }

    fn act(&self, doing: &mut Doing<'_>, act: Act) -> Result<Came, EngineError> {
        let (run, loaded) = (doing.run, doing.loaded);
        let ended = |steps: &[RunStep], place: usize, status: StepStatus, why: String| {
            Came::To(place, change(&steps[place], status, Some(why)))
        };
        Ok(match act {
            Act::Finish(status) => Came::Over((status, None)),
            Act::Start(place) => self.start(doing, place)?,
            Act::Skip { step, why } => ended(doing.steps, step, StepStatus::Skipped, why),
            Act::Pass { step, why } => ended(doing.steps, step, StepStatus::NotNeeded, why),
            Act::Fail { step, why } => ended(doing.steps, step, StepStatus::Failed, why),
            Act::Win(race) => Came::To(race, self.win(run, loaded, doing.steps, race)?),
            Act::Lose(race) => ended(doing.steps, race, StepStatus::Failed, race::losses(loaded, doing.steps, race)),
            Act::Spare(racer) => match self.spare(run, loaded, doing.steps, racer)? {
                Some(spared) => Came::To(racer, spared),
                None => Came::Nothing,
            },
        })
    }

    /// Starts a step whose turn it is, where wishes, money and people's words let it.
    fn start(&self, doing: &mut Doing<'_>, place: usize) -> Result<Came, EngineError> {
        // Somebody may wish something else by now: what that is decides.
        if doing.starts >= STARTS_AT_ONCE || self.has_new_wish(doing.run)? {
            return Ok(Came::Over((RunStatus::Running, Some(Timestamp(0)))));
        }
        Ok(match self.may_start(doing, place)? {
            May::Start { cap, noted } => {
                doing.take(noted);
                doing.starts += 1;
                let making = Making { maker: doing.maker, cap };
                let one = self.start_step(doing.run, doing.loaded, doing.steps, place, making)?;
                self.promise(&mut doing.purses, &one)?;
                Came::To(place, one)
            }
            May::AskAgain(noted) => {
                doing.take(noted);
                Came::Anew
            }
            May::Later => Came::Later,
            May::Unseen(look_at) => {
                doing.looks_at = doing.looks_at.into_iter().chain(look_at).min();
                Came::Nothing
            }
            May::Stop(stand) => Came::Over(stand),
        })
    }

    fn has_new_wish(&self, run: &Run) -> Result<bool, EngineError> {
        Ok(self.store.read(|view| view.revision_of_run(&run.id))? != Some(run.revision))
    }

    /// Says whether money and people's words let a step start.
    fn may_start(&self, doing: &mut Doing<'_>, place: usize) -> Result<May, EngineError> {
        let (run, loaded, steps) = (doing.run, doing.loaded, &*doing.steps);
        let mut cap = None;
        if asks_agents(loaded, place) {
            match self.funds(&mut doing.purses, run, loaded, &steps[place], (doing.maker.vocabulary)())? {
                Funds::Start(most) => cap = most.map(|most| share(loaded, steps, place, most)),
                Funds::Later => return Ok(May::Later),
                Funds::Spent => return Ok(May::Stop((RunStatus::Paused, None))),
                Funds::SpentAbove(payer, purse) => {
                    self.stop_for_money(&payer, &purse)?;
                    return Ok(May::Stop((RunStatus::Running, Some(clock::now().plus(AGAIN_AFTER)))));
                }
            }
        }
        Ok(match self.leave(run, loaded, steps, place)? {
            Leave::Given(noted) => May::Start { cap, noted },
            Leave::Later(look_at) => May::Unseen(look_at),
            Leave::Gone(noted) => May::AskAgain(noted),
        })
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

impl Doing<'_> {
    fn note(&mut self, place: usize, one: StepChange) {
        // The rows are in the order of the plan.
        apply(&mut self.steps[place], &one);
        self.changes.push(one);
    }

    fn take(&mut self, noted: Vec<StepChange>) {
        take(self.steps, &noted);
        self.changes.extend(noted);
    }

    /// Returns when to look again by itself at a run that goes on.
    fn due_at(&self) -> Option<Timestamp> {
        let waits = self.steps.iter().filter(|step| !step.status.is_over());
        let due = waits.filter_map(|step| step.due_at).min();
        // Only the end of a task of its own wakes it; money may also be promised in a run around it.
        let again = (self.lacks_money && self.run.parent.is_some()).then(|| clock::now().plus(AGAIN_AFTER));
        due.into_iter().chain(again).chain(self.looks_at).min()
    }
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
