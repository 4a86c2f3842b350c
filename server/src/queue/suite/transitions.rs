//! Every transition from every state, what it sets, and that a statement which is sent twice finds its own change.

use super::*;
use crate::queue::Filter;
use std::fmt::Write as _;

/// What may be asked of a job, in the order of the table.
const MOVES: [&str; 12] = [
    "submit", "claim", "renew", "save", "finish", "fail", "hold", "release", "cancel", "retry",
    "reset", "approve",
];

/// From each state (first column) by each of [`MOVES`]: the state that follows; `-` where it is refused, `=` where the
/// worker finds the change that it made itself, both without any change.
const TABLE: &str = "
    queued       =  in_progress  -            -            -          -       -     -       cancelled  -       -       -
    in_progress  =  -            in_progress  in_progress  completed  failed  held  queued  cancelled  -       -       -
    held         =  -            -            -            -          -       =     -       cancelled  -       -       queued
    completed    =  -            -            -            =          -       -     -       -          -       -       -
    failed       =  -            -            -            -          =       -     -       -          queued  queued  -
    cancelled    =  -            -            -            -          -       -     -       -          queued  queued  -
";

pub(super) async fn every_transition_from_every_state(store: Store) {
    let (tenant, mut seen) = (tenant("acme"), String::new());
    for state in State::ALL {
        let _ = write!(seen, "\n{}", state.word());
        for asked in MOVES {
            let (before, claim) = in_state(&store, &tenant, state).await;
            let answered = ask(&store, &before, &claim, asked).await;
            let after = get(&store, &before).await;
            let result = match answered {
                true if shown(&before) == shown(&after) => "=",
                true => after.state.word(),
                false => {
                    assert_eq!(shown(&before), shown(&after), "{state:?} {asked}");
                    "-"
                }
            };
            let _ = write!(seen, " {result}");
            // No job of this round is there to be claimed in the next.
            if !after.state.is_terminal() {
                done(store.cancel(&tenant, after.id).await.unwrap());
            }
        }
    }
    let words = |text: &str| {
        let lines = text.trim().lines();
        lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&seen), words(TABLE), "columns: {MOVES:?}");
}

/// Asks for a transition; whether it was done.
async fn ask(store: &Store, job: &Job, claim: &Claim, asked: &str) -> bool {
    let (tenant, end) = (&job.tenant, progress(12));
    let client = |changed: Changed| matches!(changed, Changed::Done(_));
    match asked {
        "submit" => {
            let again = NewJob {
                id: job.id,
                ..new_job(tenant)
            };
            let there = store.submit(&again).await.unwrap();
            assert_eq!(shown(&there), shown(job), "it is returned as it is");
            true
        }
        "claim" => super::claim(store).await.is_some(),
        "renew" => store.renew(claim, &renewal(12)).await.unwrap(),
        "save" => store.save(claim, 0, &checkpoint(12)).await.unwrap(),
        "finish" => store.finish(claim, &end, &receipt()).await.unwrap(),
        "fail" => store.fail(claim, &end, &failure("encoding")).await.unwrap(),
        "hold" => store.hold(claim, &end, &held()).await.unwrap(),
        "release" => store.release(claim, &release(0, true)).await.unwrap(),
        "cancel" => client(store.cancel(tenant, job.id).await.unwrap()),
        "retry" => client(store.retry(tenant, job.id, false).await.unwrap()),
        "reset" => client(store.retry(tenant, job.id, true).await.unwrap()),
        "approve" => {
            let approved = store.approve(tenant, job.id, job.fence, &approval()).await;
            client(approved.unwrap())
        }
        other => panic!("{other} is no transition"),
    }
}

