//! The attempt directory: what the engine writes for a keeper, and what the keeper writes back.
//!
//! | file | by | meaning |
//! |---|---|---|
//! | `spec.json` | engine | what to run and within which limits ([`Spec`]) |
//! | `prompt` | engine | the agent's standard input |
//! | `alive` | keeper | locked as long as a keeper lives; the lock, never a process id, is the proof |
//! | `pid` | keeper | made before the agent is started, never removed: an attempt with it never starts again |
//! | `out`, `err` | agent | its standard output and error, append-only |
//! | `ended` | recorder | made before a program is started of which nothing but its end is known, then that ([`ProgramEnd`]) |
//! | `ctl` | engine | a FIFO for [`Order`]s, one JSON line each |
//! | `paused` | keeper | there as long as the tree is stopped |
//! | `rests` | keeper | since when it is, and how long it was before ([`Rests`]) |
//! | `beat` | keeper | its time of change is the keeper's sign of life |
//! | `setup` | keeper | what the commands printed that make an isolated directory ready |
//! | `verify` | keeper | what the checks printed |
//! | `changes.json` | keeper | what differs after the agent ([`Changes`]) |
//! | `exit` | keeper | how it ended ([`Exit`]), synced and renamed into place; written once |

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::{
    archive::{ChangeKind, SnapshotName},
    core::{ArchiveLimits, ArchiveScope, Bytes, Check, Ending, Isolation, Span, Timestamp, Verification},
    os::files::{Durability, FileError, create_new, is_locked, make_dir, open_lock, read_optional, replace, sync_dir},
};

/// The version of the files' form. Readers take any version up to theirs.
pub const VERSION: u32 = 1;

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub v: u32,
    /// The task and attempt, for the agent's environment: `ID.N`.
    pub cookie: String,
    /// The attempt whose failed check this one mends: for a rebuild, which has only the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair_of: Option<u32>,
    pub program: String,
    pub args: Vec<String>,
    /// Variables with fixed values; never secrets.
    pub env: Vec<(String, String)>,
    /// Names, or prefixes ending in `*`, of variables to pass on from the keeper's own environment.
    pub env_pass: Vec<String>,
    pub cwd: Utf8PathBuf,
    /// Whether `prompt` is the agent's standard input; else it is empty.
    pub prompt_on_stdin: bool,
    /// The polite end: SIGINT for agents that tidy up on it, else SIGTERM.
    pub interrupt_first: bool,
    pub timeout: Option<Span>,
    pub grace: Span,
    /// Limit on `out` and `err` together.
    pub max_output: Bytes,
    /// The attempt ends when the disk has less than this.
    pub free_disk_floor: Bytes,
    /// How long processes that the agent left behind may go on.
    pub leftover_grace: Span,
    /// Shell lines that must succeed after the agent has.
    pub verify: Vec<String>,
    pub verify_timeout: Span,
    /// The bells beside this file are rung at the end, so that whoever waits for any task wakes.
    pub poke: Utf8PathBuf,
    /// Started at the end if its lock is free.
    pub ticker_lock: Utf8PathBuf,
    /// Whether the program has a parent of its own that notes its end, so that the exit code outlives this keeper.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub records_end: bool,
    /// The exit codes that mean success; 0 when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub good_exits: Vec<i32>,
    /// Whether the agent writes something before it does anything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub speaks_first: bool,
    /// What is archived around the agent; `None` when nothing is, and of releases that had no archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchivePlan>,
}

/// Returns the mark beside an isolated directory that says that it is made and ready.
pub fn ready_mark(root: &Utf8Path) -> Utf8PathBuf {
    format!("{root}.ready").into()
}

impl Spec {
    pub(super) fn is_good_exit(&self, code: i32) -> bool {
        if self.good_exits.is_empty() { code == 0 } else { self.good_exits.contains(&code) }
    }
}

