//! `mgr workflow run`, `status`, `list`, `cancel`, `retry`: runs of workflows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    AbsolutePath, Call, Effect, Example, Exit, OpError, Operation, Render, Toolset,
    run_views::{RunLine, RunView, run_tone, waits_for_person},
    workflow::{Given, InlineWorkflow, checked_with, from_standard_input, given, notes_on_money, task_vocabulary},
};
use crate::{
    core::{RunId, Span, StepStatus, TaskRef},
    engine::{Frozen, RunAsk},
    ui::{Page, duration_words, one_line, plural},
    workflow::{Checked, Fault, Support},
};

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowRunInput {
    /// The workflow's file (on the command line `-` reads standard input); over MCP an absolute path
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<AbsolutePath>,
    /// The workflow itself instead of a file: YAML text, or an object of the same shape
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<InlineWorkflow>,
    /// Values of the workflow's parameters (can be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "given")]
    #[schemars(with = "Map<String, Value>")]
    pub params: Vec<Given>,
    /// Directory to work in; over MCP an absolute path
    #[arg(short = 'C', long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<AbsolutePath>,
    /// Try it out: every agent is the scripted demo agent, and nothing is run, asked, waited for or spent
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
    /// Name of this request: sending it again returns the same run
    #[arg(long, value_name = "ID")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkflowRunOutput {
    pub workflow_id: RunId,
    /// The run as it stands when the call returns.
    pub run: RunView,
    #[serde(skip)]
    detached: bool,
}

pub struct WorkflowRun;

impl Operation for WorkflowRun {
    const CLI: &'static [&'static str] = &["workflow", "run"];
    const TOOL: Option<&'static str> = Some("workflow_run");
    const TITLE: &'static str = "Run a workflow";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Run a workflow of steps (YAML file or inline) by agents and commands, in order and side by side; it survives any crash. \
        Returns workflow_id and the steps with their task_id. Next: workflow_status to see how far it is.";
    const EXAMPLE: Example = Example {
        argv: &["workflow", "run", "/srv/project/review.yaml", "--params", "target=core", "--demo"],
        json: r#"{"file":"/srv/project/review.yaml","params":{"target":"core"},"demo":true,"wait":true}"#,
    };

    type Input = WorkflowRunInput;
    type Output = WorkflowRunOutput;

    fn from_command_line(input: WorkflowRunInput) -> Result<WorkflowRunInput, OpError> {
        let (file, workflow) = from_standard_input(input.file, input.workflow)?;
        let (working_dir, wait) = (or_here(input.working_dir)?, !input.detach);
        Ok(WorkflowRunInput { file, workflow, working_dir, wait, ..input })
    }

    async fn run(call: &Call<'_>, input: WorkflowRunInput) -> Result<WorkflowRunOutput, OpError> {
        let params: Map<String, Value> = input.params.into_iter().map(|given| (given.name, given.value)).collect();
        let (name, checked) = checked_with(call, input.file.clone(), input.workflow, Some(&params))?;
        let start = Start {
            name,
            checked,
            file: input.file,
            working_dir: input.working_dir,
            demo: input.demo,
            unattended: input.unattended,
            request_id: input.request_id,
        };
        start_and_wait(call, start, input.wait).await
    }
}

/// A workflow that was checked, about to be run.
pub(super) struct Start {
    pub name: String,
    pub checked: Checked,
    pub file: Option<AbsolutePath>,
    pub working_dir: Option<AbsolutePath>,
    pub demo: bool,
    pub unattended: bool,
    pub request_id: Option<String>,
}

pub(super) async fn start_and_wait(call: &Call<'_>, start: Start, wait: bool) -> Result<WorkflowRunOutput, OpError> {
    let (workflow_id, notes) = take_on(call, start)?;
    if wait {
        follow(call, &workflow_id).await?;
    } else {
        call.engine.reconcile()?;
    }
    let run = RunView { notes, ..RunView::of(call, &call.engine.run_state(&workflow_id)?)? };
    Ok(WorkflowRunOutput { workflow_id, run, detached: !wait })
}

