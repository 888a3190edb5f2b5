//! Events in: route, find their alert, decide, and answer once the batch is committed.

use crate::changes::{Changes, leads};
use crate::core::{Core, check_head};
use crate::scene::Scene;
use crate::{Dispatch, Error, Result};
use firedog_domain::alert::{Actor, Alert, Input, Opening, Pin, Resolved};
use firedog_domain::event::{Action, Because, Event, Routing, Severity};
use firedog_domain::id::*;
use firedog_domain::setup::Urgency;
use firedog_store::{self as store, Op, Tx};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Events decided in one transaction. More would make the first of them wait for the last.
pub(crate) const BATCH: usize = 256;

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The alert that it opened or belongs to.
    pub alert: Option<AlertId>,
    pub created: bool,
    /// Why it changed nothing.
    pub dropped: Option<String>,
}

/// An event on its way in, with the ids it may need.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) event: Event,
    alert_id: AlertId,
    event_id: String,
}

type Outcome = (Vec<Accepted>, Vec<Dispatch>);

impl Core {
    /// Takes a batch in. After `Ok` every event is durable, or was dropped for the reason given.
    pub async fn ingest(&self, events: Vec<Event>, room: usize) -> Result<Outcome> {
        let batch: Vec<Incoming> = events.into_iter().map(|event| self.incoming(event)).collect();
        self.ingest_batch(batch, room).await
    }

    pub(crate) fn incoming(&self, event: Event) -> Incoming {
        Incoming { event: clean(event), alert_id: AlertId(self.new_id()), event_id: self.new_id() }
    }

    pub(crate) async fn ingest_batch(&self, batch: Vec<Incoming>, room: usize) -> Result<Outcome> {
        let now = self.now();
        let batch: Arc<[Incoming]> = batch.into();
        match self.ingest_slice(&batch, 0..batch.len(), now, room).await {
            Err(Error::Broken(_)) if !self.store().is_broken() => self.bisect(&batch, now, room).await,
            done => done,
        }
    }

    async fn ingest_slice(
        &self,
        batch: &Arc<[Incoming]>,
        part: std::ops::Range<usize>,
        now: Timestamp,
        room: usize,
    ) -> Result<Outcome> {
        self.write(|scene| Ingest {
            core: self.clone(),
            // Routed here, outside the transaction: an expression may take its time. A head that moves meanwhile makes it run again.
            routings: batch[part.clone()].iter().map(|incoming| route(&scene, &incoming.event)).collect(),
            scene,
            batch: batch.clone(),
            part: part.clone(),
            now,
            room,
        })
        .await
    }

    /// One event of the batch cannot be stored: halve it until that one stands alone, and give that one to the catch-all.
    async fn bisect(&self, batch: &Arc<[Incoming]>, now: Timestamp, room: usize) -> Result<Outcome> {
        let whole = 0..batch.len();
        let mut parts = vec![whole];
        let mut done: BTreeMap<usize, Vec<Accepted>> = BTreeMap::new();
        let mut dispatches = Vec::new();
        while let Some(part) = parts.pop() {
            match self.ingest_slice(batch, part.clone(), now, room.saturating_sub(dispatches.len())).await {
                Ok((accepted, out)) => {
                    done.insert(part.start, accepted);
                    dispatches.extend(out);
                }
                Err(Error::Broken(why)) if part.len() == 1 && !self.store().is_broken() => {
                    let (accepted, out) = self.quarantine(&batch[part.start], &why, now).await?;
                    done.insert(part.start, vec![accepted]);
                    dispatches.extend(out);
                }
                Err(Error::Broken(_)) if !self.store().is_broken() => {
                    let middle = part.start + part.len() / 2;
                    // The first half is popped first: events of one key take effect in their order.
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
                Err(error) => return Err(error),
            }
        }
        Ok((done.into_values().flatten().collect(), dispatches))
    }

    async fn quarantine(&self, incoming: &Incoming, why: &str, now: Timestamp) -> Result<(Accepted, Vec<Dispatch>)> {
        tracing::error!(integration = %incoming.event.integration, why, "an event could not be processed: quarantined");
        let op = |scene| Quarantine { core: self.clone(), scene, incoming: incoming.clone(), why: why.to_owned(), now };
        let dispatches = self.write(op).await?;
        Ok((Accepted { alert: Some(incoming.alert_id.clone()), created: true, dropped: None }, dispatches))
    }
}

/// PostgreSQL refuses NUL in text; nobody needs it.
fn clean(mut event: Event) -> Event {
    let strip = |text: &mut String| {
        if text.contains('\0') {
            text.retain(|c| c != '\0');
        }
    };
    strip(&mut event.dedup_key);
    strip(&mut event.summary);
    event.source.iter_mut().for_each(strip);
    if event.labels.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        event.labels = event.labels.into_iter().map(|(n, v)| (n.replace('\0', ""), v.replace('\0', ""))).collect();
    }
    event
}

