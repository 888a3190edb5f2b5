//! Encryption of a push message for one browser: RFC 8291 over the `aes128gcm` coding of RFC 8188, one record.

use p256::SecretKey;
use p256::elliptic_curve::sec1::ToSec1Point;
use ring::{aead, hkdf};

/// The largest body that push services must take is 4,096 bytes (RFC 8030, 7.2).
const RECORD: usize = 4096;
/// Salt, record size, length of the key, the key itself.
const HEADER: usize = 16 + 4 + 1 + KEY;
/// An uncompressed point.
const KEY: usize = 65;
/// What marks the last record's end, and the authentication tag.
const TAIL: usize = 1 + 16;
/// Most bytes that fit into a message.
pub const MAX_PLAIN: usize = RECORD - HEADER - TAIL;

/// What a browser gave us when it subscribed.
pub(super) struct Receiver {
    pub(super) key: p256::PublicKey,
    pub(super) auth: [u8; 16],
}

impl Receiver {
    /// From a subscription's `p256dh` and `auth`, as bytes.
    pub(super) fn new(p256dh: &[u8], auth: &[u8]) -> Option<Self> {
        // The compressed form would be a key as well, but RFC 8291 hashes the uncompressed one.
        let key = p256::PublicKey::from_sec1_bytes(p256dh).ok().filter(|_| p256dh.len() == KEY)?;
        Some(Self { key, auth: auth.try_into().ok()? })
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869).
fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let expanded = extracted.expand(info, Length(N)).and_then(|okm| okm.fill(&mut out));
    expanded.expect("HKDF gives up to 8,160 bytes");
    out
}

/// The body of a message. `own` and `salt` are used for this message only.
pub(super) fn encrypt(plain: &[u8], to: &Receiver, own: &SecretKey, salt: [u8; 16]) -> Option<Vec<u8>> {
    if plain.len() > MAX_PLAIN {
        return None;
    }
    let theirs = to.key.to_sec1_point(false);
    let ours = own.public_key().to_sec1_point(false);
    let shared = p256::ecdh::diffie_hellman(own.to_nonzero_scalar(), to.key.as_affine());
    let info: [&[u8]; 3] = [b"WebPush: info\0", theirs.as_bytes(), ours.as_bytes()];
    let secret: [u8; 32] = derive(&to.auth, shared.raw_secret_bytes(), &info);
    let key: [u8; 16] = derive(&salt, &secret, &[b"Content-Encoding: aes128gcm\0"]);
    let nonce: [u8; 12] = derive(&salt, &secret, &[b"Content-Encoding: nonce\0"]);
    let mut record = Vec::with_capacity(plain.len() + TAIL);
    record.extend_from_slice(plain);
    record.push(2);
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).ok()?);
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut record).ok()?;
    let mut body = Vec::with_capacity(HEADER + record.len());
    body.extend_from_slice(&salt);
    body.extend_from_slice(&u32::try_from(RECORD).ok()?.to_be_bytes());
    body.push(u8::try_from(KEY).ok()?);
    body.extend_from_slice(ours.as_bytes());
    body.extend_from_slice(&record);
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::{read, write};

    /// The worked example of RFC 8291, section 5.
    #[test]
    fn the_example_of_the_rfc_comes_out_to_the_byte() {
        let to = Receiver::new(
            &read("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4").unwrap(),
            &read("BTBZMqHH6r4Tts7J_aSIgg").unwrap(),
        );
        let own = SecretKey::from_slice(&read("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw").unwrap()).unwrap();
        let salt = read("DGv6ra1nlYgDCS1FRnbzlw").unwrap().try_into().unwrap();
        let body = encrypt(b"When I grow up, I want to be a watermelon", &to.unwrap(), &own, salt).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_\
                        yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(write(&body), expected);
    }

    #[test]
    fn a_message_fills_what_a_push_service_takes_and_no_more() {
        let own = SecretKey::from_slice(&[7; 32]).unwrap();
        let to = Receiver { key: SecretKey::from_slice(&[9; 32]).unwrap().public_key(), auth: [1; 16] };
        assert_eq!(encrypt(&[b'x'; MAX_PLAIN], &to, &own, [3; 16]).unwrap().len(), RECORD);
        assert_eq!(encrypt(&[b'x'; MAX_PLAIN + 1], &to, &own, [3; 16]), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(Receiver::new(&[4; 65], &[0; 16]).is_none(), "not a point of the curve");
        let point = SecretKey::from_slice(&[9; 32]).unwrap().public_key();
        assert!(Receiver::new(point.to_sec1_point(true).as_bytes(), &[0; 16]).is_none(), "compressed");
        assert!(Receiver::new(point.to_sec1_point(false).as_bytes(), &[0; 15]).is_none(), "short secret");
    }
}
