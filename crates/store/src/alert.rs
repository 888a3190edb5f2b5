//! Alert rows.

mod claim;
mod list;

use crate::error::{Error, Result};
use crate::rows::{self, Col};
use crate::tx::{Tx, first, number};
use crate::value::{Row, Ty, Val, json};
use firedog_domain::alert::{Alert, Cursor, Next, NextKind, Pin, Resolved, State};
use firedog_domain::event::Severity;
use firedog_domain::id::*;
use firedog_domain::setup::Urgency;
use jiff::Timestamp;

pub use claim::{claim_due, open_without_next, overdue, touch_ready};
pub use list::{Filter, Position, list};

/// The columns of [`Alert`], in the order of [`read`].
const COLUMNS: &str = "id, version, service, integration, dedup_key, state, urgency, severity, summary, source, labels, count, \
    created_at, updated_at, acknowledged_by, resolved_at, resolved_because, policy, setup_version, pass, step, next_at, \
    next_kind, quiet_at, started_at, pages, follows";

const ID: Col = ("id", Ty::Text);
const VERSION: Col = ("version", Ty::Int);

/// Never changed after the insert.
const FIXED: [Col; 6] =
    [ID, VERSION, ("service", Ty::Text), ("integration", Ty::Text), ("dedup_key", Ty::Text), ("created_at", Ty::Int)];

/// Changed by any update.
const CHANGING: [Col; 18] = [
    ("state", Ty::Text),
    ("severity", Ty::Text),
    ("summary", Ty::Text),
    ("source", Ty::Text),
    ("labels", Ty::Text),
    ("count", Ty::Int),
    ("updated_at", Ty::Int),
    ("acknowledged_by", Ty::Text),
    ("policy", Ty::Text),
    ("setup_version", Ty::Int),
    ("pass", Ty::Int),
    ("step", Ty::Int),
    ("next_at", Ty::Int),
    ("next_kind", Ty::Text),
    ("quiet_at", Ty::Int),
    ("started_at", Ty::Int),
    ("pages", Ty::Int),
    ("follows", Ty::Text),
];

/// What claims look for, apart from the above because it is indexed: naming it in an update costs.
const WAKING: [Col; 2] = [("urgency", Ty::Text), ("ready_at", Ty::Int)];

/// Changed only when an alert closes; several indexes hang on `open`.
const CLOSING: [Col; 3] = [("open", Ty::Bool), ("resolved_at", Ty::Int), ("resolved_because", Ty::Text)];

/// Open ones, of a service. Every key is at least the empty one; saying so makes SQLite take the index of open alerts
/// instead of the one that holds the service's whole history.
const OF_SERVICE: &str = "AND open AND dedup_key >= ''";

fn fixed(a: &Alert) -> [Val<'_>; 6] {
    [
        (&a.id).into(),
        a.version.into(),
        a.service.as_ref().into(),
        a.integration.as_ref().into(),
        (&a.dedup_key).into(),
        a.created_at.into(),
    ]
}

fn changing(a: &Alert) -> Result<[Val<'_>; 18]> {
    Ok([
        a.state.as_str().into(),
        a.severity.as_str().into(),
        (&a.summary).into(),
        a.source.as_ref().into(),
        json(&a.labels)?.into(),
        a.count.into(),
        a.updated_at.into(),
        a.acknowledged_by.as_ref().into(),
        String::from(a.policy.clone()).into(),
        a.setup_version.into(),
        a.cursor.pass.into(),
        a.cursor.step.into(),
        a.next.map(|next| next.at).into(),
        a.next.map(|next| next.kind.as_str()).into(),
        a.quiet_at.into(),
        a.started_at.into(),
        a.pages.into(),
        a.follows.as_ref().into(),
    ])
}

fn waking(a: &Alert) -> [Val<'_>; 2] {
    [a.urgency.as_str().into(), a.ready_at().into()]
}

fn closing(a: &Alert) -> [Val<'_>; 3] {
    [a.is_open().into(), a.resolved_at.into(), a.resolved_because.map(Resolved::as_str).into()]
}

fn read(mut r: Row) -> Result<Alert> {
    Ok(Alert {
        id: AlertId(r.text()?),
        version: r.int()?,
        service: r.text_or_null()?.map(ServiceId),
        integration: r.text_or_null()?.map(IntegrationId),
        dedup_key: r.text()?,
        state: r.parsed(State::parse)?,
        urgency: r.parsed(urgency)?,
        severity: r.parsed(severity)?,
        summary: r.text()?,
        source: r.text_or_null()?,
        labels: r.json()?,
        count: r.int()?,
        created_at: r.time()?,
        updated_at: r.time()?,
        acknowledged_by: r.text_or_null()?.map(UserId),
        resolved_at: r.time_or_null()?,
        resolved_because: word(&mut r, Resolved::parse)?,
        policy: r.parsed(|text| Pin::try_from(text.to_owned()).ok())?,
        setup_version: r.int()?,
        cursor: Cursor { pass: r.small()?, step: r.small()? },
        next: match (r.time_or_null()?, word(&mut r, NextKind::parse)?) {
            (Some(at), Some(kind)) => Some(Next { at, kind }),
            (None, None) => None,
            _ => return Err(Error::broken("an alert has half a next action")),
        },
        quiet_at: r.time_or_null()?,
        started_at: r.time_or_null()?,
        pages: r.small()?,
        follows: r.text_or_null()?.map(AlertId),
    })
}

