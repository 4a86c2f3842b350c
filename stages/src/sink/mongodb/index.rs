//! The unique index on the key, without which two writers make two documents of one key, and the index by which the
//! documents of a load are found.

use super::command::{raw, write_concern};
use super::reply::{DUPLICATE_KEY, Reply, shortened};
use super::wire::reason;
use super::{bson, patience::Patience, wire};
use crate::sink::Target;
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};
use pipeline::Fatal;

/// Where documents say which load wrote them.
const SEQUENCE: &str = "_src.seq";

/// Makes sure that the documents of a load are found by an index, and that there is a unique index on the key of `target`.
///
/// # Errors
/// `key_not_unique` when documents of one key are there; `target_refused` when the index cannot be made.
pub(super) async fn ensure(
    database: &Database,
    target: &Target,
    mut patience: Patience,
) -> Result<(), Fatal> {
    let paths: Vec<String> = target.key.iter().map(|path| path.join(".")).collect();
    // Set once the index is there, but not known to a majority.
    let mut made = false;
    loop {
        let listed = match made {
            true => Ok(Vec::new()),
            false => listed(database, &target.collection).await,
        };
        let created = match listed {
            Ok(indexes) => {
                let unique = indexes.iter().any(|index| serves(index, &paths));
                let by_load = indexes.iter().any(serves_loads);
                if unique && by_load {
                    return Ok(());
                }
                create(database, &target.collection, &paths, unique).await
            }
            Err(error) => Err(error),
        };
        let again = match created {
            Ok(None) => return Ok(()),
            Ok(Some(unacknowledged)) => {
                made = true;
                patience.wait(&unacknowledged).await?;
                continue;
            }
            Err(error) => error,
        };
        match wire::judge::<()>(again.clone())? {
            wire::Answer::Refused(DUPLICATE_KEY, message) => {
                return Err(not_unique(&target.collection, &paths, &again, &message));
            }
            wire::Answer::Refused(_, message) => {
                let message = format!("MongoDB refuses the unique index on the key: {message}");
                return Err(Fatal::new("target_refused", message));
            }
            _ => patience.wait(&reason(&again)).await?,
        }
    }
}

/// The indexes of a collection; none where there is no such collection.
pub(super) async fn listed(database: &Database, collection: &str) -> Result<Vec<Document>, Error> {
    let command = doc! { "listIndexes": collection, "cursor": { "batchSize": 1000 } };
    match database.run_command(command).await {
        Ok(reply) => {
            let cursor = reply.get_document("cursor").ok();
            let batch = cursor.and_then(|cursor| cursor.get_array("firstBatch").ok());
            let documents = batch.into_iter().flatten().filter_map(Bson::as_document);
            Ok(documents.cloned().collect())
        }
        // The collection is not there yet (`NamespaceNotFound`).
        Err(error) if matches!(&*error.kind, ErrorKind::Command(error) if error.code == 26) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Whether an index keeps the key unique: the same fields in any order, for all documents.
fn serves(index: &Document, paths: &[String]) -> bool {
    let Ok(key) = index.get_document("key") else {
        return false;
    };
    let partial = [
        "sparse",
        "partialFilterExpression",
        "collation",
        "prepareUnique",
    ]
    .iter()
    .any(|&option| index.contains_key(option));
    let plain = |path: &String| {
        key.get(path)
            .and_then(super::reply::integer)
            .is_some_and(|order| order == 1 || order == -1)
    };
    index.get_bool("unique").unwrap_or_default()
        && !partial
        && key.len() == paths.len()
        && paths.iter().all(plain)
}

/// Whether the documents of a load are found by an index.
fn serves_loads(index: &Document) -> bool {
    let first = index
        .get_document("key")
        .ok()
        .and_then(|key| key.keys().next());
    first.is_some_and(|name| name == SEQUENCE)
}

/// Makes the indexes, the one on the key unless it is there (`unique`), which changes nothing where it is there already. Returns why a majority does not have it.
async fn create(
    database: &Database,
    collection: &str,
    paths: &[String],
    unique: bool,
) -> Result<Option<String>, Error> {
    let mut out = Vec::new();
    let root = bson::begin(&mut out);
    bson::string(&mut out, "createIndexes", collection);
    let indexes = bson::begin_array(&mut out, "indexes");
    let by_load = bson::begin_document(&mut out, "0");
    let key = bson::begin_document(&mut out, "key");
    bson::int32(&mut out, SEQUENCE, 1);
    bson::end(&mut out, key);
    bson::string(&mut out, "name", "sluicegate_src_seq");
    bson::end(&mut out, by_load);
    if !unique {
        let index = bson::begin_document(&mut out, "1");
        let key = bson::begin_document(&mut out, "key");
        for path in paths {
            bson::int32(&mut out, path, 1);
        }
        bson::end(&mut out, key);
        bson::string(&mut out, "name", &format!("sluicegate_{}", paths.join("_")));
        bson::boolean(&mut out, "unique", true);
        bson::end(&mut out, index);
    }
    bson::end(&mut out, indexes);
    write_concern(&mut out);
    bson::end(&mut out, root);
    let command = raw(out).map_err(Error::custom)?;
    let reply = database.run_raw_command(command).await?;
    Ok(Reply::read(&reply).unacknowledged)
}

fn not_unique(collection: &str, paths: &[String], error: &Error, message: &str) -> Fatal {
    let reply = error.server_response();
    let value = reply
        .and_then(|reply| reply.get_document("keyValue").ok())
        .and_then(|value| Document::try_from(value).ok());
    let value = value.map_or_else(|| message.to_owned(), |value| value.to_string());
    let message = format!(
        "the key ({}) is not unique in {collection}: more than one document has {}",
        paths.join(", "),
        shortened(&value)
    );
    Fatal::new("key_not_unique", message)
        .hint("remove all but one document of each key, or choose another key")
}
