//! The spec language as types: what a TOML file may say, and nothing about what it means.
//!
//! Every key is optional here, so that one reading finds every problem; what is required and what makes
//! sense together is said by the plan. Unknown keys are refused. Choices are keyed by name, so that a
//! problem is reported at its own line and column. The parts bring their own spec types.

use super::ByteSize;
use crate::control::ControlSpec;
use crate::frame::csv::CsvSpec;
use crate::frame::json::JsonSpec;
use crate::frame::xml::XmlSpec;
use crate::kind::{Named, RecordSpec};
use crate::parse::fixed::FixedSpec;
use crate::parse::lines::LinesSpec;
use crate::sink::csv::CsvSinkSpec;
use crate::sink::jsonl::JsonlSinkSpec;
use crate::sink::mongodb::MongodbSpec;
use crate::sink::null::NullSpec;
use crate::sink::sqlite::SqliteSpec;
use crate::step::bind::{ColumnsSpec, FieldsSpec, OneOrMany, ValuesSpec};
use crate::step::{DeriveSpec, DropSpec, ExplodeSpec, GroupSpec, RejectSpec};
use crate::unique::UniqueSpec;
use crate::unpack::Compression;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One kind of file: how to read it, what its records are and where they go.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The version of the language: 1.
    #[schemars(example = 1)]
    pub spec: Option<i64>,
    /// The name of this kind of file.
    #[schemars(example = &"orders")]
    pub name: Option<String>,
    /// The version of this spec, from 1; a version that has been used never changes.
    #[schemars(example = 2)]
    pub version: Option<i64>,
    /// TOML files beside the spec, or in a folder there, that say what the spec does not say: one, or a list in which later
    /// ones are nearer. Tables are merged, everything else is what the nearest file says; `spec`, `name` and `version` are
    /// the spec's own. For the command line and for SPECS_DIR.
    #[schemars(example = &"shared/shop.toml")]
    pub extends: Option<OneOrMany>,
    /// What it is, in a sentence.
    #[schemars(example = &"Orders of the shop, one file a day")]
    pub description: Option<String>,
    /// How a file is recognised and opened.
    pub input: Option<InputSpec>,
    /// How records are found and read.
    pub format: Option<FormatSpec>,
    /// What is made of columns that are missing or unknown.
    pub columns: Option<ColumnsSpec>,
    /// What every field starts from.
    pub values: Option<ValuesSpec>,
    /// The kinds of records, where a file has several: headers, details, trailers.
    pub records: Option<Named<RecordSpec>>,
    /// The fields, in the order in which they are written.
    pub fields: Option<FieldsSpec>,
    /// What no two records of a file may share.
    pub unique: Option<Vec<UniqueSpec>>,
    /// What happens to a record after binding, in order.
    pub steps: Option<Vec<StepSpec>>,
    /// What makes one document of several records.
    pub group: Option<GroupSpec>,
    /// The budget of errors.
    pub errors: Option<ErrorsSpec>,
    /// What must be equal at the end of the input: counts and sums, and what the file says of them.
    pub control: Option<Named<ControlSpec>>,
    /// Where records go.
    pub sink: Option<SinkSpec>,
    /// Examples that `sluicegate test` runs.
    pub tests: Option<Vec<TestSpec>>,
}

/// `[input]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Patterns of file names (`*` and `?`) that pick this spec when none is named.
    #[serde(rename = "match")]
    #[schemars(example = ["orders-*.csv"])]
    pub matches: Option<Vec<String>>,
    /// The most bytes after decompression. Default: 200GB for compressed input, no limit for other.
    #[schemars(example = &"20GB")]
    pub max_bytes: Option<ByteSize>,
    /// The most bytes of one record. Default: 1MiB, 16MiB where records are parts of a JSON or XML document.
    #[schemars(example = &"4MiB")]
    pub max_record_bytes: Option<ByteSize>,
    /// How the input is compressed. Default: auto.
    #[schemars(example = &"gzip")]
    pub compression: Option<Compression>,
    /// The file to read of a zip archive: its whole name there, or a pattern (`*` and `?`) that matches
    /// exactly one. Without it the archive must hold exactly one file.
    #[schemars(example = &"orders.csv")]
    pub member: Option<String>,
    /// The character encoding: a label of the WHATWG Encoding Standard, or `auto`: what the byte-order mark says, else
    /// UTF-8. A byte-order mark that says something else fails the file. Default: utf-8.
    #[schemars(example = &"windows-1252")]
    pub encoding: Option<String>,
    /// What becomes of an uploaded object once every job of its file is completed. Default: keep.
    #[schemars(example = &"delete")]
    pub on_success: Option<OnSuccess>,
}

