//! Tables and their migrations. A released migration is never edited; a new one is added.

use camino::Utf8Path;
use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// WAL with FULL: a commit that returned is on the disk (<https://sqlite.org/pragma.html#pragma_synchronous>).
pub(super) const PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -8000;
";

/// Each entry takes the store from the version of its index to the next.
const MIGRATIONS: [&str; 4] = [
    "
    CREATE TABLE tasks (
        seq         INTEGER PRIMARY KEY AUTOINCREMENT,
        id          TEXT NOT NULL UNIQUE,
        status      TEXT NOT NULL,
        backend     TEXT NOT NULL,
        priority    INTEGER NOT NULL,
        -- 1 while a slot is taken
        busy        INTEGER NOT NULL,
        -- 1 while waiting for nothing but a slot
        ready       INTEGER NOT NULL,
        -- when a hold ends, in milliseconds
        due_at      INTEGER,
        created_at  INTEGER NOT NULL,
        updated_at  INTEGER NOT NULL,
        finished_at INTEGER,
        label       TEXT,
        role        TEXT,
        category    TEXT,
        session     TEXT,
        request_id  TEXT UNIQUE,
        fingerprint BLOB NOT NULL,
        prompt_head TEXT NOT NULL,
        acceptance  TEXT NOT NULL,
        state       TEXT NOT NULL,
        attempts    TEXT NOT NULL,
        spec        TEXT NOT NULL
    );
    CREATE INDEX tasks_live  ON tasks (seq) WHERE finished_at IS NULL;
    CREATE INDEX tasks_busy  ON tasks (seq) WHERE busy = 1;
    CREATE INDEX tasks_ready ON tasks (priority DESC, seq) WHERE ready = 1;
    CREATE INDEX tasks_due   ON tasks (due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX tasks_by_status  ON tasks (status, seq);
    CREATE INDEX tasks_by_backend ON tasks (backend, seq);
    CREATE INDEX tasks_by_label   ON tasks (label, seq) WHERE label IS NOT NULL;
    CREATE INDEX tasks_by_session ON tasks (session, seq) WHERE session IS NOT NULL;

    CREATE TABLE prompts (
        task_id TEXT PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
        words   TEXT NOT NULL
    );
    CREATE TABLE tags (
        tag     TEXT NOT NULL,
        task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
        PRIMARY KEY (tag, task_id)
    ) WITHOUT ROWID;
    CREATE INDEX tags_by_task ON tags (task_id);
    CREATE TABLE needs (
        task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
        needed  TEXT NOT NULL,
        PRIMARY KEY (needed, task_id)
    ) WITHOUT ROWID;
    CREATE INDEX needs_by_task ON needs (task_id);
    CREATE TABLE news (
        seq     INTEGER PRIMARY KEY AUTOINCREMENT,
        at      INTEGER NOT NULL,
        task_id TEXT NOT NULL,
        status  TEXT NOT NULL
    );
    CREATE INDEX news_by_time ON news (at);

    -- How many tasks there are by status, so that a count does not read a million rows.
    CREATE TABLE counts (status TEXT PRIMARY KEY, tasks INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TRIGGER count_new AFTER INSERT ON tasks BEGIN
        INSERT INTO counts VALUES (new.status, 1) ON CONFLICT DO UPDATE SET tasks = tasks + 1;
    END;
    CREATE TRIGGER count_changed AFTER UPDATE OF status ON tasks WHEN old.status <> new.status BEGIN
        UPDATE counts SET tasks = tasks - 1 WHERE status = old.status;
        INSERT INTO counts VALUES (new.status, 1) ON CONFLICT DO UPDATE SET tasks = tasks + 1;
    END;
    CREATE TRIGGER count_gone AFTER DELETE ON tasks BEGIN
        UPDATE counts SET tasks = tasks - 1 WHERE status = old.status;
    END;
",
    "
    -- The workspace that the task must have for itself while it runs.
    ALTER TABLE tasks ADD COLUMN writes TEXT;
    -- The task in whose isolated directory this one works, when it is another.
    ALTER TABLE tasks ADD COLUMN isolated_by TEXT;
    -- A queue is read past all who wait for the same workspace: from the index alone.
    DROP INDEX tasks_ready;
    CREATE INDEX tasks_ready ON tasks (priority DESC, seq, writes, backend, id) WHERE ready = 1;
    CREATE INDEX tasks_by_isolation ON tasks (isolated_by) WHERE isolated_by IS NOT NULL;
    -- Workspaces that a command holds against tasks; live as long as the lock is taken.
    CREATE TABLE holds (
        lock   TEXT PRIMARY KEY,
        root   TEXT NOT NULL,
        holder TEXT NOT NULL
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE runs (
        seq         INTEGER PRIMARY KEY AUTOINCREMENT,
        id          TEXT NOT NULL UNIQUE,
        name        TEXT NOT NULL,
        status      TEXT NOT NULL,
        created_at  INTEGER NOT NULL,
        updated_at  INTEGER NOT NULL,
        finished_at INTEGER,
        -- when the driver has something to do here even if no task ends
        due_at      INTEGER,
        revision    INTEGER NOT NULL,
        request_id  TEXT UNIQUE,
        definition  TEXT NOT NULL
    );
    CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX runs_by_status ON runs (status, seq);
    CREATE TABLE run_steps (
        run_id   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        step_id  TEXT NOT NULL,
        place    INTEGER NOT NULL,
        status   TEXT NOT NULL,
        task_id  TEXT,
        turn     INTEGER NOT NULL,
        reason   TEXT,
        -- the end of a wait
        due_at   INTEGER,
        -- what a person is asked
        question TEXT,
        PRIMARY KEY (run_id, step_id)
    ) WITHOUT ROWID;
    CREATE INDEX run_steps_at_work ON run_steps (task_id, run_id) WHERE status = 'running';
    CREATE INDEX run_steps_held ON run_steps (run_id) WHERE status = 'held';
",
    "
    -- the run and the step of it that a nested run belongs to
    ALTER TABLE runs ADD COLUMN parent TEXT;
    ALTER TABLE runs ADD COLUMN parent_step TEXT;
    -- the template that it was made from
    ALTER TABLE runs ADD COLUMN template TEXT;
    -- why it is paused
    ALTER TABLE runs ADD COLUMN why TEXT;
    -- dollars, where somebody changed what the definition says
    ALTER TABLE runs ADD COLUMN budget TEXT;
    -- 1 when what runs stands still as well while it is paused
    ALTER TABLE runs ADD COLUMN freezes INTEGER NOT NULL DEFAULT 0;
    -- the run with which this one was paused
    ALTER TABLE runs ADD COLUMN paused_with TEXT;
    ALTER TABLE run_steps ADD COLUMN loops INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE run_steps ADD COLUMN child TEXT;
    -- tasks that the pause of a run has paused; those that a person paused by themselves are not among them
    CREATE TABLE paused_tasks (
        run_id  TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        task_id TEXT NOT NULL,
        PRIMARY KEY (run_id, task_id)
    ) WITHOUT ROWID;
    -- tasks that wanted to give a person's word on a step, and were refused
    CREATE TABLE refused_answers (
        run_id  TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        step_id TEXT NOT NULL,
        task_id TEXT NOT NULL,
        at      INTEGER NOT NULL,
        PRIMARY KEY (run_id, step_id, task_id)
    ) WITHOUT ROWID;
    -- 1 from the end of its task until the driver has noted it, so that nobody asks after a thousand tasks one by one
    ALTER TABLE run_steps ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
    UPDATE run_steps SET ended = 1 WHERE status = 'running' AND task_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM tasks WHERE id = task_id AND finished_at IS NULL);
    CREATE INDEX run_steps_ended ON run_steps (run_id) WHERE ended = 1 AND status = 'running';
    CREATE TRIGGER step_ended AFTER UPDATE OF finished_at ON tasks
        WHEN old.finished_at IS NULL AND new.finished_at IS NOT NULL BEGIN
        UPDATE run_steps SET ended = 1 WHERE task_id = new.id AND status = 'running';
    END;
    CREATE TRIGGER step_lost AFTER DELETE ON tasks BEGIN
        UPDATE run_steps SET ended = 1 WHERE task_id = old.id AND status = 'running';
    END;
    -- What runs that were removed since have counted for their templates.
    CREATE TABLE template_counts (
        template  TEXT PRIMARY KEY,
        uses      INTEGER NOT NULL,
        successes INTEGER NOT NULL,
        last_used INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TRIGGER template_counted AFTER DELETE ON runs WHEN old.template IS NOT NULL BEGIN
        INSERT INTO template_counts VALUES (old.template, 1, old.status = 'done', old.created_at)
        ON CONFLICT DO UPDATE SET uses = uses + 1, successes = successes + excluded.successes,
            last_used = max(last_used, excluded.last_used);
    END;
    CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL;
    CREATE INDEX runs_by_template ON runs (template) WHERE template IS NOT NULL;
    CREATE INDEX runs_by_name ON runs (name, seq);
    CREATE INDEX run_steps_with_child ON run_steps (child, run_id) WHERE status = 'running' AND child IS NOT NULL;
",
];

/// Whether the store has its write-ahead log. Once it has, it keeps it.
pub(super) fn has_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA journal_mode", [], |row| Ok(row.get_ref(0)?.as_str()? == "wal"))
}

pub(super) fn start_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA journal_mode = WAL")
}

pub(super) const LATEST: i64 = MIGRATIONS.len() as i64;

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings the store to [`LATEST`], one transaction for all steps. An older store is copied aside first.
pub(super) fn migrate(connection: &mut Connection, path: &Utf8Path) -> Result<(), StoreError> {
    let named = |error| StoreError::from_sqlite(path, error);
    let before = version(connection).map_err(named)?;
    if before > 0 {
        let copy = format!("{path}.v{before}.bak");
        // Fails when the copy is there already: another process was first, and its copy serves.
        let _ = connection.execute("VACUUM INTO ?1", [copy]);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(named)?;
    // Another process may have been faster.
    let current = version(&transaction).map_err(named)?;
    for (step, sql) in (0..).zip(MIGRATIONS) {
        if step >= current {
            transaction.execute_batch(sql).map_err(named)?;
        }
    }
    transaction.pragma_update(None, "user_version", LATEST).map_err(named)?;
    transaction.commit().map_err(named)
}
