//! Backends by configuration: a command line, and rules that read what it prints.
//!
//! Pure like every adapter. What a description means is decided when it is read: one that cannot
//! work is refused then, with its reason, and never at the first task.

mod adapter;
mod arguments;
mod description;
#[cfg(test)]
mod recorded_tests;
mod rules;

pub use description::CustomBackend;
