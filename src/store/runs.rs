//! Runs of workflows and their steps.

use rusqlite::{Row, params};

use super::{StoreError, View, Writing, tasks::parse};
use crate::core::{Money, Run, RunId, RunStatus, RunStep, StepStatus, Task, TaskId, TaskRef, Timestamp};

/// A run to be added.
#[derive(Clone, Copy)]
pub struct NewRun<'a> {
    pub id: &'a RunId,
    pub name: &'a str,
    pub definition: &'a str,
    pub request_id: Option<&'a str>,
    pub parent: Option<(&'a RunId, &'a str)>,
    pub template: Option<&'a str>,
    /// In the order of the file.
    pub steps: &'a [String],
    pub now: Timestamp,
}

/// What a step becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepChange {
    pub step: String,
    /// The turn that the change is about: news about an old one changes nothing.
    pub turn: u32,
    pub status: StepStatus,
    pub task: Option<TaskId>,
    pub child: Option<RunId>,
    pub reason: Option<String>,
    pub due_at: Option<Timestamp>,
    pub question: Option<String>,
}

const COLUMNS: &str =
    "id, name, status, created_at, updated_at, finished_at, revision, definition, parent, parent_step, why, budget";
const STEP_COLUMNS: &str = "step_id, status, task_id, turn, reason, due_at, question, loops, child";

/// Runs that have something to do: at a time, or because a task of theirs is over.
const TO_DRIVE: &str = "SELECT id FROM runs WHERE due_at IS NOT NULL AND due_at <= ?1
    UNION SELECT run_id FROM run_steps JOIN tasks ON tasks.id = run_steps.task_id
          WHERE run_steps.status = 'running' AND tasks.finished_at IS NOT NULL";

impl View<'_> {
    pub fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.one(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"), [id.as_str()], read_run)
    }

    /// Returns the runs that a reference may mean, two at most.
    pub fn matching_runs(&self, reference: &TaskRef) -> Result<Vec<RunId>, StoreError> {
        match reference {
            TaskRef::Prefix(prefix) => {
                let sql = "SELECT id FROM runs WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 2";
                self.all(sql, params![prefix, format!("{prefix}~")], super::tasks::read_id)
            }
            TaskRef::Recent(count) => {
                let sql = "SELECT id FROM runs ORDER BY seq DESC LIMIT 1 OFFSET ?1";
                self.all(sql, [count.saturating_sub(1)], super::tasks::read_id)
            }
        }
    }

    pub fn run_of_request(&self, request_id: &str) -> Result<Option<RunId>, StoreError> {
        self.one("SELECT id FROM runs WHERE request_id = ?1", [request_id], super::tasks::read_id)
    }

    /// Returns the newest runs first.
    pub fn runs(&self, status: Option<RunStatus>, limit: u32) -> Result<Vec<Run>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE ?1 IS NULL OR status = ?1 ORDER BY seq DESC LIMIT ?2");
        self.all(&sql, params![status.map(RunStatus::as_str), limit], read_run)
    }

    /// Returns the steps of a run in the order of the file.
    pub fn run_steps(&self, id: &RunId) -> Result<Vec<RunStep>, StoreError> {
        let sql = format!("SELECT {STEP_COLUMNS} FROM run_steps WHERE run_id = ?1 ORDER BY place");
        self.all(&sql, [id.as_str()], read_step)
    }

    /// Returns the steps that wait for a person, with their runs.
    pub fn held_steps(&self) -> Result<Vec<(RunId, RunStep)>, StoreError> {
        let sql = format!(
            "SELECT {STEP_COLUMNS}, run_id FROM run_steps INDEXED BY run_steps_held WHERE status = 'held' ORDER BY run_id, place"
        );
        self.all(&sql, [], |row| Ok((parse(row, 9)?, read_step(row)?)))
    }

    /// Returns every task that was submitted for a run, of all turns.
    pub fn tasks_of_run(&self, id: &RunId) -> Result<Vec<Task>, StoreError> {
        let columns = super::tasks::TASK_COLUMNS;
        // `0` comes after `/`.
        let sql = format!("SELECT {columns} FROM tasks WHERE request_id > ?1 || '/' AND request_id < ?1 || '0'");
        self.all(&sql, [id.as_str()], super::tasks::read_task)
    }

    /// Returns the runs beneath a run, however deep, each with the step of this one that it lies in.
    pub fn runs_beneath(&self, id: &RunId) -> Result<Vec<(RunId, String)>, StoreError> {
        let sql = "WITH RECURSIVE beneath (id, step) AS (
                       SELECT id, parent_step FROM runs WHERE parent = ?1
                       UNION ALL SELECT runs.id, beneath.step FROM beneath JOIN runs ON runs.parent = beneath.id)
                   SELECT id, step FROM beneath";
        self.all(sql, [id.as_str()], |row| Ok((parse(row, 0)?, row.get(1)?)))
    }

    /// Whether a task or a run was submitted under this name, or under one that begins with it and `/`.
    pub fn has_request(&self, request_id: &str) -> Result<bool, StoreError> {
        // `0` comes after `/`.
        let is_so = "request_id = ?1 OR (request_id > ?1 || '/' AND request_id < ?1 || '0')";
        let sql =
            format!("SELECT EXISTS (SELECT 1 FROM tasks WHERE {is_so}) OR EXISTS (SELECT 1 FROM runs WHERE {is_so})");
        Ok(self.one(&sql, [request_id], |row| row.get(0))?.unwrap_or(false))
    }

    /// Returns the runs that have something to do now.
    pub fn runs_to_drive(&self, now: Timestamp) -> Result<Vec<RunId>, StoreError> {
        self.all(TO_DRIVE, [now.as_millis()], super::tasks::read_id)
    }

    /// Whether a run has something to do, now or at a time.
    pub fn any_run_to_drive(&self) -> Result<bool, StoreError> {
        let sql = format!("SELECT EXISTS ({TO_DRIVE})");
        Ok(self.one(&sql, [i64::MAX], |row| row.get(0))?.unwrap_or(false))
    }

    /// Returns when a run has something to do next.
    pub fn next_run_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(due_at) FROM runs WHERE due_at IS NOT NULL";
        Ok(self.one(sql, [], |row| row.get::<_, Option<i64>>(0))?.flatten().map(Timestamp))
    }

    /// Returns the tasks that were ever submitted for a run and are not over, whatever its steps say: a crash may
    /// have come between a submit and the note of it.
    pub fn live_tasks_of_run(&self, id: &RunId) -> Result<Vec<Task>, StoreError> {
        let columns = super::tasks::TASK_COLUMNS;
        // `0` comes after `/`.
        let sql = format!(
            "SELECT {columns} FROM tasks WHERE request_id > ?1 || '/' AND request_id < ?1 || '0' AND finished_at IS NULL"
        );
        self.all(&sql, [id.as_str()], super::tasks::read_task)
    }
}

