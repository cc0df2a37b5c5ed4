//! A step about to run: its templates with the values in place, checked like any task's fields.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    definition::{Action, Run, Step, Until, When, Workflow},
    expression::{ExpressionError, Insertion, Reference, Scope, Template},
    fields::{PROMPT_FIELDS, Vocabulary},
    params,
    shape::has_insertion,
};

/// A field that cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {message}")]
pub struct RenderError {
    pub field: String,
    pub message: String,
}

impl Step {
    /// Returns every name that the step uses, wherever in it.
    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        for (_, value) in self.fields.iter().filter(|(name, _)| *name != "output_schema") {
            referred(value, &mut found);
        }
        match &self.action {
            Action::Command(Run::Words(words)) => found.extend(words.iter().flat_map(Template::references)),
            Action::Approval { message, .. } => found.extend(message.references()),
            Action::Wait(Until::ForTemplate(until) | Until::AtTemplate(until)) => found.extend(until.references()),
            Action::Workflow { params, .. } => {
                params.values().for_each(|value| referred(value, &mut found));
            }
            Action::Agent | Action::Race(_) => {}
            Action::Command(Run::Shell(_)) | Action::Wait(Until::For(_) | Until::At(_)) => {}
        }
        found.extend(self.backend_not.iter().flat_map(Template::references));
        if let When::Holds(condition) = &self.when {
            found.extend(condition.references.iter().cloned());
        }
        found
    }

    /// Returns the fields of the task with the values in place. In prompts, what steps said stands between marks.
    ///
    /// # Errors
    /// A name is undefined, or a value does not suit its field.
    pub fn render(&self, scope: &Scope, task: &Vocabulary) -> Result<Map<String, Value>, RenderError> {
        let mut fields = Map::new();
        for (name, value) in &self.fields {
            fields.insert(name.clone(), rendered(name, value, scope, task)?);
        }
        Ok(fields)
    }
}

impl Workflow {
    /// Returns the environment variables that it or a workflow in it declares, each once.
    pub fn declared_env(&self) -> BTreeSet<&str> {
        let own = self.env.iter().map(String::as_str);
        own.chain(self.nested().flat_map(Self::declared_env)).collect()
    }

    /// Returns those of them that a template or a condition names, as far as can be told.
    pub fn used_env(&self) -> BTreeSet<&str> {
        let used = self.used("env");
        let own = self.env.iter().map(String::as_str).filter(|name| used.is_open || used.names.contains(*name));
        own.chain(self.nested().flat_map(Self::used_env)).collect()
    }

    /// Returns what a template or a condition, in nested workflows too, names of the loaf.
    pub fn used_loaf(&self) -> Used {
        self.nested().map(Self::used_loaf).fold(self.used("loaf"), |mut used, nested| {
            used.names.extend(nested.names);
            Used { is_open: used.is_open || nested.is_open, ..used }
        })
    }

    fn used(&self, root: &str) -> Used {
        let mut references: Vec<Reference> = self.steps.iter().flat_map(Step::references).collect();
        let until = self.steps.iter().filter_map(|step| step.repeat.as_ref()?.until.as_ref());
        references.extend(until.flat_map(|until| until.references.iter().cloned()));
        references.extend(self.outputs.values().flat_map(Template::references));
        let mut used = Used::default();
        for path in references.into_iter().map(|reference| reference.path) {
            match path.as_slice() {
                [first] if first == root => used.is_open = true,
                [first, name, ..] if first == root => drop(used.names.insert(name.clone())),
                [] | [..] => {}
            }
        }
        used
    }

    /// Returns the workflows in its steps.
    fn nested(&self) -> impl Iterator<Item = &Self> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Workflow { definition, .. } => Some(definition.as_ref()),
            Action::Agent | Action::Race { .. } | Action::Command(_) | Action::Approval { .. } | Action::Wait(_) => {
                None
            }
        })
    }
}

/// Names that are asked for, as far as can be told before it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pub names: BTreeSet<String>,
    /// Which one is known when it runs.
    pub is_open: bool,
}

/// The parameters of a nested workflow about to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handed {
    /// What has no value is left out, so that a default holds.
    pub params: Map<String, Value>,
    /// Those of them whose value was said by a step.
    pub said: BTreeSet<String>,
}

