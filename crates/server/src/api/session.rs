//! Signing in and out, and who may.

use super::caller::{Admin, Manager, Responder, Viewer};
use super::extract::{Json, Params};
use super::{List, PageParams, Problem};
use crate::app::App;
use crate::auth::{Caller, Role, Via};
use crate::ops::{rights, sign_in, starter, tokens};
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use firedog_domain::id::UserId;
use firedog_store::session::Session;
use firedog_store::token::Token;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What somebody who is not signed in may know.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Welcome {
    version: &'static str,
    /// A demonstration: nobody real is paged.
    demo: bool,
    /// Nobody can sign in yet: the server's log has the link of the first run.
    fresh: bool,
    /// People may sign in at an identity provider.
    provider: bool,
}

/// Say what this server is, without signing in
#[utoipa::path(get, path = "/welcome", tag = "session", security(()), responses((status = 200, body = Welcome)))]
pub(super) async fn welcome(State(app): State<App>) -> Result<axum::Json<Welcome>, Problem> {
    let fresh = sign_in::is_fresh(&app).await?;
    Ok(axum::Json(Welcome { version: env!("CARGO_PKG_VERSION"), demo: app.config.demo, fresh, provider: app.oidc.is_some() }))
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Person {
    id: String,
    name: String,
    email: Option<String>,
    timezone: Option<String>,
}

/// Who is asking, and what they may.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SessionRow {
    /// `null`: a token without a person.
    user: Option<Person>,
    name: String,
    role: Role,
    /// In whose teams they may act; an administrator may in all.
    teams: Vec<String>,
    /// `session` or `token`.
    via: &'static str,
    /// Of the session, unless it is used before.
    expires_at: Option<Timestamp>,
    demo: bool,
}

async fn session_row(app: &App, caller: &Caller, session: Option<&Session>) -> Result<SessionRow, Problem> {
    let scene = app.engine.scene().await.map_err(crate::ops::Error::from)?;
    let setup = &scene.world.setup;
    let user = caller.user.as_ref().and_then(|id| setup.user(id));
    let mut teams = caller.user.as_ref().map(|user| rights::teams_of(setup, user)).unwrap_or_default();
    teams.extend(caller.teams.iter().cloned());
    teams.sort();
    teams.dedup();
    Ok(SessionRow {
        user: user.map(|user| Person {
            id: user.id.to_string(),
            name: user.display_name().to_owned(),
            email: user.email.clone(),
            timezone: user.timezone.as_ref().map(|zone| zone.name().to_owned()),
        }),
        name: user.map_or(&caller.name, |user| &user.name).clone(),
        role: caller.role,
        teams: teams.into_iter().map(|team| team.0).collect(),
        via: if matches!(caller.via, Via::Session(_)) { "session" } else { "token" },
        expires_at: session.map(|session| session.expires_at),
        demo: app.config.demo,
    })
}

/// Say who is asking
#[utoipa::path(get, path = "/session", tag = "session", responses((status = 200, body = SessionRow)))]
pub(super) async fn show(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    session: Option<Extension<Session>>,
) -> Result<axum::Json<SessionRow>, Problem> {
    Ok(axum::Json(session_row(&app, &caller, session.as_deref()).await?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// An id or an e-mail address.
    user: String,
    password: String,
}

/// Sign in by password; the answer sets a cookie
#[utoipa::path(post, path = "/session", tag = "session", security(()), request_body = SignIn, responses((status = 200, body = SessionRow)))]
pub(super) async fn sign_in(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    super::caller::same_site(request.headers())?;
    let origin = origin(&request);
    let Json(given) = <Json<SignIn> as axum::extract::FromRequest<App>>::from_request(request, &app).await?;
    let signed_in = sign_in::by_password(&app, &given.user, &given.password, &origin).await?;
    let row = entered(&app, &signed_in).await?;
    Ok(([(header::SET_COOKIE, cookie(&app, signed_in.cookie.expose()))], axum::Json(row)).into_response())
}

/// Who has just signed in.
pub(super) async fn entered(app: &App, signed_in: &sign_in::SignedIn) -> Result<SessionRow, Problem> {
    match sign_in::caller(app, signed_in.cookie.expose()).await? {
        Some((caller, session)) => session_row(app, &caller, Some(&session)).await,
        None => Err(Problem::unauthorized("the session is over already")),
    }
}

/// Sign out
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
pub(super) async fn sign_out(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    if let Via::Session(id) = &caller.via {
        match sign_in::end(&app, id, &caller).await {
            Err(crate::ops::Error::NotFound(_)) | Ok(()) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(&app, ""))]).into_response())
}

