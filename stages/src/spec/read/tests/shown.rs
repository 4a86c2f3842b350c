//! How problems are shown: for people, as whole texts, and for programs.

use super::*;

/// Reads `text` and expects this to be shown, without colours.
#[track_caller]
fn check_shown(text: &str, expected: &str) {
    let (_, problems) = read::<Toy>("specs/toy.toml", text);
    let shown = problems.render(false);
    assert_eq!(shown.trim_end(), expected.trim(), "\n{shown}");
}

#[test]
fn with_line_caret_and_hint() {
    check_shown(
        "[format.csv]\ndelimeter = ';' # semicolon\n",
        "
error[unknown_key]: unknown key `delimeter`
 --> specs/toy.toml:2:1
  |
2 | delimeter = ';' # semicolon
  | ^^^^^^^^^
  |
  = help: did you mean `delimiter`?
",
    );
}

#[test]
fn several_of_them_in_order() {
    check_shown(
        "[format.csv]\n[format.jsonl]\n[strict]\nmust = 'x'\n[input]\nlax = 1",
        "
error[second_choice]: `jsonl` beside `csv`: exactly one of `csv`, `jsonl` can stand here
 --> specs/toy.toml:2:9
  |
2 | [format.jsonl]
  |         ^^^^^
  |
  = help: remove `jsonl` or `csv`

error[wrong_type]: expected a whole number, found a string
 --> specs/toy.toml:4:8
  |
4 | must = 'x'
  |        ^^^

error[wrong_type]: expected true or false, found a whole number
 --> specs/toy.toml:6:7
  |
6 | lax = 1
  |       ^
",
    );
}

#[test]
fn with_line_ends_tabs_and_wide_characters_as_they_are() {
    check_shown(
        "[fields]\r\n\ta = { from = 'Größe 漢字', tpye = 'x' }\r\n",
        "
error[unknown_key]: unknown key `tpye`
 --> specs/toy.toml:2:27
  |
2 |     a = { from = 'Größe 漢字', tpye = 'x' }
  |                                ^^^^
  |
  = help: did you mean `type`?
",
    );
}

#[test]
fn a_value_of_several_lines_by_its_first() {
    check_shown(
        "version = '''\none\ntwo'''\n",
        "
error[wrong_type]: expected a whole number from 0 to 4294967295, found a string
 --> specs/toy.toml:1:11
  |
1 | version = '''
  |           ^^^
",
    );
}

#[test]
fn behind_the_end_and_with_a_mark() {
    check_shown(
        "\u{feff}name =",
        "
error[syntax]: a value is missing here
 --> specs/toy.toml:1:7
  |
1 | name =
  |       ^
",
    );
}

#[test]
fn control_characters_stay_harmless() {
    let (_, problems) = read::<Toy>(
        "t.toml",
        "name = 3 # \u{1b}[31m\n\"\\u001b[31m\" = 1\n[format.\"\\u001b\"]\n",
    );
    assert_eq!(problems.len(), 3);
    assert!(!problems.render(false).contains('\u{1b}'));
    assert!(problems.render(true).contains('\u{1b}'));
}

#[test]
fn a_very_long_line_by_its_place_alone() {
    let text = format!("name = '{}' x", "é".repeat(10_000));
    check_shown(
        &text,
        "
error[syntax]: unexpected key or value, expected newline, `#`
--> specs/toy.toml:1:10011
",
    );
}

#[test]
fn what_is_missing_at_the_table_that_should_have_it() {
    let (_, mut problems) = read::<Toy>(
        "t.toml",
        "[fields]\nid = { from = 'x' }\n[[steps]]\ndrop = {}\n",
    );
    for path in [
        "fields.id.type",
        "steps[0].drop.when",
        "sink.mongodb",
        "name",
    ] {
        problems.push(Problem::new(path, "missing_key", "this is missing"));
    }
    let at_key = Problem::new("fields.id.from", "bad_value", "no").at_key();
    problems.push(at_key.hint("yes"));
    let places: Vec<_> = found(&problems)
        .into_iter()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        places,
        [
            "1:1 missing_key",
            "1:1 missing_key",
            "2:1 missing_key",
            "2:8 bad_value",
            "4:1 missing_key"
        ]
    );
}

#[test]
fn keys_that_are_no_words() {
    let (_, mut problems) = read::<Toy>("t.toml", "[fields]\n'a \"b\".c' = { from = 'x' }\n");
    let path = r#"fields."a \"b\".c".from"#;
    problems.push(Problem::new(path, "bad_value", "no"));
    let problem = problems.iter().next().unwrap();
    assert_eq!(problem.path, path);
    assert_eq!(problem.place.clone().unwrap().column, 22);
}

#[test]
fn for_programs() {
    let (_, problems) = read::<Toy>("t.toml", "[[steps]]\ndrop = { nmae = 'x' }\n");
    assert_eq!(
        serde_json::to_value(&problems).unwrap(),
        serde_json::json!([{
            "file": "t.toml",
            "line": 2,
            "column": 10,
            "path": "steps[0].drop.nmae",
            "code": "unknown_key",
            "message": "unknown key `nmae`",
            "hint": "did you mean `name`?",
        }])
    );
}
