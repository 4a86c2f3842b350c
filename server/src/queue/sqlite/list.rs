//! Lists of a tenant's jobs, newest first. Every page is read from an index that has its order: nothing is sorted but
//! the few rows of a page, where several states are asked for.

use super::row;
use crate::id::Id;
use crate::page::{Cursor, From, Listed, MAX_ITEMS, Page};
use crate::queue::{Filter, Job, State};
use crate::tenant::Tenant;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

pub(super) const NEWEST_OF_FILE: &str = "SELECT job FROM job_files WHERE tenant = ?1 AND file = ?2 \
     ORDER BY created_ms DESC, job DESC LIMIT 1";

pub(super) fn newest_of_file(
    connection: &Connection,
    tenant: &Tenant,
    file: Id,
) -> rusqlite::Result<Option<Job>> {
    let newest = connection
        .prepare_cached(NEWEST_OF_FILE)?
        .query_row(params![tenant.key(), file.0], |row| row.get(0).map(Id))
        .optional()?;
    match newest {
        Some(id) => row::job(connection, tenant, id),
        None => Ok(None),
    }
}

pub(super) fn list(
    connection: &Connection,
    tenant: &Tenant,
    filter: &Filter,
    page: Page,
) -> rusqlite::Result<Listed<Job>> {
    // Page and total are of one moment.
    let moment = connection.unchecked_transaction()?;
    let limit = i64::from(page.limit.clamp(1, MAX_ITEMS));
    let (skipped, cursor) = match page.from {
        From::Number(number) => (i64::from(number.saturating_sub(1)) * limit, None),
        From::After(cursor) => (0, Some(cursor)),
    };
    let total = match page.from {
        From::Number(_) => Some(total(&moment, tenant, filter)?),
        From::After(_) => None,
    };
    // One more than is shown says whether there is a next page.
    let mut items = rows(&moment, tenant, filter, cursor, skipped, limit + 1)?;
    let more = items.len() as i64 > limit;
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = items.last().filter(|_| more).map(|job| Cursor {
        created_ms: job.created_ms,
        id: job.id,
    });
    Ok(Listed { items, total, next })
}

fn total(connection: &Connection, tenant: &Tenant, filter: &Filter) -> rusqlite::Result<u64> {
    let counts: Vec<String> = states(filter)
        .into_iter()
        .map(|state| format!("(SELECT count(*) {})", wanted(filter, state, false)))
        .collect();
    let params = Params::of(tenant, filter, None);
    let count = connection
        .prepare_cached(&format!("SELECT {}", counts.join(" + ")))?
        .query_row(params.named().as_slice(), |row| row.get::<_, i64>(0));
    count.map(i64::cast_unsigned)
}

fn rows(
    connection: &Connection,
    tenant: &Tenant,
    filter: &Filter,
    cursor: Option<Cursor>,
    skipped: i64,
    limit: i64,
) -> rusqlite::Result<Vec<Job>> {
    let select = page_text(filter, cursor.is_some());
    let most = skipped.saturating_add(limit);
    let params = Params::of(tenant, filter, cursor);
    let mut named = params.named();
    named.extend([
        (":most", &most as &dyn ToSql),
        (":limit", &limit),
        (":skipped", &skipped),
    ]);
    let mut select = connection.prepare_cached(&select)?;
    let jobs = select.query_map(named.as_slice(), row::read)?;
    jobs.collect()
}

/// The statement of a page, behind a cursor or not: the keys of each state first, then the rows of the page.
pub(super) fn page_text(filter: &Filter, behind: bool) -> String {
    let keys: Vec<String> = states(filter)
        .into_iter()
        .map(|state| {
            let wanted = wanted(filter, state, behind);
            format!(
                "SELECT * FROM (SELECT j.rowid AS job, j.created_ms AS created, j.id AS name {wanted} \
                 ORDER BY {order} LIMIT :most)",
                order = order(filter),
            )
        })
        .collect();
    let columns = row::listed();
    format!(
        "WITH wanted AS ({} ORDER BY created DESC, name DESC LIMIT :limit OFFSET :skipped) \
         SELECT {columns} FROM wanted CROSS JOIN jobs ON jobs.rowid = wanted.job \
         ORDER BY wanted.created DESC, wanted.name DESC",
        keys.join(" UNION ALL "),
    )
}

/// The states that are asked for, each once; none for any.
fn states(filter: &Filter) -> Vec<Option<State>> {
    let asked = |state: &State| filter.states.contains(state);
    let states: Vec<_> = State::ALL.into_iter().filter(asked).collect();
    match states.len() {
        0 => vec![None],
        all if all == State::ALL.len() => vec![None],
        _ => states.into_iter().map(Some).collect(),
    }
}

/// The jobs that are asked for, in one state or in any.
fn wanted(filter: &Filter, state: Option<State>, behind: bool) -> String {
    let mut text = match filter.file {
        Some(_) => {
            "FROM job_files AS f CROSS JOIN jobs AS j ON j.tenant = f.tenant AND j.id = f.job \
             WHERE f.tenant = :tenant AND f.file = :file"
                .to_owned()
        }
        None => "FROM jobs AS j WHERE j.tenant = :tenant".to_owned(),
    };
    if let Some(state) = state {
        text += &format!(" AND j.state = '{}'", state.word());
    }
    if filter.spec.is_some() {
        text += " AND j.spec_name = :spec";
    }
    if filter.version.is_some() {
        text += " AND j.spec_version = :version";
    }
    if behind {
        text += match filter.file {
            Some(_) => " AND (f.created_ms, f.job) < (:created_ms, :id)",
            None => " AND (j.created_ms, j.id) < (:created_ms, :id)",
        };
    }
    text
}

/// The order of lists, in the columns of the index that is read.
fn order(filter: &Filter) -> &'static str {
    match filter.file {
        Some(_) => "f.created_ms DESC, f.job DESC",
        None => "j.created_ms DESC, j.id DESC",
    }
}

/// The parameters of [`wanted`].
struct Params<'a> {
    tenant: &'a str,
    file: Option<[u8; 12]>,
    spec: Option<&'a str>,
    version: Option<u32>,
    cursor: Option<(i64, [u8; 12])>,
}

impl<'a> Params<'a> {
    fn of(tenant: &'a Tenant, filter: &'a Filter, cursor: Option<Cursor>) -> Self {
        let place = |cursor: Cursor| {
            let created = i64::try_from(cursor.created_ms).unwrap_or(i64::MAX);
            (created, cursor.id.0)
        };
        Self {
            tenant: tenant.key(),
            file: filter.file.map(|file| file.0),
            spec: filter.spec.as_deref(),
            version: filter.version,
            cursor: cursor.map(place),
        }
    }

    /// Those that the statement names.
    fn named(&self) -> Vec<(&str, &dyn ToSql)> {
        let mut named: Vec<(&str, &dyn ToSql)> = vec![(":tenant", &self.tenant)];
        if let Some(file) = &self.file {
            named.push((":file", file));
        }
        if let Some(spec) = &self.spec {
            named.push((":spec", spec));
        }
        if let Some(version) = &self.version {
            named.push((":version", version));
        }
        if let Some((created_ms, id)) = &self.cursor {
            named.extend([(":created_ms", created_ms as &dyn ToSql), (":id", id)]);
        }
        named
    }
}
