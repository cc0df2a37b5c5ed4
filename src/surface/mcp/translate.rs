//! Words for people at a command line, told to those who call tools.
//!
//! A hint says what to type: `` `mgr workflow retry 1qe fix` ``. Here that is the call of a tool with its arguments:
//! `` `workflow_retry {"workflow_id":"1qe","step":"fix"}` ``. What no tool does stays as it is.
//! Must not be used for what agents or people wrote: only for our own words.

use clap::{Arg, ArgAction};
use serde_json::{Map, Value};

use super::desk::is_name;
use crate::ops::{OPS, OpError, OpSpec};

/// Fields of answers that hold our own words about what to do.
const OWN_WORDS: [&str; 9] =
    ["hint", "hints", "suggestion", "waiting_on", "reason", "why", "notes", "next", "commands"];

/// Returns an error as those see it who called this tool.
pub(super) fn error_for(row: &OpSpec, error: OpError) -> OpError {
    let told = |words: Vec<String>| words.iter().map(|words| as_tools(words, Some(row))).collect();
    OpError {
        message: as_tools(&error.message, Some(row)),
        causes: told(error.causes),
        hints: told(error.hints),
        ..error
    }
}

/// Names tools in an answer of this tool where it speaks itself.
pub(super) fn answer_for(row: &OpSpec, answer: &mut Value) {
    // A story is told in sentences of ours around what others said.
    let story = (row.tool == Some("task_explain")).then_some("text");
    walk(row, story, answer);
}

