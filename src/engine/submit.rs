//! Taking on work: checked whole, then kept in one transaction, then started.

use serde::{Deserialize, Serialize};

use super::{
    Engine, EngineError, schema,
    settle::{Settled, first_state},
    workspace::ArchiveLook,
};
use crate::{
    core::{BackendName, MOST_REPAIRS, Span, Task, TaskId, TaskSpec, Words},
    os::{clock, failpoint, random},
    store::{Duplicate, NewTask, View},
};

/// The same work asked for again within this time is taken for a slip.
const DUPLICATE_WINDOW: Span = Span::from_secs(120);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    pub spec: TaskSpec,
    pub words: Words,
    pub request_id: Option<String>,
    pub allow_duplicate: bool,
    /// The task whose agent asks.
    pub asked_by: Option<TaskId>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Submitted {
    pub task: Task,
    pub duplicate: Option<Duplicate>,
    /// What of the workspace will be archived, as a quick look saw it.
    pub archive: Option<ArchiveLook>,
}

/// The form of `task.json`, from which a lost database is made anew.
#[derive(Serialize, Deserialize)]
pub(super) struct TaskFile {
    pub v: u32,
    pub id: TaskId,
    pub created_at: crate::core::Timestamp,
    pub spec: TaskSpec,
    pub words: Words,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Engine {
    /// Takes on a task. When this returns, the task is on the disk and, if a slot was free, starting.
    ///
    /// # Errors
    /// The ask cannot be served: nothing has changed then.
    pub fn submit(&self, ask: Ask) -> Result<Submitted, EngineError> {
        let Ask { mut spec, words, request_id, allow_duplicate, asked_by } = ask;
        self.check(&mut spec, &words, asked_by.as_ref())?;
        let archive = self.survey(&spec)?;
        // Reconciled in the transaction of the new task: one sync and one launcher for both.
        let news = self.look_around()?;
        let fingerprint = fingerprint(&spec.backend, &spec, &words);
        let id = TaskId::new(clock::now(), random::bits());
        let taken_on = self.store.write(|writing| {
            let now = clock::now();
            let mut settled = Settled::default();
            self.apply(writing, news.into(), now, &mut settled)?;
            let since = now.minus(DUPLICATE_WINDOW);
            let known = writing.view().duplicate(request_id.as_deref(), &fingerprint, since)?;
            let known = known.filter(|known| matches!(known, Duplicate::Request(_)) || !allow_duplicate);
            if let Some(duplicate) = known {
                check_request(&writing.view(), &duplicate, &spec, &fingerprint, request_id.as_deref())?;
                self.advance(writing, now, &mut settled)?;
                let (Duplicate::Request(id) | Duplicate::Work(id)) = &duplicate;
                let task = writing.view().task(id)?.ok_or_else(|| EngineError::NoTask(id.to_string()))?;
                return Ok((Submitted { task, duplicate: Some(duplicate), archive: None }, settled));
            }
            let mut needs = Vec::new();
            for needed in &spec.after {
                needs.push((needed.clone(), writing.view().task(needed)?.map(|task| task.status())));
            }
            let state = first_state(&needs);
            let request_id = request_id.as_deref();
            let new =
                NewTask { id: id.clone(), spec, words: &words, state, request_id, fingerprint: &fingerprint, now };
            let mut task = writing.add(new)?;
            // Before anybody can see the task, and what hangs on it: a lost database then never takes it along. What
            // fails here is made up for at its start.
            if let Err(error) = self.write_task_file(&task, &words, request_id) {
                tracing::warn!(error = &error as &dyn std::error::Error, "no copy of the task outside the database");
            }
            failpoint::hit("submit.before_commit");
            if task.status().is_terminal() {
                writing.keep(&mut task, now)?;
            }
            self.advance(writing, now, &mut settled)?;
            if let Some(claimed) = settled.changed.iter().find(|changed| changed.id == id) {
                task = claimed.clone();
            }
            Ok::<_, EngineError>((Submitted { task, duplicate: None, archive }, settled))
        });
        if taken_on.is_err() {
            // A rebuild would take its file for a task.
            let _ = std::fs::remove_dir_all(self.home.task(&id));
        }
        let (submitted, settled) = taken_on?;
        failpoint::hit("submit.after_commit");
        if let Err(error) = self.after_commit(&settled) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the task starts later");
        }
        Ok(submitted)
    }

