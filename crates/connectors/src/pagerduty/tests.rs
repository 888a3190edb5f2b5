//! Bodies as the senders named in the protocol sheet emit them, and the sheet's test vectors.

use super::*;
use crate::receipt::tests::{now, with_receipt};
use firedog_domain::event::MAX_SUMMARY;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn made() -> String {
    "made-up".to_owned()
}

fn v2(body: &[u8], strict: bool) -> Result<Parsed, Refusal> {
    let envelope = parse_v2(body, None, None)?;
    with_receipt(None, strict, |receipt| envelope.into_event(receipt, made))
}

fn v2_json(body: Value, strict: bool) -> Result<Parsed, Refusal> {
    v2(body.to_string().as_bytes(), strict)
}

fn trigger(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({ "routing_key": KEY, "event_action": "trigger", "dedup_key": "k",
        "payload": { "summary": "s", "source": "h", "severity": "error" } });
    change(&mut body);
    body
}

fn errors(result: Result<Parsed, Refusal>) -> Vec<String> {
    let refusal = result.unwrap_err();
    assert_eq!(
        (refusal.status, &refusal.body["status"], &refusal.body["message"]),
        (400, &json!("invalid event"), &json!("Event object is invalid"))
    );
    let errors = refusal.body["errors"].as_array().unwrap();
    assert!(!errors.is_empty(), "an empty list breaks clients");
    errors.iter().map(|error| error.as_str().expect("strings, not objects").to_owned()).collect()
}

#[test]
fn alertmanager_of_today() {
    let parsed = v2(include_bytes!("testdata/alertmanager.json"), true).unwrap();
    let event = parsed.event;
    assert_eq!(event.action, Action::Trigger);
    assert_eq!(event.dedup_key, "25fb0bff77cf7f8850f1cb3aeea9e63be0fbd3e78a8c0ef038392ade26e7d3a6");
    assert_eq!(event.summary, "[FIRING:1] X (checkout critical)");
    assert_eq!(event.severity, Severity::Error);
    assert_eq!(event.details["firing"][0]["fingerprint"], "c75f68922c9ebc87");
    assert_eq!(event.details["num_firing"], 1);
    assert_eq!(
        event.labels,
        [("client".to_owned(), "Alertmanager".to_owned()), ("source".to_owned(), "Alertmanager".to_owned())].into()
    );
    let hrefs: Vec<_> = event.links.iter().map(|link| (link.href.as_str(), link.text.as_str())).collect();
    assert_eq!(
        hrefs,
        [("http://alertmanager:9093/#/alerts?receiver=pagerduty", "Alertmanager"), ("https://runbooks.example/x", "Runbook")]
    );
    assert_eq!((event.started_at, event.valid_until), (None, None));
    assert!(parsed.warnings.is_empty());
}

#[test]
fn alertmanager_of_old_resolves() {
    let event = v2(include_bytes!("testdata/alertmanager-old.json"), true).unwrap().event;
    assert_eq!((event.action, event.severity), (Action::Resolve, Severity::Critical), "what a resolve carries is ignored");
    assert_eq!(event.details, Value::Null);
}

#[test]
fn python_client() {
    let event = v2(include_bytes!("testdata/python-trigger.json"), true).unwrap().event;
    assert_eq!(event.dedup_key, "made-up");
    assert_eq!(event.source.as_deref(), Some("db1.example"));
    assert_eq!(event.details, json!({ "nested": [1, 2.5, [true, null]], "text": "über ☃", "none": null }));
    let links: Vec<_> = event.links.iter().map(|link| link.href.as_str()).collect();
    assert_eq!(links, ["https://db1.example/status", "https://db1.example/g.png", "https://db1.example/g"]);

    let event = v2(include_bytes!("testdata/python-resolve.json"), true).unwrap().event;
    assert_eq!((event.action, event.dedup_key.as_str()), (Action::Resolve, "srv01/http"));
    assert_eq!(
        success_v2(&event.dedup_key),
        json!({ "status": "success", "message": "Event processed", "dedup_key": "srv01/http" })
    );
}

#[test]
fn go_client() {
    let event = v2(include_bytes!("testdata/go.json"), true).unwrap().event;
    let labels: Vec<_> = event.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        labels,
        [("class", "ping failure"), ("client", "go-monitor"), ("component", "nginx"), ("group", "web"), ("source", "srv01")]
    );
    assert_eq!(event.severity, Severity::Warning);
    assert_eq!(event.started_at, None, "the time of a message is not the start of an episode");
}

#[test]
fn uptime_kuma_without_a_source() {
    let parsed = v2(include_bytes!("testdata/uptime-kuma.json"), false).unwrap();
    assert_eq!(parsed.event.source.as_deref(), Some("unknown"));
    assert_eq!(parsed.event.dedup_key, "Uptime Kuma/3");
    assert_eq!(parsed.warnings, ["payload.source is missing or blank"]);
    assert_eq!(errors(v2(include_bytes!("testdata/uptime-kuma.json"), true)), ["payload.source is missing or blank"]);
}

