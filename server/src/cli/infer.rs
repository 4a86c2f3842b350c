//! `infer`: a commented spec for a file, written by reading all of it.
//!
//! The spec goes to standard output, or to a file that is not there yet. What must be decided is told besides.

use super::run::{open_origin, refuse};
use super::{Exit, InferArgs};
use pipeline::Fatal;
use stages::infer::{Inferred, infer as read};
use stages::source::Input;
use std::io::Write as _;
use std::path::Path;

pub async fn infer(args: InferArgs) -> Exit {
    let inferred = match inferred(&args).await {
        Ok(inferred) => inferred,
        Err(fatal) => return refuse(&fatal, Exit::Failed),
    };
    let Some(out) = &args.out else {
        return super::print(&inferred.spec);
    };
    if let Err(fatal) = write(out, &inferred.spec) {
        return refuse(&fatal, Exit::Failed);
    }
    super::print(&told(out, &inferred))
}

async fn inferred(args: &InferArgs) -> Result<Inferred, Fatal> {
    if let Some(out) = args.out.as_deref().filter(|out| out.exists()) {
        return Err(exists(out));
    }
    let input: Input = args.input.parse()?;
    let mut inputs = input.expand()?;
    if inputs.len() != 1 {
        let message = format!(
            "a spec is inferred from one file, the folder has {}",
            inputs.len()
        );
        return Err(Fatal::new("bad_usage", message));
    }
    let origin = open_origin(&inputs.remove(0)).await?;
    let file = &origin.pinned().name;
    let name = match &args.name {
        Some(name) => name.as_str(),
        // `orders.csv.gz` is of orders.
        None => file
            .split('.')
            .find(|part| !part.is_empty())
            .unwrap_or("file"),
    };
    read(&*origin, name).await
}

/// What says that a file is not written over.
pub fn exists(out: &Path) -> Fatal {
    let message = format!("{} is there already", out.display());
    Fatal::new("exists", message).hint("--out writes a new file: name another one")
}

/// Writes a file that is not there yet.
pub fn write(out: &Path, spec: &str) -> Result<(), Fatal> {
    let file = std::fs::File::create_new(out).and_then(|mut file| {
        file.write_all(spec.as_bytes())?;
        file.sync_all()
    });
    file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(out),
        _ => Fatal::new("out", format!("{} cannot be written", out.display())).because(&error),
    })
}

fn told(out: &Path, inferred: &Inferred) -> String {
    let out = out.display();
    let read = format!(
        "{out} is written: {} records were read, {} will be rejected.\n",
        inferred.records, inferred.rejects
    );
    match &inferred.undecided[..] {
        [] => format!("{read}Nothing is undecided; `sluicegate check {out}` finds no problem.\n"),
        fields => format!(
            "{read}To decide: {}. `sluicegate check {out}` says what there is to choose.\n",
            fields.join(", ")
        ),
    }
}
