//! Runs of workflows as answers show them, and how the fields of their steps become tasks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Call, Exit, OpError, Render, SubmitInput, TaskLine, submit::ask_of, workflow::task_vocabulary};
use crate::{
    core::{
        Giver, Money, Question, Run, RunId, RunStatus, RunStep, StepStatus, TaskId, Timestamp, Unattended,
        Verification, Word,
    },
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
}

impl RunLine {
    pub(super) fn of(run: &Run, steps: &[RunStep]) -> Self {
        let end = run.finished_at.unwrap_or_else(clock::now);
        Self {
            workflow_id: run.id.clone(),
            name: run.name.clone(),
            status: run.status,
            created_at: run.created_at,
            finished_at: run.finished_at,
            elapsed_s: end.since(run.created_at).as_secs_f64(),
            steps_total: steps.len() as u64,
            steps_over: steps.iter().filter(|step| step.status.is_over()).count() as u64,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_s: Option<f64>,
    /// What its checks said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// How many attempts its task took in this turn, where one was not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    /// Dollars of all its turns, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// What a person is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// What a person was asked about and what came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalView>,
}

/// A question to a person.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ApprovalView {
    pub message: String,
    /// Stands for what is to be reviewed.
    pub digest: String,
    pub asked_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What becomes of it when nobody answers.
    pub unattended: Unattended,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<WordView>,
    #[serde(skip)]
    pub(super) word: Option<Word>,
}

/// A word on a question.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WordView {
    pub approved: bool,
    /// `person`, or `policy` when nobody answered.
    pub by: &'static str,
    /// How a person's word came: `cli` or `mcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// The MCP client, by the name that it gives itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why it was the policy's turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    pub at: Timestamp,
}

impl From<&Word> for WordView {
    fn from(word: &Word) -> Self {
        let (by, over, client, why) = match &word.giver {
            Giver::Person { over, client } => ("person", Some(over.clone()), client.clone(), None),
            Giver::Policy { why, .. } => ("policy", None, None, Some(why.clone())),
        };
        Self { approved: word.approved, by, over, client, note: word.note.clone(), why, at: word.at }
    }
}

impl From<Question> for ApprovalView {
    fn from(question: Question) -> Self {
        Self {
            digest: question.review.digest.clone(),
            asked_at: question.asked_at,
            expires_at: question.due_at(),
            unattended: question.unattended,
            message: question.message,
            answer: question.word.as_ref().map(WordView::from),
            word: question.word,
        }
    }
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
    /// In the order of the file.
    pub steps: Vec<RunStepView>,
    /// What the workflow gives back, once it is over.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// Dollars of all steps whose cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Steps of which not every cost is known.
    #[serde(skip_serializing_if = "is_zero")]
    pub cost_unknown_steps: u64,
    /// The most that all of it may cost, in dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it stands still because its budget is spent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub budget_spent: bool,
    /// Whether agents are the scripted one.
    pub demo: bool,
    /// Whether nothing goes on without a person's word: `inbox_list` says about what.
    pub waits_for_person: bool,
    /// What a demo does differently.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl RunView {
    pub(super) fn of(call: &Call<'_>, state: &RunState) -> Result<Self, OpError> {
        let loaded = call.engine.definition(&state.run, &task_vocabulary())?;
        let spending = call.engine.spending(&state.run.id)?;
        let steps = (0..state.steps.len()).map(|place| {
            let view = step_view(call, state, &loaded, place)?;
            let cost_usd = spending.by_step.get(&view.id).map(|cost| cost.as_dollars());
            Ok(RunStepView { cost_usd, ..view })
        });
        let steps = steps.collect::<Result<Vec<_>, OpError>>()?;
        let budget = state.run.budget.or(loaded.workflow.budget).filter(|_| !loaded.frozen.demo);
        let known = spending.known();
        let is_spent = budget.is_some_and(|budget| known.unwrap_or_default() >= budget);
        let is_over = state.run.status.is_terminal();
        let outputs = if is_over { call.engine.outputs_of(&loaded, &state.steps)? } else { BTreeMap::new() };
        let RunLine { workflow_id, name, status, created_at, finished_at, elapsed_s, .. } =
            RunLine::of(&state.run, &state.steps);
        Ok(Self {
            workflow_id,
            name,
            status,
            created_at,
            finished_at,
            elapsed_s,
            steps,
            outputs: outputs.into_iter().filter_map(|(name, text)| Some((name, text.ok()?))).collect(),
            cost_usd: known.map(Money::as_dollars),
            cost_unknown_steps: spending.unknown.len() as u64,
            budget_usd: budget.map(Money::as_dollars),
            budget_spent: state.run.status == RunStatus::Paused && is_spent,
            why: state.run.why.clone().filter(|_| state.run.status == RunStatus::Paused),
            demo: loaded.frozen.demo,
            waits_for_person: waits_for_person(state),
            notes: Vec::new(),
        })
    }

