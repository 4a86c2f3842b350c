//! Exploded records in a real file: all parts are in, or none, and what they replaced is as it was.

use super::*;

async fn open(place: &Place, mode: Mode) -> Fed {
    let load = load(FIELDS);
    let target = Target {
        collection: "orders".into(),
        mode,
        key: match mode {
            Mode::Insert => Vec::new(),
            _ => vec![vec!["k".into()]],
        },
        ..Target::default()
    };
    let store = place.store().await;
    let opened = store
        .open_sink(&target, &Flow::default(), load.clone())
        .await;
    Fed::exploding(opened.unwrap(), &load, "k")
}

/// An index of the file's owner: no value of `k` twice, and none that is `bad`.
async fn make_strict(place: &Place, unique: bool) {
    let database = place.store().await.database;
    let unique = match unique {
        true => "CREATE UNIQUE INDEX owner ON orders (doc ->> '$.k');",
        false => "",
    };
    let strict = format!(
        "{unique} CREATE TRIGGER strict BEFORE INSERT ON orders WHEN new.doc ->> '$.k' = 'bad' \
         BEGIN SELECT RAISE(ABORT, 'no'); END;"
    );
    let made = database.write(move |change| change.execute_batch(&strict));
    made.await.unwrap();
}

#[tokio::test]
async fn where_one_part_is_refused_the_others_are_taken_back_and_again_at_every_replay() {
    let place = Place::new();
    let fed = open(&place, Mode::Insert).await;
    make_strict(&place, true).await;
    let rows = [
        r#"{"k":["a","b"]}"#,
        r#"{"k":["c","bad","d"]}"#,
        r#"{"k":["e","e"]}"#,
        r#"{"k":["f"]}"#,
    ];
    for loaded in [2, 0, 0] {
        let said = fed.write(0, &rows).await.unwrap();
        assert_eq!(
            (said.loaded, said.already_loaded, said.documents),
            (loaded, 2 - loaded, 3)
        );
        let refused = said
            .rejects
            .iter()
            .map(|one| (one.at.ordinal, &*one.problems[0].message));
        let refused: Vec<_> = refused
            .map(|(at, message)| (at, message.split(':').next().unwrap()))
            .collect();
        assert_eq!(refused, [(1, "part 2"), (2, "part 2")]);
        let expected = [r#"{"k":"a"}"#, r#"{"k":"b"}"#, r#"{"k":"f"}"#];
        assert_eq!(place.documents().await, expected);
    }
}

#[tokio::test]
async fn by_key_what_the_other_parts_have_replaced_is_as_it_was() {
    for mode in [Mode::Upsert, Mode::Merge] {
        let place = Place::new();
        let before = place.sink(Mode::Upsert, 0).await.unwrap();
        assert_eq!(before.said(0, &[r#"{"k":"a","a.n":1}"#]).await, "1/0");
        let fed = open(&place, mode).await;
        make_strict(&place, false).await;
        let rows = [
            r#"{"k":["a","bad","x"],"a.n":2}"#,
            r#"{"k":["y","z","y"],"a.n":3}"#,
        ];
        for said in ["1/0", "0/1"] {
            let found = fed.said(0, &rows).await;
            let (counts, reject) = found.split_once(' ').unwrap();
            assert!(reject.starts_with("0 "), "{found}");
            let is_later = said == "0/1" && counts == "1/0";
            assert!(counts == said || is_later, "{mode:?}: {found}");
            let expected = [
                r#"{"k":"a","a":{"n":1}}"#,
                r#"{"k":"y","a":{"n":3}}"#,
                r#"{"k":"z","a":{"n":3}}"#,
            ];
            assert_eq!(place.documents().await, expected, "{mode:?}");
        }
        let held = fed.sink.finish().await.unwrap().unwrap();
        assert_eq!(held.documents, 2, "{mode:?}");
    }
}
