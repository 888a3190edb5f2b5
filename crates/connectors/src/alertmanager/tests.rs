//! Bodies as Prometheus, amtool and Alertmanager send them, and the sheet's contract tests.

use super::*;
use crate::receipt::tests::{now, with_receipt};
use firedog_domain::alert::{Alert, Cursor, Pin, State};
use firedog_domain::event::{Action, Severity};
use firedog_domain::matcher::Matcher;
use firedog_domain::setup::{Silence, Urgency};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn post(body: &str) -> Result<Posted, Refusal> {
    with_receipt(None, false, |receipt| parse_alerts(body.as_bytes(), receipt))
}

fn post_json(body: Value) -> Result<Posted, Refusal> {
    post(&body.to_string())
}

#[test]
fn prometheus_fires_and_resolves() {
    let posted = post(include_str!("testdata/prometheus.json")).unwrap();
    assert!(posted.refusal().is_none());
    let [firing, resolved] = posted.events.as_slice() else { panic!("two events") };
    assert_eq!(
        (firing.action, firing.dedup_key.as_str(), firing.severity),
        (Action::Trigger, "c75f68922c9ebc87", Severity::Critical)
    );
    assert_eq!(firing.summary, "p99 above 2s");
    assert_eq!(firing.started_at, Some(at("2026-01-02T03:04:05.678Z")));
    assert_eq!(firing.valid_until, Some(at("2026-01-02T03:08:05.678Z")), "endsAt is the lease");
    let links: Vec<_> = firing.links.iter().map(|link| (link.text.as_str(), link.href.as_str())).collect();
    assert_eq!(
        links,
        [("Runbook", "https://runbooks.example/latency"), ("Source", "http://prom:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1")]
    );
    assert_eq!(firing.details["annotations"]["description"], "p99 is 2.7s");

    assert_eq!((resolved.action, resolved.severity, resolved.valid_until), (Action::Resolve, Severity::Warning, None));
    assert_eq!(resolved.summary, "DiskFull (instance=db1:9100)");
    assert_eq!(resolved.source.as_deref(), Some("db1:9100"));
    assert!(!resolved.labels.contains_key("empty"), "labels with an empty value do not count");
}

#[test]
fn amtool_leaves_the_times_unset() {
    for (quiet_after, until) in [(None, "2026-01-02T03:10:00Z"), (Some(SignedDuration::from_mins(20)), "2026-01-02T03:25:00Z")] {
        let posted =
            with_receipt(quiet_after, false, |receipt| parse_alerts(include_bytes!("testdata/amtool-add.json"), receipt))
                .unwrap();
        let event = &posted.events[0];
        assert_eq!((event.action, event.started_at, event.valid_until), (Action::Trigger, Some(now()), Some(at(until))));
        assert_eq!(event.summary, "foo (node=bar)");
    }
}

#[test]
fn unset_start_is_the_end() {
    let event = &post_json(json!([{ "labels": { "a": "b" }, "endsAt": "2026-01-02T03:00:00Z" }])).unwrap().events[0];
    assert_eq!((event.action, event.started_at), (Action::Resolve, Some(at("2026-01-02T03:00:00Z"))));
    // The end itself is already over.
    let event = &post_json(json!([{ "labels": { "a": "b" }, "endsAt": now() }])).unwrap().events[0];
    assert_eq!(event.action, Action::Resolve);
}

#[test]
fn identity_is_the_label_set_alone() {
    let key = |body: Value| post_json(json!([body])).unwrap().events[0].dedup_key.clone();
    let first = key(json!({ "labels": { "alertname": "x", "b": "c" }, "generatorURL": "http://one/" }));
    assert_eq!(
        first,
        key(
            json!({ "labels": { "b": "c", "alertname": "x", "d": "" }, "annotations": { "n": "1" }, "generatorURL": "http://two/" })
        )
    );
    assert_ne!(first, key(json!({ "labels": { "b": "d", "alertname": "x" } })));
}

#[test]
fn one_bad_alert_does_not_cost_the_good_ones() {
    let posted = post_json(json!([
        { "labels": {} },
        { "labels": { "only": "" } },
        { "labels": { "alertname": "good" } },
        { "labels": { "alertname": "late" }, "startsAt": "2026-01-02T03:04:00Z", "endsAt": "2026-01-02T03:03:00Z" },
    ]))
    .unwrap();
    assert_eq!(posted.events.iter().map(|e| e.summary.as_str()).collect::<Vec<_>>(), ["good"]);
    let refusal = posted.refusal().unwrap();
    assert_eq!(refusal.status, 400);
    assert_eq!(
        refusal.body,
        json!("at least one label pair required; at least one label pair required; start time must be before end time")
    );
}

