//! `mgr decompose`: a prompt as the steps of a workflow, by rule or by an agent that plans.

use camino::Utf8Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    AbsolutePath, Call, Code, Effect, Example, Exit, JsonObject, OpError, Operation, Render, Toolset,
    args::{PROMPT_LIMIT, read_prompt},
    named::Found,
    run_start::{Start, or_here, start_and_wait},
    run_views::RunView,
    submit::ask_of,
    templates::save,
    workflow::in_yaml,
};
use crate::{
    core::{RunId, Status, TaskId, TaskRef, TemplateName},
    engine::roles,
    os::files::{self, Durability},
    ui::{Page, Tone, one_line, plural},
    workflow::{decompose, literal},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecomposeInput {
    /// What is to be done; on the command line `-` reads standard input and @FILE a file
    #[arg(allow_hyphen_values = true)]
    pub prompt: String,
    /// Directory that the planner looks at and that the steps work in; over MCP an absolute path
    #[arg(short = 'C', long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<AbsolutePath>,
    /// Let this backend plan, which only looks; by rule when absent
    #[arg(long, value_name = "BACKEND")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planner: Option<String>,
    /// The planner's task of an earlier call that was still planning
    #[arg(long, value_name = "TASK")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskRef>,
    /// Write the workflow to this file; over MCP an absolute path
    #[arg(short, long, value_name = "FILE")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<AbsolutePath>,
    /// Save the workflow as a template of this name
    #[arg(long, value_name = "NAME")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save: Option<TemplateName>,
    /// Replace a file or template that is there
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Run the workflow at once; the command line waits for its end
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub run: bool,
    /// With run: every agent is the scripted demo agent, and nothing is run or spent
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub demo: bool,
}

/// Who made the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Rule,
    Planner,
}

#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct DecomposeOutput {
    /// The workflow, ready for `workflow_run`; absent while the planner works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<JsonObject>,
    /// The same as the text of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yaml: Option<String>,
    pub steps: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Why it was not the planner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The planner's task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// Whether the planner is not done yet: the same call with `task_id` goes on.
    pub still_planning: bool,
    /// The file that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The template that was saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<RunId>,
    /// The run that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunView>,
}

pub struct Decompose;

impl Operation for Decompose {
    const CLI: &'static [&'static str] = &["decompose"];
    const TOOL: Option<&'static str> = Some("task_decompose");
    const TITLE: &'static str = "Split a prompt into steps";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Decompose a big prompt into a workflow of steps with needs: by rule (lists, words like `then`, any language) or by a planner backend. \
        Can save or run it at once. Next: workflow_run.";
    const EXAMPLE: Example = Example {
        argv: &["decompose", "Fix the bug, then write tests"],
        json: r#"{"prompt":"Fix the bug, then write tests"}"#,
    };

    type Input = DecomposeInput;
    type Output = DecomposeOutput;

    fn from_command_line(input: DecomposeInput) -> Result<DecomposeInput, OpError> {
        let (prompt, working_dir) = (read_prompt(input.prompt)?, or_here(input.working_dir)?);
        Ok(DecomposeInput { prompt, working_dir, ..input })
    }

    async fn run(call: &Call<'_>, input: DecomposeInput) -> Result<DecomposeOutput, OpError> {
        if input.prompt.len() as u64 > PROMPT_LIMIT {
            return Err(OpError::invalid("the prompt is longer than 10 MB").hint("decompose a part of it"));
        }
        not_empty(&input.prompt)?;
        // Before a planner is paid.
        if let Some(out) = &input.out {
            check_place(&out.0, input.force)?;
        }
        if let Some(name) = &input.save {
            call.engine.place_of_template(name, input.force)?;
        }
        let mut output = match &input.planner {
            None => DecomposeOutput::default(),
            Some(planner) => plan(call, &input, planner).await?,
        };
        if output.still_planning {
            return Ok(output);
        }
        let workflow = match output.workflow.take() {
            Some(planned) => Value::Object(planned.0),
            None => decompose(&input.prompt),
        };
        let found = valid(call, &workflow)?;
        output.method.get_or_insert(Method::Rule);
        output.steps = workflow["steps"].as_array().map_or(0, Vec::len);
        output.yaml = found.source.as_str().map(str::to_owned);
        output.workflow = workflow.as_object().cloned().map(JsonObject);
        finish(call, input, found, output).await
    }
}

