//! The JSON Schema of workflow files, for editors: made from the same definitions as the reader's words.

use serde_json::{Map, Value, json};

use super::fields::{FileFields, NOT_IN_STEPS, SHELL_FIELDS, StepFields, Vocabulary, schema_of};

/// Returns the schema of a file whose steps have these fields of a task.
pub fn schema(task: &Vocabulary) -> Value {
    let mut file = schema_of::<FileFields>();
    let mut step = schema_of::<StepFields>();
    let of_task = of_task(task);
    let mut defaults = of_task.clone();
    if let Some(own) = step["properties"].as_object_mut() {
        defaults.remove("prompt");
        defaults.extend(own.get("backend").map(|schema| ("backend".to_owned(), schema.clone())));
        for (name, schema) in of_task {
            own.entry(name).or_insert(schema);
        }
    }
    step["required"] = json!(["id"]);
    step["additionalProperties"] = json!(false);
    strip(&mut step);
    file["properties"]["steps"]["items"] = step;
    file["properties"]["defaults"]["properties"] = Value::Object(defaults);
    file["properties"]["defaults"]["additionalProperties"] = json!(false);
    file["required"] = json!(["steps"]);
    file
}

/// What only the schema of a whole document has.
fn strip(schema: &mut Value) {
    if let Some(map) = schema.as_object_mut() {
        map.remove("$schema");
        map.remove("title");
    }
}

/// Where something else than a text belongs, a template of it may stand too.
fn of_task(task: &Vocabulary) -> Map<String, Value> {
    let is_for_steps = |name: &str| !NOT_IN_STEPS.iter().any(|(field, _)| *field == name);
    let with_template = |(name, schema): (&String, &Value)| {
        let is_text = schema.get("type") == Some(&json!("string")) && schema.get("enum").is_none();
        let is_literal = name == "output_schema" || SHELL_FIELDS.contains(&name.as_str());
        if is_text || is_literal {
            return (name.clone(), schema.clone());
        }
        let mut plain = schema.clone();
        let description = plain.as_object_mut().and_then(|map| map.remove("description"));
        let template = json!({"type": "string", "pattern": "\\{\\{"});
        (name.clone(), json!({"description": description, "anyOf": [plain, template]}))
    };
    task.properties.iter().filter(|(name, _)| is_for_steps(name)).map(with_template).collect()
}
