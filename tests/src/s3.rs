//! A real S3 server with one bucket: s3s-fs inside this process, or moto in a process of its own.
//!
//! Neither alone is like S3: s3s-fs checks signatures, their time and digests, moto does not; moto allows every key and lists multipart
//! uploads, s3s-fs does not. A test that leans on the protocol runs on both.
//!
//! Never: listens elsewhere than on 127.0.0.1, and never shares its objects with another test.

mod parts;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation,
};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use hyper_util::rt::TokioIo;
use s3s::access::S3Access;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::dto::{GetObjectInput, HeadObjectInput};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3 as _, S3Request, S3Result, s3_error};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use crate::background::Background;
use crate::watchdog::{Watched, free_port};
use crate::{eventually, fetched};

const ACCESS_KEY: &str = "testbed-access-key";
const SECRET_KEY: &str = "testbed-secret-key";
const REGION: &str = "eu-central-1";
const BUCKET: &str = "testbed";

/// How far the time of a request may be off, in seconds. S3 itself bears 15 min; a clock that is wrong by less is to be
/// found out too.
const MAX_SKEW_SECONDS: u32 = 300;

/// How long moto may take to accept connections.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running S3 server with an empty bucket. Dropping it ends it and removes its objects.
pub struct S3 {
    port: u16,
    /// Its drop ends it.
    server: Server,
}

enum Server {
    Embedded {
        _background: Background,
        _folder: TempDir,
    },
    Moto(Watched),
}

