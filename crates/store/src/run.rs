//! Runs of runbooks, and their logs.

use crate::error::{Error, Result};
use crate::rows::{self, Col};
use crate::tx::{Tx, first};
use crate::value::{Row, Ty, Val, json};
use firedog_domain::id::{AlertId, RunId, RunbookId, ServiceId};
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
    /// Open, or something still goes on after it.
    pub going: Option<bool>,
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
    if let Some(going) = filter.going {
        sql.push_str(if going { " AND ready_at IS NOT NULL" } else { " AND ready_at IS NULL" });
    }
    if let Some(alert) = &filter.alert {
        params.push(alert.into());
        let n = params.len();
        sql.push_str(&format!(" AND (alert_id = ${n} OR id IN (SELECT run_id FROM run_member WHERE alert_id = ${n}))"));
    }
    if let Some(runbook) = &filter.runbook {
        params.push(runbook.into());
        sql.push_str(&format!(" AND runbook = ${}", params.len()));
    }
    sql.push_str(" ORDER BY started_at DESC, id DESC LIMIT $1");
    tx.query(&sql, &params).await?.into_iter().map(read).collect()
}

/// When each runbook was last begun, and the state that this run is in.
pub async fn last_of_runbooks(tx: &mut dyn Tx) -> Result<Vec<(RunbookId, Timestamp, String)>> {
    let sql = "SELECT r.runbook, r.started_at, MIN(r.state) FROM run r
        JOIN (SELECT runbook, MAX(started_at) AS last_at FROM run GROUP BY runbook) m ON r.runbook = m.runbook AND r.started_at = m.last_at
        GROUP BY r.runbook, r.started_at";
    let rows = tx.query(sql, &[]).await?;
    rows.into_iter().map(|mut r| Ok((RunbookId(r.text()?), r.time()?, r.text()?))).collect()
}

/// Alerts that have begun or joined runs since, each with the runbook.
pub async fn of_alerts(tx: &mut dyn Tx, since: Timestamp) -> Result<Vec<(AlertId, RunbookId)>> {
    let sql = "SELECT alert_id, runbook FROM run WHERE started_at >= $1 AND alert_id IS NOT NULL
        UNION ALL SELECT m.alert_id, r.runbook FROM run_member m JOIN run r ON r.id = m.run_id WHERE r.started_at >= $1";
    let rows = tx.query(sql, &[since.into()]).await?;
    rows.into_iter().map(|mut r| Ok((AlertId(r.text()?), RunbookId(r.text()?)))).collect()
}

/// An alert belongs to a run that another one began.
pub async fn join(tx: &mut dyn Tx, run: &RunId, alert: &AlertId) -> Result<()> {
    let sql = "INSERT INTO run_member (alert_id, run_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.exec(sql, &[alert.into(), run.into()]).await.map(|_| ())
}

/// Lines after `seq`, oldest first, each with its number.
pub async fn lines(tx: &mut dyn Tx, id: &RunId, after: i64, limit: u32) -> Result<Vec<(i64, Line)>> {
    let sql = "SELECT seq, body FROM run_line WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let rows = tx.query(sql, &[id.into(), after.into(), limit.into()]).await?;
    rows.into_iter().map(|mut r| Ok((r.int()?, r.json()?))).collect()
}

/// A step of a run that is let interrupt a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub run: RunId,
    pub place: String,
    pub key: String,
}

/// Who holds a service, be it over already or not.
pub async fn holder(tx: &mut dyn Tx, service: &ServiceId) -> Result<Option<Holder>> {
    let sql = "SELECT run_id, place, call_key FROM hold WHERE service_id = $1";
    let read = |mut r: Row| Ok(Holder { run: RunId(r.text()?), place: r.text()?, key: r.text()? });
    first(tx, sql, &[service.into()]).await?.map(read).transpose()
}

/// Takes a service over from `before`.
///
/// [`Error::Conflict`]: somebody else has taken it meanwhile.
pub async fn hold(tx: &mut dyn Tx, service: &ServiceId, before: Option<&Holder>, holder: &Holder) -> Result<()> {
    let params = [service.into(), (&holder.run).into(), holder.place.as_str().into(), holder.key.as_str().into()];
    let taken = match before {
        None => {
            let sql = "INSERT INTO hold (service_id, run_id, place, call_key) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
            tx.exec(sql, &params).await?
        }
        Some(before) => {
            let sql = "UPDATE hold SET run_id = $2, place = $3, call_key = $4 WHERE service_id = $1 AND call_key = $5";
            let [a, b, c, d] = params;
            tx.exec(sql, &[a, b, c, d, before.key.as_str().into()]).await?
        }
    };
    if taken == 0 { Err(Error::Conflict) } else { Ok(()) }
}

/// Runs that are open or after which something goes on, by their ids, from one on.
pub async fn going(tx: &mut dyn Tx, after: &str, limit: u32) -> Result<Vec<Kept>> {
    let sql = "SELECT version, body FROM run WHERE ready_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
    tx.query(sql, &[after.into(), limit.into()]).await?.into_iter().map(read).collect()
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

/// People have been told by whoever has this `lease`, unless it has asked again meanwhile.
pub async fn told(tx: &mut dyn Tx, id: &RunId, lease: Timestamp) -> Result<()> {
    let sql = "UPDATE run SET tell_at = NULL WHERE id = $1 AND tell_at = $2";
    tx.exec(sql, &[id.into(), lease.into()]).await.map(|_| ())
}

/// Deletes up to `limit` runs that ended before `before`, with their logs.
pub async fn delete_ended(tx: &mut dyn Tx, before: Timestamp, limit: u32) -> Result<u64> {
    let sql = "SELECT id FROM run WHERE ended_at < $1 AND ready_at IS NULL ORDER BY ended_at LIMIT $2";
    let rows = tx.query(sql, &[before.into(), limit.into()]).await?;
    let ids: Vec<Val<'_>> = rows.into_iter().map(|mut row| row.val()).collect::<Result<_>>()?;
    rows::exec(tx, "DELETE FROM run_line WHERE run_id {IN}", ids.clone(), &[]).await?;
    rows::exec(tx, "DELETE FROM run_member WHERE run_id {IN}", ids.clone(), &[]).await?;
    rows::exec(tx, "DELETE FROM run WHERE id {IN} AND ended_at IS NOT NULL", ids, &[]).await
}
