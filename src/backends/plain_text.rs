//! Output that is the answer itself: of programs without a form for what they say.

use super::Parser;
use crate::core::AgentEvent;

/// Takes every line for a part of the answer.
pub(super) struct PlainText;

impl Parser for PlainText {
    fn line(&mut self, line: &[u8], events: &mut Vec<AgentEvent>) {
        let text = format!("{}\n", String::from_utf8_lossy(line));
        events.push(AgentEvent::Text { text, delta: true });
    }

    fn end(&mut self, partial: &[u8], events: &mut Vec<AgentEvent>) {
        if !partial.is_empty() {
            let text = String::from_utf8_lossy(partial).into_owned();
            events.push(AgentEvent::Text { text, delta: true });
        }
    }
}
