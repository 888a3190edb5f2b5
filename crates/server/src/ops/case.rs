//! Vendor cases: opening, chasing, closing, and telling people when one has to be chased. The answer to a run's step opens its case
//! in the engine, in the transaction of that answer.

use super::{Error, Result, cover, record, rights, run};
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::deliver::Words;
use firedog_connectors::{Aside, mask};
use firedog_domain::case::{About, Case, Refusal, check_number, check_url, institution_of, of_run};
use firedog_domain::id::{AlertId, CaseId, InstitutionId, RunId, ServiceId, TeamId, UserId, VendorId};
use firedog_domain::setup::{Setup, Vendor};
use firedog_domain::time::after;
use firedog_engine::Engine;
use firedog_store::audit::{self, Record};
use firedog_store::case::{self as kept, Filter, Kept};
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Most cases that are listed.
pub const MAX_LISTED: u32 = 500;
/// Clocks of cases go by hours.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const TELL_LEASE: SignedDuration = SignedDuration::from_mins(2);
const TELL_BATCH: u32 = 16;
/// Two who change one case at the same moment; the second one is done after the first.
const TRIES: usize = 3;

/// A case as it is asked for. What is not said is taken from the run, then from the alert.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub vendor: Option<VendorId>,
    pub institution: Option<InstitutionId>,
    pub run: Option<RunId>,
    pub alert: Option<AlertId>,
    pub service: Option<ServiceId>,
    pub number: String,
    pub url: String,
}

pub async fn vendors(app: &App) -> Result<Vec<Vendor>> {
    Ok(app.engine.scene().await?.world.setup.vendors.iter().cloned().collect())
}

pub async fn get(app: &App, id: &str) -> Result<Case> {
    let found = app.engine.store().read(One(CaseId::from(id))).await?;
    found.map(|kept| kept.case).ok_or_else(|| missing(id))
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("there is no case {id}; see them: firedog case list --all"))
}

pub async fn list(app: &App, filter: Filter, limit: u32) -> Result<Vec<Case>> {
    let found = app.engine.store().read(All { filter, limit: limit.clamp(1, MAX_LISTED) }).await?;
    Ok(found.into_iter().map(|kept| kept.case).collect())
}

/// The cases of a run.
pub(super) async fn of_run_id(engine: &Engine, run: &RunId) -> Result<Vec<Case>> {
    let filter = Filter { run: Some(run.clone()), ..Filter::default() };
    let found = engine.store().read(All { filter, limit: MAX_LISTED }).await?;
    Ok(found.into_iter().map(|kept| kept.case).collect())
}

/// Whether the caller may act on cases of a team.
fn may_act(setup: &Setup, caller: &Caller, team: Option<&TeamId>) -> Result<()> {
    if caller.role >= Role::Responder && rights::in_team(setup, caller, team) {
        return Ok(());
    }
    let team = team.map_or("", TeamId::as_str);
    Err(Error::NotAllowed(format!("the case belongs to the team {team}, and you are not one of its members")))
}

/// Opens a case by hand; with `true` the one that is open already under this number.
pub async fn open(app: &App, wish: Wish, caller: &Caller) -> Result<(Case, bool)> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    let Wish { vendor, mut institution, run, alert, service, number, url } = wish;
    let mut about = About::default();
    if let Some(id) = &run {
        let run = run::get(app, id.as_str()).await?;
        about = of_run(&run, setup);
        institution = institution.or_else(|| institution_of(&run));
    }
    if let Some(id) = alert.as_ref().or(about.alert.as_ref()).cloned() {
        // An alert that was named has to be there; that of a run may be gone by now.
        match super::alerts::show(app, &id).await {
            Ok(shown) => {
                let label = shown.alert.labels.get("institution").map(|id| InstitutionId::from(id.as_str()));
                institution = institution.or(label.filter(|id| setup.institutions.contains(id.as_str())));
                about.service = about.service.or(shown.alert.service);
            }
            Err(error) if alert.is_some() => return Err(error),
            Err(_) => {}
        }
        about.alert = Some(id);
    }
    if let Some(id) = service {
        if setup.service(&id).is_none() {
            return Err(Error::NotFound(format!("there is no service `{id}`")));
        }
        about.service = Some(id);
    }
    let of_service = || Some(setup.service(about.service.as_ref()?)?.team.clone());
    about.team = about.team.take().or_else(of_service);
    may_act(setup, caller, about.team.as_ref())?;
    if let Some(id) = institution.as_ref().filter(|id| !setup.institutions.contains(id.as_str())) {
        return Err(run::no_such("institution", id.as_str(), setup.institutions.slugs()));
    }
    let of_institution = || setup.institutions.get(institution.as_ref()?.as_str())?.vendor.clone();
    let Some(vendor) = vendor.or_else(of_institution) else {
        let known = setup.vendors.slugs().take(12).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "the setup has none yet".to_owned() } else { format!("there is: {known}") };
        return Err(Error::Invalid(format!("say which vendor the case is with; {known}")));
    };
    let Some(vendor) = setup.vendor(&vendor) else {
        return Err(run::no_such("vendor", vendor.as_str(), setup.vendors.slugs()));
    };
    let mut case = Case::open(CaseId(app.engine.new_id()), vendor, institution, about, run::who(caller), app.now());
    case.number = check_number(&mask::text(&number)).map_err(Error::Invalid)?;
    case.url = Some(check_url(&url).map_err(Error::Invalid)?).filter(|url| !url.is_empty());
    let detail = format!("{} {}", case.vendor, case.number);
    let row = record::of(app, caller, "case.open", format!("case:{}", case.id));
    let row = Record { detail: Some(detail.trim().to_owned()), ..row };
    again(|| app.engine.store().write(Open { case: case.clone(), row: row.clone() })).await
}

