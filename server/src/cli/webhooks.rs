//! `webhooks`: where a tenant's jobs tell of their ends when they name no URL of their own; also beside a running service.

use super::Exit;
use super::run::refuse;
use crate::config::Config;
use crate::keys::Keys;
use crate::keys::mongo::MongoKeys;
use crate::keys::sqlite::{self as sqlite_keys, SqliteKeys};
use crate::queue::Queue;
use crate::queue::mongo::MongoQueue;
use crate::queue::sqlite::{self as sqlite_queue, SqliteQueue};
use crate::stores::SERVICE_FILE;
use crate::tenant::Tenant;
use crate::webhook::accept_default;
use clap::{Args, Subcommand};
use pipeline::Fatal;
use stages::sink::mongodb::{MAX_RETRY_MS, MongoTarget};
use stages::sqlite::Database;
use std::sync::Arc;

/// What `webhooks` does.
#[derive(Subcommand)]
pub enum WebhooksCommand {
    /// Have the tenant's jobs tell URL of their ends and holds, where they name no other one
    Set {
        /// An https URL of a public host, or of a network that WEBHOOK_ALLOW lists
        url: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Show where the tenant's jobs tell of their ends
    Show {
        #[command(flatten)]
        whose: Whose,
    },
    /// Have them tell nobody; jobs that are there keep what they have
    Clear {
        #[command(flatten)]
        whose: Whose,
    },
}

/// Whose jobs.
#[derive(Args)]
pub struct Whose {
    /// The tenant, one that has a key; none: the jobs of a service without keys
    #[arg(long)]
    tenant: Option<String>,
}

/// Does what was asked.
pub async fn webhooks(config: &Config, command: WebhooksCommand) -> Exit {
    let done = match command {
        WebhooksCommand::Set { url, whose } => set(config, &url, &whose).await,
        WebhooksCommand::Show { whose } => show(config, &whose).await,
        WebhooksCommand::Clear { whose } => clear(config, &whose).await,
    };
    done.unwrap_or_else(|fatal| {
        let exit = match fatal.code {
            "bad_usage" | "bad_callback" => Exit::Usage,
            _ => Exit::Failed,
        };
        refuse(&fatal, exit)
    })
}

async fn set(config: &Config, url: &str, whose: &Whose) -> Result<Exit, Fatal> {
    let tenant = tenant_of(whose)?;
    accept_default(config, url)?;
    let place = Place::open(config).await?;
    place.is_somebody(&tenant).await?;
    place.queue.set_default_callback(&tenant, Some(url)).await?;
    Ok(super::print(&format!("{url}\n")))
}

async fn show(config: &Config, whose: &Whose) -> Result<Exit, Fatal> {
    let tenant = tenant_of(whose)?;
    match default_of(config, &tenant).await? {
        Some((_, url)) => Ok(super::print(&format!("{url}\n"))),
        None => {
            eprintln!("There is none: `sluicegate webhooks set URL` sets one.");
            Ok(Exit::Done)
        }
    }
}

async fn clear(config: &Config, whose: &Whose) -> Result<Exit, Fatal> {
    let tenant = tenant_of(whose)?;
    if let Some((place, _)) = default_of(config, &tenant).await? {
        place.queue.set_default_callback(&tenant, None).await?;
    }
    Ok(Exit::Done)
}

/// The default of a tenant, and where it is kept. What is there is found whoever has it, so that it can be taken away; a
/// tenant that has none must be somebody, or it was meant otherwise.
async fn default_of(config: &Config, tenant: &Tenant) -> Result<Option<(Place, String)>, Fatal> {
    if !is_there(config) {
        return match tenant.name() {
            None => Ok(None),
            Some(_) => Err(nobody(tenant)),
        };
    }
    let place = Place::open(config).await?;
    if let Some(url) = place.queue.default_callback(tenant).await? {
        return Ok(Some((place, url)));
    }
    place.is_somebody(tenant).await?;
    Ok(None)
}

fn tenant_of(whose: &Whose) -> Result<Tenant, Fatal> {
    let Some(name) = &whose.tenant else {
        return Ok(Tenant::NONE);
    };
    name.parse().map_err(|_| {
        let message = format!("no tenant can be called {name:?}");
        Fatal::new("bad_usage", message).hint(
            "a letter first, then letters and digits, all in lower case, at most 32; not `state`",
        )
    })
}

/// Whether the store is there, or need not be made first.
fn is_there(config: &Config) -> bool {
    config.mongodb_uri.is_some() || config.data_dir.join(SERVICE_FILE).exists()
}

fn nobody(tenant: &Tenant) -> Fatal {
    let message = format!("there is no tenant {tenant}: it has no key, and never had one");
    Fatal::new("tenant_not_found", message).hint(
        "`sluicegate keys list` shows the tenants; `sluicegate keys add TENANT` makes the first key of one",
    )
}

/// The stores that it takes.
struct Place {
    queue: Arc<dyn Queue>,
    keys: Arc<dyn Keys>,
}

impl Place {
    /// Opens them; they are made where there are none.
    async fn open(config: &Config) -> Result<Self, Fatal> {
        if let Some(uri) = &config.mongodb_uri {
            let statements = MongoTarget::connect(&uri.0).await?.state(MAX_RETRY_MS);
            return Ok(Self {
                queue: Arc::new(MongoQueue::open(statements.clone()).await?),
                keys: Arc::new(MongoKeys::open(statements).await?),
            });
        }
        let folder = &config.data_dir;
        tokio::fs::create_dir_all(folder).await.map_err(|error| {
            Fatal::new("data_dir", format!("{} cannot be made", folder.display())).because(&error)
        })?;
        let schema = [sqlite_queue::SCHEMA, sqlite_keys::SCHEMA];
        let database = Database::open(&folder.join(SERVICE_FILE), &schema).await?;
        Ok(Self {
            queue: Arc::new(SqliteQueue::new(database.clone())),
            keys: Arc::new(SqliteKeys::new(database)),
        })
    }

    /// Judges whether any job can be the tenant's.
    ///
    /// # Errors
    /// `tenant_not_found`; `bad_usage` where keys are live, and no tenant is said.
    async fn is_somebody(&self, tenant: &Tenant) -> Result<(), Fatal> {
        if self.keys.knows(tenant).await? {
            return Ok(());
        }
        match tenant.name() {
            Some(_) => Err(nobody(tenant)),
            None if self.keys.any().await? => {
                let message = "every job is a tenant's: the service has API keys";
                Err(Fatal::new("bad_usage", message)
                    .hint("--tenant T says whose jobs; `sluicegate keys list` shows the tenants"))
            }
            None => Ok(()),
        }
    }
}
