//! Rejects that are sent again: of which jobs, and as which job.

use super::*;

async fn resubmitted(bench: &Bench, parent: Id, file: Id) -> Result<Submitted, Fatal> {
    let asked = Correction {
        parent,
        file,
        idempotency: None,
    };
    resubmit(&bench.service, &bench.tenant, asked).await
}

#[tokio::test]
async fn only_rejects_of_a_completed_job_are_sent_again() {
    let bench = Bench::new().await;
    let nobody = bench.service.entropy.id();
    let corrected = bench.file("corrected").await;
    assert_eq!(
        code(resubmitted(&bench, nobody, corrected).await),
        "not_found"
    );
    for (content, ends, expected) in [
        ("a", Ends::Failed, "wrong_state"),
        ("b", Ends::Held, "wrong_state"),
    ] {
        let file = bench.file(content).await;
        let job = bench.submit(file, "orders@1").await.unwrap().job;
        assert_eq!(
            code(resubmitted(&bench, job.id, corrected).await),
            "wrong_state"
        );
        bench.worked(ends, true).await;
        assert_eq!(code(resubmitted(&bench, job.id, corrected).await), expected);
    }
    let file = bench.file("c").await;
    let job = bench.submit(file, "orders@1").await.unwrap().job;
    bench.worked(Ends::Completed, true).await;
    let stranger = bench.of_tenant("globex");
    let theirs = stranger.file("corrected").await;
    assert_eq!(
        code(resubmitted(&stranger, job.id, theirs).await),
        "not_found"
    );
    assert_eq!(code(resubmitted(&bench, job.id, nobody).await), "not_found");
    let name = resubmittable(&bench.service, &bench.tenant, job.id).await;
    assert!(!name.unwrap().is_empty());

    let child = resubmitted(&bench, job.id, corrected).await.unwrap();
    assert_eq!((child.existing, child.job.parent), (false, Some(job.id)));
    assert_eq!(child.job.spec.pin, job.spec.pin);
    assert_ne!(child.job.load.identity, job.load.identity);
    let again = resubmitted(&bench, job.id, bench.file("corrected").await).await;
    let again = again.unwrap();
    assert_eq!((again.existing, again.job.id), (true, child.job.id));
    // What it refuses is a reject of its parent still.
    bench.worked(Ends::Completed, true).await;
    assert_eq!(
        code(resubmitted(&bench, child.job.id, corrected).await),
        "wrong_state"
    );

    bench.expire_one().await;
    bench.sweep().await;
    assert!(bench.job(job.id).await.expired);
    let late = bench.file("late").await;
    assert_eq!(code(resubmitted(&bench, job.id, late).await), "expired");
    let refused = resubmittable(&bench.service, &bench.tenant, job.id).await;
    assert_eq!(code(refused), "expired");
}

#[tokio::test]
async fn a_child_draws_no_number_and_stands_in_nobodys_way() {
    let bench = Bench::with(UPSERT).await;
    let file = bench.file("c").await;
    let job = bench.submit(file, "orders@1").await.unwrap().job;
    bench.worked(Ends::Completed, true).await;
    let child = resubmitted(&bench, job.id, bench.file("fixed").await).await;
    let child = child.unwrap().job;
    assert_eq!((job.load.load_number, child.load.load_number), (1, 0));
    bench.worked(Ends::Failed, true).await;
    let retried = retry(&bench.service, &bench.tenant, child.id, false).await;
    assert_eq!(retried.unwrap().load.load_number, 0);
    assert_eq!(bench.entry(&child).await.load_number, 0);
    let next = bench.file("next").await;
    let next = bench.submit(next, "orders@1").await.unwrap().job;
    assert_eq!(next.load.load_number, 2);
}

#[tokio::test]
async fn merges_cannot_be_put_between_those_that_came_behind_them() {
    let bench = Bench::with(MERGE).await;
    let file = bench.file("c").await;
    let job = bench.submit(file, "orders@1").await.unwrap().job;
    bench.worked(Ends::Completed, true).await;
    let refused = resubmitted(&bench, job.id, bench.file("fixed").await).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, "resubmit_unsupported");
    let hint = refused.hint.unwrap();
    assert!(hint.contains("merged once more"), "{hint}");
    assert!(!hint.contains("_id"), "{hint}");
}

