//! WHAT a workflow file says: from its text to a checked graph.
//!
//! Must not start, read or write anything: it gets texts and sets of known names, and returns faults or a graph.
//!
//! The text becomes a tree with places (`tree`), the tree drafts by vocabularies (`fields`, `shape`, `read`), the
//! drafts a workflow once nothing is wrong (`check`), and with the values of its parameters a plan (`graph`).

mod check;
#[cfg_attr(not(test), expect(dead_code, reason = "what an executor of workflows reads"))]
mod definition;
mod drawing;
#[cfg_attr(not(test), expect(dead_code, reason = "values exist once something runs"))]
mod expression;
mod fault;
mod fields;
mod graph;
mod params;
mod read;
#[cfg_attr(not(test), expect(dead_code, reason = "what an executor of workflows calls"))]
mod render;
#[cfg(test)]
mod schema;
mod shape;
#[cfg(test)]
mod tests;
mod tree;

pub use check::{Checked, Source, check};
pub use definition::{StepId, When, Workflow};
pub use drawing::{Drawing, mermaid};
pub use fault::{Fault, MOST_FAULTS};
#[cfg(test)]
pub use fields::AGENT_ONLY as FIELDS_OF_AGENTS;
pub use fields::{StepKind, Vocabulary};
pub use graph::{Plan, PlannedStep};
pub use read::Known;
#[cfg(test)]
pub use schema::schema;

// What an executor of workflows reads and calls; there is none yet.
#[cfg_attr(not(test), expect(unused_imports, reason = "for an executor"))]
pub use {
    definition::Action,
    expression::{Facts, Scope, StepFacts},
    fault::FaultCode,
};
#[expect(unused_imports, reason = "for an executor")]
pub use {
    definition::{Bound, MatrixValues, Param, Repeat, Run, Step, Until},
    expression::{Expression, ExpressionError, Insertion, Template},
    fields::{OnFailure, ParamType},
    render::RenderError,
};
