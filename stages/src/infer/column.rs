//! What is remembered of the values of one column, whatever their number: counts, bounds, a few distinct values, and for
//! each reading how many values it refused and the first of them.

use super::candidate::{CANDIDATES, COMMA, Family, Readers};
use pipeline::Position;
use std::collections::BTreeMap;

/// The most distinct values that are kept of a column.
const MAX_DISTINCT: usize = 40;
/// The longest value that is kept, in bytes.
const MAX_KEPT_BYTES: usize = 64;
/// The most runs of alike characters in the shape of a column.
const MAX_SHAPE_RUNS: usize = 12;
/// The fewest values before a reading is given up that has taken none of them.
const MIN_TRIED: u64 = 100;
/// The fewest digits of a number that is kept as a text: 15 survive every program, 16 do not.
const LONG_DIGITS: usize = 16;

/// Texts that people and programs write for "nothing".
pub const MISSING: [&str; 18] = [
    "", "NULL", "null", "Null", "n/a", "N/A", "NA", "#N/A", "-", "--", "None", "none", "nil",
    "NaN", "nan", "\\N", "k.A.", "?",
];

/// Where a record stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1.
    pub record: u64,
    /// The line on which it begins, from 1.
    pub line: u64,
}

impl From<Position> for Row {
    fn from(at: Position) -> Self {
        Self {
            record: at.ordinal + 1,
            line: at.line,
        }
    }
}

/// A value and where it was seen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The value, its beginning where it is long.
    pub value: String,
    /// Where.
    pub at: Row,
}

impl Seen {
    fn new(value: &str, at: Row) -> Self {
        let end = value.floor_char_boundary(MAX_KEPT_BYTES);
        let value = value[..end].to_owned();
        Self { value, at }
    }
}

/// How often something was seen, and where first.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How often.
    pub count: u64,
    /// The first of them.
    pub first: Option<Seen>,
}

impl Tally {
    /// One more.
    pub fn note(&mut self, value: &str, at: Row) {
        self.add(value, at);
    }

    fn add(&mut self, value: &str, at: Row) {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(Seen::new(value, at));
        }
    }
}

/// What one reading made of the values.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// How many values it read.
    pub read: u64,
    /// Those that it refused.
    pub refused: Tally,
    /// It is not tried any more.
    pub given_up: bool,
}

/// The texts of one column.
#[derive(Clone, Debug)]
pub struct Texts {
    /// How many values there were that are no missing ones.
    pub values: u64,
    /// Texts that mean nothing, by their number in [`MISSING`].
    pub missing: BTreeMap<usize, Tally>,
    /// Whether one of those has white space at an end.
    pub blank: bool,
    /// Values with white space at an end.
    pub untrimmed: Tally,
    /// Numbers with needless zeros in front.
    pub zeros: Tally,
    /// Numbers with a plus in front.
    pub plus: Tally,
    /// Numbers of [`LONG_DIGITS`] digits and more.
    pub long: Tally,
    /// Moments of which a part is finer than a millisecond.
    pub finer: Tally,
    /// Values with a point, and those with a comma.
    pub marks: [Tally; 2],
    /// Each reading, by its number.
    pub tried: Vec<Tried>,
    /// The distinct values and how often each was seen; too many are none.
    pub distinct: Option<BTreeMap<String, u64>>,
    /// The shortest and the longest value, in characters.
    pub chars: (u64, u64),
    /// The shape that all values have.
    pub shape: Option<Vec<Run>>,
}

/// Characters of one kind in a row: how many at least and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// `9` a digit, `A` a capital, `a` a small letter, else the character itself.
    pub kind: char,
    /// The fewest.
    pub least: u64,
    /// The most.
    pub most: u64,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            values: 0,
            missing: BTreeMap::new(),
            blank: false,
            untrimmed: Tally::default(),
            finer: Tally::default(),
            zeros: Tally::default(),
            plus: Tally::default(),
            long: Tally::default(),
            marks: [Tally::default(), Tally::default()],
            tried: vec![Tried::default(); CANDIDATES.len()],
            distinct: Some(BTreeMap::new()),
            chars: (u64::MAX, 0),
            shape: None,
        }
    }
}

impl Texts {
    /// Takes in one value.
    pub fn add(&mut self, value: &str, at: Row, readers: &mut Readers) {
        let trimmed = value.trim();
        if let Some(number) = MISSING.iter().position(|text| *text == trimmed) {
            self.missing.entry(number).or_default().add(value, at);
            self.blank |= trimmed.len() != value.len();
            return;
        }
        self.values += 1;
        if trimmed.len() != value.len() {
            self.untrimmed.add(value, at);
        }
        self.bounds(trimmed);
        let (mut is_number, mut is_moment) = (false, false);
        for (number, tried) in self.tried.iter_mut().enumerate() {
            if tried.given_up {
                continue;
            }
            if readers.reads(number, trimmed) {
                tried.read += 1;
                is_number |= number <= COMMA;
                is_moment |= matches!(CANDIDATES[number].family, Family::Moment | Family::Local);
            } else {
                tried.refused.add(trimmed, at);
                // What refuses most is no reading of this column, nor will it become one.
                let tries = tried.read + tried.refused.count;
                tried.given_up = tries >= MIN_TRIED && tried.refused.count * 2 > tries;
            }
        }
        if is_number {
            self.digits(trimmed, at);
        }
        if is_moment && is_finer(trimmed) {
            self.finer.add(trimmed, at);
        }
    }

