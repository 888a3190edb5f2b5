//! `firedog town`: doubles of the systems that runbooks read and restart, on loopback, for rehearsals.

use crate::stage::{doubles, interrupted};
use anyhow::{Context, bail};
use firedog_domain::setup::ConnectionKind;
use firedog_town::Town;
use firedog_town::control::Control;
use firedog_town::kubernetes::NAMESPACE;
use firedog_town::vantage::VANTAGES;
use firedog_town::weather::{Platform, Service, Weather};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// The file that is written.
const FILE: &str = "town.yaml";
/// How it begins: one that a killed town has left is written over.
const HEAD: &str = "# Written by `firedog town`";
/// What a job's parameter for our key is called, where it declares one.
const KEY: &str = "RUN_KEY";

/// Through what the two services are restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Through {
    /// A Jenkins job; the instances are Marathon's
    Marathon,
    /// A Jenkins job; the instances are Kubernetes'
    Kubernetes,
    /// Kubernetes itself, without a job
    Rollout,
}

/// How `firedog town` was asked to run.
#[derive(Clone, Debug)]
pub(crate) struct TownOptions {
    pub(crate) setup: Option<PathBuf>,
    /// Whom the services belong to; defined in other files.
    pub(crate) team: String,
    pub(crate) through: Through,
    /// The jobs declare no parameter for our key.
    pub(crate) no_key: bool,
    pub(crate) speed: u32,
    pub(crate) institutions: usize,
    /// Somebody looks at the cores from elsewhere, too.
    pub(crate) vantages: bool,
}

