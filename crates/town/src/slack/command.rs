//! Somebody types a command: it is sent signed, as Slack sends it, and later answers are taken.

use super::{SIGNING_SECRET, Said, Slack};
use crate::client;
use crate::desk::{Ask, answer};
use axum::response::Response;
use ring::hmac;
use serde_json::{Value, json};

/// Slack takes so many later answers to one command.
const MOST_RESPONSES: usize = 5;

/// A command as Slack sends it, and what makes it one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    pub timestamp: String,
    pub signature: String,
    pub body: String,
}

impl Slack {
    /// What is sent when somebody types this now. `trigger` names the request; the same one again is a replay.
    pub fn types(&self, user: &str, command: &str, text: &str, trigger: &str, slack_url: &str) -> Typed {
        let url = format!("{}/commands/{trigger}", slack_url.trim_end_matches("/api"));
        let fields = [
            ("token", "deprecated"),
            ("team_id", "T0TOWN"),
            ("team_domain", "town"),
            ("channel_id", super::ALERTS_CHANNEL),
            ("channel_name", "auto-pupper-alerts"),
            ("user_id", user),
            ("user_name", "whoever"),
            ("command", command),
            ("text", text),
            ("api_app_id", "A0FIREDOG"),
            ("is_enterprise_install", "false"),
            ("response_url", &url),
            ("trigger_id", trigger),
        ];
        // Forms are encoded as queries are.
        let mut form = reqwest::Url::parse("http://town/").expect("it is one");
        form.query_pairs_mut().extend_pairs(fields);
        Self::signed(&self.weather.now().as_second().to_string(), form.query().unwrap_or_default())
    }

    /// What is sent when somebody presses the button with this label under a message. `None`: there is none, or none that tells.
    pub fn presses(&self, user: &str, said: &Said, label: &str, trigger: &str, slack_url: &str) -> Option<Typed> {
        let blocks = said.blocks.as_array()?;
        let all = blocks.iter().filter_map(|block| block["elements"].as_array()).flatten();
        let button = all.into_iter().find(|element| element["text"]["text"] == label)?;
        self.book().pressed.push((trigger.to_owned(), said.channel.clone(), said.ts.clone()));
        let action = json!({ "type": "button", "action_id": button["action_id"], "block_id": "b1", "text": button["text"],
            "value": button["value"].as_str()?, "action_ts": said.ts });
        let payload = json!({
            "type": "block_actions", "api_app_id": "A0FIREDOG", "token": "deprecated", "trigger_id": trigger,
            "team": { "id": "T0TOWN", "domain": "town" }, "user": { "id": user, "username": "whoever", "team_id": "T0TOWN" },
            "container": { "type": "message", "message_ts": said.ts, "channel_id": said.channel, "is_ephemeral": false },
            "channel": { "id": said.channel, "name": "directmessage" },
            "message": { "ts": said.ts, "text": said.text, "blocks": said.blocks },
            "response_url": format!("{}/commands/{trigger}", slack_url.trim_end_matches("/api")), "actions": [action],
        });
        let mut form = reqwest::Url::parse("http://town/").expect("it is one");
        form.query_pairs_mut().append_pair("payload", &payload.to_string());
        Some(Self::signed(&self.weather.now().as_second().to_string(), form.query().unwrap_or_default()))
    }

    /// Any body of any time, with the right signature.
    pub fn signed(timestamp: &str, body: &str) -> Typed {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SIGNING_SECRET.as_bytes());
        let tag = hmac::sign(&key, format!("v0:{timestamp}:{body}").as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Typed { timestamp: timestamp.to_owned(), signature: format!("v0={hex}"), body: body.to_owned() }
    }

    /// Later answers to commands: of which, and how it reads.
    pub fn responses(&self) -> Vec<(String, String)> {
        self.book().responses.clone()
    }

    pub(super) fn responded(&self, trigger: &str, ask: &Ask) -> Response {
        let body: Value = ask.json().unwrap_or_default();
        let text = body["text"].as_str().unwrap_or_default().to_owned();
        if text.is_empty() {
            return answer(400, "text/plain", "no_text");
        }
        let mut book = self.book();
        if book.responses.iter().filter(|(of, _)| of == trigger).count() >= MOST_RESPONSES {
            return answer(404, "application/json", r#"{"ok":false,"error":"used_url"}"#);
        }
        let under = book.pressed.iter().find(|(of, ..)| of == trigger).cloned();
        if let Some((_, channel, ts)) = under.filter(|_| body["replace_original"] == true)
            && let Some(said) = book.find(&channel, &ts)
        {
            (said.text, said.blocks, said.updates) = (text.clone(), Value::Null, said.updates + 1);
        }
        book.responses.push((trigger.to_owned(), text));
        answer(200, "text/plain", "ok")
    }
}

impl Typed {
    /// Sends it; the status, and the text that whoever has typed it reads.
    pub async fn send(&self, to: &str) -> Result<(u16, String), reqwest::Error> {
        let request = client().post(to).header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("x-slack-request-timestamp", &self.timestamp).header("x-slack-signature", &self.signature);
        let response = request.body(self.body.clone()).send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        let told = serde_json::from_str::<Value>(&text).ok().and_then(|body| Some(body.get("text")?.as_str()?.to_owned()));
        Ok((status, told.unwrap_or(text)))
    }
}
