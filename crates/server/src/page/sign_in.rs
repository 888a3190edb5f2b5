//! Signing in, and the links that let somebody set a password: pages that open at once and need no JavaScript.

use super::{STYLE, guard, guarded, render};
use crate::api::caller::same_site;
use crate::api::session::{cookie, origin};
use crate::app::App;
use crate::body;
use crate::ops::sign_in::{self, MIN_PASSWORD, SignedIn, oidc};
use crate::ops::starter::{self, Beginning};
use crate::ops::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use firedog_domain::id::UserId;
use std::collections::HashMap;

/// A form of a few fields.
const MAX_FORM_BYTES: usize = 8 << 10;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    style: &'static str,
    error: Option<String>,
    fresh: bool,
    action: String,
    to: String,
    user: String,
    /// Where the script of passkeys is, and the API that it talks to.
    script: String,
    api: String,
    /// The way to the identity provider.
    provider: Option<String>,
}

/// The path under which we are served, with a slash at its end.
fn base(app: &App) -> String {
    let path = url::Url::parse(&app.links_base).map(|url| url.path().to_owned()).unwrap_or_default();
    format!("{}/", path.trim_end_matches('/'))
}

/// Where to go after signing in: only ever a path of ours.
fn way(app: &App, to: &str) -> String {
    let own = to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\") && !to.chars().any(char::is_control);
    if own { to.to_owned() } else { base(app) }
}

pub(super) async fn show(State(app): State<App>, Query(query): Query<HashMap<String, String>>) -> Response {
    let to = query.get("to").map(String::as_str).unwrap_or_default();
    let fresh = sign_in::is_fresh(&app).await.unwrap_or(false);
    sign_in_page(&app, StatusCode::OK, None, fresh, to, "")
}

fn sign_in_page(app: &App, status: StatusCode, error: Option<String>, fresh: bool, to: &str, user: &str) -> Response {
    let page = SignInPage {
        style: STYLE,
        error,
        fresh,
        action: format!("{}sign-in", base(app)),
        to: way(app, to),
        user: user.to_owned(),
        script: format!("{}sign-in/passkey.js", base(app)),
        api: format!("{}api/v1/", base(app)),
        provider: app.oidc.is_some().then(|| {
            let to: String = url::form_urlencoded::byte_serialize(way(app, to).as_bytes()).collect();
            format!("{}sign-in/oidc?to={to}", base(app))
        }),
    };
    scripted(guarded(status, render(&page)))
}

