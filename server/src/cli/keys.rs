//! `keys`: gives out API keys, lists them and revokes them, in the store that the service uses, also beside a running one.
//!
//! A key is printed once, alone on standard output; what is kept of it cannot be turned back into it.

use super::Exit;
use super::run::refuse;
use crate::config::Config;
use crate::id::{Entropy, Id, SystemEntropy};
use crate::keys::mongo::MongoKeys;
use crate::keys::sqlite::{SCHEMA, SqliteKeys};
use crate::keys::{Key, Keys, MAX_LIVE_KEYS, secret};
use crate::stores::SERVICE_FILE;
use crate::tenant::Tenant;
use clap::Subcommand;
use pipeline::Fatal;
use stages::sink::mongodb::{MAX_RETRY_MS, MongoTarget};
use stages::sqlite::Database;
use std::fmt::Write as _;
use std::sync::Arc;

/// What `keys` does.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Print a new key of TENANT, once
    Add {
        /// Whom it speaks for: a letter first, then letters and digits, all in lower case, at most 32
        tenant: String,
    },
    /// List the keys, without their secrets
    List,
    /// Revoke the key ID; a running service hears of it within seconds
    Revoke {
        /// The id, as `keys list` shows it
        id: String,
    },
}

/// Does what was asked.
pub async fn keys(config: &Config, command: KeysCommand) -> Exit {
    let done = match command {
        KeysCommand::Add { tenant } => add(config, &tenant).await,
        KeysCommand::List => list(config).await,
        KeysCommand::Revoke { id } => revoke(config, &id).await,
    };
    done.unwrap_or_else(|fatal| {
        let exit = match fatal.code {
            "bad_usage" => Exit::Usage,
            _ => Exit::Failed,
        };
        refuse(&fatal, exit)
    })
}

async fn add(config: &Config, name: &str) -> Result<Exit, Fatal> {
    let tenant: Tenant = name.parse().map_err(|_| {
        bad_usage(format!("no tenant can be called {name:?}")).hint(
            "a letter first, then letters and digits, all in lower case, at most 32; not `state`",
        )
    })?;
    let entropy: &dyn Entropy = &SystemEntropy;
    let (text, sha256) = secret::make(entropy)?;
    let keys = open(config).await?;
    let is_first = !keys.any().await?;
    let Some(key) = keys.add(entropy.id(), &tenant, sha256).await? else {
        let message = format!("{tenant} has {MAX_LIVE_KEYS} live keys already");
        return Err(Fatal::new("keys_full", message)
            .hint("revoke one of them: `sluicegate keys list` shows their ids"));
    };
    let printed = super::print(&format!("{}\n", text.0));
    if printed == Exit::Done {
        eprintln!(
            "This key of {tenant} is shown this once. Its id is {}: with it, it can be revoked.",
            key.id
        );
        if is_first {
            eprintln!(
                "It is the first one: from now on every request needs a key. Files, jobs and specs that were uploaded without \
                 one are no tenant's, so no key reaches them; they are there again when no key is live."
            );
        }
    }
    Ok(printed)
}

async fn list(config: &Config) -> Result<Exit, Fatal> {
    let keys = match open_existing(config).await? {
        Some(keys) => keys.list().await?,
        None => Vec::new(),
    };
    if keys.is_empty() {
        eprintln!("There is no key yet: `sluicegate keys add TENANT` makes one.");
        return Ok(Exit::Done);
    }
    Ok(super::print(&table(&keys)))
}

async fn revoke(config: &Config, id: &str) -> Result<Exit, Fatal> {
    let id: Id = id.parse().map_err(|_| {
        bad_usage(format!("{id:?} is no id of a key")).hint(
            "24 hexadecimal digits, as `sluicegate keys list` shows them; never the key itself",
        )
    })?;
    let revoked = match open_existing(config).await? {
        Some(keys) => keys.revoke(id).await?,
        None => false,
    };
    if revoked {
        Ok(super::print(&format!("revoked {id}\n")))
    } else {
        let message = format!("there is no live key with the id {id}");
        Err(Fatal::new("key_not_found", message).hint("`sluicegate keys list` shows all"))
    }
}

/// One line a key: id, tenant, when it was made, and when it was revoked.
fn table(keys: &[Key]) -> String {
    let tenant = |key: &Key| key.tenant.name().unwrap_or("-").to_owned();
    let widest = keys.iter().map(|key| tenant(key).len()).max().unwrap_or(0);
    keys.iter().fold(String::new(), |mut table, key| {
        let state = match key.revoked_ms {
            Some(at) => format!("revoked {}", moment(at)),
            None => "live".to_owned(),
        };
        let (tenant, made) = (tenant(key), moment(key.created_ms));
        let _ = writeln!(table, "{}  {tenant:widest$}  made {made}  {state}", key.id);
        table
    })
}

fn moment(ms: u64) -> String {
    let moment = jiff::Timestamp::from_millisecond(ms.cast_signed());
    moment.map_or_else(|_| format!("{ms} ms"), |moment| format!("{moment:.0}"))
}

/// The store of keys, which is made where there is none.
async fn open(config: &Config) -> Result<Arc<dyn Keys>, Fatal> {
    if let Some(uri) = &config.mongodb_uri {
        let statements = MongoTarget::connect(&uri.0).await?.state(MAX_RETRY_MS);
        return Ok(Arc::new(MongoKeys::open(statements).await?));
    }
    let folder = &config.data_dir;
    tokio::fs::create_dir_all(folder).await.map_err(|error| {
        Fatal::new("data_dir", format!("{} cannot be made", folder.display())).because(&error)
    })?;
    let database = Database::open(&folder.join(SERVICE_FILE), &[SCHEMA]).await?;
    Ok(Arc::new(SqliteKeys::new(database)))
}

/// The store of keys; none where that would have to be made first.
async fn open_existing(config: &Config) -> Result<Option<Arc<dyn Keys>>, Fatal> {
    let embedded = config.mongodb_uri.is_none();
    if embedded && !config.data_dir.join(SERVICE_FILE).exists() {
        return Ok(None);
    }
    open(config).await.map(Some)
}

fn bad_usage(message: String) -> Fatal {
    Fatal::new("bad_usage", message)
}