/// Refuses a prompt that says nothing, as a submit does.
pub(super) fn not_empty(prompt: &str) -> Result<(), OpError> {
    if prompt.trim().is_empty() {
        return Err(OpError::invalid("the prompt is empty").hint("say what is to be done"));
    }
    Ok(())
}

/// Refuses a place where no file can be written, as far as that can be seen.
fn check_place(out: &Utf8Path, force: bool) -> Result<(), OpError> {
    if out.is_dir() {
        return Err(OpError::new(Code::Conflict, format!("`{out}` is a directory")).hint("name a file in it"));
    }
    if out.exists() && !force {
        return Err(OpError::new(Code::Conflict, format!("there is a file `{out}` already"))
            .hint("choose another one, or replace it with `--force`"));
    }
    match out.parent().filter(|parent| !parent.is_dir()) {
        Some(parent) => Err(OpError::invalid(format!("cannot write `{out}`: `{parent}` is not a directory"))
            .hint("make it first, or choose another place")),
        None => Ok(()),
    }
}

/// The name of the file that is written aside first means nothing to anybody.
fn write(out: &Utf8Path, content: &[u8]) -> Result<(), OpError> {
    files::replace(out, content, Durability::Process).map_err(|error| match error.is_disk_full() {
        true => error.into(),
        false => OpError::invalid(format!("cannot write `{out}`: {}", error.source)).hint("choose another place"),
    })
}

/// Does with the workflow what was asked for.
async fn finish(
    call: &Call<'_>,
    input: DecomposeInput,
    found: Found,
    mut output: DecomposeOutput,
) -> Result<DecomposeOutput, OpError> {
    let before = input.out.as_ref().map(|out| (&out.0, std::fs::read(&out.0).ok()));
    if let Some(out) = &input.out {
        write(&out.0, output.yaml.as_deref().unwrap_or_default().as_bytes())?;
        output.path = Some(out.0.to_string());
    }
    if let Some(name) = &input.save {
        if let Err(error) = save(call, name, &found, None, input.force) {
            // Both or neither; what cannot be undone is at least told by the error.
            let _ = match before {
                Some((out, Some(content))) => write(out, &content),
                Some((out, None)) => files::remove(out).map(drop).map_err(OpError::from),
                None => Ok(()),
            };
            return Err(error);
        }
        output.template = Some(name.clone());
    }
    if input.run {
        let start = Start {
            name: "decomposed".to_owned(),
            file: input.out,
            template: input.save,
            working_dir: input.working_dir,
            demo: input.demo,
            ..Start::of(call, found, &Map::new())
        };
        let ran = start_and_wait(call, start, call.longest_wait.is_none()).await?;
        (output.workflow_id, output.run) = (Some(ran.workflow_id), Some(ran.run));
    }
    Ok(output)
}

/// Returns the workflow as a text that means it.
fn valid(call: &Call<'_>, workflow: &Value) -> Result<Found, OpError> {
    let checked = Found::inline(workflow.clone()).check(call, None);
    let Some(meant) = checked.workflow else {
        let why = checked.faults.first().map(|fault| fault.message.clone()).unwrap_or_default();
        return Err(OpError::invalid(format!("the prompt cannot be a workflow: {why}")).hint("decompose a part of it"));
    };
    let found = Found::inline(Value::from(in_yaml(workflow)?));
    let is_same = found.check(call, None).workflow.is_some_and(|read| read.frozen == meant.frozen);
    // A text that YAML cannot carry as it is; JSON is read as well.
    Ok(if is_same { found } else { Found::inline(Value::from(format!("{workflow:#}\n"))) })
}

/// Asks a backend for the steps; what it says that is no workflow leaves them to the rule.
async fn plan(call: &Call<'_>, input: &DecomposeInput, planner: &str) -> Result<DecomposeOutput, OpError> {
    let id = match &input.task_id {
        Some(task) => call.engine.resolve(task)?,
        None => ask(call, input, planner)?,
    };
    call.progress.line(&format!("planning: task {id}"));
    let over = call
        .engine
        .wait_until(call.wait_limit(None), |_| {
            let task = call.engine.task(&id)?;
            Ok((task.status().is_terminal() || call.progress.is_over()).then_some(task.status()))
        })
        .await?;
    let task = call.engine.task(&id)?;
    let mut output = DecomposeOutput { task_id: Some(id), ..DecomposeOutput::default() };
    if over.is_none() || !task.status().is_terminal() {
        output.still_planning = true;
        return Ok(output);
    }
    let answer = call.engine.digest_of(&task)?.and_then(|digest| digest.structured);
    let planned = match (task.status(), answer) {
        (Status::Done, Some(answer)) => planned(call, &answer),
        (Status::Done, None) => Err("it gave no steps".to_owned()),
        (status, _) => Err(format!("its task is {}", status.as_str())),
    };
    match planned {
        Ok(workflow) => (output.workflow, output.method) = (Some(JsonObject(workflow)), Some(Method::Planner)),
        Err(why) => output.note = Some(format!("by rule, because the planner's answer cannot be used: {why}")),
    }
    Ok(output)
}

