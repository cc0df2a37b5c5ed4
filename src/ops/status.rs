//! `mgr status`: one task as it is, or everything that is live.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ArchiveView, Call, Effect, Example, OpError, Operation, Render, TaskLine, TaskView, Toolset, watch::tone};
use crate::{
    core::{ArchiveScope, Bytes, Status, TaskRef, Verification},
    engine::IsolationState,
    ui::{Page, Tone, brief_dollars, clip, duration_words, plural},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusInput {
    /// The task: an id, a unique prefix, @last or @-2; everything that is live when absent
    #[arg(value_name = "TASK")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskRef>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusOutput {
    #[serde(flatten)]
    pub task: Option<TaskView>,
    /// Tasks that are not over, when no task was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<TaskLine>>,
    /// How many tasks there are by status, when no task was named.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub counts: std::collections::BTreeMap<String, u64>,
}

pub struct TaskStatus;

impl Operation for TaskStatus {
    const CLI: &'static [&'static str] = &["status"];
    const TOOL: Option<&'static str> = Some("task_status");
    const TITLE: &'static str = "Show a task, or everything live";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Check the progress of a task: status, health, current step, tool running, tokens, cost, \
        failure and what to do about it. Without a task: everything that is live. To wait for it use task_watch.";
    const EXAMPLE: Example = Example { argv: &["status", "@last"], json: r#"{"task_id":"@last"}"# };

    type Input = StatusInput;
    type Output = StatusOutput;

    async fn run(call: &Call<'_>, input: StatusInput) -> Result<StatusOutput, OpError> {
        call.engine.reconcile()?;
        if let Some(reference) = &input.task_id {
            let task = call.engine.task(&call.engine.resolve(reference)?)?;
            let task = Some(TaskView::of(call, &task)?);
            return Ok(StatusOutput { task, tasks: None, counts: Default::default() });
        }
        let live = call.engine.live(200)?;
        let tasks = live.iter().map(|task| TaskLine::of(call, task)).collect::<Result<Vec<_>, _>>()?;
        let counts = call.engine.counts()?.into_iter().map(|(status, count)| (status.as_str().to_owned(), count));
        Ok(StatusOutput { task: None, tasks: Some(tasks), counts: counts.collect() })
    }
}

impl Render for StatusOutput {
    fn render(&self, page: &mut Page) {
        if let Some(task) = &self.task {
            return task.render(page);
        }
        let tasks = self.tasks.as_deref().unwrap_or_default();
        if tasks.is_empty() {
            page.line("Nothing is running.");
        }
        task_table(page, tasks);
        let over: Vec<_> = self.counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
        if !over.is_empty() {
            let words = page.tint(Tone::Faint, &over.join(", "));
            page.line(words);
        }
    }
}

/// So many changed files are shown; the rest is counted.
const SHOWN: usize = 20;

/// Says in a line or two what is archived, and what is not.
pub(super) fn archive_words(archive: &ArchiveView) -> String {
    let files = plural(archive.covered_files, "file");
    let mut words = match &archive.mode {
        ArchiveScope::Off => "nothing".to_owned(),
        ArchiveScope::All | ArchiveScope::Paths(_) if !archive.is_whole => "when the agent starts".to_owned(),
        ArchiveScope::All | ArchiveScope::Paths(_) => format!("{files}, {}", Bytes(archive.covered_bytes)),
    };
    if archive.late {
        words.push_str(", late after a crash");
    }
    let left_out = archive.not_covered.iter().take(3).map(|item| format!("\nnot {}: {}", item.path, item.why));
    words.extend(left_out);
    let more = archive.not_covered_total.saturating_sub(3);
    if more > 0 {
        words.push_str(&format!("\nnor {more} more"));
    }
    if let Some(note) = &archive.note {
        words.push_str(&format!("\nnot what the agent left: {note}"));
    }
    words
}

/// Shows tasks as a table.
pub(super) fn task_table(page: &mut Page, tasks: &[TaskLine]) {
    let plain = |words: String| (Tone::Plain, words);
    let row = |task: &TaskLine| {
        let failure = task.failure.as_ref().map(|failure| failure.message.as_str());
        vec![
            plain(task.task_id.short().to_owned()),
            (tone(task.status), task.health.as_str().to_owned()),
            plain(clip(task.step.as_deref().or(task.label.as_deref()).unwrap_or(&task.prompt), 40)),
            plain(task.backend.clone()),
            plain(task.elapsed_s.map(duration_words).unwrap_or_default()),
            plain(task.cost.usd.map(brief_dollars).unwrap_or_default()),
            plain(clip(failure.or(task.current_step.as_deref()).unwrap_or_default(), 100)),
        ]
    };
    page.told_table(&["task", "health", "what", "backend", "time", "cost", "now"], tasks.iter().map(row).collect());
}

impl Render for TaskView {
    fn render(&self, page: &mut Page) {
        let word = page.tint(tone(self.status), self.health.as_str());
        let name = self.label.as_deref().map(|label| format!("  {}", crate::ui::one_line(label))).unwrap_or_default();
        page.line(format!("{}  {word}{name}", page.tint(Tone::Strong, self.task_id.as_str())));
        page.field("prompt", clip(&self.prompt, 200));
        let model = self.actual_model.as_deref().or(self.asked_model.as_deref());
        page.field(
            "backend",
            model.map_or_else(|| self.backend.clone(), |model| format!("{} ({model})", self.backend)),
        );
        if self.route_mismatch {
            let asked = self.asked_model.as_deref().unwrap_or_default();
            page.field("asked for", format!("{asked}, but another model answered"));
        }
        page.field("directory", &self.working_dir);
        let optional = [("waits for", &self.waiting_on), ("now", &self.current_step), ("session", &self.session_id)];
        for (name, value) in optional {
            if let Some(value) = value {
                page.field(name, value);
            }
        }
        if let Some(seconds) = self.elapsed_s {
            page.field("time", duration_words(seconds));
        }
        self.render_attempts(page);
        self.render_numbers(page);
        self.render_outcome(page);
    }
}

impl TaskView {
    fn render_attempts(&self, page: &mut Page) {
        let adopted = self.attempts.iter().any(|attempt| attempt.supervision == "adopted");
        if self.attempts.len() > 1 || adopted {
            let mut words = plural(self.attempts.len() as u64, "attempt");
            let repairs = self.attempts.iter().filter(|attempt| attempt.repair_of.is_some()).count() as u64;
            if repairs > 0 {
                words.push_str(&format!(", of which {} in the same conversation", plural(repairs, "repair")));
            }
            let adopted = if adopted { ", supervision: adopted" } else { "" };
            page.field("attempts", format!("{words}{adopted}"));
        }
        for check in self.attempts.iter().flat_map(|attempt| &attempt.checks) {
            let verdict = match check.verdict {
                Verification::None => "not run",
                Verification::Passed => "passed",
                Verification::Failed => "failed",
                Verification::Error => "could not run",
            };
            page.field("check", format!("{} {verdict}", check.command));
        }
    }

    fn render_numbers(&self, page: &mut Page) {
        if let Some(tokens) = &self.usage {
            let cached = tokens.cache_read + tokens.cache_write;
            page.field("tokens", format!("{} in, {} out, {cached} cached", tokens.input, tokens.output));
        }
        page.field(
            "cost",
            match (self.cost.usd, &self.cost.price_date) {
                (Some(usd), None) => format!("${usd:.4}"),
                (Some(usd), Some(date)) => format!("${usd:.4} by the prices of {date}"),
                (None, _) => self.no_cost().to_owned(),
            },
        );
        if let Some(note) = &self.budget_note {
            page.field("", crate::ui::one_line(note));
        }
        self.render_changes(page);
        if !self.permission_denials.is_empty() {
            page.field("denied", self.permission_denials.join("\n"));
        }
    }

    fn render_changes(&self, page: &mut Page) {
        if let Some(isolation) = &self.isolation {
            let state = match isolation.state {
                IsolationState::NotYet => "made when the task starts",
                IsolationState::Present => "there",
                IsolationState::Applied => "brought in",
                IsolationState::Gone => "gone",
            };
            page.field("isolated in", format!("{} ({state})", isolation.directory));
            if let Some(note) = &isolation.note {
                page.field("", crate::ui::one_line(note));
            }
        }
        match &self.changes {
            Some(changes) if changes.total == 0 && self.claims_unseen => {
                page.field("files", "none differs, although the agent says that it changed some");
            }
            Some(changes) if changes.total == 0 => page.field("files", "none differs"),
            Some(changes) => {
                let mut lines: Vec<_> = self.files_changed.iter().take(SHOWN).cloned().collect();
                let more = changes.total.saturating_sub(lines.len() as u64);
                lines.extend((more > 0).then(|| format!("and {more} more")));
                lines.extend(changes.others_may_write.then(|| "(others may have written here too)".to_owned()));
                page.field("files", lines.join("\n"));
            }
            None if !self.files_changed.is_empty() => page.field("files", self.files_changed.join("\n")),
            None => {}
        }
        for sentence in &self.git {
            page.field("git", sentence);
        }
        if let Some(archive) = &self.archive {
            page.field("archived", archive_words(archive));
        }
    }

    fn render_outcome(&self, page: &mut Page) {
        if let Some(failure) = &self.failure {
            page.field("failure", format!("{}: {}", failure.category.as_str(), failure.message));
            page.field("hint", &failure.hint);
        }
        if let (Status::Done, Some(preview)) = (self.status, &self.output_preview) {
            page.field("answer", preview);
        }
    }
}
