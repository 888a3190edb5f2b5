//! Whether calls succeed again, by figures: before a restart ("is it still failing?") and after one.

use super::logs::{as_calls, failed_share};
use super::{Call, done};
use firedog_connectors::call::CallError;
use firedog_connectors::elasticsearch::{Role, Scope};
use firedog_connectors::probe::{Prober, Target};
use firedog_connectors::prometheus::Number;
use firedog_domain::diagnosis::blast::Calls;
use firedog_domain::event::Severity;
use firedog_domain::id::{InstitutionId, UserId};
use firedog_domain::runbook::actions::Effect;
use firedog_domain::runbook::run::{Progress, Watching};
use firedog_domain::runbook::sequel::{MAX_WATCH, SequelKind};
use firedog_domain::setup::{ConnectionKind, METRIC_QUERIES, Service, Target as Pages};
use firedog_domain::time::{after, length_text, mins, secs};
use firedog_engine::Raise;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// How long to go on looking where a step does not say.
const WITHIN: SignedDuration = mins(10);
/// Looked at before something is interrupted: long enough for some calls, short enough to be the present.
const PRESENT: SignedDuration = mins(5);
/// The shortest time after which figures are those of the time since the restart.
const LEAST: SignedDuration = secs(15);
/// Calls of so long ago tell how it is now, if there are enough of them.
const LATELY: SignedDuration = mins(2);
const LOOK_MS: i64 = 5_000;
/// Of one question to the logs.
const MOST_STEPS: i64 = 1_000;
/// Fewer calls tell nothing.
const LEAST_CALLS: u64 = 5;
/// Up to this share of failed calls it is well; from the second on it fails. Between them it is looked at further.
const WELL: f64 = 0.1;
const FAILS: f64 = 0.5;

/// How long what is unverified is watched where a step does not say.
const WATCH: SignedDuration = SignedDuration::from_hours(24);
/// How long what is not reproduced is watched where a step does not say.
const STAYS: SignedDuration = SignedDuration::from_hours(2);
/// Between two looks of a watch, in milliseconds.
const WATCH_MS: i64 = 60_000;

/// What a watch remembers. Its names are not those of the step before it.
#[derive(Serialize, Deserialize)]
struct Watched {
    /// Figures are those of calls since then.
    since: Timestamp,
    watched_until: Timestamp,
    /// It goes on to its end although calls succeed.
    stays: bool,
    /// Calls have been seen to succeed.
    was_well: bool,
}

