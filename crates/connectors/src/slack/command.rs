//! Commands that somebody types in Slack: whether Slack has sent one, what it says, and how it is answered.
//!
//! Facts: Slack's own documents and SDKs. `v0=` and the hex HMAC-SHA256 of `v0:TIMESTAMP:BODY` over the raw body.

use super::{Mrkdwn, Slack};
use crate::bounds::{cut, one_line};
use crate::call::{Auth, CallError, Site};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;
use url::Url;

/// Headers of a request of Slack.
pub const TIMESTAMP: &str = "x-slack-request-timestamp";
pub const SIGNATURE: &str = "x-slack-signature";
/// Largest body of a request: a button that is pressed brings its whole message along.
pub const MAX_BYTES: usize = 256 << 10;
/// A request that is older, or younger, was not sent now. Slack's own SDKs take the same.
const WINDOW_S: u64 = 300;
/// Longest command text that is read, in characters.
pub const MAX_COMMAND: usize = 4_000;
/// Longest id of Slack, in bytes.
pub(super) const MAX_ID: usize = 64;
/// Longest id of a request.
pub(super) const MAX_TRIGGER: usize = 200;
pub(super) const MAX_URL: usize = 2_000;
/// Where later answers are taken.
const HOOKS: [&str; 2] = ["hooks.slack.com", "hooks.slack-gov.com"];
const RESPOND: Duration = Duration::from_secs(10);

/// What was typed, by whom and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// With its slash: `/ff`.
    pub name: String,
    /// As it was typed, one line.
    pub text: String,
    pub user: String,
    pub channel: String,
    /// Names this one request.
    pub trigger: String,
    /// Where a later answer is taken. A secret.
    pub response_url: Option<String>,
}

/// Whether Slack has sent this within the last minutes. The signature is compared in a time that says nothing.
pub fn is_signed(secret: &str, timestamp: Option<&str>, signature: Option<&str>, body: &[u8], now: Timestamp) -> bool {
    let (Some(timestamp), Some(signature)) = (timestamp, signature) else { return false };
    let plain = !timestamp.is_empty() && timestamp.len() <= 12 && timestamp.bytes().all(|b| b.is_ascii_digit());
    let Some(at) = timestamp.parse::<i64>().ok().filter(|_| plain) else { return false };
    if secret.is_empty() || now.as_second().abs_diff(at) > WINDOW_S {
        return false;
    }
    let Some(given) = signature.strip_prefix("v0=").and_then(unhex) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(b"v0:");
    mac.update(timestamp.as_bytes());
    mac.update(b":");
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 || !bytes.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)) {
        return None;
    }
    bytes.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Slack looks whether somebody is there, without saying more.
pub fn is_probe(form: &str) -> bool {
    form.len() <= MAX_BYTES
        && url::form_urlencoded::parse(form.as_bytes()).any(|(name, value)| name == "ssl_check" && value == "1")
}

