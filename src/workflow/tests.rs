//! The rules as a whole: faulty files with the faults they have, and what holds for any graph.

use std::{collections::BTreeMap, fs, path::PathBuf};

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::*;
use crate::core::{Bytes, Money, Posture, Span};

/// A task as far as these tests need one.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(dead_code, reason = "read by the vocabulary only")]
struct TaskFields {
    prompt: String,
    backend: Option<String>,
    role: Option<String>,
    model: Option<String>,
    timeout: Option<Span>,
    budget: Option<Money>,
    max_output: Option<Bytes>,
    posture: Posture,
    verify: Vec<String>,
    tags: Vec<String>,
    metadata: BTreeMap<String, String>,
    fallback: Vec<String>,
    retries: u32,
    priority: i32,
    output_schema: Option<Map<String, Value>>,
    after: Vec<String>,
}

fn checked_with(text: &str, params: Option<Value>) -> Checked {
    let backends = ["claude_code", "codex", "gemini", "demo"].map(str::to_owned);
    let roles = ["architect", "reviewer"].map(str::to_owned);
    let load = |file: &str| match file {
        "self.yaml" => Ok("steps: [{id: a, kind: workflow, workflow: self.yaml}]".to_owned()),
        "ok.yaml" => Ok("params: {t: {required: true}}\nsteps: [{id: a, prompt: '{{ params.t }}'}]".to_owned()),
        "bad.yaml" => Ok("steps:\n  - {id: a}".to_owned()),
        _ => Err(format!("cannot read `{file}`")),
    };
    let known = Known { backends: &backends, roles: &roles, task: &Vocabulary::of::<TaskFields>(), load: &load };
    check(Source::Text(text), params.as_ref().and_then(Value::as_object), &known)
}

fn checked(text: &str) -> Checked {
    checked_with(text, None)
}

fn valid(text: &str) -> (Workflow, Plan) {
    let checked = checked(text);
    assert_eq!(checked.faults, []);
    (checked.workflow.unwrap(), checked.plan.unwrap())
}

fn told(faults: &[Fault]) -> Vec<String> {
    let place = |fault: &Fault| format!("{}:{}", fault.line.unwrap_or(0), fault.column.unwrap_or(0));
    let code = |fault: &Fault| serde_json::to_value(fault.code).unwrap().as_str().unwrap().to_owned();
    faults.iter().map(|fault| format!("{} {}", place(fault), code(fault))).collect()
}

/// Each file ends with the faults that it has: `#! line:column code`.
#[test]
fn faulty_files_have_exactly_these_faults() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/workflows");
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let expected: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#! ")).map(str::to_owned).collect();
        let faults = checked(&text).faults;
        assert_eq!(told(&faults), expected, "{}: {faults:#?}", file.display());
    }
}
