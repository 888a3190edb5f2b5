//! One's own browsers, tests of contact methods, and who can be reached how.

use super::caller::{Responder, Viewer};
use super::extract::{Json, Params};
use super::{List, Problem};
use crate::app::App;
use crate::auth::Caller;
use crate::ops::device::{self, Subscription};
use crate::ops::readiness::{self, ContactState, Readiness};
use crate::words;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use firedog_domain::setup::Channel;
use firedog_store::device::Registered;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PushKey {
    /// `applicationServerKey` of the browser's `subscribe`: a P-256 point in base64url (RFC 8292).
    key: String,
}

/// Show the key with which a browser subscribes to push messages
#[utoipa::path(get, path = "/push/key", tag = "reach", responses((status = 200, body = PushKey)))]
pub(super) async fn key(_: Viewer, State(app): State<App>) -> axum::Json<PushKey> {
    axum::Json(PushKey { key: app.key.push_identity("").public_key() })
}

/// A browser that takes push messages.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct DeviceRow {
    id: String,
    name: String,
    /// Host of its vendor's push service.
    service: String,
    created_at: Timestamp,
    /// The last message, and what the push service made of it.
    sent_at: Option<Timestamp>,
    outcome: Option<String>,
    reason: Option<String>,
    /// When the browser last said that it had shown one.
    received_at: Option<Timestamp>,
    /// When it is tested next.
    next_test_at: Timestamp,
}

impl From<Registered> for DeviceRow {
    fn from(item: Registered) -> Self {
        let service = url::Url::parse(&item.device.endpoint).ok().and_then(|url| url.host_str().map(ToOwned::to_owned));
        Self {
            id: item.device.id.0,
            name: item.name,
            service: service.unwrap_or_default(),
            created_at: item.created_at,
            sent_at: item.sent_at,
            outcome: item.outcome,
            reason: item.reason,
            received_at: item.received_at,
            next_test_at: item.ready_at,
        }
    }
}

/// List one's own devices
#[utoipa::path(get, path = "/me/devices", tag = "reach", responses((status = 200, body = List<DeviceRow>)))]
pub(super) async fn list(
    _: Viewer,
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<axum::Json<List<DeviceRow>>, Problem> {
    let items = device::list(&app, &caller).await?.into_iter().map(DeviceRow::from).collect();
    Ok(axum::Json(List { items, next: None }))
}

/// What `PushSubscription.toJSON()` says, and a name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDevice {
    /// What its owner calls it.
    name: String,
    endpoint: String,
    keys: DeviceKeys,
    #[serde(default, rename = "expirationTime")]
    #[schema(value_type = Option<f64>)]
    _expires: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceKeys {
    p256dh: String,
    auth: String,
}

/// Register this browser for push messages
#[utoipa::path(post, path = "/me/devices", tag = "reach", request_body = NewDevice, responses((status = 201, body = DeviceRow)))]
pub(super) async fn register(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewDevice>,
) -> Result<(StatusCode, axum::Json<DeviceRow>), Problem> {
    let NewDevice { name, endpoint, keys, .. } = new;
    let subscription = Subscription { name, endpoint, p256dh: keys.p256dh, auth: keys.auth };
    let item = device::register(&app, subscription, &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(item.into())))
}

/// Remove one of one's own devices
#[utoipa::path(delete, path = "/me/devices/{id}", tag = "reach", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn remove(
    Responder(caller): Responder,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    device::remove(&app, &id, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTest {
    /// One's own contact method; `push`: all of one's devices. Default: the first.
    #[serde(default)]
    contact: Option<String>,
}

/// What came of a test.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct TestRow {
    contact: String,
    sent_at: Timestamp,
    /// `sent`: it was taken. Whether it arrived is known when its link is opened.
    outcome: String,
    reason: Option<String>,
}

/// Page oneself over one contact method, as a test
#[utoipa::path(post, path = "/me/test", tag = "reach", request_body = NewTest, responses((status = 201, body = TestRow)))]
pub(super) async fn test(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(new): Json<NewTest>,
) -> Result<(StatusCode, axum::Json<TestRow>), Problem> {
    let tested = readiness::test(&app, new.contact.as_deref(), &caller).await?;
    let row = TestRow {
        contact: tested.contact.0,
        sent_at: tested.sent_at,
        outcome: tested.outcome.as_str().to_owned(),
        reason: tested.outcome.reason().map(ToOwned::to_owned),
    };
    Ok((StatusCode::CREATED, axum::Json(row)))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reached {
    contact: String,
}

/// Say that a test has reached one
#[utoipa::path(post, path = "/me/test/confirm", tag = "reach", request_body = Reached, responses((status = 204)))]
pub(super) async fn confirm(
    Responder(caller): Responder,
    State(app): State<App>,
    Json(reached): Json<Reached>,
) -> Result<StatusCode, Problem> {
    readiness::confirm(&app, &reached.contact, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How somebody can be reached, and whether it is known to wake them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ReadinessRow {
    user: String,
    /// One of their contact methods rings, and a test of the last 30 days has reached them over it.
    ready: bool,
    /// What is missing.
    lacking: Option<String>,
    contacts: Vec<ContactStateRow>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct ContactStateRow {
    id: String,
    #[schema(value_type = words::Channel)]
    channel: Channel,
    /// It wakes somebody whose phone is silent.
    rings: bool,
    /// The last test.
    sent_at: Option<Timestamp>,
    outcome: Option<String>,
    reason: Option<String>,
    /// When its owner last said that a test had reached them; of push, when a browser last did.
    confirmed_at: Option<Timestamp>,
}

impl From<Readiness> for ReadinessRow {
    fn from(row: Readiness) -> Self {
        let contact = |state: ContactState| {
            let ContactState { id, channel, rings, sent_at, outcome, reason, confirmed_at } = state;
            ContactStateRow { id: id.0, channel, rings, sent_at, outcome, reason, confirmed_at }
        };
        Self {
            user: row.user.0,
            ready: row.lacking.is_none(),
            lacking: row.lacking,
            contacts: row.contacts.into_iter().map(contact).collect(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// One person only.
    user: Option<String>,
}

/// Show how people can be reached, and who has shown nothing that wakes them
#[utoipa::path(get, path = "/readiness", tag = "reach", params(Whose), responses((status = 200, body = List<ReadinessRow>)))]
pub(super) async fn readiness(
    _: Viewer,
    State(app): State<App>,
    Params(whose): Params<Whose>,
) -> Result<axum::Json<List<ReadinessRow>>, Problem> {
    let items = readiness::of(&app, whose.user.as_deref()).await?.into_iter().map(ReadinessRow::from).collect();
    Ok(axum::Json(List { items, next: None }))
}
