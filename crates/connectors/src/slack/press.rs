//! Buttons that somebody presses under a message of ours: what was pressed, by whom, and how the message is replaced.
//!
//! Facts: Slack's own documents. One form field, `payload`, with JSON in it; what is answered to the request itself is not shown.

use super::command::{MAX_ID, MAX_TRIGGER, MAX_URL};
use serde::Deserialize;

/// What a press of a button is, as Slack calls it.
const KIND: &str = "block_actions";
/// Longest value of a button, in bytes; Slack takes 2,000 characters.
const MAX_VALUE: usize = 8_000;

/// Which button, and who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pressed {
    pub user: String,
    /// What the button carries. Anybody in the workspace could have made it up.
    pub value: String,
    /// Names this one press.
    pub trigger: String,
    /// Where the message is replaced. A secret.
    pub response_url: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: User,
    #[serde(default)]
    trigger_id: String,
    response_url: Option<String>,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    /// Buttons that open a page have none.
    value: Option<String>,
}

/// `None`: this is not about buttons.
///
/// # Errors
/// What is missing.
pub fn parse(body: &[u8]) -> Option<Result<Option<Pressed>, String>> {
    let (_, payload) = url::form_urlencoded::parse(body).take(64).find(|(name, _)| name == "payload")?;
    Some(read(&payload))
}

/// `None`: nothing is to be done; it has opened a page, or is of another kind.
fn read(payload: &str) -> Result<Option<Pressed>, String> {
    let payload: Payload = serde_json::from_str(payload).map_err(|error| format!("its payload is not understood: {error}"))?;
    let Some(value) = payload.actions.into_iter().next().and_then(|action| action.value).filter(|_| payload.kind == KIND) else {
        return Ok(None);
    };
    let user = payload.user.id;
    if user.is_empty() || user.len() > MAX_ID || !user.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err("it does not say who has pressed it (`user.id`)".to_owned());
    }
    if payload.trigger_id.is_empty() || payload.trigger_id.len() > MAX_TRIGGER {
        return Err("it does not say which press it is (`trigger_id`)".to_owned());
    }
    if value.len() > MAX_VALUE {
        return Err("its value is longer than any button's".to_owned());
    }
    let response_url = payload.response_url.filter(|url| url.len() <= MAX_URL);
    Ok(Some(Pressed { user, value, trigger: payload.trigger_id, response_url }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn form(payload: &Value) -> Vec<u8> {
        url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish().into_bytes()
    }

    #[test]
    fn a_press_is_read_within_bounds() {
        let good = json!({ "type": "block_actions", "user": { "id": "U1" }, "trigger_id": "1.2.a",
            "response_url": "https://hooks.slack.com/actions/1", "actions": [{ "type": "button", "value": "v\u{e9}" }] });
        let pressed = parse(&form(&good)).unwrap().unwrap().unwrap();
        assert_eq!((pressed.user.as_str(), pressed.value.as_str(), pressed.trigger.as_str()), ("U1", "v\u{e9}", "1.2.a"));
        assert_eq!(pressed.response_url.as_deref(), Some("https://hooks.slack.com/actions/1"));
        assert_eq!(parse(b"command=%2Fff&user_id=U1"), None);
        let with = |name: &str, value: Value| {
            let mut payload = good.clone();
            payload[name] = value;
            parse(&form(&payload)).unwrap()
        };
        // A button with an address tells of itself as well; other kinds are not ours.
        assert_eq!(with("actions", json!([{ "type": "button", "url": "https://x" }])), Ok(None));
        assert_eq!(with("actions", json!([])), Ok(None));
        assert_eq!(with("type", json!("view_closed")), Ok(None));
        for (name, value, why) in [
            ("user", json!({ "id": "U1 <" }), "who"),
            ("user", json!({}), "not understood"),
            ("trigger_id", json!(""), "which press"),
            ("trigger_id", json!("x".repeat(201)), "which press"),
            ("actions", json!([{ "value": "x".repeat(8_001) }]), "longer"),
        ] {
            assert!(with(name, value.clone()).unwrap_err().contains(why), "{name} {value}");
        }
        assert!(parse(b"payload=%7B").unwrap().unwrap_err().contains("not understood"));
    }
}
