//! Runs of workflows as answers show them, and how the fields of their steps become tasks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Call, Exit, OpError, Render, SubmitInput, TaskLine, submit::ask_of, workflow::task_vocabulary};
use crate::{
    core::{RunId, RunStatus, Status, StepStatus, TaskId, Timestamp},
    engine::{Ask, Engine, EngineError, Loaded, RunState, StepMaker},
    os::clock,
    ui::{Page, Tone, duration_words, one_line, plural},
    workflow::StepKind,
};

/// How steps become tasks: by the reading of `submit`.
pub const STEPS: StepMaker = StepMaker { vocabulary: task_vocabulary, ask: ask_of_step };

fn ask_of_step(engine: &Engine, fields: Map<String, Value>) -> Result<Ask, String> {
    let input: SubmitInput = serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
    ask_of(engine, &BTreeMap::new(), input).map(|(ask, _)| ask).map_err(|error| error.message)
}

/// A run in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunLine {
    pub workflow_id: RunId,
    pub name: String,
    pub status: RunStatus,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Seconds from the start to the end, or to now.
    pub elapsed_s: f64,
    pub steps_total: u64,
    /// Steps that are over, however they ended.
    pub steps_over: u64,
    /// Whether nothing goes on without a person's word.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_person: bool,
    /// The run and its step that this one is the workflow of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentStep>,
}

/// A step of a run with a workflow in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ParentStep {
    pub workflow_id: RunId,
    pub step: String,
}

impl RunLine {
    pub(super) fn of(call: &Call<'_>, state: &RunState) -> Result<Self, OpError> {
        let RunState { run, steps } = state;
        let end = run.finished_at.unwrap_or_else(clock::now);
        Ok(Self {
            workflow_id: run.id.clone(),
            name: run.name.clone(),
            status: run.status,
            created_at: run.created_at,
            finished_at: run.finished_at,
            elapsed_s: end.since(run.created_at).as_secs_f64(),
            steps_total: steps.len() as u64,
            steps_over: steps.iter().filter(|step| step.status.is_over()).count() as u64,
            waits_for_person: call.engine.waits_for_person(state)?,
            parent: run.parent.clone().map(|(workflow_id, step)| ParentStep { workflow_id, step }),
        })
    }

    /// Whether nothing comes of it without a person.
    pub(super) fn is_at_rest(&self) -> bool {
        self.status != RunStatus::Running || self.waits_for_person
    }

    pub(super) const fn exit_of(&self) -> Exit {
        match self.status {
            RunStatus::Done => Exit::Success,
            RunStatus::Failed => Exit::Failed,
            RunStatus::Cancelled => Exit::Cancelled,
            RunStatus::Running if self.waits_for_person => Exit::WaitingForHuman,
            RunStatus::Running | RunStatus::Paused => Exit::StillRunning,
        }
    }
}

/// A step of a run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunStepView {
    pub id: String,
    pub kind: StepKind,
    pub status: StepStatus,
    /// Why it is so: what failed, what it was skipped for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The task of the step; everything that is asked of tasks can be asked of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// How often it was asked to run.
    pub turn: u32,
    /// The run of a loop that this is, from 1, and the most that there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<RepeatView>,
    /// The run of the workflow in the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child_id: Option<RunId>,
    /// The steps of that run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<RunStepView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_s: Option<f64>,
    /// Dollars, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// What a person is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
}

/// How far a loop is.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct RepeatView {
    pub run: u32,
    pub max: u32,
}

/// A run with its steps.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunView {
    pub workflow_id: RunId,
    pub name: String,
    pub status: RunStatus,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    pub elapsed_s: f64,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The run and its step that this one is the workflow of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentStep>,
    /// In the order of the file.
    pub steps: Vec<RunStepView>,
    /// What the workflow gives back, once it is over.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// Dollars of all steps whose cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Whether agents are the scripted one.
    pub demo: bool,
    /// Whether nothing goes on without a person's word: `inbox_list` says about what.
    pub waits_for_person: bool,
    /// What a demo does differently.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip)]
    pub(super) exit: Exit,
}

