//! `mgr apply`: the result of an isolated task brought into its workspace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Effect, Example, Exit, OpError, Operation, Render, Toolset,
    landing::{ConflictView, Fates, Story, Totals, inside},
    rollback::hundred,
};
use crate::{
    archive::OnConflict,
    core::{TaskId, TaskRef},
    engine::LandAsk,
    ui::Page,
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyInput {
    /// The isolated task: an id, a unique prefix, @last or @-2
    #[arg(value_name = "TASK")]
    pub task_id: TaskRef,
    /// Only these files and directories, as the diff shows them or absolute (can be repeated)
    #[arg(value_name = "PATH")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Only say what would be done
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// For what both sides changed in one place: skip (leave it), refuse (all of it), theirs (the task's), markers
    #[arg(long, value_enum, default_value = "skip")]
    #[serde(default = "skip")]
    pub on_conflict: OnConflict,
    /// Take back the last apply of this task
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undo: bool,
    /// Most paths to list of each kind
    #[arg(long, default_value = "100")]
    #[serde(default = "hundred")]
    pub limit: u32,
}

const fn skip() -> OnConflict {
    OnConflict::Skip
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ApplyOutput {
    pub task_id: TaskId,
    pub dry_run: bool,
    /// Whether anything was changed.
    pub done: bool,
    /// The name of this apply in the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply_id: Option<String>,
    pub written: Vec<String>,
    pub deleted: Vec<String>,
    /// Changed by both sides in different places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
    /// With conflict markers in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marked: Vec<String>,
    /// The task's state taken over another edit, which is kept in the archive.
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
    #[serde(skip)]
    undo: bool,
    /// Whether no part was asked for and no policy.
    #[serde(skip)]
    is_plain: bool,
    #[serde(skip)]
    totals: Totals,
}

pub struct Apply;

impl Operation for Apply {
    const CLI: &'static [&'static str] = &["apply"];
    const TOOL: Option<&'static str> = Some("task_apply");
    const TITLE: &'static str = "Bring in an isolated task's result";
    const TOOLSET: Toolset = Toolset::Safety;
    const EFFECT: Effect = Effect::Destroy;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Apply, merge or land the result of an isolated task (isolate worktree or copy) into the directory it was made from. \
        Texts that both sides changed are merged; overlaps stay as they are and come back as conflicts. Undo takes it back.";
    const EXAMPLE: Example = Example {
        argv: &["apply", "@last", "src", "--on-conflict", "markers"],
        json: r#"{"task_id":"@last","paths":["src"],"on_conflict":"markers","limit":100}"#,
    };

    type Input = ApplyInput;
    type Output = ApplyOutput;

    async fn run(call: &Call<'_>, input: ApplyInput) -> Result<ApplyOutput, OpError> {
        let id = call.engine.resolve(&input.task_id)?;
        call.engine.reconcile()?;
        let task = call.engine.task(&id)?;
        let is_plain = input.paths.is_empty() && input.on_conflict == skip();
        let paths = inside(&task, &input.paths)?;
        let (dry_run, on_conflict, undo) = (input.dry_run, input.on_conflict, input.undo);
        let ask = LandAsk { paths, dry_run, on_conflict, undo, beside: call.engine.asking_task() };
        let report = call.engine.apply_result(&task, &ask)?;
        let fates = Fates::of(&report.landed, input.on_conflict, input.limit);
        Ok(ApplyOutput {
            task_id: id,
            dry_run: input.dry_run,
            done: report.landed.is_done,
            apply_id: report.id.map(|id| id.to_string()),
            written: fates.written,
            deleted: fates.deleted,
            merged: fates.merged,
            marked: fates.marked,
            overwritten: fates.overwritten,
            conflicts: fates.conflicts,
            kept_dirs: fates.kept_dirs,
            already: report.landed.already,
            more: fates.more,
            notes: report.notes,
            undo: input.undo,
            is_plain,
            totals: fates.totals,
        })
    }
}

impl ApplyOutput {
    fn story(&self) -> Story<'_> {
        Story {
            command: "apply",
            journal: self.apply_id.as_deref(),
            task_id: &self.task_id,
            writing: ["write", "wrote", "written"],
            ways: "theirs|markers",
            dry_run: self.dry_run,
            is_done: self.done,
            undo: self.undo,
            is_plain: self.is_plain,
            written: &self.written,
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

impl Render for ApplyOutput {
    fn render(&self, page: &mut Page) {
        self.story().render(page);
    }

    fn exit(&self) -> Exit {
        self.story().exit()
    }
}
