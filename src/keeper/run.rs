//! One attempt from start to exit file.
//!
//! Theory of operation: take the lock; if the agent was never started, archive the workspace and start it; else adopt
//! what is left of it. Then a loop over three things: child signals, orders from the FIFO,
//! and deadlines. Every ending goes the same way: a polite signal to the agent's group, the
//! grace, then the whole tree is stopped and killed, and only when no process is left the
//! exit file is written. Dying at any point leaves files from which the next keeper goes on.

use std::{
    fs::File,
    process::Stdio,
    time::{Duration, Instant},
};

use camino::Utf8Path;

use super::{
    archive,
    checks::{self, Lines},
    contract::{AgentProcess, AttemptDir, Exit, Order, Rests, Spec, VERSION, to_json},
    ctl::{Ear, News},
    recorder,
};
use crate::{
    core::{Bytes, Check, Ending, Span, Timestamp},
    os::{
        bell, clock, failpoint,
        files::{self, FileError},
        memory,
        spawn::{self, Program},
        tree::{self, Herd, Tell},
    },
};

/// Limits are looked at this often, and a keeper at rest wakes no more often.
const TICK: Duration = Duration::from_secs(1);
const BEAT_EVERY: Duration = Duration::from_secs(5);
/// What a keeper is called while it starts an agent, and the agent between fork and its own program: whoever kills all
/// that is called `mgr` just then would leave nobody who can say whether the agent has begun.
const START_NAME: &str = "run-agent";
/// Whoever looks whether an attempt is kept is done with that much sooner.
const LOCK_PATIENCE: Duration = Duration::from_millis(100);
/// An agent that was started needs milliseconds to its first step; one that needs longer is taken for begun.
const FIRST_STEP_PATIENCE: Duration = Duration::from_secs(5);
/// How long a keeper tries to write down the end, such as on a full disk. Then it leaves, and
/// the next one adopts what is there, without the exit code.
const EXIT_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Keeps the attempt in `dir` to its end. `environment` is the process's own. `again` where nobody seems to keep it although
/// somebody should: the files may be gone, and the processes are asked.
///
/// Returns at once when another keeper has the attempt or it is over.
///
/// # Errors
/// The directory cannot be used.
pub fn keep(dir: &Utf8Path, again: bool, environment: &[(String, String)]) -> Result<(), FileError> {
    tree::become_keeper();
    let dir = AttemptDir::new(dir);
    let lock = files::open_lock(&dir.file("alive"))?;
    if !files::take_lock(&lock, LOCK_PATIENCE) || dir.read_exit()?.is_some() {
        return Ok(());
    }
    failpoint::hit("keeper.locked");
    let Some(spec) = dir.read_spec()? else { return Ok(()) };
    let mut herd = herd_of(&dir, &spec);
    if again && herd.has_elder() {
        // Its lock was removed; it makes another.
        return Ok(());
    }
    let has_begun = again && herd.has_begun();
    let mut lock = lock;
    let exit = attempt(&dir, &spec, environment, has_begun, &mut lock)?;
    failpoint::hit("keeper.before_exit");
    write_exit(&dir, &exit)?;
    failpoint::hit("keeper.after_exit");
    wake_others(&spec);
    while failpoint::holds("keeper.told") {
        std::thread::sleep(Duration::from_millis(5));
    }
    // Those who were woken find the files by their names already, and keep what they say by a commit of their own.
    // A crash of the machine right now takes back the names at most: of an end that is committed, or that nobody
    // was told of, and of a snapshot, without which the changes count as not known.
    dir.settle()?;
    if let Some(plan) = &spec.archive {
        archive::settle(plan);
    }
    // The system releases it when this process is gone, and so tells those who wait for that.
    let _ = std::os::fd::IntoRawFd::into_raw_fd(lock);
    Ok(())
}

/// Returns what belongs to an attempt.
pub(super) fn herd_of(dir: &AttemptDir, spec: &Spec) -> Herd {
    let tasks = dir.path().parent().and_then(Utf8Path::parent).unwrap_or(dir.path());
    Herd::new(spec.cookie.clone(), tasks.to_owned())
}

