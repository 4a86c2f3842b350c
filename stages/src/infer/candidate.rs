//! What a text may be: every reading that is tried, written as a spec writes it, and read by the reader that a run uses.
//!
//! So a reading that took every value of a file takes them all in a run. The words of a candidate go into the spec as
//! they stand here, but for what the file itself adds (signs between groups, missing values, a zone).

use crate::plan::{Defaults, Plan};
use crate::record::Record;
use crate::step::bind::Reader;
use pipeline::Fatal;

/// Which candidates are readings of one and the same text, so that values must decide between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Whole numbers.
    Integer,
    /// Numbers by what stands before their fraction.
    Decimal,
    /// Numbers with an exponent.
    Float,
    /// Days in digits alone.
    Compact,
    /// Days, by their order.
    Date,
    /// Moments with an offset.
    Moment,
    /// Moments without, by the order of their days.
    Local,
    /// Anything that nothing else is taken for.
    Own,
}

/// One reading.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// What it belongs to.
    pub family: Family,
    /// What a field says to read it so.
    pub words: &'static str,
    /// In a sentence.
    pub name: &'static str,
}

const fn of(family: Family, name: &'static str, words: &'static str) -> Candidate {
    Candidate {
        family,
        words,
        name,
    }
}

use Family::{Compact, Date, Decimal, Float, Integer, Local, Moment, Own};

/// The number of the whole numbers among the candidates.
pub const WHOLE: usize = 0;
/// The number of the decimal point.
pub const POINT: usize = 1;
/// The number of the decimal comma.
pub const COMMA: usize = 2;

const DURATION: &str = r#"type = "duration""#;

