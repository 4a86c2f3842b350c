//! `preview`: the first records at every stage.

use super::run::{open_origin, refuse};
use super::{Exit, PreviewArgs, spec};
use crate::config::Config;
use pipeline::{Accepted, Fatal};
use stages::open::{Opening, Shown};
use stages::plan::Plan;
use stages::source::Input;
use std::fmt::Write as _;

pub async fn preview(config: &Config, args: PreviewArgs) -> Exit {
    let found = match spec::find(config, &args.spec) {
        Ok(found) => found,
        Err(bad) => {
            eprint!("{}", bad.text);
            return Exit::Usage;
        }
    };
    match shown(&found.plan, &args).await {
        Ok((shown, None)) if shown.is_empty() => super::print("The input has no record.\n"),
        Ok((shown, fatal)) => match (super::print(&text(&shown)), fatal) {
            (Exit::Done, Some(fatal)) => refuse(&fatal, Exit::Failed),
            (exit, _) => exit,
        },
        Err(fatal) => refuse(&fatal, Exit::Failed),
    }
}

/// The first records, and what is wrong with the input behind them.
async fn shown(plan: &Plan, args: &PreviewArgs) -> Result<(Vec<Shown>, Option<Fatal>), Fatal> {
    let input: Input = args.input.parse()?;
    let first = input.expand()?.into_iter().next();
    let input = first.ok_or_else(|| Fatal::new("not_found", "there is no input"))?;
    let origin = open_origin(&input).await?;
    match stages::open::open(plan, &*origin, None, &Accepted::default()).await? {
        Opening::Ready(opened) => Ok(opened.preview(plan, args.records as usize).await),
        Opening::Held(breach, _) => Err(Fatal::new(breach.cause.kind(), breach.message)),
    }
}

fn text(shown: &[Shown]) -> String {
    let mut out = String::new();
    for record in shown {
        let at = record.at;
        let _ = writeln!(
            out,
            "record {}, line {}, byte {}",
            at.ordinal + 1,
            at.line,
            at.offset
        );
        for (stage, result) in &record.stages {
            let _ = writeln!(out, "  {stage:<12} {result}");
        }
        out.push('\n');
    }
    out
}
