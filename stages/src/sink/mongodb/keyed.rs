//! The key modes: upsert, replace, merge and delete find their document by its key and keep the newest.
//!
//! - The filter finds no document that is newer (`_src.seq`), so a replay or a writer that is late changes
//!   nothing that came after it.
//! - Records of one key are folded in order within a batch: of a merge all are applied, of the others the last.
//!   One that the server refuses is rejected, and the one before it stands in. Of an exploded record that is rejected so,
//!   the parts that the server took stay: what they have replaced is gone, and nothing could bring it back.
//! - An insert that meets the unique index on the key (or the `_id` that comes from the key) means that the
//!   key has a document: a newer one, or one that came at the same moment. The statement is sent once more
//!   without inserting, which tells the two apart: an older one is found and changed.
//! - Where a statement that does not insert found nothing, the key is looked up: where a newer document is there, or
//!   the record's own, it counts as loaded. An older one came between the two, and the statement is sent once more.

use super::bson::{self, Index, split_document};
use super::command::{Command, DELETE, MAX_COMMAND_BYTES, Room, UPDATE, Verb};
use super::holdings;
use super::key::key_of;
use super::lookup::{self, Standing};
use super::patience::Patience;
use super::reply::{DUPLICATE_KEY, Reply, WriteError};
use super::wire::{self, Answer};
use super::writer::Writer;
use crate::identity::sequence;
use crate::sink::Mode;
use async_trait::async_trait;
use pipeline::{Batch, Fatal, Holdings, Operation, Outcomes, Problem, Sink, Written};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Records of one key that one merge applies, at most: mongod takes 1000 stages.
const MAX_STAGES: usize = 200;
/// The size of the stages of one merge, in bytes, so that several fit into a command.
const MAX_STAGES_BYTES: usize = MAX_COMMAND_BYTES / 4;
/// Names and flags of a statement beside its filter and stages, in bytes, at most.
const STATEMENT_BYTES: usize = 64;
/// How often a record is written while its document comes and goes.
const MAX_ROUNDS: u32 = 5;

/// Writes by key.
pub(super) struct KeyedSink {
    pub(super) writer: Writer,
    pub(super) mode: Mode,
    /// The fields of the unique index on the key.
    pub(super) key: Vec<String>,
    /// The load whose records these are.
    pub(super) load_number: u64,
}

/// The records of one key in a batch, in order.
struct Group<'a> {
    records: Vec<Operation<'a>>,
    /// How many records the next statement applies, in mode merge.
    folded: usize,
    /// Whether a document of the key is there, so that the next statement must not insert.
    stands: bool,
    rounds: u32,
}

/// What the server said of one group's statement.
enum Outcome {
    /// Acknowledged.
    Done,
    /// It found nothing, and was not to insert.
    Missed,
    /// The key has a document.
    Stands,
    /// Refused.
    Refused(Problem),
    /// To be tried again.
    Again(String),
}

#[async_trait]
impl Sink for KeyedSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let mut outcomes = Outcomes::default();
        let mut patience = self.writer.patience(batch);
        let mut groups = self.fold(batch);
        while !groups.is_empty() {
            let mut left = Vec::new();
            let mut queue = self.split(groups);
            while let Some(groups) = queue.pop() {
                let answers = match self.send(&groups).await? {
                    Answer::Done(reply) => self.outcomes(reply, &groups),
                    Answer::Again(reason) => {
                        patience.wait(&reason).await?;
                        queue.push(groups);
                        continue;
                    }
                    Answer::Refused(code, message) if groups.len() == 1 => {
                        let error = WriteError::of_command(code, &message);
                        vec![Outcome::Refused(error.problem())]
                    }
                    Answer::Refused(..) => {
                        // One of them is at fault: it is found by halves.
                        let mut groups = groups;
                        queue.push(groups.split_off(groups.len() / 2));
                        queue.push(groups);
                        continue;
                    }
                };
                left.extend(
                    self.settle(groups, answers, &mut patience, &mut outcomes)
                        .await?,
                );
            }
            groups = left;
        }
        Ok(outcomes.written())
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        if self.mode == Mode::Delete {
            return Ok(Some(Holdings::default()));
        }
        let Writer {
            max_retry_ms, seed, ..
        } = self.writer;
        let patience = Patience::new(max_retry_ms, seed);
        let held = holdings::holdings(&self.writer, &self.key, self.load_number, patience);
        held.await.map(Some)
    }
}

