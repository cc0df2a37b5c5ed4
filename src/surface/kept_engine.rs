//! The engine of a process that answers many calls.

use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8PathBuf;

use crate::{
    config::Environment,
    engine::{Engine, EngineError},
};

pub(super) struct KeptEngine {
    env: Environment,
    dir: Option<Utf8PathBuf>,
    /// Opened by the first call, so that a fault in the settings is answered and not a server that is gone.
    engine: Mutex<Option<Arc<Engine>>>,
}

impl KeptEngine {
    pub fn new(env: Environment, dir: Option<Utf8PathBuf>) -> Self {
        Self { env, dir, engine: Mutex::default() }
    }

    /// Returns the open engine. One whose database was put aside by a rebuild is replaced.
    pub fn get(&self, rebuilds: bool) -> Result<Arc<Engine>, EngineError> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = engine.as_ref().filter(|open| open.is_in_place()) {
            return Ok(open.clone());
        }
        let open = || Engine::open(self.env.clone(), self.dir.as_deref());
        let opened = match open() {
            // A damaged database must not keep its own remedy from running.
            Err(_) if rebuilds => {
                Engine::rebuild(self.env.clone())?;
                open()?
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