impl S3 {
    /// s3s-fs inside this process: strict about signatures and digests, 20 ms to start.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start() -> S3 {
        let folder = tempfile::Builder::new().prefix("sluicegate-s3-").tempdir();
        let folder = folder.unwrap_or_else(|error| panic!("no folder for S3: {error}"));
        let service = embedded_service(folder.path());
        let background = Background::new();
        let (port_sender, port_receiver) = tokio::sync::oneshot::channel();
        background.handle().spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await;
            let listener = listener.unwrap_or_else(|error| panic!("no port for S3: {error}"));
            let _ = port_sender.send(listener.local_addr().map_or(0, |address| address.port()));
            serve(listener, service).await;
        });
        let port = port_receiver
            .await
            .unwrap_or_else(|_| panic!("S3 does not start"));
        S3::with_bucket(S3 {
            port,
            server: Server::Embedded {
                _background: background,
                _folder: folder,
            },
        })
        .await
    }

    /// moto in a process of its own: every key, multipart uploads can be listed, 1.5 s to start. It does not look at
    /// signatures, and it keeps every object in memory three times over.
    ///
    /// # Panics
    /// Where `tests/run` has not fetched it, and where it does not start.
    pub async fn start_moto() -> S3 {
        let packages = fetched("SLUICEGATE_TEST_MOTO", "moto");
        // Another process may take the port between the look and the start: then moto ends, and the next one is tried.
        for _ in 0..5 {
            let port = free_port();
            let mut process = Watched::new("moto");
            process.set_env("PYTHONPATH", packages.as_os_str());
            process.set_env("PYTHONUNBUFFERED", "1");
            let python =
                ["python3", "-m", "moto.server", "-H", "127.0.0.1", "-p"].map(str::to_owned);
            process.set_command(python.into_iter().chain([port.to_string()]));
            process.spawn();
            let mut accepts = false;
            eventually("moto accepts connections", START_TIMEOUT, async || {
                accepts = process.log().contains("Running on")
                    && TcpStream::connect(("127.0.0.1", port)).await.is_ok();
                accepts || process.exited().is_some()
            })
            .await;
            if accepts {
                return S3::with_bucket(S3 {
                    port,
                    server: Server::Moto(process),
                })
                .await;
            }
            let log = process.log_tail();
            assert!(log.contains("in use"), "moto does not start:\n{log}");
        }
        panic!("five free ports were taken before moto had them");
    }

    async fn with_bucket(server: S3) -> S3 {
        let constraint = aws_sdk_s3::types::BucketLocationConstraint::from(REGION);
        let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
            .location_constraint(constraint)
            .build();
        let created = server
            .client()
            .create_bucket()
            .bucket(BUCKET)
            .create_bucket_configuration(place)
            .send()
            .await;
        created.unwrap_or_else(|error| {
            panic!(
                "no bucket: {}\n{}",
                DisplayErrorContext(error),
                server.log_tail()
            )
        });
        server
    }

    /// The server's root, as `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The bucket, empty at the start.
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// An object's name as the command line takes it, `s3://bucket/key`.
    pub fn url(&self, key: &str) -> String {
        format!("s3://{BUCKET}/{key}")
    }

    /// A client with the right keys.
    pub fn client(&self) -> Client {
        self.client_at(self.port)
    }

    /// The same by way of a proxy on `port` of 127.0.0.1.
    pub fn client_at(&self, port: u16) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint(port))
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(
                ACCESS_KEY, SECRET_KEY, None, None, "testbed",
            ))
            .force_path_style(true)
            // s3s-fs keeps an old checksum when a key is written again by a multipart upload.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Client::from_conf(config.build())
    }

    /// The environment that leads a child process to this server.
    pub fn env(&self) -> Vec<(String, String)> {
        self.env_at(self.port)
    }

    /// The same by way of a proxy on `port` of 127.0.0.1.
    pub fn env_at(&self, port: u16) -> Vec<(String, String)> {
        let variables = [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL_S3", endpoint(port)),
        ];
        variables
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec()
    }

    /// Stores an object and returns its ETag.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn put(&self, key: &str, bytes: impl Into<bytes::Bytes>) -> String {
        self.put_stream(key, ByteStream::from(bytes.into())).await
    }

    /// Stores a file of up to 5 GiB without holding it in memory, and returns its ETag.
    ///
    /// # Panics
    /// Where it cannot be read or is refused.
    pub async fn put_file(&self, key: &str, path: &Path) -> String {
        let stream = ByteStream::from_path(path).await;
        self.put_stream(
            key,
            stream.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
        .await
    }

    /// An object's bytes.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn get(&self, key: &str) -> bytes::Bytes {
        let object = self
            .client()
            .get_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await;
        let object =
            object.unwrap_or_else(|error| panic!("GET {key}: {}", DisplayErrorContext(error)));
        let body = object.body.collect().await;
        body.unwrap_or_else(|error| panic!("GET {key}: {error}"))
            .into_bytes()
    }

    async fn put_stream(&self, key: &str, stream: ByteStream) -> String {
        let put = self
            .client()
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .body(stream)
            .send()
            .await;
        let put = put.unwrap_or_else(|error| {
            panic!(
                "PUT {key}: {}\n{}",
                DisplayErrorContext(error),
                self.log_tail()
            )
        });
        put.e_tag.unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        match &self.server {
            Server::Embedded { .. } => String::new(),
            Server::Moto(process) => process.log_tail(),
        }
    }
}

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn embedded_service(folder: &Path) -> S3Service {
    let files = || {
        FileSystem::new(folder).unwrap_or_else(|error| panic!("{}: {error:?}", folder.display()))
    };
    let mut builder = S3ServiceBuilder::new(files());
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let mut config = S3Config::default();
    config.presigned_url_max_skew_time_secs = MAX_SKEW_SECONDS;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_access(IfMatch(files()));
    builder.build()
}

async fn serve(listener: TcpListener, service: S3Service) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let service = service.clone();
        // A client that goes away in the middle is no error of the server's.
        tokio::spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// What s3s-fs leaves out: a GET with `If-Match` of another ETag answers 412.
struct IfMatch(FileSystem);

#[async_trait::async_trait]
impl S3Access for IfMatch {
    async fn get_object(&self, request: &mut S3Request<GetObjectInput>) -> S3Result<()> {
        let Some(condition) = &request.input.if_match else {
            return Ok(());
        };
        let Some(expected) = condition.as_etag() else {
            return Ok(());
        };
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let head = HeadObjectInput::builder().bucket(bucket).key(key).build();
        let head = S3Request {
            input: head.map_err(|error| s3_error!(error, InternalError))?,
            method: request.method.clone(),
            uri: request.uri.clone(),
            headers: request.headers.clone(),
            extensions: Default::default(),
            credentials: None,
            region: None,
            service: None,
            trailing_headers: None,
        };
        let stored = self.0.head_object(head).await?.output.e_tag;
        if stored.is_some_and(|stored| stored.strong_cmp(expected)) {
            return Ok(());
        }
        Err(s3_error!(PreconditionFailed))
    }
}

#[cfg(test)]
mod tests;
