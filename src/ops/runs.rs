//! `mgr workflow run`, `status`, `list`, `cancel`, `retry`: runs of workflows.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    AbsolutePath, Call, Code, Effect, Example, Exit, JsonObject, OpError, Operation, Render, TaskLine, Toolset,
    named::{Wanted, by_name, find},
    run_file::FileChange,
    run_render::run_table,
    run_views::{RunLine, RunView},
    run_words::{in_words, shown},
    step_maker::task_vocabulary,
    workflow::{Given, InlineWorkflow, as_typed, given, notes_on_money},
};
use crate::{
    core::{Question, RunId, RunStatus, RunStep, Span, StepStatus, TaskRef, TemplateName},
    engine::{EngineError, Frozen, Renewed, ReuseAsk, RunAsk, RunState},
    ui::{Page, Tone, clip, duration_words, one_line, plural},
    workflow::{Checked, EXAMPLES, Fault, Plan, Shipped, Support, Workflow},
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
        let params: Map<String, Value> = input.params.into_iter().map(|given| (given.name, given.value)).collect();
        let wanted = Wanted { file: input.file, workflow: input.workflow, template: input.template };
        let found = find(call, wanted)?;
        let start = Start {
            checked: found.check(call, Some(&params)),
            name: found.shown,
            file: found.file.map(AbsolutePath),
            template: found.template,
            working_dir: input.working_dir,
            demo: input.demo,
            unattended: input.unattended,
            request_id: input.request_id,
            from_step: input.from_step,
            reuse: input.reuse,
            loaf_id: input.loaf_id,
        };
        start_and_wait(call, start, input.wait).await
    }
}

/// A workflow that was checked, about to be run.
pub(super) struct Start {
    pub name: String,
    pub checked: Checked,
    pub file: Option<AbsolutePath>,
    pub template: Option<TemplateName>,
    pub working_dir: Option<AbsolutePath>,
    pub demo: bool,
    pub unattended: bool,
    pub request_id: Option<String>,
    pub from_step: Option<String>,
    pub reuse: Option<TaskRef>,
    pub loaf_id: Option<String>,
}

pub(super) async fn start_and_wait(call: &Call<'_>, start: Start, wait: bool) -> Result<WorkflowRunOutput, OpError> {
    let (workflow_id, notes) = take_on(call, start)?;
    if wait {
        follow(call, &workflow_id).await?;
    } else {
        call.engine.reconcile()?;
    }
    let mut run = RunView::of(call, &call.engine.run_state(&workflow_id)?)?;
    run.notes.splice(..0, notes);
    Ok(WorkflowRunOutput { workflow_id, run, detached: !wait })
}

