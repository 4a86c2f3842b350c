//! Which fields may have a value in common, in whole or in part, told from what they are bound to: an answer of `false`
//! is sure, whatever the file. Where only a file could tell, the answer is `true`.

use super::columns::Title;
use super::path::{Path, Segment};
use super::plan::{BindPlan, Source};

impl BindPlan {
    /// Whether a value of one field may be one of the other, hold it or stand in it, each field by its number.
    pub fn may_share(&self, one: usize, other: usize) -> bool {
        let mut sources = self.sources();
        let here = sources.nth(one.min(other));
        let there = match one == other {
            true => here,
            false => sources.nth(one.abs_diff(other) - 1),
        };
        match (here, there) {
            (Some(here), Some(there)) => sources_share(here, there),
            _ => true,
        }
    }
}

fn sources_share(here: &Source, there: &Source) -> bool {
    match (here, there) {
        (Source::Column(here), Source::Column(there)) => here == there,
        (Source::Titles(here), Source::Titles(there)) => here
            .iter()
            .any(|here| there.iter().any(|there| titles_share(here, there))),
        (Source::Paths(here), Source::Paths(there)) => here
            .iter()
            .any(|here| there.iter().any(|there| paths_share(here, there))),
        // Which title a column has, only its file says.
        _ => true,
    }
}

/// Whether one column may answer to both. What a regular expression finds, only the file says.
fn titles_share(here: &Title, there: &Title) -> bool {
    match (here, there) {
        (Title::Text { folded: here, .. }, Title::Text { folded: there, .. }) => here == there,
        _ => true,
    }
}

/// Whether one is the other, or leads to it.
fn paths_share(here: &Path, there: &Path) -> bool {
    let mut both = here.segments().iter().zip(there.segments());
    both.all(|steps| match steps {
        // From the end of a list of unknown length every item can be meant.
        (Segment::Index(here), Segment::Index(there)) => {
            here == there || (*here < 0) != (*there < 0)
        }
        (here, there) => here == there,
    })
}
