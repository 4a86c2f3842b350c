//! How held jobs go on.

use super::*;

/// A held job of content `c`.
async fn held(bench: &Bench) -> Job {
    let file = bench.file("c").await;
    bench.submit(file, "orders@1").await.unwrap();
    bench.worked(Ends::Held, true).await
}

async fn say(bench: &Bench, id: Id, max_records: Option<u64>, spec: &str) -> Result<Job, Fatal> {
    let word = Word {
        max_records,
        spec: (!spec.is_empty()).then(|| spec.into()),
    };
    approve(&bench.service, &bench.tenant, id, word).await
}

#[tokio::test]
async fn only_a_held_job_is_approved() {
    let bench = Bench::new().await;
    let nobody = bench.service.entropy.id();
    assert_eq!(code(say(&bench, nobody, None, "").await), "not_found");
    let file = bench.file("c").await;
    let id = bench.submit(file, "orders@1").await.unwrap().job.id;
    assert_eq!(code(say(&bench, id, None, "").await), "wrong_state");
    let worked = bench.work().await;
    assert_eq!(code(say(&bench, id, None, "").await), "wrong_state");
    bench.end(&worked, Ends::Held, true).await;
    assert_eq!(
        code(say(&bench.of_tenant("acme"), id, None, "").await),
        "not_found"
    );
    bench
        .is_ready(&say(&bench, id, None, "").await.unwrap())
        .await;
    assert_eq!(code(say(&bench, id, None, "").await), "wrong_state");
}

#[tokio::test]
async fn the_budget_counts_anew_from_the_checkpoint() {
    let bench = Bench::new().await;
    let job = held(&bench).await;
    let job = say(&bench, job.id, Some(70), "").await.unwrap();
    let checkpoint = job.checkpoint.clone().unwrap();
    let (read, rejected) = (10, 4);
    assert_eq!(checkpoint.counted_from, Tally { read, rejected });
    assert_eq!((job.max_rejects, job.spec_changed), (Some(70), false));
    assert!(!job.accepted.covers(&Cause::Errors));
    // What was said once stays said.
    let worked = bench.work().await;
    let held = Held {
        cause: Cause::MinRecords,
        message: "too few".into(),
    };
    let queue = bench.queue();
    assert!(
        queue
            .hold(&worked.claim, &Progress::default(), &held)
            .await
            .unwrap()
    );
    assert!(
        worked
            .loads
            .close(&worked.entry, true, false)
            .await
            .unwrap()
    );
    let job = say(&bench, job.id, None, "").await.unwrap();
    assert_eq!(job.max_rejects, Some(70));
    assert!(job.accepted.covers(&Cause::MinRecords));
    assert_eq!(job.checkpoint, Some(checkpoint));
}

#[tokio::test]
async fn another_version_is_pinned_from_the_checkpoint_on() {
    let bench = Bench::new().await;
    let job = held(&bench).await;
    let job = say(&bench, job.id, None, "orders@2").await.unwrap();
    assert_eq!((job.spec.pin.version, job.spec_changed), (2, true));
    assert_eq!(job.spec_from, Some(10));
    bench.is_ready(&job).await;
    let entry = bench.entry(&job).await;
    assert_eq!((entry.version, entry.acknowledged), (2, true));
    // It is that version's load now.
    let file = bench.file("c").await;
    assert!(bench.submit(file, "orders@2").await.unwrap().existing);
    assert_eq!(
        code(bench.submit(file, "orders@1").await),
        "load_in_progress"
    );
    bench.worked(Ends::Failed, true).await;
    let reset = retry(&bench.service, &bench.tenant, job.id, true).await;
    assert_eq!(code(reset), "spec_changed");
    let job = retry(&bench.service, &bench.tenant, job.id, false).await;
    bench.is_ready(&job.unwrap()).await;
}

#[tokio::test]
async fn the_version_that_it_has_is_no_change() {
    let bench = Bench::new().await;
    let job = held(&bench).await;
    let job = say(&bench, job.id, None, "orders@1").await.unwrap();
    assert_eq!((job.spec.pin.version, job.spec_changed), (1, false));
    assert_eq!(job.spec_from, None);
}