/// The attempt from the archive before it to the archive after it.
fn attempt(
    dir: &AttemptDir,
    spec: &Spec,
    environment: &[(String, String)],
    has_begun: bool,
    lock: &mut File,
) -> Result<Exit, FileError> {
    let mut ear = Ear::open(&dir.file("ctl")).map_err(FileError::at(&dir.file("ctl"), "listen to"))?;
    let plan = spec.archive.as_ref();
    if let Some(plan) = plan.filter(|_| !has_begun && !dir.file("pid").exists()) {
        memory::keep_one_heap();
        if let Err(unready) = archive::prepare(dir, spec, plan, &mut ear, environment) {
            return Ok(unready.into_exit());
        }
        memory::release_heap();
    }
    let start = start_or_adopt(dir, spec, environment, has_begun)?;
    // Not before: an agent in its keeper's own session is ended by the system (SIGHUP) when that keeper dies while the
    // agent is stopped, because nobody of the session could continue it any more (setpgid(2), "orphaned process group").
    // Whoever started this keeper has left the caller's session and terminal before.
    tree::leave_session();
    let mut exit = match start {
        Start::Runs(agent) => Watch::new(dir, spec, agent, ear, lock).run_to_the_end(environment),
        Start::Failed(detail) => {
            return Ok(Exit { detail: Some(detail), ..Exit::without_agent(Ending::LaunchFailed, clock::now()) });
        }
    };
    match plan {
        // Both wait for the disk most of the time.
        Some(plan) => std::thread::scope(|scope| {
            scope.spawn(|| sync_output(dir));
            exit.archive_note = archive::finish(dir, plan, exit.adopted).err();
        }),
        None => sync_output(dir),
    }
    Ok(exit)
}

/// Nobody but this keeper knows how the agent ended: it stays, with the lock, until that is written.
fn write_exit(dir: &AttemptDir, exit: &Exit) -> Result<(), FileError> {
    let deadline = clock::steady() + EXIT_PATIENCE;
    loop {
        match dir.write_exit(exit) {
            // A home that was removed has no reader either. An attempt without its directory would look as if nobody had
            // begun it.
            Err(error) if clock::steady() < deadline && remake(dir) => {
                drop(error);
                std::thread::sleep(TICK);
            }
            written => return written,
        }
    }
}

/// Makes the directory anew if it is missing; `false` when there is no place for it any more.
fn remake(dir: &AttemptDir) -> bool {
    let tasks = dir.path().parent().and_then(Utf8Path::parent);
    dir.path().exists() || (tasks.is_some_and(Utf8Path::exists) && files::make_dir(dir.path()).is_ok())
}

/// The agent as this keeper knows it.
struct Agent {
    /// Leader of the agent's process group; `None` when an earlier keeper died before it wrote it down.
    pid: Option<i32>,
    started_at: Timestamp,
    adopted: bool,
}

enum Start {
    Runs(Agent),
    Failed(String),
}

/// `pid` is made first and never removed: whatever happens afterwards, this attempt does not start
/// a second time. Only where it is empty and even `err`, the last file that is made before the fork, is missing did an
/// earlier keeper die before it could fork. An agent, or whoever tidies up, may remove files: those who live are proof enough (`has_begun`).
fn start_or_adopt(
    dir: &AttemptDir,
    spec: &Spec,
    environment: &[(String, String)],
    has_begun: bool,
) -> Result<Start, FileError> {
    let is_new = files::create_new(&dir.file("pid"), b"")?;
    let known = dir.read_process()?.flatten();
    let says_so = known.is_some() || (!is_new && dir.file("err").exists());
    if has_begun || (says_so && !was_killed_with_its_keeper(dir, spec)) {
        let started_at = known.map_or_else(clock::now, |process| process.started_at);
        return Ok(Start::Runs(Agent { pid: known.map(|process| process.pid), started_at, adopted: true }));
    }
    failpoint::hit("keeper.before_spawn");
    let started_at = clock::now();
    let spawn = || spawn_agent(dir, spec, environment);
    // Of an agent that is `mgr` itself it can be told whether it has begun, and a keeper that dies with it finds out.
    let is_mgr = spec.records_end || spec.speaks_first;
    let child = match if is_mgr { spawn() } else { tree::under_name(START_NAME, spawn) } {
        Ok(child) => child,
        Err(detail) => return Ok(Start::Failed(detail)),
    };
    failpoint::hit("keeper.after_spawn");
    let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
    // Into the file that is there: half of it reads as "not known", as it does before. Where it cannot be
    // written (disk full) the agent is still ours; only a successor would miss it.
    let _ = files::fill(&dir.file("pid"), &to_json(&AgentProcess { pid, started_at }));
    Ok(Start::Runs(Agent { pid: Some(pid), started_at, adopted: false }))
}

