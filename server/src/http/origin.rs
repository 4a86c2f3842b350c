//! Whose page asks: what a browser says of that with a request.
//!
//! Where no key is configured whoever reaches the service may do everything, so a page of a stranger in the operator's
//! browser must not: it could send simple requests, or give its own name this machine's address and read the answers. So
//! the host must be this machine by a name that no stranger can give, and a change must not come from another page. Where
//! keys are, no browser sends one by itself, and nothing of this is asked.

use super::problem::Problem;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Method, Uri};
use std::net::IpAddr;

/// What a browser says of the page that asks; it sends this over TLS and to this machine only.
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Judges a request to a service without keys. `any_host`: the operator wants it to be reached by other names.
///
/// # Errors
/// `foreign_host`, `foreign_origin`.
pub fn without_keys(method: &Method, headers: &HeaderMap, any_host: bool) -> Result<(), Problem> {
    if !any_host && !asks_this_machine(headers) {
        return Err(Problem::new(
            "foreign_host",
            "without API keys the service answers to localhost and loopback addresses only",
        )
        .hint("ask localhost, or make a key with `sluicegate keys add TENANT`, or serve with --insecure"));
    }
    if !matches!(*method, Method::GET | Method::HEAD) && !is_of_own_page(headers) {
        return Err(Problem::new(
            "foreign_origin",
            "a page of another host asks for this change, and there are no API keys",
        )
        .hint("a program sends no Origin; a proxy must hand Host on as it came"));
    }
    Ok(())
}

/// Refuses a handshake that a page of another host has asked for.
///
/// # Errors
/// `foreign_origin`.
pub fn of_socket(headers: &HeaderMap) -> Result<(), Problem> {
    if is_own(headers) {
        return Ok(());
    }
    Err(Problem::new(
        "foreign_origin",
        "a page of another host asks for this socket",
    )
    .hint("a program sends no Origin; a proxy must hand Host on as it came"))
}

/// Whether the host is named so that only this machine can be meant. Who names none (HTTP/1.0) is no browser.
fn asks_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else {
        return true;
    };
    let asked = host.to_str().ok().and_then(|host| host.parse().ok());
    asked.is_some_and(|asked: Authority| {
        let name = asked.host();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse();
        let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
        name.eq_ignore_ascii_case("localhost") || address.is_ok_and(is_loopback)
    })
}

/// Whether a program asks, or a page of this service.
fn is_of_own_page(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    match (sites.next().map(|site| site.as_bytes()), sites.next()) {
        // The browser knows, whatever name a proxy hands on as Host.
        (Some(b"same-origin"), None) => true,
        (Some(b"cross-site"), _) => false,
        _ => is_own(headers),
    }
}

/// Whether the origin, where there is one, is that of the host that was asked.
fn is_own(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (origin, another) = (origins.next(), origins.next());
    let Some(origin) = origin else { return true };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| {
        origin.to_str().is_ok_and(|origin| is_of(origin, host)) && another.is_none()
    })
}

