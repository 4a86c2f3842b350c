//! Small documents, each multiplied by every law; malformed ones; random ones; memory.

use super::laws::{hold_for, hold_for_any, path_of};
use super::*;
use pipeline::{BLOCK_BYTES, Framer};
use proptest::prelude::*;

const LIMITS: FrameLimits = FrameLimits {
    max_record_bytes: 1024,
    max_block_records: 1000,
    max_block_bytes: 64,
};

/// `LINE:RAW` or `LINE!CODE:RAW` of each record; then, where the document is unusable, why.
fn framed(path: &str, limits: FrameLimits, input: &str) -> Vec<String> {
    let mut all = Vec::new();
    for max_block_records in [1, 2, 1000] {
        let limits = FrameLimits {
            max_block_records,
            ..limits
        };
        let (framing, fatal) = hold_for(&path_of(path), limits, input.as_bytes());
        let mut found: Vec<String> = framing
            .records
            .iter()
            .map(|(at, raw, broken)| {
                let code = broken.map(|code| format!("!{code}")).unwrap_or_default();
                format!("{}{code}:{}", at.line, String::from_utf8_lossy(raw))
            })
            .collect();
        found.extend(fatal);
        all.push(found);
    }
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    all.swap_remove(0)
}

fn check(path: &str, input: &str, expected: &[&str]) {
    assert_eq!(framed(path, LIMITS, input), expected, "{path} in {input}");
}

#[test]
fn records_are_the_elements_to_which_the_path_leads() {
    check("/a/b", "<a/>", &[]);
    check("/a/b", "", &[]);
    check("/a/b", " \n\t", &[]);
    check("/a/b", "<a><b/></a>", &["1:<b/>"]);
    check("/a", " <a x='1'>1</a> ", &["1:<a x='1'>1</a>"]);
    check(
        "/a/b",
        "<?xml version=\"1.0\"?>\n<!-- > -->\n<a>\n <b>1</b>x<c><b/></c>\n<b\n/></a>\n",
        &["4:<b>1</b>", "5:<b\n/>"],
    );
    check(
        "/a/*/g:c",
        "<a><x><c/><g:c xmlns:g='urn:g'/></x><y xmlns='urn:g'><c>1</c></y></a>",
        &["1:<g:c xmlns:g='urn:g'/>", "1:<c>1</c>"],
    );
    check("/a/b", "<a xmlns='urn:x'><b/></a>", &[]);
    check("/g:a/b", "<x:a xmlns:x='urn:g'><b/></x:a>", &["1:<b/>"]);
}

#[test]
fn the_end_of_a_record_is_that_of_its_own_name() {
    for record in [
        "<b><b/><b>1</b></b>",
        "<b><!-- </b> --></b>",
        "<b><![CDATA[</b>]] ]>]]]></b>",
        "<b><?p </b> ? ?></b>",
        "<b x='/b>' y=\"/>\">'</b >",
        "<b x='>'><bb></bb><c/></b>",
        "<b><c></d></b>",
        "<b><c></b>",
        "<b>1 < 2 & 3 <= 4</b>",
        "<b><c x=\"1></c></b>",
        "<b <c></b>",
        "<b x=\"1></b>",
        "<b><! </b>",
        "<b><![CD</b>",
    ] {
        let found = framed("/a/b", LIMITS, &format!("<a>{record}<b/></a>"));
        assert_eq!(found, [format!("1:{record}"), "1:<b/>".into()], "{record}");
    }
}

