//! `mgr archive`: what is kept of workspaces, why, and freeing its space.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AbsolutePath, Call, Effect, Example, OpError, Operation, Render, Toolset, rollback::hundred};
use crate::{
    core::{Bytes, Span, Timestamp},
    engine::{Custody, Retention},
    ui::{Page, plural, size_words},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveListInput {
    /// Only what was archived of this directory or beneath it
    #[arg(long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<AbsolutePath>,
    /// Most snapshots to return, the newest first
    #[arg(short = 'n', long, default_value = "50")]
    #[serde(default = "fifty")]
    pub limit: u32,
}

const fn fifty() -> u32 {
    50
}

/// A snapshot or journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ArchiveItem {
    pub name: String,
    pub workspace: String,
    pub taken_at: Timestamp,
    pub covered_files: u64,
    pub covered_bytes: u64,
    pub kept: bool,
    /// Why it is kept, or why it goes.
    pub reason: String,
}

impl From<Custody> for ArchiveItem {
    fn from(custody: Custody) -> Self {
        Self {
            name: custody.name,
            workspace: custody.workspace.into_string(),
            taken_at: custody.taken_at,
            covered_files: custody.covered_files,
            covered_bytes: custody.covered_bytes,
            kept: custody.is_kept,
            reason: custody.reason,
        }
    }
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ArchiveListOutput {
    pub snapshots: Vec<ArchiveItem>,
    /// How many there are in all.
    pub total: u64,
    /// What the archive takes on the disk; equal contents are kept once.
    pub stored_bytes: u64,
}

pub struct ArchiveList;

impl Operation for ArchiveList {
    const CLI: &'static [&'static str] = &["archive", "list"];
    const TOOL: Option<&'static str> = Some("archive_list");
    const TITLE: &'static str = "List what is archived";
    const TOOLSET: Toolset = Toolset::Safety;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "List the snapshots and backups of workspaces that the archive holds, newest first, with the space they take and why each is kept. \
        For what a task changed use task_diff; archive_gc frees space.";
    const EXAMPLE: Example = Example {
        argv: &["archive", "list", "--workspace", "/home/you/project", "-n", "5"],
        json: r#"{"workspace":"/home/you/project","limit":5}"#,
    };

    type Input = ArchiveListInput;
    type Output = ArchiveListOutput;

    async fn run(call: &Call<'_>, input: ArchiveListInput) -> Result<ArchiveListOutput, OpError> {
        call.engine.reconcile()?;
        let holdings = call.engine.holdings()?;
        let beneath = input.workspace.map(|dir| dir.0.canonicalize_utf8().unwrap_or(dir.0));
        let wanted = |item: &Custody| beneath.as_ref().is_none_or(|dir| item.workspace.starts_with(dir));
        let mut items: Vec<_> = holdings.items.into_iter().filter(wanted).collect();
        items.sort_by(|a, b| (b.taken_at, &b.name).cmp(&(a.taken_at, &a.name)));
        let total = items.len() as u64;
        let snapshots = items.into_iter().take(input.limit as usize).map(ArchiveItem::from).collect();
        Ok(ArchiveListOutput { snapshots, total, stored_bytes: holdings.stored_bytes })
    }
}

impl Render for ArchiveListOutput {
    fn render(&self, page: &mut Page) {
        page.table(
            &["taken", "name", "files", "size", "workspace", "kept because"],
            self.snapshots.iter().map(row).collect(),
        );
        let count = plural(self.total, "snapshot");
        page.line(format!("{count}, {} on the disk.", size_words(self.stored_bytes)));
        let hidden = self.total - self.snapshots.len() as u64;
        if hidden > 0 {
            page.line(format!("{hidden} more: `--limit {}` shows them.", self.total));
        }
    }
}

