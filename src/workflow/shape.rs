//! From the tree to JSON by a schema: a text where a text is expected stays the text that was written, and what
//! has the wrong shape becomes a fault at its place.

use serde_json::{Map, Value};

use super::{
    expression::{Expression, ExpressionError, Reference, Template},
    fault::{Fault, FaultCode, MOST_FAULTS, Path},
    fields::Vocabulary,
    tree::{Content, Node, Scalar},
};
use crate::core::nearest;

/// Whether a text may have insertions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Insertions {
    Allowed,
    /// Braces are nothing special.
    Literal,
    /// A shell would read what is inserted.
    Refused,
}

/// Which names a text may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// What is known when a step starts.
    #[default]
    Step,
    /// The same, and the step itself: it has just run.
    Until,
    /// What is known before anything starts.
    Start,
    /// Everything: all is over.
    End,
}

/// References of one text, to be judged when all steps are known.
pub(super) struct Found<'a> {
    pub node: &'a Node,
    pub path: Path,
    pub place: Place,
    pub references: Vec<Reference>,
}

/// Collects faults and references while a tree is read.
#[derive(Default)]
pub(super) struct Shaper<'a> {
    pub faults: Vec<Fault>,
    pub found: Vec<Found<'a>>,
    /// Holds for what is read next.
    pub place: Place,
    /// Whether free values are read as JSON means them; else numbers stay as they were written.
    is_json: bool,
}

impl<'a> Shaper<'a> {
    /// Whether there are faults enough.
    pub fn is_full(&self) -> bool {
        self.faults.len() >= MOST_FAULTS
    }

    pub fn fault(&mut self, node: &Node, path: &Path, code: FaultCode, message: impl Into<String>) {
        self.faults.push(Fault::new(node.at, path, code, message));
    }

    /// Reads a field by its vocabulary; `None` after a fault.
    pub fn field(
        &mut self,
        name: &str,
        node: &'a Node,
        path: &Path,
        words: &Vocabulary,
        insertions: Insertions,
    ) -> Option<Value> {
        let before = self.faults.len();
        self.is_json = name == "output_schema";
        let value = self.value(node, words.properties.get(name)?, path, insertions)?;
        if self.faults.len() > before || has_insertion(&value) {
            return (self.faults.len() == before).then_some(value);
        }
        match (words.check)(name, &value) {
            Ok(()) => Some(value),
            Err(message) => {
                let message = if let Some(message) = beyond(name, &value, &message) {
                    message
                } else if message.contains('`') {
                    message
                } else {
                    format!("`{name}`: {message}")
                };
                self.fault(node, path, FaultCode::WrongValue, message);
                None
            }
        }
    }

    fn value(&mut self, node: &'a Node, schema: &Value, path: &Path, insertions: Insertions) -> Option<Value> {
        match (&node.content, schema.get("type").and_then(Value::as_str)) {
            (Content::Scalar(scalar), kind) => self.scalar(node, scalar, kind, schema, path, insertions),
            (Content::List(items), Some("array") | None) => {
                let schema = schema.get("items").unwrap_or(&Value::Null);
                let each = items.iter().enumerate();
                let values: Vec<_> =
                    each.filter_map(|(at, item)| self.value(item, schema, &path.item(at), insertions)).collect();
                Some(Value::Array(values))
            }
            (Content::Map(_), Some("object") | None) => {
                Some(Value::Object(self.object(node, schema, path, insertions)))
            }
            (Content::List(_) | Content::Map(_), Some(kind)) => {
                self.wrong_type(node, path, kind);
                None
            }
        }
    }

    fn object(&mut self, node: &'a Node, schema: &Value, path: &Path, insertions: Insertions) -> Map<String, Value> {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        let mut map = Map::new();
        for (key, value) in node.pairs() {
            if self.is_full() {
                break;
            }
            let path = path.key(&key.name);
            let schema = match (properties.and_then(|known| known.get(&key.name)), others) {
                (Some(schema), _) => schema,
                (None, Some(Value::Bool(false))) => {
                    let known = properties.into_iter().flat_map(|known| known.keys().map(String::as_str));
                    self.faults.push(unknown_key(key, &path, known));
                    continue;
                }
                (None, Some(schema)) => schema,
                (None, None) => &Value::Null,
            };
            if let Some(value) = self.value(value, schema, &path, insertions) {
                map.insert(key.name.clone(), value);
            }
        }
        map
    }

