//! What was asked: frozen at submit, never changed afterwards.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ArchiveScope, BackendName, Bytes, Effort, Isolation, Money, Posture, Span, TaskId};

/// The user's own words. Apart from [`TaskSpec`] because they may be megabytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    pub prompt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// A task as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Files whose content goes with the prompt, read at the start of each attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include_files: Vec<Utf8PathBuf>,
    pub backend: BackendName,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<BackendName>,
    pub working_dir: Utf8PathBuf,
    /// The program of a step that asks no agent, with its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    #[serde(default)]
    pub posture: Posture,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(default)]
    pub priority: i32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Span>,
    pub max_output: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// How often the output of a failed check goes back to the agent's conversation, at most.
    #[serde(default, skip_serializing_if = "is_default")]
    pub verify_retries: u32,
    /// Further tries on each backend after a failure that may pass.
    #[serde(default)]
    pub retries: u32,
    /// The canonical path of the directory that is archived and leased: the working directory, or for a git
    /// worktree the top of its repository. Absent for tasks of releases that had no archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Utf8PathBuf>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub archive: ArchiveScope,
    #[serde(default, skip_serializing_if = "is_default")]
    pub isolate: Isolation,
    /// Shell lines that make an isolated directory ready, before the agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<String>,
    /// The earlier turn of the same conversation in whose isolated directory this one works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated_by: Option<TaskId>,
    /// Whether other writers may work in the same workspace at the same time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub share: bool,
    /// Whether the project's own agent settings may be used.
    #[serde(default)]
    pub trust_project: bool,
    #[serde(default, skip_serializing_if = "Lineage::is_empty")]
    pub lineage: Lineage,
    /// The client that asked, over MCP, and its conversation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub client: BTreeMap<String, String>,
}

/// Where a task comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Lineage {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<TaskId>,
    /// The task whose conversation this one goes on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continues: Option<TaskId>,
    /// The run of a workflow that the task is a step of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The race among the steps that the task takes part in: without passed checks it has not succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub race: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Lineage {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl TaskSpec {
    /// Returns the workspace that this task must have for itself while it runs.
    pub fn written_root(&self) -> Option<&Utf8Path> {
        let writes = self.posture != Posture::ReadOnly && self.isolate == Isolation::None && !self.share;
        self.workspace.as_deref().filter(|_| writes)
    }

    /// Returns the backend of try `number` (from 1): the first backend's tries, then each fallback's. A repair is
    /// no try of its own. `None` when there are no more tries.
    pub fn backend_of(&self, number: u32) -> Option<&BackendName> {
        let tries = self.retries.saturating_add(1);
        match (number.saturating_sub(1) / tries) as usize {
            0 => Some(&self.backend),
            later => self.fallback.get(later - 1),
        }
    }
}
