//! What would help against rejects: changes of the spec, each tried by a dry run of the same input.
//!
//! A change is told only where its run has fewer rejects, or fewer problems in as many, and loses no record; the number is the
//! difference. Runs have no limit to rejects, and end behind so many records.

use super::causes::{Cause, Causes};
use super::suggest::{self, Change};
use super::told::{Helps, Report, Together};
use super::{Checker, destination};
use crate::cli::load::Outcome;
use crate::cli::spec;
use stages::plan::Plan;
use stages::spec::{OnBreachSpec, Spec};
use stages::step::bind::read_files;
use std::cmp::Reverse;
use std::collections::HashSet;

/// The most changes that are tried, each with a run of its own.
const MAX_TRIES: usize = 24;
/// The most fields beside them of which is tried that words for "no value" mean null.
const MAX_MISSING_TRIES: usize = 8;
/// The records of the input that changes are tried on.
const MAX_TRY_RECORDS: u64 = 1_000_000;

/// What came of a try.
struct Tried {
    causes: Causes,
    records: u64,
    loaded: u64,
}

impl Tried {
    /// How many rejects and problems fewer these are than those of `first`; nothing where that is no gain.
    fn gain_over(&self, first: &Self) -> Option<(u64, u64)> {
        // Lines that become comments, or parts of other records, are no rejects any more, and no gain.
        if self.loaded < first.loaded && self.records < MAX_TRY_RECORDS {
            return None;
        }
        let rejects = first.causes.rejects.checked_sub(self.causes.rejects)?;
        let problems = first.causes.problems.checked_sub(self.causes.problems)?;
        (rejects + problems > 0).then_some((rejects, problems))
    }
}

/// Of changes of one place, leaves out those that say more than another one and help no more than it.
fn once_each(found: &mut Vec<(Helps, Change)>) {
    let said: Vec<Helps> = found.iter().map(|(helps, _)| helps.clone()).collect();
    found.retain(|(helps, _)| {
        !said.iter().any(|less| {
            let more = helps.change.strip_prefix(&less.change);
            less.at == helps.at
                && less.removes >= helps.removes
                && less.fewer_problems >= helps.fewer_problems
                && more.is_some_and(|more| more.starts_with(", "))
        })
    });
}

