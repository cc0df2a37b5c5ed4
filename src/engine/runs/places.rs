//! Who of a run could work if it were started now, and who would only stand in a queue: `max_concurrent` counts those
//! who run, and one who waits for a directory must not keep a place from one who could use it.
//!
//! Must not be needed for what is right: the scheduler holds directories and slots by itself. What cannot be told from
//! the definition alone counts as able to work.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::Loaded;
use crate::{
    core::{BackendName, RunStep, StepStatus, TaskId, overlap},
    engine::{Engine, EngineError},
    workflow::{Action, Step, Turn},
};

/// What is taken, as far as the steps of one run care.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Where steps of this run write.
    own: Vec<Utf8PathBuf>,
    /// Where others write.
    others: Vec<Utf8PathBuf>,
    /// Agents of which as many run as may.
    full: Vec<BackendName>,
    /// Directories by the name that steps have for them.
    known: BTreeMap<String, Option<Utf8PathBuf>>,
    /// Whether it matters: without a bound nobody takes anybody's place.
    is_bound: bool,
    /// Whether steps that cost money wait for others to end.
    pub lacks_money: bool,
}

impl Engine {
    /// Looks at what is taken.
    pub(super) fn places(&self, loaded: &Loaded, steps: &[RunStep]) -> Result<Places, EngineError> {
        let frozen = &loaded.frozen;
        // Beside the agent that asked, its steps share the directory, and only their run keeps them apart.
        let is_bound = loaded.workflow.max_concurrent.is_some() || frozen.asked_by.is_some();
        let mut places = Places { is_bound: is_bound && !frozen.demo, ..Places::default() };
        if !places.is_bound {
            return Ok(places);
        }
        let own: Vec<&TaskId> = steps.iter().filter_map(RunStep::task_at_work).collect();
        for (row, planned) in steps.iter().zip(&loaded.plan.steps) {
            if row.status == StepStatus::Running && !planned.part.is_racer() {
                let root = places.root_of(&loaded.workflow.steps[planned.step], &frozen.working_dir);
                places.own.extend(root);
            }
        }
        let (running, holds) = self.store.read(|view| Ok((view.running()?, view.holds()?)))?;
        let backends: Vec<_> = running.iter().map(|task| task.backend.clone()).collect();
        let is_other = |id: &TaskId| !own.contains(&id) && frozen.asked_by.as_ref() != Some(id);
        places.full = self.limits().full(&backends);
        places.others = running.into_iter().filter(|task| is_other(&task.id)).filter_map(|task| task.writes).collect();
        places.others.extend(holds.into_iter().map(|hold| hold.root));
        Ok(places)
    }
}

impl Places {
    /// Says what a step would do. One that is told to work or to queue has its directory from then on.
    pub fn turn_of(&mut self, loaded: &Loaded, place: usize) -> Turn {
        let planned = &loaded.plan.steps[place];
        let step = &loaded.workflow.steps[planned.step];
        if self.lacks_money && step.action.kind().is_agent() {
            return Turn::Waits;
        }
        if !self.is_bound || planned.part.is_racer() {
            return Turn::Works;
        }
        let root = self.root_of(step, &loaded.frozen.working_dir);
        let meets =
            |taken: &[Utf8PathBuf]| root.as_ref().is_some_and(|root| taken.iter().any(|taken| overlap(taken, root)));
        let named = step.fields.get("backend").and_then(|backend| backend.as_str());
        let is_full = self.full.iter().any(|full| Some(full.as_str()) == named);
        let turn = match (meets(&self.own), meets(&self.others) || is_full) {
            (true, _) => Turn::Waits,
            (false, true) => Turn::Queues,
            (false, false) => Turn::Works,
        };
        if turn != Turn::Waits {
            self.own.extend(root);
        }
        turn
    }

    /// Returns the directory that a step must have for itself, where its own lines say it.
    fn root_of(&mut self, step: &Step, home: &Utf8Path) -> Option<Utf8PathBuf> {
        match &step.action {
            Action::Agent | Action::Command(_) => {}
            Action::Race(_) | Action::Approval { .. } | Action::Workflow { .. } | Action::Wait(_) => return None,
        }
        let field = |name: &str| step.fields.get(name);
        let is = |name: &str, usual: &str| field(name).is_none_or(|value| value == usual);
        let writes = is("posture", "edit") || is("posture", "full");
        if !writes || !is("isolate", "none") || field("share").is_some_and(|share| *share != false) {
            return None;
        }
        let dir = match field("working_dir") {
            None => "",
            Some(dir) => dir.as_str().filter(|dir| !dir.contains("{{"))?,
        };
        let known = self.known.entry(dir.to_owned());
        known.or_insert_with(|| home.join(dir).canonicalize_utf8().ok()).clone()
    }
}
