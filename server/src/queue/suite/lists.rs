//! Lists: newest first, by page or behind a cursor, by state, file and spec; and how many jobs wait.

use super::*;
use crate::page::{Cursor, From, Page};
use crate::queue::Filter;

/// The first page of a list, as long as it may be.
pub(super) fn first_page() -> Page {
    numbered(1, 200)
}

fn numbered(number: u32, limit: u32) -> Page {
    Page {
        from: From::Number(number),
        limit,
    }
}

fn behind(cursor: Cursor, limit: u32) -> Page {
    Page {
        from: From::After(cursor),
        limit,
    }
}

fn ids(jobs: &[Job]) -> Vec<Id> {
    jobs.iter().map(|job| job.id).collect()
}

/// The jobs in the order of lists.
fn newest_first(jobs: &mut [Job]) {
    jobs.sort_by_key(|job| std::cmp::Reverse((job.created_ms, job.id)));
}

pub(super) async fn pages_follow_each_other(store: Store) {
    let tenant = tenant("acme");
    let any = Filter::default();
    let empty = store.jobs(&tenant, &any, first_page()).await.unwrap();
    assert_eq!(
        (empty.items.len(), empty.total, empty.next),
        (0, Some(0), None)
    );
    let mut jobs = vec![];
    for _ in 0..13 {
        jobs.push(submit(&store, &tenant).await);
    }
    submit(&store, &Tenant::NONE).await;
    newest_first(&mut jobs);
    let newest_ms = jobs[0].created_ms;
    let jobs = ids(&jobs);

    for (number, expected) in [
        (1, &jobs[..5]),
        (2, &jobs[5..10]),
        (3, &jobs[10..]),
        (4, &[]),
        (u32::MAX, &[]),
    ] {
        let listed = store
            .jobs(&tenant, &any, numbered(number, 5))
            .await
            .unwrap();
        assert_eq!(ids(&listed.items), expected, "page {number}");
        assert_eq!(listed.total, Some(13));
        assert_eq!(listed.next.is_some(), number < 3);
        assert_eq!(
            listed.next.map(|next| next.id),
            expected.last().copied().filter(|_| number < 3)
        );
    }
    let whole = store.jobs(&tenant, &any, numbered(1, 13)).await.unwrap();
    assert_eq!((ids(&whole.items), whole.next), (jobs.clone(), None));

    let mut seen = store.jobs(&tenant, &any, numbered(1, 4)).await.unwrap();
    let mut all = ids(&seen.items);
    // Jobs of one moment are in the order of their ids: what is added is newer only once time has passed.
    clock_is_past(&store, newest_ms).await;
    while let Some(next) = seen.next {
        // What is added in between moves nothing.
        submit(&store, &tenant).await;
        let next = next.to_string().parse().unwrap();
        seen = store.jobs(&tenant, &any, behind(next, 4)).await.unwrap();
        assert_eq!(seen.total, None);
        all.extend(ids(&seen.items));
    }
    assert_eq!(all, jobs);
    let earliest = Cursor {
        created_ms: 0,
        id: Id([0; 12]),
    };
    let none = store
        .jobs(&tenant, &any, behind(earliest, 4))
        .await
        .unwrap();
    assert_eq!((none.items.len(), none.total, none.next), (0, None, None));
    let latest = Cursor {
        created_ms: i64::MAX as u64,
        id: Id([255; 12]),
    };
    let listed = store.jobs(&tenant, &any, behind(latest, 1)).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}

