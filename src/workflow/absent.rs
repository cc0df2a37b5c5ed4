//! Parameters without a value: told before anything starts where a step could not do without one.
//!
//! Must not judge what is known later: an expression that names anything else, or a step that may never run.

use serde_json::{Map, Value};

use super::{
    definition::When,
    expression::{Expression, Reference, Scope, Template},
    fault::{Fault, FaultCode, Path},
    read::{FileDraft, StepDraft},
    shape::{Found, Place},
    tree::{Content, Node},
};

/// Judges what a file inserts, given the parameters whose value is known, null where there is none.
pub(super) fn judge(draft: &FileDraft<'_>, known: &Map<String, Value>, faults: &mut Vec<Fault>) {
    if !known.values().any(Value::is_null) {
        return;
    }
    let scope = Scope { params: known.clone(), ..Scope::default() };
    let of_defaults = draft.found.iter().filter(|found| found.place == Place::Start);
    faults.extend(of_defaults.flat_map(|found| of_text(found, &scope, false)));
    for step in &draft.steps {
        // With a condition of its own a step may be one that only runs where there is a value.
        let is_sure = !matches!(step.when, When::Holds(_));
        let texts = step.found.iter().filter(|found| found.place == Place::Start || (is_sure && is_text(step, found)));
        let handed = step.path.key("params").to_string() + ".";
        faults.extend(texts.flat_map(|found| of_text(found, &scope, found.path.to_string().starts_with(&handed))));
        faults.extend(of_condition(step, &scope));
    }
}

fn is_text(step: &StepDraft<'_>, found: &Found<'_>) -> bool {
    found.place == Place::Step && found.path != step.path.key("when")
}

/// A nested workflow is not handed what has no value, so that its default holds.
fn of_text(found: &Found<'_>, scope: &Scope, may_be_left_out: bool) -> Vec<Fault> {
    let Content::Scalar(scalar) = &found.node.content else { return Vec::new() };
    // Read before, when its references were found.
    let Ok(template) = Template::parse(&scalar.text) else { return Vec::new() };
    let is_left_out = |value: &Value| value.is_null() && may_be_left_out && template.sole().is_some();
    let fails = |expression: &Expression| match expression.value(scope) {
        Ok(value) => value.is_null() && !is_left_out(&value),
        Err(_) => true,
    };
    let failing = template.insertions().filter(|(_, expression)| fails(expression));
    failing.filter_map(|(offset, expression)| without(expression, offset, found.node, &found.path, scope)).collect()
}

fn of_condition(step: &StepDraft<'_>, scope: &Scope) -> Option<Fault> {
    let (When::Holds(condition), Some(node)) = (&step.when, step.node.get("when")) else { return None };
    let fails = condition.holds(scope).is_err();
    fails.then(|| without(condition, 0, node, &step.path.key("when"), scope)).flatten()
}

/// Returns the fault of an expression that fails, if it names known parameters only and one of them has no value.
fn without(expression: &Expression, offset: usize, node: &Node, path: &Path, scope: &Scope) -> Option<Fault> {
    let value = |reference: &Reference| match reference.path.as_slice() {
        [root, name, ..] if root == "params" => scope.params.get(name),
        [] | [..] => None,
    };
    if !expression.references.iter().all(|reference| value(reference).is_some()) {
        return None;
    }
    let reference = expression.references.iter().find(|reference| value(reference).is_some_and(Value::is_null))?;
    let name = reference.path.get(1)?;
    let message = format!("parameter `{name}` has no value, and `{}` needs one", expression.as_str());
    let fault = Fault::new(node.place_of(offset + reference.offset), path, FaultCode::MissingParameter, message);
    Some(fault.suggest(format!("`--params {name}=VALUE`, or say what stands for it: `params.{name} | default('…')`")))
}
