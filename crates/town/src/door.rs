//! A listening port that opens and closes with the weather, and keeps its number.

use crate::http::bind;
use crate::weather::{Sky, Weather};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// How long to wait before trying again for a port that somebody else took while the door was closed.
const REBIND_AFTER: Duration = Duration::from_millis(100);

/// Clients that wait to be accepted while the door is open.
const BACKLOG: u32 = 1_024;

/// The kernel answers a connection on loopback at once unless the queue is full.
const FULL_AFTER: Duration = Duration::from_millis(100);

/// The shortest queue that the kernel grants is full after fewer than this many.
const MAX_PLUGS: usize = 16;

/// How a port answers somebody who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Open,
    Refuses,
    /// Nothing comes back, as from a host that is not there.
    Silent,
}

/// An open or closed door. Dropping it closes it for good.
pub(crate) struct Door {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

pub(crate) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Door {
    /// On any free port of 127.0.0.1; `port` says how it answers, and `serve` serves until it is told to stop.
    pub(crate) async fn open(
        weather: &Weather,
        port: impl Fn(&Sky) -> Port + Clone + Send + Sync + 'static,
        serve: impl Fn(TcpListener, Stop) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = bind(None).await?;
        let addr = listener.local_addr()?;
        let task = tokio::spawn(run(weather.clone(), listener, addr, port, serve));
        Ok(Self { addr, task })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    weather: Weather,
    first: TcpListener,
    addr: SocketAddr,
    port: impl Fn(&Sky) -> Port + Clone + Send + Sync + 'static,
    serve: impl Fn(TcpListener, Stop) -> Pin<Box<dyn Future<Output = ()> + Send>>,
) {
    let mut first = Some(first);
    loop {
        let now = port(&weather.look());
        let changed = until_other(weather.clone(), port.clone(), now);
        match listen(first.take(), addr, now).await {
            Ok(Held::Open(listener)) => serve(listener, Box::pin(changed)).await,
            // Holding these is all there is to do.
            Ok(Held::Closed(_)) => changed.await,
            Ok(Held::Silent(..)) => changed.await,
            Err(_) => tokio::time::sleep(REBIND_AFTER).await,
        }
    }
}

/// What keeps a port as it is to be.
#[allow(dead_code, reason = "held for what dropping them would do")]
enum Held {
    Open(TcpListener),
    /// Bound and not listening: the kernel refuses, and nobody else gets the port.
    Closed(TcpSocket),
    /// Listening with the shortest queue, which is full: the kernel drops whoever else knocks.
    Silent(TcpListener, Vec<TcpStream>),
}

async fn listen(first: Option<TcpListener>, addr: SocketAddr, wanted: Port) -> io::Result<Held> {
    if let (Some(first), Port::Open) = (first, wanted) {
        return Ok(Held::Open(first));
    }
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    match wanted {
        Port::Open => Ok(Held::Open(socket.listen(BACKLOG)?)),
        Port::Refuses => Ok(Held::Closed(socket)),
        Port::Silent => {
            let listener = socket.listen(0)?;
            let mut plugs = Vec::new();
            while plugs.len() < MAX_PLUGS
                && let Ok(Ok(plug)) = tokio::time::timeout(FULL_AFTER, TcpStream::connect(addr)).await
            {
                plugs.push(plug);
            }
            Ok(Held::Silent(listener, plugs))
        }
    }
}

/// Ends when the port is to answer otherwise than `now`.
async fn until_other(weather: Weather, port: impl Fn(&Sky) -> Port, now: Port) {
    let mut changes = weather.changes();
    loop {
        changes.mark_unchanged();
        if port(&weather.look()) != now {
            return;
        }
        // The sender is in `weather`, which is held here.
        let _ = changes.changed().await;
    }
}
