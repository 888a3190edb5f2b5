//! Applying a setup, and the live changes beside it: overrides, silences, maintenance.

use crate::act::actor_name;
use crate::core::Core;
use crate::scene::Scene;
use crate::{Error, Result};
use firedog_domain::alert::Actor;
use firedog_domain::id::*;
use firedog_domain::setup::plan::plan;
use firedog_domain::setup::{Maintenance, Override, Setup, Silence};
use firedog_domain::suppression::Leave;
use firedog_store::{self as store, Op, Tx, audit};
use jiff::Timestamp;
use std::sync::Arc;

/// A setup that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub version: i64,
    /// False: it was in force already and nothing was written.
    pub changed: bool,
}

impl Core {
    /// Puts a setup in force, whole. `expect`: the version that its plan was made against.
    pub async fn apply(&self, setup: Setup, by: &Actor, expect: Option<i64>) -> Result<Applied> {
        self.apply_with(setup, Vec::new(), by, expect).await
    }

    /// The same; `app` names the objects in it that were made in the app (`policy:pupper`) and so stand in no file.
    pub async fn apply_with(&self, setup: Setup, app: Vec<String>, by: &Actor, expect: Option<i64>) -> Result<Applied> {
        let scene = self.scene().await?;
        if expect.is_some_and(|version| version != scene.world.version) {
            return Err(Error::Conflict("somebody else has applied a setup meanwhile; look at the plan again".to_owned()));
        }
        // What would not decide must not be stored.
        Scene::new(firedog_domain::suppression::World { setup: setup.clone(), ..Default::default() }, 0)
            .map_err(Error::Refused)?;
        let known = if scene.world.version > 0 { self.read(HeadApp).await? } else { None };
        if known.is_some_and(|known| known == app) && scene.world.setup == setup {
            return Ok(Applied { version: scene.world.version, changed: false });
        }
        let body = serde_json::to_string(&setup).map_err(|e| Error::Refused(format!("the setup cannot be written: {e}")))?;
        let before = &scene.world.setup;
        let recheck = before.silences != setup.silences || before.maintenance != setup.maintenance;
        let version = scene.world.version + 1;
        let stored =
            store::setup::Stored { version, created_at: self.now(), author: actor_name(by), digest: digest(&body), body, app };
        let plan: String = plan(before, &setup).render().chars().take(MAX_PLAN).collect();
        match self.0.store.write(Apply { stored, recheck, plan, now: self.now(), audit_id: self.new_id() }).await {
            Ok(()) => Ok(Applied { version, changed: true }),
            Err(store::Error::Stale) => {
                Err(Error::Conflict("somebody else has applied a setup meanwhile; look at the plan again".to_owned()))
            }
            Err(error) => Err(crate::core::from_store(error)),
        }
    }

    async fn change(&self, change: Change, action: &'static str, subject: String, by: &Actor) -> Result<()> {
        let detail = serde_json::to_string(&change.described()).ok();
        let record = audit::Record {
            id: self.new_id(),
            at: self.now(),
            actor: actor_name(by),
            action: action.to_owned(),
            subject,
            before: None,
            after: detail,
            detail: None,
        };
        let change = Arc::new((change, record));
        let now = self.now();
        self.write(|_| ChangeOp { change: change.clone(), now }).await?;
        Ok(())
    }

    /// Puts somebody on (or takes them off) a schedule for a span. Answers the override's id.
    pub async fn add_override(&self, schedule: &ScheduleId, item: Override, by: &Actor) -> Result<OverrideId> {
        let scene = self.scene().await?;
        if scene.world.setup.schedule(schedule).is_none() {
            return Err(Error::NotFound(format!("there is no schedule `{schedule}`")));
        }
        let user = match &item.change {
            firedog_domain::setup::Change::Replace(user)
            | firedog_domain::setup::Change::Add(user)
            | firedog_domain::setup::Change::Remove(user) => user,
        };
        if scene.world.setup.user(user).is_none() {
            return Err(Error::NotFound(format!("there is no user `{user}`")));
        }
        if item.to <= item.from {
            return Err(Error::Refused("an override must end after it begins".to_owned()));
        }
        let id = OverrideId(self.new_id());
        let item = Override { id: id.clone(), created_at: self.now(), ..item };
        let change = Change::AddOverride(schedule.clone(), item, actor_name(by));
        self.change(change, "override.add", format!("override:{id}"), by).await?;
        Ok(id)
    }