impl KeyedSink {
    /// The operations of a batch by their keys, keys in the order in which they came.
    fn fold<'a>(&self, batch: &'a Batch) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let mut of_key = HashMap::new();
        for operation in batch.operations() {
            let (filter, _) = split_document(operation.bytes());
            match of_key.entry(key_of(filter)) {
                Entry::Occupied(at) => {
                    let at: &usize = at.get();
                    groups[*at].records.push(operation);
                }
                Entry::Vacant(at) => {
                    at.insert(groups.len());
                    groups.push(Group {
                        records: vec![operation],
                        folded: MAX_STAGES,
                        stands: false,
                        rounds: 0,
                    });
                }
            }
        }
        // Rejects that are sent again come in any order; those of one key are applied in that of their first input.
        for group in &mut groups {
            if !group.records.is_sorted_by_key(Operation::known_as) {
                group.records.sort_by_key(Operation::known_as);
            }
        }
        groups
    }

    /// The groups as commands, in any order: their keys differ.
    fn split<'a>(&self, groups: Vec<Group<'a>>) -> Vec<Vec<Group<'a>>> {
        let mut queue = Vec::new();
        let mut room = Room::default();
        let mut open = Vec::new();
        for mut group in groups {
            let bytes = self.prepare(&mut group);
            if !room.take(bytes) {
                queue.push(std::mem::take(&mut open));
                room = Room::default();
                room.take(bytes);
            }
            open.push(group);
        }
        queue.push(open);
        queue
    }

    /// Decides how many records the group's next statement applies, and says how large it is, in bytes.
    fn prepare(&self, group: &mut Group<'_>) -> usize {
        let last = |group: &Group<'_>| {
            let last = group.records.last();
            last.map_or(0, |operation| operation.bytes().len()) + STATEMENT_BYTES
        };
        if self.mode != Mode::Merge {
            return last(group);
        }
        let mut folded = 0;
        let mut bytes = STATEMENT_BYTES;
        for operation in group.records.iter().take(group.folded) {
            let more = operation.bytes().len();
            if folded > 0 && bytes + more > MAX_STAGES_BYTES {
                break;
            }
            (folded, bytes) = (folded + 1, bytes + more);
        }
        group.folded = folded;
        bytes
    }

    fn verb(&self) -> Verb {
        match self.mode {
            Mode::Delete => DELETE,
            _ => UPDATE,
        }
    }

    /// Whether the statement of a group may insert.
    fn inserts(&self, group: &Group<'_>) -> bool {
        matches!(self.mode, Mode::Upsert | Mode::Merge) && !group.stands
    }

    /// The records that the group's next statement applies.
    fn applied<'g, 'a>(&self, group: &'g Group<'a>) -> &'g [Operation<'a>] {
        match self.mode {
            Mode::Merge => &group.records[..group.folded],
            _ => &group.records[group.records.len() - 1..],
        }
    }

    async fn send(&self, groups: &[Group<'_>]) -> Result<Answer<Reply>, Fatal> {
        let mut room = Room::default();
        for group in groups {
            let applied = self.applied(group).iter();
            let bytes: usize = applied.map(|operation| operation.bytes().len()).sum();
            room.take(bytes + STATEMENT_BYTES);
        }
        let mut command = Command::new(self.verb(), &self.writer.collection, room);
        for group in groups {
            command.statement(|out| self.statement(group, out));
        }
        wire::write(&self.writer.database, command.finish()?).await
    }

    fn statement(&self, group: &Group<'_>, out: &mut Vec<u8>) {
        let applied = self.applied(group);
        let last = applied
            .last()
            .map_or(&[][..], |operation| operation.bytes());
        // The filter of the last record: the ones before it are older still.
        bson::document(out, "q", split_document(last).0);
        if self.mode == Mode::Delete {
            bson::int32(out, "limit", 1);
            return;
        }
        let stages = bson::begin_array(out, "u");
        let mut index = Index::first();
        for operation in applied {
            bson::document(out, index.name(), split_document(operation.bytes()).1);
            index.advance();
        }
        bson::end(out, stages);
        bson::boolean(out, "upsert", self.inserts(group));
    }

    fn outcomes(&self, reply: Reply, groups: &[Group<'_>]) -> Vec<Outcome> {
        // Without an error, a statement that may insert has changed exactly one document. So where the count
        // falls short, some of the others have found nothing; which, the reply does not say.
        let succeeded = groups.len() - reply.errors.len();
        let missed = self.mode != Mode::Delete && reply.count < succeeded as u64;
        let mut errors = reply.errors.into_iter().peekable();
        let of_group = |(index, group): (usize, &Group<'_>)| match errors
            .next_if(|error| error.index == index)
        {
            None if missed && !self.inserts(group) => Outcome::Missed,
            None => Outcome::Done,
            Some(error) if self.is_of_key(&error) && self.inserts(group) => Outcome::Stands,
            Some(error) if error.is_transient() => Outcome::Again(error.problem().message),
            Some(error) => Outcome::Refused(error.problem()),
        };
        groups.iter().enumerate().map(of_group).collect()
    }

    /// Whether an error says that the key has a document.
    fn is_of_key(&self, error: &WriteError) -> bool {
        error.duplicate_of().is_some_and(|names| {
            let is_key = names.len() == self.key.len()
                && names
                    .iter()
                    .all(|name| self.key.iter().any(|key| key == name));
            is_key || names == ["_id"]
        })
    }

    /// Counts what is decided; what is not comes back.
    async fn settle<'a>(
        &self,
        groups: Vec<Group<'a>>,
        answers: Vec<Outcome>,
        patience: &mut Patience,
        outcomes: &mut Outcomes<'a>,
    ) -> Result<Vec<Group<'a>>, Fatal> {
        let mut left = Vec::new();
        let mut missed = Vec::new();
        let mut again = None;
        if answers.iter().any(|one| !matches!(one, Outcome::Again(_))) {
            patience.progress();
        }
        for (mut group, outcome) in groups.into_iter().zip(answers) {
            match outcome {
                Outcome::Done => self.loaded(&mut group, outcomes),
                Outcome::Missed => {
                    missed.push(group);
                    continue;
                }
                Outcome::Stands => group.stands = true,
                Outcome::Refused(problem) => self.refused(&mut group, problem, outcomes),
                Outcome::Again(reason) => again = Some(reason),
            }
            if !group.records.is_empty() {
                left.push(group);
            }
        }
        let keys: Vec<_> = missed.iter().map(|group| self.key_bytes(group)).collect();
        let standings = lookup::standings(&self.writer, &keys, patience).await?;
        for (mut group, standing) in missed.into_iter().zip(standings) {
            self.missed(&mut group, standing, outcomes);
            if !group.records.is_empty() {
                left.push(group);
            }
        }
        if let Some(reason) = again {
            patience.wait(&reason).await?;
        }
        Ok(left)
    }

    /// The key of a group, and the sequence that its next statement gives the document.
    fn key_bytes<'a>(&self, group: &Group<'a>) -> (&'a [u8], [u8; 16]) {
        let last = self.applied(group).last();
        let key = last.map_or(&[][..], |operation| {
            key_of(split_document(operation.bytes()).0)
        });
        let place = last.map(|operation| (operation.known_as(), operation.part()));
        let (ordinal, part) = place.unwrap_or_default();
        (key, sequence(self.load_number, ordinal, part))
    }

    /// The statement of a group was acknowledged, or something newer stands.
    fn loaded<'a>(&self, group: &mut Group<'a>, outcomes: &mut Outcomes<'a>) {
        let count = match self.mode {
            Mode::Merge => group.folded,
            _ => group.records.len(),
        };
        for operation in group.records.drain(..count) {
            outcomes.loaded(operation);
        }
        (group.folded, group.rounds) = (MAX_STAGES, 0);
    }

    /// The server refuses what the group's statement applies.
    fn refused<'a>(&self, group: &mut Group<'a>, problem: Problem, outcomes: &mut Outcomes<'a>) {
        let at = match self.mode {
            // Which of them it was is found one by one.
            Mode::Merge if group.folded > 1 => {
                group.folded = 1;
                return;
            }
            Mode::Merge => 0,
            _ => group.records.len() - 1,
        };
        let operation = group.records.remove(at);
        outcomes.refused(operation, problem);
    }

    /// The group's statement found nothing to change.
    fn missed<'a>(&self, group: &mut Group<'a>, standing: Standing, outcomes: &mut Outcomes<'a>) {
        if standing == Standing::Newer {
            return self.loaded(group, outcomes);
        }
        if standing == Standing::Nothing && self.mode == Mode::Replace {
            for operation in group.records.drain(..) {
                let message = "no document has this key";
                outcomes.refused(operation, Problem::of_record("no_match", message));
            }
            return;
        }
        // Where nothing stands, it stood when it was to be inserted, and is gone: it was deleted, or the `_id` that
        // comes from the key belongs to a document of another key. Else somebody older has inserted it just now.
        group.stands = standing != Standing::Nothing;
        group.rounds += 1;
        if group.rounds >= MAX_ROUNDS {
            let message = match standing {
                Standing::Nothing => format!(
                    "a document of another key has the `_id` of this one (code {DUPLICATE_KEY})"
                ),
                _ => "the document of this key comes and goes".to_owned(),
            };
            let problem = Problem::of_field("duplicate_value", "_id", message);
            for operation in group.records.drain(..) {
                outcomes.refused(operation, problem.clone());
            }
        }
    }
}