impl Writing<'_> {
    /// Adds a run with all its steps waiting.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn add_run(&self, new: &NewRun<'_>) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO runs (id, name, status, created_at, updated_at, due_at, revision, request_id, definition, parent, parent_step, template)
                   VALUES (?1, ?2, 'running', ?3, ?3, 0, 0, ?4, ?5, ?6, ?7, ?8)";
        let (id, now) = (new.id.as_str(), new.now.as_millis());
        let (parent, parent_step) = (new.parent.map(|(run, _)| run.as_str()), new.parent.map(|(_, step)| step));
        self.0.prepare_cached(sql)?.execute(params![
            id,
            new.name,
            now,
            new.request_id,
            new.definition,
            parent,
            parent_step,
            new.template,
        ])?;
        let sql = "INSERT INTO run_steps (run_id, step_id, place, status, turn) VALUES (?1, ?2, ?3, 'waiting', 1)";
        for (place, step) in (0i64..).zip(new.steps) {
            self.0.prepare_cached(sql)?.execute(params![id, step, place])?;
        }
        Ok(())
    }

    /// Keeps what became of steps.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn change_steps(&self, run: &RunId, changes: &[StepChange]) -> Result<(), StoreError> {
        let sql =
            "UPDATE run_steps SET status = ?4, task_id = coalesce(?5, task_id), reason = ?6, due_at = ?7, question = ?8,
                   child = coalesce(?9, child)
                   WHERE run_id = ?1 AND step_id = ?2 AND turn = ?3";
        for change in changes {
            self.0.prepare_cached(sql)?.execute(params![
                run.as_str(),
                change.step,
                change.turn,
                change.status.as_str(),
                change.task.as_ref().map(TaskId::as_str),
                change.reason,
                change.due_at.map(Timestamp::as_millis),
                change.question,
                change.child.as_ref().map(RunId::as_str),
            ])?;
        }
        Ok(())
    }

    /// Has a step run once more.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn renew_step(&self, run: &RunId, step: &str, status: StepStatus) -> Result<(), StoreError> {
        let sql = "UPDATE run_steps SET status = ?3, turn = turn + 1, reason = NULL, due_at = NULL, question = NULL
                   WHERE run_id = ?1 AND step_id = ?2";
        self.0.prepare_cached(sql)?.execute(params![run.as_str(), step, status.as_str()])?;
        Ok(())
    }

    /// Has a step run once more that was cut short in this turn.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn run_step_again(&self, run: &RunId, step: &str, turn: u32) -> Result<(), StoreError> {
        let sql =
            "UPDATE run_steps SET status = 'waiting', turn = turn + 1, reason = NULL, due_at = NULL, question = NULL
                   WHERE run_id = ?1 AND step_id = ?2 AND turn = ?3 AND status = 'running'";
        self.0.prepare_cached(sql)?.execute(params![run.as_str(), step, turn])?;
        Ok(())
    }

    /// Sets the most money that a run may cost.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn set_budget(&self, run: &RunId, budget: Money) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET budget = ?2 WHERE id = ?1";
        self.0.prepare_cached(sql)?.execute([run.as_str(), &budget.to_string()])?;
        Ok(())
    }

    /// Pauses a run that goes on, unless somebody wished something since it was read.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn stop_run(&self, run: &Run, why: &str, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET status = 'paused', why = ?3, due_at = 0, updated_at = ?4
                   WHERE id = ?1 AND revision = ?2 AND status = 'running'";
        self.0.prepare_cached(sql)?.execute(params![run.id.as_str(), run.revision, why, now.as_millis()])?;
        Ok(())
    }

    /// Notes a person's wish about a run: its status, and that the driver has to look at it now.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn wish_of_run(&self, run: &RunId, status: RunStatus, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET status = ?2, updated_at = ?3, finished_at = ?4, due_at = 0, revision = revision + 1
                   WHERE id = ?1";
        let finished_at = status.is_terminal().then_some(now.as_millis());
        self.0.prepare_cached(sql)?.execute(params![run.as_str(), status.as_str(), now.as_millis(), finished_at])?;
        Ok(())
    }

    /// Has the driver look at a run in which somebody changed something; where it stands stays as it is.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn touch_run(&self, run: &RunId, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET updated_at = ?2, due_at = 0, revision = revision + 1 WHERE id = ?1";
        self.0.prepare_cached(sql)?.execute(params![run.as_str(), now.as_millis()])?;
        Ok(())
    }

    /// Notes where a run stands after it was driven, unless somebody wished something meanwhile.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn keep_run(
        &self,
        run: &Run,
        status: RunStatus,
        due_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET status = ?3, due_at = ?4, updated_at = ?5, finished_at = ?6
                   WHERE id = ?1 AND revision = ?2";
        let finished_at = run.finished_at.or_else(|| status.is_terminal().then_some(now));
        self.0.prepare_cached(sql)?.execute(params![
            run.id.as_str(),
            run.revision,
            status.as_str(),
            due_at.map(Timestamp::as_millis),
            now.as_millis(),
            finished_at.map(Timestamp::as_millis),
        ])?;
        Ok(())
    }
}

