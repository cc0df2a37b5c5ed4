//! `mgr parallel`: several tasks at once, some after others; a workflow without its file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    AbsolutePath, Call, Effect, Example, JsonObject, OpError, Operation, Toolset,
    named::Found,
    run_start::{Start, WorkflowRunOutput, or_here, start_and_wait},
    workflow::read_file,
};
use crate::config::read_yaml;

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParallelInput {
    /// File with the tasks: a YAML list, or a mapping with `tasks` or `steps`; over MCP an absolute path
    #[arg(short, long, value_name = "FILE")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<AbsolutePath>,
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
    #[arg(long, value_name = "COUNT")]
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
        Ok(ParallelInput { working_dir, wait, ..input })
    }

    async fn run(call: &Call<'_>, input: ParallelInput) -> Result<WorkflowRunOutput, OpError> {
        let found = Found::inline(Value::Object(definition(&input)?));
        let mut start = Start {
            file: input.file,
            working_dir: input.working_dir,
            demo: input.demo,
            request_id: input.request_id,
            loaf_id: input.loaf_id,
            ..Start::of(call, found, &Map::new())
        };
        if let Some(name) = input.name {
            start.name = name;
        }
        start_and_wait(call, start, input.wait).await
    }
}

/// Returns the workflow that the tasks are.
fn definition(input: &ParallelInput) -> Result<Map<String, Value>, OpError> {
    let listed = |tasks: &[JsonObject]| tasks.iter().map(|task| Value::Object(task.0.clone())).collect::<Vec<_>>();
    let given = match (&input.file, input.tasks.is_empty(), input.steps.is_empty()) {
        (Some(file), true, true) => {
            let text = read_file(&file.0)?;
            read_yaml(&text).map_err(|error| OpError::invalid(format!("cannot read `{}`: {error}", file.0)))?
        }
        (None, false, true) => Value::from(listed(&input.tasks)),
        (None, true, false) => Value::from(listed(&input.steps)),
        (None, true, true) => {
            return Err(
                OpError::invalid("no tasks").hint("give `tasks` (`--tasks JSON`), or a file with them (`--file FILE`)")
            );
        }
        (_, _, _) => return Err(OpError::invalid("`file`, `tasks` and `steps` exclude each other")),
    };
    let mut workflow = match given {
        Value::Array(_) => Map::from_iter([("steps".to_owned(), given)]),
        Value::Object(mut map) => {
            if let Some(tasks) = map.remove("tasks") {
                map.entry("steps").or_insert(tasks);
            }
            map
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(OpError::invalid("the tasks are neither a list nor a mapping with `tasks`"));
        }
    };
    let on_failure = if input.fail_fast { "stop" } else { "continue" };
    if input.fail_fast || !workflow.contains_key("on_failure") {
        workflow.insert("on_failure".into(), json!(on_failure));
    }
    if let Some(most) = input.max_concurrent {
        workflow.insert("max_concurrent".into(), json!(most));
    }
    if let Some(name) = &input.name {
        workflow.insert("name".into(), json!(name));
    }
    Ok(workflow)
}
