//! What rolling back and applying have in common: which paths are meant, and how their fate is told.
//!
//! Knows no rule of its own: what happens to a path is decided in the archive.

use camino::Utf8Path;
use schemars::JsonSchema;
use serde::Serialize;

use super::OpError;
use crate::{
    archive::{Deed, Landed},
    core::Task,
    ui::{Page, Tone, one_line, plural},
};

/// A path that was left as it is, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConflictView {
    pub path: String,
    pub why: String,
}

/// The paths of a landing by what was or would be done to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fates {
    pub written: Vec<String>,
    pub deleted: Vec<String>,
    pub merged: Vec<String>,
    pub marked: Vec<String>,
    pub overwritten: Vec<String>,
    pub conflicts: Vec<ConflictView>,
    pub kept_dirs: Vec<String>,
    /// Paths that are in none of the lists because they are full.
    pub more: u64,
}

impl Fates {
    /// Sorts out a landing, with at most `limit` paths in each list.
    pub fn of(landed: &Landed, limit: u32) -> Self {
        let mut fates = Self::default();
        let mut more = 0;
        let mut put = |list: &mut Vec<String>, path: String| {
            if list.len() < limit as usize { list.push(path) } else { more += 1 }
        };
        for (path, deed) in &landed.deeds {
            let list = match deed {
                Deed::Written => &mut fates.written,
                Deed::Deleted => &mut fates.deleted,
                Deed::Merged => &mut fates.merged,
                Deed::Marked => &mut fates.marked,
                Deed::Overwritten => &mut fates.overwritten,
            };
            put(list, path.to_string());
        }
        landed.kept_dirs.iter().for_each(|path| put(&mut fates.kept_dirs, path.to_string()));
        let conflicts = landed.conflicts.iter();
        let view = |conflict: &crate::archive::Conflict| ConflictView {
            path: conflict.path.to_string(),
            why: conflict.why.clone(),
        };
        fates.conflicts = conflicts.take(limit as usize).map(view).collect();
        fates.more = more + landed.conflicts.len().saturating_sub(limit as usize) as u64;
        fates
    }
}

/// Returns paths as the archive has them: relative to the task's workspace. None means all.
///
/// # Errors
/// A path lies outside of the workspace.
pub(super) fn inside(task: &Task, paths: &[String]) -> Result<Vec<String>, OpError> {
    let root = task.spec.workspace.as_deref().unwrap_or(&task.spec.working_dir);
    let paths: Result<Vec<_>, _> = paths.iter().map(|path| relative(root, path)).collect();
    // The workspace itself is all of it.
    paths.map(|paths| if paths.iter().any(String::is_empty) { Vec::new() } else { paths })
}

fn relative(root: &Utf8Path, path: &str) -> Result<String, OpError> {
    let outside = || {
        OpError::invalid(format!("`{path}` lies outside of the task's workspace `{root}`"))
            .hint("`mgr diff` shows the paths as they are meant here")
    };
    let given = Utf8Path::new(path);
    let rest = if given.is_absolute() { given.strip_prefix(root).map_err(|_| outside())? } else { given };
    let mut parts = Vec::new();
    for part in rest.components() {
        match part {
            camino::Utf8Component::Normal(name) => parts.push(name),
            camino::Utf8Component::CurDir => {}
            camino::Utf8Component::ParentDir | camino::Utf8Component::RootDir | camino::Utf8Component::Prefix(_) => {
                return Err(outside());
            }
        }
    }
    Ok(parts.join("/"))
}

/// How many paths of a kind a person is shown.
const SHOWN: usize = 20;

/// Adds a line for each path, its fate in front.
pub(super) fn list(page: &mut Page, tone: Tone, fate: &str, paths: &[String]) {
    for path in paths.iter().take(SHOWN) {
        let fate = page.tint(tone, &format!("{fate:<10}"));
        page.line(format!("  {fate}{}", one_line(path)));
    }
    more(page, paths.len());
}

/// Adds a line for each conflict.
pub(super) fn list_conflicts(page: &mut Page, conflicts: &[ConflictView]) {
    for conflict in conflicts.iter().take(SHOWN) {
        let fate = page.tint(Tone::Bad, &format!("{:<10}", "conflict"));
        page.line(format!("  {fate}{}: {}", one_line(&conflict.path), one_line(&conflict.why)));
    }
    more(page, conflicts.len());
}

fn more(page: &mut Page, count: usize) {
    if count > SHOWN {
        page.line(format!("  … and {} more: `--json` has them", count - SHOWN));
    }
}

/// Returns `restored 2 files, deleted 1 file`, or `nothing` where there was nothing to do.
pub(super) fn sentence(parts: &[(&str, usize)]) -> String {
    let words: Vec<_> = parts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(verb, count)| format!("{verb} {}", plural(*count as u64, "path")))
        .collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Conflict, RawPath};

    #[test]
    fn a_path_is_meant_beneath_the_workspace() {
        let root = Utf8Path::new("/w");
        let relative = |path| relative(root, path).map_err(|error| error.message);
        for (given, meant) in [("a/b", "a/b"), ("./a//b/", "a/b"), ("/w/a", "a"), ("/w", ""), (".", "")] {
            assert_eq!(relative(given).as_deref(), Ok(meant), "{given}");
        }
        for given in ["../x", "a/../../x", "/wide", "/etc/passwd"] {
            let message = format!("`{given}` lies outside of the task's workspace `/w`");
            assert_eq!(relative(given), Err(message));
        }
    }

    #[test]
    fn every_path_is_told_or_counted() {
        let path = |name: &str| RawPath::new(name).unwrap();
        let deeds = vec![
            (path("a"), Deed::Written),
            (path("b"), Deed::Written),
            (path("c"), Deed::Deleted),
            (path("d"), Deed::Overwritten),
        ];
        let conflicts = vec![Conflict { path: path("e"), why: "changed since".to_owned() }; 3];
        let landed = Landed { deeds, conflicts, ..Landed::default() };
        let conflict = ConflictView { path: "e".into(), why: "changed since".into() };
        let expected = Fates {
            written: vec!["a".into()],
            deleted: vec!["c".into()],
            overwritten: vec!["d".into()],
            conflicts: vec![conflict],
            more: 3,
            ..Fates::default()
        };
        assert_eq!(Fates::of(&landed, 1), expected);
        assert_eq!(Fates::of(&landed, 9).more, 0);
    }
}
