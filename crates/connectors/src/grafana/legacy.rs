//! The body of a notification channel of Grafana before version 9: one rule, no labels.

use super::*;
use serde_json::Map;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    title: Option<String>,
    rule_id: i64,
    #[serde(default)]
    rule_name: Option<String>,
    state: String,
    #[serde(default)]
    rule_url: Option<String>,
    #[serde(default)]
    image_url: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    org_id: Option<i64>,
    #[serde(default)]
    eval_matches: Value,
    #[serde(default)]
    tags: Option<Map<String, Value>>,
}

/// `None`: a state that says nothing about the alert (pending, paused).
pub(super) fn parse(body: &[u8], receipt: &Receipt<'_>) -> Result<Option<Event>, Refusal> {
    let rule: Rule = serde_json::from_slice(body)
        .map_err(|error| Refusal::malformed(format!("this is not a Grafana notification: {error}")))?;
    let (action, severity) = match rule.state.as_str() {
        "alerting" => (Action::Trigger, Severity::Critical),
        "no_data" => (Action::Trigger, Severity::Warning),
        "ok" => (Action::Resolve, Severity::Critical),
        _ => return Ok(None),
    };
    let mut event = receipt.event(action, format!("{}/{}", rule.org_id.unwrap_or(1), rule.rule_id));
    let said = [&rule.rule_name, &rule.title, &rule.message].into_iter().flatten().find(|text| !text.trim().is_empty());
    event.summary = said.cloned().unwrap_or_else(|| format!("Grafana rule {}", rule.rule_id));
    let tags = rule.tags.unwrap_or_default();
    event.labels =
        tags.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect::<BTreeMap<_, _>>();
    event.labels.extend(rule.rule_name.map(|name| ("alertname".to_owned(), name)));
    event.severity = if event.labels.contains_key("severity") { text::severity(&event.labels) } else { severity };
    bounds::push_link(&mut event.links, rule.rule_url.as_deref().unwrap_or(""), "Source");
    bounds::push_link(&mut event.links, rule.image_url.as_deref().unwrap_or(""), "Image");
    event.details = json!({ "title": rule.title, "message": rule.message, "evalMatches": rule.eval_matches });
    bounds::finish(event).map(Some).map_err(Refusal::malformed)
}
