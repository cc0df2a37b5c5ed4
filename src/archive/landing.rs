//! Bringing a workspace from one state to another without losing what somebody else did meanwhile: the
//! three-way plan, path by path, and its journaled execution.
//!
//! Knows no task: turns, names and policies are given by the caller. `site` has the order of things, `plan` the
//! rules, `journal` what is written down, `carry_out` the changes themselves.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::site::Site;
use super::{ArchiveError, Entry, JournalNote, Manifest, RawPath, SnapshotName, Workspace, journal::Journal};
use crate::os::failpoint;

/// One path to bring from a known state to a wanted one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub path: RawPath,
    /// What should be there now.
    pub from: Option<Entry>,
    /// What is wanted.
    pub to: Option<Entry>,
}

/// What to do with a path that is neither as expected nor as wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum OnConflict {
    /// Change nothing at all.
    Refuse,
    /// Leave it as it is, do the rest.
    Skip,
    /// Take the wanted state; the other's edit stays in the archive.
    Theirs,
    /// Merge texts and mark what overlaps.
    Markers,
}

/// What was or would be done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    Written,
    Deleted,
    /// Both sides' edits are in it.
    Merged,
    /// With conflict markers in it.
    Marked,
    /// Taken over the other's edit.
    Overwritten,
}

/// A path that could not be brought to the wanted state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    pub path: RawPath,
    pub why: String,
}

/// What was done, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landed {
    pub deeds: Vec<(RawPath, Deed)>,
    /// Paths that were as wanted already.
    pub already: u64,
    pub conflicts: Vec<Conflict>,
    /// Directories that could not go because something of somebody else is in them.
    pub kept_dirs: Vec<RawPath>,
    /// Whether anything was done: not in a dry run, not when refused.
    pub is_done: bool,
}

/// How to land.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    pub on_conflict: OnConflict,
    /// Whether texts that both sides changed are merged where the changes do not touch.
    pub merge_texts: bool,
    pub dry_run: bool,
}

impl Workspace {
    /// Brings each path to its wanted state. What is there now is archived first; the journal has the name `id`,
    /// and a call with the `id` of an unfinished one goes on with it: with the moves it was begun with if any may
    /// be done, else with these. A finished one is only told of. Where nothing is to be done there is no journal.
    ///
    /// # Errors
    /// Files cannot be read or written; what was done until then is in the journal.
    pub fn land(&self, id: &SnapshotName, turns: &[Turn], how: How) -> Result<Landed, ArchiveError> {
        self.site().land(id, turns, how)
    }

    /// Takes back what the journal `id` has done, in the same way: what was changed since is a conflict.
    ///
    /// # Errors
    /// There is no such journal; files cannot be read or written.
    pub fn take_back(&self, id: &SnapshotName, undo: &SnapshotName, how: How) -> Result<Landed, ArchiveError> {
        let turns = Journal::at(&self.undo_dir(), id).turns_back()?;
        self.land(undo, &turns, how)
    }

    /// Returns the journals that were begun and not finished.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn unfinished(&self) -> Result<Vec<SnapshotName>, ArchiveError> {
        let notes = self.journals()?.into_iter();
        Ok(notes.filter(|note| !note.is_finished).map(|note| note.name).collect())
    }

    /// Returns every journal with the contents it needs, by name.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn journals(&self) -> Result<Vec<JournalNote>, ArchiveError> {
        let undo = self.undo_dir();
        let notes = Journal::all(&undo)?.into_iter().map(|name| {
            let journal = Journal::at(&undo, &name);
            JournalNote::of(name, &journal)
        });
        notes.filter_map(Result::transpose).collect()
    }

    /// Returns what is archived under a name: what a snapshot holds, or what a landing found where it changed
    /// something; `None` where nothing has this name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn archived(&self, name: &SnapshotName) -> Result<Option<Manifest>, ArchiveError> {
        if let Some(snapshot) = self.snapshot(name)? {
            return self.manifest(&snapshot).map(Some);
        }
        let found = Journal::at(&self.undo_dir(), name).found()?;
        Ok(found.map(Manifest::new))
    }

    fn undo_dir(&self) -> Utf8PathBuf {
        self.dir().join("undo")
    }

    fn site(&self) -> Site<'_> {
        Site { root: self.root(), undo: self.undo_dir(), contents: self, hit: &failpoint::hit, exchanges: true }
    }
}
