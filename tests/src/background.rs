//! Threads of their own for a server that lives inside the test's process.
//!
//! A test may block its own runtime (it waits for a child process, say); the server must answer it all the same.

use tokio::runtime::{Builder, Handle, Runtime};

/// A small runtime that ends, with all its tasks, when it is dropped.
pub(crate) struct Background(Option<Runtime>);

impl Background {
    pub(crate) fn new() -> Background {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        Background(Some(
            runtime.unwrap_or_else(|error| panic!("no runtime: {error}")),
        ))
    }

    /// Where to spawn.
    pub(crate) fn handle(&self) -> &Handle {
        match &self.0 {
            Some(runtime) => runtime.handle(),
            None => unreachable!("the runtime is taken in drop only"),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A plain drop would wait, which is refused inside a test's own runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
