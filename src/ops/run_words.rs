//! The words and tones for where a run and its steps stand.

use crate::{
    core::{RunStatus, Status, StepStatus},
    ui::{Tone, one_line},
};

/// The word for what somebody has stopped for a while.
pub(super) const PAUSED: &str = RunStatus::Paused.as_str();

/// Why nothing of a run moves that is not paused itself.
pub(super) const ALL_PAUSED: &str = "what runs in it is paused";

/// Returns the word for a step. One that runs is where its task is: nobody is told that something is at work which
/// only waits for its turn, or which is paused.
pub(super) const fn shown(step: StepStatus, task: Option<Status>, is_paused: bool) -> &'static str {
    match (step, task) {
        (StepStatus::Running, _) if is_paused => PAUSED,
        (StepStatus::Running, Some(task @ (Status::Queued | Status::Held | Status::NeedsInput))) => task.as_str(),
        (_, _) => step.as_str(),
    }
}

/// Returns that word as people write it: `not needed`.
pub(super) fn in_words(standing: &str) -> String {
    standing.replace('_', " ")
}

/// Returns the name of a step, or what ends with one, as it is typed: a shell would read a matrix member's brackets.
pub(super) fn shell_word(name: &str) -> String {
    let name = one_line(name);
    if name.contains('[') { format!("'{}'", name.replace('\'', "'\\''")) } else { name }
}

/// Returns a cost as far as it is known; nothing for what costs nothing.
pub(super) fn cost_word(known: Option<String>, has_unknown: bool) -> String {
    match (known, has_unknown) {
        (known, false) => known.unwrap_or_default(),
        (Some(known), true) => format!("≥ {known}"),
        (None, true) => "unknown".to_owned(),
    }
}

/// Returns the word before the time that a run took so far.
pub(super) fn time_word(status: RunStatus, standing: &str) -> &'static str {
    match status {
        RunStatus::Running if standing != PAUSED => "for",
        RunStatus::Running | RunStatus::Paused => "after",
        RunStatus::Done | RunStatus::Failed | RunStatus::Cancelled => "in",
    }
}

pub(super) fn run_tone(status: RunStatus, standing: &str) -> Tone {
    match status {
        RunStatus::Running if standing == PAUSED => Tone::Plain,
        RunStatus::Running => Tone::Busy,
        RunStatus::Paused => Tone::Plain,
        RunStatus::Done => Tone::Good,
        RunStatus::Failed => Tone::Bad,
        RunStatus::Cancelled => Tone::Faint,
    }
}

/// Returns the tone of that word.
pub(super) fn tone_of(status: StepStatus, standing: &str) -> Tone {
    if standing == status.as_str() { step_tone(status) } else { Tone::Plain }
}

const fn step_tone(status: StepStatus) -> Tone {
    match status {
        StepStatus::Running => Tone::Busy,
        StepStatus::Done => Tone::Good,
        StepStatus::Failed => Tone::Bad,
        StepStatus::Waiting | StepStatus::Held | StepStatus::Stale => Tone::Plain,
        StepStatus::Skipped | StepStatus::NotNeeded | StepStatus::Cancelled => Tone::Faint,
    }
}