    /// Says what it has cost, as far as that is known; nothing where nothing was spent on agents.
    pub(super) fn cost_words(&self) -> Option<String> {
        let of = self.budget_usd.map(|budget| format!(" of a budget of {}", dollars(budget))).unwrap_or_default();
        let unknown = plural(self.cost_unknown_steps, "step");
        let has = if self.status.is_terminal() { "cost" } else { "has cost" };
        match (self.cost_usd, self.cost_unknown_steps) {
            (None, 0) => None,
            (Some(cost), 0) => Some(format!("It {has} {}{of}.", dollars(cost))),
            (Some(cost), _) => Some(format!("It {has} {}{of}; the cost of {unknown} is not known.", dollars(cost))),
            (None, _) => Some(format!("The cost of {unknown} is not known.")),
        }
    }

    pub(super) fn exit_of(&self) -> Exit {
        match self.status {
            RunStatus::Done => Exit::Success,
            RunStatus::Failed => Exit::Failed,
            RunStatus::Cancelled => Exit::Cancelled,
            RunStatus::Running if self.waits_for_person => Exit::WaitingForHuman,
            RunStatus::Paused if self.budget_spent => Exit::Blocked,
            RunStatus::Running | RunStatus::Paused => Exit::StillRunning,
        }
    }
}

/// Says a sum as people do.
pub(super) fn dollars(usd: f64) -> String {
    Money::from_dollars(usd).unwrap_or_default().to_string()
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Whether nothing goes on without a person's word.
pub(super) fn waits_for_person(state: &RunState) -> bool {
    let has = |status: StepStatus| state.steps.iter().any(|step| step.status == status);
    state.run.status == RunStatus::Running && has(StepStatus::Held) && !has(StepStatus::Running)
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
    let mut attempts = None;
    let line = match task.map(|id| call.engine.task(id)) {
        Some(Ok(task)) => {
            attempts = Some(task.attempts.len() as u64).filter(|count| *count > 1);
            Some(TaskLine::of(call, &task)?)
        }
        Some(Err(EngineError::NoTask(_))) | None => None,
        Some(Err(error)) => return Err(error.into()),
    };
    let verification = line.as_ref().map(|line| line.verification).filter(|verdict| *verdict != Verification::None);
    let approval = row.question.as_deref().map(|kept| ApprovalView::from(Question::read(kept)));
    let question = approval.as_ref().filter(|_| row.status == StepStatus::Held);
    Ok(RunStepView {
        id: row.step.clone(),
        kind,
        status: row.status,
        reason: row.reason.clone(),
        task_id: task.cloned(),
        turn: row.turn,
        backend: line.as_ref().map(|line| line.backend.clone()),
        elapsed_s: line.as_ref().and_then(|line| line.elapsed_s),
        verification,
        attempts,
        cost_usd: line.as_ref().and_then(|line| line.cost.usd),
        question: question.map(|question| question.message.clone()),
        approval,
    })
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

impl Render for RunView {
    fn render(&self, page: &mut Page) {
        let word = page.tint(run_tone(self.status), self.status.as_str());
        let took = duration_words(self.elapsed_s);
        page.line(format!("{} {} {word} in {took}", self.workflow_id, one_line(&self.name)));
        for step in &self.steps {
            step.render(page);
        }
        for note in &self.notes {
            let whose = if self.demo { "demo" } else { "note" };
            page.line(format!("{whose}: {}", one_line(note)));
        }
        if let Some(cost) = self.cost_words() {
            page.line(cost);
        }
        if let Some(why) = &self.why {
            page.line(format!("Paused: {}.", one_line(why)));
        }
        if self.budget_spent {
            let id = &self.workflow_id;
            page.line(format!("`mgr answer {id}/budget yes` allows the same once more, `no` cancels the run."));
        }
        for (name, text) in &self.outputs {
            page.line(format!("{name}:"));
            page.text(text);
        }
        if self.waits_for_person {
            page.line("Waits for a person: `mgr inbox` shows the question.");
        }
    }

    fn exit(&self) -> Exit {
        self.exit_of()
    }
}

impl Render for RunStepView {
    fn render(&self, page: &mut Page) {
        let word = page.tint(step_tone(self.status), self.status.as_str());
        let task = self.task_id.as_ref().map(|id| format!(" {}", id.short())).unwrap_or_default();
        let took = self.elapsed_s.map(|seconds| format!(" in {}", duration_words(seconds))).unwrap_or_default();
        let turn = if self.turn > 1 { format!(" ({})", plural(self.turn.into(), "turn")) } else { String::new() };
        let why = self.reason.as_deref().or(self.question.as_deref());
        let why = why.map(|why| format!(": {}", one_line(why))).unwrap_or_default();
        page.line(format!("  {} {word}{task}{took}{turn}{why}", self.id));
    }
}
