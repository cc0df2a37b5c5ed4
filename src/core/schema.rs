//! JSON Schemas in a form that every client and editor can take.

use serde_json::{Map, Value};

/// Changes each mapping of a schema, the outer ones first.
pub fn for_each_mapping(schema: &mut Value, change: &impl Fn(&mut Map<String, Value>)) {
    match schema {
        Value::Object(map) => {
            change(map);
            map.values_mut().for_each(|inner| for_each_mapping(inner, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| for_each_mapping(inner, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes the null out of what an optional field may be: absent is the way to say it. Of `anyOf [T, null]`, which is
/// `Option<T>` of an inlined type, the T is what is meant.
pub fn without_null(map: &mut Map<String, Value>) {
    if map.get("default").is_some_and(Value::is_null) {
        map.remove("default");
    }
    if let Some(Value::Array(types)) = map.get("type")
        && let Some(real) = types.iter().find(|name| *name != "null").cloned()
    {
        map.insert("type".to_owned(), real);
    }
    let Some(Value::Array(options)) = map.get("anyOf") else { return };
    let mut real = options.iter().filter(|option| option.get("type") != Some(&Value::from("null")));
    if let (Some(Value::Object(only)), None) = (real.next().cloned(), real.next()) {
        map.remove("anyOf");
        for (key, value) in only {
            map.entry(key).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_may_be_null_is_what_it_is_else() {
        let mut schema = json!({
            "type": ["object", "null"],
            "properties": {
                "one": {"anyOf": [{"type": "string", "description": "inner"}, {"type": "null"}], "description": "outer"},
                "two": {"anyOf": [{"type": "string"}, {"type": "array"}], "default": null},
                "three": {"type": ["null", "integer"], "default": 0},
            },
        });
        for_each_mapping(&mut schema, &without_null);
        let expected = json!({
            "type": "object",
            "properties": {
                "one": {"type": "string", "description": "outer"},
                "two": {"anyOf": [{"type": "string"}, {"type": "array"}]},
                "three": {"type": "integer", "default": 0},
            },
        });
        assert_eq!(schema, expected);
    }
}
