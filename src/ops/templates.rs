//! `mgr template save`, `list`, `show`, `run`, `rm`: workflows that are kept under a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    AbsolutePath, Call, Code, Effect, Example, Exit, JsonObject, OpError, Operation, Render, Toolset,
    args::read_prompt,
    decompose::not_empty,
    named::{Found, Wanted, by_name, find},
    run_start::{Start, WorkflowRunOutput, counted, invalid, or_here, start_and_wait},
    step_maker::task_vocabulary,
    workflow::{Given, InlineWorkflow, as_typed, given, in_yaml},
};
use crate::{
    config::read_yaml,
    core::{TaskRef, TemplateName, Timestamp, nearest},
    store::TemplateUse,
    ui::{ColourChoice, Page, Tone, Ui, clip, one_line, plural},
    workflow::{Checked, Fault, Template, Workflow, example},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateSaveInput {
    /// Name to keep it under: lower case letters, digits, `.`, `_` and `-`
    pub name: TemplateName,
    /// The workflow's file, `-` for standard input, or the name of an example; over MCP an absolute path
    #[arg(value_name = "FILE|NAME")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<AbsolutePath>,
    /// The workflow itself: YAML text, or an object of the same shape
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<InlineWorkflow>,
    /// Name of another template or of a shipped example to copy
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "workflow"])]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// A prompt instead of a workflow; {{ params.x }} in it becomes a parameter
    #[arg(long, value_name = "PROMPT", conflicts_with_all = ["file", "workflow", "template"])]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// A run that is over, whose workflow is kept
    #[arg(long, value_name = "RUN", conflicts_with_all = ["file", "workflow", "template", "prompt"])]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_run: Option<TaskRef>,
    /// What it is for, in a sentence
    #[arg(long, value_name = "TEXT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Types, defaults and descriptions of the prompt's parameters, by name, as a workflow declares them
    #[arg(long, value_name = "JSON", requires = "prompt")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<JsonObject>,
    /// Replace a template of this name
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TemplateSaveOutput {
    pub name: TemplateName,
    /// The file, which you may edit.
    pub path: String,
    /// Its parameters by name, as the file declares them.
    #[schemars(with = "JsonObject")]
    pub params: Value,
    /// Whether there was one of this name.
    pub replaced: bool,
}

pub struct TemplateSave;

impl Operation for TemplateSave {
    const CLI: &'static [&'static str] = &["template", "save"];
    const TOOL: Option<&'static str> = Some("template_save");
    const TITLE: &'static str = "Keep a workflow or prompt under a name";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Save a template: a workflow (file or inline), a prompt with {{ params.x }}, or the workflow of a finished run, under a name. \
        Refuses a faulty one with all faults. Next: template_run.";
    const EXAMPLE: Example = Example {
        argv: &["template", "save", "audit", "--prompt", "Audit {{ params.file }}", "--description", "One file"],
        json: r#"{"name":"audit","prompt":"Audit {{ params.file }}","description":"One file"}"#,
    };

    type Input = TemplateSaveInput;
    type Output = TemplateSaveOutput;

    fn from_command_line(input: TemplateSaveInput) -> Result<TemplateSaveInput, OpError> {
        let Wanted { file, workflow, template } = as_typed(input.file, input.workflow, input.template)?;
        let prompt = input.prompt.map(read_prompt).transpose()?;
        Ok(TemplateSaveInput { file, workflow, template, prompt, ..input })
    }

    async fn run(call: &Call<'_>, input: TemplateSaveInput) -> Result<TemplateSaveOutput, OpError> {
        let (name, force, description) = (input.name.clone(), input.force, input.description.clone());
        let found = to_keep(call, input)?;
        save(call, &name, &found, description.as_deref(), force)
    }
}

/// Returns the workflow that is to be kept.
fn to_keep(call: &Call<'_>, input: TemplateSaveInput) -> Result<Found, OpError> {
    let others = [input.file.is_some(), input.workflow.is_some(), input.template.is_some()];
    let sources = others.into_iter().chain([input.prompt.is_some(), input.from_run.is_some()]);
    if sources.filter(|is_given| *is_given).count() != 1 {
        return Err(OpError::invalid("a template is made from one thing")
            .hint("give a file, `--workflow`, `--template`, `--prompt` or `--from-run`"));
    }
    if input.params.is_some() && input.prompt.is_none() {
        return Err(OpError::invalid("`params` are for a prompt").hint("a workflow declares its parameters itself"));
    }
    match (input.prompt, input.from_run) {
        (Some(prompt), _) => {
            not_empty(&prompt)?;
            of_prompt(&input.name, &prompt, input.params).map(Found::inline)
        }
        (None, Some(run)) => of_run(call, &run).map(Found::inline),
        (None, None) => find(call, Wanted { file: input.file, workflow: input.workflow, template: input.template }),
    }
}

