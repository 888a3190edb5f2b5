//! Silences as amtool and Grafana write them. An integration's key silences what comes in through it, wherever routes send
//! it, and nothing else; it shows what holds that back, and changes only what was made through it.

use super::alertmanager::answer;
use super::read::{malformed, refuse_op};
use super::{json, read_body};
use crate::app::App;
use crate::ops::ingest::{self, Admitted, Refused};
use crate::ops::live;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use firedog_connectors::alertmanager as am;
use firedog_connectors::alertmanager::{GettableSilence, PostableSilence, SilenceQuery, Written};
use firedog_domain::alert::Actor;
use firedog_domain::id::{IntegrationId, ServiceId, SilenceId};
use firedog_domain::setup::Silence;
use jiff::{SignedDuration, Timestamp};

/// A silence is a few matchers and a comment.
const MAX_SILENCE_BYTES: usize = 256 << 10;
/// How long Alertmanager goes on listing what has expired (its default retention).
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(120);

/// Whose key is used.
struct Reach {
    integration: IntegrationId,
    service: Option<ServiceId>,
}

impl Reach {
    async fn of(app: &App, holder: &Admitted) -> Result<Self, Refused> {
        let scene = app.engine.scene().await?;
        let service = scene.world.setup.integration(&holder.id).map(|(service, _)| service.id.clone());
        Ok(Self { integration: holder.id.clone(), service })
    }

    /// Whether the silence can hold back what comes in through this key for its own service.
    fn sees(&self, silence: &Silence) -> bool {
        match (&silence.integration, &silence.service) {
            (Some(integration), _) => *integration == self.integration,
            (None, service) => service.is_none() || *service == self.service,
        }
    }

    /// Whoever holds a key only sends alerts: what people or other keys have made is not theirs to change.
    fn check_own(&self, silence: &Silence) -> Result<(), Refused> {
        if silence.integration.as_ref() == Some(&self.integration) {
            return Ok(());
        }
        Err(malformed(am::refuse(403, format!("silence {} was not made through this key", silence.id))))
    }
}

/// The silence, and when it was last changed.
type Known = (Silence, Timestamp);

async fn known(app: &App, id: &str, reach: &Reach) -> Result<Option<Known>, Refused> {
    let scene = app.engine.scene().await?;
    let in_file = scene.world.setup.silences.get(id).map(|silence| (silence.clone(), app.started_at));
    let found = match in_file {
        Some(found) => Some(found),
        None => live::silence(app, &SilenceId::from(id))
            .await
            .map_err(refuse_op)?
            .map(|kept| (kept.item, kept.ended_at.unwrap_or(kept.created_at))),
    };
    Ok(found.filter(|(silence, _)| reach.sees(silence)))
}

pub(super) async fn list(State(app): State<App>, Path(key): Path<String>, RawQuery(query): RawQuery) -> Response {
    answer(&app, listed(&app, &key, query.as_deref()).await)
}

async fn listed(app: &App, key: &str, query: Option<&str>) -> Result<Response, Refused> {
    let holder = ingest::holder(app, key).await?;
    let query = SilenceQuery::parse(query.unwrap_or("")).map_err(malformed)?;
    let reach = Reach::of(app, &holder).await?;
    let scene = app.engine.scene().await?;
    let since = firedog_domain::time::after(holder.now, -LISTED_FOR);
    let live = live::silences_since(app, since).await.map_err(refuse_op)?;
    let from_files = scene.world.setup.silences.iter().filter(|silence| silence.until > since);
    let all = from_files.map(|silence| (silence.clone(), app.started_at));
    let all = all.chain(live.into_iter().map(|kept| (kept.item, kept.ended_at.unwrap_or(kept.created_at))));
    let shown = all.filter(|(silence, _)| reach.sees(silence));
    let shown = shown.map(|(silence, changed)| GettableSilence::new(&silence, changed, holder.now)).collect();
    Ok(json(200, &serde_json::to_value(query.select(shown)).unwrap_or_default()))
}

pub(super) async fn show(State(app): State<App>, Path((key, id)): Path<(String, String)>) -> Response {
    let found = async {
        let holder = ingest::holder(&app, &key).await?;
        let reach = Reach::of(&app, &holder).await?;
        let Some((silence, changed)) = known(&app, &id, &reach).await? else {
            return Ok(StatusCode::NOT_FOUND.into_response());
        };
        let shown = GettableSilence::new(&silence, changed, holder.now);
        Ok(json(200, &serde_json::to_value(shown).unwrap_or_default()))
    };
    let found = found.await;
    answer(&app, found)
}

pub(super) async fn put(State(app): State<App>, Path(key): Path<String>, body: Body) -> Response {
    answer(&app, write(&app, &key, body).await)
}

async fn write(app: &App, key: &str, body: Body) -> Result<Response, Refused> {
    let holder = ingest::admit(app, key).await?;
    let body = read_body(body, MAX_SILENCE_BYTES).await?;
    let wanted = am::parse_silence(&body, holder.now).map_err(malformed)?;
    let reach = Reach::of(app, &holder).await?;
    let by = Actor::Source(holder.id.clone());
    let (id, from) = match &wanted.id {
        None => (None, wanted.starts_at),
        Some(id) => {
            let Some((old, _)) = known(app, id, &reach).await? else {
                return Err(malformed(am::refuse(404, "silence not found")));
            };
            reach.check_own(&old)?;
            match wanted.update_of(&old, holder.now) {
                Written::InPlace => (Some(old.id.clone()), if old.from <= holder.now { old.from } else { wanted.starts_at }),
                Written::Replaced => {
                    if old.until > holder.now {
                        live::end_silence(app, old.id.as_str(), &by).await.map_err(refuse_op)?;
                    }
                    (None, wanted.starts_at)
                }
            }
        }
    };
    let PostableSilence { matchers, ends_at, created_by, comment, .. } = wanted;
    let new = live::NewSilence {
        id,
        service: None,
        integration: Some(reach.integration),
        matchers,
        from: Some(from),
        until: ends_at,
        why: comment,
        created_by,
    };
    let silence = live::put_silence(app, new, &by).await.map_err(refuse_op)?;
    Ok(json(200, &PostableSilence::success(silence.id.as_str())))
}

pub(super) async fn expire(State(app): State<App>, Path((key, id)): Path<(String, String)>) -> Response {
    let done = async {
        let holder = ingest::admit(&app, &key).await?;
        let reach = Reach::of(&app, &holder).await?;
        let Some((silence, _)) = known(&app, &id, &reach).await? else {
            let is_uuid = uuid::Uuid::try_parse(&id).is_ok();
            return Err(malformed(am::refuse_schema(if is_uuid { 404 } else { 422 }, format!("silence {id} not found"))));
        };
        reach.check_own(&silence)?;
        if silence.until > holder.now {
            live::end_silence(&app, &id, &Actor::Source(holder.id.clone())).await.map_err(refuse_op)?;
        }
        Ok(StatusCode::OK.into_response())
    };
    let done = done.await;
    answer(&app, done)
}
