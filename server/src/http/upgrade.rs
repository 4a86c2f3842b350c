//! A connection that stops speaking HTTP: an answer with status 101 promises what is spoken then, and whoever serves the
//! connection hands it over once the answer is sent.
//!
//! Until it ends it counts as a connection with a request under way: it has its place, waits for no head of a request, and
//! ends with the server. Nothing here knows what is spoken.

use super::answer::Response;
use super::places::Busy;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};

/// The bytes of a connection, behind the answer.
pub type Bytes = Box<dyn Duplex>;
/// What is spoken.
type Talk = Box<dyn FnOnce(Bytes) -> BoxFuture<'static, ()> + Send>;

/// What can be read and written.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What an answer promises: it is kept once.
#[derive(Clone)]
struct Promise(Arc<Mutex<Option<Talk>>>);

/// Promises that `talk` is spoken behind this answer, whose status becomes 101.
pub fn promise(
    mut response: Response,
    talk: impl FnOnce(Bytes) -> BoxFuture<'static, ()> + Send + 'static,
) -> Response {
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let promise = Promise(Arc::new(Mutex::new(Some(Box::new(talk)))));
    response.extensions_mut().insert(promise);
    response
}

/// Whether the request is one whose connection can be handed over: a GET, as a handshake is.
pub fn is_possible(parts: &Parts) -> bool {
    parts.method == Method::GET && parts.extensions.get::<OnUpgrade>().is_some()
}

/// What is to be spoken on a connection once its last answer is sent.
#[derive(Clone, Default)]
pub struct Next(Arc<Mutex<Option<Switch>>>);

struct Switch {
    upgrade: OnUpgrade,
    talk: Talk,
    busy: Busy,
}

impl Next {
    /// Notes what an answer promises. `upgrade` is its request's; `busy` says that the connection is at work.
    pub fn note<B>(
        &self,
        response: &mut http::Response<B>,
        upgrade: Option<OnUpgrade>,
        busy: impl FnOnce() -> Busy,
    ) {
        let promise = response.extensions_mut().remove::<Promise>();
        let talk = promise.and_then(|Promise(talk)| take(&talk));
        if let (Some(talk), Some(upgrade)) = (talk, upgrade) {
            let busy = busy();
            let switch = Switch {
                upgrade,
                talk,
                busy,
            };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(switch);
        }
    }

    /// Keeps what was promised, if anything was. The connection has ended as one of HTTP.
    pub async fn keep(self) {
        let Some(switch) = take(&self.0) else { return };
        match switch.upgrade.await {
            Ok(upgraded) => (switch.talk)(Box::new(TokioIo::new(upgraded))).await,
            Err(error) => tracing::debug!(%error, "a connection could not be handed over"),
        }
        drop(switch.busy);
    }
}

fn take<T>(from: &Mutex<Option<T>>) -> Option<T> {
    from.lock().unwrap_or_else(PoisonError::into_inner).take()
}
