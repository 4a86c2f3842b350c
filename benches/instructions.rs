//! How many instructions fixed inputs take, counted by callgrind and compared with `instructions.tsv`;
//! `benches/instructions` builds and starts it.
//!
//! Each input is counted in a process of its own: what makes it is not counted, and the work is done once before, so that
//! what is made at first use is not counted either. One thread, no clock, no file. Valgrind shows every program the same
//! processor as long as the real one has AVX2, so the vector code that is chosen at run time is the same on every such
//! machine. Code of C is left out (zstd): its compiler is the machine's.

use benches::drive::{self, ENCODERS, Stages};
use benches::figures::{Figure, Figures};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use pipeline::Verdict;
use stages::record::Record;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The size of each input, in bytes.
const INPUT_BYTES: usize = 512 * 1024;
/// What is counted is what this function does, by its name.
const COUNTED: &str = "*the_counted_part*";
/// Where the figures are kept.
const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.tsv");
/// The names of all inputs: the format and what is done with it.
const INPUTS: [&str; 20] = [
    "csv frame",
    "csv parse",
    "csv bind",
    "csv steps",
    "csv encode BSON",
    "csv encode JSON",
    "csv chain to BSON",
    "csv unpack gzip",
    "jsonl frame",
    "jsonl parse",
    "jsonl bind",
    "jsonl encode BSON",
    "jsonl encode JSON",
    "jsonl chain to BSON",
    "json frame",
    "json chain to BSON",
    "xml frame",
    "xml parse",
    "xml bind",
    "xml chain to BSON",
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--input", name] => {
            count(name);
            Ok(true)
        }
        // `cargo bench` says --bench.
        [] | ["--bench"] => compare(),
        ["--bless"] => bless(),
        _ => Err("usage: benches/instructions [--bless]".to_owned()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::from(2)
        }
    }
}

/// Does one input's work twice, the second time to be counted, and says how large it is.
fn count(name: &str) {
    let (format, what) = name.split_once(' ').unwrap_or((name, ""));
    match format {
        "csv" => count_of(&Stages::orders(INPUT_BYTES), what),
        "json" => count_of(&Stages::events_document(INPUT_BYTES), what),
        "xml" => count_of(&Stages::events_xml(INPUT_BYTES), what),
        _ => count_of(&Stages::events(INPUT_BYTES), what),
    }
}

fn count_of<W: Clone>(stages: &Stages<W>, what: &str) {
    let blocks = stages.blocks();
    let mut rows = stages.rows(&blocks);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    let encoder = |wanted: &str| {
        let found = ENCODERS.iter().find(|(name, _)| wanted.ends_with(name));
        let (_, make) = found.unwrap_or_else(|| panic!("there is no input {wanted}"));
        make(&stages.input)
    };
    match what {
        "frame" => twice(|| stages.frame(&mut |block| drop(black_box(block)))),
        "parse" => twice(|| {
            for block in &blocks {
                stages.parse(block, &mut |row| {
                    black_box(row);
                });
            }
        }),
        "bind" => {
            // A row gives its buffers away, so each time needs rows of its own.
            let mut turns = vec![rows.clone(), rows];
            let mut record = Record::default();
            twice(|| {
                for row in &mut turns.pop().unwrap_or_default() {
                    black_box(stages.bind(row, &mut record));
                }
            });
        }
        "steps" => {
            let mut records = stages.records(&mut rows);
            twice(|| {
                for record in &mut records {
                    black_box(stages.judge(record));
                }
            });
        }
        "encode BSON" | "encode JSON" => {
            let mut records = stages.records(&mut rows);
            records.retain_mut(|record| stages.judge(record) == Verdict::Keep);
            let (encode, mut out) = (encoder(what), Vec::new());
            twice(|| drive::encode(&*encode, &records, &mut out));
        }
        "unpack gzip" => {
            let packed = gzip(&stages.input.bytes);
            twice(|| {
                let bytes = runtime.block_on(drive::unpack(packed.clone()));
                assert_eq!(
                    bytes,
                    stages.input.bytes.len() as u64,
                    "every byte comes back"
                );
            });
        }
        _ => twice(|| {
            let each = &mut |converted| drop(black_box(converted));
            runtime.block_on(drive::chain(&stages.input, encoder(what), each));
        }),
    }
    println!("{}\t{}", stages.input.records, stages.bytes().len());
}

fn twice(mut work: impl FnMut()) {
    work();
    the_counted_part(work);
}

