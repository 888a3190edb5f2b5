//! When there is something to do next.

use crate::error::Result;
use crate::tx::Tx;
use crate::{alert, heartbeat, notification};
use jiff::Timestamp;

/// The earliest due time (or end of a lease) over alerts, notifications and heartbeats.
pub async fn next_wake(tx: &mut dyn Tx) -> Result<Option<Timestamp>> {
    let found = [alert::next_ready(tx).await?, notification::next_ready(tx).await?, heartbeat::next_ready(tx).await?];
    Ok(found.into_iter().flatten().min())
}

/// The smallest `ready_at` of a table whose index starts with `by`: one look into the index per value.
pub(crate) async fn earliest(tx: &mut dyn Tx, table: &str, by: &str, values: &[&str]) -> Result<Option<Timestamp>> {
    let look = |value: &&str| {
        format!("(SELECT ready_at FROM {table} WHERE {by} = {value} AND ready_at IS NOT NULL ORDER BY ready_at LIMIT 1)")
    };
    let sql = format!("SELECT {}", values.iter().map(look).collect::<Vec<_>>().join(", "));
    let mut earliest: Option<Timestamp> = None;
    for mut row in tx.query(&sql, &[]).await? {
        for _ in values {
            earliest = earliest.into_iter().chain(row.time_or_null()?).min();
        }
    }
    Ok(earliest)
}
