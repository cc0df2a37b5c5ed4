//! Runs that stand still. Must not start steps.
//!
//! A pause is one transaction: the run, the tasks of it that run or wait, and the runs of its nested workflows. What
//! it has paused is written down with it, so that a resume lets go on just that, and a task that a person paused
//! stays so. Keepers hear of it afterwards; the ticker repeats an order until it is carried out.

use super::{RunState, no_run, record::About};
use crate::{
    core::{HoldReason, Input, Money, Run, RunId, RunStatus, State, TaskId, Timestamp, decide},
    engine::{
        Engine, EngineError,
        reconcile::running_attempt,
        settle::{News, Settled},
    },
    keeper::contract::Order,
    os::clock,
    store::{Pause, StoreError, View, Writing},
};

/// What stands for the money of a run where steps have names.
const BUDGET: &str = "budget";

impl Engine {
    /// Pauses a run: nothing new is started, and unless `let_run` what runs stands still. Doing it twice is as good
    /// as once; a pause that let run may be made stricter. `said` is who said so, for people.
    ///
    /// # Errors
    /// The run is over, or the store cannot be written.
    pub fn pause_run(&self, id: &RunId, let_run: bool, said: &str) -> Result<RunState, EngineError> {
        self.reconcile()?;
        let settled = self.store.write(|writing| {
            let Some(run) = writing.view().run(id)? else { return Err(no_run(id.as_str())) };
            let mut settled = Settled::default();
            let now = clock::now();
            let is_paused = run.status == RunStatus::Paused;
            if run.status.is_terminal() {
                return Err(over(&run));
            }
            if is_paused && (let_run || run.freezes) {
                return Ok(settled);
            }
            let why = run.why.as_deref().filter(|_| is_paused).unwrap_or(said);
            writing.pause_run(id, &Pause { why, freezes: !let_run, with: run.paused_with.as_ref() }, now)?;
            self.stand_still(writing, id, !let_run, now, &mut settled)?;
            Ok(settled)
        })?;
        crate::os::failpoint::hit("run.after_pause");
        self.after_commit(&settled)?;
        self.pass_on(&settled, &Order::Pause);
        self.keep_word(id, "paused", About::Nothing);
        self.wake_driver()?;
        self.run_state(id)
    }

    /// Lets a paused run go on, with a new budget where one is given. What a person paused singly stays paused.
    ///
    /// # Errors
    /// The run is over, or was paused with the run that it belongs to, or a task wants to give money, or the budget is
    /// nothing.
    pub fn resume_run(&self, id: &RunId, budget: Option<Money>) -> Result<RunState, EngineError> {
        self.reconcile()?;
        if budget.is_some() {
            self.check_person(id, BUDGET)?;
        }
        if budget == Some(Money(0)) {
            return Err(EngineError::Invalid {
                message: "a budget of $0.00 lets nothing go on".into(),
                // To a shell, `$10` is something else than ten dollars.
                hint: format!("`mgr workflow resume {id} --budget '$N'`, with the quotes"),
            });
        }
        let settled = self.store.write(|writing| {
            let Some(run) = writing.view().run(id)? else { return Err(no_run(id.as_str())) };
            let mut settled = Settled::default();
            if run.status.is_terminal() {
                return Err(over(&run));
            }
            if let Some(with) = &run.paused_with {
                return Err(EngineError::Conflict {
                    message: format!("run `{id}` was paused with run `{with}`, which it belongs to"),
                    hint: format!("`mgr workflow resume {with}` lets both go on"),
                });
            }
            let now = clock::now();
            if let Some(budget) = budget {
                writing.set_budget(id, budget)?;
                writing.touch_run(id, now)?;
            }
            if run.status == RunStatus::Paused {
                self.let_go(writing, id, now, &mut settled)?;
                self.advance(writing, now, &mut settled)?;
            }
            Ok(settled)
        })?;
        crate::os::failpoint::hit("run.after_resume");
        self.after_commit(&settled)?;
        self.pass_on(&settled, &Order::Resume);
        self.keep_word(id, "resumed", About::Nothing);
        self.wake_driver()?;
        self.run_state(id)
    }

