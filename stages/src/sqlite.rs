//! One SQLite database file, as every store in one uses it.
//!
//! It promises what an acknowledgement needs: a change is one transaction, on disk when it is reported (WAL,
//! `synchronous=FULL`), made by one writer of this process at a time, and other processes are waited for. A change
//! that only counts once a later one stands need not wait for the disk ([`Database::write_ahead`]). The work runs
//! on threads that may block. It knows no table.

mod schema;
mod version;

pub use schema::{Added, Schema};

use pipeline::{Fatal, Retry};
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a writer waits for a writer in another process, in milliseconds.
pub const BUSY_TIMEOUT_MS: u64 = 30_000;
/// The page cache of the writer, in KiB.
const CACHE_KIB: i64 = 8 * 1024;
/// The page cache of a reader, in KiB: it reads a few rows, or each once.
const READER_CACHE_KIB: i64 = 512;
/// The size to which a write-ahead log is cut back once it was copied into the database, in bytes.
const MAX_IDLE_WAL_BYTES: i64 = 64 * 1024 * 1024;
/// Prepared statements that a connection keeps.
const MAX_STATEMENTS: usize = 64;
/// The wait between two tries to switch a new file to WAL, in milliseconds: SQLite itself does not wait there.
const WAL_RETRY_MS: u64 = 10;

/// No room is left on the disk.
const FULL: &str = "target_full";

/// Connections for reading that are kept open for the next reader.
const MAX_IDLE_READERS: usize = 4;

/// A database file, open for writing. Clones share the writer and the readers.
#[derive(Clone)]
pub struct Database {
    path: Arc<Path>,
    writer: Arc<Mutex<Connection>>,
    readers: Arc<Mutex<Vec<Connection>>>,
    /// Whether what may heal is an outage.
    is_waited_out: bool,
}

impl Database {
    /// Opens the file at `path`, which is made where there is none, and makes the tables of
    /// each schema, or brings them up to date.
    ///
    /// # Errors
    /// When it cannot be opened or is no database; `store_too_new` when a newer version of the program wrote it;
    /// `target_busy` (transient) when another process holds it longer than [`BUSY_TIMEOUT_MS`].
    pub async fn open(path: &Path, schema: &[Schema]) -> Result<Self, Fatal> {
        Self::open_as(path, schema, true).await
    }

    /// The same, in a file that may be somebody else's, who keeps a version of his own in it.
    ///
    /// # Errors
    /// As [`Self::open`], whatever version it has.
    pub async fn open_beside(path: &Path, schema: &[Schema]) -> Result<Self, Fatal> {
        Self::open_as(path, schema, false).await
    }

    async fn open_as(path: &Path, schema: &[Schema], is_own: bool) -> Result<Self, Fatal> {
        let (path, schema): (Arc<Path>, Vec<_>) = (path.into(), schema.to_vec());
        let shared = path.clone();
        let opened = blocking(&shared, move || {
            let mut connection = connect(&path, OpenFlags::default())?;
            if is_own && let Err(too_new) = version::judge(&connection)? {
                return Ok(Err(too_new));
            }
            switch_to_wal(&connection)?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if is_own {
                version::note(&transaction)?;
            }
            for tables in &schema {
                tables.apply(&transaction)?;
            }
            transaction.commit()?;
            Ok(Ok(Self {
                path,
                writer: Arc::new(Mutex::new(connection)),
                readers: Arc::default(),
                is_waited_out: false,
            }))
        });
        opened.await?.map_err(|too_new| too_new.fatal(&shared))
    }

    /// The same database, for what a service remembers: a disk that is full or held by another process is waited out
    /// there (an outage), and charged to no job.
    #[must_use]
    pub fn waited_out(self) -> Self {
        Self {
            is_waited_out: true,
            ..self
        }
    }

    fn judged(&self, fatal: Fatal) -> Fatal {
        match self.is_waited_out {
            true => waited_out(fatal),
            false => fatal,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `change` in one transaction, which is durable when this returns, and rolled back on an error. When
    /// the future is dropped, the change still happens, whole or not at all.
    ///
    /// # Errors
    /// When the database cannot be read or written; `target_full` (transient) when the disk is full.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fatal> {
        self.transact("FULL", change).await
    }

    /// [`Self::write`], but for the wait for the disk: the change is durable when the next [`Self::write`] that
    /// changes anything returns, because the write-ahead log is one file and is synchronised as a whole. Until then
    /// the machine's end, by a loss of power say, may take it back, the process's end may not.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn write_ahead<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fatal> {
        // In WAL mode NORMAL leaves out the sync behind each commit, no other (<https://sqlite.org/pragma.html>).
        self.transact("NORMAL", change).await
    }

    async fn transact<T: Send + 'static>(
        &self,
        synchronous: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fatal> {
        let writer = self.writer.clone();
        blocking(&self.path, move || {
            let mut connection = lock(&writer);
            // Set each time: a change that fails or panics leaves no trace for the next one.
            connection.pragma_update(None, "synchronous", synchronous)?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let changed = change(&transaction)?;
            transaction.commit()?;
            Ok(changed)
        })
        .await
        .map_err(|fatal| self.judged(fatal))
    }

