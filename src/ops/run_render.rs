//! How runs are drawn for people: a run as a page, runs as a table.

use super::{
    Exit, Render,
    run_step_view::{RepeatView, RunStepView},
    run_views::{RunLine, RunView},
    run_words::{PAUSED, cost_word, in_words, run_tone, shell_word, time_word, tone_of},
};
use crate::{
    core::{RunStatus, StepStatus, Timestamp},
    os::clock,
    ui::{Page, Tone, ago_words, brief_dollars, clip, duration_words, one_line, plural},
};

impl Render for RunLine {
    fn render(&self, page: &mut Page) {
        let word = page.tint(run_tone(self.status, self.standing), self.standing);
        let time = if self.was_taken_up { from_to(self.created_at, self.finished_at) } else { None };
        let time = time.unwrap_or_else(|| time_words(self.status, self.standing, self.elapsed_s));
        let why = self.why.as_deref().map(|why| format!(": {}", clip(why, 200))).unwrap_or_default();
        let (id, name) = (&self.workflow_id, one_line(&self.name));
        page.line(format!("{id} {name} {word}{time}, {}{why}", self.steps()));
    }
}

impl RunLine {
    /// Returns how many of its steps are over: `3 of 7 steps`.
    fn steps(&self) -> String {
        format!("{} of {}", self.steps_over, plural(self.steps_total, "step"))
    }

    fn row(&self, now: Timestamp) -> Vec<(Tone, String)> {
        let cost = cost_word(self.cost_usd.map(brief_dollars), self.cost_unknown_steps > 0);
        let plain = |words: String| (Tone::Plain, words);
        let nested =
            self.parent.as_ref().map(|parent| format!("step {} of {}", parent.step, parent.workflow_id.short()));
        let why: Vec<String> = nested.into_iter().chain(self.why.as_deref().map(|why| clip(why, 200))).collect();
        vec![
            plain(self.workflow_id.short().to_owned()),
            plain(clip(&self.name, 24)),
            (run_tone(self.status, self.standing), self.standing.to_owned()),
            plain(format!("{} of {}", self.steps_over, self.steps_total)),
            plain(duration_words(self.elapsed_s)),
            plain(ago_words(now.since(self.created_at).as_secs_f64())),
            plain(cost),
            plain(why.join("; ")),
        ]
    }
}

/// Returns the time that a run took so far, with the word before it.
fn time_words(status: RunStatus, standing: &str, seconds: f64) -> String {
    format!(" {} {}", time_word(status, standing), duration_words(seconds))
}

/// Returns from when to when a run went that is over: how long it stood still in between nobody has kept.
fn from_to(begun: Timestamp, finished: Option<Timestamp>) -> Option<String> {
    finished.map(|finished| format!(", from {begun} to {finished}"))
}

/// Shows runs as a table.
pub(super) fn run_table(page: &mut Page, runs: &[RunLine]) {
    let now = clock::now();
    let rows = runs.iter().map(|run| run.row(now)).collect();
    page.told_table(&["run", "name", "status", "steps", "time", "started", "cost", "why"], rows);
}

/// So many rows are shown; of more steps only those that are not simply done.
const MOST_ROWS: usize = 100;
/// So many lines of an output are shown on a terminal; the report has all.
const MOST_LINES: usize = 15;

