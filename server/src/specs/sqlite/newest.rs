//! `newest`: the highest version of each spec, by name.

use super::{SqliteSpecs, WITHOUT_TEXT, registered};
use crate::specs::{Owner, Registered};
use pipeline::Fatal;

impl SqliteSpecs {
    pub(super) async fn newest_of(
        &self,
        owner: Owner<'_>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Registered>, Fatal> {
        let (owner, after) = (owner.key().to_owned(), after.unwrap_or_default().to_owned());
        let newest = self.database.read(move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {WITHOUT_TEXT} FROM specs AS spec WHERE owner = ?1 AND name > ?2 AND version = \
                     (SELECT max(version) FROM specs WHERE owner = spec.owner AND name = spec.name) \
                     ORDER BY name LIMIT ?3"
                ))?
                .query_map((owner, after, limit), registered)?
                .collect()
        });
        newest.await
    }
}
