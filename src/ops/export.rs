//! `mgr export`: a Markdown report of tasks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, TaskView, Toolset};
use crate::{
    core::TaskRef,
    ui::{Page, duration_words, one_line},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportInput {
    /// Tasks to report: ids, unique prefixes, @last or @-2
    #[arg(required = true, value_name = "TASK")]
    pub task_ids: Vec<TaskRef>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExportOutput {
    /// The report, as Markdown.
    pub markdown: String,
}

pub struct Export;

impl Operation for Export {
    const CLI: &'static [&'static str] = &["export"];
    const TOOL: Option<&'static str> = Some("task_export");
    const TITLE: &'static str = "Export a Markdown report";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Export a Markdown report of one or several tasks: prompt, outcome, numbers, checks and the whole answer. \
        For the answer alone use task_output.";
    const EXAMPLE: Example = Example { argv: &["export", "@last", "@-2"], json: r#"{"task_ids":["@last","@-2"]}"# };

    type Input = ExportInput;
    type Output = ExportOutput;

    async fn run(call: &Call<'_>, input: ExportInput) -> Result<ExportOutput, OpError> {
        call.engine.reconcile()?;
        let mut markdown = String::new();
        for reference in &input.task_ids {
            let task = call.engine.task(&call.engine.resolve(reference)?)?;
            let view = TaskView::of(call, &task)?;
            let prompt = call.engine.words(&task.id)?.prompt;
            let digest = call.engine.digest_of(&task)?.unwrap_or_default();
            markdown.push_str(&report(&view, &prompt, digest.answer().unwrap_or_default()));
        }
        Ok(ExportOutput { markdown })
    }
}

fn report(view: &TaskView, prompt: &str, answer: &str) -> String {
    let title = one_line(view.label.as_deref().unwrap_or(view.task_id.as_str()));
    let mut text = format!("# {title}\n\n| | |\n|---|---|\n");
    let mut row =
        |name: &str, value: String| text.push_str(&format!("| {name} | {} |\n", one_line(&value).replace('|', "\\|")));
    row("task", view.task_id.to_string());
    row("outcome", view.status.as_str().to_owned());
    row(
        "backend",
        view.actual_model.as_ref().map_or_else(|| view.backend.clone(), |model| format!("{} ({model})", view.backend)),
    );
    row("directory", view.working_dir.clone());
    row("submitted", view.created_at.to_string());
    if let Some(seconds) = view.elapsed_s {
        row("time", duration_words(seconds));
    }
    if let Some(tokens) = view.usage {
        row("tokens", tokens.total().to_string());
    }
    row("cost", view.cost.usd.map_or_else(|| view.no_cost().to_owned(), |usd| format!("${usd:.4}")));
    if let Some(failure) = &view.failure {
        row("failure", format!("{}: {}", failure.category.as_str(), failure.message));
    }
    for check in view.attempts.iter().flat_map(|attempt| &attempt.checks) {
        row(
            "check",
            format!(
                "`{}` exit code {}",
                check.command,
                check.exit_code.map_or_else(|| "?".to_owned(), |code| code.to_string())
            ),
        );
    }
    if !view.files_changed.is_empty() {
        row("files", view.files_changed.join(", "));
    }
    text.push_str(&format!("\n## Prompt\n\n{}\n\n## Answer\n\n{}\n\n", fenced(prompt), fenced(answer)));
    text
}

/// Puts words that are not ours into a fence that they cannot close.
pub(super) fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end())
}

impl Render for ExportOutput {
    fn render(&self, page: &mut Page) {
        page.text(&self.markdown);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_fence_cannot_be_closed_from_inside() {
        assert_eq!(super::fenced("a ```` b"), "`````text\na ```` b\n`````");
    }
}