/// Returns what a step gives to its nested workflow: a value that is one insertion keeps its type.
///
/// # Errors
/// A name is undefined.
pub fn handed(params: &Map<String, Value>, scope: &Scope) -> Result<Handed, RenderError> {
    let mut handed = Handed::default();
    for (name, value) in params {
        let wrong = |error: ExpressionError| RenderError { field: format!("params.{name}"), message: error.message };
        let mut texts = Vec::new();
        templates(value, &mut texts);
        if texts.iter().any(|template| template.is_said(scope)) {
            handed.said.insert(name.clone());
        }
        let value = match value {
            Value::String(text) if text.contains("{{") => {
                Template::parse(text).and_then(|template| template.value(scope, Insertion::plain())).map_err(wrong)?
            }
            other => filled(other, "string", scope, Insertion::plain()).map_err(wrong)?,
        };
        if !value.is_null() {
            handed.params.insert(name.clone(), value);
        }
    }
    Ok(handed)
}

fn referred(value: &Value, found: &mut Vec<Reference>) {
    let mut texts = Vec::new();
    templates(value, &mut texts);
    found.extend(texts.iter().flat_map(Template::references));
}

/// Collects the texts with insertions in a value.
fn templates(value: &Value, found: &mut Vec<Template>) {
    match value {
        // Read before, when the workflow was checked.
        Value::String(text) if text.contains("{{") => found.extend(Template::parse(text)),
        Value::Array(items) => items.iter().for_each(|item| templates(item, found)),
        Value::Object(map) => map.values().for_each(|value| templates(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn rendered(name: &str, value: &Value, scope: &Scope, task: &Vocabulary) -> Result<Value, RenderError> {
    // A schema is not a text, whatever braces it has.
    if name == "output_schema" || !has_insertion(value) {
        return Ok(value.clone());
    }
    let wrong = |message: String| RenderError { field: name.to_owned(), message };
    let insertion = if PROMPT_FIELDS.contains(&name) { Insertion::for_prompts() } else { Insertion::plain() };
    let schema = task.properties.get(name);
    let kind = schema.and_then(|schema| schema.get("type")).and_then(Value::as_str).unwrap_or("string");
    let filled = filled(value, kind, scope, insertion).map_err(|error| wrong(error.message))?;
    let typed = of_type(kind, filled).map_err(wrong)?;
    (task.check)(name, &typed).map_err(wrong)?;
    Ok(typed)
}

/// Fills in every text of a value. A text that is one insertion may become anything that its field takes.
fn filled(value: &Value, kind: &str, scope: &Scope, insertion: Insertion) -> Result<Value, ExpressionError> {
    match value {
        Value::String(text) if text.contains("{{") => {
            let template = Template::parse(text)?;
            match template.sole() {
                Some(expression) if kind != "string" => expression.value(scope),
                Some(_) | None => template.render(scope, insertion).map(Value::from),
            }
        }
        Value::Array(items) => items.iter().map(|item| filled(item, "string", scope, insertion)).collect(),
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| Ok((key.clone(), filled(value, "string", scope, insertion)?));
            map.iter().map(pair).collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
    }
}

fn of_type(kind: &str, value: Value) -> Result<Value, String> {
    use super::fields::ParamType;
    let wanted = match kind {
        "integer" => ParamType::Integer,
        "number" => ParamType::Number,
        "boolean" => ParamType::Boolean,
        "array" => ParamType::List,
        _ => return Ok(value),
    };
    params::of_type(wanted, &value).ok_or_else(|| format!("{value} is not {}", params::called(wanted)))
}

impl Run {
    /// Returns the program and its arguments, each value inside one word; `None` for a line of the shell, which is
    /// run as it stands.
    ///
    /// # Errors
    /// A name is undefined, or a word has a NUL, which no argument can.
    pub fn words(&self, scope: &Scope) -> Result<Option<Vec<String>>, RenderError> {
        let Self::Words(words) = self else { return Ok(None) };
        let wrong = |message: String| RenderError { field: "run".to_owned(), message };
        let word = |template: &Template| {
            let word = template.render(scope, Insertion::plain()).map_err(|error| wrong(error.message))?;
            if word.contains('\0') { Err(wrong("a word with a NUL cannot be an argument".into())) } else { Ok(word) }
        };
        words.iter().map(word).collect::<Result<_, _>>().map(Some)
    }
}
