//! Who is signed in, and who tries too often.

use crate::error::{Error, Result};
use crate::tx::{Tx, first};
use crate::value::Row;
use firedog_domain::id::UserId;
use jiff::Timestamp;

/// A browser that somebody signed in with; only the hash of its cookie is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub hash: String,
    pub user: UserId,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// What the browser calls itself, cut short.
    pub agent: String,
    pub address: String,
}

const COLUMNS: &str = "id, hash, user_id, created_at, last_seen_at, expires_at, ended_at, agent, address";

fn read(mut r: Row) -> Result<Session> {
    Ok(Session {
        id: r.text()?,
        hash: r.text()?,
        user: UserId(r.text()?),
        created_at: r.time()?,
        last_seen_at: r.time()?,
        expires_at: r.time()?,
        ended_at: r.time_or_null()?,
        agent: r.text()?,
        address: r.text()?,
    })
}

pub async fn insert(tx: &mut dyn Tx, session: &Session) -> Result<()> {
    let Session { id, hash, user, created_at, last_seen_at, expires_at, ended_at, agent, address } = session;
    let sql = format!("INSERT INTO session ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    let params = [
        id.into(),
        hash.into(),
        user.into(),
        (*created_at).into(),
        (*last_seen_at).into(),
        (*expires_at).into(),
        (*ended_at).into(),
        agent.into(),
        address.into(),
    ];
    tx.exec(&sql, &params).await.map(|_| ())
}

/// The session of this cookie, over or not.
pub async fn by_hash(tx: &mut dyn Tx, hash: &str) -> Result<Option<Session>> {
    first(tx, &format!("SELECT {COLUMNS} FROM session WHERE hash = $1"), &[hash.into()]).await?.map(read).transpose()
}

/// Those of a person that are not over, the one used last first.
pub async fn of_user(tx: &mut dyn Tx, user: &UserId, now: Timestamp, limit: u32) -> Result<Vec<Session>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM session WHERE user_id = $1 AND expires_at > $2 AND ended_at IS NULL
            ORDER BY last_seen_at DESC, id LIMIT $3"
    );
    tx.query(&sql, &[user.into(), now.into(), limit.into()]).await?.into_iter().map(read).collect()
}

/// Notes that a session was used, and that it lasts longer for it.
pub async fn touch(tx: &mut dyn Tx, id: &str, now: Timestamp, expires_at: Timestamp) -> Result<()> {
    let sql = "UPDATE session SET last_seen_at = $2, expires_at = $3 WHERE id = $1 AND last_seen_at < $2 AND ended_at IS NULL";
    tx.exec(sql, &[id.into(), now.into(), expires_at.into()]).await.map(|_| ())
}

/// Ends a session of a person (`None`: of anybody). [`Error::NotFound`]: there is none, or it is over.
pub async fn end(tx: &mut dyn Tx, id: &str, user: Option<&UserId>, now: Timestamp) -> Result<()> {
    let ended = match user {
        Some(user) => {
            let sql = "UPDATE session SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL AND user_id = $3";
            tx.exec(sql, &[id.into(), now.into(), user.into()]).await?
        }
        None => tx.exec("UPDATE session SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL", &[id.into(), now.into()]).await?,
    };
    if ended == 0 { Err(Error::NotFound) } else { Ok(()) }
}

/// Ends every session of a person but one: a changed password signs everybody else out.
pub async fn end_others(tx: &mut dyn Tx, user: &UserId, keep: &str, now: Timestamp) -> Result<u64> {
    let sql = "UPDATE session SET ended_at = $3 WHERE user_id = $1 AND expires_at > $3 AND id <> $2 AND ended_at IS NULL";
    tx.exec(sql, &[user.into(), keep.into(), now.into()]).await
}

/// Failed attempts under a key, and when the last one was.
pub async fn failures(tx: &mut dyn Tx, key: &str) -> Result<Option<(i64, Timestamp)>> {
    let row = first(tx, "SELECT failures, last_at FROM throttle WHERE key = $1", &[key.into()]).await?;
    row.map(|mut r| Ok((r.int()?, r.time()?))).transpose()
}

/// One more failure; those before `since` are forgotten.
pub async fn failed(tx: &mut dyn Tx, key: &str, since: Timestamp, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO throttle (key, failures, last_at) VALUES ($1, 1, $3) ON CONFLICT (key) DO UPDATE SET
        failures = CASE WHEN throttle.last_at < $2 THEN 1 ELSE throttle.failures + 1 END, last_at = $3";
    tx.exec(sql, &[key.into(), since.into(), now.into()]).await.map(|_| ())
}

pub async fn forget_failures(tx: &mut dyn Tx, key: &str) -> Result<()> {
    tx.exec("DELETE FROM throttle WHERE key = $1", &[key.into()]).await.map(|_| ())
}

/// Deletes what has been over since before `before`: sessions, links, failures.
pub async fn delete_over(tx: &mut dyn Tx, before: Timestamp) -> Result<u64> {
    let mut deleted = tx.exec("DELETE FROM session WHERE expires_at < $1", &[before.into()]).await?;
    deleted += tx.exec("DELETE FROM invite WHERE expires_at < $1", &[before.into()]).await?;
    deleted += tx.exec("DELETE FROM throttle WHERE last_at < $1", &[before.into()]).await?;
    Ok(deleted)
}
