//! Which operations are tools here, and how models see them.

use serde_json::{Map, Value};

use crate::{
    core::nearest_few,
    ops::{Effect, OPS, OpError, OpSpec, Toolset},
};

/// What the person who configured the client asked for.
pub(super) struct Choice {
    pub toolsets: Vec<String>,
    pub tools: Vec<String>,
    /// Wins over everything else.
    pub read_only: bool,
}

/// An operation as a tool.
pub(super) struct Tool {
    pub row: &'static OpSpec,
    pub name: &'static str,
    pub input_schema: Map<String, Value>,
    pub output_schema: Map<String, Value>,
    /// The inputs that are paths.
    pub paths: Vec<String>,
}

/// The tools of this process; they do not change while it runs.
pub(super) struct Toolbox(Vec<Tool>);

impl Toolbox {
    /// # Errors
    /// A set or a tool is not known.
    pub fn choose(choice: &Choice) -> Result<Self, OpError> {
        let rows = || OPS.iter().filter_map(|row| Some((row, row.tool?)));
        let set_names: Vec<_> = ["default", "all"].into_iter().chain(Toolset::ALL.map(Toolset::as_str)).collect();
        let tool_names: Vec<_> = rows().map(|(_, name)| name).collect();
        let sets = known(&choice.toolsets, &set_names, "tool set")?;
        let extra = known(&choice.tools, &tool_names, "tool")?;
        let in_sets = |row: &OpSpec| {
            sets.iter().any(|set| match *set {
                "all" => true,
                "default" => row.default_tool,
                set => row.toolset.as_str() == set,
            })
        };
        let wanted = rows().filter(|(row, name)| in_sets(row) || extra.contains(name));
        let allowed = wanted.filter(|(row, _)| !choice.read_only || row.effect == Effect::Read);
        Ok(Self(allowed.map(|(row, name)| Tool::of(row, name)).collect()))
    }

    pub fn all(&self) -> &[Tool] {
        &self.0
    }

    /// # Errors
    /// Words about what was meant, when there is no such tool here.
    pub fn get(&self, name: &str) -> Result<&Tool, String> {
        if let Some(tool) = self.0.iter().find(|tool| tool.name == name) {
            return Ok(tool);
        }
        if crate::ops::find(name).is_some() {
            return Err(format!(
                "the tool `{name}` is not offered here: see --tools, --toolsets and --read-only of `mgr mcp`"
            ));
        }
        let near: Vec<_> = nearest_few(name, self.0.iter().map(|tool| tool.name), 3);
        Err(format!("no tool `{name}`; the nearest are {}", near.join(", ")))
    }
}

/// Returns the names as they are known.
fn known(names: &[String], known: &[&'static str], what: &str) -> Result<Vec<&'static str>, OpError> {
    let find = |name: &String| {
        let found = known.iter().copied().find(|known| known == name);
        found.ok_or_else(|| {
            OpError::invalid(format!("no {what} `{name}`")).hint(format!("there are {}", known.join(", ")))
        })
    };
    names.iter().filter(|name| !name.is_empty()).map(find).collect()
}

impl Tool {
    pub fn of(row: &'static OpSpec, name: &'static str) -> Self {
        Self { row, name, input_schema: input_schema(row), output_schema: output_schema(row), paths: (row.paths)() }
    }

    /// Whether the operation has such an input.
    pub fn takes(&self, property: &str) -> bool {
        self.property(property).is_some()
    }

    pub fn property(&self, property: &str) -> Option<&Value> {
        self.input_schema.get("properties")?.get(property)
    }

    pub fn is_read_only(&self) -> bool {
        self.row.effect == Effect::Read
    }

    /// Whether it starts agents, who may do anything. A write that is not the same twice is
    /// taken for one: the mistake in this direction costs a question, the other one trust.
    pub fn is_open_world(&self) -> bool {
        self.row.effect == Effect::Write && !self.row.idempotent
    }
}

fn input_schema(row: &OpSpec) -> Map<String, Value> {
    let mut schema = object((row.input_schema)());
    schema.remove("title");
    schema.remove("description");
    schema.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    schema.insert("additionalProperties".into(), Value::Bool(false));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(say_default);
    }
    schema
}

/// Codex drops `default` before the model sees it, so it is said in words too.
fn say_default(property: &mut Value) {
    let words = match property.get("default") {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(Value::Number(number)) if number.as_f64() != Some(0.0) => number.to_string(),
        _ => return,
    };
    if let Some(Value::String(description)) = property.get_mut("description")
        && !description.contains(&words)
    {
        description.push_str(&format!(" (default {words})"));
    }
}

/// Output schemas are there to be validated against; the words are in the names of the fields.
fn output_schema(row: &OpSpec) -> Map<String, Value> {
    let mut schema = Value::Object(object((row.output_schema)()));
    slim(&mut schema, 0);
    object(schema)
}

/// Deeper than this an output schema only says that there is an object.
const DEEPEST: u32 = 1;

fn slim(schema: &mut Value, depth: u32) {
    let Value::Object(map) = schema else { return };
    for word in ["title", "description", "default", "enum", "format", "minimum", "maximum"] {
        map.remove(word);
    }
    if depth > DEEPEST {
        map.remove("properties");
        map.remove("required");
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(|property| slim(property, depth + 1));
    }
    for word in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(word) {
            slim(inner, depth + 1);
        }
    }
}

fn object(schema: Value) -> Map<String, Value> {
    let mut map = match schema {
        Value::Object(map) => map,
        // A unit input: no object without properties may be missing its root.
        _ => Map::new(),
    };
    map.insert("type".into(), Value::from("object"));
    map
}
