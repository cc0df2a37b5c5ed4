//! The dashboard's process as others see it: whether it lives, where it listens, who may come in.
//!
//! Serves nothing itself: that is the surface's. Files are all that it and its callers share, below `dashboard/`:
//! `lock` is held while it lives (liveness is the lock, never a process id), `state.json` says where it listens,
//! `codes/HASH` is a code that nobody has used yet, `stop` asks it to end. Whoever can write there is its owner anyway.
//! It looks after its files: what it has not written itself into `state.json` it replaces, and whoever finds that there
//! rings and waits a moment.

use std::{fs::File, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Engine, EngineError};
use crate::{
    core::{Span, Timestamp},
    os::{
        bell, clock,
        files::{self, Durability},
        random, spawn, tree,
    },
};

/// How long a link lets somebody in who has not used it yet.
pub const CODE_LIVES: Duration = Duration::from_secs(600);
/// It is there within milliseconds; a machine at its limits may take longer.
const START_LIMIT: Duration = Duration::from_secs(15);
/// Whoever looks whether one lives is done with that much sooner.
const LOCK_PATIENCE: Duration = Duration::from_millis(40);
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// It looks after its files at every ring, and once a second.
const MEND_LIMIT: Duration = Duration::from_secs(2);

/// The system's program that shows an address to a person.
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else if cfg!(windows) {
    "rundll32"
} else {
    "xdg-open"
};
const OPENER_ARGS: &[&str] = if cfg!(windows) { &["url.dll,FileProtocolHandler"] } else { &[] };

/// Where a dashboard listens and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DashboardState {
    pub v: u32,
    /// `http://127.0.0.1:PORT/`
    pub url: String,
    /// The release that serves it.
    pub version: String,
    pub started_at: Timestamp,
}

impl DashboardState {
    /// Returns the address with a code in its fragment, which browsers keep to themselves.
    fn link(&self, code: &str) -> String {
        format!("{}#code={code}", self.url)
    }
}

/// A home's dashboard as its files show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dashboard {
    Gone,
    /// It lives, and its file does not say where: it begins, ends, or has not mended its file yet.
    Mute,
    At(DashboardState),
}

/// An opened dashboard.
pub struct DashboardLink {
    /// The address with a code that lets one browser in, once.
    pub link: String,
    /// Whether it was started for this.
    pub started: bool,
}

/// The right to be this home's dashboard, for as long as it is kept.
#[must_use = "the right ends when this is dropped"]
pub struct DashboardPost {
    dir: Utf8PathBuf,
    bells: Utf8PathBuf,
    lock: File,
    /// What it has written into `state.json`.
    said: Vec<u8>,
}

impl Engine {
    /// Returns the dashboard as its files show it now.
    pub fn dashboard_now(&self) -> Dashboard {
        let dir = self.home.dashboard();
        if !files::is_locked(&dir.join("lock")) {
            return Dashboard::Gone;
        }
        let state = files::read_optional(&dir.join("state.json")).ok().flatten();
        state.and_then(|state| serde_json::from_slice(&state).ok()).map_or(Dashboard::Mute, Dashboard::At)
    }

