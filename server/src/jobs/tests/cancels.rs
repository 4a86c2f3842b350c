//! Cancelled jobs, and the loads that they leave.

use super::*;

async fn end(bench: &Bench, id: Id) -> Result<Job, Fatal> {
    cancel(&bench.service, &bench.tenant, id).await
}

#[tokio::test]
async fn whatever_has_not_ended_is_cancelled() {
    let bench = Bench::new().await;
    let nobody = bench.service.entropy.id();
    assert_eq!(code(end(&bench, nobody).await), "not_found");
    let file = bench.file("c").await;
    let id = bench.submit(file, "orders@1").await.unwrap().job.id;
    assert_eq!(code(end(&bench.of_tenant("acme"), id).await), "not_found");
    let retried = async || {
        retry(&bench.service, &bench.tenant, id, false)
            .await
            .unwrap();
    };
    assert_eq!(end(&bench, id).await.unwrap().state, State::Cancelled);
    assert_eq!(code(end(&bench, id).await), "wrong_state");
    retried().await;
    bench.worked(Ends::Held, true).await;
    assert_eq!(end(&bench, id).await.unwrap().state, State::Cancelled);
    retried().await;
    let worked = bench.work().await;
    assert_eq!(end(&bench, id).await.unwrap().state, State::Cancelled);
    assert!(
        bench.entry(&worked.job).await.live,
        "its worker lets go of it"
    );
    assert!(
        worked
            .loads
            .close(&worked.entry, true, false)
            .await
            .unwrap()
    );
    retried().await;
    bench.worked(Ends::Completed, true).await;
    assert_eq!(code(end(&bench, id).await), "wrong_state");
}

#[tokio::test]
async fn a_lease_that_a_crash_left_on_an_idle_job_is_ended() {
    let bench = Bench::new().await;
    let file = bench.file("c").await;
    let job = bench.submit(file, "orders@1").await.unwrap().job;
    let loads = bench.loads(&job).await;
    let crashed = Request {
        lease_ms: LONG_MS,
        ..request(&*bench.service.entropy, &job, false)
    };
    let entry = bench.entry(&job).await;
    let held = loads.take(&crashed, &entry).await.unwrap();
    assert!(held.is_some_and(|entry| entry.live));
    end(&bench, job.id).await.unwrap();
    assert!(!bench.entry(&job).await.live);
    // Nothing was loaded, so another version need not wait.
    assert!(!bench.submit(file, "orders@2").await.unwrap().existing);
}
