//! The interface through a real socket, on SQLite and a folder.
//!
//! Every answer is held against the OpenAPI document of the server that gave it: a status that is not there fails the
//! test that met it.

mod connections;
mod deliveries;
mod hostile;
mod lives;
mod observed;
mod resources;
mod tenants;
mod uploads;
mod watching;

use super::route::{Alias, Route};
use super::serve::{Limits, serve_within};
use super::{ALIASES, Http, ROUTES};
use crate::config::Config;
use crate::files::NewFile;
use crate::id::{Entropy, Id, SystemEntropy};
use crate::job::SpecPin;
use crate::queue::{Claim, Claimant, Job, LoadPin, NewJob, SpecText};
use crate::service::Service;
use crate::specs::folder::sha256;
use crate::tenant::Tenant;
use bytes::Bytes;
use hyper::Method;
use serde_json::Value;
use stages::identity::LoadIdentity;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use testbed::api::{Answer, Api, bytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long anything is waited for, at most.
const DEADLINE: Duration = Duration::from_secs(30);
/// A spec whose files match by name.
const SPEC: &str = "spec = 1\nname = \"parcels\"\n[input]\nmatch = [\"parcels-*.csv\"]\n[format.csv]\n\
                    [fields]\nn = { type = \"integer\" }\n[sink.mongodb]\ncollection = \"parcels\"\n";

/// A server of its own, with everything that it remembers in a folder of its own.
struct Server {
    api: Api,
    service: Service,
    address: String,
    stop: CancellationToken,
    ended: JoinHandle<()>,
    folder: TempDir,
}

impl Server {
    async fn start() -> Self {
        Self::with(ROUTES, ALIASES, Limits::default()).await
    }

    async fn with(routes: &'static [Route], aliases: &'static [Alias], limits: Limits) -> Self {
        Self::configured(routes, aliases, limits, |_| {}).await
    }

    async fn configured(
        routes: &'static [Route],
        aliases: &'static [Alias],
        limits: Limits,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        let service = Service::open(config).await.unwrap();
        let stop = CancellationToken::new();
        let http = Http::new(service.clone(), routes, aliases, stop.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ended = tokio::spawn(serve_within(limits, listener, Arc::new(http)));
        Self {
            api: Api::new(&format!("http://{address}")),
            service,
            address,
            stop,
            ended,
            folder,
        }
    }

    /// Sends a request, and holds the answer against the document.
    async fn send(&self, api: &Api, method: Method, path: &str, body: &str) -> Answer {
        let json = [("content-type", "application/json")];
        let headers = if body.is_empty() {
            &json[..0]
        } else {
            &json[..]
        };
        let sent = api.send(method.clone(), path, headers, bytes(body.to_owned()));
        let answer = sent.await.unwrap();
        let document = super::openapi::document(ROUTES, ALIASES);
        documented(&document, &method, path, answer.status);
        answer
    }

    /// Sends bytes as they are, and returns what comes back before the server closes; empty where it only closes.
    async fn raw(&self, request: &[u8]) -> String {
        let mut socket = TcpStream::connect(&self.address).await.unwrap();
        let (mut read, mut write) = socket.split();
        let mut answer = Vec::new();
        // What a server has refused it need not read, and may reset.
        let _ = tokio::time::timeout(DEADLINE, async {
            let write = async {
                let _ = write.write_all(request).await;
            };
            tokio::join!(write, read.read_to_end(&mut answer)).1
        })
        .await
        .unwrap_or_else(|_| panic!("no end: {}", String::from_utf8_lossy(&answer)));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A whole file of a tenant's.
    async fn file(&self, tenant: &Tenant, name: &str, content: &[u8]) -> Id {
        let stores = &self.service.stores;
        let entropy: &dyn Entropy = &SystemEntropy;
        let id = entropy.id();
        let new = NewFile {
            id,
            tenant: tenant.clone(),
            original_name: name.to_owned(),
            content_type: "text/html".to_owned(),
            key: format!("uploads/{id}/file"),
            bucket: None,
            upload: None,
        };
        stores.files.begin(&new).await.unwrap();
        let content = Bytes::copy_from_slice(content);
        let size = content.len() as u64;
        stores
            .objects
            .put(&new.key, "text/csv", content)
            .await
            .unwrap();
        let sha256 = "aa".repeat(32);
        let file = stores
            .files
            .commit(tenant, id, size, &sha256, None)
            .await
            .unwrap();
        assert!(file.is_some_and(|file| file.is_uploaded));
        id
    }

    /// A queued job of a file.
    async fn job(&self, tenant: &Tenant, file: Id) -> Id {
        let entropy: &dyn Entropy = &SystemEntropy;
        let spec = SpecText {
            pin: SpecPin {
                name: "parcels".to_owned(),
                version: 1,
                sha256: sha256(SPEC),
            },
            text: SPEC.to_owned(),
            is_operators: false,
        };
        let load = LoadPin {
            content: format!("sha256:{}", "aa".repeat(32)),
            base: LoadIdentity([1; 12]),
            identity: LoadIdentity([1; 12]),
            generation: 0,
            load_number: 0,
            collection: "parcels".to_owned(),
        };
        let new = NewJob {
            id: entropy.id(),
            tenant: tenant.clone(),
            file,
            spec,
            load,
            priority: 0,
            bytes_total: Some(1_000),
            parent: None,
            callback: None,
        };
        self.service.stores.queue.submit(&new).await.unwrap().id
    }

    /// Claims the job that is due.
    async fn claim(&self) -> (Job, Claim) {
        let entropy: &dyn Entropy = &SystemEntropy;
        let claimant = Claimant {
            worker: "test-1".to_owned(),
            owner: entropy.id().to_string(),
            lease_ms: 600_000,
            max_attempts: 3,
            take_expired: false,
        };
        let claimed = self.service.stores.queue.claim(&claimant).await.unwrap();
        let job = claimed.expect("a job is due");
        let claim = job.claim().unwrap();
        (job, claim)
    }
}

fn config(folder: &std::path::Path) -> Config {
    Config {
        data_dir: folder.to_owned(),
        specs_dir: folder.join("specs"),
        mongodb_uri: None,
        s3_bucket: None,
        ..Config::from_env().unwrap()
    }
}

/// Fails where the document does not know this status of this request. Requests that no route takes are in no document.
fn documented(document: &Value, method: &Method, path: &str, status: u16) {
    if status == 405 {
        return;
    }
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_prefix("/api").unwrap_or(path);
    let matches = |pattern: &str| {
        let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    let method = match *method {
        Method::HEAD => "get".to_owned(),
        ref method => method.as_str().to_ascii_lowercase(),
    };
    let paths = document["paths"].as_object().unwrap();
    let fitting = paths.iter().filter(|(pattern, _)| matches(pattern));
    let operations: Vec<&Value> = fitting.filter_map(|(_, of)| of.get(&method)).collect();
    let known = |of: &&Value| of["responses"].get(status.to_string()).is_some();
    assert!(
        operations.is_empty() || operations.iter().any(known),
        "{method} {path} answered {status}, which the document does not know"
    );
}
