//! What the store holds of a load: in insert mode the ids that were acknowledged, in key modes one term for each key.

use super::*;
use crate::sink::{digested, term};
use pipeline::{Digest, Holdings};

fn of(documents: u64, terms: &[&[u8]]) -> Holdings {
    let mut digest = Digest::default();
    terms.iter().for_each(|bytes| digest.add(term(bytes)));
    Holdings { documents, digest }
}

#[tokio::test]
async fn a_key_counts_once_for_the_load_that_wrote_it_last() {
    let place = Place::new();
    let first = place.sink(Mode::Upsert, 1).await.unwrap();
    let rows = [r#"{"k":"a"}"#, r#"{"k":"b"}"#, r#"{"k":"a","a.n":2}"#];
    assert_eq!(first.said(0, &rows).await, "3/0");
    let held = first.sink.finish().await.unwrap();
    assert_eq!(held, Some(of(2, &[br#"["a"]"#, br#"["b"]"#])));
    let second = place.sink(Mode::Upsert, 2).await.unwrap();
    assert_eq!(second.said(0, &[r#"{"k":"b"}"#]).await, "1/0");
    let held = second.sink.finish().await.unwrap();
    assert_eq!(held, Some(of(1, &[br#"["b"]"#])));
    let held = first.sink.finish().await.unwrap();
    assert_eq!(held, Some(of(1, &[br#"["a"]"#])));
}

#[tokio::test]
async fn an_insert_counts_what_was_acknowledged_now_or_before() {
    let place = Place::new();
    let load = load(FIELDS);
    let target = Target {
        collection: "orders".into(),
        ..Target::default()
    };
    let mut opened = place
        .store()
        .await
        .open_sink(&target, &Flow::default(), load.clone())
        .await
        .unwrap();
    opened.sink = digested(load.identity, opened.sink);
    let fed = Fed::new(opened, &load);
    let ids = [0, 1].map(|ordinal| load.identity.document_id(ordinal, 0));
    let expected = of(0, &[&ids[0], &ids[1]]).digest;
    for _ in 0..2 {
        let written = fed.write(0, &["{}", "{}"]).await.unwrap();
        assert_eq!(written.digest, expected);
    }
    assert_eq!(fed.sink.finish().await.unwrap(), None);
}
