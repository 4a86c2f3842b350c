//! Where turns are taken: the input, the servers, and a process for each turn.

use crate::spec::Spec;
use crate::turn::{COLLECTION, DATABASE, Done};
use crate::{Cores, Load, What, documents};
use benches::args::Args;
use benches::machine::{self, cpu_seconds};
use mongodb::Client;
use mongodb::bson::doc;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use testbed::mongod::Mongod;
use testbed::s3::S3;
use testbed::truth::Totals;
use testbed::{files, orders};
use tokio::runtime::{Builder, Runtime};

/// The seed of the orders.
const SEED: u64 = 2026;
/// The name of the file, and of the object.
const INPUT: &str = "orders.csv";

/// The input and what turns share.
pub struct Place {
    /// What was asked for.
    pub args: Args,
    folder: TempDir,
    typed: Totals,
    steps: Totals,
    runtime: Runtime,
    /// Started by the first load that reads from it.
    s3: OnceCell<S3>,
}

/// A MongoDB.
pub struct Server {
    /// Its topology.
    pub name: &'static str,
    /// The server.
    pub mongod: Mongod,
    /// A client of its own, to look after it.
    pub client: Client,
    /// Documents of a load of ours, for the bounds.
    documents: PathBuf,
}

impl Place {
    /// Writes the input: so many records, unless the command line says otherwise.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn new(args: Args, records: u64) -> Self {
        let records = args.number("--records", records);
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let mut typed = Totals::default();
        let records =
            orders::orders(SEED, records).inspect(|record| Spec::Typed.count(&mut typed, record));
        let steps = files::write_file(&folder.path().join(INPUT), orders::HEADER, records);
        typed.bytes = steps.bytes;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Self {
            args,
            folder,
            typed,
            steps,
            runtime: runtime.unwrap_or_else(|error| panic!("{error}")),
            s3: OnceCell::new(),
        }
    }

    /// A line on the input and the machine.
    pub fn described(&self) -> String {
        let Totals {
            read,
            bytes,
            loaded,
            rejected,
            ..
        } = self.typed;
        format!(
            "{read} orders, {:.1} MB; typed: {loaded} loaded, {rejected} rejected; {}",
            bytes as f64 / 1e6,
            machine::says()
        )
    }

    /// Where turns keep what they need.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a future of whoever looks after the turns.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Starts a standalone or a replica set of one node, and makes the documents of the bounds.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_server(&self, replica_set: bool) -> Server {
        let (mongod, client) = self.block_on(async {
            let mongod = Mongod::as_installed(replica_set).await;
            let client = mongod.client().await;
            (mongod, client)
        });
        let name = if replica_set {
            "replica set of one, w: majority, j: true"
        } else {
            "standalone, w: majority, j: true"
        };
        let server = Server {
            name,
            mongod,
            client,
            documents: self.folder().join("documents.bson"),
        };
        let typed = Load {
            name: "for the bounds",
            what: What::Mongodb,
            spec: Spec::Typed,
        };
        self.run(typed, Some(&server));
        self.block_on(documents::keep(
            &server.client,
            DATABASE,
            COLLECTION,
            &server.documents,
        ));
        self.clear(&server);
        server
    }

    /// Takes a turn, checks what became of the records, and clears what was loaded.
    ///
    /// # Panics
    /// Where it failed, or where a record has another outcome than it should.
    pub fn turn(&self, load: Load, server: Option<&Server>) -> Done {
        let done = self.run(load, server);
        if let Some(server) = server {
            self.clear(server);
        }
        done
    }

    /// Drops what was loaded, and waits until the server has nothing left to write.
    ///
    /// # Panics
    /// Where the server refuses.
    pub fn clear(&self, server: &Server) {
        self.block_on(async {
            let dropped = server.client.database(DATABASE).drop().await;
            dropped.unwrap_or_else(|error| panic!("{error}"));
            let admin = server.client.database("admin");
            let written = admin.run_command(doc! { "fsync": 1 });
            written.await.unwrap_or_else(|error| panic!("{error}"));
        });
    }

    fn run(&self, load: Load, server: Option<&Server>) -> Done {
        let server_seconds = || {
            let id = server.map(|server| server.mongod.process_id(0));
            id.map_or(0.0, cpu_seconds)
        };
        let before = server_seconds();
        let output = self.command(load, server).output();
        let output = output.unwrap_or_else(|error| panic!("{error}"));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {text}", load.name);
        let mut done = Done::read(&text);
        done.cost.server_seconds = server_seconds() - before;
        self.check(load, &done);
        done
    }

    /// Checks that every record had the outcome that it should have.
    fn check(&self, load: Load, done: &Done) {
        if matches!(load.what, What::InsertMany | What::OpMsg) {
            assert_eq!(done.loaded, self.typed.loaded, "{}", load.name);
            return;
        }
        let totals = match load.spec {
            Spec::Typed => self.typed,
            Spec::Steps => self.steps,
        };
        let wanted = (totals.read, totals.loaded, totals.rejected, totals.dropped);
        let found = (done.read, done.loaded, done.rejected, done.dropped);
        assert_eq!(
            found, wanted,
            "read, loaded, rejected, dropped: {}",
            load.name
        );
    }

    /// The process that takes a turn.
    ///
    /// # Panics
    /// Where this program does not find itself.
    pub fn command(&self, load: Load, server: Option<&Server>) -> Command {
        let program = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
        let folder = self.folder();
        let scratch = folder.join("turn");
        // What is not there need not be removed.
        let _ = std::fs::remove_dir_all(&scratch);
        std::fs::create_dir(&scratch).unwrap_or_else(|error| panic!("{error}"));
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        let what = match load.what {
            What::InsertMany => "insert_many",
            What::OpMsg => "op_msg",
            _ => "load",
        };
        command.args(["--turn", what, "--spec", load.spec.word()]);
        command.arg("--folder").arg(&scratch);
        let tune = self.args.said("--tune").unwrap_or_default();
        command.args(["--tune", tune]);
        if load.what == What::Null(Cores::One) {
            command.args(["--cores", "1"]);
        }
        if load.what == What::FromS3 {
            let s3 = self.s3();
            command.args(["--input", &s3.url(INPUT)]).envs(s3.env());
        } else {
            command.arg("--input").arg(folder.join(INPUT));
        }
        match (load.what, server) {
            (What::Null(_), _) => command.args(["--sink", "null"]),
            (What::Sqlite, _) => {
                let sink = format!("sqlite:{}", scratch.join("documents.db").display());
                command.args(["--sink", &sink])
            }
            (_, Some(server)) => {
                command.arg("--documents").arg(&server.documents);
                command.args(["--port", &server.mongod.port(0).to_string()]);
                command.args(["--sink", &server.mongod.uri_for(DATABASE)])
            }
            (_, None) => panic!("{} needs a server", load.name),
        };
        command
    }

    /// A server with the input in its bucket.
    fn s3(&self) -> &S3 {
        self.s3.get_or_init(|| {
            self.block_on(async {
                let s3 = S3::start().await;
                s3.put_file(INPUT, &self.folder().join(INPUT)).await;
                s3
            })
        })
    }
}
