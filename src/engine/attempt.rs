//! From the ask to the attempt's directory: which words, which program, which limits.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Engine, EngineError, ingest};
use crate::{
    backends::{
        Backend, COMMAND, Continuation, Invocation, PoliteSignal, PromptVia, Request, SELF_PROGRAM, SessionPlan,
    },
    core::{Attempt, BackendName, Money, Task, TaskId, TaskSpec, Usage, Words, repair_prompt},
    keeper::contract::{AttemptDir, Spec, VERSION},
    os::{
        files::{self, Durability},
        random, spawn, tree,
    },
};

/// Passed on to every agent: what programs need to work at all.
const ENV_FOR_ALL: [&str; 24] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_*",
    "TERM",
    "TMPDIR",
    "TZ",
    "XDG_*",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "SSH_AUTH_SOCK",
    "MGR_HOME",
    "MGR_FAILPOINT_AGENT",
    "SYSTEMROOT",
];

/// What an attempt asks of the agent.
struct Turn {
    spec: TaskSpec,
    words: Words,
    session: SessionPlan,
}

impl Engine {
    pub(super) fn attempt_dir(&self, id: &TaskId, number: u32) -> AttemptDir {
        AttemptDir::new(self.home.attempt(id, number))
    }

    /// Returns the invocation for an ask, without touching anything: also the check at submit.
    pub(super) fn invocation(
        &self,
        spec: &TaskSpec,
        words: &Words,
        backend: &BackendName,
        working_dir: &Utf8Path,
        attempt_dir: &Utf8Path,
        session: SessionPlan,
    ) -> Result<Invocation, EngineError> {
        let adapter = self.registry.get(backend)?;
        let request = Request {
            backend: backend.clone(),
            prompt: self.whole_prompt(spec, words)?,
            command: spec.command.clone(),
            system_prompt: self.system_prompt(spec)?,
            working_dir: working_dir.to_owned(),
            attempt_dir: attempt_dir.to_owned(),
            model: spec.model.clone().or_else(|| self.config.models.get(backend).cloned()),
            effort: spec.effort,
            posture: spec.posture,
            max_turns: spec.max_turns,
            budget: spec.budget,
            output_schema: spec.output_schema.clone(),
            session,
            trust_project: spec.trust_project,
            is_root: is_root(),
            sandbox_works: None,
        };
        let limit = adapter.abilities().max_prompt;
        if request.prompt.len() as u64 > limit {
            return Err(EngineError::Invalid {
                message: format!("the prompt has {} bytes; {backend} takes at most {limit}", request.prompt.len()),
                hint: "put the text into a file in the working directory and name it in the prompt".into(),
            });
        }
        Ok(adapter.invocation(&request)?)
    }

    /// Returns the conversation in which a task begins.
    pub(super) fn first_session(&self, spec: &TaskSpec) -> Result<SessionPlan, EngineError> {
        let Some(earlier) = &spec.lineage.continues else {
            return Ok(SessionPlan::New { id: random::uuid() });
        };
        let task = self.task(earlier)?;
        let session = task.last_end().and_then(|end| end.session.clone()).ok_or_else(|| EngineError::Conflict {
            message: format!("task `{earlier}` has no conversation to go on with"),
            hint: "`mgr rerun` starts a new one with the same prompt".into(),
        })?;
        Ok(SessionPlan::Continue(Continuation { session, history: self.history(earlier)? }))
    }

    /// Returns earlier turns, oldest first.
    fn history(&self, last: &TaskId) -> Result<Vec<(String, String)>, EngineError> {
        let mut turns = Vec::new();
        let mut next = Some(last.clone());
        while let Some(id) = next {
            let task = self.task(&id)?;
            if let Some(last) = task.last_attempt() {
                turns.push(self.turns_to(&task, last)?);
            }
            next = task.spec.lineage.continues;
        }
        turns.reverse();
        Ok(turns.concat())
    }

    /// Returns the turns of a task's own conversation up to the end of an attempt: its try, and each repair.
    fn turns_to(&self, task: &Task, last: &Attempt) -> Result<Vec<(String, String)>, EngineError> {
        let answer = ingest::last_known(&self.attempt_dir(&task.id, last.number))?;
        let answer = answer.answer().unwrap_or_default().to_owned();
        let Some(failed) = task.repaired_by(last) else {
            return Ok(vec![(self.words(&task.id)?.prompt, answer)]);
        };
        let mut turns = self.turns_to(task, failed)?;
        turns.push((failed.ended.as_ref().map(repair_prompt).unwrap_or_default(), answer));
        Ok(turns)
    }

