//! Cuts a stream of bytes into lines for a parser, whatever pieces the bytes come in.

use super::Parser;
use crate::core::AgentEvent;

/// A line longer than this is not kept: no agent means it, and memory must stay flat.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// Feeds a parser with whole lines.
#[derive(Default)]
pub struct LineFeeder {
    partial: Vec<u8>,
    /// Whether the line being read is already over [`LONGEST_LINE`].
    skipping: bool,
}

impl LineFeeder {
    /// Returns a feeder that goes on between two lines, or in the middle of one that is passed over.
    pub fn resumed(skipping: bool) -> Self {
        Self { partial: Vec::new(), skipping }
    }

    /// Returns how many bytes have been taken in whose line is not over yet.
    pub fn pending(&self) -> usize {
        self.partial.len()
    }

    /// Whether a line that is too long is being passed over.
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, mut chunk: &[u8], parser: &mut dyn Parser, events: &mut Vec<AgentEvent>) {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&chunk[..end], &chunk[end + 1..]);
            if self.skipping {
                self.skipping = false;
                self.partial.clear();
                events.push(AgentEvent::Unknown { raw: "a line over the length limit was left out".into() });
            } else if self.partial.is_empty() {
                parser.line(trim_carriage_return(line), events);
            } else {
                self.partial.extend_from_slice(line);
                let whole = std::mem::take(&mut self.partial);
                parser.line(trim_carriage_return(&whole), events);
            }
            chunk = rest;
        }
        if self.skipping || self.partial.len() + chunk.len() > LONGEST_LINE {
            self.skipping = true;
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(chunk);
        }
    }

    /// The stream is over.
    pub fn end(&mut self, parser: &mut dyn Parser, events: &mut Vec<AgentEvent>) {
        let partial = std::mem::take(&mut self.partial);
        parser.end(&partial, events);
    }
}

fn trim_carriage_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
