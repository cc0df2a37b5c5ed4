//! What an adapter is asked, and the answer: a program to start, as data.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::{BackendName, Effort, Money, Posture};

/// The program of a backend whose child is `mgr` itself; whoever starts it puts the path of the running binary here.
pub const SELF_PROGRAM: &str = "@self";

/// The work, as an adapter sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub backend: BackendName,
    /// The whole text for the agent: the user's prompt, context and included files.
    pub prompt: String,
    /// The program with its arguments, where no agent is asked.
    pub command: Vec<String>,
    /// Role text and system prompt, joined.
    pub system_prompt: Option<String>,
    pub working_dir: Utf8PathBuf,
    /// The attempt's own directory, for files that the agent's flags must name (a schema, an answer file).
    pub attempt_dir: Utf8PathBuf,
    pub model: Option<String>,
    pub effort: Option<Effort>,
    pub posture: Posture,
    pub max_turns: Option<u32>,
    pub budget: Option<Money>,
    pub output_schema: Option<Value>,
    pub session: SessionPlan,
    /// Whether the repository's own agent settings (hooks, MCP servers) may be used.
    pub trust_project: bool,
    /// Whether the agent will run as root, which some agents refuse in some modes.
    pub is_root: bool,
    /// Whether the agent's sandbox helper works here; `None` when nobody tried.
    pub sandbox_works: Option<bool>,
}

/// Which conversation the run belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SessionPlan {
    /// A new one; `id` is a fresh UUID that the agent may be told to use.
    New { id: String },
    /// The agent's own conversation goes on.
    Continue(Continuation),
}

/// A conversation to go on with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Continuation {
    pub session: String,
    /// Earlier turns as (prompt, answer), for backends whose provider keeps no history.
    pub history: Vec<(String, String)>,
}

/// How the prompt reaches the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PromptVia {
    /// These bytes on standard input, from a file.
    Stdin(String),
    /// Standard input is empty; the program reads the file that an argument names.
    File {
        name: String,
        content: String,
    },
    None,
}

/// A program to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// A name to be looked up on PATH, or a path.
    pub program: String,
    pub args: Vec<String>,
    /// Variables to set.
    pub env: BTreeMap<String, String>,
    /// Names of the user's variables that this backend needs, passed on where they are set.
    /// A name that ends in `*` is a prefix.
    pub env_pass: Vec<String>,
    pub cwd: Utf8PathBuf,
    pub prompt: PromptVia,
    /// Further files to write into the attempt's directory before the start, by name.
    pub files: BTreeMap<String, String>,
    /// The signal for a polite end.
    pub polite_signal: PoliteSignal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoliteSignal {
    Interrupt,
    Terminate,
}
