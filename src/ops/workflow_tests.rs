//! What is shipped beside the program: the examples are valid, the schema is what the program generates.

use std::{fs, path::PathBuf};

use serde_json::Value;

use super::step_maker::task_vocabulary;
use crate::{
    engine::roles,
    workflow::{Checked, EXAMPLES, FIELDS_OF_AGENTS, Known, Source, check, example, schema},
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("workflows")
}

fn examples() -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let read =
        |file: &PathBuf| (file.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(file).unwrap());
    files.iter().map(read).collect()
}

fn checked(text: &str) -> Checked {
    let backends = ["claude_code", "codex", "gemini", "gpt", "demo"].map(str::to_owned);
    let roles: Vec<_> = roles().into_iter().map(|role| role.name).collect();
    let load = |file: &str| {
        let name = file.trim_end_matches(".yaml");
        example(name).map(|shipped| shipped.text.to_owned()).ok_or_else(|| format!("cannot read `{file}`"))
    };
    let known = Known { backends: &backends, roles: &roles, task: task_vocabulary(), load: &load };
    check(Source::Text(text), None, &known)
}

#[test]
fn every_example_is_valid_and_named_like_its_file() {
    let examples = examples();
    assert!(examples.len() >= 9);
    for (name, text) in examples {
        let checked = checked(&text);
        assert_eq!(checked.faults, [], "{name}");
        assert_eq!(checked.workflow.unwrap().name, Some(name));
        assert!(text.starts_with("# yaml-language-server: $schema=./schema.json\n"));
    }
}

#[test]
fn the_program_has_every_example_in_it() {
    let shipped: Vec<_> = EXAMPLES.iter().map(|one| (one.name.to_owned(), one.text.to_owned())).collect();
    assert_eq!(shipped, examples(), "src/workflow/examples.rs lists what is in workflows/");
}

/// The table of the README is what the files say of themselves.
#[test]
fn the_readme_describes_every_example() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows: Vec<_> = readme.lines().filter(|line| line.starts_with("| [`")).map(str::to_owned).collect();
    let row = |(name, text): &(String, String)| {
        let description = checked(text).workflow.unwrap().description.unwrap();
        assert!(description.chars().count() <= 120 && !description.ends_with('.'), "{name}: {description}");
        format!("| [`{name}`]({name}.yaml) | {description} |")
    };
    assert_eq!(rows, examples().iter().map(row).collect::<Vec<_>>());
}

/// The editor and `mgr` agree: the schema takes the examples and what they are frozen to.
#[test]
fn every_example_fits_the_schema() {
    let schema = schema(task_vocabulary());
    for (name, text) in examples() {
        let frozen = checked(&text).workflow.unwrap().frozen;
        if let Err(error) = jsonschema::validate(&schema, &frozen) {
            panic!("{name}: {error} at {}", error.instance_path);
        }
    }
}

#[test]
fn the_schema_refuses_a_misspelt_key() {
    let schema = schema(task_vocabulary());
    let file = |step: &str| serde_json::from_str::<Value>(&format!("{{\"steps\": [{step}]}}")).unwrap();
    assert!(jsonschema::is_valid(&schema, &file(r#"{"id": "a", "prompt": "x", "retries": "{{ params.n }}"}"#)));
    assert!(!jsonschema::is_valid(&schema, &file(r#"{"id": "a", "promt": "x"}"#)));
    assert!(!jsonschema::is_valid(&schema, &file(r#"{"id": "a", "prompt": "x", "retries": "three"}"#)));
    assert!(!jsonschema::is_valid(&schema, &file(r#"{"id": "a", "prompt": "x", "after": []}"#)));
}

/// A field of a task that is renamed must not leave its old name behind in the rules for steps.
#[test]
fn the_fields_that_steps_treat_apart_are_fields_of_a_task() {
    let task = task_vocabulary();
    for name in FIELDS_OF_AGENTS {
        assert!(task.properties.contains_key(name), "{name}");
    }
}

/// `UPDATE_GENERATED=1 cargo test the_schema_file` writes the file anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of this test")]
fn the_schema_file_is_up_to_date() {
    let path = folder().join("schema.json");
    let content = format!("{}\n", serde_json::to_string_pretty(&schema(task_vocabulary())).unwrap());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&path, &content).unwrap();
    }
    let on_disk = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        on_disk == content,
        "workflows/schema.json is not what mgr generates: run UPDATE_GENERATED=1 cargo test the_schema_file"
    );
}
