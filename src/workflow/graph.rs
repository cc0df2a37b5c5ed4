//! The graph: which steps run, what waits for what, in which batches; the same for the same definition and
//! parameters, and a digest that says whether they are.

use std::{collections::BTreeMap, ops::Range};

use serde_json::{Map, Value};

use super::{
    check::{bound, split},
    definition::{Action, Bound, MatrixValues, Step, StepId, Workflow},
    expression::{Expression, Scope},
    race::{Part, Race},
    read::{bad_label, label_of},
};

/// A workflow with the values of its parameters, ready to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// BLAKE3 of the frozen definition and the parameters.
    pub digest: String,
    pub params: Map<String, Value>,
    /// In the order of the file, members of a matrix in the order of their values, racers after their race.
    pub steps: Vec<PlannedStep>,
    /// What may run together; each batch waits for the ones before.
    pub batches: Vec<Vec<StepId>>,
    /// From a step to one that waits for it.
    pub edges: Vec<(StepId, StepId)>,
    pub(super) links: Links,
}

/// The edges by the places of their steps, so that deciding what is next looks at each of them once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Links {
    pub needs: Vec<Vec<usize>>,
    pub needs_any: Vec<Vec<usize>>,
    /// The steps that wait for a step, either way, each once, in order.
    pub behind: Vec<Vec<usize>>,
}

impl Links {
    fn of(steps: &[PlannedStep]) -> Self {
        let places: BTreeMap<&StepId, usize> = steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
        let at = |needs: &[StepId]| needs.iter().filter_map(|need| places.get(need).copied()).collect();
        let needs: Vec<Vec<usize>> = steps.iter().map(|step| at(&step.needs)).collect();
        let needs_any: Vec<Vec<usize>> = steps.iter().map(|step| at(&step.needs_any)).collect();
        let mut behind = vec![Vec::new(); steps.len()];
        for (step, (needs, any)) in needs.iter().zip(&needs_any).enumerate() {
            for need in needs.iter().chain(any) {
                if behind[*need].last() != Some(&step) {
                    behind[*need].push(step);
                }
            }
        }
        Self { needs, needs_any, behind }
    }
}

/// A step that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    pub id: StepId,
    /// Its place among the steps of the workflow.
    pub step: usize,
    /// The member's values; empty for a step without a matrix.
    pub matrix: Map<String, Value>,
    /// The member's label, as expressions name it.
    pub label: Option<String>,
    pub needs: Vec<StepId>,
    pub needs_any: Vec<StepId>,
    /// The most runs, when it is a loop.
    pub most_runs: Option<u32>,
    pub part: Part,
}

impl Plan {
    /// Returns the rows that run again together with this one: a race with all its racers, else the row alone.
    pub fn together(&self, place: usize) -> Vec<usize> {
        let whole = |race: usize, racers: &Range<usize>| std::iter::once(race).chain(racers.clone()).collect();
        match &self.steps[place].part {
            Part::Whole => vec![place],
            Part::Race { racers } => whole(place, racers),
            Part::Racer { race, .. } => match &self.steps[*race].part {
                Part::Race { racers } => whole(*race, racers),
                Part::Whole | Part::Racer { .. } => vec![place],
            },
        }
    }
}

