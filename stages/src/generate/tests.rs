//! What is generated is what it says: for every spec of the tree and for specs of every type and dialect, the real
//! chain gives each record the outcome of the truth. And the same seed gives the same bytes.

use super::*;
use crate::ledger::MemoryLedger;
use crate::open::{Opening, open};
use crate::sink::null;
use crate::source::memory::MemoryOrigin;
use pipeline::{Accepted, Budget, End, Job, OnBreach};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex};

/// Records of each file.
const RECORDS: u64 = 400;
/// What a spec says whose files are not made.
const NARROW: &str = "encoding = \"windows-1252\"";
/// Files of each spec.
const SEEDS: u64 = 6;

fn generator(name: &str, text: &str, bad: &str, seed: u64) -> Generator {
    let bad = Share::parse(bad).unwrap();
    Generator::read(name, text, Defaults::default(), None, (bad, seed))
        .unwrap_or_else(|problems| panic!("{name}: {}", problems.render(false)))
}

fn file(generator: &Generator, records: u64) -> (Vec<u8>, Vec<Truth>) {
    file_by(3, generator, records)
}

fn file_by(threads: usize, generator: &Generator, records: u64) -> (Vec<u8>, Vec<Truth>) {
    let (mut bytes, mut truths) = (Vec::new(), Vec::new());
    let made: Result<(), std::convert::Infallible> =
        generator.blocks(records, threads, |mut block| {
            bytes.append(&mut block.bytes);
            truths.append(&mut block.truths);
            Ok(())
        });
    made.unwrap();
    (bytes, truths)
}

/// The code and the field of each reject, by its record; and how many were loaded and dropped.
struct Loaded {
    rejects: BTreeMap<u64, (String, Option<String>)>,
    loaded: u64,
    dropped: u64,
}

async fn load(plan: &Plan, bytes: &[u8], what: &str) -> Loaded {
    let mut packed = Packed::of(&plan.input.unpack, Vec::new()).unwrap();
    packed.write_all(bytes).unwrap();
    let packed = packed.finish().unwrap();
    let origin = MemoryOrigin::new("generated", packed);
    let opened = match open(plan, &origin, None, &Accepted::default()).await {
        Ok(Opening::Ready(opened)) => opened,
        Ok(Opening::Held(breach, _)) => panic!("{what}: held: {}", breach.message),
        Err(fatal) => panic!("{what}: {fatal}"),
    };
    let rejects = Arc::new(Mutex::new(BTreeMap::new()));
    let told = rejects.clone();
    let ledger = MemoryLedger::with_each(move |reject| {
        let problem = reject.leading().unwrap();
        let leading = (problem.code.to_string(), problem.field.clone());
        told.lock().unwrap().insert(reject.at.ordinal + 1, leading);
        Ok(())
    });
    let flow = plan.sink.flow.in_order();
    let report = pipeline::run(Job {
        budget: Budget {
            on_breach: OnBreach::Continue,
            ..plan.budget
        },
        ..opened.job(plan, null::open(), Arc::new(ledger), flow)
    })
    .await;
    assert!(
        matches!(report.end, End::Completed(_)),
        "{what}: {:?}",
        report.end
    );
    let counters = report.checkpoint.books.counters;
    Loaded {
        rejects: std::mem::take(&mut *rejects.lock().unwrap()),
        loaded: counters.loaded,
        dropped: counters.dropped_total(),
    }
}

