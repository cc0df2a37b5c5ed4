//! The demo agent: a script inside `mgr` that needs no key and nothing installed.
//!
//! It obeys the lines of its prompt and really edits files, so that a first task, the shipped
//! workflows and tests of supervision work anywhere. It never pretends to be a model.

mod adapter;
mod child;
#[cfg(test)]
mod child_tests;
mod files;
mod placeholder;
mod script;

pub use adapter::Demo;
pub use child::{DemoSurroundings, run_demo_child};
