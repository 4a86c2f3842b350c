//! The first records at every stage, for a person: as framed, as parsed, as bound, what each step did, and the document.
//!
//! The same parts as in a run, one record at a time; nothing is written and nothing is counted. Where a spec has
//! sensitive fields, nothing is shown before they are masked and hashed, and of the others not their values.

mod kinds;

use super::{Front, Opened};
use crate::plan::{Plan, StepPlan};
use crate::record::{
    Cells, DocumentWriter, Item, Kind, Record, Tree, Value, write_text, write_value,
};
use crate::step::cover::HIDDEN;
use pipeline::{Bind, Block, Fatal, Parser, Position, Problem, Reject, Step, Verdict};

/// Bytes read before the preview gives up on finding enough records.
const MAX_PREVIEW_BYTES: u64 = 64 * 1024 * 1024;
/// What stands in the place of a value that only the target may see.
const HIDDEN_VALUE: &str = "(not shown)";
/// Room made for each read, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// One record and what became of it.
pub struct Shown {
    /// Where it stands.
    pub at: Position,
    /// What every stage made of it: the stage's name and its result, one line each without control characters.
    pub stages: Vec<(String, String)>,
}

impl Opened {
    /// The first `records` records at every stage; and what the source, the framer or the parser say where there are
    /// fewer of them because the input is at fault.
    pub async fn preview(self, plan: &Plan, records: usize) -> (Vec<Shown>, Option<Fatal>) {
        let mut shown = Vec::new();
        let fatal = self.preview_into(plan, records, &mut shown).await.err();
        (shown, fatal)
    }

    async fn preview_into(
        mut self,
        plan: &Plan,
        records: usize,
        shown: &mut Vec<Shown>,
    ) -> Result<(), Fatal> {
        let (mut at_end, mut bytes) = (false, 0);
        let mut known = kinds::Known::default();
        loop {
            while let Some(block) = self.framer.next_block(at_end)? {
                self.show(plan, &block, records, &mut known, shown)?;
                if shown.len() >= records {
                    return Ok(());
                }
            }
            if at_end || bytes > MAX_PREVIEW_BYTES {
                return Ok(());
            }
            self.framer.buffer().reserve(READ_BYTES);
            let read = self.source.read(self.framer.buffer()).await?;
            bytes += read as u64;
            at_end = read == 0;
        }
    }

    fn show(
        &self,
        plan: &Plan,
        block: &Block,
        records: usize,
        known: &mut kinds::Known,
        shown: &mut Vec<Shown>,
    ) -> Result<(), Fatal> {
        let from = shown.len();
        for index in 0..block.frames.len() {
            let framed = match plan.cover {
                None => one_line(&String::from_utf8_lossy(block.text(index))),
                Some(_) => HIDDEN.to_owned(),
            };
            let mut stages = vec![("framed".to_owned(), framed)];
            if let Some(code) = block.frames[index].broken {
                stages.push(("rejected".to_owned(), code.to_owned()));
            }
            shown.push(Shown {
                at: block.position(index),
                stages,
            });
        }
        let viewer = Viewer {
            plan,
            documents: DocumentWriter::new(&plan.schema, plan.sink.target.nulls, None),
        };
        let mut add = |index: usize, stages: Vec<(String, String)>| {
            let stages = stages
                .into_iter()
                .map(|(name, text)| (name, one_line(&text)));
            shown[from + index].stages.extend(stages);
        };
        match &self.front {
            Front::Csv(parser, bind) => {
                parser.parse(block, &mut |index, row| {
                    add(
                        index,
                        viewer.view(block.position(index), row, bind, cells_text),
                    );
                })?;
            }
            Front::Json(parser, bind) => {
                parser.parse(block, &mut |index, row| {
                    add(
                        index,
                        viewer.view(block.position(index), row, bind, tree_text),
                    );
                })?;
            }
            Front::Xml(parser, bind) => {
                parser.parse(block, &mut |index, row| {
                    add(
                        index,
                        viewer.view(block.position(index), row, bind, tree_text),
                    );
                })?;
            }
            Front::Lines(parser, bind) => {
                parser.parse(block, &mut |index, row| {
                    add(
                        index,
                        viewer.view(block.position(index), row, bind, cells_text),
                    );
                })?;
            }
            Front::Cells(branches) => {
                kinds::view(&viewer, block, branches, known, cells_text, add)?;
            }
            Front::Trees(branches) => {
                kinds::view(&viewer, block, branches, known, tree_text, add)?;
            }
            Front::Fixed(parser, bind) => {
                parser.parse(block, &mut |index, row| {
                    add(
                        index,
                        viewer.view(block.position(index), row, bind, cells_text),
                    );
                })?;
            }
        }
        shown.truncate(records);
        Ok(())
    }
}

struct Viewer<'a> {
    plan: &'a Plan,
    documents: DocumentWriter,
}

