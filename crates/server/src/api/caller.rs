//! Who calls, and whether they may: a middleware that authenticates, extractors that authorise by role.

use super::Problem;
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::ops::tokens;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Whoever may read.
pub(super) struct Viewer;
/// Whoever may act.
pub(super) struct Responder(pub(super) Caller);
/// Whoever may change the setup.
pub(super) struct Admin(pub(super) Caller);

pub(super) async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match identify(&app, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn identify(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().map(str::trim).unwrap_or_default());
    let given = text("authorization").ok_or_else(|| Problem::unauthorized("the request carries no token"))?;
    let (scheme, token) = given.split_once(' ').unwrap_or((given, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::unauthorized("only bearer tokens are taken"));
    }
    let caller = tokens::caller(app, token.trim()).await?;
    let caller = caller.ok_or_else(|| Problem::unauthorized("nobody has this token, or it was revoked"))?;
    match text("firedog-as").filter(|user| !user.is_empty()) {
        Some(user) => Ok(tokens::act_as(app, caller, user).await?),
        None => Ok(caller),
    }
}

fn require(parts: &Parts, role: Role) -> Result<Caller, Problem> {
    let caller = parts.extensions.get::<Caller>().ok_or_else(|| Problem::unauthorized("the request carries no token"))?;
    if caller.role >= role {
        return Ok(caller.clone());
    }
    Err(Problem::forbidden(format!(
        "this needs the role {}; the token {} has {}",
        role.as_str(),
        caller.name,
        caller.role.as_str()
    )))
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
