//! Signing in: passwords, sessions, links that let somebody set a password, the first run.

use super::{Error, Result, record, rights};
use crate::app::App;
use crate::auth::{Caller, Role, Via, digest, hex};
use crate::secret::{Secret, random};
use firedog_domain::id::{TeamId, UserId};
use firedog_domain::setup::{Setup, User};
use firedog_store::account::{self, Account, Invite};
use firedog_store::audit::{self, Record};
use firedog_store::session::{self, Session};
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};

pub mod oidc;
pub mod passkey;
mod password;

pub use password::{MAX_PASSWORD, MIN_PASSWORD, check as check_password};

/// A session that is not used for so long is over.
const IDLE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// However much it is used, after so long one signs in again.
const LONGEST: SignedDuration = SignedDuration::from_hours(90 * 24);
/// A use is written down at most this often.
const TOUCH_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// A link that sets a password acts for so long: a weekend away must not make it worthless.
const INVITE_LIFE: SignedDuration = SignedDuration::from_hours(72);
/// Failed sign-ins are forgotten after this.
const FAILURES_KEPT: SignedDuration = SignedDuration::from_mins(15);
/// So many failures cost nothing; each further one doubles the wait. By address more, since an office shares one.
const FREE_FAILURES: i64 = 5;
const FREE_FAILURES_ADDRESS: i64 = 50;
/// Sessions of one person that are listed.
const MAX_SESSIONS: u32 = 100;
const MAX_ACCOUNTS: u32 = 10_000;
/// Longest name of a browser that is kept, in characters.
const MAX_AGENT: usize = 200;

/// Where a sign-in comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    pub agent: String,
    pub address: String,
}

/// A new session, and what its cookie says.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub session: Session,
    pub cookie: Secret,
}

/// Whether anybody can sign in at all.
pub async fn is_fresh(app: &App) -> Result<bool> {
    let accounts = app.engine.store().read(Accounts).await?;
    Ok(!accounts.iter().any(|account| account.password.is_some() || account.subject.is_some()))
}

/// Signs somebody in by id or e-mail address, and password.
pub async fn by_password(app: &App, who: &str, given: &str, origin: &Origin) -> Result<SignedIn> {
    let scene = app.engine.scene().await?;
    let user = find(&scene.world.setup, who).map(|user| user.id.clone());
    // Whoever is unknown is throttled and takes as long as everybody: the answer does not tell who exists.
    let account_key = format!("user:{}", user.as_ref().map_or(who.trim().to_lowercase(), ToString::to_string));
    let keys = [(account_key, FREE_FAILURES), (format!("address:{}", origin.address), FREE_FAILURES_ADDRESS)];
    let now = app.now();
    let waits = app.engine.store().read(Waits { keys: keys.clone(), now }).await?;
    if waits > 0 {
        return Err(Error::TooMany(waits));
    }
    let kept = match &user {
        Some(user) => app.engine.store().read(OneAccount(user.clone())).await?.and_then(|account| account.password),
        None => None,
    };
    let right = password::verify(given, kept).await?;
    let Some(user) = user.filter(|_| right) else {
        app.engine.store().write(Failed { keys, now }).await?;
        return Err(Error::NotAllowed("the name or the password is wrong".to_owned()));
    };
    let signed_in = new_session(app, &user, origin)?;
    let mut row = row_of(app, &user, "session.start", format!("session:{}", signed_in.session.id));
    row.detail = Some(format!("from {}", origin.address));
    let forget = keys.map(|(key, _)| key)[0].clone();
    app.engine.store().write(Start { session: signed_in.session.clone(), forget: Some(forget), row }).await?;
    Ok(signed_in)
}

fn find<'a>(setup: &'a Setup, who: &str) -> Option<&'a User> {
    let who = who.trim();
    let by_mail = || {
        let mut found = setup.users.iter().filter(|user| user.email.as_ref().is_some_and(|mail| mail.eq_ignore_ascii_case(who)));
        // An address that two people share names neither.
        found.next().filter(|_| found.next().is_none())
    };
    setup.users.get(who).or_else(by_mail)
}

