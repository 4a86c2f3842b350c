//! What a request to process a file gets, situation by situation.

use super::*;
use stages::identity::{LoadIdentity, LoadName};

/// Enters the content as `run` does: under a job that no queue knows.
async fn run(bench: &Bench, content: &str, words: &str) -> Entry {
    let chosen = bench.service.catalog.find(&bench.tenant, "orders@1").await;
    let plan = chosen.unwrap().plan;
    let loads = bench.service.targets.loads(&bench.tenant, &plan).await;
    let loads = loads.unwrap();
    let content = format!("sha256:{}", hex::encode(Sha256::digest(content)));
    let name = LoadName {
        tenant: bench.tenant.name(),
        content: &content,
        spec: "orders",
        collection: "orders",
    };
    let base = LoadIdentity::new(name, 0);
    let request = Request {
        base,
        spec: "orders".into(),
        version: 1,
        spec_sha256: plan.sha256.clone(),
        collection: "orders".into(),
        job: bench.service.entropy.id().to_string(),
        owner: "run".into(),
        lease_ms: LONG_MS,
        numbered: plan.sink.target.mode.has_key(),
    };
    let entry = loads.enter(&request, base, 0).await.unwrap().unwrap();
    let has = |word| words.contains(word);
    if !has("live") {
        let (acknowledged, completed) = (has("acknowledged"), has("completed"));
        let closed = loads.close(&entry, acknowledged || completed, completed);
        assert!(closed.await.unwrap());
    }
    entry
}

/// Brings content `c` into a situation, word by word, and says which job it has then.
async fn bring(bench: &Bench, before: &str) -> Option<Id> {
    let mut last = None;
    let mut worked = None;
    let first = bench.file("c").await;
    for word in before.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "submitted" => last = Some(bench.submit(first, "orders@1").await.unwrap().job.id),
            "claimed" => worked = Some(bench.work().await),
            "completed" | "failed" | "held" | "failed_untouched" => {
                let ends = match word {
                    "completed" => Ends::Completed,
                    "held" => Ends::Held,
                    _ => Ends::Failed,
                };
                let worked = worked.as_ref().unwrap();
                bench.end(worked, ends, word != "failed_untouched").await;
            }
            "cancelled" => {
                cancel(&bench.service, &bench.tenant, last.unwrap())
                    .await
                    .unwrap();
            }
            "newer" => {
                let other = bench.file("later").await;
                bench.submit(other, "orders@1").await.unwrap();
                bench.worked(Ends::Completed, true).await;
            }
            "gone" => {
                let files = &bench.service.stores.files;
                assert!(files.mark_gone(&bench.tenant, first, &[]).await.unwrap());
            }
            "expired" => bench.expire_one().await,
            run_word => {
                let words = run_word.strip_prefix("run:").expect("a known word");
                last = run(bench, "c", words).await.job.parse().ok();
            }
        }
    }
    last
}

/// `before`: what happened to the content. `asked`: `same` or `other` text of the spec, `again`.
/// `expected`: `new N` (a job of generation N), `put` (a job under the id that was there), `existing`, or a code.
async fn check(more: &str, before: &str, asked: &str, expected: &str) {
    let bench = Bench::with(more).await;
    let last = bring(&bench, before).await;
    // Another upload of the same content.
    let file = bench.file("c").await;
    let reference = match asked.contains("other") {
        true => "orders@2",
        false => "orders@1",
    };
    let result = match asked.contains("again") {
        true => bench.again(file, reference, "key").await,
        false => bench.submit(file, reference).await,
    };
    let found = match &result {
        Ok(submitted) if submitted.existing => {
            assert_eq!(Some(submitted.job.id), last, "{before}, {asked}");
            "existing".to_owned()
        }
        Ok(submitted) if Some(submitted.job.id) == last => "put".into(),
        Ok(submitted) => format!("new {}", submitted.job.load.generation),
        Err(fatal) => fatal.code.into(),
    };
    assert_eq!(found, expected, "{before}, {asked}: {result:?}");
    if let Ok(Submitted { job, existing }) = result {
        assert!(
            job.files.contains(&file),
            "every file of the content is listed"
        );
        assert_eq!(bench.job(job.id).await.files, job.files);
        if !existing {
            bench.is_ready(&job).await;
            assert_eq!(
                bench.work().await.job.id,
                job.id,
                "a worker takes it at once"
            );
        }
    }
}

