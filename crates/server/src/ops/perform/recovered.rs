//! Whether calls succeed again, by figures: before a restart ("is it still failing?") and after one.

use super::logs::{as_calls, failed_share};
use super::{Call, done};
use firedog_connectors::call::CallError;
use firedog_connectors::elasticsearch::{Role, Scope};
use firedog_connectors::probe::{Prober, Target};
use firedog_connectors::prometheus::Number;
use firedog_domain::diagnosis::blast::Calls;
use firedog_domain::runbook::actions::Effect;
use firedog_domain::runbook::run::Progress;
use firedog_domain::setup::{ConnectionKind, METRIC_QUERIES, Service};
use firedog_domain::time::{after, length_text, mins, secs};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How long to go on looking where a step does not say.
const WITHIN: SignedDuration = mins(10);
/// Looked at before something is interrupted: long enough for some calls, short enough to be the present.
const PRESENT: SignedDuration = mins(5);
/// The shortest time after which figures are those of the time since the restart.
const LEAST: SignedDuration = secs(15);
const LOOK_MS: i64 = 5_000;
/// Fewer calls tell nothing.
const LEAST_CALLS: u64 = 5;
/// Up to this share of failed calls it is well; from the second on it fails. Between them it is looked at further.
const WELL: f64 = 0.1;
const FAILS: f64 = 0.5;

#[derive(Serialize, Deserialize)]
struct Memo {
    /// Figures are those of calls since then.
    since: Timestamp,
    until: Timestamp,
}

impl Call<'_> {
    /// In words, if the calls that the run is about do not fail any more. `None`: they fail, or nobody can tell.
    pub(super) async fn no_longer_failing(&self, service: &Service) -> Option<String> {
        self.institution("id")?;
        let from = self.now.checked_sub(PRESENT).ok()?;
        let calls = self.calls(from, Some(service)).await.ok()?;
        let well = calls.total >= LEAST_CALLS && failed_share(calls) <= WELL;
        well.then(|| {
            format!("its calls do not fail any more: {} of {} in the last {}", calls.failed, calls.total, length_text(PRESENT))
        })
    }

    pub(super) async fn recovered(&self) -> Result<Progress, CallError> {
        let memo = serde_json::from_value::<Memo>(self.act.call.memo.clone())
            .unwrap_or_else(|_| Memo { since: self.now, until: after(self.now, self.length("within", WITHIN)) });
        let named = Some(self.text("service")).filter(|id| !id.is_empty()).map(str::to_owned);
        let id = named.or_else(|| self.run.service.as_ref().map(ToString::to_string));
        let service = id.and_then(|id| self.setup.services.get(&id));
        if memo.since >= self.now {
            // Nothing has happened since.
            let text = "looking at the calls from now on".to_owned();
            return Ok(Progress::Waiting {
                memo: json!(memo),
                effect: Effect::Read,
                after_ms: LOOK_MS,
                text,
                choices: Vec::new(),
            });
        }
        let calls = self.calls(memo.since, service).await?;
        let figures = format!("{} of {} calls failed since {:.0}", calls.failed, calls.total, memo.since);
        let said = |state: &str, text: String| Ok(done(json!({ "state": state, "text": text })));
        let enough = calls.total >= LEAST_CALLS && after(memo.since, LEAST) <= self.now;
        if enough && failed_share(calls) <= WELL {
            return said("recovered", figures);
        }
        if memo.until > self.now {
            return Ok(Progress::Waiting {
                memo: json!(memo),
                effect: Effect::Read,
                after_ms: LOOK_MS,
                text: figures,
                choices: Vec::new(),
            });
        }
        if calls.total >= LEAST_CALLS {
            let state = if failed_share(calls) >= FAILS { "failing" } else { "unverified" };
            return said(state, figures);
        }
        // Without traffic only a probe can tell anything, and it tells nothing of calls.
        let text = match self.probe_core().await {
            Some(true) => format!("{figures}: too little traffic to tell; the core answers a probe"),
            Some(false) => format!("{figures}: too little traffic to tell; the core does not answer a probe"),
            None => format!("{figures}: too little traffic to tell"),
        };
        said("unverified", text)
    }

    async fn probe_core(&self) -> Option<bool> {
        let target: Target = self.institution("core_endpoint")?.parse().ok()?;
        let authority = self.institution("id").and_then(|id| self.setup.institutions.get(id)?.authority.clone());
        let prober = Prober::new("this server", authority.as_deref()).ok()?;
        prober.probe(&target, self.now).await.ok().map(|probed| probed.failure().is_none())
    }

    /// Calls of the run's institution, or of a service, by metrics where there are any, else by logs.
    async fn calls(&self, since: Timestamp, service: Option<&Service>) -> Result<Calls, CallError> {
        match self.setup.connection(ConnectionKind::Prometheus) {
            Some(_) => self.calls_by_metrics(since, service).await,
            None => self.calls_by_logs(since, service).await,
        }
    }

    async fn calls_by_logs(&self, since: Timestamp, service: Option<&Service>) -> Result<Calls, CallError> {
        let logs = self.connected.logs(self.setup)?;
        let scope = Scope::new(since, self.now)?;
        let scope = match (self.institution("id"), service) {
            (Some(institution), _) => scope.only(Role::Institution, [institution])?,
            (None, Some(service)) => scope.only(Role::Service, [service.id.as_str()])?,
            (None, None) => scope,
        };
        let counts = logs.counts(&scope, mins(1)).await?;
        Ok(as_calls(&counts)
            .into_values()
            .fold(Calls::default(), |all, one| Calls { failed: all.failed + one.failed, total: all.total + one.total }))
    }

    async fn calls_by_metrics(&self, since: Timestamp, service: Option<&Service>) -> Result<Calls, CallError> {
        let connection = self.setup.connection(ConnectionKind::Prometheus);
        let queries = connection.map(|connection| &connection.queries);
        let prometheus = self.connected.prometheus(self.setup)?;
        // At least a scrape or two.
        let last = self.now.duration_since(since).as_secs().max(60);
        let mut figures = [0; METRIC_QUERIES.len()];
        for (figure, name) in figures.iter_mut().zip(METRIC_QUERIES) {
            let query = queries.and_then(|queries| queries.get(name)).cloned().unwrap_or_default();
            let query = query
                .replace("{institution}", &quoted(self.institution("id").unwrap_or(".*")))
                .replace("{service}", &quoted(service.map_or(".*", |service| service.id.as_str())))
                .replace("{last}", &format!("{last}s"));
            *figure = match prometheus.instant(&query, self.now).await?.single() {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of calls, not negative")]
                Some(Number::Finite(value)) => value.round().max(0.0) as u64,
                // No data is no traffic: never a success.
                _ => 0,
            };
        }
        let [total, failed] = figures;
        Ok(Calls { failed: failed.min(total), total })
    }
}

/// Inside of a string of PromQL.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "")
}
