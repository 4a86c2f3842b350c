//! The configuration: environment variables, read once, every problem reported together.
//!
//! This is the only place that reads the environment, the AWS SDK's own chain apart.

use crate::log;
use crate::webhook::{Network, SigningSecret};
use stages::spec::ByteSize;
use std::env::VarError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The default of `UPLOAD_MAX_BYTES`: 64 GiB.
const UPLOAD_MAX_BYTES: u64 = 64 << 30;
/// The most that `UPLOAD_MAX_BYTES` may say: the 10,000 parts that S3 takes.
const MOST_UPLOAD_BYTES: u64 = 10_000 * crate::objects::PART_BYTES as u64;

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
    /// `JOB_LEASE_SECONDS`: how long a job or a load is held without being renewed.
    pub job_lease_ms: u64,
    /// `JOB_MAX_ATTEMPTS`: tries without progress after which a job fails.
    pub job_max_attempts: u32,
    /// `HOST`: the address that the service listens on.
    pub host: IpAddr,
    /// `PORT`: its port; 0 takes any that is free.
    pub port: u16,
    /// `METRICS_PORT`: where a `worker` answers `/metrics`, `/healthz` and `/livez`; without it, nowhere.
    pub metrics_port: Option<u16>,
    /// `S3_BUCKET`: where objects are kept; without it, in a folder of `data_dir`.
    pub s3_bucket: Option<String>,
    /// `S3_PREFIX`: what the keys of all objects begin with.
    pub s3_prefix: String,
    /// `WORKERS`: jobs that this process runs at once; 0: none.
    pub workers: usize,
    /// `UPLOAD_MAX_BYTES`: the largest file that is taken.
    pub upload_max_bytes: u64,
    /// `UPLOAD_TYPES`: the extensions of files that are taken; none said: those that a spec can read.
    pub upload_types: Option<Vec<String>>,
    /// `UPLOAD_RATE_PER_MINUTE`: uploads per key and per address.
    pub upload_rate_per_minute: u32,
    /// `RETENTION_DAYS`: after so many days the details and rejects of ended jobs are removed.
    pub retention_days: u32,
    /// `WEBHOOK_SECRET`: what signs webhooks; without it, none are sent.
    pub webhook_secret: Option<SigningSecret>,
    /// `WEBHOOK_ALLOW`: networks that webhooks may reach although they are not public.
    pub webhook_allow: Vec<Network>,
    /// `RUST_LOG`: what is logged; none said: what the command thinks best.
    pub log_filter: Option<String>,
    /// `LOG_FORMAT`: how it is logged.
    pub log_format: log::Format,
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

    /// A secret that a spec of whoever runs the command line refers to.
    pub fn secret(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// A secret that a spec of the service refers to. Tenants write specs too, and must not reach the secrets of the
    /// program itself: only variables that begin with `SALT_` are read. Which of them a tenant may name, the catalogue of
    /// specs judges.
    pub fn secret_of_the_service(name: &str) -> Option<String> {
        name.starts_with("SALT_")
            .then(|| Self::secret(name))
            .flatten()
    }

    /// What an empty environment says, whatever stands in this process's.
    #[cfg(test)]
    pub fn defaults() -> Self {
        Self::read(&|_| Ok(None)).unwrap()
    }

    fn read(variable: &dyn Fn(&str) -> Result<Option<String>, String>) -> Result<Self, BadConfig> {
        let mut reader = Reader {
            variable,
            problems: Vec::new(),
        };
        let lease_seconds = reader.whole("JOB_LEASE_SECONDS", 3..=3600, 30);
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
            job_max_attempts: reader.whole("JOB_MAX_ATTEMPTS", 1..=100, 3) as u32,
            host: reader.host(),
            port: reader.whole("PORT", 0..=65_535, 3000) as u16,
            metrics_port: reader.number("METRICS_PORT", 0..=65_535).map(|n| n as u16),
            s3_bucket: reader.text("S3_BUCKET"),
            s3_prefix: reader.text("S3_PREFIX").unwrap_or_default(),
            workers: reader.whole("WORKERS", 0..=64, 4) as usize,
            upload_max_bytes: reader.bytes(
                "UPLOAD_MAX_BYTES",
                1..=MOST_UPLOAD_BYTES,
                UPLOAD_MAX_BYTES,
            ),
            upload_types: reader.list("UPLOAD_TYPES"),
            upload_rate_per_minute: reader.whole("UPLOAD_RATE_PER_MINUTE", 1..=1_000_000, 300)
                as u32,
            retention_days: reader.whole("RETENTION_DAYS", 1..=36_500, 30) as u32,
            webhook_secret: reader.webhook_secret(),
            webhook_allow: reader.webhook_allow(),
            log_filter: reader.log_filter(),
            log_format: match reader.choice("LOG_FORMAT", ["text", "json"]) {
                Some("json") => log::Format::Json,
                _ => log::Format::Text,
            },
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

    fn number(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
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

    fn whole(&mut self, name: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        self.number(name, range).unwrap_or(default)
    }

    /// A number of bytes, or a size with its unit (`64GiB`).
    fn bytes(&mut self, name: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let Some(text) = self.text(name) else {
            return default;
        };
        let bytes = text.parse::<ByteSize>().ok().map(ByteSize::bytes);
        let (least, most) = (range.start(), range.end());
        bytes
            .filter(|bytes| range.contains(bytes))
            .unwrap_or_else(|| {
                self.problems.push(format!(
                    "{name} must be a number of bytes from {least} to {most}, or a size such as 64GiB, not {text:?}"
                ));
                default
            })
    }

    /// Words between commas.
    fn list(&mut self, name: &str) -> Option<Vec<String>> {
        let text = self.text(name)?;
        let words = text.split(',').map(|word| word.trim().to_ascii_lowercase());
        Some(words.filter(|word| !word.is_empty()).collect())
    }

    fn host(&mut self) -> IpAddr {
        let loopback = Ipv4Addr::LOCALHOST.into();
        let Some(text) = self.text("HOST") else {
            return loopback;
        };
        text.parse().unwrap_or_else(|_| {
            self.problems.push(format!(
                "HOST must be an address (127.0.0.1, 0.0.0.0, ::1), not {text:?}"
            ));
            loopback
        })
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

    fn log_filter(&mut self) -> Option<String> {
        let text = self.text("RUST_LOG")?;
        if !log::is_filter(&text) {
            self.problems.push(format!(
                "RUST_LOG must be a level, or parts of the program with theirs (stages::sink=debug), not {text:?}"
            ));
        }
        Some(text)
    }

    fn webhook_secret(&mut self) -> Option<SigningSecret> {
        let text = self.text("WEBHOOK_SECRET")?;
        let secret = SigningSecret::parse(&text);
        if secret.is_none() {
            self.problems
                .push("WEBHOOK_SECRET must be whsec_ and base64 of 24 to 64 bytes".into());
        }
        secret
    }

    fn webhook_allow(&mut self) -> Vec<Network> {
        let mut networks = Vec::new();
        for text in self.list("WEBHOOK_ALLOW").unwrap_or_default() {
            match text.parse() {
                Ok(network) => networks.push(network),
                Err(_) => self.problems.push(format!(
                    "WEBHOOK_ALLOW must be networks between commas (127.0.0.0/8,fd00::/8), not {text:?}"
                )),
            }
        }
        networks
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
mod example;

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
        assert!(config.mongodb_uri.is_none() && config.log_filter.is_none());
        assert_eq!(config.log_format, log::Format::Text);
        assert!(config.host.is_loopback() && config.workers > 0);
    }

    #[test]
    fn all_problems_are_reported_together_and_secrets_are_not() {
        let set = [
            ("JOB_BATCH_SIZE", "many"),
            ("JOB_WRITE_PAUSE_MS", "-1"),
            ("HOST", "localhost"),
            ("PORT", "65536"),
            ("UPLOAD_MAX_BYTES", "1PB"),
            ("RUST_LOG", "stages=loud"),
            ("LOG_FORMAT", "xml"),
            ("WEBHOOK_SECRET", "whsec_secret"),
            ("WEBHOOK_ALLOW", "localhost"),
            ("MONGODB_URI", "postgres://user:secret@host"),
        ];
        let text = read(&set).err().map(|bad| bad.to_string()).unwrap();
        for name in [
            "JOB_BATCH_SIZE",
            "JOB_WRITE_PAUSE_MS",
            "HOST",
            "PORT",
            "UPLOAD_MAX_BYTES",
            "RUST_LOG",
            "LOG_FORMAT",
            "WEBHOOK_SECRET must",
            "WEBHOOK_ALLOW",
            "MONGODB_URI",
        ] {
            assert!(text.contains(name), "{name} in {text}");
        }
        assert!(!text.contains("secret") && !text.contains("whsec_s"));
        let config = read(&[("UPLOAD_MAX_BYTES", "2GiB"), ("UPLOAD_TYPES", "csv, TSV,")]).unwrap();
        assert_eq!(config.upload_max_bytes, 2 << 30);
        assert_eq!(config.upload_types, Some(vec!["csv".into(), "tsv".into()]));
        let config = read(&[("MONGODB_URI", "mongodb://user:secret@host")]).unwrap();
        assert_eq!(format!("{:?}", config.mongodb_uri), "Some([redacted])");
    }
}
