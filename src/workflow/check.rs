//! From drafts to a workflow: what concerns several steps, and the references between them.
//!
//! All faults are collected; only what cannot be judged after another fault is left unsaid.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use camino::Utf8Path;
use serde_json::{Map, Value};

use super::{
    absent,
    definition::{Action, Bound, MatrixValues, Step, Workflow},
    expression::{Expression, GROUP_CALLS, Reference, Scope, StepFacts, Template},
    fault::{Fault, FaultCode, MOST_FAULTS, Path, in_order},
    fields::{AGENT_ONLY, FOR_EVERY_KIND, StepKind},
    graph::{self, Plan},
    params, race,
    read::{FileDraft, Known, MOST_RUNS, Reader, StepDraft},
    shape::{Found, Place, has_insertion, meant},
    tasks::{Tasks, Written},
    tree::{Content, LIMITS, Node, Position, read},
};
use crate::core::MOST_REPAIRS;

/// The most runs of one matrix step, and of all steps together.
pub const MOST_MEMBERS: usize = 100;
pub const MOST_STEPS: usize = 1_000;
/// How deep workflows may lie in each other, the outermost counted.
pub const MOST_LEVELS: u32 = 3;
/// The most nested workflows in all: files that name each other must not multiply.
const MOST_NESTED: u32 = 50;

