//! Making the store agree with reality: what the files and locks of running attempts say.

use std::time::{Duration, Instant};

use camino::Utf8PathBuf;

use super::{
    Engine, EngineError,
    ingest::{Stream, ingest, last_known},
    launch::unstarted,
    schema,
    settle::{News, Start, note_end},
};
use crate::{
    core::{
        Attempt, AttemptEnd, Category, Digest, Ending, Evidence, Failure, Input, Mending, Next, Outcome, Span, State,
        Status, Task, Terminal, Timestamp, Usage, judge, mending_of, retry_after, supervise, used_up,
    },
    keeper::contract::{AttemptDir, Exit, Order},
    os::{clock, failpoint, tree},
};

/// A keeper that was asked for has this long to take its lock before another is sent.
/// Sending one too many is harmless: it finds the lock taken or the attempt over.
const START_PATIENCE: Span = Span::from_secs(2);

/// A keeper beats every 5 s.
const KEEPER_SILENCE: Span = Span::from_secs(10);

/// A ticker that was woken by the same change as a waiter has so long to deal with it alone.
pub(super) const HEAD_START: Duration = Duration::from_millis(10);

/// How a running attempt looks from outside.
enum Look {
    Kept,
    /// No keeper: not yet, or no more.
    Unkept,
    Over(Box<Exit>),
}

impl Engine {
    /// Brings the store up to date with what has happened. Cheap when nothing has.
    ///
    /// # Errors
    /// Files or the store cannot be read or written.
    pub fn reconcile(&self) -> Result<(), EngineError> {
        self.gate.pass(self.watchers.changes(), || self.reconcile_now())
    }

    /// Like [`Engine::reconcile`], for looks while waiting: fifty who wait for the same poke share one. Where a ticker
    /// lives, the poke has woken it too: it goes first, and pokes again when what has ended is in the store. Two who
    /// do the same at once take each other's time and locks.
    ///
    /// Returns since when a change is left to the ticker, to be given to the next call; `None` while none is.
    ///
    /// # Errors
    /// Files or the store cannot be read or written.
    pub(super) fn refresh(&self, left_since: Option<Instant>) -> Result<Option<Instant>, EngineError> {
        if self.gate.is_fresh(self.watchers.changes()) {
            return Ok(None);
        }
        let now = clock::steady();
        let since = left_since.unwrap_or(now);
        if now.duration_since(since) < HEAD_START && self.has_ticker() {
            return Ok(Some(since));
        }
        self.reconcile().map(|()| None)
    }

    fn reconcile_now(&self) -> Result<(), EngineError> {
        // Nothing to look after, to release, to start or to drive: most calls of most days end here.
        if !self.store.read(|view| view.any_moving())? {
            return Ok(());
        }
        let news = self.look_around()?;
        if !news.is_empty() || self.something_is_due()? {
            failpoint::hit("engine.before_settle");
            self.settle(news)?;
        }
        // Runs are driven by the ticker only; it may have been killed between a step's end and the next step.
        if self.store.read(|view| view.any_run_to_drive())? { self.launch(&[]) } else { Ok(()) }
    }

    /// Returns the ends that are not in the store yet, and sends keepers where one is missing.
    pub(super) fn look_around(&self) -> Result<Vec<News>, EngineError> {
        let mut news = Vec::new();
        let mut keepers_wanted: Vec<Utf8PathBuf> = Vec::new();
        let busy = self.store.read(|view| view.busy())?;
        for task in &busy {
            // One task whose files cannot be used must not keep every command from working.
            if let Err(error) = self.look_after(task, &mut news, &mut keepers_wanted) {
                tracing::warn!(task = %task.id, error = &error as &dyn std::error::Error, "cannot be reconciled");
            }
        }
        if !busy.is_empty() {
            self.launch_again(&keepers_wanted)?;
        }
        Ok(news)
    }

