//! Where calls are answered: arguments in, data or words about what went wrong out.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_json::{Map, Value};

use super::{
    answer::fitting,
    progress::Heartbeat,
    roots::Roots,
    tools::Tool,
    translate::{answer_for, error_for},
};
use crate::{
    config::Environment,
    ops::{Call, Code, Door, OpError, Progress},
    surface::{
        guard::{Guarded, Turns},
        kept_engine::KeptEngine,
    },
};

/// Answers the calls of one process.
pub(super) struct Desk {
    roots: Roots,
    engine: KeptEngine,
    turns: Turns,
}

impl Desk {
    pub fn new(env: Environment, roots: Roots) -> Self {
        let engine = KeptEngine::new(env, Some(roots.start().to_owned()));
        Self { roots, engine, turns: Turns::default() }
    }

    /// # Errors
    /// What the operation says; a panic too.
    pub async fn answer(
        &self,
        tool: &Tool,
        arguments: Map<String, Value>,
        client: BTreeMap<String, String>,
        beat: &Heartbeat,
    ) -> Result<Value, OpError> {
        let answered = Guarded::new(self.turns.clone(), self.answer_unguarded(tool, arguments, client, beat)).await;
        let answered = answered.unwrap_or_else(|panic| {
            Err(OpError::new(Code::Internal, format!("`{}` failed inside mgr: {panic}", tool.name))
                .hint("tasks are not touched by this; `mgr doctor` checks the store"))
        });
        let mut answer = answered.map_err(|error| error_for(tool.row, error))?;
        answer_for(tool.row, &mut answer);
        Ok(answer)
    }

    async fn answer_unguarded(
        &self,
        tool: &Tool,
        mut input: Map<String, Value>,
        client: BTreeMap<String, String>,
        beat: &Heartbeat,
    ) -> Result<Value, OpError> {
        // Gemini CLI adds this to every tool and sends it on (measured).
        input.remove("wait_for_previous");
        name_for_file(tool, &mut input);
        self.roots.admit(tool, &mut input)?;
        let working_dir =
            input.get("working_dir").and_then(Value::as_str).map(Utf8Path::new).filter(|dir| dir.is_absolute());
        let rebuilds = tool.name == "doctor" && input.get("rebuild") == Some(&Value::Bool(true));
        // Settings are read for every call: people change them while the server runs.
        let engine = self.engine.get(rebuilds)?.at(Some(working_dir.unwrap_or(self.roots.start())))?;
        let engine = engine.within(self.roots.bounds());
        self.roots.admit_task(tool, &input, &engine)?;
        let longest_wait = Some(beat.longest_wait());
        let call = Call { engine: &engine, door: Door::Mcp, progress: beat as &dyn Progress, longest_wait, client };
        fitting(&call, tool, input).await
    }

    /// Lets waiting calls look up at once.
    pub fn wake(&self) {
        self.engine.wake();
    }
}

/// A name may stand where a file is asked for, as on the command line; only there a file of that name may be meant.
fn name_for_file(tool: &Tool, input: &mut Map<String, Value>) {
    let is_by_name = tool.takes("file") && tool.takes("template") && !input.contains_key("template");
    if is_by_name && input.get("file").and_then(Value::as_str).is_some_and(is_name) {
        let name = input.remove("file").unwrap_or_default();
        input.insert("template".to_owned(), name);
    }
}

/// Whether a word is the name of a template or example and no path: no separator, no suffix of a file.
pub(super) fn is_name(word: &str) -> bool {
    let is_file = [".yaml", ".yml", ".json"].iter().any(|suffix| word.ends_with(suffix));
    !word.is_empty() && !word.starts_with(['.', '~']) && !word.contains(['/', '\\']) && !is_file
}

/// Returns an error as a model reads it: code, message, next step.
pub(super) fn words(error: &OpError) -> String {
    const MOST_CAUSES: usize = 40;
    let more = error.causes.len().saturating_sub(MOST_CAUSES);
    let more = (more > 0).then(|| format!("\ncause: and {more} more"));
    let causes = error.causes.iter().take(MOST_CAUSES).map(|cause| format!("\ncause: {cause}")).chain(more);
    let hints = error.hints.iter().map(|hint| format!("\nhint: {hint}"));
    format!("{}: {}{}", error.code.as_str(), error.message, causes.chain(hints).collect::<String>())
}
