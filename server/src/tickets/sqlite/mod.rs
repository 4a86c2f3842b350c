//! The store of tickets in SQLite: one writer, WAL, every change one transaction.

mod add;
mod take;

use super::Tickets;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;
use stages::sqlite::{Database, Schema};

/// The table of this store; running it again changes nothing.
pub const SCHEMA: Schema = Schema::new(
    "
    CREATE TABLE IF NOT EXISTS tickets (
        sha256 BLOB NOT NULL PRIMARY KEY,
        tenant TEXT NOT NULL,
        until_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS tickets_until ON tickets (until_ms);
    CREATE INDEX IF NOT EXISTS tickets_tenant ON tickets (tenant);
",
);

/// Now, in milliseconds since 1970, by SQLite's clock.
const NOW_MS: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// The store of tickets in a SQLite file.
pub struct SqliteTickets {
    database: Database,
}

impl SqliteTickets {
    /// The store in a database that was opened with [`SCHEMA`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Tickets for SqliteTickets {
    async fn add(&self, tenant: &Tenant, sha256: [u8; 32]) -> Result<Option<u64>, Fatal> {
        self.add_ticket(tenant, sha256).await
    }

    async fn take(&self, sha256: [u8; 32]) -> Result<Option<Tenant>, Fatal> {
        self.take_ticket(sha256).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tickets::suite::conforms;

    #[tokio::test]
    async fn it_conforms() {
        let folder = tempfile::tempdir().unwrap();
        let mut count = 0;
        let make = async || {
            count += 1;
            let path = folder.path().join(format!("{count}.db"));
            SqliteTickets::new(Database::open(&path, &[SCHEMA, SCHEMA]).await.unwrap())
        };
        conforms(make, async |tickets: &SqliteTickets| {
            let aged = tickets.database.write(|change| {
                change.execute("UPDATE tickets SET until_ms = until_ms - 60000", [])
            });
            aged.await.unwrap();
        })
        .await;
    }
    #[tokio::test]
    async fn what_is_no_ticket_waits_for_no_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tickets.db");
        let tickets = SqliteTickets::new(Database::open(&path, &[SCHEMA]).await.unwrap());
        let tenant: Tenant = "acme".parse().unwrap();
        assert!(tickets.add(&tenant, [1; 32]).await.unwrap().is_some());
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert_eq!(tickets.take([9; 32]).await.unwrap(), None);
        writer.execute_batch("COMMIT").unwrap();
        assert_eq!(tickets.take([1; 32]).await.unwrap(), Some(tenant));
    }
}
