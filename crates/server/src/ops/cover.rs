//! Asking to be covered: the request goes to whoever could, and the first yes is an override in the same transaction.

use super::sign_in::nobody;
use super::timeline::LONGEST;
use super::{Error, Result, live, record, rights};
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::deliver::Words;
use firedog_connectors::Aside;
use firedog_domain::cover::{Cover, CoverState, Stretch};
use firedog_domain::id::{CoverId, OverrideId, ScheduleId, UserId};
use firedog_domain::schedule::render;
use firedog_domain::setup::{Channel, Override, User};
use firedog_domain::suppression::World;
use firedog_domain::time::after;
use firedog_store::audit::{self, Record};
use firedog_store::cover::{self, Kept};
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};

/// Most requests that are listed.
const MAX_LISTED: u32 = 2_000;
/// People are told in batches; a node that dies in the middle leaves the rest to the next one after this.
const TELL_LEASE: SignedDuration = SignedDuration::from_mins(2);
const BATCH: u32 = 16;

/// A request as it is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    pub schedule: String,
    /// Default: the caller.
    pub user: Option<UserId>,
    pub from: Option<Timestamp>,
    pub until: Timestamp,
    pub note: String,
    /// Empty: everybody who could.
    pub ask: Vec<UserId>,
    pub in_return: Option<Stretch>,
}

/// A request, and who may say yes to it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub cover: Cover,
    pub eligible: Vec<UserId>,
}

fn asked(world: &World, cover: Cover) -> Asked {
    Asked { eligible: if cover.state == CoverState::Open { cover.eligible(world) } else { Vec::new() }, cover }
}

/// Those that are not over, in the order of their times.
pub async fn list(app: &App) -> Result<Vec<Asked>> {
    let mut kept = app.engine.store().read(All(app.now())).await?;
    kept.sort_by_key(|kept| (kept.cover.from, kept.cover.created_at));
    let scene = app.engine.scene().await?;
    Ok(kept.into_iter().map(|kept| asked(&scene.world, kept.cover)).collect())
}

pub async fn ask(app: &App, wish: Wish, caller: &Caller) -> Result<Asked> {
    let user = wish.user.or_else(|| caller.user.clone()).ok_or_else(nobody)?;
    let scene = app.engine.scene().await?;
    let world = &scene.world;
    let schedule = super::oncall::find_schedule(&world.setup, &wish.schedule)?;
    speaks_for(world, caller, &user)?;
    rights::on_schedule(app, caller, &schedule.id).await?;
    let from = wish.from.unwrap_or_else(|| app.now());
    live::check_span(from, wish.until, app.now())?;
    if wish.until.duration_since(from) > LONGEST {
        return Err(Error::Invalid("ask for a year at the most".to_owned()));
    }
    let present = world.live.overrides_of(&schedule.id);
    let is_on = |who: &UserId, from, until| render(schedule, present, from, until).iter().any(|span| span.users.contains(who));
    if !is_on(&user, from, wish.until) {
        return Err(Error::Conflict(format!("{user} is not on {} in that time; there is nothing to cover", schedule.id)));
    }
    if let Some(unknown) = wish.ask.iter().find(|one| world.setup.user(one).is_none()) {
        return Err(Error::NotFound(format!("there is no user `{unknown}`")));
    }
    if let Some(back) = wish.in_return {
        let [one] = &wish.ask[..] else {
            return Err(Error::Invalid("a swap asks one person: name them in `ask`".to_owned()));
        };
        live::check_span(back.from, back.until, app.now())?;
        if !is_on(one, back.from, back.until) {
            return Err(Error::Conflict(format!("{one} is not on {} in the time that is asked in return", schedule.id)));
        }
    }
    let cover = Cover {
        id: CoverId(app.engine.new_id()),
        schedule: schedule.id.clone(),
        user,
        from,
        until: wish.until,
        note: live::check_why(&wish.note)?,
        asked: wish.ask,
        in_return: wish.in_return,
        declined: Vec::new(),
        state: CoverState::Open,
        taken_by: None,
        overrides: Vec::new(),
        created_at: app.now(),
        created_by: caller.describe(),
    };
    let asked = asked(world, cover);
    if asked.eligible.is_empty() {
        return Err(Error::Conflict("nobody could take it: everybody else is away or not in this team".to_owned()));
    }
    let mut row = record::of(app, caller, "cover.ask", format!("cover:{}", asked.cover.id));
    row.after = serde_json::to_string(&asked.cover).ok();
    app.engine.store().write(Insert { cover: asked.cover.clone(), row }).await?;
    tell_soon(app);
    Ok(asked)
}

/// Oneself, or somebody of a team that one manages.
fn speaks_for(world: &World, caller: &Caller, user: &UserId) -> Result<()> {
    if world.setup.user(user).is_none() {
        return Err(Error::NotFound(format!("there is no user `{user}`")));
    }
    let shared = || rights::teams_of(&world.setup, user).iter().any(|team| rights::in_team(&world.setup, caller, Some(team)));
    let own = caller.user.as_ref() == Some(user);
    if own || caller.role == Role::Admin || caller.role >= Role::Manager && shared() {
        return Ok(());
    }
    Err(Error::NotAllowed(format!("{user} asks for it, or somebody who manages one of their teams")))
}

