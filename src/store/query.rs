//! Lists: filters, newest first, pages by cursor.

use rusqlite::{params_from_iter, types::Value};

use super::{StoreError, View, runs::FAMILY, tasks};
use crate::core::{Category, Health, RunId, Status, Task, Timestamp};

/// Which tasks to list. Conditions of different kinds are all met; of one kind, any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub status: Vec<Status>,
    pub backend: Option<String>,
    pub tag: Option<String>,
    pub label: Option<String>,
    pub role: Option<String>,
    pub since: Option<Timestamp>,
    pub older_than: Option<Timestamp>,
    pub search: Option<String>,
    pub category: Option<Category>,
    /// The run that the task was submitted for, or one that this lies in.
    pub workflow: Option<RunId>,
}

/// A page of tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub tasks: Vec<Task>,
    /// How many there are in all.
    pub total: u64,
    /// Where the next page begins.
    pub next_cursor: Option<i64>,
}

impl Filter {
    /// Returns the statuses that tasks of these healths may have, so that health can be asked for in SQL
    /// first and derived exactly afterwards.
    pub fn statuses_of(healths: &[Health]) -> Vec<Status> {
        let of = |health: &Health| match health {
            Health::Queued => Status::Queued,
            Health::Held => Status::Held,
            Health::Running | Health::RunningLongTool | Health::Idle | Health::Stalled => Status::Running,
            Health::Paused => Status::Paused,
            Health::NeedsInput => Status::Running,
            Health::Done => Status::Done,
            Health::Failed | Health::AuthError | Health::BackendMissing | Health::RateLimited => Status::Failed,
            Health::Cancelled => Status::Cancelled,
            Health::TimedOut => Status::TimedOut,
            Health::Skipped => Status::Skipped,
            Health::Lost => Status::Lost,
        };
        let mut statuses: Vec<_> = healths.iter().map(of).collect();
        if healths.iter().any(|health| matches!(health, Health::AuthError | Health::RateLimited)) {
            statuses.push(Status::Running);
        }
        statuses.sort();
        statuses.dedup();
        statuses
    }

    fn is_by_status_only(&self) -> bool {
        *self == Self { status: self.status.clone(), ..Self::default() }
    }

    fn conditions(&self) -> (String, Vec<Value>) {
        let mut sql = String::from("1");
        let mut values: Vec<Value> = Vec::new();
        let mut add = |condition: &str, value: Value| {
            values.push(value);
            sql.push_str(" AND ");
            sql.push_str(&condition.replace('?', &format!("?{}", values.len())));
        };
        let texts = [
            ("backend = ?", &self.backend),
            ("label = ?", &self.label),
            ("role = ?", &self.role),
            ("id IN (SELECT task_id FROM tags WHERE tag = ?)", &self.tag),
        ];
        for (condition, text) in texts {
            if let Some(text) = text {
                add(condition, Value::Text(text.clone()));
            }
        }
        if let Some(text) = &self.search {
            let pattern = format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
            add("id IN (SELECT task_id FROM prompts WHERE words LIKE ? ESCAPE '\\')", Value::Text(pattern));
        }
        if let Some(since) = self.since {
            add("created_at >= ?", Value::Integer(since.as_millis()));
        }
        if let Some(limit) = self.older_than {
            add("created_at < ?", Value::Integer(limit.as_millis()));
        }
        if let Some(run) = &self.workflow {
            // `0` comes after `/`.
            let of_family = format!(
                "id IN ({FAMILY} SELECT tasks.id FROM family JOIN tasks
                        ON tasks.request_id > family.id || '/' AND tasks.request_id < family.id || '0')"
            );
            add(&of_family, Value::Text(run.to_string()));
        }
        if let Some(category) = self.category {
            add("category = ?", Value::Text(category.as_str().to_owned()));
        }
        if !self.status.is_empty() {
            let names: Vec<_> = self.status.iter().map(|status| format!("'{}'", status.as_str())).collect();
            sql.push_str(&format!(" AND status IN ({})", names.join(", ")));
        }
        (sql, values)
    }
}

impl View<'_> {
    /// Returns tasks newest first, those before `cursor` where one is given.
    pub fn list(&self, filter: &Filter, cursor: Option<i64>, limit: u32) -> Result<Page, StoreError> {
        let (conditions, values) = filter.conditions();
        let before = cursor.map(|cursor| format!(" AND seq < {cursor}")).unwrap_or_default();
        let columns = tasks::TASK_COLUMNS;
        let sql = format!(
            "SELECT {columns}, seq FROM tasks WHERE {conditions}{before} ORDER BY seq DESC LIMIT {}",
            limit + 1
        );
        let read = |row: &rusqlite::Row<'_>| Ok((tasks::read_task(row)?, row.get::<_, i64>(9)?));
        let mut rows = self.all(&sql, params_from_iter(&values), read)?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_cursor = rows.last().filter(|_| more).map(|(_, seq)| *seq);
        let total = self.total(filter, &conditions, &values)?;
        Ok(Page { tasks: rows.into_iter().map(|(task, _)| task).collect(), total, next_cursor })
    }

    fn total(&self, filter: &Filter, conditions: &str, values: &[Value]) -> Result<u64, StoreError> {
        if filter.is_by_status_only() {
            let counts = self.counts()?;
            let wanted = |status: &Status| filter.status.is_empty() || filter.status.contains(status);
            return Ok(counts.iter().filter(|(status, _)| wanted(status)).map(|(_, count)| count).sum());
        }
        let sql = format!("SELECT count(*) FROM tasks WHERE {conditions}");
        Ok(self.one(&sql, params_from_iter(values), |row| row.get(0))?.map_or(0, i64::unsigned_abs))
    }
}
