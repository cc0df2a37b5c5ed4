//! Loafs: what is remembered of a project, one JSON file each, which people and agents may edit.
//!
//! Only read here, and whatever is in them: a workflow names what it wants of one.

use serde_json::{Map, Value};

use super::{Engine, EngineError};
use crate::{core::is_file_name, os::files};

/// A memory of a project, not an archive of it.
const LARGEST: u64 = 1 << 20;

impl Engine {
    /// Returns what a loaf holds now.
    ///
    /// # Errors
    /// There is none of that name, or its file is no JSON object of at most 1 MiB.
    pub fn loaf(&self, id: &str) -> Result<Map<String, Value>, EngineError> {
        let file = self.home.loafs().join(format!("{id}.json"));
        if !is_file_name(id) {
            return Err(self.no_loaf(id)?);
        }
        if files::length(&file) > LARGEST {
            return Err(unreadable(id, &file, "it is larger than 1 MiB"));
        }
        let Some(bytes) = files::read_optional(&file)? else { return Err(self.no_loaf(id)?) };
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(loaf)) => Ok(loaf),
            Ok(_) => Err(unreadable(id, &file, "it is no JSON object")),
            Err(error) => Err(unreadable(id, &file, &error.to_string())),
        }
    }

    fn no_loaf(&self, id: &str) -> Result<EngineError, EngineError> {
        let dir = self.home.loafs();
        let names = files::names_in(&dir)?;
        let known: Vec<_> = names.iter().filter_map(|name| name.strip_suffix(".json")).collect();
        let hint = match known.as_slice() {
            [] => format!("a loaf is a JSON file of that name in {dir}"),
            known => format!("there are {}", known.join(", ")),
        };
        Ok(EngineError::NotFound { message: format!("no loaf `{id}`"), hint })
    }
}

fn unreadable(id: &str, file: &camino::Utf8Path, why: &str) -> EngineError {
    EngineError::Invalid { message: format!("cannot read loaf `{id}`: {why}"), hint: format!("its file is {file}") }
}
