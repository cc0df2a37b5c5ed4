//! `mgr parallel`: several tasks at once, some after others; a workflow without its file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    AbsolutePath, Call, Effect, Example, JsonObject, OpError, Operation, Toolset,
    named::{Found, of_file},
    run_start::{Start, WorkflowRunOutput, or_here, start_and_wait},
    workflow::typed_in,
};

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParallelInput {
    /// File with the tasks: a YAML list, or a mapping with `tasks` or `steps`; over MCP an absolute path
    #[arg(short, long, value_name = "FILE")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<AbsolutePath>,
    /// What stood on standard input.
    #[arg(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    text: Option<String>,
    /// The tasks instead of a file, each with id, prompt and any field of a submit; depends_on names others (can be repeated)
    #[arg(long, value_name = "JSON", conflicts_with = "file")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<JsonObject>,
    /// The same as tasks (can be repeated)
    #[arg(long, value_name = "JSON", conflicts_with_all = ["file", "tasks"])]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<JsonObject>,
    /// Name to find the run by
    #[arg(long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Most tasks at work at once
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// Start nothing new after the first failure
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_fast: bool,
    /// Directory to work in; over MCP an absolute path
    #[arg(short = 'C', long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<AbsolutePath>,
    /// Try it out: a scripted agent in place of each, and nothing is run or spent
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub demo: bool,
    /// Wait for the end (over MCP for a bounded time); the command line does unless it is to detach
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
    /// Return at once with the run's id
    #[arg(long, conflicts_with = "wait")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detach: bool,
    /// Loaf that the tasks belong to: `loaf.…` in prompts, and metadata `loaf_id` of each
    #[arg(long, value_name = "LOAF")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaf_id: Option<String>,
    /// Name of this request: sending it again returns the same run
    #[arg(long, value_name = "ID")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

pub struct Parallel;

impl Operation for Parallel {
    const CLI: &'static [&'static str] = &["parallel"];
    const TOOL: Option<&'static str> = Some("task_run_parallel");
    const TITLE: &'static str = "Run several tasks at once";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Run several tasks at once, in parallel or one after another by depends_on; a prompt may use {{ steps.ID.output }} of an earlier one. \
        Returns workflow_id and task_id by step. Next: workflow_status.";
    const EXAMPLE: Example = Example {
        argv: &["parallel", "-f", "/srv/project/steps.yaml", "--max-concurrent", "2"],
        json: r#"{"file":"/srv/project/steps.yaml","max_concurrent":2,"wait":true}"#,
    };

    type Input = ParallelInput;
    type Output = WorkflowRunOutput;

    fn from_command_line(input: ParallelInput) -> Result<ParallelInput, OpError> {
        let (working_dir, wait) = (or_here(input.working_dir)?, !input.detach);
        let text = typed_in(input.file.as_ref())?;
        let file = input.file.filter(|_| text.is_none());
        Ok(ParallelInput { file, text, working_dir, wait, ..input })
    }

    async fn run(call: &Call<'_>, input: ParallelInput) -> Result<WorkflowRunOutput, OpError> {
        let found = tasks(&input)?;
        let start = Start {
            working_dir: input.working_dir,
            demo: input.demo,
            request_id: input.request_id,
            loaf_id: input.loaf_id,
            ..Start::of(call, found, &Map::new())
        };
        start_and_wait(call, start, input.wait).await
    }
}

/// Finds the workflow that the tasks are.
fn tasks(input: &ParallelInput) -> Result<Found, OpError> {
    let on_failure = |word: &str| ("on_failure".to_owned(), json!(word));
    let mut set = Map::new();
    set.extend(input.fail_fast.then(|| on_failure("stop")));
    set.extend(input.max_concurrent.map(|most| ("max_concurrent".to_owned(), json!(most))));
    set.extend(input.name.as_ref().map(|name| ("name".to_owned(), json!(name))));
    let usual = Map::from_iter([on_failure("continue")]);
    let inline = |tasks: &[JsonObject]| {
        let mut workflow = usual.clone();
        workflow.extend(set.clone());
        workflow.insert("steps".into(), tasks.iter().map(|task| Value::Object(task.0.clone())).collect());
        Ok(Found::inline(Value::Object(workflow)))
    };
    match (&input.file, &input.text, input.tasks.is_empty(), input.steps.is_empty()) {
        (Some(file), None, true, true) => Ok(of_file(&file.0)?.of_tasks(set, usual)),
        (None, Some(text), true, true) => Ok(Found::inline(Value::from(text.as_str())).of_tasks(set, usual)),
        (None, None, false, true) => inline(&input.tasks),
        (None, None, true, false) => inline(&input.steps),
        (None, None, true, true) => {
            Err(OpError::invalid("no tasks").hint("give `tasks` (`--tasks JSON`), or a file with them (`--file FILE`)"))
        }
        (_, _, _, _) => Err(OpError::invalid("`file`, `tasks` and `steps` exclude each other")),
    }
}
