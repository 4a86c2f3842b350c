//! Looking at a MongoDB: what records would meet there. Nothing is written, and no index is made.
//!
//! Documents are read by `_id` or by key, so many at once, as a majority knows them. Unique indexes that hold for a part of
//! the documents only, or compare by a collation, are not looked at; nor is any in mode merge, whose documents are made on
//! the server.

use super::bson::split_document;
use super::key::key_of;
use super::patience::Patience;
use super::wire::{self, Answer};
use super::writer::Writer;
use super::{MongoTarget, encoder, holdings, index, reply};
use crate::load::Loads as _;
use crate::sink::{Flow, Load, Meeting, Meets, Mode, Opened, Target};
use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::options::ReadConcern;
use pipeline::{Batch, Fatal, Holdings, Operation, Problem, Sink, Written};
use std::collections::HashMap;
use std::sync::Arc;

/// Documents that are looked up by one command.
const MAX_LOOKUP_RECORDS: usize = 100;
/// Commands of unique indexes that are under way at once.
const MAX_LOOKUPS: usize = 16;

impl MongoTarget {
    /// A sink that writes nothing and counts what records would meet. `load` has the identity of generation 0; the newest
    /// one that was entered is looked for.
    ///
    /// # Errors
    /// `key_unknown`, `key_type`, `lineage_name`, `target_refused`, `target_unavailable`.
    pub async fn look(
        &self,
        target: &Target,
        flow: &Flow,
        load: Load,
        meets: Arc<Meets>,
    ) -> Result<Opened, Fatal> {
        let newest = self.newest(load.identity).await?;
        let load = Load {
            identity: newest.map_or(load.identity, |entry| entry.identity),
            // Whatever stands there is older than a load that has not begun.
            load_number: u64::MAX,
            ..load
        };
        let writer = Writer {
            database: self.database.clone(),
            collection: target.collection.clone(),
            max_retry_ms: self.max_retry_ms,
            seed: Writer::seed_of(&load.job),
        };
        let sink = LookSink {
            mode: target.mode,
            paths: target.key.iter().map(|path| path.join(".")).collect(),
            lineage: target.lineage.as_deref().map(str::to_owned),
            unique: match target.mode {
                Mode::Merge | Mode::Delete => Vec::new(),
                Mode::Insert | Mode::Upsert | Mode::Replace => unique(&writer).await?,
            },
            writer,
            meets,
        };
        Ok(Opened {
            encode: encoder(target, flow, &load)?,
            sink: Arc::new(sink),
        })
    }
}

/// A unique index beside those on `_id` and the key.
struct Unique {
    paths: Vec<String>,
    /// Whether documents without any of the paths are not in it.
    is_sparse: bool,
}

async fn unique(writer: &Writer) -> Result<Vec<Unique>, Fatal> {
    let mut patience = Patience::new(writer.max_retry_ms, writer.seed);
    let indexes = loop {
        match index::listed(&writer.database, &writer.collection).await {
            Ok(indexes) => break indexes,
            Err(error) => again(error, &mut patience).await?,
        }
    };
    let partial = ["partialFilterExpression", "collation"];
    let found = indexes.iter().filter(|index| {
        index.get_bool("unique").unwrap_or_default()
            && !partial.iter().any(|option| index.contains_key(option))
    });
    let found = found.filter_map(|index| {
        let key = index.get_document("key").ok()?;
        let is_plain = key.values().all(|order| reply::integer(order).is_some());
        is_plain.then(|| Unique {
            paths: key.keys().cloned().collect(),
            is_sparse: index.get_bool("sparse").unwrap_or_default(),
        })
    });
    Ok(found.collect())
}

struct LookSink {
    writer: Writer,
    mode: Mode,
    /// The paths of the key.
    paths: Vec<String>,
    /// The name of what differs in each load.
    lineage: Option<String>,
    unique: Vec<Unique>,
    meets: Arc<Meets>,
}

#[async_trait]
impl Sink for LookSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let mut patience = self.writer.patience(batch);
        let operations: Vec<_> = batch.operations().collect();
        let mut meetings = Vec::with_capacity(operations.len());
        for some in operations.chunks(MAX_LOOKUP_RECORDS) {
            let wanted = some.iter().map(|one| Wanted::of(*one, self.mode));
            let wanted: Vec<_> = wanted.collect::<Result<_, _>>()?;
            let standing = self.standing(&wanted, &mut patience).await?;
            meetings.extend(self.judged(&wanted, standing, &mut patience).await?);
        }
        Ok(self.meets.judge(self.mode, batch, meetings))
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        Ok(Some(Holdings::default()))
    }
}

