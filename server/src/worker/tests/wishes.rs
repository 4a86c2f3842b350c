//! Whose wish removes an object: that of a job which lists the file and is completed, and no other, in either store.

use crate::config::{Config, Secret};
use crate::files::NewFile;
use crate::files::suite::Both;
use crate::queue::State;
use crate::stores::Stores;
use crate::tenant::Tenant;
use crate::worker::cleared;
use testbed::mongod::Mongod;

#[tokio::test(flavor = "multi_thread")]
async fn only_a_job_that_succeeds_has_its_files_removed() {
    check(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_job_that_succeeds_has_its_files_removed_beside_mongo() {
    let server = Mongod::replica_set().await;
    check(Some(server.uri_for("docs"))).await;
}

/// A file with an object.
async fn filed(both: &Both, stores: &Stores) -> NewFile {
    let file = both.uploaded(&Tenant::NONE).await;
    let put = stores.objects.put(&file.key, "text/csv", "a,b\n".into());
    put.await.unwrap();
    file
}

async fn check(uri: Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        data_dir: folder.path().to_owned(),
        mongodb_uri: uri.map(Secret),
        s3_bucket: None,
        ..Config::from_env().unwrap()
    };
    let (stores, tenant) = (Stores::open(&config).await.unwrap(), Tenant::NONE);
    let both = Both {
        files: stores.files.clone(),
        queue: stores.queue.clone(),
    };
    let swept = async || cleared::sweep(&stores).await.unwrap();
    let is_there = async |file: &NewFile| stores.objects.open(&file.key).await.is_ok();
    let is_noted = async |file: &NewFile| {
        let seen = stores.files.file(&tenant, file.id).await.unwrap();
        seen.unwrap().file.to_go_for.is_some()
    };
    let note = async |file: &NewFile, job| {
        let noted = stores.files.mark_to_go(&tenant, &[file.id], job).await;
        noted.unwrap();
    };
    for ended in [State::Failed, State::Cancelled] {
        // It said what it wants, and ended without success; what comes behind it wants to keep the object.
        let file = filed(&both, &stores).await;
        let asks = both.job_in(&filed(&both, &stores).await, ended).await;
        both.job_in(&file, State::Completed).await;
        note(&file, asks).await;
        assert_eq!(
            (swept().await, is_there(&file).await),
            (0, true),
            "{ended:?}"
        );
        assert!(!is_noted(&file).await, "{ended:?}");
    }
    // It was completed and could list no more files.
    let file = filed(&both, &stores).await;
    let asks = both
        .job_in(&filed(&both, &stores).await, State::Completed)
        .await;
    both.job_in(&file, State::Completed).await;
    note(&file, asks).await;
    assert_eq!((swept().await, is_there(&file).await), (0, true));
    assert!(stores.queue.attach(&tenant, asks, file.id).await.unwrap());
    assert_eq!((swept().await, is_there(&file).await), (1, false));
    assert!(!is_noted(&file).await);
    // Once the bytes are gone, says the file, its object goes, whoever else has written a wish of its own.
    let file = filed(&both, &stores).await;
    let asks = both
        .job_in(&filed(&both, &stores).await, State::Cancelled)
        .await;
    assert!(stores.files.mark_gone(&tenant, file.id, &[]).await.unwrap());
    note(&file, asks).await;
    assert_eq!((swept().await, is_there(&file).await), (1, false));
}
