//! Passkeys: registering one's own, and signing in with one.

use super::List;
use super::Problem;
use super::caller::{Viewer, same_site};
use super::extract::Json;
use super::session::{SessionRow, cookie, entered, origin};
use crate::app::App;
use crate::auth::Caller;
use crate::ops::sign_in::passkey::{self, Assertion, Registration};
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|value| value.to_str().ok())
}

/// What `navigator.credentials` needs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Challenge {
    /// In base64url; answered once, within five minutes.
    challenge: String,
    /// The host that passkeys are bound to.
    rp_id: String,
}

async fn ask(app: &App, headers: &HeaderMap) -> Result<axum::Json<Challenge>, Problem> {
    let party = passkey::party(app, host(headers));
    Ok(axum::Json(Challenge { challenge: passkey::challenge(app).await?, rp_id: party.id }))
}

/// Ask for a challenge to sign in with a passkey
#[utoipa::path(post, path = "/session/passkey/challenge", tag = "session", security(()), responses((status = 200, body = Challenge)))]
pub(super) async fn sign_in_challenge(State(app): State<App>, headers: HeaderMap) -> Result<axum::Json<Challenge>, Problem> {
    same_site(&headers)?;
    ask(&app, &headers).await
}

/// What `navigator.credentials.get` has answered; everything in base64url.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenPasskey {
    id: String,
    client_data: String,
    authenticator_data: String,
    signature: String,
}

/// Sign in with a passkey; the answer sets a cookie
#[utoipa::path(post, path = "/session/passkey", tag = "session", security(()), request_body = GivenPasskey,
    responses((status = 200, body = SessionRow)))]
pub(super) async fn sign_in(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    same_site(request.headers())?;
    let (from, party) = (origin(&request), passkey::party(&app, host(request.headers())));
    let Json(given) = <Json<GivenPasskey> as axum::extract::FromRequest<App>>::from_request(request, &app).await?;
    let GivenPasskey { id, client_data, authenticator_data, signature } = given;
    let signed_in = passkey::enter(&app, &Assertion { id, client_data, authenticator_data, signature }, &party, &from).await?;
    let row = entered(&app, &signed_in).await?;
    Ok(([(header::SET_COOKIE, cookie(&app, signed_in.cookie.expose()))], axum::Json(row)).into_response())
}

/// A passkey of one's own.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PasskeyRow {
    id: String,
    name: String,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl From<firedog_store::passkey::Passkey> for PasskeyRow {
    fn from(key: firedog_store::passkey::Passkey) -> Self {
        Self { id: key.id, name: key.name, created_at: key.created_at, last_used_at: key.last_used_at }
    }
}

/// List one's own passkeys
#[utoipa::path(get, path = "/me/passkeys", tag = "session", responses((status = 200, body = List<PasskeyRow>)))]
pub(super) async fn list(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<axum::Json<List<PasskeyRow>>, Problem> {
    let items = passkey::list(&app, &caller).await?.into_iter().map(PasskeyRow::from).collect();
    Ok(axum::Json(List { items, next: None }))
}

/// Ask for a challenge to register a passkey
#[utoipa::path(post, path = "/me/passkeys/challenge", tag = "session", responses((status = 200, body = Challenge)))]
pub(super) async fn challenge(_: Viewer, State(app): State<App>, headers: HeaderMap) -> Result<axum::Json<Challenge>, Problem> {
    ask(&app, &headers).await
}

/// What `navigator.credentials.create` has answered; everything in base64url.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPasskey {
    /// What its owner calls it.
    name: String,
    id: String,
    /// As SubjectPublicKeyInfo.
    public_key: String,
    client_data: String,
    authenticator_data: String,
}

/// Register a passkey
#[utoipa::path(post, path = "/me/passkeys", tag = "session", request_body = NewPasskey, responses((status = 201, body = PasskeyRow)))]
pub(super) async fn register(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Json(new): Json<NewPasskey>,
) -> Result<(StatusCode, axum::Json<PasskeyRow>), Problem> {
    let NewPasskey { name, id, public_key, client_data, authenticator_data } = new;
    let given = Registration { name, id, public_key, client_data, authenticator_data };
    let made = passkey::register(&app, given, &passkey::party(&app, host(&headers)), &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(made.into())))
}

/// Remove one of one's own passkeys
#[utoipa::path(delete, path = "/me/passkeys/{id}", tag = "session", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn remove(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    passkey::remove(&app, &id, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
