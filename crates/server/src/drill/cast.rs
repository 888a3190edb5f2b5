//! A team's own setup, with the town in place of everything outside, and with nobody real to be reached.

use super::DrillOptions;
use crate::stage::doubles;
use anyhow::{anyhow, bail};
use firedog_domain::event::Severity;
use firedog_domain::id::ConnectionId;
use firedog_domain::runbook::{Need, Runbook, Step};
use firedog_domain::setup::load::key_hash;
use firedog_domain::setup::{
    Address, Connection, ConnectionKind, Driver, Institution, Integration, IntegrationKind, Service, Setup, Urgency,
};
use firedog_town::Town;
use firedog_town::jenkins::Job;
use firedog_town::kubernetes::NAMESPACE;
use firedog_town::slack::SUPPORT_CHANNEL;
use firedog_town::weather::{Cast, Institution as Neighbour, MAX_INSTITUTIONS, MAX_SERVICES, Platform};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// "Everybody else" means something from so many on.
const LEAST_INSTITUTIONS: usize = 16;
/// Calls a minute of each institution and service.
const RATE: u32 = 8;
/// The job of services that have none of their own.
const JOB: &str = "ops/restart";

/// Whom the drill is about.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) service: String,
    /// One of the setup's.
    pub(super) institution: Option<String>,
    pub(super) runbook: Option<Runbook>,
    pub(super) labels: BTreeMap<String, String>,
}

impl Subject {
    pub(super) fn of(setup: &Setup, options: &DrillOptions) -> anyhow::Result<Self> {
        let runbook = match &options.runbook {
            Some(id) => {
                Some(setup.runbook(id).ok_or_else(|| missing("runbook", id, setup.runbooks.iter().map(|one| one.id.as_str())))?)
            }
            None => by_itself(setup),
        };
        let service = match &options.service {
            Some(id) => {
                setup.services.get(id).ok_or_else(|| missing("service", id, setup.services.iter().map(|one| one.id.as_str())))?
            }
            None => likely(setup, runbook.as_ref())
                .ok_or_else(|| anyhow!("the setup has no service; a drill needs one that breaks"))?,
        };
        let served = || setup.institutions.iter().find(|one| service.serves(&one.id));
        let institution = match &options.institution {
            Some(id) => {
                let known = || setup.institutions.iter().map(|one| one.id.as_str());
                Some(setup.institutions.get(id).ok_or_else(|| missing("institution", id, known()))?)
            }
            None => served(),
        };
        if let Some(runbook) = &runbook
            && institution.is_none()
            && runbook.inputs.get("institution").is_some_and(|need| *need == Need::Required)
        {
            bail!(
                "the runbook `{}` is for an institution, and the setup has none that `{}` serves: add one under `institutions:`",
                runbook.id,
                service.id
            );
        }
        let institution = institution.map(|one| one.id.to_string());
        let mut labels = BTreeMap::from([("alertname".to_owned(), "Drill".to_owned())]);
        labels.extend(institution.iter().map(|id| ("institution".to_owned(), id.clone())));
        labels.extend(runbook.as_ref().and_then(|runbook| runbook.on.as_deref()).map(wanted_labels).unwrap_or_default());
        labels.insert("severity".to_owned(), Severity::Critical.as_str().to_owned());
        Ok(Self { service: service.id.to_string(), institution, runbook, labels })
    }
}

fn missing<'a>(kind: &str, id: &str, known: impl Iterator<Item = &'a str>) -> anyhow::Error {
    let known: Vec<&str> = known.take(12).collect();
    match known[..] {
        [] => anyhow!("there is no {kind} `{id}`; the setup has none at all"),
        _ => anyhow!("there is no {kind} `{id}`; there is for example {}", known.join(", ")),
    }
}

/// One that alerts begin; for an institution rather than another.
fn by_itself(setup: &Setup) -> Option<Runbook> {
    let for_institution = |runbook: &&Runbook| runbook.inputs.contains_key("institution");
    let begun = || setup.runbooks.iter().filter(|runbook| runbook.on.is_some());
    let found = begun().find(for_institution).or_else(|| begun().next())?;
    setup.runbook(found.id.as_str())
}

