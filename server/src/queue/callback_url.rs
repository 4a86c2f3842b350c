//! The URL of a webhook, as a value of its own: whoever shows a request or a job shows no secret that stands in it.
//!
//! A URL may hold a token in its query, and before it is judged a user and a password. The text itself is told to whoever
//! asks for it by name: to the store, to the sender, and to the client whose it is. It judges nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;
use url::Url;

/// A URL that somebody named. [`fmt::Debug`] shows it as [`shown`] does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CallbackUrl(String);

impl fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&shown(&self.0), f)
    }
}

impl Deref for CallbackUrl {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for CallbackUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for CallbackUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A URL as logs may show it: without user, password, query and fragment, which may be secrets.
pub fn shown(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return "(no URL)".to_owned();
    };
    // Those that cannot have a user have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    if url.query().is_some() {
        url.set_query(Some("…"));
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_a_url_is_shown() {
        let text = "https://user:secret@example.com/a?token=secret#secret";
        assert_eq!(shown(text), "https://example.com/a?%E2%80%A6");
        assert_eq!(shown("secret"), "(no URL)");
        let url = CallbackUrl::from(text);
        assert_eq!(format!("{url:?}"), "\"https://example.com/a?%E2%80%A6\"");
        assert_eq!(&*url, text, "whoever asks for it has it whole");
    }
}
