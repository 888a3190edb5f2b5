//! What the server counts, as Prometheus text. Our own forty lines of format instead of a crate: the
//! names of all labels are known here, and every family is bounded.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Most label sets of one family; what comes beyond is counted as `other`. Routes times methods times statuses
/// stay far below.
const MAX_SERIES: usize = 1_000;

/// Upper bounds of the histograms, in seconds: from a commit on a fast disk to a provider that hangs.
const BOUNDS: [f64; 14] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

pub struct Metrics {
    /// By route template (never the path: it holds keys and ids), method, status.
    pub requests: Counters<3>,
    /// By the part of the server: api, ingest, page, other.
    pub request_seconds: Histograms<1>,
    /// By dialect and what became of them: accepted, dropped, refused.
    pub events: Counters<2>,
    /// By dialect and why: key, rate, overload, too_large, malformed.
    pub refusals: Counters<2>,
    /// By channel and outcome.
    pub notifications: Counters<2>,
    pub notification_seconds: Histograms<1>,
    /// 1 while the setup files have errors and an older setup runs.
    pub setup_stale: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Counters::new("firedog_http_requests_total", "HTTP requests answered.", ["route", "method", "status"]),
            request_seconds: Histograms::new("firedog_http_request_seconds", "Time until the answer began.", ["part"]),
            events: Counters::new("firedog_events_total", "Events by what became of them.", ["dialect", "result"]),
            refusals: Counters::new("firedog_refusals_total", "Requests with events that were refused.", ["dialect", "reason"]),
            notifications: Counters::new("firedog_notifications_total", "Attempts to deliver.", ["channel", "outcome"]),
            notification_seconds: Histograms::new(
                "firedog_notification_seconds",
                "Time that a provider took for an attempt.",
                ["channel"],
            ),
            setup_stale: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    /// Everything that is counted here. The caller adds what the engine knows with [`gauge`].
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(8 * 1024);
        let version = env!("CARGO_PKG_VERSION");
        head(&mut out, "firedog_build_info", "Which Firedog this is.", "gauge");
        let _ = writeln!(out, "firedog_build_info{{version=\"{version}\"}} 1");
        gauge(
            &mut out,
            "firedog_setup_stale",
            "1 while --setup has errors and the stored setup runs.",
            self.setup_stale.load(Relaxed),
        );
        for counters in [&self.events, &self.refusals, &self.notifications] {
            counters.write(&mut out);
        }
        self.requests.write(&mut out);
        self.request_seconds.write(&mut out);
        self.notification_seconds.write(&mut out);
        out
    }
}

/// One number with its help, as Prometheus text.
pub fn gauge(out: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, help, "gauge");
    let _ = writeln!(out, "{name} {value}");
}

/// One counter without labels, as Prometheus text.
pub fn counter(out: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, help, "counter");
    let _ = writeln!(out, "{name} {value}");
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Series of one family, by the values of its labels.
struct Series<T, const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    by_values: RwLock<BTreeMap<[String; N], Arc<T>>>,
}

impl<T: Default, const N: usize> Series<T, N> {
    fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, help, labels, by_values: RwLock::new(BTreeMap::new()) }
    }

    fn get(&self, values: [&str; N]) -> Arc<T> {
        let wanted = values.map(str::to_owned);
        if let Some(series) = self.by_values.read().unwrap_or_else(PoisonError::into_inner).get(&wanted) {
            return series.clone();
        }
        let mut all = self.by_values.write().unwrap_or_else(PoisonError::into_inner);
        let key = if all.len() < MAX_SERIES { wanted } else { values.map(|_| "other".to_owned()) };
        all.entry(key).or_default().clone()
    }

    fn each(&self, mut write: impl FnMut(String, &T)) {
        for (values, series) in self.by_values.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let pairs = self.labels.iter().zip(values).map(|(label, value)| {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                format!("{label}=\"{value}\"")
            });
            write(pairs.collect::<Vec<_>>().join(","), series);
        }
    }
}

pub struct Counters<const N: usize>(Series<AtomicU64, N>);

impl<const N: usize> Counters<N> {
    fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self(Series::new(name, help, labels))
    }
    pub fn add(&self, values: [&str; N], n: u64) {
        self.0.get(values).fetch_add(n, Relaxed);
    }
}

trait Family {
    fn write(&self, out: &mut String);
}

impl<const N: usize> Family for Counters<N> {
    fn write(&self, out: &mut String) {
        head(out, self.0.name, self.0.help, "counter");
        self.0.each(|labels, n| {
            let _ = writeln!(out, "{}{{{labels}}} {}", self.0.name, n.load(Relaxed));
        });
    }
}

#[derive(Default)]
struct Histogram {
    /// Not cumulative; the last is beyond all bounds.
    counts: [AtomicU64; BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

pub struct Histograms<const N: usize>(Series<Histogram, N>);

impl<const N: usize> Histograms<N> {
    fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self(Series::new(name, help, labels))
    }
    pub fn observe(&self, values: [&str; N], took: Duration) {
        let histogram = self.0.get(values);
        let seconds = took.as_secs_f64();
        let at = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        histogram.counts[at].fetch_add(1, Relaxed);
        histogram.sum_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }
}

impl<const N: usize> Family for Histograms<N> {
    fn write(&self, out: &mut String) {
        let name = self.0.name;
        head(out, name, self.0.help, "histogram");
        self.0.each(|labels, histogram| {
            let mut below = 0;
            for (at, count) in histogram.counts.iter().enumerate() {
                below += count.load(Relaxed);
                let bound = BOUNDS.get(at).map_or("+Inf".to_owned(), ToString::to_string);
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}");
            }
            #[allow(clippy::cast_precision_loss, reason = "a sum for averages")]
            let sum = histogram.sum_us.load(Relaxed) as f64 / 1e6;
            let _ = writeln!(out, "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {below}");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_histograms_are_written_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.events.add(["pagerduty", "accepted"], 2);
        metrics.events.add(["a\"b\\c\nd", "accepted"], 1);
        metrics.request_seconds.observe(["api"], Duration::from_millis(3));
        metrics.request_seconds.observe(["api"], Duration::from_secs(60));
        let text = metrics.text();
        for line in [
            "# TYPE firedog_events_total counter",
            "firedog_events_total{dialect=\"pagerduty\",result=\"accepted\"} 2",
            "firedog_events_total{dialect=\"a\\\"b\\\\c\\nd\",result=\"accepted\"} 1",
            "firedog_http_request_seconds_bucket{part=\"api\",le=\"0.0025\"} 0",
            "firedog_http_request_seconds_bucket{part=\"api\",le=\"0.005\"} 1",
            "firedog_http_request_seconds_bucket{part=\"api\",le=\"+Inf\"} 2",
            "firedog_http_request_seconds_sum{part=\"api\"} 60.003",
            "firedog_http_request_seconds_count{part=\"api\"} 2",
            "firedog_setup_stale 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_family_has_a_bound() {
        let metrics = Metrics::default();
        for n in 0..MAX_SERIES + 50 {
            metrics.refusals.add([&n.to_string(), "key"], 1);
        }
        assert!(metrics.text().contains("firedog_refusals_total{dialect=\"other\",reason=\"other\"} 50"));
    }
}