/// Loads a generated file and compares each outcome with its truth. The codes that were met.
async fn check(name: &str, text: &str, bad: &str, seed: u64) -> BTreeSet<&'static str> {
    let generator = generator(name, text, bad, seed);
    let what = format!("{name}, seed {seed}");
    let (bytes, truths) = file(&generator, RECORDS);
    let loaded = load(generator.plan(), &bytes, &what).await;
    let steps = loaded.rejects.len();
    let mut foretold = 0;
    for truth in &truths {
        let found = loaded.rejects.get(&truth.record);
        let shown = || {
            let one = &mut Vec::new();
            generator.record(truth.record - 1, one);
            format!(
                "{what}: {trut:?}, not {found:?}: {}",
                String::from_utf8_lossy(one),
                trut = truth
            )
        };
        match truth.outcome {
            Outcome::Rejected => {
                foretold += 1;
                let wanted = (truth.code.unwrap().to_owned(), truth.field.clone());
                assert_eq!(found, Some(&wanted), "{}", shown());
            }
            Outcome::Loaded => assert_eq!(found, None, "{}", shown()),
            // What binding refuses has a code of binding; the steps have names of their own.
            Outcome::PassesBinding => {
                let codes = [
                    "type",
                    "required",
                    "pattern",
                    "enum",
                    "cell_count",
                    "json_syntax",
                    "encoding",
                ];
                let is_binding = found.is_some_and(|(code, _)| codes.contains(&code.as_str()));
                assert!(!is_binding, "{}", shown());
            }
        }
    }
    let passing = truths.len() as u64 - foretold;
    let by_steps = steps as u64 - foretold;
    assert_eq!(loaded.loaded + loaded.dropped + by_steps, passing, "{what}");
    truths.iter().filter_map(|truth| truth.code).collect()
}

#[tokio::test]
async fn files_of_every_spec_of_the_tree_end_as_their_truth_says() {
    let below = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    let mut specs: Vec<_> = std::fs::read_dir(below)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    specs.sort();
    assert!(!specs.is_empty());
    for path in specs {
        let text = std::fs::read_to_string(&path).unwrap();
        if is_refused(&text) {
            continue;
        }
        let mut codes = BTreeSet::new();
        for seed in 0..SEEDS {
            codes.append(&mut check(&path.display().to_string(), &text, "40%", seed).await);
        }
        assert!(codes.len() >= 8, "{}: only {codes:?}", path.display());
    }
}

/// Whether no files of the spec can be made, by its format or because its encoding does not hold every character; which
/// then must be said.
fn is_refused(text: &str) -> bool {
    let of = [
        "[format.lines]",
        "[format.fixed]",
        "[format.xml]",
        "[group]",
        "[records.",
        NARROW,
    ];
    let is_known = !of.iter().any(|one| text.contains(one));
    let read = Generator::read(
        "a",
        text,
        Defaults::default(),
        None,
        (Share::parse("1%").unwrap(), 1),
    );
    let codes: Vec<&str> = match &read {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.code).collect(),
    };
    assert_eq!(codes, if is_known { &[][..] } else { &[CODE] });
    !is_known
}

#[test]
fn what_cannot_be_made_is_refused_by_name() {
    assert!(is_refused(&spec("[format.lines]", "[fields]\nline = {}")));
    let field = "[fields]\na = { start = 1, width = 3 }";
    assert!(is_refused(&spec("[format.fixed]", field)));
    for path in ["$", "$.a", "$.a[0]"] {
        let text = spec(
            &format!("[format.json]\nrecord_path = '{path}'"),
            "[fields]\na = {}",
        );
        let share = Share::parse("1%").unwrap();
        let refused =
            Generator::read("a", &text, Defaults::default(), None, (share, 1)).unwrap_err();
        let codes: Vec<_> = refused.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [CODE], "{path}");
    }
}

/// A spec of one format with these lines.
fn spec(format: &str, lines: &str) -> String {
    format!("spec = 1\nname = 'a'\n{format}\n{lines}\n[sink.null]\n")
}

