//! The store of files in SQLite: one writer, WAL, every change one transaction.

use stages::sqlite::Database;

/// The tables of this store; running it again changes nothing.
pub const SCHEMA: &str = "";

/// The store of files in a SQLite file.
pub struct SqliteFiles {
    database: Database,
}

impl SqliteFiles {
    /// The store in a database that was opened with [`SCHEMA`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}
