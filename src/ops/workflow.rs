//! `mgr workflow validate` and `mgr workflow plan`: what a workflow file says, before anything starts.

use std::{borrow::Cow, io::Read, str::FromStr};

use camino::{Utf8Path, Utf8PathBuf};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use super::{
    AbsolutePath, Call, Code, Effect, Example, Exit, OpError, Operation, Pair, Render, Toolset,
    named::{Wanted, find},
};
use crate::{
    config::write_yaml,
    ui::{Page, plural},
    workflow::{Action, Checked, Drawing, Fault, MOST_FAULTS, Part, Plan, StepId, StepKind, When, Workflow, mermaid},
};

/// A workflow without a file: YAML text, or an object of the same shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct InlineWorkflow(pub(super) Value);

impl FromStr for InlineWorkflow {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Value::from(text)))
    }
}

impl<'de> Deserialize<'de> for InlineWorkflow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value {
            Value::String(_) | Value::Object(_) => Ok(Self(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Err(de::Error::custom("`workflow` is YAML text, or an object with `steps`"))
            }
        }
    }
}

impl JsonSchema for InlineWorkflow {
    fn schema_name() -> Cow<'static, str> {
        "InlineWorkflow".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// `key=value` on the command line, a member of any type in JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    pub(super) name: String,
    pub(super) value: Value,
}

impl Given {
    pub(super) fn by_name(given: Vec<Self>) -> Map<String, Value> {
        given.into_iter().map(|given| (given.name, given.value)).collect()
    }
}

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<Pair>().map(|pair| Self { name: pair.key, value: Value::from(pair.value) })
    }
}

/// The JSON form of [`Given`] values, for `#[serde(with)]`.
pub(super) mod given {
    use serde::Serializer;

    use super::{Deserialize, Deserializer, Given, Map, Serialize, Value};

    pub(in crate::ops) fn serialize<S: Serializer>(given: &[Given], serializer: S) -> Result<S::Ok, S::Error> {
        let map: Map<String, Value> = given.iter().map(|given| (given.name.clone(), given.value.clone())).collect();
        map.serialize(serializer)
    }

    pub(in crate::ops) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Given>, D::Error> {
        let map = Map::<String, Value>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(name, value)| Given { name, value }).collect())
    }
}

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidateInput {
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
    /// Values of the workflow's parameters; when any is given, all required ones must be (can be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "given")]
    #[schemars(with = "Map<String, Value>")]
    pub params: Vec<Given>,
}

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanInput {
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
    /// Values of the workflow's parameters; when any is given, all required ones must be (can be repeated)
    #[arg(long, value_name = "NAME=VALUE")]
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "given")]
    #[schemars(with = "Map<String, Value>")]
    pub params: Vec<Given>,
    /// Print the graph as Mermaid text and nothing else
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mermaid: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ValidateOutput {
    pub valid: bool,
    /// Everything that is wrong, in the order of the file; at most 200.
    pub faults: Vec<Fault>,
    /// How many steps the file has.
    pub steps: usize,
    /// What is no fault and good to know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip)]
    name: String,
}

/// A step that would run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StepView {
    pub id: StepId,
    pub kind: StepKind,
    /// The agent as the file has it; absent where the workflow leaves it open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    pub needs: Vec<StepId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_any: Vec<StepId>,
    /// The condition, or `always`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The most runs of a loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_runs: Option<u32>,
    /// How many steps the workflow in it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nested_steps: Option<usize>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanOutput {
    pub valid: bool,
    pub faults: Vec<Fault>,
    /// What may run together, in order; each batch waits for the ones before.
    pub batches: Vec<Vec<StepId>>,
    pub steps: Vec<StepView>,
    /// The same for the same definition and parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The graph as rows of text.
    pub drawing: String,
    /// The graph as a Mermaid flowchart.
    pub mermaid: String,
    /// What is no fault and good to know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip)]
    name: String,
    #[serde(skip)]
    wants_mermaid: bool,
    #[serde(skip)]
    rows: Drawing,
}

pub struct WorkflowValidate;

impl Operation for WorkflowValidate {
    const CLI: &'static [&'static str] = &["workflow", "validate"];
    const TOOL: Option<&'static str> = Some("workflow_validate");
    const TITLE: &'static str = "Check a workflow file";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Check a workflow of steps (YAML file or inline) without starting anything. \
        Returns valid, and all faults at once with line, column, path, message and suggestion. Next: workflow_plan shows what would run.";
    const EXAMPLE: Example = Example {
        argv: &["workflow", "validate", "/srv/project/review.yaml", "--params", "target=core"],
        json: r#"{"file":"/srv/project/review.yaml","params":{"target":"core"}}"#,
    };

    type Input = ValidateInput;
    type Output = ValidateOutput;

    fn from_command_line(input: ValidateInput) -> Result<ValidateInput, OpError> {
        let Wanted { file, workflow, template } = as_typed(input.file, input.workflow, input.template)?;
        Ok(ValidateInput { file, workflow, template, ..input })
    }

    async fn run(call: &Call<'_>, input: ValidateInput) -> Result<ValidateOutput, OpError> {
        let wanted = Wanted { file: input.file, workflow: input.workflow, template: input.template };
        let (name, checked) = checked(call, wanted, input.params)?;
        let faults = checked.faults;
        let mut notes = checked.workflow.as_ref().map(|workflow| notes_on_money(call, workflow)).unwrap_or_default();
        if let (Some(workflow), Some(plan)) = (&checked.workflow, &checked.plan) {
            let unmanned = call.engine.unmanned(workflow, plan, &std::collections::BTreeSet::new());
            notes.extend(unmanned.into_iter().map(|one| format!("step `{}` {}", one.step, one.why)));
        }
        Ok(ValidateOutput { valid: faults.is_empty(), faults, steps: checked.steps, notes, name })
    }
}