/// Returns a workflow of one step; what its prompt names without a declaration is a required text.
fn of_prompt(name: &TemplateName, prompt: &str, declared: Option<JsonObject>) -> Result<Value, OpError> {
    let template = Template::parse(prompt).map_err(|error| OpError::invalid(format!("the prompt: {error}")))?;
    let mut params = declared.map(|declared| declared.0).unwrap_or_default();
    let is_open = |param: &&mut Map<String, Value>| !param.contains_key("default") && !param.contains_key("required");
    for param in params.values_mut().filter_map(Value::as_object_mut).filter(is_open) {
        param.insert("required".into(), json!(true));
    }
    for reference in template.references() {
        if let [root, param, ..] = reference.path.as_slice()
            && root == "params"
            && !params.contains_key(param)
        {
            params.insert(param.clone(), json!({"required": true}));
        }
    }
    Ok(json!({"name": name.as_str(), "params": params, "steps": [{"id": "task", "prompt": prompt}]}))
}

/// Returns the workflow of a run, without what belongs to that run.
fn of_run(call: &Call<'_>, reference: &TaskRef) -> Result<Value, OpError> {
    call.engine.reconcile()?;
    let id = call.engine.resolve_run(reference)?;
    let state = call.engine.run_state(&id)?;
    if !state.run.status.is_terminal() {
        return Err(OpError::new(Code::Conflict, format!("the run `{id}` is not over"))
            .hint("`mgr workflow status --wait` waits for its end"));
    }
    let loaded = call.engine.definition(&state.run, task_vocabulary())?;
    let mut workflow = loaded.frozen.workflow.clone();
    if let Value::Object(map) = &mut workflow {
        map.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
        map.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    }
    Ok(workflow)
}

/// Checks a workflow and keeps it under a name.
pub(super) fn save(
    call: &Call<'_>,
    name: &TemplateName,
    found: &Found,
    description: Option<&str>,
    force: bool,
) -> Result<TemplateSaveOutput, OpError> {
    let checked = found.check(call, None);
    let Some(workflow) = checked.workflow else { return Err(refused(name, &checked.faults)) };
    let mut expected = workflow.frozen.clone();
    if let (Some(description), Value::Object(map)) = (description, &mut expected) {
        map.insert("description".into(), Value::from(description));
    }
    let mut text = text_of(found, &workflow, description)?;
    let kept = Found::inline(Value::from(text.as_str())).check(call, None).workflow;
    if kept.is_none_or(|kept| kept.frozen != expected) {
        // A text that YAML cannot carry as it is; JSON is read as well.
        text = format!("{expected:#}\n");
    }
    let replaced = call.engine.keep_template(name, &text, force)?;
    let path = call.engine.home().template(name).into_string();
    Ok(TemplateSaveOutput { name: name.clone(), path, params: workflow.frozen["params"].clone(), replaced })
}

fn refused(name: &TemplateName, faults: &[Fault]) -> OpError {
    let mut error = invalid(name.as_str(), faults, usize::MAX);
    let count = counted(faults);
    error.message = format!("the template `{name}` would have {count}; nothing was saved");
    error.hints.clear();
    error
}

/// Returns the text to keep: the person's own with its comments where it can stay.
fn text_of(found: &Found, workflow: &Workflow, description: Option<&str>) -> Result<String, OpError> {
    let own = found.source.as_str().map(str::to_owned);
    let read = match &own {
        Some(text) => read_yaml(text).unwrap_or(Value::Null),
        None => found.source.clone(),
    };
    // A file beside the one that was given is not beside the one that is kept: it is written out.
    let needs_others = names_files(&read);
    let mut value = if needs_others || !read.is_object() { workflow.frozen.clone() } else { read };
    if let (Some(description), Value::Object(map)) = (description, &mut value) {
        map.insert("description".into(), Value::from(description));
    }
    let own = own.filter(|_| !needs_others);
    match (own, description) {
        (Some(text), None) => Ok(text),
        (Some(text), Some(description)) => match described(&text, description, &value) {
            Some(text) => Ok(text),
            None => in_yaml(&value),
        },
        (None, _) => in_yaml(&value),
    }
}

