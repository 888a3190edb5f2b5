//! What an error's body says, in the shapes that the systems we call use.

use crate::bounds::{cut, one_line};
use crate::{http, mask};
use serde_json::Value;

/// Longest text that is taken from an answer, in characters.
const MAX_SAID: usize = 250;
/// Most complaints of one answer that are repeated; Jira names every field that is wrong.
const MAX_PARTS: usize = 5;

/// In one line; empty if it says nothing that somebody could read.
pub(super) fn said(html: bool, body: &[u8]) -> String {
    if html {
        return String::new();
    }
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(value) => words(&value).unwrap_or_default(),
        Err(_) => http::line(body),
    };
    cut(&one_line(&mask::text(&text)), MAX_SAID)
}

fn words(value: &Value) -> Option<String> {
    let error = &value["error"];
    first([
        // Elasticsearch: the root cause says more than `all shards failed`.
        error["root_cause"][0]["reason"].as_str().map(str::to_owned),
        error["reason"].as_str().map(str::to_owned),
        // PagerDuty: `{"error":{"message":…,"errors":[…]}}`.
        error["message"].as_str().map(|message| with(message, list(&error["errors"]))),
        error.as_str().map(str::to_owned),
        // Jira: `errorMessages` for the whole, `errors` by field.
        first([list(&value["errorMessages"]), None]).map(|message| with(&message, list(&value["errors"]))),
        // Kubernetes, Marathon, GitHub.
        value["message"].as_str().map(|message| with(message, list(&value["errors"]))),
        list(&value["errors"]),
        // RFC 9457.
        value["detail"].as_str().map(str::to_owned),
        value["title"].as_str().map(str::to_owned),
        value.as_str().map(str::to_owned),
    ])
}

fn first<const N: usize>(found: [Option<String>; N]) -> Option<String> {
    found.into_iter().flatten().find(|text| !text.trim().is_empty())
}

fn with(message: &str, more: Option<String>) -> String {
    more.map_or_else(|| message.to_owned(), |more| format!("{message}: {more}"))
}

/// Texts, objects with a `message`, or texts by name.
fn list(value: &Value) -> Option<String> {
    let text = |one: &Value| one.as_str().or_else(|| one["message"].as_str()).map(str::to_owned);
    let parts: Vec<String> = match value {
        Value::Array(items) => items.iter().filter_map(text).take(MAX_PARTS).collect(),
        Value::Object(fields) => {
            fields.iter().filter_map(|(name, one)| Some(format!("{name}: {}", text(one)?))).take(MAX_PARTS).collect()
        }
        _ => return None,
    };
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_read() {
        for (body, expected) in [
            (
                r#"{"error":{"root_cause":[{"type":"x","reason":"no such index [a]"}],"reason":"all shards failed"},"status":404}"#,
                "no such index [a]",
            ),
            (r#"{"error":"Content-Type header [] is not supported","status":406}"#, "Content-Type header [] is not supported"),
            (r#"{"status":"error","errorType":"bad_data","error":"invalid parameter"}"#, "invalid parameter"),
            (
                r#"{"error":{"message":"Invalid Input Provided","code":2001,"errors":["Email is taken"]}}"#,
                "Invalid Input Provided: Email is taken",
            ),
            (r#"{"errorMessages":["Field missing"],"errors":{}}"#, "Field missing"),
            (
                r#"{"errorMessages":[],"errors":{"summary":"You must specify a summary","project":"is required"}}"#,
                "project: is required; summary: You must specify a summary",
            ),
            (r#"{"kind":"Status","message":"pods \"a\" not found","reason":"NotFound"}"#, "pods \"a\" not found"),
            (
                r#"{"message":"Validation Failed","errors":[{"resource":"Issue","message":"title is missing"}]}"#,
                "Validation Failed: title is missing",
            ),
            (r#"{"title":"Too bad","detail":"really bad"}"#, "really bad"),
            ("\r\n  Unauthorized\r\nmore", "Unauthorized"),
            (r#"{"strange":1}"#, ""),
            ("", ""),
        ] {
            assert_eq!(said(false, body.as_bytes()), expected, "{body}");
        }
        assert_eq!(said(true, b"<html>Bad gateway</html>"), "");
    }

    #[test]
    fn what_is_said_is_bounded_and_masked() {
        let long = format!(r#"{{"message":"{} card 4111111111111111"}}"#, "é\\n".repeat(9_000));
        assert_eq!(said(false, long.as_bytes()).chars().count(), MAX_SAID);
        assert_eq!(said(false, br#"{"message":"card 4111111111111111"}"#), "card ****1111");
    }
}
