//! How tests of contact methods went: what a person's readiness is read from.

use crate::error::{Error, Result};
use crate::tx::Tx;
use crate::value::Row;
use firedog_domain::id::{ContactId, UserId};
use jiff::Timestamp;

/// The last test of a contact method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactTest {
    pub user: UserId,
    pub contact: ContactId,
    /// Of the address it went to: a test says nothing about another one.
    pub address_digest: String,
    pub sent_at: Timestamp,
    pub outcome: String,
    pub reason: Option<String>,
    /// When the person last said that such a message had reached them.
    pub confirmed_at: Option<Timestamp>,
}

/// Notes a test. An earlier confirmation stays if it was for the same address.
pub async fn put(tx: &mut dyn Tx, test: &ContactTest) -> Result<()> {
    let ContactTest { user, contact, address_digest, sent_at, outcome, reason, confirmed_at } = test;
    let sql = "INSERT INTO contact_test (user_id, contact_id, address_digest, sent_at, outcome, reason, confirmed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (user_id, contact_id) DO UPDATE SET sent_at = $4, outcome = $5, reason = $6,
            confirmed_at = CASE WHEN contact_test.address_digest = $3 THEN contact_test.confirmed_at ELSE NULL END,
            address_digest = $3";
    let params = [
        user.into(),
        contact.into(),
        address_digest.into(),
        (*sent_at).into(),
        outcome.into(),
        reason.as_ref().into(),
        (*confirmed_at).into(),
    ];
    tx.exec(sql, &params).await.map(|_| ())
}

/// Notes that a test has reached its person. [`Error::NotFound`]: none was sent to this address.
pub async fn confirm(tx: &mut dyn Tx, user: &UserId, contact: &ContactId, address_digest: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE contact_test SET confirmed_at = $4 WHERE user_id = $1 AND contact_id = $2 AND address_digest = $3";
    let changed = tx.exec(sql, &[user.into(), contact.into(), address_digest.into(), at.into()]).await?;
    if changed == 0 { Err(Error::NotFound) } else { Ok(()) }
}

/// All, or one person's.
pub async fn list(tx: &mut dyn Tx, user: Option<&UserId>, limit: u32) -> Result<Vec<ContactTest>> {
    let columns = "user_id, contact_id, address_digest, sent_at, outcome, reason, confirmed_at";
    let rows = match user {
        Some(user) => {
            let sql = format!("SELECT {columns} FROM contact_test WHERE user_id = $1 ORDER BY contact_id LIMIT $2");
            tx.query(&sql, &[user.into(), limit.into()]).await?
        }
        None => {
            let sql = format!("SELECT {columns} FROM contact_test ORDER BY user_id, contact_id LIMIT $1");
            tx.query(&sql, &[limit.into()]).await?
        }
    };
    let read = |mut r: Row| {
        Ok(ContactTest {
            user: UserId(r.text()?),
            contact: ContactId(r.text()?),
            address_digest: r.text()?,
            sent_at: r.time()?,
            outcome: r.text()?,
            reason: r.text_or_null()?,
            confirmed_at: r.time_or_null()?,
        })
    };
    rows.into_iter().map(read).collect()
}
