//! Paths in an XML document, a subset of XPath 1.0: where records are, and where in a record a field's value is.
//!
//! A path goes down from element to element, each by its name or `*`. A prefix means a namespace of the spec, never one
//! of the document; a name without a prefix is a name in no namespace. What searches, goes up, counts or computes is
//! refused by name.

use super::grammar::{is_plain_name, split_name};
use super::scope::XML;
use std::sync::Arc;

/// The most steps of a path.
pub const MAX_STEPS: usize = 64;
/// The code of what is no path.
pub const BAD_PATH: &str = "bad_path";
/// The code of what is a path of XPath, but not of those that are followed.
pub const UNSUPPORTED: &str = "unsupported";

/// Why a path is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPath {
    /// [`BAD_PATH`], [`UNSUPPORTED`], or `unknown_prefix`.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// The prefixes of a spec, with the namespaces that each means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(Vec<(Box<str>, Box<str>)>);

impl Namespaces {
    /// Adds a namespace. `false` where it has a prefix already.
    pub fn add(&mut self, prefix: &str, uri: &str) -> bool {
        let is_new = self.0.iter().all(|(_, known)| **known != *uri);
        if is_new {
            self.0.push((prefix.into(), uri.into()));
        }
        is_new
    }

    /// The prefixes, each with the first of its namespaces.
    pub fn each(&self) -> impl Iterator<Item = (&str, &str)> {
        let declared = self.0.iter().enumerate();
        let first = declared.filter(|(at, (prefix, _))| {
            let before = &self.0[..*at];
            before.iter().all(|(earlier, _)| earlier != prefix)
        });
        first.map(|(_, (prefix, uri))| (&**prefix, &**uri))
    }

    fn has(&self, prefix: &str) -> bool {
        prefix == "xml" || self.0.iter().any(|(known, _)| **known == *prefix)
    }

    /// Writes a name as paths say it; `{namespace}name` where the spec has no prefix for its namespace.
    pub fn write(&self, uri: &str, local: &str, out: &mut String) {
        if !uri.is_empty() {
            let known = self.0.iter().find(|(_, known)| **known == *uri);
            match (known, uri) {
                (Some((prefix, _)), _) => out.extend([&**prefix, ":"]),
                (None, XML) => out.push_str("xml:"),
                (None, _) => out.extend(["{", uri, "}"]),
            }
        }
        out.push_str(local);
    }
}

/// A step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To elements of this name, as [`Namespaces::write`] writes it.
    Name(Box<str>),
    /// To every element.
    Any,
}

impl Step {
    /// Whether it leads to an element of this name.
    pub fn is(&self, name: &str) -> bool {
        match self {
            Self::Name(wanted) => **wanted == *name,
            Self::Any => true,
        }
    }
}

/// Where the records of a document are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPath {
    /// The prefixes that it, and the paths of fields, may use.
    pub namespaces: Arc<Namespaces>,
    steps: Arc<[Step]>,
}

impl RecordPath {
    /// Whether it leads to the same elements in every document as `other`: prefixes that only fields use may differ.
    pub fn finds_as(&self, other: &Self) -> bool {
        let prefixes = |path: &Self| {
            let names = path.steps.iter().filter_map(|step| match step {
                Step::Name(name) => name.split_once(':'),
                Step::Any => None,
            });
            names
                .map(|(prefix, _)| prefix.to_owned())
                .collect::<Vec<_>>()
        };
        let meant = |path: &Self| -> Vec<(Box<str>, Box<str>)> {
            let used = prefixes(path);
            let all = path.namespaces.0.iter();
            all.filter(|(prefix, _)| used.iter().any(|one| **one == **prefix))
                .cloned()
                .collect()
        };
        self.steps == other.steps && meant(self) == meant(other)
    }

    /// The path `text`.
    ///
    /// # Errors
    /// What is no path, or one that is not followed.
    pub fn parse(text: &str, namespaces: Namespaces) -> Result<Self, BadPath> {
        let Some(inside) = text.strip_prefix('/') else {
            let hint = format!("record_path = {:?}", format!("/{text}"));
            return Err(bad("a record_path begins with `/`, at the document", &hint));
        };
        if inside.split('/').any(|step| step.starts_with('@')) {
            return Err(bad(
                "an attribute is no record",
                "leave it off: fields say which attribute they take, from = \"@id\"",
            ));
        }
        let steps = steps(inside, &namespaces)?;
        Ok(Self {
            namespaces: Arc::new(namespaces),
            steps: steps.into(),
        })
    }

