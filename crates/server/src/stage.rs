//! What the demo, drills and rehearsals play on: a Firedog of their own in a folder of its own, the doubles of outside systems,
//! and a voice.

pub(crate) mod doubles;
pub(crate) mod firedog;
pub(crate) mod folder;
pub(crate) mod teller;

/// Ctrl-C, or SIGTERM as `timeout` and service managers send it.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return;
    }
    // Without a handler the default applies: the signal ends the process, and the child's handle goes with it.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
