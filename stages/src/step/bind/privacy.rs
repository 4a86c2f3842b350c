//! What a field may say of personal data: `mask` and `hash`. Data only; what it means is the plan's to say.

use schemars::JsonSchema;
use serde::Deserialize;

/// `mask`: every character but a few becomes `*`. A value that is no longer than what is kept is masked whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskSpec {
    /// How many characters at the beginning stay; none without it.
    #[schemars(example = 2)]
    pub keep_first: Option<u32>,
    /// How many characters at the end stay; none without it.
    #[schemars(example = 4)]
    pub keep_last: Option<u32>,
}

/// `hash`: the value becomes 64 hexadecimal digits, the hash of the salt followed by the value in UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashSpec {
    /// How it is hashed; `sha256` without it.
    #[schemars(example = &"sha256")]
    pub algorithm: Option<Algorithm>,
    /// A reference to the salt, `env:NAME`: without one, short values are found by trying all of them.
    #[schemars(example = &"env:SALT_PEOPLE")]
    pub salt: Option<String>,
}

/// How a value is hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
}
