//! Runs of workflows as answers show them, and how the fields of their steps become tasks.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Call, Exit, OpError, Render, SubmitInput, TaskLine,
    submit::ask_of,
    views::{is_zero, waiting_on},
    workflow::task_vocabulary,
};
use crate::{
    core::{
        Giver, Money, Question, RefusedAnswer, RunId, RunStatus, Status, StepStatus, TaskId, Timestamp, Unattended,
        Verification, Word,
    },
    engine::{Ask, Engine, EngineError, Loaded, RunState, Spending, StepMaker},
    os::clock,
    ui::{Page, Tone, ago_words, clip, duration_words, one_line, plural},
    workflow::{Part, StepKind, as_written},
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
    /// The status in a word for people: a run that goes on is paused all the same when all that runs in it is.
    pub standing: &'static str,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Seconds from the start to the end, or to now.
    pub elapsed_s: f64,
    /// Steps of the file: a race is one, each member of a matrix is one.
    pub steps_total: u64,
    /// Steps that are over, however they ended.
    pub steps_over: u64,
    /// Whether nothing goes on without a person's word.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_person: bool,
    /// Why it does not go on, or what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Dollars of all steps whose cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Steps of which not every cost is known.
    #[serde(skip_serializing_if = "is_zero")]
    pub cost_unknown_steps: u64,
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
        Self::with(call, state, &call.engine.spending(&state.run.id)?)
    }

    fn with(call: &Call<'_>, state: &RunState, spending: &Spending) -> Result<Self, OpError> {
        let run = &state.run;
        let is_paused = call.engine.is_paused(state)?;
        let waits_for_person = call.engine.waits_for_person(state)?;
        let why = match run.status {
            RunStatus::Paused => run.why.clone(),
            RunStatus::Running if is_paused => Some(ALL_PAUSED.to_owned()),
            RunStatus::Running => waits_for_person.then(|| "waits for a person".to_owned()),
            RunStatus::Failed => state.what_failed(),
            RunStatus::Done | RunStatus::Cancelled => None,
        };
        let end = run.finished_at.unwrap_or_else(clock::now);
        Ok(Self {
            workflow_id: run.id.clone(),
            name: run.name.clone(),
            status: run.status,
            standing: if is_paused { PAUSED } else { run.status.as_str() },
            created_at: run.created_at,
            finished_at: run.finished_at,
            elapsed_s: end.since(run.created_at).as_secs_f64(),
            steps_total: state.written_steps().count() as u64,
            steps_over: state.written_steps().filter(|step| step.status.is_over()).count() as u64,
            waits_for_person,
            why,
            cost_usd: spending.known().map(Money::as_dollars),
            cost_unknown_steps: state.unknown_costs(spending),
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
    /// The race that it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub race: Option<String>,
    /// Of a race: the step that won it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<String>,
    pub status: StepStatus,
    /// The status in a word for people: of a step that runs where its task or its workflow is, such as queued or
    /// paused.
    pub standing: &'static str,
    /// Why it is so: what failed, what it was skipped for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The task of the step; everything that is asked of tasks can be asked of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// The status of that task: a step that runs may have one that is still queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_status: Option<Status>,
    /// What its task waits for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_on: Option<String>,
    /// How often it was asked to run.
    pub turn: u32,
    /// The run of a loop that this is, from 1, and the most that there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<RepeatView>,
    /// The run of the workflow in the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child_id: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child_status: Option<RunStatus>,
    /// The steps of that run, with the same fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    // A schema that names itself is more than every client can take.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub steps: Vec<RunStepView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// What the checks of its task said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_s: Option<f64>,
    /// How many attempts its task took in this turn, where one was not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    /// Dollars of all its turns, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// How often a failed check went back to the agent.
    #[serde(skip_serializing_if = "is_zero")]
    pub repairs: u32,
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
    /// The user whose terminal or client it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why it was the policy's turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    pub at: Timestamp,
}

impl From<&Word> for WordView {
    fn from(word: &Word) -> Self {
        let (by, over, client, user, why) = match &word.giver {
            Giver::Person { over, client, user } => ("person", Some(over.clone()), client.clone(), user.clone(), None),
            Giver::Policy { why, .. } => ("policy", None, None, None, Some(why.clone())),
        };
        Self { approved: word.approved, by, over, client, user, note: word.note.clone(), why, at: word.at }
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
    /// The status in a word for people: a run that goes on is paused all the same when all that runs in it is.
    pub standing: &'static str,
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
    /// Steps of which not every cost is known.
    #[serde(skip_serializing_if = "is_zero")]
    pub cost_unknown_steps: u64,
    /// The most that all of it may cost, in dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
    /// Whether it stands still because its budget is spent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub budget_spent: bool,
    /// Whether agents are the scripted one.
    pub demo: bool,
    /// Whether nothing goes on without a person's word: `inbox_list` says about what.
    pub waits_for_person: bool,
    /// What to call next, while it is not over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<&'static str>,
    /// What a demo does differently, and which tasks wanted to answer in a person's place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip)]
    pub(super) exit: Exit,
}

impl RunView {
    pub(super) fn of(call: &Call<'_>, state: &RunState) -> Result<Self, OpError> {
        let loaded = call.engine.definition(&state.run, task_vocabulary())?;
        let spending = call.engine.spending(&state.run.id)?;
        let paused = call.engine.paused_steps(state)?;
        let steps = (0..state.steps.len()).map(|place| {
            let view = step_view(call, state, &loaded, place, &paused)?;
            let cost_usd = spending.by_step.get(&view.id).map(|cost| cost.as_dollars());
            Ok(RunStepView { cost_usd, ..view })
        });
        let steps = steps.collect::<Result<Vec<_>, OpError>>()?;
        let budget = state.run.budget.or(loaded.workflow.budget).filter(|_| !loaded.frozen.demo);
        let known = spending.known();
        let is_spent = budget.is_some_and(|budget| known.unwrap_or_default() >= budget);
        let is_over = state.run.status.is_terminal();
        let outputs = if is_over { call.engine.outputs_of(&loaded, &state.steps)? } else { BTreeMap::new() };
        let line = RunLine::with(call, state, &spending)?;
        let budget_spent = state.run.status == RunStatus::Paused && is_spent;
        let exit = if budget_spent { Exit::Blocked } else { line.exit_of() };
        let RunLine {
            workflow_id,
            name,
            status,
            standing,
            created_at,
            finished_at,
            elapsed_s,
            waits_for_person,
            cost_usd,
            cost_unknown_steps,
            parent,
            ..
        } = line;
        Ok(Self {
            workflow_id,
            name,
            status,
            standing,
            created_at,
            finished_at,
            elapsed_s,
            parent,
            steps,
            outputs: outputs.into_iter().filter_map(|(name, text)| Some((name, text.ok()?))).collect(),
            cost_usd,
            cost_unknown_steps,
            budget_usd: budget.map(Money::as_dollars),
            budget_spent,
            why: state.run.why.clone().filter(|_| state.run.status == RunStatus::Paused),
            demo: loaded.frozen.demo,
            waits_for_person,
            next: call_next(status, standing, waits_for_person, budget_spent),
            notes: refused(call, state)?,
            exit,
        })
    }

    /// Says what it has cost, as far as that is known; nothing where nothing was spent on agents.
    pub(super) fn cost_words(&self) -> Option<String> {
        if self.demo {
            return Some("a demo: no agent was asked and nothing spent".to_owned());
        }
        let of = self.budget_usd.map(|budget| format!(" of a budget of {}", dollars(budget)));
        let unknown = format!("the cost of {} is not known", plural(self.cost_unknown_steps, "step"));
        match (self.cost_usd.map(dollars), self.cost_unknown_steps, of) {
            (None, 0, _) => None,
            (Some(usd), 0, of) => Some(format!("{usd} spent{}", of.unwrap_or_default())),
            (Some(usd), _, of) => Some(format!("{usd} spent{}, and {unknown}", of.unwrap_or_default())),
            (None, _, None) => Some(unknown),
            // Nothing is held against the budget then, which nobody would see otherwise.
            (None, _, Some(of)) => Some(format!("nothing known spent{of}: {unknown}")),
        }
    }
}

/// Says which tasks wanted to give a person's word.
fn refused(call: &Call<'_>, state: &RunState) -> Result<Vec<String>, OpError> {
    let words = |refused: RefusedAnswer| {
        let (task, step) = (refused.task_id, one_line(&refused.step));
        format!("task {task} wanted to answer {step} in a person's place, and was refused")
    };
    Ok(call.engine.refused_answers(&state.run.id)?.into_iter().map(words).collect())
}

/// Returns the tool that brings a run further.
fn call_next(status: RunStatus, standing: &str, waits_for_person: bool, budget_spent: bool) -> Option<&'static str> {
    match status {
        RunStatus::Done | RunStatus::Failed | RunStatus::Cancelled => None,
        RunStatus::Paused if budget_spent => Some("workflow_resume with a higher budget"),
        RunStatus::Paused => Some("workflow_resume"),
        RunStatus::Running if standing == PAUSED => Some("resume_task, or workflow_resume with the child_id of a step"),
        RunStatus::Running if waits_for_person => Some("inbox_list, then inbox_answer"),
        RunStatus::Running => Some("workflow_status with wait"),
    }
}

/// Says a sum in a table, where a part of a cent does not count.
pub(super) fn brief_dollars(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { "<$0.01".to_owned() } else { format!("${usd:.2}") }
}

/// Says a sum as people do.
pub(super) fn dollars(usd: f64) -> String {
    Money::from_dollars(usd).unwrap_or_default().to_string()
}

fn step_view(
    call: &Call<'_>,
    state: &RunState,
    loaded: &Loaded,
    place: usize,
    paused: &BTreeSet<String>,
) -> Result<RunStepView, OpError> {
    let row = &state.steps[place];
    let planned = loaded.plan.steps.get(place);
    let kind = planned.map_or(StepKind::Agent, |planned| planned.part.kind(&loaded.workflow.steps[planned.step]));
    let (race, racer) = match planned.map(|planned| &planned.part) {
        Some(Part::Racer { race, backend }) => (state.steps.get(*race).map(|race| race.step.clone()), Some(backend)),
        Some(Part::Whole | Part::Race { .. }) | None => (None, None),
    };
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
    let at_work = found.as_ref().filter(|_| row.status == StepStatus::Running);
    let waiting = at_work.map(|task| waiting_on(call, task)).transpose()?.flatten();
    let attempts = found.as_ref().map(|task| task.attempts.len() as u64).filter(|count| *count > 1);
    let approval = row.question.as_deref().map(|kept| ApprovalView::from(Question::read(kept)));
    let question = approval.as_ref().filter(|_| row.status == StepStatus::Held);
    let child = row.child.as_ref().filter(|_| !row.status.is_to_do() && row.status != StepStatus::Skipped);
    let child = child.map(|id| RunView::of(call, &call.engine.run_state(id)?)).transpose()?;
    let is_paused = state.is_paused(loaded, place, paused);
    let why_paused = || match (&child, task) {
        (Some(child), _) => child.why.clone().unwrap_or_else(|| ALL_PAUSED.to_owned()),
        (None, Some(_)) => "its task is paused".to_owned(),
        (None, None) => "the run is paused".to_owned(),
    };
    let status = state.status_of(loaded, place);
    let has_run = match row.status {
        StepStatus::Waiting | StepStatus::Stale => row.loops > 0,
        StepStatus::Skipped | StepStatus::NotNeeded => false,
        StepStatus::Cancelled => row.task.is_some() || row.child.is_some(),
        StepStatus::Running | StepStatus::Held | StepStatus::Done | StepStatus::Failed => true,
    };
    let most = loaded.plan.steps.get(place).and_then(|planned| planned.most_runs);
    let most = most.filter(|_| has_run && !loaded.frozen.demo);
    Ok(RunStepView {
        id: row.step.clone(),
        kind,
        race,
        winner: state.winner_of(loaded, place).map(|winner| winner.step.clone()),
        status,
        standing: shown(status, line.as_ref().map(|line| line.status), is_paused),
        reason: row.reason.clone().or_else(|| is_paused.then(why_paused)),
        task_id: task.cloned(),
        task_status: line.as_ref().map(|line| line.status),
        waiting_on: waiting.map(|(words, _)| words),
        turn: row.turn,
        repeat: most.map(|max| RepeatView { run: row.loops + 1, max }),
        backend: line.as_ref().map(|line| line.backend.clone()).or_else(|| racer.cloned()),
        verification: line.as_ref().map(|line| line.verification).filter(|checks| *checks != Verification::None),
        elapsed_s: own.and_then(|line| line.elapsed_s).or(child.as_ref().map(|child| child.elapsed_s)),
        cost_usd: None,
        child_id: child.as_ref().map(|child| child.workflow_id.clone()),
        child_status: child.as_ref().map(|child| child.status),
        steps: child.map(|child| child.steps).unwrap_or_default(),
        repairs: line.as_ref().map_or(0, |line| line.repairs),
        attempts,
        question: question.map(|question| question.message.clone()),
        approval,
    })
}

pub(super) fn run_tone(status: RunStatus, standing: &str) -> Tone {
    match status {
        RunStatus::Running if standing == PAUSED => Tone::Plain,
        RunStatus::Running => Tone::Busy,
        RunStatus::Paused => Tone::Plain,
        RunStatus::Done => Tone::Good,
        RunStatus::Failed => Tone::Bad,
        RunStatus::Cancelled => Tone::Faint,
    }
}

/// The word for what somebody has stopped for a while.
const PAUSED: &str = RunStatus::Paused.as_str();

/// Why nothing of a run moves that is not paused itself.
const ALL_PAUSED: &str = "what runs in it is paused";

/// Returns the word for a step. One that runs is where its task is: nobody is told that something is at work which
/// only waits for its turn, or which is paused.
pub(super) const fn shown(step: StepStatus, task: Option<Status>, is_paused: bool) -> &'static str {
    match (step, task) {
        (StepStatus::Running, _) if is_paused => PAUSED,
        (StepStatus::Running, Some(task @ (Status::Queued | Status::Held | Status::NeedsInput))) => task.as_str(),
        (_, _) => step.as_str(),
    }
}

/// Returns that word as people write it: `not needed`.
pub(super) fn in_words(standing: &str) -> String {
    standing.replace('_', " ")
}

/// Returns the tone of that word.
pub(super) fn tone_of(status: StepStatus, standing: &str) -> Tone {
    if standing == status.as_str() { step_tone(status) } else { Tone::Plain }
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
        let word = page.tint(run_tone(self.status, self.standing), self.standing);
        let (time, took) = (time_word(self.status, self.standing), duration_words(self.elapsed_s));
        let why = self.why.as_deref().map(|why| format!(": {}", clip(why, 200))).unwrap_or_default();
        let (id, name) = (&self.workflow_id, one_line(&self.name));
        page.line(format!("{id} {name} {word} {time} {took}, {}{why}", self.steps()));
    }
}

