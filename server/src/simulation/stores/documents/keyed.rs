//! The key modes as MongoDB's sink does them: records of one key are folded, and nothing is put over what is newer.

use super::encode::Keyed;
use super::insert::duplicate;
use super::merge::merge;
use super::table::{Duplicate, Path, Row, Table};
use super::{Outcome, Place};
use async_trait::async_trait;
use pipeline::{Batch, Fatal, Holdings, Operation, Problem, Sink, Written};
use stages::identity::sequence;
use stages::record::Layout;
use stages::sink::{Load, Mode, Target, term};
use std::collections::HashMap;

/// Writes by key.
pub(super) struct KeyedSink {
    place: Place,
    rules: Rules,
    load_number: u64,
}

/// How a record meets the document with its key.
struct Rules {
    mode: Mode,
    key: Vec<Path>,
    layout: Layout,
}

/// The records of one key in a batch, in order.
type Group<'a> = Vec<(Operation<'a>, Keyed)>;

/// What became of a statement.
enum Applied {
    /// It is acknowledged.
    Done,
    /// A newer document stands, or the one that the record made.
    Stands,
    /// Nothing is there to replace.
    NoMatch,
    /// It is refused.
    Refused(Problem),
}

impl KeyedSink {
    pub(super) fn new(place: Place, target: &Target, load: &Load) -> Self {
        Self {
            place,
            rules: Rules {
                mode: target.mode,
                key: target.key.clone(),
                layout: load.schema.layout.clone(),
            },
            load_number: load.load_number,
        }
    }
}

#[async_trait]
impl Sink for KeyedSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        self.place.apply(batch, |table, most| {
            let mut outcome = Outcome::default();
            for group in fold(batch)?.into_iter().take(most) {
                outcome.operations += group.len() as u64;
                self.rules.write(table, group, &mut outcome);
            }
            Ok(outcome)
        })
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        let mut holdings = Holdings::default();
        if self.rules.mode == Mode::Delete {
            return Ok(Some(holdings));
        }
        let own = sequence(self.load_number, 0)..=sequence(self.load_number, u64::MAX);
        let mut held = super::lock(&self.place.held);
        for row in held.table(&self.place.collection).rows() {
            if row.sequence.is_some_and(|sequence| own.contains(&sequence)) {
                let key = Table::key(&self.rules.key, &row.document);
                holdings.documents += 1;
                holdings.digest.add(term(key.as_bytes()));
            }
        }
        Ok(Some(holdings))
    }
}

/// The operations of a batch by their keys, keys in the order in which they came.
fn fold(batch: &Batch) -> Result<Vec<Group<'_>>, Fatal> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut of_key: HashMap<String, usize> = HashMap::new();
    for operation in batch.operations() {
        let keyed = Keyed::read(operation)?;
        let at = *of_key.entry(keyed.key.clone()).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push((operation, keyed)),
            None => groups.push(vec![(operation, keyed)]),
        }
    }
    Ok(groups)
}

impl Rules {
    /// Writes the records of one key: of a merge all are applied, of the others the last. Where that is refused, the one
    /// before it stands in.
    fn write(&self, table: &mut Table, mut group: Group<'_>, outcome: &mut Outcome) {
        if self.mode == Mode::Merge {
            let all: Vec<&Keyed> = group.iter().map(|(_, keyed)| keyed).collect();
            match self.apply(table, &all) {
                Applied::Refused(_) => self.merge_one_by_one(table, group, outcome),
                applied => count(&applied, group.len(), outcome),
            }
            return;
        }
        while let Some((operation, last)) = group.last() {
            match self.apply(table, &[last]) {
                Applied::Refused(problem) => {
                    let reject = operation.reject(problem);
                    outcome.written.rejects.push(reject);
                    group.pop();
                }
                Applied::NoMatch => {
                    for (operation, _) in &group {
                        let message = "no document has this key";
                        let problem = Problem::of_record("no_match", message);
                        outcome.written.rejects.push(operation.reject(problem));
                    }
                    return;
                }
                applied => return count(&applied, group.len(), outcome),
            }
        }
    }

    fn merge_one_by_one(&self, table: &mut Table, group: Group<'_>, outcome: &mut Outcome) {
        for (operation, keyed) in &group {
            match self.apply(table, &[keyed]) {
                Applied::Refused(problem) => {
                    outcome.written.rejects.push(operation.reject(problem));
                }
                applied => count(&applied, 1, outcome),
            }
        }
    }

    /// One statement, with the filter of its last record: more than one only in a merge.
    fn apply(&self, table: &mut Table, records: &[&Keyed]) -> Applied {
        let Some(last) = records.last() else {
            return Applied::Done;
        };
        let standing = table.find(&self.key, &last.key);
        let standing = standing.map(|(id, row)| (id, row.clone()));
        let Some((id, row)) = standing else {
            return match self.mode {
                Mode::Replace => Applied::NoMatch,
                // What is not there need not be deleted.
                Mode::Delete => Applied::Done,
                Mode::Insert | Mode::Upsert | Mode::Merge => {
                    self.put(table, last.id, true, Row::empty(), records)
                }
            };
        };
        if row.sequence > Some(last.sequence) {
            return Applied::Stands;
        }
        let is_replay = row.sequence == Some(last.sequence);
        if self.mode == Mode::Delete {
            table.remove(id);
            return Applied::Done;
        }
        match self.put(table, id, false, row, records) {
            Applied::Done if is_replay => Applied::Stands,
            applied => applied,
        }
    }

    /// Writes `records` over `row`.
    fn put(
        &self,
        table: &mut Table,
        id: [u8; 24],
        is_new: bool,
        mut row: Row,
        records: &[&Keyed],
    ) -> Applied {
        for record in records {
            row.sequence = Some(record.sequence);
            if self.mode != Mode::Merge {
                row.document = record.document.clone();
            } else if !merge(&self.layout, &mut row.document, &record.document) {
                let message = "MongoDB refuses it: $mergeObjects requires objects (code 40400)";
                return Applied::Refused(Problem::of_record("refused_by_target", message));
            }
        }
        let put = match is_new {
            true => table.insert(id, row),
            false => table.replace(id, row),
        };
        match put {
            Ok(()) => Applied::Done,
            Err(Duplicate::Of(field)) => Applied::Refused(duplicate(field)),
            Err(Duplicate::OfId) => Applied::Refused(duplicate("_id".to_owned())),
        }
    }
}

impl Row {
    /// What a merge begins with where nothing stands.
    fn empty() -> Self {
        Self {
            sequence: None,
            document: serde_json::json!({}),
        }
    }
}

/// Counts records that were acknowledged.
fn count(applied: &Applied, records: usize, outcome: &mut Outcome) {
    outcome.written.loaded += records as u64;
    if let Applied::Stands = applied {
        outcome.found += records as u64;
    }
}
