//! A page of a list, newest first, as every store gives it.

use crate::id::Id;
use crate::page::{Cursor, From, Listed, MAX_ITEMS, Page};
use std::cmp::Reverse;

/// The page of `items`, which are all that is wanted, by when each was made and what it is.
pub(super) fn listed<T>(
    items: impl Iterator<Item = T>,
    page: Page,
    place: impl Fn(&T) -> (u64, Id),
) -> Listed<T> {
    let mut items: Vec<T> = items.collect();
    let key = |item: &T| {
        let (created_ms, id) = place(item);
        (created_ms, id.0)
    };
    items.sort_by_key(|item| Reverse(key(item)));
    let limit = page.limit.clamp(1, MAX_ITEMS) as usize;
    let (total, begin) = match page.from {
        From::Number(number) => {
            let pages = number.saturating_sub(1) as usize;
            (Some(items.len() as u64), pages.saturating_mul(limit))
        }
        From::After(cursor) => {
            let after = (cursor.created_ms, cursor.id.0);
            (None, items.partition_point(|item| key(item) >= after))
        }
    };
    let mut items: Vec<T> = items.into_iter().skip(begin).take(limit + 1).collect();
    // One more than is wanted tells whether there is a next page.
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| {
        let (created_ms, id) = place(last);
        Cursor { created_ms, id }
    });
    Listed { items, total, next }
}
