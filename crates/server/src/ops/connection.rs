//! The connections of the setup: what each is for, and whether it works now.

use super::connected::Client;
use super::doctor::Level;
use super::{Result, chat, run};
use crate::app::App;
use firedog_connectors::call::{CallError, Found};
use firedog_domain::runbook::means::Means;
use firedog_domain::setup::{Capability, Connection, ConnectionKind, Driver, Service, Setup};
use firedog_domain::time::{after, secs};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::Mutex;
use utoipa::ToSchema;

/// What takes longer is of no use to a run that waits for it.
pub const TIMEOUT: Duration = Duration::from_secs(8);
/// For so long a check of all of them is as good as new. `firedog connection check` always asks.
const FRESH: SignedDuration = secs(10);
/// Connections that are checked at once; nobody has more installations.
const MAX_CHECKED: usize = 50;
/// Services that are named; beyond them only their number is told.
const MAX_SERVICES: usize = 20;
/// Namespaces of one cluster that are looked into.
const MAX_NAMESPACES: usize = 3;

/// A connection, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectionRow {
    pub id: String,
    pub kind: String,
    pub host: String,
    pub port: Option<u16>,
    /// The team to ask when it does not work.
    pub owner: Option<String>,
    /// The actions that it carries out.
    #[schema(value_type = Vec<String>)]
    pub actions: Vec<&'static str>,
    /// The first 20 services that are restarted or seen through it.
    pub services: Vec<String>,
    pub services_total: usize,
}

/// What a check of a connection has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectionCheck {
    pub id: String,
    pub level: Level,
    /// In one line: which system it is and as whom we are known there, or why it cannot be used.
    pub message: String,
    /// What to do about it, and whom to ask.
    pub fix: Option<String>,
    /// The team to ask.
    pub owner: Option<String>,
    /// By its own words.
    pub system: Option<String>,
    pub version: Option<String>,
    pub identity: Option<String>,
    /// What works, but not as it should.
    pub notes: Vec<String>,
}

pub async fn list(app: &App) -> Result<Vec<ConnectionRow>> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    Ok(setup.connections.iter().map(|connection| row(setup, connection)).collect())
}

fn row(setup: &Setup, connection: &Connection) -> ConnectionRow {
    let url = url::Url::parse(&connection.url).ok();
    let services: Vec<String> = driven(setup, connection).map(|(service, _)| service.id.to_string()).collect();
    let services_total = services.len();
    ConnectionRow {
        id: connection.id.to_string(),
        kind: connection.kind.as_str().to_owned(),
        host: url.as_ref().and_then(|url| url.host_str()).unwrap_or_default().to_owned(),
        port: url.as_ref().and_then(url::Url::port_or_known_default),
        owner: connection.owner.as_ref().map(ToString::to_string),
        actions: Means(setup).uses(connection),
        services: services.into_iter().take(MAX_SERVICES).collect(),
        services_total,
    }
}

/// Services that name it, with the drivers by which they do.
fn driven<'a>(
    setup: &'a Setup,
    connection: &'a Connection,
) -> impl Iterator<Item = (&'a Service, Vec<(Capability, &'a Driver)>)> {
    setup.services.iter().filter_map(|service| {
        let named = service.drivers().filter(|(_, driver)| driver.with == connection.id);
        let drivers: Vec<(Capability, &Driver)> = named.collect();
        (!drivers.is_empty()).then_some((service, drivers))
    })
}

/// Asks one of them who it is and whether it knows us.
pub async fn check(app: &App, id: &str) -> Result<ConnectionCheck> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let found = setup.connections.get(id);
    let connection = found.ok_or_else(|| run::no_such("connection", id, setup.connections.slugs()))?;
    Ok(checked(app, setup, connection).await)
}

/// What all of them said last, when that was, and of which version of the setup.
#[derive(Default)]
pub struct Checked(Mutex<Option<(i64, Timestamp, Vec<ConnectionCheck>)>>);

/// Asks all of them at the same time; how many were left out. Whoever asks meanwhile, or within the next seconds, has the same answer:
/// nobody's screen is a load on the systems outside.
pub(super) async fn check_all(app: &App) -> Result<(Vec<ConnectionCheck>, usize)> {
    let scene = app.engine.scene().await?;
    let (setup, version) = (&scene.world.setup, scene.world.version);
    let left_out = setup.connections.len().saturating_sub(MAX_CHECKED);
    let mut last = app.checked.0.lock().await;
    let now = app.now();
    if let Some((of, at, checks)) = &*last
        && *of == version
        && after(*at, FRESH) > now
    {
        return Ok((checks.clone(), left_out));
    }
    let checks = setup.connections.iter().take(MAX_CHECKED).map(|connection| checked(app, setup, connection));
    let checks = futures_util::future::join_all(checks).await;
    *last = Some((version, app.now(), checks.clone()));
    Ok((checks, left_out))
}

