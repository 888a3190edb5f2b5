//! The server's key, and what it protects: secrets of contact methods at rest, and the links in pages
//! that act without a sign-in.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::Path;
use subtle::ConstantTimeEq;

use firedog_connectors::push::Identity;
use firedog_domain::id::{AlertId, UserId};

/// A text that prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the key file {0} cannot be used: {1}")]
    File(String, String),
    #[error("{0}")]
    Sealed(&'static str),
    #[error("no randomness from the operating system")]
    Randomness,
}

/// Begins a sealed secret, so that a plain one is told from it and a later form from this one.
pub const SEALED: &str = "sealed:v1:";
/// Begins the key file's only line.
const KEY_FORM: &str = "firedog-key-v1:";
/// How long the link in a page acts. Longer than any alert should wait, shorter than a mailbox is kept.
pub const LINK_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
const NONCE: usize = 24;
/// Of the link's HMAC: 128 bits, because every bit is typed or read in a short message.
const LINK_MAC: usize = 16;
/// First byte of a link: its form and whether its page may show the alert's text.
const LINK_FULL: u8 = 1;
const LINK_MINIMAL: u8 = 2;

/// 256 bits that only this installation has.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// A key that is kept nowhere (a database in memory, tests).
    pub fn fresh() -> Result<Self, SecretError> {
        Ok(Self(random()?))
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the key; a missing file is made, readable by its owner only.
    pub fn load_or_create(path: &Path) -> Result<Self, SecretError> {
        let failed = |why: &dyn fmt::Display| SecretError::File(path.display().to_string(), why.to_string());
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(text.trim()).ok_or_else(|| {
                failed(&"it does not hold a key of Firedog; a lost key cannot be made again, so it is not overwritten")
            }),
            Err(e) if e.kind() == ErrorKind::NotFound => Self::create(path).map_err(|e| failed(&e)),
            Err(e) => Err(failed(&e)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(KEY_FORM)?).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    fn create(path: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let key = Self::fresh().map_err(std::io::Error::other)?;
        // Under its name it is whole or not there: an empty key file, left by a crash, would keep the server from starting.
        let suffix = crate::auth::hex(&random::<8>().map_err(std::io::Error::other)?);
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".new-{suffix}"));
        let unnamed = std::path::PathBuf::from(name);
        let written = || {
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unnamed)?;
            writeln!(file, "{KEY_FORM}{}", STANDARD.encode(key.0))?;
            // The key must outlive a power cut that the first sealed secret outlives.
            file.sync_all()?;
            // Unlike a rename it fails when somebody else has made the key meanwhile.
            std::fs::hard_link(&unnamed, path).or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => Err(error),
                // A file system without links; nobody had made the key a moment ago.
                _ => std::fs::rename(&unnamed, path),
            })
        };
        let named = written();
        let removed = std::fs::remove_file(&unnamed).or_else(|e| if e.kind() == ErrorKind::NotFound { Ok(()) } else { Err(e) });
        named.and(removed)?;
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            std::fs::File::open(dir)?.sync_all()?;
        }
        Ok(key)
    }

    /// One key per purpose, so that what one lets out says nothing about another.
    fn derive(&self, purpose: &str) -> [u8; 32] {
        mac(&self.0, &[purpose.as_bytes()])
    }

    /// Seals a secret for one place (`contact:ada/hook`). The nonce is an HMAC of place and text: sealing the same
    /// again gives the same, so that applying an unchanged file is no change; different texts never share a nonce.
    pub fn seal(&self, place: &str, text: &str) -> String {
        let nonce = mac(&self.derive("seal-nonce"), &[place.as_bytes(), &[0], text.as_bytes()]);
        let nonce: [u8; NONCE] = std::array::from_fn(|i| nonce[i]);
        let cipher = XChaCha20Poly1305::new(&self.derive("seal").into());
        let payload = Payload { msg: text.as_bytes(), aad: place.as_bytes() };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).expect("only texts beyond 256 GiB cannot be encrypted");
        format!("{SEALED}{}", URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// The inverse of [`Key::seal`], for the same place only. A text that is not sealed is itself.
    pub fn unseal(&self, place: &str, text: &str) -> Result<Secret, SecretError> {
        let Some(sealed) = text.strip_prefix(SEALED) else { return Ok(Secret::new(text.to_owned())) };
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| SecretError::Sealed("a sealed secret is damaged"))?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or(SecretError::Sealed("a sealed secret is damaged"))?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| SecretError::Sealed("a sealed secret is damaged"))?;
        let cipher = XChaCha20Poly1305::new(&self.derive("seal").into());
        cipher
            .decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: place.as_bytes() })
            .ok()
            .and_then(|text| String::from_utf8(text).ok())
            .map(Secret::new)
            .ok_or(SecretError::Sealed("a sealed secret was sealed with another key or for another contact method"))
    }

    /// The token of a link. `expires` is kept in whole minutes.
    pub fn link(&self, link: &Link) -> String {
        let minutes = u32::try_from(link.expires.as_second().div_euclid(60)).unwrap_or(u32::MAX);
        let alert_length = u8::try_from(link.alert.as_str().len()).expect("alert ids are UUIDs");
        let mut bytes = vec![if link.minimal { LINK_MINIMAL } else { LINK_FULL }];
        bytes.extend(minutes.to_be_bytes());
        bytes.push(alert_length);
        bytes.extend(link.alert.as_str().bytes());
        bytes.extend(link.user.as_str().bytes());
        let mac = mac(&self.derive("link"), &[&bytes]);
        bytes.extend(&mac[..LINK_MAC]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token says, once its HMAC holds. The caller compares `expires` with its clock.
    pub fn read_link(&self, token: &str) -> Option<Link> {
        // A token of ours has about 130 characters; hostile ones are not decoded at any length.
        if token.len() > 512 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, given) = bytes.split_at_checked(bytes.len().checked_sub(LINK_MAC)?)?;
        let expected = mac(&self.derive("link"), &[body]);
        if !bool::from(expected[..LINK_MAC].ct_eq(given)) {
            return None;
        }
        let (head, rest) = body.split_at_checked(6)?;
        let [form @ (LINK_FULL | LINK_MINIMAL), a, b, c, d, alert_length] = *head else { return None };
        let (alert, user) = rest.split_at_checked(usize::from(alert_length))?;
        Some(Link {
            alert: AlertId::from(std::str::from_utf8(alert).ok()?),
            user: UserId::from(std::str::from_utf8(user).ok()?),
            expires: Timestamp::from_second(i64::from(u32::from_be_bytes([a, b, c, d])) * 60).ok()?,
            minimal: form == LINK_MINIMAL,
        })
    }
}

