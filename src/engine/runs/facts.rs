//! What a step may ask of the steps before it, looked up when it asks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Loaded, nested::text_of};
use crate::{
    backends::COMMAND,
    core::{Posture, Question, RunStep, StepStatus, Task},
    engine::{Engine, EngineError},
    workflow::{Action, Facts, Insertion, PlannedStep, Reference, Scope, StepFacts},
};

impl Engine {
    /// Returns what names mean to a step: only what it refers to is looked up.
    pub(super) fn scope(
        &self,
        loaded: &Loaded,
        steps: &[RunStep],
        own: Option<&PlannedStep>,
        references: &[Reference],
    ) -> Result<Scope, EngineError> {
        let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
        for reference in references {
            let (name, fact) = match (&reference.member_of, reference.path.as_slice()) {
                (Some(step), [fact, ..]) => (step.as_str(), Some(fact.as_str())),
                (None, [root, step, rest @ ..]) if root == "steps" => (step.as_str(), rest.first().map(String::as_str)),
                (_, _) => continue,
            };
            *wanted.entry(name).or_default() |= fact.is_none_or(|fact| matches!(fact, "diff" | "files"));
        }
        let mut scope = Scope { params: loaded.plan.params.clone(), ..Scope::default() };
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        scope.env = loaded.frozen.env.iter().filter_map(text).collect();
        scope.loaf = loaded.frozen.loaf.clone();
        scope.said = loaded.frozen.said.iter().cloned().collect();
        scope.matrix = own.map(|own| own.matrix.clone()).unwrap_or_default();
        for (name, with_changes) in wanted {
            let Some(at) = loaded.workflow.steps.iter().position(|step| step.id == name) else { continue };
            if let Some(own) = own.filter(|own| own.step == at)
                && let Some(place) = loaded.plan.steps.iter().position(|planned| planned.id == own.id)
            {
                // It asks of the run that it just had, whatever the other members of its matrix do.
                let facts = self.facts(loaded, &steps[place], own, with_changes)?;
                scope.steps.insert(name.to_owned(), Facts::One(facts));
                continue;
            }
            let members = loaded
                .plan
                .steps
                .iter()
                .enumerate()
                .filter(|(_, planned)| planned.step == at && !planned.part.is_racer());
            let facts = members.map(|(place, planned)| {
                let facts = self.facts(loaded, &steps[place], planned, with_changes)?;
                Ok((planned.label.clone().unwrap_or_default(), facts))
            });
            let mut facts = facts.collect::<Result<Vec<_>, EngineError>>()?;
            let facts = match facts.len() {
                1 if loaded.workflow.steps[at].matrix.is_empty() => Facts::One(facts.remove(0).1),
                _ => Facts::Group(facts),
            };
            scope.steps.insert(name.to_owned(), facts);
        }
        Ok(scope)
    }

    pub(super) fn facts(
        &self,
        loaded: &Loaded,
        row: &RunStep,
        planned: &PlannedStep,
        with_changes: bool,
    ) -> Result<StepFacts, EngineError> {
        let mut facts = StepFacts { matrix: planned.matrix.clone(), ..StepFacts::default() };
        let status = if row.status == StepStatus::NotNeeded { StepStatus::Skipped } else { row.status };
        facts.status = Some(status.as_str().to_owned());
        if let Some(word) = row.question.as_deref().and_then(|kept| Question::read(kept).word) {
            facts.output = Some(word.note.unwrap_or_default());
        }
        let has_run = matches!(row.status, StepStatus::Done | StepStatus::Failed | StepStatus::Cancelled);
        if let (true, Some(child), Action::Workflow { definition, .. }) =
            (has_run, &row.child, &loaded.workflow.steps[planned.step].action)
        {
            self.add_nested(definition, child, with_changes, &mut facts)?;
            return Ok(facts);
        }
        let Some(id) = row.task.as_ref().filter(|_| has_run) else { return Ok(facts) };
        let Some(task) = self.store.read(|view| view.task(id))? else { return Ok(facts) };
        if let Some(digest) = self.digest_of(&task)? {
            facts.output = digest.answer().map(str::to_owned);
            facts.result = digest.structured;
        }
        if *task.backend() == COMMAND {
            // A program that printed nothing has said nothing, which is a text as well.
            facts.output.get_or_insert_default();
        }
        let verification = serde_json::to_value(task.verification()).ok();
        facts.verification = verification.and_then(|word| word.as_str().map(str::to_owned));
        facts.backend = Some(task.backend().to_string());
        if with_changes {
            self.add_changes(&task, &mut facts);
        }
        Ok(facts)
    }

    /// What a task without an archive changed is not known, and stays undefined.
    fn add_changes(&self, task: &Task, facts: &mut StepFacts) {
        if task.spec.posture == Posture::ReadOnly {
            (facts.diff, facts.files) = (Some(String::new()), Some(Vec::new()));
            return;
        }
        let Ok(found) = self.changes_of(task) else { return };
        let patches = found.changes.iter().map(|change| found.workspace.patch(change).map(|patch| patch.text));
        if let Ok(patches) = patches.collect::<Result<Vec<_>, _>>() {
            facts.diff = Some(String::from_utf8_lossy(&patches.concat()).into_owned());
        }
        facts.files = Some(found.changes.iter().map(|change| change.path.to_string()).collect());
    }

    /// Returns the outputs that the workflow declares, each as far as its names are defined.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn outputs_of(
        &self,
        loaded: &Loaded,
        steps: &[RunStep],
    ) -> Result<BTreeMap<String, Result<String, String>>, EngineError> {
        let values = self.output_values(loaded, steps)?;
        Ok(values.into_iter().map(|(name, value)| (name, value.map(|value| text_of(&value)))).collect())
    }

    /// Returns the same with the types that they have: an output that is one insertion keeps its value's.
    pub(super) fn output_values(
        &self,
        loaded: &Loaded,
        steps: &[RunStep],
    ) -> Result<BTreeMap<String, Result<Value, String>>, EngineError> {
        let mut outputs = BTreeMap::new();
        for (name, template) in &loaded.workflow.outputs {
            let references: Vec<Reference> = template.references().collect();
            let scope = self.scope(loaded, steps, None, &references)?;
            let value = match template.value(&scope, Insertion::plain()) {
                Ok(Value::Null) => Err(format!("`{name}` has no value")),
                value => value.map_err(|error| error.message),
            };
            outputs.insert(name.clone(), value);
        }
        Ok(outputs)
    }
}
