//! What makes a step what it is, as a digest: two runs in which it is the same may share what came of it.
//!
//! Must not look at what steps said: that follows from the digests of what they need.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    definition::{Action, Step, StepId, Workflow},
    graph::{Plan, feed},
};

/// What a run was started with besides its parameters.
#[derive(Clone, Copy, Debug, Default)]
pub struct StartedWith<'a> {
    pub env: Option<&'a Map<String, Value>>,
    pub loaf: Option<&'a Map<String, Value>>,
}

/// Returns the digest of each step's inputs, in the order of the plan: the step as it is written with its defaults,
/// the values of parameters, environment, loaf and matrix that it refers to, and the digests of what it needs.
pub fn input_digests(workflow: &Workflow, plan: &Plan, given: StartedWith<'_>) -> Vec<String> {
    let places: BTreeMap<&StepId, usize> = plan.steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
    let mut digests = vec![String::new(); plan.steps.len()];
    // Batch by batch: what a step needs lies in an earlier one.
    for at in plan.batches.iter().flatten().filter_map(|id| places.get(id).copied()) {
        let planned = &plan.steps[at];
        let step = &workflow.steps[planned.step];
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"mgr step 1\n");
        feed(&mut hasher, &written(workflow, step));
        feed(&mut hasher, &Value::Object(step.fields.clone()));
        feed(&mut hasher, &Value::Object(planned.matrix.clone()));
        feed(&mut hasher, &Value::from(planned.most_runs));
        feed(&mut hasher, &values(step, "params", &plan.params));
        feed(&mut hasher, &given.env.map(|env| values(step, "env", env)).unwrap_or_else(|| json!({})));
        // A step that asks for nothing of a loaf is the same with and without one.
        if let Some(loaf) = given.loaf.map(|loaf| values(step, "loaf", loaf)).filter(|loaf| *loaf != json!({})) {
            feed(&mut hasher, &loaf);
        }
        let mut needs: Vec<(&str, &str)> = planned
            .needs
            .iter()
            .chain(&planned.needs_any)
            .filter_map(|need| Some((need.as_str(), digests[*places.get(need)?].as_str())))
            .collect();
        needs.sort_unstable();
        for (need, digest) in needs {
            feed(&mut hasher, &Value::from(vec![need, digest]));
        }
        digests[at] = hasher.finalize().to_hex().to_string();
    }
    digests
}

/// Returns the step as the file has it, with what of the defaults no task field says.
fn written(workflow: &Workflow, step: &Step) -> Value {
    let own = workflow.frozen["steps"].as_array().into_iter().flatten().find(|own| own["id"] == step.id.as_str());
    let backend = workflow.frozen["defaults"].get("backend").filter(|_| step.backend_not.is_some());
    Value::from(vec![own.cloned().unwrap_or_default(), backend.cloned().unwrap_or_default()])
}

/// Returns those of the values that a step refers to; all of them where that is not known beforehand.
fn values(step: &Step, root: &str, all: &Map<String, Value>) -> Value {
    let references = step.references();
    let of_root = || references.iter().filter(|reference| reference.path.first().is_some_and(|first| first == root));
    let is_open = of_root().any(|reference| reference.path.len() < 2)
        || step.repeat.is_some()
        || matches!(step.action, Action::Workflow { .. });
    let is_meant = |name: &&String| is_open || of_root().any(|reference| reference.path.get(1) == Some(*name));
    all.iter().filter(|(name, _)| is_meant(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::{descendants, tests::valid};

    const STEPS: [&str; 5] = [
        "{id: a, prompt: one}",
        "{id: b, prompt: 'two {{ params.x }}', needs: [a]}",
        "{id: c, prompt: three, needs: [a], matrix: {lens: [s, t]}}",
        "{id: d, prompt: four, needs: [b], needs_any: [c]}",
        "{id: e, prompt: five}",
    ];

    fn digests(steps: &[String], x: &str, rest: &str) -> Vec<(String, String)> {
        let text = format!("params: {{x: {{default: {x}}}}}\n{rest}steps: [{}]", steps.join(", "));
        let (workflow, plan) = valid(&text);
        let digests = input_digests(&workflow, &plan, StartedWith::default());
        plan.steps.iter().map(|step| step.id.to_string()).zip(digests).collect()
    }

    fn changed(before: &[(String, String)], after: &[(String, String)]) -> Vec<String> {
        let is_new = |one: &&(String, String)| !before.contains(one);
        after.iter().filter(is_new).map(|(id, _)| id.clone()).collect()
    }

    #[test]
    fn an_edit_of_a_step_changes_it_and_what_builds_on_it() {
        let steps: Vec<String> = STEPS.map(str::to_owned).to_vec();
        let before = digests(&steps, "1", "");
        let (_, plan) = valid(&format!("params: {{x: {{default: 1}}}}\nsteps: [{}]", steps.join(", ")));
        for (at, step) in steps.iter().enumerate() {
            let mut edited = steps.clone();
            edited[at] = step.replace("prompt: ", "timeout: 9m, prompt: ");
            let members = (0..plan.steps.len()).filter(|place| plan.steps[*place].step == at);
            let mut expected: Vec<usize> =
                members.flat_map(|place| descendants(&plan, place).into_iter().chain([place])).collect();
            expected.sort_unstable();
            expected.dedup();
            let expected: Vec<String> = expected.into_iter().map(|place| plan.steps[place].id.to_string()).collect();
            assert_eq!(changed(&before, &digests(&edited, "1", "")), expected, "{step}");
        }
    }

    #[test]
    fn only_what_a_step_refers_to_counts() {
        let steps: Vec<String> = STEPS.map(str::to_owned).to_vec();
        let before = digests(&steps, "1", "");
        assert_eq!(changed(&before, &digests(&steps, "2", "")), ["b", "d"]);
        assert_eq!(changed(&before, &digests(&steps, "1", "max_concurrent: 2\nname: other\n")), [""; 0]);
        let all = ["a", "b", "c[s]", "c[t]", "d", "e"];
        assert_eq!(changed(&before, &digests(&steps, "1", "defaults: {timeout: 5m}\n")), all);
        let fewer: Vec<String> = steps.iter().map(|step| step.replace("[s, t]", "[t]")).collect();
        assert_eq!(changed(&before, &digests(&fewer, "1", "")), ["c[t]", "d"]);
    }
}
