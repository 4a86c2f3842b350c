//! Values that no two records of a file may share: the second record is the reject `duplicate`, which names the first.
//!
//! Keys are made where records are, in parallel; they are judged where blocks come in the order of the file, before the
//! budget is. So which record is the first is a pure function of the input and the spec: it depends on no block, batch or
//! answer of the target. Only records that would be written count: one that is refused or dropped takes no value.
//!
//! What was seen is no part of a checkpoint. A run that goes on reads the records before it once more, without writing
//! any ([`Before`]). Nothing here knows a value: keys are hashes of 128 bits, for which no two values are known to be equal.

use crate::books::unbalanced;
use crate::{Convert, Converted, Fatal, Framer, Problem, Source};
use async_stream::try_stream;
use futures::stream::{Stream, StreamExt};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Room made in the framer's buffer before each read, in bytes.
const READ_BYTES: usize = crate::BLOCK_BYTES;

/// What a value that must be unique is known by; its constraint is a part of it.
pub type UniqueKey = u128;

/// Gives the keys of a record.
pub trait Identify<R>: Send + Sync {
    /// Appends one key for each constraint, in order; none where the record has no value for it.
    fn keys(&self, record: &R, keys: &mut Vec<Option<UniqueKey>>);
}

/// What remembers keys, in bounded memory.
pub trait Seen: Send {
    /// The ordinal of the record that has this key.
    ///
    /// # Errors
    /// When it cannot be known, which ends the job.
    fn first(&mut self, key: UniqueKey) -> Result<Option<u64>, Fatal>;

    /// Remembers that the record `ordinal` has this key, which no record had before.
    ///
    /// # Errors
    /// When there is no room for it, which ends the job.
    fn enter(&mut self, key: UniqueKey, ordinal: u64) -> Result<(), Fatal>;
}

/// The records before the place where a run goes on.
pub struct Before {
    /// The input from where `framer` wants to be fed.
    pub source: Box<dyn Source>,
    /// A framer that stands at the first record; its buffer may hold bytes that were read already.
    pub framer: Box<dyn Framer>,
}

/// What a run judges duplicates by.
pub struct Unique {
    /// What remembers keys; empty.
    pub seen: Box<dyn Seen>,
    /// The fields of each constraint, in the order of the keys.
    pub fields: Arc<[Vec<Arc<str>>]>,
    /// Of each constraint, whether the records of a group share its values: then only other groups must have others.
    pub shared: Arc<[bool]>,
    /// What was read before, where a run goes on.
    pub before: Option<Before>,
}

/// The records of a block that are to be written, with their keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keyed {
    /// For each record its index in the block, in order.
    records: Vec<u32>,
    /// The keys of the records, one behind the other.
    keys: Vec<Option<UniqueKey>>,
}

impl Keyed {
    /// Takes the keys of record `index` of its block.
    pub(crate) fn push(&mut self, index: usize, keys: &mut Vec<Option<UniqueKey>>) {
        if !keys.is_empty() {
            self.records.push(index as u32);
            self.keys.append(keys);
        }
    }
}

/// Judges blocks in the order of the file.
pub(crate) struct Duplicates(Option<Unique>);

impl Duplicates {
    /// Judges by `unique`, or nothing.
    pub(crate) fn new(unique: Option<Unique>) -> Self {
        Self(unique)
    }