fn row(item: &ArchiveItem) -> Vec<String> {
    vec![
        item.taken_at.to_string(),
        item.name.clone(),
        item.covered_files.to_string(),
        size_words(item.covered_bytes),
        item.workspace.clone(),
        item.reason.clone(),
    ]
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveGcInput {
    /// Only snapshots that are older than this, such as 7d; the setting `archive_keep` when absent
    #[arg(long, value_name = "DURATION")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<Span>,
    /// Beyond this size the oldest go, however young; the setting `archive_max_size` when absent
    #[arg(long, value_name = "SIZE")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Bytes>,
    /// Remove them; without it, only say what would go
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apply: bool,
    /// Most snapshots to list, those that go first
    #[arg(short = 'n', long, default_value = "100")]
    #[serde(default = "hundred")]
    pub limit: u32,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ArchiveGcOutput {
    /// What went or would go, then what stays.
    pub snapshots: Vec<ArchiveItem>,
    pub total: u64,
    /// How many went, or would go.
    pub removed: u64,
    /// What was freed, or would be.
    pub freed_bytes: u64,
    /// What the archive takes on the disk.
    pub stored_bytes: u64,
    pub applied: bool,
}

pub struct ArchiveGc;

impl Operation for ArchiveGc {
    const CLI: &'static [&'static str] = &["archive", "gc"];
    const TOOL: Option<&'static str> = Some("archive_gc");
    const TITLE: &'static str = "Free the archive's space";
    const TOOLSET: Toolset = Toolset::Safety;
    const EFFECT: Effect = Effect::Destroy;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Prune or clean up the archive: remove old snapshots and free their space. Says what would go and why each stays; \
        removes only with apply. What is the only copy of a result that nobody took over is never removed.";
    const EXAMPLE: Example = Example {
        argv: &["archive", "gc", "--older-than", "7d", "--max-size", "2GB"],
        json: r#"{"older_than":"168h","max_size":"2GB","limit":100}"#,
    };

    type Input = ArchiveGcInput;
    type Output = ArchiveGcOutput;

    async fn run(call: &Call<'_>, input: ArchiveGcInput) -> Result<ArchiveGcOutput, OpError> {
        call.engine.reconcile()?;
        let settings = call.engine.config();
        let older_than = input.older_than.unwrap_or(settings.archive_keep);
        let max_size = Some(input.max_size.unwrap_or(settings.archive_max_size));
        let mut holdings = call.engine.collect_garbage(Retention { older_than, max_size, apply: input.apply })?;
        holdings.items.sort_by(|a, b| (a.is_kept, a.taken_at, &a.name).cmp(&(b.is_kept, b.taken_at, &b.name)));
        let removed = holdings.items.iter().filter(|item| !item.is_kept).count() as u64;
        let total = holdings.items.len() as u64;
        let snapshots = holdings.items.into_iter().take(input.limit as usize).map(ArchiveItem::from).collect();
        let (freed_bytes, stored_bytes) = (holdings.freed_bytes, holdings.stored_bytes);
        Ok(ArchiveGcOutput { snapshots, total, removed, freed_bytes, stored_bytes, applied: input.apply })
    }
}

impl Render for ArchiveGcOutput {
    fn render(&self, page: &mut Page) {
        let going = self.snapshots.iter().filter(|item| !item.kept);
        page.table(&["taken", "name", "files", "size", "workspace", "goes because"], going.map(row).collect());
        let (count, freed) = (plural(self.removed, "snapshot"), size_words(self.freed_bytes));
        let kept = plural(self.total - self.removed, "snapshot");
        page.line(match (self.applied, self.removed) {
            (_, 0) => format!("Nothing to remove, {kept} kept."),
            (true, _) => format!("Removed {count}, {freed}; {kept} kept."),
            (false, _) => format!("Would remove {count}, {freed}; {kept} kept. Add `--apply` to do it."),
        });
    }
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveRestoreInput {
    /// What to get out: a name that `mgr archive list` shows, such as ID.1.before or ID.discarded
    pub name: String,
    /// Only these files and directories, relative to what was archived (can be repeated)
    #[arg(value_name = "PATH")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Directory to write to, new or empty; over MCP an absolute path
    #[arg(long, value_name = "DIR")]
    pub to: AbsolutePath,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ArchiveRestoreOutput {
    pub name: String,
    /// The directory that it was archived of; it is not touched.
    pub workspace: String,
    pub to: String,
    pub files: u64,
}

pub struct ArchiveRestore;

impl Operation for ArchiveRestore {
    const CLI: &'static [&'static str] = &["archive", "restore"];
    const TOOL: Option<&'static str> = Some("archive_restore");
    const TITLE: &'static str = "Get archived files out";
    const TOOLSET: Toolset = Toolset::Safety;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Extract a snapshot or what a rollback has replaced into a new directory, to look at it or copy from it. \
        Overwrites nothing. To bring a workspace back use task_rollback.";
    const EXAMPLE: Example = Example {
        argv: &["archive", "restore", "01k9.1.before", "src", "--to", "/tmp/before"],
        json: r#"{"name":"01k9.1.before","paths":["src"],"to":"/tmp/before"}"#,
    };

    type Input = ArchiveRestoreInput;
    type Output = ArchiveRestoreOutput;

    async fn run(call: &Call<'_>, input: ArchiveRestoreInput) -> Result<ArchiveRestoreOutput, OpError> {
        let got = call.engine.extract(&input.name, &input.to.0, &input.paths)?;
        Ok(ArchiveRestoreOutput {
            name: got.name.to_string(),
            workspace: got.workspace.into_string(),
            to: input.to.0.into_string(),
            files: got.files,
        })
    }
}

impl Render for ArchiveRestoreOutput {
    fn render(&self, page: &mut Page) {
        page.line(format!("Wrote {} of {} to {}.", plural(self.files, "file"), self.name, self.to));
    }
}