fn walk(row: &OpSpec, story: Option<&str>, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if OWN_WORDS.contains(&key.as_str()) || story == Some(key) {
                    say(row, value);
                }
                walk(row, story, value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(row, story, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn say(row: &OpSpec, value: &mut Value) {
    match value {
        Value::String(words) => {
            // A list of commands has no marks around each.
            let call = words.strip_prefix("mgr ").and_then(call);
            *words = call.unwrap_or_else(|| as_tools(words, Some(row)));
        }
        Value::Array(items) => items.iter_mut().filter(|item| item.is_string()).for_each(|item| say(row, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}

/// Names tools and their arguments where a text names commands and flags between backticks. Short flags are those of
/// the tool that was called.
fn as_tools(words: &str, row: Option<&OpSpec>) -> String {
    let mut told = String::new();
    let mut rest = words;
    while let Some((before, after)) = rest.split_once('`') {
        told.push_str(before);
        let inside = after.split_once('`').map(|(inside, _)| inside);
        let translated = inside.and_then(|inside| match inside.strip_prefix("mgr ") {
            Some(command) => call(command),
            None => inside.starts_with('-').then(|| arguments(inside, row))?,
        });
        told.push('`');
        rest = after;
        if let (Some(translated), Some(inside)) = (translated, inside) {
            told.push_str(&translated);
            rest = &after[inside.len()..];
            // The closing mark is no opening one.
            told.push('`');
            rest = &rest[1..];
        }
    }
    told + rest
}

/// Returns the call of a tool that does what a command does.
fn call(command: &str) -> Option<String> {
    let words = split(command)?;
    let is_meant = |row: &&OpSpec| words.len() >= row.cli.len() && row.cli.iter().zip(&words).all(|(a, b)| a == b);
    let row = OPS.iter().filter(is_meant).max_by_key(|row| row.cli.len())?;
    let tool = row.tool?;
    let mut arguments = read(row, &words[row.cli.len()..])?;
    // Clearer than a name where a file is asked for.
    let is_named = |file: &Value| file.as_str().is_some_and(is_name);
    if row.cli[0] == "workflow" && arguments.get("file").is_some_and(is_named) {
        let name = arguments.remove("file").unwrap_or_default();
        arguments.insert("template".to_owned(), name);
    }
    Some(if arguments.is_empty() { tool.to_owned() } else { format!("{tool} {}", Value::Object(arguments)) })
}

/// Returns flags as arguments of a tool: `archive: "off"`; a flag that nothing follows as its name.
fn arguments(flags: &str, row: Option<&OpSpec>) -> Option<String> {
    let words = split(flags)?;
    let rows = row.into_iter().chain(OPS.iter().filter(|row| row.tool.is_some()));
    rows.filter(|row| row.tool.is_some()).find_map(|row| {
        if let [flag] = words.as_slice() {
            return Some(flag_of(row, flag)?.get_id().to_string());
        }
        let told = read(row, &words)?.into_iter().map(|(name, value)| format!("{name}: {value}"));
        Some(told.collect::<Vec<_>>().join(", "))
    })
}

fn command_of(row: &OpSpec) -> clap::Command {
    (row.augment)(clap::Command::new("mgr"))
}

fn flag_of(row: &OpSpec, flag: &str) -> Option<Arg> {
    let is_it = |arg: &&Arg| match flag.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => flag.strip_prefix('-').is_some_and(|short| arg.get_short().map(String::from).as_deref() == Some(short)),
    };
    command_of(row).get_arguments().find(is_it).cloned()
}

/// Reads the words after a command as the arguments of its tool; `None` if one of them means nothing there.
fn read(row: &OpSpec, words: &[String]) -> Option<Map<String, Value>> {
    let schema = (row.input_schema)();
    let command = command_of(row);
    let positions: Vec<&Arg> = command.get_arguments().filter(|arg| arg.is_positional()).collect();
    let mut given = Map::new();
    let mut position = 0;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (arg, value) = match word.strip_prefix('-') {
            Some(_) => {
                let (flag, value) = word.split_once('=').map_or((word.as_str(), None), |(flag, it)| (flag, Some(it)));
                let arg = flag_of(row, flag)?;
                let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
                let value = if is_switch { Some("true") } else { value.or_else(|| words.next().map(String::as_str)) };
                (arg, value?.to_owned())
            }
            None => {
                let arg = (*positions.get(position)?).clone();
                let takes_more = matches!(arg.get_action(), ArgAction::Append);
                position += usize::from(!takes_more);
                (arg, word.clone())
            }
        };
        let name = arg.get_id().as_str();
        put(&mut given, name, &schema["properties"][name], &value)?;
    }
    Some(given)
}

/// Adds a value in the form that the property has.
fn put(given: &mut Map<String, Value>, name: &str, property: &Value, value: &str) -> Option<()> {
    let text = || Value::from(value);
    let one = |kind: &Value| match kind.as_str() {
        Some("boolean") => value.parse().map_or_else(|_| text(), Value::Bool),
        Some("integer" | "number") => value.parse::<i64>().map_or_else(|_| text(), Value::from),
        Some(_) | None => text(),
    };
    match property.get("type").and_then(Value::as_str) {
        Some("array") => match given.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(items) => items.push(one(&property["items"]["type"])),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => return None,
        },
        Some("object") => match (given.entry(name).or_insert_with(|| Value::Object(Map::new())), value.split_once('='))
        {
            (Value::Object(map), Some((key, value))) => drop(map.insert(key.to_owned(), Value::from(value))),
            (_, _) => return None,
        },
        Some(_) => drop(given.insert(name.to_owned(), one(&property["type"]))),
        None if property.is_null() => return None,
        None => drop(given.insert(name.to_owned(), text())),
    }
    Some(())
}

/// Splits a command as a shell does, as far as our own words need it; `None` where a quote is open.
fn split(command: &str) -> Option<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        end if end == c => break,
                        inside => word.push(inside),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(rest.next()?),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn told(words: &str) -> String {
        as_tools(words, None)
    }

    #[test]
    fn a_command_is_told_as_the_call_of_its_tool() {
        let cases = [
            ("`mgr list` shows the tasks", "`task_list` shows the tasks"),
            (
                "`mgr workflow retry 1qe 'review[it'\\''s]'` does",
                r#"`workflow_retry {"step":"review[it's]","workflow_id":"1qe"}` does"#,
            ),
            ("`mgr diff 1qe --stat`", r#"`task_diff {"stat":true,"task_id":"1qe"}`"#),
            ("`mgr answer 1qe/budget yes` allows", r#"`inbox_answer {"answer":"yes","id":"1qe/budget"}` allows"#),
            ("`mgr workflow resume 1qe --budget $N`", r#"`workflow_resume {"budget":"$N","workflow_id":"1qe"}`"#),
            (
                "`mgr watch 1qe 2ab`, `mgr cancel 1qe`",
                r#"`task_watch {"task_ids":["1qe","2ab"]}`, `task_cancel {"task_ids":["1qe"]}`"#,
            ),
            (
                "`mgr template run t --params a=1 --params b='2 3'`",
                r#"`template_run {"name":"t","params":{"a":"1","b":"2 3"}}`"#,
            ),
            ("`mgr list -n 5`", r#"`task_list {"limit":5}`"#),
            ("`mgr config set slots VALUE`", r#"`configure {"action":"set","key":"slots","value":"VALUE"}`"#),
            ("raise `--timeout`, or choose `--archive off`", r#"raise `timeout`, or choose `archive: "off"`"#),
        ];
        for (words, expected) in cases {
            assert_eq!(told(words), expected);
        }
    }

    #[test]
    fn what_no_tool_does_and_what_is_no_command_stays() {
        for words in [
            "see `mgr mcp --allow-dir /x`",
            "`mgr` alone, `a` and `mgr nothing`",
            "an open `mgr list",
            "an open quote `mgr send 'x`",
            "the flag `--nobody-has-it`",
            "",
        ] {
            assert_eq!(told(words), words);
        }
    }

    #[test]
    fn only_our_own_words_are_translated() {
        let row = crate::ops::find("task_status").unwrap();
        let mut answer = json!({
            "prompt": "say `mgr list`",
            "failure": {"message": "`mgr list` broke", "hint": "see `mgr output --stderr`"},
            "items": [{"commands": ["mgr diff 1qe", "mgr mcp"], "question": "`mgr list`?"}],
        });
        answer_for(row, &mut answer);
        let expected = json!({
            "prompt": "say `mgr list`",
            "failure": {"message": "`mgr list` broke", "hint": "see `task_output {\"stderr\":true}`"},
            "items": [{"commands": ["task_diff {\"task_id\":\"1qe\"}", "mgr mcp"], "question": "`mgr list`?"}],
        });
        assert_eq!(answer, expected);
    }

    /// Every command that a text of ours names can be told with all its arguments.
    #[test]
    fn every_hint_in_the_sources_can_be_told() {
        let mut untold = Vec::new();
        let mut seen = 0;
        for (file, line) in lines(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
            for command in commands(&line) {
                let words = split(&command).unwrap_or_default();
                let has_tool = |row: &&OpSpec| row.tool.is_some() && words.starts_with(&row.cli.map_words());
                if OPS.iter().any(|row| has_tool(&row)) {
                    seen += 1;
                    if told(&format!("`mgr {command}`")).contains("`mgr ") {
                        untold.push(format!("{file}: mgr {command}"));
                    }
                }
            }
        }
        assert_eq!(untold, Vec::<String>::new());
        assert!(seen > 80, "{seen}");
    }

    trait Words {
        fn map_words(&self) -> Vec<String>;
    }

    impl Words for &[&str] {
        fn map_words(&self) -> Vec<String> {
            self.iter().map(|word| (*word).to_owned()).collect()
        }
    }

    /// Returns the lines of all sources but comments and this file.
    fn lines(dir: &Path) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(lines(&path));
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("mcp/translate.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let name = path.display().to_string();
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                found.extend(code.map(|line| (name.clone(), line.to_owned())));
            }
        }
        found
    }

    /// Returns the commands that a line names, with a word for each place that is filled in later.
    fn commands(line: &str) -> Vec<String> {
        let named = line.split("`mgr ").skip(1).filter_map(|rest| rest.split_once('`'));
        let filled = |command: &str| {
            let mut filled = String::new();
            let mut rest = command;
            while let Some((before, after)) = rest.split_once('{') {
                filled.push_str(before);
                filled.push_str("ID");
                rest = after.split_once('}').map_or("", |(_, rest)| rest);
            }
            filled + rest
        };
        named.map(|(command, _)| filled(command)).collect()
    }
}
