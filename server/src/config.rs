//! The configuration: environment variables, read once, every problem reported together.
//!
//! This is the only place that reads the environment, the AWS SDK's own chain apart.

use std::env::VarError;
use std::fmt;
use std::path::PathBuf;

/// What the environment says.
#[derive(Clone)]
pub struct Config {
    /// `DATA_DIR`: where the embedded store and the ledger live.
    pub data_dir: PathBuf,
    /// `SPECS_DIR`: where specs are looked up by name.
    pub specs_dir: PathBuf,
    /// `MONGODB_URI`: where `[sink.mongodb]` goes; without it, to the embedded store.
    pub mongodb_uri: Option<Secret>,
    /// `JOB_BATCH_SIZE`: records of a batch, for specs that say nothing.
    pub job_batch_records: Option<usize>,
    /// `JOB_WRITE_PAUSE_MS`: pause between batches, for specs that say nothing.
    pub job_write_pause_ms: Option<u64>,
    /// `JOB_LEASE_SECONDS`: how long a load is held without being renewed.
    pub job_lease_ms: u64,
    /// `LOG_FORMAT`: whether logs are JSON.
    pub log_json: bool,
}

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Every variable that cannot be used, one line each.
#[derive(Debug)]
pub struct BadConfig(Vec<String>);

impl fmt::Display for BadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the environment cannot be used:")?;
        self.0
            .iter()
            .try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for BadConfig {}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Every variable whose value cannot be used.
    pub fn from_env() -> Result<Self, BadConfig> {
        Self::read(&|name| match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
        })
    }

    fn read(variable: &dyn Fn(&str) -> Result<Option<String>, String>) -> Result<Self, BadConfig> {
        let mut reader = Reader {
            variable,
            problems: Vec::new(),
        };
        let lease_seconds = reader.number("JOB_LEASE_SECONDS", 3..=3600).unwrap_or(30);
        let config = Self {
            data_dir: reader
                .text("DATA_DIR")
                .unwrap_or_else(|| "data".into())
                .into(),
            specs_dir: reader
                .text("SPECS_DIR")
                .unwrap_or_else(|| "specs".into())
                .into(),
            mongodb_uri: reader.mongodb_uri(),
            job_batch_records: reader
                .number("JOB_BATCH_SIZE", 1..=100_000)
                .map(|n| n as usize),
            job_write_pause_ms: reader.number("JOB_WRITE_PAUSE_MS", 0..=3_600_000),
            job_lease_ms: lease_seconds * 1000,
            log_json: reader.choice("LOG_FORMAT", ["text", "json"]) == Some("json"),
        };
        if reader.problems.is_empty() {
            Ok(config)
        } else {
            Err(BadConfig(reader.problems))
        }
    }
}

struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Result<Option<String>, String>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// An empty variable is as good as none.
    fn text(&mut self, name: &str) -> Option<String> {
        match (self.variable)(name) {
            Ok(value) => value.filter(|value| !value.is_empty()),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn number(&mut self, name: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let text = self.text(name)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            self.problems.push(format!(
                "{name} must be a whole number from {least} to {most}, not {text:?}"
            ));
        }
        number
    }

    fn choice<const N: usize>(
        &mut self,
        name: &str,
        words: [&'static str; N],
    ) -> Option<&'static str> {
        let text = self.text(name)?;
        let word = words.into_iter().find(|word| *word == text);
        if word.is_none() {
            self.problems.push(format!(
                "{name} must be {}, not {text:?}",
                words.join(" or ")
            ));
        }
        word
    }

    fn mongodb_uri(&mut self) -> Option<Secret> {
        let text = self.text("MONGODB_URI")?;
        if !text.starts_with("mongodb://") && !text.starts_with("mongodb+srv://") {
            self.problems
                .push("MONGODB_URI must begin with mongodb:// or mongodb+srv://".into());
            return None;
        }
        Some(Secret(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Config, BadConfig> {
        let value = |name: &str| {
            set.iter()
                .find(|(other, _)| *other == name)
                .map(|(_, v)| (*v).to_owned())
        };
        Config::read(&|name| Ok(value(name)))
    }

    #[test]
    fn an_empty_environment_has_safe_defaults() {
        let config = read(&[("JOB_BATCH_SIZE", "")]).unwrap();
        assert_eq!(config.data_dir, PathBuf::from("data"));
        assert_eq!(config.job_lease_ms, 30_000);
        assert_eq!(config.job_batch_records, None);
        assert!(config.mongodb_uri.is_none() && !config.log_json);
    }

    #[test]
    fn all_problems_are_reported_together_and_secrets_are_not() {
        let set = [
            ("JOB_BATCH_SIZE", "many"),
            ("JOB_WRITE_PAUSE_MS", "-1"),
            ("LOG_FORMAT", "xml"),
            ("MONGODB_URI", "postgres://user:secret@host"),
        ];
        let text = read(&set).err().map(|bad| bad.to_string()).unwrap();
        for name in [
            "JOB_BATCH_SIZE",
            "JOB_WRITE_PAUSE_MS",
            "LOG_FORMAT",
            "MONGODB_URI",
        ] {
            assert!(text.contains(name), "{name} in {text}");
        }
        assert!(!text.contains("secret"));
        let config = read(&[("MONGODB_URI", "mongodb://user:secret@host")]).unwrap();
        assert_eq!(format!("{:?}", config.mongodb_uri), "Some([redacted])");
    }
}
