//! `put`: registers a version, in one transaction that looks before it writes.

use super::{SqliteSpecs, WHOLE, registered};
use crate::specs::{Owner, Put, Registered};
use pipeline::Fatal;
use rusqlite::{OptionalExtension, named_params};

impl SqliteSpecs {
    pub(super) async fn put_version(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: u32,
        sha256: &str,
        text: &str,
    ) -> Result<Put, Fatal> {
        let (owner, max_versions) = (owner.key().to_owned(), self.max_versions);
        let new = Registered {
            name: name.to_owned(),
            version,
            sha256: sha256.to_owned(),
            text: text.to_owned(),
            created_ms: 0,
        };
        let put = self.database.write(move |change| {
            let there = change
                .prepare_cached(&format!(
                    "SELECT {WHOLE} FROM specs WHERE owner = ?1 AND name = ?2 AND version = ?3"
                ))?
                .query_row((&owner, &new.name, new.version), registered)
                .optional()?;
            if let Some(there) = there {
                return Ok(Put::of_known(there, &new.sha256));
            }
            let count: i64 = change
                .prepare_cached("SELECT count(*) FROM specs WHERE owner = ?1")?
                .query_row([&owner], |row| row.get(0))?;
            if count.cast_unsigned() >= max_versions {
                return Ok(Put::Full);
            }
            let insert = "INSERT INTO specs (owner, name, version, sha256, created_ms, text) \
                 VALUES (:owner, :name, :version, :sha256, CAST(unixepoch('subsec') * 1000 AS INTEGER), :text) \
                 RETURNING created_ms";
            let created_ms: i64 = change.prepare_cached(insert)?.query_row(
                named_params! {
                    ":owner": owner,
                    ":name": new.name,
                    ":version": new.version,
                    ":sha256": new.sha256,
                    ":text": new.text,
                },
                |row| row.get(0),
            )?;
            Ok(Put::New(Registered {
                created_ms: created_ms.cast_unsigned(),
                ..new
            }))
        });
        put.await
    }
}
