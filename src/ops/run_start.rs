//! Starting a run: from a workflow that was found to one that is on its way.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    AbsolutePath, Call, Code, Exit, OpError, Render, named::Found, run_bounds, run_news::attend, run_views::RunView,
    step_maker::task_vocabulary, submit::no_working_dir, workflow::notes_on_money,
};
use crate::{
    core::{RunId, RunStep, TaskRef, TemplateName},
    engine::{Frozen, ReuseAsk, RunAsk},
    ui::{Page, plural},
    workflow::{Checked, Fault, Plan, Support, Workflow},
};

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkflowRunOutput {
    pub workflow_id: RunId,
    /// The run as it stands when the call returns.
    pub run: RunView,
    #[serde(skip)]
    detached: bool,
}

/// A workflow that was checked, about to be run.
pub(super) struct Start {
    pub name: String,
    pub checked: Checked,
    pub file: Option<AbsolutePath>,
    pub template: Option<TemplateName>,
    pub working_dir: Option<AbsolutePath>,
    pub demo: bool,
    pub unattended: bool,
    pub request_id: Option<String>,
    pub from_step: Option<String>,
    pub reuse: Option<TaskRef>,
    pub loaf_id: Option<String>,
}

impl Start {
    /// Checks a workflow that was found, with these values of its parameters; how it is to run is left to say.
    pub fn of(call: &Call<'_>, found: Found, params: &Map<String, Value>) -> Self {
        Self {
            checked: found.check(call, Some(params)),
            name: found.shown,
            file: found.file.map(AbsolutePath),
            template: found.template,
            working_dir: None,
            demo: false,
            unattended: false,
            request_id: None,
            from_step: None,
            reuse: None,
            loaf_id: None,
        }
    }
}

/// Starts a run; returns it as it stands at once, or when there is nothing more to wait for.
///
/// # Errors
/// It is no workflow that can run here, or it cannot be kept.
pub(super) async fn start_and_wait(call: &Call<'_>, start: Start, wait: bool) -> Result<WorkflowRunOutput, OpError> {
    let (workflow_id, notes) = take_on(call, &start)?;
    if wait {
        attend(call, &workflow_id).await?;
    } else {
        call.engine.reconcile()?;
    }
    let mut run = RunView::of(call, &call.engine.run_state(&workflow_id)?)?;
    run.notes.splice(..0, notes);
    Ok(WorkflowRunOutput { workflow_id, run, detached: !wait })
}

fn take_on(call: &Call<'_>, start: &Start) -> Result<(RunId, Vec<String>), OpError> {
    let (Some(workflow), Some(plan)) = (&start.checked.workflow, &start.checked.plan) else {
        return Err(invalid(&start.name, &start.checked.faults, 10));
    };
    let notes = notes(call, workflow, start.demo);
    let working_dir = working_dir(start.working_dir.as_ref())?;
    run_bounds::admit(call, workflow, &working_dir)?;
    let name = workflow.name.clone().unwrap_or_else(|| stem(&start.name));
    let reuse = start.reuse.as_ref().map(|run| call.engine.resolve_run(run)).transpose()?;
    let frozen = frozen(call, start, working_dir, workflow, plan)?;
    // What was started before has taken over then what it could.
    let is_known = match &start.request_id {
        Some(request_id) => call.engine.run_of_request(request_id)?.is_some(),
        None => false,
    };
    let wants_reuse = !is_known && (reuse.is_some() || start.from_step.is_some());
    let taken = if wants_reuse {
        let (run, from_step) = (reuse.as_ref(), start.from_step.as_deref());
        let ask = ReuseAsk { name: &name, frozen: &frozen, workflow, plan, run, from_step };
        call.engine.taken_over(&ask, task_vocabulary())?
    } else {
        Vec::new()
    };
    if !is_known && !frozen.demo {
        must_be_manned(call, &start.name, workflow, plan, &frozen, &taken)?;
    }
    let id = call.engine.start_run(&RunAsk {
        name: &name,
        frozen: &frozen,
        plan,
        request_id: start.request_id.as_deref(),
        parent: None,
        taken: &taken,
    })?;
    call.progress.line(&format!("workflow {id}"));
    Ok((id, notes))
}

/// Returns what is to be said about a run of this workflow.
fn notes(call: &Call<'_>, workflow: &Workflow, demo: bool) -> Vec<String> {
    let mut notes = Support::of(workflow, demo).notes;
    if !demo {
        notes.extend(notes_on_money(call, workflow));
    }
    notes
}

/// Returns what the run keeps of its start.
fn frozen(
    call: &Call<'_>,
    start: &Start,
    working_dir: Utf8PathBuf,
    workflow: &Workflow,
    plan: &Plan,
) -> Result<Frozen, OpError> {
    let policy = call.engine.at(Some(&working_dir))?.config().unattended;
    Ok(Frozen {
        v: 1,
        params: plan.params.clone(),
        said: Vec::new(),
        working_dir,
        demo: start.demo,
        file: start.file.as_ref().map(|file| file.0.clone()),
        template: start.template.as_ref().map(TemplateName::to_string),
        env: env_of(call, workflow)?,
        loaf: loaf_of(call, workflow, start.loaf_id.as_deref())?,
        loaf_id: start.loaf_id.clone(),
        unattended: start.unattended,
        asked_by: call.engine.asking_task(),
        policy: Some(policy),
        bounds: call.engine.bounds().cloned(),
        digest: plan.digest.clone(),
        workflow: workflow.frozen.clone(),
    })
}

