//! Waiting without polling: file notifications on the poke directory, with a look once a second as the safety net.

use std::{sync::OnceLock, time::Duration};

use camino::Utf8PathBuf;
use notify::{EventKind, RecursiveMode, Watcher};
use tokio::sync::watch;

use super::{Engine, EngineError, reconcile::HEAD_START};
use crate::os::clock;

/// Waiters look by themselves after this long, in case a notification was lost.
const SAFETY_NET: Duration = Duration::from_secs(1);

/// Notifications for everybody in this process who waits.
pub struct Watchers {
    poke: Utf8PathBuf,
    source: OnceLock<Source>,
}

struct Source {
    /// Kept alive: dropping it ends the notifications. `None` where the system has none to give.
    _watcher: Option<notify::RecommendedWatcher>,
    changes: watch::Sender<u64>,
}

impl Watchers {
    pub(super) fn new(poke: Utf8PathBuf) -> Self {
        Self { poke, source: OnceLock::new() }
    }

    /// Returns how many changes there were so far.
    pub(super) fn changes(&self) -> u64 {
        self.source.get().map_or(0, |source| *source.changes.borrow())
    }

    /// Makes everyone in this process who waits look again.
    pub(super) fn wake(&self) {
        if let Some(source) = self.source.get() {
            source.changes.send_modify(|count| *count += 1);
        }
    }

    /// Returns a receiver that changes after every poke from now on.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.source.get_or_init(|| Source::open(&self.poke)).changes.subscribe()
    }
}

impl Source {
    fn open(poke: &Utf8PathBuf) -> Self {
        let changes = watch::Sender::new(0);
        let sender = changes.clone();
        let handler = move |event: notify::Result<notify::Event>| {
            // Opening a file for reading is no change; counting it would wake waiters by their own looks.
            let is_change = event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_)));
            if is_change {
                sender.send_modify(|count| *count += 1);
            }
        };
        let watcher = notify::recommended_watcher(handler).and_then(|mut watcher| {
            let dir = poke.parent().unwrap_or(poke);
            watcher.watch(dir.as_std_path(), RecursiveMode::NonRecursive).map(|()| watcher)
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "no file notifications; waiting looks once a second");
        }
        Self { _watcher: watcher.ok(), changes }
    }
}

impl Engine {
    /// Brings the store up to date and calls `look`, now and after every change, until it returns something or
    /// `limit` has passed. `look` is told whether the store is up to date; where it is not, a ticker is at it, and
    /// what costs time can wait for the next look, which comes in a moment.
    ///
    /// # Errors
    /// What `look` says.
    pub async fn wait_until<T>(
        &self,
        limit: Option<Duration>,
        mut look: impl FnMut(bool) -> Result<Option<T>, EngineError>,
    ) -> Result<Option<T>, EngineError> {
        let mut changes = self.watchers.subscribe();
        let deadline = limit.map(|limit| clock::steady() + limit);
        let mut left_since = None;
        loop {
            changes.borrow_and_update();
            left_since = self.refresh(left_since)?;
            if let Some(found) = look(left_since.is_none())? {
                return Ok(Some(found));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(clock::steady()));
            if left.is_some_and(|left| left.is_zero()) {
                if left_since.is_none() {
                    return Ok(None);
                }
                // The last look leaves nothing to others.
                self.reconcile()?;
                return look(true);
            }
            let net = if left_since.is_some() { HEAD_START } else { SAFETY_NET };
            let patience = left.map_or(net, |left| left.min(net));
            // Running out of patience is as good a reason to look as a change.
            let _ = tokio::time::timeout(patience, changes.changed()).await;
        }
    }
}
