//! Every byte of a Zstandard file counts: cut or changed anywhere, it is never taken for a whole one.

use crate::unpack::tests::{text, unpacked, unpacked_auto, zst};
use crate::unpack::{Compression, UnpackLimits};
use ::zstd::Encoder;
use std::io::Write;

/// A frame that has its checksum but not its length, in blocks of their own.
fn in_blocks(parts: &[&[u8]]) -> Vec<u8> {
    let mut packer = Encoder::new(Vec::new(), 3).unwrap();
    packer.include_checksum(true).unwrap();
    for part in parts {
        packer.write_all(part).unwrap();
        packer.flush().unwrap();
    }
    packer.finish().unwrap()
}

fn skippable(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [&[0x50, 0x2a, 0x4d, 0x18], &length[..], bytes].concat()
}

async fn unpacked_zstd(stored: &[u8]) -> (Vec<u8>, Option<&'static str>) {
    unpacked(stored, &[11], Compression::Zstd, UnpackLimits::default()).await
}

fn samples() -> Vec<(Vec<u8>, Vec<u8>)> {
    let plain = text(700);
    vec![
        (plain.clone(), zst(&plain)),
        (
            plain.clone(),
            in_blocks(&plain.chunks(200).collect::<Vec<_>>()),
        ),
        (Vec::new(), zst(b"")),
    ]
}

#[tokio::test]
async fn every_frame_is_unpacked() {
    let frames = [
        zst(b"a\n"),
        zst(b""),
        skippable(b"note"),
        in_blocks(&[b"b", b"\n"]),
    ];
    assert_eq!(
        unpacked_auto(&frames.concat()).await,
        (b"a\nb\n".to_vec(), None)
    );
    let first = [skippable(b""), zst(b"a\n")];
    assert_eq!(
        unpacked_auto(&first.concat()).await,
        (b"a\n".to_vec(), None)
    );
}

#[tokio::test]
async fn cut_at_every_byte_it_is_truncated() {
    for (plain, stored) in samples() {
        for cut in 1..stored.len() {
            let (bytes, code) = unpacked_zstd(&stored[..cut]).await;
            assert_eq!(code, Some("truncated"), "cut at {cut} of {}", stored.len());
            assert!(plain.starts_with(&bytes));
        }
        for cut in 2..stored.len() {
            let (_, code) = unpacked_auto(&stored[..cut]).await;
            assert_eq!(code, Some("truncated"), "cut at {cut} of {}", stored.len());
        }
    }
}

#[tokio::test]
async fn changed_in_any_bit_it_never_gives_other_bytes() {
    for (plain, stored) in samples() {
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut changed = stored.clone();
                changed[at] ^= 1 << bit;
                let (bytes, code) = unpacked_zstd(&changed).await;
                if code.is_none() {
                    assert_eq!(bytes, plain, "bit {bit} of byte {at}");
                }
            }
        }
    }
}

#[tokio::test]
async fn nothing_may_follow_but_frames() {
    for tail in [&b"garbage"[..], b"\n", &[0; 8]] {
        let stored = [&zst(b"a\n")[..], tail].concat();
        let (bytes, code) = unpacked_auto(&stored).await;
        assert_eq!(bytes, b"a\n");
        assert!(matches!(code, Some("corrupt" | "truncated")), "{code:?}");
    }
    let stored = [&zst(b"a\n")[..], b"garbage, and more of it"].concat();
    assert_eq!(unpacked_auto(&stored).await.1, Some("corrupt"));
}

#[tokio::test]
async fn what_was_decoded_before_the_error_is_given() {
    let plain = text(300_000);
    let mut stored = in_blocks(&plain.chunks(700).collect::<Vec<_>>());
    let count = stored.len();
    // In the checksum, so that every block is right.
    stored[count - 1] ^= 1;
    for sizes in [&[1000][..], &[100_000]] {
        let limits = UnpackLimits::default();
        let (bytes, code) = unpacked(&stored, sizes, Compression::Auto, limits).await;
        assert_eq!(code, Some("truncated"));
        assert!(bytes == plain, "{} of {}", bytes.len(), plain.len());
    }
}

fn with_window(log: u32, bytes: &[u8]) -> Vec<u8> {
    let mut packer = Encoder::new(Vec::new(), 1).unwrap();
    packer.window_log(log).unwrap();
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[tokio::test]
async fn windows_of_8_mib_are_unpacked_and_larger_ones_refused() {
    let plain = text(300_000);
    let limits = UnpackLimits::default();
    let whole = async |stored: Vec<u8>| {
        let (bytes, code) = unpacked(&stored, &[100_000], Compression::Auto, limits).await;
        (bytes == plain, code)
    };
    assert_eq!(whole(with_window(23, &plain)).await, (true, None));
    assert_eq!(
        whole(with_window(24, &plain)).await,
        (false, Some("window_too_large"))
    );
    let mut packer = Encoder::new(Vec::new(), 19).unwrap();
    packer.write_all(&plain).unwrap();
    assert_eq!(whole(packer.finish().unwrap()).await, (true, None));
}

#[tokio::test]
async fn dictionary_is_refused_by_its_name() {
    // A frame header that names dictionary 7: descriptor, window, id, then one empty last block.
    let stored = [&[0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x00, 7][..], &[1, 0, 0]].concat();
    assert_eq!(
        unpacked_zstd(&stored).await.1,
        Some("unsupported_compression")
    );
}
