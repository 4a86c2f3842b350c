//! A real MongoDB server: standalone, or a replica set of one or more nodes.
//!
//! Promises: ready when its constructor returns, a database folder of its own, the same ports after a restart.
//! Never: listens elsewhere than on 127.0.0.1, and never shares a node with another test.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use mongodb::Client;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::ClientOptions;

use crate::watchdog::{Watched, free_port};
use crate::{eventually, fetched};

/// How long a node may take to accept connections, and a replica set to have a primary and its secondaries. Seconds as a
/// rule; a change of primary in a set of three was once seen to take a minute.
const START_TIMEOUT: Duration = Duration::from_secs(150);

/// How long a node may take to set or take back a fail point. It answers once every command that an earlier one held back
/// has gone on, even where nobody waits for that command any more.
const FAIL_POINT_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a node may take to stop, and the time between two looks at it.
const FREEZE_TIMEOUT: Duration = Duration::from_secs(30);
const FREEZE_INTERVAL: Duration = Duration::from_millis(1);

/// The name of every replica set.
pub const REPLICA_SET: &str = "rs0";

/// A running MongoDB. Dropping it kills its nodes and removes their folders.
pub struct Mongod {
    nodes: Vec<Node>,
    replica_set: bool,
}

struct Node {
    port: u16,
    process: Watched,
}

/// How much room a node takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    /// So little that many run at once: a cache of 256 MiB, and a journal of 16 MB files that are not written in advance, so
    /// a folder of 17 MB instead of 300.
    Small,
    /// A cache of 2 GiB, the rest as mongod sets it.
    AsInstalled,
}

impl Size {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Small => &[
                "--wiredTigerCacheSizeGB",
                "0.25",
                "--oplogSize",
                "64",
                "--wiredTigerEngineConfigString",
                "log=(prealloc=false,file_max=16MB)",
            ],
            Self::AsInstalled => &["--wiredTigerCacheSizeGB", "2"],
        }
    }
}

impl Mongod {
    /// A standalone server: no retryable writes, no transactions.
    pub async fn standalone() -> Mongod {
        Mongod {
            nodes: vec![Node::start(false, Size::Small).await],
            replica_set: false,
        }
    }

    /// A server as it is installed, for measurements: its own journal, and a cache of 2 GiB instead of one that is small
    /// enough for many tests at once. A standalone, or a replica set of one node.
    pub async fn as_installed(replica_set: bool) -> Mongod {
        let size = Size::AsInstalled;
        if replica_set {
            return Mongod::set(1, size).await;
        }
        Mongod {
            nodes: vec![Node::start(false, size).await],
            replica_set: false,
        }
    }

    /// A replica set of one node, with a primary.
    pub async fn replica_set() -> Mongod {
        Mongod::replica_set_of(1).await
    }

    /// A replica set of `nodes` nodes, with a primary and every other node a secondary. Elections start 1 s after the last
    /// heartbeat: a killed primary of three is replaced in about 2 s.
    ///
    /// # Panics
    /// Where `nodes` is 0, and where there is no set after 150 s.
    pub async fn replica_set_of(nodes: usize) -> Mongod {
        Mongod::set(nodes, Size::Small).await
    }

    async fn set(nodes: usize, size: Size) -> Mongod {
        assert!(nodes > 0, "a replica set has a node at least");
        // Every node must accept before the set is initiated, else the first one waits for long.
        let nodes = futures::future::join_all((0..nodes).map(|_| Node::start(true, size))).await;
        let set = Mongod {
            nodes,
            replica_set: true,
        };
        let members: Vec<Document> = (0i32..)
            .zip(&set.nodes)
            .map(|(id, node)| doc! { "_id": id, "host": format!("127.0.0.1:{}", node.port) })
            .collect();
        let config = doc! {
            "_id": REPLICA_SET,
            "members": members,
            "settings": { "electionTimeoutMillis": 1_000, "heartbeatIntervalMillis": 200 },
        };
        let first = set.client_of_node(0).await;
        let initiated = first
            .database("admin")
            .run_command(doc! { "replSetInitiate": config })
            .await;
        initiated.unwrap_or_else(|error| panic!("replSetInitiate: {error}\n{}", set.log_tail(0)));
        set.wait_until_ready().await;
        set
    }

