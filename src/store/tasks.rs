//! Tasks: one row each, with the parts that are asked for as columns and the rest as JSON.

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{OptionalExtension, Params, Row, params, types::Type};
use serde::{Serialize, de::DeserializeOwned};

use super::{StoreError, View, Writing};
use crate::core::{
    Acceptance, BackendName, Candidate, State, Status, Task, TaskId, TaskRef, TaskSpec, Timestamp, WaitingOn, Words,
};

const PROMPT_HEAD: usize = 200;

/// A task to be added.
pub struct NewTask<'a> {
    pub id: TaskId,
    pub spec: TaskSpec,
    pub words: &'a Words,
    pub state: State,
    pub request_id: Option<&'a str>,
    pub fingerprint: &'a [u8],
    pub now: Timestamp,
}

/// A task that asks for the same as a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duplicate {
    /// The same request was sent again.
    Request(TaskId),
    /// The same work is under way.
    Work(TaskId),
}

/// A task that came to its end, as waiters page through them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    pub cursor: i64,
    pub at: Timestamp,
    pub task_id: TaskId,
    pub status: Status,
}

/// A task that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    pub id: TaskId,
    pub backend: BackendName,
    pub writes: Option<Utf8PathBuf>,
}

/// A place in the queue, behind which the next candidate is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    priority: i64,
    seq: i64,
}

/// A workspace that a command holds; it does as long as the lock file is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub lock: Utf8PathBuf,
    pub root: Utf8PathBuf,
    pub holder: String,
}

const COLUMNS: &str = "id, spec, prompt_head, state, created_at, updated_at, finished_at, attempts, acceptance";