/// Makes the plan of a workflow that was checked with these parameters.
pub fn plan(workflow: &Workflow, params: Map<String, Value>) -> Plan {
    let scope = Scope { params: params.clone(), ..Scope::default() };
    let members: Vec<Vec<Member>> = workflow.steps.iter().map(|step| members(step, &scope)).collect();
    let by_name: BTreeMap<&str, usize> =
        workflow.steps.iter().enumerate().map(|(at, step)| (step.id.as_str(), at)).collect();
    let resolved = |needs: &[String]| -> Vec<StepId> {
        let of_need = |need: &String| -> Vec<StepId> {
            let (name, label) = split(need);
            let all = by_name.get(name).map(|at| members[*at].as_slice()).unwrap_or_default();
            let wanted = all.iter().filter(|(known, _)| label.is_none() || known.as_deref() == label);
            wanted.map(|(label, _)| StepId::new(name, label.as_deref())).collect()
        };
        // `review` and `review[x]` may both be named.
        let mut seen = std::collections::BTreeSet::new();
        needs.iter().flat_map(of_need).filter(|id| seen.insert(id.clone())).collect()
    };
    let mut steps = Vec::new();
    for (at, step) in workflow.steps.iter().enumerate() {
        let (needs, needs_any) = (resolved(&step.needs), resolved(&step.needs_any));
        let most_runs = step.repeat.as_ref().and_then(|repeat| match &repeat.max {
            Bound::Fixed(max) => Some(*max),
            Bound::Of(expression) => bound_of(expression, &scope).ok().flatten(),
        });
        for (label, matrix) in &members[at] {
            let whole = PlannedStep {
                id: StepId::new(&step.id, label.as_deref()),
                step: at,
                matrix: matrix.clone(),
                label: label.clone(),
                needs: needs.clone(),
                needs_any: needs_any.clone(),
                most_runs,
                part: Part::Whole,
            };
            if let Action::Race(race) = &step.action {
                add_race(&mut steps, &step.id, race, whole);
            } else {
                steps.push(whole);
            }
        }
    }
    let digest = digest(&workflow.frozen, &params);
    let links = Links::of(&steps);
    let batches = batches(&steps, &links);
    let edge = |step: &PlannedStep| -> Vec<(StepId, StepId)> {
        step.needs.iter().chain(&step.needs_any).map(|need| (need.clone(), step.id.clone())).collect()
    };
    let edges = steps.iter().flat_map(edge).collect();
    Plan { digest, params, steps, batches, edges, links }
}

/// Adds the row of a race and those of its racers, which wait for what the race waits for.
fn add_race(steps: &mut Vec<PlannedStep>, name: &str, race: &Race, whole: PlannedStep) {
    let place = steps.len();
    let racers: Vec<PlannedStep> = race
        .labels()
        .zip(&race.backends)
        .map(|(racer, backend)| {
            let label = whole.label.as_ref().map_or_else(|| racer.clone(), |label| format!("{label},{racer}"));
            let part = Part::Racer { race: place, backend: backend.clone() };
            PlannedStep { id: StepId::new(name, Some(&label)), part, ..whole.clone() }
        })
        .collect();
    let needs_any = racers.iter().map(|racer| racer.id.clone()).collect();
    let part = Part::Race { racers: place + 1..place + 1 + racers.len() };
    steps.push(PlannedStep { needs: Vec::new(), needs_any, part, ..whole });
    steps.extend(racers);
}

type Member = (Option<String>, Map<String, Value>);

fn members(step: &Step, scope: &Scope) -> Vec<Member> {
    let values = |(key, values): (&String, &MatrixValues)| (key.clone(), values_of(values, scope).unwrap_or_default());
    combinations(&step.matrix.iter().map(values).collect())
}