impl Key {
    /// A short text that only we can have written, for one purpose, until a time: the token of a link that acts without a sign-in.
    pub fn sign(&self, purpose: &str, text: &str, expires: Timestamp) -> String {
        let body = format!("{}.{text}", expires.as_second());
        let mac = mac(&self.derive(purpose), &[body.as_bytes()]);
        URL_SAFE_NO_PAD.encode([&mac[..LINK_MAC], body.as_bytes()].concat())
    }

    /// The text of a token that we have signed for this purpose, unless it has run out.
    pub fn read_signed(&self, purpose: &str, token: &str, now: Timestamp) -> Option<String> {
        if token.len() > 512 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (given, body) = bytes.split_at_checked(LINK_MAC)?;
        let expected = mac(&self.derive(purpose), &[body]);
        if !bool::from(expected[..LINK_MAC].ct_eq(given)) {
            return None;
        }
        let (expires, text) = std::str::from_utf8(body).ok()?.split_once('.')?;
        let expires: i64 = expires.parse().ok()?;
        (now.as_second() < expires).then(|| text.to_owned())
    }

    /// Who we are to push services. The same on every node; another key file is another identity, and browsers register again.
    pub fn push_identity(&self, subject: &str) -> Identity {
        let mut n = 0;
        loop {
            // Nearly every 32 bytes are a key.
            if let Some(identity) = Identity::new(&self.derive(&format!("push-{n}")), subject.to_owned()) {
                return identity;
            }
            n += 1;
        }
    }
}

/// Who may act on what until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub alert: AlertId,
    pub user: UserId,
    pub expires: Timestamp,
    /// It went out over a contact method that carries no alert text, so its page shows none.
    pub minimal: bool,
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SecretError::Randomness)?;
    Ok(bytes)
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::from_bytes([7; 32])
    }

    #[test]
    fn sealing_is_stable_bound_to_its_place_and_hides_the_text() {
        let sealed = key().seal("contact:ada/hook", "tell nobody");
        assert_eq!(sealed, key().seal("contact:ada/hook", "tell nobody"));
        assert_ne!(sealed, key().seal("contact:ada/other", "tell nobody"));
        assert!(sealed.starts_with("sealed:v1:") && !sealed.contains("nobody"));
        assert_eq!(key().unseal("contact:ada/hook", &sealed).unwrap().expose(), "tell nobody");
        assert!(key().unseal("contact:eve/hook", &sealed).is_err());
        assert!(Key::from_bytes([8; 32]).unseal("contact:ada/hook", &sealed).is_err());
        assert!(key().unseal("contact:ada/hook", &sealed[..sealed.len() - 2]).is_err());
        assert!(key().unseal("contact:ada/hook", "sealed:v1:AAAA").is_err());
        assert_eq!(key().unseal("contact:ada/hook", "plain").unwrap().expose(), "plain");
    }

    #[test]
    fn a_link_names_alert_person_and_end_and_no_bit_of_it_can_be_changed() {
        let expires: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let link = Link { alert: AlertId::from("019a"), user: UserId::from("ada"), expires, minimal: false };
        let minimal = Link { minimal: true, ..link.clone() };
        assert_eq!(key().read_link(&key().link(&minimal)), Some(minimal));
        let token = key().link(&link);
        assert_eq!(key().read_link(&token), Some(link));
        assert_eq!(Key::from_bytes([8; 32]).read_link(&token), None);
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key().read_link(&URL_SAFE_NO_PAD.encode(changed)), None, "bit {bit}");
        }
        for bad in ["", "AAAA", "%%%", &"A".repeat(4000)] {
            assert_eq!(key().read_link(bad), None);
        }
    }

    #[test]
    fn the_key_file_is_made_once_for_its_owner_only_and_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("firedog.db.key");
        let made = Key::load_or_create(&path).unwrap();
        assert_eq!(made.0, Key::load_or_create(&path).unwrap().0);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
        assert_eq!(Key::create(&path).map(|_| ()).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(made.0, Key::load_or_create(&path).unwrap().0);
        std::fs::write(&path, "something else").unwrap();
        assert!(Key::load_or_create(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "something else");
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("x".to_owned())), "***");
    }
}
