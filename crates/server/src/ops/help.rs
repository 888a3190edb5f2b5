//! "Help me": pages the next people of the team's policy. Whoever asks stays on.

use super::sign_in::nobody;
use super::{Error, Result, alerts, rights};
use crate::app::App;
use crate::auth::Caller;
use firedog_domain::alert::Alert;
use firedog_domain::escalation::reach;
use firedog_domain::id::UserId;

/// Pages whoever the first step of the policy reaches that reaches somebody else than the caller. `team`: by default the first
/// of the caller's own that has a policy.
pub async fn ask(app: &App, team: Option<&str>, message: &str, caller: &Caller) -> Result<Vec<(UserId, Alert)>> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    let others = {
        let scene = app.engine.scene().await?;
        let setup = &scene.world.setup;
        let teams = match team {
            Some(id) if setup.teams.contains(id) => vec![firedog_domain::id::TeamId::from(id)],
            Some(id) => return Err(Error::NotFound(format!("there is no team `{id}`"))),
            None => rights::teams_of(setup, &user),
        };
        let policies = teams.iter().filter_map(|team| setup.team(team)?.policy.as_ref().and_then(|id| setup.policy(id)));
        let steps = policies.flat_map(|policy| &policy.steps);
        let reached = steps.map(|step| {
            let people = reach(&scene.world, &step.page, app.now()).people;
            people.into_iter().map(|reached| reached.user.id.clone()).filter(|other| *other != user).collect::<Vec<_>>()
        });
        reached.into_iter().find(|others| !others.is_empty())
    };
    let others = others.ok_or_else(|| {
        Error::Conflict("no step of your teams' policies reaches anybody but you now; page somebody by name".to_owned())
    })?;
    let asked = if message.trim().is_empty() { "no more was said".to_owned() } else { message.trim().to_owned() };
    let mut paged = Vec::new();
    for other in others {
        let alert =
            alerts::page(app, &format!("user:{other}"), &format!("{user} asks for help: {asked}"), None, None, caller).await?;
        paged.push((other, alert));
    }
    Ok(paged)
}
