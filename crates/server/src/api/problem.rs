//! Errors as `application/problem+json` (RFC 9457), with what a person at 3 am wants to know: was anybody paged, and
//! what to do next.

use crate::ops::Error;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use firedog_domain::setup::diagnostic::Diagnostic;
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem: `urn:firedog:not_found`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    pub detail: String,
    /// What to do next.
    pub next: String,
    /// Whether somebody was paged although it failed; `null`: it is not known.
    pub paged: Option<bool>,
    /// Also in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub retry_after_s: Option<u32>,
    /// Of a setup: every mistake in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<super::setup::DiagnosticRow>)]
    pub diagnostics: Vec<Diagnostic>,
}

impl Problem {
    pub fn new(status: u16, title: &'static str) -> Self {
        Self {
            kind: "about:blank",
            title,
            status,
            detail: String::new(),
            next: String::new(),
            paged: Some(false),
            retry_after_s: None,
            diagnostics: Vec::new(),
        }
    }

    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    pub fn unauthorized(detail: &str) -> Self {
        Self::new(401, "Not signed in")
            .kind("urn:firedog:unauthorized")
            .detail(detail)
            .next("send `Authorization: Bearer TOKEN`; an administrator makes tokens with `firedog token add`")
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, "Not allowed")
            .kind("urn:firedog:not_allowed")
            .detail(detail)
            .next("use a token with the role that this needs")
    }

    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(400, "The request is wrong")
            .kind("urn:firedog:invalid")
            .detail(detail)
            .next("correct the request; docs: GET /api")
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound(_) => Self::new(404, "Not found")
                .kind("urn:firedog:not_found")
                .detail(detail)
                .next("look at the list that it should be in"),
            Error::NotAllowed(_) => Self::forbidden(detail),
            Error::Invalid(_) => Self::invalid(detail),
            Error::Mistakes(diagnostics) => Self {
                diagnostics,
                ..Self::new(422, "The setup has mistakes")
                    .kind("urn:firedog:setup_mistakes")
                    .detail(detail)
                    .next("mend what `diagnostics` lists; `firedog check DIR` shows each with its line")
            },
            Error::Conflict(_) => Self::new(409, "It does not go with the present state")
                .kind("urn:firedog:conflict")
                .detail(detail)
                .next("look at it again, then decide"),
            Error::NotConnected(_) => Self::new(409, "Nothing that is connected could tell")
                .kind("urn:firedog:not_connected")
                .detail(detail)
                .next("write or correct `connections:` in the setup; `firedog connection check` says what is wrong"),
            Error::TooMany(after_s) => Self {
                retry_after_s: u32::try_from(after_s).ok(),
                ..Self::new(429, "Too many attempts").kind("urn:firedog:too_many").detail(detail).next("wait, then try again")
            },
            Error::Busy => Self::new(503, "Too much is going on")
                .kind("urn:firedog:busy")
                .detail("nothing was done")
                .next("send the same again in a moment"),
            Error::Unavailable(_) => Self {
                paged: None,
                ..Self::new(503, "The database cannot be reached")
                    .kind("urn:firedog:unavailable")
                    .detail(detail)
                    .next("it may or may not have been done: look, then send it again with the same Idempotency-Key")
            },
            Error::Broken(_) => Self {
                paged: None,
                ..Self::new(500, "Firedog is broken")
                    .kind("urn:firedog:broken")
                    .detail(detail)
                    .next("look at the server's log; page by other means meanwhile")
            },
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(status = self.status, detail = self.detail, "a request failed");
        }
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(crate::ops::ingest::OVERLOAD_RETRY_S));
        }
        if let Some(after_s) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after_s));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
