//! A download of a job that stands in real stores, while its file is there and when it is gone.

use super::super::*;
use crate::files::NewFile;
use crate::files::sqlite::{self as files, SqliteFiles};
use crate::id::Id;
use crate::job::SpecPin;
use crate::keys::sqlite::{self as keys, SqliteKeys};
use crate::objects::folder::FolderObjects;
use crate::queue::sqlite::{self as queue, SqliteQueue};
use crate::queue::{Claimant, LoadPin, NewJob, SpecText};
use crate::rejects::sqlite::{self as rejects, SqliteRejects};
use crate::specs::sqlite::{self as specs, SqliteSpecs};
use crate::tenant::Tenant;
use crate::tickets::sqlite::{self as tickets, SqliteTickets};
use futures::TryStreamExt;
use pipeline::{Books, Checkpoint, Position, Problem, Tally};
use sha2::{Digest as _, Sha256};
use stages::identity::LoadIdentity;
use stages::plan::Defaults;
use stages::sqlite::Database;

const SPEC: &str =
    "spec = 1\nname = 'a'\n[format.csv]\n[fields]\nn = {}\n[sink.mongodb]\ncollection = 'a'\n";

async fn stores(folder: &tempfile::TempDir) -> Stores {
    let schema = [
        queue::SCHEMA,
        files::SCHEMA,
        rejects::SCHEMA,
        specs::SCHEMA,
        keys::SCHEMA,
        tickets::SCHEMA,
    ];
    let database = Database::open(&folder.path().join("service.db"), &schema).await;
    let database = database.unwrap();
    let objects = FolderObjects::open(folder.path().join("objects")).await;
    Stores {
        queue: Arc::new(SqliteQueue::new(database.clone())),
        files: Arc::new(SqliteFiles::new(database.clone())),
        rejects: Arc::new(SqliteRejects::new(database.clone())),
        specs: Arc::new(SqliteSpecs::new(database.clone())),
        keys: Arc::new(SqliteKeys::new(database.clone())),
        tickets: Arc::new(SqliteTickets::new(database)),
        objects: Arc::new(objects.unwrap()),
    }
}

fn new_job(tenant: &Tenant, file: Id) -> NewJob {
    NewJob {
        parent: None,
        callback: None,
        id: Id([2; 12]),
        tenant: tenant.clone(),
        file,
        spec: SpecText {
            pin: SpecPin {
                name: "a".into(),
                version: 1,
                sha256: hex::encode(Sha256::digest(SPEC)),
            },
            text: SPEC.into(),
            is_operators: false,
        },
        load: LoadPin {
            content: "sha256:aa".into(),
            base: LoadIdentity([1; 12]),
            identity: LoadIdentity([1; 12]),
            generation: 0,
            load_number: 0,
            collection: "a".into(),
        },
        priority: 0,
        bytes_total: None,
    }
}

async fn downloaded(stores: &Stores, job: &Job) -> Result<String, Fatal> {
    let nowhere = std::path::PathBuf::from("nowhere");
    let catalog = Catalog::new(nowhere, stores.specs.clone(), Defaults::default());
    let download = of_job(stores, &catalog, job).await?;
    assert_eq!(
        (download.media_type, download.extension),
        ("text/csv", "csv")
    );
    let chunks: Vec<Bytes> = download.bytes.try_collect().await?;
    Ok(String::from_utf8_lossy(&chunks.concat()).into_owned())
}

#[tokio::test]
async fn a_job_gives_back_its_rejects_while_its_file_is_there_and_when_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let stores = stores(&folder).await;
    let (tenant, file) = (Tenant::of_key("acme").unwrap(), Id([1; 12]));
    let long = "x".repeat(2_000);
    let input = format!("n\r\n{long},2\r\n");
    let put = stores.objects.put("a", "text/csv", input.clone().into());
    put.await.unwrap();
    let new = NewFile {
        id: file,
        tenant: tenant.clone(),
        original_name: "a.csv".into(),
        content_type: "text/csv".into(),
        key: "a".into(),
        bucket: None,
        upload: None,
    };
    stores.files.begin(&new).await.unwrap();
    let committed = stores
        .files
        .commit(&tenant, file, input.len() as u64, "aa", None);
    assert!(committed.await.unwrap().is_some());
    let submitted = stores.queue.submit(&new_job(&tenant, file)).await.unwrap();
    let at = Position {
        ordinal: 0,
        line: 2,
        offset: 3,
    };
    let problem = Problem::of_record("cell_count", "two cells");
    let reject = Reject::new(at, vec![problem], &input.as_bytes()[3..]);
    let run = Run {
        tenant: tenant.clone(),
        job: submitted.id,
        run: 0,
    };
    stores.rejects.store(&run, 1, &[reject]).await.unwrap();
    let job = async || {
        stores
            .queue
            .job(&tenant, submitted.id)
            .await
            .unwrap()
            .unwrap()
    };

    // Nothing was saved yet: the head is in the file.
    let titles = "n,_reference,_code,_field,_message";
    let reference = format!("{}:1,cell_count,,two cells", submitted.id);
    let whole = format!("{titles}\r\n{long},2,{reference}\r\n");
    assert_eq!(downloaded(&stores, &job().await).await.unwrap(), whole);

    assert!(stores.files.mark_gone(&tenant, file, &[]).await.unwrap());
    let refused = downloaded(&stores, &job().await).await.unwrap_err();
    assert_eq!(refused.code, "content_gone");
    let claimant = Claimant {
        worker: "worker".into(),
        owner: "owner".into(),
        lease_ms: 60_000,
        max_attempts: 3,
        take_expired: true,
    };
    let claim = stores.queue.claim(&claimant).await.unwrap();
    let claim = claim.and_then(|job| job.claim()).unwrap();
    let head = Head {
        columns: vec!["n".into()],
        end: Position {
            ordinal: 0,
            line: 2,
            offset: 3,
        },
        skipped: 1,
    };
    let checkpoint = Checkpoint {
        books: Books::open(head.end, head.skipped),
        counted_from: Tally::default(),
        mark: None,
        head: serde_json::to_string(&head).unwrap(),
        bytes_read: 0,
        carried: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        busy: None,
    };
    assert!(stores.queue.save(&claim, 0, &checkpoint).await.unwrap());
    let why = "(the file is gone: only its first 1024 bytes are here)";
    let start = format!("{titles}\n{},{reference} {why}\n", &long[..1024]);
    assert_eq!(downloaded(&stores, &job().await).await.unwrap(), start);
}
