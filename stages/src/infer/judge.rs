//! What a column is, by what was seen of it: certain, likely, or for a person to decide.
//!
//! Nothing ambiguous is guessed: where two readings take every value and mean different things, both are offered and the
//! field is undecided. What a text would lose as a number (zeros in front, a plus, digits behind the fifteenth) stays a
//! text.

use super::candidate::{CANDIDATES, COMMA, Family, POINT, WHOLE, is_text_in_json, type_of};
use super::column::{Column, MISSING, Seen, Tally, Texts};
use super::text::{quoted, shown};
use super::truth::truth;

/// The fewest values of which a reading is certain.
const MIN_CERTAIN_VALUES: u64 = 20;
/// A reading that refuses at most one value in so many is offered beside text.
const MAX_REFUSED_OF: u64 = 20;
/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Every value says so, and there were enough of them.
    Certain,
    /// Nothing speaks against it.
    Likely,
    /// A person must say.
    Undecided,
}

impl Level {
    /// As the spec's comments say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Undecided => "undecided",
        }
    }
}

/// What a column was found to be.
#[derive(Clone, Debug)]
pub struct Judged {
    /// How sure.
    pub level: Level,
    /// What the field says.
    pub words: String,
    /// What it may say instead, each with what it would mean.
    pub choices: Vec<(String, String)>,
    /// Why a person must decide.
    pub question: String,
    /// What was seen, a line each.
    pub evidence: Vec<String>,
}

impl Judged {
    pub(super) fn new(level: Level, words: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            level,
            words: words.into(),
            choices: Vec::new(),
            question: String::new(),
            evidence: vec![why.into()],
        }
    }

    fn text(why: impl Into<String>) -> Self {
        Self::new(Level::Likely, TEXT, why)
    }

    /// The words stay those of a text until somebody chooses.
    pub(super) fn open(question: impl Into<String>, choices: Vec<(String, String)>) -> Self {
        let question = question.into();
        let mut judged = Self::new(Level::Undecided, TEXT, question.clone());
        judged.question = question;
        judged.choices = choices;
        judged
            .choices
            .push((TEXT.into(), "keeps every value as it is".into()));
        judged
    }
}

const TEXT: &str = r#"type = "string""#;

/// Judges one column; `records`: how many there were in all.
pub fn judge(column: &Column, records: u64, json: bool) -> Judged {
    let mut judged = match json {
        true => of_json(column),
        false => of_texts(&column.texts, false),
    };
    let missing = match json {
        true => column.texts.missing_count() + column.nulls.count,
        false => column.texts.missing_count(),
    };
    if column.there < records {
        let lack = records - column.there;
        judged
            .evidence
            .push(format!("not in {lack} of {records} records"));
    }
    if missing == 0 && column.there == records && records > 0 {
        let choices = judged.choices.iter_mut().map(|(words, _)| words);
        for words in choices.chain([&mut judged.words]) {
            words.push_str(", required = true");
        }
    }
    if column.nulls.count > 0 {
        let nulls = column.nulls.count;
        judged
            .evidence
            .push(format!("null in {nulls} records{}", first(&column.nulls)));
    }
    judged
}