const CELLS: &str = r#"
[values]
missing_values = ["", "-"]
decimal_char = ","
group_char = " "
timezone = "America/New_York"
[fields]
s = { required = true, min_length = 2, max_length = 12, transform = ["collapse", "trim"] }
p = { pattern = '(?:[a-f]{2}\.)+x?', max_length = 40 }
e = { enum = ["A", "B b"], transform = ["uppercase"] }
i = { type = "integer", minimum = -5, maximum = 1_000_000 }
f = { type = "float", minimum = 0.5 }
d = { type = "decimal", minimum = "0.001", maximum = "0.002" }
c = { type = "decimal", scale = 2, strip = ["%"] }
b = { type = "boolean", true_values = ["ja"], false_values = ["nein"] }
day = { type = "date", format = ["%d.%m.%Y", "%d %b %y"], minimum = "2020-02-29" }
at = { type = "datetime", format = "%Y%m%d %I:%M %p", maximum = "2026-03-08T12:00:00Z" }
iso = { type = "datetime", required = true }
clock = { type = "time", minimum = "08:00", maximum = "17:30" }
took = { type = "duration", minimum = 0, maximum = "P1D" }
id = { type = "uuid", required = true }
mail = { type = "email", max_length = 60, transform = ["trim"] }
link = { type = "url", min_length = 30 }
l = { type = "list", separator = ", ", items = "integer", min_length = 1, max_length = 3 }
t = { type = "list", separator = "|", missing_values = [] }
x = { from = "/^(x|y) [0-9]$/", extract = 'n=(\d+);', type = "integer" }
r = { transform = [{ replace = ['[0-9]', '#'] }] }
free = {}
w = { column = 3 }
"#;

#[tokio::test]
async fn files_of_every_type_and_dialect_end_as_their_truth_says() {
    let mut codes = BTreeSet::new();
    for format in [
        "[format.csv]",
        "[format.csv]\ndelimiter = ';'\nquote_char = \"'\"\ncomment_char = '#'\nheader = { rows = 2 }\nskip_rows = 3",
        "[format.csv]\ndelimiter = '\\t'\ndouble_quote = false\nescape_char = '\\'\nheader = { find_within = 9 }",
        "[columns]\nunknown = 'reject'\norder = 'strict'\nmissing = 'fail_any'\n[format.csv]\ndouble_quote = false",
        "[columns]\nunknown = 'keep'\n[input]\nmax_record_bytes = '2KiB'\ncompression = 'zstd'\n[format.csv]",
    ] {
        let lines = match format.contains("strict") {
            true => CELLS.replace("w = { column = 3 }", ""),
            false => CELLS.to_owned(),
        };
        let format = format.replace("'\\t'", "\"\\t\"");
        for seed in 0..SEEDS {
            codes.append(&mut check(&format, &spec(&format, &lines), "50%", seed).await);
        }
    }
    for code in [
        "type",
        "required",
        "number_range",
        "minimum",
        "maximum",
        "min_length",
        "max_length",
        "pattern",
        "enum",
        "cell_count",
        "encoding",
        "record_too_large",
        "unclosed_quote",
    ] {
        assert!(codes.contains(code), "{code} is not among {codes:?}");
    }
}

