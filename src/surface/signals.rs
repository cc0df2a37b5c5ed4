//! The signals that end a server. They are for this process alone: agents stand in sessions of their own.

/// SIGTERM and SIGINT, from the moment that this is made. Needs the runtime.
pub(super) struct Ending {
    #[cfg(unix)]
    signals: Option<[tokio::signal::unix::Signal; 2]>,
}

impl Ending {
    pub fn heed() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let signals = signal(SignalKind::terminate()).and_then(|term| Ok([term, signal(SignalKind::interrupt())?]));
            // Without a handler the signal ends the process by itself.
            Self { signals: signals.ok() }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// Waits for one of them.
    pub async fn comes(self) {
        #[cfg(unix)]
        if let Some([mut term, mut interrupt]) = self.signals {
            tokio::select! {
                _ = term.recv() => return,
                _ = interrupt.recv() => return,
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_ok() {
            return;
        }
        std::future::pending::<()>().await;
    }
}