fn of_json(column: &Column) -> Judged {
    let kinds = [
        ("texts", column.texts.values + column.texts.missing_count()),
        ("numbers", column.numbers.count),
        ("truth values", column.booleans.count),
        ("lists", column.lists.count),
        ("objects", column.objects.count),
    ];
    let there: Vec<_> = kinds.iter().filter(|(_, count)| *count > 0).collect();
    let count = there.iter().map(|(_, count)| count).sum();
    match there[..] {
        [] => Judged::text("never anything but null"),
        [("texts", _)] => of_texts(&column.texts, true),
        [("numbers", _)] => of_numbers(&column.digits),
        [("truth values", _)] => Judged::new(
            certain(count),
            r#"type = "boolean""#,
            format!("{count} truth values"),
        ),
        [("lists", _)] => Judged::new(certain(count), r#"type = "list""#, format!("{count} lists")),
        [_] => Judged::new(
            certain(count),
            r#"type = "object""#,
            format!("{count} objects"),
        ),
        _ => {
            let all: Vec<_> = there
                .iter()
                .map(|(what, count)| format!("{count} {what}"))
                .collect();
            let scalars = column.lists.count + column.objects.count + column.booleans.count == 0;
            let refuses = (TEXT.into(), "rejects what is no text".into());
            let keeps = (LAX.into(), "makes texts of the numbers".into());
            let firsts = [
                &column.numbers,
                &column.booleans,
                &column.lists,
                &column.objects,
            ];
            let firsts: String = firsts.iter().map(|tally| first(tally)).collect();
            let question = format!("values of several kinds, {}", all.join(", "));
            let mut judged = Judged::open(question, Vec::new());
            judged.choices = match scalars {
                true => vec![refuses, keeps],
                false => vec![refuses],
            };
            judged.evidence.push(format!("the first of them{firsts}"));
            judged
        }
    }
}

const LAX: &str = r#"type = "string", lax = true"#;

/// Numbers of JSON, which are numbers whatever their digits.
fn of_numbers(digits: &Texts) -> Judged {
    let count = digits.values;
    if digits.long.count > 0 && digits.all(WHOLE) {
        let question = format!("numbers of 16 digits and more{}", first(&digits.long));
        let choices = vec![
            (r#"type = "integer""#.into(), "calculates with them".into()),
            (LAX.into(), "keeps them as texts".into()),
        ];
        let mut judged = Judged::open(question, choices);
        judged.choices.pop();
        return judged;
    }
    for (number, words) in [
        (WHOLE, r#"type = "integer""#),
        (POINT, r#"type = "decimal""#),
    ] {
        if digits.all(number) {
            return Judged::new(certain(count), words, format!("{count} numbers"));
        }
    }
    Judged::new(
        Level::Likely,
        r#"type = "float""#,
        format!(
            "{count} numbers, some with an exponent{}",
            first(&digits.tried[POINT].refused)
        ),
    )
}

fn of_texts(texts: &Texts, json: bool) -> Judged {
    let mut judged = plain(texts, json);
    let typed = judged.words != TEXT || judged.choices.len() > 1;
    let missing: Vec<&str> = texts
        .missing
        .keys()
        .map(|number| MISSING[*number])
        .collect();
    let mut also = String::new();
    if texts.untrimmed.count > 0 {
        let count = texts.untrimmed.count;
        also.push_str(r#", transform = ["trim"]"#);
        judged.evidence.push(format!(
            "{count} values have white space at an end{}",
            first(&texts.untrimmed)
        ));
    }
    // Missing ones are compared behind the transforms.
    if texts.blank && also.is_empty() {
        also.push_str(r#", transform = ["trim"]"#);
    }
    if !missing.is_empty() {
        let all: Vec<String> = missing.iter().map(|text| quoted(text)).collect();
        also.push_str(&format!(", missing_values = [{}]", all.join(", ")));
        let said: Vec<String> = texts
            .missing
            .iter()
            .map(|(number, tally)| {
                let what = match MISSING[*number] {
                    "" => "empty".to_owned(),
                    text => quoted(text),
                };
                format!("{} {what}{}", tally.count, at(tally))
            })
            .collect();
        let what = match typed {
            true => "",
            false => ", which stay texts unless missing_values names them",
        };
        judged.evidence.push(format!("{}{what}", said.join(", ")));
        if missing.iter().any(|text| !text.is_empty()) && judged.level == Level::Certain {
            judged.level = Level::Likely;
        }
    }
    for words in judged
        .choices
        .iter_mut()
        .map(|(words, _)| words)
        .chain([&mut judged.words])
    {
        if words != TEXT && words != LAX {
            words.push_str(&also);
        }
    }
    judged
}

/// The type of texts, without what is missing.
fn plain(texts: &Texts, json: bool) -> Judged {
    let count = texts.values;
    if count == 0 {
        return Judged::text("no value was seen");
    }
    if !json && let Some(judged) = truth(texts) {
        return judged;
    }
    let loses = loss(texts);
    let all: Vec<usize> = (0..CANDIDATES.len())
        .filter(|number| texts.all(*number))
        .filter(|number| !json || is_text_in_json(CANDIDATES[*number].words))
        .filter(|number| loses.is_none() || !is_number(*number))
        .collect();
    let read = |number: usize| texts.tried[number].read;
    let most = [WHOLE, POINT, COMMA].map(read).into_iter().max();
    match all.first() {
        Some(number) => of_family(texts, *number, &all),
        None if json && texts.all(WHOLE) => Judged::text("texts that are numbers stay texts"),
        None => match loses {
            // Of a column of words, a few with digits say nothing.
            Some(why) if most.is_some_and(|read| read * 2 > count) => stay(texts, why),
            _ => nearly(texts, json),
        },
    }
}

/// A reading that keeps nothing of a text but its number.
fn is_number(number: usize) -> bool {
    use Family::{Compact, Decimal, Float, Integer};
    matches!(
        CANDIDATES[number].family,
        Integer | Decimal | Float | Compact
    )
}

/// What texts would lose as numbers.
fn loss(texts: &Texts) -> Option<String> {
    let losses = [
        (&texts.zeros, "digits with zeros in front"),
        (&texts.long, "16 digits and more"),
        (&texts.plus, "digits behind a plus"),
    ];
    let (tally, what) = losses.into_iter().find(|(tally, _)| tally.count > 0)?;
    Some(format!("{what}{}, kept as text", first(tally)))
}

/// A text that looks like a number, and would lose something as one.
fn stay(texts: &Texts, why: String) -> Judged {
    let mut judged = Judged::text(why);
    if texts.values >= MIN_CERTAIN_VALUES {
        judged.level = Level::Certain;
    }
    judged
}

/// The reading among those that took all values, or the question which of them it is.
fn of_family(texts: &Texts, number: usize, all: &[usize]) -> Judged {
    let family = CANDIDATES[number].family;
    let alike: Vec<usize> = all
        .iter()
        .copied()
        .filter(|other| CANDIDATES[*other].family == family)
        .collect();
    let count = texts.values;
    let words = CANDIDATES[number].words;
    let mut judged = match family {
        Family::Integer if all.iter().any(|n| CANDIDATES[*n].family == Family::Compact) => {
            let compact = r#"type = "date", format = "%Y%m%d""#;
            let choices = vec![
                (compact.into(), "days".into()),
                (words.to_owned(), "numbers".into()),
            ];
            Judged::open("eight digits that are days as well as numbers", choices)
        }
        Family::Decimal => decimal(texts, &alike),
        Family::Local => {
            let choices = alike
                .iter()
                .map(|n| with_zone(CANDIDATES[*n].words))
                .collect();
            let order = match alike.len() {
                1 => "",
                _ => ", and whether day or month comes first",
            };
            let question = format!("the zone of these local times{order}");
            let mut judged = Judged::open(question, choices);
            judged.evidence.extend(deciding(texts, number));
            judged
        }
        _ if alike.len() > 1 && family != Family::Own => {
            let names: Vec<_> = alike.iter().map(|n| CANDIDATES[*n].name).collect();
            let choices = alike
                .iter()
                .map(|n| (CANDIDATES[*n].words.to_owned(), String::new()))
                .collect();
            let question = format!("every value can be read as {}", names.join(" and as "));
            Judged::open(question, choices)
        }
        _ => {
            let mut judged = Judged::new(
                certain(count),
                words,
                format!("{count} values, all {}", CANDIDATES[number].name),
            );
            if matches!(type_of(words), "date") && words.contains("%y") {
                judged.level = Level::Likely;
            }
            judged.evidence.extend(deciding(texts, number));
            judged
        }
    };
    if matches!(family, Family::Moment | Family::Local) && texts.finer.count > 0 {
        if judged.level == Level::Certain {
            judged.level = Level::Likely;
        }
        let example = first(&texts.finer);
        judged.evidence.push(format!(
            "what is finer than a millisecond is cut off{example}"
        ));
    }
    judged
}

fn with_zone(words: &str) -> (String, String) {
    (
        format!(r#"{words}, timezone = "UTC""#),
        "with the zone in which they were written".into(),
    )
}

/// The value that no other reading of the family takes.
fn deciding(texts: &Texts, number: usize) -> Vec<String> {
    let family = CANDIDATES[number].family;
    let marks = |text: &str| -> String { text.chars().filter(|c| !c.is_alphabetic()).collect() };
    let own = marks(CANDIDATES[number].name);
    (0..CANDIDATES.len())
        .filter(|n| *n != number && CANDIDATES[*n].family == family)
        .filter(|n| marks(CANDIDATES[*n].name) == own && texts.tried[*n].read > 0)
        .filter_map(|n| {
            let refused = texts.tried[n].refused.first.as_ref()?;
            let name = CANDIDATES[n].name;
            Some(format!("{} decides against {name}", at_value(refused)))
        })
        .collect()
}

/// What a decimal says: signs between groups only where there are any.
fn decimal_words(texts: &Texts, number: usize) -> String {
    let [points, commas] = &texts.marks;
    match (number, points.count > 0, commas.count > 0) {
        (POINT, _, false) => r#"type = "decimal""#.to_owned(),
        (COMMA, false, _) => r#"type = "decimal", decimal_char = ",""#.to_owned(),
        _ => CANDIDATES[number].words.to_owned(),
    }
}

fn decimal(texts: &Texts, alike: &[usize]) -> Judged {
    let count = texts.values;
    let words = |number: usize| decimal_words(texts, number);
    match alike {
        [one] => {
            let (name, other) = (
                CANDIDATES[*one].name,
                if *one == POINT { COMMA } else { POINT },
            );
            let mut judged = Judged::new(certain(count), words(*one), format!("{count} {name}"));
            if let Some(refused) = &texts.tried[other].refused.first {
                judged
                    .evidence
                    .push(format!("{} decides", at_value(refused)));
            }
            judged
        }
        _ => {
            if texts.marks.iter().all(|tally| tally.count == 0) {
                let example = first(&texts.tried[WHOLE].refused);
                let choices = vec![(words(POINT), "numbers, 2E1 is 20".into())];
                let question =
                    format!("whether digits with an exponent are numbers or codes{example}");
                return Judged::open(question, choices);
            }
            let choices = vec![
                (words(POINT), "the point stands before the fraction".into()),
                (words(COMMA), "the comma stands before the fraction".into()),
            ];
            let example = texts.marks.iter().find_map(|tally| tally.first.as_ref());
            let example = example.map(at_value).unwrap_or_default();
            Judged::open(
                format!("whether the sign is before a fraction or between thousands: {example}"),
                choices,
            )
        }
    }
}

/// Texts that no reading takes wholly; one that nearly does is offered.
fn nearly(texts: &Texts, json: bool) -> Judged {
    let count = texts.values;
    let best = (0..CANDIDATES.len())
        .filter(|n| !texts.tried[*n].given_up)
        .filter(|n| !json || is_text_in_json(CANDIDATES[*n].words))
        .filter(|n| count >= MIN_CERTAIN_VALUES && !(loss(texts).is_some() && is_number(*n)))
        .filter(|n| texts.tried[*n].refused.count * MAX_REFUSED_OF <= count)
        .min_by_key(|n| texts.tried[*n].refused.count);
    let Some(best) = best else {
        let (least, most) = texts.chars;
        let mut judged = Judged::text(format!("{count} texts of {least} to {most} characters"));
        let [point, comma] = [&texts.tried[POINT], &texts.tried[COMMA]];
        let mixed = point.read > 0 && comma.read > 0 && point.read + comma.read >= count;
        if !json && mixed && texts.marks.iter().all(|tally| tally.count > 0) {
            let both = texts.marks.iter().map(first).collect::<Vec<_>>();
            judged.evidence.push(format!(
                "decimals of two kinds{}, kept as text",
                both.join(" and")
            ));
        }
        return judged;
    };
    let alike = (0..CANDIDATES.len()).filter(|n| {
        let (one, other) = (&CANDIDATES[*n], &CANDIDATES[best]);
        one.family == other.family
            && (*n == best || one.family != Family::Own)
            && texts.tried[*n].refused.count == texts.tried[best].refused.count
    });
    let mut choices = Vec::new();
    for n in alike {
        let refused = &texts.tried[n].refused;
        let (words, _) = match CANDIDATES[n].family {
            Family::Local => with_zone(CANDIDATES[n].words),
            Family::Decimal => (decimal_words(texts, n), String::new()),
            _ => (CANDIDATES[n].words.to_owned(), String::new()),
        };
        let rejects = format!("rejects {} of {count}{}", refused.count, first(refused));
        choices.push((words, rejects));
    }
    let refused = &texts.tried[best].refused;
    Judged::open(
        format!(
            "{} of {count} values are {}, {} are not{}",
            count - refused.count,
            CANDIDATES[best].name,
            refused.count,
            first(refused)
        ),
        choices,
    )
}

pub(super) fn certain(count: u64) -> Level {
    match count >= MIN_CERTAIN_VALUES {
        true => Level::Certain,
        false => Level::Likely,
    }
}

/// `: "x" in record 3 (line 4)`, or nothing.
fn first(tally: &Tally) -> String {
    let seen = tally.first.as_ref();
    seen.map(|seen| format!(": {}", at_value(seen)))
        .unwrap_or_default()
}

fn at_value(seen: &Seen) -> String {
    format!(
        "{} in record {} (line {})",
        shown(&seen.value),
        seen.at.record,
        seen.at.line
    )
}

/// ` (first in record 3)`, or nothing.
fn at(tally: &Tally) -> String {
    let seen = tally.first.as_ref();
    seen.map(|seen| {
        format!(
            " (first in record {}, line {})",
            seen.at.record, seen.at.line
        )
    })
    .unwrap_or_default()
}
