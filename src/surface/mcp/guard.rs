//! A future whose steps may block and may panic, without harm to others.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

/// Polls its future where blocking is allowed: the worker's other tasks move to another thread
/// meanwhile. A future that waits costs no thread. Needs the multi-thread runtime.
pub(super) struct Guarded<F>(Pin<Box<F>>);

impl<F: Future> Guarded<F> {
    pub fn new(future: F) -> Self {
        Self(Box::pin(future))
    }
}

impl<F: Future> Future for Guarded<F> {
    /// The words of the panic, where there was one: rmcp would never answer the call.
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let step = || tokio::task::block_in_place(|| self.0.as_mut().poll(context));
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
    use super::Guarded;

    #[test]
    fn a_panic_is_an_answer() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let spawned = runtime.spawn(async { Guarded::new(async { panic!("oh {}", 1) }).await.map(|(): ()| ()) });
        assert_eq!(runtime.block_on(spawned).unwrap(), Err("oh 1".to_owned()));
        let spawned = runtime.spawn(async { Guarded::new(async { 7 }).await });
        assert_eq!(runtime.block_on(spawned).unwrap(), Ok(7));
    }
}
