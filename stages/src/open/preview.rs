//! The first records at every stage, for a person: as framed, as parsed, as bound, what each step did, and the document.
//!
//! The same parts as in a run, one record at a time; nothing is written and nothing is counted. Where a spec has
//! sensitive fields, nothing is shown before they are masked and hashed, and of the others not their values.

mod kinds;

use super::{Front, Opened};
use crate::plan::{Plan, StepPlan};
use crate::record::{
    Cells, DocumentWriter, Item, Kind, Record, Schema, Tree, Value, write_text, write_value,
};
use crate::step::cover::HIDDEN;
use crate::step::{ExplodePlan, Joiner};
use pipeline::{
    Bind, Block, Explode, Fatal, Join, Parser, Position, Problem, Reject, Step, Verdict,
    rejected_with,
};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::ops::Range;

/// Bytes read before the preview gives up on finding enough records.
const MAX_PREVIEW_BYTES: u64 = 64 * 1024 * 1024;
/// What stands in the place of a value that only the target may see.
const HIDDEN_VALUE: &str = "(not shown)";
/// The most parts of one record that are shown.
const MAX_SHOWN_PARTS: u32 = 20;
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
        let documents = |schema: &Schema| DocumentWriter::new(schema, plan.sink.target.nulls, None);
        let explode = plan.explode.as_ref();
        let viewer = Viewer {
            plan,
            whole: explode.and_then(|explode| explode.before(&plan.schema).ok()),
            documents: documents(&plan.schema),
            kept: RefCell::default(),
        };
        let mut add = |index: usize, stages: Vec<(String, String)>| {
            let stages = stages
                .into_iter()
                .map(|(name, text)| (name, one_line(&text)));
            shown[from + index].stages.extend(stages);
        };
        match &self.front {
            Front::Cells(parser, bind) => {
                parser.parse(block, &mut |index, row| {
                    let at = (index, block.position(index));
                    add(index, viewer.view(at, row, bind, cells_text));
                })?;
            }
            Front::Tree(parser, bind) => {
                parser.parse(block, &mut |index, row| {
                    let at = (index, block.position(index));
                    add(index, viewer.view(at, row, bind, tree_text));
                })?;
            }
            Front::KindsOfCells(branches) => {
                kinds::view(&viewer, block, branches, known, cells_text, add)?;
            }
            Front::KindsOfTrees(branches) => {
                kinds::view(&viewer, block, branches, known, tree_text, add)?;
            }
        }
        if let Some(join) = plan.joiner() {
            let kept = viewer.kept.take();
            grouped(block, &join, &viewer, kept, &mut shown[from..]);
        }
        shown.truncate(records);
        Ok(())
    }
}

struct Viewer<'a> {
    plan: &'a Plan,
    /// What a record is before it is exploded, where it is.
    whole: Option<Schema>,
    documents: DocumentWriter,
    /// The records that are to be grouped, with their indexes in the block.
    kept: RefCell<Vec<(usize, Record)>>,
}

type Stages = Vec<(String, String)>;

