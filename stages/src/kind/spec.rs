//! What a spec says about kinds of records: `[records]`. Data only.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// `[records.NAME]`: one kind of record.
#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSpec {
    /// A regular expression that is searched in the raw text of the record, line end not counted; `^` is its start. The
    /// first kind that matches counts; a record that none takes is the reject `unknown_record`.
    #[serde(rename = "match")]
    #[schemars(example = &"^H")]
    pub matches: Option<String>,
    /// JSON: a key, or a path such as `$.header`, that must be there in the record. XML: where the elements of this kind
    /// are, as in `record_path`: `/statement/header`. It stands in the place of `match`.
    #[schemars(example = &"/statement/header")]
    pub path: Option<String>,
    /// What becomes of its records. Default: load.
    #[serde(rename = "use")]
    #[schemars(example = &"context")]
    pub role: Option<Use>,
}

/// What becomes of the records of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// They are loaded.
    #[default]
    Load,
    /// Their fields are on the records behind them, up to the next one of this kind.
    Context,
    /// Their fields are for `[control]`.
    Control,
    /// They are left out.
    Skip,
}

/// Entries by name, in the order of the spec.
#[derive(Clone, Debug)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Named<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    all.push(entry);
                }
                Ok(Named(all))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}s", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let entry = generator.subschema_for::<T>();
        json_schema!({
            "type": "object",
            "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
            "additionalProperties": entry,
        })
    }
}
