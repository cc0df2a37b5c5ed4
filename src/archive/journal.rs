//! What is written down of a landing, under `undo/ID/` of a workspace's archive.
//!
//! Must not be written after the deed: `plan.json` is durable before the first file of the workspace is
//! staged, `staged` before the first is changed, `done.json` when all is. So one look at a journal tells what
//! a crash left: without `staged` the workspace is as it was, with it the moves are gone through again.

use std::{collections::BTreeSet, fs};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{ArchiveError, Digest, Entry, Landed, OnConflict, RawPath, SnapshotName, Turn, plan::Move};
use crate::{
    core::Timestamp,
    os::files::{self, Durability, FileError},
};

const VERSION: u32 = 1;

/// `plan.json`: what is to be done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub v: u32,
    pub begun_at: Timestamp,
    pub on_conflict: OnConflict,
    pub moves: Vec<Move>,
    /// For each move the directory in which its contents are staged: on the same mount as the path; `None` is the
    /// root.
    pub tops: Vec<Option<RawPath>>,
    /// Directories that must be opened for writing meanwhile, with the modes they get back.
    pub openings: Vec<(RawPath, u32)>,
    /// What the plan found besides the moves.
    pub landed: Landed,
}

impl Record {
    pub fn new(begun_at: Timestamp, on_conflict: OnConflict, moves: Vec<Move>, landed: Landed) -> Self {
        Self { v: VERSION, begun_at, on_conflict, moves, tops: Vec::new(), openings: Vec::new(), landed }
    }
}

/// `done.json`: what came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    pub v: u32,
    pub landed: Landed,
    /// Files that could not be put back where they were and stay in the staging directories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_aside: Vec<String>,
}

impl Done {
    pub fn new(landed: Landed, left_aside: Vec<String>) -> Self {
        Self { v: VERSION, landed, left_aside }
    }
}

/// One journal's directory.
#[derive(Debug)]
pub(super) struct Journal {
    dir: Utf8PathBuf,
}

impl Journal {
    /// The journal `id` of those in `undo`, which need not be there yet.
    pub fn at(undo: &Utf8Path, id: &SnapshotName) -> Self {
        Self { dir: undo.join(id.to_string()) }
    }

    /// Returns the names of all journals.
    pub fn all(undo: &Utf8Path) -> Result<Vec<SnapshotName>, ArchiveError> {
        let entries = match fs::read_dir(undo) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(FileError::at(undo, "list")(error).into()),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut names: Vec<SnapshotName> = names.collect();
        names.sort();
        Ok(names)
    }

    pub fn begin(&self, record: &Record) -> Result<(), ArchiveError> {
        files::make_dir(&self.dir)?;
        self.write("plan.json", record)
    }

    /// Returns the plan; `None` before there is a whole one.
    pub fn record(&self) -> Result<Option<Record>, ArchiveError> {
        self.read("plan.json")
    }

    pub fn mark_staged(&self) -> Result<(), ArchiveError> {
        Ok(files::replace(&self.dir.join("staged"), b"1\n", Durability::Machine)?)
    }

    pub fn is_staged(&self) -> bool {
        self.dir.join("staged").exists()
    }

    pub fn finish(&self, done: &Done) -> Result<(), ArchiveError> {
        self.write("done.json", done)
    }

    pub fn done(&self) -> Result<Option<Done>, ArchiveError> {
        self.read("done.json")
    }

    /// Forgets a journal that has changed nothing.
    pub fn abandon(&self) -> Result<(), ArchiveError> {
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(FileError::at(&self.dir, "remove")(error).into())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Returns the turns that take back what was done.
    pub fn turns_back(&self) -> Result<Vec<Turn>, ArchiveError> {
        let (Some(record), Some(done)) = (self.record()?, self.done()?) else {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(FileError::at(&self.dir, "find the end of the journal")(missing).into());
        };
        let done: BTreeSet<RawPath> = done.landed.deeds.into_iter().map(|(path, _)| path).collect();
        let moves = record.moves.into_iter().filter(|step| done.contains(&step.path));
        Ok(moves.map(|Move { path, now, to, .. }| Turn { path, from: to, to: now }).collect())
    }

    /// Returns what was there before the moves; `None` before there is a whole plan.
    pub fn found(&self) -> Result<Option<Vec<(RawPath, Entry)>>, ArchiveError> {
        let Some(record) = self.record()? else { return Ok(None) };
        let moves = record.moves.into_iter();
        Ok(Some(moves.filter_map(|Move { path, now, .. }| Some((path, now?))).collect()))
    }

    fn write(&self, name: &str, content: &impl Serialize) -> Result<(), ArchiveError> {
        let path = self.dir.join(name);
        let json = serde_json::to_vec(content).map_err(|error| FileError::at(&path, "write")(error.into()))?;
        Ok(files::replace(&path, &json, Durability::Machine)?)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ArchiveError> {
        let path = self.dir.join(name);
        let Some(json) = files::read_optional(&path)? else { return Ok(None) };
        serde_json::from_slice(&json).map(Some).map_err(|error| FileError::at(&path, "read")(error.into()).into())
    }
}

/// A journal, for whoever decides what to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalNote {
    pub name: SnapshotName,
    pub begun_at: Timestamp,
    pub is_finished: bool,
    /// The contents that going on with it or taking it back needs.
    pub needs: Vec<Digest>,
}

impl JournalNote {
    pub(super) fn of(name: SnapshotName, journal: &Journal) -> Result<Option<Self>, ArchiveError> {
        let Some(record) = journal.record()? else { return Ok(None) };
        let both = record.moves.iter().flat_map(|step| [&step.now, &step.to]);
        let needs = both.flatten().filter_map(digest_of).collect();
        Ok(Some(Self { name, begun_at: record.begun_at, is_finished: journal.done()?.is_some(), needs }))
    }
}

fn digest_of(entry: &Entry) -> Option<Digest> {
    match entry {
        Entry::File { digest, .. } => Some(*digest),
        Entry::Dir { .. } | Entry::Symlink { .. } | Entry::Fifo { .. } | Entry::Untouched => None,
    }
}
