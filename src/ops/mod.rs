//! WHAT can be asked: one file per noun, one row per operation in [`OPS`].
//!
//! The command line, the MCP tools, completions, man pages and the reference are walks over
//! [`OPS`]; whatever is said about an operation is said in its file and nowhere else.

mod again;
mod args;
mod cancel;
mod capabilities;
mod cleanup;
mod config;
mod demo;
mod doctor;
mod error;
mod events;
mod explain;
mod export;
mod list;
mod output;
mod pause;
mod poll;
mod send;
mod status;
mod submit;
mod table;
#[cfg(test)]
mod table_tests;
mod views;
mod watch;

pub use args::{AbsolutePath, JsonObject, Pair};
pub use cancel::{CancelInput, CancelOutput, CancelledTask};
pub use capabilities::{BackendView, CapabilitiesInput, CapabilitiesOutput};
pub use cleanup::{CleanupInput, CleanupItem, CleanupOutput};
pub use config::{ConfigAction, ConfigInput, ConfigOutput, SettingView};
pub use demo::{DemoInput, DemoOutput};
pub use doctor::{DoctorInput, DoctorOutput, Finding, FindingLevel};
pub use error::{Code, Exit, OpError};
pub use events::{EventView, EventsInput, EventsOutput};
pub use explain::{ExplainInput, ExplainOutput, Explanation};
pub use export::{ExportInput, ExportOutput};
pub use list::{ListInput, ListOutput};
pub use output::{OutputInput, OutputOutput};
pub use again::{AgainOutput, RerunInput, RetryInput};
pub use pause::{PauseInput, PauseOutput, ResumeInput};
pub use poll::{PollInput, PollOutput};
pub use send::{SendInput, SendOutput};
pub use status::{StatusInput, StatusOutput};
pub use submit::{RunInput, RunOutput, SubmitInput, SubmitOutput};
pub use table::{Answer, Call, Effect, Example, OPS, OpSpec, Operation, Progress, Render, Silent, Toolset, find};
pub use views::{AttemptView, LineageView, TaskLine, TaskView};
pub use watch::{WatchInput, WatchMode, WatchOutput};
