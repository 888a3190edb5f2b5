//! A vendor's portal without a connector of its own: one request of JSON opens a case, and its answer has the number.

use crate::bounds::{cut, one_line};
use crate::call::{CallError, Found, Site};
use crate::mask;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Portals start workflows before they answer.
const TIMEOUT: Duration = Duration::from_secs(45);
const MAX_ANSWER: usize = 256 << 10;
/// Longest number and address of a case, in characters.
const MAX_NUMBER: usize = 100;
const MAX_URL: usize = 2_000;

/// How cases are opened there.
#[derive(Debug)]
pub struct Portal {
    site: Site,
    /// JSON with words in braces in its texts.
    body: Value,
    number_at: String,
    url_at: Option<String>,
    key_header: Option<String>,
}

/// A case that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    pub number: String,
    /// As the portal says it; nobody has looked whether it is an address.
    pub url: String,
}

impl Portal {
    pub fn new(site: Site, body: Value, number_at: &str, url_at: Option<&str>, key_header: Option<&str>) -> Self {
        let (number_at, url_at) = (number_at.to_owned(), url_at.map(str::to_owned));
        Self { site, body, number_at, url_at, key_header: key_header.map(str::to_owned) }
    }

    /// Whether anything answers there, and lets us in. Nothing is opened: a portal has no harmless case.
    pub async fn check(&self) -> Result<Found, CallError> {
        self.site.get(&[]).takes(&[400, 404, 405, 406, 415, 422]).max_body(MAX_ANSWER).send().await?;
        let notes = Vec::new();
        Ok(Found { system: "a portal over HTTP".to_owned(), version: None, identity: None, notes })
    }

    /// One request. `key` is the same for every attempt.
    ///
    /// # Errors
    /// `Unknown`: there may be a case now; only with a key that the portal honours may it be asked again.
    pub async fn open(&self, words: &BTreeMap<&str, String>, key: &str) -> Result<Opened, CallError> {
        let masked = words.iter().map(|(name, text)| (*name, mask::text(text).into_owned())).collect();
        let mut call = self.site.post_json(&[], &filled(&self.body, &masked)).timeout(TIMEOUT).max_body(MAX_ANSWER);
        if let Some(header) = &self.key_header {
            call = call.header(header, key);
        }
        let answer = call.send().await?;
        let said: Value = answer.json().map_err(|error| CallError::unknown(error.reason()))?;
        let text = |at: &str, most: usize| match said.pointer(at) {
            Some(Value::String(text)) => Some(cut(&one_line(text), most)),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let number = text(&self.number_at, MAX_NUMBER).filter(|number| !number.is_empty());
        let none = || CallError::unknown(format!("the portal took it, and its answer has no number at {}", self.number_at));
        let url = self.url_at.as_ref().and_then(|at| text(at, MAX_URL)).unwrap_or_default();
        Ok(Opened { number: number.ok_or_else(none)?, url })
    }
}

/// Each `{word}` in each text, once: what is filled in is never looked through again.
fn filled(body: &Value, words: &BTreeMap<&str, String>) -> Value {
    match body {
        Value::String(text) => Value::String(filled_text(text, words)),
        Value::Array(items) => items.iter().map(|item| filled(item, words)).collect(),
        Value::Object(parts) => parts.iter().map(|(name, part)| (name.clone(), filled(part, words))).collect(),
        other => other.clone(),
    }
}

fn filled_text(text: &str, words: &BTreeMap<&str, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        match tail.split_once('}').and_then(|(name, after)| Some((words.get(name)?, after))) {
            Some((word, after)) => {
                out.push_str(word);
                rest = after;
            }
            None => {
                out.push('{');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::script::{Script, ok, reply};
    use serde_json::json;

    fn words() -> BTreeMap<&'static str, String> {
        let evidence = "two \"lines\"\n{title} of card 4111111111111111";
        [("title", "It fails".to_owned()), ("evidence", evidence.to_owned()), ("code", "EX1".to_owned())].into()
    }

    fn portal(script: &Script, key: Option<&str>) -> Portal {
        let body = json!({ "short": "{title} ({code})", "text": "{evidence}", "urgency": 1, "tags": ["{code}", "{other}"] });
        Portal::new(script.site(), body, "/result/number", Some("/result/url"), key)
    }

    #[tokio::test]
    async fn a_case_is_opened_by_one_request_and_its_number_read() {
        let script =
            Script::of([ok(r#"{"result":{"number":"CS-1","url":"https://p/1"}}"#), ok(r#"{"result":{"number":4711}}"#)]).await;
        let opened = portal(&script, Some("Idempotency-Key")).open(&words(), "run/3/1").await.unwrap();
        assert_eq!(opened, Opened { number: "CS-1".to_owned(), url: "https://p/1".to_owned() });
        assert_eq!(portal(&script, None).open(&words(), "run/3/1").await.unwrap().number, "4711");
        let requests = script.requests();
        assert_eq!((requests[0].header("idempotency-key"), requests[1].header("idempotency-key")), (Some("run/3/1"), None));
        // Nothing that is filled in ends its text, is filled in again, or holds what is masked.
        let sent = requests[0].json();
        assert_eq!(sent["text"], "two \"lines\"\n{title} of card ****1111");
        assert_eq!(
            (&sent["short"], &sent["urgency"], &sent["tags"]),
            (&json!("It fails (EX1)"), &json!(1), &json!(["EX1", "{other}"]))
        );
    }

    #[tokio::test]
    async fn what_may_have_been_opened_is_told_from_what_was_not() {
        for (answer, unknown) in [
            (ok(r#"{"result":{}}"#), true),
            (ok("<html>welcome</html>"), true),
            (reply("500 Internal Server Error", "text/html", "oops"), true),
            (reply("503 Service Unavailable", "text/html", "later"), false),
            (reply("422 Unprocessable Entity", "application/json", r#"{"error":"no such host"}"#), false),
            (reply("401 Unauthorized", "text/plain", "no"), false),
        ] {
            let script = Script::of([answer.clone()]).await;
            let error = portal(&script, None).open(&words(), "k").await.unwrap_err();
            assert_eq!(matches!(error, CallError::Unknown { .. }), unknown, "{answer}: {error:?}");
        }
    }
}
