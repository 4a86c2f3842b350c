//! A spec as a descriptor of others. What the descriptor has no words for is listed, field by field.

use super::json::Json;
use super::{to_csvw, to_frictionless, to_json_schema};
use crate::plan::Plan;
use crate::spec::{FormatSpec, Spec, read};
use pipeline::Fatal;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A Data Resource of Frictionless: the partner's file.
    Frictionless,
    /// A metadata document of CSV on the Web: the partner's file.
    Csvw,
    /// A JSON Schema of the documents that are stored, as `export` and the JSON Lines sink write them.
    JsonSchema,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Frictionless, Self::Csvw, Self::JsonSchema];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frictionless => "frictionless",
            Self::Csvw => "csvw",
            Self::JsonSchema => "json-schema",
        }
    }
}

/// A descriptor of a spec.
#[derive(Clone, Debug)]
pub struct Described {
    /// The descriptor, indented JSON.
    pub text: String,
    /// What the spec says and the descriptor cannot, a line each; it begins with the field's name where it is of one.
    pub lost: Vec<String>,
}

/// Describes the spec whose text is `text` and whose plan is `plan`.
///
/// # Errors
/// `no_descriptor`, where the standard knows no such files.
pub fn describe(text: &str, plan: &Plan, target: Target) -> Result<Described, Fatal> {
    let (spec, _) = read::<Spec>("spec", text);
    let mut lost = Vec::new();
    let json = match target {
        Target::JsonSchema => to_json_schema::write(&spec, plan, &mut lost),
        Target::Frictionless | Target::Csvw => {
            let Some(FormatSpec::Csv(_)) = &spec.format else {
                let message = format!(
                    "{} describes tables: this spec is not of CSV",
                    target.name()
                );
                let hint = "--as json-schema describes the documents of any spec";
                return Err(Fatal::new("no_descriptor", message).hint(hint));
            };
            match target {
                Target::Frictionless => to_frictionless::write(&spec, plan, &mut lost),
                _ => to_csvw::write(&spec, plan, &mut lost),
            }
        }
    };
    let text = serde_json::to_string_pretty::<Json>(&json)
        .map_err(|error| Fatal::new("no_descriptor", error.to_string()))?;
    Ok(Described {
        text: text + "\n",
        lost,
    })
}