fn new_session(app: &App, user: &UserId, origin: &Origin) -> Result<SignedIn> {
    let broken = |error: crate::secret::SecretError| Error::Broken(error.to_string());
    let cookie = Secret::new(hex(&random::<32>().map_err(broken)?));
    let now = app.now();
    let agent = origin.agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect();
    let session = Session {
        id: uuid::Uuid::now_v7().to_string(),
        hash: digest(cookie.expose()),
        user: user.clone(),
        created_at: now,
        last_seen_at: now,
        expires_at: firedog_domain::time::after(now, IDLE),
        ended_at: None,
        agent,
        address: origin.address.clone(),
    };
    Ok(SignedIn { session, cookie })
}

fn row_of(app: &App, user: &UserId, action: &str, subject: String) -> Record {
    let caller =
        Caller { name: user.to_string(), role: Role::Viewer, user: Some(user.clone()), teams: Vec::new(), via: Via::Token };
    record::of(app, &caller, action, subject)
}

/// Who is signed in with this cookie.
pub async fn caller(app: &App, cookie: &str) -> Result<Option<(Caller, Session)>> {
    // Anything else is not even looked up.
    if cookie.len() != 64 || !cookie.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let Some((session, account)) = app.engine.store().read(ByCookie(digest(cookie))).await? else { return Ok(None) };
    let now = app.now();
    if session.ended_at.is_some() || session.expires_at <= now {
        return Ok(None);
    }
    // Whoever has left the setup has no rights left either.
    if app.engine.scene().await?.world.setup.user(&session.user).is_none() {
        return Ok(None);
    }
    let (role, teams) = account.map_or((None, Vec::new()), |account| (account.role, account.teams));
    let Some(role) = role.map_or(Some(Role::Responder), |role| Role::parse(&role)) else { return Ok(None) };
    if now.duration_since(session.last_seen_at) > TOUCH_EVERY {
        let last = firedog_domain::time::after(session.created_at, LONGEST);
        let expires_at = firedog_domain::time::after(now, IDLE).min(last);
        if let Err(error) = app.engine.store().write(Touch { id: session.id.clone(), now, expires_at }).await {
            tracing::debug!(%error, "the use of a session was not noted");
        }
    }
    let caller = Caller {
        name: session.user.to_string(),
        role,
        user: Some(session.user.clone()),
        teams: teams.into_iter().map(TeamId).collect(),
        via: Via::Session(session.id.clone()),
    };
    Ok(Some((caller, session)))
}

/// Somebody who has proved in another way who they are. `None`: they have left, or have a role that this version does not know.
pub async fn caller_of(app: &App, user: &UserId, via: Via) -> Result<Option<Caller>> {
    if app.engine.scene().await?.world.setup.user(user).is_none() {
        return Ok(None);
    }
    let account = app.engine.store().read(OneAccount(user.clone())).await?;
    let (role, teams) = account.map_or((None, Vec::new()), |account| (account.role, account.teams));
    let Some(role) = role.map_or(Some(Role::Responder), |role| Role::parse(&role)) else { return Ok(None) };
    let teams = teams.into_iter().map(TeamId).collect();
    Ok(Some(Caller { name: user.to_string(), role, user: Some(user.clone()), teams, via }))
}

pub async fn sessions(app: &App, user: &UserId) -> Result<Vec<Session>> {
    Ok(app.engine.store().read(OfUser { user: user.clone(), now: app.now() }).await?)
}

/// Ends a session: one's own, or as an administrator anybody's.
pub async fn end(app: &App, id: &str, caller: &Caller) -> Result<()> {
    let user = caller.user.clone().filter(|_| caller.role != Role::Admin);
    if user.is_none() && caller.role != Role::Admin {
        return Err(nobody());
    }
    let row = record::of(app, caller, "session.end", format!("session:{id}"));
    match app.engine.store().write(End { id: id.to_owned(), user, row }).await {
        Err(firedog_store::Error::NotFound) => Err(Error::NotFound(format!("there is no session {id}, or it is over already"))),
        done => Ok(done?),
    }
}

