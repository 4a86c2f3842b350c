//! Answers: JSON, bytes, streams, nothing, redirects. Every one carries the headers that keep browsers from guessing.

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Frame;
use pipeline::Fatal;
use serde::Serialize;
use std::convert::Infallible;
use std::fmt::Write as _;

/// What an answer's bytes come from. An error ends the connection, so that the client sees that the body is not whole.
pub type ResponseBody = UnsyncBoxBody<Bytes, Fatal>;
/// An answer.
pub type Response = http::Response<ResponseBody>;

/// What the page may load and do: only what the service itself serves.
const PAGE_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// The most characters of a file's name in a header.
const MAX_FILE_NAME_CHARS: usize = 150;

/// 200 with JSON.
pub fn ok(value: &impl Serialize) -> Response {
    json(StatusCode::OK, value)
}

/// A status with JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    json_as(status, "application/json", value)
}

/// A status with JSON of a named media type.
pub fn json_as(status: StatusCode, media_type: &'static str, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => bytes(status, media_type, text),
        Err(error) => {
            // Only a type whose maps have keys that are no strings comes here, and no answer has one.
            tracing::error!(%error, "an answer cannot be written as JSON");
            bytes(StatusCode::INTERNAL_SERVER_ERROR, media_type, "{}")
        }
    }
}

/// A status with bytes of a media type.
pub fn bytes(status: StatusCode, media_type: &'static str, bytes: impl Into<Bytes>) -> Response {
    let body = Full::new(bytes.into()).map_err(never).boxed_unsync();
    let mut response = of(status, body);
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// A file of the page. A browser keeps it, and asks each time whether it is still the one with this `etag`.
pub fn part_of_page(
    status: StatusCode,
    media_type: &'static str,
    content: &'static [u8],
    etag: &str,
) -> Response {
    let mut response = bytes(status, media_type, Bytes::from_static(content));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(ETAG, etag);
    }
    response
}

/// 204.
pub fn no_content() -> Response {
    let mut response = nothing();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// 200 without a body.
pub fn nothing() -> Response {
    of(StatusCode::OK, Empty::new().map_err(never).boxed_unsync())
}

/// 200 with bytes of a media type that come as they come.
pub fn stream(
    media_type: &'static str,
    chunks: impl Stream<Item = Bytes> + Send + 'static,
) -> Response {
    let frames = chunks.map(|chunk| Ok(Frame::data(chunk)));
    let mut response = of(StatusCode::OK, StreamBody::new(frames).boxed_unsync());
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// 302 to an address.
///
/// # Errors
/// `internal`, when the address is none.
pub fn redirect(to: &str) -> Result<Response, Fatal> {
    let to = HeaderValue::from_str(to)
        .map_err(|error| Fatal::new("internal", "an address is no header").because(&error))?;
    let mut response = of(
        StatusCode::FOUND,
        Empty::new().map_err(never).boxed_unsync(),
    );
    response.headers_mut().insert(LOCATION, to);
    Ok(response)
}

/// 200 with a stream that a browser saves under `file_name` and never shows.
pub fn download(
    media_type: &str,
    file_name: &str,
    chunks: impl Stream<Item = Result<Bytes, Fatal>> + Send + 'static,
) -> Response {
    let frames = chunks.map(|chunk| chunk.map(Frame::data));
    let mut response = of(StatusCode::OK, StreamBody::new(frames).boxed_unsync());
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_str(media_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_TYPE, media_type);
    if let Ok(value) = HeaderValue::from_str(&disposition(file_name)) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    response
}

fn of(status: StatusCode, body: ResponseBody) -> Response {
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    protect(response.headers_mut());
    response
}

/// The headers that every answer carries.
fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'self'"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// `attachment` with the name as ASCII, and as it is (RFC 6266, RFC 8187). A name is bounded, and loses its folders.
fn disposition(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|char| !char.is_control())
        .take(MAX_FILE_NAME_CHARS)
        .collect();
    let plain: String = name
        .chars()
        .map(|char| match char {
            '"' | '%' => '_',
            ' '..='~' => char,
            _ => '_',
        })
        .collect();
    let mut text = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        text.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            match byte {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' => {
                    text.push(char::from(byte));
                }
                _ => {
                    let _ = write!(text, "%{byte:02X}");
                }
            }
        }
    }
    text
}

fn never(never: Infallible) -> Fatal {
    match never {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_header_is_a_name_and_nothing_else() {
        for (name, expected) in [
            ("orders.csv", "attachment; filename=\"orders.csv\""),
            ("../../etc/passwd", "attachment; filename=\"passwd\""),
            (
                "a\r\nset-cookie: x",
                "attachment; filename=\"aset-cookie: x\"",
            ),
            (
                "a\"b",
                "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b",
            ),
            (
                "é.csv",
                "attachment; filename=\"_.csv\"; filename*=UTF-8''%C3%A9.csv",
            ),
        ] {
            assert_eq!(disposition(name), expected, "{name:?}");
        }
        assert!(disposition(&"é".repeat(10_000)).len() < 1_200);
    }

    #[test]
    fn every_answer_keeps_browsers_from_guessing() {
        for answer in [no_content(), ok(&1), redirect("https://x/").unwrap()] {
            for name in [
                "x-content-type-options",
                "content-security-policy",
                "cache-control",
            ] {
                assert!(answer.headers().contains_key(name), "{name}");
            }
        }
        assert!(redirect("https://x/\r\ny: z").is_err());
    }
}
