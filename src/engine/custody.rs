//! What the archive keeps and for how long: never the only copy of work that nobody has taken over.
//!
//! Decides, and lets the archive remove; touches no file of it.
//!
//! What belongs to one task goes together, by the age of its newest part: half of it would be of no use.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::{Engine, EngineError, landing::LandingState};
use crate::{
    archive::{ArchiveError, Collected, Going, JournalNote, Snapshot, Workspace},
    core::{Bytes, Span, Task, TaskId, Timestamp},
    os::clock,
};

/// One snapshot or journal in the archive, with what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custody {
    pub name: String,
    pub workspace: Utf8PathBuf,
    pub taken_at: Timestamp,
    pub covered_files: u64,
    pub covered_bytes: u64,
    pub is_kept: bool,
    /// Why it is kept, or why it goes.
    pub reason: String,
}

/// What is in the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    pub items: Vec<Custody>,
    /// What the archive takes on the disk.
    pub stored_bytes: u64,
    /// What would be or was freed.
    pub freed_bytes: u64,
}

/// How long and how much to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub older_than: Span,
    /// Beyond this the oldest go first, however young.
    pub max_size: Option<Bytes>,
    pub apply: bool,
}

impl Engine {
    /// Returns what the archive holds.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn holdings(&self) -> Result<Holdings, EngineError> {
        let mut holdings = Holdings::default();
        for shelf in self.shelves(None)? {
            holdings.stored_bytes += shelf.workspace.stored_bytes();
            holdings.items.extend(shelf.items());
        }
        Ok(holdings)
    }

    /// Removes from the archive what is older than wanted and not needed; says why for each item.
    ///
    /// # Errors
    /// It cannot be read or changed.
    pub fn collect_garbage(&self, retention: Retention) -> Result<Holdings, EngineError> {
        let mut shelves = self.shelves(Some(retention))?;
        if let Some(max) = retention.max_size {
            trim(&mut shelves, max);
        }
        let mut holdings = Holdings::default();
        for shelf in &mut shelves {
            holdings.freed_bytes += shelf.clear_out(retention.apply);
            holdings.stored_bytes += shelf.workspace.stored_bytes();
            holdings.items.extend(shelf.items());
        }
        Ok(holdings)
    }

    /// Returns why a finished task must not be forgotten, if so.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub fn custody_of(&self, task: &Task) -> Result<Option<String>, EngineError> {
        if self.is_pinned(&task.id) {
            return Ok(Some("it is pinned".into()));
        }
        let Some(root) = &task.spec.workspace else { return Ok(None) };
        let landing = Workspace::open(&self.home.archive(), root)?.unfinished_of(task.id.as_str())?;
        match landing {
            Some(journal) => Ok(Some(format!("`{journal}` was begun and not finished"))),
            None => self.open_work(task),
        }
    }

    /// Returns in words that a task's isolated work is nowhere but in its directory and in the archive.
    fn open_work(&self, task: &Task) -> Result<Option<String>, EngineError> {
        let what = match self.landing_state(task)? {
            Some(LandingState::Open) => "its changes are neither applied nor discarded",
            Some(LandingState::Partly) => "some of its changes are not applied",
            Some(LandingState::Applied | LandingState::Discarded) | None => return Ok(None),
        };
        Ok(self.has_changed_something(task)?.then(|| what.to_owned()))
    }

    /// What is not known counts as a change: the end of an attempt was not archived.
    fn has_changed_something(&self, task: &Task) -> Result<bool, EngineError> {
        let snapshots = match self.snapshots_of(task) {
            Ok((_, snapshots)) => snapshots,
            Err(EngineError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let ends = snapshots.first().zip(snapshots.last());
        let is_same = |before: &Snapshot, after: &Option<Snapshot>| {
            after.as_ref().is_some_and(|after| after.manifest == before.manifest)
        };
        Ok(ends.is_some_and(|((before, _), (_, after))| !is_same(before, after)))
    }

    /// A file `pinned` beside a task keeps it and what the archive has of it.
    fn is_pinned(&self, id: &TaskId) -> bool {
        self.home.task(id).join("pinned").exists()
    }

    /// Returns all of the archive, workspace by workspace, with what becomes of each task's part. Without a
    /// retention nothing goes.
    fn shelves(&self, retention: Option<Retention>) -> Result<Vec<Shelf>, EngineError> {
        let mut shelves = Vec::new();
        for workspace in Workspace::all(&self.home.archive())? {
            let mut shelf = Shelf { sheaves: sheaves(&workspace)?, workspace };
            for (key, sheaf) in &mut shelf.sheaves {
                sheaf.fate = self.fate(key, sheaf, retention)?;
            }
            shelves.push(shelf);
        }
        Ok(shelves)
    }

    fn fate(&self, key: &str, sheaf: &Sheaf, retention: Option<Retention>) -> Result<Fate, EngineError> {
        if let Some(journal) = sheaf.journals.iter().find(|journal| !journal.is_finished) {
            return Ok(Fate::Stays(format!("`{}` was begun and not finished", journal.name)));
        }
        let id = key.parse::<TaskId>().ok();
        let task = match &id {
            Some(id) => self.store.read(|view| view.task(id))?,
            None => None,
        };
        let need = match &task {
            Some(task) if !task.status().is_terminal() => Some("its task is not over".to_owned()),
            Some(task) => self.custody_of(task)?,
            None => None,
        };
        // A task without a row may be one of a database that is just made anew: its files say so.
        let is_gone = id.is_some_and(|id| task.is_none() && !self.home.task(&id).exists());
        Ok(match (need, retention) {
            (Some(need), _) => Fate::Stays(need),
            (None, None) if is_gone => Fate::Stays("its task is gone; `mgr archive gc` removes it".into()),
            (None, None) => Fate::Stays("its task is over; kept until it is old".into()),
            (None, Some(_)) if is_gone => Fate::Goes("its task is gone".into()),
            (None, Some(retention)) => by_age(sheaf, retention.older_than, clock::now()),
        })
    }
}

/// What becomes of a part of the archive, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Stays(String),
    /// It stays because it is young, and only then.
    Young(String),
    Goes(String),
}

