//! Texts that are no TOML, or say a thing twice: every slip is found and hides no other.

use super::*;

#[test]
fn syntax_errors_hide_nothing() {
    check(
        "name =\nversion = 'x'",
        &["1:7 syntax a value is missing", "2:11 wrong_type"],
    );
    check(
        "name = orders\nversion = false3",
        &[
            "1:8 syntax text must stand in quotes / write \"orders\"",
            "2:11 syntax",
        ],
    );
    check(
        "name\nnmae = 1",
        &[
            "1:5 syntax a key without a value, expected `=`",
            "2:1 unknown_key",
        ],
    );
    check(
        "name = \"x\nversion = 'x'",
        &["1:10 syntax invalid basic string", "2:11 wrong_type"],
    );
    check(
        "pair = [1, 2\nversion = 'x'",
        &[
            "1:8 syntax this array is never closed / `]`",
            "2:11 wrong_type",
        ],
    );
    check(
        "[fields]\na = { from = 'x'\nb = { form = 'x' }\n[inptu]",
        &[
            "2:5 syntax this table is never closed",
            "3:7 unknown_key",
            "4:2 unknown_key",
        ],
    );
    check(
        "[fields\na = {}\n[input]\nlax = 1",
        &["1:8 syntax unclosed table", "4:7 wrong_type"],
    );
    check(
        "[in put]\nlax = 1\n[input]\nlax = 2",
        &["1:4 syntax unclosed table", "4:7 wrong_type"],
    );
    check(
        "version = 'x'\nname = '''x\n[input]\nlax = 1",
        &[
            "1:11 wrong_type",
            "2:8 syntax this string is never closed / end it with '''",
        ],
    );
    check(
        &format!("{}x = 1", "a.".repeat(30)),
        &["1:32 syntax a dotted key has at most 16 parts"],
    );
    check(
        "steps = [\n  { drop = {} },\n  { drop = { name = 'x' } },\n]\n",
        &[],
    );
    check("pair = [\n# a comment = 3\n1,\n2]", &[]);
}

#[test]
fn duplicates() {
    check(
        "name = 'x'\nname = 'y'",
        &["2:1 duplicate_key `name` stands here twice / remove one"],
    );
    check(
        "[input]\nlax = true\n[input]\nratio = 1.0",
        &["3:2 duplicate_key `input`"],
    );
    check(
        "[fields]\na = { from = 'x', from = 'y' }",
        &["2:19 duplicate_key `from`"],
    );
    check(
        "version = 3\n[version.x]\ny = 1",
        &["2:2 duplicate_key `version` is set already, and not as a table"],
    );
}

#[test]
fn columns_count_characters() {
    check(
        "fields.a = { from = 'Größe 📦', tpye = 'x' }",
        &["1:32 unknown_key"],
    );
    check("\u{feff}nmae = 1", &["1:1 unknown_key"]);
    check(
        "\r\n\tnmae = 1\r\nlax = 1\r\n",
        &["2:2 unknown_key", "3:1 unknown_key"],
    );
    check(
        "name = 3 # é\nversion = '''\nx\ny'''",
        &["1:8", "2:11 wrong_type"],
    );
}
