//! For tests: runs recorded streams through an adapter in every way they may arrive.

use std::{fs, path::PathBuf};

use super::{Backend, LineFeeder};
use crate::core::{
    AgentEvent, Category, Digest, Ending, EventRecord, Evidence, Status, Timestamp, Usage, Verification, judge,
};

/// A recorded run: what the program wrote and how it ended.
pub(super) struct Recording {
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub exit_code: Option<i32>,
}

impl Recording {
    pub(super) fn new(stdout: impl Into<Vec<u8>>, exit_code: i32) -> Self {
        Self { stdout: stdout.into(), stderr: String::new(), exit_code: Some(exit_code) }
    }

    /// Reads `tests/transcripts/<folder>/<name>.stdout`, with `.stderr` and `.exit` where there are any.
    pub(super) fn load(folder: &str, name: &str) -> Self {
        let base = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(folder);
        let stdout = fs::read(base.join(format!("{name}.stdout"))).unwrap_or_else(|e| panic!("{folder}/{name}: {e}"));
        let stderr = fs::read(base.join(format!("{name}.stderr"))).unwrap_or_default();
        let exit = fs::read_to_string(base.join(format!("{name}.exit"))).ok();
        Self {
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            exit_code: exit.map_or(Some(0), |code| code.trim().parse().ok()),
        }
    }

    /// Returns the events, having checked that they do not depend on how the bytes arrive.
    pub(super) fn events(&self, backend: &dyn Backend) -> Vec<AgentEvent> {
        let whole = self.in_chunks(backend, usize::MAX, false);
        assert_eq!(whole, self.in_chunks(backend, 1, false), "byte by byte");
        assert_eq!(whole, self.in_chunks(backend, usize::MAX, true), "another process at every line");
        self.cut_anywhere(backend);
        whole
    }

    fn in_chunks(&self, backend: &dyn Backend, size: usize, hand_over: bool) -> Vec<AgentEvent> {
        let (mut parser, mut feeder, mut events) = (backend.parser(), LineFeeder::default(), Vec::new());
        for line in self.stdout.split_inclusive(|byte| *byte == b'\n') {
            for chunk in line.chunks(size.min(line.len())) {
                feeder.feed(chunk, parser.as_mut(), &mut events);
            }
            if hand_over {
                let state = serde_json::to_string(&parser.save()).unwrap();
                parser = backend.parser();
                parser.restore(&serde_json::from_str(&state).unwrap());
            }
        }
        feeder.end(parser.as_mut(), &mut events);
        events
    }

    /// A stream that is cut after any line is never a success unless its terminal event was in.
    fn cut_anywhere(&self, backend: &dyn Backend) {
        let mut end = 0;
        for line in self.stdout.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            for cut in [end, end.saturating_sub(line.len() / 2)] {
                let part = Self { stdout: self.stdout[..cut].to_vec(), stderr: String::new(), exit_code: None };
                let events = part.in_chunks(backend, usize::MAX, false);
                let finished = events.iter().any(|event| matches!(event, AgentEvent::Finished { .. }));
                let status = verdict_of(backend, &part, &events, Ending::Vanished).0;
                assert!(status != Status::Done || finished, "cut at byte {cut} is taken for done");
            }
        }
    }

    /// Returns what the task would be said to be.
    pub(super) fn verdict(&self, backend: &dyn Backend) -> (Status, Option<Category>) {
        self.verdict_after(backend, Ending::Exited)
    }

    /// Returns what the task would be said to be when the attempt ended this way.
    pub(super) fn verdict_after(&self, backend: &dyn Backend, ending: Ending) -> (Status, Option<Category>) {
        verdict_of(backend, self, &self.events(backend), ending)
    }

    /// Returns the summary of the whole stream.
    pub(super) fn digest(&self, backend: &dyn Backend) -> Digest {
        digest(&self.events(backend))
    }
}

fn digest(events: &[AgentEvent]) -> Digest {
    let mut digest = Digest::default();
    for (seq, event) in (1..).zip(events) {
        let record = EventRecord { seq, at: Timestamp(seq as i64), event: event.clone() };
        digest.add(&record, &Usage::default());
    }
    digest
}

fn verdict_of(
    backend: &dyn Backend,
    recording: &Recording,
    events: &[AgentEvent],
    ending: Ending,
) -> (Status, Option<Category>) {
    let digest = digest(events);
    let stderr_verdict = backend.classify_stderr(&recording.stderr, recording.exit_code);
    let outcome = judge(&Evidence {
        ending,
        exit_code: recording.exit_code.map(|code| if backend.is_good_exit(code) { 0 } else { code }),
        signal: None,
        digest: &digest,
        stderr_verdict: stderr_verdict.as_ref(),
        may_be_silent: false,
        has_terminal_event: backend.has_terminal_event(),
        verification: Verification::None,
        detail: None,
        wants_checks: false,
        wants_structured: false,
    });
    (outcome.status, outcome.failure.map(|failure| failure.category))
}
