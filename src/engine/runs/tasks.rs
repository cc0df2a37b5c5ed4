//! From a step to its task: the fields with their values in place, and the submit under the name of the turn.

use serde_json::Value;

use super::{Frozen, Loaded, StepMaker, agents::pass_over, change, driver::ask_of};
use crate::{
    backends::COMMAND,
    core::{BackendName, Money, Run, RunStep, StepStatus, TaskSpec},
    engine::{Engine, EngineError},
    store::StepChange,
    workflow::{self, Action, Insertion, Part, PlannedStep, Scope, Step},
};

/// A text in a demo's prompt.
const DEMO_WORDS: usize = 200;

/// How a step becomes a task, and the most money that it may spend.
#[derive(Clone, Copy)]
pub(super) struct Making {
    pub maker: StepMaker,
    pub cap: Option<Money>,
}

impl Engine {
    pub(super) fn submit_step(
        &self,
        run: &Run,
        loaded: &Loaded,
        row: &RunStep,
        planned: &PlannedStep,
        scope: &Scope,
        making: Making,
    ) -> Result<StepChange, EngineError> {
        let Making { maker, cap } = making;
        let step = &loaded.workflow.steps[planned.step];
        let failed = |why: String| Ok(change(row, StepStatus::Failed, Some(why)));
        // The settings are those of the run's directory, as they are now.
        let mut engine = self.at(Some(&loaded.frozen.working_dir))?;
        engine.starts_keepers = self.starts_keepers;
        let (fields, command) = match fields_of(&engine, step, planned, &loaded.frozen, scope, maker) {
            Ok(fields) => fields,
            Err(why) => return failed(why),
        };
        let mut ask = match (maker.ask)(&engine, fields) {
            Ok(ask) => ask,
            Err(why) => return failed(why),
        };
        if let Err(why) = within(&loaded.frozen, &ask.spec) {
            return failed(why);
        }
        ask.request_id = Some(ask_of(run, row));
        ask.allow_duplicate = true;
        // The one who asked for the run, whoever has started this process.
        ask.asked_by.clone_from(&loaded.frozen.asked_by);
        ask.spec.command = command;
        ask.spec.budget = ask.spec.budget.into_iter().chain(cap).min();
        ask.spec.lineage.workflow = Some(run.id.clone());
        ask.spec.lineage.step = Some(row.step.clone());
        if let Part::Racer { race, .. } = &planned.part {
            ask.spec.lineage.race = Some(loaded.plan.steps[*race].id.to_string());
        }
        ask.spec.label.get_or_insert_with(|| row.step.clone());
        match engine.submit(ask) {
            Ok(submitted) => {
                crate::os::failpoint::hit("driver.after_submit");
                let task = Some(submitted.task.id);
                Ok(StepChange { task, ..change(row, StepStatus::Running, None) })
            }
            Err(error) if may_pass(&error) => Err(error),
            Err(error) => failed(error.to_string()),
        }
    }

    /// Returns a backend that is ready and is not this one.
    fn another_backend(&self, unwanted: &str) -> Result<BackendName, EngineError> {
        self.present_backends().into_iter().find(|name| name.as_str() != unwanted).ok_or_else(|| {
            EngineError::BackendMissing {
                message: format!("no other agent than `{unwanted}` is ready here"),
                hint: "`mgr doctor` prints how to install one".into(),
            }
        })
    }
}

/// Links may have been put elsewhere since the start, and a directory may be what a step has said: looked at last.
fn within(frozen: &Frozen, spec: &TaskSpec) -> Result<(), String> {
    let Some(bounds) = &frozen.bounds else { return Ok(()) };
    let mut paths = std::iter::once(&spec.working_dir).chain(&spec.include_files);
    paths.try_for_each(|path| bounds.check(path)).map_err(|error| match error {
        EngineError::Blocked { message, hint } => format!("{message}; {hint}"),
        error => error.to_string(),
    })
}

type Fields = serde_json::Map<String, Value>;

