//! A Prometheus blackbox exporter: somebody who looks from another place than ours, and says what they see.
//!
//! What is asked first is the way: whether a connection is made. An exporter elsewhere need not believe an institution's own
//! certificates, and many cores answer a plain `GET` with 405; neither says anything of the way.
//!
//! Facts: blackbox exporter 0.23, its answers on loopback.

use crate::call::{Answer, CallError, Found, Site};
use crate::output;
use std::time::Duration;

/// What every exporter's own configuration has.
pub const CONNECTS: &str = "tcp_connect";
/// Of one probe, as the exporter is told; it stops half a second before.
const PROBE_S: &str = "10";
/// Ours: long enough to hear of the exporter's.
const TIMEOUT: Duration = Duration::from_secs(12);
/// A probe answers with some twenty metrics; its own metrics are some hundred.
const MAX_BODY: usize = 512 << 10;
/// Longest name of a version, in characters.
const MAX_NAME: usize = 60;
/// The discard port of the exporter's own machine: asked to see whether it knows the module.
const NOBODY: &str = "127.0.0.1:9";

/// One exporter.
#[derive(Debug)]
pub struct Blackbox {
    site: Site,
    module: String,
}

/// What it has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// A connection was made, whatever was said over it.
    pub reached: bool,
    /// By its module all was as it should be.
    pub ok: bool,
    /// The name has an address there.
    pub resolved: bool,
    /// Of HTTP, if it came so far.
    pub status: Option<u16>,
    pub seconds: f64,
}

/// The metrics of one probe that are read.
#[derive(Debug, Default)]
struct Probe {
    success: Option<f64>,
    status: Option<f64>,
    protocol: Option<f64>,
    seconds: Option<f64>,
}

impl Blackbox {
    /// `module`: of the exporter's configuration; default [`CONNECTS`]. One whose name begins with `http` is given whole addresses.
    pub fn new(site: Site, module: Option<&str>) -> Self {
        Self { site, module: module.unwrap_or(CONNECTS).to_owned() }
    }

    /// Reachable, a blackbox exporter, and it knows our module.
    pub async fn check(&self) -> Result<Found, CallError> {
        let mut found = Found { system: "blackbox exporter".to_owned(), version: None, identity: None, notes: Vec::new() };
        // A gateway in front may let nothing through but probes.
        let own = self.site.get(&["metrics"]).takes(&[401, 403, 404]).max_body(MAX_BODY).send().await?;
        if own.status.is_success() {
            let text = own.text();
            let build = text.lines().find(|line| line.starts_with("blackbox_exporter_build_info{"));
            let version = build.and_then(|line| line.split_once("version=\"")?.1.split('"').next().map(str::to_owned));
            // `goversion` ends in the same word.
            let version =
                build.and_then(|line| line.rsplit_once(",version=\"")?.1.split('"').next().map(str::to_owned)).or(version);
            found.version = version.map(|version| output::line(&version, MAX_NAME)).filter(|version| !version.is_empty());
        }
        self.ask(&self.module, NOBODY).await?;
        Ok(found)
    }

    /// `place`: `HOST:PORT`. `address`: the whole one, if it is HTTP's.
    pub async fn look(&self, place: &str, address: Option<&str>) -> Result<Seen, CallError> {
        let Some(address) = address.filter(|_| self.module.starts_with("http")) else {
            return Ok(self.ask(&self.module, place).await?.seen());
        };
        let http = self.ask(&self.module, address).await?.seen();
        if http.reached {
            return Ok(http);
        }
        // A certificate that it does not believe looks like no connection: only the connection itself tells.
        Ok(Seen { ok: false, status: None, ..self.ask(CONNECTS, place).await?.seen() })
    }

    async fn ask(&self, module: &str, target: &str) -> Result<Probe, CallError> {
        let call = self.site.get(&["probe"]).query("target", target).query("module", module);
        let call = call.header("X-Prometheus-Scrape-Timeout-Seconds", PROBE_S).timeout(TIMEOUT).max_body(MAX_BODY);
        let answer = match call.takes(&[400]).send().await {
            Err(CallError::Missing { reason }) => {
                return Err(CallError::misconfigured(format!("{reason}; is the address (and its path) right?")));
            }
            other => other?,
        };
        if answer.status.as_u16() == 400 {
            let said = output::line(&answer.text(), MAX_NAME);
            return Err(if said.starts_with("Unknown module") {
                CallError::misconfigured(format!(
                    "the exporter knows no module `{module}`; add it there, or write another `module`"
                ))
            } else {
                CallError::rejected(format!("HTTP 400: {said}"))
            });
        }
        Probe::read(&answer)
    }
}

impl Probe {
    /// Prometheus' text format, of which a line is `name value` or `name{labels} value`.
    fn read(answer: &Answer) -> Result<Self, CallError> {
        let mut probe = Self::default();
        for line in answer.text().lines() {
            let Some((name, value)) = line.split_once(' ') else { continue };
            let value = || value.trim().parse::<f64>().ok();
            match name {
                "probe_success" => probe.success = value(),
                "probe_http_status_code" => probe.status = value(),
                "probe_ip_protocol" => probe.protocol = value(),
                "probe_duration_seconds" => probe.seconds = value(),
                _ => {}
            }
        }
        match probe.success {
            Some(success) if success == 0.0 || success == 1.0 => Ok(probe),
            _ => Err(answer.not_understood("the answer has no `probe_success`: this is no blackbox exporter")),
        }
    }

    fn seen(&self) -> Seen {
        let ok = self.success == Some(1.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a status")]
        let status = self.status.filter(|status| (100.0..600.0).contains(status)).map(|status| status as u16);
        let seconds = self.seconds.filter(|seconds| seconds.is_finite()).unwrap_or_default();
        // A protocol of zero: it came to no address.
        Seen { reached: ok || status.is_some(), ok, resolved: ok || self.protocol != Some(0.0), status, seconds }
    }
}

/// As a sentence goes on: `cloud connects`.
impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.reached, self.status) {
            (true, Some(status)) => write!(f, "is answered with HTTP {status}"),
            (true, None) => write!(f, "connects in {:.0} ms", self.seconds * 1_000.0),
            (false, _) if !self.resolved => f.write_str("finds no address"),
            (false, _) => f.write_str("does not connect"),
        }
    }
}

#[cfg(test)]
mod tests;
