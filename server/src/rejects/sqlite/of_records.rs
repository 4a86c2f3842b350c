//! The rejects of some records of a run from SQLite, by their key.

use super::number;
use super::page::reject;
use crate::rejects::Run;
use pipeline::{Fatal, Reject};
use rusqlite::{OptionalExtension, params};
use stages::sqlite::Database;

pub(super) async fn of_records(
    database: &Database,
    run: &Run,
    ordinals: &[u64],
) -> Result<Vec<Reject>, Fatal> {
    let (run, ordinals) = (run.clone(), ordinals.to_vec());
    let read = database.read(move |connection| {
        let mut select = connection.prepare_cached(
            "SELECT ordinal, line, offset, problems, raw FROM rejects \
             WHERE tenant = ?1 AND job = ?2 AND run = ?3 AND ordinal = ?4",
        )?;
        let (tenant, job) = (run.tenant.key(), run.job.0.as_slice());
        let each = ordinals.iter().filter_map(|ordinal| {
            let values = params![tenant, job, run.run, number(*ordinal)];
            select.query_row(values, reject).optional().transpose()
        });
        each.collect()
    });
    read.await
}