impl RunView {
    pub(super) fn of(call: &Call<'_>, state: &RunState) -> Result<Self, OpError> {
        let loaded = call.engine.definition(&state.run, task_vocabulary())?;
        let steps = (0..state.steps.len()).map(|place| step_view(call, state, &loaded, place));
        let steps = steps.collect::<Result<Vec<_>, OpError>>()?;
        let costs: Vec<f64> = steps.iter().filter_map(|step| step.cost_usd).collect();
        let is_over = state.run.status.is_terminal();
        let outputs = if is_over { call.engine.outputs_of(&loaded, &state.steps)? } else { BTreeMap::new() };
        let line = RunLine::of(call, state)?;
        let exit = line.exit_of();
        let RunLine { workflow_id, name, status, created_at, finished_at, elapsed_s, waits_for_person, parent, .. } =
            line;
        Ok(Self {
            workflow_id,
            name,
            status,
            created_at,
            finished_at,
            elapsed_s,
            why: state.run.why.clone().filter(|_| state.run.status == RunStatus::Paused),
            parent,
            steps,
            outputs: outputs.into_iter().filter_map(|(name, text)| Some((name, text.ok()?))).collect(),
            cost_usd: (!costs.is_empty()).then(|| costs.iter().sum()),
            demo: loaded.frozen.demo,
            waits_for_person,
            notes: Vec::new(),
            exit,
        })
    }
}

fn step_view(call: &Call<'_>, state: &RunState, loaded: &Loaded, place: usize) -> Result<RunStepView, OpError> {
    let row = &state.steps[place];
    let kind = loaded
        .plan
        .steps
        .get(place)
        .map_or(StepKind::Agent, |planned| loaded.workflow.steps[planned.step].action.kind());
    // The task of an earlier turn says nothing about this one.
    let task = row.task.as_ref().filter(|_| !row.status.is_to_do() && row.status != StepStatus::Skipped);
    let found = match task.map(|id| call.engine.task(id)) {
        Some(Ok(task)) => Some(task),
        Some(Err(EngineError::NoTask(_))) | None => None,
        Some(Err(error)) => return Err(error.into()),
    };
    let line = found.as_ref().map(|task| TaskLine::of(call, task)).transpose()?;
    // What an earlier run has done took none of this one's time and money.
    let own = line
        .as_ref()
        .filter(|_| found.as_ref().is_some_and(|task| task.spec.lineage.workflow.as_ref() == Some(&state.run.id)));
    let stands_still = found.as_ref().is_some_and(|task| task.status() == Status::Paused);
    let question = row.question.as_deref().filter(|_| row.status == StepStatus::Held);
    let child = row.child.as_ref().filter(|_| !row.status.is_to_do() && row.status != StepStatus::Skipped);
    let child = child.map(|id| RunView::of(call, &call.engine.run_state(id)?)).transpose()?;
    let has_run = match row.status {
        StepStatus::Waiting | StepStatus::Stale => row.loops > 0,
        StepStatus::Skipped | StepStatus::NotNeeded => false,
        StepStatus::Running | StepStatus::Held | StepStatus::Done | StepStatus::Failed | StepStatus::Cancelled => true,
    };
    let most = loaded.plan.steps.get(place).and_then(|planned| planned.most_runs);
    let most = most.filter(|_| has_run && !loaded.frozen.demo);
    Ok(RunStepView {
        id: row.step.clone(),
        kind,
        status: row.status,
        reason: row.reason.clone().or_else(|| stands_still.then(|| "its task is paused".to_owned())),
        task_id: task.cloned(),
        turn: row.turn,
        repeat: most.map(|max| RepeatView { run: row.loops + 1, max }),
        backend: line.as_ref().map(|line| line.backend.clone()),
        elapsed_s: own.and_then(|line| line.elapsed_s).or(child.as_ref().map(|child| child.elapsed_s)),
        cost_usd: own.and_then(|line| line.cost.usd).or(child.as_ref().and_then(|child| child.cost_usd)),
        child_id: child.as_ref().map(|child| child.workflow_id.clone()),
        steps: child.map(|child| child.steps).unwrap_or_default(),
        question: question.map(|question| split_question(question).1.to_owned()),
    })
}

