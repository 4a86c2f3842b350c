//! `gen`: files of a spec and the truth about them, from outside. That every outcome is as foretold is shown beside the
//! generator for every type and dialect; here it is shown that the command keeps it.

use crate::job::{BINARY, job, place};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use testbed::process::Sluicegate;

/// The specs of the tree of which files can be made.
fn specs() -> Vec<PathBuf> {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    let mut specs: Vec<PathBuf> = std::fs::read_dir(below)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let refused = [
                "[format.xml]",
                "[format.lines]",
                "[format.fixed]",
                "[records.",
                "[group]",
            ];
            !refused.iter().any(|table| text.contains(table))
        })
        .collect();
    // Files are made in encodings only that hold every character.
    specs.retain(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        !text.contains("encoding = \"windows-1252\"")
    });
    specs.sort();
    assert!(!specs.is_empty());
    specs
}

/// A place with the spec as `spec.toml`.
fn with(spec: &Path) -> Sluicegate {
    let place = place();
    place.write("spec.toml", std::fs::read(spec).unwrap());
    place
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const GEN: [&str; 8] = [
    "gen",
    "spec.toml",
    "--records",
    "2000",
    "--bad",
    "5%",
    "--seed",
    "42",
];

#[tokio::test]
async fn a_generated_file_ends_as_its_truth_says() {
    for spec in specs() {
        let place = with(&spec);
        let ended = place
            .run(
                GEN.iter()
                    .chain(&["--out", "file", "--truth", "truth.jsonl"]),
            )
            .await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{}", ended.stdout);
        assert!(ended.stderr.contains("2000 records"), "{}", ended.stderr);
        let mut truth = lines(&place.path("truth.jsonl"));
        let totals = truth.pop().unwrap();
        assert_eq!(
            (truth.len(), &totals["rejected"]),
            (2000, &100.into()),
            "{totals}"
        );
        let options = [
            "--max-rejects",
            "2000",
            "--sink",
            "null",
            "--rejects",
            "rejects.jsonl",
        ];
        let args = [&["run", "spec.toml", "file"][..], &options].concat();
        let job = job(&place, &args).await;
        assert_eq!(
            (&job.json["state"], job.stats.read),
            (&"completed".into(), 2000),
            "{job:?}"
        );
        let rejects: BTreeMap<u64, Value> = lines(&place.path("rejects.jsonl"))
            .into_iter()
            .map(|reject| (reject["record"].as_u64().unwrap(), reject))
            .collect();
        for (line, number) in truth.iter().zip(1..) {
            assert_eq!(line["record"], number);
            match line["outcome"].as_str() {
                Some("rejected") => {
                    let reject = &rejects[&number];
                    let same =
                        (&reject["code"], &reject["field"]) == (&line["code"], &line["field"]);
                    assert!(same, "{}: {line} is {reject}", spec.display());
                }
                Some("loaded") => assert!(!rejects.contains_key(&number), "{line}"),
                other => assert_eq!(other, Some("passes_binding"), "{line}"),
            }
        }
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_wherever_they_go() {
    let place = with(&specs()[0]);
    let to_file = place.run(GEN.iter().chain(&["--out", "one"])).await;
    let to_pipe = place.run(GEN).await;
    assert_eq!((to_file.code, to_pipe.code), (Some(0), Some(0)));
    let one = std::fs::read(place.path("one")).unwrap();
    // Some records have bytes that are no text.
    let text = String::from_utf8_lossy(&one);
    assert!(text == to_pipe.stdout, "they differ");
    let mut other = GEN;
    other[7] = "43";
    assert!(place.run(other).await.stdout != text);
    // Nothing that is there is written over.
    for option in ["--out", "--truth"] {
        let again = place.run(GEN.iter().chain(&[option, "one"])).await;
        assert_eq!(again.code, Some(1), "{}", again.stderr);
        assert!(again.stderr.contains("there already"), "{}", again.stderr);
        assert_eq!(std::fs::read(place.path("one")).unwrap(), one);
    }
}

#[test]
fn whoever_reads_may_go_away() {
    let place = with(&specs()[0]);
    let mut child = Command::new(BINARY)
        .args(["gen", "spec.toml", "--records", "100000000"])
        .current_dir(place.folder())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 1000];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

/// The truth of half a file is no truth: whoever asked for it must not take it for one.
#[test]
fn whoever_reads_may_not_go_away_from_the_truth() {
    let place = with(&specs()[0]);
    let mut child = Command::new(BINARY)
        .args(["gen", "spec.toml", "--records", "100000000"])
        .args(["--truth", "truth.jsonl"])
        .current_dir(place.folder())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 1000];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("the truth is not whole"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_made_is_told_with_its_place() {
    let place = place();
    let spec =
        "spec = 1\nname = 'a'\n[format.csv]\n[fields]\nb = { pattern = 'a\\b\\B' }\n[sink.null]\n";
    place.write("spec.toml", spec);
    let ended = place.run(GEN).await;
    assert_eq!(ended.code, Some(2));
    for said in ["cannot_generate", "spec.toml:5:", "`b`", "^", "help"] {
        assert!(ended.stderr.contains(said), "{said} in {}", ended.stderr);
    }
    for wrong in ["1", "101%", "x"] {
        let ended = place
            .run(["gen", "spec.toml", "--records", "1", "--bad", wrong])
            .await;
        assert_eq!(ended.code, Some(2), "{wrong}: {}", ended.stderr);
    }
}
