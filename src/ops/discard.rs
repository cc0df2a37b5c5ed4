//! `mgr discard`: giving up the directory of an isolated task.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, Toolset, landing::capitalised};
use crate::{
    core::{TaskId, TaskRef},
    engine::Discarded,
    ui::Page,
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscardInput {
    /// The isolated task: an id, a unique prefix, @last or @-2
    #[arg(value_name = "TASK")]
    pub task_id: TaskRef,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DiscardOutput {
    pub task_id: TaskId,
    /// Whether there was a directory to remove.
    pub discarded: bool,
    /// The archive's name for the directory as it was at the end, if somebody had worked there after the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub later_edits: Option<String>,
    /// The branch that was made for the worktree, if it stays, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_branch: Option<String>,
    /// What is still possible.
    pub next: String,
}

pub struct Discard;

impl Operation for Discard {
    const CLI: &'static [&'static str] = &["discard"];
    const TOOL: Option<&'static str> = Some("task_discard");
    const TITLE: &'static str = "Give up an isolated task's directory";
    const TOOLSET: Toolset = Toolset::Safety;
    const EFFECT: Effect = Effect::Destroy;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Discard or throw away the result of an isolated task: its worktree or copy goes, the workspace is not touched. \
        The result stays in the archive, so task_apply still brings it in.";
    const EXAMPLE: Example = Example { argv: &["discard", "@last"], json: r#"{"task_id":"@last"}"# };

    type Input = DiscardInput;
    type Output = DiscardOutput;

    async fn run(call: &Call<'_>, input: DiscardInput) -> Result<DiscardOutput, OpError> {
        let id = call.engine.resolve(&input.task_id)?;
        call.engine.reconcile()?;
        let Discarded { was_there, has_result, later_edits, kept_branch } =
            call.engine.discard_result(&call.engine.task(&id)?)?;
        let next = match has_result {
            true => format!("the result stays in the archive: `mgr apply {id}` still brings it in"),
            false => "the task left no result".to_owned(),
        };
        let later_edits = later_edits.map(|name| name.to_string());
        let kept_branch = kept_branch.map(|kept| kept.to_string());
        Ok(DiscardOutput { task_id: id, discarded: was_there, later_edits, kept_branch, next })
    }
}

impl Render for DiscardOutput {
    fn render(&self, page: &mut Page) {
        page.line(if self.discarded { "Discarded its directory." } else { "There was no directory to remove." });
        page.line(format!("{}.", capitalised(&self.next)));
        if let Some(name) = &self.later_edits {
            page.line(format!("What was edited there since the task: `mgr archive restore {name} --to DIR`."));
        }
        if let Some(kept) = &self.kept_branch {
            page.line(format!("{}.", capitalised(kept)));
        }
    }
}
