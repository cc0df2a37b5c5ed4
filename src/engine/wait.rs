//! Waiting without polling: a bell that others ring, with a look once a second as the safety net.

use std::{sync::OnceLock, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
#[cfg(unix)]
use tokio::net::unix::pipe;
use tokio::sync::watch;

use super::{Engine, EngineError, reconcile::HEAD_START};
#[cfg(unix)]
use crate::os::bell::Bell;
use crate::os::clock;

/// Waiters look by themselves after this long, in case a ring was lost.
const SAFETY_NET: Duration = Duration::from_secs(1);

/// News for everybody in this process who waits.
pub struct Watchers {
    bells: Utf8PathBuf,
    changes: OnceLock<watch::Sender<u64>>,
}

impl Watchers {
    /// For bells that hang in this directory.
    pub(super) const fn new(bells: Utf8PathBuf) -> Self {
        Self { bells, changes: OnceLock::new() }
    }

    /// Returns how many changes there were so far.
    pub(super) fn changes(&self) -> u64 {
        self.changes.get().map_or(0, |changes| *changes.borrow())
    }

    /// Makes everyone in this process who waits look again.
    pub(super) fn wake(&self) {
        if let Some(changes) = self.changes.get() {
            changes.send_modify(|count| *count += 1);
        }
    }

    /// Returns a receiver that changes after every poke from now on. Belongs in a runtime with timers and I/O.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        let open = || {
            let changes = watch::Sender::new(0);
            listen(&self.bells, changes.clone());
            changes
        };
        self.changes.get_or_init(open).subscribe()
    }
}

/// Counts the rings of a new bell, as long as the runtime lives.
#[cfg(unix)]
fn listen(bells: &Utf8Path, changes: watch::Sender<u64>) {
    let hung = Bell::hang(bells).and_then(|bell| Ok((pipe::Receiver::from_file(bell.pipe()?)?, bell)));
    let (pipe, bell) = match hung {
        Ok(hung) => hung,
        Err(error) => {
            tracing::warn!(%error, "nobody can wake this process; waiting looks once a second");
            return;
        }
    };
    tokio::spawn(async move {
        let mut rings = [0; 256];
        while pipe.readable().await.is_ok() {
            // Until nothing is left: several rings at once are one change.
            while let Ok(1..) = pipe.try_read(&mut rings) {}
            changes.send_modify(|count| *count += 1);
        }
        drop(bell);
    });
}

#[cfg(not(unix))]
fn listen(_: &Utf8Path, _: watch::Sender<u64>) {}

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

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::{bell, files};

    fn engine(dir: &tempfile::TempDir) -> Engine {
        let home = dir.path().to_str().unwrap().to_owned();
        Engine::open([("MGR_HOME".to_owned(), home)].into_iter().collect(), None).unwrap()
    }

    /// Much longer than it takes, however busy the machine is.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_ring_reaches_everybody_who_waits() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(&dir);
        let mut waiters = [engine.watchers.subscribe(), engine.watchers.subscribe()];
        bell::ring(&engine.home.bells());
        for waiter in &mut waiters {
            tokio::time::timeout(PATIENCE, waiter.changed()).await.unwrap().unwrap();
        }
        assert_eq!(engine.watchers.changes(), 1);
    }

    #[tokio::test]
    async fn a_change_is_left_to_a_ticker_that_lives_and_only_for_a_moment() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(&dir);
        let _changes = engine.watchers.subscribe();
        engine.reconcile().unwrap();
        engine.wake();
        // Without a ticker nothing is left, and what was just looked at is fresh.
        assert_eq!(engine.refresh(None).unwrap(), None);
        let ticker = files::open_lock(&engine.home.ticker_lock()).unwrap();
        ticker.lock().unwrap();
        assert_eq!(engine.refresh(None).unwrap(), None);
        engine.wake();
        let since = engine.refresh(None).unwrap().unwrap();
        let long_ago = since.checked_sub(HEAD_START).unwrap();
        assert_eq!(engine.refresh(Some(long_ago)).unwrap(), None);
    }
}