/// Of these pages only signing in (for passkeys) and the welcome (for the time zone) have a script, from here.
fn scripted(mut response: Response) -> Response {
    let policy = response.headers().get(header::CONTENT_SECURITY_POLICY).and_then(|value| value.to_str().ok());
    let policy = policy.map(|policy| format!("{policy}; script-src 'self'; connect-src 'self'"));
    if let Some(policy) = policy.and_then(|policy| HeaderValue::from_str(&policy).ok()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

pub(super) async fn passkey_script() -> Response {
    script(include_str!("../../templates/passkey.js"))
}

pub(super) async fn zone_script() -> Response {
    script(include_str!("../../templates/zone.js"))
}

fn script(text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

/// Name of the cookie that remembers a way to the identity provider.
const AWAY: &str = "firedog_away";

fn away(app: &App, value: &str) -> String {
    let secure = if app.links_base.starts_with("https:") { "; Secure" } else { "" };
    let age = if value.is_empty() { 0 } else { 900 };
    format!("{AWAY}={value}; Path={}; HttpOnly; SameSite=Lax; Max-Age={age}{secure}", base(app))
}

pub(super) async fn to_provider(State(app): State<App>, Query(query): Query<HashMap<String, String>>) -> Response {
    let to = query.get("to").map(String::as_str).unwrap_or_default();
    match oidc::leave(&app, &way(&app, to)).await {
        Ok((url, memory)) => {
            let headers = [(header::SET_COOKIE, away(&app, &memory)), (header::LOCATION, url)];
            let mut response = (StatusCode::SEE_OTHER, headers).into_response();
            guard(response.headers_mut());
            response
        }
        Err(error) => refused(&app, &error, to),
    }
}

/// Whoever cannot get in this way may still get in another one.
fn refused(app: &App, error: &Error, to: &str) -> Response {
    tracing::warn!(%error, "signing in at the identity provider failed");
    sign_in_page(app, status(error), Some(sentence(error)), false, to, "")
}

pub(super) async fn from_provider(
    State(app): State<App>,
    Query(query): Query<HashMap<String, String>>,
    request: Request,
) -> Response {
    let field = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    if !field("error").is_empty() {
        let said: String = field("error").chars().filter(|c| c.is_ascii_graphic()).take(60).collect();
        return refused(&app, &Error::NotAllowed(format!("the identity provider says: {said}")), "");
    }
    let all = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let memory = pairs.find(|(name, _)| *name == AWAY).map(|(_, value)| value.to_owned()).unwrap_or_default();
    match oidc::come_back(&app, &memory, field("state"), field("code"), &origin(&request)).await {
        Ok((signed_in, to)) => {
            let mut response = entered(&app, &signed_in, &way(&app, &to));
            if let Ok(value) = HeaderValue::from_str(&away(&app, "")) {
                response.headers_mut().append(header::SET_COOKIE, value);
            }
            response
        }
        Err(error) => refused(&app, &error, ""),
    }
}

pub(super) async fn enter(State(app): State<App>, request: Request) -> Response {
    let from = origin(&request);
    let form = match form(request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    match sign_in::by_password(&app, field("user"), field("password"), &from).await {
        Ok(signed_in) => entered(&app, &signed_in, &way(&app, field("to"))),
        Err(error) => {
            let status = status(&error);
            sign_in_page(&app, status, Some(sentence(&error)), false, field("to"), field("user"))
        }
    }
}

/// The one link of a demonstration; `?as=USER` says who one is in it.
pub(super) async fn demo(State(app): State<App>, Query(asked): Query<HashMap<String, String>>, request: Request) -> Response {
    match sign_in::as_demo(&app, asked.get("as").map(String::as_str), &origin(&request)).await {
        Ok(signed_in) => entered(&app, &signed_in, &base(&app)),
        Err(error) => guarded(status(&error), super::plain("There is nothing here", "<p>This is no demonstration.</p>")),
    }
}

fn entered(app: &App, signed_in: &SignedIn, to: &str) -> Response {
    let headers = [(header::SET_COOKIE, cookie(app, signed_in.cookie.expose())), (header::LOCATION, to.to_owned())];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    guard(response.headers_mut());
    response
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::NotAllowed(_) => StatusCode::UNAUTHORIZED,
        Error::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Mistakes(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Conflict(_) | Error::NotConnected(_) => StatusCode::CONFLICT,
        Error::Busy | Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// For people: with a capital and a full stop, and every mistake of a setup.
fn sentence(error: &Error) -> String {
    let text = match error {
        Error::Mistakes(found) => found.iter().map(|one| one.message.clone()).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    };
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

async fn form(request: Request) -> std::result::Result<HashMap<String, String>, Response> {
    // Signing somebody in as somebody else is an attack too.
    same_site(request.headers()).map_err(IntoResponse::into_response)?;
    let bytes = body::read(request.into_body(), MAX_FORM_BYTES)
        .await
        .map_err(|_| guarded(StatusCode::PAYLOAD_TOO_LARGE, super::plain("Nothing was done", "<p>The form is too large.</p>")))?;
    Ok(url::form_urlencoded::parse(&bytes).into_owned().collect())
}

#[derive(Default)]
struct Given {
    user: String,
    name: String,
    email: String,
    team: String,
    timezone: String,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage {
    style: &'static str,
    title: String,
    hint: &'static str,
    error: Option<String>,
    /// The first run: whoever opens it says who they are.
    asks_who: bool,
    people: Vec<(String, String)>,
    zones: Vec<String>,
    given: Given,
    min: usize,
    button: &'static str,
    /// Where the script is that knows the time zone.
    script: String,
    /// The zone that was given is none.
    wrong_zone: bool,
}

pub(super) async fn welcome(State(app): State<App>, Path(token): Path<String>) -> Response {
    welcome_page(&app, &token, StatusCode::OK, None, Given::default()).await
}

async fn welcome_page(app: &App, token: &str, status: StatusCode, error: Option<String>, given: Given) -> Response {
    let page = async {
        let invite = sign_in::opened(app, token).await?;
        let scene = app.engine.scene().await?;
        let setup = &scene.world.setup;
        let name = |id: &UserId| setup.user(id).map_or(id.as_str(), |user| user.display_name()).to_owned();
        let first = invite.user.is_none();
        let wrong_zone = !given.timezone.is_empty() && !is_zone(&given.timezone);
        Result::Ok(WelcomePage {
            style: STYLE,
            title: invite.user.as_ref().map_or("Welcome to Firedog".to_owned(), |id| format!("Welcome, {}", name(id))),
            hint: if first {
                "You are the first here, so you become the administrator. This link works once."
            } else {
                "Set a password to sign in with. This link works once; it signs you in."
            },
            error,
            asks_who: first,
            people: setup.users.iter().map(|user| (user.id.to_string(), user.display_name().to_owned())).collect(),
            zones: jiff::tz::db().available().map(|zone| zone.to_string()).filter(|zone| zone.contains('/')).collect(),
            given,
            min: MIN_PASSWORD,
            button: if first { "Create my account" } else { "Set the password" },
            script: format!("{}sign-in/zone.js", base(app)),
            wrong_zone,
        })
    };
    match page.await {
        Ok(page) => scripted(guarded(status, render(&page))),
        Err(error) => {
            let body = "<p>Have you an account already? <a href=\"../sign-in\">Sign in</a>.</p><p>Links like this work once, and for three days. Somebody who manages your team can make you a new one. \
                Before anybody can sign in, the server prints a new one each time it starts.</p>";
            guarded(self::status(&error), super::plain("This link does not work", body))
        }
    }
}

pub(super) async fn begin(State(app): State<App>, Path(token): Path<String>, request: Request) -> Response {
    let from = origin(&request);
    let form = match form(request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let (given, password) = (
        Given {
            user: field("user"),
            name: field("name"),
            email: field("email"),
            team: field("team"),
            timezone: field("timezone"),
        },
        field("password"),
    );
    match accepted(&app, &token, &given, &password, &from).await {
        Ok((signed_in, first)) => {
            let to = format!("{}{}", base(&app), if first { "start" } else { "" });
            entered(&app, &signed_in, &to)
        }
        Err(error) => welcome_page(&app, &token, status(&error), Some(sentence(&error)), given).await,
    }
}

fn is_zone(name: &str) -> bool {
    jiff::tz::db().get(name.trim()).is_ok()
}

async fn accepted(app: &App, token: &str, given: &Given, password: &str, from: &sign_in::Origin) -> Result<(SignedIn, bool)> {
    let invite = sign_in::opened(app, token).await?;
    let first = invite.user.is_none();
    let user = match (&invite.user, given.user.as_str()) {
        (Some(_), _) => None,
        (None, "") => {
            sign_in::check_password(password)?;
            let Given { name, email, team, timezone, .. } = given;
            if !is_zone(timezone) {
                return Err(Error::Invalid(format!(
                    "`{timezone}` is no time zone; choose one from the list, such as Europe/Berlin"
                )));
            }
            let beginning =
                Beginning { name: name.clone(), email: email.clone(), team: team.clone(), timezone: timezone.clone() };
            Some(starter::begin(app, &beginning).await?)
        }
        (None, user) => Some(UserId::from(user)),
    };
    Ok((sign_in::accept(app, token, user, password, from).await?, first))
}