pub(super) async fn a_job_is_what_was_submitted(store: Store) {
    for (tenant, bytes_total) in [(tenant("acme"), Some(12)), (Tenant::NONE, None)] {
        let new = NewJob {
            priority: 7,
            bytes_total,
            ..new_job(&tenant)
        };
        let job = store.submit(&new).await.unwrap();
        assert_eq!((job.id, &job.tenant), (new.id, &new.tenant));
        assert_eq!(
            (job.files.clone(), job.file()),
            (vec![new.file], Some(new.file))
        );
        assert_eq!((&job.spec, &job.load), (&new.spec, &new.load));
        assert_eq!((job.priority, job.state), (7, State::Queued));
        assert_eq!((job.attempts, job.run, job.fence), (0, 0, 0));
        assert_eq!(
            (&job.owner, &job.worker, job.lock_until_ms),
            (&None, &None, None)
        );
        assert!(job.created_ms > 0);
        assert_eq!(
            (job.queued_ms, job.due_ms),
            (job.created_ms, job.created_ms)
        );
        assert_eq!(job.updated_ms, job.created_ms);
        assert_eq!((job.started_ms, job.finished_ms), (None, None));
        assert_eq!(
            (&job.checkpoint, &job.accepted),
            (&None, &Accepted::default())
        );
        let expected = Progress {
            bytes_total,
            ..Progress::default()
        };
        assert_eq!(job.progress, expected);
        assert_eq!(
            (job.max_rejects, job.spec_changed, job.expired),
            (None, false, false)
        );
        assert_eq!(
            (&job.held, &job.failure, &job.receipt),
            (&None, &None, &None)
        );
        assert_eq!(job.claim(), None);
        assert_eq!(shown(&get(&store, &job).await), shown(&job));
    }
}

pub(super) async fn text_is_never_interpreted(store: Store) {
    let odd = |word: &str| format!("$$NOW {word} $set.a {{\"$oid\": 1}} '\"; -- é\u{1F600}");
    let tenant = tenant("acme");
    let mut new = new_job(&tenant);
    new.spec.pin.name = odd("name");
    new.spec.text = odd("text");
    new.load.content = odd("content");
    new.load.collection = odd("collection");
    store.submit(&new).await.unwrap();
    let by = Claimant {
        worker: odd("worker"),
        owner: odd("owner"),
        ..claimant()
    };
    let job = store.claim(&by).await.unwrap().expect("a job is due");
    assert_eq!((&job.spec, &job.load), (&new.spec, &new.load));
    assert_eq!(
        (job.owner, job.worker.clone()),
        (Some(by.owner.clone()), Some(by.worker.clone()))
    );
    let claim = get(&store, &job_of(&store, &new).await)
        .await
        .claim()
        .unwrap();
    let mut progress = progress(3);
    progress.busy = None;
    let mut end = checkpoint(3);
    end.head = odd("head");
    assert!(store.save(&claim, 0, &end).await.unwrap());
    let failure = Failure {
        code: odd("code"),
        message: odd("message"),
        hint: Some("$$ROOT".into()),
        causes: vec!["$$REMOVE".into(), odd("cause")],
    };
    assert!(store.fail(&claim, &progress, &failure).await.unwrap());
    let job = job_of(&store, &new).await;
    assert_eq!((&job.progress, &job.checkpoint), (&progress, &Some(end)));
    assert_eq!(job.failure, Some(failure));
    done(store.retry(&tenant, job.id, false).await.unwrap());
    let (_, claim) = taken_again(&store, job.id).await;
    let held = Held {
        cause: Cause::UnknownColumns(vec!["$a.b".into(), odd("column")]),
        message: "$$ROOT".into(),
    };
    assert!(store.hold(&claim, &progress, &held).await.unwrap());
    assert_eq!(job_of(&store, &new).await.held, Some(held.clone()));
    let mut accepted = Accepted::default();
    accepted.accept(held.cause);
    accepted.accept(Cause::Control {
        name: odd("control"),
        actual: "$1".into(),
        expected: "missing".into(),
    });
    let approval = Approval {
        accepted: accepted.clone(),
        spec: Some(SpecText {
            text: "$$NOW".into(),
            ..new.spec.clone()
        }),
        ..approval()
    };
    let approved = store.approve(&tenant, job.id, claim.fence, &approval).await;
    let job = done(approved.unwrap());
    assert_eq!((job.accepted, job.spec.text), (accepted, "$$NOW".into()));
    let filter = Filter {
        spec: Some(new.spec.pin.name.clone()),
        ..Filter::default()
    };
    let found = store
        .jobs(&tenant, &filter, lists::first_page())
        .await
        .unwrap();
    assert_eq!(found.items.len(), 1);
    for odd in ["$ne", "{\"$gt\": \"\"}", "%", "*"] {
        let filter = Filter {
            spec: Some(odd.into()),
            ..Filter::default()
        };
        let found = store
            .jobs(&tenant, &filter, lists::first_page())
            .await
            .unwrap();
        assert!(found.items.is_empty(), "{odd}");
    }
}

