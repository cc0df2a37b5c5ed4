//! What the child is asked, and the body of the call that it makes of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::core::Effort;

/// The child's standard input, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GptRequest {
    pub model: String,
    pub instructions: Option<String>,
    pub prompt: String,
    /// Earlier turns as (prompt, answer), for a server that no longer has them.
    pub history: Vec<(String, String)>,
    pub previous_response_id: Option<String>,
    pub output_schema: Option<Value>,
    pub effort: Option<Effort>,
    pub max_output_tokens: Option<u32>,
    /// Names of environment variables, never their values: this text is kept on disk.
    pub base_url_env: String,
    pub key_env: String,
}

/// Who remembers the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// The server, by the id of its last response.
    Server,
    /// Nobody else: earlier turns are sent along.
    Replayed,
}

impl GptRequest {
    /// Returns the body of `POST /responses`.
    pub(super) fn body(&self, memory: Memory) -> Value {
        let mut body = Map::new();
        body.insert("model".into(), json!(self.model));
        body.insert("input".into(), Value::Array(self.input(memory)));
        body.insert("stream".into(), json!(true));
        // Follow-ups name the stored response, so the default of the API is asked for by name.
        body.insert("store".into(), json!(true));
        // The server does not carry instructions over from the previous response.
        insert(&mut body, "instructions", self.instructions.as_ref().map(|text| json!(text)));
        let previous = self.previous_response_id.as_ref().filter(|_| memory == Memory::Server);
        insert(&mut body, "previous_response_id", previous.map(|id| json!(id)));
        insert(&mut body, "reasoning", self.effort.map(|effort| json!({"effort": effort_word(effort)})));
        insert(&mut body, "max_output_tokens", self.max_output_tokens.map(|count| json!(count)));
        insert(&mut body, "text", self.output_schema.as_ref().map(|schema| json!({"format": format(schema)})));
        Value::Object(body)
    }

    fn input(&self, memory: Memory) -> Vec<Value> {
        let mut input = Vec::new();
        if memory == Memory::Replayed {
            for (prompt, answer) in &self.history {
                input.push(json!({"role": "user", "content": [{"type": "input_text", "text": prompt}]}));
                input.push(json!({"role": "assistant", "content": [{"type": "output_text", "text": answer}]}));
            }
        }
        input.push(json!({"role": "user", "content": [{"type": "input_text", "text": self.prompt}]}));
        input
    }
}

fn insert(body: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value);
    }
}

/// A model that lacks a level says so, and the task fails with its words: better than less thought unsaid.
const fn effort_word(effort: Effort) -> &'static str {
    match effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Max => "xhigh",
    }
}

fn format(schema: &Value) -> Value {
    json!({"type": "json_schema", "name": "answer", "strict": is_closed(schema), "schema": schema})
}

/// Returns whether strict mode takes `schema`: every object lists all of its properties as required and
/// allows no others. An open schema sent as strict is refused with 400.
/// <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>
fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => is_closed_object(map) && map.values().all(is_closed),
        Value::Array(items) => items.iter().all(is_closed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn is_closed_object(map: &Map<String, Value>) -> bool {
    if map.get("type").and_then(Value::as_str) != Some("object") {
        return true;
    }
    let required: Vec<&str> =
        map.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = map.get("properties").and_then(Value::as_object);
    map.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.is_some_and(|properties| properties.keys().all(|name| required.contains(&name.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> GptRequest {
        GptRequest {
            model: "m".into(),
            instructions: Some("be brief".into()),
            prompt: "three".into(),
            history: vec![("one".into(), "two".into())],
            previous_response_id: Some("resp_1".into()),
            output_schema: Some(json!({"type": "object"})),
            effort: Some(Effort::Max),
            max_output_tokens: Some(9),
            base_url_env: "B".into(),
            key_env: "K".into(),
        }
    }

    #[test]
    fn the_server_is_named_the_last_response_or_sent_all_turns_never_both() {
        let user = |text: &str| json!({"role": "user", "content": [{"type": "input_text", "text": text}]});
        let mut expected = json!({
            "model": "m", "stream": true, "store": true, "instructions": "be brief", "input": [user("three")],
            "previous_response_id": "resp_1", "reasoning": {"effort": "xhigh"}, "max_output_tokens": 9,
            "text": {"format": {"type": "json_schema", "name": "answer", "strict": false, "schema": {"type": "object"}}},
        });
        assert_eq!(full().body(Memory::Server), expected);
        let answer = json!({"role": "assistant", "content": [{"type": "output_text", "text": "two"}]});
        expected["input"] = json!([user("one"), answer, user("three")]);
        expected.as_object_mut().unwrap().remove("previous_response_id");
        assert_eq!(full().body(Memory::Replayed), expected);
    }

    #[test]
    fn only_a_closed_schema_is_sent_as_strict() {
        let closed = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false});
        let open = json!({"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"], "additionalProperties": false});
        let optional = json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false});
        assert_eq!([&closed, &open, &optional].map(is_closed), [true, false, false]);
    }
}