#[tokio::test]
async fn a_version_that_reads_or_writes_otherwise_is_refused() {
    let bench = Bench::new().await;
    let job = held(&bench).await;
    let text = |version| spec_text("orders", version, "");
    let csv = text(3).replace("[format.jsonl]", "[format.csv]");
    let input = text(4).replace("[format", "[input]\nmax_record_bytes = \"2MiB\"\n[format");
    let sink = text(5) + "nulls = \"write\"\n";
    for text in [&csv, &input, &sink, &spec_text("others", 6, "")] {
        bench.register(text).await;
    }
    for (reference, word) in [
        ("orders@3", "[format]"),
        ("orders@4", "[input]"),
        ("orders@5", "[sink]"),
        ("others@6", "name"),
    ] {
        let refused = say(&bench, job.id, None, reference).await.unwrap_err();
        assert_eq!(refused.code, "spec_incompatible", "{reference}");
        assert!(refused.message.contains(word), "{}", refused.message);
    }
    let job = bench.job(job.id).await;
    assert_eq!(job.state, State::Held);
    assert_eq!(bench.entry(&job).await.version, 1);
}

#[tokio::test]
async fn an_earlier_merge_is_not_approved_once_a_later_one_has_started() {
    for (more, expected) in [(MERGE, Some("newer_load")), (UPSERT, None)] {
        let bench = Bench::with(more).await;
        let job = held(&bench).await;
        let later = bench.file("later").await;
        bench.submit(later, "orders@1").await.unwrap();
        bench.worked(Ends::Completed, true).await;
        let approved = say(&bench, job.id, None, "").await;
        assert_eq!(approved.err().map(|fatal| fatal.code), expected, "{more}");
    }
}

/// An approval of `job` as it was read, whatever became of it since.
async fn late(bench: &Bench, job: &Job, spec: Option<&str>) -> Result<Job, Fatal> {
    let loads = bench.loads(job).await;
    let approving = approve::Approving {
        queue: bench.queue(),
        loads: &*loads,
        job,
        mode: Mode::Insert,
    };
    let spec = match spec {
        Some(reference) => {
            let chosen = bench.service.catalog.find(&bench.tenant, reference).await;
            Some(chosen.unwrap().text)
        }
        None => None,
    };
    approving.run(None, spec).await
}

#[tokio::test]
async fn the_first_of_two_words_counts() {
    let bench = Bench::new().await;
    let job = held(&bench).await;
    let first = say(&bench, job.id, None, "").await.unwrap();
    assert_eq!(
        code(late(&bench, &job, Some("orders@2")).await),
        "wrong_state"
    );
    bench.is_ready(&first).await;
    // Held again, it is held for something else than what was approved.
    let again = bench.worked(Ends::Held, true).await;
    assert_eq!(code(late(&bench, &job, None).await), "wrong_state");
    assert_eq!(bench.job(job.id).await.state, State::Held);
    say(&bench, again.id, None, "orders@2").await.unwrap();
}

#[tokio::test]
async fn a_crash_between_the_two_stores_is_set_right_by_the_next_word() {
    for (said, version) in [("", 1), ("orders@1", 1), ("orders@2", 2)] {
        let bench = Bench::new().await;
        let job = held(&bench).await;
        let chosen = bench.service.catalog.find(&bench.tenant, "orders@2").await;
        let loads = bench.loads(&job).await;
        let approving = approve::Approving {
            queue: bench.queue(),
            loads: &*loads,
            job: &job,
            mode: Mode::Insert,
        };
        approving.pinned(&chosen.unwrap().text.pin).await.unwrap();
        assert_eq!(bench.entry(&job).await.version, 2);
        let job = say(&bench, job.id, None, said).await.unwrap();
        assert_eq!(job.spec.pin.version, version, "{said}");
        bench.is_ready(&job).await;
    }
}

#[tokio::test]
async fn what_was_unique_so_far_is_judged_by_the_version_that_has_seen_it() {
    let unique = "[[unique]]\nfields = [\"a\"]";
    for (first, other) in [(unique, ""), ("", unique), (unique, unique)] {
        let bench = Bench::new().await;
        bench.register(&spec_text("orders", 3, first)).await;
        bench.register(&spec_text("orders", 4, other)).await;
        let file = bench.file("c").await;
        bench.submit(file, "orders@3").await.unwrap();
        let job = bench.worked(Ends::Held, true).await;
        let refused = say(&bench, job.id, None, "orders@4").await.unwrap_err();
        assert_eq!(refused.code, "spec_incompatible", "{first} {other}");
        assert!(refused.message.contains("unique"), "{}", refused.message);
        assert!(refused.hint.unwrap().contains("maxRecords"));
        // Its own version is no other one.
        let job = say(&bench, job.id, Some(70), "orders@3").await.unwrap();
        assert!(!job.spec_changed);
    }
}
