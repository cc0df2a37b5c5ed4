//! The store: SQLite, and the only SQL of the house.
//!
//! Must not decide: it keeps what the engine decided and answers what it is asked. Write
//! transactions queue at a turnstile (a lock file in front of SQLite's own), because SQLite's
//! busy handler polls and starves: measured with 64 writers, p99 fell from 1,333 to 32 ms.

mod error;
mod query;
mod runs;
#[cfg(test)]
mod runs_tests;
mod schema;
mod tasks;
mod templates;

use std::{
    fs::File,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{Connection, Transaction, TransactionBehavior, config::DbConfig};

pub use error::StoreError;
pub use query::{Filter, Page};
pub use runs::{NewRun, Pause, RestoredRun, StepChange};
pub use tasks::{Duplicate, Hold, NewTask, News, Place};
pub use templates::TemplateUse;

use crate::os::{clock, files};

/// A reader never waits in WAL; this is for the moments when the log is folded in.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// More than there are: a long-lived process parses each statement once. With the library's 16, calls that take
/// turns parsed all of theirs anew, which took longer than running them.
const STATEMENTS: usize = 128;

/// One process's connection to the store.
pub struct Store {
    connection: Mutex<Connection>,
    turnstile: Mutex<File>,
    path: Utf8PathBuf,
    file: Option<(u64, u64)>,
}

/// A view of the store, inside or outside a transaction.
pub struct View<'a>(&'a Connection);

/// An open write transaction; also a [`View`].
pub struct Writing<'a>(Transaction<'a>);

impl Store {
    /// Opens the store, making or migrating it as needed.
    ///
    /// # Errors
    /// The file is damaged, made by a newer `mgr`, or cannot be opened.
    pub fn open(path: &Utf8Path) -> Result<Self, StoreError> {
        let turnstile = files::open_lock(&path.with_extension("turnstile"))?;
        // Made here for its mode: SQLite gives its logs the mode of the database.
        files::open_append(path)?;
        let connection = Connection::open(path).map_err(|error| StoreError::from_sqlite(path, error))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let (connection, turnstile) = (Mutex::new(connection), Mutex::new(turnstile));
        let store = Self { connection, turnstile, path: path.to_owned(), file: files::identity(path) };
        store.prepare()?;
        Ok(store)
    }

    fn prepare(&self) -> Result<(), StoreError> {
        let version = {
            let connection = self.connection();
            // Folding the log in at each close costs a short-lived process four syncs and the next one a new
            // log. The ticker does it when there is nothing else to do, see `fold_log`.
            let setup = connection
                .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
                .and_then(|_| connection.busy_timeout(BUSY_TIMEOUT))
                .and_then(|()| schema::has_log(&connection));
            let has_log = setup.map_err(|error| StoreError::from_sqlite(&self.path, error))?;
            if !has_log {
                let _turn = self.take_turn()?;
                self.start_log(&connection)?;
            }
            let setup = connection.execute_batch(schema::PRAGMAS).and_then(|()| schema::version(&connection));
            setup.map_err(|error| StoreError::from_sqlite(&self.path, error))?
        };
        if version == schema::LATEST {
            return Ok(());
        }
        if version > schema::LATEST {
            return Err(StoreError::Newer { path: self.path.clone(), found: version, known: schema::LATEST });
        }
        let _turn = self.take_turn()?;
        schema::migrate(&mut self.connection(), &self.path)
    }

    /// Turns a new file into one with a log. SQLite answers "busy" at once here, whatever the timeout, while
    /// another process reads the file (<https://sqlite.org/c3ref/busy_handler.html>): seen when twenty
    /// submits at once were the first use of a home, and one of them was refused.
    fn start_log(&self, connection: &Connection) -> Result<(), StoreError> {
        let deadline = clock::steady() + BUSY_TIMEOUT;
        loop {
            match schema::start_log(connection) {
                Err(error)
                    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                        && clock::steady() < deadline =>
                {
                    std::thread::sleep(Duration::from_millis(2));
                }
                started => return started.map_err(|error| StoreError::from_sqlite(&self.path, error)),
            }
        }
    }

    /// Reads without a transaction.
    ///
    /// # Errors
    /// What `read` says, or a damaged store.
    pub fn read<T>(&self, read: impl FnOnce(&View<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        read(&View(&self.connection()))
    }

    /// Runs `write` as one durable transaction: all of it or nothing.
    ///
    /// # Errors
    /// What `write` says, a full disk, or a damaged store; nothing has changed then.
    pub fn write<T, E: From<StoreError>>(&self, write: impl FnOnce(&Writing<'_>) -> Result<T, E>) -> Result<T, E> {
        let named = |error| E::from(StoreError::from_sqlite(&self.path, error));
        let _turn = self.take_turn()?;
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(named)?;
        let writing = Writing(transaction);
        let value = write(&writing)?;
        writing.0.commit().map_err(named)?;
        Ok(value)
    }

    /// Folds the log into the database file and empties it, so that the next process to open the store reads
    /// no log. One that is in use stays: every commit in it is as safe there. Writers wait at the turnstile
    /// meanwhile, because SQLite would let them sleep; for readers nothing is waited.
    pub fn fold_log(&self) {
        let fold = || -> Result<(), StoreError> {
            let _turn = self.take_turn()?;
            let connection = self.connection();
            connection.busy_timeout(Duration::ZERO)?;
            let folded = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            connection.busy_timeout(BUSY_TIMEOUT)?;
            Ok(folded?)
        };
        if let Err(error) = fold() {
            tracing::warn!(%error, "the log of the store stays as it is");
        }
    }

    /// Checks the whole file.
    ///
    /// # Errors
    /// The file is damaged, with SQLite's first words about where.
    pub fn check(&self) -> Result<(), StoreError> {
        let verdict: String =
            self.read(|view| Ok(view.0.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?))?;
        if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: self.path.clone(), detail: verdict }) }
    }

    /// Whether the file under the path is still the one that was opened: a rebuild puts another there.
    pub fn is_in_place(&self) -> bool {
        files::identity(&self.path) == self.file
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic in a reader leaves no half-made state: SQLite rolls back what was not committed.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_turn(&self) -> Result<Turn<'_>, StoreError> {
        let file = self.turnstile.lock().unwrap_or_else(PoisonError::into_inner);
        file.lock().map_err(files::FileError::at(&self.path, "wait for a turn to write"))?;
        Ok(Turn(file))
    }
}

/// A turn at the turnstile, given back on drop.
struct Turn<'a>(MutexGuard<'a, File>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Writing<'_> {
    pub fn view(&self) -> View<'_> {
        View(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    #[test]
    fn many_may_be_the_first_to_open_a_store() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let path = Utf8PathBuf::from_path_buf(dir.path().join("mgr.db")).unwrap();
            let barrier = Barrier::new(16);
            let open = || {
                barrier.wait();
                Store::open(&path).map(drop).map_err(|error| format!("{error:?}"))
            };
            let opened: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> = (0..16).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(opened, vec![Ok(()); 16]);
        }
    }
}
