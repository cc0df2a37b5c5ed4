//! `mgr inbox` and `mgr answer`: what waits for a person, and a person's word.

use std::{collections::BTreeSet, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Code, Effect, Example, OpError, Operation, Render, TaskLine, Toolset, step_maker::task_vocabulary};
use crate::{
    core::{
        Acceptance, Category, HoldReason, Lineage, Question, ReviewedStep, Run, RunId, RunStatus, RunStep, State,
        StepStatus, Task, TaskId, TaskRef, Timestamp, Unattended,
    },
    engine::{Answer, EngineError, Purse},
    os::clock,
    store::Filter,
    ui::{Page, clip, duration_words, one_line, plural},
};

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InboxListInput {}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InboxKind {
    /// A step asks whether to go on.
    Approval,
    /// A run has spent its budget.
    Budget,
}

/// A question to a person.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InboxItem {
    /// What to answer to: RUN/STEP.
    pub id: String,
    pub workflow_id: RunId,
    pub step: String,
    pub question: String,
    /// Stands for the outputs, diffs and files that the question is about.
    pub digest: String,
    pub kind: InboxKind,
    /// The run's name.
    pub workflow: String,
    /// When it was asked.
    pub since: Timestamp,
    /// When `unattended` decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unattended: Option<Unattended>,
    /// Why it is asked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The steps that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reviewed: Vec<ReviewedStep>,
    /// The first of the files that those steps changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// How many files those steps changed.
    #[serde(skip_serializing_if = "is_zero")]
    pub files_total: u64,
    /// Files that are not as those steps have left them: somebody else changed them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edited: Vec<String>,
    /// Tasks that wanted to answer in a person's place, and were refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<TaskId>,
    /// Commands that show it.
    pub commands: Vec<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InboxListOutput {
    /// Oldest first.
    pub items: Vec<InboxItem>,
    /// Tasks that wait for a person, oldest first: agents that ended with a question (answer with `send`), and what
    /// came back from a lost database (`resume_task`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskLine>,
}

pub struct InboxList;

impl Operation for InboxList {
    const CLI: &'static [&'static str] = &["inbox"];
    const TOOL: Option<&'static str> = Some("inbox_list");
    const TITLE: &'static str = "Show what waits for a person";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Show what waits for a person: approvals of workflow runs, each with its question and a digest of what is to be reviewed. \
        Next: inbox_answer.";
    const EXAMPLE: Example = Example { argv: &["inbox"], json: "{}" };

    type Input = InboxListInput;
    type Output = InboxListOutput;

    async fn run(call: &Call<'_>, _: InboxListInput) -> Result<InboxListOutput, OpError> {
        call.engine.reconcile()?;
        let mut items = Vec::new();
        for (id, step) in call.engine.held_steps()? {
            let name = call.engine.run_state(&id)?.run.name;
            items.push(approval(id, name, &step));
        }
        for run in call.engine.runs(Some(RunStatus::Paused), true, MOST_TASKS)? {
            if let Some(purse) = call.engine.empty_purse(&run, task_vocabulary())? {
                items.push(budget(call, &run, &purse)?);
            }
        }
        for item in &mut items {
            let refused = call.engine.refused_answers(&item.workflow_id)?.into_iter();
            item.refused = refused.filter(|refused| refused.step == item.step).map(|refused| refused.task_id).collect();
        }
        items.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        let held = call.engine.live(MOST_TASKS)?.into_iter().filter(waits_for_person);
        let asking = asking(call.engine.list(&Filter::default(), None, MOST_ASKING)?.tasks);
        let tasks = asking.into_iter().chain(held).map(|task| TaskLine::of(call, &task));
        let tasks = tasks.collect::<Result<_, _>>()?;
        Ok(InboxListOutput { items, tasks })
    }
}

/// A word, which goes into prompts and reports.
const LONGEST_NOTE: usize = 10_000;
const MOST_TASKS: u32 = 1000;
/// So many of the newest tasks are looked through for questions of agents.
const MOST_ASKING: u32 = 200;
/// So many files and tasks are named to people.
const MOST_SHOWN: usize = 8;

