//! Files as others pack and encode them, made by Python: bzip2, xz, one file of a zip archive, and texts that are not
//! UTF-8. Whole they are loaded, cut they keep what came, bombs end, and memory does not grow.

use std::process::Command;
use std::time::Duration;

use testbed::process::Sluicegate;

use crate::case::{ALL, Case, REJECTS, X, Y, csv};
use crate::found::Documents;
use crate::job::{Job, place};

/// The promise, for a file of any kind and size.
const MAX_RSS_BYTES: u64 = 64_000_000;
/// Packers of bytes into bytes, as a script of Python calls them.
const PACKERS: &str = "
import bz2, io, lzma, sys, zipfile
def zipped(data, name='data/rows.csv', more=()):
    to = io.BytesIO()
    with zipfile.ZipFile(to, 'w', zipfile.ZIP_DEFLATED) as archive:
        for other in more:
            archive.writestr(other, 'other')
        archive.writestr(name, data)
    return to.getvalue()
def xz(data):
    # As large a dictionary as is taken, in the time of the fastest preset.
    filters = [{'id': lzma.FILTER_LZMA2, 'preset': 0, 'dict_size': 8 << 20}]
    return lzma.compress(data, filters=filters)
PACK = {'bz2': bz2.compress, 'xz': xz, 'zip': zipped}
def write(name, data):
    with open(name, 'wb') as file:
        file.write(data)
";
const KINDS: [&str; 3] = ["bz2", "xz", "zip"];

