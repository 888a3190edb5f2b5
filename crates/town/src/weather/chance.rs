//! Chance without randomness: the same parts always give the same number, so that a day of traffic can be told twice.

/// SplitMix64's finaliser, folded over the parts.
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x243f_6a88_85a3_08d3, |state, part| {
        let mut z = state.wrapping_add(*part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

pub(crate) fn mix_text(text: &str) -> u64 {
    text.bytes().fold(mix(&[text.len() as u64]), |state, byte| mix(&[state, u64::from(byte)]))
}

/// The shape of a version 4 UUID.
pub(crate) fn uuid(seed: u64) -> String {
    let (high, low) = (mix(&[seed, 1]), mix(&[seed, 2]));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

/// `len` characters out of `letters`.
pub(crate) fn word(seed: u64, len: u64, letters: &[u8]) -> String {
    (0..len).map(|n| letters[(mix(&[seed, n]) % letters.len() as u64) as usize] as char).collect()
}
