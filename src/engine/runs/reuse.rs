//! What a new run takes over from an earlier one: steps that are done there and would be the same here.
//!
//! Must not change anything: it compares, and says what may be taken.

use super::{Frozen, Loaded};
use crate::{
    core::{Giver, Question, Run, RunId, RunStep, StepStatus},
    engine::{Engine, EngineError},
    workflow::{Plan, StepId, Vocabulary, Workflow, descendants, input_digests},
};

/// So many earlier runs are looked at.
const MOST_RUNS: u32 = 20;

/// A run that is asked for, and what of an earlier one it is to be spared.
#[derive(Clone, Copy)]
pub struct ReuseAsk<'a> {
    pub name: &'a str,
    pub frozen: &'a Frozen,
    pub workflow: &'a Workflow,
    pub plan: &'a Plan,
    /// The earlier run; the newest of the same name and directory that fits when absent.
    pub run: Option<&'a RunId>,
    /// The step to start at: all that does not build on it must be taken over.
    pub from_step: Option<&'a str>,
}

impl Engine {
    /// Returns the rows that a new run begins with instead of running their steps.
    ///
    /// # Errors
    /// There is no such step or no earlier run, or with `from_step` a step cannot be taken over.
    pub fn taken_over(&self, ask: &ReuseAsk<'_>, vocabulary: &Vocabulary) -> Result<Vec<RunStep>, EngineError> {
        let start = ask.from_step.map(|step| place_of(ask.plan, step)).transpose()?;
        let mut first_refusal = None;
        for run in self.earlier_runs(ask)? {
            match self.taken_from(ask, &run, start, vocabulary) {
                Ok(taken) => return Ok(taken),
                Err(error @ EngineError::Conflict { .. }) => first_refusal = first_refusal.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        Err(first_refusal.unwrap_or_else(|| EngineError::NotFound {
            message: format!("no earlier run of `{}` in `{}`", ask.name, ask.frozen.working_dir),
            hint: "`mgr workflow list` shows the runs; without `--from-step` every step runs".into(),
        }))
    }

    fn earlier_runs(&self, ask: &ReuseAsk<'_>) -> Result<Vec<Run>, EngineError> {
        if let Some(id) = ask.run {
            return Ok(vec![self.run_state(id)?.run]);
        }
        let runs = self.store.read(|view| view.runs_of_name(ask.name, MOST_RUNS))?;
        let is_same_place = |run: &Run| {
            let frozen = self.frozen(run);
            frozen.is_ok_and(|kept| kept.working_dir == ask.frozen.working_dir && kept.demo == ask.frozen.demo)
        };
        Ok(runs.into_iter().filter(is_same_place).collect())
    }

    fn taken_from(
        &self,
        ask: &ReuseAsk<'_>,
        run: &Run,
        start: Option<usize>,
        vocabulary: &Vocabulary,
    ) -> Result<Vec<RunStep>, EngineError> {
        let conflict = |message: String| EngineError::Conflict {
            message,
            hint: "without `--from-step` and `--reuse` every step runs; `--reuse RUN` alone takes what is the same"
                .into(),
        };
        let earlier = self.definition(run, vocabulary)?;
        if earlier.frozen.working_dir != ask.frozen.working_dir || earlier.frozen.demo != ask.frozen.demo {
            let dir = &earlier.frozen.working_dir;
            return Err(conflict(format!("run `{}` worked in `{dir}`, or was a demo and this is none", run.id)));
        }
        let rows = self.run_state(&run.id)?.steps;
        let before = input_digests(&earlier.workflow, &earlier.plan, earlier.frozen.started_with());
        let now = input_digests(ask.workflow, ask.plan, ask.frozen.started_with());
        let renewed: Vec<usize> =
            start.iter().flat_map(|start| descendants(ask.plan, *start).into_iter().chain([*start])).collect();
        let mut taken: Vec<Option<RunStep>> = vec![None; ask.plan.steps.len()];
        let mut refused = Vec::new();
        let place_of_id = |id: &StepId| ask.plan.steps.iter().position(|planned| planned.id == *id);
        // Batch by batch: a step is taken only with all that it needs.
        for place in ask.plan.batches.iter().flatten().filter_map(place_of_id) {
            if renewed.contains(&place) {
                continue;
            }
            let planned = &ask.plan.steps[place];
            let mut needs = planned.needs.iter().chain(&planned.needs_any).filter_map(place_of_id);
            let found = match needs.find(|need| taken[*need].is_none()) {
                Some(need) => Err(format!("needs `{}`", ask.plan.steps[need].id)),
                None => {
                    let unattended = ask.frozen.unattended;
                    self.row_to_take(planned.id.as_str(), &now[place], &earlier, &before, &rows, unattended)?
                }
            };
            match found {
                Ok(row) => taken[place] = Some(taken_row(row, &run.id)),
                Err(why) => refused.push(format!("`{}` {why}", planned.id)),
            }
        }
        match (start, refused.is_empty()) {
            (Some(start), false) => Err(conflict(format!(
                "cannot start at step `{}` with what run `{}` has done: {}",
                ask.plan.steps[start].id,
                run.id,
                refused.join(", ")
            ))),
            (_, _) => Ok(taken.into_iter().flatten().collect()),
        }
    }

    /// Returns the row of the earlier run that serves for a step, or why none does.
    fn row_to_take(
        &self,
        step: &str,
        digest: &str,
        earlier: &Loaded,
        before: &[String],
        rows: &[RunStep],
        is_unattended: bool,
    ) -> Result<Result<RunStep, String>, EngineError> {
        let Some(place) = earlier.plan.steps.iter().position(|planned| planned.id.as_str() == step) else {
            return Ok(Err("is new".to_owned()));
        };
        let Some(row) = rows.get(place) else { return Ok(Err("is new".to_owned())) };
        if before[place] != digest {
            return Ok(Err("has changed".to_owned()));
        }
        // A racer may lose: the row of its race says whether that was won.
        let is_racer = earlier.plan.steps[place].part.is_racer() && row.status.is_over();
        if !is_racer && !matches!(row.status, StepStatus::Done | StepStatus::NotNeeded) {
            return Ok(Err(format!("is {} there", row.status.as_str())));
        }
        let word = row.question.as_deref().and_then(|kept| Question::read(kept).word);
        if !is_unattended && word.is_some_and(|word| matches!(word.giver, Giver::Policy { .. })) {
            return Ok(Err("was answered by nobody there".to_owned()));
        }
        if let Some(task) = &row.task
            && self.store.read(|view| view.task(task))?.is_none()
        {
            return Ok(Err("has lost its task".to_owned()));
        }
        Ok(Ok(row.clone()))
    }
}

fn place_of(plan: &Plan, step: &str) -> Result<usize, EngineError> {
    plan.steps.iter().position(|planned| planned.id.as_str() == step).ok_or_else(|| {
        let known: Vec<&str> = plan.steps.iter().map(|planned| planned.id.as_str()).collect();
        EngineError::NotFound {
            message: format!("the workflow has no step `{step}`"),
            hint: format!("its steps are {}", known.join(", ")),
        }
    })
}

fn taken_row(row: RunStep, from: &RunId) -> RunStep {
    // Through several runs: the one that did it stays named.
    let reason = match row.reason {
        Some(reason) if reason.contains(TAKEN) => reason,
        Some(reason) => format!("{reason}; {TAKEN} {from}"),
        None => format!("{TAKEN} {from}"),
    };
    // A word counts again for what was looked at, as long as that is still so: nothing of this run builds on it yet.
    let question = row.question.as_deref().map(|kept| Question { counted: false, ..Question::read(kept) }.to_kept());
    RunStep { turn: 1, loops: 0, due_at: None, reason: Some(reason), question, ..row }
}

const TAKEN: &str = "taken over from";

/// Whether a run began with this row.
pub(super) fn is_taken(row: &RunStep) -> bool {
    row.turn == 1 && row.reason.as_deref().is_some_and(|reason| reason.contains(TAKEN))
}
