//! The rules as a whole: faulty files with the faults they have, and what holds for any graph.

use std::{collections::BTreeMap, fs, path::PathBuf};

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::*;
use crate::core::{ArchiveScope, Bytes, Isolation, Money, Posture, Span};

/// A task as far as these tests need one.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
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
    verify_retries: u32,
    tags: Vec<String>,
    metadata: BTreeMap<String, String>,
    fallback: Vec<String>,
    retries: u32,
    priority: i32,
    output_schema: Option<Map<String, Value>>,
    after: Vec<String>,
    isolate: Isolation,
    share: bool,
    archive: ArchiveScope,
}

fn checked_with(text: &str, params: Option<Value>) -> Checked {
    checked_source(Source::Text(text), params)
}

fn checked_source(source: Source<'_>, params: Option<Value>) -> Checked {
    let backends = ["claude_code", "codex", "gemini", "demo"].map(str::to_owned);
    let roles = ["architect", "reviewer"].map(str::to_owned);
    let load = |file: &str| {
        match file {
        "self.yaml" => Ok("steps: [{id: a, kind: workflow, workflow: self.yaml}]".to_owned()),
        "ok.yaml" => Ok("params: {t: {required: true}}\nsteps: [{id: a, prompt: '{{ params.t }}'}]\noutputs: {x: '{{ steps.a.output }}'}".to_owned()),
        "bad.yaml" => Ok("steps:\n  - {id: a}".to_owned()),
        _ => Err(format!("cannot read `{file}`")),
    }
    };
    let known = Known { backends: &backends, roles: &roles, task: &Vocabulary::of::<TaskFields>(), load: &load };
    check(source, params.as_ref().and_then(Value::as_object), &known)
}

fn checked(text: &str) -> Checked {
    checked_with(text, None)
}

