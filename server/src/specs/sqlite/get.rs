//! `get`: one version, or the highest.

use super::{SqliteSpecs, WHOLE, registered};
use crate::specs::{Owner, Registered};
use pipeline::Fatal;
use rusqlite::OptionalExtension;

impl SqliteSpecs {
    pub(super) async fn get_version(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<Registered>, Fatal> {
        let (owner, name) = (owner.key().to_owned(), name.to_owned());
        let got = self.database.read(move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {WHOLE} FROM specs WHERE owner = ?1 AND name = ?2 AND (?3 IS NULL OR version = ?3) \
                     ORDER BY version DESC LIMIT 1"
                ))?
                .query_row((owner, name, version), registered)
                .optional()
        });
        got.await
    }
}