/// An integration that the setup no longer has routes nowhere; its alerts can still be resolved by key.
fn route(scene: &Scene, event: &Event) -> Option<Routing> {
    let routed = catch_unwind(AssertUnwindSafe(|| scene.routes.route(event, &scene.world.setup)));
    routed.unwrap_or_else(|_| {
        let (service, _) = scene.world.setup.integration(&event.integration)?;
        let because = Because::RouteFailed(0, "the expression could not be evaluated".to_owned());
        Some(Routing { service: service.id.clone(), urgency: Urgency::High, because })
    })
}

struct Ingest {
    core: Core,
    scene: Arc<Scene>,
    batch: Arc<[Incoming]>,
    part: std::ops::Range<usize>,
    routings: Vec<Option<Routing>>,
    now: Timestamp,
    room: usize,
}

/// The open alerts of a batch by their two identities, and the latest closed ones.
#[derive(Default)]
struct Index {
    by_source: HashMap<(IntegrationId, String), AlertId>,
    by_service: HashMap<(ServiceId, String), AlertId>,
    closed: HashMap<(ServiceId, String), Alert>,
}

impl Index {
    fn open(&mut self, alert: &Alert) {
        if let Some(integration) = &alert.integration {
            self.by_source.insert((integration.clone(), alert.dedup_key.clone()), alert.id.clone());
        }
        if let Some(service) = &alert.service {
            self.by_service.insert((service.clone(), alert.dedup_key.clone()), alert.id.clone());
        }
    }

    fn close(&mut self, alert: &Alert) {
        if let Some(integration) = &alert.integration {
            self.by_source.remove(&(integration.clone(), alert.dedup_key.clone()));
        }
        if let Some(service) = &alert.service {
            self.by_service.remove(&(service.clone(), alert.dedup_key.clone()));
            self.closed.insert((service.clone(), alert.dedup_key.clone()), alert.clone());
        }
    }
}

impl Op for Ingest {
    type Out = Outcome;
    const NAME: &'static str = "ingest";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Outcome> {
        check_head(tx, &self.scene).await?;
        let batch = &self.batch[self.part.clone()];
        let mut changes = Changes::new(&self.scene, &self.core, self.now);
        let mut index = self.load(tx, &mut changes).await?;
        let mut accepted = Vec::with_capacity(batch.len());
        let mut received = Vec::with_capacity(batch.len());
        for (incoming, routing) in batch.iter().zip(&self.routings) {
            let one = take(&self.scene, &mut changes, &mut index, incoming, routing.as_ref(), self.now);
            if let Some(alert) = &one.alert {
                received.push(store::event::Received {
                    id: incoming.event_id.clone(),
                    alert: alert.clone(),
                    at: self.now,
                    event: incoming.event.clone(),
                });
            }
            accepted.push(one);
        }
        let dispatches = changes.write(tx, self.room).await?;
        store::event::insert_many(tx, &received).await?;
        Ok((accepted, dispatches))
    }
}

