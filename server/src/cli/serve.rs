//! `serve` and `worker`: the service's processes.

use super::Exit;
use super::run::refuse;
use crate::config::Config;
use crate::serve::{self, Role};
use clap::Args;
use std::net::{IpAddr, SocketAddr};

/// What `serve` takes.
#[derive(Args)]
pub struct ServeArgs {
    /// The address to listen on, instead of HOST
    #[arg(long)]
    host: Option<IpAddr>,
    /// The port, instead of PORT; 0 takes any that is free
    #[arg(long)]
    port: Option<u16>,
    /// Jobs that run in this process at once, instead of WORKERS; 0: the API only (with MONGODB_URI)
    #[arg(long)]
    workers: Option<usize>,
    /// Listen where others can reach it, by any name, without API keys
    #[arg(long)]
    insecure: bool,
}

/// What `worker` takes.
#[derive(Args)]
pub struct WorkerArgs {
    /// The port on which it answers /metrics, /healthz and /livez at HOST, instead of METRICS_PORT; 0 takes any that is free
    #[arg(long)]
    metrics_port: Option<u16>,
    /// Jobs that run in this process at once, instead of WORKERS
    #[arg(long)]
    workers: Option<usize>,
}

/// Serves the API, and runs jobs.
pub async fn serve(config: &Config, args: ServeArgs) -> Exit {
    let listen = SocketAddr::new(
        args.host.unwrap_or(config.host),
        args.port.unwrap_or(config.port),
    );
    let role = Role {
        has_api: true,
        listen: Some(listen),
        is_insecure: args.insecure,
    };
    end(config, args.workers, role).await
}

/// Runs jobs; tells how it is where it is given a port.
pub async fn worker(config: &Config, args: WorkerArgs) -> Exit {
    let port = args.metrics_port.or(config.metrics_port);
    let role = Role {
        has_api: false,
        listen: port.map(|port| SocketAddr::new(config.host, port)),
        is_insecure: false,
    };
    end(config, args.workers, role).await
}

async fn end(config: &Config, workers: Option<usize>, role: Role) -> Exit {
    let config = Config {
        workers: workers.unwrap_or(config.workers),
        ..config.clone()
    };
    match serve::run(config, role).await {
        Ok(()) => Exit::Done,
        Err(fatal) => {
            let exit = match fatal.code {
                "bad_usage" | "data_dir_in_use" | "bad_uri" | "reserved_database" => Exit::Usage,
                _ => Exit::Failed,
            };
            refuse(&fatal, exit)
        }
    }
}
