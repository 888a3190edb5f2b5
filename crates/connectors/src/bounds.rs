//! Bounds of what one event may carry, and [`finish`], the one door through which every event
//! leaves this crate: bounded and masked.

use crate::mask;
use firedog_domain::event::{Event, Link, MAX_DEDUP_KEY, MAX_SUMMARY};
use serde_json::Value;
use std::collections::BTreeMap;

/// Most labels of one alert. Prometheus rules have about ten; each costs bytes in every alert row and matcher.
pub const MAX_LABELS: usize = 64;
/// Longest label name, in characters. Longer ones are cut.
pub const MAX_LABEL_NAME: usize = 128;
/// Longest label value, in characters; long enough for any host, path or query that somebody routes by.
pub const MAX_LABEL_VALUE: usize = 1024;
/// Most bytes of details kept (roughly, as JSON). Alertmanager's PagerDuty bodies reach 500 KB; nobody reads that at 3 am.
pub const MAX_DETAILS_BYTES: usize = 128 * 1024;
/// How much of too large details is kept as text.
pub const MAX_DETAILS_START: usize = 8 * 1024;
/// Most links of one event.
pub const MAX_LINKS: usize = 20;
/// Longest link, in characters (what browsers and proxies take). Longer ones are dropped: a cut link leads nowhere.
pub const MAX_HREF: usize = 4096;
/// Most alerts in one request. Prometheus sends 256; the body limit alone would let in far more.
pub const MAX_ALERTS: usize = 4096;
/// Longest `source`, in characters.
pub const MAX_SOURCE: usize = 255;

/// Cuts and masks an event.
///
/// # Errors
/// The dedup key is empty, too long or not storable. It is never cut: a cut key merges alerts.
pub(crate) fn finish(mut event: Event) -> Result<Event, String> {
    check_dedup_key(&event.dedup_key)?;
    event.summary = cut(&one_line(&mask::text(&event.summary)), MAX_SUMMARY);
    event.source = event.source.map(|s| cut(&one_line(&mask::text(&s)), MAX_SOURCE)).filter(|source| !source.is_empty());
    event.labels = labels(event.labels);
    event.details = details(mask::value(event.details));
    Ok(event)
}

pub(crate) fn check_dedup_key(key: &str) -> Result<(), String> {
    if key.trim().is_empty() {
        return Err("dedup_key is blank".to_owned());
    }
    if key.chars().count() > MAX_DEDUP_KEY {
        return Err(format!("dedup_key is too long (maximum is {MAX_DEDUP_KEY} characters)"));
    }
    // PostgreSQL cannot store it, and no sender means it.
    if key.contains('\0') {
        return Err("dedup_key must not contain NUL characters".to_owned());
    }
    Ok(())
}

/// The first `max` characters.
pub(crate) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

/// Control characters (line ends, NUL) become spaces, runs of white space one space.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn labels(labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let fits = |name: &str, value: &str| name.len() <= MAX_LABEL_NAME && value.len() <= MAX_LABEL_VALUE;
    let kept = labels.into_iter().filter(|(name, value)| !name.is_empty() && !value.is_empty()).take(MAX_LABELS);
    kept.map(|(name, value)| {
        let value = mask::field(&name, &value).into_owned();
        let clean = !name.contains('\0') && !value.contains('\0');
        if clean && fits(&name, &value) {
            return (name, value);
        }
        let name = cut(&name.replace('\0', "\u{fffd}"), MAX_LABEL_NAME);
        (name, cut(&value.replace('\0', "\u{fffd}"), MAX_LABEL_VALUE))
    })
    .collect()
}

pub(crate) fn details(details: Value) -> Value {
    let bytes = weight(&details);
    if bytes <= MAX_DETAILS_BYTES {
        return details;
    }
    let text = details.to_string();
    serde_json::json!({ "cut": format!("{} bytes of details were too many to keep", text.len()), "start": cut(&text, MAX_DETAILS_START) })
}

