//! Where the page's calls are answered.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};

use crate::{
    config::Environment,
    engine::{Engine, EngineError},
    ops::{Call, Code, Door, EventView, OpError, OpSpec, Progress, TaskLine, find},
    surface::{
        guard::{Guarded, Turns},
        kept_engine::KeptEngine,
    },
};

/// What the page uses, and therefore all that it may: whoever takes over the page cannot start programs of their own.
const TOOLS: &[&str] = &[
    "task_status",
    "task_list",
    "task_events",
    "task_output",
    "task_diff",
    "task_explain",
    "task_cancel",
    "pause_task",
    "resume_task",
    "task_retry",
    "task_rerun",
    "send",
    "workflow_list",
    "workflow_status",
    "workflow_report",
    "workflow_cancel",
    "workflow_pause",
    "workflow_resume",
    "workflow_retry",
    "inbox_list",
    "inbox_answer",
    "capabilities",
];

/// Browsers allow six connections to one place: none of them is to be held for long.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// More than this is read with the command line.
const LARGEST_ANSWER: usize = 8 << 20;

pub(super) struct Desk {
    engine: KeptEngine,
    turns: Turns,
}

impl Desk {
    pub fn new(env: Environment) -> Self {
        Self { engine: KeptEngine::new(env, None), turns: Turns::default() }
    }

    /// Returns the open engine.
    ///
    /// # Errors
    /// The store cannot be opened, or the settings have a fault.
    pub fn engine(&self) -> Result<Arc<Engine>, EngineError> {
        self.engine.get(false)
    }

    /// Answers one call of the page.
    ///
    /// # Errors
    /// What the operation says; that the page has no such call; a panic too.
    pub async fn answer(&self, tool: &str, input: &[u8]) -> Result<String, OpError> {
        let row = row(tool)?;
        let input = object(input)?;
        let answered = Guarded::new(self.turns.clone(), self.run(row, input)).await;
        answered.unwrap_or_else(|panic| {
            Err(OpError::new(Code::Internal, format!("`{tool}` failed inside mgr: {panic}"))
                .hint("tasks are not touched by this; `mgr doctor` checks the store"))
        })
    }

    async fn run(&self, row: &OpSpec, input: Map<String, Value>) -> Result<String, OpError> {
        // Settings are read for every call: people change them while the page is open.
        let engine = self.engine()?.at(None)?;
        let call = Call {
            engine: &engine,
            door: Door::Dashboard,
            progress: &Quiet,
            longest_wait: Some(LONGEST_WAIT),
            client: BTreeMap::new(),
        };
        let text = (row.run)(&call, Value::Object(input)).await?.value.to_string();
        if text.len() > LARGEST_ANSWER {
            let message = format!("the answer has {} bytes, which is too much for a page", text.len());
            let command = row.cli.join(" ");
            return Err(OpError::invalid(message).hint(format!("`mgr {command}` prints it whole")));
        }
        Ok(text)
    }
}

fn row(tool: &str) -> Result<&'static OpSpec, OpError> {
    let row = TOOLS.contains(&tool).then(|| find(tool)).flatten();
    row.ok_or_else(|| OpError::new(Code::NotFound, format!("the dashboard has no call `{tool}`")))
}

fn object(input: &[u8]) -> Result<Map<String, Value>, OpError> {
    match serde_json::from_slice(input) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(OpError::invalid("the body of a call is a JSON object")),
        Err(error) => Err(OpError::invalid(format!("the body of a call is a JSON object: {error}"))),
    }
}

/// Returns an error as the page reads it.
pub(super) fn words(error: &OpError) -> String {
    json!({ "error": error }).to_string()
}

/// The page asks again after each change instead.
struct Quiet;

impl Progress for Quiet {
    fn tasks(&self, _: &[TaskLine]) {}

    fn event(&self, _: &EventView) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Effect;

    #[test]
    fn every_call_is_a_row() {
        for tool in TOOLS {
            assert_eq!(row(tool).unwrap().tool, Some(*tool));
        }
        assert_eq!(row("task_submit").err().unwrap().code, Code::NotFound);
    }

    /// The page shows and answers. What runs new programs or removes what is kept is not for it.
    #[test]
    fn the_page_destroys_nothing_but_running_work() {
        let destroys = TOOLS.iter().filter(|tool| row(tool).unwrap().effect == Effect::Destroy);
        assert_eq!(destroys.copied().collect::<Vec<_>>(), ["task_cancel", "workflow_cancel"]);
    }
}
