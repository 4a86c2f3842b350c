//! Who calls: an API key becomes its tenant.
//!
//! The key comes as `Authorization: Bearer KEY` or `X-API-Key: KEY`, never in a query, where logs would keep it;
//! who watches a job may show a ticket there, which is good once. Where no key is configured there is one tenant without a
//! name; that this is served on loopback only is judged at start, and [`origin`] judges who asks.

use super::origin;
use super::problem::Problem;
use super::route::HeadJudge;
use crate::id::Id;
use crate::keys::secret::Authority;
use crate::service::Service;
use crate::tenant::Tenant;
use crate::tickets;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

/// The most bytes of a key that are looked at.
const MAX_KEY_BYTES: usize = 256;

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose things it may see.
    pub tenant: Tenant,
    /// The key that it showed; none where none is configured.
    pub key: Option<Id>,
}

impl Caller {
    /// Anybody, on a route that wants no key.
    pub const ANYBODY: Self = Self {
        tenant: Tenant::NONE,
        key: None,
    };
}

/// Finds out who calls. `any_host`: where no key is configured, the service may be asked by any name.
///
/// # Errors
/// `unauthorized`; where no key is configured what [`origin::without_keys`] says; outages of the store.
pub async fn caller(
    authority: &Authority,
    parts: &Parts,
    any_host: bool,
) -> Result<Caller, Problem> {
    let Some(secret) = secret(&parts.headers)? else {
        if authority.wants_keys().await? {
            return Err(Problem::unauthorized("the request has no API key"));
        }
        origin::without_keys(&parts.method, &parts.headers, any_host)?;
        return Ok(Caller::ANYBODY);
    };
    match authority.caller(secret).await? {
        Some(caller) => Ok(Caller {
            tenant: caller.tenant,
            key: Some(caller.key),
        }),
        None => Err(Problem::unauthorized("the API key is not a live one")),
    }
}

/// Finds out who wants to see what shows nothing of anybody: as [`caller`], but a key that was live a while ago is good
/// while the store does not answer. The figures of an outage are wanted most while it lasts.
///
/// # Errors
/// As [`caller`]'s.
pub async fn observer(
    authority: &Authority,
    parts: &Parts,
    any_host: bool,
) -> Result<Caller, Problem> {
    if let Some(secret) = secret(&parts.headers)?
        && let Some(known) = authority.observer(secret).await
    {
        return Ok(Caller {
            tenant: known.tenant,
            key: Some(known.key),
        });
    }
    caller(authority, parts, any_host).await
}

/// Finds out who wants to watch: whoever has a key, or shows a ticket, which is used up by that. What `head` refuses uses
/// none up.
///
/// # Errors
/// As [`caller`]'s, and `head`'s.
pub async fn watcher(
    service: &Service,
    parts: &Parts,
    ticket: Option<&str>,
    head: HeadJudge,
    any_host: bool,
) -> Result<Caller, Problem> {
    let Some(ticket) = ticket else {
        return caller(&service.authority, parts, any_host).await;
    };
    if secret(&parts.headers)?.is_some() {
        return Err(Problem::unauthorized("the request has a key and a ticket"));
    }
    head(parts)?;
    let tenant = tickets::take(&*service.stores.tickets, ticket).await?;
    match tenant {
        Some(tenant) => Ok(Caller { tenant, key: None }),
        None => Err(
            Problem::unauthorized("the ticket was used, is too old, or is none")
                .hint("POST /tickets gives one that is good once and for 60 seconds"),
        ),
    }
}

/// The secret that a request shows, once.
fn secret(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let ambiguous = || Problem::unauthorized("the request has more than one API key");
    let mut shown = None;
    for value in headers.get_all(AUTHORIZATION) {
        let text = value.to_str().unwrap_or_default();
        let key = match text.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
            _ => return Err(Problem::unauthorized("the request has no Bearer key")),
        };
        if shown.replace(key).is_some() {
            return Err(ambiguous());
        }
    }
    for value in headers.get_all("x-api-key") {
        let key = value.to_str().unwrap_or_default().trim();
        if shown.replace(key).is_some_and(|other| other != key) {
            return Err(ambiguous());
        }
    }
    match shown {
        Some(key) if key.is_empty() || key.len() > MAX_KEY_BYTES => {
            Err(Problem::unauthorized("the API key is not a live one"))
        }
        shown => Ok(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn a_key_is_shown_once_in_either_header() {
        let long = "a".repeat(257);
        for (headers, expected) in [
            (vec![], Ok(None)),
            (vec![("authorization", "Bearer k")], Ok(Some("k"))),
            (vec![("authorization", "bearer  k ")], Ok(Some("k"))),
            (vec![("x-api-key", "k")], Ok(Some("k"))),
            (
                vec![("authorization", "Bearer k"), ("x-api-key", "k")],
                Ok(Some("k")),
            ),
            (
                vec![("authorization", "Bearer k"), ("x-api-key", "l")],
                Err("unauthorized"),
            ),
            (
                vec![("authorization", "Bearer k"), ("authorization", "Bearer k")],
                Err("unauthorized"),
            ),
            (vec![("authorization", "Basic k")], Err("unauthorized")),
            (vec![("authorization", "Bearer")], Err("unauthorized")),
            (vec![("authorization", "Bearer ")], Err("unauthorized")),
            (vec![("x-api-key", "")], Err("unauthorized")),
            (vec![("x-api-key", &long)], Err("unauthorized")),
        ] {
            let pairs = headers.iter().map(|(name, value)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_str(value).unwrap())
            });
            let mut map = HeaderMap::new();
            pairs.for_each(|(name, value)| {
                map.append(name, value);
            });
            let is = secret(&map).map_err(|problem| problem.code());
            assert_eq!(is, expected, "{headers:?}");
        }
    }
}