#[tokio::test]
async fn the_same_content_and_text_is_the_same_job() {
    for (before, expected) in [
        ("", "new 0"),
        ("submitted", "existing"),
        ("submitted claimed", "existing"),
        ("submitted claimed held", "existing"),
        ("submitted claimed completed", "existing"),
        ("submitted claimed failed", "existing"),
        ("submitted claimed failed_untouched", "existing"),
        ("submitted cancelled", "existing"),
        ("submitted claimed completed gone", "existing"),
        ("submitted claimed completed expired", "existing"),
        // What can never be retried does not keep its content from being loaded.
        ("submitted claimed failed gone", "new 0"),
        ("submitted claimed failed expired", "new 0"),
    ] {
        check("", before, "same", expected).await;
    }
}

#[tokio::test]
async fn another_text_waits_takes_over_or_is_refused() {
    for (before, expected) in [
        ("submitted", "load_in_progress"),
        ("submitted claimed", "load_in_progress"),
        ("submitted claimed held", "load_in_progress"),
        ("submitted claimed completed", "loaded_by_other_spec"),
        ("submitted claimed failed", "loaded_by_other_spec"),
        ("submitted claimed failed expired", "loaded_by_other_spec"),
        ("submitted claimed failed_untouched", "new 0"),
        ("submitted cancelled", "new 0"),
    ] {
        check("", before, "other", expected).await;
    }
}

#[tokio::test]
async fn what_run_has_loaded_is_gone_on_with() {
    for (before, asked, expected) in [
        ("run:live", "same", "load_in_progress"),
        ("run:live", "other", "load_in_progress"),
        ("run:stopped", "same", "put"),
        ("run:stopped", "other", "new 0"),
        ("run:acknowledged", "same", "put"),
        ("run:acknowledged", "other", "loaded_by_other_spec"),
        ("run:completed", "same", "put"),
        ("run:completed", "other", "loaded_by_other_spec"),
        ("run:live", "again", "new 1"),
        ("run:completed", "again other", "new 1"),
    ] {
        check("", before, asked, expected).await;
    }
}

#[tokio::test]
async fn again_is_a_generation_of_its_own() {
    for before in [
        "submitted claimed",
        "submitted claimed held",
        "submitted claimed completed",
        "submitted claimed failed",
        "submitted cancelled",
    ] {
        check("", before, "again", "new 1").await;
        check("", before, "again other", "new 1").await;
    }
    check("", "", "again", "new 0").await;
}

#[tokio::test]
async fn in_key_modes_the_last_one_asked_for_wins() {
    for (more, before, asked, expected) in [
        (UPSERT, "submitted claimed completed", "same", "existing"),
        (UPSERT, "submitted claimed completed newer", "same", "new 1"),
        (UPSERT, "submitted claimed failed newer", "same", "new 1"),
        (
            UPSERT,
            "submitted claimed completed newer",
            "other",
            "loaded_by_other_spec",
        ),
        (UPSERT, "run:completed newer", "same", "new 1"),
        (MERGE, "submitted claimed completed newer", "same", "new 1"),
        (MERGE, "submitted claimed failed newer", "same", "new 1"),
        ("", "submitted claimed completed newer", "same", "existing"),
    ] {
        check(more, before, asked, expected).await;
    }
}

#[tokio::test]
async fn a_file_must_be_there_and_whole() {
    let bench = Bench::new().await;
    let nobody = bench.service.entropy.id();
    assert_eq!(code(bench.submit(nobody, "orders").await), "not_found");
    let begun = bench.begun().await;
    assert_eq!(code(bench.submit(begun, "orders").await), "not_uploaded");
    let file = bench.file("c").await;
    let acme = bench.of_tenant("acme");
    assert_eq!(code(acme.submit(file, "orders").await), "not_found");
    let files = &bench.service.stores.files;
    assert!(files.mark_gone(&bench.tenant, file, &[]).await.unwrap());
    assert_eq!(code(bench.submit(file, "orders").await), "content_gone");
}

#[tokio::test]
async fn tenants_do_not_share_loads() {
    let bench = Bench::new().await;
    let acme = bench.of_tenant("acme");
    acme.register(&spec_text("orders", 1, "")).await;
    let ours = bench
        .submit(bench.file("c").await, "orders@1")
        .await
        .unwrap();
    let theirs = acme.submit(acme.file("c").await, "orders@1").await.unwrap();
    assert!(!ours.existing && !theirs.existing);
    assert_ne!(ours.job.load.identity, theirs.job.load.identity);
    assert_ne!(ours.job.id, theirs.job.id);
}