fn take_on(call: &Call<'_>, start: Start) -> Result<(RunId, Vec<String>), OpError> {
    let (Some(workflow), Some(plan)) = (start.checked.workflow, start.checked.plan) else {
        return Err(invalid(&start.name, &start.checked.faults));
    };
    let mut support = Support::of(&workflow, start.demo);
    if !start.demo {
        support.notes.extend(notes_on_money(call, &workflow));
    }
    if !support.refusals.is_empty() {
        let what = support.refusals.join(", ");
        return Err(OpError::invalid(format!("this mgr cannot run {what} yet; nothing was started"))
            .hint("take it out of the workflow, or try the file with `--demo`"));
    }
    let working_dir = working_dir(start.working_dir)?;
    let name = workflow.name.clone().unwrap_or_else(|| stem(&start.name));
    let frozen = Frozen {
        v: 1,
        params: plan.params.clone(),
        working_dir,
        demo: start.demo,
        file: start.file.map(|file| file.0),
        template: None,
        env: Map::new(),
        unattended: start.unattended,
        digest: plan.digest.clone(),
        workflow: workflow.frozen,
    };
    let id = call.engine.start_run(&RunAsk {
        name: &name,
        frozen: &frozen,
        plan: &plan,
        request_id: start.request_id.as_deref(),
        parent: None,
    })?;
    call.progress.line(&format!("workflow {id}"));
    Ok((id, support.notes))
}

/// The command line works where it is called.
pub(super) fn or_here(given: Option<AbsolutePath>) -> Result<Option<AbsolutePath>, OpError> {
    given.map_or_else(|| ".".parse().map_err(OpError::invalid), Ok).map(Some)
}

fn working_dir(given: Option<AbsolutePath>) -> Result<camino::Utf8PathBuf, OpError> {
    let dir = given.map(|path| path.0).ok_or_else(|| {
        OpError::invalid("`working_dir` is missing").hint("send the absolute path of the directory to work in")
    })?;
    if !dir.is_dir() {
        return Err(OpError::invalid(format!("`{dir}` is not a directory")).hint("give an existing one"));
    }
    Ok(dir)
}

/// A run is named after its file where it has no name.
fn stem(name: &str) -> String {
    camino::Utf8Path::new(name).file_stem().unwrap_or(name).to_owned()
}

fn invalid(name: &str, faults: &[Fault]) -> OpError {
    let mut error =
        OpError::invalid(format!("`{name}` has {}; nothing was started", plural(faults.len() as u64, "fault")));
    for fault in faults.iter().take(10) {
        let place = match (fault.line, fault.column) {
            (Some(line), Some(column)) => format!("{line}:{column}: "),
            (_, _) => String::new(),
        };
        let path = if fault.path.is_empty() { String::new() } else { format!(" (at `{}`)", fault.path) };
        error.causes.push(format!("{place}{}{path}", fault.message));
    }
    error.hint("`mgr workflow validate` shows all of them")
}

/// Waits until the run is over or waits for a person, telling what its steps do.
async fn follow(call: &Call<'_>, id: &RunId) -> Result<bool, OpError> {
    let mut told: BTreeMap<String, (StepStatus, u32)> = BTreeMap::new();
    let over = call
        .engine
        .wait_until(call.wait_limit(None), || {
            call.engine.refresh()?;
            let state = call.engine.run_state(id)?;
            for step in &state.steps {
                let now = (step.status, step.turn);
                if told.insert(step.step.clone(), now) == Some(now) || step.status.is_to_do() {
                    continue;
                }
                let why = step.reason.as_deref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
                call.progress.line(&format!("{} {}{why}", step.step, step.status.as_str()));
            }
            let waits = waits_for_person(&state) || call.engine.empty_purse(&state.run, &task_vocabulary())?.is_some();
            Ok((state.run.status.is_terminal() || waits || call.progress.is_over()).then_some(()))
        })
        .await?;
    Ok(over.is_some())
}

impl Render for WorkflowRunOutput {
    fn render(&self, page: &mut Page) {
        if self.detached {
            page.line(self.workflow_id.as_str());
        } else {
            self.run.render(page);
        }
    }

    fn exit(&self) -> Exit {
        if self.detached { Exit::Success } else { self.run.exit_of() }
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
}

/// A run, and whether the command ends by its outcome.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkflowStatusOutput {
    pub run: RunView,
    #[serde(skip)]
    waited: bool,
}

