//! Regular expressions of other standards as those of a spec, which match whole values, and the other way round.
//!
//! ECMAScript (JSON Schema, CSVW) searches; Frictionless means the whole value. What stands between brackets is escaped where
//! a spec would read more into it, `\w` is ASCII as there, and what the other language cannot say is left as it is: the plan
//! refuses it, and whoever imports is told.

use regex_syntax::hir::Look;

/// An expression that is searched, as one that matches the whole value.
pub fn searched(text: &str) -> String {
    let text = translated(text);
    let Ok(hir) = regex_syntax::parse(&text) else {
        return text;
    };
    let properties = hir.properties();
    let before = match properties.look_set_prefix().contains(Look::Start) {
        true => "",
        false => "(?s:.*)",
    };
    let behind = match properties.look_set_suffix().contains(Look::End) {
        true => "",
        false => "(?s:.*)",
    };
    match (before, behind) {
        ("", "") => text,
        _ => format!("{before}(?:{text}){behind}"),
    }
}

/// An expression that matches the whole value already.
pub fn whole(text: &str) -> String {
    translated(text)
}

fn translated(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    let (mut depth, mut before) = (0_usize, ' ');
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some(escaped) => out.extend(['\\', escaped]),
                None => out.push('\\'),
            },
            '[' if depth == 0 => {
                depth = 1;
                out.push('[');
                if let Some(negated) = chars.next_if_eq(&'^') {
                    out.push(negated);
                }
            }
            // XML Schema takes one class from another so.
            '[' if before == '-' => {
                depth += 1;
                out.push_str("-[");
            }
            '[' | '&' | '~' if depth > 0 => out.extend(['\\', char]),
            ']' if depth > 0 => {
                depth -= 1;
                out.push(']');
            }
            _ => out.push(char),
        }
        before = char;
    }
    out
}

/// An expression of a spec for a standard that matches whole values; `None` where it says what others cannot.
pub fn portable(text: &str) -> Option<String> {
    let special = [
        "(?i", "(?s", "(?x", "(?m", "(?u", "(?U", "(?-", "(?P", "(?R", "\\A", "\\z", "&&", "--",
        "~~",
    ];
    let is_special = special.iter().any(|mark| text.contains(mark));
    (!is_special).then(|| text.to_owned())
}

/// The same for one that searches.
pub fn anchored(text: &str) -> Option<String> {
    portable(text).map(|text| format!("^(?:{text})$"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::whole as match_whole;
    use regex::Regex;

    #[test]
    fn what_is_searched_matches_the_same_values() {
        for (text, matches, others) in [
            ("b", vec!["b", "abc", "x\nb\ny"], vec!["", "a"]),
            ("^[A-Z]{2}$", vec!["AB"], vec!["ABC", "xAB", "A"]),
            ("^a|b$", vec!["a", "axx", "xxb"], vec!["xax", "bx"]),
            ("^a", vec!["a", "ab"], vec!["ba"]),
            ("^[a[&&]$", vec!["a", "[", "&"], vec!["b", "]"]),
            (r"^\w+$", vec!["a_1"], vec!["ä", "a-b"]),
            (r"^a\/b$", vec!["a/b"], vec!["a"]),
            (r"^\d$", vec!["1"], vec!["\u{1b51}", "x"]),
        ] {
            let regex = Regex::new(&match_whole(&searched(text))).unwrap();
            for value in matches {
                assert!(regex.is_match(value), "{text} {value}");
            }
            for value in others {
                assert!(!regex.is_match(value), "{text} {value}");
            }
        }
    }

    #[test]
    fn a_class_is_taken_from_another_as_in_xml_schema() {
        let regex = Regex::new(&match_whole(&whole("[a-z-[aeiou]]+"))).unwrap();
        assert!(regex.is_match("xyz") && !regex.is_match("axe"));
    }
}