async fn checked(app: &App, setup: &Setup, connection: &Connection) -> ConnectionCheck {
    let found = tokio::time::timeout(TIMEOUT, ask(app, setup, connection)).await;
    let failed = |reason: String, fix: String| ConnectionCheck {
        id: connection.id.to_string(),
        level: Level::Fail,
        message: reason,
        fix: Some(with_owner(setup, connection, fix)),
        owner: connection.owner.as_ref().map(ToString::to_string),
        system: None,
        version: None,
        identity: None,
        notes: Vec::new(),
    };
    let ConnectionRow { host, port, .. } = row(setup, connection);
    let at = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    match found {
        Ok(Ok(found)) => {
            let told = told(setup, connection, found);
            let commands = commands(app, connection).map(|commands| format!("{}; {commands}", told.message));
            ConnectionCheck { message: commands.unwrap_or_else(|| told.message.clone()), ..told }
        }
        Ok(Err(error)) => {
            let fix = match &error {
                CallError::Retry { .. } | CallError::Unknown { .. } => {
                    format!("look whether it is up, and whether this server may reach {at}")
                }
                CallError::Missing { .. } => {
                    format!("correct `url` of connection `{}` in the setup, and apply it", connection.id)
                }
                CallError::Misconfigured { .. } | CallError::Rejected { .. } | CallError::Conflict { .. } => format!(
                    "correct connection `{}` in the setup (`url`, `user`, `secret`, `mounted_secret`, `authority`), and apply it",
                    connection.id
                ),
            };
            failed(error.reason().to_owned(), fix)
        }
        Err(_) => {
            let silent = format!("{at} did not answer within {} s", TIMEOUT.as_secs());
            failed(silent, format!("look whether it is up, and at the firewall between this server and {at}"))
        }
    }
}

/// Whether it takes what people type there, and what to enter where.
fn commands(app: &App, connection: &Connection) -> Option<String> {
    let url = chat::request_url(app, connection);
    match (connection.kind, &connection.signing_secret) {
        (ConnectionKind::Slack, Some(_)) => Some(format!("takes commands and buttons at {url}")),
        (ConnectionKind::Slack, None) => {
            Some(format!("takes no commands: for those, give it the app's `signing_secret`, and the app the request URL {url}"))
        }
        _ => None,
    }
}

fn told(setup: &Setup, connection: &Connection, found: Found) -> ConnectionCheck {
    let Found { system, version, identity, notes } = found;
    let mut message = system.clone();
    message.extend(version.iter().map(|version| format!(" {version}")));
    message.extend(identity.iter().map(|identity| format!(" as {identity}")));
    let level = if notes.is_empty() { Level::Ok } else { Level::Warn };
    let mend = || format!("mend it there, or correct connection `{}` in the setup", connection.id);
    let fix = (!notes.is_empty()).then(|| with_owner(setup, connection, mend()));
    let owner = connection.owner.as_ref().map(ToString::to_string);
    if !notes.is_empty() {
        message = format!("{message}: {}", notes.join("; "));
    }
    ConnectionCheck { id: connection.id.to_string(), level, message, fix, owner, system: Some(system), version, identity, notes }
}

fn with_owner(setup: &Setup, connection: &Connection, fix: String) -> String {
    setup.owner_of(connection).map_or_else(|| fix.clone(), |owner| format!("{fix}; {owner}"))
}

async fn ask(app: &App, setup: &Setup, connection: &Connection) -> std::result::Result<Found, CallError> {
    match app.connected.client(connection)? {
        Client::Logs(client) => client.check(app.now()).await,
        Client::Slack(client) => client.check().await,
        Client::Prometheus(client) => client.check(app.now()).await,
        Client::Jenkins(client) => client.check().await,
        Client::Marathon(client) => client.check().await,
        Client::Mesos(client) => client.check().await,
        Client::Blackbox(client) => client.check().await,
        Client::Portal(client) => client.check().await,
        Client::Kubernetes(client) => {
            let drivers = driven(setup, connection).flat_map(|(_, drivers)| drivers);
            // Rights are given by namespace. Whether revisions are read there.
            let mut named: BTreeMap<&str, bool> = BTreeMap::new();
            for (capability, driver) in drivers {
                *named.entry(driver.namespace()).or_default() |= capability == Capability::Deploys;
            }
            let mut rest = named.into_iter().take(MAX_NAMESPACES);
            let (namespace, deploys) = rest.next().unwrap_or(("default", false));
            let mut found = client.check(namespace, deploys).await?;
            for (namespace, deploys) in rest {
                found.notes.extend(client.check(namespace, deploys).await?.notes);
            }
            Ok(found)
        }
    }
}
