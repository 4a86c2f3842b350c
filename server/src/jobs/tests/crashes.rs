//! A request that is cut off between two steps leaves nothing that blocks, and is never done twice.

use super::submit::{Candidate, Submission, content, remembered};
use super::*;
use crate::files::File;
use crate::jobs::judge::Verdict;
use crate::specs::catalog::Chosen;
use tokio::time::Instant;

/// The last step of a request before it was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Remembered,
    Entered,
    Queued,
}

/// Begins a request under the key `a`, and cuts it off behind a step. Returns the id of its job.
async fn cut_off(bench: &Bench, asked: &Asked, behind: Cut) -> Id {
    let Service {
        stores,
        entropy,
        catalog,
        targets,
        ..
    } = &bench.service;
    let candidate = remembered(
        &*stores.queue,
        &**entropy,
        &bench.tenant,
        asked.idempotency.as_ref(),
    )
    .await;
    let Ok(Candidate::Free(candidate)) = candidate else {
        panic!("it is the first");
    };
    if behind == Cut::Remembered {
        return candidate;
    }
    let file = content(&*stores.files, &bench.tenant, asked.file).await;
    let reference = asked.spec.as_deref().unwrap();
    let chosen = catalog.find(&bench.tenant, reference).await.unwrap();
    let loads = targets.loads(&bench.tenant, &chosen.plan).await.unwrap();
    let submission = Submission {
        parent: None,
        callback: None,
        queue: &*stores.queue,
        files: &*stores.files,
        loads: &*loads,
        entropy: &**entropy,
        tenant: &bench.tenant,
        file: &file.unwrap(),
        plan: &chosen.plan,
        spec: &chosen.text,
        priority: 0,
        again: asked.again,
        candidate,
    };
    let verdict = submission.judged().await.unwrap();
    assert!(
        matches!(verdict, Verdict::Enter(..) | Verdict::Take(..)),
        "{verdict:?}"
    );
    let entry = submission.entered(verdict).await.unwrap().unwrap();
    if behind == Cut::Queued {
        // As `queued` does, up to where it lets go of the entry.
        let queued = submission.queued(&entry, Instant::now()).await;
        let queued = queued.unwrap().unwrap();
        assert!(loads.renew(&entry, LEASE_MS, false).await.unwrap());
        assert_eq!(queued.id, candidate);
    }
    candidate
}

/// Cuts a request off, and sends another one of the same content with `reference`; with `replay`, it is the same again.
async fn check(again: bool, behind: Cut, reference: &str, replay: bool, expected: &str) {
    let bench = Bench::new().await;
    let before = match again {
        true => {
            let file = bench.file("c").await;
            bench.submit(file, "orders@1").await.unwrap();
            bench.worked(Ends::Completed, true).await;
            1
        }
        false => 0,
    };
    let file = bench.file("c").await;
    let first = Asked {
        again,
        idempotency: Some(keyed("a")),
        ..asked(file, "orders@1")
    };
    let id = cut_off(&bench, &first, behind).await;
    let second = match replay {
        true => first.clone(),
        false => asked(file, reference),
    };
    let what = format!("again {again}, {behind:?}, {reference}, replay {replay}");
    let got = submit(&bench.service, &bench.tenant, second).await;
    let found = match &got {
        Ok(got) if got.job.id == id && got.existing => "it, existing".to_owned(),
        Ok(got) if got.job.id == id => "it".into(),
        Ok(got) if got.existing => "existing".into(),
        Ok(_) => "another".into(),
        Err(fatal) => fatal.code.into(),
    };
    assert_eq!(found, expected, "{what}: {got:?}");
    // Whatever came in between, the request that is sent again makes no second job and no second generation.
    let replayed = submit(&bench.service, &bench.tenant, first).await;
    let Ok(Submitted { job, .. }) = replayed else {
        assert_eq!(code(replayed), "load_in_progress", "{what}");
        return;
    };
    let newest = bench.loads(&job).await.newest(job.load.base).await;
    let newest = newest.unwrap().unwrap();
    assert!(newest.generation <= before, "{what}: {newest:?}");
    assert_eq!(newest.job, job.id.to_string(), "{what}");
    let jobs = bench.queue().newest_of_file(&bench.tenant, file).await;
    assert_eq!(jobs.unwrap().map(|job| job.id), Some(job.id), "{what}");
}

#[tokio::test]
async fn the_same_request_finds_its_job_or_makes_it() {
    for again in [false, true] {
        check(again, Cut::Remembered, "orders@1", true, "it").await;
        check(again, Cut::Entered, "orders@1", true, "it").await;
        check(again, Cut::Queued, "orders@1", true, "it, existing").await;
    }
}

