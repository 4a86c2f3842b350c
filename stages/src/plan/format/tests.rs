//! What a spec may say of a format, and what it is told when that makes no sense.

use super::*;
use crate::plan::{Defaults, Plan};

/// Problems as `path-less` places: `line:column code`, and all messages and hints.
fn problems(text: &str) -> (Vec<String>, String) {
    let text = format!("spec = 1\nname = 'a'\n[sink.null]\n{text}");
    match Plan::read("a.toml", &text, Defaults::default()) {
        Ok(_) => (Vec::new(), String::new()),
        Err(problems) => {
            let shown = |problem: &Problem| match &problem.place {
                Some(place) => format!("{}:{} {}", place.line, place.column, problem.code),
                None => problem.code.to_owned(),
            };
            let all = problems.iter().map(shown).collect();
            (all, problems.render(false))
        }
    }
}

fn check(text: &str, expected: &[&str], said: &str) {
    let (found, shown) = problems(text);
    assert_eq!(found, expected, "{text}\n{shown}");
    assert!(shown.contains(said), "{said} in {shown}");
}

#[test]
fn xml_wants_paths_that_can_be_followed() {
    let with = |path: &str, from: &str| {
        format!(
            "[format.xml]\nrecord_path = {path}\nnamespaces = {{ g = ['urn:g', 'urn:h'] }}\n[fields]\na = {{ from = {from} }}\n"
        )
    };
    for (path, from) in [
        ("'/a'", "'.'"),
        ("'/g:a/*/b'", "['g:id', '@id', '@xml:lang']"),
        ("'/a/b'", "'price/@g:currency'"),
    ] {
        check(&with(path, from), &[], "");
    }
    check(
        "[format.xml]\n[fields]\na = {}\n",
        &["4:1 required"],
        "record_path = \"/catalog/product\"",
    );
    for (path, code, said) in [
        ("'a/b'", "bad_path", "begins with `/`"),
        ("'//b'", "unsupported", "`//` searches"),
        ("'/a/b[1]'", "unsupported", "a predicate"),
        ("'/child::a'", "unsupported", "an axis"),
        ("'/a/@b'", "bad_path", "an attribute is no record"),
        ("'/x:a'", "unknown_prefix", "namespaces = { x ="),
    ] {
        check(&with(path, "'b'"), &[&format!("5:15 {code}")], said);
    }
    for (from, code, said) in [
        ("'/a/b'", "unsupported", "seen from the record"),
        ("'b//c'", "unsupported", "`//` searches"),
        ("'b[2]'", "unsupported", "a predicate"),
        ("'b/text()'", "unsupported", "means its text"),
        ("'x:b'", "unknown_prefix", "the prefix `x`"),
        ("'b c'", "bad_path", "no name of XML"),
    ] {
        check(&with("'/a'", from), &[&format!("8:14 {code}")], said);
    }
    for (namespaces, code) in [
        ("{ xml = ['urn:g'] }", "bad_value"),
        ("{ g = [] }", "bad_value"),
        ("{ g = ['u'], h = ['u'] }", "impossible"),
    ] {
        let text = format!(
            "[format.xml]\nrecord_path = '/a'\nnamespaces = {namespaces}\n[fields]\na = {{}}\n"
        );
        let (found, shown) = problems(&text);
        assert!(found.len() == 1 && found[0].ends_with(code), "{shown}");
    }
    check(
        "[format.xml]\nrecord_path = '/a'\n[columns]\norder = 'strict'\nunknown = 'hold'\n[fields]\na = { lax = true }\n",
        &["7:9 not_applicable", "10:13 not_applicable"],
        "attributes of XML have no order",
    );
}

#[test]
fn json_wants_a_path_that_can_be_followed() {
    let with = |path: &str| format!("[format.json]\nrecord_path = {path}\n[fields]\na = {{}}\n");
    for path in [
        "'$'",
        "'$[*]'",
        "'$.data.events[*]'",
        "\"$['a b'].*\"",
        "'$.a[*].b[0]'",
    ] {
        check(&with(path), &[], "");
    }
    check(
        "[format.json]\n[fields]\na = {}\n",
        &["4:1 required"],
        "record_path = \"$[*]\"",
    );
    for (path, code, said) in [
        ("'events'", "bad_path", "does not begin with `$`"),
        ("'$..a'", "unsupported", "`..`"),
        ("'$[1:]'", "unsupported", "a slice"),
        ("'$[?@.a]'", "unsupported", "a filter"),
        ("'$[-1]'", "unsupported", "an index from the end"),
        ("'$.a b'", "bad_path", "is no step"),
    ] {
        check(&with(path), &[&format!("5:15 {code}")], said);
    }
    check(
        "[format.json]\nrecord_path = '$'\nrecordpath = 1\n[fields]\na = {}\n",
        &["6:1 unknown_key"],
        "record_path",
    );
}