#[test]
fn a_schema_violation_costs_the_whole_request() {
    for body in [
        r#"{"alerts":[]}"#,
        "",
        "[",
        "null",
        r#"[{"annotations":{}}]"#,
        r#"[{"labels":{"a":1}}]"#,
        r#"[{"labels":null}]"#,
        r#"[{"labels":{"a":"b"}},{"labels":{"a":"b"},"startsAt":"yesterday"}]"#,
    ] {
        let refusal = post(body).unwrap_err();
        assert_eq!((refusal.status, &refusal.body["code"]), (400, &json!(400)), "{body}");
        assert!(refusal.body["message"].is_string());
    }
    assert!(post("[]").unwrap().events.is_empty());
}

#[test]
fn batches_are_bounded() {
    let batch = |n: usize| Value::Array((0..n).map(|n| json!({ "labels": { "n": n.to_string() } })).collect());
    assert_eq!(post_json(batch(256)).unwrap().events.len(), 256);
    assert_eq!(post_json(batch(crate::bounds::MAX_ALERTS + 1)).unwrap_err().status, 413);
}

#[test]
fn the_webhook_tells_of_each_alert() {
    let notified =
        with_receipt(None, false, |receipt| parse_webhook(include_bytes!("testdata/webhook-mixed.json"), receipt)).unwrap();
    assert_eq!(notified.truncated, 3);
    let [firing, resolved] = notified.events.as_slice() else { panic!("two events") };
    assert_eq!((firing.action, firing.dedup_key.as_str(), firing.valid_until), (Action::Trigger, "c75f68922c9ebc87", None));
    assert_eq!(firing.started_at, Some(at("2026-01-02T03:04:05.678Z")));
    assert_eq!(firing.details["groupKey"], "{}/{severity=\"critical\"}:{alertname=\"HighLatency\"}");
    let labels = BTreeMap::from([("alertname".to_owned(), "HighLatency".to_owned()), ("service".to_owned(), "cart".to_owned())]);
    assert_eq!((resolved.action, &resolved.dedup_key), (Action::Resolve, &fingerprint(&labels)), "recomputed where absent");

    let hour = Some(SignedDuration::from_hours(1));
    let notified =
        with_receipt(hour, false, |receipt| parse_webhook(include_bytes!("testdata/webhook-mixed.json"), receipt)).unwrap();
    let until: Vec<_> = notified.events.iter().map(|event| event.valid_until).collect();
    assert_eq!(until, [Some(at("2026-01-02T04:05:00Z")), None]);
}

