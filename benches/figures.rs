//! Instruction counts as they are committed, and their comparison with what is counted now.
//!
//! Promises: figures are compared only where they can be, by the same compiler for the same machine, and that they are not
//! is told, and fails where they must be; one line says of each input what became of it.

use std::fmt::Write;

/// How much more or less is a change, as a share.
pub const TOLERANCE: f64 = 0.03;
/// What the file begins with.
const HEAD: &str = "\
# Instructions that fixed inputs take, counted by callgrind. `benches/instructions --bless` writes this file.
# The compiler and the kind of machine, without which counts cannot be compared:
";
/// The titles of the columns.
const TITLES: &str = "input\tinstructions\trecords\tbytes";

/// What was counted, and with what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Name and value of what counts depend on.
    pub made_with: Vec<(String, String)>,
    /// One for each input.
    pub figures: Vec<Figure>,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub instructions: u64,
    /// What it is, in records.
    pub records: u64,
    /// What it is, in bytes.
    pub bytes: u64,
}

/// What a comparison comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Whether nothing is slower than it was, and every input has a figure; true where nothing could be compared.
    pub good: bool,
    /// Whether anything was compared: not with another compiler or on another kind of machine.
    pub compared: bool,
    /// A table and what follows from it, for people.
    pub text: String,
}

impl Figure {
    fn per_record(&self) -> f64 {
        self.instructions as f64 / self.records as f64
    }
}

impl Figures {
    /// Reads a file.
    ///
    /// # Errors
    /// The line that cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut found = Self::default();
        for line in text.lines() {
            let cells: Vec<&str> = line.split('\t').collect();
            match (line.strip_prefix("# "), &cells[..]) {
                (Some(_), [name, value]) => {
                    let name = name.trim_start_matches("# ");
                    found.made_with.push((name.to_owned(), (*value).to_owned()));
                }
                (Some(_), _) => {}
                (None, _) if line == TITLES => {}
                (None, [name, instructions, records, bytes]) => {
                    let number = |text: &str| {
                        let number = text.parse();
                        number.map_err(|_| format!("{text:?} is no number in {line:?}"))
                    };
                    found.figures.push(Figure {
                        name: (*name).to_owned(),
                        instructions: number(instructions)?,
                        records: number(records)?,
                        bytes: number(bytes)?,
                    });
                }
                _ => return Err(format!("four columns are wanted, not {line:?}")),
            }
        }
        Ok(found)
    }

    /// The file.
    pub fn text(&self) -> String {
        let mut out = String::from(HEAD);
        for (name, value) in &self.made_with {
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(out, "# {name}\t{value}");
        }
        let _ = writeln!(out, "{TITLES}");
        for figure in &self.figures {
            let Figure {
                name,
                instructions,
                records,
                bytes,
            } = figure;
            let _ = writeln!(out, "{name}\t{instructions}\t{records}\t{bytes}");
        }
        out
    }

    /// What was counted now beside these figures.
    pub fn compare(&self, now: &Self) -> Comparison {
        let differ = now.made_with.iter().filter_map(|(name, value)| {
            let committed = self.made_with.iter().find(|(other, _)| other == name);
            let committed = committed.map_or("nothing", |(_, committed)| committed);
            (committed != value)
                .then(|| format!("{name} is {value}, the figures are of {committed}"))
        });
        let differ: Vec<String> = differ.collect();
        if !differ.is_empty() {
            // Another compiler is nobody's fault, and says nothing about the code.
            return Comparison {
                good: true,
                compared: false,
                text: format!("NOT COMPARED: {}.\n{}", differ.join("; "), now.table(None)),
            };
        }
        let mut text = now.table(Some(self));
        let mut good = true;
        let mut faster = false;
        for figure in &now.figures {
            match self.of(&figure.name) {
                Some(committed) if !same_input(committed, figure) => {
                    good = false;
                    let _ = writeln!(text, "{}: the input is another one.", figure.name);
                }
                Some(committed) => {
                    let change = change(committed, figure);
                    good &= change <= TOLERANCE;
                    faster |= change < -TOLERANCE;
                    if change.abs() > TOLERANCE {
                        let (less, more) = (committed.instructions, figure.instructions);
                        let _ = writeln!(
                            text,
                            "{}: {:+.1} %, {less} before and {more} now.",
                            figure.name,
                            change * 100.0
                        );
                    }
                }
                None => {
                    good = false;
                    let _ = writeln!(text, "{}: there is no figure.", figure.name);
                }
            }
        }
        for gone in self
            .figures
            .iter()
            .filter(|figure| now.of(&figure.name).is_none())
        {
            good = false;
            let _ = writeln!(
                text,
                "{}: there is a figure, and nothing to count.",
                gone.name
            );
        }
        text += match (good, faster) {
            (true, false) => "Nothing takes more instructions than it did.\n",
            (true, true) => "Something takes fewer: `benches/instructions --bless` keeps it so.\n",
            (false, _) => {
                "Make it as fast as it was; where this is meant, `benches/instructions --bless` and say why.\n"
            }
        };
        Comparison {
            good,
            compared: true,
            text,
        }
    }

    fn of(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    fn table(&self, committed: Option<&Self>) -> String {
        let mut out = format!(
            "{:<24} {:>14} {:>12} {:>10} {:>9}\n",
            "input", "instructions", "per record", "per byte", "change"
        );
        for figure in &self.figures {
            let before = committed.and_then(|committed| committed.of(&figure.name));
            let change = before.map_or(String::new(), |before| {
                format!("{:+.2} %", change(before, figure) * 100.0)
            });
            let _ = writeln!(
                out,
                "{:<24} {:>14} {:>12.0} {:>10.2} {change:>9}",
                figure.name,
                figure.instructions,
                figure.per_record(),
                figure.instructions as f64 / figure.bytes as f64
            );
        }
        out
    }
}

