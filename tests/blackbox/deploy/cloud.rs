//! A cloud for `deploy.sh`: moto, and the aws CLI on the path. What it finds there is asked by the CLI too, apart from the
//! script.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use testbed::process::{Ended, Sluicegate};
use testbed::s3::S3;
use testbed::watchdog::Watched;
use testbed::{eventually, fetched};

/// Where the set-ups of the tests are.
pub const REGION: &str = "eu-central-1";
/// moto's account.
pub const ACCOUNT: &str = "123456789012";
/// How long the CLI may take to import its modules.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// moto, the aws CLI, and a folder of programs in front of the machine's own.
pub struct Cloud {
    s3: S3,
    /// Ends the CLI's parent when it is dropped.
    _aws: Watched,
    programs: TempDir,
}

/// The folder `deploy` of the project.
pub fn deploy() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    folder.canonicalize().unwrap()
}

/// Writes a program.
pub fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Cloud {
    pub async fn start() -> Cloud {
        let s3 = S3::start_moto().await;
        let mut aws = Watched::new("awscli");
        let script = aws.folder().join("aws.py");
        let socket = aws.folder().join("socket");
        fs::write(&script, include_str!("aws.py")).unwrap();
        aws.set_env("PYTHONPATH", fetched("SLUICEGATE_TEST_AWSCLI", "awscli"));
        let programs = tempfile::tempdir().unwrap();
        let program = programs.path().join("aws");
        aws.set_command([
            "python3".as_ref(),
            "-S".as_ref(),
            script.as_os_str(),
            "serve".as_ref(),
            socket.as_os_str(),
            program.as_os_str(),
        ]);
        aws.spawn();
        eventually("the aws CLI is imported", START_TIMEOUT, async || {
            assert!(aws.exited().is_none(), "{}", aws.log_tail());
            socket.exists()
        })
        .await;
        Cloud {
            s3,
            _aws: aws,
            programs,
        }
    }

    pub fn s3(&self) -> &S3 {
        &self.s3
    }

    /// Where programs stand that go before the machine's own.
    pub fn programs(&self) -> &Path {
        self.programs.path()
    }

    /// The environment that leads the CLI to moto.
    pub fn env(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.programs.path().display());
        let mut variables = self.s3.env();
        variables.push(("AWS_ENDPOINT_URL".into(), self.s3.endpoint()));
        variables.push(("PATH".into(), path));
        variables
    }

    /// A place to run `deploy.sh` in. Its home is a folder of its own.
    pub fn place(&self) -> Sluicegate {
        Sluicegate::new(deploy().join("deploy.sh")).envs(self.env())
    }

    /// What the CLI answers, as JSON; null where it is refused or answers nothing.
    pub async fn ask(&self, call: &str) -> Value {
        let aws = Sluicegate::new(self.programs.path().join("aws")).envs(self.env());
        let words = ["--region", REGION, "--output", "json"].into_iter();
        let ended = aws.run(words.chain(call.split(' '))).await;
        serde_json::from_str(&ended.stdout).unwrap_or_default()
    }
}

/// The arguments of `command` in this cloud's region.
pub fn words<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec![command, "--region", REGION];
    words.extend(more);
    words
}

/// What a command that must succeed has printed.
pub fn done(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    &ended.stdout
}

/// The head of a program, as far as it is looked at here.
pub fn elf(machine: u8) -> Vec<u8> {
    let mut bytes = b"\x7fELF".to_vec();
    bytes.resize(64, 0);
    bytes[18] = machine;
    bytes
}
