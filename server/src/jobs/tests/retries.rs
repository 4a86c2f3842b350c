//! Which jobs go back into the queue, and what keeps them from it.

use super::*;
use crate::rejects::Run;
use pipeline::{Problem, Reject};

/// A job that a worker has ended, of content `c`.
async fn ended(bench: &Bench, ends: Ends, acknowledged: bool) -> Job {
    let file = bench.file("c").await;
    bench.submit(file, "orders@1").await.unwrap();
    bench.worked(ends, acknowledged).await
}

async fn again(bench: &Bench, id: Id, reset: bool) -> Result<Job, Fatal> {
    retry(&bench.service, &bench.tenant, id, reset).await
}

#[tokio::test]
async fn only_what_failed_or_was_cancelled_is_retried() {
    for reset in [false, true] {
        let bench = Bench::new().await;
        let nobody = bench.service.entropy.id();
        assert_eq!(code(again(&bench, nobody, reset).await), "not_found");
        let file = bench.file("c").await;
        let id = bench.submit(file, "orders@1").await.unwrap().job.id;
        assert_eq!(code(again(&bench, id, reset).await), "wrong_state");
        let worked = bench.work().await;
        assert_eq!(code(again(&bench, id, reset).await), "wrong_state");
        bench.end(&worked, Ends::Failed, true).await;
        let acme = bench.of_tenant("acme");
        assert_eq!(code(again(&acme, id, reset).await), "not_found");
        let job = again(&bench, id, reset).await.unwrap();
        assert_eq!((job.id, job.run), (id, u32::from(reset)));
        bench.is_ready(&job).await;
        cancel(&bench.service, &bench.tenant, id).await.unwrap();
        bench
            .is_ready(&again(&bench, id, reset).await.unwrap())
            .await;
        bench.worked(Ends::Completed, true).await;
        assert_eq!(code(again(&bench, id, reset).await), "wrong_state");
    }
}

#[tokio::test]
async fn what_was_acknowledged_stays_noted() {
    let bench = Bench::new().await;
    let job = ended(&bench, Ends::Failed, true).await;
    again(&bench, job.id, true).await.unwrap();
    assert!(bench.entry(&job).await.acknowledged);
}

#[tokio::test]
async fn a_job_whose_load_another_text_has_taken_over_is_not_retried() {
    let bench = Bench::new().await;
    let job = ended(&bench, Ends::Failed, false).await;
    let file = bench.file("c").await;
    let other = bench.submit(file, "orders@2").await.unwrap();
    assert!(!other.existing);
    assert_eq!(
        code(again(&bench, job.id, false).await),
        "loaded_by_other_spec"
    );
    bench.worked(Ends::Failed, true).await;
    assert_eq!(
        code(again(&bench, job.id, false).await),
        "loaded_by_other_spec"
    );
    bench
        .is_ready(&again(&bench, other.job.id, false).await.unwrap())
        .await;
}

#[tokio::test]
async fn a_load_that_a_crash_left_behind_is_taken_back() {
    let bench = Bench::new().await;
    let job = ended(&bench, Ends::Failed, false).await;
    let loads = bench.loads(&job).await;
    let crashed = Request {
        job: bench.service.entropy.id().to_string(),
        spec_sha256: "bb".into(),
        ..request(&*bench.service.entropy, &job, false)
    };
    let entry = bench.entry(&job).await;
    let entry = loads.take(&crashed, &entry).await.unwrap().unwrap();
    // While its lease runs, it may still come to the queue.
    assert_eq!(
        code(again(&bench, job.id, false).await),
        "loaded_by_other_spec"
    );
    assert!(loads.close(&entry, false, false).await.unwrap());
    bench
        .is_ready(&again(&bench, job.id, false).await.unwrap())
        .await;
}

#[tokio::test]
async fn a_generation_is_retried_beside_a_later_one() {
    let bench = Bench::new().await;
    let job = ended(&bench, Ends::Failed, true).await;
    let file = bench.file("c").await;
    bench.again(file, "orders@1", "a").await.unwrap();
    bench.worked(Ends::Completed, true).await;
    bench
        .is_ready(&again(&bench, job.id, false).await.unwrap())
        .await;
}

#[tokio::test]
async fn an_earlier_merge_is_not_retried_once_a_later_one_has_started() {
    for (more, expected) in [(MERGE, Some("newer_load")), (UPSERT, None), ("", None)] {
        let bench = Bench::with(more).await;
        let job = ended(&bench, Ends::Failed, true).await;
        let later = bench.file("later").await;
        bench.submit(later, "orders@1").await.unwrap();
        // In the queue, it has not started.
        again(&bench, job.id, false).await.unwrap();
        cancel(&bench.service, &bench.tenant, job.id).await.unwrap();
        bench.worked(Ends::Completed, true).await;
        let retried = again(&bench, job.id, false).await;
        assert_eq!(retried.err().map(|fatal| fatal.code), expected, "{more}");
    }
}

#[tokio::test]
async fn a_job_without_its_content_or_its_details_is_not_retried() {
    let bench = Bench::new().await;
    let job = ended(&bench, Ends::Failed, true).await;
    let files = &bench.service.stores.files;
    assert!(
        files
            .mark_gone(&bench.tenant, job.files[0], &[])
            .await
            .unwrap()
    );
    assert_eq!(code(again(&bench, job.id, false).await), "content_gone");
    let bench = Bench::new().await;
    let job = ended(&bench, Ends::Failed, true).await;
    let files = &bench.service.stores.files;
    assert!(files.remove(&bench.tenant, job.files[0]).await.unwrap());
    assert_eq!(code(again(&bench, job.id, false).await), "content_gone");
    let bench = Bench::new().await;
    let job = ended(&bench, Ends::Failed, true).await;
    bench.expire_one().await;
    assert_eq!(code(again(&bench, job.id, false).await), "expired");
}

#[tokio::test]
async fn a_reset_removes_the_rejects_of_earlier_runs() {
    let bench = Bench::new().await;
    let job = ended(&bench, Ends::Failed, true).await;
    let rejects = &bench.service.stores.rejects;
    let run = Run {
        tenant: bench.tenant.clone(),
        job: job.id,
        run: 0,
    };
    let many: Vec<_> = (0..u64::from(retry::REMOVED_REJECTS) + 10)
        .map(|ordinal| Reject {
            at: Position {
                ordinal,
                ..Position::START
            },
            problems: vec![Problem {
                code: "type".into(),
                field: None,
                message: "no".into(),
            }],
            raw: vec![],
        })
        .collect();
    rejects.store(&run, 1, &many).await.unwrap();
    let count = async || rejects.count(&run, &Default::default()).await.unwrap();
    again(&bench, job.id, false).await.unwrap();
    assert_eq!(count().await, many.len() as u64);
    cancel(&bench.service, &bench.tenant, job.id).await.unwrap();
    again(&bench, job.id, true).await.unwrap();
    assert_eq!(count().await, 0);
}