    /// What tells the elements of the path `text` among those that this one leads to: the last step.
    ///
    /// # Errors
    /// What is no path, or one that leads elsewhere.
    pub fn kind(&self, text: &str) -> Result<Step, BadPath> {
        let other = Self::parse(text, (*self.namespaces).clone())?;
        let both = self.steps.split_last().zip(other.steps.split_last());
        match both {
            Some(((last, around), (step, others)))
                if around == others && (*last == Step::Any || last == step) =>
            {
                Ok(step.clone())
            }
            _ => Err(bad(
                &format!("{text:?} leads to no elements that `record_path` leads to"),
                "the paths of kinds differ in the last step only: record_path = \"/statement/*\" leads to all",
            )),
        }
    }

    /// Its steps, from the document down; at least one.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// Where in a record a value is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPath {
    /// Down from the record's element.
    pub steps: Vec<Step>,
    /// The name of the attribute there; without it, the element is meant.
    pub attribute: Option<Box<str>>,
}

impl FieldPath {
    /// The path `text`.
    ///
    /// # Errors
    /// What is no path, or one that is not followed.
    pub fn parse(text: &str, namespaces: &Namespaces) -> Result<Self, BadPath> {
        if text == "." {
            return Ok(Self::default());
        }
        if let Some(rest) = text.strip_prefix('/') {
            let hint = format!(
                "from = {:?}, seen from the record",
                rest.trim_start_matches('/')
            );
            let message = format!("{text:?} begins at the document, which a field does not see");
            return Err(BadPath {
                code: UNSUPPORTED,
                message,
                hint,
            });
        }
        let (elements, attribute) = match text.rsplit_once('/') {
            Some((elements, last)) if last.starts_with('@') => (elements, Some(&last[1..])),
            None if text.starts_with('@') => ("", Some(&text[1..])),
            _ => (text, None),
        };
        let attribute = match attribute {
            None => None,
            Some("*") => {
                let hint = "name the attribute; a field of type object on the element takes all";
                return Err(unsupported("`@*` stands for many attributes", hint));
            }
            Some(name) => Some(self::name(name, namespaces)?),
        };
        let steps = match (elements, &attribute) {
            ("", Some(_)) => Vec::new(),
            _ => steps(elements, namespaces)?,
        };
        Ok(Self { steps, attribute })
    }
}

fn steps(text: &str, namespaces: &Namespaces) -> Result<Vec<Step>, BadPath> {
    let steps: Vec<&str> = text.split('/').collect();
    if steps.len() > MAX_STEPS {
        return Err(bad(&format!("more than {MAX_STEPS} steps"), "shorten it"));
    }
    let last = steps.len() - 1;
    let mut all = Vec::new();
    for (index, step) in steps.into_iter().enumerate() {
        all.push(match step {
            "" if index < last => {
                let hint = "say each step, `*` for one of any name";
                return Err(unsupported("`//` searches", hint));
            }
            "" => return Err(bad("a step is empty", "a path ends with a name")),
            "*" => Step::Any,
            "." => return Err(unsupported("the step `.` says nothing", "leave it off")),
            ".." => return Err(unsupported("`..` goes up", "paths go down only")),
            _ if step.contains("::") => {
                let message = format!("`{step}` has an axis");
                return Err(unsupported(&message, "paths go down: name for child::name"));
            }
            _ if step.contains('[') => {
                let message = format!("`{step}` has a predicate");
                let hint = "leave it off; a `drop` or `reject` step chooses among records";
                return Err(unsupported(&message, hint));
            }
            _ if step.contains('(') => {
                let message = format!("`{step}` is a function or a kind of node");
                return Err(unsupported(&message, "a path to an element means its text"));
            }
            _ if step.starts_with('@') => {
                return Err(bad(
                    "nothing stands below an attribute",
                    "only the last step can be one",
                ));
            }
            _ => Step::Name(name(step, namespaces)?),
        });
    }
    Ok(all)
}