fn approval(run: RunId, workflow: String, step: &RunStep) -> InboxItem {
    let question = Question::read(step.question.as_deref().unwrap_or_default());
    let review = question.review.clone();
    let mut commands = vec![format!("mgr workflow report {run}")];
    let changed = review.steps.iter().filter(|step| step.files_total > 0);
    let shown = changed.filter_map(|step| step.task_id.as_ref()).map(|task| format!("mgr diff {task}"));
    commands.extend(shown.take(MOST_SHOWN));
    let in_place = review.files.into_keys();
    let isolated = review.steps.iter().filter(|step| step.isolated);
    let isolated = isolated.flat_map(|step| step.files.iter().map(|file| format!("{file} (result of {})", step.step)));
    InboxItem {
        id: format!("{run}/{}", step.step),
        question: question.message.clone(),
        digest: review.digest,
        kind: InboxKind::Approval,
        workflow,
        since: question.asked_at,
        expires_at: step.due_at,
        unattended: Some(question.unattended),
        reason: step.reason.clone(),
        files: in_place.chain(isolated).collect(),
        files_total: review.steps.iter().map(|step| step.files_total).sum(),
        reviewed: review.steps,
        edited: review.edited,
        refused: Vec::new(),
        commands,
        workflow_id: run,
        step: step.step.clone(),
    }
}

/// The word after the run's id that means its money.
const BUDGET: &str = "budget";
/// The same where a step has that name.
const BUDGET_TOO: &str = "$budget";

