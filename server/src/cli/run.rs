//! `run`: the whole job, here and now, for one input or every file of a folder.

use super::advice::advice;
use super::load::{Asked, Outcome, load};
use super::rejects_file::refuse_to_overwrite;
use super::summary::{Summary, escaped};
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
    if let Err(fatal) = judge(&args, &destination, inputs.len()) {
        return refuse(&fatal, Exit::Usage);
    }
    let runner = Runner {
        config,
        args: &args,
        plan: &found.plan,
        destination,
        cancel: cancel_on_signal(),
    };
    let mut ends = Ends::of(inputs.len(), args.json);
    for input in inputs {
        if runner.cancel.is_cancelled() {
            ends.worst = Exit::Interrupted;
            break;
        }
        let name = input.to_string();
        ends.add(name, runner.one(input).await);
    }
    ends.tell()
}

/// How the loads of several files ended: the worst outcome is the program's, and at the end the others are listed.
pub struct Ends {
    files: usize,
    json: bool,
    worst: Exit,
    not_fine: Vec<(String, Exit)>,
}

impl Ends {
    /// Of so many files; with `json`, standard output is for jobs alone.
    pub fn of(files: usize, json: bool) -> Self {
        Self {
            files,
            json,
            worst: Exit::Done,
            not_fine: Vec::new(),
        }
    }

    /// Notes how the load of one file ended.
    pub fn add(&mut self, name: String, exit: Exit) {
        self.worst = self.worst.worse(exit);
        if exit != Exit::Done {
            self.not_fine.push((name, exit));
        }
    }

    /// Lists what was not fine, where there was more than one file, and says how the program ends.
    pub fn tell(self) -> Exit {
        if self.files < 2 || self.not_fine.is_empty() {
            return self.worst;
        }
        let mut text = format!("\nOf {} files, not fine:\n", self.files);
        for (name, exit) in &self.not_fine {
            text.push_str(&format!("  {}: {}\n", escaped(name), exit.word()));
        }
        match self.json {
            true => eprint!("{text}"),
            false => {
                super::print(&text);
            }
        }
        self.worst
    }
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
        Some(sink) => Destination::named(sink, plan)?,
        None => Destination::of(plan, mongodb_uri, &config.data_dir),
    };
    let destination = match args.dry_run {
        true => destination.dry(),
        false => destination,
    };
    let input: Input = args.input.parse()?;
    Ok((destination, input.expand()?))
}

/// Refuses what can only go wrong, before anything is written.
fn judge(args: &RunArgs, destination: &Destination, inputs: usize) -> Result<(), Fatal> {
    // One identity for several files would make all but the first of them known already; one file that is
    // written would hold the first only.
    let of_one_file = [
        ("--rejects", args.rejects.is_some()),
        ("--id", args.id.is_some()),
        ("a sink that is a file", destination.file().is_some()),
    ];
    for (option, said) in of_one_file {
        for_one_input(option, said, inputs)?;
    }
    let Some(rejects) = &args.rejects else {
        return Ok(());
    };
    if destination.file() == Some(rejects) {
        let message = "the sink and --rejects name the same file";
        return Err(Fatal::new("bad_usage", message));
    }
    refuse_to_overwrite(rejects)
}

/// Refuses an option that was said for several inputs, each of which would write over what it wrote for the one before.
pub fn for_one_input(option: &str, said: bool, inputs: usize) -> Result<(), Fatal> {
    if said && inputs > 1 {
        let message = format!("{option} is for one input, the folder has {inputs} files");
        return Err(Fatal::new("bad_usage", message));
    }
    Ok(())
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
            each: None,
            max_records: None,
            lease_ms: self.config.job_lease_ms,
            cancel: self.cancel.clone(),
            show_progress: true,
        })
        .await;
        let next = advice(args, &self.destination, &outcome, &input);
        report(&outcome, args.json, args.dry_run, next)
    }
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
    let summary = summary(outcome, dry_run, next);
    let told = if json {
        eprint!("{summary}");
        match object(outcome).and_then(|job| serde_json::to_string(&job)) {
            Ok(text) => super::print(&(text + "\n")),
            Err(_) => Exit::Failed,
        }
    } else {
        super::print(&summary)
    };
    exit_of(outcome, told)
}

/// What a program reads of an outcome: the job, and what input and spec do not use of each other.
///
/// # Errors
/// Where it cannot be said in JSON.
pub fn object(outcome: &Outcome) -> serde_json::Result<serde_json::Value> {
    let mut job = serde_json::to_value(&outcome.job)?;
    job["leftOut"] = serde_json::to_value(&outcome.left_out)?;
    Ok(job)
}

/// What a person reads of an outcome.
pub fn summary(outcome: &Outcome, dry_run: bool, next: Vec<String>) -> String {
    let summary = Summary {
        job: &outcome.job,
        books: &outcome.books,
        bytes_before: outcome.bytes_before,
        elapsed: outcome.elapsed,
        busy: outcome.busy,
        dry_run,
        left_out: &outcome.left_out,
        next,
    };
    summary.text()
}

/// With which code the program ends, once the outcome is `told`.
pub fn exit_of(outcome: &Outcome, told: Exit) -> Exit {
    let Outcome { job, books, .. } = outcome;
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

/// Cancelled by the first SIGINT or SIGTERM; the second one ends the program at once.
pub fn cancel_on_signal() -> CancellationToken {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        super::signalled().await;
        eprintln!("Interrupted: batches under way are finished. Once more ends at once.");
        token.cancel();
        super::signalled().await;
        std::process::exit(Exit::Interrupted as i32);
    });
    cancel
}
