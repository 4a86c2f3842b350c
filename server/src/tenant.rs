//! Tenants: whose files, jobs, specs and documents these are.
//!
//! Every statement of a store takes a [`Tenant`], so that none can be written without one. Without API keys there is
//! one tenant without a name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most characters of a tenant's name.
const MAX_NAME_CHARS: usize = 32;

/// Whose something is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Option<Arc<str>>);

/// A text that no tenant can be called.
#[derive(Debug, PartialEq, Eq)]
pub struct NotATenant;

impl Tenant {
    /// The tenant without a name: everybody, where no keys are configured.
    pub const NONE: Self = Self(None);

    /// Its name.
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// What stores keep: the name, or nothing at all, which no tenant is called.
    pub fn key(&self) -> &str {
        self.name().unwrap_or_default()
    }

    /// Reads what [`Self::key`] gave.
    ///
    /// # Errors
    /// When no tenant can be called so.
    pub fn of_key(key: &str) -> Result<Self, NotATenant> {
        if key.is_empty() {
            Ok(Self::NONE)
        } else {
            key.parse()
        }
    }
}

impl FromStr for Tenant {
    type Err = NotATenant;

    /// Takes `[a-z][a-z0-9]{0,31}`, never `state`: `<db>_state` is the service's own database.
    fn from_str(text: &str) -> Result<Self, NotATenant> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
        if starts && text.bytes().all(good) && text.len() <= MAX_NAME_CHARS && text != "state" {
            Ok(Self(Some(text.into())))
        } else {
            Err(NotATenant)
        }
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for (text, good) in [
            ("acme", true),
            ("a", true),
            ("a1", true),
            ("", false),
            ("1a", false),
            ("Acme", false),
            ("a_b", false),
            ("a-b", false),
            ("state", false),
            (&"a".repeat(32), true),
            (&"a".repeat(33), false),
        ] {
            assert_eq!(text.parse::<Tenant>().is_ok(), good, "{text}");
        }
        assert_eq!(Tenant::of_key(""), Ok(Tenant::NONE));
        assert_eq!(Tenant::of_key("acme").unwrap().name(), Some("acme"));
    }
}
