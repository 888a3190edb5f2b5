//! Who calls: API tokens, the bootstrap token, and what a role may do.

use crate::secret::{Secret, SecretError, random};
use firedog_domain::alert::Actor;
use firedog_domain::id::{TeamId, UserId};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Begins every token, so that a scanner for leaked secrets can know one.
const PREFIX: &str = "fd_";
/// Hex digits of the checksum: a mistyped token is known without asking the database.
const CHECKSUM: usize = 8;

/// What a token may do; each may all that the former may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Acts on alerts, pages people, changes who is on call for a while, silences; a person does so in their own teams.
    Responder,
    /// Also invites people of their own teams.
    Manager,
    /// Changes the setup, tokens, backups; acts for others, in every team.
    Admin,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Responder, Self::Manager, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// How a caller proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    Token,
    /// A browser that is signed in; the session's id.
    Session(String),
    /// A chat that has signed what they typed.
    Chat,
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name of the token, or of the person who is signed in.
    pub name: String,
    pub role: Role,
    /// Whom the token belongs to, or for whom an administrator acts.
    pub user: Option<UserId>,
    /// Teams that groups of the identity provider give them, beside those of the setup.
    pub teams: Vec<TeamId>,
    pub via: Via,
}

impl Caller {
    /// A token without a person behind it.
    pub fn token(name: &str, role: Role) -> Self {
        Self { name: name.to_owned(), role, user: None, teams: Vec::new(), via: Via::Token }
    }

    /// Who "me" is.
    pub fn person(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    pub fn actor(&self) -> Actor {
        match &self.user {
            Some(user) => Actor::User(user.clone()),
            None => Actor::Token(self.name.clone()),
        }
    }

    /// For audit rows: `ada`, `token admin`, `ada by token admin`.
    pub fn describe(&self) -> String {
        match (&self.user, &self.via) {
            (Some(user), Via::Session(_)) if user.as_str() == self.name => user.to_string(),
            (Some(user), Via::Session(_)) => format!("{user} by {}", self.name),
            (Some(user), Via::Chat) => format!("{user} in Slack"),
            (Some(user), Via::Token) => format!("{user} by token {}", self.name),
            (None, _) => format!("token {}", self.name),
        }
    }
}

/// A new token: `fd_`, 256 random bits in hex, a checksum. Only its [`digest`] is kept.
pub fn new_token() -> Result<Secret, SecretError> {
    let body = hex(&random::<32>()?);
    Ok(Secret::new(format!("{PREFIX}{body}{}", checksum(&body))))
}

/// Lower-case hex SHA-256. The tokens have 256 random bits, so a slow hash would protect nothing.
pub fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// Could be a token of ours.
pub fn is_well_formed(token: &str) -> bool {
    let Some(rest) = token.strip_prefix(PREFIX) else { return false };
    let Some((body, sum)) = rest.split_at_checked(64) else { return false };
    sum.len() == CHECKSUM && checksum(body) == sum
}

/// Compares with the bootstrap token in a time that does not depend on where they differ.
pub fn is_admin_token(admin: Option<&Secret>, given: &str) -> bool {
    let Some(admin) = admin else { return false };
    // Digests have one length, so that not even the token's length shows.
    Sha256::digest(admin.expose()).ct_eq(&Sha256::digest(given)).into()
}

fn checksum(body: &str) -> String {
    let mut sum = digest(body);
    sum.truncate(CHECKSUM);
    sum
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_different_and_known_by_their_checksum() {
        let (a, b) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.expose().len(), 3 + 64 + 8);
        assert!(is_well_formed(a.expose()));
        let mut mistyped = a.expose().to_owned();
        let last = if mistyped.pop() == Some('0') { '1' } else { '0' };
        mistyped.push(last);
        for bad in [mistyped.as_str(), "", "fd_", "fd_é", "secret-admin-token"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
        assert_eq!(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_bootstrap_token_is_compared_whole() {
        let admin = Secret::new("correct horse".to_owned());
        assert!(is_admin_token(Some(&admin), "correct horse"));
        assert!(!is_admin_token(Some(&admin), "correct horse "));
        assert!(!is_admin_token(Some(&admin), ""));
        assert!(!is_admin_token(None, ""));
    }

    #[test]
    fn roles_are_ordered() {
        assert!(Role::Viewer < Role::Responder && Role::Responder < Role::Manager && Role::Manager < Role::Admin);
        assert_eq!(Role::parse("responder"), Some(Role::Responder));
        assert_eq!(Role::parse("root"), None);
    }
}