#[test]
fn other_webhook_bodies_are_refused_with_advice() {
    for body in [
        "",
        "{}",
        r#"{"text":"custom"}"#,
        "[]",
        r#"{"alerts":[{"status":"new","labels":{"a":"b"}}]}"#,
        r#"{"alerts":[{"status":"firing"}]}"#,
    ] {
        let refusal = with_receipt(None, false, |receipt| parse_webhook(body.as_bytes(), receipt)).unwrap_err();
        assert_eq!(refusal.status, 400, "{body}");
    }
    let refusal = with_receipt(None, false, |receipt| parse_webhook(br#"{"text":"custom"}"#, receipt)).unwrap_err();
    assert!(refusal.reason.contains("custom `payload`") && refusal.reason.contains("/in/KEY/generic"), "{}", refusal.reason);
}

fn alert(name: &str, status: StatusOfAlert) -> GettableAlert {
    let labels = BTreeMap::from([("alertname".to_owned(), name.to_owned()), ("severity".to_owned(), "critical".to_owned())]);
    GettableAlert {
        annotations: BTreeMap::new(),
        ends_at: at("2026-01-02T03:08:05.678Z"),
        fingerprint: fingerprint(&labels),
        receivers: vec![Receiver { name: "checkout".to_owned() }],
        starts_at: at("2026-01-02T03:04:05.678Z"),
        status,
        updated_at: at("2026-01-02T03:05:05.68Z"),
        generator_url: String::new(),
        labels,
    }
}

#[test]
fn alerts_are_written_as_strict_clients_read_them() {
    let json = serde_json::to_value(alert("A", StatusOfAlert::default())).unwrap();
    assert_eq!(
        json,
        json!({ "annotations": {}, "endsAt": "2026-01-02T03:08:05.678Z", "fingerprint": fingerprint(&alert("A", StatusOfAlert::default()).labels),
            "receivers": [{ "name": "checkout" }], "startsAt": "2026-01-02T03:04:05.678Z",
            "status": { "state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": [] },
            "updatedAt": "2026-01-02T03:05:05.680Z", "labels": { "alertname": "A", "severity": "critical" } })
    );
    let held = StatusOfAlert::new(vec!["s".to_owned()], Vec::new());
    assert_eq!(serde_json::to_value(held).unwrap()["state"], "suppressed");
    let group = AlertGroup {
        labels: BTreeMap::new(),
        route_labels: BTreeMap::new(),
        receiver: Receiver { name: "r".to_owned() },
        alerts: Vec::new(),
    };
    assert_eq!(
        serde_json::to_value(group).unwrap(),
        json!({ "labels": {}, "routeLabels": {}, "receiver": { "name": "r" }, "alerts": [] })
    );
}

#[test]
fn our_alerts_as_alertmanager_shows_them() {
    let event = post(include_str!("testdata/prometheus.json")).unwrap().events.remove(0);
    let mut ours = Alert {
        id: "01J".into(),
        version: 1,
        service: Some("checkout".into()),
        integration: Some("checkout/in".into()),
        dedup_key: event.dedup_key.clone(),
        state: State::Triggered,
        urgency: Urgency::High,
        severity: event.severity,
        summary: event.summary.clone(),
        source: None,
        labels: event.labels.clone(),
        count: 1,
        created_at: now(),
        updated_at: now(),
        acknowledged_by: None,
        resolved_at: None,
        resolved_because: None,
        policy: Pin::CatchAll,
        setup_version: 1,
        cursor: Cursor::default(),
        next: None,
        quiet_at: event.valid_until,
        started_at: event.started_at,
        pages: 0,
        follows: None,
    };
    let of = |alert: &Alert, details: Option<&Value>| {
        serde_json::to_value(GettableAlert::of(alert, details, "checkout", StatusOfAlert::default(), now())).unwrap()
    };
    assert_eq!(
        of(&ours, Some(&event.details)),
        json!({ "annotations": { "description": "p99 is 2.7s", "runbook_url": "https://runbooks.example/latency", "summary": "p99 above 2s" },
            "endsAt": "2026-01-02T03:08:05.678Z", "fingerprint": "c75f68922c9ebc87", "receivers": [{ "name": "checkout" }],
            "startsAt": "2026-01-02T03:04:05.678Z", "status": { "state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": [] },
            "updatedAt": "2026-01-02T03:05:00.000Z", "generatorURL": "http://prom:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
            "labels": { "alertname": "HighLatency", "service": "checkout", "severity": "critical" } })
    );
    // One of another dialect.
    (ours.dedup_key, ours.quiet_at, ours.started_at) = ("srv01/http".to_owned(), None, None);
    let shown = of(&ours, Some(&json!("text")));
    assert_eq!((&shown["fingerprint"], &shown["startsAt"]), (&json!("c75f68922c9ebc87"), &json!("2026-01-02T03:05:00.000Z")));
    assert_eq!((&shown["endsAt"], &shown["annotations"]), (&json!("2026-01-02T03:10:00.000Z"), &json!({})));
    assert_eq!(of(&ours, None), shown);
}

#[test]
fn queries_keep_what_amtool_asks_for() {
    let alerts = || {
        vec![
            alert("Active", StatusOfAlert::default()),
            alert("Silenced", StatusOfAlert::new(vec!["s1".to_owned()], Vec::new())),
            alert("Muted", StatusOfAlert::new(Vec::new(), vec!["m1".to_owned()])),
            alert("New", StatusOfAlert { state: AlertState::Unprocessed, ..StatusOfAlert::default() }),
        ]
    };
    let names = |query: &str| {
        let mut names: Vec<_> = AlertQuery::parse(query)
            .unwrap()
            .select(alerts(), now())
            .into_iter()
            .map(|a| a.labels["alertname"].clone())
            .collect();
        names.sort();
        names.join(" ")
    };
    for (query, kept) in [
        ("", "Active Muted New Silenced"),
        ("active=true&silenced=false&inhibited=false&unprocessed=false", "Active Muted"),
        ("active=false", "Muted New Silenced"),
        ("muted=false&unprocessed=false", "Active Silenced"),
        ("filter=alertname%3D%22Active%22", "Active"),
        ("filter=alertname=~%22A.*%7CM.*%22&filter=severity!=warning", "Active Muted"),
        ("filter=absent=%22%22&filter=alertname!~%22Active%7CMuted%7CNew%22", "Silenced"),
        ("receiver=check.*", "Active Muted New Silenced"),
        ("receiver=check", ""),
        ("receiver=&unknown=1", "Active Muted New Silenced"),
    ] {
        assert_eq!(names(query), kept, "{query}");
    }
    let sorted = AlertQuery::parse("").unwrap().select(alerts(), now());
    assert!(sorted.is_sorted_by(|a, b| a.fingerprint < b.fingerprint));
    let later = at("2026-01-02T03:08:06Z");
    assert!(AlertQuery::parse("").unwrap().select(alerts(), later).is_empty(), "what is over is never answered");
    for (query, status) in [("filter=novalue", 400), ("filter=a=~%22(%22", 400), ("receiver=(", 400), ("active=maybe", 422)] {
        assert_eq!(AlertQuery::parse(query).unwrap_err().status, status, "{query}");
    }
    assert!(AlertQuery::parse("filter=novalue").unwrap_err().body.is_string(), "errors are JSON strings");
}

#[test]
fn silences_of_amtool() {
    let silence = parse_silence(include_bytes!("testdata/amtool-silence.json"), now()).unwrap();
    assert_eq!(silence.id, None);
    assert_eq!(silence.matchers, ["alertname=foo".parse::<Matcher>().unwrap(), "node!~\"b.*\"".parse().unwrap()]);
    assert_eq!((silence.starts_at, silence.ends_at), (now(), at("2026-01-02T04:05:00Z")));
    assert_eq!((silence.created_by.as_str(), silence.comment.as_str()), ("ada", "ticket 42"));
    // A start in the past is now.
    assert_eq!(
        parse_silence(include_bytes!("testdata/amtool-silence.json"), at("2026-01-02T03:30:00Z")).unwrap().starts_at,
        at("2026-01-02T03:30:00Z")
    );
}

#[test]
fn unsound_silences_are_refused() {
    let post = |change: &dyn Fn(&mut Value)| {
        let mut body: Value = serde_json::from_str(include_str!("testdata/amtool-silence.json")).unwrap();
        change(&mut body);
        parse_silence(body.to_string().as_bytes(), now())
    };
    type Change = dyn Fn(&mut Value);
    let semantic: [(&Change, &str); 7] = [
        (&|b| b["endsAt"] = json!("2026-01-02T03:05:00Z"), "before end time"),
        (&|b| (b["startsAt"], b["endsAt"]) = (json!("2026-01-01T00:00:00Z"), json!("2026-01-02T00:00:00Z")), "in the past"),
        (&|b| b["matchers"] = json!([]), "matchers required"),
        (&|b| b["matchers"] = json!([{ "name": "foo", "value": "", "isRegex": false }]), "must not match the empty string"),
        (
            &|b| b["matchers"] = json!([{ "name": "foo", "value": ".*", "isRegex": true }, { "name": "b", "value": "c", "isRegex": false, "isEqual": false }]),
            "must not match the empty string",
        ),
        (&|b| b["matchers"] = json!([{ "name": "foo", "value": "(", "isRegex": true }]), "invalid label matcher"),
        (&|b| b["matchers"] = json!([{ "name": "", "value": "x", "isRegex": false }]), "invalid label matcher"),
    ];
    for (change, reason) in semantic {
        let refusal = post(change).unwrap_err();
        assert_eq!((refusal.status, refusal.body.is_string()), (400, true));
        assert!(refusal.reason.contains(reason), "{}", refusal.reason);
    }
    for missing in ["matchers", "startsAt", "endsAt", "createdBy", "comment"] {
        let refusal = post(&|b| {
            b.as_object_mut().unwrap().remove(missing);
        })
        .unwrap_err();
        assert!(refusal.body["message"].as_str().unwrap().contains(missing));
    }
    assert!(
        post(&|b| b["matchers"][0] = json!({ "name": "a", "value": "b" })).unwrap_err().body.is_object(),
        "isRegex is required"
    );
    assert!(post(&|b| b["startsAt"] = json!("soon")).is_err());
}

fn stored(from: &str, until: &str) -> Silence {
    let matchers = vec!["alertname=foo".parse().unwrap(), "node!~\"b.*\"".parse().unwrap()];
    Silence {
        id: "s1".into(),
        service: None,
        integration: None,
        matchers,
        from: at(from),
        until: at(until),
        why: "why".to_owned(),
        created_by: "ada".to_owned(),
    }
}

#[test]
fn an_update_keeps_its_id_only_where_alertmanager_keeps_it() {
    let body = |starts: &str, ends: &str, name: &str| {
        let body = json!({ "id": "s1", "matchers": [{ "name": name, "value": "foo", "isRegex": false }, { "name": "node", "value": "b.*", "isRegex": true, "isEqual": false }],
            "startsAt": starts, "endsAt": ends, "createdBy": "ada", "comment": "c" });
        parse_silence(body.to_string().as_bytes(), now()).unwrap()
    };
    let (active, pending, expired) = (
        stored("2026-01-02T03:00:00.5Z", "2026-01-02T04:00:00Z"),
        stored("2026-01-02T06:00:00Z", "2026-01-02T07:00:00Z"),
        stored("2026-01-02T01:00:00Z", "2026-01-02T02:00:00Z"),
    );
    for (old, new, written) in [
        (&active, body("2026-01-02T03:00:00Z", "2026-01-02T09:00:00Z", "alertname"), Written::InPlace),
        (&active, body("2026-01-02T03:00:01Z", "2026-01-02T09:00:00Z", "alertname"), Written::Replaced),
        (&active, body("2026-01-02T03:00:00Z", "2026-01-02T09:00:00Z", "other"), Written::Replaced),
        (&pending, body("2026-01-02T05:00:00Z", "2026-01-02T09:00:00Z", "alertname"), Written::InPlace),
        (&pending, body("2026-01-02T03:00:00Z", "2026-01-02T09:00:00Z", "alertname"), Written::Replaced),
        (&expired, body("2026-01-02T01:00:00Z", "2026-01-02T09:00:00Z", "alertname"), Written::Replaced),
    ] {
        assert_eq!(new.update_of(old, now()), written, "{old:?} {new:?}");
    }
    assert_eq!(PostableSilence::success("s2"), json!({ "silenceID": "s2" }));
}

#[test]
fn silences_are_read_in_order() {
    let mut silences = [
        stored("2026-01-02T01:00:00Z", "2026-01-02T02:00:00Z"),
        stored("2026-01-02T01:00:00Z", "2026-01-02T02:30:00Z"),
        stored("2026-01-02T07:00:00Z", "2026-01-02T08:00:00Z"),
        stored("2026-01-02T06:00:00Z", "2026-01-02T09:00:00Z"),
        stored("2026-01-02T03:00:00Z", "2026-01-02T05:00:00Z"),
        stored("2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z"),
    ];
    for (n, silence) in silences.iter_mut().enumerate() {
        silence.id = format!("s{n}").into();
    }
    let read = |query: &str| {
        let all = silences.iter().map(|silence| GettableSilence::new(silence, now(), now())).collect();
        SilenceQuery::parse(query).unwrap().select(all).into_iter().map(|s| s.id).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(read(""), "s5 s4 s3 s2 s1 s0");
    assert_eq!(read("expired=false&pending=false"), "s5 s4");
    assert_eq!(read("active=false&filter=alertname=%22foo%22&pending=0"), "s1 s0");
    assert_eq!(read("filter=alertname=~%22foo%22"), "", "a filter wants an equal matcher, kind included");
    let json = serde_json::to_value(GettableSilence::new(&silences[5], now(), now())).unwrap();
    assert_eq!(
        json,
        json!({ "id": "s5", "status": { "state": "active" }, "updatedAt": "2026-01-02T03:05:00.000Z", "comment": "why", "createdBy": "ada",
            "endsAt": "2026-01-02T04:00:00.000Z", "startsAt": "2026-01-02T03:00:00.000Z", "annotations": {},
            "matchers": [{ "name": "alertname", "value": "foo", "isRegex": false, "isEqual": true }, { "name": "node", "value": "b.*", "isRegex": true, "isEqual": false }] })
    );
}

#[test]
fn status_has_every_field_that_amtool_needs() {
    let status = Status::new("checkout", SignedDuration::from_mins(5), now(), "0.1.0");
    assert_eq!(
        serde_json::to_value(status).unwrap(),
        json!({ "cluster": { "name": "firedog", "status": "disabled", "peers": [] },
            "config": { "original": "global:\n  resolve_timeout: 300s\nroute:\n  receiver: \"checkout\"\nreceivers:\n- name: \"checkout\"\n" },
            "uptime": "2026-01-02T03:05:00.000Z",
            "versionInfo": { "version": API_VERSION, "revision": "", "branch": "", "buildUser": "firedog 0.1.0", "buildDate": "", "goVersion": "" } })
    );
    assert_eq!(
        original_config("a: \"b\"\n- c", RESOLVE_TIMEOUT),
        "global:\n  resolve_timeout: 300s\nroute:\n  receiver: \"a: \\\"b\\\"\\n- c\"\nreceivers:\n- name: \"a: \\\"b\\\"\\n- c\"\n"
    );
    assert_eq!(refuse_v1().status, 410);
}
