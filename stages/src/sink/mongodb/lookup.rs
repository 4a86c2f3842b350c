//! Whether documents of some keys are there, as a majority of the servers knows it.

use super::bson;
use super::command::raw;
use super::patience::Patience;
use super::wire::{self, Answer};
use super::writer::Writer;
use futures::StreamExt;
use mongodb::bson::{Document, RawDocumentBuf};
use pipeline::Fatal;

/// Keys that are looked up at once.
const MAX_LOOKUPS: usize = 16;

/// For each key, its canonical elements, whether a document has it.
///
/// # Errors
/// `target_unavailable` when the server is gone for longer than `patience`.
pub(super) async fn exist(
    writer: &Writer,
    keys: &[&[u8]],
    patience: &mut Patience,
) -> Result<Vec<bool>, Fatal> {
    let mut found: Vec<Option<bool>> = vec![None; keys.len()];
    loop {
        let open: Vec<usize> = (0..keys.len()).filter(|&at| found[at].is_none()).collect();
        if open.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
        let lookups = open.into_iter().map(|at| async move {
            let command = command(&writer.collection, keys[at])?;
            Ok::<_, Fatal>((at, wire::run(&writer.database, command).await?))
        });
        let mut answers = futures::stream::iter(lookups).buffer_unordered(MAX_LOOKUPS);
        let mut again = None;
        while let Some(answer) = answers.next().await {
            match answer? {
                (at, Answer::Done(reply)) => found[at] = Some(is_there(&reply)),
                (_, Answer::Again(reason) | Answer::Refused(_, reason)) => again = Some(reason),
            }
        }
        drop(answers);
        match again {
            Some(reason) => patience.wait(&reason).await?,
            None => patience.progress(),
        }
    }
}

fn command(collection: &str, key: &[u8]) -> Result<RawDocumentBuf, Fatal> {
    let mut out = Vec::with_capacity(key.len() + 256);
    let root = bson::begin(&mut out);
    bson::string(&mut out, "find", collection);
    let filter = bson::begin_document(&mut out, "filter");
    out.extend_from_slice(key);
    bson::end(&mut out, filter);
    let projection = bson::begin_document(&mut out, "projection");
    bson::int32(&mut out, "_id", 1);
    bson::end(&mut out, projection);
    bson::int32(&mut out, "limit", 1);
    bson::boolean(&mut out, "singleBatch", true);
    let concern = bson::begin_document(&mut out, "readConcern");
    bson::string(&mut out, "level", "majority");
    bson::end(&mut out, concern);
    bson::end(&mut out, root);
    raw(out)
}

fn is_there(reply: &Document) -> bool {
    let cursor = reply.get_document("cursor").ok();
    let batch = cursor.and_then(|cursor| cursor.get_array("firstBatch").ok());
    batch.is_some_and(|batch| !batch.is_empty())
}
