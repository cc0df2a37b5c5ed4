//! Runs of workflows: taking them on, and what people wish about them.
//!
//! Must not start steps: the driver does, in one process at a time. What is written here makes it look.
//!
//! A run is frozen at its start: definition, parameters, directory. Its steps are rows of their own, each with the
//! number of its turn. A step that is asked for again gets the next turn; news about an earlier one changes nothing.

mod approvals;
mod budget;
mod driver;
mod facts;
mod review;
mod tasks;
mod wishes;

pub use approvals::Answer;
pub use budget::Purse;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    core::{Run, RunId, RunStatus, RunStep, StepStatus, Task, TaskId, TaskRef},
    engine::{Ask, Engine, EngineError},
    os::{clock, random},
    store::{NewRun, StepChange},
    workflow::{Known, Plan, Source, Vocabulary, Workflow, check},
};

/// How the fields of a step become a task. What a task's fields are is known to the operations above only.
#[derive(Clone, Copy)]
pub struct StepMaker {
    pub vocabulary: fn() -> Vocabulary,
    pub ask: fn(&Engine, Map<String, Value>) -> Result<Ask, String>,
}

/// What a run keeps of its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    pub v: u32,
    /// The definition in a form that reads as the same workflow again.
    pub workflow: Value,
    pub params: Map<String, Value>,
    pub working_dir: Utf8PathBuf,
    /// Every agent is the scripted one, and nothing is run, asked or waited for.
    pub demo: bool,
    /// The file it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Utf8PathBuf>,
    /// The template it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Values of the environment variables that the workflow declares.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub env: Map<String, Value>,
    /// Whether nobody is there to answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unattended: bool,
    /// BLAKE3 of definition and parameters.
    pub digest: String,
}

/// A run that is asked for.
#[derive(Clone, Copy)]
pub struct RunAsk<'a> {
    pub name: &'a str,
    pub frozen: &'a Frozen,
    pub plan: &'a Plan,
    pub request_id: Option<&'a str>,
    /// The run and the step of it that the new one is the workflow of.
    pub parent: Option<(&'a RunId, &'a str)>,
}

/// A run's definition, read again.
#[derive(Debug)]
pub struct Loaded {
    pub frozen: Frozen,
    pub workflow: Workflow,
    pub plan: Plan,
}

/// Definitions that were read before: reading a thousand steps takes longer than starting one.
#[derive(Default)]
pub(in crate::engine) struct Definitions(Mutex<BTreeMap<RunId, Arc<Loaded>>>);

/// More runs than this at once are read again.
const MOST_DEFINITIONS: usize = 32;

/// A run with all that is known of it.
#[derive(Clone, Debug)]
pub struct RunState {
    pub run: Run,
    pub steps: Vec<RunStep>,
}

