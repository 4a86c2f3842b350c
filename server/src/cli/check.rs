//! `check`: all problems of a spec, or with an input a full dry run: same code, same rejects, nothing
//! written.

use super::load::{Asked, load};
use super::rejects::refuse_to_overwrite;
use super::run::{Ends, cancel_on_signal, open_origin, refuse, report};
use super::{CheckArgs, Exit, spec};
use crate::config::Config;
use stages::load::Wish;
use stages::open::Destination;
use stages::source::Input;

pub async fn check(config: &Config, args: CheckArgs) -> Exit {
    let found = match spec::find(config, &args.spec) {
        Ok(found) => found,
        Err(bad) => {
            eprint!("{}", bad.text);
            if args.json {
                super::print(&format!("{}\n", bad.json));
            }
            return Exit::Usage;
        }
    };
    let plan = &found.plan;
    for note in &plan.notes {
        eprintln!("warning: {}: {note}", found.path.display());
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
            plan.steps.len(),
            plan.tests.len()
        ));
    };
    let inputs = match input.parse().and_then(Input::expand) {
        Ok(inputs) => inputs,
        Err(fatal) => return refuse(&fatal, Exit::Usage),
    };
    if let Some(Err(fatal)) = args.rejects.as_deref().map(refuse_to_overwrite) {
        return refuse(&fatal, Exit::Usage);
    }
    let destination = Destination::dry(plan);
    let cancel = cancel_on_signal();
    let mut ends = Ends::of(inputs.len(), args.json);
    for input in inputs {
        let name = input.to_string();
        let origin = match open_origin(&input).await {
            Ok(origin) => origin,
            Err(fatal) => return refuse(&fatal, Exit::Failed),
        };
        let outcome = load(Asked {
            plan,
            input: input.to_string(),
            origin: &*origin,
            id: None,
            destination: &destination,
            data_dir: &config.data_dir,
            wish: Wish::Load,
            max_rejects: None,
            rejects: args.rejects.as_deref(),
            lease_ms: config.job_lease_ms,
            cancel: cancel.clone(),
            show_progress: true,
        })
        .await;
        ends.add(name, report(&outcome, args.json, true, Vec::new()));
    }
    ends.tell()
}