/// Whether an origin is that of the host that was asked; a port that is not said is the one of the origin's scheme.
fn is_of(origin: &str, host: &str) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else {
        return false;
    };
    let usual = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let (Some(of_page), Ok(asked)) = (origin.authority(), host.parse::<Authority>()) else {
        return false;
    };
    let port = |of: &Authority| of.port_u16().unwrap_or(usual);
    of_page.host().eq_ignore_ascii_case(asked.host()) && port(of_page) == port(&asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn an_origin_is_the_hosts_own_or_foreign() {
        for (origin, host, own) in [
            ("http://localhost:3000", "localhost:3000", true),
            ("http://LOCALHOST:3000", "localhost:3000", true),
            ("http://localhost:3001", "localhost:3000", false),
            ("http://127.0.0.1:3000", "localhost:3000", false),
            ("https://shop.example", "shop.example", true),
            ("https://shop.example", "shop.example:443", true),
            ("https://shop.example", "shop.example:80", false),
            ("http://shop.example", "shop.example", true),
            ("http://shop.example:8080", "shop.example", false),
            ("https://shop.example.evil.example", "shop.example", false),
            ("https://evil.example", "shop.example", false),
            ("http://[::1]:3000", "[::1]:3000", true),
            ("ftp://shop.example", "shop.example", false),
            ("shop.example", "shop.example", false),
            ("null", "shop.example", false),
            ("", "shop.example", false),
        ] {
            assert_eq!(is_of(origin, host), own, "{origin} at {host}");
        }
    }

    #[test]
    fn no_origin_is_a_program_and_two_are_nobodys() {
        let headers = |origins: &[&'static str]| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("x"));
            for origin in origins {
                headers.append(ORIGIN, HeaderValue::from_static(origin));
            }
            headers
        };
        for (origins, own) in [
            (&[][..], true),
            (&["http://x"], true),
            (&["http://x", "http://x"], false),
            (&["http://y"], false),
        ] {
            assert_eq!(is_own(&headers(origins)), own, "{origins:?}");
        }
    }

    #[test]
    fn without_keys_only_this_machine_is_asked_and_only_by_itself() {
        let get = Method::GET;
        for (method, any_host, headers, refused) in [
            (get.clone(), false, "", None),
            (get.clone(), false, "host: localhost:3000", None),
            (get.clone(), false, "host: LOCALHOST", None),
            (get.clone(), false, "host: 127.0.0.1:3000", None),
            (get.clone(), false, "host: 127.8.8.8", None),
            (get.clone(), false, "host: [::1]:3000", None),
            (get.clone(), false, "host: [::ffff:127.0.0.1]", None),
            (
                get.clone(),
                false,
                "host: evil.example:3000",
                Some("foreign_host"),
            ),
            (
                get.clone(),
                false,
                "host: localhost.evil.example",
                Some("foreign_host"),
            ),
            (
                get.clone(),
                false,
                "host: 127.0.0.1.evil.example",
                Some("foreign_host"),
            ),
            (
                get.clone(),
                false,
                "host: 0.0.0.0:3000",
                Some("foreign_host"),
            ),
            (get.clone(), false, "host: 10.0.0.1", Some("foreign_host")),
            (get.clone(), false, "host: [::]:3000", Some("foreign_host")),
            (get.clone(), false, "host: a b", Some("foreign_host")),
            (get.clone(), false, "host:", Some("foreign_host")),
            (get.clone(), true, "host: sluicegate:3000", None),
            // What reads nothing out to another page may be asked by it.
            (
                get.clone(),
                false,
                "host: localhost|origin: https://evil.example",
                None,
            ),
            (
                Method::HEAD,
                false,
                "host: localhost|sec-fetch-site: cross-site",
                None,
            ),
            (Method::POST, false, "host: localhost:3000", None),
            (
                Method::PUT,
                false,
                "host: localhost:3000|origin: http://localhost:3000",
                None,
            ),
            (
                Method::POST,
                false,
                "host: localhost:3000|origin: http://evil.example",
                Some("foreign_origin"),
            ),
            (
                Method::POST,
                false,
                "host: localhost:3000|origin: http://localhost:8080",
                Some("foreign_origin"),
            ),
            (
                Method::POST,
                false,
                "host: localhost|origin: null",
                Some("foreign_origin"),
            ),
            (
                Method::DELETE,
                false,
                "host: localhost|sec-fetch-site: cross-site",
                Some("foreign_origin"),
            ),
            (
                Method::POST,
                true,
                "host: a|origin: http://b",
                Some("foreign_origin"),
            ),
            (
                Method::POST,
                true,
                "host: a|origin: https://b|sec-fetch-site: same-origin",
                None,
            ),
            (
                Method::POST,
                true,
                "host: a|origin: https://b|sec-fetch-site: same-site",
                Some("foreign_origin"),
            ),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers
                .split('|')
                .filter_map(|header| header.split_once(':'))
            {
                let name = name.parse::<HeaderName>().unwrap();
                map.append(name, HeaderValue::from_str(value.trim()).unwrap());
            }
            let is = without_keys(&method, &map, any_host).err();
            let is = is.map(|problem| problem.code());
            assert_eq!(is, refused, "{method} {headers}");
        }
    }
}
