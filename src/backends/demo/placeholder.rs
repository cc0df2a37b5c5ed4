//! A value that fits an output schema and means nothing, so that workflows with schemas run on the demo.

use serde_json::{Map, Value, json};

/// Schemas may refer to themselves; no honest placeholder is deeper.
const DEEPEST: u32 = 20;

/// Returns the plainest value for `schema`: required fields only, first choices, empty lists.
pub(super) fn placeholder(schema: &Value) -> Value {
    plain(schema, DEEPEST)
}

fn plain(schema: &Value, depth: u32) -> Value {
    let fixed = ["const", "default"].into_iter().find_map(|name| schema.get(name));
    if let Some(value) = fixed.or_else(|| schema["enum"].get(0)) {
        return value.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str());
    match kind.filter(|_| depth > 0) {
        Some("object") => object(schema, depth),
        Some("array") => {
            let count = schema["minItems"].as_u64().unwrap_or_default().min(DEEPEST.into());
            (0..count).map(|_| plain(&schema["items"], depth - 1)).collect()
        }
        Some("string") => json!("demo"),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(false),
        Some(_) | None => Value::Null,
    }
}

fn object(schema: &Value, depth: u32) -> Value {
    let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let field = |name: &str| (name.to_owned(), plain(&schema["properties"][name], depth - 1));
    Value::Object(names.map(field).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_fits_its_schema() {
        let schema = json!({
            "type": "object",
            "required": ["verdict", "score", "notes", "ok", "why"],
            "properties": {
                "verdict": {"enum": ["approve", "reject"]},
                "score": {"type": "integer", "minimum": 1},
                "notes": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                "ok": {"type": "boolean"},
                "why": {"type": ["null", "string"]},
                "optional": {"type": "string"},
            },
        });
        let value = placeholder(&schema);
        assert_eq!(value, json!({"verdict": "approve", "score": 1, "notes": ["demo"], "ok": false, "why": null}));
        assert!(jsonschema::is_valid(&schema, &value));
    }
}
