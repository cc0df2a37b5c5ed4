//! The graph for people: rows for the terminal, and the text of a diagram.

use std::collections::{BTreeMap, BTreeSet};

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
        let index = Index::of(workflow, plan);
        let row = |id: &StepId| index.places.get(id).map(|at| row(workflow, &index, &plan.steps[*at]));
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

/// The steps of a plan by id, and the members of each step of the file.
struct Index<'a> {
    places: BTreeMap<&'a StepId, usize>,
    members: Vec<Vec<&'a StepId>>,
}

impl<'a> Index<'a> {
    fn of(workflow: &Workflow, plan: &'a Plan) -> Self {
        let mut members = vec![Vec::new(); workflow.steps.len()];
        for step in &plan.steps {
            members[step.step].push(&step.id);
        }
        Self { places: plan.steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect(), members }
    }
}

fn row(workflow: &Workflow, index: &Index<'_>, planned: &PlannedStep) -> Row {
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
        // Another step's, or a parameter's: said by name.
        (Action::Agent, Some(backend)) => backend.replace("{{", "").replace("}}", "").trim().to_owned(),
        (Action::Agent, None) if step.backend_not.is_some() => "another agent".to_owned(),
        (Action::Agent, None) => "agent".to_owned(),
        (Action::Race { backends, .. }, _) => format!("race of {}", backends.len()),
        (Action::Workflow { definition, .. }, _) => match definition.steps.len() {
            1 => "nested: 1 step".to_owned(),
            count => format!("nested: {count} steps"),
        },
        (action, _) => action.kind().as_str().to_owned(),
    };
    let mut after = gathered(workflow, index, &planned.needs, " and ");
    if !planned.needs_any.is_empty() {
        let any = format!("any of {}", gathered(workflow, index, &planned.needs_any, " or "));
        after = if after.is_empty() { any } else { format!("{after} and {any}") };
    }
    if !after.is_empty() {
        notes.insert(0, format!("after {after}"));
    }
    Row { id: planned.id.to_string(), what, notes }
}

/// Names steps, all members of a matrix step as one.
fn gathered(workflow: &Workflow, index: &Index<'_>, needs: &[StepId], between: &str) -> String {
    let needs: BTreeSet<&StepId> = needs.iter().collect();
    let mut names: Vec<String> = Vec::new();
    for (step, members) in workflow.steps.iter().zip(&index.members) {
        if members.len() > 1 && members.iter().all(|id| needs.contains(id)) {
            names.push(format!("all of {}", step.id));
        } else {
            names.extend(members.iter().filter(|id| needs.contains(*id)).map(ToString::to_string));
        }
    }
    names.join(between)
}

/// Returns the graph as a Mermaid flowchart: <https://mermaid.js.org/syntax/flowchart.html>.
pub fn mermaid(workflow: &Workflow, plan: &Plan) -> String {
    let mut text = String::from("flowchart TD\n");
    let index = Index::of(workflow, plan);
    let node = |id: &StepId| index.places.get(id).copied().unwrap_or_default();
    for (at, planned) in plan.steps.iter().enumerate() {
        let row = row(workflow, &index, planned);
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
