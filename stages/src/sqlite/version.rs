//! The version of the program's own SQLite files: an older program does not work on what a newer one has written.
//!
//! It stands in the file itself (`PRAGMA user_version`). A file without one, 0, is of the time before there was any, and is
//! read as version 1. A change of tables that an older program could not live with makes it one more:
//!
//! - 2: rejects say which claim stored them. An older program cannot store one.
//! - 3: jobs say where their time went, and have no column for the stage that bounded them any more.

use pipeline::Fatal;
use rusqlite::Connection;
use std::path::Path;

/// The version that this program writes, and the newest that it reads.
const VERSION: i64 = 3;

/// A file that a newer program wrote: its version.
pub(super) struct TooNew(i64);

impl TooNew {
    /// What is said of it.
    pub(super) fn fatal(&self, path: &Path) -> Fatal {
        let (path, found) = (path.display(), self.0);
        let message = format!(
            "{path} was written by a newer version of sluicegate: it has version {found}, this program knows {VERSION}"
        );
        Fatal::new("store_too_new", message)
            .hint("use that version again, or another DATA_DIR with this one")
    }
}

/// Looks whether this program may work on the file.
pub(super) fn judge(connection: &Connection) -> rusqlite::Result<Result<(), TooNew>> {
    let found = read(connection)?;
    Ok(if found > VERSION {
        Err(TooNew(found))
    } else {
        Ok(())
    })
}

/// Notes the version in a file that has an older one or none.
pub(super) fn note(connection: &Connection) -> rusqlite::Result<()> {
    if read(connection)? < VERSION {
        connection.pragma_update(None, "user_version", VERSION)?;
    }
    Ok(())
}

fn read(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::super::{Database, Schema, Snapshot};
    use super::*;

    const TABLE: &str = "CREATE TABLE IF NOT EXISTS t (n INTEGER)";
    const SCHEMA: Schema = Schema::new(TABLE);

    /// What stands in the file.
    fn version(path: &Path) -> i64 {
        read(&Connection::open(path).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn what_a_newer_program_wrote_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let newer = Connection::open(&path).unwrap();
        newer
            .pragma_update(None, "user_version", VERSION + 1)
            .unwrap();
        for schema in [&[][..], &[SCHEMA]] {
            let refused = Database::open(&path, schema).await.err().unwrap();
            assert_eq!(refused.code, "store_too_new");
            assert!(refused.hint.is_some());
        }
        assert_eq!(Snapshot::open(&path).err().unwrap().code, "store_too_new");
        assert_eq!(version(&path), VERSION + 1);
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = newer.query_row(tables, [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 0);
    }

    #[tokio::test]
    async fn a_file_of_the_time_before_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let before = Connection::open(&path).unwrap();
        before
            .execute_batch(&format!("{TABLE}; INSERT INTO t VALUES (7)"))
            .unwrap();
        assert!(Snapshot::open(&path).is_ok());
        assert_eq!(version(&path), 0);
        let database = Database::open(&path, &[SCHEMA]).await.unwrap();
        let kept = database.read(|c| c.query_row("SELECT n FROM t", [], |row| row.get(0)));
        assert_eq!((kept.await.unwrap(), version(&path)), (7, VERSION));
    }

    #[tokio::test]
    async fn the_version_of_somebody_elses_file_is_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        for theirs in [0, 1, 7] {
            let file = Connection::open(&path).unwrap();
            file.pragma_update(None, "user_version", theirs).unwrap();
            Database::open_beside(&path, &[SCHEMA]).await.unwrap();
            assert_eq!(version(&path), theirs);
        }
    }
}
