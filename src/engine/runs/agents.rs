//! Which agents a workflow asks for that are not here: told before anything starts, where it is known by then.
//!
//! Must not refuse what may go well: a name that only a step can say, or a step that may not be needed, is left to the
//! moment when it starts.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    core::BackendName,
    engine::Engine,
    workflow::{Action, Insertion, Part, Plan, Scope, Step, Template, When, Workflow},
};

/// A step that no agent here can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmanned {
    pub step: String,
    /// What it asks for, and what to do about that.
    pub why: String,
}

/// What of a workflow is known before it runs.
struct Look<'a> {
    engine: &'a Engine,
    workflow: &'a Workflow,
    /// The built-in agents that are ready here.
    present: Vec<BackendName>,
}

impl Engine {
    /// Returns the steps of a workflow that no agent here can do, those left out that were done before. With the
    /// settings of this engine's directory.
    pub fn unmanned(&self, workflow: &Workflow, plan: &Plan, done: &BTreeSet<&str>) -> Vec<Unmanned> {
        let look = Look { engine: self, workflow, present: self.present_backends() };
        let mut found: Vec<Unmanned> = Vec::new();
        for planned in &plan.steps {
            let step = &workflow.steps[planned.step];
            // The row of the race speaks for its racers.
            if matches!(planned.part, Part::Racer { .. }) || done.contains(planned.id.as_str()) {
                continue;
            }
            let scope = Scope { params: plan.params.clone(), matrix: planned.matrix.clone(), ..Scope::default() };
            found.extend(look.at(step, planned.id.as_str(), &scope));
        }
        found
    }

    /// Whether an agent could be started here.
    pub(super) fn is_here(&self, name: &str) -> bool {
        self.named_backend(name).is_ok_and(|name| self.is_present(&name))
    }
}

