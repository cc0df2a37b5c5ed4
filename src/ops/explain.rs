//! `mgr explain`: a task in a paragraph.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, TaskView, Toolset};
use crate::{
    core::{Posture, Status, TaskId, TaskRef, Verification},
    store::Filter,
    ui::{Page, clip, duration_words, plural},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainInput {
    /// The task: an id, a unique prefix, @last or @-2; the last tasks when absent
    #[arg(value_name = "TASK")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskRef>,
    /// How many of the last tasks, when none is named, 1 to 50
    #[arg(long, default_value = "1", value_name = "COUNT")]
    #[serde(default = "one")]
    pub last: u32,
}

const fn one() -> u32 {
    1
}

/// One task in words.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Explanation {
    pub task_id: TaskId,
    pub status: Status,
    pub text: String,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExplainOutput {
    pub tasks: Vec<Explanation>,
}

pub struct Explain;

impl Operation for Explain {
    const CLI: &'static [&'static str] = &["explain"];
    const TOOL: Option<&'static str> = Some("task_explain");
    const TITLE: &'static str = "Explain a task";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Explain in a paragraph what a task was asked, did, changed and cost, and how and why it ended. \
        For the numbers use task_status.";
    const EXAMPLE: Example = Example { argv: &["explain", "@last"], json: r#"{"task_id":"@last","last":1}"# };

    type Input = ExplainInput;
    type Output = ExplainOutput;

    async fn run(call: &Call<'_>, input: ExplainInput) -> Result<ExplainOutput, OpError> {
        call.engine.reconcile()?;
        let tasks = match &input.task_id {
            Some(reference) => vec![call.engine.task(&call.engine.resolve(reference)?)?],
            None => call.engine.list(&Filter::default(), None, input.last.clamp(1, 50))?.tasks,
        };
        let explain = |task| {
            let view = TaskView::of(call, task)?;
            let text = paragraph(&view);
            Ok(Explanation { task_id: view.task_id, status: view.status, text })
        };
        Ok(ExplainOutput { tasks: tasks.iter().map(explain).collect::<Result<_, OpError>>()? })
    }
}

/// Only what is known is said; what the agent said is in quotation marks.
fn paragraph(view: &TaskView) -> String {
    let mut sentences = vec![asked(view)];
    sentences.extend(did(view));
    sentences.extend(mended(view));
    sentences.extend(used(view));
    sentences.push(ended(view));
    sentences.join(" ")
}

fn asked(view: &TaskView) -> String {
    let posture = match view.posture {
        Posture::ReadOnly => "read-only",
        Posture::Edit => "with leave to edit",
        Posture::Full => "with full access",
    };
    let model = view.actual_model.as_deref().map(|model| format!(" ({model})")).unwrap_or_default();
    let prompt = clip(&view.prompt, 160);
    format!("{}{model} was asked in {}, {posture}: “{prompt}”.", view.backend, view.working_dir)
}

fn did(view: &TaskView) -> Vec<String> {
    let steps = view.recent_steps.iter().map(|step| clip(step, 60)).collect::<Vec<_>>().join("; ");
    let mut sentences: Vec<_> = changed(view).into_iter().collect();
    sentences.extend((!steps.is_empty()).then(|| format!("Its last steps: {steps}.")));
    sentences.extend(view.git.iter().map(|sentence| capital(&format!("{}.", sentence.trim_end_matches('.')))));
    sentences
}

/// What the archive saw, where it has looked; else what the agent says.
fn changed(view: &TaskView) -> Option<String> {
    let names = clip(&view.files_changed.join(", "), 200);
    let claimed = plural(view.files_changed.len() as u64, "file");
    match &view.changes {
        None if view.files_changed.is_empty() => None,
        None => Some(format!("By its own account it changed {claimed} ({names}).")),
        Some(changes) if changes.total == 0 && view.claims_unseen => {
            Some("It says that it changed files, but none differs.".to_owned())
        }
        Some(changes) if changes.total == 0 => Some("It changed no file.".to_owned()),
        Some(changes) if changes.others_may_write => Some(format!(
            "While it ran, {} changed: {names}; others may have written there too.",
            plural(changes.total, "file")
        )),
        Some(changes) => Some(format!("It changed {}: {names}.", plural(changes.total, "file"))),
    }
}

/// Which checks failed and went back to the agent, and whether that helped.
pub(super) fn mended(view: &TaskView) -> Vec<String> {
    let mut failed: Vec<(&str, usize)> = Vec::new();
    for number in view.attempts.iter().filter_map(|attempt| attempt.repair_of) {
        let attempt = view.attempts.iter().find(|attempt| attempt.number == number);
        let Some(check) = attempt.and_then(|attempt| attempt.checks.last()) else { continue };
        match failed.iter_mut().find(|(command, _)| *command == check.command) {
            Some((_, count)) => *count += 1,
            None => failed.push((&check.command, 1)),
        }
    }
    let last = view.attempts.last().map(|attempt| attempt.checks.as_slice()).unwrap_or_default();
    let sentence = |(command, count): (&str, usize)| {
        let times = match count {
            1 => "once".to_owned(),
            2 => "twice".to_owned(),
            count => format!("{count} times"),
        };
        let check = clip(command, 80);
        let passes = last.iter().any(|check| check.command == command && check.verdict == Verification::Passed);
        if passes {
            format!("The check `{check}` failed {times} and was repaired in the same conversation.")
        } else {
            format!("The check `{check}` failed and went back to the same conversation {times}.")
        }
    };
    failed.into_iter().map(sentence).collect()
}

fn used(view: &TaskView) -> Option<String> {
    let tokens = view.usage.map(|tokens| format!("{} tokens", tokens.total()));
    let cost = view.cost.usd.map(|usd| format!("${usd:.4}"));
    match (tokens, cost) {
        (Some(tokens), Some(cost)) => Some(format!("It used {tokens}, {cost}.")),
        (Some(tokens), None) => Some(format!("It used {tokens}; the cost is not known.")),
        (None, Some(cost)) => Some(format!("It cost {cost}.")),
        (None, None) => None,
    }
}

fn ended(view: &TaskView) -> String {
    let took = view.elapsed_s.map(|seconds| format!(" after {}", duration_words(seconds))).unwrap_or_default();
    let checks = match view.verification {
        Verification::None => "",
        Verification::Passed => " Its checks passed.",
        Verification::Failed => " Its checks failed.",
        Verification::Error => " Its checks could not run.",
    };
    match (&view.failure, view.status.is_terminal()) {
        (Some(failure), _) => format!(
            "It ended {}{took} ({}): {}.{checks} {}.",
            view.status.as_str(),
            failure.category.as_str(),
            clip(failure.message.trim_end_matches('.'), 300),
            capital(&failure.hint)
        ),
        (None, true) => {
            let answer = view
                .output_preview
                .as_deref()
                .map(|text| format!(" Its answer: “{}”", clip(text, 200)))
                .unwrap_or_default();
            format!("It ended {}{took}.{checks}{answer}", view.status.as_str())
        }
        (None, false) => {
            let why = view.waiting_on.as_deref().map(|what| format!(" and waits for: {what}")).unwrap_or_default();
            format!("It is {}{took}{why}.", view.health.as_str())
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

impl Render for ExplainOutput {
    fn render(&self, page: &mut Page) {
        for task in &self.tasks {
            page.text(&format!("{}: {}", task.task_id.short(), task.text));
        }
        if self.tasks.is_empty() {
            page.line("No tasks.");
        }
    }
}
