//! The command line: what can be asked of the program, and with which code it ends.

mod advice;
mod check;
mod defaults;
mod docs;
mod export;
mod r#gen;
mod health;
mod import;
mod infer;
mod keys;
mod load;
mod preview;
mod progress;
mod rejects;
mod rejects_file;
mod resubmit;
mod run;
mod schema;
mod serve;
mod spec;
mod summary;
mod test;
mod webhooks;

use crate::config::Config;
use clap::{Args, Parser, Subcommand};
use stages::generate::Share;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing::level_filters::LevelFilter;

/// Loads files of any size into MongoDB: every record has exactly one outcome, and what was wrong is said.
#[derive(Parser)]
#[command(version, about, max_term_width = 100, after_help = ENVIRONMENT)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// From which level on is logged where the environment does not say: a service tells what it does, whoever sits at a
    /// terminal reads what went wrong.
    pub fn log_level(&self) -> LevelFilter {
        match self.command {
            Command::Serve(_) | Command::Worker(_) => LevelFilter::INFO,
            _ => LevelFilter::WARN,
        }
    }
}

const ENVIRONMENT: &str = "\
SPEC is a file, or the name of a spec in SPECS_DIR: `orders` (its highest version) or `orders@3`.
INPUT is a file, a folder, `-` for standard input, or s3://bucket/key.

Environment: HOST, PORT, METRICS_PORT, DATA_DIR (./data), SPECS_DIR (./specs), MONGODB_URI, S3_BUCKET, S3_PREFIX, WORKERS,
JOB_BATCH_SIZE, JOB_WRITE_PAUSE_MS, JOB_LEASE_SECONDS, JOB_MAX_ATTEMPTS, UPLOAD_MAX_BYTES, UPLOAD_TYPES,
UPLOAD_RATE_PER_MINUTE, RETENTION_DAYS, WEBHOOK_SECRET, WEBHOOK_ALLOW, RUST_LOG, LOG_FORMAT (text|json), and the AWS variables; see .env.example.";

const TRUTH: &str = "\
The same spec, --seed, --records and --bad give the same bytes. Of the first n records n times --bad are bad, rounded
down. The file is packed where the spec's `compression` says how.