impl View<'_> {
    /// Returns the first row.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.0.prepare_cached(sql)?.query_row(params, read).optional()?)
    }

    /// Returns all rows.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.0.prepare_cached(sql)?.query_map(params, read)?.collect::<rusqlite::Result<_>>()?)
    }

    /// Returns the tasks that a reference may mean, two at most.
    pub fn matches(&self, reference: &TaskRef) -> Result<Vec<TaskId>, StoreError> {
        match reference {
            TaskRef::Prefix { digits: prefix, .. } => {
                // `~` sorts after every digit of an id.
                let sql = "SELECT id FROM tasks WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 2";
                self.all(sql, params![prefix, format!("{prefix}~")], read_id)
            }
            TaskRef::Recent(count) => {
                let sql = "SELECT id FROM tasks ORDER BY seq DESC LIMIT 1 OFFSET ?1";
                self.all(sql, [count.saturating_sub(1)], read_id)
            }
        }
    }

    pub fn task(&self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        self.one(&format!("SELECT {COLUMNS} FROM tasks WHERE id = ?1"), [id.as_str()], read_task)
    }

    pub fn words(&self, id: &TaskId) -> Result<Words, StoreError> {
        let words = self.one("SELECT words FROM prompts WHERE task_id = ?1", [id.as_str()], |row| from_json(row, 0))?;
        Ok(words.unwrap_or_default())
    }

    /// Returns the name under which a task was asked for.
    pub fn request_id(&self, id: &TaskId) -> Result<Option<String>, StoreError> {
        Ok(self.one("SELECT request_id FROM tasks WHERE id = ?1", [id.as_str()], |row| row.get(0))?.flatten())
    }

    /// Returns the task that was asked for under a name.
    pub fn task_of_request(&self, request_id: &str) -> Result<Option<TaskId>, StoreError> {
        self.one("SELECT id FROM tasks WHERE request_id = ?1", [request_id], read_id)
    }

    /// Returns the tasks that hold a slot.
    pub fn busy(&self) -> Result<Vec<Task>, StoreError> {
        self.all(&format!("SELECT {COLUMNS} FROM tasks WHERE busy = 1 ORDER BY seq"), [], read_task)
    }

    /// Returns the tasks that are not over, oldest first.
    pub fn live(&self, limit: u32) -> Result<Vec<Task>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM tasks WHERE finished_at IS NULL ORDER BY seq LIMIT ?1");
        self.all(&sql, [limit], read_task)
    }

    /// Whether anything runs, waits for a slot only, or has a hold that ends by itself; or a run of a workflow
    /// has something to do, now or at a time.
    pub fn any_moving(&self) -> Result<bool, StoreError> {
        let to_drive = super::runs::TO_DRIVE;
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM tasks WHERE busy = 1) OR EXISTS (SELECT 1 FROM tasks WHERE ready = 1)
               OR EXISTS (SELECT 1 FROM tasks WHERE due_at IS NOT NULL) OR EXISTS ({to_drive})"
        );
        Ok(self.one(&sql, [i64::MAX], |row| row.get(0))?.unwrap_or(false))
    }

    /// Returns what runs: its backend, and the workspace that it writes in.
    pub fn running(&self) -> Result<Vec<Running>, StoreError> {
        self.all("SELECT id, backend, writes FROM tasks WHERE busy = 1 ORDER BY seq", [], |row| {
            Ok(Running { id: parse(row, 0)?, backend: parse(row, 1)?, writes: read_path(row, 2)? })
        })
    }

    /// Returns the next who may start after `place`, best first, leaving out backends that are full and
    /// workspaces that are taken.
    pub fn next_candidate(
        &self,
        place: Option<Place>,
        full: &[BackendName],
        taken: &[Utf8PathBuf],
    ) -> Result<Option<(Candidate, Place)>, StoreError> {
        // In two parts, so that each begins at its place in the index instead of reading up to it.
        let sql = "WITH open AS (SELECT id, backend, priority, writes, seq FROM tasks
                     WHERE ready = 1 AND backend NOT IN (SELECT value FROM json_each(?3))
                       AND (writes IS NULL OR writes NOT IN (SELECT value FROM json_each(?4))))
                   SELECT * FROM (SELECT * FROM open WHERE priority = ?1 AND seq > ?2 ORDER BY seq LIMIT 1)
                   UNION ALL
                   SELECT * FROM (SELECT * FROM open WHERE priority < ?1 ORDER BY priority DESC, seq LIMIT 1)
                   LIMIT 1";
        let (priority, seq) = place.map_or((i64::MAX, 0), |place| (place.priority, place.seq));
        self.one(sql, params![priority, seq, to_json(&full), to_json(&taken)], |row| {
            let priority: i32 = row.get(2)?;
            let candidate =
                Candidate { id: parse(row, 0)?, backend: parse(row, 1)?, priority, writes: read_path(row, 3)? };
            Ok((candidate, Place { priority: priority.into(), seq: row.get(4)? }))
        })
    }

    /// Returns the first who is served before `task` and writes in a workspace that `meets` picks.
    pub fn served_before(
        &self,
        task: &TaskId,
        meets: impl Fn(&Utf8Path) -> bool,
    ) -> Result<Option<(TaskId, Utf8PathBuf)>, StoreError> {
        let sql = "SELECT other.id, other.writes FROM tasks AS own JOIN tasks AS other
                     ON other.ready = 1 AND other.writes IS NOT NULL AND other.priority >= own.priority
                        AND (other.priority > own.priority OR other.seq < own.seq)
                   WHERE own.id = ?1 ORDER BY other.priority DESC, other.seq";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([task.as_str()], |row| {
            Ok((parse::<TaskId>(row, 0)?, Utf8PathBuf::from(row.get::<_, String>(1)?)))
        })?;
        let met = |row: &rusqlite::Result<(TaskId, Utf8PathBuf)>| row.as_ref().map_or(true, |(_, root)| meets(root));
        Ok(rows.filter(met).take(1).collect::<rusqlite::Result<Vec<_>>>()?.pop())
    }

    /// Returns the tasks that work or worked in the isolated directory of `owner`.
    pub fn tasks_in_isolation(&self, owner: &TaskId) -> Result<Vec<TaskId>, StoreError> {
        let sql = "SELECT id FROM tasks WHERE id = ?1 UNION ALL SELECT id FROM tasks WHERE isolated_by = ?1";
        self.all(sql, [owner.as_str()], read_id)
    }

    /// Returns the workspaces that commands hold, or held before they died.
    pub fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        self.all("SELECT lock, root, holder FROM holds", [], |row| {
            let [lock, root] = [row.get::<_, String>(0)?.into(), row.get::<_, String>(1)?.into()];
            Ok(Hold { lock, root, holder: row.get(2)? })
        })
    }

    /// Returns the held tasks whose time has come.
    pub fn due(&self, now: Timestamp) -> Result<Vec<TaskId>, StoreError> {
        self.all("SELECT id FROM tasks WHERE due_at <= ?1 ORDER BY due_at", [now.as_millis()], read_id)
    }

    /// Returns when the next hold ends.
    pub fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(due_at) FROM tasks WHERE due_at IS NOT NULL";
        Ok(self.one(sql, [], |row| row.get::<_, Option<i64>>(0))?.flatten().map(Timestamp))
    }

    /// Returns the waiting tasks that need `id`.
    pub fn dependents(&self, id: &TaskId) -> Result<Vec<TaskId>, StoreError> {
        let sql = "SELECT task_id FROM needs JOIN tasks ON id = task_id WHERE needed = ?1 AND finished_at IS NULL";
        self.all(sql, [id.as_str()], read_id)
    }

    /// Returns what the given task needs, with the status of each; `None` for one that was removed.
    pub fn needs(&self, id: &TaskId) -> Result<Vec<(TaskId, Option<Status>)>, StoreError> {
        let sql = "SELECT needed, status FROM needs LEFT JOIN tasks ON tasks.id = needed WHERE task_id = ?1";
        self.all(sql, [id.as_str()], |row| Ok((parse(row, 0)?, read_status(row, 1)?)))
    }

    /// Returns the task that asks for the same: by request id at any time, by content while it lives
    /// and is younger than `since`.
    pub fn duplicate(
        &self,
        request_id: Option<&str>,
        fingerprint: &[u8],
        since: Timestamp,
    ) -> Result<Option<Duplicate>, StoreError> {
        if let Some(request_id) = request_id {
            let same = self.one("SELECT id FROM tasks WHERE request_id = ?1", [request_id], read_id)?;
            if let Some(id) = same {
                return Ok(Some(Duplicate::Request(id)));
            }
        }
        let sql = "SELECT id FROM tasks INDEXED BY tasks_live
                   WHERE finished_at IS NULL AND fingerprint = ?1 AND created_at >= ?2 ORDER BY seq DESC LIMIT 1";
        Ok(self.one(sql, params![fingerprint, since.as_millis()], read_id)?.map(Duplicate::Work))
    }

    /// Whether a task asks for just this work.
    pub fn is_same_work(&self, id: &TaskId, fingerprint: &[u8]) -> Result<bool, StoreError> {
        let sql = "SELECT fingerprint = ?2 FROM tasks WHERE id = ?1";
        Ok(self.one(sql, params![id.as_str(), fingerprint], |row| row.get(0))?.unwrap_or(false))
    }

    /// Returns the newest task of an agent's conversation.
    pub fn last_of_session(&self, session: &str) -> Result<Option<TaskId>, StoreError> {
        self.one("SELECT id FROM tasks WHERE session = ?1 ORDER BY seq DESC LIMIT 1", [session], read_id)
    }

    /// Returns the live tasks that go on with the conversation of `id`.
    pub fn live_continuations(&self, id: &TaskId) -> Result<Vec<TaskId>, StoreError> {
        let sql = "SELECT id FROM tasks WHERE finished_at IS NULL AND spec ->> '$.lineage.continues' = ?1";
        self.all(sql, [id.as_str()], read_id)
    }

    /// Returns what ended after `cursor`, oldest first.
    pub fn news(&self, cursor: i64, limit: u32) -> Result<Vec<News>, StoreError> {
        let sql = "SELECT seq, at, task_id, status FROM news WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        self.all(sql, params![cursor, limit], |row| {
            let status = read_status(row, 3)?.unwrap_or(Status::Lost);
            Ok(News { cursor: row.get(0)?, at: Timestamp(row.get(1)?), task_id: parse(row, 2)?, status })
        })
    }

    /// Returns the cursor that stands right before the first news at or after `at`.
    pub fn cursor_at(&self, at: Timestamp) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce((SELECT min(seq) - 1 FROM news WHERE at >= ?1), (SELECT max(seq) FROM news), 0)";
        Ok(self.one(sql, [at.as_millis()], |row| row.get(0))?.unwrap_or(0))
    }

    /// Returns the cursor of the newest news.
    pub fn last_cursor(&self) -> Result<i64, StoreError> {
        Ok(self.one("SELECT coalesce(max(seq), 0) FROM news", [], |row| row.get(0))?.unwrap_or(0))
    }

    /// Returns how many tasks have each status.
    pub fn counts(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        let sql = "SELECT status, tasks FROM counts WHERE tasks > 0";
        self.all(sql, [], |row| {
            Ok((read_status(row, 0)?.unwrap_or(Status::Lost), row.get::<_, i64>(1)?.unsigned_abs()))
        })
    }
}

