//! Single facts about this database: what it is called, which steps of its first start are done.

use crate::error::Result;
use crate::tx::{Tx, first};

pub async fn get(tx: &mut dyn Tx, key: &str) -> Result<Option<String>> {
    first(tx, "SELECT value FROM meta WHERE key = $1", &[key.into()]).await?.map(|mut r| r.text()).transpose()
}

pub async fn put(tx: &mut dyn Tx, key: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2";
    tx.exec(sql, &[key.into(), value.into()]).await.map(|_| ())
}

/// Writes a value unless there is one; answers what stands there afterwards.
pub async fn put_first(tx: &mut dyn Tx, key: &str, value: &str) -> Result<String> {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    tx.exec(sql, &[key.into(), value.into()]).await?;
    Ok(get(tx, key).await?.unwrap_or_else(|| value.to_owned()))
}
