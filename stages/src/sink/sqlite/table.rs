//! The table of a collection, and the index of its key.
//!
//! Names of tables and paths come from specs, so both are quoted wherever they stand in a statement. A table of
//! another shape is never written.

use crate::record::write_text;
use crate::sqlite::{Database, is};
use pipeline::{Fatal, Problem};
use rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE;
use rusqlite::{Connection, ErrorCode};
use std::sync::Arc;

/// The columns of every collection.
const COLUMNS: [&str; 3] = ["id", "doc", "position"];

/// The target paths of a key.
pub(super) type KeyPaths = Vec<Vec<Arc<str>>>;

/// A collection's table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    collection: String,
    /// Its name as an SQL identifier.
    pub quoted: String,
}

impl Table {
    /// The table of `collection`, which is made where there is none.
    pub async fn open(database: &Database, collection: &str) -> Result<Self, Fatal> {
        let quoted = identifier(collection);
        // Ids of one load ascend, so a table that is its own index is only ever appended to.
        let make = format!(
            "CREATE TABLE IF NOT EXISTS {quoted} (id BLOB NOT NULL PRIMARY KEY, doc TEXT NOT NULL, position) \
             WITHOUT ROWID"
        );
        let name = collection.to_owned();
        let ours = database.write(move |change| {
            change.execute_batch(&make)?;
            is_collection(change, &name)
        });
        if !ours.await? {
            return Err(Fatal::new(
                "target_mismatch",
                format!(
                    "{} has a table {collection} that holds no documents: its columns are not {}",
                    database.path().display(),
                    COLUMNS.join(", ")
                ),
            )
            .hint("name another table"));
        }
        Ok(Self {
            collection: collection.to_owned(),
            quoted,
        })
    }

    /// Makes the unique index on `key`, target paths, where there is none.
    pub async fn index(&self, database: &Database, key: &[Vec<Arc<str>>]) -> Result<(), Fatal> {
        let paths: Vec<String> = key.iter().map(|path| path.join(".")).collect();
        let name = format!("{}{}", key_prefix(&self.collection), paths.join(","));
        let name = identifier(&name);
        let expressions = key.iter().map(|path| expression(path));
        let expressions = expressions.collect::<Vec<_>>().join(", ");
        let table = &self.quoted;
        let make = format!("CREATE UNIQUE INDEX IF NOT EXISTS {name} ON {table} ({expressions})");
        let made = database.write(move |change| match change.execute_batch(&make) {
            Err(error) if is(&error, ErrorCode::ConstraintViolation) => Ok(Some(error)),
            made => made.map(|()| None),
        });
        match made.await? {
            None => Ok(()),
            Some(error) => Err(Fatal::new(
                "key_not_unique",
                format!(
                    "documents of {} share a key ({})",
                    self.collection,
                    paths.join(", ")
                ),
            )
            .hint("choose a key that is unique, or another table")
            .because(&error)),
        }
    }
}

impl Table {
    /// Makes the index by which the documents of one load are found, where there is none.
    pub async fn index_of_loads(&self, database: &Database) -> Result<(), Fatal> {
        let name = identifier(&format!("_position {}", self.collection));
        let table = &self.quoted;
        let make = format!("CREATE INDEX IF NOT EXISTS {name} ON {table} (position)");
        database
            .write(move |change| change.execute_batch(&make))
            .await
    }
}

/// What the names of the unique indexes on keys of a collection begin with; behind it stand the paths.
fn key_prefix(collection: &str) -> String {
    format!("_key {collection} ")
}

/// The keys of a collection for which there is a unique index.
pub(super) fn keys_of(
    connection: &Connection,
    collection: &str,
) -> rusqlite::Result<Vec<KeyPaths>> {
    let prefix = key_prefix(collection);
    let mut names = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1")?;
    let names = names.query_map([collection], |row| row.get::<_, String>(0))?;
    let names = names.collect::<rusqlite::Result<Vec<String>>>()?;
    let paths = names.iter().filter_map(|name| name.strip_prefix(&prefix));
    let key = |paths: &str| {
        let parts = |path: &str| path.split('.').map(Arc::from).collect();
        paths.split(',').map(parts).collect()
    };
    Ok(paths.map(key).collect())
}

/// The names of the collections, in order.
pub(super) fn collections(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 1) <> '_' ORDER BY name",
    )?;
    let names = names.query_map([], |row| row.get(0))?;
    let names = names.collect::<rusqlite::Result<Vec<String>>>()?;
    let mut collections = Vec::new();
    for name in names {
        if is_collection(connection, &name)? {
            collections.push(name);
        }
    }
    Ok(collections)
}

/// Whether there is a table of this name with the columns of a collection.
pub(super) fn is_collection(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let mut columns = connection.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let columns = columns.query_map([name], |row| row.get(0))?;
    let columns = columns.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(columns == COLUMNS)
}

/// A name as an SQL identifier.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The value at `path` of a document as JSON text, NULL where it is null or missing: what the key's index holds.
/// A label in a path of SQLite is a JSON string.
pub(super) fn expression(path: &[Arc<str>]) -> String {
    expression_of("doc", path)
}

/// The same of another document.
pub(super) fn expression_of(doc: &str, path: &[Arc<str>]) -> String {
    let mut json = b"$".to_vec();
    for name in path {
        json.push(b'.');
        write_text(name, &mut json);
    }
    let json = String::from_utf8_lossy(&json).replace('\'', "''");
    format!("nullif({doc} -> '{json}', 'null')")
}

/// What is wrong with the record, where a statement failed because of its document; none where the database is at
/// fault.
pub(super) fn problem(error: &rusqlite::Error) -> Option<Problem> {
    let code = error.sqlite_error()?.extended_code;
    match error.sqlite_error_code()? {
        ErrorCode::TooBig => Some(Problem::of_record(
            "document_too_large",
            "the document is larger than SQLite holds",
        )),
        ErrorCode::ConstraintViolation if code == SQLITE_CONSTRAINT_UNIQUE => {
            Some(Problem::of_record(
                "duplicate_value",
                format!("another document has the same value in a unique index: {error}"),
            ))
        }
        ErrorCode::ConstraintViolation => Some(Problem::of_record(
            "refused_by_target",
            format!("the table refuses the document: {error}"),
        )),
        _ => None,
    }
}
