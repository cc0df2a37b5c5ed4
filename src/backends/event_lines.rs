//! The parser for children of ours, which print events as they are.
//!
//! A line that is no event is kept as unknown: a child may die in the middle of one.

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