    /// Runs `read` on a connection that never waits for a writer and cannot write: for answers of a few rows. It sees
    /// every change that was reported before.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fatal> {
        let (path, readers) = (self.path.clone(), self.readers.clone());
        blocking(&self.path, move || {
            let idle = lock(&readers).pop();
            let connection = idle.map_or_else(|| connect_to_read(&path), Ok)?;
            let answer = read(&connection)?;
            let mut readers = lock(&readers);
            if readers.len() < MAX_IDLE_READERS {
                readers.push(connection);
            }
            Ok(answer)
        })
        .await
        .map_err(|fatal| self.judged(fatal))
    }

    /// A connection of its own that sees the database as it is now, whatever is written later, and cannot
    /// write: for answers of any length. It blocks.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, Fatal> {
        Snapshot::open(&self.path)
    }
}

/// A database as it was at one moment.
pub struct Snapshot {
    path: PathBuf,
    connection: Connection,
}

impl Snapshot {
    /// A snapshot of the file at `path`, which is never made.
    ///
    /// # Errors
    /// When there is no such file, it is no database, or a newer version of the program wrote it (`store_too_new`).
    pub fn open(path: &Path) -> Result<Self, Fatal> {
        Self::open_as(path, true)
    }

    /// The same of a file that may be somebody else's, who keeps a version of his own in it.
    ///
    /// # Errors
    /// As [`Self::open`], whatever version it has.
    pub fn open_beside(path: &Path) -> Result<Self, Fatal> {
        Self::open_as(path, false)
    }

    fn open_as(path: &Path, is_own: bool) -> Result<Self, Fatal> {
        let open = || {
            let connection = connect_to_read(path)?;
            if is_own && let Err(too_new) = version::judge(&connection)? {
                return Ok(Err(too_new));
            }
            // The snapshot is taken by the first read of a transaction, not by its beginning.
            connection.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")?;
            Ok(Ok(connection))
        };
        match open() {
            Ok(Err(too_new)) => Err(too_new.fatal(path)),
            Ok(Ok(connection)) => Ok(Self {
                path: path.into(),
                connection,
            }),
            Err(error) => Err(fatal(path, &error)),
        }
    }

    /// Reads something.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fatal> {
        read(&self.connection).map_err(|error| fatal(&self.path, &error))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", MAX_IDLE_WAL_BYTES, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(MAX_STATEMENTS);
    Ok(connection)
}

/// Two processes that switch the same new file at once are told to try again at once; the timeout does not
/// apply.
fn switch_to_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = BUSY_TIMEOUT_MS / WAL_RETRY_MS;
    loop {
        let switched = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match switched {
            Err(error) if is(&error, ErrorCode::DatabaseBusy) && tries > 0 => {
                tries -= 1;
                std::thread::sleep(Duration::from_millis(WAL_RETRY_MS));
            }
            Err(error) => return Err(error),
            Ok(_) => return Ok(()),
        }
    }
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Fatal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| fatal(path, &error)),
        Err(error) => Err(Fatal::new("panic", "a writer to SQLite panicked").because(&error)),
    }
}

/// What a failure is to a service: one that may heal is an outage, and charged to no job.
pub fn waited_out(fatal: Fatal) -> Fatal {
    if fatal.retry != Retry::Later {
        return fatal;
    }
    let fatal = Fatal {
        retry: Retry::Outage,
        ..fatal
    };
    match fatal.code {
        FULL => fatal.hint("make room on that disk: what waits for it goes on by itself"),
        _ => fatal,
    }
}

/// Whether SQLite gave this answer.
pub fn is(error: &rusqlite::Error, code: ErrorCode) -> bool {
    error.sqlite_error_code() == Some(code)
}

