//! Races: who runs in one, what they may not be told, and which row of a plan stands for what.

use std::ops::Range;

use serde_json::Value;

use super::{
    check::MOST_STEPS,
    definition::{Action, Step},
    fault::{Fault, FaultCode},
    fields::StepKind,
    read::{FileDraft, StepDraft},
    shape::has_insertion,
};

/// The most racers of one race.
pub(super) const MOST_RACERS: usize = 10;

/// Several agents at the same work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Race {
    /// A racer for each; the same one may stand here again.
    pub backends: Vec<String>,
    /// Whether the others go on after one has won.
    pub keep_rest: bool,
    /// Whether all finish first; then the first in the order of `backends` that succeeded wins.
    pub waits_for_all: bool,
    /// Whether the winner's result is brought into the directory.
    pub apply: bool,
}

impl Race {
    /// Whether racers go on when the winner is known.
    pub const fn keeps_rest(&self) -> bool {
        self.keep_rest || self.waits_for_all
    }

    /// Returns the racers' labels: `codex`, `gemini`, `codex.2`.
    pub fn labels(&self) -> impl Iterator<Item = String> {
        self.backends.iter().enumerate().map(|(at, backend)| {
            match self.backends.iter().take(at).filter(|other| *other == backend).count() {
                0 => backend.clone(),
                before => format!("{backend}.{}", before + 1),
            }
        })
    }
}

/// What a row of a plan stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The step, or one member of its matrix.
    Whole,
    /// The outcome of a race; it has no task but the winner's.
    Race { racers: Range<usize> },
    /// One of those who race for the row at `race`.
    Racer { race: usize, backend: String },
}

impl Part {
    /// Whether other steps know nothing of this row.
    pub const fn is_racer(&self) -> bool {
        matches!(self, Self::Racer { .. })
    }

    /// Returns what kind of work the row is.
    pub const fn kind(&self, step: &Step) -> StepKind {
        match self {
            Self::Whole | Self::Race { .. } => step.action.kind(),
            Self::Racer { .. } => StepKind::Agent,
        }
    }
}

/// Returns for each row of a run, given the rows' names in order, the place of the step as its author wrote it: a
/// racer's is its race, any other row's its own. Names tell it, as no label of a matrix may hold `,` or `[`.
pub fn as_written<'a>(rows: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let mut written: Vec<usize> = Vec::new();
    let mut begins_racer: Option<String> = None;
    for (place, name) in rows.into_iter().enumerate() {
        if begins_racer.as_ref().is_some_and(|begins| name.starts_with(begins.as_str())) {
            written.push(written.last().copied().unwrap_or(place));
            continue;
        }
        begins_racer = Some(name.strip_suffix(']').map_or_else(|| format!("{name}["), |stem| format!("{stem},")));
        written.push(place);
    }
    written
}

/// Judges what a race is told together with the defaults of its file.
pub(super) fn judge(draft: &FileDraft<'_>, faults: &mut Vec<Fault>) {
    for step in draft.steps.iter().filter(|step| step.kind == StepKind::Race) {
        let own = |key: &str| step.fields.get(key);
        let any = |key: &str| own(key).or_else(|| draft.defaults.get(key));
        let mut told = |key: &str, message: &str, instead: &str| {
            let at = step.node.get(key).map_or(step.node.at, |node| node.at);
            let fault = Fault::new(at, &step.path.key(key), FaultCode::Contradiction, message);
            faults.push(fault.suggest(instead));
        };
        if step.repeat.is_some() {
            told("repeat", "a race is not repeated", "leave `repeat` out: name a backend again for one more attempt");
        }
        if own("share").is_some_and(|share| *share == true) {
            told("share", "racers work in directories of their own and share none", "leave `share` out");
        }
        // What is not known yet is settled when it runs.
        if any("posture").is_some_and(has_insertion) {
            continue;
        }
        if any("posture").is_some_and(|posture| posture == "read_only") {
            if step.own.apply {
                told("apply", "an agent that only reads leaves nothing to apply", "leave `apply` or `posture` out");
            }
            continue;
        }
        if own("isolate").is_some_and(|isolate| isolate == "none") {
            let instead = "leave `isolate` out, or write `isolate: copy` or `isolate: worktree`";
            told("isolate", "racers that write cannot work in the same directory", instead);
        }
        if any("archive").is_some_and(|archive| archive == "off") {
            told("archive", "the directories of racers are made from the archive", "leave `archive: off` out");
        }
    }
}

/// Returns how many rows a step with so many members has.
pub(super) fn rows(step: &StepDraft<'_>, members: usize) -> usize {
    let racers = match &step.action {
        Some(Action::Race(race)) => race.backends.len(),
        Some(_) | None => 0,
    };
    members.saturating_mul(racers.min(MOST_STEPS) + 1)
}

/// Whether a default means something for racers: each has a directory of its own whatever the others do.
pub(super) fn takes_default(name: &str, value: &Value) -> bool {
    match name {
        "share" => false,
        "isolate" => value != "none",
        _ => true,
    }
}
