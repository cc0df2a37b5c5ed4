//! One writer for each workspace: tasks by the scheduler, commands that change files by holding it here.
//!
//! Theory of operation: a task that runs has its workspace by its row in the store. A command notes a hold in the
//! store, with a lock file that it keeps locked; both are done in one transaction with the look at who writes, so
//! that the scheduler's next transaction sees it. A hold whose lock is free is what a dead command left behind.

use std::fs::File;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Engine, EngineError};
use crate::{
    core::{State, Task, TaskId, WaitingOn, overlap},
    os::{files, random},
    store::{Hold, StoreError, View},
};

/// A workspace that is held by this process; given back on drop.
#[must_use = "the workspace is free again when this is dropped"]
pub struct WorkspaceHold<'a> {
    engine: &'a Engine,
    lock: Utf8PathBuf,
    /// Locked; `None` once it is given back.
    file: Option<File>,
}

/// Who keeps a task from its workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The directory that is written in: the task's own, or one above or beneath it.
    pub path: Utf8PathBuf,
    pub holder: Holder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A task that runs there.
    Writer(TaskId),
    /// A task that waits as well and is served first.
    Before(TaskId),
    /// A command, in its own words.
    Command(String),
}

impl Engine {
    /// Holds a workspace against tasks that would write in it, in a directory above or beneath it.
    ///
    /// # Errors
    /// `Busy` when a task writes there now, with its id and the way out.
    pub fn hold_workspace(&self, root: &Utf8Path, holder: &str) -> Result<WorkspaceHold<'_>, EngineError> {
        self.hold_workspace_beside(root, holder, None)
    }

    /// The same, though this task writes there: its agent asks for it, and would wait for its own end.
    pub(super) fn hold_workspace_beside(
        &self,
        root: &Utf8Path,
        holder: &str,
        beside: Option<&TaskId>,
    ) -> Result<WorkspaceHold<'_>, EngineError> {
        // A task that is over and not yet known to be is no writer.
        self.reconcile()?;
        let dir = self.home.data().join("holds");
        files::make_dir(&dir)?;
        let lock = dir.join(format!("{:x}", random::bits()));
        let file = files::open_lock(&lock)?;
        // Locked before it is known: nobody takes it for a dead one's.
        file.lock().map_err(files::FileError::at(&lock, "lock"))?;
        let mut held = WorkspaceHold { engine: self, lock, file: Some(file) };
        let hold = Hold { lock: held.lock.clone(), root: root.to_owned(), holder: holder.to_owned() };
        let noted = self.store.write(|writing| match writer_of(&writing.view(), root, beside)? {
            Some(lease) => Err(refusal(&lease)),
            None => Ok(writing.add_hold(&hold)?),
        });
        if noted.is_err() {
            held.forget();
        }
        noted.map(|()| held)
    }

    /// Returns who keeps a queued task from its workspace; `None` when nobody does, or it waits for a slot anyway.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn lease_over(&self, task: &Task) -> Result<Option<Lease>, EngineError> {
        let State::Queued { waiting_on: WaitingOn::Slot } = &task.state else { return Ok(None) };
        let Some(root) = task.spec.written_root() else { return Ok(None) };
        let limits = self.limits();
        Ok(self.store.read(|view| {
            let backends: Vec<_> = view.running()?.into_iter().map(|task| task.backend).collect();
            if limits.free(&backends) == 0 || limits.full(&backends).contains(task.backend()) {
                return Ok(None);
            }
            if let Some(lease) = writer_of(view, root, None)? {
                return Ok(Some(lease));
            }
            let before = view.served_before(&task.id, |other| overlap(other, root))?;
            Ok(before.map(|(id, path)| Lease { path, holder: Holder::Before(id) }))
        })?)
    }
}

/// Returns who writes in a place now, leaving one out.
fn writer_of(view: &View<'_>, root: &Utf8Path, but: Option<&TaskId>) -> Result<Option<Lease>, StoreError> {
    for task in view.running()?.into_iter().filter(|task| Some(&task.id) != but) {
        if let Some(path) = task.writes.filter(|path| overlap(path, root)) {
            return Ok(Some(Lease { path, holder: Holder::Writer(task.id) }));
        }
    }
    let held = view.holds()?.into_iter().find(|hold| overlap(&hold.root, root) && is_live(hold));
    Ok(held.map(|hold| Lease { path: hold.root, holder: Holder::Command(hold.holder) }))
}

