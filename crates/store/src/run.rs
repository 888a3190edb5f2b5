//! Runs of runbooks, and their logs.

use crate::error::{Error, Result};
use crate::rows::{self, Col};
use crate::tx::{Tx, first};
use crate::value::{Row, Ty, Val, json};
use firedog_domain::id::{AlertId, RunId, RunbookId};
use firedog_domain::runbook::run::{Line, Run};
use jiff::Timestamp;

/// A run, with the version that it was read at.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub run: Run,
    pub version: i64,
}

fn read(mut r: Row) -> Result<Kept> {
    Ok(Kept { version: r.int()?, run: r.json()? })
}

/// Lines of one change of a run; more are cut off by whoever makes them.
const MAX_LINES: i64 = 1_000;

/// Writes a new run; `false`: its subject has an open one already.
pub async fn insert(tx: &mut dyn Tx, run: &Run, lines: &[Line], tell_at: Option<Timestamp>) -> Result<bool> {
    let sql = "INSERT INTO run (id, version, runbook, state, subject, alert_id, ready_at, tell_at, started_at, ended_at, body)
        VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
    let params = [
        (&run.id).into(),
        (&run.runbook).into(),
        run.state.as_str().into(),
        run.subject.as_str().into(),
        run.alert.as_ref().into(),
        run.ready_at().into(),
        tell_at.into(),
        run.started_at.into(),
        run.ended_at.into(),
        json(run)?.into(),
    ];
    let written = tx.exec(sql, &params).await? > 0;
    if written {
        append(tx, &run.id, 1, lines).await?;
    }
    Ok(written)
}

/// Writes a run as it was read. `tell_at`: people are to be told that it waits for them; `None` leaves that as it is.
///
/// [`Error::Conflict`]: something else has changed it since.
pub async fn update(tx: &mut dyn Tx, kept: &Kept, lines: &[Line], tell_at: Option<Timestamp>) -> Result<()> {
    let sql = "UPDATE run SET version = version + 1, state = $3, ready_at = $4, tell_at = COALESCE($5, tell_at), ended_at = $6, body = $7
        WHERE id = $1 AND version = $2";
    let Kept { run, version } = kept;
    let params = [
        (&run.id).into(),
        (*version).into(),
        run.state.as_str().into(),
        run.ready_at().into(),
        tell_at.into(),
        run.ended_at.into(),
        json(run)?.into(),
    ];
    if tx.exec(sql, &params).await? == 0 {
        return Err(Error::Conflict);
    }
    append(tx, &run.id, version + 1, lines).await
}

async fn append(tx: &mut dyn Tx, run: &RunId, version: i64, lines: &[Line]) -> Result<()> {
    const ALL: [Col; 3] = [("run_id", Ty::Text), ("seq", Ty::Int), ("body", Ty::Text)];
    let row = |(n, line): (i64, &Line)| -> Result<Vec<Val<'_>>> {
        Ok(vec![run.into(), (version * MAX_LINES + n).into(), json(line)?.into()])
    };
    let rows = (0..MAX_LINES).zip(lines).map(row).collect::<Result<Vec<_>>>()?;
    rows::insert(tx, "run_line", &ALL, rows, "").await.map(|_| ())
}

pub async fn get(tx: &mut dyn Tx, id: &RunId) -> Result<Option<Kept>> {
    first(tx, "SELECT version, body FROM run WHERE id = $1", &[id.into()]).await?.map(read).transpose()
}

/// The open run of a subject.
pub async fn open_of(tx: &mut dyn Tx, subject: &str) -> Result<Option<Kept>> {
    let sql = "SELECT version, body FROM run WHERE subject = $1 AND ended_at IS NULL";
    first(tx, sql, &[subject.into()]).await?.map(read).transpose()
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub open: Option<bool>,
    pub alert: Option<AlertId>,
    pub runbook: Option<RunbookId>,
}

