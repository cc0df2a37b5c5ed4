//! Loops: what comes after a run of a step that repeats.
//!
//! Must not know of tasks or stores: it gets how the run ended and whether the condition holds.

use super::definition::Repeat;
use crate::core::StepStatus;

/// The most times that loops of one workflow run begin anew, all of them together and those in nested workflows
/// too: a loop in a loop in a loop must not become a hundred thousand runs.
const MOST_REPEATS: u32 = 50;

/// A run of a step that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOver<'a> {
    pub status: StepStatus,
    pub reason: Option<&'a str>,
    /// How many runs of the loop are over, this one counted.
    pub runs: u32,
    /// How often the loops of the whole workflow began anew.
    pub repeats: u32,
}

/// What comes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterRun {
    /// Its end is that of the step.
    Stands,
    /// The step runs once more.
    Again,
    /// The step has failed.
    Fails(String),
}

impl Repeat {
    /// Decides after a run of a step; `most` is the bound as the parameters have it, `holds` tells of the condition.
    pub fn after(
        &self,
        over: RunOver<'_>,
        most: Option<u32>,
        holds: impl FnOnce() -> Result<bool, String>,
    ) -> AfterRun {
        match over.status {
            StepStatus::Done | StepStatus::Failed => {}
            // A person's word ends a loop, and the others are no ends of a run.
            StepStatus::Cancelled
            | StepStatus::Waiting
            | StepStatus::Running
            | StepStatus::Held
            | StepStatus::Skipped
            | StepStatus::NotNeeded
            | StepStatus::Stale => return AfterRun::Stands,
        }
        let Some(most) = most else { return AfterRun::Fails("`repeat`: `max` has no value".to_owned()) };
        match &self.until {
            None if over.status == StepStatus::Failed || over.runs >= most => return AfterRun::Stands,
            None => {}
            Some(until) => match holds() {
                Ok(true) => return AfterRun::Stands,
                Ok(false) if over.runs < most => {}
                Ok(false) => {
                    let last = over.reason.filter(|_| over.status == StepStatus::Failed);
                    let last = last.map(|why| format!("; the last one failed: {why}")).unwrap_or_default();
                    let runs = if over.runs == 1 { "1 run".to_owned() } else { format!("{} runs", over.runs) };
                    return AfterRun::Fails(format!("`{}` did not hold after {runs}{last}", until.as_str()));
                }
                Err(why) => return AfterRun::Fails(format!("`until`: {why}")),
            },
        }
        if over.repeats >= MOST_REPEATS {
            return AfterRun::Fails(format!(
                "loops of this workflow have begun anew {MOST_REPEATS} times in all, which is the most"
            ));
        }
        AfterRun::Again
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::valid, AfterRun::*, *};
    use crate::core::StepStatus::{Cancelled, Done, Failed};

    fn repeat(text: &str) -> Repeat {
        let (workflow, _) = valid(&format!("steps: [{{id: a, prompt: p, repeat: {text}}}]"));
        workflow.steps[0].repeat.clone().unwrap()
    }

    fn over(status: StepStatus, runs: u32) -> RunOver<'static> {
        RunOver { status, reason: (status == Failed).then_some("it broke"), runs, repeats: runs - 1 }
    }

    #[test]
    fn a_loop_ends_when_its_condition_holds_or_at_its_bound() {
        let until = repeat("{until: steps.a.status == 'done', max: 3}");
        let after = |status, runs, holds: Result<bool, &str>| {
            until.after(over(status, runs), Some(3), || holds.map_err(str::to_owned))
        };
        let never = "`steps.a.status == 'done'` did not hold after 3 runs";
        for (status, runs, holds, expected) in [
            (Done, 1, Ok(true), Stands),
            (Failed, 3, Ok(true), Stands),
            (Done, 1, Ok(false), Again),
            (Failed, 2, Ok(false), Again),
            (Done, 3, Ok(false), Fails(never.to_owned())),
            (Failed, 3, Ok(false), Fails(format!("{never}; the last one failed: it broke"))),
            (Done, 1, Err("odd"), Fails("`until`: odd".to_owned())),
            (Cancelled, 1, Ok(false), Stands),
        ] {
            assert_eq!(after(status, runs, holds), expected, "{status:?} {runs} {holds:?}");
        }
    }

    #[test]
    fn a_loop_without_a_condition_runs_to_its_bound_or_its_first_failure() {
        let plain = repeat("{max: 2}");
        let after = |status, runs| plain.after(over(status, runs), Some(2), || panic!("there is no condition"));
        assert_eq!([after(Done, 1), after(Done, 2), after(Failed, 1)], [Again, Stands, Stands]);
    }

    #[test]
    fn all_loops_together_have_a_bound() {
        let plain = repeat("{max: 50}");
        let after = |repeats| plain.after(RunOver { repeats, ..over(Done, 2) }, Some(50), || Ok(false));
        assert_eq!(after(MOST_REPEATS - 1), Again);
        assert!(matches!(after(MOST_REPEATS), Fails(why) if why.contains("50 times")));
    }
}
