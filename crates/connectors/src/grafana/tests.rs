//! Bodies of Grafana's contact points, old and new.

use super::*;
use crate::receipt::tests::with_receipt;

fn read(body: &str) -> Result<Notified, Refusal> {
    with_receipt(None, false, |receipt| parse(body.as_bytes(), Some("application/json"), receipt))
}

#[test]
fn unified_alerting() {
    let notified = read(include_str!("testdata/unified.json")).unwrap();
    let [firing, resolved] = notified.events.as_slice() else { panic!("two events") };
    assert_eq!(
        (firing.action, firing.dedup_key.as_str(), firing.summary.as_str()),
        (Action::Trigger, "c6eadffa33fcdf37", "CPU above 90%")
    );
    assert_eq!((firing.severity, firing.source.as_deref()), (Severity::Critical, Some("a1")));
    assert_eq!(firing.started_at, "2026-01-02T03:04:00Z".parse().ok());
    assert_eq!(firing.details["values"], json!({ "B": 93.1, "C": 1 }));
    assert_eq!(
        firing.links.iter().map(|link| link.text.as_str()).collect::<Vec<_>>(),
        ["Panel", "Dashboard", "Image", "Silence", "Source"]
    );
    assert!(firing.links[0].href.contains("from=1767319440000"), "times in links are not masked");
    assert_eq!((resolved.action, resolved.severity), (Action::Resolve, Severity::Warning));
    assert_eq!(resolved.details["values"], Value::Null);
    assert!(resolved.links.is_empty());
}

#[test]
fn rules_without_data_are_named_and_organisations_kept_apart() {
    let event = &read(include_str!("testdata/no-data.json")).unwrap().events[0];
    assert_eq!(event.summary, "High CPU (datasource_uid=p1, ref_id=A)");
    assert_eq!(event.dedup_key, "org2/e6eadffa33fcdf39");
}

#[test]
fn legacy_channels() {
    let fires = read(include_str!("testdata/legacy.json")).unwrap();
    let event = &fires.events[0];
    assert_eq!((event.action, event.dedup_key.as_str(), event.summary.as_str()), (Action::Trigger, "1/7", "High value"));
    assert_eq!(event.labels["team"], "web");
    for (state, action) in
        [("ok", Some(Action::Resolve)), ("no_data", Some(Action::Trigger)), ("pending", None), ("paused", None)]
    {
        let body = include_str!("testdata/legacy.json").replace("\"alerting\"", &format!("\"{state}\""));
        assert_eq!(read(&body).unwrap().events.first().map(|event| event.action), action, "{state}");
    }
}

#[test]
fn custom_payloads_are_read_as_the_generic_shape() {
    let event = &read(r#"{"alert_uid":"u1","title":"CPU","state":"ok"}"#).unwrap().events[0];
    assert_eq!((event.action, event.dedup_key.as_str()), (Action::Resolve, "u1"));
    let text = with_receipt(None, false, |receipt| parse("CPU is high\nvery".as_bytes(), Some("text/plain"), receipt)).unwrap();
    assert_eq!(text.events[0].summary, "CPU is high");
    for bad in [
        "{",
        "{}",
        r#"{"alerts":[{"status":"odd","fingerprint":"f"}]}"#,
        r#"{"alerts":[{"status":"firing"}]}"#,
        r#"{"alerts":[1]}"#,
    ] {
        assert_eq!(read(bad).unwrap_err().status, 400, "{bad}");
    }
    assert!(read(r#"{"alerts":[]}"#).unwrap().events.is_empty());
}
