//! API tokens; only their hashes are kept.

use crate::error::{Error, Result};
use crate::tx::{Tx, first};
use crate::value::Row;
use firedog_domain::id::UserId;
use jiff::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: String,
    /// Of the token's text; unique.
    pub hash: String,
    pub name: String,
    pub role: String,
    pub user: Option<UserId>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, hash, name, role, user_id, created_at, last_used_at, revoked_at";

fn read(mut r: Row) -> Result<Token> {
    Ok(Token {
        id: r.text()?,
        hash: r.text()?,
        name: r.text()?,
        role: r.text()?,
        user: r.text_or_null()?.map(UserId),
        created_at: r.time()?,
        last_used_at: r.time_or_null()?,
        revoked_at: r.time_or_null()?,
    })
}

/// [`Error::Conflict`]: the id or the hash exists already.
pub async fn insert(tx: &mut dyn Tx, token: &Token) -> Result<()> {
    let sql = format!("INSERT INTO token ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    let Token { id, hash, name, role, user, created_at, last_used_at, revoked_at } = token;
    let params = [
        id.into(),
        hash.into(),
        name.into(),
        role.into(),
        user.as_ref().into(),
        (*created_at).into(),
        (*last_used_at).into(),
        (*revoked_at).into(),
    ];
    tx.exec(&sql, &params).await.map(|_| ())
}

/// The token with this hash, revoked or not.
pub async fn by_hash(tx: &mut dyn Tx, hash: &str) -> Result<Option<Token>> {
    first(tx, &format!("SELECT {COLUMNS} FROM token WHERE hash = $1"), &[hash.into()]).await?.map(read).transpose()
}

/// Oldest first, revoked ones too.
pub async fn list(tx: &mut dyn Tx, limit: u32) -> Result<Vec<Token>> {
    let sql = format!("SELECT {COLUMNS} FROM token ORDER BY created_at, id LIMIT $1");
    tx.query(&sql, &[limit.into()]).await?.into_iter().map(read).collect()
}

/// Notes that a token was used; never moves backwards.
pub async fn touch(tx: &mut dyn Tx, id: &str, now: Timestamp) -> Result<()> {
    let sql = "UPDATE token SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
    tx.exec(sql, &[id.into(), now.into()]).await.map(|_| ())
}

/// [`Error::NotFound`]: no such token, or revoked already.
pub async fn revoke(tx: &mut dyn Tx, id: &str, now: Timestamp) -> Result<()> {
    match tx.exec("UPDATE token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", &[id.into(), now.into()]).await? {
        0 => Err(Error::NotFound),
        _ => Ok(()),
    }
}