#[test]
fn records_of_a_json_document_may_be_longer() {
    let limit = |format: &str| {
        let text = format!("spec = 1\nname = 'a'\n[sink.null]\n[fields]\nline = {{}}\n{format}");
        let plan = Plan::read("a.toml", &text, Defaults::default());
        plan.unwrap().input.max_record_bytes
    };
    assert_eq!(limit("[format.json]\nrecord_path = '$[*]'"), 16 << 20);
    assert_eq!(limit("[format.jsonl]"), 1 << 20);
    assert_eq!(limit("[format.lines]"), 1 << 20);
    assert_eq!(
        limit("[format.json]\nrecord_path = '$[*]'\n[input]\nmax_record_bytes = '2KiB'"),
        2048
    );
}

#[test]
fn lines_want_groups_for_their_fields() {
    let with = |lines: &str, fields: &str| format!("[format.lines]\n{lines}\n[fields]\n{fields}\n");
    check(
        &with(
            "pattern = '(?<a>x)(?P<b>y)'",
            "a = {}\nc = { from = ['nothing', 'B'] }",
        ),
        &[],
        "",
    );
    check(
        &with("", "line = {}\nx = { from = 'line', extract = 'x=(\\d+)' }"),
        &[],
        "",
    );
    check(
        &with("comment_char = '#'\nskip_rows = 2", "line = {}"),
        &[],
        "",
    );
    check(
        &with("pattern = '('", "a = {}"),
        &["5:11 bad_regex"],
        "unclosed group",
    );
    check(
        &with("pattern = '(x)'", "a = {}"),
        &["5:11 bad_value"],
        "no named group",
    );
    check(
        &with("pattern = '(?<a>(\\w{1000}){1000})'", "a = {}"),
        &["5:11 bad_regex"],
        "",
    );
    check(
        &with("pattern = '(?<a>x)'", "b = {}"),
        &["7:5 unknown_group"],
        "it has a",
    );
    check(
        &with("pattern = '(?<a>x)'", "b = { from = 'c' }"),
        &["7:14 unknown_group"],
        "from = \"a\"",
    );
    check(
        &with("", "b = {}"),
        &["7:5 unknown_group"],
        "the value `line`",
    );
    check(
        &with("", "line = { column = 1 }"),
        &["7:19 not_applicable"],
        "by its name",
    );
    check(
        &with("comment_char = '##'", "line = {}"),
        &["5:16 bad_value"],
        "one ASCII character",
    );
    check(
        &with("pattern = '(?<a>x)(?<b>y)'", "c = { from = ['a', 'b'] }"),
        &["6:1 header_ambiguous"],
        "",
    );
}

#[test]
fn fixed_wants_the_places_of_its_fields() {
    let with = |fixed: &str, fields: &str| format!("[format.fixed]\n{fixed}\n[fields]\n{fields}\n");
    check(
        &with(
            "",
            "a = { start = 1, width = 3 }\nb = { start = 2, width = 9 }",
        ),
        &[],
        "",
    );
    check(
        &with(
            "unit = 'bytes'\nskip_rows = 1",
            "a = { start = 1, width = 3 }",
        ),
        &[],
        "",
    );
    check(
        &with("", "a = {}"),
        &["7:5 missing_key", "7:5 missing_key"],
        "`start` of each field",
    );
    check(
        &with("", "a = { start = 1 }"),
        &["7:5 missing_key"],
        "`width` of each field",
    );
    check(
        &with("", "a = { start = 0, width = 0 }"),
        &["7:15 bad_value", "7:26 bad_value"],
        "counted from 1",
    );
    check(
        &with("", "a = { start = 1, width = 1, from = 'x' }"),
        &["7:36 not_applicable"],
        "`start` and `width`",
    );
    check(
        &with("", "a = { start = 1, width = 1, column = 2 }"),
        &["7:38 not_applicable"],
        "",
    );
    check(
        &with("unit = 'words'", "a = { start = 1, width = 1 }"),
        &["5:8 unknown_choice"],
        "",
    );
}