fn names_files(workflow: &Value) -> bool {
    let steps = workflow["steps"].as_array().into_iter().flatten();
    steps.map(|step| &step["workflow"]).any(|nested| nested.is_string() || names_files(nested))
}

/// Returns the text with another description and everything else as it was, where that can be done line by line.
fn described(text: &str, description: &str, expected: &Value) -> Option<String> {
    let line = format!("description: {}", Value::from(description));
    let mut lines: Vec<&str> = text.lines().collect();
    match lines.iter().position(|line| line.starts_with("description:")) {
        Some(at) => lines[at] = &line,
        None => {
            let first = lines.iter().position(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))?;
            let after = usize::from(lines[first].starts_with("name:"));
            lines.insert(first + after, &line);
        }
    }
    let text = format!("{}\n", lines.join("\n"));
    (read_yaml(&text).ok().as_ref() == Some(expected)).then_some(text)
}

impl Render for TemplateSaveOutput {
    fn render(&self, page: &mut Page) {
        let did = if self.replaced { "Replaced" } else { "Saved" };
        page.line(format!("{did} `{}` in {}.", self.name, self.path));
        let required = self.params.as_object().into_iter().flatten().filter(|(_, param)| param["required"] == true);
        let params: String = required.map(|(name, _)| format!(" --params {name}=VALUE")).collect();
        page.line(format!("Run it: `mgr template run {}{params}`", self.name));
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateListInput {}

/// A template in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TemplateLine {
    pub name: TemplateName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its parameters by name: type, required, default.
    #[schemars(with = "JsonObject")]
    pub params: Value,
    pub steps: usize,
    /// Runs that were started from it; demos do not count.
    pub uses: u64,
    /// Those of them that are done.
    pub successes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// Whether it can be read: somebody may have edited it.
    pub valid: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TemplateListOutput {
    pub templates: Vec<TemplateLine>,
}

pub struct TemplateList;

impl Operation for TemplateList {
    const CLI: &'static [&'static str] = &["template", "list"];
    const TOOL: Option<&'static str> = Some("template_list");
    const TITLE: &'static str = "List templates";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "List the saved templates with description, parameters, uses and successes. Next: template_run, or template_get for the text.";
    const EXAMPLE: Example = Example { argv: &["template", "list"], json: "{}" };

    type Input = TemplateListInput;
    type Output = TemplateListOutput;

    async fn run(call: &Call<'_>, _: TemplateListInput) -> Result<TemplateListOutput, OpError> {
        call.engine.reconcile()?;
        let uses = call.engine.template_uses()?;
        let line = |name: TemplateName| {
            let found = by_name(call, name.as_str());
            let checked = found.ok().map(|found| found.check(call, None));
            TemplateLine::of(&name, checked.as_ref(), uses.get(name.as_str()).copied().unwrap_or_default())
        };
        Ok(TemplateListOutput { templates: call.engine.template_names()?.into_iter().map(line).collect() })
    }
}

impl TemplateLine {
    fn of(name: &TemplateName, checked: Option<&Checked>, counted: TemplateUse) -> Self {
        let workflow = checked.and_then(|checked| checked.workflow.as_ref());
        Self {
            name: name.clone(),
            description: workflow.and_then(|workflow| workflow.description.clone()),
            params: workflow.map_or_else(|| json!({}), |workflow| workflow.frozen["params"].clone()),
            steps: checked.map_or(0, |checked| checked.steps),
            uses: counted.uses,
            successes: counted.successes,
            last_used: counted.last_used,
            valid: workflow.is_some(),
        }
    }
}

/// Returns parameters as somebody types them: `file`, `rounds=2`.
fn params_words(params: &Value) -> String {
    let word = |(name, param): (&String, &Value)| match (&param["default"], param["required"] == true) {
        (_, true) => name.clone(),
        (Value::Null, false) => format!("[{name}]"),
        (Value::String(default), false) => format!("{name}={default}"),
        (default, false) => format!("{name}={default}"),
    };
    params.as_object().into_iter().flatten().map(word).collect::<Vec<_>>().join(" ")
}

impl Render for TemplateListOutput {
    fn render(&self, page: &mut Page) {
        let row = |line: &TemplateLine| {
            let about = line.description.clone().unwrap_or_default();
            vec![
                line.name.to_string(),
                clip(&params_words(&line.params), 40),
                line.uses.to_string(),
                line.successes.to_string(),
                line.last_used.map(|at| at.to_string()).unwrap_or_default(),
                if line.valid { clip(&about, 60) } else { "cannot be read: see `mgr workflow validate`".to_owned() },
            ]
        };
        let rows = self.templates.iter().map(row).collect();
        page.table(&["template", "parameters", "uses", "done", "last used", "what"], rows);
        if self.templates.is_empty() {
            page.line("No template yet: `mgr template save NAME FILE` keeps a workflow.");
        }
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateGetInput {
    /// Name of the template, of a workflow of yours, or of a shipped example
    pub name: String,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TemplateGetOutput {
    pub name: String,
    /// Its file; absent for an example, which is in the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The workflow file.
    pub yaml: String,
    /// Its parameters by name: type, required, default.
    #[schemars(with = "JsonObject")]
    pub params: Value,
    pub uses: u64,
    pub successes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// What is wrong with it, when somebody has edited it.
    pub faults: Vec<Fault>,
}

pub struct TemplateGet;

impl Operation for TemplateGet {
    const CLI: &'static [&'static str] = &["template", "show"];
    const TOOL: Option<&'static str> = Some("template_get");
    const TITLE: &'static str = "Show a template";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Show a template or a shipped example: its YAML, parameters and how often it was used. Into a pipe goes the YAML alone.";
    const EXAMPLE: Example =
        Example { argv: &["template", "show", "safe-refactor"], json: r#"{"name":"safe-refactor"}"# };

    type Input = TemplateGetInput;
    type Output = TemplateGetOutput;

    async fn run(call: &Call<'_>, input: TemplateGetInput) -> Result<TemplateGetOutput, OpError> {
        call.engine.reconcile()?;
        let found = by_name(call, &input.name)?;
        let checked = found.check(call, None);
        let uses = call.engine.template_uses()?;
        let counted = found.template.as_ref().and_then(|name| uses.get(name.as_str()).copied()).unwrap_or_default();
        Ok(TemplateGetOutput {
            name: input.name,
            path: found.file.map(camino::Utf8PathBuf::into_string),
            yaml: found.source.as_str().unwrap_or_default().to_owned(),
            params: checked.workflow.map_or_else(|| json!({}), |workflow| workflow.frozen["params"].clone()),
            uses: counted.uses,
            successes: counted.successes,
            last_used: counted.last_used,
            faults: checked.faults,
        })
    }
}

impl Render for TemplateGetOutput {
    fn render(&self, page: &mut Page) {
        let note = |page: &mut Page, words: String| {
            let words = page.tint(Tone::Faint, &format!("# {}", one_line(&words)));
            page.line(words);
        };
        match &self.path {
            Some(path) => note(page, path.clone()),
            None => note(page, "shipped with mgr".to_owned()),
        }
        if let Some(last) = self.last_used {
            let words = format!("{}, {} of them done, the last {last}", plural(self.uses, "use"), self.successes);
            note(page, words);
        }
        let params = params_words(&self.params);
        if !params.is_empty() {
            note(page, format!("parameters: {params}"));
        }
        for fault in &self.faults {
            note(page, format!("fault in line {}: {}", fault.line.unwrap_or_default(), fault.message));
        }
        page.text(&self.yaml);
    }

    fn piped(&self) -> Option<Vec<u8>> {
        Some(self.yaml.clone().into_bytes())
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateRunInput {
    /// Name of the template
    pub name: String,
    /// Values of its parameters (can be repeated)
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

pub struct TemplateRun;

impl Operation for TemplateRun {
    const CLI: &'static [&'static str] = &["template", "run"];
    const TOOL: Option<&'static str> = Some("template_run");
    const TITLE: &'static str = "Run a template";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Run a saved template with values for its parameters; a missing or misspelt one is named. \
        Returns workflow_id and the steps with their task_id. Next: workflow_status.";
    const EXAMPLE: Example = Example {
        argv: &["template", "run", "audit", "--params", "file=src/lib.rs"],
        json: r#"{"name":"audit","params":{"file":"src/lib.rs"},"wait":true}"#,
    };

    type Input = TemplateRunInput;
    type Output = WorkflowRunOutput;

    fn from_command_line(input: TemplateRunInput) -> Result<TemplateRunInput, OpError> {
        let (working_dir, wait) = (or_here(input.working_dir)?, !input.detach);
        Ok(TemplateRunInput { working_dir, wait, ..input })
    }

    async fn run(call: &Call<'_>, input: TemplateRunInput) -> Result<WorkflowRunOutput, OpError> {
        let name = known(call, &input.name)?;
        let found = by_name(call, name.as_str())?;
        let start = Start {
            working_dir: input.working_dir,
            demo: input.demo,
            request_id: input.request_id,
            ..Start::of(call, found, &Given::by_name(input.params))
        };
        start_and_wait(call, start, input.wait).await
    }
}

/// Returns the name if there is a template of it.
fn known(call: &Call<'_>, name: &str) -> Result<TemplateName, OpError> {
    let names = call.engine.template_names()?;
    if let Some(name) = names.iter().find(|known| known.as_str() == name) {
        return Ok(name.clone());
    }
    let name: TemplateName =
        name.parse().map_err(|error: crate::core::InvalidTemplateName| OpError::invalid(error.to_string()))?;
    let error = OpError::new(Code::NotFound, format!("no template `{name}`"));
    Err(match nearest(name.as_str(), names.iter().map(TemplateName::as_str)) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None if example(name.as_str()).is_some() => {
            error.hint(format!("it is a shipped example: `mgr workflow run {name}` runs it"))
        }
        None => error.hint("`mgr template list` shows those that there are"),
    })
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateDeleteInput {
    /// Name of the template
    pub name: String,
    /// Do not ask; only a terminal is asked
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub yes: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TemplateDeleteOutput {
    pub name: TemplateName,
    /// False when somebody else was faster.
    pub deleted: bool,
}

pub struct TemplateDelete;

impl Operation for TemplateDelete {
    const CLI: &'static [&'static str] = &["template", "rm"];
    const TOOL: Option<&'static str> = Some("template_delete");
    const TITLE: &'static str = "Delete a template";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Destroy;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str =
        "Delete a saved template, with its counts. Runs that were started from it stay as they are.";
    const EXAMPLE: Example =
        Example { argv: &["template", "rm", "audit", "--yes"], json: r#"{"name":"audit","yes":true}"# };

    type Input = TemplateDeleteInput;
    type Output = TemplateDeleteOutput;

    fn from_command_line(input: TemplateDeleteInput) -> Result<TemplateDeleteInput, OpError> {
        let ui = Ui::new(ColourChoice::Auto, false, true);
        let question = format!("Delete the template `{}`?", clip(&input.name, 64));
        if !input.yes && ui.can_ask() && !ui.confirm(&question) {
            return Err(OpError::invalid("not deleted"));
        }
        Ok(input)
    }

    async fn run(call: &Call<'_>, input: TemplateDeleteInput) -> Result<TemplateDeleteOutput, OpError> {
        let name = known(call, &input.name)?;
        let deleted = call.engine.remove_template(&name)?;
        Ok(TemplateDeleteOutput { name, deleted })
    }
}

impl Render for TemplateDeleteOutput {
    fn render(&self, page: &mut Page) {
        page.line(format!("Deleted the template `{}`.", self.name));
    }

    fn exit(&self) -> Exit {
        if self.deleted { Exit::Success } else { Exit::NotFound }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_changes_one_line_and_nothing_else() {
        let text = "# mine\nname: a\nsteps:\n  - {id: x, prompt: p} # why\n";
        let value = |text: &str| read_yaml(text).unwrap();
        let expected = "# mine\nname: a\ndescription: \"b: \\\"c\\\"\"\nsteps:\n  - {id: x, prompt: p} # why\n";
        assert_eq!(described(text, "b: \"c\"", &value(expected)).as_deref(), Some(expected));
        let old = expected.replace("b: \\\"c\\\"", "old");
        assert_eq!(described(&old, "b: \"c\"", &value(expected)).as_deref(), Some(expected));
        let folded = "description: >\n  two\n  lines\nsteps: [{id: x, prompt: p}]\n";
        assert_eq!(described(folded, "b", &value("description: b\nsteps: [{id: x, prompt: p}]\n")), None);
    }

    #[test]
    fn a_prompt_declares_what_it_names() {
        let name = "a".parse().unwrap();
        let declared: JsonObject =
            r#"{"n": {"type": "integer", "default": 3}, "m": {"type": "number"}}"#.parse().unwrap();
        let made =
            of_prompt(&name, "{{ params.n }} {{ params.m }} of {{ params.file | trim }}", Some(declared)).unwrap();
        let expected = json!({
            "n": {"type": "integer", "default": 3}, "m": {"type": "number", "required": true}, "file": {"required": true},
        });
        assert_eq!(made["params"], expected);
    }
}
