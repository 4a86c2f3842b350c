//! The command line of a bench, and the program that is measured.
//!
//! A bench names its options as it would explain them: `--rounds N` has a number behind it, `--out FOLDER` a text,
//! `--mongodb` nothing. What is not among them is refused, but for the `--bench` of `cargo bench`. The last one counts.

use std::path::{Path, PathBuf};
use std::process::exit;

/// What `cargo bench` says to every bench.
const BENCH: &str = "--bench";

/// Options that were given, each with what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args(Vec<(String, Option<String>)>);

impl Args {
    /// Reads `words`, all of which must be among `options`.
    ///
    /// # Errors
    /// What is wrong with them, for people.
    pub fn read(words: impl IntoIterator<Item = String>, options: &[&str]) -> Result<Self, String> {
        let (mut words, mut found) = (words.into_iter(), Vec::new());
        while let Some(name) = words.next() {
            let mut known = options.iter().chain([&BENCH]);
            let option = known.find(|option| option.split(' ').next() == Some(&name));
            let option = option.ok_or_else(|| format!("there is no option {name}"))?;
            let value = match option.split_once(' ') {
                None => None,
                Some((_, kind)) => {
                    let value = words.next();
                    let value = value.ok_or_else(|| format!("{name} has no value"))?;
                    if kind == "N" && value.parse::<u64>().is_err() {
                        return Err(format!("{name} wants a number, not {value}"));
                    }
                    Some(value)
                }
            };
            found.push((name, value));
        }
        Ok(Self(found))
    }

    /// Reads the words of this process. Where they are wrong it says so, and ends the process with 2.
    pub fn of_this_process(options: &[&str]) -> Self {
        Self::read(std::env::args().skip(1), options).unwrap_or_else(|error| {
            eprintln!("{error}; the options are: {}", options.join(", "));
            exit(2)
        })
    }

    /// Whether this option was given.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// What stands behind the last `name`.
    pub fn said(&self, name: &str) -> Option<&str> {
        let given = self.0.iter().rev().find(|(given, _)| given == name)?;
        given.1.as_deref()
    }

    /// What must stand behind `name`.
    ///
    /// # Panics
    /// Where nothing does.
    pub fn needed(&self, name: &str) -> &str {
        self.said(name)
            .unwrap_or_else(|| panic!("{name} is missing"))
    }

    /// The number behind `name`, or `default` where there is none.
    pub fn number(&self, name: &str, default: u64) -> u64 {
        let said = self.said(name).and_then(|text| text.parse().ok());
        said.unwrap_or(default)
    }
}

/// The program that was built into `target/release`, or `SLUICEGATE_BINARY`.
pub fn binary() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/sluicegate");
    std::env::var_os("SLUICEGATE_BINARY").map_or(built, PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Args, String> {
        let words = words.split_whitespace().map(str::to_owned);
        Args::read(words, &["--rounds N", "--out FOLDER", "--mongodb"])
    }

    #[test]
    fn options_are_found_by_their_names() {
        let args = read("--rounds 3 --bench --out a --mongodb --out b").unwrap();
        assert_eq!((args.number("--rounds", 5), args.needed("--out")), (3, "b"));
        assert!(args.has("--mongodb") && args.has("--bench"));
        let none = read("").unwrap();
        assert_eq!((none.number("--rounds", 5), none.said("--out")), (5, None));
        assert!(!none.has("--mongodb"));
    }

    #[test]
    fn what_no_bench_knows_is_refused() {
        for (words, said) in [
            ("--round 3", "there is no option --round"),
            ("3", "there is no option 3"),
            ("--out", "--out has no value"),
            ("--rounds three", "--rounds wants a number, not three"),
            ("--rounds -1", "--rounds wants a number, not -1"),
        ] {
            assert_eq!(read(words), Err(said.to_owned()), "{words}");
        }
    }
}
