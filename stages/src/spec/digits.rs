//! What a regular expression of a spec means: `\d` is 0 to 9, and nothing else.
//!
//! To the library it is every decimal digit of Unicode, so that a customer's number could be written in Balinese digits
//! and pass. Everything else is the library's own: whoever wants those digits says `\p{Nd}`.

use regex::Regex;

/// The regular expression `text` of a spec.
///
/// # Errors
/// The library's, which shows `text` as it stands in the spec.
pub fn regex(text: &str) -> Result<Regex, regex::Error> {
    Regex::new(text)?;
    Regex::new(&plain_digits(text))
}

/// The same regular expression, which must be one, with classes of its own in the place of `\d` and `\D`: they mean the
/// same inside of a class as outside.
pub fn plain_digits(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 16);
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        match rest.next() {
            Some('d') => plain.push_str("[0-9]"),
            Some('D') => plain.push_str("[^0-9]"),
            // A backslash of its own must not escape what stands behind it.
            escaped => plain.extend([char].into_iter().chain(escaped)),
        }
    }
    plain
}

/// The regular expression `text` of a spec, which must be one, anchored at both ends: alternatives stay inside of the
/// anchors.
pub fn whole(text: &str) -> String {
    let plain = plain_digits(text);
    let anchored = format!(r"\A(?:{plain})\z");
    match regex_syntax::parse(&anchored).is_ok() {
        true => anchored,
        // In the mode `(?x)` a comment at the end would hide what closes the group; a line end there means nothing.
        false => format!("\\A(?:{plain}\n)\\z"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_the_whole_text_also_with_alternatives_and_a_comment_at_its_end() {
        for (text, matches, other) in [
            ("a|b", "a", "ab"),
            (r"\d", "5", "\u{1b51}"),
            ("(?x) a b # and no more", "ab", "abc"),
            ("a#", "a#", "a#\n"),
        ] {
            let regex = Regex::new(&whole(text)).unwrap();
            assert!(regex.is_match(matches), "{text} {matches}");
            assert!(!regex.is_match(other), "{text} {other}");
        }
    }

    #[test]
    fn digits_are_0_to_9_wherever_they_are_said() {
        let balinese = "\u{1b51}";
        for (text, matches, other) in [
            (r"^\d+$", "2026", balinese),
            (r"^[\d.]+$", "1.5", balinese),
            (r"^[^\d]$", balinese, "5"),
            (r"^\D$", balinese, "5"),
            (r"^[\D3]$", "3", "4"),
            (r"^[\d&&[^3]]$", "4", "3"),
            (r"^\\d$", r"\d", "5"),
            (r"^[\\d]+$", r"d\", "5"),
            (r"^\p{Nd}$", balinese, "x"),
            (
                r"^(?x) \d # one \d or [
               $",
                "7",
                balinese,
            ),
        ] {
            let regex = regex(text).unwrap();
            assert!(regex.is_match(matches), "{text} {matches}");
            assert!(!regex.is_match(other), "{text} {other}");
        }
    }

    #[test]
    fn what_is_wrong_is_shown_as_it_was_written() {
        for text in [r"\d[", r"[\d-x]", r"\d\"] {
            let (ours, theirs) = (regex(text).unwrap_err(), Regex::new(text).unwrap_err());
            assert_eq!(ours.to_string(), theirs.to_string());
        }
    }
}