/// Returns the digest of what is to be reviewed, and the question itself.
pub(super) fn split_question(question: &str) -> (&str, &str) {
    question.split_once('\n').unwrap_or((question, ""))
}

pub(super) const fn run_tone(status: RunStatus) -> Tone {
    match status {
        RunStatus::Running => Tone::Busy,
        RunStatus::Paused => Tone::Plain,
        RunStatus::Done => Tone::Good,
        RunStatus::Failed => Tone::Bad,
        RunStatus::Cancelled => Tone::Faint,
    }
}

const fn step_tone(status: StepStatus) -> Tone {
    match status {
        StepStatus::Running => Tone::Busy,
        StepStatus::Done => Tone::Good,
        StepStatus::Failed => Tone::Bad,
        StepStatus::Waiting | StepStatus::Held | StepStatus::Stale => Tone::Plain,
        StepStatus::Skipped | StepStatus::NotNeeded | StepStatus::Cancelled => Tone::Faint,
    }
}

impl Render for RunLine {
    fn render(&self, page: &mut Page) {
        let word = page.tint(run_tone(self.status), self.status.as_str());
        let took = duration_words(self.elapsed_s);
        let steps = plural(self.steps_total, "step");
        page.line(format!(
            "{} {} {word} {} of {steps} in {took}",
            self.workflow_id,
            one_line(&self.name),
            self.steps_over
        ));
    }
}

impl Render for RunView {
    fn render(&self, page: &mut Page) {
        let word = page.tint(run_tone(self.status), self.status.as_str());
        let took = duration_words(self.elapsed_s);
        let why = self.why.as_deref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
        page.line(format!("{} {} {word} in {took}{why}", self.workflow_id, one_line(&self.name)));
        if let Some(parent) = &self.parent {
            page.line(format!("the workflow in step {} of {}", one_line(&parent.step), parent.workflow_id));
        }
        for step in &self.steps {
            step.render(page);
        }
        for note in &self.notes {
            page.line(format!("demo: {}", one_line(note)));
        }
        for (name, text) in &self.outputs {
            page.line(format!("{name}:"));
            page.text(text);
        }
        if self.status == RunStatus::Paused {
            page.line(format!("It is paused: `mgr workflow resume {}` lets it go on.", self.workflow_id));
        }
        if self.waits_for_person {
            page.line("Waits for a person: `mgr inbox` shows the question.");
        }
    }

    fn exit(&self) -> Exit {
        self.exit
    }
}

impl Render for RunStepView {
    fn render(&self, page: &mut Page) {
        self.render_at(page, 1);
    }
}

impl RunStepView {
    fn render_at(&self, page: &mut Page, level: usize) {
        let word = page.tint(step_tone(self.status), self.status.as_str());
        let id = self.task_id.as_ref().or(self.child_id.as_ref());
        let task = id.map(|id| format!(" {}", id.short())).unwrap_or_default();
        let took = self.elapsed_s.map(|seconds| format!(" in {}", duration_words(seconds))).unwrap_or_default();
        let turn = match self.repeat {
            Some(RepeatView { run, max }) => format!(" (run {run} of at most {max})"),
            None if self.turn > 1 => format!(" ({})", plural(self.turn.into(), "turn")),
            None => String::new(),
        };
        let why = self.reason.as_deref().or(self.question.as_deref());
        let why = why.map(|why| format!(": {}", one_line(why))).unwrap_or_default();
        page.line(format!("{:indent$}{} {word}{task}{took}{turn}{why}", "", self.id, indent = 2 * level));
        self.steps.iter().for_each(|step| step.render_at(page, level + 1));
    }
}
