//! What people do to alerts, and pages by hand.

use crate::changes::Changes;
use crate::core::{Core, check_head};
use crate::scene::Scene;
use crate::{Dispatch, Error, Result};
use firedog_domain::alert::{Actor, Alert, Input, Opening, Pin};
use firedog_domain::event::{Action, Event, Severity};
use firedog_domain::id::*;
use firedog_domain::setup::{Target, Urgency};
use firedog_domain::suppression::World;
use firedog_store::{self as store, Op, Tx, audit};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An alert or a page that a person or a program raises through the API.
#[derive(Clone, Debug, PartialEq)]
pub struct Raise {
    /// The service that has the problem; runs its policy.
    pub service: Option<ServiceId>,
    /// Without a service: the person or team to page.
    pub to: Option<Target>,
    /// Without a service: the policy to page by, in place of `to`.
    pub policy: Option<PolicyId>,
    pub summary: String,
    pub severity: Severity,
    /// Default: the service's; high for a page by hand.
    pub urgency: Option<Urgency>,
    pub labels: BTreeMap<String, String>,
    /// Default: its own, so that it never joins another alert. A page by hand that is open under this key is answered as it
    /// is, and nobody is paged again.
    pub dedup_key: Option<String>,
    pub details: serde_json::Value,
}

impl Core {
    /// Acknowledge, resolve, snooze, escalate, note: the one way, however it was asked for.
    pub async fn act(&self, alert: &AlertId, input: Input, by: &Actor, room: usize) -> Result<(Alert, Vec<Dispatch>)> {
        let now = self.now();
        let audit_id = self.new_id();
        let done = self
            .write(|scene| Act {
                core: self.clone(),
                scene,
                alert: alert.clone(),
                input: input.clone(),
                by: by.clone(),
                now,
                room,
                audit_id: audit_id.clone(),
            })
            .await?;
        match done {
            Ok(done) => Ok(done),
            Err(None) => Err(Error::NotFound(format!("there is no alert {alert}"))),
            Err(Some(why)) => Err(Error::Conflict(why.to_owned())),
        }
    }

    /// Raises an alert on a service, or pages somebody by hand.
    pub async fn raise(&self, raise: Raise, by: &Actor, room: usize) -> Result<(Alert, Vec<Dispatch>)> {
        let scene = self.scene().await?;
        let world = &scene.world;
        if let (None, None, Some(id)) = (&raise.service, &raise.to, &raise.policy) {
            world.setup.policy(id).map(|_| ()).ok_or_else(|| Error::NotFound(format!("there is no policy `{id}`")))?;
        } else {
            self.check_whom(&raise, world)?;
        }
        let (now, ids) = (self.now(), self.ids(3));
        let done = self
            .write(|scene| RaiseOp {
                core: self.clone(),
                scene,
                raise: raise.clone(),
                by: by.clone(),
                now,
                room,
                ids: ids.clone(),
            })
            .await?;
        Ok(done)
    }

    fn check_whom(&self, raise: &Raise, world: &World) -> Result<()> {
        let policy_of_team = |id: &TeamId| match world.setup.team(id).map(|team| &team.policy) {
            Some(Some(policy)) => Ok(Pin::Policy(policy.clone())),
            Some(None) => Ok(Pin::Team(id.clone())),
            None => Err(Error::NotFound(format!("there is no team `{id}`"))),
        };
        match (&raise.service, &raise.to) {
            (Some(id), None) => {
                world.setup.service(id).map(|_| ()).ok_or_else(|| Error::NotFound(format!("there is no service `{id}`")))?
            }
            (None, Some(Target::User(id))) => {
                world.setup.user(id).map(|_| ()).ok_or_else(|| Error::NotFound(format!("there is no user `{id}`")))?
            }
            (None, Some(Target::Team(id))) => policy_of_team(id).map(|_| ())?,
            (None, Some(Target::Schedule(_))) => return Err(Error::Refused("page a user or a team, not a schedule".to_owned())),
            _ => return Err(Error::Refused("name a service, or a user or team to page".to_owned())),
        }
        Ok(())
    }
}

/// What an audit row calls an actor.
pub(crate) fn actor_name(by: &Actor) -> String {
    match by {
        Actor::User(user) => format!("user:{user}"),
        Actor::Token(name) => format!("token:{name}"),
        Actor::Source(integration) => format!("source:{integration}"),
        Actor::System => "system".to_owned(),
    }
}

struct Act {
    core: Core,
    scene: Arc<Scene>,
    alert: AlertId,
    input: Input,
    by: Actor,
    now: Timestamp,
    room: usize,
    audit_id: String,
}