impl Ingest {
    /// Everything that deciding this batch may touch, in a fixed number of statements.
    async fn load(&self, tx: &mut dyn Tx, changes: &mut Changes<'_>) -> store::Result<Index> {
        let batch = &self.batch[self.part.clone()];
        let mut index = Index::default();
        let by_source: BTreeSet<(&IntegrationId, &str)> =
            batch.iter().map(|i| (&i.event.integration, i.event.dedup_key.as_str())).collect();
        let found = store::alert::load_open_by_integration(tx, &by_source.into_iter().collect::<Vec<_>>()).await?;
        found.iter().for_each(|alert| index.open(alert));
        changes.load(tx, found).await?;
        let mut by_service: BTreeSet<(&ServiceId, &str)> = BTreeSet::new();
        let mut replays: BTreeSet<(&ServiceId, &str)> = BTreeSet::new();
        for (incoming, routing) in batch.iter().zip(&self.routings) {
            let event = &incoming.event;
            let Some(routing) = routing.as_ref().filter(|_| event.action == Action::Trigger) else { continue };
            let own = index.by_source.get(&(event.integration.clone(), event.dedup_key.clone())).and_then(|id| changes.alert(id));
            // One that is open elsewhere may be resolved by this very batch, and the trigger after it opens one here.
            if own.is_none_or(|alert| alert.service.as_ref() != Some(&routing.service)) {
                by_service.insert((&routing.service, &event.dedup_key));
            }
            if own.is_none() && event.started_at.is_some() {
                replays.insert((&routing.service, &event.dedup_key));
            }
        }
        if !by_service.is_empty() {
            let found = store::alert::load_open_by_keys(tx, &by_service.into_iter().collect::<Vec<_>>()).await?;
            found.iter().for_each(|alert| index.open(alert));
            changes.load(tx, found).await?;
        }
        if !replays.is_empty() {
            for alert in store::alert::last_closed_by_keys(tx, &replays.into_iter().collect::<Vec<_>>()).await? {
                if let Some(service) = alert.service.clone() {
                    index.closed.insert((service, alert.dedup_key.clone()), alert);
                }
            }
        }
        self.load_leaders(tx, changes).await?;
        Ok(index)
    }

    /// For services that group: the alerts that a new one may follow.
    async fn load_leaders(&self, tx: &mut dyn Tx, changes: &mut Changes<'_>) -> store::Result<()> {
        let services: BTreeSet<&ServiceId> = self.routings.iter().flatten().map(|routing| &routing.service).collect();
        for id in services {
            let Some(group) = self.scene.world.setup.service(id).and_then(|service| service.group.as_ref()) else { continue };
            let since = firedog_domain::time::after(self.now, -group.window);
            let leaders = store::alert::leaders(tx, id, since).await?;
            changes.load(tx, leaders).await?;
        }
        Ok(())
    }
}

fn take(
    scene: &Scene,
    changes: &mut Changes<'_>,
    index: &mut Index,
    incoming: &Incoming,
    routing: Option<&Routing>,
    now: Timestamp,
) -> Accepted {
    let event = &incoming.event;
    let dropped = |why: &str| Accepted { alert: None, created: false, dropped: Some(why.to_owned()) };
    let by = Actor::Source(event.integration.clone());
    let own = index.by_source.get(&(event.integration.clone(), event.dedup_key.clone())).cloned();
    let input = match event.action {
        Action::Trigger => {
            let Some(routing) = routing else { return dropped("the integration is no longer in the setup") };
            let of_service = || index.by_service.get(&(routing.service.clone(), event.dedup_key.clone())).cloned();
            let Some(id) = own.or_else(of_service) else {
                if is_late(index, event, routing) {
                    return dropped("a late repeat of an episode that its source has already ended");
                }
                let created = open(scene, changes, incoming, routing, &by, now);
                if let Some(alert) = changes.alert(&created) {
                    index.open(&alert.clone());
                }
                return Accepted { alert: Some(created), created: true, dropped: None };
            };
            let mut event = event.clone();
            event.valid_until = quiet_at(scene, &event, now);
            changes.decide(&id, &Input::Trigger(Box::new(event), routing.urgency), &by);
            return Accepted { alert: Some(id), created: false, dropped: None };
        }
        Action::Acknowledge => Input::Acknowledge,
        Action::Resolve => Input::Resolve,
    };
    // Only the integration that opened an alert speaks for its source.
    let Some(id) = own else { return dropped("no open alert of this integration has this key") };
    changes.decide(&id, &input, &by);
    if let Some(alert) = changes.alert(&id).filter(|alert| !alert.is_open()) {
        index.close(&alert.clone());
    }
    Accepted { alert: Some(id), created: false, dropped: None }
}

