//! The keys of a workflow file: one definition from which the reader takes names and types and the JSON Schema
//! is made. The fields of a task are not repeated here; they come in as a [`Vocabulary`].

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::core::{Money, Span, Unattended, for_each_mapping, without_null};

/// Names, types and checks of the fields that may stand somewhere.
#[derive(Clone)]
pub struct Vocabulary {
    /// JSON Schemas by name.
    pub properties: Map<String, Value>,
    /// Says what is wrong with a value, if anything is.
    pub check: fn(&str, &Value) -> Result<(), String>,
}

impl Vocabulary {
    pub(super) fn of<T: JsonSchema + DeserializeOwned>() -> Self {
        Self {
            properties: schema_of::<T>()["properties"].as_object().cloned().unwrap_or_default(),
            check: |name, value| {
                let alone = Value::Object([(name.to_owned(), value.clone())].into_iter().collect());
                serde_json::from_value::<T>(alone).map(|_| ()).map_err(|error| error.to_string())
            },
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.properties.keys().map(String::as_str)
    }
}

/// Returns the schema without references, and without the null of optional fields: absent is the way to say it.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    for_each_mapping(&mut schema, &|map| {
        without_null(map);
        map.remove("format");
    });
    schema
}

/// What happens to the other steps when one has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Nothing new is started.
    #[default]
    Stop,
    /// What does not depend on it goes on.
    Continue,
}

/// What a parameter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParamType {
    #[default]
    String,
    Integer,
    Number,
    Boolean,
    /// Of texts, numbers or truths.
    List,
}

/// What a step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A task of one agent.
    #[default]
    Agent,
    /// A program, no agent.
    Command,
    /// A question to a person.
    Approval,
    /// The same task by several backends; the first verified one wins.
    Race,
    /// Another workflow.
    Workflow,
    /// Nothing, until a time.
    Wait,
}

impl StepKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Command => "command",
            Self::Approval => "approval",
            Self::Race => "race",
            Self::Workflow => "workflow",
            Self::Wait => "wait",
        }
    }

    /// Whether an agent is asked.
    pub const fn is_agent(self) -> bool {
        matches!(self, Self::Agent | Self::Race)
    }

    /// Whether a program runs under a keeper.
    pub const fn is_task(self) -> bool {
        matches!(self, Self::Agent | Self::Race | Self::Command)
    }
}

/// Steps by agents, commands and people, and what must be done before what.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "mgr workflow")]
pub(super) struct FileFields {
    /// Short name such as safe-refactor
    pub name: Option<String>,
    /// What it is for, in a sentence
    pub description: Option<String>,
    /// Values that are given when it is run, by name
    pub params: BTreeMap<String, ParamFields>,
    /// Fields that hold for every step that does not say otherwise
    #[schemars(with = "Map<String, Value>")]
    pub defaults: Map<String, Value>,
    /// Most steps at work at once
    #[schemars(range(min = 1))]
    pub max_concurrent: Option<u32>,
    /// Most money to spend on the whole workflow, such as $5
    pub budget: Option<Money>,
    /// What a failed step means for the others: stop starts nothing new, continue goes on with what does not depend on it
    pub on_failure: OnFailure,
    /// Environment variables that templates may name as env.NAME
    pub env: Vec<String>,
    /// What is to be done, in any order; `needs` decides
    #[schemars(with = "Vec<Map<String, Value>>", length(min = 1))]
    pub steps: Vec<Map<String, Value>>,
    /// What the workflow gives back, by name, as templates
    pub outputs: BTreeMap<String, String>,
}

/// A value that is given when the workflow is run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ParamFields {
    /// What kind of value
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// Whether it must be given
    pub required: bool,
    /// The value when none is given
    pub default: Option<Value>,
    /// What it is for
    pub description: Option<String>,
    /// The values that are allowed
    #[serde(rename = "enum")]
    pub choices: Vec<Value>,
}

