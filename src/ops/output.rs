//! `mgr output`: what came out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Call, Effect, Example, OpError, Operation, Render, Toolset};
use crate::{
    core::{Attempt, Status, Task, TaskId, TaskRef},
    ui::Page,
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputInput {
    /// The task: an id, a unique prefix, @last or @-2
    #[arg(value_name = "TASK")]
    pub task_id: TaskRef,
    /// Only the last so many lines
    #[arg(long, value_name = "LINES")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
    /// Most characters to return
    #[arg(long, value_name = "COUNT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u32>,
    /// The agent's raw stdout; harmless on a terminal
    #[arg(long, conflicts_with_all = ["stderr", "verify"])]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub raw: bool,
    /// The agent's raw stderr; harmless on a terminal
    #[arg(long, conflicts_with = "verify")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stderr: bool,
    /// What the checks printed
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// Which attempt; the last one when absent
    #[arg(long, value_name = "NUMBER")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutputOutput {
    pub task_id: TaskId,
    pub status: Status,
    /// The final answer, or the last text so far.
    pub output: String,
    /// Whether some of it was left out.
    pub truncated: bool,
    /// How to get the rest of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The answer by the output schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<super::JsonObject>")]
    pub structured: Option<Value>,
    #[serde(skip)]
    bytes: Option<Vec<u8>>,
}

pub struct Output;

impl Operation for Output {
    const CLI: &'static [&'static str] = &["output"];
    const TOOL: Option<&'static str> = Some("task_output");
    const TITLE: &'static str = "Get a task's result";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Get the result of a task: the agent's final answer, or its last text so far; \
        also its raw output, its errors and what the checks printed. For the steps on the way use task_events.";
    const EXAMPLE: Example =
        Example { argv: &["output", "@last", "--tail", "20"], json: r#"{"task_id":"@last","tail":20}"# };

    type Input = OutputInput;
    type Output = OutputOutput;

    async fn run(call: &Call<'_>, input: OutputInput) -> Result<OutputOutput, OpError> {
        let id = call.engine.resolve(&input.task_id)?;
        call.engine.reconcile()?;
        let task = call.engine.task(&id)?;
        let attempt = chosen(&task, input.attempt)?;
        let file = if input.raw {
            Some("out")
        } else if input.stderr {
            Some("err")
        } else {
            input.verify.then_some("verify")
        };
        let (whole, structured, bytes) = match (file, attempt) {
            (Some(name), Some(attempt)) => {
                let bytes = call.engine.raw_file(&task, attempt, name)?;
                (String::from_utf8_lossy(&bytes).into_owned(), None, Some(bytes))
            }
            (None, Some(_)) => {
                let digest = call.engine.digest_of(&task)?.unwrap_or_default();
                (digest.answer().unwrap_or_default().to_owned(), digest.structured.filter(Value::is_object), None)
            }
            (_, None) => (String::new(), None, None),
        };
        let cut = cut(&whole, input.tail, input.max_chars);
        let truncated = cut.len() < whole.len();
        let bytes = bytes.filter(|_| !truncated);
        let all = whole.chars().count();
        let next =
            truncated.then(|| format!("this is the end of {all} characters: task_output with max_chars {all} for all"));
        let status = task.status();
        Ok(OutputOutput { task_id: id, status, output: cut.to_owned(), truncated, next, structured, bytes })
    }
}

fn chosen(task: &Task, number: Option<u32>) -> Result<Option<&Attempt>, OpError> {
    let Some(number) = number else { return Ok(task.last_attempt()) };
    let found = task.attempts.iter().find(|attempt| attempt.number == number);
    found.map(Some).ok_or_else(|| {
        OpError::new(super::Code::NotFound, format!("task `{}` has no attempt {number}", task.id))
            .hint(format!("it has {}", task.attempts.len()))
    })
}

/// Returns the last lines, and of those the last characters.
fn cut(text: &str, tail: Option<u32>, max_chars: Option<u32>) -> &str {
    let lines = tail.map_or(text, |tail| {
        let body = text.strip_suffix('\n').unwrap_or(text);
        let start = body.rmatch_indices('\n').nth((tail as usize).saturating_sub(1)).map_or(0, |(at, _)| at + 1);
        if tail == 0 { "" } else { &text[start..] }
    });
    let Some(limit) = max_chars else { return lines };
    let start = lines.char_indices().rev().take(limit as usize).last().map_or(lines.len(), |(at, _)| at);
    &lines[start..]
}

impl Render for OutputOutput {
    fn render(&self, page: &mut Page) {
        page.text(&self.output);
    }

    fn raw(&self) -> Option<Vec<u8>> {
        self.bytes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn the_end_is_what_is_kept() {
        let text = "one\ntwo\nthree\n";
        assert_eq!(cut(text, Some(2), None), "two\nthree\n");
        assert_eq!(cut(text, Some(9), None), text);
        assert_eq!(cut(text, Some(0), None), "");
        assert_eq!(cut("aüb", None, Some(2)), "üb");
        assert_eq!(cut("aüb", None, Some(0)), "");
        assert_eq!(cut(text, None, None), text);
    }
}
