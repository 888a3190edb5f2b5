//! Who we are to a push service: VAPID (RFC 8292), an ES256 token in the `Authorization` header.

use super::write;
use jiff::{SignedDuration, Timestamp};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::json;
use url::Url;

/// How long a token is good for. The RFC allows 24 h; half of it leaves room for clocks that disagree.
const LIFE: SignedDuration = SignedDuration::from_hours(12);

/// The key by which push services and browsers know this installation. A browser that subscribed under one key takes nothing
/// signed with another.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
    /// Where the operator of this server can be reached: an `https:` or `mailto:` address.
    subject: String,
}

impl Identity {
    /// From 32 secret bytes; `None` for the few values (zero, or beyond the order of the curve) that are no key.
    pub fn new(bytes: &[u8; 32], subject: String) -> Option<Self> {
        Some(Self { key: SigningKey::from_slice(bytes).ok()?, subject })
    }

    /// What a browser subscribes with, in base64url.
    pub fn public_key(&self) -> String {
        write(self.key.verifying_key().to_sec1_point(false).as_bytes())
    }

    /// The `Authorization` header for one push service.
    pub(super) fn authorization(&self, endpoint: &Url, now: Timestamp) -> String {
        let expires = firedog_domain::time::after(now, LIFE).as_second();
        let claims = json!({ "aud": endpoint.origin().ascii_serialization(), "exp": expires, "sub": self.subject });
        let signed = format!("{}.{}", write(br#"{"typ":"JWT","alg":"ES256"}"#), write(claims.to_string().as_bytes()));
        let signature: Signature = self.key.sign(signed.as_bytes());
        format!("vapid t={signed}.{}, k={}", write(&signature.to_bytes()), self.public_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::read;
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier;

    #[test]
    fn a_token_names_the_service_and_is_signed_by_the_key_beside_it() {
        let identity = Identity::new(&[5; 32], "https://firedog.example.org".to_owned()).unwrap();
        let now = "2026-03-02T16:00:00Z".parse().unwrap();
        let header = identity.authorization(&Url::parse("https://push.example.net:8443/send/abc").unwrap(), now);
        let (token, key) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let verifier = VerifyingKey::from_sec1_bytes(&read(key).unwrap()).unwrap();
        let signature = Signature::from_slice(&read(signature).unwrap()).unwrap();
        verifier.verify(signed.as_bytes(), &signature).unwrap();
        assert!(verifier.verify(b"other", &signature).is_err());
        let claims: serde_json::Value = serde_json::from_slice(&read(signed.split_once('.').unwrap().1).unwrap()).unwrap();
        assert_eq!(claims["aud"], "https://push.example.net:8443");
        assert_eq!(claims["exp"], 1_772_467_200 + 12 * 3600);
        assert_eq!(claims["sub"], "https://firedog.example.org");
    }

    #[test]
    fn zero_is_no_key() {
        assert!(Identity::new(&[0; 32], String::new()).is_none());
    }
}
