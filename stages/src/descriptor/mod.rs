//! Descriptors of others: Frictionless, CSV on the Web, JSON Schema and the typed fields of mongoimport become specs, and
//! specs become descriptors.
//!
//! ```text
//! descriptor ─► one reader a standard ─► words of the language ─► TOML ─► the plan, which takes back what it refuses
//! spec       ─► one writer a standard ─► JSON, and what it could not say
//! ```
//!
//! Nothing is dropped in silence: what the other side has no words for is a comment at its place, and is listed. No file but
//! the descriptor is read, and nothing is fetched.

mod constraints;
mod csvw;
mod describe;
mod frictionless;
mod json;
mod json_schema;
mod middle;
mod moment;
mod mongoimport;
mod pattern;
mod table;
#[cfg(test)]
mod tests;
mod to_csvw;
mod to_frictionless;
mod to_json_schema;
mod write;

pub use describe::{Described, Target, describe};

use json::Json;
use pipeline::Fatal;

/// The most bytes of a descriptor.
pub const MAX_DESCRIPTOR_BYTES: u64 = 1024 * 1024;

/// Who says what a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Frictionless: Table Schema, Data Resource, Data Package.
    Frictionless,
    /// CSV on the Web.
    Csvw,
    /// JSON Schema.
    JsonSchema,
    /// `--columnsHaveTypes` of mongoimport.
    Mongoimport,
}

impl Standard {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Frictionless,
        Self::Csvw,
        Self::JsonSchema,
        Self::Mongoimport,
    ];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frictionless => "frictionless",
            Self::Csvw => "csvw",
            Self::JsonSchema => "json-schema",
            Self::Mongoimport => "mongoimport",
        }
    }
}

/// A spec of a descriptor.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The commented spec.
    pub spec: String,
    /// How many fields it has.
    pub fields: usize,
    /// Fields that a person must decide.
    pub undecided: Vec<String>,
    /// What the descriptor says and a spec cannot, a line each.
    pub lost: Vec<String>,
}

/// Makes a spec of a descriptor, which is of `standard` or of the one that its content shows. It has the name `name`, or what
/// the descriptor says, or `otherwise`.
///
/// # Errors
/// `too_large`, over [`MAX_DESCRIPTOR_BYTES`]; `bad_descriptor`, with the place; `which_standard`, where the content does not
/// say; `cannot_import`, where no spec can be made.
pub fn import(
    text: &str,
    standard: Option<Standard>,
    name: Option<&str>,
    otherwise: &str,
) -> Result<Imported, Fatal> {
    if text.len() as u64 > MAX_DESCRIPTOR_BYTES {
        let message = format!("a descriptor has at most {MAX_DESCRIPTOR_BYTES} bytes");
        return Err(Fatal::new("too_large", message));
    }
    let is_json = text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with(['{', '[']);
    let json = match standard {
        Some(Standard::Mongoimport) => None,
        Some(_) => Some(Json::read(text)?),
        None => is_json.then(|| Json::read(text)).transpose()?,
    };
    let standard = match standard {
        Some(standard) => standard,
        None => recognise(text, json.as_ref())?,
    };
    let read = match (standard, json) {
        (Standard::Frictionless, Some(json)) => frictionless::read(json)?,
        (Standard::Csvw, Some(json)) => csvw::read(json)?,
        (Standard::JsonSchema, Some(json)) => json_schema::read(json)?,
        _ => mongoimport::read(text)?,
    };
    let own = read.name.clone();
    let name = name.or(own.as_deref()).unwrap_or(otherwise).to_owned();
    write::spec(read, standard.name(), &name)
}

/// The only standard that the content can be of.
fn recognise(text: &str, json: Option<&Json>) -> Result<Standard, Fatal> {
    let can_be = |standard: &Standard| match (standard, json) {
        (Standard::Frictionless, Some(json)) => frictionless::is(json),
        (Standard::Csvw, Some(json)) => csvw::is(json),
        (Standard::JsonSchema, Some(json)) => json_schema::is(json),
        (Standard::Mongoimport, None) => mongoimport::is(text),
        _ => false,
    };
    let found: Vec<_> = Standard::ALL.into_iter().filter(can_be).collect();
    let fatal = |message: String| {
        let hint = "say which: --as frictionless, csvw, json-schema or mongoimport";
        Fatal::new("which_standard", message).hint(hint)
    };
    match found[..] {
        [one] => Ok(one),
        [] => Err(fatal("it looks like no descriptor that is known".into())),
        _ => {
            let names: Vec<_> = found.iter().map(|standard| standard.name()).collect();
            Err(fatal(format!("it may be {}", names.join(" or "))))
        }
    }
}
