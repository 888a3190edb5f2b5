//! `X-Firedog-Signature`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// `v1=` and the lower-case hex HMAC-SHA256, under the contact's secret, of the timestamp header
/// (Unix seconds), a dot, and the raw body. Receivers compare in constant time and refuse old timestamps.
pub fn signature(secret: &str, timestamp_s: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(timestamp_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={hex}")
}
