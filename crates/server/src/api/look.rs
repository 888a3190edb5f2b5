//! Looking across: the board of who is on call, load and fairness, what a silence would have hidden, settings, calendar feeds.

use super::caller::{Admin, Viewer};
use super::extract::{Json, Params};
use super::{List, Problem};
use crate::app::App;
use crate::auth::Caller;
use crate::ops::{board, calendar, live, report};
use crate::words;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use firedog_domain::setup::Channel;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A schedule now: who is on, how they can be reached, who comes next.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PlaceRow {
    schedule: String,
    name: String,
    team: Option<String>,
    timezone: String,
    /// Empty: nobody.
    on: Vec<PresentRow>,
    until: Option<Timestamp>,
    next: Option<NextOn>,
    /// Who would be on if they were not away.
    away: Vec<AwayRow>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct PresentRow {
    user: String,
    #[schema(value_type = Vec<words::Channel>)]
    channels: Vec<Channel>,
    /// One of their contact methods is known to wake them.
    ready: bool,
    lacking: Option<String>,
    /// Open alerts that they have.
    busy: usize,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct NextOn {
    from: Timestamp,
    /// Empty: nobody.
    users: Vec<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct AwayRow {
    user: String,
    until: Timestamp,
}

impl From<board::Place> for PlaceRow {
    fn from(place: board::Place) -> Self {
        let present = |one: board::Present| PresentRow {
            user: one.user.0,
            channels: one.contacts.iter().map(|contact| contact.channel).collect(),
            ready: one.lacking.is_none(),
            lacking: one.lacking,
            busy: one.busy,
        };
        Self {
            schedule: place.schedule,
            name: place.name,
            team: place.team,
            timezone: place.timezone,
            on: place.on.into_iter().map(present).collect(),
            until: place.until,
            next: place.next.map(|(from, users)| NextOn { from, users: users.into_iter().map(|user| user.0).collect() }),
            away: place.away.into_iter().map(|(user, until)| AwayRow { user: user.0, until }).collect(),
        }
    }
}

/// Show every schedule now: who is on, how they can be reached, who comes next
#[utoipa::path(get, path = "/oncall/board", tag = "schedules", responses((status = 200, body = List<PlaceRow>)))]
pub(super) async fn board(_: Viewer, State(app): State<App>) -> Result<axum::Json<List<PlaceRow>>, Problem> {
    let items = board::board(&app).await?.into_iter().map(PlaceRow::from).collect();
    Ok(axum::Json(List { items, next: None }))
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NewFeed {
    /// Everybody's shifts on it. Default: one's own, on every schedule.
    schedule: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Feed {
    /// Whoever has it reads the shifts; it is good for two years.
    url: String,
}

/// Make the address of a calendar feed of shifts (iCalendar)
#[utoipa::path(post, path = "/me/calendar", tag = "schedules", request_body = NewFeed, responses((status = 201, body = Feed)))]
pub(super) async fn calendar(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<NewFeed>,
) -> Result<(StatusCode, axum::Json<Feed>), Problem> {
    let url = calendar::address(&app, new.schedule.as_deref(), &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(Feed { url })))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SpanParams {
    /// Default: 30 days before `to`.
    from: Option<Timestamp>,
    /// Exclusive. Default: now.
    to: Option<Timestamp>,
    /// Of this team's services and schedules only.
    team: Option<String>,
}

/// Load and fairness over a span.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ReportRow {
    from: Timestamp,
    to: Timestamp,
    alerts: usize,
    /// There were more alerts than are looked at; the newest were.
    truncated: bool,
    /// Who was interrupted most first.
    people: Vec<PersonLoad>,
    services: Vec<ServiceLoad>,
    /// The same complaint again and again that nobody does anything about.
    noise: Vec<NoiseRow>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct PersonLoad {
    user: String,
    /// Alerts that paged them.
    interruptions: usize,
    /// Of them, from 22:00 to 7:00 in their zone.
    nights: usize,
    /// Of them, by hour of their day; 24 numbers.
    hours: Vec<usize>,
    /// Messages that went out to them.
    pages: usize,
    /// Alerts that they took.
    acknowledged: usize,
    /// Time on call.
    oncall_s: i64,
    /// Of it, nights and weekends.
    unsocial_s: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct ServiceLoad {
    /// `null`: pages by hand.
    service: Option<String>,
    alerts: usize,
    interruptions: usize,
    nights: usize,
    acknowledged: usize,
    /// Over without anybody.
    by_themselves: usize,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct NoiseRow {
    service: Option<String>,
    summary: String,
    alerts: usize,
    interruptions: usize,
    /// Nobody acknowledged these.
    ignored: usize,
    /// Over within ten minutes by themselves.
    brief: usize,
}

/// Thirty days.
const DEFAULT_SPAN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Show load and fairness: whom the pages of a span have interrupted, when and over what
#[utoipa::path(get, path = "/report", tag = "foresight", params(SpanParams), responses((status = 200, body = ReportRow)))]
pub(super) async fn report(
    _: Viewer,
    State(app): State<App>,
    Params(span): Params<SpanParams>,
) -> Result<axum::Json<ReportRow>, Problem> {
    let to = span.to.unwrap_or_else(|| app.now());
    let from = span.from.unwrap_or_else(|| firedog_domain::time::after(to, -DEFAULT_SPAN));
    let made = report::report(&app, from, to, span.team.as_deref()).await?;
    let person = |one: report::Person| {
        let report::Person { user, interruptions, nights, hours, pages, acknowledged, oncall_s, unsocial_s } = one;
        PersonLoad { user, interruptions, nights, hours, pages, acknowledged, oncall_s, unsocial_s }
    };
    let service = |one: report::OfService| {
        let report::OfService { service, alerts, interruptions, nights, acknowledged, by_themselves } = one;
        ServiceLoad { service, alerts, interruptions, nights, acknowledged, by_themselves }
    };
    let noise = |one: report::Noise| {
        let report::Noise { service, summary, alerts, interruptions, ignored, brief } = one;
        NoiseRow { service, summary, alerts, interruptions, ignored, brief }
    };
    Ok(axum::Json(ReportRow {
        from,
        to,
        alerts: made.alerts,
        truncated: made.truncated,
        people: made.people.into_iter().map(person).collect(),
        services: made.services.into_iter().map(service).collect(),
        noise: made.noise.into_iter().map(noise).collect(),
    }))
}

/// What to hold back; one of both.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Hidden {
    service: Option<String>,
    /// `name=value`, `name=~regex`, `name!=value`, `name!~regex`.
    matchers: Vec<String>,
    /// Of a maintenance window.
    services: Vec<String>,
}

/// What would have been held back in the last week.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct HiddenRow {
    /// Alerts that it covers.
    alerts: usize,
    /// Of them, those that paged somebody.
    paged: usize,
    /// The newest of them.
    examples: Vec<ExampleRow>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct ExampleRow {
    id: String,
    summary: String,
    created_at: Timestamp,
}

/// Show what a silence or a maintenance window would have hidden in the last week
#[utoipa::path(post, path = "/silences/preview", tag = "changes", request_body = Hidden, responses((status = 200, body = HiddenRow)))]
pub(super) async fn hidden(
    _: Viewer,
    State(app): State<App>,
    Json(wish): Json<Hidden>,
) -> Result<axum::Json<HiddenRow>, Problem> {
    let found = live::hidden(&app, wish.service.as_deref(), &wish.matchers, &wish.services).await?;
    let example = |alert: &firedog_domain::alert::Alert| ExampleRow {
        id: alert.id.to_string(),
        summary: alert.summary.clone(),
        created_at: alert.created_at,
    };
    Ok(axum::Json(HiddenRow {
        alerts: found.len(),
        paged: found.iter().filter(|alert| alert.pages > 0).count(),
        examples: found.iter().take(5).map(example).collect(),
    }))
}

/// A setting of the server. Secrets are only said to be there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SettingRow {
    /// As an environment variable.
    name: String,
    value: String,
}

/// Show the settings that the server runs with, without secrets
#[utoipa::path(get, path = "/settings", tag = "admin", responses((status = 200, body = List<SettingRow>)))]
pub(super) async fn settings(Admin(_): Admin, State(app): State<App>) -> axum::Json<List<SettingRow>> {
    let row = |(name, value): (&str, String)| SettingRow { name: format!("FIREDOG_{}", name.to_ascii_uppercase()), value };
    axum::Json(List { items: app.config.shown(&app.links_base).into_iter().map(row).collect(), next: None })
}