pub struct WorkflowStatus;

impl Operation for WorkflowStatus {
    const CLI: &'static [&'static str] = &["workflow", "status"];
    const TOOL: Option<&'static str> = Some("workflow_status");
    const TITLE: &'static str = "Show how far a workflow is";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
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
        let run = RunView::of(call, &call.engine.run_state(&id)?)?;
        Ok(WorkflowStatusOutput { run, waited: input.wait })
    }
}

impl Render for WorkflowStatusOutput {
    fn render(&self, page: &mut Page) {
        self.run.render(page);
    }

    fn exit(&self) -> Exit {
        if self.waited { self.run.exit_of() } else { Exit::Success }
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowListInput {
    /// Most runs to return, newest first; 20 when absent
    #[arg(short = 'n', long, default_value = "20")]
    #[serde(default = "twenty")]
    pub limit: u32,
}

const fn twenty() -> u32 {
    20
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkflowListOutput {
    /// Newest first.
    pub workflows: Vec<RunLine>,
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
    const ABOUT: &'static str =
        "List the runs of workflows, newest first, with status and how many steps are over. Next: workflow_status.";
    const EXAMPLE: Example = Example { argv: &["workflow", "list", "-n", "5"], json: r#"{"limit":5}"# };

    type Input = WorkflowListInput;
    type Output = WorkflowListOutput;

    async fn run(call: &Call<'_>, input: WorkflowListInput) -> Result<WorkflowListOutput, OpError> {
        call.engine.reconcile()?;
        let runs = call.engine.runs(None, input.limit.min(1000))?;
        let line = |run: crate::core::Run| Ok(RunLine::of(&run, &call.engine.run_state(&run.id)?.steps));
        Ok(WorkflowListOutput { workflows: runs.into_iter().map(line).collect::<Result<_, OpError>>()? })
    }
}

impl Render for WorkflowListOutput {
    fn render(&self, page: &mut Page) {
        for run in &self.workflows {
            let word = page.tint(run_tone(run.status), run.status.as_str());
            let name = one_line(&run.name);
            let took = duration_words(run.elapsed_s);
            page.line(format!(
                "{} {name} {word} {} of {} in {took}",
                run.workflow_id,
                run.steps_over,
                plural(run.steps_total, "step")
            ));
        }
        if self.workflows.is_empty() {
            page.line("No workflow was run yet.");
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
        Ok(WorkflowStatusOutput { run: RunView::of(call, &state)?, waited: false })
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowRetryInput {
    /// The run: its id, a unique prefix, @last or @-2
    #[arg(value_name = "RUN")]
    pub workflow_id: TaskRef,
    /// The step to run again, such as fix or review[security]
    #[arg(value_name = "STEP")]
    pub step: String,
    /// Wait for the end (over MCP for a bounded time) and exit by the outcome
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkflowRetryOutput {
    /// The steps that run again.
    pub renewed: Vec<String>,
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
        Returns the renewed steps and the run. Next: workflow_status.";
    const EXAMPLE: Example =
        Example { argv: &["workflow", "retry", "@last", "fix"], json: r#"{"workflow_id":"@last","step":"fix"}"# };

    type Input = WorkflowRetryInput;
    type Output = WorkflowRetryOutput;

    async fn run(call: &Call<'_>, input: WorkflowRetryInput) -> Result<WorkflowRetryOutput, OpError> {
        let id = call.engine.resolve_run(&input.workflow_id)?;
        let renewed = call.engine.retry_step(&id, &input.step, &task_vocabulary())?;
        if input.wait {
            follow(call, &id).await?;
        }
        let run = RunView::of(call, &call.engine.run_state(&id)?)?;
        Ok(WorkflowRetryOutput { renewed, run, waited: input.wait })
    }
}

impl Render for WorkflowRetryOutput {
    fn render(&self, page: &mut Page) {
        page.line(format!("Runs again: {}.", self.renewed.join(", ")));
        self.run.render(page);
    }

    fn exit(&self) -> Exit {
        if self.waited { self.run.exit_of() } else { Exit::Success }
    }
}
