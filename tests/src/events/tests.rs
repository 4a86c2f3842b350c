//! The generator against itself and against serde_json.

use std::collections::BTreeSet;

use super::*;
use crate::truth::Totals;

#[test]
fn a_seed_names_the_bytes() {
    let bytes = |seed| {
        events(seed, 500)
            .flat_map(|record| record.bytes)
            .collect::<Vec<u8>>()
    };
    assert!(bytes(1) == bytes(1));
    assert!(bytes(1) != bytes(2));
}

#[test]
fn every_kind_has_its_share() {
    let (mut totals, mut kinds) = (Totals::default(), BTreeSet::new());
    for record in events(3, 20_000) {
        totals.add(&record);
        if let Truth::Rejected(problems) = record.truth {
            kinds.insert(problems);
        }
    }
    assert_eq!(totals.read, totals.loaded + totals.rejected);
    assert!((450..750).contains(&totals.rejected), "{totals:?}");
    // One kind has two codes.
    assert_eq!(kinds.len() as u64, BAD_KINDS + 1, "{kinds:?}");
}

#[test]
fn good_events_are_json_and_cut_ones_are_not() {
    let (mut good, mut cut, mut broken) = (0, 0, 0);
    for record in events(5, 20_000) {
        let line: Result<Value, _> = serde_json::from_slice(&record.bytes);
        match &record.truth {
            Truth::Loaded(document) => {
                let line = line.unwrap();
                assert_eq!(line["type"], document["kind"]);
                assert_eq!(line["actor"]["name"], document["actor"]["name"]);
                assert_eq!(line["ratio"], document["ratio"]);
                good += 1;
            }
            Truth::Rejected(problems) if problems[0].code == code::JSON_SYNTAX => {
                assert!(line.is_err() && String::from_utf8(record.bytes).is_ok());
                cut += 1;
            }
            Truth::Rejected(problems) if problems[0].code == code::ENCODING => {
                assert!(String::from_utf8(record.bytes).is_err());
                broken += 1;
            }
            _ => {}
        }
    }
    assert!(
        good > 19_000 && cut > 20 && broken > 20,
        "{good} {cut} {broken}"
    );
}