#[test]
fn what_is_no_object_is_unrecognized() {
    for body in [&b"[]"[..], b"{", b"", b"null", b"\"x\"", b"{\"a\":\xff}", b"{} {}"] {
        let refusal = parse_v2(body, Some(KEY), None).unwrap_err();
        assert_eq!(refusal.status, 400);
        assert_eq!(
            refusal.body,
            json!({ "status": "Unrecognized object", "message": "Event object format is unrecognized", "errors": ["JSON parse error"] })
        );
    }
}

#[test]
fn every_mistake_at_once() {
    assert_eq!(
        errors(v2_json(json!({ "routing_key": KEY, "event_action": "Trigger", "payload": {} }), true)),
        ["event_action is invalid (must be one of: trigger acknowledge resolve)", "dedup_key is missing or blank"]
    );
    assert_eq!(
        errors(v2_json(json!({ "routing_key": KEY, "event_action": "trigger", "payload": { "severity": "bad" } }), true)),
        [
            "payload.summary is missing or blank",
            "payload.source is missing or blank",
            "payload.severity is invalid (must be one of: critical error warning info)"
        ]
    );
    assert_eq!(errors(v2_json(json!({ "routing_key": KEY, "event_action": "trigger" }), false)), ["payload is missing or blank"]);
    assert_eq!(
        errors(v2_json(json!({ "routing_key": KEY, "event_action": "acknowledge", "dedup_key": "" }), false)),
        ["dedup_key is missing or blank"]
    );
    assert_eq!(errors(v2_json(trigger(|b| b["payload"] = json!("x")), false)).len(), 1);
    assert_eq!(errors(v2_json(trigger(|b| b["dedup_key"] = json!({})), false)), ["dedup_key is invalid (must be a string)"]);
}

#[test]
fn strict_refuses_what_lenient_mends() {
    let actions = trigger(|b| b["event_action"] = json!("Trigger"));
    assert_eq!(v2_json(actions.clone(), false).unwrap().event.action, Action::Trigger);
    assert_eq!(errors(v2_json(actions, true)).len(), 1);

    for (word, severity) in [
        ("FATAL", Severity::Critical),
        ("major", Severity::Error),
        ("Minor", Severity::Warning),
        ("ok", Severity::Info),
        ("?", Severity::Critical),
    ] {
        let body = trigger(|b| b["payload"]["severity"] = json!(word));
        let parsed = v2_json(body.clone(), false).unwrap();
        assert_eq!((parsed.event.severity, parsed.warnings.len()), (severity, 1), "{word}");
        assert_eq!(errors(v2_json(body, true)).len(), 1, "{word}");
    }

    let long = trigger(|b| b["payload"]["summary"] = json!("s".repeat(MAX_SUMMARY + 1)));
    assert_eq!(v2_json(long.clone(), false).unwrap().event.summary.len(), MAX_SUMMARY);
    assert_eq!(errors(v2_json(long, true)), ["payload.summary is too long (maximum is 1024 characters)"]);
    assert!(v2_json(trigger(|b| b["payload"]["summary"] = json!("s".repeat(MAX_SUMMARY))), true).is_ok());

    let short = trigger(|b| b["routing_key"] = json!("a-key-of-20-characte"));
    assert!(v2_json(short.clone(), false).is_ok());
    assert_eq!(
        errors(v2_json(short, true)),
        [
            "Length of 'routing_key' is incorrect (should be 32 characters)",
            "'routing_key' cannot contain non-alphanumeric characters."
        ]
    );
}

#[test]
fn dedup_keys_are_refused_never_cut() {
    for strict in [true, false] {
        let of = |length: usize| v2_json(trigger(|b| b["dedup_key"] = json!("é".repeat(length))), strict);
        assert_eq!(of(255).unwrap().event.dedup_key.chars().count(), 255);
        assert_eq!(errors(of(256)), ["dedup_key is too long (maximum is 255 characters)"]);
    }
}