pub(super) async fn filters_narrow_a_list(store: Store) {
    let tenant = tenant("acme");
    let mut jobs = vec![];
    for state in State::ALL.into_iter().rev() {
        jobs.push(in_state(&store, &tenant, state).await.0);
    }
    let invoices = NewJob {
        spec: spec("invoices", 1),
        ..new_job(&tenant)
    };
    jobs.push(store.submit(&invoices).await.unwrap());
    let shared = id();
    for number in [0, 6] {
        let job = &mut jobs[number];
        assert!(store.attach(&tenant, job.id, shared).await.unwrap());
        job.files.push(shared);
    }
    newest_first(&mut jobs);

    let check = async |filter: Filter, wanted: &dyn Fn(&Job) -> bool| {
        let expected: Vec<&Job> = jobs.iter().filter(|job| wanted(job)).collect();
        let expected: Vec<Id> = expected.iter().map(|job| job.id).collect();
        let listed = store.jobs(&tenant, &filter, first_page()).await.unwrap();
        assert_eq!(ids(&listed.items), expected, "{filter:?}");
        assert_eq!(listed.total, Some(expected.len() as u64), "{filter:?}");
        // The same one by one, by pages and by cursors.
        let mut one = store.jobs(&tenant, &filter, numbered(1, 1)).await.unwrap();
        for (number, id) in expected.iter().enumerate() {
            assert_eq!(ids(&one.items), [*id], "{filter:?}");
            let page = numbered(u32::try_from(number).unwrap() + 1, 1);
            let paged = store.jobs(&tenant, &filter, page).await.unwrap();
            assert_eq!((ids(&paged.items), paged.total), (vec![*id], listed.total));
            match one.next {
                Some(next) => {
                    one = store.jobs(&tenant, &filter, behind(next, 1)).await.unwrap();
                }
                None => assert_eq!(number + 1, expected.len()),
            }
        }
    };
    let of = |states: &[State]| Filter {
        states: states.to_vec(),
        ..Filter::default()
    };
    let file = |file: Id| Filter {
        file: Some(file),
        ..Filter::default()
    };
    let of_spec = |name: &str| Filter {
        spec: Some(name.into()),
        ..Filter::default()
    };
    check(Filter::default(), &|_| true).await;
    check(of(&State::ALL), &|_| true).await;
    for state in State::ALL {
        check(of(&[state]), &|job| job.state == state).await;
    }
    let ended = [State::Failed, State::Cancelled, State::Completed];
    check(of(&ended), &|job| job.state.is_terminal()).await;
    check(of(&[State::Held, State::Held]), &|job| {
        job.state == State::Held
    })
    .await;
    check(file(shared), &|job| job.files.contains(&shared)).await;
    check(file(id()), &|_| false).await;
    check(file(jobs[2].files[0]), &|job| job.id == jobs[2].id).await;
    check(of_spec("invoices"), &|job| job.spec.pin.name == "invoices").await;
    check(of_spec("orders"), &|job| job.spec.pin.name == "orders").await;
    check(of_spec("Orders"), &|_| false).await;
    let of_version = |version: u32| Filter {
        version: Some(version),
        ..of_spec("invoices")
    };
    check(of_version(1), &|job| job.spec.pin.name == "invoices").await;
    check(of_version(2), &|_| false).await;
    let both = Filter {
        states: vec![State::Queued, State::Held],
        spec: Some("orders".into()),
        ..Filter::default()
    };
    check(both, &|job| {
        matches!(job.state, State::Queued | State::Held) && job.spec.pin.name == "orders"
    })
    .await;
    let all = Filter {
        states: vec![State::Queued],
        spec: Some("invoices".into()),
        file: Some(shared),
        version: Some(1),
    };
    check(all, &|job| job.id == invoices.id).await;
}

