//! What a task has changed: its snapshots, compared and put together over its attempts.
//!
//! Must not attribute what it cannot know: a path that somebody else may have changed as well is uncertain, and
//! nothing is done to it without being asked twice.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Engine, EngineError};
use crate::{
    archive::{Change, Entry, GitState, Manifest, Patch, RawPath, Snapshot, SnapshotName, Take, Workspace},
    core::{ArchiveScope, Bytes, Posture, Task},
};

/// What a task has changed, as the archive saw it.
#[derive(Debug)]
pub struct TaskChanges {
    /// Reads the contents of both sides.
    pub workspace: Workspace,
    pub changes: Vec<Change>,
    /// Paths that somebody else changed as well, between two attempts or in a shared workspace: whose change
    /// it is cannot be told.
    pub uncertain: Vec<String>,
    /// What may have been there before under a name that is not archived.
    pub(super) moved: Vec<Moved>,
    /// What became of the repository itself, in sentences.
    pub git: Vec<String>,
    /// What is not known, in sentences.
    pub unknown: Vec<String>,
    /// Whether the task still runs: these are the changes so far.
    pub is_live: bool,
    /// The directory with the newer side, where that is not archived.
    unarchived: Option<Utf8PathBuf>,
}

impl TaskChanges {
    /// Returns one of the changes as a patch.
    ///
    /// # Errors
    /// A content cannot be read.
    pub fn patch(&self, change: &Change) -> Result<Patch, EngineError> {
        Ok(match &self.unarchived {
            Some(place) => self.workspace.at(place).patch_now(change)?,
            None => self.workspace.patch(change)?,
        })
    }
}

/// Something new in a workspace from which something is gone that was never archived: it may be that, under another
/// name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    /// The new directory, or the file itself.
    pub to: RawPath,
    /// What of it is nowhere in the archive from before, and not named by the agent.
    pub paths: BTreeSet<RawPath>,
    /// What is gone.
    pub lost: Vec<RawPath>,
}

impl Moved {
    /// Says why nothing is done to it.
    pub fn why(&self) -> String {
        let mut names: Vec<_> = self.lost.iter().take(3).map(|path| format!("`{path}`")).collect();
        names.extend((self.lost.len() > 3).then(|| format!("{} more", self.lost.len() - 3)));
        let (names, verb) = (names.join(", "), if self.lost.len() == 1 { "was" } else { "were" });
        format!("it may be what {verb} {names}: never archived, and gone since the task")
    }
}

/// One attempt's snapshots: before it, and after it where it has ended.
pub(super) type Pair = (Snapshot, Option<Snapshot>);

/// One attempt's two states.
struct Stretch {
    before: Manifest,
    after: Manifest,
}

impl Engine {
    /// Returns what a task has changed.
    ///
    /// # Errors
    /// The task has no archive (with the reason), or it cannot be read.
    pub fn changes_of(&self, task: &Task) -> Result<TaskChanges, EngineError> {
        self.changes_over(&[], task)
    }