    /// How many missing values there were.
    pub fn missing_count(&self) -> u64 {
        self.missing.values().map(|tally| tally.count).sum()
    }

    /// Whether reading `number` took every value.
    pub fn all(&self, number: usize) -> bool {
        let tried = &self.tried[number];
        self.values > 0 && !tried.given_up && tried.refused.count == 0
    }

    fn bounds(&mut self, value: &str) {
        let chars = value.chars().count() as u64;
        self.chars = (self.chars.0.min(chars), self.chars.1.max(chars));
        if let Some(distinct) = &mut self.distinct {
            let room = distinct.len() < MAX_DISTINCT && value.len() <= MAX_KEPT_BYTES;
            match distinct.get_mut(value) {
                Some(count) => *count += 1,
                None if room => {
                    distinct.insert(value.to_owned(), 1);
                }
                None => self.distinct = None,
            }
        }
        let shape = shape_of(value);
        self.shape = match (self.shape.take(), shape) {
            (None, Some(shape)) if self.values == 1 => Some(shape),
            (Some(known), Some(shape)) => joined(known, &shape),
            _ => None,
        };
    }

    /// What a number would lose.
    fn digits(&mut self, value: &str, at: Row) {
        let bare = value.trim_start_matches(['+', '-']);
        let digits = bare.bytes().filter(u8::is_ascii_digit).count();
        let marks = [bare.contains('.'), bare.contains(',')];
        let bytes = bare.as_bytes();
        if bytes.len() > 1 && bytes[0] == b'0' && bytes[1].is_ascii_digit() {
            self.zeros.add(value, at);
        }
        if value.starts_with('+') {
            self.plus.add(value, at);
        }
        if digits >= LONG_DIGITS {
            self.long.add(value, at);
        }
        for (mark, seen) in self.marks.iter_mut().zip(marks) {
            if seen {
                mark.add(value, at);
            }
        }
    }
}

/// Whether a moment says more than milliseconds.
fn is_finer(moment: &str) -> bool {
    // A point may also stand between day and month.
    let time = moment
        .split_once(['T', 't', ' '])
        .map_or("", |(_, time)| time);
    let Some((_, fraction)) = time.split_once(['.', ',']) else {
        return false;
    };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    digits.skip(3).any(|digit| digit != b'0')
}

fn shape_of(value: &str) -> Option<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for char in value.chars() {
        let kind = match char {
            '0'..='9' => '9',
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            '-' | '_' | '/' | '.' | ':' | '#' => char,
            _ => return None,
        };
        let full = runs.len() == MAX_SHAPE_RUNS;
        match runs.last_mut() {
            Some(run) if run.kind == kind => {
                (run.least, run.most) = (run.least + 1, run.most + 1);
            }
            _ if full => return None,
            _ => runs.push(Run {
                kind,
                least: 1,
                most: 1,
            }),
        }
    }
    Some(runs)
}

fn joined(mut known: Vec<Run>, other: &[Run]) -> Option<Vec<Run>> {
    let same = known.len() == other.len()
        && known
            .iter()
            .zip(other)
            .all(|(one, two)| one.kind == two.kind);
    for (run, new) in known.iter_mut().zip(other) {
        run.least = run.least.min(new.least);
        run.most = run.most.max(new.most);
    }
    same.then_some(known)
}

/// What is remembered of one key of JSON records, or of one column.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// In how many records it is.
    pub there: u64,
    /// Texts.
    pub texts: Texts,
    /// `null`
    pub nulls: Tally,
    /// `true` and `false`
    pub booleans: Tally,
    /// Numbers, as they were written.
    pub numbers: Tally,
    /// What those are.
    pub digits: Texts,
    /// Lists.
    pub lists: Tally,
    /// Objects.
    pub objects: Tally,
}

impl Column {
    /// Whether it is never anything but an object or null.
    pub fn is_object(&self) -> bool {
        let others = [&self.booleans, &self.numbers, &self.lists];
        let texts = self.texts.values + self.texts.missing_count();
        self.objects.count > 0 && texts == 0 && others.iter().all(|tally| tally.count == 0)
    }

    /// A text.
    pub fn text(&mut self, value: &str, at: Row, readers: &mut Readers) {
        self.there += 1;
        self.texts.add(value, at, readers);
    }

    /// A number.
    pub fn number(&mut self, value: &str, at: Row, readers: &mut Readers) {
        self.there += 1;
        self.numbers.add(value, at);
        self.digits.add(value, at, readers);
    }

    /// A value of which only the kind counts.
    pub fn other(&mut self, kind: Other, at: Row) {
        self.there += 1;
        let (tally, shown) = match kind {
            Other::Null => (&mut self.nulls, "null"),
            Other::Boolean(true) => (&mut self.booleans, "true"),
            Other::Boolean(false) => (&mut self.booleans, "false"),
            Other::List => (&mut self.lists, "[…]"),
            Other::Object => (&mut self.objects, "{…}"),
        };
        tally.add(shown, at);
    }
}

/// A value of JSON that is no text and no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// `[…]`
    List,
    /// `{…}`
    Object,
}
