//! A machine that is a folder: what deploy/user-data.sh does as root below `/etc`, `/usr/local` and `/var/lib/sluicegate`, it
//! does below that folder, with the aws CLI and the program being real. The test is its systemd: it starts what the script
//! asks to be started, with the environment that the unit would read.

use super::cloud::{Cloud, write_program};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use testbed::process::{Ended, Running, Sluicegate};
use testbed::watchdog::free_port;

/// Leads what user data says to the folder, to a port of the test's own and to shorter waits.
const REWRITE: &str = "sed -e \"s|/etc/|$ROOT/etc/|g; s|/usr/local/|$ROOT/usr/local/|g; s|/var/lib/sluicegate|$ROOT/var/lib/sluicegate|g\" -e \"s/METRICS_PORT=9464/METRICS_PORT=$METRICS_PORT/; s/_SECONDS=3$/_SECONDS=0.1/; s/HEALTH_WAIT_SECONDS=90/HEALTH_WAIT_SECONDS=15/\"";

/// What needs root, or another process 1, does nothing here or is written down. `systemctl` returns when what it asks for
/// has been done, which for a unit of `Type=exec` is when its process runs, whether or not that dies then.
const IMITATED: [(&str, &str); 7] = [
    (
        "systemctl",
        "echo \"$*\" >>\"$ROOT/systemctl.log\"\n[ \"$1\" = restart ] || exit 0\nasked=$(wc -l <\"$ROOT/systemctl.log\")\nfor _ in {1..600}; do\n  [ \"$(cat \"$ROOT/obeyed\")\" -lt \"$asked\" ] || exit 0\n  sleep 0.05\ndone\nexit 1",
    ),
    ("sudo", "exec \"$@\""),
    (
        "runuser",
        "[ \"$1 $2 $3\" = '-u sluicegate --' ] && shift 3 && exec \"$@\"",
    ),
    (
        "install",
        "keep=(); while [ $# -gt 0 ]; do case $1 in -o | -g) shift ;; *) keep+=(\"$1\") ;; esac; shift; done\nPATH=${PATH#*:} exec install \"${keep[@]}\"",
    ),
    ("getent", "exit 0"),
    ("journalctl", "exit 0"),
    (
        "boot",
        "REWRITE >\"$ROOT/boot.sh\"\nexec bash \"$ROOT/boot.sh\"",
    ),
];

/// How often what the script asks of systemd is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The folder, and what runs on it. Dropping it ends that.
pub struct Machine {
    root: TempDir,
    variables: Vec<(String, String)>,
    units: BTreeMap<String, Running>,
    /// Units that were started, in their order.
    pub started: Vec<String>,
    lines_seen: usize,
    /// Where its worker answers.
    pub metrics_port: u16,
}

impl Machine {
    pub fn new(cloud: &Cloud) -> Machine {
        let root = tempfile::tempdir().unwrap();
        for folder in [
            "etc/systemd/system",
            "usr/local/bin",
            "usr/local/sbin",
            "var/lib",
            "programs",
        ] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let programs = root.path().join("programs");
        let at = root.path().display();
        let metrics_port = free_port();
        fs::write(root.path().join("obeyed"), "0").unwrap();
        for (name, script) in IMITATED {
            let script = script.replace("REWRITE", REWRITE);
            let text =
                format!("#!/usr/bin/env bash\nROOT='{at}' METRICS_PORT={metrics_port}\n{script}\n");
            write_program(&programs.join(name), &text);
        }
        let mut variables = cloud.env();
        for (name, value) in &mut variables {
            if name == "PATH" {
                *value = format!("{}:{value}", programs.display());
            }
        }
        Machine {
            root,
            variables,
            units: BTreeMap::new(),
            started: Vec::new(),
            lines_seen: 0,
            metrics_port,
        }
    }

    /// What stands at a path of the machine, as `etc/sluicegate`.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// The program that `ssh` is for a deploy.sh that is to reach this machine: it runs the command that stands last, led
    /// to the folder as its input is.
    pub fn ssh(&self) -> String {
        let (root, port) = (self.root.path().display(), self.metrics_port);
        format!(
            "#!/usr/bin/env bash\nset -e -o pipefail\nROOT='{root}' METRICS_PORT={port} PATH='{root}/programs':$PATH\ncommand=$({REWRITE} <<<\"${{!#}}\")\n{REWRITE} | bash -c \"$command\"\n"
        )
    }

    /// Runs what user data left on the machine, as a person does after a first start that failed.
    pub async fn refresh(&mut self) -> Ended {
        let refresh = self.path("usr/local/sbin/sluicegate-refresh");
        let refresh = Sluicegate::new(refresh).envs(self.variables.clone());
        self.while_running(async move { refresh.run([""; 0]).await })
            .await
    }

    /// Runs user data as cloud-init does, and is systemd for it.
    pub async fn boot(&mut self, user_data: String) -> Ended {
        let boot = Sluicegate::new(self.path("programs/boot")).envs(self.variables.clone());
        let run = async move { boot.run_with_stdin([""; 0], user_data.into_bytes()).await };
        self.while_running(run).await
    }

    /// Is systemd until `run` has ended.
    pub async fn while_running(&mut self, run: impl Future<Output = Ended>) -> Ended {
        let mut run = std::pin::pin!(run);
        loop {
            tokio::select! {
                ended = &mut run => return ended,
                () = tokio::time::sleep(LOOK_INTERVAL) => self.obey().await,
            }
        }
    }

    async fn obey(&mut self) {
        let log = fs::read_to_string(self.path("systemctl.log")).unwrap_or_default();
        let lines: Vec<_> = log
            .lines()
            .skip(self.lines_seen)
            .map(str::to_owned)
            .collect();
        for line in lines {
            self.lines_seen += 1;
            let Some(unit) = line.strip_prefix("restart sluicegate@") else {
                continue;
            };
            if let Some(running) = self.units.remove(unit) {
                running.kill().await;
            }
            let program = Sluicegate::new(self.path("usr/local/bin/sluicegate"))
                .envs(self.variables.clone())
                .envs(settings(&self.path("etc/sluicegate/sluicegate.env")))
                .envs(settings(&self.path(&format!("etc/sluicegate/{unit}.env"))))
                // Tests listen on loopback only.
                .env("HOST", "127.0.0.1");
            self.units.insert(unit.to_owned(), program.start([unit]));
            self.started.push(unit.to_owned());
        }
        fs::write(self.path("obeyed"), self.lines_seen.to_string()).unwrap();
    }
}

/// What systemd reads from an EnvironmentFile; nothing where it is not there.
fn settings(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