/// About how many bytes a value takes as JSON, without writing it. Depth is bounded by the parser (128).
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 12,
        Value::String(text) => text.len() + 3,
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + 2,
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + 4 + weight(value)).sum::<usize>() + 2,
    }
}

/// Adds a link if it is one that a page or mail may carry: only `http` and `https`, since links of
/// strangers become clickable on our pages (`javascript:` would run there).
pub(crate) fn push_link(links: &mut Vec<Link>, href: &str, text: &str) {
    let href = href.trim();
    let scheme = href.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let known = matches!(scheme.as_deref(), Some("http" | "https"));
    let clean = !href.chars().any(|c| c.is_control() || c.is_whitespace());
    let seen = links.iter().any(|link| link.href == href);
    if known && clean && !seen && href.len() <= MAX_HREF && links.len() < MAX_LINKS {
        links.push(Link { href: href.to_owned(), text: cut(&one_line(&mask::text(text)), MAX_SOURCE) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firedog_domain::event::{Action, Severity};

    fn event() -> Event {
        Event {
            integration: "s/i".into(),
            action: Action::Trigger,
            dedup_key: "k".to_owned(),
            summary: String::new(),
            severity: Severity::Critical,
            source: None,
            labels: BTreeMap::new(),
            details: Value::Null,
            links: Vec::new(),
            started_at: None,
            valid_until: None,
        }
    }

    #[test]
    fn text_is_cut_by_characters_and_kept_on_one_line() {
        let done = finish(Event { summary: format!("a\r\nb\0c {}", "é".repeat(2000)), ..event() }).unwrap();
        assert!(done.summary.starts_with("a b c é"));
        assert_eq!(done.summary.chars().count(), MAX_SUMMARY);
    }

    #[test]
    fn dedup_keys_are_refused_never_cut() {
        for (key, fine) in [
            ("k".repeat(255), true),
            ("é".repeat(255), true),
            ("k".repeat(256), false),
            (" ".into(), false),
            ("a\0".into(), false),
        ] {
            assert_eq!(finish(Event { dedup_key: key.clone(), ..event() }).is_ok(), fine, "{key:?}");
        }
    }

    #[test]
    fn labels_are_bounded() {
        let many = (0..200).map(|n| (format!("label{n:03}"), "v".repeat(3000))).collect();
        let done = finish(Event { labels: many, ..event() }).unwrap();
        assert_eq!(done.labels.len(), MAX_LABELS);
        assert!(done.labels.values().all(|value| value.len() == MAX_LABEL_VALUE));
        let odd = [("a\0b".to_owned(), "c\0d".to_owned()), ("empty".to_owned(), String::new())].into();
        let done = finish(Event { labels: odd, ..event() }).unwrap();
        assert_eq!(done.labels, [("a\u{fffd}b".to_owned(), "c\u{fffd}d".to_owned())].into());
    }

    #[test]
    fn large_details_keep_their_start() {
        let done = finish(Event { details: serde_json::json!({ "log": "x".repeat(MAX_DETAILS_BYTES) }), ..event() }).unwrap();
        assert!(done.details.to_string().len() < MAX_DETAILS_START + 200);
        assert!(done.details["start"].as_str().unwrap().starts_with("{\"log\":\"xxx"));
        let small = serde_json::json!({ "a": [1, null, { "b": "ü" }] });
        assert_eq!(finish(Event { details: small.clone(), ..event() }).unwrap().details, small);
    }

    #[test]
    fn only_web_links_are_kept() {
        let mut links = Vec::new();
        for href in [
            "javascript:alert(1)",
            "https://a/ b",
            "HTTPS://ok.example/x",
            "https://ok.example",
            "data:text/html,x",
            "",
            "https://ok.example",
        ] {
            push_link(&mut links, href, "t");
        }
        assert_eq!(links.iter().map(|l| l.href.as_str()).collect::<Vec<_>>(), ["HTTPS://ok.example/x", "https://ok.example"]);
        (0..100).for_each(|n| push_link(&mut links, &format!("https://a/{n}"), ""));
        assert_eq!(links.len(), MAX_LINKS);
    }
}
