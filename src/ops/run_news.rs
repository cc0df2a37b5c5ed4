//! Waiting for a run, and what its steps do meanwhile.

use std::collections::BTreeMap;

use super::{
    Call, Door, OpError, TaskLine,
    run_words::{in_words, shown},
    step_maker::task_vocabulary,
};
use crate::{
    core::{Question, Run, RunId, RunStatus, RunStep, StepStatus},
    engine::{EngineError, RunState},
    ui::{clip, duration_words, one_line},
};

/// Tells what the steps of a run do, each piece of news once.
#[derive(Default)]
pub(super) struct StepNews(Told);

impl StepNews {
    pub(super) fn tell(&mut self, call: &Call<'_>, state: &RunState) -> Result<(), EngineError> {
        tell(call, state, "", &mut self.0)
    }
}

/// Whether nothing comes of a run without a person.
pub(super) fn is_at_rest(call: &Call<'_>, state: &RunState) -> Result<bool, EngineError> {
    Ok(state.run.status != RunStatus::Running || call.engine.waits_for_person(state)?)
}

/// Waits until the run is over, paused, or waits for a person, telling what its steps do.
pub(super) async fn follow(call: &Call<'_>, id: &RunId) -> Result<bool, OpError> {
    let mut news = StepNews::default();
    let over = call
        .engine
        .wait_until(call.wait_limit(None), |_| {
            let state = call.engine.run_state(id)?;
            news.tell(call, &state)?;
            Ok((is_at_rest(call, &state)? || call.progress.is_over()).then_some(()))
        })
        .await?;
    Ok(over.is_some())
}

/// The same for somebody at a terminal who has started it there: a pause by a person is told, and waited out.
pub(super) async fn attend(call: &Call<'_>, id: &RunId) -> Result<(), OpError> {
    let mut news = StepNews::default();
    let mut was_told = false;
    call.engine
        .wait_until(call.wait_limit(None), |_| {
            let state = call.engine.run_state(id)?;
            news.tell(call, &state)?;
            let goes_on_later = may_be_resumed(call, &state.run)?;
            if goes_on_later && !was_told {
                let why = state.run.why.as_deref().map(|why| format!(" ({})", one_line(why))).unwrap_or_default();
                call.progress.line(&format!("paused{why}: `mgr workflow resume {id}` lets it go on"));
            }
            was_told = goes_on_later;
            let is_at_rest = !goes_on_later && is_at_rest(call, &state)?;
            Ok((is_at_rest || call.progress.is_over()).then_some(()))
        })
        .await?;
    Ok(())
}

/// Whether a run stands still that somebody is expected to let go on: with money left, and with somebody there.
fn may_be_resumed(call: &Call<'_>, run: &Run) -> Result<bool, EngineError> {
    if run.status != RunStatus::Paused || call.door != Door::CommandLine {
        return Ok(false);
    }
    let loaded = call.engine.definition(run, task_vocabulary())?;
    let is_attended = !loaded.frozen.unattended && loaded.frozen.asked_by.is_none();
    Ok(is_attended && call.engine.empty_purse(run, task_vocabulary())?.is_none())
}

/// Steps that were told of, by run and name.
type Told = BTreeMap<(RunId, String), (&'static str, u32)>;

/// Tells what is new of the steps of a run and, under the names of theirs, of the runs in them.
fn tell(call: &Call<'_>, state: &RunState, above: &str, told: &mut Told) -> Result<(), EngineError> {
    let tasks = call.engine.task_statuses_of_run(&state.run.id)?;
    let paused = call.engine.paused_steps(state)?;
    for step in &state.steps {
        let task = step.task_at_work().and_then(|task| tasks.get(task)).copied();
        let word = shown(step.status, task, paused.contains(&step.step));
        let now = (word, step.turn);
        let name = format!("{above}{}", step.step);
        let before = told.insert((state.run.id.clone(), step.step.clone()), now);
        // The end of a nested run comes after all that happened in it; one of an earlier turn is no news.
        let has_news = step.status == StepStatus::Running || (before != Some(now) && step.status.is_over());
        if let Some(child) = step.child.as_ref().filter(|_| has_news) {
            tell(call, &call.engine.run_state(child)?, &format!("{name}/"), told)?;
        }
        if before == Some(now) || step.status.is_to_do() {
            continue;
        }
        call.progress.line(&words_of(call, step, &name, word));
    }
    Ok(())
}

/// Returns what became of a step: `plan done in 12s by codex`.
fn words_of(call: &Call<'_>, step: &RunStep, name: &str, word: &str) -> String {
    let task = step.task.as_ref().filter(|_| matches!(step.status, StepStatus::Done | StepStatus::Failed));
    // Words about a task that is gone are not worth an error.
    let line = task.and_then(|id| TaskLine::of(call, &call.engine.task(id).ok()?).ok());
    let took = line.as_ref().and_then(|line| line.elapsed_s).map(|seconds| format!(" in {}", duration_words(seconds)));
    let by = line.as_ref().map(|line| format!(" by {}", line.backend)).unwrap_or_default();
    let why = step.reason.as_deref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
    if let Some(kept) = step.question.as_deref().filter(|_| step.status == StepStatus::Held) {
        return format!("{} waits for a person: {}", one_line(name), clip(&Question::read(kept).message, 200));
    }
    let run = if step.loops > 0 { format!(" (run {})", step.loops + 1) } else { String::new() };
    format!("{} {}{run}{}{by}{why}", one_line(name), in_words(word), took.unwrap_or_default())
}
