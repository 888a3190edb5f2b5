//! What is only looked at.

use super::{Typed, instead, short};
use crate::ops::oncall::{self, Row};
use crate::ops::{Error, Result, alerts, run};
use firedog_connectors::slack::Mrkdwn;
use firedog_domain::alert::{Alert, State};
use firedog_domain::id::AlertId;
use firedog_store::run::Filter;

/// Lines of an answer; what is more is in the app.
const MAX_LINES: usize = 15;
/// Open alerts that a shortened id is looked for among.
const MAX_OPEN: u32 = 500;
/// Shorter ends of an id would be found by chance.
const SHORTEST_END: usize = 6;

impl Typed<'_> {
    pub(super) async fn oncall(&self, of: &str) -> Result<Mrkdwn> {
        let rows = self.on_call_of(of).await?;
        if rows.is_empty() {
            return Ok(Mrkdwn::new().plain("Nobody is on call there."));
        }
        let more = rows.len().saturating_sub(MAX_LINES);
        let mut text = Mrkdwn::new();
        for (at, row) in rows.iter().take(MAX_LINES).enumerate() {
            text = if at == 0 { text } else { text.line() };
            text = match (&row.schedule, row.step) {
                (Some(schedule), _) => text.bold(schedule.as_str()).plain(": "),
                (None, Some(step)) => text.plain(&format!("step {step}: ")),
                (None, None) => text,
            };
            text = match &row.user {
                Some(user) => text.plain(&self.name_of(user)),
                None => text.plain("nobody"),
            };
            if let Some(until) = row.until {
                text = text.plain(" until ").time(until);
            }
        }
        Ok(if more == 0 { text } else { text.line().link(&self.link("schedules"), &format!("and {more} more")) })
    }

    async fn on_call_of(&self, of: &str) -> Result<Vec<Row>> {
        let (app, setup) = (self.app, self.setup);
        match of {
            "" => oncall::on_call(app, None, None, None).await,
            id if setup.schedules.contains(id) => oncall::on_call(app, Some(id), None, None).await,
            id if setup.teams.contains(id) => oncall::of_team(app, id).await,
            id if setup.services.contains(id) => oncall::on_call(app, None, Some(id), None).await,
            id => {
                let known = setup.schedules.slugs().chain(setup.teams.slugs()).chain(setup.services.slugs()).collect::<Vec<_>>();
                let instead = instead(id, known.iter().copied());
                Err(Error::NotFound(format!("there is no schedule, team or service `{}`; {instead}", short(id))))
            }
        }
    }

    pub(super) async fn runs(&self) -> Result<Mrkdwn> {
        let open = run::list(self.app, Filter { open: Some(true), ..Filter::default() }, run::MAX_LISTED).await?;
        if open.is_empty() {
            return Ok(Mrkdwn::new().plain("No run is open."));
        }
        let mut text = Mrkdwn::new();
        for (at, run) in open.iter().take(MAX_LINES).enumerate() {
            let of = run.inputs.get("institution").and_then(|one| one.get("code")?.as_str()).unwrap_or_default();
            text = if at == 0 { text } else { text.line() };
            text = text.link(&self.link(&format!("runs/{}", run.id)), &run.title);
            text = if of.is_empty() { text } else { text.plain(" ").code(of) };
            text = text.plain(" since ").time(run.started_at);
            let waits = run.open_asks().count();
            text = if waits == 0 { text } else { text.plain(&format!(", {waits} steps wait for somebody")) };
        }
        let more = open.len().saturating_sub(MAX_LINES);
        Ok(if more == 0 { text } else { text.line().link(&self.link("runs"), &format!("and {more} more")) })
    }

    pub(super) async fn alerts(&self) -> Result<Mrkdwn> {
        let open = self.open().await?;
        if open.is_empty() {
            return Ok(Mrkdwn::new().plain("No alert is open."));
        }
        let mut text = Mrkdwn::new();
        for (at, alert) in open.iter().take(MAX_LINES).enumerate() {
            text = if at == 0 { text } else { text.line() };
            text = self.line(text, alert);
        }
        let more = open.len().saturating_sub(MAX_LINES);
        Ok(if more == 0 { text } else { text.line().link(&self.link("alerts"), &format!("and {more} more")) })
    }

    pub(super) async fn show(&self, id: &str) -> Result<Mrkdwn> {
        let alert = self.alert(id, "show").await?;
        let shown = alerts::show(self.app, &alert.id).await?;
        let text = self.line(Mrkdwn::new(), &shown.alert);
        Ok(match shown.held {
            Some(held) => text.line().plain(&format!("It pages nobody now: {} holds it back.", held.by)),
            None => text,
        })
    }

    /// An alert in one line: what, since when, who has it.
    pub(super) fn line(&self, text: Mrkdwn, alert: &Alert) -> Mrkdwn {
        let text = text.link(&self.link(&format!("alerts/{}", alert.id)), &alert.summary).plain(" since ").time(alert.created_at);
        let text = match (alert.state, &alert.acknowledged_by) {
            (State::Acknowledged, Some(user)) => text.plain(&format!(": {} has it", self.name_of(user))),
            (State::Acknowledged, None) => text.plain(": acknowledged"),
            (State::Triggered, _) => text.plain(": nobody has it yet"),
            (State::Resolved, _) => text.plain(": resolved"),
        };
        text.plain(" ").code(alert.id.as_str())
    }

    async fn open(&self) -> Result<Vec<Alert>> {
        let query = alerts::Query { limit: Some(MAX_OPEN), ..alerts::Query::default() };
        Ok(alerts::list(self.app, &query).await?.items)
    }

    /// By its id, its address, or the end of the id of one that is open.
    pub(super) async fn alert(&self, given: &str, command: &str) -> Result<Alert> {
        let id = given.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_lowercase();
        let name = self.name();
        if id.is_empty() {
            return Err(Error::Invalid(format!(
                "say which alert: `{name} {command} ALERT`; `{name} alerts` lists those that are open"
            )));
        }
        match alerts::show(self.app, &AlertId(id.clone())).await {
            Ok(shown) => return Ok(shown.alert),
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let mut ends: Vec<Alert> = Vec::new();
        if id.len() >= SHORTEST_END {
            ends = self.open().await?.into_iter().filter(|alert| alert.id.as_str().ends_with(&id)).collect();
        }
        match ends.len() {
            1 => Ok(ends.remove(0)),
            _ => Err(Error::NotFound(format!("there is no alert `{}`; `{name} alerts` lists those that are open", short(&id)))),
        }
    }
}
