//! `mgr inbox` and `mgr answer`: what waits for a person, and a person's word.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, Toolset, run_views::split_question};
use crate::{
    core::{RunId, StepStatus, TaskRef},
    ui::{Page, one_line, plural},
};

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InboxListInput {}

/// A question to a person.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InboxItem {
    /// What to answer to: RUN/STEP.
    pub id: String,
    pub workflow_id: RunId,
    pub step: String,
    pub question: String,
    /// Stands for the outputs and diffs that the question is about.
    pub digest: String,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InboxListOutput {
    pub items: Vec<InboxItem>,
}

pub struct InboxList;

impl Operation for InboxList {
    const CLI: &'static [&'static str] = &["inbox"];
    const TOOL: Option<&'static str> = Some("inbox_list");
    const TITLE: &'static str = "Show what waits for a person";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Show what waits for a person: approvals of workflow runs, each with its question and a digest of what is to be reviewed. \
        Next: inbox_answer.";
    const EXAMPLE: Example = Example { argv: &["inbox"], json: "{}" };

    type Input = InboxListInput;
    type Output = InboxListOutput;

    async fn run(call: &Call<'_>, _: InboxListInput) -> Result<InboxListOutput, OpError> {
        call.engine.reconcile()?;
        let item = |(run, step): (RunId, crate::core::RunStep)| {
            let (digest, question) = split_question(step.question.as_deref().unwrap_or_default());
            InboxItem {
                id: format!("{run}/{}", step.step),
                question: question.to_owned(),
                digest: digest.to_owned(),
                workflow_id: run,
                step: step.step,
            }
        };
        Ok(InboxListOutput { items: call.engine.held_steps()?.into_iter().map(item).collect() })
    }
}

impl Render for InboxListOutput {
    fn render(&self, page: &mut Page) {
        for item in &self.items {
            page.line(format!("{} {} ({})", item.id, one_line(&item.question), item.digest));
        }
        page.line(match self.items.len() {
            0 => "Nothing waits for you.".to_owned(),
            count => format!("{}: `mgr answer RUN/STEP yes` or `no`.", plural(count as u64, "question")),
        });
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
    /// The question, as the inbox has it: RUN/STEP
    #[arg(value_name = "RUN/STEP")]
    pub id: String,
    /// Whether it may go on: yes or no
    pub answer: Word,
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
}

pub struct InboxAnswer;

impl Operation for InboxAnswer {
    const CLI: &'static [&'static str] = &["answer"];
    const TOOL: Option<&'static str> = Some("inbox_answer");
    const TITLE: &'static str = "Answer what waits for a person";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Answer an approval of a workflow run with yes or no: yes lets it go on, no fails the step. \
        Give the digest from inbox_list, so that only what was reviewed is approved.";
    const EXAMPLE: Example =
        Example { argv: &["answer", "@last/ship", "yes"], json: r#"{"id":"@last/ship","answer":"yes"}"# };

    type Input = InboxAnswerInput;
    type Output = InboxAnswerOutput;

    async fn run(call: &Call<'_>, input: InboxAnswerInput) -> Result<InboxAnswerOutput, OpError> {
        call.engine.reconcile()?;
        let (run, step) = input.id.split_once('/').ok_or_else(|| {
            OpError::invalid(format!("`{}` is not RUN/STEP", input.id))
                .hint("`mgr inbox` lists what waits for a person")
        })?;
        let reference = TaskRef::from_str(run).map_err(|error| OpError::invalid(error.to_string()))?;
        let workflow_id = call.engine.resolve_run(&reference)?;
        let answered =
            call.engine.answer_step(&workflow_id, step, input.answer == Word::Yes, input.digest.as_deref())?;
        Ok(InboxAnswerOutput { workflow_id, step: answered.step, status: answered.status })
    }
}

impl Render for InboxAnswerOutput {
    fn render(&self, page: &mut Page) {
        page.line(format!("Step {} of {} is {}.", one_line(&self.step), self.workflow_id, self.status.as_str()));
    }
}