#[test]
fn a_record_over_the_limit_is_let_go() {
    let limits = FrameLimits {
        max_record_bytes: 10,
        ..LIMITS
    };
    let found = framed(
        "/a/b",
        limits,
        "<a><b>1</b><b>12345</b>\n<b x='12345'/><b/></a>",
    );
    let expected = [
        "1:<b>1</b>",
        "1!record_too_large:<b>12345</b>",
        "2!record_too_large:<b x='12345'/>",
        "2:<b/>",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_wrong_around_records_is_told_with_its_place_behind_them() {
    for (input, code, what) in [
        (
            "<a><b/>\n<c></d></a>",
            "xml",
            "line 2, byte 11: `</d>` stands where `</c>` is due",
        ),
        ("<a><b/></a><a/>", "xml", "byte 11: a second element"),
        ("<a><b/></a>x", "xml", "byte 11: text stands behind"),
        ("<a><b/>]]></a>", "xml", "byte 7: `]]>` stands in text"),
        ("<a><b/>&nbsp;</a>", "xml", "byte 7: the entity `&nbsp;`"),
        (
            "<a><b/><!-- -- --></a>",
            "xml",
            "byte 12: `--` stands in a comment",
        ),
        (
            "<a><b/><c x='1' x='2'/></a>",
            "xml",
            "byte 16: the attribute `x` stands twice",
        ),
        (
            "<a><b/><p:c/></a>",
            "xml",
            "byte 8: the prefix `p` stands for no namespace",
        ),
        ("<a><b/>\n", "truncated", "line 2, byte 8: the input ends"),
        (
            "<a><b/><b>\n",
            "truncated",
            "line 2, byte 11, inside record 2",
        ),
        ("<a><b/><!DOCTYPE a></a>", "xml_doctype", "(line 1, byte 7)"),
    ] {
        let found = framed("/a/b", LIMITS, input);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], "1:<b/>");
        assert!(
            found[1].contains(what) && found[1].ends_with(&format!("({code})")),
            "{found:?}"
        );
    }
    for doctype in [
        "<!DOCTYPE a>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]>",
        "<!DOCTYPE a SYSTEM 'http://x/'>",
    ] {
        let found = framed(
            "/a/b",
            LIMITS,
            &format!("<?xml version='1.0'?>\n{doctype}<a><b/></a>"),
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("line 2, byte 22") && found[0].ends_with("(xml_doctype)"),
            "{found:?}"
        );
    }
}

#[test]
fn the_declared_encoding_must_be_that_of_the_spec() {
    let run = |spec: &str, declared: &str| {
        let encoding = Encoding::of_label(spec).unwrap();
        let mut framer = XmlFramer::new(&path_of("/a"), encoding, Position::START, LIMITS);
        let input = format!("<?xml version='1.0' encoding='{declared}'?><a/>");
        framer.buffer().extend_from_slice(input.as_bytes());
        match framer.next_block(true) {
            Ok(block) => block.map_or(0, |block| block.frames.len()).to_string(),
            Err(fatal) => format!("{} {}", fatal.code, fatal.hint.unwrap()),
        }
    };
    for (spec, declared) in [
        ("utf-8", "UTF-8"),
        ("utf-8", "utf8"),
        ("utf-8", "US-ASCII"),
        ("auto", "UTF-8"),
        ("auto", "UTF-16"),
        ("utf-16be", "UTF-16"),
        ("latin1", "ISO-8859-1"),
        ("windows-1252", "ISO-8859-1"),
    ] {
        assert_eq!(run(spec, declared), "1", "{spec} {declared}");
    }
    for (spec, declared, hint) in [
        (
            "utf-8",
            "ISO-8859-1",
            "write [input] encoding = \"iso-8859-1\"",
        ),
        (
            "auto",
            "windows-1251",
            "write [input] encoding = \"windows-1251\"",
        ),
        ("latin1", "UTF-8", "write [input] encoding = \"utf-8\""),
        ("utf-8", "UTF-16", "write [input] encoding = \"utf-16\""),
        ("utf-16", "UTF-8", "write [input] encoding = \"utf-8\""),
        (
            "utf-8",
            "EBCDIC",
            "it is no label of the WHATWG Encoding Standard: convert the file to UTF-8",
        ),
    ] {
        assert_eq!(
            run(spec, declared),
            format!("xml_encoding {hint}"),
            "{spec} {declared}"
        );
    }
}

#[test]
fn blocks_carry_what_is_declared_around_their_records() {
    let input =
        "<a xmlns='u'><c><x:b xmlns:x='y'/><b/></c><c xmlns:p=\"v\"><b/></c><c><b/></c></a>";
    let mut framer = XmlFramer::new(&path_of("/*/*/*"), Encoding::Auto, Position::START, LIMITS);
    framer.buffer().extend_from_slice(input.as_bytes());
    let mut found = Vec::new();
    while let Some(block) = framer.next_block(true).unwrap() {
        if !block.frames.is_empty() {
            found.push((
                block.frames.len(),
                String::from_utf8(block.context.to_vec()).unwrap(),
            ));
        }
    }
    let expected = [
        (2, "<a xmlns='u'>"),
        (1, "<a xmlns='u'><c xmlns:p=\"v\">"),
        (1, "<a xmlns='u'>"),
    ];
    assert_eq!(
        found,
        expected.map(|(count, text)| (count, text.to_owned()))
    );
}

