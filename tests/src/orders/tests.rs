//! The generator against itself: the same bytes for a seed, and every kind of record in its share.

use std::collections::BTreeMap;

use super::*;
use crate::truth::Totals;

#[test]
fn a_seed_names_the_bytes() {
    let bytes = |seed| {
        orders(seed, 500)
            .flat_map(|record| record.bytes)
            .collect::<Vec<u8>>()
    };
    assert!(bytes(1) == bytes(1));
    assert!(bytes(1) != bytes(2));
    assert!(orders(1, 500).nth(321) == Some(order(1, 321)));
}

#[test]
fn every_kind_has_its_share() {
    let mut totals = Totals::default();
    let mut problems: BTreeMap<Vec<Problem>, u64> = BTreeMap::new();
    for record in orders(3, 50_000) {
        totals.add(&record);
        if let Truth::Rejected(found) = record.truth {
            *problems.entry(found).or_default() += 1;
        }
    }
    assert_eq!(
        totals.read,
        totals.loaded + totals.rejected + totals.dropped
    );
    assert!((1_250..1_850).contains(&totals.rejected), "{totals:?}");
    assert!((350..650).contains(&totals.dropped), "{totals:?}");
    assert!((60..150).contains(&totals.blank_lines), "{totals:?}");
    // Two kinds are the wrong number of cells, one has two codes, and one comes from a step.
    assert_eq!(problems.len() as u64, BAD_KINDS + 1, "{problems:?}");
    assert!(problems.values().all(|&count| count > 10), "{problems:?}");
}

#[test]
fn documents_hold_what_the_cells_say() {
    let (mut with_email, mut quoted) = (0, 0);
    for record in orders(4, 2_000) {
        let Truth::Loaded(document) = &record.truth else {
            continue;
        };
        let text = String::from_utf8(record.bytes).unwrap();
        let order_id = document["order_id"].as_str().unwrap();
        assert!(text.contains(order_id));
        assert!(text.contains(&document["quantity"].to_string()));
        assert!(document["amount"]["currency"].is_string());
        with_email += u64::from(document["customer"]["email"].is_string());
        quoted += u64::from(text.contains("\"\""));
        for (name, value) in document.as_object().unwrap() {
            assert!(!value.is_null(), "{name} is null in {document}");
        }
    }
    assert!(with_email > 1_500 && quoted > 100, "{with_email} {quoted}");
}
