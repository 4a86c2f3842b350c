//! `versions`: every version of a spec, highest first.

use super::{SqliteSpecs, WITHOUT_TEXT, registered};
use crate::specs::{Owner, Registered};
use pipeline::Fatal;

impl SqliteSpecs {
    pub(super) async fn versions_of(
        &self,
        owner: Owner<'_>,
        name: &str,
    ) -> Result<Vec<Registered>, Fatal> {
        let (owner, name) = (owner.key().to_owned(), name.to_owned());
        let versions = self.database.read(move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {WITHOUT_TEXT} FROM specs WHERE owner = ?1 AND name = ?2 ORDER BY version DESC"
                ))?
                .query_map((owner, name), registered)?
                .collect()
        });
        versions.await
    }
}
