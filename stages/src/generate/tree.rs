//! JSON values that grow from paths: a value is put where a path leads, lists and objects on the way are made, and
//! what stands at a path is found again by the rules of the language. And how such values are written: with the white
//! space and the escapes that different programs leave.

use super::chance::Chance;
use super::scalar::Found;
use crate::step::bind::Segment;
use std::fmt::Write as _;

/// How many items a list must have so that paths from its front and from its end do not meet.
pub struct Needs<'p>(Vec<(&'p [Segment], [usize; 2])>);

impl<'p> Needs<'p> {
    /// What these paths need.
    pub fn of(paths: impl Iterator<Item = &'p [Segment]>) -> Self {
        let mut all: Vec<(&[Segment], [usize; 2])> = Vec::new();
        for path in paths {
            for (at, segment) in path.iter().enumerate() {
                let Segment::Index(index) = segment else {
                    continue;
                };
                let (end, count) = match usize::try_from(*index) {
                    Ok(index) => (0, index + 1),
                    Err(_) => (1, index.unsigned_abs() as usize),
                };
                let list = &path[..at];
                let known = all.iter().position(|(known, _)| *known == list);
                let known = known.unwrap_or_else(|| {
                    all.push((list, [0; 2]));
                    all.len() - 1
                });
                all[known].1[end] = all[known].1[end].max(count);
            }
        }
        Self(all)
    }

    fn items(&self, list: &[Segment]) -> usize {
        let known = self.0.iter().find(|(known, _)| *known == list);
        known.map_or(0, |(_, [front, back])| front + back)
    }
}

/// Puts a value where a path leads. `false` where it leads nowhere: the record is an object.
pub fn put(root: &mut Found, path: &[Segment], value: Found, needs: &Needs<'_>) -> bool {
    let mut here = root;
    for (at, segment) in path.iter().enumerate() {
        match segment {
            Segment::Key(key) => {
                if !matches!(here, Found::Object(_)) {
                    *here = Found::Object(Vec::new());
                }
                let Found::Object(entries) = here else {
                    return false;
                };
                let known = entries.iter().position(|(name, _)| **name == *key.name());
                let index = known.unwrap_or_else(|| {
                    entries.push((key.name().to_owned(), Found::Word("null".into())));
                    entries.len() - 1
                });
                here = &mut entries[index].1;
            }
            Segment::Index(index) => {
                if at == 0 {
                    return false;
                }
                if !matches!(here, Found::List(_)) {
                    *here = Found::List(Vec::new());
                }
                let Found::List(items) = here else {
                    return false;
                };
                let wanted = needs.items(&path[..at]);
                while items.len() < wanted {
                    items.push(Found::Object(Vec::new()));
                }
                let index = match usize::try_from(*index) {
                    Ok(index) => index,
                    Err(_) => items.len() - index.unsigned_abs() as usize,
                };
                here = &mut items[index];
            }
        }
    }
    *here = value;
    true
}

/// What stands where a path leads.
pub fn find<'t>(root: &'t Found, path: &[Segment]) -> Option<&'t Found> {
    path.iter()
        .try_fold(root, |here, segment| match (segment, here) {
            (Segment::Key(key), Found::Object(entries)) => entries
                .iter()
                .find(|(name, _)| **name == *key.name())
                .map(|(_, value)| value),
            (Segment::Index(index), Found::List(items)) => match usize::try_from(*index) {
                Ok(index) => items.get(index),
                Err(_) => items.get(items.len().checked_sub(index.unsigned_abs() as usize)?),
            },
            _ => None,
        })
}

/// Writes a value as JSON.
pub fn write(value: &Found, chance: &mut Chance, out: &mut String) {
    // Most programs leave no white space, some leave it everywhere.
    let spaced = chance.one_in(8);
    written(value, spaced, chance, out);
}

fn written(value: &Found, spaced: bool, chance: &mut Chance, out: &mut String) {
    let comma = if spaced { ", " } else { "," };
    match value {
        Found::Word(word) => out.push_str(word),
        Found::Text(text) => quoted(text, chance, out),
        Found::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { comma } else { "" });
                written(item, spaced, chance, out);
            }
            out.push(']');
        }
        Found::Object(entries) => {
            out.push('{');
            for (at, (name, value)) in entries.iter().enumerate() {
                out.push_str(if at > 0 { comma } else { "" });
                quoted(name, chance, out);
                out.push_str(if spaced { " : " } else { ":" });
                written(value, spaced, chance, out);
            }
            out.push('}');
        }
    }
}

fn quoted(text: &str, chance: &mut Chance, out: &mut String) {
    let ascii = chance.one_in(6);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '/' if ascii => out.push_str("\\/"),
            char if char < ' ' || (ascii && !char.is_ascii()) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            char => out.push(char),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::bind::Path;

    fn text(value: &Found) -> String {
        let mut out = String::new();
        written(value, false, &mut Chance::of(1, 2, 5), &mut out);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        value.to_string()
    }

    #[test]
    fn values_grow_where_paths_lead_and_are_found_there() {
        let paths = ["$.a.b", "$.items[0].sku", "$.items[-1].sku", "plain"];
        let paths: Vec<Path> = paths
            .iter()
            .map(|path| Path::parse(path).unwrap())
            .collect();
        let needs = Needs::of(paths.iter().map(Path::segments));
        let mut root = Found::Object(Vec::new());
        for (at, path) in paths.iter().enumerate() {
            assert!(put(
                &mut root,
                path.segments(),
                Found::Word(at.to_string()),
                &needs
            ));
        }
        for (at, path) in paths.iter().enumerate() {
            let found = find(&root, path.segments());
            assert_eq!(found, Some(&Found::Word(at.to_string())));
        }
        assert_eq!(
            text(&root),
            r#"{"a":{"b":0},"items":[{"sku":1},{"sku":2}],"plain":3}"#
        );
        let nowhere = Path::parse("$[0]").unwrap();
        assert!(!put(
            &mut root,
            nowhere.segments(),
            Found::Word("1".into()),
            &needs
        ));
        assert_eq!(find(&root, nowhere.segments()), None);
    }

    #[test]
    fn what_is_written_is_json_and_means_the_same() {
        let value = Found::Text("a\"\\\n\t\u{1}ü🙂/".into());
        for number in 0..50 {
            let mut out = String::new();
            write(&value, &mut Chance::of(1, 2, number), &mut out);
            let read: String = serde_json::from_str(&out).unwrap();
            assert_eq!(Found::Text(read), value, "{out}");
        }
    }
}