The truth is JSON Lines, one line a record, in the order of the file; `record` counts from 1, as in --rejects of `run`:
  {\"record\":1,\"outcome\":\"loaded\"}
  {\"record\":2,\"outcome\":\"rejected\",\"code\":\"pattern\",\"field\":\"order_id\"}
  {\"record\":3,\"outcome\":\"passes_binding\"}
and a last line with the sums: {\"records\":3,\"loaded\":1,\"passes_binding\":1,\"rejected\":1}
It says what binding and constraints decide. Where the spec has steps, good records are `passes_binding` instead of
`loaded`: the steps may still drop or reject them, and that is not foretold. Nor is what a target refuses.";

#[derive(Subcommand)]
enum Command {
    /// Load a file, here and now
    Run(RunArgs),
    /// Check a spec, or with an input run the whole job without writing anything
    Check(CheckArgs),
    /// Show the first records at every stage
    Preview(PreviewArgs),
    /// Run the [[tests]] of a spec
    Test {
        /// The spec
        spec: String,
    },
    /// Read a file and write a commented spec for it; what is ambiguous is left for a person to decide
    Infer(InferArgs),
    /// Read a descriptor (Frictionless, CSVW, JSON Schema, mongoimport) and write a commented spec of it
    Import(ImportArgs),
    /// Make a big and messy file of a spec, and the truth about it
    #[command(after_help = TRUTH)]
    Gen(GenArgs),
    /// Serve the HTTP API, and run jobs
    Serve(serve::ServeArgs),
    /// Run jobs of a service whose API runs elsewhere (with MONGODB_URI)
    Worker(serve::WorkerArgs),
    /// Say whether a service is well; with --stores, whether MongoDB and the bucket answer from here
    Health(health::HealthArgs),
    /// Print the documents of the embedded store as JSON Lines, ordered by _id
    Export {
        /// The tenant whose documents to print
        #[arg(long)]
        tenant: Option<String>,
        /// The collection
        collection: String,
    },
    /// Write the rejected records of a job of the service, in the file's own dialect
    Rejects(RejectsArgs),
    /// Send the rejected records of a job of the service again, corrected
    Resubmit(ResubmitArgs),
    /// Give out, list and revoke API keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Say whom a tenant's jobs tell of their ends
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Print every default of the spec language, as a commented spec
    Defaults,
    /// Print the reference of the spec language, key by key with examples, as Markdown
    Docs,
    /// Print the JSON Schema of the spec language, for editors; or describe the files or documents of a spec
    Schema(SchemaArgs),
}

/// What `run` takes.
#[derive(Args)]
pub struct RunArgs {
    /// The spec: a file, or a name in SPECS_DIR
    pub spec: String,
    /// What to load: a file, a folder, `-` or s3://bucket/key
    pub input: String,
    /// Where to load it instead: null, jsonl:PATH, csv:PATH, sqlite:PATH or mongodb:URI
    #[arg(long)]
    pub sink: Option<String>,
    /// Also write the rejects to this file, as JSON Lines
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// The identity of the content, instead of the file's path, size and time
    #[arg(long)]
    pub id: Option<String>,
    /// `again`: load content anew, beside what an earlier load of it has left
    #[arg(long, value_parser = ["again"])]
    pub force: Option<String>,
    /// Go on with an interrupted run, or approve a held one
    #[arg(long, conflicts_with_all = ["force", "dry_run"])]
    pub resume: bool,
    /// Accept up to N rejects, whatever the spec says
    #[arg(long, value_name = "N", value_parser = number)]
    pub max_rejects: Option<u64>,
    /// Do everything but write
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object a job on standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// What `check` takes.
#[derive(Args)]
pub struct CheckArgs {
    /// The spec: a file, or a name in SPECS_DIR
    pub spec: String,
    /// What to run through it without writing
    pub input: Option<String>,
    /// Another version of the spec, a file or NAME@VERSION: what this one means for documents that are stored
    #[arg(long, value_name = "OLD", conflicts_with_all = ["input", "sink", "rejects"])]
    pub against: Option<String>,
    /// Whose sink it would be instead; of mongodb:URI and sqlite:PATH is read what records would meet there
    #[arg(long, requires = "input")]
    pub sink: Option<String>,
    /// Write the rejects to this file, as JSON Lines
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Print JSON on standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// What `rejects` takes.
#[derive(Args)]
pub struct RejectsArgs {
    /// The job, as the service answers it: `jobId`
    pub job: String,
    /// Where to write the file, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The tenant whose job it is
    #[arg(long)]
    pub tenant: Option<String>,
}

/// What `resubmit` takes.
#[derive(Args)]
pub struct ResubmitArgs {
    /// The job whose rejects they are, as the service answers it: `jobId`
    pub job: String,
    /// What `rejects` wrote, corrected: any part of it, in any order
    pub file: PathBuf,
    /// The tenant whose job it is
    #[arg(long)]
    pub tenant: Option<String>,
}

/// What `preview` takes.
#[derive(Args)]
pub struct PreviewArgs {
    /// The spec: a file, or a name in SPECS_DIR
    pub spec: String,
    /// What to read
    pub input: String,
    /// How many records to show
    #[arg(long, short = 'n', default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub records: u64,
}

/// What `infer` takes.
#[derive(Args)]
pub struct InferArgs {
    /// What to read: a file, `-` or s3://bucket/key
    pub input: String,
    /// The name of the spec, instead of the file's
    #[arg(long)]
    pub name: Option<String>,
    /// Where to write the spec, instead of standard output; a file that is not there yet
    #[arg(long, value_name = "SPEC")]
    pub out: Option<PathBuf>,
}

/// What `import` takes.
#[derive(Args)]
pub struct ImportArgs {
    /// The descriptor, of at most 1 MiB
    pub file: PathBuf,
    /// Who says it; without it the content must show that
    #[arg(long = "as", value_name = "STANDARD", value_parser = ["frictionless", "csvw", "json-schema", "mongoimport"])]
    pub standard: Option<String>,
    /// The name of the spec, instead of the descriptor's
    #[arg(long)]
    pub name: Option<String>,
    /// Where to write the spec, instead of standard output; a file that is not there yet
    #[arg(long, value_name = "SPEC")]
    pub out: Option<PathBuf>,
}

/// What `schema` takes.
#[derive(Args)]
pub struct SchemaArgs {
    /// The spec to describe: a file, or a name in SPECS_DIR; without it the language itself
    #[arg(requires = "standard")]
    pub spec: Option<String>,
    /// In whose words: frictionless and csvw describe the files, json-schema the documents as `export` writes them
    #[arg(long = "as", value_name = "STANDARD", requires = "spec", value_parser = ["frictionless", "csvw", "json-schema"])]
    pub standard: Option<String>,
}

/// What `gen` takes.
#[derive(Args)]
pub struct GenArgs {
    /// The spec: a file, or a name in SPECS_DIR
    pub spec: String,
    /// How many records
    #[arg(long, value_name = "N", value_parser = number)]
    pub records: u64,
    /// How many of them are bad: 1%, or 0.01
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = Share::parse)]
    pub bad: Share,
    /// What chance follows from
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = number)]
    pub seed: u64,
    /// Where to write the file, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Also write what must become of each record to this file, as JSON Lines
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("a whole number is wanted, from 0 to {}", u64::MAX))
}

/// How the program ends, from good to bad. The numbers are fixed, and in another order: scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All loaded, all well.
    Done = 0,
    /// Completed, with rejects.
    Rejects = 3,
    /// Held.
    Held = 4,
    /// Failed.
    Failed = 1,
    /// Bad usage or a bad spec.
    Usage = 2,
    /// Interrupted, with a checkpoint.
    Interrupted = 130,
}