    /// Pauses what came to a paused run while it was being paused, or what a delay has let go since; returns when to
    /// look again. The driver's work.
    pub(super) fn stay_paused(&self, run: &Run) -> Result<Option<Timestamp>, EngineError> {
        let settled = self.store.write(|writing| {
            let mut settled = Settled::default();
            // Somebody may have let it go on since it was read: what is paused now, nobody would resume.
            if writing.view().run(&run.id)?.is_some_and(|now| now.status == RunStatus::Paused) {
                self.stand_still(writing, &run.id, run.freezes, clock::now(), &mut settled)?;
            }
            Ok::<_, EngineError>(settled)
        })?;
        self.after_commit(&settled)?;
        self.pass_on(&settled, &Order::Pause);
        if !run.freezes {
            return Ok(None);
        }
        let held_until = |task: &crate::core::Task| match &task.state {
            State::Held { until, .. } => *until,
            State::Queued { .. }
            | State::Running { .. }
            | State::Paused { .. }
            | State::Ending { .. }
            | State::Finished { .. } => None,
        };
        Ok(self.store.read(|view| view.live_tasks_of_run(&run.id))?.iter().filter_map(held_until).min())
    }

    /// Pauses the tasks of a run and the runs of its nested workflows, all that are not paused already; without
    /// `freezes` only the tasks that have not begun. A task that this pause has paused before and that runs was resumed
    /// by a person: it goes on.
    fn stand_still(
        &self,
        writing: &Writing<'_>,
        run: &RunId,
        freezes: bool,
        now: Timestamp,
        settled: &mut Settled,
    ) -> Result<(), EngineError> {
        let known = writing.view().tasks_paused_with(run)?;
        for task in writing.view().live_tasks_of_run(run)? {
            let is_meant = (freezes || task.attempts.is_empty()) && !known.contains(&task.id);
            if is_meant && matches!(decide(&task.state, &Input::PauseAsked), Ok(Some(_))) {
                self.apply(writing, [wish(&task.id, Input::PauseAsked)].into(), now, settled)?;
                writing.add_paused_task(run, &task.id)?;
            }
        }
        for child in writing.view().children_of(run)? {
            let is_stricter = child.status == RunStatus::Paused && freezes && !child.freezes;
            if child.status == RunStatus::Running || (is_stricter && child.paused_with.as_ref() == Some(run)) {
                let why = format!("run {run} is paused");
                writing.pause_run(&child.id, &Pause { why: &why, freezes, with: Some(run) }, now)?;
                self.stand_still(writing, &child.id, freezes, now, settled)?;
            }
        }
        Ok(())
    }

    fn let_go(
        &self,
        writing: &Writing<'_>,
        run: &RunId,
        now: Timestamp,
        settled: &mut Settled,
    ) -> Result<(), EngineError> {
        for id in writing.view().tasks_paused_with(run)? {
            if was_paused(&writing.view(), &id)? {
                self.apply(writing, [wish(&id, Input::ResumeAsked)].into(), now, settled)?;
            }
        }
        for child in writing.view().children_of(run)? {
            if child.status == RunStatus::Paused && child.paused_with.as_ref() == Some(run) {
                self.let_go(writing, &child.id, now, settled)?;
            }
        }
        Ok(writing.wish_of_run(run, RunStatus::Running, now)?)
    }

    /// Tells the keepers of what has just been paused or resumed.
    fn pass_on(&self, settled: &Settled, order: &Order) {
        for task in &settled.changed {
            if let (State::Paused { .. } | State::Running { .. }, Some(attempt)) = (&task.state, running_attempt(task))
            {
                self.give(&self.attempt_dir(&task.id, attempt.number), order);
            }
        }
    }
}

/// Whether a task stands still because somebody said so: what waits for another try was not paused.
fn was_paused(view: &View<'_>, id: &TaskId) -> Result<bool, StoreError> {
    let state = view.task(id)?.map(|task| task.state);
    Ok(matches!(state, Some(State::Paused { .. } | State::Held { reason: HoldReason::User | HoldReason::Rebuilt, .. })))
}

fn wish(task: &TaskId, input: Input) -> News {
    News { task: task.clone(), input, end: None }
}

/// Refuses a wish about a run that is over, with what may be wished instead.
pub(super) fn over(run: &Run) -> EngineError {
    let (id, status) = (&run.id, run.status.as_str());
    let hint = match run.status {
        RunStatus::Failed | RunStatus::Cancelled => {
            format!("`mgr workflow retry {id}` runs again what did not succeed")
        }
        RunStatus::Done | RunStatus::Running | RunStatus::Paused => {
            format!("`mgr workflow retry {id} STEP` runs one step again; `mgr workflow status {id}` names them")
        }
    };
    EngineError::Conflict { message: format!("run `{id}` is over already: {status}"), hint }
}
