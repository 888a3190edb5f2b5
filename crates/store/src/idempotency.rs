//! Answers already given under an `Idempotency-Key`, so that a repeated request gets the same one.

use crate::error::Result;
use crate::tx::{Tx, first};
use jiff::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub at: Timestamp,
    /// Digest of the request: the same key with another request is the client's mistake.
    pub request: String,
    /// HTTP status.
    pub status: u32,
    pub body: String,
}

/// What was answered under this key; `scope` is whose key it is (the token).
pub async fn get(tx: &mut dyn Tx, scope: &str, key: &str) -> Result<Option<Answer>> {
    let sql = "SELECT at, request, status, body FROM idempotency WHERE scope = $1 AND key = $2";
    let Some(mut r) = first(tx, sql, &[scope.into(), key.into()]).await? else { return Ok(None) };
    Ok(Some(Answer { at: r.time()?, request: r.text()?, status: r.small()?, body: r.text()? }))
}

/// Stores an answer in the transaction of what it answers. `false`: there is one already, and the
/// operation should answer [`crate::Error::Conflict`] so that nothing is done twice.
pub async fn put(tx: &mut dyn Tx, scope: &str, key: &str, answer: &Answer) -> Result<bool> {
    let sql = "INSERT INTO idempotency (scope, key, at, request, status, body) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (scope, key) DO NOTHING";
    let Answer { at, request, status, body } = answer;
    let params = [scope.into(), key.into(), (*at).into(), request.into(), (*status).into(), body.into()];
    Ok(tx.exec(sql, &params).await? == 1)
}