/// Returns the fields of a step's task, and its program where it has one.
fn fields_of(
    engine: &Engine,
    step: &Step,
    planned: &PlannedStep,
    frozen: &Frozen,
    scope: &Scope,
    maker: StepMaker,
) -> Result<(Fields, Vec<String>), String> {
    let mut fields = step.render(scope, (maker.vocabulary)()).map_err(|error| error.to_string())?;
    let mut command = Vec::new();
    if let Action::Command(run) = &step.action {
        command = words_of(run, scope)?;
        fields.insert("prompt".into(), Value::from(command.join(" ")));
        fields.insert("backend".into(), Value::from(COMMAND.as_str()));
    }
    if let Part::Racer { backend, .. } = &planned.part {
        fields.insert("backend".into(), Value::from(backend.as_str()));
    }
    if frozen.demo {
        command.clear();
        let fields = demo_fields(&fields, &planned.id.to_string(), matches!(step.action, Action::Command(_)));
        return Ok((at_home(fields, frozen), command));
    }
    if let Some(template) = &step.backend_not {
        let unwanted =
            template.render(scope, Insertion::plain()).map_err(|error| format!("`backend`: {}", error.message))?;
        let other = engine.another_backend(&unwanted).map_err(|error| error.to_string())?;
        fields.insert("backend".into(), Value::from(other.as_str()));
    }
    pass_over(engine, &mut fields);
    let mut fields = at_home(fields, frozen);
    if planned.part.is_racer() {
        set_apart(engine, &mut fields)?;
    }
    Ok((fields, command))
}

/// Gives a racer that writes a directory of its own.
fn set_apart(engine: &Engine, fields: &mut Fields) -> Result<(), String> {
    if fields.get("posture").is_some_and(|posture| posture == "read_only") {
        return Ok(());
    }
    if fields.get("isolate").is_some_and(|isolate| isolate == "none") {
        return Err("racers that write cannot work in the same directory: leave `isolate: none` out".into());
    }
    let dir = fields.get("working_dir").and_then(Value::as_str).unwrap_or_default();
    let own_place = serde_json::to_value(engine.own_place(dir.into())).map_err(|error| error.to_string())?;
    fields.entry("isolate").or_insert(own_place);
    Ok(())
}

fn words_of(run: &workflow::Run, scope: &Scope) -> Result<Vec<String>, String> {
    match run {
        workflow::Run::Shell(line) => Ok(vec!["sh".into(), "-c".into(), line.clone()]),
        workflow::Run::Words(_) => Ok(run.words(scope).map_err(|error| error.to_string())?.unwrap_or_default()),
    }
}

/// Every agent is the scripted one; it only looks, and says what it was asked.
fn demo_fields(fields: &Fields, step: &str, is_command: bool) -> Fields {
    let keeps = ["output_schema", "timeout", "tags", "label", "metadata", "priority", "working_dir"];
    let mut demo: Fields = fields
        .iter()
        .filter(|(name, _)| keeps.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let asked = fields.get("prompt").and_then(Value::as_str).unwrap_or_default();
    let line = asked.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let line = &line[..line.floor_char_boundary(DEMO_WORDS)];
    let what = if is_command { "would run" } else { "was asked" };
    demo.insert("prompt".into(), Value::from(format!("say: {step} {what}: {line}")));
    demo.insert("backend".into(), Value::from("demo"));
    demo.insert("posture".into(), Value::from("read_only"));
    demo
}

/// Paths of a workflow are relative to the directory it runs in; its tasks belong to the run's loaf.
fn at_home(mut fields: Fields, frozen: &Frozen) -> Fields {
    if let Some(loaf) = &frozen.loaf_id
        && let Value::Object(metadata) = fields.entry("metadata").or_insert_with(|| Value::Object(Fields::new()))
    {
        metadata.entry("loaf_id").or_insert_with(|| Value::from(loaf.as_str()));
    }
    let rooted = |path: &str| Value::from(frozen.working_dir.join(path).into_string());
    let dir = fields.get("working_dir").and_then(Value::as_str).map_or_else(|| rooted(""), rooted);
    fields.insert("working_dir".into(), dir);
    if let Some(Value::Array(files)) = fields.get_mut("include_files") {
        for file in files {
            *file = file.as_str().map_or(Value::Null, rooted);
        }
    }
    fields
}

/// Whether the same submit may go well later: nothing about the step itself is wrong then.
pub(super) fn may_pass(error: &EngineError) -> bool {
    match error {
        EngineError::Store(_) | EngineError::Helper(_) => true,
        EngineError::File(error) => error.is_disk_full(),
        EngineError::Archive(error) => error.is_disk_full(),
        // Everything else is about the step.
        _ => false,
    }
}
