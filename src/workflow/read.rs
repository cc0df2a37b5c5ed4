//! From the tree to drafts: each key by its vocabulary, each kind of step by its rules. What concerns several
//! steps is judged afterwards, in `check`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    definition::{Action, Bound, MatrixValues, Param, Repeat, Run, Until, When},
    expression::{Expression, Template},
    fault::{Fault, FaultCode, MOST_FAULTS, Path},
    fields::{
        AGENT_ONLY, FOR_EVERY_KIND, FileFields, NOT_IN_STEPS, ParamFields, SHELL_FIELDS, StepFields, StepKind,
        Vocabulary, kinds_of,
    },
    params,
    race::{MOST_RACERS, Race},
    shape::{Found, Insertions, Place, Shaper, has_insertion, meant, unknown_key},
    tree::{Content, Node},
};
use crate::core::{Money, Span, Timestamp};

/// What the reader has to know of the world.
pub struct Known<'a> {
    pub backends: &'a [String],
    pub roles: &'a [String],
    /// The fields of a task.
    pub task: &'a Vocabulary,
    /// Reads a nested workflow's file; the path is relative to the file that was given.
    pub load: &'a dyn Fn(&str) -> Result<String, String>,
}

/// A file as it was read, with what is still to be judged.
pub(super) struct FileDraft<'a> {
    pub file: FileFields,
    pub params: BTreeMap<String, Param>,
    pub steps: Vec<StepDraft<'a>>,
    /// References of the outputs and of the defaults.
    pub found: Vec<Found<'a>>,
    pub defaults: Map<String, Value>,
}

/// A step as it was read.
pub(super) struct StepDraft<'a> {
    pub node: &'a Node,
    pub path: Path,
    pub id: Option<String>,
    pub kind: StepKind,
    pub needs: Vec<Need<'a>>,
    pub needs_any: Vec<Need<'a>>,
    pub when: When,
    pub matrix: BTreeMap<String, MatrixValues>,
    pub repeat: Option<Repeat>,
    pub backend_not: Option<Template>,
    pub own: StepFields,
    /// Fields of the task without the defaults.
    pub fields: Map<String, Value>,
    pub found: Vec<Found<'a>>,
    /// Absent for nested workflows, which `check` reads, and after a fault.
    pub action: Option<Action>,
    /// The step as JSON, for the frozen definition.
    pub frozen: Map<String, Value>,
}

/// A step that another one waits for.
pub(super) struct Need<'a> {
    pub name: String,
    pub node: &'a Node,
    pub path: Path,
}

pub(super) struct Reader<'a, 'k> {
    pub shaper: Shaper<'a>,
    known: &'k Known<'k>,
    file_words: Vocabulary,
    step_words: Vocabulary,
}

/// Keys of a step whose values are no templates.
const LITERAL: [&str; 12] = [
    "id",
    "kind",
    "needs",
    "depends_on",
    "needs_any",
    "when",
    "repeat",
    "workflow",
    "output_schema",
    "backends",
    "expires",
    "unattended",
];

impl<'a, 'k> Reader<'a, 'k> {
    pub fn new(known: &'k Known<'k>) -> Self {
        Self {
            shaper: Shaper::default(),
            known,
            file_words: Vocabulary::of::<FileFields>(),
            step_words: Vocabulary::of::<StepFields>(),
        }
    }

