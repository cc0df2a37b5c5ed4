//! How the fields of a step become a task: by the reading of `submit`.

use std::{collections::BTreeMap, sync::LazyLock};

use camino::Utf8Path;
use schemars::generate::Contract;
use serde_json::{Map, Value, json};

use super::{SubmitInput, submit::ask_of, table::schema_of};
use crate::{
    engine::{Ask, Engine, StepMaker, check_schema},
    workflow::Vocabulary,
};

/// What the engine asks to make tasks of steps.
pub const STEPS: StepMaker = StepMaker { vocabulary: task_vocabulary, ask: ask_of_step };

fn ask_of_step(engine: &Engine, fields: Map<String, Value>) -> Result<Ask, String> {
    let input: SubmitInput = serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
    ask_of(engine, &BTreeMap::new(), input).map(|(ask, _)| ask).map_err(|error| error.message)
}

/// Returns the fields of a task as steps have them: the schema of `submit`, and its own reading as the check.
/// Made once: every step that is started asks for it.
pub(super) fn task_vocabulary() -> &'static Vocabulary {
    static MADE: LazyLock<Vocabulary> = LazyLock::new(|| {
        let schema = schema_of::<SubmitInput>(Contract::Deserialize);
        Vocabulary { properties: schema["properties"].as_object().cloned().unwrap_or_default(), check: check_field }
    });
    &MADE
}

fn check_field(name: &str, value: &Value) -> Result<(), String> {
    let mut input = json!({"prompt": "x"});
    input[name] = rooted(name, value);
    serde_json::from_value::<SubmitInput>(input).map_err(|error| error.to_string())?;
    if name == "output_schema" {
        check_schema(value).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// In a workflow a path may be relative to the directory that it runs in.
fn rooted(name: &str, value: &Value) -> Value {
    let rooted = |value: &Value| match value.as_str() {
        Some(path) => Value::from(Utf8Path::new("/").join(path).into_string()),
        None => value.clone(),
    };
    match (name, value) {
        ("working_dir", _) => rooted(value),
        ("include_files", Value::Array(paths)) => paths.iter().map(rooted).collect(),
        _ => value.clone(),
    }
}
