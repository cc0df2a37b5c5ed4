//! Runs of workflows: taking them on, and what people wish about them.
//!
//! Must not start steps: the driver does, in one process at a time. What is written here makes it look.
//!
//! A run is frozen at its start: definition, parameters, directory. Its steps are rows of their own, each with the
//! number of its turn. A step that is asked for again gets the next turn; news about an earlier one changes nothing.

mod acts;
mod agents;
mod approvals;
mod budget;
mod driver;
mod facts;
mod loops;
mod nested;
mod pauses;
mod places;
mod race;
mod record;
mod reuse;
mod review;
mod stillness;
mod tasks;
mod wishes;

pub use approvals::Answer;
pub use budget::{Purse, Spending};
pub use reuse::ReuseAsk;
pub use wishes::Renewed;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    core::{Run, RunId, RunStatus, RunStep, Status, StepStatus, Task, TaskId, TaskRef, Timestamp, Unattended},
    engine::{Ask, Bounds, Engine, EngineError},
    os::{clock, random},
    store::{NewRun, StepChange, View},
    workflow::{Checked, Known, Plan, Source, StartedWith, Vocabulary, Workflow, as_written, check, plan},
};

/// How the fields of a step become a task. What a task's fields are is known to the operations above only.
#[derive(Clone, Copy)]
pub struct StepMaker {
    pub vocabulary: fn() -> &'static Vocabulary,
    pub ask: fn(&Engine, Map<String, Value>) -> Result<Ask, String>,
}

/// What a run keeps of its start.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    pub v: u32,
    /// The definition in a form that reads as the same workflow again.
    pub workflow: Value,
    pub params: Map<String, Value>,
    /// The parameters whose value was said by a step of the run that this one is nested in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<String>,
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
    /// Name of the loaf that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaf_id: Option<String>,
    /// What the loaf held at the start, where the workflow asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaf: Option<Map<String, Value>>,
    /// Whether nobody is there to answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unattended: bool,
    /// The task whose agent started it: that one may wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<TaskId>,
    /// The setting `unattended` at the start: what it says later, and to whom, changes no run that is on its way.
    /// Of releases before this one it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Unattended>,
    /// The directories that its steps may work in; anywhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// BLAKE3 of definition and parameters.
    pub digest: String,
}

impl Frozen {
    pub(super) fn started_with(&self) -> StartedWith<'_> {
        StartedWith { env: Some(&self.env), loaf: self.loaf.as_ref() }
    }

    /// Returns what a run keeps that is the workflow of a step: the same circumstances, and of the environment what
    /// it declares itself.
    fn handed_to(&self, workflow: &Workflow, plan: &Plan, said: Vec<String>) -> Self {
        let declared = workflow.declared_env();
        let env = self.env.iter().filter(|(name, _)| declared.contains(name.as_str()));
        Self {
            v: 1,
            workflow: workflow.frozen.clone(),
            params: plan.params.clone(),
            said,
            working_dir: self.working_dir.clone(),
            demo: self.demo,
            file: None,
            template: None,
            env: env.map(|(name, value)| (name.clone(), value.clone())).collect(),
            loaf_id: self.loaf_id.clone(),
            loaf: self.loaf.clone(),
            unattended: self.unattended,
            asked_by: self.asked_by.clone(),
            policy: self.policy,
            bounds: self.bounds.clone(),
            digest: plan.digest.clone(),
        }
    }
}

