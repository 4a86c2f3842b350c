//! What is new of watched jobs: each change once, rest at once, nothing of another tenant's.

use super::*;
use crate::queue::{Known, MAX_NEWS};

fn known(job: &Job, wants_any: bool) -> Known {
    Known {
        id: job.id,
        state: job.state,
        updated_ms: job.updated_ms,
        wants_any,
    }
}

async fn news(store: &Store, tenant: &Tenant, known: Known) -> Option<Job> {
    let mut news = store.news(tenant, &[known]).await.unwrap();
    assert!(news.len() <= 1, "{news:?}");
    news.pop()
}

pub(super) async fn what_is_known_is_no_news(store: Store) {
    let tenant = tenant("acme");
    let submitted = submit(&store, &tenant).await;
    let first = news(&store, &tenant, Known::nothing(submitted.id)).await;
    let first = first.expect("a job of which nothing is known is new");
    assert_eq!((first.id, first.state), (submitted.id, State::Queued));
    assert!(news(&store, &tenant, known(&first, true)).await.is_none());
    let claimed = store.claim(&claimant()).await.unwrap().unwrap();
    let begun = news(&store, &tenant, known(&first, true)).await.unwrap();
    assert_eq!(begun.state, State::InProgress);
    // A state alone is enough, and so is a time.
    let other = Known {
        state: State::Queued,
        ..known(&begun, true)
    };
    assert!(news(&store, &tenant, other).await.is_some());
    let claim = claimed.claim().unwrap();
    assert!(store.save(&claim, 0, &checkpoint(7)).await.unwrap());
    let earlier = Known {
        updated_ms: begun.updated_ms - 1,
        ..known(&begun, true)
    };
    let saved = news(&store, &tenant, earlier).await.unwrap();
    let books = saved.checkpoint.as_ref().map(|saved| &saved.books);
    assert_eq!(books.map(|books| books.summary.kinds().len()), Some(1));
    assert!(news(&store, &tenant, known(&saved, true)).await.is_none());
}

pub(super) async fn between_times_only_rest_is_news(store: Store) {
    let tenant = tenant("acme");
    let job = submit(&store, &tenant).await;
    let quiet = known(&job, false);
    let claimed = store.claim(&claimant()).await.unwrap().unwrap();
    let claim = claimed.claim().unwrap();
    assert!(store.renew(&claim, &renewal(7)).await.unwrap());
    assert!(news(&store, &tenant, quiet).await.is_none());
    assert!(store.hold(&claim, &progress(7), &held()).await.unwrap());
    let held = news(&store, &tenant, quiet).await.unwrap();
    assert_eq!(held.state, State::Held);
    let quiet = known(&held, false);
    assert!(news(&store, &tenant, quiet).await.is_none());
    store.cancel(&tenant, job.id).await.unwrap();
    let ended = news(&store, &tenant, quiet).await.unwrap();
    assert_eq!(ended.state, State::Cancelled);
}

pub(super) async fn news_are_the_tenants_own_and_bounded(store: Store) {
    let (mine, theirs) = (tenant("acme"), tenant("bolt"));
    assert!(store.news(&mine, &[]).await.unwrap().is_empty());
    let other = submit(&store, &theirs).await;
    assert!(
        news(&store, &mine, Known::nothing(other.id))
            .await
            .is_none()
    );
    let mut asked = vec![Known::nothing(id()), Known::nothing(other.id)];
    let mut expected = Vec::new();
    while asked.len() < MAX_NEWS {
        let job = submit(&store, &mine).await;
        expected.push(job.id);
        asked.push(Known::nothing(job.id));
    }
    asked.push(Known::nothing(submit(&store, &mine).await.id));
    let news = store.news(&mine, &asked).await.unwrap();
    let mut found: Vec<Id> = news.iter().map(|job| job.id).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}
