//! The money of a whole run: what it has cost, and whether a step may start on what is left.
//!
//! What a task may still spend counts as spent until the task is over, so steps that run side by side cannot spend the
//! same money. A step without a budget of its own may spend all that is left, and the next one waits for its end. Costs
//! that nobody knows count as nothing, and are told apart. A nested run pays from its own budget and from those of
//! the runs that it lies in.

use std::collections::{BTreeMap, BTreeSet};

use super::{Loaded, StepMaker};
use crate::{
    backends::COMMAND,
    core::{Category, Ending, Money, Run, RunId, RunStatus, RunStep, StepStatus, Task},
    engine::{Engine, EngineError},
    os::clock,
    store::StepChange,
    workflow::Vocabulary,
};

/// The scripted agent costs what it says, and else nothing.
const DEMO: &str = "demo";

/// What one task has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskCost {
    /// Of all attempts whose cost is known.
    known: Money,
    /// Whether any cost is known.
    is_known: bool,
    /// Whether an agent ran whose cost nobody knows.
    has_unknown: bool,
    /// What it may spend in all while it is not over.
    cap: Option<Money>,
}

/// A budget and what has become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purse {
    pub budget: Money,
    pub spent: Money,
    /// What running tasks may still spend.
    promised: Money,
}

/// Whether money lets a step start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// With at most so much.
    UpTo(Money),
    /// Not before another one is over: what is left is promised.
    Later,
    /// Nothing is left.
    Spent,
}

impl Purse {
    fn of(budget: Money, costs: &[TaskCost]) -> Self {
        let sum = |of: &dyn Fn(&TaskCost) -> u64| Money(costs.iter().map(of).fold(0, u64::saturating_add));
        let open = |cost: &TaskCost| cost.cap.map_or(0, |cap| cap.0.saturating_sub(cost.known.0));
        Self { budget, spent: sum(&|cost| cost.known.0), promised: sum(&open) }
    }

    pub const fn is_spent(&self) -> bool {
        self.spent.0 >= self.budget.0
    }

    const fn means(&self) -> Means {
        let left = self.budget.0.saturating_sub(self.spent.0).saturating_sub(self.promised.0);
        match (self.is_spent(), left) {
            (true, _) => Means::Spent,
            (false, 0) => Means::Later,
            (false, left) => Means::UpTo(Money(left)),
        }
    }

    fn promise(&mut self, cap: Money) {
        self.promised.0 = self.promised.0.saturating_add(cap.0);
    }

    /// Stands for the question whether there is to be more: once there is, it is another.
    pub fn digest(&self) -> String {
        blake3::hash(self.budget.to_string().as_bytes()).to_hex()[..16].to_owned()
    }

    /// Says that it is spent.
    pub fn told(&self) -> String {
        format!("the budget of {} is spent: {} so far", self.budget, self.spent)
    }
}

/// What the steps of a run have cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spending {
    /// Known costs by step, of all its turns and attempts.
    pub by_step: BTreeMap<String, Money>,
    /// Steps of which not every cost is known.
    pub unknown: BTreeSet<String>,
}

impl Spending {
    fn of(costs: Vec<(String, TaskCost)>) -> Self {
        let mut spending = Self::default();
        for (step, cost) in costs {
            if cost.has_unknown {
                spending.unknown.insert(step.clone());
            }
            if cost.is_known {
                let sum = spending.by_step.entry(step).or_default();
                *sum = Money(sum.0.saturating_add(cost.known.0));
            }
        }
        spending
    }

    /// Returns what is known of the whole; `None` where nothing is.
    pub fn known(&self) -> Option<Money> {
        let sum = || self.by_step.values().map(|cost| cost.0).fold(0, u64::saturating_add);
        (!self.by_step.is_empty()).then(|| Money(sum()))
    }
}

/// The purses that a run pays from, looked into once for all steps that start together.
#[derive(Default)]
pub(super) struct Purses(Option<Vec<(RunId, Purse)>>);

impl Purses {
    /// Counts what a task that has just started may spend.
    pub fn promise(&mut self, cap: Option<Money>) {
        for (_, purse) in self.0.iter_mut().flatten() {
            purse.promise(cap.unwrap_or(purse.budget));
        }
    }