/// The fields of a step that no task has.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StepFields {
    /// Name of the step: letters, digits and _, beginning with a letter
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,39}$"))]
    pub id: Option<String>,
    /// What the step is; an agent's task when absent
    pub kind: StepKind,
    /// Steps that must succeed before this one starts
    pub needs: Vec<String>,
    /// The same as needs
    pub depends_on: Vec<String>,
    /// Steps of which at least one must succeed before this one starts
    pub needs_any: Vec<String>,
    /// Condition such as steps.review.any(result.blocking); `always` runs the step even after a failure
    pub when: Option<String>,
    /// One run of the step for each combination of values; ids become review[security]
    #[schemars(schema_with = "matrix_schema")]
    pub matrix: BTreeMap<String, Value>,
    /// Run the step again until a condition holds, at most so often
    pub repeat: Option<RepeatFields>,
    /// The agent: a name, auto, or {not: NAME} for any other
    #[schemars(schema_with = "backend_schema")]
    pub backend: Option<Value>,
    /// Race: the backends that run, 2 to 10 (the same one may stand here again)
    #[schemars(length(min = 2, max = 10))]
    pub backends: Vec<String>,
    /// Race: let the others finish after one has won
    pub keep_rest: bool,
    /// Race: false lets all finish, then the first in the order of backends that succeeded wins
    pub first_success: Option<bool>,
    /// Race: bring the winner's result into the directory before anything that needs it starts
    pub apply: bool,
    /// Approval: the question to the person
    pub message: Option<String>,
    /// Approval: how long it waits for an answer, such as 24h; then `unattended` decides
    pub expires: Option<Span>,
    /// Approval: what becomes of it when nobody answers; the setting `unattended` when absent
    pub unattended: Option<Unattended>,
    /// Command: the program with its arguments; a text only with shell: true
    #[schemars(schema_with = "run_schema")]
    pub run: Option<Value>,
    /// Command: give the text of run to the shell
    pub shell: bool,
    /// Workflow: path of its file, beside this one, or the workflow itself
    #[schemars(schema_with = "nested_schema")]
    pub workflow: Option<Value>,
    /// Workflow: values of its parameters
    #[schemars(with = "Map<String, Value>")]
    pub params: Map<String, Value>,
    /// Wait: for so long, such as 10m
    #[serde(rename = "for")]
    pub span: Option<String>,
    /// Wait: until this time (RFC 3339)
    pub at: Option<String>,
}

/// A loop and its bound.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RepeatFields {
    /// Condition after which the step is not run again
    pub until: Option<String>,
    /// Most runs, 1 to 50: a number or a template of one
    pub max: Option<Value>,
}

fn matrix_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": [
        {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}},
        {"type": "string", "pattern": "^\\{\\{"}
    ]}})
}

fn backend_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [
        {"type": "string"},
        {"type": "object", "required": ["not"], "additionalProperties": false, "properties": {"not": {"type": "string"}}}
    ]})
}

fn run_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"type": "array", "minItems": 1, "items": {"type": "string"}}, {"type": "string"}]})
}

fn nested_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"type": "string"}, {"type": "object"}]})
}

/// Fields of a task that a step may not set: the workflow decides, with what to use instead.
pub(super) const NOT_IN_STEPS: [(&str, &str); 5] = [
    ("after", "use `needs`"),
    ("request_id", "leave it out: a workflow run has one of its own"),
    ("wait", "leave it out: `mgr watch` waits for workflows too"),
    ("allow_duplicate", "leave it out: steps are never taken for duplicates"),
    ("auto_route", "use `backend: auto`"),
];

/// Fields of a task that only an agent understands.
pub const AGENT_ONLY: [&str; 17] = [
    "prompt",
    "backend",
    "model",
    "effort",
    "role",
    "system_prompt",
    "context",
    "include_files",
    "posture",
    "trust_project",
    "budget",
    "max_tokens",
    "max_turns",
    "output_schema",
    "fallback",
    "idle_timeout",
    "verify_retries",
];

/// Fields of a task that mean something for a step that is no task.
pub(super) const FOR_EVERY_KIND: [&str; 3] = ["tags", "label", "metadata"];

/// Fields that a shell reads: nothing may be inserted into them.
pub(super) const SHELL_FIELDS: [&str; 2] = ["verify", "setup"];

/// Fields whose insertions stand between marks.
pub(super) const PROMPT_FIELDS: [&str; 3] = ["prompt", "system_prompt", "context"];

/// Returns the kinds to which a field that no task has belongs; empty for all of them.
pub(super) fn kinds_of(name: &str) -> &'static [StepKind] {
    match name {
        "backends" | "keep_rest" | "first_success" | "apply" => &[StepKind::Race],
        "backend" => &[StepKind::Agent],
        "message" | "expires" | "unattended" => &[StepKind::Approval],
        // Nobody is to be asked the same again and again.
        "repeat" => &[StepKind::Agent, StepKind::Race, StepKind::Command, StepKind::Workflow, StepKind::Wait],
        "run" | "shell" => &[StepKind::Command],
        "workflow" | "params" => &[StepKind::Workflow],
        "for" | "at" => &[StepKind::Wait],
        _ => &[],
    }
}
