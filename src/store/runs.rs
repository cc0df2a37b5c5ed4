//! Runs of workflows and their steps.

use rusqlite::{Row, params};

use super::{StoreError, View, Writing, tasks::parse};
use crate::core::{
    Money, RefusedAnswer, Run, RunId, RunStatus, RunStep, Status, StepStatus, Task, TaskId, TaskRef, Timestamp,
};

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
    /// Those that are over from the start.
    pub taken: &'a [RunStep],
    pub now: Timestamp,
}

/// A run with all that is known of it, to be restored.
#[derive(Clone, Debug)]
pub struct RestoredRun {
    pub run: Run,
    /// What was frozen at the start, as JSON.
    pub definition: String,
    pub request_id: Option<String>,
    pub template: Option<String>,
    /// In the order of the file.
    pub steps: Vec<RunStep>,
    pub refused: Vec<RefusedAnswer>,
}

/// How a run is paused.
#[derive(Clone, Copy, Debug)]
pub struct Pause<'a> {
    pub why: &'a str,
    pub freezes: bool,
    /// The run with which this one is paused.
    pub with: Option<&'a RunId>,
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
    /// Whether the loop of the step begins anew: with the change the next turn comes.
    pub loops_on: bool,
}

const COLUMNS: &str = "id, name, status, created_at, updated_at, finished_at, revision, parent, parent_step, why, budget, freezes, paused_with";
const STEP_COLUMNS: &str = "step_id, status, task_id, turn, reason, due_at, question, loops, child, ended";

/// What was submitted under a name that begins with ?1 and `/`, after which `0` comes.
const OF_REQUEST: &str = "request_id > ?1 || '/' AND request_id < ?1 || '0'";

/// A run and all beneath it, however deep: the step of the first that each lies in, and the names of the steps on the
/// way to it, each with a `/` behind.
pub(super) const FAMILY: &str = "WITH RECURSIVE family (id, step, path) AS (
    VALUES (?, NULL, '') UNION ALL
    SELECT runs.id, coalesce(family.step, runs.parent_step), family.path || runs.parent_step || '/'
    FROM family JOIN runs ON runs.parent = family.id)";

/// Runs that have something to do: at a time, or because a task or a nested run of theirs is over.
pub(super) const TO_DRIVE: &str = "SELECT id FROM runs WHERE due_at IS NOT NULL AND due_at <= ?1
    UNION SELECT run_id FROM run_steps WHERE ended = 1 AND status = 'running'
    UNION SELECT run_id FROM run_steps JOIN runs AS children ON children.id = run_steps.child
          WHERE run_steps.status = 'running' AND run_steps.child IS NOT NULL AND children.finished_at IS NOT NULL";

