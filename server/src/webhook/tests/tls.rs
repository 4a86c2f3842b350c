//! Webhooks over TLS, to a receiver with a real certificate of an authority that the test makes: the name is verified,
//! although the connection goes to an address, and nothing is told to whoever cannot show a certificate.

use super::*;
use crate::webhook::post::{Outcome, Poster};
use bytes::Bytes;
use http::HeaderMap;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair, date_time_ymd};
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// An authority.
struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, key }
    }

    /// What whoever trusts it alone trusts.
    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        roots
    }

    /// What somebody of this name shows.
    fn certifies(&self, name: &str, is_over: bool) -> TlsAcceptor {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        if is_over {
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params
            .signed_by(&key, &self.certificate, &self.key)
            .unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

/// What stands before a receiver and speaks TLS. Dropping it ends it.
struct Front {
    port: u16,
    _tasks: JoinSet<()>,
}

impl Front {
    async fn before(receiver: &Receiver, shows: TlsAcceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, behind) = (listener.local_addr().unwrap().port(), receiver.port());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let shows = shows.clone();
                connections.spawn(async move {
                    // Whoever does not take the certificate goes away.
                    if let Ok(mut secured) = shows.accept(socket).await {
                        let mut plain = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                        let _ = copy_bidirectional(&mut secured, &mut plain).await;
                    }
                });
            }
        });
        Self {
            port,
            _tasks: tasks,
        }
    }
}

/// Posts to `host`, which stands for loopback, trusting whom `roots` holds; none: whom production trusts.
async fn post(host: &str, front: &Front, roots: Option<RootCertStore>) -> Outcome {
    let names = Arc::new(Names::new(&[&["127.0.0.1"]]));
    let allowed = vec!["127.0.0.0/8".parse().unwrap()];
    let poster = match roots {
        Some(roots) => Poster::trusting(names, allowed, roots),
        None => Poster::new(names, allowed),
    };
    let url = format!("https://{host}:{}/hook?a=b", front.port);
    let poster = poster.unwrap();
    let (outcome, rest) = poster.post(&url, HeaderMap::new(), Bytes::from("{}")).await;
    rest.drain().await;
    outcome
}

fn failed(error: &str) -> Outcome {
    Outcome {
        status: None,
        error: Some(error.to_owned()),
    }
}

#[tokio::test]
async fn a_certificate_that_is_trusted_and_of_the_name_is_delivered_to() {
    let (authority, receiver) = (Authority::new(), good().await);
    for name in ["hook.example", "127.0.0.1"] {
        let front = Front::before(&receiver, authority.certifies(name, false)).await;
        let outcome = post(name, &front, Some(authority.roots())).await;
        assert_eq!((outcome.status, outcome.error), (Some(200), None), "{name}");
        let received = receiver.received();
        let last = received.last().unwrap();
        let host = format!("{name}:{}", front.port);
        assert_eq!((&*last.path, last.header("host")), ("/hook?a=b", &*host));
    }
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn nothing_is_told_where_the_certificate_is_not_right() {
    let (authority, receiver) = (Authority::new(), good().await);
    let front = Front::before(&receiver, authority.certifies("hook.example", false)).await;

    let unknown = failed("TLS: the certificate of hook.example is of no authority that is trusted");
    // Of the same name, with another key.
    let another = Authority::new().roots();
    let outcome = post("hook.example", &front, Some(another)).await;
    assert_eq!(outcome, unknown);
    let outcome = post("hook.example", &front, None).await;
    assert_eq!(outcome, unknown, "a private authority is nobody's");

    // The connection goes to the same address as that of the right name.
    for other in ["other.example", "127.0.0.1"] {
        let outcome = post(other, &front, Some(authority.roots())).await;
        let error = format!("TLS: the certificate is not {other}'s");
        assert_eq!(outcome, failed(&error));
    }

    let over = Front::before(&receiver, authority.certifies("hook.example", true)).await;
    let outcome = post("hook.example", &over, Some(authority.roots())).await;
    let expired = failed("TLS: the certificate of hook.example has expired");
    assert_eq!(outcome, expired);
    assert_eq!(receiver.connections(), 0, "nothing came through");
}
