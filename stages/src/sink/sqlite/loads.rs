//! `_loads`: what was loaded into the collections of this file, for ever.
//!
//! Every change is one transaction. Time is SQLite's own clock, which the processes of one machine share; it
//! stands in the statements only.

use super::EmbeddedStore;
use crate::identity::LoadIdentity;
use crate::load::{Entry, Loads, Request};
use crate::sqlite::Schema;
use async_trait::async_trait;
use pipeline::Fatal;
use rusqlite::{OptionalExtension, Row, named_params};

/// The tables of remembered loads, and of the counters that number them.
pub(super) const SCHEMA: Schema = Schema::new(
    "
    CREATE TABLE IF NOT EXISTS _loads (
        identity BLOB NOT NULL PRIMARY KEY,
        base BLOB NOT NULL,
        generation INTEGER NOT NULL,
        spec TEXT NOT NULL,
        version INTEGER NOT NULL,
        spec_sha256 TEXT NOT NULL,
        collection TEXT NOT NULL,
        job TEXT NOT NULL,
        load_number INTEGER NOT NULL,
        acknowledged INTEGER NOT NULL,
        completed INTEGER NOT NULL,
        owner TEXT NOT NULL,
        fence INTEGER NOT NULL,
        lock_until REAL NOT NULL,
        UNIQUE (base, generation)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS _loads_collection ON _loads (collection, load_number);
    CREATE TABLE IF NOT EXISTS _counters (
        collection TEXT NOT NULL PRIMARY KEY,
        load_number INTEGER NOT NULL
    ) WITHOUT ROWID;
",
);

/// The columns of an entry, and whether its lease runs.
const ENTRY: &str = "identity, base, generation, spec, version, spec_sha256, collection, job, load_number, \
     acknowledged, completed, owner, fence, lock_until > unixepoch('subsec') AS live";

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let count = |name| row.get::<_, i64>(name).map(i64::cast_unsigned);
    Ok(Entry {
        identity: LoadIdentity(row.get("identity")?),
        base: LoadIdentity(row.get("base")?),
        generation: row.get("generation")?,
        spec: row.get("spec")?,
        version: row.get("version")?,
        spec_sha256: row.get("spec_sha256")?,
        collection: row.get("collection")?,
        job: row.get("job")?,
        load_number: count("load_number")?,
        acknowledged: row.get("acknowledged")?,
        completed: row.get("completed")?,
        owner: row.get("owner")?,
        fence: count("fence")?,
        live: row.get("live")?,
    })
}

