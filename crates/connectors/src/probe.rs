//! Whether something answers, seen from here: its name, TCP, TLS and HTTP, each with its own outcome and time.
//!
//! Nothing is ever trusted that should not be: a certificate that is not believed is looked at and the connection is given up.

use crate::call::CallError;
use crate::slots::Slots;
use crate::targets::Targets;
use crate::trust;
use jiff::Timestamp;
use rustls::RootCertStore;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

mod http;
mod stage;
mod target;
mod tls;

pub use stage::{Certificate, Failure, Page, Probed, Stage, Verdict};
pub use target::{Expected, Target};

/// Probes under way at once; each may hold a thread of the system's resolver.
const AT_ONCE: usize = 10;
/// Each stage's own time. A resolver that is down takes 5 s for its first attempt; who waits for that has learnt enough.
const DNS_TIMEOUT: Duration = Duration::from_secs(3);
const TCP_TIMEOUT: Duration = Duration::from_secs(3);
const TLS_TIMEOUT: Duration = Duration::from_secs(5);
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);
/// Most addresses of one name that are listed, and that are tried.
const MAX_LISTED: usize = 16;
const MAX_TRIED: usize = 3;

/// Looks from where this process runs.
pub struct Prober {
    vantage: String,
    roots: Arc<RootCertStore>,
    targets: Targets,
    slots: Slots,
}

impl Prober {
    /// `vantage`: what this place is called. `authority`: certificates (PEM) that are believed beside the machine's.
    ///
    /// # Errors
    /// `Misconfigured`: the certificates cannot be read.
    pub fn new(vantage: &str, authority: Option<&str>) -> Result<Self, CallError> {
        let roots = trust::roots(authority).map_err(CallError::misconfigured)?;
        // An administrator has named what is probed, so it may be inside.
        let targets = Targets { admin: true, allowed: [].into() };
        Ok(Self { vantage: vantage.to_owned(), roots: Arc::new(roots), targets, slots: Slots::new(AT_ONCE) })
    }

    /// One attempt at every stage, in order; after one that failed the rest is not tried. `at`: the present, by which
    /// certificates are judged.
    ///
    /// # Errors
    /// `Retry`: too many probes are under way.
    pub async fn probe(&self, target: &Target, at: Timestamp) -> Result<Probed, CallError> {
        let busy = |full| CallError::from(full).with_reason(|_| format!("{AT_ONCE} probes are under way"));
        let _slot = self.slots.take("").await.map_err(busy)?;
        let mut probed = Probed::nothing(&self.vantage, &target.to_string(), at);
        probed.dns = self.dns(target.host()).await;
        let Some(addresses) = probed.dns.fine() else { return Ok(probed) };
        let Some(port) = target.port() else { return Ok(probed) };
        let (tcp, stream) = connect(addresses, port).await;
        probed.tcp = tcp;
        let Some(stream) = stream else { return Ok(probed) };
        match target {
            Target::Tls { host, .. } => probed.tls = Some(tls::shake(self.roots.clone(), stream, host, at).await.0),
            Target::Http { url, expected } if url.scheme() == "https" => {
                let (tls, stream) = tls::shake(self.roots.clone(), stream, target.host(), at).await;
                probed.tls = Some(tls);
                probed.http = Some(match stream {
                    Some(stream) => http::ask(stream, url, expected).await,
                    None => Stage::not_tried(),
                });
            }
            Target::Http { url, expected } => probed.http = Some(http::ask(stream, url, expected).await),
            Target::Dns { .. } | Target::Tcp { .. } => {}
        }
        Ok(probed)
    }

    async fn dns(&self, host: &str) -> Stage<Vec<IpAddr>> {
        let begun = Instant::now();
        let found = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) => Ok(vec![ip]),
            Err(_) => look_up(host).await,
        };
        let allowed = found.and_then(|found| {
            let (kept, refused): (Vec<_>, Vec<_>) = found.into_iter().partition(|ip| self.targets.check(*ip).is_ok());
            match refused.first().filter(|_| kept.is_empty()) {
                Some(ip) => Err((Failure::Forbidden, self.targets.check(*ip).err().unwrap_or_default())),
                None => Ok(kept),
            }
        });
        match allowed {
            Ok(mut addresses) => {
                addresses.truncate(MAX_LISTED);
                Stage::found(begun, addresses)
            }
            Err((failure, reason)) => Stage::failed(begun, failure, &reason, None),
        }
    }
}

async fn look_up(host: &str) -> Result<Vec<IpAddr>, (Failure, String)> {
    let found = match timeout(DNS_TIMEOUT, tokio::net::lookup_host((host, 0))).await {
        Ok(found) => found,
        Err(_) => return Err((Failure::TimedOut, "the name was not resolved in time".to_owned())),
    };
    match found {
        Ok(addresses) => {
            let mut addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
            addresses.sort_unstable();
            addresses.dedup();
            if addresses.is_empty() { Err((Failure::NoSuchName, "the name has no address".to_owned())) } else { Ok(addresses) }
        }
        Err(error) => {
            let reason = error.to_string();
            // The only place where the system's resolver says whether it was told `no` or was told nothing (EAI_AGAIN).
            let failure = if reason.contains("emporary") { Failure::ResolverFailed } else { Failure::NoSuchName };
            Err((failure, reason))
        }
    }
}

/// The first address that takes the connection.
async fn connect(addresses: &[IpAddr], port: u16) -> (Stage<SocketAddr>, Option<TcpStream>) {
    let begun = Instant::now();
    let mut last = (Failure::Unreachable, "there is no address to connect to".to_owned());
    for ip in addresses.iter().take(MAX_TRIED) {
        let address = SocketAddr::new(*ip, port);
        match timeout(TCP_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return (Stage::found(begun, address), Some(stream)),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                last = (Failure::Refused, format!("{address} refuses the connection"));
            }
            Ok(Err(error)) => last = (Failure::Unreachable, format!("{address}: {error}")),
            Err(_) => last = (Failure::TimedOut, format!("{address} did not answer in time")),
        }
    }
    (Stage::failed(begun, last.0, &last.1, None), None)
}

#[cfg(test)]
mod tests;
