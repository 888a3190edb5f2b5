//! Browsers that take push messages.

use crate::error::{Error, Result};
use crate::live;
use crate::tx::{Tx, first};
use crate::value::Row;
use firedog_domain::id::{DeviceId, UserId};
use firedog_domain::setup::Device;
use jiff::Timestamp;

/// A device with whose it is and how it has gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    pub device: Device,
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    pub created_at: Timestamp,
    /// The last message, and what the push service made of it.
    pub sent_at: Option<Timestamp>,
    pub outcome: Option<String>,
    pub reason: Option<String>,
    /// When the browser last said that it had shown one.
    pub received_at: Option<Timestamp>,
    /// The next test of its own.
    pub ready_at: Timestamp,
}

const COLUMNS: &str = "id, endpoint, p256dh, auth, user_id, name, created_at, sent_at, outcome, reason, received_at, ready_at";

fn read(mut r: Row) -> Result<Registered> {
    Ok(Registered {
        device: Device { id: DeviceId(r.text()?), endpoint: r.text()?, p256dh: r.text()?, auth: r.text()? },
        user: UserId(r.text()?),
        name: r.text()?,
        created_at: r.time()?,
        sent_at: r.time_or_null()?,
        outcome: r.text_or_null()?,
        reason: r.text_or_null()?,
        received_at: r.time_or_null()?,
        ready_at: r.time()?,
    })
}

/// Registers a device. A browser has one subscription: what was registered with its endpoint before, by whomever, is replaced.
pub async fn put(tx: &mut dyn Tx, item: &Registered) -> Result<()> {
    let Registered { device, user, name, created_at, ready_at, .. } = item;
    tx.exec("DELETE FROM device WHERE endpoint = $1", &[(&device.endpoint).into()]).await?;
    let sql = "INSERT INTO device (id, endpoint, p256dh, auth, user_id, name, created_at, ready_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let params = [
        (&device.id).into(),
        (&device.endpoint).into(),
        (&device.p256dh).into(),
        (&device.auth).into(),
        user.into(),
        name.into(),
        (*created_at).into(),
        (*ready_at).into(),
    ];
    tx.exec(sql, &params).await?;
    live::raise(tx).await
}

/// Oldest first; `user`: theirs only.
pub async fn list(tx: &mut dyn Tx, user: Option<&UserId>, limit: u32) -> Result<Vec<Registered>> {
    let rows = match user {
        Some(user) => {
            let sql = format!("SELECT {COLUMNS} FROM device WHERE user_id = $1 ORDER BY created_at, id LIMIT $2");
            tx.query(&sql, &[user.into(), limit.into()]).await?
        }
        None => tx.query(&format!("SELECT {COLUMNS} FROM device ORDER BY created_at, id LIMIT $1"), &[limit.into()]).await?,
    };
    rows.into_iter().map(read).collect()
}

pub async fn get(tx: &mut dyn Tx, id: &DeviceId) -> Result<Option<Registered>> {
    first(tx, &format!("SELECT {COLUMNS} FROM device WHERE id = $1"), &[id.into()]).await?.map(read).transpose()
}

/// [`Error::NotFound`]: there is none with this id.
pub async fn remove(tx: &mut dyn Tx, id: &DeviceId) -> Result<()> {
    if tx.exec("DELETE FROM device WHERE id = $1", &[id.into()]).await? == 0 {
        return Err(Error::NotFound);
    }
    live::raise(tx).await
}

/// Notes what the push service made of a message.
pub async fn sent(tx: &mut dyn Tx, id: &DeviceId, at: Timestamp, outcome: &str, reason: Option<&str>) -> Result<()> {
    let sql = "UPDATE device SET sent_at = $2, outcome = $3, reason = $4 WHERE id = $1";
    tx.exec(sql, &[id.into(), at.into(), outcome.into(), reason.into()]).await.map(|_| ())
}

/// Notes that the browser has shown a message. [`Error::NotFound`]: the device is gone.
pub async fn received(tx: &mut dyn Tx, id: &DeviceId, at: Timestamp) -> Result<()> {
    let changed = tx.exec("UPDATE device SET received_at = $2 WHERE id = $1", &[id.into(), at.into()]).await?;
    if changed == 0 { Err(Error::NotFound) } else { Ok(()) }
}

/// Devices whose test is due; the next is then at `next`.
pub async fn claim_tests(tx: &mut dyn Tx, now: Timestamp, next: Timestamp, limit: u32) -> Result<Vec<Registered>> {
    let sql = format!(
        "UPDATE device SET ready_at = $2 WHERE id IN (SELECT id FROM device WHERE ready_at <= $1 ORDER BY ready_at LIMIT $3)
            AND ready_at <= $1 RETURNING {COLUMNS}"
    );
    tx.query(&sql, &[now.into(), next.into(), limit.into()]).await?.into_iter().map(read).collect()
}

/// Puts a device's test off.
pub async fn test_at(tx: &mut dyn Tx, id: &DeviceId, at: Timestamp) -> Result<()> {
    tx.exec("UPDATE device SET ready_at = $2 WHERE id = $1", &[id.into(), at.into()]).await.map(|_| ())
}