/// Runs a script of Python in a place, behind [`PACKERS`].
pub fn python(place: &Sluicegate, script: &str) {
    let made = Command::new("python3")
        .current_dir(place.folder())
        .args(["-c", &format!("{PACKERS}\n{script}")])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// The file that a script writes as `made`.
fn made(case: &Case, script: &str) -> Vec<u8> {
    python(&case.place, script);
    std::fs::read(case.place.path("made")).unwrap()
}

#[tokio::test]
async fn packed_by_python_a_file_is_loaded() {
    for script in [
        "bz2.compress(b'a,n\\nx,1\\ny,2\\n')",
        "bz2.compress(b'a,n\\nx') + bz2.compress(b',1\\ny,2\\n')",
        "lzma.compress(b'a,n\\nx,1\\ny,2\\n')",
        "lzma.compress(b'a,n\\nx,') + bytes(8) + lzma.compress(b'1\\ny,2\\n')",
        "zipped(b'a,n\\nx,1\\ny,2\\n')",
    ] {
        let case = csv();
        let bytes = made(&case, &format!("write('made', {script})"));
        case.check_file("rows", bytes, ALL, &[X, Y], &[]).await;
    }
}

#[tokio::test]
async fn a_member_is_chosen_from_an_archive() {
    let script = "write('made', zipped(b'a,n\\nx,1\\ny,2\\n', more=['readme.txt', 'data/']))";
    for (input, verdict, loaded) in [
        ("member = \"*.csv\"", ALL, &[X, Y][..]),
        (
            "member = \"data/rows.csv\"\ncompression = \"zip\"",
            ALL,
            &[X, Y],
        ),
        ("member = \"rows.csv\"", "failed 1 member_not_found", &[]),
        ("", "failed 1 member_ambiguous", &[]),
    ] {
        let case = Case { input, ..csv() };
        let bytes = made(&case, script);
        let job = case.load("rows.zip", &bytes).await;
        assert_eq!(job.verdict(), verdict, "{input}: {}", job.stderr);
        let found = Documents::of_store(&case.place, "bad").await;
        assert_eq!(found.len(), loaded.len(), "{input}");
    }
}

#[tokio::test]
async fn cut_it_keeps_what_came_and_fails_the_job() {
    for kind in KINDS {
        let case = csv();
        let bytes = made(
            &case,
            &format!(
                "rows = ''.join(f'row {{n}},{{n}}\\n' for n in range(400_000))
write('made', PACK['{kind}'](f'a,n\\n{{rows}}'.encode()))"
            ),
        );
        let job = case.load("rows", &bytes[..bytes.len() * 3 / 4]).await;
        assert_eq!(job.verdict(), "failed 1 truncated", "{kind}");
        assert!(job.stats.loaded > 1_000, "{kind}: {:?}", job.stats);
        let found = Documents::of_store(&case.place, "bad").await;
        assert_eq!(found.len() as u64, job.stats.loaded, "{kind}");
    }
}

/// Runs the spec `case.toml` over `made` into the null sink, within bounded memory.
async fn within_memory(place: &Sluicegate, what: &str) -> Job {
    let spec = "spec = 1\nname = \"case\"\n[format.csv]\n[fields]\na = {}\nn = {}\n\
                [errors]\nmax_ratio = 1.0\n[sink.null]\n";
    place.write("case.toml", spec);
    let ended = place.run(["run", "case.toml", "made", "--json"]).await;
    let peak_bytes = ended.peak_rss_bytes;
    println!("{what}: {:.1} MB at most", peak_bytes as f64 / 1e6);
    assert!(
        peak_bytes > 0 && peak_bytes < MAX_RSS_BYTES,
        "{what}: {peak_bytes} bytes resident"
    );
    Job::of(ended)
}

#[tokio::test]
async fn a_bomb_of_each_kind_ends_within_10_s_and_bounded_memory() {
    for script in [
        "bz2.compress(b'a,n\\n') + bz2.compress(b'0' * (1 << 20)) * 200",
        "lzma.compress(b'a,n\\n') + lzma.compress(b'0' * (1 << 20)) * 200",
        "lzma.compress(b'a,n\\n' + b'0' * (200 << 20), preset=0)",
        "zipped(b'a,n\\n' + b'0' * (200 << 20))",
    ] {
        let place = place().deadline(Duration::from_secs(10));
        python(&place, &format!("write('made', {script})"));
        let job = within_memory(&place, script).await;
        assert_eq!(job.verdict(), "failed 1 bomb", "{script}");
    }
}

#[tokio::test]
async fn memory_does_not_grow_with_what_is_packed() {
    for kind in KINDS {
        let place = place().deadline(Duration::from_secs(120));
        // Numbers that do not repeat fill every dictionary.
        python(
            &place,
            &format!(
                "import random
random.seed(6)
rows = ''.join(f'{{random.getrandbits(64)}},{{n}}\\n' for n in range(1_000_000))
write('made', PACK['{kind}'](f'a,n\\n{{rows}}'.encode()))"
            ),
        );
        let job = within_memory(&place, kind).await;
        assert_eq!(job.verdict(), ALL, "{kind}: {}", job.stderr);
        assert_eq!(job.stats.loaded, 1_000_000, "{kind}");
    }
}

#[tokio::test]
async fn a_dictionary_over_the_limit_is_refused_by_name() {
    let case = csv();
    let bytes = made(
        &case,
        "write('made', lzma.compress(b'a,n\\nx,1\\n', preset=9))",
    );
    case.check_file("rows.xz", bytes, "failed 1 window_too_large", &[], &[])
        .await;
}

#[tokio::test]
async fn other_encodings_are_read_as_the_spec_says() {
    let utf_16 = "write('made', 'a,n\\nä😀,1\\n'.encode('utf-16'))";
    let big = "write('made', 'a,n\\nä😀,1\\n'.encode('utf-16-be'))";
    for (input, script, expected) in [
        ("encoding = \"auto\"", utf_16, "ä😀"),
        ("encoding = \"utf-16\"", utf_16, "ä😀"),
        ("encoding = \"UTF-16BE\"", big, "ä😀"),
        (
            "encoding = \"auto\"",
            "write('made', lzma.compress('a,n\\nä😀,1\\n'.encode('utf-16')))",
            "ä😀",
        ),
        (
            "encoding = \"latin1\"",
            "write('made', 'a,n\\n€ö,1\\n'.encode('cp1252'))",
            "€ö",
        ),
        (
            "encoding = \"shift_jis\"",
            "write('made', 'a,n\\n日本,1\\n'.encode('cp932'))",
            "日本",
        ),
        (
            "encoding = \"iso-2022-jp\"",
            "write('made', 'a,n\\n日本,1\\n'.encode('iso2022-jp'))",
            "日本",
        ),
        (
            "encoding = \"koi8-r\"",
            "write('made', 'a,n\\nЖук,1\\n'.encode('koi8-r'))",
            "Жук",
        ),
    ] {
        let case = Case { input, ..csv() };
        let bytes = made(&case, script);
        let document = format!("{{\"a\":\"{expected}\",\"n\":1}}");
        case.check_file("rows", bytes, ALL, &[&document], &[]).await;
    }
}

#[tokio::test]
async fn malformed_text_rejects_its_record_alone() {
    // An unpaired surrogate, and a unit that the end cuts. Offsets count the bytes of UTF-8.
    let case = Case {
        input: "encoding = \"auto\"",
        ..csv()
    };
    let script = "write('made', b'\\xff\\xfe' + 'a,n\\nä,1\\n'.encode('utf-16-le') + b'\\x00\\xd8' \
                  + ',2\\ny,2\\nz'.encode('utf-16-le') + b'z')";
    let bytes = made(&case, script);
    case.check_file(
        "rows",
        bytes,
        REJECTS,
        &[r#"{"a":"ä","n":1}"#, Y],
        &["2:3:9 encoding -", "4:5:17 encoding -"],
    )
    .await;
    let case = Case {
        input: "encoding = \"shift_jis\"",
        ..csv()
    };
    case.check_file(
        "rows",
        b"a,n\n\x81,1\nx,1\n",
        REJECTS,
        &[X],
        &["1:2:4 encoding -"],
    )
    .await;
}

#[tokio::test]
async fn a_mark_against_the_label_fails_the_file() {
    for (input, bytes) in [
        ("", &b"\xff\xfea\0"[..]),
        ("encoding = \"windows-1252\"", b"\xef\xbb\xbfa,n\nx,1\n"),
        ("encoding = \"utf-16le\"", b"\xfe\xff\0a"),
        ("encoding = \"auto\"", b"\xff\xfe\0\0a\0\0\0"),
    ] {
        let case = Case { input, ..csv() };
        case.check_file("rows", bytes, "failed 1 encoding", &[], &[])
            .await;
    }
}