    pub fn file(&mut self, root: &'a Node, base: &Path) -> Option<FileDraft<'a>> {
        if !matches!(root.content, Content::Map(_)) {
            let message = format!("{} where a workflow belongs", root.kind());
            self.shaper.faults.push(
                Fault::new(root.at, base, FaultCode::WrongType, message).suggest("begin with `steps:` and a list"),
            );
            return None;
        }
        let words = self.file_words.clone();
        let mut plain = Map::new();
        for (key, node) in root.pairs() {
            if self.shaper.is_full() {
                break;
            }
            let path = base.key(&key.name);
            match key.name.as_str() {
                // Read below, each in its own way.
                "params" | "defaults" | "steps" | "outputs" => {}
                name if words.properties.contains_key(name) => {
                    if let Some(value) = self.shaper.field(name, node, &path, &words, Insertions::Literal) {
                        plain.insert(name.to_owned(), value);
                    }
                }
                _ => self.shaper.faults.push(unknown_key(key, &path, words.names())),
            }
        }
        let mut file: FileFields = serde_json::from_value(Value::Object(plain)).unwrap_or_default();
        if let (Some(budget), Some(node)) = (file.budget, root.get("budget"))
            && budget == Money(0)
        {
            let fault = Fault::new(node.at, &base.key("budget"), FaultCode::WrongValue, "nothing can be done for $0");
            self.shaper.faults.push(fault.suggest("leave it out, or give what may be spent, such as `$5`"));
        }
        for (at, name) in file.env.iter().enumerate() {
            if name.is_empty() || name.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control()) {
                let path = base.key("env");
                let place = root.get("env").and_then(|env| env.items().get(at)).unwrap_or(root);
                let message = format!("`{name}` is no name of an environment variable");
                self.shaper.fault(place, &path.item(at), FaultCode::BadId, message);
            }
        }
        let params = self.params(root.get("params"), &base.key("params"));
        let defaults = self.defaults(root.get("defaults"), &base.key("defaults"));
        file.outputs = self.outputs(root.get("outputs"), &base.key("outputs"));
        let found = std::mem::take(&mut self.shaper.found);
        let steps = self.steps(root, base);
        Some(FileDraft { file, params, steps, found, defaults })
    }

    fn mapping(&mut self, node: &Node, path: &Path) -> bool {
        let is_mapping = matches!(node.content, Content::Map(_));
        if !is_mapping {
            let message = format!("{} where a mapping belongs", node.kind());
            self.shaper.fault(node, path, FaultCode::WrongType, message);
        }
        is_mapping
    }

    fn params(&mut self, node: Option<&'a Node>, path: &Path) -> BTreeMap<String, Param> {
        let Some(node) = node.filter(|node| self.mapping(node, path)) else { return BTreeMap::new() };
        let words = Vocabulary::of::<ParamFields>();
        let mut params = BTreeMap::new();
        for (key, node) in node.pairs() {
            if self.shaper.is_full() {
                break;
            }
            let path = path.key(&key.name);
            if let Some(fault) = bad_name(key.at, &key.name, &path, "parameter") {
                self.shaper.faults.push(fault);
            }
            if !self.mapping(node, &path) {
                continue;
            }
            let mut plain = Map::new();
            for (key, node) in node.pairs() {
                let path = path.key(&key.name);
                if !words.properties.contains_key(&key.name) {
                    self.shaper.faults.push(unknown_key(key, &path, words.names()));
                } else if let Some(value) = self.shaper.field(&key.name, node, &path, &words, Insertions::Literal) {
                    plain.insert(key.name.clone(), value);
                }
            }
            let fields: ParamFields = serde_json::from_value(Value::Object(plain)).unwrap_or_default();
            params.insert(key.name.clone(), self.param(node, fields, &path));
        }
        params
    }

    /// Returns the values that a parameter may have; each must be one of its type.
    fn choices(&mut self, node: &Node, fields: &ParamFields, path: &Path) -> Vec<Value> {
        let path = path.key("enum");
        let Some(list) = node.get("enum") else { return Vec::new() };
        if matches!(&list.content, Content::List(items) if items.is_empty()) {
            self.shaper.fault(list, &path, FaultCode::WrongValue, "no value is one of none");
        }
        let mut choices = Vec::new();
        for (at, value) in fields.choices.iter().enumerate() {
            match params::of_type(fields.kind, value) {
                Some(fit) => choices.push(fit),
                None => {
                    let place = list.items().get(at).unwrap_or(list);
                    let message = format!("{} where {} belongs", place.kind(), params::called(fields.kind));
                    self.shaper.fault(place, &path.item(at), FaultCode::WrongType, message);
                }
            }
        }
        choices
    }

    fn param(&mut self, node: &Node, fields: ParamFields, path: &Path) -> Param {
        let choices = self.choices(node, &fields, path);
        let mut of_type = |key: &str, value: &Value| {
            let place = node.get(key).unwrap_or(node);
            // The text as written: `1.10` of a text parameter is no number.
            let written = match (&place.content, fields.kind) {
                (Content::Scalar(scalar), super::fields::ParamType::String) => Value::from(scalar.text.as_str()),
                _ => value.clone(),
            };
            let fit = params::of_type(fields.kind, &written);
            if fit.is_none() {
                let message = format!("{} where {} belongs", place.kind(), params::called(fields.kind));
                self.shaper.fault(place, &path.key(key), FaultCode::WrongType, message);
            }
            fit
        };
        let default = fields.default.as_ref().and_then(|value| of_type("default", value));
        let param = Param {
            kind: fields.kind,
            is_required: fields.required,
            default,
            description: fields.description,
            choices,
        };
        if let (Some(default), Some(place)) = (&param.default, node.get("default")) {
            if param.is_required {
                let message = "a required parameter has no default";
                self.shaper.fault(place, &path.key("default"), FaultCode::Contradiction, message);
            } else if let Err(message) = params::fitting(&param, default) {
                self.shaper.fault(place, &path.key("default"), FaultCode::WrongValue, message);
            }
        }
        param
    }