/// A demonstration lets everybody in, as an administrator, as whom they like, and says so on every screen. Nowhere else does this open anything,
/// and whoever has set it on an address that others reach has made a mistake.
pub async fn as_demo(app: &App, user: Option<&str>, origin: &Origin) -> Result<SignedIn> {
    if !app.config.demo || !app.config.listen.ip().is_loopback() {
        return Err(Error::NotFound("there is nothing here".to_owned()));
    }
    let scene = app.engine.scene().await?;
    let users = &scene.world.setup.users;
    let found = match user {
        Some(user) => users.get(user),
        None => users.iter().next(),
    };
    let user = found.ok_or_else(|| Error::NotFound("the demonstration has nobody like that in it".to_owned()))?.id.clone();
    if role_of(app, &user).await? != Role::Admin {
        give_role(app, user.as_str(), Role::Admin, &Caller::token("demo", Role::Admin)).await?;
    }
    let signed_in = new_session(app, &user, origin)?;
    let row = row_of(app, &user, "session.start", format!("session:{}", signed_in.session.id));
    app.engine.store().write(Start { session: signed_in.session.clone(), forget: None, row }).await?;
    Ok(signed_in)
}

/// What to answer where "me" is asked for and the caller is no person.
pub fn nobody() -> Error {
    Error::Invalid("this token belongs to nobody; use a person's token, or --as USER".to_owned())
}

pub async fn change_password(app: &App, old: Option<&str>, new: &str, caller: &Caller) -> Result<()> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    let known = app.engine.store().read(OneAccount(user.clone())).await?;
    let kept = known.as_ref().and_then(|account| account.password.clone());
    if kept.is_some() && !password::verify(old.unwrap_or_default(), kept).await? {
        return Err(Error::NotAllowed("the old password is wrong".to_owned()));
    }
    let phc = password::hash(new, &user).await?;
    let account = with_password(app, known.as_ref(), &user, phc, None);
    let keep = match &caller.via {
        Via::Session(id) => id.clone(),
        Via::Token | Via::Chat => String::new(),
    };
    let row = record::of(app, caller, "password.change", format!("user:{user}"));
    Ok(app.engine.store().write(Change { account, known: known.is_some(), keep, row }).await?)
}

fn with_password(app: &App, known: Option<&Account>, user: &UserId, phc: String, role: Option<Role>) -> Account {
    let now = app.now();
    Account {
        user: user.clone(),
        version: known.map_or(1, |account| account.version),
        role: role.map(|role| role.as_str().to_owned()).or_else(|| known.and_then(|account| account.role.clone())),
        password: Some(phc),
        password_at: Some(now),
        created_at: known.map_or(now, |account| account.created_at),
        subject: known.and_then(|account| account.subject.clone()),
        teams: known.map_or_else(Vec::new, |account| account.teams.clone()),
    }
}

/// A person's role; the setup's people are responders unless somebody gave them another one.
pub async fn role_of(app: &App, user: &UserId) -> Result<Role> {
    let account = app.engine.store().read(OneAccount(user.clone())).await?;
    Ok(account.and_then(|account| account.role).and_then(|role| Role::parse(&role)).unwrap_or(Role::Responder))
}

pub async fn give_role(app: &App, user: &str, role: Role, caller: &Caller) -> Result<()> {
    let user = UserId::from(user);
    if app.engine.scene().await?.world.setup.user(&user).is_none() {
        return Err(Error::NotFound(format!("there is no user `{user}`")));
    }
    let known = app.engine.store().read(OneAccount(user.clone())).await?;
    let before = known.as_ref().and_then(|account| account.role.clone()).unwrap_or_else(|| Role::Responder.as_str().to_owned());
    let now = app.now();
    let account = Account {
        role: Some(role.as_str().to_owned()),
        ..known.clone().unwrap_or(Account {
            user: user.clone(),
            version: 1,
            role: None,
            password: None,
            password_at: None,
            created_at: now,
            subject: None,
            teams: Vec::new(),
        })
    };
    let mut row = record::of(app, caller, "user.role", format!("user:{user}"));
    row.before = Some(serde_json::json!({ "role": before }).to_string());
    row.after = Some(serde_json::json!({ "role": role.as_str() }).to_string());
    Ok(app.engine.store().write(Put { account, known: known.is_some(), row }).await?)
}

