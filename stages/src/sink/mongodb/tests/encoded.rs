//! What the encoder writes is what was put in: for every type, every name, every depth.

use super::super::document::{Documents, MAX_DEPTH_LEVELS};
use super::super::encode;
use super::*;
use crate::record::{Decimal, Field, Record, Schema, Value};
use crate::sink::Nulls;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Decimal128};
use pipeline::{Encode, Position};
use proptest::prelude::*;

/// A value outside of a record.
#[derive(Clone, Debug)]
enum Plain {
    Null,
    Text(String),
    Integer(i64),
    Float(f64),
    Decimal(bool, u128, i32),
    Boolean(bool),
    Date(i32),
    Datetime(i64),
    Uuid([u8; 16]),
    List(Vec<Plain>),
    Object(Vec<(String, Plain)>),
}

impl Plain {
    fn value(&self, record: &mut Record) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(record.store(text)),
            Self::Integer(value) => Value::Integer(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Decimal(..) => Value::Decimal(Decimal::parse(&self.digits()).unwrap()),
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Date(days) => Value::Date(*days),
            Self::Datetime(ms) => Value::Datetime(*ms),
            Self::Uuid(bytes) => Value::Uuid(*bytes),
            Self::List(items) => Value::List(items.iter().map(|item| item.value(record)).collect()),
            Self::Object(entries) => {
                let entry = |(name, value): &(String, Self)| {
                    let value = value.value(record);
                    (record.store(name), value)
                };
                Value::Object(entries.iter().map(entry).collect())
            }
        }
    }

    fn digits(&self) -> String {
        match self {
            Self::Decimal(negative, coefficient, exponent) => {
                let sign = if *negative { "-" } else { "" };
                format!("{sign}{coefficient}E{exponent}")
            }
            _ => String::new(),
        }
    }

    fn bson(&self) -> Bson {
        match self {
            Self::Null => Bson::Null,
            Self::Text(text) => Bson::String(text.clone()),
            Self::Integer(value) => Bson::Int64(*value),
            Self::Float(value) => Bson::Double(*value),
            Self::Decimal(..) => Bson::Decimal128(self.digits().parse::<Decimal128>().unwrap()),
            Self::Boolean(value) => Bson::Boolean(*value),
            Self::Date(days) => {
                Bson::DateTime(DateTime::from_millis(i64::from(*days) * 24 * 3_600_000))
            }
            Self::Datetime(ms) => Bson::DateTime(DateTime::from_millis(*ms)),
            Self::Uuid(bytes) => Bson::Binary(Binary {
                subtype: BinarySubtype::Uuid,
                bytes: bytes.to_vec(),
            }),
            Self::List(items) => Bson::Array(items.iter().map(Self::bson).collect()),
            Self::Object(entries) => {
                let entry = |(name, value): &(String, Self)| (name.clone(), value.bson());
                Bson::Document(entries.iter().map(entry).collect())
            }
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("$where".to_owned()),
        Just("a.b".to_owned()),
        "[^\0]{0,12}",
    ]
}

fn plain() -> impl Strategy<Value = Plain> {
    let scalar = prop_oneof![
        Just(Plain::Null),
        ".{0,40}".prop_map(Plain::Text),
        any::<i64>().prop_map(Plain::Integer),
        (-1e300..1e300).prop_map(Plain::Float),
        (any::<bool>(), 0..10_u128.pow(34), -6000..6000_i32)
            .prop_map(|(negative, digits, exponent)| Plain::Decimal(negative, digits, exponent)),
        any::<bool>().prop_map(Plain::Boolean),
        any::<i32>().prop_map(Plain::Date),
        any::<i64>().prop_map(Plain::Datetime),
        any::<[u8; 16]>().prop_map(Plain::Uuid),
    ];
    scalar.prop_recursive(4, 40, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Plain::List),
            prop::collection::btree_map(name(), inner, 0..6)
                .prop_map(|entries| Plain::Object(entries.into_iter().collect())),
        ]
    })
}

const AT: Position = Position {
    ordinal: 41,
    line: 50,
    offset: 0,
};

/// An encoder of insert mode for the targets `a`, `n.b`, `n.m.c` and `z`.
fn encoder(nulls: Nulls) -> (encode::Insert, usize) {
    let field = |target: &&str| Field {
        name: (*target).into(),
        kind: Type::Object,
        target: Some(target.split('.').map(Arc::from).collect()),
    };
    let targets = ["a", "n.b", "n.m.c", "z"];
    let load = Load {
        schema: Arc::new(Schema::new(targets.iter().map(field).collect()).unwrap()),
        ..load(9)
    };
    let target = Target {
        nulls,
        lineage: Some("from".into()),
        ..target(Mode::Insert, &[])
    };
    let encode = encode::Insert {
        documents: Documents::new(&target, &load).unwrap(),
        identity: load.identity,
    };
    (encode, targets.len())
}

