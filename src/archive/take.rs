//! Taking a snapshot: the look, the pack, the manifest, and last the record.
//!
//! Changes nothing in the workspace. Each thing is on the disk before what refers to it, so that a crash leaves
//! at most a pack or a manifest that nothing names. The cache comes after all: it may be lost.

use std::{cell::Cell, time::Duration};

use super::{
    ArchiveError, Entry, GitState, Manifest, Snapshot, SnapshotName, Survey, Take, Workspace,
    cache::{self, Noted, StatCache},
    meter::Meter,
    pack::{self, PackWriter},
    rules::Rules,
    snapshot::VERSION,
    walk::{Reading, Seen, Shelf, Walk},
};
use crate::{
    core::{ArchiveScope, Timestamp},
    os::{
        clock, failpoint,
        files::{self, Durability},
    },
};

impl Workspace {
    /// Archives what is there now. When this returns it is on the disk; before that no record of it is.
    /// A name that is taken already returns the snapshot that has it.
    ///
    /// # Errors
    /// A limit, a full disk, an unreadable file, or `go_on` returned false.
    pub fn take(
        &self,
        name: &SnapshotName,
        take: &Take,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Snapshot, ArchiveError> {
        self.take_covering(name, take, None, Durability::Machine, go_on)
    }

    /// The same, and whatever `before` covers is covered now too, even if it has come to be ignored since: an agent
    /// that edits `.gitignore` hides nothing.
    ///
    /// Nobody has to wait until the record's name is on the disk as well: [`Workspace::settle`] does.
    ///
    /// # Errors
    /// As for [`Workspace::take`].
    pub fn take_after(
        &self,
        name: &SnapshotName,
        take: &Take,
        before: &Snapshot,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Snapshot, ArchiveError> {
        let covered = self.manifest(before)?;
        self.take_covering(name, take, Some(&covered), Durability::Content, go_on)
    }

    /// Makes the names of records durable.
    ///
    /// # Errors
    /// The directory cannot be synced.
    pub fn settle(&self) -> Result<(), ArchiveError> {
        Ok(files::sync_dir(&self.records_dir())?)
    }

    fn take_covering(
        &self,
        name: &SnapshotName,
        take: &Take,
        covered: Option<&Manifest>,
        durability: Durability,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Snapshot, ArchiveError> {
        if let Some(taken) = self.snapshot(name)? {
            return Ok(taken);
        }
        let (began, started) = (clock::now(), clock::steady());
        let _lock = self.lock_shared(go_on)?;
        self.sweep()?;
        let (found, learned) = self.archive(name, take, covered, began, go_on)?;
        let snapshot = Snapshot {
            v: VERSION,
            name: name.clone(),
            root: self.root().to_owned(),
            taken_at: began,
            scope: take.scope.clone(),
            coverage: found.coverage.clone(),
            manifest: self.keep_manifest(&found.into_manifest())?,
            git: GitState::read(self.root()),
            late: take.late,
            took: started.elapsed().into(),
        };
        failpoint::hit("archive-record");
        let record = serde_json::to_vec_pretty(&snapshot).map_err(|error| self.damaged(error.to_string()))?;
        files::replace(&self.record_file(name), &record, durability)?;
        if let Some(bytes) = learned {
            // Lost, it costs time and nothing else.
            let _ = files::replace(&cache::file(self.dir(), self.root()), &bytes, Durability::Process);
        }
        Ok(snapshot)
    }

    /// Puts what is new into a pack. Returns all that was seen, and the new cache if it is another.
    fn archive(
        &self,
        name: &SnapshotName,
        take: &Take,
        covered: Option<&Manifest>,
        began: Timestamp,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(Seen, Option<Vec<u8>>), ArchiveError> {
        let packs = self.packs_dir();
        let (pack, shelf) = (PackWriter::new(&packs, name), Shelf::new(&packs));
        let cache = self.cache()?;
        let mut walk = self.walk(take, Reading::Contents { pack: &pack, shelf: &shelf }, &cache, began);
        walk.covered = covered;
        walk.meter.check_free(files::free_space(&packs))?;
        let seen = in_time(&walk, take, go_on)?;
        if pack.finish()?.is_some() {
            self.forget_library();
        }
        if take.scope != ArchiveScope::All {
            // It would forget the rest of the workspace.
            return Ok((seen, None));
        }
        let noted = noted(&seen);
        let is_same = cache.is_same(seen.known, noted.len() as u64);
        let learned = if is_same { None } else { Some(cache::bytes(&pack::names(&packs)?, &noted)) };
        Ok((seen, learned))
    }

    pub(super) fn cache(&self) -> Result<StatCache, ArchiveError> {
        Ok(StatCache::read(&cache::file(self.dir(), self.root()), &pack::names(&self.packs_dir())?))
    }

    /// Looks at names, sizes and rules only, for as long as `patience`.
    ///
    /// # Errors
    /// A limit is passed already, or the workspace cannot be read.
    pub fn survey(&self, take: &Take, patience: Duration) -> Result<Survey, ArchiveError> {
        let cache = StatCache::default();
        let walk = self.walk(take, Reading::Nothing, &cache, clock::now());
        let deadline = clock::steady() + patience;
        match walk.run(&mut || clock::steady() < deadline) {
            (seen, Ok(())) => Ok(Survey { coverage: seen.coverage, is_whole: true }),
            (seen, Err(ArchiveError::Stopped)) => Ok(Survey { coverage: seen.coverage, is_whole: false }),
            (_, Err(error)) => Err(error),
        }
    }

    /// Returns what is there now, without archiving it.
    ///
    /// # Errors
    /// A file cannot be read, or `go_on` returned false.
    pub fn look(&self, take: &Take, go_on: &mut dyn FnMut() -> bool) -> Result<Manifest, ArchiveError> {
        let cache = self.cache()?;
        let walk = self.walk(take, Reading::Digests, &cache, clock::now());
        Ok(in_time(&walk, take, go_on)?.into_manifest())
    }

    fn walk<'a>(&'a self, take: &'a Take, reading: Reading<'a>, cache: &'a StatCache, began: Timestamp) -> Walk<'a> {
        // What lies beside the archive in its home (the database, the records of tasks) is no workspace either.
        let own =
            [Some(self.store()), self.store().parent()].into_iter().flatten().filter_map(files::identity).collect();
        Walk {
            root: self.root(),
            scope: &take.scope,
            meter: Meter::new(take.limits),
            above: Rules::above(self.source()),
            own,
            covered: None,
            reading,
            cache,
            began,
        }
    }
}

/// Looks at all of it within the time that archiving may take.
fn in_time(walk: &Walk<'_>, take: &Take, go_on: &mut dyn FnMut() -> bool) -> Result<Seen, ArchiveError> {
    let deadline = clock::steady() + take.limits.max_time.as_duration();
    let is_late = Cell::new(false);
    let (seen, done) = walk.run(&mut || {
        is_late.set(clock::steady() >= deadline);
        !is_late.get() && go_on()
    });
    match done {
        Ok(()) => Ok(seen),
        Err(ArchiveError::Stopped) if is_late.get() => Err(walk.meter.too_slow()),
        Err(error) => Err(error),
    }
}

/// Returns what the cache may learn.
fn noted(seen: &Seen) -> Vec<Noted<'_>> {
    let note = |row: &'_ super::walk::Row| match row.entry {
        Entry::File { digest, .. } => Some((row.stamp?, digest)),
        Entry::Dir { .. } | Entry::Symlink { .. } | Entry::Fifo { .. } | Entry::Untouched => None,
    };
    let rows = seen.rows.iter();
    rows.filter_map(|row| note(row).map(|(stamp, digest)| Noted { path: row.path.as_bytes(), stamp, digest })).collect()
}
