//! What an alert of the Alertmanager family says, in the fields of an event. Shared by the API, the
//! webhook and Grafana, whose alerts are a superset.

use crate::bounds;
use firedog_domain::event::{Link, Severity};
use std::collections::BTreeMap;

pub(crate) type Labels = BTreeMap<String, String>;

/// The first that is there: annotation `summary`, `description`, `message`, `title`; else the
/// alert's name with what sets it apart from its like.
pub(crate) fn summary(labels: &Labels, annotations: &Labels) -> String {
    let said = ["summary", "description", "message", "title"].iter().filter_map(|name| annotations.get(*name));
    if let Some(text) = said.map(|text| text.trim()).find(|text| !text.is_empty()) {
        return text.to_owned();
    }
    // Grafana's own alerts (no data, query failed) name the rule beside.
    let name = labels.get("rulename").or_else(|| labels.get("alertname")).map_or("alert", String::as_str);
    let rest: Vec<_> =
        labels.iter().filter(|(label, _)| !matches!(label.as_str(), "alertname" | "rulename" | "severity")).collect();
    if rest.is_empty() {
        return name.to_owned();
    }
    let rest = rest.iter().map(|(label, value)| format!("{label}={value}")).collect::<Vec<_>>().join(", ");
    format!("{name} ({rest})")
}

/// Unknown words and no word at all are critical: better woken for nothing than not at all.
pub(crate) fn severity(labels: &Labels) -> Severity {
    let words = ["severity", "level", "priority"].iter().filter_map(|name| labels.get(*name));
    words.into_iter().find_map(|word| Severity::parse_lenient(word.trim())).unwrap_or_default()
}

pub(crate) fn source(labels: &Labels) -> Option<String> {
    ["instance", "host", "hostname", "node", "pod"].iter().find_map(|name| labels.get(*name)).cloned()
}

/// The rule's page, then what the annotations point at.
pub(crate) fn links(generator_url: &str, annotations: &Labels) -> Vec<Link> {
    let mut links = Vec::new();
    for (annotation, text) in
        [("runbook_url", "Runbook"), ("runbook", "Runbook"), ("dashboard_url", "Dashboard"), ("dashboard", "Dashboard")]
    {
        if let Some(href) = annotations.get(annotation) {
            bounds::push_link(&mut links, href, text);
        }
    }
    bounds::push_link(&mut links, generator_url, "Source");
    links
}

pub(crate) fn without_empty(labels: Labels) -> Labels {
    labels.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}
