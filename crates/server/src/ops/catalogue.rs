//! What the setup holds, for people who look something up: services and their owners, teams, people, policies,
//! schedules, heartbeats. Never keys, never secrets, never addresses of people to whoever may only read.

use super::{Error, Result, oncall};
use crate::app::App;
use firedog_domain::id::*;
use firedog_domain::runbook::means::Means;
use firedog_domain::setup::{ConnectionKind, Driver, Environment, Institution, Layer, Link, Policy, Service, Setup, Target};
use firedog_domain::time::length_text;
use firedog_store::heartbeat::{self, Heartbeat};
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// Institutions of a service that are named; beyond them only their number is told.
const MAX_SERVED: usize = 20;
/// Links of one service.
const MAX_LINKS: usize = 50;
/// Links of a service look so far back.
const LINKS_SINCE: SignedDuration = SignedDuration::from_hours(1);

/// A service in a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ServiceRow {
    pub id: String,
    pub name: String,
    /// The team that owns it.
    pub team: String,
    /// What its alerts run; `null`: the catch-all.
    pub policy: Option<String>,
    #[schema(value_type = crate::words::Urgency)]
    pub urgency: firedog_domain::setup::Urgency,
}

/// A service, who owns it, and who is on call for it now.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ServiceCard {
    #[serde(flatten)]
    pub row: ServiceRow,
    pub owner: TeamCard,
    pub ack_timeout: Option<String>,
    pub integrations: Vec<IntegrationRow>,
    /// Who is on now, by step of the policy.
    pub oncall: Vec<oncall::Row>,
    /// Through what runbooks restart it, in the words of their plans.
    pub restart: Option<String>,
    /// Where its instances are seen.
    pub instances: Option<String>,
    /// Where its deployments are seen.
    pub deploys: Option<String>,
    /// Somebody else than the one who started the run has to agree to a restart.
    pub two_person: bool,
    pub serves: ServedRow,
    /// Filled in for it, without an institution.
    pub links: Vec<ServiceLink>,
    /// What the catalogue does not say of it, so that people do it.
    #[schema(value_type = Vec<crate::words::Lack>)]
    pub lacks: Vec<&'static str>,
}

/// Whom an interruption of a service is felt by.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ServedRow {
    pub total: usize,
    /// It names none, so it serves all.
    pub all: bool,
    /// The first 20.
    pub institutions: Vec<ServedInstitution>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ServedInstitution {
    pub id: String,
    pub name: String,
    pub code: String,
}

