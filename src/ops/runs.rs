//! `mgr workflow run`, `status`, `list`, `cancel`, `retry`: runs of workflows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    AbsolutePath, Call, Effect, Example, Exit, JsonObject, OpError, Operation, Render, Toolset,
    named::{Wanted, by_name, find},
    run_file::FileChange,
    run_news::follow,
    run_render::run_table,
    run_start::{Start, WorkflowRunOutput, or_here, start_and_wait},
    run_views::{RunLine, RunView},
    step_maker::task_vocabulary,
    workflow::{Given, InlineWorkflow, as_typed, given},
};
use crate::{
    core::{RunStatus, Span, TaskRef},
    engine::Renewed,
    ui::{Page, Tone},
    workflow::{EXAMPLES, Shipped, Workflow},
};

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowRunInput {
    /// The workflow's file, `-` for standard input, or the name of a template or example; over MCP an absolute path
    #[arg(value_name = "FILE|NAME")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<AbsolutePath>,
    /// The workflow itself instead of a file: YAML text, or an object of the same shape
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<InlineWorkflow>,
    /// Name of a template or shipped example instead of a file
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "workflow"])]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Values of the workflow's parameters (can be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "given")]
    #[schemars(with = "Map<String, Value>")]
    pub params: Vec<Given>,
    /// Directory to work in; over MCP an absolute path
    #[arg(short = 'C', long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<AbsolutePath>,
    /// Try it out: a scripted agent in place of each, and nothing is run, asked, waited for or spent
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub demo: bool,
    /// Ask nobody: each approval is decided at once by its `unattended` (deny unless it says otherwise)
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unattended: bool,
    /// Wait for the end (over MCP for a bounded time); the command line does unless it is to detach
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
    /// Return at once with the run's id
    #[arg(long, conflicts_with = "wait")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detach: bool,
    /// Start at this step; what does not build on it is taken over unchanged from an earlier run
    #[arg(long, value_name = "STEP")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_step: Option<String>,
    /// Take over from this run what is done there and has not changed
    #[arg(long, value_name = "RUN")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<TaskRef>,
    /// Loaf that `loaf.…` in the workflow means
    #[arg(long, value_name = "LOAF")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaf_id: Option<String>,
    /// Name of this request: sending it again returns the same run
    #[arg(long, value_name = "ID")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

pub struct WorkflowRun;

impl Operation for WorkflowRun {
    const CLI: &'static [&'static str] = &["workflow", "run"];
    const TOOL: Option<&'static str> = Some("workflow_run");
    const TITLE: &'static str = "Run a workflow";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Run a workflow of steps (YAML file or inline) by agents and commands, in order and side by side; it survives any crash. \
        Returns workflow_id and the steps with their task_id. Next: workflow_status to see how far it is.";
    const EXAMPLE: Example = Example {
        argv: &["workflow", "run", "/srv/project/review.yaml", "--params", "target=core", "--demo"],
        json: r#"{"file":"/srv/project/review.yaml","params":{"target":"core"},"demo":true,"wait":true}"#,
    };

    type Input = WorkflowRunInput;
    type Output = WorkflowRunOutput;

    fn from_command_line(input: WorkflowRunInput) -> Result<WorkflowRunInput, OpError> {
        let Wanted { file, workflow, template } = as_typed(input.file, input.workflow, input.template)?;
        let (working_dir, wait) = (or_here(input.working_dir)?, !input.detach);
        Ok(WorkflowRunInput { file, workflow, template, working_dir, wait, ..input })
    }

    async fn run(call: &Call<'_>, input: WorkflowRunInput) -> Result<WorkflowRunOutput, OpError> {
        let wanted = Wanted { file: input.file, workflow: input.workflow, template: input.template };
        let found = find(call, wanted)?;
        let start = Start {
            working_dir: input.working_dir,
            demo: input.demo,
            unattended: input.unattended,
            request_id: input.request_id,
            from_step: input.from_step,
            reuse: input.reuse,
            loaf_id: input.loaf_id,
            ..Start::of(call, found, &Given::by_name(input.params))
        };
        start_and_wait(call, start, input.wait).await
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowStatusInput {
    /// The run: its id, a unique prefix, @last or @-2; the newest one when absent
    #[arg(value_name = "RUN")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<TaskRef>,
    /// Wait for the end (over MCP for a bounded time) and exit by the outcome
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
    /// Show how the file differs by now from what the run was started with
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub diff: bool,
}

/// A run, and whether the command ends by its outcome.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkflowStatusOutput {
    pub run: RunView,
    /// How the run's file differs by now from what the run was started with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_change: Option<FileChange>,
    #[serde(skip)]
    waited: bool,
}

impl WorkflowStatusOutput {
    pub(super) const fn new(run: RunView, waited: bool) -> Self {
        Self { run, file_change: None, waited }
    }
}

pub struct WorkflowStatus;

