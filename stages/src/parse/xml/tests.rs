//! What records become; malformed and odd documents, each read as one record and as many.

mod conformance;

use super::laws::hold_for;
use super::*;
use crate::frame::xml::XmlFramer;
use crate::frame::xml::laws::path_of;
use crate::record::{Item, Kind as Is};
use crate::unpack::Encoding;
use crate::xml::FieldPath;
use pipeline::law::frame;
use pipeline::{FrameLimits, Position};
use proptest::prelude::*;

/// An item as JSON.
fn json(item: Item<'_>) -> String {
    let all = |open, close, parts: Vec<String>| format!("{open}{}{close}", parts.join(","));
    match item.kind() {
        Is::List => all('[', ']', item.children().map(json).collect()),
        Is::Object => {
            let entry = |item: Item<'_>| format!("{}:{}", item.key(), json(item));
            all('{', '}', item.children().map(entry).collect())
        }
        _ => format!("{:?}", item.text()),
    }
}

/// What becomes of the records at `/r/p`, or all of what `takes` says of them.
fn parsed(takes: &[(&str, Kind)], tells_others: bool, input: &str) -> Vec<String> {
    let path = path_of("/*/p");
    let takes = takes.iter().map(|(text, kind)| Take {
        key: (*text).into(),
        path: FieldPath::parse(text, &path.namespaces).unwrap(),
        kind: *kind,
    });
    let parser = XmlParser::new(
        path.namespaces.clone(),
        Arc::new(Takes::new(takes.collect(), tells_others)),
    );
    let start = Position::START;
    let framer = XmlFramer::new(&path, Encoding::default(), start, FrameLimits::default());
    let mut found = Vec::new();
    for block in frame(Box::new(framer), start, input.as_bytes(), 5) {
        let each = &mut |_, row: Result<&mut Tree, Problem>| {
            found.push(match row {
                Ok(tree) => json(tree.root().unwrap()),
                Err(problem) => format!("{} {}", problem.code, problem.message),
            });
        };
        parser.parse(&block, each).unwrap();
    }
    found
}

fn check(takes: &[(&str, Kind)], tells_others: bool, input: &str, expected: &str) {
    assert_eq!(parsed(takes, tells_others, input), [expected], "{input}");
}

