//! One reconciliation for all who ask at the same time.
//!
//! Must not make an answer older than its question: who is spared a run has been served by one
//! that began after they asked.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::os::clock;

/// A waiter is content with a look that is this old, if no change was notified since.
const FRESH: Duration = Duration::from_millis(500);

/// Counts the runs of one process.
#[derive(Default)]
pub(super) struct Gate {
    started: AtomicU64,
    last: Mutex<Option<Run>>,
}

/// A run that went well.
struct Run {
    number: u64,
    /// The count of changes when it began.
    changes: u64,
    at: Instant,
}

impl Gate {
    /// Runs `work`, unless a run that began after this call has gone well meanwhile.
    pub fn pass<E>(&self, changes: u64, work: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let arrived = self.started.load(Ordering::SeqCst);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|run| run.number > arrived) {
            return Ok(());
        }
        let run = Run { number: self.started.fetch_add(1, Ordering::SeqCst) + 1, changes, at: clock::steady() };
        work()?;
        *last = Some(run);
        Ok(())
    }

    /// Whether the last run knew of `changes` and is not old.
    pub fn is_fresh(&self, changes: u64) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |run: &Run| run.changes == changes && clock::steady().duration_since(run.at) < FRESH;
        last.as_ref().is_some_and(is_fresh)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Barrier, atomic::AtomicU32},
        thread,
    };

    use super::*;

    #[test]
    fn those_who_come_together_share_a_run() {
        let (gate, runs, barrier) = (Gate::default(), AtomicU32::new(0), Barrier::new(16));
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    barrier.wait();
                    gate.pass(0, || {
                        runs.fetch_add(1, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(50));
                        Ok::<_, ()>(())
                    })
                });
            }
        });
        assert!(runs.into_inner() <= 3);
    }

    #[test]
    fn who_comes_later_is_not_spared() {
        let gate = Gate::default();
        let mut runs = 0;
        for _ in 0..3 {
            let _ = gate.pass(0, || {
                runs += 1;
                Ok::<_, ()>(())
            });
        }
        assert_eq!(runs, 3);
    }

    #[test]
    fn a_change_makes_the_last_run_stale_and_a_failed_one_counts_for_nothing() {
        let gate = Gate::default();
        assert!(!gate.is_fresh(0));
        assert_eq!(gate.pass(0, || Err(())), Err(()));
        assert!(!gate.is_fresh(0));
        assert_eq!(gate.pass(0, || Ok::<_, ()>(())), Ok(()));
        assert!(gate.is_fresh(0));
        assert!(!gate.is_fresh(1));
    }
}
