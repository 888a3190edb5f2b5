//! Notification rows: the outbox.

use crate::error::Result;
use crate::rows::{self, Col};
use crate::tx::{Tx, first, number};
use crate::value::{Row, Ty, Val};
use firedog_domain::delivery::{Delivery, Kind, Notification};
use firedog_domain::id::*;
use firedog_domain::setup::{Channel, Urgency};
use jiff::{SignedDuration, Timestamp};

const COLUMNS: &str =
    "id, alert_id, page, user_id, contact, channel, kind, urgency, state, ready_at, attempt, fence, created_at, reason";

const ALL: [Col; 15] = [
    ("id", Ty::Text),
    ("alert_id", Ty::Text),
    ("page", Ty::Int),
    ("user_id", Ty::Text),
    ("contact", Ty::Text),
    ("channel", Ty::Text),
    ("kind", Ty::Text),
    ("urgency", Ty::Text),
    ("state", Ty::Text),
    ("ready_at", Ty::Int),
    ("attempt", Ty::Int),
    ("fence", Ty::Int),
    ("created_at", Ty::Int),
    ("reason", Ty::Text),
    ("rank", Ty::Int),
];

/// In which order what is due is sent: pages of high urgency, other pages, news about pages.
fn rank(n: &Notification) -> i64 {
    match (n.kind, n.urgency) {
        (Kind::Page, Urgency::High) => 0,
        (Kind::Page, Urgency::Low) => 1,
        _ => 2,
    }
}

const RANKS: [&str; 3] = ["0", "1", "2"];

fn read(mut r: Row) -> Result<Notification> {
    Ok(Notification {
        id: NotificationId(r.text()?),
        alert: AlertId(r.text()?),
        page: r.small()?,
        user: UserId(r.text()?),
        contact: ContactId(r.text()?),
        channel: r.parsed(|text| Channel::ALL.into_iter().find(|c| c.as_str() == text))?,
        kind: r.parsed(Kind::parse)?,
        urgency: r.parsed(crate::alert::urgency)?,
        state: r.parsed(Delivery::parse)?,
        ready_at: r.time_or_null()?,
        attempt: r.small()?,
        fence: r.int()?,
        created_at: r.time()?,
        reason: r.text()?,
    })
}

fn read_all(rows: Vec<Row>) -> Result<Vec<Notification>> {
    rows.into_iter().map(read).collect()
}

/// Ids are derived from the alert's decision, so one that exists already is the same and stays as it is.
/// Answers how many were new.
pub async fn insert_many(tx: &mut dyn Tx, notifications: &[Notification]) -> Result<u64> {
    fn row(n: &Notification) -> Vec<Val<'_>> {
        vec![
            (&n.id).into(),
            (&n.alert).into(),
            n.page.into(),
            (&n.user).into(),
            (&n.contact).into(),
            n.channel.as_str().into(),
            n.kind.as_str().into(),
            n.urgency.as_str().into(),
            n.state.as_str().into(),
            n.ready_at.into(),
            n.attempt.into(),
            n.fence.into(),
            n.created_at.into(),
            (&n.reason).into(),
            rank(n).into(),
        ]
    }
    rows::insert(tx, "notification", &ALL, notifications.iter().map(row).collect(), "ON CONFLICT (id) DO NOTHING").await
}

pub async fn get(tx: &mut dyn Tx, id: &NotificationId) -> Result<Option<Notification>> {
    first(tx, &format!("SELECT {COLUMNS} FROM notification WHERE id = $1"), &[id.into()]).await?.map(read).transpose()
}

/// Everything ever made for these alerts, in the order it was made.
pub async fn load_for_alerts(tx: &mut dyn Tx, alerts: &[AlertId]) -> Result<Vec<Notification>> {
    let keys = alerts.iter().map(|id| vec![id.into()]).collect();
    let mut found = read_all(rows::select(tx, COLUMNS, "notification", &[("alert_id", Ty::Text)], keys, "").await?)?;
    found.sort_by(|a, b| (a.created_at, a.page, &a.id).cmp(&(b.created_at, b.page, &b.id)));
    Ok(found)
}