pub struct WorkflowPlan;

impl Operation for WorkflowPlan {
    const CLI: &'static [&'static str] = &["workflow", "plan"];
    const TOOL: Option<&'static str> = Some("workflow_plan");
    const TITLE: &'static str = "Show what a workflow would run";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Show which steps a workflow would run, in which batches and why, as lists, a drawing and a Mermaid diagram. \
        Starts nothing. An invalid workflow gives its faults, as workflow_validate does.";
    const EXAMPLE: Example = Example {
        argv: &["workflow", "plan", "/srv/project/review.yaml", "--mermaid"],
        json: r#"{"file":"/srv/project/review.yaml","mermaid":true}"#,
    };

    type Input = PlanInput;
    type Output = PlanOutput;

    fn from_command_line(input: PlanInput) -> Result<PlanInput, OpError> {
        let Wanted { file, workflow, template } = as_typed(input.file, input.workflow, input.template)?;
        Ok(PlanInput { file, workflow, template, ..input })
    }

    async fn run(call: &Call<'_>, input: PlanInput) -> Result<PlanOutput, OpError> {
        let wanted = Wanted { file: input.file, workflow: input.workflow, template: input.template };
        let (name, checked) = checked(call, wanted, input.params)?;
        let faults = checked.faults;
        let output = PlanOutput {
            valid: faults.is_empty(),
            faults,
            batches: Vec::new(),
            steps: Vec::new(),
            digest: None,
            drawing: String::new(),
            mermaid: String::new(),
            notes: Vec::new(),
            name,
            wants_mermaid: input.mermaid,
            rows: Drawing::default(),
        };
        Ok(match (&checked.workflow, checked.plan) {
            (Some(workflow), Some(plan)) => {
                let rows = Drawing::of(workflow, &plan);
                PlanOutput {
                    steps: views(workflow, &plan),
                    drawing: rows.to_text(WIDTH),
                    rows,
                    mermaid: mermaid(workflow, &plan),
                    batches: plan.batches,
                    digest: Some(plan.digest),
                    ..output
                }
            }
            (Some(_) | None, _) => output,
        })
    }
}

/// Says which costs a budget will not see.
pub(super) fn notes_on_money(call: &Call<'_>, workflow: &Workflow) -> Vec<String> {
    let Some(budget) = workflow.budget else { return Vec::new() };
    let text = |step: &crate::workflow::Step, name: &str| -> Option<String> {
        step.fields.get(name).and_then(Value::as_str).filter(|text| !text.contains("{{")).map(str::to_owned)
    };
    let mut notes = Vec::new();
    for step in workflow.steps.iter().filter(|step| step.action.kind().is_agent()) {
        let Some(backend) = text(step, "backend").filter(|name| name != "auto") else { continue };
        if !call.engine.may_know_cost(&backend, text(step, "model").as_deref()) {
            let id = &step.id;
            notes.push(format!(
                "the budget of {budget} does not see what step `{id}` costs: `{backend}` does not say it, and `prices` has no price for its model"
            ));
        }
    }
    notes
}

/// As wide as a drawing is where nobody knows how wide the reader's lines are.
const WIDTH: usize = 100;

fn views(workflow: &Workflow, plan: &Plan) -> Vec<StepView> {
    let view = |planned: &crate::workflow::PlannedStep| {
        let step = &workflow.steps[planned.step];
        StepView {
            id: planned.id.clone(),
            kind: planned.part.kind(step),
            backend: match &planned.part {
                Part::Racer { backend, .. } => Some(backend.clone()),
                Part::Whole | Part::Race { .. } => {
                    step.fields.get("backend").and_then(Value::as_str).map(str::to_owned)
                }
            },
            needs: planned.needs.clone(),
            needs_any: planned.needs_any.clone(),
            when: match &step.when {
                When::Succeeded => None,
                When::Always => Some("always".to_owned()),
                When::Holds(condition) => Some(condition.as_str().to_owned()),
            },
            most_runs: planned.most_runs,
            nested_steps: match &step.action {
                Action::Workflow { definition, .. } => Some(definition.steps.len()),
                _ => None,
            },
        }
    };
    plan.steps.iter().map(view).collect()
}

