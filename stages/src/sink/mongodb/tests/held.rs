//! What the server holds of a load in a key mode: one term for each key that the load wrote last.

use super::*;
use crate::sink::term;
use mongodb::bson::RawDocumentBuf;
use pipeline::{Digest, Holdings};

/// A term for each `key`, as anybody can make it: the elements of its BSON document.
fn of(keys: &[Document]) -> Holdings {
    let mut digest = Digest::default();
    for key in keys {
        let document = RawDocumentBuf::try_from(key).unwrap().into_bytes();
        digest.add(term(&document[4..document.len() - 1]));
    }
    Holdings {
        documents: keys.len() as u64,
        digest,
    }
}

#[tokio::test]
async fn a_key_counts_once_for_the_load_that_wrote_it_last() {
    on_both(async |_, mongo| {
        for mode in [Mode::Upsert, Mode::Merge] {
            empty(&mongo).await;
            let open = async |number| {
                Loader::open(&mongo, &target(mode, &["id", "name"]), load(number))
                    .await
                    .unwrap()
            };
            let first = open(1).await;
            let rows = [
                r#"{"id":1,"name":"a"}"#,
                r#"{"id":2,"name":"b"}"#,
                r#"{"id":1,"name":"a"}"#,
            ];
            assert_eq!(first.write(0, &rows).await, Outcome::all(3, 0));
            let a = doc! { "id": 1_i64, "name": "a" };
            let b = doc! { "id": 2_i64, "name": "b" };
            let held = first.0.sink.finish().await.unwrap();
            assert_eq!(held, Some(of(&[a.clone(), b.clone()])), "{mode:?}");
            let second = open(2).await;
            assert_eq!(second.write(0, &rows[1..2]).await, Outcome::all(1, 0));
            assert_eq!(second.0.sink.finish().await.unwrap(), Some(of(&[b])));
            assert_eq!(first.0.sink.finish().await.unwrap(), Some(of(&[a])));
        }
    })
    .await;
}

#[tokio::test]
async fn more_documents_than_a_page_are_counted() {
    on_both(async |_, mongo| {
        empty(&mongo).await;
        let upsert = target(Mode::Upsert, &["id"]);
        let loader = Loader::open(&mongo, &upsert, load(1)).await.unwrap();
        let rows: Vec<String> = (0..2_500).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        assert_eq!(loader.write(0, &rows).await, Outcome::all(2_500, 0));
        let keys: Vec<_> = (0..2_500_i64).map(|id| doc! { "id": id }).collect();
        assert_eq!(loader.0.sink.finish().await.unwrap(), Some(of(&keys)));
    })
    .await;
}
