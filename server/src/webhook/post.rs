//! One delivery: a connection of its own, one request, and as little of the answer as tells what became of it.
//!
//! Every address that the name stands for is judged, and the connection goes to one of those, not to the name: a name
//! that stands for something else a moment later changes nothing. Over TLS the certificate must be the name's, of an
//! authority that Mozilla trusts: those of the machine are not asked. No redirect is followed, no proxy asked, no
//! connection kept. An address that does not answer leaves time for the next one. The head of the answer is waited for
//! at most [`TIMEOUT`]; it tells what came of the message. What follows it is read for at most [`DRAIN_TIMEOUT`], and
//! at most [`MAX_ANSWER_BYTES`] of it: a 2xx is delivered whatever follows.

use super::network::Network;
use super::resolve::Resolve;
use super::target::Target;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use tokio_util::task::AbortOnDropHandle;

/// How long a delivery takes at most, from the first question for the name to the head of the answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection, with TLS, is waited for while there is another address.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(2_500);
/// How long the rest of an answer is read.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// The most bytes of an answer's body that are read.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The most bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// The most headers of an answer.
const MAX_HEADERS: usize = 100;
/// The most addresses of a name; one that has more is not connected to.
const MAX_ADDRESSES: usize = 32;

/// Posts messages.
pub struct Poster {
    resolver: Arc<dyn Resolve>,
    allowed: Vec<Network>,
    tls: TlsConnector,
}

/// What came of a try: the status of the answer where there was one, and why it failed where it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The status of the answer.
    pub status: Option<u16>,
    /// Why it failed; none: it was delivered.
    pub error: Option<String>,
}

impl Outcome {
    /// A 2xx is delivered.
    fn of(status: StatusCode) -> Self {
        let error = match status {
            status if status.is_success() => None,
            status if status.is_redirection() => {
                Some(format!("{status}: redirects are not followed"))
            }
            status => Some(status.to_string()),
        };
        Self {
            status: Some(status.as_u16()),
            error,
        }
    }
}

impl Poster {
    /// Posts to public addresses and those of `allowed`; names stand for what `resolver` says, and certificates are of the
    /// authorities that Mozilla trusts.
    ///
    /// # Errors
    /// Where TLS cannot be had at all.
    pub fn new(resolver: Arc<dyn Resolve>, allowed: Vec<Network>) -> Result<Self, Error> {
        let roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.into(),
        };
        Self::trusting(resolver, allowed, roots)
    }

    /// The same, where certificates are of these authorities.
    pub(super) fn trusting(
        resolver: Arc<dyn Resolve>,
        allowed: Vec<Network>,
        roots: RootCertStore,
    ) -> Result<Self, Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            resolver,
            allowed,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Posts a body with these headers. What came of it is known before the rest of the answer has come.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: Bytes) -> (Outcome, Rest) {
        let deadline = Instant::now() + TIMEOUT;
        let answered = timeout_at(deadline, self.answered(url, headers, body)).await;
        let answered = answered.unwrap_or_else(|_| {
            let seconds = TIMEOUT.as_secs();
            Err(format!("no answer within {seconds} s"))
        });
        match answered {
            Ok(answered) => (Outcome::of(answered.status), Rest(Some(answered))),
            Err(error) => {
                let status = None;
                let error = Some(error);
                (Outcome { status, error }, Rest(None))
            }
        }
    }

    /// The head of the answer. What went wrong before it, in a few words.
    async fn answered(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answered, String> {
        let target = Target::parse(url, &self.allowed).map_err(|fatal| fatal.message)?;
        let request = request(&target, headers, body).map_err(|error| error.to_string())?;
        let stream = self.connect(&target).await?;
        exchange(stream, request).await
    }

    /// A connection to an address of the target; all of them were judged.
    async fn connect(&self, target: &Target) -> Result<Box<dyn Stream>, String> {
        let mut addresses = self.judged(target).await?.into_iter().peekable();
        let mut last = String::new();
        while let Some(address) = addresses.next() {
            let connecting = self.connect_to(target, address);
            let connected = match addresses.peek() {
                Some(_) => timeout(CONNECT_TIMEOUT, connecting).await,
                None => Ok(connecting.await),
            };
            match connected {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = format!("{} does not answer", target.host),
            }
        }
        Err(last)
    }

    /// A connection to this address, with TLS where the target wants it.
    async fn connect_to(
        &self,
        target: &Target,
        address: IpAddr,
    ) -> Result<Box<dyn Stream>, String> {
        let stream = TcpStream::connect(SocketAddr::new(address, target.port)).await;
        let stream =
            stream.map_err(|error| format!("{} cannot be connected to: {error}", target.host))?;
        if !target.is_https {
            return Ok(Box::new(stream));
        }
        let name = target.host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name);
        let name = name.map_err(|_| "no certificate can have that name".to_owned())?;
        let secured = self.tls.connect(name, stream).await;
        let stream = secured.map_err(|error| insecure(&target.host, &error))?;
        Ok(Box::new(stream))
    }

    /// The addresses of the target, where every one of them may be connected to.
    async fn judged(&self, target: &Target) -> Result<Vec<IpAddr>, String> {
        let addresses = match target.address {
            Some(address) => vec![address],
            None => {
                let found = self.resolver.addresses(&target.host).await;
                found.map_err(|error| unreachable(target, format!("it is not known: {error}")))?
            }
        };
        if addresses.is_empty() || addresses.len() > MAX_ADDRESSES {
            let count = addresses.len();
            return Err(unreachable(
                target,
                format!("it stands for {count} addresses"),
            ));
        }
        for address in &addresses {
            let judged = target.judge(*address, &self.allowed);
            judged.map_err(|why| unreachable(target, format!("{address} {why}")))?;
        }
        Ok(addresses)
    }
}