/// Values of the environment may be secrets: only names are shown.
impl std::fmt::Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let env: Vec<_> = self.env.keys().collect();
        f.debug_struct("Frozen").field("digest", &self.digest).field("env", &env).finish_non_exhaustive()
    }
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
    /// Rows of steps that an earlier run has done.
    pub taken: &'a [RunStep],
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
    /// The request was sent before for another run, or the store cannot be written.
    pub fn start_run(&self, ask: &RunAsk<'_>) -> Result<RunId, EngineError> {
        let taken = self.take_on(ask)?;
        crate::os::failpoint::hit("run.after_commit");
        self.keep_start(&taken);
        self.wake_driver()?;
        Ok(taken)
    }

    fn take_on(&self, ask: &RunAsk<'_>) -> Result<RunId, EngineError> {
        let id = TaskId::new(clock::now(), random::bits());
        // Our own type with string keys: this cannot fail.
        let definition = serde_json::to_string(ask.frozen).unwrap_or_default();
        let steps: Vec<String> = ask.plan.steps.iter().map(|step| step.id.to_string()).collect();
        self.store.write(|writing| {
            if let Some(request_id) = ask.request_id
                && let Some(known) = writing.view().run_of_request(request_id)?
            {
                check_request(&writing.view(), &known, ask, request_id)?;
                return Ok::<_, EngineError>(known);
            }
            let new = NewRun {
                id: &id,
                name: ask.name,
                definition: &definition,
                request_id: ask.request_id,
                parent: ask.parent,
                // A demo is no use of it.
                template: ask.frozen.template.as_deref().filter(|_| !ask.frozen.demo),
                steps: &steps,
                taken: ask.taken,
                now: clock::now(),
            };
            writing.add_run(&new)?;
            Ok(id.clone())
        })
    }

    /// Returns the run that a request has started.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn run_of_request(&self, request_id: &str) -> Result<Option<RunId>, EngineError> {
        Ok(self.store.read(|view| view.run_of_request(request_id))?)
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

    /// Returns where the tasks of the steps that run are.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn task_statuses_of_run(&self, id: &RunId) -> Result<BTreeMap<TaskId, Status>, EngineError> {
        Ok(self.store.read(|view| view.task_statuses_of_run(id))?.into_iter().collect())
    }

    /// Returns a run and the runs beneath it, each with the steps on the way to it: `` or `outer/inner/`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn paths_of_family(&self, id: &RunId) -> Result<BTreeMap<RunId, String>, EngineError> {
        Ok(self.store.read(|view| view.paths_of_family(id))?.into_iter().collect())
    }

    /// Returns the tasks of a step with the number of its turn, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn tasks_of_step(&self, id: &RunId, step: &str) -> Result<Vec<(u32, Task)>, EngineError> {
        Ok(self.store.read(|view| view.tasks_of_step(id, step))?)
    }

    /// # Errors
    /// The store cannot be read.
    pub fn runs(&self, status: Option<RunStatus>, with_nested: bool, limit: u32) -> Result<Vec<Run>, EngineError> {
        Ok(self.store.read(|view| view.runs(status, with_nested, limit))?)
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
        self.remembered(&run.id, || self.read_definition(run, vocabulary))
    }

    /// Returns the definition of a nested run, which its parent has read already.
    fn nested_definition(&self, workflow: &Workflow, run: &Run) -> Result<Arc<Loaded>, EngineError> {
        self.remembered(&run.id, || {
            let frozen = self.frozen(run)?;
            let plan = plan(workflow, frozen.params.clone());
            Ok(Loaded { frozen, workflow: workflow.clone(), plan })
        })
    }

    fn remembered(
        &self,
        id: &RunId,
        read: impl FnOnce() -> Result<Loaded, EngineError>,
    ) -> Result<Arc<Loaded>, EngineError> {
        let mut known = self.definitions.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = known.get(id) {
            return Ok(loaded.clone());
        }
        let loaded = Arc::new(read()?);
        if known.len() >= MOST_DEFINITIONS {
            known.clear();
        }
        known.insert(id.clone(), loaded.clone());
        Ok(loaded)
    }

    fn frozen(&self, run: &Run) -> Result<Frozen, EngineError> {
        let definition = self.store.read(|view| view.definition_of_run(&run.id))?.unwrap_or_default();
        serde_json::from_str(&definition).map_err(|error| unreadable(run, &error))
    }

    fn read_definition(&self, run: &Run, vocabulary: &Vocabulary) -> Result<Loaded, EngineError> {
        let frozen = self.frozen(run)?;
        let checked = self.checked_again(Source::Json(&frozen.workflow), &frozen.params, vocabulary);
        match (checked.workflow, checked.plan) {
            (Some(workflow), Some(plan)) => Ok(Loaded { frozen, workflow, plan }),
            (_, _) => {
                let first = checked.faults.first().map(|fault| fault.message.as_str());
                Err(unreadable(run, &first.unwrap_or_default()))
            }
        }
    }

    /// Reads what was frozen, or a part of it.
    fn checked_again(&self, source: Source<'_>, params: &Map<String, Value>, vocabulary: &Vocabulary) -> Checked {
        let backends: Vec<String> = self.backend_names().iter().map(ToString::to_string).collect();
        let roles: Vec<String> = crate::engine::roles().into_iter().map(|role| role.name).collect();
        // Nested files were written out when it was frozen.
        let load = |path: &str| Err(format!("`{path}` is a file"));
        let known = Known { backends: &backends, roles: &roles, task: vocabulary, load: &load };
        check(source, Some(params), &known)
    }

    /// Returns why a live run still needs a task of its steps: later ones may ask what it said.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn need_of_run(&self, task: &Task) -> Result<Option<String>, EngineError> {
        let need = |id: &RunId| format!("the workflow run {id} is not over");
        if let Some(id) = &task.spec.lineage.workflow {
            let runs = self.store.read(|view| Ok((view.run(id)?, view.ancestors_of_run(id)?)))?;
            let mut runs = runs.0.into_iter().chain(runs.1);
            if let Some(live) = runs.find(|run| !run.status.is_terminal()) {
                return Ok(Some(need(&live.id)));
            }
        }
        // A later run may have taken it over.
        Ok(self.store.read(|view| view.live_run_with_task(&task.id))?.as_ref().map(need))
    }

    /// Returns the runs that are over, were started before `limit`, and of which nothing is left but what is in
    /// `going`; a nested one as long as its parent is there is left to that.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn forgettable_runs(&self, limit: Timestamp, going: &BTreeSet<&TaskId>) -> Result<Vec<RunId>, EngineError> {
        let found = self.store.read(|view| {
            let mut found: Vec<RunId> = Vec::new();
            for id in view.runs_over_before(limit)? {
                let Some(run) = view.run(&id)? else { continue };
                let is_kept = match &run.parent {
                    Some((parent, _)) => !found.contains(parent) && view.run(parent)?.is_some(),
                    None => false,
                };
                let all_go = view.task_ids_of_run(&id)?.iter().all(|(_, task)| going.contains(task));
                if all_go && !is_kept {
                    found.push(id);
                }
            }
            Ok(found)
        })?;
        Ok(found)
    }

    /// Makes sure that somebody drives what there is to drive, and wakes who waits.
    fn wake_driver(&self) -> Result<(), EngineError> {
        self.poke();
        self.ensure_ticker()
    }
}