/// What an answer of SQLite means for the job.
pub fn fatal(path: &Path, error: &rusqlite::Error) -> Fatal {
    let path = path.display();
    // What the processes share of a write-ahead log needs room too, and its lack has a code of its own.
    let is_full = is(error, ErrorCode::DiskFull)
        || error.sqlite_error().map(|inner| inner.extended_code) == Some(SQLITE_IOERR_SHMSIZE);
    let fatal = match error.sqlite_error_code() {
        _ if is_full => Fatal::transient(FULL, format!("no room is left to write {path}"))
            .hint("make room on that disk, then start again; a run goes on with --resume"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fatal::transient(
            "target_busy",
            format!("another process held {path} for more than {BUSY_TIMEOUT_MS} ms"),
        ),
        Some(ErrorCode::SystemIoFailure) => {
            Fatal::transient("target_io", format!("{path} cannot be read or written"))
        }
        Some(ErrorCode::CannotOpen) => {
            Fatal::new("target_unwritable", format!("{path} cannot be opened"))
                .hint("the folder must exist, and this user must be allowed to write in it")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            Fatal::new("target_unwritable", format!("{path} may not be written"))
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Fatal::new(
            "target_corrupt",
            format!("{path} is no SQLite database, or a damaged one"),
        ),
        _ => Fatal::new(
            "target_refused",
            format!("SQLite refused a statement on {path}"),
        ),
    };
    fatal.because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema::new("CREATE TABLE IF NOT EXISTS t (n INTEGER)");

    async fn count(database: &Database) -> i64 {
        let read = database.read(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get(0)));
        read.await.unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_is_an_outage_where_it_is_waited_out() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("a.db"), &[SCHEMA])
            .await
            .unwrap();
        for (database, retry) in [
            (database.clone(), Retry::Later),
            (database.waited_out(), Retry::Outage),
        ] {
            let filled = database.write(|change| {
                change.pragma_update_and_check(None, "max_page_count", 2, |_| Ok(()))?;
                change.execute_batch(
                    "CREATE TABLE large (a); INSERT INTO large VALUES (zeroblob(1000000))",
                )
            });
            let fatal = filled.await.unwrap_err();
            assert_eq!((fatal.code, fatal.retry), ("target_full", retry));
            let refused = database.write(|change| change.execute_batch("no statement"));
            assert_eq!(refused.await.unwrap_err().retry, Retry::Never);
        }
    }

    #[tokio::test]
    async fn it_is_durable_and_written_ahead() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("a.db"), &[SCHEMA])
            .await
            .unwrap();
        let pragma = |name: &'static str| {
            database.read(move |c| c.pragma_query_value(None, name, |row| row.get::<_, i64>(0)))
        };
        assert_eq!(pragma("synchronous").await.unwrap(), 2);
        assert_eq!(pragma("busy_timeout").await.unwrap(), 30_000);
        let mode = database
            .read(|c| c.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)));
        assert_eq!(mode.await.unwrap(), "wal");
    }

    #[tokio::test]
    async fn a_change_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("a.db"), &[SCHEMA])
            .await
            .unwrap();
        let failed = database.write(|change| {
            change.execute("INSERT INTO t VALUES (1)", [])?;
            change.execute("INSERT INTO nowhere VALUES (1)", [])
        });
        assert_eq!(failed.await.unwrap_err().code, "target_refused");
        assert_eq!(count(&database).await, 0);
        let changed = database.write(|change| change.execute("INSERT INTO t VALUES (1)", []));
        assert_eq!(changed.await.unwrap(), 1);
        assert_eq!(count(&database).await, 1);
    }

    #[tokio::test]
    async fn only_what_is_written_ahead_does_not_wait_for_the_disk() {
        fn synchronous(change: &Transaction<'_>) -> rusqlite::Result<i64> {
            change.pragma_query_value(None, "synchronous", |row| row.get(0))
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let database = Database::open(&path, &[SCHEMA]).await.unwrap();
        let (normal, full) = (1, 2);
        assert_eq!(database.write_ahead(synchronous).await.unwrap(), normal);
        assert_eq!(database.write(synchronous).await.unwrap(), full);
        let failed = database.write_ahead(|change| change.execute("INSERT INTO no", []));
        failed.await.unwrap_err();
        assert_eq!(database.write(synchronous).await.unwrap(), full);
        let panicked = database.write_ahead(|_| -> rusqlite::Result<()> { panic!("in a change") });
        assert_eq!(panicked.await.unwrap_err().code, "panic");
        assert_eq!(database.write(synchronous).await.unwrap(), full);
        let insert = |change: &Transaction<'_>| change.execute("INSERT INTO t VALUES (1)", []);
        database.write_ahead(insert).await.unwrap();
        assert_eq!(count(&database).await, 1);
    }

    #[tokio::test]
    async fn a_snapshot_sees_one_moment_and_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        assert_eq!(
            Snapshot::open(&path).err().unwrap().code,
            "target_unwritable"
        );
        let database = Database::open(&path, &[SCHEMA]).await.unwrap();
        let snapshot = database.snapshot().unwrap();
        let insert = |change: &Transaction<'_>| change.execute("INSERT INTO t VALUES (1)", []);
        database.write(insert).await.unwrap();
        let seen = snapshot
            .read(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)));
        assert_eq!(seen.unwrap(), 0);
        assert!(
            snapshot
                .read(|c| c.execute("INSERT INTO t VALUES (1)", []))
                .is_err()
        );
        assert_eq!(count(&database).await, 1);
    }

    #[tokio::test]
    async fn many_open_a_new_file_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let tries = (0..20).map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                let database = Database::open(&path, &[SCHEMA]).await?;
                database
                    .write(|change| change.execute("INSERT INTO t VALUES (1)", []))
                    .await
            })
        });
        for one in tries.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap().unwrap(), 1);
        }
        assert_eq!(
            count(&Database::open(&path, &[SCHEMA]).await.unwrap()).await,
            20
        );
    }

    #[tokio::test]
    async fn what_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "order_id;total\n".repeat(100)).unwrap();
        let code = |opened: Result<Database, Fatal>| opened.err().map(|fatal| fatal.code);
        assert_eq!(
            code(Database::open(&path, &[SCHEMA]).await),
            Some("target_corrupt")
        );
        let nowhere = folder.path().join("no/a.db");
        assert_eq!(
            code(Database::open(&nowhere, &[SCHEMA]).await),
            Some("target_unwritable")
        );
    }
}
