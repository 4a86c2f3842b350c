//! The columns of a generated CSV: which titles it has and which field each is for, drawn once for a file. A header is
//! taken only where every field finds exactly its own column in it, or none where it may lack one and this file leaves it
//! out; that is looked at here by the rules of the
//! language (an exact spelling first, then trimmed, NFC and case-folded, or a regular expression).

use super::chance::Chance;
use super::field::FieldMaker;
use super::matcher::Matcher;
use super::scalar::Refusal;
use crate::frame::csv::CsvDialect;
use crate::step::bind::{ColumnsSpec, FieldSpec, Missing, Order, Unknown};
use unicode_normalization::UnicodeNormalization;

/// Headers that are drawn before the spec is given up.
const TRIES: u64 = 200;
/// One of so many files has not all of its columns, and such a file lacks one of so many that it may lack.
const LACKS_ONE_IN: usize = 4;
/// The most columns that no field takes.
const MAX_UNKNOWN_COLUMNS: usize = 2;

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its title; empty where a field finds it by its number.
    pub title: String,
    /// The field whose values stand in it.
    pub field: Option<usize>,
}

/// What a field looks for.
#[derive(Clone, Debug)]
pub enum Sought {
    /// The column with this number, from 0.
    Number(usize),
    /// One of these.
    Titles(Vec<Wanted>),
}

/// A title that a field looks for.
#[derive(Clone, Debug)]
pub enum Wanted {
    Text(String),
    Pattern(Matcher),
}

/// What the columns are drawn from.
pub struct Drawing<'a> {
    pub fields: &'a [FieldMaker],
    pub sought: &'a [Sought],
    pub columns: &'a ColumnsSpec,
    pub dialect: &'a CsvDialect,
    /// Names that no column may have which is kept under its title.
    pub taken: &'a [String],
}

impl Sought {
    /// What the words of a field look for. `None` where a regular expression cannot be followed.
    pub fn of(name: &str, spec: &FieldSpec) -> Option<Self> {
        if let Some(number) = spec.column {
            return Some(Self::Number(number.saturating_sub(1) as usize));
        }
        let own = [name.to_owned()];
        let said = spec.from.as_ref().map_or(&own[..], |from| &from.0);
        let wanted = |text: &String| match text
            .strip_prefix('/')
            .and_then(|text| text.strip_suffix('/'))
        {
            Some(pattern) => Matcher::new(pattern).map(Wanted::Pattern),
            None => Some(Wanted::Text(text.clone())),
        };
        said.iter()
            .map(wanted)
            .collect::<Option<_>>()
            .map(Self::Titles)
    }

    /// The columns among `titles` that answer.
    fn answers(&self, titles: &[String]) -> Vec<usize> {
        let all = |is: &dyn Fn(&String) -> bool| -> Vec<usize> {
            (0..titles.len())
                .filter(|index| is(&titles[*index]))
                .collect()
        };
        let mut found = match self {
            Self::Number(index) => all(&|_| true)
                .into_iter()
                .filter(|one| one == index)
                .collect(),
            Self::Titles(wanted) => wanted
                .iter()
                .flat_map(|wanted| match wanted {
                    Wanted::Text(text) => match all(&|title| title == text) {
                        exact if exact.is_empty() => all(&|title| folded(title) == folded(text)),
                        exact => exact,
                    },
                    Wanted::Pattern(matcher) => {
                        all(&|title| matcher.matches(&title.trim().nfc().collect::<String>()))
                    }
                })
                .collect::<Vec<_>>(),
        };
        found.sort_unstable();
        found.dedup();
        found
    }

    fn draw(&self, chance: &mut Chance) -> Option<String> {
        match self {
            Self::Number(_) => Some(String::new()),
            Self::Titles(wanted) => match chance.pick(wanted)? {
                Wanted::Text(text) => Some(text.clone()),
                Wanted::Pattern(matcher) => {
                    let text = matcher.draw(chance, 4)?;
                    let is_title = matcher.matches(text.trim()) && !text.contains(['\r', '\n']);
                    is_title.then_some(text)
                }
            },
        }
    }
}

