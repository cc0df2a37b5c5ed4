//! What a person should know of a run before it starts: what a demo does differently, and what a budget holds back.

use super::definition::{Action, Step, Workflow};
use crate::core::Money;

/// What is said at the start of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Support {
    pub notes: Vec<String>,
}

/// So many steps are named in a note.
const MOST_NAMED: usize = 5;

impl Support {
    /// Looks at a whole workflow.
    pub fn of(workflow: &Workflow, demo: bool) -> Self {
        let mut support = Self::default();
        if let Some(budget) = workflow.budget {
            support.look_at_budget(workflow, budget, demo);
        }
        for step in &workflow.steps {
            support.look_at(step, demo);
        }
        for step in &workflow.steps {
            if let Action::Workflow { definition, .. } = &step.action {
                let of_it = |what: String| format!("{what} (in the workflow of step `{}`)", step.id);
                support.notes.extend(Self::of(definition, demo).notes.into_iter().map(of_it));
            }
        }
        support
    }

    fn look_at_budget(&mut self, workflow: &Workflow, budget: Money, demo: bool) {
        if demo {
            self.notes.push(format!("the budget of the whole workflow ({budget}): nothing is spent"));
            return;
        }
        let agents = workflow.steps.iter().filter(|step| step.action.kind().is_agent());
        let runs: usize = agents.clone().map(|step| if step.matrix.is_empty() { 1 } else { 2 }).sum();
        let open: Vec<_> = agents.filter(|step| !step.fields.contains_key("budget")).collect();
        if runs > 1 && !open.is_empty() {
            let mut names: Vec<_> = open.iter().take(MOST_NAMED).map(|step| format!("`{}`", step.id)).collect();
            names.extend((open.len() > MOST_NAMED).then(|| format!("{} more", open.len() - MOST_NAMED)));
            self.notes.push(format!(
                "without a `budget` of its own a step may spend all that is left of {budget}, so no other agent starts beside it: {}",
                names.join(", ")
            ));
        }
    }

    fn look_at(&mut self, step: &Step, demo: bool) {
        let id = &step.id;
        match &step.action {
            Action::Approval { .. } if demo => self.notes.push(format!("step `{id}` asks nobody")),
            Action::Command(_) if demo => self.notes.push(format!("step `{id}` only says what it would run")),
            Action::Wait(_) if demo => self.notes.push(format!("step `{id}` does not wait")),
            Action::Agent
            | Action::Approval { .. }
            | Action::Command(_)
            | Action::Race(_)
            | Action::Wait(_)
            | Action::Workflow { .. } => {}
        }
        if step.repeat.is_some() && demo {
            // Nothing is verified in a demo, so that most conditions would never hold.
            self.notes.push(format!("`repeat` of step `{id}`: it runs once"));
        }
        if demo && step.fields.contains_key("verify_retries") {
            self.notes.push(format!("`verify_retries` of step `{id}`: nothing is verified"));
        }
    }
}
