//! Keeping house: sizes, removal, orphans, checks of the store.

use super::{Engine, EngineError, RebuildReport};
use crate::{
    backends::Backend,
    core::{BackendName, TaskId},
    os::files::{self, Durability, FileError},
};

impl Engine {
    /// # Errors
    /// No backend has this name.
    pub fn adapter(&self, name: &BackendName) -> Result<&dyn Backend, EngineError> {
        Ok(self.registry.get(name)?)
    }

    /// # Errors
    /// The store cannot be read.
    pub fn last_of_session(&self, session: &str) -> Result<Option<TaskId>, EngineError> {
        Ok(self.store.read(|view| view.last_of_session(session))?)
    }

    /// Saves the user's configuration file.
    ///
    /// # Errors
    /// The file cannot be written; the old one then stands.
    pub fn save_config(&self, text: &str) -> Result<(), EngineError> {
        let path = self.home.config_file();
        if let Some(dir) = path.parent() {
            files::make_dir(dir)?;
        }
        Ok(files::replace(&path, text.as_bytes(), Durability::Machine)?)
    }

    /// Returns the bytes that a task's files take.
    pub fn size_of(&self, id: &TaskId) -> u64 {
        size_of_dir(self.home.task(id).as_std_path())
    }

    /// Forgets a task that is over and removes its isolated directory and its files: of these the row first, so that a crash in
    /// between leaves files without a task, never a task without files.
    ///
    /// # Errors
    /// The store or the files cannot be changed.
    pub fn remove(&self, id: &TaskId) -> Result<(), EngineError> {
        let task = self.task(id)?;
        if !task.status().is_terminal() {
            return Ok(());
        }
        self.remove_isolated_of(&task)?;
        self.store.write(|writing| writing.remove(id).map_err(EngineError::from))?;
        let dir = self.home.task(id);
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(FileError::at(&dir, "remove")(error).into())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Checks the whole store and returns how many tasks it has.
    ///
    /// # Errors
    /// The store is damaged.
    pub fn check_store(&self) -> Result<u64, EngineError> {
        self.store.check()?;
        Ok(self.counts()?.iter().map(|(_, count)| count).sum())
    }

    /// Makes the database anew from the tasks' files, unless this engine was opened that way.
    ///
    /// # Errors
    /// The old database cannot be put aside, or the new one not be made.
    pub fn rebuilt(&self) -> Result<RebuildReport, EngineError> {
        match &self.rebuilt {
            Some(report) => Ok(report.clone()),
            None => Ok(Self::rebuild(self.env.clone())?.1),
        }
    }

    /// Returns how many processes of finished tasks there are; with `end` they are ended.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn orphans(&self, end: bool) -> Result<usize, EngineError> {
        let mut found = 0;
        for cookie in crate::os::tree::cookies() {
            let Some((id, number)) = cookie.split_once('.') else { continue };
            let (Ok(id), Ok(number)) = (id.parse::<TaskId>(), number.parse::<u32>()) else { continue };
            let Some(task) = self.store.read(|view| view.task(&id))? else { continue };
            if task.state.busy_attempt() == Some(number) || self.attempt_dir(&id, number).is_kept() {
                continue;
            }
            found += crate::os::tree::members(&cookie).len();
            if end {
                crate::os::tree::kill_all(&cookie);
            }
        }
        Ok(found)
    }
}

fn size_of_dir(dir: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size_of_dir(&entry.path()),
        Ok(_) => entry.metadata().map_or(0, |metadata| metadata.len()),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
