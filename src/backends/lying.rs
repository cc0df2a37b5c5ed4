//! Agents that lie, stumble and stop halfway: `tests/lying/cases.json`, run through every adapter.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use serde::Deserialize;
use serde_json::json;

use super::{Backend, Registry, replay::Recording};
use crate::core::{BackendName, Category, Ending, Status};

/// The backends that the cases are about: each has some, and there is no case for another.
const READY: &[&str] = &["claude_code", "codex", "custom_text", "gemini", "gpt"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    backend: String,
    exit_code: Option<i32>,
    #[serde(default = "exited")]
    ending: Ending,
    stdout: String,
    #[serde(default)]
    stderr: String,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: Status,
    category: Option<Category>,
}

const fn exited() -> Ending {
    Ending::Exited
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lying")
}

fn cases() -> Vec<Case> {
    serde_json::from_slice(&fs::read(folder().join("cases.json")).unwrap()).unwrap()
}

/// The built-in backends, and one that prints plain text.
fn registry() -> Registry {
    let patterns = json!([{"contains": "not logged in", "category": "auth"}]);
    let custom = json!({"command": ["tool"], "failure_patterns": patterns});
    Registry::new(BTreeMap::from([("custom_text".parse().unwrap(), serde_json::from_value(custom).unwrap())]))
}

fn verdict(case: &Case, backend: &dyn Backend) -> (Status, Option<Category>) {
    let stdout = fs::read(folder().join(&case.stdout)).unwrap();
    let recording = Recording { stdout, stderr: case.stderr.clone(), exit_code: case.exit_code };
    recording.verdict_after(backend, case.ending)
}

#[test]
fn no_lie_is_believed_and_no_truth_is_doubted() {
    let registry = registry();
    let wrong: Vec<_> = cases()
        .into_iter()
        .filter_map(|case| {
            let backend = registry.get(&case.backend.parse::<BackendName>().unwrap()).unwrap();
            let (expected, found) = ((case.expect.status, case.expect.category), verdict(&case, backend));
            (expected != found).then_some((case.name, expected, found))
        })
        .collect();
    assert!(wrong.is_empty(), "(name, expected, found): {wrong:#?}");
}

#[test]
fn every_case_belongs_to_a_known_backend_and_every_file_to_a_case() {
    let cases = cases();
    let known: BTreeSet<_> = READY.iter().map(ToString::to_string).collect();
    assert_eq!(cases.iter().map(|case| case.backend.clone()).collect::<BTreeSet<_>>(), known);
    let named: BTreeSet<_> = cases.into_iter().map(|case| case.stdout).collect();
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.filter(|file| file.ends_with(".out")).collect::<BTreeSet<_>>(), named);
}