fn same_input(committed: &Figure, now: &Figure) -> bool {
    (committed.records, committed.bytes) == (now.records, now.bytes)
}

/// The share by which it takes more than it did.
fn change(committed: &Figure, now: &Figure) -> f64 {
    now.instructions as f64 / committed.instructions as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(compiler: &str, counts: &[(&str, u64)]) -> Figures {
        let figures = counts.iter().map(|(name, instructions)| Figure {
            name: (*name).to_owned(),
            instructions: *instructions,
            records: 10,
            bytes: 1_000,
        });
        Figures {
            made_with: vec![("rustc".to_owned(), compiler.to_owned())],
            figures: figures.collect(),
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let written = figures("1.95.0 (x)", &[("csv frame", 1_000), ("the chain", 7)]);
        assert_eq!(Figures::parse(&written.text()), Ok(written));
        assert!(Figures::parse("a\tb\n").is_err());
        assert!(Figures::parse("a\tmany\t1\t1\n").is_err());
    }

    #[test]
    fn three_percent_more_fail_and_three_percent_less_are_told() {
        let before = figures("1", &[("a", 1_000)]);
        let compared = |now: u64| before.compare(&figures("1", &[("a", now)]));
        assert!(compared(1_029).good);
        assert!(!compared(1_031).good);
        let same = compared(1_000);
        assert!(
            same.good && same.compared && !same.text.contains("--bless"),
            "{}",
            same.text
        );
        let less = compared(960);
        assert!(less.good && less.text.contains("--bless"), "{}", less.text);
    }

    #[test]
    fn another_compiler_is_not_compared_and_that_is_said() {
        let compared = figures("1", &[("a", 1)]).compare(&figures("2", &[("a", 1_000)]));
        assert!(compared.good && !compared.compared);
        let first = compared.text.lines().next().unwrap_or_default();
        assert_eq!(first, "NOT COMPARED: rustc is 2, the figures are of 1.");
    }

    #[test]
    fn what_has_no_figure_or_another_input_fails() {
        let before = figures("1", &[("a", 1_000)]);
        assert!(
            !before
                .compare(&figures("1", &[("a", 1_000), ("b", 1)]))
                .good
        );
        assert!(!before.compare(&figures("1", &[])).good);
        let mut other = before.clone();
        other.figures[0].records = 11;
        assert!(!before.compare(&other).good);
    }
}
