//! `mgr submit` and `mgr run`: taking on work.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AbsolutePath, ArchiveView, Call, Effect, Example, Exit, JsonObject, OpError, Operation, Pair, Render, TaskView,
    Toolset,
    args::{PROMPT_LIMIT, pairs, read_prompt},
    watch::{Follow, Until, exit_of, wait_for},
};
use crate::{
    core::{
        ArchiveScope, BackendName, Bytes, Effort, Health, Isolation, Lineage, Money, Posture, Span, Status, TaskId,
        TaskRef, TaskSpec, Words,
    },
    engine::{Ask, Engine},
    store::Duplicate,
    ui::{Page, Tone},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitInput {
    /// What is to be done (on the command line `-` reads standard input and `@FILE` a file)
    pub prompt: String,
    /// The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Choose the backend automatically, the same as backend auto
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_route: bool,
    /// Directory to work in; over MCP an absolute path
    #[arg(short = 'C', long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<AbsolutePath>,
    /// Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Model to ask for; the backend's own choice when absent
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How hard the model should think, where the backend has such a thing
    #[arg(long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Text to add to the agent's system prompt
    #[arg(long, value_name = "TEXT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// Background to give along with the prompt
    #[arg(long, value_name = "TEXT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Files whose content goes along with the prompt (can be repeated)
    #[arg(long, value_name = "FILE")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include_files: Vec<AbsolutePath>,
    /// Tags to find the task by (can be repeated)
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Short name to find the task by
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Data of your own to keep with the task (can be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "pairs")]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub metadata: Vec<Pair>,
    /// How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could
    #[arg(short, long, default_value = "edit")]
    #[serde(default)]
    pub posture: Posture,
    /// Let the project's own agent settings (hooks, MCP servers) run; they are programs of the repository
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trust_project: bool,
    /// Shell command that must succeed after the agent, or the task fails (can be repeated)
    #[arg(long, value_name = "COMMAND")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// How often a failed check goes back to the agent's conversation with its output, 0 to 10; 0 when absent
    #[arg(long, default_value = "0", value_name = "COUNT")]
    #[serde(default)]
    pub verify_retries: u32,
    /// Longest running time such as 10m; the setting `timeout` when absent
    #[arg(long, value_name = "DURATION")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// End the task when the agent is silent for so long with no tool running, such as 5m
    #[arg(long, value_name = "DURATION")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Span>,
    /// Most money to spend, such as $0.50
    #[arg(long, value_name = "MONEY")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Money>,
    /// Most tokens to use, all kinds together
    #[arg(long, value_name = "COUNT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Most turns of the model, where the backend can count them
    #[arg(long, value_name = "COUNT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u32>,
    /// Most output of the agent's process, such as 100MB; the setting `max_output` when absent
    #[arg(long, value_name = "SIZE")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<Bytes>,
    /// JSON Schema that the final answer must fit (on the command line JSON or `@FILE`)
    #[arg(long, value_name = "SCHEMA")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<JsonObject>,
    /// Where the agent works: none is the directory itself, worktree or copy one of its own that `mgr apply` brings in
    #[arg(long, default_value = "none")]
    #[serde(default)]
    pub isolate: Isolation,
    /// Shell command that makes the isolated directory ready (can be repeated)
    #[arg(long, value_name = "COMMAND")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<String>,
    /// Write beside other tasks instead of waiting for the directory; whose change is whose is then uncertain
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub share: bool,
    /// What is archived for diff and rollback: all, off or paths:A,B
    #[arg(long, default_value = "all", value_name = "SCOPE")]
    #[serde(default)]
    pub archive: ArchiveScope,
    /// Higher starts first; 0 when absent
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    #[serde(default)]
    pub priority: i32,
    /// Tasks that must be done before this one starts (can be repeated)
    #[arg(long, value_name = "TASK")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<TaskRef>,
    /// Further attempts after a failure that may pass by itself; 0 when absent
    #[arg(long, default_value = "0", value_name = "COUNT")]
    #[serde(default)]
    pub retries: u32,
    /// Backends to try in turn when the first fails (can be repeated)
    #[arg(long, value_name = "BACKEND")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<String>,
    /// Name of this request: sending it again returns the same task
    #[arg(long, value_name = "ID")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Start even if the same work is under way
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_duplicate: bool,
    /// Wait for the end (over MCP for a bounded time)
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SubmitOutput {
    pub task_id: TaskId,
    /// A status of the task, or `duplicate` when the same work was under way already.
    pub status: String,
    pub backend: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The task that does this work already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<TaskId>,
    /// How the backend was chosen, when it was not named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<RoutingView>,
    /// What of the directory is archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveView>,
    /// The task at its end, if it was waited for and ended in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskView>,
    #[serde(skip)]
    pub exit: Exit,
}

/// How a backend was chosen.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RoutingView {
    pub reasoning: String,
}

