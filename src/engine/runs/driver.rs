//! The driver of workflow runs: notes ends, decides, starts what is next.
//!
//! Must run in one process at a time, the ticker, and may do anything twice: a step's task is submitted under
//! the name RUN/STEP/TURN, which the store keeps unique, so a crash between a submit and the note of it gives the
//! same task again. What is decided hangs on what is stored alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Loaded, StepMaker, acts::Stand, change, race, record::About, reuse::is_taken, review::ancestors};
use crate::{
    core::{Run, RunId, RunStatus, RunStep, Span, Status, StepStatus, Task, Timestamp, Verification},
    engine::{Engine, EngineError},
    os::clock,
    store::StepChange,
    workflow::Plan,
};

/// After an error that may pass, such as a full disk.
pub(super) const AGAIN_AFTER: Span = Span::from_secs(2);

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
        let (status, due_at) = self.stand(run, &definition, &mut steps, &mut changes, maker)?;
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
        let asked = definition.map_or_else(|_| Vec::new(), |loaded| asked_with(&loaded.plan, &steps, &changes));
        self.keep_words(run, &asked, status.is_terminal() && due_at.is_none());
        self.poke();
        Ok(())
    }

    /// Does what is to be done; returns where the run stands then, and when to look again by itself.
    fn stand(
        &self,
        run: &Run,
        definition: &Result<Arc<Loaded>, EngineError>,
        steps: &mut [RunStep],
        changes: &mut Vec<StepChange>,
        maker: StepMaker,
    ) -> Result<Stand, EngineError> {
        Ok(match (run.status, definition) {
            (RunStatus::Running, Ok(loaded)) => {
                race::name_spared(loaded, steps, changes);
                self.go_on(run, loaded, steps, changes, maker)?
            }
            (RunStatus::Running, Err(error)) => (give_up(error, steps, changes), None),
            (RunStatus::Paused, _) => (run.status, self.stay_paused(run)?),
            (RunStatus::Cancelled, _) => {
                self.wind_down(run, steps, changes)?;
                (run.status, None)
            }
            (RunStatus::Done | RunStatus::Failed, _) => (run.status, None),
        })
    }

    /// Writes to the run's file what a new database must know as well.
    fn keep_words(&self, run: &Run, asked: &[String], has_ended: bool) {
        if !asked.is_empty() {
            // So that the time to answer does not begin anew with a new database.
            self.keep_word(&run.id, "asked", About::Steps(asked));
        }
        if has_ended {
            self.keep_word(&run.id, "ended", About::All);
        }
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
}

/// Returns the name under which the task, or the nested run, of a step's turn is asked for.
pub(super) fn ask_of(run: &Run, row: &RunStep) -> String {
    format!("{}/{}/{}", run.id, row.step, row.turn)
}

/// Returns the steps that changes of questions are about: those who ask or whose word has counted, and those that were
/// looked at. What the latter came to their files do not tell alone: who won a race, what was skipped, which run was
/// nested.
fn asked_with(plan: &Plan, steps: &[RunStep], changes: &[StepChange]) -> Vec<String> {
    let with_question = changes.iter().filter(|change| change.question.is_some());
    let asked: BTreeSet<&str> = with_question.map(|change| change.step.as_str()).collect();
    let mut told = asked.clone();
    for (place, _) in steps.iter().enumerate().filter(|(_, row)| asked.contains(row.step.as_str())) {
        let before = ancestors(plan, place).into_iter().filter_map(|before| steps.get(before));
        // A question among them was told of when it was asked, and its word when it was given.
        told.extend(before.filter(|row| row.question.is_none()).map(|row| row.step.as_str()));
    }
    told.into_iter().map(str::to_owned).collect()
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
