//! Every encoding of the standard, cut everywhere: the text that Python encoded (`samples/make`), and malformed
//! sequences of each kind.

use crate::unpack::laws::{LABELS, transcoding_holds_for, transcoding_holds_for_any};
use proptest::prelude::*;

/// Label, bytes in hexadecimal digits, text.
const SAMPLES: &str = include_str!("../samples/encodings.tsv");

fn samples() -> impl Iterator<Item = (&'static str, Vec<u8>, &'static str)> {
    let lines = SAMPLES.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut cells = line.split('\t');
        let (label, bytes) = (cells.next().unwrap(), cells.next().unwrap());
        (label, hex::decode(bytes).unwrap(), cells.next().unwrap())
    })
}

#[test]
fn what_python_encoded_is_the_text_that_it_was() {
    let mut count = 0;
    for (label, bytes, text) in samples() {
        let came = transcoding_holds_for(label, &bytes);
        assert_eq!(came, (text.as_bytes().to_vec(), None), "{label}");
        count += 1;
    }
    assert!(count > 30, "{count}");
}

#[test]
fn marks_are_no_part_of_the_text() {
    for (label, bytes) in [
        ("auto", &b"\xff\xfea\0\xe4\0"[..]),
        ("auto", b"\xfe\xff\0a\0\xe4"),
        ("auto", b"\xef\xbb\xbfa\xc3\xa4"),
        ("utf-16le", b"\xff\xfea\0\xe4\0"),
        ("utf-16le", b"a\0\xe4\0"),
        ("utf-16be", b"\xfe\xff\0a\0\xe4"),
    ] {
        let came = transcoding_holds_for(label, bytes);
        assert_eq!(came, ("aä".as_bytes().to_vec(), None), "{label} {bytes:?}");
    }
    // Only at the start: behind it the same bytes are a character.
    let (came, _) = transcoding_holds_for("utf-16le", b"\xff\xfe\xff\xfe");
    assert_eq!(came, "\u{feff}".as_bytes());
    for (label, bytes) in [
        ("utf-16be", &b"\xff\xfea\0"[..]),
        ("windows-1252", b"\xef\xbb\xbfa"),
        ("utf-16le", b"\xef\xbb\xbfa"),
        ("utf-16le", b"\xff\xfe\0\0a\0\0\0"),
        ("auto", b"\0\0\xfe\xff\0\0\0a"),
    ] {
        let came = transcoding_holds_for(label, bytes);
        assert_eq!(came, (Vec::new(), Some("encoding")), "{label} {bytes:?}");
    }
}

#[test]
fn what_is_malformed_becomes_one_byte_that_no_utf_8_has() {
    for (label, bytes, expected) in [
        // Unpaired surrogates: high before a letter, low alone, high at the end; a unit that is cut.
        ("utf-16le", &b"a\0\x00\xd8b\0"[..], &b"a\xffb"[..]),
        ("utf-16le", b"a\0\x00\xdcb\0", b"a\xffb"),
        ("utf-16le", b"a\0\x00\xd8", b"a\xff"),
        ("utf-16le", b"a\0b", b"a\xff"),
        ("utf-16be", b"\0a\xd8\0\0b", b"a\xffb"),
        ("utf-16be", b"\0a\0", b"a\xff"),
        // A trail byte that is ASCII stays: it may be a delimiter.
        ("shift_jis", b"a\x81,b", b"a\xff,b"),
        ("shift_jis", b"a\x81", b"a\xff"),
        ("euc-jp", b"a\xff,b", b"a\xff,b"),
        ("gbk", b"a\x81\n", b"a\xff\n"),
        ("gb18030", b"a\x84\x31\xa5", b"a\xff"),
        ("big5", b"a\x81,b", b"a\xff,b"),
        ("euc-kr", b"a\x81,b", b"a\xff,b"),
        // An escape that is none, and one that the end cuts.
        ("iso-2022-jp", b"a\x1b$Zb", b"a\xff$Zb"),
        ("iso-2022-jp", b"a\x1b", b"a\xff"),
        ("windows-1253", b"a\xd2b", b"a\xffb"),
        ("iso-8859-6", b"a\xa1b", b"a\xffb"),
        // Of five bytes the standard gives each a meaning.
        (
            "windows-1252",
            b"\x81\x8d\x8f\x90\x9d",
            "\u{81}\u{8d}\u{8f}\u{90}\u{9d}".as_bytes(),
        ),
    ] {
        let came = transcoding_holds_for(label, bytes);
        assert_eq!(came, (expected.to_vec(), None), "{label} {bytes:?}");
    }
}

#[test]
fn states_last_over_every_cut() {
    let (_, japanese, text) = samples()
        .find(|(label, ..)| *label == "iso-2022-jp")
        .unwrap();
    // More than a piece of output, and back to ASCII at every line.
    let lines = [&japanese[..], b",1\n"].concat().repeat(4000);
    let (came, code) = transcoding_holds_for("iso-2022-jp", &lines);
    assert_eq!(code, None);
    assert!(came == format!("{text},1\n").repeat(4000).as_bytes());
    let wide: Vec<u8> = "😀ä\n"
        .repeat(40_000)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let (came, code) = transcoding_holds_for("utf-16le", &wide);
    assert_eq!((came.len(), code), (40_000 * 7, None));
    // Nothing but malformed bytes.
    let (came, code) = transcoding_holds_for("utf-16be", &b"\xdc\x00".repeat(90_000));
    assert_eq!((came, code), (vec![0xff; 90_000], None));
}

#[test]
fn corpus_of_the_fuzzer_breaks_no_law() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fuzz/corpus/transcode"
    );
    let entries: Vec<_> = std::fs::read_dir(path).unwrap().collect();
    assert!(entries.len() > 5);
    for entry in entries {
        transcoding_holds_for_any(&std::fs::read(entry.unwrap().path()).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_break_the_laws(choice in any::<u8>(), text in prop::collection::vec(any::<u8>(), 0..200)) {
        transcoding_holds_for_any(&[&[choice][..], &text].concat());
    }

    /// Text of an encoding with a few bytes changed.
    #[test]
    fn nearly_good_text_does_not_break_them(
        choice in 0..LABELS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let found = samples().find(|(label, ..)| *label == LABELS[choice]);
        if let Some((label, mut bytes, _)) = found {
            for (index, byte) in changes {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            transcoding_holds_for(label, &bytes);
        }
    }
}