    /// Finds out about one running task: its end, or that it needs a keeper.
    fn look_after(
        &self,
        task: &Task,
        news: &mut Vec<News>,
        keepers_wanted: &mut Vec<Utf8PathBuf>,
    ) -> Result<(), EngineError> {
        let Some(attempt) = running_attempt(task) else { return Ok(()) };
        let dir = self.attempt_dir(&task.id, attempt.number);
        let mut seen = look(&dir)?;
        if let (Look::Unkept, State::Ending { ending, .. }) = (&seen, &task.state) {
            // An end that was asked for before the start: the agent does not have to run for it. One that runs may have
            // removed the files that say so.
            let has_begun = tree::has_begun(&format!("{}.{}", task.id, attempt.number));
            if !has_begun && dir.forestall(*ending, clock::now())? {
                seen = look(&dir)?;
            }
        }
        match seen {
            Look::Kept if is_silent(attempt, &dir) => tree::continue_holder(&dir.file("alive")),
            Look::Kept => {}
            Look::Over(exit) => news.push(self.news_of_end(task, attempt, &dir, &exit)?),
            Look::Unkept if is_fresh(attempt) && !was_started(&dir) => {}
            Look::Unkept => match self.prepare(task, attempt.number) {
                Ok(dir) => keepers_wanted.push(dir.path().to_owned()),
                Err(error) if !was_started(&dir) => {
                    news.push(unstarted(&Start { task: task.clone(), attempt: attempt.number }, &error));
                }
                Err(error) => return Err(error),
            },
        }
        Ok(())
    }

    fn something_is_due(&self) -> Result<bool, EngineError> {
        let now = clock::now();
        Ok(self.store.read(|view| {
            if view.next_due()?.is_some_and(|due| due <= now) {
                return Ok(true);
            }
            self.could_start(view)
        })?)
    }

    /// Judges an attempt that is over.
    pub(super) fn news_of_end(
        &self,
        task: &Task,
        attempt: &Attempt,
        dir: &AttemptDir,
        exit: &Exit,
    ) -> Result<News, EngineError> {
        let mut exit = exit.clone();
        let (digest, mut outcome) = match self.final_digest(task, attempt, dir) {
            Ok(digest) => {
                exit.ending = ending_of(&task.state, exit.ending, &digest);
                let outcome = self.judge_attempt(task, attempt, dir, &exit, &digest)?;
                (digest, outcome)
            }
            // It was taken out of the configuration while the task ran: nobody can read its stream.
            Err(EngineError::UnknownBackend(unknown)) => {
                let failure = Failure::new(Category::BackendMissing, unknown.to_string());
                (last_known(dir)?, Outcome { status: Status::Failed, failure: Some(failure) })
            }
            Err(error) => return Err(error),
        };
        let mut end = self.attempt_end(&exit, &digest, &outcome, attempt);
        // An agent that goes on with its conversation does not always name it.
        let earlier = task.repaired_by(attempt).and_then(|failed| failed.ended.as_ref());
        end.session = end.session.or_else(|| earlier.and_then(|earlier| earlier.session.clone()));
        let (next, why_not) = self.what_follows(task, attempt, &end, &outcome, &digest);
        if let (Some(failure), Some(why)) = (&mut outcome.failure, why_not) {
            failure.message = format!("{}; {why}", failure.message);
            end.failure.clone_from(&outcome.failure);
        }
        let input = Input::AttemptEnded { attempt: attempt.number, outcome, next };
        Ok(News { task: task.id.clone(), input, end: Some(end) })
    }

    /// Returns what follows the attempt, or why nothing does although it was asked for. Told from what is stored
    /// and from the files alone: asked again after a crash, the answer is the same.
    fn what_follows(
        &self,
        task: &Task,
        attempt: &Attempt,
        end: &AttemptEnd,
        outcome: &Outcome,
        digest: &Digest,
    ) -> (Option<Next>, Option<String>) {
        let mut ended = task.clone();
        note_end(&mut ended, attempt.number, end.clone());
        let can_resume = self.registry.get(&attempt.backend).is_ok_and(|adapter| adapter.abilities().follow_up);
        let own_word = matches!(digest.terminal, Some(Terminal::Failure { .. }));
        match if own_word { Mending::NotAsked } else { mending_of(&ended, can_resume) } {
            Mending::Repair => (Some(Next::Repair), None),
            Mending::Not(why) => (None, Some(why)),
            Mending::NotAsked => {
                let limit_ends = digest.rate_limited_until;
                let retry = retry_after(&task.spec, task.tries(), outcome, limit_ends, clock::now());
                match used_up(&task.spec, &ended.spent()).filter(|_| retry.is_some()) {
                    Some(limit) => (None, Some(format!("{limit} is used up, so it was not tried again"))),
                    None => (retry, None),
                }
            }
        }
    }