/// Whether an agent that is `mgr` itself, or that `mgr` is to start, was killed before it did anything. Between fork and
/// its first step it is one of the processes that are called `mgr`, and goes with them.
fn was_killed_with_its_keeper(dir: &AttemptDir, spec: &Spec) -> bool {
    let has_begun = || match (spec.records_end, spec.speaks_first) {
        (true, _) => dir.file("ended").exists(),
        (false, true) => files::length(&dir.file("out")) > 0,
        (false, false) => true,
    };
    let deadline = clock::steady() + FIRST_STEP_PATIENCE;
    let mut herd = herd_of(dir, spec);
    while !has_begun() {
        if herd.members().is_empty() {
            // It may have begun and ended between the two looks.
            return !has_begun();
        }
        if clock::steady() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Output goes straight to append-only files: an agent that floods or exits abruptly loses
/// nothing to a pipe, and none of it passes through here.
fn spawn_agent(dir: &AttemptDir, spec: &Spec, environment: &[(String, String)]) -> Result<std::process::Child, String> {
    let open = |name: &str| files::open_append(&dir.file(name)).map_err(describe);
    let stdin = if spec.prompt_on_stdin {
        Stdio::from(File::open(dir.file("prompt")).map_err(|e| format!("cannot open the prompt: {e}"))?)
    } else {
        Stdio::null()
    };
    let program = Program {
        program: &spec.program,
        args: &spec.args,
        env: &agent_environment(spec, environment),
        cwd: &spec.cwd,
        stdin,
        stdout: open("out")?.into(),
        stderr: open("err")?.into(),
    };
    let started = if spec.records_end {
        let args = recorder::arguments(dir, &spec.program, &spec.args);
        spawn::own_in_own_group(Program { args: &args, ..program })
    } else {
        spawn::in_own_group(program)
    };
    started.map_err(|error| format!("cannot start `{}` in `{}`: {error}", spec.program, spec.cwd))
}

fn describe(error: FileError) -> String {
    format!("{error}: {}", error.source)
}

pub(super) fn agent_environment(spec: &Spec, own: &[(String, String)]) -> Vec<(String, String)> {
    let passes = |name: &str| {
        spec.env_pass.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        })
    };
    let mut env: Vec<_> = own.iter().filter(|(name, _)| passes(name)).cloned().collect();
    env.retain(|(name, _)| !spec.env.iter().any(|(fixed, _)| fixed == name) && name != tree::COOKIE);
    env.extend(spec.env.iter().cloned());
    env.push((tree::COOKIE.to_owned(), spec.cookie.clone()));
    env
}

/// An end that was begun.
struct Closing {
    ending: Ending,
    detail: Option<String>,
    kill_at: Instant,
}

/// A running attempt.
struct Watch<'a> {
    dir: &'a AttemptDir,
    spec: &'a Spec,
    agent: Agent,
    ear: Ear,
    herd: Herd,
    /// What says that this keeper lives.
    lock: &'a mut File,
    began: Instant,
    paused_since: Option<Instant>,
    /// Time spent paused, which does not count against the time limit.
    paused_for: Duration,
    closing: Option<Closing>,
    /// How the agent itself ended, once it has.
    ended: Option<tree::Ended>,
    beat_at: Instant,
}

impl<'a> Watch<'a> {
    fn new(dir: &'a AttemptDir, spec: &'a Spec, agent: Agent, ear: Ear, lock: &'a mut File) -> Self {
        let now = clock::steady();
        let before = |at: Timestamp| {
            let ago = clock::now().since(at).as_duration();
            now.checked_sub(ago).unwrap_or(now)
        };
        // An earlier keeper may have died while the tree stood still.
        let rests = if agent.adopted { dir.read_rests() } else { Rests::default() };
        Self {
            dir,
            spec,
            ear,
            herd: herd_of(dir, spec),
            lock,
            began: before(agent.started_at),
            paused_since: rests.since.map(before),
            paused_for: rests.before.as_duration(),
            closing: None,
            ended: None,
            beat_at: now + BEAT_EVERY,
            agent,
        }
    }

    fn run_to_the_end(mut self, environment: &[(String, String)]) -> Exit {
        let mut is_small = false;
        while self.is_agent_alive() {
            let news = self.ear.listen(self.patience());
            // Not for agents that are done at once.
            if !is_small && clock::steady() >= self.began + TICK {
                memory::release_program_text();
                is_small = true;
            }
            self.take(news);
            self.enforce_limits();
            self.stay_known();
            self.beat();
            if self.closing.as_ref().is_some_and(|closing| clock::steady() >= closing.kill_at) {
                break;
            }
        }
        let killed_processes = self.clear_the_tree();
        self.exit(killed_processes, environment)
    }

