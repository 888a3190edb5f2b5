//! Views of the inbox that somebody keeps.

use crate::error::{Error, Result};
use crate::tx::Tx;
use crate::value::Row;
use firedog_domain::id::UserId;
use jiff::Timestamp;

/// A view under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFilter {
    pub name: String,
    /// The part of the address after `?`.
    pub query: String,
    pub created_at: Timestamp,
}

/// By name.
pub async fn list(tx: &mut dyn Tx, user: &UserId, limit: u32) -> Result<Vec<SavedFilter>> {
    let sql = "SELECT name, query, created_at FROM saved_filter WHERE user_id = $1 ORDER BY name LIMIT $2";
    let read = |mut r: Row| Ok(SavedFilter { name: r.text()?, query: r.text()?, created_at: r.time()? });
    tx.query(sql, &[user.into(), limit.into()]).await?.into_iter().map(read).collect()
}

/// Keeps a view; one of the same name is replaced.
pub async fn put(tx: &mut dyn Tx, user: &UserId, filter: &SavedFilter) -> Result<()> {
    let SavedFilter { name, query, created_at } = filter;
    let sql = "INSERT INTO saved_filter (user_id, name, query, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (user_id, name) DO UPDATE SET query = $3, created_at = $4";
    tx.exec(sql, &[user.into(), name.into(), query.into(), (*created_at).into()]).await.map(|_| ())
}

/// [`Error::NotFound`]: there is none of this name.
pub async fn remove(tx: &mut dyn Tx, user: &UserId, name: &str) -> Result<()> {
    let sql = "DELETE FROM saved_filter WHERE user_id = $1 AND name = $2";
    if tx.exec(sql, &[user.into(), name.into()]).await? == 0 { Err(Error::NotFound) } else { Ok(()) }
}
