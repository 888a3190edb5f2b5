//! What mails say and carry.

use super::*;
use crate::message::{AlertView, Message, Other};
use firedog_domain::alert::State;
use firedog_domain::delivery::Kind;
use firedog_domain::event::Severity;
use firedog_domain::setup::{Address, Content, Urgency};
use jiff::tz::TimeZone;

/// A page for Ada about the checkout service.
pub(crate) fn page() -> Message {
    Message {
        kind: Kind::Page,
        idempotency_key: "01J.1.1".to_owned(),
        address: Address::Email("ada@example.org".to_owned()),
        secret: None,
        content: Content::Full,
        admin_named: true,
        user: "ada".into(),
        user_name: "Ada Lovelace".to_owned(),
        zone: TimeZone::get("America/Chicago").unwrap(),
        alert: AlertView {
            id: "01J".into(),
            service: Some("checkout".into()),
            state: State::Triggered,
            urgency: Urgency::High,
            severity: Severity::Critical,
            summary: "p99 above 2s".to_owned(),
            dedup_key: "c75f68922c9ebc87".to_owned(),
            labels: [("alertname".to_owned(), "HighLatency".to_owned()), ("region".to_owned(), "eu".to_owned())].into(),
            created_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            count: 2,
        },
        others: Vec::new(),
        reason: "on call on pupper-primary".to_owned(),
        why: vec!["step 1 of policy pupper".to_owned()],
        ack_url: "https://firedog.example/a/tok".to_owned(),
        receipt_url: None,
        public_url: "https://firedog.example".to_owned(),
        at: "2026-01-02T03:05:05Z".parse().unwrap(),
        aside: None,
    }
}

fn other(summary: &str) -> Other {
    let alert = AlertView { service: None, urgency: Urgency::Low, summary: summary.to_owned(), ..page().alert };
    Other { alert, ack_url: "https://firedog.example/a/other".to_owned() }
}

fn written(message: &Message) -> String {
    let from = "Firedog <firedog@firedog.example>".parse().unwrap();
    String::from_utf8(compose::mail(message, &from, "ada@example.org").unwrap().formatted()).unwrap()
}

