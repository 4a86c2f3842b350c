//! The header of a CSV file: which column each field takes, judged once for the whole file. Two columns for one
//! field, a missing one and an unknown one each have the outcome that the spec says; none is guessed.

mod left_out;
#[cfg(test)]
mod tests;

pub use left_out::LeftOut;

use super::cells::{CellsBind, Extra};
use super::field::FieldPlan;
use super::plan::{BindPlan, RESERVED, Source};
use super::spec::{Missing, Order, Unknown};
use super::value::shown;
use pipeline::{Accepted, Cause, Fatal, MAX_PROBLEMS, Problem};
use regex::Regex;
use std::collections::HashSet;
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// The most titles that a message lists.
const MAX_SHOWN_TITLES: usize = 30;
/// The most titles that the message about a missing column lists.
const MAX_NEAR_TITLES: usize = 5;
/// The least likeness (jaro-winkler) of a title that a message proposes.
const NEAR_LIKENESS: f64 = 0.8;

/// Why a file cannot be bound.
#[derive(Clone, Debug)]
pub enum BindRefusal {
    /// It never can, by this spec.
    Fatal(Fatal),
    /// Somebody must accept its columns first.
    Hold(Cause),
}

impl From<Fatal> for BindRefusal {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal(fatal)
    }
}

/// A title that a field looks for.
#[derive(Clone, Debug)]
pub enum Title {
    /// A text: compared as it is, or else trimmed, normalised and case-folded.
    Text {
        /// As the spec has it.
        exact: String,
        /// For the second look.
        folded: String,
    },
    /// A regular expression, searched in the trimmed and normalised title.
    Pattern(Regex),
}

impl Title {
    /// Reads what a spec says: a regular expression between slashes, else a text.
    ///
    /// # Errors
    /// The regular expression's.
    pub fn parse(text: &str) -> Result<Self, regex::Error> {
        match text
            .strip_prefix('/')
            .and_then(|text| text.strip_suffix('/'))
        {
            Some(pattern) => crate::spec::regex(pattern).map(Self::Pattern),
            None => Ok(Self::text(text)),
        }
    }

    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text {
            exact: text.to_owned(),
            folded: folded(text),
        }
    }

    /// The columns that answer, an exact spelling first.
    fn answers<'h>(&self, heads: &'h [Head<'_>]) -> Vec<usize> {
        let all = |wanted: &dyn Fn(&Head<'h>) -> bool| -> Vec<usize> {
            let found = heads.iter().enumerate().filter(|(_, head)| wanted(head));
            found.map(|(index, _)| index).collect()
        };
        match self {
            Self::Text { exact, folded } => {
                let found = all(&|head| head.raw == exact);
                if found.is_empty() {
                    all(&|head| head.folded == *folded)
                } else {
                    found
                }
            }
            Self::Pattern(pattern) => all(&|head| pattern.is_match(&head.normal)),
        }
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { exact, .. } => f.write_str(&shown(exact)),
            Self::Pattern(pattern) => write!(f, "/{pattern}/"),
        }
    }
}

/// A title of the file.
struct Head<'t> {
    raw: &'t str,
    normal: String,
    folded: String,
    /// Its number, from 1, where no message may say its title.
    hidden: Option<usize>,
}

impl<'t> Head<'t> {
    fn new(raw: &'t str) -> Self {
        Self {
            raw,
            normal: raw.trim().nfc().collect(),
            folded: folded(raw),
            hidden: None,
        }
    }

    /// As a message says it.
    fn told(&self) -> String {
        match self.hidden {
            Some(number) => format!("column {number}"),
            None => shown(&self.normal),
        }
    }
}

/// Trimmed, NFC, and case-folded: capital letters first, so that `ß` equals `SS`.
fn folded(title: &str) -> String {
    let normal: String = title.trim().nfc().collect();
    normal.to_uppercase().to_lowercase().nfc().collect()
}