/// What is done to a case.
#[derive(Clone, Debug)]
pub enum Deed {
    /// The vendor was asked again.
    Chase {
        note: String,
    },
    Close {
        reason: String,
    },
    /// An empty address leaves it as it is.
    Number {
        number: String,
        url: String,
    },
}

pub async fn act(app: &App, id: &str, deed: Deed, caller: &Caller) -> Result<Case> {
    let case = get(app, id).await?;
    let scene = app.engine.scene().await?;
    may_act(&scene.world.setup, caller, case.about.team.as_ref())?;
    let text = |text: String| mask::text(text.trim()).into_owned();
    let (action, deed) = match deed {
        Deed::Chase { note } => ("case.chase", Deed::Chase { note: text(note) }),
        Deed::Close { reason } => ("case.close", Deed::Close { reason: text(reason) }),
        Deed::Number { number, url } => ("case.number", Deed::Number { number: text(number), url }),
    };
    let said = match &deed {
        Deed::Chase { note } => note,
        Deed::Close { reason } => reason,
        Deed::Number { number, .. } => number,
    };
    let row = Record { detail: Some(said.clone()), ..record::of(app, caller, action, format!("case:{id}")) };
    let change = Change { id: case.id, deed, by: run::who(caller), now: app.now(), row };
    match again(|| app.engine.store().write(change.clone())).await? {
        Some(done) => done.map_err(Error::Conflict),
        None => Err(missing(id)),
    }
}

/// Once more where somebody else was quicker.
async fn again<T, F: Future<Output = firedog_store::Result<T>>>(write: impl Fn() -> F) -> Result<T> {
    for _ in 1..TRIES {
        match write().await {
            Err(firedog_store::Error::Conflict) => {}
            done => return Ok(done?),
        }
    }
    match write().await {
        Err(firedog_store::Error::Conflict) => {
            Err(Error::Conflict("somebody else has changed it at the same moment; look again".to_owned()))
        }
        done => Ok(done?),
    }
}

/// Tells people of cases that have to be chased. Until it is aborted.
pub async fn keep(app: App) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = tell_due(&app).await {
            tracing::warn!(%error, "people could not be told of cases that have to be chased; trying again");
        }
    }
}

/// Once for each time that is due. Answers how many messages went out.
pub async fn tell_due(app: &App) -> Result<usize> {
    let now = app.now();
    if app.engine.store().read(Next).await?.is_none_or(|at| at > now) {
        return Ok(0);
    }
    let due = app.engine.store().write(Claim { now, lease: after(now, TELL_LEASE) }).await?;
    let mut sent = 0;
    for kept in due {
        sent += tell(app, &kept).await?;
        app.engine.store().write(Told(kept)).await?;
    }
    Ok(sent)
}

