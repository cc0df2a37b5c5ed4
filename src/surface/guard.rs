//! A future whose steps may block and may panic, without harm to others.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Steps that may block at the same time, each on a thread. A call that waits takes none, so any
/// number may wait; of 400 quick ones at once, 136 threads were left for ten seconds instead of 395.
const STEPS_AT_ONCE: usize = 16;

/// The turns for steps, shared by the calls of one process.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STEPS_AT_ONCE)))
    }
}

type Turn = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

/// Polls its future where blocking is allowed: the worker's other tasks move to another thread
/// meanwhile. Needs the multi-thread runtime.
pub(super) struct Guarded<F> {
    future: Pin<Box<F>>,
    turns: Turns,
    next: Option<Turn>,
}

impl<F: Future> Guarded<F> {
    pub fn new(turns: Turns, future: F) -> Self {
        Self { future: Box::pin(future), turns, next: None }
    }

    /// Waits for a turn to do a step; it is given back when the step is done.
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Option<OwnedSemaphorePermit>> {
        let next = self.next.get_or_insert_with(|| {
            let turns = self.turns.0.clone();
            // The semaphore is never closed; if it were, steps would go on without turns.
            Box::pin(async move { turns.acquire_owned().await.ok() })
        });
        let turn = next.as_mut().poll(context);
        if turn.is_ready() {
            self.next = None;
        }
        turn
    }
}

impl<F: Future> Future for Guarded<F> {
    /// The words of the panic, where there was one: rmcp would never answer the call.
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(_turn) = self.poll_turn(context) else { return Poll::Pending };
        let step = || tokio::task::block_in_place(|| self.future.as_mut().poll(context));
        // Nothing of the future is looked at after a panic; what it shares is behind locks that
        // take poison for what it is.
        match catch_unwind(AssertUnwindSafe(step)) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(words(&*panic))),
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no words").to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()
    }

    #[test]
    fn a_panic_is_an_answer() {
        let (runtime, turns) = (runtime(), Turns::default());
        let guarded = Guarded::new(turns.clone(), async { panic!("oh {}", 1) });
        let spawned = runtime.spawn(async { guarded.await.map(|(): ()| ()) });
        assert_eq!(runtime.block_on(spawned).unwrap(), Err("oh 1".to_owned()));
        // The turn came back.
        assert_eq!(turns.0.available_permits(), STEPS_AT_ONCE);
        let spawned = runtime.spawn(Guarded::new(turns, async { 7 }));
        assert_eq!(runtime.block_on(spawned).unwrap(), Ok(7));
    }

    #[test]
    fn who_waits_takes_no_turn_and_every_step_gets_one() {
        let (runtime, turns) = (runtime(), Turns::default());
        let call = || async {
            std::thread::sleep(Duration::from_millis(5));
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let calls: Vec<_> = (0..100).map(|_| runtime.spawn(Guarded::new(turns.clone(), call()))).collect();
        for call in calls {
            assert_eq!(runtime.block_on(call).unwrap(), Ok(()));
        }
        assert_eq!(turns.0.available_permits(), STEPS_AT_ONCE);
    }
}