#[tokio::test]
async fn another_request_is_not_kept_waiting() {
    for (again, behind, reference, expected) in [
        (false, Cut::Remembered, "orders@1", "another"),
        (false, Cut::Entered, "orders@1", "it"),
        (false, Cut::Queued, "orders@1", "it, existing"),
        (true, Cut::Remembered, "orders@1", "existing"),
        (true, Cut::Entered, "orders@1", "it"),
        (true, Cut::Queued, "orders@1", "it, existing"),
        (false, Cut::Entered, "orders@2", "another"),
        (false, Cut::Queued, "orders@2", "load_in_progress"),
    ] {
        check(again, behind, reference, false, expected).await;
    }
}

/// A request for `orders@1` whose steps are made one by one.
struct Slow {
    bench: Bench,
    file: File,
    chosen: Chosen,
    loads: Arc<dyn Loads>,
    candidate: Id,
}

impl Slow {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let Service {
            stores,
            catalog,
            targets,
            entropy,
            ..
        } = &bench.service;
        let id = bench.file("c").await;
        let file = content(&*stores.files, &bench.tenant, id).await.unwrap();
        let chosen = catalog.find(&bench.tenant, "orders@1").await.unwrap();
        let loads = targets.loads(&bench.tenant, &chosen.plan).await.unwrap();
        let candidate = entropy.id();
        Self {
            bench,
            file,
            chosen,
            loads,
            candidate,
        }
    }

    fn request(&self) -> Submission<'_> {
        let Service {
            stores, entropy, ..
        } = &self.bench.service;
        Submission {
            parent: None,
            callback: Some("https://example.com/".into()),
            queue: &*stores.queue,
            files: &*stores.files,
            loads: &*self.loads,
            entropy: &**entropy,
            tenant: &self.bench.tenant,
            file: &self.file,
            plan: &self.chosen.plan,
            spec: &self.chosen.text,
            priority: 0,
            again: false,
            candidate: self.candidate,
        }
    }

    /// No client knows of the job that was cancelled: its upload has not failed.
    async fn nobody_is_told(&self) {
        let depth = self.bench.queue().depth().await.unwrap();
        assert_eq!(depth.pending_webhooks, 0);
    }

    async fn entered(&self) -> Entry {
        let request = self.request();
        let verdict = request.judged().await.unwrap();
        request.entered(verdict).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_slow_request_does_not_come_to_the_queue() {
    let slow = Slow::new().await;
    let (request, sent) = (slow.request(), Instant::now());
    let entry = slow.entered().await;
    // Its lease runs out, and another text takes the load over.
    let file = slow.file.new.id;
    let quick = slow.bench.submit(file, "orders@2").await.unwrap();
    assert_ne!(quick.job.id, slow.candidate);
    assert!(request.queued(&entry, sent).await.unwrap().is_none());
    let queue = slow.bench.queue();
    let ours = queue.job(&slow.bench.tenant, slow.candidate).await;
    assert!(ours.unwrap().is_none());
    slow.bench
        .is_ready(&slow.bench.job(quick.job.id).await)
        .await;
    assert_eq!(code(request.run().await), "load_in_progress");
}

#[tokio::test]
async fn a_request_that_learns_too_late_cancels_its_own_job() {
    let slow = Slow::new().await;
    let request = slow.request();
    let entry = slow.entered().await;
    let file = slow.file.new.id;
    let quick = slow.bench.submit(file, "orders@2").await.unwrap();
    let queued = request.queued(&entry, Instant::now()).await;
    assert!(queued.unwrap().is_none());
    let ours = slow.bench.job(slow.candidate).await;
    assert_eq!(ours.state, State::Cancelled);
    slow.nobody_is_told().await;
    slow.bench
        .is_ready(&slow.bench.job(quick.job.id).await)
        .await;
}

#[tokio::test]
async fn a_slow_request_for_the_same_finds_its_job() {
    let slow = Slow::new().await;
    let request = slow.request();
    let entry = slow.entered().await;
    let other = slow.bench.file("c").await;
    let quick = slow.bench.submit(other, "orders@1").await.unwrap();
    assert_eq!((quick.existing, quick.job.id), (false, slow.candidate));
    let queued = request.queued(&entry, Instant::now()).await;
    assert!(queued.unwrap().is_none(), "it reads another file");
    let found = request.run().await.unwrap();
    assert_eq!((found.existing, found.job.id), (true, slow.candidate));
    assert_eq!(found.job.files, [other, slow.file.new.id]);
    slow.bench.is_ready(&found.job).await;
}

#[tokio::test]
async fn a_file_that_is_removed_meanwhile_gets_no_job() {
    let slow = Slow::new().await;
    let files = &slow.bench.service.stores.files;
    let id = slow.file.new.id;
    assert!(files.remove(&slow.bench.tenant, id).await.unwrap());
    assert_eq!(code(slow.request().run().await), "not_found");
    let job = slow.bench.job(slow.candidate).await;
    assert_eq!(job.state, State::Cancelled);
    slow.nobody_is_told().await;
    assert!(!slow.bench.entry(&job).await.live);
}
