//! How problems are shown: for people, as whole texts, and for programs.

use super::*;

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
