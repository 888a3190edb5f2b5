//! Tokens, the audit log, doctor, backup.

use super::caller::{Admin, Viewer};
use super::extract::{Json, Params};
use super::{List, PageParams, Problem};
use crate::app::App;
use crate::auth::Role;
use crate::ops::doctor::{self, Finding};
use crate::ops::record::{self, Verdict};
use crate::ops::{backup, tokens};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use firedog_store::audit::Record;
use firedog_store::token::Token;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct TokenRow {
    id: String,
    name: String,
    role: String,
    /// Whose it is.
    user: Option<String>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl From<Token> for TokenRow {
    fn from(token: Token) -> Self {
        let Token { id, name, role, user, created_at, last_used_at, .. } = token;
        Self { id, name, role, user: user.map(|id| id.0), created_at, last_used_at }
    }
}

/// List API tokens, without their secrets
#[utoipa::path(get, path = "/tokens", tag = "administration", params(PageParams), responses((status = 200, body = List<TokenRow>)))]
pub(super) async fn tokens(
    _: Admin,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<TokenRow>>, Problem> {
    Ok(axum::Json(page.cut(tokens::list(&app).await?.into_iter().map(TokenRow::from).collect())?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    name: String,
    role: Role,
    /// The person who acts with it.
    #[serde(default)]
    user: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct MadeToken {
    #[serde(flatten)]
    row: TokenRow,
    /// The secret. It is not shown again.
    token: String,
}

/// Make an API token; its secret is answered once
#[utoipa::path(post, path = "/tokens", tag = "administration", request_body = NewToken, responses((status = 201, body = MadeToken)))]
pub(super) async fn create_token(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, axum::Json<MadeToken>), Problem> {
    let (token, secret) = tokens::create(&app, &new.name, new.role, new.user.map(Into::into), &caller).await?;
    Ok((StatusCode::CREATED, axum::Json(MadeToken { row: token.into(), token: secret.expose().to_owned() })))
}

/// Revoke an API token at once
#[utoipa::path(delete, path = "/tokens/{id}", tag = "administration", params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn revoke_token(
    Admin(caller): Admin,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    tokens::revoke(&app, &id, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What somebody did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct AuditRow {
    id: String,
    at: Timestamp,
    /// `user:ada`, `token:ci`, `source:service/integration`, `system`.
    actor: String,
    /// `alert.acknowledge`, `setup.apply`.
    action: String,
    /// `alert:ID`.
    subject: String,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
    detail: Option<String>,
}

impl From<Record> for AuditRow {
    fn from(record: Record) -> Self {
        let Record { id, at, actor, action, subject, before, after, detail } = record;
        let value = |text: String| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
        Self { id, at, actor, action, subject, before: before.map(value), after: after.map(value), detail }
    }
}

/// Which part of the audit log.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditParams {
    /// `alert:ID`: one thing only.
    subject: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// List what was changed and done, the newest first
#[utoipa::path(get, path = "/audit", tag = "administration", params(AuditParams), responses((status = 200, body = List<AuditRow>)))]
pub(super) async fn audit(
    _: Admin,
    State(app): State<App>,
    Params(params): Params<AuditParams>,
) -> Result<axum::Json<List<AuditRow>>, Problem> {
    let page = record::list(&app, params.subject, params.limit, params.cursor.as_deref()).await?;
    Ok(axum::Json(List { items: page.items.into_iter().map(AuditRow::from).collect(), next: page.next }))
}

/// Check that no row of the audit log is missing or changed
#[utoipa::path(get, path = "/audit/verify", tag = "administration", responses((status = 200, body = Verdict)))]
pub(super) async fn verify(_: Admin, State(app): State<App>) -> Result<axum::Json<Verdict>, Problem> {
    Ok(axum::Json(record::verify(&app).await?))
}

/// Look for what is wrong with the server and its setup
#[utoipa::path(get, path = "/doctor", tag = "administration", params(PageParams), responses((status = 200, body = List<Finding>)))]
pub(super) async fn doctor(
    _: Viewer,
    State(app): State<App>,
    Params(page): Params<PageParams>,
) -> Result<axum::Json<List<Finding>>, Problem> {
    Ok(axum::Json(page.cut(doctor::examine(&app).await)?))
}

/// Copy the SQLite database while it is in use
#[utoipa::path(post, path = "/backup", tag = "administration", responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")))]
pub(super) async fn backup(Admin(caller): Admin, State(app): State<App>) -> Result<Response, Problem> {
    let made = backup::make(&app, &caller).await?;
    let unreadable =
        |error: std::io::Error| Problem::from(crate::ops::Error::Broken(format!("the backup cannot be read: {error}")));
    let file = tokio::fs::File::open(&made.path).await.map_err(unreadable)?;
    let length = file.metadata().await.map_err(unreadable)?.len();
    // The file lives as long as its stream.
    let chunks = futures_util::stream::unfold((file, made), |(mut file, made)| async move {
        let mut chunk = bytes::BytesMut::with_capacity(CHUNK_BYTES);
        match file.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(chunk.freeze()), (file, made))),
            Err(error) => Some((Err(error), (file, made))),
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"firedog.backup\"".to_owned()),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// Read and sent at a time.
const CHUNK_BYTES: usize = 64 << 10;
