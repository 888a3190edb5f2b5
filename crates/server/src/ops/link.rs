//! The link in a page: what it shows, and what may be done through it.

use super::{Error, Result, alerts};
use crate::app::App;
use crate::secret::Link;
use firedog_domain::alert::{Actor, Alert, Entry, State};
use firedog_domain::setup::Zone;
use firedog_domain::suppression::Held;
use jiff::Timestamp;

/// What can be done through a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Acknowledge,
    Resolve,
    Escalate,
}

impl Action {
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "acknowledge" => Self::Acknowledge,
            "resolve" => Self::Resolve,
            "escalate" => Self::Escalate,
            _ => return None,
        })
    }
}

/// Why a link opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dead {
    /// Not one of ours, or changed on its way.
    Unknown,
    Expired,
    /// The alert is no longer kept.
    Gone,
    Failed(Error),
}

/// What a link's page shows.
#[derive(Clone, Debug)]
pub struct View {
    pub link: Link,
    pub alert: Alert,
    pub service_name: Option<String>,
    pub timeline: Vec<Entry>,
    pub held: Option<Held>,
    pub links: Vec<firedog_domain::event::Link>,
    /// The zone of the person whom the link belongs to.
    pub zone: Zone,
    pub now: Timestamp,
    /// What people are called, by id, as far as the page names them.
    pub names: std::collections::BTreeMap<String, String>,
}

impl View {
    pub fn name<'a>(&'a self, user: &'a str) -> &'a str {
        self.names.get(user).map_or(user, String::as_str)
    }
}

/// Reads a token; the caller shows why it opens nothing.
pub fn open(app: &App, token: &str) -> std::result::Result<Link, Dead> {
    let link = app.key.read_link(token).ok_or(Dead::Unknown)?;
    if link.expires <= app.now() { Err(Dead::Expired) } else { Ok(link) }
}

/// What the page shows. Changes nothing.
pub async fn view(app: &App, link: Link) -> std::result::Result<View, Dead> {
    let shown = alerts::show(app, &link.alert).await.map_err(|error| match error {
        Error::NotFound(_) => Dead::Gone,
        other => Dead::Failed(other),
    })?;
    let scene = app.engine.scene().await.map_err(|error| Dead::Failed(error.into()))?;
    let setup = &scene.world.setup;
    let own = setup.user(&link.user).and_then(|user| user.timezone.clone());
    let service = shown.alert.service.as_ref().and_then(|id| setup.service(id));
    let of_team = |service: &firedog_domain::setup::Service| {
        setup
            .schedules
            .iter()
            .find(|schedule| schedule.team.as_ref() == Some(&service.team))
            .map(|schedule| schedule.timezone.clone())
    };
    Ok(View {
        service_name: service.map(|service| if service.name.is_empty() { service.id.to_string() } else { service.name.clone() }),
        zone: own.or_else(|| service.and_then(of_team)).unwrap_or_else(Zone::utc),
        names: setup.users.iter().map(|user| (user.id.to_string(), user.display_name().to_owned())).collect(),
        links: shown.event.map(|event| event.links).unwrap_or_default(),
        held: shown.held,
        timeline: shown.timeline,
        alert: shown.alert,
        now: app.now(),
        link,
    })
}

/// Acts as the person whom the link belongs to. Doing again what is done already is no mistake: two taps on a phone
/// are one wish.
pub async fn act(app: &App, link: &Link, action: Action) -> Result<()> {
    let by = Actor::User(link.user.clone());
    let done = match action {
        Action::Acknowledge => alerts::acknowledge(app, &link.alert, by).await,
        Action::Resolve => alerts::resolve(app, &link.alert, by).await,
        Action::Escalate => alerts::escalate(app, &link.alert, by).await,
    };
    let Err(error) = done else { return Ok(()) };
    if !matches!(error, Error::Conflict(_)) {
        return Err(error);
    }
    let state = alerts::show(app, &link.alert).await?.alert.state;
    match (action, state) {
        (Action::Acknowledge, State::Acknowledged) | (_, State::Resolved) => Ok(()),
        _ => Err(error),
    }
}