#[test]
fn a_page_in_full() {
    let message = Message { others: vec![other("disk full on db1")], ..page() };
    insta::assert_snapshot!(format!("{}\n\n{}", text::subject(&message), text::plain(&message)), @r#"
    HIGH checkout: p99 above 2s (+1 more)

    checkout: p99 above 2s
    Why you: on call on pupper-primary
    Acknowledge: https://firedog.example/a/tok

    critical, high urgency, since Thu 1 Jan 21:04 CST, 2 times
    alertname: HighLatency
    region: eu

    Also:
    - disk full on db1 (low)
      Acknowledge: https://firedog.example/a/other

    step 1 of policy pupper

    To Ada Lovelace, Thu 1 Jan 21:05 CST
    https://firedog.example
    "#);
}

#[test]
fn a_minimal_page() {
    let message = Message { content: Content::Minimal, others: vec![other("disk full on db1")], ..page() };
    insta::assert_snapshot!(format!("{}\n\n{}", text::subject(&message), text::plain(&message)), @r#"
    HIGH page (+1 more)

    You are paged for an alert of high urgency
    Why you: on call on pupper-primary
    Acknowledge: https://firedog.example/a/tok

    Also:
    - an alert (low)
      Acknowledge: https://firedog.example/a/other

    To Ada Lovelace, Thu 1 Jan 21:05 CST
    https://firedog.example
    "#);
    let mail = written(&message);
    for text in ["p99", "checkout", "HighLatency", "c75f68922c9ebc87", "disk", "policy pupper"] {
        assert!(!mail.contains(text), "{text} in {mail}");
    }
}

#[test]
fn it_is_acknowledged_or_over() {
    let acknowledged = Message { kind: Kind::Acknowledged, reason: "Grace Hopper has it".to_owned(), why: Vec::new(), ..page() };
    insta::assert_snapshot!(format!("{}\n\n{}", text::subject(&acknowledged), text::plain(&acknowledged)), @r#"
    Acknowledged: checkout: p99 above 2s

    Acknowledged: checkout: p99 above 2s
    Grace Hopper has it
    Open: https://firedog.example/a/tok

    critical, high urgency, since Thu 1 Jan 21:04 CST, 2 times
    alertname: HighLatency
    region: eu

    To Ada Lovelace, Thu 1 Jan 21:05 CST
    https://firedog.example
    "#);
    let resolved = Message {
        kind: Kind::Resolved,
        reason: "the source says that it is over".to_owned(),
        content: Content::Minimal,
        ..page()
    };
    insta::assert_snapshot!(format!("{}\n\n{}", text::subject(&resolved), text::plain(&resolved)), @r#"
    Resolved: an alert

    Resolved: an alert of high urgency
    the source says that it is over
    Open: https://firedog.example/a/tok

    To Ada Lovelace, Thu 1 Jan 21:05 CST
    https://firedog.example
    "#);
}

#[test]
fn headers() {
    let mail = written(&page());
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    insta::assert_snapshot!(head.replace("\r\n", "\n"), @r#"
    From: Firedog <firedog@firedog.example>
    To: "Ada Lovelace" <ada@example.org>
    Date: Fri, 02 Jan 2026 03:05:05 +0000
    Subject: HIGH checkout: p99 above 2s
    Message-ID: <01J.1.1@firedog.example>
    In-Reply-To: <alert.01J@firedog.example>
    References: <alert.01J@firedog.example>
    Auto-Submitted: auto-generated
    X-Firedog-Alert: 01J
    X-Firedog-Notification: 01J.1.1
    MIME-Version: 1.0
    Content-Type: multipart/alternative;
     boundary="firedog-639a6e7eb7a9ef1b35fec9eb585e64f9"
    "#);
    assert_eq!(written(&page()), mail, "every attempt is the same mail");
}

#[test]
fn nothing_from_outside_ends_a_header() {
    let evil = "x\r\nBcc: victim@example.org\r\n\r\nbody";
    let message = Message {
        user_name: evil.to_owned(),
        idempotency_key: evil.to_owned(),
        reason: evil.to_owned(),
        alert: AlertView { summary: evil.to_owned(), id: evil.into(), service: Some(evil.into()), ..page().alert },
        ..page()
    };
    let mail = written(&message);
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    assert!(head.lines().all(|line| !line.to_ascii_lowercase().starts_with("bcc:")), "{head}");
    assert!(head.contains("Subject:") && head.contains("Message-ID:") && head.contains("multipart/alternative"));
    let from = "firedog@firedog.example".parse().unwrap();
    for to in ["ada@example.org\r\nBcc: v@example.org", "", "ada", "a@b, c@d"] {
        assert!(compose::mail(&page(), &from, to).is_err(), "{to:?}");
    }
}

#[test]
fn html_is_escaped_small_and_has_one_button() {
    let summary = "<script>alert(1)</script> & \"quotes\"".to_owned();
    let message = Message {
        alert: AlertView { summary, labels: [("a<b".to_owned(), "'c'".to_owned())].into(), ..page().alert },
        ack_url: "https://firedog.example/a/tok?x=1&y=\"2\"".to_owned(),
        ..page()
    };
    let html = html::html(&message);
    assert!(
        !html.contains("<script>") && html.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot;"),
        "{html}"
    );
    assert!(html.contains("<b>a&lt;b</b> &#39;c&#39;"));
    assert!(html.contains("href=\"https://firedog.example/a/tok?x=1&amp;y=&quot;2&quot;\""));
    assert_eq!(html.matches("<a ").count(), 1);
    let bundled = html::html(&Message { others: vec![other("<b>")], ..message.clone() });
    assert!(bundled.contains("&lt;b&gt; (low) &nbsp; <a href=\"https://firedog.example/a/other\">Acknowledge</a>"), "{bundled}");
    assert!(html.contains("color-scheme") && html.len() < 4096, "{}", html.len());
}

#[test]
fn long_texts_are_cut() {
    let message = Message {
        alert: AlertView {
            summary: "s".repeat(1000),
            labels: (0..60).map(|n| (format!("l{n:02}"), "v".repeat(1000))).collect(),
            ..page().alert
        },
        others: (0..50).map(|n| other(&format!("other {n}"))).collect(),
        aside: Some(crate::Aside::Test),
        ..page()
    };
    let subject = text::subject(&message);
    assert!(
        subject.starts_with("TEST HIGH checkout: sss") && subject.ends_with("… (+50 more)") && subject.chars().count() <= 120,
        "{subject}"
    );
    let plain = text::plain(&message);
    assert_eq!(plain.matches("\n- ").count(), text::MAX_OTHERS_SHOWN + 1);
    assert!(plain.contains("and 30 more") && plain.starts_with("TEST."));
    assert_eq!(plain.matches("\nl").count(), text::MAX_LABELS_SHOWN);
}

#[tokio::test]
async fn without_a_mail_server() {
    let settings = Settings { public_url: "http://127.0.0.1:8700".to_owned(), ..Settings::default() };
    let outcome = Mailer::new(&settings).unwrap().send(&page(), "ada@example.org").await;
    assert_eq!(outcome, Outcome::Misconfigured { reason: "no SMTP server is set; set FIREDOG_SMTP_URL".to_owned() });
}

#[test]
fn senders() {
    let of = |from: Option<&str>, public_url: &str| {
        let settings = Settings { smtp_from: from.map(str::to_owned), public_url: public_url.to_owned(), ..Settings::default() };
        Mailer::new(&settings).map(|mailer| mailer.from.to_string())
    };
    assert_eq!(of(Some("Pager <pager@example.org>"), "").unwrap(), "Pager <pager@example.org>");
    assert_eq!(of(None, "https://firedog.example/base").unwrap(), "Firedog <firedog@firedog.example>");
    assert_eq!(of(None, "http://127.0.0.1:8700").unwrap(), "Firedog <firedog@localhost>");
    assert!(of(Some("nobody"), "").unwrap_err().contains("FIREDOG_SMTP_FROM"));
}