    /// Somebody is away: every schedule goes without them meanwhile. Answers the leave's id.
    pub async fn add_leave(&self, leave: Leave, by: &Actor) -> Result<LeaveId> {
        if self.scene().await?.world.setup.user(&leave.user).is_none() {
            return Err(Error::NotFound(format!("there is no user `{}`", leave.user)));
        }
        if leave.to <= leave.from {
            return Err(Error::Refused("a leave must end after it begins".to_owned()));
        }
        let id = LeaveId(self.new_id());
        let change = Change::AddLeave(Leave { id: id.clone(), ..leave }, actor_name(by));
        self.change(change, "leave.add", format!("leave:{id}"), by).await?;
        Ok(id)
    }

    pub async fn end_leave(&self, id: &LeaveId, by: &Actor) -> Result<()> {
        self.change(Change::EndLeave(id.clone()), "leave.end", format!("leave:{id}"), by).await
    }

    pub async fn end_override(&self, id: &OverrideId, by: &Actor) -> Result<()> {
        self.change(Change::EndOverride(id.clone()), "override.remove", format!("override:{id}"), by).await
    }

    /// Adds a silence, or replaces the one with its id. Answers its id.
    pub async fn put_silence(&self, silence: Silence, by: &Actor) -> Result<SilenceId> {
        if silence.until <= silence.from {
            return Err(Error::Refused("a silence must end after it begins".to_owned()));
        }
        if let Some(service) = &silence.service
            && self.scene().await?.world.setup.service(service).is_none()
        {
            return Err(Error::NotFound(format!("there is no service `{service}`")));
        }
        let id = if silence.id.as_str().is_empty() { SilenceId(self.new_id()) } else { silence.id.clone() };
        let silence = Silence { id: id.clone(), ..silence };
        self.change(Change::PutSilence(silence), "silence.put", format!("silence:{id}"), by).await?;
        Ok(id)
    }

    pub async fn end_silence(&self, id: &SilenceId, by: &Actor) -> Result<()> {
        self.change(Change::EndSilence(id.clone()), "silence.end", format!("silence:{id}"), by).await
    }

    pub async fn add_maintenance(&self, maintenance: Maintenance, by: &Actor) -> Result<MaintenanceId> {
        let scene = self.scene().await?;
        if let Some(missing) = maintenance.services.iter().find(|id| scene.world.setup.service(id).is_none()) {
            return Err(Error::NotFound(format!("there is no service `{missing}`")));
        }
        let id = MaintenanceId(self.new_id());
        let maintenance = Maintenance { id: id.clone(), ..maintenance };
        let change = Change::AddMaintenance(maintenance, actor_name(by));
        self.change(change, "maintenance.add", format!("maintenance:{id}"), by).await?;
        Ok(id)
    }

    pub async fn end_maintenance(&self, id: &MaintenanceId, by: &Actor) -> Result<()> {
        self.change(Change::EndMaintenance(id.clone()), "maintenance.end", format!("maintenance:{id}"), by).await
    }
}

