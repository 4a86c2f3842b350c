//! `gen`: a big and messy file of a spec, and the truth about it.
//!
//! Every core makes records, in blocks that are written in their order: memory does not grow with the file. Whoever reads
//! standard output may go away at any time, but not where somebody wants the whole truth. Neither file is written over
//! another one.

use super::run::refuse;
use super::{Exit, GenArgs, spec};
use crate::config::Config;
use pipeline::Fatal;
use stages::generate::{Generator, Packed, Totals};
use std::fs::File;
use std::io::{BufWriter, ErrorKind, IsTerminal as _, Write};
use std::path::Path;

/// Bytes that are gathered before they are written.
const WRITE_BYTES: usize = 256 * 1024;

pub fn generate(config: &Config, args: &GenArgs) -> Exit {
    let generator = match spec::generator(config, &args.spec, args.bad, args.seed) {
        Ok(generator) => generator,
        Err(bad) => {
            eprint!("{}", bad.text);
            return Exit::Usage;
        }
    };
    if args.out.is_some() && args.out == args.truth {
        let fatal = Fatal::new("bad_usage", "--out and --truth name the same file");
        return refuse(&fatal, Exit::Usage);
    }
    for (option, path) in [("--out", &args.out), ("--truth", &args.truth)] {
        if path.as_deref() == Some(Path::new("-")) {
            let message = format!("{option} names a file, and `-` is none");
            let fatal = Fatal::new("bad_usage", message)
                .hint("the file goes to standard output where --out is not said; ./- is a file of that name");
            return refuse(&fatal, Exit::Usage);
        }
    }
    let packed = generator.is_packed();
    if packed && args.out.is_none() && std::io::stdout().is_terminal() {
        let fatal = Fatal::new(
            "bad_usage",
            "the spec wants packed input, which is nothing for a terminal",
        );
        return refuse(&fatal.hint("say --out FILE"), Exit::Usage);
    }
    let taken = [&args.out, &args.truth]
        .into_iter()
        .flatten()
        .find(|path| path.is_file());
    if let Some(path) = taken {
        return refuse(&there(path), Exit::Failed);
    }
    match written(&generator, args) {
        Ok(totals) => {
            tell(&generator, args, totals);
            Exit::Done
        }
        Err(Stopped::Gone) if args.truth.is_none() => Exit::Done,
        Err(Stopped::Gone) => {
            let message = "nobody reads any more: the truth is not whole";
            refuse(&Fatal::new("write_failed", message), Exit::Failed)
        }
        Err(Stopped::Failed(fatal)) => refuse(&fatal, Exit::Failed),
    }
}

/// Why not all of it was written.
enum Stopped {
    /// Nobody reads any more.
    Gone,
    Failed(Fatal),
}

fn written(generator: &Generator, args: &GenArgs) -> Result<Totals, Stopped> {
    let name = args
        .out
        .as_deref()
        .map_or_else(|| "standard output".to_owned(), shown);
    let out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(new_file(path)?),
        None => Box::new(std::io::stdout().lock()),
    };
    let failed = |error| stopped(&name, error);
    let out = BufWriter::with_capacity(WRITE_BYTES, out);
    let mut out = Packed::of(&generator.plan().input.unpack, out).map_err(failed)?;
    let mut truths = match &args.truth {
        Some(path) => Some((
            BufWriter::with_capacity(WRITE_BYTES, new_file(path)?),
            shown(path),
        )),
        None => None,
    };
    let mut totals = Totals::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    generator.blocks(args.records, threads, |block| {
        out.write_all(&block.bytes).map_err(failed)?;
        for truth in &block.truths {
            totals.count(truth);
            if let Some((file, name)) = &mut truths {
                line(file, truth).map_err(|error| stopped(name, error))?;
            }
        }
        Ok(())
    })?;
    out.finish().map_err(failed)?;
    if let Some((mut file, name)) = truths {
        let end = line(&mut file, &totals).and_then(|()| file.flush());
        end.map_err(|error| stopped(&name, error))?;
    }
    Ok(totals)
}

fn line(file: &mut impl Write, value: &impl serde::Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *file, value)?;
    file.write_all(b"\n")
}

/// A file that was not there, or a device or a pipe.
fn new_file(path: &Path) -> Result<File, Stopped> {
    let is_special = path
        .metadata()
        .is_ok_and(|found| !found.is_file() && !found.is_dir());
    let opened = match is_special {
        true => File::options().write(true).open(path),
        false => File::create_new(path),
    };
    opened.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Stopped::Failed(there(path)),
        _ => stopped(&shown(path), error),
    })
}

fn there(path: &Path) -> Fatal {
    Fatal::new("file_exists", format!("{} is there already", shown(path)))
        .hint("name another file, or remove this one")
}

fn stopped(name: &str, error: std::io::Error) -> Stopped {
    match error.kind() {
        ErrorKind::BrokenPipe => Stopped::Gone,
        _ => {
            let message = format!("{name} cannot be written");
            Stopped::Failed(Fatal::new("write_failed", message).because(&error))
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What was made, on standard error: standard output may be the file.
fn tell(generator: &Generator, args: &GenArgs, totals: Totals) {
    let good = match totals.passes_binding {
        0 => format!("{} good", totals.loaded),
        passing => format!(
            "{passing} pass binding (what the steps of the spec do to them is not foretold)"
        ),
    };
    eprintln!(
        "{} records of {}, seed {}: {good}, {} bad",
        totals.records,
        generator.plan().reference(),
        args.seed,
        totals.rejected
    );
}
