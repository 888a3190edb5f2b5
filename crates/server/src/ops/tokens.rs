//! API tokens: who is asking, and making and revoking them.

use super::{Error, Result, record};
use crate::app::App;
use crate::auth::{Caller, Role, Via, digest, is_admin_token, is_well_formed, new_token};
use crate::secret::Secret;
use firedog_domain::id::UserId;
use firedog_store::audit::{self, Record};
use firedog_store::token::{self, Token};
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};

/// Most tokens that are listed and kept; a company of thousands has some hundreds.
const MAX_TOKENS: u32 = 10_000;
/// A use is written down at most this often: the column is for people who clean up.
const TOUCH_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// Longest name of a token, in characters.
const MAX_NAME: usize = 100;
/// Name of the token in the settings.
const ADMIN: &str = "admin";

/// Who has this token. `None`: nobody.
pub async fn caller(app: &App, given: &str) -> Result<Option<Caller>> {
    if is_admin_token(app.config.admin_token.as_ref(), given) {
        return Ok(Some(Caller::token(ADMIN, Role::Admin)));
    }
    if !is_well_formed(given) {
        return Ok(None);
    }
    let found = app.engine.store().read(ByHash(digest(given))).await?;
    let Some(found) = found.filter(|token| token.revoked_at.is_none()) else { return Ok(None) };
    // A role that this version does not know may have rights that it does not know either.
    let Some(role) = Role::parse(&found.role) else { return Ok(None) };
    // Whoever has left has no rights left either, although nobody thought of their tokens.
    if let Some(user) = &found.user
        && app.engine.scene().await?.world.setup.user(user).is_none()
    {
        return Ok(None);
    }
    let now = app.now();
    if found.last_used_at.is_none_or(|at| now.duration_since(at) > TOUCH_EVERY) {
        // Whether this is written decides nothing; the request goes on in either case.
        if let Err(error) = app.engine.store().write(Touch { id: found.id.clone(), now }).await {
            tracing::debug!(%error, "the use of a token was not noted");
        }
    }
    Ok(Some(Caller { name: found.name, role, user: found.user, teams: Vec::new(), via: Via::Token }))
}

/// An administrator acts for somebody else, or a person's token is checked against the setup.
pub async fn act_as(app: &App, caller: Caller, user: &str) -> Result<Caller> {
    let user = UserId::from(user);
    if caller.role != Role::Admin && caller.user.as_ref() != Some(&user) {
        return Err(Error::NotAllowed("only an administrator's token may act for somebody else".to_owned()));
    }
    if app.engine.scene().await?.world.setup.user(&user).is_none() {
        return Err(Error::NotFound(format!("there is no user `{user}` to act for")));
    }
    Ok(Caller { user: Some(user), ..caller })
}

pub async fn list(app: &App) -> Result<Vec<Token>> {
    let all = app.engine.store().read(List).await?;
    Ok(all.into_iter().filter(|token| token.revoked_at.is_none()).collect())
}

/// Makes a token. The secret is answered once and kept nowhere.
pub async fn create(app: &App, name: &str, role: Role, user: Option<UserId>, caller: &Caller) -> Result<(Token, Secret)> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("a token needs a name of 1 to {MAX_NAME} characters")));
    }
    if let Some(user) = &user
        && app.engine.scene().await?.world.setup.user(user).is_none()
    {
        return Err(Error::NotFound(format!("there is no user `{user}`")));
    }
    let secret = new_token().map_err(|e| Error::Broken(e.to_string()))?;
    let token = Token {
        id: uuid::Uuid::now_v7().to_string(),
        hash: digest(secret.expose()),
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        user,
        created_at: app.now(),
        last_used_at: None,
        revoked_at: None,
    };
    let mut row = record::of(app, caller, "token.create", format!("token:{}", token.id));
    row.after = Some(serde_json::json!({ "name": token.name, "role": token.role, "user": token.user }).to_string());
    app.engine.store().write(Create { token: token.clone(), row }).await?;
    Ok((token, secret))
}

/// The first token of a new installation without one in its settings. `None`: there are tokens already.
pub async fn bootstrap(app: &App) -> Result<Option<Secret>> {
    if app.config.admin_token.is_some() || !app.engine.store().read(List).await?.is_empty() {
        return Ok(None);
    }
    let system = Caller::token("start", Role::Admin);
    let (_, secret) = create(app, "bootstrap", Role::Admin, None, &system).await?;
    Ok(Some(secret))
}

pub async fn revoke(app: &App, id: &str, caller: &Caller) -> Result<()> {
    let row = record::of(app, caller, "token.revoke", format!("token:{id}"));
    match app.engine.store().write(Revoke { id: id.to_owned(), row }).await {
        Err(firedog_store::Error::NotFound) => Err(Error::NotFound(format!("there is no token {id}"))),
        done => Ok(done?),
    }
}

struct ByHash(String);

impl Op for ByHash {
    type Out = Option<Token>;
    const NAME: &'static str = "token_by_hash";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        token::by_hash(tx, &self.0).await
    }
}

struct Touch {
    id: String,
    now: Timestamp,
}

impl Op for Touch {
    type Out = ();
    const NAME: &'static str = "token_touch";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        token::touch(tx, &self.id, self.now).await
    }
}

struct List;

impl Op for List {
    type Out = Vec<Token>;
    const NAME: &'static str = "token_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        token::list(tx, MAX_TOKENS).await
    }
}

struct Create {
    token: Token,
    row: Record,
}

impl Op for Create {
    type Out = ();
    const NAME: &'static str = "token_create";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        token::insert(tx, &self.token).await?;
        audit::append_many(tx, std::slice::from_ref(&self.row)).await
    }
}

struct Revoke {
    id: String,
    row: Record,
}

impl Op for Revoke {
    type Out = ();
    const NAME: &'static str = "token_revoke";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        token::revoke(tx, &self.id, self.row.at).await?;
        audit::append_many(tx, std::slice::from_ref(&self.row)).await
    }
}
