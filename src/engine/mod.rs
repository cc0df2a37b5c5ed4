//! DOING it: makes what is stored, what runs and what the files say agree, and tells callers.
//!
//! Decides nothing by itself: `core` decides. Every call reconciles before it answers, so an
//! answer is true even if everything of `mgr` was killed a moment ago.

mod archivist;
mod attempt;
mod bounds;
mod broken_off;
mod changes;
mod control;
mod custody;
#[cfg(test)]
mod custody_tests;
mod dashboard;
mod error;
mod extract;
mod gate;
mod ingest;
mod inside;
mod landing;
mod launch;
mod lease;
mod loafs;
mod price;
mod probe;
mod rebuild;
mod reconcile;
mod roles;
mod runs;
mod schema;
mod settings;
mod settle;
mod submit;
mod templates;
mod ticker;
mod turns;
mod upkeep;
mod view;
mod wait;
mod workspace;

use std::sync::Arc;

use camino::Utf8Path;

pub use crate::{archive::difference, keeper::contract::Changes};
pub use archivist::archivist;
pub use bounds::{Bounds, real};
pub use changes::TaskChanges;
pub use custody::{Custody, Retention};
pub use dashboard::{CODE_LIVES, Dashboard, DashboardPost, DashboardState};
pub use error::EngineError;
pub use ingest::EventPage;
pub use landing::{Discarded, LandAsk};
pub use launch::launcher;
pub use lease::{Holder, Lease};
pub use probe::Readiness;
pub use rebuild::RebuildReport;
pub use roles::roles;
pub use runs::{Answer, Frozen, Loaded, Purse, Renewed, ReuseAsk, RunAsk, RunState, Spending, StepMaker};
pub use schema::check as check_schema;
pub use submit::Ask;
pub use ticker::tick;
pub use wait::Watchers;
pub use workspace::{ArchiveLook, IsolationState};

use crate::{
    backends::Registry,
    config::{Config, Environment, Home},
    os::{bell, files},
    store::Store,
};

/// One process's engine.
pub struct Engine {
    pub(crate) home: Home,
    pub(crate) env: Environment,
    pub(crate) config: Arc<Config>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) store: Arc<Store>,
    watchers: Arc<Watchers>,
    gate: Arc<gate::Gate>,
    settings: Arc<settings::Known>,
    definitions: Arc<runs::Definitions>,
    /// How steps become tasks, in the process that drives runs.
    step_maker: Option<StepMaker>,
    /// Whether keepers are started from this process; else through a launcher that exits at once.
    starts_keepers: bool,
    /// Where whoever asks may go; anywhere when absent.
    bounds: Option<Arc<Bounds>>,
    /// What the rebuild found that this engine was opened by.
    rebuilt: Option<RebuildReport>,
}

impl Engine {
    /// Opens the engine with the settings that hold in `working_dir`.
    ///
    /// # Errors
    /// The configuration has a fault, or the store cannot be opened.
    pub fn open(env: Environment, working_dir: Option<&Utf8Path>) -> Result<Self, EngineError> {
        let home = Home::find(&env)?;
        let settings: Arc<settings::Known> = Arc::default();
        let (config, registry) = settings.of(&home, &env, working_dir)?;
        for dir in [home.data(), &home.tasks(), &home.bells()] {
            files::make_dir(dir)?;
        }
        let store = Arc::new(Store::open(&home.database())?);
        let watchers = Arc::new(Watchers::new(home.bells()));
        Ok(Self {
            home,
            env,
            config,
            registry,
            store,
            watchers,
            gate: Arc::default(),
            settings,
            definitions: Arc::default(),
            step_maker: None,
            starts_keepers: false,
            bounds: None,
            rebuilt: None,
        })
    }

    /// Makes the database anew from the tasks' files and opens the engine on it. Does not need the old
    /// database to be readable.
    ///
    /// # Errors
    /// The old database cannot be put aside, or the new one not be made.
    pub fn open_rebuilt(env: Environment) -> Result<Self, EngineError> {
        let (engine, report) = Self::rebuild(env)?;
        Ok(Self { rebuilt: Some(report), ..engine })
    }

    /// Lets this process start keepers itself, which spares one process for each. Only for one that nobody
    /// waits for, that has no terminal, and that collects its children: the ticker.
    #[must_use = "returns the engine"]
    pub fn starting_keepers(mut self) -> Self {
        self.starts_keepers = true;
        self
    }

    /// Lets this process drive runs of workflows. Only for one that is alone in it: the ticker.
    #[must_use = "returns the engine"]
    pub fn driving_runs(mut self, maker: StepMaker) -> Self {
        self.step_maker = Some(maker);
        self
    }

    /// Returns the engine with the settings that hold in `working_dir` now; store and waiting are
    /// shared with this one. For a process that lives longer than its settings.
    ///
    /// # Errors
    /// The configuration has a fault.
    pub fn at(&self, working_dir: Option<&Utf8Path>) -> Result<Self, EngineError> {
        let (home, env) = (self.home.clone(), self.env.clone());
        let settings = self.settings.clone();
        let (config, registry) = settings.of(&home, &env, working_dir)?;
        let (store, watchers, gate) = (self.store.clone(), self.watchers.clone(), self.gate.clone());
        let definitions = self.definitions.clone();
        Ok(Self {
            home,
            env,
            config,
            registry,
            store,
            watchers,
            gate,
            settings,
            definitions,
            step_maker: None,
            starts_keepers: false,
            bounds: self.bounds.clone(),
            rebuilt: None,
        })
    }

    /// Whether the database that is open is still the one in its place: a rebuild puts it aside.
    pub fn is_in_place(&self) -> bool {
        self.store.is_in_place()
    }

    /// Returns the output limit of tasks that ask for none.
    pub fn default_max_output(&self) -> crate::core::Bytes {
        self.config.max_output
    }

    /// Returns a variable of the caller's environment that is set and not empty.
    pub fn env_value(&self, name: &str) -> Option<&str> {
        self.env.get(name)
    }

    /// Returns the settings that hold here.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub const fn home(&self) -> &Home {
        &self.home
    }

    /// Lets those in this process who wait look again at once, whatever happened.
    pub fn wake(&self) {
        self.watchers.wake();
    }

    /// Wakes whoever waits for anything.
    pub(crate) fn poke(&self) {
        bell::ring(&self.home.bells());
    }
}