/// Refuses a run of which it is known already that nobody here can do a step of it.
fn must_be_manned(
    call: &Call<'_>,
    name: &str,
    workflow: &Workflow,
    plan: &Plan,
    frozen: &Frozen,
    taken: &[RunStep],
) -> Result<(), OpError> {
    let engine = call.engine.at(Some(&frozen.working_dir))?;
    let done: BTreeSet<&str> = taken.iter().map(|row| row.step.as_str()).collect();
    let unmanned = engine.unmanned(workflow, plan, &done);
    if unmanned.is_empty() {
        return Ok(());
    }
    let count = plural(unmanned.len() as u64, "step");
    let mut error =
        OpError::new(Code::BackendMissing, format!("no agent here can do {count} of `{name}`; nothing was started"));
    error.causes = unmanned.into_iter().map(|one| format!("step `{}` {}", one.step, one.why)).collect();
    Err(error.hint("`mgr doctor` prints how to install one; `--demo` tries it out without any"))
}

/// Reads the variables that a workflow and those in it declare, here and now: the process that drives it may have
/// others. Those that nothing names are not kept.
fn env_of(call: &Call<'_>, workflow: &Workflow) -> Result<Map<String, Value>, OpError> {
    let value = |name: &str| call.engine.env_value(name);
    let declared = workflow.declared_env().into_iter();
    let missing: Vec<_> = declared.filter(|name| value(name).is_none()).map(|name| format!("`{name}`")).collect();
    if !missing.is_empty() {
        let message =
            format!("the workflow declares `env`, and not set here: {}; nothing was started", missing.join(", "));
        return Err(OpError::invalid(message).hint("set each in the environment to a text that is not empty"));
    }
    let kept = workflow.used_env().into_iter().filter_map(|name| Some((name.to_owned(), Value::from(value(name)?))));
    Ok(kept.collect())
}

/// Reads the loaf that a workflow asks for. What changes in it later is for later runs.
fn loaf_of(call: &Call<'_>, workflow: &Workflow, id: Option<&str>) -> Result<Option<Map<String, Value>>, OpError> {
    let used = workflow.used_loaf();
    if !used.is_open && used.names.is_empty() {
        return Ok(None);
    }
    let id = id.ok_or_else(|| {
        OpError::invalid("the workflow asks for `loaf`, and none was given; nothing was started")
            .hint("name it with `loaf_id` (`--loaf-id NAME`)")
    })?;
    let loaf = call.engine.loaf(id)?;
    let missing = used.names.iter().filter(|name| !loaf.contains_key(*name));
    let missing: Vec<_> = missing.map(|name| format!("`{name}`")).collect();
    if missing.is_empty() {
        return Ok(Some(loaf));
    }
    let (missing, known) = (missing.join(", "), loaf.keys().map(String::as_str).collect::<Vec<_>>().join(", "));
    Err(OpError::invalid(format!("loaf `{id}` has no {missing}, which the workflow asks for; nothing was started"))
        .hint(format!("it has {known}")))
}

/// The command line works where it is called.
pub(super) fn or_here(given: Option<AbsolutePath>) -> Result<Option<AbsolutePath>, OpError> {
    given.map_or_else(|| ".".parse().map_err(OpError::invalid), Ok).map(Some)
}

fn working_dir(given: Option<&AbsolutePath>) -> Result<Utf8PathBuf, OpError> {
    let dir = given.ok_or_else(no_working_dir)?.0.clone();
    if !dir.is_dir() {
        return Err(OpError::invalid(format!("`{dir}` is not a directory")).hint("give an existing one"));
    }
    Ok(dir)
}

/// A run is named after its file where it has no name.
fn stem(name: &str) -> String {
    let file = Utf8Path::new(name);
    match file.extension() {
        Some("yaml" | "yml" | "json") => file.file_stem().unwrap_or(name).to_owned(),
        Some(_) | None => file.file_name().unwrap_or(name).to_owned(),
    }
}

/// Returns the error of a faulty workflow with at most so many of its faults.
pub(super) fn invalid(name: &str, faults: &[Fault], most: usize) -> OpError {
    let mut error =
        OpError::invalid(format!("`{name}` has {}; nothing was started", plural(faults.len() as u64, "fault")));
    for fault in faults.iter().take(most) {
        let file = fault.file.as_ref().map(|file| format!("{file}:"));
        let place = match (fault.line, fault.column, file) {
            (Some(line), Some(column), file) => format!("{}{line}:{column}: ", file.unwrap_or_default()),
            (_, _, Some(file)) => format!("{file} "),
            (_, _, None) => String::new(),
        };
        let path = if fault.path.is_empty() { String::new() } else { format!(" (at `{}`)", fault.path) };
        let meant = fault.suggestion.as_ref().map(|meant| format!("; {meant}")).unwrap_or_default();
        error.causes.push(format!("{place}{}{path}{meant}", fault.message));
    }
    if faults.len() > most {
        return error.hint(format!("these are the first {most}: `mgr workflow validate` shows all of them"));
    }
    error
}

impl Render for WorkflowRunOutput {
    fn render(&self, page: &mut Page) {
        if self.detached {
            page.line(self.workflow_id.as_str());
        } else {
            self.run.render(page);
        }
    }

    fn exit(&self) -> Exit {
        if self.detached { Exit::Success } else { self.run.exit }
    }
}
