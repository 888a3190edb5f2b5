//! What a caller may do to what: by role, and for people by team. A token without a person is bound to no team.

use super::{Error, Result};
use crate::app::App;
use crate::auth::{Caller, Role};
use firedog_domain::alert::Alert;
use firedog_domain::id::{AlertId, ScheduleId, ServiceId, TeamId, UserId};
use firedog_domain::setup::Setup;
use firedog_store::{Op, Tx};

/// The teams that somebody belongs to.
pub fn teams_of(setup: &Setup, user: &UserId) -> Vec<TeamId> {
    setup.teams.iter().filter(|team| team.members.contains(user)).map(|team| team.id.clone()).collect()
}

/// Whether a caller may act in a team: everybody where it is nobody's.
pub fn in_team(setup: &Setup, caller: &Caller, team: Option<&TeamId>) -> bool {
    match (&caller.user, team) {
        _ if caller.role == Role::Admin => true,
        (Some(_), Some(team)) if caller.teams.contains(team) => true,
        (Some(user), Some(team)) => setup.teams.get(team.as_str()).is_none_or(|team| team.members.contains(user)),
        _ => true,
    }
}

fn demand(setup: &Setup, caller: &Caller, team: Option<&TeamId>, what: &str) -> Result<()> {
    if in_team(setup, caller, team) {
        return Ok(());
    }
    let team = team.map_or("another team", TeamId::as_str);
    Err(Error::NotAllowed(format!("{what} belongs to the team {team}, and you are not one of its members; you may page them")))
}

pub async fn on_service(app: &App, caller: &Caller, service: &ServiceId) -> Result<()> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let team = setup.services.get(service.as_str()).map(|service| &service.team);
    demand(setup, caller, team, &format!("the service {service}"))
}

pub async fn on_schedule(app: &App, caller: &Caller, schedule: &ScheduleId) -> Result<()> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let team = setup.schedules.get(schedule.as_str()).and_then(|schedule| schedule.team.as_ref());
    demand(setup, caller, team, &format!("the schedule {schedule}"))
}

/// Ending an override that was made live.
pub async fn on_override(app: &App, caller: &Caller, id: &str) -> Result<()> {
    let scene = app.engine.scene().await?;
    let mut live = scene.world.live.overrides.iter();
    match live.find(|(_, items)| items.iter().any(|item| item.id.as_str() == id)) {
        Some((schedule, _)) => on_schedule(app, caller, schedule).await,
        None => Ok(()),
    }
}

/// Ending a silence or a maintenance window that was made live.
pub async fn on_quiet(app: &App, caller: &Caller, id: &str) -> Result<()> {
    let scene = app.engine.scene().await?;
    let live = &scene.world.live;
    let silenced =
        live.silences.iter().filter(|silence| silence.id.as_str() == id).filter_map(|silence| silence.service.as_ref());
    let windows = live.maintenance.iter().filter(|window| window.id.as_str() == id).flat_map(|window| &window.services);
    for service in silenced.chain(windows) {
        on_service(app, caller, service).await?;
    }
    Ok(())
}

/// Acting on an alert: for its service's team, for whoever it has paged, and for everybody where it was raised by hand.
pub async fn on_alert(app: &App, caller: &Caller, id: &AlertId) -> Result<()> {
    let Some(user) = caller.user.as_ref().filter(|_| caller.role != Role::Admin) else { return Ok(()) };
    let Some((alert, paged)) = app.engine.store().read(Asked { id: id.clone(), user: user.clone() }).await? else {
        return Err(Error::NotFound(format!("there is no alert {id}")));
    };
    match alert.service {
        Some(service) if !paged => on_service(app, caller, &service).await,
        _ => Ok(()),
    }
}

struct Asked {
    id: AlertId,
    user: UserId,
}

impl Op for Asked {
    type Out = Option<(Alert, bool)>;
    const NAME: &'static str = "alert_and_paged";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        let Some(alert) = firedog_store::alert::get(tx, &self.id).await? else { return Ok(None) };
        let pages = firedog_store::notification::load_for_alerts(tx, std::slice::from_ref(&self.id)).await?;
        Ok(Some((alert, pages.iter().any(|page| page.user == self.user))))
    }
}
