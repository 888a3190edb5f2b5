//! The identity of a label set.

use std::collections::BTreeMap;

/// FNV-1a, 64 bits, over each label in the order of its name's bytes: name, `0xff`, value, `0xff`;
/// 16 lower-case hex digits. Labels with an empty value do not count.
pub fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = OFFSET;
    for (name, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
        for byte in name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors() {
        let of = |labels: &[(&str, &str)]| fingerprint(&labels.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect());
        assert_eq!(of(&[("fear", "love is not enough"), ("name", "garland, briggs")]), "507a62d79ee76c9a");
        assert_eq!(of(&[("severity", "critical"), ("service", "checkout"), ("alertname", "HighLatency")]), "c75f68922c9ebc87");
        assert_eq!(of(&[]), "cbf29ce484222325");
        assert_eq!(of(&[("gone", "")]), "cbf29ce484222325");
    }
}