fn name(text: &str, namespaces: &Namespaces) -> Result<Box<str>, BadPath> {
    let no_name = || {
        let message = format!("{text:?} is no name of XML");
        bad(
            &message,
            "names are separated by `/`, as in \"price/@currency\"",
        )
    };
    if let Some(prefix) = text.strip_suffix(":*") {
        let hint = "write `*` for any name";
        return Err(unsupported(
            &format!("`{prefix}:*` stands for many names"),
            hint,
        ));
    }
    let (prefix, local) = split_name(text, 0).map_err(|_| no_name())?;
    if !is_plain_name(local) || !prefix.is_empty() && !is_plain_name(prefix) {
        return Err(no_name());
    }
    if !prefix.is_empty() && !namespaces.has(prefix) {
        return Err(BadPath {
            code: "unknown_prefix",
            message: format!("the prefix `{prefix}` is none of [format.xml] namespaces"),
            hint: format!("namespaces = {{ {prefix} = [\"http://…\"] }}"),
        });
    }
    Ok(text.into())
}

fn bad(message: &str, hint: &str) -> BadPath {
    BadPath {
        code: BAD_PATH,
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}

fn unsupported(message: &str, hint: &str) -> BadPath {
    BadPath {
        code: UNSUPPORTED,
        ..bad(message, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Namespaces {
        let mut spec = Namespaces::default();
        assert!(spec.add("g", "urn:g") && spec.add("g", "urn:g2") && !spec.add("h", "urn:g"));
        spec
    }

    #[test]
    fn paths_of_records() {
        for (text, expected) in [
            ("/catalog/product", Ok(2)),
            ("/g:feed/*", Ok(2)),
            ("/größe", Ok(1)),
            ("catalog", Err(BAD_PATH)),
            ("", Err(BAD_PATH)),
            ("/", Err(BAD_PATH)),
            ("/a/", Err(BAD_PATH)),
            ("/a/@b", Err(BAD_PATH)),
            ("/1a", Err(BAD_PATH)),
            ("/a b", Err(BAD_PATH)),
            ("/x:a", Err("unknown_prefix")),
            ("//a", Err(UNSUPPORTED)),
            ("/a//b", Err(UNSUPPORTED)),
            ("/a[1]", Err(UNSUPPORTED)),
            ("/a[@b='c']", Err(UNSUPPORTED)),
            ("/child::a", Err(UNSUPPORTED)),
            ("/a/..", Err(UNSUPPORTED)),
            ("/a/.", Err(UNSUPPORTED)),
            ("/a/text()", Err(UNSUPPORTED)),
            ("/g:*", Err(UNSUPPORTED)),
        ] {
            let found = RecordPath::parse(text, spec());
            let found = found.map(|path| path.steps().len()).map_err(|bad| bad.code);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn paths_of_fields() {
        for (text, expected) in [
            (".", Ok((0, None))),
            ("price", Ok((1, None))),
            ("@sku", Ok((0, Some("sku")))),
            ("@xml:lang", Ok((0, Some("xml:lang")))),
            ("items/item/@id", Ok((2, Some("id")))),
            ("g:id", Ok((1, None))),
            ("*/@g:id", Ok((1, Some("g:id")))),
            ("/price", Err(UNSUPPORTED)),
            ("@*", Err(UNSUPPORTED)),
            ("./a", Err(UNSUPPORTED)),
            ("a//b", Err(UNSUPPORTED)),
            ("@a/b", Err(BAD_PATH)),
            ("", Err(BAD_PATH)),
            ("@", Err(BAD_PATH)),
            ("a:b:c", Err(BAD_PATH)),
            ("h:a", Err("unknown_prefix")),
        ] {
            let found = FieldPath::parse(text, &spec());
            let found = found.as_ref();
            let found = found.map(|path| (path.steps.len(), path.attribute.as_deref()));
            let found = found.map_err(|bad| bad.code);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn names_are_written_as_paths_say_them() {
        for (uri, expected) in [
            ("", "a"),
            ("urn:g2", "g:a"),
            ("urn:x", "{urn:x}a"),
            (XML, "xml:a"),
        ] {
            let mut out = String::new();
            spec().write(uri, "a", &mut out);
            assert_eq!(out, expected);
        }
    }
}
