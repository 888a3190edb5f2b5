//! Received events: appended, never changed; the only place where a message's body is kept.

use crate::error::Result;
use crate::rows::{self, Col};
use crate::tx::Tx;
use crate::value::{Row, Ty, Val, json};
use firedog_domain::event::Event;
use firedog_domain::id::AlertId;
use jiff::Timestamp;

/// An event as it was taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// A UUIDv7 made by the receiver.
    pub id: String,
    pub alert: AlertId,
    pub at: Timestamp,
    pub event: Event,
}

const ALL: [Col; 4] = [("alert_id", Ty::Text), ("id", Ty::Text), ("at", Ty::Int), ("body", Ty::Text)];

pub async fn insert_many(tx: &mut dyn Tx, events: &[Received]) -> Result<()> {
    fn row(r: &Received) -> Result<Vec<Val<'_>>> {
        Ok(vec![(&r.alert).into(), (&r.id).into(), r.at.into(), json(&r.event)?.into()])
    }
    let rows = events.iter().map(row).collect::<Result<_>>()?;
    rows::insert(tx, "event", &ALL, rows, "ON CONFLICT (alert_id, id) DO NOTHING").await.map(|_| ())
}

/// The newest event of each of these alerts, in no particular order.
pub async fn latest_for_alerts(tx: &mut dyn Tx, alerts: &[AlertId]) -> Result<Vec<Received>> {
    let keys = alerts.iter().map(|id| vec![id.into()]).collect();
    let tail = "ORDER BY id DESC LIMIT 1";
    let rows = rows::select(tx, "alert_id, id, at, body", "event", &[("alert_id", Ty::Text)], keys, tail).await?;
    let read = |mut r: Row| Ok(Received { alert: AlertId(r.text()?), id: r.text()?, at: r.time()?, event: r.json()? });
    rows.into_iter().map(read).collect()
}

/// The newest events of an alert, newest first.
pub async fn for_alert(tx: &mut dyn Tx, alert: &AlertId, limit: u32) -> Result<Vec<Received>> {
    let sql = "SELECT id, at, body FROM event WHERE alert_id = $1 ORDER BY id DESC LIMIT $2";
    let rows = tx.query(sql, &[alert.into(), limit.into()]).await?;
    rows.into_iter().map(|mut r| Ok(Received { id: r.text()?, alert: alert.clone(), at: r.time()?, event: r.json()? })).collect()
}