fn budget(call: &Call<'_>, run: &Run, purse: &Purse) -> Result<InboxItem, OpError> {
    let steps = call.engine.run_state(&run.id)?.steps;
    let name = if steps.iter().any(|step| step.step == BUDGET) { BUDGET_TOO } else { BUDGET };
    let (id, told) = (&run.id, purse.told());
    Ok(InboxItem {
        id: format!("{id}/{name}"),
        workflow_id: id.clone(),
        step: name.to_owned(),
        question: format!("{}{}. Allow the same amount once more?", told[..1].to_uppercase(), &told[1..]),
        digest: purse.digest(),
        kind: InboxKind::Budget,
        workflow: run.name.clone(),
        since: run.updated_at,
        expires_at: None,
        unattended: None,
        reason: None,
        reviewed: Vec::new(),
        files: Vec::new(),
        files_total: 0,
        edited: Vec::new(),
        refused: Vec::new(),
        commands: vec![format!("mgr workflow report {id}"), format!("mgr workflow status {id}")],
    })
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Whether nothing but a person lets it go on.
fn waits_for_person(task: &Task) -> bool {
    matches!(&task.state, State::Held { reason: HoldReason::Rebuilt, .. })
}

/// Returns the tasks whose agent ended with a question that nobody has taken up, oldest first.
fn asking(newest: Vec<Task>) -> Vec<Task> {
    let lineages = newest.iter().map(|task| &task.spec.lineage);
    let taken_up = |lineage: &Lineage| [&lineage.continues, &lineage.retry_of, &lineage.rerun_of].map(Clone::clone);
    let taken_up: BTreeSet<_> = lineages.flat_map(taken_up).flatten().collect();
    let asks = |task: &Task| task.failure().is_some_and(|failure| failure.category == Category::NeedsInput);
    let is_open = |task: &Task| asks(task) && !taken_up.contains(&task.id) && task.acceptance == Acceptance::None;
    newest.into_iter().rev().filter(is_open).collect()
}

impl Render for InboxListOutput {
    fn render(&self, page: &mut Page) {
        let now = clock::now();
        for item in &self.items {
            item.render(page, now);
        }
        for task in &self.tasks {
            let asked = task.failure.as_ref().map_or(&task.prompt, |failure| &failure.message);
            let how = if task.failure.is_some() { "mgr send" } else { "mgr resume" };
            page.line(format!("{} waits for `{how}`: {}", task.task_id.short(), clip(&one_line(asked), 200)));
        }
        page.line(match self.items.len() + self.tasks.len() {
            0 => "Nothing waits for you.".to_owned(),
            _ if self.items.is_empty() => format!("{}.", plural(self.tasks.len() as u64, "task")),
            _ => format!("{}: `mgr answer RUN/STEP yes` or `no`.", plural(self.items.len() as u64, "question")),
        });
    }
}

impl InboxItem {
    fn render(&self, page: &mut Page, now: Timestamp) {
        let digest = if self.digest.is_empty() { String::new() } else { format!(" ({})", self.digest) };
        page.line(format!("{} {}{digest}", one_line(&self.id), clip(&one_line(&self.question), 500)));
        let since = duration_words(now.since(self.since).as_secs_f64());
        let until = self.expires_at.map(|at| {
            let left = duration_words(at.since(now).as_secs_f64());
            let policy = self.unattended.unwrap_or_default().as_str();
            format!("; without an answer in {left}: {policy}")
        });
        page.line(format!("  {}, asked {since} ago{}", one_line(&self.workflow), until.unwrap_or_default()));
        if let Some(reason) = &self.reason {
            page.line(format!("  {}", clip(&one_line(reason), 500)));
        }
        let named = |files: &[String], total: usize| {
            let more = total.max(files.len()).saturating_sub(MOST_SHOWN.min(files.len()));
            let mut names: Vec<_> = files.iter().take(MOST_SHOWN).map(|file| one_line(file)).collect();
            names.extend((more > 0).then(|| format!("{more} more")));
            names.join(", ")
        };
        if !self.files.is_empty() {
            page.line(format!("  files: {}", named(&self.files, self.files_total as usize)));
        }
        if !self.edited.is_empty() {
            page.line(format!("  changed by somebody else since: {}", named(&self.edited, 0)));
        }
        for task in &self.refused {
            page.line(format!("  task {task} wanted to answer this, and was refused"));
        }
        for command in &self.commands {
            page.line(format!("  {command}"));
        }
    }
}

/// A person's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    Yes,
    No,
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InboxAnswerInput {
    /// The question, as the inbox has it: RUN/STEP, or RUN/budget
    #[arg(value_name = "RUN/STEP")]
    pub id: String,
    /// Whether it may go on: yes or no
    pub answer: Word,
    /// A word on it, which later steps get as the step's output
    #[arg(long, value_name = "TEXT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Digest of what was reviewed, as the inbox had it; refused if it has changed since
    #[arg(long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InboxAnswerOutput {
    pub workflow_id: RunId,
    pub step: String,
    pub status: StepStatus,
    /// The word that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the note that came with the word was not kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub note_lost: bool,
}

pub struct InboxAnswer;

impl Operation for InboxAnswer {
    const CLI: &'static [&'static str] = &["answer"];
    const TOOL: Option<&'static str> = Some("inbox_answer");
    const TITLE: &'static str = "Answer what waits for a person";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Answer an approval of a workflow run with yes or no: yes lets it go on, no fails the step. \
        Give the digest from inbox_list, so that only what was reviewed is approved.";
    const EXAMPLE: Example =
        Example { argv: &["answer", "@last/ship", "yes"], json: r#"{"id":"@last/ship","answer":"yes"}"# };

    type Input = InboxAnswerInput;
    type Output = InboxAnswerOutput;

    async fn run(call: &Call<'_>, input: InboxAnswerInput) -> Result<InboxAnswerOutput, OpError> {
        let length = input.note.as_ref().map_or(0, String::len);
        if length > LONGEST_NOTE {
            return Err(OpError::invalid(format!("a note of {length} bytes, more than {LONGEST_NOTE}"))
                .hint("put it into a file, and name the file in the note"));
        }
        call.engine.reconcile()?;
        let (workflow_id, step) = question_of(call, &input.id)?;
        let approved = input.answer == Word::Yes;
        let steps = call.engine.run_state(&workflow_id)?.steps;
        let is_step = steps.iter().any(|row| row.step == step);
        let is_budget = step == BUDGET_TOO || (step == BUDGET && !is_step);
        if is_step || is_budget {
            call.engine.check_person(&workflow_id, &step)?;
            let asked = Some(step.as_str()).filter(|_| !is_budget);
            call.engine.until_asked(&workflow_id, asked, task_vocabulary()).await?;
        }
        if is_budget {
            check_purse(call, &workflow_id, &input)?;
            let answered = answer_budget(call, workflow_id, step, approved).await?;
            return Ok(InboxAnswerOutput { note_lost: note_of(&input).is_some(), ..answered });
        }
        let answer = Answer {
            approved,
            note: input.note.as_deref(),
            digest: input.digest.as_deref(),
            over: call.door.as_str(),
            client: call.client.get("name").map(String::as_str),
            user: ["USER", "LOGNAME"].into_iter().find_map(|name| call.engine.env_value(name)),
        };
        let answered = call.engine.answer_step(&workflow_id, &step, &answer, task_vocabulary())?;
        let kept = answered.question.as_deref().and_then(|kept| Question::read(kept).word?.note);
        Ok(InboxAnswerOutput {
            workflow_id,
            step: answered.step,
            status: answered.status,
            reason: answered.reason,
            note_lost: note_of(&input).is_some_and(|note| kept.as_deref() != Some(note)),
        })
    }
}

fn note_of(input: &InboxAnswerInput) -> Option<&str> {
    input.note.as_deref().map(str::trim).filter(|note| !note.is_empty())
}

/// Refuses a word on a budget that is another by now: somebody has allowed more, and that is spent too.
fn check_purse(call: &Call<'_>, id: &RunId, input: &InboxAnswerInput) -> Result<(), OpError> {
    let Some(seen) = input.digest.as_deref().filter(|seen| !seen.is_empty()) else { return Ok(()) };
    let run = call.engine.run_state(id)?.run;
    let Some(digest) = call.engine.empty_purse(&run, task_vocabulary())?.map(|purse| purse.digest()) else {
        return Ok(());
    };
    if seen.len() >= 8 && digest.starts_with(seen) {
        return Ok(());
    }
    let message = format!("the budget of run `{id}` is not what it was (`{seen}`): its digest is {digest}");
    Err(OpError::new(Code::Conflict, message).hint("look at it again, then answer with its digest"))
}

async fn answer_budget(call: &Call<'_>, id: RunId, step: String, approved: bool) -> Result<InboxAnswerOutput, OpError> {
    let (status, reason) = if approved {
        let run = call.engine.allow_more(&id, task_vocabulary())?;
        let budget = run.budget.map(|budget| format!("the run may cost {budget} in all"));
        (StepStatus::Done, budget)
    } else {
        let run = call.engine.run_state(&id)?.run;
        let is_cancelled = run.status == RunStatus::Cancelled;
        if !is_cancelled && call.engine.empty_purse(&run, task_vocabulary())?.is_none() {
            let message = format!("run `{id}` does not wait for money: it is {}", run.status.as_str());
            let hint = if run.status.is_terminal() {
                format!("`mgr workflow report {id}` tells all of it")
            } else {
                format!("`mgr workflow cancel {id}` cancels it all the same")
            };
            return Err(OpError::new(Code::Conflict, message).hint(hint));
        }
        call.engine.cancel_run(&id, None).await?;
        (StepStatus::Failed, Some("the run was cancelled".to_owned()))
    };
    Ok(InboxAnswerOutput { workflow_id: id, step, status, reason, note_lost: false })
}

/// Returns the run and the step that an id of the inbox names.
fn question_of(call: &Call<'_>, id: &str) -> Result<(RunId, String), OpError> {
    const HINT: &str = "`mgr inbox` lists what waits for a person";
    let (run, step) =
        id.split_once('/').ok_or_else(|| OpError::invalid(format!("`{id}` is not RUN/STEP")).hint(HINT))?;
    let unknown = || OpError::new(Code::NotFound, format!("no workflow run `{run}`, so no `{id}`")).hint(HINT);
    let reference = TaskRef::from_str(run).map_err(|_| unknown())?;
    match call.engine.resolve_run(&reference) {
        Ok(found) => Ok((found, step.to_owned())),
        Err(EngineError::NotFound { .. }) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

impl Render for InboxAnswerOutput {
    fn render(&self, page: &mut Page) {
        let why = self.reason.as_deref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
        page.line(format!("Step {} of {} is {}{why}.", one_line(&self.step), self.workflow_id, self.status.as_str()));
        if self.note_lost {
            page.line("The note was not kept: it goes with the first word on a step, and with none on a budget.");
        }
    }
}
