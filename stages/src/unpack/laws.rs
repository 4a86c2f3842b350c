//! The laws of unpacking and transcoding, as functions of any bytes: property tests and the fuzz targets call them.
//!
//! 1. However the input is cut into pieces, and with whatever room it is read, the same bytes come out, and the same
//!    error behind them. Only a bomb may end a piece earlier or later, because its ratio is judged piece by piece.
//! 2. What comes out of a transcoder is UTF-8, but for the byte 0xFF.
//! 3. What ends without an error is what another decoder makes of the same bytes.

use super::{Compression, Encoding, Unpack, UnpackLimits, unpack};
use async_trait::async_trait;
use bytes::BytesMut;
use futures::FutureExt;
use pipeline::{Fatal, Source, room};

/// The most bytes that come out of an input of a law; more is a `bomb`.
const MAX_BYTES: u64 = 1 << 20;

/// Stored bytes that come in pieces of one size.
struct Cut {
    bytes: Vec<u8>,
    piece_bytes: usize,
    at: usize,
}

#[async_trait]
impl Source for Cut {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let left = &self.bytes[self.at..];
        let count = left.len().min(self.piece_bytes).min(room(into));
        into.extend_from_slice(&left[..count]);
        self.at += count;
        Ok(count)
    }

    fn bytes_read(&self) -> u64 {
        self.at as u64
    }
}

/// What came out: the bytes, and the code of the error behind them.
pub type Outcome = (Vec<u8>, Option<&'static str>);

/// Checks the laws of the zip reader, with a member and without one.
///
/// # Panics
/// When one is broken.
pub fn zip_holds_for_any(input: &[u8]) {
    for member in [None, Some("*a*".to_owned())] {
        let how = Unpack {
            compression: Compression::Zip,
            member,
            ..limited()
        };
        same_for_all_cuts(input, &how);
    }
}

/// Checks the laws of transcoding; the first byte chooses the encoding.
///
/// # Panics
/// When one is broken.
pub fn transcoding_holds_for_any(input: &[u8]) {
    let Some((choice, text)) = input.split_first() else {
        return;
    };
    let label = LABELS[usize::from(*choice) % LABELS.len()];
    transcoding_holds_for(label, text);
}

/// The labels that [`transcoding_holds_for_any`] chooses from: every encoding of the standard.
pub const LABELS: [&str; 38] = [
    "utf-16le",
    "utf-16be",
    "ibm866",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-8-i",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "x-mac-cyrillic",
    "gbk",
    "gb18030",
    "big5",
    "euc-jp",
    "iso-2022-jp",
    "shift_jis",
    "euc-kr",
    "auto",
];

/// Checks the laws of transcoding `text` from the encoding of `label`.
///
/// # Panics
/// When one is broken.
pub fn transcoding_holds_for(label: &str, text: &[u8]) -> Outcome {
    let encoding = Encoding::of_label(label).unwrap_or_default();
    let how = Unpack {
        compression: Compression::None,
        encoding,
        ..limited()
    };
    let (bytes, code) = same_for_all_cuts(text, &how);
    if code.is_some() {
        return (bytes, code);
    }
    let Ok((standard, mark_bytes)) = encoding.of(text) else {
        return (bytes, code);
    };
    // U+FFFD may be in the text itself, so both stand for it.
    let text = &text[mark_bytes.min(text.len())..];
    if standard == encoding_rs::UTF_8 {
        assert_eq!(bytes, text, "UTF-8 is left as it is");
        return (bytes, code);
    }
    let (whole, _) = standard.decode_without_bom_handling(text);
    let replaced: String = bytes
        .split(|byte| *byte == 0xff)
        .map(|part| match std::str::from_utf8(part) {
            Ok(part) => part,
            Err(error) => panic!("{label}: not UTF-8 between malformed sequences: {error}"),
        })
        .collect::<Vec<_>>()
        .join("\u{fffd}");
    assert_eq!(replaced, whole, "{label}");
    (bytes, code)
}

fn limited() -> Unpack {
    Unpack {
        limits: UnpackLimits {
            max_bytes: Some(MAX_BYTES),
            max_ratio: 200,
            ratio_after_bytes: 64 * 1024,
        },
        ..Unpack::default()
    }
}

/// What comes out of `input`, which is the same for all cuts.
///
/// # Panics
/// When it is not.
pub fn same_for_all_cuts(input: &[u8], how: &Unpack) -> Outcome {
    let whole = outcome(input, how, input.len().max(1), 1 << 16);
    for (piece_bytes, room_bytes) in [(1, 1 << 16), (2, 100), (3, 7), (7, 1 << 16), (64, 64)] {
        // One byte at a time takes long: long inputs are cut into fewer pieces, and long outputs too.
        let piece_bytes = piece_bytes.max(input.len() / 4096);
        let room_bytes = room_bytes.max(whole.0.len() / 4096);
        let cut = outcome(input, how, piece_bytes, room_bytes);
        assert!(
            cut == whole || ends_as_bomb(&cut, &whole),
            "pieces of {piece_bytes}, room for {room_bytes}: {} bytes and {:?}, whole: {} and {:?}",
            cut.0.len(),
            cut.1,
            whole.0.len(),
            whole.1
        );
    }
    whole
}

/// Whether one of the two ends as a bomb on the way of the other.
fn ends_as_bomb(one: &Outcome, other: &Outcome) -> bool {
    let is_start =
        |(start, code): &Outcome, whole: &[u8]| *code == Some("bomb") && whole.starts_with(start);
    is_start(one, &other.0) || is_start(other, &one.0)
}

fn outcome(input: &[u8], how: &Unpack, piece_bytes: usize, room_bytes: usize) -> Outcome {
    let source = Box::new(Cut {
        bytes: input.to_vec(),
        piece_bytes,
        at: 0,
    });
    match drained(source, how, room_bytes).now_or_never() {
        Some(outcome) => outcome,
        None => panic!("a source in memory makes nobody wait"),
    }
}

async fn drained(source: Box<dyn Source>, how: &Unpack, room_bytes: usize) -> Outcome {
    let mut all = Vec::new();
    let mut unpacked = match unpack(source, how).await {
        Ok(unpacked) => unpacked,
        Err(fatal) => return (all, Some(fatal.code)),
    };
    loop {
        let mut into = BytesMut::with_capacity(room_bytes);
        match unpacked.source.read(&mut into).await {
            Ok(0) => return (all, None),
            Ok(count) => assert_eq!(count, into.len()),
            Err(fatal) => return (all, Some(fatal.code)),
        }
        all.extend_from_slice(&into);
    }
}
