//! What people change while Firedog runs: overrides, silences, maintenance windows. Each change
//! raises the live version, which every decision is made under.

use crate::device;
use crate::error::{Error, Result};
use crate::tx::Tx;
use crate::value::{Row, json};
use firedog_domain::id::*;
use firedog_domain::setup::{Device, Maintenance, MaintenanceWhen, Override, Silence};
use firedog_domain::suppression::{Leave, Live};
use firedog_domain::time::after;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Overrides and one-off windows that ended longer ago than this are not loaded into [`Live`]; schedules
/// shown for the past need them so long.
const PAST: SignedDuration = SignedDuration::from_hours(24 * 93);

/// More devices than an installation has; a bound, so that a list without one is never read.
const MAX_DEVICES: u32 = 20_000;

/// Something live, with who made it and when it was ended by hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<T> {
    pub item: T,
    pub created_at: Timestamp,
    pub created_by: String,
    pub ended_at: Option<Timestamp>,
}

/// Everything that matters at `now`, later, or for showing the recent past.
pub async fn load_all(tx: &mut dyn Tx, now: Timestamp) -> Result<Live> {
    let mut live = Live::default();
    let since = after(now, -PAST);
    let sql = "SELECT schedule, id, created_at, body FROM override_live WHERE until_at > $1 ORDER BY created_at, id";
    for mut r in tx.query(sql, &[since.into()]).await? {
        let schedule = ScheduleId(r.text()?);
        live.overrides.entry(schedule).or_default().push(read_override(&mut r)?);
    }
    let sql = "SELECT body FROM silence WHERE until_at > $1 ORDER BY created_at, id";
    for mut r in tx.query(sql, &[now.into()]).await? {
        live.silences.push(r.json()?);
    }
    let sql = "SELECT body FROM maintenance WHERE until_at IS NULL OR until_at > $1 ORDER BY created_at, id";
    for mut r in tx.query(sql, &[now.into()]).await? {
        live.maintenance.push(r.json()?);
    }
    let sql = "SELECT body FROM leave_live WHERE until_at > $1 ORDER BY created_at, id";
    for mut r in tx.query(sql, &[since.into()]).await? {
        live.leave.push(r.json()?);
    }
    let mut devices: BTreeMap<UserId, Vec<Device>> = BTreeMap::new();
    for registered in device::list(tx, None, MAX_DEVICES).await? {
        devices.entry(registered.user).or_default().push(registered.device);
    }
    live.devices = devices.into_iter().map(|(user, devices)| (user, devices.into())).collect();
    Ok(live)
}

/// Id and time of creation are no part of an override's JSON.
fn read_override(r: &mut Row) -> Result<Override> {
    let (id, created_at) = (OverrideId(r.text()?), r.time()?);
    Ok(Override { id, created_at, ..r.json()? })
}

/// Tells every node that what decisions are made under has changed.
pub(crate) async fn raise(tx: &mut dyn Tx) -> Result<()> {
    tx.exec("UPDATE head SET version = version + 1 WHERE name = 'live'", &[]).await.map(|_| ())
}

pub async fn add_override(tx: &mut dyn Tx, schedule: &ScheduleId, item: &Override, by: &str) -> Result<()> {
    let sql = "INSERT INTO override_live (id, schedule, from_at, until_at, created_at, created_by, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let body = json(item)?;
    let params =
        [(&item.id).into(), schedule.into(), item.from.into(), item.to.into(), item.created_at.into(), by.into(), body.into()];
    tx.exec(sql, &params).await?;
    raise(tx).await
}

/// Ends an override: one that has begun keeps what it was up to `now`, one that has not is deleted.
pub async fn end_override(tx: &mut dyn Tx, id: &OverrideId, now: Timestamp) -> Result<(ScheduleId, Override)> {
    let sql = "SELECT schedule, id, created_at, body FROM override_live WHERE id = $1 AND until_at > $2";
    let mut row = tx.query(sql, &[id.into(), now.into()]).await?.into_iter().next().ok_or(Error::NotFound)?;
    let schedule = ScheduleId(row.text()?);
    let mut item = read_override(&mut row)?;
    if item.from >= now {
        tx.exec("DELETE FROM override_live WHERE id = $1", &[id.into()]).await?;
    } else {
        item.to = now;
        let sql = "UPDATE override_live SET until_at = $2, ended_at = $2, body = $3 WHERE id = $1";
        tx.exec(sql, &[id.into(), now.into(), json(&item)?.into()]).await?;
    }
    raise(tx).await?;
    Ok((schedule, item))
}

/// Those that end after `since`, oldest first.
pub async fn list_overrides(tx: &mut dyn Tx, since: Timestamp, limit: u32) -> Result<Vec<(ScheduleId, Kept<Override>)>> {
    let sql = "SELECT schedule, created_by, ended_at, id, created_at, body FROM override_live WHERE until_at > $1
        ORDER BY created_at, id LIMIT $2";
    let read = |mut r: Row| {
        let (schedule, created_by, ended_at) = (ScheduleId(r.text()?), r.text()?, r.time_or_null()?);
        let item = read_override(&mut r)?;
        Ok((schedule, Kept { created_at: item.created_at, item, created_by, ended_at }))
    };
    tx.query(sql, &[since.into(), limit.into()]).await?.into_iter().map(read).collect()
}

pub async fn add_leave(tx: &mut dyn Tx, item: &Leave, by: &str, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO leave_live (id, user_id, from_at, until_at, created_at, created_by, body) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let body = json(item)?;
    let params = [(&item.id).into(), (&item.user).into(), item.from.into(), item.to.into(), now.into(), by.into(), body.into()];
    tx.exec(sql, &params).await?;
    raise(tx).await
}

