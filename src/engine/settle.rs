//! The one way in which tasks change: inputs go through the table, then whatever became
//! possible is claimed, all in one transaction. What was claimed is started afterwards.

use std::collections::VecDeque;

use super::{Engine, EngineError, lease::is_live};
use crate::{
    core::{
        AttemptEnd, Busy, Category, Ending, Failure, Input, Limits, Plan, State, Status, Task, TaskId, Timestamp,
        decide,
    },
    os::clock,
    store::{Place, StoreError, View, Writing},
};

/// A piece of news about a task, with the record of the attempt it ends, if it ends one.
pub(super) struct News {
    pub task: TaskId,
    pub input: Input,
    pub end: Option<AttemptEnd>,
}

/// A claimed attempt that has to be started.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub task: Task,
    pub attempt: u32,
}

/// What a transaction came to.
#[derive(Default)]
pub(super) struct Settled {
    pub starts: Vec<Start>,
    /// Tasks as they are now, of those that changed.
    pub changed: Vec<Task>,
}

impl Engine {
    /// Applies news, releases what is due, claims what may start.
    pub(super) fn settle(&self, news: Vec<News>) -> Result<Settled, EngineError> {
        let settled = self.store.write(|writing| {
            let now = clock::now();
            let mut settled = Settled::default();
            self.apply(writing, news.into(), now, &mut settled)?;
            self.advance(writing, now, &mut settled)?;
            Ok::<_, EngineError>(settled)
        })?;
        self.after_commit(&settled)?;
        Ok(settled)
    }

