//! `run`: the whole job, here and now, for one input or every file of a folder.

use super::load::{Asked, Outcome, load};
use super::summary::Summary;
use super::{Exit, RunArgs, spec};
use crate::config::Config;
use pipeline::Fatal;
use stages::load::Wish;
use stages::open::Destination;
use stages::plan::Plan;
use stages::source::s3::{S3Client, S3Settings};
use stages::source::{Input, Origin, pin};
use tokio_util::sync::CancellationToken;

/// Loads what the arguments name.
pub async fn run(config: &Config, args: RunArgs) -> Exit {
    let found = match spec::find(config, &args.spec) {
        Ok(found) => found,
        Err(bad) => {
            eprint!("{}", bad.text);
            return Exit::Usage;
        }
    };
    let prepared = prepare(config, &args, &found.plan);
    let (destination, inputs) = match prepared {
        Ok(prepared) => prepared,
        Err(fatal) => return refuse(&fatal, Exit::Usage),
    };
    // One identity for several files would make all but the first of them known already.
    let of_one_file = [
        ("--rejects", args.rejects.is_some()),
        ("--id", args.id.is_some()),
    ];
    if let Some((option, _)) = of_one_file.iter().find(|(_, said)| *said)
        && inputs.len() > 1
    {
        let message = format!("{option} is for one file, the folder has several");
        return refuse(&Fatal::new("bad_usage", message), Exit::Usage);
    }
    let runner = Runner {
        config,
        args: &args,
        plan: &found.plan,
        destination,
        cancel: cancel_on_signal(),
    };
    let mut worst = Exit::Done;
    for input in inputs {
        if runner.cancel.is_cancelled() {
            return Exit::Interrupted;
        }
        let exit = runner.one(input).await;
        if severity(exit) > severity(worst) {
            worst = exit;
        }
    }
    worst
}

/// An error before any job is there.
pub fn refuse(fatal: &Fatal, exit: Exit) -> Exit {
    eprintln!("error: {fatal}");
    for cause in &fatal.causes {
        eprintln!("  because: {cause}");
    }
    if let Some(hint) = &fatal.hint {
        eprintln!("  help: {hint}");
    }
    exit
}

fn prepare(
    config: &Config,
    args: &RunArgs,
    plan: &Plan,
) -> Result<(Destination, Vec<Input>), Fatal> {
    let mongodb_uri = config.mongodb_uri.as_ref().map(|secret| secret.0.as_str());
    let destination = match &args.sink {
        _ if args.dry_run => Destination::dry(plan),
        Some(sink) => Destination::named(sink, plan)?,
        None => Destination::of(plan, mongodb_uri, &config.data_dir),
    };
    let input: Input = args.input.parse()?;
    Ok((destination, input.expand()?))
}

struct Runner<'a> {
    config: &'a Config,
    args: &'a RunArgs,
    plan: &'a Plan,
    destination: Destination,
    cancel: CancellationToken,
}

impl Runner<'_> {
    async fn one(&self, input: Input) -> Exit {
        let origin = match open_origin(&input).await {
            Ok(origin) => origin,
            Err(fatal) => return refuse(&fatal, Exit::Failed),
        };
        let args = self.args;
        let wish = match (args.resume, &args.force) {
            (true, _) => Wish::Resume,
            (false, Some(_)) => Wish::Again,
            (false, None) => Wish::Load,
        };
        let outcome = load(Asked {
            plan: self.plan,
            input: input.to_string(),
            origin: &*origin,
            id: args.id.as_deref(),
            destination: &self.destination,
            data_dir: &self.config.data_dir,
            wish,
            max_rejects: args.max_rejects,
            rejects: args.rejects.as_deref(),
            lease_ms: self.config.job_lease_ms,
            cancel: self.cancel.clone(),
            show_progress: true,
        })
        .await;
        let next = self.next(&outcome, &input);
        report(&outcome, args.json, args.dry_run, next)
    }

    /// What can be done now.
    fn next(&self, outcome: &Outcome, input: &Input) -> Vec<String> {
        let mut next = Vec::new();
        let (spec, input) = (word(&self.args.spec), word(&input.to_string()));
        let again = format!("sluicegate run {spec} {input}{}", self.said());
        match outcome.job.state {
            "completed" => {
                next.extend(self.destination.how_to_look());
                if outcome.job.existing {
                    next.push(format!(
                        "To load it once more beside what is there: {again} --force again"
                    ));
                }
            }
            "held" => {
                next.push(format!("To accept that and go on: {again} --resume"));
            }
            "interrupted" | "failed" if self.destination.remembers() => {
                next.push(format!("To go on from here: {again} --resume"));
            }
            _ => {}
        }
        let rejected = outcome.books.counters.rejected;
        match &self.args.rejects {
            Some(path) if rejected > 0 => {
                next.push(format!("The rejects are in {}", path.display()))
            }
            None if rejected > 0 => {
                next.push("To see every reject, add --rejects rejects.jsonl".into())
            }
            _ => {}
        }
        next
    }

    /// The options that another run of the same job needs.
    fn said(&self) -> String {
        let mut said = String::new();
        if let Some(sink) = self.args.sink.as_deref().filter(|sink| !sink.contains('@')) {
            said.push_str(&format!(" --sink {}", word(sink)));
        }
        if let Some(id) = &self.args.id {
            said.push_str(&format!(" --id {}", word(id)));
        }
        said
    }
}

/// A text as one word of a shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Pins an input, with an S3 client where it is an object.
pub async fn open_origin(input: &Input) -> Result<Box<dyn Origin>, Fatal> {
    match input {
        Input::S3 { .. } => {
            let client = S3Client::from_sdk_chain(S3Settings::default()).await;
            pin(input, Some(&client)).await
        }
        _ => pin(input, None).await,
    }
}

/// Tells the outcome, and with which code the program ends.
pub fn report(outcome: &Outcome, json: bool, dry_run: bool, next: Vec<String>) -> Exit {
    let Outcome {
        job,
        books,
        elapsed,
    } = outcome;
    let summary = Summary {
        job,
        books,
        elapsed: *elapsed,
        dry_run,
        next,
    };
    let told = if json {
        eprint!("{}", summary.text());
        match serde_json::to_string(job) {
            Ok(text) => super::print(&(text + "\n")),
            Err(_) => Exit::Failed,
        }
    } else {
        super::print(&summary.text())
    };
    if told != Exit::Done {
        return told;
    }
    match job.state {
        "completed" if books.counters.rejected > 0 => Exit::Rejects,
        "completed" => Exit::Done,
        "held" => Exit::Held,
        "interrupted" => Exit::Interrupted,
        _ => Exit::Failed,
    }
}

/// Of several files, the worst outcome is the program's.
fn severity(exit: Exit) -> u8 {
    match exit {
        Exit::Done => 0,
        Exit::Rejects => 1,
        Exit::Held => 2,
        Exit::Failed => 3,
        Exit::Usage => 4,
        Exit::Interrupted => 5,
    }
}

/// Cancelled by the first SIGINT or SIGTERM; the second one ends the program at once.
pub fn cancel_on_signal() -> CancellationToken {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        signalled().await;
        eprintln!("Interrupted: batches under way are finished. Once more ends at once.");
        token.cancel();
        signalled().await;
        std::process::exit(Exit::Interrupted as i32);
    });
    cancel
}

async fn signalled() {
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
