//! How a file looks: a head that says what it is, a length that can be read, nothing left for later.

use crate::tree::{Breaches, SourceFile, files};

/// The most lines of a file, tests included: longer ones hold more than one idea.
const MAX_LINES: usize = 600;
/// The least words of a sentence.
const MIN_SENTENCE_WORDS: usize = 4;

/// Words in comments that put something off.
const PUT_OFF: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// The text of the `//!` lines that a file begins with.
fn head(file: &SourceFile) -> String {
    let lines = file.text.lines().map_while(|line| line.strip_prefix("//!"));
    lines
        .map(|line| if line.trim().is_empty() { "\n" } else { line })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether the first paragraph of a head has a sentence.
fn has_sentence(head: &str) -> bool {
    let paragraph = head.split('\n').next().unwrap_or_default().trim();
    let ends = paragraph.ends_with(['.', ':']) || paragraph.contains(". ");
    ends && paragraph.split_whitespace().count() >= MIN_SENTENCE_WORDS
}

#[test]
fn every_file_says_what_it_is() {
    let mut breaches = Breaches::of("every file begins with a `//!` head of at least one sentence");
    for file in files("") {
        if !has_sentence(&head(&file)) {
            breaches.add(&file.path, 1, "has no head that says what it is");
        }
    }
    breaches.settle();
}

#[test]
fn no_file_is_too_long_to_be_read() {
    let mut breaches = Breaches::of("no file is longer than its limit: split it by its ideas");
    for file in files("") {
        let lines = file.text.lines().count();
        if lines > MAX_LINES {
            breaches.add(
                &file.path,
                lines,
                &format!("{lines} lines, the limit is {MAX_LINES}"),
            );
        }
    }
    breaches.settle();
}

#[test]
fn nothing_is_left_for_later() {
    let mut breaches =
        Breaches::of("what is here is finished: nothing is stubbed, skipped or put off");
    for file in files("") {
        let code = &file.code;
        for (at, token) in code.tokens.iter().enumerate() {
            let next = code.word(at + 1);
            match token.text.as_str() {
                "todo" | "unimplemented" if next == "!" => {
                    breaches.add(
                        &file.path,
                        token.line,
                        &format!("`{}!` is a stub", token.text),
                    );
                }
                "[" | "," | "(" if next == "ignore" && attribute(code, at) => {
                    breaches.add(&file.path, token.line, "a test is ignored");
                }
                _ => {}
            }
        }
        for (line, comment) in &code.comments {
            let mut words = comment.split(|char: char| !char.is_ascii_alphanumeric());
            if let Some(word) = words.find(|word| PUT_OFF.contains(word)) {
                breaches.add(&file.path, *line, &format!("{word} puts something off"));
            }
        }
    }
    breaches.settle();
}

/// Whether token `at` stands in an attribute.
fn attribute(code: &crate::code::Code, at: usize) -> bool {
    let opening = (0..=at)
        .rev()
        .take_while(|at| !matches!(code.word(*at), ";" | "{" | "}"));
    opening
        .into_iter()
        .any(|at| code.word(at) == "[" && at > 0 && matches!(code.word(at - 1), "#" | "!"))
}

#[test]
fn an_exception_gives_its_reason() {
    let mut breaches = Breaches::of("an `allow` or `expect` of a lint says why: `reason = \"…\"`");
    for file in files("") {
        let code = &file.code;
        for (at, token) in code.tokens.iter().enumerate() {
            let opens = token.text == "[" && at > 0 && matches!(code.word(at - 1), "#" | "!");
            if !opens
                || !matches!(code.word(at + 1), "allow" | "expect")
                || code.word(at + 2) != "("
            {
                continue;
            }
            let inside = (at..code.tokens.len()).take_while(|at| code.word(*at) != "]");
            if !inside.into_iter().any(|at| code.word(at) == "reason") {
                breaches.add(&file.path, token.line, "gives no reason");
            }
        }
    }
    breaches.settle();
}