#[tokio::test]
async fn files_of_small_and_odd_specs_end_as_their_truth_says() {
    for (format, lines) in [
        ("[format.csv]", "[fields]\na = {}"),
        (
            "[format.csv]\nquote_char = ''",
            "[fields]\na = {}\nb = { type = 'integer' }",
        ),
        (
            "[format.csv]\nheader = { rows = 0 }\ncolumns = ['a', '', 'b']",
            "[fields]\na = { from = ['x', 'A'] }\nn = { column = 2, type = 'integer' }",
        ),
        (
            "[format.csv]",
            "[fields]\na = { from = 'n' }\nb = { from = 'N', type = 'integer', required = true }",
        ),
        ("[columns]\nunknown = 'keep'\n[format.csv]", ""),
        ("[columns]\nunknown = 'keep'\n[format.jsonl]", ""),
        (
            "[columns]\nunknown = 'reject'\nmissing = 'fail_any'\n[format.jsonl]",
            "[fields]\na = { from = ['$.a.b', '$.a.c'] }\nb = { type = 'float', lax = true }",
        ),
        (
            "[format.jsonl]",
            "[fields]\nwhole = { from = '$', type = 'object' }\nid = { type = 'uuid', required = true }",
        ),
        (
            "[format.jsonl]",
            "[fields]\nname = { from = ['$.user.name', '$.user'], required = true, min_length = 3 }\nn = { from = '$.n[1]', type = 'decimal', scale = 2 }\nm = { from = '$.n[-1]', type = 'date', format = '%j %Y' }",
        ),
        (
            "[format.jsonl]",
            "[fields]\nat = { type = 'datetime', format = ['epoch_s', '%F %T %z'], minimum = '2026-01-01T00:00:00Z' }\nall = { type = 'list', items = 'integer', min_length = 1 }\nany = { type = 'list', max_length = 2 }\nobj = { type = 'list', items = 'object' }\none = { from = '$.obj[2].k', type = 'time' }\nb = { type = 'boolean', lax = true, enum = [true] }\nagain = { from = '$.one' }",
        ),
        (
            "[input]\nmax_record_bytes = '300B'\n[format.jsonl]",
            "[fields]\na = { required = true }",
        ),
        (
            "[input]\nmax_record_bytes = '300B'\n[format.json]\nrecord_path = '$[*]'",
            "[fields]\na = { required = true }",
        ),
        (
            "[columns]\nunknown = 'reject'\n[format.json]\nrecord_path = '$.data[\"a b\"][2].x.*'",
            "[fields]\na = { from = ['$.a.b', '$.a.c'] }\nb = { type = 'float', lax = true }",
        ),
        (
            "[format.json]\nrecord_path = '$.orders[*].items[*]'",
            "[fields]\nid = { type = 'uuid', required = true }\nall = { type = 'list', items = 'integer' }",
        ),
        (
            "[format.csv]",
            "[fields]\ntext = { from = 'day' }\nday = { type = 'date', format = '%a %e %b %Y', required = true }",
        ),
        (
            "[format.jsonl]",
            "[fields]\ntext = { from = ['$.day', '$.other'] }\nday = { type = 'date', minimum = '2026-01-01' }",
        ),
        (
            "[values]\ntimezone = 'Australia/Lord_Howe'\n[format.jsonl]",
            "[fields]\nat = { type = 'datetime', format = ['epoch_ms', 'epoch_s'], minimum = '2026-01-01T00:00:00' }\nby = { type = 'datetime', lax = true, format = ['epoch_s', '%Y%m%d'], maximum = '2020-01-01T00:00:00' }\nhour = { type = 'datetime', format = '%F %H' }",
        ),
    ] {
        let what = format!("{format} {lines}");
        for seed in 0..SEEDS {
            check(&what, &spec(format, lines), "50%", seed).await;
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_each_record_stands_alone() {
    let text = spec("[format.csv]", CELLS);
    let (one, same) = (
        generator("a", &text, "10%", 7),
        generator("a", &text, "10%", 7),
    );
    assert_eq!(file(&one, 300), file(&same, 300));
    assert_ne!(file(&one, 300), file(&generator("a", &text, "10%", 8), 300));
    let (mut alone, mut behind) = (Vec::new(), Vec::new());
    one.record(299, &mut alone);
    for ordinal in 0..299 {
        same.record(ordinal, &mut behind);
    }
    behind.clear();
    same.record(299, &mut behind);
    assert_eq!(alone, behind);
}

#[test]
fn any_number_of_threads_makes_the_same_file() {
    for format in ["[format.csv]", "[format.jsonl]"] {
        let text = spec(
            format,
            "[fields]\na = {}\nn = { type = 'integer', required = true }",
        );
        let generator = generator("a", &text, "10%", 7);
        for records in [0, 1, 511, 512, 513, 2600] {
            let (bytes, truths) = file_by(1, &generator, records);
            let numbers = truths.iter().map(|truth| truth.record);
            assert!(numbers.eq(1..=records), "{records} records");
            for threads in [2, 3, 7] {
                let same = file_by(threads, &generator, records) == (bytes.clone(), truths.clone());
                assert!(same, "{records} records by {threads} threads");
            }
        }
    }
}

#[test]
fn whoever_wants_no_more_blocks_gets_none() {
    let text = spec("[format.csv]", "[fields]\na = {}");
    let (generator, mut taken) = (generator("a", &text, "0", 7), 0);
    let made = generator.blocks(1_000_000_000_000, 3, |_| {
        taken += 1;
        if taken < 5 { Ok(()) } else { Err("enough") }
    });
    assert_eq!((made, taken), (Err("enough"), 5));
}

#[test]
fn some_files_lack_columns_that_may_be_missing_and_none_lacks_another() {
    let text = spec(
        "[format.csv]",
        "[fields]\nkey = { required = true }\na = {}\nb = {}\nc = {}",
    );
    let heads = (0..100).map(|seed| {
        let generator = generator("a", &text, "0", seed);
        String::from_utf8_lossy(generator.head()).into_owned()
    });
    let heads: Vec<String> = heads.collect();
    let lacking = heads.iter().filter(|head| {
        let titles = head.trim_start_matches('\u{feff}').trim_end().split(',');
        let titles: Vec<&str> = titles.map(|title| title.trim_matches('"')).collect();
        assert!(titles.contains(&"key"), "{head}");
        ["a", "b", "c"].iter().any(|title| !titles.contains(title))
    });
    let lacking = lacking.count();
    assert!((1..50).contains(&lacking), "{lacking} of 100");
}

#[tokio::test]
async fn a_file_that_is_cut_off_inside_a_quote_ends_as_its_truth_says() {
    let (mut cut_off, mut unended) = (0, 0);
    for format in [
        "[format.csv]",
        "[format.csv]\nquote_char = \"'\"\ncomment_char = '#'",
    ] {
        let text = spec(format, "[fields]\na = {}\nb = {}\nn = { type = 'integer' }");
        for seed in 0..40 {
            let (_, truths) = file(&generator(format, &text, "100%", seed), RECORDS);
            cut_off += usize::from(truths.last().unwrap().code == Some("unclosed_quote"));
            let good = generator(format, &text, "0", seed);
            let (bytes, _) = file(&good, 3);
            unended += usize::from(!bytes.ends_with(b"\n"));
            for (bad, seed) in [("100%", seed), ("0", seed)] {
                check(format, &text, bad, seed).await;
            }
        }
    }
    assert!(cut_off >= 10 && unended >= 10, "{cut_off}, {unended}");
}

#[test]
fn what_cannot_be_made_is_told_at_its_place() {
    for (lines, path) in [
        ("[fields]\na = { pattern = 'a\\b\\B' }", "fields.a.pattern"),
        (
            "[fields]\na = { enum = ['a'], transform = ['uppercase'] }",
            "fields.a.enum",
        ),
        (
            "[fields]\na = { from = 'n', type = 'date' }\nb = { from = 'n', type = 'integer' }",
            "fields.b.from",
        ),
        (
            "[fields]\na = { min_length = 50 }\n[input]\nmax_record_bytes = '20B'",
            "input.max_record_bytes",
        ),
        (
            "[fields]\na = {}\n[input]\nencoding = \"windows-1252\"",
            "input.encoding",
        ),
    ] {
        let text = spec("[format.csv]", lines);
        let refused = Generator::read(
            "a.toml",
            &text,
            Defaults::default(),
            None,
            (Share::default(), 1),
        );
        let problems = refused
            .err()
            .unwrap_or_else(|| panic!("{lines}: it is made"));
        let found: Vec<_> = problems
            .iter()
            .map(|one| (one.code, one.path.as_str()))
            .collect();
        assert_eq!(found, [(CODE, path)], "{}", problems.render(false));
        assert!(
            problems
                .iter()
                .all(|one| one.place.is_some() && one.hint.is_some())
        );
    }
}
