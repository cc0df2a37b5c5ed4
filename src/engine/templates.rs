//! Templates: workflow files that are kept under a name, and how often each was used.
//!
//! Must not know what stands in them: they are checked by whoever keeps or runs them.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::{Engine, EngineError};
use crate::{
    core::TemplateName,
    os::files::{self, Durability},
    store::TemplateUse,
};

impl Engine {
    /// Returns the names of the templates that there are, in order.
    ///
    /// # Errors
    /// Their directory cannot be read.
    pub fn template_names(&self) -> Result<Vec<TemplateName>, EngineError> {
        let names = files::names_in(&self.home.templates())?;
        Ok(names.iter().filter_map(|name| name.strip_suffix(".yaml")?.parse().ok()).collect())
    }

    /// Returns whether there is a template of this name already, which one may be kept under.
    ///
    /// # Errors
    /// There is one and it is not to be replaced, or something else is in its place.
    pub fn place_of_template(&self, name: &TemplateName, replace: bool) -> Result<bool, EngineError> {
        let path = self.home.template(name);
        no_directory(&path)?;
        let is_there = path.exists();
        if is_there && !replace {
            return Err(EngineError::Conflict {
                message: format!("there is a template `{name}` already"),
                hint: "choose another name, or replace it with `--force`".into(),
            });
        }
        Ok(is_there)
    }

    /// Keeps a template; returns whether there was one of this name.
    ///
    /// # Errors
    /// There is one and it is not to be replaced, or the file cannot be written.
    pub fn keep_template(&self, name: &TemplateName, text: &str, replace: bool) -> Result<bool, EngineError> {
        let is_there = self.place_of_template(name, replace)?;
        let path = self.home.template(name);
        files::make_dir(&self.home.templates())?;
        files::replace(&path, text.as_bytes(), Durability::Machine)?;
        Ok(is_there)
    }

    /// Removes a template with its counts; `false` when there is none of this name. Its runs stay.
    ///
    /// # Errors
    /// The file cannot be removed, or the store not be written.
    pub fn remove_template(&self, name: &TemplateName) -> Result<bool, EngineError> {
        let path = self.home.template(name);
        no_directory(&path)?;
        if !path.exists() {
            return Ok(false);
        }
        // First: a template that is made anew after a crash must not have the counts of this one.
        self.store.write(|writing| writing.forget_template(name.as_str()).map_err(EngineError::from))?;
        Ok(files::remove(&path)?)
    }

    /// # Errors
    /// The store cannot be read.
    pub fn template_uses(&self) -> Result<BTreeMap<String, TemplateUse>, EngineError> {
        Ok(self.store.read(|view| view.template_uses())?)
    }
}

fn no_directory(path: &Utf8Path) -> Result<(), EngineError> {
    if !path.is_dir() {
        return Ok(());
    }
    Err(EngineError::Conflict {
        message: format!("`{path}` is a directory and no template"),
        hint: "move it away, or choose another name".into(),
    })
}
