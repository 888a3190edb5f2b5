//! Our own shape, other people's, forms and plain text.

use super::*;
use crate::receipt::tests::{now, with_receipt};
use serde_json::json;

fn read(body: &str, content_type: &str) -> Result<Vec<Event>, Refusal> {
    with_receipt(None, false, |receipt| parse(body.as_bytes(), Some(content_type), receipt))
}

fn one(body: Value) -> Event {
    let mut events = read(&body.to_string(), "application/json").unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[test]
fn our_own_shape() {
    let event = one(json!({ "summary": "disk full", "dedup_key": "db1/disk", "action": "trigger", "severity": "warning",
        "details": { "free": "1%" }, "source": "db1", "labels": { "app": "db", "shard": 3 }, "links": ["https://a.example/", { "href": "https://b.example/", "text": "B" }] }));
    assert_eq!(
        (event.action, event.dedup_key.as_str(), event.summary.as_str(), event.severity),
        (Action::Trigger, "db1/disk", "disk full", Severity::Warning)
    );
    assert_eq!(event.details, json!({ "free": "1%" }));
    let labels: Vec<_> = event.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(labels, ["app=db", "shard=3", "source=db1"]);
    assert_eq!(event.links.len(), 2);
    for (action, expected) in [("acknowledge", Action::Acknowledge), ("resolve", Action::Resolve), ("Trigger", Action::Trigger)] {
        assert_eq!(one(json!({ "summary": "s", "dedup_key": "k", "action": action })).action, expected);
    }
    assert_eq!(one(json!({ "dedup_key": "k", "action": "resolve" })).dedup_key, "k");
    assert_eq!(one(json!({ "dedup_key": "k" })).summary, "k", "a key alone is still an alert");
}

#[test]
fn forms() {
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    let event = read("summary=disk+full&dedup_key=db1%2Fdisk&action=trigger&severity=error&details=%7B%22free%22%3A1%7D", form)
        .unwrap()
        .remove(0);
    assert_eq!((event.summary.as_str(), event.dedup_key.as_str(), event.severity), ("disk full", "db1/disk", Severity::Error));
    assert_eq!(event.details, json!({ "free": 1 }));
    assert_eq!(read("summary=s&details=plain+text", form).unwrap()[0].details, json!("plain text"));
    assert_eq!(read("payload=%7B%22title%22%3A%22t%22%7D", form).unwrap()[0].summary, "t");
    assert_eq!(read("", form).unwrap_err().status, 400);
    // curl -d sends JSON under this type unless told otherwise.
    assert_eq!(read(r#"{"summary":"s"}"#, form).unwrap()[0].summary, "s");
}

#[test]
fn without_a_key_the_same_message_is_the_same_alert() {
    let key = |body: Value| one(body).dedup_key;
    let first = key(json!({ "summary": "disk full", "source": "db1" }));
    assert_eq!(first, key(json!({ "title": "disk full", "host": "db1", "details": { "n": 2 } })));
    assert_ne!(first, key(json!({ "summary": "disk full", "source": "db2" })));
    assert_ne!(first, key(json!({ "summary": "disk full" })));
    assert!(first.starts_with("auto-") && first.len() == 37, "{first}");
    for action in ["resolve", "acknowledge"] {
        let refusal = read(&json!({ "summary": "s", "action": action }).to_string(), "application/json").unwrap_err();
        assert!(refusal.reason.contains("dedup_key is missing"));
    }
}

#[test]
fn other_peoples_shapes() {
    let read = |body: &str| one(serde_json::from_str(body).unwrap());
    let event = read(include_str!("testdata/oncall-formatted.json"));
    assert_eq!((event.action, event.dedup_key.as_str()), (Action::Trigger, "08d6891a-835c-e661-39fa-96b6a9e26552"));
    assert_eq!(event.summary, "TestAlert: The whole system is down");
    assert_eq!(
        event.links.iter().map(|link| link.href.as_str()).collect::<Vec<_>>(),
        ["https://en.example/Downtime", "https://upload.example/oncall.jpg"]
    );
    let event = read(&include_str!("testdata/oncall-formatted.json").replace("alerting", "OK"));
    assert_eq!(event.action, Action::Resolve);

    let event = read(include_str!("testdata/datadog.json"));
    assert_eq!(
        (event.dedup_key.as_str(), event.severity, event.summary.as_str()),
        ("1234", Severity::Error, "[Triggered] CPU high on web1")
    );
    assert_eq!(event.details["tags"], "env:prod,team:web", "what is not understood is kept");
}

#[test]
fn words_for_over() {
    for word in ["ok", "Resolved", "RECOVERED", "up", "closed", "close", "success", "inactive", "normal", "resolve"] {
        assert_eq!(one(json!({ "id": 1, "title": "t", "status": word })).action, Action::Resolve, "{word}");
    }
    for word in ["down", "critical", "whatever", "no_data"] {
        assert_eq!(
            one(json!({ "id": 1, "title": "t", "status": word })).action,
            Action::Trigger,
            "{word}: what is not known to be over, fires"
        );
    }
    let refusal = read(r#"{"summary":"s","dedup_key":"k","action":"resolv"}"#, "application/json").unwrap_err();
    assert_eq!(refusal.reason, "action `resolv` is not one of: trigger, acknowledge, resolve");
}

#[test]
fn several_at_once() {
    let events = read(r#"[{"summary":"a"},{"summary":"b"}]"#, "application/json").unwrap();
    assert_eq!(events.iter().map(|event| event.summary.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let refusal = read(r#"[{"summary":"a"},{"x":"b"}]"#, "application/json").unwrap_err();
    assert!(refusal.reason.starts_with("alert 2: summary is missing"), "{}", refusal.reason);
    assert!(read("[]", "application/json").unwrap().is_empty());
    let many = Value::Array(vec![json!({ "summary": "a" }); crate::bounds::MAX_ALERTS + 1]).to_string();
    assert_eq!(read(&many, "application/json").unwrap_err().status, 413);
}

#[test]
fn plain_text() {
    let event = read("\n  Backup failed  \nexit 1\n", "text/plain").unwrap().remove(0);
    assert_eq!((event.summary.as_str(), &event.details), ("Backup failed", &json!("Backup failed  \nexit 1")));
    assert_eq!(read("Backup failed", "").unwrap()[0].details, Value::Null);
}

#[test]
fn malformed_bodies_say_why() {
    for (body, reason) in [
        ("{", "not JSON"),
        (r#"{"summary":"x""#, "not JSON"),
        ("[1]", "must be an object"),
        ("{}", "summary is missing"),
        ("", "the body is empty"),
        (r#"{"foo":"bar"}"#, "summary is missing"),
    ] {
        let content_type = if body.is_empty() { "text/plain" } else { "application/json" };
        let refusal = read(body, content_type).unwrap_err();
        assert!(refusal.status == 400 && refusal.reason.contains(reason), "{body}: {}", refusal.reason);
    }
    assert_eq!(with_receipt(None, false, |receipt| parse(&[0xff, 0xfe], None, receipt)).unwrap_err().status, 400);
    assert_eq!(
        read(&json!({ "summary": "s", "dedup_key": "k".repeat(256) }).to_string(), "application/json").unwrap_err().status,
        400
    );
}

#[test]
fn a_trigger_is_believed_for_quiet_after() {
    let minute = jiff::SignedDuration::from_mins(1);
    let events =
        with_receipt(Some(minute), false, |receipt| parse(br#"[{"summary":"a"},{"id":"x","status":"ok"}]"#, None, receipt))
            .unwrap();
    assert_eq!(events.iter().map(|event| event.valid_until).collect::<Vec<_>>(), [Some(now() + minute), None]);
}