    /// Collects those who have ended, and notes how the agent did.
    fn collect(&mut self) {
        while let Some(ended) = tree::reap() {
            if Some(ended.pid) == self.agent.pid && !self.agent.adopted {
                self.ended = Some(ended);
            }
        }
    }

    /// The agent, not its tree: what it leaves behind is dealt with after it.
    fn is_agent_alive(&mut self) -> bool {
        self.collect();
        if self.agent.adopted {
            let members = self.herd.members();
            return match self.agent.pid {
                Some(pid) => members.contains(&pid),
                None => !members.is_empty(),
            };
        }
        self.ended.is_none()
    }

    /// The time until something is due, a tick at most.
    fn patience(&self) -> Duration {
        let now = clock::steady();
        let due = [self.closing.as_ref().map(|closing| closing.kill_at), self.time_limit()];
        let first = due.into_iter().flatten().min();
        first.map_or(TICK, |at| at.saturating_duration_since(now).min(TICK))
    }

    fn time_limit(&self) -> Option<Instant> {
        let limit = self.spec.timeout?.as_duration();
        self.paused_since.is_none().then(|| self.began + limit + self.paused_for)
    }

    fn take(&mut self, news: News) {
        if news.asked_to_leave {
            let detail = "the keeper was asked to end (SIGTERM)".to_owned();
            self.close(Ending::Vanished, None, Some(detail));
        }
        for order in news.orders {
            match order {
                Order::End { ending, grace, detail } => self.close(ending, grace, detail),
                // What is to end must run for it. The order may have been on its way when the end was asked for.
                Order::Pause if self.closing.is_some() => {}
                Order::Pause => self.pause(),
                Order::Resume => self.resume(),
            }
        }
    }

    /// SIGSTOP to every process of the tree, again until no new one turns up. What is written down about it comes
    /// first: a tree that stands still and does not look so would stand for ever if this keeper died here.
    fn pause(&mut self) {
        // Without it (disk full) a late order to pause is not noticed by the engine.
        files::poke(&self.dir.file("paused"));
        if self.paused_since.is_none() {
            self.paused_since = Some(clock::steady());
            self.note_rests(Some(clock::now()));
        }
        failpoint::hit("keeper.pausing");
        let mut stopped = std::collections::BTreeSet::new();
        loop {
            let members = self.herd.members();
            let fresh: std::collections::BTreeSet<_> = members.difference(&stopped).copied().collect();
            if fresh.is_empty() {
                break;
            }
            tree::tell(&fresh, Tell::Stop);
            stopped.extend(fresh);
        }
        failpoint::hit("keeper.paused");
    }

    fn note_rests(&self, since: Option<Timestamp>) {
        let before = Span::from_millis(u64::try_from(self.paused_for.as_millis()).unwrap_or(u64::MAX));
        // Without it (disk full) the next keeper counts the pause against the time limit.
        let _ = self.dir.write_rests(&Rests { v: VERSION, since, before });
    }

    fn resume(&mut self) {
        tree::tell(&self.herd.members(), Tell::Continue);
        if let Some(since) = self.paused_since.take() {
            self.paused_for += clock::steady().saturating_duration_since(since);
            self.note_rests(None);
        }
        failpoint::hit("keeper.resumed");
        let _ = std::fs::remove_file(self.dir.file("paused"));
    }

    /// Begins an end: the polite signal goes to the agent's process group. The first reason stands,
    /// but any reason is better than an agent that only lingers. Orders are repeated: only a
    /// grace that somebody asked for makes the end come sooner, and nothing makes it come later.
    fn close(&mut self, ending: Ending, grace: Option<Span>, detail: Option<String>) {
        let kill_at = clock::steady() + grace.unwrap_or(self.spec.grace).as_duration();
        if let Some(closing) = &mut self.closing {
            if grace.is_some() {
                closing.kill_at = closing.kill_at.min(kill_at);
            }
            if closing.ending == Ending::Lingered && ending != Ending::Lingered {
                (closing.ending, closing.detail) = (ending, detail);
            }
            return;
        }
        self.closing = Some(Closing { ending, detail, kill_at });
        let polite = if self.spec.interrupt_first { Tell::Interrupt } else { Tell::Terminate };
        match self.agent.pid {
            Some(leader) => {
                tree::tell_group(leader, polite);
                // A stopped process hears nothing else before it is continued.
                tree::tell_group(leader, Tell::Continue);
            }
            None => tree::tell(&self.herd.members(), polite),
        }
        if self.paused_since.is_some() {
            self.resume();
        }
    }