    fn means(&self) -> Option<(&RunId, Purse, Means)> {
        let ranked = |means: &Means| match means {
            Means::Spent => (0, 0),
            Means::Later => (1, 0),
            Means::UpTo(left) => (2, left.0),
        };
        let all = self.0.iter().flatten().map(|(id, purse)| (id, *purse, purse.means()));
        all.min_by_key(|(_, _, means)| ranked(means))
    }
}

/// Whether a step that costs money may start.
pub(super) enum Funds {
    /// With at most so much, where there is a budget.
    Start(Option<Money>),
    Later,
    /// The budget of this run is spent.
    Spent,
    /// The budget of a run that this one lies in is spent.
    SpentAbove(RunId, Purse),
}

impl Engine {
    /// Returns what the steps of a run have cost.
    ///
    /// # Errors
    /// The store or the files cannot be read.
    pub fn spending(&self, id: &RunId) -> Result<Spending, EngineError> {
        Ok(Spending::of(self.costs_of(id)?))
    }

    /// Returns the budget of a run with what is spent of it; `None` without one.
    ///
    /// # Errors
    /// The store or the files cannot be read.
    pub fn purse(&self, run: &Run, loaded: &Loaded) -> Result<Option<Purse>, EngineError> {
        let Some(budget) = budget_of(run, loaded) else { return Ok(None) };
        let costs: Vec<_> = self.costs_of(&run.id)?.into_iter().map(|(_, cost)| cost).collect();
        Ok(Some(Purse::of(budget, &costs)))
    }

    /// Returns the purse of a run that stands still because it is empty.
    ///
    /// # Errors
    /// The store or the files cannot be read.
    pub fn empty_purse(&self, run: &Run, vocabulary: &Vocabulary) -> Result<Option<Purse>, EngineError> {
        if run.status != RunStatus::Paused {
            return Ok(None);
        }
        let loaded = self.definition(run, vocabulary)?;
        Ok(self.purse(run, &loaded)?.filter(Purse::is_spent))
    }

    /// Allows a run that has spent its budget the same amount once more, and lets it go on. Doing it twice is as good
    /// as once.
    ///
    /// # Errors
    /// The run does not wait for money, or the same amount is nothing.
    pub fn allow_more(&self, id: &RunId, vocabulary: &Vocabulary) -> Result<Run, EngineError> {
        let run = self.run_state(id)?.run;
        let Some(purse) = self.empty_purse(&run, vocabulary)? else {
            if run.budget.is_some() && !run.status.is_terminal() {
                return Ok(run);
            }
            return Err(EngineError::Conflict {
                message: format!("run `{id}` does not wait for money: it is {}", run.status.as_str()),
                hint: "`mgr inbox` lists what waits for a person".into(),
            });
        };
        let amount = self.definition(&run, vocabulary)?.workflow.budget.unwrap_or(purse.budget);
        if amount == Money(0) {
            return Err(EngineError::Invalid {
                message: format!("the budget of run `{id}` is {amount}: as much again is nothing"),
                hint: format!(
                    "`mgr workflow resume {id} --budget '$N'` sets another, `mgr workflow cancel {id}` ends it"
                ),
            });
        }
        let raised = Money(purse.budget.0.saturating_add(amount.0));
        // What was overspent is not to stop it again at once.
        let budget = if raised > purse.spent { raised } else { Money(purse.spent.0.saturating_add(amount.0)) };
        // The nested runs that its pause has stopped go on with it.
        Ok(self.resume_run(id, Some(budget))?.run)
    }

    /// Says whether there is money for a step that asks an agent.
    pub(super) fn funds(
        &self,
        purses: &mut Purses,
        run: &Run,
        loaded: &Loaded,
        row: &RunStep,
        vocabulary: &Vocabulary,
    ) -> Result<Funds, EngineError> {
        if loaded.frozen.demo {
            return Ok(Funds::Start(None));
        }
        if purses.0.is_none() {
            purses.0 = Some(self.purses_of(run, loaded, vocabulary)?);
        }
        let Some((payer, purse, means)) = purses.means() else { return Ok(Funds::Start(None)) };
        // A task that a crash has left without a note has its money already.
        let name = format!("{}/{}/{}", run.id, row.step, row.turn);
        if self.store.read(|view| view.has_request(&name))? {
            return Ok(Funds::Start(None));
        }
        Ok(match means {
            Means::UpTo(left) => Funds::Start(Some(left)),
            Means::Later => Funds::Later,
            Means::Spent if *payer == run.id => Funds::Spent,
            Means::Spent => Funds::SpentAbove(payer.clone(), purse),
        })
    }