    pub(super) fn final_digest(&self, task: &Task, attempt: &Attempt, dir: &AttemptDir) -> Result<Digest, EngineError> {
        let adapter = self.registry.get(&attempt.backend)?;
        let baseline = self.baseline(task, attempt).unwrap_or_default();
        let mut digest = ingest(dir, adapter, &baseline, Stream::Over)?;
        if let Some(schema) = &task.spec.output_schema {
            digest.structured = schema::fitting_answer(&digest, schema);
        }
        Ok(digest)
    }

    pub(super) fn judge_attempt(
        &self,
        task: &Task,
        attempt: &Attempt,
        dir: &AttemptDir,
        exit: &Exit,
        digest: &Digest,
    ) -> Result<Outcome, EngineError> {
        let adapter = self.registry.get(&attempt.backend)?;
        let stderr_verdict = adapter.classify_stderr(&tail_of(dir, "err"), exit.code);
        let missing = exit.ending == Ending::LaunchFailed && exit.detail.as_deref().is_some_and(is_missing_program);
        let missing = missing.then(|| Failure::new(Category::BackendMissing, exit.detail.clone().unwrap_or_default()));
        Ok(judge(&Evidence {
            ending: exit.ending,
            exit_code: exit.code.map(|code| if adapter.is_good_exit(code) { 0 } else { code }),
            signal: exit.signal,
            digest,
            stderr_verdict: missing.as_ref().or(stderr_verdict.as_ref()),
            has_terminal_event: adapter.has_terminal_event(),
            may_be_silent: adapter.may_be_silent(),
            verification: exit.verification,
            wants_checks: !task.spec.verify.is_empty(),
            detail: exit.detail.as_deref(),
            wants_structured: task.spec.output_schema.is_some(),
        }))
    }

    pub(super) fn attempt_end(&self, exit: &Exit, digest: &Digest, outcome: &Outcome, attempt: &Attempt) -> AttemptEnd {
        AttemptEnd {
            at: exit.ended_at,
            status: outcome.status,
            ending: exit.ending,
            exit_code: exit.code,
            signal: exit.signal,
            adopted: exit.adopted,
            killed_processes: exit.killed_processes,
            failure: outcome.failure.clone(),
            verification: exit.verification,
            checks: exit.checks.clone(),
            session: digest.session.clone(),
            model: digest.actual_model().map(str::to_owned),
            usage: digest.usage,
            cost: self.cost_of(digest, &attempt.backend),
            tools: digest.tools_finished,
            archive_note: exit.archive_note.clone(),
            answer_head: digest.answer().map(|text| text[..text.floor_char_boundary(400)].to_owned()),
        }
    }

    /// Reads the streams of running attempts and ends those that must not go on. The ticker's work.
    ///
    /// # Errors
    /// Files or the store cannot be read or written.
    pub fn supervise(&self) -> Result<(), EngineError> {
        for task in self.store.read(|view| view.busy())? {
            let Some(attempt) = running_attempt(&task) else { continue };
            let dir = self.attempt_dir(&task.id, attempt.number);
            match &task.state {
                // An order may have been lost with its keeper: it is given until it is carried out.
                State::Ending { ending, .. } => {
                    let order = Order::End { ending: *ending, grace: None, detail: None };
                    self.give(&dir, &order);
                }
                State::Paused { .. } => self.give(&dir, &Order::Pause),
                State::Running { .. } => {
                    // An order to pause may have been on its way when the task was resumed.
                    if dir.is_paused() {
                        self.give(&dir, &Order::Resume);
                    }
                    if let Err(error) = self.supervise_running(&task, attempt, &dir) {
                        tracing::warn!(task = %task.id, error = &error as &dyn std::error::Error, "cannot be supervised");
                    }
                }
                State::Queued { .. } | State::Held { .. } | State::Finished { .. } => {}
            }
        }
        Ok(())
    }

