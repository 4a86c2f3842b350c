//! Looking at a SQLite file: what records would meet there. Nothing is written, and no file or table is made.
//!
//! Each batch sees one moment. Of unique indexes those are looked at that key modes have made; others are not known here by
//! their paths.

use super::encode::{self, Keyed, Operations};
use super::merge::Merger;
use super::{encoder, table};
use crate::identity::LoadIdentity;
use crate::sink::{Load, Meeting, Meets, Mode, Opened, Target};
use crate::sqlite::Snapshot;
use async_trait::async_trait;
use pipeline::{Batch, Fatal, Holdings, Problem, Sink, Written};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params_from_iter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A sink that writes nothing and counts what records would meet in the file at `path`, which need not be there. `load` has
/// the identity of generation 0; the newest one that was entered is looked for.
///
/// # Errors
/// `key_unknown`, `key_type`; when the file cannot be read.
pub async fn look(
    path: &Path,
    target: &Target,
    load: Load,
    meets: Arc<Meets>,
) -> Result<Opened, Fatal> {
    let (base, collection) = (load.identity, target.collection.clone());
    let found = on_thread(path.to_owned(), move |connection| {
        let is_there = table::is_collection(connection, &collection)?;
        let keys = match is_there {
            true => table::keys_of(connection, &collection)?,
            false => Vec::new(),
        };
        Ok((is_there, keys, newest(connection, base)?))
    });
    let (is_there, keys, newest) = found.await?.unwrap_or_default();
    let load = Load {
        identity: newest.unwrap_or(base),
        ..load
    };
    let looker = is_there.then(|| Looker::new(target, &keys, &load));
    let sink = LookSink {
        path: path.to_owned(),
        mode: target.mode,
        looker: looker.map(Arc::new),
        meets,
    };
    Ok(Opened {
        encode: encoder(target, &load)?,
        sink: Arc::new(sink),
    })
}

/// The identity of the newest generation of a load.
fn newest(connection: &Connection, base: LoadIdentity) -> rusqlite::Result<Option<LoadIdentity>> {
    if !connection.table_exists(None, "_loads")? {
        return Ok(None);
    }
    let newest = "SELECT identity FROM _loads WHERE base = ?1 ORDER BY generation DESC LIMIT 1";
    let newest = connection.query_row(newest, [base.0], |row| row.get(0));
    Ok(newest.optional()?.map(LoadIdentity))
}

/// Reads the file as it is now; nothing where there is none.
async fn on_thread<T: Send + 'static>(
    path: PathBuf,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<Option<T>, Fatal> {
    let task = tokio::task::spawn_blocking(move || match path.exists() {
        false => Ok(None),
        true => Snapshot::open_beside(&path)?.read(read).map(Some),
    });
    task.await
        .map_err(|error| Fatal::new("panic", "a reader of SQLite panicked").because(&error))?
}

struct LookSink {
    path: PathBuf,
    mode: Mode,
    /// None where there is no such collection.
    looker: Option<Arc<Looker>>,
    meets: Arc<Meets>,
}

#[async_trait]
impl Sink for LookSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let meetings = match self.looker.clone() {
            Some(looker) => {
                let operations = Operations::copied(batch);
                let read = move |connection: &Connection| looker.all(connection, &operations);
                on_thread(self.path.clone(), read).await?
            }
            None => None,
        };
        let meetings = meetings.unwrap_or_else(|| {
            let nothing = batch.operations().map(|_| without(self.mode));
            nothing.collect()
        });
        Ok(self.meets.judge(self.mode, batch, meetings))
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        Ok(Some(Holdings::default()))
    }
}

/// What a record meets whose document is not there.
fn without(mode: Mode) -> Meeting {
    match mode {
        Mode::Insert | Mode::Upsert | Mode::Merge => Meeting::Insert,
        Mode::Delete => Meeting::Unchanged,
        Mode::Replace => {
            let message = "no document has this key";
            Meeting::Conflict(Problem::of_record("no_match", message))
        }
    }
}

struct Looker {
    mode: Mode,
    /// Number of fields in the key.
    fields: usize,
    find: String,
    /// For each unique index of another key: its paths, and what finds a document with the values of a new one (`?1`).
    others: Vec<(String, String)>,
    merger: Merger,
    lineage: Option<Arc<str>>,
}

