//! What rolling back and applying have in common: which paths are meant, and how their fate is told.
//!
//! Knows no rule of its own: what happens to a path is decided in the archive.

use camino::Utf8Path;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, OpError};
use crate::{
    archive::{Conflict, Deed, Landed, OnConflict, RawPath},
    core::{Task, TaskId},
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
    /// Paths that could be done if conflicts did not forbid it.
    pub held_back: u64,
    /// How long the lists would be without a limit.
    pub totals: Totals,
}

/// How many paths have which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub written: usize,
    pub deleted: usize,
    pub merged: usize,
    pub marked: usize,
    pub overwritten: usize,
    pub conflicts: usize,
    pub kept_dirs: usize,
}

impl Fates {
    /// Sorts out a landing, with at most `limit` paths in each list. Of one that is refused as a whole nothing
    /// is done, so its conflicts are all there is to tell.
    pub fn of(landed: &Landed, on_conflict: OnConflict, limit: u32) -> Self {
        let is_refused = on_conflict == OnConflict::Refuse && !landed.is_done && !landed.conflicts.is_empty();
        let held_back = if is_refused { landed.deeds.len() as u64 } else { 0 };
        let mut fates = Self { held_back, ..Self::default() };
        let limit = limit as usize;
        let put = |list: &mut Vec<String>, total: &mut usize, path: &RawPath| {
            *total += 1;
            if list.len() < limit {
                list.push(path.to_string());
            }
        };
        let totals = &mut fates.totals;
        for (path, deed) in landed.deeds.iter().filter(|_| !is_refused) {
            match deed {
                Deed::Written => put(&mut fates.written, &mut totals.written, path),
                Deed::Deleted => put(&mut fates.deleted, &mut totals.deleted, path),
                Deed::Merged => put(&mut fates.merged, &mut totals.merged, path),
                Deed::Marked => put(&mut fates.marked, &mut totals.marked, path),
                Deed::Overwritten => put(&mut fates.overwritten, &mut totals.overwritten, path),
            }
        }
        landed.kept_dirs.iter().for_each(|path| put(&mut fates.kept_dirs, &mut totals.kept_dirs, path));
        totals.conflicts = landed.conflicts.len();
        let view = |conflict: &Conflict| ConflictView { path: conflict.path.to_string(), why: conflict.why.clone() };
        fates.conflicts = landed.conflicts.iter().take(limit).map(view).collect();
        fates.more = fates.totals.all().saturating_sub(fates.listed()) as u64;
        fates
    }

    fn listed(&self) -> usize {
        let lists = [&self.written, &self.deleted, &self.merged, &self.marked, &self.overwritten, &self.kept_dirs]
            .map(Vec::len);
        lists.iter().sum::<usize>() + self.conflicts.len()
    }
}