    fn defaults(&mut self, node: Option<&'a Node>, path: &Path) -> Map<String, Value> {
        let Some(node) = node.filter(|node| self.mapping(node, path)) else { return Map::new() };
        // A default may only name what every step knows.
        self.shaper.place = Place::Start;
        let mut defaults = Map::new();
        for (key, node) in node.pairs() {
            if self.shaper.is_full() {
                break;
            }
            let path = path.key(&key.name);
            let task = self.known.task;
            if key.name == "prompt" || NOT_IN_STEPS.iter().any(|(name, _)| *name == key.name) {
                let message = format!("`{}` cannot be a default", key.name);
                self.shaper.faults.push(Fault::new(key.at, &path, FaultCode::MisplacedKey, message));
            } else if !task.properties.contains_key(&key.name) {
                self.shaper.faults.push(unknown_key(key, &path, task.names()));
            } else if let Some(value) = self.task_field(&key.name, node, &path) {
                defaults.insert(key.name.clone(), value);
            }
        }
        self.shaper.place = Place::Step;
        defaults
    }

    /// Reads a field that a task has, or that is read like one.
    fn task_field(&mut self, name: &str, node: &'a Node, path: &Path) -> Option<Value> {
        let insertions = if SHELL_FIELDS.contains(&name) {
            Insertions::Refused
        } else if LITERAL.contains(&name) {
            Insertions::Literal
        } else {
            Insertions::Allowed
        };
        let words =
            if self.known.task.properties.contains_key(name) { self.known.task } else { &self.step_words.clone() };
        let value = self.shaper.field(name, node, path, words, insertions)?;
        match name {
            "backend" => self.known_word(node, path, &value, true),
            "role" => self.known_word(node, path, &value, false),
            "fallback" => {
                for (at, value) in value.as_array().into_iter().flatten().enumerate().take(MOST_FAULTS) {
                    self.known_word(node.items().get(at).unwrap_or(node), &path.item(at), value, true);
                }
            }
            _ => {}
        }
        Some(value)
    }

    fn known_word(&mut self, node: &Node, path: &Path, value: &Value, is_backend: bool) {
        let Some(given) = value.as_str().filter(|_| !has_insertion(value)) else { return };
        let (known, what, code) = if is_backend {
            (self.known.backends, "backend", FaultCode::UnknownBackend)
        } else {
            (self.known.roles, "role", FaultCode::UnknownRole)
        };
        let same = |name: &String| name.replace('-', "_") == given.replace('-', "_");
        if known.iter().any(same) || (is_backend && given == "auto") {
            return;
        }
        let suggestion =
            meant(given, known.iter().map(String::as_str)).unwrap_or_else(|| format!("there are {}", known.join(", ")));
        let fault = Fault::new(node.at, path, code, format!("no {what} `{given}`"));
        self.shaper.faults.push(fault.suggest(suggestion));
    }

    fn outputs(&mut self, node: Option<&'a Node>, path: &Path) -> BTreeMap<String, String> {
        let Some(node) = node else { return BTreeMap::new() };
        self.shaper.place = Place::End;
        let words = self.file_words.clone();
        let value = self.shaper.field("outputs", node, path, &words, Insertions::Allowed);
        self.shaper.place = Place::Step;
        value.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
    }