    /// Checks everything that can be known before the start, and fills in what follows from it.
    fn check(&self, spec: &mut TaskSpec, words: &Words, asked_by: Option<&TaskId>) -> Result<(), EngineError> {
        if words.prompt.trim().is_empty() {
            return Err(EngineError::Invalid {
                message: "the prompt is empty".into(),
                hint: "say what is to be done".into(),
            });
        }
        if cfg!(not(unix)) {
            return Err(EngineError::Invalid {
                message: "tasks cannot run on this system yet: keepers need Unix processes".into(),
                hint: "use Linux, macOS or WSL; everything that only reads works here".into(),
            });
        }
        let metadata = std::fs::metadata(&spec.working_dir);
        if !metadata.is_ok_and(|metadata| metadata.is_dir()) {
            return Err(EngineError::Invalid {
                message: format!("`{}` is not a directory", spec.working_dir),
                hint: "give an existing one with `--working-dir`".into(),
            });
        }
        self.settle_workspace(spec, asked_by)?;
        if let Some(schema) = &spec.output_schema {
            schema::check(schema)?;
        }
        for needed in &spec.after {
            self.task(needed)?;
        }
        check_repairs(spec)?;
        self.check_conversation(spec)?;
        let somewhere = self.home.tasks().join("check");
        for (place, backend) in std::iter::once(&spec.backend).chain(&spec.fallback).enumerate() {
            let session = self.first_session(spec)?;
            let invocation = self.invocation(spec, words, backend, &spec.working_dir, &somewhere, session)?;
            let found = self.ready(backend, &invocation.program);
            // A fallback that is missing now may be there when it is needed.
            if place == 0 {
                found?;
            }
        }
        Ok(())
    }

    fn ready(&self, backend: &BackendName, program: &str) -> Result<(), EngineError> {
        self.program(backend, program)?;
        let probe = self.registry.get(backend)?.probe();
        if !probe.needs_env.is_empty() && !probe.needs_env.iter().any(|name| self.env.get(name).is_some()) {
            return Err(EngineError::BackendMissing {
                message: format!("{backend} has no key: {} is not set", probe.needs_env.join(" or ")),
                hint: probe.login_hint,
            });
        }
        Ok(())
    }

    /// An agent's conversation has no lock of its own: two turns at once fork or spoil it.
    fn check_conversation(&self, spec: &TaskSpec) -> Result<(), EngineError> {
        let Some(earlier) = &spec.lineage.continues else { return Ok(()) };
        let live = self.store.read(|view| view.live_continuations(earlier))?;
        match live.first() {
            None => Ok(()),
            Some(other) => Err(EngineError::Busy {
                message: format!("the conversation of `{earlier}` is busy with task `{other}`"),
                hint: format!("`mgr watch {other}`, then send to that task"),
            }),
        }
    }

    pub(super) fn write_task_file(
        &self,
        task: &Task,
        words: &Words,
        request_id: Option<&str>,
    ) -> Result<(), EngineError> {
        let file = TaskFile {
            v: 1,
            id: task.id.clone(),
            created_at: task.created_at,
            spec: task.spec.clone(),
            words: words.clone(),
            request_id: request_id.map(str::to_owned),
        };
        self.write_beside(&task.id, "task.json", &file)
    }
}

fn check_repairs(spec: &TaskSpec) -> Result<(), EngineError> {
    let asked = spec.verify_retries;
    if asked > MOST_REPAIRS {
        return Err(EngineError::Invalid {
            message: format!("`verify_retries` is {asked}; at most {MOST_REPAIRS} make sense"),
            hint: "give a smaller number; `mgr send` goes on with the conversation later".into(),
        });
    }
    if asked > 0 && spec.verify.is_empty() {
        return Err(EngineError::Invalid {
            message: format!("`verify_retries` is {asked}, and there is no check that could fail"),
            hint: "add one with `--verify COMMAND`, or leave `--verify-retries` out".into(),
        });
    }
    Ok(())
}

/// The name of a request stands for one piece of work. Steps of runs are named by `mgr` itself, and what they are
/// told may have been filled in anew after a crash.
fn check_request(
    view: &View<'_>,
    known: &Duplicate,
    spec: &TaskSpec,
    fingerprint: &[u8],
    request_id: Option<&str>,
) -> Result<(), EngineError> {
    let Duplicate::Request(id) = known else { return Ok(()) };
    if spec.lineage.workflow.is_some() || view.is_same_work(id, fingerprint)? {
        return Ok(());
    }
    Err(EngineError::Conflict {
        message: format!("request `{}` was sent before for other work: task `{id}`", request_id.unwrap_or_default()),
        hint: "send new work under another name".into(),
    })
}

pub(super) fn fingerprint(backend: &BackendName, spec: &TaskSpec, words: &Words) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    for part in [backend.as_str(), spec.working_dir.as_str(), &words.prompt, words.context.as_deref().unwrap_or("")] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().as_bytes()[..16].to_vec()
}
