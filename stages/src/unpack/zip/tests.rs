//! One file of an archive, whole or not at all: archives as Python writes them (`samples/make`), cut and changed
//! everywhere.

use super::{MAX_NAME_BYTES, Zip};
use crate::unpack::laws::{Outcome, same_for_all_cuts, zip_holds_for_any};
use crate::unpack::tests::{Pieces, text};
use crate::unpack::{Compression, Unpack, UnpackLimits, unpack};
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use std::io::Write;

const ROWS: &[u8] = include_bytes!("../samples/rows.csv");
const ONE: &[u8] = include_bytes!("../samples/one.zip");
const BEHIND: &[u8] = include_bytes!("../samples/behind.zip");
const SEVERAL: &[u8] = include_bytes!("../samples/several.zip");
const SEVERAL_BEHIND: &[u8] = include_bytes!("../samples/several-behind.zip");
/// One file each: stored, with sizes of 64 bits, with those behind the data.
const SINGLE: [&[u8]; 6] = [
    ONE,
    BEHIND,
    include_bytes!("../samples/stored.zip"),
    include_bytes!("../samples/wide.zip"),
    include_bytes!("../samples/wide-behind.zip"),
    include_bytes!("../samples/cp437.zip"),
];

fn how(member: Option<&str>) -> Unpack {
    Unpack {
        member: member.map(str::to_owned),
        ..Unpack::default()
    }
}

fn of(stored: &[u8], member: Option<&str>) -> Outcome {
    same_for_all_cuts(stored, &how(member))
}

/// The message of the error that ends it.
async fn told(stored: &[u8], member: Option<&str>) -> String {
    let source = Box::new(Pieces::of(stored, &[50]));
    let mut unpacked = match unpack(source, &how(member)).await {
        Ok(unpacked) => unpacked,
        Err(fatal) => return fatal.message,
    };
    crate::unpack::tests::drain(&mut *unpacked.source, 1000)
        .await
        .1
        .unwrap()
        .message
}

#[test]
fn the_only_file_needs_no_name() {
    for stored in SINGLE {
        assert_eq!(of(stored, None), (ROWS.to_vec(), None));
        assert_eq!(of(stored, Some("*rz.csv")).1.is_none(), stored == SINGLE[5]);
    }
    let nothing = include_bytes!("../samples/nothing.zip");
    assert_eq!(of(nothing, None), (Vec::new(), None));
    assert_eq!(of(SINGLE[5], Some("Määrz.csv")), (ROWS.to_vec(), None));
}

#[test]
fn a_pattern_chooses_one_of_several() {
    for stored in [SEVERAL, SEVERAL_BEHIND] {
        for pattern in ["data/März.csv", "*z.csv", "*/M?rz.csv"] {
            assert_eq!(
                of(stored, Some(pattern)),
                (ROWS.to_vec(), None),
                "{pattern}"
            );
        }
        assert_eq!(of(stored, Some("data/old.csv")), (b"old\n".to_vec(), None));
        let (_, code) = of(stored, Some("März.csv"));
        assert_eq!(code, Some("member_not_found"), "names have their folders");
        // What came before the second match stays.
        assert_eq!(
            of(stored, Some("*.csv")),
            (ROWS.to_vec(), Some("member_ambiguous"))
        );
        assert_eq!(of(stored, None).1, Some("member_ambiguous"));
        // A folder is no file.
        assert_eq!(of(stored, Some("data/")).1, Some("member_not_found"));
    }
}

#[tokio::test]
async fn names_are_listed_where_none_or_several_match() {
    assert_eq!(
        told(SEVERAL, Some("x.csv")).await,
        "no file of the zip archive is called \"x.csv\"; the first are \"data/notes.txt\", \
         \"data/März.csv\", \"data/old.csv\""
    );
    assert_eq!(
        told(SEVERAL, None).await,
        "the zip archive holds several files: \"data/notes.txt\", \"data/März.csv\""
    );
    assert_eq!(
        told(SEVERAL, Some("*.csv")).await,
        "several files of the zip archive are called \"*.csv\": \"data/März.csv\", \"data/old.csv\""
    );
    let empty = include_bytes!("../samples/empty.zip");
    assert_eq!(told(empty, None).await, "the zip archive holds no file");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_its_name() {
    let mut encrypted = ONE.to_vec();
    encrypted[6] |= 1;
    for (stored, why) in [
        (&encrypted[..], "it is encrypted"),
        (
            include_bytes!("../samples/bzip2.zip"),
            "its method is bzip2",
        ),
        (
            include_bytes!("../samples/stored-behind.zip"),
            "it is stored, and its size stands behind it",
        ),
    ] {
        assert_eq!(
            of(stored, None),
            (Vec::new(), Some("unsupported_compression"))
        );
        assert_eq!(
            told(stored, None).await,
            format!("\"rows.csv\" in the zip archive cannot be read: {why}")
        );
    }
    // What is not chosen need not be read where its size is known.
    let bzip2 = include_bytes!("../samples/bzip2.zip");
    assert_eq!(of(bzip2, Some("x")).1, Some("member_not_found"));
}

#[test]
fn cut_at_every_byte_it_is_truncated() {
    for (stored, member) in SINGLE
        .map(|stored| (stored, None))
        .into_iter()
        .chain([SEVERAL, SEVERAL_BEHIND].map(|stored| (stored, Some("*z.csv"))))
    {
        for cut in 3..stored.len() {
            let (bytes, code) = of(&stored[..cut], member);
            assert_eq!(code, Some("truncated"), "cut at {cut} of {}", stored.len());
            assert!(ROWS.starts_with(&bytes));
        }
        let more = [stored, b"\0\0"].concat();
        assert_eq!(of(&more, member), (ROWS.to_vec(), None));
        let more = [stored, b"a"].concat();
        assert_eq!(of(&more, member), (ROWS.to_vec(), Some("corrupt")));
    }
}

#[test]
fn changed_in_any_bit_it_never_gives_other_bytes() {
    for stored in [ONE, BEHIND, SINGLE[2]] {
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut changed = stored.to_vec();
                changed[at] ^= 1 << bit;
                let how = Unpack {
                    compression: Compression::Zip,
                    ..Unpack::default()
                };
                let (bytes, code) = same_for_all_cuts(&changed, &how);
                if code.is_none() {
                    // Times, versions, attributes, offsets: nothing that is unpacked.
                    assert_eq!(bytes, ROWS, "bit {bit} of byte {at}");
                }
            }
        }
    }
}