/// Every reading, those that say more before those that say less.
pub const CANDIDATES: [Candidate; 47] = [
    of(Integer, "whole numbers", r#"type = "integer""#),
    of(
        Decimal,
        "numbers with a point before the fraction",
        r#"type = "decimal", group_char = ",""#,
    ),
    of(
        Decimal,
        "numbers with a comma before the fraction",
        r#"type = "decimal", decimal_char = ",", group_char = ".""#,
    ),
    of(Float, "numbers with exponents", r#"type = "float""#),
    of(Compact, "%Y%m%d", r#"type = "date", format = "%Y%m%d""#),
    of(Date, "YYYY-MM-DD", r#"type = "date""#),
    of(Date, "%Y/%m/%d", r#"type = "date", format = "%Y/%m/%d""#),
    of(Date, "%Y.%m.%d", r#"type = "date", format = "%Y.%m.%d""#),
    of(Date, "%d/%m/%Y", r#"type = "date", format = "%d/%m/%Y""#),
    of(Date, "%m/%d/%Y", r#"type = "date", format = "%m/%d/%Y""#),
    of(Date, "%d.%m.%Y", r#"type = "date", format = "%d.%m.%Y""#),
    of(Date, "%m.%d.%Y", r#"type = "date", format = "%m.%d.%Y""#),
    of(Date, "%d-%m-%Y", r#"type = "date", format = "%d-%m-%Y""#),
    of(Date, "%m-%d-%Y", r#"type = "date", format = "%m-%d-%Y""#),
    of(Date, "%d-%b-%Y", r#"type = "date", format = "%d-%b-%Y""#),
    of(Date, "%d %b %Y", r#"type = "date", format = "%d %b %Y""#),
    of(Date, "%d/%m/%y", r#"type = "date", format = "%d/%m/%y""#),
    of(Date, "%m/%d/%y", r#"type = "date", format = "%m/%d/%y""#),
    of(Date, "%y/%m/%d", r#"type = "date", format = "%y/%m/%d""#),
    of(Date, "%d.%m.%y", r#"type = "date", format = "%d.%m.%y""#),
    of(Date, "%m.%d.%y", r#"type = "date", format = "%m.%d.%y""#),
    of(Date, "%y.%m.%d", r#"type = "date", format = "%y.%m.%d""#),
    of(Date, "%d-%m-%y", r#"type = "date", format = "%d-%m-%y""#),
    of(Date, "%m-%d-%y", r#"type = "date", format = "%m-%d-%y""#),
    of(Date, "%y-%m-%d", r#"type = "date", format = "%y-%m-%d""#),
    of(Moment, "RFC 3339", r#"type = "datetime""#),
    of(
        Moment,
        "%Y-%m-%d %H:%M:%S%z",
        r#"type = "datetime", format = "%Y-%m-%d %H:%M:%S%z""#,
    ),
    of(
        Moment,
        "%d/%b/%Y:%H:%M:%S %z",
        r#"type = "datetime", format = "%d/%b/%Y:%H:%M:%S %z""#,
    ),
    of(
        Local,
        "%Y-%m-%d %H:%M:%S",
        r#"type = "datetime", format = "%Y-%m-%d %H:%M:%S""#,
    ),
    of(
        Local,
        "%Y-%m-%dT%H:%M:%S",
        r#"type = "datetime", format = "%Y-%m-%dT%H:%M:%S""#,
    ),
    of(
        Local,
        "%Y-%m-%d %H:%M",
        r#"type = "datetime", format = "%Y-%m-%d %H:%M""#,
    ),
    of(
        Local,
        "%Y-%m-%dT%H:%M",
        r#"type = "datetime", format = "%Y-%m-%dT%H:%M""#,
    ),
    of(
        Local,
        "%Y-%m-%d %H:%M:%S%.f",
        r#"type = "datetime", format = "%Y-%m-%d %H:%M:%S%.f""#,
    ),
    of(
        Local,
        "%d/%m/%Y %H:%M:%S",
        r#"type = "datetime", format = "%d/%m/%Y %H:%M:%S""#,
    ),
    of(
        Local,
        "%m/%d/%Y %H:%M:%S",
        r#"type = "datetime", format = "%m/%d/%Y %H:%M:%S""#,
    ),
    of(
        Local,
        "%d/%m/%Y %H:%M",
        r#"type = "datetime", format = "%d/%m/%Y %H:%M""#,
    ),
    of(
        Local,
        "%m/%d/%Y %H:%M",
        r#"type = "datetime", format = "%m/%d/%Y %H:%M""#,
    ),
    of(
        Local,
        "%d.%m.%Y %H:%M:%S",
        r#"type = "datetime", format = "%d.%m.%Y %H:%M:%S""#,
    ),
    of(
        Local,
        "%m.%d.%Y %H:%M:%S",
        r#"type = "datetime", format = "%m.%d.%Y %H:%M:%S""#,
    ),
    of(
        Local,
        "%d.%m.%Y %H:%M",
        r#"type = "datetime", format = "%d.%m.%Y %H:%M""#,
    ),
    of(
        Local,
        "%m.%d.%Y %H:%M",
        r#"type = "datetime", format = "%m.%d.%Y %H:%M""#,
    ),
    of(Own, "HH:MM or HH:MM:SS", r#"type = "time""#),
    of(Own, "UUIDs", r#"type = "uuid""#),
    of(Own, "e-mail addresses", r#"type = "email""#),
    of(Own, "http and https addresses", r#"type = "url""#),
    of(Own, "ISO 8601 durations", DURATION),
    of(
        Own,
        "times with AM and PM",
        r#"type = "time", format = "%I:%M %p""#,
    ),
];

/// The readers of all candidates.
pub struct Readers {
    readers: Vec<Reader>,
    /// What a reader that keeps texts writes into.
    record: Record,
}

impl Readers {
    /// Makes them by a spec, as a run does.
    ///
    /// # Errors
    /// `infer`, when a candidate cannot be said in a spec: a fault of this program.
    pub fn new() -> Result<Self, Fatal> {
        let mut spec =
            String::from("spec = 1\nname = \"candidates\"\n[format.csv]\n[sink.null]\n[fields]\n");
        for (number, candidate) in CANDIDATES.iter().enumerate() {
            let zone = match candidate.family {
                Local => r#", timezone = "UTC""#,
                _ => "",
            };
            spec.push_str(&format!("c{number} = {{ {}{zone} }}\n", candidate.words));
        }
        let broken = |what: String| Fatal::new("infer", format!("the candidates: {what}"));
        let plan = Plan::read("candidates", &spec, Defaults::default())
            .map_err(|problems| broken(problems.render(false)))?;
        let reader = |number: usize| {
            let reader = plan.bind.reader(&format!("c{number}"));
            reader.cloned().ok_or_else(|| broken(format!("c{number}")))
        };
        Ok(Self {
            readers: (0..CANDIDATES.len())
                .map(reader)
                .collect::<Result<_, _>>()?,
            record: Record::default(),
        })
    }

    /// Whether candidate `number` reads `text`.
    pub fn reads(&mut self, number: usize, text: &str) -> bool {
        if !can_be(&CANDIDATES[number], text.as_bytes()) {
            return false;
        }
        self.record.clear(0);
        self.readers[number].text(text, &mut self.record).is_ok()
    }
}

/// Whether a text has the look of a candidate: what has not, is refused without a reader's sentence about it.
fn can_be(candidate: &Candidate, text: &[u8]) -> bool {
    let [first, ..] = text else { return false };
    let digit = first.is_ascii_digit();
    match candidate.family {
        // A bare number of seconds is a number.
        Own if candidate.words == DURATION => matches!(first, b'P' | b'-'),
        Integer | Decimal | Float => digit || matches!(first, b'+' | b'-' | b'.' | b','),
        Compact => text.len() == 8 && text.iter().all(u8::is_ascii_digit),
        Date => digit && text.len() <= 11,
        Moment | Local => digit && text.len() > 11,
        Own => text.len() <= 8192,
    }
}

/// The formats, as a spec says them, by which a moment of type `kind` can be read from every one of `texts`.
///
/// # Errors
/// As [`Readers::new`].
pub fn formats_for(kind: &str, texts: &[&str]) -> Result<Vec<&'static str>, Fatal> {
    let mut readers = Readers::new()?;
    let mut formats = Vec::new();
    for (number, candidate) in CANDIDATES.iter().enumerate() {
        let format = candidate.words.split("format = \"").nth(1);
        if let Some(format) = format.and_then(|rest| rest.strip_suffix('"'))
            && type_of(candidate.words) == kind
            && texts.iter().all(|text| readers.reads(number, text))
        {
            formats.push(format);
        }
    }
    Ok(formats)
}

/// Whether every one of `texts` is a moment of type `kind` as it is read where a spec says no format.
///
/// # Errors
/// As [`Readers::new`].
pub fn is_iso(kind: &str, texts: &[&str]) -> Result<bool, Fatal> {
    let mut readers = Readers::new()?;
    let words = format!("type = \"{kind}\"");
    let number = CANDIDATES.iter().position(|one| one.words == words);
    let mut reads = |text| number.is_some_and(|number| readers.reads(number, text));
    Ok(texts.iter().all(|text| reads(text)))
}

/// The type that a candidate's words say.
pub fn type_of(words: &str) -> &str {
    words.split('"').nth(1).unwrap_or("string")
}

/// Whether a type of JSON has such values as texts.
pub fn is_text_in_json(words: &str) -> bool {
    !matches!(type_of(words), "integer" | "decimal" | "float")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut readers = Readers::new().unwrap();
        let found: Vec<_> = (0..CANDIDATES.len())
            .filter(|number| readers.reads(*number, text))
            .map(|number| CANDIDATES[number].name)
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_a_text_may_be() {
        let (point, comma) = (CANDIDATES[POINT].name, CANDIDATES[COMMA].name);
        check(
            "12",
            &["whole numbers", point, comma, "numbers with exponents"],
        );
        check("1.234", &[point, comma, "numbers with exponents"]);
        check("1,234", &[point, comma]);
        check("12,5", &[comma]);
        check("1,234.50", &[point]);
        check("03/04/2026", &["%d/%m/%Y", "%m/%d/%Y"]);
        check("25/12/2026", &["%d/%m/%Y"]);
        check("2026-04-03", &["YYYY-MM-DD"]);
        check("03.04.26", &["%d.%m.%y", "%m.%d.%y", "%y.%m.%d"]);
        check("03-04-26", &["%d-%m-%y", "%m-%d-%y", "%y-%m-%d"]);
        check("25.12.99", &["%d.%m.%y"]);
        check("2026-04-03T09:00:00Z", &["RFC 3339"]);
        check("2026-02-30", &[]);
        check("09:30", &["HH:MM or HH:MM:SS"]);
        check("NULL", &[]);
        check("", &[]);
    }
}