/// Makes a link that lets somebody set a password; older ones for the same person are worthless from now on.
pub async fn invite(app: &App, user: &str, caller: &Caller) -> Result<(Invite, Secret)> {
    let user = UserId::from(user);
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    if setup.user(&user).is_none() {
        return Err(Error::NotFound(format!("there is no user `{user}`")));
    }
    let shared = || rights::teams_of(setup, &user).iter().any(|team| rights::in_team(setup, caller, Some(team)));
    if caller.role != Role::Admin && !shared() {
        return Err(Error::NotAllowed(format!("{user} is in none of your teams; ask an administrator")));
    }
    let (made, token) = new_invite(app, Some(user.clone()), &caller.describe())?;
    let row = record::of(app, caller, "user.invite", format!("user:{user}"));
    app.engine.store().write(NewInvite { invite: made.clone(), row: Some(row), now: app.now() }).await?;
    Ok((made, token))
}

fn new_invite(app: &App, user: Option<UserId>, by: &str) -> Result<(Invite, Secret)> {
    let token = Secret::new(hex(&random::<24>().map_err(|error| Error::Broken(error.to_string()))?));
    let now = app.now();
    let invite = Invite {
        id: uuid::Uuid::now_v7().to_string(),
        hash: digest(token.expose()),
        user,
        created_at: now,
        expires_at: firedog_domain::time::after(now, INVITE_LIFE),
        used_at: None,
        created_by: by.to_owned(),
    };
    Ok((invite, token))
}

/// The link of the first run; `None`: somebody can sign in already.
pub async fn first_run(app: &App) -> Result<Option<String>> {
    if !is_fresh(app).await? {
        return Ok(None);
    }
    let (invite, token) = new_invite(app, None, "the start of the server")?;
    app.engine.store().write(NewInvite { invite, row: None, now: app.now() }).await?;
    Ok(Some(format!("{}/welcome/{}", app.links_base, token.expose())))
}

/// What a link is for, as long as it acts.
pub async fn opened(app: &App, token: &str) -> Result<Invite> {
    let found = app.engine.store().read(InviteByHash(digest(token))).await?;
    let acts = |invite: &Invite| invite.used_at.is_none() && invite.expires_at > app.now();
    found
        .filter(acts)
        .ok_or_else(|| Error::NotFound("this link was used already, or it has run out; ask for a new one".to_owned()))
}

/// Uses a link up: sets the password of its person (of the first run: of `user`, who becomes administrator) and signs them in.
pub async fn accept(app: &App, token: &str, user: Option<UserId>, given: &str, origin: &Origin) -> Result<SignedIn> {
    let invite = opened(app, token).await?;
    let first = invite.user.is_none();
    let user = invite.user.clone().or(user).ok_or_else(|| Error::Invalid("say who you are".to_owned()))?;
    if app.engine.scene().await?.world.setup.user(&user).is_none() {
        return Err(Error::NotFound(format!("there is no user `{user}`")));
    }
    let phc = password::hash(given, &user).await?;
    let known = app.engine.store().read(OneAccount(user.clone())).await?;
    let account = with_password(app, known.as_ref(), &user, phc, first.then_some(Role::Admin));
    let signed_in = new_session(app, &user, origin)?;
    let mut row = row_of(app, &user, if first { "first_run" } else { "invite.accept" }, format!("user:{user}"));
    row.detail = Some(format!("from {}", origin.address));
    let op =
        Accept { invite: invite.id, account, known: known.is_some(), session: signed_in.session.clone(), row, now: app.now() };
    match app.engine.store().write(op).await {
        Err(firedog_store::Error::NotFound) => Err(Error::Conflict("somebody else has just used this link".to_owned())),
        done => Ok(done.map(|()| signed_in)?),
    }
}

macro_rules! op {
    ($name:ident -> $out:ty, $label:literal, |$this:ident, $tx:ident| $body:expr) => {
        impl Op for $name {
            type Out = $out;
            const NAME: &'static str = $label;
            async fn run(&self, $tx: &mut dyn Tx) -> firedog_store::Result<$out> {
                let $this = self;
                $body
            }
        }
    };
}

struct Accounts;
op!(Accounts -> Vec<Account>, "account_list", |_this, tx| account::list(tx, MAX_ACCOUNTS).await);

struct OneAccount(UserId);
op!(OneAccount -> Option<Account>, "account_get", |this, tx| account::get(tx, &this.0).await);

