//! The setup: checking it, planning, applying, exporting.

use super::{Error, Result, connected, objects};
use crate::app::App;
use crate::auth::Caller;
use crate::deliver::place;
use crate::secret::{Key, SEALED};
use firedog_domain::alert::{Actor, Alert, Pin, State};
use firedog_domain::setup::diagnostic::Diagnostic;
use firedog_domain::setup::load::{NoOutside, Outside, SourceFile, check as check_files};
use firedog_domain::setup::plan::{Plan, plan};
use firedog_domain::setup::{Connection, Contact, Setup, Target, User};
use firedog_store::alert::Filter;
use firedog_store::setup::Stored;
use firedog_store::{Op, Tx};
use serde::Serialize;
use utoipa::ToSchema;

/// Open alerts that are looked through and listed; with more of them open, an `apply` is not what matters.
const MAX_OPEN: u32 = 1_000;

/// An open alert that a plan touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Touched {
    pub id: String,
    pub service: Option<String>,
    pub summary: String,
    /// How: `its policy pupper is removed; it keeps the steps it had`.
    pub how: String,
}

/// What an apply would do, or has done.
#[derive(Clone, Debug)]
pub struct Applied {
    /// In force now.
    pub version: i64,
    pub plan: Plan,
    pub warnings: Vec<Diagnostic>,
    pub open_alerts: Vec<Touched>,
    /// False: dry run, or nothing to change.
    pub changed: bool,
}

/// How to apply.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    pub dry_run: bool,
    /// Also when open alerts lose something by it.
    pub yes: bool,
    /// Only if this version is still in force.
    pub expect_version: Option<i64>,
}

/// The version in force. `None`: there is none yet.
pub async fn head(app: &App) -> Result<Option<Stored>> {
    Ok(app.engine.store().read(Head).await?)
}

pub fn check(app: &App, files: &[SourceFile]) -> Vec<Diagnostic> {
    check_files(files, &NoOutside, app.now()).diagnostics
}

/// Files that apply to no change: keys as digests, secrets sealed.
pub async fn export(app: &App) -> Result<Vec<SourceFile>> {
    let scene = app.engine.scene().await?;
    // Before the first apply there is nothing, not an empty file.
    if scene.world.version == 0 {
        return Ok(Vec::new());
    }
    Ok(firedog_domain::setup::export::export(&scene.world.setup))
}

/// Applies files that came over the network: nothing outside of them is read.
pub async fn apply(app: &App, files: &[SourceFile], wish: Wish, caller: &Caller) -> Result<Applied> {
    apply_from(app, files, &NoOutside, wish, &caller.actor()).await
}

/// Applies files that may refer to the environment and to other files.
pub async fn apply_from(
    app: &App,
    files: &[SourceFile],
    outside: &(dyn Outside + Sync),
    wish: Wish,
    by: &Actor,
) -> Result<Applied> {
    let owned = objects::owned(app).await?;
    let given = check_files(files, outside, app.now());
    // What was made in the app stays, unless a file has it now; so that a mistake in the files is told where it stands, they are
    // looked at alone first.
    let kept = match &given.setup {
        Some(setup) => objects::not_in(&owned, setup),
        None => owned,
    };
    let beside = objects::file(app, &kept).await?;
    let (loaded, kept) = match beside {
        Some(beside) => {
            let all: Vec<SourceFile> = files.iter().cloned().chain([beside]).collect();
            (check_files(&all, outside, app.now()), kept)
        }
        None => (given, Vec::new()),
    };
    let Some(setup) = loaded.setup else { return Err(Error::Mistakes(loaded.diagnostics)) };
    put(app, setup, kept, loaded.diagnostics, wish, by).await
}

/// Puts a setup in force, or plans it. `own`: what of it was made in the app.
pub(super) async fn put(
    app: &App,
    setup: Setup,
    own: Vec<String>,
    warnings: Vec<Diagnostic>,
    wish: Wish,
    by: &Actor,
) -> Result<Applied> {
    let setup = as_kept(&sealed(&app.key, setup)?)?;
    let scene = app.engine.scene().await?;
    let version = scene.world.version;
    if wish.expect_version.is_some_and(|expected| expected != version) {
        return Err(Error::Conflict(format!("version {version} is in force by now; look at the plan again")));
    }
    let before = &scene.world.setup;
    let mut plan = plan(before, &setup);
    let open = app.engine.store().read(Open).await?;
    let open_alerts = touched(before, &plan, &open);
    refer(&mut plan, &open, &scene.world.live.overrides);
    let mut answer = Applied { version, plan, warnings, open_alerts, changed: false };
    if wish.dry_run {
        return Ok(answer);
    }
    if !answer.open_alerts.is_empty() && !wish.yes {
        let n = answer.open_alerts.len();
        return Err(Error::Conflict(format!(
            "{n} open alerts are touched by what is removed; look at the plan and say yes to it"
        )));
    }
    let applied = app.engine.apply(setup, own, by, Some(version)).await?;
    app.recent_scene.forget();
    answer.version = applied.version;
    answer.changed = applied.changed;
    Ok(answer)
}

/// The setup as it comes back from the store. Some things are given while loading files (numbers of overrides) and not
/// kept; with them every setup would look changed.
pub(super) fn as_kept(setup: &Setup) -> Result<Setup> {
    let kept = serde_json::to_string(setup).and_then(|text| serde_json::from_str(&text));
    kept.map_err(|error| Error::Broken(format!("the setup does not survive being stored: {error}")))
}