    /// The same over the earlier turns of its conversation too, oldest first.
    pub(super) fn changes_over(&self, earlier: &[Task], task: &Task) -> Result<TaskChanges, EngineError> {
        let mut snapshots = Vec::new();
        for turn in earlier {
            match self.snapshots_of(turn) {
                Ok((_, found)) => snapshots.extend(found),
                Err(EngineError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let (workspace, found) = self.snapshots_of(task)?;
        snapshots.extend(found);
        let is_live = task.state.busy_attempt().is_some();
        let mut stretches = Vec::new();
        let mut is_end_known = true;
        for (place, (before, after)) in snapshots.iter().enumerate() {
            let is_last = place + 1 == snapshots.len();
            let after = match after {
                Some(after) => workspace.manifest(after)?,
                None if is_last => {
                    is_end_known = is_live;
                    self.look_as(&workspace, task, before)?
                }
                None => continue,
            };
            stretches.push(Stretch { before: workspace.manifest(before)?, after });
        }
        let (changes, mut uncertain) = put_together(&stretches);
        if task.spec.share || task.spec.posture == Posture::ReadOnly || !is_end_known {
            let named = self.paths_named_by(task)?;
            uncertain.extend(changes.iter().map(|change| change.path.clone()).filter(|path| !named.contains(path)));
        }
        let (unknown, moved) = match (stretches.first(), stretches.last()) {
            (Some(first), Some(last)) => {
                let lost: Vec<RawPath> =
                    first.before.lost_in(&last.after).filter(|path| is_no_git(path)).cloned().collect();
                let moved = if lost.is_empty() {
                    Vec::new()
                } else {
                    moved(&first.before, &changes, &self.claimed_by(task), lost, self.archive_limits().small_ignored)
                };
                (unknown(&first.before, &last.after), moved)
            }
            (None, _) | (_, None) => (Vec::new(), Vec::new()),
        };
        let git = self.moves_of(task, &snapshots);
        let uncertain = uncertain.iter().map(ToString::to_string).collect();
        let unarchived = match snapshots.last() {
            Some((_, None)) => self.place_of(task),
            Some((_, Some(_))) | None => None,
        };
        Ok(TaskChanges { workspace, changes, uncertain, moved, git, unknown, is_live, unarchived })
    }

    /// Returns the archive of a task's workspace and the snapshots of each attempt that has a first one.
    pub(super) fn snapshots_of(&self, task: &Task) -> Result<(Workspace, Vec<Pair>), EngineError> {
        let Some(root) = task.spec.workspace.as_ref().filter(|_| task.spec.archive != ArchiveScope::Off) else {
            return Err(no_archive(task));
        };
        let workspace = Workspace::open(&self.home.archive(), root)?;
        let mut snapshots = Vec::new();
        for attempt in &task.attempts {
            let named = |when: &str| name(&format!("{}.{}.{when}", task.id, attempt.number));
            if let Some(before) = workspace.snapshot(&named("before")?)? {
                snapshots.push((before, workspace.snapshot(&named("after")?)?));
            }
        }
        if snapshots.is_empty() {
            return Err(no_archive(task));
        }
        Ok((workspace, snapshots))
    }

    /// Returns the directory that a task works in: the workspace, or its own.
    pub(super) fn place_of(&self, task: &Task) -> Option<Utf8PathBuf> {
        self.root_of(&task.id, &task.spec)
    }

    /// Looks at what is there now in the same way as a snapshot did.
    fn look_as(&self, workspace: &Workspace, task: &Task, before: &Snapshot) -> Result<Manifest, EngineError> {
        let place = self.place_of(task).unwrap_or_else(|| before.root.clone());
        let take = Take { scope: before.scope.clone(), limits: self.archive_limits(), late: false };
        Ok(workspace.at(&place).look(&take, &mut || true)?)
    }

    /// Returns the paths that the agent's own events name, where they can be read.
    pub(super) fn claimed_by(&self, task: &Task) -> BTreeSet<RawPath> {
        self.paths_named_by(task).unwrap_or_default()
    }

    /// Returns the paths that the agent's own events name, as the archive writes them.
    fn paths_named_by(&self, task: &Task) -> Result<BTreeSet<RawPath>, EngineError> {
        let (Some(digest), Some(place), Some(root)) =
            (self.digest_of(task)?, self.place_of(task), &task.spec.workspace)
        else {
            return Ok(BTreeSet::new());
        };
        let below = task.spec.working_dir.strip_prefix(root).unwrap_or(Utf8Path::new(""));
        Ok(digest.files.iter().filter_map(|path| relative(&place, below, path)).collect())
    }

    /// Returns what became of the repository, in sentences.
    fn moves_of(&self, task: &Task, snapshots: &[Pair]) -> Vec<String> {
        let (Some((first, _)), Some((_, last))) = (snapshots.first(), snapshots.last()) else { return Vec::new() };
        let later = match last {
            Some(last) => last.git.clone(),
            None => self.place_of(task).and_then(|place| GitState::read(&place)),
        };
        match (&first.git, later) {
            (Some(first), Some(later)) => first.moves_to(&later),
            (Some(_), None) => vec!["the repository is gone".to_owned()],
            (None, Some(_)) => vec!["a repository was made".to_owned()],
            (None, None) => Vec::new(),
        }
    }
}

/// How many ignored directories are named.
const MOST_NAMED: usize = 20;

/// Says what came to be ignored, was made and is ignored, or is gone and was in no snapshot.
fn unknown(before: &Manifest, after: &Manifest) -> Vec<String> {
    let hidden = before.hidden_in(after).filter(|path| path.name() != b".git");
    let say = |path: &RawPath| match before.get(path) {
        Some(_) => format!("`{path}` is ignored since: what changed in it is not known"),
        None => format!("`{path}` was made and is ignored: it stays as it is"),
    };
    let lost = before.lost_in(after).filter(|path| is_no_git(path));
    let say_lost = |path: &RawPath| format!("`{path}` was not archived and is gone: no rollback brings it back");
    lost.take(MOST_NAMED).map(say_lost).chain(hidden.take(MOST_NAMED).map(say)).collect()
}

fn is_no_git(path: &RawPath) -> bool {
    path.name() != b".git"
}

/// Returns what is new and may be what is lost. A small file is none: that would have been archived though ignored.
fn moved(
    before: &Manifest,
    changes: &[Change],
    named: &BTreeSet<RawPath>,
    lost: Vec<RawPath>,
    small: Bytes,
) -> Vec<Moved> {
    let contents = before.entries().iter().filter_map(|(_, entry)| content_of(entry));
    let known: BTreeSet<_> = contents.collect();
    let mut found: BTreeMap<RawPath, BTreeSet<RawPath>> = BTreeMap::new();
    for Change { path, before: was, after } in changes {
        let Some(after) = after.as_ref().filter(|_| was.is_none() && !named.contains(path)) else { continue };
        let above = std::iter::successors(Some(path.clone()), RawPath::parent);
        let Some(top) = above.take_while(|path| before.get(path).is_none()).last() else { continue };
        let may_be = match after {
            Entry::File { size, .. } if *size == 0 || content_of(after).is_some_and(|one| known.contains(&one)) => {
                false
            }
            Entry::File { size, .. } => top != *path || *size > small.0,
            Entry::Symlink { .. } | Entry::Fifo { .. } => top != *path,
            Entry::Dir { .. } | Entry::Untouched => false,
        };
        if may_be {
            found.entry(top).or_default().insert(path.clone());
        }
    }
    found.into_iter().map(|(to, paths)| Moved { to, paths, lost: lost.clone() }).collect()
}

fn content_of(entry: &Entry) -> Option<[u8; 32]> {
    match entry {
        Entry::File { digest, .. } => Some(digest.0),
        Entry::Dir { .. } | Entry::Symlink { .. } | Entry::Fifo { .. } | Entry::Untouched => None,
    }
}

/// Parses a name that we have put together ourselves.
pub(super) fn name(text: &str) -> Result<SnapshotName, EngineError> {
    text.parse().map_err(|message| EngineError::Invalid { message, hint: "report this: it is a fault of mgr".into() })
}

fn no_archive(task: &Task) -> EngineError {
    let id = &task.id;
    let (reason, hint) = if task.spec.workspace.is_none() {
        ("it was made by a release that had no archive", "tasks of this release have one".to_owned())
    } else if task.spec.archive == ArchiveScope::Off {
        ("it was submitted with `--archive off`", "without that flag the workspace is archived first".to_owned())
    } else if task.attempts.is_empty() {
        ("it never started", format!("`mgr status {id}` says what it waits for or why it ended"))
    } else if task.state.busy_attempt().is_some() {
        ("its workspace is being archived just now", "try again in a moment".to_owned())
    } else {
        ("its workspace is not in the archive (any more)", "`mgr archive list` shows what is".to_owned())
    };
    EngineError::NotFound { message: format!("task `{id}` has no archive: {reason}"), hint }
}

/// Returns a path of an agent's event relative to the place that is archived.
fn relative(place: &Utf8Path, below: &Utf8Path, path: &str) -> Option<RawPath> {
    let path = Utf8Path::new(path);
    let inside = if path.is_absolute() { path.strip_prefix(place).ok()?.to_owned() } else { below.join(path) };
    let parts = inside.components().filter(|part| *part != camino::Utf8Component::CurDir);
    RawPath::new(parts.map(|part| part.as_str()).collect::<Vec<_>>().join("/"))
}

/// Puts the changes of all attempts together: from what was before the first to what was after the last that
/// changed a path. What changed between two attempts was somebody else's.
fn put_together(stretches: &[Stretch]) -> (Vec<Change>, BTreeSet<RawPath>) {
    let mut all: BTreeMap<RawPath, Change> = BTreeMap::new();
    let mut uncertain = BTreeSet::new();
    for (place, stretch) in stretches.iter().enumerate() {
        for change in stretch.before.changes_to(&stretch.after) {
            match all.get_mut(&change.path) {
                Some(known) => known.after = change.after,
                None => drop(all.insert(change.path.clone(), change)),
            }
        }
        if let Some(next) = stretches.get(place + 1) {
            let between = stretch.after.changes_to(&next.before);
            uncertain.extend(between.into_iter().map(|change| change.path));
        }
    }
    uncertain.retain(|path| all.contains_key(path));
    all.retain(|path, change| change.before != change.after || uncertain.contains(path));
    (all.into_values().collect(), uncertain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str) -> RawPath {
        RawPath::new(path).unwrap()
    }

    fn fifo(mode: u32) -> Option<Entry> {
        Some(Entry::Fifo { mode })
    }

    /// A state in which each path is a FIFO whose mode stands for its content.
    fn state(entries: &[(&str, u32)]) -> Manifest {
        Manifest::new(entries.iter().map(|(name, mode)| (path(name), Entry::Fifo { mode: *mode })).collect())
    }

    #[test]
    fn attempts_are_put_together_and_what_came_between_is_uncertain() {
        let first =
            Stretch { before: state(&[("a", 1), ("b", 1), ("c", 1)]), after: state(&[("a", 2), ("b", 2), ("c", 2)]) };
        let second = Stretch {
            before: state(&[("a", 2), ("b", 3), ("c", 2), ("d", 1)]),
            after: state(&[("a", 4), ("b", 3), ("c", 1), ("d", 1)]),
        };
        let (changes, uncertain) = put_together(&[first, second]);
        let change = |name: &str, before, after| Change { path: path(name), before: fifo(before), after: fifo(after) };
        assert_eq!(changes, [change("a", 1, 4), change("b", 1, 2)]);
        assert_eq!(uncertain, BTreeSet::from([path("b")]));
    }

    #[test]
    fn an_agents_paths_are_those_of_the_archive() {
        let relative = |path| relative("/w".into(), "sub".into(), path).map(|path| path.to_string());
        assert_eq!(relative("./a.rs").as_deref(), Some("sub/a.rs"));
        assert_eq!(relative("/w/b/c").as_deref(), Some("b/c"));
        assert_eq!((relative("/elsewhere"), relative("../up")), (None, None));
    }
}