/// Where people look.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ServiceLink {
    pub name: String,
    pub url: String,
    /// What for: `logs`, `metrics`, `instances`, `restart`, `deploys`.
    #[serde(rename = "for")]
    #[schema(rename = "for")]
    pub capability: Option<String>,
    /// Where it leads to; `null`: the same everywhere.
    pub environment: Option<String>,
    /// The team whose tool it is.
    pub owner: Option<String>,
    /// Where one learns to use it.
    pub learn: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct IntegrationRow {
    pub id: String,
    #[schema(value_type = String)]
    pub kind: firedog_domain::setup::IntegrationKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TeamCard {
    pub id: String,
    pub name: String,
    #[schema(value_type = Vec<String>)]
    pub members: Vec<UserId>,
    pub policy: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct UserRow {
    pub id: String,
    pub name: String,
    pub timezone: Option<String>,
    /// Their contact methods without the addresses.
    pub contact: Vec<ContactRow>,
    pub teams: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ContactRow {
    pub id: String,
    #[schema(value_type = crate::words::Channel)]
    pub channel: firedog_domain::setup::Channel,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PolicyCard {
    pub id: String,
    pub name: String,
    pub team: Option<String>,
    /// Further passes after the first.
    pub repeat: u32,
    pub steps: Vec<StepCard>,
    /// The policy in plain words.
    pub words: String,
    pub services: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct StepCard {
    /// From 1.
    pub step: u32,
    /// `user:ada`, `schedule:primary`, `team:pupper`.
    pub page: Vec<String>,
    /// Until the next step.
    pub wait: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ScheduleRow {
    pub id: String,
    pub name: String,
    pub team: Option<String>,
    pub timezone: String,
    pub layers: Vec<LayerRow>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LayerRow {
    pub id: String,
    /// The turns; several people in one are on together.
    #[schema(value_type = Vec<Vec<String>>)]
    pub users: Vec<Vec<UserId>>,
    /// Local to the schedule's zone.
    pub start: String,
    pub every: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct HeartbeatRow {
    /// `service/integration`.
    pub integration: String,
    /// `waiting` (never heard of), `alive`, `running`, `missing`, `failed`.
    pub state: String,
    pub every: Option<String>,
    pub last_at: Option<Timestamp>,
    /// When it counts as missing unless it is heard of before.
    pub missing_at: Option<Timestamp>,
}

pub async fn services(app: &App) -> Result<Vec<ServiceRow>> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    Ok(setup.services.iter().map(|service| service_row(setup, service)).collect())
}

fn service_row(setup: &Setup, service: &Service) -> ServiceRow {
    ServiceRow {
        id: service.id.to_string(),
        name: service.name.clone(),
        team: service.team.to_string(),
        policy: setup.policy_of(service).map(|policy| policy.id.to_string()),
        urgency: service.urgency,
    }
}

pub async fn service(app: &App, id: &str) -> Result<ServiceCard> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let service = oncall::find_service(setup, id)?;
    let owner = setup.team(&service.team).ok_or_else(|| Error::NotFound(format!("there is no team `{}`", service.team)))?;
    Ok(ServiceCard {
        row: service_row(setup, service),
        owner: team_card(owner),
        ack_timeout: service.ack_timeout.map(length_text),
        integrations: service.integrations.iter().map(|i| IntegrationRow { id: i.id.clone(), kind: i.kind }).collect(),
        oncall: oncall::of_service(&scene.world, service, app.now()),
        restart: service.restart.as_ref().map(|driver| Means(setup).through(driver)),
        instances: service.instances.as_ref().map(|driver| Means(setup).through(driver)),
        deploys: service.deploys.as_ref().map(|driver| Means(setup).through(driver)),
        two_person: service.restart.as_ref().is_some_and(|driver| driver.two_person),
        serves: served(setup, service),
        links: links(service, app.now()),
        lacks: lacks(setup, service),
    })
}

fn served(setup: &Setup, service: &Service) -> ServedRow {
    let row = |one: &Institution| ServedInstitution {
        id: one.id.to_string(),
        name: if one.name.is_empty() { one.id.to_string() } else { one.name.clone() },
        code: one.code.clone().unwrap_or_else(|| one.id.to_string()),
    };
    let institutions = setup.institutions.iter().filter(|one| service.serves(&one.id)).take(MAX_SERVED).map(row).collect();
    ServedRow { total: setup.served_by(service), all: service.serves.is_empty(), institutions }
}

/// One for each environment that a link leads to.
fn links(service: &Service, now: Timestamp) -> Vec<ServiceLink> {
    let one = |link: &Link, environment: Option<&Environment>| {
        let value = |name: &str| match name {
            "service" => Some(service.id.to_string()),
            "from" => now.checked_sub(LINKS_SINCE).ok().map(|at| at.to_string()),
            "to" => Some(now.to_string()),
            "environment" => environment.map(|one| one.id.clone()),
            "suffix" => environment.map(|one| one.suffix.clone()),
            _ => None,
        };
        ServiceLink {
            name: link.name.clone(),
            url: link.filled(value),
            capability: link.capability.map(|one| one.as_str().to_owned()),
            environment: environment.map(|one| one.id.clone()),
            owner: link.owner.as_ref().map(ToString::to_string),
            learn: link.learn.clone(),
        }
    };
    let each = |link: &Link| match link.varies() {
        true => service.environments.iter().map(|environment| one(link, Some(environment))).collect(),
        false => vec![one(link, None)],
    };
    service.links.iter().flat_map(each).take(MAX_LINKS).collect()
}

fn lacks(setup: &Setup, service: &Service) -> Vec<&'static str> {
    let builds = |driver: &Driver| setup.driven(driver).is_some_and(|connection| connection.kind == ConnectionKind::Jenkins);
    let lacks = [
        ("restart", service.restart.is_none()),
        ("instances", service.instances.is_none()),
        ("deploys", service.deploys.is_none()),
        // Only a build can be started twice.
        ("key", service.restart.as_ref().is_some_and(|driver| builds(driver) && driver.key.is_none())),
        ("links", service.links.is_empty()),
    ];
    lacks.into_iter().filter_map(|(word, lacks)| lacks.then_some(word)).collect()
}

fn team_card(team: &firedog_domain::setup::Team) -> TeamCard {
    TeamCard {
        id: team.id.to_string(),
        name: team.name.clone(),
        members: team.members.clone(),
        policy: team.policy.as_ref().map(ToString::to_string),
    }
}

pub async fn teams(app: &App) -> Result<Vec<TeamCard>> {
    Ok(app.engine.scene().await?.world.setup.teams.iter().map(team_card).collect())
}

pub async fn users(app: &App) -> Result<Vec<UserRow>> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let row = |user: &firedog_domain::setup::User| UserRow {
        id: user.id.to_string(),
        name: user.name.clone(),
        timezone: user.timezone.as_ref().map(|zone| zone.name().to_owned()),
        contact: user.contacts().iter().map(|c| ContactRow { id: c.id.to_string(), channel: c.address.channel() }).collect(),
        teams: setup.teams.iter().filter(|team| team.members.contains(&user.id)).map(|team| team.id.to_string()).collect(),
    };
    Ok(setup.users.iter().map(row).collect())
}

pub async fn policies(app: &App) -> Result<Vec<PolicyCard>> {
    let scene = app.engine.scene().await?;
    Ok(scene.world.setup.policies.iter().map(|policy| policy_card(&scene.world.setup, policy)).collect())
}

pub async fn policy(app: &App, id: &str) -> Result<PolicyCard> {
    let scene = app.engine.scene().await?;
    let policy = scene.world.setup.policies.get(id).ok_or_else(|| Error::NotFound(format!("there is no policy `{id}`")))?;
    Ok(policy_card(&scene.world.setup, policy))
}

fn policy_card(setup: &Setup, policy: &Policy) -> PolicyCard {
    let steps: Vec<StepCard> = (1..)
        .zip(&policy.steps)
        .map(|(step, at)| StepCard { step, page: at.page.iter().map(target_text).collect(), wait: length_text(at.wait) })
        .collect();
    let runs_it = |service: &&Service| setup.policy_of(service).is_some_and(|own| own.id == policy.id);
    PolicyCard {
        id: policy.id.to_string(),
        name: policy.name.clone(),
        team: policy.team.as_ref().map(ToString::to_string),
        repeat: policy.repeat,
        words: words(setup, policy),
        steps,
        services: setup.services.iter().filter(runs_it).map(|service| service.id.to_string()).collect(),
    }
}

fn target_text(target: &Target) -> String {
    match target {
        Target::User(id) => format!("user:{id}"),
        Target::Schedule(id) => format!("schedule:{id}"),
        Target::Team(id) => format!("team:{id}"),
    }
}

/// `1. Page whoever is on call in primary; wait 5m. 2. … Then the same again, twice. Then the catch-all, every 30m.`
fn words(setup: &Setup, policy: &Policy) -> String {
    let name = |target: &Target| match target {
        Target::User(id) => setup.user(id).map_or(id.as_str(), |user| user.display_name()).to_owned(),
        Target::Schedule(id) => format!("whoever is on call in {id}"),
        Target::Team(id) => format!("team {id}"),
    };
    let mut told: Vec<String> = (1..)
        .zip(&policy.steps)
        .map(|(n, step): (u32, _)| {
            let who = step.page.iter().map(name).collect::<Vec<_>>().join(" and ");
            format!("{n}. Page {who}; wait {}.", length_text(step.wait))
        })
        .collect();
    match policy.repeat {
        0 => {}
        1 => told.push("Then all of it once more.".to_owned()),
        n => told.push(format!("Then all of it {n} times more.")),
    }
    told.push(match &setup.catch_all {
        Some(last) => {
            let who = last.page.iter().map(name).collect::<Vec<_>>().join(" and ");
            format!("Then {who}, every {}, until somebody has it.", length_text(last.every))
        }
        None => "Then every member of the owning team, again and again, until somebody has it.".to_owned(),
    });
    told.join(" ")
}

pub async fn schedules(app: &App) -> Result<Vec<ScheduleRow>> {
    let scene = app.engine.scene().await?;
    let layer = |layer: &Layer| LayerRow {
        id: layer.id.clone(),
        users: layer.users.clone(),
        start: layer.start.to_string(),
        every: layer.every.to_string(),
    };
    let row = |schedule: &firedog_domain::setup::Schedule| ScheduleRow {
        id: schedule.id.to_string(),
        name: schedule.name.clone(),
        team: schedule.team.as_ref().map(ToString::to_string),
        timezone: schedule.timezone.name().to_owned(),
        layers: schedule.layers.iter().map(layer).collect(),
    };
    Ok(scene.world.setup.schedules.iter().map(row).collect())
}

/// Every integration that expects a heartbeat, heard of or not.
pub async fn heartbeats(app: &App) -> Result<Vec<HeartbeatRow>> {
    let scene = app.engine.scene().await?;
    let known = app.engine.store().read(Heartbeats).await?;
    let mut rows = Vec::new();
    for service in scene.world.setup.services.iter() {
        for integration in service.integrations.iter() {
            let id = IntegrationId::new(&service.id, &integration.id);
            let heard = known.iter().find(|beat| beat.integration == id);
            let Some(expected) = &integration.heartbeat else { continue };
            rows.push(HeartbeatRow {
                integration: id.to_string(),
                state: heard.map_or("waiting", |beat| beat.state.as_str()).to_owned(),
                every: Some(length_text(expected.every)),
                last_at: heard.and_then(|beat| beat.last_at),
                missing_at: heard.and_then(|beat| beat.ready_at),
            });
        }
    }
    Ok(rows)
}

struct Heartbeats;

impl Op for Heartbeats {
    type Out = Vec<Heartbeat>;
    const NAME: &'static str = "heartbeat_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        heartbeat::list(tx).await
    }
}