/// A workflow as it was given.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// YAML, or JSON.
    Text(&'a str),
    Json(&'a Value),
    /// A file of tasks.
    Tasks(Tasks<'a>),
}

/// What came of it: a workflow with its plan, or faults.
#[derive(Clone, Debug)]
pub struct Checked {
    pub faults: Vec<Fault>,
    /// How many steps the file has.
    pub steps: usize,
    pub workflow: Option<Workflow>,
    pub plan: Option<Plan>,
}

/// Checks a workflow with the values of its parameters; without any given, those without a default stay open.
pub fn check(source: Source<'_>, params: Option<&Map<String, Value>>, known: &Known<'_>) -> Checked {
    let (tree, mut faults) = tree_of(source);
    let Some(tree) = tree else {
        return Checked { faults: in_order(faults), steps: 0, workflow: None, plan: None };
    };
    let (tree, written) = match source {
        Source::Text(_) | Source::Json(_) => (tree, Written::Steps),
        Source::Tasks(tasks) => {
            let (tree, written, fault) = tasks.workflow(tree);
            faults.extend(fault);
            (tree, written)
        }
    };
    let nested = Cell::new(0);
    let level = Level { depth: 1, file: "", base: Path::default(), handed: None, nested: &nested };
    let file = check_tree(&tree, params, known, &level);
    faults.extend(file.faults.into_iter().map(|fault| written.named(fault)));
    let workflow = file.workflow.filter(|_| faults.is_empty());
    let plan = workflow.as_ref().map(|workflow| graph::plan(workflow, file.params));
    Checked { faults: in_order(faults), steps: file.steps, workflow, plan }
}

fn tree_of(source: Source<'_>) -> (Option<Node>, Vec<Fault>) {
    let text = match source {
        Source::Text(text) | Source::Tasks(Tasks { text, .. }) => text,
        Source::Json(value) => {
            let length = value.to_string().len();
            if length <= LIMITS.bytes {
                return (Some(Node::from_json(value)), Vec::new());
            }
            let message = format!("the workflow has {length} bytes, more than {}", LIMITS.bytes);
            return (None, vec![Fault::new(Position::default(), &Path::default(), FaultCode::TooLarge, message)]);
        }
    };
    let (tree, faults) = read(text, LIMITS);
    // Some JSON is no YAML: characters written as two escapes, which other languages' writers do.
    let is_json = tree.is_none() && text.len() <= LIMITS.bytes && text.trim_start().starts_with(['{', '[']);
    match is_json.then(|| serde_json::from_str::<Value>(text)) {
        Some(Ok(value)) => (Some(Node::from_json(&value)), Vec::new()),
        Some(Err(_)) | None => (tree, faults),
    }
}

/// Where a workflow lies in others.
struct Level<'l> {
    depth: u32,
    /// Its file relative to the outermost; empty for that one itself.
    file: &'l str,
    base: Path,
    /// What the step that it lies in gives to its parameters.
    handed: Option<&'l Map<String, Value>>,
    nested: &'l Cell<u32>,
}

struct CheckedFile {
    faults: Vec<Fault>,
    steps: usize,
    workflow: Option<Workflow>,
    params: Map<String, Value>,
}

fn check_tree(tree: &Node, given: Option<&Map<String, Value>>, known: &Known<'_>, level: &Level<'_>) -> CheckedFile {
    let mut reader = Reader::new(known);
    let Some(draft) = reader.file(tree, &level.base) else {
        return CheckedFile { faults: reader.shaper.faults, steps: 0, workflow: None, params: Map::new() };
    };
    let mut faults = std::mem::take(&mut reader.shaper.faults);
    let steps = draft.steps.len();
    let place = |name: &str| {
        let path = level.base.key("params").key(name);
        let at = tree.get("params").and_then(|params| params.get(name)).map_or(Position::default(), |node| node.at);
        (at, path)
    };
    let params = params::resolve(&draft.params, given, &place, &mut faults);
    if steps > MOST_STEPS {
        let message = format!("{steps} steps, more than {MOST_STEPS}");
        faults.push(Fault::new(tree.at, &level.base.key("steps"), FaultCode::TooManySteps, message));
        return CheckedFile { faults, steps, workflow: None, params };
    }
    let names = Names::of(&draft, &mut faults);
    let order = names.order(&draft, &mut faults);
    let nested: Vec<_> = draft.steps.iter().map(|step| nested(step, known, level, &mut faults)).collect();
    names.judge(&draft, &nested, &order, &mut faults);
    race::judge(&draft, &mut faults);
    sizes(&draft, &params, &mut faults);
    absent::judge(&draft, &known_values(&draft, &params, given, level), &mut faults);
    repairs(&draft, tree, &level.base, &mut faults);
    let workflow = faults.is_empty().then(|| finished(draft, nested));
    CheckedFile { faults, steps, workflow, params }
}

/// Returns the values that are known already: a workflow in a step gets more of them later.
fn known_values(
    draft: &FileDraft<'_>,
    params: &Map<String, Value>,
    given: Option<&Map<String, Value>>,
    level: &Level<'_>,
) -> Map<String, Value> {
    let is_known = |name: &str| match (given, level.handed) {
        (Some(_), _) => true,
        (None, Some(handed)) => handed.get(name).is_none_or(Value::is_null),
        (None, None) => false,
    };
    // A required one that is missing, and one that does not fit, have faults of their own.
    let is_given = |name: &str| given.and_then(|given| given.get(name)).is_some_and(|value| !value.is_null());
    let is_told = |name: &str| draft.params.get(name).is_some_and(|param| param.is_required) || is_given(name);
    let known = params.iter().filter(|(name, value)| is_known(name) && !(value.is_null() && is_told(name)));
    known.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Reads the workflow in a step.
fn nested(step: &StepDraft<'_>, known: &Known<'_>, level: &Level<'_>, faults: &mut Vec<Fault>) -> Option<Workflow> {
    let node = step.node.get("workflow").filter(|_| step.kind == StepKind::Workflow)?;
    let path = step.path.key("workflow");
    let mut fault = |code, message: String| {
        faults.push(Fault::new(node.at, &path, code, message));
        None
    };
    if level.depth >= MOST_LEVELS {
        return fault(FaultCode::TooDeep, format!("workflows nested more than {MOST_LEVELS} deep"));
    }
    if level.nested.replace(level.nested.get() + 1) >= MOST_NESTED {
        return fault(FaultCode::TooDeep, format!("more than {MOST_NESTED} nested workflows"));
    }
    let handed = Some(&step.own.params);
    let below = |file, base| Level { depth: level.depth + 1, file, base, handed, nested: level.nested };
    let checked = match &node.content {
        Content::Map(_) => check_tree(node, None, known, &below(level.file, path.clone())),
        Content::List(_) => return fault(FaultCode::WrongType, "a list where a file or a workflow belongs".into()),
        Content::Scalar(scalar) => {
            let folder = Utf8Path::new(level.file).parent().unwrap_or(Utf8Path::new(""));
            let file = folder.join(&scalar.text).into_string();
            let text = match (known.load)(&file) {
                Ok(text) => text,
                Err(message) => return fault(FaultCode::Unreadable, message),
            };
            let (tree, mut of_file) = read(&text, LIMITS);
            let mut checked = match &tree {
                Some(tree) => check_tree(tree, None, known, &below(&file, Path::default())),
                None => CheckedFile { faults: Vec::new(), steps: 0, workflow: None, params: Map::new() },
            };
            checked.faults.append(&mut of_file);
            let named = |fault: Fault| Fault { file: fault.file.or_else(|| Some(file.clone())), ..fault };
            checked.faults = checked.faults.into_iter().map(named).collect();
            checked
        }
    };
    faults.extend(checked.faults);
    let workflow = checked.workflow?;
    nested_params(step, &workflow, faults);
    Some(workflow)
}

/// Judges the values that a step gives to a nested workflow.
fn nested_params(step: &StepDraft<'_>, workflow: &Workflow, faults: &mut Vec<Fault>) {
    let path = step.path.key("params");
    let node = step.node.get("params");
    let given = || step.own.params.iter().filter(|(_, value)| !value.is_null());
    for (name, value) in given() {
        let at = node.and_then(|node| node.get(name)).map_or(step.node.at, |node| node.at);
        match workflow.params.get(name) {
            None => {
                let fault =
                    Fault::new(at, &path.key(name), FaultCode::UnknownParameter, format!("no parameter `{name}`"));
                faults.push(fault.suggest_maybe(meant(name, workflow.params.keys().map(String::as_str))));
            }
            Some(_) if has_insertion(value) => {}
            Some(param) => {
                if let Err(message) = params::fitting(param, value) {
                    faults.push(Fault::new(at, &path.key(name), FaultCode::WrongValue, message));
                }
            }
        }
    }
    let missing = |(name, param): &(&String, &super::definition::Param)| {
        param.is_required && !given().any(|(given, _)| given == *name)
    };
    for (name, _) in workflow.params.iter().filter(missing) {
        let message = format!("parameter `{name}` is missing");
        faults.push(Fault::new(node.unwrap_or(step.node).at, &path, FaultCode::MissingParameter, message));
    }
}

/// A set of steps, one bit each: a file has a thousand steps with a thousand ancestors.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ancestors(Vec<u64>);

impl Ancestors {
    fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn add(&mut self, step: usize) {
        self.0[step / 64] |= 1 << (step % 64);
    }

    fn add_all(&mut self, others: &Self) {
        self.0.iter_mut().zip(&others.0).for_each(|(own, other)| *own |= other);
    }

    fn contains(&self, step: usize) -> bool {
        self.0[step / 64] & (1 << (step % 64)) != 0
    }
}

/// The steps by name.
struct Names<'d> {
    by_name: BTreeMap<&'d str, usize>,
}

impl<'d> Names<'d> {
    fn of(draft: &'d FileDraft<'_>, faults: &mut Vec<Fault>) -> Self {
        let mut by_name = BTreeMap::new();
        for (at, step) in draft.steps.iter().enumerate() {
            let Some(id) = &step.id else { continue };
            if let Some(first) = by_name.get(id.as_str()) {
                let first: &StepDraft<'_> = &draft.steps[*first];
                let place = step.node.get("id").map_or(step.node.at, |node| node.at);
                let line = first.node.get("id").map(|node| node.at.line).filter(|line| *line > 0);
                let message = match line {
                    Some(line) => format!("`{id}` is the id of the step in line {line} already"),
                    None => format!("`{id}` is the id of `{}` already", first.path),
                };
                faults.push(Fault::new(place, &step.path.key("id"), FaultCode::DuplicateId, message));
            } else {
                by_name.insert(id.as_str(), at);
            }
        }
        Self { by_name }
    }

    /// Returns what each step directly waits for; unknown names become faults.
    fn edges(&self, draft: &FileDraft<'_>, faults: &mut Vec<Fault>) -> Vec<Vec<usize>> {
        let mut edges = Vec::new();
        for step in &draft.steps {
            let mut needed = Vec::new();
            for need in step.needs.iter().chain(&step.needs_any) {
                if faults.len() >= MOST_FAULTS {
                    break;
                }
                let (name, label) = split(&need.name);
                let Some(at) = self.by_name.get(name) else {
                    let fault = Fault::new(
                        need.node.at,
                        &need.path,
                        FaultCode::UnknownStep,
                        format!("no step `{}`", need.name),
                    );
                    let others = self.by_name.keys().copied().filter(|known| Some(*known) != step.id.as_deref());
                    faults.push(fault.suggest_maybe(meant(name, others)));
                    continue;
                };
                if let Some(label) = label
                    && !labels(&draft.steps[*at].matrix).is_none_or(|labels| labels.iter().any(|known| known == label))
                {
                    let labels = labels(&draft.steps[*at].matrix).unwrap_or_default();
                    let message = format!("step `{name}` has no member `{label}`");
                    let fault = Fault::new(need.node.at, &need.path, FaultCode::UnknownStep, message);
                    let whole =
                        || (draft.steps[*at].kind == StepKind::Race).then(|| format!("wait for the race: `{name}`"));
                    faults.push(fault.suggest_maybe(meant(label, labels.iter().map(String::as_str)).or_else(whole)));
                }
                needed.push(*at);
            }
            edges.push(needed);
        }
        edges
    }

    /// Returns the ancestors of each step; a step in a cycle is among its own.
    fn order(&self, draft: &FileDraft<'_>, faults: &mut Vec<Fault>) -> Vec<Ancestors> {
        let edges = self.edges(draft, faults);
        let levels = graph::levels(&edges);
        let left: Vec<usize> = (0..edges.len()).filter(|step| levels[*step].is_none()).collect();
        if !left.is_empty() {
            self.cycles(draft, &edges, &left, faults);
        }
        let mut order: Vec<usize> = (0..edges.len()).filter(|step| levels[*step].is_some()).collect();
        order.sort_by_key(|step| levels[*step]);
        let mut ancestors = vec![Ancestors::new(edges.len()); edges.len()];
        let all_of = |step: usize, ancestors: &[Ancestors]| {
            let mut all = Ancestors::new(edges.len());
            for need in &edges[step] {
                all.add(*need);
                all.add_all(&ancestors[*need]);
            }
            all
        };
        for step in order {
            ancestors[step] = all_of(step, &ancestors);
        }
        // What is in a cycle or behind one has no order: it is gone round until nothing is added.
        let mut has_grown = !left.is_empty();
        while has_grown {
            has_grown = false;
            for step in &left {
                let all = all_of(*step, &ancestors);
                has_grown |= all != ancestors[*step];
                ancestors[*step] = all;
            }
        }
        ancestors
    }

    /// Names each cycle once, from its first step in the file.
    fn cycles(&self, draft: &FileDraft<'_>, edges: &[Vec<usize>], left: &[usize], faults: &mut Vec<Fault>) {
        let mut told = BTreeSet::new();
        for start in left {
            if told.contains(start) {
                continue;
            }
            let Some(cycle) = way_back(edges, *start) else { continue };
            told.extend(cycle.iter().copied());
            let id = |step: &usize| draft.steps[*step].id.clone().unwrap_or_default();
            let names: Vec<_> = cycle.iter().chain([start]).map(id).collect();
            let step = &draft.steps[*start];
            let next = cycle.get(1).unwrap_or(start);
            let mut needs = step.needs.iter().chain(&step.needs_any);
            let need = needs.find(|need| self.by_name.get(split(&need.name).0) == Some(next));
            let (at, path) = need.map_or((step.node.at, step.path.clone()), |need| (need.node.at, need.path.clone()));
            let message = format!("a cycle: {}", names.join(" -> "));
            faults.push(Fault::new(at, &path, FaultCode::Cycle, message));
        }
    }

    /// Judges every reference.
    fn judge(
        &self,
        draft: &FileDraft<'_>,
        nested: &[Option<Workflow>],
        ancestors: &[Ancestors],
        faults: &mut Vec<Fault>,
    ) {
        for (at, step) in draft.steps.iter().enumerate() {
            if faults.len() >= MOST_FAULTS {
                return;
            }
            for found in &step.found {
                let ancestors = Some(&ancestors[at]);
                let judge = Judge { names: self, draft, nested, step: Some(at), ancestors, found };
                faults.extend(found.references.iter().filter_map(|reference| judge.fault(reference)).take(MOST_FAULTS));
            }
        }
        for found in &draft.found {
            let judge = Judge { names: self, draft, nested, step: None, ancestors: None, found };
            faults.extend(found.references.iter().filter_map(|reference| judge.fault(reference)).take(MOST_FAULTS));
        }
    }
}

/// Returns a shortest way from a step over what it waits for back to itself.
fn way_back(edges: &[Vec<usize>], start: usize) -> Option<Vec<usize>> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(step) = queue.pop_front() {
        for next in &edges[step] {
            if *next == start {
                let mut way = vec![step];
                while let Some(before) = came_from.get(way.last()?) {
                    way.push(*before);
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(next) {
                came_from.insert(*next, step);
                queue.push_back(*next);
            }
        }
    }
    None
}

/// Splits `review[security]`.
pub(super) fn split(name: &str) -> (&str, Option<&str>) {
    match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((step, label)) => (step, Some(label)),
        None => (name, None),
    }
}

/// Returns the labels of a matrix step, if they are known from the file.
fn labels(matrix: &BTreeMap<String, MatrixValues>) -> Option<Vec<String>> {
    let fixed = |values: &MatrixValues| match values {
        MatrixValues::Fixed(values) => Some(values.clone()),
        MatrixValues::Of(_) => None,
    };
    let values: BTreeMap<String, Vec<Value>> =
        matrix.iter().map(|(key, values)| Some((key.clone(), fixed(values)?))).collect::<Option<_>>()?;
    (values.values().map(Vec::len).product::<usize>() <= MOST_MEMBERS)
        .then(|| graph::combinations(&values).into_iter().filter_map(|(label, _)| label).collect())
}

/// One text and where it stands, to judge its references.
struct Judge<'j, 'd> {
    names: &'j Names<'d>,
    draft: &'j FileDraft<'d>,
    /// The workflows in the steps, by place.
    nested: &'j [Option<Workflow>],
    step: Option<usize>,
    ancestors: Option<&'j Ancestors>,
    found: &'j Found<'d>,
}

const ROOTS: [&str; 5] = ["env", "loaf", "matrix", "params", "steps"];

impl Judge<'_, '_> {
    fn fault(&self, reference: &Reference) -> Option<Fault> {
        let mut path = reference.path.iter().map(String::as_str);
        let root = path.next()?;
        let name = path.next();
        if let Some(member_of) = &reference.member_of
            && (StepFacts::NAMES.contains(&root) || root == "matrix")
        {
            let step = self.names.by_name.get(member_of.as_str()).map(|at| &self.draft.steps[*at])?;
            return self.of_result(reference, step, root, &reference.path[1..]);
        }
        match (root, name) {
            ("steps", Some(name)) => self.of_step(reference, name, &reference.path[2..]),
            ("steps", None) => self.undefined(reference, "name a step: `steps.ID`".into(), None),
            ("params", Some(name)) if self.draft.params.contains_key(name) => None,
            ("params", Some(name)) => {
                let known = self.draft.params.keys().map(String::as_str);
                self.undefined(reference, format!("no parameter `{name}`"), meant(name, known))
            }
            ("matrix", Some(name)) => self.of_matrix(reference, name),
            ("env", Some(_)) if self.found.place == Place::Start && self.step.is_some() => {
                self.undefined(reference, "here only parameters are known".into(), None)
            }
            ("env", Some(name)) if self.draft.file.env.iter().any(|known| known == name) => None,
            ("env", Some(name)) => {
                let suggestion = format!("declare it: `env: [{name}]` at the top");
                self.undefined(reference, format!("`{name}` is not declared under `env`"), Some(suggestion))
            }
            ("loaf", _) if self.found.place != Place::Start => None,
            ("params" | "matrix" | "env", None) if reference.is_open => None,
            ("params" | "matrix" | "env", None) => {
                self.undefined(reference, format!("name one of them: `{root}.NAME`"), None)
            }
            (root, _) => {
                let inside = reference.member_of.is_some();
                let known = ROOTS.into_iter().chain(StepFacts::NAMES.into_iter().filter(|_| inside));
                let suggestion = meant(root, known).or_else(|| self.without_root(root));
                self.undefined(reference, format!("`{root}` is undefined"), suggestion)
            }
        }
    }

    /// `{{ target }}` means the parameter, `{{ plan.output }}` the step.
    fn without_root(&self, name: &str) -> Option<String> {
        let param = self.draft.params.contains_key(name).then_some("params");
        let step = || self.names.by_name.contains_key(name).then_some("steps");
        let matrix = || self.step.filter(|at| self.draft.steps[*at].matrix.contains_key(name)).map(|_| "matrix");
        param.or_else(step).or_else(matrix).map(|root| format!("did you mean `{root}.{name}`?"))
    }

    fn undefined(&self, reference: &Reference, message: String, suggestion: Option<String>) -> Option<Fault> {
        self.told(reference, FaultCode::UndefinedName, message, suggestion)
    }

    fn told(
        &self,
        reference: &Reference,
        code: FaultCode,
        message: String,
        suggestion: Option<String>,
    ) -> Option<Fault> {
        let at = self.found.node.place_of(reference.offset);
        Some(Fault::new(at, &self.found.path, code, message).suggest_maybe(suggestion))
    }

    fn of_matrix(&self, reference: &Reference, name: &str) -> Option<Fault> {
        let matrix = self.step.filter(|_| self.found.place != Place::Start).map(|at| &self.draft.steps[at].matrix);
        match matrix {
            Some(matrix) if matrix.contains_key(name) => None,
            Some(matrix) => {
                let suggestion = meant(name, matrix.keys().map(String::as_str));
                self.undefined(reference, format!("the step's matrix has no `{name}`"), suggestion)
            }
            None => self.undefined(reference, "there is no matrix here".into(), None),
        }
    }

    fn of_step(&self, reference: &Reference, name: &str, rest: &[String]) -> Option<Fault> {
        if self.found.place == Place::Start {
            let message = "no step has run by then: only parameters are known".into();
            return self.told(reference, FaultCode::NotAnAncestor, message, None);
        }
        let Some(at) = self.names.by_name.get(name).copied() else {
            let suggestion = meant(name, self.names.by_name.keys().copied());
            return self.told(reference, FaultCode::UnknownStep, format!("no step `{name}`"), suggestion);
        };
        let is_own = self.step == Some(at) && self.found.place == Place::Until;
        if let Some(ancestors) = self.ancestors
            && !is_own
            && !ancestors.contains(at)
        {
            let (message, suggestion) = if self.step == Some(at) {
                ("a step cannot refer to itself here".to_owned(), None)
            } else {
                let message = format!("step `{name}` need not be over by then");
                (message, Some(format!("add `{name}` to `needs`")))
            };
            return self.told(reference, FaultCode::NotAnAncestor, message, suggestion);
        }
        self.of_facts(reference, &self.draft.steps[at], is_own, rest)
    }

    /// Judges what is asked of a step that may be asked.
    fn of_facts(&self, reference: &Reference, step: &StepDraft<'_>, is_own: bool, rest: &[String]) -> Option<Fault> {
        let is_group = !step.matrix.is_empty() && !is_own;
        let name = step.id.as_deref().unwrap_or_default();
        let Some(fact) = rest.first().map(String::as_str) else {
            let message = format!("say what of `{name}`: {}", StepFacts::NAMES.join(", "));
            return if reference.is_open { None } else { self.undefined(reference, message, None) };
        };
        if GROUP_CALLS.contains(&fact) {
            let message = format!("`{fact}` asks the members of a matrix step, and `{name}` has no matrix");
            return if is_group { None } else { self.undefined(reference, message, None) };
        }
        if is_group && !StepFacts::GROUP_NAMES.contains(&fact) {
            return self.of_member(reference, step, fact, &rest[1..]);
        }
        if !StepFacts::NAMES.contains(&fact) {
            let suggestion =
                meant(fact, StepFacts::NAMES).unwrap_or_else(|| format!("there are {}", StepFacts::NAMES.join(", ")));
            return self.undefined(reference, format!("a step has no `{fact}`"), Some(suggestion));
        }
        self.of_result(reference, step, fact, &rest[1..])
    }

    fn of_member(&self, reference: &Reference, step: &StepDraft<'_>, label: &str, rest: &[String]) -> Option<Fault> {
        let name = step.id.as_deref().unwrap_or_default();
        let known = labels(&step.matrix);
        if known.as_ref().is_none_or(|known| known.iter().any(|known| known == label)) {
            let fact = rest.first().map(String::as_str).unwrap_or_default();
            if StepFacts::NAMES.contains(&fact) || (rest.is_empty() && reference.is_open) {
                return self.of_result(reference, step, fact, rest.get(1..).unwrap_or_default());
            }
            let message = format!("say what of `{name}[{label}]`: {}", StepFacts::NAMES.join(", "));
            return self.undefined(reference, message, None);
        }
        if !StepFacts::NAMES.contains(&label) {
            let suggestion = known.map(|known| format!("there are {}", known.join(", ")));
            return self.undefined(reference, format!("step `{name}` has no member `{label}`"), suggestion);
        }
        let first = known.iter().flatten().next().map_or("…", String::as_str);
        let suggestion =
            format!("ask a member: `steps.{name}['{first}'].{label}`, or all: `steps.{name}.any({label}…)`");
        self.undefined(
            reference,
            format!("`{name}` is a matrix step, which as a whole has no `{label}`"),
            Some(suggestion),
        )
    }

    fn of_result(&self, reference: &Reference, step: &StepDraft<'_>, fact: &str, rest: &[String]) -> Option<Fault> {
        if step.kind == StepKind::Workflow {
            return self.of_nested(reference, step, fact, rest);
        }
        if fact != "result" || !step.kind.is_agent() {
            return None;
        }
        let name = step.id.as_deref().unwrap_or_default();
        let schema = step.fields.get("output_schema").or_else(|| self.draft.defaults.get("output_schema"));
        let Some(schema) = schema else {
            let suggestion = format!("give step `{name}` an `output_schema`, or use `output`");
            return self.undefined(
                reference,
                format!("step `{name}` has no `output_schema`, so no result"),
                Some(suggestion),
            );
        };
        let properties = schema.get("properties").and_then(Value::as_object)?;
        let is_closed = schema.get("additionalProperties").is_none_or(|others| others == false);
        let first = rest.first()?;
        if properties.contains_key(first) || !is_closed {
            return None;
        }
        let message = format!("the `output_schema` of step `{name}` has no `{first}`");
        self.undefined(reference, message, meant(first, properties.keys().map(String::as_str)))
    }

    /// Judges what is asked of a nested workflow: what came of it as a whole, and its outputs.
    fn of_nested(&self, reference: &Reference, step: &StepDraft<'_>, fact: &str, rest: &[String]) -> Option<Fault> {
        const NAMES: [&str; 5] = ["diff", "files", "output", "result", "status"];
        let name = step.id.as_deref().unwrap_or_default();
        if !NAMES.contains(&fact) {
            let suggestion = format!("there are {}", NAMES.join(", "));
            return self.undefined(reference, format!("a nested workflow has no `{fact}`"), Some(suggestion));
        }
        let outputs = &self.nested.get(*self.names.by_name.get(name)?)?.as_ref()?.outputs;
        if !["output", "result"].contains(&fact) {
            return None;
        }
        if outputs.is_empty() {
            let suggestion = "give it some: `outputs: {NAME: \"{{ steps.ID.output }}\"}`".to_owned();
            return self.undefined(reference, format!("the workflow in `{name}` has no `outputs`"), Some(suggestion));
        }
        let first = rest.first().filter(|first| fact == "result" && !outputs.contains_key(*first))?;
        let suggestion = meant(first, outputs.keys().map(String::as_str)).unwrap_or_else(|| {
            format!("there are {}", outputs.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
        });
        self.undefined(reference, format!("the workflow in `{name}` has no output `{first}`"), Some(suggestion))
    }
}

/// Judges what depends on the values of parameters: lists of matrices and bounds of loops.
fn sizes(draft: &FileDraft<'_>, params: &Map<String, Value>, faults: &mut Vec<Fault>) {
    let scope = Scope { params: params.clone(), ..Scope::default() };
    let mut total = 0_usize;
    for step in &draft.steps {
        let mut members = 1_usize;
        for (key, values) in &step.matrix {
            let path = step.path.key("matrix").key(key);
            let at = step.node.get("matrix").and_then(|matrix| matrix.get(key)).map_or(step.node.at, |node| node.at);
            match graph::values_of(values, &scope) {
                Ok(values) => members = members.saturating_mul(values.len().max(1)),
                Err(message) => faults.push(Fault::new(at, &path, FaultCode::WrongType, message)),
            }
        }
        if members > MOST_MEMBERS {
            let at = step.node.get("matrix").map_or(step.node.at, |node| node.at);
            let message = format!("a matrix of {members} runs, more than {MOST_MEMBERS}");
            faults.push(Fault::new(at, &step.path.key("matrix"), FaultCode::MatrixTooBig, message));
        }
        total = total.saturating_add(race::rows(step, members));
        if let Some(Bound::Of(expression)) = step.repeat.as_ref().map(|repeat| &repeat.max)
            && let Err(message) = graph::bound_of(expression, &scope)
        {
            let repeat = step.node.get("repeat");
            let at = repeat.and_then(|repeat| repeat.get("max")).map_or(step.node.at, |node| node.at);
            faults.push(Fault::new(at, &step.path.key("repeat").key("max"), FaultCode::WrongValue, message));
        }
    }
    if total > MOST_STEPS {
        let message = format!("{total} runs of steps, more than {MOST_STEPS}");
        let at = draft.steps.first().map_or(Position::default(), |step| step.node.at);
        faults.push(Fault::new(at, &Path::default().key("steps"), FaultCode::TooManySteps, message));
    }
}

/// Judges how often failed checks go back: not more than helps, and only where there is a check.
fn repairs(draft: &FileDraft<'_>, tree: &Node, base: &Path, faults: &mut Vec<Fault>) {
    const FIELD: &str = "verify_retries";
    let mut judge = |fields: &Map<String, Value>, node: Option<&Node>, path: &Path, is_verified: bool| {
        let asked = fields.get(FIELD).filter(|asked| **asked != 0);
        let (Some(asked), Some(place)) = (asked, node.and_then(|node| node.get(FIELD))) else { return };
        let path = path.key(FIELD);
        if asked.as_u64().is_some_and(|asked| asked > MOST_REPAIRS.into()) {
            let message = format!("{asked} repairs, more than {MOST_REPAIRS}");
            faults.push(Fault::new(place.at, &path, FaultCode::WrongValue, message));
        }
        if !is_verified {
            let message = format!("`{FIELD}` without `verify`: there is no check that could fail");
            faults.push(Fault::new(place.at, &path, FaultCode::Contradiction, message));
        }
    };
    judge(&draft.defaults, tree.get("defaults"), &base.key("defaults"), true);
    for step in &draft.steps {
        // A check that cannot be read has been told of.
        let is_unread = step.node.get("verify").is_some() && !step.fields.contains_key("verify");
        let is_verified = is_unread || is_verified(&step.fields) || is_verified(&draft.defaults);
        judge(&step.fields, Some(step.node), &step.path, is_verified);
    }
}

/// Whether work with these fields is checked.
fn is_verified(fields: &Map<String, Value>) -> bool {
    fields.get("verify").is_some_and(|verify| verify.as_array().is_none_or(|lines| !lines.is_empty()))
}

/// Makes the workflow of a draft without faults.
fn finished(draft: FileDraft<'_>, nested: Vec<Option<Workflow>>) -> Workflow {
    let frozen = frozen(&draft, &nested);
    let defaults = draft.defaults;
    let steps = draft.steps.into_iter().zip(nested).map(|(step, nested)| finished_step(step, nested, &defaults));
    let steps = steps.collect();
    let templates = |(name, text): (String, String)| Some((name, Template::parse(&text).ok()?));
    let file = draft.file;
    Workflow {
        name: file.name,
        description: file.description,
        params: draft.params,
        max_concurrent: file.max_concurrent,
        budget: file.budget,
        on_failure: file.on_failure,
        env: file.env,
        steps,
        outputs: file.outputs.into_iter().filter_map(templates).collect(),
        frozen,
    }
}

fn finished_step(step: StepDraft<'_>, nested: Option<Workflow>, defaults: &Map<String, Value>) -> Step {
    let action = match (step.action, nested) {
        (Some(action), _) => action,
        (None, Some(definition)) => {
            Action::Workflow { definition: Box::new(definition), params: step.own.params.clone() }
        }
        // A step without an action has a fault, and this is without faults.
        (None, None) => Action::Agent,
    };
    let suits = |name: &str, value: &Value| {
        let is_race = step.kind == StepKind::Race;
        let taken = name == "backend" && (step.backend_not.is_some() || is_race);
        !taken
            && (!is_race || race::takes_default(name, value))
            && (step.kind.is_agent()
                || (step.kind.is_task() && !AGENT_ONLY.contains(&name))
                || FOR_EVERY_KIND.contains(&name))
    };
    let mut fields: Map<String, Value> = defaults
        .iter()
        .filter(|(name, value)| suits(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    fields.extend(step.fields);
    // As a default it is meant for the steps that have checks.
    if !is_verified(&fields) {
        fields.remove("verify_retries");
    }
    let names = |needs: Vec<super::read::Need<'_>>| needs.into_iter().map(|need| need.name).collect();
    Step {
        id: step.id.unwrap_or_default(),
        action,
        needs: names(step.needs),
        needs_any: names(step.needs_any),
        when: step.when,
        matrix: step.matrix,
        repeat: step.repeat,
        backend_not: step.backend_not,
        fields,
    }
}

/// Returns the definition as JSON, nested files written out.
fn frozen(draft: &FileDraft<'_>, nested: &[Option<Workflow>]) -> Value {
    let file = &draft.file;
    let mut top = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            top.insert(name.to_owned(), value);
        }
    };
    put("name", file.name.clone().map(Value::from));
    put("description", file.description.clone().map(Value::from));
    put("max_concurrent", file.max_concurrent.map(Value::from));
    put("budget", file.budget.map(|budget| Value::from(budget.to_string())));
    put("on_failure", serde_json::to_value(file.on_failure).ok());
    put("env", serde_json::to_value(&file.env).ok());
    put("outputs", serde_json::to_value(&file.outputs).ok());
    put("defaults", Some(Value::Object(draft.defaults.clone())));
    put("params", Some(draft.params.iter().map(|(name, param)| (name.clone(), frozen_param(param))).collect()));
    let steps = draft.steps.iter().zip(nested).map(|(step, nested)| {
        let mut map = step.frozen.clone();
        if let Some(nested) = nested {
            map.insert("workflow".to_owned(), nested.frozen.clone());
        }
        Value::Object(map)
    });
    put("steps", Some(steps.collect()));
    Value::Object(top)
}

fn frozen_param(param: &super::definition::Param) -> Value {
    let fields = super::fields::ParamFields {
        kind: param.kind,
        required: param.is_required,
        default: param.default.clone(),
        description: param.description.clone(),
        choices: param.choices.clone(),
    };
    let Ok(Value::Object(mut map)) = serde_json::to_value(fields) else { return Value::Null };
    map.retain(|_, value| !value.is_null() && *value != Value::Array(Vec::new()));
    Value::Object(map)
}

/// Returns the bound as a number, if it is one from 1 to the most.
pub(super) fn bound(value: &Value, expression: &Expression) -> Result<u32, String> {
    let number = value.as_u64().and_then(|max| u32::try_from(max).ok()).filter(|max| (1..=MOST_RUNS).contains(max));
    number.ok_or_else(|| format!("`{}` is {value}, not a whole number from 1 to {MOST_RUNS}", expression.as_str()))
}
