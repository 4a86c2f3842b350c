//! Opening a plan that tells kinds of records apart: the framer that says which is which, and a parser and a bind for each.

use super::Front;
use crate::frame::kinds::Kinds;
use crate::kind::{Mark, Recogniser, Use};
use crate::parse::csv::CsvParser;
use crate::parse::fixed::FixedParser;
use crate::parse::json::JsonParser;
use crate::parse::lines::LinesParser;
use crate::parse::xml::XmlParser;
use crate::plan::{FormatPlan, KindPlan, Plan};
use crate::record::Record;
use crate::step::bind::{BindRefusal, CellsBind, TreeBind};
use pipeline::{
    Accepted, Bind, Branch, Carried, Checkpoint, Fatal, Framer, Parser, Reader, Role, Total,
};
use std::sync::Arc;

/// `inside`, or a framer around it that says which kind each record is.
pub(super) fn framer(plan: &Plan, inside: Box<dyn Framer>, from: &Checkpoint) -> Box<dyn Framer> {
    let Some(kinds) = &plan.kinds else {
        return inside;
    };
    let marks: Vec<Mark> = kinds.iter().map(|kind| kind.mark.clone()).collect();
    let loaded = (0..).zip(kinds).find(|(_, kind)| kind.role == Use::Load);
    let namespaces = match &plan.format {
        FormatPlan::Xml(xml) => xml.path.namespaces.clone(),
        _ => Arc::default(),
    };
    let recogniser = Recogniser::new(marks, loaded.map_or(0, |(at, _)| at), namespaces);
    let carries = kinds.iter().map(|kind| kind.role == Use::Context);
    let carried: Vec<Carried> = from.carried.clone();
    Box::new(Kinds::new(
        inside,
        Box::new(recogniser),
        carries.collect(),
        carried,
    ))
}

/// Parsers and binds, `plain` where there are no kinds. `titles` are those of a header; none where the input ended before
/// it.
pub(super) fn front(
    plan: &Plan,
    plain: Front,
    titles: Option<&[String]>,
    accepted: &Accepted,
) -> Result<Front, BindRefusal> {
    let Some(kinds) = &plan.kinds else {
        return Ok(plain);
    };
    match plain {
        Front::Tree(..) | Front::KindsOfTrees(_) => {
            let trees = kinds.iter().map(|kind| tree(kind, accepted));
            Ok(Front::KindsOfTrees(trees.collect()))
        }
        Front::Cells(..) | Front::KindsOfCells(_) => {
            let cells = kinds.iter().map(|kind| cells(kind, titles, accepted));
            Ok(Front::KindsOfCells(cells.collect::<Result<_, _>>()?))
        }
    }
}

fn tree(kind: &KindPlan, accepted: &Accepted) -> Branch<crate::record::Tree, Record> {
    let bind: TreeBind = kind.bind.for_tree(accepted);
    match &kind.format {
        FormatPlan::Xml(xml) => {
            let parser = XmlParser::new(xml.path.namespaces.clone(), xml.takes.clone());
            branch(kind, parser, bind)
        }
        _ => branch(kind, JsonParser, bind),
    }
}

fn cells(
    kind: &KindPlan,
    titles: Option<&[String]>,
    accepted: &Accepted,
) -> Result<Branch<crate::record::Cells, Record>, BindRefusal> {
    let named = || kind.bind.for_columns(&kind.format.cells(), accepted);
    Ok(match &kind.format {
        FormatPlan::Lines(_, pattern) => branch(kind, LinesParser::new(pattern.as_ref()), named()?),
        FormatPlan::Fixed(_, unit, places) => {
            branch(kind, FixedParser::new(*unit, places.clone()), named()?)
        }
        FormatPlan::Csv(dialect) => {
            let is_numbered = dialect.header.rows == 0 && dialect.columns.is_empty();
            if kind.role != Use::Load || is_numbered {
                branch(kind, CsvParser::of_any(dialect), kind.bind.for_numbers())
            } else {
                let bind: CellsBind = match titles {
                    Some(titles) => kind.bind.for_columns(titles, accepted)?,
                    None => kind.bind.for_no_rows(),
                };
                let columns = titles.map_or(0, <[String]>::len);
                branch(kind, CsvParser::new(dialect, columns), bind)
            }
        }
        FormatPlan::Jsonl | FormatPlan::Json(_) | FormatPlan::Xml(_) => {
            let message = "a format of trees has no cells";
            return Err(Fatal::new("internal", message).into());
        }
    })
}

fn branch<W: 'static>(
    kind: &KindPlan,
    parser: impl Parser<W> + 'static,
    bind: impl Bind<W, Record> + 'static,
) -> Branch<W, Record> {
    let reader = Reader {
        parser: Box::new(parser),
        bind: Box::new(bind),
    };
    Branch {
        name: kind.name.clone(),
        role: match kind.role {
            Use::Load => Role::Load(reader),
            Use::Context => Role::Context(reader, Box::new(kind.takeover.clone())),
            Use::Control => Role::Control(reader),
            Use::Skip => Role::Skip,
        },
    }
}

/// Checks that a checkpoint has what the plan goes on with: the context of records that were read, and the totals that are
/// compared at the end. A new one gets its totals.
///
/// # Errors
/// `checkpoint`, where one is missing: what is loaded would have the wrong values, or a sum would be too small.
pub(super) fn check(plan: &Plan, from: &mut Checkpoint) -> Result<(), Fatal> {
    let dropped = &from.books.counters.dropped;
    for (kind, number) in plan.kinds.iter().flatten().zip(0..) {
        let was_read = kind.role == Use::Context && dropped.contains_key(&*kind.name);
        if was_read && from.carried.iter().all(|one| one.kind != number) {
            let message = format!("the checkpoint does not hold the last `{}`", kind.name);
            return Err(Fatal::new("checkpoint", message));
        }
    }
    let is_new = from.books.end.ordinal == 0;
    let mut totals = Vec::new();
    for term in plan.control.terms() {
        let kept = from.books.totals.iter();
        let kept = kept.clone().find(|total| *total.term == **term).cloned();
        match kept {
            Some(total) => totals.push(total),
            None if is_new => totals.push(Total::of(term)),
            None => {
                let message = format!("the checkpoint does not hold {term}");
                return Err(Fatal::new("checkpoint", message));
            }
        }
    }
    from.books.totals = totals;
    Ok(())
}
