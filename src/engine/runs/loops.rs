//! Loops: whether a step whose run is over runs once more.
//!
//! Must not start anything: the next turn is written down together with the end of the one before, and only then the
//! driver starts what is to be done. A crash in between asks the same question of the same facts again.

use super::{Loaded, change, driver::take};
use crate::{
    core::{Run, RunStep, StepStatus, Timestamp},
    engine::{Engine, EngineError},
    os::clock,
    store::StepChange,
    workflow::{AfterRun, RunOver},
};

impl Engine {
    /// Turns ends of runs of loops into what they mean for their steps. When a loop begins anew, `changes` are on
    /// the disk afterwards and none are left.
    pub(super) fn go_round(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &mut [RunStep],
        changes: &mut Vec<StepChange>,
    ) -> Result<(), EngineError> {
        // In a demo nothing is verified, and most conditions would never hold.
        if loaded.frozen.demo {
            return Ok(());
        }
        let mut again = 0;
        for change in changes.iter_mut() {
            let Some(place) = steps.iter().position(|row| row.step == change.step) else { continue };
            if let Some(instead) = self.after_run(run, loaded, steps, place, again)? {
                again += u32::from(instead.loops_on);
                *change = instead;
                take(steps, std::slice::from_ref(change));
            }
        }
        if again > 0 {
            // What is due is the next turn: with the end noted, nothing else would wake the driver after a crash.
            self.store.write(|writing| {
                writing.change_steps(&run.id, changes)?;
                writing.keep_run(run, run.status, Some(Timestamp(0)), clock::now()).map_err(EngineError::from)
            })?;
            changes.clear();
            crate::os::failpoint::hit("driver.after_renewal");
        }
        Ok(())
    }

    /// Returns what the step becomes instead of ending as its run has.
    fn after_run(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &[RunStep],
        place: usize,
        again: u32,
    ) -> Result<Option<StepChange>, EngineError> {
        let (row, planned) = (&steps[place], &loaded.plan.steps[place]);
        let Some(repeat) = &loaded.workflow.steps[planned.step].repeat else { return Ok(None) };
        let repeats = self.store.read(|view| {
            let root = view.ancestors_of_run(&run.id)?.pop();
            view.loops_of_family(root.as_ref().map_or(&run.id, |root| &root.id))
        })?;
        let reason = row.reason.as_deref();
        let over = RunOver { status: row.status, reason, runs: row.loops + 1, repeats: repeats + again };
        let holds = || {
            let Some(until) = &repeat.until else { return Ok(true) };
            let scope = self.scope(loaded, steps, Some(planned), &until.references);
            until.holds(&scope.map_err(|error| error.to_string())?).map_err(|error| error.message)
        };
        Ok(match repeat.after(over, planned.most_runs, holds) {
            AfterRun::Stands => None,
            AfterRun::Again => Some(StepChange { loops_on: true, ..change(row, StepStatus::Waiting, None) }),
            AfterRun::Fails(why) => Some(change(row, StepStatus::Failed, Some(why))),
        })
    }
}