#[async_trait]
impl Loads for EmbeddedStore {
    async fn newest(&self, base: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        let newest = self.database.read(move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {ENTRY} FROM _loads WHERE base = ?1 ORDER BY generation DESC LIMIT 1"
                ))?
                .query_row([base.0], entry)
                .optional()
        });
        newest.await
    }

    async fn entry(&self, identity: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        let found = self.database.read(move |connection| {
            connection
                .prepare_cached(&format!("SELECT {ENTRY} FROM _loads WHERE identity = ?1"))?
                .query_row([identity.0], entry)
                .optional()
        });
        found.await
    }

    async fn enter(
        &self,
        request: &Request,
        identity: LoadIdentity,
        generation: u32,
    ) -> Result<Option<Entry>, Fatal> {
        let request = request.clone();
        let entered = self.database.write(move |change| {
            let entered = change
                .prepare_cached(&format!(
                    "INSERT INTO _loads VALUES (:identity, :base, :generation, :spec, :version, :spec_sha256, \
                     :collection, :job, 0, FALSE, FALSE, :owner, 1, unixepoch('subsec') + :lease_ms / 1000.0) \
                     ON CONFLICT DO NOTHING RETURNING {ENTRY}"
                ))?
                .query_row(
                    named_params! {
                        ":identity": identity.0,
                        ":base": request.base.0,
                        ":generation": generation,
                        ":spec": request.spec,
                        ":version": request.version,
                        ":spec_sha256": request.spec_sha256,
                        ":collection": request.collection,
                        ":job": request.job,
                        ":owner": request.owner,
                        ":lease_ms": request.lease_ms.cast_signed(),
                    },
                    entry,
                )
                .optional()?;
            let Some(entered) = entered else {
                return Ok(None);
            };
            if !request.numbered {
                return Ok(Some(entered));
            }
            let load_number: i64 = change
                .prepare_cached(
                    "INSERT INTO _counters VALUES (?1, 1) \
                     ON CONFLICT (collection) DO UPDATE SET load_number = load_number + 1 RETURNING load_number",
                )?
                .query_row([&request.collection], |row| row.get(0))?;
            change
                .prepare_cached("UPDATE _loads SET load_number = ?2 WHERE identity = ?1")?
                .execute((identity.0, load_number))?;
            Ok(Some(Entry {
                load_number: load_number.cast_unsigned(),
                ..entered
            }))
        });
        entered.await
    }

    async fn take(&self, request: &Request, held: &Entry) -> Result<Option<Entry>, Fatal> {
        let (request, identity, fence) = (request.clone(), held.identity, held.fence.cast_signed());
        let taken = self.database.write(move |change| {
            change
                .prepare_cached(&format!(
                    "UPDATE _loads SET version = :version, spec_sha256 = :spec_sha256, job = :job, owner = :owner, \
                     fence = fence + 1, completed = FALSE, \
                     lock_until = unixepoch('subsec') + :lease_ms / 1000.0 \
                     WHERE identity = :identity AND fence = :fence AND lock_until <= unixepoch('subsec') \
                     RETURNING {ENTRY}"
                ))?
                .query_row(
                    named_params! {
                        ":version": request.version,
                        ":spec_sha256": request.spec_sha256,
                        ":job": request.job,
                        ":owner": request.owner,
                        ":lease_ms": request.lease_ms.cast_signed(),
                        ":identity": identity.0,
                        ":fence": fence,
                    },
                    entry,
                )
                .optional()
        });
        taken.await
    }

    async fn renew(&self, held: &Entry, lease_ms: u64, acknowledged: bool) -> Result<bool, Fatal> {
        let held = held.clone();
        let renewed = self.database.write(move |change| {
            change
                .prepare_cached(
                    "UPDATE _loads SET acknowledged = acknowledged OR :acknowledged, \
                     lock_until = unixepoch('subsec') + :lease_ms / 1000.0 \
                     WHERE identity = :identity AND owner = :owner AND fence = :fence",
                )?
                .execute(named_params! {
                    ":acknowledged": acknowledged,
                    ":lease_ms": lease_ms.cast_signed(),
                    ":identity": held.identity.0,
                    ":owner": held.owner,
                    ":fence": held.fence.cast_signed(),
                })
        });
        Ok(renewed.await? == 1)
    }

    async fn repin(&self, held: &Entry, version: u32, spec_sha256: &str) -> Result<bool, Fatal> {
        let (held, spec_sha256) = (held.clone(), spec_sha256.to_owned());
        let repinned = self.database.write(move |change| {
            change
                .prepare_cached(
                    "UPDATE _loads SET version = :version, spec_sha256 = :spec_sha256 \
                     WHERE identity = :identity AND owner = :owner AND fence = :fence",
                )?
                .execute(named_params! {
                    ":version": version,
                    ":spec_sha256": spec_sha256,
                    ":identity": held.identity.0,
                    ":owner": held.owner,
                    ":fence": held.fence.cast_signed(),
                })
        });
        Ok(repinned.await? == 1)
    }

    async fn close(
        &self,
        held: &Entry,
        acknowledged: bool,
        completed: bool,
    ) -> Result<bool, Fatal> {
        let held = held.clone();
        let closed = self.database.write(move |change| {
            change
                .prepare_cached(
                    "UPDATE _loads SET acknowledged = acknowledged OR :acknowledged, completed = :completed, \
                     lock_until = 0 WHERE identity = :identity AND owner = :owner AND fence = :fence",
                )?
                .execute(named_params! {
                    ":acknowledged": acknowledged,
                    ":completed": completed,
                    ":identity": held.identity.0,
                    ":owner": held.owner,
                    ":fence": held.fence.cast_signed(),
                })
        });
        Ok(closed.await? == 1)
    }

    async fn newer_exists(&self, held: &Entry) -> Result<bool, Fatal> {
        let held = held.clone();
        let newer = self.database.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM _loads WHERE collection = ?1 AND load_number > ?2 \
                     AND (acknowledged OR completed OR lock_until > unixepoch('subsec')))",
                )?
                .query_row((held.collection, held.load_number.cast_signed()), |row| row.get(0))
        });
        newer.await
    }

    async fn rival_is_live(&self, held: &Entry) -> Result<bool, Fatal> {
        let held = held.clone();
        let rival = self.database.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM _loads WHERE collection = ?1 AND identity <> ?2 \
                     AND lock_until > unixepoch('subsec'))",
                )?
                .query_row((held.collection, held.identity.0), |row| row.get(0))
        });
        rival.await
    }
}