/// A local header and its data, deflated.
fn member(name: &[u8], data: &[u8], crc: u32, bytes: usize) -> Vec<u8> {
    let mut stored = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0".to_vec();
    stored.extend_from_slice(&crc.to_le_bytes());
    stored.extend_from_slice(&(data.len() as u32).to_le_bytes());
    stored.extend_from_slice(&(bytes as u32).to_le_bytes());
    stored.extend_from_slice(&(name.len() as u16).to_le_bytes());
    stored.extend_from_slice(&[0, 0]);
    stored.extend_from_slice(name);
    stored.extend_from_slice(data);
    stored
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut packer = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[test]
fn names_and_numbers_of_files_are_limited() {
    let long = member(&vec![b'a'; MAX_NAME_BYTES + 1], b"", 0, 0);
    assert_eq!(of(&long, None), (Vec::new(), Some("member_name_too_long")));
    let many = member(b"a", b"", 0, 0).repeat(super::MAX_MEMBERS as usize + 1);
    let mut reader = Zip::new(Some("b".to_owned()), UnpackLimits::default());
    let step = super::Decode::decode(&mut reader, &many, &mut [0; 9]);
    assert_eq!(step.failed.unwrap().code, "too_many_members");
    let most = &many[..many.len() - member(b"a", b"", 0, 0).len()];
    let mut reader = Zip::new(Some("b".to_owned()), UnpackLimits::default());
    let step = super::Decode::decode(&mut reader, most, &mut [0; 9]);
    assert_eq!((step.taken, step.failed.is_none()), (most.len(), true));
}

#[test]
fn the_ratio_is_judged_for_each_file() {
    let (zeros, noise) = (deflated(&[0; 1 << 20]), deflated(&text(1 << 20)));
    // Behind so much honest data, the zeros would go unseen in the ratio of the whole.
    let honest = member(b"b", &noise, 1, 1 << 20);
    let archive = [&honest[..], &member(b"a", &zeros, 1, 1 << 20)].concat();
    let limits = UnpackLimits {
        ratio_after_bytes: 64 * 1024,
        max_ratio: 20,
        ..UnpackLimits::default()
    };
    let how = Unpack {
        limits,
        ..how(Some("a"))
    };
    let (bytes, code) = same_for_all_cuts(&archive, &how);
    assert_eq!(code, Some("bomb"));
    assert!(bytes.len() < 200 * 1024, "{}", bytes.len());
    // What has to be inflated to be passed over is judged as well.
    let mut behind = member(b"b", &zeros, 1, 1 << 20);
    behind[6] |= 8;
    let (bytes, code) = same_for_all_cuts(&behind, &how);
    assert_eq!((bytes.len(), code), (0, Some("bomb")));
}

#[test]
fn a_directory_that_lists_something_else_is_corrupt() {
    let directory = ONE.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    let end = ONE.windows(4).position(|at| at == b"PK\x05\x06").unwrap();
    let entry = &ONE[directory..end];
    for archive in [
        [&ONE[..directory], &ONE[end..]].concat(),
        [&ONE[..end], entry, &ONE[end..]].concat(),
        [&ONE[..directory], &entry[..46], b"rows.tsv", &ONE[end..]].concat(),
    ] {
        assert_eq!(of(&archive, None), (ROWS.to_vec(), Some("corrupt")));
    }
}

/// What the fuzzer found worth keeping.
fn corpus() -> impl Iterator<Item = Vec<u8>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fuzz/corpus/unpack_zip"
    );
    let entries = std::fs::read_dir(path).unwrap();
    entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
}

#[test]
fn corpus_of_the_fuzzer_breaks_no_law() {
    assert!(corpus().map(|input| zip_holds_for_any(&input)).count() > 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A good archive with a few bytes changed, and anything behind a signature.
    #[test]
    fn no_bytes_break_the_laws(
        which in 0..8usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let samples = [&SINGLE[..], &[SEVERAL, SEVERAL_BEHIND]].concat();
        let mut stored = samples[which].to_vec();
        for (index, byte) in changes {
            let at = index.index(stored.len());
            stored[at] = byte;
        }
        zip_holds_for_any(&stored);
        zip_holds_for_any(&[&b"PK\x03\x04"[..], &noise].concat());
    }
}