/// What the archive has of one task.
struct Sheaf {
    snapshots: Vec<Snapshot>,
    journals: Vec<JournalNote>,
    fate: Fate,
}

/// What the archive has of one workspace; the sheaves by task id, or by name where no task gave the name.
struct Shelf {
    workspace: Workspace,
    sheaves: BTreeMap<String, Sheaf>,
}

/// A young sheaf's age and key, and what its going frees.
type Weighed = (Timestamp, String, u64);

fn by_age(sheaf: &Sheaf, older_than: Span, now: Timestamp) -> Fate {
    if sheaf.newest() < now.minus(older_than) {
        Fate::Goes(format!("older than {older_than}"))
    } else {
        Fate::Young(format!("younger than {older_than}"))
    }
}

fn sheaves(workspace: &Workspace) -> Result<BTreeMap<String, Sheaf>, EngineError> {
    let mut sheaves: BTreeMap<String, Sheaf> = BTreeMap::new();
    for snapshot in workspace.snapshots()? {
        sheaves.entry(key(snapshot.name.as_str())).or_default().snapshots.push(snapshot);
    }
    for journal in workspace.journals()? {
        sheaves.entry(key(journal.name.as_str())).or_default().journals.push(journal);
    }
    Ok(sheaves)
}

/// Returns the task id that a name begins with, or the whole name.
fn key(name: &str) -> String {
    let head = name.split('.').next().unwrap_or(name);
    head.parse::<TaskId>().map_or_else(|_| name.to_owned(), |id| id.to_string())
}

impl Default for Sheaf {
    fn default() -> Self {
        Self { snapshots: Vec::new(), journals: Vec::new(), fate: Fate::Stays("not looked at".into()) }
    }
}

impl Sheaf {
    fn newest(&self) -> Timestamp {
        let taken = self.snapshots.iter().map(|snapshot| snapshot.taken_at);
        let begun = self.journals.iter().map(|journal| journal.begun_at);
        taken.chain(begun).max().unwrap_or(Timestamp::from_millis(0))
    }

    fn goes(&self) -> bool {
        matches!(self.fate, Fate::Goes(_))
    }

