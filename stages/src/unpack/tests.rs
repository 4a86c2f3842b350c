//! The law of unpacking: whatever the pieces and wherever it starts, the same bytes and the same error.

use super::*;
use crate::source::Pinned;
use crate::source::file::FileOrigin;
use async_trait::async_trait;
use bytes::BytesMut;
use flate2::write::GzEncoder;
use pipeline::{MAX_READ_BYTES, room};
use proptest::prelude::*;
use std::io::Write;

/// Stored bytes that come in pieces of these sizes, over and over.
pub(super) struct Pieces {
    pub bytes: Vec<u8>,
    pub sizes: Vec<usize>,
    at: usize,
    turn: usize,
}

impl Pieces {
    pub fn of(bytes: &[u8], sizes: &[usize]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            sizes: sizes.to_vec(),
            at: 0,
            turn: 0,
        }
    }
}

#[async_trait]
impl Source for Pieces {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let size = self.sizes[self.turn % self.sizes.len()].min(room(into));
        self.turn += 1;
        let end = self.bytes.len().min(self.at + size);
        into.extend_from_slice(&self.bytes[self.at..end]);
        let count = end - self.at;
        self.at = end;
        Ok(count)
    }

    fn bytes_read(&self) -> u64 {
        self.at as u64
    }
}

/// Everything that `source` gives, and the error behind it; an error must stay.
pub(super) async fn drain(source: &mut dyn Source, room_bytes: usize) -> (Vec<u8>, Option<Fatal>) {
    let mut all = Vec::new();
    loop {
        let mut into = BytesMut::with_capacity(room_bytes);
        match source.read(&mut into).await {
            Ok(0) => return (all, None),
            Ok(count) => assert!(count == into.len() && count <= room_bytes),
            Err(fatal) => {
                assert!(into.is_empty());
                let again = source.read(&mut into).await;
                assert_eq!(again.unwrap_err().code, fatal.code);
                return (all, Some(fatal));
            }
        }
        all.extend_from_slice(&into);
    }
}

fn how(compression: Compression, limits: UnpackLimits) -> Unpack {
    Unpack {
        compression,
        limits,
        ..Unpack::default()
    }
}

/// What comes out of `stored`, and the code of the error behind it.
pub(super) async fn unpacked(
    stored: &[u8],
    sizes: &[usize],
    compression: Compression,
    limits: UnpackLimits,
) -> (Vec<u8>, Option<&'static str>) {
    let source = Box::new(Pieces::of(stored, sizes));
    match unpack(source, &how(compression, limits)).await {
        Ok(mut unpacked) => {
            let (bytes, fatal) = drain(&mut *unpacked.source, MAX_READ_BYTES).await;
            (bytes, fatal.map(|fatal| fatal.code))
        }
        Err(fatal) => (Vec::new(), Some(fatal.code)),
    }
}

/// The same, by its magic bytes and with the limits of nobody who said anything.
pub(super) async fn unpacked_auto(stored: &[u8]) -> (Vec<u8>, Option<&'static str>) {
    unpacked(stored, &[7], Compression::Auto, UnpackLimits::default()).await
}

/// Bytes that compress, but not to nothing.
pub(super) fn text(bytes: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for n in 0u64.. {
        if text.len() >= bytes {
            break;
        }
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        writeln!(text, "{n};{mixed};an order").unwrap();
    }
    text.truncate(bytes);
    text
}

