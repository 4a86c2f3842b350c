//! Every byte of a gzip file counts: cut or changed anywhere, it is never taken for a whole one.

use super::*;
use crate::unpack::tests::{gz, text, unpacked, unpacked_auto};
use crate::unpack::{Compression, UnpackLimits};
use flate2::{Compress, FlushCompress, GzBuilder};
use std::io::Write;

async fn unpacked_gzip(stored: &[u8]) -> (Vec<u8>, Option<&'static str>) {
    unpacked(stored, &[11], Compression::Gzip, UnpackLimits::default()).await
}

/// A member with every part that a header can have.
fn with_everything(bytes: &[u8]) -> Vec<u8> {
    let builder = GzBuilder::new().filename("a.csv").comment("a comment");
    let mut packer = builder
        .extra(&b"extra"[..])
        .mtime(1_000_000_000)
        .write(Vec::new(), flate2::Compression::new(6));
    packer.write_all(bytes).unwrap();
    let mut stored = packer.finish().unwrap();
    // The header's own checksum, which the packer does not write.
    let header = 10 + 2 + "extra".len() + "a.csv".len() + 1 + "a comment".len() + 1;
    stored[3] |= HAS_CHECK;
    let mut crc = Crc::new();
    crc.update(&stored[..header]);
    let check = (crc.sum() as u16).to_le_bytes();
    stored.splice(header..header, check);
    stored
}

/// A member of stored blocks only.
fn stored_blocks(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzBuilder::new().write(Vec::new(), flate2::Compression::none());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn samples() -> Vec<(Vec<u8>, Vec<u8>)> {
    let plain = text(700);
    vec![
        (plain.clone(), gz(&plain)),
        (plain.clone(), with_everything(&plain)),
        (plain.clone(), stored_blocks(&plain)),
        (Vec::new(), gz(b"")),
    ]
}

#[tokio::test]
async fn every_kind_of_member_is_unpacked() {
    for (plain, stored) in samples() {
        assert_eq!(unpacked_auto(&stored).await, (plain, None));
    }
}

#[tokio::test]
async fn every_member_is_unpacked() {
    let members = [
        gz(b"a\n"),
        gz(b""),
        with_everything(b"b\n"),
        stored_blocks(b"c\n"),
    ];
    assert_eq!(
        unpacked_auto(&members.concat()).await,
        (b"a\nb\nc\n".to_vec(), None)
    );
}

#[tokio::test]
async fn cut_at_every_byte_it_is_truncated() {
    for (plain, stored) in samples() {
        for cut in 1..stored.len() {
            for (bytes, code) in [
                unpacked_auto(&stored[..cut]).await,
                unpacked_gzip(&stored[..cut]).await,
            ] {
                assert_eq!(code, Some("truncated"), "cut at {cut} of {}", stored.len());
                assert!(plain.starts_with(&bytes));
            }
        }
    }
}

#[tokio::test]
async fn cut_second_member_comes_after_the_first() {
    let first = gz(b"first\n");
    let both = [&first[..], &gz(b"second\n")].concat();
    for cut in first.len() + 1..both.len() {
        let (bytes, code) = unpacked_auto(&both[..cut]).await;
        assert_eq!(code, Some("truncated"), "{cut}");
        assert!(bytes.starts_with(b"first\n") && b"first\nsecond\n".starts_with(&bytes));
    }
}

#[tokio::test]
async fn changed_in_any_bit_it_never_gives_other_bytes() {
    for (plain, stored) in samples() {
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut changed = stored.clone();
                changed[at] ^= 1 << bit;
                let (bytes, code) = unpacked_gzip(&changed).await;
                match code {
                    // A time, a name, a hint to the unpacker: nothing that is unpacked.
                    None => assert_eq!(bytes, plain, "bit {bit} of byte {at}"),
                    Some(code) => assert!(matches!(code, "corrupt" | "truncated"), "{code}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn checksum_and_length_are_verified() {
    let stored = gz(b"a\n");
    for at in stored.len() - 8..stored.len() {
        let mut changed = stored.clone();
        changed[at] ^= 1;
        assert_eq!(
            unpacked_auto(&changed).await,
            (b"a\n".to_vec(), Some("truncated"))
        );
    }
}

#[tokio::test]
async fn zeros_may_follow_and_nothing_else() {
    let member = gz(b"a\n");
    let with = |tail: &[u8]| [&member[..], tail].concat();
    let whole = b"a\n".to_vec();
    for (tail, expected) in [
        (&[0][..], None),
        (&[0; 1000], None),
        (b"garbage", Some("corrupt")),
        (&[0, 0, 1], Some("corrupt")),
        (b"\n", Some("corrupt")),
        (&[0x1f], Some("truncated")),
        (&[0x1f, 0x8c], Some("corrupt")),
    ] {
        assert_eq!(
            unpacked_auto(&with(tail)).await,
            (whole.clone(), expected),
            "{tail:?}"
        );
    }
}

#[tokio::test]
async fn header_has_an_end() {
    let mut stored = vec![0x1f, 0x8b, 8, HAS_NAME, 0, 0, 0, 0, 0, 3];
    stored.resize(2 * MAX_HEADER_BYTES, b'n');
    let limits = UnpackLimits::default();
    let got = unpacked(&stored, &[4096], Compression::Auto, limits).await;
    assert_eq!(got, (Vec::new(), Some("corrupt")));
    for (at, byte) in [(2, 7), (3, 0x20), (3, 0x80)] {
        let mut stored = gz(b"a");
        stored[at] = byte;
        assert_eq!(unpacked_auto(&stored).await, (Vec::new(), Some("corrupt")));
    }
}

/// Blocks that were flushed before the broken one were decoded, so they must have been given.
#[tokio::test]
async fn what_was_decoded_before_the_error_is_given() {
    let mut packer = Compress::new(flate2::Compression::new(6), false);
    let mut stored = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let plain = text(3000);
    for part in plain.chunks(500) {
        let mut block = Vec::with_capacity(4096);
        packer
            .compress_vec(part, &mut block, FlushCompress::Sync)
            .unwrap();
        stored.extend_from_slice(&block);
    }
    // A block of the type that does not exist.
    stored.extend_from_slice(&[0b111; 40]);
    for sizes in [&[1][..], &[100], &[100_000]] {
        let limits = UnpackLimits::default();
        let (bytes, code) = unpacked(&stored, sizes, Compression::Auto, limits).await;
        assert_eq!(code, Some("corrupt"));
        assert!(bytes == plain, "{} of {}", bytes.len(), plain.len());
    }
}