    fn items(&self, workspace: &Workspace) -> impl Iterator<Item = Custody> {
        let (is_kept, reason) = match &self.fate {
            Fate::Stays(why) | Fate::Young(why) => (true, why),
            Fate::Goes(why) => (false, why),
        };
        let item = move |name: String, taken_at, covered_files, covered_bytes| Custody {
            name,
            workspace: workspace.root().to_owned(),
            taken_at,
            covered_files,
            covered_bytes,
            is_kept,
            reason: reason.clone(),
        };
        let snapshots = self.snapshots.iter().map(move |snapshot| {
            let coverage = &snapshot.coverage;
            item(snapshot.name.to_string(), snapshot.taken_at, coverage.covered_files, coverage.covered_bytes)
        });
        let journal = move |journal: &JournalNote| {
            let needs = journal.needs.len() as u64;
            item(journal.name.to_string(), journal.begun_at, needs, 0)
        };
        snapshots.chain(self.journals.iter().map(journal))
    }
}

impl Shelf {
    fn items(&self) -> Vec<Custody> {
        let mut items: Vec<_> = self.sheaves.values().flat_map(|sheaf| sheaf.items(&self.workspace)).collect();
        items.sort_by(|a, b| (a.taken_at, &a.name).cmp(&(b.taken_at, &b.name)));
        items
    }

    fn going(&self) -> Going {
        let mut going = Going::default();
        for sheaf in self.sheaves.values().filter(|sheaf| sheaf.goes()) {
            going.snapshots.extend(sheaf.snapshots.iter().map(|snapshot| snapshot.name.clone()));
            going.journals.extend(sheaf.journals.iter().map(|journal| journal.name.clone()));
        }
        going
    }

    /// Returns what it takes once what goes has gone, and what the going of each young sheaf frees, oldest first.
    fn weigh(&self) -> Result<(u64, Vec<Weighed>), ArchiveError> {
        let going = self.going();
        let size = self.workspace.stored_bytes().saturating_sub(self.workspace.would_free(&going)?);
        let mut young: Vec<_> = self.sheaves.iter().filter(|(_, sheaf)| matches!(sheaf.fate, Fate::Young(_))).collect();
        young.sort_by_key(|(_, sheaf)| sheaf.newest());
        let snapshots = young.iter().flat_map(|(_, sheaf)| &sheaf.snapshots);
        let order: Vec<_> = snapshots.map(|snapshot| snapshot.name.clone()).collect();
        let mut weights = self.workspace.weights(&order, &going)?.into_iter();
        let weigh = |(key, sheaf): (&String, &Sheaf)| {
            let weight = weights.by_ref().take(sheaf.snapshots.len()).sum();
            (sheaf.newest(), key.clone(), weight)
        };
        Ok((size, young.into_iter().map(weigh).collect()))
    }

    /// Removes what goes, or says what that would free. One archive that cannot be changed keeps all it has,
    /// with the reason, and is no reason to stop.
    fn clear_out(&mut self, apply: bool) -> u64 {
        let going = self.going();
        let done = match apply {
            true => self.workspace.collect(&going),
            false => self.workspace.would_free(&going).map(Collected::Freed),
        };
        let why = match done {
            Ok(Collected::Freed(bytes)) => return bytes,
            Ok(Collected::InUse) => "the archive of its workspace is in use now".to_owned(),
            Err(error) => in_words(&error),
        };
        for sheaf in self.sheaves.values_mut().filter(|sheaf| sheaf.goes()) {
            sheaf.fate = Fate::Stays(why.clone());
        }
        0
    }
}

fn in_words(error: &ArchiveError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

/// Lets the oldest go, whichever workspace they are of, until the rest is within the size.
fn trim(shelves: &mut [Shelf], max: Bytes) {
    let (mut total, mut young) = (0, Vec::new());
    for (place, shelf) in shelves.iter().enumerate() {
        // An archive that cannot be read says so when its turn comes.
        if let Ok((size, weights)) = shelf.weigh() {
            total += size;
            young.extend(weights.into_iter().map(|(newest, key, weight)| (newest, place, key, weight)));
        }
    }
    young.sort();
    for (_, place, key, weight) in young {
        if total <= max.0 {
            break;
        }
        total = total.saturating_sub(weight);
        if let Some(sheaf) = shelves[place].sheaves.get_mut(&key) {
            sheaf.fate = Fate::Goes(format!("the archive is over {max}; the oldest go first"));
        }
    }
}
