//! A request as handlers get it: routed, allowed, its query and ids judged; its body still to be read.

use super::access::Caller;
use super::problem::Problem;
use super::query::{self, Query};
use crate::id::Id;
use crate::service::Service;
use crate::tenant::Tenant;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;
use pipeline::Fatal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::net::IpAddr;
use tokio_util::sync::CancellationToken;

/// The most bytes of a body of JSON.
pub const MAX_JSON_BYTES: usize = 1024 * 1024;

/// The bytes of a request. An error says that the client is gone, or that the bytes stopped coming.
pub type RequestBody = BoxBody<Bytes, BodyError>;
/// Why a body ended before its end.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The parameters of a path, by name.
pub type PathParams = Vec<(String, String)>;

/// A request.
pub struct Call {
    /// The service.
    pub service: Service,
    /// Who calls.
    pub caller: Caller,
    /// The address that it came from.
    pub address: IpAddr,
    /// The headers.
    pub headers: HeaderMap,
    /// The query, judged by the route.
    pub query: Query,
    /// The parameters of the path, still percent-encoded.
    pub path: PathParams,
    /// The body. It ends with an error when no byte comes for [`super::serve::BODY_IDLE_TIMEOUT`].
    pub body: RequestBody,
    /// Whether the connection can be handed over to what an answer with status 101 promises ([`super::upgrade`]).
    pub can_upgrade: bool,
    /// Cancelled when the service shuts down: whoever waits answers now.
    pub stop: CancellationToken,
    /// The OpenAPI document.
    pub openapi: Bytes,
}

impl Call {
    /// Whose things these are.
    pub fn tenant(&self) -> &Tenant {
        &self.caller.tenant
    }

    /// A parameter of the path, as text.
    ///
    /// # Errors
    /// `not_found`, when it is not percent-encoded UTF-8.
    pub fn path(&self, name: &str) -> Result<String, Problem> {
        let found = self.path.iter().find(|(given, _)| given == name);
        found
            .and_then(|(_, value)| query::decode(value, false))
            .ok_or_else(|| Problem::new("no_route", "there is no such path"))
    }

    /// A parameter of the path that is the id of `what`.
    ///
    /// # Errors
    /// `not_found`: what is no id names nothing.
    pub fn id(&self, name: &str, what: &str) -> Result<Id, Problem> {
        let text = self.path(name).map_err(|_| Problem::not_found(what))?;
        text.parse().map_err(|_| Problem::not_found(what))
    }

    /// A header's text, where it is there.
    ///
    /// # Errors
    /// `bad_header`, when it is there twice, is no visible ASCII, or is longer than `max_bytes`.
    pub fn header(&self, name: &str, max_bytes: usize) -> Result<Option<&str>, Problem> {
        let mut values = self.headers.get_all(name).iter();
        let value = match (values.next(), values.next()) {
            (None, _) => return Ok(None),
            (Some(value), None) => value.to_str().ok(),
            (Some(_), Some(_)) => None,
        };
        match value.filter(|value| (1..=max_bytes).contains(&value.len())) {
            Some(value) => Ok(Some(value)),
            None => {
                let message =
                    format!("{name} must stand there once, with 1 to {max_bytes} letters");
                Err(Problem::new("bad_header", message))
            }
        }
    }

    /// The body, whole.
    ///
    /// # Errors
    /// `body_too_large`, `body_incomplete`, `body_too_slow`.
    pub async fn bytes(&mut self, max_bytes: usize) -> Result<Bytes, Problem> {
        let mut whole = BytesMut::new();
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| broken(&*error))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if whole.len() + data.len() > max_bytes {
                let message = format!("the body has more than {max_bytes} bytes");
                return Err(Problem::new("body_too_large", message));
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }

    /// The body, whole, as text.
    ///
    /// # Errors
    /// As [`Self::bytes`]; `bad_request`, when it is not UTF-8.
    pub async fn text(&mut self, max_bytes: usize) -> Result<String, Problem> {
        let bytes = self.bytes(max_bytes).await?;
        String::from_utf8(bytes.into())
            .map_err(|_| Problem::new("bad_request", "the body is not UTF-8"))
    }

    /// The body as JSON; none at all is `{}`.
    ///
    /// # Errors
    /// As [`Self::bytes`]; `wrong_type`, `bad_json`, `unknown_field`.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        let bytes = self.bytes(MAX_JSON_BYTES).await?;
        if bytes.is_empty() {
            return parse(b"{}");
        }
        match self.media_type() {
            Some(media_type) if media_type != "application/json" => {
                let message = format!(
                    "the body must be application/json, and is called {media_type}: say it with the header \
                     Content-Type: application/json"
                );
                Err(Problem::new("wrong_type", message))
            }
            _ => parse(&bytes),
        }
    }

    /// The body of a route that reads none: nothing, or `{}`, which many clients send.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub async fn nothing(&mut self) -> Result<(), Problem> {
        let Nothing {} = self.json().await?;
        Ok(())
    }

    /// The media type of the body, without parameters, in lower case.
    pub fn media_type(&self) -> Option<String> {
        let value = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let media_type = value.split(';').next().unwrap_or_default();
        Some(media_type.trim().to_ascii_lowercase())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let message = error.to_string();
        if error.is_syntax() || error.is_eof() {
            let (line, column) = (error.line(), error.column());
            let message = format!("the body is no JSON: it breaks at line {line}, column {column}");
            return Problem::new("bad_json", message);
        }
        let code = if message.starts_with("unknown field") {
            "unknown_field"
        } else {
            "bad_json"
        };
        Problem::new(code, format!("the body cannot be used: {message}"))
    })
}

/// What is said of a body that ended before its end.
pub fn broken(error: &(dyn std::error::Error + 'static)) -> Fatal {
    if error.is::<tower_http::timeout::TimeoutError>() {
        Fatal::new("body_too_slow", "the body stopped coming")
    } else {
        Fatal::new("body_incomplete", "the body ended before its end")
    }
}
