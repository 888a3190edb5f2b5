//! The institutions' cores: a SymXchange port each, which answers, refuses, hangs and lies as the weather has it.
//!
//! A port speaks TLS (with a certificate for `localhost` and 127.0.0.1) and plain HTTP alike: the first byte tells. Only the
//! answers' outer shape is SymXchange's: an envelope with a numeric status code and a message.

use crate::door::{Door, Port, Stop};
use crate::hold::{Hold, When};
use crate::weather::chance::mix;
use crate::weather::{Condition, CoreFault, Sky, System, Weather};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

mod certificate;

/// Larger than any request of ours.
const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// A caller that says nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connections to one core at once; more wait.
const MAX_CONNECTIONS: usize = 64;

/// The process is out of file descriptors, which takes a moment to pass.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The certificates that cores show.
#[derive(Clone)]
pub(crate) struct Wardrobe {
    valid: TlsAcceptor,
    expired: TlsAcceptor,
    /// For a client that is to trust the valid one.
    pub(crate) valid_der: Vec<u8>,
}

impl Wardrobe {
    pub(crate) fn new() -> io::Result<Self> {
        // The dates are as clients see them, whatever the town's clock says.
        let valid = certificate::make("core.example", "000101000000Z", "491231235959Z")?;
        let expired = certificate::make("core.example", "100101000000Z", "200101000000Z")?;
        let valid_der = valid.der.clone();
        Ok(Self { valid: acceptor(valid)?, expired: acceptor(expired)?, valid_der })
    }
}

fn acceptor(certificate: certificate::Certificate) -> io::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate.der)], PrivatePkcs8KeyDer::from(certificate.key_pkcs8).into())
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The core of one institution.
struct Core {
    weather: Weather,
    institution: usize,
    wardrobe: Wardrobe,
    calls: AtomicU64,
}

pub(crate) async fn open(weather: &Weather, institution: usize, wardrobe: &Wardrobe) -> io::Result<Door> {
    let core = Arc::new(Core { weather: weather.clone(), institution, wardrobe: wardrobe.clone(), calls: AtomicU64::new(0) });
    Door::open(
        weather,
        move |sky| port(sky, institution),
        move |listener, stop| {
            let core = core.clone();
            Box::pin(serve(core, listener, stop)) as Pin<Box<dyn Future<Output = ()> + Send>>
        },
    )
    .await
}

/// Faults that hold for everybody who connects.
pub(crate) fn port(sky: &Sky, institution: usize) -> Port {
    let found = &sky.institutions[institution];
    let always = sky.conditions().find_map(|condition| match condition {
        Condition::HostDown { host } if *host == found.host => Some(Port::Silent),
        Condition::Core { institution, fault, percent: 100.. } if *institution == found.id => match fault {
            CoreFault::Refuses => Some(Port::Refuses),
            CoreFault::ConnectTimeout => Some(Port::Silent),
            _ => None,
        },
        _ => None,
    });
    always.unwrap_or(Port::Open)
}

/// The fault that one call meets.
fn fault(sky: &Sky, institution: usize, call: u64) -> Option<CoreFault> {
    let found = &sky.institutions[institution];
    let (roll, mut used) = (mix(&[institution as u64, call]) % 100, 0);
    sky.conditions().find_map(|condition| match condition {
        Condition::Core { institution, fault, percent } if *institution == found.id => {
            used += u64::from(*percent);
            (roll < used).then_some(*fault)
        }
        _ => None,
    })
}

async fn serve(core: Arc<Core>, listener: TcpListener, mut stop: Stop) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Dropping it ends all calls under way.
    let mut calls = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = accept(&listener, &slots) => accepted,
        };
        while calls.try_join_next().is_some() {}
        match accepted {
            Ok((stream, slot)) => {
                let core = core.clone();
                calls.spawn(async move {
                    // A caller that goes away is no failure of the core.
                    let _ = tokio::time::timeout(2 * PATIENCE, core.call(stream)).await;
                    drop(slot);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN_AFTER).await,
        }
    }
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _): (TcpStream, SocketAddr) = listener.accept().await?;
    Ok((stream, slot))
}

