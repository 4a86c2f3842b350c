//! Which spec is meant: by reference or by a file's name, in `SPECS_DIR` and in the registry.
//!
//! A name is either the operator's or a tenant's, and the operator's wins. A tenant sees its own specs and the
//! operator's, and its own may write to `[sink.mongodb]` only. What a version said when a job was submitted with it is
//! what it says for ever: an operator's file is remembered in the registry then, and refused once it says something
//! else. Reading files and judging texts happens on threads that may block.

mod list;
mod matching;
mod plans;
mod put;

pub use list::{Item, ItemsFrom};
pub use put::{CheckOutcome, PutOutcome};

use super::folder::{self, Broken, Folder, Picked, Reference, SpecFile};
use super::{Owner, Put, Registered, Specs};
use crate::job::SpecPin;
use crate::queue::SpecText;
use crate::tenant::Tenant;
use pipeline::Fatal;
use plans::{Known, Plans};
use stages::plan::{Defaults, Plan, SinkKind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The longest reference that is looked up, in bytes.
const MAX_REFERENCE_BYTES: usize = 100;
/// The most patterns of file names that a tenant's spec has, in bytes of them all.
const MAX_PATTERN_BYTES: usize = 4096;
/// Specs of the registry that are asked for at once.
const PAGE: u32 = 200;
/// Names that a message lists.
const MAX_SHOWN: usize = 10;
/// Tries to read a file that is being replaced.
const MAX_TRIES: usize = 3;
/// Sets of patterns that are remembered, by the hash of their spec: 8 MiB at most.
const MAX_PATTERNS: usize = 2048;
/// The operator's versions that are known to be remembered in the registry.
const MAX_PINNED: usize = 10_000;

/// Finds specs. Shared by all requests.
pub struct Catalog {
    specs_dir: PathBuf,
    specs: Arc<dyn Specs>,
    defaults: Defaults,
    /// What was last seen in `SPECS_DIR`. One request looks at a time.
    folder: tokio::sync::Mutex<Arc<Folder>>,
    plans: Mutex<Plans>,
    patterns: Mutex<Known<Arc<[String]>>>,
    /// `name@version sha256` of the operator's versions that the registry has.
    pinned: Mutex<Known<()>>,
}

/// A spec that was found.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// What it says.
    pub plan: Arc<Plan>,
    /// What a job is pinned to.
    pub text: SpecText,
}

impl Catalog {
    /// A catalogue of the files in `specs_dir` and the registry `specs`. The folder need not be there.
    pub fn new(specs_dir: PathBuf, specs: Arc<dyn Specs>, defaults: Defaults) -> Self {
        Self {
            specs_dir,
            specs,
            defaults,
            folder: tokio::sync::Mutex::default(),
            plans: Mutex::default(),
            patterns: Mutex::new(Known::new(MAX_PATTERNS)),
            pinned: Mutex::new(Known::new(MAX_PINNED)),
        }
    }

    /// The spec that `reference` names, for a job to be submitted with: an operator's version is remembered.
    ///
    /// # Errors
    /// `bad_spec_reference`; `spec_not_found`; `spec_broken`, when the operator's file has problems, or a registered
    /// text is not understood any more; `version_changed`, when the operator's file says something else than it did;
    /// `sink_not_allowed`; `specs_full`; `specs_unreadable` (outage), when `SPECS_DIR` cannot be read; outages.
    pub async fn find(&self, tenant: &Tenant, reference: &str) -> Result<Chosen, Fatal> {
        if reference.len() > MAX_REFERENCE_BYTES {
            let message =
                format!("the reference of a spec has at most {MAX_REFERENCE_BYTES} bytes");
            return Err(Fatal::new("bad_spec_reference", message));
        }
        let wanted = Reference::parse(reference).map_err(|message| {
            Fatal::new("bad_spec_reference", message)
                .hint("`orders` is the newest version of a spec, `orders@3` that one")
        })?;
        for _ in 0..MAX_TRIES {
            let folder = self.look().await?;
            match folder.pick(wanted) {
                Picked::Good(file, summary) => {
                    let found = self.operators(file, &summary.reference()).await?;
                    if let Some(chosen) = found {
                        return Ok(chosen);
                    }
                    // The file was replaced meanwhile: what is there now may be another spec.
                }
                Picked::Broken(file, broken) => return Err(broken_file(file, broken)),
                Picked::Either((one, summary), (other, _)) => {
                    let (one, other) = (one.file_name(), other.file_name());
                    let both = summary.reference();
                    let message = format!("the operator's files {one} and {other} are both {both}");
                    return Err(Fatal::new("spec_broken", message));
                }
                Picked::Nothing if folder.holds(wanted.name) => {
                    return Err(self.not_found(tenant, reference, &folder).await);
                }
                Picked::Nothing => {
                    let owner = Owner::Tenant(tenant);
                    let found = self.specs.get(owner, wanted.name, wanted.version).await?;
                    let Some(found) = found else {
                        return Err(self.not_found(tenant, reference, &folder).await);
                    };
                    let text = of_tenant(found);
                    let plan = self.plan_of(tenant, &text).await?;
                    return Ok(Chosen { plan, text });
                }
            }
        }
        Err(Fatal::transient(
            "spec_broken",
            format!("the operator's file of {reference} keeps changing"),
        ))
    }

