//! Diagnostics that never hold anybody up.

use std::{
    io::{self, Write},
    sync::mpsc::{SyncSender, sync_channel},
};

use crate::config::Environment;

/// Lines that wait for a slow reader; more are dropped.
const BACKLOG: usize = 1024;

/// Starts diagnostics on standard error, if MGR_LOG asks for them. Many clients never read it:
/// a full pipe blocked the server after 39 calls (measured), so lines are dropped instead.
pub(super) fn start(env: &Environment) {
    // A panic is answered to its caller; standard error may be a pipe that nobody reads.
    std::panic::set_hook(Box::new(|info| tracing::error!(%info, "panic")));
    let Some(filter) = env.get("MGR_LOG") else { return };
    let (lines, written) = sync_channel::<Vec<u8>>(BACKLOG);
    let write = move || {
        for line in written {
            if io::stderr().write_all(&line).is_err() {
                return;
            }
        }
    };
    if std::thread::Builder::new().name("log".to_owned()).spawn(write).is_err() {
        return;
    }
    let filter = tracing_subscriber::EnvFilter::new(filter);
    let writer = move || Dropping(lines.clone());
    // Fails when a log is there already, which then serves.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(writer).try_init();
}

struct Dropping(SyncSender<Vec<u8>>);

impl Write for Dropping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full backlog drops the line: that is the point.
        let _ = self.0.try_send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