impl RunLine {
    /// Returns how many of its steps are over: `3 of 7 steps`.
    fn steps(&self) -> String {
        format!("{} of {}", self.steps_over, plural(self.steps_total, "step"))
    }

    fn row(&self, now: Timestamp) -> Vec<(Tone, String)> {
        let cost = match (self.cost_usd.map(brief_dollars), self.cost_unknown_steps) {
            (cost, 0) => cost.unwrap_or_default(),
            (Some(cost), _) => format!("≥ {cost}"),
            (None, _) => "unknown".to_owned(),
        };
        let plain = |words: String| (Tone::Plain, words);
        let nested =
            self.parent.as_ref().map(|parent| format!("step {} of {}", parent.step, parent.workflow_id.short()));
        let why: Vec<String> = nested.into_iter().chain(self.why.as_deref().map(|why| clip(why, 200))).collect();
        vec![
            plain(self.workflow_id.short().to_owned()),
            plain(clip(&self.name, 24)),
            (run_tone(self.status, self.standing), self.standing.to_owned()),
            plain(format!("{} of {}", self.steps_over, self.steps_total)),
            plain(duration_words(self.elapsed_s)),
            plain(ago_words(now.since(self.created_at).as_secs_f64())),
            plain(cost),
            plain(why.join("; ")),
        ]
    }
}

