//! Which processes share this database.

use crate::error::Result;
use crate::tx::Tx;
use crate::value::Row;
use jiff::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Made at each start of a process.
    pub id: String,
    /// Where it listens, for people.
    pub address: String,
    /// The program's version.
    pub release: String,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
}

/// Says that a node is alive.
pub async fn beat(tx: &mut dyn Tx, node: &Node) -> Result<()> {
    let sql = "INSERT INTO node (id, address, release, started_at, seen_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET seen_at = $5";
    let Node { id, address, release, started_at, seen_at } = node;
    tx.exec(sql, &[id.into(), address.into(), release.into(), (*started_at).into(), (*seen_at).into()]).await.map(|_| ())
}

/// Those heard of since, oldest first.
pub async fn list(tx: &mut dyn Tx, since: Timestamp) -> Result<Vec<Node>> {
    let sql = "SELECT id, address, release, started_at, seen_at FROM node WHERE seen_at >= $1 ORDER BY started_at, id";
    let read = |mut r: Row| {
        Ok(Node { id: r.text()?, address: r.text()?, release: r.text()?, started_at: r.time()?, seen_at: r.time()? })
    };
    tx.query(sql, &[since.into()]).await?.into_iter().map(read).collect()
}

/// A node that stops in order, or one that has been silent for long.
pub async fn forget(tx: &mut dyn Tx, before: Timestamp, id: Option<&str>) -> Result<u64> {
    let sql = "DELETE FROM node WHERE seen_at < $1 OR id = $2";
    tx.exec(sql, &[before.into(), id.unwrap_or("").into()]).await
}