#[test]
fn places_are_for_fixed_only() {
    for format in ["[format.csv]", "[format.jsonl]", "[format.lines]"] {
        let text = format!("{format}\n[fields]\nline = {{ start = 1, width = 2 }}\n");
        check(
            &text,
            &["6:18 not_applicable", "6:29 not_applicable"],
            "[format.fixed]",
        );
    }
}

#[test]
fn what_is_done_about_columns_has_a_meaning_or_is_refused() {
    let lines =
        |columns: &str| format!("[columns]\n{columns}\n[format.lines]\n[fields]\nline = {{}}\n");
    let fixed = |columns: &str| {
        format!("[columns]\n{columns}\n[format.fixed]\n[fields]\na = {{ start = 1, width = 1 }}\n")
    };
    let json = |columns: &str| {
        format!("[columns]\n{columns}\n[format.json]\nrecord_path = '$[*]'\n[fields]\na = {{}}\n")
    };
    for (columns, in_lines, in_fixed, in_json) in [
        ("unknown = 'drop'", true, true, true),
        ("unknown = 'keep'", true, false, true),
        ("unknown = 'rescue'", true, false, true),
        ("unknown = 'reject'", false, false, true),
        ("unknown = 'hold'", false, false, true),
        ("unknown = 'fail'", false, false, true),
        ("missing = 'fail_required'", true, true, true),
        ("missing = 'fail_any'", false, false, true),
        ("missing = 'null'", false, false, true),
        ("order = 'any'", true, true, true),
        ("order = 'strict'", false, false, false),
    ] {
        for (text, is_good) in [
            (lines(columns), in_lines),
            (fixed(columns), in_fixed),
            (json(columns), in_json),
        ] {
            let (found, shown) = problems(&text);
            let codes: Vec<_> = found
                .iter()
                .filter_map(|one| one.split(' ').nth(1))
                .collect();
            let expected: &[&str] = if is_good { &[] } else { &["not_applicable"] };
            assert_eq!(codes, expected, "{text}\n{shown}");
        }
    }
    let whole = "[columns]\nunknown = 'keep'\n[format.lines]\n";
    check(whole, &[], "");
}

#[test]
fn other_places_find_the_same_records() {
    let plan = |fixed: &str, field: &str| {
        let text = format!(
            "spec = 1\nname = 'a'\n[sink.null]\n[format.fixed]\n{fixed}\n[fields]\na = {{ {field} }}\n"
        );
        Plan::read("a.toml", &text, Defaults::default()).unwrap()
    };
    let one = plan("", "start = 1, width = 2");
    assert_eq!(
        one.compatible_with(&plan("", "start = 4, width = 2")),
        Ok(())
    );
    assert_eq!(
        one.compatible_with(&plan("skip_rows = 1", "start = 1, width = 2")),
        Err("format")
    );
    assert_eq!(
        one.compatible_with(&plan("unit = 'bytes'", "start = 1, width = 2")),
        Err("format")
    );
}

#[test]
fn another_pattern_and_other_prefixes_of_fields_find_the_same_records() {
    let plan = |format: &str| {
        let text = format!(
            "spec = 1\nname = 'a'\n[sink.null]\n{format}\n[fields]\na = {{ type = 'string' }}\n"
        );
        Plan::read("a.toml", &text, Defaults::default()).unwrap()
    };
    let lines = |said: &str| plan(&format!("[format.lines]\npattern = '(?<a>.*){said}"));
    let same = lines("x'").compatible_with(&lines("y'"));
    assert_eq!(same, Ok(()));
    let other = lines("'").compatible_with(&lines("'\ncomment_char = '#'"));
    assert_eq!(other, Err("format"));
    let xml = |namespaces: &str| {
        plan(&format!(
            "[format.xml]\nrecord_path = '/s:r/s:p'\nnamespaces = {{ s = ['urn:s'{namespaces} }}"
        ))
    };
    let same = xml("]").compatible_with(&xml("], g = ['urn:g']"));
    assert_eq!(same, Ok(()));
    let other = xml("]").compatible_with(&xml(", 'urn:t']"));
    assert_eq!(other, Err("format"));
}
