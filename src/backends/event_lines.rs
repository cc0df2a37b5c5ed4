//! The wire between children of ours and their adapters: one serialised event per line.
//!
//! A line that is no event is kept as unknown: a child may die in the middle of one.

use std::io::{self, Write};

use super::Parser;
use crate::core::AgentEvent;

/// How much of a line that nobody understands is kept.
const RAW_CAP: usize = 8 * 1024;

/// Reads one serialised [`AgentEvent`] per line.
pub(super) struct EventLines;

impl Parser for EventLines {
    fn line(&mut self, line: &[u8], events: &mut Vec<AgentEvent>) {
        if !line.is_empty() {
            events.push(serde_json::from_slice(line).unwrap_or_else(|_| unknown(line)));
        }
    }
}

/// Returns the event for a line that is not understood.
pub(super) fn unknown(line: &[u8]) -> AgentEvent {
    let mut raw = String::from_utf8_lossy(line).into_owned();
    raw.truncate(raw.floor_char_boundary(RAW_CAP));
    AgentEvent::Unknown { raw }
}

/// Prints one event per line, each at once: somebody may be watching.
pub(super) struct EventPrinter<W>(pub W);

impl<W: Write> EventPrinter<W> {
    pub(super) fn print(&mut self, event: &AgentEvent) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        self.0.flush()
    }
}