impl Checker<'_> {
    /// What the rejects have in common, and what would help.
    pub(super) async fn about(&self, outcome: &Outcome, causes: Causes) -> Report {
        let counters = &outcome.books.counters;
        let state = outcome.job.state;
        let is_good = state == "completed" && causes.rejects == 0;
        if is_good || state == "interrupted" || !self.origin.restartable() {
            return Report::new(causes, Vec::new()).met(outcome);
        }
        let (mut spec, _) = stages::spec::read_beside::<Spec>(self.input, self.text, self.folder);
        if let Some(fields) = &mut spec.fields {
            // The words of tables that lie beside the spec. What is wrong with them is told already.
            read_files(&mut fields.0, self.folder, &mut Vec::new());
        }
        let first = match state {
            "completed" if counters.read <= MAX_TRY_RECORDS && outcome.met.is_none() => {
                Some(Tried {
                    causes: causes.clone(),
                    records: counters.read,
                    loaded: counters.loaded,
                })
            }
            _ => self.tried(|_| {}).await,
        };
        let Some(first) = first else {
            let code = outcome.job.failure.as_ref().map(|failure| &*failure.code);
            let helps = self.what_opens(&spec, code.unwrap_or_default()).await;
            return Report::new(causes, helps).met(outcome);
        };
        let found = self.what_helps(&spec, &first).await;
        let together = self.together(&found, &first).await;
        let tried_on = (first.records == MAX_TRY_RECORDS).then_some(MAX_TRY_RECORDS);
        // A run that was held or failed saw a part of the causes only.
        let causes = match state {
            "completed" => causes,
            _ => first.causes,
        };
        let helps = found.into_iter().map(|(helps, _)| helps).collect();
        Report::new(causes, helps)
            .met(outcome)
            .together(together)
            .tried_on(tried_on)
    }

    /// The changes with which an input that fails with `code` is read to its end.
    async fn what_opens(&self, spec: &Spec, code: &str) -> Vec<Helps> {
        let mut helps = Vec::new();
        for change in suggest::of_failure(code, spec) {
            let tried = self.tried(|spec| change.apply(spec)).await;
            helps.extend(tried.map(|tried| Helps {
                code: code.to_owned(),
                field: None,
                shape: None,
                at: change.at,
                change: change.words,
                removes: None,
                fewer_problems: None,
                rejects: tried.causes.rejects,
                records: tried.records,
            }));
        }
        helps.sort_by_key(|helps| helps.rejects);
        helps
    }

    /// The changes that leave fewer problems than the spec as it is, those that leave the fewest rejects first. Behind them,
    /// what makes null of words for "no value" that none of them reads.
    async fn what_helps(&self, spec: &Spec, first: &Tried) -> Vec<(Helps, Change)> {
        let mut found = Vec::new();
        let mut known = HashSet::new();
        let causes = first.causes.sorted();
        let mut nothings = suggest::nothings(&causes);
        for cause in &causes {
            for change in suggest::of_cause(cause, spec) {
                if known.len() == MAX_TRIES || self.cancel.is_cancelled() {
                    break;
                }
                if !known.insert((change.at.clone(), change.words.clone())) {
                    continue;
                }
                let Some((tried, helps)) = self.what_does(&change, cause, first).await else {
                    continue;
                };
                if let Some((_, texts)) = cause.field.as_deref().and_then(|at| nothings.get_mut(at))
                {
                    texts.retain(|text| tried.causes.have(cause.field.as_deref(), text));
                }
                found.push((helps, change));
            }
        }
        let by_gain = |(helps, _): &(Helps, Change)| Reverse((helps.removes, helps.fewer_problems));
        found.sort_by_key(by_gain);
        once_each(&mut found);
        let mut missing = Vec::new();
        let nothings = nothings
            .into_iter()
            .filter(|(_, (_, texts))| !texts.is_empty());
        for (field, (cause, texts)) in nothings.take(MAX_MISSING_TRIES) {
            if self.cancel.is_cancelled() {
                break;
            }
            let Some(change) = suggest::missing(field, &texts, spec) else {
                continue;
            };
            if let Some((_, helps)) = self.what_does(&change, cause, first).await {
                missing.push((helps, change));
            }
        }
        missing.sort_by_key(by_gain);
        found.append(&mut missing);
        found
    }

    /// The run with a change against a cause, and what is told of it, where it helps.
    async fn what_does(
        &self,
        change: &Change,
        cause: &Cause,
        first: &Tried,
    ) -> Option<(Tried, Helps)> {
        let tried = self.tried(|spec| change.apply(spec)).await?;
        let (removes, fewer_problems) = tried.gain_over(first)?;
        // Records that are found in another way have other problems, not fewer.
        if removes == 0 && cause.field.is_none() {
            return None;
        }
        let helps = Helps {
            code: cause.code.clone(),
            field: cause.field.clone(),
            shape: cause.shape.clone(),
            at: change.at.clone(),
            change: change.words.clone(),
            removes: Some(removes),
            fewer_problems: Some(fewer_problems),
            rejects: tried.causes.rejects,
            records: tried.records,
        };
        Some((tried, helps))
    }

    /// What the best change of each place does with those of the others.
    async fn together(&self, found: &[(Helps, Change)], first: &Tried) -> Option<Together> {
        let mut places = HashSet::new();
        let best = found.iter().map(|(_, change)| change);
        let best: Vec<_> = best.filter(|change| places.insert(&change.at)).collect();
        if best.len() < 2 {
            return None;
        }
        let tried = self.tried(|spec| best.iter().for_each(|change| change.apply(spec)));
        let (removes, _) = tried.await?.gain_over(first)?;
        Some(Together {
            changes: best.len(),
            removes,
        })
    }

    /// The rejects of the first records with a changed spec and no limit to them; nothing where it does not come so far.
    async fn tried(&self, change: impl FnOnce(&mut Spec)) -> Option<Tried> {
        let defaults = spec::defaults(self.config);
        let plan = Plan::read_changed(self.input, self.text, defaults, self.folder, |spec| {
            change(spec);
            let errors = spec.errors.get_or_insert_default();
            errors.on_breach = Some(OnBreachSpec::Continue);
        });
        let plan = plan.ok()?;
        // What stands in the target has nothing to do with what a change does to records.
        let nowhere = destination(self.config, self.sink, &plan).ok()?.dry();
        let run = self.run(&plan, &nowhere, None, Some(MAX_TRY_RECORDS));
        let (outcome, causes) = run.await;
        let records = outcome.books.counters.read.min(MAX_TRY_RECORDS);
        let is_over = match outcome.job.state {
            "interrupted" => records == MAX_TRY_RECORDS,
            state => state == "completed",
        };
        let loaded = outcome.books.counters.loaded;
        is_over.then_some(Tried {
            causes,
            records,
            loaded,
        })
    }
}