#[derive(Serialize, Deserialize)]
struct Memo {
    /// Figures are those of calls since then, at the most.
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
        if let Ok(memo) = serde_json::from_value::<Watched>(self.act.call.memo.clone()) {
            return self.watch(memo).await;
        }
        let memo = serde_json::from_value::<Memo>(self.act.call.memo.clone())
            .unwrap_or_else(|_| Memo { since: self.now, until: after(self.now, self.length("within", WITHIN)) });
        let service = self.named_service();
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
        let (calls, since) = self.lately(memo.since, service).await?;
        let figures = format!("{} of {} calls failed since {since:.0}", calls.failed, calls.total);
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
        if calls.total >= LEAST_CALLS && failed_share(calls) >= FAILS {
            return said("failing", figures);
        }
        if calls.total >= LEAST_CALLS {
            return Ok(self.unverified(format!("{figures}: neither well nor failing")));
        }
        // Without traffic only a probe can tell anything, and it tells nothing of calls.
        let text = match self.probe_core().await {
            Some(true) => format!("{figures}: too little traffic to tell; the core answers a probe"),
            Some(false) => format!("{figures}: too little traffic to tell; the core does not answer a probe"),
            None => format!("{figures}: too little traffic to tell"),
        };
        Ok(self.unverified(text))
    }

    /// The calls since then. Where the last minutes alone tell something, they do: it may have been mended meanwhile.
    async fn lately(&self, since: Timestamp, service: Option<&Service>) -> Result<(Calls, Timestamp), CallError> {
        let from = self.now.checked_sub(LATELY).unwrap_or(since);
        if from > since {
            let calls = self.calls(from, service).await?;
            if calls.total >= LEAST_CALLS {
                return Ok((calls, from));
            }
        }
        Ok((self.calls(since, service).await?, since))
    }

    fn unverified(&self, text: String) -> Progress {
        self.watched(text, self.length("watch", WATCH), false)
    }

    /// The step is over, and the calls from now on are looked at further. `stays`: to the end, however well they are meanwhile.
    fn watched(&self, text: String, within: SignedDuration, stays: bool) -> Progress {
        let until = after(self.now, within.min(MAX_WATCH));
        let memo = Watched { since: self.now, watched_until: until, stays, was_well: false };
        let output = json!({ "state": "unverified", "text": text });
        Progress::Watch {
            output: output.as_object().cloned().unwrap_or_default(),
            watch: Watching { kind: SequelKind::Watch, memo: json!(memo), until, after_ms: WATCH_MS, text },
        }
    }

    /// Nothing fails now, and nobody knows why: the calls are looked at further.
    pub(super) async fn begin_to_watch(&self) -> Result<Progress, CallError> {
        if let Ok(memo) = serde_json::from_value::<Watched>(self.act.call.memo.clone()) {
            return self.watch(memo).await;
        }
        Ok(self.watched("its calls are watched from now on".to_owned(), self.length("for", STAYS), true))
    }

    /// One look of a watch. Silence says nothing: it never pages.
    async fn watch(&self, mut memo: Watched) -> Result<Progress, CallError> {
        let service = self.named_service();
        let calls = self.calls(memo.since, service).await?;
        let figures = format!("{} of {} calls failed since {:.0}", calls.failed, calls.total, memo.since);
        let tells = calls.total >= LEAST_CALLS && after(memo.since, LEAST) <= self.now;
        let share = failed_share(calls);
        if tells && share >= FAILS {
            return Ok(match self.page_owner(service, &figures).await {
                Ok((whom, alert)) => {
                    done(json!({ "state": "failing", "text": format!("{figures}; {whom} are paged"), "paged": alert }))
                }
                Err(progress) => progress,
            });
        }
        let is_well = tells && share <= WELL;
        memo.was_well |= is_well;
        if is_well && !memo.stays {
            return Ok(done(json!({ "state": "recovered", "text": figures })));
        }
        if memo.watched_until <= self.now {
            let (state, words) = match memo.was_well {
                true => ("recovered", "they did not fail again"),
                false => ("unverified", "too little traffic to tell; nobody was paged"),
            };
            return Ok(done(json!({ "state": state, "text": format!("the watch is over: {figures}; {words}") })));
        }
        if tells {
            // What was before does not water down what comes.
            memo.since = self.now;
        }
        Ok(Progress::Waiting { memo: json!(memo), effect: Effect::Read, after_ms: WATCH_MS, text: figures, choices: Vec::new() })
    }

    /// The step's service, else the alert's.
    fn named_service(&self) -> Option<&Service> {
        let named = Some(self.text("service")).filter(|id| !id.is_empty()).map(str::to_owned);
        let id = named.or_else(|| self.run.service.as_ref().map(ToString::to_string))?;
        self.setup.services.get(&id)
    }

    /// By the policy of the service; without one, that of whoever the runbook belongs to, else of a service that the institution feels.
    /// The call's key is the page's: however often it is repeated, it pages once.
    async fn page_owner(&self, service: Option<&Service>, figures: &str) -> Result<(String, String), Progress> {
        let team = self.setup.runbooks.get(self.run.runbook.as_str()).and_then(|runbook| runbook.team.clone());
        let felt = || {
            let institution = InstitutionId::from(self.institution("id")?);
            self.setup.services.iter().find(|service| service.serves(&institution))
        };
        let service = service.or_else(|| if team.is_none() { felt() } else { None });
        let to = team.map(Pages::Team).or_else(|| {
            let starter = UserId::from(self.run.started_by.as_str());
            self.setup.user(&starter).map(|_| Pages::User(starter))
        });
        let whom = match (service, &to) {
            (Some(service), _) => format!("those on call for {}", service.id),
            (None, Some(Pages::Team(team))) => team.to_string(),
            (None, Some(Pages::User(user))) => user.to_string(),
            _ => {
                let reason = "calls fail, and nobody is known who could be paged: give the runbook a team".to_owned();
                return Err(Progress::Failed { reason: format!("{figures}; {reason}"), again: true });
            }
        };
        let mut labels = BTreeMap::from([("runbook".to_owned(), self.run.runbook.to_string())]);
        labels.extend(self.institution("id").map(|id| ("institution".to_owned(), id.to_owned())));
        let raise = Raise {
            service: service.map(|service| service.id.clone()),
            to: if service.is_some() { None } else { to },
            policy: None,
            summary: format!("{}: calls fail while they were watched", self.run.title),
            severity: Severity::Critical,
            urgency: None,
            labels,
            dedup_key: Some(format!("run/{}/watch", self.act.call.key)),
            details: json!({ "run": self.link(), "title": self.run.title, "figures": figures }),
        };
        self.raise(raise).await.map(|alert| (whom, alert))
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
        // However long it has been, in as many steps as one answer may have.
        let step = mins(self.now.duration_since(since).as_mins() / MOST_STEPS + 1);
        let counts = logs.counts(&scope, step).await?;
        Ok(as_calls(&counts)
            .into_values()
            .fold(Calls::default(), |all, one| Calls { failed: all.failed + one.failed, total: all.total + one.total }))
    }

    async fn calls_by_metrics(&self, since: Timestamp, service: Option<&Service>) -> Result<Calls, CallError> {
        let prometheus = self.connected.prometheus(self.setup)?;
        // At least a scrape or two.
        let last = self.now.duration_since(since).as_secs().max(60);
        let mut figures = [0; METRIC_QUERIES.len()];
        for (figure, name) in figures.iter_mut().zip(METRIC_QUERIES) {
            let query = self.metric_query(name, self.institution("id"), service, last);
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

    /// One of the connection's [`METRIC_QUERIES`], over the last so many seconds; what is not said matches everything.
    pub(super) fn metric_query(&self, name: &str, institution: Option<&str>, service: Option<&Service>, last_s: i64) -> String {
        let connection = self.setup.connection(ConnectionKind::Prometheus);
        let query = connection.and_then(|connection| connection.queries.get(name)).cloned().unwrap_or_default();
        query
            .replace("{institution}", &quoted(institution.unwrap_or(".*")))
            .replace("{service}", &quoted(service.map_or(".*", |service| service.id.as_str())))
            .replace("{last}", &format!("{last_s}s"))
    }
}

/// Inside of a string of PromQL.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "")
}