/// Tells two bodies apart; not a secret and not a signature.
fn digest(body: &str) -> String {
    let hash = body.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

/// The objects of the app in the setup that is in force.
struct HeadApp;

impl Op for HeadApp {
    type Out = Option<Vec<String>>;
    const NAME: &'static str = "setup_app";
    async fn run(&self, tx: &mut dyn Tx) -> store::Result<Self::Out> {
        Ok(store::setup::head(tx).await?.map(|stored| stored.app))
    }
}

/// How much of a plan the audit log keeps, in characters.
const MAX_PLAN: usize = 8_000;

struct Apply {
    plan: String,
    stored: store::setup::Stored,
    recheck: bool,
    now: Timestamp,
    audit_id: String,
}

impl Op for Apply {
    type Out = ();
    const NAME: &'static str = "apply_setup";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<()> {
        store::setup::put(tx, self.stored.version - 1, &self.stored).await?;
        if self.recheck {
            store::alert::touch_ready(tx, None, self.now).await?;
        }
        audit::append_many(
            tx,
            &[audit::Record {
                id: self.audit_id.clone(),
                at: self.now,
                actor: self.stored.author.clone(),
                action: "setup.apply".to_owned(),
                subject: format!("setup:{}", self.stored.version),
                before: None,
                after: None,
                detail: Some(self.plan.clone()),
            }],
        )
        .await
    }
}

enum Change {
    AddLeave(Leave, String),
    EndLeave(LeaveId),
    AddOverride(ScheduleId, Override, String),
    EndOverride(OverrideId),
    PutSilence(Silence),
    EndSilence(SilenceId),
    AddMaintenance(Maintenance, String),
    EndMaintenance(MaintenanceId),
}

impl Change {
    /// For the audit row.
    fn described(&self) -> serde_json::Value {
        let value = match self {
            Self::AddOverride(schedule, item, _) => {
                let mut value = serde_json::to_value(item);
                if let Ok(serde_json::Value::Object(fields)) = &mut value {
                    fields.insert("schedule".to_owned(), schedule.as_str().into());
                }
                value
            }
            Self::AddLeave(item, _) => serde_json::to_value(item),
            Self::PutSilence(item) => serde_json::to_value(item),
            Self::AddMaintenance(item, _) => serde_json::to_value(item),
            Self::EndLeave(_) | Self::EndOverride(_) | Self::EndSilence(_) | Self::EndMaintenance(_) => {
                Ok(serde_json::Value::Null)
            }
        };
        value.unwrap_or_default()
    }
}

struct ChangeOp {
    change: Arc<(Change, audit::Record)>,
    now: Timestamp,
}

impl Op for ChangeOp {
    type Out = ();
    const NAME: &'static str = "change_live";

    async fn run(&self, tx: &mut dyn Tx) -> store::Result<()> {
        let (change, record) = &*self.change;
        match change {
            Change::AddLeave(item, by) => store::live::add_leave(tx, item, by, self.now).await?,
            Change::EndLeave(id) => store::live::end_leave(tx, id, self.now).await.map(|_| ())?,
            Change::AddOverride(schedule, item, by) => store::live::add_override(tx, schedule, item, by).await?,
            Change::EndOverride(id) => store::live::end_override(tx, id, self.now).await.map(|_| ())?,
            Change::PutSilence(silence) => {
                store::live::put_silence(tx, silence, self.now).await?;
                // A silence that begins later holds at its time only what is due then; one in force holds at once.
                self.look_again(tx, silence.service.as_ref().map(std::slice::from_ref)).await?;
            }
            Change::EndSilence(id) => {
                let silence = store::live::end_silence(tx, id, self.now).await?;
                self.look_again(tx, silence.service.as_ref().map(std::slice::from_ref)).await?;
            }
            Change::AddMaintenance(item, by) => {
                store::live::add_maintenance(tx, item, by, self.now).await?;
                self.look_again(tx, Some(&item.services)).await?;
            }
            Change::EndMaintenance(id) => {
                let item = store::live::end_maintenance(tx, id, self.now).await?;
                self.look_again(tx, Some(&item.services)).await?;
            }
        }
        audit::append_many(tx, std::slice::from_ref(record)).await
    }
}

impl ChangeOp {
    /// Open alerts that may be held back or released by this are looked at now.
    async fn look_again(&self, tx: &mut dyn Tx, services: Option<&[ServiceId]>) -> store::Result<()> {
        store::alert::touch_ready(tx, services, self.now).await.map(|_| ())
    }
}