/// Every secret of a contact method and of a connection sealed with the server's key.
fn sealed(key: &Key, mut setup: Setup) -> Result<Setup> {
    let users: Vec<User> = setup.users.iter().cloned().collect();
    let seal = |user: User| -> Result<User> {
        let contact = user.contact.iter().cloned().map(|contact| seal_contact(key, &user, contact)).collect::<Result<_>>()?;
        Ok(User { contact, ..user })
    };
    setup.users = users.into_iter().map(seal).collect::<Result<Vec<User>>>()?.into_iter().collect();
    let connections: Vec<Connection> = setup.connections.iter().cloned().collect();
    let seal = |connection: Connection| -> Result<Connection> {
        let place = connected::place(&connection.id);
        let whose = format!("connection {}", connection.id);
        let signing = connected::signing_place(&connection.id);
        let secret = seal_one(key, &place, connection.secret, &whose)?;
        let signing_secret = seal_one(key, &signing, connection.signing_secret, &whose)?;
        Ok(Connection { secret, signing_secret, ..connection })
    };
    setup.connections = connections.into_iter().map(seal).collect::<Result<Vec<Connection>>>()?.into_iter().collect();
    Ok(setup)
}

fn seal_one(key: &Key, place: &str, secret: Option<String>, whose: &str) -> Result<Option<String>> {
    match secret {
        Some(secret) if secret.starts_with(SEALED) => match key.unseal(place, &secret) {
            Ok(_) => Ok(Some(secret)),
            Err(_) => Err(Error::Invalid(format!(
                "the secret of {whose} was sealed by another installation or for another place; write the secret itself"
            ))),
        },
        Some(plain) => Ok(Some(key.seal(place, &plain))),
        None => Ok(None),
    }
}

fn seal_contact(key: &Key, user: &User, contact: Contact) -> Result<Contact> {
    let whose = format!("contact {} of {}", contact.id, user.id);
    let secret = seal_one(key, &place(&user.id, &contact.id), contact.secret, &whose)?;
    Ok(Contact { secret, ..contact })
}

/// Open alerts that lose something by what the plan removes.
fn touched(before: &Setup, plan: &Plan, open: &[Alert]) -> Vec<Touched> {
    let (services, policies) = (plan.removed_services(), plan.removed_policies());
    let (users, schedules) = (plan.removed_users(), plan.removed_schedules());
    let how = |alert: &Alert| -> Option<String> {
        if let Some(service) = alert.service.as_ref().filter(|id| services.contains(id)) {
            return Some(format!("its service {service} is removed; it goes on along its policy"));
        }
        match &alert.policy {
            Pin::Policy(id) if policies.contains(id) => {
                Some(format!("its policy {id} is removed; it keeps the steps that it has"))
            }
            Pin::Policy(id) => {
                let targets = before.policy(id)?.steps.iter().flat_map(|step| &step.page);
                let gone = targets.filter_map(|target| match target {
                    Target::User(id) if users.contains(id) => Some(format!("user {id}")),
                    Target::Schedule(id) if schedules.contains(id) => Some(format!("schedule {id}")),
                    _ => None,
                });
                let gone: Vec<String> = gone.collect();
                (!gone.is_empty()).then(|| format!("its policy pages {}, removed; such a step is skipped", gone.join(", ")))
            }
            Pin::User(id) if users.contains(id) => Some(format!("it was for user {id}, removed; it goes to the catch-all")),
            _ => None,
        }
    };
    let row = |alert: &Alert| {
        how(alert).map(|how| Touched {
            id: alert.id.to_string(),
            service: alert.service.as_ref().map(ToString::to_string),
            summary: alert.summary.clone(),
            how,
        })
    };
    open.iter().filter_map(row).collect()
}

/// What lives outside of the setup and still needs what is removed.
fn refer(
    plan: &mut Plan,
    open: &[Alert],
    overrides: &std::collections::BTreeMap<firedog_domain::id::ScheduleId, Vec<firedog_domain::setup::Override>>,
) {
    use firedog_domain::setup::Change::{Add, Remove, Replace};
    for removed in &mut plan.removed {
        let id = removed.id.as_str();
        let alerts = open.iter().filter(|alert| match removed.kind {
            "service" => alert.service.as_ref().is_some_and(|service| service.as_str() == id),
            "policy" => matches!(&alert.policy, Pin::Policy(policy) if policy.as_str() == id),
            "user" => matches!(&alert.policy, Pin::User(user) if user.as_str() == id),
            "team" => matches!(&alert.policy, Pin::Team(team) if team.as_str() == id),
            _ => false,
        });
        removed.still_referred_by.extend(alerts.map(|alert| format!("open alert {}", alert.id)));
        for (schedule, items) in overrides {
            let of_user = |change: &firedog_domain::setup::Change| match change {
                Replace(user) | Add(user) | Remove(user) => user.as_str() == id,
            };
            let hit = |item: &&firedog_domain::setup::Override| match removed.kind {
                "schedule" => schedule.as_str() == id,
                "user" => of_user(&item.change),
                _ => false,
            };
            let rows = items.iter().filter(hit).map(|item| format!("override {} on {schedule}", item.id));
            removed.still_referred_by.extend(rows);
        }
    }
}

struct Head;

impl Op for Head {
    type Out = Option<Stored>;
    const NAME: &'static str = "setup_head";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        firedog_store::setup::head(tx).await
    }
}

struct Open;

impl Op for Open {
    type Out = Vec<Alert>;
    const NAME: &'static str = "alert_list_open";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        let filter = Filter { states: vec![State::Triggered, State::Acknowledged], ..Filter::default() };
        firedog_store::alert::list(tx, &filter, None, MAX_OPEN).await
    }
}
