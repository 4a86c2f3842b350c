//! Every byte of an xz file counts: cut or changed anywhere, it is never taken for a whole one. The samples are made by
//! Python (`samples/make`).

use crate::unpack::tests::{unpacked, unpacked_auto};
use crate::unpack::{Compression, UnpackLimits};

const ROWS: &[u8] = include_bytes!("../samples/rows.csv");
const ONE: &[u8] = include_bytes!("../samples/one.xz");
/// Three streams, the second of nothing, with padding behind the first and the last.
const STREAMS: &[u8] = include_bytes!("../samples/streams.xz");
/// Every check, and a filter.
const OTHERS: [&[u8]; 4] = [
    include_bytes!("../samples/crc32.xz"),
    include_bytes!("../samples/sha256.xz"),
    include_bytes!("../samples/unchecked.xz"),
    include_bytes!("../samples/delta.xz"),
];
/// Dictionaries of 16 and 64 MiB.
const LARGE: [&[u8]; 2] = [
    include_bytes!("../samples/preset7.xz"),
    include_bytes!("../samples/preset9.xz"),
];

async fn unpacked_xz(stored: &[u8]) -> (Vec<u8>, Option<&'static str>) {
    unpacked(stored, &[11], Compression::Xz, UnpackLimits::default()).await
}

#[tokio::test]
async fn every_stream_check_and_filter_is_unpacked() {
    for stored in [&[ONE, STREAMS][..], &OTHERS].concat() {
        assert_eq!(unpacked_auto(stored).await, (ROWS.to_vec(), None));
        assert_eq!(unpacked_xz(stored).await, (ROWS.to_vec(), None));
    }
}

#[tokio::test]
async fn larger_dictionaries_than_8_mib_are_refused() {
    for stored in LARGE {
        let expected = (Vec::new(), Some("window_too_large"));
        assert_eq!(unpacked_auto(stored).await, expected);
        // What came before stays.
        let (bytes, code) = unpacked_auto(&[ONE, stored].concat()).await;
        assert_eq!((&bytes[..], code), (ROWS, Some("window_too_large")));
    }
}

#[tokio::test]
async fn cut_at_every_byte_it_is_truncated() {
    for stored in [ONE, STREAMS] {
        let mut ends = 0;
        for cut in 1..stored.len() {
            let (bytes, code) = unpacked_auto(&stored[..cut]).await;
            assert!(ROWS.starts_with(&bytes));
            match code {
                // Behind a stream, or a whole piece of padding.
                None => ends += 1,
                Some(code) => assert_eq!(code, "truncated", "cut at {cut}"),
            }
        }
        assert_eq!(ends, if stored == STREAMS { 5 } else { 0 });
    }
    assert_eq!(unpacked_xz(b"").await, (Vec::new(), Some("truncated")));
}

#[tokio::test]
async fn changed_in_any_bit_it_never_gives_other_bytes() {
    for stored in [ONE, STREAMS] {
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut changed = stored.to_vec();
                changed[at] ^= 1 << bit;
                let (_, code) = unpacked_xz(&changed).await;
                let known = [
                    "corrupt",
                    "truncated",
                    "window_too_large",
                    "unsupported_compression",
                ];
                assert!(
                    code.is_some_and(|code| known.contains(&code)),
                    "bit {bit} of byte {at}: {code:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn padding_is_a_multiple_of_four_zero_bytes() {
    for (more, expected) in [
        (&b"\0\0\0\0"[..], None),
        (b"\0\0\0\0\0\0\0\0", None),
        (b"\0", Some("truncated")),
        (b"\0\0\0\0\0", Some("truncated")),
        (b"\0\0\0a", Some("corrupt")),
        (b"a,b\n", Some("corrupt")),
    ] {
        let (bytes, code) = unpacked_auto(&[ONE, more].concat()).await;
        assert_eq!((&bytes[..], code), (ROWS, expected), "{more:?}");
    }
    let (_, code) = unpacked_auto(&[ONE, b"\0\0\0", ONE].concat()).await;
    assert_eq!(code, Some("corrupt"));
}