    /// The connection string, without a database.
    pub fn uri(&self) -> String {
        self.uri_for("")
    }

    /// The connection string with `database` as its default database.
    pub fn uri_for(&self, database: &str) -> String {
        let hosts: Vec<String> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        let set = if self.replica_set {
            format!("replicaSet={REPLICA_SET}&")
        } else {
            String::new()
        };
        format!(
            "mongodb://{}/{database}?{set}heartbeatFrequencyMS=500",
            hosts.join(",")
        )
    }

    /// A new client, which waits up to 30 s for a server.
    pub async fn client(&self) -> Client {
        connect(&self.uri()).await
    }

    /// The clock of the server, of a set that of its primary.
    ///
    /// # Panics
    /// Where it does not answer.
    pub async fn now(&self) -> DateTime {
        let admin = self.client().await.database("admin");
        let hello = admin.run_command(doc! { "hello": 1 }).await;
        let hello = hello.unwrap_or_else(|error| panic!("hello: {error}"));
        *hello
            .get_datetime("localTime")
            .unwrap_or_else(|error| panic!("{error} in {hello}"))
    }

    /// Makes a unique index on `path` of a collection.
    ///
    /// # Panics
    /// Where the server refuses it.
    pub async fn make_unique(&self, database: &str, collection: &str, path: &str) {
        let index = doc! { "key": { path: 1 }, "name": path, "unique": true };
        let command = doc! { "createIndexes": collection, "indexes": [index] };
        let database = self.client().await.database(database);
        let made = database.run_command(command).await;
        made.unwrap_or_else(|error| panic!("no unique index on {path}: {error}"));
    }

    /// The number of nodes; nodes are named by their index.
    pub fn nodes(&self) -> Range<usize> {
        0..self.nodes.len()
    }

    /// The port of a node on 127.0.0.1.
    pub fn port(&self, node: usize) -> u16 {
        self.nodes[node].port
    }

