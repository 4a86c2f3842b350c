//! Where a load goes: the spec's sink, or the one that the caller names instead.

use super::files::OpenFiles;
use crate::load::Loads;
use crate::part_file::{may_be_finished, part_of};
use crate::plan::{Plan, SinkKind};
use crate::sink::mongodb::{self, MongoTarget, shown};
use crate::sink::sqlite::{self, EmbeddedStore};
use crate::sink::{
    DocumentStore, Flow, Load, Meets, Met, Mode, Opened, Target, csv, digested, is_collection,
    jsonl, null,
};
use crate::step::bind::Unknown;
use pipeline::Fatal;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file of the embedded store's documents: one for each tenant, one for what has none.
pub fn embedded_file(data_dir: &Path, tenant: Option<&str>) -> PathBuf {
    match tenant {
        Some(tenant) => data_dir.join(format!("documents_{tenant}.db")),
        None => data_dir.join("documents.db"),
    }
}

/// The file that remembers loads into file sinks, in the data directory.
const FILE_LOADS: &str = "file-loads.db";

/// Where a load goes.
#[derive(Clone)]
pub struct Destination {
    place: Place,
    target: Target,
    flow: Flow,
    reach: Reach,
    /// Whether unknown columns are rescued, which a CSV file needs a column for.
    rescue: bool,
}

/// How far a load goes there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// It writes.
    Write,
    /// It reads what its records would meet.
    Look,
    /// It becomes what would be written: what the encoder of the place refuses is rejected all the same.
    Dry,
}

#[derive(Clone)]
enum Place {
    /// A connection string, which may hold a password: never shown.
    Mongodb(String),
    /// The database of a tenant of a service, which is connected already.
    Connected(Arc<dyn DocumentStore>),
    Embedded(PathBuf),
    Sqlite(PathBuf),
    Jsonl,
    Csv,
    Null,
}

impl Destination {
    /// The spec's own sink. `[sink.mongodb]` goes to the embedded store where no URI is configured.
    pub fn of(plan: &Plan, mongodb_uri: Option<&str>, data_dir: &Path) -> Self {
        let place = match (&plan.sink.kind, mongodb_uri) {
            (SinkKind::Mongodb, Some(uri)) => Place::Mongodb(uri.to_owned()),
            (SinkKind::Mongodb, None) => Place::Embedded(embedded_file(data_dir, None)),
            (SinkKind::Sqlite(path), _) => Place::Sqlite(path.clone()),
            (SinkKind::Jsonl, _) => Place::Jsonl,
            (SinkKind::Csv, _) => Place::Csv,
            (SinkKind::Null, _) => Place::Null,
        };
        Self::at(place, plan)
    }

    /// The spec's own sink in a service: `[sink.mongodb]` goes to `mongodb`, the database of `tenant`, or else to the
    /// tenant's embedded store.
    pub fn of_tenant(
        plan: &Plan,
        tenant: Option<&str>,
        mongodb: Option<Arc<dyn DocumentStore>>,
        data_dir: &Path,
    ) -> Self {
        let place = match (&plan.sink.kind, mongodb) {
            (SinkKind::Mongodb, Some(target)) => Place::Connected(target),
            (SinkKind::Mongodb, None) => Place::Embedded(embedded_file(data_dir, tenant)),
            _ => return Self::of(plan, None, data_dir),
        };
        Self::at(place, plan)
    }

    /// The same, but nothing is opened or written: a dry run. Records become what would be written, so what can be refused
    /// without the target is rejected.
    #[must_use]
    pub fn dry(self) -> Self {
        Self {
            reach: Reach::Dry,
            ..self
        }
    }

    /// The same, but it is only read, for what records would meet there; a dry run where nothing can be met.
    #[must_use]
    pub fn looked_at(self) -> Self {
        let reach = match self.place {
            Place::Mongodb(_) | Place::Embedded(_) | Place::Sqlite(_) => Reach::Look,
            Place::Connected(_) | Place::Jsonl | Place::Csv | Place::Null => Reach::Dry,
        };
        Self { reach, ..self }
    }

    /// The sink that `said` names: `null`, `jsonl:PATH`, `csv:PATH`, `sqlite:PATH` or `mongodb:URI`.
    ///
    /// # Errors
    /// `bad_sink`, when it names none, or the spec's mode or fields cannot go there.
    pub fn named(said: &str, plan: &Plan) -> Result<Self, Fatal> {
        let (word, rest) = said.split_once(':').unwrap_or((said, ""));
        let place = match (word, rest) {
            ("null", "") => Place::Null,
            ("jsonl", path) if !path.is_empty() => Place::Jsonl,
            ("csv", path) if !path.is_empty() => Place::Csv,
            ("sqlite", path) if !path.is_empty() => Place::Sqlite(path.into()),
            ("mongodb" | "mongodb+srv", rest) if !rest.is_empty() => {
                Place::Mongodb(mongodb_uri(said))
            }
            _ => {
                return Err(bad_sink(format!("`{word}` names no sink"))
                    .hint("null, jsonl:PATH, csv:PATH, sqlite:PATH or mongodb://HOST/DATABASE"));
            }
        };
        let mut to = Self::at(place, plan);
        match to.place {
            Place::Jsonl | Place::Csv => to.target.collection = rest.to_owned(),
            Place::Mongodb(_) | Place::Sqlite(_) if !plan.sink.kind.has_collection() => {
                let collection = plan.name.replace('-', "_").to_ascii_lowercase();
                if !is_collection(&collection) {
                    let message =
                        format!("the spec's name `{}` cannot be a collection's", plan.name);
                    return Err(
                        bad_sink(message).hint("name the collection in the spec's own sink")
                    );
                }
                to.target.collection = collection;
            }
            _ => {}
        }
        to.takes(plan)?;
        Ok(to)
    }

