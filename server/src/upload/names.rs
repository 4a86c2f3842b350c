//! Names: what of a client's name for a file is kept, and the key that its object gets.
//!
//! A key is made of the date, the file's id and a plain form of its name, so it is fresh, short and says at a glance
//! what it holds. The name itself is metadata: bounded, one line, without its folders, and interpreted by nothing.

use crate::id::Id;
use jiff::Timestamp;

/// The most bytes of a name that is kept as metadata.
pub const MAX_ORIGINAL_BYTES: usize = 255;
/// The most bytes of a name in a key.
const MAX_SAFE_BYTES: usize = 100;
/// The most bytes of the endings (`.csv.gz`) that a name keeps when it is cut.
const MAX_ENDING_BYTES: usize = 24;
/// What a file without a name is called.
const NAMELESS: &str = "file";

/// The name as it is kept: its last component, without characters that no one sees, at most
/// [`MAX_ORIGINAL_BYTES`] long.
pub fn original(given: &str) -> String {
    let seen: String = last_component(given)
        .chars()
        .filter(|c| !is_unseen(*c))
        .collect();
    match cut(seen.trim(), MAX_ORIGINAL_BYTES) {
        name if matches!(&*name, "" | "." | "..") => NAMELESS.to_owned(),
        name => name,
    }
}

/// The name as it stands in a key: at most 100 of `A-Z a-z 0-9 . _ -`, no dot at its start and no two in a row.
pub fn safe(original: &str) -> String {
    let mut safe = String::with_capacity(original.len());
    for c in original.chars() {
        safe.push(match c {
            '.' if safe.is_empty() || safe.ends_with('.') => '_',
            'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '_' | '-' => c,
            _ => '_',
        });
    }
    cut(&safe, MAX_SAFE_BYTES)
}

/// The key of the object of the file `id`.
pub fn key(prefix: &str, id: Id, original: &str) -> String {
    // Only to look at: nothing is decided by the date in a key.
    let date = Timestamp::now().strftime("%Y-%m-%d");
    let prefix = prefix.trim_matches('/');
    let slash = if prefix.is_empty() { "" } else { "/" };
    format!("{prefix}{slash}uploads/{date}/{id}/{}", safe(original))
}

/// What stands behind the last dot of a name, in lower case.
pub fn extension(name: &str) -> Option<String> {
    let (stem, extension) = last_component(name).rsplit_once('.')?;
    let is_one = !stem.is_empty() && !extension.is_empty();
    is_one.then(|| extension.to_lowercase())
}

fn last_component(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// Control characters, and those that turn the direction of what is shown.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The name in at most `max_bytes`, with its endings.
fn cut(name: &str, max_bytes: usize) -> String {
    if name.len() <= max_bytes {
        return name.to_owned();
    }
    let dots = name.rmatch_indices('.').map(|(at, _)| at);
    let ending = dots
        .take_while(|at| name.len() - at <= MAX_ENDING_BYTES)
        .last();
    let ending = ending.map_or("", |at| &name[at..]);
    let stem = &name[..name.floor_char_boundary(max_bytes - ending.len())];
    format!("{stem}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_short_and_on_one_line() {
        let long = "x".repeat(10_000);
        for (given, kept, in_key) in [
            ("orders.csv", "orders.csv", "orders.csv"),
            (
                "Bestellungen März.csv",
                "Bestellungen März.csv",
                "Bestellungen_M_rz.csv",
            ),
            ("../../etc/passwd.csv", "passwd.csv", "passwd.csv"),
            ("C:\\files\\a.csv", "a.csv", "a.csv"),
            ("a\r\nb\0.csv", "ab.csv", "ab.csv"),
            ("\u{202e}vsc.exe.csv", "vsc.exe.csv", "vsc.exe.csv"),
            ("a..b...csv", "a..b...csv", "a._b._.csv"),
            (".hidden", ".hidden", "_hidden"),
            ("", "file", "file"),
            ("..", "file", "file"),
            ("a/", "file", "file"),
            (
                &format!("{long}.csv.gz"),
                &format!("{}.csv.gz", "x".repeat(248)),
                &format!("{}.csv.gz", "x".repeat(93)),
            ),
            (&long, &"x".repeat(255), &"x".repeat(100)),
            (&"é".repeat(200), &"é".repeat(127), &"_".repeat(100)),
        ] {
            let original = original(given);
            assert_eq!(
                (&*original, &*safe(&original)),
                (kept, in_key),
                "{given:.40}"
            );
        }
    }

    #[test]
    fn a_key_says_when_whose_and_what() {
        let id: Id = "0123456789abcdef01234567".parse().unwrap();
        for (prefix, start) in [
            ("", "uploads/"),
            ("a/b", "a/b/uploads/"),
            ("/a/", "a/uploads/"),
        ] {
            let key = key(prefix, id, "orders.csv");
            let rest = key.strip_prefix(start).unwrap();
            assert_eq!(&rest[10..], "/0123456789abcdef01234567/orders.csv");
        }
    }

    #[test]
    fn an_extension_stands_behind_the_last_dot() {
        for (name, expected) in [
            ("orders.csv", Some("csv")),
            ("orders.CSV.GZ", Some("gz")),
            ("orders", None),
            (".csv", None),
            ("orders.", None),
            ("a.b/orders", None),
        ] {
            assert_eq!(extension(name).as_deref(), expected, "{name}");
        }
    }
}