fn is_late(index: &Index, event: &Event, routing: &Routing) -> bool {
    let closed = index.closed.get(&(routing.service.clone(), event.dedup_key.clone()));
    closed.is_some_and(|closed| {
        closed.resolved_because == Some(Resolved::Source)
            && closed.started_at.zip(event.started_at).is_some_and(|(closed, event)| event <= closed)
    })
}

fn quiet_at(scene: &Scene, event: &Event, now: Timestamp) -> Option<Timestamp> {
    let quiet_after = || scene.world.setup.integration(&event.integration).and_then(|(_, integration)| integration.quiet_after);
    event.valid_until.or_else(|| quiet_after().map(|length| firedog_domain::time::after(now, length)))
}

fn open(scene: &Scene, changes: &mut Changes<'_>, incoming: &Incoming, routing: &Routing, by: &Actor, now: Timestamp) -> AlertId {
    let quiet_at = quiet_at(scene, &incoming.event, now);
    let opening = Opening::from_event(incoming.alert_id.clone(), &scene.world, &incoming.event, routing, quiet_at);
    let leader = leader(scene, changes, &opening, now);
    changes.open(opening, leader.as_ref(), by)
}

/// The first alert of the group that a new one belongs to.
fn leader(scene: &Scene, changes: &Changes<'_>, opening: &Opening, now: Timestamp) -> Option<AlertId> {
    let service = opening.service.as_ref()?;
    let group = scene.world.setup.service(service)?.group.as_ref()?;
    let since = firedog_domain::time::after(now, -group.window);
    let may_lead = |alert: &&Alert| {
        alert.service.as_ref() == Some(service)
            && leads(alert)
            // Whoever may sleep through the leader must not sleep through this one.
            && (alert.urgency == opening.urgency || alert.urgency == Urgency::High)
            && alert.created_at >= since
    };
    let same = |alert: &&Alert| group.agree(&alert.labels, &opening.labels);
    let first = |of: &dyn Fn(&&Alert) -> bool| {
        changes
            .alerts()
            .filter(may_lead)
            .filter(of)
            .min_by_key(|alert| (alert.created_at, alert.id.clone()))
            .map(|alert| alert.id.clone())
    };
    first(&same).or_else(|| group.storm.and_then(|_| first(&|_| true)))
}

/// An event that cannot be stored as an alert: kept apart, and the catch-all is paged about it.
struct Quarantine {
    core: Core,
    scene: Arc<Scene>,
    incoming: Incoming,
    why: String,
    now: Timestamp,
}

impl Op for Quarantine {
    type Out = Vec<Dispatch>;
    const NAME: &'static str = "quarantine";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        check_head(tx, &self.scene).await?;
        let event = &self.incoming.event;
        let body = serde_json::to_string(event).unwrap_or_default().replace("\\u0000", "");
        store::quarantine::insert(
            tx,
            &store::quarantine::Quarantined {
                id: self.incoming.event_id.clone(),
                at: self.now,
                integration: Some(event.integration.clone()),
                reason: self.why.clone(),
                body,
            },
        )
        .await?;
        let service = self.scene.world.setup.integration(&event.integration).map(|(service, _)| service.id.clone());
        let mut changes = Changes::new(&self.scene, &self.core, self.now);
        let opening = Opening {
            id: self.incoming.alert_id.clone(),
            service,
            integration: Some(event.integration.clone()),
            dedup_key: format!("quarantine:{}", self.incoming.event_id),
            urgency: Urgency::High,
            severity: Severity::Critical,
            summary: format!("An event from {} could not be processed", event.integration),
            source: None,
            labels: BTreeMap::new(),
            policy: Pin::CatchAll,
            started_at: None,
            quiet_at: None,
            because: format!("an event was quarantined: {}", self.why),
        };
        changes.open(opening, None, &Actor::System);
        changes.write(tx, usize::MAX).await
    }
}
