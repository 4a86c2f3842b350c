//! What references mean, and what became of the records behind them: read from the rejects of both jobs, page by page.

use super::PAGE_REJECTS;
use crate::rejects::{Filter, Rejects, Run};
use pipeline::{Fatal, Reject, Summary};
use stages::corrected::{DUPLICATE, Named, Plain, Referred, Refusal, SETTLED, UNKNOWN};

/// What the reference of each record means, by what it names of `run`. Of the records before `settled` that are no rejects it
/// is not known which were some before, because others were sent again since; 0 where none was.
pub(super) async fn referred(
    rejects: &dyn Rejects,
    run: &Run,
    references: Vec<Named>,
    settled: u64,
) -> Result<Vec<Referred>, Fatal> {
    let mut wanted: Vec<(u64, usize)> = Vec::new();
    let each = references.into_iter().enumerate();
    let each = each.map(|(index, named)| {
        Referred::Refused(match named {
            Named::Nothing(refusal) => refusal,
            Named::Record(ordinal) => {
                wanted.push((ordinal, index));
                match ordinal < settled {
                    true => Refusal::Settled,
                    false => Refusal::NeverRejected,
                }
            }
        })
    });
    let mut referred: Vec<Referred> = each.collect();
    wanted.sort_unstable();
    let mut last = None;
    wanted.retain(|&(ordinal, index)| {
        let is_first = last.replace(ordinal) != Some(ordinal);
        if !is_first {
            referred[index] = Referred::Refused(Refusal::Duplicate);
        }
        is_first
    });
    let mut wanted = wanted.into_iter().peekable();
    while let Some(&(from, _)) = wanted.peek() {
        let page = rejects
            .page(run, &Filter::default(), from, 0, PAGE_REJECTS)
            .await?;
        let Some(last) = page.last().map(|last| last.at.ordinal) else {
            break;
        };
        let mut found = page.iter().peekable();
        while let Some((ordinal, index)) = wanted.next_if(|(ordinal, _)| *ordinal <= last) {
            while found.next_if(|found| found.at.ordinal < ordinal).is_some() {}
            if let Some(reject) = found.peek().filter(|found| found.at.ordinal == ordinal) {
                let code = reject.leading().map(|problem| &*problem.code);
                referred[index] = match code {
                    Some("encoding") => Referred::NoText(reject.at),
                    _ => Referred::At(reject.at),
                };
            }
        }
    }
    Ok(referred)
}

/// What became of records that are rejects of the parent, by their ordinals there, in order.
#[derive(Default)]
pub(super) struct Outcome {
    /// Those that are none any more.
    pub(super) good: Vec<u64>,
    /// Those that are bad still, each with its ordinal in the file that was sent again.
    pub(super) bad: Vec<(u64, u64)>,
}

impl Outcome {
    /// What became of the records that are rejects of the parent.
    pub(super) async fn of(
        rejects: &dyn Rejects,
        own: &Run,
        referred: &[Referred],
    ) -> Result<Self, Fatal> {
        let place = |index: usize| Some(referred.get(index)?.place()?.ordinal);
        let (mut outcome, mut at) = (Self::default(), 0);
        let mut from = Some(0);
        while let Some(next) = from.take() {
            let page = rejects
                .page(own, &Filter::default(), next, 0, PAGE_REJECTS)
                .await?;
            from = page.last().map(|last| last.at.ordinal + 1);
            for reject in page {
                let index = reject.at.ordinal;
                outcome.good.extend((at..index as usize).filter_map(place));
                let about_reference = reject
                    .leading()
                    .is_some_and(|problem| [UNKNOWN, SETTLED, DUPLICATE].contains(&&*problem.code));
                let named = place(index as usize).filter(|_| !about_reference);
                outcome.bad.extend(named.map(|named| (named, index)));
                at = index as usize + 1;
            }
        }
        outcome.good.extend((at..referred.len()).filter_map(place));
        outcome.good.sort_unstable();
        outcome.bad.sort_unstable();
        Ok(outcome)
    }
}

/// The rejects that are left to the parent.
pub(super) struct Left<'a> {
    pub(super) rejects: &'a dyn Rejects,
    pub(super) run: &'a Run,
    pub(super) own: &'a Run,
    pub(super) outcome: &'a Outcome,
    pub(super) plain: Option<&'a Plain>,
}

impl Left<'_> {
    /// Their summary, by their new reasons.
    pub(super) async fn summary(&self) -> Result<Summary, Fatal> {
        let (rejects, Outcome { good, bad }) = (self.rejects, self.outcome);
        let mut summary = Summary::default();
        let (mut from, mut bad) = (Some(0), &bad[..]);
        while let Some(next) = from.take() {
            let mut page = rejects
                .page(self.run, &Filter::default(), next, 0, PAGE_REJECTS)
                .await?;
            from = page.last().map(|last| last.at.ordinal + 1);
            let end = from.unwrap_or(u64::MAX);
            let (here, behind) = bad.split_at(bad.partition_point(|(ordinal, _)| *ordinal < end));
            bad = behind;
            renewed(rejects, self.own, here, self.plain, &mut page).await?;
            let left = page
                .iter()
                .filter(|reject| good.binary_search(&reject.at.ordinal).is_err());
            left.for_each(|reject| summary.count(reject));
        }
        Ok(summary)
    }
}

/// Gives rejects of the parent, in order, the records that were sent last and the reasons that `own` has for them, of those of
/// `bad`. A record that cannot be shown as one of the parent's file keeps its reasons too: both are of one record always.
pub(super) async fn renewed(
    rejects: &dyn Rejects,
    own: &Run,
    bad: &[(u64, u64)],
    plain: Option<&Plain>,
    page: &mut [Reject],
) -> Result<(), Fatal> {
    if bad.is_empty() || page.is_empty() {
        return Ok(());
    }
    let mut ordinals: Vec<u64> = bad.iter().map(|(_, own)| *own).collect();
    ordinals.sort_unstable();
    let found = rejects.of_records(own, &ordinals).await?;
    let at = |rejects: &[Reject], ordinal: u64| {
        rejects.binary_search_by_key(&ordinal, |reject| reject.at.ordinal)
    };
    for (ordinal, own) in bad {
        if let (Ok(there), Ok(here)) = (at(page, *ordinal), at(&found, *own)) {
            let (reject, sent) = (&mut page[there], &found[here]);
            let raw = match sent.raw.is_empty() {
                // Nothing is kept of records of a spec with sensitive fields.
                true => reject.raw.is_empty().then(Vec::new),
                false => plain.and_then(|plain| plain.record(&sent.raw)),
            };
            if let Some(raw) = raw {
                reject.problems.clone_from(&sent.problems);
                reject.raw = raw;
            }
        }
    }
    Ok(())
}
