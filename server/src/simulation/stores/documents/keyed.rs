//! The key modes as MongoDB's sink does them: records of one key are folded, and nothing is put over what is newer.

use super::encode::Keyed;
use super::insert::duplicate;
use super::merge::merge;
use super::table::{Duplicate, Path, Row, Table};
use super::{Outcome, Place};
use async_trait::async_trait;
use pipeline::{Batch, Fatal, Holdings, Operation, Outcomes, Problem, Sink, Written};
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

/// Records of one key that one merge applies, at most.
const MAX_STAGES: usize = 200;

/// The records of one key in a batch, in order.
struct Group<'a> {
    records: Vec<(Operation<'a>, Keyed)>,
    /// How many records the next statement applies, in mode merge.
    folded: usize,
}

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
            let mut outcomes = Outcomes::default();
            let mut groups = fold(batch)?;
            groups.truncate(most);
            let records = groups.iter().map(|group| group.records.len() as u64);
            outcome.operations = records.sum();
            // What is refused is settled behind all others, in another round.
            while !groups.is_empty() {
                for group in &mut groups {
                    outcome.found += self.rules.write(table, group, &mut outcomes);
                }
                groups.retain(|group| !group.records.is_empty());
            }
            outcome.written = outcomes.written();
            Ok(outcome)
        })
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        let mut holdings = Holdings::default();
        if self.rules.mode == Mode::Delete {
            return Ok(Some(holdings));
        }
        let own = sequence(self.load_number, 0, 0)..=sequence(self.load_number, u64::MAX, 0);
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
            Some(group) => group.records.push((operation, keyed)),
            None => groups.push(Group {
                records: vec![(operation, keyed)],
                folded: MAX_STAGES,
            }),
        }
    }
    Ok(groups)
}

impl Rules {
    /// Sends the statement of a group once: of a merge all records are applied, of the others the last. Where that is
    /// refused, the one before it stands in the next time. The records of the group that are not decided are left in it.
    /// Says of how many records a document stood there.
    fn write<'a>(
        &self,
        table: &mut Table,
        group: &mut Group<'a>,
        outcomes: &mut Outcomes<'a>,
    ) -> u64 {
        let mut found = 0;
        let last = group.records.len() - 1;
        let applied = match self.mode {
            Mode::Merge => 0..group.folded.min(group.records.len()),
            _ => last..last + 1,
        };
        let statement = group.records[applied.clone()].iter();
        let statement: Vec<&Keyed> = statement.map(|(_, keyed)| keyed).collect();
        match self.apply(table, &statement) {
            Applied::Refused(_) if applied.len() > 1 => group.folded = 1,
            Applied::Refused(problem) => {
                let (operation, _) = group.records.remove(applied.start);
                outcomes.refused(operation, problem);
            }
            Applied::NoMatch => {
                for (operation, _) in group.records.drain(..) {
                    let problem = Problem::of_record("no_match", "no document has this key");
                    outcomes.refused(operation, problem);
                }
            }
            done => {
                let decided = match self.mode {
                    Mode::Merge => applied.len(),
                    _ => group.records.len(),
                };
                if let Applied::Stands = done {
                    found = decided as u64;
                }
                for (operation, _) in group.records.drain(..decided) {
                    outcomes.loaded(operation);
                }
                group.folded = MAX_STAGES;
            }
        }
        found
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
