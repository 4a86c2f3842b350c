//! The same above a MongoDB: many requests at once, a retry, an approval, a cancellation.

use super::*;

async fn check(server: Mongod) {
    let bench = Bench::in_mongodb(&server, MERGE).await;
    concurrent::check(&bench, false, true, 0).await;
    let job = bench.worked(Ends::Held, true).await;
    let word = Word {
        max_records: Some(7),
        spec: Some("orders@2".into()),
    };
    let job = approve(&bench.service, &bench.tenant, job.id, word).await;
    let job = job.unwrap();
    assert_eq!((job.spec.pin.version, job.max_rejects), (2, Some(7)));
    bench.is_ready(&job).await;
    let worked = bench.work().await;
    cancel(&bench.service, &bench.tenant, job.id).await.unwrap();
    assert!(
        worked
            .loads
            .close(&worked.entry, true, false)
            .await
            .unwrap()
    );
    let again = async |reset| retry(&bench.service, &bench.tenant, job.id, reset).await;
    assert_eq!(code(again(true).await), "spec_changed");
    bench.is_ready(&again(false).await.unwrap()).await;
    cancel(&bench.service, &bench.tenant, job.id).await.unwrap();
    // A later merge, behind which the earlier content is loaded anew.
    let later = bench.file("later").await;
    bench.submit(later, "orders@2").await.unwrap();
    bench.worked(Ends::Completed, true).await;
    assert_eq!(code(again(false).await), "newer_load");
    let file = bench.file("c").await;
    let anew = bench.submit(file, "orders@2").await.unwrap();
    assert_eq!((anew.existing, anew.job.load.generation), (false, 1));
    assert!(anew.job.load.load_number > job.load.load_number);
    bench.is_ready(&anew.job).await;
    bench.worked(Ends::Completed, true).await;
    assert_eq!(
        code(bench.submit(file, "orders@1").await),
        "loaded_by_other_spec"
    );
    bench.expire_one().await;
    assert!(bench.job(anew.job.id).await.expired);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_above_a_standalone_mongod() {
    check(Mongod::standalone().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_above_a_mongod_replica_set() {
    check(Mongod::replica_set().await).await;
}