    fn steps(&mut self, root: &'a Node, base: &Path) -> Vec<StepDraft<'a>> {
        let path = base.key("steps");
        let Some(node) = root.get("steps") else {
            self.shaper.faults.push(Fault::new(root.at, &path, FaultCode::MissingKey, "a workflow has `steps`"));
            return Vec::new();
        };
        let Content::List(items) = &node.content else {
            self.shaper.fault(node, &path, FaultCode::WrongType, format!("{} where a list belongs", node.kind()));
            return Vec::new();
        };
        if items.is_empty() {
            self.shaper.fault(node, &path, FaultCode::MissingKey, "a workflow has at least one step");
        }
        let mut steps = Vec::new();
        for (at, node) in items.iter().enumerate() {
            let path = path.item(at);
            if self.shaper.is_full() {
                break;
            }
            if self.mapping(node, &path) {
                steps.push(self.step(node, path));
            }
        }
        steps
    }

    fn step(&mut self, node: &'a Node, path: Path) -> StepDraft<'a> {
        let kind = self.kind(node, &path);
        let (mut own, mut fields) = (Map::new(), Map::new());
        for (key, value) in node.pairs() {
            let path = path.key(&key.name);
            let name = key.name.as_str();
            if self.shaper.is_full() {
                break;
            }
            if !self.belongs(key, &path, kind) {
                continue;
            }
            match name {
                // Read below: their texts are of different sorts.
                "repeat" | "matrix" | "workflow" => {}
                "backend" => {
                    if let Content::Map(_) = value.content {
                        continue;
                    }
                    if let Some(read) = self.task_field(name, value, &path) {
                        fields.insert(name.to_owned(), read);
                    }
                }
                _ if self.step_words.properties.contains_key(name) => {
                    let words = self.step_words.clone();
                    let shell = name == "run" && node.get("shell").is_some_and(|shell| shell.to_json() == true);
                    let insertions = match (shell, LITERAL.contains(&name)) {
                        (true, _) => Insertions::Refused,
                        (false, true) => Insertions::Literal,
                        (false, false) => Insertions::Allowed,
                    };
                    if let Some(read) = self.shaper.field(name, value, &path, &words, insertions) {
                        own.insert(name.to_owned(), read);
                    }
                }
                _ => {
                    if let Some(read) = self.task_field(name, value, &path) {
                        fields.insert(name.to_owned(), read);
                    }
                }
            }
        }
        let frozen: Map<String, Value> = own.iter().chain(&fields).map(|(k, v)| (k.clone(), v.clone())).collect();
        let own: StepFields = serde_json::from_value(Value::Object(own)).unwrap_or_default();
        self.drafted(node, path, kind, own, fields, frozen)
    }

    fn drafted(
        &mut self,
        node: &'a Node,
        path: Path,
        kind: StepKind,
        own: StepFields,
        fields: Map<String, Value>,
        mut frozen: Map<String, Value>,
    ) -> StepDraft<'a> {
        for (key, value) in node.pairs() {
            if key.name == "repeat" || (key.name == "backend" && !fields.contains_key("backend")) {
                frozen.insert(key.name.clone(), value.to_json());
            }
        }
        let id = self.id(node, &path, own.id.as_deref());
        let (needs, needs_any) = self.needs(node, &path);
        let when = self.when(node, &path);
        let matrix = self.matrix(node, &path);
        let repeat = self.repeat(node, &path);
        let backend_not = self.backend_not(node, &path);
        let of_matrix = |(key, values): (&String, &MatrixValues)| {
            let values = match values {
                MatrixValues::Fixed(values) => Value::from(values.clone()),
                MatrixValues::Of(list) => Value::from(format!("{{{{ {} }}}}", list.as_str())),
            };
            (key.clone(), values)
        };
        if !matrix.is_empty() {
            frozen.insert("matrix".to_owned(), Value::Object(matrix.iter().map(of_matrix).collect()));
        }
        let action = self.action(node, &path, kind, &own);
        let found = std::mem::take(&mut self.shaper.found);
        StepDraft {
            node,
            path,
            id,
            kind,
            needs,
            needs_any,
            when,
            matrix,
            repeat,
            backend_not,
            own,
            fields,
            found,
            action,
            frozen,
        }
    }

    fn kind(&mut self, node: &'a Node, path: &Path) -> StepKind {
        let Some(kind) = node.get("kind") else { return StepKind::Agent };
        let words = self.step_words.clone();
        let faults = self.shaper.faults.len();
        let value = self.shaper.field("kind", kind, &path.key("kind"), &words, Insertions::Literal);
        // Told again when the key comes along.
        self.shaper.faults.truncate(faults);
        value.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
    }

    /// Whether a key may stand in a step of this kind; adds the fault if not.
    fn belongs(&mut self, key: &super::tree::Key, path: &Path, kind: StepKind) -> bool {
        let name = key.name.as_str();
        let misplaced = |message: String| Fault::new(key.at, path, FaultCode::MisplacedKey, message);
        let fault = if let Some((_, instead)) = NOT_IN_STEPS.iter().find(|(field, _)| *field == name) {
            misplaced(format!("`{name}` is not for steps")).suggest(*instead)
        } else if self.step_words.properties.contains_key(name) {
            let kinds = kinds_of(name);
            if kinds.is_empty() || kinds.contains(&kind) {
                return true;
            }
            let words: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
            misplaced(format!("`{name}` is for a step of kind {}, not {}", words.join(" or "), kind.as_str()))
        } else if self.known.task.properties.contains_key(name) {
            let fits =
                kind.is_agent() || (kind.is_task() && !AGENT_ONLY.contains(&name)) || FOR_EVERY_KIND.contains(&name);
            if fits {
                return true;
            }
            let who = if AGENT_ONLY.contains(&name) { "an agent's step" } else { "a step that runs something" };
            let instead = match (name, kind) {
                ("timeout", StepKind::Approval) => Some("use `expires`: how long it waits for an answer"),
                ("timeout", StepKind::Workflow) => Some("give it to the steps in that workflow"),
                ("timeout", StepKind::Wait) => Some("leave it out: `for` or `at` says when it ends"),
                (_, _) => None,
            };
            misplaced(format!("`{name}` is for {who}, not for kind {}", kind.as_str())).suggest_maybe(instead)
        } else {
            unknown_key(key, path, self.step_words.names().chain(self.known.task.names()))
        };
        self.shaper.faults.push(fault);
        false
    }

    fn id(&mut self, node: &Node, path: &Path, id: Option<&str>) -> Option<String> {
        let Some(place) = node.get("id") else {
            self.shaper.fault(node, &path.key("id"), FaultCode::MissingKey, "a step has an `id`");
            return None;
        };
        let id = id?;
        match bad_name(place.at, id, &path.key("id"), "step") {
            Some(fault) => {
                self.shaper.faults.push(fault);
                None
            }
            None => Some(id.to_owned()),
        }
    }

    fn needs(&mut self, node: &'a Node, path: &Path) -> (Vec<Need<'a>>, Vec<Need<'a>>) {
        if let (Some(_), Some((key, _))) =
            (node.get("needs"), node.pairs().iter().find(|(key, _)| key.name == "depends_on"))
        {
            let message = "`depends_on` and `needs` are the same: write one of them";
            self.shaper.faults.push(Fault::new(key.at, &path.key("depends_on"), FaultCode::Contradiction, message));
        }
        let listed = |key: &str| -> Vec<Need<'a>> {
            let items = node.get(key).map(Node::items).unwrap_or_default().iter().enumerate();
            let need = |(at, node): (usize, &'a Node)| {
                let Content::Scalar(scalar) = &node.content else { return None };
                Some(Need { name: scalar.text.clone(), node, path: path.key(key).item(at) })
            };
            items.filter_map(need).collect()
        };
        let mut needs = listed("needs");
        needs.extend(listed("depends_on"));
        (needs, listed("needs_any"))
    }