fn take_on(call: &Call<'_>, start: Start) -> Result<(RunId, Vec<String>), OpError> {
    let (Some(workflow), Some(plan)) = (start.checked.workflow, start.checked.plan) else {
        return Err(invalid(&start.name, &start.checked.faults, 10));
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
    let reuse = start.reuse.as_ref().map(|run| call.engine.resolve_run(run)).transpose()?;
    let policy = call.engine.at(Some(&working_dir))?.config().unattended;
    let frozen = Frozen {
        v: 1,
        params: plan.params.clone(),
        said: Vec::new(),
        working_dir,
        demo: start.demo,
        file: start.file.map(|file| file.0),
        template: start.template.map(|name| name.to_string()),
        env: env_of(call, &workflow)?,
        loaf: loaf_of(call, &workflow, start.loaf_id.as_deref())?,
        loaf_id: start.loaf_id,
        unattended: start.unattended,
        asked_by: call.engine.asking_task(),
        policy: Some(policy),
        digest: plan.digest.clone(),
        workflow: workflow.frozen.clone(),
    };
    // What was started before has taken over then what it could.
    let is_known = match &start.request_id {
        Some(request_id) => call.engine.run_of_request(request_id)?.is_some(),
        None => false,
    };
    let wants_reuse = !is_known && (reuse.is_some() || start.from_step.is_some());
    let taken = if wants_reuse {
        let ask = ReuseAsk {
            name: &name,
            frozen: &frozen,
            workflow: &workflow,
            plan: &plan,
            run: reuse.as_ref(),
            from_step: start.from_step.as_deref(),
        };
        call.engine.taken_over(&ask, task_vocabulary())?
    } else {
        Vec::new()
    };
    if !is_known && !frozen.demo {
        must_be_manned(call, &start.name, &workflow, &plan, &frozen, &taken)?;
    }
    let id = call.engine.start_run(&RunAsk {
        name: &name,
        frozen: &frozen,
        plan: &plan,
        request_id: start.request_id.as_deref(),
        parent: None,
        taken: &taken,
    })?;
    call.progress.line(&format!("workflow {id}"));
    Ok((id, support.notes))
}

/// Refuses a run of which it is known already that nobody here can do a step of it.
fn must_be_manned(
    call: &Call<'_>,
    name: &str,
    workflow: &Workflow,
    plan: &Plan,
    frozen: &Frozen,
    taken: &[RunStep],
) -> Result<(), OpError> {
    let engine = call.engine.at(Some(&frozen.working_dir))?;
    let done: BTreeSet<&str> = taken.iter().map(|row| row.step.as_str()).collect();
    let unmanned = engine.unmanned(workflow, plan, &done);
    if unmanned.is_empty() {
        return Ok(());
    }
    let count = plural(unmanned.len() as u64, "step");
    let mut error =
        OpError::new(Code::BackendMissing, format!("no agent here can do {count} of `{name}`; nothing was started"));
    error.causes = unmanned.into_iter().map(|one| format!("step `{}` {}", one.step, one.why)).collect();
    Err(error.hint("`mgr doctor` prints how to install one; `--demo` tries it out without any"))
}

/// Reads the variables that a workflow and those in it declare, here and now: the process that drives it may have
/// others. Those that nothing names are not kept.
fn env_of(call: &Call<'_>, workflow: &Workflow) -> Result<Map<String, Value>, OpError> {
    let value = |name: &str| call.engine.env_value(name);
    let declared = workflow.declared_env().into_iter();
    let missing: Vec<_> = declared.filter(|name| value(name).is_none()).map(|name| format!("`{name}`")).collect();
    if !missing.is_empty() {
        let message =
            format!("the workflow declares `env`, and not set here: {}; nothing was started", missing.join(", "));
        return Err(OpError::invalid(message).hint("set each in the environment to a text that is not empty"));
    }
    let kept = workflow.used_env().into_iter().filter_map(|name| Some((name.to_owned(), Value::from(value(name)?))));
    Ok(kept.collect())
}

/// Reads the loaf that a workflow asks for. What changes in it later is for later runs.
fn loaf_of(call: &Call<'_>, workflow: &Workflow, id: Option<&str>) -> Result<Option<Map<String, Value>>, OpError> {
    let used = workflow.used_loaf();
    if !used.is_open && used.names.is_empty() {
        return Ok(None);
    }
    let id = id.ok_or_else(|| {
        OpError::invalid("the workflow asks for `loaf`, and none was given; nothing was started")
            .hint("name it with `loaf_id` (`--loaf-id NAME`)")
    })?;
    let loaf = call.engine.loaf(id)?;
    let missing = used.names.iter().filter(|name| !loaf.contains_key(*name));
    let missing: Vec<_> = missing.map(|name| format!("`{name}`")).collect();
    if missing.is_empty() {
        return Ok(Some(loaf));
    }
    let (missing, known) = (missing.join(", "), loaf.keys().map(String::as_str).collect::<Vec<_>>().join(", "));
    Err(OpError::invalid(format!("loaf `{id}` has no {missing}, which the workflow asks for; nothing was started"))
        .hint(format!("it has {known}")))
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
    let file = camino::Utf8Path::new(name);
    match file.extension() {
        Some("yaml" | "yml" | "json") => file.file_stem().unwrap_or(name).to_owned(),
        Some(_) | None => file.file_name().unwrap_or(name).to_owned(),
    }
}

/// Returns the error of a faulty workflow with at most so many of its faults.
pub(super) fn invalid(name: &str, faults: &[Fault], most: usize) -> OpError {
    let mut error =
        OpError::invalid(format!("`{name}` has {}; nothing was started", plural(faults.len() as u64, "fault")));
    for fault in faults.iter().take(most) {
        let file = fault.file.as_ref().map(|file| format!("{file}:"));
        let place = match (fault.line, fault.column, file) {
            (Some(line), Some(column), file) => format!("{}{line}:{column}: ", file.unwrap_or_default()),
            (_, _, Some(file)) => format!("{file} "),
            (_, _, None) => String::new(),
        };
        let path = if fault.path.is_empty() { String::new() } else { format!(" (at `{}`)", fault.path) };
        let meant = fault.suggestion.as_ref().map(|meant| format!("; {meant}")).unwrap_or_default();
        error.causes.push(format!("{place}{}{path}{meant}", fault.message));
    }
    if faults.len() > most {
        return error.hint(format!("these are the first {most}: `mgr workflow validate` shows all of them"));
    }
    error
}

/// Tells what the steps of a run do, each piece of news once.
#[derive(Default)]
pub(super) struct StepNews(Told);

impl StepNews {
    pub(super) fn tell(&mut self, call: &Call<'_>, state: &RunState) -> Result<(), EngineError> {
        tell(call, state, "", &mut self.0)
    }
}

/// Whether nothing comes of a run without a person.
pub(super) fn is_at_rest(call: &Call<'_>, state: &RunState) -> Result<bool, EngineError> {
    Ok(state.run.status != RunStatus::Running || call.engine.waits_for_person(state)?)
}

/// Waits until the run is over, paused, or waits for a person, telling what its steps do.
pub(super) async fn follow(call: &Call<'_>, id: &RunId) -> Result<bool, OpError> {
    let mut news = StepNews::default();
    let over = call
        .engine
        .wait_until(call.wait_limit(None), |_| {
            let state = call.engine.run_state(id)?;
            news.tell(call, &state)?;
            Ok((is_at_rest(call, &state)? || call.progress.is_over()).then_some(()))
        })
        .await?;
    Ok(over.is_some())
}

/// Steps that were told of, by run and name.
type Told = BTreeMap<(RunId, String), (&'static str, u32)>;

/// Tells what is new of the steps of a run and, under the names of theirs, of the runs in them.
fn tell(call: &Call<'_>, state: &RunState, above: &str, told: &mut Told) -> Result<(), EngineError> {
    let tasks = call.engine.task_statuses_of_run(&state.run.id)?;
    let paused = call.engine.paused_steps(state)?;
    for step in &state.steps {
        let task = step.task_at_work().and_then(|task| tasks.get(task)).copied();
        let word = shown(step.status, task, paused.contains(&step.step));
        let now = (word, step.turn);
        let name = format!("{above}{}", step.step);
        let before = told.insert((state.run.id.clone(), step.step.clone()), now);
        // The end of a nested run comes after all that happened in it; one of an earlier turn is no news.
        let has_news = step.status == StepStatus::Running || (before != Some(now) && step.status.is_over());
        if let Some(child) = step.child.as_ref().filter(|_| has_news) {
            tell(call, &call.engine.run_state(child)?, &format!("{name}/"), told)?;
        }
        if before == Some(now) || step.status.is_to_do() {
            continue;
        }
        call.progress.line(&words_of(call, step, &name, word));
    }
    Ok(())
}

/// Returns what became of a step: `plan done in 12s by codex`.
fn words_of(call: &Call<'_>, step: &RunStep, name: &str, word: &str) -> String {
    let task = step.task.as_ref().filter(|_| matches!(step.status, StepStatus::Done | StepStatus::Failed));
    // Words about a task that is gone are not worth an error.
    let line = task.and_then(|id| TaskLine::of(call, &call.engine.task(id).ok()?).ok());
    let took = line.as_ref().and_then(|line| line.elapsed_s).map(|seconds| format!(" in {}", duration_words(seconds)));
    let by = line.as_ref().map(|line| format!(" by {}", line.backend)).unwrap_or_default();
    let why = step.reason.as_deref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
    if let Some(kept) = step.question.as_deref().filter(|_| step.status == StepStatus::Held) {
        return format!("{} waits for a person: {}", one_line(name), clip(&Question::read(kept).message, 200));
    }
    let run = if step.loops > 0 { format!(" (run {})", step.loops + 1) } else { String::new() };
    format!("{} {}{run}{}{by}{why}", one_line(name), in_words(word), took.unwrap_or_default())
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
        if self.detached { Exit::Success } else { self.run.exit }
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
                vec![(Tone::Plain, example.name.clone()), (Tone::Plain, example.description.clone())]
            };
            page.toned_table(&["name", "what it does"], examples.iter().map(row).collect());
            page.line("");
            page.line("Try one: `mgr workflow run NAME --demo`. Its file: `mgr template show NAME`.");
            return;
        }
        run_table(page, &self.workflows);
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