/// What a record wants of the target.
struct Wanted {
    /// Finds the document that it is about.
    filter: Document,
    /// The bytes by which that document is known again: its `_id`, or the canonical elements of its key.
    name: Vec<u8>,
    /// What would be written, but for objects that are merged.
    literal: Document,
    /// Objects whose entries would be merged.
    nested: Document,
}

impl Wanted {
    /// Reads what an encoder wrote.
    fn of(operation: Operation<'_>, mode: Mode) -> Result<Self, Fatal> {
        let (first, rest) = split_document(operation.bytes());
        let read = |bytes: &[u8]| {
            Document::from_reader(bytes).map_err(|error| {
                Fatal::new("internal", "an operation is no document").because(&error)
            })
        };
        let mut filter = read(first)?;
        if mode == Mode::Insert {
            let id = filter.get("_id").cloned().unwrap_or(Bson::Null);
            return Ok(Self {
                name: id_bytes(&id),
                literal: std::mem::replace(&mut filter, doc! { "_id": id }),
                nested: Document::new(),
                filter,
            });
        }
        filter.remove("_src.seq");
        let stage = match mode {
            Mode::Delete => Document::new(),
            _ => read(rest)?,
        };
        let merged = stage.get_document("$replaceWith").ok();
        let merged = merged.and_then(|with| with.get_array("$mergeObjects").ok());
        let parts: Vec<_> = merged
            .into_iter()
            .flatten()
            .filter_map(Bson::as_document)
            .collect();
        let literal = parts
            .last()
            .and_then(|last| last.get_document("$literal").ok());
        Ok(Self {
            filter,
            name: key_of(first).to_vec(),
            literal: literal.cloned().unwrap_or_default(),
            nested: match (mode, &parts[..]) {
                // The first holds the `_id`; the document that is there is no object but a name.
                (Mode::Merge, [_, nested, _]) => (*nested).clone(),
                _ => Document::new(),
            },
        })
    }
}

impl LookSink {
    /// For each record: whether the document that stands there is what it would make; none where nothing stands.
    async fn standing(
        &self,
        wanted: &[Wanted],
        patience: &mut Patience,
    ) -> Result<Vec<Option<bool>>, Fatal> {
        let mut by_name: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (at, one) in wanted.iter().enumerate() {
            by_name.entry(&one.name).or_default().push(at);
        }
        let filters: Vec<_> = wanted.iter().map(|one| one.filter.clone()).collect();
        let filter = doc! { "$or": filters };
        loop {
            match self.read(&filter, &by_name, wanted).await {
                Ok(standing) => return Ok(standing),
                Err(error) => again(error, patience).await?,
            }
        }
    }

    async fn read(
        &self,
        filter: &Document,
        by_name: &HashMap<&[u8], Vec<usize>>,
        wanted: &[Wanted],
    ) -> Result<Vec<Option<bool>>, Error> {
        let collection = self.writer.collection.as_str();
        let collection = self.writer.database.collection::<Document>(collection);
        let mut find = collection
            .find(filter.clone())
            .read_concern(ReadConcern::majority());
        if self.mode == Mode::Insert {
            find = find.projection(doc! { "_id": 1 });
        }
        let mut documents = find.await?;
        let mut standing = vec![None; wanted.len()];
        while let Some(document) = documents.try_next().await? {
            let name = match self.mode {
                Mode::Insert => document.get("_id").map(id_bytes).unwrap_or_default(),
                _ => holdings::key(&document, &self.paths),
            };
            for &at in by_name.get(&name[..]).into_iter().flatten() {
                standing[at] = Some(self.holds(&document, &wanted[at]));
            }
        }
        Ok(standing)
    }

    /// Whether a document is what a record would make of it.
    fn holds(&self, document: &Document, wanted: &Wanted) -> bool {
        match self.mode {
            Mode::Insert => true,
            Mode::Delete => false,
            Mode::Merge => self.has_all(document, &wanted.literal, &wanted.nested),
            Mode::Upsert | Mode::Replace => {
                let has_others = |name: &String| {
                    self.is_content(name) && name != "_id" && !wanted.literal.contains_key(name)
                };
                self.has_all(document, &wanted.literal, &Document::new())
                    && !document.keys().any(has_others)
            }
        }
    }