#[test]
fn the_key_is_in_body_header_or_path() {
    let without = br#"{"event_action":"resolve","dedup_key":"k"}"#;
    let with = br#"{"routing_key":"body","event_action":"resolve","dedup_key":"k"}"#;
    let key = |body: &'static [u8], header, path| parse_v2(body, header, path).map(|envelope| envelope.routing_key);
    assert_eq!(key(with, Some("header"), Some("path")).unwrap(), "body");
    assert_eq!(key(without, Some("header"), Some("path")).unwrap(), "header");
    assert_eq!(key(without, Some(" "), Some("path")).unwrap(), "path");
    let refusal = key(without, None, None).unwrap_err();
    assert_eq!((refusal.status, &refusal.body["errors"]), (400, &json!(["routing_key is missing or blank"])));
    let change = parse_change(br#"{"payload":{"summary":"s"}}"#, Some("header")).unwrap();
    assert_eq!(change.routing_key, "header");
}

#[test]
fn odd_times_and_empty_optionals_never_refuse() {
    for odd in [json!("yesterday"), json!(""), json!(null), json!(1767323045), json!([])] {
        assert!(v2_json(trigger(|b| b["payload"]["timestamp"] = odd), true).is_ok());
    }
    let empty = trigger(|b| {
        for name in ["links", "images", "client", "client_url"] {
            b[name] = Value::Null;
        }
        b["links"] = json!([{ "href": "", "text": "" }, { "text": "x" }, "y", null]);
        b["unknown"] = json!({ "x": 1 });
    });
    assert!(v2_json(empty, true).unwrap().event.links.is_empty());
}

#[test]
fn details_of_any_shape_are_kept() {
    for details in [json!("text"), json!([1, "a"]), json!({ "a": { "b": [null, 1.5, "ü"] } })] {
        assert_eq!(v2_json(trigger(|b| b["payload"]["custom_details"] = details.clone()), true).unwrap().event.details, details);
    }
}

#[test]
fn a_quiet_source_is_believed_for_as_long_as_its_integration_says() {
    let hour = jiff::SignedDuration::from_hours(1);
    let body = trigger(|_| {}).to_string();
    let parsed = with_receipt(Some(hour), false, |receipt| {
        parse_v2(body.as_bytes(), None, None).unwrap().into_event(receipt, made).unwrap()
    });
    assert_eq!(parsed.event.valid_until, Some(now() + hour));
}

#[test]
fn v1_of_alertmanager_and_nagios() {
    let v1 = |body: &'static [u8]| {
        parse_v1(body, None).and_then(|envelope| with_receipt(None, true, |receipt| envelope.into_event(receipt, made)))
    };
    let event = v1(include_bytes!("testdata/v1-alertmanager.json")).unwrap().event;
    assert_eq!(
        (event.action, event.severity, event.summary.as_str()),
        (Action::Trigger, Severity::Critical, "[FIRING:1] X (checkout critical)")
    );
    assert_eq!(event.details["num_firing"], "1");

    let event = v1(include_bytes!("testdata/v1-nagios.json")).unwrap().event;
    assert_eq!(event.dedup_key, "srv01/HTTP");
    let links: Vec<_> = event.links.iter().map(|link| (link.href.as_str(), link.text.as_str())).collect();
    assert_eq!(
        links,
        [("https://nagios.example", "Nagios"), ("https://acme.pagerduty.com", "View"), ("https://chart.example/c.png", "chart")]
    );
    assert_eq!(
        success_v1("srv01/HTTP"),
        json!({ "status": "success", "message": "Event processed", "incident_key": "srv01/HTTP" })
    );

    let refusal = v1(br#"{"service_key":"0123456789abcdef0123456789abcdef","event_type":"start"}"#).unwrap_err();
    assert_eq!(
        refusal.body["errors"],
        json!(["event_type is invalid (must be one of: trigger acknowledge resolve)", "incident_key is missing or blank"])
    );
    let made_up = v1(br#"{"service_key":"0123456789abcdef0123456789abcdef","event_type":"trigger","description":"d"}"#).unwrap();
    assert_eq!(made_up.event.dedup_key, "made-up");
}

#[test]
fn changes_are_masked_and_dated() {
    let envelope = parse_change(include_bytes!("testdata/go-change.json"), None).unwrap();
    assert_eq!(envelope.routing_key, KEY);
    let change = with_receipt(None, true, |receipt| envelope.into_change(receipt)).unwrap();
    assert_eq!(change.summary, "Deployed checkout 4.2.0");
    assert_eq!(change.at, "2026-01-02T03:00:00Z".parse().unwrap());
    assert_eq!(change.details, json!({ "version": "4.2.0", "environment": "prod", "password": "****" }));
    assert_eq!(change.links.len(), 1);

    let bare = parse_change(br#"{"routing_key":"k","payload":{"summary":"s"}}"#, None).unwrap();
    assert_eq!(with_receipt(None, false, |receipt| bare.into_change(receipt)).unwrap().at, now());
    let none = parse_change(br#"{"routing_key":"k"}"#, None).unwrap();
    assert_eq!(
        with_receipt(None, false, |receipt| none.into_change(receipt)).unwrap_err().body["errors"],
        json!(["payload is missing or blank"])
    );
    assert_eq!(success_change(), json!({ "status": "success", "message": "Change event processed" }));
}

#[test]
fn refusals_of_the_server_have_the_clients_shape() {
    for (refusal, status) in
        [(unknown_key(), 400), (too_large(), 413), (throttled_v2(), 429), (throttled_v1(), 403), (overloaded(), 503)]
    {
        assert_eq!(refusal.status, status);
        assert!(refusal.body["status"].is_string() && refusal.body["message"].is_string());
        assert!(refusal.body["errors"].as_array().unwrap().iter().all(Value::is_string));
    }
}

#[test]
fn secrets_are_masked_and_the_key_is_not() {
    let body = trigger(|b| {
        b["dedup_key"] = json!("4111111111111111");
        b["payload"]["summary"] = json!("card 4111111111111111 failed");
        b["payload"]["custom_details"] = json!({ "account_number": "12345678" });
    });
    let event = v2_json(body, false).unwrap().event;
    assert_eq!((event.dedup_key.as_str(), event.summary.as_str()), ("4111111111111111", "card ****1111 failed"));
    assert_eq!(event.details, json!({ "account_number": "****5678" }));
}
