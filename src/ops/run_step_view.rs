//! A step of a run as answers show it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Call, OpError, TaskLine,
    run_views::RunView,
    run_words::{ALL_PAUSED, shown},
    views::{elapsed, is_zero, waiting_on},
};
use crate::{
    core::{
        Giver, Question, Run, RunId, RunStatus, RunStep, Status, StepStatus, Task, TaskId, Timestamp, Unattended,
        Verification, Word,
    },
    engine::{EngineError, Loaded, RunState},
    workflow::{Part, PlannedStep, StepKind},
};

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
    /// When a wait ends that has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
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
    /// Seconds of all its turns, as the cost is: of a loop those of all its runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_s: Option<f64>,
    /// How many attempts its task took in this turn, where one was not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    /// Dollars of all its turns, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Whether an agent ran in it of which nobody knows what it cost.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cost_unknown: bool,
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

impl RunStepView {
    /// Returns a step as it stands; `paused` names those of which nothing moves. What it has cost its run knows.
    pub(super) fn of(
        call: &Call<'_>,
        state: &RunState,
        loaded: &Loaded,
        place: usize,
        paused: &BTreeSet<String>,
    ) -> Result<Self, OpError> {
        let row = &state.steps[place];
        let planned = loaded.plan.steps.get(place);
        let (race, racer) = race_of(state, planned);
        let work = Work::of(call, row)?;
        let line = work.line.as_ref();
        // What an earlier run has done took none of this one's time and money.
        let own = line.filter(|_| work.is_of(&state.run.id));
        let now = own.and_then(|line| line.elapsed_s).or(work.child.as_ref().map(|child| child.elapsed_s));
        let before = if row.turn > 1 { earlier_seconds(call, &state.run.id, row)? } else { 0.0 };
        let waiting = work.task.as_ref().filter(|_| row.status == StepStatus::Running);
        let waiting = waiting.map(|task| waiting_on(call, task)).transpose()?.flatten();
        let approval = row.question.as_deref().map(|kept| ApprovalView::from(Question::read(kept)));
        let question = approval.as_ref().filter(|_| row.status == StepStatus::Held);
        let is_paused = state.is_paused(loaded, place, paused);
        let status = state.status_of(loaded, place);
        let child = work.child.as_ref();
        Ok(Self {
            id: row.step.clone(),
            kind: planned.map_or(StepKind::Agent, |planned| planned.part.kind(&loaded.workflow.steps[planned.step])),
            race,
            winner: state.winner_of(loaded, place).map(|winner| winner.step.clone()),
            status,
            standing: shown(status, line.map(|line| line.status), is_paused),
            reason: row.reason.clone().or_else(|| is_paused.then(|| work.why_paused())),
            task_id: work.task_id.clone(),
            task_status: line.map(|line| line.status),
            waiting_on: waiting.map(|(words, _)| words),
            until: row.due_at.filter(|_| row.status == StepStatus::Running),
            turn: row.turn,
            repeat: repeat_of(loaded, planned, row),
            backend: line.map(|line| line.backend.clone()).or(racer),
            verification: line.map(|line| line.verification).filter(|checks| *checks != Verification::None),
            elapsed_s: now.map(|now| now + before),
            cost_usd: None,
            cost_unknown: false,
            child_id: child.map(|child| child.workflow_id.clone()),
            child_status: child.map(|child| child.status),
            repairs: line.map_or(0, |line| line.repairs),
            attempts: work.attempts(),
            question: question.map(|question| question.message.clone()),
            steps: work.child.map(|child| child.steps).unwrap_or_default(),
            approval,
        })
    }
}

impl RunStepView {
    /// Returns why it stands where it stands: a reason, a question, or what it waits for.
    pub(super) fn why(&self) -> Option<String> {
        let waits = || self.waiting_on.as_ref().map(|what| format!("waits for {what}"));
        let until = || self.until.map(|until| format!("waits until {until}"));
        self.reason.clone().or_else(|| self.question.clone()).or_else(waits).or_else(until)
    }

