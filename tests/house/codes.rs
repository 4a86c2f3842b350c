//! Each code that a reject of the program's own can have stands in `stages/src/step/codes.rs`, which says what its messages
//! hold: what is missing there would be hidden where fields are sensitive, and a step of a spec could take its name. The
//! codes are found in the source, where problems of records are made.

use crate::tree::{SourceFile, files};
use std::collections::{BTreeMap, BTreeSet};

/// Where codes are listed.
const LISTED_IN: &str = "stages/src/step/codes.rs";
/// What makes a problem of a record, with its code behind it.
const MAKERS: [&str; 2] = ["Problem::of_record(", "Problem::of_field("];
/// What is made into such a problem elsewhere: faults of values, and of documents, which may be those of a record.
const CARRIERS: [&str; 2] = ["Fault {", "Malformed {"];
/// What makes a fault in a single file, with its code behind it.
const MAKERS_OF_A_FILE: [(&str, &str); 3] = [
    ("stages/src/step/bind/tree.rs", "refuse("),
    ("stages/src/step/bind/value.rs", "code: "),
    ("stages/src/step/explode.rs", "self.refused("),
];
/// Where a code is chosen before a problem is made: all words of these files that could be codes behind `=>` or `(`.
const CHOSEN_IN: [&str; 2] = [
    "stages/src/step/bind/validate.rs",
    "stages/src/sink/mongodb/reply.rs",
];
/// Where codes are constants.
const CONSTANTS_IN: [&str; 7] = [
    "pipeline/src/chain/sorted.rs",
    "pipeline/src/reject.rs",
    "stages/src/corrected/reference.rs",
    "stages/src/frame/csv/scan.rs",
    "stages/src/frame/document.rs",
    "stages/src/frame/lines.rs",
    "stages/src/xml/grammar.rs",
];
/// These constants.
const KNOWN_CONSTANTS: [&str; 5] = [
    "CONTEXT_REJECTED",
    "MORE_PROBLEMS",
    "SYNTAX",
    "TOO_LARGE",
    "UNCLOSED_QUOTE",
];
/// Where codes of broken frames become messages, each behind its code: `"code" => "…"`.
const EXPLAINED_IN: &str = "pipeline/src/batch.rs";
/// What stands in the place of a code that is handed on: its text is found where it comes from. `NOTHING` marks a text that
/// stands for no value, and is never a reject.
const HANDED_ON: [&str; 5] = ["code", "self.code", "fault.code", "NOTHING", TYPE];
/// The type of a code, where a carrier is declared.
const TYPE: &str = "&'static str";

/// What a file is without the tests at its end.
fn shipped(text: &str) -> &str {
    let tests = text.find("#[cfg(test)]\nmod tests {");
    &text[..tests.unwrap_or(text.len())]
}

/// The code that a string literal at the beginning of a text is.
fn literal(text: &str) -> Option<&str> {
    let (word, _) = text.trim_start().strip_prefix('"')?.split_once('"')?;
    let is_code = |char: char| char.is_ascii_lowercase() || char == '_';
    (word.starts_with(|char: char| char.is_ascii_lowercase()) && word.chars().all(is_code))
        .then_some(word)
}

/// The first argument of a call, as it stands there.
fn first_argument(text: &str) -> &str {
    let end = text.find([',', ')']).unwrap_or(text.len());
    text[..end].trim()
}

/// Whether the code in the place of a literal is found elsewhere: it is handed on, or a constant of a file that is read.
fn is_known(argument: &str) -> bool {
    HANDED_ON.contains(&argument) || KNOWN_CONSTANTS.contains(&argument)
}

