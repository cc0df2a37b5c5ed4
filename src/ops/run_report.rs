//! `mgr workflow report`: a run in Markdown, for somebody who was not there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Effect, Example, OpError, Operation, Render, TaskView, Toolset,
    explain::mended,
    export::fenced,
    run_step_view::{ApprovalView, RunStepView},
    run_views::RunView,
    run_words::{PAUSED, cost_word, in_words, shell_word},
    step_maker::task_vocabulary,
};
use crate::{
    core::{Giver, RunId, RunStatus, StepStatus, TaskId, TaskRef, Verification},
    engine::Loaded,
    ui::{Page, clip, dollars, duration_words, one_line, plural},
    workflow::StepKind,
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
    const ABOUT: &'static str = "Report a workflow run in Markdown: a summary with who approved what, each step with outcome, time, cost, files and answer, and the outputs.";
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
        // What came of it stands before how it came.
        for (name, text) in &view.outputs {
            markdown.push_str(&format!("## Output: {}\n\n{}\n\n", one_line(name), fenced(text)));
        }
        for line in lines(&view.workflow_id, "", &view.steps) {
            let is_race = line.step.kind == StepKind::Race;
            markdown.push_str(&if is_race { of_race(&line) } else { of_step(call, &line, view.demo)? });
        }
        Ok(WorkflowReportOutput { markdown })
    }
}

/// A step with its name in the whole and the run that it is of.
struct Line<'a> {
    run: &'a RunId,
    name: String,
    step: &'a RunStepView,
    /// All steps of that run.
    siblings: &'a [RunStepView],
}

/// Returns the steps, those of nested workflows under the names of theirs.
fn lines<'a>(run: &'a RunId, above: &str, steps: &'a [RunStepView]) -> Vec<Line<'a>> {
    let mut found = Vec::new();
    for step in steps {
        let name = format!("{above}{}", step.id);
        let within = step.child_id.as_ref().map(|child| lines(child, &format!("{name}/"), &step.steps));
        found.push(Line { run, name, step, siblings: steps });
        found.extend(within.into_iter().flatten());
    }
    found
}

