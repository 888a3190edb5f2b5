//! A message's timestamp, which is its id within a channel.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// `1700000000.000100`. It is never calculated with: as a number it would lose its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ts(String);

impl Ts {
    /// The first that a message of that time could have.
    pub fn of(at: Timestamp) -> Self {
        Self(format!("{:010}.{:06}", at.as_second().max(0), at.subsec_microsecond().max(0)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn at(&self) -> Option<Timestamp> {
        let (seconds, micros) = self.0.split_once('.')?;
        let at: i64 = seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?;
        Timestamp::from_microsecond(at.checked_add(micros.parse().ok()?)?).ok()
    }
}

impl FromStr for Ts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        match text.split_once('.') {
            // Ten digits until the year 2286, so that texts are in order of time.
            Some((seconds, micros)) if digits(seconds, 10) && digits(micros, 6) => Ok(Self(text.to_owned())),
            _ => Err("this is no timestamp of a message".to_owned()),
        }
    }
}

impl TryFrom<String> for Ts {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Ts> for String {
    fn from(ts: Ts) -> Self {
        ts.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_texts_in_order() {
        let at: Timestamp = "2026-01-02T03:04:05.678901Z".parse().unwrap();
        let ts = Ts::of(at);
        assert_eq!((ts.as_str(), ts.at()), ("1767323045.678901", Some(at)));
        assert!(ts > "1767323045.678900".parse().unwrap() && ts < "1767323046.000000".parse().unwrap());
        for bad in ["", "1", "1767323045", "1767323045.1", "1767323045.6789011", "-767323045.678901", "1767323045.67890x"] {
            assert!(bad.parse::<Ts>().is_err(), "{bad}");
        }
    }
}
