//! The table of bad input as far as it is about whole files: which are refused, which fail their job or are held, what
//! stays of them; and what is no fault at all.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::case::{ALL, Case, REJECTS, X, Y, csv, jsonl};
use crate::found::Documents;
use crate::job::place;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn broken_gzip_keeps_what_came_and_fails_the_job() {
    let rows: String = (0..50_000).map(|n| format!("row {n},{n}\n")).collect();
    let packed = gzip(format!("a,n\n{rows}").as_bytes());
    let mut checksum = packed.clone();
    let at = packed.len() - 8;
    checksum[at] ^= 1;
    for (what, bytes) in [
        ("cut", &packed[..packed.len() / 2]),
        ("checksum", &checksum[..]),
    ] {
        let case = csv();
        let job = case.load("rows.csv.gz", bytes).await;
        assert_eq!(job.verdict(), "failed 1 truncated", "{what}");
        assert!(
            job.stats.loaded > 1_000,
            "{what}: what came is loaded: {:?}",
            job.stats
        );
        let found = Documents::of_store(&case.place, "bad").await;
        assert_eq!(found.len() as u64, job.stats.loaded, "{what}");
        for (n, document) in found.values().into_iter().enumerate() {
            assert_eq!(
                (&document["a"], &document["n"]),
                (&format!("row {n}").into(), &n.into()),
                "{what}"
            );
        }
    }
    // Every member counts.
    let two = [gzip(b"a,n\nx,1\n"), gzip(b"y,2\n")].concat();
    csv().check_file("two.csv.gz", two, ALL, &[X, Y], &[]).await;
}

#[tokio::test]
async fn a_file_over_its_limit_is_refused_before_its_first_record() {
    let limit = "max_bytes = \"20B\"";
    Case {
        input: limit,
        ..csv()
    }
    .check(
        "a,n\nx,1\ny,2\n12345,67\n",
        "failed 1 file_too_large",
        &[],
        &[],
    )
    .await;
    Case {
        input: limit,
        ..csv()
    }
    .check(
        "a,n\nx,1\ny,2\n123,45\n",
        ALL,
        &[X, Y, r#"{"a":"123","n":45}"#],
        &[],
    )
    .await;
    let input = format!("{X}\n{Y}\n");
    Case {
        input: limit,
        ..jsonl()
    }
    .check(input, "failed 1 file_too_large", &[], &[])
    .await;
}

#[tokio::test]
async fn a_decompression_bomb_fails_the_job_within_10_s() {
    let zeros = gzip(&vec![b'0'; 200 << 20]);
    assert!(zeros.len() < 1 << 20);
    let case = Case {
        place: place().deadline(Duration::from_secs(10)),
        ..csv()
    };
    let job = case
        .load("bomb.csv.gz", &[gzip(b"a,n\nx,1\n"), zeros].concat())
        .await;
    assert_eq!(job.verdict(), "failed 1 bomb");
    // Over max_bytes it is one from there on.
    let limited = Case {
        input: "max_bytes = \"1KB\"",
        place: place().deadline(Duration::from_secs(10)),
        ..jsonl()
    };
    let job = limited
        .load(
            "bomb.jsonl.gz",
            &gzip(format!("{X}\n").repeat(1_000).as_bytes()),
        )
        .await;
    assert_eq!(job.verdict(), "failed 1 bomb");
}

#[tokio::test]
async fn an_input_without_records_is_held_unless_it_is_expected() {
    let expected = "max_ratio = 1.0\nmin_records = 0";
    for empty in ["", "a,n\n", "a,n", "\n\n", "\u{feff}"] {
        csv().check(empty, "held 4 min_records", &[], &[]).await;
        Case {
            errors: expected,
            ..csv()
        }
        .check(empty, ALL, &[], &[])
        .await;
    }
    for empty in ["", "\n", "\r\n\r\n", "\u{feff}"] {
        jsonl().check(empty, "held 4 min_records", &[], &[]).await;
        Case {
            errors: expected,
            ..jsonl()
        }
        .check(empty, ALL, &[], &[])
        .await;
    }
}

#[tokio::test]
async fn line_ends_and_byte_order_marks_are_handled() {
    for input in [
        "a,n\nx,1\ny,2",
        "a,n\r\nx,1\r\ny,2\r\n",
        "a,n\rx,1\ry,2\r",
        "\u{feff}a,n\nx,1\n\ny,2\n",
    ] {
        csv().check(input, ALL, &[X, Y], &[]).await;
    }
    for (start, end, last) in [
        ("", "\n", ""),
        ("", "\r\n", "\r\n"),
        ("\u{feff}", "\n\n", "\n"),
    ] {
        jsonl()
            .check(format!("{start}{X}{end}{Y}{last}"), ALL, &[X, Y], &[])
            .await;
    }
    // The mark is no part of the stream that offsets count.
    csv()
        .check("\u{feff}a,n\nx,one\n", REJECTS, &[], &["1:2:4 type n"])
        .await;
}

#[tokio::test]
async fn odd_names_of_files_are_only_names() {
    let long = "n".repeat(255);
    for name in [
        "a b'\"$(touch hacked);.csv",
        "line\nbreak\u{1b}[2J\t.csv",
        "--json",
        "Grüße 北京.csv",
        "%2e%2e%2f",
        &long,
    ] {
        let case = csv();
        case.place.write(name, "a,n\nx,1\n");
        let path = format!("./{name}");
        let spec = "spec = 1\nname = \"odd\"\n[format.csv]\n[fields]\na = {}\n[sink.mongodb]\ncollection = \"odd\"\nlineage = \"src\"\n";
        case.place.write("odd.toml", spec);
        let ended = case.place.run(["run", "odd.toml", &path]).await;
        assert_eq!(ended.code, Some(0), "{name:?}: {}", ended.stderr);
        let control = |text: &str| text.contains(|c: char| c.is_control() && c != '\n');
        assert!(
            !control(&ended.stdout) && !control(&ended.stderr),
            "{name:?}: {:?}",
            ended.stdout
        );
        let exported = case.place.run(["export", "odd"]).await.stdout;
        let document: Value = serde_json::from_str(&exported).unwrap();
        assert_eq!(
            (&document["a"], &document["src"]["file"]),
            (&"x".into(), &name.into())
        );
        assert!(!case.place.path("hacked").exists());
    }
}