    fn at(place: Place, plan: &Plan) -> Self {
        let (target, flow) = (plan.sink.target.clone(), plan.sink.flow);
        let flow = match place {
            Place::Jsonl | Place::Csv => flow.in_order(),
            Place::Embedded(_) | Place::Sqlite(_) => EmbeddedStore::flow(&target, flow),
            Place::Mongodb(_) | Place::Connected(_) if target.mode == Mode::Merge => {
                flow.in_order()
            }
            Place::Mongodb(_) | Place::Connected(_) | Place::Null => flow,
        };
        Self {
            place,
            target,
            flow,
            reach: Reach::Write,
            rescue: plan.unknown == Unknown::Rescue,
        }
    }

    fn takes(&self, plan: &Plan) -> Result<(), Fatal> {
        let file = matches!(self.place, Place::Jsonl | Place::Csv);
        if file && self.target.mode != Mode::Insert {
            return Err(bad_sink("a file takes mode insert only".into())
                .hint("a database can find documents by their key: sqlite:PATH, for example"));
        }
        if matches!(self.place, Place::Csv) && plan.unknown == Unknown::Keep {
            return Err(bad_sink("a CSV file cannot keep unknown columns".into())
                .hint("the spec says unknown = \"keep\": load into jsonl:PATH instead"));
        }
        Ok(())
    }

    /// What a document is to be.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How batches flow into it.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Whether it remembers loads, so that a run can go on.
    pub fn remembers(&self) -> bool {
        self.reach == Reach::Write && !matches!(self.place, Place::Null)
    }

    /// The file that it writes, where it is one.
    pub fn file(&self) -> Option<&Path> {
        let file = self.reach == Reach::Write && matches!(self.place, Place::Jsonl | Place::Csv);
        file.then(|| Path::new(&self.target.collection))
    }

    /// The file that it writes to until it is whole, where it is one.
    pub fn part(&self) -> Option<PathBuf> {
        self.file().map(part_of)
    }

    /// How a person looks at what was loaded.
    pub fn how_to_look(&self) -> Option<String> {
        let collection = &self.target.collection;
        match &self.place {
            _ if self.reach != Reach::Write => None,
            Place::Embedded(_) => Some(format!(
                "To look at the documents: sluicegate export {collection}"
            )),
            Place::Sqlite(path) => Some(format!(
                "To look at the documents: sqlite3 {} 'select doc from {collection} limit 10'",
                path.display()
            )),
            Place::Mongodb(_) | Place::Connected(_) => Some(format!(
                "To look at the documents: db.{collection}.find() in mongosh"
            )),
            Place::Jsonl | Place::Csv => Some(format!("The records are in {collection}")),
            Place::Null => None,
        }
    }

    /// Connects to it; what it remembers of loads into files lies in `data_dir`.
    ///
    /// # Errors
    /// When it cannot be reached or opened.
    pub async fn connect(&self, data_dir: &Path) -> Result<Connected, Fatal> {
        self.connect_among(&OpenFiles::in_folder(data_dir)).await
    }

    /// Connects to it as [`Self::connect`] does, and shares files of the embedded store that are open already.
    ///
    /// # Errors
    /// When it cannot be reached or opened.
    pub async fn connect_among(&self, files: &OpenFiles) -> Result<Connected, Fatal> {
        let link = match &self.place {
            _ if self.reach == Reach::Dry => Link::Nothing,
            Place::Mongodb(uri) if self.reach == Reach::Look => Link::Look(
                Looked::Mongodb(MongoTarget::connect(uri).await?),
                Arc::default(),
            ),
            Place::Embedded(path) | Place::Sqlite(path) if self.reach == Reach::Look => {
                Link::Look(Looked::Sqlite(path.clone()), Arc::default())
            }
            Place::Mongodb(uri) => {
                files.make_folder().await?;
                Link::Store(Arc::new(MongoTarget::connect(uri).await?))
            }
            Place::Connected(target) => Link::Store(target.clone()),
            Place::Embedded(path) => Link::Store(files.open(path).await?),
            Place::Sqlite(path) => Link::Store(files.open_beside(path).await?),
            Place::Jsonl | Place::Csv => {
                Link::File(files.open(&files.folder().join(FILE_LOADS)).await?)
            }
            Place::Null => Link::Nothing,
        };
        Ok(Connected {
            to: self.clone(),
            link,
            folder: files.folder().to_owned(),
        })
    }
}

