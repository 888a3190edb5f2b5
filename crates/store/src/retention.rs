//! Forgetting what is old, in batches that never hold the writer for long.

use crate::error::Result;
use crate::tx::Tx;
use jiff::Timestamp;

/// Deletes up to `limit` alerts that were closed before `before`, with everything that hangs on them.
/// Answers how many; fewer than `limit` means that it is done.
pub async fn delete_closed(tx: &mut dyn Tx, before: Timestamp, limit: u32) -> Result<u64> {
    // An alert closes after it was created, so the index on creation bounds the search.
    let sql = "SELECT id FROM alert WHERE created_at < $1 AND NOT open AND resolved_at < $1 ORDER BY created_at LIMIT $2";
    let rows = tx.query(sql, &[before.into(), limit.into()]).await?;
    let mut deleted = 0;
    for mut row in rows {
        let id = [row.text()?.into()];
        tx.exec("DELETE FROM event WHERE alert_id = $1", &id).await?;
        tx.exec("DELETE FROM timeline WHERE alert_id = $1", &id).await?;
        tx.exec("DELETE FROM notification WHERE alert_id = $1", &id).await?;
        deleted += tx.exec("DELETE FROM alert WHERE id = $1 AND NOT open", &id).await?;
    }
    Ok(deleted)
}

/// Deletes up to `limit` rows of each other kind that ended before `before`: silences, maintenance
/// windows, overrides, quarantined messages. Answers how many in all.
pub async fn delete_ended(tx: &mut dyn Tx, before: Timestamp, limit: u32) -> Result<u64> {
    let mut deleted = 0;
    for (table, column) in
        [("silence", "until_at"), ("maintenance", "until_at"), ("override_live", "until_at"), ("quarantine", "at")]
    {
        let sql =
            format!("DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {column} < $1 ORDER BY {column} LIMIT $2)");
        deleted += tx.exec(&sql, &[before.into(), limit.into()]).await?;
    }
    Ok(deleted)
}

/// Deletes up to `limit` answers that are too old to be asked for again.
pub async fn delete_answers(tx: &mut dyn Tx, before: Timestamp, limit: u32) -> Result<u64> {
    let sql = "DELETE FROM idempotency WHERE (scope, key) IN
        (SELECT scope, key FROM idempotency WHERE at < $1 ORDER BY at LIMIT $2)";
    tx.exec(sql, &[before.into(), limit.into()]).await
}
