//! Pages of a list, newest first: by number with a total, or behind a cursor without one.

use crate::id::Id;

/// Items of a page where the client says nothing.
pub const DEFAULT_ITEMS: u32 = 20;
/// The most items of a page.
pub const MAX_ITEMS: u32 = 200;

/// Which items of a list are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it begins.
    pub from: From,
    /// The most items; at most [`MAX_ITEMS`].
    pub limit: u32,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the first item of page N, from 1; the list says its total.
    Number(u32),
    /// Behind this item.
    After(Cursor),
}

/// The place of an item in a list that is ordered by creation, newest first, then by id, greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// What it is.
    pub id: Id,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// How many there are in all, where the page was asked for by its number.
    pub total: Option<u64>,
    /// Where the next page begins; none at the end.
    pub next: Option<Cursor>,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{}", self.created_ms, self.id)
    }
}

impl std::str::FromStr for Cursor {
    type Err = crate::id::NotAnId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (time, id) = text.split_once('-').ok_or(crate::id::NotAnId)?;
        let created_ms = u64::from_str_radix(time, 16).map_err(|_| crate::id::NotAnId)?;
        // What a store cannot compare is no place in its lists.
        if created_ms > i64::MAX as u64 {
            return Err(crate::id::NotAnId);
        }
        Ok(Self {
            created_ms,
            id: id.parse()?,
        })
    }
}
