//! Messages that were accepted but could not be decided: kept apart, for people to look at.

use crate::error::Result;
use crate::tx::{Tx, number};
use crate::value::Row;
use firedog_domain::id::IntegrationId;
use jiff::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub id: String,
    pub at: Timestamp,
    pub integration: Option<IntegrationId>,
    pub reason: String,
    /// What was received, as far as it was understood.
    pub body: String,
}

pub async fn insert(tx: &mut dyn Tx, item: &Quarantined) -> Result<()> {
    let sql =
        "INSERT INTO quarantine (id, at, integration, reason, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING";
    let Quarantined { id, at, integration, reason, body } = item;
    tx.exec(sql, &[id.into(), (*at).into(), integration.as_ref().into(), reason.into(), body.into()]).await.map(|_| ())
}

/// Newest first.
pub async fn list(tx: &mut dyn Tx, limit: u32) -> Result<Vec<Quarantined>> {
    let sql = "SELECT id, at, integration, reason, body FROM quarantine ORDER BY at DESC, id DESC LIMIT $1";
    let read = |mut r: Row| {
        Ok(Quarantined {
            id: r.text()?,
            at: r.time()?,
            integration: r.text_or_null()?.map(IntegrationId),
            reason: r.text()?,
            body: r.text()?,
        })
    };
    tx.query(sql, &[limit.into()]).await?.into_iter().map(read).collect()
}

pub async fn count(tx: &mut dyn Tx) -> Result<i64> {
    Ok(number(tx, "SELECT count(*) FROM quarantine", &[]).await?.unwrap_or(0))
}