#[test]
fn memory_is_bounded_whatever_the_document() {
    const PIECES: usize = 8;
    let limits = FrameLimits {
        max_record_bytes: 64 * 1024,
        ..FrameLimits::default()
    };
    let piece = |text: &str| text.repeat(BLOCK_BYTES / text.len());
    for (before, repeated, behind, records, fatal) in [
        ("<a>", "<b>1</b>", "</a>", None, None),
        ("<a><!--", "- ", "--></a>", Some(0), None),
        ("<a>", " text &amp; ]] ", "</a>", Some(0), None),
        ("<a><![CDATA[", "]] ", "]]></a>", Some(0), None),
        ("<a><?p ", "? ", "?></a>", Some(0), None),
        ("", " \n", "<a><b/></a>", Some(1), None),
        ("<a><b>", "<c>1</c>", "</b></a>", Some(1), None),
        ("<a><b x='", "y ", "'/></a>", Some(1), None),
        ("<a>", "<c><d/></c>", "</a>", Some(0), None),
        ("<a><c x='", "y ", "'/></a>", Some(0), Some("xml_limit")),
        ("<a>", "<c>", "", Some(0), Some("xml_depth")),
        ("<a><c", "c", "/></a>", Some(0), Some("xml_limit")),
        ("<a>&", "a", ";</a>", Some(0), Some("xml")),
        ("<a><?", "a", " ?></a>", Some(0), Some("xml_limit")),
        ("<?xml ", " ", "?><a/>", Some(0), Some("xml_limit")),
    ] {
        let mut framer = XmlFramer::new(&path_of("/a/b"), Encoding::Auto, Position::START, limits);
        let (mut found, mut failed) = (0, None);
        let piece = piece(repeated);
        let pieces = [before]
            .into_iter()
            .chain([&*piece; PIECES])
            .chain([behind]);
        'pieces: for (number, text) in pieces.enumerate() {
            framer.buffer().extend_from_slice(text.as_bytes());
            loop {
                match framer.next_block(number == PIECES + 1) {
                    Ok(Some(block)) => found += block.frames.len(),
                    Ok(None) => break,
                    Err(fatal) => {
                        failed = Some(fatal.code);
                        break 'pieces;
                    }
                }
            }
            let kept = framer.buffer().len();
            assert!(kept <= MAX_TAG_BYTES + 64, "{before}: {kept} bytes wait");
        }
        assert_eq!(failed, fatal, "{before}{repeated}");
        let all = PIECES * (BLOCK_BYTES / repeated.len());
        assert_eq!(found, records.unwrap_or(all), "{before}{repeated}");
    }
}

#[test]
fn an_input_that_became_shorter_is_not_gone_on_with() {
    let at = Position {
        ordinal: 3,
        line: 1,
        offset: 40,
    };
    let mut framer = XmlFramer::new(&path_of("/a/b"), Encoding::Auto, at, LIMITS);
    framer.buffer().extend_from_slice(b"<a><b/></a>");
    assert_eq!(framer.next_block(true).unwrap_err().code, "source_changed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn laws_hold_for_random_markup(
        path in 0_u8..5, limit in any::<u8>(),
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "<a>", "</a>", "<b>", "</b>", "<b/>", "<c x='1'>", "</c>", "<g:c xmlns:g='urn:g'>", "</g:c>",
            "<a xmlns:g=\"urn:g\">", "<g:a>", "</g:a>", "<!--", "-->", "-", "<![CDATA[", "]]>", "]", "<?p", "?>", "?",
            "&amp;", "&", "&#x41;", ";", "<", ">", "'", "\"", "/", " ", "\n", "x", "ä", "\u{1}", "<!DOCTYPE a>",
            "<?xml version='1.0'?>", "<b x='", "='1'", "<b ",
        ]), 0..24),
    ) {
        let mut data = vec![path, limit];
        data.extend(pieces.concat().into_bytes());
        hold_for_any(&data);
    }

    #[test]
    fn laws_hold_for_random_bytes_in_elements(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut data = vec![2, 255];
        data.extend_from_slice(b"<a>");
        data.extend(bytes);
        data.extend_from_slice(b"<b/></a>");
        hold_for_any(&data);
    }
}