impl Viewer<'_> {
    fn view<W>(
        &self,
        at: Position,
        row: Result<&mut W, Problem>,
        bind: &impl Bind<W, Record>,
        text: impl Fn(&W) -> String,
    ) -> Vec<(String, String)> {
        let mut stages = Vec::new();
        let row = match row {
            Ok(row) => row,
            Err(problem) => return vec![("rejected".into(), self.problems(at, vec![problem]))],
        };
        let parsed = match self.plan.cover {
            None => text(row),
            Some(_) => HIDDEN.into(),
        };
        stages.push(("parsed".into(), parsed));
        let is_veil = |step: &&StepPlan| matches!(step.kind, "mask" | "hash");
        let mut veils = self.plan.steps.iter().take_while(is_veil).count();
        let mut record = Record::default();
        let mut verdict = bind.bind(row, &mut record);
        let mut name = "bound".to_owned();
        for step in self.plan.steps.iter().map(Some).chain([None]) {
            match &verdict {
                Verdict::Keep | Verdict::Warn(_) => {
                    if let Verdict::Warn(name) = &verdict {
                        stages.push(("warned".into(), name.to_string()));
                    }
                    let fields = match veils {
                        0 => self.seen(&mut record, |record| self.fields(record)),
                        _ => HIDDEN.into(),
                    };
                    veils = veils.saturating_sub(1);
                    stages.push((name, fields));
                    if step.is_none() {
                        let document = self.seen(&mut record, |record| self.document(at, record));
                        stages.push(("document".into(), document));
                    }
                }
                Verdict::Drop(name) => stages.push(("dropped".into(), name.to_string())),
                Verdict::Reject(problems) => {
                    stages.push(("rejected".into(), self.problems(at, problems.clone())));
                }
                Verdict::Halt(halt) => {
                    let word = if halt.fails.is_some() {
                        "failed"
                    } else {
                        "held"
                    };
                    stages.push((word.into(), halt.breach.message.clone()));
                }
            }
            let (Some(step), Verdict::Keep | Verdict::Warn(_)) = (step, &verdict) else {
                break;
            };
            name = format!("{} {}", step.kind, step.name);
            verdict = step.step.apply(&mut record);
        }
        stages
    }

    /// Every field by its name, those that are null or not written too, and what no field takes.
    fn fields(&self, record: &Record) -> String {
        let mut bytes = vec![b'{'];
        let mut entry = |name: &str, value: &Value| {
            if bytes.len() > 1 {
                bytes.push(b',');
            }
            write_text(name, &mut bytes);
            bytes.push(b':');
            write_value(record, value, &mut bytes);
        };
        for (index, field) in self.plan.schema.fields.iter().enumerate() {
            entry(&field.name, record.value(index));
        }
        for (name, value) in record.unknown() {
            entry(record.text(*name), value);
        }
        bytes.push(b'}');
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn document(&self, at: Position, record: &Record) -> String {
        let mut bytes = Vec::new();
        self.documents.write(None, at, record, &mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What `tell` says of a record without the values that only the target may see.
    fn seen(&self, record: &mut Record, tell: impl FnOnce(&Record) -> String) -> String {
        let mut unseen = Vec::new();
        for &index in &self.plan.unseen {
            let value = record.value(index).clone();
            if value != Value::Null {
                let hidden = record.store(HIDDEN_VALUE);
                record.set(index, Value::Text(hidden));
                unseen.push((index, value));
            }
        }
        let told = tell(record);
        for (index, value) in unseen {
            record.set(index, value);
        }
        told
    }

    fn problems(&self, at: Position, problems: Vec<Problem>) -> String {
        let mut reject = Reject::new(at, problems, b"");
        if let Some(cover) = &self.plan.cover {
            cover.hide(&mut reject);
        }
        problems_text(&reject.problems)
    }
}

/// Control characters escaped, everything else as it stands.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        match char.is_control() {
            true => line.extend(char.escape_default()),
            false => line.push(char),
        }
    }
    line
}

fn problems_text(problems: &[Problem]) -> String {
    let one = |problem: &Problem| {
        let field = problem
            .field
            .as_deref()
            .map(|field| format!(" {field}"))
            .unwrap_or_default();
        format!("{}{field}: {}", problem.code, problem.message)
    };
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn cells_text(cells: &Cells) -> String {
    let all: Vec<_> = (0..cells.len())
        .filter_map(|index| cells.get(index))
        .collect();
    format!("{all:?}")
}

fn tree_text(tree: &Tree) -> String {
    let mut bytes = Vec::new();
    if let Some(root) = tree.root() {
        item(root, &mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Appends a value as it was parsed; numbers as they were written.
fn item(value: Item<'_>, out: &mut Vec<u8>) {
    let (open, close) = match value.kind() {
        Kind::List => (b'[', b']'),
        Kind::Object => (b'{', b'}'),
        Kind::Null => return out.extend_from_slice(b"null"),
        Kind::Boolean(value) => return out.extend_from_slice(value.to_string().as_bytes()),
        Kind::Number => return out.extend_from_slice(value.text().as_bytes()),
        Kind::String => return write_text(value.text(), out),
    };
    out.push(open);
    for (number, inside) in value.children().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        if open == b'{' {
            write_text(inside.key(), out);
            out.push(b':');
        }
        item(inside, out);
    }
    out.push(close);
}
