//! The engine under simulation, and against both databases.

mod postgres;
mod replay;
mod restarts;
mod scenarios;
mod sim;
mod stage;
mod stories;

use std::sync::OnceLock;
use tokio::runtime::{Builder, Runtime};

/// Runs a future to its end, on whichever store it works.
fn wait<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let build = || Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    RUNTIME.get_or_init(build).block_on(future)
}
