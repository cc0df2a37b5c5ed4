//! WHAT a workflow file says: from its text to a checked graph.
//!
//! Must not start, read or write anything: it gets texts and sets of known names, and returns faults or a graph.
//!
//! The text becomes a tree with places (`tree`), the tree drafts by vocabularies (`fields`, `shape`, `read`), the
//! drafts a workflow once nothing is wrong (`check`), and with the values of its parameters a plan (`graph`).

mod absent;
mod advance;
#[cfg(test)]
mod advance_reference;
#[cfg(test)]
mod advance_tests;
mod check;
mod decompose;
mod definition;
mod drawing;
mod examples;
mod expression;
mod fault;
mod fields;
mod graph;
mod inputs;
mod params;
mod race;
#[cfg(test)]
mod race_tests;
mod read;
mod render;
mod repeat;
#[cfg(test)]
mod schema;
mod shape;
mod support;
mod tasks;
#[cfg(test)]
mod tests;
mod tree;

pub use advance::{Act, Turn, advance, advance_by_turns, descendants};
pub use check::{Checked, Source, check};
pub use decompose::{decompose, literal};
pub use definition::{Action, Run, Step, StepId, Until, When, Workflow};
pub use drawing::{Drawing, mermaid};
pub use examples::{EXAMPLES, Shipped, example};
pub use expression::{Facts, Insertion, Reference, Scope, StepFacts, Template};
#[cfg(test)]
pub use fault::FaultCode;
pub use fault::{Fault, MOST_FAULTS};
#[cfg(test)]
pub use fields::AGENT_ONLY as FIELDS_OF_AGENTS;
pub use fields::{StepKind, Vocabulary};
pub use graph::{Plan, PlannedStep, plan};
pub use inputs::{StartedWith, input_digests};
pub use race::{Part, Race, as_written};
pub use read::Known;
pub use render::handed;
pub use repeat::{AfterRun, RunOver};
#[cfg(test)]
pub use schema::schema;
pub use support::Support;
pub use tasks::Tasks;