pub(super) async fn a_list_has_nothing_long_of_its_jobs(store: Store) {
    let tenant = tenant("acme");
    let mut long = checkpoint(3);
    long.head = "h".repeat(100_000);
    long.carried[0].raw = Some(vec![7; pipeline::MAX_CARRIED_BYTES].into());
    for field in 0..pipeline::MAX_KINDS {
        let problem = pipeline::Problem::of_field("type", format!("f{field}"), "is not good");
        // As JSON, a control byte has six.
        let raw = [1; pipeline::MAX_RAW_BYTES];
        let reject = pipeline::Reject::new(Position::START, vec![problem], &raw);
        long.books.summary.count(&reject);
    }
    for _ in 0..3 {
        let (_, claim) = taken(&store, &tenant).await;
        assert!(store.save(&claim, 0, &long).await.unwrap());
    }
    let page = first_page();
    let listed = store.jobs(&tenant, &Filter::default(), page).await;
    let listed = listed.unwrap().items;
    assert_eq!(listed.len(), 3);
    for job in listed {
        let whole = get(&store, &job).await;
        assert_eq!(whole.checkpoint.as_ref(), Some(&long));
        let shown = job.checkpoint.as_ref().unwrap();
        assert_eq!(shown.books.counters, long.books.counters);
        assert_eq!((shown.head.len(), shown.carried.len()), (0, 0));
        assert_eq!(shown.books.summary, pipeline::Summary::default());
        // Who watches it is told of each kind.
        let known = [crate::queue::Known::nothing(job.id)];
        let news = store.news(&tenant, &known).await.unwrap();
        let news = news[0].checkpoint.as_ref().unwrap();
        assert_eq!(news.books.summary, long.books.summary);
        // Of the largest jobs a page has less than a MB.
        let view = serde_json::to_vec(&crate::http::JobView::listed(job)).unwrap();
        assert!(view.len() < 4_000, "{}", view.len());
        let view = serde_json::to_value(crate::http::JobView::from(whole)).unwrap();
        let kinds = view["errors"].as_array().unwrap().len();
        assert_eq!(kinds, long.books.summary.kinds().len());
    }
}

pub(super) async fn the_newest_job_of_a_file_is_found(store: Store) {
    let tenant = tenant("acme");
    let file = id();
    assert!(store.newest_of_file(&tenant, file).await.unwrap().is_none());
    let mut jobs = vec![];
    for _ in 0..5 {
        let new = NewJob {
            file,
            ..new_job(&tenant)
        };
        jobs.push(store.submit(&new).await.unwrap());
        submit(&store, &tenant).await;
    }
    newest_first(&mut jobs);
    let newest = store.newest_of_file(&tenant, file).await.unwrap().unwrap();
    assert_eq!(newest.id, jobs[0].id);
    // A later job that the file is attached to is newer.
    clock_is_past(&store, jobs[0].created_ms).await;
    let later = submit(&store, &tenant).await;
    assert!(store.attach(&tenant, later.id, file).await.unwrap());
    let newest = store.newest_of_file(&tenant, file).await.unwrap().unwrap();
    assert_eq!(newest.id, later.id);
}

pub(super) async fn depth_counts_what_waits(store: Store) {
    let count = |depth: &crate::queue::Depth, state: State| {
        let of = depth.jobs.iter().filter(|(counted, _)| *counted == state);
        of.map(|(_, count)| count).sum::<u64>()
    };
    let depth = store.depth().await.unwrap();
    assert_eq!((count(&depth, State::Queued), depth.oldest_due_ms), (0, 0));
    for (name, state) in [
        ("acme", State::InProgress),
        ("acme", State::Held),
        ("globex", State::Held),
        ("acme", State::Completed),
    ] {
        in_state(&store, &tenant(name), state).await;
    }
    let (_, claim) = taken(&store, &tenant("acme")).await;
    assert!(
        store
            .release(&claim, &release(LONG_MS, false))
            .await
            .unwrap()
    );
    let depth = store.depth().await.unwrap();
    assert_eq!(depth.oldest_due_ms, 0, "what is not due has not waited");
    for name in ["acme", "globex", ""] {
        submit(&store, &tenant(name)).await;
    }
    wait_for("a job to wait", async || {
        let depth = store.depth().await.unwrap();
        (depth.oldest_due_ms > 0).then_some(())
    })
    .await;
    let depth = store.depth().await.unwrap();
    let states = [State::Queued, State::InProgress, State::Held];
    assert_eq!(states.map(|state| count(&depth, state)), [4, 1, 2]);
}
