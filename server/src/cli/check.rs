//! `check`: all problems of a spec, or with an input a full dry run: same code, same rejects, nothing
//! written; and behind it the causes of the rejects, with what would help. Or, beside another version of the spec, what it
//! means for documents that are stored.
//!
//! Standard input cannot be read again: its causes are told without changes that would help.

mod against;
mod causes;
mod suggest;
mod told;
mod tries;

use super::load::{Asked, Outcome, load};
use super::rejects_file::refuse_to_overwrite;
use super::run::{
    Ends, cancel_on_signal, exit_of, for_one_input, object, open_origin, refuse, report, summary,
};
use super::spec::Found;
use super::{CheckArgs, Exit, spec};
use crate::config::Config;
use causes::Causes;
use pipeline::{Fatal, Reject};
use stages::load::Wish;
use stages::open::Destination;
use stages::plan::Plan;
use stages::source::{Input, Origin};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

pub async fn check(config: &Config, args: CheckArgs) -> Exit {
    let found = match find(config, &args.spec, args.json) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let plan = &found.plan;
    for note in &plan.notes {
        eprintln!("warning: {}: {note}", found.path.display());
    }
    if let Some(old) = &args.against {
        return match find(config, old, args.json) {
            Ok(old) => against::tell(&found, &old, args.json),
            Err(exit) => exit,
        };
    }
    let Some(input) = &args.input else {
        let fields = plan.schema.fields.len();
        if args.json {
            return super::print("[]\n");
        }
        return super::print(&format!(
            "{} is {}: {fields} fields, {} steps, {} tests. No problem found.\n",
            found.path.display(),
            plan.reference(),
            plan.step_count(),
            plan.tests.len()
        ));
    };
    let inputs = match input.parse().and_then(Input::expand) {
        Ok(inputs) => inputs,
        Err(fatal) => return refuse(&fatal, Exit::Usage),
    };
    if let Some(rejects) = args.rejects.as_deref()
        && let Err(fatal) = for_one_input("--rejects", true, inputs.len())
            .and_then(|()| refuse_to_overwrite(rejects))
    {
        return refuse(&fatal, Exit::Usage);
    }
    let destination = match destination(config, args.sink.as_deref(), plan) {
        Ok(destination) if args.sink.is_some() => destination.looked_at(),
        Ok(destination) => destination.dry(),
        Err(fatal) => return refuse(&fatal, Exit::Usage),
    };
    let cancel = cancel_on_signal();
    let mut ends = Ends::of(inputs.len(), args.json);
    for input in inputs {
        let name = input.to_string();
        let origin = match open_origin(&input).await {
            Ok(origin) => origin,
            Err(fatal) => return refuse(&fatal, Exit::Failed),
        };
        let checker = Checker {
            config,
            input: &name,
            origin: &*origin,
            text: &found.text,
            sink: args.sink.as_deref(),
            folder: found.path.parent(),
            cancel: &cancel,
        };
        let exit = checker.check(plan, &destination, &args).await;
        ends.add(name, exit);
    }
    ends.tell()
}

/// The spec that is asked for; where it has problems, they are told.
fn find(config: &Config, reference: &str, as_json: bool) -> Result<Found, Exit> {
    spec::find(config, reference).map_err(|bad| {
        eprint!("{}", bad.text);
        if as_json {
            super::print(&format!("{}\n", bad.json));
        }
        Exit::Usage
    })
}

/// Where a run would write.
fn destination(config: &Config, sink: Option<&str>, plan: &Plan) -> Result<Destination, Fatal> {
    let uri = config.mongodb_uri.as_ref();
    match sink {
        Some(sink) => Destination::named(sink, plan),
        None => {
            let uri = uri.map(|secret| secret.0.as_str());
            Ok(Destination::of(plan, uri, &config.data_dir))
        }
    }
}

/// Dry runs over one input.
struct Checker<'a> {
    config: &'a Config,
    input: &'a str,
    origin: &'a dyn Origin,
    /// The spec's.
    text: &'a str,
    /// Whose sink it would be.
    sink: Option<&'a str>,
    /// Where the spec lies, with the tables that it looks things up in.
    folder: Option<&'a Path>,
    cancel: &'a CancellationToken,
}

impl Checker<'_> {
    async fn check(&self, plan: &Plan, to: &Destination, args: &CheckArgs) -> Exit {
        let rejects = args.rejects.as_deref();
        let (outcome, causes) = self.run(plan, to, rejects, None).await;
        if args.json {
            let about = self.about(&outcome, causes).await;
            eprint!("{}{}", summary(&outcome, true, Vec::new()), about.text());
            // The job as `run --json` prints it, and what is known of its rejects.
            let told = match object(&outcome).ok().and_then(|job| about.json(job)) {
                Some(json) => super::print(&json),
                None => Exit::Failed,
            };
            return exit_of(&outcome, told);
        }
        let exit = report(&outcome, false, true, Vec::new());
        match super::print(&self.about(&outcome, causes).await.text()) {
            Exit::Done => exit,
            failed => failed,
        }
    }

    /// A dry run into `to`, of at least the first `max_records` records and with the causes of their rejects.
    async fn run(
        &self,
        plan: &Plan,
        to: &Destination,
        rejects: Option<&Path>,
        max_records: Option<u64>,
    ) -> (Outcome, Causes) {
        let causes = Arc::new(Mutex::new(Causes::default()));
        let told = causes.clone();
        let each = move |reject: &Reject| {
            if max_records.is_none_or(|most| reject.at.ordinal < most) {
                lock(&told).add(reject);
            }
        };
        let outcome = load(Asked {
            plan,
            input: self.input.to_owned(),
            origin: self.origin,
            id: None,
            destination: to,
            data_dir: &self.config.data_dir,
            wish: Wish::Load,
            max_rejects: None,
            rejects,
            each: Some(Arc::new(each)),
            max_records,
            lease_ms: self.config.job_lease_ms,
            cancel: self.cancel.clone(),
            show_progress: max_records.is_none(),
        })
        .await;
        let causes = std::mem::take(&mut *lock(&causes));
        (outcome, causes)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
