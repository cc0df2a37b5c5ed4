//! The settings that hold in a directory: an edit of a file holds from the next call on, and what was not edited is
//! not read again. A server asks for them with every call, the driver of runs with every step.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use camino::{Utf8Path, Utf8PathBuf};

use super::EngineError;
use crate::{
    backends::Registry,
    config::{Config, Environment, Home, Sources},
};

/// More directories than this at once are read again.
const MOST: usize = 64;

type Settings = (Arc<Config>, Arc<Registry>);

/// Settings by directory that were read before, by a process whose environment stays the same.
#[derive(Default)]
pub(super) struct Known(Mutex<BTreeMap<Option<Utf8PathBuf>, (Sources, Settings)>>);

impl Known {
    /// Returns the settings that hold in `working_dir` now.
    pub fn of(&self, home: &Home, env: &Environment, working_dir: Option<&Utf8Path>) -> Result<Settings, EngineError> {
        // Before the files are read: one that changes meanwhile is another at the next call.
        let sources = Config::sources(home, working_dir);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = working_dir.map(Utf8Path::to_owned);
        if let Some((_, settings)) = known.get(&key).filter(|(read, _)| *read == sources) {
            return Ok(settings.clone());
        }
        let mut config = Config::load(home, env, working_dir)?;
        let registry = Registry::new(std::mem::take(&mut config.backends));
        let settings = (Arc::new(config), Arc::new(registry));
        if known.len() >= MOST {
            known.clear();
        }
        if sources.are_settled() {
            known.insert(key, (sources, settings.clone()));
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        dir: tempfile::TempDir,
        known: Known,
    }

    impl World {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap(), known: Known::default() }
        }

        fn path(&self) -> Utf8PathBuf {
            Utf8PathBuf::from_path_buf(self.dir.path().to_owned()).unwrap()
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }

        fn of(&self, dir: &str) -> Settings {
            let home = self.path().join("home").into_string();
            let env: Environment = [("MGR_HOME".to_owned(), home)].into_iter().collect();
            self.known.of(&Home::find(&env).unwrap(), &env, Some(&self.path().join(dir))).unwrap()
        }

        fn slots(&self, dir: &str) -> u32 {
            self.of(dir).0.slots
        }
    }

    #[test]
    fn an_edit_holds_from_the_next_call_on() {
        let world = World::new();
        assert_eq!(world.slots("project"), 4);
        for (file, text, slots) in [
            ("home/config.yaml", "slots: 8\n", 8),
            // The same length, and most likely within one step of the file system's clock.
            ("home/config.yaml", "slots: 9\n", 9),
            ("project/.mgr/config.yaml", "slots: 2\n", 2),
            ("project/deeper/.mgr/config.yaml", "slots: 3\n", 2),
        ] {
            world.write(file, text);
            assert_eq!(world.slots("project"), slots, "{file}");
        }
        assert_eq!((world.slots("project/deeper"), world.slots("elsewhere")), (3, 9));
        std::fs::remove_file(world.path().join("project/.mgr/config.yaml")).unwrap();
        assert_eq!(world.slots("project"), 9);
    }

    #[test]
    fn what_was_not_edited_is_not_read_again() {
        let world = World::new();
        let (first, second) = (world.of("project"), world.of("project"));
        assert!(Arc::ptr_eq(&first.0, &second.0));
        assert!(!Arc::ptr_eq(&first.0, &world.of("elsewhere").0));
        // A file that was written just now may change without looking changed.
        world.write("home/config.yaml", "slots: 8\n");
        let (first, second) = (world.of("project"), world.of("project"));
        assert!(!Arc::ptr_eq(&first.0, &second.0));
    }
}