/// What to archive, and where the agent works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivePlan {
    /// The archive of all workspaces.
    pub store: Utf8PathBuf,
    /// The workspace in whose archive the snapshots are kept.
    pub workspace: Utf8PathBuf,
    /// What the agent works in: the workspace, or an isolated directory made from it.
    pub root: Utf8PathBuf,
    pub scope: ArchiveScope,
    pub limits: ArchiveLimits,
    pub names: SnapshotNames,
    pub isolate: Isolation,
    /// Shell lines that make an isolated directory ready.
    pub setup: Vec<String>,
    /// Whether others may write in the root meanwhile, so that what differs may be theirs.
    pub others_may_write: bool,
}

/// The names of an attempt's snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotNames {
    /// The workspace when the isolated directory was made.
    pub base: SnapshotName,
    pub before: SnapshotName,
    pub after: SnapshotName,
    /// For a repair: from before the attempt whose work it mends. What differs is told from there on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<SnapshotName>,
}

/// What differs after an attempt, from the file `changes.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub v: u32,
    pub total: u64,
    pub created: u64,
    pub modified: u64,
    pub deleted: u64,
    /// The first of them, in the order of their paths.
    pub files: Vec<ChangedFile>,
    /// What became of the repository itself, in sentences.
    #[serde(default)]
    pub git: Vec<String>,
    /// Whether others may have made some of them.
    #[serde(default)]
    pub others_may_write: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    pub path: String,
    pub kind: ChangeKind,
}

/// The word after the directory for a keeper that is sent because nobody seems to keep an attempt that was claimed before.
pub const AGAIN: &str = "again";

/// The agent's process, from the file `pid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentProcess {
    pub pid: i32,
    pub started_at: Timestamp,
}

/// The time in which the tree stood still, which counts against no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rests {
    pub v: u32,
    /// When it was stopped, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// All pauses before.
    pub before: Span,
}

/// How a program ended, by its parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramEnd {
    pub v: u32,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    /// Why it could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How the attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    pub v: u32,
    pub ending: Ending,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Timestamp,
    /// Whether a second keeper saw the end: the exit code is not known then, unless it was noted.
    pub adopted: bool,
    /// Processes that were killed, polite ends not counted.
    pub killed_processes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(default)]
    pub verification: Verification,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Why what the agent left could not be archived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_note: Option<String>,
}

impl Exit {
    /// Returns the end of an attempt whose agent never ran.
    pub fn without_agent(ending: Ending, now: Timestamp) -> Self {
        Self {
            v: VERSION,
            ending,
            code: None,
            signal: None,
            started_at: None,
            ended_at: now,
            adopted: false,
            killed_processes: 0,
            detail: None,
            verification: Verification::None,
            checks: Vec::new(),
            archive_note: None,
        }
    }
}

/// What the engine asks of a living keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    /// End the attempt for this reason.
    End {
        ending: Ending,
        grace: Option<Span>,
        detail: Option<String>,
    },
    Pause,
    Resume,
}

/// The directory of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptDir(Utf8PathBuf);

impl AttemptDir {
    pub fn new(path: impl Into<Utf8PathBuf>) -> Self {
        Self(path.into())
    }

    pub fn path(&self) -> &Utf8Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> Utf8PathBuf {
        self.0.join(name)
    }

    /// # Errors
    /// The file cannot be written.
    pub fn write_spec(&self, spec: &Spec) -> Result<(), FileError> {
        replace(&self.file("spec.json"), &to_json(spec), Durability::Process)
    }

