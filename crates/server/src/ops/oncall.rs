//! Who is on call, and who owns a service.

use super::{Error, Result};
use crate::app::App;
use firedog_domain::id::{ScheduleId, ServiceId, UserId};
use firedog_domain::schedule::{MAX_RENDER, render, shift_at};
use firedog_domain::setup::{Policy, Schedule, Service, Setup, Target};
use firedog_domain::suppression::World;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Somebody is on call.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Row {
    /// Empty for somebody whom a step names without a schedule.
    #[schema(value_type = Option<String>)]
    pub schedule: Option<ScheduleId>,
    /// `null`: a gap, nobody is on.
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// `null`: for as long as the setup says so.
    pub from: Option<Timestamp>,
    /// Exclusive.
    pub until: Option<Timestamp>,
    /// With `service`: the step of its policy that pages them, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
}

/// Who is on at `at` (default now): for a service by the steps of its policy, else by schedule.
pub async fn on_call(app: &App, schedule: Option<&str>, service: Option<&str>, at: Option<Timestamp>) -> Result<Vec<Row>> {
    let scene = app.engine.scene().await?;
    let world = &scene.world;
    let at = at.unwrap_or_else(|| app.now());
    match (service, schedule) {
        (Some(id), None) => Ok(of_service(world, find_service(&world.setup, id)?, at)),
        (None, Some(id)) => Ok(on_schedule(world, find_schedule(&world.setup, id)?, at, None)),
        (None, None) => Ok(world.setup.schedules.iter().flat_map(|schedule| on_schedule(world, schedule, at, None)).collect()),
        (Some(_), Some(_)) => Err(Error::Invalid("ask for a schedule or for a service, not for both".to_owned())),
    }
}

/// Who is on call for a service at an instant, by step of its policy; without a policy, its team as step 1.
pub(crate) fn of_service(world: &World, service: &Service, at: Timestamp) -> Vec<Row> {
    match world.setup.policy_of(service) {
        Some(policy) => of_policy(world, policy, at),
        None => of_target(world, &Target::Team(service.team.clone()), at, 1),
    }
}

/// Who would be paged for a team now, by step of its policy; without a policy, its members.
pub(crate) async fn of_team(app: &App, id: &str) -> Result<Vec<Row>> {
    let scene = app.engine.scene().await?;
    let (world, at) = (&scene.world, app.now());
    let team = world.setup.teams.get(id).ok_or_else(|| Error::NotFound(format!("there is no team `{id}`")))?;
    Ok(match team.policy.as_ref().and_then(|policy| world.setup.policy(policy)) {
        Some(policy) => of_policy(world, policy, at),
        None => of_target(world, &Target::Team(team.id.clone()), at, 1),
    })
}

fn of_policy(world: &World, policy: &Policy, at: Timestamp) -> Vec<Row> {
    let steps = (1..).zip(&policy.steps);
    steps.flat_map(|(step, at_step)| at_step.page.iter().flat_map(move |target| of_target(world, target, at, step))).collect()
}

fn of_target(world: &World, target: &Target, at: Timestamp, step: u32) -> Vec<Row> {
    if let Target::Schedule(id) = target {
        return world.setup.schedule(id).map(|schedule| on_schedule(world, schedule, at, Some(step))).unwrap_or_default();
    }
    // People and teams through the resolver that pages them, so that both always agree.
    let reach = firedog_domain::escalation::reach(world, std::slice::from_ref(target), at);
    let row = |user: UserId| Row { schedule: None, user: Some(user), from: None, until: None, step: Some(step) };
    reach.people.into_iter().map(|reached| row(reached.user.id.clone())).collect()
}

fn on_schedule(world: &World, schedule: &Schedule, at: Timestamp, step: Option<u32>) -> Vec<Row> {
    let live = world.live.overrides_of(&schedule.id);
    let shift = shift_at(schedule, live, at);
    let row = |user: Option<UserId>, from, until| Row {
        schedule: Some(schedule.id.clone()),
        user,
        from: Some(from),
        until: Some(until),
        step,
    };
    if shift.users.is_empty() {
        return vec![row(None, shift.since, shift.until)];
    }
    // A person's own span is longer than that of the group they are in when only others come and go.
    let mut rows: Vec<Row> = shift.users.iter().map(|user| row(Some(user.clone()), shift.since, shift.until)).collect();
    if rows.len() > 1 {
        for (entry, user) in rows.iter_mut().zip(&shift.users) {
            (entry.from, entry.until) = own_span(schedule, live, &shift, user);
        }
    }
    rows
}

