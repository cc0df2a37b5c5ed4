//! `mgr retry` and `mgr rerun`: the same work again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AbsolutePath, Call, Code, Effect, Example, OpError, Operation, Render, Toolset};
use crate::{
    core::{Lineage, Status, Task, TaskId, TaskRef, Words},
    engine::Ask,
    ui::Page,
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryInput {
    /// The task that failed: an id, a unique prefix, @last or @-2
    #[arg(value_name = "TASK")]
    pub task_id: TaskRef,
    /// More to tell the agent this time
    #[arg(long, value_name = "TEXT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_context: Option<String>,
    /// Another backend than before
    #[arg(short, long, value_name = "BACKEND")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_override: Option<String>,
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RerunInput {
    /// The task that is over: an id, a unique prefix, @last or @-2
    #[arg(value_name = "TASK")]
    pub task_id: TaskRef,
    /// More to tell the agent this time
    #[arg(long, value_name = "TEXT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_context: Option<String>,
    /// Files whose content goes along with the prompt, instead of those of before (can be repeated)
    #[arg(long, value_name = "FILE")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include_files: Vec<AbsolutePath>,
    /// Another backend than before
    #[arg(short, long, value_name = "BACKEND")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_override: Option<String>,
    /// Another directory than before; over MCP an absolute path
    #[arg(short = 'C', long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<AbsolutePath>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AgainOutput {
    /// The new task.
    pub task_id: TaskId,
    pub status: Status,
    pub backend: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<TaskId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include_files_loaded: Vec<String>,
    /// Files that are not there any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include_files_skipped: Vec<String>,
}

pub struct Retry;

impl Operation for Retry {
    const CLI: &'static [&'static str] = &["retry"];
    const TOOL: Option<&'static str> = Some("task_retry");
    const TITLE: &'static str = "Retry a failed task";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Retry a failed task as a new one: the same prompt, and what went wrong the last time. \
        Returns the new task_id. For a task that did not fail use task_rerun.";
    const EXAMPLE: Example =
        Example { argv: &["retry", "@last", "-b", "codex"], json: r#"{"task_id":"@last","backend_override":"codex"}"# };

    type Input = RetryInput;
    type Output = AgainOutput;

    async fn run(call: &Call<'_>, input: RetryInput) -> Result<AgainOutput, OpError> {
        let earlier = finished(call, &input.task_id)?;
        if earlier.status() == Status::Done {
            return Err(OpError::new(Code::Conflict, format!("task `{}` did not fail", earlier.id))
                .hint("`mgr rerun` runs it again"));
        }
        let mut ask = ask_again(call, &earlier, input.backend_override.as_deref())?;
        ask.spec.lineage.retry_of = Some(earlier.id.clone());
        add_context(&mut ask.words, what_went_wrong(&earlier));
        add_context(&mut ask.words, input.additional_context);
        let (loaded, skipped) = split_files(&mut ask);
        submit(call, ask, loaded, skipped)
    }
}

pub struct Rerun;

impl Operation for Rerun {
    const CLI: &'static [&'static str] = &["rerun"];
    const TOOL: Option<&'static str> = Some("task_rerun");
    const TITLE: &'static str = "Run a task again";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Run a finished task again from its original prompt, as a new task, perhaps in another \
        directory or on another backend. Returns the new task_id. After a failure task_retry also tells what went wrong.";
    const EXAMPLE: Example = Example {
        argv: &["rerun", "@last", "--additional-context", "mind the tests"],
        json: r#"{"task_id":"@last","additional_context":"mind the tests"}"#,
    };

    type Input = RerunInput;
    type Output = AgainOutput;

    async fn run(call: &Call<'_>, input: RerunInput) -> Result<AgainOutput, OpError> {
        let earlier = finished(call, &input.task_id)?;
        let mut ask = ask_again(call, &earlier, input.backend_override.as_deref())?;
        ask.spec.lineage.rerun_of = Some(earlier.id.clone());
        if let Some(dir) = input.working_dir {
            ask.spec.working_dir = dir.0;
        }
        if !input.include_files.is_empty() {
            ask.spec.include_files = input.include_files.into_iter().map(|path| path.0).collect();
        }
        add_context(&mut ask.words, input.additional_context);
        let (loaded, skipped) = split_files(&mut ask);
        submit(call, ask, loaded, skipped)
    }
}

fn finished(call: &Call<'_>, reference: &TaskRef) -> Result<Task, OpError> {
    call.engine.reconcile()?;
    let task = call.engine.task(&call.engine.resolve(reference)?)?;
    if task.status().is_terminal() {
        return Ok(task);
    }
    Err(OpError::new(Code::Conflict, format!("task `{}` is not over: it is {}", task.id, task.status().as_str()))
        .hint("`mgr watch` waits for it, `mgr cancel` ends it"))
}

/// The same ask: a conversation is begun anew, dependencies have been met.
fn ask_again(call: &Call<'_>, earlier: &Task, backend: Option<&str>) -> Result<Ask, OpError> {
    let mut spec = earlier.spec.clone();
    spec.after.clear();
    let continues = spec.lineage.continues.take();
    spec.lineage = Lineage { continues, ..Lineage::default() };
    spec.client.clone_from(&call.client);
    if let Some(name) = backend {
        let backend = call.engine.named_backend(name)?;
        if backend != spec.backend {
            // A model and a conversation belong to the backend that has them.
            spec.model = None;
            spec.lineage.continues = None;
        }
        spec.backend = backend;
    }
    let words = call.engine.words(&earlier.id)?;
    Ok(Ask { spec, words, request_id: None, allow_duplicate: true, asked_by: call.engine.asking_task() })
}

fn what_went_wrong(earlier: &Task) -> Option<String> {
    let failure = earlier.failure()?;
    let checks = earlier.last_end().map(|end| end.checks.as_slice()).unwrap_or_default();
    let printed = checks.last().map(|check| format!("\nThe check `{}` printed:\n{}", check.command, check.output_tail));
    Some(format!(
        "An earlier attempt at this failed ({}): {}{}",
        failure.category.as_str(),
        failure.message,
        printed.unwrap_or_default()
    ))
}

fn add_context(words: &mut Words, more: Option<String>) {
    let Some(more) = more else { return };
    words.context = Some(match words.context.take() {
        Some(context) => format!("{context}\n\n{more}"),
        None => more,
    });
}

/// Files that have gone since are left out and said so.
fn split_files(ask: &mut Ask) -> (Vec<String>, Vec<String>) {
    let (there, gone): (Vec<_>, Vec<_>) = ask.spec.include_files.drain(..).partition(|path| path.is_file());
    ask.spec.include_files.clone_from(&there);
    let names = |paths: Vec<camino::Utf8PathBuf>| paths.into_iter().map(camino::Utf8PathBuf::into_string).collect();
    (names(there), names(gone))
}

fn submit(call: &Call<'_>, ask: Ask, loaded: Vec<String>, skipped: Vec<String>) -> Result<AgainOutput, OpError> {
    let Lineage { rerun_of, retry_of, .. } = ask.spec.lineage.clone();
    let task = call.engine.submit(ask)?.task;
    Ok(AgainOutput {
        status: task.status(),
        backend: task.backend().to_string(),
        task_id: task.id,
        retry_of,
        rerun_of,
        include_files_loaded: loaded,
        include_files_skipped: skipped,
    })
}

impl Render for AgainOutput {
    fn render(&self, page: &mut Page) {
        page.line(self.task_id.as_str());
        for file in &self.include_files_skipped {
            page.field("left out", format!("{file} (not there any more)"));
        }
    }
}
