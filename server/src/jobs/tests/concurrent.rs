//! Many requests at once make one job.

use super::*;
use std::collections::BTreeSet;

const CONCURRENT: usize = 100;

/// Sends a request many times at once, each with a file of its own where `uploads` says so.
async fn send(bench: &Bench, again: bool, uploads: bool) -> Vec<Submitted> {
    let file = bench.file("c").await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..CONCURRENT {
        let file = match uploads {
            true => bench.file("c").await,
            false => file,
        };
        let asked = Asked {
            again,
            idempotency: again.then(|| keyed("a")),
            ..asked(file, "orders@1")
        };
        let (service, tenant) = (bench.service.clone(), bench.tenant.clone());
        tries.spawn(async move { submit(&service, &tenant, asked).await });
    }
    let all = tries.join_all().await;
    all.into_iter().map(|one| one.unwrap()).collect()
}

pub(super) async fn check(bench: &Bench, again: bool, uploads: bool, generation: u32) {
    if again {
        let file = bench.file("c").await;
        bench.submit(file, "orders@1").await.unwrap();
        bench.worked(Ends::Completed, true).await;
    }
    let all = send(bench, again, uploads).await;
    let ids: BTreeSet<_> = all.iter().map(|one| one.job.id).collect();
    assert_eq!(ids.len(), 1, "one job");
    assert_eq!(all.iter().filter(|one| !one.existing).count(), 1);
    let job = bench.job(all[0].job.id).await;
    assert_eq!(job.load.generation, generation);
    let files: BTreeSet<_> = job.files.iter().collect();
    assert_eq!(files.len(), if uploads { CONCURRENT } else { 1 });
    bench.is_ready(&job).await;
    let newest = bench.loads(&job).await.newest(job.load.base).await;
    assert_eq!(newest.unwrap().unwrap().generation, generation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_for_one_file_make_one_job() {
    check(&Bench::new().await, false, false, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_files_of_one_content_make_one_job() {
    check(&Bench::new().await, false, true, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_replays_make_one_generation() {
    check(&Bench::new().await, true, false, 1).await;
}
