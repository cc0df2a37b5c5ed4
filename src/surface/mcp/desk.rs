//! Where calls are answered: arguments in, data or words about what went wrong out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

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
    engine::Engine,
    ops::{Call, Code, Door, OpError, Progress},
    surface::guard::{Guarded, Turns},
};

/// Answers the calls of one process.
pub(super) struct Desk {
    env: Environment,
    roots: Roots,
    /// Opened by the first call, so that a fault in the settings is answered and not a server that is gone.
    engine: Mutex<Option<Arc<Engine>>>,
    turns: Turns,
}

impl Desk {
    pub fn new(env: Environment, roots: Roots) -> Self {
        Self { env, roots, engine: Mutex::default(), turns: Turns::default() }
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
        self.roots.admit(tool, &mut input)?;
        let working_dir =
            input.get("working_dir").and_then(Value::as_str).map(Utf8Path::new).filter(|dir| dir.is_absolute());
        let rebuilds = tool.name == "doctor" && input.get("rebuild") == Some(&Value::Bool(true));
        // Settings are read for every call: people change them while the server runs.
        let engine = self.engine(rebuilds)?.at(Some(working_dir.unwrap_or(self.roots.start())))?;
        self.roots.admit_task(tool, &input, &engine)?;
        let longest_wait = Some(beat.longest_wait());
        let call = Call { engine: &engine, door: Door::Mcp, progress: beat as &dyn Progress, longest_wait, client };
        fitting(&call, tool, input).await
    }

    /// Returns the open engine. One whose database was put aside by a rebuild is replaced.
    fn engine(&self, rebuilds: bool) -> Result<Arc<Engine>, OpError> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = engine.as_ref().filter(|open| open.is_in_place()) {
            return Ok(open.clone());
        }
        let opened = match Engine::open(self.env.clone(), Some(self.roots.start())) {
            // A damaged database must not keep its own remedy from running.
            Err(_) if rebuilds => {
                Engine::rebuild(self.env.clone())?;
                Engine::open(self.env.clone(), Some(self.roots.start()))?
            }
            opened => opened?,
        };
        Ok(engine.insert(Arc::new(opened)).clone())
    }

    /// Lets waiting calls look up at once.
    pub fn wake(&self) {
        // Whoever holds the lock is opening the engine; nobody waits in it yet.
        if let Ok(engine) = self.engine.try_lock()
            && let Some(engine) = engine.as_ref()
        {
            engine.wake();
        }
    }
}

/// Returns an error as a model reads it: code, message, next step.
pub(super) fn words(error: &OpError) -> String {
    let causes = error.causes.iter().map(|cause| format!("\ncause: {cause}"));
    let hints = error.hints.iter().map(|hint| format!("\nhint: {hint}"));
    format!("{}: {}{}", error.code.as_str(), error.message, causes.chain(hints).collect::<String>())
}