fn refusal(lease: &Lease) -> EngineError {
    let hint = match &lease.holder {
        Holder::Writer(id) | Holder::Before(id) => {
            format!("`mgr watch {id}` waits for its end, `mgr cancel {id}` ends it")
        }
        Holder::Command(_) => "try again when it is done".to_owned(),
    };
    EngineError::Busy { message: lease.to_string(), hint }
}

impl Lease {
    /// Returns whom a task waits for: the rest of `waits for …`.
    pub fn awaited(&self) -> String {
        match &self.holder {
            Holder::Writer(id) => format!("task {id}, which writes in `{}`", self.path),
            Holder::Before(id) => format!("task {id}, which gets `{}` first", self.path),
            Holder::Command(words) => format!("`{words}`, which holds `{}`", self.path),
        }
    }
}

impl std::fmt::Display for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.holder {
            Holder::Writer(id) => write!(f, "`{}` is written by task {id}", self.path),
            Holder::Before(id) => write!(f, "`{}` goes to task {id} first", self.path),
            Holder::Command(words) => write!(f, "`{}` is held by `{words}`", self.path),
        }
    }
}

/// Whether whoever noted the hold is still there.
pub(super) fn is_live(hold: &Hold) -> bool {
    // A lock file that is gone was given back.
    files::is_locked(&hold.lock)
}

impl WorkspaceHold<'_> {
    fn forget(&mut self) {
        let _ = std::fs::remove_file(&self.lock);
        self.file = None;
    }
}

impl Drop for WorkspaceHold<'_> {
    /// Best effort: what cannot be removed here is a dead hold to the next who looks.
    fn drop(&mut self) {
        if self.file.is_none() {
            return;
        }
        let removed = self.engine.store.write(|writing| Ok::<_, EngineError>(writing.remove_hold(&self.lock)?));
        self.forget();
        let settled = removed.and_then(|()| self.engine.settle(Vec::new()).map(drop));
        if let Err(error) = settled {
            tracing::warn!(error = &error as &dyn std::error::Error, "tasks that waited for the workspace start later");
        }
        self.engine.poke();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(dir: &tempfile::TempDir) -> Engine {
        let home = dir.path().join("home").to_str().unwrap().to_owned();
        Engine::open([("MGR_HOME".to_owned(), home)].into_iter().collect(), None).unwrap()
    }

    fn refused(held: Result<WorkspaceHold<'_>, EngineError>) -> String {
        held.err().unwrap().to_string()
    }

    #[test]
    fn a_workspace_is_held_once_and_free_again_when_the_hold_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(&dir);
        let held = engine.hold_workspace("/w/a".into(), "mgr rollback 1").unwrap();
        for meets in ["/w/a", "/w", "/w/a/deep"] {
            let told = refused(engine.hold_workspace(meets.into(), "mgr apply 2"));
            assert_eq!(told, "`/w/a` is held by `mgr rollback 1`");
        }
        let beside = engine.hold_workspace("/w/b".into(), "mgr apply 2").unwrap();
        drop(held);
        drop(engine.hold_workspace("/w/a".into(), "mgr apply 2").unwrap());
        drop(beside);
        assert_eq!(engine.store.read(|view| view.holds()).unwrap(), []);
        let locks = std::fs::read_dir(dir.path().join("home/holds")).unwrap().count();
        assert_eq!(locks, 0);
    }

    #[test]
    fn a_hold_whose_holder_is_dead_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(&dir);
        let lock = engine.home.data().join("dead");
        files::open_lock(&lock).unwrap();
        let hold = Hold { lock, root: "/w".into(), holder: "mgr apply 1".into() };
        engine.store.write(|writing| Ok::<_, EngineError>(writing.add_hold(&hold)?)).unwrap();
        drop(engine.hold_workspace("/w".into(), "mgr apply 2").unwrap());
        assert_eq!(engine.store.read(|view| view.holds()).unwrap(), []);
    }
}
