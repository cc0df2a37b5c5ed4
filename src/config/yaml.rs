//! The only place that names the YAML crate.

use serde_json::Value;

/// A YAML text that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct YamlError(String);

/// Reads YAML into the same values as JSON, so that the rest of `mgr` knows one kind.
///
/// # Errors
/// The text is not YAML, with line and column.
pub fn read(text: &str) -> Result<Value, YamlError> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_yaml::from_str(text).map_err(|error| YamlError(error.to_string()))
}

/// Writes a value as YAML.
///
/// # Errors
/// The value has a form that YAML lacks, which JSON values do not.
pub fn write(value: &Value) -> Result<String, YamlError> {
    serde_yaml::to_string(value).map_err(|error| YamlError(error.to_string()))
}

/// Writes a value as YAML for people: in every mapping the keys that `order` has come first and in its order.
///
/// # Errors
/// The value has a form that YAML lacks, which JSON values do not.
pub fn write_in_order(value: &Value, order: &[&str]) -> Result<String, YamlError> {
    serde_yaml::to_string(&ordered(value, order)).map_err(|error| YamlError(error.to_string()))
}

fn ordered(value: &Value, order: &[&str]) -> serde_yaml::Value {
    match value {
        Value::Object(map) => {
            let rank = |key: &str| order.iter().position(|known| *known == key).unwrap_or(order.len());
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| rank(key));
            let pair =
                |(key, value): (&String, &Value)| (serde_yaml::Value::String(key.clone()), ordered(value, order));
            serde_yaml::Value::Mapping(pairs.into_iter().map(pair).collect())
        }
        Value::Array(items) => serde_yaml::Value::Sequence(items.iter().map(|item| ordered(item, order)).collect()),
        Value::String(text) => serde_yaml::Value::String(text.clone()),
        Value::Bool(truth) => serde_yaml::Value::Bool(*truth),
        Value::Null => serde_yaml::Value::Null,
        // A number of JSON is one of YAML.
        Value::Number(_) => serde_yaml::to_value(value).unwrap_or(serde_yaml::Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_order_reads_as_the_same() {
        let value = serde_json::json!({
            "a": "no", "steps": [{"prompt": "line\n  - b: {{ x }}\n", "id": "1.10"}], "name": "a: b # c",
            "big": u64::MAX, "float": 1.5, "none": null, "empty": {}, "list": [], "flag": true,
        });
        let text = write_in_order(&value, &["name", "steps", "id", "prompt"]).unwrap();
        assert!(text.starts_with("name: 'a: b # c'\nsteps:\n- id: '1.10'\n  prompt: |\n"), "{text}");
        assert_eq!(read(&text).unwrap(), value);
    }
}
