//! Connections: each is accepted, bounded, served and ended.
//!
//! Whoever sends nothing, or slowly, costs one socket and little memory, and only for so long: a request's head has
//! [`HEAD_TIMEOUT`], and after an answer the next one may be waited for a while longer; a body may pause for
//! [`BODY_IDLE_TIMEOUT`]; an answer that nobody takes ends its connection. When [`MAX_CONNECTIONS`] are there, or the process may open no more
//! files, the one that has waited longest without a request goes for the new one.

use super::answer::Response;
use super::dispatch::Http;
use super::places::{Busy, Counted, Place, Places};
use super::request::BodyError;
use super::socket::Socket;
use super::unread::Noted;
use super::upgrade::Next;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::{Layer as _, Service as _};
use tower_http::request_id::{MakeRequestId, PropagateRequestId, RequestId, SetRequestId};
use tower_http::timeout::RequestBodyTimeout;
use tower_http::trace::TraceLayer;
use tracing::Span;

/// For how long the head of a request may take: from its first byte, and for the first one from the connection on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// For how long a connection may wait for another request. Longer than clients keep one usually: a request that meets
/// the close of its connection is lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// For how long a body may pause.
pub const BODY_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// The most bytes of a request's head.
pub const MAX_HEAD_BYTES: usize = 32 * 1024;
/// The most headers of a request.
pub const MAX_HEADERS: usize = 100;
/// The most connections at once.
pub const MAX_CONNECTIONS: usize = 4_096;
/// The most bytes of a connection that are read ahead.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// For how long requests under way have time to end when the service shuts down.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(8);
/// For how long nothing is accepted after a connection could not be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The most characters of a request id that a client may give.
const MAX_REQUEST_ID_CHARS: usize = 128;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a server bounds its connections by.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at once.
    pub max_connections: usize,
    /// For how long the head of a request may take.
    pub head_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: MAX_CONNECTIONS,
            head_timeout: HEAD_TIMEOUT,
        }
    }
}

/// Serves `listener` until `http`'s stop is cancelled; then ends what is under way within [`DRAIN_TIMEOUT`].
pub async fn serve(listener: TcpListener, http: Arc<Http>) {
    serve_within(Limits::default(), listener, http).await;
}

/// The same, within other limits.
pub async fn serve_within(limits: Limits, listener: TcpListener, http: Arc<Http>) {
    let places = Arc::new(Places::default());
    let mut tasks = JoinSet::new();
    let stop = http.stop.clone();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        while tasks.try_join_next().is_some() {}
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // The process may open no more files, most likely: one that waits makes room.
                tracing::warn!(%error, "a connection could not be accepted");
                places.end_longest_waiting();
                stop.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE))
                    .await;
                continue;
            }
        };
        if tasks.len() >= limits.max_connections && !places.end_longest_waiting() {
            // All of them are at work: there is no room, and a request that is being answered is worth more.
            drop(stream);
            continue;
        }
        tasks.spawn(connection(
            stream,
            address,
            http.clone(),
            places.clone(),
            limits,
        ));
    }
    drop(listener);
    http.tasks.close();
    let drained = async {
        while tasks.join_next().await.is_some() {}
        http.tasks.wait().await;
    };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        tracing::warn!("requests were under way when the time to end them was over");
    }
    tasks.shutdown().await;
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    http: Arc<Http>,
    places: Arc<Places>,
    limits: Limits,
) {
    // Small answers must not wait for acknowledgements; where it cannot be set they do.
    let _ = stream.set_nodelay(true);
    let ended = CancellationToken::new();
    let place = Arc::new(Place::new(places, ended.clone()));
    let socket = Socket::new(stream, place.requests(), limits.head_timeout);
    let ids = NewId(http.clone());
    let stop = http.stop.clone();
    let next = Next::default();
    let routes = tower::service_fn(move |request| routes(http.clone(), address.ip(), request));
    let limited = RequestBodyTimeout::new(routes, BODY_IDLE_TIMEOUT);
    let traced = TraceLayer::new_for_http()
        .make_span_with(span)
        .on_request(())
        .on_response(())
        .on_body_chunk(())
        .on_eos(())
        .on_failure(())
        .layer(limited);
    let stack = SetRequestId::new(PropagateRequestId::new(traced, REQUEST_ID), REQUEST_ID, ids);
    let promised = next.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let busy = Busy::new(place.clone());
        let (place, next) = (place.clone(), promised.clone());
        let upgrade = request.extensions().get::<OnUpgrade>().cloned();
        let (head, body) = without_odd_id(request).into_parts();
        let (body, note) = Noted::new(body);
        let answer = stack.clone().call(Request::from_parts(head, body));
        async move {
            let mut response = answer.await?;
            note.tell(&mut response);
            next.note(&mut response, upgrade, || Busy::new(place));
            Ok::<_, Infallible>(response.map(|body| Counted::new(body, busy)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let served = async {
        if let Some(served) = stop.run_until_cancelled(connection.as_mut()).await {
            return served;
        }
        // What is under way is answered; no other request is waited for.
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    match ended.run_until_cancelled(served).await {
        Some(Ok(())) => next.keep().await,
        Some(Err(error)) => tracing::debug!(%error, %address, "a connection ended"),
        None => {}
    }
}

/// Hands a request with its id to the routes.
async fn routes<B>(
    http: Arc<Http>,
    address: IpAddr,
    request: Request<B>,
) -> Result<Response, Infallible>
where
    B: Body<Data = Bytes, Error = BodyError> + Send + Sync + 'static,
{
    let (parts, body) = request.into_parts();
    let id = request_id(&parts.headers).to_owned();
    Ok(http.answer(parts, body.boxed(), address, &id).await)
}

/// Makes ids for requests that bring none.
#[derive(Clone)]
struct NewId(Arc<Http>);

impl MakeRequestId for NewId {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let id = self.0.entropy().id().to_string();
        HeaderValue::from_str(&id).ok().map(RequestId::new)
    }
}

fn request_id(headers: &HeaderMap) -> &str {
    let id = headers.get(REQUEST_ID).map(HeaderValue::to_str);
    id.and_then(Result::ok).unwrap_or_default()
}

/// A request id that a client gives is taken where it is one, short, plain word: it stands in logs.
fn without_odd_id<B>(mut request: Request<B>) -> Request<B> {
    let headers = request.headers_mut();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let id = request_id(headers);
    let is_one = headers.get_all(REQUEST_ID).iter().count() == 1;
    if !is_one || !(1..=MAX_REQUEST_ID_CHARS).contains(&id.len()) || !id.bytes().all(plain) {
        headers.remove(REQUEST_ID);
    }
    request
}

/// The span of a request; the routes fill in what they find. It is there whatever is logged, so that no line lacks it.
fn span<B>(request: &Request<B>) -> Span {
    tracing::error_span!(
        "request",
        request_id = request_id(request.headers()),
        method = %request.method(),
        route = tracing::field::Empty,
        tenant = tracing::field::Empty,
        job_id = tracing::field::Empty,
        file_id = tracing::field::Empty,
    )
}
