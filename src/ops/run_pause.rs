//! `mgr workflow pause` and `mgr workflow resume`: a run stands still, and goes on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Door, Effect, Example, OpError, Operation, Toolset, run_news::attend, run_views::RunView,
    runs::WorkflowStatusOutput,
};
use crate::core::{Money, TaskRef};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowPauseInput {
    /// The run: its id, a unique prefix, @last or @-2
    #[arg(value_name = "RUN")]
    pub workflow_id: TaskRef,
    /// Let what runs finish; else its processes stop where they are
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub let_run: bool,
}

pub struct WorkflowPause;

impl Operation for WorkflowPause {
    const CLI: &'static [&'static str] = &["workflow", "pause"];
    const TOOL: Option<&'static str> = Some("workflow_pause");
    const TITLE: &'static str = "Pause a workflow run";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Pause a workflow run: nothing new starts, and running steps stop where they are. \
        Approvals can be answered meanwhile. Returns the run; workflow_resume lets it go on.";
    const EXAMPLE: Example = Example { argv: &["workflow", "pause", "@last"], json: r#"{"workflow_id":"@last"}"# };

    type Input = WorkflowPauseInput;
    type Output = WorkflowStatusOutput;

    async fn run(call: &Call<'_>, input: WorkflowPauseInput) -> Result<WorkflowStatusOutput, OpError> {
        let id = call.engine.resolve_run(&input.workflow_id)?;
        let state = call.engine.pause_run(&id, input.let_run, &who_said_so(call))?;
        Ok(WorkflowStatusOutput::new(RunView::of(call, &state)?, false))
    }
}

/// Says who wants it, as far as the door tells.
fn who_said_so(call: &Call<'_>) -> String {
    match (call.engine.asking_task(), call.door, call.client.get("name")) {
        (Some(task), _, _) => format!("task {task} said so"),
        (None, Door::CommandLine, _) => "a person said so".to_owned(),
        (None, Door::Dashboard, _) => "a person said so on the dashboard".to_owned(),
        (None, Door::Mcp, Some(client)) => format!("{client} said so over MCP"),
        (None, Door::Mcp, None) => "somebody said so over MCP".to_owned(),
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowResumeInput {
    /// The run: its id, a unique prefix, @last or @-2
    #[arg(value_name = "RUN")]
    pub workflow_id: TaskRef,
    /// The most that the whole run may cost from now on, such as $10
    #[arg(long, value_name = "DOLLARS")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Money>,
    /// Wait for the end (over MCP for a bounded time) and exit by the outcome
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
}

pub struct WorkflowResume;

impl Operation for WorkflowResume {
    const CLI: &'static [&'static str] = &["workflow", "resume"];
    const TOOL: Option<&'static str> = Some("workflow_resume");
    const TITLE: &'static str = "Resume a workflow run";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Let a paused workflow run continue, with more budget where its money was spent. \
        A step whose task was paused by itself stays so: resume_task. Next: workflow_status.";
    const EXAMPLE: Example = Example {
        argv: &["workflow", "resume", "@last", "--budget", "$10"],
        json: r#"{"workflow_id":"@last","budget":"$10.00"}"#,
    };

    type Input = WorkflowResumeInput;
    type Output = WorkflowStatusOutput;

    async fn run(call: &Call<'_>, input: WorkflowResumeInput) -> Result<WorkflowStatusOutput, OpError> {
        let id = call.engine.resolve_run(&input.workflow_id)?;
        call.engine.resume_run(&id, input.budget)?;
        if input.wait {
            attend(call, &id).await?;
        }
        let run = RunView::of(call, &call.engine.run_state(&id)?)?;
        Ok(WorkflowStatusOutput::new(run, input.wait))
    }
}
