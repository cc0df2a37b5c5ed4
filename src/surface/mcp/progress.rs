//! What a waiting call tells its client, and how it hears that it is to return.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{
    ops::{EventView, Progress, TaskLine},
    os::clock,
    ui::clip,
};

/// Clients show no more than one message a second; making one costs a look at the streams.
pub(super) const AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// Clients that reset their clock on progress do so for less than a minute.
pub(super) const AT_LEAST_EVERY: Duration = Duration::from_secs(10);
/// Clients without progress cut a call after 60 s (measured), those with it after 240 s.
const WITHOUT_TOKEN: Duration = Duration::from_secs(50);
const WITH_TOKEN: Duration = Duration::from_secs(230);

/// The pulse of one call.
pub(super) struct Heartbeat {
    wanted: bool,
    over: AtomicBool,
    looked: Mutex<Option<Instant>>,
    line: watch::Sender<String>,
}

impl Heartbeat {
    /// `wanted`: the client gave a progress token.
    pub fn new(wanted: bool) -> Self {
        Self { wanted, over: AtomicBool::new(false), looked: Mutex::default(), line: watch::Sender::new(String::new()) }
    }

    pub const fn longest_wait(&self) -> Duration {
        if self.wanted { WITH_TOKEN } else { WITHOUT_TOKEN }
    }

    /// Asks the call to return what it has. The engine has to be woken after that.
    pub fn stop(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub fn lines(&self) -> watch::Receiver<String> {
        self.line.subscribe()
    }
}

impl Progress for Heartbeat {
    fn wants_tasks(&self) -> bool {
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        self.wanted && looked.is_none_or(|at| clock::steady().duration_since(at) >= AT_MOST_EVERY)
    }

    fn tasks(&self, tasks: &[TaskLine]) {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock::steady());
        let line = words(tasks);
        self.line.send_if_modified(|last| {
            let is_news = *last != line;
            *last = line;
            is_news
        });
    }

    fn event(&self, _: &EventView) {}

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// `1 of 3 over; 1f9d active: cargo test; 77aa queued`
fn words(tasks: &[TaskLine]) -> String {
    let live = tasks.iter().filter(|task| !task.status.is_terminal());
    let over = tasks.len() - live.clone().count();
    let step =
        |task: &TaskLine| task.current_step.as_deref().map(|step| format!(": {}", clip(step, 60))).unwrap_or_default();
    let each = live.take(4).map(|task| format!("; {} {}{}", task.task_id.short(), task.health.as_str(), step(task)));
    format!("{over} of {} over{}", tasks.len(), each.collect::<String>())
}
