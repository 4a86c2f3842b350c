//! Where the documents of tenants go: one connection pool and each embedded file once, for the whole process.
//!
//! Documents of tenant T, and what is remembered of its loads, are in the database `<db>_T`, or in the tenant's own
//! embedded file. It never decides what may be named: a spec that it is given was judged before.

use crate::tenant::Tenant;
use pipeline::Fatal;
use stages::load::Loads;
use stages::open::{Connected, Destination, OpenFiles, embedded_file};
use stages::plan::Plan;
use stages::sink::DocumentStore;
use stages::sink::mongodb::MongoTarget;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The targets of a service. Clones share everything.
#[derive(Clone)]
pub struct Targets {
    shared: Arc<Shared>,
}

/// The database of a tenant on a server that is connected.
pub type DatabaseOf = dyn Fn(Option<&str>) -> Result<Arc<dyn DocumentStore>, Fatal> + Send + Sync;

struct Shared {
    server: Option<Box<DatabaseOf>>,
    /// The database of each tenant that was asked for, which knows whether its indexes are made.
    databases: Mutex<HashMap<Tenant, Arc<dyn DocumentStore>>>,
    files: OpenFiles,
}

impl Targets {
    /// Targets in `mongodb`, or, without it, in the embedded store; files lie in `data_dir`.
    pub fn new(mongodb: Option<MongoTarget>, data_dir: PathBuf) -> Self {
        let server = mongodb.map(|mongodb| -> Box<DatabaseOf> {
            Box::new(move |tenant| Ok(Arc::new(mongodb.of_tenant(tenant)?)))
        });
        Self::on(server, data_dir)
    }

    /// Targets on `server`, or, without it, in the embedded store; files lie in `data_dir`.
    pub fn on(server: Option<Box<DatabaseOf>>, data_dir: PathBuf) -> Self {
        let shared = Shared {
            server,
            databases: Mutex::default(),
            files: OpenFiles::in_folder(&data_dir).waited_out(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Where a load of this tenant with this spec goes. Nothing is opened.
    pub fn destination(&self, tenant: &Tenant, plan: &Plan) -> Destination {
        let database = self.database(tenant);
        Destination::of_tenant(plan, tenant.name(), database, self.shared.files.folder())
    }

    /// The destination, connected.
    ///
    /// # Errors
    /// When it cannot be reached or opened.
    pub async fn connect(&self, tenant: &Tenant, plan: &Plan) -> Result<Connected, Fatal> {
        let destination = self.destination(tenant, plan);
        destination.connect_among(&self.shared.files).await
    }

    /// Where loads of this tenant with this spec are remembered: beside their documents. A sink that remembers none
    /// has them remembered in the tenant's own database or file, so that the same content is the same job there too.
    ///
    /// # Errors
    /// When it cannot be reached or opened.
    pub async fn loads(&self, tenant: &Tenant, plan: &Plan) -> Result<Arc<dyn Loads>, Fatal> {
        if let Some(loads) = self.connect(tenant, plan).await?.loads() {
            return Ok(loads);
        }
        match self.database(tenant) {
            Some(database) => Ok(database),
            None => {
                let files = &self.shared.files;
                let path = embedded_file(files.folder(), tenant.name());
                Ok(files.open(&path).await?)
            }
        }
    }

    fn database(&self, tenant: &Tenant) -> Option<Arc<dyn DocumentStore>> {
        let server = self.shared.server.as_ref()?;
        let mut databases = self
            .shared
            .databases
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = databases.get(tenant) {
            return Some(database.clone());
        }
        // No `Tenant` is called `state`, the one name that is refused.
        let database = server(tenant.name()).ok()?;
        databases.insert(tenant.clone(), database.clone());
        Some(database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stages::plan::Defaults;

    fn plan(sink: &str) -> Plan {
        let text = format!(
            "spec = 1\nname = \"s\"\nversion = 1\n[format.jsonl]\n[fields]\na = {{}}\n{sink}"
        );
        Plan::read("s", &text, Defaults::default()).unwrap()
    }

    #[tokio::test]
    async fn every_tenant_has_a_file_of_its_own_that_is_opened_once() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let targets = Targets::new(None, data_dir.clone());
        let acme: Tenant = "acme".parse().unwrap();
        let documents = plan("[sink.mongodb]\ncollection = \"c\"\n");
        let null = plan("[sink.null]\n");
        for (tenant, file) in [
            (&Tenant::NONE, "documents.db"),
            (&acme, "documents_acme.db"),
        ] {
            let told = targets.destination(tenant, &documents).to_string();
            let path = data_dir.join(file);
            assert!(told.contains(&*path.to_string_lossy()), "{told}");
            let loads = targets.loads(tenant, &documents).await.unwrap();
            assert!(path.exists());
            // What the null sink forgets is remembered there too.
            let same = targets.loads(tenant, &null).await.unwrap();
            assert!(Arc::ptr_eq(&loads, &same));
        }
    }
}
