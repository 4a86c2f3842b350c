//! Reads a TOML text into a type and finds every problem on the way. What cannot be read is reported and pruned
//! from the tree, and its table is read again without it, until the rest becomes the type. So an entry's fault
//! costs that entry alone. It never panics, and a text of any shape ends in bounded work: [`MAX_SPEC_BYTES`] of
//! text, [`MAX_PROBLEMS`](super::MAX_PROBLEMS) of problems.
//!
//! Types must be able to lose any entry: every key optional to serde, `deny_unknown_fields`, choices keyed by
//! name (externally tagged).

mod choice;
#[cfg(test)]
mod tests;
mod value;

use std::cell::{Cell, RefCell};

use serde::de::{Deserialize, DeserializeOwned};
use toml::de::DeTable;

use super::fault::Fault;
use super::path::join_key;
use super::problem::{MAX_PROBLEMS, Problem, Problems};
use super::source::{ROOT, Source, Spot};
use super::syntax;
use value::Value;

/// Bytes of a spec that is read.
pub const MAX_SPEC_BYTES: usize = 1024 * 1024;

/// Reads `text`, called `name` in messages. What could be read comes back beside every problem; where the
/// document as a whole could not be read, that is `T::default()`. Nothing else is read that it may name.
pub fn read<T: DeserializeOwned + Default>(name: &str, text: &str) -> (T, Problems) {
    read_with(name, text, |_, _| {})
}

/// The same, where `extend` puts the entries of others under those of the text, and tells what is wrong with that.
pub(super) fn read_with<T: DeserializeOwned + Default>(
    name: &str,
    text: &str,
    extend: impl FnOnce(&mut Source, &mut Vec<Problem>),
) -> (T, Problems) {
    if text.len() > MAX_SPEC_BYTES {
        let mut source = Source::new(name, "");
        // Nothing of it was read, so nothing is missing.
        source.note_gaps(ROOT, &[], true);
        let bytes = text.len();
        let message = format!("the spec has {bytes} bytes, at most {MAX_SPEC_BYTES} are read");
        let mut problem = Problem::new("", "spec_too_large", message);
        problem.place = Some(source.locate(0, 0..0));
        let mut problems = Problems::new(source);
        problems.keep(problem);
        return (T::default(), problems);
    }
    let mut source = Source::new(name, text);
    let mut found = Vec::new();
    parse(&mut source, (0, ROOT), text, &mut found);
    extend(&mut source, &mut found);

    let reader = Reader::new(&source, found.len());
    let spec = reader.read(ROOT).unwrap_or_default();
    let Reader { pruned, told, .. } = reader;
    found.extend(told.into_inner());
    source.pruned = pruned.into_inner();
    let mut problems = Problems::new(source);
    for problem in found {
        problems.keep(problem);
    }
    (spec, problems)
}

/// Parses the text of a file of `source` below its root.
pub(super) fn parse(
    source: &mut Source,
    (file, root): (usize, usize),
    text: &str,
    found: &mut Vec<Problem>,
) {
    let cleaned = syntax::clean(text);
    for error in cleaned.errors {
        let mut problem = Problem::new("", "syntax", error.message);
        problem.hint = error.hint;
        problem.place = Some(source.locate(file, error.range));
        found.push(problem);
    }
    let (document, errors) = DeTable::parse_recoverable(&cleaned.text);
    let mut last = None;
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        // A header that cannot be placed is reported when it begins and again when it ends.
        if last.replace(span.start) != Some(span.start) {
            let key = text.get(span.clone()).unwrap_or_default();
            let mut problem = misplaced(key, &error);
            problem.place = Some(source.locate(file, span));
            found.push(problem);
        }
    }
    source.grow(root, document.into_inner());
    source.note_gaps(root, &cleaned.gaps, cleaned.torn);
}

/// A key that stands twice, or below something that is no table.
fn misplaced(key: &str, error: &toml::de::Error) -> Problem {
    if error.message() == "duplicate key" {
        Problem::new("", "duplicate_key", format!("`{key}` stands here twice"))
            .hint("remove one of the two")
    } else if syntax::needs_whole_text(error) {
        let message = format!("`{key}` is set already, and not as a table");
        Problem::new("", "duplicate_key", message)
    } else {
        Problem::new("", "syntax", error.message())
    }
}

