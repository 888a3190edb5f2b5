//! Who works on which alert, and whether every open alert is being worked on at all.

use super::*;

/// Takes what is due: rows with `ready_at` at or before `now`, high urgency first, each at most once
/// until `lease_until`. A claim raises the version, so whoever held the row before can no longer write it.
pub async fn claim_due(tx: &mut dyn Tx, now: Timestamp, lease_until: Timestamp, limit: u32) -> Result<Vec<Alert>> {
    let mut claimed = Vec::new();
    for urgency in [Urgency::High, Urgency::Low] {
        let left = i64::from(limit) - claimed.len() as i64;
        if left <= 0 {
            break;
        }
        // The condition stands on the outer row again: without it, two claimers that chose the same
        // row one after the other would both get it.
        let sql = format!(
            "UPDATE alert SET ready_at = $2, version = version + 1 WHERE id IN (
                SELECT id FROM alert WHERE urgency = $4 AND ready_at IS NOT NULL AND ready_at <= $1
                ORDER BY ready_at LIMIT $3 {}
            ) AND ready_at <= $1 RETURNING {COLUMNS}",
            tx.dialect().skip_locked()
        );
        let params = [now.into(), lease_until.into(), left.into(), urgency.as_str().into()];
        let mut found = read_all(tx.query(&sql, &params).await?)?;
        found.sort_by(|a, b| (a.ready_at(), &a.id).cmp(&(b.ready_at(), &b.id)));
        claimed.extend(found);
    }
    Ok(claimed)
}

/// Makes open alerts due now because what they depend on (a silence, an override, the setup) has
/// changed; `None` means all. Whoever is deciding one of them at this moment meets a conflict and
/// decides again. What is due already stays due since then: `now` is this node's, and another may be behind. Answers how many.
pub async fn touch_ready(tx: &mut dyn Tx, services: Option<&[ServiceId]>, now: Timestamp) -> Result<u64> {
    match services {
        None => {
            tx.exec(&format!("UPDATE alert SET ready_at = {}, version = version + 1 WHERE open", due_by("$1")), &[now.into()])
                .await
        }
        Some(services) => {
            let sql =
                format!("UPDATE alert SET ready_at = {}, version = version + 1 WHERE service {{IN}} {OF_SERVICE}", due_by("$2"));
            rows::exec(tx, &sql, services.iter().map(Val::from).collect(), &[now.into()]).await
        }
    }
}

fn due_by(now: &str) -> String {
    format!("CASE WHEN ready_at < {now} THEN ready_at ELSE {now} END")
}

/// Open alerts that nobody has looked at although they were due before `now - grace`; most overdue first.
pub async fn overdue(tx: &mut dyn Tx, now: Timestamp, grace: jiff::SignedDuration, limit: u32) -> Result<Vec<Alert>> {
    let before = firedog_domain::time::after(now, -grace);
    let sql = format!(
        "SELECT {COLUMNS} FROM alert WHERE urgency IN ('high', 'low') AND ready_at IS NOT NULL AND ready_at < $1
            ORDER BY ready_at LIMIT $2"
    );
    read_all(tx.query(&sql, &[before.into(), limit.into()]).await?)
}

/// Open alerts that nothing would ever look at again: triggered without a next action, or with an
/// action but no due time. Must be empty. Answered from an index that holds nothing else.
pub async fn open_without_next(tx: &mut dyn Tx, limit: u32) -> Result<Vec<Alert>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alert WHERE open AND (state = 'triggered' AND next_at IS NULL
            OR ready_at IS NULL AND (next_at IS NOT NULL OR quiet_at IS NOT NULL)) ORDER BY id LIMIT $1"
    );
    read_all(tx.query(&sql, &[limit.into()]).await?)
}
