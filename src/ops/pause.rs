//! `mgr pause` and `mgr resume`: stopping a whole process tree and letting it go on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, Toolset};
use crate::{
    core::{Status, TaskId, TaskRef},
    ui::Page,
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseInput {
    /// The task: an id, a unique prefix, @last or @-2
    #[arg(value_name = "TASK")]
    pub task_id: TaskRef,
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeInput {
    /// The task: an id, a unique prefix, @last or @-2
    #[arg(value_name = "TASK")]
    pub task_id: TaskRef,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PauseOutput {
    pub task_id: TaskId,
    pub status: Status,
}

pub struct Pause;

impl Operation for Pause {
    const CLI: &'static [&'static str] = &["pause"];
    const TOOL: Option<&'static str> = Some("pause_task");
    const TITLE: &'static str = "Pause a task";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Pause, freeze or suspend a task: all its processes stop where they are and its time limit \
        stands still; one that waits does not start. Next: resume_task lets it go on.";
    const EXAMPLE: Example = Example { argv: &["pause", "@last"], json: r#"{"task_id":"@last"}"# };

    type Input = PauseInput;
    type Output = PauseOutput;

    async fn run(call: &Call<'_>, input: PauseInput) -> Result<PauseOutput, OpError> {
        let task = call.engine.pause(&call.engine.resolve(&input.task_id)?)?;
        Ok(PauseOutput { status: task.status(), task_id: task.id })
    }
}

pub struct Resume;

impl Operation for Resume {
    const CLI: &'static [&'static str] = &["resume"];
    const TOOL: Option<&'static str> = Some("resume_task");
    const TITLE: &'static str = "Resume a task";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Let a paused, held or suspended task continue. Next: task_watch to wait for it. \
        To say more to a finished agent use send.";
    const EXAMPLE: Example = Example { argv: &["resume", "@last"], json: r#"{"task_id":"@last"}"# };

    type Input = ResumeInput;
    type Output = PauseOutput;

    async fn run(call: &Call<'_>, input: ResumeInput) -> Result<PauseOutput, OpError> {
        let task = call.engine.resume(&call.engine.resolve(&input.task_id)?)?;
        Ok(PauseOutput { status: task.status(), task_id: task.id })
    }
}

impl Render for PauseOutput {
    fn render(&self, page: &mut Page) {
        page.line(format!("{} {}", self.task_id.short(), self.status.as_str()));
    }
}
