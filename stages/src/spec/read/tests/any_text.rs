//! Whatever the text: reading ends, nothing panics, and every problem stands inside of the text.

use proptest::prelude::*;

use super::*;

/// Reads `text` and checks what holds for every text.
fn holds(text: &str) -> Problems {
    let (_, problems) = read::<Toy>("any.toml", text);
    assert!(problems.len() <= MAX_PROBLEMS);
    let lines = text.split('\n').count();
    let shown = problems.render(false);
    // A carriage return alone is an error wherever it stands, and is shown at the end of what can be shown.
    let is_plain = !text.replace("\r\n", "\n").contains('\r');
    let mut last = 0;
    for problem in problems.iter() {
        let place = problem.place.clone().expect("every problem has its place");
        assert!(
            text.get(place.range.clone()).is_some(),
            "{place:?} in {text:?}"
        );
        assert!(place.line >= 1 && place.line <= lines, "{place:?}");
        assert!(place.column >= 1 && place.column <= text.chars().count() + 1);
        assert!(place.range.start >= last, "sorted by place");
        last = place.range.start;
        let at = format!("--> any.toml:{}:{}\n", place.line, place.column);
        assert!(!is_plain || shown.contains(&at), "{at} in {shown}");
    }
    let json = serde_json::to_value(&problems).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(problems.len()));
    problems
}

/// Pieces that change how a text is cut.
const PIECES: [&str; 30] = [
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\"",
    "'",
    "'''",
    "\"\"\"",
    "#",
    "\\",
    "\\u12",
    "é",
    "📦",
    "\u{feff}",
    "\0",
    "name",
    "[input]",
    "[[steps]]",
    "1e9",
    "2026-01-01",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn of_a_good_one_edited_at_random(
        edits in prop::collection::vec((0usize..2000, 0usize..60, 0usize..PIECES.len() + 1), 1..12)
    ) {
        let mut text: Vec<char> = GOOD.chars().collect();
        for (at, remove, piece) in edits {
            let at = at % (text.len() + 1);
            let end = (at + remove % 7 * (remove / 7)).min(text.len());
            let piece = PIECES.get(piece).copied().unwrap_or_default();
            text.splice(at..end, piece.chars());
        }
        holds(&text.into_iter().collect::<String>());
    }

    #[test]
    fn of_pieces_in_any_order(pieces in prop::collection::vec(0usize..PIECES.len(), 0..80)) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        holds(&text);
    }

    #[test]
    fn of_lines_of_a_good_one_in_any_order(order in prop::collection::vec(0usize..40, 0..60)) {
        let lines: Vec<&str> = GOOD.lines().collect();
        let text: Vec<&str> = order.into_iter().map(|at| lines[at % lines.len()]).collect();
        holds(&text.join("\n"));
    }
}

#[test]
fn of_many_problems_only_the_first_are_kept() {
    let problems = holds(&"x = 1\n".repeat(5_000));
    assert_eq!(problems.len(), MAX_PROBLEMS);
    assert!(problems.more() > 0);
    assert!(problems.render(false).ends_with("more\n"));
    let fields: String = (0..5_000)
        .map(|n| format!("[fields.f{n}]\nfrom = {n}\n"))
        .collect();
    assert_eq!(holds(&fields).len(), MAX_PROBLEMS);
}

#[test]
fn of_a_megabyte() {
    let fill = |piece: &str| piece.repeat(MAX_SPEC_BYTES / piece.len());
    for piece in [
        "[",
        "]",
        "{",
        "[[",
        "a.",
        "a=[",
        "a={",
        "\"",
        "'",
        "'''",
        "=",
        "\n",
        "a=1\n",
        "[a]\n",
        "[[a]]\n",
        "a=[1\n",
        "a.b.c=1\n",
        "é",
        "a=1_\n",
        "[[steps]]\ndrop={}\n",
        "a=",
        ",",
        "#",
        "x",
        "match=['a','b',3]\n",
        "[[a.b]]\n",
    ] {
        holds(&fill(piece));
    }
    let nested = format!("a = {}{}", "[".repeat(200_000), "]".repeat(200_000));
    holds(&nested);
    let fields: String = (0..30_000)
        .map(|n| format!("f{n} = {{ from = 'x' }}\n"))
        .collect();
    let (toy, problems) = read::<Toy>("big.toml", &format!("[fields]\n{fields}"));
    assert!(problems.is_empty());
    assert_eq!(toy.fields.len(), 30_000);
}

#[test]
fn of_more_than_a_megabyte_none_is_read() {
    let (toy, problems) = read::<Toy>("big.toml", &" ".repeat(MAX_SPEC_BYTES + 1));
    assert_eq!(toy, Toy::default());
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["spec_too_large"]);
    assert!(holds(&" ".repeat(MAX_SPEC_BYTES)).is_empty());
}