impl Writing<'_> {
    /// Adds a task.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn add(&self, new: NewTask<'_>) -> Result<Task, StoreError> {
        let task = Task {
            prompt_head: head(&new.words.prompt),
            id: new.id,
            spec: new.spec,
            state: new.state,
            created_at: new.now,
            updated_at: new.now,
            finished_at: None,
            attempts: Vec::new(),
            acceptance: Acceptance::None,
        };
        self.insert(&task, new.request_id, new.fingerprint)?;
        let id = task.id.as_str();
        self.0
            .prepare_cached("INSERT INTO prompts (task_id, words) VALUES (?1, ?2)")?
            .execute(params![id, to_json(new.words)])?;
        for tag in &task.spec.tags {
            self.0
                .prepare_cached("INSERT OR IGNORE INTO tags (tag, task_id) VALUES (?1, ?2)")?
                .execute(params![tag, id])?;
        }
        for needed in &task.spec.after {
            let mut statement =
                self.0.prepare_cached("INSERT OR IGNORE INTO needs (task_id, needed) VALUES (?1, ?2)")?;
            statement.execute(params![id, needed.as_str()])?;
        }
        Ok(task)
    }

    fn insert(&self, task: &Task, request_id: Option<&str>, fingerprint: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO tasks (id, status, backend, priority, busy, ready, due_at, created_at, updated_at,
                     finished_at, label, role, category, session, request_id, fingerprint, prompt_head, acceptance,
                     state, attempts, spec, writes, isolated_by)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                           ?21, ?22, ?23)";
        let columns = Columns::of(task);
        self.0.prepare_cached(sql)?.execute(params![
            task.id.as_str(),
            columns.status,
            columns.backend,
            task.spec.priority,
            columns.busy,
            columns.ready,
            columns.due_at,
            task.created_at.as_millis(),
            task.updated_at.as_millis(),
            task.finished_at.map(Timestamp::as_millis),
            task.spec.label,
            task.spec.role,
            columns.category,
            columns.session,
            request_id,
            fingerprint,
            task.prompt_head,
            to_json(&task.acceptance),
            to_json(&task.state),
            to_json(&task.attempts),
            to_json(&task.spec),
            task.spec.written_root().map(Utf8Path::as_str),
            task.spec.isolated_by.as_ref().map(TaskId::as_str),
        ])?;
        Ok(())
    }

    /// Keeps what has changed of a task; news is written when it came to its end.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn keep(&self, task: &mut Task, now: Timestamp) -> Result<(), StoreError> {
        task.updated_at = now;
        let status = task.status();
        if status.is_terminal() && task.finished_at.is_none() {
            task.finished_at = Some(now);
            self.0.prepare_cached("INSERT INTO news (at, task_id, status) VALUES (?1, ?2, ?3)")?.execute(params![
                now.as_millis(),
                task.id.as_str(),
                status.as_str()
            ])?;
        }
        let sql = "UPDATE tasks SET status = ?2, backend = ?3, busy = ?4, ready = ?5, due_at = ?6, updated_at = ?7,
                     finished_at = ?8, category = ?9, session = ?10, acceptance = ?11, state = ?12, attempts = ?13
                   WHERE id = ?1";
        let columns = Columns::of(task);
        self.0.prepare_cached(sql)?.execute(params![
            task.id.as_str(),
            columns.status,
            columns.backend,
            columns.busy,
            columns.ready,
            columns.due_at,
            now.as_millis(),
            task.finished_at.map(Timestamp::as_millis),
            columns.category,
            columns.session,
            to_json(&task.acceptance),
            to_json(&task.state),
            to_json(&task.attempts),
        ])?;
        Ok(())
    }

    /// Puts back a task that was read from its files.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn restore(
        &self,
        task: &Task,
        words: &Words,
        request_id: Option<&str>,
        fingerprint: &[u8],
    ) -> Result<(), StoreError> {
        self.insert(task, request_id, fingerprint)?;
        let id = task.id.as_str();
        self.0.execute("INSERT INTO prompts (task_id, words) VALUES (?1, ?2)", params![id, to_json(words)])?;
        for tag in &task.spec.tags {
            self.0.execute("INSERT OR IGNORE INTO tags (tag, task_id) VALUES (?1, ?2)", params![tag, id])?;
        }
        for needed in &task.spec.after {
            self.0.execute(
                "INSERT OR IGNORE INTO needs (task_id, needed) VALUES (?1, ?2)",
                params![id, needed.as_str()],
            )?;
        }
        if let Some(at) = task.finished_at {
            let status = task.status().as_str();
            self.0.execute(
                "INSERT INTO news (at, task_id, status) VALUES (?1, ?2, ?3)",
                params![at.as_millis(), id, status],
            )?;
        }
        Ok(())
    }

    /// Has a task stand for no request any more.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn give_up_request(&self, id: &TaskId) -> Result<(), StoreError> {
        self.0.prepare_cached("UPDATE tasks SET request_id = NULL WHERE id = ?1")?.execute([id.as_str()])?;
        Ok(())
    }

    /// Notes that a command holds a workspace.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn add_hold(&self, hold: &Hold) -> Result<(), StoreError> {
        let sql = "INSERT INTO holds (lock, root, holder) VALUES (?1, ?2, ?3)";
        self.0.prepare_cached(sql)?.execute(params![hold.lock.as_str(), hold.root.as_str(), hold.holder])?;
        Ok(())
    }

    /// Forgets a hold.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn remove_hold(&self, lock: &Utf8Path) -> Result<(), StoreError> {
        self.0.prepare_cached("DELETE FROM holds WHERE lock = ?1")?.execute([lock.as_str()])?;
        Ok(())
    }

    /// Forgets a task.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn remove(&self, id: &TaskId) -> Result<(), StoreError> {
        self.0.execute("DELETE FROM tasks WHERE id = ?1", [id.as_str()])?;
        Ok(())
    }
}