impl RunState {
    /// Returns the steps as the author of the file wrote them: of a race and its racers only the race.
    pub fn written_steps(&self) -> impl Iterator<Item = &RunStep> {
        let written = as_written(self.steps.iter().map(|step| step.step.as_str()));
        self.steps.iter().enumerate().filter(move |(place, _)| written.get(*place) == Some(place)).map(|(_, step)| step)
    }

    /// Returns how many steps of the file have a cost that is not known.
    pub fn unknown_costs(&self, spending: &Spending) -> u64 {
        let written = as_written(self.steps.iter().map(|step| step.step.as_str()));
        let unknown = self.steps.iter().zip(written).filter(|(row, _)| spending.unknown.contains(&row.step));
        unknown.map(|(_, place)| place).collect::<BTreeSet<_>>().len() as u64
    }

    /// Names the first step that failed or was cancelled, with its reason. One that only lost a race has not made the
    /// run fail.
    pub fn what_failed(&self) -> Option<String> {
        let has_failed = |step: &&RunStep| matches!(step.status, StepStatus::Failed | StepStatus::Cancelled);
        let step = self.written_steps().find(has_failed)?;
        let how = if step.status == StepStatus::Failed { "failed" } else { "was cancelled" };
        let why = step.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        Some(format!("{} {how}{why}", step.step))
    }

    /// Returns the step that won a race, once that is known.
    pub fn winner_of(&self, loaded: &Loaded, place: usize) -> Option<&RunStep> {
        race::noted_winner(loaded, &self.steps, place)
    }

    /// Returns where a step stands for people: a race is kept as waiting while its racers run.
    pub fn status_of(&self, loaded: &Loaded, place: usize) -> StepStatus {
        let status = self.steps[place].status;
        let is_on = || race::racers_of(loaded, &self.steps, place).any(|racer| racer.status == StepStatus::Running);
        if status.is_to_do() && is_on() { StepStatus::Running } else { status }
    }

    /// Whether nothing of a step moves, given the names of those of which nothing does: of a race nothing does when
    /// none of its racers moves.
    pub fn is_paused(&self, loaded: &Loaded, place: usize, paused: &BTreeSet<String>) -> bool {
        let racers = || race::racers_of(loaded, &self.steps, place).filter(|it| it.status == StepStatus::Running);
        paused.contains(&self.steps[place].step)
            || (racers().next().is_some() && racers().all(|racer| paused.contains(&racer.step)))
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
        loops_on: false,
    }
}

fn unreadable(run: &Run, why: &dyn std::fmt::Display) -> EngineError {
    EngineError::Invalid {
        message: format!("the definition of run `{}` cannot be read: {why}", run.id),
        hint: "start the workflow again".into(),
    }
}

/// The name of a request stands for one run: the same definition and parameters in the same directory. Nested runs
/// are named by `mgr` itself.
fn check_request(view: &View<'_>, known: &RunId, ask: &RunAsk<'_>, request_id: &str) -> Result<(), EngineError> {
    let earlier = view.definition_of_run(known)?.and_then(|kept| serde_json::from_str::<Frozen>(&kept).ok());
    let is_same = |earlier: Frozen| {
        let asked = ask.frozen;
        earlier.digest == asked.digest && earlier.working_dir == asked.working_dir && earlier.demo == asked.demo
    };
    if ask.parent.is_some() || earlier.is_none_or(is_same) {
        return Ok(());
    }
    Err(EngineError::Conflict {
        message: format!(
            "request `{request_id}` was sent before for another workflow, parameters or directory: run `{known}`"
        ),
        hint: "send a new one under another name".into(),
    })
}

fn no_run(reference: &str) -> EngineError {
    EngineError::NotFound {
        message: format!("no workflow run `{reference}`"),
        hint: "`mgr workflow list` shows the runs that there are".into(),
    }
}
