//! What is asked for on the command line of `benches/memory`.

use super::input::{Amount, Content};
use benches::args::Args;
use std::path::PathBuf;

/// What `--help` prints.
pub const USAGE: &str = "\
usage: benches/memory [--size SIZE | --sizes SIZE,SIZE… | --records N] [--jobs N] [--one-line] [--limit SIZE [--ulimit]]
                      [--mongodb | --null] [--seed S] [--out FOLDER]

  --size SIZE      how much is generated: 10MB, 1GB, 512MiB… (1GB)
  --sizes A,B,…    several sizes, one after the other, and the peak against the size
  --records N      so many orders instead
  --jobs N         so many files, uploaded one after the other and processed at once, 1 to 4 (1)
  --one-line       a file of three records instead, the second of which is one line of the size
  --limit SIZE     the program runs under a hard limit: a cgroup, or where none can be made RLIMIT_DATA
  --ulimit         RLIMIT_DATA in any case
  --mongodb        with MongoDB and S3 instead of the embedded store and a folder
  --null           into the null sink only: for sizes whose documents the disk cannot take as well
  --seed S         the seed of the orders (2026)
  --out FOLDER     where the charts go (target/memory)
  --binary FILE    the program (beside this one)

Needs free disk in $TMPDIR for about three times the size. Exits with 1 where a count differs from the truth, or
memory grows with the file. That an aim is missed is told in the table.
";

/// Where the sink begins in the specs of all files, which is their end; and what stands there with `--null`.
const SINK: &str = "[sink.mongodb]";
const NOWHERE: &str = "[sink.null]\n";
/// The same, for whoever reads them.
const OPTIONS: [&str; 12] = [
    "--size SIZE",
    "--sizes SIZES",
    "--records N",
    "--jobs N",
    "--one-line",
    "--limit SIZE",
    "--ulimit",
    "--mongodb",
    "--null",
    "--seed N",
    "--out FOLDER",
    "--binary FILE",
];

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
    /// Nothing is stored.
    pub null: bool,
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
    pub fn read(words: Vec<String>) -> Result<Self, String> {
        let args = Args::read(words, &OPTIONS)?;
        let built = std::env::current_exe().unwrap_or_default();
        let path = |name: &str, beside: &str| {
            let said = args.said(name);
            said.map_or_else(|| built.with_file_name(beside), PathBuf::from)
        };
        let sizes = args.said("--sizes").or(args.said("--size"));
        let amounts = match (sizes, args.has("--records")) {
            (Some(_), true) => return Err("--records is instead of a size".to_owned()),
            (None, true) => vec![Amount::Records(args.number("--records", 0))],
            (sizes, false) => {
                let sizes = sizes.unwrap_or("1GB").split(',');
                let amounts = sizes.map(|text| Ok(Amount::Bytes(size(text)?)));
                amounts.collect::<Result<_, String>>()?
            }
        };
        let asked = Self {
            amounts,
            one_line: args.has("--one-line"),
            jobs: args.number("--jobs", 1),
            limit: args.said("--limit").map(size).transpose()?,
            ulimit: args.has("--ulimit"),
            mongodb: args.has("--mongodb"),
            null: args.has("--null"),
            seed: args.number("--seed", 2026),
            out: path("--out", "../memory"),
            binary: path("--binary", "sluicegate"),
        };
        if !(1..=MAX_JOBS).contains(&asked.jobs) {
            return Err(format!("--jobs wants 1 to {MAX_JOBS}"));
        }
        let of_records = matches!(asked.amounts[..], [Amount::Records(_)]);
        if asked.one_line && (of_records || asked.jobs > 1) {
            return Err("--one-line is one file of a size".to_owned());
        }
        if asked.null && asked.mongodb {
            return Err("--null stores nothing, in MongoDB neither".to_owned());
        }
        if !asked.binary.exists() {
            return Err(format!("{} is not there", asked.binary.display()));
        }
        Ok(asked)
    }

    /// The spec that reads the files, and its name.
    pub fn spec(&self) -> (&'static str, String) {
        let (name, text) = self.content(0).spec();
        let stored = text.split_once(SINK).filter(|_| self.null);
        let text = stored.map_or_else(
            || text.to_owned(),
            |(before, _)| before.to_owned() + NOWHERE,
        );
        (name, text)
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