    /// Counts what a step that has just started may spend.
    pub(super) fn promise(&self, purses: &mut Purses, started: &StepChange) -> Result<(), EngineError> {
        let Some(id) = started.task.as_ref().filter(|_| purses.0.is_some()) else { return Ok(()) };
        if let Some(task) = self.store.read(|view| view.task(id))?.filter(|task| task.spec.backend != COMMAND) {
            purses.promise(task.spec.budget);
        }
        Ok(())
    }

    /// Returns why the driver has paused a run.
    pub(super) fn why_paused(
        &self,
        run: &Run,
        status: RunStatus,
        maker: StepMaker,
    ) -> Result<Option<String>, EngineError> {
        if status != RunStatus::Paused || run.status != RunStatus::Running {
            return Ok(None);
        }
        let loaded = self.definition(run, (maker.vocabulary)())?;
        Ok(self.purse(run, &loaded)?.map(|purse| purse.told()))
    }

    /// Pauses a run whose budget a run beneath it has spent; its own driver stops what lies in it.
    pub(super) fn stop_for_money(&self, payer: &RunId, purse: &Purse) -> Result<(), EngineError> {
        let run = self.run_state(payer)?.run;
        self.store.write(|writing| Ok::<_, EngineError>(writing.stop_run(&run, &purse.told(), clock::now())?))?;
        self.poke();
        Ok(())
    }

    fn purses_of(
        &self,
        run: &Run,
        loaded: &Loaded,
        vocabulary: &Vocabulary,
    ) -> Result<Vec<(RunId, Purse)>, EngineError> {
        let mut purses: Vec<_> = self.purse(run, loaded)?.map(|purse| (run.id.clone(), purse)).into_iter().collect();
        let mut parent = run.parent.clone();
        while let Some((id, _)) = parent {
            let above = self.run_state(&id)?.run;
            let loaded = self.definition(&above, vocabulary)?;
            purses.extend(self.purse(&above, &loaded)?.map(|purse| (id, purse)));
            parent = above.parent;
        }
        Ok(purses)
    }

    /// Takes up again what the end of the run's money has cut short: it failed for no reason of its own, and runs
    /// once there is more.
    pub(super) fn put_back(
        &self,
        run: &Run,
        steps: &mut [RunStep],
        changes: &mut Vec<StepChange>,
        maker: StepMaker,
    ) -> Result<(), EngineError> {
        let has_failed = changes.iter().any(|change| change.status == StepStatus::Failed);
        if run.status.is_terminal() || !has_failed {
            return Ok(());
        }
        let Ok(loaded) = self.definition(run, (maker.vocabulary)()) else { return Ok(()) };
        if loaded.frozen.demo || budget_of(run, &loaded).is_none() {
            return Ok(());
        }
        let is_cut = |task: &Task| task.failure().is_some_and(|failure| failure.category == Category::Budget);
        let mut cut = Vec::new();
        for change in changes.iter().filter(|change| change.status == StepStatus::Failed) {
            let Some(row) = steps.iter().find(|row| row.step == change.step) else { continue };
            let Some(id) = &row.task else { continue };
            if self.store.read(|view| view.task(id))?.is_some_and(|task| is_cut(&task)) {
                cut.push((change.step.clone(), change.turn));
            }
        }
        if cut.is_empty() || !self.purse(run, &loaded)?.is_some_and(|purse| purse.is_spent()) {
            return Ok(());
        }
        self.store.write(|writing| {
            for (step, turn) in &cut {
                writing.run_step_again(&run.id, step, *turn)?;
            }
            Ok::<_, EngineError>(())
        })?;
        changes.retain(|change| !cut.iter().any(|(step, _)| *step == change.step));
        let known = self.store.read(|view| view.run_steps(&run.id))?;
        for row in steps.iter_mut().filter(|row| cut.iter().any(|(step, _)| *step == row.step)) {
            if let Some(now) = known.iter().find(|now| now.step == row.step) {
                row.clone_from(now);
            }
        }
        Ok(())
    }

