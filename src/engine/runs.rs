//! Runs of workflows: taking them on, and what people wish about them.
//!
//! Must not start steps: the driver does, in one process at a time. What is written here makes it look.
//!
//! A run is frozen at its start: definition, parameters, directory. Its steps are rows of their own, each with the
//! number of its turn. A step that is asked for again gets the next turn; news about an earlier one changes nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Ask, Engine, EngineError, settle::News};
use crate::{
    core::{Ending, Input, Run, RunId, RunStatus, RunStep, Span, StepStatus, Task, TaskId, TaskRef},
    os::{clock, random},
    store::{NewRun, StepChange},
    workflow::{Known, Plan, Source, Vocabulary, Workflow, check, descendants},
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
    /// BLAKE3 of definition and parameters.
    pub digest: String,
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
pub(super) struct Definitions(Mutex<BTreeMap<RunId, Arc<Loaded>>>);

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
    pub fn start_run(
        &self,
        name: &str,
        frozen: &Frozen,
        plan: &Plan,
        request_id: Option<&str>,
    ) -> Result<RunId, EngineError> {
        let id = TaskId::new(clock::now(), random::bits());
        // Our own type with string keys: this cannot fail.
        let definition = serde_json::to_string(frozen).unwrap_or_default();
        let steps: Vec<String> = plan.steps.iter().map(|step| step.id.to_string()).collect();
        let taken = self.store.write(|writing| {
            if let Some(request_id) = request_id
                && let Some(known) = writing.view().run_of_request(request_id)?
            {
                return Ok::<_, EngineError>(known);
            }
            let new = NewRun { id: &id, name, definition: &definition, request_id, steps: &steps, now: clock::now() };
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
        let roles: Vec<String> = super::roles().into_iter().map(|role| role.name).collect();
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

    /// Ends a run and every task of it, and waits until no process of theirs is left.
    ///
    /// # Errors
    /// The run is over, or the store or the files cannot be used.
    pub async fn cancel_run(&self, id: &RunId, grace: Option<Span>) -> Result<RunState, EngineError> {
        self.reconcile()?;
        self.store.write(|writing| {
            let Some(run) = writing.view().run(id)? else { return Err(no_run(id.as_str())) };
            match run.status {
                RunStatus::Running => {}
                RunStatus::Cancelled => return Ok(()),
                RunStatus::Done | RunStatus::Failed => {
                    return Err(EngineError::Conflict {
                        message: format!("run `{id}` is over already: {}", run.status.as_str()),
                        hint: "`mgr workflow retry` runs a step of it again".into(),
                    });
                }
            }
            let steps = writing.view().run_steps(id)?;
            let open = steps.iter().filter(|step| !step.status.is_over() && step.task_at_work().is_none());
            let changes: Vec<_> =
                open.map(|step| change(step, StepStatus::Cancelled, Some("the run was cancelled".into()))).collect();
            writing.change_steps(id, &changes)?;
            writing.wish_of_run(id, RunStatus::Cancelled, clock::now())?;
            Ok(())
        })?;
        self.wake_driver()?;
        let live = self.store.read(|view| view.live_tasks_of_run(id))?;
        let ends = live.iter().map(|task| ending(&task.id)).collect();
        self.settle(ends)?;
        for task in live {
            self.cancel(&task.id, grace, Some("the run was cancelled")).await?;
        }
        let state = self.run_state(id)?;
        let ended = self.ended_steps(&state.steps, clock::now())?;
        self.store.write(|writing| writing.change_steps(id, &ended).map_err(EngineError::from))?;
        self.run_state(id)
    }

    /// Has a step run again, with everything that builds on it.
    ///
    /// # Errors
    /// There is no such step, or it or one that builds on it is at work.
    pub fn retry_step(&self, id: &RunId, step: &str, vocabulary: &Vocabulary) -> Result<Vec<String>, EngineError> {
        self.reconcile()?;
        let loaded = self.definition(&self.run_state(id)?.run, vocabulary)?;
        let place = loaded.plan.steps.iter().position(|planned| planned.id.as_str() == step).ok_or_else(|| {
            let known: Vec<&str> = loaded.plan.steps.iter().map(|planned| planned.id.as_str()).collect();
            EngineError::NotFound {
                message: format!("run `{id}` has no step `{step}`"),
                hint: format!("its steps are {}", known.join(", ")),
            }
        })?;
        let after = descendants(&loaded.plan, place);
        let renewed = self.store.write(|writing| {
            let steps = writing.view().run_steps(id)?;
            let touched = |at: &usize| *at == place || after.contains(at);
            let at_work = (0..steps.len()).filter(touched).map(|at| &steps[at]);
            let busy = |step: &&RunStep| step.task_at_work().is_some() || step.status == StepStatus::Running;
            if let Some(busy) = at_work.clone().find(busy) {
                return Err(EngineError::Conflict {
                    message: format!("step `{}` of run `{id}` is at work", busy.step),
                    hint: "wait for its end, or cancel its task first".into(),
                });
            }
            if !steps[place].status.is_over() {
                return Err(EngineError::Conflict {
                    message: format!("step `{step}` of run `{id}` is not over"),
                    hint: format!("`mgr workflow status {id}` shows what it waits for"),
                });
            }
            let mut renewed = Vec::new();
            for (at, row) in steps.iter().enumerate() {
                let status = match row.status {
                    _ if at == place => StepStatus::Waiting,
                    // The driver may just have started it on what is made anew now: that turn is void.
                    StepStatus::Waiting | StepStatus::Stale if after.contains(&at) => row.status,
                    StepStatus::Waiting | StepStatus::Stale | StepStatus::Running => continue,
                    StepStatus::Skipped | StepStatus::Cancelled => StepStatus::Waiting,
                    _ if after.contains(&at) => StepStatus::Stale,
                    StepStatus::Held | StepStatus::Done | StepStatus::Failed | StepStatus::NotNeeded => continue,
                };
                writing.renew_step(id, &row.step, status)?;
                renewed.push(row.step.clone());
            }
            writing.wish_of_run(id, RunStatus::Running, clock::now())?;
            Ok::<_, EngineError>(renewed)
        })?;
        self.wake_driver()?;
        Ok(renewed)
    }

    /// Returns the steps that wait for a person.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn held_steps(&self) -> Result<Vec<(RunId, RunStep)>, EngineError> {
        Ok(self.store.read(|view| view.held_steps())?)
    }

    /// Takes a person's word on a step that waits for it. The same word a second time changes nothing.
    ///
    /// # Errors
    /// The step waits for nobody, or another word was given, or something else was reviewed.
    pub fn answer_step(
        &self,
        id: &RunId,
        step: &str,
        approved: bool,
        reviewed: Option<&str>,
    ) -> Result<RunStep, EngineError> {
        let conflict = |message: String, hint: &str| EngineError::Conflict { message, hint: hint.into() };
        let answered = self.store.write(|writing| {
            let steps = writing.view().run_steps(id)?;
            let row = steps.into_iter().find(|row| row.step == step).ok_or_else(|| EngineError::NotFound {
                message: format!("run `{id}` has no step `{step}`"),
                hint: "`mgr inbox` lists what waits for a person".into(),
            })?;
            let status = if approved { StepStatus::Done } else { StepStatus::Failed };
            let told = if approved { "approved" } else { "denied" };
            if row.question.is_some() && row.status == status && row.reason.as_deref() == Some(told) {
                return Ok(row);
            }
            if row.status != StepStatus::Held {
                let message = format!("step `{step}` of run `{id}` waits for nobody: it is {}", row.status.as_str());
                return Err(conflict(message, "`mgr inbox` lists what waits for a person"));
            }
            let question = row.question.clone().unwrap_or_default();
            let digest = question.split_once('\n').map_or(question.as_str(), |(digest, _)| digest);
            if reviewed.is_some_and(|reviewed| !digest.starts_with(reviewed) || reviewed.len() < 8) {
                return Err(conflict(
                    format!("what step `{step}` asks about is not what was reviewed: its digest is {digest}"),
                    "review it again, then answer with its digest",
                ));
            }
            let word = StepChange { question: row.question.clone(), ..change(&row, status, Some(told.to_owned())) };
            writing.change_steps(id, &[word])?;
            writing.wish_of_run(id, RunStatus::Running, clock::now())?;
            Ok::<_, EngineError>(RunStep { status, reason: Some(told.to_owned()), ..row })
        })?;
        self.wake_driver()?;
        Ok(answered)
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
    pub(super) fn wake_driver(&self) -> Result<(), EngineError> {
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

pub(super) fn ending(task: &TaskId) -> News {
    News { task: task.clone(), input: Input::EndAsked { ending: Ending::Cancelled }, end: None }
}

/// Returns the change of a step in its present turn.
pub(super) fn change(step: &RunStep, status: StepStatus, reason: Option<String>) -> StepChange {
    StepChange { step: step.step.clone(), turn: step.turn, status, task: None, reason, due_at: None, question: None }
}

fn no_run(reference: &str) -> EngineError {
    EngineError::NotFound {
        message: format!("no workflow run `{reference}`"),
        hint: "`mgr workflow list` shows the runs that there are".into(),
    }
}
