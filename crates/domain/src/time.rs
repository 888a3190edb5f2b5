//! Lengths of time as people write them (`90s`, `5m`, `1h30m`, `2d`, `1w`), and the microseconds
//! that the store keeps. Calendar units (`1mo`) exist only in rotations: see [`crate::setup::Every`].

use jiff::{SignedDuration, Timestamp};

/// Unix microseconds, the unit of every time column.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The inverse of [`micros`]; an impossible value (a corrupt row) clamps to the nearest end of time.
pub fn from_micros(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(if us < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// `at + length`, clamped to the end of time instead of panicking: lengths come from setup files.
pub fn after(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.saturating_add(length).unwrap_or(Timestamp::MAX)
}

pub const fn secs(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

pub const fn mins(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n * 60)
}

/// Reads `90s`, `5m`, `1h30m`, `2d`, `1w`: whole numbers with units w, d, h, m, s, largest first.
///
/// ```
/// use firedog_domain::time::{mins, parse_length};
/// assert_eq!(parse_length("1h30m"), Ok(mins(90)));
/// assert!(parse_length("5 minutes").is_err());
/// ```
pub fn parse_length(text: &str) -> Result<SignedDuration, String> {
    let hint = || format!("`{text}` is not a length of time; write for example 90s, 5m, 1h30m, 2d or 1w");
    let mut total: i64 = 0;
    let mut last = u8::MAX;
    let mut digits = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let (rank, unit) = match c {
            'w' => (4, 604_800),
            'd' => (3, 86_400),
            'h' => (2, 3_600),
            'm' => (1, 60),
            's' => (0, 1),
            _ => return Err(hint()),
        };
        let n: i64 = digits.parse().map_err(|_| hint())?;
        digits.clear();
        if rank >= last {
            return Err(hint());
        }
        last = rank;
        total = n.checked_mul(unit).and_then(|s| total.checked_add(s)).ok_or_else(hint)?;
    }
    // A bare number is refused: is `5` five minutes or five seconds? 100 years is a typing mistake.
    if last == u8::MAX || !digits.is_empty() || total > 100 * 366 * 86_400 {
        return Err(hint());
    }
    Ok(SignedDuration::from_secs(total))
}

/// The inverse of [`parse_length`]: `1h30m`, `2d`, `0s`. Fractions of a second are dropped.
pub fn length_text(length: SignedDuration) -> String {
    let mut left = length.as_secs().max(0);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, name) in [(604_800, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')] {
        if left >= unit {
            text.push_str(&format!("{}{name}", left / unit));
            left %= unit;
        }
    }
    text
}

/// An instant in a sentence: `2026-11-27 20:37 UTC`.
pub fn instant_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `#[serde(with = "length")]` for a [`SignedDuration`] written as `5m`.
pub mod length {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(length: &SignedDuration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&super::length_text(*length))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<SignedDuration, D::Error> {
        super::parse_length(&String::deserialize(d)?).map_err(D::Error::custom)
    }

    /// The same for `Option<SignedDuration>`; absent is `None`.
    pub mod option {
        use super::{Deserialize, Deserializer, Serializer, SignedDuration};
        use serde::de::Error;

        pub fn serialize<S: Serializer>(length: &Option<SignedDuration>, s: S) -> Result<S::Ok, S::Error> {
            match length {
                Some(length) => s.serialize_some(&crate::time::length_text(*length)),
                None => s.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<SignedDuration>, D::Error> {
            Option::<String>::deserialize(d)?.map(|text| crate::time::parse_length(&text).map_err(D::Error::custom)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_and_print() {
        for (text, s) in [("90s", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1w", 604_800), ("0s", 0)] {
            assert_eq!(parse_length(text).map(|l| l.as_secs()), Ok(s), "{text}");
            assert_eq!(parse_length(&length_text(secs(s))), Ok(secs(s)));
        }
        for bad in ["", "5", "m", "5 minutes", "1m1h", "1m1m", "-5m", "99999999999999999999s", "1.5h", "200000w"] {
            assert!(parse_length(bad).is_err(), "{bad}");
        }
    }
}