    /// Asks for the end of these tasks; one that is over by now keeps none of the others.
    pub(super) fn end_all(&self, tasks: &[TaskId]) -> Result<(), EngineError> {
        let settled = self.store.write(|writing| {
            let (now, mut settled) = (clock::now(), Settled::default());
            for task in tasks {
                let input = Input::EndAsked { ending: Ending::Cancelled };
                match self.apply(writing, [News { task: task.clone(), input, end: None }].into(), now, &mut settled) {
                    Ok(()) | Err(EngineError::Refused { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            self.advance(writing, now, &mut settled)?;
            Ok::<_, EngineError>(settled)
        })?;
        self.after_commit(&settled)
    }

    /// Starts what was claimed and tells waiters. A crash before or in here leaves claims without
    /// keepers, which the next reconciliation starts.
    pub(super) fn after_commit(&self, settled: &Settled) -> Result<(), EngineError> {
        crate::os::failpoint::hit("engine.after_commit");
        // Waiters read the store; the records are for the day when it is lost, so they come second.
        if !settled.changed.is_empty() {
            self.poke();
        }
        for task in settled.changed.iter().filter(|task| task.status().is_terminal()) {
            // The exit file tells a rebuild the same, for all tasks that have run.
            if let Err(error) = self.write_record(task) {
                tracing::warn!(task = %task.id, error = &error as &dyn std::error::Error, "no record outside the database");
            }
        }
        if settled.starts.is_empty() { self.ensure_ticker() } else { self.start_all(&settled.starts) }
    }

    pub(super) fn advance(
        &self,
        writing: &Writing<'_>,
        now: Timestamp,
        settled: &mut Settled,
    ) -> Result<(), EngineError> {
        let due = writing.view().due(now)?;
        let released = due.into_iter().map(|task| News { task, input: Input::Released, end: None }).collect();
        self.apply(writing, released, now, settled)?;
        self.claim(writing, now, settled)
    }

    pub(super) fn apply(
        &self,
        writing: &Writing<'_>,
        mut news: VecDeque<News>,
        now: Timestamp,
        settled: &mut Settled,
    ) -> Result<(), EngineError> {
        while let Some(News { task: id, input, end }) = news.pop_front() {
            let Some(mut task) = writing.view().task(&id)? else { continue };
            let decided = decide(&task.state, &input);
            let Some(state) = decided.map_err(|refusal| EngineError::Refused { task: id.clone(), refusal })? else {
                continue;
            };
            let was_held = matches!(task.state, State::Held { .. });
            let is_queued = matches!(state, State::Queued { .. });
            task.state = if was_held && is_queued { after_hold(&writing.view().needs(&id)?) } else { state };
            if let (Input::AttemptEnded { attempt, .. }, Some(end)) = (&input, end) {
                note_end(&mut task, *attempt, end);
            }
            let begun = begin(&mut task, now);
            writing.keep(&mut task, now)?;
            settled.starts.extend(begun.map(|attempt| Start { task: task.clone(), attempt }));
            if task.status().is_terminal() {
                news.extend(consequences(writing, &task)?);
            }
            settled.changed.retain(|other| other.id != task.id);
            settled.changed.push(task);
        }
        Ok(())
    }

    fn claim(&self, writing: &Writing<'_>, now: Timestamp, settled: &mut Settled) -> Result<(), EngineError> {
        let view = writing.view();
        for stale in view.holds()?.iter().filter(|hold| !is_live(hold)) {
            writing.remove_hold(&stale.lock)?;
        }
        let limits = self.limits();
        let mut plan = Plan::new(&limits, busy(&view)?);
        let mut place = None;
        while let Some(id) = next_start(&view, &mut plan, &mut place)? {
            let Some(mut task) = view.task(&id)? else { continue };
            let number = task.attempts.len() as u32 + 1;
            if let Ok(Some(state)) = decide(&task.state, &Input::Claimed { attempt: number }) {
                task.state = state;
                begin(&mut task, now);
                writing.keep(&mut task, now)?;
                settled.changed.retain(|other| other.id != task.id);
                settled.changed.push(task.clone());
                settled.starts.push(Start { task, attempt: number });
            }
        }
        Ok(())
    }

    /// Whether a task could start now, were it claimed.
    pub(super) fn could_start(&self, view: &View<'_>) -> Result<bool, StoreError> {
        let limits = self.limits();
        let mut plan = Plan::new(&limits, busy(view)?);
        Ok(next_start(view, &mut plan, &mut None)?.is_some())
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { slots: self.config.slots, per_backend: self.config.backend_slots.clone() }
    }
}

/// Returns what runs and who else writes.
pub(super) fn busy(view: &View<'_>) -> Result<Busy, StoreError> {
    let mut busy = Busy::default();
    for task in view.running()? {
        busy.backends.push(task.backend);
        busy.written.extend(task.writes);
    }
    busy.written.extend(view.holds()?.into_iter().filter(is_live).map(|hold| hold.root));
    Ok(busy)
}

/// Goes through the queue from `place` on to the next task that the plan lets start.
fn next_start(view: &View<'_>, plan: &mut Plan<'_>, place: &mut Option<Place>) -> Result<Option<TaskId>, StoreError> {
    while !plan.is_full() {
        let next = view.next_candidate(*place, &plan.full_backends(), plan.taken())?;
        let Some((candidate, at)) = next else { return Ok(None) };
        *place = Some(at);
        if plan.offer(&candidate) {
            return Ok(Some(candidate.id));
        }
    }
    Ok(None)
}

/// Notes the attempt that the state speaks of, if it is a new one; returns its number then.
fn begin(task: &mut Task, now: Timestamp) -> Option<u32> {
    let number = task.state.busy_attempt().filter(|number| task.attempt(*number).is_none())?;
    task.attempts.push(task.next_attempt(now));
    Some(number)
}

pub(super) fn note_end(task: &mut Task, attempt: u32, end: AttemptEnd) {
    if let Some(record) = task.attempts.iter_mut().find(|record| record.number == attempt) {
        record.ended.get_or_insert(end);
    }
}

/// A task that is over lets its dependents go on, or takes them with it.
fn consequences(writing: &Writing<'_>, task: &Task) -> Result<Vec<News>, EngineError> {
    let view = writing.view();
    let mut news = Vec::new();
    for dependent in view.dependents(&task.id)? {
        let needs = view.needs(&dependent)?;
        if let Some(input) = dependency_news(&needs) {
            news.push(News { task: dependent, input, end: None });
        }
    }
    Ok(news)
}

/// Returns what the statuses of its needs mean for a task; `None` while they leave it waiting.
pub(super) fn dependency_news(needs: &[(TaskId, Option<Status>)]) -> Option<Input> {
    let ended_badly = |(_, status): &&(TaskId, Option<Status>)| {
        status.is_none_or(|status| status.is_terminal() && status != Status::Done)
    };
    if let Some((id, status)) = needs.iter().find(ended_badly) {
        let how = status.map_or("was removed", Status::as_str);
        let why = Failure::new(Category::Unknown, format!("skipped: task {id} {how}"));
        return Some(Input::DependencyFailed {
            why: Failure { hint: "`mgr rerun` starts it by itself".into(), retryable: false, ..why },
        });
    }
    needs.iter().all(|(_, status)| *status == Some(Status::Done)).then_some(Input::DependenciesMet)
}

/// Returns the state of a task with these needs when nothing holds it any more: what it waited for before, it waits for
/// now. One that was removed had succeeded; the failure of any other has ended the task in its hold.
fn after_hold(needs: &[(TaskId, Option<Status>)]) -> State {
    let known: Vec<_> = needs.iter().filter(|(_, status)| status.is_some()).cloned().collect();
    first_state(&known)
}

/// Returns the state of a task with these needs at its submit.
pub(super) fn first_state(needs: &[(TaskId, Option<Status>)]) -> State {
    use crate::core::WaitingOn;
    match dependency_news(needs) {
        Some(Input::DependenciesMet) => State::Queued { waiting_on: WaitingOn::Slot },
        Some(Input::DependencyFailed { why }) => State::Finished { status: Status::Skipped, failure: Some(why) },
        _ => {
            let open = needs.iter().filter(|(_, status)| *status != Some(Status::Done));
            let task_ids = open.map(|(id, _)| id.clone()).collect();
            State::Queued { waiting_on: WaitingOn::Dependency { task_ids } }
        }
    }
}
