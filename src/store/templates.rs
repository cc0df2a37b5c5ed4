//! How often templates were used, told by the runs themselves, so that it cannot drift from them.

use std::collections::BTreeMap;

use rusqlite::params;

use super::{StoreError, View, Writing};
use crate::core::Timestamp;

/// What the runs of a template came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemplateUse {
    pub uses: u64,
    /// Runs that are done.
    pub successes: u64,
    pub last_used: Option<Timestamp>,
}

impl View<'_> {
    /// Returns the use of every template that was used, by its name.
    pub fn template_uses(&self) -> Result<BTreeMap<String, TemplateUse>, StoreError> {
        let sql = "SELECT template, sum(uses), sum(successes), max(last_used) FROM (
                SELECT template, count(*) AS uses, sum(status = 'done') AS successes, max(created_at) AS last_used
                    FROM runs WHERE template IS NOT NULL GROUP BY template
                UNION ALL SELECT template, uses, successes, last_used FROM template_counts
            ) GROUP BY template";
        let read = |row: &rusqlite::Row<'_>| {
            let count = |column: usize| row.get::<_, i64>(column).map(i64::unsigned_abs);
            let last_used = row.get::<_, Option<i64>>(3)?.map(Timestamp);
            Ok((row.get(0)?, TemplateUse { uses: count(1)?, successes: count(2)?, last_used }))
        };
        Ok(self.all(sql, [], read)?.into_iter().collect())
    }
}

impl Writing<'_> {
    /// Lets a template's runs count for nothing any more: the next one of its name is another.
    ///
    /// # Errors
    /// The disk is full or the store damaged.
    pub fn forget_template(&self, name: &str) -> Result<(), StoreError> {
        self.0.prepare_cached("UPDATE runs SET template = NULL WHERE template = ?1")?.execute(params![name])?;
        self.0.prepare_cached("DELETE FROM template_counts WHERE template = ?1")?.execute(params![name])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;
    use crate::{
        core::{RunStatus, TaskId},
        store::{NewRun, Store},
    };

    fn add(store: &Store, number: i64, template: Option<&str>, status: RunStatus) -> TaskId {
        let id = TaskId::new(Timestamp(1_790_000_000_000 + number), 7);
        let steps = ["a".to_owned()];
        let now = Timestamp(number);
        let new = NewRun {
            taken: &[],
            id: &id,
            name: "n",
            definition: "{}",
            request_id: None,
            parent: None,
            template,
            steps: &steps,
            now,
        };
        store
            .write(|writing| {
                writing.add_run(&new)?;
                writing.wish_of_run(&id, status, now)
            })
            .unwrap();
        id
    }

    /// Whoever removes runs need not know of templates.
    #[test]
    fn removed_runs_go_on_counting_until_the_template_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&Utf8PathBuf::from_path_buf(dir.path().join("mgr.db")).unwrap()).unwrap();
        let uses = || store.read(|view| view.template_uses()).unwrap();
        let use_of = |uses, successes, last| TemplateUse { uses, successes, last_used: Some(Timestamp(last)) };
        add(&store, 1000, None, RunStatus::Done);
        let first = add(&store, 2000, Some("a"), RunStatus::Done);
        add(&store, 3000, Some("a"), RunStatus::Failed);
        let last = add(&store, 4000, Some("a"), RunStatus::Done);
        add(&store, 5000, Some("b"), RunStatus::Running);
        let expected = BTreeMap::from([("a".to_owned(), use_of(3, 2, 4000)), ("b".to_owned(), use_of(1, 0, 5000))]);
        assert_eq!(uses(), expected);
        for id in [first, last] {
            let sql = "DELETE FROM runs WHERE id = ?1";
            store.write(|writing| Ok::<_, StoreError>(writing.0.execute(sql, [id.as_str()])?)).unwrap();
            assert_eq!(uses(), expected);
        }
        store.write(|writing| writing.forget_template("a")).unwrap();
        assert_eq!(uses().into_keys().collect::<Vec<_>>(), ["b"]);
    }
}
