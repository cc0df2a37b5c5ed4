//! Where tasks of a client may work.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value};

use super::tools::Tool;
use crate::{
    config::Environment,
    core::TaskRef,
    engine::{Bounds, Engine, real},
    ops::{AbsolutePath, OpError, Toolset},
    os::files::FileError,
};

/// The directories that were allowed at the start; a call cannot add to them.
pub(super) struct Roots {
    start: Utf8PathBuf,
    /// Whether the start is a place to work in. Desktop clients start servers in `/` or the home directory.
    start_is_project: bool,
    bounds: Arc<Bounds>,
}

impl Roots {
    /// # Errors
    /// A directory to allow is not there.
    pub fn new(start: Utf8PathBuf, env: &Environment, allow: Vec<Utf8PathBuf>) -> Result<Self, OpError> {
        let home = env.get("HOME").or_else(|| env.get("USERPROFILE")).map(Utf8Path::new);
        let start_is_project = start.parent().is_some() && home.map(real) != Some(real(&start));
        let mut allowed = vec![start.clone()];
        for dir in allow {
            let found = dir.canonicalize_utf8().map_err(FileError::at(&dir, "allow the directory"))?;
            allowed.push(found);
        }
        Ok(Self { start, start_is_project, bounds: Arc::new(Bounds::new(allowed)) })
    }

    pub fn start(&self) -> &Utf8Path {
        &self.start
    }

    /// Returns the same for what a call starts, and for what it reads on its way.
    pub fn bounds(&self) -> Arc<Bounds> {
        self.bounds.clone()
    }

    /// Fills in the directory that the call means and refuses every path of the input that is not allowed: what is
    /// read and written as well as where to work. Steps are looked at by whoever starts them.
    ///
    /// # Errors
    /// A path lies outside.
    pub fn admit(&self, tool: &Tool, input: &mut Map<String, Value>) -> Result<(), OpError> {
        // An operation on a task that exists works where that task does.
        let may_default = tool.takes("working_dir") && !tool.takes("task_id") && self.start_is_project;
        if may_default && !input.contains_key("working_dir") {
            input.insert("working_dir".into(), Value::from(self.start.as_str()));
        }
        let given = tool.paths.iter().filter_map(|name| input.get(name.as_str()));
        let paths = given.flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
        // A relative one is refused by its type, with better words.
        let mut paths = paths.filter_map(Value::as_str).map(Utf8Path::new).filter(|path| path.is_absolute());
        paths.try_for_each(|path| self.check(path))
    }

    /// Refuses a call that looks into the workspace of a task, or changes it, where that lies outside.
    ///
    /// # Errors
    /// The task's workspace or the directory it worked in lies outside; there is no such task.
    pub fn admit_task(&self, tool: &Tool, input: &Map<String, Value>, engine: &Engine) -> Result<(), OpError> {
        let named = input.get("task_id").and_then(Value::as_str).filter(|_| tool.row.toolset == Toolset::Safety);
        let Some(named) = named else { return Ok(()) };
        let reference: TaskRef = named.parse().map_err(crate::engine::EngineError::from)?;
        let spec = engine.task(&engine.resolve(&reference)?)?.spec;
        self.check(&spec.working_dir)?;
        spec.workspace.iter().try_for_each(|dir| self.check(dir))
    }

    fn check(&self, path: &Utf8Path) -> Result<(), OpError> {
        // As the operation will have it: without `..`, by words.
        let meant: AbsolutePath = path.as_str().parse().map_err(OpError::invalid)?;
        Ok(self.bounds.check(&meant.0)?)
    }
}
