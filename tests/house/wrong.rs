//! Each code that a problem of a spec can have is shown by a wrong spec with its words, `tests/specs/wrong/CODE.toml` and
//! `.txt`: a message that nobody has read is no message. The codes are found in the source, where problems are made.

use crate::tree::{files, read, root};
use std::collections::{BTreeMap, BTreeSet};

/// Where problems of specs are made.
const MADE_IN: [&str; 5] = [
    "stages/src/spec/",
    "stages/src/plan",
    "stages/src/step/",
    "stages/src/frame/",
    "stages/src/sink/",
];
/// What makes a problem, and which of its arguments, from 0, is the code.
const MAKERS: [(&str, usize); 5] = [
    ("Problem::new(", 1),
    ("tell(", 1),
    ("tell_with(", 1),
    ("told(", 1),
    ("Err((", 0),
];
/// The same in single files: what is handed on from there to a `Problem::new` elsewhere.
const MAKERS_OF_A_FILE: [(&str, &str, usize); 4] = [
    ("stages/src/plan/control.rs", "Bad::new(", 0),
    ("stages/src/spec/fault.rs", "=> (", 0),
    ("stages/src/step/bind/columns.rs", "Fatal::new(", 0),
    ("stages/src/step/bind/columns.rs", "refuse(", 0),
];
/// Files whose constants are codes that are handed on.
const CONSTANTS_IN: [&str; 1] = ["stages/src/json/path.rs"];
/// What stands in the place of a code that is handed on: its text is found where it comes from.
const HANDED_ON: [&str; 5] = ["code", "words.code", "found.code", "bad.code", "fatal.code"];
/// Codes about the header of a file, which no spec alone can have.
const OF_FILES: [&str; 3] = ["column_order", "nul_in_name", "unknown_columns"];
/// Codes that only the service has: `check` reads the tables beside a spec.
const OF_THE_SERVICE: [&str; 1] = ["not_here"];

/// The arguments of the call whose bracket was opened just before `text`.
fn arguments(text: &str) -> Vec<String> {
    let (mut arguments, mut last, mut depth) = (Vec::new(), String::new(), 0_u32);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                last.push(char);
                while let Some(char) = chars.next() {
                    last.push(char);
                    match char {
                        '\\' => last.extend(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(std::mem::take(&mut last));
                continue;
            }
            _ => {}
        }
        last.push(char);
    }
    arguments.push(last);
    let trimmed = arguments.iter().map(|text| text.trim().to_owned());
    trimmed.collect()
}

/// The code that a string literal is.
fn literal(argument: &str) -> Option<&str> {
    let word = argument.strip_prefix('"')?.strip_suffix('"')?;
    let is_code = |char: char| char.is_ascii_lowercase() || char == '_';
    (!word.is_empty() && word.chars().all(is_code)).then_some(word)
}

/// What the file is without the tests at its end.
fn shipped(text: &str) -> &str {
    let tests = text.find("#[cfg(test)]\nmod tests {");
    &text[..tests.unwrap_or(text.len())]
}

/// The codes in the source of `path`, and the arguments of `Problem::new` in whose text there is none.
fn codes(path: &str, text: &str) -> (BTreeSet<String>, Vec<String>) {
    let text = shipped(text);
    let (mut found, mut unclear) = (BTreeSet::new(), Vec::new());
    let of_file = MAKERS_OF_A_FILE
        .iter()
        .filter(|(file, ..)| *file == path)
        .map(|(_, maker, index)| (*maker, *index));
    for (maker, index) in MAKERS.into_iter().chain(of_file) {
        for (at, _) in text.match_indices(maker) {
            let arguments = arguments(&text[at + maker.len()..]);
            let argument = arguments.get(index).map_or("", String::as_str);
            match literal(argument) {
                Some(code) => {
                    found.insert(code.to_owned());
                }
                None if maker == "Problem::new(" && !HANDED_ON.contains(&argument) => {
                    unclear.push(argument.to_owned());
                }
                None => {}
            }
        }
    }
    if CONSTANTS_IN.contains(&path) {
        let constants = text
            .split("const ")
            .skip(1)
            .filter_map(|rest| literal(rest.split_once(": &str = ")?.1.split(';').next()?));
        found.extend(constants.map(str::to_owned));
    }
    (found, unclear)
}

/// Every code, with a file that makes it.
fn language() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for file in files("stages/src") {
        let is_test = file.path.contains("/tests") || file.path.contains("/harness");
        if is_test || !MADE_IN.iter().any(|folder| file.path.starts_with(folder)) {
            continue;
        }
        let (found, unclear) = codes(&file.path, &file.text);
        assert!(
            unclear.is_empty(),
            "{}: which code has a problem with {unclear:?} in its place? Write it there as a literal, or add where it comes from",
            file.path
        );
        all.extend(found.into_iter().map(|code| (code, file.path.clone())));
    }
    all
}

#[test]
fn every_code_of_the_language_has_a_wrong_spec_and_its_words() {
    let folder = root().join("tests/specs/wrong");
    let names: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let language = language();
    let mut breaches = String::new();
    let mut shown = BTreeSet::new();
    for name in names.iter().filter(|name| name.ends_with(".toml")) {
        let stem = name.trim_end_matches(".toml");
        let code = stem.split('-').next().unwrap();
        let words = format!("{stem}.txt");
        if !language.contains_key(code) {
            breaches.push_str(&format!("  {name}: no problem has the code {code}\n"));
        } else if !names.contains(&words) {
            breaches.push_str(&format!("  {name}: there is no {words}\n"));
        } else {
            let text = read(&folder.join(words));
            assert!(text.contains(&format!("error[{code}]: ")), "{name}: {text}");
            shown.insert(code);
        }
    }
    for (code, path) in &language {
        let mut unseen = OF_FILES.iter().chain(&OF_THE_SERVICE);
        if !shown.contains(code.as_str()) && !unseen.any(|one| one == code) {
            breaches.push_str(&format!(
                "  {path}: no spec in tests/specs/wrong has the problem {code}\n"
            ));
        }
    }
    assert!(
        breaches.is_empty(),
        "each code of the language has a wrong spec with its words:\n{breaches}"
    );
}

#[test]
fn codes_are_found_however_a_problem_is_made() {
    let source = r#"
        problems.push(Problem::new("a.b", "one", format!("{x}, {}", y(1, 2))).hint("nine, \"ten\""));
        let problem = PlanProblem::new(
            path(&[name, "eight"]),
            "two",
            message,
        );
        self.tell(key, "three", "a text");
        return Err(("four", format!("…")));
        Problem::new(found.path, found.code, found.message);
        #[cfg(test)]
mod tests { Problem::new("", "seven", "") }"#;
    let (found, unclear) = codes("stages/src/plan.rs", source);
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        ["four", "one", "three", "two"]
    );
    assert!(unclear.is_empty(), "{unclear:?}");
    let (_, unclear) = codes(
        "stages/src/plan.rs",
        "Problem::new(path, word_of(3), message)",
    );
    assert_eq!(unclear, ["word_of(3)"]);
    let (found, _) = codes(
        "stages/src/json/path.rs",
        "/// x\npub const BAD_PATH: &str = \"bad_path\";\nconst N: u8 = 3;",
    );
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["bad_path"]);
}