/// Shows runs as a table.
pub(super) fn run_table(page: &mut Page, runs: &[RunLine]) {
    let now = clock::now();
    let rows = runs.iter().map(|run| run.row(now)).collect();
    page.told_table(&["run", "name", "status", "steps", "time", "started", "cost", "why"], rows);
}

/// Returns the word before the time that a run took so far.
fn time_word(status: RunStatus, standing: &str) -> &'static str {
    match status {
        RunStatus::Running if standing != PAUSED => "for",
        RunStatus::Running | RunStatus::Paused => "after",
        RunStatus::Done | RunStatus::Failed | RunStatus::Cancelled => "in",
    }
}

/// So many rows are shown; of more steps only those that are not simply done.
const MOST_ROWS: usize = 100;
/// So many lines of an output are shown on a terminal; the report has all.
const MOST_LINES: usize = 15;

impl RunView {
    /// Counts the steps that the author of the file wrote, by these words for them.
    pub(super) fn counts_by<'w>(&self, word: impl Fn(&RunStepView) -> &'w str) -> Vec<(&'w str, u64)> {
        let mut counts: Vec<(&str, u64)> = Vec::new();
        let written = as_written(self.steps.iter().map(|step| step.id.as_str()));
        for status in StepStatus::ALL {
            let steps = self.steps.iter().enumerate().filter(|(place, _)| written.get(*place) == Some(place));
            for (_, step) in steps.filter(|(_, step)| step.status == status) {
                let word = word(step);
                match counts.iter_mut().find(|(known, _)| *known == word) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((word, 1)),
                }
            }
        }
        counts
    }

    /// Returns how the steps stand: `5 steps done, 1 not needed`.
    fn counts(&self) -> String {
        let counts = self.counts_by(|step| step.standing);
        let words = counts.into_iter().enumerate().map(|(at, (word, count))| match at {
            0 => format!("{} {}", plural(count, "step"), in_words(word)),
            _ => format!("{count} {}", in_words(word)),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// Returns what to do next where the run does not say it itself.
    fn next(&self) -> String {
        let id = self.workflow_id.short();
        let failed = self.steps.iter().find(|step| step.status == StepStatus::Failed);
        match (self.status, failed) {
            (RunStatus::Done, _) if self.demo => {
                format!("`mgr workflow report {id}` tells all of it; without `--demo` it runs for real.")
            }
            (RunStatus::Done, _) => format!("`mgr workflow report {id}` tells all of it."),
            (RunStatus::Failed | RunStatus::Cancelled, Some(step)) => {
                let task = step.task_id.as_ref().map(|task| format!("`mgr status {}` says more; ", task.short()));
                // A shell would read the brackets of a matrix member.
                let step = one_line(&step.id);
                let step = if step.contains('[') { format!("'{}'", step.replace('\'', "'\\''")) } else { step };
                format!("{}`mgr workflow retry {id} {step}` runs it again.", task.unwrap_or_default())
            }
            (RunStatus::Failed | RunStatus::Cancelled, None) => format!("`mgr workflow report {id}` tells all of it."),
            (RunStatus::Running, _) if self.standing == PAUSED => {
                let how = still(&self.steps).map(|how| format!(": `{how}` lets it go on")).unwrap_or_default();
                format!("Nothing of it moves{how}.")
            }
            (RunStatus::Running, _) if self.waits_for_person => {
                "Waits for a person: `mgr inbox` shows the question.".to_owned()
            }
            (RunStatus::Running, _) => format!("It goes on: `mgr workflow status {id} --wait` waits for its end."),
            (RunStatus::Paused, _) if self.budget_spent => {
                format!(
                    "`mgr answer {id}/budget yes` allows as much again; `mgr workflow resume {id} --budget $N` sets another."
                )
            }
            (RunStatus::Paused, _) => format!("It is paused: `mgr workflow resume {id}` lets it go on."),
        }
    }
}

impl Render for RunView {
    fn render(&self, page: &mut Page) {
        let word = page.tint(run_tone(self.status, self.standing), self.standing);
        let name = page.tint(Tone::Strong, &one_line(&self.name));
        let took = duration_words(self.elapsed_s);
        let why = self.why.as_deref().map(|why| format!(" ({})", one_line(why))).unwrap_or_default();
        let time = time_word(self.status, self.standing);
        page.line(format!("{name} {word} {time} {took}{why}: {}", self.counts()));
        let cost = self.cost_words().map(|words| format!(", {words}")).unwrap_or_default();
        let line = page.tint(Tone::Faint, &format!("run {}{cost}", self.workflow_id));
        page.line(line);
        if let Some(parent) = &self.parent {
            page.line(format!("the workflow in step {} of {}", one_line(&parent.step), parent.workflow_id));
        }
        page.line("");
        let steps = in_line(&self.steps, 0);
        let is_told = |(_, step): &&(usize, &RunStepView)| steps.len() <= MOST_ROWS || step.status != StepStatus::Done;
        let told: Vec<_> = steps.iter().filter(is_told).collect();
        let rows = told.iter().take(MOST_ROWS).map(|(level, step)| step.row(*level)).collect();
        page.told_table(&["step", "status", "by", "time", "cost", "task", "why"], rows);
        let left = steps.len() - told.len().min(MOST_ROWS);
        if left > 0 {
            page.line(format!("and {} more: `--json` has all.", plural(left as u64, "step")));
        }
        for note in &self.notes {
            let whose = if self.demo { "demo" } else { "note" };
            page.line(format!("{whose}: {}", one_line(note)));
        }
        for (name, text) in &self.outputs {
            page.line("");
            let name = page.tint(Tone::Strong, &format!("{}:", one_line(name)));
            page.line(name);
            output(page, text);
        }
        page.line("");
        page.told(&self.next(), "");
    }

    fn exit(&self) -> Exit {
        self.exit
    }
}

/// Returns the command that lets the first step go on that is paused by itself.
fn still(steps: &[RunStepView]) -> Option<String> {
    steps.iter().filter(|step| step.standing == PAUSED).find_map(|step| match (&step.child_id, &step.task_id) {
        (Some(run), _) if step.child_status == Some(RunStatus::Paused) => {
            Some(format!("mgr workflow resume {}", run.short()))
        }
        (Some(_), _) => still(&step.steps),
        (None, task) => task.as_ref().map(|task| format!("mgr resume {}", task.short())),
    })
}

/// Returns the steps, those of a race and of nested workflows beneath theirs, each with how deep it lies.
fn in_line(steps: &[RunStepView], level: usize) -> Vec<(usize, &RunStepView)> {
    let with_own = |step: &'_ RunStepView| level + usize::from(step.race.is_some());
    let mut found = Vec::new();
    for step in steps {
        found.push((with_own(step), step));
        found.extend(in_line(&step.steps, level + 1));
    }
    found
}

/// Adds an output; on a terminal only its beginning.
fn output(page: &mut Page, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let most = page.width().map_or(lines.len(), |_| MOST_LINES);
    for line in lines.iter().take(most) {
        page.told(line, "  ");
    }
    if lines.len() > most {
        page.line(format!("  … and {}", plural((lines.len() - most) as u64, "more line")));
    }
}

impl RunStepView {
    fn row(&self, level: usize) -> Vec<(Tone, String)> {
        let turns = match self.repeat {
            Some(RepeatView { run, max }) => Some(format!("run {run} of at most {max}")),
            None => (self.turn > 1).then(|| format!("{} turns", self.turn)),
        };
        let repairs = (self.repairs > 0).then(|| plural(self.repairs.into(), "repair"));
        let waits = self.waiting_on.as_ref().map(|what| format!("waits for {what}"));
        let why = self.reason.clone().or_else(|| self.question.clone()).or(waits).map(|why| clip(&why, 200));
        let why: Vec<String> = turns.into_iter().chain(repairs).chain(why).collect();
        let id = self.task_id.as_ref().or(self.child_id.as_ref());
        let by = self.backend.clone().unwrap_or_else(|| self.kind.as_str().to_owned());
        let plain = |words: Option<String>| (Tone::Plain, words.unwrap_or_default());
        vec![
            (Tone::Plain, format!("{:indent$}{}", "", self.id, indent = 2 * level)),
            (tone_of(self.status, self.standing), in_words(self.standing)),
            (Tone::Plain, by),
            plain(self.elapsed_s.map(duration_words)),
            plain(self.cost_usd.map(brief_dollars)),
            (Tone::Faint, id.map(|id| id.short().to_owned()).unwrap_or_default()),
            (Tone::Plain, why.join(": ")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &str, status: StepStatus, reason: Option<&str>, cost_usd: Option<f64>) -> RunStepView {
        RunStepView {
            id: id.to_owned(),
            kind: StepKind::Agent,
            race: None,
            winner: None,
            status,
            standing: status.as_str(),
            reason: reason.map(str::to_owned),
            task_id: cost_usd.map(|_| "1qegr4yra00000000000a".parse().unwrap()),
            task_status: None,
            waiting_on: None,
            turn: 1,
            repeat: None,
            child_id: None,
            child_status: None,
            steps: Vec::new(),
            verification: None,
            repairs: 0,
            attempts: None,
            approval: None,
            backend: cost_usd.map(|_| "codex".to_owned()),
            elapsed_s: cost_usd.map(|_| 75.0),
            cost_usd,
            question: None,
        }
    }

    fn run(status: RunStatus, steps: Vec<RunStepView>) -> RunView {
        RunView {
            workflow_id: "1qegr4xz5ddrfv3syrhy9".parse().unwrap(),
            name: "two\u{1b}[2J steps".to_owned(),
            status,
            standing: status.as_str(),
            created_at: Timestamp(0),
            finished_at: None,
            elapsed_s: 80.0,
            parent: None,
            why: None,
            exit: Exit::Success,
            cost_usd: Some(1.5),
            steps,
            outputs: BTreeMap::new(),
            cost_unknown_steps: 1,
            budget_usd: None,
            budget_spent: false,
            demo: false,
            waits_for_person: false,
            next: None,
            notes: Vec::new(),
        }
    }

    fn line(name: &str, status: RunStatus, why: Option<&str>) -> RunLine {
        RunLine {
            workflow_id: "1qegr4xz5ddrfv3syrhy9".parse().unwrap(),
            name: name.to_owned(),
            status,
            standing: status.as_str(),
            created_at: Timestamp(clock::now().as_millis() - 190_000),
            finished_at: None,
            elapsed_s: 75.0,
            steps_total: 7,
            steps_over: 3,
            waits_for_person: false,
            why: why.map(str::to_owned),
            cost_usd: None,
            cost_unknown_steps: 0,
            parent: None,
        }
    }

    #[test]
    fn runs_are_a_table_that_says_why_they_stand_where_they_stand() {
        let failed = RunLine {
            cost_usd: Some(1.5),
            cost_unknown_steps: 1,
            ..line("safe\u{1b}[2J refactor", RunStatus::Failed, Some("fix failed: the check\nfailed"))
        };
        let nested = RunLine {
            parent: Some(ParentStep { workflow_id: failed.workflow_id.clone(), step: "in[a]".to_owned() }),
            cost_unknown_steps: 2,
            ..line("inner", RunStatus::Paused, Some("a person said so"))
        };
        let cheap = RunLine { cost_usd: Some(0.004), ..line(&"n".repeat(30), RunStatus::Done, None) };
        let drawn = |runs: &[RunLine], mut page: Page| {
            run_table(&mut page, runs);
            page.as_str().to_owned()
        };
        let runs = [failed, nested, cheap];
        let expected = "RUN        NAME                      STATUS  STEPS   TIME    STARTED  COST     WHY
1qegr4xz5  safe refactor             failed  3 of 7  1m 15s  3m ago   ≥ $1.50  fix failed: the check failed
1qegr4xz5  inner                     paused  3 of 7  1m 15s  3m ago   unknown  step in[a] of 1qegr4xz5; a person said so
1qegr4xz5  nnnnnnnnnnnnnnnnnnnnnnn…  done    3 of 7  1m 15s  3m ago   <$0.01
";
        assert_eq!(drawn(&runs, Page::plain()), expected);
        let narrow = drawn(&runs, Page::coloured(82));
        assert!(narrow.contains("\n    step in[a] of 1qegr4xz5; a person said so\n"), "{narrow}");
        assert!(narrow.lines().all(|line| crate::ui::sanitise(line).chars().count() <= 82), "{narrow}");
        assert!(!drawn(&runs[2..], Page::plain()).contains("WHY"));
    }

    fn page_of(run: &RunView, mut page: Page) -> String {
        run.render(&mut page);
        page.as_str().to_owned()
    }

    #[test]
    fn a_run_is_a_page_that_says_who_did_what_and_what_to_do() {
        let mut unknown = step("review[speed]", StepStatus::Done, None, Some(1.0));
        unknown.cost_usd = None;
        let steps = vec![
            step("plan", StepStatus::Done, None, Some(1.5)),
            unknown,
            step("fix", StepStatus::Failed, Some("the check failed:\n`x`"), Some(0.0)),
            step("ship", StepStatus::Skipped, Some("fix failed"), None),
        ];
        let mut run = run(RunStatus::Failed, steps);
        run.outputs.insert("summary".into(), "one\ntwo".into());
        let expected = "two steps failed in 1m 20s: 2 steps done, 1 failed, 1 skipped
run 1qegr4xz5ddrfv3syrhy9, $1.50 spent, and the cost of 1 step is not known

STEP           STATUS   BY     TIME    COST   TASK       WHY
plan           done     codex  1m 15s  $1.50  1qegr4yra
review[speed]  done     codex  1m 15s         1qegr4yra
fix            failed   codex  1m 15s  $0.00  1qegr4yra  the check failed: `x`
ship           skipped  agent                            fix failed

summary:
  one
  two

`mgr status 1qegr4yra` says more; `mgr workflow retry 1qegr4xz5 fix` runs it again.
";
        assert_eq!(page_of(&run, Page::plain()), expected);
    }

    #[test]
    fn what_to_type_next_survives_a_shell() {
        let run = run(RunStatus::Failed, vec![step("review[it's]", StepStatus::Failed, None, None)]);
        assert_eq!(run.next(), r"`mgr workflow retry 1qegr4xz5 'review[it'\''s]'` runs it again.");
    }

    #[test]
    fn a_terminal_gets_colours_and_the_beginning_of_long_outputs() {
        let mut run = run(RunStatus::Done, vec![step("plan", StepStatus::Done, None, None)]);
        run.outputs.insert("long".into(), "line\n".repeat(40));
        let text = page_of(&run, Page::coloured(80));
        assert!(text.contains("\u{1b}[32mdone\u{1b}[39m in 1m"), "{text:?}");
        assert!(text.contains("  … and 25 more lines\n"), "{text}");
        assert!(text.lines().all(|line| crate::ui::sanitise(line).chars().count() <= 80), "{text}");
    }

    #[test]
    fn of_a_thousand_steps_those_are_shown_that_need_a_look() {
        let mut steps: Vec<_> = (0..999).map(|n| step(&format!("s{n}"), StepStatus::Done, None, None)).collect();
        steps.push(step("last", StepStatus::Failed, Some("why"), None));
        let text = page_of(&run(RunStatus::Failed, steps), Page::plain());
        assert!(text.starts_with("two steps failed in 1m 20s: 999 steps done, 1 failed\n"), "{text}");
        assert!(text.contains("and 999 steps more: `--json` has all.") && text.lines().count() < 12, "{text}");
    }
}
