//! Runs of workflows as answers show them. Fields are only ever added; how they are drawn is in `run_render`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Call, Exit, OpError,
    run_step_view::RunStepView,
    run_words::{ALL_PAUSED, PAUSED},
    step_maker::task_vocabulary,
    views::is_zero,
};
use crate::{
    core::{Money, RefusedAnswer, RunId, RunStatus, StepStatus, Timestamp},
    engine::{Loaded, RunState, Spending},
    os::clock,
    ui::{dollars, one_line, plural},
    workflow::as_written,
};

/// A run in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunLine {
    pub workflow_id: RunId,
    pub name: String,
    pub status: RunStatus,
    /// The status in a word for people: a run that goes on is paused all the same when all that runs in it is.
    pub standing: &'static str,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Seconds from the start to the end, or to now.
    pub elapsed_s: f64,
    /// Steps of the file: a race is one, each member of a matrix is one.
    pub steps_total: u64,
    /// Steps that are over, however they ended.
    pub steps_over: u64,
    /// Whether nothing goes on without a person's word.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_person: bool,
    /// Why it does not go on, or what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Dollars of all steps whose cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Steps of which not every cost is known.
    #[serde(skip_serializing_if = "is_zero")]
    pub cost_unknown_steps: u64,
    /// The run and its step that this one is the workflow of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentStep>,
    #[serde(skip)]
    pub(super) was_taken_up: bool,
}

/// A step of a run with a workflow in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ParentStep {
    pub workflow_id: RunId,
    pub step: String,
}

impl RunLine {
    pub(super) fn of(call: &Call<'_>, state: &RunState) -> Result<Self, OpError> {
        Self::with(call, state, &call.engine.spending(&state.run.id)?)
    }

    fn with(call: &Call<'_>, state: &RunState, spending: &Spending) -> Result<Self, OpError> {
        let run = &state.run;
        let is_paused = call.engine.is_paused(state)?;
        let waits_for_person = call.engine.waits_for_person(state)?;
        let why = match run.status {
            RunStatus::Paused => run.why.clone(),
            RunStatus::Running if is_paused => Some(ALL_PAUSED.to_owned()),
            RunStatus::Running => waits_for_person.then(|| "waits for a person".to_owned()),
            RunStatus::Failed => state.what_failed(),
            RunStatus::Done | RunStatus::Cancelled => None,
        };
        let end = run.finished_at.unwrap_or_else(clock::now);
        Ok(Self {
            workflow_id: run.id.clone(),
            name: run.name.clone(),
            status: run.status,
            standing: if is_paused { PAUSED } else { run.status.as_str() },
            created_at: run.created_at,
            finished_at: run.finished_at,
            elapsed_s: end.since(run.created_at).as_secs_f64(),
            steps_total: state.written_steps().count() as u64,
            steps_over: state.written_steps().filter(|step| step.status.is_over()).count() as u64,
            waits_for_person,
            why,
            cost_usd: spending.known().map(Money::as_dollars),
            cost_unknown_steps: state.unknown_costs(spending),
            parent: run.parent.clone().map(|(workflow_id, step)| ParentStep { workflow_id, step }),
            // The turns of a loop are counted apart.
            was_taken_up: state.steps.iter().any(|row| row.turn > row.loops + 1),
        })
    }

    /// Whether nothing comes of it without a person.
    pub(super) fn is_at_rest(&self) -> bool {
        self.status != RunStatus::Running || self.waits_for_person
    }

    pub(super) const fn exit_of(&self) -> Exit {
        match self.status {
            RunStatus::Done => Exit::Success,
            RunStatus::Failed => Exit::Failed,
            RunStatus::Cancelled => Exit::Cancelled,
            RunStatus::Running if self.waits_for_person => Exit::WaitingForHuman,
            RunStatus::Running | RunStatus::Paused => Exit::StillRunning,
        }
    }
}

/// A run with its steps.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunView {
    pub workflow_id: RunId,
    pub name: String,
    pub status: RunStatus,
    /// The status in a word for people: a run that goes on is paused all the same when all that runs in it is.
    pub standing: &'static str,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    pub elapsed_s: f64,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The run and its step that this one is the workflow of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentStep>,
    /// In the order of the file.
    pub steps: Vec<RunStepView>,
    /// What the workflow gives back, once it is over.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// Dollars of all steps whose cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Steps of which not every cost is known.
    #[serde(skip_serializing_if = "is_zero")]
    pub cost_unknown_steps: u64,
    /// The most that all of it may cost, in dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
    /// Whether it stands still because its budget is spent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub budget_spent: bool,
    /// Whether agents are the scripted one.
    pub demo: bool,
    /// Whether nothing goes on without a person's word: `inbox_list` says about what.
    pub waits_for_person: bool,
    /// What to call next, while it is not over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<&'static str>,
    /// What a demo does differently, and which tasks wanted to answer in a person's place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Whether somebody had a step run again: the run may have stood still before.
    #[serde(skip)]
    pub(super) was_taken_up: bool,
    #[serde(skip)]
    pub(super) exit: Exit,
}