    /// Whether nothing of it goes on without a person's word: its own question, or one in the workflow in it.
    pub(super) fn waits_for_person(&self) -> bool {
        let goes_on = |step: &Self| step.status == StepStatus::Running && !step.waits_for_person();
        match self.status {
            StepStatus::Held => true,
            StepStatus::Running => self.steps.iter().any(Self::waits_for_person) && !self.steps.iter().any(goes_on),
            StepStatus::Waiting
            | StepStatus::Done
            | StepStatus::Failed
            | StepStatus::Skipped
            | StepStatus::NotNeeded
            | StepStatus::Cancelled
            | StepStatus::Stale => false,
        }
    }
}

/// What does the work of a step in its present turn: that of an earlier one says nothing about this one.
struct Work {
    /// Known even where the task itself was removed.
    task_id: Option<TaskId>,
    task: Option<Task>,
    line: Option<TaskLine>,
    child: Option<RunView>,
}

impl Work {
    fn of(call: &Call<'_>, row: &RunStep) -> Result<Self, OpError> {
        let is_of_turn = !row.status.is_to_do() && row.status != StepStatus::Skipped;
        let task_id = row.task.clone().filter(|_| is_of_turn);
        let task = match task_id.as_ref().map(|id| call.engine.task(id)) {
            Some(Ok(task)) => Some(task),
            Some(Err(EngineError::NoTask(_))) | None => None,
            Some(Err(error)) => return Err(error.into()),
        };
        let line = task.as_ref().map(|task| TaskLine::of(call, task)).transpose()?;
        let child = row.child.as_ref().filter(|_| is_of_turn);
        let child = child.map(|id| RunView::of(call, &call.engine.run_state(id)?)).transpose()?;
        Ok(Self { task_id, task, line, child })
    }

    /// Whether this run asked for it; else it was taken over from an earlier one.
    fn is_of(&self, run: &RunId) -> bool {
        self.task.as_ref().is_some_and(|task| task.spec.lineage.workflow.as_ref() == Some(run))
    }

    fn attempts(&self) -> Option<u64> {
        self.task.as_ref().map(|task| task.attempts.len() as u64).filter(|count| *count > 1)
    }

    fn why_paused(&self) -> String {
        match (&self.child, &self.task_id) {
            (Some(child), _) => child.why.clone().unwrap_or_else(|| ALL_PAUSED.to_owned()),
            (None, Some(_)) => "its task is paused".to_owned(),
            (None, None) => "the run is paused".to_owned(),
        }
    }
}

/// Returns the seconds that the earlier turns of a step took.
fn earlier_seconds(call: &Call<'_>, run: &RunId, row: &RunStep) -> Result<f64, OpError> {
    let tasks = call.engine.tasks_of_step(run, &row.step)?.into_iter().map(|(_, task)| task);
    let of_tasks = tasks.filter(|task| Some(&task.id) != row.task.as_ref()).filter_map(|task| elapsed(&task));
    let is_earlier = |child: &Run| {
        child.parent.as_ref().is_some_and(|(_, step)| *step == row.step) && Some(&child.id) != row.child.as_ref()
    };
    let children = call.engine.children_of(run)?.into_iter().filter(is_earlier);
    let of_children = children.filter_map(|child| Some(child.finished_at?.since(child.created_at).as_secs_f64()));
    Ok(of_tasks.chain(of_children).sum())
}

/// Returns the race that a step runs in, and the agent that it is there.
fn race_of(state: &RunState, planned: Option<&PlannedStep>) -> (Option<String>, Option<String>) {
    match planned.map(|planned| &planned.part) {
        Some(Part::Racer { race, backend }) => {
            (state.steps.get(*race).map(|race| race.step.clone()), Some(backend.clone()))
        }
        Some(Part::Whole | Part::Race { .. }) | None => (None, None),
    }
}

/// Returns how far the loop of a step is that has begun.
fn repeat_of(loaded: &Loaded, planned: Option<&PlannedStep>, row: &RunStep) -> Option<RepeatView> {
    let has_run = match row.status {
        StepStatus::Waiting | StepStatus::Stale => row.loops > 0,
        StepStatus::Skipped | StepStatus::NotNeeded => false,
        StepStatus::Cancelled => row.task.is_some() || row.child.is_some(),
        StepStatus::Running | StepStatus::Held | StepStatus::Done | StepStatus::Failed => true,
    };
    let max = planned?.most_runs.filter(|_| has_run && !loaded.frozen.demo)?;
    Some(RepeatView { run: row.loops + 1, max })
}
