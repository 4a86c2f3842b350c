//! `health`: whether a service is well, for containers and timers that have no other client at hand.
//!
//! It asks a `serve` as any client would. A `worker` listens nowhere: for it, what it works with is asked instead, from
//! where it stands. Nothing is made or changed in MongoDB or in the bucket.

use super::Exit;
use super::run::refuse;
use crate::config::Config;
use crate::http;
use crate::stores::Stores;
use ::http::{StatusCode, Uri};
use clap::Args;
use pipeline::Fatal;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::time::timeout;

/// How long all of it may take: more than the 2 s that the service gives what it asks itself, less than what containers
/// give a check.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(4);

/// What `health` takes.
#[derive(Args)]
pub struct HealthArgs {
    /// Where the service listens: http://HOST:PORT; without it, the HOST and PORT of this environment
    url: Option<Uri>,
    /// Ask MongoDB and the bucket instead, for a worker, which listens nowhere
    #[arg(long, conflicts_with = "url")]
    stores: bool,
}

/// Prints how it is, and ends with it.
pub async fn health(config: &Config, args: HealthArgs) -> Exit {
    let asked = async {
        match args.stores {
            true => Stores::ping(config).await,
            false => service(config, args.url).await,
        }
    };
    let seconds = HEALTH_TIMEOUT.as_secs();
    let late = || Fatal::new("unhealthy", format!("no answer within {seconds} s"));
    let answered = timeout(HEALTH_TIMEOUT, asked).await;
    match answered.unwrap_or_else(|_| Err(late())) {
        Ok(()) => super::print("ok\n"),
        Err(fatal) => {
            let exit = match fatal.code {
                "bad_usage" | "bad_uri" | "reserved_database" => Exit::Usage,
                _ => Exit::Failed,
            };
            refuse(&fatal, exit)
        }
    }
}

/// Asks a service that runs.
async fn service(config: &Config, url: Option<Uri>) -> Result<(), Fatal> {
    let base = match url {
        Some(url) => judged(url)?,
        None => own(config)?,
    };
    let unhealthy = |message: String| Fatal::new("unhealthy", message);
    let (status, body) = http::ask_health(&base).await.map_err(unhealthy)?;
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    // Other servers answer a request that they do not understand with a 200 too.
    if status == StatusCode::OK && body["status"] == "ok" {
        return Ok(());
    }
    Err(unhealthy(match body["error"].as_str() {
        Some(error) => error.to_owned(),
        None => format!("{base} answers {status}, and not as sluicegate does"),
    }))
}

/// A URL that can be asked.
fn judged(url: Uri) -> Result<Uri, Fatal> {
    let is_base = url.scheme_str() == Some("http") && matches!(url.path(), "" | "/");
    if is_base && url.query().is_none() {
        return Ok(url);
    }
    Err(bad_usage(format!("{url} is no http://HOST:PORT")))
}

/// Where the `serve` of this environment can be reached from its own machine.
fn own(config: &Config) -> Result<Uri, Fatal> {
    let host = match config.host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    if config.port == 0 {
        let message = "PORT is 0, so the port is known to the service alone";
        return Err(bad_usage(message.into()).hint("say where it listens: http://HOST:PORT"));
    }
    let base = format!("http://{}", SocketAddr::new(host, config.port));
    base.parse()
        .map_err(|_| bad_usage(format!("{base} is no URL")))
}

fn bad_usage(message: String) -> Fatal {
    Fatal::new("bad_usage", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_listens_everywhere_is_asked_on_its_own_machine() {
        let at = |host: &str, port: u16| {
            let host = host.parse().unwrap();
            let config = Config {
                host,
                port,
                ..Config::defaults()
            };
            own(&config).map(|base| base.to_string())
        };
        assert_eq!(at("0.0.0.0", 3000).unwrap(), "http://127.0.0.1:3000/");
        assert_eq!(at("::", 80).unwrap(), "http://[::1]:80/");
        assert_eq!(at("10.1.2.3", 8080).unwrap(), "http://10.1.2.3:8080/");
        assert_eq!(at("127.0.0.1", 0).unwrap_err().code, "bad_usage");
    }

    #[test]
    fn a_url_is_a_host_with_a_port_and_nothing_else() {
        for good in ["http://127.0.0.1:3000", "http://api/", "http://[::1]:80"] {
            assert!(judged(good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in [
            "https://api",
            "http://api/livez",
            "http://api/?a",
            "api:80",
            "/healthz",
        ] {
            let refused = judged(bad.parse().unwrap()).unwrap_err();
            assert_eq!(refused.code, "bad_usage", "{bad}");
        }
    }
}
