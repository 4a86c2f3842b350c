//! `[format.xml]`: the path to the records, the prefixes of paths, and what the fields ask of each record.

use crate::frame::xml::XmlSpec;
use crate::parse::xml::{Kind, Take, Takes};
use crate::record::Type;
use crate::spec::{Problem, Problems, field_path};
use crate::step::bind::{ColumnsSpec, FieldsSpec, Unknown, element_key, has_texts};
use crate::xml::{BadPath, FieldPath, Namespaces, RecordPath};
use std::sync::Arc;

/// An XML document, and what its records are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlPlan {
    /// Where records are.
    pub path: RecordPath,
    /// What the fields ask for.
    pub takes: Arc<Takes>,
}

/// The plan of `[format.xml]`; `None` where a problem was told of what the whole needs.
pub(super) fn plan(
    said: &XmlSpec,
    fields: &FieldsSpec,
    columns: &ColumnsSpec,
    problems: &mut Problems,
) -> Option<XmlPlan> {
    let namespaces = namespaces(said, problems);
    let Some(path) = said.record_path.as_deref() else {
        let message = "the spec does not say where in the document the records are";
        let hint = "record_path = \"/catalog/product\" for the elements `product` in the root element `catalog`";
        problems.push(Problem::new("format.xml", "required", message).hint(hint));
        return None;
    };
    let path = match RecordPath::parse(path, namespaces) {
        Ok(path) => path,
        Err(bad) => {
            problems.push(problem("format.xml.record_path".to_owned(), bad));
            return None;
        }
    };
    let mut takes = Vec::new();
    for (name, field) in &fields.0 {
        let own = [name.to_owned()];
        let (said, place) = match &field.from {
            Some(from) => (&from.0[..], field_path(name, "from")),
            None => (&own[..], field_path(name, "")),
        };
        for from in said {
            match FieldPath::parse(from, &path.namespaces) {
                Ok(path) => takes.push(Take {
                    key: element_key(from, field.kind, field.items).into(),
                    path,
                    kind: match field.kind {
                        Some(Type::List) if has_texts(field.items) => Kind::Texts,
                        Some(Type::List) => Kind::List,
                        Some(Type::Object) => Kind::Object,
                        _ => Kind::Text,
                    },
                }),
                Err(bad) => problems.push(problem(place.clone(), bad)),
            }
        }
    }
    let tells_others = columns.unknown.unwrap_or_default() != Unknown::Drop;
    Some(XmlPlan {
        path,
        takes: Arc::new(Takes::new(takes, tells_others)),
    })
}

fn namespaces(said: &XmlSpec, problems: &mut Problems) -> Namespaces {
    let mut all = Namespaces::default();
    for (prefix, uris) in said.namespaces.iter().flatten() {
        let path = format!("format.xml.namespaces.{prefix}");
        if !crate::xml::grammar::is_plain_name(prefix) || matches!(&**prefix, "xml" | "xmlns") {
            let message = format!("{prefix:?} cannot be a prefix");
            let hint = "a name without a colon; `xml` stands for its namespace without a word";
            problems.push(Problem::new(&path, "bad_value", message).hint(hint));
            continue;
        }
        if uris.is_empty() || uris.iter().any(String::is_empty) {
            let message = "a prefix stands for at least one namespace, and none is empty";
            let hint = "names without a prefix are those in no namespace";
            problems.push(Problem::new(&path, "bad_value", message).hint(hint));
            continue;
        }
        for uri in uris {
            if !all.add(prefix, uri) {
                let message = format!("the namespace {uri:?} stands there twice");
                let hint = "one prefix for each namespace is enough, whatever the document uses";
                problems.push(Problem::new(&path, "impossible", message).hint(hint));
            }
        }
    }
    all
}

fn problem(path: String, bad: BadPath) -> Problem {
    Problem::new(path, bad.code, bad.message).hint(bad.hint)
}