impl RunView {
    pub(super) fn of(call: &Call<'_>, state: &RunState) -> Result<Self, OpError> {
        let loaded = call.engine.definition(&state.run, task_vocabulary())?;
        let spending = call.engine.spending(&state.run.id)?;
        let steps = steps_of(call, state, &loaded, &spending)?;
        let budget = state.run.budget.or(loaded.workflow.budget).filter(|_| !loaded.frozen.demo);
        let is_spent = budget.is_some_and(|budget| spending.known().unwrap_or_default() >= budget);
        let is_over = state.run.status.is_terminal();
        let outputs = if is_over { call.engine.outputs_of(&loaded, &state.steps)? } else { BTreeMap::new() };
        let line = RunLine::with(call, state, &spending)?;
        let budget_spent = state.run.status == RunStatus::Paused && is_spent;
        Ok(Self {
            exit: if budget_spent { Exit::Blocked } else { line.exit_of() },
            workflow_id: line.workflow_id,
            name: line.name,
            status: line.status,
            standing: line.standing,
            created_at: line.created_at,
            finished_at: line.finished_at,
            elapsed_s: line.elapsed_s,
            parent: line.parent,
            steps,
            outputs: outputs.into_iter().filter_map(|(name, text)| Some((name, text.ok()?))).collect(),
            cost_usd: line.cost_usd,
            cost_unknown_steps: line.cost_unknown_steps,
            budget_usd: budget.map(Money::as_dollars),
            budget_spent,
            why: state.run.why.clone().filter(|_| state.run.status == RunStatus::Paused),
            demo: loaded.frozen.demo,
            waits_for_person: line.waits_for_person,
            next: call_next(line.status, line.standing, line.waits_for_person, budget_spent),
            notes: refused(call, state)?,
            was_taken_up: line.was_taken_up,
        })
    }

    /// Says what it has cost, as far as that is known; nothing where nothing was spent on agents.
    pub(super) fn cost_words(&self) -> Option<String> {
        if self.demo {
            return Some("a demo: no agent was asked and nothing spent".to_owned());
        }
        let of = self.budget_usd.map(|budget| format!(" of a budget of {}", dollars(budget)));
        let unknown = format!("the cost of {} is not known", plural(self.cost_unknown_steps, "step"));
        match (self.cost_usd.map(dollars), self.cost_unknown_steps, of) {
            (None, 0, _) => None,
            (Some(usd), 0, of) => Some(format!("{usd} spent{}", of.unwrap_or_default())),
            (Some(usd), _, of) => Some(format!("{usd} spent{}, and {unknown}", of.unwrap_or_default())),
            (None, _, None) => Some(unknown),
            // Nothing is held against the budget then, which nobody would see otherwise.
            (None, _, Some(of)) => Some(format!("nothing known spent{of}: {unknown}")),
        }
    }

    /// Counts the steps that the author of the file wrote, by these words for them.
    pub(super) fn counts_by<'w>(&self, word: impl Fn(&RunStepView) -> &'w str) -> Vec<(&'w str, u64)> {
        let mut counts: Vec<(&str, u64)> = Vec::new();
        let written = as_written(self.steps.iter().map(|step| step.id.as_str()));
        for status in StepStatus::ALL {
            let steps = self.steps.iter().enumerate().filter(|(place, _)| written.get(*place) == Some(place));
            for (_, step) in steps.filter(|(_, step)| step.status == status) {
                let word = word(step);
                match counts.iter_mut().find(|(known, _)| *known == word) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((word, 1)),
                }
            }
        }
        counts
    }
}

fn steps_of(
    call: &Call<'_>,
    state: &RunState,
    loaded: &Loaded,
    spending: &Spending,
) -> Result<Vec<RunStepView>, OpError> {
    let paused = call.engine.paused_steps(state)?;
    let view = |place: usize| {
        let view = RunStepView::of(call, state, loaded, place, &paused)?;
        let cost_usd = spending.by_step.get(&view.id).map(|cost| cost.as_dollars());
        let cost_unknown = spending.unknown.contains(&view.id);
        Ok(RunStepView { cost_usd, cost_unknown, ..view })
    };
    (0..state.steps.len()).map(view).collect()
}

/// Says which tasks wanted to give a person's word.
fn refused(call: &Call<'_>, state: &RunState) -> Result<Vec<String>, OpError> {
    let words = |refused: RefusedAnswer| {
        let (task, step) = (refused.task_id, one_line(&refused.step));
        format!("task {task} wanted to answer {step} in a person's place, and was refused")
    };
    Ok(call.engine.refused_answers(&state.run.id)?.into_iter().map(words).collect())
}

/// Returns the tool that brings a run further.
fn call_next(status: RunStatus, standing: &str, waits_for_person: bool, budget_spent: bool) -> Option<&'static str> {
    match status {
        RunStatus::Done | RunStatus::Failed | RunStatus::Cancelled => None,
        RunStatus::Paused if budget_spent => Some("workflow_resume with a higher budget"),
        RunStatus::Paused => Some("workflow_resume"),
        RunStatus::Running if standing == PAUSED => Some("resume_task, or workflow_resume with the child_id of a step"),
        RunStatus::Running if waits_for_person => Some("inbox_list, then inbox_answer"),
        RunStatus::Running => Some("workflow_status with wait"),
    }
}
