//! The series that Prometheus scrapes in the town.

use crate::weather::{Cause, Condition, SLOTS, Service, Sky};
use jiff::Timestamp;
use std::collections::BTreeMap;

pub(super) type Labels = BTreeMap<String, String>;

pub(super) const NAME: &str = "__name__";

/// Requests to cores: a counter with `service`, `institution`, `instance` and `outcome` (`ok` or `error`). An answer with a
/// business error counts as `ok`.
pub const REQUESTS: &str = "symxchange_requests_total";
/// Connections of our own pool that are in use, and how many there are.
pub const POOL_IN_USE: &str = "symxchange_pool_in_use";
pub const POOL_SIZE: &str = "symxchange_pool_size";
const UP: &str = "up";
const CONNECTIONS: f64 = 64.0;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Requests { institution: usize, failed: bool },
    PoolInUse,
    PoolSize,
    Up,
}

pub(super) struct Series {
    pub(super) kind: Kind,
    service: Service,
    slot: usize,
    institution: String,
    instance: String,
    /// Requests, by their time.
    times: Vec<i64>,
}

impl Series {
    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Requests { .. } => REQUESTS,
            Kind::PoolInUse => POOL_IN_USE,
            Kind::PoolSize => POOL_SIZE,
            Kind::Up => UP,
        }
    }

    /// A missing label is an empty one.
    pub(super) fn label(&self, name: &str) -> &str {
        match (name, self.kind) {
            (NAME, _) => self.name(),
            ("job", _) => "symxchange",
            ("service", _) => self.service.name(),
            ("instance", _) => &self.instance,
            ("institution", Kind::Requests { .. }) => &self.institution,
            ("outcome", Kind::Requests { failed, .. }) => {
                if failed {
                    "error"
                } else {
                    "ok"
                }
            }
            _ => "",
        }
    }

    pub(super) fn labels(&self) -> Labels {
        let names = [NAME, "job", "service", "instance", "institution", "outcome"];
        let all = names.into_iter().map(|name| (name.to_owned(), self.label(name).to_owned()));
        all.filter(|(_, value)| !value.is_empty()).collect()
    }
}

/// All series, with the requests of a span.
pub(super) struct Counts {
    pub(super) series: Vec<Series>,
}

impl Counts {
    pub(super) fn load(sky: &Sky, from_ms: i64, until_ms: i64) -> Self {
        let mut series = Vec::new();
        for service in sky.services.iter().copied() {
            for slot in 0..SLOTS {
                let mut add = |kind, institution: &str| {
                    let instance = format!("10.20.{}.{}:9102", service.index() + 1, slot + 1);
                    series.push(Series { kind, service, slot, institution: institution.to_owned(), instance, times: Vec::new() });
                };
                [Kind::Up, Kind::PoolSize, Kind::PoolInUse].into_iter().for_each(|kind| add(kind, ""));
                for (index, found) in sky.institutions.iter().enumerate() {
                    [false, true].into_iter().for_each(|failed| add(Kind::Requests { institution: index, failed }, &found.id));
                }
            }
        }
        // In the order in which they were just made.
        let per_slot = 3 + 2 * sky.institutions.len();
        sky.each_entry(from_ms, until_ms.saturating_add(1), None, None, |entry| {
            let failed = entry.cause.is_some_and(Cause::is_failure);
            let index = (entry.service.index() * SLOTS + entry.slot) * per_slot + 3 + 2 * entry.institution + usize::from(failed);
            series[index].times.push(entry.at_ms);
            true
        });
        series.iter_mut().for_each(|one| one.times.sort_unstable());
        Self { series }
    }

    /// Requests after `from_ms`, up to `until_ms`; `None` for what is no counter.
    pub(super) fn within(&self, series: &Series, from_ms: i64, until_ms: i64) -> Option<usize> {
        let Kind::Requests { .. } = series.kind else { return None };
        let until = |ms: i64| series.times.partition_point(|at| *at <= ms);
        Some(until(until_ms) - until(from_ms).min(until(until_ms)))
    }

    /// The value that a scrape at this moment finds; `None` before the first and after the last one.
    pub(super) fn value(&self, sky: &Sky, series: &Series, at_ms: i64) -> Option<f64> {
        let at = Timestamp::from_millisecond(at_ms).ok().filter(|at| *at >= sky.begin && *at <= sky.now)?;
        let instance = sky.live(series.service).serving(series.slot, at);
        Some(match series.kind {
            // A new instance counts from nothing.
            Kind::Requests { .. } => self.within(series, instance.healthy?.as_millisecond(), at_ms)? as f64,
            Kind::Up => 1.0,
            Kind::PoolSize => CONNECTIONS,
            Kind::PoolInUse => {
                let exhausted = sky.spells.iter().filter(|spell| spell.holds(at)).any(|spell| match spell.condition {
                    Condition::PoolExhausted { service, restart_heals, .. } => {
                        service == series.service && !(restart_heals && instance.launched >= spell.from)
                    }
                    _ => false,
                });
                if exhausted { CONNECTIONS } else { 9.0 }
            }
        })
    }
}