#[tokio::test]
async fn a_file_that_is_uploaded_again_under_its_key_is_listed_on_the_job() {
    let bench = Bench::new().await;
    let mut files = Vec::new();
    for existing in [false, true, true] {
        files.push(bench.file("c").await);
        let keyed = Asked {
            idempotency: Some(keyed("a")),
            ..asked(files[files.len() - 1], "orders@1")
        };
        let got = submit(&bench.service, &bench.tenant, keyed).await.unwrap();
        assert_eq!((got.existing, &got.job.files), (existing, &files));
        assert_eq!(bench.job(got.job.id).await.files, files);
    }
}

#[tokio::test]
async fn a_tenants_spec_writes_to_the_tenants_store_only() {
    let bench = Bench::new().await;
    let elsewhere = spec_text("elsewhere", 1, "").replace(
        "[sink.mongodb]\ncollection = \"orders\"",
        "[sink.jsonl]\npath = \"/tmp/never\"",
    );
    bench.register(&elsewhere).await;
    let file = bench.file("c").await;
    assert_eq!(
        code(bench.submit(file, "elsewhere").await),
        "sink_not_allowed"
    );
}

#[tokio::test]
async fn again_wants_a_key_and_a_key_is_for_one_request() {
    let bench = Bench::new().await;
    let file = bench.file("c").await;
    let without = Asked {
        again: true,
        ..asked(file, "orders@1")
    };
    let refused = submit(&bench.service, &bench.tenant, without).await;
    assert_eq!(code(refused), "idempotency_key_required");
    let first = bench.again(file, "orders@1", "a").await.unwrap();
    let replayed = bench.again(file, "orders@1", "a").await.unwrap();
    assert_eq!((replayed.existing, replayed.job.id), (true, first.job.id));
    let other = Asked {
        idempotency: Some(IdempotencyKey {
            request_sha256: "bb".into(),
            ..keyed("a")
        }),
        ..asked(file, "orders@1")
    };
    let refused = submit(&bench.service, &bench.tenant, other).await;
    assert_eq!(code(refused), "idempotency_key_reused");
    let second = bench.again(file, "orders@1", "b").await.unwrap();
    assert_eq!((second.existing, second.job.load.generation), (false, 1));
}

#[tokio::test]
async fn a_request_that_is_sent_again_gets_its_job_whatever_came_since() {
    let bench = Bench::new().await;
    let file = bench.file("c").await;
    let first = bench.submit(file, "orders@1").await.unwrap();
    let keyed = Asked {
        idempotency: Some(keyed("a")),
        ..asked(file, "orders@1")
    };
    let send = async || submit(&bench.service, &bench.tenant, keyed.clone()).await;
    let existing = send().await.unwrap();
    assert_eq!((existing.existing, existing.job.id), (true, first.job.id));
    bench.worked(Ends::Completed, true).await;
    let files = &bench.service.stores.files;
    assert!(files.mark_gone(&bench.tenant, file, &[]).await.unwrap());
    let replayed = send().await.unwrap();
    assert_eq!((replayed.existing, replayed.job.id), (true, first.job.id));
}

#[tokio::test]
async fn a_file_of_a_load_that_wants_its_files_removed_is_to_go() {
    let bench = Bench::without_specs().await;
    let text = spec_text("orders", 1, "");
    let text = text.replace(
        "[format.jsonl]",
        "[input]\non_success = \"delete\"\n[format.jsonl]",
    );
    bench.register(&text).await;
    let first = bench.file("c").await;
    bench.submit(first, "orders@1").await.unwrap();
    bench.worked(Ends::Completed, true).await;
    let is_to_go = async |file| {
        let seen = bench.service.stores.files.file(&bench.tenant, file).await;
        seen.unwrap().unwrap().file.to_go_for.is_some()
    };
    // That of a job which runs is its worker's to note, when it completes it.
    assert!(!is_to_go(first).await);
    let second = bench.file("c").await;
    let asked = Asked {
        idempotency: Some(keyed("a")),
        ..asked(second, "orders@1")
    };
    let existing = submit(&bench.service, &bench.tenant, asked.clone()).await;
    assert!(existing.unwrap().existing && is_to_go(second).await);
    // Another upload under the key of a request that came before.
    let third = bench.file("c").await;
    let replayed = Asked {
        file: third,
        ..asked
    };
    let existing = submit(&bench.service, &bench.tenant, replayed).await;
    assert!(existing.unwrap().existing && is_to_go(third).await);
}