/// A bench whose spec `orders@3` has `more` in it, with a completed job of it.
async fn completed(more: &str) -> (Bench, Job) {
    let bench = Bench::new().await;
    bench.register(&spec_text("orders", 3, more)).await;
    let file = bench.file("c").await;
    bench.submit(file, "orders@3").await.unwrap();
    let job = bench.worked(Ends::Completed, true).await;
    (bench, job)
}

#[tokio::test]
async fn what_is_judged_over_the_whole_file_is_not_sent_again_in_parts() {
    for more in [
        "[control.all]\nactual = \"count()\"\nexpected = 3",
        "[[unique]]\nfields = [\"a\"]",
    ] {
        let (bench, job) = completed(more).await;
        let refused = resubmittable(&bench.service, &bench.tenant, job.id).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code, "resubmit_unsupported", "{more}");
        let hint = refused.hint.unwrap();
        // A corrected file is new content: what was loaded stays, and is found by the identity of its load.
        assert!(hint.contains("whole file"), "{hint}");
        assert!(hint.contains(&job.load.identity.to_string()), "{hint}");
        assert!(!hint.contains("again"), "{hint}");
        let refused = resubmitted(&bench, job.id, bench.file("fixed").await).await;
        assert_eq!(code(refused), "resubmit_unsupported", "{more}");
    }
}

#[tokio::test]
async fn a_file_with_records_that_are_bad_still_is_tried_again_when_it_is_sent_again() {
    let bench = Bench::new().await;
    let file = bench.file("c").await;
    let job = bench.submit(file, "orders@1").await.unwrap().job;
    bench.worked(Ends::Completed, true).await;
    let ends = async |codes: &[&'static str]| {
        let worked = bench.work().await;
        let mut books = checkpoint(5, codes.len() as u64);
        for code in codes {
            let problem = pipeline::Problem::of_record(*code, "it is bad");
            let reject = pipeline::Reject::new(Position::START, vec![problem], b"");
            books.books.summary.count(&reject);
        }
        let queue = bench.queue();
        assert!(queue.save(&worked.claim, 0, &books).await.unwrap());
        bench.end(&worked, Ends::Completed, true).await
    };
    let sent = async || {
        let file = bench.file("fixed").await;
        resubmitted(&bench, job.id, file).await.unwrap()
    };
    let first = sent().await;
    assert!(!first.existing);
    // While it runs it is the same job.
    assert!(sent().await.existing);
    // The target, say, has refused a record that it takes by now.
    ends(&["duplicate_reference", "validator"]).await;
    let second = sent().await;
    assert!(!second.existing);
    assert_ne!(second.job.id, first.job.id);
    assert_eq!(second.job.parent, Some(job.id));
    let same = sent().await;
    assert_eq!((same.existing, same.job.id), (true, second.job.id));
    // What no reject of the parent is will be none.
    ends(&["duplicate_reference", "unknown_reference"]).await;
    let same = sent().await;
    assert_eq!((same.existing, same.job.id), (true, second.job.id));
}

#[tokio::test]
async fn an_upload_that_is_sent_again_goes_after_success_like_the_first() {
    let (bench, job) = completed("[input]\non_success = \"delete\"").await;
    let sent = async || {
        let file = bench.file("fixed").await;
        let asked = Correction {
            parent: job.id,
            file,
            idempotency: Some(keyed("k")),
        };
        let sent = resubmit(&bench.service, &bench.tenant, asked).await;
        (file, sent.unwrap())
    };
    let (_, first) = sent().await;
    let (file, again) = sent().await;
    assert_eq!((again.existing, again.job.id), (true, first.job.id));
    let seen = bench.service.stores.files.file(&bench.tenant, file).await;
    let seen = seen.unwrap().unwrap();
    assert_eq!(seen.file.to_go_for, Some(first.job.id));
}