    /// Returns the dashboard; one that does not say where it listens is given a moment to do so.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn dashboard(&self) -> Result<Dashboard, EngineError> {
        // One that was stopped holds its lock, and neither hears nor serves.
        tree::continue_holder(&self.home.dashboard().join("lock"));
        let now = self.dashboard_now();
        if now != Dashboard::Mute {
            return Ok(now);
        }
        self.poke();
        let settled = |_| Ok(Some(self.dashboard_now()).filter(|now| *now != Dashboard::Mute));
        Ok(self.wait_until(Some(MEND_LIMIT), settled).await?.unwrap_or(Dashboard::Mute))
    }

    /// Makes sure that a dashboard of this release lives, and returns a link to it.
    ///
    /// # Errors
    /// This process stands in a task, the dashboard does not start, or its files cannot be written.
    pub async fn open_dashboard(&self) -> Result<DashboardLink, EngineError> {
        self.check_outside()?;
        let dir = self.home.dashboard();
        match self.dashboard().await? {
            // One that was asked to end lets nobody in any more.
            Dashboard::At(state) if state.version == env!("CARGO_PKG_VERSION") && !is_asked_to_end(&dir) => {
                return Ok(DashboardLink { link: state.link(&new_code(&dir)?), started: false });
            }
            Dashboard::At(_) | Dashboard::Mute => self.end_dashboard().await?,
            Dashboard::Gone => {}
        }
        self.launch_dashboard()?;
        let listening = |_| match self.dashboard_now() {
            Dashboard::At(state) => Ok(Some(state)),
            Dashboard::Mute | Dashboard::Gone => Ok(None),
        };
        let state = self.wait_until(Some(START_LIMIT), listening).await?;
        let state = state.ok_or_else(|| EngineError::Busy {
            message: format!("the dashboard did not start within {} s", START_LIMIT.as_secs()),
            hint: "`mgr dashboard serve` starts it in this terminal and shows what is in its way".into(),
        })?;
        Ok(DashboardLink { link: state.link(&new_code(&dir)?), started: true })
    }

    /// Ends the dashboard; returns whether one lived.
    ///
    /// # Errors
    /// It does not end.
    pub async fn stop_dashboard(&self) -> Result<bool, EngineError> {
        // One that begins would take the word for one that was meant for another before.
        if self.dashboard().await? == Dashboard::Gone {
            return Ok(false);
        }
        self.end_dashboard().await?;
        Ok(true)
    }

    async fn end_dashboard(&self) -> Result<(), EngineError> {
        let dir = self.home.dashboard();
        files::create_new(&dir.join("stop"), b"")?;
        self.poke();
        // Another may have taken its place already.
        let is_over = |now: &Dashboard| match now {
            Dashboard::Gone => true,
            Dashboard::Mute => false,
            Dashboard::At(_) => !is_asked_to_end(&dir),
        };
        match self.wait_until(Some(STOP_LIMIT), |_| Ok(is_over(&self.dashboard_now()).then_some(()))).await? {
            Some(()) => Ok(()),
            None => Err(EngineError::Busy {
                message: format!("the dashboard did not end within {} s", STOP_LIMIT.as_secs()),
                hint: "it ends by itself when its process is killed; nothing is lost by that".into(),
            }),
        }
    }

    /// Takes the right to be this home's dashboard; `None` when another has it.
    ///
    /// # Errors
    /// This process stands in a task, or the files cannot be made.
    pub fn take_dashboard_post(&self) -> Result<Option<DashboardPost>, EngineError> {
        self.check_outside()?;
        let dir = self.home.dashboard();
        files::make_dir(&dir.join("codes"))?;
        let lock = files::open_lock(&dir.join("lock"))?;
        if !files::take_lock(&lock, LOCK_PATIENCE) {
            return Ok(None);
        }
        // What one before has left says nothing about this one.
        files::clear(&dir.join("state.json"))?;
        files::clear(&dir.join("stop"))?;
        Ok(Some(DashboardPost { dir, bells: self.home.bells(), lock, said: Vec::new() }))
    }

    /// Shows a link in the person's browser; `false` where there is no screen to show it on.
    pub fn show_in_browser(&self, link: &str) -> bool {
        let has_screen = if cfg!(any(target_os = "macos", windows)) {
            self.env_value("SSH_CONNECTION").is_none()
        } else {
            // A forwarded display has a browser at its other end that cannot reach this machine's loopback.
            let is_far = self.env_value("SSH_CONNECTION").is_some();
            !is_far && ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| self.env_value(name).is_some())
        };
        has_screen && spawn::quietly(OPENER, &[OPENER_ARGS, &[link]].concat()).is_ok()
    }

    /// Returns a receiver that changes after everything that happens from now on.
    pub fn happenings(&self) -> watch::Receiver<u64> {
        self.watchers.subscribe()
    }
}

