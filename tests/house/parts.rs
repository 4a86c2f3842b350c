//! Parts of one kind never import each other: a source, an unpacker, a framer, a parser, a step and a sink can each
//! be read, replaced and removed alone.
//!
//! A part is a module of its kind's folder in `stages/src`, with its own sub-modules. What all parts of a kind
//! rest on stands in `mod.rs` or in a module that is listed here. Modules that `mod.rs` has for tests only are no
//! parts: they may import all and be imported by all.

use crate::code::Named;
use crate::tree::{Breaches, SourceFile, files};
use std::collections::BTreeMap;

/// The folders of `stages/src` that hold parts, each with its modules that are no parts.
const KINDS: [(&str, &[&str]); 6] = [
    ("source", &[]),
    (
        "unpack",
        &[
            "bounds",
            "compression",
            "decode",
            "encoding",
            "laws",
            "start",
        ],
    ),
    ("frame", &["cut", "document", "growing"]),
    ("parse", &["encoding"]),
    ("step", &["codes", "condition", "expression"]),
    ("sink", &["digest", "flow", "key", "look", "target"]),
];

/// The modules of `stages` that a file's path says, without `mod`.
fn module(file: &SourceFile) -> Vec<String> {
    let path = file
        .path
        .trim_start_matches("stages/src/")
        .trim_end_matches(".rs");
    path.split('/')
        .filter(|part| *part != "mod")
        .map(str::to_owned)
        .collect()
}

/// What a name means at the top of a file, by its `use` items.
type Imports = BTreeMap<String, Vec<String>>;

/// A path from the root of the crate; `None`: it leads elsewhere.
fn absolute(home: &[String], path: &Named, imports: &Imports) -> Option<Vec<String>> {
    let mut here: Vec<String> = home.iter().chain(&path.inside).cloned().collect();
    let mut parts = path.parts.as_slice();
    match parts[0].as_str() {
        "crate" => {
            here.clear();
            parts = &parts[1..];
        }
        "self" => parts = &parts[1..],
        "super" => {}
        name => {
            let known = imports.get(name).filter(|_| path.alias.is_none())?;
            return Some(known.iter().chain(&parts[1..]).cloned().collect());
        }
    }
    while parts.first().is_some_and(|part| part == "super") {
        here.pop();
        parts = &parts[1..];
    }
    here.extend_from_slice(parts);
    Some(here)
}

fn imports(file: &SourceFile, home: &[String]) -> Imports {
    let none = Imports::new();
    let paths = file.code.paths();
    let of_file = paths.iter().filter(|path| path.inside.is_empty());
    let import = |path: &Named| {
        let mut whole = absolute(
            home,
            &Named {
                alias: Some(String::new()),
                ..path.clone()
            },
            &none,
        );
        // In `mod.rs` a `use` may begin with a part of the kind.
        if whole.is_none() && file.path.ends_with("/mod.rs") {
            whole = Some(home.iter().chain(&path.parts).cloned().collect());
        }
        Some((path.alias.clone()?, whole?))
    };
    of_file.filter_map(import).collect()
}

/// The modules that this file declares under `#[cfg(test)]`.
fn for_tests(file: &SourceFile) -> Vec<String> {
    let code = &file.code;
    let declared = |at: usize| {
        let cfg = ["#", "[", "cfg", "(", "test", ")", "]"];
        let mut next = at + cfg.len();
        let marked = (at..next).zip(cfg).all(|(at, word)| code.word(at) == word);
        // `pub` and `pub(crate)` may stand before it.
        while marked && matches!(code.word(next), "pub" | "(" | "crate" | "super" | ")") {
            next += 1;
        }
        (marked && code.word(next) == "mod").then(|| code.word(next + 1).to_owned())
    };
    (0..code.tokens.len()).filter_map(declared).collect()
}

#[test]
fn parts_of_one_kind_never_import_each_other() {
    let mut breaches = Breaches::of("parts of one kind never import each other");
    for (kind, shared) in KINDS {
        let files = files(&format!("stages/src/{kind}"));
        let modules: Vec<Vec<String>> = files.iter().map(module).collect();
        let top = files
            .iter()
            .zip(&modules)
            .find(|(_, module)| module.len() == 1);
        let tests = top.map(|(file, _)| for_tests(file)).unwrap_or_default();
        // What `mod.rs` hands on: `crate::unpack::Gzip` is `crate::unpack::gzip::Gzip`.
        let handed_on = top
            .map(|(file, module)| imports(file, module))
            .unwrap_or_default();
        let is_part = |name: &str| {
            let exists = modules
                .iter()
                .any(|module| module.get(1).is_some_and(|other| other == name));
            exists && !tests.iter().any(|test| test == name) && !shared.contains(&name)
        };
        for (file, home) in files.iter().zip(&modules) {
            let Some(own) = home.get(1).filter(|own| !tests.contains(*own)) else {
                continue;
            };
            let imports = imports(file, home);
            for path in file.code.paths() {
                let Some(mut whole) =
                    absolute(home, &path, &imports).filter(|whole| whole.len() > 1)
                else {
                    continue;
                };
                if let Some(known) = handed_on.get(&whole[1]).filter(|_| whole[0] == kind) {
                    whole.clone_from(known);
                }
                let other = whole.get(1).filter(|_| whole[0] == kind);
                if let Some(other) = other.filter(|other| *other != own && is_part(other)) {
                    let what = format!("the part `{own}` of {kind} imports the part `{other}`");
                    breaches.add(&file.path, path.line, &what);
                }
            }
        }
    }
    breaches.settle();
}