fn read_all(rows: Vec<Row>) -> Result<Vec<Alert>> {
    rows.into_iter().map(read).collect()
}

/// A word of an enum, or nothing.
fn word<T>(r: &mut Row, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
    let Some(text) = r.text_or_null()? else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| Error::Broken(format!("an alert has `{text}` where it cannot be")))
}

pub(crate) fn urgency(text: &str) -> Option<Urgency> {
    [Urgency::High, Urgency::Low].into_iter().find(|u| u.as_str() == text)
}

fn severity(text: &str) -> Option<Severity> {
    [Severity::Critical, Severity::Error, Severity::Warning, Severity::Info].into_iter().find(|s| s.as_str() == text)
}

pub async fn get(tx: &mut dyn Tx, id: &AlertId) -> Result<Option<Alert>> {
    first(tx, &format!("SELECT {COLUMNS} FROM alert WHERE id = $1"), &[id.into()]).await?.map(read).transpose()
}

/// The same, and nobody else can write it before this transaction ends. For decisions that rest on rows beside the
/// alert's own, whose versions do not guard them.
pub async fn lock(tx: &mut dyn Tx, id: &AlertId) -> Result<Option<Alert>> {
    let sql = format!("SELECT {COLUMNS} FROM alert WHERE id = $1 {}", tx.dialect().for_update());
    first(tx, &sql, &[id.into()]).await?.map(read).transpose()
}

/// In no particular order; ids that do not exist are left out.
pub async fn get_many(tx: &mut dyn Tx, ids: &[AlertId]) -> Result<Vec<Alert>> {
    let keys = ids.iter().map(|id| vec![id.into()]).collect();
    read_all(rows::select(tx, COLUMNS, "alert", &[ID], keys, "").await?)
}

/// The open alerts with these dedup keys within their services.
pub async fn load_open_by_keys(tx: &mut dyn Tx, keys: &[(&ServiceId, &str)]) -> Result<Vec<Alert>> {
    let by = [("service", Ty::Text), ("dedup_key", Ty::Text)];
    let keys = keys.iter().map(|(service, key)| vec![(*service).into(), (*key).into()]).collect();
    read_all(rows::select(tx, COLUMNS, "alert", &by, keys, "AND open").await?)
}

/// The open page by hand with this key, which says that it was asked for twice.
pub async fn open_by_hand(tx: &mut dyn Tx, key: &str) -> Result<Option<Alert>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alert WHERE service IS NULL AND integration IS NULL AND dedup_key = $1 AND open ORDER BY id LIMIT 1"
    );
    first(tx, &sql, &[key.into()]).await?.map(read).transpose()
}

/// The open alerts that these integrations opened under these keys, whatever service the routes chose.
pub async fn load_open_by_integration(tx: &mut dyn Tx, keys: &[(&IntegrationId, &str)]) -> Result<Vec<Alert>> {
    let by = [("integration", Ty::Text), ("dedup_key", Ty::Text)];
    let keys = keys.iter().map(|(integration, key)| vec![(*integration).into(), (*key).into()]).collect();
    read_all(rows::select(tx, COLUMNS, "alert", &by, keys, "AND open").await?)
}

/// For each key the alert that closed last, if one ever did: tells a late replay from a new episode.
pub async fn last_closed_by_keys(tx: &mut dyn Tx, keys: &[(&ServiceId, &str)]) -> Result<Vec<Alert>> {
    let by = [("service", Ty::Text), ("dedup_key", Ty::Text)];
    let keys = keys.iter().map(|(service, key)| vec![(*service).into(), (*key).into()]).collect();
    let tail = "AND NOT open ORDER BY resolved_at DESC LIMIT 1";
    read_all(rows::select(tx, COLUMNS, "alert", &by, keys, tail).await?)
}

/// Writes new alerts as they are. [`Error::Conflict`] when a service has an open one with that key already.
pub async fn insert_many(tx: &mut dyn Tx, alerts: &[Alert]) -> Result<()> {
    let cols = [&FIXED[..], &CHANGING, &WAKING, &CLOSING].concat();
    fn row(a: &Alert) -> Result<Vec<Val<'_>>> {
        Ok(fixed(a).into_iter().chain(changing(a)?).chain(waking(a)).chain(closing(a)).collect())
    }
    let rows = alerts.iter().map(row).collect::<Result<_>>()?;
    rows::insert(tx, "alert", &cols, rows, "").await.map(|_| ())
}

