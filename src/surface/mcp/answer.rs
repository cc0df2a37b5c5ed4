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
        let answer = with_shorter_lists(answer);
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

/// The lists of workflows that grow with the file and have no pages, each with where the rest is.
const LISTS: [(&str, &str, &str); 4] = [
    (
        "run",
        "steps",
        "those that failed, run or wait for a word come first; `task_list` with `workflow` pages through the tasks",
    ),
    ("", "steps", "the command line shows all of them"),
    ("", "batches", "the command line shows all of them"),
    ("", "faults", "mend these and check again"),
];
/// What such a list may take of an answer.
const LIST: usize = PAGE / 3;

/// Leaves out of long lists what does not fit, and says so in the notes beside them.
fn with_shorter_lists(mut answer: Value) -> Value {
    if length(&answer) <= PAGE {
        return answer;
    }
    for (holder, name, elsewhere) in LISTS {
        let holder = if holder.is_empty() { Some(&mut answer) } else { answer.get_mut(holder) };
        let Some(Value::Object(map)) = holder else { continue };
        let Some(Value::Array(items)) = map.get_mut(name) else { continue };
        let all = items.len();
        keep_what_fits(items);
        let gone = all - items.len();
        if gone > 0 {
            let note = Value::from(format!("{gone} of {all} {name} are not shown here: {elsewhere}"));
            if let Value::Array(notes) = map.entry("notes").or_insert_with(|| Value::Array(Vec::new())) {
                notes.push(note);
            }
        }
    }
    answer
}

/// Keeps items in their order: those that somebody has to look at, and of the others as many as there is room for.
fn keep_what_fits(items: &mut Vec<Value>) {
    let is_urgent =
        |item: &Value| item["status"].as_str().is_some_and(|it| ["failed", "running", "held"].contains(&it));
    let (urgent, others): (Vec<usize>, Vec<usize>) = (0..items.len()).partition(|at| is_urgent(&items[*at]));
    let mut room = LIST;
    let mut kept = vec![false; items.len()];
    for at in urgent.into_iter().chain(others) {
        let Some(left) = room.checked_sub(length(&items[at]) + 1) else { break };
        (room, kept[at]) = (left, true);
    }
    let mut kept = kept.into_iter();
    items.retain(|_| kept.next() == Some(true));
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
    fn long_lists_keep_what_is_to_be_looked_at_and_count_the_rest() {
        let step =
            |n: usize| json!({"id": n, "status": if n == 800 { "failed" } else { "done" }, "label": "x".repeat(100)});
        let long =
            with_shorter_lists(json!({"run": {"steps": (0..900).map(step).collect::<Vec<_>>(), "notes": ["a"]}}));
        let steps = long["run"]["steps"].as_array().unwrap();
        assert!(length(&long) < PAGE && steps.len() > 30, "{}", steps.len());
        assert_eq!((&steps[0]["id"], &steps[steps.len() - 1]["id"]), (&json!(0), &json!(800)));
        let note = format!("{} of 900 steps are not shown here: ", 900 - steps.len());
        assert_eq!(long["run"]["notes"][0], "a");
        assert!(long["run"]["notes"][1].as_str().unwrap().starts_with(&note), "{}", long["run"]["notes"]);
        let short = json!({"steps": (0..100).map(step).collect::<Vec<_>>()});
        assert_eq!(with_shorter_lists(short.clone()), short);
    }

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
