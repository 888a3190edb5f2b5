//! Heartbeats: a source that promises to be heard of, and the alert when it is not.

use crate::changes::{Changes, LEASE};
use crate::core::{AFTER_START, Core, check_head};
use crate::scene::Scene;
use crate::{Dispatch, Error, Result};
use firedog_domain::alert::{Actor, Input, Opening, Pin};
use firedog_domain::event::Severity;
use firedog_domain::id::*;
use firedog_domain::time::{after, length_text};
use firedog_store::heartbeat::{Heartbeat, State};
use firedog_store::{self as store, Op, Tx};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Missing heartbeats decided in one transaction.
pub(crate) const BATCH: usize = 32;

/// What a heartbeat says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    Success,
    /// A run has begun; its end is expected within the heartbeat's time.
    Start,
    Fail,
    /// The exit status of a run; 0 is success.
    Exit(u8),
}

impl Core {
    /// Notes a sign of life. The first one starts the clock.
    pub async fn ping(&self, integration: &IntegrationId, ping: Ping, room: usize) -> Result<Vec<Dispatch>> {
        let (now, id) = (self.now(), self.new_id());
        let op =
            |scene| PingOp { core: self.clone(), scene, integration: integration.clone(), ping, now, room, alert_id: id.clone() };
        self.write(op).await?.ok_or_else(|| Error::NotFound(format!("there is no integration `{integration}`")))
    }
}

/// The dedup key of the alert about a heartbeat.
fn key(integration: &IntegrationId) -> String {
    format!("heartbeat:{}", integration.slug())
}

/// Opens the alert about a heartbeat, or repeats it.
async fn raise(
    tx: &mut dyn Tx,
    scene: &Scene,
    changes: &mut Changes<'_>,
    integration: &IntegrationId,
    alert_id: &str,
    summary: String,
) -> store::Result<()> {
    let Some((service, _)) = scene.world.setup.integration(integration) else { return Ok(()) };
    let key = key(integration);
    if !store::alert::load_open_by_keys(tx, &[(&service.id, &key)]).await?.is_empty() {
        return Ok(());
    }
    let opening = Opening {
        id: AlertId::from(alert_id),
        service: Some(service.id.clone()),
        integration: Some(integration.clone()),
        dedup_key: key,
        urgency: service.urgency,
        severity: Severity::Critical,
        summary: summary.clone(),
        source: None,
        labels: BTreeMap::from([("heartbeat".to_owned(), integration.slug().to_owned())]),
        policy: scene.world.setup.policy_of(service).map_or(Pin::CatchAll, |policy| Pin::Policy(policy.id.clone())),
        started_at: None,
        quiet_at: None,
        because: summary,
    };
    changes.open(opening, None, &Actor::Source(integration.clone()));
    Ok(())
}

struct PingOp {
    core: Core,
    scene: Arc<Scene>,
    integration: IntegrationId,
    ping: Ping,
    now: Timestamp,
    room: usize,
    alert_id: String,
}

impl Op for PingOp {
    /// `None`: no such integration.
    type Out = Option<Vec<Dispatch>>;
    const NAME: &'static str = "ping";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        check_head(tx, &self.scene).await?;
        let Some((service, integration)) = self.scene.world.setup.integration(&self.integration) else {
            return Ok(None);
        };
        let before = store::heartbeat::get_many(tx, std::slice::from_ref(&self.integration)).await?.into_iter().next();
        let version = before.as_ref().map_or(0, |beat| beat.version);
        let due = integration.heartbeat.as_ref().map(|beat| after(after(self.now, beat.every), beat.grace));
        let failed = matches!(self.ping, Ping::Fail | Ping::Exit(1..));
        let state = match self.ping {
            Ping::Start => State::Running,
            _ if failed => State::Failed,
            _ => State::Alive,
        };
        let beat = Heartbeat {
            integration: self.integration.clone(),
            version,
            state,
            last_at: Some(self.now),
            started_at: (self.ping == Ping::Start).then_some(self.now),
            ready_at: due,
        };
        if !store::heartbeat::put_many(tx, &[beat]).await?.is_empty() {
            return Err(store::Error::Conflict);
        }
        let mut changes = Changes::new(&self.scene, &self.core, self.now);
        if failed {
            let how = match self.ping {
                Ping::Exit(status) => format!("exit status {status}"),
                _ => "failure".to_owned(),
            };
            let summary = format!("{} reports {how}", self.integration.slug());
            raise(tx, &self.scene, &mut changes, &self.integration, &self.alert_id, summary).await?;
        } else if self.ping != Ping::Start {
            let open = store::alert::load_open_by_keys(tx, &[(&service.id, &key(&self.integration))]).await?;
            for alert in open {
                let id = alert.id.clone();
                changes.load(tx, vec![alert]).await?;
                changes.decide(&id, &Input::Resolve, &Actor::Source(self.integration.clone()));
            }
        }
        changes.write(tx, self.room).await.map(Some)
    }
}

/// Heartbeats that have not come in time.
pub(crate) struct Missing {
    pub(crate) core: Core,
    pub(crate) scene: Arc<Scene>,
    pub(crate) now: Timestamp,
    pub(crate) room: usize,
    pub(crate) alert_ids: Vec<String>,
}

pub(crate) struct MissingDone {
    pub(crate) found: usize,
    pub(crate) dispatches: Vec<Dispatch>,
}

impl Op for Missing {
    type Out = MissingDone;
    const NAME: &'static str = "missing_heartbeats";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<MissingDone> {
        check_head(tx, &self.scene).await?;
        let limit = u32::try_from(BATCH).unwrap_or(1);
        let due = store::heartbeat::claim_due(tx, self.now, after(self.now, LEASE), limit).await?;
        let found = due.len();
        if found == 0 {
            return Ok(MissingDone { found, dispatches: Vec::new() });
        }
        let mut changes = Changes::new(&self.scene, &self.core, self.now);
        let mut beats = Vec::new();
        for (beat, alert_id) in due.into_iter().zip(&self.alert_ids) {
            let expected = self.scene.world.setup.integration(&beat.integration).and_then(|(_, i)| i.heartbeat.clone());
            // Its integration, or its promise, is gone from the setup: nothing is expected any more.
            let Some(expected) = expected else {
                beats.push(Heartbeat { state: State::Waiting, ready_at: None, ..beat });
                continue;
            };
            if beat.last_at.is_some_and(|heard| !self.core.could_be_told(heard, self.now)) {
                beats.push(Heartbeat { ready_at: Some(after(self.core.0.up_since, AFTER_START)), ..beat });
                continue;
            }
            let what = if beat.state == State::Running { "has not finished" } else { "has not been heard of" };
            let limit = length_text(expected.every + expected.grace);
            let summary = format!("{} {what} for {limit}", beat.integration.slug());
            raise(tx, &self.scene, &mut changes, &beat.integration, alert_id, summary).await?;
            beats.push(Heartbeat { state: State::Missing, ready_at: None, ..beat });
        }
        if !store::heartbeat::put_many(tx, &beats).await?.is_empty() {
            return Err(store::Error::Conflict);
        }
        let dispatches = changes.write(tx, self.room).await?;
        Ok(MissingDone { found, dispatches })
    }
}