/// Opens a town, tells where it is, and keeps it open until Ctrl-C or SIGTERM.
pub(crate) async fn run(
    options: TownOptions,
    now: Timestamp,
    told: impl FnOnce(&Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let platform = if options.through == Through::Marathon { Platform::Marathon } else { Platform::Kubernetes };
    let weather = Weather::new(options.institutions, now).on(platform);
    weather.set_speed(options.speed);
    weather.set_run_key((!options.no_key).then_some(KEY));
    let town = Town::start(weather).await.context("cannot listen on 127.0.0.1")?;
    let control = Control::start(&town).await.context("cannot listen on 127.0.0.1")?;
    let file = match &options.setup {
        Some(dir) => {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
            let file = dir.join(FILE);
            if std::fs::read_to_string(&file).is_ok_and(|text| !text.starts_with(HEAD)) {
                bail!("{} is somebody's own, and stays as it is; name another directory", file.display());
            }
            std::fs::write(&file, setup(&town, &options)).with_context(|| format!("cannot write {}", file.display()))?;
            Some(file)
        }
        None => None,
    };
    let mut addresses = json!({
        "elasticsearch": town.search_url(), "prometheus": town.metrics_url(), "jenkins": town.jenkins_url(),
        "marathon": town.marathon_url(), "mesos": town.mesos_url(), "kubernetes": town.kubernetes_url(), "slack": town.slack_url(),
        VANTAGES[0]: town.vantage_url(VANTAGES[0]), VANTAGES[1]: town.vantage_url(VANTAGES[1]),
        "portal": town.portal_url(),
        "control": control.url(),
    });
    if let Some(file) = &file {
        addresses["setup"] = json!(file);
    }
    let result = told(&addresses);
    if result.is_ok() {
        interrupted().await;
    }
    // It names addresses where nobody answers any more.
    if let Some(file) = file {
        let _ = std::fs::remove_file(file);
    }
    result
}

/// The setup file: whom the town serves, how to reach its systems, and its two services.
fn setup(town: &Town, options: &TownOptions) -> String {
    let authority = doubles::authority(town);
    let institutions = town.weather().institutions().into_iter().map(|one| {
        json!({ "id": one.id, "name": one.name, "code": one.id.trim_start_matches("inst-"), "host": one.host,
            "core_endpoint": doubles::core_endpoint(town, &one.id), "authority": authority })
    });
    let connections: Vec<Value> = [
        ("logs", ConnectionKind::Elasticsearch),
        ("metrics", ConnectionKind::Prometheus),
        ("ci", ConnectionKind::Jenkins),
        ("marathon", ConnectionKind::Marathon),
        ("mesos", ConnectionKind::Mesos),
        ("k8s", ConnectionKind::Kubernetes),
        ("chat", ConnectionKind::Slack),
    ]
    .into_iter()
    .chain(VANTAGES.into_iter().filter(|_| options.vantages).map(|name| (name, ConnectionKind::Blackbox)))
    .map(|(id, kind)| json!(doubles::connection(town, id.into(), kind)))
    .collect();
    let services = Service::USUAL.map(|service| self::service(service.name(), options));
    let mut text =
        format!("{HEAD}: its addresses are good while it runs. The team `{}` stands in your other files.\n", options.team);
    for (key, all) in
        [("institutions", institutions.collect::<Vec<_>>()), ("connections", connections), ("services", services.to_vec())]
    {
        // JSON is YAML; one line each.
        text.push_str(&format!("{key}:\n"));
        all.iter().for_each(|one| text.push_str(&format!("  - {one}\n")));
    }
    text
}

fn service(id: &str, options: &TownOptions) -> Value {
    let deployment = json!({ "with": "k8s", "namespace": NAMESPACE, "deployment": id });
    let job = |name: &str| {
        let mut job = Map::new();
        job.insert("with".to_owned(), json!("ci"));
        job.insert("job".to_owned(), json!(format!("ops/{name}")));
        job.insert("parameters".to_owned(), json!({ "SERVICE": id, "ENV": "production" }));
        if !options.no_key {
            job.insert("key".to_owned(), json!(KEY));
        }
        Value::Object(job)
    };
    let (restart, instances) = match options.through {
        Through::Marathon => (job("restart-on-marathon"), json!({ "with": "marathon", "app": format!("/core/{id}") })),
        Through::Kubernetes => (job("restart-on-kubernetes"), deployment),
        Through::Rollout => (deployment.clone(), deployment),
    };
    let mut deploys = restart.clone();
    if let Some(job) = deploys.as_object_mut() {
        job.remove("key");
    }
    json!({ "id": id, "team": options.team, "restart": restart, "instances": instances, "deploys": deploys })
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedog_domain::setup::load::{NoOutside, SourceFile, load};

    const PEOPLE: &str = r#"
teams: [ { id: town, name: The town, members: [ada], policy: town } ]
users: [ { id: ada, email: ada@example.org, contact: [ { id: mail, email: ada@example.org } ] } ]
policies: [ { id: town, team: town, steps: [ { page: [ { user: ada } ], wait: 5m } ] } ]
catch_all: { page: [ { user: ada } ], every: 5m }
"#;

    #[tokio::test]
    async fn the_setup_has_no_mistake_through_whatever_it_restarts() {
        for (through, no_key) in
            [(Through::Marathon, false), (Through::Marathon, true), (Through::Kubernetes, false), (Through::Rollout, false)]
        {
            let options = TownOptions {
                setup: None,
                team: "town".to_owned(),
                through,
                no_key,
                speed: 1,
                institutions: 3,
                vantages: no_key,
            };
            let town = Town::start(Weather::new(3, "2026-03-02T16:00:00Z".parse().unwrap())).await.unwrap();
            let text = setup(&town, &options);
            let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
            let loaded = load(&[file("town.yaml", &text), file("people.yaml", PEOPLE)], &NoOutside);
            let said: String = loaded.diagnostics.iter().map(|found| found.render(&text)).collect();
            assert_eq!(said, "");
            let setup = loaded.setup.expect("no error");
            assert_eq!((setup.institutions.iter().count(), setup.connections.iter().count()), (3, if no_key { 9 } else { 7 }));
            for service in Service::USUAL {
                let driver = setup.services.get(service.name()).and_then(|found| found.restart.clone()).expect("a driver");
                let found = setup.services.get(service.name()).and_then(|found| found.deploys.clone()).expect("a driver");
                assert_eq!((found.with, found.key), (driver.with, None));
                assert_eq!(driver.key.is_some(), through != Through::Rollout && !no_key);
            }
        }
    }
}