    fn scalar(
        &mut self,
        node: &'a Node,
        scalar: &Scalar,
        kind: Option<&str>,
        schema: &Value,
        path: &Path,
        insertions: Insertions,
    ) -> Option<Value> {
        if insertions != Insertions::Literal
            && let Some(offset) = scalar.text.find('\0')
        {
            let message = "a NUL, which no program and no agent can be given";
            self.faults.push(Fault::new(node.place_of(offset), path, FaultCode::WrongValue, message));
            return None;
        }
        if insertions != Insertions::Literal && scalar.text.contains("{{") {
            return self.template(node, scalar, path, insertions);
        }
        if insertions != Insertions::Literal
            && let Err(error) = Template::parse(&scalar.text)
        {
            self.expression_fault(node, path, error);
            return None;
        }
        let value = match (kind, scalar.to_json()) {
            (Some(kind), Value::Null) if scalar.is_plain => {
                self.wrong_type(node, path, kind);
                return None;
            }
            (Some("string"), _) => Value::from(scalar.text.as_str()),
            (Some("integer"), value) if value.is_i64() || value.is_u64() => {
                if let Some(what) = out_of_range(schema, &value) {
                    let place = path.to_string();
                    let name = place.rsplit('.').next().unwrap_or_default();
                    self.fault(node, path, FaultCode::WrongValue, format!("`{name}`: {value} is {what}"));
                    return None;
                }
                value
            }
            (Some("number"), value) if value.is_number() => value,
            (Some("boolean"), value) if value.is_boolean() => value,
            (None, value) if self.is_json => value,
            (None, _) => scalar.as_written(),
            (Some(kind), _) => {
                self.wrong_type(node, path, kind);
                return None;
            }
        };
        self.choice(node, schema, path, value)
    }

    fn choice(&mut self, node: &Node, schema: &Value, path: &Path, value: Value) -> Option<Value> {
        let Some(choices) = choices(schema) else { return Some(value) };
        let text = value.as_str()?;
        if choices.iter().any(|choice| choice == text) {
            return Some(value);
        }
        let message = format!("`{text}` is not one of {}", choices.join(", "));
        let fault = Fault::new(node.at, path, FaultCode::WrongValue, message);
        self.faults.push(fault.suggest_maybe(meant(text, choices.iter().map(String::as_str))));
        None
    }

    fn template(&mut self, node: &'a Node, scalar: &Scalar, path: &Path, insertions: Insertions) -> Option<Value> {
        match Template::parse(&scalar.text) {
            Ok(template) if insertions == Insertions::Refused && !template.is_fixed() => {
                let message = "nothing can be inserted here: a shell would read it";
                let suggestion = r#"use a step of kind command: run: ["sh", "-c", "… \"$1\"", "sh", "{{ … }}"]"#;
                self.faults.push(Fault::new(node.at, path, FaultCode::WrongValue, message).suggest(suggestion));
                None
            }
            Ok(template) => {
                let references = template.references().collect();
                self.found.push(Found { node, path: path.clone(), place: self.place, references });
                Some(Value::from(scalar.text.as_str()))
            }
            Err(error) => {
                self.expression_fault(node, path, error);
                None
            }
        }
    }

    /// Reads a condition, which has no braces.
    pub fn condition(&mut self, node: &'a Node, path: &Path) -> Option<Expression> {
        let Content::Scalar(scalar) = &node.content else {
            self.wrong_type(node, path, "string");
            return None;
        };
        if scalar.text.contains("{{") {
            let message = "a condition is written without `{{ }}`";
            self.fault(node, path, FaultCode::BadExpression, message);
            return None;
        }
        match Expression::parse(&scalar.text) {
            Ok(expression) => {
                self.found.push(Found {
                    node,
                    path: path.clone(),
                    place: self.place,
                    references: expression.references.clone(),
                });
                Some(expression)
            }
            Err(error) => {
                self.expression_fault(node, path, error);
                None
            }
        }
    }