struct Put {
    account: Account,
    known: bool,
    row: Record,
}
op!(Put -> (), "account_put", |this, tx| {
    account::put(tx, &this.account, this.known).await?;
    audit::append_many(tx, std::slice::from_ref(&this.row)).await
});

struct Change {
    account: Account,
    known: bool,
    keep: String,
    row: Record,
}
op!(Change -> (), "password_change", |this, tx| {
    account::put(tx, &this.account, this.known).await?;
    session::end_others(tx, &this.account.user, &this.keep, this.row.at).await?;
    audit::append_many(tx, std::slice::from_ref(&this.row)).await
});

/// Seconds that somebody has to wait before the next attempt.
struct Waits {
    keys: [(String, i64); 2],
    now: Timestamp,
}
op!(Waits -> u64, "sign_in_waits", |this, tx| {
    let mut longest = 0;
    for (key, free) in &this.keys {
        let Some((failures, last)) = session::failures(tx, key).await? else { continue };
        let excess = u32::try_from((failures - free).clamp(0, 10)).unwrap_or(0);
        let wait = if excess == 0 { 0 } else { (1_i64 << excess).min(FAILURES_KEPT.as_secs()) };
        let left = wait - this.now.duration_since(last).as_secs();
        longest = longest.max(u64::try_from(left).unwrap_or(0));
    }
    Ok(longest)
});

struct Failed {
    keys: [(String, i64); 2],
    now: Timestamp,
}
op!(Failed -> (), "sign_in_failed", |this, tx| {
    let since = firedog_domain::time::after(this.now, -FAILURES_KEPT);
    for (key, _) in &this.keys {
        session::failed(tx, key, since, this.now).await?;
    }
    Ok(())
});

struct Start {
    session: Session,
    forget: Option<String>,
    row: Record,
}
op!(Start -> (), "session_start", |this, tx| {
    session::insert(tx, &this.session).await?;
    if let Some(key) = &this.forget {
        session::forget_failures(tx, key).await?;
    }
    audit::append_many(tx, std::slice::from_ref(&this.row)).await
});

struct ByCookie(String);
op!(ByCookie -> Option<(Session, Option<Account>)>, "session_by_cookie", |this, tx| {
    let Some(found) = session::by_hash(tx, &this.0).await? else { return Ok(None) };
    let account = account::get(tx, &found.user).await?;
    Ok(Some((found, account)))
});

struct Touch {
    id: String,
    now: Timestamp,
    expires_at: Timestamp,
}
op!(Touch -> (), "session_touch", |this, tx| session::touch(tx, &this.id, this.now, this.expires_at).await);

struct OfUser {
    user: UserId,
    now: Timestamp,
}
op!(OfUser -> Vec<Session>, "session_list", |this, tx| session::of_user(tx, &this.user, this.now, MAX_SESSIONS).await);

struct End {
    id: String,
    user: Option<UserId>,
    row: Record,
}
op!(End -> (), "session_end", |this, tx| {
    session::end(tx, &this.id, this.user.as_ref(), this.row.at).await?;
    audit::append_many(tx, std::slice::from_ref(&this.row)).await
});

struct NewInvite {
    invite: Invite,
    row: Option<Record>,
    now: Timestamp,
}
op!(NewInvite -> (), "invite_new", |this, tx| {
    account::supersede_invites(tx, this.invite.user.as_ref(), this.now).await?;
    account::insert_invite(tx, &this.invite).await?;
    match &this.row {
        Some(row) => audit::append_many(tx, std::slice::from_ref(row)).await,
        None => Ok(()),
    }
});

struct InviteByHash(String);
op!(InviteByHash -> Option<Invite>, "invite_by_hash", |this, tx| account::invite_by_hash(tx, &this.0).await);

struct Accept {
    invite: String,
    account: Account,
    known: bool,
    session: Session,
    row: Record,
    now: Timestamp,
}
op!(Accept -> (), "invite_accept", |this, tx| {
    account::use_invite(tx, &this.invite, this.now).await?;
    account::put(tx, &this.account, this.known).await?;
    session::insert(tx, &this.session).await?;
    audit::append_many(tx, std::slice::from_ref(&this.row)).await
});
