//! Lists of files: pages by number and behind a place, narrowed by a status.

use super::*;
use crate::page::MAX_ITEMS;

pub(super) async fn pages_follow_each_other(store: Both) {
    let acme = tenant("acme");
    store.uploaded(&tenant("other")).await;
    let mut places = Vec::new();
    for number in 0..25 {
        let file = match number % 2 {
            0 => store.begun(&acme).await,
            _ => store.uploaded(&acme).await,
        };
        places.push((store.seen(&file).await.unwrap().file.created_ms, file.id));
    }
    // Newest first, of one moment by id.
    places.sort_unstable();
    let expected: Vec<_> = places.iter().rev().map(|(_, id)| *id).collect();
    check_pages(&store, &acme, None, &expected).await;
    let all = store.list(&acme, None, page(1, u32::MAX)).await;
    assert!(all.items.len() == 25 && MAX_ITEMS >= 25);
    let beyond = store.list(&acme, None, page(u32::MAX, 10)).await;
    assert_eq!((ids(&beyond), beyond.total), (vec![], Some(25)));
}

pub(super) async fn a_status_narrows_a_list(store: Both) {
    let acme = tenant("acme");
    let mut expected: Vec<(Status, Vec<(u64, Id)>)> =
        Status::ALL.map(|status| (status, Vec::new())).into();
    for number in 0..30 {
        // One more than states has neither job, one more is uploading.
        let state = State::ALL.get(number % 8).copied();
        let file = match number % 8 {
            7 => store.begun(&acme).await,
            _ => store.uploaded(&acme).await,
        };
        if let Some(state) = state {
            // A newer job, of another outcome, is what counts.
            store.job_in(&file, State::Cancelled).await;
            store.a_moment().await;
            let job = store.job_in(&file, state).await;
            if state == State::Queued {
                // So that the next one that is claimed is the next one that is queued.
                assert_eq!(store.claimed().await.job, job);
            }
        }
        let seen = store.seen(&file).await.unwrap();
        let list = expected.iter_mut().find(|list| list.0 == seen.status());
        list.unwrap().1.push((seen.file.created_ms, file.id));
    }
    for (status, mut places) in expected {
        places.sort_unstable();
        let expected: Vec<_> = places.iter().rev().map(|(_, id)| *id).collect();
        assert!(expected.len() >= 3, "{status:?}");
        check_pages(&store, &acme, Some(status), &expected).await;
    }
}

/// Checks a list by pages of every size, by their numbers and one behind the other.
async fn check_pages(store: &Both, tenant: &Tenant, status: Option<Status>, expected: &[Id]) {
    for limit in [1, 2, 3, 7, 24, 25, 200] {
        let pages: Vec<_> = expected.chunks(limit as usize).collect();
        let mut from = From::Number(1);
        for (index, expected_page) in pages.iter().enumerate() {
            let number = page(index as u32 + 1, limit);
            let by_number = store.list(tenant, status, number).await;
            assert_eq!(ids(&by_number), *expected_page, "{status:?}, {number:?}");
            assert_eq!(by_number.total, Some(expected.len() as u64));
            let behind = store.list(tenant, status, Page { from, limit }).await;
            assert_eq!(ids(&behind), *expected_page, "{status:?}, {from:?}");
            assert_eq!(behind.total.is_none(), index > 0);
            assert_eq!(behind.next, by_number.next);
            match behind.next {
                Some(next) => from = From::After(next),
                None => assert_eq!(index + 1, pages.len()),
            }
        }
    }
}