pub struct Submit;

impl Operation for Submit {
    const CLI: &'static [&'static str] = &["submit"];
    const TOOL: Option<&'static str> = Some("task_submit");
    const TITLE: &'static str = "Submit a task to an agent";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Delegate work to a coding agent (Claude, Codex, Gemini, GPT) as a background task. \
        Returns a task_id at once; the task survives any crash. Next: task_watch to wait for it, task_output for its result.";
    const EXAMPLE: Example = Example {
        argv: &["submit", "-b", "demo", "-l", "first", "--timeout", "10m", "say: hello"],
        json: r#"{"prompt":"say: hello","backend":"demo","label":"first","timeout":"10m","posture":"edit","isolate":"none","archive":"all","priority":0,"retries":0,"verify_retries":0}"#,
    };

    type Input = SubmitInput;
    type Output = SubmitOutput;

    fn from_command_line(input: SubmitInput) -> Result<SubmitInput, OpError> {
        completed(input)
    }

    async fn run(call: &Call<'_>, input: SubmitInput) -> Result<SubmitOutput, OpError> {
        let wait = input.wait;
        let mut output = submit(call, input)?;
        if wait {
            let reached =
                wait_for(call, std::slice::from_ref(&output.task_id), Until::All, None, Follow::Tasks).await?;
            let task = call.engine.task(&output.task_id)?;
            output.status = task.status().as_str().to_owned();
            output.exit = if reached { exit_of(&task) } else { Exit::StillRunning };
            output.task = Some(TaskView::of(call, &task)?);
        }
        Ok(output)
    }
}

/// Fills in what the command line means by the working directory and the prompt.
pub(super) fn completed(mut input: SubmitInput) -> Result<SubmitInput, OpError> {
    input.prompt = read_prompt(input.prompt)?;
    if input.working_dir.is_none() {
        input.working_dir = Some(".".parse().map_err(OpError::invalid)?);
    }
    Ok(input)
}

/// Takes the task on.
pub(super) fn submit(call: &Call<'_>, input: SubmitInput) -> Result<SubmitOutput, OpError> {
    let (ask, routing) = ask_of(call.engine, &call.client, input)?;
    let model = ask.spec.model.clone();
    let submitted = call.engine.submit(ask)?;
    let task = submitted.task;
    let (status, duplicate_of) = match &submitted.duplicate {
        Some(Duplicate::Work(id)) => ("duplicate", Some(id.clone())),
        Some(Duplicate::Request(_)) | None => (task.status().as_str(), None),
    };
    Ok(SubmitOutput {
        task_id: task.id.clone(),
        status: status.to_owned(),
        backend: task.backend().to_string(),
        model,
        duplicate_of,
        routing,
        archive: submitted.archive.map(ArchiveView::from),
        task: None,
        exit: if submitted.duplicate.is_some_and(|known| matches!(known, Duplicate::Work(_))) {
            Exit::Conflict
        } else {
            Exit::Success
        },
    })
}

pub(super) fn no_working_dir() -> OpError {
    OpError::invalid("`working_dir` is missing").hint("send the absolute path of the directory to work in")
}

/// Returns the backend of a request, and why it is this one where the request does not name it.
fn route(engine: &Engine, input: &SubmitInput) -> Result<(BackendName, Option<RoutingView>), OpError> {
    match input.backend.as_deref().filter(|name| *name != "auto" && !input.auto_route) {
        Some(name) => Ok((engine.named_backend(name)?, None)),
        None => {
            let backend = engine.auto_backend()?;
            let reasoning = format!("{backend} is the first backend that is ready here");
            Ok((backend, Some(RoutingView { reasoning })))
        }
    }
}

