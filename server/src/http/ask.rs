//! A question to a service that runs: how it is. The only client of this interface in the program itself.
//!
//! One connection, one request, in plain HTTP. Of the answer at most [`MAX_ANSWER_BYTES`] are read. How long it may take
//! is the caller's to say.

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// The most bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The port of a URL that names none.
const HTTP_PORT: u16 = 80;

/// What a service answers at `/healthz`: the status, and the body as text. `base` is a URL with a host.
///
/// # Errors
/// What went wrong before there was an answer, in a few words.
pub async fn health(base: &Uri) -> Result<(StatusCode, String), String> {
    let authority = base.authority().ok_or("the URL names no host")?;
    let host = authority.host().trim_matches(['[', ']']);
    let port = authority.port_u16().unwrap_or(HTTP_PORT);
    let stream = TcpStream::connect((host, port)).await;
    let stream = stream.map_err(|error| format!("{authority} cannot be connected to: {error}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::get("/healthz")
        .header(HOST, authority.as_str())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|error| format!("{authority} does not answer: {error}"))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
        .collect()
        .await
        .map_err(|error| format!("the answer of {authority} breaks off: {error}"))?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok((status, text))
}