/// Returns every combination with its label, the last key changing fastest; one without a label for no keys. A key
/// whose values are not known yet stands for one run.
pub(super) fn combinations(matrix: &BTreeMap<String, Vec<Value>>) -> Vec<Member> {
    let mut all: Vec<Member> = vec![(None, Map::new())];
    for (key, values) in matrix {
        let open = [Value::from("?")];
        let values = if values.is_empty() { open.as_slice() } else { values.as_slice() };
        let with = |(label, map): &Member| -> Vec<Member> {
            let one = |value: &Value| {
                let own = label_of(value);
                let label = label.as_ref().map_or_else(|| own.clone(), |label| format!("{label},{own}"));
                let mut map = map.clone();
                map.insert(key.clone(), value.clone());
                (Some(label), map)
            };
            values.iter().map(one).collect()
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// Returns the values of a matrix key; none when they hang on a parameter that has no value yet.
pub(super) fn values_of(values: &MatrixValues, scope: &Scope) -> Result<Vec<Value>, String> {
    let expression = match values {
        MatrixValues::Fixed(values) => return Ok(values.clone()),
        MatrixValues::Of(expression) => expression,
    };
    match expression.value(scope) {
        Ok(Value::Array(items)) if items.is_empty() => Err(format!("`{}` is an empty list", expression.as_str())),
        Ok(Value::Array(items)) if items.iter().any(|item| bad_label(item).is_some()) => {
            Err(items.iter().find_map(bad_label).unwrap_or_default())
        }
        Ok(Value::Array(mut items)) => {
            let mut seen = std::collections::BTreeSet::new();
            items.retain(|item| seen.insert(label_of(item)));
            Ok(items)
        }
        Ok(Value::Null) => Ok(Vec::new()),
        Ok(other) => Err(format!("`{}` is {other}, not a list", expression.as_str())),
        // An undefined name has been told already.
        Err(_) => Ok(Vec::new()),
    }
}

/// Returns the bound of a loop; `None` when it hangs on a parameter that has no value yet.
pub(super) fn bound_of(expression: &Expression, scope: &Scope) -> Result<Option<u32>, String> {
    match expression.value(scope) {
        Ok(Value::Null) | Err(_) => Ok(None),
        Ok(value) => bound(&value, expression).map(Some),
    }
}

fn batches(steps: &[PlannedStep], links: &Links) -> Vec<Vec<StepId>> {
    let edges: Vec<Vec<usize>> =
        links.needs.iter().zip(&links.needs_any).map(|(needs, any)| [needs.as_slice(), any].concat()).collect();
    let mut batches: Vec<Vec<StepId>> = Vec::new();
    for (step, level) in steps.iter().zip(levels(&edges)) {
        // A checked workflow has no cycle, so every step has a level.
        let Some(level) = level else { continue };
        batches.resize_with(batches.len().max(level + 1), Vec::new);
        batches[level].push(step.id.clone());
    }
    batches
}

/// Returns for each node how many others lie before it on the longest way; `None` for what is in a cycle or
/// behind one. Each edge is looked at once.
pub(super) fn levels(edges: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut behind = vec![Vec::new(); edges.len()];
    let mut left: Vec<usize> = edges.iter().map(Vec::len).collect();
    for (node, before) in edges.iter().enumerate() {
        before.iter().for_each(|other| behind[*other].push(node));
    }
    let mut ready: Vec<usize> = (0..edges.len()).filter(|node| left[*node] == 0).collect();
    let mut levels = vec![None; edges.len()];
    while let Some(node) = ready.pop() {
        levels[node] =
            Some(edges[node].iter().filter_map(|before| levels[*before]).map(|level| level + 1).max().unwrap_or(0));
        for next in &behind[node] {
            left[*next] -= 1;
            if left[*next] == 0 {
                ready.push(*next);
            }
        }
    }
    levels
}

fn digest(definition: &Value, params: &Map<String, Value>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"mgr workflow 1\n");
    feed(&mut hasher, definition);
    feed(&mut hasher, &Value::Object(params.clone()));
    hasher.finalize().to_hex().to_string()
}

/// Feeds a value so that no two different ones feed the same bytes, keys in order of the alphabet.
pub(super) fn feed(hasher: &mut blake3::Hasher, value: &Value) {
    match value {
        Value::Object(map) => {
            hasher.update(format!("o{}:", map.len()).as_bytes());
            let sorted: BTreeMap<_, _> = map.iter().collect();
            for (key, value) in sorted {
                hasher.update(format!("{}:{key}", key.len()).as_bytes());
                feed(hasher, value);
            }
        }
        Value::Array(items) => {
            hasher.update(format!("a{}:", items.len()).as_bytes());
            items.iter().for_each(|item| feed(hasher, item));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let text = value.to_string();
            hasher.update(format!("s{}:{text}", text.len()).as_bytes());
        }
    }
}
