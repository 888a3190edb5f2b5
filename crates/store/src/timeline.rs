//! Timelines of alerts: what happened, to whom, how it went and why.

use crate::error::Result;
use crate::rows::{self, Col};
use crate::tx::Tx;
use crate::value::{Ty, Val, json};
use firedog_domain::alert::Entry;
use firedog_domain::id::AlertId;

const ALL: [Col; 4] = [("alert_id", Ty::Text), ("at", Ty::Int), ("key", Ty::Text), ("body", Ty::Text)];

/// Appends entries. `key` names an entry within its alert and instant and orders entries of one
/// instant; the same entry twice is one.
pub async fn append_many(tx: &mut dyn Tx, entries: &[(AlertId, String, Entry)]) -> Result<()> {
    fn row((alert, key, entry): &(AlertId, String, Entry)) -> Result<Vec<Val<'_>>> {
        Ok(vec![alert.into(), entry.at.into(), key.into(), json(entry)?.into()])
    }
    let rows = entries.iter().map(row).collect::<Result<_>>()?;
    rows::insert(tx, "timeline", &ALL, rows, "ON CONFLICT (alert_id, at, key) DO NOTHING").await.map(|_| ())
}

/// Oldest first. `limit` keeps the newest.
pub async fn list(tx: &mut dyn Tx, alert: &AlertId, limit: u32) -> Result<Vec<Entry>> {
    let sql = "SELECT body FROM timeline WHERE alert_id = $1 ORDER BY at DESC, key DESC LIMIT $2";
    let rows = tx.query(sql, &[alert.into(), limit.into()]).await?;
    rows.into_iter().rev().map(|mut r| r.json()).collect()
}
