//! What is asked for on the command line of `benches/memory`.

use super::input::{Amount, Content};
use std::path::PathBuf;

/// What `--help` prints.
pub const USAGE: &str = "\
usage: benches/memory [--size SIZE | --sizes SIZE,SIZE… | --records N] [--jobs N] [--one-line] [--limit SIZE [--ulimit]]
                      [--mongodb] [--seed S] [--out FOLDER]

  --size SIZE      how much is generated: 10MB, 1GB, 512MiB… (1GB)
  --sizes A,B,…    several sizes, one after the other, and the peak against the size
  --records N      so many orders instead
  --jobs N         so many files, uploaded one after the other and processed at once, 1 to 4 (1)
  --one-line       a file of three records instead, the second of which is one line of the size
  --limit SIZE     the program runs under a hard limit: a cgroup, or where none can be made RLIMIT_DATA
  --ulimit         RLIMIT_DATA in any case
  --mongodb        with MongoDB and S3 instead of the embedded store and a folder
  --seed S         the seed of the orders (2026)
  --out FOLDER     where the charts go (target/memory)
  --binary FILE    the program (beside this one)

Needs free disk in $TMPDIR for about three times the size. Exits with 1 where a count differs from the truth, or more
memory was taken than is promised.
";

/// The most jobs at once: what a worker runs by default.
const MAX_JOBS: u64 = 4;

/// The command line.
pub struct Asked {
    /// How much, one after the other.
    pub amounts: Vec<Amount>,
    /// Whether the files are one line each.
    pub one_line: bool,
    /// Files, and jobs at once.
    pub jobs: u64,
    /// The hard limit, in bytes.
    pub limit: Option<u64>,
    /// The limit of the process, even where a cgroup can be made.
    pub ulimit: bool,
    /// MongoDB and S3.
    pub mongodb: bool,
    /// The seed of the first file; each further one has the next.
    pub seed: u64,
    /// Where the charts go.
    pub out: PathBuf,
    /// The program.
    pub binary: PathBuf,
}

impl Asked {
    /// Reads the arguments.
    ///
    /// # Errors
    /// What is wrong with them, for people.
    pub fn read(words: &[String]) -> Result<Self, String> {
        let built = std::env::current_exe().unwrap_or_default();
        let mut asked = Self {
            amounts: vec![Amount::Bytes(1_000_000_000)],
            one_line: false,
            jobs: 1,
            limit: None,
            ulimit: false,
            mongodb: false,
            seed: 2026,
            out: built.with_file_name("../memory"),
            binary: built.with_file_name("sluicegate"),
        };
        let mut words = words.iter();
        while let Some(name) = words.next() {
            let mut value = || {
                let value = words.next();
                value.ok_or_else(|| format!("{name} has no value"))
            };
            let number = |text: &str| {
                let number = text.parse::<u64>();
                number.map_err(|_| format!("{name} wants a number, not {text}"))
            };
            match name.as_str() {
                "--size" => asked.amounts = vec![Amount::Bytes(size(value()?)?)],
                "--sizes" => {
                    let sizes = value()?.split(',').map(size);
                    asked.amounts = sizes
                        .map(|size| Ok(Amount::Bytes(size?)))
                        .collect::<Result<_, String>>()?;
                }
                "--records" => asked.amounts = vec![Amount::Records(number(value()?)?)],
                "--jobs" => asked.jobs = number(value()?)?,
                "--one-line" => asked.one_line = true,
                "--limit" => asked.limit = Some(size(value()?)?),
                "--ulimit" => asked.ulimit = true,
                "--mongodb" => asked.mongodb = true,
                "--seed" => asked.seed = number(value()?)?,
                "--out" => asked.out = value()?.into(),
                "--binary" => asked.binary = value()?.into(),
                _ => return Err(format!("there is no option {name}")),
            }
        }
        if !(1..=MAX_JOBS).contains(&asked.jobs) {
            return Err(format!("--jobs wants 1 to {MAX_JOBS}"));
        }
        let of_records = matches!(asked.amounts[..], [Amount::Records(_)]);
        if asked.one_line && (of_records || asked.jobs > 1) {
            return Err("--one-line is one file of a size".to_owned());
        }
        if !asked.binary.exists() {
            return Err(format!("{} is not there", asked.binary.display()));
        }
        Ok(asked)
    }

    /// What file number `file` holds, from 0.
    pub fn content(&self, file: u64) -> Content {
        match self.one_line {
            true => Content::OneLine,
            false => Content::Orders {
                seed: self.seed + file,
            },
        }
    }
}

/// A size in bytes: a number with `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB` or nothing behind it.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|char: char| !char.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let factor = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("{text} is no size: 10MB, 1GB, 512MiB…")),
    };
    let number: Option<u64> = number.parse().ok();
    let bytes = number.and_then(|number| number.checked_mul(factor));
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| format!("{text} is no size: 10MB, 1GB, 512MiB…"))
}
