//! Answers by schema: taken from the agent where it gives them, from its text where it does not, and checked.

use serde_json::Value;

use super::EngineError;
use crate::core::Digest;

/// Checks that a schema is one.
///
/// # Errors
/// It is not a JSON Schema, with what is wrong.
pub fn check(schema: &Value) -> Result<(), EngineError> {
    jsonschema::validator_for(schema).map(|_| ()).map_err(|error| EngineError::Invalid {
        message: format!("the output schema is not a JSON Schema: {error}"),
        hint: "see https://json-schema.org; an example: {\"type\": \"object\", \"properties\": {…}}".into(),
    })
}

/// Returns the answer if it fits. Not every agent enforces the schema that it was given: Codex
/// ends well with prose (measured with 0.169.0).
pub(super) fn fitting_answer(digest: &Digest, schema: &Value) -> Option<Value> {
    let answer = digest.structured.clone().or_else(|| in_text(digest.answer()?))?;
    jsonschema::is_valid(schema, &answer).then_some(answer)
}

/// Reads the whole text as JSON, out of a code fence if it stands in one.
fn in_text(text: &str) -> Option<Value> {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    let text = inner.and_then(|inner| inner.strip_suffix("```")).unwrap_or(text);
    serde_json::from_str(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fitting(text: &str) -> Option<Value> {
        let schema = json!({"type": "object", "required": ["files"], "properties": {"files": {"type": "array"}}});
        let digest = Digest { result: Some(text.to_owned()), ..Digest::default() };
        fitting_answer(&digest, &schema)
    }

    #[test]
    fn only_an_answer_that_fits_counts() {
        assert_eq!(fitting(r#"{"files": []}"#), Some(json!({"files": []})));
        assert_eq!(fitting("```json\n{\"files\": [1]}\n```"), Some(json!({"files": [1]})));
        assert_eq!(fitting(r#"{"file": []}"#), None);
        assert_eq!(fitting("Here you are: {\"files\": []}"), None);
    }

    #[test]
    fn a_schema_that_is_none_is_refused() {
        assert!(check(&json!({"type": "object"})).is_ok());
        assert!(check(&json!({"type": 7})).is_err());
    }
}
