//! The git side of a workspace, read from its files. `git` itself is never run: a repository that an agent
//! has touched may say in its configuration which programs `git status` starts.

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

/// What a repository's own files say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GitState {
    /// The content of `HEAD`.
    pub head: String,
}

impl GitState {
    /// Returns the state of the repository whose work tree is `root`; `None` where there is none.
    pub fn read(root: &Utf8Path) -> Option<Self> {
        let _ = root;
        None
    }

    /// Returns in sentences what differs later.
    pub fn moves_to(&self, later: &Self) -> Vec<String> {
        let _ = later;
        Vec::new()
    }
}
