//! The URL of a webhook, as a value of its own: whoever shows a request or a job shows no secret that stands in it.
//!
//! A URL may hold a token in its path or its query, and before it is judged a user and a password. The text itself is told
//! to whoever asks for it by name: to the store, to the sender, and to the client whose it is. It judges nothing.

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

/// A URL as logs may show it: scheme, host and port, and `…` where there is more. Many receivers know their senders by a
/// path that is a secret.
pub fn shown(text: &str) -> String {
    let Ok(url) = Url::parse(text) else {
        return "(no URL)".to_owned();
    };
    let scheme = url.scheme();
    let Some(host) = url.host_str() else {
        return format!("{scheme}:…");
    };
    let port = url.port().map(|port| format!(":{port}"));
    let port = port.unwrap_or_default();
    let names_nobody = url.username().is_empty() && url.password().is_none();
    let ends = url.query().is_none() && url.fragment().is_none();
    let more = match names_nobody && ends && matches!(url.path(), "" | "/") {
        true => "",
        false => "…",
    };
    format!("{scheme}://{host}{port}/{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_a_url_is_shown() {
        let text = "https://user:secret@example.com:8443/secret?token=secret#secret";
        for (text, as_shown) in [
            (text, "https://example.com:8443/…"),
            (
                "https://hooks.example/services/T0/B0/secret",
                "https://hooks.example/…",
            ),
            ("https://hooks.example/?secret", "https://hooks.example/…"),
            ("https://secret@hooks.example", "https://hooks.example/…"),
            ("https://hooks.example/", "https://hooks.example/"),
            ("http://[::1]:80/", "http://[::1]/"),
            ("data:secret", "data:…"),
            ("secret", "(no URL)"),
        ] {
            assert_eq!(shown(text), as_shown);
        }
        let url = CallbackUrl::from(text);
        assert_eq!(format!("{url:?}"), "\"https://example.com:8443/…\"");
        assert_eq!(&*url, text, "whoever asks for it has it whole");
    }
}
