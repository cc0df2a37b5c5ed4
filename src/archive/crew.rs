//! Work that breeds more work, done by several threads.
//!
//! Knows nothing of what the work is. The jobs lie on one stack, so that the newest (deepest) is done first and
//! few directories are open at a time. The calling thread works too and asks the caller about every 20 ms whether
//! to go on; the others are started only when much is waiting, so that a small workspace never starts a thread.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::ArchiveError;
use crate::os::clock;

/// How often the caller is asked.
const PACE: Duration = Duration::from_millis(20);
/// So much must be waiting before another thread is worth its start.
const MUCH: usize = 64;
/// More threads than this wait for the same disk.
const MOST: usize = 8;

/// A piece of work.
pub(super) trait Job: Send {
    /// How many files or directories it is about.
    fn weight(&self) -> usize;
}

/// What is still to be done.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    news: Condvar,
    stop: AtomicBool,
}

struct State<J> {
    jobs: Vec<J>,
    weight: usize,
    busy: usize,
}

enum Next<J> {
    Job(J),
    NotNow,
    End,
}

impl<J: Job> Queue<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, jobs: Vec<J>) {
        let mut state = self.lock();
        state.weight += jobs.iter().map(Job::weight).sum::<usize>();
        let more = jobs.len() > 1;
        state.jobs.extend(jobs);
        drop(state);
        if more {
            self.news.notify_all();
        }
    }

    fn next(&self) -> Next<J> {
        let mut state = self.lock();
        if state.jobs.is_empty() && state.busy > 0 {
            (state, _) = self.news.wait_timeout(state, PACE).unwrap_or_else(PoisonError::into_inner);
        }
        match state.jobs.pop() {
            Some(job) => {
                state.weight -= job.weight();
                state.busy += 1;
                Next::Job(job)
            }
            None if state.busy > 0 => Next::NotNow,
            None => Next::End,
        }
    }

    fn finish(&self) {
        let mut state = self.lock();
        state.busy -= 1;
        if state.busy == 0 || !state.jobs.is_empty() {
            self.news.notify_all();
        }
    }
}

/// Whether to go on: asked between small steps.
pub(super) struct Pace<'a> {
    /// Only the calling thread asks the caller.
    ask: Option<(&'a mut dyn FnMut() -> bool, Instant)>,
    stop: &'a AtomicBool,
}

impl Pace<'_> {
    /// # Errors
    /// Somebody said stop.
    pub(super) fn check(&mut self) -> Result<(), ArchiveError> {
        if let Some((go_on, due)) = &mut self.ask {
            let now = clock::steady();
            if now >= *due {
                *due = now + PACE;
                if !go_on() {
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
        }
        if self.stop.load(Ordering::Relaxed) { Err(ArchiveError::Stopped) } else { Ok(()) }
    }
}

/// How one thread does one job.
pub(super) type Deed<'a, J, H> = dyn Fn(&mut H, J, &Queue<J>, &mut Pace<'_>) -> Result<(), ArchiveError> + Sync + 'a;

/// Does the jobs and all that come of them. Returns what each thread has in its hands at the end, also after an error.
pub(super) fn work<J: Job, H: Send>(
    jobs: Vec<J>,
    go_on: &mut dyn FnMut() -> bool,
    new_hand: &(dyn Fn() -> H + Sync),
    deed: &Deed<'_, J, H>,
) -> (Vec<H>, Result<(), ArchiveError>) {
    let queue = Queue {
        state: Mutex::new(State { jobs: Vec::new(), weight: 0, busy: 0 }),
        news: Condvar::new(),
        stop: AtomicBool::new(false),
    };
    queue.push(jobs);
    let first = Mutex::new(None);
    let hands = thread::scope(|scope| {
        let mut helpers = Vec::new();
        let mut pace = Pace { ask: Some((go_on, clock::steady())), stop: &queue.stop };
        let mut own = new_hand();
        labour(&queue, &mut own, deed, &mut pace, &first, &mut || {
            if helpers.is_empty() && queue.lock().weight > MUCH {
                let help = || {
                    let mut hand = new_hand();
                    let mut pace = Pace { ask: None, stop: &queue.stop };
                    labour(&queue, &mut hand, deed, &mut pace, &first, &mut || ());
                    hand
                };
                helpers.extend((1..threads()).map(|_| scope.spawn(help)));
            }
        });
        let joined =
            helpers.into_iter().map(|helper| helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(own).chain(joined).collect()
    });
    let error = first.into_inner().unwrap_or_else(PoisonError::into_inner);
    (hands, error.map_or(Ok(()), Err))
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST)
}

fn labour<J: Job, H>(
    queue: &Queue<J>,
    hand: &mut H,
    deed: &Deed<'_, J, H>,
    pace: &mut Pace<'_>,
    first: &Mutex<Option<ArchiveError>>,
    after_each: &mut dyn FnMut(),
) {
    loop {
        let done = pace.check().and_then(|()| match queue.next() {
            Next::Job(job) => {
                let done = deed(hand, job, queue, pace);
                queue.finish();
                done.map(|()| true)
            }
            Next::NotNow => Ok(true),
            Next::End => Ok(false),
        });
        match done {
            Ok(true) => after_each(),
            Ok(false) => return,
            Err(error) => {
                // The first error is the cause; the others only stopped because of it.
                first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                queue.stop.store(true, Ordering::Relaxed);
                queue.news.notify_all();
                return;
            }
        }
    }
}
