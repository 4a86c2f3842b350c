//! A page of a tenant's files, newest first, from SQLite: read in the order of an index, each with its newest job.

use super::row::{self, FILE, JOB, WITH_NEWEST_JOB};
use crate::files::{Seen, Status};
use crate::page::{Cursor, From, Listed, MAX_ITEMS, Page};
use crate::queue::State;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::types::Value;
use rusqlite::{params, params_from_iter};
use stages::sqlite::Database;

pub(super) async fn files(
    database: &Database,
    tenant: &Tenant,
    status: Option<Status>,
    page: Page,
) -> Result<Listed<Seen>, Fatal> {
    let limit = page.limit.clamp(1, MAX_ITEMS);
    let tenant = tenant.clone();
    let listed = database.read(move |connection| {
        // Page and total are of one moment.
        let moment = connection.unchecked_transaction()?;
        let total = match page.from {
            From::After(_) => None,
            From::Number(_) => {
                let mut count = moment.prepare_cached(&count(status))?;
                let total = count.query_row(params![tenant.key()], |row| row.get::<_, i64>(0));
                Some(total?.cast_unsigned())
            }
        };
        let (text, values) = list(&tenant, status, page.from, limit);
        let mut select = moment.prepare_cached(&text)?;
        let found = select.query_map(params_from_iter(&values), row::seen)?;
        Ok((found.collect::<rusqlite::Result<Vec<_>>>()?, total))
    });
    let (mut items, total) = listed.await?;
    // One more than is wanted tells whether there is a next page.
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|last| Cursor {
        created_ms: last.file.created_ms,
        id: last.file.new.id,
    });
    Ok(Listed { items, total, next })
}

fn count(status: Option<Status>) -> String {
    let from = match status {
        None | Some(Status::Uploading) => "files",
        Some(_) => WITH_NEWEST_JOB,
    };
    format!("SELECT count(*) FROM {from} WHERE {}", wanted(status))
}

/// The statement and its parameters.
pub(super) fn list(
    tenant: &Tenant,
    status: Option<Status>,
    from: From,
    limit: u32,
) -> (String, Vec<Value>) {
    let mut values = vec![
        Value::Text(tenant.key().to_owned()),
        Value::Integer(i64::from(limit) + 1),
    ];
    let behind = match from {
        From::Number(number) => {
            let skip = i64::from(number.saturating_sub(1)) * i64::from(limit);
            values.push(Value::Integer(skip));
            ""
        }
        From::After(Cursor { created_ms, id }) => {
            let created = i64::try_from(created_ms).unwrap_or(i64::MAX);
            let place = [Value::Integer(created), Value::Blob(id.0.to_vec())];
            values.push(Value::Integer(0));
            values.extend(place);
            "AND (files.created_ms, files.id) < (?4, ?5)"
        }
    };
    let text = format!(
        "SELECT {FILE}, {JOB} FROM {WITH_NEWEST_JOB} WHERE {} {behind} \
         ORDER BY files.created_ms DESC, files.id DESC LIMIT ?2 OFFSET ?3",
        wanted(status)
    );
    (text, values)
}

/// The files of the tenant `?1` that have a status.
fn wanted(status: Option<Status>) -> String {
    let of_status = match status {
        None => String::new(),
        Some(Status::Uploading) => "AND uploaded_ms IS NULL".into(),
        Some(Status::Uploaded) => "AND uploaded_ms IS NOT NULL AND jobs.id IS NULL".into(),
        Some(status) => {
            let states = State::ALL.into_iter();
            let states = states.filter(|state| Status::of(true, Some(*state)) == status);
            let words: Vec<_> = states.map(|state| format!("'{}'", state.word())).collect();
            let words = words.join(", ");
            format!("AND uploaded_ms IS NOT NULL AND jobs.state IN ({words})")
        }
    };
    format!("files.tenant = ?1 AND is_lost = 0 {of_status}")
}