/// What those are told who named a host that is not connected to; why, only the log says. One sentence whatever it is:
/// names of the inner network cannot be told from names that are not there.
fn unreachable(target: &Target, why: String) -> String {
    let host = &target.host;
    tracing::warn!(host, why, "the host of a webhook is not connected to");
    let over = match target.is_https {
        true => "",
        false => ", or to one that is reached by https only",
    };
    format!("{host} leads to no public address{over}")
}

/// Why there is no TLS, in a few words. Whose a certificate is instead, it does not say.
fn insecure(host: &str, error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(Error::InvalidCertificate(why)) => match why {
            // A signature that is not the authority's: somebody else has taken its name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                format!("TLS: the certificate of {host} is of no authority that is trusted")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("TLS: the certificate is not {host}'s")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("TLS: the certificate of {host} has expired")
            }
            other => format!("TLS: the certificate of {host} cannot be used: {other}"),
        },
        _ => format!("TLS: {error}"),
    }
}

fn request(
    target: &Target,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(&target.path)
        .header(HOST, target.authority())
        .header(
            USER_AGENT,
            concat!("sluicegate/", env!("CARGO_PKG_VERSION")),
        )
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_LENGTH, body.len())
        .body(Full::new(body))?;
    request.headers_mut().extend(headers);
    Ok(request)
}

/// What follows the head of an answer. The connection is closed when this is dropped.
pub struct Rest(Option<Answered>);

impl Rest {
    /// Reads a little of it, so that a receiver of a message sees its answer taken.
    pub async fn drain(self) {
        if let Some(answered) = self.0
            && answered.status.is_success()
        {
            let _ = timeout(DRAIN_TIMEOUT, drain(answered.body)).await;
        }
    }
}

/// The head of an answer, and the connection on which its body comes.
struct Answered {
    status: StatusCode,
    body: Incoming,
    /// Closed with this delivery, however it ends.
    _connection: AbortOnDropHandle<()>,
}

/// A connection, with or without TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
) -> Result<Answered, String> {
    let connected = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = connected.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(async move {
        // What breaks it, the request is told.
        let _ = connection.await;
    });
    let connection = AbortOnDropHandle::new(connection);
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|error| format!("no answer: {error}"))?;
    Ok(Answered {
        status: answer.status(),
        body: answer.into_body(),
        _connection: connection,
    })
}

/// Reads a body to its end, and not more than [`MAX_ANSWER_BYTES`] of it.
async fn drain(mut body: Incoming) {
    let mut read_bytes = 0;
    while read_bytes < MAX_ANSWER_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        read_bytes += frame.data_ref().map_or(0, Bytes::len);
    }
}
