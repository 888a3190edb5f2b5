//! Passwords: argon2id, off the async threads, a bounded number at once.

use super::super::{Error, Result};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use firedog_domain::id::UserId;
use tokio::sync::Semaphore;

/// Fewer characters are guessed.
pub const MIN_PASSWORD: usize = 10;
/// More cost us time and nobody security.
pub const MAX_PASSWORD: usize = 256;
/// Each takes 19 MiB and some 20 ms of a core, which are also there for paging.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

const GUESSED: &str = "this password is guessed at once; take a few words that only you would put together";

/// Whether it can be a password of anybody.
pub fn check(password: &str) -> Result<()> {
    if !(MIN_PASSWORD..=MAX_PASSWORD).contains(&password.chars().count()) {
        return Err(Error::Invalid(format!("a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters; a few words do well")));
    }
    let distinct = password.chars().collect::<std::collections::BTreeSet<_>>().len();
    if distinct < 4 { Err(Error::Invalid(GUESSED.to_owned())) } else { Ok(()) }
}

/// Hashes a new password, if it is one.
pub(super) async fn hash(password: &str, user: &UserId) -> Result<String> {
    check(password)?;
    // One's own name and a few digits is what everybody tries first.
    let rest = password.to_lowercase().replace(&user.as_str().to_lowercase(), "");
    if rest.len() < password.len() && rest.chars().count() < MIN_PASSWORD {
        return Err(Error::Invalid(GUESSED.to_owned()));
    }
    let password = password.to_owned();
    let hashed = apart(move || Argon2::default().hash_password(password.as_bytes()).map(|phc| phc.to_string())).await?;
    hashed.map_err(|error| Error::Broken(format!("the password could not be hashed: {error}")))
}

/// Whether `given` is the password of `phc`. Takes as long where there is none.
pub(super) async fn verify(given: &str, phc: Option<String>) -> Result<bool> {
    let given: String = given.chars().take(MAX_PASSWORD + 1).collect();
    apart(move || match phc.as_deref().map(PasswordHash::new) {
        Some(Ok(hash)) => Argon2::default().verify_password(given.as_bytes(), &hash).is_ok(),
        _ => {
            let _ = Argon2::default().hash_password(given.as_bytes());
            false
        }
    })
    .await
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let _turn = AT_ONCE.acquire().await.map_err(|error| Error::Broken(error.to_string()))?;
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Broken(format!("a password could not be looked at: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let ada = UserId("ada".to_owned());
        let phc = hash("correct horse battery", &ada).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$"), "{phc}");
        assert_ne!(phc, hash("correct horse battery", &ada).await.unwrap());
        assert!(verify("correct horse battery", Some(phc.clone())).await.unwrap());
        assert!(!verify("correct horse batter", Some(phc)).await.unwrap());
        assert!(!verify("anything", None).await.unwrap());
        assert!(!verify("anything", Some("no hash".to_owned())).await.unwrap());
        for bad in ["short", "aaaaaaaaaaaaaa", "ada1234567", &"x1y2".repeat(100)] {
            assert!(hash(bad, &ada).await.is_err(), "{bad}");
        }
    }
}
