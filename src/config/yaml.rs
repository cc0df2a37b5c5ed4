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