/// Writes alerts that were loaded under the version they still carry; the row's version becomes one
/// more. Answers the ids whose row had another version: nothing was written for those, and the whole
/// operation should answer [`Error::Conflict`]. Ids must be distinct.
pub async fn update_many(tx: &mut dyn Tx, alerts: &[Alert]) -> Result<Vec<AlertId>> {
    fn row(a: &Alert) -> Result<Vec<Val<'_>>> {
        let [id, version, ..] = fixed(a);
        let mut row: Vec<Val<'_>> = [id, version].into_iter().chain(changing(a)?).chain(waking(a)).collect();
        if !a.is_open() {
            row.extend(closing(a));
        }
        Ok(row)
    }
    let mut missed = Vec::new();
    for open in [true, false] {
        let rows = alerts.iter().filter(|a| a.is_open() == open).map(row).collect::<Result<Vec<_>>>()?;
        if rows.is_empty() {
            continue;
        }
        let sets = if open { [&CHANGING[..], &WAKING].concat() } else { [&CHANGING[..], &WAKING, &CLOSING].concat() };
        let ids = rows::update(tx, "alert", &[ID, VERSION], &sets, ", version = t.version + 1", rows).await?;
        missed.extend(ids.into_iter().map(AlertId));
    }
    Ok(missed)
}

/// Open alerts that ride along with this one.
pub async fn followers_of(tx: &mut dyn Tx, leader: &AlertId) -> Result<Vec<Alert>> {
    let sql = format!("SELECT {COLUMNS} FROM alert WHERE follows = $1 AND open ORDER BY created_at, id");
    read_all(tx.query(&sql, &[leader.into()]).await?)
}

/// The triggered alerts of a service since `since` that follow no other: those a new one may be grouped with. Oldest
/// first; more than a page of them would mean that the group's labels tell nothing apart.
pub async fn leaders(tx: &mut dyn Tx, service: &ServiceId, since: Timestamp) -> Result<Vec<Alert>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alert WHERE service = $1 AND open AND state = 'triggered' AND follows IS NULL AND created_at >= $2
            ORDER BY created_at, id LIMIT 1000 {}",
        // Whoever acknowledges or resolves one of them waits, and then sees who follows it.
        tx.dialect().for_share()
    );
    read_all(tx.query(&sql, &[service.into(), since.into()]).await?)
}

/// The open alerts of a service since `since`, oldest first; more than a page of them are a storm by any count.
pub async fn opened_since(tx: &mut dyn Tx, service: &ServiceId, since: Timestamp) -> Result<Vec<Alert>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alert WHERE service = $1 AND open AND created_at >= $2 ORDER BY created_at, id LIMIT 2000"
    );
    read_all(tx.query(&sql, &[service.into(), since.into()]).await?)
}

/// The open alerts of these services, oldest first.
pub async fn open_in_services(tx: &mut dyn Tx, services: &[ServiceId]) -> Result<Vec<Alert>> {
    let keys = services.iter().map(|service| vec![service.into()]).collect();
    let mut found = read_all(rows::select(tx, COLUMNS, "alert", &[("service", Ty::Text)], keys, OF_SERVICE).await?)?;
    found.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(found)
}

/// How many alerts are open, the sum of their versions, and the last change of one of them: other after any change.
pub async fn open_digest(tx: &mut dyn Tx) -> Result<(i64, i64, Option<Timestamp>)> {
    let sql = "SELECT COUNT(*), CAST(COALESCE(SUM(version), 0) AS BIGINT), MAX(updated_at) FROM alert WHERE open";
    match first(tx, sql, &[]).await? {
        Some(mut row) => Ok((row.int()?, row.int()?, row.time_or_null()?)),
        None => Ok((0, 0, None)),
    }
}

pub async fn count_open(tx: &mut dyn Tx) -> Result<i64> {
    Ok(number(tx, "SELECT count(*) FROM alert WHERE open", &[]).await?.unwrap_or(0))
}

/// The setup versions that open alerts are pinned to, or what their timeline needs of them.
pub async fn pinned_versions(tx: &mut dyn Tx) -> Result<Vec<i64>> {
    let rows = tx.query("SELECT DISTINCT setup_version FROM alert WHERE open ORDER BY setup_version", &[]).await?;
    rows.into_iter().map(|mut r| r.int()).collect()
}

/// When the next alert is due, or the lease of a claimed one ends.
pub(crate) async fn next_ready(tx: &mut dyn Tx) -> Result<Option<Timestamp>> {
    crate::wake::earliest(tx, "alert", "urgency", &["'high'", "'low'"]).await
}
