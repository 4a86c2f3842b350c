//! How dates and times are written, in the words of others, as directives of strptime: Go's layouts, Unicode's and
//! Microsoft's letters, Oracle's words; and back to Unicode's letters.
//!
//! What has no directive is no format: the answer is `None`, and whoever reads the descriptor asks.

/// What some words mean, those first that others begin with.
type Words = &'static [(&'static str, &'static str)];

const GO: Words = &[
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("2006", "%Y"),
    ("Z07:00", "%z"),
    ("Z0700", "%z"),
    ("-07:00", "%z"),
    ("-0700", "%z"),
    ("-07", "%z"),
    ("002", "%j"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("_2", "%e"),
    ("PM", "%p"),
    ("pm", "%p"),
    ("1", "%m"),
    ("2", "%d"),
    ("3", "%I"),
    ("4", "%M"),
    ("5", "%S"),
];

const LETTERS: Words = &[
    ("yyyy", "%Y"),
    ("uuuu", "%Y"),
    ("yy", "%y"),
    ("y", "%Y"),
    ("MMMM", "%B"),
    ("MMM", "%b"),
    ("MM", "%m"),
    ("M", "%m"),
    ("DDD", "%j"),
    ("dddd", "%A"),
    ("ddd", "%a"),
    ("dd", "%d"),
    ("d", "%d"),
    ("EEEE", "%A"),
    ("EEE", "%a"),
    ("HH", "%H"),
    ("H", "%H"),
    ("hh", "%I"),
    ("h", "%I"),
    ("mm", "%M"),
    ("m", "%M"),
    ("ss", "%S"),
    ("s", "%S"),
    ("tt", "%p"),
    ("a", "%p"),
    ("zzz", "%z"),
    ("zz", "%z"),
    ("XXX", "%z"),
    ("XX", "%z"),
    ("X", "%z"),
    ("xxx", "%z"),
    ("xx", "%z"),
    ("x", "%z"),
    ("K", "%z"),
    ("Z", "%z"),
    ("T", "T"),
];

const ORACLE: Words = &[
    ("YYYY", "%Y"),
    ("RRRR", "%Y"),
    ("MONTH", "%B"),
    ("MON", "%b"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("TZH:TZM", "%z"),
    ("DDD", "%j"),
    ("DAY", "%A"),
    ("DY", "%a"),
    ("A.M.", ""),
    ("P.M.", ""),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("HH", "%I"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("AM", "%p"),
    ("PM", "%p"),
];

/// A layout of Go: the moment 2006-01-02 15:04:05 as the file would write it.
pub fn of_go(layout: &str) -> Option<String> {
    translate(layout, GO, &['0', '9'])
}

/// Letters as Unicode (UAX 35), Java and Microsoft have them.
pub fn of_letters(format: &str) -> Option<String> {
    translate(format, LETTERS, &['S', 'f', 'F'])
}

/// The words of Oracle.
pub fn of_oracle(format: &str) -> Option<String> {
    let found = translate(&format.to_ascii_uppercase(), ORACLE, &[])?;
    Some(found)
}

fn translate(format: &str, words: Words, fractions: &[char]) -> Option<String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(char) = rest.chars().next() {
        let behind_point = rest.trim_start_matches(['.', ',']);
        if out.ends_with("%S")
            && behind_point.len() + 1 == rest.len()
            && let Some(mark) = fractions
                .iter()
                .find(|mark| behind_point.starts_with(**mark))
        {
            // Another character than a point stands in no directive.
            if !rest.starts_with('.') {
                return None;
            }
            out.push_str("%.f");
            rest = behind_point.trim_start_matches(*mark);
            continue;
        }
        if let Some((word, directive)) = words.iter().find(|(word, _)| rest.starts_with(word)) {
            if directive.is_empty() {
                return None;
            }
            out.push_str(directive);
            rest = &rest[word.len()..];
            continue;
        }
        rest = &rest[char.len_utf8()..];
        match char {
            '\'' if words == LETTERS => {
                let end = rest.find('\'')?;
                let text = if end == 0 { "'" } else { &rest[..end] };
                out.push_str(&text.replace('%', "%%"));
                rest = &rest[end + 1..];
            }
            '"' if words == ORACLE => {
                let end = rest.find('"')?;
                out.push_str(&rest[..end].replace('%', "%%"));
                rest = &rest[end + 1..];
            }
            '%' => out.push_str("%%"),
            // A letter or digit that means nothing known may mean something all the same.
            _ if char.is_ascii_digit()
                || char.is_ascii_alphabetic() && !(words == GO && matches!(char, 'T' | 'Z')) =>
            {
                return None;
            }
            _ => out.push(char),
        }
    }
    Some(out)
}

/// Directives of strptime as Unicode's letters.
pub fn to_letters(format: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(char) = rest.chars().next() {
        rest = &rest[char.len_utf8()..];
        if char != '%' {
            match char {
                '\'' => out.push_str("''"),
                _ if char.is_ascii_alphabetic() && char != 'T' => {
                    out.push_str(&format!("'{char}'"))
                }
                _ => out.push(char),
            }
            continue;
        }
        let (length, letters) = match rest.as_bytes() {
            [b'.', b'f', ..] => (2, ".SSSSSSSSS"),
            [b':', b'z', ..] => (2, "XXX"),
            [b'Y', ..] => (1, "yyyy"),
            [b'y', ..] => (1, "yy"),
            [b'm', ..] => (1, "M"),
            [b'b' | b'B' | b'h', ..] => (1, "MMM"),
            [b'd' | b'e', ..] => (1, "d"),
            [b'H' | b'k', ..] => (1, "HH"),
            [b'I' | b'l', ..] => (1, "hh"),
            [b'p' | b'P', ..] => (1, "a"),
            [b'M', ..] => (1, "mm"),
            [b'S', ..] => (1, "ss"),
            [b'f', ..] => (1, "SSSSSSSSS"),
            [b'z', ..] => (1, "XX"),
            [b'F', ..] => (1, "yyyy-M-d"),
            [b'D', ..] => (1, "M/d/yy"),
            [b'T', ..] => (1, "HH:mm:ss"),
            [b'R', ..] => (1, "HH:mm"),
            [b'%', ..] => (1, "%"),
            _ => return None,
        };
        out.push_str(letters);
        rest = &rest[length..];
    }
    Some(out)
}

/// Whether a format says an hour, and whether it says an offset.
pub fn says(format: &str) -> (bool, bool) {
    let has = |all: &[&str]| all.iter().any(|directive| format.contains(directive));
    (
        has(&["%H", "%k", "%I", "%l", "%T", "%R"]),
        has(&["%z", "%:z"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: fn(&str) -> Option<String>, text: &str, expected: Option<&str>) {
        assert_eq!(read(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn layouts_of_go_are_moments() {
        check(of_go, "2006-01-02", Some("%Y-%m-%d"));
        check(
            of_go,
            "2006-01-02T15:04:05.000Z07:00",
            Some("%Y-%m-%dT%H:%M:%S%.f%z"),
        );
        check(of_go, "2/1/06 3:04 PM", Some("%d/%m/%y %I:%M %p"));
        check(of_go, "Jan _2 2006", Some("%b %e %Y"));
        check(of_go, "2006-01-02 MST", None);
    }

    #[test]
    fn letters_and_words_are_directives() {
        check(of_letters, "dd.MM.yyyy HH:mm:ss", Some("%d.%m.%Y %H:%M:%S"));
        check(
            of_letters,
            "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            Some("%Y-%m-%dT%H:%M:%S%.f%z"),
        );
        check(of_letters, "M/d/yyyy", Some("%m/%d/%Y"));
        check(of_letters, "QQ yyyy", None);
        check(
            of_oracle,
            "YYYY-MM-DD HH24:MI:SS",
            Some("%Y-%m-%d %H:%M:%S"),
        );
        check(of_oracle, "DD-MON-YY", Some("%d-%b-%y"));
        check(of_oracle, "J", None);
    }

    #[test]
    fn directives_are_letters_that_mean_the_same() {
        for format in [
            "%Y-%m-%d",
            "%d/%m/%Y %H:%M",
            "%d.%m.%y",
            "%Y-%m-%dT%H:%M:%S%.f%z",
        ] {
            let letters = to_letters(format).unwrap();
            assert_eq!(of_letters(&letters).as_deref(), Some(format), "{letters}");
        }
        assert_eq!(to_letters("%j %Y"), None);
    }
}