    fn when(&mut self, node: &'a Node, path: &Path) -> When {
        match node.get("when") {
            None => When::Succeeded,
            Some(when) if matches!(&when.content, Content::Scalar(scalar) if scalar.text == "always") => When::Always,
            Some(when) => self.shaper.condition(when, &path.key("when")).map_or(When::Succeeded, When::Holds),
        }
    }

    fn matrix(&mut self, node: &'a Node, path: &Path) -> BTreeMap<String, MatrixValues> {
        let path = path.key("matrix");
        let Some(node) = node.get("matrix").filter(|node| self.mapping(node, &path)) else { return BTreeMap::new() };
        if node.pairs().is_empty() {
            self.shaper.fault(node, &path, FaultCode::MissingKey, "a matrix has at least one key");
        }
        let mut matrix = BTreeMap::new();
        for (key, node) in node.pairs() {
            let path = path.key(&key.name);
            if let Some(fault) = bad_name(key.at, &key.name, &path, "matrix key") {
                self.shaper.faults.push(fault);
            }
            if let Some(values) = self.matrix_values(node, &path) {
                matrix.insert(key.name.clone(), values);
            }
        }
        matrix
    }

    fn matrix_values(&mut self, node: &'a Node, path: &Path) -> Option<MatrixValues> {
        match &node.content {
            Content::List(items) if items.is_empty() => {
                self.shaper.fault(node, path, FaultCode::MissingKey, "a matrix key has at least one value");
                None
            }
            Content::List(items) => {
                let mut values: Vec<Value> = Vec::new();
                let mut labels = std::collections::BTreeSet::new();
                for (at, item) in items.iter().enumerate() {
                    let value = match &item.content {
                        Content::Scalar(scalar) => scalar.as_written(),
                        Content::List(_) | Content::Map(_) => Value::Null,
                    };
                    if !params::is_scalar(&value) || has_insertion(&value) {
                        let message = format!("{} where a fixed text, number or truth belongs", item.kind());
                        self.shaper.fault(item, &path.item(at), FaultCode::WrongType, message);
                    } else if let Some(message) = bad_label(&value) {
                        self.shaper.fault(item, &path.item(at), FaultCode::WrongValue, message);
                    } else if !labels.insert(label_of(&value)) {
                        let message = format!("`{}` stands here twice", label_of(&value));
                        self.shaper.fault(item, &path.item(at), FaultCode::DuplicateKey, message);
                    } else {
                        values.push(value);
                    }
                }
                Some(MatrixValues::Fixed(values))
            }
            Content::Scalar(_) | Content::Map(_) => {
                self.at_start(node, path, "a list or a template of one").map(MatrixValues::Of)
            }
        }
    }

