//! Clients that watch a job: by WebSocket, and by Server-Sent Events.
//!
//! The WebSocket's client is that of tungstenite, which makes and judges the handshake itself. What a message means is the
//! test's to say.

use std::time::Duration;

use bytes::BytesMut;
use futures::StreamExt;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::api::Api;

/// How long anything is waited for.
const DEADLINE: Duration = Duration::from_secs(120);

/// A WebSocket.
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens `path` of the server that `api` is a client of, with its key.
    ///
    /// # Errors
    /// The status and the body of the answer, where that is no socket.
    ///
    /// # Panics
    /// Where the server does not answer, or its handshake is none.
    pub async fn open(
        api: &Api,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, Value)> {
        let address = api.base().trim_start_matches("http://");
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let key = api.key().map(|key| format!("Bearer {key}"));
        let key = key.as_deref().map(|key| ("authorization", key));
        for (name, value) in headers.iter().copied().chain(key) {
            let name = HeaderName::try_from(name);
            let value = HeaderValue::try_from(value);
            match (name, value) {
                (Ok(name), Ok(value)) => request.headers_mut().insert(name, value),
                _ => panic!("{headers:?} are no headers"),
            };
        }
        let stream = TcpStream::connect(address).await;
        let stream = stream.unwrap_or_else(|error| panic!("{address}: {error}"));
        let opened = tokio::time::timeout(DEADLINE, client_async(request, stream)).await;
        match opened.unwrap_or_else(|_| panic!("{path}: no answer after {DEADLINE:?}")) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => {
                let body = answer.body().clone().unwrap_or_default();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                Err((answer.status().as_u16(), body))
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }

    /// The next message; the code of the close where there is none any more, 1006 where the connection broke.
    ///
    /// # Errors
    /// The end.
    ///
    /// # Panics
    /// Where nothing comes before a deadline.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.0.next()).await;
            match message.unwrap_or_else(|_| panic!("no message after {DEADLINE:?}")) {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text)
                        .unwrap_or_else(|error| panic!("{error} in {text}")));
                }
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(1005, |frame| u16::from(frame.code));
                    // The answer to it goes out as the end is read.
                    while let Some(Ok(_)) = self.0.next().await {}
                    return Err(code);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// All messages up to the end, and its code.
    pub async fn rest(mut self) -> (Vec<Value>, u16) {
        let mut all = Vec::new();
        loop {
            match self.next().await {
                Ok(message) => all.push(message),
                Err(code) => return (all, code),
            }
        }
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Its name.
    pub event: String,
    /// Its data.
    pub data: Value,
}

/// A stream of events.
pub struct Events {
    body: Incoming,
    text: BytesMut,
}

impl Events {
    /// Opens `path`, which must answer 200 with events.
    ///
    /// # Panics
    /// Where it does not.
    pub async fn open(api: &Api, path: &str) -> Self {
        let answer = api.open(path, &[]).await;
        let media_type = answer.headers().get("content-type").cloned();
        let media_type = media_type.as_ref().and_then(|value| value.to_str().ok());
        assert_eq!(
            (answer.status().as_u16(), media_type),
            (200, Some("text/event-stream")),
            "{path}"
        );
        Self {
            body: answer.into_body(),
            text: BytesMut::new(),
        }
    }

    /// The next event; none behind the last one.
    ///
    /// # Panics
    /// Where nothing comes before a deadline, the stream breaks, or an event is none.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
                let block = self.text.split_to(end + 2);
                let block = String::from_utf8_lossy(&block).into_owned();
                match event(&block) {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let frame = tokio::time::timeout(DEADLINE, self.body.frame()).await;
            let frame = frame.unwrap_or_else(|_| panic!("no event after {DEADLINE:?}"))?;
            let frame = frame.unwrap_or_else(|error| panic!("the stream broke: {error}"));
            if let Ok(data) = frame.into_data() {
                self.text.extend_from_slice(&data);
            }
        }
    }

    /// All events up to the end.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event);
        }
        all
    }
}

/// The event of a block of lines; none where it is a comment, or says only when to come again.
fn event(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let data = field("data")?;
    Some(Event {
        id: field("id").unwrap_or_default().to_owned(),
        event: field("event").unwrap_or_default().to_owned(),
        data: serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}")),
    })
}
