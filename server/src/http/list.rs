//! A page of a list as answers show it.

use super::answer::{self, Response};
use crate::page::{From, Listed, Page};
use schemars::JsonSchema;
use serde::Serialize;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListView<T> {
    /// The items.
    pub items: Vec<T>,
    /// The number of the page, where it was asked for by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The most items.
    pub limit: u32,
    /// How many there are in all, where the page was asked for by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

/// 200 with a page of a list.
pub fn answer<T, V: Serialize>(listed: Listed<T>, page: Page, view: impl Fn(T) -> V) -> Response {
    let number = match page.from {
        From::Number(number) => Some(number),
        From::After(_) => None,
    };
    answer::ok(&ListView {
        items: listed.items.into_iter().map(view).collect(),
        page: number,
        limit: page.limit,
        total: listed.total,
        next: listed.next.map(|cursor| cursor.to_string()),
    })
}
