//! Which values are the same, what is wrong with a spec, and that the table finds what it was given, on disk too.

use super::*;
use crate::record::Decimal;
use crate::step::bind::FieldsSpec;
use pipeline::Seen as _;

fn key_of(value: Value) -> Option<UniqueKey> {
    let plan = UniquePlan {
        fields: Arc::new([vec!["a".into()]]),
        shared: Arc::default(),
        indexes: vec![vec![0]],
    };
    let (mut record, mut keys) = (Record::default(), Vec::new());
    record.push(value);
    plan.keys(&record, &mut keys);
    keys[0]
}

#[test]
fn values_are_the_same_as_what_they_are() {
    let decimal = |text: &str| key_of(Value::Decimal(Decimal::parse(text).unwrap()));
    assert_eq!(decimal("1.50"), decimal("1.5"));
    assert_eq!(decimal("100"), decimal("1e2"));
    assert_ne!(decimal("1.5"), decimal("15"));
    assert_eq!(key_of(Value::Float(0.0)), key_of(Value::Float(-0.0)));
    assert_ne!(key_of(Value::Integer(1)), key_of(Value::Datetime(1)));
    assert_eq!(key_of(Value::Null), None);
    let texts = |texts: &[&str]| {
        let plan = UniquePlan {
            fields: Arc::default(),
            shared: Arc::default(),
            indexes: vec![(0..texts.len()).collect(), vec![0]],
        };
        let (mut record, mut keys) = (Record::default(), Vec::new());
        for text in texts {
            let text = record.store(text);
            record.push(Value::Text(text));
        }
        plan.keys(&record, &mut keys);
        keys
    };
    assert_ne!(texts(&["ab", "c"])[0], texts(&["a", "bc"])[0]);
    assert_eq!(texts(&["ab", "c"]), texts(&["ab", "c"]));
    let one = texts(&["ab"]);
    assert_ne!(one[0], one[1], "each constraint has keys of its own");
}

#[test]
fn what_cannot_be_unique_is_told() {
    let FieldsSpec(fields) = toml::from_str(
        "a = { unique = true }\nb = { type = 'list', unique = true }\nc = {}\nd = { type = 'object' }",
    )
    .unwrap();
    let said = [vec!["a", "c"], vec!["c", "c"], vec!["x"], vec![], vec!["d"]];
    let said = said.map(|names| UniqueSpec {
        fields: Some(names.into_iter().map(str::to_owned).collect()),
    });
    let mut problems = Vec::new();
    let plan = UniquePlan::plan(&fields, &said, &[], &mut problems).unwrap();
    let told: Vec<String> = problems
        .iter()
        .map(|problem| format!("{} {}", problem.path, problem.code))
        .collect();
    assert_eq!(
        told,
        [
            "fields.b.unique not_applicable",
            "unique[1].fields[1] duplicate",
            "unique[2].fields[0] unknown_field",
            "unique[3].fields required",
            "unique[4].fields[0] not_applicable",
        ]
    );
    assert_eq!(plan.indexes[2], [0, 2]);
    let by = ["c".to_owned(), "a".to_owned()];
    let grouped = UniquePlan::plan(&fields, &said[..1], &by[..], &mut problems).unwrap();
    assert_eq!(grouped.shared[..], [true, false, true]);
    let grouped = UniquePlan::plan(&fields, &said[..1], &by[1..], &mut problems).unwrap();
    assert_eq!(grouped.shared[..], [true, false, false]);
    assert!(UniquePlan::plan(&fields[2..3], &[], &[], &mut problems).is_none());
}

/// A key that a run of `number`s spreads evenly.
fn spread(number: u64) -> UniqueKey {
    let hash = Sha256::digest(number.to_be_bytes());
    UniqueKey::from_be_bytes(hash[..16].try_into().unwrap())
}

#[test]
fn a_table_finds_what_it_was_given_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut table = Table::with_limits(Some(data.clone()), 100, 26);
    for number in 0..20_000 {
        assert_eq!(table.first(spread(number)).unwrap(), None, "{number}");
        table.enter(spread(number), number).unwrap();
        if number == 99 {
            assert!(!data.exists(), "what is small stays in memory");
        }
    }
    for number in (0..20_000).rev() {
        assert_eq!(table.first(spread(number)).unwrap(), Some(number));
    }
    assert_eq!(table.first(spread(20_000)).unwrap(), None);
    let bytes = table.file_bytes().unwrap();
    assert!((20_000 * 24..20_000 * 120).contains(&bytes), "{bytes}");
    let names: Vec<_> = std::fs::read_dir(&data).unwrap().collect();
    assert!(names.is_empty(), "the file has no name");
}

#[test]
fn a_table_that_is_full_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for (place, bits) in [(None, 26), (Some(folder.path().to_owned()), 1)] {
        let mut table = Table::with_limits(place, 100, bits);
        let full = (0..1_000).find_map(|number| table.enter(spread(number), number).err());
        assert_eq!(full.unwrap().code, "unique_limit");
    }
    std::fs::write(folder.path().join("file"), "").unwrap();
    let mut table = Table::with_limits(Some(folder.path().join("file/x")), 0, 26);
    assert_eq!(table.enter(1, 1).unwrap_err().code, "unique_file");
}
