//! Streams into events: reads what an agent has written since the last time, once, by whoever comes first.
//!
//! Theory of operation: `ingest.json` is a checkpoint: how many bytes of `out` are done, how
//! long `events.jsonl` is, the parser's state and the digest. Under a lock, events are
//! appended first and the checkpoint replaced after; events beyond the checkpoint are the
//! leftovers of a crash and are cut off and made again. So every event has one number, no
//! number has a gap, and a cursor means the same for ever. No stream is in the database.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
};

use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::EngineError;
use crate::{
    backends::{Backend, LineFeeder},
    core::{AgentEvent, Digest, EventRecord, Timestamp, Usage},
    keeper::contract::AttemptDir,
    os::{
        clock, failpoint,
        files::{self, Durability, FileError},
    },
};

const CHUNK: usize = 256 * 1024;
/// One sparse index entry for this many events.
const INDEX_EVERY: u64 = 256;

/// What has been read of a stream so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Checkpoint {
    v: u32,
    offset: u64,
    events: u64,
    events_length: u64,
    /// The place in `events.jsonl` of events 1, 257, 513, …
    index: Vec<u64>,
    skipping: bool,
    /// The stream is over and all of it is in.
    closed: bool,
    parser: Value,
    digest: Digest,
}

/// Whether the agent may still write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Open,
    Over,
}

/// Brings the events up to date and returns the digest.
///
/// # Errors
/// A file cannot be read or written.
pub(super) fn ingest(
    dir: &AttemptDir,
    backend: &dyn Backend,
    baseline: &Usage,
    stream: Stream,
) -> Result<Digest, EngineError> {
    let before = read_checkpoint(dir)?;
    if is_current(dir, &before, stream) {
        return Ok(before.digest);
    }
    // The file that is written is the lock as well: it is never replaced.
    let path = dir.file("events.jsonl");
    let events = files::open_append(&path)?;
    events.lock().map_err(FileError::at(&path, "lock"))?;
    // Whoever had the lock may have done the work.
    let checkpoint = read_checkpoint(dir)?;
    if is_current(dir, &checkpoint, stream) {
        return Ok(checkpoint.digest);
    }
    let checkpoint = Reading::new(dir, backend, baseline, checkpoint, events)?.run_to_the_end(stream)?;
    Ok(checkpoint.digest)
}

fn is_current(dir: &AttemptDir, checkpoint: &Checkpoint, stream: Stream) -> bool {
    checkpoint.closed || (stream == Stream::Open && files::length(&dir.file("out")) <= checkpoint.offset)
}

/// Returns the digest as of the last time somebody read.
///
/// # Errors
/// The checkpoint cannot be read.
pub(super) fn last_known(dir: &AttemptDir) -> Result<Digest, EngineError> {
    let checkpoint = read_checkpoint(dir)?;
    Ok(checkpoint.digest)
}

fn read_checkpoint(dir: &AttemptDir) -> Result<Checkpoint, EngineError> {
    let bytes = files::read_optional(&dir.file("ingest.json"))?;
    // A checkpoint that cannot be read is begun anew: the stream itself is the truth.
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

struct Reading<'a> {
    dir: &'a AttemptDir,
    baseline: &'a Usage,
    checkpoint: Checkpoint,
    parser: Box<dyn crate::backends::Parser>,
    feeder: LineFeeder,
    events: File,
    buffer: Vec<u8>,
    now: Timestamp,
}

impl<'a> Reading<'a> {
    fn new(
        dir: &'a AttemptDir,
        backend: &dyn Backend,
        baseline: &'a Usage,
        checkpoint: Checkpoint,
        mut events: File,
    ) -> Result<Self, EngineError> {
        let path = dir.file("events.jsonl");
        events.set_len(checkpoint.events_length).map_err(FileError::at(&path, "cut off the leftovers of"))?;
        events.seek(SeekFrom::End(0)).map_err(FileError::at(&path, "read"))?;
        let mut parser = backend.parser();
        parser.restore(&checkpoint.parser);
        let feeder = LineFeeder::resumed(checkpoint.skipping);
        Ok(Self { dir, baseline, checkpoint, parser, feeder, events, buffer: Vec::new(), now: clock::now() })
    }

