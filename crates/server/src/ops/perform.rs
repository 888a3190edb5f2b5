//! Carries out the actions of runs.

mod elsewhere;
mod evidence;
pub(super) mod logs;
mod recovered;
mod restart;
mod support;
mod vendor;

use super::connected::Connected;
use crate::deliver::Delivery;
use firedog_connectors::call::CallError;
use firedog_connectors::probe::{Failure, Probed, Prober, Target};
use firedog_domain::alert::Actor;
use firedog_domain::diagnosis::table;
use firedog_domain::event::Severity;
use firedog_domain::id::TeamId;
use firedog_domain::runbook::actions::Effect;
use firedog_domain::runbook::run::{Act, Progress, Run};
use firedog_domain::setup::{Setup, Target as Pages};
use firedog_domain::time::{after, parse_length};
use firedog_engine::{Engine, Perform, Raise, Secrets};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

/// Looks at a wait are so far apart at the most, in milliseconds.
const LOOK_AGAIN_MS: i64 = 60_000;
/// How far back logs are read where a step does not say.
const LAST: SignedDuration = SignedDuration::from_mins(15);

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Performer(pub Arc<Parts>);

pub struct Parts {
    pub engine: Engine,
    pub connected: Arc<Connected>,
    pub delivery: Arc<Delivery>,
    /// Links in pages begin with this.
    pub links_base: String,
}

/// One call of one action.
struct Call<'a> {
    parts: &'a Parts,
    run: &'a Run,
    act: &'a Act,
    setup: &'a Setup,
    connected: Connected,
    now: Timestamp,
}

impl Perform for Performer {
    fn secrets(&self) -> Pin<Box<dyn Future<Output = Secrets> + Send>> {
        let parts = self.0.clone();
        Box::pin(async move {
            match parts.engine.scene().await {
                Ok(scene) => Secrets::new(parts.connected.secrets(&scene.world.setup)),
                // Without the setup nothing is called either.
                Err(_) => Secrets::new([]),
            }
        })
    }

    fn perform(&self, run: Run, act: Act) -> Pin<Box<dyn Future<Output = Progress> + Send>> {
        let parts = self.0.clone();
        Box::pin(async move {
            let scene = match parts.engine.scene().await {
                Ok(scene) => scene,
                Err(error) => return Progress::Failed { reason: error.to_string(), again: true },
            };
            let now = parts.engine.clock().now();
            let call =
                Call { parts: &parts, run: &run, act: &act, setup: &scene.world.setup, connected: parts.connected.handle(), now };
            match act.action.as_str() {
                "wait" => call.wait(),
                "page" => call.page().await,
                "decide" => call.decide(),
                "net.probe" => call.probe().await,
                "logs.root_error" => call.root_error().await.unwrap_or_else(|error| call.failed(error)),
                "logs.blast_radius" => call.blast_radius().await.unwrap_or_else(|error| call.failed(error)),
                "service.restart" => call.restart().await.unwrap_or_else(|error| call.failed(error)),
                "service.recovered" => call.recovered().await.unwrap_or_else(|error| call.failed(error)),
                "service.watch" => call.begin_to_watch().await.unwrap_or_else(|error| call.failed(error)),
                "service.instances" => call.instances().await.unwrap_or_else(|error| call.failed(error)),
                "service.output" => call.output().await.unwrap_or_else(|error| call.failed(error)),
                "service.deploys" => call.deploys().await.unwrap_or_else(|error| call.failed(error)),
                "metrics.read" => call.graph().await.unwrap_or_else(|error| call.failed(error)),
                "support.tell" => call.tell_support().await.unwrap_or_else(|error| call.failed(error)),
                "vendor.case" => call.open_case().await,
                other => Progress::NotConnected { reason: format!("nothing is connected that could do `{other}`") },
            }
        })
    }
}

/// By what can be done next.
fn failed(error: CallError) -> Progress {
    let reason = error.reason().to_owned();
    match error {
        CallError::Retry { .. } => Progress::Failed { reason, again: true },
        CallError::Unknown { .. } => Progress::Uncertain { reason },
        CallError::Misconfigured { .. } | CallError::Rejected { .. } | CallError::Missing { .. } | CallError::Conflict { .. } => {
            Progress::Failed { reason, again: false }
        }
    }
}

fn done(output: Value) -> Progress {
    Progress::Done { output: output.as_object().cloned().unwrap_or_default() }
}

