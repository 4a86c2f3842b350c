//! The store of registered specs in SQLite: one writer, WAL, every change one transaction.

mod get;
mod newest;
mod put;
mod versions;

use super::{MAX_VERSIONS, Owner, Put, Registered, Specs};
use async_trait::async_trait;
use pipeline::Fatal;
use rusqlite::Row;
use stages::sqlite::{Database, Schema};

/// The tables of this store; running it again changes nothing.
///
/// The text stands last: rows that are read without it leave its pages alone.
pub const SCHEMA: Schema = Schema::new(
    "
    CREATE TABLE IF NOT EXISTS specs (
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (owner, name, version)
    );
",
);

/// The columns of a version without its text.
const WITHOUT_TEXT: &str = "name, version, sha256, created_ms, '' AS text";

/// The columns of a version.
const WHOLE: &str = "name, version, sha256, created_ms, text";

/// The store of registered specs in a SQLite file.
pub struct SqliteSpecs {
    database: Database,
    max_versions: u64,
}

impl SqliteSpecs {
    /// The store in a database that was opened with [`SCHEMA`].
    pub fn new(database: Database) -> Self {
        Self {
            database,
            max_versions: MAX_VERSIONS,
        }
    }

    /// The same store, where an owner keeps at most `max_versions`.
    #[cfg(test)]
    fn keeping(self, max_versions: u64) -> Self {
        Self {
            max_versions,
            ..self
        }
    }
}

#[async_trait]
impl Specs for SqliteSpecs {
    async fn put(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: u32,
        sha256: &str,
        text: &str,
    ) -> Result<Put, Fatal> {
        self.put_version(owner, name, version, sha256, text).await
    }

    async fn get(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<Registered>, Fatal> {
        self.get_version(owner, name, version).await
    }

    async fn versions(&self, owner: Owner<'_>, name: &str) -> Result<Vec<Registered>, Fatal> {
        self.versions_of(owner, name).await
    }

    async fn newest(
        &self,
        owner: Owner<'_>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Registered>, Fatal> {
        self.newest_of(owner, after, limit).await
    }
}

fn registered(row: &Row<'_>) -> rusqlite::Result<Registered> {
    Ok(Registered {
        name: row.get("name")?,
        version: row.get("version")?,
        sha256: row.get("sha256")?,
        text: row.get("text")?,
        created_ms: row.get::<_, i64>("created_ms")?.cast_unsigned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specs::suite::conforms;

    #[tokio::test]
    async fn it_conforms() {
        let folder = tempfile::tempdir().unwrap();
        let mut count = 0;
        conforms(async |max_versions| {
            count += 1;
            let path = folder.path().join(format!("{count}.db"));
            let database = Database::open(&path, &[SCHEMA, SCHEMA]).await.unwrap();
            SqliteSpecs::new(database).keeping(max_versions)
        })
        .await;
    }
}
