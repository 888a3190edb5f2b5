//! Who calls, and whether they may: a middleware that authenticates, extractors that authorise by role.

use super::Problem;
use super::session::given_cookie;
use crate::app::App;
use crate::auth::{Caller, Role, Via};
use crate::ops::{sign_in, tokens};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use firedog_store::session::Session;

/// Whoever may read.
pub(super) struct Viewer;
/// Whoever may act.
pub(super) struct Responder(pub(super) Caller);
/// Whoever may change the setup.
pub(super) struct Admin(pub(super) Caller);

/// Whoever may also invite people.
pub(super) struct Manager(pub(super) Caller);

pub(super) async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let identified = identify(&app, request.headers(), request.method()).await;
    match identified {
        Ok((caller, session)) => {
            request.extensions_mut().insert(caller);
            if let Some(session) = session {
                request.extensions_mut().insert(session);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

pub(super) async fn identify(app: &App, headers: &HeaderMap, method: &Method) -> Result<(Caller, Option<Session>), Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().map(str::trim).unwrap_or_default());
    let (caller, session) = match text("authorization") {
        Some(given) => (by_token(app, given).await?, None),
        None => {
            let cookie = given_cookie(headers).ok_or_else(|| Problem::unauthorized("the request carries no token"))?;
            let found = sign_in::caller(app, cookie).await?;
            let (caller, session) = found.ok_or_else(|| Problem::unauthorized("the session is over; sign in again"))?;
            // A browser sends its cookie along whoever makes it send the request.
            if !method.is_safe() {
                same_site(headers)?;
            }
            (caller, Some(session))
        }
    };
    match text("firedog-as").filter(|user| !user.is_empty()) {
        Some(user) => Ok((tokens::act_as(app, caller, user).await?, session)),
        None => Ok((caller, session)),
    }
}

async fn by_token(app: &App, given: &str) -> Result<Caller, Problem> {
    let (scheme, token) = given.split_once(' ').unwrap_or((given, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::unauthorized("only bearer tokens are taken"));
    }
    let caller = tokens::caller(app, token.trim()).await?;
    caller.ok_or_else(|| Problem::unauthorized("nobody has this token, or it was revoked"))
}

/// Refuses what a page of another site makes a browser send. Browsers say where a request comes from: `Sec-Fetch-Site`, older
/// ones `Origin`; what says neither is no browser, and has no cookie to abuse.
pub(crate) fn same_site(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let origin = url::Url::parse(origin).ok();
            let authority = origin.as_ref().map(|url| url.authority().to_owned());
            authority.is_some() && authority.as_deref() == text("host")
        }
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(Problem::forbidden("the request comes from a page of another site")) }
}

fn require(parts: &Parts, role: Role) -> Result<Caller, Problem> {
    let caller = parts.extensions.get::<Caller>().ok_or_else(|| Problem::unauthorized("the request carries no token"))?;
    if caller.role >= role {
        return Ok(caller.clone());
    }
    let who = match caller.via {
        Via::Token => format!("the token {}", caller.name),
        Via::Session(_) | Via::Chat => caller.name.clone(),
    };
    Err(Problem::forbidden(format!("this needs the role {}; {who} has {}", role.as_str(), caller.role.as_str())))
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        require(parts, Role::Viewer).map(|_| Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Responder {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        require(parts, Role::Responder).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        require(parts, Role::Admin).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Manager {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        require(parts, Role::Manager).map(Self)
    }
}