impl Operation for WorkflowStatus {
    const CLI: &'static [&'static str] = &["workflow", "status"];
    const TOOL: Option<&'static str> = Some("workflow_status");
    const TITLE: &'static str = "Show how far a workflow is";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Show how far a workflow run is: each step with status, reason, task, time and cost. \
        With wait it returns at the end. Next: task_output with a step's task_id, or workflow_report for all of it.";
    const EXAMPLE: Example = Example { argv: &["workflow", "status", "@last"], json: r#"{"workflow_id":"@last"}"# };

    type Input = WorkflowStatusInput;
    type Output = WorkflowStatusOutput;

    async fn run(call: &Call<'_>, input: WorkflowStatusInput) -> Result<WorkflowStatusOutput, OpError> {
        call.engine.reconcile()?;
        let id = call.engine.resolve_run(&input.workflow_id.unwrap_or(TaskRef::Recent(1)))?;
        if input.wait {
            follow(call, &id).await?;
        }
        let state = call.engine.run_state(&id)?;
        let loaded = call.engine.definition(&state.run, task_vocabulary())?;
        let file_change = FileChange::of(call, &loaded, input.diff);
        Ok(WorkflowStatusOutput { file_change, ..WorkflowStatusOutput::new(RunView::of(call, &state)?, input.wait) })
    }
}

impl Render for WorkflowStatusOutput {
    fn render(&self, page: &mut Page) {
        self.run.render(page);
        if let Some(change) = &self.file_change {
            change.render(page);
        }
    }