async fn job_of(store: &Store, new: &NewJob) -> Job {
    let found = store.job(&new.tenant, new.id).await.unwrap();
    found.expect("the job is there")
}

pub(super) async fn a_transition_sets_and_clears_what_it_must(store: Store) {
    let tenant = tenant("acme");
    let (job, claim) = taken(&store, &tenant).await;
    assert_eq!((job.state, job.fence), (State::InProgress, 1));
    assert_eq!(job.worker.as_deref(), Some("host-1"));
    assert!(job.lock_until_ms >= Some(job.updated_ms + LONG_MS));
    assert!(job.started_ms >= Some(job.created_ms));
    assert_eq!(claim.run, 0);

    let longer = Renewal {
        lease_ms: 2 * LONG_MS,
        ..renewal(2)
    };
    assert!(store.renew(&claim, &longer).await.unwrap());
    let job = get(&store, &job).await;
    assert_eq!(job.progress, progress(2));
    assert!(job.lock_until_ms >= Some(job.updated_ms + 2 * LONG_MS));
    let vague = Renewal {
        progress: Progress {
            bytes_total: None,
            ..progress(3)
        },
        ..longer
    };
    assert!(store.renew(&claim, &vague).await.unwrap());
    assert_eq!(
        get(&store, &job).await.progress,
        progress(3),
        "a known size is not forgotten"
    );

    assert!(store.release(&claim, &release(0, false)).await.unwrap());
    let job = get(&store, &job).await;
    assert_eq!(
        (job.state, &job.owner, job.lock_until_ms),
        (State::Queued, &None, None)
    );
    assert_eq!(job.failure, Some(failure("target_busy")));
    assert!(job.queued_ms >= job.created_ms && job.due_ms >= job.queued_ms);
    assert_eq!(job.finished_ms, None);

    let (again, claim) = taken_again(&store, job.id).await;
    assert_eq!((again.fence, again.started_ms), (2, job.started_ms));
    assert!(store.hold(&claim, &progress(4), &held()).await.unwrap());
    let job = get(&store, &job).await;
    assert_eq!((&job.held, &job.failure), (&Some(held()), &None));
    assert_eq!(
        (&job.owner, job.lock_until_ms, job.finished_ms),
        (&None, None, None)
    );
    assert_eq!(job.progress, progress(4));
    assert_eq!(
        job.worker.as_deref(),
        Some("host-1"),
        "the worker that had it last"
    );

    let job = done(store.cancel(&tenant, job.id).await.unwrap());
    assert_eq!((job.state, &job.held), (State::Cancelled, &None));
    assert_eq!(job.finished_ms, Some(job.updated_ms));
    let job = done(store.retry(&tenant, job.id, false).await.unwrap());
    assert_eq!((job.finished_ms, job.due_ms), (None, job.queued_ms));

    let (_, claim) = taken_again(&store, job.id).await;
    assert!(
        store
            .fail(&claim, &progress(5), &failure("x"))
            .await
            .unwrap()
    );
    let job = get(&store, &job).await;
    assert_eq!((&job.failure, &job.owner), (&Some(failure("x")), &None));
    assert_eq!(
        (job.finished_ms, job.lock_until_ms),
        (Some(job.updated_ms), None)
    );
    let job = done(store.retry(&tenant, job.id, false).await.unwrap());
    assert_eq!((&job.failure, job.finished_ms), (&None, None));

    let (_, claim) = taken_again(&store, job.id).await;
    assert!(store.save(&claim, 0, &checkpoint(6)).await.unwrap());
    let saved = get(&store, &job).await;
    assert_eq!(
        (saved.progress.furthest, &saved.checkpoint),
        (6, &Some(checkpoint(6)))
    );
    assert!(
        store
            .finish(&claim, &progress(6), &receipt())
            .await
            .unwrap()
    );
    let job = get(&store, &job).await;
    assert_eq!(
        (job.state, &job.receipt),
        (State::Completed, &Some(receipt()))
    );
    assert_eq!(
        (&job.owner, job.lock_until_ms, &job.failure),
        (&None, None, &None)
    );
    assert_eq!(
        (job.finished_ms, job.progress),
        (Some(job.updated_ms), progress(6))
    );
    assert_eq!(
        job.checkpoint,
        Some(checkpoint(6)),
        "its books answer for the statistics"
    );
}