/// The columns that are derived from a task.
struct Columns<'a> {
    status: &'static str,
    backend: &'a str,
    busy: bool,
    ready: bool,
    due_at: Option<i64>,
    category: Option<&'static str>,
    session: Option<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(task: &'a Task) -> Self {
        let due_at = match &task.state {
            State::Held { until, .. } => until.map(Timestamp::as_millis),
            State::Queued { .. } | State::Running { .. } | State::Paused { .. } => None,
            State::Ending { .. } | State::Finished { .. } => None,
        };
        Self {
            status: task.status().as_str(),
            backend: task.backend().as_str(),
            busy: task.state.busy_attempt().is_some(),
            ready: matches!(task.state, State::Queued { waiting_on: WaitingOn::Slot }),
            due_at,
            category: task.failure().map(|failure| failure.category.as_str()),
            session: task.last_end().and_then(|end| end.session.as_deref()),
        }
    }
}

pub(super) fn read_task(row: &Row<'_>) -> rusqlite::Result<Task> {
    Ok(Task {
        id: parse(row, 0)?,
        spec: from_json(row, 1)?,
        prompt_head: row.get(2)?,
        state: from_json(row, 3)?,
        created_at: Timestamp(row.get(4)?),
        updated_at: Timestamp(row.get(5)?),
        finished_at: row.get::<_, Option<i64>>(6)?.map(Timestamp),
        attempts: from_json(row, 7)?,
        acceptance: from_json(row, 8)?,
    })
}

pub(super) const TASK_COLUMNS: &str = COLUMNS;

pub(super) fn read_id(row: &Row<'_>) -> rusqlite::Result<TaskId> {
    parse(row, 0)
}

fn read_path(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Utf8PathBuf>> {
    Ok(row.get::<_, Option<String>>(column)?.map(Utf8PathBuf::from))
}

pub(super) fn read_status(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Status>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| Status::ALL.into_iter().find(|status| status.as_str() == text)))
}

pub(super) fn parse<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// Our own types have string keys and plain values: this cannot fail for them.
fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn head(text: &str) -> String {
    text[..text.floor_char_boundary(PROMPT_HEAD)].to_owned()
}