impl Call<'_> {
    /// And whom to ask, where the setup says whose the connection is.
    fn failed(&self, error: CallError) -> Progress {
        let connection = self.connected.last().and_then(|id| self.setup.connections.get(id.as_str()));
        let owner = connection.and_then(|connection| self.setup.owner_of(connection));
        let told = |reason: String| owner.as_ref().map_or_else(|| reason.clone(), |owner| format!("{reason}; {owner}"));
        match failed(error) {
            Progress::Failed { reason, again } => Progress::Failed { reason: told(reason), again },
            Progress::Uncertain { reason } => Progress::Uncertain { reason: told(reason) },
            other => other,
        }
    }

    fn text(&self, name: &str) -> &str {
        self.act.args.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn length(&self, name: &str, default: SignedDuration) -> SignedDuration {
        parse_length(self.text(name)).unwrap_or(default)
    }

    /// A part of the institution that the run is for.
    fn institution(&self, part: &str) -> Option<&str> {
        self.run.inputs.get("institution")?.get(part)?.as_str()
    }

    fn context(&self) -> Map<String, Value> {
        self.run.context(self.run.at(&self.act.place).unwrap_or_default())
    }

    fn wait(&self) -> Progress {
        let until = match self.act.call.memo.get("until").and_then(Value::as_str).map(str::parse::<Timestamp>) {
            Some(Ok(until)) => until,
            _ => after(self.now, self.length("for", SignedDuration::ZERO)),
        };
        let left_ms = until.duration_since(self.now).as_millis();
        if left_ms <= 0 {
            return done(json!({}));
        }
        let after_ms = i64::try_from(left_ms).unwrap_or(LOOK_AGAIN_MS).min(LOOK_AGAIN_MS);
        Progress::Waiting {
            memo: json!({ "until": until }),
            effect: Effect::Read,
            after_ms,
            text: format!("until {until:.0}"),
            choices: Vec::new(),
        }
    }

    async fn page(&self) -> Progress {
        match self.page_team(self.text("team"), self.text("message")).await {
            Ok(alert) => done(json!({ "alert": alert })),
            Err(progress) => progress,
        }
    }

    /// The key of the call is the page's own: a second call finds the first one's alert and pages nobody again.
    async fn page_team(&self, team: &str, message: &str) -> Result<String, Progress> {
        let raise = Raise {
            service: None,
            to: Some(Pages::Team(TeamId::from(team))),
            policy: None,
            summary: message.to_owned(),
            severity: Severity::Critical,
            urgency: None,
            labels: BTreeMap::from([("runbook".to_owned(), self.run.runbook.to_string())]),
            dedup_key: Some(format!("run/{}", self.act.call.key)),
            details: json!({ "run": self.link(), "title": self.run.title }),
        };
        self.raise(raise).await
    }

    async fn raise(&self, raise: Raise) -> Result<String, Progress> {
        match self.parts.engine.raise(raise, &Actor::System).await {
            Ok(alert) => Ok(alert.id.0),
            Err(error @ (firedog_engine::Error::NotFound(_) | firedog_engine::Error::Refused(_))) => {
                Err(Progress::Failed { reason: error.to_string(), again: false })
            }
            Err(error) => Err(Progress::Uncertain { reason: error.to_string() }),
        }
    }

    fn link(&self) -> String {
        format!("{}/runs/{}", self.parts.links_base, self.run.id)
    }

    fn decide(&self) -> Progress {
        let Some(table) = self.setup.table(self.text("table")) else {
            return Progress::Failed {
                reason: format!("there is no decision table `{}` any more", self.text("table")),
                again: false,
            };
        };
        let evidence = table::evidence(&self.context());
        let decision = table::decide(&table, &evidence);
        let text = format!("{}, {}: {}", decision.owner, decision.remedy.replace('_', " "), decision.why);
        done(json!({
            "owner": decision.owner, "remedy": decision.remedy, "row": decision.row, "why": decision.why,
            "evidence": table::told(&evidence), "text": text,
        }))
    }

    async fn probe(&self) -> Progress {
        let target: Target = match self.text("target").parse() {
            Ok(target) => target,
            Err(reason) => return Progress::Failed { reason, again: false },
        };
        if !self.knows(&target) {
            let reason = format!("{target} is no address of the catalogue: give it to an institution as `core_endpoint`");
            return Progress::Failed { reason, again: false };
        }
        let authority = self.institution("id").and_then(|id| self.setup.institutions.get(id)?.authority.clone());
        let prober = match Prober::new("this server", authority.as_deref()) {
            Ok(prober) => prober,
            Err(error) => return failed(error),
        };
        let (probed, elsewhere) = tokio::join!(prober.probe(&target, self.now), self.elsewhere(&target));
        match probed {
            Ok(probed) => done(elsewhere.beside(probe_output(&probed), probed.connects())),
            Err(error) => failed(error),
        }
    }
}

impl Call<'_> {
    /// A host and port that the catalogue has. An alert's label, or whoever starts a run, leads nowhere else.
    fn knows(&self, target: &Target) -> bool {
        let told = self.institution("core_endpoint").into_iter();
        let cores = self.setup.institutions.iter().filter_map(|one| one.core_endpoint.as_deref());
        let tools = self.setup.connections.iter().map(|one| one.url.as_str());
        let places = told.chain(cores).chain(tools).filter_map(|text| text.parse::<Target>().ok()?.place());
        target.place().is_some_and(|place| places.into_iter().any(|known| known == place))
    }
}

fn probe_output(probed: &Probed) -> Value {
    let failure = probed.failure();
    let certificate = match &probed.tls {
        None => "none",
        Some(stage) => match stage.failure() {
            None if stage.found.is_some() => "ok",
            Some(Failure::Expired | Failure::NotYetValid) => "expired",
            Some(Failure::WrongName) => "wrong_name",
            Some(Failure::UnknownIssuer | Failure::Untrusted) => "untrusted",
            _ => "none",
        },
    };
    let stage = failure.map_or("all", |(stage, _)| stage);
    let text = match failure {
        None => format!("{} answers at every stage", probed.target),
        Some((stage, failure)) => format!("{} fails at {stage}: {failure:?}", probed.target),
    };
    json!({ "ok": failure.is_none(), "stage": stage, "certificate": certificate, "text": text })
}