/// One reading of a source: which entries are given up so far, and why.
struct Reader<'s> {
    source: &'s Source,
    pruned: RefCell<Vec<bool>>,
    /// By node: something below was pruned, so that the entry may seem incomplete.
    hollow: RefCell<Vec<bool>>,
    prunes: Cell<usize>,
    told: RefCell<Vec<Problem>>,
    /// Problems that may still be told.
    left: Cell<usize>,
}

impl<'s> Reader<'s> {
    fn new(source: &'s Source, told_before: usize) -> Self {
        Self {
            source,
            pruned: RefCell::new(source.pruned.clone()),
            hollow: RefCell::new(vec![false; source.pruned.len()]),
            prunes: Cell::new(0),
            told: RefCell::new(Vec::new()),
            // One more than is kept, so that "and more" is said.
            left: Cell::new((MAX_PROBLEMS + 1).saturating_sub(told_before)),
        }
    }

    /// Reads the entry at `index`, again and again while something below it was pruned. `Err` says that the
    /// entry itself is pruned now, with its reason told.
    fn read<T: Deserialize<'s>>(&self, index: usize) -> Result<T, Fault> {
        loop {
            let before = self.prunes.get();
            match T::deserialize(Value::new(self, index)) {
                Ok(value) => return Ok(value),
                Err(_) if self.is_full() => return Err(Fault::Told),
                Err(Fault::Told) if self.prunes.get() > before && !self.is_pruned(index) => {}
                Err(fault) => match self.tell(index, fault) {
                    Verdict::ReadAgain => {}
                    Verdict::GivenUp => return Err(Fault::Told),
                },
            }
        }
    }

    /// Reports what is wrong with the entry at `index`, unless it only follows from what was told before, and
    /// prunes the entry, or the one below it that the fault names.
    fn tell(&self, index: usize, fault: Fault) -> Verdict {
        if let Fault::UnknownKey { key: name, .. } | Fault::UnknownChoice { choice: name, .. } =
            &fault
            && let Some(child) = self.source.child(index, name)
            && !self.is_pruned(child)
        {
            self.tell_at(child, Spot::Key, &fault);
            return Verdict::ReadAgain;
        }
        let follows = fault.may_follow_from_a_gap()
            && (self.hollow.borrow()[index] || self.source.is_incomplete(index));
        let is_told = matches!(fault, Fault::Told) || follows;
        if is_told {
            self.prune(index);
        } else {
            let spot = match fault {
                Fault::MissingKey(_) | Fault::MissingChoice { .. } => Spot::Key,
                _ => Spot::Value,
            };
            self.tell_at(index, spot, &fault);
        }
        Verdict::GivenUp
    }

    /// Reports `fault` at the entry and prunes it.
    fn tell_at(&self, index: usize, spot: Spot, fault: &Fault) {
        self.prune(index);
        if self.is_full() {
            return;
        }
        self.left.set(self.left.get() - 1);
        let mut path = self.source.path(index);
        let key = path.rsplit('.').next().unwrap_or_default();
        let words = fault.words(key, &self.source.node(index).kind);
        if let Fault::MissingKey(key) = fault {
            join_key(&mut path, key);
        }
        let mut problem = Problem::new(path, words.code, words.message);
        problem.hint = words.hint;
        problem.place = Some(self.source.place_of(index, spot));
        self.told.borrow_mut().push(problem);
    }

    fn prune(&self, index: usize) {
        if !std::mem::replace(&mut self.pruned.borrow_mut()[index], true) {
            self.prunes.set(self.prunes.get() + 1);
        }
        let mut hollow = self.hollow.borrow_mut();
        let mut at = index;
        while at != ROOT {
            at = self.source.node(at).parent;
            if std::mem::replace(&mut hollow[at], true) {
                break;
            }
        }
    }

    fn is_pruned(&self, index: usize) -> bool {
        self.pruned.borrow()[index]
    }

    /// Whether enough was told: everything is given up from here on.
    fn is_full(&self) -> bool {
        self.left.get() == 0
    }
}

/// What becomes of an entry whose fault was told.
enum Verdict {
    ReadAgain,
    GivenUp,
}
