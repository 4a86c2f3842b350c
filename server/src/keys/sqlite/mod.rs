//! The store of API keys in SQLite: one writer, WAL, every change one transaction.

use stages::sqlite::Database;

/// The tables of this store; running it again changes nothing.
pub const SCHEMA: &str = "";

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