impl Core {
    async fn call(&self, stream: TcpStream) -> io::Result<()> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let path = format!("/{}", self.weather.look().institutions[self.institution].id);
        let hold = self.weather.holds().come(System::Core, "CONNECT", path);
        let held = match hold {
            Some(hold) if hold.when() == When::Before => {
                keep(self.weather.clone(), hold).await;
                return Ok(());
            }
            hold => hold.map(|hold| (self.weather.clone(), hold)),
        };
        let fault = fault(&self.weather.look(), self.institution, call);
        match fault {
            Some(CoreFault::Reset | CoreFault::Refuses) => {
                stream.set_zero_linger()?;
                return Ok(());
            }
            Some(CoreFault::ReadTimeout | CoreFault::ConnectTimeout) => {
                // The connection is held open, and nothing comes.
                tokio::time::sleep(PATIENCE).await;
                return Ok(());
            }
            _ => {}
        }
        let mut first = [0];
        tokio::time::timeout(PATIENCE, stream.peek(&mut first)).await??;
        let is_tls = first[0] == 0x16;
        let expired = fault == Some(CoreFault::ExpiredCertificate);
        if is_tls {
            let acceptor = if expired { &self.wardrobe.expired } else { &self.wardrobe.valid };
            answer(acceptor.accept(stream).await?, fault, held).await
        } else if expired {
            // There is nothing to be wrong with in plain HTTP: whoever asks must ask over TLS.
            reply(stream, 400, "text/html", "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>").await
        } else {
            answer(stream, fault, held).await
        }
    }
}

/// On its own: whoever called may be dead, or may have waited long enough.
async fn keep(weather: Weather, hold: Hold) {
    let _ = tokio::spawn(async move { weather.holds().keep(&hold).await }).await;
}

/// `held`: everything is done but the answer.
async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    fault: Option<CoreFault>,
    held: Option<(Weather, Hold)>,
) -> io::Result<()> {
    let Some(request) = tokio::time::timeout(PATIENCE, read(&mut stream)).await?? else { return Ok(()) };
    if let Some((weather, hold)) = held {
        keep(weather, hold).await;
        return Ok(());
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_ours = path == "/SymXchange" || path.starts_with("/SymXchange/") || path.starts_with("/SymXchange?");
    match (fault, method) {
        (Some(CoreFault::Http(status)), _) => {
            reply(stream, status, "text/html", &format!("<html><title>{status}</title></html>")).await
        }
        _ if !is_ours => reply(stream, 404, "text/html", "<html><title>404</title></html>").await,
        // The directory needs no password, so that it looks well when the password is wrong.
        (_, "GET" | "HEAD") => {
            reply(
                stream,
                200,
                "text/html",
                "<html><title>SymXchange</title>AccountService FindByService TransactionsService</html>",
            )
            .await
        }
        (Some(CoreFault::ChangedPassword), _) => {
            let fault = soap(
                "<soap:Fault><faultcode>soap:Client.FailedAuthentication</faultcode><faultstring>1.4 access denied: invalid administrative password</faultstring></soap:Fault>",
            );
            reply(stream, 500, "text/xml; charset=utf-8", &fault).await
        }
        (Some(CoreFault::SoapFault), _) => {
            let fault = soap(
                "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>Unmarshalling Error: unexpected element</faultstring></soap:Fault>",
            );
            reply(stream, 500, "text/xml; charset=utf-8", &fault).await
        }
        _ => {
            reply(stream, 200, "text/xml; charset=utf-8", &soap("<Response statusCode=\"0\"><message>ok</message></Response>"))
                .await
        }
    }
}

fn soap(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}

/// The head and as much of the body as was announced; `None` when the caller went away first.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut part = [0; 4_096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let announced = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length = announced.and_then(|(_, value)| value.trim().parse::<usize>().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length.min(MAX_REQUEST_BYTES) {
                return Ok(Some(head));
            }
        }
        match stream.read(&mut part).await? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&part[..count]),
        }
        if bytes.len() > 2 * MAX_REQUEST_BYTES {
            return Ok(None);
        }
    }
}

async fn reply(mut stream: impl AsyncWrite + Unpin, status: u16, kind: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Town\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests;
