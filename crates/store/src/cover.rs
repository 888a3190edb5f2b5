//! Requests to be covered.

use crate::error::{Error, Result};
use crate::live;
use crate::tx::{Tx, first};
use crate::value::{Row, json};
use firedog_domain::cover::Cover;
use firedog_domain::id::CoverId;
use jiff::Timestamp;

/// A request, with the version that it was read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub cover: Cover,
    pub version: i64,
}

fn read(mut r: Row) -> Result<Kept> {
    Ok(Kept { version: r.int()?, cover: r.json()? })
}

pub async fn insert(tx: &mut dyn Tx, cover: &Cover) -> Result<()> {
    let sql = "INSERT INTO cover (id, version, state, until_at, ready_at, created_at, body) VALUES ($1, 1, $2, $3, $4, $4, $5)";
    let params =
        [(&cover.id).into(), cover.state.as_str().into(), cover.until.into(), cover.created_at.into(), json(cover)?.into()];
    tx.exec(sql, &params).await?;
    live::raise(tx).await
}

/// Writes a request as it was read; `tell_at`: when people are to be told of the change.
///
/// [`Error::Conflict`]: somebody else has written it since.
pub async fn update(tx: &mut dyn Tx, kept: &Kept, tell_at: Option<Timestamp>) -> Result<()> {
    let sql = "UPDATE cover SET version = version + 1, state = $3, ready_at = $4, body = $5 WHERE id = $1 AND version = $2";
    let Kept { cover, version } = kept;
    let params = [(&cover.id).into(), (*version).into(), cover.state.as_str().into(), tell_at.into(), json(cover)?.into()];
    if tx.exec(sql, &params).await? == 0 {
        return Err(Error::Conflict);
    }
    live::raise(tx).await
}

pub async fn get(tx: &mut dyn Tx, id: &CoverId) -> Result<Option<Kept>> {
    first(tx, "SELECT version, body FROM cover WHERE id = $1", &[id.into()]).await?.map(read).transpose()
}

/// Those that end after `since`, oldest first.
pub async fn list(tx: &mut dyn Tx, since: Timestamp, limit: u32) -> Result<Vec<Kept>> {
    let sql = "SELECT version, body FROM cover WHERE until_at > $1 ORDER BY created_at, id LIMIT $2";
    tx.query(sql, &[since.into(), limit.into()]).await?.into_iter().map(read).collect()
}

/// Those that people are to be told of; whoever asks again before `lease` is not given them.
pub async fn claim_told(tx: &mut dyn Tx, now: Timestamp, lease: Timestamp, limit: u32) -> Result<Vec<Kept>> {
    let sql = "UPDATE cover SET ready_at = $2 WHERE id IN (SELECT id FROM cover WHERE ready_at <= $1 ORDER BY ready_at LIMIT $3)
        AND ready_at <= $1 RETURNING version, body";
    tx.query(sql, &[now.into(), lease.into(), limit.into()]).await?.into_iter().map(read).collect()
}

/// People have been told, unless it has changed meanwhile.
pub async fn told(tx: &mut dyn Tx, kept: &Kept) -> Result<()> {
    let sql = "UPDATE cover SET ready_at = NULL WHERE id = $1 AND version = $2";
    tx.exec(sql, &[(&kept.cover.id).into(), kept.version.into()]).await.map(|_| ())
}