    /// # Errors
    /// The file cannot be read; one that is no JSON of this version reads as missing.
    pub fn read_spec(&self) -> Result<Option<Spec>, FileError> {
        Ok(read_optional(&self.file("spec.json"))?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// # Errors
    /// The file cannot be read.
    pub fn read_exit(&self) -> Result<Option<Exit>, FileError> {
        Ok(read_optional(&self.file("exit"))?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// # Errors
    /// The file cannot be read; one that is torn reads as missing.
    pub fn read_changes(&self) -> Result<Option<Changes>, FileError> {
        Ok(read_optional(&self.file("changes.json"))?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Not worth a sync: both snapshots are on the disk, and say the same.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write_changes(&self, changes: &Changes) -> Result<(), FileError> {
        replace(&self.file("changes.json"), &to_json(changes), Durability::Process)
    }

    /// Whoever looks sees it from here on; a crash of the machine takes it back until [`AttemptDir::settle`].
    ///
    /// # Errors
    /// The content cannot be made durable; the attempt then looks as if it still ran.
    pub fn write_exit(&self, exit: &Exit) -> Result<(), FileError> {
        replace(&self.file("exit"), &to_json(exit), Durability::Content)
    }

    /// Makes the names of the files durable.
    ///
    /// # Errors
    /// The directory cannot be synced.
    pub fn settle(&self) -> Result<(), FileError> {
        sync_dir(self.path())
    }

    /// Returns what is noted about pauses; none where nothing readable is.
    pub(super) fn read_rests(&self) -> Rests {
        let bytes = read_optional(&self.file("rests")).ok().flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// # Errors
    /// The file cannot be written.
    pub(super) fn write_rests(&self, rests: &Rests) -> Result<(), FileError> {
        replace(&self.file("rests"), &to_json(rests), Durability::Process)
    }

    /// Returns the noted end of the program; `None` where none was noted.
    pub fn read_program_end(&self) -> Option<ProgramEnd> {
        let bytes = read_optional(&self.file("ended")).ok().flatten()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Only the keeper's own file has to survive the machine.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_program_end(&self, end: &ProgramEnd) -> Result<(), FileError> {
        replace(&self.file("ended"), &to_json(end), Durability::Process)
    }

    /// # Errors
    /// The file cannot be read. `Some(None)` means that the start was begun and its process is not known.
    pub fn read_process(&self) -> Result<Option<Option<AgentProcess>>, FileError> {
        Ok(read_optional(&self.file("pid"))?.map(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Ends an attempt that no keeper has begun, and makes sure that none ever will; `false` when
    /// one has it or had it.
    ///
    /// # Errors
    /// The files cannot be written; the attempt may then still begin.
    pub fn forestall(&self, ending: Ending, now: Timestamp) -> Result<bool, FileError> {
        make_dir(self.path())?;
        let lock = open_lock(&self.file("alive"))?;
        if lock.try_lock().is_err() || !create_new(&self.file("pid"), b"")? {
            return Ok(false);
        }
        self.write_exit(&Exit::without_agent(ending, now))?;
        self.settle()?;
        Ok(true)
    }

    /// Whether the keeper has stopped the tree.
    pub fn is_paused(&self) -> bool {
        self.file("paused").exists()
    }

    /// Returns when the keeper was last heard of, once it has beaten.
    pub fn last_beat(&self) -> Option<Timestamp> {
        crate::os::clock::modified(&std::fs::metadata(self.file("beat")).ok()?)
    }

    /// Whether a keeper lives.
    pub fn is_kept(&self) -> bool {
        is_locked(&self.file("alive"))
    }
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    // Maps with string keys and plain values only: this cannot fail for our own types.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_version_1_read_back() {
        let golden = r#"{"v":1,"ending":"exited","code":0,"signal":null,"started_at":"2026-11-20T09:30:00Z","ended_at":"2026-11-20T09:30:01Z","adopted":false,"killed_processes":0}"#;
        let exit: Exit = serde_json::from_str(golden).unwrap();
        assert_eq!((exit.ending, exit.code, exit.verification), (Ending::Exited, Some(0), Verification::None));
        let golden = r#"{"v":1,"cookie":"c.1","program":"a","args":[],"env":[],"env_pass":[],"cwd":"/w","prompt_on_stdin":true,"interrupt_first":false,"timeout":null,"grace":"10s","max_output":"1GB","free_disk_floor":"1MB","leftover_grace":"2s","verify":[],"verify_timeout":"30m","poke":"/p","ticker_lock":"/t"}"#;
        let spec: Spec = serde_json::from_str(golden).unwrap();
        assert_eq!((spec.cwd.as_str(), spec.archive), ("/w", None));
        let order: Order =
            serde_json::from_str(r#"{"do":"end","ending":"cancelled","grace":"10s","detail":null}"#).unwrap();
        let grace = Some(Span::from_secs(10));
        assert_eq!(order, Order::End { ending: Ending::Cancelled, grace, detail: None });
    }
}
