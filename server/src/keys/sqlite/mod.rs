//! The store of API keys in SQLite: one writer, WAL, every change one transaction.

mod add;
mod any;
mod find;
mod knows;
mod list;
mod revoke;

use super::{Key, Keys};
use crate::id::Id;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;
use rusqlite::Row;
use rusqlite::types::Type;
use stages::sqlite::{Database, Schema};

/// The tables of this store; running it again changes nothing.
pub const SCHEMA: Schema = Schema::new(
    "
    CREATE TABLE IF NOT EXISTS keys (
        id BLOB NOT NULL PRIMARY KEY,
        tenant TEXT NOT NULL,
        sha256 BLOB NOT NULL UNIQUE,
        created_ms INTEGER NOT NULL,
        revoked_ms INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS keys_live ON keys (tenant) WHERE revoked_ms IS NULL;
",
);

/// The columns of a key.
const KEY: &str = "id, tenant, sha256, created_ms, revoked_ms";

/// Now, in milliseconds since 1970, by SQLite's clock.
const NOW_MS: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// The store of API keys in a SQLite file.
pub struct SqliteKeys {
    database: Database,
}

impl SqliteKeys {
    /// The store in a database that was opened with [`SCHEMA`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Keys for SqliteKeys {
    async fn add(&self, id: Id, tenant: &Tenant, sha256: [u8; 32]) -> Result<Option<Key>, Fatal> {
        self.add_key(id, tenant, sha256).await
    }

    async fn list(&self) -> Result<Vec<Key>, Fatal> {
        self.list_keys().await
    }

    async fn revoke(&self, id: Id) -> Result<bool, Fatal> {
        self.revoke_key(id).await
    }

    async fn find(&self, sha256: [u8; 32]) -> Result<Option<Key>, Fatal> {
        self.find_key(sha256).await
    }

    async fn any(&self) -> Result<bool, Fatal> {
        self.any_key().await
    }

    async fn knows(&self, tenant: &Tenant) -> Result<bool, Fatal> {
        self.knows_tenant(tenant).await
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    let tenant: String = row.get("tenant")?;
    let tenant = Tenant::of_key(&tenant).map_err(|_| {
        let text = format!("{tenant:?} is no tenant");
        rusqlite::Error::FromSqlConversionFailure(1, Type::Text, text.into())
    })?;
    let moment = |name| {
        row.get::<_, Option<i64>>(name)
            .map(|at| at.map(i64::cast_unsigned))
    };
    Ok(Key {
        id: Id(row.get("id")?),
        tenant,
        sha256: row.get("sha256")?,
        created_ms: moment("created_ms")?.unwrap_or_default(),
        revoked_ms: moment("revoked_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::suite::conforms;

    #[tokio::test]
    async fn it_conforms() {
        let folder = tempfile::tempdir().unwrap();
        let mut count = 0;
        conforms(async || {
            count += 1;
            let path = folder.path().join(format!("{count}.db"));
            let database = Database::open(&path, &[SCHEMA, SCHEMA]).await.unwrap();
            SqliteKeys::new(database)
        })
        .await;
    }
}