/// What becomes of an uploaded object after success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnSuccess {
    /// It stays.
    #[default]
    Keep,
    /// It is deleted.
    Delete,
}

/// `[format.…]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatSpec {
    /// Delimited text with quotes.
    Csv(CsvSpec),
    /// One JSON object a line.
    Jsonl(JsonlSpec),
    /// One JSON document of any size, with records where a path leads.
    Json(JsonSpec),
    /// One XML document of any size, with records where a path leads.
    Xml(XmlSpec),
    /// Lines, read by a pattern or as they are.
    Lines(LinesSpec),
    /// Lines in which each field has its columns.
    Fixed(FixedSpec),
}

/// `[format.jsonl]`, which has no keys: one JSON object a line.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonlSpec {}

/// `[[steps]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepSpec {
    /// A field that is computed from others.
    Derive(DeriveSpec),
    /// Records that are left out, and counted under a name.
    Drop(DropSpec),
    /// Records that are refused.
    Reject(RejectSpec),
    /// Records that become several documents, one for each item of a list.
    Explode(ExplodeSpec),
}

/// `[errors]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorsSpec {
    /// The most rejects. Default: 50,000.
    #[schemars(example = 500)]
    pub max_records: Option<u64>,
    /// The most rejects per record, from 0 to 1. Default: 0.01.
    #[schemars(example = 0.05)]
    pub max_ratio: Option<f64>,
    /// How many records are read before the ratio is judged; it is judged again at the end. Default: 10,000.
    #[schemars(example = 1000)]
    pub after_records: Option<u64>,
    /// The least records that an input must have. Default: 1.
    #[schemars(example = 0)]
    pub min_records: Option<u64>,
    /// What happens when one of these is exceeded. Default: hold.
    #[schemars(example = &"fail")]
    pub on_breach: Option<OnBreachSpec>,
}

/// What happens when a limit is exceeded, or a control does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBreachSpec {
    /// The load waits for somebody's word: behind the record that exceeded the limit, or at the end.
    Hold,
    /// The load fails.
    Fail,
    /// Nothing: it is only counted or told.
    Continue,
}

/// `[sink.…]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkSpec {
    /// A MongoDB collection; the embedded store where no MongoDB is configured.
    Mongodb(MongodbSpec),
    /// A table of a SQLite file.
    Sqlite(SqliteSpec),
    /// A file of JSON Lines.
    Jsonl(JsonlSinkSpec),
    /// A CSV file.
    Csv(CsvSinkSpec),
    /// Nowhere: records are counted.
    Null(NullSpec),
}

/// `[[tests]]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestSpec {
    /// What the test shows.
    #[schemars(example = &"a price with a comma")]
    pub name: Option<String>,
    /// The input as decoded text.
    #[schemars(example = &"order_no,total\n1,5\n")]
    pub input: Option<String>,
    /// A file beside the spec that holds the input.
    #[schemars(example = &"orders/input.csv")]
    pub input_file: Option<String>,
    /// The documents that come out, in order, without `_id`; values as the JSON of the embedded store.
    #[schemars(with = "Option<Vec<serde_json::Map<String, serde_json::Value>>>")]
    #[schemars(example = serde_json::json!([{ "order_no": "1", "total": "5" }]))]
    pub expect: Option<Vec<toml::Table>>,
    /// The rejects that come out, in order.
    pub expect_rejects: Option<Vec<ExpectedRejectSpec>>,
    /// How many records are dropped, by the name of the drop.
    #[schemars(example = serde_json::json!({ "test_order": 6 }))]
    pub expect_drops: Option<BTreeMap<String, u64>>,
    /// How many loaded records are warned of, by the name of the `reject` step of severity `warn`.
    #[schemars(example = serde_json::json!({ "no_total": 2 }))]
    pub expect_warnings: Option<BTreeMap<String, u64>>,
}

/// A reject that a test expects.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRejectSpec {
    /// The record's number, from 1.
    #[schemars(example = 3)]
    pub record: Option<u64>,
    /// The field of its leading problem.
    #[schemars(example = &"total")]
    pub field: Option<String>,
    /// The code of its leading problem.
    #[schemars(example = &"minimum")]
    pub code: Option<String>,
}
