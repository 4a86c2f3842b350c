//! Documents that break one production each, and odd ones that break none, in the manner of the W3C's tests.

use super::*;

/// Each is refused or rejected, whichever its records are. What stands in `{}` is put into the root, and into an element in it.
const MALFORMED: [&str; 62] = [
    // Documents (1, 22, 27): one root, nothing else around it.
    "<a/><b/>",
    "<a/>text",
    "text<a/>",
    "<a/>&#32;",
    "<a/><![CDATA[]]>",
    "<![CDATA[]]><a/>",
    "<?xml version='1.0'?>",
    "<!-- only -->",
    "<a>",
    "</a>",
    "<a/></a>",
    // XML declarations (23 to 26, 32, 80, 81).
    " <?xml version='1.0'?><a/>",
    "<!-- --><?xml version='1.0'?><a/>",
    "<?xml?><a/>",
    "<?xml encoding='UTF-8'?><a/>",
    "<?xml version='2.0'?><a/>",
    "<?xml version='1.'?><a/>",
    "<?xml version=1.0?><a/>",
    "<?xml version='1.0' standalone='yes' encoding='UTF-8'?><a/>",
    "<?xml version='1.0' standalone='YES'?><a/>",
    "<?xml version='1.0' encoding='8bit'?><a/>",
    "<?xml version='1.0'encoding='UTF-8'?><a/>",
    "<?xml version='1.0' other='1'?><a/>",
    "<?xml version='1.0' ><a/>",
    "<?XML version='1.0'?><a/>",
    // Characters and names (2, 4, 5).
    "{\u{1}}",
    "{\u{c}}",
    "{\u{fffe}}",
    "{\u{ffff}}",
    "{<1b/>}",
    "{<-b/>}",
    "{< b/>}",
    "{<b·:c/>}",
    "{<b c:='1'/>}",
    "{<b\u{d7}/>}",
    // Text, references and CDATA sections (14, 18 to 21, 66 to 68).
    "{]]>}",
    "{a < b}",
    "{&}",
    "{&amp}",
    "{&lt;&unknown;}",
    "{&#0;}",
    "{&#x1F;}",
    "{&#xD800;}",
    "{&#X41;}",
    "{&#x110000;}",
    "{&#;}",
    "{<![CDATA[ }",
    "{<![cdata[]]>}",
    // Comments and processing instructions (15 to 17).
    "{<!-- -- -->}",
    "{<!-- --->}",
    "{<!- ->}",
    "{<??>}",
    "{<?b}",
    "{<?xml version='1.0'?>}",
    // Tags and attributes (39 to 44), names in namespaces.
    "{<b></c>}",
    "{<b></B>}",
    "{<b c='1' c='1'/>}",
    "{<b c='1'd='2'/>}",
    "{<b c=1/>}",
    "{<b c/>}",
    "{<b c='<'/>}",
    "{<p:b/>}",
];

/// More of them, by the namespaces and the types of documents.
const MALFORMED_TOO: [&str; 16] = [
    "{<b c='1\"/>}",
    "{<b c='&'/>}",
    "{<b c='\u{2}'/>}",
    "{<b / >}",
    "{<b c ='1' =/>}",
    "{</b>}",
    "{<b></b c='1'>}",
    "{<b xmlns:p=''/>}",
    "{<b xmlns:xml='urn:x'/>}",
    "{<b xmlns:xmlns='urn:x'/>}",
    "{<b xmlns:p='http://www.w3.org/XML/1998/namespace'/>}",
    "{<b xmlns:p='u' xmlns:q='u' p:c='' q:c=''/>}",
    "{<b p:c=''/>}",
    "{<b:c:d xmlns:b='u'/>}",
    "<!DOCTYPE a><a/>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
];

/// Each is accepted. What stands in `{}` likewise.
const WELL_FORMED: [&str; 42] = [
    "<a/>",
    "<a></a>",
    "<a\n\t/>\n",
    "<a ></a >",
    "<?xml version='1.0'?><a/>",
    "<?xml version=\"1.0\" ?><a/>",
    "<?xml version = '1.0' encoding = \"utf-8\" standalone='no' ?>\n<a/>",
    "<?xml version='1.1'?><a/>",
    "<?xml-stylesheet href='a'?><a/><?p?><!-- -->",
    "<!----><a/><!-- - -->\n",
    "\n\n<a/>",
    "<a.b-c_1/>",
    "<_/>",
    "<größe/>",
    "<名前>1</名前>",
    "<\u{10000}/>",
    "{\u{e000}\u{fffd}\u{10ffff}\t\r\n\u{85}}",
    "{]] ]> >}",
    "{&amp;&lt;&gt;&quot;&apos;}",
    "{&#65;&#x4a;&#x4A;&#x10FFFF;&#9;}",
    "{&#00000000000000000065;}",
    "{<![CDATA[<&]] ]>]]>}",
    "{<![CDATA[]]]]>}",
    "{<![CDATA[]]]]><![CDATA[>]]>}",
    "{<!-- <b> & ]]> -->}",
    "{<?p <b> & ]]> ? > ?>}",
    "{<?p?>}",
    "{<?p\n?>}",
    "{<?xmlx?>}",
    "{<b c='\"' d=\"'\"/>}",
    "{<b c='>'/>}",
    "{<b c = '1'\n\td\n=\n'2'/>}",
    "{<b c='&#10;&lt;'/>}",
    "{<b c='' C=''/>}",
    "{<b xml:lang='de' xml:space='x'/>}",
    "{<b xmlns='u' xmlns:p='v'><c/><p:c p:d='' d=''/></b>}",
    "{<b xmlns='u'><c xmlns=''/></b>}",
    "{<p:b xmlns:p='u'><p:b xmlns:p='v'/></p:b>}",
    "{<b xmlns:xml='http://www.w3.org/XML/1998/namespace'/>}",
    "{<b><b><b/></b></b>}",
    "{<b/><b/>text<b/>}",
    "{<b>'\"</b>}",
];

/// The document itself; or, of a part, documents with it in the root and further in.
fn documents(text: &str) -> Vec<String> {
    match text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    {
        None => vec![text.to_owned()],
        Some(part) => vec![
            format!("<a>{part}</a>"),
            format!("<a><r>{part}</r></a>"),
            format!("<a><r><x>{part}</x></r><r/></a>"),
        ],
    }
}

#[test]
fn malformed_documents_are_refused_or_their_records_rejected() {
    for text in MALFORMED.iter().chain(&MALFORMED_TOO) {
        for document in documents(text) {
            assert!(!hold_for(document.as_bytes()), "{document}");
        }
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_refused() {
    for bytes in [
        &b"\xff"[..],
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
    ] {
        for [before, behind] in [
            ["<a>", "</a>"],
            ["<a><b>", "</b></a>"],
            ["<a><!--", "--></a>"],
            ["<a><![CDATA[", "]]></a>"],
            ["<a b='", "'/>"],
            ["<a><b c='", "'/></a>"],
            ["<a", "/>"],
        ] {
            let document = [before.as_bytes(), bytes, behind.as_bytes()].concat();
            assert!(!hold_for(&document), "{before} {bytes:?}");
        }
    }
}

#[test]
fn odd_documents_are_accepted() {
    for text in WELL_FORMED {
        for document in documents(text) {
            assert!(hold_for(document.as_bytes()), "{document}");
        }
    }
}