/// Turns the words of the request into a frozen ask.
pub(super) fn ask_of(
    engine: &Engine,
    client: &BTreeMap<String, String>,
    input: SubmitInput,
) -> Result<(Ask, Option<RoutingView>), OpError> {
    if input.prompt.len() as u64 > PROMPT_LIMIT {
        return Err(OpError::invalid(format!("the prompt is longer than {}", Bytes(PROMPT_LIMIT)))
            .hint("put the text into a file in the working directory and name it in the prompt"));
    }
    let (backend, routing) = route(engine, &input)?;
    let fallback = input.fallback.iter().map(|name| engine.named_backend(name)).collect::<Result<_, _>>()?;
    let after = input.after.iter().map(|task| engine.resolve(task)).collect::<Result<_, _>>()?;
    let working_dir = input.working_dir.ok_or_else(no_working_dir)?.0;
    let usual = if input.isolate == Isolation::None { &[][..] } else { &engine.config().setup };
    let setup = usual.iter().cloned().chain(input.setup).collect();
    let spec = TaskSpec {
        include_files: input.include_files.into_iter().map(|path| path.0).collect::<Vec<Utf8PathBuf>>(),
        backend,
        fallback,
        working_dir,
        command: Vec::new(),
        model: input.model,
        effort: input.effort,
        role: input.role,
        system_prompt: input.system_prompt,
        posture: input.posture,
        label: input.label,
        tags: input.tags,
        metadata: input.metadata.into_iter().map(|pair| (pair.key, pair.value)).collect(),
        priority: input.priority,
        after,
        timeout: input.timeout,
        idle_timeout: input.idle_timeout,
        max_output: input.max_output.unwrap_or_else(|| engine.default_max_output()),
        budget: input.budget,
        max_tokens: input.max_tokens,
        max_turns: input.max_turns,
        output_schema: input.output_schema.map(|schema| serde_json::Value::Object(schema.0)),
        verify: input.verify,
        verify_retries: input.verify_retries,
        retries: input.retries,
        workspace: None,
        archive: input.archive,
        isolate: input.isolate,
        setup,
        isolated_by: None,
        share: input.share,
        trust_project: input.trust_project,
        lineage: Lineage::default(),
        client: client.clone(),
    };
    let words = Words { prompt: input.prompt, context: input.context };
    let (request_id, allow_duplicate) = (input.request_id, input.allow_duplicate);
    Ok((Ask { spec, words, request_id, allow_duplicate, asked_by: engine.asking_task() }, routing))
}

impl Render for SubmitOutput {
    fn render(&self, page: &mut Page) {
        if let Some(task) = &self.task {
            return task.render(page);
        }
        page.line(self.task_id.as_str());
    }

    fn exit(&self) -> Exit {
        self.exit
    }
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunOutput {
    pub task: TaskView,
    /// The final answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    #[serde(skip)]
    pub exit: Exit,
}

pub struct Run;

impl Operation for Run {
    const CLI: &'static [&'static str] = &["run"];
    const TOOL: Option<&'static str> = None;
    const TITLE: &'static str = "Submit a task, follow it, exit by its outcome";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Submit a task, follow what the agent does, print its answer and exit by its outcome. \
        Ctrl-C once leaves the task running, twice cancels it.";
    const EXAMPLE: Example = Example {
        argv: &["run", "-b", "demo", "say: hello"],
        json: r#"{"prompt":"say: hello","backend":"demo","posture":"edit","isolate":"none","archive":"all","priority":0,"retries":0,"verify_retries":0}"#,
    };

    type Input = SubmitInput;
    type Output = RunOutput;

    fn from_command_line(input: SubmitInput) -> Result<SubmitInput, OpError> {
        completed(input)
    }

    async fn run(call: &Call<'_>, input: SubmitInput) -> Result<RunOutput, OpError> {
        let submitted = submit(call, input)?;
        let id = submitted.task_id;
        let reached = wait_for(call, std::slice::from_ref(&id), Until::All, None, Follow::Events).await?;
        let task = call.engine.task(&id)?;
        let exit = if reached { exit_of(&task) } else { Exit::StillRunning };
        let output = call.engine.digest_of(&task)?.and_then(|digest| digest.answer().map(str::to_owned));
        Ok(RunOutput { task: TaskView::of(call, &task)?, output, exit })
    }
}

impl Render for RunOutput {
    fn render(&self, page: &mut Page) {
        if let Some(output) = &self.output {
            page.text(output);
        }
        if self.task.status == Status::Done {
            return;
        }
        if let Some(failure) = &self.task.failure {
            let word = page.tint(Tone::Bad, self.task.status.as_str());
            page.line(format!("{word} ({}): {}", failure.category.as_str(), crate::ui::sanitise(&failure.message)));
            page.line(format!("hint: {}", failure.hint));
        } else if self.task.health != Health::Done {
            page.line(self.task.status.as_str());
        }
    }

    fn exit(&self) -> Exit {
        self.exit
    }
}