/// How often a person's span is followed through changes of the others; more is not one shift any more.
const MAX_NEIGHBOURS: usize = 50;

fn own_span(
    schedule: &Schedule,
    live: &[firedog_domain::setup::Override],
    shift: &firedog_domain::schedule::OnCall,
    user: &UserId,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let (mut from, mut until) = (shift.since, shift.until);
    for _ in 0..MAX_NEIGHBOURS {
        let next = shift_at(schedule, live, until);
        if !next.users.contains(user) || next.until <= until {
            break;
        }
        until = next.until;
    }
    for _ in 0..MAX_NEIGHBOURS {
        let Ok(before) = from.checked_sub(jiff::SignedDuration::from_nanos(1)) else { break };
        let before = shift_at(schedule, live, before);
        if !before.users.contains(user) || before.since >= from {
            break;
        }
        from = before.since;
    }
    (Some(from), Some(until))
}

/// Who is on from `from` to `to`: a row per person and unbroken span, clipped to the range; a gap is a row with
/// `user: null`. In order of time.
pub async fn shifts(app: &App, schedule: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Row>> {
    if to <= from {
        return Err(Error::Invalid("`to` must be after `from`".to_owned()));
    }
    if to.duration_since(from) > MAX_RENDER {
        return Err(Error::Invalid("a range may have five years at most".to_owned()));
    }
    let scene = app.engine.scene().await?;
    let schedule = find_schedule(&scene.world.setup, schedule)?.clone();
    let live = scene.world.live.overrides_of(&schedule.id).to_vec();
    // Five years of hourly turns take a while; requests beside this one must not wait for it.
    let rows = tokio::task::spawn_blocking(move || rows(&schedule.id, &render(&schedule, &live, from, to))).await;
    rows.map_err(|_| Error::Broken("the schedule could not be shown".to_owned()))
}

fn rows(schedule: &ScheduleId, spans: &[firedog_domain::schedule::Span]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    // Rows of people who are still on where the last span ended.
    let mut open: Vec<usize> = Vec::new();
    for span in spans {
        let users: Vec<Option<UserId>> = match span.users.as_slice() {
            [] => vec![None],
            users => users.iter().cloned().map(Some).collect(),
        };
        let before = std::mem::take(&mut open);
        for user in users {
            match before.iter().find(|at| rows[**at].user == user) {
                Some(at) => {
                    rows[*at].until = Some(span.until);
                    open.push(*at);
                }
                None => {
                    open.push(rows.len());
                    rows.push(Row {
                        schedule: Some(schedule.clone()),
                        user,
                        from: Some(span.from),
                        until: Some(span.until),
                        step: None,
                    });
                }
            }
        }
    }
    rows
}

pub(crate) fn find_schedule<'a>(setup: &'a Setup, id: &str) -> Result<&'a Schedule> {
    setup.schedules.get(id).ok_or_else(|| Error::NotFound(format!("there is no schedule `{id}`")))
}

pub(crate) fn find_service<'a>(setup: &'a Setup, id: &str) -> Result<&'a Service> {
    setup.service(&ServiceId::from(id)).ok_or_else(|| Error::NotFound(format!("there is no service `{id}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedog_domain::schedule::Span;

    #[test]
    fn one_persons_adjacent_spans_are_one_row_and_gaps_are_rows() {
        let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        let span = |from, until, users: &[&str]| Span {
            from: at(from),
            until: at(until),
            users: users.iter().map(|user| UserId::from(*user)).collect(),
        };
        let spans =
            [span(0, 1, &["ada"]), span(1, 2, &["ada", "bob"]), span(2, 3, &["bob"]), span(3, 4, &[]), span(4, 5, &["ada"])];
        let told: Vec<(Option<String>, i64, i64)> = rows(&"s".into(), &spans)
            .into_iter()
            .map(|row| (row.user.map(|u| u.0), row.from.unwrap().as_second() / 3600, row.until.unwrap().as_second() / 3600))
            .collect();
        let who = |user: &str| Some(user.to_owned());
        assert_eq!(told, [(who("ada"), 0, 2), (who("bob"), 1, 3), (None, 3, 4), (who("ada"), 4, 5)]);
    }
}