/// Reads the body of a command.
///
/// # Errors
/// What is missing.
pub fn parse(body: &[u8]) -> Result<Command, String> {
    let mut command = Command {
        name: String::new(),
        text: String::new(),
        user: String::new(),
        channel: String::new(),
        trigger: String::new(),
        response_url: None,
    };
    for (name, value) in url::form_urlencoded::parse(body).take(64) {
        let id = || Some(value.to_string()).filter(|id| id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        match &*name {
            "command" => command.name = cut(&one_line(&value), MAX_ID),
            "text" => command.text = one_line(value.trim()),
            "user_id" => command.user = id().unwrap_or_default(),
            "channel_id" => command.channel = id().unwrap_or_default(),
            "trigger_id" => command.trigger = value.to_string(),
            "response_url" => command.response_url = Some(value.to_string()).filter(|url| url.len() <= MAX_URL),
            _ => {}
        }
    }
    if command.user.is_empty() {
        return Err("it does not say who has typed it (`user_id`)".to_owned());
    }
    if command.trigger.is_empty() || command.trigger.len() > MAX_TRIGGER {
        return Err("it does not say which request it is (`trigger_id`)".to_owned());
    }
    if command.text.chars().count() > MAX_COMMAND {
        return Err(format!("a command has at most {MAX_COMMAND} characters"));
    }
    Ok(command)
}

impl Slack {
    /// A later answer to a command or a press, which only whoever has typed or pressed sees. Slack takes five of them within 30 minutes.
    ///
    /// # Errors
    /// `Rejected`: the address is not Slack's; nothing is sent there.
    pub async fn respond(&self, url: &str, text: &Mrkdwn) -> Result<(), CallError> {
        self.tell_back(url, &answer(text)).await
    }

    /// What stands from now on where a button was pressed: the text, and no button.
    ///
    /// # Errors
    /// `Rejected`: the address is not Slack's; nothing is sent there.
    pub async fn replace(&self, url: &str, text: &Mrkdwn) -> Result<(), CallError> {
        self.tell_back(url, &json!({ "replace_original": true, "text": text.as_str() })).await
    }

    async fn tell_back(&self, url: &str, body: &Value) -> Result<(), CallError> {
        let wanted = Url::parse(url).map_err(|_| CallError::rejected("the address for answers is none"))?;
        let hooks =
            wanted.scheme() == "https" && wanted.host_str().is_some_and(|host| HOOKS.contains(&host)) && wanted.port().is_none();
        // What speaks Slack's language elsewhere is believed with its own address only.
        let own = self.site.url(&[]).is_ok_and(|own| own.origin() == wanted.origin());
        if !hooks && !own {
            return Err(CallError::rejected("the address for answers is not Slack's"));
        }
        let site = Site::new(url, &Auth::None, None)?;
        site.post_json(&[], body).timeout(RESPOND).send().await.map(drop)
    }
}

/// What only whoever has typed the command sees.
pub fn answer(text: &Mrkdwn) -> Value {
    json!({ "response_type": "ephemeral", "replace_original": false, "text": text.as_str() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "test-signing-secret-0001";
    const BODY: &[u8] = b"command=%2Fff&text=ack+INC-42&user_id=U111&team_id=T111";
    const GOOD: &str = "v0=9529e11b024b1fa5071adb6d748ecce9ff20ec65d068ff386c8d1d40ddcacd04";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn signed(timestamp: &str, signature: &str, body: &[u8], seconds: i64) -> bool {
        is_signed(SECRET, Some(timestamp), Some(signature), body, at(seconds))
    }

    #[test]
    fn only_what_slack_has_signed_now_is_taken() {
        for seconds in [0, 300, -300] {
            assert!(signed("1700000000", GOOD, BODY, seconds));
        }
        for seconds in [301, -301, 86_400] {
            assert!(!signed("1700000000", GOOD, BODY, seconds), "{seconds}");
        }
        let shorter = &GOOD[..GOOD.len() - 2];
        for bad in ["", "v0=", "v1=00", &GOOD.to_uppercase(), &GOOD[3..], shorter, &GOOD.replace('9', "8"), "v0=zz"] {
            assert!(!signed("1700000000", bad, BODY, 0), "{bad}");
        }
        for bad in ["", "1700000001", "+1700000000", " 1700000000", "1700000000.0", "x", "99999999999999999999"] {
            assert!(!signed(bad, GOOD, BODY, 0), "{bad}");
        }
        assert!(!signed("1700000000", GOOD, b"command=%2Fff&text=ack+INC-43&user_id=U111&team_id=T111", 0));
        assert!(!is_signed("another", Some("1700000000"), Some(GOOD), BODY, at(0)));
        assert!(!is_signed("", Some("1700000000"), Some(GOOD), BODY, at(0)));
        assert!(!is_signed(SECRET, None, Some(GOOD), BODY, at(0)) && !is_signed(SECRET, Some("1700000000"), None, BODY, at(0)));
    }

    #[test]
    fn commands_are_read_within_bounds() {
        let body = "command=%2Fff&text=+page%0Asupport+Caf%C3%A9%20is+down+&user_id=U111&channel_id=C1&trigger_id=1.2.abc&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1";
        let command = parse(body.as_bytes()).unwrap();
        assert_eq!((command.name.as_str(), command.text.as_str()), ("/ff", "page support Café is down"));
        assert_eq!((command.user.as_str(), command.trigger.as_str()), ("U111", "1.2.abc"));
        assert_eq!(command.response_url.as_deref(), Some("https://hooks.slack.com/commands/1"));
        for (bad, why) in [
            ("", "who"),
            ("user_id=U%20%3C&trigger_id=1", "who"),
            ("user_id=U1", "which request"),
            (&format!("user_id=U1&trigger_id={}", "x".repeat(201)), "which request"),
            (&format!("user_id=U1&trigger_id=1&text={}", "x".repeat(MAX_COMMAND + 1)), "4000"),
            ("\u{0}%%%&&&=;", "who"),
        ] {
            assert!(parse(bad.as_bytes()).unwrap_err().contains(why), "{bad}");
        }
        assert!(is_probe("ssl_check=1&token=x") && !is_probe("ssl_check=0") && !is_probe("text=ssl_check%3D1"));
    }
}