#[inline(never)]
fn the_counted_part(mut work: impl FnMut()) {
    // Something is left to be done behind the work, so that it is a call and never a jump, which nobody returns from.
    let before = black_box(1_u8);
    work();
    black_box(before);
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = packer.write_all(bytes).and_then(|()| packer.finish());
    packed.unwrap_or_else(|error| panic!("{error}")).into()
}

fn compare() -> Result<bool, String> {
    let committed = std::fs::read_to_string(FIGURES);
    let committed = committed.map_err(|error| format!("{FIGURES}: {error}: --bless writes it"))?;
    let comparison = Figures::parse(&committed)?.compare(&count_all()?);
    print!("{}", comparison.text);
    // Where nobody looks, figures that nothing is compared with would never be missed.
    let must = std::env::var_os("CI").is_some_and(|said| !said.is_empty());
    if must && !comparison.compared {
        println!("Under CI that fails: see which compiler .github/workflows pins.");
    }
    Ok(comparison.good && (comparison.compared || !must))
}

fn bless() -> Result<bool, String> {
    let now = count_all()?;
    let written = std::fs::write(FIGURES, now.text());
    written.map_err(|error| format!("{FIGURES}: {error}"))?;
    print!("{}", now.text());
    Ok(true)
}

/// Counts every input, as many at once as there are cores.
fn count_all() -> Result<Figures, String> {
    let valgrind =
        std::env::var_os("SLUICEGATE_TEST_VALGRIND").map_or("valgrind".into(), PathBuf::from);
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let counted = INPUTS.map(|_| Mutex::new(Err("it was not counted".to_owned())));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((name, counted)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    INPUTS.get(index).zip(counted.get(index))
                } {
                    let out = folder.path().join(name.replace(' ', "-"));
                    let figure = count_one(&valgrind, name, &out);
                    if let Ok(mut counted) = counted.lock() {
                        *counted = figure;
                    }
                }
            });
        }
    });
    let figures = counted.into_iter().zip(INPUTS).map(|(counted, name)| {
        let figure = counted.into_inner().map_err(|error| error.to_string());
        figure.flatten().map_err(|error| format!("{name}: {error}"))
    });
    Ok(Figures {
        made_with: made_with()?,
        figures: figures.collect::<Result<_, _>>()?,
    })
}

fn count_one(valgrind: &Path, name: &str, out: &Path) -> Result<Figure, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let inherited = ["PATH", "VALGRIND_LIB"].map(|name| (name, std::env::var_os(name)));
    let inherited = inherited
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let mut out_file = std::ffi::OsString::from("--callgrind-out-file=");
    out_file.push(out);
    let ran = Command::new(valgrind)
        .args(["-q", "--tool=callgrind"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(out_file)
        .arg(program)
        .args(["--input", name])
        // The same stack on every machine: the environment lies on it.
        .env_clear()
        .envs(inherited)
        .output()
        .map_err(|error| format!("{}: {error}", valgrind.display()))?;
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    if !ran.status.success() {
        return Err(format!(
            "{}: {}",
            ran.status,
            String::from_utf8_lossy(&ran.stderr)
        ));
    }
    let numbers: Vec<u64> = said
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [records, bytes] = numbers[..] else {
        return Err(format!("records and bytes are wanted, not {said:?}"));
    };
    let counts = std::fs::read_to_string(out).map_err(|error| error.to_string())?;
    let total = counts.lines().find_map(|line| line.strip_prefix("totals:"));
    let instructions = total
        .and_then(|total| total.trim().parse().ok())
        .unwrap_or(0);
    if instructions == 0 {
        return Err(format!("callgrind has not seen {COUNTED}"));
    }
    Ok(Figure {
        name: name.to_owned(),
        instructions,
        records,
        bytes,
    })
}

/// What counts depend on beside the code.
fn made_with() -> Result<Vec<(String, String)>, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("-Vv").output();
    let said = said.map_err(|error| format!("rustc -Vv: {error}"))?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let after = |begin: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(begin));
        line.unwrap_or("unknown").trim().to_owned()
    };
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let vectors = match processor.split_whitespace().any(|flag| flag == "avx2") {
        true => "AVX2",
        false => "none that is known here",
    };
    let made_with = [
        ("rustc", after("rustc ")),
        ("target", after("host: ")),
        ("vectors", vectors.to_owned()),
    ];
    Ok(made_with
        .map(|(name, value)| (name.to_owned(), value))
        .into())
}