impl Engine {
    /// Takes on a run. When this returns, it is on the disk and the driver is on its way; a request that was sent
    /// before returns its run.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn start_run(&self, ask: &RunAsk<'_>) -> Result<RunId, EngineError> {
        let id = TaskId::new(clock::now(), random::bits());
        // Our own type with string keys: this cannot fail.
        let definition = serde_json::to_string(ask.frozen).unwrap_or_default();
        let steps: Vec<String> = ask.plan.steps.iter().map(|step| step.id.to_string()).collect();
        let taken = self.store.write(|writing| {
            if let Some(request_id) = ask.request_id
                && let Some(known) = writing.view().run_of_request(request_id)?
            {
                return Ok::<_, EngineError>(known);
            }
            let new = NewRun {
                id: &id,
                name: ask.name,
                definition: &definition,
                request_id: ask.request_id,
                parent: ask.parent,
                template: ask.frozen.template.as_deref(),
                steps: &steps,
                now: clock::now(),
            };
            writing.add_run(&new)?;
            Ok(id.clone())
        })?;
        crate::os::failpoint::hit("run.after_commit");
        self.wake_driver()?;
        Ok(taken)
    }

    /// # Errors
    /// There is no such run.
    pub fn run_state(&self, id: &RunId) -> Result<RunState, EngineError> {
        let found = self.store.read(|view| Ok((view.run(id)?, view.run_steps(id)?)))?;
        match found {
            (Some(run), steps) => Ok(RunState { run, steps }),
            (None, _) => Err(no_run(id.as_str())),
        }
    }

    /// # Errors
    /// The store cannot be read.
    pub fn runs(&self, status: Option<RunStatus>, limit: u32) -> Result<Vec<Run>, EngineError> {
        Ok(self.store.read(|view| view.runs(status, limit))?)
    }

    /// Returns the run that a reference means.
    ///
    /// # Errors
    /// It fits none, or more than one.
    pub fn resolve_run(&self, reference: &TaskRef) -> Result<RunId, EngineError> {
        let mut found = self.store.read(|view| view.matching_runs(reference))?.into_iter();
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id),
            (Some(first), Some(second)) => {
                Err(EngineError::Ambiguous { reference: reference.to_string(), first, second })
            }
            (None, _) => Err(no_run(&reference.to_string())),
        }
    }

    /// Returns what a run was started with.
    ///
    /// # Errors
    /// It cannot be read any more, for instance because a backend that it names is gone.
    pub fn definition(&self, run: &Run, vocabulary: &Vocabulary) -> Result<Arc<Loaded>, EngineError> {
        let mut known = self.definitions.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = known.get(&run.id) {
            return Ok(loaded.clone());
        }
        let loaded = Arc::new(self.read_definition(run, vocabulary)?);
        if known.len() >= MOST_DEFINITIONS {
            known.clear();
        }
        known.insert(run.id.clone(), loaded.clone());
        Ok(loaded)
    }

    fn read_definition(&self, run: &Run, vocabulary: &Vocabulary) -> Result<Loaded, EngineError> {
        let unreadable = |why: String| EngineError::Invalid {
            message: format!("the definition of run `{}` cannot be read: {why}", run.id),
            hint: "start the workflow again".into(),
        };
        let frozen: Frozen = serde_json::from_str(&run.definition).map_err(|error| unreadable(error.to_string()))?;
        let backends: Vec<String> = self.backend_names().iter().map(ToString::to_string).collect();
        let roles: Vec<String> = crate::engine::roles().into_iter().map(|role| role.name).collect();
        // Nested files were written out when it was frozen.
        let load = |path: &str| Err(format!("`{path}` is a file"));
        let known = Known { backends: &backends, roles: &roles, task: vocabulary, load: &load };
        let checked = check(Source::Json(&frozen.workflow), Some(&frozen.params), &known);
        match (checked.workflow, checked.plan) {
            (Some(workflow), Some(plan)) => Ok(Loaded { frozen, workflow, plan }),
            (_, _) => {
                let first = checked.faults.first().map(|fault| fault.message.clone());
                Err(unreadable(first.unwrap_or_default()))
            }
        }
    }

    /// Returns why a live run still needs a task of its steps: later ones may ask what it said.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn need_of_run(&self, task: &Task) -> Result<Option<String>, EngineError> {
        let Some(id) = &task.spec.lineage.workflow else { return Ok(None) };
        let run = self.store.read(|view| view.run(id))?;
        let is_live = run.is_some_and(|run| !run.status.is_terminal());
        Ok(is_live.then(|| format!("the workflow run {id} is not over")))
    }

    /// Makes sure that somebody drives what there is to drive, and wakes who waits.
    fn wake_driver(&self) -> Result<(), EngineError> {
        self.poke();
        self.ensure_ticker()
    }
}

impl RunStep {
    /// Returns the task of a step that runs.
    pub fn task_at_work(&self) -> Option<&TaskId> {
        self.task.as_ref().filter(|_| self.status == StepStatus::Running)
    }
}

/// Returns the change of a step in its present turn.
fn change(step: &RunStep, status: StepStatus, reason: Option<String>) -> StepChange {
    StepChange {
        step: step.step.clone(),
        turn: step.turn,
        status,
        task: None,
        child: None,
        reason,
        due_at: None,
        question: None,
    }
}

fn no_run(reference: &str) -> EngineError {
    EngineError::NotFound {
        message: format!("no workflow run `{reference}`"),
        hint: "`mgr workflow list` shows the runs that there are".into(),
    }
}
