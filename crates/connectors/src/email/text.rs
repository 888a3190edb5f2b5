//! The subject and the plain part. A watch shows the subject and two lines or so: what, then why
//! you, then the link.

use super::local_time;
use crate::bounds::{cut, one_line};
use crate::message::{AlertView, Aside, Message, Other};
use firedog_domain::delivery::Kind;
use firedog_domain::setup::{Content, Urgency};

/// Longest subject, in characters; phones show about 40, mail programs about 80.
const MAX_SUBJECT: usize = 120;
/// Most labels shown; the rest is behind the link.
pub(super) const MAX_LABELS_SHOWN: usize = 12;
/// Most further alerts named; the rest is counted.
pub(super) const MAX_OTHERS_SHOWN: usize = 20;

pub(super) fn subject(message: &Message) -> String {
    let what = match (message.content, message.kind) {
        _ if message.aside == Some(Aside::Ask) => message.alert.title(),
        (Content::Minimal, Kind::Page) => format!("{} page", urgency(message.alert.urgency)),
        (Content::Minimal, Kind::Acknowledged) => "Acknowledged: an alert".to_owned(),
        (Content::Minimal, Kind::Resolved) => "Resolved: an alert".to_owned(),
        (Content::Full, Kind::Page) => format!("{} {}", urgency(message.alert.urgency), message.alert.title()),
        (Content::Full, Kind::Acknowledged) => format!("Acknowledged: {}", message.alert.title()),
        (Content::Full, Kind::Resolved) => format!("Resolved: {}", message.alert.title()),
    };
    let more = if message.others.is_empty() { String::new() } else { format!(" (+{} more)", message.others.len()) };
    let test = if message.aside == Some(Aside::Test) { "TEST " } else { "" };
    let room = MAX_SUBJECT.saturating_sub(test.len() + more.len());
    let what = if what.chars().count() > room { format!("{}…", cut(&what, room.saturating_sub(1))) } else { what };
    format!("{test}{what}{more}")
}

pub(super) fn urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::High => "HIGH",
        Urgency::Low => "LOW",
    }
}

/// What has happened, without markup.
pub(crate) fn headline(message: &Message) -> String {
    if message.aside == Some(Aside::Ask) {
        return message.alert.title();
    }
    let what = match message.content {
        Content::Full => message.alert.title(),
        Content::Minimal if message.alert.urgency == Urgency::High => "an alert of high urgency".to_owned(),
        Content::Minimal => "an alert of low urgency".to_owned(),
    };
    match message.kind {
        Kind::Page if message.content == Content::Minimal => format!("You are paged for {what}"),
        Kind::Page => what,
        Kind::Acknowledged => format!("Acknowledged: {what}"),
        Kind::Resolved => format!("Resolved: {what}"),
    }
}

pub(crate) fn why(message: &Message) -> String {
    let reason = one_line(&message.reason);
    match message.kind {
        _ if message.aside == Some(Aside::Ask) => reason,
        Kind::Page => format!("Why you: {reason}"),
        Kind::Acknowledged | Kind::Resolved => reason,
    }
}

pub(super) fn link_word(message: &Message) -> &'static str {
    match message.kind {
        _ if message.aside.is_some() => "Open",
        Kind::Page => "Acknowledge",
        Kind::Acknowledged | Kind::Resolved => "Open",
    }
}

/// Severity, urgency, since when, how often.
pub(crate) fn facts(message: &Message) -> String {
    let alert = &message.alert;
    let mut facts = format!(
        "{}, {} urgency, since {}",
        alert.severity.as_str(),
        alert.urgency.as_str(),
        local_time(message, alert.created_at)
    );
    if alert.count > 1 {
        facts.push_str(&format!(", {} times", alert.count));
    }
    facts
}

pub(super) fn labels(alert: &AlertView) -> Vec<(&str, String)> {
    alert.labels.iter().take(MAX_LABELS_SHOWN).map(|(name, value)| (name.as_str(), cut(&one_line(value), 200))).collect()
}

/// A line for each further alert that is named, with where its link leads.
pub(super) fn others(message: &Message) -> Vec<(String, &str)> {
    let line = |alert: &AlertView| match message.content {
        Content::Full => format!("{} ({})", alert.title(), alert.urgency.as_str()),
        Content::Minimal => format!("an alert ({})", alert.urgency.as_str()),
    };
    let named = message.others.iter().take(MAX_OTHERS_SHOWN);
    named.map(|Other { alert, ack_url }| (line(alert), ack_url.as_str())).collect()
}

/// How many further alerts are counted only.
pub(super) fn unnamed(message: &Message) -> Option<String> {
    let rest = message.others.len().checked_sub(MAX_OTHERS_SHOWN).filter(|rest| *rest > 0)?;
    Some(format!("and {rest} more"))
}

/// The plain part.
pub(super) fn plain(message: &Message) -> String {
    let mut text = String::new();
    if message.aside == Some(Aside::Test) {
        text.push_str("TEST. Nothing is wrong; somebody tries out this contact method.\n");
    }
    text.push_str(&format!("{}\n{}\n{}: {}\n", headline(message), why(message), link_word(message), message.ack_url));
    if message.content == Content::Full && message.aside != Some(Aside::Ask) {
        text.push_str(&format!("\n{}\n", facts(message)));
        for (name, value) in labels(&message.alert) {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    let others = others(message);
    if !others.is_empty() {
        text.push_str("\nAlso:\n");
        for (line, url) in others {
            text.push_str(&format!("- {line}\n  {}: {url}\n", link_word(message)));
        }
        if let Some(rest) = unnamed(message) {
            text.push_str(&format!("- {rest}\n"));
        }
    }
    if message.content == Content::Full && !message.why.is_empty() {
        text.push('\n');
        for line in &message.why {
            text.push_str(&format!("{}\n", one_line(line)));
        }
    }
    text.push_str(&format!(
        "\nTo {}, {}\n{}\n",
        one_line(&message.user_name),
        local_time(message, message.at),
        message.public_url
    ));
    text
}
