//! The preview of files with several kinds of records: each goes the way of its kind, with the values of the headers
//! before it.

use super::Viewer;
use crate::record::Record;
use crate::step::cover::HIDDEN;
use pipeline::{Bind, Block, Branch, Fatal, Problem, Role, Verdict, context_rejected};

/// The latest record of each context kind, or the line of one that was refused.
#[derive(Default)]
pub struct Known(Vec<Option<Result<Record, u64>>>);

/// The bind of a kind that is loaded, which takes over what is known.
struct Informed<'a, W> {
    bind: &'a dyn Bind<W, Record>,
    branches: &'a [Branch<W, Record>],
    known: &'a Known,
}

impl<W> Bind<W, Record> for Informed<'_, W> {
    fn bind(&self, row: &mut W, record: &mut Record) -> Verdict {
        let mut problems = match self.bind.bind(row, record) {
            Verdict::Keep | Verdict::Warn(_) => Vec::new(),
            Verdict::Reject(problems) => problems,
            verdict @ (Verdict::Drop(_) | Verdict::Halt(_)) => return verdict,
        };
        for (branch, known) in self.branches.iter().zip(&self.known.0) {
            let Role::Context(_, inherit) = &branch.role else {
                continue;
            };
            match known {
                None => inherit.inherit(None, record, &mut problems),
                Some(Ok(context)) => inherit.inherit(Some(context), record, &mut problems),
                Some(Err(line)) => problems.push(context_rejected(&branch.name, *line)),
            }
        }
        match problems.is_empty() {
            true => Verdict::Keep,
            false => Verdict::Reject(problems),
        }
    }
}

/// Gives the stages of each record of `block` to `add`.
///
/// # Errors
/// What the parsers say.
pub fn view<W>(
    viewer: &Viewer<'_>,
    block: &Block,
    branches: &[Branch<W, Record>],
    known: &mut Known,
    text: impl Fn(&W) -> String,
    mut add: impl FnMut(usize, Vec<(String, String)>),
) -> Result<(), Fatal> {
    known.0.resize_with(branches.len(), || None);
    for (index, frame) in block.frames.iter().enumerate() {
        let kind = usize::from(frame.kind);
        let Some(branch) = branches.get(kind) else {
            continue;
        };
        if frame.broken.is_some() {
            // As in a run: a record of no kind is no context that was lost.
            if frame.carries && matches!(branch.role, Role::Context(..)) {
                known.0[kind] = Some(Err(frame.line));
            }
            continue;
        }
        add(index, vec![("kind".to_owned(), branch.name.to_string())]);
        let reader = match &branch.role {
            Role::Load(reader) | Role::Context(reader, _) | Role::Control(reader) => reader,
            Role::Skip => {
                add(index, vec![("dropped".to_owned(), branch.name.to_string())]);
                continue;
            }
        };
        let is_context = matches!(branch.role, Role::Context(..));
        let mut latest = Err(frame.line);
        let part = block.part(index..index + 1);
        reader.parser.parse(&part, &mut |_, row| {
            if let Role::Load(_) = branch.role {
                let bind = Informed {
                    bind: &*reader.bind,
                    branches,
                    known,
                };
                return add(
                    index,
                    viewer.view((index, block.position(index)), row, &bind, &text),
                );
            }
            let mut record = Record::default();
            let parsed = row.as_ref().map(|row| match viewer.plan.cover {
                None => text(row),
                Some(_) => HIDDEN.to_owned(),
            });
            let parsed = parsed.ok();
            let parsed = parsed.map(|text| ("parsed".to_owned(), text));
            let verdict = row.map(|row| reader.bind.bind(row, &mut record));
            let at = block.position(index);
            let refused = |problems: Vec<Problem>| {
                let told = viewer.problems(at, problems);
                ("rejected".to_owned(), told)
            };
            let outcome = match verdict {
                Err(problem) => refused(vec![problem]),
                Ok(Verdict::Reject(problems)) => refused(problems),
                Ok(_) => {
                    latest = Ok(record);
                    ("dropped".to_owned(), branch.name.to_string())
                }
            };
            add(index, parsed.into_iter().chain([outcome]).collect());
        })?;
        if is_context {
            known.0[kind] = Some(latest);
        }
    }
    Ok(())
}
