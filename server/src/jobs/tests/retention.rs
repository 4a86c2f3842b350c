//! What leaves after its time, and what stays.

use super::*;
use crate::rejects::Run;
use pipeline::{Problem, Reject};

#[tokio::test]
async fn ended_jobs_leave_with_their_rejects_and_are_still_the_same_load() {
    let bench = Bench::new().await;
    let file = bench.file("c").await;
    bench.submit(file, "orders@1").await.unwrap();
    let done = bench.worked(Ends::Completed, true).await;
    let other = bench.file("d").await;
    bench.submit(other, "orders@1").await.unwrap();
    let waiting = bench.worked(Ends::Held, true).await;
    let rejects = &*bench.service.stores.rejects;
    let run = |job: &Job| Run {
        tenant: bench.tenant.clone(),
        job: job.id,
        run: 0,
    };
    let reject = Reject {
        at: Position::START,
        problems: vec![Problem {
            code: "type".into(),
            field: None,
            message: "no".into(),
        }],
        raw: vec![],
    };
    for job in [&done, &waiting] {
        let one = std::slice::from_ref(&reject);
        rejects.store(&run(job), 1, one).await.unwrap();
    }
    assert_eq!(
        sweep(&bench.service, 1).await.unwrap(),
        0,
        "they are too young"
    );
    bench.expire_one().await;
    assert_eq!(bench.sweep().await, 0, "once");
    let count = async |job: &Job| rejects.count(&run(job), &Default::default()).await.unwrap();
    assert_eq!((count(&done).await, count(&waiting).await), (0, 1));
    let expired = bench.job(done.id).await;
    assert!(expired.expired && expired.receipt.is_some());
    assert!(
        !bench.job(waiting.id).await.expired,
        "a held job never expires"
    );
    let again = bench
        .submit(bench.file("c").await, "orders@1")
        .await
        .unwrap();
    assert_eq!((again.existing, again.job.id), (true, done.id));
}