    /// Returns the tasks that a run pays for, of all turns and of all runs beneath it, with the step of this run and
    /// with what each has cost.
    fn costs_of(&self, id: &RunId) -> Result<Vec<(String, TaskCost)>, EngineError> {
        let of_run = |id: &RunId| self.store.read(|view| view.tasks_of_run(id));
        let mut costs = Vec::new();
        for task in of_run(id)? {
            costs.push((task.spec.lineage.step.clone().unwrap_or_default(), self.cost_of_task(&task)?));
        }
        for (beneath, step) in self.store.read(|view| view.runs_beneath(id))? {
            for task in of_run(&beneath)? {
                costs.push((step.clone(), self.cost_of_task(&task)?));
            }
        }
        Ok(costs)
    }

    fn cost_of_task(&self, task: &Task) -> Result<TaskCost, EngineError> {
        let is_over = task.status().is_terminal();
        let mut cost = TaskCost { cap: task.spec.budget.filter(|_| !is_over), ..TaskCost::default() };
        if task.spec.backend == COMMAND {
            return Ok(cost);
        }
        for attempt in &task.attempts {
            let usd = match &attempt.ended {
                Some(end) => end.cost.usd,
                None => self.digest_of(task)?.and_then(|digest| self.cost_of(&digest, &attempt.backend).usd),
            };
            if let Some(money) = usd.and_then(Money::from_dollars) {
                cost.known.0 = cost.known.0.saturating_add(money.0);
                cost.is_known = true;
            }
            // One that never began has cost nothing, and a running one may still say it.
            let began = |ending| !matches!(ending, Ending::LaunchFailed | Ending::NotArchived);
            let is_paid = attempt.backend.as_str() != DEMO;
            cost.has_unknown |= is_paid && usd.is_none() && attempt.ended.as_ref().is_some_and(|end| began(end.ending));
        }
        Ok(cost)
    }
}

/// Returns the most that a run may cost: what somebody allowed since, else what the definition says.
fn budget_of(run: &Run, loaded: &Loaded) -> Option<Money> {
    run.budget.or(loaded.workflow.budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(known: u64) -> TaskCost {
        TaskCost { known: Money(known), is_known: true, ..TaskCost::default() }
    }

    fn running(known: u64, cap: u64) -> TaskCost {
        TaskCost { cap: Some(Money(cap)), ..over(known) }
    }

    #[test]
    fn what_is_left_is_what_is_neither_spent_nor_promised() {
        let rows: [(&[TaskCost], Means); 7] = [
            (&[], Means::UpTo(Money(10))),
            (&[over(3)], Means::UpTo(Money(7))),
            (&[over(3), running(1, 4)], Means::UpTo(Money(3))),
            (&[over(3), running(1, 7)], Means::Later),
            // More than promised was spent: what was spent counts.
            (&[running(8, 4)], Means::UpTo(Money(2))),
            (&[over(3), running(7, 7)], Means::Spent),
            (&[over(12), running(0, 4)], Means::Spent),
        ];
        for (costs, means) in rows {
            assert_eq!(Purse::of(Money(10), costs).means(), means, "{costs:?}");
        }
    }

    #[test]
    fn steps_that_start_together_never_get_more_than_there_is() {
        let mut purse = Purse::of(Money(10), &[over(1)]);
        let mut given = Vec::new();
        for own in [Some(4), Some(4), None, Some(4), None] {
            let Means::UpTo(left) = purse.means() else {
                assert_eq!(purse.means(), Means::Later);
                continue;
            };
            let cap = own.map_or(left, |own| Money(own).min(left));
            purse.promise(cap);
            given.push(cap.0);
        }
        assert_eq!(given, [4, 4, 1]);
    }

    #[test]
    fn the_emptiest_purse_decides() {
        let id = |text: &str| text.parse::<RunId>().unwrap();
        let (own, above) = (id("1qeh23kkfnwydp83c0z65"), id("1qeh23kkfnwydp83c0z66"));
        let purses = |spent: u64| {
            let own = (own.clone(), Purse::of(Money(10), &[over(3)]));
            Purses(Some(vec![own, (above.clone(), Purse::of(Money(8), &[over(spent)]))]))
        };
        assert_eq!(purses(4).means().map(|(id, _, means)| (id, means)), Some((&above, Means::UpTo(Money(4)))));
        assert_eq!(purses(0).means().map(|(_, _, means)| means), Some(Means::UpTo(Money(7))));
        assert_eq!(purses(8).means().map(|(id, _, means)| (id, means)), Some((&above, Means::Spent)));
    }
}