async fn tell(app: &App, kept: &Kept) -> Result<usize> {
    let case = &kept.case;
    let scene = app.engine.scene().await?;
    let world = &scene.world;
    let vendor = world.setup.vendor(&case.vendor).map_or(case.vendor.as_str(), Vendor::display_name);
    // Subjects carry an institution's code, never its name.
    let code = case.institution.as_ref().map(|id| {
        let code = world.setup.institutions.get(id.as_str()).and_then(|one| one.code.as_deref());
        format!(" for {}", code.unwrap_or(id.as_str()))
    });
    let number = if case.number.is_empty() { "their case".to_owned() } else { format!("case {}", case.number) };
    let last = case.chases.last().map(|chase| format!(" Last asked by {}: {}", chase.by, chase.note)).unwrap_or_default();
    let words = Words {
        aside: Aside::Ask,
        key: format!("case-{}-{}", case.id, kept.version),
        title: format!("Ask {vendor} about {number}"),
        text: format!("They owe us an answer to {number}{}.{last}", code.unwrap_or_default()),
        url: format!("{}/cases/{}", app.links_base, case.id),
    };
    let mut sent = 0;
    for id in asked(app, &world.setup, case).await? {
        if let Some(user) = world.setup.user(&id) {
            sent += cover::tell_one(app, world, user, &words).await;
        }
    }
    Ok(sent)
}

/// Who is on call for its service, else who opened it, else its team.
async fn asked(app: &App, setup: &Setup, case: &Case) -> Result<Vec<UserId>> {
    // A service that was removed has nobody on call, and must not keep the others from being told.
    if let Some(service) = case.about.service.as_ref().filter(|id| setup.service(id).is_some()) {
        let first = run::on_call(app, service).await?;
        if !first.is_empty() {
            return Ok(first);
        }
    }
    let opener = UserId::from(case.opened_by.as_str());
    if setup.user(&opener).is_some() {
        return Ok(vec![opener]);
    }
    let team = case.about.team.as_ref().and_then(|team| setup.team(team));
    Ok(team.map(|team| team.members.clone()).unwrap_or_default())
}

struct One(CaseId);

impl Op for One {
    type Out = Option<Kept>;
    const NAME: &'static str = "case_get";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        kept::get(tx, &self.0).await
    }
}

struct All {
    filter: Filter,
    limit: u32,
}

impl Op for All {
    type Out = Vec<Kept>;
    const NAME: &'static str = "case_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        kept::list(tx, &self.filter, self.limit).await
    }
}

struct Open {
    case: Case,
    row: Record,
}

impl Op for Open {
    type Out = (Case, bool);
    const NAME: &'static str = "case_open";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        let (case, joined) = kept::open(tx, &self.case).await?;
        if !joined {
            audit::append_many(tx, std::slice::from_ref(&self.row)).await?;
        }
        Ok((case, joined))
    }
}

#[derive(Clone)]
struct Change {
    id: CaseId,
    deed: Deed,
    by: String,
    now: Timestamp,
    row: Record,
}

impl Change {
    fn apply(&self, case: &mut Case) -> std::result::Result<bool, Refusal> {
        match &self.deed {
            Deed::Chase { note } => case.chase(note, self.by.clone(), self.now).map(|()| true),
            Deed::Close { reason } => case.close(reason, self.by.clone(), self.now).map(|()| true),
            Deed::Number { number, url } => case.set_number(number, url).map(|()| false),
        }
    }
}

impl Op for Change {
    type Out = Option<std::result::Result<Case, Refusal>>;
    const NAME: &'static str = "case_change";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        let Some(mut kept) = kept::get(tx, &self.id).await? else { return Ok(None) };
        let clock = match self.apply(&mut kept.case) {
            Ok(clock) => clock,
            Err(refusal) => return Ok(Some(Err(refusal))),
        };
        if kept.case.is_open()
            && let Some(other) = kept::same(tx, &kept.case).await?.filter(|other| other.case.id != kept.case.id)
        {
            let text = format!("{} is the number of another open case: {}", kept.case.number, other.case.id);
            return Ok(Some(Err(text)));
        }
        kept::update(tx, &kept, clock).await?;
        audit::append_many(tx, std::slice::from_ref(&self.row)).await?;
        Ok(Some(Ok(kept.case)))
    }
}

struct Next;

impl Op for Next {
    type Out = Option<Timestamp>;
    const NAME: &'static str = "case_next";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        kept::next_told(tx).await
    }
}

struct Claim {
    now: Timestamp,
    lease: Timestamp,
}

impl Op for Claim {
    type Out = Vec<Kept>;
    const NAME: &'static str = "case_claim";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        kept::claim_told(tx, self.now, self.lease, TELL_BATCH).await
    }
}

struct Told(Kept);

impl Op for Told {
    type Out = ();
    const NAME: &'static str = "case_told";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        kept::told(tx, &self.0).await
    }
}
