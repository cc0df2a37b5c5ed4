//! What must hold for every row of the table, present and future.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{OPS, OpSpec};

fn command(row: &OpSpec) -> clap::Command {
    (row.augment)(clap::Command::new(*row.cli.last().unwrap()))
}

fn properties(schema: &Value) -> BTreeMap<String, Value> {
    let map = schema["properties"].as_object().cloned().unwrap_or_default();
    map.into_iter().collect()
}

fn for_each_row(check: impl Fn(&OpSpec, &clap::Command, &BTreeMap<String, Value>, &Value)) {
    for row in OPS {
        let schema = (row.input_schema)();
        check(row, &command(row), &properties(&schema), &schema);
    }
}

#[test]
fn names_are_unique_and_tools_are_snake_case() {
    let clis: BTreeSet<_> = OPS.iter().map(|row| row.cli).collect();
    let tools: BTreeSet<_> = OPS.iter().filter_map(|row| row.tool).collect();
    assert_eq!(clis.len(), OPS.len());
    assert_eq!(tools.len(), OPS.iter().filter(|row| row.tool.is_some()).count());
    for tool in tools {
        assert!(tool.len() <= 40 && tool.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{tool}");
    }
}

#[test]
fn flags_are_the_properties_of_the_schema() {
    for_each_row(|row, command, properties, _| {
        let flags: BTreeSet<_> = command.get_arguments().map(|arg| arg.get_id().to_string()).collect();
        let names: BTreeSet<_> = properties.keys().cloned().collect();
        assert_eq!(flags, names, "{:?}", row.cli);
    });
}

#[test]
fn every_argument_is_documented_alike() {
    for_each_row(|row, command, properties, _| {
        for arg in command.get_arguments() {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let words = properties[arg.get_id().as_str()]["description"].as_str().unwrap_or_default();
            assert!(help.len() >= 10, "{:?} {}: `{help}`", row.cli, arg.get_id());
            assert_eq!(super::table::for_a_program(&help), words, "{:?} {}", row.cli, arg.get_id());
        }
    });
}

#[test]
fn what_is_required_on_the_command_line_is_required_in_json() {
    for_each_row(|row, command, _, schema| {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let in_json: BTreeSet<_> = required.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let in_cli = command.get_arguments().filter(|arg| arg.is_required_set()).map(|arg| arg.get_id().to_string());
        assert_eq!(in_json, in_cli.collect(), "{:?}", row.cli);
    });
}

#[test]
fn defaults_and_choices_agree() {
    for_each_row(|row, command, properties, _| {
        for arg in command.get_arguments() {
            let property = &properties[arg.get_id().as_str()];
            let place = format!("{:?} {}", row.cli, arg.get_id());
            let takes_value = arg.get_action().takes_values();
            let in_cli =
                arg.get_default_values().first().filter(|_| takes_value).map(|v| v.to_string_lossy().into_owned());
            let in_json = property
                .get("default")
                .filter(|value| **value != Value::Bool(false) && **value != Value::Array(vec![]));
            let in_json = in_json.filter(|value| **value != Value::Object(Default::default()));
            let in_json = in_json.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            assert_eq!(normal(in_cli), normal(in_json), "{place}");
            let choices: BTreeSet<_> = arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
            let list =
                property.get("enum").or_else(|| property["items"].get("enum")).and_then(Value::as_array).cloned();
            let in_json: BTreeSet<_> =
                list.unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned).collect();
            if takes_value {
                assert_eq!(choices, in_json, "{place}");
            }
        }
    });
}

/// `30d` and `720h` are the same default.
fn normal(default: Option<String>) -> Option<String> {
    default.map(|text| match text.parse::<crate::core::Span>() {
        Ok(span) if text.ends_with(char::is_alphabetic) => span.to_string(),
        Ok(_) | Err(_) => text,
    })
}