/// The document of four values and unknown entries, or the code and field of its problem.
fn encoded(
    nulls: Nulls,
    values: &[Plain],
    unknown: &[(String, Plain)],
) -> Result<Document, (String, Option<String>)> {
    let (encode, fields) = encoder(nulls);
    let mut record = Record::default();
    record.clear(fields);
    for (index, plain) in values.iter().enumerate() {
        let value = plain.value(&mut record);
        record.set(index, value);
    }
    for (name, plain) in unknown {
        let value = plain.value(&mut record);
        let name = record.store(name);
        record.keep_unknown(name, value);
    }
    // Behind something else, as in a block.
    let mut out = vec![1, 2, 3];
    let written = encode.encode(AT, 0, &record, &mut out);
    written.map_err(|problem| (problem.code.to_string(), problem.field))?;
    assert_eq!(out[..3], [1, 2, 3]);
    let raw = RawDocumentBuf::from_bytes(out.split_off(3)).unwrap();
    Ok(Document::try_from(&raw).unwrap())
}

fn expected(nulls: Nulls, values: &[Plain], unknown: &[(String, Plain)]) -> Document {
    let mut document = doc! { "_id": Binary {
        subtype: BinarySubtype::Generic,
        bytes: LoadIdentity([9; 12]).document_id(41, 0).to_vec(),
    } };
    let put = |document: &mut Document, name: &str, plain: &Plain| {
        if nulls == Nulls::Write || !matches!(plain, Plain::Null) {
            document.insert(name, plain.bson());
        }
    };
    let (mut n, mut m) = (Document::new(), Document::new());
    put(&mut document, "a", &values[0]);
    put(&mut n, "b", &values[1]);
    put(&mut m, "c", &values[2]);
    if !m.is_empty() {
        n.insert("m", m);
    }
    if !n.is_empty() {
        document.insert("n", n);
    }
    put(&mut document, "z", &values[3]);
    for (name, plain) in unknown {
        put(&mut document, name, plain);
    }
    let from = doc! { "job": "job-9", "file": "orders.jsonl", "record": 42_i64, "line": 50_i64 };
    document.insert("from", from);
    document
}

proptest! {
    #[test]
    fn what_is_put_in_is_read_back(
        values in prop::collection::vec(plain(), 4),
        unknown in prop::collection::btree_map(
            name().prop_filter("free", |name| !["a", "n", "z", "from", "_id", "_src"].contains(&name.as_str())),
            plain(),
            0..4,
        ),
        write in any::<bool>(),
    ) {
        let nulls = if write { Nulls::Write } else { Nulls::Omit };
        let unknown: Vec<_> = unknown.into_iter().collect();
        let found = encoded(nulls, &values, &unknown).unwrap();
        prop_assert_eq!(found, expected(nulls, &values, &unknown));
    }
}

/// Four values, of which the first is `first`.
fn values(first: Plain) -> Vec<Plain> {
    let mut values = vec![first];
    values.resize(4, Plain::Null);
    values
}

fn check(first: Plain, unknown: &[(&str, Plain)], code: &str, field: &str) {
    let unknown: Vec<_> = unknown
        .iter()
        .map(|(name, plain)| ((*name).to_owned(), plain.clone()))
        .collect();
    let found = encoded(Nulls::Omit, &values(first), &unknown).unwrap_err();
    assert_eq!(found, (code.to_owned(), Some(field.to_owned())));
}

/// Lists in each other, `levels` of them.
fn nested(levels: usize) -> Plain {
    (0..levels).fold(Plain::Integer(1), |inner, level| match level % 2 {
        0 => Plain::List(vec![inner]),
        _ => Plain::Object(vec![("x".into(), inner)]),
    })
}

#[test]
fn what_no_document_can_hold_is_a_problem_of_its_field() {
    let nul = Plain::Object(vec![("a\0b".into(), Plain::Null)]);
    check(nul, &[], "nul_in_name", "a\0b");
    check(nested(MAX_DEPTH_LEVELS), &[], "document_too_deep", "a");
    for name in ["_id", "_src", "a", "n", "from"] {
        let unknown = [(name, Plain::Integer(1))];
        check(Plain::Null, &unknown, "reserved_name", name);
    }
    let large = Plain::Text("x".repeat(16 * 1024 * 1024));
    let found = encoded(Nulls::Omit, &values(large), &[]).unwrap_err();
    assert_eq!(found, ("document_too_large".to_owned(), None));
    assert!(encoded(Nulls::Omit, &values(nested(MAX_DEPTH_LEVELS - 1)), &[]).is_ok());
}

#[tokio::test]
async fn mongod_takes_what_is_deepest() {
    let deepest = |levels: usize| {
        let open = r#"{"x":"#.repeat(levels);
        format!(r#"{{"id":1,"data":{open}1{}}}"#, "}".repeat(levels))
    };
    on_both(async |_, mongo| {
        for (mode, key) in [
            (Mode::Insert, &[][..]),
            (Mode::Upsert, &["id"]),
            (Mode::Merge, &["id"]),
        ] {
            empty(&mongo).await;
            let loader = Loader::open(&mongo, &target(mode, key), load(1))
                .await
                .unwrap();
            let rows = [&*deepest(MAX_DEPTH_LEVELS - 1), &*deepest(MAX_DEPTH_LEVELS)];
            let rejects = [(1, "document_too_deep", Some("data"))];
            assert_eq!(loader.write(0, &rows).await, rejected(1, 0, &rejects));
            assert_eq!(documents(&mongo).await.len(), 1);
        }
    })
    .await;
}