    fn enforce_limits(&mut self) {
        if self.closing.is_some() {
            return;
        }
        let now = clock::steady();
        if self.time_limit().is_some_and(|limit| now >= limit) {
            let detail = self.spec.timeout.map(|limit| format!("the time limit of {limit} was reached"));
            return self.close(Ending::TimedOut, None, detail);
        }
        let written = Bytes(files::length(&self.dir.file("out")) + files::length(&self.dir.file("err")));
        if written > self.spec.max_output {
            let detail = format!("the agent wrote more than the output limit of {}", self.spec.max_output);
            return self.close(Ending::OutputLimit, None, Some(detail));
        }
        if let Some(detail) = archive::disk_below_floor(self.dir, self.spec) {
            self.close(Ending::DiskFull, None, Some(detail));
        }
    }

    /// Makes anew what others know this keeper by and reach it with, where somebody has removed it.
    fn stay_known(&mut self) {
        let [alive, ctl, pid] = ["alive", "ctl", "pid"].map(|name| self.dir.file(name));
        let (is_known, is_reachable, is_told) = (files::is_at(self.lock, &alive), ctl.exists(), pid.exists());
        if (is_known && is_reachable && is_told) || !remake(self.dir) {
            return;
        }
        // What cannot be made (disk full) is made at a later look.
        if !is_known
            && let Ok(lock) = files::open_lock(&alive)
            && files::take_lock(&lock, LOCK_PATIENCE)
        {
            *self.lock = lock;
        }
        if !is_reachable {
            let _ = self.ear.reopen(&ctl);
        }
        if !is_told {
            let known = self.agent.pid.map(|pid| AgentProcess { pid, started_at: self.agent.started_at });
            let _ = files::create_new(&pid, &known.map(|process| to_json(&process)).unwrap_or_default());
        }
    }

    fn beat(&mut self) {
        let now = clock::steady();
        if now >= self.beat_at {
            self.beat_at = now + BEAT_EVERY;
            // A beat that cannot be written (disk full) is no reason to end anything.
            files::poke(&self.dir.file("beat"));
            // Limits that need the stream's meaning are the ticker's: it must not stay dead.
            ensure_ticker(self.spec);
        }
    }

    /// Gives what the agent left behind its time, then ends all of it; returns how many were killed.
    fn clear_the_tree(&mut self) -> u32 {
        let patience = if self.closing.is_some() { Duration::ZERO } else { self.spec.leftover_grace.as_duration() };
        let deadline = clock::steady() + patience;
        let mut killed = 0;
        loop {
            self.collect();
            if self.is_cleared() {
                // The last may have ended between the two looks, and the agent be among them.
                self.collect();
                return killed;
            }
            if clock::steady() >= deadline {
                killed = killed.max(self.herd.kill());
            }
            let news = self.ear.listen(Duration::from_millis(20));
            if !news.orders.is_empty() || news.asked_to_leave {
                killed = killed.max(self.herd.kill());
                self.take(news);
            }
        }
    }

    /// Reading every process's environment takes milliseconds. An agent that this keeper started and that ended
    /// by itself can be done without it: all that it started would be children here.
    fn is_cleared(&mut self) -> bool {
        let by_itself = !self.agent.adopted && self.closing.is_none();
        (by_itself && tree::is_childless()) || self.herd.members().is_empty()
    }

    fn exit(mut self, killed_processes: u32, environment: &[(String, String)]) -> Exit {
        let own_end = self.own_end();
        let code = self.ended.and_then(|ended| ended.code);
        let closing = self.closing.as_ref().map(|closing| closing.ending);
        let is_worth = is_worth_checking(closing, own_end.0, self.ended, self.spec);
        let checks = if is_worth { self.check(environment) } else { Vec::new() };
        let (ending, detail) = self.closing.map_or(own_end, |closing| (closing.ending, closing.detail));
        Exit {
            v: VERSION,
            ending,
            code,
            signal: self.ended.and_then(|ended| ended.signal),
            started_at: Some(self.agent.started_at),
            ended_at: clock::now(),
            adopted: self.agent.adopted,
            killed_processes,
            detail: detail.or_else(|| checks::first_failure(&checks)),
            verification: checks::verdict(&checks),
            checks,
            archive_note: None,
        }
    }

