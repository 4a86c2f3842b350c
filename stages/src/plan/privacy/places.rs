//! Which fields may have a value in common: it is as sensitive under another name. An answer of `false` is sure, whatever
//! the file; where the spec alone cannot tell, the answer is `true`.

use crate::plan::FormatPlan;
use crate::record::Type;
use crate::step::bind::{BindPlan, FieldSpec};
use crate::xml::{FieldPath, Namespaces, Step};

/// Where the values of all fields come from, each field by its number.
pub(super) enum Places<'p> {
    /// Columns of a line, from a place up to another.
    Fixed(Vec<Option<(usize, usize)>>),
    /// Cells that the spec names, and which of them stand inside each other.
    Cells(Vec<Vec<usize>>, Vec<(usize, usize)>),
    /// Places in an XML record; of each whether it is taken as a text alone. None where one of them is no path.
    Elements(Vec<Option<Vec<(FieldPath, bool)>>>),
    /// What the fields are bound to.
    Bound(&'p BindPlan),
}

impl<'p> Places<'p> {
    pub(super) fn of(
        format: Option<&FormatPlan>,
        fields: &[(String, FieldSpec)],
        bind: &'p BindPlan,
    ) -> Self {
        match format {
            Some(FormatPlan::Fixed(_, _, places)) => {
                let place = |(name, _): &(String, FieldSpec)| {
                    let place = places.iter().find(|place| *place.field == **name)?;
                    Some((place.start, place.end))
                };
                Self::Fixed(fields.iter().map(place).collect())
            }
            Some(format @ FormatPlan::Lines(_, pattern)) => {
                let nested = pattern.as_ref().map(|pattern| pattern.nested());
                let columns = bind.columns_among(&format.cells());
                Self::Cells(columns, nested.unwrap_or_default())
            }
            Some(FormatPlan::Xml(xml)) => {
                let paths = |one| element_paths(one, &xml.path.namespaces);
                Self::Elements(fields.iter().map(paths).collect())
            }
            Some(FormatPlan::Csv(_) | FormatPlan::Jsonl | FormatPlan::Json(_)) | None => {
                Self::Bound(bind)
            }
        }
    }

    /// Whether a value of one field may be one of the other, hold it or stand in it.
    pub(super) fn share(&self, one: usize, other: usize) -> bool {
        match self {
            Self::Fixed(places) => match (places[one], places[other]) {
                (Some(here), Some(there)) => here.0 < there.1 && there.0 < here.1,
                _ => true,
            },
            Self::Cells(columns, nested) => columns[one].iter().any(|here| {
                columns[other].iter().any(|there| {
                    here == there
                        || nested.contains(&(*here, *there))
                        || nested.contains(&(*there, *here))
                })
            }),
            Self::Elements(paths) => match (&paths[one], &paths[other]) {
                (Some(here), Some(there)) => here
                    .iter()
                    .any(|here| there.iter().any(|there| elements_share(here, there))),
                _ => true,
            },
            Self::Bound(bind) => bind.may_share(one, other),
        }
    }
}

fn element_paths(
    (name, spec): &(String, FieldSpec),
    namespaces: &Namespaces,
) -> Option<Vec<(FieldPath, bool)>> {
    let own = [name.to_owned()];
    let said = spec.from.as_ref().map_or(&own[..], |from| &from.0);
    let is_text = !matches!(spec.kind, Some(Type::List | Type::Object));
    let paths = said
        .iter()
        .map(|from| Some((FieldPath::parse(from, namespaces).ok()?, is_text)));
    paths.collect()
}

/// An element has the text of those inside it; as more than a text it has their attributes too.
fn elements_share((here, text): &(FieldPath, bool), (there, other): &(FieldPath, bool)) -> bool {
    let alike = |(here, there): (&Step, &Step)| match (here, there) {
        (Step::Name(here), Step::Name(there)) => here == there,
        _ => true,
    };
    if !here.steps.iter().zip(&there.steps).all(alike) {
        return false;
    }
    match (&here.attribute, &there.attribute) {
        (None, None) => true,
        (Some(one), Some(two)) => here.steps.len() == there.steps.len() && one == two,
        (None, Some(_)) => !text && here.steps.len() <= there.steps.len(),
        (Some(_), None) => !other && there.steps.len() <= here.steps.len(),
    }
}
