//! What agents tell: one vocabulary for all backends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Category, Timestamp, UsageReport};

/// How a file changed, as the agent says. The archive, not this, is the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    Created,
    Modified,
    Deleted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    Info,
    Warning,
    Error,
}

/// One thing that an agent said or did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentEvent {
    /// The agent is up. `model` is what it says it will ask for.
    Started {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// Text meant for the user. With `delta`, a piece that continues the text before it.
    Text {
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        delta: bool,
    },
    Thinking {
        text: String,
    },
    /// The model that answered, as the server names it; may differ from the one asked.
    ModelServed {
        model: String,
    },
    ToolStarted {
        id: String,
        name: String,
        /// One line for people: the command, the path, the query.
        summary: String,
    },
    ToolFinished {
        id: String,
        ok: bool,
    },
    FileChanged {
        path: String,
        change: FileChange,
    },
    Usage(UsageReport),
    /// The provider's limit was met; `until` when it said how long.
    RateLimited {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        message: String,
    },
    /// The agent is trying a failed request again by itself, usually in silence.
    Retrying {
        category: Category,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delay_s: Option<f64>,
        message: String,
    },
    /// The agent was not allowed something and went on without it.
    PermissionDenied {
        tool: String,
        message: String,
    },
    NeedsInput {
        question: String,
    },
    Notice {
        level: NoticeLevel,
        text: String,
    },
    /// A result that the agent calls good. The last terminal event of a run counts.
    Finished {
        /// The final answer, when the event carries it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<String>,
        /// The answer by output schema.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        structured: Option<Value>,
        /// Model turns, when the event counts them; zero means that no model was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turns: Option<u32>,
    },
    /// A result that the agent calls bad, or an error inside a "success".
    Failed {
        category: Category,
        message: String,
    },
    /// A line that the adapter does not know; kept and counted, never an error.
    Unknown {
        raw: String,
    },
}

impl AgentEvent {
    /// Returns the value of `kind` in JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Text { .. } => "text",
            Self::Thinking { .. } => "thinking",
            Self::ModelServed { .. } => "model_served",
            Self::ToolStarted { .. } => "tool_started",
            Self::ToolFinished { .. } => "tool_finished",
            Self::FileChanged { .. } => "file_changed",
            Self::Usage(_) => "usage",
            Self::RateLimited { .. } => "rate_limited",
            Self::Retrying { .. } => "retrying",
            Self::PermissionDenied { .. } => "permission_denied",
            Self::NeedsInput { .. } => "needs_input",
            Self::Notice { .. } => "notice",
            Self::Finished { .. } => "finished",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// An event as it stands in `events.jsonl`: numbered without gaps within its attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventRecord {
    pub seq: u64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: AgentEvent,
}
