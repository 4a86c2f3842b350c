//! The URL of a webhook: what it may be, judged when it is given and again before every connection.
//!
//! `url` reads it as browsers do: 2130706433, 0177.0.0.1, 0x7f.1 and １２７.0.0.1 are the address 127.0.0.1 before
//! anything is judged.

use super::address::is_public;
use super::network::Network;
use pipeline::Fatal;
use std::net::IpAddr;
use url::{Host, Url};

/// The most characters of a URL.
pub const MAX_URL_CHARS: usize = 2_048;
/// Names that are this machine's own, whatever answers for them.
const LOCAL_NAMES: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];

/// A URL that may be right. It is not shown: its query may be a secret.
#[derive(Clone)]
pub struct Target {
    /// The name or the address, as it stands in `Host` and in certificates.
    pub host: String,
    /// The address, where the URL says one.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// Whether it begins with `https`.
    pub is_https: bool,
    /// The path and the query.
    pub path: String,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// `bad_callback`, where it cannot be right whatever its name stands for.
    pub fn parse(text: &str, allowed: &[Network]) -> Result<Self, Fatal> {
        if text.chars().count() > MAX_URL_CHARS {
            return Err(bad(format!("it has more than {MAX_URL_CHARS} characters")));
        }
        let url = Url::parse(text).map_err(|error| bad(format!("it is no URL: {error}")))?;
        let is_https = match url.scheme() {
            "https" => true,
            "http" => false,
            other => return Err(bad(format!("{other}: is not https"))),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("it holds a user or a password".to_owned()));
        }
        let host = url.host().ok_or_else(|| bad("it names no host".into()))?;
        let (host, address) = match host {
            Host::Ipv4(address) => (address.to_string(), Some(IpAddr::V4(address))),
            Host::Ipv6(address) => (format!("[{address}]"), Some(IpAddr::V6(address))),
            Host::Domain(name) => (name.to_owned(), None),
        };
        if let Some(address) = address {
            let judged = judge(address, is_https, allowed);
            judged.map_err(|why| bad(format!("{host} {why}")))?;
        } else if allowed.is_empty() && is_local(&host) {
            return Err(bad(format!(
                "{host} is a name of this machine or its network"
            )));
        } else if allowed.is_empty() && !is_https {
            return Err(bad(format!("{host} is reached by https only")));
        }
        let query = url.query().map(|query| format!("?{query}"));
        Ok(Self {
            host,
            address,
            port: url.port_or_known_default().unwrap_or(443),
            is_https,
            path: format!("{}{}", url.path(), query.unwrap_or_default()),
        })
    }

    /// What stands in the header `Host`.
    pub fn authority(&self) -> String {
        match (self.is_https, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// Judges what the host stands for.
    ///
    /// # Errors
    /// Why an address may not be connected to, in a few words.
    pub fn judge(&self, address: IpAddr, allowed: &[Network]) -> Result<(), &'static str> {
        judge(address, self.is_https, allowed)
    }
}

fn judge(address: IpAddr, is_https: bool, allowed: &[Network]) -> Result<(), &'static str> {
    if allowed.iter().any(|network| network.contains(address)) {
        return Ok(());
    }
    if !is_public(address) {
        return Err("leads to an address that is not public");
    }
    if !is_https {
        return Err("is reached by https only");
    }
    Ok(())
}

fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    LOCAL_NAMES.iter().any(|local| {
        let rest = name.strip_suffix(local);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

fn bad(why: String) -> Fatal {
    Fatal::new("bad_callback", format!("the webhook's URL cannot be used: {why}")).hint(
        "an https:// URL of a public host; what else may be reached, the operator says with WEBHOOK_ALLOW",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, allowed: &[&str]) -> Option<&'static str> {
        let allowed: Vec<Network> = allowed.iter().map(|n| n.parse().unwrap()).collect();
        Target::parse(text, &allowed).err().map(|error| error.code)
    }

    #[test]
    fn addresses_are_seen_through_whatever_they_are_written_like() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "１２７.0.0.1",
            "127。0。0。1",
            "%31%32%37.0.0.1",
            "0",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "10.0.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "printer.local",
            "metadata.google.internal",
        ] {
            for scheme in ["https", "http"] {
                let url = format!("{scheme}://{host}:8443/x");
                assert_eq!(code(&url, &[]), Some("bad_callback"), "{url}");
            }
        }
    }

    #[test]
    fn what_cannot_be_right_is_refused() {
        for url in [
            "",
            "example.com",
            "//example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "gopher://127.0.0.1:6379/_",
            "https://",
            "https:///",
            "https://user@example.com",
            "https://user:secret@example.com",
            "https://:secret@example.com",
            "https://example.com:99999",
            "https://exa mple.com",
            "http://example.com",
            "https://[fe80::1%25eth0]/",
            "javascript:alert(1)",
        ] {
            assert_eq!(code(url, &[]), Some("bad_callback"), "{url}");
        }
        let long = format!("https://example.com/{}", "x".repeat(MAX_URL_CHARS));
        assert_eq!(code(&long, &[]), Some("bad_callback"));
    }

    #[test]
    fn what_may_be_right_is_taken_apart() {
        let target = Target::parse("https://Example.com:8443/a%20b?c=d#e", &[]).unwrap();
        assert_eq!(target.authority(), "example.com:8443");
        assert_eq!((&*target.path, target.address), ("/a%20b?c=d", None));
        let target = Target::parse("https://[2001:4860:4860::8888]", &[]).unwrap();
        assert_eq!(
            (&*target.authority(), &*target.path),
            ("[2001:4860:4860::8888]", "/")
        );
    }

    #[test]
    fn http_is_for_networks_that_are_allowed() {
        assert_eq!(code("http://127.0.0.1:9/x", &["127.0.0.0/8"]), None);
        assert_eq!(code("https://127.0.0.1:9/x", &["127.0.0.0/8"]), None);
        assert_eq!(code("http://[::ffff:127.0.0.1]/", &["127.0.0.0/8"]), None);
        assert_eq!(
            code("http://[::1]/", &["127.0.0.0/8"]),
            Some("bad_callback")
        );
        assert_eq!(
            code("http://8.8.8.8/", &["127.0.0.0/8"]),
            Some("bad_callback")
        );
        // What the name stands for is judged when it is known.
        assert_eq!(code("http://example.com/", &["127.0.0.0/8"]), None);
        assert_eq!(code("https://localhost/", &["127.0.0.0/8"]), None);
    }
}