impl DashboardPost {
    /// Tells everybody where it listens.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn announce(&mut self, url: String) -> Result<DashboardState, EngineError> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let state = DashboardState { v: 1, url, version, started_at: clock::now() };
        // Our own type with string keys: this cannot fail.
        self.said = serde_json::to_vec(&state).unwrap_or_default();
        self.say()?;
        Ok(state)
    }

    fn say(&self) -> Result<(), EngineError> {
        files::replace(&self.state_file(), &self.said, Durability::Process)?;
        bell::ring(&self.bells);
        Ok(())
    }

    /// Says anew where it listens if something else stands in that place.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn mend(&self) -> Result<(), EngineError> {
        if files::read_optional(&self.state_file()).is_ok_and(|state| state.as_ref() == Some(&self.said)) {
            return Ok(());
        }
        files::clear(&self.state_file())?;
        self.say()
    }

    fn state_file(&self) -> Utf8PathBuf {
        self.dir.join("state.json")
    }

    /// Returns a link that lets one browser in, once.
    ///
    /// # Errors
    /// The system has no random bits, or the file cannot be written.
    pub fn link(&self, state: &DashboardState) -> Result<String, EngineError> {
        Ok(state.link(&new_code(&self.dir)?))
    }

    /// Whether the code lets somebody in; it does so once.
    pub fn admits(&self, code: &str) -> bool {
        let path = code_file(&self.dir, code);
        let Ok(Some(until)) = files::read_optional(&path) else { return false };
        let until: Option<Timestamp> = std::str::from_utf8(&until).ok().and_then(|text| text.parse().ok());
        // Of two who come with it at once only one removes it.
        matches!(files::remove(&path), Ok(true)) && until.is_some_and(|until| clock::now() < until)
    }

    /// Gives the right up, and tells those who wait for that. A process that just ends gives it up too.
    pub fn leave(&self) {
        // Best effort: the lock says it all. What is another's by now stays.
        if self.is_held() {
            let _ = files::clear(&self.state_file());
            let _ = files::clear(&self.dir.join("stop"));
        }
        let _ = self.lock.unlock();
        bell::ring(&self.bells);
    }

    /// Whether somebody has asked it to end, or nobody can find it any more: its files were removed.
    pub fn is_to_end(&self) -> bool {
        let is_lost = files::read_optional(&self.state_file()).is_ok_and(|state| state.is_none());
        is_lost || !self.is_held() || is_asked_to_end(&self.dir)
    }

    /// Whether the lock that others look at is the one that is held here.
    fn is_held(&self) -> bool {
        files::identity(&self.dir.join("lock")) == files::identity_of(&self.lock)
    }
}

fn is_asked_to_end(dir: &Utf8Path) -> bool {
    dir.join("stop").exists()
}

/// Makes a code that is used at most once; codes that nobody used in time go.
fn new_code(dir: &Utf8Path) -> Result<String, EngineError> {
    let codes = dir.join("codes");
    files::make_dir(&codes)?;
    let now = clock::now();
    // Names with a dot are files that are being written.
    for name in files::names_in(&codes)?.into_iter().filter(|name| !name.contains('.')) {
        let path = codes.join(name);
        let until = files::read_optional(&path).ok().flatten();
        let until: Option<Timestamp> = until.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
        if until.is_none_or(|until| until < now) {
            files::clear(&path)?;
        }
    }
    let code = random::secret().map_err(EngineError::NoSecret)?;
    let until = now.plus(Span::from(CODE_LIVES)).to_string();
    files::replace(&code_file(dir, &code), until.as_bytes(), Durability::Process)?;
    Ok(code)
}

/// A code is kept as its digest: the name of a file is no place for a secret.
fn code_file(dir: &Utf8Path, code: &str) -> Utf8PathBuf {
    dir.join("codes").join(blake3::hash(code.as_bytes()).to_hex().as_str())
}