    /// The plan of a text that a job is pinned to.
    ///
    /// # Errors
    /// `spec_damaged`, when the text has another hash; `spec_broken`, when it is not understood any more;
    /// `sink_not_allowed` and `secret_not_allowed`, when a text of the tenant's names another sink than
    /// `[sink.mongodb]`, or a salt that is not the tenant's.
    pub async fn plan_of(&self, tenant: &Tenant, text: &SpecText) -> Result<Arc<Plan>, Fatal> {
        let SpecPin {
            name,
            version,
            sha256,
        } = &text.pin;
        let plan = match self.plan(sha256, &text.text).await? {
            Ok(plan) => plan,
            Err(problems) if problems.is_empty() => {
                let message = format!("the text of {name}@{version} has another hash than it had");
                return Err(Fatal::new("spec_damaged", message));
            }
            Err(problems) => {
                let message = format!("{name}@{version} is not understood any more");
                return Err(broken(message, problems)
                    .hint("write it in the language of today, as another version"));
            }
        };
        if !text.is_operators && plan.sink.kind != SinkKind::Mongodb {
            return Err(sink_not_allowed(plan.sink.kind.name()));
        }
        let mut salts = plan.salts.keys();
        if !text.is_operators && salts.any(|salt| !put::is_own_salt(tenant, salt)) {
            let message = put::salt_not_allowed(tenant);
            return Err(Fatal::new("secret_not_allowed", message).hint(put::SALT_HINT));
        }
        Ok(plan)
    }

    /// The plan of a text, which is kept, or its first problems; none where the text has another hash.
    async fn plan(
        &self,
        sha256: &str,
        text: &str,
    ) -> Result<Result<Arc<Plan>, Vec<String>>, Fatal> {
        if let Some(plan) = lock(&self.plans).get(sha256) {
            return Ok(Ok(plan));
        }
        let (sha256, text_bytes) = (sha256.to_owned(), text.len());
        let (text, defaults) = (text.to_owned(), self.defaults);
        let read = blocking(move || {
            if folder::sha256(&text) != sha256 {
                return Err(Vec::new());
            }
            Plan::read("spec", &text, defaults).map_err(|problems| folder::first(&problems))
        });
        Ok(read.await?.map(|plan| {
            let plan = Arc::new(plan);
            lock(&self.plans).insert(plan.clone(), text_bytes);
            plan
        }))
    }

    /// Looks at `SPECS_DIR`, which may be missing: then nothing is in it.
    async fn look(&self) -> Result<Arc<Folder>, Fatal> {
        let mut seen = self.folder.lock().await;
        let (specs_dir, before, defaults) = (self.specs_dir.clone(), seen.clone(), self.defaults);
        let looked = blocking(move || Folder::look(&specs_dir, &before, defaults)).await?;
        *seen = match looked {
            Ok(folder) => folder.into(),
            Err(not_listed) if not_listed.is_missing => Arc::default(),
            Err(not_listed) => {
                tracing::error!(reason = not_listed.message, "SPECS_DIR cannot be read");
                let message = "the folder of the operator's specs cannot be read";
                return Err(Fatal::outage("specs_unreadable", message));
            }
        };
        Ok(seen.clone())
    }

