//! The lines that the demo agent obeys; every other line is prose.
//!
//! ```text
//! say: TEXT            think: TEXT              ask: QUESTION (ends the turn)
//! write: PATH: TEXT    append: PATH: TEXT       delete: PATH
//! run: COMMAND         tools: 3                 sleep: 2s
//! json: VALUE          usage: input=10 output=5 cache_read=3 cache_write=2 cost=$0.01
//! fail: CATEGORY: MESSAGE                       exit: CODE (without a word, as a crash)
//! ```

use serde_json::Value;

use crate::core::{Category, Money, Span, Tokens, UsageReport, UsageScope};

/// More would fill a disk, not show anything.
const MOST_TOOLS: u32 = 10_000;

/// One line of a script.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Say(String),
    Think(String),
    Write {
        path: String,
        text: String,
    },
    Append {
        path: String,
        text: String,
    },
    Delete {
        path: String,
    },
    /// Silence, with no tool in flight.
    Sleep(Span),
    /// A program and its arguments; no shell reads them.
    Run(Vec<String>),
    /// So many tool calls that do nothing.
    Tools(u32),
    Usage(UsageReport),
    /// The answer by output schema.
    Json(Value),
    Ask(String),
    Fail {
        category: Category,
        message: String,
    },
    /// Ends at once without a terminal event, as a crash does.
    Exit(i32),
}

/// A line that begins like a step and cannot be read as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadStep(pub String);

/// Returns the steps of `prompt`, in order.
pub(super) fn steps(prompt: &str) -> Vec<Result<Step, BadStep>> {
    prompt.lines().filter_map(step).collect()
}

fn step(line: &str) -> Option<Result<Step, BadStep>> {
    let (word, rest) = line.trim().split_once(':')?;
    let rest = rest.trim();
    let read = match word {
        "say" => Some(Step::Say(lines(rest))),
        "think" => Some(Step::Think(lines(rest))),
        "write" => path_and_text(rest).map(|(path, text)| Step::Write { path, text }),
        "append" => path_and_text(rest).map(|(path, text)| Step::Append { path, text }),
        "delete" => (!rest.is_empty()).then(|| Step::Delete { path: rest.to_owned() }),
        "sleep" => rest.parse().ok().map(Step::Sleep),
        "run" => words(rest).filter(|words| !words.is_empty()).map(Step::Run),
        "tools" => rest.parse().ok().filter(|count| *count <= MOST_TOOLS).map(Step::Tools),
        "usage" => usage(rest).map(Step::Usage),
        "json" => serde_json::from_str(rest).ok().map(Step::Json),
        "ask" => Some(Step::Ask(rest.to_owned())),
        "fail" => failure(rest),
        "exit" => rest.parse().ok().map(Step::Exit),
        _ => return None,
    };
    Some(read.ok_or_else(|| BadStep(line.trim().to_owned())))
}

/// `\n` in a script stands for a line end.
fn lines(text: &str) -> String {
    text.replace("\\n", "\n")
}

fn path_and_text(rest: &str) -> Option<(String, String)> {
    let (path, text) = rest.split_once(':')?;
    let mut text = lines(text.strip_prefix(' ').unwrap_or(text));
    text.push('\n');
    Some((path.trim().to_owned(), text)).filter(|(path, _)| !path.is_empty())
}

/// Splits a command at spaces; quotes of either kind hold words together. `None` for a quote without an end.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (c, quote) {
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, Some(_) | None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Reads `input=10 output=5 cache_read=3 cache_write=2 cost=$0.01`. What is not given is not known.
fn usage(rest: &str) -> Option<UsageReport> {
    let (mut tokens, mut cost) = (None::<Tokens>, None::<Money>);
    for field in rest.split_whitespace() {
        let (name, value) = field.split_once('=')?;
        if name == "cost" {
            cost = Some(value.parse().ok()?);
            continue;
        }
        let tokens = tokens.get_or_insert_default();
        let bucket = match name {
            "input" => &mut tokens.input,
            "output" => &mut tokens.output,
            "cache_read" => &mut tokens.cache_read,
            "cache_write" => &mut tokens.cache_write,
            _ => return None,
        };
        // Small enough that sums stay far from overflow.
        *bucket = value.parse::<u32>().ok()?.into();
    }
    Some(UsageReport { scope: UsageScope::Step, tokens, cost, model: None })
}

fn failure(rest: &str) -> Option<Step> {
    let (category, message) = rest.split_once(':').unwrap_or((rest, "the script said so"));
    let category = serde_json::from_value(Value::String(category.trim().to_owned())).ok()?;
    Some(Step::Fail { category, message: message.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_reads_as_documented() {
        let text = |text: &str| text.to_owned();
        let tokens = Some(Tokens { input: 10, output: 5, cache_read: 3, cache_write: 2 });
        let report = UsageReport { scope: UsageScope::Step, tokens, cost: Some(Money(10_000)), model: None };
        let table = [
            ("say: hi: there", Step::Say(text("hi: there"))),
            ("  think: hm", Step::Think(text("hm"))),
            ("write: a/b.txt: one\\ntwo", Step::Write { path: text("a/b.txt"), text: text("one\ntwo\n") }),
            ("append: a:  x", Step::Append { path: text("a"), text: text(" x\n") }),
            ("delete: a b", Step::Delete { path: text("a b") }),
            ("sleep: 2s", Step::Sleep(Span::from_secs(2))),
            ("run: sh -c 'echo \"a b\"' \"\"", Step::Run(["sh", "-c", "echo \"a b\"", ""].map(text).into())),
            ("tools: 3", Step::Tools(3)),
            ("usage: input=10 output=5 cache_read=3 cache_write=2 cost=$0.01", Step::Usage(report)),
            ("json: {\"a\":1}", Step::Json(serde_json::json!({"a": 1}))),
            ("ask: which?", Step::Ask(text("which?"))),
            ("fail: rate_limit: slow", Step::Fail { category: Category::RateLimit, message: text("slow") }),
            ("exit: 3", Step::Exit(3)),
        ];
        for (line, expected) in table {
            assert_eq!(step(line), Some(Ok(expected)), "{line}");
        }
    }

    #[test]
    fn prose_is_no_step_and_a_broken_step_says_so() {
        for line in ["", "hello", "Note: this", "write a file", "https://example.org", "say"] {
            assert_eq!(step(line), None, "{line}");
        }
        for line in ["sleep: soon", "write: a", "delete:", "run:", "run: 'a", "usage: x=1", "fail: odd", "tools: 99999"]
        {
            assert_eq!(step(line), Some(Err(BadStep(line.to_owned()))), "{line}");
        }
    }
}