const ASKED: &str = "Split the work below into the fewest steps that different agents can do one after another or side by side. \
    Change nothing. Each step has a short id (letters, digits, _), a prompt that says everything its agent has to know, \
    the ids of the steps that it needs first, and a role where one fits. The work:";

fn ask(call: &Call<'_>, input: &DecomposeInput, planner: &str) -> Result<TaskId, OpError> {
    let names: Vec<String> = roles().into_iter().map(|role| role.name).collect();
    let schema = json!({
        "type": "object", "required": ["steps"], "properties": {"steps": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["id", "prompt"], "properties": {
                "id": {"type": "string"}, "prompt": {"type": "string"},
                "needs": {"type": "array", "items": {"type": "string"}},
                "role": {"type": "string", "description": names.join(", ")},
            },
        }}},
    });
    let fields = json!({
        "prompt": format!("{ASKED}\n{}", input.prompt), "backend": planner, "posture": "read_only", "label": "plan",
        "output_schema": schema, "working_dir": input.working_dir, "allow_duplicate": true,
    });
    let fields = serde_json::from_value(fields).map_err(|error| OpError::new(Code::Internal, error.to_string()))?;
    let (ask, _) = ask_of(call.engine, &call.client, fields)?;
    Ok(call.engine.submit(ask)?.task.id)
}

/// Returns the workflow that a planner's answer is.
fn planned(call: &Call<'_>, answer: &Value) -> Result<Map<String, Value>, String> {
    let known: Vec<String> = roles().into_iter().map(|role| role.name).collect();
    let step = |step: &Value| {
        let mut own = json!({"id": step["id"], "prompt": literal(step["prompt"].as_str().unwrap_or_default())});
        if let Some(needs) = step["needs"].as_array().filter(|needs| !needs.is_empty()) {
            own["needs"] = json!(needs);
        }
        // A role of the planner's own making is no reason to throw its plan away.
        if let Some(role) = step["role"].as_str().filter(|role| known.iter().any(|known| known == role)) {
            own["role"] = json!(role);
        }
        own
    };
    let steps: Vec<Value> = answer["steps"].as_array().into_iter().flatten().map(step).collect();
    let workflow = json!({"steps": steps});
    let checked = Found::inline(workflow.clone()).check(call, None);
    match (checked.faults.first(), workflow) {
        (None, Value::Object(workflow)) => Ok(workflow),
        (Some(fault), _) => Err(format!("{} (at `{}`)", fault.message, fault.path)),
        (None, _) => Err("it is no object".to_owned()),
    }
}

impl Render for DecomposeOutput {
    fn render(&self, page: &mut Page) {
        if let (true, Some(id)) = (self.still_planning, &self.task_id) {
            page.line(format!("Still planning: the same command with `--task-id {}` goes on.", id.short()));
            return;
        }
        let by = self.task_id.as_ref().map(|id| format!(", planned by task {}", id.short())).unwrap_or_default();
        let words = page.tint(Tone::Faint, &format!("# {}{by}", plural(self.steps as u64, "step")));
        page.line(words);
        if let Some(note) = &self.note {
            let words = page.tint(Tone::Faint, &format!("# {}", one_line(note)));
            page.line(words);
        }
        if let Some(run) = &self.run {
            return run.render(page);
        }
        page.text(self.yaml.as_deref().unwrap_or_default());
        if let Some(path) = &self.path {
            page.line(format!("# written to {}", one_line(path)));
        }
        if let Some(name) = &self.template {
            page.line(format!("# saved: `mgr template run {name}`"));
        }
    }

    fn exit(&self) -> Exit {
        match &self.run {
            _ if self.still_planning => Exit::StillRunning,
            Some(run) => run.exit,
            None => Exit::Success,
        }
    }

    fn piped(&self) -> Option<Vec<u8>> {
        let yaml = self.yaml.clone().filter(|_| self.run.is_none())?;
        Some(yaml.into_bytes())
    }
}