async fn find(app: &App, id: &str) -> Result<Kept> {
    let found = app.engine.store().read(One(CoverId::from(id))).await?;
    found.ok_or_else(|| Error::NotFound(format!("there is no request {id}")))
}

fn is_open(kept: &Kept, now: Timestamp) -> Result<()> {
    match (kept.cover.state, &kept.cover.taken_by) {
        (CoverState::Open, _) if kept.cover.until > now => Ok(()),
        (CoverState::Open, _) => Err(Error::Conflict("its time is over".to_owned())),
        (_, Some(taker)) => Err(Error::Conflict(format!("{taker} has taken it already"))),
        _ => Err(Error::Conflict("it was taken back".to_owned())),
    }
}

/// Takes back a request.
pub async fn cancel(app: &App, id: &str, caller: &Caller) -> Result<()> {
    let kept = find(app, id).await?;
    let scene = app.engine.scene().await?;
    speaks_for(&scene.world, caller, &kept.cover.user)?;
    is_open(&kept, app.now())?;
    let row = record::of(app, caller, "cover.cancel", format!("cover:{id}"));
    let kept = Kept { cover: Cover { state: CoverState::Cancelled, ..kept.cover }, ..kept };
    write(app, Change { kept, tell_at: None, overrides: Vec::new(), rest: Vec::new(), row }).await
}

/// A no; the others may still say yes.
pub async fn decline(app: &App, id: &str, caller: &Caller) -> Result<Asked> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    let mut kept = find(app, id).await?;
    is_open(&kept, app.now())?;
    let scene = app.engine.scene().await?;
    may_answer(&scene.world, &kept.cover, &user)?;
    kept.cover.declined.push(user);
    let row = record::of(app, caller, "cover.decline", format!("cover:{id}"));
    let cover = kept.cover.clone();
    // Whoever asked is told when nobody is left who could.
    let tell_at = cover.eligible(&scene.world).is_empty().then(|| app.now());
    write(app, Change { kept, tell_at, overrides: Vec::new(), rest: Vec::new(), row }).await?;
    tell_soon(app);
    Ok(asked(&scene.world, cover))
}

fn may_answer(world: &World, cover: &Cover, user: &UserId) -> Result<()> {
    if cover.eligible(world).contains(user) {
        return Ok(());
    }
    Err(Error::NotAllowed(if cover.user == *user {
        "it is your own request".to_owned()
    } else if cover.declined.contains(user) {
        "you have said no to it; ask to be asked again".to_owned()
    } else {
        "you are not among those who are asked".to_owned()
    }))
}

/// A yes, for all of it or a part; the rest stays open as requests of its own.
pub async fn accept(app: &App, id: &str, part: (Option<Timestamp>, Option<Timestamp>), caller: &Caller) -> Result<Asked> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    let kept = find(app, id).await?;
    let now = app.now();
    is_open(&kept, now)?;
    let scene = app.engine.scene().await?;
    let world = &scene.world;
    may_answer(world, &kept.cover, &user)?;
    let part = Stretch { from: part.0.unwrap_or(kept.cover.from), until: part.1.unwrap_or(kept.cover.until) };
    let changes = kept.cover.accept(world, &user, part, now).map_err(Error::Conflict)?;
    let overrides: Vec<Override> =
        changes.into_iter().map(|one| Override { id: OverrideId(app.engine.new_id()), ..one }).collect();
    let rest = kept.cover.rest(part).into_iter().filter(|left| left.until > now);
    let rest =
        rest.map(|left| Cover { id: CoverId(app.engine.new_id()), from: left.from, until: left.until, ..kept.cover.clone() });
    let rest: Vec<Cover> = rest.collect();
    let cover = Cover {
        state: CoverState::Taken,
        taken_by: Some(user),
        from: part.from,
        until: part.until,
        overrides: overrides.iter().map(|one| one.id.clone()).collect(),
        ..kept.cover
    };
    let mut row = record::of(app, caller, "cover.accept", format!("cover:{id}"));
    row.after = serde_json::to_string(&cover).ok();
    let kept = Kept { cover: cover.clone(), version: kept.version };
    write(app, Change { kept, tell_at: Some(now), overrides, rest, row }).await?;
    tell_soon(app);
    Ok(asked(world, cover))
}

async fn write(app: &App, change: Change) -> Result<()> {
    match app.engine.store().write(change).await {
        Err(firedog_store::Error::Conflict) => {
            Err(Error::Conflict("somebody else has answered at the same moment; look again".to_owned()))
        }
        done => Ok(done?),
    }
}

/// Nobody waits for messages; the chores send what this does not.
fn tell_soon(app: &App) {
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = tell_due(&app).await {
            tracing::warn!(%error, "people could not be told of a request to be covered; it is tried again");
        }
    });
}

