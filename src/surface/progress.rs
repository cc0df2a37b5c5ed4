//! What a waiting person sees: one live line a task on a terminal, plain lines in a pipe.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::{
    core::TaskId,
    ops::{Answer, Call, EventView, Exit, OpError, OpSpec, Progress, Render, TaskLine, event_words},
    ui::{Page, Ui, clip, duration_words},
};

/// How a wait is shown.
enum Mode {
    Silent,
    /// A spinner for each task.
    Bars(MultiProgress),
    /// A line for each change.
    Lines,
    /// A JSON line for each event, on standard output.
    JsonEvents,
}

/// The progress of one command.
pub(super) struct Live<'a> {
    mode: Mode,
    ui: &'a Ui,
    follows: bool,
    cancels: bool,
    is_workflow: bool,
    bars: Mutex<BTreeMap<TaskId, ProgressBar>>,
    last: Mutex<BTreeMap<TaskId, String>>,
}

impl<'a> Live<'a> {
    pub(super) fn new(row: &OpSpec, ui: &'a Ui, wants_json: bool) -> Self {
        let follows = matches!(row.cli, ["run" | "events"]);
        let mode = match (follows && row.cli == ["events"], wants_json, ui.is_live()) {
            (true, true, _) => Mode::JsonEvents,
            (true, false, _) => Mode::Lines,
            (false, true, _) => Mode::Silent,
            (false, false, true) => Mode::Bars(MultiProgress::new()),
            (false, false, false) => Mode::Lines,
        };
        Self {
            mode,
            ui,
            follows,
            cancels: row.cli == ["run"],
            is_workflow: matches!(row.cli, ["workflow", ..] | ["parallel"]),
            bars: Mutex::default(),
            last: Mutex::default(),
        }
    }

    /// Takes the live lines away before the answer is printed.
    pub(super) fn clear(&self) {
        for bar in lock(&self.bars).values() {
            bar.finish_and_clear();
        }
    }

    /// Waits for Ctrl-C. Once: the command lets go and the tasks go on. Twice within two seconds,
    /// for `run`: its task is cancelled.
    pub(super) async fn interrupted(&self, call: &Call<'_>) -> Result<Answer, OpError> {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        let known: Vec<TaskId> = lock(&self.last).keys().cloned().collect();
        self.clear();
        if self.is_workflow {
            return Ok(farewell("The workflow goes on: `mgr workflow status`".to_owned(), Exit::StillRunning));
        }
        if known.is_empty() {
            return Err(OpError::invalid("interrupted"));
        }
        if self.cancels {
            self.ui.say("The task goes on. Ctrl-C again now cancels it.");
            let again = tokio::time::timeout(Duration::from_secs(2), tokio::signal::ctrl_c()).await;
            if again.is_ok() {
                for id in &known {
                    call.engine.cancel(id, None, Some("Ctrl-C")).await?;
                }
                return Ok(farewell("cancelled".to_owned(), Exit::Cancelled));
            }
        }
        let ids: Vec<_> = known.iter().map(TaskId::short).collect();
        Ok(farewell(format!("The tasks go on: `mgr watch {}`", ids.join(" ")), Exit::StillRunning))
    }

    fn say(&self, words: &str) {
        match &self.mode {
            // A terminal that is gone has nothing to show.
            Mode::Bars(all) => drop(all.println(words)),
            Mode::Lines => self.ui.say(words),
            Mode::JsonEvents | Mode::Silent => {}
        }
    }

    fn bar(&self, all: &MultiProgress, task: &TaskLine) {
        let mut bars = lock(&self.bars);
        let bar = bars.entry(task.task_id.clone()).or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = all.add(ProgressBar::new_spinner().with_style(style));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(words(task));
        if task.status.is_terminal() {
            bar.finish();
        }
    }

    /// A line when the state changes, not when the time does.
    fn plain(&self, task: &TaskLine) {
        let mut last = lock(&self.last);
        let state = format!("{} {}", task.health.as_str(), task.repairs);
        let is_news = last.insert(task.task_id.clone(), state.clone()) != Some(state);
        if is_news && !task.status.is_terminal() {
            self.ui.say(&words(task));
        }
    }
}

fn words(task: &TaskLine) -> String {
    let name = clip(task.label.as_deref().unwrap_or(&task.prompt), 30);
    let step = task.current_step.as_deref().map(|step| format!(" · {}", clip(step, 60))).unwrap_or_default();
    let took = task.elapsed_s.map(|seconds| format!(" {}", duration_words(seconds))).unwrap_or_default();
    let cost = task.cost.usd.map(|usd| format!(" ${usd:.2}")).unwrap_or_default();
    format!("{} {}{took}{cost} {name}{step}", task.task_id.short(), task.health.as_str())
}

impl Progress for Live<'_> {
    fn wants_tasks(&self) -> bool {
        !matches!(self.mode, Mode::Silent)
    }

    fn tasks(&self, tasks: &[TaskLine]) {
        for task in tasks {
            let is_new = !lock(&self.last).contains_key(&task.task_id);
            if is_new && self.cancels {
                self.say(&format!("task {}", task.task_id));
            }
            match &self.mode {
                Mode::Bars(all) => self.bar(all, task),
                Mode::Lines if !self.follows => self.plain(task),
                Mode::Lines | Mode::JsonEvents | Mode::Silent => {}
            }
            // Known tasks are what an interrupted command can name.
            lock(&self.last).entry(task.task_id.clone()).or_default();
        }
    }

    fn line(&self, words: &str) {
        self.say(words);
    }

    fn event(&self, event: &EventView) {
        match &self.mode {
            Mode::JsonEvents => {
                // A reader that has gone away ends the command at its next line.
                let line = crate::ui::harmless_json(&serde_json::to_string(event).unwrap_or_default());
                if self.ui.answer(&line).is_err() {
                    std::process::exit(0);
                }
            }
            Mode::Lines if self.cancels => {
                if let Some(line) = event_words(&event.record.event) {
                    self.ui.say(&crate::ui::sanitise(&line));
                }
            }
            Mode::Lines => {
                let mut page = Page::plain();
                event.render(&mut page);
                if self.ui.answer(page.as_str()).is_err() {
                    std::process::exit(0);
                }
            }
            Mode::Bars(_) => {
                if let Some(line) = event_words(&event.record.event) {
                    self.say(&format!("  {}", crate::ui::sanitise(&line)));
                }
            }
            Mode::Silent => {}
        }
    }
}

struct Farewell(String);

impl Render for Farewell {
    fn render(&self, page: &mut Page) {
        page.line(&self.0);
    }
}

fn farewell(words: String, exit: Exit) -> Answer {
    Answer { value: serde_json::json!({"message": words}), shown: Box::new(Farewell(words)), exit }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