    fn run_to_the_end(mut self, stream: Stream) -> Result<Checkpoint, EngineError> {
        let path = self.dir.file("out");
        match File::open(&path) {
            Ok(mut out) => {
                out.seek(SeekFrom::Start(self.checkpoint.offset)).map_err(FileError::at(&path, "read"))?;
                // An event is no later than the file's last change, however late it is read.
                let changed = out.metadata().ok().and_then(|metadata| clock::modified(&metadata));
                self.now = changed.map_or(self.now, |changed| changed.min(self.now));
                self.read_all(&mut out, &path)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::at(&path, "open")(error).into()),
        }
        if stream == Stream::Over {
            let mut fresh = Vec::new();
            self.feeder.end(self.parser.as_mut(), &mut fresh);
            self.take(fresh)?;
            self.checkpoint.closed = true;
        }
        self.finish()
    }

    fn read_all(&mut self, out: &mut File, path: &Utf8Path) -> Result<(), EngineError> {
        let mut chunk = vec![0; CHUNK];
        let mut fresh = Vec::new();
        let mut position = self.checkpoint.offset;
        loop {
            let count = out.read(&mut chunk).map_err(FileError::at(path, "read"))?;
            if count == 0 {
                return Ok(());
            }
            position += count as u64;
            self.feeder.feed(&chunk[..count], self.parser.as_mut(), &mut fresh);
            self.checkpoint.offset = position - self.feeder.pending() as u64;
            self.take(std::mem::take(&mut fresh))?;
        }
    }

    fn take(&mut self, fresh: Vec<AgentEvent>) -> Result<(), EngineError> {
        for event in fresh {
            if self.checkpoint.events.is_multiple_of(INDEX_EVERY) {
                self.checkpoint.index.push(self.checkpoint.events_length + self.buffer.len() as u64);
            }
            self.checkpoint.events += 1;
            let record = EventRecord { seq: self.checkpoint.events, at: self.now, event };
            self.checkpoint.digest.add(&record, self.baseline);
            // Our own type with string keys: this cannot fail.
            let _ = serde_json::to_writer(&mut self.buffer, &record);
            self.buffer.push(b'\n');
            if self.buffer.len() >= CHUNK {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), EngineError> {
        let path = self.dir.file("events.jsonl");
        self.events.write_all(&self.buffer).map_err(FileError::at(&path, "write"))?;
        self.checkpoint.events_length += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Checkpoint, EngineError> {
        self.flush()?;
        failpoint::hit("ingest.before_checkpoint");
        self.checkpoint.v = 1;
        self.checkpoint.parser = self.parser.save();
        self.checkpoint.skipping = self.feeder.is_skipping();
        // Our own type with string keys: this cannot fail.
        let bytes = serde_json::to_vec(&self.checkpoint).unwrap_or_default();
        files::replace(&self.dir.file("ingest.json"), &bytes, Durability::Process)?;
        Ok(self.checkpoint)
    }
}

/// Some events of one attempt, in order.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    pub events: Vec<EventRecord>,
    /// The number of the last event that was looked at.
    pub last_seq: u64,
    /// Whether there are more right now.
    pub more: bool,
}

/// Returns up to `limit` events after number `after` that `wanted` takes.
///
/// # Errors
/// A file cannot be read.
pub(super) fn events(
    dir: &AttemptDir,
    after: u64,
    limit: usize,
    wanted: &dyn Fn(&AgentEvent) -> bool,
) -> Result<EventPage, EngineError> {
    let checkpoint = read_checkpoint(dir)?;
    let mut page = EventPage { last_seq: after, ..EventPage::default() };
    if after >= checkpoint.events {
        return Ok(page);
    }
    let path = dir.file("events.jsonl");
    let mut file = OpenOptions::new().read(true).open(&path).map_err(FileError::at(&path, "open"))?;
    let start = usize::try_from(after / INDEX_EVERY).ok().and_then(|entry| checkpoint.index.get(entry)).copied();
    let start = start.unwrap_or(0);
    file.seek(SeekFrom::Start(start)).map_err(FileError::at(&path, "read"))?;
    // Beyond the checkpoint lie events that may still be cut off.
    let mut lines = BufReader::new(file.take(checkpoint.events_length - start));
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = lines.read_until(b'\n', &mut line).map_err(FileError::at(&path, "read"))?;
        if count == 0 {
            return Ok(page);
        }
        let Ok(record) = serde_json::from_slice::<EventRecord>(&line) else { continue };
        if record.seq <= after {
            continue;
        }
        if page.events.len() == limit {
            page.more = true;
            return Ok(page);
        }
        page.last_seq = record.seq;
        if wanted(&record.event) {
            page.events.push(record);
        }
    }
}
