//! Binds a JSON value: keys and paths are looked up in each record, and what the spec does not know is judged for
//! each record. The top-level keys are walked once, in the order in which records usually have them.

use super::columns::listed;
use super::field::FieldPlan;
use super::found::Finds;
use super::path::Path;
use super::plan::{BindPlan, RESERVED, Source};
use super::spec::{Missing, Unknown};
use super::untyped;
use super::value::{Fault, shown};
use crate::record::{Item, Keys, Kind, Record, Text, Tree, Value};
use pipeline::{
    Accepted, Bind, Breach, Cause, Halt, MAX_PROBLEM_TEXT_BYTES, MAX_PROBLEMS, Problem, Verdict,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Top-level keys that are found without allocating; more are found in a list of their own.
const KEYS_ON_STACK: usize = 32;

/// Binds JSON records.
#[derive(Clone, Debug)]
pub struct TreeBind {
    fields: Vec<(Arc<FieldPlan>, Vec<Way>)>,
    /// The top-level keys that fields begin with, each once, in the order of the fields.
    keys: Keys,
    /// Some field takes the whole record, or an item of it: a record need not be an object, and no key is unknown.
    takes_whole: bool,
    /// Every field must be there, if only as null.
    wants_all: bool,
    unknown: Unknown,
    /// Unknown keys that somebody has accepted: they hold no load again.
    accepted: Arc<HashSet<Box<str>>>,
    /// Values of a record, derived ones too.
    room: usize,
    /// Top-level names that fields are written to.
    taken: Vec<Box<str>>,
    finds: Arc<Finds>,
}

/// A path, and which of the keys it begins with.
#[derive(Clone, Debug)]
struct Way {
    key: Option<usize>,
    path: Path,
}

impl BindPlan {
    /// Binds JSON records. `accepted` is what somebody accepted before: unknown keys among it do not hold again.
    pub fn for_tree(&self, accepted: &Accepted) -> TreeBind {
        let mut keys = Keys::default();
        let mut way = |path: &Path| {
            let key = path.top().map(|top| keys.number(top));
            Way {
                key,
                path: path.clone(),
            }
        };
        let mut fields = Vec::new();
        for (field, source) in self.plans().zip(self.sources()) {
            let paths: &[Path] = match source {
                Source::Paths(paths) => paths,
                Source::Titles(_) | Source::Column(_) | Source::Elsewhere => &[],
            };
            fields.push((
                field.clone(),
                paths.iter().map(&mut way).collect::<Vec<_>>(),
            ));
        }
        let finds = fields.iter().map(|(field, ways)| {
            let wanted = !ways.is_empty();
            wanted.then(|| format!("{}{}", field.name, field.looked_for))
        });
        let rootless = |way: &Way| way.key.is_none();
        let takes_whole = fields.iter().any(|(_, ways)| ways.iter().any(rootless));
        TreeBind {
            finds: Arc::new(Finds::new(finds, self.hides_titles)),
            takes_whole,
            wants_all: self.missing == Missing::FailAny,
            fields,
            keys,
            room: self.room,
            unknown: self.unknown,
            accepted: Arc::new(accepted.unknown_columns().map(Into::into).collect()),
            taken: self.taken_names().map(Into::into).collect(),
        }
    }
}

impl Bind<Tree, Record> for TreeBind {
    fn bind(&self, row: &mut Tree, record: &mut Record) -> Verdict {
        record.take_over(row);
        let Some(root) = row.root() else {
            return Verdict::Reject(vec![Problem::of_record("type", "the record is empty")]);
        };
        if root.kind() != Kind::Object && !self.takes_whole {
            return Verdict::Reject(vec![Problem::of_record(
                "type",
                "the record is no JSON object",
            )]);
        }
        // The number of an item, or that of the root, which is no key's.
        let mut few = [0; KEYS_ON_STACK];
        let mut many = Vec::new();
        let found = match few.get_mut(..self.keys.len()) {
            Some(few) => few,
            None => {
                many.resize(self.keys.len(), 0);
                &mut many[..]
            }
        };
        let mut extra = Extra::default();
        if root.kind() == Kind::Object {
            self.look_up(root, found, record, &mut extra);
        }
        let find = |ways: &[Way]| {
            ways.iter().find_map(|way| match way.key {
                Some(key) if found[key] == 0 => None,
                Some(key) => way.path.find_below(root.other(found[key])),
                None => way.path.find(root),
            })
        };
        if self.finds.are_wanted() {
            self.finds
                .mark(|index| find(&self.fields[index].1).is_some());
        }
        let mut problems = Vec::new();
        for (index, (field, ways)) in self.fields.iter().enumerate() {
            match find(ways) {
                Some(item) => field.item(index, item, record, &mut problems),
                None if self.wants_all && !ways.is_empty() => {
                    problems.push(field.not_there());
                    record.push(Value::Null);
                }
                None => field.absent(record, &mut problems),
            }
        }
        record.grow(self.room);
        if !extra.halting.is_empty() {
            return self.halt(extra.halting);
        }
        problems.append(&mut extra.problems);
        if !extra.rescued.is_empty() {
            let name = record.store("_rescued");
            record.keep_unknown(name, Value::Object(extra.rescued));
        }
        if problems.is_empty() {
            Verdict::Keep
        } else {
            Verdict::Reject(problems)
        }
    }
}

/// What was unknown in one record.
#[derive(Default)]
struct Extra {
    /// Where the next key that is left out is looked for.
    next_left: usize,
    problems: Vec<Problem>,
    rescued: Vec<(Text, Value)>,
    /// Keys for which the load does not go on.
    halting: Vec<String>,
}

impl TreeBind {
    /// Which fields were found so far, by this bind and its clones.
    pub fn finds(&self) -> Arc<Finds> {
        self.finds.clone()
    }

    /// Walks the top-level keys: those of fields are noted in `found`, others judged.
    #[inline]
    fn look_up(&self, root: Item<'_>, found: &mut [u32], record: &mut Record, extra: &mut Extra) {
        let mut next = 0;
        for entry in root.children() {
            // Records have their keys in one order, mostly that of the fields: the next one comes first.
            match self.keys.find(entry, next) {
                Some(known) => {
                    found[known] = entry.number();
                    next = known + 1;
                }
                None if self.takes_whole => {}
                None => self.judge(entry, record, extra),
            }
        }
    }

    /// What becomes of a key that no field takes.
    fn judge(&self, entry: Item<'_>, record: &mut Record, extra: &mut Extra) {
        let in_document = match self.unknown {
            Unknown::Drop => {
                extra.next_left = self.finds.left_keys.note(entry.key(), extra.next_left);
                return;
            }
            Unknown::Hold | Unknown::Fail => {
                let key = listable(entry.key());
                let is_new = !self.accepted.contains(key);
                if !is_new {
                    extra.next_left = self.finds.left_keys.note(entry.key(), extra.next_left);
                } else if extra.halting.len() < MAX_PROBLEMS {
                    extra.halting.push(key.to_owned());
                }
                return;
            }
            // As many are refused already as a reject lists.
            _ if extra.problems.len() > MAX_PROBLEMS => return,
            Unknown::Keep => true,
            Unknown::Rescue => false,
            Unknown::Reject => {
                let message = format!("no field takes the key {}", shown(entry.key()));
                extra
                    .problems
                    .push(Problem::of_field("unknown_field", entry.key(), message));
                return;
            }
        };
        match self.kept(entry, in_document, record) {
            Ok((name, value)) if in_document => record.keep_unknown(name, value),
            Ok(rescued) => extra.rescued.push(rescued),
            Err(fault) => extra.problems.push(fault.problem(entry.key(), entry.key())),
        }
    }

    /// The verdict on a record with keys for which the load does not go on.
    #[cold]
    fn halt(&self, keys: Vec<String>) -> Verdict {
        let message = format!("no field takes the keys {}", listed(&keys));
        let fails = (self.unknown == Unknown::Fail).then_some(
            "name them in `[fields]`, or say what becomes of them with `unknown` in `[columns]`",
        );
        let cause = Cause::UnknownColumns(keys);
        let breach = Breach { cause, message };
        Verdict::Halt(Box::new(Halt { breach, fails }))
    }

    fn kept(
        &self,
        entry: Item<'_>,
        in_document: bool,
        record: &mut Record,
    ) -> Result<(Text, Value), Fault> {
        let key = entry.key();
        let refuse = |code, reason: &'static str| {
            Err(Fault {
                code,
                reason: reason.into(),
            })
        };
        if in_document && RESERVED.contains(&key) {
            return refuse(
                "reserved_name",
                "is a reserved name: bind it to another with `from`",
            );
        }
        if in_document && self.taken.iter().any(|taken| **taken == *key) {
            return refuse("name_taken", "is a name to which a field is written");
        }
        untyped::check_name(entry)?;
        Ok((entry.key_place(), untyped::value(entry, record)?))
    }
}

/// So much of a key as is told, and accepted, in place of it: a list of keys has a limit.
fn listable(key: &str) -> &str {
    &key[..key.floor_char_boundary(MAX_PROBLEM_TEXT_BYTES)]
}
