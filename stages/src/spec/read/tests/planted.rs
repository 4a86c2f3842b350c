//! Errors planted in one text: all of them are found in one go, and nothing else.

use proptest::prelude::*;

use super::*;

#[test]
fn ten_planted_errors_in_one_go() {
    let text = "\
nmae = 'orders'
version = '3'
name = 'a'
name = 'b'
[input]
max_bytes = '200GBx'
compression = 'gzpi'
match = 'x
[format.csv]
delimiter = ';'
header = { rows = 1, find_whitin = 50 }
[format.jsonl]
[fields]
total = { from = 3, type = 'decimal' }
[[steps]]
drop = { name = 'unsent', when = true }
[[steps]]
derive = { field = 'day' }
";
    let toy = check(
        text,
        &[
            "1:1 unknown_key unknown key `nmae` / `name`",
            "2:11 wrong_type expected a whole number",
            "4:1 duplicate_key `name`",
            "6:13 bad_value `200GBx` is no size",
            "7:15 unknown_choice unknown choice `gzpi` / `gzip`",
            "8:11 syntax invalid literal string",
            "11:22 unknown_key unknown key `find_whitin` / `find_within`",
            "12:9 second_choice `jsonl` beside `csv`",
            "14:18 wrong_type expected a string / write \"3\"",
            "16:34 wrong_type expected a string, found true",
        ],
    );
    // Everything else was read.
    assert_eq!(toy.name.as_deref(), Some("a"));
    assert_eq!(toy.fields["total"].kind.as_deref(), Some("decimal"));
    assert_eq!(toy.steps.len(), 2);
    assert!(matches!(toy.format, Some(Format::Csv(csv)) if csv.delimiter == Some(';')));
}

/// What to change in the good text, each alone harmless to the others, and the code that must come of it.
const PLANTS: [(&str, &str, &str); 18] = [
    (
        "name = \"orders\"",
        "name = \"orders\"\nname = 'x'",
        "duplicate_key",
    ),
    ("version = 3", "version = '3'", "wrong_type"),
    ("pair = [1, -2]", "pair = [1, x]", "syntax"),
    ("\"200GB\"", "\"200GBx\"", "bad_value"),
    ("pause =", "pasue =", "unknown_key"),
    ("\"auto\"", "\"aut\"", "unknown_choice"),
    ("'b-*.csv']", "'b-*.csv', 3]", "wrong_type"),
    ("ratio = 0.5", "ratio =", "syntax"),
    ("lax = true", "lax true", "syntax"),
    ("delimiter = \";\"", "delimiter = \";;\"", "bad_value"),
    ("find_within = 50", "find_within = -50", "bad_value"),
    ("[fields]", "[format.jsonl]\n[fields]", "second_choice"),
    ("type = \"string\" }", "typo = \"string\" }", "unknown_key"),
    ("[\"trim\",", "[\"trin\",", "unknown_choice"),
    ("[\"a\", \"b\"]", "[\"a\"]", "bad_value"),
    ("when = \"", "wen = \"", "unknown_key"),
    ("derive.field = \"day\"", "derive.field = 3", "wrong_type"),
    ("must = 1", "must = [1", "syntax"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_of_them_are_found_and_no_others(chosen in prop::collection::vec(any::<bool>(), PLANTS.len())) {
        let mut text = GOOD.to_owned();
        let mut expected = Vec::new();
        for ((good, bad, code), _) in PLANTS.iter().zip(&chosen).filter(|(_, chosen)| **chosen) {
            assert_eq!(text.matches(good).count(), 1, "{good}");
            text = text.replace(good, bad);
            expected.push(*code);
        }
        let (_, problems) = read::<Toy>("planted.toml", &text);
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        prop_assert_eq!(codes, expected, "{}", found(&problems).join("\n"));
    }
}
