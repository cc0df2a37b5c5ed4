//! WHAT can be asked: one file per noun, one row per operation in [`OPS`].
//!
//! The command line, the MCP tools, completions, man pages and the reference are walks over
//! [`OPS`]; whatever is said about an operation is said in its file and nowhere else.

mod again;
mod apply;
mod archive;
mod args;
mod cancel;
mod capabilities;
mod cleanup;
mod config;
mod dashboard;
mod decompose;
mod demo;
mod diff;
mod discard;
mod doctor;
mod error;
mod events;
mod explain;
mod export;
mod inbox;
mod landing;
mod list;
mod named;
mod output;
mod parallel;
mod pause;
mod poll;
mod race;
mod rollback;
mod run_bounds;
mod run_file;
mod run_news;
mod run_pause;
mod run_render;
mod run_report;
mod run_start;
mod run_step_view;
mod run_views;
mod run_words;
mod runs;
mod send;
mod status;
mod step_maker;
mod submit;
mod table;
#[cfg(test)]
mod table_tests;
mod templates;
mod views;
mod watch;
mod workflow;
#[cfg(test)]
mod workflow_tests;

pub use args::{AbsolutePath, JsonObject, Pair};
pub use error::{Code, Exit, OpError};
pub use events::{EventView, words as event_words};
pub use step_maker::STEPS;
pub use submit::SubmitInput;
pub use table::{Answer, Call, Door, Effect, Example, OPS, OpSpec, Operation, Progress, Render, Toolset, find};
pub use views::{ArchiveView, TaskLine, TaskView};
