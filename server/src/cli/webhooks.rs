//! `webhooks`: where a tenant's jobs tell of their ends when they name no URL of their own; also beside a running service.

use super::Exit;
use super::run::refuse;
use crate::config::Config;
use crate::queue::Queue;
use crate::queue::mongo::MongoQueue;
use crate::queue::sqlite::{SCHEMA, SqliteQueue};
use crate::stores::SERVICE_FILE;
use crate::tenant::Tenant;
use crate::webhook::accept;
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
    /// The tenant; none: the jobs of a service without keys
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
            "bad_usage" | "bad_callback" | "webhooks_off" => Exit::Usage,
            _ => Exit::Failed,
        };
        refuse(&fatal, exit)
    })
}

async fn set(config: &Config, url: &str, whose: &Whose) -> Result<Exit, Fatal> {
    let tenant = tenant_of(whose)?;
    accept(config, url)?;
    let queue = open(config).await?;
    queue.set_default_callback(&tenant, Some(url)).await?;
    Ok(super::print(&format!("{url}\n")))
}

async fn show(config: &Config, whose: &Whose) -> Result<Exit, Fatal> {
    let tenant = tenant_of(whose)?;
    let url = match is_there(config) {
        true => open(config).await?.default_callback(&tenant).await?,
        false => None,
    };
    match url {
        Some(url) => Ok(super::print(&format!("{url}\n"))),
        None => {
            eprintln!("There is none: `sluicegate webhooks set URL` sets one.");
            Ok(Exit::Done)
        }
    }
}

async fn clear(config: &Config, whose: &Whose) -> Result<Exit, Fatal> {
    let tenant = tenant_of(whose)?;
    if is_there(config) {
        let queue = open(config).await?;
        queue.set_default_callback(&tenant, None).await?;
    }
    Ok(Exit::Done)
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

/// The store of jobs, which is made where there is none.
async fn open(config: &Config) -> Result<Arc<dyn Queue>, Fatal> {
    if let Some(uri) = &config.mongodb_uri {
        let statements = MongoTarget::connect(&uri.0).await?.state(MAX_RETRY_MS);
        return Ok(Arc::new(MongoQueue::open(statements).await?));
    }
    let folder = &config.data_dir;
    tokio::fs::create_dir_all(folder).await.map_err(|error| {
        Fatal::new("data_dir", format!("{} cannot be made", folder.display())).because(&error)
    })?;
    let database = Database::open(&folder.join(SERVICE_FILE), &[SCHEMA]).await?;
    Ok(Arc::new(SqliteQueue::new(database)))
}