    /// The operator's spec `reference` in `file`, remembered; `None` when that is not there any more.
    async fn operators(&self, file: &SpecFile, reference: &str) -> Result<Option<Chosen>, Fatal> {
        let path = file.path.clone();
        let read = blocking(move || {
            let text = folder::read_whole(&path).ok()?;
            Some((folder::sha256(&text), text))
        });
        let Some((sha256, text)) = read.await? else {
            return Ok(None);
        };
        let plan = match self.plan(&sha256, &text).await? {
            Ok(plan) if plan.reference() == reference => plan,
            _ => return Ok(None),
        };
        let text = SpecText {
            pin: SpecPin::from(&*plan),
            text,
            is_operators: true,
        };
        self.pin(&text).await?;
        Ok(Some(Chosen { plan, text }))
    }

    /// Remembers a version of the operator's, or meets what it said when a job was submitted with it.
    async fn pin(&self, text: &SpecText) -> Result<(), Fatal> {
        let SpecPin {
            name,
            version,
            sha256,
        } = &text.pin;
        let key = format!("{name}@{version} {sha256}");
        if lock(&self.pinned).get(&key).is_some() {
            return Ok(());
        }
        let put = self
            .specs
            .put(Owner::Operator, name, *version, sha256, &text.text);
        match put.await? {
            Put::New(_) | Put::Identical(_) => {
                lock(&self.pinned).insert(key, ());
                Ok(())
            }
            Put::Other(_) => Err(Fatal::new(
                "version_changed",
                format!("{name}@{version} says something else now than when it was used first"),
            )
            .hint("a version never changes: raise `version` in the operator's file")),
            Put::Full => Err(put::full()),
        }
    }

    /// A refusal that names a few specs which are there.
    async fn not_found(&self, tenant: &Tenant, reference: &str, folder: &Folder) -> Fatal {
        let newest = folder.newest();
        let mut known: Vec<_> = newest.keys().map(|name| (*name).to_owned()).collect();
        let most = MAX_SHOWN as u32 + 1;
        // Without them the refusal is as true.
        let registered = self.specs.newest(Owner::Tenant(tenant), None, most).await;
        let registered = registered.unwrap_or_default().into_iter();
        known.extend(registered.map(|found| found.name));
        known.sort();
        known.dedup();
        let hint = match known.is_empty() {
            true => "there is none yet: PUT /specs/NAME registers one".to_owned(),
            false => format!("there is: {}", shown(&known)),
        };
        Fatal::new("spec_not_found", format!("there is no spec {reference:?}")).hint(hint)
    }
}

fn of_tenant(found: Registered) -> SpecText {
    SpecText {
        pin: SpecPin {
            name: found.name,
            version: found.version,
            sha256: found.sha256,
        },
        text: found.text,
        is_operators: false,
    }
}

fn broken_file(file: &SpecFile, found: &Broken) -> Fatal {
    let message = format!("the operator's file {} cannot be used", file.file_name());
    broken(message, found.problems.clone()).hint("`sluicegate check` shows all of its problems")
}

fn broken(message: String, problems: Vec<String>) -> Fatal {
    Fatal {
        causes: problems,
        ..Fatal::new("spec_broken", message)
    }
}

fn sink_not_allowed(sink: &str) -> Fatal {
    let message = format!("a tenant's spec may not write to [sink.{sink}]");
    Fatal::new("sink_not_allowed", message).hint(SINK_HINT)
}

/// What to do about another sink.
const SINK_HINT: &str =
    "write to [sink.mongodb]; other sinks are for the operator's files in SPECS_DIR";

fn shown(names: &[String]) -> String {
    let more = match names.len().saturating_sub(MAX_SHOWN) {
        0 => "",
        _ => ", …",
    };
    let few = names.iter().take(MAX_SHOWN).map(String::as_str);
    format!("{}{more}", few.collect::<Vec<_>>().join(", "))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what takes its time, or waits for a disk, on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fatal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Fatal::new("panic", "a reader of specs panicked").because(&error))
}

#[cfg(test)]
mod tests;