impl Totals {
    const fn all(&self) -> usize {
        let Self { written, deleted, merged, marked, overwritten, conflicts, kept_dirs } = *self;
        written + deleted + merged + marked + overwritten + conflicts + kept_dirs
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
fn list(page: &mut Page, tone: Tone, fate: &str, paths: &[String], total: usize) {
    for path in paths.iter().take(SHOWN) {
        let fate = page.tint(tone, &format!("{fate:<10}"));
        page.line(format!("  {fate}{}", one_line(path)));
    }
    more(page, total);
}

/// Adds a line for each conflict.
fn list_conflicts(page: &mut Page, conflicts: &[ConflictView], total: usize) {
    for conflict in conflicts.iter().take(SHOWN) {
        let fate = page.tint(Tone::Bad, &format!("{:<10}", "conflict"));
        page.line(format!("  {fate}{}: {}", one_line(&conflict.path), one_line(&conflict.why)));
    }
    more(page, total);
}

fn more(page: &mut Page, total: usize) {
    if total > SHOWN {
        page.line(format!("  … and {} more: `--json --limit {total}` lists them", total - SHOWN));
    }
}

/// An answer about a landing, as people read it.
pub(super) struct Story<'a> {
    pub command: &'static str,
    /// The name of what was done in the archive.
    pub journal: Option<&'a str>,
    pub task_id: &'a TaskId,
    /// What writing a path is called: as it would be done, as it was, and in front of the path.
    pub writing: [&'static str; 3],
    /// The policies that get further than this answer did.
    pub ways: &'static str,
    pub dry_run: bool,
    pub is_done: bool,
    pub undo: bool,
    /// Whether no part was asked for and no policy.
    pub is_plain: bool,
    pub written: &'a [String],
    pub deleted: &'a [String],
    pub merged: &'a [String],
    pub marked: &'a [String],
    pub overwritten: &'a [String],
    pub conflicts: &'a [ConflictView],
    pub kept_dirs: &'a [String],
    pub notes: &'a [String],
    pub totals: Totals,
}

impl Story<'_> {
    pub fn render(&self, page: &mut Page) {
        let (totals, [would, was, fate]) = (&self.totals, self.writing);
        let deeds = [
            (would, was, totals.written + totals.overwritten),
            ("merge", "merged", totals.merged),
            ("mark", "marked", totals.marked),
            ("delete", "deleted", totals.deleted),
        ];
        let head = Head { dry_run: self.dry_run, is_done: self.is_done, deeds: &deeds, conflicts: totals.conflicts };
        page.line(page.tint(Tone::Strong, &head.words()));
        list(page, Tone::Good, fate, self.written, totals.written);
        list(page, Tone::Good, "over edit", self.overwritten, totals.overwritten);
        list(page, Tone::Good, "merged", self.merged, totals.merged);
        list(page, Tone::Busy, "markers", self.marked, totals.marked);
        list(page, Tone::Bad, "deleted", self.deleted, totals.deleted);
        list_conflicts(page, self.conflicts, totals.conflicts);
        list(page, Tone::Faint, "stays", self.kept_dirs, totals.kept_dirs);
        self.notes.iter().for_each(|note| page.text(note));
        if let Some(journal) = self.journal.filter(|_| self.is_done && totals.overwritten > 0) {
            page.line(format!("The edits it went over are kept: mgr archive restore {journal} --to DIR"));
        }
        self.way_out(page);
    }

    /// A script that asked for a state must not go on as if it were there.
    pub fn exit(&self) -> Exit {
        if self.conflicts.is_empty() && self.marked.is_empty() { Exit::Success } else { Exit::Conflict }
    }

    fn way_out(&self, page: &mut Page) {
        let Self { command, task_id, ways, .. } = self;
        let undo = if self.undo { " --undo" } else { "" };
        let call = if self.is_plain { format!("mgr {command} {task_id}{undo}") } else { "the same".to_owned() };
        if !self.conflicts.is_empty() {
            page.line(format!("Go on: {call} --on-conflict {ways}"));
        } else if self.dry_run {
            page.line(format!("Do it: {call}{}", if self.is_plain { "" } else { " without --dry-run" }));
        }
        if self.is_done && !self.undo {
            page.line(format!("Take it back: mgr {command} {task_id} --undo"));
        }
    }
}

/// What a landing comes to, before any path is listed.
struct Head<'a> {
    pub dry_run: bool,
    pub is_done: bool,
    /// Each kind of deed, as it would be done and as it was, with how many paths.
    pub deeds: &'a [(&'static str, &'static str, usize)],
    pub conflicts: usize,
}

impl Head<'_> {
    /// Returns a sentence, and one more where something stays: `Restored 2 paths, deleted 1 path.`
    pub fn words(&self) -> String {
        let (start, no_deeds) = match (self.dry_run, self.is_done) {
            (true, _) => ("Would ", "Nothing would be changed"),
            (false, true) => ("", "Nothing to do"),
            (false, false) if self.conflicts > 0 => ("", "Nothing was changed"),
            (false, false) => ("", "Nothing to do"),
        };
        let deeds: Vec<_> = self
            .deeds
            .iter()
            .filter(|(.., count)| *count > 0)
            .map(|(would, was, count)| {
                let verb = if self.dry_run { would } else { was };
                format!("{verb} {}", plural(*count as u64, "path"))
            })
            .collect();
        let done = if deeds.is_empty() { no_deeds.to_owned() } else { format!("{start}{}", deeds.join(", ")) };
        let stays = match self.conflicts {
            0 => String::new(),
            1 => " 1 conflict stays as it is.".to_owned(),
            count => format!(" {count} conflicts stay as they are."),
        };
        format!("{}.{stays}", capitalised(&done))
    }
}

pub(super) fn capitalised(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

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
            totals: Totals { written: 2, deleted: 1, overwritten: 1, conflicts: 3, ..Totals::default() },
            ..Fates::default()
        };
        assert_eq!(Fates::of(&landed, OnConflict::Skip, 1), expected);
        assert_eq!(Fates::of(&landed, OnConflict::Skip, 9).more, 0);
        let refused = Fates::of(&landed, OnConflict::Refuse, 1);
        let conflicts = expected.conflicts;
        let totals = Totals { conflicts: 3, ..Totals::default() };
        assert_eq!(refused, Fates { conflicts, more: 2, held_back: 4, totals, ..Fates::default() });
    }

    #[test]
    fn a_head_says_what_was_or_would_be_done() {
        let deeds: &[_] = &[("restore", "restored", 2), ("merge", "merged", 0), ("delete", "deleted", 1)];
        let none: &[_] = &[("restore", "restored", 0)];
        let words = |dry_run, is_done, deeds, conflicts| Head { dry_run, is_done, deeds, conflicts }.words();
        assert_eq!(words(false, true, deeds, 0), "Restored 2 paths, deleted 1 path.");
        assert_eq!(words(true, false, deeds, 2), "Would restore 2 paths, delete 1 path. 2 conflicts stay as they are.");
        assert_eq!(words(false, false, none, 1), "Nothing was changed. 1 conflict stays as it is.");
        assert_eq!(words(true, false, none, 1), "Nothing would be changed. 1 conflict stays as it is.");
        assert_eq!(words(false, false, none, 0), "Nothing to do.");
    }
}
