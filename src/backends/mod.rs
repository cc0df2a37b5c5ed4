//! HOW each agent is spoken to: pure adapters.
//!
//! An adapter turns a request into an [`Invocation`] (data) and lines of output into
//! [`AgentEvent`]s. It never spawns, never reads a clock or a disk, never prints.
//! The children of `gpt` and `demo` stand beside their adapters and are processes of their own: there
//! the API is called and files are written; clock, sleep, environment and programs are handed in.

mod claude_code;
mod codex;
mod command;
mod custom;
mod demo;
mod event_lines;
mod gemini;
mod gpt;
mod invocation;
mod lines;
#[cfg(test)]
mod lying;
mod plain_text;
mod probe;
mod registry;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod samples;
mod shared;
mod text;

pub use command::COMMAND;
pub use custom::CustomBackend;
pub use demo::{DemoSurroundings, run_demo_child};
pub use gpt::{GptSurroundings, run_gpt_child};
pub use invocation::{Continuation, Invocation, PoliteSignal, PromptVia, Request, SELF_PROGRAM, SessionPlan};
pub use lines::LineFeeder;
pub use probe::Probe;
pub use registry::{Registry, UnknownBackend};

use crate::core::{AgentEvent, Failure, Posture, Span};

/// What a backend can do, for `capabilities` and for refusals that say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    pub edits_files: bool,
    pub follow_up: bool,
    pub effort: bool,
    pub output_schema: bool,
    pub max_turns: bool,
    /// The backend itself stops at a sum of money.
    pub budget: bool,
    /// Largest prompt in bytes that the program takes.
    pub max_prompt: u64,
}

/// One agent program.
pub trait Backend: Send + Sync {
    /// Returns how to start the agent for `request`.
    ///
    /// # Errors
    /// A request that this backend cannot serve, named with the way out.
    fn invocation(&self, request: &Request) -> Result<Invocation, Unservable>;

    /// Returns a parser for one attempt's standard output.
    fn parser(&self) -> Box<dyn Parser>;

    /// Returns how to find and check the program without a model call.
    fn probe(&self) -> Probe;

    fn abilities(&self) -> Abilities;

    /// Returns what the end of the agent's error output means, for endings without an event.
    fn classify_stderr(&self, tail: &str, exit_code: Option<i32>) -> Option<Failure>;

    /// Whether the stream has a terminal event, so that a run without one is broken.
    fn has_terminal_event(&self) -> bool {
        true
    }

    /// Whether the agent writes something before it does anything: one that died without a word has done nothing.
    fn speaks_first(&self) -> bool {
        false
    }

    /// Whether its stream says what a run has cost.
    fn tells_cost(&self) -> bool {
        false
    }

    /// Whether a good exit is a success even when nothing was said or done.
    fn may_be_silent(&self) -> bool {
        false
    }

    /// Whether `code` is how the program ends when all went well.
    fn is_good_exit(&self, code: i32) -> bool {
        code == 0
    }

    /// How long the agent may take to leave after its terminal event before its tree is ended.
    fn linger(&self) -> Span {
        Span::from_secs(10)
    }

    /// The same while tool calls are in flight after the terminal event: background work that
    /// the agent itself waits for, after which it may answer once more.
    fn background_linger(&self) -> Span {
        self.linger()
    }

    /// The flags that `posture` becomes, in words, for `doctor` and `explain`.
    fn posture_words(&self, posture: Posture) -> &'static str;
}

/// A request that a backend cannot serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unservable {
    pub message: String,
    pub hint: String,
}

/// Turns the lines of one attempt's standard output into events.
///
/// Fed whole lines in order, without their line ends; a last line without an end is fed by
/// [`Parser::end`]. Bytes are as the agent wrote them: parsers must survive anything.
/// The whole state is small and serialisable ([`Parser::save`]), so that parsing can go on
/// in another process from any line.
pub trait Parser: Send {
    /// Adds the events of one line to `events`.
    fn line(&mut self, line: &[u8], events: &mut Vec<AgentEvent>);

    /// The stream is over; `partial` is what stood after the last line end.
    fn end(&mut self, partial: &[u8], events: &mut Vec<AgentEvent>) {
        if !partial.is_empty() {
            self.line(partial, events);
        }
    }

    /// Returns the state between two lines.
    fn save(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes up a saved state.
    fn restore(&mut self, _state: &serde_json::Value) {}
}