    /// Finds out how the agent ended where nothing was in its way, and why it could not even start.
    fn own_end(&mut self) -> (Ending, Option<String>) {
        if let Some(end) = self.dir.read_program_end().filter(|_| self.spec.records_end) {
            let pid = self.agent.pid.unwrap_or_default();
            self.ended = Some(tree::Ended { pid, code: end.code, signal: end.signal });
            let ending = if end.error.is_some() { Ending::LaunchFailed } else { Ending::Exited };
            return (ending, end.error);
        }
        (if self.agent.adopted { Ending::Vanished } else { Ending::Exited }, None)
    }

    /// Orders are heard while checks run: an end asked for now ends the check too.
    fn check(&mut self, environment: &[(String, String)]) -> Vec<Check> {
        let (dir, spec) = (self.dir, self.spec);
        let lines = Lines { commands: &spec.verify, log: "verify" };
        checks::run_lines(dir, spec, environment, &lines, &mut || {
            let news = self.ear.listen(Duration::from_millis(20));
            self.take(news);
            self.closing.as_ref().is_some_and(|closing| closing.ending != Ending::Lingered)
        })
    }
}

/// Checks say something about work that is there, not about a run that was broken off. An agent that was only still
/// there has given its result, however it then left; of one whose end nobody saw the stream says whether it had.
fn is_worth_checking(closing: Option<Ending>, own_end: Ending, ended: Option<tree::Ended>, spec: &Spec) -> bool {
    match (closing, own_end, ended) {
        (_, Ending::LaunchFailed, _) => false,
        (Some(closing), _, _) => closing == Ending::Lingered,
        (None, _, None) => true,
        (None, _, Some(ended)) => ended.code.is_some_and(|code| spec.is_good_exit(code)),
    }
}

/// The exit file must not be more durable than the output it stands for.
fn sync_output(dir: &AttemptDir) {
    for name in ["out", "err"] {
        // A file that is missing or cannot be synced is still what there is.
        let _ = File::open(dir.file(name))
            .and_then(|file| if file.metadata()?.len() > 0 { file.sync_data() } else { Ok(()) });
    }
}

/// Rings for those who wait, and starts a ticker if none is alive to hear it.
fn wake_others(spec: &Spec) {
    bell::ring(spec.poke.parent().unwrap_or(&spec.poke));
    ensure_ticker(spec);
}

fn ensure_ticker(spec: &Spec) {
    if files::is_locked(&spec.ticker_lock) {
        if let Some(ticker) = files::signature(&spec.ticker_lock) {
            tree::continue_helper(ticker);
        }
    } else {
        // Its zombie is collected with those of the agent's tree.
        let _ = spawn::own_program(["__launch", "--tick"], tree::NO_ATTEMPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"{"v":1,"cookie":"c.1","program":"a","args":[],"env":[],"env_pass":[],"cwd":"/w","prompt_on_stdin":true,"interrupt_first":false,"timeout":null,"grace":"10s","max_output":"1GB","free_disk_floor":"1MB","leftover_grace":"2s","verify":["true"],"verify_timeout":"30m","poke":"/p","ticker_lock":"/t"}"#;

    #[test]
    fn checks_follow_an_agent_that_came_to_its_end() {
        let spec: Spec = serde_json::from_str(SPEC).unwrap();
        let lenient = Spec { good_exits: vec![0, 3], ..spec.clone() };
        let code = |code| Some(tree::Ended { pid: 1, code: Some(code), signal: None });
        let killed = Some(tree::Ended { pid: 1, code: None, signal: Some(9) });
        let rows = [
            (&spec, None, Ending::Exited, code(0), true),
            (&spec, None, Ending::Exited, code(3), false),
            (&lenient, None, Ending::Exited, code(3), true),
            (&spec, None, Ending::Exited, killed, false),
            (&spec, None, Ending::Vanished, None, true),
            (&spec, None, Ending::LaunchFailed, code(127), false),
            // It had given its result before it was asked to leave.
            (&spec, Some(Ending::Lingered), Ending::Exited, killed, true),
            (&spec, Some(Ending::Lingered), Ending::Exited, code(143), true),
            (&spec, Some(Ending::Cancelled), Ending::Exited, code(0), false),
            (&spec, Some(Ending::TimedOut), Ending::Exited, killed, false),
        ];
        for (spec, closing, own_end, ended, is_worth) in rows {
            assert_eq!(is_worth_checking(closing, own_end, ended, spec), is_worth, "{closing:?} {own_end:?} {ended:?}");
        }
    }
}