impl View<'_> {
    pub fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.one(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"), [id.as_str()], read_run)
    }

    /// Returns what was frozen at the start of a run, as JSON: long, and asked for once where a run goes on.
    pub fn definition_of_run(&self, id: &RunId) -> Result<Option<String>, StoreError> {
        self.one("SELECT definition FROM runs WHERE id = ?1", [id.as_str()], |row| row.get(0))
    }

    /// Returns the runs that a reference may mean, two at most.
    pub fn matching_runs(&self, reference: &TaskRef) -> Result<Vec<RunId>, StoreError> {
        match reference {
            TaskRef::Prefix { digits: prefix, .. } => {
                let sql = "SELECT id FROM runs WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 2";
                self.all(sql, params![prefix, format!("{prefix}~")], super::tasks::read_id)
            }
            TaskRef::Recent(count) => {
                // The workflow in a step is not what somebody started last.
                let sql = "SELECT id FROM runs WHERE parent IS NULL ORDER BY seq DESC LIMIT 1 OFFSET ?1";
                self.all(sql, [count.saturating_sub(1)], super::tasks::read_id)
            }
        }
    }

    pub fn run_of_request(&self, request_id: &str) -> Result<Option<RunId>, StoreError> {
        self.one("SELECT id FROM runs WHERE request_id = ?1", [request_id], super::tasks::read_id)
    }

    /// Returns the runs of a workflow, newest first.
    pub fn runs_of_name(&self, name: &str, limit: u32) -> Result<Vec<Run>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE name = ?1 ORDER BY seq DESC LIMIT ?2");
        self.all(&sql, params![name, limit], read_run)
    }

    /// Returns the newest runs first, those of nested workflows only when they are wanted.
    pub fn runs(&self, status: Option<RunStatus>, with_nested: bool, limit: u32) -> Result<Vec<Run>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM runs WHERE (?1 IS NULL OR status = ?1) AND (?3 OR parent IS NULL) ORDER BY seq DESC LIMIT ?2"
        );
        self.all(&sql, params![status.map(RunStatus::as_str), limit, with_nested], read_run)
    }

    /// Returns the runs of the nested workflows in a run's steps, of earlier turns as well, the oldest first.
    pub fn children_of(&self, id: &RunId) -> Result<Vec<Run>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE parent = ?1 ORDER BY seq");
        self.all(&sql, [id.as_str()], read_run)
    }

    /// Returns a run and all runs beneath it, those of earlier turns as well; each run comes after its parent.
    pub fn family_of_run(&self, id: &RunId) -> Result<Vec<RunId>, StoreError> {
        let beneath = self.runs_beneath(id)?.into_iter().map(|(beneath, _)| beneath);
        Ok(std::iter::once(id.clone()).chain(beneath).collect())
    }

    /// Returns the runs that a run lies in, the nearest first.
    pub fn ancestors_of_run(&self, id: &RunId) -> Result<Vec<Run>, StoreError> {
        let mut found: Vec<Run> = Vec::new();
        let mut parent = self.run(id)?.and_then(|run| run.parent);
        while let Some((id, _)) = parent {
            let Some(run) = self.run(&id)? else { break };
            parent = run.parent.clone();
            found.push(run);
        }
        Ok(found)
    }

    /// Returns which tasks wanted to give a person's word in a run, the first to try first.
    pub fn refused_answers(&self, id: &RunId) -> Result<Vec<RefusedAnswer>, StoreError> {
        let sql = "SELECT step_id, task_id, at FROM refused_answers WHERE run_id = ?1 ORDER BY at, step_id, task_id";
        self.all(sql, [id.as_str()], |row| {
            Ok(RefusedAnswer { step: row.get(0)?, task_id: parse(row, 1)?, at: Timestamp(row.get(2)?) })
        })
    }

    /// Returns how often loops began anew in a run and in all beneath it, since a person last asked for each step.
    pub fn loops_of_family(&self, id: &RunId) -> Result<u32, StoreError> {
        // A nested run's request is RUN/STEP/TURN: turns before the loop's first are of an earlier asking.
        let sql = "WITH RECURSIVE family (id) AS (
                       VALUES (?1) UNION ALL
                       SELECT runs.id FROM family JOIN runs ON runs.parent = family.id
                           JOIN run_steps ON run_steps.run_id = family.id AND run_steps.step_id = runs.parent_step
                       WHERE CAST(substr(runs.request_id, length(runs.parent) + length(runs.parent_step) + 3) AS INTEGER)
                           >= run_steps.turn - run_steps.loops)
                   SELECT coalesce(sum(loops), 0) FROM run_steps WHERE run_id IN family";
        Ok(self.one(sql, [id.as_str()], |row| row.get(0))?.unwrap_or(0))
    }

    /// Returns the tasks of a step by turn, the oldest first.
    pub fn tasks_of_step(&self, run: &RunId, step: &str) -> Result<Vec<(u32, Task)>, StoreError> {
        let columns = super::tasks::TASK_COLUMNS;
        let sql = format!("SELECT {columns}, request_id FROM tasks WHERE {OF_REQUEST}");
        let of_step = format!("{run}/{step}");
        let width = super::tasks::TASK_COLUMNS.split(',').count();
        let mut found = self.all(&sql, [&of_step], |row| {
            let request: String = row.get(width)?;
            let turn = request.get(of_step.len() + 1..).and_then(|rest| rest.split('/').next()?.parse().ok());
            Ok((turn.unwrap_or(0), super::tasks::read_task(row)?))
        })?;
        found.sort_by_key(|(turn, _)| *turn);
        Ok(found)
    }

    /// Returns the name of the request that a run was started by.
    pub fn request_of_run(&self, id: &RunId) -> Result<Option<String>, StoreError> {
        Ok(self.one("SELECT request_id FROM runs WHERE id = ?1", [id.as_str()], |row| row.get(0))?.flatten())
    }

    /// Returns the tasks that were ever submitted for a run and are still there, by their requests.
    pub fn task_ids_of_run(&self, id: &RunId) -> Result<Vec<(String, TaskId)>, StoreError> {
        let sql = format!("SELECT request_id, id FROM tasks WHERE {OF_REQUEST}");
        self.all(&sql, [id.as_str()], |row| Ok((row.get(0)?, parse(row, 1)?)))
    }

    /// Returns the runs that were started before a time and are over, oldest first.
    pub fn runs_over_before(&self, limit: Timestamp) -> Result<Vec<RunId>, StoreError> {
        let sql = "SELECT id FROM runs WHERE created_at < ?1 AND finished_at IS NOT NULL ORDER BY seq";
        self.all(sql, [limit.as_millis()], super::tasks::read_id)
    }

    /// Returns a run that is not over and that has this task among those of its steps.
    pub fn live_run_with_task(&self, task: &TaskId) -> Result<Option<RunId>, StoreError> {
        let sql = "SELECT runs.id FROM runs JOIN run_steps ON run_steps.run_id = runs.id
                   WHERE runs.status IN ('running', 'paused') AND run_steps.task_id = ?1 LIMIT 1";
        self.one(sql, [task.as_str()], super::tasks::read_id)
    }

    /// Returns how many wishes there were about a run.
    pub fn revision_of_run(&self, id: &RunId) -> Result<Option<i64>, StoreError> {
        self.one("SELECT revision FROM runs WHERE id = ?1", [id.as_str()], |row| row.get(0))
    }

    /// Returns the tasks that the pause of a run has paused.
    pub fn tasks_paused_with(&self, run: &RunId) -> Result<Vec<TaskId>, StoreError> {
        self.all("SELECT task_id FROM paused_tasks WHERE run_id = ?1", [run.as_str()], super::tasks::read_id)
    }

    /// Returns the steps of a run in the order of the file.
    pub fn run_steps(&self, id: &RunId) -> Result<Vec<RunStep>, StoreError> {
        let sql = format!("SELECT {STEP_COLUMNS} FROM run_steps WHERE run_id = ?1 ORDER BY place");
        self.all(&sql, [id.as_str()], read_step)
    }

    /// Returns the tasks of the steps that run.
    pub fn task_statuses_of_run(&self, id: &RunId) -> Result<Vec<(TaskId, Status)>, StoreError> {
        let sql = "SELECT tasks.id, tasks.status FROM run_steps JOIN tasks ON tasks.id = run_steps.task_id
                   WHERE run_steps.run_id = ?1 AND run_steps.status = 'running'";
        let read = |row: &Row<'_>| Ok((parse(row, 0)?, super::tasks::read_status(row, 1)?.unwrap_or(Status::Lost)));
        self.all(sql, [id.as_str()], read)
    }

    /// Returns the steps that wait for a person, with their runs.
    pub fn held_steps(&self) -> Result<Vec<(RunId, RunStep)>, StoreError> {
        let sql = format!(
            "SELECT {STEP_COLUMNS}, run_id FROM run_steps INDEXED BY run_steps_held WHERE status = 'held' ORDER BY run_id, place"
        );
        self.all(&sql, [], |row| Ok((parse(row, 10)?, read_step(row)?)))
    }

    /// Returns every task that was submitted for a run, of all turns.
    pub fn tasks_of_run(&self, id: &RunId) -> Result<Vec<Task>, StoreError> {
        let columns = super::tasks::TASK_COLUMNS;
        let sql = format!("SELECT {columns} FROM tasks WHERE {OF_REQUEST}");
        self.all(&sql, [id.as_str()], super::tasks::read_task)
    }

    /// Returns the runs beneath a run, however deep, each with the step of this one that it lies in.
    pub fn runs_beneath(&self, id: &RunId) -> Result<Vec<(RunId, String)>, StoreError> {
        let sql = format!("{FAMILY} SELECT id, step FROM family WHERE step IS NOT NULL");
        self.all(&sql, [id.as_str()], |row| Ok((parse(row, 0)?, row.get(1)?)))
    }

    /// Returns a run and the runs beneath it, each with the names of the steps on the way: `` or `outer/inner/`.
    pub fn paths_of_family(&self, id: &RunId) -> Result<Vec<(RunId, String)>, StoreError> {
        let sql = format!("{FAMILY} SELECT id, path FROM family");
        self.all(&sql, [id.as_str()], |row| Ok((parse(row, 0)?, row.get(1)?)))
    }

    /// Whether a task or a run was submitted under this name, or under one that begins with it and `/`.
    pub fn has_request(&self, request_id: &str) -> Result<bool, StoreError> {
        let is_so = format!("request_id = ?1 OR ({OF_REQUEST})");
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
        let sql = format!("SELECT {columns} FROM tasks WHERE {OF_REQUEST} AND finished_at IS NULL");
        self.all(&sql, [id.as_str()], super::tasks::read_task)
    }

    /// Like [`View::live_tasks_of_run`], with those of the runs beneath it, however deep.
    pub fn live_tasks_of_family(&self, id: &RunId) -> Result<Vec<Task>, StoreError> {
        let family: Vec<_> =
            self.family_of_run(id)?.iter().map(|id| self.live_tasks_of_run(id)).collect::<Result<_, _>>()?;
        Ok(family.into_iter().flatten().collect())
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
        let sql = "UPDATE run_steps SET status = ?3, task_id = ?4, reason = ?5, question = ?6, child = ?7
                   WHERE run_id = ?1 AND step_id = ?2";
        for row in new.taken {
            self.0.prepare_cached(sql)?.execute(params![
                id,
                row.step,
                row.status.as_str(),
                row.task.as_ref().map(TaskId::as_str),
                row.reason,
                row.question,
                row.child.as_ref().map(RunId::as_str),
            ])?;
        }
        Ok(())
    }

    /// Adds a run as it was before its database was lost. The driver looks at it unless it is over.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn restore_run(&self, found: &RestoredRun) -> Result<(), StoreError> {
        let run = &found.run;
        let sql =
            "INSERT INTO runs (id, name, status, created_at, updated_at, finished_at, due_at, revision, request_id,
                       definition, parent, parent_step, template, why, budget, freezes, paused_with)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
        self.0.prepare_cached(sql)?.execute(params![
            run.id.as_str(),
            run.name,
            run.status.as_str(),
            run.created_at.as_millis(),
            run.updated_at.as_millis(),
            run.finished_at.map(Timestamp::as_millis),
            run.finished_at.is_none().then_some(0),
            run.revision,
            found.request_id,
            found.definition,
            run.parent.as_ref().map(|(id, _)| id.as_str()),
            run.parent.as_ref().map(|(_, step)| step),
            found.template,
            run.why,
            run.budget.map(|budget| budget.to_string()),
            run.freezes,
            run.paused_with.as_ref().map(TaskId::as_str),
        ])?;
        let sql = "INSERT INTO run_steps (run_id, step_id, place, status, task_id, turn, reason, due_at, question, loops, child, ended)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?4 = 'running' AND ?5 IS NOT NULL AND NOT EXISTS
                       (SELECT 1 FROM tasks WHERE id = ?5 AND finished_at IS NULL))";
        for (place, row) in (0i64..).zip(&found.steps) {
            self.0.prepare_cached(sql)?.execute(params![
                run.id.as_str(),
                row.step,
                place,
                row.status.as_str(),
                row.task.as_ref().map(TaskId::as_str),
                row.turn,
                row.reason,
                row.due_at.map(Timestamp::as_millis),
                row.question,
                row.loops,
                row.child.as_ref().map(RunId::as_str),
            ])?;
        }
        for refused in &found.refused {
            self.add_refused_answer(&run.id, refused)?;
        }
        Ok(())
    }

    /// Forgets a run and its steps.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn remove_run(&self, run: &RunId) -> Result<(), StoreError> {
        self.0.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute([run.as_str()])?;
        Ok(())
    }

    /// Notes that a task wanted to give a person's word; `false` when it is known for that.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn add_refused_answer(&self, run: &RunId, refused: &RefusedAnswer) -> Result<bool, StoreError> {
        let sql = "INSERT INTO refused_answers VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        let values = params![run.as_str(), refused.step, refused.task_id.as_str(), refused.at.as_millis()];
        Ok(self.0.prepare_cached(sql)?.execute(values)? > 0)
    }

    /// Keeps what became of steps. The task and the run of an earlier turn are forgotten by then: they say nothing
    /// about this one.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn change_steps(&self, run: &RunId, changes: &[StepChange]) -> Result<(), StoreError> {
        let sql = "UPDATE run_steps SET status = ?4, reason = ?6, due_at = ?7, question = ?8,
                   task_id = CASE WHEN status IN ('waiting', 'stale') THEN ?5 ELSE coalesce(?5, task_id) END,
                   child = CASE WHEN status IN ('waiting', 'stale') THEN ?9 ELSE coalesce(?9, child) END,
                   turn = turn + ?10, loops = loops + ?10,
                   -- the task may have ended before this is written down
                   ended = ?4 = 'running' AND coalesce(?5, task_id) IS NOT NULL AND NOT EXISTS
                       (SELECT 1 FROM tasks WHERE id = coalesce(?5, task_id) AND finished_at IS NULL)
                   WHERE run_id = ?1 AND step_id = ?2 AND turn = ?3
                   -- a driver that looked before somebody cancelled the run: nobody would close a question any more
                   AND NOT (status = 'cancelled' AND (?4 = 'held' OR (?4 = 'running' AND ?5 IS NULL AND ?9 IS NULL)))";
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
                change.loops_on,
            ])?;
        }
        Ok(())
    }

    /// Has a step run once more, its loop from the beginning.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn renew_step(&self, run: &RunId, step: &str, status: StepStatus) -> Result<(), StoreError> {
        let sql = "UPDATE run_steps SET status = ?3, turn = turn + 1, loops = 0, reason = NULL, due_at = NULL, question = NULL,
                   ended = 0
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
        let sql =
            "UPDATE runs SET status = 'paused', why = ?3, due_at = 0, updated_at = ?4, freezes = 0, paused_with = NULL
                   WHERE id = ?1 AND revision = ?2 AND status = 'running'";
        self.0.prepare_cached(sql)?.execute(params![run.id.as_str(), run.revision, why, now.as_millis()])?;
        Ok(())
    }

    /// Notes a person's wish about a run: its status, and that the driver has to look at it now. Its end is noted
    /// once nothing of it runs any more. A pause is forgotten, with what it has paused.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn wish_of_run(&self, run: &RunId, status: RunStatus, now: Timestamp) -> Result<(), StoreError> {
        let sql =
            "UPDATE runs SET status = ?2, updated_at = ?3, finished_at = NULL, due_at = 0, revision = revision + 1,
                   why = NULL, freezes = 0, paused_with = NULL
                   WHERE id = ?1";
        self.0.prepare_cached(sql)?.execute(params![run.as_str(), status.as_str(), now.as_millis()])?;
        self.0.prepare_cached("DELETE FROM paused_tasks WHERE run_id = ?1")?.execute([run.as_str()])?;
        Ok(())
    }

    /// Notes the end of a cancelled run of which nothing runs any more.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn end_cancelled(&self, run: &RunId, now: Timestamp) -> Result<(), StoreError> {
        // The driver may be about to note that it looks again.
        let sql = "UPDATE runs SET finished_at = ?2, due_at = NULL, revision = revision + 1
                   WHERE id = ?1 AND status = 'cancelled' AND finished_at IS NULL";
        self.0.prepare_cached(sql)?.execute(params![run.as_str(), now.as_millis()])?;
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

    /// Pauses a run that is not over. With `freezes`, what runs is to stand still as well.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn pause_run(&self, run: &RunId, pause: &Pause<'_>, now: Timestamp) -> Result<(), StoreError> {
        let sql =
            "UPDATE runs SET status = 'paused', why = ?2, freezes = ?3, paused_with = ?4, updated_at = ?5, due_at = 0,
                   revision = revision + 1 WHERE id = ?1 AND status IN ('running', 'paused')";
        let with = pause.with.map(TaskId::as_str);
        self.0.prepare_cached(sql)?.execute(params![run.as_str(), pause.why, pause.freezes, with, now.as_millis()])?;
        Ok(())
    }

    /// Notes that the pause of a run has paused a task.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn add_paused_task(&self, run: &RunId, task: &TaskId) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO paused_tasks (run_id, task_id) VALUES (?1, ?2)";
        self.0.prepare_cached(sql)?.execute([run.as_str(), task.as_str()])?;
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
        let sql = "UPDATE runs SET status = ?3, due_at = ?4, updated_at = ?5, finished_at = coalesce(finished_at, ?6)
                   WHERE id = ?1 AND revision = ?2";
        // With something left to wind down it is not over yet.
        let finished_at = (status.is_terminal() && due_at.is_none()).then_some(now);
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
        parent: optional(row, 7)?.zip(row.get(8)?),
        why: row.get(9)?,
        budget: optional(row, 10)?,
        freezes: row.get(11)?,
        paused_with: optional(row, 12)?,
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
        has_ended: row.get(9)?,
    })
}

fn optional<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    Ok(row.get::<_, Option<String>>(column)?.and_then(|text| text.parse().ok()))
}
