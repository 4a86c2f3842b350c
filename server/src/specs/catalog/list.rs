//! Which specs there are for a tenant, of both origins, and their texts.

use super::{Catalog, PAGE, blocking};
use crate::specs::folder::{self, Folder, Summary};
use crate::specs::{Owner, Registered};
use crate::tenant::Tenant;
use pipeline::Fatal;
use std::collections::BTreeMap;

/// Where a spec comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `SPECS_DIR`.
    Operator,
    /// The registry.
    Tenant,
}

impl Origin {
    /// Its word in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Tenant => "tenant",
        }
    }
}

/// A version of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The spec's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The hash of its text, in hexadecimal digits.
    pub sha256: String,
    /// Where it comes from.
    pub origin: Origin,
    /// When it was registered, in milliseconds since 1970; none for the operator's.
    pub created_ms: Option<u64>,
}

impl Item {
    pub(super) fn registered(found: Registered) -> Self {
        Self {
            name: found.name,
            version: found.version,
            sha256: found.sha256,
            origin: Origin::Tenant,
            created_ms: Some(found.created_ms),
        }
    }

    fn operators(summary: &Summary) -> Self {
        Self {
            name: summary.name.clone(),
            version: summary.version,
            sha256: summary.sha256.clone(),
            origin: Origin::Operator,
            created_ms: None,
        }
    }
}

/// Where a page of specs begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemsFrom<'a> {
    /// At the first item of page N, from 1; the list says its total.
    Number(u32),
    /// Behind this name.
    After(&'a str),
}

/// A page of specs, ordered by the bytes of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemsPage {
    /// The newest version of each.
    pub items: Vec<Item>,
    /// How many specs there are in all, where the page was asked for by its number.
    pub total: Option<u64>,
    /// The name behind which the next page begins; none at the end.
    pub next: Option<String>,
}

impl Catalog {
    /// The newest version of each spec that the tenant can name, at most `limit`.
    ///
    /// # Errors
    /// `specs_unreadable`; outages.
    pub async fn list(
        &self,
        tenant: &Tenant,
        from: ItemsFrom<'_>,
        limit: u32,
    ) -> Result<ItemsPage, Fatal> {
        let limit = limit as usize;
        let folder = self.look().await?;
        let (after, skip, enough) = match from {
            ItemsFrom::After(name) => (name, 0, limit + 1),
            ItemsFrom::Number(page) => {
                let skip = limit.saturating_mul(page.max(1) as usize - 1);
                ("", skip, usize::MAX)
            }
        };
        let all = self.merged(tenant, &folder, after, enough).await?;
        let total = matches!(from, ItemsFrom::Number(_)).then_some(all.len() as u64);
        let more = all.len() > skip.saturating_add(limit);
        let items: Vec<Item> = all.into_values().skip(skip).take(limit).collect();
        let last = items.last().filter(|_| more);
        Ok(ItemsPage {
            next: last.map(|last| last.name.clone()),
            items,
            total,
        })
    }

    /// The newest version of each spec behind the name `after`, by name: all, or those of which the first `enough` are
    /// sure to be the first.
    async fn merged(
        &self,
        tenant: &Tenant,
        folder: &Folder,
        after: &str,
        enough: usize,
    ) -> Result<BTreeMap<String, Item>, Fatal> {
        let mut all = BTreeMap::new();
        let mut behind = after.to_owned();
        while all.len() < enough {
            let owner = Owner::Tenant(tenant);
            let page = self.specs.newest(owner, Some(&behind), PAGE).await?;
            let Some(last) = page.last() else { break };
            behind.clone_from(&last.name);
            let is_last = page.len() < PAGE as usize;
            for found in page {
                if !folder.holds(&found.name) {
                    all.insert(found.name.clone(), Item::registered(found));
                }
            }
            if is_last {
                break;
            }
        }
        let newest = folder.newest();
        let operators = newest.into_iter().filter(|(name, _)| *name > after);
        all.extend(operators.map(|(name, summary)| (name.to_owned(), Item::operators(summary))));
        Ok(all)
    }

    /// The versions of a spec, highest first; empty, when there is no such spec.
    ///
    /// # Errors
    /// `specs_unreadable`; outages.
    pub async fn versions(&self, tenant: &Tenant, name: &str) -> Result<Vec<Item>, Fatal> {
        let folder = self.look().await?;
        if folder.holds(name) {
            let good = folder.good().filter(|(_, summary)| summary.name == name);
            let by_version: BTreeMap<u32, Item> = good
                .map(|(_, summary)| (summary.version, Item::operators(summary)))
                .collect();
            return Ok(by_version.into_values().rev().collect());
        }
        let versions = self.specs.versions(Owner::Tenant(tenant), name).await?;
        Ok(versions.into_iter().map(Item::registered).collect())
    }

    /// A version with its text; `None`, when there is no such version.
    ///
    /// # Errors
    /// `specs_unreadable`; outages.
    pub async fn text(
        &self,
        tenant: &Tenant,
        name: &str,
        version: u32,
    ) -> Result<Option<(Item, String)>, Fatal> {
        let folder = self.look().await?;
        if !folder.holds(name) {
            let found = self.specs.get(Owner::Tenant(tenant), name, Some(version));
            return Ok(found.await?.map(|mut found| {
                let text = std::mem::take(&mut found.text);
                (Item::registered(found), text)
            }));
        }
        let wanted = |summary: &Summary| summary.name == name && summary.version == version;
        let Some((file, summary)) = folder.good().find(|(_, summary)| wanted(summary)) else {
            return Ok(None);
        };
        let path = file.path.clone();
        let read = blocking(move || folder::read_whole(&path).ok()).await?;
        Ok(read.map(|text| {
            // The file may have been replaced since it was looked at: hash and text belong together.
            let sha256 = folder::sha256(&text);
            let item = Item::operators(summary);
            (Item { sha256, ..item }, text)
        }))
    }
}