/// Name of the cookie.
pub(crate) const COOKIE: &str = "firedog_session";

/// The header that sets the cookie; an empty value takes it away. The server ends sessions, so the cookie may live long.
pub(crate) fn cookie(app: &App, value: &str) -> String {
    let path = url::Url::parse(&app.links_base).map(|url| url.path().to_owned()).unwrap_or_else(|_| "/".to_owned());
    let secure = if app.links_base.starts_with("https:") { "; Secure" } else { "" };
    let age = if value.is_empty() { 0 } else { 90 * 86_400 };
    format!("{COOKIE}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
}

/// Where a request comes from. Behind a proxy on this machine: whom that one names last.
pub(crate) fn origin(request: &Request) -> sign_in::Origin {
    let text = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let peer = request.extensions().get::<crate::listen::Peer>().map(|peer| peer.0.ip());
    let named = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let named = named.and_then(|list| list.rsplit(',').next()).and_then(|last| last.trim().parse::<std::net::IpAddr>().ok());
    let address = match (peer, named) {
        (Some(peer), Some(named)) if peer.is_loopback() => named.to_string(),
        (Some(peer), _) => peer.to_string(),
        (None, _) => "unknown".to_owned(),
    };
    sign_in::Origin { agent: text(header::USER_AGENT).to_owned(), address }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct BrowserRow {
    id: String,
    user: String,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    /// What the browser calls itself.
    agent: String,
    address: String,
    /// The one that is asking.
    current: bool,
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BrowserParams {
    /// Somebody else's, for administrators.
    user: Option<String>,
}

/// List the browsers that one is signed in with
#[utoipa::path(get, path = "/sessions", tag = "session", params(BrowserParams), responses((status = 200, body = List<BrowserRow>)))]
pub(super) async fn sessions(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<BrowserParams>,
) -> Result<axum::Json<List<BrowserRow>>, Problem> {
    let user = match params.user {
        Some(user) if caller.role == Role::Admin => UserId(user),
        Some(user) if caller.user.as_ref().is_none_or(|own| own.as_str() != user) => {
            return Err(Problem::forbidden("only an administrator sees other people's sessions"));
        }
        _ => caller.user.clone().ok_or_else(sign_in::nobody)?,
    };
    let row = |session: Session| BrowserRow {
        current: caller.via == Via::Session(session.id.clone()),
        user: session.user.to_string(),
        id: session.id,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
        agent: session.agent,
        address: session.address,
    };
    let items = sign_in::sessions(&app, &user).await?.into_iter().map(row).collect();
    Ok(axum::Json(List { items, next: None }))
}

/// Sign a browser out
#[utoipa::path(delete, path = "/sessions/{id}", tag = "session", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn end_session(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    sign_in::end(&app, &id, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// The present one, if there is one.
    #[serde(default)]
    old: Option<String>,
    new: String,
}

/// Change one's own password; every other browser is signed out
#[utoipa::path(put, path = "/me/password", tag = "session", request_body = NewPassword, responses((status = 204)))]
pub(super) async fn change_password(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<NewPassword>,
) -> Result<StatusCode, Problem> {
    sign_in::change_password(&app, new.old.as_deref(), &new.new, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct OwnTokenRow {
    id: String,
    name: String,
    role: String,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl From<Token> for OwnTokenRow {
    fn from(token: Token) -> Self {
        let Token { id, name, role, created_at, last_used_at, .. } = token;
        Self { id, name, role, created_at, last_used_at }
    }
}

/// List one's own API tokens
#[utoipa::path(get, path = "/me/tokens", tag = "session", params(PageParams), responses((status = 200, body = List<OwnTokenRow>)))]
pub(super) async fn own_tokens(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<OwnTokenRow>>, Problem> {
    let user = caller.user.clone().ok_or_else(sign_in::nobody)?;
    let own = tokens::list(&app).await?.into_iter().filter(|token| token.user.as_ref() == Some(&user));
    Ok(axum::Json(page.cut(own.map(OwnTokenRow::from).collect())?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOwnToken {
    name: String,
    /// At most one's own role, which is the default.
    #[serde(default)]
    role: Option<Role>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct MadeOwnToken {
    #[serde(flatten)]
    row: OwnTokenRow,
    /// The secret. It is not shown again.
    token: String,
}

/// Make an API token for oneself; its secret is answered once
#[utoipa::path(post, path = "/me/tokens", tag = "session", request_body = NewOwnToken, responses((status = 201, body = MadeOwnToken)))]
pub(super) async fn create_own_token(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewOwnToken>,
) -> Result<(StatusCode, axum::Json<MadeOwnToken>), Problem> {
    let user = caller.user.clone().ok_or_else(sign_in::nobody)?;
    let role = new.role.unwrap_or(caller.role);
    if role > caller.role {
        return Err(Problem::forbidden(format!("a token has at most your own role, {}", caller.role.as_str())));
    }
    let (token, secret) = tokens::create(&app, &new.name, role, Some(user), &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(MadeOwnToken { row: token.into(), token: secret.expose().to_owned() })))
}

/// Revoke one of one's own API tokens at once
#[utoipa::path(delete, path = "/me/tokens/{id}", tag = "session", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn revoke_own_token(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = caller.user.clone().ok_or_else(sign_in::nobody)?;
    let own = tokens::list(&app).await?.into_iter().any(|token| token.id == id && token.user.as_ref() == Some(&user));
    if !own {
        return Err(crate::ops::Error::NotFound(format!("you have no token {id}")).into());
    }
    tokens::revoke(&app, &id, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInvite {
    user: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct InviteRow {
    id: String,
    user: String,
    /// Lets this person set a password, once. It is not shown again.
    url: String,
    expires_at: Timestamp,
}

/// Make a link with which a person of one's teams sets a password
#[utoipa::path(post, path = "/invites", tag = "session", request_body = NewInvite, responses((status = 201, body = InviteRow)))]
pub(super) async fn invite(
    Manager(caller): Manager,
    State(app): State<App>,
    Json(new): Json<NewInvite>,
) -> Result<(StatusCode, axum::Json<InviteRow>), Problem> {
    let (made, token) = sign_in::invite(&app, &new.user, &caller).await?;
    let url = format!("{}/welcome/{}", app.links_base, token.expose());
    let row = InviteRow { id: made.id, user: new.user, url, expires_at: made.expires_at };
    Ok((StatusCode::CREATED, axum::Json(row)))
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleRow {
    role: Role,
}

/// Show a person's role
#[utoipa::path(get, path = "/users/{id}/role", tag = "session", params(("id" = String, Path)), responses((status = 200, body = RoleRow)))]
pub(super) async fn role(_: Viewer, State(app): State<App>, Path(id): Path<String>) -> Result<axum::Json<RoleRow>, Problem> {
    Ok(axum::Json(RoleRow { role: sign_in::role_of(&app, &UserId(id)).await? }))
}

/// Give a person a role
#[utoipa::path(put, path = "/users/{id}/role", tag = "session", params(("id" = String, Path)), request_body = RoleRow,
    responses((status = 200, body = RoleRow)))]
pub(super) async fn give_role(
    Admin(caller): Admin,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(given): Json<RoleRow>,
) -> Result<axum::Json<RoleRow>, Problem> {
    sign_in::give_role(&app, &id, given.role, &caller).await?;
    Ok(axum::Json(given))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewService {
    name: String,
    team: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EntranceRow {
    id: String,
    kind: String,
    /// The integration key. It is not shown again.
    key: String,
    /// Where its events go.
    url: String,
}

impl EntranceRow {
    pub(super) fn new(id: &str, kind: firedog_domain::setup::IntegrationKind, key: &str, url: String) -> Self {
        Self { id: id.to_owned(), kind: kind.as_str().to_owned(), key: key.to_owned(), url }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct MadeService {
    service: String,
    integrations: Vec<EntranceRow>,
}

/// Add a service with an integration for each common kind of sender; its keys are answered once
#[utoipa::path(post, path = "/services", tag = "setup", request_body = NewService, responses((status = 201, body = MadeService)))]
pub(super) async fn add_service(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(new): Json<NewService>,
) -> Result<(StatusCode, axum::Json<MadeService>), Problem> {
    let (service, entrances) = starter::add_service(&app, &new.name, &new.team, &caller).await?;
    let row = |made: crate::ops::objects::Keyed| {
        let key = made.key.expose();
        EntranceRow::new(&made.id, made.kind, key, super::objects::url(&app, made.kind, key))
    };
    let integrations = entrances.into_iter().map(row).collect();
    Ok((StatusCode::CREATED, axum::Json(MadeService { service, integrations })))
}

/// The cookie of a request, if it has one.
pub(super) fn given_cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}
