//! Taking events in: whose key it is, whether there is room, and the engine's answer after the commit.

use crate::app::App;
use crate::auth::digest;
use crate::body::BodyError;
use crate::limit::TooFast;
use firedog_connectors::Refusal;
use firedog_domain::event::Event;
use firedog_domain::id::IntegrationId;
use firedog_domain::setup::Integration;
use firedog_engine::{Accepted, Scene};
use firedog_store::audit::{self, Record};
use firedog_store::{Op, Tx};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Why a request with events is not taken in; each dialect says it in its own words.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// Nobody's key, also after looking at the newest setup.
    Key,
    /// The key's rate; seconds until there is room again.
    Rate(u64),
    /// No room, or the store cannot be reached: the sender is to try again.
    Overload,
    TooLarge,
    /// The body did not come in time.
    Slow,
    /// In the dialect's words already.
    Malformed(Refusal),
    /// The store is damaged.
    Broken,
}

impl Refused {
    /// For the metric.
    fn reason(&self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Rate(_) => "rate",
            Self::Overload => "overload",
            Self::TooLarge => "too_large",
            Self::Slow => "slow",
            Self::Malformed(_) => "malformed",
            Self::Broken => "broken",
        }
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Broken => Self::Slow,
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Malformed(refusal)
    }
}

impl From<firedog_engine::Error> for Refused {
    fn from(error: firedog_engine::Error) -> Self {
        match error {
            firedog_engine::Error::Broken(_) => Self::Broken,
            _ => Self::Overload,
        }
    }
}

/// Seconds that a sender should wait when there is no room: the queue empties in less.
pub const OVERLOAD_RETRY_S: u64 = 2;

/// An integration that may send now.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub id: IntegrationId,
    pub integration: Integration,
    /// A known instant for everything about this request.
    pub now: jiff::Timestamp,
}

/// Counts a refusal. Every dialect goes through here, so that none is forgotten.
pub fn counted<T>(app: &App, dialect: &'static str, result: Result<T, Refused>) -> Result<T, Refused> {
    if let Err(refused) = &result {
        app.metrics.refusals.add([dialect, refused.reason()], 1);
        tracing::debug!(dialect, reason = refused.reason(), "events were refused");
    }
    result
}

/// Whether there is room for another request. Asked before its body is read.
pub fn room(app: &App) -> Result<(), Refused> {
    if app.engine.store().is_broken() {
        return Err(Refused::Broken);
    }
    if app.engine.has_room() { Ok(()) } else { Err(Refused::Overload) }
}

/// How old the view may be in which a key is looked up first: asking the database about its head for every event would
/// cost a round trip each. A key that another node has taken away works for so much longer.
const RECENT: Duration = Duration::from_secs(1);

/// The view that the last requests saw.
#[derive(Default)]
pub struct RecentScene(Mutex<Option<(Arc<Scene>, Instant)>>);

impl RecentScene {
    /// After an apply: the next request looks afresh.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn get(&self) -> Option<Arc<Scene>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(_, since)| since.elapsed() < RECENT).map(|(scene, _)| scene.clone())
    }

    fn keep(&self, scene: &Arc<Scene>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((scene.clone(), Instant::now()));
    }
}

/// Whose key this is. A key that is not known is looked up again in the newest setup, so that one that was applied a
/// moment ago on another node is taken.
pub async fn holder(app: &App, key: &str) -> Result<Admitted, Refused> {
    let sha256 = digest(key);
    if let Some(admitted) = app.recent_scene.get().and_then(|scene| find(app, &scene, &sha256)) {
        return Ok(admitted);
    }
    let scene = app.engine.scene().await?;
    app.recent_scene.keep(&scene);
    find(app, &scene, &sha256).ok_or(Refused::Key)
}

fn find(app: &App, scene: &Scene, sha256: &str) -> Option<Admitted> {
    let id = scene.integration_by_key_sha256(sha256)?;
    let (_, integration) = scene.world.setup.integration(id)?;
    Some(Admitted { id: id.clone(), integration: integration.clone(), now: app.now() })
}

/// [`holder`], and takes one event from its rate.
pub async fn admit(app: &App, key: &str) -> Result<Admitted, Refused> {
    let admitted = holder(app, key).await?;
    app.buckets.admit(&admitted.id, admitted.now).map_err(|TooFast(seconds)| Refused::Rate(seconds))?;
    Ok(admitted)
}

/// Takes parsed events in. `Ok` means that they are durable.
pub async fn take_in(
    app: &App,
    dialect: &'static str,
    admitted: &Admitted,
    events: Vec<Event>,
) -> Result<Vec<Accepted>, Refused> {
    app.buckets.charge(&admitted.id, events.len(), admitted.now);
    let accepted = app.engine.ingest(events).await?;
    let dropped = accepted.iter().filter(|one| one.dropped.is_some()).count() as u64;
    app.metrics.events.add([dialect, "accepted"], accepted.len() as u64 - dropped);
    if dropped > 0 {
        app.metrics.events.add([dialect, "dropped"], dropped);
    }
    Ok(accepted)
}

/// A sign of life.
pub async fn ping(app: &App, admitted: &Admitted, ping: firedog_connectors::heartbeat::Ping) -> Result<(), Refused> {
    use firedog_connectors::heartbeat::Ping as Heard;
    use firedog_engine::Ping;
    let ping = match ping {
        Heard::Success => Ping::Success,
        Heard::Start => Ping::Start,
        Heard::Fail => Ping::Fail,
        Heard::Exit(status) => Ping::Exit(status),
        Heard::Log => return Ok(()),
    };
    Ok(app.engine.ping(&admitted.id, ping).await?)
}

/// Keeps a change event (a deploy, a setting): it concerns no alert, so it stands in the audit log.
pub async fn keep_change(app: &App, admitted: &Admitted, change: serde_json::Value, summary: String) -> Result<(), Refused> {
    let row = Record {
        id: app.engine.new_id(),
        at: admitted.now,
        actor: format!("source:{}", admitted.id),
        action: "change.received".to_owned(),
        subject: format!("integration:{}", admitted.id),
        before: None,
        after: Some(change.to_string()),
        detail: Some(summary),
    };
    match app.engine.store().write(KeepChange(row)).await {
        Ok(()) => Ok(()),
        Err(firedog_store::Error::Broken(_)) => Err(Refused::Broken),
        Err(_) => Err(Refused::Overload),
    }
}

struct KeepChange(Record);

impl Op for KeepChange {
    type Out = ();
    const NAME: &'static str = "change_keep";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        audit::append_many(tx, std::slice::from_ref(&self.0)).await
    }
}