pub(super) async fn a_statement_sent_twice_finds_its_own_change(store: Store) {
    let tenant = tenant("acme");
    let new = new_job(&tenant);
    let first = store.submit(&new).await.unwrap();
    assert_eq!(shown(&store.submit(&new).await.unwrap()), shown(&first));
    let mut by = claimant();
    let mut last = String::new();
    for asked in [
        "renew",
        "save",
        "hold",
        "release",
        "last release",
        "fail",
        "finish",
    ] {
        by.owner = owner();
        let job = store.claim(&by).await.unwrap().expect("a job is due");
        let again = store.claim(&by).await.unwrap().expect("its own claim");
        assert_eq!(shown(&job), shown(&again), "{asked}");
        let claim = job.claim().unwrap();
        for time in ["first", "second"] {
            let end = progress(12);
            let done = match asked {
                "renew" => store.renew(&claim, &renewal(0)).await,
                "save" => store.save(&claim, 0, &checkpoint(12)).await,
                "finish" => store.finish(&claim, &end, &receipt()).await,
                "fail" => store.fail(&claim, &end, &failure("encoding")).await,
                "hold" => store.hold(&claim, &end, &held()).await,
                "release" => store.release(&claim, &release(0, true)).await,
                _ => {
                    let release = Release {
                        max_attempts: 1,
                        ..release(0, true)
                    };
                    store.release(&claim, &release).await
                }
            };
            assert!(done.unwrap(), "{asked}, {time} time");
            let now = shown(&get(&store, &job).await);
            if time == "second" && asked != "renew" {
                assert_eq!(now, last, "{asked} changes nothing the second time");
            }
            last = now;
        }
        // Back to the queue for the next one.
        let job = get(&store, &job).await;
        match job.state {
            State::InProgress => {
                done(store.cancel(&tenant, job.id).await.unwrap());
                done(store.retry(&tenant, job.id, true).await.unwrap());
            }
            State::Held => {
                let approved = store.approve(&tenant, job.id, job.fence, &approval()).await;
                done(approved.unwrap());
            }
            State::Failed => {
                done(store.retry(&tenant, job.id, false).await.unwrap());
            }
            _ => {}
        }
    }
    assert_eq!(get(&store, &first).await.state, State::Completed);
    assert!(claim(&store).await.is_none(), "nothing was doubled");
}

pub(super) async fn a_released_job_is_charged_without_progress_only(store: Store) {
    let tenant = tenant("acme");
    let mut job = submit(&store, &tenant).await;
    // What the worker had done when it was claimed, and then; whether it is charged; the attempts that follow.
    for (furthest, charge, attempts) in [
        (0, true, 1),
        (0, false, 1),
        (0, true, 2),
        (5, true, 0),
        (5, true, 1),
        (5, false, 1),
        (6, false, 0),
        (6, true, 1),
        (6, true, 2),
    ] {
        let (_, claim) = taken_again(&store, job.id).await;
        assert!(store.renew(&claim, &renewal(furthest)).await.unwrap());
        assert!(store.release(&claim, &release(0, charge)).await.unwrap());
        job = get(&store, &job).await;
        let seen = (job.state, job.attempts);
        assert_eq!(seen, (State::Queued, attempts), "{furthest} {charge}");
    }
    let (_, claim) = taken_again(&store, job.id).await;
    assert!(store.release(&claim, &release(0, true)).await.unwrap());
    let job = get(&store, &job).await;
    assert_eq!((job.state, job.attempts), (State::Failed, 3));
    assert_eq!(job.failure, Some(failure("target_busy")));
    assert_eq!((job.finished_ms, &job.owner), (Some(job.updated_ms), &None));
    let job = done(store.retry(&tenant, job.id, false).await.unwrap());
    assert_eq!((job.attempts, &job.failure), (0, &None));

    // One that says nothing leaves what was said before, and an end has a reason whatever happens.
    for (said, expected) in [
        (true, "target_busy"),
        (false, "target_busy"),
        (false, "crash_loop"),
    ] {
        let (_, claim) = taken_again(&store, job.id).await;
        let mut release = release(0, true);
        release.failure = release.failure.filter(|_| said);
        assert!(store.release(&claim, &release).await.unwrap());
        let failure = get(&store, &job).await.failure;
        assert_eq!(failure.unwrap().code, expected);
    }
    assert_eq!(get(&store, &job).await.state, State::Failed);
}
