//! What the doubles with an HTTP face share: binding, stopping, and a plain client.

use axum::Router;
use std::future::{Future, IntoFuture};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// A client that keeps a request half sent must not hold up a stop for longer.
const LINGER: Duration = Duration::from_millis(500);

/// No peer on loopback needs longer to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Nothing on loopback takes longer to answer, short of being stuck.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Binds `addr`, or any free port of 127.0.0.1. Fails with `InvalidInput` outside loopback: the town asks for no
/// password anywhere.
pub(crate) async fn bind(addr: Option<SocketAddr>) -> io::Result<TcpListener> {
    let addr = addr.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
    if !addr.ip().is_loopback() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{addr} is not a loopback address")));
    }
    TcpListener::bind(addr).await
}

/// Serves until `stop` is done, then lets requests under way finish for a moment.
pub(crate) async fn serve_until(listener: TcpListener, router: Router, stop: impl Future<Output = ()> + Send + 'static) {
    let stopping = Arc::new(Notify::new());
    let told = stopping.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        told.notify_one();
    });
    tokio::select! {
        // It ends when told to, and answers accept errors by trying again: there is no failure to hand on.
        _ = serving.into_future() => {}
        () = async { stopping.notified().await; tokio::time::sleep(LINGER).await } => {}
    }
}

/// A client for plain HTTP on loopback: no proxy, no certificates, short timeouts.
pub fn client() -> reqwest::Client {
    // An error means that the program has chosen a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        // Without this the system's certificates are read, and a machine that has none could build no client at all.
        .tls_certs_only([])
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .build()
        .expect("a client without certificates and with a crypto provider depends on nothing that can fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn binds_loopback_only() {
        let error = bind(Some(([0, 0, 0, 0], 0).into())).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(bind(None).await.unwrap().local_addr().unwrap().ip().is_loopback());
    }

    #[tokio::test]
    async fn a_half_sent_request_does_not_hold_up_a_stop() {
        use tokio::io::AsyncWriteExt;
        let listener = bind(None).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(serve_until(listener, Router::new(), async move {
            let _ = stopped.await;
        }));
        let mut peer = tokio::net::TcpStream::connect(addr).await.unwrap();
        peer.write_all(b"GET / HT").await.unwrap();
        drop(stop);
        tokio::time::timeout(Duration::from_secs(5), serving).await.expect("stops in time").unwrap();
    }
}
