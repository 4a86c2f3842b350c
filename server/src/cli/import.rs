//! `import`: a commented spec of somebody's descriptor.
//!
//! The spec goes to standard output, or to a file that is not there yet. What a spec cannot say is listed on standard error,
//! and stands as a comment in the spec.

use super::infer::{exists, write};
use super::run::refuse;
use super::{Exit, ImportArgs};
use pipeline::Fatal;
use stages::descriptor::{Imported, MAX_DESCRIPTOR_BYTES, Standard, import as read};
use std::io::Read as _;
use std::path::Path;

pub fn import(args: &ImportArgs) -> Exit {
    let imported = match imported(args) {
        Ok(imported) => imported,
        Err(fatal) => return refuse(&fatal, Exit::Failed),
    };
    if let Some(out) = &args.out
        && let Err(fatal) = write(out, &imported.spec)
    {
        return refuse(&fatal, Exit::Failed);
    }
    super::tell_lost("a spec cannot say", &imported.lost);
    match &args.out {
        None => super::print(&imported.spec),
        Some(out) => super::print(&told(out, &imported)),
    }
}

fn imported(args: &ImportArgs) -> Result<Imported, Fatal> {
    if let Some(out) = args.out.as_deref().filter(|out| out.exists()) {
        return Err(exists(out));
    }
    let text = text(&args.file)?;
    let standard = Standard::ALL
        .into_iter()
        .find(|one| args.standard.as_deref() == Some(one.name()));
    let file = args.file.file_name().unwrap_or_default().to_string_lossy();
    let stem = file
        .split('.')
        .find(|part| !part.is_empty())
        .unwrap_or("file");
    read(&text, standard, args.name.as_deref(), stem).map_err(|fatal| Fatal {
        message: format!("{}: {}", args.file.display(), fatal.message),
        ..fatal
    })
}

/// The whole file, which is no larger than a descriptor may be.
fn text(path: &Path) -> Result<String, Fatal> {
    let name = path.display();
    let unread = || Fatal::new("source", format!("{name} cannot be read"));
    let file = std::fs::File::open(path).map_err(|error| unread().because(&error))?;
    let mut bytes = Vec::new();
    file.take(MAX_DESCRIPTOR_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unread().because(&error))?;
    if bytes.len() as u64 > MAX_DESCRIPTOR_BYTES {
        let message =
            format!("{name} has more than {MAX_DESCRIPTOR_BYTES} bytes: no descriptor has");
        return Err(Fatal::new("too_large", message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Fatal::new(
            "bad_descriptor",
            format!("{name} is no UTF-8: the byte at {at} belongs to no character"),
        )
    })
}

fn told(out: &Path, imported: &Imported) -> String {
    let out = out.display();
    let written = format!("{out} is written: {} fields.\n", imported.fields);
    match &imported.undecided[..] {
        [] => {
            format!("{written}Nothing is undecided; `sluicegate check {out}` finds no problem.\n")
        }
        fields => format!(
            "{written}To decide: {}. `sluicegate check {out}` says what there is to choose.\n",
            fields.join(", ")
        ),
    }
}
