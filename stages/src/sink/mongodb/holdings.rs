//! What MongoDB holds of a load in a key mode: the documents that it wrote last.
//!
//! They are found by the load's number in `_src.seq`, by an index of their own, as a majority knows them, page by page.
//! A term is the SHA-256 of the key's canonical BSON: the elements of the key, without the document around them.

use super::bson::{self, Subtype};
use super::patience::Patience;
use super::wire::{self, Answer};
use super::writer::Writer;
use crate::identity::sequence;
use crate::record::Decimal;
use crate::sink::term;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawDocumentBuf, doc};
use pipeline::{Fatal, Holdings};

/// Documents of a page.
const PAGE_DOCUMENTS: i64 = 1000;

/// Adds up the documents of load `load_number`, whose key is `paths`.
///
/// # Errors
/// `target_unavailable` when the server is gone for longer than `patience`; `target_refused`.
pub(super) async fn holdings(
    writer: &Writer,
    paths: &[String],
    load_number: u64,
    mut patience: Patience,
) -> Result<Holdings, Fatal> {
    let mut holdings = Holdings::default();
    let mut behind: Option<[u8; 16]> = None;
    loop {
        let documents = loop {
            let command = page(writer, paths, load_number, behind)?;
            match wire::run(&writer.database, command).await? {
                Answer::Done(reply) => break documents(reply),
                Answer::Again(reason) | Answer::Refused(_, reason) => {
                    patience.wait(&reason).await?;
                }
            }
        };
        patience.progress();
        let Some(last) = documents.last().and_then(seq) else {
            return Ok(holdings);
        };
        behind = Some(last);
        for document in &documents {
            holdings.documents += 1;
            holdings.digest.add(term(&key(document, paths)));
        }
    }
}

/// The documents behind a sequence, in order; every record has a sequence of its own.
fn page(
    writer: &Writer,
    paths: &[String],
    load_number: u64,
    behind: Option<[u8; 16]>,
) -> Result<RawDocumentBuf, Fatal> {
    let mut range = doc! { "$lte": binary(sequence(load_number, u64::MAX, 0)) };
    match behind {
        Some(behind) => range.insert("$gt", binary(behind)),
        None => range.insert("$gte", binary(sequence(load_number, 0, 0))),
    };
    let mut projection = doc! { "_id": 0, "_src.seq": 1 };
    for path in paths {
        projection.insert(path, 1);
    }
    let command = doc! {
        "find": &writer.collection,
        "filter": { "_src.seq": range },
        "sort": { "_src.seq": 1 },
        "projection": projection,
        "limit": PAGE_DOCUMENTS,
        "batchSize": PAGE_DOCUMENTS,
        "singleBatch": true,
        "readConcern": { "level": "majority" },
    };
    RawDocumentBuf::try_from(&command)
        .map_err(|error| Fatal::new("internal", "a command is no document").because(&error))
}

fn documents(reply: Document) -> Vec<Document> {
    let cursor = reply.get_document("cursor").ok();
    let batch = cursor.and_then(|cursor| cursor.get_array("firstBatch").ok());
    let documents = batch.into_iter().flatten().filter_map(Bson::as_document);
    documents.cloned().collect()
}

fn binary(seq: [u8; 16]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: seq.to_vec(),
    }
}

fn seq(document: &Document) -> Option<[u8; 16]> {
    match document.get_document("_src").ok()?.get("seq")? {
        Bson::Binary(binary) => binary.bytes.as_slice().try_into().ok(),
        _ => None,
    }
}

/// The canonical elements of the key of a stored document, as the load's records had them.
pub(super) fn key(document: &Document, paths: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for path in paths {
        match at(document, path) {
            Some(Bson::String(text)) => bson::string(&mut out, path, text),
            Some(Bson::Int64(value)) => bson::int64(&mut out, path, *value),
            Some(Bson::Double(value)) => {
                // Zero has one sign in a key.
                bson::double(&mut out, path, if *value == 0.0 { 0.0 } else { *value });
            }
            Some(Bson::Decimal128(value)) => {
                if let Some(value) = Decimal::parse(&value.to_string()) {
                    bson::decimal(&mut out, path, value.normalized());
                }
            }
            Some(Bson::Boolean(value)) => bson::boolean(&mut out, path, *value),
            Some(Bson::DateTime(value)) => {
                bson::datetime(&mut out, path, value.timestamp_millis());
            }
            Some(Bson::Binary(value)) => {
                bson::binary(&mut out, path, Subtype::Uuid, &value.bytes);
            }
            // A key of ours is none of the others.
            _ => {}
        }
    }
    out
}

/// The value at a path of a document.
pub(super) fn at<'a>(document: &'a Document, path: &str) -> Option<&'a Bson> {
    match path.split_once('.') {
        None => document.get(path),
        Some((name, rest)) => at(document.get_document(name).ok()?, rest),
    }
}
