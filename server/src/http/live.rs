//! `/jobs/{jobId}/events` and `/ws/jobs/{jobId}`: a job is watched, as events or by a WebSocket.
//!
//! A browser sends a WebSocket's handshake for whichever page asks for it, and lets the page read what comes: so one whose
//! `Origin` is not the host that was asked is refused. Events need no such rule: a browser keeps them from other pages.

use super::answer::{self, Response};
use super::origin;
use super::problem::Problem;
use super::request::Call;
use super::route::{Kind, Operation, Param, empty, messages};
use super::upgrade;
use crate::live::message::Message;
use crate::live::{Watcher, Way, events, socket};
use http::HeaderMap;
use http::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};

/// The most bytes of `Last-Event-ID`.
const MAX_EVENT_ID_BYTES: usize = 100;
/// The most characters of a hint.
const MAX_HINT_CHARS: usize = 200;
/// The one version of the protocol.
const VERSION: &str = "13";
/// The characters of a handshake's key: 16 bytes in base64.
const KEY_CHARS: usize = 24;
/// What a stream answers, so that proxies hand each event on at once.
const UNBUFFERED: (&str, &str) = ("x-accel-buffering", "no");

/// The parameter `ticket`.
pub const TICKET: Param = Param::new(
    "ticket",
    Kind::Text { max_chars: 100 },
    "A ticket of `POST /tickets`, in the place of a key.",
);

/// `GET /jobs/{jobId}/events`.
pub const EVENTS: Operation = Operation::new(|call| Box::pin(events(call)))
    .query(&[TICKET])
    .headers(&[Param::new(
        "Last-Event-ID",
        Kind::Text {
            max_chars: MAX_EVENT_ID_BYTES,
        },
        "The id of the last event that the client has.",
    )])
    .answers(&[
        messages::<Message<'_>>(
            200,
            "Server-Sent Events. Each has the message's `type` as `event` and the message, a line of JSON, as `data`. First \
             how the job is; the stream ends behind the message of its end, and after 15 minutes: a client comes back, with \
             its key or a new ticket.",
            &["text/event-stream"],
        ),
        empty(204, "The client has the last event already."),
    ])
    .refusals(&["not_found", "bad_header", "too_many_watchers", "watchers_full"]);

/// `GET /ws/jobs/{jobId}`.
pub const SOCKET: Operation = Operation::new(|call| Box::pin(socket(call)))
    .query(&[
        TICKET,
        Param::new(
            "partnerId",
            Kind::Text {
                max_chars: MAX_HINT_CHARS,
            },
            "A hint of other systems; whose the job is follows from the key or the ticket alone.",
        ),
    ])
    .headers(&[
        Param::new("Upgrade", Kind::Word(&["websocket"]), "The protocol."),
        Param::new("Sec-WebSocket-Version", Kind::Word(&[VERSION]), "Its version."),
        Param::new(
            "Sec-WebSocket-Key",
            Kind::Text {
                max_chars: KEY_CHARS,
            },
            "16 bytes in base64.",
        ),
        Param::new(
            "Origin",
            Kind::Text {
                max_chars: MAX_HINT_CHARS,
            },
            "The page that asks; only pages of this host may.",
        ),
    ])
    .head(|parts| acceptance(&parts.headers, upgrade::is_possible(parts)).map(drop))
    .answers(&[messages::<Message<'_>>(
        101,
        "A WebSocket. Each text that the server sends is a `LiveMessage`. First how the job is; the server closes behind the \
         message of its end (1000), when it shuts down and after 15 minutes (1001: a client opens another, with its key or a \
         new ticket), and where a client says more than 16 KiB in 15 s, pings among them (1008).",
        &[],
    )])
    .refusals(&[
        "not_found",
        "foreign_origin",
        "bad_handshake",
        "upgrade_required",
        "too_many_watchers",
        "watchers_full",
    ]);

async fn events(call: Call) -> Result<Response, Problem> {
    let watcher = watcher(&call, Way::Events).await?;
    let last = call.header("last-event-id", MAX_EVENT_ID_BYTES)?;
    if last.is_some() && last == watcher.end().as_deref() {
        return Ok(answer::no_content());
    }
    let chunks = events::stream(watcher, call.stop.clone());
    let mut response = answer::stream("text/event-stream", chunks);
    let (name, value) = UNBUFFERED;
    let headers = response.headers_mut();
    headers.insert(name, HeaderValue::from_static(value));
    Ok(response)
}

async fn socket(mut call: Call) -> Result<Response, Problem> {
    let accept = acceptance(&call.headers, call.can_upgrade)?;
    let body = call.bytes(0).await;
    body.map_err(|_| Problem::new("bad_handshake", "a handshake has no body"))?;
    let watcher = watcher(&call, Way::WebSocket).await?;
    let stop = call.stop.clone();
    let mut response = upgrade::promise(answer::nothing(), move |bytes| {
        Box::pin(socket::talk(bytes, watcher, stop))
    });
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

async fn watcher(call: &Call, way: Way) -> Result<Watcher, Problem> {
    let id = call.id("jobId", "job")?;
    let watcher = call.service.live.watch(call.tenant(), id, way).await?;
    watcher.ok_or_else(|| Problem::not_found("job"))
}

/// Judges a handshake (RFC 6455, 4.2.1) and whose page asks; the answer to its key.
fn acceptance(headers: &HeaderMap, can_upgrade: bool) -> Result<HeaderValue, Problem> {
    origin::of_socket(headers)?;
    let required = || {
        Problem::new(
            "upgrade_required",
            "this path speaks WebSocket, version 13, over HTTP/1.1",
        )
        .hint("without a WebSocket, GET /jobs/{jobId}/events tells the same")
        .header(UPGRADE, HeaderValue::from_static("websocket"))
        .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION))
    };
    let asks = has_word(headers, CONNECTION, "upgrade") && has_word(headers, UPGRADE, "websocket");
    let version = headers.get(SEC_WEBSOCKET_VERSION);
    if !can_upgrade || !asks || version.is_none_or(|version| version != VERSION) {
        return Err(required());
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => key.to_str().ok().filter(|key| is_key(key)),
        _ => None,
    };
    let refused = |why: &str| Problem::new("bad_handshake", why);
    let key = key.ok_or_else(|| refused("Sec-WebSocket-Key must be 16 bytes in base64, once"))?;
    HeaderValue::from_str(&socket::accept(key)).map_err(|_| refused("the key cannot be answered"))
}

/// Whether a header, a list of words, has this one.
fn has_word(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).into_iter();
    let mut words = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    words.any(|other| other.trim().eq_ignore_ascii_case(word))
}

/// Whether this is 16 bytes in base64.
fn is_key(key: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let digits = key.strip_suffix("==");
    key.len() == KEY_CHARS && digits.is_some_and(|digits| digits.bytes().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sixteen_bytes() {
        for (key, good) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", true),
            ("dGhlIHNhbXBsZSBub25jZQ=", false),
            ("dGhlIHNhbXBsZSBub25jZQ", false),
            ("dGhlIHNhbXBsZSBub25jZSE=", false),
            ("dGhlIHNhbXBsZSBub2 jZQ==", false),
            ("", false),
        ] {
            assert_eq!(is_key(key), good, "{key}");
        }
        assert_eq!(
            socket::accept("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