fn read_run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let status: String = row.get(2)?;
    Ok(Run {
        id: parse(row, 0)?,
        name: row.get(1)?,
        // A word of a newer release is over for this one.
        status: RunStatus::ALL.into_iter().find(|known| known.as_str() == status).unwrap_or(RunStatus::Cancelled),
        created_at: Timestamp(row.get(3)?),
        updated_at: Timestamp(row.get(4)?),
        finished_at: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        revision: row.get(6)?,
        definition: row.get(7)?,
        parent: optional(row, 8)?.zip(row.get(9)?),
        why: row.get(10)?,
        budget: optional(row, 11)?,
    })
}

fn read_step(row: &Row<'_>) -> rusqlite::Result<RunStep> {
    let status: String = row.get(1)?;
    Ok(RunStep {
        step: row.get(0)?,
        status: StepStatus::ALL.into_iter().find(|known| known.as_str() == status).unwrap_or(StepStatus::Cancelled),
        task: optional(row, 2)?,
        turn: row.get(3)?,
        reason: row.get(4)?,
        due_at: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        question: row.get(6)?,
        loops: row.get(7)?,
        child: optional(row, 8)?,
    })
}

fn optional<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    Ok(row.get::<_, Option<String>>(column)?.and_then(|text| text.parse().ok()))
}
