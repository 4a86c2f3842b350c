//! `export`: the documents of the embedded store as JSON Lines, ordered by `_id`, in constant memory.

use super::Exit;
use super::run::refuse;
use crate::config::Config;
use pipeline::Fatal;
use stages::open::embedded_file;
use stages::sink::sqlite::Export;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

pub fn export(config: &Config, tenant: Option<&str>, collection: &str) -> Exit {
    let path = embedded_file(&config.data_dir, tenant);
    if !path.exists() {
        return refuse(&nothing(config, &path), Exit::Failed);
    }
    let documents = match Export::open(&path, collection) {
        Ok(documents) => documents,
        Err(fatal) => return refuse(&fatal, Exit::Failed),
    };
    match documents.others() {
        Ok(None) => {}
        Ok(Some(others)) => return refuse(&no_collection(collection, &others), Exit::Usage),
        Err(fatal) => return refuse(&fatal, Exit::Failed),
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for document in documents {
        let document = match document {
            Ok(document) => document,
            Err(fatal) => return refuse(&fatal, Exit::Failed),
        };
        if let Err(error) = writeln!(out, "{document}") {
            return gone(&error);
        }
    }
    match out.flush() {
        Ok(()) => Exit::Done,
        Err(error) => gone(&error),
    }
}

/// A name that is misspelt, perhaps.
fn no_collection(collection: &str, others: &[String]) -> Fatal {
    let known = match others {
        [] => "none".to_owned(),
        others => others.join(", "),
    };
    let message = format!("there is no collection {collection}; there is: {known}");
    Fatal::new("no_collection", message)
}

/// There is no store yet, or it is elsewhere.
fn nothing(config: &Config, path: &Path) -> Fatal {
    let message = format!("nothing was loaded into {} yet", path.display());
    let fatal = Fatal::new("nothing_to_export", message);
    match config.mongodb_uri {
        Some(_) => {
            fatal.hint("export reads the embedded store; with MONGODB_URI documents are in MongoDB")
        }
        None => fatal.hint("DATA_DIR and --tenant say which store is meant"),
    }
}

/// Whoever reads may have seen enough: that is no failure.
fn gone(error: &std::io::Error) -> Exit {
    if error.kind() == ErrorKind::BrokenPipe {
        return Exit::Done;
    }
    eprintln!("error: standard output cannot be written: {error}");
    Exit::Failed
}