    fn exit(&self) -> Exit {
        if self.waited { self.run.exit } else { Exit::Success }
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowListInput {
    /// Only runs of this status
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// Most runs to return, newest first; 20 when absent
    #[arg(short = 'n', long, default_value = "20")]
    #[serde(default = "twenty")]
    pub limit: u32,
    /// The runs of nested workflows as well
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nested: bool,
    /// List the workflows that are shipped with mgr instead, each in one line
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub examples: bool,
}

const fn twenty() -> u32 {
    20
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkflowListOutput {
    /// Newest first.
    pub workflows: Vec<RunLine>,
    /// Whether there are older ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// The shipped workflows, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub examples: Option<Vec<ExampleLine>>,
}

/// A workflow that is shipped with mgr, to be run by its name.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExampleLine {
    pub name: String,
    pub description: String,
    /// Its parameters by name, as the file declares them.
    #[schemars(with = "JsonObject")]
    pub params: Value,
}

impl ExampleLine {
    fn all(call: &Call<'_>) -> Result<Vec<Self>, OpError> {
        let line = |shipped: &Shipped| {
            let workflow = by_name(call, shipped.name)?.check(call, None).workflow;
            let text = |workflow: &Workflow| (workflow.description.clone(), workflow.frozen["params"].clone());
            let (description, params) = workflow.as_ref().map(text).unwrap_or_default();
            Ok(Self { name: shipped.name.to_owned(), description: description.unwrap_or_default(), params })
        };
        EXAMPLES.iter().map(line).collect()
    }

    /// Returns the parameters that have no default.
    fn required(&self) -> impl Iterator<Item = (&String, &Value)> {
        let params = self.params.as_object().into_iter().flatten();
        params.filter(|(_, param)| param["required"] == Value::Bool(true))
    }

    /// Returns arguments with some value for each of them.
    fn sample(&self) -> String {
        let value = |param: &Value| match param["type"].as_str() {
            Some("integer" | "number") => "1",
            Some("boolean") => "true",
            // Open on purpose: what else there is, a text will do.
            _ => "this",
        };
        self.required().map(|(name, param)| format!(" --params {name}={}", value(param))).collect()
    }
}

pub struct WorkflowList;

impl Operation for WorkflowList {
    const CLI: &'static [&'static str] = &["workflow", "list"];
    const TOOL: Option<&'static str> = Some("workflow_list");
    const TITLE: &'static str = "List workflow runs";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "List the runs of workflows, newest first, with status and how many steps are over; with examples, the workflows \
        that are shipped and can be run by name. Next: workflow_status.";
    const EXAMPLE: Example = Example { argv: &["workflow", "list", "-n", "5"], json: r#"{"limit":5}"# };

    type Input = WorkflowListInput;
    type Output = WorkflowListOutput;

    async fn run(call: &Call<'_>, input: WorkflowListInput) -> Result<WorkflowListOutput, OpError> {
        if input.examples {
            let examples = Some(ExampleLine::all(call)?);
            return Ok(WorkflowListOutput { workflows: Vec::new(), more: false, examples });
        }
        call.engine.reconcile()?;
        let limit = input.limit.min(1000);
        let mut runs = call.engine.runs(input.status, input.nested, limit + 1)?;
        let more = runs.len() > limit as usize;
        runs.truncate(limit as usize);
        let line = |run: crate::core::Run| RunLine::of(call, &call.engine.run_state(&run.id)?);
        let workflows = runs.into_iter().map(line).collect::<Result<_, OpError>>()?;
        Ok(WorkflowListOutput { workflows, more, examples: None })
    }
}

impl Render for WorkflowListOutput {
    fn render(&self, page: &mut Page) {
        if let Some(examples) = &self.examples {
            let row = |example: &ExampleLine| {
                let needs = example.required().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
                [example.name.clone(), needs, example.description.clone()].map(|cell| (Tone::Plain, cell)).into()
            };
            page.toned_table(&["name", "needs", "what it does"], examples.iter().map(row).collect());
            if let Some(first) = examples.first() {
                let (name, params) = (&first.name, first.sample());
                page.line("");
                page.line(format!("Try one: `mgr workflow run {name}{params} --demo`."));
                page.line(format!(
                    "What it needs goes into `--params NAME=VALUE`. Its file: `mgr template show {name}`."
                ));
            }
            return;
        }
        run_table(page, &self.workflows);
        if self.more && self.workflows.is_empty() {
            page.line(format!("None was asked for: `-n {}` shows the newest.", twenty()));
            return;
        }
        if self.workflows.is_empty() {
            page.line("There is no such run: `mgr workflow run FILE` starts one.");
        }
        if self.more {
            let shown = self.workflows.len();
            page.line(format!("The newest {shown}: `-n {}` shows more.", shown.saturating_mul(2)));
        }
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowCancelInput {
    /// The run: its id, a unique prefix, @last or @-2
    #[arg(value_name = "RUN")]
    pub workflow_id: TaskRef,
    /// Time that running steps get to end politely, such as 10s
    #[arg(long, value_name = "DURATION")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Span>,
}

pub struct WorkflowCancel;

impl Operation for WorkflowCancel {
    const CLI: &'static [&'static str] = &["workflow", "cancel"];
    const TOOL: Option<&'static str> = Some("workflow_cancel");
    const TITLE: &'static str = "Cancel a workflow run";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Destroy;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Cancel a workflow run: its running steps are ended with all their processes, nothing new starts. \
        What is done stays done. Returns the run; workflow_retry takes a step of it up again.";
    const EXAMPLE: Example = Example { argv: &["workflow", "cancel", "@last"], json: r#"{"workflow_id":"@last"}"# };

    type Input = WorkflowCancelInput;
    type Output = WorkflowStatusOutput;

    async fn run(call: &Call<'_>, input: WorkflowCancelInput) -> Result<WorkflowStatusOutput, OpError> {
        let id = call.engine.resolve_run(&input.workflow_id)?;
        let state = call.engine.cancel_run(&id, input.grace).await?;
        Ok(WorkflowStatusOutput::new(RunView::of(call, &state)?, false))
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowRetryInput {
    /// The run: its id, a unique prefix, @last or @-2
    #[arg(value_name = "RUN")]
    pub workflow_id: TaskRef,
    /// The step to run again, such as fix or review[security]; all that did not succeed when absent
    #[arg(value_name = "STEP")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Wait for the end (over MCP for a bounded time) and exit by the outcome
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkflowRetryOutput {
    /// The steps that run again.
    pub renewed: Vec<String>,
    /// Steps that were cancelled before and stay so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub still_cancelled: Vec<String>,
    pub run: RunView,
    #[serde(skip)]
    waited: bool,
}

pub struct WorkflowRetry;

impl Operation for WorkflowRetry {
    const CLI: &'static [&'static str] = &["workflow", "retry"];
    const TOOL: Option<&'static str> = Some("workflow_retry");
    const TITLE: &'static str = "Run a step of a workflow again";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Run a step of a workflow again; what builds on it becomes stale and runs again too, the rest stays as it is. \
        Without step: all that failed, was cancelled or skipped. Returns the renewed steps and the run. Next: workflow_status.";
    const EXAMPLE: Example =
        Example { argv: &["workflow", "retry", "@last", "fix"], json: r#"{"workflow_id":"@last","step":"fix"}"# };

    type Input = WorkflowRetryInput;
    type Output = WorkflowRetryOutput;

    async fn run(call: &Call<'_>, input: WorkflowRetryInput) -> Result<WorkflowRetryOutput, OpError> {
        let id = call.engine.resolve_run(&input.workflow_id)?;
        let renewed = call.engine.retry_step(&id, input.step.as_deref(), task_vocabulary())?;
        if input.wait {
            follow(call, &id).await?;
        }
        let run = RunView::of(call, &call.engine.run_state(&id)?)?;
        let Renewed { steps: renewed, still_cancelled } = renewed;
        Ok(WorkflowRetryOutput { renewed, still_cancelled, run, waited: input.wait })
    }
}

impl Render for WorkflowRetryOutput {
    fn render(&self, page: &mut Page) {
        page.line(format!("Runs again: {}.", self.renewed.join(", ")));
        if !self.still_cancelled.is_empty() {
            let left = self.still_cancelled.join(", ");
            page.line(format!("Stays cancelled: {left}; `mgr workflow retry {}` takes up all.", self.run.workflow_id));
        }
        self.run.render(page);
    }

    fn exit(&self) -> Exit {
        if self.waited { self.run.exit } else { Exit::Success }
    }
}