    /// Returns the usage of the run that an attempt's conversation stands at, for subtraction.
    pub(super) fn baseline(&self, task: &Task, attempt: &Attempt) -> Result<Usage, EngineError> {
        if let Some(failed) = task.repaired_by(attempt) {
            return Ok(failed.ended.as_ref().map(|end| end.usage).unwrap_or_default());
        }
        match &task.spec.lineage.continues {
            Some(earlier) => Ok(self.task(earlier)?.last_end().map(|end| end.usage).unwrap_or_default()),
            None => Ok(Usage::default()),
        }
    }

    fn whole_prompt(&self, spec: &TaskSpec, words: &Words) -> Result<String, EngineError> {
        let mut whole = words.prompt.clone();
        if let Some(context) = &words.context {
            whole.push_str("\n\n<context>\n");
            whole.push_str(context);
            whole.push_str("\n</context>");
        }
        for file in &spec.include_files {
            let bytes = std::fs::read(file).map_err(files::FileError::at(file, "read the included file"))?;
            whole.push_str(&format!("\n\n<file path=\"{file}\">\n{}\n</file>", String::from_utf8_lossy(&bytes)));
        }
        Ok(whole)
    }

    fn system_prompt(&self, spec: &TaskSpec) -> Result<Option<String>, EngineError> {
        let role = spec.role.as_deref().map(|name| self.role(name)).transpose()?;
        let parts: Vec<_> = role.map(|role| role.prompt).into_iter().chain(spec.system_prompt.clone()).collect();
        Ok((!parts.is_empty()).then(|| parts.join("\n\n")))
    }

    /// Makes the directory of an attempt that is about to start. Doing it twice is harmless.
    pub(super) fn prepare(&self, task: &Task, number: u32) -> Result<AttemptDir, EngineError> {
        let dir = self.attempt_dir(&task.id, number);
        // One that cannot be read (a machine crash) is made again.
        if dir.read_spec()?.is_some() {
            return Ok(dir);
        }
        self.finish_landings(&task.spec)?;
        files::make_dir(dir.path())?;
        let words = self.store.read(|view| view.words(&task.id))?;
        if !self.home.task(&task.id).join("task.json").exists() {
            // The submitter died, or its disk was full, between its commit and this file.
            let request_id = self.store.read(|view| view.request_id(&task.id))?;
            self.write_task_file(task, &words, request_id.as_deref())?;
        }
        let attempt = task.attempt(number);
        let backend = attempt.map_or(&task.spec.backend, |attempt| &attempt.backend);
        let working_dir = self.agent_dir(&task.id, &task.spec);
        let Turn { spec, words, session } = self.turn_of(task, attempt, words)?;
        let invocation = self.invocation(&spec, &words, backend, &working_dir, dir.path(), session)?;
        let on_stdin = match &invocation.prompt {
            PromptVia::Stdin(text) => {
                files::replace(&dir.file("prompt"), text.as_bytes(), Durability::Process)?;
                true
            }
            PromptVia::File { name, content } => {
                files::replace(&dir.file(name), content.as_bytes(), Durability::Process)?;
                false
            }
            PromptVia::None => false,
        };
        for (name, content) in &invocation.files {
            files::replace(&dir.file(name), content.as_bytes(), Durability::Process)?;
        }
        dir.write_spec(&self.keeper_spec(task, number, backend, invocation, on_stdin)?)?;
        Ok(dir)
    }

    /// Returns what an attempt asks of the agent: the task's own words, or what a repair says.
    fn turn_of(&self, task: &Task, attempt: Option<&Attempt>, words: Words) -> Result<Turn, EngineError> {
        let mut spec = task.spec.clone();
        let spent = task.spent().cost.unwrap_or_default();
        spec.budget = spec.budget.map(|budget| Money(budget.0.saturating_sub(spent.0)));
        let failed = attempt.and_then(|attempt| task.repaired_by(attempt));
        let Some((failed, end)) = failed.and_then(|failed| Some((failed, failed.ended.as_ref()?))) else {
            let session = self.first_session(&spec)?;
            return Ok(Turn { spec, words, session });
        };
        let session = end.session.clone().ok_or_else(|| EngineError::Conflict {
            message: format!("attempt {} of task `{}` has no conversation to go on with", failed.number, task.id),
            hint: "`mgr retry` starts a new one with what went wrong".into(),
        })?;
        let mut history = task.spec.lineage.continues.as_ref().map(|earlier| self.history(earlier)).transpose()?;
        history.get_or_insert_default().extend(self.turns_to(task, failed)?);
        // The conversation has them already.
        spec.include_files.clear();
        let words = Words { prompt: repair_prompt(end), context: None };
        let session = SessionPlan::Continue(Continuation { session, history: history.unwrap_or_default() });
        Ok(Turn { spec, words, session })
    }

