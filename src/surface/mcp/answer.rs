//! How much of an answer a model gets.

use serde_json::{Map, Value};

use super::tools::Tool;
use crate::ops::{Call, Code, OpError};

/// Answers are to stay below this many bytes; clients put longer ones aside or cut them.
const PAGE: usize = 20_000;
/// Nothing longer goes out: it goes twice, and TypeScript clients break at 10 MiB a line.
const CEILING: usize = 1_000_000;
/// How much of a result is shown unless the call says otherwise.
const MAX_CHARS: u32 = 16_000;

/// Runs the row so that its answer fits: with fewer items, then with shorter texts.
///
/// # Errors
/// What the operation says, or that the answer is longer than anything may be.
pub(super) async fn fitting(call: &Call<'_>, tool: &Tool, mut input: Map<String, Value>) -> Result<Value, OpError> {
    if tool.takes("max_chars") {
        input.entry("max_chars").or_insert_with(|| Value::from(MAX_CHARS));
    }
    loop {
        let answer = (tool.row.run)(call, Value::Object(input.clone())).await?.value;
        // An operation with a length of its own has cut already, and said so.
        let answer = if tool.takes("max_chars") { answer } else { shortened(answer) };
        let length = length(&answer);
        match fewer(tool, &input, length) {
            Some(limit) if length > PAGE => input.insert("limit".into(), Value::from(limit)),
            _ if length > CEILING => return Err(too_long(length)),
            _ => return Ok(answer),
        };
    }
}

fn too_long(length: usize) -> OpError {
    OpError::new(Code::InvalidInput, format!("the answer has {length} bytes; at most {CEILING} go out at once"))
        .hint("ask for less: a smaller max_chars, tail or limit, or a narrower filter")
}

/// Returns a limit with which a page of items should fit. Only for what may be asked twice.
fn fewer(tool: &Tool, input: &Map<String, Value>, length: usize) -> Option<u64> {
    let default = tool.property("limit")?.get("default");
    let limit = input.get("limit").or(default)?.as_u64()?;
    let fits = limit.saturating_mul(PAGE as u64) / (length.max(1) as u64);
    (tool.is_read_only() && limit > 1).then(|| fits.clamp(1, limit / 2))
}

/// Cuts long texts, as little as will do.
fn shortened(mut answer: Value) -> Value {
    let mut limit = MAX_CHARS as usize;
    while length(&answer) > PAGE && limit >= 250 {
        cut(&mut answer, limit);
        limit /= 2;
    }
    answer
}

fn cut(value: &mut Value, limit: usize) {
    match value {
        Value::String(text) => {
            let count = text.chars().count();
            if count > limit {
                let head: String = text.chars().take(limit).collect();
                *text = format!("{head}… ({} more characters)", count - limit);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| cut(item, limit)),
        Value::Object(map) => map.values_mut().for_each(|item| cut(item, limit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn length(value: &Value) -> usize {
    value.to_string().len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_texts_are_cut_only_as_far_as_needed() {
        let short = json!({"a": "x".repeat(19_000)});
        assert_eq!(shortened(short.clone()), short);
        let long = shortened(json!({"a": "x".repeat(30_000), "b": "kept"}));
        assert!(long["a"].as_str().unwrap().ends_with("… (14000 more characters)"));
        assert_eq!(long["b"], "kept");
        let many = shortened(json!(vec!["y".repeat(5_000); 30]));
        assert!(length(&many) < PAGE);
    }
}