    /// Sees the records before `until` once more, where the run goes on there; gives up at once when `stop` is cancelled.
    /// As many as `most` blocks are converted at the same time.
    ///
    /// # Errors
    /// What source, framer and parts say, and `books` where the input ends before `until`.
    pub(crate) async fn see_before(
        &mut self,
        until: u64,
        convert: &Arc<dyn Convert>,
        most: usize,
        stop: &CancellationToken,
    ) -> Result<(), Fatal> {
        let Some(before) = self.0.as_mut().and_then(|unique| unique.before.take()) else {
            return Ok(());
        };
        let converted = blocks(before).map(|block| {
            let convert = convert.clone();
            crate::run::task(async move {
                let block = block?;
                block.check()?;
                convert.convert(block)
            })
        });
        let mut converted = std::pin::pin!(converted.buffered(most.max(1)));
        let mut seen = 0;
        while seen < until {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                next = converted.next() => next,
            };
            let Some(part) = next else {
                return Err(unbalanced(format!(
                    "the input has {seen} records where {until} were read before"
                )));
            };
            let part = part?;
            seen = part.end.ordinal;
            self.judge_until(part, until).await?;
        }
        Ok(())
    }

    /// Rejects the records of `part` whose values were seen before, and remembers those of the others.
    ///
    /// # Errors
    /// What the memory of keys says.
    pub(crate) async fn judge(&mut self, part: Converted) -> Result<Converted, Fatal> {
        if self.0.is_none() {
            return Ok(part);
        }
        self.judge_until(part, u64::MAX).await
    }

    async fn judge_until(&mut self, mut part: Converted, until: u64) -> Result<Converted, Fatal> {
        let Some(mut unique) = self.0.take() else {
            return Ok(part);
        };
        // What remembers may have to read a disk.
        let judged = tokio::task::spawn_blocking(move || {
            judge(&mut unique, &mut part, until).map(|()| (unique, part))
        });
        let judged = judged.await;
        let judged = judged.map_err(|_| Fatal::new("panic", "a part of the pipeline panicked"))?;
        let (unique, part) = judged?;
        self.0 = Some(unique);
        Ok(part)
    }
}

fn judge(unique: &mut Unique, part: &mut Converted, until: u64) -> Result<(), Fatal> {
    let keyed = part.take_keyed();
    let keys = keyed.keys.chunks_exact(unique.fields.len());
    let mut records = keyed.records.iter().zip(keys).peekable();
    let mut refused = Vec::new();
    // Records that are written together take their values together, or none does.
    let mut taken: Vec<(UniqueKey, u64)> = Vec::new();
    while let Some((first, _)) = records.peek() {
        let end = part.group_end(**first as usize) as u32;
        let before = refused.len();
        taken.clear();
        while let Some((record, keys)) = records.next_if(|(record, _)| **record < end) {
            let ordinal = part.start.ordinal + u64::from(*record);
            if ordinal >= until {
                continue;
            }
            let (mut problems, taken_before) = (Vec::new(), taken.len());
            let constraints = unique.fields.iter().zip(&*unique.shared);
            for (key, (fields, is_shared)) in keys.iter().zip(constraints) {
                let Some(key) = *key else { continue };
                let beside = taken
                    .iter()
                    .find(|(other, of)| *other == key && *of < ordinal);
                let first = match beside {
                    Some(_) if *is_shared => continue,
                    Some((_, first)) => Some(*first),
                    None => unique.seen.first(key)?,
                };
                match first {
                    Some(first) => problems.push(duplicate(fields, first)),
                    None => taken.push((key, ordinal)),
                }
            }
            if !problems.is_empty() {
                taken.truncate(taken_before);
                refused.push((*record, problems));
            }
        }
        if refused.len() == before {
            for (key, ordinal) in &taken {
                unique.seen.enter(*key, *ordinal)?;
            }
        }
    }
    if !refused.is_empty() {
        part.refuse(refused);
    }
    Ok(())
}

fn duplicate(fields: &[Arc<str>], first: u64) -> Problem {
    let first = first + 1;
    match fields {
        [field] => {
            let message = format!("must be unique, and record {first} has the same value");
            Problem::of_field("duplicate", &**field, message)
        }
        fields => {
            let fields = fields.join(", ");
            let message =
                format!("{fields} must be unique together, and record {first} has the same values");
            Problem::of_record("duplicate", message)
        }
    }
}

fn blocks(before: Before) -> impl Stream<Item = Result<crate::Block, Fatal>> + Send {
    let Before {
        mut source,
        mut framer,
    } = before;
    try_stream! {
        let mut at_end = false;
        loop {
            while let Some(block) = framer.next_block(at_end)? {
                yield block;
            }
            if at_end {
                break;
            }
            framer.buffer().reserve(READ_BYTES);
            at_end = source.read(framer.buffer()).await? == 0;
        }
    }
}
