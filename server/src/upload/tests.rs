//! Uploads into real stores: what is kept is what was sent, and of everything else nothing is left.

use super::*;
use crate::files::Seen;
use crate::files::sqlite::{SCHEMA, SqliteFiles};
use crate::id::SystemEntropy;
use crate::objects::folder::FolderObjects;
use crate::objects::s3::S3Objects;
use crate::objects::suite::{files_below, in_bucket, uploads_in};
use crate::objects::{Part, Upload};
use crate::page::{From, Page};
use crate::queue::sqlite::SCHEMA as JOBS;
use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use pipeline::Retry;
use sha2::{Digest as _, Sha256};
use stages::source::Origin;
use stages::source::s3::{BackoffLimits, S3Limits};
use stages::sqlite::Database;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tempfile::TempDir;
use testbed::eventually;
use testbed::proxy::Cutter;
use testbed::s3::S3;
use tokio::sync::oneshot::{self, Sender};

const DEADLINE: Duration = Duration::from_secs(30);
/// More than two parts.
const LARGE_BYTES: usize = 2 * PART_BYTES + 12_345;
const CHUNK_BYTES: usize = 64 * 1024;

struct Service {
    uploads: Uploads,
    objects: Arc<dyn Objects>,
    files: Arc<dyn Files>,
    folder: TempDir,
}

impl Service {
    async fn new(objects: Option<S3Objects>, limits: Limits) -> Self {
        match objects {
            Some(objects) => Self::over(Arc::new(objects), limits).await,
            None => {
                let folder = tempfile::tempdir().unwrap();
                let objects = FolderObjects::open(folder.path().join("objects")).await;
                Self::in_place(Arc::new(objects.unwrap()), folder, limits).await
            }
        }
    }

    async fn over(objects: Arc<dyn Objects>, limits: Limits) -> Self {
        Self::in_place(objects, tempfile::tempdir().unwrap(), limits).await
    }

    async fn in_place(objects: Arc<dyn Objects>, folder: TempDir, limits: Limits) -> Self {
        let database = Database::open(&folder.path().join("service.db"), &[JOBS, SCHEMA]).await;
        let files: Arc<dyn Files> = Arc::new(SqliteFiles::new(database.unwrap()));
        let rules = Rules {
            limits,
            types: Types::default(),
            key_prefix: "a/b".into(),
            per_minute: 1,
        };
        let uploads = Uploads::new(
            objects.clone(),
            files.clone(),
            Arc::new(SystemEntropy),
            rules,
        );
        Self {
            uploads,
            objects,
            files,
            folder,
        }
    }