impl Drawing<'_> {
    /// The columns of the file with this seed.
    ///
    /// # Errors
    /// The field that does not get a column of its own, and why.
    pub fn columns(&self, seed: u64) -> Result<Vec<Column>, (usize, Refusal)> {
        let mut last = (0, refusal("there is no field"));
        for number in 0..TRIES {
            match self.once(&mut Chance::of(seed, 1, number)) {
                Ok(columns) => return Ok(columns),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Whether a row of these titles may be taken for the header.
    pub fn is_header(&self, titles: &[String]) -> bool {
        let missing = self.columns.missing.unwrap_or_default();
        self.fields.iter().zip(self.sought).all(|(field, sought)| {
            let must = match missing {
                Missing::FailAny => true,
                Missing::FailRequired => field.required,
                Missing::Null => false,
            };
            !must || !sought.answers(titles).is_empty()
        })
    }

    fn once(&self, chance: &mut Chance) -> Result<Vec<Column>, (usize, Refusal)> {
        match self.dialect.header.rows {
            0 => self.judge(self.named(), &[]),
            _ => {
                let lacking = self.lacking(chance);
                self.judge(self.drawn(&lacking, chance)?, &lacking)
            }
        }
    }

    /// The fields whose columns are left out: of those that may be null in every record, and of which no column is asked.
    fn lacking(&self, chance: &mut Chance) -> Vec<usize> {
        let all = self.columns.missing == Some(Missing::FailAny);
        if all || !chance.one_in(LACKS_ONE_IN) {
            return Vec::new();
        }
        let by_title = |index: &usize| matches!(self.sought[*index], Sought::Titles(_));
        let may_lack =
            |index: &usize| !self.fields[*index].required && self.fields[*index].may_be_null();
        let mut lacking: Vec<usize> = (0..self.fields.len())
            .filter(|index| by_title(index) && may_lack(index))
            .filter(|_| chance.one_in(LACKS_ONE_IN))
            .collect();
        // A file has at least one column.
        if lacking.len() == self.fields.len() {
            lacking.pop();
        }
        lacking
    }

    /// The columns that the spec names for files without a header.
    fn named(&self) -> Vec<Column> {
        let column = |title: &String| Column {
            title: title.clone(),
            field: None,
        };
        self.dialect.columns.iter().map(column).collect()
    }

    fn drawn(
        &self,
        lacking: &[usize],
        chance: &mut Chance,
    ) -> Result<Vec<Column>, (usize, Refusal)> {
        let mut titles: Vec<Option<String>> = Vec::new();
        let mut numbered = Vec::new();
        for (index, sought) in self.sought.iter().enumerate() {
            match sought {
                Sought::Number(at) => numbered.push(*at),
                Sought::Titles(_) if lacking.contains(&index) => {}
                Sought::Titles(_) => {
                    let title = sought.draw(chance);
                    let title = title
                        .ok_or((index, refusal("no title was found that its `from` matches")))?;
                    if !titles.contains(&Some(title.clone())) {
                        titles.push(Some(title));
                    }
                }
            }
        }
        let unknown = self.columns.unknown.unwrap_or_default();
        let is_open = matches!(unknown, Unknown::Drop | Unknown::Keep | Unknown::Rescue);
        if is_open {
            let least = usize::from(self.sought.is_empty());
            titles.extend((0..least + chance.below(MAX_UNKNOWN_COLUMNS + 1)).map(|_| None));
        }
        if self.columns.order != Some(Order::Strict) && chance.one_in(2) {
            chance.shuffle(&mut titles);
        }
        numbered.sort_unstable();
        numbered.dedup();
        for at in numbered {
            while titles.len() < at {
                titles.push(None);
            }
            titles.insert(at, Some(String::new()));
        }
        let mut columns = Vec::new();
        for title in titles {
            let title = title.unwrap_or_else(|| self.unknown_title(columns.len()));
            columns.push(Column { title, field: None });
        }
        Ok(columns)
    }

    fn unknown_title(&self, number: usize) -> String {
        let mut title = format!("extra {}", number + 1);
        while self.taken.contains(&title) {
            title.push('_');
        }
        title
    }

    /// Gives each column its field, where each field has one that takes its values, and those that lack one have none.
    fn judge(
        &self,
        mut columns: Vec<Column>,
        lacking: &[usize],
    ) -> Result<Vec<Column>, (usize, Refusal)> {
        let titles: Vec<String> = columns.iter().map(|column| column.title.clone()).collect();
        let mut order = Vec::new();
        for (index, sought) in self.sought.iter().enumerate() {
            let answers = sought.answers(&titles);
            if answers.is_empty() && lacking.contains(&index) {
                continue;
            }
            let [at] = answers[..] else {
                let reason = "no header was found in which exactly one column answers to it";
                return Err((index, refusal(reason)));
            };
            order.push((at, index));
            let here = &mut columns[at].field;
            *here = match *here {
                None => Some(index),
                Some(other) if self.fields[index].takes_any() => Some(other),
                Some(other) if self.fields[other].takes_any() => Some(index),
                Some(other) => {
                    let other = &self.fields[other].name;
                    let reason = format!(
                        "it shares its column with `{other}`, and values that suit both are not made"
                    );
                    return Err((index, refusal(reason)));
                }
            };
        }
        let mut neighbours = order.windows(2);
        if self.columns.order == Some(Order::Strict)
            && let Some(two) = neighbours.find(|two| two[0].0 > two[1].0)
        {
            let reason = "its column stands before that of the field before it";
            return Err((two[1].1, refusal(reason)));
        }
        let unknown = self.columns.unknown.unwrap_or_default();
        let is_closed = matches!(unknown, Unknown::Reject | Unknown::Hold | Unknown::Fail);
        if is_closed && let Some(stray) = columns.iter().position(|column| column.field.is_none()) {
            let reason = format!(
                "the file must have a column {} that no field takes",
                stray + 1
            );
            return Err((0, refusal(reason)));
        }
        Ok(columns)
    }
}

fn refusal(reason: impl Into<String>) -> Refusal {
    Refusal {
        key: "from",
        reason: reason.into(),
    }
}

/// As titles are compared where no spelling is exact.
fn folded(title: &str) -> String {
    let normal: String = title.trim().nfc().collect();
    normal.to_uppercase().to_lowercase().nfc().collect()
}