    /// Reads a template that is one insertion of what is known before anything starts.
    fn at_start(&mut self, node: &'a Node, path: &Path, expected: &str) -> Option<Expression> {
        let parsed = match &node.content {
            Content::Scalar(scalar) if scalar.text.contains("{{") => Some(Template::parse(&scalar.text)),
            Content::Scalar(_) | Content::List(_) | Content::Map(_) => None,
        };
        match parsed {
            Some(Ok(template)) if template.sole().is_some() => {
                self.shaper.found.push(Found {
                    node,
                    path: path.clone(),
                    place: Place::Start,
                    references: template.references().collect(),
                });
                template.sole().cloned()
            }
            Some(Err(error)) => {
                let fault = Fault::new(node.place_of(error.offset), path, FaultCode::BadExpression, error.message);
                self.shaper.faults.push(fault.suggest_maybe(error.suggestion));
                None
            }
            Some(Ok(_)) | None => {
                self.shaper.fault(
                    node,
                    path,
                    FaultCode::WrongType,
                    format!("{} where {expected} belongs", node.kind()),
                );
                None
            }
        }
    }

    fn repeat(&mut self, node: &'a Node, path: &Path) -> Option<Repeat> {
        let path = path.key("repeat");
        let node = node.get("repeat").filter(|node| self.mapping(node, &path))?;
        for (key, _) in node.pairs() {
            if !["until", "max"].contains(&key.name.as_str()) {
                self.shaper.faults.push(unknown_key(key, &path.key(&key.name), ["until", "max"]));
            }
        }
        self.shaper.place = Place::Until;
        let until = node.get("until").and_then(|until| self.shaper.condition(until, &path.key("until")));
        self.shaper.place = Place::Step;
        let Some(max) = node.get("max") else {
            let fault = Fault::new(node.at, &path, FaultCode::NoBound, "a loop has a bound");
            self.shaper.faults.push(fault.suggest(format!("add `max: 3`, at most {MOST_RUNS}")));
            return None;
        };
        let max = self.bound(max, &path.key("max"))?;
        Some(Repeat { until, max })
    }

