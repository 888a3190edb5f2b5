//! Versions of the setup, and which one is in force.

use crate::error::{Error, Result};
use crate::tx::{Tx, first};
use crate::value::{Row, json};
use jiff::Timestamp;

/// One stored version. Versions are never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// 1 is the first.
    pub version: i64,
    pub created_at: Timestamp,
    pub author: String,
    /// The setup as JSON.
    pub body: String,
    /// Of the body; equal digests mean that nothing would change.
    pub digest: String,
    /// Objects that were made in the app, `policy:pupper`; all others stand in files.
    pub app: Vec<String>,
}

/// The versions that a decision is made under. Both are 0 on a new database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    pub setup: i64,
    /// Raised by every change of a live override, silence or maintenance window.
    pub live: i64,
}

const COLUMNS: &str = "version, created_at, author, body, digest, app";

fn read(mut r: Row) -> Result<Stored> {
    Ok(Stored { version: r.int()?, created_at: r.time()?, author: r.text()?, body: r.text()?, digest: r.text()?, app: r.json()? })
}

pub async fn heads(tx: &mut dyn Tx) -> Result<Heads> {
    read_heads(tx, "SELECT name, version FROM head").await
}

/// The same, and neither can move before this transaction ends: a decision that has seen a silence is committed before
/// the silence can be ended, so whoever ends it finds the alert that it holds back.
pub async fn hold_heads(tx: &mut dyn Tx) -> Result<Heads> {
    let sql = format!("SELECT name, version FROM head ORDER BY name {}", tx.dialect().for_share());
    read_heads(tx, &sql).await
}

async fn read_heads(tx: &mut dyn Tx, sql: &str) -> Result<Heads> {
    let mut heads = Heads::default();
    for mut row in tx.query(sql, &[]).await? {
        match row.text()?.as_str() {
            "setup" => heads.setup = row.int()?,
            "live" => heads.live = row.int()?,
            _ => {}
        }
    }
    Ok(heads)
}

/// Stores `new` and puts it in force, if the head still is `expected` (0: none yet) and `new.version` is the next one.
/// [`Error::Stale`]: somebody else applied a setup meanwhile.
pub async fn put(tx: &mut dyn Tx, expected: i64, new: &Stored) -> Result<()> {
    if new.version != expected + 1 {
        return Err(Error::Stale);
    }
    let moved = "UPDATE head SET version = $1 WHERE name = 'setup' AND version = $2";
    if tx.exec(moved, &[new.version.into(), expected.into()]).await? == 0 {
        return Err(Error::Stale);
    }
    let sql = format!("INSERT INTO setup ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)");
    let app = json(&new.app)?;
    let params =
        [new.version.into(), new.created_at.into(), (&new.author).into(), (&new.body).into(), (&new.digest).into(), app.into()];
    tx.exec(&sql, &params).await.map(|_| ())
}

/// The version in force; `None` on a new database.
pub async fn head(tx: &mut dyn Tx) -> Result<Option<Stored>> {
    let sql = format!("SELECT {COLUMNS} FROM setup WHERE version = (SELECT version FROM head WHERE name = 'setup')");
    first(tx, &sql, &[]).await?.map(read).transpose()
}

pub async fn get(tx: &mut dyn Tx, version: i64) -> Result<Option<Stored>> {
    first(tx, &format!("SELECT {COLUMNS} FROM setup WHERE version = $1"), &[version.into()]).await?.map(read).transpose()
}

/// Newest first, without bodies.
pub async fn list(tx: &mut dyn Tx, limit: u32) -> Result<Vec<Stored>> {
    let sql = "SELECT version, created_at, author, '', digest, app FROM setup ORDER BY version DESC LIMIT $1";
    tx.query(sql, &[limit.into()]).await?.into_iter().map(read).collect()
}

/// Deletes versions that are neither among the newest `keep` nor pinned by an open alert. Answers how many.
pub async fn prune(tx: &mut dyn Tx, keep: u32) -> Result<u64> {
    let sql = "DELETE FROM setup WHERE version <= (SELECT version FROM head WHERE name = 'setup') - $1
        AND version NOT IN (SELECT setup_version FROM alert WHERE open)";
    tx.exec(sql, &[keep.max(1).into()]).await
}
