//! What a spec says about its fields: `[fields]`, `[columns]` and `[values]`. Data only: nothing here is checked
//! beyond its TOML type, every key may be missing, and an unknown key is an error at its own place.

mod words;

#[cfg(test)]
mod tests;

pub use words::{FieldsSpec, Literal, OneOrMany, Target};

use super::lookup::LookupSpec;
use super::number::Negative;
use super::privacy::{HashSpec, MaskSpec};
use super::time::Locale;
use crate::record::Type;
use schemars::JsonSchema;
use serde::Deserialize;

/// One entry of `[fields]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldSpec {
    /// The kind of record that has the field, of those in `[records]`. Default: the kinds that are loaded.
    #[schemars(example = &"trailer")]
    pub record: Option<String>,
    /// CSV: the column's title, or titles, or `/a regular expression/`. JSON: a top-level key, or a path such as
    /// `$.actor.id`, or several of which the first that is there counts. Lines: the name of a group, or `line`.
    /// Without it the field's own name.
    #[schemars(example = ["Order No.", "Order number"])]
    pub from: Option<OneOrMany>,
    /// CSV: the column's number, from 1, where its title is blank or doubled.
    #[schemars(example = 13)]
    pub column: Option<u32>,
    /// Fixed width: the column at which the field begins, from 1, in characters or bytes (`unit` of the format).
    #[schemars(example = 1)]
    pub start: Option<u32>,
    /// Fixed width: how many columns the field has.
    #[schemars(example = 10)]
    pub width: Option<u32>,
    /// The place in the document, parts joined by dots, or false to bind without writing. Without it the
    /// field's own name.
    #[schemars(example = &"customer.email")]
    pub to: Option<Target>,
    /// The type; `string` without it.
    #[serde(rename = "type")]
    #[schemars(example = &"decimal")]
    pub kind: Option<Type>,
    /// How a date, datetime or time is written, as strptime directives; several are tried in order. A datetime
    /// also knows `epoch_s` and `epoch_ms`.
    #[schemars(example = ["%d.%m.%Y", "%Y-%m-%d"])]
    pub format: Option<OneOrMany>,
    /// Whether null is refused.
    #[schemars(example = true)]
    pub required: Option<bool>,
    /// What stands for null, written as in the input.
    #[schemars(example = &"0")]
    pub default: Option<Literal>,
    /// Texts that mean null.
    #[schemars(example = ["", "n/a"])]
    pub missing_values: Option<Vec<String>>,
    /// What is done to the text before anything else looks at it, in order.
    #[schemars(example = serde_json::json!(["trim", { "replace": ["\\s+", " "] }]))]
    pub transform: Option<Vec<Transform>>,
    /// The least value: a number, or a text such as `0.01`, `2026-01-01` or `PT5M`.
    #[schemars(example = 0)]
    pub minimum: Option<Literal>,
    /// The greatest value: a number, or a text such as `0.01`, `2026-01-01` or `PT5M`.
    #[schemars(example = &"99999.99")]
    pub maximum: Option<Literal>,
    /// The least length: characters of a text, items of a list.
    #[schemars(example = 1)]
    pub min_length: Option<u64>,
    /// The greatest length: characters of a text, items of a list.
    #[schemars(example = 80)]
    pub max_length: Option<u64>,
    /// A regular expression that the whole value must match; `\d` means 0 to 9.
    #[schemars(example = &r#"[A-Z]{2}-\d{8}"#)]
    pub pattern: Option<String>,
    /// The only values that are allowed.
    #[serde(rename = "enum")]
    #[schemars(example = ["open", "paid"])]
    pub allowed: Option<Vec<Literal>>,
    /// Texts that mean true.
    #[schemars(example = ["yes", "Y"])]
    pub true_values: Option<Vec<String>>,
    /// Texts that mean false.
    #[schemars(example = ["no", "N"])]
    pub false_values: Option<Vec<String>>,
    /// Between whole digits and fraction.
    #[schemars(example = &",")]
    pub decimal_char: Option<char>,
    /// Between groups of three digits. A space means no-break, narrow no-break and thin spaces too, an
    /// apostrophe the curved one too; a number has one of them throughout.
    #[schemars(example = &".")]
    pub group_char: Option<char>,
    /// How negative numbers are written beside a sign in front: `trailing` (`1.50-`) or `parentheses` (`(1.50)`), one of the
    /// two. Where a column has both, say `trailing`, and make the others of that form:
    /// `transform = [{ replace = ['^\((.*)\)$', "$1-"] }]`.
    #[schemars(example = &"trailing")]
    pub negative: Option<Negative>,
    /// The language of the names of months and weekdays in a `format`; English names are read beside it.
    #[schemars(example = &"de")]
    pub locale: Option<Locale>,
    /// Two digits of a year (`%y`) below this are 20.., the others 19..; 69 without it, as POSIX says.
    #[schemars(example = 70)]
    pub year_pivot: Option<u32>,
    /// The zone of local times: an IANA name or an offset such as `+01:00`. Where clocks are put back, a local
    /// time that comes twice (02:30 on 25 October 2026 in Europe/Berlin) is the earlier moment; one that clocks
    /// skip is a reject.
    #[schemars(example = &"Europe/Berlin")]
    pub timezone: Option<String>,
    /// How many digits stand behind an implied decimal point.
    #[schemars(example = 2)]
    pub scale: Option<u32>,
    /// Texts that are taken away wherever they stand.
    #[schemars(example = ["EUR", "%"])]
    pub strip: Option<Vec<String>>,
    /// A regular expression; its first group is kept, or the whole match where it has none.
    #[schemars(example = &r#"\((\d+)\)"#)]
    pub extract: Option<String>,
    /// CSV: what stands between the items of a list. Without it the cell is JSON text, `[1,2]`, as it is for an object.
    #[schemars(example = &"|")]
    pub separator: Option<String>,
    /// The type of a list's items.
    #[schemars(example = &"integer")]
    pub items: Option<Type>,
    /// What the text stands for, by a table in the spec or in a file beside it: the text is replaced behind the
    /// missing values, and the replacement is read as the type. A default is not looked up.
    pub lookup: Option<LookupSpec>,
    /// Whether no two records of a file may have the same value: the second one is the reject `duplicate`, which names the
    /// first. Null is never the same, and only records that pass everything else count.
    #[schemars(example = true)]
    pub unique: Option<bool>,
    /// Characters are written as `*`, for personal data. It comes behind the constraints and before the steps, and
    /// the field is sensitive.
    pub mask: Option<MaskSpec>,
    /// The value is written as its salted hash, for personal data. It comes behind the constraints and before the
    /// steps, and the field is sensitive.
    pub hash: Option<HashSpec>,
    /// Messages do not say the value; rejects of the spec keep no raw bytes.
    #[schemars(example = true)]
    pub sensitive: Option<bool>,
    /// JSON: a text may stand for a number or truth value, and a number for a text.
    #[schemars(example = true)]
    pub lax: Option<bool>,
    /// What a person must decide before the spec can be used, written by `infer`: as long as it stands here, the spec is
    /// refused.
    #[schemars(example = &"is 03/04 the third of April?")]
    pub undecided: Option<String>,
}

