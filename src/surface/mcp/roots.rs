//! Where tasks of a client may work.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value};

use super::tools::Tool;
use crate::{
    config::Environment,
    core::TaskRef,
    engine::Engine,
    ops::{Code, OpError, Toolset},
    os::files::FileError,
};

/// The directories that were allowed at the start; a call cannot add to them.
pub(super) struct Roots {
    start: Utf8PathBuf,
    /// Whether the start is a place to work in. Desktop clients start servers in `/` or the home directory.
    start_is_project: bool,
    allowed: Vec<Utf8PathBuf>,
}

impl Roots {
    /// # Errors
    /// A directory to allow is not there.
    pub fn new(start: Utf8PathBuf, env: &Environment, allow: Vec<Utf8PathBuf>) -> Result<Self, OpError> {
        let home = env.get("HOME").or_else(|| env.get("USERPROFILE")).map(Utf8Path::new);
        let start_is_project = start.parent().is_some() && home.map(real) != Some(real(&start));
        let mut allowed = vec![real(&start)];
        for dir in allow {
            let found = dir.canonicalize_utf8().map_err(FileError::at(&dir, "allow the directory"))?;
            allowed.push(found);
        }
        Ok(Self { start, start_is_project, allowed })
    }

    pub fn start(&self) -> &Utf8Path {
        &self.start
    }

    /// Fills in the directory that the call means and refuses one that is not allowed.
    ///
    /// # Errors
    /// A `working_dir` lies outside.
    pub fn admit(&self, tool: &Tool, input: &mut Map<String, Value>) -> Result<(), OpError> {
        // An operation on a task that exists works where that task does.
        let may_default = tool.takes("working_dir") && !tool.takes("task_id") && self.start_is_project;
        if may_default && !input.contains_key("working_dir") {
            input.insert("working_dir".into(), Value::from(self.start.as_str()));
        }
        let steps = input.values().filter_map(Value::as_array).flatten().filter_map(Value::as_object);
        let all = std::iter::once(&*input).chain(steps);
        let dirs = all.filter_map(|map| map.get("working_dir")?.as_str()).map(Utf8Path::new);
        // A relative one is refused by its type, with better words.
        dirs.filter(|dir| dir.is_absolute()).try_for_each(|dir| self.check(dir))
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

    fn check(&self, dir: &Utf8Path) -> Result<(), OpError> {
        let real = real(dir);
        if self.allowed.iter().any(|allowed| real.starts_with(allowed)) {
            return Ok(());
        }
        let allowed: Vec<_> = self.allowed.iter().map(|dir| format!("`{dir}`")).collect();
        Err(OpError::new(
            Code::Blocked,
            format!("`{dir}` is outside of what this server allows: {}", allowed.join(", ")),
        )
        .hint(format!("to allow more, the person who set it up starts `mgr mcp --allow-dir {dir}`")))
    }
}

/// Follows links as far as the path exists, and takes out `..` by words beyond that.
fn real(path: &Utf8Path) -> Utf8PathBuf {
    if let Ok(real) = path.canonicalize_utf8() {
        return real;
    }
    match (path.parent(), path.components().next_back()) {
        (Some(parent), Some(camino::Utf8Component::Normal(name))) => real(parent).join(name),
        (Some(parent), Some(camino::Utf8Component::ParentDir)) => {
            let mut above = real(parent);
            above.pop();
            above
        }
        (Some(parent), _) => real(parent),
        (None, _) => path.to_owned(),
    }
}