    /// The number of a node's process.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn process_id(&self, node: usize) -> u32 {
        let id = self.nodes[node].lock_file();
        id.trim()
            .parse()
            .unwrap_or_else(|error| panic!("mongod.lock holds {id:?}: {error}"))
    }

    /// A new client that talks to one node only, whatever its state.
    pub async fn client_of_node(&self, node: usize) -> Client {
        connect(&format!(
            "mongodb://127.0.0.1:{}/?directConnection=true",
            self.nodes[node].port
        ))
        .await
    }

    /// The node that is primary now, if one is. A standalone counts as one.
    pub async fn primary(&self) -> Option<usize> {
        for node in self.nodes() {
            let hello = self.command_on(node, doc! { "hello": 1 }).await;
            if hello.is_some_and(|hello| says(&hello, "isWritablePrimary")) {
                return Some(node);
            }
        }
        None
    }

    /// Sets the fail point `failCommand` on every node: `mode` is `"alwaysOn"`, `{ times: N }`, `{ skip: N }` or
    /// `{ activationProbability: P }`; `data` names `failCommands` and what happens to them: `closeConnection`, `errorCode`,
    /// `writeConcernError`, `blockConnection` with `blockTimeMS`; `appName` singles out one client.
    ///
    /// `closeConnection` cuts before the command is executed. For "executed, reply lost" use [`crate::proxy::Cutter::lose_reply_to`].
    ///
    /// # Panics
    /// Where a node refuses it.
    pub async fn fail_point(&self, mode: impl Into<Bson>, data: Document) {
        let command =
            doc! { "configureFailPoint": "failCommand", "mode": mode.into(), "data": data };
        for node in self.nodes() {
            let admin = self.client_of_node(node).await.database("admin");
            let set = admin.run_command(command.clone()).into_future();
            let set = tokio::time::timeout(FAIL_POINT_TIMEOUT, set).await;
            set.unwrap_or_else(|_| panic!("{command}: held back for {FAIL_POINT_TIMEOUT:?}"))
                .unwrap_or_else(|error| panic!("{command}: {error}"));
        }
    }

    /// Waits until the fail point has struck `times` times on the first node since that was started, whatever it was set to
    /// in the meantime.
    ///
    /// # Panics
    /// Where it has not after `deadline`.
    pub async fn fail_point_struck(&self, times: u64, deadline: Duration) {
        let admin = self.client_of_node(0).await.database("admin");
        let wait = doc! {
            "waitForFailPoint": "failCommand",
            "timesEntered": times.cast_signed(),
            "maxTimeMS": i64::try_from(deadline.as_millis()).unwrap_or(i64::MAX),
        };
        let waited = admin.run_command(wait).await;
        waited
            .unwrap_or_else(|error| panic!("the fail point has not struck {times} times: {error}"));
    }

    /// Lets the next `command` of a connection of ours hang for `hang_ms` milliseconds; those behind it are answered.
    pub async fn hang_once(&self, command: &str, hang_ms: u32) {
        let data = doc! {
            "failCommands": [command],
            "appName": "sluicegate",
            "blockConnection": true,
            "blockTimeMS": i64::from(hang_ms),
        };
        self.fail_point(doc! { "times": 1 }, data).await;
    }

    /// Takes the fail point back.
    pub async fn clear_fail_point(&self) {
        self.fail_point("off", doc! {}).await;
    }

    /// SIGKILL to every node: what it had not made durable is lost.
    pub fn kill(&mut self) {
        for node in self.nodes() {
            self.kill_node(node);
        }
    }

    /// SIGKILL to one node.
    pub fn kill_node(&mut self, node: usize) {
        self.nodes[node].process.end("KILL");
    }

    /// SIGTERM to every node, and its clean end.
    pub fn stop(&mut self) {
        for node in &mut self.nodes {
            node.process.end("TERM");
        }
    }

    /// SIGSTOP to every node: connections stand and nothing is answered, until [`Mongod::thaw`].
    ///
    /// # Panics
    /// Where a node still runs after 30 s.
    pub fn freeze(&mut self) {
        for node in &mut self.nodes {
            node.process.signal("STOP");
        }
        for node in &self.nodes {
            node.wait_until_frozen();
        }
    }

    /// Lets frozen nodes go on.
    pub fn thaw(&mut self) {
        for node in &mut self.nodes {
            node.process.signal("CONT");
        }
    }

    /// Starts every node again, on the folder and the port that it had, and waits until it can be written to.
    /// A running node is killed first.
    pub async fn restart(&mut self) {
        futures::future::join_all(self.nodes.iter_mut().map(Node::restart)).await;
        self.wait_until_ready().await;
    }

    /// Starts one node again and waits until the set has a primary and no node is behind.
    pub async fn restart_node(&mut self, node: usize) {
        self.nodes[node].restart().await;
        self.wait_until_ready().await;
    }

    /// The last lines of a node's log, for a message.
    pub fn log_tail(&self, node: usize) -> String {
        self.nodes[node].process.log_tail()
    }

    async fn wait_until_ready(&self) {
        eventually("a primary", START_TIMEOUT, async || {
            self.primary().await.is_some()
        })
        .await;
        eventually("every other node a secondary", START_TIMEOUT, async || {
            for node in self.nodes() {
                let Some(hello) = self.command_on(node, doc! { "hello": 1 }).await else {
                    return false;
                };
                if !says(&hello, "isWritablePrimary") && !says(&hello, "secondary") {
                    return false;
                }
            }
            true
        })
        .await;
    }

    /// The answer of one node, or `None` where it gives none.
    async fn command_on(&self, node: usize, command: Document) -> Option<Document> {
        // A short wait, because a node that is down is an answer here.
        let wait = "directConnection=true&serverSelectionTimeoutMS=1000";
        let client = connect(&format!(
            "mongodb://127.0.0.1:{}/?{wait}",
            self.nodes[node].port
        ))
        .await;
        client.database("admin").run_command(command).await.ok()
    }
}