/// A service that a run is likely to be about.
fn likely<'s>(setup: &'s Setup, runbook: Option<&Runbook>) -> Option<&'s Service> {
    let named = runbook.map(named_services).unwrap_or_default();
    let of_runbook = || setup.services.iter().find(|service| named.contains(service.id.as_str()));
    let driven = || setup.services.iter().find(|service| service.restart.is_some());
    let urgent = || setup.services.iter().find(|service| service.urgency == Urgency::High);
    of_runbook().or_else(driven).or_else(urgent).or_else(|| setup.services.iter().next())
}

/// The services that the steps of a runbook name.
fn named_services(runbook: &Runbook) -> BTreeSet<&str> {
    fn of<'a>(steps: &'a [Step], found: &mut BTreeSet<&'a str>) {
        for step in steps {
            found.extend(step.with.get("service").and_then(Value::as_str).filter(|id| !id.contains("${")));
            let items = step.each.as_ref().and_then(Value::as_array).into_iter().flatten();
            found.extend(items.filter_map(Value::as_str));
            of(&step.steps, found);
            of(&step.parallel, found);
        }
    }
    let mut found = BTreeSet::new();
    of(&runbook.steps, &mut found);
    found
}

/// Labels that a condition compares with a text: `labels.alertname == 'CoreApiDown'`. Whether it holds then, Firedog says.
fn wanted_labels(on: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for part in on.split("labels.").skip(1) {
        let Some((name, rest)) = part.split_once("==") else { continue };
        let (name, rest) = (name.trim(), rest.trim_start());
        let quote = rest.chars().next().filter(|first| matches!(first, '\'' | '"'));
        let value = quote.and_then(|quote| rest[1..].split_once(quote)).map(|(value, _)| value);
        if let Some(value) = value.filter(|_| name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')) {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    found
}

/// Connects everything that a runbook can use, and gives the services that it names drivers, where the setup has none.
pub(super) fn connect_all(setup: &mut Setup, subject: &Subject) {
    for kind in ConnectionKind::ALL {
        if setup.connection(kind).is_none() {
            let mut id = kind.as_str().to_owned();
            while setup.connections.contains(&id) {
                id.insert_str(0, "drill-");
            }
            setup.connections.insert(bare(id.into(), kind));
        }
    }
    let of = |setup: &Setup, kind| setup.connection(kind).map(|one| one.id.clone()).expect("connected just now");
    let (jenkins, marathon) = (of(setup, ConnectionKind::Jenkins), of(setup, ConnectionKind::Marathon));
    let named = subject.runbook.as_ref().map(named_services).unwrap_or_default();
    for id in named.into_iter().chain([subject.service.as_str()]) {
        let Some(mut service) = setup.services.get(id).cloned() else { continue };
        let driver = |value: Value| -> Driver { serde_json::from_value(value).expect("a driver needs no more") };
        let job = json!({ "with": jenkins, "job": JOB, "parameters": { "SERVICE": id }, "key": "RUN_KEY" });
        service.restart.get_or_insert_with(|| driver(job));
        service.instances.get_or_insert_with(|| driver(json!({ "with": marathon, "app": format!("/core/{id}") })));
        setup.services.insert(service);
    }
}

/// Of which only the kind counts: the town fills it in.
fn bare(id: ConnectionId, kind: ConnectionKind) -> Connection {
    serde_json::from_value(json!({ "id": id, "kind": kind, "url": "" })).expect("a connection needs no more")
}

/// Invented neighbours, where the setup has too few for "everybody else" to mean anything.
pub(super) fn fill_up(setup: &mut Setup) -> usize {
    let missing = if setup.institutions.is_empty() { 0 } else { LEAST_INSTITUTIONS.saturating_sub(setup.institutions.len()) };
    for number in 1..=missing {
        let id = format!("drill-{number}");
        if !setup.institutions.contains(&id) {
            let neighbour = json!({ "id": id, "name": format!("Invented neighbour {number}") });
            setup.institutions.insert(serde_json::from_value(neighbour).expect("an institution needs no more"));
        }
    }
    missing
}

/// Who is in the town for a setup.
pub(super) fn cast(setup: &Setup, subject: &Subject) -> Cast {
    let takes_part =
        |service: &&Service| service.restart.is_some() || service.instances.is_some() || service.id.as_str() == subject.service;
    let taking: Vec<&Service> = setup.services.iter().filter(takes_part).take(MAX_SERVICES).collect();
    let rate = RATE * (u32::try_from(taking.len()).unwrap_or(u32::MAX).saturating_add(1));
    let neighbours: Vec<Neighbour> = setup
        .institutions
        .iter()
        .take(MAX_INSTITUTIONS)
        .map(|one| Neighbour { id: one.id.to_string(), name: one.name.clone(), host: host(one), per_minute: rate })
        .collect();
    let neighbours = if neighbours.is_empty() { Neighbour::invented(LEAST_INSTITUTIONS) } else { neighbours };
    let services = taking.iter().map(|service| (service.id.to_string(), platform(setup, service))).collect();
    Cast::of(services, neighbours, jobs(setup, &taking))
}

pub(super) fn host(institution: &Institution) -> String {
    institution.host.clone().unwrap_or_else(|| format!("host-of-{}", institution.id))
}

/// Where its instances are, as far as its drivers say.
fn platform(setup: &Setup, service: &Service) -> Platform {
    let kinds = [&service.instances, &service.restart].into_iter().flatten().filter_map(|driver| setup.driven(driver));
    let is_kubernetes = kinds.map(|found| found.kind).find(|kind| *kind != ConnectionKind::Jenkins);
    if is_kubernetes == Some(ConnectionKind::Kubernetes) { Platform::Kubernetes } else { Platform::Marathon }
}

/// The team's own jobs, with their own parameters: a build restarts the service for which it has the catalogue's values.
fn jobs(setup: &Setup, services: &[&Service]) -> Vec<Job> {
    type Of = (BTreeSet<String>, Vec<(Vec<(String, String)>, String)>);
    let mut all: BTreeMap<(&str, bool), Of> = BTreeMap::new();
    for service in services {
        let driver = service.restart.as_ref();
        let Some((driver, job)) = driver.and_then(|driver| Some((driver, driver.job.as_deref()?))) else { continue };
        let on_kubernetes = platform(setup, service) == Platform::Kubernetes;
        let (declared, meant) = all.entry((job, on_kubernetes)).or_default();
        declared.extend(driver.parameters.keys().chain(&driver.key).cloned());
        let values = driver.parameters.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        meant.push((values, service.id.to_string()));
    }
    let job = |((name, on_kubernetes), (declared, meant)): (_, Of)| {
        let platform = if on_kubernetes { Platform::Kubernetes } else { Platform::Marathon };
        Job::of(name, platform, declared.into_iter().collect(), meant)
    };
    all.into_iter().map(job).collect()
}

/// The setup as it is played: the town's systems in place of the outside ones, people reached only in the drill's own mailbox and
/// inbox, one integration that only the drill knows.
pub(super) fn played(mut setup: Setup, town: &Town, subject: &Subject, inbox: &str, key: &str) -> Setup {
    let double =
        |one: &Connection| Connection { owner: one.owner.clone(), ..doubles::connection(town, one.id.clone(), one.kind) };
    let connections: firedog_domain::setup::Named<Connection> = setup.connections.iter().map(double).collect();
    let mut moves: BTreeMap<String, String> = setup
        .connections
        .iter()
        .zip(connections.iter())
        .map(|(old, new): (_, &Connection)| (old.url.clone(), new.url.clone()))
        .collect();
    setup.connections = connections;
    let authority = doubles::authority(town);
    setup.institutions = std::mem::take(&mut setup.institutions)
        .iter()
        .cloned()
        .map(|mut one| {
            let core = doubles::core_endpoint(town, one.id.as_str());
            moves.extend(one.core_endpoint.take().zip(core.clone()));
            one.core_endpoint = core;
            one.authority = Some(authority.clone());
            one.room = None;
            one
        })
        .collect();
    let kinds: BTreeMap<ConnectionId, ConnectionKind> = setup.connections.iter().map(|one| (one.id.clone(), one.kind)).collect();
    setup.services = std::mem::take(&mut setup.services)
        .iter()
        .cloned()
        .map(|mut service| {
            let id = service.id.to_string();
            for driver in [&mut service.restart, &mut service.instances, &mut service.deploys].into_iter().flatten() {
                match kinds.get(&driver.with) {
                    Some(ConnectionKind::Marathon) => driver.app = Some(format!("/core/{id}")),
                    Some(ConnectionKind::Kubernetes) => {
                        (driver.namespace, driver.deployment) = (Some(NAMESPACE.to_owned()), Some(id.clone()));
                    }
                    _ => {}
                }
            }
            service.integrations = if id == subject.service { vec![integration(key)] } else { Vec::new() };
            service
        })
        .collect();
    setup.users = std::mem::take(&mut setup.users)
        .iter()
        .cloned()
        .map(|mut user| {
            for contact in &mut user.contact {
                contact.secret = None;
                if let Address::Webhook(url) = &mut contact.address {
                    *url = format!("{inbox}/{}/{}", user.id, contact.id);
                }
            }
            user
        })
        .collect();
    setup.runbooks = setup
        .runbooks
        .iter()
        .cloned()
        .map(|mut runbook| {
            move_places(&mut runbook.steps, &moves);
            runbook
        })
        .collect();
    // They would keep the drill's own alert quiet.
    setup.silences = Default::default();
    setup.maintenance = Default::default();
    setup
}

/// The town's workspace has one room for support, and addresses that a runbook names are somebody's real ones.
fn move_places(steps: &mut [Step], moves: &BTreeMap<String, String>) {
    for step in steps {
        if let Some(room) = step.with.get_mut("room") {
            *room = Value::from(SUPPORT_CHANNEL);
        }
        let target = step.with.get_mut("target");
        if let Some((target, to)) =
            target.and_then(|target| Some((moves.get(target.as_str()?)?, target))).map(|(to, target)| (target, to))
        {
            *target = Value::from(to.as_str());
        }
        move_places(&mut step.steps, moves);
        move_places(&mut step.parallel, moves);
    }
}

fn integration(key: &str) -> Integration {
    Integration {
        id: "drill".to_owned(),
        kind: IntegrationKind::Alertmanager,
        key_sha256: key_hash(key),
        quiet_after: None,
        heartbeat: None,
        strict: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedog_domain::setup::load::{NoOutside, SourceFile, load};
    use firedog_town::weather::Weather;

    const SETUP: &str = r##"
teams: [ { id: core, members: [ada], policy: core } ]
users: [ { id: ada, email: ada@example.org, contact: [ { id: hook, webhook: "https://real.example.org/ada", secret: hush } ] } ]
policies: [ { id: core, team: core, steps: [ { page: [ { user: ada } ], wait: 5m } ] } ]
catch_all: { page: [ { user: ada } ], every: 5m }
institutions: [ { id: inst-1, core_endpoint: "https://real.example.org/core", room: "#real" } ]
connections:
  - { id: logs, kind: elasticsearch, url: "https://real.example.org/logs", user: u, secret: hush, index: real-* }
  - { id: chat, kind: slack, url: "https://real.example.org/slack", secret: hush, room: "#real" }
  - { id: jobs, kind: jenkins, url: "https://real.example.org/jenkins", user: u, secret: hush }
  - { id: cluster, kind: kubernetes, url: "https://real.example.org/k8s", secret: hush }
services:
  - { id: aside, team: core }
  - id: gate
    team: core
    integrations: [ { id: prometheus, kind: alertmanager, key: a-real-key-of-sixteen } ]
    restart: { with: jobs, job: deploy/restart, parameters: { APP: gate }, key: RUN }
    instances: { with: cluster, namespace: prod, deployment: gate }
"##;
    const BOOK: &str = r##"
runbook: gate-down
for: { institution: required }
on: labels.alertname == 'GateDown' && labels.area == "core"
steps:
  - { do: Tell support, uses: support.tell, with: { room: "#real" } }
  - { do: Probe it, uses: net.probe, with: { target: "https://real.example.org/core" } }
  - { do: Restart it, uses: service.restart, with: { service: gate } }
"##;

    fn setup() -> Setup {
        let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
        let loaded = load(&[file("setup.yaml", SETUP), file("book.yaml", BOOK)], &NoOutside);
        loaded.setup.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
    }

    fn options() -> DrillOptions {
        DrillOptions {
            wrong: None,
            service: None,
            institution: None,
            runbook: None,
            connected: false,
            support_silent: false,
            alone: true,
            within: jiff::SignedDuration::from_mins(5),
            listen: None,
            aside: true,
        }
    }

    #[test]
    fn it_is_about_what_alerts_begin() {
        let subject = Subject::of(&setup(), &options()).unwrap();
        assert_eq!((subject.service.as_str(), subject.institution.as_deref()), ("gate", Some("inst-1")));
        assert_eq!(subject.runbook.map(|book| book.id.to_string()).as_deref(), Some("gate-down"));
        let labels: Vec<(&str, &str)> = subject.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let wanted = [("alertname", "GateDown"), ("area", "core"), ("institution", "inst-1"), ("severity", "critical")];
        assert_eq!(labels, wanted);
        let unknown = Subject::of(&setup(), &DrillOptions { institution: Some("inst-9".to_owned()), ..options() });
        assert_eq!(unknown.unwrap_err().to_string(), "there is no institution `inst-9`; there is for example inst-1");
        let mut nobody = setup();
        nobody.institutions = Default::default();
        assert!(Subject::of(&nobody, &options()).unwrap_err().to_string().contains("add one under `institutions:`"));
    }

    #[tokio::test]
    async fn nothing_real_is_left_and_the_rest_stays() {
        let mut real = setup();
        let subject = Subject::of(&real, &options()).unwrap();
        assert_eq!(fill_up(&mut real), LEAST_INSTITUTIONS - 1);
        let town = Town::start(Weather::over(cast(&real, &subject), "2026-03-02T16:00:00Z".parse().unwrap())).await.unwrap();
        let played = played(real, &town, &subject, "http://127.0.0.1:9", "a-drill-key-of-sixteen");
        let text = serde_json::to_string(&played).unwrap();
        for real in ["real.example.org", "hush", "#real", &key_hash("a-real-key-of-sixteen"), "real-*"] {
            assert!(!text.contains(real), "{real} is in {text}");
        }
        let gate = played.services.get("gate").unwrap();
        let restart = gate.restart.as_ref().unwrap();
        assert_eq!(
            (restart.job.as_deref(), &restart.parameters["APP"][..], restart.key.as_deref()),
            (Some("deploy/restart"), "gate", Some("RUN"))
        );
        // It loads as any setup does.
        let files = firedog_domain::setup::export::export(&played);
        let loaded = load(&files, &NoOutside);
        assert!(loaded.setup.is_some(), "{:?}", loaded.diagnostics);
    }

    #[test]
    fn everything_can_be_connected() {
        let mut bare = setup();
        bare.connections = Default::default();
        let mut gate = bare.services.get("gate").unwrap().clone();
        (gate.restart, gate.instances) = (None, None);
        bare.services.insert(gate);
        let subject = Subject::of(&bare, &options()).unwrap();
        connect_all(&mut bare, &subject);
        assert_eq!(bare.connections.len(), ConnectionKind::ALL.len());
        let gate = bare.services.get("gate").unwrap();
        assert_eq!(gate.restart.as_ref().and_then(|driver| driver.job.as_deref()), Some(JOB));
        assert!(bare.services.get("aside").unwrap().restart.is_none());
    }
}
