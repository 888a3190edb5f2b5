//! Vendor cases, and when people are told that one has to be chased.

use crate::error::{Error, Result};
use crate::rows;
use crate::tx::{Tx, first};
use crate::value::{Row, Val, json};
use firedog_domain::case::Case;
use firedog_domain::id::{AlertId, CaseId, InstitutionId, RunId, VendorId};
use jiff::Timestamp;

/// A case, with the version that it was read at.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub case: Case,
    pub version: i64,
}

fn read(mut r: Row) -> Result<Kept> {
    Ok(Kept { version: r.int()?, case: r.json()? })
}

fn institution(case: &Case) -> &str {
    case.institution.as_ref().map_or("", InstitutionId::as_str)
}

/// Writes a new case. Where the same one (vendor, institution and number) is open, that one learns what it does not know and is
/// answered instead, with `true`.
pub async fn open(tx: &mut dyn Tx, case: &Case) -> Result<(Case, bool)> {
    if let Some(mut kept) = same(tx, case).await? {
        if kept.case.learn(case) {
            update(tx, &kept, false).await?;
        }
        return Ok((kept.case, true));
    }
    let sql = "INSERT INTO vendor_case (id, version, vendor, institution, number, run_id, alert_id, tell_at, opened_at, closed_at, body)
        VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
    let params = [
        (&case.id).into(),
        (&case.vendor).into(),
        institution(case).into(),
        case.number.as_str().into(),
        case.about.run.as_ref().into(),
        case.about.alert.as_ref().into(),
        case.next_chase_at.into(),
        case.opened_at.into(),
        case.closed_at.into(),
        json(case)?.into(),
    ];
    // Another node was quicker: whoever runs this again finds its case.
    if tx.exec(sql, &params).await? == 0 { Err(Error::Conflict) } else { Ok((case.clone(), false)) }
}

/// The open case of the same vendor, institution and number; a case without a number is the same as none.
pub async fn same(tx: &mut dyn Tx, case: &Case) -> Result<Option<Kept>> {
    let sql = "SELECT version, body FROM vendor_case
        WHERE vendor = $1 AND institution = $2 AND number = $3 AND number <> '' AND closed_at IS NULL";
    let params = [(&case.vendor).into(), institution(case).into(), case.number.as_str().into()];
    first(tx, sql, &params).await?.map(read).transpose()
}

/// Writes a case as it was read. `clock`: its time was set anew, and people are to be told when that comes.
///
/// [`Error::Conflict`]: something else has changed it since.
pub async fn update(tx: &mut dyn Tx, kept: &Kept, clock: bool) -> Result<()> {
    let Kept { case, version } = kept;
    let tell = if clock { ", tell_at = $8" } else { "" };
    let sql = format!(
        "UPDATE vendor_case SET version = version + 1, number = $3, run_id = $4, alert_id = $5, closed_at = $6, body = $7{tell}
        WHERE id = $1 AND version = $2"
    );
    let mut params: Vec<Val<'_>> = vec![
        (&case.id).into(),
        (*version).into(),
        case.number.as_str().into(),
        case.about.run.as_ref().into(),
        case.about.alert.as_ref().into(),
        case.closed_at.into(),
        json(case)?.into(),
    ];
    if clock {
        params.push(case.next_chase_at.into());
    }
    if tx.exec(&sql, &params).await? == 0 { Err(Error::Conflict) } else { Ok(()) }
}

pub async fn get(tx: &mut dyn Tx, id: &CaseId) -> Result<Option<Kept>> {
    first(tx, "SELECT version, body FROM vendor_case WHERE id = $1", &[id.into()]).await?.map(read).transpose()
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub open: Option<bool>,
    pub vendor: Option<VendorId>,
    pub institution: Option<InstitutionId>,
    pub alert: Option<AlertId>,
    pub run: Option<RunId>,
}

/// Newest first.
pub async fn list(tx: &mut dyn Tx, filter: &Filter, limit: u32) -> Result<Vec<Kept>> {
    let mut sql = "SELECT version, body FROM vendor_case WHERE opened_at >= 0".to_owned();
    let mut params: Vec<Val<'_>> = vec![limit.into()];
    if let Some(open) = filter.open {
        sql.push_str(if open { " AND closed_at IS NULL" } else { " AND closed_at IS NOT NULL" });
    }
    let Filter { vendor, institution, alert, run, .. } = filter;
    let wanted: [(&str, Option<Val<'_>>); 4] = [
        ("vendor", vendor.as_ref().map(Into::into)),
        ("institution", institution.as_ref().map(Into::into)),
        ("alert_id", alert.as_ref().map(Into::into)),
        ("run_id", run.as_ref().map(Into::into)),
    ];
    for (column, value) in wanted {
        if let Some(value) = value {
            params.push(value);
            sql.push_str(&format!(" AND {column} = ${}", params.len()));
        }
    }
    sql.push_str(" ORDER BY opened_at DESC, id DESC LIMIT $1");
    tx.query(&sql, &params).await?.into_iter().map(read).collect()
}

/// When the next case has to be chased; `None`: none that people have not been told of.
pub async fn next_told(tx: &mut dyn Tx) -> Result<Option<Timestamp>> {
    let sql = "SELECT tell_at FROM vendor_case WHERE tell_at IS NOT NULL ORDER BY tell_at LIMIT 1";
    Ok(match first(tx, sql, &[]).await? {
        Some(mut row) => row.time_or_null()?,
        None => None,
    })
}

/// Cases that have to be chased; whoever asks again before `lease` is not given them.
pub async fn claim_told(tx: &mut dyn Tx, now: Timestamp, lease: Timestamp, limit: u32) -> Result<Vec<Kept>> {
    let sql = "UPDATE vendor_case SET tell_at = $2
        WHERE id IN (SELECT id FROM vendor_case WHERE tell_at <= $1 ORDER BY tell_at LIMIT $3) AND tell_at <= $1
        RETURNING version, body";
    tx.query(sql, &[now.into(), lease.into(), limit.into()]).await?.into_iter().map(read).collect()
}

/// People have been told, unless the case was changed meanwhile.
pub async fn told(tx: &mut dyn Tx, kept: &Kept) -> Result<()> {
    let sql = "UPDATE vendor_case SET tell_at = NULL WHERE id = $1 AND version = $2";
    tx.exec(sql, &[(&kept.case.id).into(), kept.version.into()]).await.map(|_| ())
}

/// Deletes up to `limit` cases that were closed before `before`.
pub async fn delete_closed(tx: &mut dyn Tx, before: Timestamp, limit: u32) -> Result<u64> {
    let sql = "SELECT id FROM vendor_case WHERE closed_at < $1 ORDER BY closed_at LIMIT $2";
    let rows = tx.query(sql, &[before.into(), limit.into()]).await?;
    let ids: Vec<Val<'_>> = rows.into_iter().map(|mut row| row.val()).collect::<Result<_>>()?;
    rows::exec(tx, "DELETE FROM vendor_case WHERE id {IN} AND closed_at IS NOT NULL", ids, &[]).await
}
