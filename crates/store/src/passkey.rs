//! Passkeys, and the challenges that they answer.

use crate::error::{Error, Result};
use crate::tx::{Tx, first};
use crate::value::Row;
use firedog_domain::id::UserId;
use jiff::Timestamp;

/// A credential that somebody registered (WebAuthn).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The credential's id, in base64url.
    pub id: String,
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// An uncompressed P-256 point, in base64url.
    pub public_key: String,
    /// Of authenticators that count; 0: it does not.
    pub sign_count: i64,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, user_id, name, public_key, sign_count, created_at, last_used_at";

fn read(mut r: Row) -> Result<Passkey> {
    Ok(Passkey {
        id: r.text()?,
        user: UserId(r.text()?),
        name: r.text()?,
        public_key: r.text()?,
        sign_count: r.int()?,
        created_at: r.time()?,
        last_used_at: r.time_or_null()?,
    })
}

/// [`Error::Conflict`]: the credential is registered already.
pub async fn insert(tx: &mut dyn Tx, key: &Passkey) -> Result<()> {
    let Passkey { id, user, name, public_key, sign_count, created_at, .. } = key;
    let sql = "INSERT INTO passkey (id, user_id, name, public_key, sign_count, created_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO NOTHING";
    let params = [id.into(), user.into(), name.into(), public_key.into(), (*sign_count).into(), (*created_at).into()];
    if tx.exec(sql, &params).await? == 0 { Err(Error::Conflict) } else { Ok(()) }
}

pub async fn of_user(tx: &mut dyn Tx, user: &UserId, limit: u32) -> Result<Vec<Passkey>> {
    let sql = format!("SELECT {COLUMNS} FROM passkey WHERE user_id = $1 ORDER BY created_at, id LIMIT $2");
    tx.query(&sql, &[user.into(), limit.into()]).await?.into_iter().map(read).collect()
}

pub async fn get(tx: &mut dyn Tx, id: &str) -> Result<Option<Passkey>> {
    first(tx, &format!("SELECT {COLUMNS} FROM passkey WHERE id = $1"), &[id.into()]).await?.map(read).transpose()
}

/// Notes a use. [`Error::Conflict`]: its count has moved on meanwhile, so somebody has copied it or used it at the same moment.
pub async fn used(tx: &mut dyn Tx, id: &str, before: i64, after: i64, at: Timestamp) -> Result<()> {
    let sql = "UPDATE passkey SET sign_count = $3, last_used_at = $4 WHERE id = $1 AND sign_count = $2";
    let changed = tx.exec(sql, &[id.into(), before.into(), after.into(), at.into()]).await?;
    if changed == 0 { Err(Error::Conflict) } else { Ok(()) }
}

/// [`Error::NotFound`]: they have none with this id.
pub async fn remove(tx: &mut dyn Tx, user: &UserId, id: &str) -> Result<()> {
    let changed = tx.exec("DELETE FROM passkey WHERE id = $1 AND user_id = $2", &[id.into(), user.into()]).await?;
    if changed == 0 { Err(Error::NotFound) } else { Ok(()) }
}

/// Remembers a challenge that was given out, and forgets those that have run out.
pub async fn ask(tx: &mut dyn Tx, hash: &str, now: Timestamp, expires_at: Timestamp) -> Result<()> {
    tx.exec("DELETE FROM challenge WHERE expires_at <= $1", &[now.into()]).await?;
    let sql = "INSERT INTO challenge (hash, expires_at) VALUES ($1, $2)";
    tx.exec(sql, &[hash.into(), expires_at.into()]).await.map(|_| ())
}

/// Uses a challenge up. [`Error::NotFound`]: it was never given out, has run out, or was answered already.
pub async fn answer(tx: &mut dyn Tx, hash: &str, now: Timestamp) -> Result<()> {
    let changed = tx.exec("DELETE FROM challenge WHERE hash = $1 AND expires_at > $2", &[hash.into(), now.into()]).await?;
    if changed == 0 { Err(Error::NotFound) } else { Ok(()) }
}
