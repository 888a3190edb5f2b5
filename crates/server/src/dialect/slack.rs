//! Commands that somebody types in Slack, and buttons that they press. Slack wants its answer within 3 s and asks once; what goes on
//! longer is told later.

use super::{Routes, json, read_body};
use crate::app::App;
use crate::ops::chat;
use crate::ops::ingest::Refused;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use firedog_connectors::slack::Mrkdwn;
use firedog_connectors::slack::command::{self, MAX_BYTES};
use firedog_connectors::slack::press;
use serde_json::json as value;
use std::time::Duration;

/// Beyond it, Slack would show an error; the way there and back takes a while too.
const ANSWER_WITHIN: Duration = Duration::from_millis(2_200);

pub(super) fn routes() -> Routes {
    vec![("/chat/slack/{connection}", post(typed).get(probed))]
}

async fn probed(RawQuery(query): RawQuery) -> Response {
    let is_probe = query.is_some_and(|query| command::is_probe(&query));
    if is_probe { StatusCode::OK.into_response() } else { StatusCode::METHOD_NOT_ALLOWED.into_response() }
}

async fn typed(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let body = match read_body(body, MAX_BYTES).await {
        Ok(body) => body,
        Err(Refused::TooLarge) => return json(413, &value!({ "error": "this is larger than anything that Slack sends" })),
        Err(_) => return json(408, &value!({ "error": "it did not come in time" })),
    };
    if std::str::from_utf8(&body).is_ok_and(command::is_probe) {
        return StatusCode::OK.into_response();
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let door = match chat::door(&app, &id).await {
        Ok(door) => door,
        Err(error) => return json(503, &value!({ "error": error.to_string() })),
    };
    // Whether there is such a connection is nobody's business who cannot sign.
    let Some((connection, _)) = door.filter(|(_, secret)| {
        command::is_signed(secret.expose(), text(command::TIMESTAMP), text(command::SIGNATURE), &body, app.now())
    }) else {
        return json(
            401,
            &value!({ "error": "this is not signed by Slack with the signing secret of this connection, or not now" }),
        );
    };
    match press::parse(&body) {
        None => {}
        Some(Ok(None)) => return StatusCode::OK.into_response(),
        // What is answered here is not shown: it is told where the button was pressed.
        Some(Ok(Some(pressed))) => {
            let pressing = tokio::spawn(chat::press(app, connection, pressed));
            let _ = tokio::time::timeout(ANSWER_WITHIN, pressing).await;
            return StatusCode::OK.into_response();
        }
        Some(Err(why)) => return json(400, &value!({ "error": why })),
    }
    let command = match command::parse(&body) {
        Ok(command) => command,
        Err(why) => return json(200, &command::answer(&Mrkdwn::new().plain(&format!("This is no command: {why}")))),
    };
    let answer = chat::answer(&app, connection, command, ANSWER_WITHIN).await;
    json(200, &command::answer(&answer))
}
