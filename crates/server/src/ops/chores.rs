//! What is done every now and then, by whichever node comes first.

use super::{cover, device};
use crate::app::App;
use std::time::Duration;

/// Nothing of this is urgent: what is has its own loop in the engine.
const LOOK_EVERY: Duration = Duration::from_secs(30);

pub async fn run(app: App) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let report = |what: &str, error: &super::Error| tracing::warn!(%error, "{what}; it is tried again");
        if let Err(error) = device::test_due(&app).await {
            report("devices could not be tested", &error);
        }
        if let Err(error) = cover::tell_due(&app).await {
            report("people could not be told of a request to be covered", &error);
        }
    }
}
