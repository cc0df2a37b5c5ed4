//! The graph for people: rows for the terminal, and the text of a diagram.

use super::{
    definition::{Action, StepId, When, Workflow},
    graph::{Plan, PlannedStep},
};

/// A row for each step that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    batches: Vec<Vec<Row>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    id: String,
    what: String,
    /// What it waits for and its conditions.
    notes: Vec<String>,
}

impl Drawing {
    pub fn of(workflow: &Workflow, plan: &Plan) -> Self {
        let row = |id: &StepId| plan.steps.iter().find(|step| step.id == *id).map(|step| row(workflow, plan, step));
        Self { batches: plan.batches.iter().map(|batch| batch.iter().filter_map(row).collect()).collect() }
    }

    /// Returns the rows, none wider than `width` characters: batches from top to bottom, in each row what the step
    /// is, what it waits for, and its conditions.
    pub fn to_text(&self, width: usize) -> String {
        let rows = || self.batches.iter().flatten();
        let widest = |of: fn(&Row) -> &str| rows().map(|row| of(row).chars().count()).max().unwrap_or(0);
        let id_width = widest(|row| &row.id).min(width.saturating_sub(8).max(8) / 2);
        let what_width = widest(|row| &row.what).min(24);
        let mut text = String::new();
        for (number, batch) in self.batches.iter().enumerate() {
            if number > 0 {
                text.push_str("      │\n");
            }
            for (at, row) in batch.iter().enumerate() {
                let sign = match (batch.len(), at) {
                    (1, _) => "───",
                    (_, 0) => "┬──",
                    (all, at) if at + 1 == all => "└──",
                    (_, _) => "├──",
                };
                let number = if at == 0 { format!("{:>3} ", number + 1) } else { "    ".to_owned() };
                let (id, what) = (cut(&row.id, id_width), cut(&row.what, what_width));
                let rest = row.notes.join(", ");
                let line = format!("{number}{sign} {id:<id_width$}  {what:<what_width$}  {rest}");
                text.push_str(cut(line.trim_end(), width.max(20)).trim_end());
                text.push('\n');
            }
        }
        text
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let head: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{head}…")
}

fn row(workflow: &Workflow, plan: &Plan, planned: &PlannedStep) -> Row {
    let step = &workflow.steps[planned.step];
    let mut notes = Vec::new();
    match &step.when {
        When::Succeeded => {}
        When::Always => notes.push("always".to_owned()),
        When::Holds(condition) => notes.push(format!("when {}", condition.as_str())),
    }
    if let Some(most) = planned.most_runs {
        notes.push(format!("at most {most} times"));
    }
    let backend = step.fields.get("backend").and_then(serde_json::Value::as_str);
    let what = match (&step.action, backend) {
        (Action::Agent, Some(backend)) => backend.to_owned(),
        (Action::Agent, None) if step.backend_not.is_some() => "another agent".to_owned(),
        (Action::Agent, None) => "agent".to_owned(),
        (Action::Race { backends, .. }, _) => format!("race of {}", backends.len()),
        (action, _) => action.kind().as_str().to_owned(),
    };
    let mut after = gathered(plan, workflow, &planned.needs, " and ");
    if !planned.needs_any.is_empty() {
        let any = format!("any of {}", gathered(plan, workflow, &planned.needs_any, " or "));
        after = if after.is_empty() { any } else { format!("{after} and {any}") };
    }
    if !after.is_empty() {
        notes.insert(0, format!("after {after}"));
    }
    Row { id: planned.id.to_string(), what, notes }
}

/// Names steps, all members of a matrix step as one.
fn gathered(plan: &Plan, workflow: &Workflow, needs: &[StepId], between: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    for (at, step) in workflow.steps.iter().enumerate() {
        let members: Vec<&StepId> =
            plan.steps.iter().filter(|planned| planned.step == at).map(|step| &step.id).collect();
        let needed: Vec<&&StepId> = members.iter().filter(|id| needs.contains(id)).collect();
        if needed.len() == members.len() && members.len() > 1 {
            names.push(format!("all of {}", step.id));
        } else {
            names.extend(needed.iter().map(ToString::to_string));
        }
    }
    names.join(between)
}

/// Returns the graph as a Mermaid flowchart: <https://mermaid.js.org/syntax/flowchart.html>.
pub fn mermaid(workflow: &Workflow, plan: &Plan) -> String {
    let mut text = String::from("flowchart TD\n");
    let node = |id: &StepId| plan.steps.iter().position(|step| step.id == *id).unwrap_or_default();
    for (at, planned) in plan.steps.iter().enumerate() {
        let row = row(workflow, plan, planned);
        // The arrows say what it waits for.
        let notes = row.notes.into_iter().filter(|note| !note.starts_with("after "));
        let lines: Vec<String> = [row.id, row.what].into_iter().chain(notes).collect();
        // Its own sign for a quotation mark; the rest of the text is between quotation marks.
        let label =
            lines.join("\n").replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('\n', "<br>");
        text.push_str(&format!("  s{at}[\"{label}\"]\n"));
    }
    for planned in &plan.steps {
        let to = node(&planned.id);
        planned.needs.iter().for_each(|need| text.push_str(&format!("  s{} --> s{to}\n", node(need))));
        planned.needs_any.iter().for_each(|need| text.push_str(&format!("  s{} -.-> s{to}\n", node(need))));
    }
    text
}
