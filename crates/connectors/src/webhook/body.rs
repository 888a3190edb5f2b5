//! The JSON of a page by webhook.

use crate::message::{AlertView, Aside, Message, Other};
use firedog_domain::setup::Content;
use serde_json::{Map, Value, json};

/// `kind`, `alert`, `user`, `reason`, `ack_url`, `idempotency_key`; where there are any, `others`
/// (further alerts in the same message, each with its `ack_url`) and `why` (more lines); `test` when somebody tries it out.
/// Minimal content carries of an alert only `id`, `state` and `urgency`.
pub fn body(message: &Message) -> Value {
    let minimal = message.content == Content::Minimal;
    let alert = |alert: &AlertView| {
        if minimal { json!({ "id": alert.id, "state": alert.state, "urgency": alert.urgency }) } else { json!(alert) }
    };
    let mut body = Map::new();
    body.insert("kind".to_owned(), json!(message.kind));
    body.insert("alert".to_owned(), alert(&message.alert));
    body.insert("user".to_owned(), json!(message.user));
    body.insert("reason".to_owned(), json!(message.reason));
    body.insert("ack_url".to_owned(), json!(message.ack_url));
    body.insert("idempotency_key".to_owned(), json!(message.idempotency_key));
    if !message.others.is_empty() {
        let other = |other: &Other| {
            let mut view = alert(&other.alert);
            view["ack_url"] = json!(other.ack_url);
            view
        };
        body.insert("others".to_owned(), message.others.iter().map(other).collect());
    }
    if !message.why.is_empty() && !minimal {
        body.insert("why".to_owned(), json!(message.why));
    }
    if message.aside == Some(Aside::Test) {
        body.insert("test".to_owned(), json!(true));
    }
    Value::Object(body)
}
