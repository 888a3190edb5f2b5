//! Forgetting what is old, in batches that never hold the writer for long.

use crate::error::Result;
use crate::rows;
use crate::tx::Tx;
use crate::value::Val;
use jiff::Timestamp;

/// Deletes up to `limit` alerts that were closed before `before`, with everything that hangs on them.
/// Answers how many; fewer than `limit` means that it is done.
pub async fn delete_closed(tx: &mut dyn Tx, before: Timestamp, limit: u32) -> Result<u64> {
    // An alert closes after it was created, so the index on creation bounds the search.
    let sql = "SELECT id FROM alert WHERE created_at < $1 AND NOT open AND resolved_at < $1 ORDER BY created_at LIMIT $2";
    let rows = tx.query(sql, &[before.into(), limit.into()]).await?;
    let ids: Vec<Val<'_>> = rows.into_iter().map(|mut row| row.val()).collect::<Result<_>>()?;
    for table in ["event", "timeline", "notification"] {
        rows::exec(tx, &format!("DELETE FROM {table} WHERE alert_id {{IN}}"), ids.clone(), &[]).await?;
    }
    rows::exec(tx, "DELETE FROM alert WHERE id {IN} AND NOT open", ids, &[]).await
}

/// Deletes up to `limit` rows of each other kind that ended before `before`: silences, maintenance
/// windows, overrides, quarantined messages. Answers how many in all.
pub async fn delete_ended(tx: &mut dyn Tx, before: Timestamp, limit: u32) -> Result<u64> {
    let mut deleted = 0;
    for (table, column) in [
        ("silence", "until_at"),
        ("maintenance", "until_at"),
        ("override_live", "until_at"),
        ("leave_live", "until_at"),
        ("cover", "until_at"),
        ("quarantine", "at"),
    ] {
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
