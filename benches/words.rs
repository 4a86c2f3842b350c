//! The command line of a bench: words of the form `--name value`, looked up by name; and the program that is measured.

use std::path::{Path, PathBuf};

/// The words behind the program's name.
pub struct Words(Vec<String>);

impl Words {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Whether this word stands there.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|word| word == name)
    }

    /// What stands behind the last `name`.
    pub fn said(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().rposition(|word| word == name)?;
        self.0.get(at + 1).map(String::as_str)
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
    ///
    /// # Panics
    /// Where something else stands there.
    pub fn number(&self, name: &str, default: u64) -> u64 {
        self.said(name).map_or(default, |text| {
            text.parse()
                .unwrap_or_else(|error| panic!("{name} {text}: {error}"))
        })
    }
}

/// The program that was built into `target/release`, or `SLUICEGATE_BINARY`.
pub fn binary() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/sluicegate");
    std::env::var_os("SLUICEGATE_BINARY").map_or(built, PathBuf::from)
}