/// Ends a leave: one that has begun keeps what it was up to `now`, one that has not is deleted.
pub async fn end_leave(tx: &mut dyn Tx, id: &LeaveId, now: Timestamp) -> Result<Leave> {
    let sql = "SELECT body FROM leave_live WHERE id = $1 AND until_at > $2";
    let mut row = tx.query(sql, &[id.into(), now.into()]).await?.into_iter().next().ok_or(Error::NotFound)?;
    let mut item: Leave = row.json()?;
    if item.from >= now {
        tx.exec("DELETE FROM leave_live WHERE id = $1", &[id.into()]).await?;
    } else {
        item.to = now;
        let sql = "UPDATE leave_live SET until_at = $2, ended_at = $2, body = $3 WHERE id = $1";
        tx.exec(sql, &[id.into(), now.into(), json(&item)?.into()]).await?;
    }
    raise(tx).await?;
    Ok(item)
}

/// Those that end after `since`, oldest first.
pub async fn list_leave(tx: &mut dyn Tx, since: Timestamp, limit: u32) -> Result<Vec<Kept<Leave>>> {
    let sql =
        "SELECT created_at, created_by, ended_at, body FROM leave_live WHERE until_at > $1 ORDER BY created_at, id LIMIT $2";
    tx.query(sql, &[since.into(), limit.into()]).await?.into_iter().map(read_kept).collect()
}

/// Adds a silence, or replaces the one with its id (Alertmanager's API edits in place).
pub async fn put_silence(tx: &mut dyn Tx, item: &Silence, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO silence (id, from_at, until_at, created_at, created_by, body) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO UPDATE SET from_at = $2, until_at = $3, created_by = $5, body = $6, ended_at = NULL";
    let body = json(item)?;
    let params = [(&item.id).into(), item.from.into(), item.until.into(), now.into(), (&item.created_by).into(), body.into()];
    tx.exec(sql, &params).await?;
    raise(tx).await
}

/// Ends a silence at `now`; it stays listed until retention takes it. [`Error::NotFound`] if it is over already.
pub async fn end_silence(tx: &mut dyn Tx, id: &SilenceId, now: Timestamp) -> Result<Silence> {
    let mut kept = get_silence(tx, id).await?.ok_or(Error::NotFound)?;
    if kept.item.until <= now {
        return Err(Error::NotFound);
    }
    kept.item.until = now;
    kept.item.from = kept.item.from.min(now);
    let sql = "UPDATE silence SET from_at = $2, until_at = $3, ended_at = $3, body = $4 WHERE id = $1";
    tx.exec(sql, &[id.into(), kept.item.from.into(), now.into(), json(&kept.item)?.into()]).await?;
    raise(tx).await?;
    Ok(kept.item)
}

pub async fn get_silence(tx: &mut dyn Tx, id: &SilenceId) -> Result<Option<Kept<Silence>>> {
    let sql = "SELECT created_at, created_by, ended_at, body FROM silence WHERE id = $1";
    tx.query(sql, &[id.into()]).await?.into_iter().next().map(read_kept).transpose()
}

/// Those that end after `since`, oldest first.
pub async fn list_silences(tx: &mut dyn Tx, since: Timestamp, limit: u32) -> Result<Vec<Kept<Silence>>> {
    let sql = "SELECT created_at, created_by, ended_at, body FROM silence WHERE until_at > $1 ORDER BY created_at, id LIMIT $2";
    tx.query(sql, &[since.into(), limit.into()]).await?.into_iter().map(read_kept).collect()
}

pub async fn add_maintenance(tx: &mut dyn Tx, item: &Maintenance, by: &str, now: Timestamp) -> Result<()> {
    let until = match item.when {
        MaintenanceWhen::Once { to, .. } => Some(to),
        MaintenanceWhen::Recurring { .. } => None,
    };
    let sql = "INSERT INTO maintenance (id, until_at, created_at, created_by, body) VALUES ($1, $2, $3, $4, $5)";
    tx.exec(sql, &[(&item.id).into(), until.into(), now.into(), by.into(), json(item)?.into()]).await?;
    raise(tx).await
}

/// Ends a window at `now`; it stays listed until retention takes it. [`Error::NotFound`] if it is over already.
pub async fn end_maintenance(tx: &mut dyn Tx, id: &MaintenanceId, now: Timestamp) -> Result<Maintenance> {
    let sql =
        "SELECT created_at, created_by, ended_at, body FROM maintenance WHERE id = $1 AND (until_at IS NULL OR until_at > $2)";
    let row = tx.query(sql, &[id.into(), now.into()]).await?.into_iter().next().ok_or(Error::NotFound)?;
    let kept: Kept<Maintenance> = read_kept(row)?;
    tx.exec("UPDATE maintenance SET until_at = $2, ended_at = $2 WHERE id = $1", &[id.into(), now.into()]).await?;
    raise(tx).await?;
    Ok(kept.item)
}

/// Those that end after `since`, or never by themselves; oldest first.
pub async fn list_maintenance(tx: &mut dyn Tx, since: Timestamp, limit: u32) -> Result<Vec<Kept<Maintenance>>> {
    let sql = "SELECT created_at, created_by, ended_at, body FROM maintenance WHERE until_at IS NULL OR until_at > $1
        ORDER BY created_at, id LIMIT $2";
    tx.query(sql, &[since.into(), limit.into()]).await?.into_iter().map(read_kept).collect()
}

fn read_kept<T: serde::de::DeserializeOwned>(mut r: Row) -> Result<Kept<T>> {
    Ok(Kept { created_at: r.time()?, created_by: r.text()?, ended_at: r.time_or_null()?, item: r.json()? })
}