impl BindPlan {
    /// The titles of a file. Where some field is sensitive, one may be a value of it: the file may have no header.
    fn heads<'t>(&self, titles: &'t [String]) -> Vec<Head<'t>> {
        let head = |(index, title): (usize, &'t String)| Head {
            hidden: self.hides_titles.then_some(index + 1),
            ..Head::new(title)
        };
        titles.iter().enumerate().map(head).collect()
    }

    /// Whether this row can be the header: every title without which the file would fail is in it. Where the
    /// spec needs none, every row can.
    pub fn is_header(&self, titles: &[String]) -> bool {
        let heads = self.heads(titles);
        self.fields().all(|(field, source)| {
            !self.must_be_there(field.required)
                || source.is_elsewhere()
                || !source.columns(&heads).is_empty()
        })
    }

    /// The fields whose titles make a row the header, for messages.
    pub fn required_names(&self) -> Vec<String> {
        let required = self
            .fields()
            .filter(|(field, source)| self.must_be_there(field.required) && !source.is_elsewhere());
        required.map(|(field, _)| field.name.to_string()).collect()
    }

    fn must_be_there(&self, required: bool) -> bool {
        match self.missing {
            Missing::FailAny => true,
            Missing::FailRequired => required,
            Missing::Null => false,
        }
    }

    /// Binds to the titles of a file. `accepted` is what somebody accepted before: unknown columns among it do
    /// not hold again.
    ///
    /// # Errors
    /// `header_ambiguous`, `column_missing`, `column_order`, `unknown_columns`, `reserved_name`, `nul_in_name` and
    /// `name_taken` fail the file; unknown columns hold it where the spec says so.
    pub fn for_columns(
        &self,
        titles: &[String],
        accepted: &Accepted,
    ) -> Result<CellsBind, BindRefusal> {
        let heads = self.heads(titles);
        let mut columns = Vec::new();
        for (field, source) in self.fields() {
            let column = match source.columns(&heads)[..] {
                [] if self.must_be_there(field.required) && !source.is_elsewhere() => {
                    return Err(missing(&field.name, source, &heads).into());
                }
                [] => None,
                [column] => Some(column),
                ref many => return Err(ambiguous(&field.name, many, &heads).into()),
            };
            columns.push(column);
        }
        if self.order == Order::Strict {
            self.check_order(&columns, &heads)?;
        }
        let unknown: Vec<usize> = (0..heads.len())
            .filter(|index| !columns.contains(&Some(*index)))
            .collect();
        let extra = self.extra(&unknown, &heads, accepted)?;
        let fields = self.plans().cloned().zip(columns).collect();
        Ok(CellsBind::new(fields, self.room, extra))
    }

    /// Whether the file can be one that the spec is for: where no field at all has a column, every document would be
    /// empty. Fields that say the number of their column or what they are without one do not want it to be there; nor does
    /// `missing = "null"`.
    ///
    /// # Errors
    /// `column_missing`.
    pub fn finds_any(&self, titles: &[String]) -> Result<(), Fatal> {
        let heads = self.heads(titles);
        let wants = |(field, source): (&FieldPlan, &Source)| {
            matches!(source, Source::Titles(_)) && field.default.is_none()
        };
        let has = |source: &Source| !source.columns(&heads).is_empty();
        if self.missing == Missing::Null || !self.fields().any(wants) || self.sources().any(has) {
            return Ok(());
        }
        let found = nearest_first(&[], &heads);
        let message = format!("no field has a column: the file has {found}");
        let hint = one_cell(&heads).unwrap_or_else(|| {
            "is it a file of this spec? `from` names the titles of a field; `missing = \"null\"` in `[columns]` lets all be null"
                .to_owned()
        });
        Err(Fatal::new("column_missing", message).hint(hint))
    }

    /// Binds records that have no titles: each field has the number of its column, and may be missing where a record
    /// has fewer cells.
    pub fn for_numbers(&self) -> CellsBind {
        let both = self.plans().zip(self.sources());
        let fields = both.map(|(plan, source)| match source {
            Source::Column(index) => (plan.clone(), Some(*index)),
            _ => (plan.clone(), None),
        });
        CellsBind::new(fields.collect(), self.room, Extra::Drop)
    }

    /// The columns that answer to each field, in the order of the fields.
    pub fn columns_among(&self, titles: &[String]) -> Vec<Vec<usize>> {
        let heads = self.heads(titles);
        let columns = self.sources().map(|source| source.columns(&heads));
        columns.collect()
    }

    /// Binds to an input that ended before any row: it has no columns, and as there are no records either, no
    /// field lacks one. Whether no records are too few is judged elsewhere.
    pub fn for_no_rows(&self) -> CellsBind {
        let fields = self.plans().map(|plan| (plan.clone(), None)).collect();
        CellsBind::new(fields, self.room, Extra::Drop)
    }

    /// Columns must not run back; a column that several fields take counts where it is first taken.
    fn check_order(&self, columns: &[Option<usize>], heads: &[Head<'_>]) -> Result<(), Fatal> {
        let mut last: Option<usize> = None;
        for (at, column) in columns.iter().enumerate() {
            let (Some(column), false) = (*column, columns[..at].contains(column)) else {
                continue;
            };
            if let Some(before) = last.filter(|last| *last > column) {
                let (here, before) = (heads[column].told(), heads[before].told());
                let column = match self.hides_titles {
                    true => "",
                    false => "the column ",
                };
                let message =
                    format!("{column}{here} stands before {before}, behind which the spec has it");
                let hint = "`order = \"any\"` takes columns in any order";
                return Err(Fatal::new("column_order", message).hint(hint));
            }
            last = Some(column);
        }
        Ok(())
    }

    fn extra(
        &self,
        unknown: &[usize],
        heads: &[Head<'_>],
        accepted: &Accepted,
    ) -> Result<Extra, BindRefusal> {
        if unknown.is_empty() {
            return Ok(Extra::Drop);
        }
        let names = || {
            unknown
                .iter()
                .map(|index| heads[*index].normal.clone())
                .collect::<Vec<_>>()
        };
        Ok(match self.unknown {
            Unknown::Drop => Extra::Drop,
            Unknown::Keep => Extra::Keep(self.named(unknown, heads, true)?),
            Unknown::Rescue => Extra::Rescue(self.named(unknown, heads, false)?),
            Unknown::Reject => {
                // One more than a reject lists tells that there are others.
                let listed = unknown.iter().take(MAX_PROBLEMS + 1);
                Extra::Reject(
                    listed
                        .map(|index| unknown_column(&heads[*index].normal))
                        .collect(),
                )
            }
            Unknown::Hold => {
                let cause = Cause::UnknownColumns(names());
                if !accepted.covers(&cause) {
                    return Err(BindRefusal::Hold(cause));
                }
                Extra::Drop
            }
            Unknown::Fail => {
                let message = match self.hides_titles {
                    true => format!("no field takes {} of the columns", unknown.len()),
                    false => format!("no field takes the columns {}", listed(&names())),
                };
                let hint = "name them in `[fields]`, or say what becomes of them with `unknown` in `[columns]`";
                return Err(Fatal::new("unknown_columns", message).hint(hint).into());
            }
        })
    }

    /// The unknown columns with the names that they get, each a name of its own; in the document itself also
    /// none of ours.
    fn named(
        &self,
        unknown: &[usize],
        heads: &[Head<'_>],
        in_document: bool,
    ) -> Result<Vec<(usize, Box<str>)>, Fatal> {
        let mut named: Vec<(usize, Box<str>)> = Vec::new();
        let mut names = HashSet::new();
        for &index in unknown {
            let (name, number) = (heads[index].raw.trim(), index + 1);
            let refuse = |code, reason: &str| {
                let title = match self.hides_titles {
                    true => String::new(),
                    false => format!(" {}", shown(name)),
                };
                let message =
                    format!("column {number} cannot be kept under its title{title}: {reason}");
                let hint = format!(
                    "give it a field, `column = {number}` finds it, or use `unknown = \"drop\"`"
                );
                Err(Fatal::new(code, message).hint(hint))
            };
            if name.is_empty() {
                return refuse("header_ambiguous", "it is empty");
            }
            if !names.insert(name) {
                return refuse("header_ambiguous", "another column has it too");
            }
            if name.contains('\0') {
                return refuse("nul_in_name", "it holds a NUL");
            }
            if in_document && RESERVED.contains(&name) {
                return refuse("reserved_name", "the name is reserved");
            }
            if in_document && self.is_taken(name) {
                return refuse("name_taken", "a field is written there");
            }
            named.push((index, name.into()));
        }
        Ok(named)
    }
}

impl Source {
    /// The columns that answer to this field, each once.
    fn columns(&self, heads: &[Head<'_>]) -> Vec<usize> {
        match self {
            Self::Column(index) => Vec::from_iter((*index < heads.len()).then_some(*index)),
            Self::Titles(titles) => {
                let mut found: Vec<usize> = titles
                    .iter()
                    .flat_map(|title| title.answers(heads))
                    .collect();
                found.sort_unstable();
                found.dedup();
                found
            }
            Self::Paths(_) | Self::Elsewhere => Vec::new(),
        }
    }

    fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Elsewhere)
    }
}

/// Titles as a message lists them, at most [`MAX_SHOWN_TITLES`].
pub fn listed<T: AsRef<str>>(titles: &[T]) -> String {
    let mut all: Vec<String> = titles
        .iter()
        .take(MAX_SHOWN_TITLES)
        .map(|title| shown(title.as_ref()))
        .collect();
    if titles.len() > MAX_SHOWN_TITLES {
        all.push(format!("and {} more", titles.len() - MAX_SHOWN_TITLES));
    }
    all.join(", ")
}

fn unknown_column(name: &str) -> Problem {
    let message = format!("no field takes the column {}", shown(name));
    Problem::of_field("unknown_column", name, message)
}

fn missing(field: &str, source: &Source, heads: &[Head<'_>]) -> Fatal {
    let Source::Titles(titles) = source else {
        let message = format!(
            "the field `{field}` takes a column beyond the last, {}",
            heads.len()
        );
        return Fatal::new("column_missing", message);
    };
    let wanted: Vec<String> = titles.iter().map(Title::to_string).collect();
    let (wanted, found) = (wanted.join(" or "), nearest_first(titles, heads));
    let message = format!("the field `{field}` wants a column {wanted}; the file has {found}");
    let fatal = Fatal::new("column_missing", message);
    if let Some(hint) = one_cell(heads) {
        return fatal.hint(hint);
    }
    match nearest(titles, heads) {
        Some(head) => fatal.hint(format!("did you mean {}?", shown(&head.normal))),
        None => fatal
            .hint("name its title with `from`, or let it be null with `missing` in `[columns]`"),
    }
}

/// The title that one of `titles` was most likely meant to be.
fn nearest<'h, 't: 'h>(
    titles: &[Title],
    heads: impl IntoIterator<Item = &'h Head<'t>>,
) -> Option<&'h Head<'t>> {
    let alike = heads.into_iter().map(|head| (likeness(titles, head), head));
    let near = alike.max_by(|a, b| a.0.total_cmp(&b.0));
    near.filter(|(likeness, head)| *likeness >= NEAR_LIKENESS && head.hidden.is_none())
        .map(|(_, head)| head)
}

/// How alike a title and the likest of `titles` are (jaro-winkler); regular expressions are like nothing.
fn likeness(titles: &[Title], head: &Head<'_>) -> f64 {
    let texts = titles.iter().filter_map(|title| match title {
        Title::Text { folded, .. } => Some(strsim::jaro_winkler(folded, &head.folded)),
        Title::Pattern(_) => None,
    });
    texts.fold(0.0, f64::max)
}

/// The titles of the file that are most like `titles`, at most [`MAX_NEAR_TITLES`], in the order of the file.
fn nearest_first(titles: &[Title], heads: &[Head<'_>]) -> String {
    match heads {
        [head] if head.hidden.is_some() => return "one column".to_owned(),
        [head, ..] if head.hidden.is_some() => return format!("{} columns", heads.len()),
        _ => {}
    }
    let mut ranked: Vec<(f64, usize)> = heads
        .iter()
        .map(|head| likeness(titles, head))
        .zip(0..)
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.truncate(MAX_NEAR_TITLES);
    ranked.sort_by_key(|(_, index)| *index);
    let mut all: Vec<String> = ranked
        .iter()
        .map(|(_, index)| shown(&heads[*index].normal))
        .collect();
    if heads.len() > all.len() {
        all.push(format!("… {} more", thousands(heads.len() - all.len())));
    }
    all.join(", ")
}

/// `1,995`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What a header says that is one cell and holds the delimiter of other files.
fn one_cell(heads: &[Head<'_>]) -> Option<String> {
    let [head] = heads else { return None };
    let count = |delimiter: char| head.raw.matches(delimiter).count();
    let delimiter = [',', ';', '\t', '|']
        .into_iter()
        .rev()
        .max_by_key(|delimiter| count(*delimiter))?;
    let named = match delimiter {
        '\t' => "a tab".to_owned(),
        other => format!("`{other}`"),
    };
    let written = match delimiter {
        '\t' => "`\\t`".to_owned(),
        other => format!("`{other}`"),
    };
    (count(delimiter) > 0)
        .then(|| format!("the header is one cell that holds {named}: is the delimiter {written}?"))
}

fn ambiguous(field: &str, columns: &[usize], heads: &[Head<'_>]) -> Fatal {
    let named = |index: &usize| match &heads[*index] {
        head if head.hidden.is_some() => format!("{}", index + 1),
        head => format!("{} ({})", index + 1, shown(&head.normal)),
    };
    let list: Vec<String> = columns.iter().map(named).collect();
    let message = format!(
        "the columns {} all answer to the field `{field}`",
        list.join(" and ")
    );
    let hint = format!("say which one with `column = {}`", columns[0] + 1);
    Fatal::new("header_ambiguous", message).hint(hint)
}