    fn bound(&mut self, node: &'a Node, path: &Path) -> Option<Bound> {
        match node.to_json() {
            Value::Number(number) => {
                let fit =
                    number.as_u64().and_then(|max| u32::try_from(max).ok()).filter(|max| (1..=MOST_RUNS).contains(max));
                if fit.is_none() {
                    let message = format!("`{number}` is not from 1 to {MOST_RUNS}");
                    self.shaper.fault(node, path, FaultCode::WrongValue, message);
                }
                fit.map(Bound::Fixed)
            }
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                self.at_start(node, path, "a whole number or a template of one").map(Bound::Of)
            }
        }
    }

    fn backend_not(&mut self, node: &'a Node, path: &Path) -> Option<Template> {
        let path = path.key("backend");
        let backend = node.get("backend").filter(|node| matches!(node.content, Content::Map(_)))?;
        for (key, _) in backend.pairs().iter().filter(|(key, _)| key.name != "not") {
            self.shaper.faults.push(unknown_key(key, &path.key(&key.name), ["not"]));
        }
        let path = path.key("not");
        let Some(not) = backend.get("not") else {
            self.shaper.fault(backend, &path, FaultCode::MissingKey, "`not` names the backend that it may not be");
            return None;
        };
        let Content::Scalar(scalar) = &not.content else {
            self.shaper.fault(not, &path, FaultCode::WrongType, format!("{} where a text belongs", not.kind()));
            return None;
        };
        let template = match Template::parse(&scalar.text) {
            Ok(template) => template,
            Err(error) => {
                let fault = Fault::new(not.place_of(error.offset), &path, FaultCode::BadExpression, error.message);
                self.shaper.faults.push(fault.suggest_maybe(error.suggestion));
                return None;
            }
        };
        self.known_word(not, &path, &Value::from(scalar.text.as_str()), true);
        let references = template.references().collect();
        self.shaper.found.push(Found { node: not, path, place: Place::Step, references });
        Some(template)
    }

    fn missing(&mut self, node: &Node, path: &Path, key: &str, message: &str) -> Option<Action> {
        self.shaper.fault(node, &path.key(key), FaultCode::MissingKey, message);
        None
    }

    fn action(&mut self, node: &'a Node, path: &Path, kind: StepKind, own: &StepFields) -> Option<Action> {
        if kind.is_agent() && node.get("prompt").is_none() {
            return self.missing(node, path, "prompt", "an agent's step has a `prompt`");
        }
        for key in ["prompt", "message"] {
            // What is nothing at all has its fault already.
            let is_blank = |node: &&Node| node.to_json().as_str().is_some_and(|text| text.trim().is_empty());
            if let Some(node) = node.get(key).filter(is_blank) {
                self.shaper.fault(node, &path.key(key), FaultCode::WrongValue, "nothing is asked here");
            }
        }
        match kind {
            StepKind::Agent => Some(Action::Agent),
            StepKind::Race => self.race(node, path, own),
            StepKind::Command => self.command(node, path, own),
            StepKind::Approval => {
                if node.get("message").is_none() {
                    return self.missing(node, path, "message", "an approval has a `message`: what is asked");
                }
                let message = Template::parse(own.message.as_deref()?).ok()?;
                Some(Action::Approval { message, expires: own.expires, unattended: own.unattended })
            }
            StepKind::Workflow => {
                if node.get("workflow").is_none() {
                    return self.missing(
                        node,
                        path,
                        "workflow",
                        "a step of kind workflow has a `workflow`: a file or the steps",
                    );
                }
                None
            }
            StepKind::Wait => self.wait(node, path, own),
        }
    }

    fn race(&mut self, node: &'a Node, path: &Path, own: &StepFields) -> Option<Action> {
        let path = path.key("backends");
        let Some(list) = node.get("backends") else {
            self.shaper.fault(node, &path, FaultCode::MissingKey, "a race has `backends`");
            return None;
        };
        for (at, item) in list.items().iter().enumerate().take(MOST_FAULTS) {
            self.known_word(item, &path.item(at), &item.to_json(), true);
        }
        if own.backends.len() < 2 && !list.items().is_empty() {
            self.shaper.fault(list, &path, FaultCode::WrongValue, "a race has at least two backends");
        }
        if list.items().len() > MOST_RACERS {
            let message = format!("{} backends, more than {MOST_RACERS}", list.items().len());
            self.shaper.fault(list, &path, FaultCode::WrongValue, message);
        }
        Some(Action::Race(Race {
            backends: own.backends.clone(),
            keep_rest: own.keep_rest,
            waits_for_all: own.first_success == Some(false),
            apply: own.apply,
        }))
    }

    fn command(&mut self, node: &'a Node, path: &Path, own: &StepFields) -> Option<Action> {
        let place = path.key("run");
        let Some(run) = node.get("run") else {
            return self.missing(node, path, "run", "a command has `run`: the program and its arguments");
        };
        let program = run.items().first().unwrap_or(run);
        if matches!(&program.content, Content::Scalar(text) if !text.is_plain && text.text.trim().is_empty()) {
            self.shaper.fault(program, &place, FaultCode::WrongValue, "no program is named here");
            return None;
        }
        match (own.run.as_ref()?, own.shell) {
            (Value::String(line), true) => Some(Action::Command(Run::Shell(line.clone()))),
            (Value::Array(words), false) if !words.is_empty() => {
                let mut templates = Vec::new();
                for (at, word) in words.iter().enumerate() {
                    // `["sleep", 1]`: the word as it was written.
                    let written = match run.items().get(at).map(|item| &item.content) {
                        Some(Content::Scalar(scalar)) => Some(scalar.text.as_str()),
                        Some(Content::List(_) | Content::Map(_)) | None => word.as_str(),
                    };
                    let Some(written) = written else {
                        let item = run.items().get(at).unwrap_or(run);
                        self.shaper.fault(
                            item,
                            &place.item(at),
                            FaultCode::WrongType,
                            format!("{} where a text belongs", item.kind()),
                        );
                        continue;
                    };
                    templates.extend(Template::parse(written).ok());
                }
                Some(Action::Command(Run::Words(templates)))
            }
            (Value::String(_), false) => {
                let fault = Fault::new(run.at, &place, FaultCode::WrongType, "a text where a list of words belongs");
                self.shaper.faults.push(fault.suggest("write `[\"git\", \"push\"]`, or add `shell: true`"));
                None
            }
            (_, true) => {
                self.shaper.fault(
                    run,
                    &place,
                    FaultCode::WrongType,
                    format!("{} where a text for the shell belongs", run.kind()),
                );
                None
            }
            (_, false) => {
                self.shaper.fault(run, &place, FaultCode::WrongType, "a list of words belongs here");
                None
            }
        }
    }

    fn wait(&mut self, node: &'a Node, path: &Path, own: &StepFields) -> Option<Action> {
        let (key, text) = match (&own.span, &own.at) {
            (Some(_), Some(_)) => {
                let message = "`for` and `at` exclude each other";
                self.shaper.fault(node.get("at").unwrap_or(node), &path.key("at"), FaultCode::Contradiction, message);
                return None;
            }
            (Some(text), None) => ("for", text),
            (None, Some(text)) => ("at", text),
            (None, None) if node.get("for").is_some() || node.get("at").is_some() => return None,
            (None, None) => return self.missing(node, path, "for", "a wait has `for` (how long) or `at` (until when)"),
        };
        let place = node.get(key).unwrap_or(node);
        let wrong = |message: String| Fault::new(place.at, &path.key(key), FaultCode::WrongValue, message);
        let until = match (key, text.contains("{{")) {
            ("for", true) => Template::parse(text).ok().map(Until::ForTemplate),
            (_, true) => Template::parse(text).ok().map(Until::AtTemplate),
            ("for", false) => match text.parse::<Span>() {
                Ok(span) => Some(Until::For(span)),
                Err(error) => {
                    self.shaper.faults.push(wrong(error.to_string()));
                    None
                }
            },
            (_, false) => match text.parse::<Timestamp>() {
                Ok(time) => Some(Until::At(time)),
                Err(error) => {
                    self.shaper.faults.push(wrong(error.to_string()));
                    None
                }
            },
        };
        until.map(Action::Wait)
    }
}

