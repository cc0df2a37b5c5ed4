//! `mgr send`: the next turn of an agent's own conversation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Code, Effect, Example, OpError, Operation, Render, Toolset, args::read_prompt};
use crate::{
    core::{Lineage, Status, Task, TaskId, TaskRef, Words},
    engine::Ask,
    ui::Page,
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendInput {
    /// The task to go on with (an id, a unique prefix, @last or @-2), or an agent's session id
    #[arg(value_name = "TASK|SESSION")]
    pub task_id: String,
    /// What to say (on the command line `-` reads standard input and `@FILE` a file)
    pub message: String,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SendOutput {
    /// The new turn.
    pub task_id: TaskId,
    pub status: Status,
    pub backend: String,
    /// The turn before.
    pub continues: TaskId,
}

pub struct Send;

impl Operation for Send {
    const CLI: &'static [&'static str] = &["send"];
    const TOOL: Option<&'static str> = Some("send");
    const TITLE: &'static str = "Follow up with an agent";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Send a follow-up message to a finished agent: it continues its own conversation with all it knows. \
        Returns the new turn's task_id. Next: task_watch to wait for the reply.";
    const EXAMPLE: Example = Example {
        argv: &["send", "@last", "now write the tests"],
        json: r#"{"task_id":"@last","message":"now write the tests"}"#,
    };

    type Input = SendInput;
    type Output = SendOutput;

    fn from_command_line(input: SendInput) -> Result<SendInput, OpError> {
        Ok(SendInput { message: read_prompt(input.message)?, ..input })
    }

    async fn run(call: &Call<'_>, input: SendInput) -> Result<SendOutput, OpError> {
        call.engine.reconcile()?;
        let earlier = last_turn(call, &input.task_id)?;
        if !earlier.status().is_terminal() {
            return Err(OpError::new(
                Code::Conflict,
                format!("task `{}` is still {}", earlier.id, earlier.status().as_str()),
            )
            .hint("`mgr watch` waits for it"));
        }
        let backend = earlier.backend().clone();
        let mut spec = earlier.spec.clone();
        spec.backend = backend;
        spec.fallback.clear();
        spec.after.clear();
        spec.include_files.clear();
        spec.output_schema = None;
        spec.lineage = Lineage { continues: Some(earlier.id.clone()), ..Lineage::default() };
        spec.client.clone_from(&call.client);
        let words = Words { prompt: input.message, context: None };
        let task = call
            .engine
            .submit(Ask { spec, words, request_id: None, allow_duplicate: true, asked_by: call.engine.asking_task() })?
            .task;
        let (status, backend) = (task.status(), task.backend().to_string());
        Ok(SendOutput { task_id: task.id, status, backend, continues: earlier.id })
    }
}

/// Returns the newest turn of the conversation that the reference names.
fn last_turn(call: &Call<'_>, reference: &str) -> Result<Task, OpError> {
    let by_session = call.engine.last_of_session(reference)?;
    let id = match by_session {
        Some(id) => id,
        None => {
            call.engine.resolve(&reference.parse::<TaskRef>().map_err(|error| OpError::invalid(error.to_string()))?)?
        }
    };
    let task = call.engine.task(&id)?;
    let session = task.last_end().and_then(|end| end.session.clone());
    match session.map(|session| call.engine.last_of_session(&session)).transpose()?.flatten() {
        Some(newest) => Ok(call.engine.task(&newest)?),
        None => Ok(task),
    }
}

impl Render for SendOutput {
    fn render(&self, page: &mut Page) {
        page.line(self.task_id.as_str());
    }
}