/// The codes in a file, and what stands in the place of others.
fn codes(path: &str, text: &str) -> (BTreeSet<String>, Vec<String>) {
    let text = shipped(text);
    let (mut found, mut unclear) = (BTreeSet::new(), Vec::new());
    let mut take = |code: &str| {
        found.insert(code.to_owned());
    };
    for maker in MAKERS {
        for (at, _) in text.match_indices(maker) {
            let behind = &text[at + maker.len()..];
            match literal(behind) {
                Some(code) => take(code),
                None if is_known(first_argument(behind)) => {}
                None => unclear.push(first_argument(behind).to_owned()),
            }
        }
    }
    for carrier in CARRIERS {
        for (at, _) in text.match_indices(carrier) {
            // What a function gives back is no carrier yet.
            if text[..at].ends_with("-> ") {
                continue;
            }
            let behind = &text[at + carrier.len()..];
            let body = &behind[..behind.find('}').unwrap_or(behind.len())];
            if let Some((_, code)) = body.split_once("code:") {
                match literal(code) {
                    Some(code) => take(code),
                    None if is_known(first_argument(code)) => {}
                    None => unclear.push(first_argument(code).to_owned()),
                }
            }
        }
    }
    for (_, maker) in MAKERS_OF_A_FILE.iter().filter(|(file, _)| *file == path) {
        for (at, _) in text.match_indices(maker) {
            literal(&text[at + maker.len()..])
                .into_iter()
                .for_each(&mut take);
        }
    }
    if CHOSEN_IN.contains(&path) {
        for before in ["=> (", "=> "] {
            for (at, _) in text.match_indices(before) {
                literal(&text[at + before.len()..])
                    .into_iter()
                    .for_each(&mut take);
            }
        }
    }
    if path == EXPLAINED_IN {
        let arms = text.lines().filter(|line| line.contains("\" =>"));
        arms.filter_map(literal).for_each(&mut take);
    }
    if CONSTANTS_IN.contains(&path) {
        let constants = text.split("const ").skip(1);
        let codes = constants.filter_map(|rest| literal(rest.split_once(": &str =")?.1));
        codes.for_each(&mut take);
    }
    (found, unclear)
}

fn is_judged(file: &SourceFile) -> bool {
    let is_test = file.path.contains("/tests") || file.path.contains("/harness");
    let judges_specs = file.path.starts_with("stages/src/spec/");
    !is_test && !judges_specs
}

#[test]
fn every_code_of_a_reject_says_what_its_messages_hold() {
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    for file in files("pipeline/src").into_iter().chain(files("stages/src")) {
        if !is_judged(&file) {
            continue;
        }
        let (found, unclear) = codes(&file.path, &file.text);
        assert!(
            unclear.is_empty(),
            "{}: which code has a problem with {unclear:?} in its place? Write it there as a literal, or say in {} where it comes from",
            file.path,
            file!()
        );
        for code in found {
            said.entry(code).or_insert_with(|| file.path.clone());
        }
    }
    let (list, _) = said_in_list();
    let missing: Vec<_> = said
        .iter()
        .filter(|(code, _)| !list.contains(code))
        .map(|(code, path)| format!("{code} (said in {path})"))
        .collect();
    assert!(
        missing.is_empty(),
        "add these codes to {LISTED_IN}, each with what its messages say of a record (`Says::Anything` hides them where fields are sensitive): {}",
        missing.join(", ")
    );
    let unsaid: Vec<_> = list
        .iter()
        .filter(|code| !said.contains_key(*code))
        .collect();
    assert!(
        unsaid.is_empty(),
        "{LISTED_IN} has codes that nothing says: {unsaid:?}"
    );
}

/// The codes of the list, and whether they stand in order.
fn said_in_list() -> (Vec<String>, bool) {
    let files = files("stages/src/step");
    let listed = files.iter().find(|file| file.path == LISTED_IN);
    let text = listed.map_or("", |file| &file.text);
    let lines = text.lines().filter_map(|line| line.strip_prefix("    ("));
    let list: Vec<String> = lines
        .filter_map(|line| literal(line).map(str::to_owned))
        .collect();
    assert!(!list.is_empty(), "{LISTED_IN} lists no code");
    let is_sorted = list.is_sorted();
    (list, is_sorted)
}

#[test]
fn the_list_stands_in_order_and_names_each_code_once() {
    let (list, is_sorted) = said_in_list();
    let distinct: BTreeSet<_> = list.iter().collect();
    assert!(is_sorted, "the order of {LISTED_IN}: {list:?}");
    assert_eq!(distinct.len(), list.len());
}

#[test]
fn codes_are_found_where_problems_are_made() {
    let text = "Problem::of_record(\n    \"a_b\", x); Problem::of_field(code, y); Problem::of_record(mystery(), z);\n\
                Err(Fault { at, code: \"c\" }); Malformed { code: \"d\", at }";
    let (found, unclear) = codes("some.rs", text);
    let found: Vec<_> = found.iter().map(String::as_str).collect();
    assert_eq!(found, ["a_b", "c", "d"]);
    assert_eq!(unclear, ["mystery("]);
}