/// Everything ever made for one page of an alert: what the outcome of one of them leads to.
pub async fn load_for_page(tx: &mut dyn Tx, alert: &AlertId, page: u32) -> Result<Vec<Notification>> {
    let sql = format!("SELECT {COLUMNS} FROM notification WHERE alert_id = $1 AND page = $2 ORDER BY created_at, id");
    read_all(tx.query(&sql, &[alert.into(), page.into()]).await?)
}

/// Writes state, due time, attempts and reason under the fence that the notification carries. Answers
/// the ids whose row has another fence by now: nothing was written for those. Ids must be distinct.
pub async fn update_many(tx: &mut dyn Tx, notifications: &[Notification]) -> Result<Vec<NotificationId>> {
    let keys = [("id", Ty::Text), ("fence", Ty::Int)];
    let sets = [("state", Ty::Text), ("ready_at", Ty::Int), ("attempt", Ty::Int), ("reason", Ty::Text)];
    fn row(n: &Notification) -> Vec<Val<'_>> {
        vec![(&n.id).into(), n.fence.into(), n.state.as_str().into(), n.ready_at.into(), n.attempt.into(), (&n.reason).into()]
    }
    let missed = rows::update(tx, "notification", &keys, &sets, "", notifications.iter().map(row).collect()).await?;
    Ok(missed.into_iter().map(NotificationId).collect())
}

/// Takes what is due, the most pressing first, each at most once until `lease_until`: state `sending`,
/// one more attempt, one more on the fence. A lease that ran out is due again.
pub async fn claim_due(tx: &mut dyn Tx, now: Timestamp, lease_until: Timestamp, limit: u32) -> Result<Vec<Notification>> {
    let mut claimed = Vec::new();
    for rank in RANKS {
        let left = i64::from(limit) - claimed.len() as i64;
        if left <= 0 {
            break;
        }
        let sql = format!(
            "UPDATE notification SET state = 'sending', attempt = attempt + 1, fence = fence + 1, ready_at = $2 WHERE id IN (
                SELECT id FROM notification WHERE rank = {rank} AND ready_at IS NOT NULL AND ready_at <= $1
                ORDER BY ready_at LIMIT $3 {}
            ) AND ready_at <= $1 RETURNING {COLUMNS}",
            tx.dialect().skip_locked()
        );
        let mut found = read_all(tx.query(&sql, &[now.into(), lease_until.into(), left.into()]).await?)?;
        found.sort_by(|a, b| (a.created_at, a.page, &a.id).cmp(&(b.created_at, b.page, &b.id)));
        claimed.extend(found);
    }
    Ok(claimed)
}

/// Makes what is being sent due at `now`: whoever sent it is gone. Under the old fence nothing of it can be recorded once it is
/// claimed again. Answers how many.
pub async fn release_sending(tx: &mut dyn Tx, now: Timestamp) -> Result<u64> {
    tx.exec("UPDATE notification SET ready_at = $1 WHERE state = 'sending' AND ready_at > $1", &[now.into()]).await
}

/// Cancels what these alerts still have waiting; attempts under way are left to end. Answers how many.
pub async fn cancel_pending(tx: &mut dyn Tx, alerts: &[AlertId]) -> Result<u64> {
    let sql = "UPDATE notification SET state = 'cancelled', ready_at = NULL, fence = fence + 1
        WHERE alert_id {IN} AND state = 'pending'";
    rows::exec(tx, sql, alerts.iter().map(Val::from).collect(), &[]).await
}

/// When the next notification is due, or the lease of a claimed one ends.
pub async fn next_ready(tx: &mut dyn Tx) -> Result<Option<Timestamp>> {
    crate::wake::earliest(tx, "notification", "rank", &RANKS).await
}

/// How many wait or are being sent.
pub async fn pending_count(tx: &mut dyn Tx) -> Result<i64> {
    Ok(number(tx, "SELECT count(*) FROM notification WHERE ready_at IS NOT NULL", &[]).await?.unwrap_or(0))
}

/// How long the oldest due notification has been due; `None` when nothing is due.
pub async fn oldest_overdue(tx: &mut dyn Tx, now: Timestamp) -> Result<Option<SignedDuration>> {
    Ok(next_ready(tx).await?.filter(|ready| *ready <= now).map(|ready| now.duration_since(ready)))
}