pub(super) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub(super) fn zst(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ::zstd::Encoder::new(Vec::new(), 3).unwrap();
    packer.include_checksum(true).unwrap();
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub(super) fn bz2(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub(super) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 0);
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// An archive of one file, as the generator makes it.
pub(super) fn zip(bytes: &[u8]) -> Vec<u8> {
    let how = how(Compression::Zip, UnpackLimits::default());
    let mut packer = crate::generate::Packed::of(&how, Vec::new()).unwrap();
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

async fn check(stored: &[u8], compression: Compression, expected: Result<&[u8], &str>) {
    for sizes in [&[1][..], &[3, 1, 7], &[MAX_READ_BYTES]] {
        let (bytes, code) = unpacked(stored, sizes, compression, UnpackLimits::default()).await;
        let got = code.map_or(Ok(&bytes[..]), Err);
        assert_eq!(got, expected, "{stored:?} as {compression:?}");
    }
}

#[tokio::test]
async fn first_bytes_say_what_it_is() {
    let auto = Compression::Auto;
    check(b"a,b\n", auto, Ok(b"a,b\n")).await;
    check(b"", auto, Ok(b"")).await;
    check(&gz(b"a,b\n"), auto, Ok(b"a,b\n")).await;
    check(&zst(b"a,b\n"), auto, Ok(b"a,b\n")).await;
    check(b"(", auto, Ok(b"(")).await;
    check(b"BZh9 is a name\n", auto, Ok(b"BZh9 is a name\n")).await;
    check(b"PK,name\n", auto, Ok(b"PK,name\n")).await;
    check(b"BZh9 is a name\n", auto, Ok(b"BZh9 is a name\n")).await;
    check(b"BZh91", auto, Ok(b"BZh91")).await;
    check(b"BZh91AY&SY...", auto, Err("truncated")).await;
    check(b"BZh9\x17rE8P\x90\0\0\0\0", auto, Ok(b"")).await;
    check(b"\xfd7zXZ\0....", auto, Err("truncated")).await;
    check(b"\xfd7zXZ\0......", auto, Err("corrupt")).await;
    check(b"PK\x03\x04......", auto, Err("truncated")).await;
    check(b"PK\x05\x06", auto, Err("truncated")).await;
}

#[tokio::test]
async fn what_is_said_goes_before_what_is_there() {
    let stored = gz(b"a,b\n");
    check(&stored, Compression::None, Ok(&stored)).await;
    check(b"a,b\n", Compression::Gzip, Err("corrupt")).await;
    check(b"a,b\n", Compression::Zstd, Err("corrupt")).await;
    check(&zst(b"a"), Compression::Gzip, Err("corrupt")).await;
    check(&stored, Compression::Zstd, Err("corrupt")).await;
    check(b"", Compression::Gzip, Err("truncated")).await;
    check(b"", Compression::Zstd, Err("truncated")).await;
    for named in [Compression::Bzip2, Compression::Xz, Compression::Zip] {
        check(b"", named, Err("truncated")).await;
        check(b"a,b\n1,2\n123456", named, Err("corrupt")).await;
        check(&stored, named, Err("corrupt")).await;
    }
}

#[test]
fn words_of_specs_are_the_names() {
    for word in ["none", "gzip", "zstd", "bzip2", "xz", "zip", "auto"] {
        let read: Compression = serde_json::from_value(word.into()).unwrap();
        assert_eq!(read.name(), word);
    }
}

#[tokio::test]
async fn byte_order_mark_is_no_part_of_the_stream() {
    let auto = Compression::Auto;
    let marked = b"\xef\xbb\xbfa,b\n";
    check(marked, auto, Ok(b"a,b\n")).await;
    check(marked, Compression::None, Ok(b"a,b\n")).await;
    check(&gz(marked), auto, Ok(b"a,b\n")).await;
    check(&zst(marked), auto, Ok(b"a,b\n")).await;
    check(b"\xef\xbb\xbf", auto, Ok(b"")).await;
    check(b"\xef\xbb\xbf\xef\xbb\xbfa", auto, Ok(b"\xef\xbb\xbfa")).await;
    check(b"\xef\xbba", auto, Ok(b"\xef\xbba")).await;
    check(b"\xef", auto, Ok(b"\xef")).await;
    check(b"\xff\xfea\0", auto, Err("encoding")).await;
    check(b"\xfe\xff\0a", Compression::None, Err("encoding")).await;
    check(&gz(b"\xff\xfea\0"), auto, Err("encoding")).await;
}

/// What is left out and what is told when `stored` is opened at `offset` of its decoded stream.
async fn check_open(stored: &[u8], offset: u64, at: u64, rest: &[u8]) {
    check_open_as("utf-8", stored, offset, at, rest).await;
}

async fn check_open_as(label: &str, stored: &[u8], offset: u64, at: u64, rest: &[u8]) {
    let how = Unpack {
        encoding: Encoding::of_label(label).unwrap(),
        ..Unpack::default()
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(stored).unwrap();
    let origin = FileOrigin::pin(file.path()).await.unwrap();
    let mut opened = open_at(&origin, &how, offset).await.unwrap();
    assert_eq!(opened.decoded_offset, at);
    let (bytes, fatal) = drain(&mut *opened.source, MAX_READ_BYTES).await;
    assert!(fatal.is_none() && bytes == rest);
    assert_eq!(opened.source.bytes_read(), stored.len() as u64);
}

#[tokio::test]
async fn opens_where_it_can_and_from_the_start_where_not() {
    let whole = text(600_000);
    let marked = [b"\xef\xbb\xbf", &whole[..]].concat();
    for offset in [0, 1, 5, 300_000, whole.len()] {
        let (at, rest) = (offset as u64, &whole[offset..]);
        check_open(&whole, at, at, rest).await;
        check_open(&marked, at, at, rest).await;
        check_open(&gz(&marked), at, 0, &whole).await;
        check_open(&zst(&marked), at, 0, &whole).await;
        check_open(&bz2(&marked), at, 0, &whole).await;
        check_open(&xz(&marked), at, 0, &whole).await;
        check_open(&zip(&marked), at, 0, &whole).await;
        let wide = String::from_utf8(whole.clone()).unwrap();
        let wide: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
        check_open_as("auto", &[b"\xff\xfe", &wide[..]].concat(), at, 0, &whole).await;
        check_open_as("utf-16le", &wide, at, 0, &whole).await;
        check_open_as("auto", &marked, at, at, &whole[offset..]).await;
    }
}

#[tokio::test]
async fn skip_leaves_out_what_is_done() {
    let whole = text(600_000);
    for done in [0, 1, 256 * 1024, 599_999, 600_000] {
        let pieces = Box::new(Pieces::of(&whole, &[100_000, 1]));
        let mut source = skip(pieces, done as u64);
        let (rest, fatal) = drain(&mut *source, 70_000).await;
        assert!(fatal.is_none() && rest == whole[done..], "{done}");
    }
    let mut source = skip(Box::new(Pieces::of(b"abc", &[2])), 4);
    let (rest, fatal) = drain(&mut *source, 9).await;
    assert_eq!((rest.len(), fatal.unwrap().code), (0, "source_changed"));
}

#[tokio::test]
async fn large_file_is_refused_before_its_first_byte() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"0123456789").unwrap();
    let origin = FileOrigin::pin(file.path()).await.unwrap();
    for (max_bytes, offset, expected) in [
        (9, 0, Some("file_too_large")),
        (9, 3, Some("file_too_large")),
        (10, 0, None),
        (10, 3, None),
    ] {
        let limits = UnpackLimits {
            max_bytes: Some(max_bytes),
            ..UnpackLimits::default()
        };
        let opened = open_at(&origin, &how(Compression::Auto, limits), offset).await;
        assert_eq!(opened.err().map(|fatal| fatal.code), expected);
    }
}

#[tokio::test]
async fn max_bytes_is_what_may_come_out() {
    let stored = text(100_000);
    for (packed, code) in [
        (stored.clone(), "file_too_large"),
        (gz(&stored), "bomb"),
        (zst(&stored), "bomb"),
        (bz2(&stored), "bomb"),
        (xz(&stored), "bomb"),
        (zip(&stored), "bomb"),
    ] {
        for (max_bytes, expected) in [(100_000, None), (99_999, Some(code)), (0, Some(code))] {
            let limits = UnpackLimits {
                max_bytes: Some(max_bytes),
                ..UnpackLimits::default()
            };
            let (bytes, got) = unpacked(&packed, &[5000], Compression::Auto, limits).await;
            assert_eq!(got, expected);
            // At most one byte more than is allowed was ever decoded.
            assert!(bytes.len() as u64 <= max_bytes + 1 && bytes == stored[..bytes.len()]);
            assert!(bytes.len() as u64 >= max_bytes);
        }
    }
}

/// So many mebibytes of zeros, each a member or a frame of its own.
fn zeros(mebibytes: usize, pack: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    pack(&[0; 1024 * 1024]).repeat(mebibytes)
}

#[tokio::test]
async fn bomb_ends_where_its_ratio_is_judged() {
    let zipped = zip(&vec![0; 80 << 20]);
    for stored in [
        zeros(80, gz),
        zeros(80, zst),
        zeros(80, bz2),
        zeros(80, xz),
        zipped,
    ] {
        for sizes in [&[1000][..], &[MAX_READ_BYTES]] {
            let source = Box::new(Pieces::of(&stored, sizes));
            let limits = UnpackLimits::default();
            let unpacked = unpack(source, &how(Compression::Auto, limits)).await;
            let mut source = unpacked.unwrap().source;
            let mut into = BytesMut::with_capacity(MAX_READ_BYTES);
            let mut decoded_bytes = 0;
            let fatal = loop {
                into.clear();
                match source.read(&mut into).await {
                    Ok(0) => panic!("a bomb went through"),
                    Ok(count) => decoded_bytes += count as u64,
                    Err(fatal) => break fatal,
                }
            };
            assert_eq!(fatal.code, "bomb");
            let after_bytes = limits.ratio_after_bytes;
            assert!((after_bytes..after_bytes + 128 * 1024).contains(&decoded_bytes));
        }
    }
}

#[tokio::test]
async fn what_is_small_or_honest_is_no_bomb() {
    let stored = zeros(64, gz);
    let limits = UnpackLimits::default();
    let (bytes, code) = unpacked(&stored, &[4096], Compression::Auto, limits).await;
    assert_eq!((bytes.len(), code), (64 * 1024 * 1024, None));
    let limits = UnpackLimits {
        ratio_after_bytes: 0,
        ..limits
    };
    let whole = text(1_000_000);
    let (bytes, code) = unpacked(&gz(&whole), &[4096], Compression::Auto, limits).await;
    assert!(bytes == whole && code.is_none());
}

/// An origin that counts as compressed or not by what is in it, of a size that nobody knows.
struct Unsized(Vec<u8>, Pinned);

#[async_trait]
impl Origin for Unsized {
    fn pinned(&self) -> &Pinned {
        &self.1
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        assert_eq!(offset, 0);
        Ok(Box::new(Pieces::of(&self.0, &[2])))
    }
}

#[tokio::test]
async fn input_of_unknown_size_ends_at_its_limit() {
    let origin = Unsized(
        b"0123456789".to_vec(),
        Pinned {
            size_bytes: None,
            content: None,
            name: "-".into(),
        },
    );
    let limits = UnpackLimits {
        max_bytes: Some(7),
        ..UnpackLimits::default()
    };
    let opened = open_at(&origin, &how(Compression::Auto, limits), 0).await;
    let (bytes, fatal) = drain(&mut *opened.unwrap().source, 9).await;
    assert_eq!(
        (&bytes[..], fatal.unwrap().code),
        (&b"0123456"[..], "file_too_large")
    );
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..5000usize, 1..8)
}

fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let noise = prop::collection::vec(any::<u8>(), 0..3000);
    let runs = (any::<u8>(), 0..200_000usize).prop_map(|(byte, count)| vec![byte; count]);
    let texts = (0..200_000usize).prop_map(text);
    prop::collection::vec(prop_oneof![noise, runs, texts], 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Members and frames of anything, in any pieces, read with any room.
    #[test]
    fn unpacking_gives_back_what_was_packed(
        parts in parts(), sizes in pieces(), room_bytes in 1..300_000usize
    ) {
        // A mark of its own, so that no random one is taken away.
        let whole = [&b"."[..], &parts.concat()].concat();
        let pack = |pack: fn(&[u8]) -> Vec<u8>| {
            let packed: Vec<_> = parts.iter().map(|part| pack(part)).collect();
            [pack(b"."), packed.concat()].concat()
        };
        let limits = UnpackLimits::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (stored, expected) in [
            (whole.clone(), Compression::None),
            (pack(gz), Compression::Gzip),
            (pack(zst), Compression::Zstd),
            (pack(bz2), Compression::Bzip2),
            (pack(xz), Compression::Xz),
            (zip(&whole), Compression::Zip),
        ] {
            runtime.block_on(async {
                let source = Box::new(Pieces::of(&stored, &sizes));
                let mut unpacked = unpack(source, &how(Compression::Auto, limits)).await.unwrap();
                assert_eq!(unpacked.compression, expected);
                assert_eq!(unpacked.restartable, expected == Compression::None);
                // Few bytes at a time take long: small rooms for small inputs.
                let room_bytes = room_bytes.max(whole.len() / 1000).min(MAX_READ_BYTES);
                let (bytes, fatal) = drain(&mut *unpacked.source, room_bytes).await;
                assert!(fatal.is_none() && bytes == whole);
                assert_eq!(unpacked.source.bytes_read(), stored.len() as u64);
            });
        }
    }
}
