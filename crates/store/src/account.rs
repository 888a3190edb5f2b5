//! How people prove who they are: accounts, and the links that let somebody set a password once.

use crate::error::{Error, Result};
use crate::tx::{Tx, first};
use crate::value::{Row, json};
use firedog_domain::id::UserId;
use jiff::Timestamp;

/// What a person has besides their entry in the setup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub user: UserId,
    /// Raised by every write.
    pub version: i64,
    /// The role they were given here; the setup's default applies without it.
    pub role: Option<String>,
    /// A PHC string; `None`: they cannot sign in by password.
    pub password: Option<String>,
    pub password_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// Who they are at the identity provider.
    pub subject: Option<String>,
    /// Teams that their groups there give them, beside those of the setup.
    pub teams: Vec<String>,
}

const COLUMNS: &str = "user_id, version, role, password, password_at, created_at, subject, teams";

fn read(mut r: Row) -> Result<Account> {
    Ok(Account {
        user: UserId(r.text()?),
        version: r.int()?,
        role: r.text_or_null()?,
        password: r.text_or_null()?,
        password_at: r.time_or_null()?,
        created_at: r.time()?,
        subject: r.text_or_null()?,
        teams: r.json()?,
    })
}

pub async fn by_subject(tx: &mut dyn Tx, subject: &str) -> Result<Option<Account>> {
    first(tx, &format!("SELECT {COLUMNS} FROM account WHERE subject = $1"), &[subject.into()]).await?.map(read).transpose()
}

pub async fn get(tx: &mut dyn Tx, user: &UserId) -> Result<Option<Account>> {
    first(tx, &format!("SELECT {COLUMNS} FROM account WHERE user_id = $1"), &[user.into()]).await?.map(read).transpose()
}

pub async fn list(tx: &mut dyn Tx, limit: u32) -> Result<Vec<Account>> {
    let sql = format!("SELECT {COLUMNS} FROM account ORDER BY user_id LIMIT $1");
    tx.query(&sql, &[limit.into()]).await?.into_iter().map(read).collect()
}

/// Writes an account: a new one has version 1, a known one the version it was read with.
///
/// [`Error::Conflict`]: somebody else has written it since.
pub async fn put(tx: &mut dyn Tx, account: &Account, known: bool) -> Result<()> {
    let Account { user, version, role, password, password_at, created_at, subject, teams } = account;
    let teams = json(teams)?;
    let params = [
        user.into(),
        (*version).into(),
        role.as_ref().into(),
        password.as_ref().into(),
        (*password_at).into(),
        (*created_at).into(),
        subject.as_ref().into(),
        teams.into(),
    ];
    let sql = if known {
        "UPDATE account SET version = version + 1, role = $3, password = $4, password_at = $5, created_at = $6, subject = $7,
            teams = $8 WHERE user_id = $1 AND version = $2"
    } else {
        "INSERT INTO account (user_id, version, role, password, password_at, created_at, subject, teams)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (user_id) DO NOTHING"
    };
    if tx.exec(sql, &params).await? == 0 { Err(Error::Conflict) } else { Ok(()) }
}

/// A link that lets one person set a password once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    pub id: String,
    /// Of the link's token; unique.
    pub hash: String,
    /// `None`: the first run; whoever opens it becomes the administrator.
    pub user: Option<UserId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub created_by: String,
}

const INVITE: &str = "id, hash, user_id, created_at, expires_at, used_at, created_by";

fn read_invite(mut r: Row) -> Result<Invite> {
    Ok(Invite {
        id: r.text()?,
        hash: r.text()?,
        user: r.text_or_null()?.map(UserId),
        created_at: r.time()?,
        expires_at: r.time()?,
        used_at: r.time_or_null()?,
        created_by: r.text()?,
    })
}

pub async fn insert_invite(tx: &mut dyn Tx, invite: &Invite) -> Result<()> {
    let Invite { id, hash, user, created_at, expires_at, used_at, created_by } = invite;
    let sql = format!("INSERT INTO invite ({INVITE}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    let params = [
        id.into(),
        hash.into(),
        user.as_ref().into(),
        (*created_at).into(),
        (*expires_at).into(),
        (*used_at).into(),
        created_by.into(),
    ];
    tx.exec(&sql, &params).await.map(|_| ())
}

/// The link with this hash, used or not.
pub async fn invite_by_hash(tx: &mut dyn Tx, hash: &str) -> Result<Option<Invite>> {
    first(tx, &format!("SELECT {INVITE} FROM invite WHERE hash = $1"), &[hash.into()]).await?.map(read_invite).transpose()
}

/// Uses a link up. [`Error::NotFound`]: somebody else has used it, or it has run out.
pub async fn use_invite(tx: &mut dyn Tx, id: &str, now: Timestamp) -> Result<()> {
    let sql = "UPDATE invite SET used_at = $2 WHERE id = $1 AND used_at IS NULL AND expires_at > $2";
    if tx.exec(sql, &[id.into(), now.into()]).await? == 0 { Err(Error::NotFound) } else { Ok(()) }
}

/// Makes older links for the same person (or for the first run) worthless: only the newest acts.
pub async fn supersede_invites(tx: &mut dyn Tx, user: Option<&UserId>, now: Timestamp) -> Result<u64> {
    match user {
        Some(user) => {
            let sql = "UPDATE invite SET expires_at = $2 WHERE expires_at > $2 AND user_id = $1 AND used_at IS NULL";
            tx.exec(sql, &[user.into(), now.into()]).await
        }
        None => {
            let sql = "UPDATE invite SET expires_at = $1 WHERE expires_at > $1 AND user_id IS NULL AND used_at IS NULL";
            tx.exec(sql, &[now.into()]).await
        }
    }
}
