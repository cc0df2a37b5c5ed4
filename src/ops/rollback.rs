//! `mgr rollback`: the workspace as it was before a task, and the way back from that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Effect, Example, Exit, OpError, Operation, Render, Toolset,
    landing::{ConflictView, Fates, Story, Totals, inside},
};
use crate::{
    archive::OnConflict,
    core::{TaskId, TaskRef},
    engine::LandAsk,
    ui::{Page, plural},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackInput {
    /// The task: an id, a unique prefix, @last or @-2
    #[arg(value_name = "TASK")]
    pub task_id: TaskRef,
    /// Only these files and directories, as the diff shows them or absolute (can be repeated)
    #[arg(value_name = "PATH")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Only say what would be done; over MCP true unless false is sent
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = <bool as std::str::FromStr>::from_str)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// For what was changed since: refuse (all of it), skip, theirs (take the archived state), markers (merge)
    #[arg(long, value_enum, default_value = "refuse")]
    #[serde(default = "refuse")]
    pub on_conflict: OnConflict,
    /// Take back the last rollback of this task
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undo: bool,
    /// Most paths to list of each kind
    #[arg(long, default_value = "100")]
    #[serde(default = "hundred")]
    pub limit: u32,
}

impl RollbackInput {
    /// Asks for all of a task to be taken back now.
    pub(super) const fn all_of(task_id: TaskRef) -> Self {
        let (on_conflict, limit) = (refuse(), hundred());
        Self { task_id, paths: Vec::new(), dry_run: Some(false), on_conflict, undo: false, limit }
    }
}

const fn refuse() -> OnConflict {
    OnConflict::Refuse
}

pub(super) const fn hundred() -> u32 {
    100
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RollbackOutput {
    pub task_id: TaskId,
    /// Whether nothing was changed because only a look was asked for.
    pub dry_run: bool,
    /// Whether anything was changed.
    pub done: bool,
    /// The name of this rollback in the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_id: Option<String>,
    /// Back with their old content, mode or target.
    pub restored: Vec<String>,
    /// Gone, because they were not there before.
    pub deleted: Vec<String>,
    /// Changed by both sides and merged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
    /// With conflict markers in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marked: Vec<String>,
    /// Brought back over a later edit, which is kept in the archive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overwritten: Vec<String>,
    /// Left as they are.
    pub conflicts: Vec<ConflictView>,
    /// Directories that stay because something else is in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept_dirs: Vec<String>,
    /// Paths that were as wanted already.
    pub already: u64,
    /// Paths beyond the limit of the lists.
    pub more: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What to call next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(skip)]
    undo: bool,
    /// Whether no part was asked for and no policy.
    #[serde(skip)]
    is_plain: bool,
    #[serde(skip)]
    totals: Totals,
}

pub struct Rollback;

impl Operation for Rollback {
    const CLI: &'static [&'static str] = &["rollback"];
    const TOOL: Option<&'static str> = Some("task_rollback");
    const TITLE: &'static str = "Undo what a task changed";
    const TOOLSET: Toolset = Toolset::Safety;
    const EFFECT: Effect = Effect::Destroy;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Roll back, undo, revert or restore: bring files back to what they were before a task. \
        Keeps what others changed since (conflicts). Over MCP only looks unless dry_run is false; undo takes it back. \
        See task_diff first.";
    const EXAMPLE: Example = Example {
        argv: &["rollback", "@last", "src/login.rs", "--dry-run", "--on-conflict", "skip"],
        json: r#"{"task_id":"@last","paths":["src/login.rs"],"dry_run":true,"on_conflict":"skip","limit":100}"#,
    };

    type Input = RollbackInput;
    type Output = RollbackOutput;

    async fn run(call: &Call<'_>, input: RollbackInput) -> Result<RollbackOutput, OpError> {
        let id = call.engine.resolve(&input.task_id)?;
        call.engine.reconcile()?;
        let task = call.engine.task(&id)?;
        let dry_run = input.dry_run.unwrap_or(call.looks_first());
        let is_plain = input.paths.is_empty() && input.on_conflict == refuse();
        let paths = inside(&task, &input.paths)?;
        let ask = LandAsk { paths, dry_run, on_conflict: input.on_conflict, undo: input.undo, beside: None };
        let report = call.engine.roll_back(&task, &ask)?;
        let fates = Fates::of(&report.landed, input.on_conflict, input.limit);
        let next = next(&fates, dry_run, report.landed.is_done, input.undo);
        Ok(RollbackOutput {
            task_id: id,
            dry_run,
            done: report.landed.is_done,
            rollback_id: report.id.map(|id| id.to_string()),
            restored: fates.written,
            deleted: fates.deleted,
            merged: fates.merged,
            marked: fates.marked,
            overwritten: fates.overwritten,
            conflicts: fates.conflicts,
            kept_dirs: fates.kept_dirs,
            already: report.landed.already,
            more: fates.more,
            notes: report.notes,
            next,
            undo: input.undo,
            is_plain,
            totals: fates.totals,
        })
    }
}

/// Says what a program calls next; a person gets the same in commands.
fn next(fates: &Fates, dry_run: bool, is_done: bool, undo: bool) -> Option<String> {
    let conflicts = !fates.conflicts.is_empty();
    let words = match (dry_run, is_done, conflicts, undo) {
        (_, _, true, _) if fates.held_back > 0 => {
            return Some(format!(
                "nothing is changed because of conflicts; on_conflict skip would do {} without them, theirs or markers all of it",
                plural(fates.held_back, "path")
            ));
        }
        (_, _, true, _) => "conflicts stay as they are: on_conflict theirs or markers decides what becomes of them",
        (true, _, false, _) => "nothing was changed: the same call with dry_run false does it",
        (false, true, false, false) => "the same call with undo true takes it back",
        (false, _, false, _) => return None,
    };
    Some(words.to_owned())
}

impl RollbackOutput {
    fn story(&self) -> Story<'_> {
        Story {
            command: "rollback",
            journal: self.rollback_id.as_deref(),
            task_id: &self.task_id,
            writing: ["restore", "restored", "restored"],
            ways: "skip|theirs|markers",
            dry_run: self.dry_run,
            is_done: self.done,
            undo: self.undo,
            is_plain: self.is_plain,
            written: &self.restored,
            deleted: &self.deleted,
            merged: &self.merged,
            marked: &self.marked,
            overwritten: &self.overwritten,
            conflicts: &self.conflicts,
            kept_dirs: &self.kept_dirs,
            notes: &self.notes,
            totals: self.totals,
        }
    }
}

impl Render for RollbackOutput {
    fn render(&self, page: &mut Page) {
        self.story().render(page);
    }

    fn exit(&self) -> Exit {
        self.story().exit()
    }
}