impl RunView {
    /// Returns how the steps stand: `5 steps done, 1 not needed`.
    fn counts(&self) -> String {
        let counts = self.counts_by(|step| step.standing);
        let words = counts.into_iter().enumerate().map(|(at, (word, count))| match at {
            0 => format!("{} {}", plural(count, "step"), in_words(word)),
            _ => format!("{count} {}", in_words(word)),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// Returns what to do next where the run does not say it itself.
    fn next(&self) -> String {
        let id = self.workflow_id.short();
        let failed = self.steps.iter().find(|step| step.status == StepStatus::Failed);
        match (self.status, failed) {
            (RunStatus::Done, _) if self.demo => {
                format!("`mgr workflow report {id}` tells all of it; without `--demo` it runs for real.")
            }
            (RunStatus::Done, _) => format!("`mgr workflow report {id}` tells all of it."),
            (RunStatus::Failed | RunStatus::Cancelled, Some(step)) => {
                let task = step.task_id.as_ref().map(|task| format!("`mgr status {}` says more; ", task.short()));
                let step = shell_word(&step.id);
                format!("{}`mgr workflow retry {id} {step}` runs it again.", task.unwrap_or_default())
            }
            (RunStatus::Failed | RunStatus::Cancelled, None) => format!("`mgr workflow report {id}` tells all of it."),
            (RunStatus::Running, _) if self.standing == PAUSED => {
                let how = still(&self.steps).map(|how| format!(": `{how}` lets it go on")).unwrap_or_default();
                format!("Nothing of it moves{how}.")
            }
            (RunStatus::Running, _) if self.waits_for_person => {
                "Waits for a person: `mgr inbox` shows the question.".to_owned()
            }
            (RunStatus::Running, _) => format!("It goes on: `mgr workflow status {id} --wait` waits for its end."),
            (RunStatus::Paused, _) if self.budget_spent => {
                format!(
                    "`mgr answer {id}/budget yes` allows as much again; `mgr workflow resume {id} --budget '$N'` sets another."
                )
            }
            (RunStatus::Paused, _) => format!("It is paused: `mgr workflow resume {id}` lets it go on."),
        }
    }
}

impl Render for RunView {
    fn render(&self, page: &mut Page) {
        let word = page.tint(run_tone(self.status, self.standing), self.standing);
        let name = page.tint(Tone::Strong, &one_line(&self.name));
        let why = self.why.as_deref().map(|why| format!(" ({})", one_line(why))).unwrap_or_default();
        let time = if self.was_taken_up { from_to(self.created_at, self.finished_at) } else { None };
        let time = time.unwrap_or_else(|| time_words(self.status, self.standing, self.elapsed_s));
        page.line(format!("{name} {word}{time}{why}: {}", self.counts()));
        let cost = self.cost_words().map(|words| format!(", {words}")).unwrap_or_default();
        let line = page.tint(Tone::Faint, &format!("run {}{cost}", self.workflow_id));
        page.line(line);
        if let Some(parent) = &self.parent {
            page.line(format!("the workflow in step {} of {}", one_line(&parent.step), parent.workflow_id));
        }
        page.line("");
        let steps = in_line(&self.steps, 0);
        let is_told = |(_, step): &&(usize, &RunStepView)| steps.len() <= MOST_ROWS || step.status != StepStatus::Done;
        let told: Vec<_> = steps.iter().filter(is_told).collect();
        let rows = told.iter().take(MOST_ROWS).map(|(level, step)| step.row(*level)).collect();
        page.told_table(&["step", "status", "by", "time", "cost", "task", "why"], rows);
        let left = steps.len() - told.len().min(MOST_ROWS);
        if left > 0 {
            page.line(format!("and {} more: `--json` has all.", plural(left as u64, "step")));
        }
        for note in &self.notes {
            let whose = if self.demo { "demo" } else { "note" };
            page.line(format!("{whose}: {}", one_line(note)));
        }
        for (name, text) in &self.outputs {
            page.line("");
            let name = page.tint(Tone::Strong, &format!("{}:", one_line(name)));
            page.line(name);
            output(page, text);
        }
        page.line("");
        page.told(&self.next(), "");
    }

    fn exit(&self) -> Exit {
        self.exit
    }
}

/// Returns the command that lets the first step go on that is paused by itself.
fn still(steps: &[RunStepView]) -> Option<String> {
    steps.iter().filter(|step| step.standing == PAUSED).find_map(|step| match (&step.child_id, &step.task_id) {
        (Some(run), _) if step.child_status == Some(RunStatus::Paused) => {
            Some(format!("mgr workflow resume {}", run.short()))
        }
        (Some(_), _) => still(&step.steps),
        (None, task) => task.as_ref().map(|task| format!("mgr resume {}", task.short())),
    })
}

/// Returns the steps, those of a race and of nested workflows beneath theirs, each with how deep it lies.
fn in_line(steps: &[RunStepView], level: usize) -> Vec<(usize, &RunStepView)> {
    let with_own = |step: &'_ RunStepView| level + usize::from(step.race.is_some());
    let mut found = Vec::new();
    for step in steps {
        found.push((with_own(step), step));
        found.extend(in_line(&step.steps, level + 1));
    }
    found
}

/// Adds an output; on a terminal only its beginning.
fn output(page: &mut Page, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let most = page.width().map_or(lines.len(), |_| MOST_LINES);
    for line in lines.iter().take(most) {
        page.told(line, "  ");
    }
    if lines.len() > most {
        page.line(format!("  … and {}", plural((lines.len() - most) as u64, "more line")));
    }
}

impl RunStepView {
    fn row(&self, level: usize) -> Vec<(Tone, String)> {
        let turns = match self.repeat {
            Some(RepeatView { run, max }) => Some(format!("run {run} of at most {max}")),
            None => (self.turn > 1).then(|| format!("{} turns", self.turn)),
        };
        let repairs = (self.repairs > 0).then(|| plural(self.repairs.into(), "repair"));
        let why = self.why().map(|why| clip(&why, 200));
        let why: Vec<String> = turns.into_iter().chain(repairs).chain(why).collect();
        let id = self.task_id.as_ref().or(self.child_id.as_ref());
        let by = self.backend.clone().unwrap_or_else(|| self.kind.as_str().to_owned());
        let plain = |words: Option<String>| (Tone::Plain, words.unwrap_or_default());
        vec![
            (Tone::Plain, format!("{:indent$}{}", "", self.id, indent = 2 * level)),
            (tone_of(self.status, self.standing), in_words(self.standing)),
            (Tone::Plain, by),
            plain(self.elapsed_s.map(duration_words)),
            (Tone::Plain, cost_word(self.cost_usd.map(brief_dollars), self.cost_unknown)),
            (Tone::Faint, id.map(|id| id.short().to_owned()).unwrap_or_default()),
            (Tone::Plain, why.join(": ")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{ops::run_views::ParentStep, workflow::StepKind};

    fn step(id: &str, status: StepStatus, reason: Option<&str>, cost_usd: Option<f64>) -> RunStepView {
        RunStepView {
            id: id.to_owned(),
            kind: StepKind::Agent,
            race: None,
            winner: None,
            status,
            standing: status.as_str(),
            reason: reason.map(str::to_owned),
            task_id: cost_usd.map(|_| "1qegr4yra00000000000a".parse().unwrap()),
            task_status: None,
            waiting_on: None,
            until: None,
            turn: 1,
            repeat: None,
            child_id: None,
            child_status: None,
            steps: Vec::new(),
            verification: None,
            repairs: 0,
            attempts: None,
            approval: None,
            backend: cost_usd.map(|_| "codex".to_owned()),
            elapsed_s: cost_usd.map(|_| 75.0),
            cost_usd,
            cost_unknown: false,
            question: None,
        }
    }

    fn run(status: RunStatus, steps: Vec<RunStepView>) -> RunView {
        RunView {
            workflow_id: "1qegr4xz5ddrfv3syrhy9".parse().unwrap(),
            name: "two\u{1b}[2J steps".to_owned(),
            status,
            standing: status.as_str(),
            created_at: Timestamp(0),
            finished_at: None,
            elapsed_s: 80.0,
            parent: None,
            why: None,
            exit: Exit::Success,
            cost_usd: Some(1.5),
            steps,
            outputs: BTreeMap::new(),
            cost_unknown_steps: 1,
            budget_usd: None,
            budget_spent: false,
            demo: false,
            waits_for_person: false,
            next: None,
            notes: Vec::new(),
            was_taken_up: false,
        }
    }

    fn line(name: &str, status: RunStatus, why: Option<&str>) -> RunLine {
        RunLine {
            workflow_id: "1qegr4xz5ddrfv3syrhy9".parse().unwrap(),
            name: name.to_owned(),
            status,
            standing: status.as_str(),
            created_at: Timestamp(clock::now().as_millis() - 190_000),
            finished_at: None,
            elapsed_s: 75.0,
            steps_total: 7,
            steps_over: 3,
            waits_for_person: false,
            why: why.map(str::to_owned),
            cost_usd: None,
            cost_unknown_steps: 0,
            parent: None,
            was_taken_up: false,
        }
    }

    #[test]
    fn runs_are_a_table_that_says_why_they_stand_where_they_stand() {
        let failed = RunLine {
            cost_usd: Some(1.5),
            cost_unknown_steps: 1,
            ..line("safe\u{1b}[2J refactor", RunStatus::Failed, Some("fix failed: the check\nfailed"))
        };
        let nested = RunLine {
            parent: Some(ParentStep { workflow_id: failed.workflow_id.clone(), step: "in[a]".to_owned() }),
            cost_unknown_steps: 2,
            ..line("inner", RunStatus::Paused, Some("a person said so"))
        };
        let cheap = RunLine { cost_usd: Some(0.004), ..line(&"n".repeat(30), RunStatus::Done, None) };
        let drawn = |runs: &[RunLine], mut page: Page| {
            run_table(&mut page, runs);
            page.as_str().to_owned()
        };
        let runs = [failed, nested, cheap];
        let expected = "RUN        NAME                      STATUS  STEPS   TIME    STARTED  COST     WHY
1qegr4xz5  safe refactor             failed  3 of 7  1m 15s  3m ago   ≥ $1.50  fix failed: the check failed
1qegr4xz5  inner                     paused  3 of 7  1m 15s  3m ago   unknown  step in[a] of 1qegr4xz5; a person said so
1qegr4xz5  nnnnnnnnnnnnnnnnnnnnnnn…  done    3 of 7  1m 15s  3m ago   <$0.01
";
        assert_eq!(drawn(&runs, Page::plain()), expected);
        let narrow = drawn(&runs, Page::coloured(82));
        assert!(narrow.contains("\n    step in[a] of 1qegr4xz5; a person said so\n"), "{narrow}");
        assert!(narrow.lines().all(|line| crate::ui::sanitise(line).chars().count() <= 82), "{narrow}");
        assert!(!drawn(&runs[2..], Page::plain()).contains("WHY"));
    }

    fn page_of(run: &RunView, mut page: Page) -> String {
        run.render(&mut page);
        page.as_str().to_owned()
    }

    #[test]
    fn a_run_is_a_page_that_says_who_did_what_and_what_to_do() {
        let mut unknown = step("review[speed]", StepStatus::Done, None, Some(1.0));
        (unknown.cost_usd, unknown.cost_unknown) = (None, true);
        let part = RunStepView { cost_unknown: true, ..step("in", StepStatus::Done, None, Some(0.5)) };
        let steps = vec![
            step("plan", StepStatus::Done, None, Some(1.5)),
            unknown,
            part,
            step("fix", StepStatus::Failed, Some("the check failed:\n`x`"), Some(0.0)),
            step("ship", StepStatus::Skipped, Some("fix failed"), None),
        ];
        let mut run = run(RunStatus::Failed, steps);
        run.outputs.insert("summary".into(), "one\ntwo".into());
        let expected = "two steps failed in 1m 20s: 3 steps done, 1 failed, 1 skipped
run 1qegr4xz5ddrfv3syrhy9, $1.50 spent, and the cost of 1 step is not known

STEP           STATUS   BY     TIME    COST     TASK       WHY
plan           done     codex  1m 15s  $1.50    1qegr4yra
review[speed]  done     codex  1m 15s  unknown  1qegr4yra
in             done     codex  1m 15s  ≥ $0.50  1qegr4yra
fix            failed   codex  1m 15s  $0.00    1qegr4yra  the check failed: `x`
ship           skipped  agent                              fix failed

summary:
  one
  two

`mgr status 1qegr4yra` says more; `mgr workflow retry 1qegr4xz5 fix` runs it again.
";
        assert_eq!(page_of(&run, Page::plain()), expected);
    }

    /// The time between its end and the retry is no work.
    #[test]
    fn a_run_that_was_taken_up_again_says_from_when_to_when() {
        let mut run = run(RunStatus::Done, vec![step("plan", StepStatus::Done, None, None)]);
        (run.was_taken_up, run.finished_at) = (true, Some(Timestamp(6500)));
        let told = "two steps done, from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:06.500Z: 1 step done\n";
        assert!(page_of(&run, Page::plain()).starts_with(told));
    }

    #[test]
    fn a_wait_says_until_when() {
        let wait = RunStepView { until: Some(Timestamp(0)), ..step("nap", StepStatus::Running, None, None) };
        let text = page_of(&run(RunStatus::Running, vec![wait]), Page::plain());
        assert!(
            text.contains("\nnap   running  agent                    waits until 1970-01-01T00:00:00.000Z\n"),
            "{text}"
        );
    }

    #[test]
    fn what_to_type_next_survives_a_shell() {
        let run = run(RunStatus::Failed, vec![step("review[it's]", StepStatus::Failed, None, None)]);
        assert_eq!(run.next(), r"`mgr workflow retry 1qegr4xz5 'review[it'\''s]'` runs it again.");
    }

    #[test]
    fn a_terminal_gets_colours_and_the_beginning_of_long_outputs() {
        let mut run = run(RunStatus::Done, vec![step("plan", StepStatus::Done, None, None)]);
        run.outputs.insert("long".into(), "line\n".repeat(40));
        let text = page_of(&run, Page::coloured(80));
        assert!(text.contains("\u{1b}[32mdone\u{1b}[39m in 1m"), "{text:?}");
        assert!(text.contains("  … and 25 more lines\n"), "{text}");
        assert!(text.lines().all(|line| crate::ui::sanitise(line).chars().count() <= 80), "{text}");
    }

    #[test]
    fn of_a_thousand_steps_those_are_shown_that_need_a_look() {
        let mut steps: Vec<_> = (0..999).map(|n| step(&format!("s{n}"), StepStatus::Done, None, None)).collect();
        steps.push(step("last", StepStatus::Failed, Some("why"), None));
        let text = page_of(&run(RunStatus::Failed, steps), Page::plain());
        assert!(text.starts_with("two steps failed in 1m 20s: 999 steps done, 1 failed\n"), "{text}");
        assert!(text.contains("and 999 steps more: `--json` has all.") && text.lines().count() < 12, "{text}");
    }
}
