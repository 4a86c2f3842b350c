//! The program `sluicegate`: reads its arguments and the environment, and does what is asked.

mod cli;
mod config;
mod files;
mod http;
mod id;
mod job;
mod jobs;
mod keys;
mod live;
mod load;
mod log;
mod measure;
mod metrics;
mod objects;
mod page;
mod queue;
mod rejects;
mod serve;
mod service;
#[cfg(test)]
mod simulation;
mod specs;
mod stores;
mod targets;
mod tenant;
mod tickets;
mod upload;
mod usage;
mod webhook;
mod worker;

use clap::Parser;
use std::process::ExitCode;

/// What is shipped is linked with musl, whose own allocator makes the threads of a load wait for each other. Huge pages
/// are left out of it: they would make three times as much memory resident.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let config = match config::Config::from_env() {
        Ok(config) => config,
        Err(bad) => {
            eprintln!("error: {bad}");
            return cli::Exit::Usage.into();
        }
    };
    log::to_stderr(
        config.log_format,
        config.log_filter.as_deref(),
        cli.log_level(),
    );
    log::tell_panics();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads to run on: {error}");
            return cli::Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(cli::execute(cli, &config));
    // What still runs ends with the process, all at once: a blocked read of standard input does not keep the program,
    // and no task outlives another one that it counts on. MongoDB's driver, whose clients say good-bye in tasks of their
    // own, panics where the task behind its connections is dropped first, as a runtime that is shut down may do.
    std::mem::forget(runtime);
    exit.into()
}