fn head(view: &RunView, loaded: &Loaded) -> String {
    let mut text = format!("# {}\n\n", one_line(&view.name));
    if let Some(description) = &loaded.workflow.description {
        text.push_str(&format!("{}\n\n", one_line(description)));
    }
    text.push_str(&format!("{}\n\n", summary(view).join(" ")));
    if !loaded.plan.params.is_empty() {
        text.push_str("Its parameters:\n\n");
        for (name, value) in &loaded.plan.params {
            text.push_str(&format!("- {}: {}\n", one_line(name), inline(&value.to_string())));
        }
        text.push('\n');
    }
    text.push_str("| step | outcome | by | time | cost | why |\n|---|---|---|---|---|---|\n");
    for Line { name, step, .. } in lines(&view.workflow_id, "", &view.steps) {
        let runs = step.repeat.filter(|repeat| repeat.run > 1).map(|repeat| format!(" after {} runs", repeat.run));
        let cells = [
            name.replace('|', "\\|"),
            format!("{}{}", in_words(step.standing), runs.unwrap_or_default()),
            step.backend.clone().unwrap_or_else(|| step.kind.as_str().to_owned()),
            step.elapsed_s.map(duration_words).unwrap_or_default(),
            cost_word(step.cost_usd.map(dollars), step.cost_unknown),
            step.why().map(|why| inline(&why)).unwrap_or_default(),
        ];
        let cells: Vec<_> = cells.iter().map(|cell| one_line(cell)).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text.push('\n');
    text
}

/// Says who won and why, and what became of each other; what they said follows with each racer.
fn of_race(line: &Line<'_>) -> String {
    let race = line.step;
    let outcome = match (&race.reason, &race.winner) {
        (Some(why), _) => one_line(why),
        (None, Some(winner)) => format!("{winner} won"),
        (None, None) => format!("The race is {}", in_words(race.standing)),
    };
    let mut text = format!("## {}\n\n{outcome}.\n\n", one_line(&line.name));
    for racer in line.siblings.iter().filter(|step| step.race.as_ref() == Some(&race.id)) {
        let mark = if race.winner.as_ref() == Some(&racer.id) { " (the winner)" } else { "" };
        let took = racer.elapsed_s.map(|seconds| format!(" after {}", duration_words(seconds))).unwrap_or_default();
        let checks = match racer.verification {
            Some(Verification::Passed) => ", checks passed",
            Some(Verification::Failed) => ", checks failed",
            Some(Verification::Error) => ", checks broke",
            Some(Verification::None) | None => "",
        };
        let why = racer.reason.as_deref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
        let status = in_words(racer.standing);
        text.push_str(&format!("- {}{mark}: {status}{took}{checks}{why}\n", one_line(&racer.id)));
    }
    text.push('\n');
    text
}

/// So many steps of a sort are told about by name in the summary.
const MOST_TOLD: usize = 5;
/// What somebody else wrote takes so many characters in a sentence.
const LONGEST: usize = 300;

/// Says in sentences what came of the run and who had a word in it.
fn summary(view: &RunView) -> Vec<String> {
    let mut sentences = vec![began(view), counted(view)];
    let told = |status: StepStatus| view.steps.iter().filter(move |step| step.status == status);
    for step in told(StepStatus::Failed).filter(|step| step.approval.is_none()).take(MOST_TOLD) {
        let why = step.reason.as_deref().map(|why| format!(": {}", sentence(why))).unwrap_or_else(|| ".".to_owned());
        sentences.push(format!("Step {} failed{why}", one_line(&step.id)));
    }
    sentences.extend(lines(&view.workflow_id, "", &view.steps).iter().filter_map(word).take(2 * MOST_TOLD));
    sentences.extend(view.notes.iter().map(|note| format!("Of note: {}.", inline(note))));
    sentences.extend(view.cost_words().map(|words| format!("{}.", begun(&words))));
    sentences
}

fn began(view: &RunView) -> String {
    let (id, at, took) = (&view.workflow_id, view.created_at, duration_words(view.elapsed_s));
    let end = view.finished_at.filter(|_| view.was_taken_up).map(|at| format!("at {at}"));
    let end = end.unwrap_or_else(|| format!("after {took}"));
    match view.status {
        RunStatus::Done => format!("The run `{id}` began {at} and was done {end}."),
        RunStatus::Failed => format!("The run `{id}` began {at} and failed {end}."),
        RunStatus::Cancelled => format!("The run `{id}` began {at} and was cancelled {end}."),
        RunStatus::Running if view.standing != RunStatus::Running.as_str() => {
            format!("The run `{id}` began {at}, is not over after {took}, and all that runs in it is paused.")
        }
        RunStatus::Running => {
            format!("The run `{id}` began {at} and is still going after {took}: this is how far it is.")
        }
        RunStatus::Paused => {
            let why = view.why.as_deref().map(|why| format!(": {}", sentence(why))).unwrap_or_else(|| ".".to_owned());
            format!("The run `{id}` began {at}, is not over after {took} and is paused{why}")
        }
    }
}

/// Counts the steps by how they stand.
fn counted(view: &RunView) -> String {
    let counts = view.counts_by(|step| match step.status {
        StepStatus::Running if step.waits_for_person() && step.standing != PAUSED => "waiting for a person",
        StepStatus::Running if step.standing == StepStatus::Running.as_str() => "at work",
        StepStatus::Running => step.standing,
        StepStatus::Held => "waiting for a person",
        StepStatus::Waiting => "to do",
        StepStatus::Stale => "to do again",
        StepStatus::NotNeeded => "not needed",
        StepStatus::Done | StepStatus::Failed | StepStatus::Skipped | StepStatus::Cancelled => step.status.as_str(),
    });
    let all = counts.iter().map(|(_, count)| count).sum();
    let counts: Vec<_> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    format!("Of its {}: {}.", plural(all, "step"), counts.join(", "))
}

/// Says who had a word on a step: a person, a policy, or nobody yet.
fn word(line: &Line<'_>) -> Option<String> {
    let step = line.step;
    let approval = step.approval.as_ref()?;
    let id = one_line(&line.name);
    let Some(word) = &approval.word else {
        let asked = (step.status == StepStatus::Held).then_some(approval.asked_at)?;
        let (asks, name) = (quoted(&approval.message), shell_word(&format!("{}/{}", line.run, step.id)));
        return Some(format!(
            "Step {id} waits for a person since {asked}: “{asks}”. `mgr answer {name} yes` or `no` answers it."
        ));
    };
    let (told, at) = (word.as_str(), word.at);
    Some(match &word.giver {
        Giver::Policy { unattended, why } => {
            let policy = unattended.as_str();
            format!("Step {id} was {told} by no person but by its policy at {at}: {why} (unattended: {policy}).")
        }
        Giver::Person { over, client, user } => {
            let user = user.as_deref().map(|user| format!(" ({})", quoted(user))).unwrap_or_default();
            let client = client.as_deref().map(|client| format!(" from {}", quoted(client))).unwrap_or_default();
            let door = match over.as_str() {
                "mcp" => format!("over MCP{client}"),
                "dashboard" => "on the dashboard".to_owned(),
                // Open on purpose: a door that only a later release has.
                _ => "on the command line".to_owned(),
            };
            let note = word.note.as_deref().map(|note| format!(", saying “{}”", quoted(note))).unwrap_or_default();
            format!("A person{user} {told} step {id} {door} at {at}{note}.")
        }
    })
}

/// Returns words as the beginning of a sentence.
fn begun(words: &str) -> String {
    let mut rest = words.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

/// Makes a text of somebody else's a part of a line of Markdown: no link, no image, no HTML, no cell of its own.
fn inline(text: &str) -> String {
    let mut safe = String::new();
    for c in one_line(text).chars() {
        if matches!(c, '\\' | '[' | '<' | '|') {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

fn quoted(text: &str) -> String {
    inline(&clip(&one_line(text), LONGEST))
}

/// The same as the end of a sentence.
fn sentence(text: &str) -> String {
    format!("{}.", quoted(text).trim_end_matches('.'))
}

fn of_step(call: &Call<'_>, line: &Line<'_>, is_demo: bool) -> Result<String, OpError> {
    let step = line.step;
    if let Some(approval) = &step.approval {
        return Ok(of_approval(line, approval));
    }
    let Some(id) = &step.task_id else { return Ok(String::new()) };
    let Ok(task) = call.engine.task(id) else { return Ok(String::new()) };
    let view = TaskView::of(call, &task)?;
    let words = call.engine.words(id)?;
    let digest = call.engine.digest_of(&task)?.unwrap_or_default();
    let mut text = format!("## {}\n\n{}\n\n", one_line(&line.name), facts(step, id));
    // The scripted agent's answer is what it was asked.
    if !is_demo {
        let what = if step.kind == StepKind::Command { "Run" } else { "Asked" };
        text.push_str(&format!("{what}:\n\n{}\n\n", fenced(&words.prompt)));
    }
    text.push_str(&earlier_runs(call, line)?);
    if !view.files_changed.is_empty() {
        let files: Vec<_> = view.files_changed.iter().map(|file| inline(file)).collect();
        text.push_str(&format!("Files changed: {}\n\n", files.join(", ")));
    }
    for sentence in mended(&view) {
        text.push_str(&format!("{}\n\n", one_line(&sentence)));
    }
    text.push_str(&match digest.answer().filter(|answer| !answer.trim().is_empty()) {
        Some(answer) => format!("Answer:\n\n{}\n\n", fenced(answer)),
        None => "It gave no answer.\n\n".to_owned(),
    });
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

/// Says what is known of a step besides its words.
fn facts(step: &RunStepView, task: &TaskId) -> String {
    let mut facts = vec![format!("Task `{task}`.")];
    facts.extend(step.verification.map(|verdict| {
        let told = match verdict {
            Verification::None => "There were no checks.",
            Verification::Passed => "Its checks passed.",
            Verification::Failed => "Its checks failed.",
            Verification::Error => "Its checks could not run.",
        };
        told.to_owned()
    }));
    facts.extend(step.attempts.map(|count| format!("It took {}.", plural(count, "attempt"))));
    if step.turn > 1 {
        facts.push(format!("It was asked to run {} times.", step.turn));
    }
    facts.join(" ")
}

fn of_approval(line: &Line<'_>, approval: &ApprovalView) -> String {
    let (name, told) = (one_line(&line.name), word(line).unwrap_or_default());
    let mut text = format!("## {name}\n\n{told}\n\nAsked:\n\n{}\n\n", fenced(&approval.message));
    if let Some(note) = approval.word.as_ref().and_then(|word| word.note.as_deref()) {
        text.push_str(&format!("Note:\n\n{}\n\n", fenced(note)));
    }
    let digest = &approval.digest;
    if !digest.is_empty() {
        text.push_str(&format!("What it was about has the digest `{}`.\n\n", inline(digest)));
    }
    text
}

impl Render for WorkflowReportOutput {
    fn render(&self, page: &mut Page) {
        page.text(&self.markdown);
    }
}