/// What a person reads: never a password.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let collection = &self.target.collection;
        match &self.place {
            _ if self.reach == Reach::Dry => f.write_str("nowhere (dry run)"),
            Place::Mongodb(uri) => {
                write!(f, "collection {collection} of MongoDB at {}", shown(uri))
            }
            Place::Connected(_) => write!(f, "collection {collection} of MongoDB"),
            Place::Embedded(path) => {
                write!(f, "{collection} in {} (embedded store)", path.display())
            }
            Place::Sqlite(path) => write!(f, "table {collection} of {}", path.display()),
            Place::Jsonl | Place::Csv => f.write_str(collection),
            Place::Null => f.write_str("nowhere (null)"),
        }
    }
}

/// A destination that can be reached.
pub struct Connected {
    to: Destination,
    link: Link,
    /// The data directory.
    folder: PathBuf,
}

enum Link {
    Store(Arc<dyn DocumentStore>),
    /// The store of loads beside a file sink.
    File(Arc<EmbeddedStore>),
    /// What is only read, and what was met there.
    Look(Looked, Arc<Meets>),
    Nothing,
}

enum Looked {
    Mongodb(MongoTarget),
    Sqlite(PathBuf),
}

impl Connected {
    /// Where loads are remembered; none for the null sink, a dry run, and a target that is only read.
    pub fn loads(&self) -> Option<Arc<dyn Loads>> {
        match &self.link {
            Link::Store(target) => Some(target.clone()),
            Link::File(loads) => Some(loads.clone()),
            Link::Look(..) | Link::Nothing => None,
        }
    }

    /// What records have met, where the target is only read.
    pub fn met(&self) -> Option<Met> {
        match &self.link {
            Link::Look(_, meets) => Some(meets.met()),
            _ => None,
        }
    }

    /// Where it is.
    pub fn destination(&self) -> &Destination {
        &self.to
    }

    /// The data directory, in which a load may lay down what is too much for memory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it is a file that is not there.
    pub fn target_file_is_gone(&self) -> bool {
        matches!(self.link, Link::File(_)) && !Path::new(&self.to.target.collection).exists()
    }

    /// Whether it is a file that a load may have finished already, before its end could be noted: going on with that
    /// load tells.
    pub fn target_file_may_be_finished(&self) -> bool {
        matches!(self.link, Link::File(_)) && may_be_finished(Path::new(&self.to.target.collection))
    }

    /// Opens the sink for one load; where the target is only read, the load has the identity of generation 0.
    ///
    /// # Errors
    /// What the sink says.
    pub async fn open(&self, load: Load) -> Result<Opened, Fatal> {
        let Destination {
            place,
            target,
            flow,
            rescue,
            ..
        } = &self.to;
        let identity = load.identity;
        let opened = match (&self.link, place) {
            (Link::Store(to), _) => to.open_sink(target, flow, load).await?,
            (Link::File(_), Place::Csv) => csv::open(target, *rescue, &load).await?,
            (Link::File(_), _) => jsonl::open(target, &load).await?,
            (Link::Look(Looked::Mongodb(at), meets), _) => {
                return at.look(target, flow, load, meets.clone()).await;
            }
            (Link::Look(Looked::Sqlite(path), meets), _) => {
                return sqlite::look(path, target, load, meets.clone()).await;
            }
            (Link::Nothing, place) => {
                let encode = match place {
                    Place::Mongodb(_) | Place::Connected(_) => {
                        mongodb::encoder(target, flow, &load)?
                    }
                    Place::Embedded(_) | Place::Sqlite(_) => sqlite::encoder(target, &load)?,
                    Place::Jsonl => jsonl::encoder(target, &load),
                    Place::Csv => csv::encoder(target, *rescue, &load),
                    Place::Null => return Ok(null::open()),
                };
                return Ok(null::with(encode));
            }
        };
        Ok(match target.mode {
            Mode::Insert => Opened {
                sink: digested(identity, opened.sink),
                ..opened
            },
            _ => opened,
        })
    }
}

/// `mongodb:URI` with the scheme once.
fn mongodb_uri(said: &str) -> String {
    let uri = said
        .strip_prefix("mongodb:mongodb")
        .map(|rest| format!("mongodb{rest}"));
    uri.unwrap_or_else(|| match said.strip_prefix("mongodb:") {
        Some(rest) if !rest.starts_with("//") => format!("mongodb://{rest}"),
        _ => said.to_owned(),
    })
}

fn bad_sink(message: String) -> Fatal {
    Fatal::new("bad_sink", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_may_stand_behind_the_word_or_be_it() {
        for (said, uri) in [
            ("mongodb://h/db", "mongodb://h/db"),
            ("mongodb:mongodb://h/db", "mongodb://h/db"),
            ("mongodb:mongodb+srv://h/db", "mongodb+srv://h/db"),
            ("mongodb+srv://h/db", "mongodb+srv://h/db"),
            ("mongodb:localhost:27017/db", "mongodb://localhost:27017/db"),
        ] {
            assert_eq!(mongodb_uri(said), uri);
        }
    }
}
