//! `--rejects FILE`: every reject as a line of JSON, in the shape of the service's `/errors`.

use pipeline::{Fatal, Reject};
use stages::ledger::RejectLine;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The most bytes that are read of a file to see whether it holds rejects.
const MAX_LOOK_BYTES: u64 = 64 * 1024;

/// Refuses a path under which something else than rejects stands, the input say, or what a sink has written; and one that
/// cannot be written, before anything is loaded.
pub fn refuse_to_overwrite(path: &Path) -> Result<(), Fatal> {
    let there = path.metadata();
    // A device or a pipe is neither looked into nor tried: that could wait for ever.
    if matches!(&there, Ok(found) if !found.is_file() && !found.is_dir()) {
        return Ok(());
    }
    let mut appending = OpenOptions::new();
    let tried = appending.append(true).create(true).open(path);
    tried.map_err(|error| failed(path, &error))?;
    if there.is_err() {
        // It was made by the try. Where it cannot be removed again, it is an empty file of rejects.
        let _ = std::fs::remove_file(path);
        return Ok(());
    }
    let Ok(file) = File::open(path) else {
        return Ok(());
    };
    let mut start = String::new();
    // What is no text is no list of rejects.
    let text = BufReader::new(file.take(MAX_LOOK_BYTES))
        .read_line(&mut start)
        .is_ok();
    let reject = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        ["record", "code", "problems", "raw"]
            .iter()
            .all(|key| line.get(key).is_some())
    };
    if text && (start.trim().is_empty() || reject(&start)) {
        return Ok(());
    }
    let message = format!("{} holds something else than rejects", path.display());
    Err(Fatal::new("rejects_file", message)
        .hint("--rejects writes a file of its own: name another one"))
}

/// A file of rejects that is being written; it replaces an earlier one.
pub struct RejectsFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl RejectsFile {
    pub fn create(path: &Path) -> Result<Self, Fatal> {
        let file = File::create(path).map_err(|error| failed(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            out: BufWriter::new(file),
        })
    }

    pub fn write(&mut self, reject: &Reject) -> Result<(), Fatal> {
        let line = serde_json::to_vec(&RejectLine::from(reject)).map_err(|error| {
            Fatal::new("rejects_file", "a reject cannot be written").because(&error)
        })?;
        let written = self
            .out
            .write_all(&line)
            .and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|error| failed(&self.path, &error))
    }

    pub fn finish(&mut self) -> Result<(), Fatal> {
        self.out.flush().map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Fatal {
    Fatal::new(
        "rejects_file",
        format!("{} cannot be written", path.display()),
    )
    .because(error)
}
