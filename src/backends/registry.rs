//! The backends by name: the built-in ones and those from the configuration.

use std::collections::BTreeMap;

use super::{
    Backend, COMMAND, CustomBackend, claude_code::ClaudeCode, codex::Codex, command::Command, demo::Demo,
    gemini::Gemini, gpt::Gpt,
};
use crate::core::BackendName;

/// All backends of this installation.
pub struct Registry {
    backends: BTreeMap<BackendName, Box<dyn Backend>>,
    /// Not among the names: nobody chooses it for a prompt.
    program: Command,
}

/// A name that no backend has, with the nearest one that exists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no backend `{name}`; there are {}", known.join(", "))]
pub struct UnknownBackend {
    pub name: String,
    pub known: Vec<String>,
}

impl Registry {
    /// Returns the built-in backends and `custom` ones; a custom one may not take a built-in name.
    pub fn new(custom: BTreeMap<BackendName, CustomBackend>) -> Self {
        let mut backends: BTreeMap<BackendName, Box<dyn Backend>> =
            custom.into_iter().map(|(name, backend)| (name, Box::new(backend) as Box<dyn Backend>)).collect();
        let built_in: [(&'static str, Box<dyn Backend>); 5] = [
            ("claude_code", Box::new(ClaudeCode)),
            ("codex", Box::new(Codex)),
            ("gemini", Box::new(Gemini)),
            ("gpt", Box::new(Gpt)),
            ("demo", Box::new(Demo)),
        ];
        for (name, backend) in built_in {
            backends.insert(BackendName::built_in(name), backend);
        }
        Self { backends, program: Command }
    }

    /// # Errors
    /// No backend has this name.
    pub fn get(&self, name: &BackendName) -> Result<&dyn Backend, UnknownBackend> {
        let program = (*name == COMMAND).then_some(&self.program as &dyn Backend);
        program.or_else(|| self.backends.get(name).map(Box::as_ref)).ok_or_else(|| UnknownBackend {
            name: name.to_string(),
            known: self.names().map(ToString::to_string).collect(),
        })
    }

    pub fn names(&self) -> impl Iterator<Item = &BackendName> {
        self.backends.keys()
    }
}
