//! `mgr workflow report`: a run in Markdown, for somebody who was not there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Effect, Example, OpError, Operation, Render, TaskView, Toolset,
    export::fenced,
    run_views::{RunStepView, RunView},
    workflow::task_vocabulary,
};
use crate::{
    core::{RunId, TaskRef},
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
        let loaded = call.engine.definition(&state.run, task_vocabulary())?;
        let view = RunView::of(call, &state)?;
        let mut markdown = head(&view, &loaded);
        for line in lines(&view.workflow_id, "", &view.steps) {
            markdown.push_str(&of_step(call, &line)?);
        }
        for (name, text) in &view.outputs {
            markdown.push_str(&format!("## Output: {}\n\n{}\n\n", one_line(name), fenced(text)));
        }
        Ok(WorkflowReportOutput { markdown })
    }
}

/// A step with its name in the whole and the run that it is of.
struct Line<'a> {
    run: &'a RunId,
    name: String,
    step: &'a RunStepView,
}

/// Returns the steps, those of nested workflows under the names of theirs.
fn lines<'a>(run: &'a RunId, above: &str, steps: &'a [RunStepView]) -> Vec<Line<'a>> {
    let mut found = Vec::new();
    for step in steps {
        let name = format!("{above}{}", step.id);
        let within = step.child_id.as_ref().map(|child| lines(child, &format!("{name}/"), &step.steps));
        found.push(Line { run, name, step });
        found.extend(within.into_iter().flatten());
    }
    found
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
    for Line { name, step, .. } in lines(&view.workflow_id, "", &view.steps) {
        let runs = step.repeat.filter(|repeat| repeat.run > 1).map(|repeat| format!(" after {} runs", repeat.run));
        let cells = [
            name,
            format!("{}{}", step.status.as_str(), runs.unwrap_or_default()),
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

fn of_step(call: &Call<'_>, line: &Line<'_>) -> Result<String, OpError> {
    let Some(id) = &line.step.task_id else { return Ok(String::new()) };
    let Ok(task) = call.engine.task(id) else { return Ok(String::new()) };
    let view = TaskView::of(call, &task)?;
    let words = call.engine.words(id)?;
    let digest = call.engine.digest_of(&task)?.unwrap_or_default();
    let mut text = format!("## {}\n\nTask `{id}`.\n\n{}\n\n", one_line(&line.name), fenced(&words.prompt));
    text.push_str(&earlier_runs(call, line)?);
    if !view.files_changed.is_empty() {
        let files: Vec<_> = view.files_changed.iter().map(|file| one_line(file)).collect();
        text.push_str(&format!("Files changed: {}\n\n", files.join(", ")));
    }
    text.push_str(&format!("Answer:\n\n{}\n\n", fenced(digest.answer().unwrap_or_default())));
    Ok(text)
}

/// Lists the runs of a step that ran more than once: in a loop, or because somebody asked again.
fn earlier_runs(call: &Call<'_>, line: &Line<'_>) -> Result<String, OpError> {
    if line.step.turn == 1 {
        return Ok(String::new());
    }
    let mut text = "Its runs:\n\n".to_owned();
    for (turn, task) in call.engine.tasks_of_step(line.run, &line.step.id)? {
        let why = task.failure().map(|failure| format!(": {}", one_line(&failure.message))).unwrap_or_default();
        text.push_str(&format!("{turn}. task `{}` {}{why}\n", task.id, task.status().as_str()));
    }
    text.push('\n');
    Ok(text)
}

impl Render for WorkflowReportOutput {
    fn render(&self, page: &mut Page) {
        page.text(&self.markdown);
    }
}