    async fn in_folder() -> Self {
        Self::new(None, Limits::DEFAULT).await
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    async fn receive(
        &self,
        name: &str,
        declared_bytes: Option<u64>,
        chunks: impl Stream<Item = Result<Bytes, Fatal>> + Send,
    ) -> Result<File, Fatal> {
        let incoming = Incoming {
            original_name: name.into(),
            content_type: "text/csv".into(),
            declared_bytes,
        };
        self.uploads
            .receive(&tenant(), incoming, Box::pin(chunks))
            .await
    }

    async fn records(&self) -> Vec<Seen> {
        let page = Page {
            from: From::Number(1),
            limit: 200,
        };
        self.files.files(&tenant(), None, page).await.unwrap().items
    }

    /// Waits until no record, no buffer in use, and in a folder no file is left.
    async fn nothing_is_left(&self) {
        eventually("nothing is left", DEADLINE, async || {
            let in_folder = self.objects.bucket().is_none();
            self.records().await.is_empty()
                && self.uploads.pool.unused() == pool::BUFFERS
                && (!in_folder || files_below(&self.folder()).is_empty())
        })
        .await;
    }
}

fn tenant() -> Tenant {
    "acme".parse().unwrap()
}

/// Text that differs from place to place.
fn text(length: usize) -> Bytes {
    let numbers = (0u64..).flat_map(|n| format!("{n},").into_bytes());
    numbers.take(length).collect()
}

fn chunks(bytes: &Bytes) -> impl Stream<Item = Result<Bytes, Fatal>> + Send + use<> {
    let bytes = bytes.clone();
    let starts = (0..bytes.len()).step_by(CHUNK_BYTES);
    stream::iter(starts.map(move |at| Ok(bytes.slice(at..bytes.len().min(at + CHUNK_BYTES)))))
}

fn gone() -> Result<Bytes, Fatal> {
    Err(Fatal::new("body_incomplete", "the client is gone"))
}

async fn check_kept(service: &Service) {
    let sizes = [
        0,
        1,
        FIRST_BYTES,
        CHUNK_BYTES,
        PART_BYTES - 1,
        PART_BYTES,
        PART_BYTES + 1,
        LARGE_BYTES,
    ];
    for size in sizes {
        let bytes = text(size);
        let declared = (size % 2 == 1).then_some(size as u64);
        let file = service
            .receive("../orders é.csv", declared, chunks(&bytes))
            .await
            .unwrap();
        assert!(file.is_uploaded && file.new.tenant == tenant(), "{size}");
        assert_eq!(file.size_bytes, size as u64);
        assert_eq!(file.sha256, hex::encode(Sha256::digest(&bytes)), "{size}");
        assert_eq!(file.new.original_name, "orders é.csv");
        let end = format!("/{}/orders__.csv", file.new.id);
        let key = &file.new.key;
        assert!(
            key.starts_with("a/b/uploads/2") && key.ends_with(&end),
            "{key}"
        );
        assert_eq!(file.new.bucket.as_deref(), service.objects.bucket());
        let seen = service.files.file(&tenant(), file.new.id).await.unwrap();
        assert_eq!(seen.map(|seen| seen.file), Some(file.clone()));
        let kept = crate::objects::suite::read(&*service.objects, key)
            .await
            .unwrap();
        assert!(kept == bytes, "{size}");
        service.objects.remove(key).await.unwrap();
        assert!(service.files.remove(&tenant(), file.new.id).await.unwrap());
    }
    service.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_kept_in_a_folder() {
    check_kept(&Service::in_folder().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_kept_in_s3s() {
    let s3 = S3::start().await;
    let objects = in_bucket(&s3, s3.port(), S3Limits::default());
    check_kept(&Service::new(Some(objects), Limits::DEFAULT).await).await;
}

async fn check_refused(
    service: &Service,
    name: &str,
    declared: Option<u64>,
    bytes: &Bytes,
    code: &str,
) {
    let fatal = service
        .receive(name, declared, chunks(bytes))
        .await
        .unwrap_err();
    assert_eq!(fatal.code, code, "{name}: {fatal}");
    service.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_leaves_nothing() {
    let limits = Limits {
        max_bytes: LARGE_BYTES as u64,
        ..Limits::DEFAULT
    };
    let service = Service::new(None, limits).await;
    let (small, large, larger) = (text(10), text(LARGE_BYTES), text(LARGE_BYTES + 1));
    let half = text(PART_BYTES + 1);
    let program = Bytes::from_static(b"\x7fELF\x02\x01\x01\0");
    let refused = async |name, declared, bytes, code| {
        check_refused(&service, name, declared, bytes, code).await;
    };
    refused("page.exe", None, &small, "unsupported_type").await;
    refused("orders.csv", None, &program, "unsupported_type").await;
    refused("orders.csv", None, &larger, "file_too_large").await;
    refused("orders.csv", Some(11), &small, "body_incomplete").await;
    refused("orders.csv", Some(9), &small, "body_incomplete").await;
    refused(
        "orders.csv",
        Some(LARGE_BYTES as u64),
        &half,
        "body_incomplete",
    )
    .await;
    refused(
        "orders.csv",
        Some(LARGE_BYTES as u64 - 1),
        &large,
        "body_incomplete",
    )
    .await;
    // A declared size is judged before a byte is read.
    let unread = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, Fatal>>> {
        panic!("the body was read")
    });
    let fatal = service
        .receive("orders.csv", Some(LARGE_BYTES as u64 + 1), unread)
        .await;
    assert_eq!(fatal.unwrap_err().code, "file_too_large");
    service
        .receive("orders.csv", None, chunks(&large))
        .await
        .unwrap();
}

/// A client that is gone after so many bytes, once as an error of its body, once because its request is dropped.
async fn check_gone(service: &Service, sent: usize) {
    let bytes = text(sent);
    let broken = chunks(&bytes).chain(stream::once(async { gone() }));
    let fatal = service
        .receive("orders.csv", None, broken)
        .await
        .unwrap_err();
    assert_eq!(fatal.code, "body_incomplete");
    service.nothing_is_left().await;

    let (all_read, read) = oneshot::channel();
    let waiting = stream::once(async move {
        let _ = all_read.send(());
        std::future::pending().await
    });
    let request = service.receive("orders.csv", None, chunks(&bytes).chain(waiting));
    tokio::select! {
        _ = request => panic!("the body has not ended"),
        _ = read => {}
    }
    service.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_nothing_in_a_folder() {
    let service = Service::in_folder().await;
    for sent in [0, 1, PART_BYTES - 1, PART_BYTES + 1, LARGE_BYTES] {
        check_gone(&service, sent).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_nothing_in_moto() {
    let s3 = S3::start_moto().await;
    let objects = in_bucket(&s3, s3.port(), S3Limits::default());
    let service = Service::new(Some(objects), Limits::DEFAULT).await;
    for sent in [1, PART_BYTES + 1, LARGE_BYTES] {
        check_gone(&service, sent).await;
        let objects = s3
            .client()
            .list_objects_v2()
            .bucket(s3.bucket())
            .send()
            .await
            .unwrap();
        assert_eq!(
            (uploads_in(&s3).await, objects.contents().len()),
            (0, 0),
            "{sent}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_ended_and_hold_nobody_up() {
    let limits = Limits {
        pace_window_ms: 300,
        ..Limits::DEFAULT
    };
    let service = Service::new(None, limits).await;
    // More of them than there are buffers, each with the bytes that take one and no more.
    let slow = (0..3 * pool::BUFFERS).map(|_| {
        let silent = chunks(&text(FIRST_BYTES)).chain(stream::pending());
        service.receive("orders.csv", None, silent)
    });
    let quick = text(PART_BYTES);
    let quick = service.receive("orders.csv", None, chunks(&quick));
    let (slow, quick) = tokio::join!(futures::future::join_all(slow), quick);
    assert!(
        slow.into_iter()
            .all(|ended| ended.unwrap_err().code == "body_too_slow")
    );
    let quick = quick.unwrap().new;
    service.objects.remove(&quick.key).await.unwrap();
    service.files.remove(&tenant(), quick.id).await.unwrap();
    service.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_uploads_share_the_buffers() {
    let service = Service::in_folder().await;
    let bytes = text(PART_BYTES + 1);
    let uploads = (0..2 * pool::BUFFERS).map(|_| service.receive("a.csv", None, chunks(&bytes)));
    let kept = futures::future::try_join_all(uploads).await.unwrap();
    let keys: BTreeSet<_> = kept.iter().map(|file| &file.new.key).collect();
    assert_eq!(keys.len(), 2 * pool::BUFFERS);
    assert_eq!(service.uploads.pool.unused(), pool::BUFFERS);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_buffer_is_told_to_come_again() {
    let limits = Limits {
        max_buffer_wait_ms: 50,
        ..Limits::DEFAULT
    };
    let service = Service::new(None, limits).await;
    let mut taken = Vec::new();
    for _ in 0..pool::BUFFERS {
        taken.push(service.uploads.pool.take(Duration::ZERO).await.unwrap());
    }
    let small = service
        .receive("a.csv", None, chunks(&text(100)))
        .await
        .unwrap();
    assert_eq!(small.size_bytes, 100);
    let busy = service
        .receive("a.csv", None, chunks(&text(LARGE_BYTES)))
        .await;
    assert_eq!(busy.unwrap_err().code, "upload_busy");
    assert_eq!(service.records().await.len(), 1);
}

fn quick() -> S3Limits {
    S3Limits {
        backoff: BackoffLimits {
            max_tries: 2,
            first_wait_ms: 1,
            max_wait_ms: 1,
        },
        ..S3Limits::default()
    }
}

/// A body that goes on when the test says with what; without that, it never ends.
fn gated(
    bytes: &Bytes,
) -> (
    Sender<Bytes>,
    impl Stream<Item = Result<Bytes, Fatal>> + Send + use<>,
) {
    let (go_on, gate) = oneshot::channel();
    let rest = stream::once(async move {
        match gate.await {
            Ok(rest) => Ok(rest),
            Err(_) => std::future::pending().await,
        }
    });
    (go_on, chunks(bytes).chain(rest))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_outage_breaks_is_swept_when_it_is_over() {
    let s3 = S3::start_moto().await;
    let cutter = Cutter::start(s3.port()).await;
    let objects = in_bucket(&s3, cutter.port(), quick());
    let limits = Limits {
        // As if the process had ended.
        late_ms: u64::MAX,
        ..Limits::DEFAULT
    };
    let service = Service::new(Some(objects), limits).await;
    let (go_on, chunks) = gated(&text(LARGE_BYTES));
    let outage = async {
        eventually("the upload is there", DEADLINE, async || {
            uploads_in(&s3).await == 1
        })
        .await;
        eventually("so is its record", DEADLINE, async || {
            service.records().await.len() == 1
        })
        .await;
        cutter.refuse(true);
        cutter.cut_all();
        go_on.send(text(PART_BYTES)).unwrap();
    };
    let (broken, ()) = tokio::join!(service.receive("orders.csv", None, chunks), outage);
    let fatal = broken.unwrap_err();
    assert_eq!(
        (fatal.code, fatal.retry),
        ("objects_unavailable", Retry::Outage)
    );
    let left = service.records().await;
    assert!(
        left.len() == 1 && left[0].file.new.upload.is_some(),
        "{left:?}"
    );
    let (objects, files) = (&*service.objects, &*service.files);
    assert_eq!(sweeper::sweep(objects, files).await.unwrap(), 0);
    let out = sweeper::sweep_idle(objects, files, 0).await;
    assert_eq!(out.unwrap_err().code, "objects_unavailable");
    cutter.refuse(false);
    assert_eq!(sweeper::sweep_idle(objects, files, 0).await.unwrap(), 1);
    service.nothing_is_left().await;
    assert_eq!(uploads_in(&s3).await, 0);
}

/// An upload that the sweeper takes while its client still sends.
async fn check_swept(service: &Service, code: &str) {
    let (go_on, chunks) = gated(&text(LARGE_BYTES));
    let swept = async {
        eventually("the upload is swept", DEADLINE, async || {
            let swept = sweeper::sweep_idle(&*service.objects, &*service.files, 0).await;
            swept.unwrap() == 1
        })
        .await;
        // The upload may have heard of it already, and listens no more.
        let _ = go_on.send(text(PART_BYTES));
    };
    let (broken, ()) = tokio::join!(service.receive("orders.csv", None, chunks), swept);
    let broken = broken.unwrap_err().code;
    assert!(broken == code || broken == "upload_lost", "{broken}");
    service.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_swept_is_never_a_file() {
    check_swept(&Service::in_folder().await, "upload_lost").await;
    let s3 = S3::start_moto().await;
    let objects = in_bucket(&s3, s3.port(), quick());
    let service = Service::new(Some(objects), Limits::DEFAULT).await;
    // What S3 calls NoSuchUpload is 500 here.
    check_swept(&service, "objects_unavailable").await;
    assert_eq!(uploads_in(&s3).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_hears_that_it_is_lost_while_its_client_is_silent() {
    let limits = Limits {
        renew_ms: 20,
        ..Limits::DEFAULT
    };
    let service = Service::new(None, limits).await;
    let (_go_on, chunks) = gated(&text(LARGE_BYTES));
    let taken = eventually("the sweeper has it", DEADLINE, async || {
        service.files.abandoned(0, 10).await.unwrap().len() == 1
    });
    let (broken, ()) = tokio::join!(service.receive("orders.csv", None, chunks), taken);
    assert_eq!(broken.unwrap_err().code, "upload_lost");
    service.nothing_is_left().await;
}

/// A store in which the answer to every beginning is lost: whoever waits for it is killed there.
struct Mute(S3Objects);

#[async_trait]
impl Objects for Mute {
    fn bucket(&self) -> Option<&str> {
        self.0.bucket()
    }

    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<(), Fatal> {
        self.0.put(key, content_type, bytes).await
    }

    async fn begin(&self, key: &str, content_type: &str) -> Result<Upload, Fatal> {
        self.0.begin(key, content_type).await?;
        std::future::pending().await
    }

    async fn part(&self, upload: &Upload, number: u32, bytes: Bytes) -> Result<Part, Fatal> {
        self.0.part(upload, number, bytes).await
    }

    async fn complete(&self, upload: &Upload, parts: &[Part]) -> Result<(), Fatal> {
        self.0.complete(upload, parts).await
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Fatal> {
        self.0.abort(upload).await
    }

    async fn open(&self, key: &str) -> Result<Box<dyn Origin>, Fatal> {
        self.0.open(key).await
    }

    async fn remove(&self, key: &str) -> Result<(), Fatal> {
        self.0.remove(key).await
    }

    async fn presign(
        &self,
        key: &str,
        file_name: &str,
        valid: Duration,
    ) -> Result<Option<String>, Fatal> {
        self.0.presign(key, file_name, valid).await
    }

    async fn ping(&self) -> Result<(), Fatal> {
        self.0.ping().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_swept_whose_server_was_killed_before_it_knew_its_name() {
    let s3 = S3::start_moto().await;
    let objects = Arc::new(Mute(in_bucket(&s3, s3.port(), quick())));
    let service = Service::over(objects, Limits::DEFAULT).await;
    let killed = async {
        eventually("the upload is there", DEADLINE, async || {
            uploads_in(&s3).await == 1
        })
        .await;
    };
    tokio::select! {
        kept = service.receive("orders.csv", None, chunks(&text(LARGE_BYTES))) => panic!("{kept:?}"),
        () = killed => {}
    }
    let left = service.records().await;
    assert_eq!(left.len(), 1, "its record says that it may be there");
    let (objects, files) = (&*service.objects, &*service.files);
    assert_eq!(sweeper::sweep_idle(objects, files, 0).await.unwrap(), 1);
    assert_eq!(
        (uploads_in(&s3).await, service.records().await.len()),
        (0, 0)
    );
}

/// Beginning is no request that can be sent twice: each of its tries that arrives begins an upload.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_first_answer_was_lost_is_not_left_behind() {
    let s3 = S3::start_moto().await;
    let cutter = Cutter::start(s3.port()).await;
    cutter.lose_reply_to(b"?uploads", 1);
    let objects = in_bucket(&s3, cutter.port(), quick());
    let service = Service::new(Some(objects), Limits::DEFAULT).await;
    let bytes = text(LARGE_BYTES);
    let file = service.receive("orders.csv", None, chunks(&bytes)).await;
    assert_eq!(file.unwrap().size_bytes, LARGE_BYTES as u64);
    assert_eq!(cutter.cuts(), 1);
    assert_eq!(uploads_in(&s3).await, 0);
}