impl Looker {
    fn new(target: &Target, keys: &[table::KeyPaths], load: &Load) -> Self {
        let name = table::identifier(&target.collection);
        let find = match target.mode {
            Mode::Insert => format!("SELECT doc FROM {name} WHERE id = ?1"),
            _ => {
                let is_key = target
                    .key
                    .iter()
                    .zip(1..)
                    .map(|(path, number)| format!("{} = ?{number}", table::expression(path)));
                let is_key: Vec<_> = is_key.collect();
                format!("SELECT doc FROM {name} WHERE {}", is_key.join(" AND "))
            }
        };
        let others = keys.iter().map(|key| {
            let same = key.iter().map(|path| {
                let (there, new) = (table::expression(path), table::expression_of("?1", path));
                format!("{there} = {new}")
            });
            let same: Vec<_> = same.collect();
            let find = format!(
                "SELECT doc FROM {name} WHERE {} LIMIT 1",
                same.join(" AND ")
            );
            let paths: Vec<_> = key.iter().map(|path| path.join(".")).collect();
            (paths.join(", "), find)
        });
        Self {
            mode: target.mode,
            fields: target.key.len(),
            find,
            others: match target.mode {
                Mode::Insert => others.collect(),
                _ => Vec::new(),
            },
            merger: Merger::new(&load.schema.layout),
            lineage: target.lineage.clone(),
        }
    }

    fn all(
        &self,
        connection: &Connection,
        operations: &Operations,
    ) -> rusqlite::Result<Vec<Meeting>> {
        let mut find = connection.prepare_cached(&self.find)?;
        let others = self
            .others
            .iter()
            .map(|(paths, other)| Ok((paths.as_str(), connection.prepare_cached(other)?)));
        let mut others = others.collect::<rusqlite::Result<Vec<_>>>()?;
        let all = operations
            .records()
            .flat_map(|record| operations.of(record));
        let meetings = all.map(|bytes| match self.mode {
            Mode::Insert => insert(&mut find, &mut others, bytes),
            _ => self.keyed(&mut find, bytes),
        });
        meetings.collect()
    }

    fn keyed(&self, find: &mut CachedStatement<'_>, bytes: &[u8]) -> rusqlite::Result<Meeting> {
        let operation = Keyed::read(bytes, self.fields).ok_or(rusqlite::Error::InvalidQuery)?;
        let standing = find.query_row(params_from_iter(&operation.key), |row| row.get(0));
        let standing: Option<String> = standing.optional()?;
        Ok(match (standing, self.mode) {
            (None, mode) => without(mode),
            (Some(_), Mode::Delete) => Meeting::Delete,
            (Some(standing), mode) => {
                let made = match mode {
                    Mode::Merge => self.merger.merge(&standing, operation.doc),
                    _ => Ok(operation.doc.to_owned()),
                };
                match made {
                    Ok(made) if self.are_equal(&standing, &made) => Meeting::Unchanged,
                    Ok(_) => Meeting::Update,
                    Err(error) => {
                        let message = format!("the document that stands there is no JSON: {error}");
                        Meeting::Conflict(Problem::of_record("refused_by_target", message))
                    }
                }
            }
        })
    }

    /// Whether two documents differ in nothing but what differs in each load.
    fn are_equal(&self, standing: &str, made: &str) -> bool {
        let Some(lineage) = &self.lineage else {
            return standing == made;
        };
        let content = |doc: &str| {
            let mut doc: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(doc).ok()?;
            doc.remove(&**lineage);
            Some(doc)
        };
        content(standing).is_some() && content(standing) == content(made)
    }
}

fn insert(
    find: &mut CachedStatement<'_>,
    others: &mut [(&str, CachedStatement<'_>)],
    bytes: &[u8],
) -> rusqlite::Result<Meeting> {
    let (id, doc) = encode::insert(bytes).ok_or(rusqlite::Error::InvalidQuery)?;
    if find.exists([&id[..]])? {
        return Ok(Meeting::Unchanged);
    }
    for (paths, other) in others {
        if other.exists([doc])? {
            let message =
                format!("another document has the same value in the unique index on {paths}");
            return Ok(Meeting::Conflict(Problem::of_record(
                "duplicate_value",
                message,
            )));
        }
    }
    Ok(Meeting::Insert)
}
