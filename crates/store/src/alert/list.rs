//! Pages of alerts for people and programs.

use super::*;

/// Empty fields do not narrow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub states: Vec<State>,
    pub services: Vec<ServiceId>,
    pub integration: Option<IntegrationId>,
    pub urgency: Option<Urgency>,
    /// Created at or after.
    pub since: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
    /// Each is held by the summary, the dedup key, the source, the service or the labels (`name=value` too), whatever the case.
    pub words: Vec<String>,
}

/// Where a page ended: the last alert on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub created_at: Timestamp,
    pub id: AlertId,
}

impl Position {
    pub fn of(alert: &Alert) -> Self {
        Self { created_at: alert.created_at, id: alert.id.clone() }
    }
}

/// Newest first. `after` is the last alert of the page before; alerts that arrive meanwhile move nothing.
pub async fn list(tx: &mut dyn Tx, filter: &Filter, after: Option<&Position>, limit: u32) -> Result<Vec<Alert>> {
    let mut sql = format!("SELECT {COLUMNS} FROM alert WHERE TRUE");
    let mut params: Vec<Val<'_>> = Vec::new();
    let place = |params: &Vec<Val<'_>>| format!("${}", params.len());
    if !filter.states.is_empty() {
        // `open` lets the engine walk the small index of open alerts.
        if !filter.states.contains(&State::Resolved) {
            sql.push_str(" AND open");
        }
        let words: Vec<String> = filter.states.iter().map(|s| format!("'{}'", s.as_str())).collect();
        sql.push_str(&format!(" AND state IN ({})", words.join(", ")));
    }
    if !filter.services.is_empty() {
        let mut places = Vec::new();
        for service in &filter.services {
            params.push(service.into());
            places.push(place(&params));
        }
        sql.push_str(&format!(" AND service IN ({})", places.join(", ")));
    }
    if let Some(integration) = &filter.integration {
        params.push(integration.into());
        sql.push_str(&format!(" AND integration = {}", place(&params)));
    }
    if let Some(urgency) = filter.urgency {
        params.push(urgency.as_str().into());
        sql.push_str(&format!(" AND urgency = {}", place(&params)));
    }
    if let Some(since) = filter.since {
        params.push(since.into());
        sql.push_str(&format!(" AND created_at >= {}", place(&params)));
    }
    if let Some(until) = filter.until {
        params.push(until.into());
        sql.push_str(&format!(" AND created_at < {}", place(&params)));
    }
    let patterns: Vec<(String, Option<String>)> = filter.words.iter().map(|word| patterns(word)).collect();
    for (anywhere, label) in &patterns {
        params.push(anywhere.into());
        let here = place(&params);
        let fields = ["summary", "dedup_key", "COALESCE(source, '')", "COALESCE(service, '')", "labels"];
        let mut any: Vec<String> = fields.map(|field| format!("LOWER({field}) LIKE {here} ESCAPE '!'")).into();
        if let Some(label) = label {
            params.push(label.into());
            any.push(format!("LOWER(labels) LIKE {} ESCAPE '!'", place(&params)));
        }
        sql.push_str(&format!(" AND ({})", any.join(" OR ")));
    }
    if let Some(after) = after {
        params.push(after.created_at.into());
        let at = place(&params);
        params.push((&after.id).into());
        sql.push_str(&format!(" AND (created_at, id) < ({at}, {})", place(&params)));
    }
    params.push(limit.into());
    sql.push_str(&format!(" ORDER BY created_at DESC, id DESC LIMIT {}", place(&params)));
    read_all(tx.query(&sql, &params).await?)
}

/// A word as a pattern, and as a label in the JSON of labels if it is written like one.
fn patterns(word: &str) -> (String, Option<String>) {
    let plain = |text: &str| text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    let label = word.split_once('=').map(|(name, value)| format!("%\"{}\":\"{}%", plain(name), plain(value)));
    (format!("%{}%", plain(word)), label)
}