    /// Whether a document has all that a record sets.
    fn has_all(&self, document: &Document, literal: &Document, nested: &Document) -> bool {
        let has_literal = literal
            .iter()
            .all(|(name, value)| !self.is_content(name) || document.get(name) == Some(value));
        // `name: {$mergeObjects: ["$path.name", {…}, {$literal: {…}}]}`
        let has_nested = nested.iter().all(|(name, merge)| {
            let parts = merge
                .as_document()
                .and_then(|merge| merge.get_array("$mergeObjects").ok());
            let parts: Vec<_> = parts
                .into_iter()
                .flatten()
                .filter_map(Bson::as_document)
                .collect();
            let (Ok(inside), [nested, literal]) = (document.get_document(name), &parts[..]) else {
                return false;
            };
            let literal = literal.get_document("$literal");
            literal.is_ok_and(|literal| self.has_all(inside, literal, nested))
        });
        has_literal && has_nested
    }

    /// Whether a name is of the record, not of the load.
    fn is_content(&self, name: &str) -> bool {
        name != "_src" && self.lineage.as_deref() != Some(name)
    }

    /// What each record meets.
    async fn judged(
        &self,
        wanted: &[Wanted],
        standing: Vec<Option<bool>>,
        patience: &mut Patience,
    ) -> Result<Vec<Meeting>, Fatal> {
        let mut meetings = Vec::with_capacity(wanted.len());
        let mut writes = Vec::new();
        for (at, standing) in standing.into_iter().enumerate() {
            let meeting = match (standing, self.mode) {
                (Some(_), Mode::Delete) => Meeting::Delete,
                (Some(true), _) | (None, Mode::Delete) => Meeting::Unchanged,
                (Some(false), _) => Meeting::Update,
                (None, Mode::Replace) => {
                    let message = "no document has this key";
                    Meeting::Conflict(Problem::of_record("no_match", message))
                }
                (None, Mode::Insert | Mode::Upsert | Mode::Merge) => Meeting::Insert,
            };
            if matches!(meeting, Meeting::Insert | Meeting::Update) {
                writes.push(at);
            }
            meetings.push(meeting);
        }
        let lookups = writes.iter().flat_map(|at| {
            let filters = self.unique.iter().filter_map(|index| {
                let filter = index.filter(&wanted[*at])?;
                Some((*at, index, filter))
            });
            filters.collect::<Vec<_>>()
        });
        let lookups: Vec<_> = lookups.collect();
        for some in lookups.chunks(MAX_LOOKUPS) {
            for (at, paths) in self.taken(some, patience).await? {
                meetings[at] = Meeting::Conflict(Problem::of_field(
                    "duplicate_value",
                    &*paths[0],
                    format!(
                        "another document has the same value in the unique index on {}",
                        paths.join(", ")
                    ),
                ));
            }
        }
        Ok(meetings)
    }

    /// Those of some records whose values another document has in a unique index, with the paths of the index.
    async fn taken<'a>(
        &self,
        lookups: &[(usize, &'a Unique, Document)],
        patience: &mut Patience,
    ) -> Result<Vec<(usize, &'a [String])>, Fatal> {
        let collection = self.writer.collection.as_str();
        let collection = self.writer.database.collection::<Document>(collection);
        loop {
            let found = lookups.iter().map(async |(at, index, filter)| {
                let find = collection
                    .find_one(filter.clone())
                    .projection(doc! { "_id": 1 })
                    .read_concern(ReadConcern::majority());
                let other = find.await?;
                Ok::<_, Error>(other.map(|_| (*at, &index.paths[..])))
            });
            let found = futures::future::try_join_all(found).await;
            match found {
                Ok(found) => return Ok(found.into_iter().flatten().collect()),
                Err(error) => again(error, patience).await?,
            }
        }
    }
}

impl Unique {
    /// Finds another document that has the values of a record; none where the index does not hold it.
    fn filter(&self, wanted: &Wanted) -> Option<Document> {
        let mut filter = Document::new();
        for path in &self.paths {
            let value = holdings::at(&wanted.literal, path);
            let condition = match value {
                // Each item of a list has an entry of its own.
                Some(Bson::Array(items)) if !items.is_empty() => {
                    Bson::Document(doc! { "$in": items.clone() })
                }
                Some(value) => Bson::Document(doc! { "$eq": value.clone() }),
                None => Bson::Null,
            };
            filter.insert(path, condition);
        }
        if self.is_sparse && filter.values().all(|one| *one == Bson::Null) {
            return None;
        }
        Some(doc! { "$and": [filter, { "$nor": [wanted.filter.clone()] }] })
    }
}

fn id_bytes(id: &Bson) -> Vec<u8> {
    match id {
        Bson::Binary(binary) => binary.bytes.clone(),
        _ => Vec::new(),
    }
}

/// Waits for what may heal.
async fn again(error: Error, patience: &mut Patience) -> Result<(), Fatal> {
    match wire::judge::<()>(error)? {
        Answer::Again(reason) | Answer::Refused(_, reason) => patience.wait(&reason).await,
        Answer::Done(()) => Ok(()),
    }
}
