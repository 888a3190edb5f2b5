//! Links of tests: "it has reached me", and what a browser says by itself when it has shown a message.

use super::{guarded, plain};
use crate::app::App;
use crate::ops::{Error, calendar, device, readiness};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The service worker's receipt. It reads nothing of the answer.
pub(super) async fn received(State(app): State<App>, Path(token): Path<String>) -> StatusCode {
    match device::received(&app, &token).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(Error::NotFound(_)) => StatusCode::NOT_FOUND,
        Err(error) => {
            tracing::warn!(%error, "a receipt was not noted");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// A GET confirms nothing: mail scanners open every link.
pub(super) async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    match readiness::of_link(&app, &token) {
        Some((_, contact)) => {
            let body = format!(
                "<p>Nothing is wrong. This was a test of your contact method <b>{contact}</b>.</p>\
                 <form method=\"post\"><button class=\"acknowledge\">It has reached me</button></form>"
            );
            guarded(StatusCode::OK, plain("A test of Firedog", &body))
        }
        None => nothing(),
    }
}

pub(super) async fn confirm(State(app): State<App>, Path(token): Path<String>) -> Response {
    match readiness::confirm_link(&app, &token).await {
        Ok(()) => guarded(
            StatusCode::OK,
            plain("Thank you", "<p>Firedog now knows that this way reaches you. You can close this page.</p>"),
        ),
        Err(Error::NotFound(_) | Error::Conflict(_)) => nothing(),
        Err(error) => {
            tracing::error!(%error, "a test could not be confirmed");
            guarded(StatusCode::SERVICE_UNAVAILABLE, plain("Firedog cannot answer now", "<p>Try again in a moment.</p>"))
        }
    }
}

fn nothing() -> Response {
    let body =
        "<p>It is not one of ours, or it is older than a day, or the address that it went to has changed. Send a new test.</p>";
    guarded(StatusCode::NOT_FOUND, plain("This link confirms nothing", body))
}

/// A calendar program asks every hour or so; it sends no sign-in.
pub(super) async fn calendar(State(app): State<App>, Path(file): Path<String>) -> Response {
    let Some(token) = file.strip_suffix(".ics") else {
        return (StatusCode::NOT_FOUND, "a calendar's address ends with .ics\n").into_response();
    };
    match calendar::feed(&app, token).await {
        Ok(text) => {
            ([(header::CONTENT_TYPE, "text/calendar; charset=utf-8"), (header::CACHE_CONTROL, "private, max-age=600")], text)
                .into_response()
        }
        Err(Error::NotFound(why)) => (StatusCode::NOT_FOUND, format!("{why}\n")).into_response(),
        Err(error) => {
            tracing::warn!(%error, "a calendar could not be made");
            (StatusCode::SERVICE_UNAVAILABLE, "try again in a moment\n").into_response()
        }
    }
}