/// The most runs that one loop may have.
pub(super) const MOST_RUNS: u32 = 50;

/// Returns the text that stands for a value in an id.
pub(super) fn label_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Says why a value cannot stand in an id; ids stand in lists and on terminals.
pub(super) fn bad_label(value: &Value) -> Option<String> {
    let label = label_of(value);
    let is_legal = |c: char| !c.is_control() && !['[', ']', ','].contains(&c);
    let is_short = label.chars().count() <= 60;
    (label.is_empty() || !is_short || !label.chars().all(is_legal)).then(|| {
        let shown: String = label.chars().take(60).filter(|c| !c.is_control()).collect();
        format!("`{shown}` becomes a part of the step's id: at most 60 characters, none of `[`, `]`, `,`")
    })
}

/// Names stand in expressions, where `-` is minus.
fn bad_name(at: super::tree::Position, name: &str, path: &Path, what: &str) -> Option<Fault> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if begins && name.len() <= 40 && name.chars().all(legal) {
        return None;
    }
    let mended: String = name.chars().map(|c| if legal(c) { c } else { '_' }).take(40).collect();
    let mended = if begins || mended.is_empty() { mended } else { format!("{}_{mended}", &what[..1]) };
    let message = format!("`{name}` is no name for a {what}: letters, digits and `_`, at most 40, a letter first");
    let fault = Fault::new(at, path, FaultCode::BadId, message);
    Some(if mended.is_empty() {
        fault
    } else {
        fault.suggest(format!("write `{}`", mended.chars().take(40).collect::<String>()))
    })
}