pub(super) fn valid(text: &str) -> (Workflow, Plan) {
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
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let expected: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#! ")).map(str::to_owned).collect();
        let faults = checked(&text).faults;
        if told(&faults) != expected {
            let lines: Vec<_> = faults
                .iter()
                .zip(told(&faults))
                .map(|(fault, told)| format!("{told}: {} {} ({:?})", fault.path, fault.message, fault.suggestion))
                .collect();
            wrong.push(format!("{}:\n{}\nexpected {expected:#?}", file.display(), lines.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_fault_is_one_whole_sentence_with_a_way_out() {
    let faults = checked("steps:\n  - {id: a, prompt: x, needs: [b]}\n  - {id: bb, prompt: x}\n").faults;
    let expected = json!([{
        "line": 2, "column": 32, "path": "steps[0].needs[0]", "code": "unknown_step",
        "message": "no step `b`", "suggestion": "did you mean `bb`?",
    }]);
    assert_eq!(serde_json::to_value(faults).unwrap(), expected);
}

/// A workflow that came as an object has no lines: the same faults are told, and each says where by its path.
#[test]
fn faults_of_an_object_are_those_of_the_text_by_their_paths() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/workflows");
    let mut compared = 0;
    for file in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        let (Some(tree), faults) = tree::read(&text, tree::LIMITS) else { continue };
        // Of what is no workflow at all there is no part to name.
        if !faults.is_empty() || !tree.to_json().is_object() {
            continue;
        }
        let by_path = |faults: Vec<Fault>| {
            let told = |fault: Fault| (fault.file, fault.path, format!("{:?}", fault.code));
            let mut told: Vec<_> = faults.into_iter().map(told).collect();
            told.sort();
            told
        };
        let of_object = checked_source(Source::Json(&tree.to_json()), None).faults;
        let own = |fault: &&Fault| fault.file.is_none();
        assert!(
            of_object.iter().filter(own).all(|fault| fault.line.is_none() && !fault.path.is_empty()),
            "{of_object:#?}"
        );
        compared += of_object.len();
        assert_eq!(by_path(of_object), by_path(checked(&text).faults), "{}", file.display());
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn faults_without_lines_are_told_in_the_order_of_the_file() {
    let steps: Vec<Value> = (0..12).map(|_| json!({"id": "a", "prompt": "p"})).collect();
    let faults = checked_source(Source::Json(&json!({"steps": steps})), None).faults;
    let told: Vec<_> = faults.into_iter().map(|fault| (fault.path, fault.message)).collect();
    let expected = |at| (format!("steps[{at}].id"), "`a` is the id of `steps[0]` already".to_owned());
    assert_eq!(told, (1..12).map(expected).collect::<Vec<_>>());
}

#[test]
fn parameters_that_are_given_must_fit() {
    let text = "params:\n  a: {required: true}\n  n: {type: integer, default: 2}\n  l: {type: list}\n  e: {enum: [x, y]}\nsteps: [{id: s, prompt: '{{ params.a }}'}]\n";
    let codes = |params: Value| told(&checked_with(text, Some(params)).faults);
    assert_eq!(codes(json!({"a": "1", "n": "3", "l": "p,q", "e": "x"})), [""; 0]);
    assert_eq!(
        codes(json!({"b": "1", "n": "x", "e": "z"})),
        ["0:0 unknown_parameter", "2:6 missing_parameter", "3:6 wrong_value", "5:6 wrong_value"]
    );
    let plan = checked_with(text, Some(json!({"a": 7, "n": "3", "l": "[1, \"b\"]"}))).plan.unwrap();
    assert_eq!(Value::Object(plan.params), json!({"a": "7", "n": 3, "l": [1, "b"], "e": null}));
}

/// What the schema tells an editor, the check refuses as well.
#[test]
fn a_number_beyond_the_range_of_its_schema_is_a_fault() {
    let schema = schema(&task());
    let (file, step) = (&schema["properties"], &schema["properties"]["steps"]["items"]["properties"]);
    let mut judged = 0;
    for (properties, is_step) in [(file, false), (step, true)] {
        for (name, schema) in properties.as_object().unwrap() {
            for (limit, beyond) in [("minimum", -1), ("maximum", 1)] {
                let Some(limit) = schema[limit].as_i64() else { continue };
                let own = json!({"id": "a", "prompt": "p"});
                let mut file = json!({"steps": [own]});
                let at = if is_step { &mut file["steps"][0] } else { &mut file };
                at[name] = json!(limit + beyond);
                let faults = checked(&file.to_string()).faults;
                assert_eq!(faults.iter().map(|it| it.code).collect::<Vec<_>>(), [FaultCode::WrongValue], "{name}");
                judged += 1;
            }
        }
    }
    assert!(judged > 0);
    let message = |text: &str| checked(&format!("{text}\nsteps: [{{id: a, prompt: p}}]\n")).faults.remove(0).message;
    assert_eq!(message("max_concurrent: 0"), "`max_concurrent`: 0 is not 1 or more");
    assert_eq!(message("budget: $0"), "nothing can be done for $0");
    assert_eq!(message("defaults: {retries: -1}"), "`retries`: -1 is not 0 or more");
    assert_eq!(message("defaults: {retries: 4294967296}"), "`retries`: 4294967296 is beyond what it may be");
}

#[test]
fn texts_stay_texts() {
    let text = "params: {v: {default: 1.10}}\nsteps:\n  - {id: a, prompt: no, model: 1.0, tags: [yes, 007], metadata: {on: off}}\n";
    let (workflow, plan) = valid(text);
    let expected = json!({"prompt": "no", "model": "1.0", "tags": ["yes", "007"], "metadata": {"on": "off"}});
    assert_eq!(Value::Object(workflow.steps[0].fields.clone()), expected);
    assert_eq!(plan.params["v"], "1.10");
}

#[test]
fn a_version_is_no_number() {
    let text = "params: {v: {default: 3.10, enum: [3.9, 3.10]}}\nsteps: [{id: a, prompt: x, matrix: {v: [3.9, 3.10, 007, 8]}}]\n";
    let (workflow, plan) = valid(text);
    assert_eq!(plan.params["v"], "3.10");
    assert_eq!(workflow.params["v"].choices, ["3.9", "3.10"]);
    let ids: Vec<_> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["a[3.9]", "a[3.10]", "a[007]", "a[8]"]);
    let again = checked(&workflow.frozen.to_string());
    assert_eq!(again.plan.unwrap(), plan);
}

const SMALL: &str = "
params: {lenses: {type: list, default: [b, a]}, rounds: {type: integer, default: 2}}
defaults: {backend: demo, model: m, timeout: 5m}
steps:
  - {id: plan, prompt: p}
  - {id: review, prompt: r, needs: [plan], matrix: {lens: '{{ params.lenses }}', os: [x, y]}}
  - {id: fix, prompt: f, needs: ['review[b,x]'], repeat: {until: steps.fix.status == 'done', max: '{{ params.rounds }}'}}
  - {id: tag, kind: command, run: [echo, 1], needs_any: [plan, fix]}
";

#[test]
fn a_matrix_becomes_one_run_for_each_combination() {
    let (workflow, plan) = valid(SMALL);
    let batches: Vec<Vec<&str>> = plan.batches.iter().map(|batch| batch.iter().map(StepId::as_str).collect()).collect();
    let expected =
        vec![vec!["plan"], vec!["review[b,x]", "review[b,y]", "review[a,x]", "review[a,y]"], vec!["fix"], vec!["tag"]];
    assert_eq!(batches, expected);
    assert_eq!(Value::Object(plan.steps[2].matrix.clone()), json!({"lens": "b", "os": "y"}));
    let fix = plan.steps.iter().find(|step| step.id.as_str() == "fix").unwrap();
    assert_eq!((fix.needs.len(), fix.most_runs), (1, Some(2)));
    assert_eq!(
        Value::Object(workflow.steps[0].fields.clone()),
        json!({"prompt": "p", "backend": "demo", "model": "m", "timeout": "5m"})
    );
    assert_eq!(Value::Object(workflow.steps[3].fields.clone()), json!({"timeout": "5m"}));
}

#[test]
fn repairs_go_to_steps_with_checks_and_are_refused_without_one() {
    let text = "
defaults: {verify_retries: 2}
steps:
  - {id: a, prompt: x, verify: [test -f a]}
  - {id: b, prompt: x}
  - {id: c, kind: race, backends: [codex, gemini], prompt: x, verify: [test -f a], verify_retries: 1}
  - {id: d, kind: command, run: [echo], verify: [test -f a]}
";
    let asked: Vec<_> =
        valid(text).0.steps.into_iter().map(|step| step.fields.get("verify_retries").cloned()).collect();
    assert_eq!(asked, [Some(json!(2)), None, Some(json!(1)), None]);
    let faults = "
defaults: {verify_retries: 11}
steps:
  - {id: a, prompt: x, verify_retries: 1}
  - {id: b, prompt: x, verify: [], verify_retries: 99}
  - {id: c, prompt: x, verify_retries: 0}
  - {id: d, kind: command, run: [echo], verify_retries: 1, verify: [test -f a]}
";
    let expected =
        ["2:28 wrong_value", "4:40 contradiction", "5:52 wrong_value", "5:52 contradiction", "7:41 misplaced_key"];
    assert_eq!(told(&checked(faults).faults), expected);
}

#[test]
fn the_digest_is_of_the_meaning_not_of_the_text() {
    let digest = |text: &str| valid(text).1.digest;
    let other = SMALL.replace("prompt: p}", "prompt:   'p'}   # a remark");
    assert_eq!(digest(SMALL), digest(&other));
    assert_ne!(digest(SMALL), digest(&SMALL.replace("prompt: p}", "prompt: q}")));
    let with = checked_with(SMALL, Some(json!({"rounds": 3}))).plan.unwrap().digest;
    assert_ne!(digest(SMALL), with);
}

#[test]
fn a_frozen_definition_reads_as_the_same_workflow() {
    let nested = "steps: [{id: n, kind: workflow, workflow: ok.yaml, params: {t: '{{ env.X }}'}}]\nenv: [X]\noutputs: {o: '{{ steps.n.result.x }}'}\n";
    for text in [SMALL, nested] {
        let (workflow, plan) = valid(text);
        let again = checked(&workflow.frozen.to_string());
        assert_eq!(again.faults, []);
        assert_eq!(again.workflow.unwrap(), workflow);
        assert_eq!(again.plan.unwrap(), plan);
    }
}

#[test]
fn nested_files_are_checked_with_their_own_places_and_cannot_turn_in_circles() {
    let bad = checked("steps: [{id: n, kind: workflow, workflow: bad.yaml}]").faults;
    assert_eq!((bad[0].file.as_deref(), bad[0].line, bad[0].column), (Some("bad.yaml"), Some(2), Some(5)));
    let circle = checked("steps: [{id: n, kind: workflow, workflow: self.yaml}]").faults;
    assert_eq!(circle.iter().map(|fault| fault.code).collect::<Vec<_>>(), [FaultCode::TooDeep]);
}

#[test]
fn json_is_read_like_yaml_also_with_escapes_that_yaml_lacks() {
    let (workflow, _) = valid(
        "{\"steps\": [{\"id\": \"a\", \"prompt\": \"\\ud83d\\ude00 \\/ {{ params.x }}\"}], \"params\": {\"x\": {}}}",
    );
    assert_eq!(workflow.steps[0].fields["prompt"], "😀 / {{ params.x }}");
}

#[test]
fn what_needs_a_value_that_was_not_given_is_told_before_the_start() {
    let steps = |rest: &str| {
        format!(
            "params: {{e: {{}}, l: {{type: list}}, d: {{default: x}}}}\nsteps:\n  - {{id: a, kind: command, {rest}}}\n"
        )
    };
    let codes = |rest: &str, given: Value| told(&checked_with(&steps(rest), Some(given)).faults);
    for fine in [
        "run: [echo, \"{{ params.e | default('E') }}{{ params.d }}\"]",
        "run: [echo, '{{ params.e }}'], when: \"params.e | default('') != ''\"",
        "run: [echo, \"{{ params.e == 'x' }}\"], needs: []",
    ] {
        assert_eq!(codes(fine, json!({})), [""; 0], "{fine}");
        assert_eq!(codes(fine, json!({"e": null})), [""; 0], "{fine}");
    }
    for (rest, expected) in [
        ("run: [echo, '-{{ params.e }}']", "3:45 missing_parameter"),
        ("run: [echo], when: params.e", "3:47 missing_parameter"),
        ("run: [echo], matrix: {x: '{{ params.l }}'}", "3:57 missing_parameter"),
        ("run: [echo], repeat: {max: '{{ params.e }}'}", "3:59 missing_parameter"),
    ] {
        assert_eq!(codes(rest, json!({})), [expected], "{rest}");
        assert_eq!(told(&checked(&steps(rest)).faults), [""; 0], "open: {rest}");
    }
    let fault = checked_with(&steps("run: [echo, '{{ params.e }}']"), Some(json!({}))).faults.remove(0);
    assert_eq!(fault.message, "parameter `e` has no value, and `params.e` needs one");
    let meant = "`--params e=VALUE`, or say what stands for it: `params.e | default('…')`";
    assert_eq!(fault.suggestion.as_deref(), Some(meant));
    // One that does not fit is told once.
    let text = "params: {n: {type: integer}}\nsteps: [{id: a, prompt: '{{ params.n }}'}]\n";
    assert_eq!(told(&checked_with(text, Some(json!({"n": "x"}))).faults), ["1:13 wrong_value"]);
}

#[test]
fn a_nested_workflow_that_needs_what_its_step_does_not_give_is_told_too() {
    let with = |params: &str| {
        let inner = "{params: {e: {}}, steps: [{id: b, kind: command, run: [echo, '{{ params.e }}']}]}";
        told(
            &checked_with(
                &format!(
                    "params: {{o: {{}}}}\nsteps: [{{id: n, kind: workflow, params: {params}, workflow: {inner}}}]"
                ),
                Some(json!({})),
            )
            .faults,
        )
    };
    assert_eq!(with("{}"), ["2:120 missing_parameter"]);
    assert_eq!(with("{e: ~}"), ["2:124 missing_parameter"]);
    assert_eq!(with("{e: x}"), [""; 0]);
    // Left out, so that a default holds; whether there is one is asked when it starts.
    assert_eq!(with("{e: '{{ params.o }}'}"), [""; 0]);
    assert_eq!(with("{e: 'x{{ params.o }}'}"), ["2:50 missing_parameter"]);
}

#[test]
fn a_file_of_tasks_is_read_like_a_workflow_and_its_faults_are_named_as_it_names_them() {
    let object = |value: Value| value.as_object().cloned().unwrap();
    let (set, usual) = (object(json!({"name": "n"})), object(json!({"on_failure": "continue"})));
    let read = |text: &str| checked_source(Source::Tasks(Tasks { text, set: &set, usual: &usual }), None);
    let words = |text: &str| {
        let checked = read(text);
        assert_eq!(checked.faults, [], "{text}");
        checked.workflow.unwrap().frozen
    };
    let item = "- {id: a, kind: command, run: [git, tag, 1.10, 0x1F, 1e3]}";
    let frozen = words(&format!("tasks:\n{item}\n"));
    assert_eq!(frozen["steps"][0]["run"], json!(["git", "tag", "1.10", "0x1F", "1e3"]));
    assert_eq!((&frozen["name"], &frozen["on_failure"]), (&json!("n"), &json!("continue")));
    assert_eq!(words(&format!("{item}\n")), frozen);
    assert_eq!(words(&format!("name: other\nsteps:\n{item}\n")), frozen);
    assert_eq!(words(&format!("on_failure: stop\ntasks:\n{item}\n"))["on_failure"], "stop");
    let places = |text: &str| -> Vec<String> {
        let faults = read(text).faults;
        told(&faults).into_iter().zip(&faults).map(|(told, fault)| format!("{told} {}", fault.path)).collect()
    };
    assert_eq!(places("tasks:\n- {id: a, prompt: x, run: [a]}\n"), ["2:22 misplaced_key tasks[0].run"]);
    assert_eq!(places("- {id: a, prompt: x, run: [a]}\n"), ["1:22 misplaced_key [0].run"]);
    assert_eq!(places("tasks: [{id: a, prompt: x}]\nsteps: [{id: b, prompt: x}]\n"), ["2:1 contradiction steps"]);
    assert_eq!(places("tasks:\n- {id: a, kind: command, run: [a], run: [b]}\n"), ["2:36 duplicate_key tasks[0].run"]);
}

/// A step needs any of those before it in a shuffled file.
fn dag() -> impl Strategy<Value = (Vec<Vec<usize>>, Vec<usize>)> {
    (1_usize..9).prop_flat_map(|count| {
        let needs: Vec<_> = (0..count).map(|at| prop::collection::btree_set(0..at.max(1), 0..=at)).collect();
        let needs = needs.prop_map(|sets| {
            sets.into_iter().enumerate().map(|(at, set)| set.into_iter().filter(|need| *need < at).collect()).collect()
        });
        (needs, Just((0..count).collect::<Vec<_>>()).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn batches_respect_edges_and_hold_every_step_once((needs, order) in dag()) {
        let step = |at: &usize| {
            let needs: Vec<_> = needs[*at].iter().map(|need| format!("s{need}")).collect();
            json!({"id": format!("s{at}"), "prompt": "x", "needs": needs})
        };
        let file = json!({"steps": order.iter().map(step).collect::<Vec<_>>()});
        let (_, plan) = valid(&file.to_string());
        let batch_of = |id: &StepId| plan.batches.iter().position(|batch| batch.contains(id)).unwrap();
        for (from, to) in &plan.edges {
            prop_assert!(batch_of(from) < batch_of(to));
        }
        prop_assert_eq!(plan.batches.iter().flatten().count(), needs.len());
        prop_assert_eq!(plan.edges.len(), needs.iter().map(Vec::len).sum::<usize>());
    }

    #[test]
    fn no_file_makes_it_panic(lines in prop::collection::vec(
        "( {0,6}(- )?(id|needs|steps|params|matrix|when|repeat|max|until|prompt|kind|run|workflow|outputs|env|defaults|backend): ?(\\[a\\]|\\{a: b\\}|a|1|race|command|workflow|wait|approval|\\{\\{ steps.a.b \\}\\}|steps.a.any\\(x\\)|))",
        0..14,
    )) {
        checked(&lines.join("\n"));
    }
}

fn task() -> Vocabulary {
    Vocabulary::of::<TaskFields>()
}

#[test]
fn a_step_about_to_run_is_a_task_with_the_values_in_place() {
    let text = "
params: {n: {type: integer, default: 3}, who: {default: codex}, tags: {type: list, default: [a, b]}}
steps:
  - {id: one, prompt: x}
  - id: two
    needs: [one]
    prompt: 'do: {{ steps.one.output }} for {{ params.who }}'
    backend: '{{ params.who }}'
    priority: '{{ params.n }}'
    tags: '{{ params.tags }}'
    timeout: '{{ params.n }}m'
    output_schema: {type: object, properties: {braces: {const: '{{ x }}'}}}
";
    let (workflow, _) = valid(text);
    let said = StepFacts { output: Some("{{ params.who }}".into()), ..StepFacts::default() };
    let scope = Scope {
        params: json!({"n": 3, "who": "codex", "tags": ["a", "b"]}).as_object().cloned().unwrap(),
        steps: [("one".to_owned(), Facts::One(said))].into(),
        ..Scope::default()
    };
    let mark = &blake3::hash(b"{{ params.who }}").to_hex()[..16];
    let expected = json!({
        "prompt": format!("do: <data of=\"steps.one.output\" mark=\"{mark}\">\n{{{{ params.who }}}}\n</data {mark}> for codex"),
        "backend": "codex", "priority": 3, "tags": ["a", "b"], "timeout": "3m",
        "output_schema": {"type": "object", "properties": {"braces": {"const": "{{ x }}"}}},
    });
    assert_eq!(Value::Object(workflow.steps[1].render(&scope, &task()).unwrap()), expected);
    let mut wrong = scope.clone();
    wrong.params.insert("n".into(), json!("soon"));
    let error = workflow.steps[1].render(&wrong, &task()).unwrap_err();
    assert_eq!(error.to_string(), "`priority`: \"soon\" is not a whole number");
}

#[test]
fn what_was_said_stays_one_word_of_a_command() {
    let (workflow, _) = valid(
        "steps:\n  - {id: a, prompt: x}\n  - {id: b, needs: [a], kind: command, run: [echo, '-{{ steps.a.output }}-']}\n",
    );
    let Action::Command(run) = &workflow.steps[1].action else { panic!() };
    let words = |output: &str| {
        let said = StepFacts { output: Some(output.into()), ..StepFacts::default() };
        run.words(&Scope { steps: [("a".to_owned(), Facts::One(said))].into(), ..Scope::default() })
    };
    assert_eq!(words("a b; $(rm) '\"\n").unwrap().unwrap(), ["echo", "-a b; $(rm) '\"\n-"]);
    assert!(words("a\0b").is_err());
}

#[test]
fn the_graph_is_drawn_from_top_to_bottom() {
    let (workflow, plan) = valid(SMALL);
    let expected = "  1 ─── plan         demo
      │
  2 ┬── review[b,x]  demo     after plan
    ├── review[b,y]  demo     after plan
    ├── review[a,x]  demo     after plan
    └── review[a,y]  demo     after plan
      │
  3 ─── fix          demo     after review[b,x], at most 2 times
      │
  4 ─── tag          command  after any of plan or fix
";
    let drawing = Drawing::of(&workflow, &plan);
    assert_eq!(drawing.to_text(100), expected);
    assert!(drawing.to_text(30).lines().all(|line| line.chars().count() <= 30));
    let mermaid = mermaid(&workflow, &plan);
    assert!(mermaid.starts_with("flowchart TD\n  s0[\"plan<br>demo\"]\n"), "{mermaid}");
    assert!(mermaid.ends_with("  s1 --> s5\n  s0 -.-> s6\n  s5 -.-> s6\n"), "{mermaid}");
}

const NESTED: &str = "
env: [HOME_OF_IT, UNUSED]
params: {n: {type: integer}}
steps:
  - {id: say, prompt: p}
  - id: in
    kind: workflow
    needs: [say]
    repeat: {until: \"steps.in.result.word == env.HOME_OF_IT\", max: 2}
    params: {typed: '{{ params.n }}', text: 'n {{ params.n }}', said: '{{ steps.say.output }}', fixed: '1', open: '{{ params.n }}'}
    workflow:
      env: [INNER, OTHER]
      params: {typed: {type: integer}, text: {}, said: {}, fixed: {}, open: {type: integer, default: 3}}
      steps: [{id: a, prompt: '{{ params.said }} {{ params.text }} {{ env.INNER }}'}]
      outputs: {word: '{{ steps.a.output }}', other: '{{ steps.a.status }}'}
";

#[test]
fn what_is_asked_of_a_nested_workflow_is_known_from_its_outputs() {
    let with = |asked: &str| checked(&format!("{NESTED}outputs: {{o: '{{{{ steps.in.{asked} }}}}'}}\n")).faults;
    let first = |asked: &str| {
        let fault = with(asked).remove(0);
        (fault.message, fault.suggestion.unwrap_or_default())
    };
    for fine in ["result.word", "result.other", "output", "status", "diff", "files", "result"] {
        assert_eq!(with(fine), [], "{fine}");
    }
    let told = |message: &str, suggestion: &str| (message.to_owned(), suggestion.to_owned());
    let expected = told("the workflow in `in` has no output `wrd`", "did you mean `word`?");
    assert_eq!(first("result.wrd"), expected);
    let expected = told("a nested workflow has no `backend`", "there are diff, files, output, result, status");
    assert_eq!(first("backend"), expected);
    let silent = "steps: [{id: in, kind: workflow, workflow: {steps: [{id: a, prompt: p}]}}]\noutputs: {o: '{{ steps.in.output }}'}\n";
    assert_eq!(checked(silent).faults[0].message, "the workflow in `in` has no `outputs`");
}

#[test]
fn a_nested_workflow_gets_values_with_their_types_and_who_said_them() {
    let (workflow, _) = valid(NESTED);
    let Action::Workflow { params, definition } = &workflow.steps[1].action else { panic!() };
    let said = StepFacts { output: Some("{{ x }}".into()), ..StepFacts::default() };
    let scope = Scope {
        params: json!({"n": 3}).as_object().cloned().unwrap(),
        steps: [("say".to_owned(), Facts::One(said))].into(),
        ..Scope::default()
    };
    let given = handed(params, &scope).unwrap();
    let expected = json!({"typed": 3, "text": "n 3", "said": "{{ x }}", "fixed": "1", "open": 3});
    assert_eq!((Value::Object(given.params.clone()), given.said.clone()), (expected, ["said".to_owned()].into()));
    // What has no value leaves room for the default.
    let none = Scope { params: json!({"n": null}).as_object().cloned().unwrap(), ..scope.clone() };
    assert!(handed(params, &none).unwrap_err().to_string().starts_with("`params.text`: `params.n` has no value"));
    let open = json!({"open": "{{ params.n }}"}).as_object().cloned().unwrap();
    assert_eq!(handed(&open, &none).unwrap().params, Map::new());
    // Below, it stands between marks as it would have above.
    let below = Scope {
        params: given.params,
        said: given.said,
        env: [("INNER".to_owned(), "E".to_owned())].into(),
        ..Scope::default()
    };
    let mark = &blake3::hash(b"{{ x }}").to_hex()[..16];
    let expected = format!("<data of=\"params.said\" mark=\"{mark}\">\n{{{{ x }}}}\n</data {mark}> n 3 E");
    assert_eq!(definition.steps[0].render(&below, &task()).unwrap()["prompt"], expected);
}

#[test]
fn only_variables_that_something_names_are_used() {
    let (workflow, _) = valid(NESTED);
    let names = |set: std::collections::BTreeSet<&str>| set.into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names(workflow.declared_env()), "HOME_OF_IT INNER OTHER UNUSED");
    assert_eq!(names(workflow.used_env()), "HOME_OF_IT INNER");
    let (open, _) = valid("env: [A, B]\nparams: {n: {}}\nsteps: [{id: a, prompt: '{{ env[params.n] }}'}]\n");
    assert_eq!(names(open.used_env()), "A B");
    let early = "env: [A]\nsteps: [{id: a, prompt: p, matrix: {x: '{{ env.A }}'}}]\n";
    assert_eq!(checked(early).faults[0].message, "here only parameters are known");
    let (fine, _) = valid("env: [A]\ndefaults: {model: '{{ env.A }}'}\nsteps: [{id: a, prompt: p}]\n");
    assert_eq!(names(fine.used_env()), "A");
}

#[test]
fn what_would_only_be_refused_later_is_a_fault() {
    let first = |step: &str| {
        let fault = checked(&format!("steps: [{{id: a, {step}}}]")).faults.remove(0);
        (fault.line, fault.code, fault.suggestion)
    };
    let expires = Some("use `expires`: how long it waits for an answer".to_owned());
    assert_eq!(first("kind: approval, message: go, timeout: 5m"), (Some(1), FaultCode::MisplacedKey, expires));
    for step in
        ["kind: wait, for: 1s, timeout: 5m", "kind: workflow, workflow: {steps: [{id: b, prompt: p}]}, timeout: 5m"]
    {
        assert_eq!(first(step).1, FaultCode::MisplacedKey, "{step}");
    }
    for step in [
        "prompt: ''",
        "prompt: \"a\\0b\"",
        "prompt: \"{{ params.x }}\\0b\"",
        "kind: race, backends: [codex, gemini], prompt: ' '",
        "kind: command, run: ['']",
        "kind: command, run: '', shell: true",
        "kind: command, run: [echo, \"a\\0\"]",
        "kind: approval, message: ''",
    ] {
        assert_eq!(first(step).1, FaultCode::WrongValue, "{step}");
    }
    let file = |line: &str| told(&checked(&format!("{line}\nsteps: [{{id: a, prompt: p}}]")).faults);
    assert_eq!(file("env: [GOOD, 'BAD NAME', '']"), ["1:13 bad_id", "1:25 bad_id"]);
    assert_eq!(file("params: {n: {type: integer, enum: [1, b]}}"), ["1:39 wrong_type"]);
    assert_eq!(file("params: {n: {enum: []}}"), ["1:20 wrong_value"]);
    // As a default it is meant for what runs.
    let text =
        "defaults: {timeout: 5m}\nsteps: [{id: a, kind: approval, message: go}, {id: b, kind: command, run: [b]}]";
    let fields: Vec<_> = valid(text).0.steps.into_iter().map(|step| Value::Object(step.fields)).collect();
    assert_eq!(fields, [json!({}), json!({"timeout": "5m"})]);
}

#[test]
fn a_demo_says_what_it_does_otherwise() {
    assert_eq!(Support::of(&valid(NESTED).0, false), Support::default());
    assert_eq!(Support::of(&valid(NESTED).0, true).notes, ["`repeat` of step `in`: it runs once"]);
    let asked = "steps: [{id: a, kind: approval, message: go, repeat: {max: 2}}]";
    assert_eq!(told(&checked(asked).faults), ["1:46 misplaced_key"]);
}

#[test]
fn a_nested_workflow_is_drawn_with_its_size() {
    let (workflow, plan) = valid(NESTED);
    let expected = "  1 ─── say  agent\n      │\n  2 ─── in   nested: 1 step  after say, at most 2 times\n";
    assert_eq!(Drawing::of(&workflow, &plan).to_text(100), expected);
}