fn checked(call: &Call<'_>, wanted: Wanted, params: Vec<Given>) -> Result<(String, Checked), OpError> {
    let params = Given::by_name(params);
    let found = find(call, wanted)?;
    let checked = found.check(call, Some(&params).filter(|params| !params.is_empty()));
    Ok((found.shown, checked))
}

/// The order in which people write the keys of a workflow file.
const ORDER: [&str; 30] = [
    "name",
    "description",
    "params",
    "defaults",
    "max_concurrent",
    "budget",
    "on_failure",
    "env",
    "steps",
    "outputs",
    "id",
    "kind",
    "needs",
    "needs_any",
    "when",
    "matrix",
    "backend",
    "backends",
    "role",
    "posture",
    "timeout",
    "prompt",
    "message",
    "run",
    "shell",
    "workflow",
    "output_schema",
    "verify",
    "verify_retries",
    "repeat",
];

/// Returns a workflow as the YAML text of a file.
pub(super) fn in_yaml(workflow: &Value) -> Result<String, OpError> {
    write_yaml(workflow, &ORDER).map_err(|error| OpError::new(Code::Internal, format!("cannot write YAML: {error}")))
}

/// A workflow is a file that a person wrote; more than this is something else.
const FILE_LIMIT: u64 = 1_000_000;

pub(super) fn read_file(path: &Utf8Path) -> Result<String, OpError> {
    let failed = |error: std::io::Error| {
        let code = if error.kind() == std::io::ErrorKind::NotFound { Code::NotFound } else { Code::InvalidInput };
        OpError::new(code, format!("cannot read the workflow `{path}`: {error}"))
    };
    // Asked first: opening a FIFO would wait for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(OpError::invalid(format!("`{path}` is not a file")));
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    text_of(file, &format!("`{path}`"))
}

fn text_of(source: impl Read, name: &str) -> Result<String, OpError> {
    let mut bytes = Vec::new();
    source
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| OpError::invalid(format!("cannot read the workflow from {name}: {error}")))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(OpError::invalid(format!("the workflow in {name} is longer than 1 MB")));
    }
    String::from_utf8(bytes).map_err(|_| OpError::invalid(format!("the workflow in {name} is not UTF-8")))
}

/// Reads what somebody typed: `-` is a path to the command line's reader, the file of that name in the directory, and
/// a word that is no file is a name.
pub(super) fn as_typed(
    file: Option<AbsolutePath>,
    workflow: Option<InlineWorkflow>,
    template: Option<String>,
) -> Result<Wanted, OpError> {
    match typed_in(file.as_ref())? {
        Some(text) => Ok(Wanted { file: None, workflow: Some(InlineWorkflow(Value::from(text))), template }),
        None => Ok(Wanted { file, workflow, template }.or_by_name()),
    }
}

/// Returns what stands on standard input, where the file is `-`.
pub(super) fn typed_in(file: Option<&AbsolutePath>) -> Result<Option<String>, OpError> {
    let is_input = file.is_some_and(|path| path.0.file_name() == Some("-"));
    is_input.then(|| text_of(std::io::stdin().lock(), "standard input")).transpose()
}

/// Returns the path as a person in this directory would type it.
pub(super) fn shown(path: &Utf8Path) -> String {
    let here = std::env::current_dir().ok().and_then(|dir| Utf8PathBuf::from_path_buf(dir).ok());
    let relative = here.and_then(|here| path.strip_prefix(here).ok().map(ToString::to_string));
    relative.unwrap_or_else(|| path.to_string())
}

/// As compilers write them, so that editors find the place.
fn show_faults(page: &mut Page, name: &str, faults: &[Fault]) {
    for fault in faults {
        let file = fault.file.as_deref().unwrap_or(name);
        let place = match (fault.line, fault.column) {
            (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
            _ if fault.path.is_empty() => file.to_owned(),
            _ => format!("{file}: {}", fault.path),
        };
        page.text(&format!("{place}: {}", fault.message));
        if let Some(suggestion) = &fault.suggestion {
            page.text(&format!("  hint: {suggestion}"));
        }
    }
    let more = if faults.len() >= MOST_FAULTS { " or more" } else { "" };
    page.line(format!("{}{more}.", plural(faults.len() as u64, "fault")));
}

const fn exit(valid: bool) -> Exit {
    if valid { Exit::Success } else { Exit::Usage }
}

impl Render for ValidateOutput {
    fn render(&self, page: &mut Page) {
        if self.valid {
            page.text(&format!("{} is valid: {}.", self.name, plural(self.steps as u64, "step")));
            self.notes.iter().for_each(|note| page.text(&format!("note: {note}")));
        } else {
            show_faults(page, &self.name, &self.faults);
        }
    }

    fn exit(&self) -> Exit {
        exit(self.valid)
    }
}

impl Render for PlanOutput {
    fn render(&self, page: &mut Page) {
        if !self.valid {
            show_faults(page, &self.name, &self.faults);
        } else if self.wants_mermaid {
            page.text(&self.mermaid);
        } else {
            let width = page.width().unwrap_or(WIDTH);
            page.text(&self.rows.to_text(width));
        }
    }

    fn exit(&self) -> Exit {
        exit(self.valid)
    }
}