#[test]
fn a_record_that_no_field_takes_is_a_natural_tree() {
    let natural =
        |record: &str, expected: &str| check(&[], true, &format!("<r>{record}</r>"), expected);
    natural("<p/>", "{}");
    natural("<p a='1' b=\"2\"/>", r#"{@a:"1",@b:"2"}"#);
    natural(
        "<p><a>1</a><b/><a x='y'>2</a></p>",
        r##"{a:["1",{@x:"y",#text:"2"}],b:""}"##,
    );
    natural("<p> <a> <a>1</a> </a> <a/> </p>", r#"{a:[{a:"1"},""]}"#);
    natural("<p>1<a>2</a>3</p>", r##"{a:"2",#text:"13"}"##);
    natural("<p><![CDATA[<&]]>&amp;</p>", r##"{#text:"<&&"}"##);
}

#[test]
fn names_have_the_prefixes_of_the_spec() {
    check(
        &[],
        true,
        "<r xmlns:x='urn:g'><p xml:lang='de' x:a='1'><x:b/><b xmlns='urn:g'/><b xmlns='urn:y'/><b/></p></r>",
        r#"{@xml:lang:"de",@g:a:"1",g:b:["",""],{urn:y}b:"",b:""}"#,
    );
}

#[test]
fn fields_take_the_first_that_is_there_all_or_everything_in_it() {
    let record = "<r xmlns:x='urn:g'><p sku='7'>t<price>1</price><price currency='EUR'> 2 <b>3</b></price>\
                  <items><item id='1'/></items><items><item/><item id='2'>x</item></items><x:id>9</x:id></p></r>";
    for (text, kind, expected) in [
        ("@sku", Kind::Text, r#""7""#),
        ("price", Kind::Text, r#""1""#),
        ("price/@currency", Kind::Text, r#""EUR""#),
        ("items/item/@id", Kind::Text, r#""1""#),
        ("items/item/@id", Kind::List, r#"["1","2"]"#),
        (
            "items/*",
            Kind::List,
            r##"[{@id:"1"},"",{@id:"2",#text:"x"}]"##,
        ),
        (
            "price",
            Kind::List,
            r##"["1",{@currency:"EUR",b:"3",#text:" 2 "}]"##,
        ),
        ("price/b", Kind::Text, r#""3""#),
        ("g:id", Kind::Text, r#""9""#),
        (".", Kind::Text, r#""t1 2 3x9""#),
        ("items", Kind::Object, r#"{item:{@id:"1"}}"#),
        ("price", Kind::Object, r##"{#text:"1"}"##),
    ] {
        check(
            &[(text, kind)],
            false,
            record,
            &format!("{{{text}:{expected}}}"),
        );
    }
    for text in ["id", "@id", "x", "price/@sku", "item"] {
        check(&[(text, Kind::Text)], false, record, "{}");
    }
}

#[test]
fn what_no_field_takes_is_told_where_it_is_asked_for() {
    let record = "<r><p a='1' b='2'>t<c/><d><e/></d><c>1</c></p></r>";
    check(
        &[("@a", Kind::Text), ("d/e", Kind::Text)],
        true,
        record,
        r##"{@a:"1",d/e:"",@b:"2",c:["","1"],#text:"t"}"##,
    );
    check(
        &[(".", Kind::Text)],
        true,
        record,
        r#"{.:"t1",@a:"1",@b:"2",c:["","1"],d:{e:""}}"#,
    );
    check(
        &[(".", Kind::Object)],
        true,
        "<r><p a='1'/></r>",
        r#"{.:{@a:"1"}}"#,
    );
    check(
        &[("*", Kind::List)],
        true,
        "<r><p a='1'><b/></p></r>",
        r#"{*:[""],@a:"1"}"#,
    );
}

#[test]
fn line_ends_and_white_space_are_those_of_the_standard() {
    check(
        &[("@a", Kind::Text), ("b", Kind::Text)],
        false,
        "<r><p a=' 1\r\n2\t3\r4&#10;&#13;'><b> 1\r\n2\r3&#13;\n<![CDATA[\r\n&amp;]]></b></p></r>",
        r#"{@a:" 1 2 3 4\n\r",b:" 1\n2\n3\r\n\n&amp;"}"#,
    );
}

#[test]
fn a_malformed_record_is_one_reject_with_its_place() {
    let found = parsed(
        &[("a", Kind::Text)],
        false,
        "<r><p><a>1</b></p><p>\n <a>&x;</a></p><p><a>2</p><p a='1' a='2'/><p><!DOCTYPE p></p><p><q:a/></p><p><a>3</a></p></r>",
    );
    assert_eq!(
        found,
        [
            "xml column 8: `</b>` stands where `</a>` is due",
            "xml line 2 of the record, column 5: the entity `&x;` is none of amp, lt, gt, quot and apos",
            "xml column 8: `</p>` stands where `</a>` is due",
            "xml column 10: the attribute `a` stands twice in one tag",
            "xml_doctype column 4: a document type declaration (DOCTYPE) is never read",
            "xml column 5: the prefix `q` stands for no namespace",
            r#"{a:"3"}"#,
        ]
    );
}

#[test]
fn a_record_that_is_too_deep_is_a_reject() {
    for (depth, expected) in [(MAX_DEPTH_LEVELS, "{"), (MAX_DEPTH_LEVELS + 1, "xml_depth")] {
        let inside = depth - 1;
        let input = format!(
            "<r><p>{}{}</p></r>",
            "<a>".repeat(inside),
            "</a>".repeat(inside)
        );
        let found = parsed(&[], true, &input);
        assert!(found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn what_a_record_takes_has_limits() {
    let uri = "u".repeat(1025);
    let many: String = (0..257).map(|n| format!(" xmlns:n{n}='u'")).collect();
    let names: String = (0..5000)
        .map(|n| format!("<n:e{n} xmlns:n='{}'/>", &uri[..1000]))
        .collect();
    let elements = "<a/>".repeat(512 * 1024 + 1);
    for (record, expected) in [
        (
            format!("<p xmlns:n='{uri}'/>"),
            "column 4: the name of a namespace is over 1024 bytes",
        ),
        (
            format!("<p{many}/>"),
            "more than 256 namespaces are declared around one place",
        ),
        (
            format!("<p>{names}</p>"),
            "over 4194304 bytes of names in one record",
        ),
        (
            format!("<p>{elements}</p>"),
            "more than 524288 elements and attributes in one record",
        ),
    ] {
        let path = path_of("/*/p");
        let parser = XmlParser::new(path.namespaces.clone(), Arc::default());
        let limits = FrameLimits {
            max_record_bytes: 16 * 1024 * 1024,
            ..FrameLimits::default()
        };
        let framer = XmlFramer::new(&path, Encoding::default(), Position::START, limits);
        let input = format!("<r>{record}</r>");
        let mut found = Vec::new();
        for block in frame(Box::new(framer), Position::START, input.as_bytes(), 1 << 20) {
            let each = &mut |_, row: Result<&mut Tree, Problem>| {
                found.push(
                    row.map(|_| ())
                        .map_err(|problem| (problem.code, problem.message)),
                );
            };
            parser.parse(&block, each).unwrap();
        }
        let [Err((code, message))] = &found[..] else {
            panic!("{expected}: {found:?}");
        };
        assert_eq!(code, "xml_limit");
        assert!(message.ends_with(expected), "{message}");
    }
}

#[test]
fn items_that_are_texts_are_the_texts_of_elements() {
    check(
        &[
            ("a", Kind::Texts),
            ("a/@x", Kind::Texts),
            ("b", Kind::Texts),
        ],
        false,
        "<r><p><a x='1'>12.50<!-- --></a><a/><a>1<i>3</i></a></p></r>",
        r#"{a:["12.50","","13"],a/@x:["1"]}"#,
    );
}

#[test]
fn many_names_are_read_in_time() {
    let elements: String = (0..50_000).map(|n| format!("<e{n} a{n}=''/>")).collect();
    let attributes: String = (0..50_000).map(|n| format!(" a{n}=''")).collect();
    let input = format!("<r><p>{elements}</p><p{attributes}/></r>");
    assert_eq!(parsed(&[], false, &input), ["{}", "{}"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_document_is_well_formed_whichever_its_records_are(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "<a>", "</a>", "<b>", "</b>", "<b/>", "<c x='1'>", "</c>", "<g:c xmlns:g='urn:g'>", "</g:c>", "<g:c/>",
            "<!--", "-->", "-", "<![CDATA[", "]]>", "]", "<?p", "?>", "&amp;", "&", "<", ">", "'", "/", " ", "x",
            "\u{1}", "<b x='1' x='2'/>", "<a xmlns:g='urn:g'>",
        ]), 0..12),
        close in any::<bool>(),
    ) {
        let inside = pieces.concat();
        let text = if close { format!("<a>{inside}</a>") } else { inside };
        hold_for(text.as_bytes());
    }
}
