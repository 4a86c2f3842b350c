//! Texts of the input as a spec's strings, comments and names.

use unicode_normalization::UnicodeNormalization as _;

/// The most characters of a value that a comment shows.
const MAX_SHOWN_CHARS: usize = 60;
/// The most characters of a name.
const MAX_NAME_CHARS: usize = 60;

/// A text as a string of TOML, in one line.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A value in a comment: quoted, in one line, its beginning where it is long.
pub fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        None => quoted(text),
        Some((end, _)) => quoted(&text[..end]) + "…",
    }
}

/// `a, b and c`.
pub fn list(all: &[String]) -> String {
    match all {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A name for a field, made of a title; nothing where no letter or digit is in it.
pub fn name(title: &str) -> Option<String> {
    let mut name = String::new();
    // German letters have spellings of their own; of others the accents fall off.
    let spelled = title
        .replace('ä', "ae")
        .replace('ö', "oe")
        .replace('ü', "ue")
        .replace('Ä', "Ae")
        .replace('Ö', "Oe")
        .replace('Ü', "Ue")
        .replace('ß', "ss");
    let is_code = title
        .chars()
        .all(|c| c.is_ascii_uppercase() || !c.is_ascii_alphabetic());
    let mut before = '_';
    for c in spelled.nfkd() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && before.is_ascii_lowercase() && !is_code {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        } else if c.is_alphanumeric() || unicode_mark(c) {
            continue;
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        before = c;
    }
    let mut name: String = name
        .trim_matches('_')
        .chars()
        .take(MAX_NAME_CHARS)
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "n_");
    }
    (!name.is_empty()).then_some(name)
}

/// A mark that decomposition leaves behind its letter.
fn unicode_mark(c: char) -> bool {
    matches!(u32::from(c), 0x0300..=0x036f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(title: &str, expected: Option<&str>) {
        assert_eq!(name(title).as_deref(), expected, "{title}");
    }

    #[test]
    fn titles_become_names() {
        check("Order No", Some("order_no"));
        check("orderNo", Some("order_no"));
        check("Straße", Some("strasse"));
        check("Beitrag (€)", Some("beitrag"));
        check("Prénom", Some("prenom"));
        check("ID", Some("id"));
        check("2024", Some("n_2024"));
        check("___", None);
        check("価格", None);
    }

    #[test]
    fn every_text_is_a_string_of_toml() {
        for text in ["a\"b\\c", "line\nend\r\t", "\u{7f}\u{0}\u{85}", "ü"] {
            let table: toml::Table = format!("x = {}", quoted(text)).parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
            assert_eq!(quoted(text).lines().count(), 1);
        }
    }
}