impl Exit {
    /// From good to bad.
    const ALL: [Self; 6] = [
        Self::Done,
        Self::Rejects,
        Self::Held,
        Self::Failed,
        Self::Usage,
        Self::Interrupted,
    ];

    /// The worse one of two.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let badness = |exit| Self::ALL.iter().position(|one| *one == exit);
        match badness(self) >= badness(other) {
            true => self,
            false => other,
        }
    }

    /// What became of an input, in a word or two.
    fn word(self) -> &'static str {
        match self {
            Self::Done => "all well",
            Self::Rejects => "rejects",
            Self::Held => "held",
            Self::Failed | Self::Usage => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Does what was asked.
pub async fn execute(cli: Cli, config: &Config) -> Exit {
    match cli.command {
        Command::Run(args) => run::run(config, args).await,
        Command::Check(args) => check::check(config, args).await,
        Command::Preview(args) => preview::preview(config, args).await,
        Command::Infer(args) => infer::infer(args).await,
        Command::Import(args) => import::import(&args),
        Command::Test { spec } => test::test(config, &spec).await,
        Command::Export { tenant, collection } => {
            export::export(config, tenant.as_deref(), &collection)
        }
        Command::Rejects(args) => rejects::rejects(config, args).await,
        Command::Resubmit(args) => resubmit::resubmit(config, args).await,
        Command::Gen(args) => r#gen::generate(config, &args),
        Command::Serve(args) => serve::serve(config, args).await,
        Command::Worker(args) => serve::worker(config, args).await,
        Command::Health(args) => health::health(config, args).await,
        Command::Keys(command) => keys::keys(config, command).await,
        Command::Webhooks(command) => webhooks::webhooks(config, command).await,
        Command::Defaults => defaults::defaults(),
        Command::Docs => docs::docs(),
        Command::Schema(args) => schema::schema(config, &args),
    }
}

/// Prints to standard output. Whoever reads may have gone: that is no failure.
fn print(text: &str) -> Exit {
    use std::io::Write as _;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("error: standard output cannot be written: {error}");
            Exit::Failed
        }
        _ => Exit::Done,
    }
}

/// Lists on standard error what was left out, as `what` says.
fn tell_lost(what: &str, lost: &[String]) {
    if !lost.is_empty() {
        eprintln!("{what}:");
    }
    for one in lost {
        eprintln!("  {one}");
    }
}

/// Returns on the next SIGINT or SIGTERM.
pub async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
