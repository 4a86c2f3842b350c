//! The head of small inputs, whole and in every prefix; its limits.

use super::super::CsvHeader;
use super::*;
use pipeline::Retry;

fn spec(rows: u32, find_within: Option<u32>) -> CsvDialect {
    CsvDialect {
        comment_char: Some(b'#'),
        header: CsvHeader { rows, find_within },
        ..CsvDialect::default()
    }
}

fn find(dialect: &CsvDialect, bytes: &[u8], at_end: bool) -> Result<HeadStep, Fatal> {
    let required = RequiredTitles {
        names: &["id".to_owned(), "total".to_owned()],
        held_by: &|titles| {
            ["id", "total"]
                .iter()
                .all(|name| titles.iter().any(|title| title == name))
        },
    };
    find_head(dialect, &required, bytes, at_end)
}

/// `expected`: titles joined with `|`, then what is left of the input behind the head; or the error's code.
/// No prefix of the input gives another answer, and each counts the lines before the end of the head.
fn check(dialect: &CsvDialect, input: &str, expected: Result<(&str, &str), &str>) {
    let whole = find(dialect, input.as_bytes(), true);
    match (&whole, expected) {
        (Ok(HeadStep::Found(head)), Ok((titles, rest))) => {
            let (before, left) = input.split_at(head.end.offset as usize);
            assert_eq!(
                (head.columns.join("|").as_str(), left),
                (titles, rest),
                "{input:?}"
            );
            assert_eq!(head.end.ordinal, 0);
            let ends = line_ends(before.as_bytes());
            let open = !before.is_empty() && !before.ends_with(['\r', '\n']);
            assert_eq!(
                (head.end.line, head.skipped),
                (1 + ends, ends + u64::from(open)),
                "{input:?}"
            );
        }
        (Err(fatal), Err(code)) => {
            assert_eq!((fatal.code, fatal.retry), (code, Retry::Never), "{input:?}");
        }
        (found, _) => panic!("{input:?}: {found:?}"),
    }
    let at_once = format!("{whole:?}");
    for len in 0..=input.len() {
        match find(dialect, &input.as_bytes()[..len], false) {
            Ok(HeadStep::NeedMore) => {}
            step => assert_eq!(format!("{step:?}"), at_once, "{len} bytes of {input:?}"),
        }
    }
}

#[test]
fn the_first_row() {
    let d = &spec(1, None);
    check(d, "id,total\n1,2\n", Ok(("id|total", "1,2\n")));
    check(d, "id,total\r\n1,2\n", Ok(("id|total", "1,2\n")));
    check(d, "id,total\r1,2\n", Ok(("id|total", "1,2\n")));
    check(d, "id,total", Ok(("id|total", "")));
    check(d, "\n\n#x\nid,total\n\n1", Ok(("id|total", "\n1")));
    check(d, "\"a\nb\",\" c\"\"\",\n1", Ok(("a\nb| c\"|", "1")));
    check(d, "other\n1", Ok(("other", "1")));
    check(d, "\u{feff}id\n", Ok(("\u{feff}id", "")));
}

#[test]
fn an_input_without_rows() {
    let d = &spec(1, Some(9));
    check(d, "", Ok(("", "")));
    check(d, "\n\r\n\r", Ok(("", "")));
    check(d, "#only\n#comments\rhere", Ok(("", "")));
    let skipping = CsvDialect {
        skip_rows: 9,
        ..spec(1, None)
    };
    check(&skipping, "a\n\nb", Ok(("", "")));
}

#[test]
fn lines_to_pass_over() {
    let d = &CsvDialect {
        skip_rows: 3,
        ..spec(1, None)
    };
    check(d, "\"Report\r\n\rof\nid,total\n1", Ok(("id|total", "1")));
    let named = &CsvDialect {
        columns: vec!["a".into(), "b".into()],
        skip_rows: 1,
        ..spec(0, None)
    };
    check(named, "x\n\n1,2\n", Ok(("a|b", "\n1,2\n")));
    check(named, "", Ok(("a|b", "")));
}