impl Op for Act {
    /// `Err(None)`: no such alert; `Err(Some)`: it does not go with the alert's state.
    type Out = std::result::Result<(Alert, Vec<Dispatch>), Option<&'static str>>;
    const NAME: &'static str = "act";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        check_head(tx, &self.scene).await?;
        let Some(before) = store::alert::get(tx, &self.alert).await? else {
            return Ok(Err(None));
        };
        let mut changes = Changes::new(&self.scene, &self.core, self.now);
        changes.load(tx, vec![before.clone()]).await?;
        if let Some(why) = changes.decide(&self.alert, &self.input, &self.by) {
            return Ok(Err(Some(why)));
        }
        let Some(mut after) = changes.alert(&self.alert).cloned() else {
            return Ok(Err(None));
        };
        let dispatches = changes.write(tx, self.room).await?;
        let (action, detail) = match &self.input {
            Input::Acknowledge => ("alert.acknowledge", None),
            Input::Resolve => ("alert.resolve", None),
            Input::Snooze { until } => ("alert.snooze", Some(format!("until {until}"))),
            Input::Escalate => ("alert.escalate", None),
            Input::Unacknowledge => ("alert.unacknowledge", None),
            Input::Reassign { to } => ("alert.reassign", Some(format!("to {}", String::from(to.clone())))),
            Input::Note { .. } => ("alert.note", None),
            Input::Trigger(..) | Input::Due { .. } | Input::Follow(_) | Input::Unreached => ("alert.change", None),
        };
        audit::append_many(
            tx,
            &[audit::Record {
                id: self.audit_id.clone(),
                at: self.now,
                actor: actor_name(&self.by),
                action: action.to_owned(),
                subject: format!("alert:{}", self.alert),
                before: Some(format!("\"{}\"", before.state.as_str())),
                after: Some(format!("\"{}\"", after.state.as_str())),
                detail,
            }],
        )
        .await?;
        after.version += 1;
        Ok(Ok((after, dispatches)))
    }
}

struct RaiseOp {
    core: Core,
    scene: Arc<Scene>,
    raise: Raise,
    by: Actor,
    now: Timestamp,
    room: usize,
    /// For the alert, its event and the audit row.
    ids: Vec<String>,
}

impl Op for RaiseOp {
    type Out = (Alert, Vec<Dispatch>);
    const NAME: &'static str = "raise";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        check_head(tx, &self.scene).await?;
        let (raise, world) = (&self.raise, &self.scene.world);
        let mut changes = Changes::new(&self.scene, &self.core, self.now);
        let own_key = self.ids[0].clone();
        let key = raise.dedup_key.clone().unwrap_or(own_key);
        let service = raise.service.as_ref().and_then(|id| world.setup.service(id));
        let urgency = raise.urgency.or(service.map(|service| service.urgency)).unwrap_or_default();
        let event = Event {
            integration: IntegrationId::from("api"),
            action: Action::Trigger,
            dedup_key: key.clone(),
            summary: raise.summary.clone(),
            severity: raise.severity,
            source: None,
            labels: raise.labels.clone(),
            details: raise.details.clone(),
            links: Vec::new(),
            started_at: None,
            valid_until: None,
        };
        let open = match &raise.service {
            Some(service) => store::alert::load_open_by_keys(tx, &[(service, &key)]).await?,
            // The same request again, whose answer got lost: unlike an alert of a service it says nothing new.
            None => match store::alert::open_by_hand(tx, &key).await? {
                Some(alert) => return Ok((alert, Vec::new())),
                None => Vec::new(),
            },
        };
        let id = match open.into_iter().next() {
            Some(alert) => {
                let id = alert.id.clone();
                changes.load(tx, vec![alert]).await?;
                changes.decide(&id, &Input::Trigger(Box::new(event.clone()), urgency), &self.by);
                id
            }
            None => {
                let opening = Opening {
                    id: AlertId(self.ids[0].clone()),
                    service: raise.service.clone(),
                    integration: None,
                    dedup_key: key,
                    urgency,
                    severity: raise.severity,
                    summary: raise.summary.clone(),
                    source: None,
                    labels: raise.labels.clone(),
                    policy: self.pin(service),
                    started_at: None,
                    quiet_at: None,
                    because: if raise.service.is_some() { "raised by hand".to_owned() } else { "paged by hand".to_owned() },
                };
                changes.open(opening, None, &self.by)
            }
        };
        let Some(alert) = changes.alert(&id).cloned() else {
            return Err(store::Error::NotFound);
        };
        let dispatches = changes.write(tx, self.room).await?;
        let received = store::event::Received { id: self.ids[1].clone(), alert: id.clone(), at: self.now, event };
        store::event::insert_many(tx, &[received]).await?;
        audit::append_many(
            tx,
            &[audit::Record {
                id: self.ids[2].clone(),
                at: self.now,
                actor: actor_name(&self.by),
                action: if raise.service.is_some() { "alert.send" } else { "page" }.to_owned(),
                subject: format!("alert:{id}"),
                before: None,
                after: None,
                detail: Some(raise.summary.clone()),
            }],
        )
        .await?;
        Ok((alert, dispatches))
    }
}

impl RaiseOp {
    fn pin(&self, service: Option<&firedog_domain::setup::Service>) -> Pin {
        let setup = &self.scene.world.setup;
        match (&self.raise.to, service) {
            _ if self.raise.service.is_none() && self.raise.policy.is_some() => {
                self.raise.policy.clone().filter(|id| setup.policy(id).is_some()).map_or(Pin::CatchAll, Pin::Policy)
            }
            (_, Some(service)) => setup.policy_of(service).map_or(Pin::CatchAll, |policy| Pin::Policy(policy.id.clone())),
            (Some(Target::User(user)), None) => Pin::User(user.clone()),
            (Some(Target::Team(team)), None) => match setup.team(team).and_then(|team| team.policy.clone()) {
                Some(policy) => Pin::Policy(policy),
                None => Pin::Team(team.clone()),
            },
            _ => Pin::CatchAll,
        }
    }
}
