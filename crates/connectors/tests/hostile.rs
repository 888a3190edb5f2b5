//! Whatever comes in: no panic, every bound kept, and what was masked stays masked.

use firedog_connectors::slack::{self, Mrkdwn};
use firedog_connectors::{Receipt, alertmanager, bounds, generic, grafana, mask, pagerduty, probe};
use firedog_domain::event::{Event, MAX_DEDUP_KEY, MAX_SUMMARY};
use firedog_domain::id::IntegrationId;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Names and words that mean something to one of the dialects, so that random bodies get past the first check.
const NAMES: [&str; 40] = [
    "routing_key",
    "event_action",
    "dedup_key",
    "payload",
    "summary",
    "source",
    "severity",
    "timestamp",
    "custom_details",
    "links",
    "href",
    "images",
    "src",
    "service_key",
    "event_type",
    "incident_key",
    "description",
    "details",
    "contexts",
    "labels",
    "annotations",
    "startsAt",
    "endsAt",
    "generatorURL",
    "alerts",
    "status",
    "fingerprint",
    "truncatedAlerts",
    "values",
    "ruleId",
    "state",
    "action",
    "title",
    "id",
    "matchers",
    "name",
    "value",
    "isRegex",
    "password",
    "card_number",
];
const WORDS: [&str; 16] = [
    "trigger",
    "resolve",
    "acknowledge",
    "firing",
    "resolved",
    "critical",
    "ok",
    "2026-01-02T03:04:05Z",
    "0001-01-01T00:00:00Z",
    "https://a/b",
    "",
    "\u{0}",
    "é\u{301}\u{202e}",
    "4111 1111 1111 1111",
    "password=x",
    "(",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![proptest::sample::select(&WORDS[..]).prop_map(str::to_owned), ".{0,20}", "[a-z]{250,1100}"]
}

fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(&NAMES[..]), inner), 0..8).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>()
            )),
        ]
    })
}

/// Pieces that the masks look for, glued together at random.
fn near_secret() -> impl Strategy<Value = String> {
    let pieces = [
        "password",
        "=",
        ":",
        "\"",
        "\\",
        "\\\"",
        "'",
        " ",
        "Bearer ",
        "basic ",
        "token",
        "://",
        "@",
        "/",
        "é",
        "☃",
        "4111111111111111",
        "1111",
        "-",
        "DE89",
        "3704 0044 0532 0130 00",
        "219-09-9999",
        "acct",
        "account number",
        "#",
        "0",
        "12345678",
        "A",
        "\u{0}",
        "_",
        "****",
        "&",
        "pwd=",
    ];
    let pieces: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
    proptest::collection::vec(proptest::sample::select(pieces), 0..30).prop_map(|pieces| pieces.concat())
}

fn check(event: &Event) {
    let key = event.dedup_key.chars().count();
    assert!(key > 0 && key <= MAX_DEDUP_KEY);
    assert!(event.summary.chars().count() <= MAX_SUMMARY && !event.summary.chars().any(char::is_control));
    assert!(event.labels.len() <= bounds::MAX_LABELS && event.links.len() <= bounds::MAX_LINKS);
    assert!(event.labels.values().all(|value| value.chars().count() <= bounds::MAX_LABEL_VALUE && !value.contains('\0')));
    assert!(event.links.iter().all(|link| link.href.to_ascii_lowercase().starts_with("http")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn dialects_answer_anything(value in body(), strict: bool, wrap: bool) {
        let value = if wrap { json!([value]) } else { value };
        let body = value.to_string();
        let integration = IntegrationId::from("s/i");
        let receipt = Receipt { integration: &integration, at: Timestamp::from_second(1_767_323_045).unwrap(), quiet_after: None, strict };
        let mut events = Vec::new();
        if let Ok(envelope) = pagerduty::parse_v2(body.as_bytes(), Some("key"), None) {
            events.extend(envelope.into_event(&receipt, || "new".to_owned()).map(|parsed| parsed.event));
        }
        if let Ok(envelope) = pagerduty::parse_v1(body.as_bytes(), Some("key")) {
            events.extend(envelope.into_event(&receipt, || "new".to_owned()).map(|parsed| parsed.event));
        }
        if let Ok(envelope) = pagerduty::parse_change(body.as_bytes(), Some("key")) {
            let _ = envelope.into_change(&receipt);
        }
        events.extend(alertmanager::parse_alerts(body.as_bytes(), &receipt).map(|posted| posted.events).unwrap_or_default());
        events.extend(alertmanager::parse_webhook(body.as_bytes(), &receipt).map(|notified| notified.events).unwrap_or_default());
        let _ = alertmanager::parse_silence(body.as_bytes(), receipt.at);
        events.extend(grafana::parse(body.as_bytes(), None, &receipt).map(|notified| notified.events).unwrap_or_default());
        events.extend(generic::parse(body.as_bytes(), None, &receipt).unwrap_or_default());
        events.iter().for_each(check);
    }

    #[test]
    fn bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..200), form: bool) {
        let integration = IntegrationId::from("s/i");
        let receipt = Receipt { integration: &integration, at: Timestamp::UNIX_EPOCH, quiet_after: None, strict: false };
        let content_type = form.then_some("application/x-www-form-urlencoded");
        for event in generic::parse(&body, content_type, &receipt).unwrap_or_default() {
            check(&event);
        }
        let _ = pagerduty::parse_v2(&body, None, None);
        let _ = grafana::parse(&body, content_type, &receipt);
    }

    #[test]
    fn secrets_are_found_whatever_stands_around_them(before in near_secret(), after in near_secret()) {
        for secret in [" 5500000000000004 ", " 5500-0000-0000-0004 ", " GB82WEST12345698765432 ", " db_password=hunter2 ", " \"api_key\": \"hunter2\" "] {
            let masked = mask::text(&format!("{before}{secret}{after}")).into_owned();
            for part in ["5500000000", "5500-0000", "WEST", "hunter2"] {
                prop_assert!(!masked.contains(part), "{}", masked);
            }
        }
    }

    #[test]
    fn logs_keep_no_secret_and_no_long_number(before in near_secret(), after in near_secret()) {
        for secret in [" 12345678901 ", " <Password>hunter2</Password> ", " AdministrativePassword=hunter2 ", " AdministrativePassword: hunter2 "] {
            let masked = mask::log(&format!("{before}{secret}{after}")).into_owned();
            let longest = masked.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
            prop_assert!(longest <= 4 && !masked.contains("hunter2"), "{}", masked);
        }
    }

    #[test]
    fn chat_texts_stay_texts(text in near_secret(), wire in "[<>@#!|&a-z;^\n]{0,60}", n in 2_900_usize..3_100) {
        let written = Mrkdwn::new().plain(&wire).code(&text).bold(&wire).link(&text, &wire);
        prop_assert!(!written.as_str().contains("<!") && !written.as_str().contains("<@"), "{:?}", written);
        let long = Mrkdwn::new().plain(&"x".repeat(n)).code(&wire).plain(&text);
        prop_assert!(long.as_str().chars().count() <= slack::MAX_TEXT);
        prop_assert!(slack::plain(&wire).chars().count() <= slack::MAX_TEXT);
        let _ = wire.parse::<probe::Target>();
        let _ = text.parse::<slack::Ts>();
    }
}