impl Viewer<'_> {
    fn view<W>(
        &self,
        (index, at): (usize, Position),
        row: Result<&mut W, Problem>,
        bind: &impl Bind<W, Record>,
        text: impl Fn(&W) -> String,
    ) -> Stages {
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
        let mut record = Record::default();
        let verdict = bind.bind(row, &mut record);
        let plan = self.plan;
        let records = plan.records.as_deref().unwrap_or(&plan.schema);
        let whole = self.whole.as_ref().unwrap_or(records);
        let behind = plan.explode.as_ref().map(|explode| explode.behind);
        let steps = 0..behind.unwrap_or(plan.steps.len());
        let verdict = match verdict {
            Verdict::Keep | Verdict::Warn(_) => {
                self.kept(
                    verdict,
                    &mut record,
                    ("bound".into(), 0),
                    whole,
                    &mut stages,
                );
                self.steps(steps, &mut record, whole, &mut stages)
            }
            ended => ended,
        };
        if !matches!(verdict, Verdict::Keep) {
            self.ended(verdict, at, &mut stages);
            return stages;
        }
        let Some(explode) = &plan.explode else {
            match plan.group {
                Some(_) => self.kept.borrow_mut().push((index, record)),
                None => stages.push(("document".into(), self.document(at, &mut record))),
            }
            return stages;
        };
        self.parts(explode, &mut record, (at, records), &mut stages);
        stages
    }

    /// Shows the parts of a record: the documents of all of them, or why there are none.
    fn parts(
        &self,
        explode: &ExplodePlan,
        record: &mut Record,
        (at, schema): (Position, &Schema),
        stages: &mut Stages,
    ) {
        let mut bad = None;
        let verdict = explode.parts(record, &mut |part, record| {
            let mut told = Vec::new();
            let stage = (format!("part {}", part.max(1)), explode.behind);
            self.kept(Verdict::Keep, record, stage, schema, &mut told);
            let steps = explode.behind..self.plan.steps.len();
            match self.steps(steps, record, schema, &mut told) {
                Verdict::Keep | Verdict::Warn(_) => {
                    told.push(("document".into(), self.document(at, record)));
                }
                Verdict::Reject(mut problems) => {
                    problems
                        .iter_mut()
                        .for_each(|problem| explode.of_part(part, problem));
                    bad = Some(Verdict::Reject(problems));
                }
                halted @ Verdict::Halt(_) => bad = Some(halted),
                dropped @ Verdict::Drop(_) => self.ended(dropped, at, &mut told),
            }
            match part.cmp(&(MAX_SHOWN_PARTS + 1)) {
                Ordering::Less => stages.append(&mut told),
                Ordering::Equal => stages.push(("exploded".into(), "there are more parts".into())),
                Ordering::Greater => {}
            }
            bad.is_none()
        });
        let verdict = bad.unwrap_or(verdict);
        if !matches!(verdict, Verdict::Keep | Verdict::Warn(_)) {
            stages.retain(|(name, _)| name != "document");
            self.ended(verdict, at, stages);
        }
    }

    /// Shows what some of the steps do, up to the one behind which the record is not kept, and says what that one says.
    fn steps(
        &self,
        steps: Range<usize>,
        record: &mut Record,
        schema: &Schema,
        stages: &mut Stages,
    ) -> Verdict {
        for (step, number) in self.plan.steps[steps.clone()].iter().zip(steps) {
            let verdict = step.step.apply(record);
            if !matches!(verdict, Verdict::Keep | Verdict::Warn(_)) {
                return verdict;
            }
            let stage = (format!("{} {}", step.kind, step.name), number + 1);
            self.kept(verdict, record, stage, schema, stages);
        }
        Verdict::Keep
    }

    /// Shows a record that is kept as it is at the stage `name`, behind `done` of the steps.
    fn kept(
        &self,
        verdict: Verdict,
        record: &mut Record,
        (name, done): (String, usize),
        schema: &Schema,
        stages: &mut Stages,
    ) {
        if let Verdict::Warn(name) = verdict {
            stages.push(("warned".into(), name.to_string()));
        }
        let is_veil = |step: &&StepPlan| matches!(step.kind, "mask" | "hash");
        let veils = self.plan.steps.iter().take_while(is_veil).count();
        let fields = match done < veils {
            true => HIDDEN.into(),
            false => self.seen(record, |record| fields(schema, record)),
        };
        stages.push((name, fields));
    }

    /// Shows why a record is not kept.
    fn ended(&self, verdict: Verdict, at: Position, stages: &mut Stages) {
        stages.push(match verdict {
            Verdict::Keep | Verdict::Warn(_) => return,
            Verdict::Drop(name) => ("dropped".into(), name.to_string()),
            Verdict::Reject(problems) => ("rejected".into(), self.problems(at, problems)),
            Verdict::Halt(halt) => {
                let word = match halt.fails.is_some() {
                    true => "failed",
                    false => "held",
                };
                (word.into(), halt.breach.message.clone())
            }
        });
    }

    fn document(&self, at: Position, record: &mut Record) -> String {
        self.seen(record, |record| {
            let mut bytes = Vec::new();
            self.documents.write(None, at, record, &mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }

    /// What `tell` says of a record without the values that only the target may see. Where records are taken apart or
    /// joined, nothing is said.
    fn seen(&self, record: &mut Record, tell: impl FnOnce(&Record) -> String) -> String {
        let is_reshaped = self.plan.explode.is_some() || self.plan.group.is_some();
        if is_reshaped && self.plan.cover.is_some() {
            return HIDDEN.into();
        }
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

/// Every field by its name, those that are null or not written too, and what no field takes.
fn fields(schema: &Schema, record: &Record) -> String {
    let mut bytes = vec![b'{'];
    let mut entry = |name: &str, value: &Value| {
        if bytes.len() > 1 {
            bytes.push(b',');
        }
        write_text(name, &mut bytes);
        bytes.push(b':');
        write_value(record, value, &mut bytes);
    };
    for (index, field) in schema.fields.iter().enumerate() {
        entry(&field.name, record.value(index));
    }
    for (name, value) in record.unknown() {
        entry(record.text(*name), value);
    }
    bytes.push(b'}');
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Shows at the last kept record of each group what its records are together, or at each of them why they are nothing.
fn grouped(
    block: &Block,
    join: &Joiner,
    viewer: &Viewer<'_>,
    kept: Vec<(usize, Record)>,
    shown: &mut [Shown],
) {
    let mut kept = kept.into_iter().peekable();
    let mut start = 0;
    for &end in &block.groups {
        let group = start..end as usize;
        start = group.end;
        let (mut indexes, mut records) = (Vec::new(), Vec::new());
        while let Some((index, record)) = kept.next_if(|(index, _)| *index < group.end) {
            indexes.push(index);
            records.push(record);
        }
        let is_bad = |index: &usize| {
            let mut stages = shown[*index].stages.iter();
            stages.any(|(name, _)| matches!(&**name, "rejected" | "held" | "failed"))
        };
        let first = block.position(group.start);
        let mut whole = Record::default();
        let joined = match group.clone().find(is_bad) {
            Some(bad) => Err(rejected_with(block.position(bad).ordinal)),
            None if records.is_empty() => continue,
            None => join.join(&records, &mut whole),
        };
        let mut tell = |index: usize, stage: (String, String)| {
            let line = (stage.0, one_line(&stage.1));
            shown[index].stages.push(line);
        };
        match joined {
            Ok(()) => {
                let document = viewer.document(first, &mut whole);
                if let Some(last) = indexes.last() {
                    tell(*last, ("document".into(), document));
                }
            }
            Err(problem) => {
                for index in indexes {
                    let at = block.position(index);
                    let problems = viewer.problems(at, vec![problem.clone()]);
                    tell(index, ("rejected".into(), problems));
                }
            }
        }
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
