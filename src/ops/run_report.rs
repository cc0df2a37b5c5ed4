//! `mgr workflow report`: a run in Markdown, for somebody who was not there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Effect, Example, OpError, Operation, Render, TaskView, Toolset,
    explain::mended,
    export::fenced,
    run_views::{RunStepView, RunView},
    workflow::task_vocabulary,
};
use crate::{
    core::TaskRef,
    engine::Loaded,
    ui::{Page, duration_words, one_line},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowReportInput {
    /// The run: its id, a unique prefix, @last or @-2; the newest one when absent
    #[arg(value_name = "RUN")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<TaskRef>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkflowReportOutput {
    /// The report, as Markdown.
    pub markdown: String,
}

pub struct WorkflowReport;

impl Operation for WorkflowReport {
    const CLI: &'static [&'static str] = &["workflow", "report"];
    const TOOL: Option<&'static str> = Some("workflow_report");
    const TITLE: &'static str = "Report a workflow run";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Report a workflow run in Markdown: what was asked, each step with outcome, time, cost, files and answer, and the outputs.";
    const EXAMPLE: Example = Example { argv: &["workflow", "report", "@last"], json: r#"{"workflow_id":"@last"}"# };

    type Input = WorkflowReportInput;
    type Output = WorkflowReportOutput;

    async fn run(call: &Call<'_>, input: WorkflowReportInput) -> Result<WorkflowReportOutput, OpError> {
        call.engine.reconcile()?;
        let id = call.engine.resolve_run(&input.workflow_id.unwrap_or(TaskRef::Recent(1)))?;
        let state = call.engine.run_state(&id)?;
        let loaded = call.engine.definition(&state.run, &task_vocabulary())?;
        let view = RunView::of(call, &state)?;
        let mut markdown = head(&view, &loaded);
        for step in &view.steps {
            markdown.push_str(&of_step(call, step)?);
        }
        for (name, text) in &view.outputs {
            markdown.push_str(&format!("## Output: {}\n\n{}\n\n", one_line(name), fenced(text)));
        }
        Ok(WorkflowReportOutput { markdown })
    }
}

fn head(view: &RunView, loaded: &Loaded) -> String {
    let mut text = format!("# {}\n\n", one_line(&view.name));
    if let Some(description) = &loaded.workflow.description {
        text.push_str(&format!("{}\n\n", one_line(description)));
    }
    let cost = view.cost_usd.map_or_else(|| "not known".to_owned(), |usd| format!("${usd:.2}"));
    text.push_str(&format!(
        "The run `{}` began {} and is {} after {}. It cost {cost}.{}\n\n",
        view.workflow_id,
        view.created_at,
        view.status.as_str(),
        duration_words(view.elapsed_s),
        if view.demo { " It was a demo: no agent was asked." } else { "" },
    ));
    for (name, value) in &loaded.plan.params {
        text.push_str(&format!("- {}: {}\n", one_line(name), one_line(&value.to_string())));
    }
    text.push_str("\n| step | outcome | by | time | cost | why |\n|---|---|---|---|---|---|\n");
    for step in &view.steps {
        let cells = [
            step.id.clone(),
            step.status.as_str().to_owned(),
            step.backend.clone().unwrap_or_else(|| step.kind.as_str().to_owned()),
            step.elapsed_s.map(duration_words).unwrap_or_default(),
            step.cost_usd.map(|usd| format!("${usd:.2}")).unwrap_or_default(),
            step.reason.clone().unwrap_or_default(),
        ];
        let cells: Vec<_> = cells.iter().map(|cell| one_line(cell).replace('|', "\\|")).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text.push('\n');
    text
}

fn of_step(call: &Call<'_>, step: &RunStepView) -> Result<String, OpError> {
    let Some(id) = &step.task_id else { return Ok(String::new()) };
    let Ok(task) = call.engine.task(id) else { return Ok(String::new()) };
    let view = TaskView::of(call, &task)?;
    let words = call.engine.words(id)?;
    let digest = call.engine.digest_of(&task)?.unwrap_or_default();
    let mut text = format!("## {}\n\nTask `{id}`.\n\n{}\n\n", one_line(&step.id), fenced(&words.prompt));
    if !view.files_changed.is_empty() {
        let files: Vec<_> = view.files_changed.iter().map(|file| one_line(file)).collect();
        text.push_str(&format!("Files changed: {}\n\n", files.join(", ")));
    }
    for sentence in mended(&view) {
        text.push_str(&format!("{}\n\n", one_line(&sentence)));
    }
    text.push_str(&format!("Answer:\n\n{}\n\n", fenced(digest.answer().unwrap_or_default())));
    Ok(text)
}

impl Render for WorkflowReportOutput {
    fn render(&self, page: &mut Page) {
        page.text(&self.markdown);
    }
}
