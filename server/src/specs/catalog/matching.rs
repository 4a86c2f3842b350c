//! Which spec is for a file, by the file's name.

use super::{Catalog, Chosen, PAGE, blocking, lock, shown};
use crate::specs::{Owner, Registered};
use crate::tenant::Tenant;
use pipeline::Fatal;
use stages::plan::name_matches;
use stages::spec::Spec;
use std::sync::Arc;

/// The longest file name that is compared with patterns, in characters: what file systems take. A longer one matches
/// nothing.
const MAX_FILE_NAME_CHARS: usize = 255;
/// The most specs of a tenant that are compared with a file's name.
const MAX_COMPARED: usize = 1_000;

impl Catalog {
    /// The one spec whose `input.match` has a pattern for `file_name`, in its newest version.
    ///
    /// # Errors
    /// `no_matching_spec`; `several_matching_specs`; `too_many_specs`, when the tenant has more than can be compared;
    /// and as [`Self::find`].
    pub async fn matching(&self, tenant: &Tenant, file_name: &str) -> Result<Chosen, Fatal> {
        let folder = self.look().await?;
        let newest = folder.newest();
        let operators = newest
            .values()
            .map(|summary| (summary.reference(), summary.matches.clone().into()));
        let mut candidates: Vec<(String, Arc<[String]>)> = operators.collect();
        let mut compared = 0;
        let mut after: Option<String> = None;
        loop {
            let owner = Owner::Tenant(tenant);
            let page = self.specs.newest(owner, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            compared += page.len();
            if compared > MAX_COMPARED {
                let message =
                    format!("more than {MAX_COMPARED} specs could match: say which one is meant");
                return Err(Fatal::new("too_many_specs", message));
            }
            for found in page.iter().filter(|found| !folder.holds(&found.name)) {
                let patterns = self.patterns(tenant, found).await?;
                let reference = format!("{}@{}", found.name, found.version);
                candidates.push((reference, patterns));
            }
            if page.len() < PAGE as usize {
                break;
            }
        }
        let name = file_name.to_owned();
        let matching = blocking(move || matching(candidates, &name)).await?;
        match matching.as_slice() {
            [one] => self.find(tenant, one).await,
            [] => {
                let message = "no spec says that it is for files of this name";
                Err(Fatal::new("no_matching_spec", message).hint(
                    "name the spec, or give it a pattern: [input] match = [\"orders-*.csv\"]",
                ))
            }
            several => {
                let message = format!(
                    "several specs are for files of this name: {}",
                    shown(several)
                );
                Err(Fatal::new("several_matching_specs", message)
                    .hint("name the one that is meant"))
            }
        }
    }

    /// The patterns of a registered spec.
    async fn patterns(&self, tenant: &Tenant, found: &Registered) -> Result<Arc<[String]>, Fatal> {
        if let Some(patterns) = lock(&self.patterns).get(&found.sha256) {
            return Ok(patterns);
        }
        let (owner, version) = (Owner::Tenant(tenant), Some(found.version));
        let Some(whole) = self.specs.get(owner, &found.name, version).await? else {
            return Ok(Arc::default());
        };
        let read = blocking(move || stages::spec::read::<Spec>("spec", &whole.text).0);
        let matches = read.await?.input.and_then(|input| input.matches);
        let patterns: Arc<[String]> = matches.unwrap_or_default().into();
        lock(&self.patterns).insert(found.sha256.clone(), patterns.clone());
        Ok(patterns)
    }
}

/// The references whose patterns match.
fn matching(candidates: Vec<(String, Arc<[String]>)>, file_name: &str) -> Vec<String> {
    if file_name.chars().count() > MAX_FILE_NAME_CHARS {
        return Vec::new();
    }
    let matches = |patterns: &[String]| {
        let mut patterns = patterns.iter();
        patterns.any(|pattern| name_matches(pattern, file_name))
    };
    candidates
        .into_iter()
        .filter(|(_, patterns)| matches(patterns))
        .map(|(reference, _)| reference)
        .collect()
}
