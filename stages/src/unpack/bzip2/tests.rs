//! Every byte of a bzip2 file counts: cut or changed anywhere, it is never taken for a whole one. The samples are made
//! by Python (`samples/make`).

use crate::unpack::tests::{unpacked, unpacked_auto};
use crate::unpack::{Compression, UnpackLimits};

const ROWS: &[u8] = include_bytes!("../samples/rows.csv");
const ONE: &[u8] = include_bytes!("../samples/one.bz2");
/// Three streams, the second of nothing, the first in blocks of another size.
const TWO: &[u8] = include_bytes!("../samples/two.bz2");

async fn unpacked_bzip2(stored: &[u8]) -> (Vec<u8>, Option<&'static str>) {
    unpacked(stored, &[11], Compression::Bzip2, UnpackLimits::default()).await
}

#[tokio::test]
async fn every_stream_is_unpacked() {
    for stored in [ONE, TWO] {
        assert_eq!(unpacked_auto(stored).await, (ROWS.to_vec(), None));
        assert_eq!(unpacked_bzip2(stored).await, (ROWS.to_vec(), None));
    }
}

#[tokio::test]
async fn cut_at_every_byte_it_is_truncated() {
    for stored in [ONE, TWO] {
        let mut ends = 0;
        for cut in 0..stored.len() {
            let (bytes, code) = unpacked_bzip2(&stored[..cut]).await;
            assert!(ROWS.starts_with(&bytes));
            match code {
                // Behind a stream, as if the others had never been.
                None => ends += 1,
                Some(code) => assert_eq!(code, "truncated", "cut at {cut}"),
            }
            // By its first bytes, as soon as they are no text.
            if cut > 5 {
                assert_eq!(unpacked_auto(&stored[..cut]).await, (bytes, code), "{cut}");
            }
        }
        assert_eq!(ends, if stored == TWO { 2 } else { 0 });
    }
}

#[tokio::test]
async fn changed_in_any_bit_it_never_gives_other_bytes() {
    for stored in [ONE, TWO] {
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut changed = stored.to_vec();
                changed[at] ^= 1 << bit;
                let (bytes, code) = unpacked_bzip2(&changed).await;
                match code {
                    // The size of blocks, and bits behind the end of a stream.
                    None => assert_eq!(bytes, ROWS, "bit {bit} of byte {at}"),
                    Some(code) => assert!(matches!(code, "corrupt" | "truncated"), "{code}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn what_follows_the_last_stream_is_never_left_out() {
    for more in [&b"a,b\n"[..], b"\0", b"BZh", b"BZh9"] {
        let (bytes, code) = unpacked_auto(&[ONE, more].concat()).await;
        assert_eq!(bytes, ROWS);
        assert!(matches!(code, Some("corrupt" | "truncated")), "{more:?}");
    }
}