#[test]
fn the_example_means_the_same_in_both_forms() {
    for row in OPS {
        let (words, _) = row.example.argv.split_at(row.cli.len());
        assert_eq!(words, row.cli);
        let argv = &row.example.argv[row.cli.len() - 1..];
        let matches = command(row).try_get_matches_from(argv).unwrap_or_else(|e| panic!("{:?}: {e}", row.cli));
        let mut from_argv = (row.input_of)(&matches).unwrap();
        // The command line fills in where it stands; JSON leaves it to the server.
        if !row.example.json.contains("working_dir") {
            from_argv.as_object_mut().unwrap().remove("working_dir");
        }
        let from_json: Value = serde_json::from_str(row.example.json).unwrap();
        assert_eq!(from_argv, from_json, "{:?}", row.cli);
    }
}

#[test]
fn descriptions_are_for_a_search() {
    for row in OPS.iter().filter(|row| row.tool.is_some()) {
        assert!((15..=300).contains(&row.about.len()), "{:?} has {} characters", row.tool, row.about.len());
        assert!(row.title.len() <= 48, "{:?}", row.tool);
    }
}

#[test]
fn schemas_are_what_every_client_can_take() {
    for row in OPS {
        for (schema, is_input) in [((row.input_schema)(), true), ((row.output_schema)(), false)] {
            assert_eq!(schema["type"], "object", "{:?}", row.cli);
            if is_input {
                assert_eq!(schema["additionalProperties"], false, "{:?}", row.cli);
            }
            check_schema(&schema, &format!("{:?}", row.cli));
        }
    }
}

fn check_schema(schema: &Value, place: &str) {
    let Value::Object(map) = schema else { panic!("{place}: a schema must be an object, not {schema}") };
    for banned in ["$ref", "$schema", "$defs", "anyOf", "oneOf", "allOf", "patternProperties", "if"] {
        assert!(!map.contains_key(banned), "{place}: {banned} in {schema}");
    }
    assert!(map.get("type").is_some_and(Value::is_string), "{place}: no plain type in {schema}");
    assert!(map.get("format").is_none_or(|format| format == "date-time"), "{place}: {schema}");
    for (name, property) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
        check_schema(property, &format!("{place}.{name}"));
    }
    if let Some(items) = map.get("items") {
        check_schema(items, &format!("{place}[]"));
    }
}

/// Inputs that sound like paths and name nothing on the disk of whoever calls.
const NO_PATHS: [(&str, &str); 4] =
    [("task_diff", "paths"), ("task_rollback", "paths"), ("task_apply", "paths"), ("archive_restore", "paths")];

/// A server binds its clients to directories by the type of these: one that is text would let them out.
#[test]
fn whatever_sounds_like_a_path_is_typed_as_one() {
    let sounds = |name: &str, property: &Value| {
        let is_text = property["type"] == "string" || property["items"]["type"] == "string";
        let about = property["description"].as_str().unwrap_or_default();
        let names = ["path", "file", "dir", "folder", "workspace", "out", "to", "target"];
        is_text
            && (name.split('_').any(|word| names.contains(&word.trim_end_matches('s')))
                || about.contains("absolute path"))
    };
    let mut untyped = Vec::new();
    let mut typed = Vec::new();
    for row in OPS {
        let (tool, paths) = (row.tool.unwrap_or_default(), (row.paths)());
        let properties = properties(&(row.input_schema)());
        let wrong = properties.iter().filter(|(name, it)| sounds(name, it) && !paths.contains(*name));
        untyped.extend(wrong.map(|(name, _)| (tool.to_owned(), name.clone())));
        typed.extend(paths);
    }
    untyped.retain(|(tool, name)| !NO_PATHS.contains(&(tool.as_str(), name.as_str())));
    assert_eq!(untyped, []);
    let typed: BTreeSet<&str> = typed.iter().map(String::as_str).collect();
    let expected = ["dir", "file", "include_files", "out", "to", "working_dir", "workspace"];
    assert_eq!(typed.into_iter().collect::<Vec<_>>(), expected);
}
