//! The ticker: one disposable process while anything moves.
//!
//! It reads streams, enforces limits that need their meaning, releases holds and starts what
//! became ready; it alone drives runs of workflows. Everything else it does, any command does too; killing it loses nothing.

use std::time::Duration;

use super::{Engine, EngineError};
use crate::os::{clock, failpoint, files};

const STREAMS_EVERY: Duration = Duration::from_millis(250);
/// With nothing running there is still a look now and then, in case a notification was lost.
const REST: Duration = Duration::from_secs(5);

/// The body of `mgr __tick`. Returns at once when another ticker lives.
///
/// # Errors
/// The store or the files cannot be used.
pub async fn tick(engine: &Engine) -> Result<(), EngineError> {
    loop {
        let lock = files::open_lock(&engine.home.ticker_lock())?;
        if !take(&lock).await {
            return Ok(());
        }
        files::sign(&lock);
        run(engine).await?;
        drop(lock);
        // Between the last look and letting go, a submit may have seen the lock taken.
        if !engine.store.is_in_place() {
            return Ok(());
        }
        if !engine.store.read(|view| view.any_moving())? {
            engine.store.fold_log();
            return Ok(());
        }
    }
}

/// Whoever checks for a ticker holds the lock for a moment, so one refusal says nothing.
async fn take(lock: &std::fs::File) -> bool {
    for _ in 0..20 {
        if lock.try_lock().is_ok() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    false
}

async fn run(engine: &Engine) -> Result<(), EngineError> {
    let mut streams_at = clock::steady();
    let mut changes = engine.watchers.subscribe();
    loop {
        // Before the look, so that a change during it is not slept over.
        changes.borrow_and_update();
        collect_keepers();
        failpoint::hit("ticker.before_reconcile");
        if !engine.store.is_in_place() {
            // A rebuilt database is for a ticker that opens it; this one would serve the old one.
            return Ok(());
        }
        engine.reconcile()?;
        engine.drive_runs()?;
        if clock::steady() >= streams_at {
            engine.supervise()?;
            streams_at = clock::steady() + STREAMS_EVERY;
        }
        if !engine.store.read(|view| view.any_moving())? {
            return Ok(());
        }
        let patience = engine.patience(streams_at)?;
        // Running out of patience is as good a reason to look as a change.
        let _ = tokio::time::timeout(patience, changes.changed()).await;
    }
}

/// Keepers that this process started and that have ended; their ends are read from their files.
fn collect_keepers() {
    #[cfg(unix)]
    while crate::os::tree::reap().is_some() {}
}

impl Engine {
    /// Returns the time until the streams of running tasks or a hold want a look.
    fn patience(&self, streams_at: std::time::Instant) -> Result<Duration, EngineError> {
        let (due, is_busy) = self.store.read(|view| {
            let due = view.next_due()?.into_iter().chain(view.next_run_due()?).min();
            Ok((due, !view.running()?.is_empty()))
        })?;
        let until_due = due.map_or(REST, |due| due.since(clock::now()).as_duration());
        let until_streams = if is_busy { streams_at.saturating_duration_since(clock::steady()) } else { REST };
        Ok(until_due.min(until_streams).clamp(Duration::from_millis(1), REST))
    }
}
