//! WHAT a workflow file says: from its text to a checked graph.
//!
//! Must not start, read or write anything: it gets texts and sets of known names, and returns faults or a graph.

mod expression;
mod fault;
mod tree;
