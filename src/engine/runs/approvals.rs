//! Questions to people: what they are about, and the word that is given.

use super::{Loaded, change, record::About};
use crate::{
    core::{RunId, RunStep, StepStatus},
    engine::{Engine, EngineError},
    os::clock,
    store::StepChange,
    workflow::PlannedStep,
};

impl Engine {
    /// Returns a digest of all that a person is asked about: outputs and diffs of what the step needs.
    pub(super) fn reviewed(
        &self,
        loaded: &Loaded,
        steps: &[RunStep],
        planned: &PlannedStep,
    ) -> Result<String, EngineError> {
        let mut hasher = blake3::Hasher::new();
        for need in planned.needs.iter().chain(&planned.needs_any) {
            let Some(place) = loaded.plan.steps.iter().position(|step| step.id == *need) else { continue };
            let facts = self.facts(loaded, &steps[place], &loaded.plan.steps[place], true)?;
            for part in [Some(need.as_str()), facts.output.as_deref(), facts.diff.as_deref()] {
                let part = part.unwrap_or_default();
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        Ok(hasher.finalize().to_hex()[..16].to_owned())
    }

    /// Returns the steps that wait for a person.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn held_steps(&self) -> Result<Vec<(RunId, RunStep)>, EngineError> {
        Ok(self.store.read(|view| view.held_steps())?)
    }

    /// Takes a person's word on a step that waits for it. The same word a second time changes nothing.
    ///
    /// # Errors
    /// The step waits for nobody, or another word was given, or something else was reviewed.
    pub fn answer_step(
        &self,
        id: &RunId,
        step: &str,
        approved: bool,
        reviewed: Option<&str>,
    ) -> Result<RunStep, EngineError> {
        let conflict = |message: String, hint: &str| EngineError::Conflict { message, hint: hint.into() };
        let answered = self.store.write(|writing| {
            let steps = writing.view().run_steps(id)?;
            let row = steps.into_iter().find(|row| row.step == step).ok_or_else(|| EngineError::NotFound {
                message: format!("run `{id}` has no step `{step}`"),
                hint: "`mgr inbox` lists what waits for a person".into(),
            })?;
            let status = if approved { StepStatus::Done } else { StepStatus::Failed };
            let told = if approved { "approved" } else { "denied" };
            if row.question.is_some() && row.status == status && row.reason.as_deref() == Some(told) {
                return Ok(row);
            }
            if row.status != StepStatus::Held {
                let message = format!("step `{step}` of run `{id}` waits for nobody: it is {}", row.status.as_str());
                return Err(conflict(message, "`mgr inbox` lists what waits for a person"));
            }
            let question = row.question.clone().unwrap_or_default();
            let digest = question.split_once('\n').map_or(question.as_str(), |(digest, _)| digest);
            if reviewed.is_some_and(|reviewed| !digest.starts_with(reviewed) || reviewed.len() < 8) {
                return Err(conflict(
                    format!("what step `{step}` asks about is not what was reviewed: its digest is {digest}"),
                    "review it again, then answer with its digest",
                ));
            }
            let word = StepChange { question: row.question.clone(), ..change(&row, status, Some(told.to_owned())) };
            writing.change_steps(id, &[word])?;
            // A paused run hears of it once it goes on.
            writing.touch_run(id, clock::now())?;
            Ok::<_, EngineError>(RunStep { status, reason: Some(told.to_owned()), ..row })
        })?;
        self.keep_word(id, "answered", About::Steps(std::slice::from_ref(&answered.step)));
        self.wake_driver()?;
        Ok(answered)
    }
}
