//! `rejects`: the rejected records of a job of the service, in the file's own dialect, as `GET /jobs/{jobId}/rejects`
//! gives them, also beside a running service.
//!
//! The file appears under its name when it is whole, and none is written over. Memory is one chunk of the download. What
//! the service remembers is only read, and no store is made where none is.

use super::run::refuse;
use super::{Exit, RejectsArgs};
use crate::config::Config;
use crate::id::Id;
use crate::jobs;
use crate::rejects::download::{self, Download};
use crate::specs::catalog::Catalog;
use crate::stores::{SERVICE_FILE, Stores};
use crate::tenant::Tenant;
use futures::TryStreamExt;
use pipeline::Fatal;
use stages::plan::Defaults;
use std::ffi::OsString;
use std::fs::Permissions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Writes the rejects of a job.
pub async fn rejects(config: &Config, args: RejectsArgs) -> Exit {
    match written(config, &args).await {
        Ok(()) => Exit::Done,
        Err(fatal) => {
            let exit = match fatal.code {
                "bad_usage" | "bad_uri" | "reserved_database" => Exit::Usage,
                _ => Exit::Failed,
            };
            refuse(&fatal, exit)
        }
    }
}

async fn written(config: &Config, args: &RejectsArgs) -> Result<(), Fatal> {
    let id: Id = args.job.parse().map_err(|_| {
        bad_usage(format!("{:?} is no id of a job", args.job))
            .hint("24 hexadecimal digits, as the service answers them: jobId")
    })?;
    let tenant = match &args.tenant {
        None => Tenant::NONE,
        Some(name) => name
            .parse()
            .map_err(|_| bad_usage(format!("no tenant can be called {name:?}")))?,
    };
    if config.mongodb_uri.is_none() && !config.data_dir.join(SERVICE_FILE).exists() {
        let message = format!(
            "no service has kept its jobs in {}",
            config.data_dir.display()
        );
        return Err(Fatal::new("not_found", message)
            .hint("DATA_DIR, or MONGODB_URI, says where the service keeps them; a `run` writes its rejects with --rejects"));
    }
    let file = match &args.out {
        Some(path) => Some(Appearing::create(path)?),
        None => None,
    };
    let download = found(config, &tenant, id).await?;
    match file {
        Some(mut file) => {
            copy(download, &mut file.out)
                .await?
                .map_err(|error| unwritten(&file.path, &error))?;
            file.finish()
        }
        None => match copy(download, &mut std::io::stdout()).await? {
            Ok(()) => Ok(()),
            // Whoever reads may have seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(unwritten(Path::new("standard output"), &error)),
        },
    }
}

/// The download of a job in the stores of the service.
async fn found(config: &Config, tenant: &Tenant, id: Id) -> Result<Download, Fatal> {
    let stores = Stores::open(config).await?;
    let defaults = Defaults {
        batch_records: config.job_batch_records,
        pause_ms: config.job_write_pause_ms,
        secret: Some(Config::secret_of_the_service),
    };
    let catalog = Catalog::new(config.specs_dir.clone(), stores.specs.clone(), defaults);
    let job = jobs::find(&*stores.queue, tenant, id).await;
    let job = job.map_err(|fatal| match fatal.code {
        "not_found" => {
            let whose = tenant.name().unwrap_or("no tenant");
            let message = format!("there is no job {id} of {whose}");
            Fatal::new("not_found", message).hint(
                "--tenant says whose job it is; DATA_DIR, or MONGODB_URI, where the service keeps its jobs",
            )
        }
        _ => fatal,
    })?;
    download::of_job(&stores, &catalog, &job).await
}

/// Copies all of a download; the outer error is of the download, the inner one of what is written.
async fn copy(download: Download, out: &mut impl Write) -> Result<std::io::Result<()>, Fatal> {
    let mut chunks = download.bytes;
    while let Some(chunk) = chunks.try_next().await? {
        if let Err(error) = out.write_all(&chunk) {
            return Ok(Err(error));
        }
    }
    Ok(out.flush())
}

/// A file that is there when it is whole: until then it is another one beside it, under a name that no other program
/// takes, which goes with this.
struct Appearing {
    path: PathBuf,
    out: NamedTempFile,
}

impl Appearing {
    fn create(path: &Path) -> Result<Self, Fatal> {
        if path.symlink_metadata().is_ok() {
            return Err(there_already(path));
        }
        // Its own folder: a rename does not leave a file system.
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let out = tempfile::Builder::new()
            .prefix(&prefix)
            // As of any file that is written for somebody; without, nobody else could read it.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(|error| unwritten(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            out,
        })
    }

    fn finish(self) -> Result<(), Fatal> {
        let Self { path, out } = self;
        out.as_file()
            .sync_all()
            .map_err(|error| unwritten(&path, &error))?;
        match out.persist_noclobber(&path) {
            Ok(_) => Ok(()),
            Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => {
                Err(there_already(&path))
            }
            Err(failed) => Err(unwritten(&path, &failed.error)),
        }
    }
}

fn there_already(path: &Path) -> Fatal {
    bad_usage(format!("{} is there already", path.display()))
        .hint("no file is written over: name another one")
}

fn bad_usage(message: String) -> Fatal {
    Fatal::new("bad_usage", message)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Fatal {
    let message = format!("{} cannot be written", path.display());
    Fatal::new("write_failed", message).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let all = std::fs::read_dir(folder).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut all: Vec<_> = all
            .map(|entry| name(entry).into_string().unwrap())
            .collect();
        all.sort();
        all
    }

    #[test]
    fn what_an_interrupted_load_has_acknowledged_beside_the_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.csv");
        let part = stages::part_file::part_of(&path);
        std::fs::write(&part, "acknowledged").unwrap();
        drop(Appearing::create(&path).unwrap());
        assert_eq!(names(folder.path()), ["bad.csv.part"], "given up");
        let mut file = Appearing::create(&path).unwrap();
        file.out.write_all(b"rejects").unwrap();
        file.finish().unwrap();
        assert_eq!(names(folder.path()), ["bad.csv", "bad.csv.part"]);
        assert_eq!(std::fs::read_to_string(&part).unwrap(), "acknowledged");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "rejects");
    }

    #[test]
    fn a_file_that_appeared_meanwhile_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.csv");
        let mut file = Appearing::create(&path).unwrap();
        file.out.write_all(b"rejects").unwrap();
        std::fs::write(&path, "another's").unwrap();
        let refused = file.finish().unwrap_err();
        assert_eq!(refused.code, "bad_usage");
        assert!(refused.message.ends_with("bad.csv is there already"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "another's");
        assert_eq!(names(folder.path()), ["bad.csv"]);
    }
}
