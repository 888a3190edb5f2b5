//! Numbers from Prometheus, and from what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics): `/api/v1/query` and `query_range`.
//!
//! An empty result is [`Outcome::NoData`] and never a zero. `NaN` (a ratio of nothing) and the infinities are kept apart from numbers.

use crate::call::{Answer, CallError, Found, Site};
use jiff::Timestamp;
use serde::Deserialize;
use std::time::Duration;

mod answer;
mod link;
mod range;

pub use answer::{MAX_SERIES, Number, Outcome, Point, Reading, Series};
pub use link::graph;
pub use range::{MAX_POINTS, Range};

use answer::Envelope;

/// What the server is told to stop a query at; its own default is two minutes.
const SERVER_TIMEOUT: &str = "20s";
/// Ours: long enough to hear of the server's.
const TIMEOUT: Duration = Duration::from_secs(25);
/// Two hundred series of some hundred points have a few megabytes.
const MAX_BODY: usize = 8 << 20;
/// Longer queries go by POST, since addresses are bounded on the way. Short ones by GET, which proxies in front of a read-only
/// server let through.
const MAX_GET: usize = 2 << 10;
/// The longest query, in bytes.
const MAX_QUERY: usize = 64 << 10;

/// One server, or a gateway in front of many.
#[derive(Debug)]
pub struct Prometheus {
    site: Site,
}

#[derive(Deserialize)]
struct BuildInfo {
    version: String,
    /// Mimir and others name themselves.
    application: Option<String>,
}

impl Prometheus {
    pub fn new(site: Site) -> Self {
        Self { site }
    }

    /// The value of `query` at one time.
    pub async fn instant(&self, query: &str, at: Timestamp) -> Result<Reading, CallError> {
        let at = seconds(at);
        let answer = self.ask("query", query, &[("time", &at)]).await?;
        // A range selector gives as many points as were scraped.
        Envelope::read(&answer)?.reading(&answer, MAX_POINTS)
    }

    /// The values of `query` along a time. Steps without a sample are absent: points are joined by their times, not by their places.
    pub async fn range(&self, query: &str, range: &Range) -> Result<Reading, CallError> {
        let (start, end, step) = (seconds(range.from()), seconds(range.to()), range.step_s().to_string());
        let answer = self.ask("query_range", query, &[("start", &start), ("end", &end), ("step", &step)]).await?;
        Envelope::read(&answer)?.reading(&answer, range.points())
    }

    /// Reachable, signed in, answers queries; which system and version it says it is.
    pub async fn check(&self, now: Timestamp) -> Result<Found, CallError> {
        let mut found = Found { system: "Prometheus".to_owned(), version: None, identity: None, notes: Vec::new() };
        let answer = self.site.get(&["api", "v1", "status", "buildinfo"]).takes(&[400, 404, 405, 501]).send().await?;
        if answer.status.is_success() {
            let info: BuildInfo = Envelope::read(&answer)?.data(&answer)?;
            let line = |text: &str| crate::bounds::cut(&crate::bounds::one_line(text), 60);
            found.version = Some(line(&info.version)).filter(|version| !version.is_empty());
            found.system = info.application.map_or(found.system, |name| line(&name));
        } else {
            found.notes.push("it does not tell its version".to_owned());
        }
        // Only a query tells whether queries are answered.
        let reading = self.instant("vector(1)", now).await?;
        match reading.single() {
            Some(Number::Finite(1.0)) => found.notes.extend(reading.warnings),
            _ => return Err(CallError::misconfigured("it does not say 1 when asked for `vector(1)`: this is no Prometheus")),
        }
        Ok(found)
    }

    async fn ask(&self, method: &str, query: &str, more: &[(&str, &str)]) -> Result<Answer, CallError> {
        if query.trim().is_empty() || query.len() > MAX_QUERY {
            return Err(CallError::rejected("the query is empty or too long"));
        }
        let limit = MAX_SERIES.to_string();
        let mut pairs = vec![("query", query), ("timeout", SERVER_TIMEOUT), ("limit", &limit)];
        pairs.extend_from_slice(more);
        let path = ["api", "v1", method];
        let call = if query.len() > MAX_GET {
            self.site.post_form(&path, &pairs).reads()
        } else {
            pairs.iter().fold(self.site.get(&path), |call, (name, value)| call.query(name, value))
        };
        // 499: the query was cancelled there; it says so in the body.
        match call.timeout(TIMEOUT).max_body(MAX_BODY).takes(&[499]).send().await {
            // The API has no names that could be missing.
            Err(CallError::Missing { reason }) => {
                Err(CallError::misconfigured(format!("{reason}; is the address (and its path) right?")))
            }
            other => other,
        }
    }
}

/// Unix seconds with milliseconds, which every server reads.
fn seconds(at: Timestamp) -> String {
    let millis = at.as_millisecond();
    format!("{}.{:03}", millis.div_euclid(1_000), millis.rem_euclid(1_000))
}

#[cfg(test)]
mod tests;
