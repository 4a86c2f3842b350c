//! `--rejects FILE`: every reject as a line of JSON, in the shape of the service's `/errors`.

use pipeline::{Fatal, Reject};
use stages::ledger::RejectLine;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// A file of rejects that is being written; it replaces what was there.
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