#[test]
fn found_by_its_titles() {
    let d = &spec(1, Some(3));
    check(
        d,
        "Report\n\nid\nid,total\n1,2\n",
        Ok(("id|total", "1,2\n")),
    );
    check(d, "a\nb\nc\nid,total\n", Err("header_not_found"));
    check(d, "a\n\"b\nid,total\n1,2\n", Ok(("id|total", "1,2\n")));
    check(
        &spec(2, Some(2)),
        "a\ni,total\nd,\n1\n",
        Err("header_not_found"),
    );
    check(
        &spec(2, Some(2)),
        "a\nid,total\n,\n1\n",
        Ok(("id|total", "1\n")),
    );
    let fatal = find(d, b"a\nb\n\xff\nid,total\n", true).unwrap_err();
    assert_eq!(
        fatal.to_string(),
        "no header with the required titles (id, total) is among the first 3 rows (header_not_found)"
    );
    let hint = "The first rows are line 1: \"a\", line 2: \"b\", line 3: \"\u{fffd}\".";
    assert_eq!(fatal.hint.as_deref(), Some(hint));
}

#[test]
fn several_rows() {
    let d = &spec(2, None);
    check(
        d,
        "order,,order,total\nid,at,id,total\n1",
        Ok(("order id|at|order id|total", "1")),
    );
    check(d, "a\nb,c\n", Ok(("a b|c", "")));
    check(d, "a\n", Err("header_not_found"));
}

#[test]
fn what_cannot_be_read() {
    let code = |bytes: &[u8]| find(&spec(1, None), bytes, true).unwrap_err().code;
    assert_eq!(code(b"a,\xff\n"), "encoding");
    assert_eq!(code(b"\"a\nb\n"), "header_not_found");
}

#[test]
fn another_encoding_is_told_with_its_place_and_a_way_out() {
    let said = |bytes: &[u8]| {
        let fatal = find(&spec(1, None), bytes, true).unwrap_err();
        assert_eq!(fatal.code, "encoding");
        (fatal.message, fatal.hint.unwrap_or_default())
    };
    let (message, hint) = said(b"\nid,Gr\xF6\xDFe\n1,2\n");
    assert_eq!(
        message,
        "the header on line 2 is not valid UTF-8 at byte 6 of the file"
    );
    assert!(hint.contains("encoding says what else it is"), "{hint}");
    let little: Vec<u8> = "id,name\n1,2\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let big: Vec<u8> = "id,name\n1,2\n"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    for text in [little, big] {
        let (message, hint) = said(&text);
        assert!(message.contains("looks like UTF-16"), "{message}");
        assert!(hint.contains("encoding = \"utf-16le\""), "{hint}");
    }
}

#[test]
fn the_limits() {
    let d = &spec(1, Some(u32::MAX));
    let row = "x".repeat(1023) + "\n";
    let fits = row.repeat(1023) + &" ".repeat(1024 - 10) + "\nid,total";
    let long = fits.replace("\nid,", " \nid,");
    for (input, expected) in [
        (fits + "\n1", None),
        (long + "\n1", Some("header_too_large")),
    ] {
        let found = find(d, input.as_bytes(), false);
        assert_eq!(
            found.as_ref().err().map(|fatal| fatal.code),
            expected,
            "{found:?}"
        );
        let cut = find(d, &input.as_bytes()[..MAX_HEAD_BYTES - 1], false);
        assert_eq!(cut.unwrap(), HeadStep::NeedMore);
    }
    let open = vec![b'x'; MAX_HEAD_BYTES + 1];
    let code = find(&spec(1, None), &open, false).unwrap_err().code;
    assert_eq!(code, "header_too_large");
    let quoted = format!("\"Report\n{}", "a\nid,total\n".repeat(100_000));
    assert!(matches!(
        find(d, quoted.as_bytes(), false),
        Ok(HeadStep::Found(_))
    ));
}

#[test]
fn a_checkpoint_can_hold_it() {
    let Ok(HeadStep::Found(head)) = find(&spec(1, None), b"id\n1\n", true) else {
        panic!("a head");
    };
    let text = serde_json::to_string(&head).unwrap();
    assert_eq!(serde_json::from_str::<Head>(&text).unwrap(), head);
}