impl Node {
    async fn start(replica_set: bool, size: Size) -> Node {
        // Another process may take the port between the look and the start: then mongod ends, and the next one is tried.
        for _ in 0..5 {
            let mut node = Node {
                port: free_port(),
                process: Watched::new("mongod"),
            };
            let data = node.process.folder().join("data");
            std::fs::create_dir(&data)
                .unwrap_or_else(|error| panic!("{}: {error}", data.display()));
            let mut command = vec![fetched("SLUICEGATE_TEST_MONGOD", "mongod").into_os_string()];
            command.extend(["--dbpath".into(), data.into_os_string()]);
            command.extend(["--port".into(), node.port.to_string().into()]);
            command.extend(["--bind_ip", "127.0.0.1", "--nounixsocket"].map(Into::into));
            command.extend(size.options().iter().map(Into::into));
            command.extend(["--setParameter", "enableTestCommands=1"].map(Into::into));
            command.extend(
                ["--setParameter", "diagnosticDataCollectionEnabled=false"].map(Into::into),
            );
            if replica_set {
                command.extend(["--replSet", REPLICA_SET].map(Into::into));
            }
            node.process.set_command(command);
            node.process.spawn();
            if node.accepts().await {
                return node;
            }
            let log = node.process.log_tail();
            assert!(
                log.contains("Address already in use"),
                "mongod does not start:\n{log}"
            );
        }
        panic!("five free ports were taken before mongod had them");
    }

    async fn restart(&mut self) {
        self.process.spawn();
        assert!(
            self.accepts().await,
            "mongod does not start again:\n{}",
            self.process.log_tail()
        );
    }

    /// What stands in `mongod.lock`: the number of the process.
    fn lock_file(&self) -> String {
        let lock = self.process.folder().join("data/mongod.lock");
        std::fs::read_to_string(&lock).unwrap_or_default()
    }

    /// Waits until each thread of the node has stopped: a signal is on its way for a while, and until then it answers.
    fn wait_until_frozen(&self) {
        let process = self.lock_file();
        let threads = format!("/proc/{}/task", process.trim());
        let waited = Instant::now();
        while !all_stopped(Path::new(&threads)) {
            assert!(waited.elapsed() < FREEZE_TIMEOUT, "mongod does not stop");
            std::thread::sleep(FREEZE_INTERVAL);
        }
    }

    /// Waits until the node accepts connections; false where it ended instead.
    async fn accepts(&mut self) -> bool {
        let mut accepts = false;
        eventually("mongod accepts connections", START_TIMEOUT, async || {
            accepts = self
                .process
                .log()
                .contains("\"msg\":\"Waiting for connections\"");
            accepts || self.process.exited().is_some()
        })
        .await;
        accepts
    }
}

/// Whether every thread in this folder of Linux's `/proc` is stopped; false where there is none.
fn all_stopped(threads: &Path) -> bool {
    let Ok(mut threads) = std::fs::read_dir(threads) else {
        return false;
    };
    threads.all(|thread| {
        let stat = thread.and_then(|thread| std::fs::read_to_string(thread.path().join("stat")));
        // The state stands behind the name, which may hold anything.
        stat.is_ok_and(|stat| {
            let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
            state.is_some_and(|state| state.starts_with('T'))
        })
    })
}

/// What MongoDB's profiler notes of the statements by which `client`, an `appName`, changes documents of a collection.
pub fn writes_by(client: &str, database: &str, collection: &str) -> Document {
    doc! {
        "appName": client,
        "ns": format!("{database}.{collection}"),
        "op": { "$in": ["insert", "update", "remove"] },
    }
}

fn says(hello: &Document, what: &str) -> bool {
    hello.get_bool(what).unwrap_or(false)
}

async fn connect(uri: &str) -> Client {
    let mut options = ClientOptions::parse(uri)
        .await
        .unwrap_or_else(|error| panic!("{uri}: {error}"));
    options.app_name = Some("testbed".to_owned());
    Client::with_options(options).unwrap_or_else(|error| panic!("{uri}: {error}"))
}

#[cfg(test)]
mod tests;
