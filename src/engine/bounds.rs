//! The directories that somebody may work in and name files of, and the check of it.
//!
//! Must not decide who is bound: a door says so of its engine, and a run keeps it from its start.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{Engine, EngineError};

/// Directories with their links followed, when they were allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bounds(Vec<Utf8PathBuf>);

impl Bounds {
    pub fn new(dirs: impl IntoIterator<Item = Utf8PathBuf>) -> Self {
        Self(dirs.into_iter().map(|dir| real(&dir)).collect())
    }

    /// # Errors
    /// The path lies outside, as links are now.
    pub fn check(&self, path: &Utf8Path) -> Result<(), EngineError> {
        let real = real(path);
        if self.0.iter().any(|allowed| real.starts_with(allowed)) {
            return Ok(());
        }
        let allowed: Vec<_> = self.0.iter().map(|dir| format!("`{dir}`")).collect();
        // A file is allowed with the directory that it is in.
        let dir = if path.is_file() { path.parent().unwrap_or(path) } else { path };
        Err(EngineError::Blocked {
            message: format!("`{path}` is outside of what this server allows: {}", allowed.join(", ")),
            hint: format!("to allow more, the person who set it up starts `mgr mcp --allow-dir {dir}`"),
        })
    }
}

impl Engine {
    /// Binds what is asked of this engine, and the runs that are started with it, to these directories.
    #[must_use = "returns the engine"]
    pub fn within(mut self, bounds: Arc<Bounds>) -> Self {
        self.bounds = Some(bounds);
        self
    }

    /// Returns what it is bound to; `None` for people at a command line.
    pub fn bounds(&self) -> Option<&Bounds> {
        self.bounds.as_deref()
    }

    /// # Errors
    /// Whoever asks may not go there.
    pub fn admit(&self, path: &Utf8Path) -> Result<(), EngineError> {
        self.bounds().map_or(Ok(()), |bounds| bounds.check(path))
    }
}

/// Follows links as far as the path exists, and takes out `..` by words beyond that.
pub fn real(path: &Utf8Path) -> Utf8PathBuf {
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