    fn expression_fault(&mut self, node: &Node, path: &Path, error: ExpressionError) {
        let at = node.place_of(error.offset);
        let fault = Fault::new(at, path, FaultCode::BadExpression, error.message);
        self.faults.push(fault.suggest_maybe(error.suggestion));
    }

    fn wrong_type(&mut self, node: &Node, path: &Path, kind: &str) {
        let expected = match kind {
            "string" => "a text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list",
            "object" => "a mapping",
            other => other,
        };
        let fault =
            Fault::new(node.at, path, FaultCode::WrongType, format!("{} where {expected} belongs", node.kind()));
        self.faults.push(fault.suggest_maybe(instead(node, kind)));
    }
}

/// Says which range of its schema a number is not in.
fn out_of_range(schema: &Value, value: &Value) -> Option<String> {
    let number = value.as_f64()?;
    let (least, most) = (schema.get("minimum"), schema.get("maximum"));
    let is_beyond = |limit: Option<&Value>, fits: fn(&f64, &f64) -> bool| {
        limit.and_then(Value::as_f64).is_some_and(|limit| !fits(&number, &limit))
    };
    if !is_beyond(least, f64::ge) && !is_beyond(most, f64::le) {
        return None;
    }
    Some(match (least, most) {
        (Some(least), Some(most)) => format!("not from {least} to {most}"),
        (Some(least), None) => format!("not {least} or more"),
        (None, most) => format!("more than {}", most.unwrap_or(&Value::Null)),
    })
}

/// Says what a number may be that its type cannot hold.
fn beyond(name: &str, value: &Value, message: &str) -> Option<String> {
    let number = value.as_number().filter(|_| message.contains("expected u") || message.contains("expected i"))?;
    let (is_negative, has_sign) = (number.as_i64().is_some_and(|number| number < 0), message.contains("expected i"));
    Some(match is_negative && !has_sign {
        true => format!("`{name}`: {number} is not 0 or more"),
        false => format!("`{name}`: {number} is beyond what it may be"),
    })
}

/// Returns how somebody probably meant it.
fn instead(node: &Node, kind: &str) -> Option<String> {
    let Content::Scalar(scalar) = &node.content else { return None };
    match (kind, scalar.text.as_str()) {
        ("boolean", "yes" | "on" | "Yes" | "On" | "y") => Some("write `true`".to_owned()),
        ("boolean", "no" | "off" | "No" | "Off" | "n") => Some("write `false`".to_owned()),
        ("array", text) if !text.is_empty() && text.len() < 40 && !text.contains('\n') => {
            Some(format!("write `[{text}]`"))
        }
        _ => None,
    }
}

fn choices(schema: &Value) -> Option<Vec<String>> {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return list.iter().map(word).collect();
    }
    let options = schema.get("oneOf").and_then(Value::as_array)?;
    let mut words = Vec::new();
    for option in options {
        match (option.get("const"), option.get("enum").and_then(Value::as_array)) {
            (Some(one), _) => words.push(word(one)?),
            (None, Some(some)) => words.extend(some.iter().map(word).collect::<Option<Vec<_>>>()?),
            (None, None) => return None,
        }
    }
    Some(words)
}

/// Whether a part of the value is a template.
pub(super) fn has_insertion(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(items) => items.iter().any(has_insertion),
        Value::Object(map) => map.values().any(has_insertion),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(super) fn meant<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // What is longer than any name is no slip of the pen, and costs its length times each name's.
    let nearest = if given.len() <= 80 { nearest(given, known) } else { None };
    nearest.map(|meant| format!("did you mean `{meant}`?"))
}

pub(super) fn unknown_key<'a>(key: &super::tree::Key, path: &Path, known: impl IntoIterator<Item = &'a str>) -> Fault {
    let message = format!("no key `{}` here", key.name);
    Fault::new(key.at, path, FaultCode::UnknownKey, message).suggest_maybe(meant(&key.name, known))
}