/// Newest first.
pub async fn list(tx: &mut dyn Tx, filter: &Filter, limit: u32) -> Result<Vec<Kept>> {
    let mut sql = "SELECT version, body FROM run WHERE started_at >= 0".to_owned();
    let mut params: Vec<Val<'_>> = vec![limit.into()];
    if let Some(open) = filter.open {
        sql.push_str(if open { " AND ended_at IS NULL" } else { " AND ended_at IS NOT NULL" });
    }
    if let Some(alert) = &filter.alert {
        params.push(alert.into());
        sql.push_str(&format!(" AND alert_id = ${}", params.len()));
    }
    if let Some(runbook) = &filter.runbook {
        params.push(runbook.into());
        sql.push_str(&format!(" AND runbook = ${}", params.len()));
    }
    sql.push_str(" ORDER BY started_at DESC, id DESC LIMIT $1");
    tx.query(&sql, &params).await?.into_iter().map(read).collect()
}

/// Lines after `seq`, oldest first, each with its number.
pub async fn lines(tx: &mut dyn Tx, id: &RunId, after: i64, limit: u32) -> Result<Vec<(i64, Line)>> {
    let sql = "SELECT seq, body FROM run_line WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let rows = tx.query(sql, &[id.into(), after.into(), limit.into()]).await?;
    rows.into_iter().map(|mut r| Ok((r.int()?, r.json()?))).collect()
}

/// Runs whose time has come; whoever asks again before `lease` is not given them.
pub async fn claim_due(tx: &mut dyn Tx, now: Timestamp, lease: Timestamp, limit: u32) -> Result<Vec<Kept>> {
    let sql = "UPDATE run SET ready_at = $2 WHERE id IN (SELECT id FROM run WHERE ready_at <= $1 ORDER BY ready_at LIMIT $3)
        AND ready_at <= $1 RETURNING version, body";
    tx.query(sql, &[now.into(), lease.into(), limit.into()]).await?.into_iter().map(read).collect()
}

/// When there is something to look at next.
pub async fn next_ready(tx: &mut dyn Tx) -> Result<Option<Timestamp>> {
    let sql = "SELECT ready_at FROM run WHERE ready_at IS NOT NULL ORDER BY ready_at LIMIT 1";
    Ok(match first(tx, sql, &[]).await? {
        Some(mut row) => row.time_or_null()?,
        None => None,
    })
}

/// Runs that people are to be told of; whoever asks again before `lease` is not given them.
pub async fn claim_told(tx: &mut dyn Tx, now: Timestamp, lease: Timestamp, limit: u32) -> Result<Vec<Kept>> {
    let sql = "UPDATE run SET tell_at = $2 WHERE id IN (SELECT id FROM run WHERE tell_at <= $1 ORDER BY tell_at LIMIT $3)
        AND tell_at <= $1 RETURNING version, body";
    tx.query(sql, &[now.into(), lease.into(), limit.into()]).await?.into_iter().map(read).collect()
}

/// People have been told, unless it has asked again meanwhile.
pub async fn told(tx: &mut dyn Tx, kept: &Kept) -> Result<()> {
    let sql = "UPDATE run SET tell_at = NULL WHERE id = $1 AND version = $2";
    tx.exec(sql, &[(&kept.run.id).into(), kept.version.into()]).await.map(|_| ())
}

/// Deletes up to `limit` runs that ended before `before`, with their logs.
pub async fn delete_ended(tx: &mut dyn Tx, before: Timestamp, limit: u32) -> Result<u64> {
    let sql = "SELECT id FROM run WHERE ended_at < $1 ORDER BY ended_at LIMIT $2";
    let rows = tx.query(sql, &[before.into(), limit.into()]).await?;
    let ids: Vec<Val<'_>> = rows.into_iter().map(|mut row| row.val()).collect::<Result<_>>()?;
    rows::exec(tx, "DELETE FROM run_line WHERE run_id {IN}", ids.clone(), &[]).await?;
    rows::exec(tx, "DELETE FROM run WHERE id {IN} AND ended_at IS NOT NULL", ids, &[]).await
}
