//! What stands under some keys, as a majority of the servers knows it: nothing, or a document that is older than
//! a record or not.

use super::bson;
use super::command::raw;
use super::patience::Patience;
use super::wire::{self, Answer};
use super::writer::Writer;
use futures::StreamExt;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Bson, Document, RawDocumentBuf};
use pipeline::Fatal;

/// Keys that are looked up at once.
const MAX_LOOKUPS: usize = 16;

/// What stands under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// No document.
    Nothing,
    /// A document that is older than the record.
    Older,
    /// What the record itself has made, or a newer one.
    Newer,
}

/// For each key, its canonical elements, and the sequence of a record, what stands there.
///
/// # Errors
/// `target_unavailable` when the server is gone for longer than `patience`.
pub(super) async fn standings(
    writer: &Writer,
    keys: &[(&[u8], [u8; 16])],
    patience: &mut Patience,
) -> Result<Vec<Standing>, Fatal> {
    let mut found: Vec<Option<Standing>> = vec![None; keys.len()];
    loop {
        let open: Vec<usize> = (0..keys.len()).filter(|&at| found[at].is_none()).collect();
        if open.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
        let lookups = open.into_iter().map(|at| async move {
            let command = command(&writer.collection, keys[at].0)?;
            Ok::<_, Fatal>((at, wire::run(&writer.database, command).await?))
        });
        let mut answers = futures::stream::iter(lookups).buffer_unordered(MAX_LOOKUPS);
        let mut again = None;
        while let Some(answer) = answers.next().await {
            match answer? {
                (at, Answer::Done(reply)) => found[at] = Some(standing(&reply, keys[at].1)),
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
    bson::int32(&mut out, "_id", 0);
    bson::int32(&mut out, "_src.seq", 1);
    bson::end(&mut out, projection);
    bson::int32(&mut out, "limit", 1);
    bson::boolean(&mut out, "singleBatch", true);
    let concern = bson::begin_document(&mut out, "readConcern");
    bson::string(&mut out, "level", "majority");
    bson::end(&mut out, concern);
    bson::end(&mut out, root);
    raw(out)
}

fn standing(reply: &Document, sequence: [u8; 16]) -> Standing {
    let cursor = reply.get_document("cursor").ok();
    let batch = cursor.and_then(|cursor| cursor.get_array("firstBatch").ok());
    let first = batch.and_then(|batch| batch.first());
    let Some(document) = first.and_then(Bson::as_document) else {
        return Standing::Nothing;
    };
    let source = document.get_document("_src").ok();
    match source.and_then(|source| source.get("seq")) {
        // As the server compares them: by length, by subtype, by bytes.
        Some(Bson::Binary(there))
            if (there.bytes.len(), u8::from(there.subtype), &there.bytes[..])
                >= (
                    sequence.len(),
                    u8::from(BinarySubtype::Generic),
                    &sequence[..],
                ) =>
        {
            Standing::Newer
        }
        _ => Standing::Older,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::sequence;
    use mongodb::bson::{Binary, doc};

    fn check(documents: &[Document], expected: Standing) {
        let reply = doc! { "cursor": { "firstBatch": documents.to_vec() } };
        assert_eq!(
            standing(&reply, sequence(2, 5, 0)),
            expected,
            "{documents:?}"
        );
    }

    fn with(sequence: &[u8]) -> Document {
        let subtype = BinarySubtype::Generic;
        let bytes = sequence.to_vec();
        doc! { "_src": { "seq": Binary { subtype, bytes } } }
    }

    #[test]
    fn only_a_lower_sequence_is_older() {
        check(&[], Standing::Nothing);
        check(&[with(&sequence(2, 6, 0))], Standing::Newer);
        check(&[with(&sequence(3, 0, 0))], Standing::Newer);
        check(&[with(&sequence(2, 5, 0))], Standing::Newer);
        check(&[with(&sequence(1, 9, 0))], Standing::Older);
        // Nobody of ours has written these.
        check(&[with(&[0; 17])], Standing::Newer);
        check(&[with(&[255; 15])], Standing::Older);
        check(&[doc! {}], Standing::Older);
        check(&[doc! { "_src": { "seq": 7 } }], Standing::Older);
    }
}