/// One entry of `transform`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// White space at both ends is taken away.
    Trim,
    /// Small letters.
    Lowercase,
    /// Capital letters.
    Uppercase,
    /// Each run of white space becomes one space.
    Collapse,
    /// `&amp;`, `&lt;`, `&gt;`, `&quot;`, `&apos;`, `&nbsp;`, `&#38;` and `&#x26;` become their characters.
    Unescape,
    /// Each match of a regular expression becomes a text, in which `$1` is the first group, `${1}st` the group before more
    /// text, and `$$` a dollar sign.
    Replace([String; 2]),
}

/// `[columns]`: what is done about columns, or keys, that are out of order, missing or unknown.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnsSpec {
    /// Whether columns must stand in the order of the fields; `any` without it.
    #[schemars(example = &"strict")]
    pub order: Option<Order>,
    /// What a missing column does; `fail_required` without it. A file that has the column of no field at all fails, unless
    /// it is `null` or a field says the number of its column.
    #[schemars(example = &"null")]
    pub missing: Option<Missing>,
    /// What becomes of columns that no field takes; `drop` without it.
    #[schemars(example = &"rescue")]
    pub unknown: Option<Unknown>,
}

/// The order of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Any order.
    #[default]
    Any,
    /// The order of the fields.
    Strict,
}

/// What a missing column does. In JSON this is judged for each record: where a column would fail the file, a
/// missing key rejects its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The column of a required field fails the file; others are null.
    #[default]
    FailRequired,
    /// Any missing column fails the file.
    FailAny,
    /// It is null.
    Null,
}

/// What becomes of a column, or of a top-level key, that no field takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// It is left out.
    #[default]
    Drop,
    /// It goes into the document under its own name.
    Keep,
    /// It goes into the object `_rescued` of the document.
    Rescue,
    /// Records that have it are rejected.
    Reject,
    /// The job waits for somebody's word: CSV by its header; JSON and XML before the first record that has one.
    Hold,
    /// The file fails: CSV by its header; JSON and XML at the first record that has one.
    Fail,
}

/// `[values]`: what every field starts from.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValuesSpec {
    /// Texts that mean null; none without it.
    #[schemars(example = ["", "NULL"])]
    pub missing_values: Option<Vec<String>>,
    /// Between whole digits and fraction; `.` without it.
    #[schemars(example = &",")]
    pub decimal_char: Option<char>,
    /// Between groups of three digits; none without it. A space means no-break, narrow no-break and thin spaces
    /// too, an apostrophe the curved one too; a number has one of them throughout.
    #[schemars(example = &".")]
    pub group_char: Option<char>,
    /// How negative numbers are written beside a sign in front: `trailing` (`1.50-`) or `parentheses` (`(1.50)`), one of the
    /// two. Where a column has both, say `trailing`, and make the others of that form:
    /// `transform = [{ replace = ['^\((.*)\)$', "$1-"] }]`.
    #[schemars(example = &"trailing")]
    pub negative: Option<Negative>,
    /// The language of the names of months and weekdays in a `format`; English names are read beside it.
    #[schemars(example = &"de")]
    pub locale: Option<Locale>,
    /// Two digits of a year (`%y`) below this are 20.., the others 19..; 69 without it, as POSIX says.
    #[schemars(example = 70)]
    pub year_pivot: Option<u32>,
    /// The zone of local times; none without it. Where clocks are put back, a local time that comes twice is the
    /// earlier moment; one that clocks skip is a reject.
    #[schemars(example = &"Europe/Berlin")]
    pub timezone: Option<String>,
    /// Texts that mean true; `true` and `1` without it.
    #[schemars(example = ["ja", "1"])]
    pub true_values: Option<Vec<String>>,
    /// Texts that mean false; `false` and `0` without it.
    #[schemars(example = ["nein", "0"])]
    pub false_values: Option<Vec<String>>,
}