    fn keeper_spec(
        &self,
        task: &Task,
        number: u32,
        backend: &BackendName,
        invocation: Invocation,
        prompt_on_stdin: bool,
    ) -> Result<Spec, EngineError> {
        let cookie = format!("{}.{number}", task.id);
        let for_all = ENV_FOR_ALL.iter().map(|name| (*name).to_owned());
        let env_pass = for_all.chain(invocation.env_pass).chain(self.config.env_pass.iter().cloned());
        let mut env: Vec<_> = invocation.env.into_iter().collect();
        env.push((tree::TASK.to_owned(), task.id.to_string()));
        Ok(Spec {
            v: VERSION,
            cookie,
            repair_of: task.attempt(number).and_then(|attempt| attempt.repair_of),
            program: self.program(backend, &invocation.program)?.into_string(),
            args: invocation.args,
            env,
            env_pass: env_pass.collect(),
            cwd: invocation.cwd,
            prompt_on_stdin,
            interrupt_first: invocation.polite_signal == PoliteSignal::Interrupt,
            timeout: Some(task.spec.timeout.unwrap_or(self.config.timeout)),
            grace: self.config.grace,
            max_output: task.spec.max_output,
            free_disk_floor: self.config.free_disk_floor,
            leftover_grace: self.config.leftover_grace,
            verify: task.spec.verify.clone(),
            verify_timeout: self.config.verify_timeout,
            poke: self.home.bells().join("poke"),
            ticker_lock: self.home.ticker_lock(),
            // Of an agent its stream says what came of it; of a program nothing but its exit code.
            records_end: *backend == COMMAND,
            good_exits: good_exits(self.registry.get(backend)?),
            speaks_first: self.registry.get(backend)?.speaks_first(),
            archive: self.archive_plan(task, number)?,
        })
    }

    /// Returns the full path of a backend's program.
    ///
    /// # Errors
    /// It is not installed.
    pub(super) fn program(&self, backend: &BackendName, program: &str) -> Result<Utf8PathBuf, EngineError> {
        if program == SELF_PROGRAM {
            let own = spawn::own_path().map_err(EngineError::Helper)?;
            return Ok(Utf8PathBuf::from_path_buf(own).unwrap_or_else(|_| "mgr".into()));
        }
        let wanted = self.config.programs.get(backend).map_or(program, String::as_str);
        self.look_up(wanted).ok_or_else(|| {
            let hint = self.registry.get(backend).map(|adapter| adapter.probe());
            let (install, login) =
                hint.map_or_else(|_| Default::default(), |probe| (probe.install_hint, probe.login_hint));
            EngineError::BackendMissing {
                message: format!("{backend} is not installed: no `{wanted}` on PATH"),
                hint: format!("install it with `{install}`; to log in, {login}"),
            }
        })
    }

    /// Finds a program as a shell would.
    pub(super) fn look_up(&self, program: &str) -> Option<Utf8PathBuf> {
        if program.contains('/') {
            let path = Utf8PathBuf::from(program);
            return is_program(&path).then_some(path);
        }
        let dirs = self.env.get("PATH").unwrap_or_default().split(if cfg!(windows) { ';' } else { ':' });
        let names = dirs.filter(|dir| !dir.is_empty()).map(|dir| Utf8Path::new(dir).join(program));
        names.flat_map(|path| [path.clone(), path.with_extension("exe")]).find(|path| is_program(path))
    }
}

fn is_program(path: &Utf8Path) -> bool {
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    let may_run = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let may_run = true;
    metadata.is_file() && may_run
}

/// Returns the exit codes that mean success; none where it is the usual one.
fn good_exits(adapter: &dyn Backend) -> Vec<i32> {
    let codes: Vec<i32> = (0..=255).filter(|code| adapter.is_good_exit(*code)).collect();
    if codes == [0] { Vec::new() } else { codes }
}

fn is_root() -> bool {
    #[cfg(unix)]
    {
        nix::unistd::geteuid().is_root()
    }
    #[cfg(not(unix))]
    {
        false
    }
}