impl Look<'_> {
    fn at(&self, step: &Step, id: &str, scope: &Scope) -> Vec<Unmanned> {
        let may_be_passed = match &step.when {
            When::Succeeded | When::Always => false,
            When::Holds(condition) => !condition.holds(scope).unwrap_or(false),
        };
        if may_be_passed {
            return Vec::new();
        }
        let fallback = step.fields.get("fallback").and_then(Value::as_array);
        let mut fallback = fallback.into_iter().flatten().filter_map(Value::as_str);
        // One that only a step can name may be here.
        if fallback.any(|name| name.contains("{{") || self.engine.is_here(name)) {
            return Vec::new();
        }
        let why = match &step.action {
            Action::Agent => self.of_agent(step, scope),
            Action::Race(race) => self.of_race(&race.backends),
            Action::Workflow { definition, .. } => return self.beneath(definition, id),
            Action::Command(_) | Action::Approval { .. } | Action::Wait(_) => None,
        };
        why.map(|why| Unmanned { step: id.to_owned(), why }).into_iter().collect()
    }

    /// The values of its parameters are known when it starts.
    fn beneath(&self, workflow: &Workflow, id: &str) -> Vec<Unmanned> {
        let look = Look { engine: self.engine, workflow, present: self.present.clone() };
        let of_step = |step: &Step| look.at(step, &format!("{id}/{}", step.id), &Scope::default());
        workflow.steps.iter().flat_map(of_step).collect()
    }

    fn of_agent(&self, step: &Step, scope: &Scope) -> Option<String> {
        if let Some(not) = &step.backend_not {
            return self.of_another(not, scope);
        }
        match step.fields.get("backend").and_then(Value::as_str) {
            None | Some("auto") => self.of_auto(),
            Some(name) => self.of_named(&said(name, scope)?),
        }
    }

    fn of_named(&self, name: &str) -> Option<String> {
        if name == "auto" {
            return self.of_auto();
        }
        let name = self.engine.named_backend(name).ok()?;
        if self.engine.is_present(&name) {
            return None;
        }
        let hint = self.engine.availability(&name).ok()?.hint.unwrap_or_default();
        Some(format!("asks for `{name}`, which is not ready here: {hint}"))
    }

    fn of_auto(&self) -> Option<String> {
        match self.engine.auto_backend() {
            Ok(name) => self.of_named_default(&name),
            Err(error) => Some(format!("asks for any agent: {error}")),
        }
    }

    fn of_named_default(&self, name: &BackendName) -> Option<String> {
        (!self.engine.is_present(name)).then(|| format!("asks for the default agent `{name}`, which is not ready here"))
    }

    fn of_race(&self, backends: &[String]) -> Option<String> {
        let whys: Option<BTreeSet<String>> = backends.iter().map(|name| self.of_named(name)).collect();
        Some(whys?.into_iter().collect::<Vec<_>>().join("; "))
    }

    /// One other agent is enough for any of the names that may be meant.
    fn of_another(&self, not: &Template, scope: &Scope) -> Option<String> {
        let unwanted = match not.render(scope, Insertion::plain()) {
            Ok(name) => BTreeSet::from([name]),
            Err(_) if self.present.is_empty() => BTreeSet::new(),
            Err(_) => self.agents_of(not, scope)?,
        };
        let has_other = |unwanted: &String| self.present.iter().any(|name| name.as_str() != unwanted);
        if unwanted.iter().any(has_other) {
            return None;
        }
        let quoted = |name: &dyn std::fmt::Display| format!("`{name}`");
        let mut names: Vec<_> = unwanted.iter().map(|name| quoted(name)).collect();
        if names.is_empty() {
            names.push("another step has".to_owned());
        }
        let here: Vec<_> = self.present.iter().map(|name| quoted(name)).collect();
        let here = if here.is_empty() { "none".to_owned() } else { format!("only {}", here.join(", ")) };
        Some(format!("asks for another agent than {}, and {here} is ready here", names.join(" or ")))
    }

    /// Returns the agents that `{{ steps.ID.backend }}` can mean.
    fn agents_of(&self, template: &Template, scope: &Scope) -> Option<BTreeSet<String>> {
        let [reference] = template.references().collect::<Vec<_>>().try_into().ok()?;
        let [root, id, fact] = reference.path.as_slice() else { return None };
        if template.sole().is_none() || root != "steps" || fact != "backend" {
            return None;
        }
        let step = self.workflow.steps.iter().find(|step| step.id == *id).filter(|step| step.matrix.is_empty())?;
        let is_plain = step.backend_not.is_none() && !step.fields.contains_key("fallback");
        match (&step.action, step.fields.get("backend").and_then(Value::as_str)) {
            (Action::Race(race), _) => race.backends.iter().map(|name| self.resolved(name)).collect(),
            (Action::Agent, name) if is_plain => {
                Some(BTreeSet::from([self.resolved(&said(name.unwrap_or("auto"), scope)?)?]))
            }
            (Action::Agent | Action::Command(_) | Action::Approval { .. }, _) => None,
            (Action::Workflow { .. } | Action::Wait(_), _) => None,
        }
    }

    fn resolved(&self, name: &str) -> Option<String> {
        if name != "auto" {
            return Some(name.to_owned());
        }
        self.engine.auto_backend().ok().map(|name| name.to_string())
    }
}

/// Returns what a text means, where that is known before anything runs.
fn said(text: &str, scope: &Scope) -> Option<String> {
    Template::parse(text).ok()?.render(scope, Insertion::plain()).ok()
}

/// Passes an agent that is not here over for the first fallback that is.
pub(super) fn pass_over(engine: &Engine, fields: &mut Map<String, Value>) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let named = fields.get("backend").and_then(text).filter(|name| name != "auto" && !engine.is_here(name));
    let fallback: Vec<String> =
        fields.get("fallback").and_then(Value::as_array).into_iter().flatten().filter_map(text).collect();
    let Some(first) = fallback.iter().position(|name| engine.is_here(name)).filter(|_| named.is_some()) else { return };
    fields.insert("backend".into(), Value::from(fallback[first].as_str()));
    fields.insert("fallback".into(), fallback[first + 1..].iter().map(String::as_str).collect());
}
