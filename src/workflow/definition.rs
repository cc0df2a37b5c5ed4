//! A workflow as it was checked: what an executor reads.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    expression::{Expression, Template},
    fields::{OnFailure, ParamType, StepKind},
    race::Race,
};
use crate::core::{Money, Span, Timestamp, Unattended};

/// A step that runs: `plan`, or `review[security]` for one member of a matrix step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StepId(String);

impl StepId {
    pub(super) fn new(step: &str, label: Option<&str>) -> Self {
        Self(label.map_or_else(|| step.to_owned(), |label| format!("{step}[{label}]")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A workflow without faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    pub name: Option<String>,
    pub description: Option<String>,
    pub params: BTreeMap<String, Param>,
    pub max_concurrent: Option<u32>,
    pub budget: Option<Money>,
    pub on_failure: OnFailure,
    pub env: Vec<String>,
    /// In the order of the file.
    pub steps: Vec<Step>,
    pub outputs: BTreeMap<String, Template>,
    /// The definition in a form that reads as the same workflow again, nested files written out.
    pub frozen: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub kind: ParamType,
    pub is_required: bool,
    pub default: Option<Value>,
    pub description: Option<String>,
    pub choices: Vec<Value>,
}

/// One step as the file has it; a matrix step is one of these and many in the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub id: String,
    pub action: Action,
    pub needs: Vec<String>,
    pub needs_any: Vec<String>,
    pub when: When,
    /// Keys in order of the alphabet.
    pub matrix: BTreeMap<String, MatrixValues>,
    pub repeat: Option<Repeat>,
    /// Any agent but this one.
    pub backend_not: Option<Template>,
    /// Fields of the task, with those of `defaults`, templates as they were written.
    pub fields: Map<String, Value>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Agent,
    Race(Race),
    Command(Run),
    Approval {
        message: Template,
        /// How long it waits for an answer.
        expires: Option<Span>,
        /// What becomes of it without one, where the step says it.
        unattended: Option<Unattended>,
    },
    Workflow {
        definition: Box<Workflow>,
        params: Map<String, Value>,
    },
    Wait(Until),
}

impl Action {
    pub const fn kind(&self) -> StepKind {
        match self {
            Self::Agent => StepKind::Agent,
            Self::Race(_) => StepKind::Race,
            Self::Command(_) => StepKind::Command,
            Self::Approval { .. } => StepKind::Approval,
            Self::Workflow { .. } => StepKind::Workflow,
            Self::Wait(_) => StepKind::Wait,
        }
    }
}

/// How a program is started.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// Program and arguments, each inserted into by itself.
    Words(Vec<Template>),
    /// For the shell; nothing is ever inserted.
    Shell(String),
}

/// The end of a wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Until {
    For(Span),
    At(Timestamp),
    /// Known when it runs.
    ForTemplate(Template),
    AtTemplate(Template),
}

/// Whether a step runs once what it needs is over.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// If what it needs succeeded.
    Succeeded,
    /// However what it needs ended.
    Always,
    /// If what it needs succeeded and this holds.
    Holds(Expression),
}

/// The values of one key of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub enum MatrixValues {
    Fixed(Vec<Value>),
    /// The list that a parameter has.
    Of(Expression),
}

/// A loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    pub until: Option<Expression>,
    pub max: Bound,
}

/// The most runs of a loop.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    Fixed(u32),
    Of(Expression),
}