/// Tells those who are asked of new requests, and those who have asked of the answer. Answers how many messages went out.
pub async fn tell_due(app: &App) -> Result<usize> {
    let now = app.now();
    let due = app.engine.store().write(Claim { now, lease: after(now, TELL_LEASE) }).await?;
    let mut sent = 0;
    for kept in due {
        sent += tell(app, &kept).await?;
        app.engine.store().write(Told(kept)).await?;
    }
    Ok(sent)
}

async fn tell(app: &App, kept: &Kept) -> Result<usize> {
    let scene = app.engine.scene().await?;
    let world = &scene.world;
    let cover = &kept.cover;
    let name = |user: &UserId| world.setup.user(user).map_or_else(|| user.to_string(), |user| user.display_name().to_owned());
    let schedule = world.setup.schedule(&cover.schedule);
    let what = schedule.map_or(cover.schedule.as_str(), |one| if one.name.is_empty() { one.id.as_str() } else { &one.name });
    let eligible = cover.eligible(world);
    let (to, title) = match (cover.state, &cover.taken_by) {
        (CoverState::Open, _) if eligible.is_empty() => (vec![cover.user.clone()], format!("Nobody can take {what}")),
        (CoverState::Open, _) if cover.in_return.is_some() => (eligible, format!("{} asks to swap {what}", name(&cover.user))),
        (CoverState::Open, _) => (eligible, format!("{} asks to be covered on {what}", name(&cover.user))),
        (CoverState::Taken, Some(taker)) => (vec![cover.user.clone()], format!("{} has taken {what}", name(taker))),
        _ => return Ok(0),
    };
    let mut sent = 0;
    for user in to.iter().filter_map(|id| world.setup.user(id)) {
        // In the reader's own zone.
        let zone = user.timezone.as_ref().or(schedule.map(|one| &one.timezone));
        let clock = |at: Timestamp| match zone {
            Some(zone) => at.to_zoned(zone.tz().clone()).strftime("%a %-d %b %H:%M %Z").to_string(),
            None => at.to_string(),
        };
        let mut text = format!("From {} until {}.", clock(cover.from), clock(cover.until));
        if let Some(back) = cover.in_return {
            text.push_str(&format!(" In return: from {} until {}.", clock(back.from), clock(back.until)));
        }
        if !cover.note.is_empty() {
            text.push_str(&format!(" {}", cover.note));
        }
        let words = Words {
            aside: Aside::Ask,
            key: format!("cover-{}-{}-{}", cover.id, kept.version, user.id),
            title: title.clone(),
            text,
            url: format!("{}/shifts", app.links_base),
        };
        sent += tell_one(app, world, user, &words).await;
    }
    Ok(sent)
}

/// At leisure: by mail and on their devices, never over what makes a telephone ring.
pub(super) async fn tell_one(app: &App, world: &World, user: &User, words: &Words) -> usize {
    let by_mail = user.contacts().into_iter().find(|contact| contact.address.channel() == Channel::Email && !contact.rings);
    let mut sent = 0;
    for contact in by_mail.into_iter().chain(world.live.push_contact(&user.id)) {
        let channel = contact.address.channel();
        let outcome = app.delivery.tell(user, contact, words.clone()).await;
        if outcome == firedog_domain::delivery::Outcome::Sent {
            sent += 1;
        } else {
            // It also stands on their screen; nobody is paged by it.
            tracing::warn!(user = %user.id, channel = channel.as_str(), reason = outcome.reason(), "a request did not reach somebody");
        }
    }
    sent
}

struct All(Timestamp);

impl Op for All {
    type Out = Vec<Kept>;
    const NAME: &'static str = "cover_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        cover::list(tx, self.0, MAX_LISTED).await
    }
}

struct One(CoverId);

impl Op for One {
    type Out = Option<Kept>;
    const NAME: &'static str = "cover_get";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        cover::get(tx, &self.0).await
    }
}

struct Insert {
    cover: Cover,
    row: Record,
}

impl Op for Insert {
    type Out = ();
    const NAME: &'static str = "cover_ask";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        cover::insert(tx, &self.cover).await?;
        audit::append_many(tx, std::slice::from_ref(&self.row)).await
    }
}

/// An answer and what comes of it, together or not at all.
struct Change {
    kept: Kept,
    tell_at: Option<Timestamp>,
    overrides: Vec<Override>,
    rest: Vec<Cover>,
    row: Record,
}

impl Op for Change {
    type Out = ();
    const NAME: &'static str = "cover_answer";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        cover::update(tx, &self.kept, self.tell_at).await?;
        let schedule: &ScheduleId = &self.kept.cover.schedule;
        for item in &self.overrides {
            firedog_store::live::add_override(tx, schedule, item, &self.row.actor).await?;
        }
        for rest in &self.rest {
            cover::insert(tx, rest).await?;
        }
        audit::append_many(tx, std::slice::from_ref(&self.row)).await
    }
}

struct Claim {
    now: Timestamp,
    lease: Timestamp,
}

impl Op for Claim {
    type Out = Vec<Kept>;
    const NAME: &'static str = "cover_claim";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        cover::claim_told(tx, self.now, self.lease, BATCH).await
    }
}

struct Told(Kept);

impl Op for Told {
    type Out = ();
    const NAME: &'static str = "cover_told";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        cover::told(tx, &self.0).await
    }
}
