//! The driver of workflow runs: notes ends, decides, starts what is next.
//!
//! Must run in one process at a time, the ticker, and may do anything twice: a step's task is submitted under
//! the name RUN/STEP/TURN, which the store keeps unique, so a crash between a submit and the note of it gives the
//! same task again. What is decided hangs on what is stored alone.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Engine, EngineError, StepMaker,
    runs::{Frozen, Loaded, change, ending},
};
use crate::{
    backends::COMMAND,
    core::{BackendName, Posture, Run, RunStatus, RunStep, Span, Status, StepStatus, Task, Timestamp},
    os::clock,
    store::StepChange,
    workflow::{self, Act, Action, Facts, Insertion, PlannedStep, Reference, Scope, Step, StepFacts, Until, advance},
};

/// So many starts, then other runs and the ticker's own work have their turn.
const STARTS_AT_ONCE: usize = 64;
/// After an error that may pass, such as a full disk.
const AGAIN_AFTER: Span = Span::from_secs(2);
/// A text in a demo's prompt.
const DEMO_WORDS: usize = 200;

impl Engine {
    /// Drives every run that has something to do. The ticker's work.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) fn drive_runs(&self) -> Result<(), EngineError> {
        let Some(maker) = self.step_maker else { return Ok(()) };
        for id in self.store.read(|view| view.runs_to_drive(clock::now()))? {
            let state = self.run_state(&id)?;
            if let Err(error) = self.drive(&state.run, state.steps, maker) {
                tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "cannot be driven");
                let again = clock::now().plus(AGAIN_AFTER);
                let status = state.run.status;
                self.store.write(|writing| {
                    writing.keep_run(&state.run, status, Some(again), clock::now()).map_err(EngineError::from)
                })?;
            }
        }
        Ok(())
    }

    fn drive(&self, run: &Run, mut steps: Vec<RunStep>, maker: StepMaker) -> Result<(), EngineError> {
        let now = clock::now();
        let mut changes = self.ended_steps(&steps, now)?;
        take(&mut steps, &changes);
        let (status, due_at) = match run.status {
            RunStatus::Running => match self.definition(run, &(maker.vocabulary)()) {
                Ok(loaded) => self.go_on(run, &loaded, &mut steps, &mut changes, maker)?,
                Err(error) => (give_up(&error, &mut steps, &mut changes), None),
            },
            RunStatus::Cancelled => self.wind_down(run, &steps, &mut changes)?,
            RunStatus::Done | RunStatus::Failed => (run.status, None),
        };
        let has_skipped = changes.iter().any(|change| change.status == StepStatus::Skipped);
        if has_skipped || status.is_terminal() || run.revision > 0 {
            self.end_strays(run, &steps)?;
        }
        crate::os::failpoint::hit("driver.before_note");
        self.store.write(|writing| {
            writing.change_steps(&run.id, &changes)?;
            writing.keep_run(run, status, due_at, clock::now())?;
            Ok::<_, EngineError>(())
        })?;
        self.poke();
        Ok(())
    }

    /// Returns what became of the steps whose task or time is over.
    pub(super) fn ended_steps(&self, steps: &[RunStep], now: Timestamp) -> Result<Vec<StepChange>, EngineError> {
        let mut changes = Vec::new();
        for step in steps.iter().filter(|step| step.status == StepStatus::Running) {
            let Some(id) = &step.task else {
                if step.due_at.is_some_and(|due| due <= now) {
                    changes.push(change(step, StepStatus::Done, None));
                }
                continue;
            };
            match self.store.read(|view| view.task(id))? {
                Some(task) => changes.extend(end_of(&task).map(|(status, reason)| change(step, status, reason))),
                None => changes.push(change(step, StepStatus::Failed, Some("its task was removed".into()))),
            }
        }
        Ok(changes)
    }

    /// Does what is to be done; returns where the run stands then, and when to look again by itself.
    fn go_on(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &mut [RunStep],
        changes: &mut Vec<StepChange>,
        maker: StepMaker,
    ) -> Result<(RunStatus, Option<Timestamp>), EngineError> {
        let mut starts = 0;
        loop {
            let states: Vec<StepStatus> = steps.iter().map(|step| step.status).collect();
            let acts = {
                let mut holds = |place: usize| self.holds(loaded, steps, place);
                advance(&loaded.workflow, &loaded.plan, &states, &mut holds)
            };
            // A start that is over at once (a wait of nothing, a prompt that cannot be filled in) may let others go.
            let mut is_settled = true;
            for act in acts {
                let one = match act {
                    Act::Finish(status) => return Ok((status, None)),
                    Act::Start(_) if starts >= STARTS_AT_ONCE => return Ok((RunStatus::Running, Some(Timestamp(0)))),
                    Act::Start(place) => {
                        starts += 1;
                        self.start_step(run, loaded, steps, place, maker)?
                    }
                    Act::Skip { step, why } => change(&steps[step], StepStatus::Skipped, Some(why)),
                    Act::Pass { step, why } => change(&steps[step], StepStatus::NotNeeded, Some(why)),
                    Act::Fail { step, why } => change(&steps[step], StepStatus::Failed, Some(why)),
                };
                is_settled &= !one.status.is_over();
                let one = [one];
                take(steps, &one);
                changes.extend(one);
            }
            if is_settled {
                let waits = steps.iter().filter(|step| step.status == StepStatus::Running);
                return Ok((RunStatus::Running, waits.filter_map(|step| step.due_at).min()));
            }
        }
    }

    /// Ends tasks that no step is waiting for: a crash came between their submit and its note, and meanwhile the
    /// step was skipped, or asked to run once more on newer ground.
    fn end_strays(&self, run: &Run, steps: &[RunStep]) -> Result<(), EngineError> {
        let live = self.store.read(|view| view.live_tasks_of_run(&run.id))?;
        let is_stray = |task: &&Task| !steps.iter().any(|step| step.task_at_work() == Some(&task.id));
        let strays: Vec<_> = live.iter().filter(is_stray).map(|task| ending(&task.id)).collect();
        if !strays.is_empty() {
            self.settle(strays)?;
        }
        Ok(())
    }

    /// Ends what a cancelled run has left, wherever a crash has cut the cancellation.
    fn wind_down(
        &self,
        run: &Run,
        steps: &[RunStep],
        changes: &mut Vec<StepChange>,
    ) -> Result<(RunStatus, Option<Timestamp>), EngineError> {
        let live = self.store.read(|view| view.live_tasks_of_run(&run.id))?;
        self.settle(live.iter().map(|task| ending(&task.id)).collect())?;
        let open = steps.iter().filter(|step| !step.status.is_over() && step.task_at_work().is_none());
        changes.extend(open.map(|step| change(step, StepStatus::Cancelled, Some("the run was cancelled".into()))));
        let due = (!live.is_empty()).then(|| clock::now().plus(AGAIN_AFTER));
        Ok((RunStatus::Cancelled, due))
    }

    fn holds(&self, loaded: &Loaded, steps: &[RunStep], place: usize) -> Result<bool, String> {
        let planned = &loaded.plan.steps[place];
        let workflow::When::Holds(condition) = &loaded.workflow.steps[planned.step].when else { return Ok(true) };
        let scope =
            self.scope(loaded, steps, Some(planned), &condition.references).map_err(|error| error.to_string())?;
        condition.holds(&scope).map_err(|error| error.message)
    }

    /// Starts a step; what is wrong with the step itself becomes its end.
    fn start_step(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &[RunStep],
        place: usize,
        maker: StepMaker,
    ) -> Result<StepChange, EngineError> {
        let planned = &loaded.plan.steps[place];
        let step = &loaded.workflow.steps[planned.step];
        let row = &steps[place];
        let scope = self.scope(loaded, steps, Some(planned), &step.references())?;
        let demo = loaded.frozen.demo;
        let failed = |why: String| Ok(change(row, StepStatus::Failed, Some(why)));
        match &step.action {
            Action::Wait(_) | Action::Approval { .. } if demo => {
                Ok(change(row, StepStatus::Done, Some("in a demo nobody is asked or waited for".into())))
            }
            Action::Wait(until) => match end_of_wait(until, &scope, clock::now()) {
                Ok(due_at) => Ok(StepChange { due_at: Some(due_at), ..change(row, StepStatus::Running, None) }),
                Err(why) => failed(why),
            },
            Action::Approval { message } => match message.render(&scope, Insertion::plain()) {
                Ok(message) => {
                    let digest = self.reviewed(loaded, steps, planned)?;
                    let question = Some(format!("{digest}\n{message}"));
                    Ok(StepChange { question, ..change(row, StepStatus::Held, None) })
                }
                Err(error) => failed(format!("`message`: {}", error.message)),
            },
            Action::Agent | Action::Command(_) => self.submit_step(run, loaded, row, planned, &scope, maker),
            Action::Race { .. } if demo => self.submit_step(run, loaded, row, planned, &scope, maker),
            Action::Race { .. } | Action::Workflow { .. } => {
                failed(format!("steps of kind {} cannot be run yet", step.action.kind().as_str()))
            }
        }
    }

    fn submit_step(
        &self,
        run: &Run,
        loaded: &Loaded,
        row: &RunStep,
        planned: &PlannedStep,
        scope: &Scope,
        maker: StepMaker,
    ) -> Result<StepChange, EngineError> {
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
        ask.request_id = Some(format!("{}/{}/{}", run.id, row.step, row.turn));
        ask.allow_duplicate = true;
        ask.spec.command = command;
        ask.spec.lineage.workflow = Some(run.id.clone());
        ask.spec.lineage.step = Some(row.step.clone());
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

    /// Returns what names mean to a step: only what it refers to is looked up.
    fn scope(
        &self,
        loaded: &Loaded,
        steps: &[RunStep],
        own: Option<&PlannedStep>,
        references: &[Reference],
    ) -> Result<Scope, EngineError> {
        let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
        for reference in references {
            let (name, fact) = match (&reference.member_of, reference.path.as_slice()) {
                (Some(step), [fact, ..]) => (step.as_str(), Some(fact.as_str())),
                (None, [root, step, rest @ ..]) if root == "steps" => (step.as_str(), rest.first().map(String::as_str)),
                (_, _) => continue,
            };
            *wanted.entry(name).or_default() |= fact.is_none_or(|fact| matches!(fact, "diff" | "files"));
        }
        let mut scope = Scope { params: loaded.plan.params.clone(), ..Scope::default() };
        scope.matrix = own.map(|own| own.matrix.clone()).unwrap_or_default();
        for (name, with_changes) in wanted {
            let Some(at) = loaded.workflow.steps.iter().position(|step| step.id == name) else { continue };
            let members = loaded.plan.steps.iter().enumerate().filter(|(_, planned)| planned.step == at);
            let facts = members.map(|(place, planned)| {
                let facts = self.facts(&steps[place], planned, with_changes)?;
                Ok((planned.label.clone().unwrap_or_default(), facts))
            });
            let mut facts = facts.collect::<Result<Vec<_>, EngineError>>()?;
            let facts = match facts.len() {
                1 if loaded.workflow.steps[at].matrix.is_empty() => Facts::One(facts.remove(0).1),
                _ => Facts::Group(facts),
            };
            scope.steps.insert(name.to_owned(), facts);
        }
        Ok(scope)
    }

    fn facts(&self, row: &RunStep, planned: &PlannedStep, with_changes: bool) -> Result<StepFacts, EngineError> {
        let mut facts = StepFacts { matrix: planned.matrix.clone(), ..StepFacts::default() };
        let status = if row.status == StepStatus::NotNeeded { StepStatus::Skipped } else { row.status };
        facts.status = Some(status.as_str().to_owned());
        let has_run = matches!(row.status, StepStatus::Done | StepStatus::Failed | StepStatus::Cancelled);
        let Some(id) = row.task.as_ref().filter(|_| has_run) else { return Ok(facts) };
        let Some(task) = self.store.read(|view| view.task(id))? else { return Ok(facts) };
        if let Some(digest) = self.digest_of(&task)? {
            facts.output = digest.answer().map(str::to_owned);
            facts.result = digest.structured;
        }
        if *task.backend() == COMMAND {
            // A program that printed nothing has said nothing, which is a text as well.
            facts.output.get_or_insert_default();
        }
        let verification = serde_json::to_value(task.verification()).ok();
        facts.verification = verification.and_then(|word| word.as_str().map(str::to_owned));
        facts.backend = Some(task.backend().to_string());
        if with_changes {
            self.add_changes(&task, &mut facts);
        }
        Ok(facts)
    }

    /// What a task without an archive changed is not known, and stays undefined.
    fn add_changes(&self, task: &Task, facts: &mut StepFacts) {
        if task.spec.posture == Posture::ReadOnly {
            (facts.diff, facts.files) = (Some(String::new()), Some(Vec::new()));
            return;
        }
        let Ok(found) = self.changes_of(task) else { return };
        let patches = found.changes.iter().map(|change| found.workspace.patch(change).map(|patch| patch.text));
        if let Ok(patches) = patches.collect::<Result<Vec<_>, _>>() {
            facts.diff = Some(String::from_utf8_lossy(&patches.concat()).into_owned());
        }
        facts.files = Some(found.changes.iter().map(|change| change.path.to_string()).collect());
    }

    /// Returns a digest of all that a person is asked about: outputs and diffs of what the step needs.
    fn reviewed(&self, loaded: &Loaded, steps: &[RunStep], planned: &PlannedStep) -> Result<String, EngineError> {
        let mut hasher = blake3::Hasher::new();
        for need in planned.needs.iter().chain(&planned.needs_any) {
            let Some(place) = loaded.plan.steps.iter().position(|step| step.id == *need) else { continue };
            let facts = self.facts(&steps[place], &loaded.plan.steps[place], true)?;
            for part in [Some(need.as_str()), facts.output.as_deref(), facts.diff.as_deref()] {
                let part = part.unwrap_or_default();
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        Ok(hasher.finalize().to_hex()[..16].to_owned())
    }

    /// Returns the outputs that the workflow declares, each as far as its names are defined.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn outputs_of(
        &self,
        loaded: &Loaded,
        steps: &[RunStep],
    ) -> Result<BTreeMap<String, Result<String, String>>, EngineError> {
        let mut outputs = BTreeMap::new();
        for (name, template) in &loaded.workflow.outputs {
            let references: Vec<Reference> = template.references().collect();
            let scope = self.scope(loaded, steps, None, &references)?;
            let text = template.render(&scope, Insertion::plain()).map_err(|error| error.message);
            outputs.insert(name.clone(), text);
        }
        Ok(outputs)
    }
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
    let mut fields = step.render(scope, &(maker.vocabulary)()).map_err(|error| error.to_string())?;
    let mut command = Vec::new();
    if let Action::Command(run) = &step.action {
        command = words_of(run, scope)?;
        fields.insert("prompt".into(), Value::from(command.join(" ")));
        fields.insert("backend".into(), Value::from(COMMAND.as_str()));
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
    Ok((at_home(fields, frozen), command))
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

/// Paths of a workflow are relative to the directory it runs in.
fn at_home(mut fields: Fields, frozen: &Frozen) -> Fields {
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

fn end_of_wait(until: &Until, scope: &Scope, now: Timestamp) -> Result<Timestamp, String> {
    let text = |template: &workflow::Template, field: &str| {
        template.render(scope, Insertion::plain()).map_err(|error| format!("`{field}`: {}", error.message))
    };
    match until {
        Until::For(span) => Ok(now.plus(*span)),
        Until::At(at) => Ok(*at),
        Until::ForTemplate(template) => {
            let span: Span = text(template, "for")?.trim().parse().map_err(|error| format!("`for`: {error}"))?;
            Ok(now.plus(span))
        }
        Until::AtTemplate(template) => text(template, "at")?.trim().parse().map_err(|error| format!("`at`: {error}")),
    }
}

/// Takes the changes over into the rows that they are about.
fn take(steps: &mut [RunStep], changes: &[StepChange]) {
    for change in changes {
        if let Some(row) = steps.iter_mut().find(|row| row.step == change.step) {
            row.status = change.status;
            row.reason.clone_from(&change.reason);
            row.due_at = change.due_at;
            row.question.clone_from(&change.question);
            if change.task.is_some() {
                row.task.clone_from(&change.task);
            }
        }
    }
}

/// A definition that cannot be read any more ends the run.
fn give_up(error: &EngineError, steps: &mut [RunStep], changes: &mut Vec<StepChange>) -> RunStatus {
    let open = steps.iter().filter(|step| step.status.is_to_do() || step.status == StepStatus::Held);
    let failed: Vec<_> = open.map(|step| change(step, StepStatus::Failed, Some(error.to_string()))).collect();
    take(steps, &failed);
    changes.extend(failed);
    if steps.iter().all(|step| step.status.is_over()) { RunStatus::Failed } else { RunStatus::Running }
}

/// Returns what the end of its task means for a step; `None` while it has not ended.
fn end_of(task: &Task) -> Option<(StepStatus, Option<String>)> {
    let failure = || task.failure().map(|failure| failure.message.clone());
    match task.status() {
        Status::Queued | Status::Held | Status::Running | Status::Paused | Status::NeedsInput => None,
        Status::Done => Some((StepStatus::Done, None)),
        Status::Cancelled => Some((StepStatus::Cancelled, Some("its task was cancelled".to_owned()))),
        Status::Failed | Status::Skipped => Some((StepStatus::Failed, failure())),
        Status::TimedOut => Some((StepStatus::Failed, failure().or_else(|| Some("the time limit was reached".into())))),
        Status::Lost => Some((StepStatus::Failed, failure().or_else(|| Some("its task was lost".into())))),
    }
}

/// Whether the same submit may go well later: nothing about the step itself is wrong then.
fn may_pass(error: &EngineError) -> bool {
    match error {
        EngineError::Store(_) | EngineError::Helper(_) => true,
        EngineError::File(error) => error.is_disk_full(),
        EngineError::Archive(error) => error.is_disk_full(),
        // Everything else is about the step.
        _ => false,
    }
}

impl Engine {
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
