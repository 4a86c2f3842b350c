//! Real servers, seeded input and its truth, for the tests of every crate.
//!
//! Promises: every server is a process or a task of its own on 127.0.0.1 with a free port and a folder of its own, and
//! none outlives the test that started it, however that test ends. Generated input is a pure function of its seed.
//! Never: skips a test because a server is missing. It panics and says what to do.
//!
//! Everything here panics where a test could only fail, so that a test reads as what it tests.

pub mod api;
mod background;
pub mod crash;
pub mod events;
pub mod files;
pub mod limit;
pub mod moment;
pub mod mongod;
pub mod orders;
pub mod process;
pub mod proxy;
pub mod random;
pub mod receiver;
pub mod s3;
pub mod service;
pub mod shim;
pub mod stored;
pub mod truth;
pub mod watchdog;
pub mod watching;

use std::path::PathBuf;
use std::time::Duration;

/// Where `tests/run` put a server: the path in the variable `variable`, else `servers/NAME` in the target folder that the
/// running test was built into, else in the workspace's own.
///
/// # Panics
/// Where there is none, with the way to get it.
pub fn fetched(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        assert!(
            path.exists(),
            "{variable} names {}, which is not there",
            path.display()
        );
        return path;
    }
    let built_into = std::env::current_exe().unwrap_or_default();
    let workspace = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target"));
    built_into
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("servers").join(name))
        .chain([workspace.join("servers").join(name)])
        .find(|path| path.exists())
        .unwrap_or_else(|| {
            panic!("there is no {name} for this test. Run tests/run once: it fetches {name}")
        })
}

/// Waits until `condition` holds, looking every 10 ms.
///
/// # Panics
/// After `deadline`, with `what`.
pub async fn eventually<F>(what: &str, deadline: Duration, mut condition: F)
where
    F: AsyncFnMut() -> bool,
{
    let waited = tokio::time::timeout(deadline, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "after {deadline:?} still not: {what}");
}