    fn supervise_running(&self, task: &Task, attempt: &Attempt, dir: &AttemptDir) -> Result<(), EngineError> {
        // An agent that has not been started yet is not silent.
        if !was_started(dir) {
            return Ok(());
        }
        let adapter = self.registry.get(&attempt.backend)?;
        let baseline: Usage = self.baseline(task, attempt).unwrap_or_default();
        let digest = ingest(dir, adapter, &baseline, Stream::Open)?;
        let started_at = agent_started_at(attempt, dir)?.unwrap_or(attempt.claimed_at);
        // Of a running task it is when it was claimed or resumed.
        let since = started_at.max(task.updated_at);
        let linger = if digest.tools_in_flight.is_empty() { adapter.linger() } else { adapter.background_linger() };
        let used = task.spent().with(&digest.usage.at_cost(&self.cost_of(&digest, &attempt.backend)));
        if let Some((ending, detail)) = supervise(&task.spec, &used, &digest, linger, since, clock::now()) {
            self.give(dir, &Order::End { ending, grace: None, detail: Some(detail) });
        }
        Ok(())
    }
}

/// Returns why an attempt ended. One that was asked to end, and whose keeper died over it, has ended as it was asked
/// to, unless it gave a result first.
fn ending_of(state: &State, told: Ending, digest: &Digest) -> Ending {
    match (state, told, &digest.terminal) {
        (State::Ending { ending, .. }, Ending::Vanished, None) => *ending,
        (_, _, _) => told,
    }
}

/// A setup command that could not be run says such things as well.
fn is_missing_program(detail: &str) -> bool {
    detail.starts_with("cannot start") && detail.contains("os error 2)")
}

pub(super) fn running_attempt(task: &Task) -> Option<&Attempt> {
    let number = task.state.busy_attempt()?;
    task.attempts.iter().find(|attempt| attempt.number == number)
}

/// The exit file is looked for again after the lock was found free: the keeper writes the one
/// before it lets go of the other.
fn look(dir: &AttemptDir) -> Result<Look, EngineError> {
    if let Some(exit) = dir.read_exit()? {
        return Ok(Look::Over(Box::new(exit)));
    }
    if dir.is_kept() {
        return Ok(Look::Kept);
    }
    Ok(dir.read_exit()?.map_or(Look::Unkept, |exit| Look::Over(Box::new(exit))))
}

/// A claim from the future (the clock was set back) is as old as any.
fn is_fresh(attempt: &Attempt) -> bool {
    let now = clock::now();
    attempt.claimed_at <= now && now.since(attempt.claimed_at) < START_PATIENCE
}

/// Whether the keeper has not been heard for longer than it is ever silent by itself: somebody may have stopped it.
fn is_silent(attempt: &Attempt, dir: &AttemptDir) -> bool {
    let beat = dir.last_beat().unwrap_or(attempt.claimed_at).max(attempt.claimed_at);
    clock::now().since(beat) > KEEPER_SILENCE
}

/// Returns when the agent itself was started: archiving and making ready come between the claim and that.
/// `None` while it was not.
pub(super) fn agent_started_at(attempt: &Attempt, dir: &AttemptDir) -> Result<Option<Timestamp>, EngineError> {
    let process = dir.read_process()?;
    Ok(process.map(|process| process.map_or(attempt.claimed_at, |process| process.started_at)))
}

fn was_started(dir: &AttemptDir) -> bool {
    dir.file("pid").exists()
}

/// Returns the last words of a file.
pub(super) fn tail_of(dir: &AttemptDir, name: &str) -> String {
    use std::io::{Read, Seek, SeekFrom};
    const TAIL: u64 = 16 * 1024;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(dir.file(name))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
