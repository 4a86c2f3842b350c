//! (none) → queued: enters a job once, due now.

use super::{row, turns};
use crate::queue::{Callback, Job, NewJob};
use rusqlite::{Connection, named_params, params};

pub(super) fn submit(change: &Connection, now: i64, new: &NewJob) -> rusqlite::Result<Job> {
    if let Some(job) = row::job(change, &new.tenant, new.id)? {
        return Ok(job);
    }
    let (tenant, spec, load) = (new.tenant.key(), &new.spec, &new.load);
    let callback = new.callback.clone().map(Callback::new);
    let callback = callback.as_ref().map(row::json).transpose()?;
    change
        .prepare_cached(
            "INSERT INTO jobs (tenant, id, state, priority, created_ms, queued_ms, due_ms, updated_ms, bytes_total, \
             spec_name, spec_version, spec_sha256, spec_is_operators, content, base, identity, generation, \
             load_number, collection, parent, files, callback, spec_text) \
             VALUES (:tenant, :id, 'queued', :priority, :now, :now, :now, :now, :bytes_total, \
             :spec_name, :spec_version, :spec_sha256, :spec_is_operators, :content, :base, :identity, :generation, \
             :load_number, :collection, :parent, :files, :callback, :spec_text)",
        )?
        .execute(named_params! {
            ":tenant": tenant,
            ":id": new.id.0,
            ":priority": new.priority,
            ":now": now,
            ":bytes_total": new.bytes_total.map(u64::cast_signed),
            ":spec_name": spec.pin.name,
            ":spec_version": spec.pin.version,
            ":spec_sha256": spec.pin.sha256,
            ":spec_is_operators": spec.is_operators,
            ":content": load.content,
            ":base": load.base.0,
            ":identity": load.identity.0,
            ":generation": load.generation,
            ":load_number": load.load_number.cast_signed(),
            ":collection": load.collection,
            ":parent": new.parent.map(|parent| parent.0),
            ":files": new.file.0,
            ":callback": callback,
            ":spec_text": spec.text,
        })?;
    change
        .prepare_cached(
            "INSERT INTO job_files (tenant, file, created_ms, job) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![tenant, new.file.0, now, new.id.0])?;
    turns::wake(change, tenant, now)?;
    row::job(change, &new.tenant, new.id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}
